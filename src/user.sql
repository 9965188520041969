
-- user: people, of no account.
--
-- A user has an e-mail address and a password and, by itself, no rights: those come
-- with memberships.  What holds a user up is a hold of kind d on user_id.  Nobody has
-- a grant on the tables: functions alone read and write them.

CREATE TABLE account.users (
	user_id uuid NOT NULL,
	email text COLLATE pg_catalog."C",
	password_hash text COLLATE pg_catalog."C",
	email_verified_at timestamp with time zone,
	self_registered boolean NOT NULL DEFAULT false,
	external_id text,
	created_by_account_id uuid,
	created_by uuid,
	created_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	updated_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	erased_at timestamp with time zone,
	CONSTRAINT users_pkey PRIMARY KEY (user_id),
	CONSTRAINT users_email_form CHECK (account.is_email(email)),
	CONSTRAINT users_password_hash_form CHECK (password_hash OPERATOR(pg_catalog.~) '^\$2a\$[0-3][0-9]\$[./0-9A-Za-z]{53}$'),
	CONSTRAINT users_erased_is_blank CHECK ((erased_at IS NULL) = (email IS NOT NULL) AND (erased_at IS NULL OR (password_hash IS NULL AND external_id IS NULL)))
) WITH (fillfactor = 80);
COMMENT ON TABLE account.users IS 'People who log in with e-mail and password; global, of no account. Kept by functions alone; no role has a grant on it.';
COMMENT ON COLUMN account.users.user_id IS 'The id; never used again.';
COMMENT ON COLUMN account.users.email IS 'The e-mail address in its normal form; NULL once the user is erased.';
COMMENT ON COLUMN account.users.password_hash IS 'bcrypt; NULL if no password was set, or the user is erased.';
COMMENT ON COLUMN account.users.email_verified_at IS 'When the user has shown that the e-mail is theirs; NULL if they have not.';
COMMENT ON COLUMN account.users.self_registered IS 'Registered by themselves: must verify the e-mail where account.require_verified_email is on. Others are vouched for by who created them.';
COMMENT ON COLUMN account.users.external_id IS 'The creating account''s own id, unique among the users that it has created.';
COMMENT ON COLUMN account.users.created_by_account_id IS 'The account that created the user; NULL if they registered, or an administrator did.';
COMMENT ON COLUMN account.users.created_by IS 'The profile that created the user; NULL if they registered, or an administrator did.';
COMMENT ON COLUMN account.users.created_at IS 'When the user was created.';
COMMENT ON COLUMN account.users.updated_at IS 'When the user was last changed.';
COMMENT ON COLUMN account.users.erased_at IS 'When the personal fields were blanked; NULL if they were not.';
CREATE UNIQUE INDEX users_email_key ON account.users (email);
CREATE UNIQUE INDEX users_external_id_key ON account.users (created_by_account_id, external_id) NULLS NOT DISTINCT WHERE external_id IS NOT NULL;
ALTER TABLE account.users ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('account.users', '');

CREATE TABLE account.registrations (
	user_id uuid NOT NULL,
	email text COLLATE pg_catalog."C" NOT NULL,
	password_hash text COLLATE pg_catalog."C" NOT NULL,
	account_name account.name,
	created_at timestamp with time zone NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	CONSTRAINT registrations_pkey PRIMARY KEY (user_id)
);
COMMENT ON TABLE account.registrations IS 'Who wants to become a user and has not shown yet that the e-mail is theirs. Not unique: the first to verify it is the user. Kept by functions alone; no role has a grant on it.';
COMMENT ON COLUMN account.registrations.user_id IS 'The id of the user to be.';
COMMENT ON COLUMN account.registrations.email IS 'The e-mail address in its normal form, whether somebody has it already or not.';
COMMENT ON COLUMN account.registrations.password_hash IS 'bcrypt.';
COMMENT ON COLUMN account.registrations.account_name IS 'The name of the account to make with the user; NULL for none.';
COMMENT ON COLUMN account.registrations.created_at IS 'When. It is dropped a week later.';
CREATE INDEX registrations_email_idx ON account.registrations (email, created_at);
CREATE INDEX registrations_created_at_idx ON account.registrations (created_at);
ALTER TABLE account.registrations ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('account.registrations', '');

CREATE FUNCTION account.create_user(email text, password text DEFAULT NULL, external_id text DEFAULT NULL) RETURNS uuid
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_user_create_user';
REVOKE ALL ON FUNCTION account.create_user(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION account.create_user(text, text, text) IS 'Creates a user, who has no roles and is vouched for by the caller: no proof of the e-mail is asked for. Without a password they log in once they have set one with a user token. external_id is unique among the users of the creating account. Needs extension pgcrypto for a password. create:users in the caller''s own account; administrators. Raises MISSING_API_KEY, FORBIDDEN, ARCHIVED, ACCOUNT_SUSPENDED, VALIDATION_FAILED, and CONFLICT for an e-mail or external_id that is there already.';

CREATE FUNCTION account.find_user(email text) RETURNS uuid
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_user_find_user';
REVOKE ALL ON FUNCTION account.find_user(text) FROM PUBLIC;
COMMENT ON FUNCTION account.find_user(text) IS 'The id of the user with an e-mail address, however it is typed. Level admin. Raises FORBIDDEN otherwise, VALIDATION_FAILED for what is no address, NOT_FOUND.';

CREATE FUNCTION account.change_password(old_password text, new_password text) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_user_change_password';
REVOKE ALL ON FUNCTION account.change_password(text, text) FROM PUBLIC;
COMMENT ON FUNCTION account.change_password(text, text) IS 'Changes the password of the user whose session is the caller''s and ends the user''s other sessions and user tokens. Attempts with a wrong old password count as those of login(); without shared_preload_libraries they do not, because the error takes the count along. Pass passwords as bind parameters. Level tenant. Raises MISSING_API_KEY, FORBIDDEN without a session of one''s own, INVALID_AUTHORIZATION for a wrong old password and while it is locked, VALIDATION_FAILED, CONFLICT if it was changed at the same moment.';

CREATE FUNCTION account.set_password(user_id uuid, password text) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_user_set_password';
REVOKE ALL ON FUNCTION account.set_password(uuid, text) FROM PUBLIC;
COMMENT ON FUNCTION account.set_password(uuid, text) IS 'Sets the password of a user and ends all their sessions and user tokens. Level admin. Raises FORBIDDEN otherwise, NOT_FOUND, VALIDATION_FAILED.';

CREATE FUNCTION account.change_email(user_id uuid, email text) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_user_change_email';
REVOKE ALL ON FUNCTION account.change_email(uuid, text) FROM PUBLIC;
COMMENT ON FUNCTION account.change_email(uuid, text) IS 'Gives a user another e-mail address, which is not verified, and ends their user tokens, which went to the old one. The same address again changes nothing. Level admin. Raises FORBIDDEN otherwise, NOT_FOUND, VALIDATION_FAILED, CONFLICT if another user has it.';

CREATE FUNCTION account.disable_user(user_id uuid) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_user_disable_user';
REVOKE ALL ON FUNCTION account.disable_user(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.disable_user(uuid) IS 'Stops a user at once: no login, no session, no user token, no membership of theirs counts. Their service accounts and API keys go on. Twice is no error. Waits for no open transaction. Level admin. Raises FORBIDDEN otherwise, NOT_FOUND.';

CREATE FUNCTION account.enable_user(user_id uuid) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_user_enable_user';
REVOKE ALL ON FUNCTION account.enable_user(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.enable_user(uuid) IS 'Ends what disable_user() did; the sessions that it has ended stay ended. Level admin. Raises FORBIDDEN otherwise, NOT_FOUND (also for a user who is erased).';

CREATE FUNCTION account.erase_user(user_id uuid) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_user_erase_user';
REVOKE ALL ON FUNCTION account.erase_user(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.erase_user(uuid) IS 'Blanks what is personal of a user, for good: e-mail, password, external_id, and name, description, external_id and labels of their profiles; disables them and ends their sessions. The ids stay, so that what was recorded still says that it was one and the same. Somebody with the same e-mail is another user. Level admin. Raises FORBIDDEN otherwise, NOT_FOUND.';

INSERT INTO account.access_grants (level, object) VALUES
	('tenant', 'FUNCTION account.create_user(text, text, text)'),
	('admin', 'FUNCTION account.find_user(text)'),
	('tenant', 'FUNCTION account.change_password(text, text)'),
	('admin', 'FUNCTION account.set_password(uuid, text)'),
	('admin', 'FUNCTION account.change_email(uuid, text)'),
	('admin', 'FUNCTION account.disable_user(uuid)'),
	('admin', 'FUNCTION account.enable_user(uuid)'),
	('admin', 'FUNCTION account.erase_user(uuid)');
