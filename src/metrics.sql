
-- metrics: what is counted, told.

CREATE FUNCTION account.readable_stats_accounts() RETURNS SETOF uuid
	LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10
	AS 'MODULE_PATHNAME', 'account_metrics_readable_stats_accounts';
REVOKE ALL ON FUNCTION account.readable_stats_accounts() FROM PUBLIC;
COMMENT ON FUNCTION account.readable_stats_accounts() IS 'The accounts that account_stats has: the caller''s own; all for an administrator, none for anybody else. Level tenant; raises nothing.';

CREATE FUNCTION account.readable_stats(account_id uuid, OUT authentications bigint, OUT refusals bigint, OUT refusals_by_code jsonb, OUT authentications_per_minute double precision, OUT last_seen_at timestamp with time zone)
	RETURNS SETOF record
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE ROWS 1
	AS 'MODULE_PATHNAME', 'account_metrics_readable_stats';
REVOKE ALL ON FUNCTION account.readable_stats(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.readable_stats(uuid) IS 'What account_stats has of an account: the caller''s own; administrators: any. Level tenant. Raises MISSING_API_KEY, NOT_FOUND.';

CREATE VIEW account.account_stats WITH (security_barrier) AS
	SELECT i.account_id,
		s.authentications,
		s.refusals,
		s.refusals_by_code,
		s.authentications_per_minute,
		s.last_seen_at,
		a.name::text AS account_name,
		a.external_id,
		a.labels,
		a.created_at
	FROM account.readable_stats_accounts() i (account_id)
	JOIN account.accounts a ON a.account_id OPERATOR(pg_catalog.=) i.account_id
	CROSS JOIN LATERAL account.readable_stats(i.account_id) s
	-- Whatever is asked besides: this comes first.
	WHERE account.policy_reads(a.account_id, '');
COMMENT ON VIEW account.account_stats IS 'What the caller''s account does and was refused, what shared memory holds of it included; administrators: of all accounts. Counted where a recorder runs, see account.databases: elsewhere only last_seen_at is known. Level tenant.';
COMMENT ON COLUMN account.account_stats.account_id IS 'The account.';
COMMENT ON COLUMN account.account_stats.authentications IS 'How many transactions have had an identity of it. NULL if that was never counted.';
COMMENT ON COLUMN account.account_stats.refusals IS 'How often it was refused something, or one of its credentials was refused. NULL if that was never counted.';
COMMENT ON COLUMN account.account_stats.refusals_by_code IS 'The same by code, an object of numbers. NULL if that was never counted.';
COMMENT ON COLUMN account.account_stats.authentications_per_minute IS 'Its rate of use now: authentications in the last minute, about. NULL where nothing is counted now.';
COMMENT ON COLUMN account.account_stats.last_seen_at IS 'When it last authenticated; without a recorder, when one of its keys was last used, to about a minute. NULL never.';
COMMENT ON COLUMN account.account_stats.account_name IS 'The name of the account.';
COMMENT ON COLUMN account.account_stats.external_id IS 'The external id of the account.';
COMMENT ON COLUMN account.account_stats.labels IS 'The labels of the account.';
COMMENT ON COLUMN account.account_stats.created_at IS 'When the account was created.';

CREATE FUNCTION account.openmetrics() RETURNS text
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_metrics_openmetrics';
REVOKE ALL ON FUNCTION account.openmetrics() FROM PUBLIC;
COMMENT ON FUNCTION account.openmetrics() IS 'What the whole database does, in the text format of OpenMetrics (application/openmetrics-text; version=1.0.0; charset=utf-8), for Prometheus and its like: authentications and refusals by code (counted where a recorder runs), rounds of the recorder, what shared memory had no room for, and what waits in the audit log and for webhooks. No account is named. Level admin. Raises FORBIDDEN otherwise.';

INSERT INTO account.access_grants (level, object) VALUES
	('tenant', 'FUNCTION account.readable_stats_accounts()'),
	('tenant', 'FUNCTION account.readable_stats(uuid)'),
	('tenant', 'TABLE account.account_stats'),
	('admin', 'FUNCTION account.openmetrics()');
