-- access: the levels that roles are granted.
\set VERBOSITY terse
CREATE ROLE regress_none;
CREATE ROLE regress_anonymous;
CREATE ROLE regress_tenant;
CREATE ROLE regress_owner;
CREATE ROLE regress_admin;
CREATE ROLE regress_sender;
CREATE ROLE "regress odd ""name""; DROP ROLE regress_none";

-- Without a level nothing can be called; policies call what they have to all the same.
SET ROLE regress_none;
SELECT account.current_account_id();
RESET ROLE;

SELECT account.grant_access('regress_anonymous', 'anonymous'), account.grant_access('regress_tenant', 'tenant'),
	account.grant_access('regress_owner', 'owner'), account.grant_access('regress_admin', 'admin'), account.grant_access('regress_sender', 'sender'),
	account.grant_access('"regress odd ""name""; DROP ROLE regress_none"', 'tenant');
SELECT role, level FROM account.access_levels WHERE role::text LIKE '%regress%' ORDER BY role::text COLLATE "C";

-- Each level has what is its own and what belongs to those before; none has more.  The last stands apart: admin alone has it too.
CREATE VIEW pg_temp.reach AS
	SELECT r.level, g.level AS of, g.object,
		CASE WHEN g.privileges LIKE '%(%' THEN has_any_column_privilege('regress_' || r.level, substr(g.object, 7), split_part(g.privileges, ' (', 1))
			WHEN g.object LIKE 'TABLE %' THEN has_table_privilege('regress_' || r.level, substr(g.object, 7), COALESCE(g.privileges, 'SELECT'))
			WHEN g.object LIKE 'SCHEMA %' THEN has_schema_privilege('regress_' || r.level, substr(g.object, 8), 'USAGE')
			ELSE has_function_privilege('regress_' || r.level, substr(g.object, 10), 'EXECUTE') END AS reached
	FROM unnest('{none,anonymous,tenant,owner,admin,sender}'::text[]) r (level), account.access_grants g;
SELECT level, of, bool_and(reached) AS all, bool_or(reached) AS any FROM pg_temp.reach
GROUP BY level, of ORDER BY array_position('{none,anonymous,tenant,owner,admin,sender}', level), array_position('{none,anonymous,tenant,owner,admin,sender}', of);
-- No level reaches a table of the extension, in any way (PRIV-13, TX-07), nor a column of one, but to read those that have a policy that says what.
SELECT count(*) FROM pg_class c, unnest('{none,anonymous,tenant,owner,admin,sender}'::text[]) level
WHERE relnamespace = 'account'::regnamespace AND relkind = 'r'
	AND (has_table_privilege('regress_' || level, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
		OR has_any_column_privilege('regress_' || level, c.oid, 'INSERT, UPDATE, REFERENCES')
		OR (has_any_column_privilege('regress_' || level, c.oid, 'SELECT') AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid AND polcmd = 'r')));
-- Nor writes through a view, nor makes anything in the schema.
SELECT count(*) FROM pg_class c, unnest('{none,anonymous,tenant,owner,admin,sender}'::text[]) level
WHERE relnamespace = 'account'::regnamespace AND relkind = 'v'
	AND has_table_privilege('regress_' || level, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER');
SELECT count(*) FROM unnest('{none,anonymous,tenant,owner,admin,sender}'::text[]) level WHERE has_schema_privilege('regress_' || level, 'account', 'CREATE');

-- PRIV-13, TX-07, said in SQL.
SET ROLE regress_admin;
SELECT FROM account.credentials;
SELECT FROM account.keys FOR UPDATE;
INSERT INTO account.holds (subject_id, kind, entry) SELECT account_id, 's', 1 FROM account.accounts;
UPDATE account.accounts SET parent_account_id = NULL;
DELETE FROM account.holds;
TRUNCATE account.credentials;
BEGIN;
LOCK TABLE account.accounts IN ACCESS SHARE MODE;
ROLLBACK;
COPY account.credentials TO STDOUT;
UPDATE account.api_keys SET permissions = '{*:*}';
ALTER TABLE account.credentials DISABLE TRIGGER ALL;
CREATE RULE r AS ON SELECT TO account.api_keys DO INSTEAD NOTHING;
-- Every view that a level may read, it can read.
SELECT count(*) >= 0 AS readable FROM account.access_levels;
SET ROLE regress_anonymous;
SELECT count(*) > 0 AS readable FROM account.error_codes;
SET ROLE regress_tenant;
SELECT count(*) >= 0 AS readable FROM account.api_keys;

-- PRIV-12: trigger functions cannot be called, whoever calls.
RESET ROLE;
SELECT account.forget_holds();
SELECT account.refuse_update();
SELECT account.require_writable();
SELECT account.protect_new_relations();
-- Credentials and holds cannot be updated, by nobody and by no way around triggers.
BEGIN;
SELECT id FROM account.create_account('Acme', account_id => 'acce5500-0000-4000-8000-000000000001');
SAVEPOINT before;
UPDATE account.credentials SET ends_at = NULL;
ROLLBACK TO before;
SET session_replication_role = replica;
UPDATE account.credentials SET ends_at = NULL;
ROLLBACK TO before;
INSERT INTO account.holds (subject_id, kind, entry) VALUES ('acce5500-0000-4000-8000-000000000001', 's', 1);
UPDATE account.holds SET kind = 'a';
ROLLBACK;

-- Only superusers give and take, and only to what exists.
SET ROLE regress_admin;
SELECT account.grant_access('regress_none', 'anonymous');
RESET ROLE;
GRANT EXECUTE ON FUNCTION account.grant_access, account.revoke_access, account.refresh_access TO regress_admin;
SET ROLE regress_admin;
SELECT account.grant_access('regress_none', 'anonymous');
SELECT account.revoke_access('regress_tenant');
SELECT account.refresh_access();
RESET ROLE;
SELECT account.grant_access('regress_none', 'superuser');
SELECT account.grant_access('regress_none', NULL);
SELECT account.grant_access(NULL, 'tenant');
SELECT account.grant_access('regress_nobody', 'tenant');
SELECT account.revoke_access(NULL);

-- A lower level takes the rest away; refresh gives back what is missing; revoke takes all.
SELECT account.grant_access('regress_admin', 'sender');
SELECT of, bool_and(reached) AS all, bool_or(reached) AS any FROM pg_temp.reach WHERE level = 'admin' GROUP BY of ORDER BY of;
SELECT level FROM account.access_levels WHERE role = 'regress_admin'::regrole;
SELECT account.refresh_access();
SELECT bool_and(reached) AS all FROM pg_temp.reach WHERE level = 'admin' AND of = 'sender';
SELECT account.grant_access('regress_admin', 'anonymous');
SELECT level, bool_and(reached) AS all, bool_or(reached) AS any FROM pg_temp.reach WHERE level = 'admin' AND of <> 'anonymous' GROUP BY level;
REVOKE EXECUTE ON FUNCTION account.create_api_key FROM regress_tenant;
REVOKE USAGE ON SCHEMA account FROM regress_tenant;
SELECT account.refresh_access();
SELECT has_function_privilege('regress_tenant', 'account.create_api_key(uuid, text, text[], interval, uuid[], cidr[], text)', 'EXECUTE'),
	has_schema_privilege('regress_tenant', 'account', 'USAGE');
SELECT account.revoke_access('regress_tenant');
SELECT bool_or(reached) FROM pg_temp.reach WHERE level = 'tenant';
SELECT count(*) FROM account.access_levels WHERE role = 'regress_tenant'::regrole;

DROP OWNED BY regress_none, regress_anonymous, regress_tenant, regress_owner, regress_admin, regress_sender, "regress odd ""name""; DROP ROLE regress_none";
DROP ROLE regress_none, regress_anonymous, regress_tenant, regress_owner, regress_admin, regress_sender, "regress odd ""name""; DROP ROLE regress_none";
