-- isolation_fill: tables that have rows already, and on whose rights the work is done.
\set VERBOSITY terse
\pset format unaligned
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
SELECT account.grant_access('regress_owner', 'owner'), account.grant_access('regress_app', 'tenant');
CREATE SCHEMA legacy AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA legacy TO regress_app;
ALTER DEFAULT PRIVILEGES FOR ROLE regress_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO regress_app;
SELECT id AS acme, api_key AS acme_key
FROM account.create_account('acme', account_id => '15040000-0000-4000-8000-00000000000a') \gset
SELECT id AS globex, api_key AS globex_key
FROM account.create_account('globex', account_id => '15040000-0000-4000-8000-00000000000b') \gset
SET ROLE regress_owner;
CREATE TABLE legacy.tenants (code text PRIMARY KEY, account_id uuid NOT NULL);
INSERT INTO legacy.tenants VALUES ('A', :'acme'), ('G', :'globex');

-- Rows, and nothing said of whose they are: refused, nothing done.
CREATE TABLE legacy.invoices (invoice_id integer PRIMARY KEY, code text, total numeric);
INSERT INTO legacy.invoices VALUES (1, 'A', 10), (2, 'A', 20), (3, 'G', 30);
SELECT * FROM account.isolate('legacy.invoices');
SELECT count(*) FROM pg_attribute WHERE attrelid = 'legacy.invoices'::regclass AND attname = 'account_id';
-- An expression over the row.  It names tables with their schemas.
SELECT * FROM account.isolate('legacy.invoices', existing_rows => '(SELECT t.account_id FROM tenants t WHERE t.code = invoices.code)');
SELECT statement FROM account.isolate('legacy.invoices', dry_run => true,
	existing_rows => '(SELECT t.account_id FROM legacy.tenants t WHERE t.code = invoices.code) -- by code') AS statement
WHERE statement !~ 'POLICY';
SELECT count(*) AS statements FROM account.isolate('legacy.invoices',
	existing_rows => '(SELECT t.account_id FROM legacy.tenants t WHERE t.code = invoices.code) -- by code');
-- A table that is isolated already is read as its owner sees it without FORCE.
CREATE TABLE legacy.lines (line_id integer PRIMARY KEY, invoice_id integer REFERENCES legacy.invoices);
INSERT INTO legacy.lines VALUES (1, 1), (2, 2), (3, 3);
SELECT count(*) AS statements FROM account.isolate('legacy.lines',
	existing_rows => '(SELECT i.account_id FROM legacy.invoices i WHERE i.invoice_id = lines.invoice_id)');
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'acme_key') IS DISTINCT FROM NULL AS authenticated;
SELECT invoice_id, total, line_id FROM legacy.invoices JOIN legacy.lines USING (invoice_id, account_id) ORDER BY 1;
COMMIT;
BEGIN;
SELECT account.authenticate(:'globex_key') IS DISTINCT FROM NULL AS authenticated;
SELECT invoice_id, total, line_id FROM legacy.invoices JOIN legacy.lines USING (invoice_id, account_id) ORDER BY 1;
COMMIT;

-- What a function of the owner's has read past FORCE for that, it does not read again for others in the session.
SET ROLE regress_owner;
CREATE FUNCTION legacy.account_of(wanted integer) RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER
	AS 'BEGIN RETURN (SELECT i.account_id FROM legacy.invoices i WHERE i.invoice_id = wanted); END';
CREATE TABLE legacy.payments AS SELECT 1 AS invoice_id;
SELECT count(*) AS statements FROM account.isolate('legacy.payments', existing_rows => 'legacy.account_of(invoice_id)');
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'globex_key') IS DISTINCT FROM NULL AS authenticated;
SET LOCAL row_security = off;
SET LOCAL search_path = pg_catalog, pg_temp;
SELECT legacy.account_of(1);
ROLLBACK;

-- A constant is not written into the rows: the table's file stays the same.
SET ROLE regress_owner;
CREATE TABLE legacy.big AS SELECT n AS big_id FROM generate_series(1, 1000) n;
SELECT pg_relation_filenode('legacy.big') AS filenode \gset
SELECT statement FROM account.isolate('legacy.big', existing_rows => quote_literal(:'acme') || '::uuid') AS statement
WHERE statement !~ 'POLICY';
SELECT pg_relation_filenode('legacy.big') = :filenode AS same_file;
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'acme_key') IS DISTINCT FROM NULL AS authenticated;
SELECT count(*) FROM legacy.big;
COMMIT;
BEGIN;
SELECT account.authenticate(:'globex_key') IS DISTINCT FROM NULL AS authenticated;
INSERT INTO legacy.big VALUES (1001);
SELECT count(*) FROM legacy.big;
COMMIT;

-- What gives no account, or one that does not exist, is refused; nothing half done.
SET ROLE regress_owner;
CREATE TABLE legacy.odd (odd_id integer, code text);
INSERT INTO legacy.odd VALUES (1, 'A'), (2, NULL), (3, 'X');
SELECT * FROM account.isolate('legacy.odd', existing_rows => '(SELECT t.account_id FROM legacy.tenants t WHERE t.code = odd.code)');
SELECT * FROM account.isolate('legacy.odd', existing_rows => 'pg_catalog.md5(odd_id::text)::uuid');
SELECT * FROM account.isolate('legacy.odd', existing_rows => '''15040000-0000-4000-8000-00000000000f''');
SELECT * FROM account.isolate('legacy.odd', existing_rows => '''not a uuid''');
SELECT * FROM account.isolate('legacy.odd', existing_rows => '''00000000-0000-0000-0000-000000000000''');
SELECT * FROM account.isolate('legacy.odd', existing_rows => 'odd_id');
-- One expression: nothing closes its parentheses, nothing follows it.
SELECT * FROM account.isolate('legacy.odd', existing_rows => 'NULL); DROP TABLE legacy.tenants; --');
SELECT * FROM account.isolate('legacy.odd', existing_rows => 'NULL), code = (NULL');
SELECT * FROM account.isolate('legacy.odd', existing_rows => 'account_id FROM legacy.tenants');
SELECT * FROM account.isolate('legacy.odd', existing_rows => 'NULL, NULL');
SELECT * FROM account.isolate('legacy.odd', existing_rows => '');
SELECT * FROM account.isolate('legacy.odd', existing_rows => 'NULL /*');
\d legacy.odd
-- CTX-21: rows that had the nil UUID are nobody's, and not those of a caller without
-- an identity; no such row can be added, with or without one.
CREATE TABLE legacy.nil (account_id uuid NOT NULL);
INSERT INTO legacy.nil VALUES ('00000000-0000-0000-0000-000000000000');
SELECT count(*) AS statements FROM account.isolate('legacy.nil');
SET ROLE regress_app;
SELECT * FROM legacy.nil;
INSERT INTO legacy.nil VALUES ('00000000-0000-0000-0000-000000000000');
INSERT INTO legacy.nil VALUES (account.policy_account_id());
BEGIN;
SELECT account.authenticate(:'globex_key') IS DISTINCT FROM NULL AS authenticated;
SELECT * FROM legacy.nil;
INSERT INTO legacy.nil VALUES ('00000000-0000-0000-0000-000000000000');
ROLLBACK;
SET ROLE regress_owner;
-- A column that is there in part is filled where it is not.
CREATE TABLE legacy.part (part_id integer, account_id uuid);
INSERT INTO legacy.part VALUES (1, :'globex'), (2, NULL);
SELECT * FROM account.isolate('legacy.part');
SELECT count(*) AS statements FROM account.isolate('legacy.part', existing_rows => quote_literal(:'acme'));
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'globex_key') IS DISTINCT FROM NULL AS authenticated;
SELECT part_id FROM legacy.part;
COMMIT;

-- What the caller has deferred is done before, and as the caller.
SET ROLE regress_owner;
CREATE TABLE legacy.shelves (shelf_id integer PRIMARY KEY);
CREATE TABLE legacy.books (shelf_id integer REFERENCES legacy.shelves DEFERRABLE INITIALLY DEFERRED);
BEGIN;
INSERT INTO legacy.books VALUES (1);
SELECT count(*) AS statements FROM account.isolate('legacy.books', existing_rows => quote_literal(:'acme'));
ROLLBACK;
BEGIN;
INSERT INTO legacy.books VALUES (1);
INSERT INTO legacy.shelves VALUES (1);
SELECT count(*) AS statements FROM account.isolate('legacy.books', existing_rows => quote_literal(:'acme'));
COMMIT;

-- DES-01: called by a superuser, the work is the owner's: the expression, an index expression, a generated
-- column and a check run with the owner's rights in a restricted operation; the owner's triggers are off.
SET ROLE regress_owner;
CREATE TABLE legacy.seen (what text, who text);
CREATE TABLE legacy.armed ();
CREATE FUNCTION legacy.note(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM legacy.seen s WHERE s.what = note.what) THEN
		INSERT INTO legacy.seen VALUES (note.what, current_user || ', ' || current_setting('search_path'));
	END IF;
	-- Where the caller's rights can be had, or got back, they are taken.
	IF EXISTS (SELECT FROM legacy.armed) THEN
		BEGIN
			RESET SESSION AUTHORIZATION;
			ALTER ROLE regress_owner SUPERUSER;
		EXCEPTION WHEN insufficient_privilege THEN
			NULL;
		END;
	END IF;
END $$;
CREATE FUNCTION legacy.spy(what text, value text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	PERFORM legacy.note(what);
	RETURN value;
END $$;
CREATE FUNCTION legacy.spy_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM legacy.spy('trigger ' || TG_NAME, '');
	NEW.name := 'changed';
	RETURN NEW;
END $$;
CREATE TABLE legacy.traps (trap_id integer PRIMARY KEY, name text, wide text,
	upper_name text GENERATED ALWAYS AS (legacy.spy('generated column', name)) STORED,
	CHECK (legacy.spy('check', name) IS NOT NULL));
CREATE INDEX ON legacy.traps (legacy.spy('index', name));
CREATE TRIGGER fires_on BEFORE UPDATE ON legacy.traps FOR EACH ROW EXECUTE FUNCTION legacy.spy_trigger();
CREATE TRIGGER fires_always BEFORE UPDATE ON legacy.traps FOR EACH ROW EXECUTE FUNCTION legacy.spy_trigger();
CREATE TRIGGER fires_replica BEFORE UPDATE ON legacy.traps FOR EACH ROW EXECUTE FUNCTION legacy.spy_trigger();
CREATE TRIGGER fires_never BEFORE UPDATE ON legacy.traps FOR EACH ROW EXECUTE FUNCTION legacy.spy_trigger();
CREATE CONSTRAINT TRIGGER fires_late AFTER UPDATE ON legacy.traps DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION legacy.spy_trigger();
ALTER TABLE legacy.traps ENABLE ALWAYS TRIGGER fires_always, ENABLE REPLICA TRIGGER fires_replica, DISABLE TRIGGER fires_never;
-- Rows this wide are not updated in their page, which would spare the index.
ALTER TABLE legacy.traps ALTER COLUMN wide SET STORAGE PLAIN;
INSERT INTO legacy.traps VALUES (1, 'bear', repeat('x', 5000)), (2, 'fox', repeat('x', 5000));
TRUNCATE legacy.seen;
INSERT INTO legacy.armed DEFAULT VALUES;
RESET ROLE;
SELECT statement FROM account.isolate('legacy.traps',
	existing_rows => $$CASE WHEN legacy.spy('expression', name) IS NOT NULL THEN '15040000-0000-4000-8000-00000000000a'::uuid END$$) AS statement
WHERE statement ~ 'TRIGGER|UPDATE' AND statement !~ 'POLICY';
SELECT what, who FROM legacy.seen ORDER BY what COLLATE "C";
SELECT rolsuper FROM pg_roles WHERE rolname = 'regress_owner';
SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'legacy.traps'::regclass AND NOT tgisinternal ORDER BY tgname COLLATE "C";
SELECT trap_id, name FROM legacy.traps ORDER BY 1;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA legacy CASCADE;
DROP OWNED BY regress_owner;
DROP OWNED BY regress_app;
DROP ROLE regress_owner, regress_app;
