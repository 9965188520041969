
-- proof: user tokens, the proof that an e-mail is somebody's.
--
-- A token is a credential of kind u (part credential); the extension sends no mail.

CREATE FUNCTION account.issue_user_token(email text, purpose text, expires_in interval DEFAULT '1 hour') RETURNS text
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_proof_issue_user_token';
REVOKE ALL ON FUNCTION account.issue_user_token(text, text, interval) FROM PUBLIC;
COMMENT ON FUNCTION account.issue_user_token(text, text, interval) IS 'Issues a token for the user of an e-mail, or for who registered it last, and returns it, this once: send it to that address and show it nobody. purpose verify proves the e-mail, reset sets a new password too. It is good for expires_in (up to 30 days), once, and ends when the password or the e-mail changes. Level admin. Raises FORBIDDEN otherwise, VALIDATION_FAILED, NOT_FOUND where nobody has or wants the e-mail: do not pass that on to who asked.';

CREATE FUNCTION account.use_user_token(token text, password text DEFAULT NULL) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_proof_use_user_token';
REVOKE ALL ON FUNCTION account.use_user_token(text, text) FROM PUBLIC;
COMMENT ON FUNCTION account.use_user_token(text, text) IS 'Uses a token, once: the e-mail that it was sent to is verified, who registered becomes a user, and the account of sign_up() is made. With a password that becomes the user''s, and their sessions and other user tokens end; reset needs one, and so does verify where several have registered the e-mail: whose is whose is not known. A token whose password is refused stays good. Pass both as bind parameters. Any level. Raises INVALID_AUTHORIZATION for a token that is unknown, used, or of a user who is disabled or erased, EXPIRED_API_KEY, VALIDATION_FAILED for the password, CONFLICT if the e-mail has got another user since.';

INSERT INTO account.access_grants (level, object) VALUES
	('admin', 'FUNCTION account.issue_user_token(text, text, interval)'),
	('anonymous', 'FUNCTION account.use_user_token(text, text)');
