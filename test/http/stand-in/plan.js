// From a request to what is run for it, or why nothing is.
const { Refusal } = require('./answers')
const { read } = require('./request')
const statements = require('./query')

// The schema that a request is for.
exports.profile = function (catalog, method, headers) {
	const name = headers[/^(POST|PATCH|PUT|DELETE)$/.test(method) ? 'content-profile' : 'accept-profile']

	if (name !== undefined && !catalog.schemas.includes(name)) {
		throw new Refusal(406, 'PGRST106', `Invalid schema: ${name}`, null, `Only the following schemas are exposed: ${catalog.schemas.join(', ')}`)
	}
	return name || catalog.schemas[0]
}

const mediaType = request => (request.headers['content-type'] || 'application/json').split(';')[0].trim()

function bodyOf (request, called) {
	const type = mediaType(request)
	const text = request.bytes.toString()

	if (called && text === '') return '{}'
	if (called && type === 'application/x-www-form-urlencoded') return JSON.stringify(Object.fromEntries(new URLSearchParams(text)))
	if (type !== 'application/json') throw new Refusal(400, 'PGRST102', `Content-Type not acceptable: ${type}`)
	let given
	try {
		given = JSON.parse(text)
	} catch {
		throw new Refusal(400, 'PGRST102', 'Empty or invalid json')
	}
	const keys = one => JSON.stringify(Object.keys(one).sort())
	if (Array.isArray(given) && given.some(one => one === null || typeof one !== 'object' || keys(one) !== keys(given[0]))) {
		throw new Refusal(400, 'PGRST102', 'All object keys must match')
	}
	return text
}

// What is to be run: { text, values, routine, writes }, or a description of the schema, or of what is allowed.
exports.plan = function (catalog, request, url, schema) {
	const { method, headers } = request
	const [, first, second, ...more] = url.pathname.split('/').map(decodeURIComponent)
	const called = first === 'rpc' && second !== undefined
	const safe = method === 'GET' || method === 'HEAD'

	if (more.length > 0 || (second !== undefined && !called)) throw new Refusal(404, 'PGRST125', 'Invalid path specified in request URL')
	if (method === 'OPTIONS') return { allowed: allowed(catalog, schema, called, first, second) }
	if (called ? !safe && method !== 'POST' : !/^(GET|HEAD|POST|PATCH|DELETE)$/.test(method)) {
		throw new Refusal(405, called ? 'PGRST101' : 'PGRST117', called ? `Cannot use the ${method} method on RPC` : `Unsupported HTTP method: ${method}`)
	}
	const asked = read(method, url, headers, called && safe)
	if (first === '') return { describes: true, asked }
	if (called) return planCall(catalog, request, schema, second, asked, safe)
	if (safe) return { ...statements.read(asked, catalog.relation(schema, first)), asked }
	return { ...statements.write(method, asked, catalog.relation(schema, first), method === 'DELETE' ? '' : bodyOf(request, false)), asked, writes: true }
}

function planCall (catalog, request, schema, name, asked, safe) {
	const whole = { 'application/octet-stream': 'bytea', 'text/plain': 'text' }[mediaType(request)]
	const body = safe || whole ? request.bytes : bodyOf(request, true)
	const given = safe ? asked.arguments : whole ? {} : JSON.parse(body)
	const names = Array.isArray(given) || given === null || typeof given !== 'object' ? [] : Object.keys(given)
	const routine = catalog.routine(schema, name, names, safe ? '' : whole || 'json')

	if (/max-affected/.test(asked.prefer.applied) && asked.prefer.handling === 'strict' && !routine.set) {
		throw new Refusal(400, 'PGRST128', 'Function must return SETOF or TABLE when max-affected preference is used with handling=strict')
	}
	return { ...statements.call(request.method, asked, routine, body), asked, routine, writes: !safe && routine.volatile }
}

function allowed (catalog, schema, called, first, second) {
	if (called) return catalog.routines.some(one => one.name === second && !one.volatile) ? 'OPTIONS,GET,HEAD,POST' : 'OPTIONS,POST'
	if (first === '') return 'OPTIONS,GET,HEAD'
	const { insertable, updatable, deletable } = catalog.relation(schema, first)
	return ['OPTIONS,GET,HEAD', insertable && 'POST', updatable && 'PATCH', deletable && 'DELETE'].filter(Boolean).join(',')
}
