
-- chain: what binds the entries of an account's audit log to one another, and to their past.
--
-- The form of macs and seals is in src/chain.c.

CREATE TABLE account.audit_heads (
	account_key uuid NOT NULL,
	position bigint NOT NULL,
	mac bytea NOT NULL,
	sealed_at timestamp with time zone NOT NULL,
	first_position bigint NOT NULL,
	first_mac bytea NOT NULL,
	sealed_by bytea,
	seal bytea NOT NULL,
	logged_position bigint NOT NULL DEFAULT 0,
	logged_at timestamp with time zone,
	CONSTRAINT audit_heads_pkey PRIMARY KEY (account_key),
	CONSTRAINT audit_heads_position_counts CHECK (position OPERATOR(pg_catalog.>=) 1),
	CONSTRAINT audit_heads_mac_has_length CHECK (pg_catalog.octet_length(mac) OPERATOR(pg_catalog.=) 32),
	CONSTRAINT audit_heads_first_position_follows CHECK (first_position OPERATOR(pg_catalog.>=) 1
		AND first_position OPERATOR(pg_catalog.<=) (position OPERATOR(pg_catalog.+) 1)),
	CONSTRAINT audit_heads_first_mac_has_length CHECK (pg_catalog.octet_length(first_mac) OPERATOR(pg_catalog.=) 32),
	CONSTRAINT audit_heads_sealed_by_is_id CHECK (pg_catalog.octet_length(sealed_by) OPERATOR(pg_catalog.=) 8),
	CONSTRAINT audit_heads_seal_has_length CHECK (pg_catalog.octet_length(seal) OPERATOR(pg_catalog.=) 32)
);
COMMENT ON TABLE account.audit_heads IS 'The end of the chain of each account in the audit log. Kept by functions alone; no role has a grant on it.';
COMMENT ON COLUMN account.audit_heads.account_key IS 'The account, or the nil UUID for the platform.';
COMMENT ON COLUMN account.audit_heads.position IS 'The position of the last entry.';
COMMENT ON COLUMN account.audit_heads.mac IS 'The mac of the last entry.';
COMMENT ON COLUMN account.audit_heads.sealed_at IS 'When the last entry was sealed.';
COMMENT ON COLUMN account.audit_heads.first_position IS 'The position of the first entry that is kept; one more than position if none is.';
COMMENT ON COLUMN account.audit_heads.first_mac IS 'The mac before that; zeros if there was none.';
COMMENT ON COLUMN account.audit_heads.sealed_by IS 'What tells the master key that the seal was made with from others; NULL: it was made without.';
COMMENT ON COLUMN account.audit_heads.seal IS 'What is made of the columns before it.';
COMMENT ON COLUMN account.audit_heads.logged_position IS 'The position that was last written to the log of the server; 0: none.';
COMMENT ON COLUMN account.audit_heads.logged_at IS 'When that was.';
CREATE INDEX audit_heads_not_logged_idx ON account.audit_heads (account_key) WHERE logged_position OPERATOR(pg_catalog.<>) position;
ALTER TABLE account.audit_heads ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('account.audit_heads', '');

CREATE FUNCTION account.seal_audit(max_count integer DEFAULT 10000) RETURNS bigint
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_sealing_seal_audit';
REVOKE ALL ON FUNCTION account.seal_audit(integer) FROM PUBLIC;
COMMENT ON FUNCTION account.seal_audit(integer) IS 'Moves up to so many entries (1 to 100000) of the audit log into the chains of their accounts and returns how many: 0 means all that could be were moved. The recorder does this by itself; where it does not run, a job should, every minute or hour. Entries of a transaction that is open, and those after them, are left for a later call. Makes the partitions of this month and the next. Heads of chains that earlier calls have moved on are written to the log of the server, each at most once an hour. Waits for another call. Administrators. Raises FORBIDDEN, VALIDATION_FAILED, and INTERNAL_SERVER_ERROR where the master key file cannot be read.';

CREATE FUNCTION account.audit_head(account_id uuid) RETURNS bytea
	LANGUAGE C STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'account_verify_audit_head';
REVOKE ALL ON FUNCTION account.audit_head(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.audit_head(uuid) IS 'The mac (32 bytes) of the last entry in the chain of an account, or of the platform if account_id is NULL; NULL if there is no entry. Kept outside of this server, it shows later, as expected_head of verify_audit(), that nothing of the chain was cut off. Administrators. Raises FORBIDDEN, NOT_FOUND.';

CREATE FUNCTION account.verify_audit(account_id uuid, expected_head bytea DEFAULT NULL, OUT "position" bigint, OUT finding text)
	RETURNS SETOF record
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_verify_verify_audit';
REVOKE ALL ON FUNCTION account.verify_audit(uuid, bytea) FROM PUBLIC;
COMMENT ON FUNCTION account.verify_audit(uuid, bytea) IS 'What is wrong with the chain of an account in the audit log, or of the platform if account_id is NULL: entries that were changed, put in another place, taken away or added, an end that was cut off, and what was sealed with a master key that is not in the file. Nothing is right. expected_head is an earlier result of audit_head(), or what the log of the server says: it has to be in the chain, unless it was pruned. Entries that are not in the chain yet are not looked at. Writes nothing. Administrators. Raises FORBIDDEN, NOT_FOUND, VALIDATION_FAILED, and INTERNAL_SERVER_ERROR where the master key file cannot be read.';

CREATE FUNCTION account.prune_audit(before timestamp with time zone) RETURNS bigint
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_prune_prune_audit';
REVOKE ALL ON FUNCTION account.prune_audit(timestamp with time zone) FROM PUBLIC;
COMMENT ON FUNCTION account.prune_audit(timestamp with time zone) IS 'Drops the months (UTC) of the audit log that ended until then, by when entries were sealed, and returns how many entries they had. What is kept can be verified as before; what is dropped cannot, so verify first. Notes audit.pruned. Waits for whoever reads the log, and keeps others from reading it until the transaction ends. Administrators. Raises FORBIDDEN, VALIDATION_FAILED.';

INSERT INTO account.access_grants (level, object) VALUES
	('admin', 'FUNCTION account.seal_audit(integer)'),
	('admin', 'FUNCTION account.audit_head(uuid)'),
	('admin', 'FUNCTION account.verify_audit(uuid, bytea)'),
	('admin', 'FUNCTION account.prune_audit(timestamp with time zone)');
