-- leak_condition: what a caller's own conditions are told of rows that are not its own (LEAK-04, LEAK-06).
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
SELECT account.grant_access('regress_owner', 'owner'), account.grant_access('regress_app', 'tenant');
CREATE SCHEMA safe AUTHORIZATION regress_owner;
GRANT USAGE, CREATE ON SCHEMA safe TO regress_app;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme', account_id => '1eac1000-0000-4000-8000-00000000000a') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('globex', account_id => '1eac1000-0000-4000-8000-00000000000b') \gset
SELECT account.define_permission('read:files');
SELECT account.create_workspace('north', account_id => :'globex') AS north, account.create_workspace('south', account_id => :'globex') AS south \gset
SELECT profile_id AS robot FROM account.create_service_account('robot', 'owner', account_id => :'globex') \gset
SELECT api_key AS north_key FROM account.create_api_key(:'robot', 'north', '{read:workspaces}', workspace_ids => ARRAY[:'north']::uuid[]) \gset
SET ROLE regress_owner;
CREATE TABLE safe.letters (letter_id integer PRIMARY KEY, title text, sealed boolean, account_id uuid);
-- The attacker's own row comes first.
INSERT INTO safe.letters VALUES (1, 'mine', false, :'globex'), (2, 'secret', true, :'acme'), (3, 'plain', false, :'acme');
SELECT count(*) > 0 AS isolated FROM account.isolate('safe.letters');
CREATE TABLE safe.files (file_id integer PRIMARY KEY, title text, account_id uuid);
INSERT INTO safe.files VALUES (1, 'mine', :'globex'), (2, 'secret', :'acme');
SELECT count(*) > 0 AS isolated FROM account.isolate('safe.files', read_permission => 'read:files');
CREATE TABLE safe.crates (crate_id integer PRIMARY KEY, title text, account_id uuid, workspace_id uuid);
INSERT INTO safe.crates VALUES (1, 'mine', :'globex', :'north'), (2, 'secret', :'globex', :'south');
SELECT count(*) > 0 AS isolated FROM account.isolate('safe.crates', workspace_column => 'workspace_id');
GRANT SELECT, UPDATE, DELETE ON ALL TABLES IN SCHEMA safe TO regress_app;
-- Says that it was called, and costs as little as a function can; without a column as argument it counts as leakproof.
SET ROLE regress_app;
CREATE FUNCTION safe.tell() RETURNS boolean LANGUAGE plpgsql COST 1e-30
	AS 'BEGIN RAISE WARNING ''called''; RETURN true; END';
-- Calls itself stable, and gives another account from its second answer on.
CREATE TEMP SEQUENCE answers;
CREATE FUNCTION safe.lie() RETURNS uuid LANGUAGE plpgsql STABLE COST 1e-30
	AS 'BEGIN RETURN CASE WHEN nextval(''answers'') = 1 THEN ''1eac1000-0000-4000-8000-00000000000b''::uuid ELSE ''1eac1000-0000-4000-8000-00000000000a'' END; END';
SET enable_indexscan = off;
SET enable_bitmapscan = off;

BEGIN;
SELECT (account.authenticate(:'globex_key')).account_id = :'globex' AS authenticated;
-- Once for each row of its own, whatever the function costs and is hidden behind.
SELECT letter_id FROM safe.letters WHERE safe.tell();
SELECT letter_id FROM safe.letters WHERE CASE WHEN title = 'secret' THEN safe.tell() ELSE true END;
SELECT letter_id FROM safe.letters WHERE CASE WHEN sealed THEN safe.tell() ELSE true END;
SELECT letter_id FROM safe.letters WHERE title = 'secret' AND safe.tell();
SELECT letter_id FROM safe.letters WHERE CASE WHEN title = 'mine' THEN safe.tell() ELSE true END;
SET cpu_operator_cost = 1e-300;
SELECT letter_id FROM safe.letters WHERE CASE WHEN sealed THEN safe.tell() ELSE true END;
SET cpu_operator_cost = 0;
SELECT letter_id FROM safe.letters WHERE CASE WHEN sealed THEN safe.tell() ELSE true END;
RESET cpu_operator_cost;
-- The same with what is built in: a lock tells, and so does an error.
SELECT letter_id FROM safe.letters WHERE CASE WHEN sealed THEN pg_try_advisory_xact_lock(15060) ELSE true END;
SELECT count(*) AS locks FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();
SELECT letter_id FROM safe.letters WHERE CASE WHEN sealed THEN (1 / (random() * 0)::integer) = 1 ELSE true END;
SELECT letter_id FROM safe.letters a WHERE EXISTS (SELECT FROM safe.letters b WHERE b.letter_id <> a.letter_id AND CASE WHEN b.sealed THEN safe.tell() END);
-- What makes a policy's test cheap makes nothing else so: neither as parts of a condition, nor with arguments that cost much.
SELECT letter_id FROM safe.letters WHERE account.policy_first(false) OR account.policy_first(false) OR (account.policy_row(account_id) AND false)
	OR CASE WHEN sealed THEN safe.tell() ELSE true END;
SELECT letter_id FROM safe.letters WHERE account.policy_first(letter_id + 1e15::float8 > 0 AND letter_id * 1.1 * 1.1 > 0 AND CASE WHEN sealed THEN safe.tell() ELSE true END);
-- Nor where a function of the caller's is inlined, nor where costs are beyond what can be added up.
CREATE FUNCTION safe.is_any(account_id uuid, sealed boolean) RETURNS boolean LANGUAGE sql STABLE
	AS 'SELECT account.policy_row(account_id) OR account.policy_row(account_id) OR (sealed AND safe.tell())';
SELECT letter_id FROM safe.letters l WHERE safe.is_any(l.account_id, l.sealed);
SET cpu_operator_cost = 1e308;
SELECT letter_id FROM safe.letters WHERE CASE WHEN sealed THEN safe.tell() ELSE true END;
RESET cpu_operator_cost;
UPDATE safe.letters SET title = 'mine' WHERE CASE WHEN sealed THEN safe.tell() ELSE true END;
DELETE FROM safe.letters WHERE CASE WHEN sealed THEN safe.tell() END;
COMMIT;

-- A condition on the account: the planner takes it and the policy's for the same, and asks for one of them only.
BEGIN;
SELECT (account.authenticate(:'globex_key')).account_id = :'globex' AS authenticated;
SET my.account = :'globex';
SELECT set_config('my.account', :'acme', true) IS NULL AS changed, letter_id FROM safe.letters WHERE account_id = current_setting('my.account')::uuid;
SET my.account = :'globex';
SELECT set_config('my.account', :'acme', true) IS NULL AS changed, a.letter_id, b.letter_id AS other_id
FROM safe.letters a JOIN safe.letters b USING (account_id) WHERE account_id = current_setting('my.account')::uuid;
SET my.account = :'globex';
SELECT count(set_config('my.account', :'acme', true)), array_agg(letter_id) FROM (SELECT letter_id FROM safe.letters GROUP BY account_id, letter_id HAVING account_id = current_setting('my.account')::uuid) x;
SET my.account = :'globex';
UPDATE safe.letters SET title = set_config('my.account', :'acme', true) WHERE account_id = current_setting('my.account')::uuid RETURNING letter_id;
SET plan_cache_mode = force_generic_plan;
PREPARE lied AS SELECT letter_id FROM safe.letters WHERE account_id = safe.lie();
EXECUTE lied;
SELECT setval('answers', 1, false);
EXECUTE lied;
RESET enable_indexscan;
SET enable_seqscan = off;
DEALLOCATE lied;
PREPARE lied AS SELECT letter_id FROM safe.letters WHERE account_id = safe.lie();
EXECUTE lied;
SELECT setval('answers', 1, false);
EXECUTE lied;
ROLLBACK;
-- Nor is a permission got round by it, nor a workspace: the account is the own one, and the key may not read the table.
CREATE OR REPLACE FUNCTION safe.lie() RETURNS uuid LANGUAGE plpgsql STABLE COST 1e-30
	AS 'BEGIN RETURN CASE WHEN nextval(''answers'') = 1 THEN account.policy_account_id(''read:files'') ELSE ''1eac1000-0000-4000-8000-00000000000b'' END; END';
SET plan_cache_mode = force_generic_plan;
PREPARE unread AS SELECT file_id FROM safe.files WHERE account_id = safe.lie();
BEGIN;
SELECT (account.authenticate(:'north_key')).account_id = :'globex' AS authenticated;
EXECUTE unread;
SELECT setval('answers', 1, false);
EXECUTE unread;
SELECT crate_id FROM safe.crates WHERE CASE WHEN title = 'secret' THEN safe.tell() ELSE true END;
COMMIT;
BEGIN;
SELECT (account.authenticate(:'globex_key')).account_id = :'globex' AS authenticated;
SELECT file_id FROM safe.files;
COMMIT;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS authenticated;
SELECT letter_id, title FROM safe.letters ORDER BY 1;
COMMIT;

RESET ROLE;
DROP SCHEMA safe CASCADE;
DROP OWNED BY regress_owner, regress_app;
DROP ROLE regress_owner, regress_app;
