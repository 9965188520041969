// An application of two tenants over one pool; see test/adopt/run.
const assert = require('assert')
const { Pool } = require('pg')
const { asAccount } = require('./account')

const { ALICE, BOB } = process.env
const bodies = client => client.query('SELECT body FROM notes ORDER BY id').then(({ rows }) => rows.map(row => row.body))
const add = body => client => client.query('INSERT INTO notes (body) VALUES ($1)', [body])

async function check (max) {
	const pool = new Pool({ max })
	const before = await asAccount(pool, ALICE, bodies)
	await asAccount(pool, ALICE, add('from alice'))
	assert.deepStrictEqual(await asAccount(pool, ALICE, bodies), [...before, 'from alice'])
	assert.deepStrictEqual(await asAccount(pool, BOB, bodies), [])
	console.log(`ok: a request reads and writes the rows of its account, with ${max} connections`)

	await assert.rejects(asAccount(pool, BOB, async client => {
		await add('half done')(client)
		throw new Error('no')
	}))
	assert.deepStrictEqual(await asAccount(pool, BOB, bodies), [])
	console.log('ok: a request that fails leaves nothing behind')

	await assert.rejects(asAccount(pool, '00000000-0000-4000-8000-000000000000', bodies), { code: 'TA010' })
	assert.deepStrictEqual(await bodies(pool), [])
	console.log('ok: the connection goes back to the pool without an identity')

	const seen = await Promise.all(Array.from({ length: 200 }, (_, i) =>
		asAccount(pool, i % 2 ? ALICE : BOB, client =>
			client.query('SELECT account.current_account_id() AS id').then(({ rows }) => rows[0].id))))
	seen.forEach((id, i) => assert.strictEqual(id, i % 2 ? ALICE : BOB))
	console.log('ok: 200 requests at once keep apart')
	await pool.end()
}

check(1).then(() => check(8)).catch(error => {
	console.error(error)
	process.exit(1)
})
