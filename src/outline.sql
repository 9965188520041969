
-- outline: an account and all below it, drawn for people.

CREATE FUNCTION account.account_tree(account_id uuid DEFAULT NULL) RETURNS text
	LANGUAGE C STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'account_outline_account_tree';
REVOKE ALL ON FUNCTION account.account_tree(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.account_tree(uuid) IS 'An account and all below it, drawn for people: a line each with the name, the plan where the account has its own, and whether it is archived or suspended, by itself or by one above. The caller''s own account, if none is named, or one below it; administrators: any. Raises MISSING_API_KEY, NOT_FOUND, BAD_REQUEST.';

INSERT INTO account.access_grants (level, object) VALUES
	('tenant', 'FUNCTION account.account_tree(uuid)');
