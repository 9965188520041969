
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

-- What a row that is read is tested by, before and beside the comparisons that indexes serve (gate.c).
CREATE FUNCTION account.evaluate_first(internal) RETURNS internal
	LANGUAGE C STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_gate_evaluate_first';
REVOKE ALL ON FUNCTION account.evaluate_first(internal) FROM PUBLIC;
COMMENT ON FUNCTION account.evaluate_first(internal) IS 'For the planner: what policy_row(), policy_writable_row(), policy_first() and policy_reads() cost, so that they are evaluated before whatever else a query asks of a row. Cannot be called from SQL.';

CREATE FUNCTION account.policy_first(condition boolean) RETURNS boolean
	LANGUAGE C STABLE STRICT LEAKPROOF PARALLEL SAFE
	SUPPORT account.evaluate_first
	AS 'MODULE_PATHNAME', 'account_gate_policy_first';
COMMENT ON FUNCTION account.policy_first(boolean) IS 'For row security policies: the condition, evaluated before any of the caller''s. Anyone may call it; raises nothing.';

CREATE FUNCTION account.policy_row(account_id uuid) RETURNS boolean
	LANGUAGE C STABLE STRICT LEAKPROOF PARALLEL SAFE
	SUPPORT account.evaluate_first
	AS 'MODULE_PATHNAME', 'account_gate_policy_row';
COMMENT ON FUNCTION account.policy_row(uuid) IS 'For row security policies: whether a row''s account is policy_account_id(). Evaluated for each row before any condition of the caller''s. Anyone may call it; raises nothing.';

CREATE FUNCTION account.policy_row(account_id uuid, permission text) RETURNS boolean
	LANGUAGE C STABLE STRICT LEAKPROOF PARALLEL SAFE
	SUPPORT account.evaluate_first
	AS 'MODULE_PATHNAME', 'account_gate_policy_row_permitted';
COMMENT ON FUNCTION account.policy_row(uuid, text) IS 'For row security policies: whether a row''s account is policy_account_id(permission). Evaluated for each row before any condition of the caller''s. Anyone may call it; raises nothing.';

CREATE FUNCTION account.policy_row(account_id uuid, workspace_id uuid) RETURNS boolean
	LANGUAGE C STABLE STRICT LEAKPROOF PARALLEL SAFE
	SUPPORT account.evaluate_first
	AS 'MODULE_PATHNAME', 'account_gate_policy_row_workspace';
COMMENT ON FUNCTION account.policy_row(uuid, uuid) IS 'For row security policies: whether a row''s account is policy_account_id() and its workspace one of policy_workspace_ids(). Evaluated for each row before any condition of the caller''s. Anyone may call it; raises nothing.';

CREATE FUNCTION account.policy_row(account_id uuid, workspace_id uuid, permission text) RETURNS boolean
	LANGUAGE C STABLE STRICT LEAKPROOF PARALLEL SAFE
	SUPPORT account.evaluate_first
	AS 'MODULE_PATHNAME', 'account_gate_policy_row_workspace_permitted';
COMMENT ON FUNCTION account.policy_row(uuid, uuid, text) IS 'For row security policies: whether a row''s account is policy_account_id() and its workspace one of policy_workspace_ids(permission). Evaluated for each row before any condition of the caller''s. Anyone may call it; raises nothing.';

CREATE FUNCTION account.policy_writable_row(account_id uuid) RETURNS boolean
	LANGUAGE C STABLE STRICT LEAKPROOF PARALLEL SAFE
	SUPPORT account.evaluate_first
	AS 'MODULE_PATHNAME', 'account_gate_policy_writable_row';
COMMENT ON FUNCTION account.policy_writable_row(uuid) IS 'For row security policies of UPDATE and DELETE: whether a row''s account is policy_writable_account_id(). Evaluated for each row before any condition of the caller''s. Anyone may call it; raises nothing.';

CREATE FUNCTION account.policy_writable_row(account_id uuid, permission text) RETURNS boolean
	LANGUAGE C STABLE STRICT LEAKPROOF PARALLEL SAFE
	SUPPORT account.evaluate_first
	AS 'MODULE_PATHNAME', 'account_gate_policy_writable_row_permitted';
COMMENT ON FUNCTION account.policy_writable_row(uuid, text) IS 'For row security policies of UPDATE and DELETE: whether a row''s account is policy_writable_account_id(permission). Evaluated for each row before any condition of the caller''s. Anyone may call it; raises nothing.';

CREATE FUNCTION account.policy_writable_row(account_id uuid, workspace_id uuid) RETURNS boolean
	LANGUAGE C STABLE STRICT LEAKPROOF PARALLEL SAFE
	SUPPORT account.evaluate_first
	AS 'MODULE_PATHNAME', 'account_gate_policy_writable_row_workspace';
COMMENT ON FUNCTION account.policy_writable_row(uuid, uuid) IS 'For row security policies of UPDATE and DELETE: whether a row''s account is policy_writable_account_id() and its workspace one of policy_workspace_ids(). Evaluated for each row before any condition of the caller''s. Anyone may call it; raises nothing.';

CREATE FUNCTION account.policy_writable_row(account_id uuid, workspace_id uuid, permission text) RETURNS boolean
	LANGUAGE C STABLE STRICT LEAKPROOF PARALLEL SAFE
	SUPPORT account.evaluate_first
	AS 'MODULE_PATHNAME', 'account_gate_policy_writable_row_workspace_permitted';
COMMENT ON FUNCTION account.policy_writable_row(uuid, uuid, text) IS 'For row security policies of UPDATE and DELETE: whether a row''s account is policy_writable_account_id() and its workspace one of policy_workspace_ids(permission). Evaluated for each row before any condition of the caller''s. Anyone may call it; raises nothing.';

CREATE FUNCTION account.policy_reads(account_id uuid, resource text) RETURNS boolean
	LANGUAGE C STABLE STRICT LEAKPROOF PARALLEL SAFE
	SUPPORT account.evaluate_first
	AS 'MODULE_PATHNAME', 'account_gate_policy_reads';
COMMENT ON FUNCTION account.policy_reads(uuid, text) IS 'For views: whether an account is one of readable_account_ids(resource), or with '''' the caller''s own or one below it. Evaluated for each row before any condition of the caller''s. Anyone may call it; raises nothing.';
