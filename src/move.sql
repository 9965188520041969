
-- move: an account with all below it, to another place.

CREATE FUNCTION account.move_account(account_id uuid, parent_account_id uuid) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_move_move_account';
REVOKE ALL ON FUNCTION account.move_account(uuid, uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.move_account(uuid, uuid) IS 'Moves an account with all below it under another parent, or makes it a root where the parent is NULL. What has no plan of its own is billed to the new place. Limits of plans are not asked: an administrator decides. Administrators. Raises FORBIDDEN, BAD_REQUEST without an account or beyond account.max_depth, NOT_FOUND, and CONFLICT for a move below itself or to a parent that has a child of the same external_id.';

INSERT INTO account.access_grants (level, object) VALUES
	('admin', 'FUNCTION account.move_account(uuid, uuid)');
