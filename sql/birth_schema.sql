-- birth_schema: a protected schema that is renamed, replaced and dropped.
\set VERBOSITY terse
\pset format unaligned
CREATE ROLE regress_owner;
SELECT account.grant_access('regress_owner', 'owner');
SELECT current_database() AS database \gset
GRANT CREATE ON DATABASE :"database" TO regress_owner;
CREATE FUNCTION pg_temp.isolated(tables text) RETURNS TABLE (isolated text) LANGUAGE sql
	AS 'SELECT table_name::text FROM account.isolated_tables WHERE table_name::text ~ tables ORDER BY table_name::text COLLATE "C"';
SET ROLE regress_owner;
CREATE SCHEMA live CREATE TABLE one (x integer);
SELECT count(*) > 0 AS isolated FROM account.isolate_schema('live');
-- Nobody but the extension writes which schemas are protected.
SELECT * FROM account.protected_schemas;
DELETE FROM account.protected_schemas;

-- Its new name is protected; the old one stays, for whatever takes it.
ALTER SCHEMA live RENAME TO old;
CREATE TABLE old.two (x integer);
CREATE SCHEMA staging CREATE TABLE three (x integer) CREATE TABLE four (x integer);
SELECT * FROM pg_temp.isolated('^(old|staging|live)\.');
INSERT INTO staging.three VALUES (1);
ALTER SCHEMA staging RENAME TO live;
TRUNCATE staging.three;
ALTER SCHEMA staging RENAME TO live;
CREATE TABLE live.five (x integer);
SELECT * FROM pg_temp.isolated('^(old|staging|live)\.');
-- A name that was never protected is none.
CREATE SCHEMA staging CREATE TABLE six (x integer);
SELECT count(*) FROM pg_temp.isolated('^staging\.');

-- Dropped, it is forgotten, and no other.
DROP SCHEMA old CASCADE;
CREATE SCHEMA old CREATE TABLE seven (x integer);
CREATE TABLE live.eight (x integer);
SELECT * FROM pg_temp.isolated('^(old|live)\.(seven|eight)');
-- Not, if the drop is undone.
BEGIN;
DROP SCHEMA live CASCADE;
ROLLBACK;
CREATE TABLE live.nine (x integer);
SELECT * FROM pg_temp.isolated('^live\.nine');

-- A restored database knows a schema by name, under whatever oid.
RESET ROLE;
UPDATE account.protected_schemas SET schema_id = 1 WHERE name = 'live';
SET ROLE regress_owner;
CREATE TABLE live.ten (x integer);
ALTER SCHEMA live RENAME TO restored;
CREATE TABLE restored.eleven (x integer);
SELECT * FROM pg_temp.isolated('\.(ten|eleven)$');
-- An oid counts where a renaming was not seen.
RESET ROLE;
ALTER EVENT TRIGGER account_schema_ddl DISABLE;
ALTER SCHEMA restored RENAME TO unseen;
ALTER EVENT TRIGGER account_schema_ddl ENABLE ALWAYS;
SET ROLE regress_owner;
CREATE TABLE unseen.twelve (x integer);
SELECT * FROM pg_temp.isolated('twelve');

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA old, staging, unseen CASCADE;
DELETE FROM account.protected_schemas;
DROP OWNED BY regress_owner;
DROP ROLE regress_owner;
