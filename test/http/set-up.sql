-- What the cases over HTTP find there: accounts, users, and the schema of an application.
-- Prints NAME=VALUE for each thing that they need to know.
SET client_min_messages = warning;
CREATE EXTENSION pgcrypto;
CREATE EXTENSION account;
CREATE ROLE authenticator LOGIN NOINHERIT;
CREATE ROLE anonymous;
CREATE ROLE tenant;
CREATE ROLE sender LOGIN;
SELECT FROM account.setup_postgrest('authenticator', 'anonymous', 'tenant');
SELECT FROM account.grant_access('sender', 'sender');
ALTER ROLE authenticator IN DATABASE http SET account.password_cost = 4;
ALTER ROLE authenticator IN DATABASE http SET account.trusted_proxies = '10.0.0.0/8, unix';
ALTER ROLE authenticator IN DATABASE http SET pgrst.db_schemas = 'account_api, shop';
SET account.password_cost = 4;

SELECT id AS acme, api_key AS acme_key FROM account.create_account('Acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('Globex') \gset
SELECT account.add_member(account.create_user('ann@example.com', 'correct horse battery'), 'owner', :'acme') AS ann \gset
SELECT account.add_member(account.create_user('bob@example.com', 'correct horse battery'), 'admin', :'acme') AS bob \gset
\echo ACME=:acme
\echo ACME_KEY=:acme_key
\echo GLOBEX=:globex
\echo GLOBEX_KEY=:globex_key
\echo ANN=:ann
\echo BOB=:bob

-- The application's own tables: one isolated, and one whose foreign key is looked at when the transaction commits.
CREATE ROLE shop_owner;
SELECT FROM account.grant_access('shop_owner', 'owner');
CREATE SCHEMA shop AUTHORIZATION shop_owner;
SET ROLE shop_owner;
CREATE TABLE shop.products (id bigint PRIMARY KEY, name text NOT NULL);
INSERT INTO shop.products VALUES (1, 'anvil');
CREATE TABLE shop.orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, product_id bigint NOT NULL
	CONSTRAINT orders_product REFERENCES shop.products DEFERRABLE INITIALLY DEFERRED, note text);
SELECT FROM account.isolate('shop.orders');
GRANT USAGE ON SCHEMA shop TO anonymous, tenant;
GRANT SELECT ON shop.products TO anonymous, tenant;
GRANT SELECT, INSERT, UPDATE, DELETE ON shop.orders TO tenant;

RESET ROLE;

-- Gives a key, and waits for a lock before its transaction commits.
CREATE FUNCTION shop.create_key_slowly(profile_id uuid) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
	issued uuid := (SELECT k.api_key_id FROM account_api.create_api_key(profile_id => create_key_slowly.profile_id, name => 'slow') k);
BEGIN
	PERFORM pg_advisory_xact_lock(1);
	RETURN issued;
END $$;
-- When its transaction commits, a workspace called late is refused, and one called slow waits for the lock.
CREATE FUNCTION shop.settle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.name = 'late' THEN
		RAISE 'refused when it commits' USING ERRCODE = 'check_violation', DETAIL = 'a detail';
	END IF;
	PERFORM pg_advisory_xact_lock_shared(1);
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER settle AFTER INSERT ON account.workspaces DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW WHEN (NEW.name = 'late' OR NEW.name LIKE 'slow%') EXECUTE FUNCTION shop.settle();

SELECT id AS initech, api_key AS initech_key FROM account.create_account('Initech') \gset
\echo INITECH_KEY=:initech_key
SELECT FROM account.create_plan('two', '{"workspaces": 2}');
SELECT FROM account.set_plan(:'initech', 'two');
NOTIFY pgrst, 'reload schema';
