-- isolate_schema_refuse: what is refused, and that then nothing has changed.
\set VERBOSITY terse
\pset format unaligned
CREATE ROLE regress_owner;
CREATE ROLE regress_other;
CREATE ROLE regress_app;
SELECT account.grant_access('regress_owner', 'owner'), account.grant_access('regress_other', 'owner'), account.grant_access('regress_app', 'tenant');
CREATE SCHEMA shop AUTHORIZATION regress_owner;
GRANT USAGE, CREATE ON SCHEMA shop TO regress_other;
SELECT id AS acme FROM account.create_account('acme', account_id => '15180000-0000-4000-8000-00000000000a') \gset
SELECT id AS globex FROM account.create_account('globex', account_id => '15180000-0000-4000-8000-00000000000b') \gset
SET ROLE regress_owner;
CREATE TABLE shop.goods (good_id serial PRIMARY KEY, name text);
CREATE TABLE shop.orders (order_id serial PRIMARY KEY, good_id integer REFERENCES shop.goods);
INSERT INTO shop.goods (name) VALUES ('tea'), ('cup');
INSERT INTO shop.orders (good_id) VALUES (1), (2), (NULL);

-- Arguments.
SELECT * FROM account.isolate_schema(NULL);
SELECT * FROM account.isolate_schema(4294967295::oid::regnamespace);
SELECT * FROM account.isolate_schema('pg_catalog');
SELECT * FROM account.isolate_schema('information_schema');
SELECT * FROM account.isolate_schema('account');
SELECT * FROM account.isolate_schema('shop', ARRAY['pg_class', NULL]::regclass[]);
SELECT * FROM account.isolate_schema('shop', existing_rows => '[]');
SELECT * FROM account.isolate_schema('shop', existing_rows => '{"goods": 1}');
SELECT * FROM account.isolate_schema('shop', existing_rows => '{"bads": "NULL"}');
SELECT * FROM account.isolate_schema('shop', '{shop.goods}', '{"goods": "NULL"}');
SELECT * FROM account.isolate_schema('shop', existing_rows => '{"goods": "NULL); DROP TABLE shop.goods; --"}');
SELECT * FROM account.isolate_schema('shop', existing_rows => jsonb_build_object('*', quote_literal(:'acme') || ') WHERE true --'));
-- Rows: without an account, of one that does not exist, and with a reference to a row of another.
SELECT * FROM account.isolate_schema('shop');
SELECT * FROM account.isolate_schema('shop', existing_rows => jsonb_build_object('goods', quote_literal(:'acme')));
SELECT * FROM account.isolate_schema('shop', existing_rows => '{"*": "''15180000-0000-4000-8000-00000000000f''"}');
SELECT * FROM account.isolate_schema('shop', existing_rows => jsonb_build_object('goods', quote_literal(:'acme'), 'orders', quote_literal(:'globex')));
-- It has to see what is there now.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM account.isolate_schema('shop');
ROLLBACK;
-- What cannot be isolated.
CREATE MATERIALIZED VIEW shop.sums AS SELECT count(*) FROM shop.orders;
SELECT * FROM account.isolate_schema('shop');
DROP MATERIALIZED VIEW shop.sums;
RESET ROLE;
CREATE FOREIGN DATA WRAPPER regress_wrapper;
CREATE SERVER regress_server FOREIGN DATA WRAPPER regress_wrapper;
CREATE FOREIGN TABLE shop.far (far_id integer) SERVER regress_server;
SET ROLE regress_owner;
SELECT * FROM account.isolate_schema('shop');
RESET ROLE;
DROP FOREIGN DATA WRAPPER regress_wrapper CASCADE;
SET ROLE regress_owner;
CREATE TABLE shop.ledger (account_id integer);
SELECT * FROM account.isolate_schema('shop');
DROP TABLE shop.ledger;
-- RLS-42: not by others than the owner of the schema, nor over a table of others.
SET ROLE regress_other;
SELECT * FROM account.isolate_schema('shop');
CREATE TABLE shop.others (other_id integer);
SET ROLE regress_owner;
SELECT * FROM account.isolate_schema('shop');
SET ROLE regress_app;
SELECT * FROM account.isolate_schema('shop');
SET ROLE regress_other;
DROP TABLE shop.others;

-- Nothing has changed.
SET ROLE regress_owner;
SELECT count(*) AS columns FROM pg_attribute WHERE attrelid IN ('shop.goods'::regclass, 'shop.orders'::regclass) AND attnum > 0;
CREATE TABLE shop.later (later_id integer);
SELECT count(*) AS isolated FROM account.isolated_tables WHERE table_name::text LIKE 'shop.%';
-- An expression that depends on rows that are filled later, and one that leaves rows to the foreign key.
SELECT count(*) > 0 AS isolated FROM account.isolate_schema('shop', existing_rows => jsonb_build_object(
	'shop.later', quote_literal(:'acme'), 'orders', format('CASE WHEN good_id IS NULL THEN %L::uuid END', :'globex'),
	'goods', format('(SELECT %L::uuid WHERE EXISTS (SELECT FROM shop.orders o WHERE o.account_id IS NOT NULL))', :'acme')));
RESET ROLE;
SELECT order_id, account_id = :'acme' AS of_acme FROM shop.orders ORDER BY order_id;
-- What is isolated already is kept; it cannot be shared as well.
SET ROLE regress_owner;
SELECT * FROM account.isolate_schema('shop', '{shop.goods}');

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA shop CASCADE;
DROP OWNED BY regress_owner;
DROP OWNED BY regress_other;
DROP OWNED BY regress_app;
DROP ROLE regress_owner, regress_other, regress_app;
