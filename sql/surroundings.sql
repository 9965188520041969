-- surroundings: what PostgreSQL itself allows around isolated tables and the extension, and what it does not.
\set VERBOSITY terse
SET client_min_messages = error;
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
CREATE ROLE regress_dba CREATEROLE;
SELECT account.grant_access('regress_owner', 'owner'), account.grant_access('regress_app', 'tenant');
GRANT CREATE ON SCHEMA public TO regress_owner, regress_app;
GRANT CREATE ON DATABASE :DBNAME TO regress_dba;
GRANT USAGE, CREATE ON SCHEMA account, public TO regress_dba;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('Acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('Globex') \gset
SET ROLE regress_owner;
CREATE TABLE orders (order_id bigserial, what text);
SELECT count(*) > 0 AS isolated FROM account.isolate('orders');
GRANT SELECT, INSERT ON orders TO regress_app;
GRANT USAGE ON SEQUENCE orders_order_id_seq TO regress_app;
SET ROLE regress_app;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS authenticated;
INSERT INTO orders (what) VALUES ('of acme'), ('of acme, too');
COMMIT;
BEGIN;
SELECT (account.authenticate(:'globex_key')).account_id = :'globex' AS authenticated;
INSERT INTO orders (what) VALUES ('of globex');
COMMIT;

-- RLS-34: with USAGE alone a sequence neither tells nor takes a value; what it has used up can be seen (README).
SELECT last_value FROM orders_order_id_seq;
SELECT setval('orders_order_id_seq', 1);

-- RLS-02: a tenant does not switch row security off; an owner may, and isolated_tables shows it.
ALTER TABLE orders DISABLE ROW LEVEL SECURITY;
DROP POLICY account_select ON orders;
DROP TRIGGER account_require_writable ON orders;
SET ROLE regress_owner;
BEGIN;
ALTER TABLE orders DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
SELECT enabled, forced FROM account.isolated_tables WHERE table_name = 'orders'::regclass;
ROLLBACK;
SELECT enabled, forced FROM account.isolated_tables WHERE table_name = 'orders'::regclass;

RESET ROLE;
-- CTX-45: a statement that was planned for a role that bypasses row security is planned again without.
CREATE ROLE regress_switch BYPASSRLS;
SELECT account.grant_access('regress_switch', 'tenant');
GRANT SELECT ON orders TO regress_switch;
SET plan_cache_mode = force_generic_plan;
SET ROLE regress_switch;
PREPARE counted AS SELECT count(*) FROM orders;
EXECUTE counted;
RESET ROLE;
ALTER ROLE regress_switch NOBYPASSRLS;
SET ROLE regress_switch;
EXECUTE counted;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS authenticated;
EXECUTE counted;
COMMIT;
RESET ROLE;
RESET plan_cache_mode;

-- EXT-08: the functions belong to who installed them; nobody else changes what they are.
SET ROLE regress_dba;
ALTER FUNCTION account.authenticate(text, uuid) SECURITY DEFINER;
ALTER FUNCTION account.policy_account_id() SET search_path = public;
ALTER FUNCTION account.policy_account_id() OWNER TO regress_dba;
ALTER FUNCTION account.policy_account_id() IMMUTABLE;
ALTER FUNCTION account.policy_account_id() DEPENDS ON EXTENSION account;
CREATE OR REPLACE FUNCTION account.policy_account_id() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid';
ALTER EXTENSION account UPDATE;
ALTER EXTENSION account DROP FUNCTION account.policy_account_id();
ALTER EXTENSION account SET SCHEMA public;
RESET ROLE;
ALTER EXTENSION account SET SCHEMA public;
SET ROLE regress_dba;
-- EXT-21: nor the schema.
ALTER SCHEMA account RENAME TO mine;
ALTER SCHEMA account OWNER TO regress_dba;
DROP EXTENSION account;
RESET ROLE;

-- EXT-16: a library of another version than the catalog says so, and reads nothing.
UPDATE pg_extension SET extversion = '0.1' WHERE extname = 'account';
\c -
SET client_min_messages = error;
\set VERBOSITY terse
SELECT v.valid FROM account.verify_api_key(:'acme_key') v;
SET ROLE regress_app;
SELECT count(*) FROM orders;
RESET ROLE;
UPDATE pg_extension SET extversion = (SELECT default_version FROM pg_available_extensions WHERE name = 'account') WHERE extname = 'account';
SELECT v.valid FROM account.verify_api_key(:'acme_key') v;

DROP TABLE orders;
DROP OWNED BY regress_owner, regress_app, regress_dba, regress_switch;
DROP ROLE regress_owner, regress_app, regress_dba, regress_switch;
