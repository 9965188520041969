
-- access: the levels that roles are granted.
--
-- Nothing of the extension is callable without a level, but for the functions
-- that policies and defaults call.  Each part lists what belongs to which level
-- in access_grants; a role's level is what it may execute of the five marker
-- functions, so that it is dumped with their ACLs.

CREATE TABLE account.access_grants (
	level text NOT NULL,
	object text NOT NULL,
	privileges text,
	CONSTRAINT access_grants_pkey PRIMARY KEY (object),
	CONSTRAINT access_grants_level_known CHECK (level IN ('anonymous', 'tenant', 'owner', 'admin', 'sender'))
);
COMMENT ON TABLE account.access_grants IS 'What each level may use: made by the script, changed by nobody.';
COMMENT ON COLUMN account.access_grants.level IS 'anonymous, tenant, owner or admin, each of which includes the one before; sender, which admin includes, too.';
COMMENT ON COLUMN account.access_grants.object IS 'The object as GRANT names it: FUNCTION with argument types, TABLE, or SCHEMA.';
COMMENT ON COLUMN account.access_grants.privileges IS 'What is granted; NULL for EXECUTE, SELECT or USAGE.';
ALTER TABLE account.access_grants ENABLE ROW LEVEL SECURITY;

CREATE FUNCTION account.level_anonymous() RETURNS void
	LANGUAGE C STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_access_level_anonymous';
REVOKE ALL ON FUNCTION account.level_anonymous() FROM PUBLIC;
COMMENT ON FUNCTION account.level_anonymous() IS 'Does nothing: a role that may execute it has level anonymous.';

CREATE FUNCTION account.level_tenant() RETURNS void
	LANGUAGE C STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_access_level_tenant';
REVOKE ALL ON FUNCTION account.level_tenant() FROM PUBLIC;
COMMENT ON FUNCTION account.level_tenant() IS 'Does nothing: a role that may execute it has level tenant.';

CREATE FUNCTION account.level_owner() RETURNS void
	LANGUAGE C STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_access_level_owner';
REVOKE ALL ON FUNCTION account.level_owner() FROM PUBLIC;
COMMENT ON FUNCTION account.level_owner() IS 'Does nothing: a role that may execute it has level owner.';

CREATE FUNCTION account.level_admin() RETURNS void
	LANGUAGE C STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_access_level_admin';
REVOKE ALL ON FUNCTION account.level_admin() FROM PUBLIC;
COMMENT ON FUNCTION account.level_admin() IS 'Does nothing: a role that may execute it has level admin.';

CREATE FUNCTION account.level_sender() RETURNS void
	LANGUAGE C STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_access_level_sender';
REVOKE ALL ON FUNCTION account.level_sender() FROM PUBLIC;
COMMENT ON FUNCTION account.level_sender() IS 'Does nothing: a role that may execute it has level sender.';

CREATE FUNCTION account.grant_access(role regrole, level text) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_access_grant_access';
REVOKE ALL ON FUNCTION account.grant_access(regrole, text) FROM PUBLIC;
COMMENT ON FUNCTION account.grant_access(regrole, text) IS 'Grants a role the use of this extension at a level: anonymous (authenticate, log in, register, use a token, verify), tenant (what an identity may do), owner (isolate tables and define permissions: for migrations) or admin (everything), each including the one before; or sender (what sends webhooks, and nothing else). A role that had another level has this one afterwards. Superusers only. Raises VALIDATION_FAILED for an unknown level, FORBIDDEN otherwise.';

CREATE FUNCTION account.revoke_access(role regrole) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_access_revoke_access';
REVOKE ALL ON FUNCTION account.revoke_access(regrole) FROM PUBLIC;
COMMENT ON FUNCTION account.revoke_access(regrole) IS 'Takes from a role all that grant_access() gave it. Superusers only. Raises FORBIDDEN otherwise.';

CREATE FUNCTION account.refresh_access() RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_access_refresh_access';
REVOKE ALL ON FUNCTION account.refresh_access() FROM PUBLIC;
COMMENT ON FUNCTION account.refresh_access() IS 'Gives every role that has a level all that belongs to it now: to be run after ALTER EXTENSION account UPDATE and after a restore. Superusers only. Raises FORBIDDEN otherwise.';

CREATE VIEW account.access_levels WITH (security_barrier) AS
	SELECT acl.grantee::pg_catalog.regrole AS role,
		(ARRAY['sender', 'anonymous', 'tenant', 'owner', 'admin'])[pg_catalog.max(
			pg_catalog.array_position(
				ARRAY['level_sender', 'level_anonymous', 'level_tenant', 'level_owner', 'level_admin'],
				p.proname::pg_catalog.text))] AS level
	FROM pg_catalog.pg_proc p
	CROSS JOIN LATERAL pg_catalog.aclexplode(p.proacl) acl
	WHERE p.oid IN ('account.level_anonymous()'::pg_catalog.regprocedure,
			'account.level_tenant()'::pg_catalog.regprocedure,
			'account.level_owner()'::pg_catalog.regprocedure,
			'account.level_admin()'::pg_catalog.regprocedure,
			'account.level_sender()'::pg_catalog.regprocedure)
		AND acl.grantee <> p.proowner
		AND acl.grantee <> 0
	GROUP BY acl.grantee;
COMMENT ON VIEW account.access_levels IS 'The level of each role that has one, read from the catalog.';
COMMENT ON COLUMN account.access_levels.role IS 'The role.';
COMMENT ON COLUMN account.access_levels.level IS 'Its level: anonymous, tenant, owner, admin or sender.';

INSERT INTO account.access_grants (level, object) VALUES
	('anonymous', 'FUNCTION account.level_anonymous()'),
	('tenant', 'FUNCTION account.level_tenant()'),
	('owner', 'FUNCTION account.level_owner()'),
	('admin', 'FUNCTION account.level_admin()'),
	('sender', 'FUNCTION account.level_sender()'),
	('admin', 'TABLE account.access_levels'),
	('anonymous', 'FUNCTION account.list_error_codes()'),
	('anonymous', 'TABLE account.error_codes');
