
-- postgrest: who sends an HTTP request.
--
-- account_api is what PostgREST exposes; nothing of schema account is.  Everything in it
-- is given to roles by their level (account.grant_access), and acts under the same
-- identity: what HTTP shows and does, SQL does, and no more.

CREATE SCHEMA account_api;
COMMENT ON SCHEMA account_api IS 'Accounts
Accounts and sub-accounts, their API keys, members, roles and workspaces. Send a key in the header X-API-Key, or a session token in Authorization after Session. Errors carry a code and, in details, the id under which the server has logged them.';

CREATE FUNCTION account_api.pre_request() RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_postgrest_pre_request';
REVOKE ALL ON FUNCTION account_api.pre_request() FROM PUBLIC;
COMMENT ON FUNCTION account_api.pre_request() IS 'For PostgREST''s db-pre-request
Ends whatever identity there is and takes the caller''s from the request: a key from X-API-Key, Authorization: ApiKey or Basic, a session from Authorization: Session, or from the cookie __Host-account-session where X-Requested-With is sent too; X-Account-Id names the account that a session acts in. Then the role is account.tenant_role, if that is set, and the credential is no longer in the settings of the request. Any level. Raises MISSING_API_KEY for an empty credential, and without one for what the role may not use; BAD_REQUEST for two different ones; VALIDATION_FAILED for an X-Account-Id that is none; and what authenticate() raises.';

CREATE FUNCTION account_api.require_credential() RETURNS boolean
	LANGUAGE C STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_postgrest_require_credential';
REVOKE ALL ON FUNCTION account_api.require_credential() FROM PUBLIC;
COMMENT ON FUNCTION account_api.require_credential() IS 'Whether the caller has sent a credential
Always true: raises MISSING_API_KEY otherwise. What the views of this schema ask before they show anything. Any level.';

INSERT INTO account.access_grants (level, object) VALUES
	('anonymous', 'SCHEMA account_api'),
	('anonymous', 'FUNCTION account_api.pre_request()'),
	('anonymous', 'FUNCTION account_api.require_credential()');
