// Connections are used again, by whoever comes next.
const { assert, ask, client, example, key } = require('./client')

const { ACME, ACME_KEY, GLOBEX, GLOBEX_KEY } = process.env

module.exports = () => {
	example('200 requests at once keep apart, and nothing is left for the next one', async () => {
		const own = headers => ask('GET', '/rpc/current_account_id', headers).then(answer => answer.json())
		const seen = await Promise.all(Array.from({ length: 200 }, (_, i) => own([key(ACME_KEY), key(GLOBEX_KEY), {}][i % 3])))

		seen.forEach((id, i) => assert.strictEqual(id, [ACME, GLOBEX, null][i % 3]))
	})

	example('one that failed leaves nothing either, at whatever point it failed', async () => {
		const acme = client(key(ACME_KEY))
		const failures = [
			() => acme.from('accounts').insert({ name: ' ' }),
			() => acme.from('accounts').select('nothing'),
			() => acme.from('accounts').select('name::integer'),
			() => acme.rpc('get_account', { account_id: GLOBEX }),
			() => client(key(ACME_KEY), 'shop').from('orders').insert({ product_id: 99 }),
			() => client(key('prod_acctsec_00000000000000000000000000000000000000000003UNP5x')).from('accounts').select(),
			() => ask('GET', '/accounts', { ...key(ACME_KEY), Authorization: `ApiKey ${GLOBEX_KEY}` })
		]
		for (const fail of failures) {
			const answers = await Promise.all([fail(), fail(), fail()])
			for (const { status } of answers) assert.ok(status >= 400, `${fail}: ${status}`)
			const after = await Promise.all([1, 2, 3, 4].map(() => client({}).rpc('current_account_id')))
			for (const { data } of after) assert.strictEqual(data, null, `${fail}`)
		}
	})

	example('a write of one and reads of others at the same time see each their own', async () => {
		const [acme, globex] = [client(key(ACME_KEY), 'shop'), client(key(GLOBEX_KEY), 'shop')]
		const work = Array.from({ length: 30 }, (_, i) => i % 2 === 0 ? acme.from('orders').insert({ product_id: 1, note: `pooled ${i}` }).select('account_id') : globex.from('orders').select('account_id'))

		for (const [i, { data, error }] of (await Promise.all(work)).entries()) {
			assert.strictEqual(error, null)
			for (const row of data) assert.strictEqual(row.account_id, i % 2 === 0 ? ACME : GLOBEX)
		}
	})
}
