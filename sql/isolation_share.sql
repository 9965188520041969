-- isolation_share: tables that every account reads, and the end of either protection.
\set VERBOSITY terse
\pset format unaligned
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
SELECT account.grant_access('regress_owner', 'owner'), account.grant_access('regress_app', 'tenant');
CREATE SCHEMA ref AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA ref TO regress_app;
ALTER DEFAULT PRIVILEGES FOR ROLE regress_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO regress_app;
SELECT id AS acme, api_key AS acme_key
FROM account.create_account('acme', account_id => '15070000-0000-4000-8000-00000000000a') \gset
SELECT id AS globex, api_key AS globex_key
FROM account.create_account('globex', account_id => '15070000-0000-4000-8000-00000000000b') \gset
CREATE ROLE regress_loader;
GRANT USAGE ON SCHEMA ref TO regress_loader;
SET ROLE regress_owner;
CREATE TABLE ref.countries (code text PRIMARY KEY, name text);
INSERT INTO ref.countries VALUES ('AT', 'Austria'), ('BE', 'Belgium');
SELECT account.share('ref.countries');
SELECT account.share('ref.countries');
\d ref.countries
SELECT * FROM account.shared_tables WHERE table_name = 'ref.countries'::regclass;
SELECT count(*) FROM account.isolated_tables WHERE table_name = 'ref.countries'::regclass;

-- Every account reads it, and none writes, whatever another policy permits.
CREATE POLICY permits_all ON ref.countries USING (true);
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'acme_key') IS DISTINCT FROM NULL AS authenticated;
SELECT code FROM ref.countries ORDER BY 1;
UPDATE ref.countries SET name = 'mine';
DELETE FROM ref.countries;
INSERT INTO ref.countries VALUES ('XX', 'planted');
ROLLBACK;
BEGIN;
SELECT account.authenticate(:'globex_key') IS DISTINCT FROM NULL AS authenticated;
SELECT code, name FROM ref.countries ORDER BY 1;
COMMIT;
-- Nobody reads without an identity, nor writes.
SELECT * FROM ref.countries;
INSERT INTO ref.countries VALUES ('XX', 'planted');
UPDATE ref.countries SET name = 'mine';
DELETE FROM ref.countries;
-- The owner's migrations keep its rows: row security is not forced.
SET ROLE regress_owner;
UPDATE ref.countries SET name = upper(name);
INSERT INTO ref.countries VALUES ('CH', 'SWITZERLAND');
SELECT * FROM ref.countries ORDER BY 1;
DROP POLICY permits_all ON ref.countries;

-- Shared is not isolated; a table is one or the other.
SELECT * FROM account.isolate('ref.countries');
CREATE TABLE ref.notes (note text);
SELECT count(*) AS statements FROM account.isolate('ref.notes');
SELECT account.share('ref.notes');
-- What is missing is mended.
ALTER TABLE ref.countries DISABLE ROW LEVEL SECURITY;
DROP POLICY account_share_insert ON ref.countries;
SELECT account.share('ref.countries');
SELECT enabled FROM account.shared_tables WHERE table_name = 'ref.countries'::regclass;
SELECT count(*) FROM pg_policy WHERE polrelid = 'ref.countries'::regclass;
-- Partitions, of before and of later.
CREATE TABLE ref.rates (day integer, rate numeric) PARTITION BY RANGE (day);
CREATE TABLE ref.rates_1 PARTITION OF ref.rates FOR VALUES FROM (1) TO (10);
SELECT account.share('ref.rates_1');
SELECT account.share('ref.rates');
CREATE TABLE ref.rates_2 PARTITION OF ref.rates FOR VALUES FROM (10) TO (20);
SELECT table_name, enabled FROM account.shared_tables WHERE table_name::text LIKE 'ref.rates%' ORDER BY table_name::text COLLATE "C";

-- The end: exactly what was put there goes, and what is open is said.
CREATE POLICY on_notes ON ref.notes FOR SELECT TO regress_loader USING (note = 'public');
SELECT account.release('ref.countries');
SELECT account.release('ref.rates_1');
SELECT account.release('ref.rates');
\d ref.countries
SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname LIKE 'rates%' ORDER BY 1;
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'acme_key') IS DISTINCT FROM NULL AS authenticated;
INSERT INTO ref.notes VALUES ('of acme');
COMMIT;
SET ROLE regress_owner;
-- With policies of the owner's own, row security stays on.
SELECT account.release('ref.notes');
\d ref.notes
SET ROLE regress_app;
SELECT count(*) FROM ref.notes;
SET ROLE regress_owner;
DROP POLICY on_notes ON ref.notes;
SELECT account.release('ref.notes');
ALTER TABLE ref.notes NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
SELECT account.release('ref.notes');
SET ROLE regress_app;
SELECT note FROM ref.notes;
-- And isolated again, the column is taken as it is.
SET ROLE regress_owner;
SELECT count(*) AS statements FROM account.isolate('ref.notes');
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'acme_key') IS DISTINCT FROM NULL AS authenticated;
SELECT note FROM ref.notes;
COMMIT;
BEGIN;
SELECT account.authenticate(:'globex_key') IS DISTINCT FROM NULL AS authenticated;
SELECT note FROM ref.notes;
COMMIT;
SET ROLE regress_owner;
SELECT account.release('ref.notes');

-- RLS-42: only the owner of the table, with the level, and not by way of the extension's rights.
RESET ROLE;
CREATE TABLE ref.of_superuser (account_id uuid NOT NULL);
GRANT ALL ON ref.of_superuser TO regress_owner;
SET ROLE regress_owner;
SELECT * FROM account.isolate('ref.of_superuser');
SELECT account.share('ref.of_superuser');
SELECT account.release('ref.of_superuser');
SET ROLE regress_app;
SELECT * FROM account.isolate('ref.notes');
SELECT account.share('ref.notes');
SELECT account.release('ref.notes');
SELECT * FROM account.isolated_tables;
SELECT * FROM account.shared_tables;
-- A superuser may for another's table, if its owner has the level.
RESET ROLE;
ALTER TABLE ref.of_superuser OWNER TO regress_loader;
SELECT * FROM account.isolate('ref.of_superuser');
SELECT account.grant_access('regress_loader', 'owner');
GRANT CREATE ON SCHEMA ref TO regress_loader;
SELECT count(*) AS statements FROM account.isolate('ref.of_superuser');
SELECT owner FROM account.isolated_tables WHERE table_name = 'ref.of_superuser'::regclass;
DROP TABLE ref.of_superuser;
DROP OWNED BY regress_loader;
DROP ROLE regress_loader;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA ref CASCADE;
DROP OWNED BY regress_owner;
DROP OWNED BY regress_app;
DROP ROLE regress_owner, regress_app;
