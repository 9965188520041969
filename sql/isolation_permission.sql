-- isolation_permission: tables that take a permission to be read, and one to be written.
\set VERBOSITY terse
\pset format unaligned
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
SELECT account.grant_access('regress_owner', 'owner'), account.grant_access('regress_app', 'tenant');
CREATE SCHEMA books AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA books TO regress_app;
ALTER DEFAULT PRIVILEGES FOR ROLE regress_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO regress_app;
SELECT id AS acme, api_key AS acme_key
FROM account.create_account('acme', account_id => '150b0000-0000-4000-8000-00000000000a') \gset
SELECT id AS globex, api_key AS globex_key
FROM account.create_account('globex', account_id => '150b0000-0000-4000-8000-00000000000b') \gset
SET ROLE regress_owner;
SELECT account.define_permission('read:invoices', 'Read invoices.'), account.define_permission('write:invoices', 'Write invoices.'),
	account.define_permission('manage:invoices', 'Write invoices, but not by a key that is being replaced.');
RESET ROLE;
SELECT account.create_role('reader', '{read:invoices}', account_id => :'acme') AS reader_role,
	account.create_role('writer', '{write:invoices}', account_id => :'acme') AS writer_role,
	account.create_role('clerk', '{*:invoices}', account_id => :'acme') AS clerk_role \gset
SELECT api_key AS reader_key FROM account.create_service_account('reader', 'reader', account_id => :'acme') \gset
SELECT api_key AS writer_key FROM account.create_service_account('writer', 'writer', account_id => :'acme') \gset
SELECT api_key AS clerk_key FROM account.create_service_account('clerk', 'clerk', account_id => :'acme') \gset
SELECT profile_id AS robot, api_key AS robot_key FROM account.create_service_account('robot', 'member', account_id => :'acme') \gset

-- They are permissions that are defined, none with *.
SET ROLE regress_owner;
CREATE TABLE books.invoices (invoice_id integer PRIMARY KEY, amount integer);
SELECT * FROM account.isolate('books.invoices', read_permission => 'read:nothing', write_permission => '*:invoices');
SELECT * FROM account.isolate('books.invoices', write_permission => '*:invoices');
SELECT * FROM account.isolate('books.invoices', read_permission => '');
SELECT * FROM account.isolate('books.invoices', write_permission => 'Read:Invoices');
SELECT * FROM account.isolate('books.invoices', write_permission => 'read:invoices'') OR true --');
SELECT * FROM account.isolate('books.invoices', write_permission => repeat('x', 200) || ':y');
SELECT * FROM account.isolate('books.invoices', read_permission => repeat('x', 20000));
SELECT count(*) FROM account.isolated_tables WHERE table_name = 'books.invoices'::regclass;

-- A dry run gives the SQL; isolate() runs the same, and nothing the second time, with and without the arguments.
CREATE TEMPORARY TABLE announced AS
	SELECT statement, ordinality FROM account.isolate('books.invoices', read_permission => 'read:invoices', write_permission => 'write:invoices', dry_run => true)
	WITH ORDINALITY AS s (statement, ordinality);
SELECT statement FROM announced WHERE statement ~ 'RESTRICTIVE|TRIGGER' ORDER BY ordinality;
CREATE TEMPORARY TABLE ran AS
	SELECT statement, ordinality FROM account.isolate('books.invoices', read_permission => 'read:invoices', write_permission => 'write:invoices')
	WITH ORDINALITY AS s (statement, ordinality);
SELECT count(*) FILTER (WHERE a.statement IS DISTINCT FROM r.statement) AS different
FROM announced a FULL JOIN ran r USING (ordinality);
DROP TABLE announced, ran;
SELECT * FROM account.isolate('books.invoices', read_permission => 'read:invoices', write_permission => 'write:invoices');
SELECT * FROM account.isolate('books.invoices');
SELECT table_name, account_column, workspace_column, read_permission, write_permission FROM account.isolated_tables WHERE table_name = 'books.invoices'::regclass;

-- Whoever has both reads and writes; the owner of the account has them by *:*.
SET ROLE regress_app;
\set ON_ERROR_ROLLBACK on
BEGIN;
SELECT account.authenticate(:'clerk_key') IS DISTINCT FROM NULL AS authenticated;
INSERT INTO books.invoices (invoice_id, amount) VALUES (1, 100), (2, 200) RETURNING invoice_id;
COMMIT;
BEGIN;
SELECT account.authenticate(:'acme_key') IS DISTINCT FROM NULL AS authenticated;
UPDATE books.invoices SET amount = 201 WHERE invoice_id = 2 RETURNING invoice_id, amount;
COMMIT;
BEGIN;
SELECT account.authenticate(:'globex_key') IS DISTINCT FROM NULL AS authenticated;
SELECT count(*) FROM books.invoices;
DELETE FROM books.invoices;
COMMIT;
-- Who may read does not write, in any way, and is told why.
BEGIN;
SELECT account.authenticate(:'reader_key') IS DISTINCT FROM NULL AS authenticated;
SELECT invoice_id, amount FROM books.invoices ORDER BY 1;
INSERT INTO books.invoices (invoice_id, amount) VALUES (3, 300);
UPDATE books.invoices SET amount = 0;
DELETE FROM books.invoices;
MERGE INTO books.invoices i USING (VALUES (1)) v (invoice_id) ON i.invoice_id = v.invoice_id WHEN MATCHED THEN DELETE;
INSERT INTO books.invoices (invoice_id, amount) VALUES (1, 0) ON CONFLICT (invoice_id) DO UPDATE SET amount = 0;
WITH gone AS (DELETE FROM books.invoices RETURNING invoice_id) SELECT * FROM gone;
SELECT invoice_id FROM books.invoices FOR UPDATE;
ROLLBACK;
-- Who may write does not read: neither rows, nor what a statement gives back.
BEGIN;
SELECT account.authenticate(:'writer_key') IS DISTINCT FROM NULL AS authenticated;
SELECT count(*) FROM books.invoices;
INSERT INTO books.invoices (invoice_id, amount) VALUES (3, 300);
INSERT INTO books.invoices (invoice_id, amount) VALUES (4, 400) RETURNING amount;
UPDATE books.invoices SET amount = 0 WHERE invoice_id = 1;
DELETE FROM books.invoices WHERE amount > 0;
INSERT INTO books.invoices (invoice_id, amount) VALUES (1, 0) ON CONFLICT (invoice_id) DO UPDATE SET amount = 0;
MERGE INTO books.invoices i USING (VALUES (1)) v (invoice_id) ON i.invoice_id = v.invoice_id WHEN MATCHED THEN DELETE;
COPY books.invoices (invoice_id) TO STDOUT;
-- As with GRANT, a change that reads nothing takes the one permission alone.
UPDATE books.invoices SET amount = 1;
ROLLBACK;
-- Who has neither has nothing.
BEGIN;
SELECT account.authenticate(:'robot_key') IS DISTINCT FROM NULL AS authenticated;
SELECT count(*) FROM books.invoices;
INSERT INTO books.invoices (invoice_id, amount) VALUES (3, 300);
ROLLBACK;
-- The trigger only says why: without it the policies refuse as well.
SET ROLE regress_owner;
ALTER TABLE books.invoices DISABLE TRIGGER account_require_writable;
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'reader_key') IS DISTINCT FROM NULL AS authenticated;
INSERT INTO books.invoices (invoice_id, amount) VALUES (3, 300);
UPDATE books.invoices SET amount = 0;
DELETE FROM books.invoices;
MERGE INTO books.invoices i USING (VALUES (1)) v (invoice_id) ON i.invoice_id = v.invoice_id WHEN MATCHED THEN DELETE;
INSERT INTO books.invoices (invoice_id, amount) VALUES (1, 0) ON CONFLICT (invoice_id) DO UPDATE SET amount = 0;
SELECT invoice_id, amount FROM books.invoices ORDER BY 1;
ROLLBACK;
SET ROLE regress_owner;
SELECT * FROM account.isolate('books.invoices');

-- S5.11: a role that is narrowed, or a permission that is no more, counts from the next transaction on.
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'clerk_key') IS DISTINCT FROM NULL AS authenticated;
SELECT count(*) FROM books.invoices;
COMMIT;
RESET ROLE;
SELECT account.update_role(:'clerk_role', '{"permissions": ["write:invoices"]}');
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'clerk_key') IS DISTINCT FROM NULL AS authenticated;
SELECT count(*) FROM books.invoices;
COMMIT;
BEGIN;
SELECT account.authenticate(:'acme_key') IS DISTINCT FROM NULL AS authenticated;
SELECT count(*) FROM books.invoices;
COMMIT;
SET ROLE regress_owner;
SELECT account.delete_permission('read:invoices');
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'acme_key') IS DISTINCT FROM NULL AS authenticated;
SELECT count(*) FROM books.invoices;
COMMIT;
SET ROLE regress_owner;
SELECT * FROM account.isolate('books.invoices');
SELECT account.define_permission('read:invoices', 'Read invoices.');

-- Another permission takes the place of the first; the other one stays, and can stand alone.
SELECT count(*) AS statements FROM account.isolate('books.invoices', write_permission => 'manage:invoices');
SELECT read_permission, write_permission FROM account.isolated_tables WHERE table_name = 'books.invoices'::regclass;
CREATE TABLE books.notes (note_id integer);
SELECT count(*) > 0 AS isolated FROM account.isolate('books.notes', write_permission => 'write:invoices');
CREATE TABLE books.rates (rate_id integer);
SELECT count(*) > 0 AS isolated FROM account.isolate('books.rates', read_permission => 'read:invoices');
SELECT table_name, read_permission, write_permission FROM account.isolated_tables WHERE table_name::text LIKE 'books.%' ORDER BY table_name::text COLLATE "C";
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'robot_key') IS DISTINCT FROM NULL AS authenticated;
INSERT INTO books.notes VALUES (1);
INSERT INTO books.rates VALUES (1);
SELECT count(*) AS notes, (SELECT count(*) FROM books.rates) AS rates FROM books.notes;
COMMIT;
-- A key that is being replaced manages nothing.
RESET ROLE;
SELECT api_key_id AS old_id, api_key AS old_key FROM account.create_api_key(:'robot', 'old') \gset
SELECT account.assign_role(:'robot', 'owner');
SELECT api_key AS new_key FROM account.rotate_api_key(:'old_id', overlap => '1 day') \gset
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'old_key') IS DISTINCT FROM NULL AS authenticated;
DELETE FROM books.invoices;
INSERT INTO books.notes VALUES (2);
ROLLBACK;
BEGIN;
SELECT account.authenticate(:'new_key') IS DISTINCT FROM NULL AS authenticated;
DELETE FROM books.invoices WHERE invoice_id = 1 RETURNING invoice_id;
ROLLBACK;

-- What a foreign key cascades is asked of no policy, nor of the trigger.
SET ROLE regress_owner;
CREATE TABLE books.orders (account_id uuid NOT NULL, order_id integer, PRIMARY KEY (account_id, order_id));
CREATE TABLE books.lines (account_id uuid NOT NULL, order_id integer,
	FOREIGN KEY (account_id, order_id) REFERENCES books.orders ON DELETE CASCADE);
SELECT count(*) > 0 AS isolated FROM account.isolate('books.orders');
SELECT count(*) > 0 AS isolated FROM account.isolate('books.lines', write_permission => 'write:invoices');
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'writer_key') IS DISTINCT FROM NULL AS authenticated;
INSERT INTO books.orders (order_id) VALUES (1);
INSERT INTO books.lines (order_id) VALUES (1);
COMMIT;
BEGIN;
SELECT account.authenticate(:'reader_key') IS DISTINCT FROM NULL AS authenticated;
DELETE FROM books.lines;
DELETE FROM books.orders RETURNING order_id;
SELECT count(*) FROM books.lines;
COMMIT;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA books CASCADE;
DROP OWNED BY regress_owner;
DROP OWNED BY regress_app;
DROP ROLE regress_owner, regress_app;
