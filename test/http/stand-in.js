// Stands in for PostgREST where there is none: the same transaction for each request, over
// the same kind of pooled connection, and the same answers for what the tests ask.
const http = require('http')
const { Pool } = require('pg')

const SCHEMA = 'account_api'
const quote = name => '"' + name.replace(/"/g, '""') + '"'

// SQLSTATE to status, as PostgREST has it.
function statusOf (code) {
	if (/^PT\d{3}$/.test(code)) return Number(code.slice(2))
	if (code === '42501') return 401
	if (/^(28|0L|0P)/.test(code)) return 403
	if (code === '42883' || code === '42P01') return 404
	if (code === '25006') return 405
	if (code === '23503' || code === '23505') return 409
	if (/^53/.test(code)) return 503
	if (/^(40|54|55|57|58|XX|P0)/.test(code) && code !== 'P0001') return 500
	return 400
}

function errorAnswer (error) {
	if (error.code !== 'PGRST') {
		return { status: statusOf(error.code || 'XX000'), headers: {}, body: JSON.stringify({ code: error.code, message: error.message, details: error.detail || null, hint: error.hint || null }) }
	}
	const { status, headers } = JSON.parse(error.detail)
	const { code, message, details, hint } = JSON.parse(error.message)
	return { status, headers, body: JSON.stringify({ code, message, details, hint }) }
}

// What PostgREST knows from its schema cache.
async function look (pool) {
	const { rows } = await pool.query(`SELECT proname AS name, provolatile <> 'v' AS stable, proretset AS set, prorettype = 'void'::regtype AS nothing,
		pronargs = 1 AND proargnames IS NULL AND proargtypes[0] = 'json'::regtype AS body FROM pg_proc WHERE pronamespace = $1::regnamespace`, [SCHEMA])
	return new Map(rows.map(row => [row.name, row]))
}

// The main query and its parameters.
function mainQuery (method, url, body, routine) {
	const name = url.pathname.replace(/^\/(rpc\/)?/, '')
	const target = `${quote(SCHEMA)}.${quote(name)}`
	const given = method === 'POST' ? JSON.parse(routine && routine.body ? '{}' : body || '{}') : Object.fromEntries(url.searchParams)
	const keys = Object.keys(given)
	const value = key => given[key] !== null && typeof given[key] === 'object' && !Array.isArray(given[key]) ? JSON.stringify(given[key]) : given[key]

	if (routine && routine.body) return [`SELECT ${target}($1::json)::text AS body`, [body]]
	if (url.pathname.startsWith('/rpc/')) {
		const call = `${target}(${keys.map((key, i) => `${quote(key)} := $${i + 1}`)})`
		const query = !routine || routine.nothing ? `SELECT NULL AS body FROM ${call}`
			: routine.set ? `SELECT coalesce(json_agg(t), '[]')::text AS body FROM ${call} t` : `SELECT to_json(t)::text AS body FROM ${call} t`
		return [query, keys.map(value)]
	}
	if (method === 'POST') {
		const columns = keys.map(quote)
		return [`WITH made AS (INSERT INTO ${target} (${columns}) SELECT ${columns} FROM json_populate_record(NULL::${target}, $1) RETURNING *)
			SELECT coalesce(json_agg(made), '[]')::text AS body FROM made`, [body]]
	}
	return [`SELECT coalesce(json_agg(t), '[]')::text AS body FROM ${target} t`, []]
}

async function answer (pool, anonymous, routines, request, body) {
	const url = new URL(request.url, 'http://localhost')
	const { cookie = '', ...headers } = request.headers
	const cookies = Object.fromEntries(cookie.split(/; */).filter(Boolean).map(pair => pair.split(/=(.*)/s)))
	const routine = url.pathname.startsWith('/rpc/') ? routines.get(url.pathname.slice(5)) : undefined
	const client = await pool.connect()

	if (/^bearer /i.test(headers.authorization || '')) {
		client.release()
		return { status: 401, headers: {}, body: JSON.stringify({ code: 'PGRST301', message: 'JWT could not be decoded', details: null, hint: null }) }
	}
	try {
		const readOnly = request.method !== 'POST' || (routine && routine.stable)
		const [text, values] = mainQuery(request.method, url, body, routine)
		await client.query(`BEGIN ISOLATION LEVEL READ COMMITTED READ ${readOnly ? 'ONLY' : 'WRITE'}`)
		await client.query(`SELECT set_config('search_path', $1, true), set_config('role', $2, true), set_config('request.jwt.claims', $3, true),
			set_config('request.method', $4, true), set_config('request.path', $5, true), set_config('request.headers', $6, true), set_config('request.cookies', $7, true)`,
		[`"${SCHEMA}", "public"`, anonymous, JSON.stringify({ role: anonymous }), request.method, url.pathname, JSON.stringify(headers), JSON.stringify(cookies)])
		await client.query(`SELECT ${quote(SCHEMA)}."pre_request"()`)
		const { rows: [row] } = await client.query(text, values)
		const { rows: [set] } = await client.query("SELECT nullif(current_setting('response.status', true), '') AS status, nullif(current_setting('response.headers', true), '') AS headers")
		await client.query('COMMIT')
		const made = request.method === 'POST' && !url.pathname.startsWith('/rpc/')
		const status = Number(set.status || (made ? 201 : routine && routine.nothing ? 204 : 200))
		return { status, headers: Object.assign({}, ...JSON.parse(set.headers || '[]')), body: row && row.body !== null ? row.body : 'null' }
	} catch (error) {
		await client.query('ROLLBACK')
		return errorAnswer(error)
	} finally {
		client.release()
	}
}

// Listens on a UNIX socket; every request that arrives is added to received.
exports.start = async function (socket, anonymous, max) {
	const pool = new Pool({ max })
	const routines = await look(pool)
	const received = []
	const server = http.createServer((request, response) => {
		const chunks = []

		request.on('data', chunk => chunks.push(chunk)).on('end', async () => {
			const body = Buffer.concat(chunks).toString()
			received.push({ method: request.method, url: request.url, headers: request.headers, body })
			const { status, headers, body: answered } = await answer(pool, anonymous, routines, request, body)
			response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8', ...headers })
			response.end(status === 204 || request.method === 'HEAD' ? undefined : answered)
		})
	})

	await new Promise(resolve => server.listen(socket, resolve))
	return { received, pool, stop: () => new Promise(resolve => { server.close(resolve); server.closeAllConnections() }).then(() => pool.end()) }
}
