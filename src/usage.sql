
-- usage: what accounts use of what their plans limit.

CREATE FUNCTION account.readable_usage_accounts() RETURNS SETOF uuid
	LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10
	AS 'MODULE_PATHNAME', 'account_usage_readable_usage_accounts';
REVOKE ALL ON FUNCTION account.readable_usage_accounts() FROM PUBLIC;
COMMENT ON FUNCTION account.readable_usage_accounts() IS 'The accounts that quota_usage has: the caller''s and those below; all for an administrator, none for anybody else. Level tenant; raises nothing.';

CREATE FUNCTION account.readable_usage(account_id uuid, OUT resource text, OUT scope text, OUT used bigint, OUT tree_used bigint, OUT limit_value bigint)
	RETURNS SETOF record
	LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 10
	AS 'MODULE_PATHNAME', 'account_usage_readable_usage';
REVOKE ALL ON FUNCTION account.readable_usage(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.readable_usage(uuid) IS 'What quota_usage has of an account: the caller''s own or one below; administrators: any. Level tenant. Raises MISSING_API_KEY, NOT_FOUND.';

CREATE VIEW account.quota_usage WITH (security_barrier) AS
	SELECT i.account_id,
		u.resource,
		u.scope,
		u.used,
		u.tree_used,
		u.limit_value,
		a.name::text AS account_name,
		a.external_id,
		a.labels,
		a.created_at
	FROM account.readable_usage_accounts() i (account_id)
	JOIN account.accounts a ON a.account_id OPERATOR(pg_catalog.=) i.account_id
	CROSS JOIN LATERAL account.readable_usage(i.account_id) u
	-- Whatever is asked besides: this comes first.
	WHERE account.policy_reads(a.account_id, '');
COMMENT ON VIEW account.quota_usage IS 'What accounts use: of sub_accounts, api_keys, service_accounts, members and workspaces, of all else that their effective plan limits, and of all that tables with a quota count. Of the caller''s account and those below; administrators: of all. Level tenant.';
COMMENT ON COLUMN account.quota_usage.account_id IS 'The account.';
COMMENT ON COLUMN account.quota_usage.resource IS 'What is counted: the name in the limits of the plan.';
COMMENT ON COLUMN account.quota_usage.scope IS 'Whom the limit is for: account, each one, also where there is no limit; or tree, all that are billed to the holder of the plan.';
COMMENT ON COLUMN account.quota_usage.used IS 'How many the account itself has.';
COMMENT ON COLUMN account.quota_usage.tree_used IS 'How many there are in all that are billed to the account, where it holds the plan and the limit is for the tree; otherwise NULL: nobody is told what others use.';
COMMENT ON COLUMN account.quota_usage.limit_value IS 'How many the plan allows; NULL for no limit.';
COMMENT ON COLUMN account.quota_usage.account_name IS 'The name of the account.';
COMMENT ON COLUMN account.quota_usage.external_id IS 'The external id of the account.';
COMMENT ON COLUMN account.quota_usage.labels IS 'The labels of the account.';
COMMENT ON COLUMN account.quota_usage.created_at IS 'When the account was created.';

INSERT INTO account.access_grants (level, object) VALUES
	('tenant', 'FUNCTION account.readable_usage_accounts()'),
	('tenant', 'FUNCTION account.readable_usage(uuid)'),
	('tenant', 'TABLE account.quota_usage');
