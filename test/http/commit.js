// What is refused when a transaction commits, after every statement has succeeded.
const { assert, ask, bearer, client, database, example, key, logIn, refused } = require('./client')

const { ACME, ACME_KEY, INITECH_KEY, ANN, BOB } = process.env

// Waits until as many requests wait for a lock.
async function until (waiting) {
	for (let i = 0; i < 100; i++) {
		const { rows: [{ count }] } = await database.query("SELECT count(*)::int FROM pg_stat_activity WHERE usename = 'authenticator' AND wait_event_type = 'Lock'")
		if (count === waiting) return
		await new Promise(resolve => setTimeout(resolve, 50))
	}
	throw new Error('nobody waits')
}

// Runs requests that stop before they commit, and something else meanwhile.
async function meanwhile (requests, work) {
	const holder = await database.connect()

	try {
		await holder.query('SELECT pg_advisory_lock(1)')
		const pending = requests.map(async request => await request())
		await until(requests.length)
		await work()
		await holder.query('SELECT pg_advisory_unlock(1)')
		return await Promise.all(pending)
	} finally {
		await holder.query('SELECT pg_advisory_unlock_all()')
		holder.release()
	}
}

module.exports = () => {
	example('what somebody gave who has lost the right to it meanwhile is refused when it commits: 403, and nothing given', async () => {
		const session = { Authorization: `Session ${await logIn('bob@example.com')}`, 'X-Account-Id': ACME }
		const acme = client(key(ACME_KEY))
		const { data: robot } = await acme.rpc('create_service_account', { name: 'robot of commit', role: 'member' })
		const slowly = () => client(session, 'shop').rpc('create_key_slowly', { profile_id: robot.profile_id })

		const [kept] = await meanwhile([slowly], () => {})
		assert.deepStrictEqual([kept.status, typeof kept.data], [200, 'string'])
		const [lost] = await meanwhile([slowly], async () => assert.strictEqual((await acme.rpc('unassign_role', { profile_id: BOB, role: 'admin' })).error, null))
		assert.deepStrictEqual([lost.status, lost.error.code], [403, 'FORBIDDEN'], JSON.stringify(lost))
		assert.deepStrictEqual(Object.keys(JSON.parse(lost.error.details)).sort(), ['error', 'id', 'validationErrors'])
		assert.strictEqual((await acme.from('api_keys').select('*', { count: 'exact', head: true }).eq('profile_id', robot.profile_id).eq('name', 'slow')).count, 1)
		await acme.rpc('assign_role', { profile_id: BOB, role: 'admin' })
	})

	example('the last owner of an account stays: 409', async () => {
		const { status, error } = await client(key(ACME_KEY)).rpc('remove_member', { profile_id: ANN })
		assert.deepStrictEqual([status, error.code], [409, 'CONFLICT'], JSON.stringify(error))
	})

	example('an application\'s own deferred constraint: its status, and the row is not there', async () => {
		const shop = client(key(ACME_KEY), 'shop')
		const { status, error } = await shop.from('orders').insert({ product_id: 99, note: 'late' }).select()
		assert.deepStrictEqual([status, error.code], [409, '23503'])
		assert.strictEqual((await shop.from('orders').select('*', { count: 'exact', head: true }).eq('note', 'late')).count, 0)
	})

	example('a limit of the plan that two requests reach at once: one has 201, the other 403', async () => {
		const make = name => () => ask('POST', '/v1/account/workspaces', bearer(INITECH_KEY), { name })
		const answers = await meanwhile([make('slow 1'), make('slow 2')], () => {})
		const [made, other] = answers.sort((a, b) => a.status - b.status)
		assert.deepStrictEqual([made.status, other.status], [201, 403], other.text)
		assert.strictEqual(other.json().error || other.json().code, 'MAX_RESOURCES_REACHED')
		assert.strictEqual((await client(key(INITECH_KEY)).from('workspaces').select('*', { count: 'exact', head: true })).count, 2)
	})

	// Deferred constraints are looked at before the answer is made: what is left for the commit are our own refusals.
	example('below /v1/ a deferred constraint is answered with the documents\' body, and nothing is left', async () => {
		const late = await refused(409, 'CONFLICT', 'POST', '/v1/account/workspaces', bearer(ACME_KEY), { name: 'late' })
		assert.doesNotMatch(late.text, /refused when it commits|a detail/)
		assert.deepStrictEqual((await client(key(ACME_KEY)).from('workspaces').select('name').eq('name', 'late')).data, [])
		assert.strictEqual((await ask('POST', '/v1/account/workspaces', bearer(ACME_KEY), { name: 'in time' })).status, 201)
	})
}
