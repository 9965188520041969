-- transactions: identities among savepoints and snapshots (TX-10, TX-12; TX-02, TX-03 in test/t, TX-05, TX-08 in test/isolation, TX-07 in access, TX-13 in catalog).
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = error;
CREATE ROLE regress_app;
SELECT account.grant_access('regress_app', 'tenant');
CREATE SCHEMA safe;
GRANT USAGE, CREATE ON SCHEMA safe TO regress_app;
GRANT pg_read_all_stats TO regress_app;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('globex') \gset
SET ROLE regress_app;
-- TX-10: in a thousand subtransactions, right and wrong, the identity is the first one, and memory stays what it is.
CREATE FUNCTION safe.nest(depth integer, token text) RETURNS uuid LANGUAGE plpgsql AS $$
BEGIN
	IF depth > 0 THEN
		BEGIN
			RETURN safe.nest(depth - 1, token);
		EXCEPTION WHEN division_by_zero THEN
			RETURN NULL;
		END;
	END IF;
	RETURN (account.authenticate(token)).account_id;
END $$;
CREATE FUNCTION safe.retry(times integer, good text, bad text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	refused integer := 0;
	before bigint;
BEGIN
	FOR i IN 1 .. times LOOP
		BEGIN
			PERFORM account.authenticate(CASE WHEN i % 2 = 0 THEN good ELSE bad END);
		EXCEPTION WHEN OTHERS THEN
			refused := refused + 1;
		END;
		IF i = times / 2 THEN
			SELECT sum(used_bytes) INTO before FROM pg_backend_memory_contexts WHERE name ~ 'account|TopTransactionContext';
		END IF;
	END LOOP;
	RETURN refused || ' refused, ' || (SELECT sum(used_bytes) - before < 65536 FROM pg_backend_memory_contexts WHERE name ~ 'account|TopTransactionContext');
END $$;
BEGIN;
SELECT safe.nest(100, :'acme_key') = :'acme' AS nested;
SELECT account.current_account_id() = :'acme' AS acme;
SELECT safe.retry(2000, :'acme_key', :'globex_key') AS retried;
SELECT account.current_account_id() = :'acme' AS acme;
COMMIT;
SELECT account.current_account_id();
-- A subtransaction that fails takes its identity along, and no other comes in for it.
BEGIN;
SAVEPOINT first;
SELECT safe.nest(70, :'acme_key') = :'acme' AS nested;
ROLLBACK TO first;
SELECT account.current_account_id();
SELECT safe.nest(70, :'globex_key');
ROLLBACK;

-- TX-12: a snapshot from before a key was revoked does not let it in.
RESET ROLE;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM account.accounts WHERE account_id = :'acme';
SELECT account.revoke_api_key(api_key_id) FROM account.keys WHERE account_id = :'acme';
SELECT valid FROM account.verify_api_key(:'acme_key');
COMMIT;
SET ROLE regress_app;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT account.authenticate(:'acme_key');
ROLLBACK;

RESET ROLE;
DROP SCHEMA safe CASCADE;
DROP OWNED BY regress_app;
DROP ROLE regress_app;
