
-- tally: how many rows of the tables with a quota each account has.
--
-- Written when a transaction commits, by the C code alone (src/tally.c), in several rows
-- for the same account, resource and table, so that no commit waits for another.
-- Dumped, for a restore fills the tables before it makes the triggers that count.

CREATE TABLE account.quota_counts (
	account_id uuid NOT NULL,
	resource text COLLATE pg_catalog."C" NOT NULL,
	entry bigint NOT NULL,
	table_id regclass NOT NULL,
	amount bigint NOT NULL,
	change bigint NOT NULL,
	prepared boolean NOT NULL,
	CONSTRAINT quota_counts_pkey PRIMARY KEY (account_id, resource, entry)
) USING heap WITH (fillfactor = 50);
COMMENT ON TABLE account.quota_counts IS 'How many rows of each table with a quota each account has: the sum of amount. Kept by triggers of the tables alone; no role has a grant on it.';
COMMENT ON COLUMN account.quota_counts.account_id IS 'The account; the holder of the plan where table_id is 0.';
COMMENT ON COLUMN account.quota_counts.resource IS 'What the rows count as.';
COMMENT ON COLUMN account.quota_counts.entry IS 'A random number, so that two commits never wait for one another.';
COMMENT ON COLUMN account.quota_counts.table_id IS 'The table that the rows are in; 0 for what commits have added since the holder of a plan was counted.';
COMMENT ON COLUMN account.quota_counts.amount IS 'The number of rows, a part of it: may be negative by itself.';
COMMENT ON COLUMN account.quota_counts.change IS 'What the last commit has added to amount.';
COMMENT ON COLUMN account.quota_counts.prepared IS 'Whether that was by PREPARE TRANSACTION.';
-- For a table that is emptied, counted anew or dropped.
CREATE INDEX quota_counts_table_id_idx ON account.quota_counts (table_id);
ALTER TABLE account.quota_counts ENABLE ROW LEVEL SECURITY;
-- What is written past the C code, by a restore, is in no session's bound (src/bound.c).
CREATE TRIGGER quota_counts_forget_limits
	AFTER INSERT OR UPDATE ON account.quota_counts
	FOR EACH STATEMENT EXECUTE FUNCTION account.forget_limits();
ALTER TABLE account.quota_counts ENABLE ALWAYS TRIGGER quota_counts_forget_limits;
SELECT pg_catalog.pg_extension_config_dump('account.quota_counts',
	'WHERE EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) table_id)');
