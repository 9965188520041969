// Stands in for PostgREST where there is none: the same transaction for each request, over
// the same kind of pooled connection, the same statements, and the same answers for what
// the tests ask.  What it serves it finds where PostgREST does, in its role's settings.
const http = require('http')
const { createHmac, timingSafeEqual } = require('crypto')
const { Pool } = require('pg')
const { look, describe } = require('./catalog')
const { Refusal, answerOf, answerRows } = require('./answers')
const { plan, profile } = require('./plan')

// The role of a JWT, signed with HS256; nothing if there is none.
function claimed (authorization, secret) {
	const token = (/^bearer (.*)$/i.exec(authorization || '') || [])[1]
	const refusal = (code, message) => new Refusal(401, code, message)

	if (token === undefined) return null
	if (!secret) throw new Refusal(500, 'PGRST300', 'Server lacks JWT secret')
	const parts = token.split('.')
	if (parts.length !== 3) throw refusal('PGRST301', `Expected 3 parts in JWT; got ${parts.length}`)
	const signature = createHmac('sha256', secret).update(`${parts[0]}.${parts[1]}`).digest()
	const given = Buffer.from(parts[2], 'base64url')
	const member = i => JSON.parse(Buffer.from(parts[i], 'base64url').toString())
	if (member(0).alg !== 'HS256') throw refusal('PGRST301', 'Wrong or unsupported encoding algorithm')
	if (given.length !== signature.length || !timingSafeEqual(given, signature)) throw refusal('PGRST301', 'None of the keys was able to decode the JWT')
	const claims = member(1)
	if (claims.exp && claims.exp < Date.now() / 1000) throw refusal('PGRST303', 'JWT expired')
	return claims
}

// Headers are UTF-8, or it fails.
function headersOf (message) {
	const decoder = new TextDecoder('utf-8', { fatal: true })

	return Object.fromEntries(Object.entries(message.headers).map(([name, value]) => [name, decoder.decode(Buffer.from(value, 'latin1'))]))
}

async function begin (client, catalog, request, url, schema, role, claims, todo) {
	const { cookie = '', ...headers } = request.headers
	const cookies = Object.fromEntries(cookie.split(/; */).filter(Boolean).map(pair => pair.split(/=(.*)/s)))

	await client.query(`BEGIN ISOLATION LEVEL READ COMMITTED READ ${todo.writes ? 'WRITE' : 'ONLY'}`)
	await client.query(`SELECT set_config('search_path', $1, true), set_config('role', $2, true), set_config('request.jwt.claims', $3, true),
		set_config('request.method', $4, true), set_config('request.path', $5, true), set_config('request.headers', $6, true), set_config('request.cookies', $7, true)`,
	[`"${schema}", "public"`, role, JSON.stringify(claims || { role }), request.method, url.pathname, JSON.stringify(headers), JSON.stringify(cookies)])
	await client.query(`SELECT ${catalog.pre_request.map(part => `"${part}"`).join('.')}()`)
}

async function main (client, catalog, request, schema, todo) {
	if (todo.describes) return { status: 200, headers: { 'Content-Type': 'application/openapi+json; charset=utf-8' }, body: JSON.stringify(await describe(client, catalog, schema)) }
	const { rows: [row] } = await client.query(todo.text, todo.values)
	let total = row.total === null ? null : Number(row.total)
	if (todo.planned) {
		const { rows: [{ 'QUERY PLAN': [{ Plan: plan }] }] } = await client.query(`EXPLAIN (FORMAT JSON) ${todo.planned}`, todo.values.slice(0, (todo.planned.match(/\$\d/g) || []).length))
		total = Math.max(total || 0, plan['Plan Rows'])
	}
	if (todo.asked.accept === 'object' && Number(row.page) !== 1) {
		throw new Refusal(406, 'PGRST116', 'Cannot coerce the result to a single JSON object', `The result contains ${row.page} rows`)
	}
	return answerRows(catalog, request, schema, todo, row, total)
}

// One request: a transaction, after which nothing of it may be left on the connection.
async function answer (pool, catalog, request, secret, left) {
	let client
	let claims

	try {
		claims = claimed(request.headers.authorization, secret)
		const url = new URL(request.url.replace(/^\/+/, '/'), 'http://localhost')
		const schema = profile(catalog, request.method, request.headers)
		const todo = plan(catalog, request, url, schema)
		if (todo.allowed) return { status: 200, headers: { 'Access-Control-Allow-Origin': '*', Allow: todo.allowed }, body: '' }
		client = await pool.connect()
		await begin(client, catalog, request, url, schema, (claims && claims.role) || catalog.anonymous, claims, todo)
		const answered = await main(client, catalog, request, schema, todo)
		await client.query('COMMIT')
		return answered
	} catch (error) {
		if (client) await client.query('ROLLBACK')
		const { body, ...rest } = answerOf(error, Boolean(claims && claims.role && claims.role !== catalog.anonymous))
		return { ...rest, headers: { 'Content-Type': 'application/json; charset=utf-8', ...rest.headers }, body: request.method === 'HEAD' ? '' : JSON.stringify(body) }
	} finally {
		if (client) await remains(client, catalog, request, left)
		if (client) client.release()
	}
}

// What the next request would find: its role, its settings and its identity.
async function remains (client, catalog, { method, url }, left) {
	await client.query(`BEGIN READ ONLY; SET LOCAL ROLE "${catalog.anonymous}"`)
	const { rows: [found] } = await client.query(`SELECT "account_api".current_account_id() AS account, nullif(current_setting('request.headers', true), '') AS request,
		nullif(current_setting('response.headers', true), '') AS response`)
	await client.query('COMMIT')
	const { rows: [{ role }] } = await client.query('SELECT nullif(current_user, session_user) AS role')
	const kept = Object.entries({ ...found, role }).filter(([, value]) => value !== null)
	if (kept.length > 0) left.push([method, url, kept])
}

// Listens on a UNIX socket; every request that arrives is added to received, and to left what one has left behind.
exports.start = async function (socket, max, secret) {
	const pool = new Pool({ max })
	const catalog = await look(pool)
	const [received, left, ended] = [[], [], new WeakSet()]
	const server = http.createServer((message, response) => {
		const chunks = []

		if (ended.has(message.socket)) return message.socket.destroy()
		message.on('data', chunk => chunks.push(chunk)).on('end', async () => {
			try {
				const request = { method: message.method, url: message.url, headers: headersOf(message), bytes: Buffer.concat(chunks) }
				received.push(request)
				const { status, headers, body } = await answer(pool, catalog, request, secret, left)
				response.writeHead(status, headers).end(body === '' ? undefined : body)
				// As PostgREST's does, a connection ends after an answer to HEAD that has not said so.
				if (message.method === 'HEAD') ended.add(message.socket)
			} catch {
				response.writeHead(500, { 'Content-Type': 'text/plain' }).end('Something went wrong')
			}
		})
	})

	await new Promise(resolve => server.listen(socket, resolve))
	return { received, left, stop: () => new Promise(resolve => { server.close(resolve); server.closeAllConnections() }).then(() => pool.end()) }
}
