-- delivery: claiming, recording and repeating what accounts are told by webhooks (S3.23, S3.24, WH-05).
\set VERBOSITY terse
SET client_min_messages = error;
CREATE ROLE regress_sender;
CREATE ROLE regress_tenant;
SELECT account.grant_access('regress_sender', 'sender'), account.grant_access('regress_tenant', 'tenant');
SET account.exchange_identity = on;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('globex') \gset
SELECT id AS child, api_key AS child_key FROM account.create_account('child', :'acme') \gset
SELECT api_key AS auditor_key FROM account.create_service_account('auditor', 'auditor', account_id => :'acme') \gset
SELECT api_key AS member_key FROM account.create_service_account('member', 'member', account_id => :'acme') \gset
SELECT count(account.update_account(id, '{"webhook_url": "https://hooks.example.com/in"}')) AS with_url FROM unnest(ARRAY[:'acme', :'globex', :'child']::uuid[]) id;
TRUNCATE account.events;
CREATE FUNCTION pg_temp.change(account uuid, description text) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(account.update_account(account, jsonb_build_object('description', description))) $$;
CREATE FUNCTION pg_temp.try(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	message text;
BEGIN
	EXECUTE 'SELECT account.' || call;
	RETURN 'allowed';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, message = MESSAGE_TEXT;
	IF SQLSTATE NOT LIKE 'TA%' THEN
		RETURN message;
	END IF;
	RETURN concat(detail::json ->> 'error', ': ', COALESCE((SELECT string_agg(concat(e ->> 'path', ' ', e -> 'context' ->> 'errorType'), ', ')
		FROM json_array_elements(detail::json -> 'validationErrors') e), message));
END $$;
-- Time passes: what waits for its time is due.
CREATE FUNCTION pg_temp.wait() RETURNS void LANGUAGE sql AS $$ UPDATE account.events SET due_at = clock_timestamp() WHERE finished_at IS NULL AND due_at < 'infinity' $$;
CREATE VIEW pg_temp.states AS SELECT v.state, v.attempts, v.http_status FROM account.webhook_deliveries v JOIN account.events e USING (event_id) ORDER BY e.turn;

-- Level sender claims and records, and does nothing else; no other level but admin does.
SET ROLE regress_sender;
SELECT count(*) AS claimed FROM account.claim_webhook_deliveries(1);
SELECT pg_temp.try(call) FROM unnest(ARRAY['authenticate(''x'')', 'create_account(''x'')', 'webhook_secret()', 'redeliver_webhook(gen_random_uuid())', 'clean_webhook_deliveries()', 'current_identity()']) call;
SELECT count(*) FROM account.events;
SELECT count(*) FROM account.webhook_deliveries;
SET ROLE regress_tenant;
SELECT pg_temp.try('claim_webhook_deliveries(1)'), pg_temp.try('record_webhook_delivery(gen_random_uuid(), 200)'), pg_temp.try('clean_webhook_deliveries()');
RESET ROLE;
-- Nor anybody who acts for an account.
BEGIN;
SELECT account_id = :'acme' AS acme FROM account.authenticate(:'acme_key');
SELECT pg_temp.try('claim_webhook_deliveries(1)'), pg_temp.try('record_webhook_delivery(gen_random_uuid(), 200)'), pg_temp.try('clean_webhook_deliveries()');
COMMIT;
SELECT pg_temp.try(call) FROM unnest(ARRAY['claim_webhook_deliveries(NULL)', 'claim_webhook_deliveries(0)', 'claim_webhook_deliveries(1001, ''0'')', 'claim_webhook_deliveries(1, NULL)', 'claim_webhook_deliveries(1, ''61 minutes'')',
	'record_webhook_delivery(NULL, 99, ''-1 second'')', 'record_webhook_delivery(gen_random_uuid(), 600, ''25 hours'')', 'clean_webhook_deliveries(0)', 'clean_webhook_deliveries(100001)', 'clean_webhook_deliveries(NULL)',
	'redeliver_webhook(NULL)', 'redeliver_webhook(gen_random_uuid())']) call;
-- One that there is not does not count.
SELECT account.record_webhook_delivery(gen_random_uuid(), 200) AS unknown, account.record_webhook_delivery(gen_random_uuid(), NULL) AS unknown;

-- The headers are what Standard Webhooks asks for, and verify; of an account the first alone is claimed.
SELECT pg_temp.change(:'acme', 'one'), pg_temp.change(:'acme', 'two');
SELECT delivery_id, url, body, attempt, headers, headers ->> 'webhook-id' AS id FROM account.claim_webhook_deliveries(10) \gset
SELECT :'url' AS url, :attempt AS attempt, array(SELECT k FROM jsonb_object_keys(:'headers') k ORDER BY k) AS headers, :'headers'::jsonb ->> 'content-type' AS content_type,
	account.verify_webhook(account.webhook_secret(:'acme'), :'id', :'headers'::jsonb ->> 'webhook-timestamp', :'body', :'headers'::jsonb ->> 'webhook-signature') AS verified;
SELECT count(*) AS claimed FROM account.claim_webhook_deliveries(10);
SELECT * FROM pg_temp.states;
-- WH-05: another attempt has the same id and body, so that who has had it knows it again; the id is signed.  The attempt has a number of its own, and the one before does not count any more.
SELECT pg_temp.wait();
SELECT delivery_id AS second_id, headers ->> 'webhook-id' = :'id' AS same_id, body = :'body' AS same_body, attempt, delivery_id <> :'delivery_id' AS another_delivery,
	account.verify_webhook(account.webhook_secret(:'acme'), headers ->> 'webhook-id', headers ->> 'webhook-timestamp', body, headers ->> 'webhook-signature') AS verified,
	account.verify_webhook(account.webhook_secret(:'acme'), gen_random_uuid()::text, headers ->> 'webhook-timestamp', body, headers ->> 'webhook-signature') AS under_another_id
	FROM account.claim_webhook_deliveries(10) \gset again_
\echo same id :again_same_id, same body :again_same_body, attempt :again_attempt, another delivery :again_another_delivery, verified :again_verified, under another id :again_under_another_id
SELECT account.record_webhook_delivery(:'delivery_id', 200) AS first_counts, account.record_webhook_delivery(:'again_second_id', 200) AS second_counts;
SELECT account.record_webhook_delivery(:'again_second_id', 500) AS twice;
SELECT * FROM pg_temp.states;

-- What fails is tried again by the schedule of Standard Webhooks, up to a fifth later; after ten attempts it is dead, and the next one goes on.
DELETE FROM account.events WHERE outcome IS NOT NULL;
SELECT pg_temp.change(:'acme', 'three');
CREATE FUNCTION pg_temp.fail(http_status int, retry_after interval DEFAULT NULL) RETURNS interval LANGUAGE plpgsql AS $$
DECLARE
	claimed record;
BEGIN
	PERFORM pg_temp.wait();
	SELECT * INTO STRICT claimed FROM account.claim_webhook_deliveries(1);
	PERFORM account.record_webhook_delivery(claimed.delivery_id, http_status, retry_after);
	RETURN (SELECT due_at - clock_timestamp() FROM account.events WHERE event_id::text = claimed.headers ->> 'webhook-id' AND finished_at IS NULL);
END $$;
SELECT attempt, delay, actual BETWEEN delay - interval '2 seconds' AND delay * 1.2 AS as_scheduled FROM (
	SELECT attempt, delay::interval, pg_temp.fail(CASE attempt WHEN 1 THEN NULL WHEN 2 THEN 301 WHEN 3 THEN 404 ELSE 500 END) AS actual
	FROM unnest('{5 s,5 min,30 min,2 h,5 h,10 h,14 h,20 h,24 h,NULL}'::text[]) WITH ORDINALITY v (delay, attempt) OFFSET 0) v ORDER BY attempt;
SELECT * FROM pg_temp.states;
-- Who has too much to do has a minute at least, and as long as it says.
SELECT pg_temp.fail(429) > '59 s' AS too_many;
SELECT pg_temp.fail(503, '1 h') BETWEEN '59 min' AND '1 h' AS retry_after;
-- An attempt that is the tenth and is never recorded is the last.
UPDATE account.events SET attempts = 10 WHERE finished_at IS NULL;
SELECT pg_temp.wait();
SELECT count(*) AS claimed FROM account.claim_webhook_deliveries(10);
SELECT * FROM pg_temp.states;

-- 410: nothing more is sent to that URL, what waits is dropped, until another is set, or the same anew.
DELETE FROM account.events;
SELECT pg_temp.change(:'acme', 'four'), pg_temp.change(:'acme', 'five');
SELECT pg_temp.fail(410);
SELECT count(*) AS claimed FROM account.claim_webhook_deliveries(10);
SELECT * FROM pg_temp.states;
SELECT pg_temp.change(:'acme', 'six');
SELECT count(*) AS claimed FROM account.claim_webhook_deliveries(10);
SELECT count(account.update_account(:'acme', '{"webhook_url": null}')), count(account.update_account(:'acme', '{"webhook_url": "https://hooks.example.com/in"}')) FROM (SELECT) v;
SELECT count(*) AS claimed FROM account.claim_webhook_deliveries(10);
-- An account that has no URL any more waits for nothing.
SELECT count(account.update_account(:'acme', '{"webhook_url": null}'));
SELECT pg_temp.wait();
SELECT count(*) AS claimed FROM account.claim_webhook_deliveries(10);
SELECT state, count(*) FROM account.webhook_deliveries GROUP BY state ORDER BY state;

-- Repeating: manage:webhooks, in the account itself.  It comes last, under the same id.
SELECT count(account.update_account(:'acme', '{"webhook_url": "https://hooks.example.com/other"}'));
DELETE FROM account.events;
SELECT pg_temp.change(:'acme', 'seven'), pg_temp.change(:'child', 'eight');
SELECT pg_temp.fail(410), pg_temp.fail(410);
SELECT event_id AS acmes FROM account.events WHERE account_id = :'acme' ORDER BY turn LIMIT 1 \gset
SELECT event_id AS childs FROM account.events WHERE account_id = :'child' ORDER BY turn LIMIT 1 \gset
SET ROLE regress_tenant;
BEGIN;
SELECT account_id = :'acme' AS acme FROM account.authenticate(:'acme_key');
SELECT pg_temp.try(format('redeliver_webhook(%L)', id)) FROM unnest(ARRAY[:'acmes', :'childs', gen_random_uuid()::text, NULL]) id;
SELECT state, attempts, http_status FROM account.webhook_deliveries WHERE event_id = :'acmes';
-- A list has what the account itself was told, and takes read:webhooks or manage:webhooks.
SELECT bool_and(account_id = :'acme') AS own FROM account.webhook_deliveries;
SELECT account_id = :'acme' AS acme FROM account.authenticate(:'auditor_key');
SELECT count(*) > 0 AS reads, pg_temp.try(format('redeliver_webhook(%L)', :'acmes')) FROM account.webhook_deliveries;
SELECT account_id = :'acme' AS acme FROM account.authenticate(:'member_key');
SELECT count(*) AS reads, pg_temp.try(format('redeliver_webhook(%L)', :'acmes')) FROM account.webhook_deliveries;
SELECT account_id = :'globex' AS globex FROM account.authenticate(:'globex_key');
SELECT count(*) AS reads, pg_temp.try(format('redeliver_webhook(%L)', :'acmes')) FROM account.webhook_deliveries;
COMMIT;
SELECT count(*) AS reads, pg_temp.try(format('redeliver_webhook(%L)', :'acmes')) FROM account.webhook_deliveries;
RESET ROLE;
SELECT pg_temp.fail(200), pg_temp.wait();
SELECT headers ->> 'webhook-id' = :'acmes' AS the_same, attempt FROM account.claim_webhook_deliveries(10);
SELECT account.archive_account(:'child');
SELECT pg_temp.try(format('redeliver_webhook(%L)', :'childs'));
SELECT account.unarchive_account(:'child'), account.redeliver_webhook(:'childs');

-- An account without a secret waits, and holds up nobody.
DELETE FROM account.events;
DELETE FROM account.webhook_secrets WHERE account_id = :'globex';
SELECT pg_temp.change(:'globex', 'nine'), pg_temp.change(:'acme', 'ten');
SELECT count(*) AS claimed FROM account.claim_webhook_deliveries(10);
SELECT account_id = :'acme' AS acme, attempts, due_at > clock_timestamp() + interval '4 min' AS waits FROM account.events WHERE account_id <> :'child' ORDER BY turn;
SELECT account.rotate_webhook_secret('0', :'globex') IS NOT NULL AS rotated, pg_temp.wait();
SELECT count(*) AS claimed FROM account.claim_webhook_deliveries(10);

-- What is too old is given up when it would be sent, and deleted; the rest of its account goes on.
DELETE FROM account.events;
SELECT pg_temp.change(:'acme', 'eleven'), pg_temp.change(:'acme', 'twelve'), pg_temp.change(:'globex', 'thirteen');
SELECT count(*) AS claimed FROM account.claim_webhook_deliveries(10);
UPDATE account.events SET queued_at = queued_at - interval '31 days' WHERE attempts > 0;
SELECT pg_temp.wait();
SELECT count(*) AS claimed FROM account.claim_webhook_deliveries(1);
SELECT state, count(*) FROM account.webhook_deliveries GROUP BY state ORDER BY state;
SELECT account.clean_webhook_deliveries(1), account.clean_webhook_deliveries(), account.clean_webhook_deliveries();
SELECT pg_temp.wait();
SELECT count(*) AS claimed FROM account.claim_webhook_deliveries(10);
SELECT count(*) AS kept FROM account.events WHERE account_id = :'acme';
DELETE FROM account.events;
SELECT pg_temp.change(:'acme', 'fourteen'), pg_temp.change(:'acme', 'fifteen');
SELECT count(*) AS claimed FROM account.claim_webhook_deliveries(10);
UPDATE account.events SET queued_at = queued_at - interval '31 days' WHERE attempts > 0;
SELECT account.clean_webhook_deliveries();
SELECT count(*) AS claimed FROM account.claim_webhook_deliveries(10);

-- Whoever is purged is not sent anything any more, and nothing is left of it.
SELECT count(account.delete_account(:'acme'));
WITH gone AS (DELETE FROM account.holds WHERE kind = 'p' RETURNING *)
INSERT INTO account.holds SELECT subject_id, kind, entry, set_by, reason, created_by, created_at, clock_timestamp() FROM gone;
SELECT account.purge_deleted_accounts();
SELECT count(*) FROM account.events WHERE account_id IN (:'acme', :'child');
DROP OWNED BY regress_sender, regress_tenant;
DROP ROLE regress_sender, regress_tenant;
