
-- gate: what the policies of users' tables ask of an identity.
--
-- The two that USING compares a column with never return NULL, so that no plan is made
-- for a comparison with NULL and kept: without an identity they give a UUID, made of a
-- secret of the cluster, that no row has.  The one that a new row is compared with
-- returns NULL instead, so that not even that can be stored.
CREATE FUNCTION account.policy_account_id() RETURNS uuid
	LANGUAGE C STABLE LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_gate_policy_account_id';
COMMENT ON FUNCTION account.policy_account_id() IS 'For row security policies: the caller''s account, or a UUID that no row has without an identity, then with a warning once in a transaction (see account.without_identity). Anyone may call it; raises nothing.';

CREATE FUNCTION account.policy_writable_account_id() RETURNS uuid
	LANGUAGE C STABLE LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_gate_policy_writable_account_id';
COMMENT ON FUNCTION account.policy_writable_account_id() IS 'For row security policies: as policy_account_id(), and a UUID that no row has while the account takes no writes. Anyone may call it; raises nothing.';

CREATE FUNCTION account.policy_new_account_id() RETURNS uuid
	LANGUAGE C STABLE LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_gate_policy_new_account_id';
COMMENT ON FUNCTION account.policy_new_account_id() IS 'For row security policies: the account that a new row has to be of, NULL without an identity and while the account takes no writes. Anyone may call it; raises nothing.';

-- The same of an identity that holds a permission in its whole account.
CREATE FUNCTION account.policy_account_id(permission text) RETURNS uuid
	LANGUAGE C STABLE STRICT LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_gate_policy_account_id_permitted';
COMMENT ON FUNCTION account.policy_account_id(text) IS 'For row security policies: as policy_account_id(), and a UUID that no row has where the caller lacks a permission. Anyone may call it; raises nothing.';

CREATE FUNCTION account.policy_writable_account_id(permission text) RETURNS uuid
	LANGUAGE C STABLE STRICT LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_gate_policy_writable_account_id_permitted';
COMMENT ON FUNCTION account.policy_writable_account_id(text) IS 'For row security policies: as policy_writable_account_id(), and a UUID that no row has where the caller lacks a permission. Anyone may call it; raises nothing.';

CREATE FUNCTION account.policy_new_account_id(permission text) RETURNS uuid
	LANGUAGE C STABLE STRICT LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_gate_policy_new_account_id_permitted';
COMMENT ON FUNCTION account.policy_new_account_id(text) IS 'For row security policies: as policy_new_account_id(), and NULL where the caller lacks a permission. Anyone may call it; raises nothing.';

-- The list is never empty: without a workspace it holds one that no row is in.
CREATE FUNCTION account.policy_workspace_ids() RETURNS uuid[]
	LANGUAGE C STABLE LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_gate_policy_workspace_ids';
COMMENT ON FUNCTION account.policy_workspace_ids() IS 'For row security policies: the workspaces that the caller reaches, or one that no row is in. Anyone may call it; raises nothing.';

CREATE FUNCTION account.policy_workspace_ids(permission text) RETURNS uuid[]
	LANGUAGE C STABLE STRICT LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_gate_policy_workspace_ids_permitted';
COMMENT ON FUNCTION account.policy_workspace_ids(text) IS 'For row security policies: the workspaces that the caller reaches and holds a permission in, or one that no row is in. Anyone may call it; raises nothing.';

CREATE FUNCTION account.policy_workspace_writable(workspace_id uuid) RETURNS boolean
	LANGUAGE C STABLE STRICT LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_gate_policy_workspace_writable';
COMMENT ON FUNCTION account.policy_workspace_writable(uuid) IS 'For row security policies: whether a workspace is one of policy_workspace_ids(). Anyone may call it; raises nothing.';

CREATE FUNCTION account.policy_workspace_writable(workspace_id uuid, permission text) RETURNS boolean
	LANGUAGE C STABLE STRICT LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_gate_policy_workspace_writable_permitted';
COMMENT ON FUNCTION account.policy_workspace_writable(uuid, text) IS 'For row security policies: whether a workspace is one of policy_workspace_ids(permission). Anyone may call it; raises nothing.';

CREATE FUNCTION account.policy_identified() RETURNS boolean
	LANGUAGE C STABLE LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_gate_policy_identified';
COMMENT ON FUNCTION account.policy_identified() IS 'For row security policies of shared tables: whether there is an account that is calling. Anyone may call it; raises nothing.';
