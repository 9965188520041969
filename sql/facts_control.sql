-- facts_control: what those above an account may do to it, and what it has from them: the plan (S1.18, S1.24 to S1.26, B4, D6).
-- That a parent's key never reads or makes data below it stands in facts.sql.
\set VERBOSITY terse
SET client_min_messages = error;

-- What a statement raises: our code or the SQLSTATE, and the message.
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
	RETURN CASE WHEN state LIKE 'TA%' THEN detail::json ->> 'error' ELSE state END || ': ' || message;
END $$;
-- Which of some accounts the holder of a key may look up; what plan it has.
CREATE FUNCTION pg_temp.looks_up(key text, variadic ids uuid[]) RETURNS text[] LANGUAGE plpgsql AS $$
BEGIN
	PERFORM account.authenticate(key);
	RETURN (SELECT array_agg(pg_temp.attempt(format('SELECT account.get_account(%L)', id)) ORDER BY n) FROM unnest(ids) WITH ORDINALITY u (id, n));
END $$;
CREATE FUNCTION pg_temp.plan_of(key text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM account.authenticate(key);
	RETURN (SELECT concat_ws(' ', plan, limits, features, provided_by = account.current_account_id(), monthly_cost) FROM account.effective_plan());
END $$;

CREATE ROLE regress_control_app;
SELECT account.grant_access('regress_control_app', 'tenant');
SELECT id AS acme, api_key AS acme_key FROM account.create_account('Acme') \gset
SELECT id AS other, api_key AS other_key FROM account.create_account('Other') \gset
SELECT id AS north, api_key AS north_key FROM account.create_account('North', :'acme') \gset
SELECT id AS south, api_key AS south_key FROM account.create_account('South', :'acme') \gset
SELECT id AS far_north, api_key AS far_north_key FROM account.create_account('Far North', :'north') \gset
SET ROLE regress_control_app;

-- D6 A parent controls what is below it: lists, looks up, renames, holds,
BEGIN;
SELECT account_id = :'acme' AS acme FROM account.authenticate(:'acme_key');
SELECT account.account_tree();
SELECT (account.update_account(:'far_north', '{"name": "Far far North"}')).name;
SELECT account.suspend_account(:'south', 'unpaid'), account.archive_account(:'north');
SELECT name, (account.get_account(account_id)).archived_at IS NOT NULL AS archived FROM account.account_descendants(:'acme') ORDER BY name;
SELECT error FROM account.verify_api_key(:'south_key');
SELECT account.resume_account(:'south'), account.unarchive_account(:'north');
SELECT error FROM account.verify_api_key(:'south_key');
-- issues and revokes their keys, which are theirs;
SELECT i.api_key AS issued_key, i.api_key_id AS issued
	FROM account.api_keys k, account.create_api_key(k.profile_id, 'by the parent') i WHERE k.account_id = :'north' \gset
COMMIT;
SELECT valid, account_id = :'north' AS north FROM account.verify_api_key(:'issued_key');
BEGIN;
SELECT account_id = :'acme' AS acme FROM account.authenticate(:'acme_key');
SELECT account.revoke_api_key(:'issued');
COMMIT;
SELECT valid, error FROM account.verify_api_key(:'issued_key');
-- a child does none of that to its parent or sibling.
BEGIN;
SELECT account_id = :'north' AS north FROM account.authenticate(:'north_key');
SELECT call, pg_temp.attempt(format('SELECT account.' || call, :'acme')) AS parent, pg_temp.attempt(format('SELECT account.' || call, :'south')) AS sibling
	FROM (VALUES ('get_account(%L)'), ('account_descendants(%L)'), ($$update_account(%L, '{"name": "x"}')$$), ('archive_account(%L)'), ($$suspend_account(%L, 'x')$$), ($$create_account('x', %L)$$), ('effective_plan(%L)')) c (call);
SELECT name, account_id IN (:'north', :'far_north') AS own_or_below FROM account.api_keys ORDER BY account_id = :'north' DESC;
COMMIT;

-- B4 An account is looked up by itself and by those above it; what is not yours reads like what does not exist.
\set everyone :'acme', :'north', :'far_north', :'south', :'other', gen_random_uuid()
SELECT pg_temp.looks_up(:'acme_key', :everyone) AS acme;
SELECT pg_temp.looks_up(:'north_key', :everyone) AS north;
SELECT pg_temp.looks_up(:'far_north_key', :everyone) AS far_north;

-- S1.24, S1.25, S3.5 Looking up returns the name, of the caller's own account unless another is named (S3.1), S1.26 updating changes it.
BEGIN;
SELECT account_id = :'north' AS north FROM account.authenticate(:'north_key');
SELECT name FROM account.get_account();
SELECT name FROM account.update_account(:'north', '{"name": "North Ltd"}');
COMMIT;
RESET ROLE;
SELECT name FROM account.get_account(:'north');

-- S1.18 The plan is inherited from the parent, however deep, and a change of it reaches all; price and provider are the provider's to know.
SELECT account.create_plan('facts control', '{"sub_accounts": 3}', '{"support": "mail"}') IS NOT NULL AS made, account.set_plan(:'acme', 'facts control', 100, '2030-01-01Z');
SELECT account.create_plan('facts control north', '{"sub_accounts": 7}') IS NOT NULL AS made;
SET ROLE regress_control_app;
SELECT pg_temp.plan_of(:'acme_key') AS acme;
SELECT pg_temp.plan_of(:'far_north_key') AS far_north;
SELECT pg_temp.plan_of(:'other_key') AS other;
RESET ROLE;
SELECT account.update_plan('facts control', '{"limits": {"sub_accounts": 4}}');
SELECT account.set_plan(:'north', 'facts control north');
SET ROLE regress_control_app;
SELECT pg_temp.plan_of(:'south_key') AS south_has_the_change;
SELECT pg_temp.plan_of(:'far_north_key') AS far_north_has_norths;
RESET ROLE;
SELECT account.set_plan(:'north', NULL);
SET ROLE regress_control_app;
SELECT pg_temp.plan_of(:'far_north_key') AS far_north_has_acmes_again;
RESET ROLE;

SELECT account.revoke_access('regress_control_app');
DROP ROLE regress_control_app;
