
-- review: what an account's people look through from time to time.
--
-- Keys that are due for rotation, credentials that nobody uses, profiles that have more
-- than they need.  What a profile does with each of its permissions is not recorded, so
-- the last view shows what can be told without that.

CREATE VIEW account.keys_due_for_rotation WITH (security_barrier) AS
	SELECT k.api_key_id,
		k.account_id,
		k.profile_id,
		k.name,
		k.preview,
		k.created_at,
		pg_catalog.now() - k.created_at AS age,
		k.expires_at,
		GREATEST(k.created_at, LEAST(d.old_at, d.ending_at)) AS due_since,
		CASE WHEN d.ending_at < d.old_at THEN 'expiry' ELSE 'age' END AS reason
	FROM account.api_keys k
	CROSS JOIN LATERAL (
			SELECT k.created_at + COALESCE(pg_catalog.current_setting('account.key_max_age', true)::interval, '90 days') AS old_at,
				k.expires_at - '7 days'::interval AS ending_at
		) d
	WHERE k.state = 'active' AND LEAST(d.old_at, d.ending_at) <= pg_catalog.now();
COMMENT ON VIEW account.keys_due_for_rotation IS 'Keys in use that are older than account.key_max_age (90 days) or end within 7 days, of the caller''s account and those below, with read:api_keys or manage:api_keys; all for an administrator. Keys that are being replaced are not among them.';
COMMENT ON COLUMN account.keys_due_for_rotation.api_key_id IS 'The key.';
COMMENT ON COLUMN account.keys_due_for_rotation.account_id IS 'The account that it belongs to.';
COMMENT ON COLUMN account.keys_due_for_rotation.profile_id IS 'The profile that it authenticates.';
COMMENT ON COLUMN account.keys_due_for_rotation.name IS 'A name for people.';
COMMENT ON COLUMN account.keys_due_for_rotation.preview IS 'The beginning and the end of the token.';
COMMENT ON COLUMN account.keys_due_for_rotation.created_at IS 'When it was issued.';
COMMENT ON COLUMN account.keys_due_for_rotation.age IS 'How long ago that is.';
COMMENT ON COLUMN account.keys_due_for_rotation.expires_at IS 'When it ends by itself; NULL never.';
COMMENT ON COLUMN account.keys_due_for_rotation.due_since IS 'Since when it is due.';
COMMENT ON COLUMN account.keys_due_for_rotation.reason IS 'Why: age, it is too old; expiry, it ends soon.';

CREATE VIEW account.unused_credentials WITH (security_barrier) AS
	SELECT c.kind,
		c.credential_id,
		c.account_id,
		c.profile_id,
		c.name,
		c.preview,
		c.created_at,
		c.last_used_at,
		pg_catalog.now() - COALESCE(c.last_used_at, c.created_at) AS unused_for
	FROM (
			SELECT 'api_key' AS kind,
				k.api_key_id AS credential_id,
				k.account_id,
				k.profile_id,
				k.name,
				k.preview,
				k.created_at,
				k.last_used_at
			FROM account.api_keys k
			WHERE k.state = 'active'
			UNION ALL
			SELECT p.kind,
				p.profile_id,
				p.account_id,
				p.profile_id,
				p.name::text,
				NULL,
				p.created_at,
				(
					SELECT NULLIF(pg_catalog.max(u.used_at), '-infinity')
					FROM account.keys k
					JOIN account.uses u ON u.credential_id = k.api_key_id
					WHERE k.profile_id = p.profile_id
				)
			FROM (
					SELECT readable_account_ids AS account_id
					FROM account.readable_account_ids('service_accounts')
				) r
			JOIN account.profiles p ON p.account_id = r.account_id
			WHERE p.kind = 'service_account' AND NOT p.system AND p.deleted_at IS NULL
		) c
	WHERE c.last_used_at IS NULL OR c.last_used_at <= pg_catalog.now() - '90 days'::interval
	-- A fence: no condition of the caller's is evaluated on a row of anybody else.
	OFFSET 0;
COMMENT ON VIEW account.unused_credentials IS 'Keys, but for those that are being replaced, and service accounts that were not used for 90 days, or never: of the caller''s account and those below, keys with read:api_keys or manage:api_keys, service accounts with read:service_accounts or manage:service_accounts; all for an administrator.';
COMMENT ON COLUMN account.unused_credentials.kind IS 'api_key or service_account.';
COMMENT ON COLUMN account.unused_credentials.credential_id IS 'The key, or the profile of the service account.';
COMMENT ON COLUMN account.unused_credentials.account_id IS 'The account that it belongs to.';
COMMENT ON COLUMN account.unused_credentials.profile_id IS 'The profile.';
COMMENT ON COLUMN account.unused_credentials.name IS 'A name for people.';
COMMENT ON COLUMN account.unused_credentials.preview IS 'Of a key: the beginning and the end of the token.';
COMMENT ON COLUMN account.unused_credentials.created_at IS 'When it was created.';
COMMENT ON COLUMN account.unused_credentials.last_used_at IS 'When it, or any key of the service account, last authenticated; NULL never.';
COMMENT ON COLUMN account.unused_credentials.unused_for IS 'How long it was not used, or has been there unused.';

CREATE VIEW account.over_privileged_profiles WITH (security_barrier) AS
	SELECT p.account_id,
		p.profile_id,
		p.name::text AS name,
		NULL::uuid AS api_key_id,
		f.finding,
		f.detail
	FROM (
			SELECT readable_account_ids AS account_id
			FROM account.readable_account_ids('service_accounts')
		) r
	JOIN account.profiles p ON p.account_id = r.account_id
	CROSS JOIN LATERAL (
			SELECT CASE WHEN o.role_id = '00000000-0000-4000-8000-00000000a001' THEN 'owner' ELSE 'wildcard' END AS finding,
				CASE WHEN o.role_id = '00000000-0000-4000-8000-00000000a001' THEN o.name::text ELSE pg_catalog.format('%s: %s', o.name, h.permission) END AS detail
			FROM account.grants g
			JOIN account.roles o ON o.role_id = g.role_id
			CROSS JOIN LATERAL pg_catalog.unnest(o.permissions) h (permission)
			WHERE g.profile_id = p.profile_id
				AND COALESCE(g.expires_at > pg_catalog.now(), true)
				AND (pg_catalog.split_part(h.permission, ':', 1) = '*' OR h.permission = 'manage:*')
			UNION
			SELECT 'without_key',
				pg_catalog.string_agg(DISTINCT o.name::text, ', ')
			FROM account.grants g
			JOIN account.roles o ON o.role_id = g.role_id
			WHERE g.profile_id = p.profile_id
				AND COALESCE(g.expires_at > pg_catalog.now(), true)
				AND NOT EXISTS (
					SELECT
					FROM account.keys k
					WHERE k.profile_id = p.profile_id
						AND NOT EXISTS (
							SELECT
							FROM account.credentials e
							WHERE e.credential_id = k.api_key_id
								AND (e.kind = 'r' OR (e.kind NOT IN ('w', 'n') AND e.ends_at <= pg_catalog.clock_timestamp()))
						)
				)
			HAVING pg_catalog.count(*) > 0
		) f
	WHERE p.kind = 'service_account' AND NOT p.system AND p.deleted_at IS NULL
	UNION ALL
	SELECT k.account_id,
		k.profile_id,
		p.name::text,
		k.api_key_id,
		'key_exceeds_profile',
		pg_catalog.array_to_string(x.permissions, ', ')
	FROM account.api_keys k
	JOIN account.profiles p ON p.profile_id = k.profile_id
	CROSS JOIN LATERAL (
			SELECT pg_catalog.array_agg(w.permission ORDER BY w.permission) AS permissions
			FROM pg_catalog.unnest(k.permissions) w (permission)
			WHERE NOT EXISTS (
					SELECT
					FROM account.grants g
					JOIN account.roles o ON o.role_id = g.role_id
					CROSS JOIN LATERAL pg_catalog.unnest(o.permissions) h (permission)
					WHERE g.profile_id = k.profile_id
						AND COALESCE(g.expires_at > pg_catalog.now(), true)
						AND pg_catalog.split_part(h.permission, ':', 1) IN ('*', pg_catalog.split_part(w.permission, ':', 1))
						AND pg_catalog.split_part(h.permission, ':', 2) IN ('*', pg_catalog.split_part(w.permission, ':', 2))
				)
				OR EXISTS (
					SELECT
					FROM account.grants g
					JOIN account.roles o ON o.role_id = g.role_id
					CROSS JOIN LATERAL pg_catalog.unnest(o.denied) d (permission)
					WHERE g.profile_id = k.profile_id
						AND g.workspace_id IS NULL
						AND g.service IS NULL
						AND COALESCE(g.expires_at > pg_catalog.now(), true)
						AND pg_catalog.split_part(d.permission, ':', 1) IN ('*', pg_catalog.split_part(w.permission, ':', 1))
						AND pg_catalog.split_part(d.permission, ':', 2) IN ('*', pg_catalog.split_part(w.permission, ':', 2))
				)
		) x
	WHERE k.state IN ('active', 'expiring') AND '*:*' <> ALL (k.permissions) AND x.permissions IS NOT NULL
	-- A fence: no condition of the caller's is evaluated on a row of anybody else.
	OFFSET 0;
COMMENT ON VIEW account.over_privileged_profiles IS 'Profiles that have, or whose keys name, more than they should need, a row for each finding: of the caller''s account and those below, service accounts with read:service_accounts or manage:service_accounts, keys with read:api_keys or manage:api_keys; all for an administrator. What is done with a permission is not recorded: last_used_at in api_keys says whether a key is used at all.';
COMMENT ON COLUMN account.over_privileged_profiles.account_id IS 'The account that it belongs to.';
COMMENT ON COLUMN account.over_privileged_profiles.profile_id IS 'The profile.';
COMMENT ON COLUMN account.over_privileged_profiles.name IS 'Its name.';
COMMENT ON COLUMN account.over_privileged_profiles.api_key_id IS 'Of key_exceeds_profile: the key.';
COMMENT ON COLUMN account.over_privileged_profiles.finding IS 'owner: a service account that is an owner, besides the system''s. wildcard: one with a role of * or manage:* permissions. without_key: one that has roles, and no key to use them with. key_exceeds_profile: a key that names permissions that its profile does not have now: it has no use of them, until the profile has them again (*:*, which stands for whatever the profile has, is none).';
COMMENT ON COLUMN account.over_privileged_profiles.detail IS 'The role, the role and its permission, the roles, or the permissions.';

INSERT INTO account.access_grants (level, object) VALUES
	('tenant', 'TABLE account.keys_due_for_rotation'),
	('tenant', 'TABLE account.unused_credentials'),
	('tenant', 'TABLE account.over_privileged_profiles');
