-- birth: after isolate_schema() every new table of the schema is isolated in its own transaction, or refused (RLS-37).
\set VERBOSITY terse
\pset format unaligned
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
SELECT account.grant_access('regress_owner', 'owner'), account.grant_access('regress_app', 'tenant');
CREATE SCHEMA crib AUTHORIZATION regress_owner;
GRANT CREATE, USAGE ON SCHEMA crib TO regress_app;
CREATE SCHEMA outside AUTHORIZATION regress_owner;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme', account_id => '15200000-0000-4000-8000-00000000000a') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('globex', account_id => '15200000-0000-4000-8000-00000000000b') \gset
CREATE FUNCTION pg_temp.isolated(tables text) RETURNS TABLE (isolated text) LANGUAGE sql
	AS 'SELECT table_name::text FROM account.isolated_tables WHERE table_name::text ~ tables AND enabled AND forced ORDER BY table_name::text COLLATE "C"';
GRANT USAGE ON SCHEMA crib TO regress_app;
SET ROLE regress_owner;
SELECT count(*) FROM account.isolate_schema('crib');

-- Every way to make one.
CREATE TABLE crib.plain (plain_id serial PRIMARY KEY, email text UNIQUE, plain_ref integer REFERENCES crib.plain ON DELETE SET NULL);
CREATE TABLE crib.has_it (account_id uuid);
CREATE UNLOGGED TABLE crib."Un logged" (x integer);
CREATE TABLE crib.as_empty AS SELECT 1 AS x WITH NO DATA;
SELECT 1 AS x INTO crib.into_empty WHERE false;
CREATE TABLE crib.of_like (LIKE crib.plain INCLUDING ALL);
CREATE TABLE crib.parts (x integer) PARTITION BY LIST (x);
CREATE TABLE crib.part_1 PARTITION OF crib.parts FOR VALUES IN (1);
CREATE TABLE crib.part_2 (x integer);
ALTER TABLE crib.parts ATTACH PARTITION crib.part_2 FOR VALUES IN (2);
CREATE TABLE crib.kid () INHERITS (crib.plain);
CREATE TABLE crib.adopted (LIKE crib.plain);
ALTER TABLE crib.adopted INHERIT crib.plain;
CREATE TABLE outside.moved (x integer);
ALTER TABLE outside.moved SET SCHEMA crib;
CREATE TABLE outside.kid () INHERITS (crib.plain);
SELECT * FROM pg_temp.isolated('^(crib|outside)');
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid IN ('crib.plain'::regclass, 'crib.of_like'::regclass) AND contype <> 'n' ORDER BY 1;

-- Rows come with an account, or not at all.
CREATE TABLE crib.as_rows AS SELECT 1 AS x;
SELECT 1 AS x INTO crib.into_rows;
CREATE TABLE crib.as_owned AS SELECT 1 AS x, :'acme'::uuid AS account_id;
CREATE TABLE outside.rows AS SELECT 1 AS x;
ALTER TABLE outside.rows SET SCHEMA crib;
CREATE TABLE crib.wrong (account_id text);
CREATE TABLE crib.kid_of_open () INHERITS (outside.rows);
SELECT relname FROM pg_class WHERE relnamespace = 'crib'::regnamespace AND relname IN ('as_rows', 'into_rows', 'as_owned', 'rows', 'wrong', 'kid_of_open');
-- EXPLAIN ANALYZE makes it too, and no event trigger is told.
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) CREATE TABLE crib.explained AS SELECT 1 AS x;
DO $$ BEGIN EXECUTE 'EXPLAIN (ANALYZE) CREATE TABLE crib.explained AS SELECT 1 AS x WHERE false'; END $$;
EXPLAIN (COSTS OFF) CREATE TABLE crib.not_made AS SELECT 1 AS x;
SELECT * FROM pg_temp.isolated('explained|not_made');
-- RLS-25: what row security does not reach.
CREATE MATERIALIZED VIEW crib.sums AS SELECT 1 AS x;
CREATE MATERIALIZED VIEW outside.sums AS SELECT 1 AS x;
ALTER MATERIALIZED VIEW outside.sums SET SCHEMA crib;
RESET ROLE;
CREATE FOREIGN DATA WRAPPER regress_wrapper;
CREATE SERVER regress_server FOREIGN DATA WRAPPER regress_wrapper;
CREATE FOREIGN TABLE crib.far (x integer) SERVER regress_server;
CREATE FOREIGN TABLE outside.far (x integer) SERVER regress_server;
ALTER FOREIGN TABLE outside.far SET SCHEMA crib;
DROP FOREIGN DATA WRAPPER regress_wrapper CASCADE;
-- Who may not isolate may not make one.
SET ROLE regress_app;
CREATE TABLE crib.of_app (x integer);
SET ROLE regress_owner;
-- No concern: temporary tables, views, tables of migrations, what belongs to an extension.
CREATE TEMPORARY TABLE crib_temporary (x integer);
CREATE VIEW crib.view AS SELECT 1 AS x;
CREATE TABLE crib.schema_migrations (version text PRIMARY KEY);
SELECT count(*) FROM pg_temp.isolated('crib_temporary|view|migrations');

-- Keys that come later, with a column or by themselves.
ALTER TABLE crib.has_it ADD COLUMN plain_id integer REFERENCES crib.plain ON DELETE CASCADE, ADD COLUMN code text UNIQUE;
ALTER TABLE crib.has_it ADD COLUMN of_like integer, ADD CONSTRAINT like_ref FOREIGN KEY (of_like) REFERENCES crib.of_like;
CREATE UNIQUE INDEX has_it_lower ON crib.has_it (lower(code)) WHERE code IS NOT NULL;
CREATE INDEX has_it_plain ON crib.has_it (code);
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'crib.has_it'::regclass AND contype <> 'n' ORDER BY pg_get_constraintdef(oid) COLLATE "C";
SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'crib.has_it'::regclass ORDER BY pg_get_indexdef(indexrelid) COLLATE "C";
-- One that is built beside the others is left as it is, with a warning; the doctor finds it, and says what to do.
CREATE UNIQUE INDEX CONCURRENTLY has_it_later ON crib.has_it (of_like);
SELECT check_id, object, fix FROM account.doctor('crib') WHERE fix LIKE '%has_it_later%';
BEGIN;
SELECT unnest(string_to_array(fix, '; ')) FROM account.doctor('crib') WHERE fix LIKE '%has_it_later%' \gexec
COMMIT;
SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'crib.has_it'::regclass AND pg_get_indexdef(indexrelid) LIKE '%of_like%' AND indisunique;
SELECT count(*) AS left FROM account.doctor('crib') WHERE check_id = 'unique_across' AND finding LIKE '%has_it%';
-- A primary key that comes later gets its twin with the first foreign key: a restore may add it before its twin.
CREATE TABLE crib.keyless (keyless_id integer);
ALTER TABLE crib.keyless ADD PRIMARY KEY (keyless_id);
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'crib.keyless'::regclass AND contype <> 'n' ORDER BY pg_get_constraintdef(oid) COLLATE "C";
ALTER TABLE crib.keyless ADD COLUMN other integer REFERENCES crib.keyless;
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'crib.keyless'::regclass AND contype <> 'n' ORDER BY pg_get_constraintdef(oid) COLLATE "C";

-- Renames and changes of columns keep the policies true.
ALTER TABLE crib.has_it RENAME TO renamed;
ALTER TABLE crib.renamed RENAME COLUMN account_id TO tenant_id;
ALTER TABLE crib.renamed ADD COLUMN more text DEFAULT 'x', DROP COLUMN of_like, ALTER COLUMN code TYPE varchar(20);
ALTER TABLE crib.renamed ALTER COLUMN tenant_id TYPE text;
ALTER TABLE crib.renamed DROP COLUMN tenant_id;
CREATE TABLE crib.of_renamed (x integer UNIQUE, renamed_x integer REFERENCES crib.of_like);
SELECT account_column FROM account.isolated_tables WHERE table_name = 'crib.renamed'::regclass;
SELECT count(*) FROM account.isolate_schema('crib');
GRANT SELECT, INSERT ON crib.renamed TO regress_app;
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'acme_key') IS DISTINCT FROM NULL AS authenticated;
INSERT INTO crib.renamed (code) VALUES ('A') RETURNING code, tenant_id = :'acme' AS of_acme;
COMMIT;
BEGIN;
SELECT account.authenticate(:'globex_key') IS DISTINCT FROM NULL AS authenticated;
INSERT INTO crib.renamed (code) VALUES ('A') RETURNING code;
SELECT code, tenant_id = :'globex' AS of_globex FROM crib.renamed;
COMMIT;

-- What was let go stays so.
SET ROLE regress_owner;
SELECT account.release('crib.moved');
ALTER TABLE crib.moved ADD COLUMN y integer UNIQUE;
SELECT count(*) FROM pg_temp.isolated('crib.moved');

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA crib, outside CASCADE;
DROP OWNED BY regress_owner;
DROP OWNED BY regress_app;
DROP ROLE regress_owner, regress_app;
