// Standard Webhooks: what SQL has signed, the libraries of receivers check; what they have signed, SQL checks.
const { createHmac } = require('crypto')
const { assert, ask, bearer, client, database, example, key, refusedThere } = require('./client')

const { ACME_KEY, GLOBEX_KEY } = process.env
// Both libraries, and what the specification says.
const RECEIVERS = {
	standardwebhooks: secret => new (require('standardwebhooks').Webhook)(secret),
	svix: secret => new (require('svix').Webhook)(secret),
	specification: secret => ({
		sign: (id, at, body) => `v1,${createHmac('sha256', Buffer.from(secret.slice('whsec_'.length), 'base64')).update(`${id}.${Math.floor(at / 1000)}.${body}`).digest('base64')}`,
		verify (body, headers) {
			const own = this.sign(headers['webhook-id'], headers['webhook-timestamp'] * 1000, body)
			if (!headers['webhook-signature'].split(' ').includes(own)) throw new Error('No matching signature found')
		}
	})
}
const BODIES = ['{"test": 2432232314}', '{"b": 1,  "a":\t[1.0, 1e2],\r\n"b": 2}', '{"name": "Zo\u00eb, \u65e5\u672c, \ud83d\ude00, e\u0301"}', '"\\u0000"', '', `"${'x'.repeat(100000)}"`]
const seconds = at => String(Math.floor(at / 1000))

module.exports = () => {
	let made
	let secrets
	const rpc = async (name, body) => {
		const { data, error } = await client(key(made.api_key)).rpc(name, body)
		assert.strictEqual(error, null, JSON.stringify(error))
		return data
	}
	// A message as it is sent: what SQL has signed, with its headers.
	const message = async (id, payload, at = Date.now()) => ({
		'webhook-id': id,
		'webhook-timestamp': seconds(at),
		'webhook-signature': await rpc('sign_webhook', { message_id: id, payload, sent_at: new Date(at).toISOString() })
	})
	const verified = (secret, body, headers) => rpc('verify_webhook', { secret, message_id: headers['webhook-id'], sent_at: headers['webhook-timestamp'], payload: body, signature: headers['webhook-signature'] })
	const verifiedInSql = async (secret, body, headers) => (await database.query('SELECT account.verify_webhook($1, $2, $3, $4, $5) AS verified',
		[secret, headers['webhook-id'], headers['webhook-timestamp'], body, headers['webhook-signature']])).rows[0].verified
	// Whether all agree, and on what.
	async function judged (secret, body, headers) {
		const verdicts = await Promise.all([verified(secret, body, headers), verifiedInSql(secret, body, headers), ...Object.values(RECEIVERS).map(receiver => {
			try {
				receiver(secret).verify(body, headers)
				return true
			} catch (error) {
				// An empty body is right, and then no JSON to svix.
				if (body === '' && error instanceof SyntaxError) return true
				assert.match(error.message, /^No matching signature found$/)
				return false
			}
		})])
		assert.strictEqual(new Set(verdicts).size, 1, `${verdicts}`)
		return verdicts[0]
	}

	example('S3.25, WH-14: what POST /rpc/sign_webhook has signed, receivers verify, byte for byte', async () => {
		made = (await ask('POST', '/v1/accounts', bearer(ACME_KEY), { name: 'Acme Hooks' })).json()
		secrets = [(await ask('GET', '/v1/account', bearer(made.api_key))).json().info.webhookEventsHmacSecret]
		assert.strictEqual(await rpc('webhook_secret'), secrets[0])
		for (const [i, body] of BODIES.entries()) assert.strictEqual(await judged(secrets[0], body, await message(`msg_${i}`, body)), true, body.slice(0, 50))
	})

	example('WH-02: SQL makes the signature that the libraries make, of text and of bytes', async () => {
		for (const body of BODIES) {
			const { rows: [{ text, bytes }] } = await database.query(`SELECT account.sign_webhook('msg_1', $1::text, to_timestamp(1614265330), $3) AS text,
				account.sign_webhook('msg_1', $2::bytea, to_timestamp(1614265330), $3) AS bytes`, [body, Buffer.from(body), made.id])
			const theirs = Object.values(RECEIVERS).map(receiver => receiver(secrets[0]).sign('msg_1', new Date(1614265330000), body))
			assert.deepStrictEqual([bytes, ...theirs], Array(4).fill(text))
		}
	})

	example('S3.25: what the libraries have signed, POST /rpc/verify_webhook and SQL verify; the account need not be ours', async () => {
		const at = new Date()
		for (const secret of [secrets[0], 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw']) {
			for (const receiver of Object.values(RECEIVERS)) {
				for (const body of BODIES) {
					const headers = { 'webhook-id': 'msg_theirs', 'webhook-timestamp': seconds(at), 'webhook-signature': receiver(secret).sign('msg_theirs', at, body) }
					assert.strictEqual(await judged(secret, body, headers), true)
				}
			}
		}
	})

	example('WH-07, WH-10: a body, an id, a time, a signature or a secret that is another: all refuse', async () => {
		const body = BODIES[2]
		const headers = await message('msg_1', body)
		const other = { 'webhook-id': 'msg_2', 'webhook-timestamp': seconds(Date.now() - 60000), 'webhook-signature': headers['webhook-signature'].replace(/(.)=$/, (end, last) => (last === 'A' ? 'E=' : 'A=')) }

		assert.strictEqual(await judged(secrets[0], body, headers), true)
		for (const tampered of [body.replace('Zo', 'zo'), body + '\n', body.normalize('NFC'), JSON.stringify(JSON.parse(body)), '']) {
			assert.strictEqual(await judged(secrets[0], tampered, headers), false, tampered)
		}
		for (const name of Object.keys(other)) assert.strictEqual(await judged(secrets[0], body, { ...headers, [name]: other[name] }), false, name)
		assert.strictEqual(await judged((await client(key(GLOBEX_KEY)).rpc('webhook_secret')).data, body, headers), false)
	})

	example('WH-04: a message of ten minutes ago, or to come: none takes it', async () => {
		for (const away of [-600000, 600000]) {
			const headers = await message('msg_1', '{}', Date.now() + away)
			for (const library of ['standardwebhooks', 'svix']) assert.throws(() => RECEIVERS[library](secrets[0]).verify('{}', headers), /Message timestamp too/)
			assert.deepStrictEqual([await verified(secrets[0], '{}', headers), await verifiedInSql(secrets[0], '{}', headers)], [false, false])
		}
	})

	example('S3.6, WH-12: two secrets in force: each verifies what both have signed, and a third does not', async () => {
		const rotated = await ask('POST', '/v1/account/rotate_webhook_signing_key', bearer(made.api_key), { overlap: '1 hour' })
		assert.strictEqual(rotated.status, 200, rotated.text)
		secrets.unshift(rotated.json().info.webhookEventsHmacSecret)
		assert.notStrictEqual(secrets[0], secrets[1])
		for (const body of BODIES) {
			const headers = await message('msg_both', body)
			assert.strictEqual(headers['webhook-signature'].split(' ').length, 2)
			for (const secret of secrets) assert.strictEqual(await judged(secret, body, headers), true)
			for (const secret of secrets) assert.strictEqual(await judged(secret, body + ' ', headers), false)
			assert.strictEqual(await judged('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', body, headers), false)
		}
	})

	example('WH-12: rotated without an overlap, the new one alone signs', async () => {
		await ask('POST', '/v1/account/rotate_webhook_signing_key', bearer(made.api_key), { overlap: '0' })
		const headers = await message('msg_new', '{}')
		assert.strictEqual(headers['webhook-signature'].split(' ').length, 1)
		assert.strictEqual(await judged(await rpc('webhook_secret'), '{}', headers), true)
		for (const secret of secrets) assert.strictEqual(await judged(secret, '{}', headers), false)
	})

	example('signing takes manage:webhooks, and nobody signs for another account', async () => {
		const { spec: { token } } = (await ask('POST', '/v1/account/api_keys', bearer(made.api_key), { name: 'reader', permissions: ['read:accounts'] })).json()
		await refusedThere(403, 'FORBIDDEN', 'POST', '/rpc/sign_webhook', key(token), { message_id: 'm', payload: '' })
		await refusedThere(401, 'MISSING_API_KEY', 'POST', '/rpc/sign_webhook', {}, { message_id: 'm', payload: '' })
		// Its parent neither.
		for (const other of [GLOBEX_KEY, ACME_KEY]) await refusedThere(404, 'NOT_FOUND', 'POST', '/rpc/sign_webhook', key(other), { message_id: 'm', payload: '', account_id: made.id })
	})
}
