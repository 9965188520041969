
-- import: loading what export_account() gave.

CREATE FUNCTION account.import_account(
		staging regclass,
		account_id uuid DEFAULT NULL,
		new_ids boolean DEFAULT false,
		workspace_id uuid DEFAULT NULL,
		replace boolean DEFAULT false)
	RETURNS TABLE (table_name regclass, row_count bigint)
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_import_import_account';
REVOKE ALL ON FUNCTION account.import_account(regclass, uuid, boolean, uuid, boolean) FROM PUBLIC;
COMMENT ON FUNCTION account.import_account(regclass, uuid, boolean, uuid, boolean) IS 'Loads the rows of isolated tables that are in a table with the columns table_name text and row_data jsonb, as export_account() gives them, and returns how many went into which. They become those of account_id; without one, of the account that each names, which must be there. With new_ids, keys that are uuids or drawn from sequences, and all that refers to them by foreign keys, get new values, so that the rows can stand beside the old ones; otherwise sequences are moved past what was loaded. A row in a workspace that its account does not have goes to workspace_id. With replace, all rows that these accounts have in isolated tables are deleted first. Columns that are not in the data take their defaults. Written as each table''s owner; its triggers fire. An archived account can be loaded into. Level admin. Raises FORBIDDEN otherwise, BAD_REQUEST, NOT_FOUND, VALIDATION_FAILED for data that does not fit the tables, CONFLICT for an account that is to be deleted, and what the tables themselves refuse.';

INSERT INTO account.access_grants (level, object) VALUES
	('admin', 'FUNCTION account.import_account(regclass, uuid, boolean, uuid, boolean)');
