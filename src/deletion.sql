
-- deletion: asking for the deletion of an account, and carrying it out.
--
-- What is asked for is a hold of kind p: until it is due the account and all below it are
-- archived, and it can be lifted like any hold, at or above the level that set it.  Then a
-- purge deletes all their rows from the isolated tables, in batches if it is called as a
-- procedure, and what the extension itself keeps of them.  The rows of accounts stay, blank.

CREATE TABLE account.purge_records (
	account_id uuid NOT NULL,
	parent_account_id uuid,
	started_at timestamp with time zone NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	last_batch_at timestamp with time zone NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	rows_deleted bigint NOT NULL DEFAULT 0,
	last_table text,
	error text,
	accounts_purged integer,
	finished_at timestamp with time zone,
	CONSTRAINT purge_records_pkey PRIMARY KEY (account_id),
	CONSTRAINT purge_records_finished_counts CHECK ((finished_at IS NULL) = (accounts_purged IS NULL))
);
COMMENT ON TABLE account.purge_records IS 'How far the purges of accounts are that were to be deleted, and which are done. Kept by functions alone; no role has a grant on it.';
COMMENT ON COLUMN account.purge_records.account_id IS 'The account of which the deletion was asked for.';
COMMENT ON COLUMN account.purge_records.parent_account_id IS 'The account that was above it; NULL for a root.';
COMMENT ON COLUMN account.purge_records.started_at IS 'When it was tried first.';
COMMENT ON COLUMN account.purge_records.last_batch_at IS 'When it was tried last.';
COMMENT ON COLUMN account.purge_records.rows_deleted IS 'How many rows of isolated tables were deleted so far, without those that foreign keys took along.';
COMMENT ON COLUMN account.purge_records.last_table IS 'The table that the last of them were in.';
COMMENT ON COLUMN account.purge_records.error IS 'Why it did not go on when it was tried last; NULL if it did.';
COMMENT ON COLUMN account.purge_records.accounts_purged IS 'How many accounts were purged: itself and those below.';
COMMENT ON COLUMN account.purge_records.finished_at IS 'When it was done; NULL if it is not.';
ALTER TABLE account.purge_records ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('account.purge_records', '');

CREATE FUNCTION account.delete_account(account_id uuid, grace interval DEFAULT '24 hours') RETURNS timestamp with time zone
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_deletion_delete_account';
REVOKE ALL ON FUNCTION account.delete_account(uuid, interval) FROM PUBLIC;
COMMENT ON FUNCTION account.delete_account(uuid, interval) IS 'Asks for the deletion of an account and of all below it, with everything in them, and returns when it is due: after grace (24 hours to 10 years), until when cancel_deletion() takes it back. Meanwhile they are archived. Twice is no error: the first date stands, and what an account above has asked for cannot be brought forward from below. Waits for nobody. manage:accounts in the caller''s own account or one below it; administrators: any. Raises MISSING_API_KEY, FORBIDDEN, NOT_FOUND, BAD_REQUEST, VALIDATION_FAILED.';

CREATE FUNCTION account.cancel_deletion(account_id uuid) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_deletion_cancel_deletion';
REVOKE ALL ON FUNCTION account.cancel_deletion(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.cancel_deletion(uuid) IS 'Takes back what delete_account() asked for of this account; no error where nothing was. manage:accounts in the caller''s own account or one below it; administrators: any. Raises MISSING_API_KEY, FORBIDDEN (also where an administrator or an account above the caller asked for it; of an account that was moved since, those that are above it now may), NOT_FOUND (also once it is purged), BAD_REQUEST, and CONFLICT once a purge has deleted rows.';

CREATE FUNCTION account.purge_deleted_accounts() RETURNS bigint
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_deletion_purge_deleted_accounts';
REVOKE ALL ON FUNCTION account.purge_deleted_accounts() FROM PUBLIC;
COMMENT ON FUNCTION account.purge_deleted_accounts() IS 'Carries out all deletions of accounts that are due, in one transaction, and returns how many accounts were purged: for large accounts see purge_accounts(). An account of which a row cannot be deleted, or of whose time a transaction is still open, is left as it was, with a WARNING, and tried again next time. What another purge has at hand is left to that. Read committed alone. Level admin. Raises FORBIDDEN otherwise, BAD_REQUEST.';

CREATE PROCEDURE account.purge_accounts(batch_rows integer DEFAULT 10000)
	LANGUAGE C
	AS 'MODULE_PATHNAME', 'account_deletion_purge_accounts';
REVOKE ALL ON PROCEDURE account.purge_accounts(integer) FROM PUBLIC;
COMMENT ON PROCEDURE account.purge_accounts(integer) IS 'Does the same as purge_deleted_accounts() in transactions of its own, each of at most batch_rows (1 to 10,000,000) deleted rows: what was deleted before it is stopped stays deleted, and the next call goes on from there. Tables that refer to themselves or to one another are emptied of an account in one. View purges tells how far it is. Not within a transaction block. Level admin. Raises FORBIDDEN otherwise, BAD_REQUEST, VALIDATION_FAILED.';

CREATE VIEW account.pending_deletions WITH (security_barrier) AS
	SELECT h.subject_id AS account_id,
		h.created_at AS requested_at,
		h.created_by AS requested_by,
		h.due_at
	FROM account.holds h
	WHERE h.kind = 'p'
		AND h.subject_id IN (SELECT account.readable_account_ids('accounts'));
COMMENT ON VIEW account.pending_deletions IS 'The accounts that are to be deleted, of those that the caller may read with read:accounts or manage:accounts; administrators: all. An account is there twice if itself and one above have asked for it.';
COMMENT ON COLUMN account.pending_deletions.account_id IS 'The account; all below it go with it.';
COMMENT ON COLUMN account.pending_deletions.requested_at IS 'When it was asked for.';
COMMENT ON COLUMN account.pending_deletions.requested_by IS 'The profile that asked for it; NULL for an administrator or an application.';
COMMENT ON COLUMN account.pending_deletions.due_at IS 'From when on it is carried out, and may no longer be cancelled once that has begun.';

CREATE VIEW account.purges WITH (security_barrier) AS
	SELECT r.account_id,
		r.parent_account_id,
		r.started_at,
		r.last_batch_at,
		r.rows_deleted,
		r.last_table,
		r.error,
		r.accounts_purged,
		r.finished_at
	FROM account.purge_records r;
COMMENT ON VIEW account.purges IS 'The purges of accounts that were to be deleted: those that are done, and those that have begun or could not. For level admin.';
COMMENT ON COLUMN account.purges.account_id IS 'The account of which the deletion was asked for; its id is never used again.';
COMMENT ON COLUMN account.purges.parent_account_id IS 'The account that was above it; NULL for a root.';
COMMENT ON COLUMN account.purges.started_at IS 'When it was tried first.';
COMMENT ON COLUMN account.purges.last_batch_at IS 'When it was tried last.';
COMMENT ON COLUMN account.purges.rows_deleted IS 'How many rows of isolated tables were deleted so far, without those that foreign keys took along.';
COMMENT ON COLUMN account.purges.last_table IS 'The table that the last of them were in.';
COMMENT ON COLUMN account.purges.error IS 'Why it did not go on when it was tried last; NULL if it did.';
COMMENT ON COLUMN account.purges.accounts_purged IS 'How many accounts were purged: itself and those below.';
COMMENT ON COLUMN account.purges.finished_at IS 'When it was done; NULL if it is not.';

INSERT INTO account.access_grants (level, object, privileges) VALUES
	('tenant', 'FUNCTION account.delete_account(uuid, interval)', NULL),
	('tenant', 'FUNCTION account.cancel_deletion(uuid)', NULL),
	('tenant', 'TABLE account.pending_deletions', NULL),
	('admin', 'FUNCTION account.purge_deleted_accounts()', NULL),
	('admin', 'PROCEDURE account.purge_accounts(integer)', 'EXECUTE'),
	('admin', 'TABLE account.purges', NULL);
