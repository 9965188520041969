-- key: what a key is called, and how it follows its profile: many keys of a service account, narrowed, disabled, deleted.
\set VERBOSITY terse
CREATE ROLE regress_life;
SELECT account.grant_access('regress_life', 'tenant');
SET client_min_messages = error;
SELECT count(account.define_permission(p)) AS defined FROM unnest('{read:notes,write:notes,read:reports}'::text[]) p;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme') \gset
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT account.current_profile_id() AS acme_profile \gset
SELECT id AS child, api_key AS child_key FROM account.create_account('child') \gset
SELECT id AS sibling, api_key AS sibling_key FROM account.create_account('sibling') \gset
SELECT account.create_workspace('lab') AS lab \gset
SELECT account.create_role('writer', '{read:notes,write:notes,manage:api_keys}') AS writer \gset
SELECT profile_id AS robot, api_key_id AS first_id, api_key AS first FROM account.create_service_account('robot', 'writer') \gset
COMMIT;
SET account.exchange_identity = on;
SET ROLE regress_life;

-- What a call says: its code and message, or the path and type of each value that is wrong.
CREATE FUNCTION pg_temp.try(token text, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	message text;
BEGIN
	IF token IS NOT NULL THEN
		PERFORM account.authenticate(token);
	END IF;
	EXECUTE 'SELECT account.' || call;
	RAISE EXCEPTION 'allowed';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, message = MESSAGE_TEXT;
	IF SQLSTATE NOT LIKE 'TA%' THEN
		RETURN message;
	END IF;
	RETURN concat(detail::json ->> 'error', ': ', COALESCE((SELECT string_agg(concat(e ->> 'path', ' ', e -> 'context' ->> 'errorType'), ', ')
		FROM json_array_elements(detail::json -> 'validationErrors') e), message));
END $$;

-- S4.14, S4.16, S4.17, S4.18, S4.19: a service account has a key from the beginning, and as many as it takes.
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT api_key_id AS second_id, api_key AS second FROM account.create_api_key(:'robot', 'second', '{read:notes,write:notes}') \gset
SELECT api_key_id AS third_id, api_key AS third FROM account.create_api_key(:'robot', 'third') \gset
SELECT name, state, permissions, preview ~ '^prod_acctsec_.{4}….{4}$' AS obfuscated FROM account.api_keys WHERE profile_id = :'robot' ORDER BY created_at;
COMMIT;
SELECT v.permissions FROM unnest(ARRAY[:'first', :'second', :'third']) k, account.verify_api_key(k) v;
-- A key has at most what its profile has (S4.23), whoever issues it.
SELECT pg_temp.try(:'acme_key', format('create_api_key(%L, ''x'', ''{read:notes,read:reports}'')', :'robot')), pg_temp.try(:'acme_key', format('create_api_key(%L, ''x'', ''{read:*}'')', :'robot'));
-- It follows the profile down, and up again, but never beyond its own list; the view shows what it was issued with.
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT account.update_role(:'writer', '{"permissions": ["read:notes", "read:reports"]}');
COMMIT;
SELECT v.permissions FROM unnest(ARRAY[:'first', :'second', :'third']) k, account.verify_api_key(k) v;
BEGIN;
SELECT (account.authenticate(:'second')).permissions;
SELECT account.has_permission('read:notes') AS read, account.has_permission('write:notes') AS write, account.has_permission('read:reports') AS reports;
COMMIT;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT permissions FROM account.api_keys WHERE name = 'second';
SELECT account.update_role(:'writer', '{"permissions": ["read:notes", "write:notes", "manage:api_keys"]}');
COMMIT;
SELECT permissions FROM account.verify_api_key(:'second');
-- A permission that the profile has in a workspace alone can be named too.
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT account.create_role('reporter', '{read:reports}') IS NOT NULL AS made;
SELECT account.assign_role(:'robot', 'reporter', :'lab');
SELECT name FROM account.create_api_key(:'robot', 'scoped', '{read:reports}', workspace_ids => ARRAY[:'lab']::uuid[]);
SELECT name FROM account.create_api_key(:'robot', 'all of it');
SELECT name, permissions FROM account.api_keys WHERE name IN ('scoped', 'all of it') ORDER BY name;
ROLLBACK;

-- update_api_key(): what people call a key, and nothing else.
SELECT given, pg_temp.try(:'acme_key', format('update_api_key(%L, %L)', :'second_id', given)) FROM (VALUES
	(NULL), ('[]'), ('3'), ('{}'), ('{"name": "x"}'), ('{"name": ""}'), ('{"name": null}'), ('{"name": 3}'), ('{"description": null, "external_id": null}'), ('{"external_id": ""}'), ('{"labels": {"a": "b"}}'), ('{"labels": {"a": 1}}'),
	('{"labels": null}'), ('{"labels": ["a"]}'), ('{"allowed_ips": null}'), ('{"allowed_ips": []}'), ('{"allowed_ips": "10.0.0.0/8"}'), ('{"allowed_ips": {"a": "10.0.0.0/8"}}'), ('{"allowed_ips": [10]}'), ('{"allowed_ips": ["10.0.0.0/8", null]}'),
	('{"allowed_ips": ["10.0.0.0/8", "::1", "10", "127.0.0.1"]}'), ('{"allowed_ips": ["10.0.0.1/8"]}'), ('{"allowed_ips": ["10.0.0.0/33"]}'), ('{"allowed_ips": ["localhost"]}'), ('{"allowed_ips": [""]}'), ('{"allowed_ips": ["fe80::1%eth0"]}'),
	('{"permissions": ["*:*"]}'), ('{"expires_at": null, "state": "active", "Name": "x"}'), ('{"name": "", "labels": [], "allowed_ips": ["x"], "profile_id": 3}')) v (given);
SELECT length(given::text) AS length, pg_temp.try(:'acme_key', format('update_api_key(%L, %L)', :'second_id', given)) FROM (VALUES
	(jsonb_build_object('description', repeat('é', 10000))), (jsonb_build_object('description', repeat('é', 10001))), (jsonb_build_object('external_id', repeat('x', 256))),
	(jsonb_build_object('allowed_ips', ARRAY(SELECT '10.0.0.0/8' FROM generate_series(1, 256)))), (jsonb_build_object('allowed_ips', ARRAY(SELECT '10.0.0.0/8' FROM generate_series(1, 257)))), (jsonb_build_object('allowed_ips', ARRAY[repeat('1', 1000000)]))) v (given);
-- KEY-38: by whom.
SELECT of, who, pg_temp.try(token, format('update_api_key(%L, ''{"name": "x"}'')', key))
FROM (VALUES (1, 'second', :'second_id'::uuid), (2, 'nobody', gen_random_uuid()), (3, 'NULL', NULL)) o (m, of, key),
	(VALUES (1, 'acme', :'acme_key'), (2, 'first, of the same profile', :'first'), (3, 'second itself', :'second'), (4, 'a child', :'child_key'), (5, 'no identity', NULL)) w (n, who, token)
ORDER BY m, n;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT api_key_id AS childs_id FROM account.api_keys WHERE account_id = :'child' \gset
SELECT account.update_api_key(:'childs_id', '{"description": "of my child"}');
SELECT description FROM account.api_keys WHERE api_key_id = :'childs_id';
COMMIT;
SELECT pg_temp.try(:'sibling_key', format('update_api_key(%L, ''{"name": "x"}'')', :'childs_id')), pg_temp.try(:'sibling_key', format('update_api_key(%L, ''{"name": "x"}'')', gen_random_uuid()));

-- S3.13, S3.16, S3.17: rotated, a key keeps what it was called and where it reaches; its external id goes over to the new one.
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
-- S3.10: NULL stands for the caller's workspaces, as far as the profile reaches them.
SELECT name FROM account.create_api_key(:'robot', 'with none', workspace_ids => NULL);
SELECT account.grant_workspace(:'robot', :'lab'), account.grant_workspace(:'second_id', :'lab');
SELECT name FROM account.create_api_key(:'robot', 'with the lab', workspace_ids => NULL);
SELECT name, workspaces_total, workspaces_preview = ARRAY[:'lab']::uuid[] AS lab FROM account.api_keys WHERE name LIKE 'with %' ORDER BY name;
SELECT account.update_api_key(:'second_id', '{"name": "courier", "description": "d", "external_id": "c-1", "labels": {"team": "blue"}, "allowed_ips": ["10.0.0.0/8", "127.0.0.0/8"]}');
SELECT account.update_api_key(:'second_id', '{"allowed_ips": ["10.1.0.0/16", "127.0.0.1"]}');
SELECT api_key_id AS courier_id FROM account.rotate_api_key(:'second_id', '1 hour') \gset
SELECT name, description, external_id, labels, state, permissions, allowed_ips, workspaces_total, workspaces_preview = ARRAY[:'lab']::uuid[] AS lab
FROM account.api_keys WHERE name = 'courier' ORDER BY state DESC;
COMMIT;
-- Narrowed for good, whoever asks.
SELECT given, pg_temp.try(:'acme_key', format('update_api_key(%L, %L)', :'courier_id', given)) FROM (VALUES
	('{"allowed_ips": ["10.1.0.0/16", "127.0.0.1"]}'), ('{"allowed_ips": ["10.1.2.0/24"]}'), ('{"allowed_ips": ["10.0.0.0/8"]}'), ('{"allowed_ips": ["10.1.0.0/16", "127.0.0.2"]}'), ('{"allowed_ips": ["0.0.0.0/0", "::/0"]}')) v (given);
RESET ROLE;
SELECT pg_temp.try(NULL, format('update_api_key(%L, ''{"allowed_ips": ["0.0.0.0/0"]}'')', :'courier_id')) AS by_admin;
-- It counts at once, and what is narrowed twice is in both; nothing is written where they stay the same, and no row is ever updated.
SELECT valid FROM account.verify_api_key(:'third');
SELECT account.update_api_key(:'third_id', '{"allowed_ips": ["192.0.2.0/24", "198.51.100.0/24"]}');
SELECT account.update_api_key(:'third_id', '{"allowed_ips": ["198.51.100.0/24", "192.0.2.0/24"]}');
SELECT account.update_api_key(:'third_id', '{"allowed_ips": ["192.0.2.0/25"]}');
SELECT valid, error FROM account.verify_api_key(:'third');
SELECT allowed_ips FROM account.api_keys WHERE api_key_id = :'third_id';
SELECT allowed_ips FROM account.credentials WHERE credential_id = :'third_id' AND kind = 'n' ORDER BY created_at;
UPDATE account.credentials SET allowed_ips = NULL WHERE credential_id = :'third_id';
DELETE FROM account.credentials WHERE credential_id = :'third_id' AND kind = 'n';
SET ROLE regress_life;
-- No two keys that are good have the same external id; one that has ended stands in nobody's way, another account's neither.
SELECT pg_temp.try(:'acme_key', format('update_api_key(%L, ''{"external_id": "c-1"}'')', id)) FROM unnest(ARRAY[:'first_id', :'courier_id', :'childs_id']::uuid[]) id;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT account.revoke_api_key(:'courier_id', 'lost');
SELECT account.update_api_key(:'first_id', '{"external_id": "c-1"}');
SELECT name, state, external_id FROM account.api_keys WHERE external_id = 'c-1' ORDER BY state;
ROLLBACK;

-- A disabled profile's keys are refused, and let in again (S4.7 has its own test); KEY-21: a deleted one's never again.
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT account.disable_profile(:'robot');
COMMIT;
SELECT v.error FROM unnest(ARRAY[:'first', :'third']) k, account.verify_api_key(k) v;
SELECT pg_temp.try(:'first', 'get_account()');
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT account.enable_profile(:'robot');
COMMIT;
SELECT v.valid FROM unnest(ARRAY[:'first', :'third']) k, account.verify_api_key(k) v;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT account.delete_profile(:'robot');
SELECT DISTINCT state FROM account.api_keys WHERE profile_id = :'robot';
COMMIT;
SELECT v.error FROM unnest(ARRAY[:'first', :'third']) k, account.verify_api_key(k) v;
SELECT pg_temp.try(:'first', 'get_account()'), pg_temp.try(:'acme_key', format('create_api_key(%L, ''x'')', :'robot')), pg_temp.try(:'acme_key', format('rotate_api_key(%L)', :'first_id')),
	pg_temp.try(:'acme_key', format('revoke_api_key(%L)', :'first_id'));
-- KEY-39: made anew under the same name it is another one; nothing opens with what was before.
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT profile_id <> :'robot' AS another FROM account.create_service_account('robot', 'writer');
COMMIT;
SELECT v.error FROM unnest(ARRAY[:'first', :'third']) k, account.verify_api_key(k) v;
-- Not even where the row of the key itself was never ended.
RESET ROLE;
DELETE FROM account.credentials WHERE credential_id = :'first_id' AND kind = 'r';
SET ROLE regress_life;
SELECT pg_temp.try(:'acme_key', format('rotate_api_key(%L)', :'first_id'));

-- S5.20: nobody has a key made without an identity that may; S5.21: a key lasts as long as it was said, for ever if nothing was.
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT expires_at IS NULL AS endless FROM account.create_api_key(:'acme_profile', 'endless');
SELECT expires_at BETWEEN now() + '29 days' AND now() + '31 days' AS month FROM account.create_api_key(:'acme_profile', 'month', expires_in => '30 days');
ROLLBACK;
SELECT pg_temp.try(NULL, format('create_api_key(%L, ''x'')', :'acme_profile'));
RESET ROLE;
-- A thing of an archived account is not renamed; its networks are still narrowed.
SELECT account.archive_account(:'acme');
SELECT given, pg_temp.try(:'acme_key', format('update_api_key(%L, %L)', :'childs_id', given)) FROM (VALUES ('{"name": "x"}'), ('{"allowed_ips": ["10.0.0.0/8"]}'), ('{"allowed_ips": ["10.0.0.0/8"], "labels": {}}')) v (given);
SELECT account.unarchive_account(:'acme');
-- An application key is an administrator's alone.
SELECT api_key_id AS application_id FROM account.create_application_key('app', '{read:notes}') \gset
SELECT account.update_api_key(:'application_id', '{"name": "application", "external_id": "c-1", "allowed_ips": ["10.0.0.0/8"]}');
SELECT name, external_id FROM account.keys WHERE api_key_id = :'application_id';
SELECT pg_temp.try(:'acme_key', format('update_api_key(%L, ''{}'')', :'application_id'));

DROP OWNED BY regress_life;
DROP ROLE regress_life;
