
-- lifecycle: making accounts, and holding them.
--
-- A new account comes with its system service account and one API key, shown
-- once.  What archives or suspends an account is a row of account.holds, which
-- binds all below it too and is lifted only at or above the level that set it.

CREATE FUNCTION account.create_account(
		name text,
		parent_account_id uuid DEFAULT NULL,
		branding jsonb DEFAULT '{}',
		description text DEFAULT NULL,
		domain text DEFAULT NULL,
		billing_email text DEFAULT NULL,
		external_id text DEFAULT NULL,
		labels jsonb DEFAULT '{}',
		account_id uuid DEFAULT NULL)
	RETURNS account.created_account
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_lifecycle_create_account';
REVOKE ALL ON FUNCTION account.create_account(text, uuid, jsonb, text, text, text, text, jsonb, uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.create_account(text, uuid, jsonb, text, text, text, text, jsonb, uuid) IS 'Makes an account below the caller''s own, or below the one named as parent; for administrators who name none, a root. It is billed where its parent is. It begins with a workspace named default and a system service account, which owns it. Returns it with the API key of that, shown this once. account_id, for tenants that exist already, is given by administrators alone. create:accounts in the caller''s own account or one below it; administrators. Raises MISSING_API_KEY, FORBIDDEN, NOT_FOUND for the parent, VALIDATION_FAILED with an entry for each invalid value, ACCOUNT_SUSPENDED or ARCHIVED where the parent is, BAD_REQUEST beyond account.max_depth, MAX_RESOURCES_REACHED beyond the limit sub_accounts, and CONFLICT for an external_id that a sibling has (naming its id) or an account_id that was ever used.';

CREATE FUNCTION account.archive_account(account_id uuid) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_lifecycle_archive_account';
REVOKE ALL ON FUNCTION account.archive_account(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.archive_account(uuid) IS 'Makes an account and all below it read-only: still visible, no longer changed. Twice is no error. Waits for nobody. manage:accounts in the caller''s own account or one below it; administrators: any. Raises MISSING_API_KEY, FORBIDDEN, NOT_FOUND, BAD_REQUEST.';

CREATE FUNCTION account.unarchive_account(account_id uuid) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_lifecycle_unarchive_account';
REVOKE ALL ON FUNCTION account.unarchive_account(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.unarchive_account(uuid) IS 'Ends what archive_account() did to this account; no error where it is not archived. manage:accounts in the caller''s own account or one below it; administrators: any. Raises MISSING_API_KEY, FORBIDDEN (also where an administrator or an account above the caller archived it), NOT_FOUND, BAD_REQUEST.';

CREATE FUNCTION account.suspend_account(account_id uuid, reason text) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_lifecycle_suspend_account';
REVOKE ALL ON FUNCTION account.suspend_account(uuid, text) FROM PUBLIC;
COMMENT ON FUNCTION account.suspend_account(uuid, text) IS 'Stops every credential of an account and of all below it, at once; the reason (1 to 1,000 characters) is kept. Twice is no error. Waits for nobody. manage:accounts in an account below the caller''s own; administrators: any. Raises MISSING_API_KEY, FORBIDDEN (also for the own account), NOT_FOUND, VALIDATION_FAILED, BAD_REQUEST.';

CREATE FUNCTION account.resume_account(account_id uuid) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_lifecycle_resume_account';
REVOKE ALL ON FUNCTION account.resume_account(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.resume_account(uuid) IS 'Ends what suspend_account() did to this account; no error where it is not suspended. manage:accounts in an account below the caller''s own; administrators: any. Raises MISSING_API_KEY, FORBIDDEN (also for the own account, and where an administrator or an account above the caller suspended it), NOT_FOUND, BAD_REQUEST.';

INSERT INTO account.access_grants (level, object) VALUES
	('tenant', 'FUNCTION account.create_account(text, uuid, jsonb, text, text, text, text, jsonb, uuid)'),
	('tenant', 'FUNCTION account.archive_account(uuid)'),
	('tenant', 'FUNCTION account.unarchive_account(uuid)'),
	('tenant', 'FUNCTION account.suspend_account(uuid, text)'),
	('tenant', 'FUNCTION account.resume_account(uuid)');
