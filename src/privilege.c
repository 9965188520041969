/*
 * privilege.c
 *	  What the doctor looks for in roles: what they may become, and who has which
 *	  level of this extension.
 *
 * The tables that the queries name (isolated, leveled, setting ...) are in doctor.c.
 */
#include "account.h"

#define GRANTEE(role) "CASE " role " WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(" role ")) END"

/* Ends, wherever login l comes by it, the membership in role r; the server's own roles keep theirs. */
#define REVOKE_MEMBERSHIP \
	"(SELECT string_agg(format('REVOKE %I FROM %I', r.rolname, m.rolname)" \
	" || COALESCE(' GRANTED BY ' || quote_ident(o.rolname), ''), '; ' ORDER BY m.rolname)" \
	" FROM pg_auth_members e JOIN pg_roles m ON m.oid = e.member LEFT JOIN pg_roles o ON o.oid = e.grantor" \
	" WHERE e.roleid = r.oid AND m.rolname !~ '^pg_' AND pg_has_role(l.oid, e.member, 'MEMBER'))"

/* Logins l that have a level, or may become a role that has. */
#define LOGINS \
	"(SELECT a.oid, a.rolname FROM pg_roles a WHERE a.rolcanlogin AND NOT a.rolsuper AND NOT a.rolbypassrls" \
	" AND EXISTS (SELECT FROM leveled v WHERE pg_has_role(a.oid, v.oid, 'MEMBER'))) l"

#define MAY_BECOME(finding, condition) \
	"SELECT * FROM (SELECT NULL::oid[], format('%I to %I', l.rolname, r.rolname), " finding ", " REVOKE_MEMBERSHIP " AS fix" \
	" FROM " LOGINS " JOIN pg_roles r ON r.oid <> l.oid AND pg_has_role(l.oid, r.oid, 'MEMBER') WHERE " condition ") b" \
	" WHERE b.fix IS NOT NULL"

/* Logins of PostgREST: those that it was set up for. */
#define IS_POSTGREST(role) \
	"EXISTS (SELECT FROM setting s WHERE s.role = " role " AND (s.name = 'account.tenant_role' OR s.name ~ '^pgrst\\.'))"

/*
 * Functions, relations, their columns and schemas of ours, with what is granted (acl) and what was
 * when they were made; revoked is what REVOKE takes to take all of that.
 */
#define OUR_OBJECTS \
	"(SELECT e.classid, e.objid, v.number, v.object, v.name, v.revoked, v.owner, v.acl, COALESCE(i.initprivs, v.standard) AS initial" \
	" FROM pg_depend e JOIN pg_extension x ON x.oid = e.refobjid AND x.extname = 'account'" \
	" JOIN LATERAL (SELECT 0 AS number, w.object, w.object AS name, 'ALL' AS revoked, p.proowner AS owner," \
	" acldefault('f', p.proowner) AS standard, COALESCE(p.proacl, acldefault('f', p.proowner)) AS acl" \
	" FROM pg_proc p CROSS JOIN LATERAL (SELECT CASE p.prokind WHEN 'p' THEN 'PROCEDURE ' ELSE 'FUNCTION ' END || p.oid::regprocedure AS object) w" \
	" WHERE e.classid = 'pg_proc'::regclass AND p.oid = e.objid" \
	" UNION ALL SELECT 0, 'TABLE ' || c.oid::regclass, 'TABLE ' || c.oid::regclass, 'ALL', c.relowner," \
	" acldefault('r', c.relowner), COALESCE(c.relacl, acldefault('r', c.relowner))" \
	" FROM pg_class c WHERE e.classid = 'pg_class'::regclass AND c.oid = e.objid AND c.relkind IN ('r', 'v')" \
	" UNION ALL SELECT a.attnum, 'TABLE ' || c.oid::regclass, format('COLUMN %s.%I', c.oid::regclass, a.attname)," \
	" format('ALL (%I)', a.attname), c.relowner, NULL, a.attacl" \
	" FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attacl IS NOT NULL" \
	" WHERE e.classid = 'pg_class'::regclass AND c.oid = e.objid" \
	" UNION ALL SELECT 0, 'SCHEMA ' || n.oid::regnamespace, 'SCHEMA ' || n.oid::regnamespace, 'ALL', n.nspowner," \
	" acldefault('n', n.nspowner), COALESCE(n.nspacl, acldefault('n', n.nspowner))" \
	" FROM pg_namespace n WHERE e.classid = 'pg_namespace'::regclass AND n.oid = e.objid) v ON true" \
	" LEFT JOIN pg_init_privs i ON i.objoid = e.objid AND i.classoid = e.classid AND i.objsubid = v.number" \
	" WHERE e.refclassid = 'pg_extension'::regclass AND e.deptype = 'e')"

/*
 * What belongs to which levels (sender is 0, the others 1 to 4): objects as ids, so that the way they
 * are written is of no concern.
 */
#define LEVEL_GRANTS \
	"(SELECT v.classid, v.objid, COALESCE(t.attnum, 0) AS number," \
	" (CASE a.level WHEN 'sender' THEN '{0,4}' ELSE ('{1,2,3,4}'::int[])[array_position(ARRAY['anonymous', 'tenant', 'owner', 'admin'], a.level):] END)::int[]" \
	" AS levels, p.found[1] AS privilege" \
	" FROM account.access_grants a CROSS JOIN LATERAL (SELECT split_part(a.object, ' ', 1) AS kind," \
	" substr(a.object, strpos(a.object, ' ') + 1) AS name) o CROSS JOIN LATERAL (SELECT" \
	" CASE WHEN o.kind IN ('FUNCTION', 'PROCEDURE') THEN 'pg_proc'::regclass WHEN o.kind = 'TABLE' THEN 'pg_class'::regclass" \
	" ELSE 'pg_namespace'::regclass END AS classid, CASE WHEN o.kind IN ('FUNCTION', 'PROCEDURE') THEN to_regprocedure(o.name)::oid" \
	" WHEN o.kind = 'TABLE' THEN to_regclass(o.name)::oid ELSE to_regnamespace(o.name)::oid END AS objid) v" \
	" CROSS JOIN LATERAL regexp_matches(COALESCE(a.privileges, CASE o.kind WHEN 'TABLE' THEN 'SELECT' WHEN 'SCHEMA' THEN 'USAGE'" \
	" ELSE 'EXECUTE' END), '([A-Z]+)\\s*(?:\\(([^)]*)\\))?', 'g') p (found)" \
	" CROSS JOIN LATERAL regexp_split_to_table(COALESCE(p.found[2], ''), ',\\s*') c (name)" \
	" LEFT JOIN pg_attribute t ON c.name <> '' AND t.attrelid = v.objid AND t.attname = c.name" \
	" UNION ALL SELECT 'pg_namespace'::regclass, 'account'::regnamespace, 0, '{0,1,2,3,4}', 'USAGE')"

#define EXPLICIT_LEVELS \
	"(SELECT v.role::oid AS role, array_position(ARRAY['sender', 'anonymous', 'tenant', 'owner', 'admin'], v.level) - 1 AS level" \
	" FROM account.access_levels v) v"

const Check privilege_checks[] = {
	{"login_bypasses", SEVERITY_ERROR, EXAMINER_CALLER,
		"Row security does not bind a login that has a level, or privileges on isolated tables.",
		"SELECT NULL::oid[], quote_ident(r.rolname), CASE WHEN r.rolsuper THEN 'the login is a superuser and has a level'"
		" ELSE 'the login has BYPASSRLS' END, format('ALTER ROLE %I NOSUPERUSER NOBYPASSRLS', r.rolname)"
		" FROM pg_roles r WHERE r.rolcanlogin AND (r.rolsuper OR r.rolbypassrls)"
		" AND (r.oid IN (SELECT oid FROM leveled) OR (NOT r.rolsuper AND EXISTS (SELECT FROM isolated t"
	" WHERE has_table_privilege(r.oid, t.oid, 'SELECT, INSERT, UPDATE, DELETE'))))"},
	{"login_becomes_bypassing", SEVERITY_ERROR, EXAMINER_CALLER,
		"A login with a level may become a role that row security does not bind.",
	MAY_BECOME("'it may become a role that row security does not bind'", "r.rolsuper OR r.rolbypassrls")},
	{"login_becomes_server", SEVERITY_ERROR, EXAMINER_CALLER,
		"A login with a level may read or write the server's files, or run programs there.",
		MAY_BECOME("'it reaches the files of the server, and all rows in them'",
				   "r.rolname IN ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')")},
	{"login_reads_statements", SEVERITY_WARNING, EXAMINER_CALLER,
		"A login with a level may read the statements of all sessions, and what stands in them.",
		MAY_BECOME("'it reads the statements of all sessions, with the keys that stand in them'",
				   "r.rolname IN ('pg_monitor', 'pg_read_all_stats')")},
	{"login_owns", SEVERITY_ERROR, EXAMINER_OWNER,
		"A role of tenants owns isolated tables, or may become who does: it can end their row security.",
		"SELECT array_agg(DISTINCT t.namespace), format('%I to %I', l.rolname, r.rolname),"
		" format('it can end the row security of %s', string_agg(t.name, ', ' ORDER BY t.name COLLATE \"C\")),"
		" CASE WHEN l.oid = r.oid THEN CASE WHEN n.rolname = 'account_tables' THEN"
		" CASE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = 'account_tables') THEN '' ELSE 'CREATE ROLE account_tables; ' END"
		" || 'SELECT account.grant_access(''account_tables'', ''owner''); ' ELSE '' END"
		" || string_agg(format('ALTER TABLE %s OWNER TO %I', t.name, n.rolname), '; ' ORDER BY t.name COLLATE \"C\")"
		" ELSE " REVOKE_MEMBERSHIP " END"
		" FROM pg_roles l JOIN " EXPLICIT_LEVELS " ON v.role = l.oid AND v.level <= 2"
		" JOIN isolated t ON pg_has_role(l.oid, t.owner, 'MEMBER') JOIN pg_roles r ON r.oid = t.owner"
		" CROSS JOIN LATERAL (SELECT COALESCE((SELECT o.rolname FROM leveled o WHERE o.level = 3 AND NOT o.bypasses"
		" AND NOT pg_has_role(l.oid, o.oid, 'MEMBER') ORDER BY o.rolname LIMIT 1), 'account_tables') AS rolname) n"
	" WHERE NOT l.rolsuper GROUP BY l.oid, l.rolname, r.oid, r.rolname, n.rolname"},
	{"postgrest_becomes_admin", SEVERITY_ERROR, EXAMINER_OWNER,
		"The login of PostgREST may become a role of level owner or admin.",
		"SELECT NULL::oid[], format('%I to %I', l.rolname, r.rolname), 'a request may have the rights of an owner or administrator',"
		" COALESCE(" REVOKE_MEMBERSHIP ", format('SELECT account.revoke_access(%L)', quote_ident(l.rolname)))"
		" FROM pg_roles l JOIN leveled r ON r.level >= 3 AND pg_has_role(l.oid, r.oid, 'MEMBER')"
		" JOIN " EXPLICIT_LEVELS " ON v.role = r.oid AND v.level >= 3"
	" WHERE l.rolcanlogin AND NOT l.rolsuper AND " IS_POSTGREST("l.oid")},
	{"level_public", SEVERITY_ERROR, EXAMINER_CALLER,
		"A level was granted to PUBLIC: every role has it.",
		"SELECT NULL::oid[], p.oid::regprocedure::text, 'every role has this level',"
		" format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', p.oid::regprocedure)"
		" FROM pg_proc p WHERE p.pronamespace = 'account'::regnamespace AND p.proname ~ '^level_'"
	" AND has_function_privilege('public', p.oid, 'EXECUTE')"},
	{"access_wider", SEVERITY_ERROR, EXAMINER_OWNER,
		"A role has more on an object of this extension than its level gives.",
		"WITH given AS MATERIALIZED " LEVEL_GRANTS
		" SELECT NULL::oid[], format('%s to %s', o.name, " GRANTEE("g.grantee") "),"
		" format('%s has %s, which its level does not give', " GRANTEE("g.grantee") ","
		" string_agg(g.privilege_type || CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END, ', ' ORDER BY g.privilege_type)),"
		" format('REVOKE %s ON %s FROM %s CASCADE; SELECT account.refresh_access()', o.revoked, o.object, " GRANTEE("g.grantee") ")"
		" FROM " OUR_OBJECTS " o CROSS JOIN LATERAL aclexplode(o.acl) g LEFT JOIN " EXPLICIT_LEVELS " ON v.role = g.grantee"
		" WHERE g.grantee <> o.owner AND (g.is_grantable OR (NOT EXISTS (SELECT FROM aclexplode(o.initial) i"
		" WHERE i.grantee = g.grantee AND i.privilege_type = g.privilege_type)"
		" AND NOT EXISTS (SELECT FROM given a WHERE a.classid = o.classid AND a.objid = o.objid AND a.number = o.number"
		" AND v.level = ANY (a.levels) AND a.privilege = g.privilege_type)))"
		" AND NOT (g.grantee = 0 AND o.object ~ '^FUNCTION account\\.level_')"
	" GROUP BY o.name, o.object, o.revoked, g.grantee"},
	{"access_missing", SEVERITY_WARNING, EXAMINER_OWNER,
		"A role lacks what belongs to its level, as after an update or a restore.",
		"WITH had AS MATERIALIZED (SELECT o.classid, o.objid, o.number, g.grantee, g.privilege_type"
		" FROM " OUR_OBJECTS " o CROSS JOIN LATERAL aclexplode(o.acl) g)"
		" SELECT NULL::oid[], quote_ident(r.rolname), format('%s privileges of its level are not granted to it', count(*)),"
		" 'SELECT account.refresh_access()' FROM " EXPLICIT_LEVELS " JOIN pg_roles r ON r.oid = v.role JOIN " LEVEL_GRANTS
		" a ON v.level = ANY (a.levels) WHERE NOT EXISTS (SELECT FROM had h WHERE h.classid = a.classid AND h.objid = a.objid"
	" AND h.number = a.number AND h.grantee = v.role AND h.privilege_type = a.privilege) GROUP BY r.rolname"},
	{"parameter_granted", SEVERITY_ERROR, EXAMINER_CALLER,
		"A role that is no superuser may set what guards row security.",
		"SELECT NULL::oid[], format('%s to %s', p.parname, " GRANTEE("g.grantee") "),"
		" format('it may %s', string_agg(g.privilege_type, ', ' ORDER BY g.privilege_type)),"
		" format('REVOKE ALL ON PARAMETER %s FROM %s', p.parname, " GRANTEE("g.grantee") ")"
		" FROM pg_parameter_acl p CROSS JOIN LATERAL aclexplode(p.paracl) g LEFT JOIN pg_roles r ON r.oid = g.grantee"
		" WHERE (p.parname ~ '^account\\.' OR p.parname IN ('session_replication_role', 'event_triggers'))"
	" AND r.rolsuper IS NOT TRUE GROUP BY p.parname, g.grantee"},
	{"password_md5", SEVERITY_WARNING, EXAMINER_OWNER,
		"The password of a login with a level is kept as an MD5 digest, which is as good as the password.",
		"SELECT NULL::oid[], quote_ident(l.rolname), 'the password is kept as an MD5 digest',"
		" format('ALTER ROLE %I PASSWORD NULL', l.rolname)"
	" FROM " LOGINS " JOIN pg_authid a ON a.oid = l.oid WHERE a.rolpassword ~ '^md5'"},
	{"login_unguarded", SEVERITY_INFO, EXAMINER_OWNER,
		"A login with a level lacks account.refuse_bypass, which would refuse authenticate() should it ever be bound by no row security.",
		"SELECT NULL::oid[], quote_ident(l.rolname), 'account.refuse_bypass is off',"
		" format('ALTER ROLE %I SET account.refuse_bypass = on', l.rolname)"
		" FROM " LOGINS " WHERE NOT EXISTS (SELECT FROM setting s WHERE s.name = 'account.refuse_bypass'"
	" AND s.role IN (0, l.oid) AND lower(s.value) IN ('on', 'true', 'yes', '1'))"},
	{NULL}
};
