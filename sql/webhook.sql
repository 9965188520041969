-- webhook: secrets that webhooks are signed with, and signatures (S3.4, S3.6, S3.23, S3.25, D4, WH).
\set VERBOSITY terse
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgcrypto;
CREATE ROLE regress_webhook;
SELECT account.grant_access('regress_webhook', 'tenant');
SET account.exchange_identity = on;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('globex') \gset
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT id AS child FROM account.create_account('child') \gset
SELECT api_key AS auditor_key FROM account.create_service_account('auditor', 'auditor') \gset
COMMIT;

-- The reference that everything below is compared with: pgcrypto's HMAC over "id.timestamp.payload" and base64.  It gives the known signature.
CREATE FUNCTION pg_temp.reference(secret text, id text, seconds text, payload bytea) RETURNS text
	LANGUAGE sql AS $$ SELECT 'v1,' || encode(public.hmac(convert_to(id || '.' || seconds || '.', 'UTF8') || payload,
		decode(replace(secret, 'whsec_', ''), 'base64'), 'sha256'), 'base64') $$;
\set known whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
SELECT pg_temp.reference(:'known', 'msg_p5jXN8AQM9LWM0D4loKWxJek', '1614265330', '{"test": 2432232314}') = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=' AS known;
CREATE FUNCTION pg_temp.try(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	message text;
BEGIN
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
GRANT USAGE ON SCHEMA public TO regress_webhook;
SET ROLE regress_webhook;

-- S3.23, D4: an account has a generated secret from the beginning, "whsec_" and the base64 of 32 bytes; each its own.  S3.7: it stands in the account's info.
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT account.webhook_secret() AS acme_secret \gset
SELECT octet_length(decode(substr(:'acme_secret', 7), 'base64')) AS bytes, :'acme_secret' LIKE 'whsec\_%' AS prefixed;
SELECT account.describe_account() -> 'info' ->> 'webhookEventsHmacSecret' = :'acme_secret' AS described;
-- A parent does not see that of a sub-account.
SELECT account.describe_account(:'child') -> 'info' -> 'webhookEventsHmacSecret' AS of_the_child;
SELECT pg_temp.try(format('webhook_secret(%L)', :'child')), pg_temp.try(format('rotate_webhook_secret(''0'', %L)', :'child')), pg_temp.try(format('sign_webhook(''m'', ''x'', now(), %L)', :'child'));
-- The signature is the reference's, of text and of bytes, at the second that it is sent.
SELECT account.sign_webhook('msg_1', '{"a": 1}', '2021-02-25 15:02:10.999+00') = pg_temp.reference(:'acme_secret', 'msg_1', '1614265330', '{"a": 1}') AS text,
	account.sign_webhook('msg_1', '\x00ff'::bytea, '2021-02-25 15:02:10+00') = pg_temp.reference(:'acme_secret', 'msg_1', '1614265330', '\x00ff') AS bytes,
	account.sign_webhook('msg_1', '', '1970-01-01 00:00:00+00') = pg_temp.reference(:'acme_secret', 'msg_1', '0', '') AS empty,
	account.sign_webhook('msg_1', 'é😀', 'epoch') = pg_temp.reference(:'acme_secret', 'msg_1', '0', convert_to('é😀', 'UTF8')) AS utf8;
SELECT floor(extract(epoch FROM now()))::bigint AS seconds \gset
SELECT account.sign_webhook('msg_1', '{"a": 1}') AS signature \gset
-- An id has no dot: no two messages sign the same bytes.  All that is wrong is said.
SELECT pg_temp.try(call) FROM unnest(ARRAY['sign_webhook(''msg_1.5'', ''x'')', 'sign_webhook('''', ''x'')', 'sign_webhook(''a b'', ''x'')', 'sign_webhook(E''a\nb'', ''x'')',
	'sign_webhook(''é'', ''x'')', 'sign_webhook(repeat(''a'', 256), ''x'')', 'sign_webhook(NULL, NULL::text, NULL)', 'sign_webhook(''m'', ''x'', ''infinity'')', 'sign_webhook(''m'', ''x'', ''1969-12-31 UTC'')',
	'sign_webhook(''m'', repeat(''x'', 16777217))']) call;
COMMIT;

-- S1.19: another account has another.  D6, DES-15: nobody signs for another, or without the permission, or without an identity.
BEGIN;
SELECT FROM account.authenticate(:'globex_key');
SELECT account.webhook_secret() <> :'acme_secret' AS its_own;
SELECT pg_temp.try(format('webhook_secret(%L)', :'acme')), pg_temp.try(format('rotate_webhook_secret(''0'', %L)', :'acme')), pg_temp.try(format('sign_webhook(''m'', ''x'', now(), %L)', :'acme'));
SELECT FROM account.authenticate(:'auditor_key');
SELECT pg_temp.try('webhook_secret()'), pg_temp.try('rotate_webhook_secret()'), pg_temp.try('sign_webhook(''m'', ''x'')');
SELECT account.describe_account() -> 'info' -> 'webhookEventsHmacSecret' AS without_permission;
COMMIT;
SELECT pg_temp.try('webhook_secret()'), pg_temp.try('rotate_webhook_secret()'), pg_temp.try('sign_webhook(''m'', ''x'')'), pg_temp.try('reencrypt_webhook_secrets()');

-- Anyone verifies.  WH-07: with or without the prefix, in one spelling; another secret, another kind of key, one that is too short are none.
SELECT account.verify_webhook(:'acme_secret', 'msg_1', :'seconds', '{"a": 1}', :'signature') AS right,
	account.verify_webhook(substr(:'acme_secret', 7), 'msg_1', :'seconds', '{"a": 1}', :'signature') AS bare;
SELECT account.verify_webhook(:'known', 'msg_2', :'seconds', '{}', pg_temp.reference(:'known', 'msg_2', :'seconds', '{}')) AS another_key;
SELECT s AS secret, account.verify_webhook(s, 'msg_2', :'seconds', '{}', pg_temp.reference(:'known', 'msg_2', :'seconds', '{}')) AS verified
	FROM unnest(ARRAY['', 'whsec_', 'WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx',
		'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw=', ' whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'whsec_MfKQ9r8GKYqrTwjU']) s;
SELECT account.verify_webhook('whsec_' || encode(convert_to('a secret of 33 bytes, two to spare', 'UTF8'), 'base64'), 'm', :'seconds', '{}',
	pg_temp.reference(encode(convert_to('a secret of 33 bytes, two to spare', 'UTF8'), 'base64'), 'm', :'seconds', '{}')) AS padded;
-- WH-09, WH-10: an entry counts as it is, whole; others are passed over, a hundred at most.
SELECT note, account.verify_webhook(:'acme_secret', 'msg_1', :'seconds', '{"a": 1}', header) AS verified
	FROM (VALUES (1, 'among others', 'v1a,xyz v2,abc ' || :'signature' || ' v1,'), (2, 'empty', ''), (3, 'v1', 'v1'), (4, 'v1,', 'v1,'), (5, 'cut', left(:'signature', 11)),
		(6, 'V1', 'V' || substr(:'signature', 2)), (7, 'v2', 'v2' || substr(:'signature', 3)), (8, 'v1=', 'v1=' || substr(:'signature', 4)), (9, 'tab', E'\t' || :'signature'),
		(10, 'double space', 'x  ' || :'signature'), (11, 'comma', 'v1,x,' || :'signature'), (12, 'longer', :'signature' || 'A'),
		(13, 'other ending', left(:'signature', 45) || translate(substr(:'signature', 46, 1), 'AEIMQUYcgkosw048', 'BFJNRVZdhlptx159') || '='),
		(14, 'the hundredth', repeat('x ', 99) || :'signature'), (15, 'the hundred and first', repeat('x ', 100) || :'signature')) v (n, note, header) ORDER BY n;
-- WH-04: whole seconds, in digits alone, and within the tolerance, before or after.
SELECT count(*) FILTER (WHERE account.verify_webhook(:'known', 'm', t, '{}', pg_temp.reference(:'known', 'm', t, '{}'))) AS verified, count(*) AS tried
	FROM unnest(ARRAY['', 'hello', :'seconds' || '.5', '+' || :'seconds', ' ' || :'seconds', :'seconds' || ' ', '0x60', '1e9', '-1', '99999999999999999999', translate(:'seconds', '0123456789', '０１２３４５６７８９'), '1614265330']) t;
SELECT away, account.verify_webhook(:'known', 'm', t, '{}', pg_temp.reference(:'known', 'm', t, '{}')) AS five_minutes,
	account.verify_webhook(:'known', 'm', t, '{}', pg_temp.reference(:'known', 'm', t, '{}'), '2 hours') AS two_hours
	FROM unnest(ARRAY[-9000, -4000, -100, 0, 100, 4000, 9000]) away, LATERAL (SELECT (extract(epoch FROM statement_timestamp())::bigint + away)::text AS t) s;
SELECT pg_temp.try(format('verify_webhook(''a'', ''b'', ''c'', ''d'', ''e'', %L)', tolerance)) FROM unnest(ARRAY['-1 second', '25 hours', NULL]) tolerance;
-- NULL, another id, another body, a dot in the id, a body that is too large: false, no error.
SELECT account.verify_webhook(NULL, 'm', '1', '', 'x') OR account.verify_webhook('s', NULL, '1', '', 'x') OR account.verify_webhook('s', 'm', NULL, '', 'x')
	OR account.verify_webhook('s', 'm', '1', NULL, 'x') OR account.verify_webhook('s', 'm', '1', '', NULL) AS null_arguments,
	account.verify_webhook(:'acme_secret', 'msg_2', :'seconds', '{"a": 1}', :'signature') AS other_id,
	account.verify_webhook(:'acme_secret', 'msg_1', :'seconds', '{"a":1}', :'signature') AS other_body,
	account.verify_webhook(:'known', 'm.1', :'seconds', '{}', pg_temp.reference(:'known', 'm.1', :'seconds', '{}')) AS dot,
	account.verify_webhook(:'known', 'm', :'seconds', repeat('x', 16777217), 'v1,x') AS large;

-- S3.6, WH-12: rotation.  During the overlap both sign, the newest first; without one only the new one does.
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT account.rotate_webhook_secret('1 hour') AS second_secret \gset
SELECT :'second_secret' <> :'acme_secret' AS new, account.webhook_secret() = :'second_secret' AS newest;
SELECT account.sign_webhook('m', 'x', 'epoch') = pg_temp.reference(:'second_secret', 'm', '0', 'x') || ' ' || pg_temp.reference(:'acme_secret', 'm', '0', 'x') AS both;
SELECT count(account.rotate_webhook_secret('30 days')) FROM generate_series(1, 3);
SELECT pg_temp.try('rotate_webhook_secret()');
SELECT account.rotate_webhook_secret('0') AS third_secret \gset
SELECT account.sign_webhook('m', 'x', 'epoch') = pg_temp.reference(:'third_secret', 'm', '0', 'x') AS alone;
SELECT pg_temp.try(format('rotate_webhook_secret(%L)', overlap)) FROM unnest(ARRAY['-1 second', '31 days', '1 month -20 days', NULL]) overlap;
-- What a rotation has ended is gone with the next.
SELECT account.rotate_webhook_secret('1 hour') IS NOT NULL AS rotated;
COMMIT;
RESET ROLE;
SELECT count(*) AS kept FROM account.webhook_secrets WHERE account_id = :'acme';
-- An archived account signs, and does not rotate (S2.8).
SELECT account.archive_account(:'globex');
SET ROLE regress_webhook;
BEGIN;
SELECT FROM account.authenticate(:'globex_key');
SELECT account.sign_webhook('m', 'x') IS NOT NULL AS signs, pg_temp.try('rotate_webhook_secret()');
COMMIT;
-- Administrators name the account.
RESET ROLE;
SELECT account.sign_webhook('m', 'x', 'epoch', :'child') = pg_temp.reference(account.webhook_secret(:'child'), 'm', '0', 'x') AS by_administrator;
SELECT pg_temp.try('webhook_secret()'), pg_temp.try('sign_webhook(''m'', ''x'')'), pg_temp.try('rotate_webhook_secret()'), pg_temp.try(format('webhook_secret(%L)', gen_random_uuid()));
-- Nothing is encrypted without a master key, and there is nothing to be encrypted anew.
SELECT account.reencrypt_webhook_secrets(), bool_or(sealed_by IS NOT NULL) AS encrypted FROM account.webhook_secrets;
-- No role reads the table, and no secret stands in an error.
SET ROLE regress_webhook;
SELECT * FROM account.webhook_secrets;
RESET ROLE;
-- An account that has lost its secrets is told so.
DELETE FROM account.webhook_secrets WHERE account_id = :'child';
SELECT account.webhook_secret(:'child') IS NULL AS none, pg_temp.try(format('sign_webhook(''m'', ''x'', now(), %L)', :'child')), account.rotate_webhook_secret('0', :'child') IS NOT NULL AS rotated;
DROP OWNED BY regress_webhook;
DROP ROLE regress_webhook;
