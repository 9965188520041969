-- leak_own: the extension's own views and tables, read with conditions that tell or lie (LEAK-04, LEAK-06).
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgcrypto;
SET account.password_cost = 4;
CREATE ROLE regress_app;
SELECT account.grant_access('regress_app', 'tenant');
CREATE SCHEMA safe;
GRANT USAGE, CREATE ON SCHEMA safe TO regress_app;
-- Acme has something in every view, Globex does the asking.
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme', account_id => '1eac0000-0000-4000-8000-00000000000a') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('globex', account_id => '1eac0000-0000-4000-8000-00000000000b') \gset
SELECT profile_id AS robot, api_key FROM account.create_service_account('robot', 'owner', account_id => :'acme') \gset
SELECT profile_id AS other_robot, api_key FROM account.create_service_account('robot', 'owner', account_id => :'globex') \gset
SELECT account.create_role('secret role', '{read:*}', account_id => :'acme') IS NOT NULL AS role,
	account.create_workspace('secret place', account_id => :'acme') IS NOT NULL AS workspace;
SELECT account.create_role('role', '{read:*}', account_id => :'globex') IS NOT NULL AS role,
	account.create_workspace('place', account_id => :'globex') IS NOT NULL AS workspace;
SELECT email, (account.invite_member(email, 'admin', account_id => a)).invitation_id IS NOT NULL AS invited
FROM (VALUES ('secret@example.com', :'acme'::uuid), ('somebody@example.com', :'globex')) v (email, a);
SELECT count(account.update_account(a, '{"webhook_url": "https://hooks.example.com/"}')) AS told FROM (VALUES (:'acme'::uuid), (:'globex')) v (a);
UPDATE account.keys SET created_at = '2020-01-01';
SELECT relation, count(*) FILTER (WHERE a = 'acme') > 0 AS acme, count(*) FILTER (WHERE a = 'globex') > 0 AS globex
FROM (
		SELECT 'api_keys' AS relation, account_id FROM account.api_keys UNION ALL SELECT 'service_accounts', account_id FROM account.service_accounts
		UNION ALL SELECT 'invitations', account_id FROM account.invitations UNION ALL SELECT 'role_assignments', account_id FROM account.role_assignments
		UNION ALL SELECT 'unused_credentials', account_id FROM account.unused_credentials UNION ALL SELECT 'over_privileged_profiles', account_id FROM account.over_privileged_profiles
		UNION ALL SELECT 'keys_due_for_rotation', account_id FROM account.keys_due_for_rotation UNION ALL SELECT 'webhook_deliveries', account_id FROM account.webhook_deliveries
	) r
JOIN (VALUES (:'acme'::uuid, 'acme'), (:'globex', 'globex')) n (account_id, a) USING (account_id)
GROUP BY relation ORDER BY 1;

SET ROLE regress_app;
CREATE FUNCTION safe.tell(what text) RETURNS boolean LANGUAGE plpgsql COST 1e-30
	AS 'BEGIN RAISE WARNING ''called for %'', what; RETURN true; END';
CREATE TEMP SEQUENCE answers;
CREATE FUNCTION safe.lie() RETURNS uuid LANGUAGE plpgsql STABLE COST 1e-30
	AS 'BEGIN RETURN CASE WHEN nextval(''answers'') % 2 = 1 THEN ''1eac0000-0000-4000-8000-00000000000b''::uuid ELSE ''1eac0000-0000-4000-8000-00000000000a'' END; END';
CREATE TEMP TABLE relations AS
	SELECT c.oid::regclass::text AS relation, a.attname AS column
	FROM pg_class c
	JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = CASE c.oid WHEN 'account_api.accounts'::regclass THEN 'id' ELSE 'account_id' END
	WHERE relnamespace IN ('account'::regnamespace, 'account_api'::regnamespace) AND relkind IN ('r', 'v')
		AND has_table_privilege(c.oid, 'SELECT');
SELECT count(*) > 20 AS found FROM relations;
SET plan_cache_mode = force_generic_plan;
SET jit = off;
CREATE FUNCTION safe.ask(relation text, condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	seen text;
BEGIN
	-- Whatever the plan: a function that tells of a row of Acme's says so by itself.
	FOR round IN 0 .. 3 LOOP
		PERFORM set_config('enable_indexscan', (round % 2 = 1)::text, true), set_config('enable_bitmapscan', (round % 2 = 1)::text, true),
			set_config('enable_nestloop', (round / 2 = 1)::text, true);
		EXECUTE format('SELECT count(*) FROM %s v WHERE to_jsonb(v)::text LIKE ''%%1eac0000-0000-4000-8000-00000000000a%%'' AND (%s)', relation, condition) INTO seen;
		EXIT WHEN seen <> '0';
		EXECUTE format('SELECT count(*) > 0 FROM %s v WHERE %s', relation, condition) INTO seen;
	END LOOP;
	RETURN seen;
END $$;

BEGIN;
SELECT (account.authenticate(:'globex_key')).account_id = :'globex' AS authenticated;
-- Nothing is told of a row of Acme's, and what is Globex's is there.
SELECT count(*) FILTER (WHERE asked = 'true') > 20 AS own, count(*) FILTER (WHERE asked NOT IN ('true', 'false')) AS others
FROM (SELECT safe.ask(relation, format('CASE WHEN %I = %L THEN safe.tell(%L) ELSE true END', "column", :'acme', relation)) AS asked FROM relations ORDER BY relation) r;
-- ... nor where the caller asks what views and policies ask, as often as it likes.
SELECT count(*) FILTER (WHERE asked = 'true') > 20 AS own, count(*) FILTER (WHERE asked NOT IN ('true', 'false')) AS others
FROM (SELECT safe.ask(relation, format('account.policy_reads(%1$I, ''x'') OR account.policy_row(%1$I) OR account.policy_first(CASE WHEN %1$I = %2$L THEN safe.tell(%3$L) ELSE true END)',
	"column", :'acme', relation)) AS asked FROM relations ORDER BY relation) r;
-- Nothing of Acme's comes of a lie: relations of which it does.
SELECT relation FROM relations WHERE safe.ask(relation, format('%I = safe.lie()', "column")) NOT IN ('true', 'false') ORDER BY 1;
SELECT safe.ask('account.sessions', 'CASE WHEN current IS NOT NULL THEN safe.tell(''sessions'') ELSE true END') AS asked;
-- What the calls take off their own costs is neither lost in rounding, nor more than can be said.
CREATE FUNCTION safe.count_calls(relation text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	rows bigint;
	calls bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM %s', relation) INTO rows;
	FOR round IN 1 .. 20 LOOP
		PERFORM setval('answers', 1, false), set_config('cpu_operator_cost', (round * 1.37e-302)::text, true);
		EXECUTE format('SELECT count(*) FROM %s WHERE account.policy_first(CASE WHEN account_id IS NULL THEN safe.count() ELSE safe.count() END)', relation);
		calls := nextval('answers') - 1;
		IF calls > rows THEN
			RETURN 'others';
		END IF;
	END LOOP;
	RETURN 'own';
END $$;
CREATE FUNCTION safe.count() RETURNS boolean LANGUAGE plpgsql COST 1e-30 AS 'BEGIN RETURN nextval(''answers'') > 0; END';
SELECT relation, safe.count_calls(relation) AS called_for FROM unnest('{account.accounts,account.profiles,account.roles,account.workspaces}'::text[]) relation;
SET LOCAL cpu_operator_cost = 1e308;
SAVEPOINT attack;
SELECT count(*) FROM account.workspaces WHERE CASE WHEN name = 'secret place' THEN safe.tell('workspaces') END;
ROLLBACK TO attack;
RESET cpu_operator_cost;
-- Nor is a role of Acme's met on the way to those of invitations.
CREATE TEMP TABLE own_roles AS SELECT count(*) FROM account.roles;
SET LOCAL enable_nestloop = off;
SET LOCAL enable_mergejoin = off;
SET LOCAL enable_indexscan = off;
SET LOCAL enable_bitmapscan = off;
SELECT setval('answers', 1, false) \g /dev/null
SELECT count(*) FROM account.invitations WHERE role = 'secret role' AND CASE WHEN role IS NULL THEN true ELSE safe.count() END;
SELECT nextval('answers') - 1 <= (TABLE own_roles) AS own;
ROLLBACK;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS authenticated;
SELECT name FROM account.roles WHERE account_id = :'acme' ORDER BY 1;
SELECT email FROM account.invitations;
COMMIT;

RESET ROLE;
DROP SCHEMA safe CASCADE;
DROP OWNED BY regress_app;
DROP ROLE regress_app;
