
-- profile: principals of an account, human or not.
--
-- A profile is a user's membership in an account, or a service account.  It is never
-- deleted, so that what it has made can always name it: deleted_at says that it is gone.

CREATE TABLE account.profiles (
	profile_id uuid NOT NULL,
	account_id uuid NOT NULL,
	kind text NOT NULL,
	user_id uuid,
	name account.name NOT NULL,
	system boolean NOT NULL DEFAULT false,
	description text,
	owner text,
	systems text[] NOT NULL DEFAULT '{}',
	external_id text,
	labels account.labels NOT NULL DEFAULT '{}',
	created_by uuid,
	created_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	updated_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	deleted_at timestamp with time zone,
	CONSTRAINT profiles_pkey PRIMARY KEY (profile_id),
	CONSTRAINT profiles_kind_known CHECK (kind IN ('user', 'service_account')),
	CONSTRAINT profiles_user_has_user CHECK ((kind = 'user') = (user_id IS NOT NULL))
);
COMMENT ON TABLE account.profiles IS 'Principals of an account. Read by level tenant: the caller''s own profile, and of its account and those below members with read:members or manage:members, service accounts with read:service_accounts or manage:service_accounts. Those that were deleted are shown, for what they have made names them.';
COMMENT ON COLUMN account.profiles.profile_id IS 'The id; never used again.';
COMMENT ON COLUMN account.profiles.account_id IS 'The account that it belongs to.';
COMMENT ON COLUMN account.profiles.kind IS 'user: a member; service_account: not a person, authenticates with API keys alone.';
COMMENT ON COLUMN account.profiles.user_id IS 'Of a member: the user.';
COMMENT ON COLUMN account.profiles.name IS 'A name for people.';
COMMENT ON COLUMN account.profiles.system IS 'Made and kept by the extension, one for each account.';
COMMENT ON COLUMN account.profiles.description IS 'What it is for.';
COMMENT ON COLUMN account.profiles.owner IS 'Who answers for it, in words.';
COMMENT ON COLUMN account.profiles.systems IS 'The systems that it connects.';
COMMENT ON COLUMN account.profiles.external_id IS 'The caller''s own id.';
COMMENT ON COLUMN account.profiles.labels IS 'A flat JSON object of strings.';
COMMENT ON COLUMN account.profiles.created_by IS 'The profile that made it; NULL for an administrator or an application.';
COMMENT ON COLUMN account.profiles.created_at IS 'When it was created.';
COMMENT ON COLUMN account.profiles.updated_at IS 'When it was last changed.';
COMMENT ON COLUMN account.profiles.deleted_at IS 'When it was deleted; NULL if it was not.';
CREATE INDEX profiles_account_id_idx ON account.profiles (account_id, created_at, profile_id);
CREATE INDEX profiles_kind_idx ON account.profiles (account_id, kind, created_at, profile_id);
CREATE INDEX profiles_user_id_idx ON account.profiles (user_id) WHERE user_id IS NOT NULL;
ALTER TABLE account.profiles ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('account.profiles', '');
CREATE POLICY profiles_select ON account.profiles FOR SELECT
	USING (((kind = 'user' AND account_id = ANY ((SELECT account.readable_accounts('members'))::uuid[]))
		OR (kind = 'service_account' AND account_id = ANY ((SELECT account.readable_accounts('service_accounts'))::uuid[]))
		OR profile_id = (SELECT account.current_profile_id()))
		AND account.policy_first((kind = 'user' AND account_id = ANY ((SELECT account.readable_accounts('members'))::uuid[]))
		OR (kind = 'service_account' AND account_id = ANY ((SELECT account.readable_accounts('service_accounts'))::uuid[]))
		OR profile_id = (SELECT account.current_profile_id())));

INSERT INTO account.access_grants (level, object) VALUES
	('tenant', 'TABLE account.profiles');
