
-- profile: principals of an account, human or not.

CREATE TABLE account.profiles (
	profile_id uuid NOT NULL,
	account_id uuid NOT NULL,
	kind text NOT NULL,
	name account.name NOT NULL,
	system boolean NOT NULL DEFAULT false,
	description text,
	external_id text,
	labels account.labels NOT NULL DEFAULT '{}',
	created_by uuid,
	created_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	updated_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	CONSTRAINT profiles_pkey PRIMARY KEY (profile_id),
	CONSTRAINT profiles_kind_known CHECK (kind IN ('service_account'))
);
COMMENT ON TABLE account.profiles IS 'Principals of an account. Kept by functions alone; no role has a grant on it.';
COMMENT ON COLUMN account.profiles.profile_id IS 'The id; never used again.';
COMMENT ON COLUMN account.profiles.account_id IS 'The account that it belongs to.';
COMMENT ON COLUMN account.profiles.kind IS 'service_account: not a person, authenticates with API keys alone.';
COMMENT ON COLUMN account.profiles.name IS 'A name for people.';
COMMENT ON COLUMN account.profiles.system IS 'Made and kept by the extension, one for each account.';
COMMENT ON COLUMN account.profiles.description IS 'Free text.';
COMMENT ON COLUMN account.profiles.external_id IS 'The caller''s own id.';
COMMENT ON COLUMN account.profiles.labels IS 'A flat JSON object of strings.';
COMMENT ON COLUMN account.profiles.created_by IS 'The profile that made it; NULL for an administrator or an application.';
COMMENT ON COLUMN account.profiles.created_at IS 'When it was created.';
COMMENT ON COLUMN account.profiles.updated_at IS 'When it was last changed.';
CREATE INDEX profiles_account_id_idx ON account.profiles (account_id);
ALTER TABLE account.profiles ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('account.profiles', '');
