
-- signup: who wants to become a user, and whether anybody may.
--
-- Registrations stand in account.registrations (part user) until the e-mail is
-- verified (part proof).  Nothing that anybody can see depends on whether the e-mail
-- is known.

CREATE TABLE account.feature_flags (
	flag text NOT NULL,
	enabled boolean NOT NULL,
	updated_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	CONSTRAINT feature_flags_pkey PRIMARY KEY (flag)
);
COMMENT ON TABLE account.feature_flags IS 'Flags that were set; a flag without a row is on. Kept by set_feature_flag() alone; no role has a grant on it.';
COMMENT ON COLUMN account.feature_flags.flag IS 'Its name.';
COMMENT ON COLUMN account.feature_flags.enabled IS 'Whether it is on.';
COMMENT ON COLUMN account.feature_flags.updated_at IS 'When it was last set.';
ALTER TABLE account.feature_flags ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('account.feature_flags', '');

CREATE FUNCTION account.set_feature_flag(flag text, enabled boolean) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_signup_set_feature_flag';
REVOKE ALL ON FUNCTION account.set_feature_flag(text, boolean) FROM PUBLIC;
COMMENT ON FUNCTION account.set_feature_flag(text, boolean) IS 'Turns a feature on or off. There is one flag, account-registration: whether register() and sign_up() are open to all; it is on unless turned off here or by the setting account.registration, and either turns it off. Level admin. Raises FORBIDDEN otherwise, VALIDATION_FAILED for another flag.';

CREATE FUNCTION account.feature_flag_enabled(flag text) RETURNS boolean
	LANGUAGE C STABLE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_signup_feature_flag_enabled';
REVOKE ALL ON FUNCTION account.feature_flag_enabled(text) FROM PUBLIC;
COMMENT ON FUNCTION account.feature_flag_enabled(text) IS 'Whether a feature is on now, by flag and setting. Any level. Raises VALIDATION_FAILED for a flag that there is not.';

CREATE FUNCTION account.register(email text, password text) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_signup_register';
REVOKE ALL ON FUNCTION account.register(text, text) FROM PUBLIC;
COMMENT ON FUNCTION account.register(text, text) IS 'Asks to become a user, without any role, who logs in once the e-mail is verified: see issue_user_token(). The answer is the same whether the e-mail has a user or not; nothing is overwritten. It lapses after a week. Pass the password as a bind parameter. Needs extension pgcrypto. Any level, while account-registration is on. Raises FORBIDDEN while it is off, VALIDATION_FAILED for what is no e-mail address or no good password.';

CREATE FUNCTION account.sign_up(email text, password text, account_name text) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_signup_sign_up';
REVOKE ALL ON FUNCTION account.sign_up(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION account.sign_up(text, text, text) IS 'Like register(), and asks for an account of one''s own, a root, which is made when the e-mail is verified; the user is its owner, and has nothing else. Any level, while account-registration is on. Raises FORBIDDEN while it is off, VALIDATION_FAILED.';

INSERT INTO account.access_grants (level, object) VALUES
	('admin', 'FUNCTION account.set_feature_flag(text, boolean)'),
	('anonymous', 'FUNCTION account.feature_flag_enabled(text)'),
	('anonymous', 'FUNCTION account.register(text, text)'),
	('anonymous', 'FUNCTION account.sign_up(text, text, text)');
