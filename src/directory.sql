
-- directory: finding, reading and changing accounts.
--
-- A caller sees its own account and those below it; one that does not exist and
-- one that is out of reach read alike.  Of the accounts above it a caller learns
-- the ids and nothing else.

CREATE TYPE account.account_resource AS (
	api_key text,
	archived_at timestamp with time zone,
	branding jsonb,
	commitment account.commitment,
	created_at timestamp with time zone,
	id uuid,
	last_read_input_at timestamp with time zone,
	last_updated_config_at timestamp with time zone,
	last_updated_output_at timestamp with time zone,
	name text,
	parent_account_id uuid,
	resource_type text,
	status account.status,
	status_changed_at timestamp with time zone,
	status_error text,
	stripe_customer_id text,
	updated_at timestamp with time zone
);
COMMENT ON TYPE account.account_resource IS 'An account as callers read it. api_key is always NULL; archived_at is since when it or an account above is archived; commitment is shown to the account itself and to administrators; resource_type is "account".';

CREATE TYPE account.created_account AS (
	api_key text,
	archived_at timestamp with time zone,
	branding jsonb,
	commitment account.commitment,
	created_at timestamp with time zone,
	id uuid,
	last_read_input_at timestamp with time zone,
	last_updated_config_at timestamp with time zone,
	last_updated_output_at timestamp with time zone,
	name text,
	parent_account_id uuid,
	resource_type text,
	status account.status,
	status_changed_at timestamp with time zone,
	status_error text,
	stripe_customer_id text,
	updated_at timestamp with time zone
);
COMMENT ON TYPE account.created_account IS 'A new account, as account_resource, with its first API key in api_key: shown this once.';

CREATE TYPE account.account_summary AS (
	account_id uuid,
	parent_account_id uuid,
	depth integer,
	name text,
	status account.status,
	created_at timestamp with time zone,
	external_id text,
	labels jsonb
);
COMMENT ON TYPE account.account_summary IS 'A line of a list of accounts; depth is how many levels lie between it and the account that the list was asked for.';

CREATE FUNCTION account.get_account(account_id uuid DEFAULT NULL) RETURNS account.account_resource
	LANGUAGE C STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'account_directory_get_account';
REVOKE ALL ON FUNCTION account.get_account(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.get_account(uuid) IS 'An account: the caller''s own, if none is named, or one below it; administrators: any. Raises MISSING_API_KEY, NOT_FOUND, BAD_REQUEST.';

CREATE FUNCTION account.update_account(account_id uuid, changes jsonb) RETURNS account.account_resource
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_directory_update_account';
REVOKE ALL ON FUNCTION account.update_account(uuid, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION account.update_account(uuid, jsonb) IS 'Changes what changes names: name, branding, description (at most 10,000 characters), domain, billing_email, labels, webhook_url (https); accounts above also external_id, administrators also stripe_customer_id. null clears what may be empty; branding and labels are replaced as a whole. update:accounts in the caller''s own account or one below it; administrators: any. Raises MISSING_API_KEY, FORBIDDEN, NOT_FOUND, BAD_REQUEST, VALIDATION_FAILED with an entry for each unknown or invalid member (nothing is changed then), ARCHIVED (administrators excepted), and CONFLICT if a sibling has that external_id.';

CREATE FUNCTION account.account_ancestors(account_id uuid) RETURNS SETOF account.account_summary
	LANGUAGE C STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'account_directory_account_ancestors';
REVOKE ALL ON FUNCTION account.account_ancestors(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.account_ancestors(uuid) IS 'The accounts above an account, the root first, without itself; depth is 1 for its parent. Of accounts above the caller''s own only ids and depth are shown. The caller''s own account or one below it; administrators: any. Raises MISSING_API_KEY, NOT_FOUND, BAD_REQUEST.';

CREATE FUNCTION account.account_descendants(account_id uuid, depth integer DEFAULT NULL) RETURNS SETOF account.account_summary
	LANGUAGE C STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'account_directory_account_descendants';
REVOKE ALL ON FUNCTION account.account_descendants(uuid, integer) FROM PUBLIC;
COMMENT ON FUNCTION account.account_descendants(uuid, integer) IS 'The accounts below an account, without itself, nearest levels first, then the oldest; depth is 1 for its children, and with an argument depth no more levels than that are shown. The caller''s own account or one below it; administrators: any. Raises MISSING_API_KEY, NOT_FOUND, BAD_REQUEST, and VALIDATION_FAILED for a depth below 1.';

-- What the view account_api.accounts is made of: its caller reads the table, and its indexes give the
-- order in which the view is paged.
CREATE POLICY accounts_select ON account.accounts FOR SELECT
	USING ((account_id = account.current_account_id() OR parent_account_id = account.current_account_id())
		AND account.policy_first(account_id = account.current_account_id() OR parent_account_id = account.current_account_id()));

CREATE FUNCTION account.read_only_since(account_id uuid) RETURNS timestamp with time zone
	LANGUAGE C STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'account_directory_read_only_since';
REVOKE ALL ON FUNCTION account.read_only_since(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.read_only_since(uuid) IS 'Since when an account, or one above it, is archived; NULL if it is not. The caller''s own account or one below it; administrators: any. Raises MISSING_API_KEY, NOT_FOUND.';

CREATE FUNCTION account.own_commitment() RETURNS account.commitment
	LANGUAGE C STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'account_directory_own_commitment';
REVOKE ALL ON FUNCTION account.own_commitment() FROM PUBLIC;
COMMENT ON FUNCTION account.own_commitment() IS 'What the caller''s account has agreed to pay for the plan of its own; NULL without one. Level tenant; raises nothing.';

INSERT INTO account.access_grants (level, object, privileges) VALUES
	('tenant', 'TABLE account.accounts', 'SELECT (account_id, parent_account_id, name, branding, stripe_customer_id, status, status_changed_at, status_error, created_at, updated_at, last_read_input_at, last_updated_config_at, last_updated_output_at)');
INSERT INTO account.access_grants (level, object) VALUES
	('tenant', 'FUNCTION account.read_only_since(uuid)'),
	('tenant', 'FUNCTION account.own_commitment()'),
	('tenant', 'FUNCTION account.get_account(uuid)'),
	('tenant', 'FUNCTION account.update_account(uuid, jsonb)'),
	('tenant', 'FUNCTION account.account_ancestors(uuid)'),
	('tenant', 'FUNCTION account.account_descendants(uuid, integer)');
