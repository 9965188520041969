
-- audit: what was changed, and by whom.
--
-- An entry is written in the transaction of the change, into audit_pending.  From there it is
-- moved, in order of turn, to audit_entries, where those of an account are a chain.  Nothing
-- else changes either table: not their owner.

CREATE TABLE account.audit_pending (
	entry_id uuid NOT NULL,
	turn bigint NOT NULL,
	horizon pg_catalog.xid8 NOT NULL,
	at timestamp with time zone NOT NULL,
	account_id uuid,
	source text NOT NULL,
	from_account_id uuid,
	actor_profile_id uuid,
	actor_user_id uuid,
	actor_name text,
	actor_role text,
	api_key_id uuid,
	session_id uuid,
	action text NOT NULL,
	object_type text NOT NULL,
	object_id uuid,
	detail jsonb NOT NULL,
	request jsonb,
	CONSTRAINT audit_pending_pkey PRIMARY KEY (entry_id)
);
COMMENT ON TABLE account.audit_pending IS 'Entries of the audit log that are not yet in the chain of their account. Written by functions alone; no role has a grant on it.';
COMMENT ON COLUMN account.audit_pending.entry_id IS 'The id of the entry.';
COMMENT ON COLUMN account.audit_pending.turn IS 'The order in which entries were written.';
COMMENT ON COLUMN account.audit_pending.horizon IS 'The transaction id that was next when the turn was drawn: once all below it are over, no entry with a lower turn can appear any more.';
COMMENT ON COLUMN account.audit_pending.at IS 'When it was written: not the beginning of the transaction.';
COMMENT ON COLUMN account.audit_pending.account_id IS 'The account that was acted on; NULL: the platform.';
COMMENT ON COLUMN account.audit_pending.source IS 'account: written by the extension itself; application: by record_audit().';
COMMENT ON COLUMN account.audit_pending.from_account_id IS 'The account that the caller acted from; NULL for an administrator, and for who has none.';
COMMENT ON COLUMN account.audit_pending.actor_profile_id IS 'The profile that called.';
COMMENT ON COLUMN account.audit_pending.actor_user_id IS 'The user who called.';
COMMENT ON COLUMN account.audit_pending.actor_name IS 'The name of the profile that called at that time, if it is a service account.';
COMMENT ON COLUMN account.audit_pending.actor_role IS 'Without an identity: the database role, after the role of the session if that is another.';
COMMENT ON COLUMN account.audit_pending.api_key_id IS 'The key that the caller had authenticated with.';
COMMENT ON COLUMN account.audit_pending.session_id IS 'The session that the caller had authenticated with.';
COMMENT ON COLUMN account.audit_pending.action IS 'What was done: account.created and the like.';
COMMENT ON COLUMN account.audit_pending.object_type IS 'What it was done to.';
COMMENT ON COLUMN account.audit_pending.object_id IS 'Which one.';
COMMENT ON COLUMN account.audit_pending.detail IS 'More of it: before and after of what was changed. Never a secret; personal values as digests.';
COMMENT ON COLUMN account.audit_pending.request IS 'Over HTTP: method, path and address, and whether a trusted proxy says so.';
CREATE INDEX audit_pending_turn_idx ON account.audit_pending (turn);
CREATE INDEX audit_pending_account_id_idx ON account.audit_pending (account_id, at, entry_id);
CREATE INDEX audit_pending_from_account_id_idx ON account.audit_pending (from_account_id, at, entry_id) WHERE from_account_id IS NOT NULL;
ALTER TABLE account.audit_pending ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('account.audit_pending', '');

CREATE TABLE account.audit_entries (
	account_key uuid NOT NULL,
	position bigint NOT NULL,
	sealed_at timestamp with time zone NOT NULL,
	sealed_by bytea,
	mac bytea NOT NULL,
	entry_id uuid NOT NULL,
	at timestamp with time zone NOT NULL,
	account_id uuid,
	source text NOT NULL,
	from_account_id uuid,
	actor_profile_id uuid,
	actor_user_id uuid,
	actor_name text,
	actor_role text,
	api_key_id uuid,
	session_id uuid,
	action text NOT NULL,
	object_type text NOT NULL,
	object_id uuid,
	detail jsonb NOT NULL,
	request jsonb,
	CONSTRAINT audit_entries_position_counts CHECK (position >= 1),
	CONSTRAINT audit_entries_source_known CHECK (source IN ('account', 'application')),
	CONSTRAINT audit_entries_sealed_by_is_id CHECK (pg_catalog.octet_length(sealed_by) OPERATOR(pg_catalog.=) 8)
) PARTITION BY RANGE (sealed_at);
COMMENT ON TABLE account.audit_entries IS 'The audit log: a chain of entries for each account, in partitions by month of sealed_at. Written by functions alone; no role has a grant on it.';
COMMENT ON COLUMN account.audit_entries.account_key IS 'The account whose chain it is in: account_id, or the nil UUID.';
COMMENT ON COLUMN account.audit_entries.position IS 'Its place in the chain: 1, 2, ...';
COMMENT ON COLUMN account.audit_entries.sealed_at IS 'When it came into the chain.';
COMMENT ON COLUMN account.audit_entries.sealed_by IS 'What tells the master key that mac was made with from others; NULL: mac was made without.';
COMMENT ON COLUMN account.audit_entries.mac IS 'What is made of the entry and of the mac before it.';
COMMENT ON COLUMN account.audit_entries.entry_id IS 'The id of the entry.';
COMMENT ON COLUMN account.audit_entries.at IS 'When it was written: not the beginning of the transaction.';
COMMENT ON COLUMN account.audit_entries.account_id IS 'The account that was acted on; NULL: the platform.';
COMMENT ON COLUMN account.audit_entries.source IS 'account: written by the extension itself; application: by record_audit().';
COMMENT ON COLUMN account.audit_entries.from_account_id IS 'The account that the caller acted from; NULL for an administrator, and for who has none.';
COMMENT ON COLUMN account.audit_entries.actor_profile_id IS 'The profile that called.';
COMMENT ON COLUMN account.audit_entries.actor_user_id IS 'The user who called.';
COMMENT ON COLUMN account.audit_entries.actor_name IS 'The name of the profile that called at that time, if it is a service account.';
COMMENT ON COLUMN account.audit_entries.actor_role IS 'Without an identity: the database role, after the role of the session if that is another.';
COMMENT ON COLUMN account.audit_entries.api_key_id IS 'The key that the caller had authenticated with.';
COMMENT ON COLUMN account.audit_entries.session_id IS 'The session that the caller had authenticated with.';
COMMENT ON COLUMN account.audit_entries.action IS 'What was done: account.created and the like.';
COMMENT ON COLUMN account.audit_entries.object_type IS 'What it was done to.';
COMMENT ON COLUMN account.audit_entries.object_id IS 'Which one.';
COMMENT ON COLUMN account.audit_entries.detail IS 'More of it: before and after of what was changed. Never a secret; personal values as digests.';
COMMENT ON COLUMN account.audit_entries.request IS 'Over HTTP: method, path and address, and whether a trusted proxy says so.';
-- Keys and indexes are made with each partition (month.c): a dump has partitions with their own, and could not be restored if there were any here.
ALTER TABLE account.audit_entries ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('account.audit_entries', '');

CREATE FUNCTION account.keep_audit() RETURNS trigger
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_audit_keep_audit';
REVOKE ALL ON FUNCTION account.keep_audit() FROM PUBLIC;
COMMENT ON FUNCTION account.keep_audit() IS 'Trigger of the tables of the audit log: refuses updates, deletions and TRUNCATE to everybody, their owner included, but for functions of the extension. Nobody may call it.';

CREATE TRIGGER audit_pending_keep
	BEFORE UPDATE OR DELETE ON account.audit_pending
	FOR EACH ROW EXECUTE FUNCTION account.keep_audit();
ALTER TABLE account.audit_pending ENABLE ALWAYS TRIGGER audit_pending_keep;

CREATE TRIGGER audit_pending_keep_all
	BEFORE TRUNCATE ON account.audit_pending
	FOR EACH STATEMENT EXECUTE FUNCTION account.keep_audit();
ALTER TABLE account.audit_pending ENABLE ALWAYS TRIGGER audit_pending_keep_all;

-- Each partition has the first as well, and needs the second for itself.
CREATE TRIGGER audit_entries_keep
	BEFORE UPDATE OR DELETE ON account.audit_entries
	FOR EACH ROW EXECUTE FUNCTION account.keep_audit();
ALTER TABLE account.audit_entries ENABLE ALWAYS TRIGGER audit_entries_keep;

CREATE TRIGGER audit_entries_keep_all
	BEFORE TRUNCATE ON account.audit_entries
	FOR EACH STATEMENT EXECUTE FUNCTION account.keep_audit();
ALTER TABLE account.audit_entries ENABLE ALWAYS TRIGGER audit_entries_keep_all;

CREATE FUNCTION account.audit_digest(value text) RETURNS text
	LANGUAGE C STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_audit_audit_digest';
REVOKE ALL ON FUNCTION account.audit_digest(text) FROM PUBLIC;
COMMENT ON FUNCTION account.audit_digest(text) IS 'What the audit log has in place of a personal value: "hmac:" and 16 hex digits, to look for an e-mail (in the form that it is stored in) or an address. It depends on account.pepper_file or, without one, on the cluster. Level admin. Raises FORBIDDEN otherwise.';

INSERT INTO account.access_grants (level, object) VALUES
	('admin', 'FUNCTION account.audit_digest(text)');
