-- trap: a role of tenants makes tables that look isolated, or should be, to be called with more rights than its own (DES-01).
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = error;
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
SELECT account.grant_access('regress_owner', 'owner'), account.grant_access('regress_app', 'tenant');
CREATE SCHEMA safe AUTHORIZATION regress_owner;
GRANT USAGE, CREATE ON SCHEMA safe TO regress_app;
SELECT id AS acme FROM account.create_account('acme') \gset
SET ROLE regress_owner;
CREATE TABLE safe.letters (letter_id integer, title text, account_id uuid);
INSERT INTO safe.letters VALUES (1, 'secret', :'acme');
SELECT count(*) > 0 AS isolated FROM account.isolate('safe.letters');
GRANT SELECT ON safe.letters TO regress_app;
CREATE TYPE safe.word AS ENUM ('x');
CREATE TABLE safe.seen (who name, account_id uuid, letters bigint);
GRANT INSERT ON safe.seen TO PUBLIC;
CREATE FUNCTION safe.see() RETURNS json LANGUAGE sql SET row_security = on
	AS 'INSERT INTO safe.seen SELECT current_user, account.current_account_id(), (SELECT count(*) FROM safe.letters); SELECT ''1''::json';
CREATE FUNCTION safe.see(safe.word) RETURNS json LANGUAGE sql AS 'SELECT safe.see()';
CREATE CAST (safe.word AS json) WITH FUNCTION safe.see(safe.word);
CREATE FUNCTION safe.see_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM safe.see(); RETURN NEW; END';
CREATE TABLE safe.kept (word safe.word, account_id uuid NOT NULL);
SELECT count(*) > 0 AS isolated FROM account.isolate('safe.kept');
-- Copied policies: the owner of the table is called, but not as the account.
SET ROLE regress_app;
CREATE TABLE safe.copied (word safe.word, account_id uuid NOT NULL);
CREATE POLICY account_select ON safe.copied AS RESTRICTIVE FOR SELECT
	USING (account_id OPERATOR(pg_catalog.=) account.policy_account_id() AND account.policy_row(account_id));
CREATE TRIGGER see BEFORE INSERT ON safe.copied FOR EACH ROW EXECUTE FUNCTION safe.see_row();
SET ROLE regress_owner;
CREATE TRIGGER see BEFORE INSERT ON safe.kept FOR EACH ROW EXECUTE FUNCTION safe.see_row();
RESET ROLE;
CREATE TABLE staging (table_name text, row_data jsonb);
INSERT INTO staging SELECT t, jsonb_build_object('word', 'x', 'account_id', :'acme') FROM unnest('{safe.copied,safe.kept}'::text[]) t;
SELECT table_name, row_count FROM account.import_account('staging') ORDER BY 1;
SELECT table_name FROM account.export_account(:'acme') ORDER BY 1;
SELECT who, count(*), count(account_id) AS accounts, sum(letters) AS letters FROM safe.seen GROUP BY 1 ORDER BY 1;

-- What the doctor advises neither raises the role to level owner, nor runs what it has made in the session of a superuser.
SET ROLE regress_app;
CREATE TYPE safe.odd AS ENUM ('x');
CREATE FUNCTION safe.become(safe.odd) RETURNS text LANGUAGE plpgsql AS 'BEGIN RESET ROLE; RETURN current_user; END';
CREATE CAST (safe.odd AS text) WITH FUNCTION safe.become(safe.odd);
CREATE TABLE safe.odd_type (account_id safe.odd);
CREATE TABLE safe.checked (account_id text CHECK (safe.become('x') <> account_id));
CREATE TABLE safe.plain (account_id text);
CREATE TABLE safe.unprotected (account_id uuid);
CREATE TABLE safe.parents (account_id uuid, word safe.odd, UNIQUE (account_id, word), UNIQUE (word));
CREATE POLICY account_select ON safe.parents AS RESTRICTIVE FOR SELECT
	USING (account_id OPERATOR(pg_catalog.=) account.policy_account_id() AND account.policy_row(account_id));
ALTER TABLE safe.copied ADD other safe.odd, ADD FOREIGN KEY (other) REFERENCES safe.parents (word) NOT VALID;
RESET ROLE;
SELECT check_id, object, fix FROM account.doctor('safe') WHERE check_id IN ('column_unfit', 'column_unprotected', 'foreign_key_across', 'foreign_key_not_valid') ORDER BY 1, 2;

DROP TABLE staging;
DROP SCHEMA safe CASCADE;
DROP OWNED BY regress_owner, regress_app;
DROP ROLE regress_owner, regress_app;
