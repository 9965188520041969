
-- status: where the resource of an account is, and when it was read and built.
--
-- Whoever builds what an account stands for says so here: record_input_read() before
-- reading its configuration, record_output_built() when that is built.  A change of the
-- configuration is always later than what was read before it, so none is missed.

CREATE FUNCTION account.set_account_status(account_id uuid, status account.status, error text DEFAULT NULL) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_status_set_account_status';
REVOKE ALL ON FUNCTION account.set_account_status(uuid, account.status, text) FROM PUBLIC;
COMMENT ON FUNCTION account.set_account_status(uuid, account.status, text) IS 'Sets the status of an account: starting from any, running from starting or ready, ready from starting or running, error from any; new never again. error takes a message of 1 to 10,000 characters, the others none. The same status again changes the message alone. Level admin. Raises FORBIDDEN otherwise, BAD_REQUEST, NOT_FOUND, VALIDATION_FAILED, and CONFLICT for a status that does not follow the one that it has.';

CREATE FUNCTION account.record_input_read(account_id uuid) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_status_record_input_read';
REVOKE ALL ON FUNCTION account.record_input_read(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.record_input_read(uuid) IS 'Notes in last_read_input_at that the configuration of an account is about to be read; waits for a change of it that is under way. Commit before reading. Level admin. Raises FORBIDDEN otherwise, BAD_REQUEST, NOT_FOUND.';

CREATE FUNCTION account.record_output_built(account_id uuid) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_status_record_output_built';
REVOKE ALL ON FUNCTION account.record_output_built(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.record_output_built(uuid) IS 'Notes in last_updated_output_at that an account was built. Where its configuration was changed after it was last read, that is the moment of reading, so that the account is still to be rebuilt. Level admin. Raises FORBIDDEN otherwise, BAD_REQUEST, NOT_FOUND.';

CREATE INDEX accounts_last_updated_config_at_idx ON account.accounts (last_updated_config_at)
	WHERE last_updated_config_at > COALESCE(last_updated_output_at, '-infinity') AND deleted_at IS NULL;

CREATE VIEW account.accounts_to_rebuild WITH (security_barrier) AS
	SELECT a.account_id,
		a.parent_account_id,
		a.name::pg_catalog.text AS name,
		a.status,
		a.last_read_input_at,
		a.last_updated_config_at,
		a.last_updated_output_at
	FROM account.accounts a
	WHERE a.last_updated_config_at > COALESCE(a.last_updated_output_at, '-infinity')
		AND a.deleted_at IS NULL
		AND NOT EXISTS (SELECT
			FROM account.holds h
			WHERE h.subject_id = ANY (a.path) AND h.kind IN ('a', 'p'));
COMMENT ON VIEW account.accounts_to_rebuild IS 'The accounts whose configuration was changed after they were last built, and those that never were. Not those that are archived or to be deleted, which receive no updates: they come when that is lifted. An account without a configuration, which only a superuser makes, has nothing to be built of.';
COMMENT ON COLUMN account.accounts_to_rebuild.account_id IS 'The account.';
COMMENT ON COLUMN account.accounts_to_rebuild.parent_account_id IS 'The account above; NULL for a root.';
COMMENT ON COLUMN account.accounts_to_rebuild.name IS 'Its name.';
COMMENT ON COLUMN account.accounts_to_rebuild.status IS 'new, starting, running, ready or error.';
COMMENT ON COLUMN account.accounts_to_rebuild.last_read_input_at IS 'When its configuration was last read; NULL never.';
COMMENT ON COLUMN account.accounts_to_rebuild.last_updated_config_at IS 'When its configuration was last changed.';
COMMENT ON COLUMN account.accounts_to_rebuild.last_updated_output_at IS 'When it was last built; NULL never.';

INSERT INTO account.access_grants (level, object) VALUES
	('admin', 'FUNCTION account.set_account_status(uuid, account.status, text)'),
	('admin', 'FUNCTION account.record_input_read(uuid)'),
	('admin', 'FUNCTION account.record_output_built(uuid)'),
	('admin', 'TABLE account.accounts_to_rebuild');
