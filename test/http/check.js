// The documents' paths and PostgREST's own through nginx, as clients see them; see test/http/run.
const assert = require('assert')
const http = require('http')
const fs = require('fs')
const execFile = require('util').promisify(require('child_process').execFile)
const { Pool } = require('pg')
const { start } = require('./stand-in')

const { NGINX_SOCKET, UPSTREAM_SOCKET, POSTGREST, ACME_KEY, GLOBEX_KEY, ACME } = process.env
const MEMBERS = ['api_key', 'archived_at', 'branding', 'commitment', 'created_at', 'id', 'last_read_input_at', 'last_updated_config_at', 'last_updated_output_at',
	'name', 'parent_account_id', 'resource_type', 'status', 'status_changed_at', 'status_error', 'stripe_customer_id', 'updated_at']
const ok = what => console.log(`ok: ${what}`)

// One request; body is text or an object.
function ask (method, path, headers = {}, body = undefined) {
	return new Promise((resolve, reject) => {
		const request = http.request({ socketPath: NGINX_SOCKET, method, path, headers: { ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers } }, response => {
			let text = ''
			response.setEncoding('utf8').on('data', chunk => { text += chunk }).on('end', () => resolve({
				status: response.statusCode, message: response.statusMessage, headers: response.headers, text, json: () => JSON.parse(text)
			}))
		})
		request.on('error', reject)
		request.end(typeof body === 'object' ? JSON.stringify(body) : body)
	})
}
const bearer = key => ({ Authorization: `Bearer ${key}` })
const key = key => ({ 'X-API-Key': key })

// B1: the four members, and nothing else.
async function refused (status, code, ...request) {
	const answer = await ask(...request)
	const body = answer.json()

	assert.strictEqual(answer.status, status, answer.text)
	assert.deepStrictEqual(Object.keys(body).sort(), ['error', 'id', 'note', 'validationErrors'], answer.text)
	assert.strictEqual(body.error, code)
	assert.match(body.id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
	for (const entry of body.validationErrors) assert.deepStrictEqual(Object.keys(entry), ['path', 'message', 'context', 'suggestion'])
	return { ...answer, id: body.id }
}

async function documents (received) {
	// S2.44: two headers and a JSON body, as the documents have it.
	const { stdout } = await execFile('curl', ['--silent', '--unix-socket', NGINX_SOCKET, '--write-out', '\n%{http_code}',
		'--request', 'POST', '--url', 'http://localhost/v1/accounts', '--header', `Authorization: Bearer ${ACME_KEY}`, '--header', 'Content-Type: application/json',
		'--data', '{"name": "Acme North", "branding": {"suppress_from_reports": true}}'])
	const curl = stdout.split('\n')
	const made = JSON.parse(curl[0])
	assert.strictEqual(curl[1], '201')
	assert.deepStrictEqual(Object.keys(made), MEMBERS)
	assert.match(made.api_key, /^prod_acctsec_/)
	assert.strictEqual(made.parent_account_id, ACME)
	assert.match(made.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
	ok('S2.44: the documented curl creates a sub-account: 201 and the 17 members')

	if (received) {
		const { method, url, headers, body } = received.at(-1)
		assert.deepStrictEqual([method, url, headers['x-api-key'], headers.authorization, headers['x-original-uri'], headers['content-type']],
			['POST', '/rpc/v1_create_account', ACME_KEY, undefined, '/v1/accounts', 'application/json'])
		assert.deepStrictEqual(JSON.parse(body), { name: 'Acme North', branding: { suppress_from_reports: true } })
		ok('S2.2: nginx hands a Bearer key on as X-API-Key, and the body as it is')
	}

	const read = await ask('GET', `/v1/accounts/${made.id}`, bearer(ACME_KEY))
	assert.deepStrictEqual([read.status, Object.keys(read.json()), read.json().api_key], [200, MEMBERS, null])
	assert.strictEqual(read.headers['cache-control'], 'private, no-store')
	assert.match(read.headers.vary, /X-API-Key, Authorization/)
	const own = await ask('GET', '/v1/account', bearer(made.api_key))
	assert.deepStrictEqual(Object.keys(own.json()).sort(), ['info', 'metadata', 'spec'])
	ok('S3.5, S3.7: the new key retrieves its own account, and no answer is kept by caches')

	for (const action of ['archive', 'unarchive', 'resume']) assert.strictEqual((await ask('POST', `/v1/accounts/${made.id}/${action}`, bearer(ACME_KEY))).status, 200)
	assert.strictEqual((await ask('POST', `/v1/accounts/${made.id}/suspend`, bearer(ACME_KEY), { reason: 'unpaid' })).status, 200)
	await refused(403, 'ACCOUNT_SUSPENDED', 'GET', '/v1/account', bearer(made.api_key))
	await ask('POST', `/v1/accounts/${made.id}/resume`, bearer(ACME_KEY))
	ok('a body may be left out where nothing has to be in it')

	const issued = (await ask('POST', '/v1/account/api_keys', bearer(made.api_key), { name: 'reader', permissions: ['read:accounts'] })).json()
	assert.strictEqual((await ask('GET', `/v1/account/api_keys/${issued.metadata.id}`, bearer(made.api_key))).json().spec.token, undefined)
	assert.strictEqual((await ask('DELETE', `/v1/account/api_keys/${issued.metadata.id}?reason=lost`, bearer(made.api_key))).status, 204)
	await refused(401, 'INVALID_AUTHORIZATION', 'GET', '/v1/account', bearer(issued.spec.token))
	ok('S3.16: a key is issued, read without its token, and revoked')

	for (let i = 0; i < 5; i++) assert.strictEqual((await ask('POST', '/v1/accounts', bearer(made.api_key), { name: `branch ${i}` })).status, 201)
	const names = []
	let cursor = ''
	do {
		const page = (await ask('GET', `/v1/accounts?limit=2&prefix=branch%20${cursor}`, bearer(made.api_key))).json()
		names.push(...page.data.map(account => account.name))
		cursor = page.next_cursor && `&cursor=${page.next_cursor}`
	} while (cursor)
	assert.deepStrictEqual(names, [0, 1, 2, 3, 4].map(i => `branch ${i}`))
	ok('B8: a list is read page by page')
	return made
}

async function errors (made) {
	let missing = await refused(401, 'MISSING_API_KEY', 'GET', '/v1/account')
	assert.strictEqual(missing.headers['www-authenticate'], 'Bearer realm="account"')
	missing = await refused(401, 'MISSING_API_KEY', 'GET', '/v1/account', { Authorization: 'Bearer' })
	assert.match((await refused(401, 'MALFORMED_API_KEY', 'GET', '/v1/account', bearer('sesame'))).headers['www-authenticate'], /error="invalid_token"/)
	await refused(401, 'INVALID_AUTHORIZATION', 'GET', '/v1/account', bearer('prod_acctsec_00000000000000000000000000000000000000000003UNP5x'))
	await refused(400, 'BAD_REQUEST', 'GET', '/v1/account', { ...bearer(ACME_KEY), ...key(GLOBEX_KEY) })
	assert.strictEqual((await ask('GET', '/v1/account', { ...bearer(ACME_KEY), ...key(ACME_KEY) })).status, 200)
	ok('D7: 401 for what is no good credential; two different ones are refused')

	await refused(400, 'VALIDATION_FAILED', 'POST', '/v1/accounts', bearer(ACME_KEY), { name: ' ', plan: 'free' })
	await refused(400, 'BAD_REQUEST', 'POST', '/v1/accounts', bearer(ACME_KEY), [])
	const split = await refused(400, 'VALIDATION_FAILED', 'POST', '/v1/accounts', bearer(ACME_KEY), { name: '', domain: 'x\r\nSet-Cookie: a=b' })
	assert.deepStrictEqual([split.message, split.headers['set-cookie']], ['Bad Request', undefined])
	await refused(403, 'FORBIDDEN', 'POST', `/v1/accounts/${ACME}/suspend`, bearer(ACME_KEY), { reason: 'own' })
	await refused(404, 'NOT_FOUND', 'GET', `/v1/accounts/${made.id}`, bearer(GLOBEX_KEY))
	await refused(404, 'NOT_FOUND', 'GET', '/v1/nothing', bearer(ACME_KEY))
	await refused(404, 'NOT_FOUND', 'PUT', '/v1/accounts', bearer(ACME_KEY), {})
	await ask('POST', '/v1/accounts', bearer(ACME_KEY), { name: 'once', external_id: 'once' })
	const conflict = await refused(409, 'CONFLICT', 'POST', '/v1/accounts', bearer(ACME_KEY), { name: 'once', external_id: 'once' })
	assert.match(conflict.json().note, /account [0-9a-f-]{36} has this external_id/)
	await refused(400, 'BAD_REQUEST', 'POST', '/v1/accounts', bearer(ACME_KEY), 'x'.repeat(2 << 20))
	ok('S2.27 to S2.30: each status with the documents\' body')

	for (const path of ['/v1/accounts/..%2f..%2faccounts', '/v1//accounts', '/v1/accounts/%0d%0aX-API-Key:x', '/v1/accounts/%00', '/v1/accounts/x%ff', '/v1/../accounts']) {
		const answer = await ask('GET', path, bearer(ACME_KEY))
		assert.ok([200, 400, 404].includes(answer.status) && !answer.headers['set-cookie'], `${path}: ${answer.status}`)
	}
	ok('paths that are made to be misread are refused')

	const log = fs.readFileSync(process.env.SERVER_LOG, 'utf8')
	assert.ok(log.includes(missing.id) && log.includes(conflict.id))
	assert.ok(!log.includes(ACME_KEY))
	ok('S2.26: the id of an error is in the server\'s log, and no key is')
}

// PostgREST's own paths: views and functions as they are.
async function views () {
	const pool = new Pool({ max: 1 })
	const { rows } = await pool.query(`SELECT relname AS name FROM pg_class WHERE relnamespace = 'account_api'::regnamespace AND relkind = 'v' ORDER BY relname`)
	const { rows: routines } = await pool.query(`SELECT proname AS name, has_function_privilege('anonymous', oid, 'EXECUTE') AS open, coalesce(proargnames[1:pronargs], '{}') AS arguments
		FROM pg_proc WHERE pronamespace = 'account_api'::regnamespace AND prorettype <> 'trigger'::regtype AND proname NOT LIKE 'v1%' AND proname NOT IN ('external_id', 'labels', 'pre_request') ORDER BY proname`)

	await pool.end()
	assert.ok(rows.length > 10 && routines.length > 50)
	for (const { name } of rows) {
		const answer = await ask('GET', `/${name}`, key(ACME_KEY))
		const anonymous = await ask('GET', `/${name}`)

		assert.ok(answer.status === 200 && Array.isArray(answer.json()), `${name}: ${answer.text}`)
		if (name !== 'error_codes') assert.deepStrictEqual([anonymous.status, anonymous.json().code], [401, 'MISSING_API_KEY'], name)
	}
	ok(`${rows.length} views: rows with a key, MISSING_API_KEY without`)

	const codes = new Set((await ask('GET', '/error_codes')).json().map(({ code }) => code))
	for (const { name, open, arguments: names } of routines) {
		const nothing = Object.fromEntries(names.map(argument => [argument, null]))
		const anonymous = await ask('POST', `/rpc/${name}`, {}, nothing)
		const answer = await ask('POST', `/rpc/${name}`, key(GLOBEX_KEY), nothing)

		if (!open) assert.deepStrictEqual([anonymous.status, anonymous.json().code], [401, 'MISSING_API_KEY'], `${name}: ${anonymous.text}`)
		assert.ok(answer.status < 300 || codes.has(answer.json().code), `${name}: ${answer.status} ${answer.text}`)
	}
	ok(`${routines.length} functions: an answer or an error of ours, and MISSING_API_KEY for whom they are not`)

	const missing = (await ask('GET', '/accounts')).json()
	assert.deepStrictEqual(Object.keys(missing), ['code', 'message', 'details', 'hint'])
	assert.deepStrictEqual(Object.keys(JSON.parse(missing.details)), ['error', 'id', 'validationErrors'])
	assert.strictEqual((await ask('GET', '/accounts', { Authorization: `ApiKey ${ACME_KEY}` })).status, 200)
	assert.strictEqual((await ask('GET', '/accounts', { Authorization: 'Basic ' + Buffer.from(`${ACME_KEY}:`).toString('base64') })).status, 200)
	assert.strictEqual((await ask('GET', '/accounts', bearer(ACME_KEY))).status, 200)
	const made = await ask('POST', '/accounts', { ...key(ACME_KEY), Prefer: 'return=representation' }, { name: 'Acme West' })
	assert.deepStrictEqual([made.status, made.json()[0].name, made.headers.location], [201, 'Acme West', `/accounts?id=eq.${made.json()[0].id}`])
	assert.match(made.json()[0].api_key, /^prod_acctsec_/)
	ok('a key in each of its places; an account posted to the view answers 201 with its key')
}

async function sessions (received) {
	const page = { 'X-Requested-With': 'test' }
	const password = { email: 'ann@example.com', password: 'correct horse battery' }

	await refused(400, 'BAD_REQUEST', 'POST', '/v1/account/login', { 'Content-Type': 'text/plain' }, password)
	await refused(401, 'INVALID_AUTHORIZATION', 'POST', '/v1/account/login', page, { ...password, password: 'wrong' })
	const { session_token: token } = (await ask('POST', '/v1/account/login', page, password)).json()
	assert.strictEqual((await ask('GET', '/v1/account/memberships', bearer(token))).json().data[0].account_name, 'Acme')
	if (received) assert.deepStrictEqual([received.at(-1).headers.authorization, received.at(-1).headers['x-api-key']], [`Session ${token}`, undefined])
	ok('S5.17, S5.19: a session\'s token is a Bearer token too')

	const login = await ask('POST', '/v1/account/login', page, { ...password, cookie: true })
	const [cookie] = login.headers['set-cookie']
	assert.match(cookie, /^__Host-account-session=prod_acctses_[^;]+; Path=\/; Max-Age=\d+; Secure; HttpOnly; SameSite=Strict$/)
	assert.strictEqual(login.json().session_token, null)
	const sent = { Cookie: cookie.split(';')[0] }
	await refused(401, 'MISSING_API_KEY', 'GET', '/v1/account/memberships', sent)
	assert.strictEqual((await ask('GET', '/v1/account/memberships', { ...sent, ...page })).status, 200)
	assert.match((await ask('POST', '/v1/account/logout', { ...sent, ...page })).headers['set-cookie'][0], /Max-Age=0/)
	await refused(401, 'INVALID_AUTHORIZATION', 'GET', '/v1/account/memberships', { ...sent, ...page })
	ok('DES-17: the cookie counts beside a header that forms cannot send, and logging in takes that header')
}

async function pooled () {
	const own = headers => ask('GET', '/rpc/current_account_id', headers).then(answer => answer.json())
	const [acme, globex] = [await own(key(ACME_KEY)), await own(key(GLOBEX_KEY))]
	const seen = await Promise.all(Array.from({ length: 200 }, (_, i) => own([key(ACME_KEY), key(GLOBEX_KEY), {}][i % 3])))

	assert.strictEqual(acme, ACME)
	seen.forEach((id, i) => assert.strictEqual(id, [acme, globex, null][i % 3]))
	ok('200 requests at once keep apart, and nothing is left for the next one')
}

async function main () {
	const upstream = POSTGREST ? null : await start(UPSTREAM_SOCKET, 'anonymous', 2)
	const received = upstream && upstream.received

	await errors(await documents(received))
	await views()
	await sessions(received)
	await pooled()
	if (upstream) {
		await upstream.stop()
		await refused(500, 'INTERNAL_SERVER_ERROR', 'GET', '/v1/account', bearer(ACME_KEY))
		ok('S2.31: without PostgREST, 500 with the documents\' body')
	}
}

main().then(() => process.exit(0), error => {
	console.error(error)
	process.exit(1)
})
