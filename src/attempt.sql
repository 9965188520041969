
-- attempt: attempts to log in that count, where there is no shared memory for them.
--
-- An attempt is two rows, and success deletes them; each attempt also deletes a few
-- rows that are so old that they count no more.  With shared_preload_libraries the
-- table stays empty (counter.c).

CREATE TABLE account.login_failures (
	subject uuid NOT NULL,
	failed_at timestamp with time zone NOT NULL,
	entry bigint NOT NULL,
	CONSTRAINT login_failures_pkey PRIMARY KEY (subject, failed_at, entry)
);
COMMENT ON TABLE account.login_failures IS 'Attempts to log in that count, where the library is not preloaded. Inserted and deleted, never updated; not dumped. Kept by functions alone; no role has a grant on it.';
COMMENT ON COLUMN account.login_failures.subject IS 'A digest, under a secret of the cluster, of the e-mail and the source address, or of the e-mail alone.';
COMMENT ON COLUMN account.login_failures.failed_at IS 'When.';
COMMENT ON COLUMN account.login_failures.entry IS 'A random number, so that two attempts never wait for one another.';
CREATE INDEX login_failures_failed_at_idx ON account.login_failures (failed_at);
ALTER TABLE account.login_failures ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('account.login_failures', 'WHERE false');

CREATE FUNCTION account.evicted_login_counters() RETURNS bigint
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_attempt_evicted_login_counters';
REVOKE ALL ON FUNCTION account.evicted_login_counters() FROM PUBLIC;
COMMENT ON FUNCTION account.evicted_login_counters() IS 'How many counters of attempts to log in have had to make room in shared memory since the server started, and were not written by a recorder: more than a few mean that somebody tries very many addresses. NULL where the library is not preloaded. Level admin. Raises FORBIDDEN otherwise.';

INSERT INTO account.access_grants (level, object) VALUES
	('admin', 'FUNCTION account.evicted_login_counters()');
