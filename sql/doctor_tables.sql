-- doctor: what isolated tables should have, and what should be isolated.  Each finding is shown,
-- its fix is run, and it is gone.  Names are as odd as they come (RLS-44, RLS-45).
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = warning;
CREATE ROLE "regress_ow""ner";
CREATE ROLE regress_app;
SELECT account.grant_access('"regress_ow""ner"', 'owner'), account.grant_access('regress_app', 'tenant');
CREATE SCHEMA "Cli nic" AUTHORIZATION "regress_ow""ner";
GRANT USAGE ON SCHEMA "Cli nic" TO regress_app;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('globex') \gset
PREPARE findings AS SELECT check_id, object, finding FROM account.doctor('"Cli nic"');
PREPARE fixes AS SELECT fix FROM account.doctor('"Cli nic"');
PREPARE shown AS SELECT regexp_replace(fix, ' (USING|WITH CHECK) .*', ' ...') AS fix FROM account.doctor('"Cli nic"');
SET ROLE "regress_ow""ner";
SET search_path = "Cli nic";
CREATE TABLE "x""; DROP TABLE notes; --" (id integer PRIMARY KEY, "select" text);
CREATE TABLE notes (note_id integer PRIMARY KEY, note text);
CREATE TABLE words (word text);
SELECT count(*) > 0 AS isolated FROM account.isolate('"x""; DROP TABLE notes; --"', 'Account"); --');
SELECT count(*) > 0 AS isolated FROM account.isolate('notes');
SELECT account.share('words');
EXECUTE findings;

-- RLS-02: what an owner may do to policies, row security and trigger.  RLS-20: a policy of their own widens nothing.
ALTER POLICY account_delete ON "x""; DROP TABLE notes; --" USING (true);
DROP POLICY account_permit_select ON "x""; DROP TABLE notes; --";
ALTER POLICY account_update ON notes TO regress_app;
ALTER POLICY account_share_insert ON words WITH CHECK (true);
ALTER TABLE notes DISABLE ROW LEVEL SECURITY;
ALTER TABLE "x""; DROP TABLE notes; --" NO FORCE ROW LEVEL SECURITY;
ALTER TABLE "x""; DROP TABLE notes; --" DISABLE TRIGGER account_require_writable;
DROP TRIGGER account_require_writable ON notes;
DROP TRIGGER account_require_writable ON words;
CREATE POLICY "all ""of"" it" ON notes USING (true);
EXECUTE findings;
RESET ROLE;
EXECUTE shown;
\set ECHO none
EXECUTE fixes \gexec
\set ECHO all
EXECUTE findings;

-- A table whose boundary itself was taken away counts as isolated no more, and is found all the same.
SET ROLE "regress_ow""ner";
ALTER POLICY account_select ON notes USING (true);
DROP POLICY account_select ON "x""; DROP TABLE notes; --";
DROP POLICY account_share_select ON words;
SELECT count(*) FROM account.isolated_tables WHERE table_name::text IN ('notes', '"x""; DROP TABLE notes; --"');
EXECUTE findings;
RESET ROLE;
EXECUTE shown;
\set ECHO none
EXECUTE fixes \gexec
\set ECHO all
EXECUTE findings;
SELECT count(*) FROM account.isolated_tables WHERE table_name::text IN ('notes', '"x""; DROP TABLE notes; --"');

-- The column of the account, its default and its index.
SET ROLE "regress_ow""ner";
ALTER TABLE notes ALTER account_id DROP NOT NULL, ALTER account_id DROP DEFAULT;
SELECT format('DROP INDEX %s', indexrelid::regclass) FROM pg_index WHERE indrelid = 'notes'::regclass AND NOT indisprimary \gexec
CREATE INDEX partly ON notes (account_id) WHERE note_id > 10;
EXECUTE findings;
RESET ROLE;
EXECUTE shown;
\set ECHO none
EXECUTE fixes \gexec
\set ECHO all
EXECUTE findings;

-- RLS-37: tables that came later.  One has the column under the name that others have it; one none at all, and tenants write it.
SET ROLE "regress_ow""ner";
CREATE TABLE later (account_id uuid NOT NULL, note text);
INSERT INTO later VALUES (:'acme', 'of acme');
CREATE TABLE "late'r" ("Account""); --" uuid);
CREATE TABLE unfit (account_id text, note text);
INSERT INTO unfit VALUES (:'acme', 'of acme');
CREATE TABLE made (code text, account_id uuid GENERATED ALWAYS AS (md5(code)::uuid) STORED);
CREATE TABLE prices (price numeric);
CREATE TABLE schema_migrations (version text);
GRANT SELECT, INSERT ON prices, schema_migrations TO regress_app;
CREATE TABLE mine (secret text);
EXECUTE findings;
RESET ROLE;
EXECUTE shown;
\set ECHO none
EXECUTE fixes \gexec
\set ECHO all
-- Now that they can be, they are to be isolated.
EXECUTE findings;
EXECUTE shown;
\set ECHO none
EXECUTE fixes \gexec
\set ECHO all
EXECUTE findings;
SELECT table_name::text, account_column FROM account.isolated_tables WHERE table_name::text IN ('later', '"late''r"', 'unfit', 'made') ORDER BY table_name::text COLLATE "C";
SELECT table_name::text FROM account.shared_tables WHERE table_name::text = 'prices';

-- RLS-22: what was put above or below isolated tables while event triggers were off.
ALTER EVENT TRIGGER account_isolation_ddl DISABLE;
SET ROLE "regress_ow""ner";
CREATE TABLE child () INHERITS (notes);
CREATE TABLE parent (account_id uuid NOT NULL DEFAULT account.current_account_id(), note text);
ALTER TABLE later INHERIT parent;
CREATE TABLE grandparent (note text);
ALTER TABLE unfit INHERIT grandparent;
RESET ROLE;
ALTER EVENT TRIGGER account_isolation_ddl ENABLE ALWAYS;
SELECT check_id, object, finding FROM account.doctor('"Cli nic"') WHERE check_id ~ '(child|parent)_unprotected';
SELECT fix FROM account.doctor('"Cli nic"') WHERE check_id ~ '(child|parent)_unprotected' \gexec
EXECUTE shown;
\set ECHO none
EXECUTE fixes \gexec
\set ECHO all
EXECUTE findings;

RESET search_path;
DROP SCHEMA "Cli nic" CASCADE;
DROP OWNED BY "regress_ow""ner", regress_app;
DROP ROLE "regress_ow""ner", regress_app;
