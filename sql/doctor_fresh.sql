-- doctor: of a schema that isolate_schema() has isolated just now there is nothing to say.
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = error;
CREATE ROLE regress_owner;
CREATE ROLE regress_app LOGIN;
SELECT account.grant_access('regress_owner', 'owner'), account.grant_access('regress_app', 'tenant');
CREATE SCHEMA shop AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA shop TO regress_app;
SELECT id AS acme FROM account.create_account('acme') \gset
SET ROLE regress_owner;
ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO regress_app;
CREATE TABLE shop.schema_migrations (version text PRIMARY KEY);
CREATE TABLE shop.countries (code text PRIMARY KEY);
CREATE TABLE shop.customers (customer_id integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY, email text UNIQUE, country text REFERENCES shop.countries,
	referred_by integer REFERENCES shop.customers ON DELETE SET NULL);
CREATE TABLE shop.orders (order_id bigserial PRIMARY KEY, customer_id integer NOT NULL REFERENCES shop.customers ON DELETE CASCADE, number integer, EXCLUDE USING btree (number WITH =));
CREATE TABLE shop.lines (order_id bigint REFERENCES shop.orders, note text) PARTITION BY RANGE (order_id);
CREATE TABLE shop.lines_1 PARTITION OF shop.lines FOR VALUES FROM (1) TO (1000);
CREATE UNIQUE INDEX lower_email ON shop.customers (lower(email));
CREATE VIEW shop.emails WITH (security_invoker = true) AS SELECT email FROM shop.customers;
INSERT INTO shop.countries VALUES ('NL');
INSERT INTO shop.customers (email, country) VALUES ('a@example.com', 'NL');
INSERT INTO shop.orders (customer_id, number) VALUES (1, 1);
SELECT count(*) > 0 AS isolated FROM account.isolate_schema('shop', '{shop.countries}', jsonb_build_object('shop.customers', quote_literal(:'acme') || '::uuid'));
SELECT table_name FROM account.isolated_tables WHERE table_name::text LIKE 'shop.%' ORDER BY table_name::text COLLATE "C";
SELECT * FROM account.doctor('shop', 'warning');
-- A table that is born later is none to speak of either.
CREATE TABLE shop.carts (cart_id integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY, customer_id integer);
SELECT * FROM account.doctor('shop', 'warning');
RESET ROLE;
SELECT check_id, object FROM account.doctor('shop');

-- One that was born unseen, while the event trigger was off, is to be isolated; not to be shared, whoever may read it.
ALTER EVENT TRIGGER account_schema_ddl DISABLE;
SET ROLE regress_owner;
CREATE TABLE shop.unseen (note text);
CREATE TABLE shop.unseen_account (account_id uuid);
CREATE TABLE shop.flyway_schema_history (version text);
CREATE MATERIALIZED VIEW shop.copy AS SELECT 1 AS one;
RESET ROLE;
ALTER EVENT TRIGGER account_schema_ddl ENABLE ALWAYS;
SELECT severity, check_id, object, finding, fix FROM account.doctor('shop', 'warning') ORDER BY object COLLATE "C", check_id;
SELECT fix FROM account.doctor('shop', 'warning') \gexec
SELECT table_name FROM account.isolated_tables WHERE table_name::text LIKE 'shop.unseen%' ORDER BY table_name::text COLLATE "C";
SELECT check_id, object FROM account.doctor('shop', 'warning');
-- In a schema that is not protected it is for its owner to say what the table is.
UPDATE account.protected_schemas SET name = 'elsewhere', schema_id = 0 WHERE name = 'shop';
SELECT check_id, object FROM account.doctor('shop', 'warning');
SET ROLE regress_owner;
CREATE TABLE shop.words (word text);
SELECT check_id, object, fix FROM account.doctor('shop', 'warning');
RESET ROLE;

DROP SCHEMA shop CASCADE;
DROP OWNED BY regress_owner, regress_app;
DROP ROLE regress_owner, regress_app;
