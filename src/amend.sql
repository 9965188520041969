
-- amend: what a key is called, and narrowing where it may be used from.

CREATE FUNCTION account.update_api_key(api_key_id uuid, changes jsonb) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_amend_update_api_key';
REVOKE ALL ON FUNCTION account.update_api_key(uuid, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION account.update_api_key(uuid, jsonb) IS 'Changes what a key is called: changes has any of name, description, external_id, labels (the last replaced as a whole), and allowed_ips, an array of networks that all lie within those that it has; it is never widened. Its token and permissions stay. With manage:api_keys, for the own account and those below, or by an administrator (application keys too). Raises NOT_FOUND if the key is out of reach, FORBIDDEN (also for wider networks), VALIDATION_FAILED with an entry for each unknown or invalid member, CONFLICT if a good key of the account has the external_id or the key was replaced, ARCHIVED and ACCOUNT_SUSPENDED for anything but allowed_ips.';

INSERT INTO account.access_grants (level, object) VALUES
	('tenant', 'FUNCTION account.update_api_key(uuid, jsonb)');
