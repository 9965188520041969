-- quota: what plans allow of the rows of isolated tables (S2.34, D7).
\set VERBOSITY terse
\pset format unaligned
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
SELECT account.grant_access('regress_owner', 'owner');
SELECT account.grant_access('regress_app', 'tenant');
CREATE SCHEMA shop AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA shop TO regress_app;
ALTER DEFAULT PRIVILEGES FOR ROLE regress_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO regress_app;
SELECT account.create_plan('quota-small', '{"orders": 3, "members": 2}') IS NOT NULL AS created;
SELECT id AS acme, api_key AS acme_key
FROM account.create_account('acme', account_id => '15c10000-0000-4000-8000-00000000000a') \gset
SELECT id AS globex, api_key AS globex_key
FROM account.create_account('globex', account_id => '15c10000-0000-4000-8000-00000000000b') \gset
-- What is counted, straight from the table that holds it, and whether it is what is there.
CREATE VIEW counted AS
	SELECT a.name, c.resource, c.table_id, sum(c.amount) AS amount
	FROM account.quota_counts c JOIN account.accounts a USING (account_id)
	GROUP BY 1, 2, 3 HAVING sum(c.amount) <> 0 ORDER BY 1, 2, 3::text;

-- Rows that are there when the quota comes are counted, whatever the limit.
SELECT account.set_plan(:'acme', 'quota-small');
SET ROLE regress_owner;
CREATE TABLE shop.orders (order_id integer PRIMARY KEY, account_id uuid, item text);
INSERT INTO shop.orders SELECT i, :'acme', 'old' FROM generate_series(1, 2) i;
SELECT statement FROM account.isolate('shop.orders', quota => 'orders', dry_run => true) statement WHERE statement ~ 'require_room|count_rows|recount';
SELECT statement FROM account.isolate('shop.orders', quota => 'orders') statement WHERE statement ~ 'require_room|count_rows|recount';
-- Again there is nothing to do; what is not named stays.
SELECT * FROM account.isolate('shop.orders');
SELECT quota FROM account.isolated_tables WHERE table_name = 'shop.orders'::regclass;
RESET ROLE;
SELECT * FROM counted;

-- S2.34, D7: at the statement, with the limit and the use.
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'acme_key') IS DISTINCT FROM NULL AS authenticated;
INSERT INTO shop.orders VALUES (3, DEFAULT, 'fits');
SAVEPOINT more;
INSERT INTO shop.orders VALUES (4, DEFAULT, 'does not');
ROLLBACK TO more;
-- A statement that takes as much as it gives is let through, and one that takes more than it gives.
WITH gone AS (DELETE FROM shop.orders WHERE order_id = 1 RETURNING item) INSERT INTO shop.orders (order_id, item) SELECT 5, item FROM gone;
DELETE FROM shop.orders WHERE order_id = 5;
INSERT INTO shop.orders VALUES (6, DEFAULT, 'in its place');
COMMIT;
RESET ROLE;
SELECT * FROM counted;
-- Another account has room: without a plan there is no limit, and it is counted all the same.
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'globex_key') IS DISTINCT FROM NULL AS authenticated;
INSERT INTO shop.orders (order_id) SELECT i FROM generate_series(11, 15) i;
COMMIT;
RESET ROLE;
SELECT * FROM counted;
-- So a plan that comes later finds them; it refuses what comes, not what is there.
SELECT account.set_plan(:'globex', 'quota-small');
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'globex_key') IS DISTINCT FROM NULL AS authenticated;
SAVEPOINT more;
INSERT INTO shop.orders VALUES (16, DEFAULT, 'too many');
ROLLBACK TO more;
UPDATE shop.orders SET item = 'changed';
DELETE FROM shop.orders WHERE order_id > 12;
INSERT INTO shop.orders VALUES (16, DEFAULT, 'fits');
COMMIT;
-- In one transaction with a change of the plan, the new limit counts.
RESET ROLE;
BEGIN;
SELECT account.update_plan('quota-small', '{"limits": {"orders": 4}}');
INSERT INTO shop.orders VALUES (17, :'globex', 'the fourth');
SAVEPOINT more;
INSERT INTO shop.orders VALUES (18, :'globex', 'the fifth');
ROLLBACK;
INSERT INTO shop.orders VALUES (17, :'globex', 'the fourth');

-- Several tables count as one.
SET ROLE regress_owner;
CREATE TABLE shop.quotes (quote_id integer PRIMARY KEY, account_id uuid);
SELECT count(*) > 0 AS isolated FROM account.isolate('shop.quotes', quota => 'orders');
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'acme_key') IS DISTINCT FROM NULL AS authenticated;
SAVEPOINT more;
INSERT INTO shop.quotes VALUES (1);
ROLLBACK TO more;
DELETE FROM shop.orders WHERE order_id = 2;
INSERT INTO shop.quotes VALUES (1);
COMMIT;
RESET ROLE;
SELECT * FROM counted;

-- An account's row goes to another account by those whom no policy binds: both counts follow.
UPDATE shop.orders SET account_id = :'acme' WHERE order_id = 11;
BEGIN;
DELETE FROM shop.quotes;
UPDATE shop.orders SET account_id = :'acme' WHERE order_id = 11;
UPDATE shop.orders SET account_id = account_id;
COMMIT;
SELECT * FROM counted;

-- What cannot be: names.
SET ROLE regress_owner;
SELECT * FROM account.isolate('shop.orders', quota => '');
SELECT * FROM account.isolate('shop.orders', quota => repeat('x', 64));
SELECT * FROM account.isolate('shop.orders', quota => 'members');
-- Another name: all is counted anew under it. A hostile one is a name.
SELECT count(*) > 0 AS isolated FROM account.isolate('shop.quotes', quota => 'x''); DROP TABLE shop.orders; --');
SELECT quota FROM account.isolated_tables WHERE table_name = 'shop.quotes'::regclass;
SELECT count(*) > 0 AS isolated FROM account.isolate('shop.quotes', quota => 'quotes');
RESET ROLE;
INSERT INTO shop.quotes VALUES (2, :'acme');
SELECT * FROM counted;
-- A trigger that was switched off is mended, and what it missed is counted.
ALTER TABLE shop.quotes DISABLE TRIGGER account_count_rows;
INSERT INTO shop.quotes VALUES (3, :'acme');
SELECT amount FROM counted WHERE resource = 'quotes';
SET ROLE regress_owner;
SELECT statement FROM account.isolate('shop.quotes') statement;
RESET ROLE;
SELECT amount FROM counted WHERE resource = 'quotes';
-- recount_quota() is for administrators, and for the owner of the table.
DELETE FROM account.quota_counts;
SET ROLE regress_owner;
SELECT account.recount_quota();
SELECT account.recount_quota('account.accounts');
SELECT account.recount_quota('shop.quotes');
CREATE TABLE shop.plain (i integer);
SELECT account.recount_quota('shop.plain');
RESET ROLE;
SELECT * FROM counted;
SELECT account.recount_quota();
SELECT * FROM counted;
-- release() ends it; so does DROP TABLE.
SET ROLE regress_owner;
SET client_min_messages = error;
SELECT account.release('shop.quotes');
RESET client_min_messages;
SELECT tgname FROM pg_trigger WHERE tgrelid = 'shop.quotes'::regclass;
RESET ROLE;
SELECT DISTINCT resource FROM counted;
BEGIN;
DROP TABLE shop.orders;
ROLLBACK;
SELECT DISTINCT resource FROM counted;
DROP TABLE shop.orders;
SELECT count(*) FROM account.quota_counts;

-- The triggers are nothing by themselves.
SELECT account.count_rows();
CREATE TABLE shop.odd (account_id uuid);
CREATE TRIGGER odd BEFORE INSERT ON shop.odd FOR EACH ROW EXECUTE FUNCTION account.count_rows('orders');
CREATE TRIGGER odder AFTER INSERT ON shop.odd FOR EACH STATEMENT EXECUTE FUNCTION account.require_room();
INSERT INTO shop.odd VALUES (NULL);
DROP TRIGGER odd ON shop.odd;
INSERT INTO shop.odd VALUES (NULL);
-- Nor do they take a column for an account that cannot be one.
CREATE TABLE shop.odder (number integer);
CREATE TRIGGER oddest AFTER INSERT OR UPDATE OF number ON shop.odder FOR EACH ROW EXECUTE FUNCTION account.count_rows('orders');
INSERT INTO shop.odder VALUES (1);

SET client_min_messages = error;
DROP VIEW counted;
DROP SCHEMA shop CASCADE;
DROP OWNED BY regress_owner;
DROP OWNED BY regress_app;
DROP ROLE regress_owner, regress_app;
