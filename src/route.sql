
-- route: the documents' own paths.
--
-- Each function takes the body of a request and answers with that of the answer, in
-- which errors are as the documents have them; see src/document.c.  They are given to
-- the level anonymous, so that they say themselves that a credential is missing: what
-- they call is given to the level that it has in schema account.

CREATE FUNCTION account_api.v1_list_accounts(json) RETURNS json
	LANGUAGE C STABLE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_list_accounts';
REVOKE ALL ON FUNCTION account_api.v1_list_accounts(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_list_accounts(json) IS 'The accounts below the callers, or directly below the account id
GET /v1/accounts. Parameters: cursor, limit (1 to 100), sort_order (asc, desc), name, prefix, label (key or key:value), created_after, created_before, id. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_create_account(json) RETURNS json
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_create_account';
REVOKE ALL ON FUNCTION account_api.v1_create_account(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_create_account(json) IS 'Create a sub-account
POST /v1/accounts. Body: name, and branding, parent_account_id, description, domain, billing_email, external_id, labels. Answers 201 with the account and its first API key. A second account with the same external_id answers CONFLICT with the id of the first. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_get_account(json) RETURNS json
	LANGUAGE C STABLE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_get_account';
REVOKE ALL ON FUNCTION account_api.v1_get_account(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_get_account(json) IS 'Retrieve an account
GET /v1/accounts/{id}. Parameters: id. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_update_account(json) RETURNS json
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_update_account';
REVOKE ALL ON FUNCTION account_api.v1_update_account(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_update_account(json) IS 'Change an account
PATCH /v1/accounts/{id}. Parameters: id. Body: what update_account() takes. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_archive_account(json) RETURNS json
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_archive_account';
REVOKE ALL ON FUNCTION account_api.v1_archive_account(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_archive_account(json) IS 'Make an account read-only
POST /v1/accounts/{id}/archive. Parameters: id. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_unarchive_account(json) RETURNS json
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_unarchive_account';
REVOKE ALL ON FUNCTION account_api.v1_unarchive_account(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_unarchive_account(json) IS 'End what archiving did
POST /v1/accounts/{id}/unarchive. Parameters: id. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_delete_account(json) RETURNS json
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_delete_account';
REVOKE ALL ON FUNCTION account_api.v1_delete_account(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_delete_account(json) IS 'Ask for the deletion of an account and of all below
DELETE /v1/accounts/{id}. Parameters: id, grace. Answers 202 with the account, which is archived until it is purged. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_cancel_deletion(json) RETURNS json
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_cancel_deletion';
REVOKE ALL ON FUNCTION account_api.v1_cancel_deletion(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_cancel_deletion(json) IS 'Take a deletion back that is not carried out yet
POST /v1/accounts/{id}/cancel_deletion. Parameters: id. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_suspend_account(json) RETURNS json
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_suspend_account';
REVOKE ALL ON FUNCTION account_api.v1_suspend_account(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_suspend_account(json) IS 'Stop every credential of an account and of all below
POST /v1/accounts/{id}/suspend. Parameters: id. Body: reason. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_resume_account(json) RETURNS json
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_resume_account';
REVOKE ALL ON FUNCTION account_api.v1_resume_account(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_resume_account(json) IS 'End what suspending did
POST /v1/accounts/{id}/resume. Parameters: id. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_describe_account(json) RETURNS json
	LANGUAGE C STABLE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_describe_account';
REVOKE ALL ON FUNCTION account_api.v1_describe_account(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_describe_account(json) IS 'Retrieve the account of the credential
GET /v1/account. Answers {info, metadata, spec}. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_change_account(json) RETURNS json
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_change_account';
REVOKE ALL ON FUNCTION account_api.v1_change_account(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_change_account(json) IS 'Change the account of the credential
PATCH /v1/account. Body: what update_account() takes. Answers {info, metadata, spec}. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_list_memberships(json) RETURNS json
	LANGUAGE C STABLE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_list_memberships';
REVOKE ALL ON FUNCTION account_api.v1_list_memberships(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_list_memberships(json) IS 'The accounts that the calling user is a member of
GET /v1/account/memberships. X-Account-Id takes their ids. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_list_api_keys(json) RETURNS json
	LANGUAGE C STABLE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_list_api_keys';
REVOKE ALL ON FUNCTION account_api.v1_list_api_keys(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_list_api_keys(json) IS 'The API keys of an account
GET /v1/account/api_keys, /v1/accounts/{id}/api_keys. Parameters: as for accounts. Never shows a token. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_create_api_key(json) RETURNS json
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_create_api_key';
REVOKE ALL ON FUNCTION account_api.v1_create_api_key(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_create_api_key(json) IS 'Issue an API key
POST /v1/account/api_keys, /v1/accounts/{id}/api_keys. Body: name, and permissions, expires_in, workspace_ids, allowed_ips, description, profile_id. Answers 201 with the key; spec.token this once. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_get_api_key(json) RETURNS json
	LANGUAGE C STABLE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_get_api_key';
REVOKE ALL ON FUNCTION account_api.v1_get_api_key(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_get_api_key(json) IS 'Retrieve an API key
GET /v1/account/api_keys/{id}. Parameters: id. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_update_api_key(json) RETURNS json
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_update_api_key';
REVOKE ALL ON FUNCTION account_api.v1_update_api_key(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_update_api_key(json) IS 'Change what an API key is called
PATCH /v1/account/api_keys/{id}. Parameters: id. Body: what update_api_key() takes. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_revoke_api_key(json) RETURNS json
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_revoke_api_key';
REVOKE ALL ON FUNCTION account_api.v1_revoke_api_key(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_revoke_api_key(json) IS 'Revoke an API key
DELETE /v1/account/api_keys/{id}. Parameters: id, reason, successors. Answers 204. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_rotate_webhook_signing_key(json) RETURNS json
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_rotate_webhook_signing_key';
REVOKE ALL ON FUNCTION account_api.v1_rotate_webhook_signing_key(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_rotate_webhook_signing_key(json) IS 'Rotate the webhook signing key for the account
POST /v1/account/rotate_webhook_signing_key. Body: overlap. Answers 200 with the account, info.webhookEventsHmacSecret being the new one. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_rotate_api_key(json) RETURNS json
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_rotate_api_key';
REVOKE ALL ON FUNCTION account_api.v1_rotate_api_key(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_rotate_api_key(json) IS 'Replace an API key
POST /v1/account/api_keys/{id}/rotate. Parameters: id. Body: overlap. Answers 201 with the new key; spec.token this once. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_grant_workspace(json) RETURNS json
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_grant_workspace';
REVOKE ALL ON FUNCTION account_api.v1_grant_workspace(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_grant_workspace(json) IS 'Grant an API key a workspace
POST /v1/account/api_keys/{id}/workspaces. Parameters: id. Body: workspace_id. Answers 204; twice is no error. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_revoke_workspace(json) RETURNS json
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_revoke_workspace';
REVOKE ALL ON FUNCTION account_api.v1_revoke_workspace(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_revoke_workspace(json) IS 'Take a workspace from an API key
DELETE /v1/account/api_keys/{id}/workspaces. Parameters: id, workspace_id. Answers 204. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_list_workspaces(json) RETURNS json
	LANGUAGE C STABLE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_list_workspaces';
REVOKE ALL ON FUNCTION account_api.v1_list_workspaces(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_list_workspaces(json) IS 'The workspaces of the account
GET /v1/account/workspaces. Parameters: as for accounts. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_create_workspace(json) RETURNS json
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_create_workspace';
REVOKE ALL ON FUNCTION account_api.v1_create_workspace(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_create_workspace(json) IS 'Create a workspace
POST /v1/account/workspaces. Body: name. Answers 201. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_list_profiles(json) RETURNS json
	LANGUAGE C STABLE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_list_profiles';
REVOKE ALL ON FUNCTION account_api.v1_list_profiles(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_list_profiles(json) IS 'The profiles of the account
GET /v1/account/profiles. Parameters: as for accounts. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_list_service_accounts(json) RETURNS json
	LANGUAGE C STABLE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_list_service_accounts';
REVOKE ALL ON FUNCTION account_api.v1_list_service_accounts(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_list_service_accounts(json) IS 'The service accounts of the account
GET /v1/account/service_accounts. Parameters: as for accounts. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_create_service_account(json) RETURNS json
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_create_service_account';
REVOKE ALL ON FUNCTION account_api.v1_create_service_account(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_create_service_account(json) IS 'Create a service account
POST /v1/account/service_accounts. Body: name, role, and description, owner, systems. Answers 201 with its API key, this once. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_list_service_account_keys(json) RETURNS json
	LANGUAGE C STABLE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_list_service_account_keys';
REVOKE ALL ON FUNCTION account_api.v1_list_service_account_keys(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_list_service_account_keys(json) IS 'The API keys of a service account
GET /v1/account/service_accounts/{id}/keys. Parameters: id, and as for accounts. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_create_service_account_key(json) RETURNS json
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_create_service_account_key';
REVOKE ALL ON FUNCTION account_api.v1_create_service_account_key(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_create_service_account_key(json) IS 'Issue an API key for a service account
POST /v1/account/service_accounts/{id}/keys. Parameters: id. Body: as for API keys. Answers 201 with the key; spec.token this once. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_register(json) RETURNS json
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_register';
REVOKE ALL ON FUNCTION account_api.v1_register(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_register(json) IS 'Ask to become a user
POST /v1/account/register. Body: email, password. Answers 204, whether the e-mail is known or not. Open to all while account-registration is on. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_create_user(json) RETURNS json
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_create_user';
REVOKE ALL ON FUNCTION account_api.v1_create_user(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_create_user(json) IS 'Create a user
POST /v1/admin/account/register. Body: email, and password, external_id. Answers 201. Takes create:users. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_login(json) RETURNS json
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_login';
REVOKE ALL ON FUNCTION account_api.v1_login(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_login(json) IS 'Begin a session
POST /v1/account/login. Body: email, password, and cookie. Takes the header X-Requested-With. Answers with the sessions token, or with cookie true sets it as a cookie. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_logout(json) RETURNS json
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_route_logout';
REVOKE ALL ON FUNCTION account_api.v1_logout(json) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_logout(json) IS 'End the session of the request
POST /v1/account/logout. Answers 204. Any level; errors are answers.';

INSERT INTO account.access_grants (level, object) VALUES
	('anonymous', 'FUNCTION account_api.v1_list_accounts(json)'),
	('anonymous', 'FUNCTION account_api.v1_create_account(json)'),
	('anonymous', 'FUNCTION account_api.v1_get_account(json)'),
	('anonymous', 'FUNCTION account_api.v1_update_account(json)'),
	('anonymous', 'FUNCTION account_api.v1_archive_account(json)'),
	('anonymous', 'FUNCTION account_api.v1_unarchive_account(json)'),
	('anonymous', 'FUNCTION account_api.v1_delete_account(json)'),
	('anonymous', 'FUNCTION account_api.v1_cancel_deletion(json)'),
	('anonymous', 'FUNCTION account_api.v1_suspend_account(json)'),
	('anonymous', 'FUNCTION account_api.v1_resume_account(json)'),
	('anonymous', 'FUNCTION account_api.v1_describe_account(json)'),
	('anonymous', 'FUNCTION account_api.v1_change_account(json)'),
	('anonymous', 'FUNCTION account_api.v1_list_memberships(json)'),
	('anonymous', 'FUNCTION account_api.v1_list_api_keys(json)'),
	('anonymous', 'FUNCTION account_api.v1_create_api_key(json)'),
	('anonymous', 'FUNCTION account_api.v1_get_api_key(json)'),
	('anonymous', 'FUNCTION account_api.v1_update_api_key(json)'),
	('anonymous', 'FUNCTION account_api.v1_revoke_api_key(json)'),
	('anonymous', 'FUNCTION account_api.v1_rotate_api_key(json)'),
	('anonymous', 'FUNCTION account_api.v1_rotate_webhook_signing_key(json)'),
	('anonymous', 'FUNCTION account_api.v1_grant_workspace(json)'),
	('anonymous', 'FUNCTION account_api.v1_revoke_workspace(json)'),
	('anonymous', 'FUNCTION account_api.v1_list_workspaces(json)'),
	('anonymous', 'FUNCTION account_api.v1_create_workspace(json)'),
	('anonymous', 'FUNCTION account_api.v1_list_profiles(json)'),
	('anonymous', 'FUNCTION account_api.v1_list_service_accounts(json)'),
	('anonymous', 'FUNCTION account_api.v1_create_service_account(json)'),
	('anonymous', 'FUNCTION account_api.v1_list_service_account_keys(json)'),
	('anonymous', 'FUNCTION account_api.v1_create_service_account_key(json)'),
	('anonymous', 'FUNCTION account_api.v1_register(json)'),
	('anonymous', 'FUNCTION account_api.v1_create_user(json)'),
	('anonymous', 'FUNCTION account_api.v1_login(json)'),
	('anonymous', 'FUNCTION account_api.v1_logout(json)');
