
-- redelivery: sending events once more, and deleting those that are old.

CREATE FUNCTION account.redeliver_webhook(event_id uuid) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_redelivery_redeliver_webhook';
REVOKE ALL ON FUNCTION account.redeliver_webhook(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.redeliver_webhook(uuid) IS 'Has an event delivered again, with the same id and body, after all others of the account; of one that waits to be tried again the next attempt is due now; one that is under way, or comes after others, is left alone. Where an answer 410 had ended the sending, it is taken up again. The caller''s account; administrators: any. manage:webhooks; administrators. Raises MISSING_API_KEY, FORBIDDEN, NOT_FOUND, ARCHIVED, ACCOUNT_SUSPENDED.';

CREATE FUNCTION account.clean_webhook_deliveries(max_count integer DEFAULT 10000) RETURNS bigint
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_redelivery_clean_webhook_deliveries';
REVOKE ALL ON FUNCTION account.clean_webhook_deliveries(integer) FROM PUBLIC;
COMMENT ON FUNCTION account.clean_webhook_deliveries(integer) IS 'Deletes up to max_count (1 to 100,000) events that were queued longer ago than account.webhook_retention, oldest first, delivered or not, leaving out what others have locked, and returns how many. Where a recorder runs, it does so by itself. Read committed alone. Level admin. Raises FORBIDDEN otherwise, BAD_REQUEST, VALIDATION_FAILED.';

INSERT INTO account.access_grants (level, object) VALUES
	('tenant', 'FUNCTION account.redeliver_webhook(uuid)'),
	('admin', 'FUNCTION account.clean_webhook_deliveries(integer)');
