
-- workspace: workspaces of accounts, who reaches them, and what holds them.
--
-- The table is made in the part right, which reads it.

CREATE FUNCTION account.workspace_state(workspace_id uuid) RETURNS text
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'account_workspace_workspace_state';
REVOKE ALL ON FUNCTION account.workspace_state(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.workspace_state(uuid) IS 'Whether a workspace is enabled, disabled or archived: SELECT name, account.workspace_state(workspace_id) FROM account.workspaces. NULL for one that is not there, or not of the caller''s account or those below; an administrator is told of any. Level tenant; raises nothing.';

CREATE POLICY workspaces_select ON account.workspaces FOR SELECT
	USING ((account_id = ANY ((SELECT account.readable_accounts('workspaces'))::uuid[])
		OR workspace_id = ANY ((SELECT (account.current_identity()).workspace_ids)::uuid[]))
		AND account.policy_first(account_id = ANY ((SELECT account.readable_accounts('workspaces'))::uuid[])
		OR workspace_id = ANY ((SELECT (account.current_identity()).workspace_ids)::uuid[])));

CREATE FUNCTION account.create_workspace(name text, account_id uuid DEFAULT NULL) RETURNS uuid
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_workspace_create_workspace';
REVOKE ALL ON FUNCTION account.create_workspace(text, uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.create_workspace(text, uuid) IS 'Creates a workspace of the caller''s own account, or of one below it, and returns its id. The system key of the account reaches it, and in its own account the caller''s profile from its next transaction on, and the key that it came with. manage:workspaces; administrators: any. Raises MISSING_API_KEY, FORBIDDEN, NOT_FOUND for the account, VALIDATION_FAILED, CONFLICT for a name that the account has, MAX_RESOURCES_REACHED beyond the limit workspaces, ARCHIVED, ACCOUNT_SUSPENDED.';

CREATE FUNCTION account.update_workspace(workspace_id uuid, changes jsonb) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_workspace_update_workspace';
REVOKE ALL ON FUNCTION account.update_workspace(uuid, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION account.update_workspace(uuid, jsonb) IS 'Changes what changes names of a workspace: name, external_id, labels (replaced as a whole). manage:workspaces in the own account and those below; administrators. Raises MISSING_API_KEY, FORBIDDEN, NOT_FOUND, VALIDATION_FAILED with an entry for each unknown or invalid member (nothing is changed then), CONFLICT for a name that is taken, ARCHIVED where the workspace or the account is, ACCOUNT_SUSPENDED.';

CREATE FUNCTION account.disable_workspace(workspace_id uuid) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_workspace_disable_workspace';
REVOKE ALL ON FUNCTION account.disable_workspace(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.disable_workspace(uuid) IS 'Makes that nobody reaches a workspace, from the next transaction of each on. Twice is no error. Waits for nobody. manage:workspaces in the own account and those below; administrators. Raises MISSING_API_KEY, FORBIDDEN, NOT_FOUND.';

CREATE FUNCTION account.enable_workspace(workspace_id uuid) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_workspace_enable_workspace';
REVOKE ALL ON FUNCTION account.enable_workspace(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.enable_workspace(uuid) IS 'Ends what disable_workspace() did; no error where it is not disabled. manage:workspaces in the own account and those below; administrators. Raises MISSING_API_KEY, FORBIDDEN (also where an administrator or an account above the caller disabled it), NOT_FOUND.';

CREATE FUNCTION account.archive_workspace(workspace_id uuid) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_workspace_archive_workspace';
REVOKE ALL ON FUNCTION account.archive_workspace(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.archive_workspace(uuid) IS 'Puts a workspace away: nobody reaches it, nobody is granted it, it is not changed, and it does not count against the limit workspaces. Twice is no error. manage:workspaces in the own account and those below; administrators. Raises MISSING_API_KEY, FORBIDDEN, NOT_FOUND, CONFLICT for the last one of an account that is not archived, at once or when the transaction commits.';

CREATE FUNCTION account.unarchive_workspace(workspace_id uuid) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_workspace_unarchive_workspace';
REVOKE ALL ON FUNCTION account.unarchive_workspace(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.unarchive_workspace(uuid) IS 'Ends what archive_workspace() did; no error where it is not archived. manage:workspaces in the own account and those below; administrators. Raises MISSING_API_KEY, FORBIDDEN (also where an administrator or an account above the caller archived it), NOT_FOUND, MAX_RESOURCES_REACHED beyond the limit workspaces, ARCHIVED where the account is, ACCOUNT_SUSPENDED.';

CREATE FUNCTION account.grant_workspace(profile_or_key_id uuid, workspace_id uuid) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_workspace_grant_workspace';
REVOKE ALL ON FUNCTION account.grant_workspace(uuid, uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.grant_workspace(uuid, uuid) IS 'Lets a profile, or one of its API keys, reach a workspace of its account, from its next transaction on; a key reaches what its profile reaches too. Twice is no error. In its own account the caller has to reach the workspace itself. manage:workspaces in the own account and those below; administrators. Raises MISSING_API_KEY, FORBIDDEN (also when the transaction commits, if the caller has lost what it gives), NOT_FOUND for the profile or key, and for a workspace that is not of its account or that the caller, or the profile of the key, does not reach; BAD_REQUEST, ARCHIVED where the workspace or the account is, ACCOUNT_SUSPENDED.';

CREATE FUNCTION account.revoke_workspace(profile_or_key_id uuid, workspace_id uuid) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_workspace_revoke_workspace';
REVOKE ALL ON FUNCTION account.revoke_workspace(uuid, uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.revoke_workspace(uuid, uuid) IS 'Ends what grant_workspace() did, from the next transaction on; of a profile, for all its keys. Twice is no error. manage:workspaces in the own account and those below; administrators. Raises MISSING_API_KEY, FORBIDDEN, NOT_FOUND for the profile or key, or the workspace, BAD_REQUEST, and CONFLICT where the profile reaches the workspace by a role, which is to be unassigned.';

INSERT INTO account.access_grants (level, object) VALUES
	('tenant', 'TABLE account.workspaces'),
	('tenant', 'FUNCTION account.workspace_state(uuid)'),
	('tenant', 'FUNCTION account.create_workspace(text, uuid)'),
	('tenant', 'FUNCTION account.update_workspace(uuid, jsonb)'),
	('tenant', 'FUNCTION account.disable_workspace(uuid)'),
	('tenant', 'FUNCTION account.enable_workspace(uuid)'),
	('tenant', 'FUNCTION account.archive_workspace(uuid)'),
	('tenant', 'FUNCTION account.unarchive_workspace(uuid)'),
	('tenant', 'FUNCTION account.grant_workspace(uuid, uuid)'),
	('tenant', 'FUNCTION account.revoke_workspace(uuid, uuid)');
