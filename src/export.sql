
-- export: the rows of an account, for loading elsewhere, and how many they are.
--
-- What import_account() loads (src/import.sql).

CREATE FUNCTION account.export_account(account_id uuid, descendants boolean DEFAULT false)
	RETURNS TABLE (table_name text, row_data jsonb)
	LANGUAGE C STABLE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_export_export_account';
REVOKE ALL ON FUNCTION account.export_account(uuid, boolean) FROM PUBLIC;
COMMENT ON FUNCTION account.export_account(uuid, boolean) IS 'The rows of an account, and if wanted of all below it, in all isolated tables, as the statement sees them: each with the name of its table (the topmost of partitions) and as JSON, in which a member that is missing is NULL. What others refer to comes before them. Not what the extension keeps: credentials, roles, plans. Read as each table''s owner. Level admin. Raises FORBIDDEN otherwise, BAD_REQUEST, NOT_FOUND.';

CREATE FUNCTION account.account_size(account_id uuid)
	RETURNS TABLE (table_name regclass, row_count bigint, bytes bigint)
	LANGUAGE C STABLE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_export_account_size';
REVOKE ALL ON FUNCTION account.account_size(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.account_size(uuid) IS 'How many rows an account has in each isolated table in which it has any (the topmost of partitions), and how large they are in bytes, compressed as they are stored, without indexes. They are read, all of them, as each table''s owner. Level admin. Raises FORBIDDEN otherwise, BAD_REQUEST, NOT_FOUND.';

INSERT INTO account.access_grants (level, object) VALUES
	('admin', 'FUNCTION account.export_account(uuid, boolean)'),
	('admin', 'FUNCTION account.account_size(uuid)');
