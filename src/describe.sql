
-- describe: accounts, profiles and keys as JSON documents.
--
-- {metadata, spec, info}: what a thing is called, what was set, and what the system
-- knows of it.  No list in them is longer than five: a preview and a total.

CREATE FUNCTION account.describe_account(account_id uuid DEFAULT NULL) RETURNS jsonb
	LANGUAGE C STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'account_describe_account';
REVOKE ALL ON FUNCTION account.describe_account(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.describe_account(uuid) IS 'An account as {info, metadata, spec}: the caller''s own, if none is named, or one below it; administrators: any. metadata is {id, accountId, name, profileId, externalId, labels}, profileId being the account''s system service account. spec is {billingEmail, description, domain, workspaces}, the last being the oldest five workspaces as {id, name}: with read:workspaces or manage:workspaces any, otherwise those that the caller reaches. info.globalApiKey is the newest live key of the system service account, as describe_api_key() shows it, or null; of an account below only with read:api_keys or manage:api_keys. Raises MISSING_API_KEY, NOT_FOUND, BAD_REQUEST.';

CREATE FUNCTION account.describe_profile(profile_id uuid) RETURNS jsonb
	LANGUAGE C STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'account_describe_profile';
REVOKE ALL ON FUNCTION account.describe_profile(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.describe_profile(uuid) IS 'A profile as {metadata, spec}. spec is {kind, userId, email, description, owner, systems, system, disabled, rolesPreview, rolesTotal, expiresAt}; at most five names of roles are shown. The caller''s own; with read:members or manage:members those of members, with read:service_accounts or manage:service_accounts those of service accounts, of the own account and those below; administrators: any. Raises MISSING_API_KEY, FORBIDDEN, NOT_FOUND.';

CREATE FUNCTION account.describe_api_key(api_key_id uuid) RETURNS jsonb
	LANGUAGE C STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'account_describe_api_key';
REVOKE ALL ON FUNCTION account.describe_api_key(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.describe_api_key(uuid) IS 'An API key as {metadata, spec, info}. metadata.profileId is the profile that it authenticates, spec is {description, permissions, system}, without the token, and info {createdBy, workspacesPreview, workspacesTotal}: at most five workspaces as {id, name}, and who issued it as describe_profile() shows it, only its ids where the caller may not read that profile, null for an administrator. The caller''s own; with read:api_keys or manage:api_keys those of the own account and those below; administrators: any that belongs to an account. Raises MISSING_API_KEY, FORBIDDEN, NOT_FOUND.';

INSERT INTO account.access_grants (level, object) VALUES
	('tenant', 'FUNCTION account.describe_account(uuid)'),
	('tenant', 'FUNCTION account.describe_profile(uuid)'),
	('tenant', 'FUNCTION account.describe_api_key(uuid)');
