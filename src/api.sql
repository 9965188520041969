
-- api: what PostgREST exposes, one by one.
--
-- Views over what schema account lets the caller read, and functions that call those of
-- schema account of the same name: whoever is not given those cannot use these.
-- Not here: functions that take a credential (a request has one already), and all that
-- administrators do.  The first line of a comment is a title.

-- Not a security_barrier, which would sort all accounts for each page: who sees which is a policy of
-- the table, so that no condition of a caller's meets a row before it.  What the policy lets pass is two lists, each
-- in the order of an index.
CREATE VIEW account_api.accounts WITH (security_invoker) AS
	SELECT NULL::text AS api_key,
		account.read_only_since(a.account_id) AS archived_at,
		a.branding::jsonb AS branding,
		CASE WHEN a.account_id = a.listed_for THEN account.own_commitment() END AS commitment,
		a.created_at,
		a.account_id AS id,
		a.last_read_input_at,
		a.last_updated_config_at,
		a.last_updated_output_at,
		a.name::text AS name,
		a.parent_account_id,
		'account' AS resource_type,
		a.status,
		a.status_changed_at,
		a.status_error,
		a.stripe_customer_id,
		a.updated_at
	FROM (
			SELECT o.account_id AS listed_for,
				o.account_id, o.parent_account_id, o.name, o.branding, o.stripe_customer_id,
				o.status, o.status_changed_at, o.status_error, o.created_at, o.updated_at,
				o.last_read_input_at, o.last_updated_config_at, o.last_updated_output_at
			FROM account.accounts o
			UNION ALL
			SELECT c.parent_account_id,
				c.account_id, c.parent_account_id, c.name, c.branding, c.stripe_customer_id,
				c.status, c.status_changed_at, c.status_error, c.created_at, c.updated_at,
				c.last_read_input_at, c.last_updated_config_at, c.last_updated_output_at
			FROM account.accounts c
		) a
	WHERE account_api.require_credential() AND a.listed_for = account.current_account_id();
COMMENT ON VIEW account_api.accounts IS 'The caller''s account and those directly below it
An account posted here, with name and, if wanted, branding and parent_account_id, is made by create_account() and answered with its first API key, shown this once; name and branding are changed here too, and the deletion of an account is asked for by deleting it here, as delete_account() does. Accounts further below: get_account() and account_descendants(). external_id and labels can be asked for with select. Raises MISSING_API_KEY, VALIDATION_FAILED for any other column, and what create_account(), update_account() and delete_account() raise.';
COMMENT ON COLUMN account_api.accounts.api_key IS 'The first API key, in the answer that makes the account; otherwise NULL.';
COMMENT ON COLUMN account_api.accounts.archived_at IS 'Since when it, or an account above, is archived: then it takes no writes.';
COMMENT ON COLUMN account_api.accounts.branding IS 'White-label branding; suppress_from_reports is a boolean.';
COMMENT ON COLUMN account_api.accounts.commitment IS 'Of the caller''s own account: monthly_cost and renewal_date of its plan.';
COMMENT ON COLUMN account_api.accounts.created_at IS 'When it was created.';
COMMENT ON COLUMN account_api.accounts.id IS 'The id.';
COMMENT ON COLUMN account_api.accounts.last_read_input_at IS 'When its input was last read.';
COMMENT ON COLUMN account_api.accounts.last_updated_config_at IS 'When its configuration was last changed; where that is later than last_updated_output_at, it will be rebuilt.';
COMMENT ON COLUMN account_api.accounts.last_updated_output_at IS 'When it was last built.';
COMMENT ON COLUMN account_api.accounts.name IS 'A name for people.';
COMMENT ON COLUMN account_api.accounts.parent_account_id IS 'The account above; NULL for a root.';
COMMENT ON COLUMN account_api.accounts.resource_type IS 'account.';
COMMENT ON COLUMN account_api.accounts.status IS 'new, starting, running, ready or error.';
COMMENT ON COLUMN account_api.accounts.status_changed_at IS 'When status was last set.';
COMMENT ON COLUMN account_api.accounts.status_error IS 'The message when status is error.';
COMMENT ON COLUMN account_api.accounts.stripe_customer_id IS 'The customer''s id at the payment provider.';
COMMENT ON COLUMN account_api.accounts.updated_at IS 'When it was last changed.';

CREATE FUNCTION account_api.insert_account() RETURNS trigger
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_api_insert_account';
REVOKE ALL ON FUNCTION account_api.insert_account() FROM PUBLIC;
COMMENT ON FUNCTION account_api.insert_account() IS 'Trigger of view accounts: makes a row by create_account().';

CREATE FUNCTION account_api.change_account() RETURNS trigger
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_api_change_account';
REVOKE ALL ON FUNCTION account_api.change_account() FROM PUBLIC;
COMMENT ON FUNCTION account_api.change_account() IS 'Trigger of view accounts: changes a row by update_account().';

CREATE FUNCTION account_api.remove_account() RETURNS trigger
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_api_remove_account';
REVOKE ALL ON FUNCTION account_api.remove_account() FROM PUBLIC;
COMMENT ON FUNCTION account_api.remove_account() IS 'Trigger of view accounts: asks for the deletion of a row''s account by delete_account().';

CREATE TRIGGER accounts_insert
	INSTEAD OF INSERT ON account_api.accounts
	FOR EACH ROW EXECUTE FUNCTION account_api.insert_account();
CREATE TRIGGER accounts_update
	INSTEAD OF UPDATE ON account_api.accounts
	FOR EACH ROW EXECUTE FUNCTION account_api.change_account();
CREATE TRIGGER accounts_delete
	INSTEAD OF DELETE ON account_api.accounts
	FOR EACH ROW EXECUTE FUNCTION account_api.remove_account();

CREATE FUNCTION account_api.external_id(account account_api.accounts) RETURNS text
	LANGUAGE C STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'account_api_external_id';
REVOKE ALL ON FUNCTION account_api.external_id(account_api.accounts) FROM PUBLIC;
COMMENT ON FUNCTION account_api.external_id(account_api.accounts) IS 'The caller''s own id of an account
A column of accounts that is shown where it is asked for. Level tenant. Raises MISSING_API_KEY, NOT_FOUND.';

CREATE FUNCTION account_api.labels(account account_api.accounts) RETURNS jsonb
	LANGUAGE C STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'account_api_labels';
REVOKE ALL ON FUNCTION account_api.labels(account_api.accounts) FROM PUBLIC;
COMMENT ON FUNCTION account_api.labels(account_api.accounts) IS 'The labels of an account
A column of accounts that is shown where it is asked for. Level tenant. Raises MISSING_API_KEY, NOT_FOUND.';

CREATE FUNCTION account_api.login(email text, password text, cookie boolean DEFAULT false) RETURNS account.login_result
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_api_login';
REVOKE ALL ON FUNCTION account_api.login(text, text, boolean) FROM PUBLIC;
COMMENT ON FUNCTION account_api.login(text, text, boolean) IS 'Begins a session of a user
Answers with its token, this once; with cookie, the token goes into the cookie __Host-account-session and nowhere else, and scripts cannot read it. What fails is answered with status 401, NULLs and the code in error. The header X-Requested-With has to be sent, which no form of another site can. Any level. Raises BAD_REQUEST without it, and what login() of schema account raises.';

CREATE FUNCTION account_api.logout() RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_api_logout';
REVOKE ALL ON FUNCTION account_api.logout() FROM PUBLIC;
COMMENT ON FUNCTION account_api.logout() IS 'Ends the session that the caller has sent
Takes its cookie away, too. Level tenant. Raises MISSING_API_KEY, FORBIDDEN for a caller without a session.';

CREATE FUNCTION account_api.current_account_id() RETURNS uuid
	LANGUAGE sql STABLE LEAKPROOF PARALLEL SAFE
	RETURN account.current_account_id();
REVOKE ALL ON FUNCTION account_api.current_account_id() FROM PUBLIC;
COMMENT ON FUNCTION account_api.current_account_id() IS 'The caller''s account
NULL without a credential. Any level; raises nothing.';

INSERT INTO account.access_grants (level, object, privileges) VALUES
	('tenant', 'TABLE account_api.accounts', 'SELECT, INSERT, UPDATE, DELETE');
INSERT INTO account.access_grants (level, object) VALUES
	('tenant', 'FUNCTION account_api.external_id(account_api.accounts)'),
	('tenant', 'FUNCTION account_api.labels(account_api.accounts)'),
	('anonymous', 'FUNCTION account_api.current_account_id()'),
	('anonymous', 'FUNCTION account_api.login(text, text, boolean)'),
	('tenant', 'FUNCTION account_api.logout()');

CREATE VIEW account_api.account_stats WITH (security_invoker, security_barrier) AS
	SELECT v.account_id,
		v.authentications,
		v.refusals,
		v.refusals_by_code,
		v.authentications_per_minute,
		v.last_seen_at,
		v.account_name,
		v.external_id,
		v.labels,
		v.created_at
	FROM account.account_stats v
	WHERE account_api.require_credential();
COMMENT ON VIEW account_api.account_stats IS 'What the caller''s account does and was refused
Read by level tenant. Counted where the database has a recorder: elsewhere only last_seen_at is known. Raises MISSING_API_KEY.';
COMMENT ON COLUMN account_api.account_stats.account_id IS 'The account.';
COMMENT ON COLUMN account_api.account_stats.authentications IS 'How many transactions have had an identity of it. NULL if that was never counted.';
COMMENT ON COLUMN account_api.account_stats.refusals IS 'How often it was refused something, or one of its credentials was refused. NULL if that was never counted.';
COMMENT ON COLUMN account_api.account_stats.refusals_by_code IS 'The same by code, an object of numbers. NULL if that was never counted.';
COMMENT ON COLUMN account_api.account_stats.authentications_per_minute IS 'Its rate of use now: authentications in the last minute, about. NULL where nothing is counted now.';
COMMENT ON COLUMN account_api.account_stats.last_seen_at IS 'When it last authenticated; without a recorder, when one of its keys was last used, to about a minute. NULL never.';
COMMENT ON COLUMN account_api.account_stats.account_name IS 'The name of the account.';
COMMENT ON COLUMN account_api.account_stats.external_id IS 'The external id of the account.';
COMMENT ON COLUMN account_api.account_stats.labels IS 'The labels of the account.';
COMMENT ON COLUMN account_api.account_stats.created_at IS 'When the account was created.';

CREATE VIEW account_api.api_keys WITH (security_invoker, security_barrier) AS
	SELECT v.api_key_id,
		v.account_id,
		v.profile_id,
		v.name,
		v.description,
		v.preview,
		v.state,
		v.system,
		v.permissions,
		v.workspaces_preview,
		v.workspaces_total,
		v.allowed_ips,
		v.created_by,
		v.last_used_at,
		v.expires_at,
		v.revoked_at,
		v.revoked_reason,
		v.successor_id,
		v.external_id,
		v.labels,
		v.created_at
	FROM account.api_keys v
	WHERE account_api.require_credential();
COMMENT ON VIEW account_api.api_keys IS 'API keys of the caller''s account and those below, with read:api_keys or manage:api_keys; all for an administrator
Never shows a token or digest. Raises MISSING_API_KEY.';
COMMENT ON COLUMN account_api.api_keys.api_key_id IS 'The id.';
COMMENT ON COLUMN account_api.api_keys.account_id IS 'The account that it belongs to.';
COMMENT ON COLUMN account_api.api_keys.profile_id IS 'The profile that it authenticates.';
COMMENT ON COLUMN account_api.api_keys.name IS 'A name for people.';
COMMENT ON COLUMN account_api.api_keys.description IS 'Free text.';
COMMENT ON COLUMN account_api.api_keys.preview IS 'The beginning and the end of the token.';
COMMENT ON COLUMN account_api.api_keys.state IS 'active; expiring: replaced, in its overlap; expired; rotated: replaced, overlap over; revoked.';
COMMENT ON COLUMN account_api.api_keys.system IS 'Made by the system with its account.';
COMMENT ON COLUMN account_api.api_keys.permissions IS 'What it was issued with, as verb:resource; it has them as far as its profile has.';
COMMENT ON COLUMN account_api.api_keys.workspaces_preview IS 'At most five of the workspaces that it was granted; it reaches those that its profile does.';
COMMENT ON COLUMN account_api.api_keys.workspaces_total IS 'How many workspaces it was granted.';
COMMENT ON COLUMN account_api.api_keys.allowed_ips IS 'The networks that it may be used from; NULL any.';
COMMENT ON COLUMN account_api.api_keys.created_by IS 'The profile that issued it; NULL for an administrator or an application.';
COMMENT ON COLUMN account_api.api_keys.last_used_at IS 'When it last authenticated, to about a minute (account.last_used_interval); NULL never.';
COMMENT ON COLUMN account_api.api_keys.expires_at IS 'When it ends by itself; NULL never.';
COMMENT ON COLUMN account_api.api_keys.revoked_at IS 'When it was revoked; NULL if it was not.';
COMMENT ON COLUMN account_api.api_keys.revoked_reason IS 'Why it was revoked.';
COMMENT ON COLUMN account_api.api_keys.successor_id IS 'The key that replaces it.';
COMMENT ON COLUMN account_api.api_keys.external_id IS 'The caller''s own id.';
COMMENT ON COLUMN account_api.api_keys.labels IS 'A flat JSON object of strings.';
COMMENT ON COLUMN account_api.api_keys.created_at IS 'When it was issued.';

CREATE VIEW account_api.audit_log WITH (security_invoker, security_barrier) AS
	SELECT v.id,
		v.at,
		v.account_id,
		v.source,
		v.actor_profile_id,
		v.actor_name,
		v.api_key_id,
		v.action,
		v.object_type,
		v.object_id,
		v.detail,
		v.request,
		v.from_account_id,
		v.actor_user_id,
		v.session_id,
		v.actor_role,
		v.position
	FROM account.audit_log v
	WHERE account_api.require_credential();
COMMENT ON VIEW account_api.audit_log IS 'The audit log: what was done to the caller''s account, by whomever, and from it, with read:audit; everything for an administrator
Not what accounts below do to themselves. Who exactly acted from another account is not shown. Pages go by order=at.desc,id.desc with or=(at.lt.T,and(at.eq.T,id.lt.I)) of the last row. Raises MISSING_API_KEY.';
COMMENT ON COLUMN account_api.audit_log.id IS 'The id of the entry.';
COMMENT ON COLUMN account_api.audit_log.at IS 'When it was done: of the statement, not of the transaction.';
COMMENT ON COLUMN account_api.audit_log.account_id IS 'The account that was acted on; NULL: the platform.';
COMMENT ON COLUMN account_api.audit_log.source IS 'account: written by the extension itself; application: by record_audit().';
COMMENT ON COLUMN account_api.audit_log.actor_profile_id IS 'The profile that acted; NULL for an administrator, an application, and who is not logged in.';
COMMENT ON COLUMN account_api.audit_log.actor_name IS 'Its name: of a service account, at that time; of a member, now. Still there when the profile is deleted. NULL for the doings of others.';
COMMENT ON COLUMN account_api.audit_log.api_key_id IS 'The key that was used. NULL for the doings of others.';
COMMENT ON COLUMN account_api.audit_log.action IS 'What was done: account.created and the like.';
COMMENT ON COLUMN account_api.audit_log.object_type IS 'What it was done to.';
COMMENT ON COLUMN account_api.audit_log.object_id IS 'Which one.';
COMMENT ON COLUMN account_api.audit_log.detail IS 'before and after, of what was changed alone, and the like. Never a secret; personal values as digests; what has more than 1 KB is cut.';
COMMENT ON COLUMN account_api.audit_log.request IS 'Over HTTP: method, path, address (of people as a digest), and as trusted whether a proxy of account.trusted_proxies says so. NULL for the doings of others.';
COMMENT ON COLUMN account_api.audit_log.from_account_id IS 'The account that it was done from; NULL for an administrator, and for who has none.';
COMMENT ON COLUMN account_api.audit_log.actor_user_id IS 'The user who acted. NULL for the doings of others.';
COMMENT ON COLUMN account_api.audit_log.session_id IS 'The session that was used. NULL for the doings of others.';
COMMENT ON COLUMN account_api.audit_log.actor_role IS 'Without an identity: the database role, after the role of the session if that is another. For administrators alone.';
COMMENT ON COLUMN account_api.audit_log.position IS 'The place in the chain of the account; NULL until it has one.';

CREATE VIEW account_api.error_codes WITH (security_invoker, security_barrier) AS
	SELECT v.code,
		v.sqlstate,
		v.http_status,
		v.description
	FROM account.error_codes v;
COMMENT ON VIEW account_api.error_codes IS 'Every code that a function of this extension can raise
DETAIL of an error is a JSON object with error (the code), id (unique, also in the server log) and validationErrors.';
COMMENT ON COLUMN account_api.error_codes.code IS 'The code as it stands in DETAIL, member "error".';
COMMENT ON COLUMN account_api.error_codes.sqlstate IS 'The SQLSTATE that is raised with it.';
COMMENT ON COLUMN account_api.error_codes.http_status IS 'The HTTP status that it stands for.';
COMMENT ON COLUMN account_api.error_codes.description IS 'What it means.';

CREATE VIEW account_api.invitations WITH (security_invoker, security_barrier) AS
	SELECT v.invitation_id,
		v.account_id,
		v.email,
		v.role,
		v.state,
		v.invited_by,
		v.profile_id,
		v.membership_ends_at,
		v.expires_at,
		v.external_id,
		v.labels,
		v.created_at
	FROM account.invitations v
	WHERE account_api.require_credential();
COMMENT ON VIEW account_api.invitations IS 'Invitations to the caller''s account and those below, with read:members or manage:members; all for an administrator
Never shows a token or digest. Raises MISSING_API_KEY.';
COMMENT ON COLUMN account_api.invitations.invitation_id IS 'The id.';
COMMENT ON COLUMN account_api.invitations.account_id IS 'The account that it is to.';
COMMENT ON COLUMN account_api.invitations.email IS 'The normal form of the address of the user who may accept it; NULL once that user is erased.';
COMMENT ON COLUMN account_api.invitations.role IS 'The name of the role that the member is to have; NULL if it was deleted.';
COMMENT ON COLUMN account_api.invitations.state IS 'open, accepted, expired, or revoked: by revoke_invitation(), by a later one to the same address, or because who sent it was removed, who it is for erased, or the key that it was sent with revoked or the role deleted.';
COMMENT ON COLUMN account_api.invitations.invited_by IS 'The profile that sent it; NULL for an administrator or an application.';
COMMENT ON COLUMN account_api.invitations.profile_id IS 'The profile that it has made; NULL unless it was accepted.';
COMMENT ON COLUMN account_api.invitations.membership_ends_at IS 'When the membership ends by itself; NULL never.';
COMMENT ON COLUMN account_api.invitations.expires_at IS 'When it ends by itself.';
COMMENT ON COLUMN account_api.invitations.external_id IS 'The caller''s own id.';
COMMENT ON COLUMN account_api.invitations.labels IS 'A flat JSON object of strings.';
COMMENT ON COLUMN account_api.invitations.created_at IS 'When it was sent.';

CREATE VIEW account_api.keys_due_for_rotation WITH (security_invoker, security_barrier) AS
	SELECT v.api_key_id,
		v.account_id,
		v.profile_id,
		v.name,
		v.preview,
		v.created_at,
		v.age,
		v.expires_at,
		v.due_since,
		v.reason
	FROM account.keys_due_for_rotation v
	WHERE account_api.require_credential();
COMMENT ON VIEW account_api.keys_due_for_rotation IS 'Keys in use that are older than account.key_max_age (90 days) or end within 7 days, of the caller''s account and those below, with read:api_keys or manage:api_keys; all for an administrator
Keys that are being replaced are not among them. Raises MISSING_API_KEY.';
COMMENT ON COLUMN account_api.keys_due_for_rotation.api_key_id IS 'The key.';
COMMENT ON COLUMN account_api.keys_due_for_rotation.account_id IS 'The account that it belongs to.';
COMMENT ON COLUMN account_api.keys_due_for_rotation.profile_id IS 'The profile that it authenticates.';
COMMENT ON COLUMN account_api.keys_due_for_rotation.name IS 'A name for people.';
COMMENT ON COLUMN account_api.keys_due_for_rotation.preview IS 'The beginning and the end of the token.';
COMMENT ON COLUMN account_api.keys_due_for_rotation.created_at IS 'When it was issued.';
COMMENT ON COLUMN account_api.keys_due_for_rotation.age IS 'How long ago that is.';
COMMENT ON COLUMN account_api.keys_due_for_rotation.expires_at IS 'When it ends by itself; NULL never.';
COMMENT ON COLUMN account_api.keys_due_for_rotation.due_since IS 'Since when it is due.';
COMMENT ON COLUMN account_api.keys_due_for_rotation.reason IS 'Why: age, it is too old; expiry, it ends soon.';

CREATE VIEW account_api.over_privileged_profiles WITH (security_invoker, security_barrier) AS
	SELECT v.account_id,
		v.profile_id,
		v.name,
		v.api_key_id,
		v.finding,
		v.detail
	FROM account.over_privileged_profiles v
	WHERE account_api.require_credential();
COMMENT ON VIEW account_api.over_privileged_profiles IS 'Profiles that have, or whose keys name, more than they should need, a row for each finding
Of the caller''s account and those below, service accounts with read:service_accounts or manage:service_accounts, keys with read:api_keys or manage:api_keys; all for an administrator. What is done with a permission is not recorded: last_used_at in api_keys says whether a key is used at all. Raises MISSING_API_KEY.';
COMMENT ON COLUMN account_api.over_privileged_profiles.account_id IS 'The account that it belongs to.';
COMMENT ON COLUMN account_api.over_privileged_profiles.profile_id IS 'The profile.';
COMMENT ON COLUMN account_api.over_privileged_profiles.name IS 'Its name.';
COMMENT ON COLUMN account_api.over_privileged_profiles.api_key_id IS 'Of key_exceeds_profile: the key.';
COMMENT ON COLUMN account_api.over_privileged_profiles.finding IS 'owner: a service account that is an owner, besides the system''s. wildcard: one with a role of * or manage:* permissions. without_key: one that has roles, and no key to use them with. key_exceeds_profile: a key that names permissions that its profile does not have now: it has no use of them, until the profile has them again (*:*, which stands for whatever the profile has, is none).';
COMMENT ON COLUMN account_api.over_privileged_profiles.detail IS 'The role, the role and its permission, the roles, or the permissions.';

CREATE VIEW account_api.permissions WITH (security_invoker, security_barrier) AS
	SELECT v.permission,
		v.description,
		v.built_in,
		v.created_at
	FROM account.permissions v
	WHERE account_api.require_credential();
COMMENT ON VIEW account_api.permissions IS 'The permissions that there are: those of the extension and those that the application has defined
Read by level tenant, without those that were deleted. Raises MISSING_API_KEY.';
COMMENT ON COLUMN account_api.permissions.permission IS 'verb:resource.';
COMMENT ON COLUMN account_api.permissions.description IS 'What it allows, for people.';
COMMENT ON COLUMN account_api.permissions.built_in IS 'Asked for by the extension itself.';
COMMENT ON COLUMN account_api.permissions.created_at IS 'When it was defined.';

CREATE VIEW account_api.profiles WITH (security_invoker, security_barrier) AS
	SELECT v.profile_id,
		v.account_id,
		v.kind,
		v.user_id,
		v.name,
		v.system,
		v.description,
		v.owner,
		v.systems,
		v.external_id,
		v.labels,
		v.created_by,
		v.created_at,
		v.updated_at
	FROM account.profiles v
	WHERE account_api.require_credential() AND v.deleted_at IS NULL;
COMMENT ON VIEW account_api.profiles IS 'Principals of an account
Read by level tenant: the caller''s own profile, and of its account and those below members with read:members or manage:members, service accounts with read:service_accounts or manage:service_accounts. Those that were deleted are shown, for what they have made names them. Raises MISSING_API_KEY.';
COMMENT ON COLUMN account_api.profiles.profile_id IS 'The id; never used again.';
COMMENT ON COLUMN account_api.profiles.account_id IS 'The account that it belongs to.';
COMMENT ON COLUMN account_api.profiles.kind IS 'user: a member; service_account: not a person, authenticates with API keys alone.';
COMMENT ON COLUMN account_api.profiles.user_id IS 'Of a member: the user.';
COMMENT ON COLUMN account_api.profiles.name IS 'A name for people.';
COMMENT ON COLUMN account_api.profiles.system IS 'Made and kept by the extension, one for each account.';
COMMENT ON COLUMN account_api.profiles.description IS 'What it is for.';
COMMENT ON COLUMN account_api.profiles.owner IS 'Who answers for it, in words.';
COMMENT ON COLUMN account_api.profiles.systems IS 'The systems that it connects.';
COMMENT ON COLUMN account_api.profiles.external_id IS 'The caller''s own id.';
COMMENT ON COLUMN account_api.profiles.labels IS 'A flat JSON object of strings.';
COMMENT ON COLUMN account_api.profiles.created_by IS 'The profile that made it; NULL for an administrator or an application.';
COMMENT ON COLUMN account_api.profiles.created_at IS 'When it was created.';
COMMENT ON COLUMN account_api.profiles.updated_at IS 'When it was last changed.';

CREATE VIEW account_api.quota_usage WITH (security_invoker, security_barrier) AS
	SELECT v.account_id,
		v.resource,
		v.scope,
		v.used,
		v.tree_used,
		v.limit_value,
		v.account_name,
		v.external_id,
		v.labels,
		v.created_at
	FROM account.quota_usage v
	WHERE account_api.require_credential();
COMMENT ON VIEW account_api.quota_usage IS 'What accounts use of what their plans limit
The caller''s account and those below it: sub_accounts, api_keys, service_accounts, members, workspaces, all else that the effective plan limits, and what is counted without a limit. Read by level tenant. Raises MISSING_API_KEY.';
COMMENT ON COLUMN account_api.quota_usage.account_id IS 'The account.';
COMMENT ON COLUMN account_api.quota_usage.resource IS 'What is counted: the name in the limits of the plan.';
COMMENT ON COLUMN account_api.quota_usage.scope IS 'Whom the limit is for: account, each one, also where there is no limit; or tree, all that are billed to the holder of the plan.';
COMMENT ON COLUMN account_api.quota_usage.used IS 'How many the account itself has.';
COMMENT ON COLUMN account_api.quota_usage.tree_used IS 'How many there are in all that are billed to the account, where it holds the plan and the limit is for the tree; otherwise NULL.';
COMMENT ON COLUMN account_api.quota_usage.limit_value IS 'How many the plan allows; NULL for no limit.';
COMMENT ON COLUMN account_api.quota_usage.account_name IS 'The name of the account.';
COMMENT ON COLUMN account_api.quota_usage.external_id IS 'The external id of the account.';
COMMENT ON COLUMN account_api.quota_usage.labels IS 'The labels of the account.';
COMMENT ON COLUMN account_api.quota_usage.created_at IS 'When the account was created.';

CREATE VIEW account_api.role_assignments WITH (security_invoker, security_barrier) AS
	SELECT v.assignment_id,
		v.account_id,
		v.profile_id,
		v.role_id,
		v.role,
		v.workspace_id,
		v.service,
		v.descendants,
		v.expires_at,
		v.created_by,
		v.created_at
	FROM account.role_assignments v
	WHERE account_api.require_credential();
COMMENT ON VIEW account_api.role_assignments IS 'Who has which role: the caller''s own, and with read:roles or manage:roles those of its account and the accounts below; all for an administrator
Those that have ended are not shown. Raises MISSING_API_KEY.';
COMMENT ON COLUMN account_api.role_assignments.assignment_id IS 'The id; another one when it is assigned again with another end or reach.';
COMMENT ON COLUMN account_api.role_assignments.account_id IS 'The account of the profile.';
COMMENT ON COLUMN account_api.role_assignments.profile_id IS 'Who has the role.';
COMMENT ON COLUMN account_api.role_assignments.role_id IS 'The role.';
COMMENT ON COLUMN account_api.role_assignments.role IS 'Its name.';
COMMENT ON COLUMN account_api.role_assignments.workspace_id IS 'The workspace that it is limited to; NULL for the whole account.';
COMMENT ON COLUMN account_api.role_assignments.service IS 'The service of the application that it is limited to; NULL for all.';
COMMENT ON COLUMN account_api.role_assignments.descendants IS 'Whether the user has it in all accounts below too.';
COMMENT ON COLUMN account_api.role_assignments.expires_at IS 'When it ends by itself; NULL never.';
COMMENT ON COLUMN account_api.role_assignments.created_by IS 'The profile that gave it; NULL for an administrator or an application.';
COMMENT ON COLUMN account_api.role_assignments.created_at IS 'When it was given.';

CREATE VIEW account_api.roles WITH (security_invoker, security_barrier) AS
	SELECT v.role_id,
		v.account_id,
		v.name,
		v.permissions,
		v.denied,
		v.description,
		v.created_by,
		v.created_at,
		v.updated_at
	FROM account.roles v
	WHERE account_api.require_credential();
COMMENT ON VIEW account_api.roles IS 'Roles: named sets of permissions
Read by level tenant with read:roles or manage:roles: those of the own account and those below, and the built-in ones. Raises MISSING_API_KEY.';
COMMENT ON COLUMN account_api.roles.role_id IS 'The id.';
COMMENT ON COLUMN account_api.roles.account_id IS 'The account whose role it is; NULL if it is built in, for every account.';
COMMENT ON COLUMN account_api.roles.name IS 'Its name, unique in the account whatever the case of its letters from A to Z, and not that of a built-in role.';
COMMENT ON COLUMN account_api.roles.permissions IS 'What it grants, as verb:resource, * on either side.';
COMMENT ON COLUMN account_api.roles.denied IS 'What it denies: overrides every grant of every role in the same scope and below.';
COMMENT ON COLUMN account_api.roles.description IS 'Free text.';
COMMENT ON COLUMN account_api.roles.created_by IS 'The profile that made it; NULL for an administrator or an application.';
COMMENT ON COLUMN account_api.roles.created_at IS 'When it was created.';
COMMENT ON COLUMN account_api.roles.updated_at IS 'When it was last changed.';

CREATE VIEW account_api.service_accounts WITH (security_invoker, security_barrier) AS
	SELECT v.profile_id,
		v.account_id,
		v.name,
		v.description,
		v.owner,
		v.systems,
		v.system,
		v.roles,
		v.keys_total,
		v.last_used_at,
		v.disabled,
		v.external_id,
		v.labels,
		v.created_by,
		v.created_at,
		v.updated_at
	FROM account.service_accounts v
	WHERE account_api.require_credential();
COMMENT ON VIEW account_api.service_accounts IS 'Service accounts of the caller''s account and those below, with read:service_accounts or manage:service_accounts; all for an administrator
Those that were deleted are not shown. Raises MISSING_API_KEY.';
COMMENT ON COLUMN account_api.service_accounts.profile_id IS 'The id.';
COMMENT ON COLUMN account_api.service_accounts.account_id IS 'The account that it belongs to.';
COMMENT ON COLUMN account_api.service_accounts.name IS 'A name for people.';
COMMENT ON COLUMN account_api.service_accounts.description IS 'What it is for.';
COMMENT ON COLUMN account_api.service_accounts.owner IS 'Who answers for it, in words.';
COMMENT ON COLUMN account_api.service_accounts.systems IS 'The systems that it connects.';
COMMENT ON COLUMN account_api.service_accounts.system IS 'Made and kept by the extension, one for each account.';
COMMENT ON COLUMN account_api.service_accounts.roles IS 'The names of the roles that it has, in any scope.';
COMMENT ON COLUMN account_api.service_accounts.keys_total IS 'How many of its keys are good now.';
COMMENT ON COLUMN account_api.service_accounts.last_used_at IS 'When one of its keys was last used, to about a minute; NULL never.';
COMMENT ON COLUMN account_api.service_accounts.disabled IS 'Whether none of its keys works, because it was disabled.';
COMMENT ON COLUMN account_api.service_accounts.external_id IS 'The caller''s own id.';
COMMENT ON COLUMN account_api.service_accounts.labels IS 'A flat JSON object of strings.';
COMMENT ON COLUMN account_api.service_accounts.created_by IS 'The profile that made it; NULL for an administrator or an application.';
COMMENT ON COLUMN account_api.service_accounts.created_at IS 'When it was created.';
COMMENT ON COLUMN account_api.service_accounts.updated_at IS 'When it was last changed.';

CREATE VIEW account_api.sessions WITH (security_invoker, security_barrier) AS
	SELECT v.session_id,
		v.state,
		v.current,
		v.source,
		v.created_at,
		v.last_used_at,
		v.expires_at,
		v.ended_at
	FROM account.sessions v
	WHERE account_api.require_credential();
COMMENT ON VIEW account_api.sessions IS 'The sessions of the user whose session is the caller''s, as long as they are kept: until some time after they have expired
Never shows a token or digest. Raises MISSING_API_KEY.';
COMMENT ON COLUMN account_api.sessions.session_id IS 'The id, for revoke_session().';
COMMENT ON COLUMN account_api.sessions.state IS 'active; expired: at the end of account.session_lifetime; ended: logged out, revoked, or ended with a change of the password. One that was idle for too long still reads as active.';
COMMENT ON COLUMN account_api.sessions.current IS 'Whether it is the one that is asking.';
COMMENT ON COLUMN account_api.sessions.source IS 'The address that it was begun from; NULL over a UNIX socket.';
COMMENT ON COLUMN account_api.sessions.created_at IS 'When it was begun.';
COMMENT ON COLUMN account_api.sessions.last_used_at IS 'When it last authenticated, to about a minute; NULL never.';
COMMENT ON COLUMN account_api.sessions.expires_at IS 'When it ends at the latest.';
COMMENT ON COLUMN account_api.sessions.ended_at IS 'When it was ended; NULL if it was not.';

CREATE VIEW account_api.unused_credentials WITH (security_invoker, security_barrier) AS
	SELECT v.kind,
		v.credential_id,
		v.account_id,
		v.profile_id,
		v.name,
		v.preview,
		v.created_at,
		v.last_used_at,
		v.unused_for
	FROM account.unused_credentials v
	WHERE account_api.require_credential();
COMMENT ON VIEW account_api.unused_credentials IS 'Keys, but for those that are being replaced, and service accounts that were not used for 90 days, or never
Of the caller''s account and those below, keys with read:api_keys or manage:api_keys, service accounts with read:service_accounts or manage:service_accounts; all for an administrator. Raises MISSING_API_KEY.';
COMMENT ON COLUMN account_api.unused_credentials.kind IS 'api_key or service_account.';
COMMENT ON COLUMN account_api.unused_credentials.credential_id IS 'The key, or the profile of the service account.';
COMMENT ON COLUMN account_api.unused_credentials.account_id IS 'The account that it belongs to.';
COMMENT ON COLUMN account_api.unused_credentials.profile_id IS 'The profile.';
COMMENT ON COLUMN account_api.unused_credentials.name IS 'A name for people.';
COMMENT ON COLUMN account_api.unused_credentials.preview IS 'Of a key: the beginning and the end of the token.';
COMMENT ON COLUMN account_api.unused_credentials.created_at IS 'When it was created.';
COMMENT ON COLUMN account_api.unused_credentials.last_used_at IS 'When it, or any key of the service account, last authenticated; NULL never.';
COMMENT ON COLUMN account_api.unused_credentials.unused_for IS 'How long it was not used, or has been there unused.';

CREATE VIEW account_api.webhook_deliveries WITH (security_invoker, security_barrier) AS
	SELECT v.event_id,
		v.account_id,
		v.type,
		v.body,
		v.state,
		v.attempts,
		v.url,
		v.http_status,
		v.created_at,
		v.attempted_at,
		v.next_attempt_at,
		v.finished_at
	FROM account.webhook_deliveries v
	WHERE account_api.require_credential();
COMMENT ON VIEW account_api.webhook_deliveries IS 'What the caller''s account was told by webhooks, or is to be, with read:webhooks or manage:webhooks; all for an administrator
Not of the accounts below. Kept for 30 days, or as long as the server has it. Raises MISSING_API_KEY.';
COMMENT ON COLUMN account_api.webhook_deliveries.event_id IS 'The id, for redeliver_webhook(): the header webhook-id.';
COMMENT ON COLUMN account_api.webhook_deliveries.account_id IS 'The account that is told.';
COMMENT ON COLUMN account_api.webhook_deliveries.type IS 'What happened: account.updated and the like.';
COMMENT ON COLUMN account_api.webhook_deliveries.body IS 'What is sent, byte for byte.';
COMMENT ON COLUMN account_api.webhook_deliveries.state IS 'waiting; sending: an attempt is under way; retrying: the last one has failed; delivered; dead: given up after ten attempts, an answer 410 or too long a time; dropped: the account had no webhook URL any more, or one that had answered 410.';
COMMENT ON COLUMN account_api.webhook_deliveries.attempts IS 'How many attempts have begun.';
COMMENT ON COLUMN account_api.webhook_deliveries.url IS 'Where the last one was sent to.';
COMMENT ON COLUMN account_api.webhook_deliveries.http_status IS 'What the last one was answered with; NULL: with nothing.';
COMMENT ON COLUMN account_api.webhook_deliveries.created_at IS 'When it happened.';
COMMENT ON COLUMN account_api.webhook_deliveries.attempted_at IS 'When the last attempt began.';
COMMENT ON COLUMN account_api.webhook_deliveries.next_attempt_at IS 'From when on it is attempted; NULL if it is over, or another of the account comes before it.';
COMMENT ON COLUMN account_api.webhook_deliveries.finished_at IS 'When it was over; NULL if it is not.';

CREATE VIEW account_api.workspaces WITH (security_invoker, security_barrier) AS
	SELECT v.workspace_id,
		v.account_id,
		v.name,
		v.external_id,
		v.labels,
		v.created_by,
		v.created_at,
		v.updated_at,
		account.workspace_state(v.workspace_id) AS state
	FROM account.workspaces v
	WHERE account_api.require_credential();
COMMENT ON VIEW account_api.workspaces IS 'Workspaces of accounts
Read by level tenant: those that the caller reaches, and with read:workspaces or manage:workspaces those of the own account and those below. workspace_state() says whether one is enabled, disabled or archived. Raises MISSING_API_KEY.';
COMMENT ON COLUMN account_api.workspaces.workspace_id IS 'The id; never used again.';
COMMENT ON COLUMN account_api.workspaces.account_id IS 'The account that it belongs to.';
COMMENT ON COLUMN account_api.workspaces.name IS 'Its name, unique in the account whatever the case of its letters from A to Z.';
COMMENT ON COLUMN account_api.workspaces.external_id IS 'The caller''s own id.';
COMMENT ON COLUMN account_api.workspaces.labels IS 'A flat JSON object of strings.';
COMMENT ON COLUMN account_api.workspaces.created_by IS 'The profile that made it; NULL for an administrator or an application.';
COMMENT ON COLUMN account_api.workspaces.created_at IS 'When it was created.';
COMMENT ON COLUMN account_api.workspaces.updated_at IS 'When it was last changed.';
COMMENT ON COLUMN account_api.workspaces.state IS 'enabled, disabled or archived.';

CREATE FUNCTION account_api.current_profile_id() RETURNS uuid
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN account.current_profile_id();
REVOKE ALL ON FUNCTION account_api.current_profile_id() FROM PUBLIC;
COMMENT ON FUNCTION account_api.current_profile_id() IS 'The caller''s profile, NULL without one
Any level; raises nothing.';

CREATE FUNCTION account_api.current_user_id() RETURNS uuid
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN account.current_user_id();
REVOKE ALL ON FUNCTION account_api.current_user_id() FROM PUBLIC;
COMMENT ON FUNCTION account_api.current_user_id() IS 'The user who is calling, NULL for keys
Any level; raises nothing.';

CREATE FUNCTION account_api.current_api_key_id() RETURNS uuid
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN account.current_api_key_id();
REVOKE ALL ON FUNCTION account_api.current_api_key_id() FROM PUBLIC;
COMMENT ON FUNCTION account_api.current_api_key_id() IS 'The API key (or application key) that the caller authenticated with, NULL otherwise
Any level; raises nothing.';

CREATE FUNCTION account_api.current_session_id() RETURNS uuid
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN account.current_session_id();
REVOKE ALL ON FUNCTION account_api.current_session_id() FROM PUBLIC;
COMMENT ON FUNCTION account_api.current_session_id() IS 'The user''s session that the caller authenticated with, NULL otherwise
Any level; raises nothing.';

CREATE FUNCTION account_api.current_identity() RETURNS account.identity
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN account.current_identity();
REVOKE ALL ON FUNCTION account_api.current_identity() FROM PUBLIC;
COMMENT ON FUNCTION account_api.current_identity() IS 'The identity of this transaction, NULL without one
Any level; raises nothing.';

CREATE FUNCTION account_api.is_writable() RETURNS boolean
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN account.is_writable();
REVOKE ALL ON FUNCTION account_api.is_writable() FROM PUBLIC;
COMMENT ON FUNCTION account_api.is_writable() IS 'Whether the caller''s account takes writes: false without an identity and while the account or one above it is archived
Any level; raises nothing.';

CREATE FUNCTION account_api.has_permission(permission text, workspace_id uuid DEFAULT NULL, service text DEFAULT NULL) RETURNS boolean
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN account.has_permission(permission, workspace_id, service);
REVOKE ALL ON FUNCTION account_api.has_permission(text, uuid, text) FROM PUBLIC;
COMMENT ON FUNCTION account_api.has_permission(text, uuid, text) IS 'Whether the caller has a permission (verb:resource, no wildcard): in the whole account, or also in a workspace that it reaches, or for a service, where it is asked so
A denial by any role that applies overrides every grant. False without an identity, and for a permission that is not defined. Any level; raises nothing.';

CREATE FUNCTION account_api.require_permission(permission text, workspace_id uuid DEFAULT NULL, service text DEFAULT NULL) RETURNS void
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN account.require_permission(permission, workspace_id, service);
REVOKE ALL ON FUNCTION account_api.require_permission(text, uuid, text) FROM PUBLIC;
COMMENT ON FUNCTION account_api.require_permission(text, uuid, text) IS 'Raises FORBIDDEN where has_permission() says false, MISSING_API_KEY without an identity
Any level.';

CREATE FUNCTION account_api.can_access_workspace(workspace_id uuid) RETURNS boolean
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN account.can_access_workspace(workspace_id);
REVOKE ALL ON FUNCTION account_api.can_access_workspace(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.can_access_workspace(uuid) IS 'Whether the caller reaches a workspace of its account: one that it was granted and that is neither disabled nor archived
Any level; raises nothing.';

CREATE FUNCTION account_api.effective_plan(
		account_id uuid DEFAULT NULL,
		OUT plan text,
		OUT provided_by uuid,
		OUT monthly_cost numeric,
		OUT renewal_date timestamp with time zone,
		OUT limits jsonb,
		OUT features jsonb)
	RETURNS record
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	BEGIN ATOMIC
		SELECT r.plan, r.provided_by, r.monthly_cost, r.renewal_date, r.limits, r.features FROM account.effective_plan(effective_plan.account_id) r;
	END;
REVOKE ALL ON FUNCTION account_api.effective_plan(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.effective_plan(uuid) IS 'The plan that applies to an account, its own or the nearest above; all NULL if there is none
provided_by (the account that holds it), monthly_cost and renewal_date are shown to that account itself and to administrators alone. The caller''s own account, if none is named, or one below it; administrators: any. Raises MISSING_API_KEY, NOT_FOUND, BAD_REQUEST.';

CREATE FUNCTION account_api.plan_limit(resource text, account_id uuid DEFAULT NULL) RETURNS bigint
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	RETURN account.plan_limit(resource, account_id);
REVOKE ALL ON FUNCTION account_api.plan_limit(text, uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.plan_limit(text, uuid) IS 'How many of a resource the effective plan of an account allows: for each account, or for the whole tree of the plan''s holder where the plan says so; NULL if there is no limit
The caller''s own account, if none is named, or one below it; administrators: any. Raises MISSING_API_KEY, NOT_FOUND, BAD_REQUEST.';

CREATE FUNCTION account_api.plan_feature(feature text, account_id uuid DEFAULT NULL) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	RETURN account.plan_feature(feature, account_id);
REVOKE ALL ON FUNCTION account_api.plan_feature(text, uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.plan_feature(text, uuid) IS 'What the effective plan of an account says of a feature; NULL if it does not name it
The caller''s own account, if none is named, or one below it; administrators: any. Raises MISSING_API_KEY, NOT_FOUND, BAD_REQUEST.';

CREATE FUNCTION account_api.create_api_key(
		profile_id uuid,
		name text,
		permissions text[] DEFAULT NULL,
		expires_in interval DEFAULT NULL,
		workspace_ids uuid[] DEFAULT '{}',
		allowed_ips cidr[] DEFAULT NULL,
		description text DEFAULT NULL)
	RETURNS account.issued_api_key
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.create_api_key(profile_id, name, permissions, expires_in, workspace_ids, allowed_ips, description);
REVOKE ALL ON FUNCTION account_api.create_api_key(uuid, text, text[], interval, uuid[], cidr[], text) FROM PUBLIC;
COMMENT ON FUNCTION account_api.create_api_key(uuid, text, text[], interval, uuid[], cidr[], text) IS 'Issues an API key for a profile and returns its token, this once
permissions (verb:resource, * on either side), allowed_ips, workspace_ids and expires_in are at most the caller''s own; NULL means the caller''s own. permissions and workspace_ids are at most the profile''s too, and are cut at each authentication to what the profile has then; NULL by an administrator is everything that the profile has, then as later. With manage:api_keys, for the own account and those below, or by an administrator. Raises FORBIDDEN for more than the caller or the profile has, NOT_FOUND for a profile or workspace out of reach, VALIDATION_FAILED, ARCHIVED, ACCOUNT_SUSPENDED, MAX_RESOURCES_REACHED if the plan''s limit api_keys is reached.';

CREATE FUNCTION account_api.rotate_api_key(api_key_id uuid, overlap interval DEFAULT '00:00:00') RETURNS account.issued_api_key
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.rotate_api_key(api_key_id, overlap);
REVOKE ALL ON FUNCTION account_api.rotate_api_key(uuid, interval) FROM PUBLIC;
COMMENT ON FUNCTION account_api.rotate_api_key(uuid, interval) IS 'Replaces a key by a new one with the same rights, workspaces, networks, expiry, name, description and labels, and returns its token, this once; the external_id goes over to the new one
The old one stays good for overlap (0 to 30 days), without create:* and manage:*. By the key itself, or with manage:api_keys and every right of the key, for the own account and those below, or by an administrator. Raises CONFLICT if the key is replaced already, NOT_FOUND if it is out of reach or ended, FORBIDDEN, VALIDATION_FAILED.';

CREATE FUNCTION account_api.revoke_api_key(api_key_id uuid, reason text DEFAULT NULL, successors boolean DEFAULT false) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.revoke_api_key(api_key_id, reason, successors);
REVOKE ALL ON FUNCTION account_api.revoke_api_key(uuid, text, boolean) FROM PUBLIC;
COMMENT ON FUNCTION account_api.revoke_api_key(uuid, text, boolean) IS 'Ends a key, and with successors all keys that have replaced it, from the next authentication on or first use in a transaction
It waits for nobody; revoking twice is no error. With manage:api_keys, for the own account and those below, or by an administrator (application keys too). Raises NOT_FOUND if the key is out of reach, FORBIDDEN, VALIDATION_FAILED.';

CREATE FUNCTION account_api.verify_api_key(
		token text,
		OUT valid boolean,
		OUT error text,
		OUT account_id uuid,
		OUT profile_id uuid,
		OUT api_key_id uuid,
		OUT permissions text[],
		OUT workspace_ids uuid[],
		OUT expires_at timestamp with time zone)
	RETURNS record
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	BEGIN ATOMIC
		SELECT r.valid, r.error, r.account_id, r.profile_id, r.api_key_id, r.permissions, r.workspace_ids, r.expires_at FROM account.verify_api_key(verify_api_key.token) r;
	END;
REVOKE ALL ON FUNCTION account_api.verify_api_key(text) FROM PUBLIC;
COMMENT ON FUNCTION account_api.verify_api_key(text) IS 'Whether an API key is good now, and for what; makes no identity and is no use of it
A key that is not gives valid false and the code in error. permissions and workspace_ids are those that it has now, as far as its profile has them, also while it is being replaced, when create:* and manage:* are refused to it. Any level; raises nothing of its own.';

CREATE FUNCTION account_api.update_api_key(api_key_id uuid, changes jsonb) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.update_api_key(api_key_id, changes);
REVOKE ALL ON FUNCTION account_api.update_api_key(uuid, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION account_api.update_api_key(uuid, jsonb) IS 'Changes what a key is called: changes has any of name, description, external_id, labels (the last replaced as a whole), and allowed_ips, an array of networks that all lie within those that it has; it is never widened
Its token and permissions stay. With manage:api_keys, for the own account and those below, or by an administrator (application keys too). Raises NOT_FOUND if the key is out of reach, FORBIDDEN (also for wider networks), VALIDATION_FAILED with an entry for each unknown or invalid member, CONFLICT if a good key of the account has the external_id or the key was replaced, ARCHIVED and ACCOUNT_SUSPENDED for anything but allowed_ips.';

CREATE FUNCTION account_api.workspace_state(workspace_id uuid) RETURNS text
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	RETURN account.workspace_state(workspace_id);
REVOKE ALL ON FUNCTION account_api.workspace_state(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.workspace_state(uuid) IS 'Whether a workspace is enabled, disabled or archived: SELECT name, account.workspace_state(workspace_id) FROM account.workspaces
NULL for one that is not there, or not of the caller''s account or those below; an administrator is told of any. Level tenant; raises nothing.';

CREATE FUNCTION account_api.create_workspace(name text, account_id uuid DEFAULT NULL) RETURNS uuid
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.create_workspace(name, account_id);
REVOKE ALL ON FUNCTION account_api.create_workspace(text, uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.create_workspace(text, uuid) IS 'Creates a workspace of the caller''s own account, or of one below it, and returns its id
The system key of the account reaches it, and in its own account the caller''s profile from its next transaction on, and the key that it came with. manage:workspaces; administrators: any. Raises MISSING_API_KEY, FORBIDDEN, NOT_FOUND for the account, VALIDATION_FAILED, CONFLICT for a name that the account has, MAX_RESOURCES_REACHED beyond the limit workspaces, ARCHIVED, ACCOUNT_SUSPENDED.';

CREATE FUNCTION account_api.update_workspace(workspace_id uuid, changes jsonb) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.update_workspace(workspace_id, changes);
REVOKE ALL ON FUNCTION account_api.update_workspace(uuid, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION account_api.update_workspace(uuid, jsonb) IS 'Changes what changes names of a workspace: name, external_id, labels (replaced as a whole)
manage:workspaces in the own account and those below; administrators. Raises MISSING_API_KEY, FORBIDDEN, NOT_FOUND, VALIDATION_FAILED with an entry for each unknown or invalid member (nothing is changed then), CONFLICT for a name that is taken, ARCHIVED where the workspace or the account is, ACCOUNT_SUSPENDED.';

CREATE FUNCTION account_api.disable_workspace(workspace_id uuid) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.disable_workspace(workspace_id);
REVOKE ALL ON FUNCTION account_api.disable_workspace(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.disable_workspace(uuid) IS 'Makes that nobody reaches a workspace, from the next transaction of each on
Twice is no error. Waits for nobody. manage:workspaces in the own account and those below; administrators. Raises MISSING_API_KEY, FORBIDDEN, NOT_FOUND.';

CREATE FUNCTION account_api.enable_workspace(workspace_id uuid) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.enable_workspace(workspace_id);
REVOKE ALL ON FUNCTION account_api.enable_workspace(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.enable_workspace(uuid) IS 'Ends what disable_workspace() did; no error where it is not disabled
manage:workspaces in the own account and those below; administrators. Raises MISSING_API_KEY, FORBIDDEN (also where an administrator or an account above the caller disabled it), NOT_FOUND.';

CREATE FUNCTION account_api.archive_workspace(workspace_id uuid) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.archive_workspace(workspace_id);
REVOKE ALL ON FUNCTION account_api.archive_workspace(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.archive_workspace(uuid) IS 'Puts a workspace away: nobody reaches it, nobody is granted it, it is not changed, and it does not count against the limit workspaces
Twice is no error. manage:workspaces in the own account and those below; administrators. Raises MISSING_API_KEY, FORBIDDEN, NOT_FOUND, CONFLICT for the last one of an account that is not archived, at once or when the transaction commits.';

CREATE FUNCTION account_api.unarchive_workspace(workspace_id uuid) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.unarchive_workspace(workspace_id);
REVOKE ALL ON FUNCTION account_api.unarchive_workspace(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.unarchive_workspace(uuid) IS 'Ends what archive_workspace() did; no error where it is not archived
manage:workspaces in the own account and those below; administrators. Raises MISSING_API_KEY, FORBIDDEN (also where an administrator or an account above the caller archived it), NOT_FOUND, MAX_RESOURCES_REACHED beyond the limit workspaces, ARCHIVED where the account is, ACCOUNT_SUSPENDED.';

CREATE FUNCTION account_api.grant_workspace(profile_or_key_id uuid, workspace_id uuid) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.grant_workspace(profile_or_key_id, workspace_id);
REVOKE ALL ON FUNCTION account_api.grant_workspace(uuid, uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.grant_workspace(uuid, uuid) IS 'Lets a profile, or one of its API keys, reach a workspace of its account, from its next transaction on; a key reaches what its profile reaches too
Twice is no error. In its own account the caller reaches the workspace itself. manage:workspaces in the own account and those below; administrators. Raises MISSING_API_KEY, FORBIDDEN (also when the transaction commits, if the caller has lost what it gives), NOT_FOUND for the profile or key, and for a workspace that is not of its account or that the caller, or the profile of the key, does not reach; BAD_REQUEST, ARCHIVED where the workspace or the account is, ACCOUNT_SUSPENDED.';

CREATE FUNCTION account_api.revoke_workspace(profile_or_key_id uuid, workspace_id uuid) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.revoke_workspace(profile_or_key_id, workspace_id);
REVOKE ALL ON FUNCTION account_api.revoke_workspace(uuid, uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.revoke_workspace(uuid, uuid) IS 'Ends what grant_workspace() did, from the next transaction on; of a profile, for all its keys
Twice is no error. manage:workspaces in the own account and those below; administrators. Raises MISSING_API_KEY, FORBIDDEN, NOT_FOUND for the profile or key, or the workspace, BAD_REQUEST, and CONFLICT where the profile reaches the workspace by a role, which is to be unassigned.';

CREATE FUNCTION account_api.create_role(
		name text,
		permissions text[],
		denied text[] DEFAULT '{}',
		account_id uuid DEFAULT NULL)
	RETURNS uuid
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.create_role(name, permissions, denied, account_id);
REVOKE ALL ON FUNCTION account_api.create_role(text, text[], text[], uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.create_role(text, text[], text[], uuid) IS 'Creates a role of the caller''s own account, or of one below it, and returns its id
permissions are what it grants, denied what it takes whatever other roles grant: verb:resource, * on either side. The caller has all of it. manage:roles; administrators: any. Raises MISSING_API_KEY, FORBIDDEN (also when the transaction commits, if the caller has lost what it gives), NOT_FOUND for the account, VALIDATION_FAILED with an entry for each permission that is malformed or not defined, CONFLICT for a name that the account or a built-in role has, ARCHIVED, ACCOUNT_SUSPENDED.';

CREATE FUNCTION account_api.update_role(role_id uuid, changes jsonb) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.update_role(role_id, changes);
REVOKE ALL ON FUNCTION account_api.update_role(uuid, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION account_api.update_role(uuid, jsonb) IS 'Changes what changes names of a role: name, permissions, denied (both replaced as a whole), description
Whoever has it has what it says from their next transaction on. The caller has all of it, before and after, and what is not denied any longer; what is newly denied takes a caller who has all that the profiles with the role have. manage:roles in the own account and those below; administrators. Raises MISSING_API_KEY, FORBIDDEN (also for a built-in role, and when the transaction commits), NOT_FOUND, VALIDATION_FAILED, CONFLICT for a name that is taken, ARCHIVED, ACCOUNT_SUSPENDED.';

CREATE FUNCTION account_api.delete_role(role_id uuid) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.delete_role(role_id);
REVOKE ALL ON FUNCTION account_api.delete_role(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.delete_role(uuid) IS 'Deletes a role that nobody has
The caller has all of it. manage:roles in the own account and those below; administrators. Raises MISSING_API_KEY, FORBIDDEN (also for a built-in role), NOT_FOUND, CONFLICT while it is assigned.';

CREATE FUNCTION account_api.assign_role(
		profile_id uuid,
		role text,
		workspace_id uuid DEFAULT NULL,
		service text DEFAULT NULL,
		descendants boolean DEFAULT false,
		expires_in interval DEFAULT NULL)
	RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.assign_role(profile_id, role, workspace_id, service, descendants, expires_in);
REVOKE ALL ON FUNCTION account_api.assign_role(uuid, text, uuid, text, boolean, interval) FROM PUBLIC;
COMMENT ON FUNCTION account_api.assign_role(uuid, text, uuid, text, boolean, interval) IS 'Gives a profile a role of its account, or a built-in one
In the whole account, or in one workspace (whose reach comes with it), or for one service of the application (a word of lower-case letters, digits, _ and -), or both; with descendants, for a user, in all accounts below too. It is in force from the next transaction on, and ends by itself after expires_in. Assigned again in the same scope, it takes the place of the first. The caller has all of the role, reaches the workspace, and lasts as long itself: without expires_in it ends when the caller does. For the accounts below it takes an owner, or who has the role for them. A role that denies is given by who has all that the profile has. manage:roles in the own account and those below; administrators. Raises MISSING_API_KEY, FORBIDDEN (also for the system service account, and when the transaction commits, if the caller has lost what it gives), NOT_FOUND for the profile, role or workspace, VALIDATION_FAILED, CONFLICT where the last owner would get an end, ARCHIVED, ACCOUNT_SUSPENDED.';

CREATE FUNCTION account_api.unassign_role(
		profile_id uuid,
		role text,
		workspace_id uuid DEFAULT NULL,
		service text DEFAULT NULL)
	RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.unassign_role(profile_id, role, workspace_id, service);
REVOKE ALL ON FUNCTION account_api.unassign_role(uuid, text, uuid, text) FROM PUBLIC;
COMMENT ON FUNCTION account_api.unassign_role(uuid, text, uuid, text) IS 'Takes a role from a profile, in the scope that it was assigned in, from its next transaction on
Of other profiles by who has all of the role; a role that denies by who has what it denies. manage:roles in the own account and those below; administrators. Raises MISSING_API_KEY, FORBIDDEN (also for the system service account), NOT_FOUND for the profile or role, and where the profile does not have it there, VALIDATION_FAILED, CONFLICT for the last owner of an account, at once or when the transaction commits.';

CREATE FUNCTION account_api.create_service_account(
		name text,
		role text,
		description text DEFAULT NULL,
		owner text DEFAULT NULL,
		systems text[] DEFAULT '{}',
		account_id uuid DEFAULT NULL)
	RETURNS account.issued_api_key
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.create_service_account(name, role, description, owner, systems, account_id);
REVOKE ALL ON FUNCTION account_api.create_service_account(text, text, text, text, text[], uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.create_service_account(text, text, text, text, text[], uuid) IS 'Creates a service account of the caller''s own account, or of one below it, with a role in all of it, and returns its first API key, shown this once
description says what it is for, owner who answers for it, systems what it connects. The caller has all of the role; the key has what the role grants now, no workspace, and at most the caller''s expiry and networks. manage:service_accounts; administrators: any. Raises MISSING_API_KEY, FORBIDDEN (also when the transaction commits, if the caller has lost what it gives), NOT_FOUND for the account or role, VALIDATION_FAILED, also for a name that account.service_account_name_pattern does not match, MAX_RESOURCES_REACHED beyond the limits service_accounts and api_keys, ARCHIVED, ACCOUNT_SUSPENDED.';

CREATE FUNCTION account_api.update_profile(profile_id uuid, changes jsonb) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.update_profile(profile_id, changes);
REVOKE ALL ON FUNCTION account_api.update_profile(uuid, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION account_api.update_profile(uuid, jsonb) IS 'Changes what changes names of a member''s profile or a service account: name, description, owner, systems, external_id, labels (lists and labels are replaced as a whole)
manage:members for a member, manage:service_accounts for a service account, in the own account and those below; administrators. Raises MISSING_API_KEY, FORBIDDEN (also for the system service account), NOT_FOUND, VALIDATION_FAILED with an entry for each unknown or invalid member (nothing is changed then), ARCHIVED, ACCOUNT_SUSPENDED.';

CREATE FUNCTION account_api.disable_profile(profile_id uuid) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.disable_profile(profile_id);
REVOKE ALL ON FUNCTION account_api.disable_profile(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.disable_profile(uuid) IS 'Stops a member in this account, or a service account: none of its keys works, and its sessions reach the account no more, from the next transaction on
Twice is no error. Waits for nobody. manage:members for a member, manage:service_accounts for a service account, in the own account and those below, by who has all that the profile has; administrators. Raises MISSING_API_KEY, FORBIDDEN (also for the system service account), NOT_FOUND, CONFLICT for the last owner of an account, at once or when the transaction commits.';

CREATE FUNCTION account_api.enable_profile(profile_id uuid) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.enable_profile(profile_id);
REVOKE ALL ON FUNCTION account_api.enable_profile(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.enable_profile(uuid) IS 'Ends what disable_profile() did; no error where it is not disabled
By who may call that. Raises the same but CONFLICT; FORBIDDEN also where an administrator or an account above the caller disabled it.';

CREATE FUNCTION account_api.delete_profile(profile_id uuid) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.delete_profile(profile_id);
REVOKE ALL ON FUNCTION account_api.delete_profile(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.delete_profile(uuid) IS 'Ends a membership, or a service account, for good: its keys, roles and workspaces go; its row stays, so that what it has made can name it
What it has made stays too. manage:members for a member, manage:service_accounts for a service account, in the own account and those below, by who has all that the profile has; administrators. Raises MISSING_API_KEY, FORBIDDEN (also for the system service account), NOT_FOUND, CONFLICT for the last owner of an account, at once or when the transaction commits.';

CREATE FUNCTION account_api.create_user(email text, password text DEFAULT NULL, external_id text DEFAULT NULL) RETURNS uuid
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.create_user(email, password, external_id);
REVOKE ALL ON FUNCTION account_api.create_user(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION account_api.create_user(text, text, text) IS 'Creates a user, who has no roles and is vouched for by the caller: no proof of the e-mail is asked for
Without a password they log in once they have set one with a user token. external_id is unique among the users of the creating account. Needs extension pgcrypto for a password. create:users in the caller''s own account; administrators. Raises MISSING_API_KEY, FORBIDDEN, ARCHIVED, ACCOUNT_SUSPENDED, VALIDATION_FAILED, and CONFLICT for an e-mail or external_id that is there already.';

CREATE FUNCTION account_api.change_password(old_password text, new_password text) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.change_password(old_password, new_password);
REVOKE ALL ON FUNCTION account_api.change_password(text, text) FROM PUBLIC;
COMMENT ON FUNCTION account_api.change_password(text, text) IS 'Changes the password of the user whose session is the caller''s and ends the user''s other sessions and user tokens
Attempts with a wrong old password count as those of login(); without shared_preload_libraries they do not, because the error takes the count along. Pass passwords as bind parameters. Level tenant. Raises MISSING_API_KEY, FORBIDDEN without a session of one''s own, INVALID_AUTHORIZATION for a wrong old password and while it is locked, VALIDATION_FAILED, CONFLICT if it was changed at the same moment.';

CREATE FUNCTION account_api.revoke_session(session_id uuid) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.revoke_session(session_id);
REVOKE ALL ON FUNCTION account_api.revoke_session(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.revoke_session(uuid) IS 'Ends a session of the user whose session is the caller''s; one that has ended already is no error
Level tenant. Raises MISSING_API_KEY, FORBIDDEN for an identity that is not of a session, NOT_FOUND for what is not the user''s.';

CREATE FUNCTION account_api.invite_member(
		email text,
		role text,
		expires_in interval DEFAULT '7 days',
		account_id uuid DEFAULT NULL)
	RETURNS account.issued_invitation
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.invite_member(email, role, expires_in, account_id);
REVOKE ALL ON FUNCTION account_api.invite_member(text, text, interval, uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.invite_member(text, text, interval, uuid) IS 'Invites whoever has an e-mail address to become a member of an account, the caller''s own if none is named, and returns the invitation''s token, this once; the answer is the same whether there is such a user or not
It is good once, for expires_in (more than 0, at most 30 days) and no longer than what the caller may issue, and only while the caller still may send it and has every permission of the role; an earlier one to the same address of the same account is revoked. With manage:members and every permission of the role, for the own account and those below, or by an administrator. Raises CONFLICT if the address is a member''s, FORBIDDEN, NOT_FOUND, ARCHIVED, ACCOUNT_SUSPENDED, VALIDATION_FAILED.';

CREATE FUNCTION account_api.revoke_invitation(invitation_id uuid) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.revoke_invitation(invitation_id);
REVOKE ALL ON FUNCTION account_api.revoke_invitation(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.revoke_invitation(uuid) IS 'Ends an invitation
It waits for nobody: an acceptance that is not committed yet fails. Revoking twice is no error. With manage:members, for the own account and those below, or by an administrator. Raises NOT_FOUND if it is out of reach, CONFLICT if it was accepted, FORBIDDEN.';

CREATE FUNCTION account_api.add_member(
		user_id uuid,
		role text,
		account_id uuid DEFAULT NULL,
		expires_in interval DEFAULT NULL,
		reason text DEFAULT NULL)
	RETURNS uuid
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.add_member(user_id, role, account_id, expires_in, reason);
REVOKE ALL ON FUNCTION account_api.add_member(uuid, text, uuid, interval, text) FROM PUBLIC;
COMMENT ON FUNCTION account_api.add_member(uuid, text, uuid, interval, text) IS 'Makes a user a member of an account, the caller''s own if none is named, with a role in the whole of it, and returns the new profile''s id
With expires_in the membership ends by itself, and all that comes of it; NULL is the caller''s own end. reason (at most 1,000 characters) is kept. With manage:members and every permission of the role, for the own account and those below and for users that the own account or one below it has created; by an administrator for any user. Raises NOT_FOUND for a user, role or account out of reach and for a user that is disabled or was erased, FORBIDDEN for more than the caller has, CONFLICT if the user is a member (a membership that has ended is replaced), MAX_RESOURCES_REACHED, ARCHIVED, ACCOUNT_SUSPENDED, VALIDATION_FAILED.';

CREATE FUNCTION account_api.remove_member(profile_id uuid) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.remove_member(profile_id);
REVOKE ALL ON FUNCTION account_api.remove_member(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.remove_member(uuid) IS 'Ends a membership: its roles, the keys of its profile and the open invitations to the same address end with it, from the next transaction of every session on; service accounts and their keys stay, whoever made them
It waits for keys that are being issued for the profile; disable_profile() waits for nobody. With manage:members, for the own account and those below, by an administrator, or by the member itself, who leaves. Raises NOT_FOUND if there is no such member within reach, CONFLICT for the last owner, FORBIDDEN.';

CREATE FUNCTION account_api.accept_invitation(token text) RETURNS uuid
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.accept_invitation(token);
REVOKE ALL ON FUNCTION account_api.accept_invitation(text) FROM PUBLIC;
COMMENT ON FUNCTION account_api.accept_invitation(text) IS 'Makes the calling user a member of the account that it is invited to, and returns the new profile''s id; it may act there from its next transaction on
The user''s address has to be the one that the invitation was sent to, and is proven by it: if it was not before, the password and the other sessions of the user end. An identity with a user, in an account or in none. Raises NOT_FOUND alike for an invitation that is unknown, another''s, used, revoked or expired, or whose sender may not send it any more; CONFLICT for a member; FORBIDDEN for a key; MAX_RESOURCES_REACHED, ARCHIVED, ACCOUNT_SUSPENDED, MISSING_API_KEY, VALIDATION_FAILED.';

CREATE FUNCTION account_api.memberships(
		OUT account_id uuid,
		OUT account_name text,
		OUT profile_id uuid,
		OUT roles text[],
		OUT expires_at timestamp with time zone)
	RETURNS SETOF record
	LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10
	BEGIN ATOMIC
		SELECT r.account_id, r.account_name, r.profile_id, r.roles, r.expires_at FROM account.memberships() r;
	END;
REVOKE ALL ON FUNCTION account_api.memberships() FROM PUBLIC;
COMMENT ON FUNCTION account_api.memberships() IS 'The accounts that the calling user is a member of, by name: what authenticate() takes as account_id
roles are all that it has there, in any scope. A membership that has ended, or whose profile is disabled, is none; a suspended account is listed, and refuses who enters. Any level, an identity with a user, in an account or in none. Raises MISSING_API_KEY, FORBIDDEN for a key.';

CREATE FUNCTION account_api.get_account(account_id uuid DEFAULT NULL) RETURNS account.account_resource
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	RETURN account.get_account(account_id);
REVOKE ALL ON FUNCTION account_api.get_account(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.get_account(uuid) IS 'An account: the caller''s own, if none is named, or one below it; administrators: any
Raises MISSING_API_KEY, NOT_FOUND, BAD_REQUEST.';

CREATE FUNCTION account_api.update_account(account_id uuid, changes jsonb) RETURNS account.account_resource
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.update_account(account_id, changes);
REVOKE ALL ON FUNCTION account_api.update_account(uuid, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION account_api.update_account(uuid, jsonb) IS 'Changes what changes names: name, branding, description (at most 10,000 characters), domain, billing_email, labels, webhook_url (https); accounts above also external_id, administrators also stripe_customer_id
null clears what may be empty; branding and labels are replaced as a whole. update:accounts in the caller''s own account or one below it; administrators: any. Raises MISSING_API_KEY, FORBIDDEN, NOT_FOUND, BAD_REQUEST, VALIDATION_FAILED with an entry for each unknown or invalid member (nothing is changed then), ARCHIVED (administrators excepted), and CONFLICT if a sibling has that external_id.';

CREATE FUNCTION account_api.account_ancestors(account_id uuid) RETURNS SETOF account.account_summary
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	BEGIN ATOMIC
		SELECT r.* FROM account.account_ancestors(account_id) r;
	END;
REVOKE ALL ON FUNCTION account_api.account_ancestors(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.account_ancestors(uuid) IS 'The accounts above an account, the root first, without itself; depth is 1 for its parent
Of accounts above the caller''s own only ids and depth are shown. The caller''s own account or one below it; administrators: any. Raises MISSING_API_KEY, NOT_FOUND, BAD_REQUEST.';

CREATE FUNCTION account_api.account_descendants(account_id uuid, depth integer DEFAULT NULL) RETURNS SETOF account.account_summary
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	BEGIN ATOMIC
		SELECT r.* FROM account.account_descendants(account_id, depth) r;
	END;
REVOKE ALL ON FUNCTION account_api.account_descendants(uuid, integer) FROM PUBLIC;
COMMENT ON FUNCTION account_api.account_descendants(uuid, integer) IS 'The accounts below an account, without itself, nearest levels first, then the oldest; depth is 1 for its children, and with an argument depth no more levels than that are shown
The caller''s own account or one below it; administrators: any. Raises MISSING_API_KEY, NOT_FOUND, BAD_REQUEST, and VALIDATION_FAILED for a depth below 1.';

CREATE FUNCTION account_api.account_tree(account_id uuid DEFAULT NULL) RETURNS text
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	RETURN account.account_tree(account_id);
REVOKE ALL ON FUNCTION account_api.account_tree(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.account_tree(uuid) IS 'An account and all below it, drawn for people: a line each with the name, the plan where the account has its own, and whether it is archived or suspended, by itself or by one above
The caller''s own account, if none is named, or one below it; administrators: any. Raises MISSING_API_KEY, NOT_FOUND, BAD_REQUEST.';

CREATE FUNCTION account_api.describe_account(account_id uuid DEFAULT NULL) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	RETURN account.describe_account(account_id);
REVOKE ALL ON FUNCTION account_api.describe_account(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.describe_account(uuid) IS 'An account as {info, metadata, spec}: the caller''s own, if none is named, or one below it; administrators: any
metadata is {id, accountId, name, profileId, externalId, labels}, profileId being the account''s system service account. spec is {billingEmail, description, domain, workspaces}, the last being the oldest five workspaces as {id, name}: with read:workspaces or manage:workspaces any, otherwise those that the caller reaches. info.globalApiKey is the newest live key of the system service account, as describe_api_key() shows it, or null; of an account below only with read:api_keys or manage:api_keys. Raises MISSING_API_KEY, NOT_FOUND, BAD_REQUEST.';

CREATE FUNCTION account_api.describe_profile(profile_id uuid) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	RETURN account.describe_profile(profile_id);
REVOKE ALL ON FUNCTION account_api.describe_profile(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.describe_profile(uuid) IS 'A profile as {metadata, spec}
spec is {kind, userId, email, description, owner, systems, system, disabled, rolesPreview, rolesTotal, expiresAt}; at most five names of roles are shown. The caller''s own; with read:members or manage:members those of members, with read:service_accounts or manage:service_accounts those of service accounts, of the own account and those below; administrators: any. Raises MISSING_API_KEY, FORBIDDEN, NOT_FOUND.';

CREATE FUNCTION account_api.describe_api_key(api_key_id uuid) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	RETURN account.describe_api_key(api_key_id);
REVOKE ALL ON FUNCTION account_api.describe_api_key(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.describe_api_key(uuid) IS 'An API key as {metadata, spec, info}
metadata.profileId is the profile that it authenticates, spec is {description, permissions, system}, without the token, and info {createdBy, workspacesPreview, workspacesTotal}: at most five workspaces as {id, name}, and who issued it as describe_profile() shows it, only its ids where the caller may not read that profile, null for an administrator. The caller''s own; with read:api_keys or manage:api_keys those of the own account and those below; administrators: any that belongs to an account. Raises MISSING_API_KEY, FORBIDDEN, NOT_FOUND.';

CREATE FUNCTION account_api.create_account(
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
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.create_account(name, parent_account_id, branding, description, domain, billing_email, external_id, labels, account_id);
REVOKE ALL ON FUNCTION account_api.create_account(text, uuid, jsonb, text, text, text, text, jsonb, uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.create_account(text, uuid, jsonb, text, text, text, text, jsonb, uuid) IS 'Makes an account below the caller''s own, or below the one named as parent; for administrators who name none, a root
It is billed where its parent is. Returns it with its first API key, shown this once. account_id, for tenants that exist already, is given by administrators alone. create:accounts in the caller''s own account or one below it; administrators. Raises MISSING_API_KEY, FORBIDDEN, NOT_FOUND for the parent, VALIDATION_FAILED with an entry for each invalid value, ACCOUNT_SUSPENDED or ARCHIVED where the parent is, BAD_REQUEST beyond account.max_depth, MAX_RESOURCES_REACHED beyond the limit sub_accounts, and CONFLICT for an external_id that a sibling has (naming its id) or an account_id that was ever used.';

CREATE FUNCTION account_api.archive_account(account_id uuid) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.archive_account(account_id);
REVOKE ALL ON FUNCTION account_api.archive_account(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.archive_account(uuid) IS 'Makes an account and all below it read-only: still visible, no longer changed
Twice is no error. Waits for nobody. manage:accounts in the caller''s own account or one below it; administrators: any. Raises MISSING_API_KEY, FORBIDDEN, NOT_FOUND, BAD_REQUEST.';

CREATE FUNCTION account_api.unarchive_account(account_id uuid) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.unarchive_account(account_id);
REVOKE ALL ON FUNCTION account_api.unarchive_account(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.unarchive_account(uuid) IS 'Ends what archive_account() did to this account; no error where it is not archived
manage:accounts in the caller''s own account or one below it; administrators: any. Raises MISSING_API_KEY, FORBIDDEN (also where an administrator or an account above the caller archived it), NOT_FOUND, BAD_REQUEST.';

CREATE FUNCTION account_api.record_audit(action text, object_type text, object_id uuid, detail jsonb DEFAULT '{}') RETURNS uuid
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.record_audit(action, object_type, object_id, detail);
REVOKE ALL ON FUNCTION account_api.record_audit(text, text, uuid, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION account_api.record_audit(text, text, uuid, jsonb) IS 'Writes an entry of the application into the audit log of the caller''s account, and returns its id
Who, when and from where is filled in. action is like "invoice.sent": words of lower-case letters, digits and underscores with dots between, the first none of the extension''s own; object_type is one such word, object_id may be null, detail a JSON object of at most 64 KB. Put no secret and nothing personal into it: it cannot be erased. Level tenant, with an account. Raises MISSING_API_KEY, FORBIDDEN, VALIDATION_FAILED, and BAD_REQUEST in a read-only transaction.';

CREATE FUNCTION account_api.rotate_webhook_secret(overlap interval DEFAULT '24 hours', account_id uuid DEFAULT NULL) RETURNS text
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.rotate_webhook_secret(overlap, account_id);
REVOKE ALL ON FUNCTION account_api.rotate_webhook_secret(interval, uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.rotate_webhook_secret(interval, uuid) IS 'Generates a new webhook secret of the caller''s account and returns it
"whsec_" and base64, as Standard Webhooks has it. Those before it go on signing beside it for the overlap (0 to 30 days); 0 ends them at once. manage:webhooks. Raises MISSING_API_KEY, FORBIDDEN, NOT_FOUND, VALIDATION_FAILED, ARCHIVED, ACCOUNT_SUSPENDED, CONFLICT with five secrets in force (never without an overlap), and INTERNAL_SERVER_ERROR where the server''s master key cannot be read.';

CREATE FUNCTION account_api.redeliver_webhook(event_id uuid) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.redeliver_webhook(event_id);
REVOKE ALL ON FUNCTION account_api.redeliver_webhook(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.redeliver_webhook(uuid) IS 'Has an event delivered to the webhook URL again, with the same id and body, after all others of the account
Of one that waits to be tried again the next attempt is due now; one that is under way, or comes after others, is left alone. Where an answer 410 had ended the sending, it is taken up again. manage:webhooks. Raises MISSING_API_KEY, FORBIDDEN, NOT_FOUND, ARCHIVED, ACCOUNT_SUSPENDED.';

CREATE FUNCTION account_api.webhook_secret(account_id uuid DEFAULT NULL) RETURNS text
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	RETURN account.webhook_secret(account_id);
REVOKE ALL ON FUNCTION account_api.webhook_secret(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.webhook_secret(uuid) IS 'The newest webhook secret of the caller''s account
"whsec_" and base64: what whoever receives its webhooks checks them with. manage:webhooks. Raises MISSING_API_KEY, FORBIDDEN, NOT_FOUND, and INTERNAL_SERVER_ERROR where the server''s master key cannot be read.';

CREATE FUNCTION account_api.sign_webhook(message_id text, payload text, sent_at timestamp with time zone DEFAULT pg_catalog.now(), account_id uuid DEFAULT NULL) RETURNS text
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	RETURN account.sign_webhook(message_id, payload, sent_at, account_id);
REVOKE ALL ON FUNCTION account_api.sign_webhook(text, text, timestamp with time zone, uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.sign_webhook(text, text, timestamp with time zone, uuid) IS 'The value of the header webhook-signature for a message
A signature by each secret in force, newest first (Standard Webhooks). message_id (1 to 255 visible ASCII characters, no dot) is that of webhook-id, sent_at in whole seconds that of webhook-timestamp; payload (at most 16 MB) is signed as UTF-8 and has to be sent like that, byte for byte. manage:webhooks. Raises MISSING_API_KEY, FORBIDDEN, NOT_FOUND, VALIDATION_FAILED, and INTERNAL_SERVER_ERROR where the server''s master key cannot be read.';

CREATE FUNCTION account_api.verify_webhook(secret text, message_id text, sent_at text, payload text, signature text, tolerance interval DEFAULT '5 minutes') RETURNS boolean
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN account.verify_webhook(secret, message_id, sent_at, payload, signature, tolerance);
REVOKE ALL ON FUNCTION account_api.verify_webhook(text, text, text, text, text, interval) FROM PUBLIC;
COMMENT ON FUNCTION account_api.verify_webhook(text, text, text, text, text, interval) IS 'Whether a webhook that was received is genuine
secret is "whsec_" and base64; message_id, sent_at (whole seconds) and signature are the headers webhook-id, webhook-timestamp and webhook-signature, payload is the body. sent_at has to be within the tolerance (0 to 1 day) of now, before or after. Anything of another form is false. Any level. Raises VALIDATION_FAILED for the tolerance alone.';

CREATE FUNCTION account_api.delete_account(account_id uuid, grace interval DEFAULT '24 hours') RETURNS timestamp with time zone
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.delete_account(account_id, grace);
REVOKE ALL ON FUNCTION account_api.delete_account(uuid, interval) FROM PUBLIC;
COMMENT ON FUNCTION account_api.delete_account(uuid, interval) IS 'Asks for the deletion of an account and of all below it, with everything in them, and returns when it is due: after grace (24 hours to 10 years)
Until then cancel_deletion() takes it back, and they are archived. Twice is no error: the first date stands. Waits for nobody. manage:accounts in the caller''s own account or one below it; administrators: any. Raises MISSING_API_KEY, FORBIDDEN, NOT_FOUND, BAD_REQUEST, VALIDATION_FAILED.';

CREATE FUNCTION account_api.cancel_deletion(account_id uuid) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.cancel_deletion(account_id);
REVOKE ALL ON FUNCTION account_api.cancel_deletion(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.cancel_deletion(uuid) IS 'Takes back what delete_account() asked for of this account; no error where nothing was
manage:accounts in the caller''s own account or one below it; administrators: any. Raises MISSING_API_KEY, FORBIDDEN (also where an administrator or an account above the caller asked for it), NOT_FOUND (also once it is purged), BAD_REQUEST, and CONFLICT once a purge has deleted rows.';

CREATE VIEW account_api.pending_deletions WITH (security_invoker, security_barrier) AS
	SELECT d.account_id, d.requested_at, d.requested_by, d.due_at
	FROM account.pending_deletions d
	WHERE account_api.require_credential();
COMMENT ON VIEW account_api.pending_deletions IS 'The accounts that are to be deleted, of those that the caller may read with read:accounts or manage:accounts
An account is there twice if itself and one above have asked for it. Raises MISSING_API_KEY.';
COMMENT ON COLUMN account_api.pending_deletions.account_id IS 'The account; all below it go with it.';
COMMENT ON COLUMN account_api.pending_deletions.requested_at IS 'When it was asked for.';
COMMENT ON COLUMN account_api.pending_deletions.requested_by IS 'The profile that asked for it; NULL for an administrator or an application.';
COMMENT ON COLUMN account_api.pending_deletions.due_at IS 'From when on it is carried out.';

CREATE FUNCTION account_api.suspend_account(account_id uuid, reason text) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.suspend_account(account_id, reason);
REVOKE ALL ON FUNCTION account_api.suspend_account(uuid, text) FROM PUBLIC;
COMMENT ON FUNCTION account_api.suspend_account(uuid, text) IS 'Stops every credential of an account and of all below it, at once; the reason (1 to 1,000 characters) is kept
Twice is no error. Waits for nobody. manage:accounts in an account below the caller''s own; administrators: any. Raises MISSING_API_KEY, FORBIDDEN (also for the own account), NOT_FOUND, VALIDATION_FAILED, BAD_REQUEST.';

CREATE FUNCTION account_api.resume_account(account_id uuid) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.resume_account(account_id);
REVOKE ALL ON FUNCTION account_api.resume_account(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account_api.resume_account(uuid) IS 'Ends what suspend_account() did to this account; no error where it is not suspended
manage:accounts in an account below the caller''s own; administrators: any. Raises MISSING_API_KEY, FORBIDDEN (also for the own account, and where an administrator or an account above the caller suspended it), NOT_FOUND, BAD_REQUEST.';

CREATE FUNCTION account_api.feature_flag_enabled(flag text) RETURNS boolean
	LANGUAGE sql STABLE PARALLEL UNSAFE
	RETURN account.feature_flag_enabled(flag);
REVOKE ALL ON FUNCTION account_api.feature_flag_enabled(text) FROM PUBLIC;
COMMENT ON FUNCTION account_api.feature_flag_enabled(text) IS 'Whether a feature is on now, by flag and setting
Any level. Raises VALIDATION_FAILED for a flag that there is not.';

CREATE FUNCTION account_api.register(email text, password text) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.register(email, password);
REVOKE ALL ON FUNCTION account_api.register(text, text) FROM PUBLIC;
COMMENT ON FUNCTION account_api.register(text, text) IS 'Asks to become a user, without any role, who logs in once the e-mail is verified: see issue_user_token()
The answer is the same whether the e-mail has a user or not; nothing is overwritten. It lapses after a week. Pass the password as a bind parameter. Needs extension pgcrypto. Any level, while account-registration is on. Raises FORBIDDEN while it is off, VALIDATION_FAILED for what is no e-mail address or no good password.';

CREATE FUNCTION account_api.sign_up(email text, password text, account_name text) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.sign_up(email, password, account_name);
REVOKE ALL ON FUNCTION account_api.sign_up(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION account_api.sign_up(text, text, text) IS 'Like register(), and asks for an account of one''s own, a root, which is made when the e-mail is verified; the user is its owner, and has nothing else
Any level, while account-registration is on. Raises FORBIDDEN while it is off, VALIDATION_FAILED.';

CREATE FUNCTION account_api.use_user_token(token text, password text DEFAULT NULL) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN account.use_user_token(token, password);
REVOKE ALL ON FUNCTION account_api.use_user_token(text, text) FROM PUBLIC;
COMMENT ON FUNCTION account_api.use_user_token(text, text) IS 'Uses a token, once: the e-mail that it was sent to is verified, who registered becomes a user, and the account of sign_up() is made
With a password that becomes the user''s, and their sessions and other user tokens end; reset needs one. Ask for one in any case: then it does not matter who registered. A token whose password is refused stays good. Pass both as bind parameters. Any level. Raises INVALID_AUTHORIZATION for a token that is unknown, used, or of a user who is disabled or erased, EXPIRED_API_KEY, VALIDATION_FAILED for the password, CONFLICT if the e-mail has got another user since.';

INSERT INTO account.access_grants (level, object) VALUES
	('tenant', 'TABLE account_api.api_keys'),
	('anonymous', 'TABLE account_api.error_codes'),
	('tenant', 'TABLE account_api.invitations'),
	('tenant', 'TABLE account_api.keys_due_for_rotation'),
	('tenant', 'TABLE account_api.over_privileged_profiles'),
	('tenant', 'TABLE account_api.permissions'),
	('tenant', 'TABLE account_api.profiles'),
	('tenant', 'TABLE account_api.account_stats'),
	('tenant', 'TABLE account_api.quota_usage'),
	('tenant', 'TABLE account_api.role_assignments'),
	('tenant', 'TABLE account_api.roles'),
	('tenant', 'TABLE account_api.service_accounts'),
	('tenant', 'TABLE account_api.sessions'),
	('tenant', 'TABLE account_api.unused_credentials'),
	('tenant', 'TABLE account_api.workspaces'),
	('anonymous', 'FUNCTION account_api.current_profile_id()'),
	('anonymous', 'FUNCTION account_api.current_user_id()'),
	('anonymous', 'FUNCTION account_api.current_api_key_id()'),
	('anonymous', 'FUNCTION account_api.current_session_id()'),
	('anonymous', 'FUNCTION account_api.current_identity()'),
	('anonymous', 'FUNCTION account_api.is_writable()'),
	('anonymous', 'FUNCTION account_api.has_permission(text, uuid, text)'),
	('anonymous', 'FUNCTION account_api.require_permission(text, uuid, text)'),
	('anonymous', 'FUNCTION account_api.can_access_workspace(uuid)'),
	('tenant', 'FUNCTION account_api.effective_plan(uuid)'),
	('tenant', 'FUNCTION account_api.plan_limit(text, uuid)'),
	('tenant', 'FUNCTION account_api.plan_feature(text, uuid)'),
	('tenant', 'FUNCTION account_api.create_api_key(uuid, text, text[], interval, uuid[], cidr[], text)'),
	('tenant', 'FUNCTION account_api.rotate_api_key(uuid, interval)'),
	('tenant', 'FUNCTION account_api.revoke_api_key(uuid, text, boolean)'),
	('anonymous', 'FUNCTION account_api.verify_api_key(text)'),
	('tenant', 'FUNCTION account_api.update_api_key(uuid, jsonb)'),
	('tenant', 'FUNCTION account_api.workspace_state(uuid)'),
	('tenant', 'FUNCTION account_api.create_workspace(text, uuid)'),
	('tenant', 'FUNCTION account_api.update_workspace(uuid, jsonb)'),
	('tenant', 'FUNCTION account_api.disable_workspace(uuid)'),
	('tenant', 'FUNCTION account_api.enable_workspace(uuid)'),
	('tenant', 'FUNCTION account_api.archive_workspace(uuid)'),
	('tenant', 'FUNCTION account_api.unarchive_workspace(uuid)'),
	('tenant', 'FUNCTION account_api.grant_workspace(uuid, uuid)'),
	('tenant', 'FUNCTION account_api.revoke_workspace(uuid, uuid)'),
	('tenant', 'FUNCTION account_api.create_role(text, text[], text[], uuid)'),
	('tenant', 'FUNCTION account_api.update_role(uuid, jsonb)'),
	('tenant', 'FUNCTION account_api.delete_role(uuid)'),
	('tenant', 'FUNCTION account_api.assign_role(uuid, text, uuid, text, boolean, interval)'),
	('tenant', 'FUNCTION account_api.unassign_role(uuid, text, uuid, text)'),
	('tenant', 'FUNCTION account_api.create_service_account(text, text, text, text, text[], uuid)'),
	('tenant', 'FUNCTION account_api.update_profile(uuid, jsonb)'),
	('tenant', 'FUNCTION account_api.disable_profile(uuid)'),
	('tenant', 'FUNCTION account_api.enable_profile(uuid)'),
	('tenant', 'FUNCTION account_api.delete_profile(uuid)'),
	('tenant', 'FUNCTION account_api.create_user(text, text, text)'),
	('tenant', 'FUNCTION account_api.change_password(text, text)'),
	('tenant', 'FUNCTION account_api.revoke_session(uuid)'),
	('tenant', 'FUNCTION account_api.invite_member(text, text, interval, uuid)'),
	('tenant', 'FUNCTION account_api.revoke_invitation(uuid)'),
	('tenant', 'FUNCTION account_api.add_member(uuid, text, uuid, interval, text)'),
	('tenant', 'FUNCTION account_api.remove_member(uuid)'),
	('tenant', 'FUNCTION account_api.accept_invitation(text)'),
	('anonymous', 'FUNCTION account_api.memberships()'),
	('tenant', 'FUNCTION account_api.get_account(uuid)'),
	('tenant', 'FUNCTION account_api.update_account(uuid, jsonb)'),
	('tenant', 'FUNCTION account_api.account_ancestors(uuid)'),
	('tenant', 'FUNCTION account_api.account_descendants(uuid, integer)'),
	('tenant', 'FUNCTION account_api.account_tree(uuid)'),
	('tenant', 'FUNCTION account_api.describe_account(uuid)'),
	('tenant', 'FUNCTION account_api.describe_profile(uuid)'),
	('tenant', 'FUNCTION account_api.describe_api_key(uuid)'),
	('tenant', 'FUNCTION account_api.create_account(text, uuid, jsonb, text, text, text, text, jsonb, uuid)'),
	('tenant', 'FUNCTION account_api.archive_account(uuid)'),
	('tenant', 'FUNCTION account_api.unarchive_account(uuid)'),
	('tenant', 'FUNCTION account_api.delete_account(uuid, interval)'),
	('tenant', 'FUNCTION account_api.cancel_deletion(uuid)'),
	('tenant', 'TABLE account_api.pending_deletions'),
	('tenant', 'FUNCTION account_api.suspend_account(uuid, text)'),
	('tenant', 'FUNCTION account_api.resume_account(uuid)'),
	('tenant', 'FUNCTION account_api.rotate_webhook_secret(interval, uuid)'),
	('tenant', 'FUNCTION account_api.record_audit(text, text, uuid, jsonb)'),
	('tenant', 'TABLE account_api.audit_log'),
	('tenant', 'FUNCTION account_api.redeliver_webhook(uuid)'),
	('tenant', 'TABLE account_api.webhook_deliveries'),
	('tenant', 'FUNCTION account_api.webhook_secret(uuid)'),
	('tenant', 'FUNCTION account_api.sign_webhook(text, text, timestamp with time zone, uuid)'),
	('anonymous', 'FUNCTION account_api.verify_webhook(text, text, text, text, text, interval)'),
	('anonymous', 'FUNCTION account_api.feature_flag_enabled(text)'),
	('anonymous', 'FUNCTION account_api.register(text, text)'),
	('anonymous', 'FUNCTION account_api.sign_up(text, text, text)'),
	('anonymous', 'FUNCTION account_api.use_user_token(text, text)');
