
-- key: API keys and application keys.
--
-- What a key may do stands in its credential, which never changes; what people
-- call it stands here.  A token is returned once, by the function that issues it.

CREATE TYPE account.issued_api_key AS (
	api_key_id uuid,
	api_key text,
	account_id uuid,
	profile_id uuid,
	name text,
	expires_at timestamp with time zone
);
COMMENT ON TYPE account.issued_api_key IS 'A new key. api_key is its token, shown this once.';

CREATE TABLE account.keys (
	api_key_id uuid NOT NULL,
	account_id uuid,
	profile_id uuid,
	name account.name NOT NULL,
	description text,
	preview text NOT NULL,
	system boolean NOT NULL DEFAULT false,
	external_id text,
	labels account.labels NOT NULL DEFAULT '{}',
	created_by uuid,
	created_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	CONSTRAINT keys_pkey PRIMARY KEY (api_key_id),
	CONSTRAINT keys_account_has_profile CHECK ((account_id IS NULL) = (profile_id IS NULL))
);
COMMENT ON TABLE account.keys IS 'What API keys are called. Kept by functions alone; no role has a grant on it.';
COMMENT ON COLUMN account.keys.api_key_id IS 'The id; never used again.';
COMMENT ON COLUMN account.keys.account_id IS 'The account that it belongs to; NULL for an application key.';
COMMENT ON COLUMN account.keys.profile_id IS 'The profile that it authenticates; NULL for an application key.';
COMMENT ON COLUMN account.keys.name IS 'A name for people.';
COMMENT ON COLUMN account.keys.description IS 'Free text.';
COMMENT ON COLUMN account.keys.preview IS 'The beginning and the end of the token.';
COMMENT ON COLUMN account.keys.system IS 'Made by the system with its account.';
COMMENT ON COLUMN account.keys.external_id IS 'The caller''s own id; no two keys of an account that are good have the same.';
COMMENT ON COLUMN account.keys.labels IS 'A flat JSON object of strings.';
COMMENT ON COLUMN account.keys.created_by IS 'The profile that issued it; NULL for an administrator or an application.';
COMMENT ON COLUMN account.keys.created_at IS 'When it was issued.';
CREATE INDEX keys_account_id_idx ON account.keys (account_id, created_at, api_key_id);
CREATE INDEX keys_profile_id_idx ON account.keys (profile_id, created_at, api_key_id);
CREATE INDEX keys_external_id_idx ON account.keys (COALESCE(account_id, '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid), external_id) WHERE external_id IS NOT NULL;
ALTER TABLE account.keys ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('account.keys', '');

CREATE FUNCTION account.create_api_key(
		profile_id uuid,
		name text,
		permissions text[] DEFAULT NULL,
		expires_in interval DEFAULT NULL,
		workspace_ids uuid[] DEFAULT '{}',
		allowed_ips cidr[] DEFAULT NULL,
		description text DEFAULT NULL)
	RETURNS account.issued_api_key
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_key_create_api_key';
REVOKE ALL ON FUNCTION account.create_api_key(uuid, text, text[], interval, uuid[], cidr[], text) FROM PUBLIC;
COMMENT ON FUNCTION account.create_api_key(uuid, text, text[], interval, uuid[], cidr[], text) IS 'Issues an API key for a profile and returns its token, this once. permissions (verb:resource, * on either side), allowed_ips, workspace_ids and expires_in are at most the caller''s own; NULL means the caller''s own. permissions and workspace_ids are at most the profile''s too, and are cut at each authentication to what the profile has then; NULL by an administrator is, of permissions, everything that the profile has, then as later, and no workspace. With manage:api_keys, for the own account and those below, or by an administrator. Raises FORBIDDEN for more than the caller or the profile has, NOT_FOUND for a profile or workspace out of reach, VALIDATION_FAILED, ARCHIVED, ACCOUNT_SUSPENDED, MAX_RESOURCES_REACHED if the plan''s limit api_keys is reached.';

CREATE FUNCTION account.create_application_key(
		name text,
		permissions text[],
		expires_in interval DEFAULT NULL,
		allowed_ips cidr[] DEFAULT NULL)
	RETURNS account.issued_api_key
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_key_create_application_key';
REVOKE ALL ON FUNCTION account.create_application_key(text, text[], interval, cidr[]) FROM PUBLIC;
COMMENT ON FUNCTION account.create_application_key(text, text[], interval, cidr[]) IS 'Issues a key for act_as() and returns its token, this once. It belongs to no account and opens every one, with these permissions: keep it as you keep a superuser''s password. Level admin. Raises FORBIDDEN otherwise, VALIDATION_FAILED.';

CREATE FUNCTION account.rotate_api_key(api_key_id uuid, overlap interval DEFAULT '0') RETURNS account.issued_api_key
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_key_rotate_api_key';
REVOKE ALL ON FUNCTION account.rotate_api_key(uuid, interval) FROM PUBLIC;
COMMENT ON FUNCTION account.rotate_api_key(uuid, interval) IS 'Replaces a key by a new one with the same rights, workspaces, networks, expiry, name, description and labels, and returns its token, this once; the external_id goes over to the new one. The old one stays good for overlap (0 to 30 days), without create:* and manage:*. By the key itself, or with manage:api_keys and every right of the key, for the own account and those below, or by an administrator. Raises CONFLICT if the key is replaced already, NOT_FOUND if it is out of reach or ended, FORBIDDEN, VALIDATION_FAILED.';

CREATE FUNCTION account.revoke_api_key(api_key_id uuid, reason text DEFAULT NULL, successors boolean DEFAULT false) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_key_revoke_api_key';
REVOKE ALL ON FUNCTION account.revoke_api_key(uuid, text, boolean) FROM PUBLIC;
COMMENT ON FUNCTION account.revoke_api_key(uuid, text, boolean) IS 'Ends a key, and with successors all keys that have replaced it, from the next authentication on or first use in a transaction. It waits for nobody; revoking twice is no error. With manage:api_keys, for the own account and those below, or by an administrator (application keys too). Raises NOT_FOUND if the key is out of reach, FORBIDDEN, VALIDATION_FAILED.';

CREATE FUNCTION account.verify_api_key(
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
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_key_verify_api_key';
REVOKE ALL ON FUNCTION account.verify_api_key(text) FROM PUBLIC;
COMMENT ON FUNCTION account.verify_api_key(text) IS 'Whether an API key is good now, and for what; makes no identity and is no use of it. A key that is not gives valid false and the code in error. permissions and workspace_ids are those that it has now, as far as its profile has them, also while it is being replaced, when create:* and manage:* are refused to it. Any level; raises nothing of its own.';

CREATE VIEW account.api_keys WITH (security_barrier) AS
	SELECT k.api_key_id,
		k.account_id,
		k.profile_id,
		k.name::text AS name,
		k.description,
		k.preview,
		CASE
			WHEN e.revoked_at IS NOT NULL THEN 'revoked'
			WHEN e.replaced_at <= pg_catalog.clock_timestamp() THEN 'rotated'
			WHEN LEAST(c.ends_at, e.expired_at) <= pg_catalog.clock_timestamp() THEN 'expired'
			WHEN e.replaced_at IS NOT NULL THEN 'expiring'
			ELSE 'active'
		END AS state,
		k.system,
		c.permissions,
		COALESCE(w.workspace_ids[1:5], '{}') AS workspaces_preview,
		COALESCE(pg_catalog.cardinality(w.workspace_ids), 0) AS workspaces_total,
		COALESCE(n.allowed_ips, c.allowed_ips) AS allowed_ips,
		k.created_by,
		NULLIF(u.used_at, '-infinity') AS last_used_at,
		LEAST(c.ends_at, e.expired_at, e.replaced_at) AS expires_at,
		e.revoked_at,
		e.revoked_reason,
		e.successor_id,
		k.external_id,
		k.labels::jsonb AS labels,
		k.created_at
	FROM account.accounts a
	JOIN account.keys k ON k.account_id = a.account_id
	JOIN account.credentials c ON c.credential_id = k.api_key_id AND c.entry = 0
	LEFT JOIN LATERAL (
			SELECT pg_catalog.min(n.ends_at) FILTER (WHERE n.kind = 'r') AS revoked_at,
				pg_catalog.min(n.reason) FILTER (WHERE n.kind = 'r') AS revoked_reason,
				pg_catalog.min(n.ends_at) FILTER (WHERE n.kind = 'o') AS replaced_at,
				pg_catalog.min(n.ends_at) FILTER (WHERE n.kind = 'e') AS expired_at,
				(pg_catalog.array_agg(n.successor_id) FILTER (WHERE n.kind = 'o'))[1] AS successor_id
			FROM account.credentials n
			WHERE n.credential_id = k.api_key_id AND n.entry > 0
		) e ON true
	LEFT JOIN LATERAL (
			SELECT pg_catalog.array_agg(n.workspace_id ORDER BY n.created_at, n.workspace_id) AS workspace_ids
			FROM account.credentials n
			WHERE n.credential_id = k.api_key_id AND n.kind = 'w'
		) w ON true
	LEFT JOIN LATERAL (
			SELECT n.allowed_ips
			FROM account.credentials n
			WHERE n.credential_id = k.api_key_id AND n.kind = 'n'
			ORDER BY n.created_at DESC
			LIMIT 1
		) n ON true
	LEFT JOIN account.uses u ON u.credential_id = k.api_key_id
	-- Whatever is asked besides, and whichever of two equal columns for: this comes first.
	WHERE account.policy_reads(k.account_id, 'api_keys')
		AND account.policy_reads(c.account_id, 'api_keys')
		AND a.path >= (SELECT account.readable_path('api_keys'))
		AND a.path < (SELECT account.readable_path('api_keys') || 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid);
COMMENT ON VIEW account.api_keys IS 'API keys of the caller''s account and those below, with read:api_keys or manage:api_keys; all for an administrator. Never shows a token or digest.';
COMMENT ON COLUMN account.api_keys.api_key_id IS 'The id.';
COMMENT ON COLUMN account.api_keys.account_id IS 'The account that it belongs to.';
COMMENT ON COLUMN account.api_keys.profile_id IS 'The profile that it authenticates.';
COMMENT ON COLUMN account.api_keys.name IS 'A name for people.';
COMMENT ON COLUMN account.api_keys.description IS 'Free text.';
COMMENT ON COLUMN account.api_keys.preview IS 'The beginning and the end of the token.';
COMMENT ON COLUMN account.api_keys.state IS 'active; expiring: replaced, in its overlap; expired; rotated: replaced, overlap over; revoked.';
COMMENT ON COLUMN account.api_keys.system IS 'Made by the system with its account.';
COMMENT ON COLUMN account.api_keys.permissions IS 'What it was issued with, as verb:resource; it has them as far as its profile has.';
COMMENT ON COLUMN account.api_keys.workspaces_preview IS 'At most five of the workspaces that it was granted; it reaches those that its profile does.';
COMMENT ON COLUMN account.api_keys.workspaces_total IS 'How many workspaces it was granted.';
COMMENT ON COLUMN account.api_keys.allowed_ips IS 'The networks that it may be used from; NULL any.';
COMMENT ON COLUMN account.api_keys.created_by IS 'The profile that issued it; NULL for an administrator or an application.';
COMMENT ON COLUMN account.api_keys.last_used_at IS 'When it last authenticated, to about a minute (account.last_used_interval); NULL never.';
COMMENT ON COLUMN account.api_keys.expires_at IS 'When it ends by itself; NULL never.';
COMMENT ON COLUMN account.api_keys.revoked_at IS 'When it was revoked; NULL if it was not.';
COMMENT ON COLUMN account.api_keys.revoked_reason IS 'Why it was revoked.';
COMMENT ON COLUMN account.api_keys.successor_id IS 'The key that replaces it.';
COMMENT ON COLUMN account.api_keys.external_id IS 'The caller''s own id.';
COMMENT ON COLUMN account.api_keys.labels IS 'A flat JSON object of strings.';
COMMENT ON COLUMN account.api_keys.created_at IS 'When it was issued.';

INSERT INTO account.access_grants (level, object) VALUES
	('tenant', 'FUNCTION account.create_api_key(uuid, text, text[], interval, uuid[], cidr[], text)'),
	('admin', 'FUNCTION account.create_application_key(text, text[], interval, cidr[])'),
	('tenant', 'FUNCTION account.rotate_api_key(uuid, interval)'),
	('tenant', 'FUNCTION account.revoke_api_key(uuid, text, boolean)'),
	('anonymous', 'FUNCTION account.verify_api_key(text)'),
	('tenant', 'TABLE account.api_keys');
