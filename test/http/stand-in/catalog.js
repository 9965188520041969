// What PostgREST knows from its schema cache: relations and functions of the schemas that it serves.
const { Refusal } = require('./answers')

const RELATIONS = `SELECT n.nspname AS schema, c.relname AS name, obj_description(c.oid, 'pg_class') AS comment,
	(SELECT json_object_agg(a.attname, format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum) FROM pg_attribute a
		WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
	pg_relation_is_updatable(c.oid, true) & 8 <> 0 AS insertable, pg_relation_is_updatable(c.oid, true) & 4 <> 0 AS updatable,
	pg_relation_is_updatable(c.oid, true) & 16 <> 0 AS deletable
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'v', 'm', 'f', 'p')`
const ROUTINES = `SELECT n.nspname AS schema, p.proname AS name, obj_description(p.oid, 'pg_proc') AS comment,
	p.provolatile = 'v' AS volatile, p.proretset AS set, p.prorettype = 'void'::regtype AS nothing,
	t.typtype = 'c' OR p.prorettype = 'record'::regtype AS composite,
	(SELECT coalesce(json_agg(json_build_object('name', coalesce(p.proargnames[a.n], ''), 'type', format_type(a.type, NULL),
		'required', a.n <= p.pronargs - p.pronargdefaults) ORDER BY a.n), '[]') FROM unnest(p.proargtypes) WITH ORDINALITY a (type, n)) AS arguments
	FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_type t ON t.oid = p.prorettype
	WHERE n.nspname = ANY ($1) AND p.prokind = 'f' AND p.prorettype <> 'trigger'::regtype`

class Catalog {
	constructor (settings, relations, routines) {
		Object.assign(this, settings, { relations, routines })
	}

	relation (schema, name) {
		const found = this.relations.find(relation => relation.schema === schema && relation.name === name)

		if (!found) throw new Refusal(404, 'PGRST205', `Could not find the table '${schema}.${name}' in the schema cache`)
		return found
	}

	// The function that takes the names that are given; of a body, also one that takes it whole, as that type.
	routine (schema, name, names, type) {
		const found = this.routines.filter(routine => routine.schema === schema && routine.name === name)
		const fitting = !/^(bytea|text)$/.test(type) && found.find(({ arguments: all }) => !isWhole(all) && names.every(one => all.some(argument => argument.name === one)) &&
			all.every(argument => !argument.required || names.includes(argument.name)))
		const single = found.find(({ arguments: all }) => isWhole(all) && all[0].type.replace('jsonb', 'json') === type)

		if (!fitting && !single) {
			throw new Refusal(404, 'PGRST202', `Could not find the function ${schema}.${name}(${names.join(', ')}) in the schema cache`,
				`Searched for the function ${schema}.${name}, but no matches were found in the schema cache.`)
		}
		return fitting || { ...single, whole: true }
	}
}

const isWhole = all => all.length === 1 && all[0].name === ''

// Reads the configuration that the database has for this role, and what its schemas hold.
exports.look = async function (pool) {
	const { rows: [settings] } = await pool.query(`SELECT string_to_array(replace(current_setting('pgrst.db_schemas'), ' ', ''), ',') AS schemas,
		current_setting('pgrst.db_anon_role') AS anonymous, string_to_array(current_setting('pgrst.db_pre_request'), '.') AS pre_request`)
	const { rows: relations } = await pool.query(RELATIONS, [settings.schemas])
	const { rows: routines } = await pool.query(ROUTINES, [settings.schemas])

	return new Catalog(settings, relations, routines)
}

// GET /: what the caller may use, as OpenAPI, with comments for titles and descriptions.
exports.describe = async function (client, catalog, schema) {
	const { rows: [{ may }] } = await client.query(`SELECT ARRAY(SELECT '/' || c.relname FROM pg_class c WHERE c.relnamespace = $1::regnamespace
		AND c.relkind IN ('r', 'v', 'm', 'f', 'p') AND has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE')
		UNION ALL SELECT '/rpc/' || p.proname FROM pg_proc p WHERE p.pronamespace = $1::regnamespace AND has_function_privilege(p.oid, 'EXECUTE'))::text[] AS may`, [schema])
	const paths = {}

	for (const [methods, prefix, all] of [[['get', 'post', 'patch', 'delete'], '/', catalog.relations], [['get', 'post'], '/rpc/', catalog.routines]]) {
		for (const { schema: own, name, comment } of all) {
			if (own !== schema || !may.includes(prefix + name)) continue
			const [summary, ...description] = (comment || '').split('\n')
			paths[prefix + name] = Object.fromEntries(methods.map(method => [method, { summary, description: description.join('\n') }]))
		}
	}
	return { swagger: '2.0', paths }
}
