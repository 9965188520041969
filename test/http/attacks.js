// What attacks.md lists for PostgREST, one by one, as whoever is outside sends it.
const { createHmac } = require('crypto')
const fs = require('fs')
const { assert, ask, askRaw, bearer, client, database, example, key, refused, refusedThere, send } = require('./client')

const { ACME, ACME_KEY, GLOBEX, GLOBEX_KEY, JWT_SECRET, SERVER_LOG } = process.env
const page = { 'X-Requested-With': 'test' }
const wrong = { email: 'eve@example.com', password: 'wrong' }
const segment = object => Buffer.from(JSON.stringify(object)).toString('base64url')

// A JWT, signed with HS256 whatever its header says.
function jwt (claims, secret = JWT_SECRET, header = { alg: 'HS256', typ: 'JWT' }) {
	const signed = `${segment(header)}.${segment(claims)}`

	return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}

const inner = /src\/|\.c:|SPI|pg_catalog|account\.[a-z_]+ |line \d+ of|CONTEXT|constraint "/

module.exports = () => {
	example('PGR-01: what takes a credential as an argument is not there, by whatever method and in whatever schema', async () => {
		for (const name of ['authenticate', 'authenticate_session', 'act_as', 'deauthenticate', 'isolate', 'setup_postgrest', 'grant_access', 'create_application_key']) {
			await refusedThere(404, 'PGRST202', 'GET', `/rpc/${name}?token=${ACME_KEY}`, {})
			await refusedThere(404, 'PGRST202', 'POST', `/rpc/${name}`, key(ACME_KEY), { token: GLOBEX_KEY })
		}
		await refusedThere(401, 'MISSING_API_KEY', 'GET', `/accounts?select=id&apikey=eq.${ACME_KEY}`, {})
		assert.ok(!fs.readFileSync(SERVER_LOG, 'utf8').includes(GLOBEX_KEY))
	})

	example('PGR-03: headers that are missing, empty, malformed or too long', async () => {
		for (const headers of [{}, { 'X-API-Key': '' }, { Authorization: '' }, { Authorization: 'Bearer' }, { Authorization: 'Basic Og==' }, { Authorization: 'Negotiate abc' }]) {
			await refusedThere(401, 'MISSING_API_KEY', 'GET', '/accounts', headers)
			await refused(401, 'MISSING_API_KEY', 'GET', '/v1/account', headers)
		}
		for (const headers of [{ Authorization: 'bearer x' }, { Authorization: 'Basic' }, { Authorization: 'Basic !!!' }, { Authorization: 'ApiKey x' },
			{ Authorization: 'Session x' }, { 'X-API-Key': 'caf\u00e9' }, { Authorization: 'Bearer caf\u00e9' }, { 'X-API-Key': 'x'.repeat(7000) }, { 'X-API-Key': `${ACME_KEY} ${GLOBEX_KEY}` }]) {
			const answer = await refusedThere(401, 'MALFORMED_API_KEY', 'GET', '/accounts', headers)
			assert.match(answer.headers['www-authenticate'], /^Bearer realm="account", error="invalid_token"/)
			await refused(401, 'MALFORMED_API_KEY', 'GET', '/v1/account', headers)
		}
	})

	example('PGR-03: two credentials are refused, in one place as in two', async () => {
		const twice = await askRaw('GET', '/accounts', ['Authorization', `ApiKey ${ACME_KEY}`, 'Authorization', `ApiKey ${GLOBEX_KEY}`])
		assert.strictEqual(twice.status, 400)
		await refusedThere(400, 'BAD_REQUEST', 'GET', '/accounts', { ...key(ACME_KEY), Authorization: `ApiKey ${GLOBEX_KEY}` })
		// nginx before 1.23 reads the first, later ones both together; that other one is never taken.
		const keys = await askRaw('GET', '/rpc/current_account_id', ['X-API-Key', ACME_KEY, 'X-API-Key', GLOBEX_KEY])
		assert.ok(keys.status === 401 || keys.json() === ACME, keys.text)
		await refusedThere(401, 'MISSING_API_KEY', 'GET', '/accounts', { X_API_Key: ACME_KEY })
	})

	example('PGR-03: a request that nginx cannot read is answered in the form of its path', async () => {
		const long = 'x'.repeat(8 << 10)
		await refused(400, 'BAD_REQUEST', 'GET', '/v1/account', { Authorization: `Bearer ${long}` })
		await refused(400, 'BAD_REQUEST', 'GET', '/v1/account', { 'X-Other': long.repeat(8) })
		for (const [path, headers] of [['/accounts', key(long)], [`/v1/accounts?prefix=${long}`, key(ACME_KEY)], [`/accounts?name=eq.${long}`, key(ACME_KEY)]]) {
			const answer = await ask('GET', path, headers)
			assert.deepStrictEqual([answer.status, answer.json().code], [400, 'BAD_REQUEST'])
		}
		for (const lines of ['X-API-Key: a\0b', 'X-API-Key: a\r\n b', 'Content-Length: 5\r\nTransfer-Encoding: chunked', 'Content-Length: -1']) {
			assert.match(await send(`POST /v1/accounts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${lines}\r\n\r\n`), /^HTTP\/1\.1 400 /)
		}
	})

	example('PGR-05: what a client prefers or selects does not undo the attempt to log in', async () => {
		const attempts = async () => (await database.query("SELECT count(*)::int AS n FROM account.login_failures")).rows[0].n
		let before = await attempts()

		for (const [path, prefer] of [['/rpc/login', 'tx=rollback'], ['/rpc/login', 'handling=strict, max-affected=0'], ['/v1/account/login', 'tx=rollback'],
			['/rpc/login?select=error::int', ''], ['/rpc/%6cogin?select=error::int', '']]) {
			const answer = await ask('POST', path, { ...page, Prefer: prefer }, wrong)
			assert.strictEqual(answer.status, 401, `${path} ${prefer}: ${answer.text}`)
			assert.ok(await attempts() > before, `${path} ${prefer}`)
			before = await attempts()
		}
		const made = await ask('POST', '/rpc/create_workspace', { ...key(ACME_KEY), Prefer: 'tx=rollback' }, { name: 'kept' })
		assert.strictEqual(made.status, 200)
		assert.strictEqual((await client(key(ACME_KEY)).from('workspaces').select().eq('name', 'kept')).data.length, 1)
	})

	example('PGR-06: the planner\'s estimate of others\' rows is not to be had: what is asked to be planned is counted', async () => {
		for (const count of ['planned', 'estimated']) {
			const { count: found, status } = await client(key(ACME_KEY)).from('api_keys').select('*', { count, head: true }).eq('account_id', GLOBEX)
			assert.deepStrictEqual([status, found], [200, 0])
		}
		for (const prefer of ['count=estimated', 'count=planned, count=planned', 'count = planned', 'COUNT=planned', 'handling=lenient,count=estimated']) {
			const answer = await ask('GET', `/api_keys?account_id=eq.${GLOBEX}`, { ...key(ACME_KEY), Prefer: prefer })
			assert.ok(['*/0', '*/*'].includes(answer.headers['content-range']), `${prefer}: ${answer.headers['content-range']}`)
		}
		assert.strictEqual((await ask('GET', '/accounts', { ...key(ACME_KEY), Accept: 'application/vnd.pgrst.plan' })).status, 406)
	})

	example('PGR-08: no schema is served but those that are named, and nothing of the inner one is embedded', async () => {
		for (const schema of ['account', 'pg_catalog', 'information_schema', 'public', 'Account_api']) {
			await refusedThere(406, 'PGRST106', 'GET', '/accounts', { ...key(ACME_KEY), 'Accept-Profile': schema })
			await refusedThere(406, 'PGRST106', 'POST', '/rpc/authenticate', { ...key(ACME_KEY), 'Content-Profile': schema }, { token: ACME_KEY })
		}
		for (const embedded of ['credentials', 'holds', 'closure', 'users', 'pg_authid']) await refusedThere(400, 'PGRST200', 'GET', `/accounts?select=*,${embedded}(*)`, key(ACME_KEY))
		for (const column of ['digest', 'ctid', 'xmin', 'tableoid', 'path']) await refusedThere(400, '42703', 'GET', `/accounts?select=${column}`, key(ACME_KEY))
	})

	example('PGR-10: a body, defaults or columns that name another\'s account change nothing there', async () => {
		const shop = { ...key(ACME_KEY), 'Content-Profile': 'shop' }
		for (const [path, prefer] of [['/orders', 'return=minimal'], ['/orders', 'missing=default'], ['/orders?columns=product_id,note,account_id', 'missing=default']]) {
			const answer = await ask('POST', path, { ...shop, Prefer: prefer }, { product_id: 1, note: 'foreign', account_id: GLOBEX })
			assert.ok([400, 401, 403, 404].includes(answer.status), `${path} ${prefer}: ${answer.status} ${answer.text}`)
		}
		const moved = await ask('PATCH', '/orders?note=not.is.null', shop, { account_id: GLOBEX })
		assert.ok([204, 400, 401, 403].includes(moved.status), moved.text)
		const { rows } = await database.query("SELECT count(*)::int AS n FROM shop.orders WHERE account_id = $1 AND note = 'foreign'", [GLOBEX])
		assert.strictEqual(rows[0].n, 0)
		await refusedThere(404, 'NOT_FOUND', 'POST', '/accounts', { ...key(ACME_KEY), Prefer: 'missing=default' }, { name: 'x', parent_account_id: GLOBEX })
		await refusedThere(404, 'NOT_FOUND', 'POST', '/rpc/create_workspace', key(ACME_KEY), { name: 'x', account_id: GLOBEX })
	})

	example('PGR-11: a JWT is nobody to the extension, becomes no role but those granted, and not beside a key', async () => {
		await refusedThere(401, 'MISSING_API_KEY', 'GET', '/accounts', bearer(jwt({ role: 'tenant', sub: ACME, account_id: ACME })))
		assert.strictEqual((await client(bearer(jwt({ role: 'tenant' }))).rpc('current_account_id')).data, null)
		await refused(401, 'MISSING_API_KEY', 'GET', '/v1/account', bearer(jwt({ role: 'tenant' })))
		await refusedThere(403, '42501', 'GET', '/accounts', bearer(jwt({ role: 'postgres' })))
		assert.strictEqual((await ask('GET', '/accounts', bearer(jwt({ role: 'service_role' })))).status, 401)
		const unsigned = `${segment({ alg: 'none' })}.${segment({ role: 'tenant' })}.`
		for (const token of [jwt({ role: 'tenant' }, 'secret'), unsigned, jwt({ role: 'tenant', exp: 1 }), jwt({ role: 'tenant' }, '', { alg: 'HS256', kid: '/dev/null' })]) {
			const answer = await ask('GET', '/accounts', bearer(token))
			assert.ok(answer.status === 401 && /^PGRST30[13]$/.test(answer.json().code), answer.text)
		}
		for (const role of ['tenant', 'anonymous']) {
			await refusedThere(400, 'BAD_REQUEST', 'GET', '/accounts', { ...bearer(jwt({ role })), ...key(ACME_KEY) })
			await refused(400, 'BAD_REQUEST', 'GET', '/v1/account', { ...bearer(jwt({ role })), ...key(ACME_KEY) })
		}
	})

	example('PGR-13: a tenant can neither make a function nor set a header or status of the answer', async () => {
		for (const name of ['set_config', 'pg_catalog.set_config', 'set_response', 'pg_read_file']) {
			await refusedThere(404, 'PGRST202', 'POST', `/rpc/${name}`, key(ACME_KEY), { setting_name: 'response.headers', new_value: '[{"Set-Cookie": "a=b"}]', is_local: true })
		}
		const { rows } = await database.query("SELECT nspname FROM pg_namespace WHERE has_schema_privilege('tenant', oid, 'CREATE') OR has_schema_privilege('anonymous', oid, 'CREATE')")
		assert.deepStrictEqual(rows, [])
		for (const name of ['a\r\nSet-Cookie: a=b', 'a\nb', '"}]']) {
			const answer = await ask('POST', '/accounts', { ...key(ACME_KEY), Prefer: 'return=representation' }, { name })
			assert.deepStrictEqual([answer.cookies, answer.message], [[], answer.status === 201 ? 'Created' : 'Bad Request'])
		}
	})

	example('PGR-15, PGR-16: an error says nothing of the inside, and its status is that of the answer', async () => {
		const answers = await Promise.all([
			ask('GET', '/accounts?id=eq.x', key(ACME_KEY)), ask('GET', '/accounts?select=name::integer', key(ACME_KEY)), ask('GET', '/accounts?created_at=gt.never', key(ACME_KEY)),
			ask('POST', '/rpc/get_account', key(ACME_KEY), { account_id: GLOBEX }), ask('POST', '/rpc/create_role', key(ACME_KEY), { name: 'x', permissions: ['x'] }),
			ask('POST', '/v1/accounts', bearer(ACME_KEY), { name: 1, branding: [] }), ask('GET', '/v1/accounts?limit=x', bearer(ACME_KEY)), ask('PATCH', '/v1/account', bearer(ACME_KEY), { parent: 1 }),
			ask('GET', '/v1/account', { Accept: 'application/problem+json' }), ask('POST', '/rpc/invite_member', key(ACME_KEY), { email: 'x', role: 'owner' })
		])
		const { rows } = await database.query('SELECT code, http_status FROM account.error_codes')
		const statuses = new Map(rows.map(row => [row.code, row.http_status]))

		for (const answer of answers) {
			const code = answer.json().error || answer.json().code
			assert.ok(answer.status >= 400, answer.text)
			assert.doesNotMatch(answer.text, inner)
			assert.match(answer.headers['content-type'], /^application\/json/)
			if (statuses.has(code)) assert.strictEqual(answer.status, statuses.get(code), answer.text)
		}
	})

	example('PGR-18: HEAD, OPTIONS, ranges and limits give no data, and hidden columns are no oracle', async () => {
		assert.deepStrictEqual([(await ask('HEAD', '/accounts')).status, (await ask('HEAD', '/accounts')).text], [401, ''])
		const preflight = await ask('OPTIONS', '/accounts', { Origin: 'https://evil.example', 'Access-Control-Request-Method': 'GET', 'Access-Control-Request-Headers': 'X-API-Key' })
		assert.deepStrictEqual([preflight.status, preflight.text, preflight.headers['access-control-allow-credentials']], [200, '', undefined])
		await refused(404, 'NOT_FOUND', 'OPTIONS', '/v1/accounts', { Origin: 'https://evil.example' })
		for (const [query, range] of [['limit=-1'], ['', '5-1'], ['', '0-99999999999999999999'], ['offset=99999999999999999999']]) {
			const answer = await ask('GET', `/accounts?${query}`, { ...key(GLOBEX_KEY), ...(range && { Range: range }) })
			assert.ok([200, 400, 416].includes(answer.status) && !answer.text.includes(ACME), `${query} ${range}: ${answer.status} ${answer.text}`)
		}
		for (const query of ['digest=like.s*', 'order=digest', 'secret=eq.x', 'or=(digest.like.s*,name.eq.x)', 'select=api_keys']) {
			await refusedThere(400, '42703', 'GET', `/api_keys?${query}`, key(ACME_KEY))
		}
	})
}
