// From a request that has been read to the one statement that PostgREST runs for it.
const { Refusal } = require('./answers')

const OPERATORS = {
	eq: '=', neq: '<>', gt: '>', gte: '>=', lt: '<', lte: '<=', like: 'LIKE', ilike: 'ILIKE', match: '~', imatch: '~*',
	cs: '@>', cd: '<@', ov: '&&', isdistinct: 'IS DISTINCT FROM', fts: '@@ to_tsquery', plfts: '@@ plainto_tsquery'
}
const ARGUMENTS = '"pgrst_body"'
const quote = name => '"' + name.replace(/"/g, '""') + '"'
const literal = text => "'" + text.replace(/'/g, "''") + "'"

// A statement being put together: every value of the request is a parameter.
class Statement {
	constructor (request, schema, name) {
		Object.assign(this, { request, name, target: `${quote(schema)}.${quote(name)}`, values: [] })
	}

	value (value) {
		return `$${this.values.push(value)}`
	}

	field (from, { name, path }) {
		const base = name === '*' ? `${from}.*` : `${from}.${quote(name)}`

		if (path.length === 0) return base
		return `to_jsonb(${base})${path.map(([arrow, member]) => arrow + (/^-?\d+$/.test(member) ? member : literal(member))).join('')}`
	}

	selected (from) {
		return this.request.select.map(({ embedded, name, path, cast, alias }) => {
			if (embedded !== undefined) {
				throw new Refusal(400, 'PGRST200', `Could not find a relationship between '${this.name}' and '${embedded}' in the schema cache`)
			}
			const field = this.field(from, { name, path })
			const shown = alias || (path.length > 0 ? path[path.length - 1][1] : cast && name)
			return (cast ? `CAST(${field} AS ${cast})` : field) + (shown ? ` AS ${quote(shown)}` : '')
		}).join(', ') || `${from}.*`
	}

	condition (from, item) {
		if (item.of) return `${item.not ? 'NOT ' : ''}(${item.of.map(one => this.condition(from, one)).join(item.all ? ' AND ' : ' OR ')})`
		const { not, field, operator, value } = item
		const start = `${not ? 'NOT ' : ''}${this.field(from, field)}`

		if (operator === 'is') return `${start} IS ${value.toUpperCase().replace('_', ' ')}`
		if (operator === 'in') return `${start} = ANY (${this.value(value)})`
		if (operator.endsWith('fts')) return `${start} ${OPERATORS[operator]}(${this.value(value)})`
		return `${start} ${OPERATORS[operator]} ${this.value(/like$/.test(operator) ? value.replace(/\*/g, '%') : value)}`
	}

	where (from) {
		const conditions = [...this.request.filters, ...this.request.logic].map(item => this.condition(from, item))

		return conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : ''
	}

	order (from) {
		const terms = this.request.order.map(({ field, direction, nulls }) =>
			`${this.field(from, field)} ${direction.toUpperCase()}${nulls ? ` NULLS ${nulls.toUpperCase()}` : ''}`)

		return terms.length > 0 ? ` ORDER BY ${terms.join(', ')}` : ''
	}

	limit () {
		const { offset, limit } = this.request.range

		return offset === 0 && limit === Infinity ? '' : ` LIMIT ${limit === Infinity ? 'ALL' : this.value(limit)} OFFSET ${this.value(offset)}`
	}

	// The members of the body as columns of a row, or as many rows as it has objects.
	body (columns, types, text, one) {
		const list = columns.map(quote).join(', ')
		const typed = columns.map(column => `${quote(column)} ${types[column]}`).join(', ')
		const object = /^\s*\{/.test(text)
		const rows = columns.length === 0 ? (object || one ? '(VALUES (1)) _' : 'json_array_elements(pgrst_payload.json_data) _')
			: `json_to_record${object ? '' : 'set'}(pgrst_payload.json_data) AS _(${typed})`

		return `FROM (SELECT ${this.value(text)}::json AS json_data) pgrst_payload, LATERAL (SELECT ${list} FROM ${rows}${one ? ' LIMIT 1' : ''}) ${ARGUMENTS}`
	}

	// What every statement answers with, of the rows that are selected.
	answer (source, rows, body, page = 'count(_postgrest_t)') {
		const { prefer } = this.request
		const counted = /^(exact|estimated)$/.test(prefer.count || '') && this.counting
		const text = `WITH pgrst_source AS (${source})${counted ? `, pgrst_source_count AS (${this.counting})` : ''}
			SELECT ${counted ? '(SELECT count(*) FROM pgrst_source_count)' : 'NULL'} AS total, ${page} AS page, ${body}::text AS body,
			nullif(current_setting('response.headers', true), '') AS headers, nullif(current_setting('response.status', true), '') AS status
			FROM (${rows}) _postgrest_t`

		return { text, values: this.values, planned: /^(planned|estimated)$/.test(prefer.count || '') && this.counting }
	}

	rows () {
		return this.request.accept === 'object' ? "coalesce(json_agg(_postgrest_t)->0, 'null')" : "coalesce(json_agg(_postgrest_t), '[]')"
	}
}

exports.read = function (request, relation) {
	const statement = new Statement(request, relation.schema, relation.name)
	const { target } = statement
	const where = statement.where(target)

	statement.counting = `SELECT 1 FROM ${target}${where}`
	return statement.answer(`SELECT ${statement.selected(target)} FROM ${target}${where}${statement.order(target)}${statement.limit()}`,
		'SELECT * FROM pgrst_source', statement.rows())
}

// The columns that a body sets, every one of which has to be one of the relation.
function columnsOf (request, relation, text) {
	const given = JSON.parse(text)
	const columns = request.columns || Object.keys(Array.isArray(given) ? given[0] || {} : given)

	for (const column of columns) {
		if (!(column in relation.columns)) throw new Refusal(400, 'PGRST204', `Could not find the '${column}' column of '${relation.name}' in the schema cache`)
	}
	return columns
}

// INSERT, UPDATE or DELETE, and the rows that it returns where they are wanted.
exports.write = function (method, request, relation, text) {
	const statement = new Statement(request, relation.schema, relation.name)
	const { target } = statement
	const wanted = request.prefer.return === 'representation'
	const returning = ` RETURNING ${wanted ? returned(statement) : '1'}`
	const columns = method === 'DELETE' ? [] : columnsOf(request, relation, text)
	const list = columns.map(quote).join(', ')
	let source

	if (method === 'POST') {
		source = `INSERT INTO ${target}${columns.length > 0 ? ` (${list})` : ''} SELECT ${columns.map(column => `${ARGUMENTS}.${quote(column)}`)}
			${statement.body(columns, relation.columns, text, false)}${returning}`
	} else if (method === 'DELETE') source = `DELETE FROM ${target}${statement.where(target)}${returning}`
	else if (columns.length === 0) source = `SELECT ${target}.* FROM ${target} WHERE false`
	else {
		source = `UPDATE ${target} SET ${columns.map(column => `${quote(column)} = ${ARGUMENTS}.${quote(column)}`)}
			${statement.body(columns, relation.columns, text, false)}${statement.where(target)}${returning}`
	}
	return statement.answer(source, `SELECT ${wanted ? statement.selected('"pgrst_source"') : '*'} FROM pgrst_source`, wanted ? statement.rows() : "''")
}

// Every column that is selected, once.
function returned (statement) {
	const names = [...new Set(statement.request.select.filter(item => item.name).map(item => item.name))]

	return names.length === 0 || names.includes('*') ? `${statement.target}.*` : names.map(name => `${statement.target}.${quote(name)}`).join(', ')
}

// A function, called with what the address or the body has for its arguments.
exports.call = function (method, request, routine, text) {
	const statement = new Statement(request, routine.schema, routine.name)
	const given = method === 'POST' ? Object.keys(routine.whole ? {} : JSON.parse(text || '{}')) : Object.keys(request.arguments)
	const types = Object.fromEntries(routine.arguments.map(({ name, type }) => [name, type]))
	let from = ''
	let passed = ''

	if (routine.whole) passed = `${statement.value(text)}::${routine.arguments[0].type}`
	else if (method !== 'POST') passed = given.map(name => `${quote(name)} := ${statement.value(request.arguments[name])}::${types[name]}`)
	else if (given.length > 0) {
		from = `${statement.body(given, types, text, true)}, LATERAL `
		passed = given.map(name => `${quote(name)} := ${ARGUMENTS}.${quote(name)}`)
	}
	const call = `${statement.target}(${passed})`
	const source = `SELECT pgrst_call.* ${from || 'FROM '}${routine.composite ? call : `(SELECT ${call} pgrst_scalar)`} pgrst_call`
	const [one, all] = routine.composite ? ['json_agg(_postgrest_t)->0', 'json_agg(_postgrest_t)'] : ['json_agg(_postgrest_t.pgrst_scalar)->0', 'json_agg(_postgrest_t.pgrst_scalar)']
	const rows = `SELECT ${statement.selected('"pgrst_source"')} FROM pgrst_source${statement.where('"pgrst_source"')}${statement.order('"pgrst_source"')}${statement.limit()}`

	statement.counting = 'SELECT 1 FROM pgrst_source'
	return statement.answer(source, rows, routine.set && request.accept === 'array' ? `coalesce(${all}, '[]')` : `coalesce(${one}, 'null')`,
		routine.set ? undefined : '1')
}
