-- isolation_workspace_permission: permissions that are held in one workspace and not in another.
\set VERBOSITY terse
\pset format unaligned
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
SELECT account.grant_access('regress_owner', 'owner'), account.grant_access('regress_app', 'tenant');
CREATE SCHEMA care AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA care TO regress_app;
ALTER DEFAULT PRIVILEGES FOR ROLE regress_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO regress_app;
SELECT id AS acme, api_key AS acme_key
FROM account.create_account('acme', account_id => '150c0000-0000-4000-8000-00000000000a') \gset
SELECT account.create_workspace('north', account_id => :'acme') AS north, account.create_workspace('south', account_id => :'acme') AS south,
	account.create_workspace('west', account_id => :'acme') AS west \gset
SELECT account.define_permission('read:files'), account.define_permission('write:files');
SELECT account.create_role('reader', '{read:files}', account_id => :'acme') AS reader_role,
	account.create_role('writer', '{write:files}', account_id => :'acme') AS writer_role,
	account.create_role('clerk', '{*:files}', account_id => :'acme') AS clerk_role,
	account.create_role('barred', '{}', denied => '{write:*}', account_id => :'acme') AS barred_role \gset

-- nurse reads in the north and does all in the south; she reaches the west and has nothing there.
SELECT profile_id AS nurse FROM account.create_service_account('nurse', 'member', account_id => :'acme') \gset
SELECT account.assign_role(:'nurse', 'reader', workspace_id => :'north'),
	account.assign_role(:'nurse', 'reader', workspace_id => :'south'), account.assign_role(:'nurse', 'writer', workspace_id => :'south'),
	account.grant_workspace(:'nurse', :'west');
SELECT api_key AS nurse_key FROM account.create_api_key(:'nurse', 'nurse', workspace_ids => ARRAY[:'north', :'south', :'west']::uuid[]) \gset
SELECT api_key AS nurse_north_key FROM account.create_api_key(:'nurse', 'north', workspace_ids => ARRAY[:'north']::uuid[]) \gset
-- doctor has all of it in the whole account, but does not write in the south; a second key of the doctor's reads alone.
SELECT profile_id AS doctor FROM account.create_service_account('doctor', 'clerk', account_id => :'acme') \gset
SELECT account.assign_role(:'doctor', 'barred', workspace_id => :'south'),
	account.grant_workspace(:'doctor', :'north'), account.grant_workspace(:'doctor', :'west');
SELECT api_key AS doctor_key FROM account.create_api_key(:'doctor', 'doctor', workspace_ids => ARRAY[:'north', :'south', :'west']::uuid[]) \gset
SELECT api_key AS reading_key FROM account.create_api_key(:'doctor', 'reading', permissions => '{read:files}', workspace_ids => ARRAY[:'north', :'south']::uuid[]) \gset
-- A member, who is a person: reads in the north, writes in the south.
SELECT account.create_user('15-member@example.com') AS member_user \gset
SELECT account.add_member(:'member_user', 'member', account_id => :'acme') AS member \gset
SELECT account.assign_role(:'member', 'reader', workspace_id => :'north'), account.assign_role(:'member', 'writer', workspace_id => :'south');
SELECT api_key AS application_key FROM account.create_application_key('15 portal', '{read:accounts}') \gset
-- clerk has all of it in the whole account, and no workspace.
SELECT api_key AS clerk_key FROM account.create_service_account('clerk', 'clerk', account_id => :'acme') \gset

-- RLS-45: whatever the column is called.
SET ROLE regress_owner;
CREATE TABLE care.files (file_id integer PRIMARY KEY, note text);
SELECT statement FROM account.isolate('care.files', workspace_column => 'Ward "''a:b''::text"', read_permission => 'read:files', write_permission => 'write:files') statement
WHERE statement ~ 'RESTRICTIVE|TRIGGER|INDEX';
ALTER TABLE care.files RENAME COLUMN "Ward ""'a:b'::text""" TO ward;
SELECT * FROM account.isolate('care.files', workspace_column => 'ward', read_permission => 'read:files', write_permission => 'write:files');
SELECT * FROM account.isolate('care.files');
SELECT account_column, workspace_column, read_permission, write_permission FROM account.isolated_tables WHERE table_name = 'care.files'::regclass;

-- S5.12, B7: in each workspace what is held there.
SET ROLE regress_app;
\set ON_ERROR_ROLLBACK on
BEGIN;
SELECT account.authenticate(:'doctor_key') IS DISTINCT FROM NULL AS authenticated;
INSERT INTO care.files (file_id, note, ward) VALUES (1, 'north', :'north'), (3, 'west', :'west');
INSERT INTO care.files (file_id, note, ward) VALUES (2, 'south', :'south');
COMMIT;
BEGIN;
SELECT account.authenticate(:'nurse_key') IS DISTINCT FROM NULL AS authenticated;
SELECT account.has_permission('read:files') AS read, account.has_permission('read:files', :'north') AS read_north,
	account.has_permission('write:files', :'north') AS write_north, account.has_permission('write:files', :'south') AS write_south,
	account.can_access_workspace(:'west') AS reach_west, account.has_permission('read:files', :'west') AS read_west;
INSERT INTO care.files (file_id, note, ward) VALUES (2, 'south', :'south') RETURNING file_id;
SELECT file_id, note FROM care.files ORDER BY 1;
INSERT INTO care.files (file_id, note, ward) VALUES (4, 'north', :'north');
INSERT INTO care.files (file_id, note, ward) VALUES (4, 'west', :'west');
UPDATE care.files SET note = 'nurse' RETURNING file_id;
DELETE FROM care.files WHERE file_id = 1 RETURNING file_id;
UPDATE care.files SET ward = :'north' WHERE file_id = 2;
UPDATE care.files SET ward = :'south' WHERE file_id = 1 RETURNING file_id;
INSERT INTO care.files (file_id, note, ward) VALUES (1, 'mine', :'south') ON CONFLICT (file_id) DO UPDATE SET note = 'mine';
MERGE INTO care.files f USING (VALUES (1), (2)) v (file_id) ON f.file_id = v.file_id WHEN MATCHED THEN UPDATE SET note = 'merged';
SELECT file_id FROM care.files ORDER BY 1 FOR UPDATE;
COMMIT;
-- The key that has the north alone writes nowhere, and is told so.
BEGIN;
SELECT account.authenticate(:'nurse_north_key') IS DISTINCT FROM NULL AS authenticated;
SELECT file_id FROM care.files;
UPDATE care.files SET note = 'x';
ROLLBACK;
BEGIN;
SELECT account.authenticate(:'doctor_key') IS DISTINCT FROM NULL AS authenticated;
SELECT file_id, note FROM care.files ORDER BY 1;
WITH c AS (UPDATE care.files SET note = note RETURNING file_id) SELECT file_id FROM c ORDER BY 1;
UPDATE care.files SET ward = :'south' WHERE file_id = 1;
DELETE FROM care.files WHERE file_id = 2 RETURNING file_id;
ROLLBACK;
BEGIN;
SELECT account.authenticate(:'reading_key') IS DISTINCT FROM NULL AS authenticated;
SELECT file_id FROM care.files ORDER BY 1;
UPDATE care.files SET note = 'x';
ROLLBACK;
-- The member reads exactly there, and writes exactly there.
BEGIN;
SELECT (account.act_as(:'application_key', :'acme', :'member_user')).profile_id = :'member' AS member;
SELECT file_id FROM care.files ORDER BY 1;
INSERT INTO care.files (file_id, note, ward) VALUES (5, 'x', :'north');
INSERT INTO care.files (file_id, note, ward) VALUES (5, 'x', :'west');
INSERT INTO care.files (file_id, note, ward) VALUES (5, 'x', :'south');
UPDATE care.files SET note = 'x' WHERE file_id = 2;
UPDATE care.files SET note = 'by the member';
DELETE FROM care.files WHERE file_id = 1;
SELECT file_id, note FROM care.files ORDER BY 1;
COMMIT;
BEGIN;
SELECT account.authenticate(:'doctor_key') IS DISTINCT FROM NULL AS authenticated;
SELECT file_id, note FROM care.files ORDER BY 1;
COMMIT;
-- S3.12: who holds them and reaches no workspace has no row.
BEGIN;
SELECT account.authenticate(:'clerk_key') IS DISTINCT FROM NULL AS authenticated;
SELECT account.has_permission('read:files') AS read;
SELECT count(*) FROM care.files;
UPDATE care.files SET note = 'x';
ROLLBACK;
-- The trigger only says why.
SET ROLE regress_owner;
ALTER TABLE care.files DISABLE TRIGGER account_require_writable;
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'nurse_north_key') IS DISTINCT FROM NULL AS authenticated;
UPDATE care.files SET note = 'x';
DELETE FROM care.files;
INSERT INTO care.files (file_id, note, ward) VALUES (4, 'x', :'north');
SELECT file_id, note FROM care.files;
ROLLBACK;

-- Plans that are kept, and workers.
RESET ROLE;
SET client_min_messages = error;
INSERT INTO care.files (file_id, account_id, note, ward)
	SELECT n, :'acme', 'many', CASE n % 3 WHEN 0 THEN :'north'::uuid WHEN 1 THEN :'south' ELSE :'west' END FROM generate_series(101, 3100) n;
ANALYZE care.files;
SET ROLE regress_app;
SET plan_cache_mode = force_generic_plan;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET parallel_leader_participation = off;
SET enable_indexscan = off;
SET enable_bitmapscan = off;
PREPARE seen AS SELECT count(*) FILTER (WHERE ward = $1) AS north, count(*) FILTER (WHERE ward = $2) AS south, count(*) FILTER (WHERE ward = $3) AS west FROM care.files;
PREPARE changed AS WITH c AS (UPDATE care.files SET note = note WHERE file_id > 100 RETURNING ward)
	SELECT count(*) FILTER (WHERE ward = $1) AS north, count(*) FILTER (WHERE ward = $2) AS south, count(*) FILTER (WHERE ward = $3) AS west FROM c;
EXECUTE seen (:'north', :'south', :'west');
BEGIN;
SELECT account.authenticate(:'nurse_key') IS DISTINCT FROM NULL AS authenticated;
EXECUTE seen (:'north', :'south', :'west');
EXECUTE changed (:'north', :'south', :'west');
ROLLBACK;
BEGIN;
SELECT account.authenticate(:'doctor_key') IS DISTINCT FROM NULL AS authenticated;
EXECUTE seen (:'north', :'south', :'west');
EXECUTE changed (:'north', :'south', :'west');
ROLLBACK;
EXECUTE seen (:'north', :'south', :'west');
EXECUTE changed (:'north', :'south', :'west');

-- One identity after another in a transaction, where that is allowed: nothing of the first is kept.
RESET ROLE;
SET account.exchange_identity = on;
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'nurse_key') IS DISTINCT FROM NULL AS authenticated;
EXECUTE seen (:'north', :'south', :'west');
EXECUTE changed (:'north', :'south', :'west');
SELECT account.authenticate(:'nurse_north_key') IS DISTINCT FROM NULL AS authenticated;
EXECUTE seen (:'north', :'south', :'west');
SELECT account.authenticate(:'doctor_key') IS DISTINCT FROM NULL AS authenticated;
EXECUTE seen (:'north', :'south', :'west');
EXECUTE changed (:'north', :'south', :'west');
ROLLBACK;
RESET ROLE;
RESET account.exchange_identity;
SET ROLE regress_app;

-- What policies call, called by anybody: it tells nobody anything, and never raises.
SELECT account.policy_account_id('read:files') = account.policy_account_id() AS nobody, account.policy_new_account_id('read:files') IS NULL AS none,
	cardinality(account.policy_workspace_ids('read:files')), account.policy_workspace_writable(:'north', 'write:files') AS writable;
BEGIN;
SELECT account.authenticate(:'nurse_key') IS DISTINCT FROM NULL AS authenticated;
SELECT left(p, 20) AS p, account.policy_account_id(p) = account.current_account_id() AS account, account.policy_new_account_id(p) IS NULL AS none,
	cardinality(account.policy_workspace_ids(p)) AS workspaces, account.policy_workspace_writable(:'north', p) AS north
FROM unnest(ARRAY['read:files', 'write:files', 'read:accounts', '*:*', '', repeat('x', 1000), NULL, 'read:files']) p;
SELECT account.policy_workspace_writable(NULL) IS NULL AS unknown, cardinality(account.policy_workspace_ids()) AS workspaces,
	account.policy_workspace_writable((account.policy_workspace_ids('*:*'))[1]) AS nobodys,
	account.policy_workspace_writable((account.policy_workspace_ids('*:*'))[1], '*:*') AS nobodys;
ROLLBACK;

-- Later partitions have all of it; what goes below has to.
SET ROLE regress_owner;
CREATE TABLE care.visits (visit_id integer, ward uuid NOT NULL) PARTITION BY RANGE (visit_id);
SELECT count(*) > 0 AS isolated FROM account.isolate('care.visits', workspace_column => 'ward', read_permission => 'read:files', write_permission => 'write:files');
CREATE TABLE care.visits_1 PARTITION OF care.visits FOR VALUES FROM (1) TO (10);
SELECT workspace_column, read_permission, write_permission FROM account.isolated_tables WHERE table_name = 'care.visits_1'::regclass;
SELECT pg_get_triggerdef(oid) LIKE '%(''write:files'', ''workspace'')' AS says_why FROM pg_trigger WHERE tgrelid = 'care.visits_1'::regclass AND tgname = 'account_require_writable';
SELECT * FROM account.isolate('care.visits');
CREATE TABLE care.visits_2 (LIKE care.visits);
SELECT count(*) > 0 AS isolated FROM account.isolate('care.visits_2', workspace_column => 'ward', read_permission => 'read:files');
ALTER TABLE care.visits ATTACH PARTITION care.visits_2 FOR VALUES FROM (10) TO (20);
SELECT count(*) > 0 AS isolated FROM account.isolate('care.visits_2', write_permission => 'write:files');
ALTER TABLE care.visits ATTACH PARTITION care.visits_2 FOR VALUES FROM (10) TO (20);
SELECT * FROM account.isolate('care.visits_2', write_permission => 'read:files');

RESET ROLE;
DROP SCHEMA care CASCADE;
DROP OWNED BY regress_owner;
DROP OWNED BY regress_app;
DROP ROLE regress_owner, regress_app;
