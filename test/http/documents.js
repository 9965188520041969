// The documents' own paths: what they answer when all is well.
const { assert, ask, bearer, database, example, refused } = require('./client')
const execFile = require('util').promisify(require('child_process').execFile)

const { ADDRESS, ACME, ACME_KEY } = process.env
const MEMBERS = ['api_key', 'archived_at', 'branding', 'commitment', 'created_at', 'id', 'last_read_input_at', 'last_updated_config_at', 'last_updated_output_at',
	'name', 'parent_account_id', 'resource_type', 'status', 'status_changed_at', 'status_error', 'stripe_customer_id', 'updated_at']

module.exports = upstream => {
	let made

	example('S2.44: the documented curl creates a sub-account: 201 and the 17 members', async () => {
		const { stdout } = await execFile('curl', ['--silent', '--write-out', '\n%{http_code}',
			'--request', 'POST', '--url', `${ADDRESS}/v1/accounts`, '--header', `Authorization: Bearer ${ACME_KEY}`, '--header', 'Content-Type: application/json',
			'--data', '{"name": "Acme North", "branding": {"suppress_from_reports": true}}'])
		const [body, status] = stdout.split('\n')

		made = JSON.parse(body)
		assert.strictEqual(status, '201')
		assert.deepStrictEqual(Object.keys(made), MEMBERS)
		assert.match(made.api_key, /^prod_acctsec_/)
		assert.strictEqual(made.parent_account_id, ACME)
		assert.match(made.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
	})

	if (upstream) {
		example('S2.2: nginx hands a Bearer key on as X-API-Key, and the body as it is', () => {
			const { method, url, headers, bytes } = upstream.received.at(-1)
			assert.deepStrictEqual([method, url, headers['x-account-function'], headers['x-api-key'], headers.authorization, headers['x-original-uri'], headers['content-type']],
				['POST', '/rpc/v1_write', 'v1_create_account', ACME_KEY, undefined, '/v1/accounts', 'application/octet-stream'])
			assert.deepStrictEqual(JSON.parse(bytes), { name: 'Acme North', branding: { suppress_from_reports: true } })
		})
	}

	example('S3.5, S3.7: the new key retrieves its own account, and no answer is kept by caches', async () => {
		const read = await ask('GET', `/v1/accounts/${made.id}`, bearer(ACME_KEY))
		assert.deepStrictEqual([read.status, Object.keys(read.json()), read.json().api_key], [200, MEMBERS, null])
		assert.strictEqual(read.headers['cache-control'], 'private, no-store')
		assert.match(read.headers.vary, /X-API-Key, Authorization/)
		const own = await ask('GET', '/v1/account', bearer(made.api_key))
		assert.deepStrictEqual(Object.keys(own.json()).sort(), ['info', 'metadata', 'spec'])
	})

	example('a body may be left out where nothing has to be in it', async () => {
		for (const action of ['archive', 'unarchive', 'resume']) assert.strictEqual((await ask('POST', `/v1/accounts/${made.id}/${action}`, bearer(ACME_KEY))).status, 200)
		assert.strictEqual((await ask('POST', `/v1/accounts/${made.id}/suspend`, bearer(ACME_KEY), { reason: 'unpaid' })).status, 200)
		await refused(403, 'ACCOUNT_SUSPENDED', 'GET', '/v1/account', bearer(made.api_key))
		await ask('POST', `/v1/accounts/${made.id}/resume`, bearer(ACME_KEY))
	})

	example('deletion is asked for with 202, and taken back', async () => {
		const { id } = (await ask('POST', '/v1/accounts', bearer(ACME_KEY), { name: 'Acme Passing' })).json()
		const asked = await ask('DELETE', `/v1/accounts/${id}`, bearer(ACME_KEY))
		assert.deepStrictEqual([asked.status, asked.json().id, typeof asked.json().archived_at], [202, id, 'string'], asked.text)
		await refused(409, 'ARCHIVED', 'PATCH', `/v1/accounts/${id}`, bearer(ACME_KEY), { name: 'x' })
		const back = await ask('POST', `/v1/accounts/${id}/cancel_deletion`, bearer(ACME_KEY))
		assert.ok(back.status < 300, back.text)
		assert.strictEqual((await ask('PATCH', `/v1/accounts/${id}`, bearer(ACME_KEY), { name: 'Acme Stays' })).status, 200)
	})

	example('S3.16: a key is issued, read without its token, rotated and revoked', async () => {
		const issued = (await ask('POST', '/v1/account/api_keys', bearer(made.api_key), { name: 'reader', permissions: ['read:accounts'] })).json()
		const path = `/v1/account/api_keys/${issued.metadata.id}`

		assert.strictEqual((await ask('GET', path, bearer(made.api_key))).json().spec.token, undefined)
		assert.strictEqual((await ask('PATCH', path, bearer(made.api_key), { description: 'for reports' })).status, 200)
		const rotated = await ask('POST', `${path}/rotate`, bearer(made.api_key))
		assert.strictEqual(rotated.status, 201)
		await refused(401, 'INVALID_AUTHORIZATION', 'GET', '/v1/account', bearer(issued.spec.token))
		assert.strictEqual((await ask('GET', '/v1/account', bearer(rotated.json().spec.token))).status, 200)
		assert.strictEqual((await ask('DELETE', `/v1/account/api_keys/${rotated.json().metadata.id}?reason=lost`, bearer(made.api_key))).status, 204)
		await refused(401, 'INVALID_AUTHORIZATION', 'GET', '/v1/account', bearer(rotated.json().spec.token))
	})

	example('S3.8: accounts and what is in them are changed by PATCH', async () => {
		const changed = await ask('PATCH', `/v1/accounts/${made.id}`, bearer(ACME_KEY), { name: 'Acme Nord' })
		assert.deepStrictEqual([changed.status, Object.keys(changed.json()), changed.json().name], [200, MEMBERS, 'Acme Nord'])
		assert.strictEqual((await ask('PATCH', '/v1/account', bearer(made.api_key), { name: 'Nord' })).status, 200)
		const workspace = await ask('POST', '/v1/account/workspaces', bearer(made.api_key), { name: 'Main' })
		assert.deepStrictEqual([workspace.status, workspace.json().name], [201, 'Main'])
		const robot = await ask('POST', '/v1/account/service_accounts', bearer(made.api_key), { name: 'robot', role: 'member' })
		assert.strictEqual(robot.status, 201, robot.text)
	})

	example('B8: a list is read page by page, by prefix, by label, by time, and backwards', async () => {
		const list = async query => (await ask('GET', `/v1/accounts?${query}`, bearer(made.api_key))).json()
		for (let i = 0; i < 5; i++) {
			assert.strictEqual((await ask('POST', '/v1/accounts', bearer(made.api_key), { name: `branch ${i}`, labels: { floor: `${i % 2}` } })).status, 201)
		}
		const names = []
		let cursor = ''
		do {
			const page = await list(`limit=2&prefix=branch%20${cursor}`)
			names.push(...page.data.map(account => account.name))
			cursor = page.next_cursor && `&cursor=${page.next_cursor}`
		} while (cursor)
		assert.deepStrictEqual(names, [0, 1, 2, 3, 4].map(i => `branch ${i}`))
		assert.deepStrictEqual((await list('label=floor:1')).data.map(account => account.name), ['branch 1', 'branch 3'])
		const { data: [last] } = await list('sort_order=desc&limit=1')
		assert.strictEqual(last.name, 'branch 4')
		assert.deepStrictEqual((await list(`created_before=${last.created_at}`)).data.length, 4)
	})

	example('S3.6: the secret of the account\'s webhooks is rotated, and the answer has the new one', async () => {
		const secret = async token => (await ask('GET', '/v1/account', bearer(token))).json().info.webhookEventsHmacSecret
		const first = await secret(made.api_key)
		assert.match(first, /^whsec_[\w+/]{43}=$/)
		const rotated = await ask('POST', '/v1/account/rotate_webhook_signing_key', bearer(made.api_key), { overlap: '1 hour' })
		assert.deepStrictEqual([rotated.status, Object.keys(rotated.json()).sort()], [200, ['info', 'metadata', 'spec']], rotated.text)
		const second = rotated.json().info.webhookEventsHmacSecret
		assert.match(second, /^whsec_[\w+/]{43}=$/)
		assert.notStrictEqual(second, first)
		assert.strictEqual(await secret(made.api_key), second)
		const bare = await ask('POST', '/v1/account/rotate_webhook_signing_key', bearer(made.api_key))
		assert.deepStrictEqual([bare.status, [first, second].includes(bare.json().info.webhookEventsHmacSecret)], [200, false])
		for (const overlap of ['31 days', '-1 hour']) await refused(400, 'VALIDATION_FAILED', 'POST', '/v1/account/rotate_webhook_signing_key', bearer(made.api_key), { overlap })

		const reader = (await ask('POST', '/v1/account/api_keys', bearer(made.api_key), { name: 'no webhooks', permissions: ['read:accounts'] })).json().spec.token
		await refused(403, 'FORBIDDEN', 'POST', '/v1/account/rotate_webhook_signing_key', bearer(reader))
		await refused(401, 'MISSING_API_KEY', 'POST', '/v1/account/rotate_webhook_signing_key')
		assert.strictEqual(await secret(reader), null)
		assert.strictEqual(await secret(made.api_key), bare.json().info.webhookEventsHmacSecret)
	})

	// Every path of http/nginx.conf answers with a status of its own, and never in another form.
	example('every one of the documents\' paths is led to its function', async () => {
		const { rows } = await database.query("SELECT obj_description(oid, 'pg_proc') AS comment FROM pg_proc WHERE pronamespace = 'account_api'::regnamespace AND proname LIKE 'v1\\_%' ORDER BY proname")
		const paths = rows.flatMap(({ comment }) => [...comment.split('\n')[1].matchAll(/(GET|POST|PATCH|DELETE) (\/v1\/[^ .,]+(?:, \/v1\/[^ .,]+)*)/g)]
			.flatMap(([, method, list]) => list.split(', ').map(path => [method, path])))

		assert.ok(paths.length >= rows.length, `${paths.length} paths, ${rows.length} functions`)
		for (const [method, path] of paths) {
			const answer = await ask(method, path.replace('{id}', '00000000-0000-4000-8000-000000000000'), {}, method === 'GET' || method === 'DELETE' ? undefined : {})
			assert.ok(answer.status === 401 || answer.status === 400, `${method} ${path}: ${answer.status} ${answer.text}`)
			assert.ok(answer.json().error, `${method} ${path}: ${answer.text}`)
		}
	})
}
