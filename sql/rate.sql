-- rate: the limit requests_per_minute of a plan, and the lines of keys that it is counted by.
-- What is let in, and that nothing is without preloading, is in test/t/rate.pl.
\set VERBOSITY terse
SET client_min_messages = error;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('Acme') \gset
SELECT profile_id AS profile FROM account.profiles WHERE account_id = :'acme' \gset

-- A limit like any other, but that none at all would keep everybody out.
SELECT account.create_plan('none', '{"requests_per_minute": 0}');
SELECT account.create_plan('none', '{"seats": 0, "requests_per_minute": {"tree": 0}, "beds": 1}');
SELECT account.create_plan('half', '{"requests_per_minute": 0.5}');
SELECT account.create_plan('word', '{"requests_per_minute": "ten"}');
SELECT account.create_plan('null', '{"requests_per_minute": null}');
SELECT account.create_plan('many', '{"requests_per_minute": 9007199254740993}');
SELECT account.create_plan('most', '{"requests_per_minute": 9007199254740992}') IS NOT NULL AS made;
SELECT account.create_plan('tree', '{"requests_per_minute": {"tree": 1e6}, "requests": 0, "requests_per_minutes": 0}') IS NOT NULL AS made;
SELECT account.update_plan('tree', '{"limits": {"requests_per_minute": 0}}');
UPDATE account.plans SET limits = '{"requests_per_minute": 0}' WHERE name = 'tree';
SELECT account.set_plan(:'acme', 'tree');
SELECT account.plan_limit('requests_per_minute', :'acme');
-- Far below its limit, with the greatest there can be, nobody notices it.
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
COMMIT;
SELECT account.set_plan(:'acme', 'most');
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
COMMIT;

-- S3.16: a key that replaces another is of its line, and the next one of the same.
SELECT api_key_id AS first FROM account.create_api_key(:'profile', 'first', '{read:accounts}') \gset
SELECT api_key_id AS second FROM account.rotate_api_key(:'first', '1 hour') \gset
SELECT api_key_id AS third FROM account.rotate_api_key(:'second', '0') \gset
SELECT CASE credential_id WHEN :'first' THEN 'first' WHEN :'second' THEN 'second' ELSE 'third' END AS key, line_id = :'first' AS of_first
	FROM account.credentials WHERE entry = 0 AND credential_id IN (:'first', :'second', :'third') ORDER BY key;
-- The line of an application key, too.
SELECT api_key_id AS desk FROM account.create_application_key('desk', '{*:*}') \gset
SELECT api_key_id AS next FROM account.rotate_api_key(:'desk', '0') \gset
SELECT line_id = :'desk' AS of_desk FROM account.credentials WHERE credential_id = :'next' AND entry = 0;
-- No ending and no session has one.
INSERT INTO account.credentials (digest, entry, kind, credential_id, ends_at, line_id)
	SELECT digest, 1, 'r', credential_id, now(), credential_id FROM account.credentials WHERE credential_id = :'third' AND entry = 0;
-- Nobody but the function for it writes one: a row is not changed.
UPDATE account.credentials SET line_id = NULL WHERE credential_id = :'third';

-- Who may call what.
CREATE ROLE regress_rate;
SELECT account.grant_access('regress_rate', 'tenant');
SET ROLE regress_rate;
SELECT account.evicted_rate_buckets();
SELECT account.create_plan('mine', '{"requests_per_minute": 1}');
RESET ROLE;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT account.evicted_rate_buckets();
ROLLBACK;
SELECT account.forget_plans();
SHOW account.rate_buckets;

DROP OWNED BY regress_rate;
DROP ROLE regress_rate;
