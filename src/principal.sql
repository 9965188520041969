
-- principal: service accounts, and changing, stopping and ending profiles.

CREATE FUNCTION account.create_service_account(
		name text,
		role text,
		description text DEFAULT NULL,
		owner text DEFAULT NULL,
		systems text[] DEFAULT '{}',
		account_id uuid DEFAULT NULL)
	RETURNS account.issued_api_key
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_principal_create_service_account';
REVOKE ALL ON FUNCTION account.create_service_account(text, text, text, text, text[], uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.create_service_account(text, text, text, text, text[], uuid) IS 'Creates a service account of the caller''s own account, or of one below it, with a role in all of it, and returns its first API key, shown this once. description says what it is for, owner who answers for it, systems what it connects. The caller has all of the role; the key has what the role grants now, no workspace, and at most the caller''s expiry and networks. manage:service_accounts; administrators: any. Raises MISSING_API_KEY, FORBIDDEN (also when the transaction commits, if the caller has lost what it gives), NOT_FOUND for the account or role, VALIDATION_FAILED, also for a name that account.service_account_name_pattern does not match, MAX_RESOURCES_REACHED beyond the limits service_accounts and api_keys, ARCHIVED, ACCOUNT_SUSPENDED.';

CREATE FUNCTION account.update_profile(profile_id uuid, changes jsonb) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_principal_update_profile';
REVOKE ALL ON FUNCTION account.update_profile(uuid, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION account.update_profile(uuid, jsonb) IS 'Changes what changes names of a member''s profile or a service account: name, description, owner, systems, external_id, labels (lists and labels are replaced as a whole). manage:members for a member, manage:service_accounts for a service account, in the own account and those below; administrators. Raises MISSING_API_KEY, FORBIDDEN (also for the system service account), NOT_FOUND, VALIDATION_FAILED with an entry for each unknown or invalid member (nothing is changed then), ARCHIVED, ACCOUNT_SUSPENDED.';

CREATE FUNCTION account.disable_profile(profile_id uuid) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_principal_disable_profile';
REVOKE ALL ON FUNCTION account.disable_profile(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.disable_profile(uuid) IS 'Stops a member in this account, or a service account: none of its keys works, and its sessions reach the account no more, from the next transaction on. Twice is no error. Waits for nobody. manage:members for a member, manage:service_accounts for a service account, in the own account and those below, by who has all that the profile has; administrators. Raises MISSING_API_KEY, FORBIDDEN (also for the system service account), NOT_FOUND, CONFLICT for the last owner of an account, at once or when the transaction commits.';

CREATE FUNCTION account.enable_profile(profile_id uuid) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_principal_enable_profile';
REVOKE ALL ON FUNCTION account.enable_profile(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.enable_profile(uuid) IS 'Ends what disable_profile() did; no error where it is not disabled. By the same, and raises the same but CONFLICT; FORBIDDEN also where an administrator or an account above the caller disabled it.';

CREATE FUNCTION account.delete_profile(profile_id uuid) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_principal_delete_profile';
REVOKE ALL ON FUNCTION account.delete_profile(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.delete_profile(uuid) IS 'Ends a membership, or a service account, for good: its keys, roles and workspaces go, and open invitations to the member; its row stays, so that what it has made can name it. What it has made stays too. manage:members for a member, manage:service_accounts for a service account, in the own account and those below, by who has all that the profile has; administrators. Raises MISSING_API_KEY, FORBIDDEN (also for the system service account), NOT_FOUND, CONFLICT for the last owner of an account, at once or when the transaction commits.';

CREATE VIEW account.service_accounts WITH (security_barrier) AS
	SELECT p.profile_id,
		p.account_id,
		p.name::text AS name,
		p.description,
		p.owner,
		p.systems,
		p.system,
		ARRAY(
			SELECT DISTINCT o.name::text COLLATE "C"
			FROM account.grants g
			JOIN account.roles o ON o.role_id = g.role_id
			WHERE g.profile_id = p.profile_id
				AND (g.expires_at IS NULL OR g.expires_at > pg_catalog.clock_timestamp())
			ORDER BY 1) AS roles,
		k.keys_total,
		k.last_used_at,
		EXISTS (SELECT FROM account.holds h WHERE h.subject_id = p.profile_id AND h.kind = 'd') AS disabled,
		p.external_id,
		p.labels::jsonb AS labels,
		p.created_by,
		p.created_at,
		p.updated_at
	FROM account.accounts a
	JOIN account.profiles p ON p.account_id = a.account_id
		AND p.kind = 'service_account' AND p.deleted_at IS NULL
	CROSS JOIN LATERAL (
			SELECT pg_catalog.count(*) FILTER (WHERE NOT EXISTS (
					SELECT FROM account.credentials e
					WHERE e.credential_id = k.api_key_id
						AND CASE WHEN e.entry = 0 OR e.kind IN ('o', 'e') THEN e.ends_at <= pg_catalog.clock_timestamp()
							ELSE e.kind IN ('r', 'x') END)) AS keys_total,
				NULLIF(pg_catalog.max(u.used_at), '-infinity') AS last_used_at
			FROM account.keys k
			LEFT JOIN account.uses u ON u.credential_id = k.api_key_id
			WHERE k.profile_id = p.profile_id
		) k
	-- Whatever is asked besides, and whichever of two equal columns for: this comes first.
	WHERE account.policy_reads(p.account_id, 'service_accounts')
		AND a.path >= (SELECT account.readable_path('service_accounts'))
		AND a.path < (SELECT account.readable_path('service_accounts') || 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid);
COMMENT ON VIEW account.service_accounts IS 'Service accounts of the caller''s account and those below, with read:service_accounts or manage:service_accounts; all for an administrator. Those that were deleted are not shown.';
COMMENT ON COLUMN account.service_accounts.profile_id IS 'The id.';
COMMENT ON COLUMN account.service_accounts.account_id IS 'The account that it belongs to.';
COMMENT ON COLUMN account.service_accounts.name IS 'A name for people.';
COMMENT ON COLUMN account.service_accounts.description IS 'What it is for.';
COMMENT ON COLUMN account.service_accounts.owner IS 'Who answers for it, in words.';
COMMENT ON COLUMN account.service_accounts.systems IS 'The systems that it connects.';
COMMENT ON COLUMN account.service_accounts.system IS 'Made and kept by the extension, one for each account.';
COMMENT ON COLUMN account.service_accounts.roles IS 'The names of the roles that it has, in any scope.';
COMMENT ON COLUMN account.service_accounts.keys_total IS 'How many of its keys are good now.';
COMMENT ON COLUMN account.service_accounts.last_used_at IS 'When one of its keys was last used, to about a minute; NULL never.';
COMMENT ON COLUMN account.service_accounts.disabled IS 'Whether none of its keys works, because it was disabled.';
COMMENT ON COLUMN account.service_accounts.external_id IS 'The caller''s own id.';
COMMENT ON COLUMN account.service_accounts.labels IS 'A flat JSON object of strings.';
COMMENT ON COLUMN account.service_accounts.created_by IS 'The profile that made it; NULL for an administrator or an application.';
COMMENT ON COLUMN account.service_accounts.created_at IS 'When it was created.';
COMMENT ON COLUMN account.service_accounts.updated_at IS 'When it was last changed.';

INSERT INTO account.access_grants (level, object) VALUES
	('tenant', 'FUNCTION account.create_service_account(text, text, text, text, text[], uuid)'),
	('tenant', 'FUNCTION account.update_profile(uuid, jsonb)'),
	('tenant', 'FUNCTION account.disable_profile(uuid)'),
	('tenant', 'FUNCTION account.enable_profile(uuid)'),
	('tenant', 'FUNCTION account.delete_profile(uuid)'),
	('tenant', 'TABLE account.service_accounts');
