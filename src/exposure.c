/*
 * exposure.c
 *	  What the doctor looks for round isolated tables: whatever reads or writes their rows
 *	  with other rights than the caller's, or without asking row security at all.
 *
 * The tables that the queries name (isolated, reads, function, leveled ...) are in
 * doctor.c.
 */
#include "account.h"

#define GRANTEE(role) "CASE " role " WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(" role ")) END"

/* A role that takes over what one that row security does not bind has. */
#define NEW_OWNER \
	"COALESCE((SELECT l.rolname FROM leveled l WHERE l.level = 3 AND NOT l.bypasses ORDER BY l.rolname LIMIT 1), 'account_tables')"
#define MAKE_NEW_OWNER \
	"CASE WHEN EXISTS (SELECT FROM leveled l WHERE l.level = 3 AND NOT l.bypasses) THEN ''" \
	" ELSE CASE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = 'account_tables') THEN '' ELSE 'CREATE ROLE account_tables; ' END" \
	" || 'SELECT account.grant_access(''account_tables'', ''owner''); ' END"

/* A privilege on isolated tables that others than the owner have. */
#define GRANTED(privilege, finding) \
	"SELECT ARRAY[t.namespace], format('%s to %s', t.name, " GRANTEE("g.grantee") "), " finding "," \
	" format('%sREVOKE " privilege " ON %s FROM %s CASCADE', t.as_owner, t.name, " GRANTEE("g.grantee") ")" \
	" FROM isolated t CROSS JOIN LATERAL aclexplode(t.acl) g" \
	" WHERE g.privilege_type = '" privilege "' AND g.grantee <> t.owner AND g.grantor = t.owner"

/* Views of isolated tables that read them with their owner's rights. */
#define DEFINER_VIEWS(finding, bypass) \
	"SELECT v.namespace || v.sources, v.name, " finding "," \
	" format('%sALTER VIEW %s SET (security_invoker = true)', v.as_owner, v.name)" \
	" FROM (SELECT r.namespace, r.name, r.as_owner, r.owner_name, array_agg(DISTINCT t.namespace) AS sources," \
	" string_agg(DISTINCT t.name, ', ') AS tables," \
	" bool_or(r.owner_bypasses OR (NOT t.forced AND pg_has_role(r.owner, t.owner, 'USAGE'))) AS bypasses" \
	" FROM reads s JOIN relation r ON r.oid = s.relation AND r.kind = 'v' JOIN isolated t ON t.oid = s.source" \
	" WHERE NOT EXISTS (SELECT FROM unnest(r.options) o WHERE o ~* '^security_invoker=(true|on|yes|1)$')" \
	" GROUP BY 1, 2, 3, 4) v WHERE " bypass

/* SECURITY DEFINER functions that others may call and that name an isolated table, or a view of one. */
#define DEFINER_FUNCTIONS(finding, bypass) \
	"SELECT f.namespace || f.sources, f.name, " finding "," \
	" format('%sALTER %s %s SECURITY INVOKER', f.as_owner, f.kind, f.name)" \
	" FROM (SELECT p.namespace, p.name, p.as_owner, p.owner_name, p.kind, array_agg(DISTINCT t.namespace) AS sources," \
	" string_agg(DISTINCT t.name, ', ') AS tables," \
	" bool_or(p.owner_bypasses OR (NOT t.forced AND pg_has_role(p.owner, t.owner, 'USAGE'))) AS bypasses" \
	" FROM function p JOIN (SELECT oid, relname, oid AS source FROM isolated" \
	" UNION SELECT r.oid, r.relname, s.source FROM reads s JOIN relation r ON r.oid = s.relation) n" \
	" ON p.source ~* ('(^|[^[:alnum:]_$])' || regexp_replace(replace(n.relname, '\"', '\"\"'), '([^[:alnum:]_])', '\\\\\\1', 'g')" \
	" || '($|[^[:alnum:]_$])') OR EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass" \
	" AND d.objid = p.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = n.oid)" \
	" JOIN isolated t ON t.oid = n.source" \
	" WHERE p.definer AND (p.acl IS NULL OR EXISTS (SELECT FROM aclexplode(p.acl) g WHERE g.grantee <> p.owner))" \
	" GROUP BY 1, 2, 3, 4, 5) f WHERE " bypass

/*
 * What tells whose rows the caller may read, by itself or by a function of users.  A comparison with it is one
 * that the planner may put others in place of (gate.c); what policy_row() is beside is asked of each row.
 */
#define ANSWER_NAMES "(policy_(writable_|new_)?account_id|policy_workspace_ids|current_account_id)"
#define ANSWERS \
	"(SELECT g.oid FROM pg_proc g WHERE g.pronamespace = 'account'::regnamespace AND g.proname ~ '^" ANSWER_NAMES "$'" \
	" UNION ALL SELECT f.oid FROM function f" \
	" WHERE (f.source ~* '(^|[^[:alnum:]_])" ANSWER_NAMES "[[:space:]]*\\(' AND f.source !~* 'policy_(writable_)?row')" \
	" OR (EXISTS (SELECT FROM pg_depend d JOIN pg_proc g ON g.oid = d.refobjid WHERE d.classid = 'pg_proc'::regclass AND d.objid = f.oid" \
	" AND d.refclassid = 'pg_proc'::regclass AND g.pronamespace = 'account'::regnamespace AND g.proname ~ '^" ANSWER_NAMES "$')" \
	" AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_proc g ON g.oid = d.refobjid WHERE d.classid = 'pg_proc'::regclass AND d.objid = f.oid" \
	" AND d.refclassid = 'pg_proc'::regclass AND g.pronamespace = 'account'::regnamespace AND g.proname IN ('policy_row', 'policy_writable_row'))))"
#define TESTS_OF_ROWS \
	"(SELECT g.oid FROM pg_proc g WHERE g.pronamespace = 'account'::regnamespace AND g.proname IN ('policy_row', 'policy_writable_row', 'policy_reads'))"

/* Whether a stored expression or query calls one of some functions. */
#define CALLS(tree, functions) \
	"EXISTS (SELECT FROM regexp_matches(" tree "::text, ':funcid (\\d+)', 'g') e (found) WHERE e.found[1]::oid IN " functions ")"

/* Whether all that a policy p is for is for rows that another one tests as well. */
#define IS_BACKED \
	"NOT EXISTS (SELECT FROM (VALUES ('r'::\"char\"), ('w'), ('d')) c (command) WHERE p.polcmd IN (c.command, '*')" \
	" AND NOT EXISTS (SELECT FROM pg_policy q WHERE q.polrelid = p.polrelid AND NOT q.polpermissive" \
	" AND q.polroles = '{0}' AND q.polcmd IN (c.command, '*') AND " CALLS("q.polqual", TESTS_OF_ROWS) "))"

/* The plain comparison of a column a, alone or before others that hold as well, and what is to stand beside it. */
#define IS_PLAIN(text) \
	"a.atttypid = 'uuid'::regtype AND (left(" text ", length(w.start)) = w.start AND substr(" text ", length(w.start) + 1) ~ '^" PLAIN_CALL "\\)$'" \
	" OR left(" text ", length(w.start) + 1) = '(' || w.start AND substr(" text ", length(w.start) + 2) ~ '^" PLAIN_CALL "\\) AND ')"
#define PLAIN_CALL "((policy_(writable_)?account_id|current_account_id)\\(\\)|policy_(writable_)?account_id\\(''[^'']+''::text\\))"
#define WITH_ROW_TEST(text) \
	"format('%sALTER POLICY %I ON %s USING (%s AND account.policy_%srow(%I%s))', r.as_owner, p.polname, r.name, " text "," \
	" substring(substr(" text ", length(w.start) + 1) FROM '^\\.?policy_(writable_)?account_id'), a.attname, ', ' || substring(substr(" text ", length(w.start) + 1) FROM '^\\.?policy_(?:writable_)?account_id\\((''[^'']+'')::text'))"

#define OF_KIND "CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' ELSE 'SCHEMAS' END"

/* Default privileges d, each as a row g. */
#define DEFAULT_PRIVILEGES(finding, condition) \
	"SELECT CASE WHEN d.defaclnamespace <> 0 THEN ARRAY[d.defaclnamespace] END," \
	" format('%s of %I%s to %s', lower(" OF_KIND "), o.rolname, ' in ' || quote_ident(n.nspname), " GRANTEE("g.grantee") ")," \
	" " finding " || string_agg(g.privilege_type, ', ' ORDER BY g.privilege_type)," \
	" format('SET LOCAL ROLE %I; ALTER DEFAULT PRIVILEGES%s REVOKE %s ON %s FROM %s', o.rolname," \
	" ' IN SCHEMA ' || quote_ident(n.nspname), string_agg(g.privilege_type, ', ' ORDER BY g.privilege_type), " OF_KIND ", " GRANTEE("g.grantee") ")" \
	" FROM pg_default_acl d JOIN pg_roles o ON o.oid = d.defaclrole" \
	" LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace" \
	" CROSS JOIN LATERAL aclexplode(d.defaclacl) g WHERE " condition \
	" GROUP BY d.defaclnamespace, d.defaclobjtype, o.rolname, n.nspname, g.grantee"

const Check exposure_checks[] = {
	{"owner_bypasses", SEVERITY_ERROR, EXAMINER_CALLER,
		"Row security does not bind the owner of an isolated table, nor what runs with the owner's rights.",
		"SELECT ARRAY[t.namespace], t.name, format('row security does not bind the owner %I', t.owner_name),"
		" CASE WHEN o.rolsuper THEN " MAKE_NEW_OWNER " || format('GRANT USAGE, CREATE ON SCHEMA %I TO %I; ALTER TABLE %s OWNER TO %I',"
		" n.nspname, " NEW_OWNER ", t.name, " NEW_OWNER ") ELSE format('ALTER ROLE %I NOBYPASSRLS', t.owner_name) END"
		" FROM isolated t JOIN pg_roles o ON o.oid = t.owner JOIN pg_namespace n ON n.oid = t.namespace"
	" WHERE t.owner_bypasses"},
	{"view_bypasses", SEVERITY_ERROR, EXAMINER_CALLER,
		"A view of an isolated table reads it with the rights of an owner whom row security does not bind.",
	DEFINER_VIEWS("format('it shows the rows of all accounts of %s, as %I', v.tables, v.owner_name)", "v.bypasses")},
	{"view_definer", SEVERITY_INFO, EXAMINER_CALLER,
		"A view of an isolated table reads it with its owner's rights, whom row security binds today.",
	DEFINER_VIEWS("format('it reads %s as %I', v.tables, v.owner_name)", "NOT v.bypasses")},
	{"materialized_view", SEVERITY_ERROR, EXAMINER_CALLER,
		"A materialized view of an isolated table, which no row security confines, is open to others than its owner.",
		"SELECT r.namespace || array_agg(DISTINCT t.namespace), r.name,"
		" format('no row security confines what it keeps of %s', string_agg(DISTINCT t.name, ', ')),"
		" format('%sREVOKE ALL ON %s FROM %s', r.as_owner, r.name, string_agg(DISTINCT " GRANTEE("g.grantee") ", ', '))"
		" FROM reads s JOIN relation r ON r.oid = s.relation AND r.kind = 'm' JOIN isolated t ON t.oid = s.source"
	" CROSS JOIN LATERAL aclexplode(r.acl) g WHERE g.grantee <> r.owner GROUP BY r.namespace, r.name, r.as_owner"},
	{"function_bypasses", SEVERITY_ERROR, EXAMINER_CALLER,
		"A SECURITY DEFINER function that names an isolated table runs as an owner whom row security does not bind.",
	DEFINER_FUNCTIONS("format('it reaches the rows of all accounts in %s, as %I', f.tables, f.owner_name)", "f.bypasses")},
	{"function_definer", SEVERITY_INFO, EXAMINER_CALLER,
		"A SECURITY DEFINER function that names an isolated table runs as its owner, whom row security binds today.",
	DEFINER_FUNCTIONS("format('it reaches %s as %I', f.tables, f.owner_name)", "NOT f.bypasses")},
	{"function_immutable", SEVERITY_ERROR, EXAMINER_CALLER,
		"A function that depends on the identity says that it is IMMUTABLE: a plan keeps the answer that it gave to another account.",
		"SELECT ARRAY[f.namespace], f.name, 'it depends on who calls and is IMMUTABLE: plans keep one caller''s answer',"
		" format('%sALTER %s %s STABLE', f.as_owner, f.kind, f.name) FROM function f WHERE f.volatility = 'i'"
		" AND (f.source ~* '(^|[^[:alnum:]_])(current_(account|profile|user|api_key|session)_id|current_identity|current_setting|has_permission|is_writable|can_access_workspace|policy_[a-z_]+)[[:space:]]*\\('"
		" OR EXISTS (SELECT FROM pg_depend d JOIN pg_proc p ON p.oid = d.refobjid"
		" WHERE d.classid = 'pg_proc'::regclass AND d.objid = f.oid AND d.refclassid = 'pg_proc'::regclass"
	" AND p.pronamespace = 'account'::regnamespace AND p.provolatile <> 'i'))"},
	{"function_leakproof", SEVERITY_WARNING, EXAMINER_CALLER,
		"A function of users is LEAKPROOF: it is called with rows before row security has confined them.",
		"SELECT ARRAY[f.namespace], f.name, 'it is called with rows of all accounts, before row security',"
	" format('%sALTER %s %s NOT LEAKPROOF', f.as_owner, f.kind, f.name) FROM function f WHERE f.leakproof"},
	{"policy_without_row", SEVERITY_ERROR, EXAMINER_CALLER,
		"A policy of users' own compares with the account of the identity and does not test each row: a query that compares the column too gets round it.",
		"SELECT ARRAY[r.namespace], format('policy %I on %s', p.polname, r.name),"
		" 'account.policy_row() does not stand beside the comparison, and a query gets round it',"
		" COALESCE((SELECT " WITH_ROW_TEST("x.text") " FROM pg_attribute a"
		" CROSS JOIN LATERAL (SELECT format('(%I = account.', a.attname) AS start) w"
		" WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped AND " IS_PLAIN("x.text") " LIMIT 1),"
		" '-- to be mended by the owner of the table: AND account.policy_row(...) has to stand beside the comparison')"
		" FROM pg_policy p JOIN relation r ON r.oid = p.polrelid"
		" CROSS JOIN LATERAL (SELECT pg_get_expr(p.polqual, p.polrelid) AS text) x"
		" WHERE p.polcmd IN ('r', 'w', 'd', '*') AND " CALLS("p.polqual", ANSWERS)
		" AND NOT " CALLS("p.polqual", TESTS_OF_ROWS) " AND NOT " IS_BACKED
	" AND NOT EXISTS (SELECT FROM account.find_policy_drift(r.oid) d WHERE d.policy = p.polname)"},
	{"view_without_row", SEVERITY_WARNING, EXAMINER_CALLER,
		"A view compares a table that is not isolated with the account of the identity and does not test each row: a query that compares the column too gets round it.",
		"SELECT ARRAY[r.namespace], r.name,"
		" 'account.policy_row() does not stand beside the comparison, and a query gets round it',"
		" '-- to be mended by the owner of the view: isolate the table, or make the view WITH (security_barrier)"
		" and with AND account.policy_row(...) beside the comparison'"
		" FROM pg_rewrite w JOIN relation r ON r.oid = w.ev_class AND r.kind = 'v'"
		" WHERE w.ev_type = '1' AND " CALLS("w.ev_action", ANSWERS) " AND NOT " CALLS("w.ev_action", TESTS_OF_ROWS)
		" AND NOT EXISTS (SELECT FROM unnest(r.options) o WHERE o ~* '^security_invoker=(true|on|yes|1)$')"
		" AND EXISTS (SELECT FROM aclexplode(r.acl) g WHERE g.grantee <> r.owner)"
		" AND EXISTS (SELECT FROM pg_depend d JOIN relation t ON t.oid = d.refobjid AND t.kind IN ('r', 'p', 'f', 'm')"
		" WHERE d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass"
	" AND t.oid NOT IN (SELECT oid FROM isolated UNION ALL SELECT oid FROM shared))"},
	{"rule", SEVERITY_WARNING, EXAMINER_CALLER,
		"A rule writes, or reads in writing, an isolated table with the rights of its own table's owner.",
		"SELECT DISTINCT ARRAY[r.namespace, t.namespace], format('rule %I on %s', w.rulename, r.name),"
		" format('it acts on %s with the rights of %I', t.name, r.owner_name),"
		" format('%sDROP RULE %I ON %s', r.as_owner, w.rulename, r.name)"
		" FROM pg_rewrite w JOIN relation r ON r.oid = w.ev_class"
		" JOIN isolated t ON t.oid = w.ev_class OR EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_rewrite'::regclass"
		" AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid)"
	" WHERE w.ev_type <> '1'"},
	{"foreign_table", SEVERITY_WARNING, EXAMINER_CALLER,
		"A foreign table, which can have no row security, is open to roles of tenants.",
		"SELECT DISTINCT ARRAY[r.namespace], format('%s to %s', r.name, " GRANTEE("g.grantee") "),"
		" 'a foreign table has no row security', format('%sREVOKE ALL ON %s FROM %s', r.as_owner, r.name, " GRANTEE("g.grantee") ")"
		" FROM relation r CROSS JOIN LATERAL aclexplode(r.acl) g"
		" WHERE r.kind = 'f' AND g.grantee <> r.owner AND (g.grantee = 0 OR EXISTS (SELECT FROM leveled l"
	" WHERE l.level <= 2 AND NOT l.super AND pg_has_role(l.oid, g.grantee, 'MEMBER')))"},
	{"publication_all", SEVERITY_WARNING, EXAMINER_CALLER,
		"A publication sends all tables, the isolated ones among them, without row security.",
		"SELECT NULL::oid[], format('publication %I', p.pubname), 'it sends the rows of all accounts to whoever subscribes',"
		" format('SET LOCAL ROLE %I; DROP PUBLICATION %I', pg_get_userbyid(p.pubowner), p.pubname)"
	" FROM pg_publication p WHERE p.puballtables AND EXISTS (SELECT FROM isolated)"},
	{"publication_table", SEVERITY_WARNING, EXAMINER_CALLER,
		"A publication sends an isolated table, without row security and without a row filter.",
		"SELECT ARRAY[t.namespace], format('publication %I of %s', p.pubname, t.name),"
		" 'it sends the rows of all accounts to whoever subscribes',"
		" format('SET LOCAL ROLE %I; ALTER PUBLICATION %I DROP TABLE %s', pg_get_userbyid(p.pubowner), p.pubname, t.name)"
		" FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid JOIN isolated t ON t.oid = r.prrelid"
		" WHERE r.prqual IS NULL UNION ALL"
		" SELECT DISTINCT ARRAY[n.oid], format('publication %I of schema %I', p.pubname, n.nspname),"
		" 'it sends the rows of all accounts to whoever subscribes',"
		" format('SET LOCAL ROLE %I; ALTER PUBLICATION %I DROP TABLES IN SCHEMA %I', pg_get_userbyid(p.pubowner), p.pubname, n.nspname)"
		" FROM pg_publication_namespace s JOIN pg_publication p ON p.oid = s.pnpubid JOIN pg_namespace n ON n.oid = s.pnnspid"
	" JOIN isolated t ON t.namespace = n.oid"},
	{"grant_truncate", SEVERITY_WARNING, EXAMINER_CALLER,
		"Others than the owner may TRUNCATE an isolated table: no policy is asked, the trigger alone stops them.",
	GRANTED("TRUNCATE", "'TRUNCATE empties every account, the trigger alone stops it'")},
	{"grant_references", SEVERITY_WARNING, EXAMINER_CALLER,
		"Others than the owner may reference an isolated table: a foreign key tells which rows others have.",
		GRANTED("REFERENCES", "'a foreign key tells which rows other accounts have'")
		" UNION ALL SELECT ARRAY[t.namespace], format('%s.%I to %s', t.name, a.attname, " GRANTEE("g.grantee") "),"
		" 'a foreign key tells which rows other accounts have',"
		" format('%sREVOKE REFERENCES (%I) ON %s FROM %s CASCADE', t.as_owner, a.attname, t.name, " GRANTEE("g.grantee") ")"
		" FROM isolated t JOIN pg_attribute a ON a.attrelid = t.oid CROSS JOIN LATERAL aclexplode(a.attacl) g"
	" WHERE g.privilege_type = 'REFERENCES' AND g.grantee <> t.owner AND g.grantor = t.owner"},
	{"grant_trigger", SEVERITY_ERROR, EXAMINER_CALLER,
		"Others than the owner may make triggers on an isolated table, which see the rows of every account that writes.",
	GRANTED("TRIGGER", "'a trigger of theirs sees the rows of every account that writes'")},
	{"grant_public", SEVERITY_WARNING, EXAMINER_CALLER,
		"PUBLIC has privileges on an isolated table: a role has not to be meant for it.",
		"SELECT ARRAY[t.namespace], t.name, 'every role has ' || string_agg(g.privilege_type, ', ' ORDER BY g.privilege_type),"
		" format('%sREVOKE ALL ON %s FROM PUBLIC', t.as_owner, t.name)"
	" FROM isolated t CROSS JOIN LATERAL aclexplode(t.acl) g WHERE g.grantee = 0 GROUP BY t.namespace, t.name, t.as_owner"},
	{"sequence_granted", SEVERITY_WARNING, EXAMINER_CALLER,
		"Others than the owner may read or set a sequence of an isolated table: it tells how much others insert, and can be turned back.",
		"SELECT ARRAY[s.namespace], format('%s to %s', s.name, " GRANTEE("g.grantee") "),"
		" format('more than USAGE: %s', string_agg(DISTINCT g.privilege_type, ', ')),"
		" format('%sREVOKE SELECT, UPDATE ON SEQUENCE %s FROM %s', s.as_owner, s.name, " GRANTEE("g.grantee") ")"
		" FROM relation s CROSS JOIN LATERAL aclexplode(s.acl) g"
		" WHERE s.kind = 'S' AND g.grantee <> s.owner AND g.privilege_type IN ('SELECT', 'UPDATE')"
		" AND EXISTS (SELECT FROM pg_depend d JOIN isolated t ON t.oid = d.refobjid WHERE d.classid = 'pg_class'::regclass"
		" AND d.objid = s.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')"
		" UNION ALL SELECT FROM pg_depend d JOIN pg_attrdef f ON f.oid = d.objid JOIN isolated t ON t.oid = f.adrelid"
		" WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = s.oid)"
	" GROUP BY s.namespace, s.name, s.as_owner, g.grantee"},
	{"default_privileges_public", SEVERITY_WARNING, EXAMINER_CALLER,
		"New tables, sequences or schemas are open to PUBLIC from the first.",
	DEFAULT_PRIVILEGES("'every role is to have '", "g.grantee = 0 AND d.defaclobjtype IN ('r', 'S', 'n')")},
	{"default_privileges_wide", SEVERITY_WARNING, EXAMINER_CALLER,
		"Others than the owner may TRUNCATE, reference or make triggers on new tables, or read and set new sequences.",
		DEFAULT_PRIVILEGES("'others are to have '", "g.grantee NOT IN (0, d.defaclrole)"
						   " AND (d.defaclobjtype, g.privilege_type) IN (('r', 'TRUNCATE'), ('r', 'REFERENCES'), ('r', 'TRIGGER'), ('S', 'SELECT'), ('S', 'UPDATE'))")},
	{"default_privileges_tenants", SEVERITY_INFO, EXAMINER_OWNER,
		"New tables of a schema that isolate_schema() does not watch are open to roles of tenants until they are isolated.",
		DEFAULT_PRIVILEGES("'until a table is isolated, roles of tenants have '", "d.defaclobjtype = 'r'"
						   " AND g.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')"
						   " AND NOT EXISTS (SELECT FROM account.protected_schemas s WHERE s.schema_id = d.defaclnamespace)"
						   " AND EXISTS (SELECT FROM leveled l WHERE l.level <= 2 AND l.oid = g.grantee AND l.oid <> d.defaclrole)")},
	{"schema_create", SEVERITY_WARNING, EXAMINER_CALLER,
		"Roles of tenants may create objects in a schema of isolated tables, for others to run.",
		"SELECT DISTINCT ARRAY[n.oid], format('schema %I to %s', n.nspname, " GRANTEE("g.grantee") "),"
		" 'what they create there, others may run',"
		" format('SET LOCAL ROLE %I; REVOKE CREATE ON SCHEMA %I FROM %s', pg_get_userbyid(n.nspowner), n.nspname, " GRANTEE("g.grantee") ")"
		" FROM pg_namespace n JOIN isolated t ON t.namespace = n.oid CROSS JOIN LATERAL aclexplode(n.nspacl) g"
		" WHERE g.privilege_type = 'CREATE' AND g.grantee <> n.nspowner AND (g.grantee = 0"
	" OR EXISTS (SELECT FROM leveled l WHERE l.level <= 2 AND NOT l.super AND pg_has_role(l.oid, g.grantee, 'MEMBER')))"},
	{"dblink", SEVERITY_WARNING, EXAMINER_CALLER,
		"Roles of tenants may call dblink: another connection to this server has other rights.",
		"SELECT NULL::oid[], 'extension dblink', 'roles of tenants may open other connections to this server',"
		" string_agg(format('REVOKE ALL ON FUNCTION %s FROM %s', p.oid::regprocedure, " GRANTEE("g.grantee") "), '; ')"
		" FROM pg_extension e JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid"
		" AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e' JOIN pg_proc p ON p.oid = d.objid"
		" CROSS JOIN LATERAL aclexplode(COALESCE(p.proacl, acldefault('f', p.proowner))) g"
		" WHERE e.extname = 'dblink' AND p.proname ~ '^dblink' AND g.grantee <> p.proowner"
		" AND (g.grantee = 0 OR EXISTS (SELECT FROM leveled l WHERE l.level <= 2 AND l.oid = g.grantee))"
	" HAVING count(*) > 0"},
	{NULL}
};
