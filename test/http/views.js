// PostgREST's own paths: what views show, to whom, and how they are asked.
const { assert, ask, client, database, example, key, logIn, refusedThere } = require('./client')

const { ACME, ACME_KEY, GLOBEX_KEY, ANN } = process.env
const OPEN = ['error_codes']

module.exports = () => {
	let names
	const acme = client(key(ACME_KEY))

	example('every view: rows of the caller with a key, MISSING_API_KEY without', async () => {
		const { rows } = await database.query("SELECT relname AS name FROM pg_class WHERE relnamespace = 'account_api'::regnamespace AND relkind = 'v' ORDER BY relname")
		names = rows.map(({ name }) => name)
		assert.ok(names.length > 10)
		for (const name of names) {
			const { data, error, status } = await acme.from(name).select()
			assert.ok(status === 200 && Array.isArray(data), `${name}: ${JSON.stringify(error)}`)
			const without = await client({}).from(name).select()
			if (!OPEN.includes(name)) assert.deepStrictEqual([without.status, without.error.code], [401, 'MISSING_API_KEY'], name)
		}
	})

	// What is Acme's or of an account below it, and what is everybody's, which has no account.
	example('LEAK-01: no view shows one account\'s rows to another', async () => {
		const { rows } = await database.query('SELECT account_id FROM account.accounts WHERE $1 = ANY (path)', [ACME])
		const below = new Set(rows.map(row => row.account_id))

		for (const name of names) {
			const { data } = await client(key(GLOBEX_KEY)).from(name).select()
			for (const row of data) {
				assert.ok(!below.has(row.account_id) && !below.has(row.id), `${name}: ${JSON.stringify(row)}`)
				assert.ok(!JSON.stringify(row).includes(ACME_KEY))
			}
		}
		const { data } = await acme.from('api_keys').select('*')
		assert.ok(data.length > 0 && data.every(row => below.has(row.account_id)))
		assert.ok(data.every(row => !('digest' in row) && !('token' in row)))
	})

	example('no view takes POST, PATCH or DELETE but accounts, whatever rights the caller has', async () => {
		for (const name of names.filter(name => name !== 'accounts')) {
			for (const [method, body] of [['POST', {}], ['DELETE'], ['PATCH', { name: 'x', description: 'x', state: 'x', kind: 'x', permission: 'x' }]]) {
				const answer = await ask(method, `/${name}`, key(ACME_KEY), body)
				assert.ok(['403 FORBIDDEN', '400 PGRST204'].includes(`${answer.status} ${answer.json().code}`), `${method} ${name}: ${answer.status} ${answer.text}`)
			}
		}
	})

	example('select, and columns of an account that are shown where they are asked for', async () => {
		await acme.rpc('create_account', { name: 'Acme Labelled', external_id: 'labelled', labels: { tier: 'gold', floor: '3' } })
		const { data, error } = await acme.from('accounts').select('id,title:name,external_id,labels,created:created_at::date').eq('external_id', 'labelled')
		assert.strictEqual(error, null)
		assert.deepStrictEqual(Object.keys(data[0]), ['id', 'title', 'external_id', 'labels', 'created'])
		assert.deepStrictEqual([data[0].title, data[0].labels], ['Acme Labelled', { tier: 'gold', floor: '3' }])
		assert.match(data[0].created, /^\d{4}-\d\d-\d\d$/)
		assert.deepStrictEqual((await acme.from('accounts').select('labels->>tier,branding->suppress_from_reports').eq('external_id', 'labelled')).data, [{ tier: 'gold', suppress_from_reports: false }])
		assert.ok(!('labels' in (await acme.from('accounts').select().limit(1)).data[0]))
	})

	example('B8: filters by name, prefix, label and time, together and negated', async () => {
		const found = async filter => {
			const { data, error } = await filter(acme.from('accounts').select('name')).order('name')
			assert.strictEqual(error, null, JSON.stringify(error))
			return data.map(({ name }) => name)
		}
		for (const [name, labels] of [['filter a', { floor: '1' }], ['filter b', { floor: '2', wing: 'west' }], ['Filter, c', {}]]) await acme.rpc('create_account', { name, labels })
		assert.deepStrictEqual(await found(q => q.eq('name', 'filter a')), ['filter a'])
		assert.deepStrictEqual(await found(q => q.like('name', 'filter*')), ['filter a', 'filter b'])
		assert.deepStrictEqual((await found(q => q.ilike('name', 'filter%'))).length, 3)
		assert.deepStrictEqual(await found(q => q.in('name', ['filter a', 'Filter, c'])), ['Filter, c', 'filter a'])
		assert.deepStrictEqual(await found(q => q.contains('labels', { floor: '2' })), ['filter b'])
		assert.deepStrictEqual(await found(q => q.eq('labels->>wing', 'west')), ['filter b'])
		assert.deepStrictEqual(await found(q => q.or('name.eq.filter a,and(name.like.filter*,labels->>floor.eq.2)')), ['filter a', 'filter b'])
		assert.deepStrictEqual(await found(q => q.like('name', 'filter%').not('name', 'like', '%a')), ['filter b'])
		assert.deepStrictEqual(await found(q => q.is('parent_account_id', null)), ['Acme'])
		assert.deepStrictEqual(await found(q => q.ilike('name', 'filter%').gt('created_at', '2999-01-01')), [])
		assert.deepStrictEqual((await found(q => q.ilike('name', 'filter%').lte('created_at', new Date().toISOString()))).length, 3)
	})

	example('order, limit and offset, the header Range, and how many there are', async () => {
		const page = await acme.from('accounts').select('name', { count: 'exact' }).ilike('name', 'filter%').order('created_at', { ascending: false }).range(1, 1)
		assert.deepStrictEqual([page.status, page.data, page.count], [206, [{ name: 'filter b' }], 3])
		const ranged = await ask('GET', '/accounts?select=name&name=ilike.filter*&order=name.desc', { ...key(ACME_KEY), 'Range-Unit': 'items', Range: '0-1' })
		assert.deepStrictEqual([ranged.status, ranged.headers['content-range'], ranged.json().length], [200, '0-1/*', 2])
		const none = await acme.from('accounts').select('*', { count: 'exact', head: true }).eq('name', 'nobody')
		assert.deepStrictEqual([none.status, none.count, none.data], [200, 0, null])
		const beyond = await ask('GET', '/accounts?name=eq.Acme&offset=5', { ...key(ACME_KEY), Prefer: 'count=exact' })
		assert.strictEqual(beyond.status, 416)
		const one = await acme.from('accounts').select('id').eq('name', 'Acme').single()
		assert.deepStrictEqual([one.status, one.data], [200, { id: ACME }])
		assert.strictEqual((await acme.from('accounts').select().like('name', 'filter%').single()).error.code, 'PGRST116')
	})

	// A key cannot have the rows of an account that is not its own counted, either.
	example('count=exact counts what the caller sees', async () => {
		const { count } = await client(key(GLOBEX_KEY)).from('accounts').select('*', { count: 'exact', head: true })
		assert.strictEqual(count, 1)
		assert.strictEqual((await client(key(GLOBEX_KEY)).from('api_keys').select('*', { count: 'exact', head: true }).eq('account_id', ACME)).count, 0)
	})

	// Views of one schema that refer to one another: what PostgREST embeds is seen with the same eyes.
	example('embedded resources show what the caller sees, or are refused', async () => {
		for (const [name, embedded] of [['api_keys', 'profiles'], ['profiles', 'role_assignments'], ['role_assignments', 'roles'], ['accounts', 'api_keys'], ['workspaces', 'accounts']]) {
			const { data, error, status } = await client(key(GLOBEX_KEY)).from(name).select(`*,${embedded}(*)`)
			assert.ok(status === 200 || ['PGRST200', 'PGRST201'].includes(error.code), `${name}, ${embedded}: ${JSON.stringify(error)}`)
			assert.ok(!JSON.stringify(data || []).includes(ACME))
		}
		await refusedThere(400, 'PGRST200', 'GET', '/accounts?select=*,credentials(*)', key(ACME_KEY))
	})

	example('a session sees what its user may see, in the account that it names', async () => {
		const session = { Authorization: `Session ${await logIn('ann@example.com')}`, 'X-Account-Id': ACME }
		const { data } = await client(session).from('sessions').select('session_id,current').eq('current', true)
		assert.strictEqual(data.length, 1)
		assert.deepStrictEqual((await client(session).from('profiles').select('profile_id').eq('profile_id', ANN)).data, [{ profile_id: ANN }])
		assert.deepStrictEqual((await client(session).rpc('current_profile_id')).data, ANN)
		assert.strictEqual((await client({ ...session, 'X-Account-Id': 'Acme' }).from('accounts').select()).error.code, 'VALIDATION_FAILED')
		assert.ok(['NOT_FOUND', 'FORBIDDEN'].includes((await client({ ...session, 'X-Account-Id': process.env.GLOBEX }).from('accounts').select()).error.code))
	})

	example('a key in each of its places', async () => {
		for (const headers of [key(ACME_KEY), { Authorization: `ApiKey ${ACME_KEY}` }, { Authorization: `Basic ${Buffer.from(`${ACME_KEY}:`).toString('base64')}` }, { Authorization: `Bearer ${ACME_KEY}` }]) {
			assert.deepStrictEqual((await client(headers).rpc('current_account_id')).data, ACME)
		}
	})

	example('an error of ours has PostgREST\'s four members, and the documents\' in its details', async () => {
		const missing = await refusedThere(401, 'MISSING_API_KEY', 'GET', '/accounts')
		assert.strictEqual(missing.headers['www-authenticate'], 'Bearer realm="account"')
		assert.deepStrictEqual(Object.keys(missing.json()).sort(), ['code', 'details', 'hint', 'message'])
	})

	// What there is, for people: titles and descriptions come from comments.
	example('GET / describes what the caller may use, and no more', async () => {
		const described = async headers => (await ask('GET', '/', headers)).json()
		const [anonymous, tenant] = [await described({}), await described(key(ACME_KEY))]
		assert.ok(!('/accounts' in anonymous.paths) && !('/rpc/create_account' in anonymous.paths) && '/rpc/login' in anonymous.paths)
		for (const name of names) assert.ok(tenant.paths[`/${name}`], name)
		for (const [path, { get, post }] of Object.entries(tenant.paths)) {
			assert.ok(path === '/' || ((get || post).summary || '').length > 5, `${path}: ${JSON.stringify(get || post)}`)
		}
		assert.ok(!Object.keys(tenant.paths).some(path => /authenticate|act_as|isolate|setup/.test(path)))
	})
}
