-- The house rules.  Each query lists offenders: empty is right.
\set VERBOSITY terse
\pset tuples_only
LOAD 'account';
CREATE TEMPORARY VIEW ours AS
	SELECT d.classid, d.objid, i.*
	FROM pg_depend d, pg_identify_object(d.classid, d.objid, 0) i
	WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
		AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'account');
CREATE TEMPORARY VIEW functions AS
	SELECT p.oid::regprocedure AS function, p.*, l.lanname FROM pg_proc p
	JOIN ours ON ours.classid = 'pg_proc'::regclass AND ours.objid = p.oid
	JOIN pg_language l ON l.oid = p.prolang;
CREATE TEMPORARY VIEW relations AS
	SELECT c.oid::regclass AS relation, c.* FROM pg_class c
	JOIN ours ON ours.classid = 'pg_class'::regclass AND ours.objid = c.oid;
-- The lists below are of something.
SELECT (SELECT count(*) > 20 FROM functions), (SELECT count(*) > 5 FROM relations);

-- Functions are C, or have a standard body: no search_path, no language that looks names up later.
SELECT function FROM functions WHERE lanname <> 'c' AND prosqlbody IS NULL;
-- None runs with its owner's rights, and none has settings of its own.
SELECT function FROM functions WHERE prosecdef OR proconfig IS NOT NULL;
-- One C function behind each name, and it says which part it is of.
SELECT prosrc FROM functions WHERE lanname = 'c' GROUP BY prosrc HAVING count(*) > 1 OR prosrc !~ '^account_[a-z]+_[a-z_]+$';

-- SP-13: what anyone may execute is what policies, defaults and checks call.
SELECT function FROM functions WHERE has_function_privilege('public', oid, 'EXECUTE') AND proname NOT IN
	('current_account_id', 'policy_account_id', 'policy_writable_account_id', 'policy_new_account_id', 'policy_identified',
	'policy_workspace_ids', 'policy_workspace_writable', 'policy_row', 'policy_writable_row', 'policy_first', 'policy_reads',
	'is_name', 'is_email', 'is_labels', 'is_branding')
	ORDER BY 1;
-- Nobody has any right on a table, but to read one that has a policy that says what; and PUBLIC none on anything else.
SELECT relation, relacl FROM relations WHERE relkind IN ('r', 'p', 'S') AND relacl IS NOT NULL AND EXISTS (SELECT FROM aclexplode(relacl)
	WHERE grantee <> relowner AND (privilege_type <> 'SELECT' OR NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = relations.oid AND polcmd = 'r')));
-- Policies on our own tables are for reading alone, and none says true.
SELECT polrelid::regclass, polname FROM pg_policy JOIN relations ON relations.oid = polrelid WHERE polcmd <> 'r' OR pg_get_expr(polqual, polrelid) IN ('true', '(true)');
SELECT relation, relacl FROM relations WHERE EXISTS (SELECT FROM aclexplode(relacl) WHERE grantee = 0);
SELECT nspacl FROM pg_namespace WHERE nspname IN ('account', 'account_api') AND EXISTS (SELECT FROM aclexplode(nspacl) WHERE grantee = 0);

-- Each function that is not PUBLIC's is given to one level, but for triggers, what our tables are made of and what superusers keep to themselves.
SELECT function FROM functions
WHERE NOT has_function_privilege('public', oid, 'EXECUTE') AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
	AND proname NOT IN ('grant_access', 'revoke_access', 'refresh_access', 'setup_postgrest', 'evaluate_first', 'turn_is_settled')
	AND NOT EXISTS (SELECT FROM pg_depend WHERE refclassid = 'pg_proc'::regclass AND refobjid = oid AND classid IN ('pg_constraint'::regclass, 'pg_attrdef'::regclass))
	AND 1 <> (SELECT count(*) FROM account.access_grants g WHERE to_regprocedure(substring(g.object FROM '^(?:FUNCTION|PROCEDURE) (.*)')) = oid)
	ORDER BY 1;
-- Each view is too, and each thing given exists and is the extension's.
SELECT relation FROM relations WHERE relkind = 'v'
	AND 1 <> (SELECT count(*) FROM account.access_grants g WHERE to_regclass(substring(g.object FROM '^TABLE (.*)')) = oid);
SELECT object FROM account.access_grants
WHERE to_regnamespace(substring(object FROM '^SCHEMA (.*)')) IS NULL AND NOT EXISTS (SELECT FROM functions WHERE oid = to_regprocedure(substring(object FROM '^(?:FUNCTION|PROCEDURE) (.*)')))
	AND NOT EXISTS (SELECT FROM relations WHERE (relkind = 'v' OR EXISTS (SELECT FROM pg_policy WHERE polrelid = relations.oid)) AND oid = to_regclass(substring(object FROM '^TABLE (.*)')));
-- A role that may read a view may execute what it calls.
SELECT DISTINCT g.level, v.relation, f.function, fg.level
FROM relations v
JOIN pg_rewrite w ON w.ev_class = v.oid
JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_proc'::regclass
JOIN functions f ON f.oid = d.refobjid
JOIN account.access_grants g ON to_regclass(substring(g.object FROM '^TABLE (.*)')) = v.oid
LEFT JOIN account.access_grants fg ON to_regprocedure(substring(fg.object FROM '^FUNCTION (.*)')) = f.oid
WHERE NOT has_function_privilege('public', f.oid, 'EXECUTE')
	AND COALESCE(array_position('{anonymous,tenant,owner,sender,admin}', fg.level) > array_position('{anonymous,tenant,owner,sender,admin}', g.level), true);

-- What policies and defaults call can be cached, pushed down and run in workers; what writes cannot.
SELECT function FROM functions WHERE (proname = 'current_account_id' OR proname LIKE 'policy\_%')
	AND (provolatile <> 's' OR NOT proleakproof OR proparallel <> 's' OR (pronargs > 0 AND NOT proisstrict));
SELECT function FROM functions WHERE proleakproof AND (provolatile <> 's' OR (pronargs > 0 AND proname NOT IN ('has_permission', 'can_access_workspace') AND proname NOT LIKE 'policy\_%'));
SELECT function FROM functions WHERE provolatile = 'v' AND proparallel <> 'u';
SELECT function FROM functions WHERE proname ~ '^(create|update|delete|set|move|archive|unarchive|suspend|resume|rotate|revoke|grant|authenticate|deauthenticate|act_as|isolate|release|share)' AND provolatile <> 'v';
-- Nothing takes or gives "internal" (PRIV-12) but what the planner calls, and variadic and polymorphic tricks have no place (SP-08).
SELECT function FROM functions WHERE proname <> 'evaluate_first' AND (provariadic <> 0 OR prorettype = 'internal'::regtype OR 'internal'::regtype = ANY (proargtypes)
	OR proargtypes::oid[] && ARRAY['anyelement'::regtype, 'anyarray'::regtype, '"any"'::regtype]::oid[]);

-- Everything is explained to those who use it.
SELECT type, identity FROM ours WHERE obj_description(objid, classid::regclass::name) IS NULL
	AND NOT (classid = 'pg_type'::regclass AND EXISTS (SELECT FROM pg_type t LEFT JOIN pg_class c ON c.oid = typrelid WHERE t.oid = objid AND (typelem <> 0 OR c.relkind <> 'c')))
	ORDER BY 1, 2;
SELECT relation, attname FROM relations JOIN pg_attribute ON attrelid = relations.oid AND attnum > 0 AND NOT attisdropped
WHERE relkind IN ('r', 'v', 'p') AND col_description(attrelid, attnum) IS NULL;

-- Tables: row security, dumped (but for what the script itself fills), no default tablespace tricks.
SELECT relation FROM relations WHERE relkind IN ('r', 'p') AND NOT relrowsecurity;
SELECT relation FROM relations WHERE relkind IN ('r', 'p', 'S') AND oid <> 'account.access_grants'::regclass
	AND NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'account' AND relations.oid = ANY (extconfig));
SELECT relation FROM relations WHERE relkind IN ('r', 'p') AND relpersistence <> 'p';
-- Constraints and indexes are named after their table; no security hangs on one that can be deferred (TX-13).
SELECT conrelid::regclass, conname FROM pg_constraint JOIN relations ON relations.oid = conrelid
WHERE condeferrable OR (contype <> 'n' AND conname NOT LIKE relname || '\_%');
SELECT tgrelid::regclass, tgname FROM pg_trigger JOIN relations ON relations.oid = tgrelid
WHERE NOT tgisinternal AND tgenabled <> 'A' AND relkind <> 'v';
SELECT evtname FROM pg_event_trigger JOIN functions ON functions.oid = evtfoid WHERE evtenabled = 'D';
-- EXT-15: no column of a reg* type that pg_upgrade refuses; no secret but as a digest.
SELECT relation, attname FROM relations JOIN pg_attribute ON attrelid = relations.oid
WHERE relkind IN ('r', 'p') AND atttypid::regtype::text LIKE 'reg%' AND atttypid <> 'regclass'::regtype;
-- Views: what those who may not see must not be told by a leaky function.
SELECT relation FROM relations WHERE relkind = 'v' AND relname <> 'error_codes'
	AND NOT COALESCE('security_barrier=true' = ANY (reloptions) OR 'security_invoker=true' = ANY (reloptions), false);

SELECT count(*) > 5 FROM pg_settings WHERE name LIKE 'account.%';
-- DES-13: no setting can be set by users, but for the one that carries the identity and can only be emptied.
SELECT name, context FROM pg_settings WHERE name LIKE 'account.%' AND context IN ('user', 'backend') AND name <> 'account.context';
