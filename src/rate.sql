
-- rate: how many requests of an account are let in.
--
-- The limit requests_per_minute of a plan is enforced where the library is preloaded.
-- What is counted is in shared memory; here is what makes sessions ask again whether
-- any plan names it.

CREATE FUNCTION account.forget_plans() RETURNS trigger
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_rate_forget_plans';
REVOKE ALL ON FUNCTION account.forget_plans() FROM PUBLIC;
COMMENT ON FUNCTION account.forget_plans() IS 'Trigger of account.plans: makes every session look again whether one names requests_per_minute, and warns where one does and the library is not preloaded. Nobody may call it.';

CREATE TRIGGER plans_forget
	AFTER INSERT OR UPDATE OR DELETE ON account.plans
	FOR EACH ROW EXECUTE FUNCTION account.forget_plans();
ALTER TABLE account.plans ENABLE ALWAYS TRIGGER plans_forget;

CREATE TRIGGER plans_forget_all
	AFTER TRUNCATE ON account.plans
	FOR EACH STATEMENT EXECUTE FUNCTION account.forget_plans();
ALTER TABLE account.plans ENABLE ALWAYS TRIGGER plans_forget_all;

CREATE FUNCTION account.evicted_rate_buckets() RETURNS bigint
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_rate_evicted_rate_buckets';
REVOKE ALL ON FUNCTION account.evicted_rate_buckets() FROM PUBLIC;
COMMENT ON FUNCTION account.evicted_rate_buckets() IS 'How many buckets of requests_per_minute have had to make room in shared memory since the server started, which let in more than they should: account.rate_buckets is too small then. NULL where the library is not preloaded. Level admin. Raises FORBIDDEN otherwise.';

INSERT INTO account.access_grants (level, object) VALUES
	('admin', 'FUNCTION account.evicted_rate_buckets()');
