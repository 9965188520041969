-- isolation_refuse: what cannot be isolated, odd names, and a hostile search_path.
\set VERBOSITY terse
\pset format unaligned
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
SELECT account.grant_access('regress_owner', 'owner'), account.grant_access('regress_app', 'tenant');
CREATE SCHEMA odd AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA odd TO regress_app;
ALTER DEFAULT PRIVILEGES FOR ROLE regress_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO regress_app;
SELECT id AS acme, api_key AS acme_key
FROM account.create_account('acme', account_id => '15080000-0000-4000-8000-00000000000a') \gset
SELECT id AS globex, api_key AS globex_key
FROM account.create_account('globex', account_id => '15080000-0000-4000-8000-00000000000b') \gset
SET ROLE regress_owner;
-- RLS-27, DES-20: columns that cannot serve.
CREATE DOMAIN odd.my_uuid AS uuid;
CREATE TABLE odd.of_text (account_id text);
CREATE TABLE odd.of_integer (account_id integer);
CREATE TABLE odd.of_domain (account_id odd.my_uuid);
CREATE TABLE odd.of_array (account_id uuid[]);
CREATE TABLE odd.of_expression (code text, account_id uuid GENERATED ALWAYS AS (md5(code)::uuid) STORED);
SELECT * FROM account.isolate('odd.of_text');
SELECT * FROM account.isolate('odd.of_integer');
SELECT * FROM account.isolate('odd.of_domain');
SELECT * FROM account.isolate('odd.of_array');
SELECT * FROM account.isolate('odd.of_expression');
SELECT * FROM account.isolate('odd.of_text', 'ctid');
SELECT * FROM account.isolate('odd.of_text', 'tableoid');
SELECT * FROM account.isolate('odd.of_text', '');
SELECT * FROM account.isolate(NULL);
SELECT account.share(NULL);
SELECT account.release(NULL);
SELECT * FROM account.isolate(1::oid::regclass);
-- A nullable column with rows, in full.
CREATE TABLE odd.nullable (account_id uuid, note text);
INSERT INTO odd.nullable VALUES (:'acme', 'a'), (NULL, 'b');
SELECT * FROM account.isolate('odd.nullable');
\d odd.nullable
-- Relations that are no tables, or not the owner's own.
CREATE VIEW odd.a_view AS SELECT 1 AS one;
CREATE MATERIALIZED VIEW odd.a_matview AS SELECT 1 AS one;
CREATE SEQUENCE odd.a_sequence;
CREATE TYPE odd.a_type AS (one integer);
CREATE INDEX an_index ON odd.nullable (account_id);
CREATE TEMPORARY TABLE odd_temporary (account_id uuid);
CREATE TABLE odd.with_rule (account_id uuid);
CREATE RULE also AS ON INSERT TO odd.with_rule DO ALSO DELETE FROM odd.nullable;
SELECT * FROM account.isolate('odd.a_view');
SELECT * FROM account.isolate('odd.a_matview');
SELECT * FROM account.isolate('odd.a_sequence');
SELECT * FROM account.isolate('odd.a_type');
SELECT * FROM account.isolate('odd.an_index');
SELECT * FROM account.isolate('odd_temporary');
SELECT * FROM account.isolate('odd.with_rule');
SELECT account.share('odd.a_view');
SELECT account.share('odd.with_rule');
RESET ROLE;
SELECT * FROM account.isolate('pg_catalog.pg_class');
SELECT * FROM account.isolate('information_schema.sql_features');
SELECT * FROM account.isolate('account.accounts');
SELECT account.share('account.access_grants');
SET allow_system_table_mods = on;
SELECT * FROM account.isolate('pg_catalog.pg_proc');
RESET allow_system_table_mods;
-- Nothing of all this has left a trace.
SELECT count(*) FROM pg_policy p JOIN pg_class c ON c.oid = polrelid WHERE relnamespace = 'odd'::regnamespace;
SELECT count(*) FROM pg_class WHERE relnamespace = 'odd'::regnamespace AND (relrowsecurity OR relhastriggers);

-- RLS-44, RLS-45: names are names.  Of 63 bytes, with quotes, spaces, letters of all kinds, and key words.
SET ROLE regress_owner;
CREATE TABLE odd."x""; DROP TABLE odd.nullable; --" ("select" integer);
CREATE TABLE odd."Ünïcode Täble, in UTF-8 exactly sixty-three bytes long, abcd" ("1a" integer UNIQUE);
CREATE TABLE odd."user" ("Account""Id" uuid NOT NULL);
SELECT statement FROM account.isolate('odd."x""; DROP TABLE odd.nullable; --"', 'a"); --') AS statement WHERE statement !~ 'POLICY';
SELECT count(*) AS statements FROM account.isolate('odd."Ünïcode Täble, in UTF-8 exactly sixty-three bytes long, abcd"',
	'A columns name of sixty-three bytes, which is all there may be.');
SELECT statement FROM account.isolate('odd."user"', 'Account"Id') AS statement WHERE statement !~ 'PERMISSIVE';
SELECT table_name, account_column FROM account.isolated_tables WHERE table_name::text LIKE 'odd.%' ORDER BY table_name::text COLLATE "C";
SELECT * FROM account.isolate('odd."x""; DROP TABLE odd.nullable; --"', 'a"); --');
SELECT * FROM account.isolate('odd."Ünïcode Täble, in UTF-8 exactly sixty-three bytes long, abcd"',
	'A columns name of sixty-three bytes, which is all there may be.');
-- by another column than before
SELECT * FROM account.isolate('odd."user"');
SELECT * FROM account.isolate('odd."user"', 'account"id');
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'acme_key') IS DISTINCT FROM NULL AS authenticated;
INSERT INTO odd."user" DEFAULT VALUES;
INSERT INTO odd."x""; DROP TABLE odd.nullable; --" VALUES (1);
SELECT "select" FROM odd."x""; DROP TABLE odd.nullable; --";
COMMIT;
BEGIN;
SELECT account.authenticate(:'globex_key') IS DISTINCT FROM NULL AS authenticated;
SELECT count(*) FROM odd."user";
SELECT count(*) FROM odd."x""; DROP TABLE odd.nullable; --";
COMMIT;
SET ROLE regress_owner;
SELECT account.release('odd."x""; DROP TABLE odd.nullable; --"');
SELECT count(*) FROM odd.nullable;

-- SP-01, SP-03, SP-06: operators, types, functions and tables that shadow the server's, first in the path.
CREATE FUNCTION odd.always(uuid, uuid) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR odd.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = odd.always);
CREATE OPERATOR odd.<> (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = odd.always);
CREATE DOMAIN odd.uuid AS text;
CREATE TABLE odd.pg_policy (polrelid oid);
CREATE TABLE odd.pg_class (oid oid, relowner oid);
CREATE FUNCTION odd.policy_account_id() RETURNS pg_catalog.uuid LANGUAGE sql AS $$SELECT '15080000-0000-4000-8000-00000000000a'::pg_catalog.uuid$$;
CREATE FUNCTION odd.pg_event_trigger_ddl_commands() RETURNS TABLE (classid oid, objid oid) LANGUAGE sql AS 'SELECT NULL::oid, NULL::oid';
CREATE TABLE odd.shadowed (shadowed_id integer);
INSERT INTO odd.shadowed VALUES (1);
SET search_path = odd, account, pg_catalog, pg_temp;
CREATE TEMPORARY TABLE isolated_tables (table_name regclass);
SELECT count(*) AS statements FROM account.isolate('shadowed', existing_rows => quote_literal(:'acme') || '::uuid');
SELECT * FROM account.isolate('shadowed');
CREATE TABLE shadowed_child () INHERITS (shadowed);
RESET search_path;
SELECT polrelid::regclass, polname, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid) FROM pg_policy
WHERE polrelid IN ('odd.shadowed'::regclass, 'odd.shadowed_child'::regclass) AND NOT polpermissive ORDER BY 1, 2;
SELECT atttypid::regtype FROM pg_attribute WHERE attrelid = 'odd.shadowed'::regclass AND attname = 'account_id';
GRANT SELECT ON ALL TABLES IN SCHEMA odd TO regress_app;
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'globex_key') IS DISTINCT FROM NULL AS authenticated;
SET LOCAL search_path = odd, pg_catalog;
SELECT count(*) FROM shadowed;
COMMIT;
BEGIN;
SELECT account.authenticate(:'acme_key') IS DISTINCT FROM NULL AS authenticated;
SET LOCAL search_path = odd, pg_catalog;
SELECT count(*) FROM shadowed;
COMMIT;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA odd CASCADE;
DROP OWNED BY regress_owner;
DROP OWNED BY regress_app;
DROP ROLE regress_owner, regress_app;
