
-- limit: what the effective plan of an account allows, as sessions keep it.
--
-- Whatever changes it, by whatever statement, makes all sessions forget.

CREATE FUNCTION account.forget_limits() RETURNS trigger
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_limit_forget_limits';
REVOKE ALL ON FUNCTION account.forget_limits() FROM PUBLIC;
COMMENT ON FUNCTION account.forget_limits() IS 'Trigger of account.plans, account.subscriptions and account.accounts: makes every session read the limits of plans anew. Nobody may call it.';

CREATE TRIGGER plans_forget_limits
	AFTER INSERT OR UPDATE OR DELETE ON account.plans
	FOR EACH ROW EXECUTE FUNCTION account.forget_limits();
ALTER TABLE account.plans ENABLE ALWAYS TRIGGER plans_forget_limits;

CREATE TRIGGER plans_forget_all_limits
	AFTER TRUNCATE ON account.plans
	FOR EACH STATEMENT EXECUTE FUNCTION account.forget_limits();
ALTER TABLE account.plans ENABLE ALWAYS TRIGGER plans_forget_all_limits;

CREATE TRIGGER subscriptions_forget_limits
	AFTER INSERT OR UPDATE OR DELETE ON account.subscriptions
	FOR EACH ROW EXECUTE FUNCTION account.forget_limits();
ALTER TABLE account.subscriptions ENABLE ALWAYS TRIGGER subscriptions_forget_limits;

CREATE TRIGGER subscriptions_forget_all_limits
	AFTER TRUNCATE ON account.subscriptions
	FOR EACH STATEMENT EXECUTE FUNCTION account.forget_limits();
ALTER TABLE account.subscriptions ENABLE ALWAYS TRIGGER subscriptions_forget_all_limits;

-- An account that is new is in nobody's cache.
CREATE TRIGGER accounts_forget_limits
	AFTER UPDATE OF billed_account_id, path ON account.accounts
	FOR EACH ROW EXECUTE FUNCTION account.forget_limits();
ALTER TABLE account.accounts ENABLE ALWAYS TRIGGER accounts_forget_limits;
