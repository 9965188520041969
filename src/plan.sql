
-- plan: billing plans, who is billed for what, and limits.
--
-- An account with a subscription has a plan of its own; every other is billed to
-- the nearest account on its path that has one (accounts.billed_account_id), so
-- a change of plan is one row whatever hangs below.  Plans and subscriptions are
-- made by administrators; tenants read what applies to them, and price and
-- provider only where they are the provider.

CREATE FUNCTION account.is_limits(value jsonb) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_plan_is_limits';
REVOKE ALL ON FUNCTION account.is_limits(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION account.is_limits(jsonb) IS 'Whether a JSON value can be the limits of a plan: an object of at most 256 members, each a whole number from 0 (requests_per_minute from 1) to 2^53 (for each account) or {"tree": such a number} (for the holder of the plan and all below). The check of plans.limits. Nobody may call it; raises nothing.';

CREATE TABLE account.plans (
	plan_id uuid NOT NULL,
	name account.name NOT NULL,
	limits jsonb NOT NULL,
	features jsonb NOT NULL,
	created_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	updated_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	CONSTRAINT plans_pkey PRIMARY KEY (plan_id),
	CONSTRAINT plans_name_key UNIQUE (name),
	CONSTRAINT plans_limits_are_valid CHECK (account.is_limits(limits)),
	CONSTRAINT plans_features_are_an_object CHECK (pg_catalog.jsonb_typeof(features) OPERATOR(pg_catalog.=) 'object')
);
COMMENT ON TABLE account.plans IS 'Billing plans. Kept by functions alone; no role has a grant on it.';
COMMENT ON COLUMN account.plans.plan_id IS 'The id.';
COMMENT ON COLUMN account.plans.name IS 'The name, unique.';
COMMENT ON COLUMN account.plans.limits IS 'Resource -> number for each account, or {"tree": number} for the holder of the plan and all below.';
COMMENT ON COLUMN account.plans.features IS 'Feature -> any JSON value.';
COMMENT ON COLUMN account.plans.created_at IS 'When it was created.';
COMMENT ON COLUMN account.plans.updated_at IS 'When it was last changed.';
ALTER TABLE account.plans ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('account.plans', '');

CREATE TABLE account.subscriptions (
	account_id uuid NOT NULL,
	plan_id uuid NOT NULL,
	monthly_cost numeric,
	renewal_date timestamp with time zone,
	created_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	CONSTRAINT subscriptions_pkey PRIMARY KEY (account_id),
	CONSTRAINT subscriptions_monthly_cost_is_amount CHECK (monthly_cost OPERATOR(pg_catalog.>=) 0
		AND monthly_cost OPERATOR(pg_catalog.<) 'Infinity'),
	CONSTRAINT subscriptions_renewal_date_is_finite CHECK (pg_catalog.isfinite(renewal_date))
);
COMMENT ON TABLE account.subscriptions IS 'Which accounts have a plan of their own. Kept by functions alone; no role has a grant on it.';
COMMENT ON COLUMN account.subscriptions.account_id IS 'The account that holds the plan, for itself and all below that have none.';
COMMENT ON COLUMN account.subscriptions.plan_id IS 'The plan.';
COMMENT ON COLUMN account.subscriptions.monthly_cost IS 'What it pays a month, in the currency of the platform; NULL if nothing was agreed.';
COMMENT ON COLUMN account.subscriptions.renewal_date IS 'When the commitment renews; NULL if nothing was agreed.';
COMMENT ON COLUMN account.subscriptions.created_at IS 'Since when the account has a plan of its own.';
ALTER TABLE account.subscriptions ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('account.subscriptions', '');

CREATE FUNCTION account.create_plan(name text, limits jsonb DEFAULT '{}', features jsonb DEFAULT '{}') RETURNS uuid
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_plan_create_plan';
REVOKE ALL ON FUNCTION account.create_plan(text, jsonb, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION account.create_plan(text, jsonb, jsonb) IS 'Makes a billing plan and returns its id. limits: resource -> a whole number for each account, or {"tree": number} for the holder of the plan and all below; features: feature -> any value. Administrators. Where it names requests_per_minute and the library is not preloaded, a WARNING says that nothing enforces that. Raises FORBIDDEN, VALIDATION_FAILED, and CONFLICT if there is a plan of that name.';

CREATE FUNCTION account.update_plan(name text, changes jsonb) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_plan_update_plan';
REVOKE ALL ON FUNCTION account.update_plan(text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION account.update_plan(text, jsonb) IS 'Changes a billing plan for all who have it, at once; changes has any of name, limits and features, each replaced as a whole. A limit below what is used refuses only what comes later. Warns as create_plan() does. Administrators. Raises FORBIDDEN, VALIDATION_FAILED with an entry for each unknown or invalid member, NOT_FOUND, and CONFLICT if the new name is taken.';

CREATE FUNCTION account.set_plan(account_id uuid, plan text, monthly_cost numeric DEFAULT NULL, renewal_date timestamp with time zone DEFAULT NULL) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_plan_set_plan';
REVOKE ALL ON FUNCTION account.set_plan(uuid, text, numeric, timestamp with time zone) FROM PUBLIC;
COMMENT ON FUNCTION account.set_plan(uuid, text, numeric, timestamp with time zone) IS 'Gives an account a plan of its own, for itself and all below that have none, with the price agreed (a month, in the currency of the platform) and the date on which it renews; what is not given is cleared. NULL as plan takes its own plan away, so that it inherits. Administrators. Raises FORBIDDEN, BAD_REQUEST without an account, VALIDATION_FAILED, and NOT_FOUND for an unknown account or plan.';

CREATE FUNCTION account.effective_plan(account_id uuid DEFAULT NULL, OUT plan text, OUT provided_by uuid, OUT monthly_cost numeric, OUT renewal_date timestamp with time zone, OUT limits jsonb, OUT features jsonb) RETURNS record
	LANGUAGE C STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'account_plan_effective_plan';
REVOKE ALL ON FUNCTION account.effective_plan(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.effective_plan(uuid) IS 'The plan that applies to an account, its own or the nearest above; all NULL if there is none. provided_by (the account that holds it), monthly_cost and renewal_date are shown to that account itself and to administrators alone. The caller''s own account, if none is named, or one below it; administrators: any. Raises MISSING_API_KEY, NOT_FOUND, BAD_REQUEST.';

CREATE FUNCTION account.plan_limit(resource text, account_id uuid DEFAULT NULL) RETURNS bigint
	LANGUAGE C STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'account_plan_plan_limit';
REVOKE ALL ON FUNCTION account.plan_limit(text, uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.plan_limit(text, uuid) IS 'How many of a resource the effective plan of an account allows: for each account, or for the whole tree of the plan''s holder where the plan says so; NULL if there is no limit. The caller''s own account, if none is named, or one below it; administrators: any. Raises MISSING_API_KEY, NOT_FOUND, BAD_REQUEST.';

CREATE FUNCTION account.plan_feature(feature text, account_id uuid DEFAULT NULL) RETURNS jsonb
	LANGUAGE C STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'account_plan_plan_feature';
REVOKE ALL ON FUNCTION account.plan_feature(text, uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.plan_feature(text, uuid) IS 'What the effective plan of an account says of a feature; NULL if it does not name it. The caller''s own account, if none is named, or one below it; administrators: any. Raises MISSING_API_KEY, NOT_FOUND, BAD_REQUEST.';

INSERT INTO account.access_grants (level, object) VALUES
	('admin', 'FUNCTION account.create_plan(text, jsonb, jsonb)'),
	('admin', 'FUNCTION account.update_plan(text, jsonb)'),
	('admin', 'FUNCTION account.set_plan(uuid, text, numeric, timestamp with time zone)'),
	('tenant', 'FUNCTION account.effective_plan(uuid)'),
	('tenant', 'FUNCTION account.plan_limit(text, uuid)'),
	('tenant', 'FUNCTION account.plan_feature(text, uuid)');
