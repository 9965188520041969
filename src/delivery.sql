
-- delivery: sending events to the webhook URLs of accounts.
--
-- Any number of senders claim deliveries, send them, and record what came back; how that is
-- kept in order stands at the head of delivery.c.

CREATE FUNCTION account.claim_webhook_deliveries(
		max_count integer,
		lease interval DEFAULT '1 minute',
		OUT delivery_id uuid,
		OUT url text,
		OUT headers jsonb,
		OUT body text,
		OUT attempt integer)
	RETURNS SETOF record
	LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100
	AS 'MODULE_PATHNAME', 'account_delivery_claim_webhook_deliveries';
REVOKE ALL ON FUNCTION account.claim_webhook_deliveries(integer, interval) FROM PUBLIC;
COMMENT ON FUNCTION account.claim_webhook_deliveries(integer, interval) IS 'Up to max_count (1 to 1,000) deliveries of webhooks that are due, for any number of senders at once: of each account only the first that is not over. Commit, send body to url byte for byte in UTF-8 with the headers, and record what came back under delivery_id, which names this attempt. Not recorded within lease (1 second to 1 hour), it is claimed again, under another. attempt counts from 1. What was queued longer ago than account.webhook_retention is given up, and what an account without a webhook URL waits for is dropped. Waits for nobody. Read committed alone. Level sender. Raises FORBIDDEN, BAD_REQUEST, VALIDATION_FAILED.';

CREATE FUNCTION account.record_webhook_delivery(delivery_id uuid, http_status integer, retry_after interval DEFAULT NULL) RETURNS boolean
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_delivery_record_webhook_delivery';
REVOKE ALL ON FUNCTION account.record_webhook_delivery(uuid, integer, interval) FROM PUBLIC;
COMMENT ON FUNCTION account.record_webhook_delivery(uuid, integer, interval) IS 'Says what an attempt was answered with; http_status NULL: with nothing. 200 to 299: it is delivered. 410: it is given up, and nothing more is sent to this URL. Anything else: it is tried again after 5 seconds, 5 and 30 minutes, 2, 5, 10, 14, 20 and 24 hours, each up to a fifth more, after 429 and 502 to 599 at least a minute, and no earlier than retry_after (0 to 1 day) says; after ten attempts it is given up. Whatever is over lets the next one of its account go. False, and nothing is done, if the attempt does not count any more: it was recorded, or claimed again after its lease. Read committed alone. Level sender. Raises FORBIDDEN, BAD_REQUEST, VALIDATION_FAILED.';

CREATE VIEW account.webhook_deliveries WITH (security_barrier) AS
	SELECT e.event_id,
		e.account_id,
		e.type,
		e.body,
		CASE
			WHEN e.outcome IS NOT NULL THEN e.outcome
			WHEN e.delivery_id IS NOT NULL AND e.due_at > pg_catalog.clock_timestamp() THEN 'sending'
			WHEN e.attempts > 0 THEN 'retrying'
			ELSE 'waiting'
		END AS state,
		e.attempts,
		e.url,
		e.http_status,
		e.created_at,
		e.attempted_at,
		CASE WHEN e.finished_at IS NULL AND e.due_at < 'infinity' THEN e.due_at END AS next_attempt_at,
		e.finished_at
	FROM (
			SELECT o.*
			FROM account.events o
			WHERE o.account_id = account.current_account_id()
				AND account.policy_reads(o.account_id, 'webhooks')
			UNION ALL
			-- Who has no account is an administrator, or reads nothing.
			SELECT a.*
			FROM account.events a
			WHERE (SELECT account.current_account_id() IS NULL)
				AND account.policy_reads(a.account_id, 'webhooks')
		) e;
COMMENT ON VIEW account.webhook_deliveries IS 'What the caller''s account was told by webhooks, or is to be, with read:webhooks or manage:webhooks; all for an administrator. Not of the accounts below. Kept for account.webhook_retention.';
COMMENT ON COLUMN account.webhook_deliveries.event_id IS 'The id, for redeliver_webhook(): the header webhook-id.';
COMMENT ON COLUMN account.webhook_deliveries.account_id IS 'The account that is told.';
COMMENT ON COLUMN account.webhook_deliveries.type IS 'What happened: account.updated and the like.';
COMMENT ON COLUMN account.webhook_deliveries.body IS 'What is sent, byte for byte.';
COMMENT ON COLUMN account.webhook_deliveries.state IS 'waiting; sending: an attempt is under way; retrying: the last one has failed; delivered; dead: given up after ten attempts, an answer 410 or too long a time; dropped: the account had no webhook URL any more, or one that had answered 410.';
COMMENT ON COLUMN account.webhook_deliveries.attempts IS 'How many attempts have begun.';
COMMENT ON COLUMN account.webhook_deliveries.url IS 'Where the last one was sent to.';
COMMENT ON COLUMN account.webhook_deliveries.http_status IS 'What the last one was answered with; NULL: with nothing.';
COMMENT ON COLUMN account.webhook_deliveries.created_at IS 'When it happened.';
COMMENT ON COLUMN account.webhook_deliveries.attempted_at IS 'When the last attempt began.';
COMMENT ON COLUMN account.webhook_deliveries.next_attempt_at IS 'From when on it is attempted; NULL if it is over, or another of the account comes before it.';
COMMENT ON COLUMN account.webhook_deliveries.finished_at IS 'When it was over; NULL if it is not.';

INSERT INTO account.access_grants (level, object) VALUES
	('sender', 'FUNCTION account.claim_webhook_deliveries(integer, interval)'),
	('sender', 'FUNCTION account.record_webhook_delivery(uuid, integer, interval)'),
	('tenant', 'TABLE account.webhook_deliveries');
