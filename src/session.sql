
-- session: logged in, listed, ended.
--
-- A session is a credential of kind s (part credential), of a user and of no account.
-- Its rows are deleted when it has expired: a few by each login, and by
-- clean_sessions() in batches; so there are never many more of them than sessions were
-- begun within account.session_lifetime, and vacuum finds as many dead rows as logins.

CREATE TYPE account.login_result AS (
	session_token text,
	session_id uuid,
	user_id uuid,
	expires_at timestamp with time zone,
	error text
);
COMMENT ON TYPE account.login_result IS 'A new session, its token shown this once; or nothing of it and the code of the one error.';

CREATE FUNCTION account.login(email text, password text) RETURNS account.login_result
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_session_login';
REVOKE ALL ON FUNCTION account.login(text, text) FROM PUBLIC;
COMMENT ON FUNCTION account.login(text, text) IS 'Begins a session of a user and returns its token, this once; authenticate() takes it, in this transaction too. A wrong e-mail or password, a user who is disabled, locked or has not verified the e-mail (where account.require_verified_email asks for it): error INVALID_AUTHORIZATION and NULLs, after the same work. Commit also what fails, so that it counts: see account.login_attempts and account.login_lockout. Pass the password as a bind parameter. Needs extension pgcrypto. Any level. Raises VALIDATION_FAILED for a NULL, BAD_REQUEST in a read-only transaction and on a standby, where no session can be stored, INTERNAL_SERVER_ERROR without pgcrypto, and INVALID_AUTHORIZATION at COMMIT if the password was changed or the user disabled at the same moment.';

CREATE FUNCTION account.logout() RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_session_logout';
REVOKE ALL ON FUNCTION account.logout() FROM PUBLIC;
COMMENT ON FUNCTION account.logout() IS 'Ends the session that the caller has authenticated with, and the identity, as deauthenticate() does. Level tenant. Raises MISSING_API_KEY, FORBIDDEN for an identity that is not of a session.';

CREATE FUNCTION account.revoke_session(session_id uuid) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_session_revoke_session';
REVOKE ALL ON FUNCTION account.revoke_session(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.revoke_session(uuid) IS 'Ends a session of the user whose session is the caller''s; one that has ended already is no error. Level tenant. Raises MISSING_API_KEY, FORBIDDEN for an identity that is not of a session, NOT_FOUND for what is not the user''s.';

CREATE FUNCTION account.clean_sessions(max_count integer DEFAULT 10000) RETURNS bigint
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_session_clean_sessions';
REVOKE ALL ON FUNCTION account.clean_sessions(integer) FROM PUBLIC;
COMMENT ON FUNCTION account.clean_sessions(integer) IS 'Deletes up to max_count (1 to 100,000) sessions and user tokens that have expired, oldest first, leaving out what others are deleting, and returns how many rows went. Logins do a few each, so this is for servers where few log in any more. Does nothing in transactions other than READ COMMITTED. Level admin. Raises FORBIDDEN otherwise, VALIDATION_FAILED.';

CREATE VIEW account.sessions WITH (security_barrier) AS
	SELECT c.credential_id AS session_id,
		CASE
			WHEN e.ended_at IS NOT NULL THEN 'ended'
			WHEN c.ends_at <= pg_catalog.clock_timestamp() THEN 'expired'
			ELSE 'active'
		END AS state,
		c.credential_id = account.current_session_id() AS current,
		c.source,
		c.created_at,
		NULLIF(u.used_at, '-infinity') AS last_used_at,
		c.ends_at AS expires_at,
		e.ended_at
	FROM account.credentials c
	LEFT JOIN account.uses u ON u.credential_id = c.credential_id
	LEFT JOIN LATERAL (
			SELECT pg_catalog.min(n.ends_at) AS ended_at
			FROM account.credentials n
			WHERE n.number = c.number AND n.digest = c.digest AND n.entry > 0
		) e ON true
	WHERE c.user_id = account.current_user_id()
		AND account.current_session_id() IS NOT NULL
		AND c.kind = 's' AND c.entry = 0
	-- A fence: no condition of the caller's is evaluated on a row of anybody else.
	OFFSET 0;
COMMENT ON VIEW account.sessions IS 'The sessions of the user whose session is the caller''s, as long as they are kept: until some time after they have expired. Never shows a token or digest.';
COMMENT ON COLUMN account.sessions.session_id IS 'The id, for revoke_session().';
COMMENT ON COLUMN account.sessions.state IS 'active; expired: at the end of account.session_lifetime; ended: logged out, revoked, or ended with a change of the password. One that was idle for too long still reads as active.';
COMMENT ON COLUMN account.sessions.current IS 'Whether it is the one that is asking.';
COMMENT ON COLUMN account.sessions.source IS 'The address that it was begun from; NULL over a UNIX socket.';
COMMENT ON COLUMN account.sessions.created_at IS 'When it was begun.';
COMMENT ON COLUMN account.sessions.last_used_at IS 'When it last authenticated, to about a minute; NULL never.';
COMMENT ON COLUMN account.sessions.expires_at IS 'When it ends at the latest.';
COMMENT ON COLUMN account.sessions.ended_at IS 'When it was ended; NULL if it was not.';

INSERT INTO account.access_grants (level, object) VALUES
	('anonymous', 'FUNCTION account.login(text, text)'),
	('tenant', 'FUNCTION account.logout()'),
	('tenant', 'FUNCTION account.revoke_session(uuid)'),
	('admin', 'FUNCTION account.clean_sessions(integer)'),
	('tenant', 'TABLE account.sessions');
