
-- identity: who is calling.
--
-- An identity is carried by the setting account.context, which only the
-- functions below can set, and ends with the transaction.  The rules, and every
-- transition, stand at the head of src/identity.c.

CREATE TYPE account.identity AS (
	account_id uuid,
	profile_id uuid,
	user_id uuid,
	api_key_id uuid,
	session_id uuid,
	permissions text[],
	workspace_ids uuid[],
	expires_at timestamp with time zone
);
COMMENT ON TYPE account.identity IS 'Who is calling: the account, the profile in it, the user and session or the API key that proved it, what it may do in the whole account (has_permission() also knows of workspaces and services), the workspaces that it reaches and when the proof expires (NULL never).';

CREATE FUNCTION account.authenticate(token text, account_id uuid DEFAULT NULL) RETURNS account.identity
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_identity_authenticate';
REVOKE ALL ON FUNCTION account.authenticate(text, uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.authenticate(text, uuid) IS 'Makes an account the caller''s, until the transaction ends: that of an API key; or for a session the one named, of which its user is a member (or of one above, with a role that reaches down), and with none named the only one that it is a member of. A session of a user with none or several, and none named, is an identity of the user alone, without rows and permissions. One identity a transaction: the same token again changes nothing, another one raises CONFLICT. Pass the token as a bind parameter. Any level. Raises MISSING_API_KEY, MALFORMED_API_KEY, INVALID_AUTHORIZATION, EXPIRED_API_KEY or ACCOUNT_SUSPENDED; RATE_LIMITED, with the seconds to wait, where the account''s plan names requests_per_minute, there were more and the library is preloaded; NOT_FOUND if an account is named that is not the key''s, or of which the user is no member; BAD_REQUEST while a cursor is open, in a trigger, in parallel mode and in a function that runs as another user; FORBIDDEN for roles that row security does not bind, where account.refuse_bypass is on.';

CREATE FUNCTION account.authenticate_session(token text, account_id uuid DEFAULT NULL) RETURNS account.identity
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_identity_authenticate_session';
REVOKE ALL ON FUNCTION account.authenticate_session(text, uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.authenticate_session(text, uuid) IS 'Like authenticate(), until the connection ends or deauthenticate() is called; the token is verified again at its first use in each transaction. For requests_per_minute it counts once. Only where account.session_identity is on: never through a pooler. Any level. Raises FORBIDDEN where it is off, and what authenticate() raises.';

CREATE FUNCTION account.act_as(application_key text, account_id uuid, user_id uuid DEFAULT NULL, reason text DEFAULT NULL) RETURNS account.identity
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_identity_act_as';
REVOKE ALL ON FUNCTION account.act_as(text, uuid, uuid, text) FROM PUBLIC;
COMMENT ON FUNCTION account.act_as(text, uuid, uuid, text) IS 'For an application that logs people in by itself: makes an account the caller''s until the transaction ends, with the permissions of the application key; or, if a user is named, with those of that member, and none of the key''s. A reason is written to the server log. Any level. Raises NOT_FOUND for an account that does not exist and for a user who is not its member, VALIDATION_FAILED without an account, and what authenticate() raises.';

CREATE FUNCTION account.deauthenticate() RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_identity_deauthenticate';
REVOKE ALL ON FUNCTION account.deauthenticate() FROM PUBLIC;
COMMENT ON FUNCTION account.deauthenticate() IS 'Ends the identity, for good: a rollback does not bring it back. Another one can be had in the next transaction. Any level. Raises BAD_REQUEST in parallel mode.';

INSERT INTO account.access_grants (level, object) VALUES
	('anonymous', 'FUNCTION account.authenticate(text, uuid)'),
	('anonymous', 'FUNCTION account.authenticate_session(text, uuid)'),
	('anonymous', 'FUNCTION account.act_as(text, uuid, uuid, text)'),
	('anonymous', 'FUNCTION account.deauthenticate()');
