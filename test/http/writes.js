// PostgREST's own paths: what is written through the view accounts, and into an application's own tables.
const { assert, ask, client, example, key, refusedThere } = require('./client')

const { ACME, ACME_KEY, GLOBEX, GLOBEX_KEY } = process.env
const whole = { Prefer: 'return=representation' }

module.exports = () => {
	const acme = client(key(ACME_KEY))
	let west

	example('an account that is posted to the view answers 201 with its key, this once', async () => {
		const made = await ask('POST', '/accounts', { ...key(ACME_KEY), ...whole }, { name: 'Acme West' })
		assert.deepStrictEqual([made.status, made.json()[0].name, made.headers.location], [201, 'Acme West', `/accounts?id=eq.${made.json()[0].id}`])
		west = made.json()[0]
		assert.match(west.api_key, /^prod_acctsec_/)
		assert.strictEqual(west.parent_account_id, ACME)
		assert.strictEqual((await client(key(west.api_key)).rpc('current_account_id')).data, west.id)
		assert.deepStrictEqual((await acme.from('accounts').select('id,api_key').eq('id', west.id)).data, [{ id: west.id, api_key: null }])
	})

	example('without return=representation there is no body, and no key to be had from it', async () => {
		const { data, error, status } = await acme.from('accounts').insert({ name: 'Acme Silent' })
		assert.deepStrictEqual([status, data, error], [201, null, null])
		const only = await ask('POST', '/accounts', { ...key(ACME_KEY), Prefer: 'return=headers-only' }, { name: 'Acme Headers' })
		assert.deepStrictEqual([only.status, only.text], [201, ''])
		assert.match(only.headers.location, /^\/accounts\?id=eq\.[0-9a-f-]{36}$/)
	})

	example('a client library inserts one and several, and selects what it wants of them', async () => {
		const one = await acme.from('accounts').insert({ name: 'Acme Two', branding: { suppress_from_reports: true } }).select('name,branding,api_key').single()
		assert.deepStrictEqual([one.status, one.data.name, one.data.branding], [201, 'Acme Two', { suppress_from_reports: true }])
		assert.match(one.data.api_key, /^prod_acctsec_/)
		const several = await acme.from('accounts').insert([{ name: 'Acme Three' }, { name: 'Acme Four' }]).select('name,api_key')
		assert.deepStrictEqual([several.status, several.data.map(({ name }) => name)], [201, ['Acme Three', 'Acme Four']])
		assert.strictEqual(new Set(several.data.map(row => row.api_key)).size, 2)
		const below = await acme.from('accounts').insert({ name: 'Acme Below', parent_account_id: west.id }).select('parent_account_id')
		assert.deepStrictEqual([below.status, below.data], [201, [{ parent_account_id: west.id }]])
	})

	example('one of several that is refused leaves none', async () => {
		const { error, status } = await acme.from('accounts').insert([{ name: 'Acme Good' }, { name: ' ' }])
		assert.deepStrictEqual([status, error.code], [400, 'VALIDATION_FAILED'])
		assert.deepStrictEqual((await acme.from('accounts').select('name').eq('name', 'Acme Good')).data, [])
	})

	example('name and branding are changed by PATCH, of the own account and of those below', async () => {
		const changed = await acme.from('accounts').update({ name: 'Acme Wild West' }).eq('id', west.id).select('name')
		assert.deepStrictEqual([changed.status, changed.data], [200, [{ name: 'Acme Wild West' }]])
		const silent = await ask('PATCH', `/accounts?id=eq.${west.id}`, key(ACME_KEY), { branding: { suppress_from_reports: true } })
		assert.deepStrictEqual([silent.status, silent.text], [204, ''])
		assert.deepStrictEqual((await acme.from('accounts').select('branding').eq('id', west.id)).data, [{ branding: { suppress_from_reports: true } }])
		const foreign = await client(key(GLOBEX_KEY)).from('accounts').update({ name: 'mine' }).eq('id', west.id).select()
		assert.deepStrictEqual([foreign.status, foreign.data], [200, []])
	})

	example('columns that are not for clients are refused', async () => {
		await refusedThere(400, 'VALIDATION_FAILED', 'POST', '/accounts', key(ACME_KEY), { name: 'x', status: 'ready' })
		await refusedThere(400, 'VALIDATION_FAILED', 'POST', '/accounts', key(ACME_KEY), { name: 'x', api_key: 'prod_acctsec_mine' })
		await refusedThere(400, 'VALIDATION_FAILED', 'PATCH', `/accounts?id=eq.${west.id}`, key(ACME_KEY), { parent_account_id: GLOBEX })
		await refusedThere(400, 'PGRST204', 'POST', '/accounts', key(ACME_KEY), { name: 'x', plan_id: 'x' })
	})

	example('DELETE asks for the deletion of an account, which can be taken back', async () => {
		const { data: [doomed] } = await acme.from('accounts').insert({ name: 'Acme Doomed' }).select()
		const foreign = await client(key(GLOBEX_KEY)).from('accounts').delete().eq('id', doomed.id).select('id')
		assert.deepStrictEqual([foreign.status, foreign.data], [200, []])
		const deleted = await acme.from('accounts').delete().eq('id', doomed.id)
		assert.deepStrictEqual([deleted.status, deleted.error], [204, null])
		assert.strictEqual((await acme.from('pending_deletions').select('due_at').eq('account_id', doomed.id)).data.length, 1)
		assert.strictEqual((await acme.from('accounts').update({ name: 'x' }).eq('id', doomed.id)).error.code, 'ARCHIVED')
		assert.strictEqual((await acme.rpc('cancel_deletion', { account_id: doomed.id })).status, 204)
		assert.strictEqual((await acme.from('accounts').update({ name: 'Acme Saved' }).eq('id', doomed.id)).status, 204)
	})

	example('without a key nothing is written, and the answer says that it is missing', async () => {
		await refusedThere(401, 'MISSING_API_KEY', 'POST', '/accounts', {}, { name: 'x' })
		await refusedThere(401, 'MISSING_API_KEY', 'PATCH', `/accounts?id=eq.${ACME}`, {}, { name: 'x' })
	})

	example('a HEAD answers as a GET would, without a body', async () => {
		const [head, get] = [await ask('HEAD', '/accounts?limit=1', key(ACME_KEY)), await ask('GET', '/accounts?limit=1', key(ACME_KEY))]
		assert.deepStrictEqual([head.status, head.text, head.headers['content-range']], [200, '', get.headers['content-range']])
		assert.strictEqual((await ask('HEAD', '/accounts')).status, 401)
	})

	example('a write just after a HEAD is made', async () => {
		for (let i = 0; i < 40; i++) {
			await ask('HEAD', '/accounts?limit=1', { ...key(ACME_KEY), Prefer: 'count=exact' })
			assert.strictEqual((await ask('PATCH', `/accounts?id=eq.${west.id}`, key(ACME_KEY), { name: `Acme West ${i}` })).status, 204)
		}
	})

	example('an application\'s own tables are read and written by whom the key says', async () => {
		const [ours, theirs] = [client(key(ACME_KEY), 'shop'), client(key(GLOBEX_KEY), 'shop')]
		const made = await ours.from('orders').insert([{ product_id: 1, note: 'Acme\'s' }, { product_id: 1, note: 'Acme\'s too' }]).select('id,account_id')
		assert.deepStrictEqual([made.status, made.data.map(row => row.account_id)], [201, [ACME, ACME]])
		await theirs.from('orders').insert({ product_id: 1, note: 'Globex\'s' })
		assert.deepStrictEqual((await ours.from('orders').select('note').order('note').limit(1)).data, [{ note: 'Acme\'s' }])
		if (process.env.POSTGREST) assert.deepStrictEqual((await theirs.from('products').select('name,orders(note)')).data, [{ name: 'anvil', orders: [{ note: 'Globex\'s' }] }])
		assert.deepStrictEqual((await theirs.from('orders').select('note', { count: 'exact' })).count, 1)
		assert.deepStrictEqual((await theirs.from('orders').update({ note: 'stolen' }).eq('id', made.data[0].id).select()).data, [])
		assert.deepStrictEqual((await theirs.from('orders').delete().eq('id', made.data[0].id).select()).data, [])
		assert.deepStrictEqual((await ours.from('orders').delete().eq('id', made.data[1].id).select('note')).data, [{ note: 'Acme\'s too' }])
		const without = await client({}, 'shop').from('orders').select()
		assert.deepStrictEqual([without.status, without.error.code], [401, '42501'])
	})
}
