
-- credential: rows by digest, and what has ended them.
--
-- A credential and all that ended it stand under one digest (and its number): entry 0 is the
-- credential, every other entry an ending.  Rows are inserted and never updated,
-- so nothing that a holder of the credential keeps open can hold up its end, and
-- one scan by digest with SnapshotSelf tells whether it is good now.  The workspaces
-- that a key was granted stand there too, a row each; one is taken away by DELETE.  So do
-- the networks that a key was narrowed to: the address has to be in those of every row.

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
	user_id uuid,
	workspace_id uuid,
	permissions text[],
	allowed_ips cidr[],
	created_at timestamp with time zone NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	created_by uuid,
	reason text,
	successor_id uuid,
	source inet,
	line_id uuid,
	CONSTRAINT credentials_pkey PRIMARY KEY (number, entry),
	CONSTRAINT credentials_digest_length CHECK (pg_catalog.octet_length(digest) = 32),
	CONSTRAINT credentials_kind_known CHECK (CASE WHEN entry = 0 THEN kind IN ('k', 'a', 's', 'i', 'u') ELSE kind IN ('r', 'o', 'e', 'x', 'w', 'n') END),
	CONSTRAINT credentials_has_permissions CHECK (entry <> 0 OR kind NOT IN ('k', 'a') OR permissions IS NOT NULL),
	CONSTRAINT credentials_permissions_without_null CHECK (pg_catalog.array_position(permissions, NULL) IS NULL),
	CONSTRAINT credentials_belongs CHECK (CASE WHEN entry <> 0 THEN true WHEN kind = 'k' THEN account_id IS NOT NULL AND profile_id IS NOT NULL WHEN kind = 'i' THEN account_id IS NOT NULL WHEN kind IN ('s', 'u') THEN user_id IS NOT NULL ELSE true END),
	CONSTRAINT credentials_workspace_of_key CHECK ((workspace_id IS NOT NULL) = (entry <> 0 AND kind = 'w')),
	CONSTRAINT credentials_narrowed_has_networks CHECK (entry = 0 OR (allowed_ips IS NOT NULL) = (kind = 'n')),
	CONSTRAINT credentials_line_of_key CHECK (line_id IS NULL OR (entry = 0 AND kind IN ('k', 'a'))),
	CONSTRAINT credentials_ending_has_end CHECK (entry = 0 OR kind IN ('w', 'n') OR ends_at IS NOT NULL)
);
COMMENT ON TABLE account.credentials IS 'Credentials and their endings, by digest of the token. Inserted, never updated; no role has a grant on it.';
COMMENT ON COLUMN account.credentials.number IS 'The first eight bytes of digest, for the index.';
COMMENT ON COLUMN account.credentials.digest IS 'SHA-256 of the whole token, or its HMAC-SHA-256 under a pepper.';
COMMENT ON COLUMN account.credentials.entry IS '0 for the credential, a random number for each of its endings, workspaces and narrowings.';
COMMENT ON COLUMN account.credentials.kind IS 'Of a credential: k key, a application key, s session, i invitation, u user token. Of an ending: r revoked, o replaced (good until ends_at), e expired early, x used up. w: a workspace that a key was granted. n: networks that a key was narrowed to.';
COMMENT ON COLUMN account.credentials.credential_id IS 'The id of the key, session, invitation or user token.';
COMMENT ON COLUMN account.credentials.ends_at IS 'When it expires (NULL never), or when the ending takes effect.';
COMMENT ON COLUMN account.credentials.account_id IS 'The account that it authenticates; NULL for application keys.';
COMMENT ON COLUMN account.credentials.profile_id IS 'The profile that it authenticates.';
COMMENT ON COLUMN account.credentials.user_id IS 'Of sessions, user tokens and their endings: the user.';
COMMENT ON COLUMN account.credentials.workspace_id IS 'Of kind w: the workspace that the key was granted.';
COMMENT ON COLUMN account.credentials.permissions IS 'What it may do, as verb:resource.';
COMMENT ON COLUMN account.credentials.allowed_ips IS 'The networks that it may be used from; NULL any. Of kind n: those that it was narrowed to.';
COMMENT ON COLUMN account.credentials.created_at IS 'When the row was inserted.';
COMMENT ON COLUMN account.credentials.created_by IS 'The profile that issued or ended it; NULL for an administrator or an application.';
COMMENT ON COLUMN account.credentials.reason IS 'Why it was ended, for people.';
COMMENT ON COLUMN account.credentials.successor_id IS 'Of an ending by rotation: the key that replaces it.';
COMMENT ON COLUMN account.credentials.source IS 'Of a session: the address that it was opened from; NULL for a UNIX socket.';
COMMENT ON COLUMN account.credentials.line_id IS 'Of a key that replaces another: the first key of its line; NULL for that itself.';

CREATE UNIQUE INDEX credentials_credential_id_key ON account.credentials (credential_id, entry);
CREATE INDEX credentials_user_id_idx ON account.credentials (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX credentials_ends_at_idx ON account.credentials (ends_at) WHERE user_id IS NOT NULL AND entry = 0;
CREATE INDEX credentials_workspace_id_idx ON account.credentials (workspace_id) WHERE workspace_id IS NOT NULL;
ALTER TABLE account.credentials ENABLE ROW LEVEL SECURITY;
-- Sessions and user tokens do not outlive the database that they were opened in.
SELECT pg_catalog.pg_extension_config_dump('account.credentials', 'WHERE user_id IS NULL');

CREATE FUNCTION account.refuse_update() RETURNS trigger
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_credential_refuse_update';
REVOKE ALL ON FUNCTION account.refuse_update() FROM PUBLIC;
COMMENT ON FUNCTION account.refuse_update() IS 'Trigger of account.credentials: its rows are only inserted and deleted. Nobody may call it.';

CREATE TRIGGER credentials_refuse_update
	BEFORE UPDATE ON account.credentials
	FOR EACH ROW EXECUTE FUNCTION account.refuse_update();
ALTER TABLE account.credentials ENABLE ALWAYS TRIGGER credentials_refuse_update;

-- When a credential was last used stands apart, for rows of credentials never change.
-- A row is made with the credential and overwritten in its place (src/use.c), which takes
-- a heap and columns of fixed width without NULL.
CREATE TABLE account.uses (
	credential_id uuid NOT NULL,
	used_at timestamp with time zone NOT NULL DEFAULT '-infinity',
	CONSTRAINT uses_pkey PRIMARY KEY (credential_id)
) USING heap;
COMMENT ON TABLE account.uses IS 'When API keys and sessions were last used, to about a minute. Kept by functions alone; no role has a grant on it.';
COMMENT ON COLUMN account.uses.credential_id IS 'The key or session.';
COMMENT ON COLUMN account.uses.used_at IS 'When it was last used; -infinity never.';
ALTER TABLE account.uses ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('account.uses', 'WHERE credential_id IN (SELECT c.credential_id FROM account.credentials c WHERE c.user_id IS NULL)');
