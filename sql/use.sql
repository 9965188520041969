-- use: when keys and sessions were last used, and sessions that were left idle.
\set VERBOSITY terse
CREATE ROLE regress_use;
SELECT account.grant_access('regress_use', 'tenant');
SET client_min_messages = error;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme') \gset
SELECT profile_id AS profile FROM account.profiles WHERE account_id = :'acme' \gset
SELECT api_key_id AS one_id, api_key AS one FROM account.create_api_key(:'profile', 'one') \gset
SELECT profile_id AS robot, api_key_id AS robots_id, api_key AS robots FROM account.create_service_account('robot', 'auditor', account_id => :'acme') \gset
SELECT api_key_id AS two_id, api_key AS two FROM account.create_api_key(:'profile', 'two') \gset
SELECT api_key_id AS application_id, api_key AS application FROM account.create_application_key('app', '{read:*}') \gset
-- Whether a credential was used, and whether that was just now.
CREATE FUNCTION pg_temp.used(id uuid) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN used_at = '-infinity' THEN 'never' WHEN used_at > clock_timestamp() - interval '30 seconds' THEN 'now' ELSE date_trunc('minute', clock_timestamp() - used_at)::text END FROM account.uses WHERE credential_id = id
$$;

-- A row is made with the key; asking whether it is good is no use of it, nor is an attempt that fails.
SELECT pg_temp.used(:'one_id') AS one, pg_temp.used(:'application_id') AS application;
SELECT last_used_at FROM account.api_keys WHERE api_key_id = :'one_id';
SELECT valid FROM account.verify_api_key(:'one');
SELECT account.authenticate(:'one', gen_random_uuid());
SELECT account.act_as(:'application', gen_random_uuid());
SELECT account.disable_profile(:'robot');
SELECT account.authenticate(:'robots');
SELECT pg_temp.used(:'one_id') AS one, pg_temp.used(:'robots_id') AS robots, pg_temp.used(:'application_id') AS application;

-- S4.21: a use is noted, by transactions that only read too, without a transaction id of their own; a rollback does not undo it.
BEGIN READ ONLY;
SELECT i.account_id = :'acme' AS acme FROM account.authenticate(:'one') i;
SELECT pg_current_xact_id_if_assigned();
SELECT pg_temp.used(:'one_id') AS one;
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SAVEPOINT s;
SELECT i.account_id = :'acme' AS acme FROM account.act_as(:'application', :'acme') i;
ROLLBACK TO s;
ROLLBACK;
SELECT pg_temp.used(:'application_id') AS application;
-- Who may read keys sees it.
BEGIN;
SET LOCAL ROLE regress_use;
SELECT i.account_id = :'acme' AS acme FROM account.authenticate(:'two') i;
SELECT name, last_used_at > now() - interval '1 minute' AS used FROM account.api_keys WHERE profile_id = :'profile' ORDER BY created_at;
COMMIT;
-- In the transaction that makes it, too.
BEGIN;
SELECT i.account_id = :'acme' AS acme FROM account.create_api_key(:'profile', 'three') k, account.authenticate(k.api_key) i;
SELECT last_used_at IS NOT NULL AS used FROM account.api_keys WHERE name = 'three';
ROLLBACK;
-- The row is overwritten where it is: no other version of it was made.
SELECT count(*), bool_and(xmax = 0) AS never_updated FROM account.uses WHERE credential_id IN (:'one_id', :'two_id', :'application_id');

-- At most once in account.last_used_interval, also by a session that has not seen it yet.
UPDATE account.uses SET used_at = now() - CASE credential_id WHEN :'one_id' THEN interval '50 seconds' ELSE interval '61 seconds' END WHERE credential_id IN (:'one_id', :'two_id');
\connect -
SET client_min_messages = error;
SELECT used_at AS one_before FROM account.uses WHERE credential_id = :'one_id' \gset
SELECT used_at AS two_before FROM account.uses WHERE credential_id = :'two_id' \gset
BEGIN;
SELECT i.account_id = :'acme' AS acme FROM account.authenticate(:'one') i;
COMMIT;
BEGIN;
SELECT i.account_id = :'acme' AS acme FROM account.authenticate(:'two') i;
COMMIT;
SELECT used_at > :'one_before' AS one FROM account.uses WHERE credential_id = :'one_id';
SELECT used_at > :'two_before' AS two FROM account.uses WHERE credential_id = :'two_id';
-- A superuser may want it each time.
SELECT used_at AS two_before FROM account.uses WHERE credential_id = :'two_id' \gset
BEGIN;
SELECT i.account_id = :'acme' AS acme FROM account.authenticate(:'two') i;
COMMIT;
SELECT used_at > :'two_before' AS two FROM account.uses WHERE credential_id = :'two_id';
SET account.last_used_interval = 0;
BEGIN;
SELECT i.account_id = :'acme' AS acme FROM account.authenticate(:'two') i;
COMMIT;
SELECT used_at > :'two_before' AS two FROM account.uses WHERE credential_id = :'two_id';
RESET account.last_used_interval;
SET ROLE regress_use;
SET account.last_used_interval = 0;
SET account.session_idle_timeout = 0;
SELECT * FROM account.uses;
RESET ROLE;
-- A row that is missing is no error.
DELETE FROM account.uses WHERE credential_id = :'one_id';
\connect -
SET client_min_messages = error;
BEGIN;
SELECT i.account_id = :'acme' AS acme FROM account.authenticate(:'one') i;
COMMIT;

-- SES-12: a session that nobody has used for account.session_idle_timeout (two hours) has ended.
CREATE TEMPORARY TABLE tokens (name text, id uuid DEFAULT gen_random_uuid(), created interval, used interval, token text);
INSERT INTO tokens (name, created, used, token) VALUES
	('new', '0', NULL, 'prod_acctses_0000000000000000000000000000000000000000new3lvrmF'),
	('never', '3 hours', NULL, 'prod_acctses_00000000000000000000000000000000000000never3wr1Es'),
	('used', '3 days', '119 minutes', 'prod_acctses_000000000000000000000000000000000000000used4RLZdp'),
	('idle', '3 days', '121 minutes', 'prod_acctses_000000000000000000000000000000000000000idle1bmTZM'),
	('often', '3 days', '29 minutes', 'prod_acctses_00000000000000000000000000000000000000often4OSUi9'),
	('seldom', '3 days', '31 minutes', 'prod_acctses_0000000000000000000000000000000000000seldom17DYdi'),
	('gone', '3 days', '1 minute', 'prod_acctses_000000000000000000000000000000000000000gone2VxpHY');
INSERT INTO account.credentials (digest, entry, kind, credential_id, user_id, ends_at, created_at)
	SELECT sha256(token::bytea), 0, 's', id, '5e000000-0000-4000-8000-00000000abcd', now() + interval '1 day', now() - created FROM tokens;
INSERT INTO account.uses SELECT id, COALESCE(now() - used, '-infinity') FROM tokens WHERE name <> 'gone';
CREATE FUNCTION pg_temp.enter(token text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM account.authenticate(token);
	RETURN 'let in';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END $$;
SET account.exchange_identity = on;
-- They are used for as long as they are noted at all: at least four times in that time, whatever the interval is.
SET account.last_used_interval = '1d';
BEGIN READ ONLY;
SELECT name, pg_temp.enter(token) FROM tokens ORDER BY created, used NULLS FIRST, name;
COMMIT;
SELECT name, used_at > now() - interval '1 minute' AS noted FROM tokens JOIN account.uses ON credential_id = id ORDER BY created, used NULLS FIRST, name;
-- There is no such end where the setting is 0, and none for keys.
SET account.session_idle_timeout = 0;
SELECT name, pg_temp.enter(token) FROM tokens WHERE name IN ('never', 'idle') ORDER BY name;
RESET account.session_idle_timeout;
UPDATE account.uses SET used_at = now() - interval '10 years' WHERE credential_id = :'two_id';
SELECT pg_temp.enter(:'two');
-- The absolute end stands, however often it is used.
INSERT INTO account.credentials (digest, entry, kind, credential_id, ends_at) SELECT digest, 1, 'e', credential_id, clock_timestamp() FROM account.credentials JOIN tokens ON id = credential_id WHERE name = 'used';
SELECT pg_temp.enter(token) FROM tokens WHERE name = 'used';

DELETE FROM account.credentials WHERE user_id = '5e000000-0000-4000-8000-00000000abcd' OR credential_id IN (SELECT id FROM tokens);
DELETE FROM account.uses WHERE credential_id IN (SELECT id FROM tokens);
DROP OWNED BY regress_use;
DROP ROLE regress_use;
