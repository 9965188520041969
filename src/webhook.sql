
-- webhook: secrets that webhooks are signed with, and signatures.
--
-- Every account has a secret from the beginning.  Secrets are inserted and, once they are
-- over, deleted; they are updated only to be encrypted under another master key.

CREATE TABLE account.webhook_secrets (
	account_id uuid NOT NULL,
	entry bigint NOT NULL,
	secret bytea NOT NULL,
	sealed_by bytea,
	older_until timestamp with time zone,
	created_at timestamp with time zone NOT NULL,
	CONSTRAINT webhook_secrets_pkey PRIMARY KEY (account_id, entry),
	CONSTRAINT webhook_secrets_sealed_by_is_id CHECK (pg_catalog.octet_length(sealed_by) OPERATOR(pg_catalog.=) 8),
	CONSTRAINT webhook_secrets_plain_has_length CHECK (sealed_by IS NOT NULL
		OR pg_catalog.octet_length(secret) OPERATOR(pg_catalog.=) 32)
);
COMMENT ON TABLE account.webhook_secrets IS 'Secrets that webhooks are signed with. Kept by functions alone; no role has a grant on it.';
COMMENT ON COLUMN account.webhook_secrets.account_id IS 'The account.';
COMMENT ON COLUMN account.webhook_secrets.entry IS 'A random number, so that two rotations never wait for one another.';
COMMENT ON COLUMN account.webhook_secrets.secret IS 'The secret, 32 bytes; encrypted, with the id of the account before it, where sealed_by is not NULL.';
COMMENT ON COLUMN account.webhook_secrets.sealed_by IS 'What tells the master key that it is encrypted under from others; NULL if it is not encrypted.';
COMMENT ON COLUMN account.webhook_secrets.older_until IS 'Until when the secrets before it are in force; NULL if it ends none.';
COMMENT ON COLUMN account.webhook_secrets.created_at IS 'When it was made; the newest is the one to be configured.';
ALTER TABLE account.webhook_secrets ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('account.webhook_secrets', '');

CREATE FUNCTION account.rotate_webhook_secret(overlap interval DEFAULT '24 hours', account_id uuid DEFAULT NULL) RETURNS text
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_webhook_rotate_webhook_secret';
REVOKE ALL ON FUNCTION account.rotate_webhook_secret(interval, uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.rotate_webhook_secret(interval, uuid) IS 'Generates a new webhook secret of the caller''s account (administrators: of any) and returns it, "whsec_" and base64. Those before it go on signing beside it for the overlap (0 to 30 days); 0 ends them at once. Waits for nobody. manage:webhooks; administrators. Raises MISSING_API_KEY, FORBIDDEN, NOT_FOUND, BAD_REQUEST, VALIDATION_FAILED, ARCHIVED, ACCOUNT_SUSPENDED, CONFLICT with five secrets in force (never without an overlap), and INTERNAL_SERVER_ERROR where the master key file cannot be read or pgcrypto is missing.';

CREATE FUNCTION account.webhook_secret(account_id uuid DEFAULT NULL) RETURNS text
	LANGUAGE C STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'account_webhook_webhook_secret';
REVOKE ALL ON FUNCTION account.webhook_secret(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.webhook_secret(uuid) IS 'The newest webhook secret of the caller''s account (administrators: of any), "whsec_" and base64: what whoever receives its webhooks checks them with. manage:webhooks; administrators. Raises MISSING_API_KEY, FORBIDDEN, NOT_FOUND, BAD_REQUEST, and INTERNAL_SERVER_ERROR where it is encrypted under a master key that is not in the file.';

CREATE FUNCTION account.sign_webhook(message_id text, payload text, sent_at timestamp with time zone DEFAULT pg_catalog.now(), account_id uuid DEFAULT NULL) RETURNS text
	LANGUAGE C STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'account_webhook_sign_webhook';
REVOKE ALL ON FUNCTION account.sign_webhook(text, text, timestamp with time zone, uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.sign_webhook(text, text, timestamp with time zone, uuid) IS 'The value of the header webhook-signature (Standard Webhooks) for a message: a signature by each secret in force, newest first. message_id (1 to 255 visible ASCII characters, no dot) is that of webhook-id, sent_at in whole seconds that of webhook-timestamp; payload (at most 16 MB) is signed as UTF-8 and has to be sent like that, byte for byte. The caller''s account; administrators: any. manage:webhooks; administrators. Raises MISSING_API_KEY, FORBIDDEN, NOT_FOUND, BAD_REQUEST, VALIDATION_FAILED, and INTERNAL_SERVER_ERROR where a secret is encrypted under a master key that is not in the file.';

CREATE FUNCTION account.sign_webhook(message_id text, payload bytea, sent_at timestamp with time zone DEFAULT pg_catalog.now(), account_id uuid DEFAULT NULL) RETURNS text
	LANGUAGE C STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'account_webhook_sign_webhook_bytes';
REVOKE ALL ON FUNCTION account.sign_webhook(text, bytea, timestamp with time zone, uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.sign_webhook(text, bytea, timestamp with time zone, uuid) IS 'As sign_webhook() of a text, for a payload that is bytes: they are signed as they are. manage:webhooks; administrators. Raises the same.';

CREATE FUNCTION account.verify_webhook(secret text, message_id text, sent_at text, payload text, signature text, tolerance interval DEFAULT '5 minutes') RETURNS boolean
	LANGUAGE C STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_signature_verify_webhook';
REVOKE ALL ON FUNCTION account.verify_webhook(text, text, text, text, text, interval) FROM PUBLIC;
COMMENT ON FUNCTION account.verify_webhook(text, text, text, text, text, interval) IS 'Whether a webhook that was received is genuine (Standard Webhooks): secret is "whsec_" and base64 of 24 to 64 bytes, message_id, sent_at (whole seconds, digits alone) and signature are the headers webhook-id, webhook-timestamp and webhook-signature, payload is the body. One of the first 100 signatures has to be right, and sent_at within the tolerance (0 to 1 day) of the time of the statement, before or after. Whoever calls it sees to it that a message_id counts once. Anything that is NULL or of another form is false. Any level. Raises VALIDATION_FAILED for the tolerance alone.';

CREATE FUNCTION account.reencrypt_webhook_secrets() RETURNS bigint
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_webhook_reencrypt_webhook_secrets';
REVOKE ALL ON FUNCTION account.reencrypt_webhook_secrets() FROM PUBLIC;
COMMENT ON FUNCTION account.reencrypt_webhook_secrets() IS 'Encrypts the webhook secrets that are not encrypted under the first key of account.master_key_file anew, and returns how many: after a key was put before another (the second is needed until this is done), or the file was introduced. Leaves out secrets that another transaction is about to change: 0 means all are done. Administrators. Raises FORBIDDEN, and INTERNAL_SERVER_ERROR where a key is not in the file, with nothing changed.';

INSERT INTO account.access_grants (level, object) VALUES
	('tenant', 'FUNCTION account.rotate_webhook_secret(interval, uuid)'),
	('tenant', 'FUNCTION account.webhook_secret(uuid)'),
	('tenant', 'FUNCTION account.sign_webhook(text, text, timestamp with time zone, uuid)'),
	('tenant', 'FUNCTION account.sign_webhook(text, bytea, timestamp with time zone, uuid)'),
	('anonymous', 'FUNCTION account.verify_webhook(text, text, text, text, text, interval)'),
	('admin', 'FUNCTION account.reencrypt_webhook_secrets()');
