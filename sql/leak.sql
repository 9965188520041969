-- leak: what else might tell of others: unique keys, statistics, plans, errors, sources.
\set VERBOSITY default
\set SHOW_CONTEXT never
\pset format unaligned
SET client_min_messages = error;
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
SELECT account.grant_access('regress_owner', 'owner'), account.grant_access('regress_app', 'tenant');
CREATE SCHEMA safe AUTHORIZATION regress_owner;
GRANT USAGE, CREATE ON SCHEMA safe TO regress_app;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('globex') \gset
SELECT count(profile_id) AS robot FROM account.create_service_account('robot', 'owner', account_id => :'globex');
SET ROLE regress_owner;
CREATE TABLE safe.people (person_id integer GENERATED ALWAYS AS IDENTITY, email text, account_id uuid);
INSERT INTO safe.people (email, account_id) SELECT 'acme' || i || '@example.com', :'acme' FROM generate_series(1, 500) i;
INSERT INTO safe.people (email, account_id) VALUES ('mine@example.com', :'globex');
SELECT count(*) > 0 AS isolated FROM account.isolate('safe.people');
ALTER TABLE safe.people ADD UNIQUE (account_id, email);
GRANT SELECT, INSERT ON safe.people TO regress_app;
ANALYZE safe.people;
SET ROLE regress_app;

BEGIN;
SELECT (account.authenticate(:'globex_key')).account_id = :'globex' AS authenticated;
-- LEAK-01, LEAK-02: a value that Acme has is no conflict where the key begins with the account; one's own is.
INSERT INTO safe.people (email) VALUES ('acme1@example.com') ON CONFLICT DO NOTHING RETURNING email;
INSERT INTO safe.people (email) VALUES ('mine@example.com') ON CONFLICT DO NOTHING RETURNING email;
-- ... and the account named on purpose is refused before any key is asked, with nothing of the row.
SAVEPOINT attack;
INSERT INTO safe.people (email, account_id) VALUES ('acme1@example.com', :'acme');
ROLLBACK TO attack;
INSERT INTO safe.people (email, account_id) VALUES ('acme1@example.com', :'acme') ON CONFLICT DO NOTHING;
ROLLBACK TO attack;
-- LEAK-09: neither pg_stats nor an operator with an estimator is given values of others.
SELECT count(*) AS columns FROM pg_stats WHERE schemaname = 'safe';
SELECT * FROM pg_statistic;
ROLLBACK TO attack;
CREATE FUNCTION safe.look(text, text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''seen: % %'', $1, $2; END';
CREATE OPERATOR safe.<<< (FUNCTION = safe.look, LEFTARG = text, RIGHTARG = text, RESTRICT = scalarltsel);
CREATE OPERATOR safe.=== (FUNCTION = safe.look, LEFTARG = text, RIGHTARG = text, RESTRICT = eqsel, JOIN = eqjoinsel);
-- LEAK-11: the planner's estimate tells how many rows an account has that is known by its id (README).
CREATE FUNCTION safe.estimate(query text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN plan #>> '{0,Plan,Plan Rows}';
END $$;
SELECT safe.estimate(format('SELECT FROM safe.people WHERE account_id = %L', :'acme')) > 0 AS estimated;
SELECT safe.estimate($$SELECT FROM safe.people WHERE email OPERATOR(safe.===) 'x' AND email OPERATOR(safe.<<<) 'y'$$) > 0 AS estimated;
-- LEAK-12: with the account in an index the rows of others are not even stepped over.
SET LOCAL enable_seqscan = off;
CREATE FUNCTION safe.removed(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, FORMAT JSON, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query INTO plan;
	RETURN (SELECT COALESCE(sum(n::text::bigint), 0) FROM jsonb_path_query(plan::jsonb, '$.**."Rows Removed by Filter"') n);
END $$;
SELECT safe.removed('SELECT FROM safe.people WHERE email IS NOT NULL') AS removed;
COMMIT;

BEGIN;
SELECT (account.authenticate(:'globex_key')).account_id = :'globex' AS authenticated;
-- LEAK-21, LEAK-26: what is another's and what is not there read alike, and nothing is suggested.
CREATE FUNCTION safe.answer(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	hint text;
BEGIN
	EXECUTE 'SELECT ' || call;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws('|', SQLSTATE, SQLERRM, regexp_replace(detail, '"id": *"[^"]*"', ''), hint);
END $$;
SELECT call, safe.answer(format(call, :'acme')) = safe.answer(format(call, gen_random_uuid())) AS alike
FROM unnest(ARRAY['account.get_account(%L)', 'account.update_account(%L, ''{"name": "x"}'')', 'account.archive_account(%L)', 'account.suspend_account(%L)',
	'account.effective_plan(%L)', 'account.create_account(''x'', %L)', 'account.create_workspace(''x'', %L)', 'account.create_role(''x'', ''{read:*}'', account_id => %L)',
	'account.revoke_api_key(%L)', 'account.create_api_key(%L, ''x'')', 'account.delete_profile(%L)', 'account.unassign_role(%L, ''owner'')']) call
WHERE safe.answer(format(call, :'acme')) IS DISTINCT FROM safe.answer(format(call, gen_random_uuid())) OR safe.answer(format(call, :'acme')) = 'done';
SELECT safe.answer(format('account.assign_role(%L, ''ownr'')', (SELECT profile_id FROM account.service_accounts WHERE NOT system))) AS no_suggestion;
COMMIT;
RESET ROLE;
-- LEAK-19: what a constraint of the extension's own says of a row has no secret in it.
DO $$
DECLARE
	detail text;
BEGIN
	INSERT INTO account.credentials (digest, entry, kind, credential_id) SELECT digest, entry, kind, credential_id FROM account.credentials;
EXCEPTION WHEN unique_violation OR check_violation OR not_null_violation THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RAISE EXCEPTION 'refused, with a token in the detail: %', detail ~ '_acctsec_';
END $$;
-- LEAK-22: sources and policies are open to all, and no secret is in them.
SELECT count(*) FROM pg_proc WHERE pronamespace IN ('account'::regnamespace, 'account_api'::regnamespace) AND (prosrc LIKE '%' || substr(:'acme_key', 14) || '%');
SELECT count(*) > 0 AS readable, bool_or(pg_get_expr(polqual, polrelid) ~ '_acctsec_') AS secret FROM pg_policy;

RESET ROLE;
DROP SCHEMA safe CASCADE;
DROP OWNED BY regress_owner, regress_app;
DROP ROLE regress_owner, regress_app;
