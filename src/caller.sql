
-- caller: what defaults and users ask of an identity.

CREATE FUNCTION account.current_account_id() RETURNS uuid
	LANGUAGE C STABLE LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_caller_current_account_id';
COMMENT ON FUNCTION account.current_account_id() IS 'The caller''s account, NULL without an identity. The default of isolated columns. Anyone may call it; raises nothing.';

CREATE FUNCTION account.current_profile_id() RETURNS uuid
	LANGUAGE C STABLE LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_caller_current_profile_id';
REVOKE ALL ON FUNCTION account.current_profile_id() FROM PUBLIC;
COMMENT ON FUNCTION account.current_profile_id() IS 'The caller''s profile, NULL without one. Any level; raises nothing.';

CREATE FUNCTION account.current_user_id() RETURNS uuid
	LANGUAGE C STABLE LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_caller_current_user_id';
REVOKE ALL ON FUNCTION account.current_user_id() FROM PUBLIC;
COMMENT ON FUNCTION account.current_user_id() IS 'The user who is calling, NULL for keys. Any level; raises nothing.';

CREATE FUNCTION account.current_api_key_id() RETURNS uuid
	LANGUAGE C STABLE LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_caller_current_api_key_id';
REVOKE ALL ON FUNCTION account.current_api_key_id() FROM PUBLIC;
COMMENT ON FUNCTION account.current_api_key_id() IS 'The API key (or application key) that the caller authenticated with, NULL otherwise. Any level; raises nothing.';

CREATE FUNCTION account.current_session_id() RETURNS uuid
	LANGUAGE C STABLE LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_caller_current_session_id';
REVOKE ALL ON FUNCTION account.current_session_id() FROM PUBLIC;
COMMENT ON FUNCTION account.current_session_id() IS 'The user''s session that the caller authenticated with, NULL otherwise. Any level; raises nothing.';

CREATE FUNCTION account.current_identity() RETURNS account.identity
	LANGUAGE C STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_caller_current_identity';
REVOKE ALL ON FUNCTION account.current_identity() FROM PUBLIC;
COMMENT ON FUNCTION account.current_identity() IS 'The identity of this transaction, NULL without one. Any level; raises nothing.';

CREATE FUNCTION account.is_writable() RETURNS boolean
	LANGUAGE C STABLE LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_caller_is_writable';
REVOKE ALL ON FUNCTION account.is_writable() FROM PUBLIC;
COMMENT ON FUNCTION account.is_writable() IS 'Whether the caller''s account takes writes: false without an identity and while the account or one above it is archived. Any level; raises nothing.';

CREATE FUNCTION account.has_permission(permission text, workspace_id uuid DEFAULT NULL, service text DEFAULT NULL) RETURNS boolean
	LANGUAGE C STABLE LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_caller_has_permission';
REVOKE ALL ON FUNCTION account.has_permission(text, uuid, text) FROM PUBLIC;
COMMENT ON FUNCTION account.has_permission(text, uuid, text) IS 'Whether the caller has a permission (verb:resource, no wildcard): in the whole account, or also in a workspace that it reaches, or for a service, where it is asked so. A denial by any role that applies overrides every grant. False without an identity, and for a permission that is not defined. Any level; raises nothing.';

CREATE FUNCTION account.require_permission(permission text, workspace_id uuid DEFAULT NULL, service text DEFAULT NULL) RETURNS void
	LANGUAGE C STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_caller_require_permission';
REVOKE ALL ON FUNCTION account.require_permission(text, uuid, text) FROM PUBLIC;
COMMENT ON FUNCTION account.require_permission(text, uuid, text) IS 'Raises FORBIDDEN where has_permission() says false, MISSING_API_KEY without an identity. Any level.';

CREATE FUNCTION account.can_access_workspace(workspace_id uuid) RETURNS boolean
	LANGUAGE C STABLE LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_caller_can_access_workspace';
REVOKE ALL ON FUNCTION account.can_access_workspace(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.can_access_workspace(uuid) IS 'Whether the caller reaches a workspace of its account: one that it was granted and that is neither disabled nor archived. Any level; raises nothing.';

-- What views of the extension ask.
CREATE FUNCTION account.readable_account_ids(resource text) RETURNS SETOF uuid
	LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10
	AS 'MODULE_PATHNAME', 'account_caller_readable_account_ids';
REVOKE ALL ON FUNCTION account.readable_account_ids(text) FROM PUBLIC;
COMMENT ON FUNCTION account.readable_account_ids(text) IS 'The accounts whose resources of a kind the caller may read: its own and those below, if it has read or manage permission for them; all for an administrator. Level tenant; raises nothing.';

CREATE FUNCTION account.readable_accounts(resource text) RETURNS uuid[]
	LANGUAGE C STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'account_caller_readable_accounts';
REVOKE ALL ON FUNCTION account.readable_accounts(text) FROM PUBLIC;
COMMENT ON FUNCTION account.readable_accounts(text) IS 'The same as readable_account_ids(), as one array, which a policy can look up in an index. Level tenant; raises nothing.';

CREATE FUNCTION account.readable_path(resource text) RETURNS uuid[]
	LANGUAGE C STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'account_caller_readable_path';
REVOKE ALL ON FUNCTION account.readable_path(text) FROM PUBLIC;
COMMENT ON FUNCTION account.readable_path(text) IS 'The accounts of readable_account_ids(), as what their paths begin with: that of the caller''s own account, an empty array for all, NULL for none. It costs the same however many they are. Level tenant; raises nothing.';

INSERT INTO account.access_grants (level, object) VALUES
	('anonymous', 'FUNCTION account.current_profile_id()'),
	('anonymous', 'FUNCTION account.current_user_id()'),
	('anonymous', 'FUNCTION account.current_api_key_id()'),
	('anonymous', 'FUNCTION account.current_session_id()'),
	('anonymous', 'FUNCTION account.current_identity()'),
	('anonymous', 'FUNCTION account.is_writable()'),
	('anonymous', 'FUNCTION account.has_permission(text, uuid, text)'),
	('anonymous', 'FUNCTION account.require_permission(text, uuid, text)'),
	('anonymous', 'FUNCTION account.can_access_workspace(uuid)'),
	('tenant', 'FUNCTION account.readable_account_ids(text)'),
	('tenant', 'FUNCTION account.readable_accounts(text)'),
	('tenant', 'FUNCTION account.readable_path(text)');
