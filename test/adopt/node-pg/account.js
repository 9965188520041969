// Runs a request's queries in a transaction, as the account of whoever is logged in.
//
//	app.get('/notes', async (request, response) => {
//		const notes = await asAccount(pool, request.session.accountId, client =>
//			client.query('SELECT * FROM notes'))
//		response.json(notes.rows)
//	})
//
// Where the caller brings an API key or a session of its own: SELECT account.authenticate($1).
async function asAccount (pool, accountId, work) {
	const client = await pool.connect()
	let broken
	try {
		await client.query('BEGIN')
		await client.query('SELECT account.act_as($1, $2)', [process.env.APPLICATION_KEY, accountId])
		const result = await work(client)
		await client.query('COMMIT')
		return result
	} catch (error) {
		await client.query('ROLLBACK').catch(lost => { broken = lost })
		throw error
	} finally {
		client.release(broken)
	}
}

module.exports = { asAccount }
