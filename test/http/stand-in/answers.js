// What is answered: rows, PostgREST's own refusals, and errors of the database.
class Refusal extends Error {
	constructor (status, code, message, details = null, hint = null) {
		super(message)
		Object.assign(this, { status, code, details, hint })
	}
}

// SQLSTATE to status; a role that a JWT has named turns 401 into 403.
function statusOf ({ code = 'XX000', message }, named) {
	if (/^PT\d{3}$/.test(code)) return Number(code.slice(2))
	if (code === '42501') return named ? 403 : 401
	if (/^(28|0L|0P)/.test(code)) return 403
	if (code === '42883' || code === '42P01') return 404
	if (code === '25006') return 405
	if (code === '22023' && /^role .* does not exist$/.test(message)) return 401
	if (code === '23503' || code === '23505') return 409
	if (/^53/.test(code) && code !== '53400') return 503
	if (code === '21000' || code === '42P17') return 500
	if (/^(09|25|2D|38|39|3B|40|53|54|55|57|58|F0|HV|XX|P0)/.test(code) && code !== 'P0001') return 500
	return 400
}

// SQLSTATE PGRST: the message has the body and the detail the status.
function raised (error) {
	const { code, message, details, hint } = JSON.parse(error.message)
	const { status, headers } = JSON.parse(error.detail)

	return { status, headers, body: { code, message, details: details || null, hint: hint || null } }
}

function answerOf (error, named) {
	if (error instanceof Refusal) {
		const { status, code, message, details, hint } = error
		return { status, headers: status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {}, body: { code, message, details, hint } }
	}
	if (error.code === 'PGRST') return raised(error)
	const status = statusOf(error, named)
	return {
		status,
		headers: status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {},
		body: { code: error.code, message: error.message, details: error.detail || null, hint: error.hint || null }
	}
}

// Status and headers of rows that were read, written, or returned by a function.
function answerRows (catalog, request, schema, { asked, routine, writes }, row, total) {
	const { offset } = asked.range
	const page = Number(row.page)
	const representation = asked.prefer.return === 'representation'
	const range = page > 0 && total !== 0 ? `${offset}-${offset + page - 1}` : '*'
	const headers = { 'Content-Range': `${writes && !routine ? '*' : range}/${total === null ? '*' : total}` }
	let status = total !== null && page < total ? 206 : 200
	let body = row.body

	if (asked.prefer.applied) headers['Preference-Applied'] = asked.prefer.applied
	if (catalog.schemas.length > 1) headers['Content-Profile'] = schema
	if (total !== null && offset > total) throw new Refusal(416, 'PGRST103', 'Requested range not satisfiable', `An offset of ${offset} was requested, but there are only ${total} rows.`)
	if (routine && routine.nothing) [status, body] = [204, '']
	else if (writes && !routine) [status, body] = [request.method === 'POST' ? 201 : representation ? 200 : 204, representation ? body : '']
	for (const header of JSON.parse(row.headers || '[]')) Object.assign(headers, header)
	if (body !== '') headers['Content-Type'] = asked.accept === 'object' ? 'application/vnd.pgrst.object+json; charset=utf-8' : 'application/json; charset=utf-8'
	return { status: Number(row.status || status), headers, body: request.method === 'HEAD' ? '' : body }
}

module.exports = { Refusal, answerOf, answerRows }
