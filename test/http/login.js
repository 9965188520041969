// Users: who logs in, with what, and what a browser keeps of it.
const { assert, ask, bearer, client, example, key, refused, refusedThere } = require('./client')

const { ACME, ACME_KEY } = process.env
const page = { 'X-Requested-With': 'test' }
const password = { email: 'ann@example.com', password: 'correct horse battery' }

module.exports = upstream => {
	example('S5.17, S5.19: a session\'s token is a Bearer token too', async () => {
		await refused(400, 'BAD_REQUEST', 'POST', '/v1/account/login', { 'Content-Type': 'text/plain' }, password)
		await refused(401, 'INVALID_AUTHORIZATION', 'POST', '/v1/account/login', page, { ...password, password: 'wrong' })
		const login = await ask('POST', '/v1/account/login', page, password)
		const { session_token: token } = login.json()
		assert.deepStrictEqual([login.status, login.cookies], [200, []])
		assert.strictEqual((await ask('GET', '/v1/account/memberships', bearer(token))).json().data[0].account_name, 'Acme')
		if (upstream) assert.deepStrictEqual([upstream.received.at(-1).headers.authorization, upstream.received.at(-1).headers['x-api-key']], [`Session ${token}`, undefined])
		assert.strictEqual((await ask('POST', '/v1/account/logout', bearer(token))).status, 204)
		await refused(401, 'INVALID_AUTHORIZATION', 'GET', '/v1/account/memberships', bearer(token))
	})

	example('DES-17: the cookie counts beside a header that forms cannot send, and logging in takes that header', async () => {
		const login = await ask('POST', '/v1/account/login', page, { ...password, cookie: true })
		const [cookie] = login.cookies
		assert.match(cookie, /^__Host-account-session=prod_acctses_[^;]+; Path=\/; Max-Age=\d+; Secure; HttpOnly; SameSite=Strict$/)
		assert.strictEqual(login.json().session_token, null)
		const sent = { Cookie: cookie.split(';')[0] }
		await refused(401, 'MISSING_API_KEY', 'GET', '/v1/account/memberships', sent)
		assert.strictEqual((await ask('GET', '/v1/account/memberships', { ...sent, ...page })).status, 200)
		await refusedThere(401, 'MISSING_API_KEY', 'GET', '/sessions', sent)
		assert.strictEqual((await ask('GET', '/sessions', { ...sent, ...page, 'X-Account-Id': ACME })).status, 200)
		// Beside a key, it is a second credential.
		await refused(400, 'BAD_REQUEST', 'GET', '/v1/account', { ...sent, ...page, ...key(ACME_KEY) })
		assert.strictEqual((await ask('GET', '/v1/account', { ...sent, ...key(ACME_KEY) })).status, 200)
		assert.match((await ask('POST', '/v1/account/logout', { ...sent, ...page })).cookies[0], /Max-Age=0/)
		await refused(401, 'INVALID_AUTHORIZATION', 'GET', '/v1/account/memberships', { ...sent, ...page })
	})

	example('DES-17: a form of another site cannot log in, and a cookie that it has tossed is not taken', async () => {
		const form = new URLSearchParams(password).toString()
		for (const path of ['/v1/account/login', '/rpc/login']) {
			for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data']) {
				const answer = await ask('POST', path, { 'Content-Type': type, Origin: 'https://evil.example' }, type === 'text/plain' ? JSON.stringify(password) : form)
				assert.ok(answer.status >= 400 && answer.cookies.length === 0, `${path} ${type}: ${answer.status} ${answer.text}`)
			}
		}
		// Without the prefix __Host-, which a sub-domain cannot set, it is another cookie.
		const { session_token: token } = (await ask('POST', '/v1/account/login', page, password)).json()
		for (const name of ['account-session', '__host-account-session', '__Secure-account-session', '__Host-account-session-2']) {
			await refused(401, 'MISSING_API_KEY', 'GET', '/v1/account/memberships', { Cookie: `${name}=${token}`, ...page })
		}
		for (const twice of [`__Host-account-session=${token}; __Host-account-session=x`, `__Host-account-session=x; __Host-account-session=${token}`]) {
			assert.ok([200, 400, 401].includes((await ask('GET', '/v1/account/memberships', { Cookie: twice, ...page })).status))
		}
	})

	example('DES-17: no function answers with a page, so that nothing of ours runs in a browser', async () => {
		for (const path of ['/accounts', '/rpc/describe_account', '/rpc/account_tree']) {
			const answer = await ask('GET', path, { ...key(ACME_KEY), Accept: 'text/html' })
			assert.ok(answer.status === 406 && !/html/.test(answer.headers['content-type']), `${path}: ${answer.status} ${answer.headers['content-type']}`)
		}
		const tried = await ask('POST', '/v1/accounts', { ...bearer(ACME_KEY), Accept: 'text/html' }, { name: '<script>alert(1)</script>' })
		assert.match(tried.headers['content-type'], /^application\/json/)
	})

	example('S5.2: at PostgREST\'s own path, what fails has status 401 and its code, and is no error to it', async () => {
		const wrong = await client(page).rpc('login', { ...password, password: 'wrong' })
		assert.deepStrictEqual([wrong.status, wrong.error.error, wrong.error.session_token], [401, 'INVALID_AUTHORIZATION', null])
		const right = await client(page).rpc('login', password)
		assert.deepStrictEqual([right.status, right.data.error], [200, null])
		const session = { Authorization: `Session ${right.data.session_token}`, 'X-Account-Id': ACME }
		assert.strictEqual((await client(session).rpc('current_session_id')).data, right.data.session_id)
		assert.strictEqual((await client(session).rpc('logout')).status, 204)
		assert.strictEqual((await client(session).from('sessions').select()).error.code, 'INVALID_AUTHORIZATION')
	})

	example('where somebody comes from is what nginx says, whatever the client says', async () => {
		const login = await ask('POST', '/v1/account/login', { ...page, 'X-Forwarded-For': '203.0.113.7' }, password)
		const session = { Authorization: `Session ${login.json().session_token}`, 'X-Account-Id': ACME }
		assert.deepStrictEqual((await client(session).from('sessions').select('source').eq('current', true)).data, [{ source: '127.0.0.1' }])
		const { data: robot } = await client(key(ACME_KEY)).rpc('create_service_account', { name: 'robot of login', role: 'member' })
		const allowed = async networks => (await client(key(ACME_KEY)).rpc('create_api_key', { profile_id: robot.profile_id, name: 'bound', allowed_ips: networks })).data.api_key
		assert.strictEqual((await ask('GET', '/v1/account', bearer(await allowed(['127.0.0.0/8'])))).status, 200)
		await refused(401, 'INVALID_AUTHORIZATION', 'GET', '/v1/account', { ...bearer(await allowed(['203.0.113.0/24'])), 'X-Forwarded-For': '203.0.113.7' })
	})

	example('S5.3: who registers is told nothing of who is known', async () => {
		for (const email of ['ann@example.com', 'dan@example.com']) {
			const answer = await ask('POST', '/v1/account/register', page, { email, password: 'another long password' })
			assert.deepStrictEqual([answer.status, answer.text], [204, ''])
		}
		await refused(401, 'INVALID_AUTHORIZATION', 'POST', '/v1/account/login', page, { email: 'dan@example.com', password: 'another long password' })
	})
}
