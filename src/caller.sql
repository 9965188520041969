
-- caller: what policies, defaults and users ask of an identity.

CREATE FUNCTION account.current_account_id() RETURNS uuid
	LANGUAGE C STABLE LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_caller_current_account_id';
COMMENT ON FUNCTION account.current_account_id() IS 'The caller''s account, NULL without an identity. The default of isolated columns. Anyone may call it; raises nothing.';

CREATE FUNCTION account.current_profile_id() RETURNS uuid
	LANGUAGE C STABLE LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_caller_current_profile_id';
REVOKE ALL ON FUNCTION account.current_profile_id() FROM PUBLIC;
COMMENT ON FUNCTION account.current_profile_id() IS 'The caller''s profile, NULL without one. Any level; raises nothing.';

CREATE FUNCTION account.current_user_id() RETURNS uuid
	LANGUAGE C STABLE LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_caller_current_user_id';
REVOKE ALL ON FUNCTION account.current_user_id() FROM PUBLIC;
COMMENT ON FUNCTION account.current_user_id() IS 'The user who is calling, NULL for keys. Any level; raises nothing.';

CREATE FUNCTION account.current_api_key_id() RETURNS uuid
	LANGUAGE C STABLE LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_caller_current_api_key_id';
REVOKE ALL ON FUNCTION account.current_api_key_id() FROM PUBLIC;
COMMENT ON FUNCTION account.current_api_key_id() IS 'The API key (or application key) that the caller authenticated with, NULL otherwise. Any level; raises nothing.';

CREATE FUNCTION account.current_session_id() RETURNS uuid
	LANGUAGE C STABLE LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_caller_current_session_id';
REVOKE ALL ON FUNCTION account.current_session_id() FROM PUBLIC;
COMMENT ON FUNCTION account.current_session_id() IS 'The user''s session that the caller authenticated with, NULL otherwise. Any level; raises nothing.';

CREATE FUNCTION account.current_identity() RETURNS account.identity
	LANGUAGE C STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_caller_current_identity';
REVOKE ALL ON FUNCTION account.current_identity() FROM PUBLIC;
COMMENT ON FUNCTION account.current_identity() IS 'The identity of this transaction, NULL without one. Any level; raises nothing.';

CREATE FUNCTION account.is_writable() RETURNS boolean
	LANGUAGE C STABLE LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_caller_is_writable';
REVOKE ALL ON FUNCTION account.is_writable() FROM PUBLIC;
COMMENT ON FUNCTION account.is_writable() IS 'Whether the caller''s account takes writes: false without an identity and while the account or one above it is archived. Any level; raises nothing.';

-- What policies call.  The two that USING compares a column with never return NULL,
-- so that no plan is made for a comparison with NULL and kept: without an identity
-- they give a random UUID, drawn once for each connection, that no row has.  The one
-- that a new row is compared with returns NULL instead, so that not even that can
-- be stored.
CREATE FUNCTION account.policy_account_id() RETURNS uuid
	LANGUAGE C STABLE LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_caller_policy_account_id';
COMMENT ON FUNCTION account.policy_account_id() IS 'For row security policies: the caller''s account, or a UUID that no row has without an identity, then with a warning once in a transaction (see account.without_identity). Anyone may call it; raises nothing.';

CREATE FUNCTION account.policy_writable_account_id() RETURNS uuid
	LANGUAGE C STABLE LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_caller_policy_writable_account_id';
COMMENT ON FUNCTION account.policy_writable_account_id() IS 'For row security policies: as policy_account_id(), and a UUID that no row has while the account takes no writes. Anyone may call it; raises nothing.';

CREATE FUNCTION account.policy_new_account_id() RETURNS uuid
	LANGUAGE C STABLE LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_caller_policy_new_account_id';
COMMENT ON FUNCTION account.policy_new_account_id() IS 'For row security policies: the account that a new row has to be of, NULL without an identity and while the account takes no writes. Anyone may call it; raises nothing.';

CREATE FUNCTION account.policy_identified() RETURNS boolean
	LANGUAGE C STABLE LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_caller_policy_identified';
COMMENT ON FUNCTION account.policy_identified() IS 'For row security policies of shared tables: whether there is an account that is calling. Anyone may call it; raises nothing.';

-- What views of the extension ask.
CREATE FUNCTION account.readable_account_ids(resource text) RETURNS SETOF uuid
	LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10
	AS 'MODULE_PATHNAME', 'account_caller_readable_account_ids';
REVOKE ALL ON FUNCTION account.readable_account_ids(text) FROM PUBLIC;
COMMENT ON FUNCTION account.readable_account_ids(text) IS 'The accounts whose resources of a kind the caller may read: its own and those below, if it has read or manage permission for them; all for an administrator. Level tenant; raises nothing.';

INSERT INTO account.access_grants (level, object) VALUES
	('anonymous', 'FUNCTION account.current_profile_id()'),
	('anonymous', 'FUNCTION account.current_user_id()'),
	('anonymous', 'FUNCTION account.current_api_key_id()'),
	('anonymous', 'FUNCTION account.current_session_id()'),
	('anonymous', 'FUNCTION account.current_identity()'),
	('anonymous', 'FUNCTION account.is_writable()'),
	('tenant', 'FUNCTION account.readable_account_ids(text)');
