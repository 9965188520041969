// Reads a request as PostgREST does: what is selected, filtered, ordered, and preferred.
const { Refusal } = require('./answers')

const RESERVED = /^(select|columns|on_conflict|order|limit|offset|and|or|not\.and|not\.or)$/
const OPERATION = /^(not\.)?(eq|neq|gte|gt|lte|lt|like|ilike|match|imatch|cs|cd|ov|is|in|isdistinct|fts|plfts|phfts|wfts)(\((?:any|all|[a-z]+)\))?\.(.*)$/s

const unreadable = (what, text) => new Refusal(400, 'PGRST100', `"failed to parse ${what} (${text})" (line 1, column 1)`, `unexpected ${text}`)

// At commas that stand in no parentheses, braces or quotes.
function split (text) {
	const parts = ['']
	let depth = 0
	let quoted = false

	for (let i = 0; i < text.length; i++) {
		const letter = text[i]
		if (quoted && letter === '\\') parts[parts.length - 1] += letter + text[++i]
		else if (!quoted && depth === 0 && letter === ',') parts.push('')
		else {
			if (letter === '"') quoted = !quoted
			if (!quoted && '({['.includes(letter)) depth++
			if (!quoted && ')}]'.includes(letter)) depth--
			parts[parts.length - 1] += letter
		}
	}
	return parts
}

const unquote = text => /^".*"$/s.test(text) ? text.slice(1, -1).replace(/\\(.)/gs, '$1') : text

// name, and what follows it into JSON: [['->', 'a'], ['->>', 'b']]
function readField (text, what) {
	const [name, ...rest] = text.trim().split(/(->>?)/)

	if (!/^("[^"]+"|[\p{L}\p{N}_ $-]+|\*)$/u.test(name)) throw unreadable(what, text)
	return { name: unquote(name), path: rest.flatMap((part, i) => i % 2 === 0 ? [[part, unquote(rest[i + 1])]] : []) }
}

function readSelect (text) {
	return split(text).filter(Boolean).map(item => {
		const [, alias, rest] = /^(?:([^:"(]+|"[^"]+"):(?!:))?(.*)$/s.exec(item.trim())
		if (/\.(sum|avg|min|max|count)\(\)/.test(rest) || rest === 'count()') throw new Refusal(400, 'PGRST123', 'Use of aggregate functions is not allowed')
		const embedded = /^(?:\.\.\.)?([^(]+)\(.*\)$/s.exec(rest)
		if (embedded) return { embedded: embedded[1].split('!')[0] }
		const [field, cast] = rest.split('::')
		if (cast !== undefined && !/^[a-z0-9_ ()]+$/i.test(cast)) throw unreadable('select parameter', text)
		return { ...readField(field, 'select parameter'), cast, alias: alias && unquote(alias) }
	})
}

function readOperation (text) {
	const found = OPERATION.exec(text)

	if (!found) return null
	const [, not, operator, , value] = found
	if (operator === 'is' && !/^(null|not_null|true|false|unknown)$/i.test(value)) throw unreadable('filter', text)
	if (operator === 'in' && !/^\(.*\)$/s.test(value)) throw unreadable('filter', text)
	return { not: Boolean(not), operator, value: operator === 'in' ? split(value.slice(1, -1)).map(unquote) : value }
}

function readFilter (name, text) {
	const operation = readOperation(text)

	if (!operation) throw unreadable('filter', text)
	return { field: readField(name, 'tree path'), ...operation }
}

// (a.eq.1,or(b.gt.2,c.is.null)) of and, or, not.and, not.or
function readLogic (kind, text) {
	if (!/^\(.*\)$/s.test(text)) throw unreadable('logic tree', text)
	return {
		not: kind.startsWith('not.'),
		all: kind.endsWith('and'),
		of: split(text.slice(1, -1)).map(item => {
			const nested = /^((?:not\.)?(?:and|or))(\(.*\))$/s.exec(item.trim())
			if (nested) return readLogic(nested[1], nested[2])
			const [, name, rest] = /^((?:"[^"]*"|[^."])+)\.(.*)$/s.exec(item.trim()) || []
			if (name === undefined) throw unreadable('logic tree', text)
			return readFilter(name, rest)
		})
	}
}

function readOrder (text) {
	return split(text).map(term => {
		const [, field, direction, nulls] = /^(.*?)(?:\.(asc|desc))?(?:\.nulls(first|last))?$/s.exec(term)
		return { field: readField(field, 'order'), direction: direction || '', nulls: nulls || '' }
	})
}

// Rows from the first to the last, of limit and offset and, for GET, the header Range.
function readRange (method, query, headers) {
	const unsatisfiable = details => new Refusal(416, 'PGRST103', 'Requested range not satisfiable', details)
	const limit = /^-?\d+$/.test(query.get('limit') || '') ? Number(query.get('limit')) : Infinity
	let offset = /^\d+$/.test(query.get('offset') || '') ? Number(query.get('offset')) : 0
	let last = offset + limit - 1
	const range = method === 'GET' && /^(\d+)-(\d*)$/.exec(headers.range || '')

	if (limit < 0) throw unsatisfiable('Limit should be greater than or equal to zero.')
	if (range) {
		const until = range[2] === '' ? Infinity : Number(range[2])
		if (until < Number(range[1])) throw unsatisfiable('The lower boundary must be lower than or equal to the upper boundary in the Range header.')
		offset = Math.max(offset, Number(range[1]))
		last = Math.min(last, until)
	}
	return { offset, limit: last === Infinity ? Infinity : last - offset + 1 }
}

function readPreferences (header) {
	const [applied, preferences] = [[], {}]

	for (const preference of (header || '').split(',').map(part => part.trim()).filter(Boolean)) {
		const [name, value] = preference.split('=')
		preferences[name] = value
		if (name !== 'tx') applied.push(preference)
	}
	return { ...preferences, applied: applied.join(', ') }
}

function readAccept (header) {
	const types = (header || '*/*').split(',').map(type => type.split(';')[0].trim())

	for (const type of types) {
		if (type === 'application/vnd.pgrst.object+json') return 'object'
		if (/^(application\/(json|openapi\+json|vnd\.pgrst\.array\+json)|application\/\*|\*\/\*)$/.test(type)) return 'array'
	}
	throw new Refusal(406, 'PGRST107', `None of these media types are available: ${types.join(', ')}`)
}

// Everything but the body; called tells parameters that are arguments of a function from filters.
exports.read = function (method, url, headers, called) {
	const query = url.searchParams
	const rest = [...query].filter(([name]) => !RESERVED.test(name))
	const isArgument = ([, value]) => called && !OPERATION.test(value)

	return {
		select: readSelect(query.get('select') ?? '*'),
		filters: rest.filter(pair => !isArgument(pair)).map(([name, value]) => readFilter(name, value)),
		arguments: Object.fromEntries(rest.filter(isArgument)),
		logic: ['and', 'or', 'not.and', 'not.or'].flatMap(kind => query.getAll(kind).map(text => readLogic(kind, text))),
		order: query.get('order') ? readOrder(query.get('order')) : [],
		columns: query.has('columns') ? split(query.get('columns')).map(unquote) : null,
		range: readRange(method, query, headers),
		prefer: readPreferences(headers.prefer),
		accept: readAccept(headers.accept)
	}
}
