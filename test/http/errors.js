// The documents' own paths: what they refuse, each with B1's body.
const fs = require('fs')
const { assert, ask, bearer, example, key, refused } = require('./client')

const { ACME, ACME_KEY, GLOBEX, GLOBEX_KEY } = process.env

module.exports = () => {
	const logged = []

	example('D7: 401 for what is no good credential; two different ones are refused', async () => {
		const missing = await refused(401, 'MISSING_API_KEY', 'GET', '/v1/account')
		assert.strictEqual(missing.headers['www-authenticate'], 'Bearer realm="account"')
		await refused(401, 'MISSING_API_KEY', 'GET', '/v1/account', { Authorization: 'Bearer' })
		assert.match((await refused(401, 'MALFORMED_API_KEY', 'GET', '/v1/account', bearer('sesame'))).headers['www-authenticate'], /error="invalid_token"/)
		await refused(401, 'INVALID_AUTHORIZATION', 'GET', '/v1/account', bearer('prod_acctsec_00000000000000000000000000000000000000000003UNP5x'))
		await refused(400, 'BAD_REQUEST', 'GET', '/v1/account', { ...bearer(ACME_KEY), ...key(GLOBEX_KEY) })
		assert.strictEqual((await ask('GET', '/v1/account', { ...bearer(ACME_KEY), ...key(ACME_KEY) })).status, 200)
		logged.push(missing.id)
	})

	example('S2.27 to S2.30: each status with the documents\' body', async () => {
		await refused(400, 'VALIDATION_FAILED', 'POST', '/v1/accounts', bearer(ACME_KEY), { name: ' ', plan: 'free' })
		await refused(400, 'BAD_REQUEST', 'POST', '/v1/accounts', bearer(ACME_KEY), [])
		const split = await refused(400, 'VALIDATION_FAILED', 'POST', '/v1/accounts', bearer(ACME_KEY), { name: '', domain: 'x\r\nSet-Cookie: a=b' })
		assert.deepStrictEqual([split.message, split.headers['set-cookie']], ['Bad Request', undefined])
		await refused(403, 'FORBIDDEN', 'POST', `/v1/accounts/${ACME}/suspend`, bearer(ACME_KEY), { reason: 'own' })
		await refused(404, 'NOT_FOUND', 'GET', `/v1/accounts/${ACME}`, bearer(GLOBEX_KEY))
		await refused(404, 'NOT_FOUND', 'GET', '/v1/nothing', bearer(ACME_KEY))
		await refused(404, 'NOT_FOUND', 'PUT', '/v1/accounts', bearer(ACME_KEY), {})
		const conflict = await refusedTwice()
		assert.match(conflict.json().note, /account [0-9a-f-]{36} has this external_id/)
		await refused(400, 'BAD_REQUEST', 'POST', '/v1/accounts', bearer(ACME_KEY), 'x'.repeat(2 << 20))
		logged.push(conflict.id)
	})

	// A retried POST tells which account there is already, and a key can be had for it.
	async function refusedTwice () {
		const once = await ask('POST', '/v1/accounts', bearer(ACME_KEY), { name: 'once', external_id: 'once' })
		const conflict = await refused(409, 'CONFLICT', 'POST', '/v1/accounts', bearer(ACME_KEY), { name: 'once', external_id: 'once' })
		const [id] = conflict.json().note.match(/[0-9a-f-]{36}/)

		assert.strictEqual(id, once.json().id)
		assert.strictEqual((await ask('POST', `/v1/accounts/${id}/api_keys`, bearer(ACME_KEY), { name: 'again' })).status, 201)
		return conflict
	}

	example('an id that is out of reach reads like one that is none, whatever is done with it', async () => {
		const none = GLOBEX.replace(/.{12}$/, '000000000000')
		for (const [method, rest, body] of [['GET', ''], ['PATCH', '', { name: 'mine' }], ['POST', '/archive'], ['POST', '/suspend', { reason: 'mine' }], ['GET', '/api_keys'], ['POST', '/api_keys', { name: 'mine' }]]) {
			const texts = []
			for (const id of [GLOBEX, none]) {
				const answer = await refused(404, 'NOT_FOUND', method, `/v1/accounts/${id}${rest}`, bearer(ACME_KEY), body)
				texts.push(answer.json().note.replace(id, '').replace(answer.id, ''))
			}
			assert.strictEqual(texts[0], texts[1])
		}
	})

	example('a body that is no JSON is refused, and says nothing of what is inside', async () => {
		const bodies = ['{', '{"name": "x"', '{"name": x}', '"', 'name=x', '\u0000', '[1,', '{"name": "\\ud800"}', '{"name": "a\\u0000b"}', '1e999999',
			Buffer.from('{"name": "\xff"}', 'latin1'), 'null', '"x"', '{"name": "x"}{}']
		for (const body of bodies) {
			const answer = await refused(400, null, 'POST', '/v1/accounts', bearer(ACME_KEY), body)
			assert.match(answer.json().error, /^(BAD_REQUEST|VALIDATION_FAILED)$/)
			assert.doesNotMatch(answer.text, /account_api|pg_catalog|src\/|\.c:/)
		}
		for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/xml', 'x']) {
			assert.strictEqual((await ask('POST', '/v1/accounts', { ...bearer(ACME_KEY), 'Content-Type': type }, '{"name": "whatever it is called"}')).status, 201)
		}
	})

	example('paths that are made to be misread are refused', async () => {
		for (const path of ['/v1/accounts/..%2f..%2faccounts', '/v1//accounts', '/v1/accounts/%0d%0aX-API-Key:x', '/v1/accounts/%00', '/v1/accounts/x%ff', '/v1/../accounts',
			`/v1/accounts/${ACME}%00`, `/v1/accounts/${ACME}/`, '/v1/accounts?id=1&id=2', '/V1/accounts', '/v1/account;x=1', '/v1/accounts?cursor=%00']) {
			const answer = await ask('GET', path, bearer(ACME_KEY))
			assert.ok([200, 400, 404].includes(answer.status) && !answer.headers['set-cookie'], `${path}: ${answer.status} ${answer.text}`)
		}
	})

	example('S2.26: the id of an error is in the server\'s log, and no key is', async () => {
		const log = fs.readFileSync(process.env.SERVER_LOG, 'utf8')
		for (const id of logged) assert.ok(log.includes(id))
		assert.ok(!log.includes(ACME_KEY) && !log.includes(GLOBEX_KEY))
	})
}
