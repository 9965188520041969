-- plan: billing plans, who inherits them, and limits.
\set VERBOSITY terse
SET client_min_messages = error;

-- What a statement raises: its code, with what was invalid, or with the message.
CREATE FUNCTION pg_temp.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text;
	detail text;
	message text;
BEGIN
	EXECUTE statement;
	RETURN 'allowed';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL, message = MESSAGE_TEXT;
	IF state NOT LIKE 'TA%' THEN
		RETURN state || ': ' || message;
	END IF;
	RETURN concat(detail::json ->> 'error', ': ', COALESCE(
		(SELECT string_agg(concat(e ->> 'path', ' ', e -> 'context' ->> 'errorType'), ', ')
			FROM json_array_elements(detail::json -> 'validationErrors') e), message));
END $$;
CREATE FUNCTION pg_temp.id(name text) RETURNS uuid LANGUAGE sql RETURN md5('plan ' || name)::uuid;

CREATE ROLE regress_plan_tenant;
CREATE ROLE regress_plan_admin;
SELECT account.grant_access('regress_plan_tenant', 'tenant'), account.grant_access('regress_plan_admin', 'admin');

-- Acme, with Sales and Ops below, and Emea below Sales.
SELECT api_key AS acme_key FROM account.create_account('Acme', account_id => pg_temp.id('acme')) \gset
SELECT api_key AS sales_key FROM account.create_account('Sales', pg_temp.id('acme'), account_id => pg_temp.id('sales')) \gset
SELECT name FROM account.create_account('Ops', pg_temp.id('acme'), account_id => pg_temp.id('ops'));
SELECT name FROM account.create_account('Emea', pg_temp.id('sales'), account_id => pg_temp.id('emea'));

-- Without a plan there is no limit and no feature.
SELECT plan, limits, features, account.plan_limit('seats', pg_temp.id('acme')) FROM account.effective_plan(pg_temp.id('acme'));

-- Plans are made by administrators, superuser or not; the name is taken once.
SET ROLE regress_plan_admin;
SELECT account.create_plan('free', '{"seats": 5, "sub_accounts": 2}', '{"sso": false}') IS NOT NULL AS created;
SELECT account.create_plan('pro', '{"seats": {"tree": 50}}', '{"sso": true, "regions": ["eu", "us"]}') IS NOT NULL AS created;
SELECT pg_temp.attempt($$SELECT account.create_plan('pro')$$);
RESET ROLE;

-- What a plan cannot be.
SELECT given, pg_temp.attempt(format('SELECT account.create_plan(%s)', given)) FROM (VALUES
	($$NULL$$), ($$''$$), ($$E' \t\n'$$), ($$repeat('x', 256)$$), ($$repeat('x', 1000000)$$),
	($$'a', NULL$$), ($$'a', '[]'$$), ($$'a', '{"seats": -1}'$$), ($$'a', '{"seats": 1.5}'$$), ($$'a', '{"seats": "5"}'$$),
	($$'a', '{"seats": null}'$$), ($$'a', '{"seats": 9007199254740993}'$$), ($$'a', '{"seats": 1e100000}'$$),
	($$'a', '{"seats": {}}'$$), ($$'a', '{"seats": {"Tree": 1}}'$$), ($$'a', '{"seats": {"tree": 1, "each": 1}}'$$),
	($$'a', '{"seats": {"tree": {"tree": 1}}}'$$), ($$'a', '{"seats": [1]}'$$), ($$'a', '{"": 1}'$$), ($$'', '3', 'null'$$),
	($$'b', '{}', jsonb_build_object('x', repeat('y', 70000))$$),
	($$'exact', '{"a": 0, "b": 9007199254740992, "c": 5.0, "d": 1e3, "e": {"tree": 0}}'$$)) v (given);
-- Above the limits on size and number.
SELECT pg_temp.attempt($$SELECT account.create_plan('b', (SELECT jsonb_object_agg('k' || i, 1) FROM generate_series(1, 257) i))$$);

-- S1.18 The plan of a parent is the plan of all its sub-accounts.
SELECT account.set_plan(pg_temp.id('acme'), 'pro', 99.50, '2031-01-01 00:00:00+00');
SELECT name, plan, limits, features FROM (VALUES ('acme'), ('sales'), ('emea')) v (name), account.effective_plan(pg_temp.id(name));

-- S2.10 The holder of the plan sees what it has agreed to pay, as numbers and dates, here and in its resource;
SET ROLE regress_plan_tenant;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
BEGIN;
SELECT account_id = pg_temp.id('acme') AS acme FROM account.authenticate(:'acme_key');
SELECT plan, provided_by = pg_temp.id('acme') AS by_itself, monthly_cost, renewal_date FROM account.effective_plan();
SELECT (commitment).* FROM account.get_account();
COMMIT;
-- a sub-account sees the plan, its limits and its features, and neither price nor provider;
BEGIN;
SELECT account_id = pg_temp.id('sales') AS sales FROM account.authenticate(:'sales_key');
SELECT * FROM account.effective_plan();
SELECT commitment FROM account.get_account();
SELECT account.plan_limit('seats'), account.plan_limit('storage'), account.plan_feature('regions'), account.plan_feature('none');
SELECT account.plan_limit('seats', pg_temp.id('emea')) AS of_one_below;
-- LEAK-21 and of an account beside or above it, or of none at all, nothing.
SELECT name, pg_temp.attempt(format('SELECT account.effective_plan(pg_temp.id(%L))', name)) FROM (VALUES ('acme'), ('ops'), ('nobody')) v (name);
SELECT pg_temp.attempt($$SELECT account.plan_limit('seats', pg_temp.id('ops'))$$), pg_temp.attempt($$SELECT account.plan_feature('sso', pg_temp.id('ops'))$$);
-- PRIV-10 It cannot give itself a plan.
SELECT pg_temp.attempt($$SELECT account.set_plan(pg_temp.id('sales'), 'free')$$);
COMMIT;
SELECT pg_temp.attempt($$SELECT account.effective_plan()$$), pg_temp.attempt($$SELECT account.create_plan('mine')$$), pg_temp.attempt($$SELECT account.update_plan('pro', '{"limits": {}}')$$);
-- PRIV-13 Nor read or write the tables.
SELECT pg_temp.attempt($$TABLE account.plans$$), pg_temp.attempt($$UPDATE account.subscriptions SET monthly_cost = 0$$);
RESET ROLE;
-- DES-02 An administrator's role that has authenticated is a tenant like another.
SET ROLE regress_plan_admin;
BEGIN;
SELECT account_id = pg_temp.id('sales') AS sales FROM account.authenticate(:'sales_key');
SELECT pg_temp.attempt($$SELECT account.set_plan(pg_temp.id('sales'), 'free')$$), pg_temp.attempt($$SELECT account.create_plan('mine')$$), pg_temp.attempt($$SELECT account.update_plan('pro', '{}')$$);
COMMIT;
RESET ROLE;

-- A change of plan is one row, whatever hangs below: no account is written.
BEGIN;
SELECT account.set_plan(pg_temp.id('acme'), 'free');
SELECT count(*) AS accounts_written FROM account.accounts WHERE xmin = pg_current_xact_id()::xid;
SELECT plan, monthly_cost FROM account.effective_plan(pg_temp.id('emea'));
ROLLBACK;

-- An account in the middle can have a plan of its own: those below follow it, those beside do not, and back.
CREATE VIEW billing AS
	SELECT a.name, b.name AS billed_to FROM account.accounts a JOIN account.accounts b ON b.account_id = a.billed_account_id
	WHERE a.path[1] = md5('plan acme')::uuid ORDER BY a.name COLLATE "C";
SELECT account.set_plan(pg_temp.id('sales'), 'free');
TABLE billing;
SELECT plan FROM account.effective_plan(pg_temp.id('emea'));
SELECT account.set_plan(pg_temp.id('emea'), 'pro');
SELECT account.set_plan(pg_temp.id('sales'), NULL);
TABLE billing;
SELECT account.set_plan(pg_temp.id('emea'), NULL);
SELECT account.set_plan(pg_temp.id('emea'), NULL) AS twice_is_no_error;
TABLE billing;
-- A root keeps what is billed to it when it loses its plan.
SELECT account.set_plan(pg_temp.id('acme'), NULL);
SELECT count(*) FROM billing WHERE billed_to = 'Acme';
SELECT plan FROM account.effective_plan(pg_temp.id('emea'));

-- What cannot be set.
SELECT given, pg_temp.attempt(format('SELECT account.set_plan(%s)', given)) FROM (VALUES
	($$NULL, 'pro'$$), ($$pg_temp.id('nobody'), 'pro'$$), ($$pg_temp.id('nobody'), NULL$$), ($$pg_temp.id('acme'), 'none'$$),
	($$pg_temp.id('acme'), ''$$), ($$pg_temp.id('acme'), 'pro', -0.01$$), ($$pg_temp.id('acme'), 'pro', 'NaN'$$),
	($$pg_temp.id('acme'), 'pro', 'Infinity'$$), ($$pg_temp.id('acme'), 'pro', 1, 'infinity'$$),
	($$pg_temp.id('acme'), 'pro', -1, '-infinity'$$), ($$pg_temp.id('acme'), NULL, 5, now()$$)) v (given);

-- A plan is changed for all who have it; unknown and invalid members are all named and nothing is changed.
SELECT account.set_plan(pg_temp.id('acme'), 'pro');
SELECT pg_temp.attempt($$SELECT account.update_plan('pro', '{"limits": {"seats": -1}, "features": [], "price": 3, "Name": "x", "name": null}')$$);
SELECT pg_temp.attempt($$SELECT account.update_plan('pro', '{"name": "free"}')$$), pg_temp.attempt($$SELECT account.update_plan('none', '{"limits": {}}')$$);
SELECT pg_temp.attempt($$SELECT account.update_plan(NULL, '{}')$$), pg_temp.attempt($$SELECT account.update_plan('pro', NULL)$$), pg_temp.attempt($$SELECT account.update_plan('pro', '3')$$);
SELECT plan, limits FROM account.effective_plan(pg_temp.id('emea'));
SELECT account.update_plan('pro', '{"name": "team", "limits": {"sub_accounts": {"tree": 4}}}');
SELECT plan, limits, features FROM account.effective_plan(pg_temp.id('emea'));

-- S2.34 {"tree": 4}: four below Acme, wherever they hang. There are three.
SELECT name FROM account.create_account('Four', pg_temp.id('emea'), account_id => pg_temp.id('four'));
SELECT pg_temp.attempt($$SELECT account.create_account('Five', pg_temp.id('acme'))$$), pg_temp.attempt($$SELECT account.create_account('Five', pg_temp.id('four'))$$);
-- One that has a plan of its own counts for itself, with all that it pays for.
SELECT account.set_plan(pg_temp.id('sales'), 'free');
SELECT name FROM account.create_account('Five', pg_temp.id('acme'));
-- A number: so many children of each account. Free allows two.
SELECT name FROM account.create_account('Six', pg_temp.id('sales'));
SELECT pg_temp.attempt($$SELECT account.create_account('Seven', pg_temp.id('sales'))$$), pg_temp.attempt($$SELECT account.create_account('Seven', pg_temp.id('emea'))$$);
-- Nothing below zero, nothing at all with 0, and a lower limit takes nothing away.
SELECT account.update_plan('free', '{"limits": {"sub_accounts": 0}}');
SELECT pg_temp.attempt($$SELECT account.create_account('Eight', pg_temp.id('four'))$$);
SELECT count(*) FROM account.account_descendants(pg_temp.id('sales'));

-- Whole numbers are read however they are written.
SELECT account.set_plan(pg_temp.id('ops'), 'exact');
SELECT resource, account.plan_limit(resource, pg_temp.id('ops')) FROM (VALUES ('a'), ('b'), ('c'), ('d'), ('e')) v (resource);
SELECT pg_temp.attempt($$SELECT account.plan_limit(NULL, pg_temp.id('ops'))$$), pg_temp.attempt($$SELECT account.plan_feature(NULL, pg_temp.id('ops'))$$), pg_temp.attempt($$SELECT account.plan_limit('a')$$);

-- SP-01 Operators of the caller's are not used.
CREATE FUNCTION public.never(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN false;
CREATE FUNCTION public.never(uuid, uuid) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN false;
CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.never);
CREATE OPERATOR public.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = public.never);
SET search_path = public, pg_catalog;
SELECT 'a'::text = 'a' AS shadowed, account.set_plan(pg_temp.id('ops'), 'exact');
SELECT plan, account.plan_limit('c', pg_temp.id('ops')) FROM account.effective_plan(pg_temp.id('ops'));
SELECT pg_temp.attempt($$SELECT account.create_account('Eight', pg_temp.id('four'))$$);
RESET search_path;
DROP OPERATOR public.= (text, text), public.= (uuid, uuid);
DROP FUNCTION public.never(text, text), public.never(uuid, uuid);

DROP VIEW billing;
SELECT account.revoke_access('regress_plan_tenant'), account.revoke_access('regress_plan_admin');
DROP ROLE regress_plan_tenant, regress_plan_admin;
