
-- stats: what each account does.
--
-- The recorder adds up what sessions have counted in shared memory.  Without one the table
-- stays as it is, and the view knows when keys were last used, and no more.

CREATE TABLE account.account_counters (
	account_id uuid NOT NULL,
	counter text NOT NULL,
	count bigint NOT NULL,
	last_at timestamp with time zone NOT NULL,
	CONSTRAINT account_counters_pkey PRIMARY KEY (account_id, counter)
) WITH (fillfactor = 50);
COMMENT ON TABLE account.account_counters IS 'What was counted of each account, as far as it is written. Kept by the recorder; no role has a grant on it.';
COMMENT ON COLUMN account.account_counters.account_id IS 'The account; the nil UUID for what belongs to none.';
COMMENT ON COLUMN account.account_counters.counter IS 'authentications, or the code of a refusal.';
COMMENT ON COLUMN account.account_counters.count IS 'How often.';
COMMENT ON COLUMN account.account_counters.last_at IS 'When it was counted last.';
ALTER TABLE account.account_counters ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('account.account_counters', '');
