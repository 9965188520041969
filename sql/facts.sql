-- facts: what an account is, the main flow, and what is shared: nothing (S1.1 to S1.23 but S1.18, D1, D6).
-- Further facts: facts_control.sql (S1.18, S1.24 to S1.26, B4, D6), facts_resource.sql (S2.1 to S2.24, B2, D2, D3),
-- facts_errors.sql (S2.26 to S2.43, B1, D7), facts_principals.sql (S3, S4 and S5, and where else they stand).
\set VERBOSITY terse
SET client_min_messages = error;

-- What a statement raises: our code or the SQLSTATE, and the message.
CREATE FUNCTION pg_temp.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text;
	detail text;
	message text;
BEGIN
	EXECUTE statement;
	RETURN 'allowed';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL, message = MESSAGE_TEXT;
	RETURN CASE WHEN state LIKE 'TA%' THEN detail::json ->> 'error' ELSE state END || ': ' || message;
END $$;


-- An application: a role that owns its tables, one that it logs in with and that owns nothing, and one that signs new customers up.
CREATE ROLE regress_facts_owner;
CREATE ROLE regress_facts_app;
CREATE ROLE regress_facts_sign_up;
SELECT account.grant_access('regress_facts_owner', 'owner'), account.grant_access('regress_facts_app', 'tenant'), account.grant_access('regress_facts_sign_up', 'admin');
CREATE SCHEMA facts AUTHORIZATION regress_facts_owner;
SET ROLE regress_facts_owner;
CREATE TABLE facts.datasets (name text NOT NULL);
CREATE TABLE facts.connections (host text NOT NULL, secret text);
CREATE TABLE facts.members (email text NOT NULL, password_hash text);
SELECT count(*) > 0 AS isolated FROM unnest('{facts.datasets,facts.connections,facts.members}'::regclass[]) t, account.isolate(t);
GRANT USAGE ON SCHEMA facts TO regress_facts_app, regress_facts_sign_up;
GRANT INSERT ON facts.members TO regress_facts_sign_up;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA facts TO regress_facts_app;
RESET ROLE;

-- S1.5 An account is an object of its own, made by a call. S1.7 It has a name. S1.9 It comes with an API key.
SELECT id AS acme, api_key AS acme_key, name, api_key IS NOT NULL AS has_key FROM account.create_account('Acme') \gset
SELECT :'name' AS name, :'has_key' AS has_key;
-- Another customer, who has nothing to do with it.
SELECT id AS other, api_key AS other_key FROM account.create_account('Other') \gset

-- S1.3 Its structure is typed and validated.
SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) AS types
	FROM pg_attribute WHERE attrelid = 'account.accounts'::regclass AND attname IN ('name', 'branding', 'labels', 'billing_email', 'status', 'path');
SELECT v AS invalid, pg_temp.attempt(v) FROM (VALUES
	($$SELECT account.create_account(' ')$$), ($$SELECT account.create_account('A', billing_email => 'nobody')$$), ($$SELECT account.create_account('A', branding => '[]')$$),
	($$INSERT INTO account.accounts SELECT gen_random_uuid(), NULL, '{}', billed_account_id, name, branding, NULL, NULL, NULL, NULL, labels FROM account.accounts LIMIT 1$$),
	($$UPDATE account.accounts SET status = 'broken'$$), ($$UPDATE account.accounts SET labels = '1'$$)) i (v);

SET ROLE regress_facts_app;
-- S1.1, S1.2, S1.4 It is the container of resources and the boundary of access: without a key there is no row and none can be made.
SELECT count(*) AS datasets FROM facts.datasets;
SELECT pg_temp.attempt($$INSERT INTO facts.datasets (name) VALUES ('stray')$$), pg_temp.attempt('SELECT account.get_account()');

-- S1.14 Authenticate as the parent, with the parent's key. S1.10 What is made belongs to the account of the key.
BEGIN;
SELECT account_id = :'acme' AS acme FROM account.authenticate(:'acme_key');
INSERT INTO facts.datasets VALUES ('parent data') RETURNING name, account_id = :'acme' AS acme;
INSERT INTO facts.connections VALUES ('parent.example.com', 'p');
-- S1.11, S1.15 The call makes the sub-account, S1.16 and returns a new key specific to it. S1.12 With branding of its own.
SELECT id AS north, api_key AS north_key, api_key <> :'acme_key' AS new_key, parent_account_id = :'acme' AS below, branding
	FROM account.create_account('North', branding => '{"suppress_from_reports": true, "logo": "north.png"}') \gset
SELECT :'new_key' AS new_key, :'below' AS below_acme, :'branding' AS branding;
SELECT id AS south, api_key AS south_key FROM account.create_account('South') \gset
COMMIT;

-- S1.17 Switch to the sub-account's key to make its resources. S1.19, S1.20, S1.22 It begins empty: nothing comes from parent or sibling,
BEGIN;
SELECT account_id = :'north' AS north FROM account.authenticate(:'north_key');
SELECT (SELECT count(*) FROM facts.datasets) AS datasets, (SELECT count(*) FROM facts.connections) AS connections;
-- S1.21 and what it needs it makes itself.
INSERT INTO facts.datasets VALUES ('parent data'), ('north data') RETURNING name, account_id = :'north' AS north;
INSERT INTO facts.connections VALUES ('north.example.com', 'n');
-- Below it, the same again.
SELECT id AS far_north, api_key AS far_north_key FROM account.create_account('Far North') \gset
COMMIT;
BEGIN;
SELECT account_id = :'south' AS south FROM account.authenticate(:'south_key');
INSERT INTO facts.datasets VALUES ('south data');
-- S1.13, S1.19 A sibling neither reads, changes, deletes nor makes what is another's.
SELECT name FROM facts.datasets ORDER BY name;
UPDATE facts.datasets SET name = 'taken' WHERE account_id = :'north' RETURNING name;
DELETE FROM facts.datasets WHERE name = 'north data' RETURNING name;
SELECT pg_temp.attempt(format($$INSERT INTO facts.datasets VALUES ('planted', %L)$$, :'north')), pg_temp.attempt(format('UPDATE facts.datasets SET account_id = %L', :'north'));
COMMIT;

-- S1.23, D6 The parent's key reads nothing of its sub-accounts and makes nothing in them,
BEGIN;
SELECT account_id = :'acme' AS acme FROM account.authenticate(:'acme_key');
SELECT name, account_id = :'acme' AS acme FROM facts.datasets ORDER BY name;
SELECT host FROM facts.connections ORDER BY host;
SELECT pg_temp.attempt(format($$INSERT INTO facts.datasets VALUES ('planted', %L)$$, account_id)) FROM account.account_descendants(:'acme') ORDER BY depth, name;
UPDATE facts.datasets SET name = 'taken' WHERE account_id <> :'acme' RETURNING name;
DELETE FROM facts.datasets WHERE account_id <> :'acme' RETURNING name;
SELECT pg_temp.attempt(format('SELECT account.authenticate(%L, %L)', :'acme_key', :'north')) AS not_even_by_naming_it;
COMMIT;

-- D1 An account is a tenant, not a log-in: a key is nobody's user, and an e-mail address is no credential.
BEGIN;
SELECT account_id = :'north' AS north, user_id, session_id FROM account.authenticate(:'north_key');
SELECT account.current_account_id() = :'north' AS north, account.current_user_id();
COMMIT;
SELECT pg_temp.attempt($$SELECT account.authenticate('ann@example.com')$$);
RESET ROLE;

-- S1.6 At sign-up: the application makes the account and its first member in one transaction, S1.8 and members are of one account alone.
SELECT api_key AS portal_key FROM account.create_application_key('portal', '{read:accounts}') \gset
SET ROLE regress_facts_sign_up;
BEGIN;
SELECT id AS fresh FROM account.create_account('Fresh') \gset
SELECT account_id = :'fresh' AS fresh FROM account.act_as(:'portal_key', :'fresh');
INSERT INTO facts.members VALUES ('ann@example.com', 'h');
SELECT pg_temp.attempt(format($$INSERT INTO facts.members VALUES ('eve@example.com', 'h', %L)$$, :'north'));
COMMIT;
SET ROLE regress_facts_app;
BEGIN;
SELECT account_id = :'fresh' AS fresh FROM account.act_as(:'portal_key', :'fresh');
SELECT email FROM facts.members;
COMMIT;
BEGIN;
SELECT account_id = :'north' AS north FROM account.act_as(:'portal_key', :'north');
SELECT email FROM facts.members;
COMMIT;
-- Users are not kept here yet, so nobody is a member by a user's id.
SELECT pg_temp.attempt(format('SELECT account.act_as(%L, %L, gen_random_uuid())', :'portal_key', :'fresh'));
RESET ROLE;

-- The golden rule, at the end: every row is where it was put and there is no other.
SELECT a.name AS account, d.name FROM facts.datasets d LEFT JOIN account.accounts a USING (account_id) ORDER BY a.name, d.name;
DROP SCHEMA facts CASCADE;
SELECT account.revoke_access('regress_facts_owner'), account.revoke_access('regress_facts_app'), account.revoke_access('regress_facts_sign_up');
DROP ROLE regress_facts_owner, regress_facts_app, regress_facts_sign_up;
