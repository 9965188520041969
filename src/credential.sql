
-- credential: rows by digest, and what has ended them.
--
-- A credential and all that ended it stand under one digest (and its number): entry 0 is the
-- credential, every other entry an ending.  Rows are inserted and never updated,
-- so nothing that a holder of the credential keeps open can hold up its end, and
-- one scan by digest with SnapshotSelf tells whether it is good now.

CREATE FUNCTION account.digest_number(digest bytea) RETURNS bigint
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_credential_digest_number';
REVOKE ALL ON FUNCTION account.digest_number(bytea) FROM PUBLIC;
COMMENT ON FUNCTION account.digest_number(bytea) IS 'The first eight bytes of a digest as a number, under which a credential is found. Nobody needs to call it; raises INTERNAL_SERVER_ERROR for a digest that has not 32 bytes.';

-- The index is on a number made of the digest: half the size of one on the digest,
-- and cheaper to search.  The whole digest is compared afterwards.
CREATE TABLE account.credentials (
	number bigint NOT NULL GENERATED ALWAYS AS (account.digest_number(digest)) STORED,
	digest bytea NOT NULL,
	entry bigint NOT NULL,
	kind "char" NOT NULL,
	credential_id uuid NOT NULL,
	ends_at timestamp with time zone,
	account_id uuid,
	profile_id uuid,
	permissions text[],
	workspace_ids uuid[],
	allowed_ips cidr[],
	created_at timestamp with time zone NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	created_by uuid,
	reason text,
	successor_id uuid,
	CONSTRAINT credentials_pkey PRIMARY KEY (number, entry),
	CONSTRAINT credentials_digest_length CHECK (pg_catalog.octet_length(digest) = 32),
	CONSTRAINT credentials_kind_known CHECK (CASE WHEN entry = 0 THEN kind IN ('k', 'a', 's') ELSE kind IN ('r', 'o', 'e') END),
	CONSTRAINT credentials_has_rights CHECK (entry <> 0 OR (permissions IS NOT NULL AND workspace_ids IS NOT NULL)),
	CONSTRAINT credentials_rights_without_null CHECK (pg_catalog.array_position(permissions, NULL) IS NULL AND pg_catalog.array_position(workspace_ids, NULL) IS NULL),
	CONSTRAINT credentials_key_has_account CHECK (entry <> 0 OR kind = 'a' OR account_id IS NOT NULL OR kind = 's'),
	CONSTRAINT credentials_ending_has_end CHECK (entry = 0 OR ends_at IS NOT NULL)
);
COMMENT ON TABLE account.credentials IS 'Credentials and their endings, by digest of the token. Inserted, never updated; no role has a grant on it.';
COMMENT ON COLUMN account.credentials.number IS 'The first eight bytes of digest, for the index.';
COMMENT ON COLUMN account.credentials.digest IS 'SHA-256 of the whole token, or its HMAC-SHA-256 under a pepper.';
COMMENT ON COLUMN account.credentials.entry IS '0 for the credential, a random number for each of its endings.';
COMMENT ON COLUMN account.credentials.kind IS 'Of a credential: k key, a application key, s session. Of an ending: r revoked, o replaced (good until ends_at), e expired early.';
COMMENT ON COLUMN account.credentials.credential_id IS 'The id of the key or session.';
COMMENT ON COLUMN account.credentials.ends_at IS 'When it expires (NULL never), or when the ending takes effect.';
COMMENT ON COLUMN account.credentials.account_id IS 'The account that it authenticates; NULL for application keys.';
COMMENT ON COLUMN account.credentials.profile_id IS 'The profile that it authenticates.';
COMMENT ON COLUMN account.credentials.permissions IS 'What it may do, as verb:resource.';
COMMENT ON COLUMN account.credentials.workspace_ids IS 'The workspaces that it reaches.';
COMMENT ON COLUMN account.credentials.allowed_ips IS 'The networks that it may be used from; NULL any.';
COMMENT ON COLUMN account.credentials.created_at IS 'When the row was inserted.';
COMMENT ON COLUMN account.credentials.created_by IS 'The profile that issued or ended it; NULL for an administrator or an application.';
COMMENT ON COLUMN account.credentials.reason IS 'Why it was ended, for people.';
COMMENT ON COLUMN account.credentials.successor_id IS 'Of an ending by rotation: the key that replaces it.';

CREATE UNIQUE INDEX credentials_credential_id_key ON account.credentials (credential_id, entry);
ALTER TABLE account.credentials ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('account.credentials', '');

CREATE FUNCTION account.refuse_update() RETURNS trigger
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_credential_refuse_update';
REVOKE ALL ON FUNCTION account.refuse_update() FROM PUBLIC;
COMMENT ON FUNCTION account.refuse_update() IS 'Trigger of account.credentials: its rows are only inserted and deleted. Nobody may call it.';

CREATE TRIGGER credentials_refuse_update
	BEFORE UPDATE ON account.credentials
	FOR EACH ROW EXECUTE FUNCTION account.refuse_update();
ALTER TABLE account.credentials ENABLE ALWAYS TRIGGER credentials_refuse_update;
