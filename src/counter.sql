
-- counter: what the recorder writes of the counters of attempts to log in, so that a crash lifts no lockout.
--
-- Not in a dump: a subject means something in this cluster alone, and what it says is over soon.

CREATE TABLE account.login_counters (
	subject uuid NOT NULL,
	attempts integer NOT NULL,
	counted_at timestamp with time zone NOT NULL,
	CONSTRAINT login_counters_pkey PRIMARY KEY (subject),
	CONSTRAINT login_counters_attempts_positive CHECK (attempts OPERATOR(pg_catalog.>) 0)
);
COMMENT ON TABLE account.login_counters IS 'Attempts to log in that count, as shared memory had them when the recorder last wrote. Read where memory does not know of them: after a start of the server. Not dumped. Kept by functions alone; no role has a grant on it.';
COMMENT ON COLUMN account.login_counters.subject IS 'A digest, under a secret of the cluster, of the e-mail and the source address, or of the e-mail alone.';
COMMENT ON COLUMN account.login_counters.attempts IS 'How many were counted.';
COMMENT ON COLUMN account.login_counters.counted_at IS 'When the last was. Over after account.login_lockout.';
ALTER TABLE account.login_counters ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('account.login_counters', 'WHERE false');
