-- isolation_workspace_tables: which columns are taken, what is kept and mended, partitions, plans and workers.
\set VERBOSITY terse
\pset format unaligned
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
SELECT account.grant_access('regress_owner', 'owner'), account.grant_access('regress_app', 'tenant');
CREATE SCHEMA yard AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA yard TO regress_app;
ALTER DEFAULT PRIVILEGES FOR ROLE regress_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO regress_app;
SELECT id AS acme FROM account.create_account('acme', account_id => '150a0000-0000-4000-8000-00000000000a') \gset
SELECT account.create_workspace('north', account_id => :'acme') AS north,
	account.create_workspace('south', account_id => :'acme') AS south \gset
SELECT profile_id AS robot FROM account.create_service_account('robot', 'owner', account_id => :'acme') \gset
SELECT api_key AS north_key FROM account.create_api_key(:'robot', 'north', workspace_ids => ARRAY[:'north']::uuid[]) \gset
SELECT api_key AS both_key FROM account.create_api_key(:'robot', 'both', workspace_ids => ARRAY[:'north', :'south']::uuid[]) \gset
SELECT api_key AS bare_key FROM account.create_api_key(:'robot', 'bare') \gset

-- A column that is to be added wants a table without rows; one that is there is filled by its owner.
SET ROLE regress_owner;
CREATE TABLE yard.bricks (brick_id integer PRIMARY KEY, account_id uuid);
INSERT INTO yard.bricks VALUES (1, :'acme'), (2, :'acme');
SELECT * FROM account.isolate('yard.bricks', workspace_column => 'place');
ALTER TABLE yard.bricks ADD COLUMN place uuid;
UPDATE yard.bricks SET place = :'north' WHERE brick_id = 1;
SELECT * FROM account.isolate('yard.bricks', workspace_column => 'place');
SELECT * FROM account.isolate('yard.bricks', workspace_column => 'place', dry_run => true);
UPDATE yard.bricks SET place = :'south' WHERE brick_id = 2;
-- An index of the owner's will do if it begins with both.
CREATE INDEX ON yard.bricks (place, account_id);
CREATE INDEX ON yard.bricks (account_id, place) WHERE brick_id > 0;
SELECT statement FROM account.isolate('yard.bricks', workspace_column => 'place', dry_run => true) statement WHERE statement LIKE '%INDEX%';
CREATE INDEX ON yard.bricks (account_id, place, brick_id);
SELECT statement FROM account.isolate('yard.bricks', workspace_column => 'place') statement WHERE statement NOT LIKE 'CREATE POLICY%';
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'north_key') IS DISTINCT FROM NULL AS authenticated;
SELECT brick_id FROM yard.bricks;
COMMIT;

-- What cannot be one.
SET ROLE regress_owner;
CREATE TABLE yard.odd (account_id uuid, word text, made uuid GENERATED ALWAYS AS (account_id) STORED);
SELECT * FROM account.isolate('yard.odd', workspace_column => 'word');
SELECT * FROM account.isolate('yard.odd', workspace_column => 'made');
SELECT * FROM account.isolate('yard.odd', workspace_column => 'account_id');
SELECT * FROM account.isolate('yard.odd', workspace_column => 'ctid');
SELECT * FROM account.isolate('yard.odd', workspace_column => '');
CREATE TABLE yard.odd_child (place uuid) INHERITS (yard.odd);
SELECT * FROM account.isolate('yard.odd', workspace_column => 'place');
DROP TABLE yard.odd CASCADE;

-- A table that was isolated without gets one, empty or filled; then another.
CREATE TABLE yard.tiles (tile_id integer PRIMARY KEY);
SELECT count(*) AS statements FROM account.isolate('yard.tiles');
SELECT statement FROM account.isolate('yard.tiles', workspace_column => 'place') statement WHERE statement !~ 'account_(permit|insert|update|delete)';
ALTER TABLE yard.tiles ADD COLUMN other_place uuid;
SELECT statement FROM account.isolate('yard.tiles', workspace_column => 'other_place') statement WHERE statement !~ 'account_(permit|insert|update|delete)';
SELECT workspace_column FROM account.isolated_tables WHERE table_name = 'yard.tiles'::regclass;
-- It keeps it under another name, and whatever of it is lost is mended, though it is not named again.
ALTER TABLE yard.tiles RENAME COLUMN other_place TO spot;
DROP POLICY account_select ON yard.tiles;
ALTER POLICY account_update ON yard.tiles USING (account_id = account.policy_writable_account_id());
SELECT count(*) AS isolated FROM account.isolated_tables WHERE table_name = 'yard.tiles'::regclass;
SELECT statement FROM account.isolate('yard.tiles') statement;
SELECT workspace_column FROM account.isolated_tables WHERE table_name = 'yard.tiles'::regclass;
-- Without the column nothing is open.
ALTER TABLE yard.tiles DROP COLUMN spot;
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'north_key') IS DISTINCT FROM NULL AS authenticated;
INSERT INTO yard.tiles (tile_id, place, spot) VALUES (1, :'north', :'north') RETURNING tile_id;
COMMIT;
SET ROLE regress_owner;
SET client_min_messages = warning;
ALTER TABLE yard.tiles DROP COLUMN spot CASCADE;
RESET client_min_messages;
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'both_key') IS DISTINCT FROM NULL AS authenticated;
SELECT count(*) FROM yard.tiles;
COMMIT;
-- release() and isolate() again is the way to have it no longer.
SET ROLE regress_owner;
SELECT account.release('yard.bricks');
SELECT count(*) AS statements FROM account.isolate('yard.bricks');
SELECT account_column, workspace_column FROM account.isolated_tables WHERE table_name = 'yard.bricks'::regclass;

-- Partitions and children, those of before and those of later.
CREATE TABLE yard.loads (load_id integer, place uuid NOT NULL) PARTITION BY RANGE (load_id);
CREATE TABLE yard.loads_1 PARTITION OF yard.loads FOR VALUES FROM (1) TO (10);
SELECT count(*) > 0 AS isolated FROM account.isolate('yard.loads', workspace_column => 'place');
CREATE TABLE yard.loads_2 PARTITION OF yard.loads FOR VALUES FROM (10) TO (20);
CREATE TABLE yard.loads_3 (LIKE yard.loads);
ALTER TABLE yard.loads ATTACH PARTITION yard.loads_3 FOR VALUES FROM (20) TO (30);
SELECT table_name, workspace_column, forced FROM account.isolated_tables WHERE table_name::text LIKE 'yard.loads%' ORDER BY table_name::text COLLATE "C";
SELECT * FROM account.isolate('yard.loads');
SELECT * FROM account.isolate('yard.loads_2');
-- What is isolated in another way does not go below, nor is it made so there: by one of the two names more would be open.
CREATE TABLE yard.loads_4 (LIKE yard.loads);
SELECT count(*) > 0 AS isolated FROM account.isolate('yard.loads_4');
ALTER TABLE yard.loads ATTACH PARTITION yard.loads_4 FOR VALUES FROM (30) TO (40);
ALTER TABLE yard.loads_4 ADD COLUMN other uuid;
SELECT count(*) > 0 AS isolated FROM account.isolate('yard.loads_4', workspace_column => 'other');
SELECT count(*) > 0 AS isolated FROM account.isolate('yard.loads_4', workspace_column => 'place');
ALTER TABLE yard.loads_4 DROP COLUMN other;
ALTER TABLE yard.loads ATTACH PARTITION yard.loads_4 FOR VALUES FROM (30) TO (40);
ALTER TABLE yard.loads ADD COLUMN other uuid;
SELECT * FROM account.isolate('yard.loads_4', workspace_column => 'other');
CREATE TABLE yard.stock (stock_id integer);
CREATE TABLE yard.parts () INHERITS (yard.stock);
SELECT count(*) > 0 AS isolated FROM account.isolate('yard.stock', workspace_column => 'place');
CREATE TABLE yard.spares () INHERITS (yard.parts);
CREATE TABLE yard.mixed () INHERITS (yard.stock, yard.bricks);
SELECT table_name, workspace_column FROM account.isolated_tables WHERE table_name::text ~ 'yard.(stock|parts|spares|mixed)' ORDER BY table_name::text COLLATE "C";

-- RLS-21: each by its own name.
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'both_key') IS DISTINCT FROM NULL AS authenticated;
INSERT INTO yard.loads (load_id, place) VALUES (1, :'north'), (2, :'south'), (11, :'south'), (21, :'north');
INSERT INTO yard.spares (stock_id, place) VALUES (1, :'north'), (2, :'south');
COMMIT;
BEGIN;
SELECT account.authenticate(:'north_key') IS DISTINCT FROM NULL AS authenticated;
SELECT tableoid::regclass AS part, load_id FROM yard.loads ORDER BY load_id;
SELECT load_id FROM yard.loads_1;
SELECT load_id FROM yard.loads_2;
SELECT stock_id FROM yard.stock;
SELECT stock_id FROM yard.spares;
INSERT INTO yard.loads_2 (load_id, place) VALUES (12, :'south');
ROLLBACK;

-- RLS-12: a foreign key that leaves the workspace out reaches past it, between two tables that have one.
SET ROLE regress_owner;
CREATE TABLE yard.sites (account_id uuid, place uuid, site_id integer, UNIQUE (account_id, site_id), UNIQUE (account_id, place, site_id));
CREATE TABLE yard.staff (account_id uuid, staff_id integer, PRIMARY KEY (account_id, staff_id));
CREATE TABLE yard.jobs (account_id uuid, place uuid, site_id integer, staff_id integer,
	CONSTRAINT wide FOREIGN KEY (account_id, site_id) REFERENCES yard.sites (account_id, site_id),
	CONSTRAINT narrow FOREIGN KEY (account_id, place, site_id) REFERENCES yard.sites (account_id, place, site_id),
	CONSTRAINT of_account FOREIGN KEY (account_id, staff_id) REFERENCES yard.staff);
SELECT count(*) > 0 AS isolated FROM account.isolate('yard.staff');
SELECT count(*) > 0 AS isolated FROM account.isolate('yard.sites', workspace_column => 'place');
SELECT count(*) > 0 AS isolated FROM account.isolate('yard.jobs', workspace_column => 'place', dry_run => true);
SELECT count(*) > 0 AS isolated FROM account.isolate('yard.jobs', workspace_column => 'place');
SELECT * FROM account.isolate('yard.sites');

-- A plan that is kept gives each identity its own; it is made for nobody, and by an index.
RESET ROLE;
CREATE TABLE yard.many (n integer, account_id uuid NOT NULL, place uuid NOT NULL) PARTITION BY LIST (place);
CREATE TABLE yard.many_north PARTITION OF yard.many FOR VALUES IN (:'north');
CREATE TABLE yard.many_rest PARTITION OF yard.many DEFAULT;
INSERT INTO yard.many SELECT n, :'acme', CASE WHEN n <= 6000 THEN :'north'::uuid WHEN n <= 9000 THEN :'south' ELSE gen_random_uuid() END
	FROM generate_series(1, 10000) n;
ALTER TABLE yard.many OWNER TO regress_owner;
ALTER TABLE yard.many_north OWNER TO regress_owner;
ALTER TABLE yard.many_rest OWNER TO regress_owner;
SET ROLE regress_owner;
SELECT count(*) > 0 AS isolated FROM account.isolate('yard.many', workspace_column => 'place');
RESET ROLE;
ANALYZE yard.many;
GRANT SELECT, UPDATE ON yard.many TO regress_app;
SET client_min_messages = error;
SET ROLE regress_app;
CREATE FUNCTION pg_temp.plan_has(statement text, wanted text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, TIMING off, FORMAT json) ' || statement INTO plan;
	RETURN plan::text ~ wanted;
END $$;
SET plan_cache_mode = force_generic_plan;
PREPARE seen AS SELECT count(*), min(n), max(n) FROM yard.many;
PREPARE changed AS WITH c AS (UPDATE yard.many SET n = n WHERE n % 1000 = 0 RETURNING n) SELECT count(*), min(n), max(n) FROM c;
EXECUTE seen;
EXECUTE changed;
BEGIN;
SELECT account.authenticate(:'north_key') IS DISTINCT FROM NULL AS authenticated;
EXECUTE seen;
EXECUTE changed;
ROLLBACK;
BEGIN;
SELECT account.authenticate(:'bare_key') IS DISTINCT FROM NULL AS authenticated;
EXECUTE seen;
SET LOCAL enable_seqscan = off;
SELECT pg_temp.plan_has('SELECT n FROM yard.many', 'Index Cond": "[^"]*account_id = [^"]*place = ANY \(account.policy_workspace_ids\(\)\)');
SELECT pg_temp.plan_has('UPDATE yard.many SET n = n', 'One-Time Filter": "\(account.policy_writable_account_id\(\) = account.policy_account_id\(\)\)');
ROLLBACK;
-- In workers, with the leader and without.
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET enable_indexscan = off;
SET enable_bitmapscan = off;
DEALLOCATE seen;
PREPARE seen AS SELECT count(*), min(n), max(n) FROM yard.many;
BEGIN;
SELECT account.authenticate(:'both_key') IS DISTINCT FROM NULL AS authenticated;
SELECT pg_temp.plan_has('EXECUTE seen', '"Workers Launched": [12]');
EXECUTE seen;
SET parallel_leader_participation = off;
EXECUTE seen;
COMMIT;
BEGIN;
SELECT account.authenticate(:'north_key') IS DISTINCT FROM NULL AS authenticated;
EXECUTE seen;
SAVEPOINT s;
SELECT account.deauthenticate();
EXECUTE seen;
ROLLBACK TO s;
EXECUTE seen;
COMMIT;
EXECUTE seen;

RESET ROLE;
DROP SCHEMA yard CASCADE;
DROP OWNED BY regress_owner;
DROP OWNED BY regress_app;
DROP ROLE regress_owner, regress_app;
