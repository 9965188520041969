// PostgREST's own paths: the functions of account_api, one by one and as they are used.
const { assert, ask, client, database, example, key, logIn, refusedThere } = require('./client')

const { ACME, ACME_KEY, GLOBEX_KEY, BOB } = process.env

module.exports = () => {
	const acme = client(key(ACME_KEY))
	let routines

	example('every function: an answer or an error of ours, and MISSING_API_KEY for whom it is not', async () => {
		const { rows } = await database.query(`SELECT proname AS name, has_function_privilege('anonymous', oid, 'EXECUTE') AS open, provolatile = 'v' AS volatile,
			coalesce(proargnames[1:pronargs], '{}') AS arguments FROM pg_proc WHERE pronamespace = 'account_api'::regnamespace AND prorettype <> 'trigger'::regtype
			AND proname NOT LIKE 'v1%' AND proname NOT IN ('external_id', 'labels', 'pre_request') ORDER BY proname`)
		const codes = new Set((await ask('GET', '/error_codes')).json().map(({ code }) => code))

		routines = rows
		assert.ok(routines.length > 50)
		for (const { name, open, arguments: names } of routines) {
			const nothing = Object.fromEntries(names.map(argument => [argument, null]))
			const without = await client({}).rpc(name, nothing)
			const answer = await client(key(GLOBEX_KEY)).rpc(name, nothing)

			if (!open) assert.deepStrictEqual([without.status, without.error.code], [401, 'MISSING_API_KEY'], name)
			assert.ok(answer.status < 300 || codes.has(answer.error.code), `${name}: ${answer.status} ${JSON.stringify(answer.error)}`)
		}
	})

	example('PGR-01: a function that writes is not called by GET, and one that only reads is', async () => {
		for (const { name, volatile, arguments: names } of routines) {
			const answer = await ask('GET', `/rpc/${name}?${names.map(argument => `${argument}=`).join('&')}`, key(GLOBEX_KEY))
			if (volatile) assert.ok(answer.status >= 400, `${name}: ${answer.status} ${answer.text}`)
		}
		assert.strictEqual((await acme.rpc('current_account_id', {}, { get: true })).data, ACME)
		assert.strictEqual((await acme.rpc('has_permission', { permission: 'read:accounts' }, { get: true })).data, true)
		const tried = await ask('GET', '/rpc/create_workspace?name=by+GET', key(ACME_KEY))
		assert.deepStrictEqual([tried.status, tried.json().code], [400, 'BAD_REQUEST'])
		assert.strictEqual((await ask('GET', `/rpc/verify_api_key?token=${GLOBEX_KEY}`, key(ACME_KEY))).json().code, 'BAD_REQUEST')
		assert.strictEqual((await acme.rpc('verify_api_key', { token: GLOBEX_KEY })).data.valid, true)
		assert.deepStrictEqual((await acme.from('workspaces').select().eq('name', 'by GET')).data, [])
	})

	example('who is asked: the account, its tree, its plan, in objects and lists', async () => {
		const { data: [north] } = await acme.from('accounts').insert({ name: 'Tree North' }).select()
		await client(key(north.api_key)).from('accounts').insert({ name: 'Tree North East' })
		const descendants = await acme.rpc('account_descendants', { account_id: ACME }).select('name').like('name', 'Tree%').order('name')
		assert.deepStrictEqual(descendants.data, [{ name: 'Tree North' }, { name: 'Tree North East' }])
		assert.deepStrictEqual((await acme.rpc('account_ancestors', { account_id: north.id }).select('name')).data, [{ name: 'Acme' }])
		assert.deepStrictEqual(Object.keys((await acme.rpc('describe_account')).data).sort(), ['info', 'metadata', 'spec'])
		assert.strictEqual((await acme.rpc('get_account', { account_id: north.id })).data.name, 'Tree North')
		assert.match((await acme.rpc('account_tree')).data, /Tree North East/)
		assert.strictEqual((await acme.rpc('effective_plan')).error, null)
		assert.strictEqual((await acme.rpc('get_account', { account_id: process.env.GLOBEX })).error.code, 'NOT_FOUND')
	})

	example('a key\'s life: issued, used, changed, rotated, revoked', async () => {
		const { data: robot } = await acme.rpc('create_service_account', { name: 'robot of functions', role: 'member' })
		const { data: issued, error } = await acme.rpc('create_api_key', { profile_id: robot.profile_id, name: 'a', permissions: ['read:accounts'] })
		assert.strictEqual(error, null)
		assert.strictEqual((await client(key(issued.api_key)).rpc('current_api_key_id')).data, issued.api_key_id)
		assert.strictEqual((await acme.rpc('update_api_key', { api_key_id: issued.api_key_id, changes: { name: 'b' } })).status, 204)
		const { data: next } = await acme.rpc('rotate_api_key', { api_key_id: issued.api_key_id, overlap: '1h' })
		assert.deepStrictEqual((await acme.from('api_keys').select('name,state').eq('api_key_id', issued.api_key_id)).data, [{ name: 'b', state: 'expiring' }])
		await acme.rpc('revoke_api_key', { api_key_id: issued.api_key_id, reason: 'test', successors: true })
		for (const { api_key: token } of [issued, next]) assert.strictEqual((await client(key(token)).from('accounts').select()).error.code, 'INVALID_AUTHORIZATION')
	})

	example('workspaces, roles and invitations', async () => {
		const { data: workspace } = await acme.rpc('create_workspace', { name: 'Over HTTP' })
		assert.deepStrictEqual((await acme.from('workspaces').select('name,state').eq('workspace_id', workspace)).data, [{ name: 'Over HTTP', state: 'enabled' }])
		assert.strictEqual((await acme.rpc('disable_workspace', { workspace_id: workspace })).status, 204)
		const { data: role } = await acme.rpc('create_role', { name: 'reader', permissions: ['read:workspaces'] })
		assert.strictEqual((await acme.rpc('assign_role', { profile_id: BOB, role: 'reader' })).error, null)
		assert.deepStrictEqual((await acme.from('role_assignments').select('role').eq('profile_id', BOB).eq('role_id', role)).data, [{ role: 'reader' }])
		const { data: invited, error } = await acme.rpc('invite_member', { email: 'cid@example.com', role: 'member' })
		assert.strictEqual(error, null, JSON.stringify(error))
		assert.match(invited.invitation_token || JSON.stringify(invited), /prod_acctinv_/)
	})

	example('arguments that are missing, unknown or of another type are refused by name', async () => {
		assert.strictEqual((await refusedThere(404, 'PGRST202', 'POST', '/rpc/create_workspace', key(ACME_KEY), { title: 'x' })).json().message.includes('create_workspace'), true)
		await refusedThere(400, '22P02', 'POST', '/rpc/get_account', key(ACME_KEY), { account_id: 'Acme' })
		await refusedThere(400, 'VALIDATION_FAILED', 'POST', '/rpc/create_workspace', key(ACME_KEY), { name: '' })
		await refusedThere(404, 'PGRST202', 'POST', '/rpc/isolate', key(ACME_KEY), {})
	})

	example('a form and a body that takes one object both do', async () => {
		const form = await ask('POST', '/rpc/has_permission', { ...key(ACME_KEY), 'Content-Type': 'application/x-www-form-urlencoded' }, 'permission=read%3Aaccounts')
		assert.deepStrictEqual([form.status, form.text], [200, 'true'])
	})

	example('a permission that is lacking is FORBIDDEN with its challenge, not PostgreSQL\'s own error', async () => {
		const session = { Authorization: `Session ${await logIn('bob@example.com')}`, 'X-Account-Id': ACME }
		const { data: robot } = await acme.rpc('create_service_account', { name: 'weak robot', role: 'member' })
		const { data: weak } = await acme.rpc('create_api_key', { profile_id: robot.profile_id, name: 'weak', permissions: ['read:accounts'] })
		const refused = await refusedThere(403, 'FORBIDDEN', 'POST', '/rpc/create_workspace', key(weak.api_key), { name: 'x' })
		assert.match(refused.headers['www-authenticate'], /insufficient_scope/)
		assert.strictEqual((await client(session).rpc('is_writable')).data, true)
	})
}
