-- Signing webhooks, next to the HMAC alone, and sending events.  Variables: calls, events (of as many
-- accounts, one each, among a hundred times as many that are over).
CREATE TABLE bench.hooks AS
	SELECT id AS account_id, api_key AS token, repeat('x', 1024) AS payload, sha256('a key') AS secret
	FROM account.create_account('Hooks');
GRANT SELECT ON bench.hooks TO bench_app;

CREATE PROCEDURE bench.sign(signed text, calls integer, INOUT seconds double precision)
	LANGUAGE plpgsql
	AS $$
DECLARE
	started timestamp with time zone;
BEGIN
	PERFORM account.authenticate((SELECT token FROM bench.hooks));
	started := clock_timestamp();
	EXECUTE format('SELECT count(%s) FROM bench.hooks, generate_series(1, %s) i', signed, calls);
	seconds := bench.seconds_since(started);
	COMMIT;
END
$$;

INSERT INTO bench.measures (name, variant, role, call)
	SELECT 'sign', variant, 'bench_app', format('bench.sign(%L, %s, NULL)', signed, :calls)
	FROM (VALUES ('text', 'account.sign_webhook(''msg_'' || i, payload, now())'), ('bytes', 'account.sign_webhook(''msg_'' || i, payload::bytea, now())'),
			('hmac', 'hmac(payload || i, secret::text, ''sha256'')'),
			('hand', '''v1,'' || encode(hmac((''msg_'' || i || ''.'' || floor(extract(epoch FROM now())) || ''.'' || payload)::bytea, secret, ''sha256''), ''base64'')')) v (variant, signed);
INSERT INTO bench.comparisons (section, name, what, variant, against, reference, aim) VALUES
	('Webhooks', 'sign', 'sign_webhook() of 1 KB of text', 'text', 'hmac', 'hmac() of pgcrypto alone', 3),
	('Webhooks', 'sign', 'sign_webhook() of 1 KB of bytes', 'bytes', 'hmac', 'hmac() of pgcrypto alone', 3),
	('Webhooks', 'sign', 'sign_webhook() of 1 KB of text', 'text', 'hand', 'the same in SQL, with pgcrypto and encode()', NULL);

-- Every account has one event that is due; those that are over are in the same table.
SET session_replication_role = replica;
UPDATE account.accounts SET webhook_url = 'https://hooks.example.com/' WHERE account_id IN (SELECT bench.account(i) FROM generate_series(1, :events) i);
INSERT INTO account.webhook_secrets (account_id, entry, secret, created_at)
	SELECT bench.account(i), i, sha256(int4send(i)), now() FROM generate_series(1, :events) i;
INSERT INTO account.events (event_id, account_id, turn, horizon, type, body, created_at, queued_at, due_at, attempts, http_status, outcome, finished_at)
	SELECT bench.credential(i), bench.account(1 + i % :events), i, '3', 'account.updated', repeat('x', 250), now(), now(), now(), 1, 200, 'delivered', now()
	FROM generate_series(1, :events * 100) i;
RESET session_replication_role;
SELECT setval('account.turns', :events * 100);
VACUUM (ANALYZE) account.events;

CREATE PROCEDURE bench.deliver(events integer, old boolean, INOUT seconds double precision)
	LANGUAGE plpgsql
	AS $$
DECLARE
	started timestamp with time zone;
	sent bigint := 0;
	claimed bigint;
BEGIN
	-- All of it is rolled back.
	IF NOT old THEN
		TRUNCATE account.events;
	END IF;
	INSERT INTO account.events (event_id, account_id, turn, horizon, type, body, created_at, queued_at, due_at)
		SELECT gen_random_uuid(), bench.account(i), nextval('account.turns'), '3', 'account.updated', repeat('x', 250), now(), now(), now()
		FROM generate_series(1, events) i;
	started := clock_timestamp();
	LOOP
		SELECT count(account.record_webhook_delivery(c.delivery_id, 200)) INTO claimed FROM account.claim_webhook_deliveries(100) c;
		EXIT WHEN claimed = 0;
		sent := sent + claimed;
	END LOOP;
	seconds := bench.seconds_since(started);
	IF sent <> events THEN
		RAISE 'only % of % were sent', sent, events;
	END IF;
	ROLLBACK;
END
$$;
INSERT INTO bench.measures (name, variant, role, call)
	SELECT 'deliver', variant, 'postgres', format('bench.deliver(%s, %L, NULL)', :events, variant = 'many')
	FROM unnest('{many,none}'::text[]) variant;
INSERT INTO bench.comparisons (section, name, what, variant, against, reference, aim) VALUES
	('Webhooks', 'deliver', format('claiming and recording %s deliveries, %s that are over in the same table', :events, :events * 100), 'many', 'none',
		'the same with none that is over', 1.2);
