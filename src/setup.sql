
-- setup: what PostgREST needs to serve account_api.

CREATE FUNCTION account.setup_postgrest(authenticator regrole, anonymous regrole, tenant regrole DEFAULT NULL) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_setup_postgrest';
REVOKE ALL ON FUNCTION account.setup_postgrest(regrole, regrole, regrole) FROM PUBLIC;
COMMENT ON FUNCTION account.setup_postgrest(regrole, regrole, regrole) IS 'Sets PostgREST up for account_api in this database: gives the anonymous role and the tenant role their levels, both to the role that PostgREST connects as, and sets for that role pgrst.db_schemas (adding account_api), pgrst.db_anon_role, pgrst.db_pre_request, account.tenant_role and account.refuse_bypass. A request that has proven who it is runs as the tenant role; without one, everything runs as the anonymous role. PostgREST reloads its configuration; connections that are open keep theirs, so restart it. Again changes what has changed. Warns of roles that PostgREST''s can become and that see every account. Superusers. Raises FORBIDDEN, VALIDATION_FAILED, and BAD_REQUEST for a role that row security does not bind.';
