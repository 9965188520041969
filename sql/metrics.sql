-- metrics: account_stats and openmetrics(), on a server without a recorder of this database.
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = warning;
CREATE ROLE regress_app;
SELECT account.grant_access('regress_app', 'tenant');
SELECT id AS acme, api_key AS acme_key FROM account.create_account('metrics acme') \gset
SELECT id AS below, api_key AS below_key FROM account.create_account('metrics below', :'acme') \gset
CREATE FUNCTION pg_temp.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'passed';
EXCEPTION WHEN OTHERS THEN
	RETURN sqlstate || ' ' || sqlerrm;
END $$;

-- Nothing is counted: NULL, and not 0.
SELECT account_name, authentications, refusals, refusals_by_code, authentications_per_minute, last_seen_at FROM account.account_stats WHERE account_id IN (:'acme', :'below') ORDER BY 1;
SET ROLE regress_app;
BEGIN;
SELECT account_id = :'acme' AS entered FROM account.authenticate(:'acme_key');
-- An account is told of itself alone (AUD-07), and of when it was seen; also where it asks for another.
SELECT account_name, authentications, last_seen_at > now() - interval '1 hour' AS seen FROM account.account_stats;
SELECT count(*) FROM account.account_stats WHERE account_id = :'below';
SELECT pg_temp.attempt(format('SELECT account.readable_stats(%L)', :'acme')), pg_temp.attempt(format('SELECT account.readable_stats(%L)', :'below')),
	pg_temp.attempt(format('SELECT account.readable_stats(%L)', gen_random_uuid())), pg_temp.attempt('SELECT account.readable_stats(NULL)');
SELECT pg_temp.attempt('SELECT account.openmetrics()'), pg_temp.attempt('SELECT FROM account.account_counters');
ROLLBACK;
-- Nobody is told nothing.
SELECT count(*) FROM account.account_stats;
SELECT pg_temp.attempt(format('SELECT account.readable_stats(%L)', :'acme'));
RESET ROLE;
-- An administrator who has lost an identity is none.
SET client_min_messages = error;
BEGIN;
SELECT account_id = :'acme' AS entered FROM account.authenticate(:'acme_key');
SELECT account_name FROM account.account_stats;
SELECT account.deauthenticate();
SELECT count(*) FROM account.account_stats;
SELECT account.openmetrics();
ROLLBACK;

-- What is counted once is told from then on, and what is of no account to nobody but by openmetrics().
INSERT INTO account.account_counters VALUES (:'acme', 'authentications', 7, '2026-01-01 00:00+00'), (:'acme', 'FORBIDDEN', 2, now()), (:'acme', 'RATE_LIMITED', 1, now()),
	('00000000-0000-0000-0000-000000000000', 'MALFORMED_API_KEY', 5, now()), ('00000000-0000-0000-0000-000000000000', 'FORBIDDEN', 1, now());
SELECT account_name, authentications, refusals, refusals_by_code FROM account.account_stats WHERE account_id IN (:'acme', :'below') ORDER BY 1;
SELECT line FROM string_to_table(account.openmetrics(), E'\n') line WHERE line ~ 'authentications|refusals|running|build' AND line !~ 'evictions|database';
-- It ends as the format has it, and names no account.
SELECT account.openmetrics() ~ '\n# EOF\n$' AS ended, account.openmetrics() !~ :'acme' AND account.openmetrics() !~ 'acme' AS nameless;

-- account.log_requests is no tenant's to set.
SET ROLE regress_app;
SET account.log_requests = 'all';
RESET ROLE;
SET account.log_requests = 'some';

DELETE FROM account.account_counters;
DROP OWNED BY regress_app;
DROP ROLE regress_app;
