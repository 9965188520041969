-- isolation_workspace: rows of a workspace, read and written by whoever reaches it.
\set VERBOSITY terse
\pset format unaligned
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
SELECT account.grant_access('regress_owner', 'owner'), account.grant_access('regress_app', 'tenant');
CREATE SCHEMA depot AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA depot TO regress_app;
ALTER DEFAULT PRIVILEGES FOR ROLE regress_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO regress_app;
SELECT id AS acme, api_key AS acme_key
FROM account.create_account('acme', account_id => '15090000-0000-4000-8000-00000000000a') \gset
SELECT id AS globex, api_key AS globex_key
FROM account.create_account('globex', account_id => '15090000-0000-4000-8000-00000000000b') \gset
-- S3.10: acme has two workspaces more, and keys for one, for both and for none of them.
SELECT account.create_workspace('north', account_id => :'acme') AS north,
	account.create_workspace('south', account_id => :'acme') AS south \gset
SELECT profile_id AS robot FROM account.create_service_account('robot', 'owner', account_id => :'acme') \gset
SELECT api_key AS north_key FROM account.create_api_key(:'robot', 'north', workspace_ids => ARRAY[:'north']::uuid[]) \gset
SELECT api_key AS south_key FROM account.create_api_key(:'robot', 'south', workspace_ids => ARRAY[:'south']::uuid[]) \gset
SELECT api_key AS both_key FROM account.create_api_key(:'robot', 'both', workspace_ids => ARRAY[:'north', :'south']::uuid[]) \gset
SELECT api_key AS bare_key FROM account.create_api_key(:'robot', 'bare') \gset

SET ROLE regress_owner;
CREATE TABLE depot.crates (crate_id integer PRIMARY KEY, content text);
-- A dry run gives the SQL; isolate() runs the same, and nothing the second time, with and without the argument.
CREATE TEMPORARY TABLE announced AS
	SELECT statement, ordinality FROM account.isolate('depot.crates', workspace_column => 'workspace_id', dry_run => true)
	WITH ORDINALITY AS s (statement, ordinality);
SELECT statement FROM announced ORDER BY ordinality;
CREATE TEMPORARY TABLE ran AS
	SELECT statement, ordinality FROM account.isolate('depot.crates', workspace_column => 'workspace_id')
	WITH ORDINALITY AS s (statement, ordinality);
SELECT count(*) FILTER (WHERE a.statement IS DISTINCT FROM r.statement) AS different
FROM announced a FULL JOIN ran r USING (ordinality);
DROP TABLE announced, ran;
SELECT * FROM account.isolate('depot.crates', workspace_column => 'workspace_id');
SELECT * FROM account.isolate('depot.crates');
SELECT table_name, account_column, workspace_column, read_permission, write_permission
FROM account.isolated_tables WHERE table_name = 'depot.crates'::regclass;

-- S3.21: each key has the rows of its workspaces.
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'north_key') IS DISTINCT FROM NULL AS authenticated;
INSERT INTO depot.crates (crate_id, content, workspace_id) VALUES (1, 'nails', :'north'), (2, 'nuts', :'north');
SELECT crate_id, content FROM depot.crates ORDER BY 1;
COMMIT;
BEGIN;
SELECT account.authenticate(:'both_key') IS DISTINCT FROM NULL AS authenticated;
INSERT INTO depot.crates (crate_id, content, workspace_id) VALUES (11, 'sand', :'south') RETURNING crate_id;
SELECT crate_id, content, workspace_id = :'north' AS north FROM depot.crates ORDER BY 1;
COMMIT;
-- S3.11, S3.12: a key without a workspace is valid, and has none.
BEGIN;
SELECT (account.authenticate(:'bare_key')).account_id = :'acme' AS authenticated;
SELECT count(*) FROM depot.crates;
INSERT INTO depot.crates (crate_id, content, workspace_id) VALUES (3, 'x', :'north');
ROLLBACK;
-- Not even in the one that policies compare with where there is none.
BEGIN;
SELECT (account.authenticate(:'bare_key')).account_id = :'acme' AS authenticated;
INSERT INTO depot.crates (crate_id, content, workspace_id) VALUES (3, 'x', (account.policy_workspace_ids())[1]);
ROLLBACK;

-- The key of the south against the rows of the north: 1 and 2 are the north's, 11 its own.
\set ON_ERROR_ROLLBACK on
BEGIN;
SELECT account.authenticate(:'south_key') IS DISTINCT FROM NULL AS authenticated;
SELECT crate_id FROM depot.crates ORDER BY 1;
SELECT crate_id FROM depot.crates WHERE workspace_id = :'north';
-- planted, in a workspace of others, of another account, of nobody, in none
INSERT INTO depot.crates (crate_id, content, workspace_id) VALUES (3, 'planted', :'north');
INSERT INTO depot.crates (crate_id, content, workspace_id) SELECT 3, 'planted', workspace_ids[1]
	FROM account.verify_api_key(:'globex_key');
INSERT INTO depot.crates (crate_id, content, workspace_id) VALUES (3, 'planted', '15090000-0000-4000-8000-0000000000ff');
INSERT INTO depot.crates (crate_id, content) VALUES (3, 'planted');
-- given away, stolen, changed, deleted
UPDATE depot.crates SET workspace_id = :'north' WHERE crate_id = 11;
UPDATE depot.crates SET workspace_id = NULL;
UPDATE depot.crates SET workspace_id = :'south' WHERE crate_id = 1;
UPDATE depot.crates SET content = 'changed' WHERE crate_id = 1;
UPDATE depot.crates SET content = 'rocks' RETURNING crate_id;
DELETE FROM depot.crates WHERE crate_id = 1;
DELETE FROM depot.crates c USING (VALUES (1), (2)) v (crate_id) WHERE c.crate_id = v.crate_id;
INSERT INTO depot.crates (crate_id, content, workspace_id) VALUES (1, 'mine', :'south')
	ON CONFLICT (crate_id) DO UPDATE SET content = 'taken' RETURNING *;
INSERT INTO depot.crates (crate_id, content, workspace_id) VALUES (1, 'mine', :'south') ON CONFLICT DO NOTHING RETURNING crate_id;
INSERT INTO depot.crates (crate_id, content, workspace_id) VALUES (11, 'mine', :'south')
	ON CONFLICT (crate_id) DO UPDATE SET workspace_id = :'north';
MERGE INTO depot.crates c USING (VALUES (1), (11)) v (crate_id) ON c.crate_id = v.crate_id
	WHEN MATCHED THEN UPDATE SET content = 'merged';
MERGE INTO depot.crates c USING (VALUES (1), (2)) v (crate_id) ON c.crate_id = v.crate_id WHEN MATCHED THEN DELETE;
MERGE INTO depot.crates c USING (VALUES (11)) v (crate_id) ON c.crate_id = v.crate_id
	WHEN MATCHED THEN UPDATE SET workspace_id = '15090000-0000-4000-8000-0000000000ff';
COPY depot.crates (crate_id, content, workspace_id) FROM STDIN;
3	planted	15090000-0000-4000-8000-0000000000ff
\.
COPY depot.crates (crate_id, content) TO STDOUT;
SELECT crate_id FROM depot.crates ORDER BY 1 FOR UPDATE;
ROLLBACK;
-- All of the north's is as it was, and the key of both moves a row and takes it back.
BEGIN;
SELECT account.authenticate(:'both_key') IS DISTINCT FROM NULL AS authenticated;
SELECT crate_id, content FROM depot.crates ORDER BY 1;
UPDATE depot.crates SET workspace_id = :'south' WHERE crate_id = 1 RETURNING crate_id, workspace_id = :'south' AS south;
UPDATE depot.crates SET workspace_id = :'north' WHERE crate_id = 1 RETURNING crate_id, workspace_id = :'north' AS north;
DELETE FROM depot.crates WHERE crate_id = 2 RETURNING crate_id;
ROLLBACK;

-- A row of acme's workspace that bears another account is nobody's: neither of acme, nor of the other.
RESET ROLE;
INSERT INTO depot.crates (crate_id, content, account_id, workspace_id) VALUES (21, 'astray', :'globex', :'north');
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'both_key') IS DISTINCT FROM NULL AS authenticated;
SELECT crate_id FROM depot.crates WHERE crate_id > 20;
UPDATE depot.crates SET account_id = :'acme' WHERE crate_id > 20;
COMMIT;
BEGIN;
SELECT account.authenticate(:'globex_key') IS DISTINCT FROM NULL AS authenticated;
SELECT crate_id FROM depot.crates;
INSERT INTO depot.crates (crate_id, content, workspace_id) VALUES (22, 'x', :'north');
INSERT INTO depot.crates (crate_id, content, workspace_id) SELECT 22, 'of globex', workspace_ids[1] FROM account.current_identity();
SELECT crate_id, content FROM depot.crates;
COMMIT;

-- B5: what is in an archived or a disabled workspace is nobody's, until it is there again.
RESET ROLE;
SELECT account.disable_workspace(:'north');
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'both_key') IS DISTINCT FROM NULL AS authenticated;
SELECT crate_id FROM depot.crates ORDER BY 1;
INSERT INTO depot.crates (crate_id, content, workspace_id) VALUES (4, 'x', :'north');
UPDATE depot.crates SET workspace_id = :'north';
COMMIT;
RESET ROLE;
SELECT account.enable_workspace(:'north');
SELECT account.archive_workspace(:'south');
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'both_key') IS DISTINCT FROM NULL AS authenticated;
SELECT crate_id FROM depot.crates ORDER BY 1;
DELETE FROM depot.crates WHERE crate_id = 11;
COMMIT;
-- S2.8: in an archived account workspaces are read and not written.
RESET ROLE;
SELECT account.archive_account(:'acme');
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'north_key') IS DISTINCT FROM NULL AS authenticated;
SELECT crate_id FROM depot.crates ORDER BY 1;
DELETE FROM depot.crates;
ROLLBACK;
-- RLS-29
SELECT count(*) FROM depot.crates;
UPDATE depot.crates SET content = 'x';
INSERT INTO depot.crates (crate_id, content, workspace_id) VALUES (5, 'x', :'north');

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA depot CASCADE;
DROP OWNED BY regress_owner;
DROP OWNED BY regress_app;
DROP ROLE regress_owner, regress_app;
