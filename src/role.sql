
-- role: the permissions that an application defines, and roles.

CREATE FUNCTION account.define_permission(permission text, description text DEFAULT NULL) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_role_define_permission';
REVOKE ALL ON FUNCTION account.define_permission(text, text) FROM PUBLIC;
COMMENT ON FUNCTION account.define_permission(text, text) IS 'Defines a permission of the application, verb:resource, so that roles and keys can have it and has_permission() asks for it; defining it again changes its description. Holders of a wildcard that covers it have it from their next transaction on. Level owner, without an identity. Raises FORBIDDEN, VALIDATION_FAILED, CONFLICT for one that is built in.';

CREATE FUNCTION account.delete_permission(permission text) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_role_delete_permission';
REVOKE ALL ON FUNCTION account.delete_permission(text) FROM PUBLIC;
COMMENT ON FUNCTION account.delete_permission(text) IS 'Deletes a permission of the application: nobody has it from the next transaction on, and roles that named it name it no longer. Defined again, it is another one. Level owner, without an identity. Raises FORBIDDEN, NOT_FOUND, CONFLICT for one that is built in.';

CREATE POLICY roles_select ON account.roles FOR SELECT
	USING ((account_id IS NULL OR account_id = ANY ((SELECT account.readable_accounts('roles'))::uuid[]))
		AND account.policy_first(account_id IS NULL OR account_id = ANY ((SELECT account.readable_accounts('roles'))::uuid[])));

CREATE FUNCTION account.create_role(name text, permissions text[], denied text[] DEFAULT '{}', account_id uuid DEFAULT NULL) RETURNS uuid
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_role_create_role';
REVOKE ALL ON FUNCTION account.create_role(text, text[], text[], uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.create_role(text, text[], text[], uuid) IS 'Creates a role of the caller''s own account, or of one below it, and returns its id. permissions are what it grants, denied what it takes whatever other roles grant: verb:resource, * on either side. The caller has all of it. manage:roles; administrators: any. Raises MISSING_API_KEY, FORBIDDEN (also when the transaction commits, if the caller has lost what it gives), NOT_FOUND for the account, VALIDATION_FAILED with an entry for each permission that is malformed or not defined, CONFLICT for a name that the account or a built-in role has, ARCHIVED, ACCOUNT_SUSPENDED.';

CREATE FUNCTION account.update_role(role_id uuid, changes jsonb) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_role_update_role';
REVOKE ALL ON FUNCTION account.update_role(uuid, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION account.update_role(uuid, jsonb) IS 'Changes what changes names of a role: name, permissions, denied (both replaced as a whole), description. Whoever has it has what it says from their next transaction on. The caller has all of it, before and after, and what is not denied any longer; what is newly denied takes a caller who has all that the profiles with the role have. manage:roles in the own account and those below; administrators. Raises MISSING_API_KEY, FORBIDDEN (also for a built-in role, and when the transaction commits), NOT_FOUND, VALIDATION_FAILED, CONFLICT for a name that is taken, ARCHIVED, ACCOUNT_SUSPENDED.';

CREATE FUNCTION account.delete_role(role_id uuid) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_role_delete_role';
REVOKE ALL ON FUNCTION account.delete_role(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.delete_role(uuid) IS 'Deletes a role that nobody has. The caller has all of it. manage:roles in the own account and those below; administrators. Raises MISSING_API_KEY, FORBIDDEN (also for a built-in role), NOT_FOUND, CONFLICT while it is assigned.';

INSERT INTO account.access_grants (level, object) VALUES
	('owner', 'FUNCTION account.define_permission(text, text)'),
	('owner', 'FUNCTION account.delete_permission(text)'),
	('tenant', 'TABLE account.roles'),
	('tenant', 'FUNCTION account.create_role(text, text[], text[], uuid)'),
	('tenant', 'FUNCTION account.update_role(uuid, jsonb)'),
	('tenant', 'FUNCTION account.delete_role(uuid)');
