-- identity: the same in parallel workers, which are given what the leader has settled.
\set VERBOSITY terse
ALTER DATABASE :"DBNAME" SET account.session_identity = on;
ALTER DATABASE :"DBNAME" SET client_min_messages = error;
CREATE ROLE regress_parallel;
SELECT account.grant_access('regress_parallel', 'tenant');
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('globex') \gset
CREATE TABLE many (n integer, account_id uuid NOT NULL);
INSERT INTO many SELECT n, CASE WHEN n <= 6000 THEN :'acme'::uuid ELSE :'globex'::uuid END FROM generate_series(1, 10000) n;
ALTER TABLE many ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON many USING (account_id = account.policy_account_id());
ANALYZE many;
CREATE TABLE plain AS SELECT n FROM generate_series(1, 10000) n;
ANALYZE plain;
GRANT SELECT ON many, plain TO regress_parallel;
\c -
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET plan_cache_mode = force_generic_plan;
SET ROLE regress_parallel;

-- How many rows are seen, and whether every process has somebody; and that there are workers.
CREATE FUNCTION pg_temp.workers(statement text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, FORMAT json) ' || statement INTO plan;
	RETURN plan::text ~ '"Workers Launched": [12]';
END $$;
PREPARE seen AS SELECT count(*), min(n), max(n), count(*) FILTER (WHERE account_id = account.current_account_id()) AS own FROM many;
PREPARE who AS SELECT count(*) FILTER (WHERE account.current_account_id() IS NOT NULL) AS named, count(*) FROM plain;

-- The leader and its workers share the rows out.
SET parallel_leader_participation = on;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT pg_temp.workers('EXECUTE seen') AS parallel;
EXECUTE seen;
EXECUTE who;
COMMIT;
EXECUTE seen;
EXECUTE who;
BEGIN;
SELECT (account.authenticate(:'globex_key')).account_id = :'globex' AS globex;
EXECUTE seen;
SAVEPOINT s;
SELECT account.deauthenticate();
EXECUTE seen;
ROLLBACK TO s;
EXECUTE seen;
EXECUTE who;
COMMIT;

-- The workers have all of them.
SET parallel_leader_participation = off;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT pg_temp.workers('EXECUTE seen') AS parallel;
EXECUTE seen;
EXECUTE who;
SAVEPOINT s;
SET LOCAL account.context = '';
EXECUTE seen;
ROLLBACK TO s;
EXECUTE seen;
COMMIT;
EXECUTE seen;
EXECUTE who;
-- What is rolled back in the leader is nobody in the workers: the plan was made for somebody.
BEGIN;
SAVEPOINT s;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
EXECUTE seen;
ROLLBACK TO s;
EXECUTE seen;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
EXECUTE seen;
SAVEPOINT t;
SELECT account.deauthenticate();
ROLLBACK TO t;
EXECUTE seen;
EXECUTE who;
COMMIT;

-- A session identity is settled by the leader before its first use in a worker.
SELECT (account.authenticate_session(:'acme_key')).account_id = :'acme' AS acme;
EXECUTE seen;
EXECUTE who;
BEGIN;
EXECUTE seen;
EXECUTE seen;
SAVEPOINT s;
EXECUTE seen;
ROLLBACK TO s;
EXECUTE seen;
SELECT count(*) FROM many WHERE n % 2 = 0;
COMMIT;
EXECUTE seen;
-- DES-03: logged out, and rolled back.
BEGIN;
SELECT account.deauthenticate();
ROLLBACK;
EXECUTE seen;
EXECUTE who;
SELECT (account.authenticate_session(:'acme_key')).account_id = :'acme' AS acme;
BEGIN;
EXECUTE seen;
SAVEPOINT s;
SELECT account.deauthenticate();
ROLLBACK TO s;
EXECUTE seen;
EXECUTE who;
COMMIT;
EXECUTE seen;
-- DES-04: another one takes its place; then nobody.
SELECT (account.authenticate_session(:'acme_key')).account_id = :'acme' AS acme;
BEGIN;
SELECT (account.authenticate(:'globex_key')).account_id = :'globex' AS globex;
EXECUTE seen;
COMMIT;
EXECUTE seen;
-- Held, let go, and revoked between two transactions.
SELECT (account.authenticate_session(:'acme_key')).account_id = :'acme' AS acme;
EXECUTE seen;
RESET ROLE;
INSERT INTO account.holds (subject_id, kind, entry) VALUES (:'acme', 's', 1);
SET ROLE regress_parallel;
EXECUTE seen;
EXECUTE who;
RESET ROLE;
DELETE FROM account.holds;
SET ROLE regress_parallel;
EXECUTE seen;
RESET ROLE;
INSERT INTO account.credentials (digest, entry, kind, credential_id, ends_at)
	SELECT digest, 1, 'r', credential_id, now() FROM account.credentials WHERE digest = sha256(:'acme_key'::bytea) AND entry = 0;
SET ROLE regress_parallel;
EXECUTE seen;
EXECUTE who;
DISCARD ALL;

-- A cursor in parallel mode, and one in whose worker the identity would change.
SET ROLE regress_parallel;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET parallel_leader_participation = off;
BEGIN;
SELECT (account.authenticate(:'globex_key')).account_id = :'globex' AS globex;
DECLARE c CURSOR FOR SELECT n FROM many WHERE n % 1000 = 0;
SELECT account.deauthenticate();
FETCH ALL FROM c;
SELECT count(*) FROM many;
COMMIT;
-- What must not run in a worker does not: authenticate() and its kin.
CREATE FUNCTION pg_temp.in_worker(token text) RETURNS boolean LANGUAGE plpgsql PARALLEL SAFE AS $$
BEGIN
	RETURN (account.authenticate(token)).account_id IS NULL;
END $$;
CREATE FUNCTION pg_temp.out_worker() RETURNS boolean LANGUAGE plpgsql PARALLEL SAFE AS $$
BEGIN
	PERFORM account.deauthenticate();
	RETURN true;
END $$;
\set VERBOSITY sqlstate
SELECT count(*) FROM plain WHERE pg_temp.in_worker('junk') AND n % 2 = 0;
SELECT count(*) FROM plain WHERE pg_temp.out_worker() AND n % 2 = 0;

RESET ROLE;
ALTER DATABASE :"DBNAME" RESET ALL;
DROP TABLE many, plain;
DROP OWNED BY regress_parallel;
DROP ROLE regress_parallel;
