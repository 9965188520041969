-- key: what cannot be asked for, and that a key mints no more than it has itself (DES-11).
\set VERBOSITY terse
CREATE ROLE regress_key;
SELECT account.grant_access('regress_key', 'tenant');
SET client_min_messages = error;
-- What a key can name has been defined; a pattern need not match anything yet.
SELECT count(account.define_permission(p)) AS defined FROM unnest('{read:notes,write:notes,manage:notes,read:keys,a:b,a-b_c:0}'::text[] || array[repeat('a', 63) || ':' || repeat('b', 63)]) p;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme') \gset
SELECT profile_id AS profile FROM account.profiles WHERE account_id = :'acme' \gset
SELECT id AS held, api_key AS held_key FROM account.create_account('held') \gset
SELECT profile_id AS held_profile FROM account.profiles WHERE account_id = :'held' \gset
SET account.exchange_identity = on;
SET ROLE regress_key;

-- What a call says: its code, with the path and type of each value that is wrong, or the message.
CREATE FUNCTION pg_temp.try(token text, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	message text;
	caller name := current_user;
BEGIN
	IF token IS NOT NULL THEN
		PERFORM account.authenticate(token);
	END IF;
	EXECUTE 'SELECT account.' || call;
	RAISE EXCEPTION 'allowed';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, message = MESSAGE_TEXT;
	-- MEM-09: whatever went wrong, the caller is who it was.
	IF current_user <> caller THEN
		RETURN 'elevated!';
	END IF;
	IF SQLSTATE NOT LIKE 'TA%' THEN
		RETURN message;
	END IF;
	RETURN concat(detail::json ->> 'error', ': ', COALESCE((SELECT string_agg(concat(e ->> 'path', ' ', e -> 'context' ->> 'errorType'), ', ')
		FROM json_array_elements(detail::json -> 'validationErrors') e), message));
END $$;

-- Values that a new key cannot have.
SELECT left(given, 60) AS given, pg_temp.try(:'acme_key', format('create_api_key(%L, %s)', :'profile', given)) FROM (VALUES
	($$NULL$$), ($$''$$), ($$' '$$), ($$E'\t\n'$$), ($$repeat('x', 255)$$), ($$repeat('x', 256)$$), ($$repeat('é', 255)$$), ($$repeat('x', 10000000)$$),
	($$'x', '{}'$$), ($$'x', '{a:b}'$$), ($$'x', '{*:*}'$$), ($$'x', '{*:notes}'$$), ($$'x', '{read:*}'$$), ($$'x', '{a-b_c:0}'$$),
	($$'x', '{NULL}'$$), ($$'x', '{read}'$$), ($$'x', '{read:}'$$), ($$'x', '{:notes}'$$), ($$'x', '{:}'$$), ($$'x', '{""}'$$), ($$'x', '{Read:notes}'$$), ($$'x', '{"read:no tes"}'$$),
	($$'x', '{read:notes:more}'$$), ($$'x', '{read:n*}'$$), ($$'x', '{**:notes}'$$), ($$'x', '{"read:notes,manage:keys"}'$$), ($$'x', '{réad:notes}'$$), ($$'x', E'{"read:notes\n"}'$$),
	($$'x', '{{read:notes},{read:keys}}'$$), ($$'x', '[5:6]={read:notes,read:keys}'$$), ($$'x', ARRAY[repeat('a', 63) || ':' || repeat('b', 63)]$$), ($$'x', ARRAY[repeat('a', 64) || ':' || repeat('b', 63)]$$),
	($$'x', array_fill('read:notes'::text, '{10000}')$$), ($$'x', array_fill('read:notes'::text, '{10001}')$$), ($$'x', '{read:undefined}'$$), ($$'x', '{read:undefined,*:undefined}'$$),
	($$'x', array_fill('read:notes'::text, '{10000000}')$$), ($$'x', '{read:notes,bad,read:keys,worse}'$$),
	-- KEY-19.
	($$'x', NULL, '0'$$), ($$'x', NULL, '-1 second'$$), ($$'x', NULL, '1 microsecond'$$), ($$'x', NULL, '100 years'$$), ($$'x', NULL, '101 years'$$), ($$'x', NULL, '292276 years'$$), ($$'x', NULL, '1 mon -30 days'$$), ($$'x', NULL, '1 mon -31 days'$$),
	($$'x', NULL, NULL, NULL$$), ($$'x', NULL, NULL, '{NULL}'$$), ($$'x', NULL, NULL, ARRAY[gen_random_uuid()]$$), ($$'x', NULL, NULL, '{{00000000-0000-0000-0000-000000000000}}'$$),
	($$'x', NULL, NULL, '{}', '{}'$$), ($$'x', NULL, NULL, '{}', '{NULL}'$$), ($$'x', NULL, NULL, '{}', '{10.0.0.0/8,::/0}'$$), ($$'x', NULL, NULL, '{}', '{{10.0.0.0/8},{0.0.0.0/0}}'$$), ($$'x', NULL, NULL, '{}', array_fill('10.0.0.0/8'::cidr, '{257}')$$),
	($$'x', NULL, NULL, '{}', NULL, repeat('x', 10000)$$), ($$'x', NULL, NULL, '{}', NULL, repeat('x', 10001)$$), ($$'x', NULL, NULL, '{}', NULL, repeat('x', 10000000)$$),
	($$'', '{bad}', '-1 day', '{NULL}', '{}', repeat('x', 10001)$$)) v (given);
-- KEY-23: how long an overlap can be.
RESET ROLE;
SELECT api_key_id AS key_id, api_key AS key FROM account.create_api_key(:'profile', 'key') \gset
SET ROLE regress_key;
SELECT given, pg_temp.try(:'acme_key', format('rotate_api_key(%L, %s)', :'key_id', given)) FROM (VALUES
	($$'0'$$), ($$'1 microsecond'$$), ($$'30 days'$$), ($$'30 days 1 microsecond'$$), ($$'31 days'$$), ($$'-1 microsecond'$$), ($$'100 years'$$), ($$NULL$$)) v (given);
SELECT pg_temp.try(:'acme_key', format('revoke_api_key(%L, %s)', :'key_id', given)) FROM (VALUES ($$repeat('x', 10000)$$), ($$repeat('x', 10001)$$)) v (given);
-- The same for application keys, whose permissions have to be said.
RESET ROLE;
SELECT given, pg_temp.try(NULL, format('create_application_key(%s)', given)) FROM (VALUES
	($$NULL, '{a:b}'$$), ($$'x', NULL$$), ($$'x', '{}'$$), ($$'x', '{a:b}', '0'$$), ($$'x', '{a:b}', NULL, '{}'$$), ($$'x', '{*:*}', '1 day', '{10.0.0.0/8}'$$)) v (given);
SET ROLE regress_key;

-- DES-11: a key with two permissions and an hour to live.
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT api_key_id AS small_id, api_key AS small, expires_at AS small_end FROM account.create_api_key(:'profile', 'small', '{manage:api_keys,read:notes}', '1 hour') \gset
SELECT api_key_id AS wide_id, api_key AS wide FROM account.create_api_key(:'profile', 'wide', '{manage:*,*:notes}') \gset
SELECT api_key_id AS acmes_id FROM account.api_keys WHERE account_id = :'acme' AND system \gset
COMMIT;
-- Left out, each is its own; more is refused, narrower is not.
SELECT given, pg_temp.try(:'small', format('create_api_key(%L, ''x''%s)', :'profile', given)) AS small, pg_temp.try(:'wide', format('create_api_key(%L, ''x''%s)', :'profile', given)) AS wide FROM (VALUES
	(''), (', ''{read:notes}'', ''59 minutes'''), (', ''{}'''), (', ''{read:keys}'''), (', ''{read:notes,write:notes}'''), (', ''{read:*}'''), (', ''{*:notes}'''), (', ''{*:*}'''), (', ''{manage:*}'''),
	(', ''{manage:notes}'''), (', NULL, ''2 hours'''), (', NULL, ''100 years'''), (', NULL, NULL, NULL'), (', NULL, NULL, ''{10000000-0000-0000-0000-000000000000}''')) v (given);
BEGIN;
SELECT (account.authenticate(:'small')).account_id = :'acme' AS acme;
SELECT expires_at = :'small_end' AS same_end FROM account.create_api_key(:'profile', 'minted');
SELECT permissions, expires_at = :'small_end' AS same_end, allowed_ips IS NULL AS anywhere FROM account.api_keys WHERE name = 'minted';
ROLLBACK;
-- Nor by replacing a key that has more: its own it may, one with less too; others it may only revoke.
SELECT what, pg_temp.try(:'small', format('rotate_api_key(%L)', id)) AS rotate, pg_temp.try(:'small', format('revoke_api_key(%L)', id)) AS revoke
FROM (VALUES (1, 'itself', :'small_id'::uuid), (2, 'wide', :'wide_id'), (3, 'acme''s', :'acmes_id')) v (n, what, id) ORDER BY n;
SELECT pg_temp.try(:'wide', format('rotate_api_key(%L)', :'small_id')) AS wide_rotates_small, pg_temp.try(:'acme_key', format('rotate_api_key(%L)', :'small_id')) AS acme_rotates_small;
-- An application key mints no more than it has, and nothing that outlives it.
RESET ROLE;
SELECT api_key AS application FROM account.create_application_key('app', '{manage:api_keys,read:notes}', '1 hour') \gset
SET ROLE regress_key;
BEGIN;
SELECT (account.act_as(:'application', :'acme')).account_id = :'acme' AS acme;
SAVEPOINT s;
SELECT account.create_api_key(:'profile', 'x', '{*:*}');
ROLLBACK TO s;
SELECT account.create_api_key(:'profile', 'x', '{read:notes}', '2 hours');
ROLLBACK TO s;
SELECT name, expires_at < now() + '61 minutes' AS ends, (account.verify_api_key(api_key)).permissions FROM account.create_api_key(:'profile', 'x');
ROLLBACK;

-- No key for an account that is archived or suspended.
RESET ROLE;
SELECT account.archive_account(:'held');
SELECT pg_temp.try(:'held_key', format('create_api_key(%L, ''x'')', :'held_profile')) AS archived;
SELECT pg_temp.try(NULL, format('create_api_key(%L, ''x'')', :'held_profile')) AS by_admin;
SELECT account.unarchive_account(:'held'), account.suspend_account(:'held', 'x');
SELECT pg_temp.try(:'held_key', format('create_api_key(%L, ''x'')', :'held_profile')) AS suspended;
SELECT pg_temp.try(NULL, format('create_api_key(%L, ''x'')', :'held_profile')) AS by_admin;
SELECT account.resume_account(:'held');
SELECT pg_temp.try(:'held_key', format('create_api_key(%L, ''x'')', :'held_profile')) AS resumed;

-- KEY-19: expired at the very moment, by the clock and not by the transaction; KEY-24: then it is not replaced.
INSERT INTO account.credentials (digest, entry, kind, credential_id, ends_at) SELECT digest, 1, 'e', credential_id, clock_timestamp() FROM account.credentials WHERE credential_id = :'wide_id' AND entry = 0;
SELECT pg_temp.try(:'wide', 'get_account()'), (account.verify_api_key(:'wide')).error;
SELECT state FROM account.api_keys WHERE api_key_id = :'wide_id';
SELECT pg_temp.try(:'acme_key', format('rotate_api_key(%L)', :'wide_id')), pg_temp.try(:'acme_key', format('revoke_api_key(%L)', :'wide_id'));
BEGIN;
SELECT api_key AS brief FROM account.create_api_key(:'profile', 'brief', NULL, '50 milliseconds') \gset
SELECT (account.verify_api_key(:'brief')).valid OR clock_timestamp() > now() + '50 milliseconds' AS valid;
SELECT pg_sleep(0.06);
SELECT valid, error FROM account.verify_api_key(:'brief');
COMMIT;

SELECT count(*) FROM account.credentials c WHERE entry > 0 AND NOT EXISTS (SELECT FROM account.credentials WHERE digest = c.digest AND entry = 0 AND credential_id = c.credential_id);
DROP OWNED BY regress_key;
DROP ROLE regress_key;
