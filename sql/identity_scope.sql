-- identity: how far it reaches: savepoints, procedures, plans, sessions.
\set VERBOSITY terse
ALTER DATABASE :"DBNAME" SET account.session_identity = on;
CREATE ROLE regress_scope;
SELECT account.grant_access('regress_scope', 'tenant');
GRANT CREATE ON SCHEMA public TO regress_scope;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('globex') \gset
CREATE TABLE notes (note text, account_id uuid NOT NULL DEFAULT account.current_account_id());
INSERT INTO notes VALUES ('acme 1', :'acme'), ('acme 2', :'acme'), ('globex 1', :'globex');
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notes USING (account_id = account.policy_account_id());
GRANT SELECT, INSERT ON notes TO regress_scope;
\c -
SET client_min_messages = error;
SET ROLE regress_scope;
CREATE VIEW seen AS SELECT string_agg(note, ', ' ORDER BY note) AS seen FROM notes;
ALTER VIEW seen SET (security_invoker);

-- CTX-16: what is rolled back to a savepoint leaves nobody, and nothing brings it back.
BEGIN;
SAVEPOINT s;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
ROLLBACK TO s;
SELECT * FROM seen;
RELEASE s;
SELECT * FROM seen;
COMMIT;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SAVEPOINT s;
SELECT account.deauthenticate();
ROLLBACK TO s;
SELECT * FROM seen;
SET LOCAL account.context = '';
ROLLBACK TO s;
SELECT * FROM seen;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SAVEPOINT t;
SET account.context = '';
SELECT * FROM seen;
ROLLBACK TO t;
SELECT * FROM seen;
ROLLBACK TO s;
SELECT * FROM seen;
COMMIT;

-- CTX-18, TX-10: 10,000 savepoints, each with its own coming and going, and one that ends it all.
CREATE PROCEDURE storm(token text, other text, depth integer) LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. depth LOOP
		BEGIN
			PERFORM account.authenticate(token);
			IF i % 3 = 0 THEN
				SET LOCAL account.context = '';
			ELSIF i % 3 = 1 THEN
				PERFORM account.authenticate(other);
			END IF;
			RAISE EXCEPTION 'back';
		EXCEPTION WHEN raise_exception OR SQLSTATE 'TA011' THEN
			IF account.current_account_id() IS NOT NULL THEN
				RAISE 'savepoint % left somebody', i USING ERRCODE = 'XX000';
			END IF;
		END;
	END LOOP;
END $$;
RESET ROLE;
SELECT sum(total_bytes) AS bytes_before FROM pg_backend_memory_contexts \gset
SET ROLE regress_scope;
BEGIN;
CALL storm(:'acme_key', :'globex_key', 10000);
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT * FROM seen;
COMMIT;
RESET ROLE;
SELECT sum(total_bytes) - :bytes_before < 1000000 AS small FROM pg_backend_memory_contexts;
SET ROLE regress_scope;
\set ECHO none
\o /dev/null
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id;
SAVEPOINT s0;
SELECT format('SAVEPOINT s%s', i), CASE i % 2 WHEN 1 THEN 'SET LOCAL account.context = ''''' ELSE format('SELECT account.authenticate(%L)', :'acme_key') END
FROM generate_series(1, 10000) i \gexec
\o
\set ECHO all
SELECT * FROM seen;
ROLLBACK TO s1;
SELECT * FROM seen;
ROLLBACK TO s0;
SELECT * FROM seen;
COMMIT;
SELECT * FROM seen;

-- CTX-20: a procedure that commits has no identity afterwards; it fails closed.
CREATE PROCEDURE commits(token text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM account.authenticate(token);
	INSERT INTO notes (note) VALUES ('acme 3');
	COMMIT;
	INSERT INTO notes (note) VALUES ('nobody''s');
END $$;
CALL commits(:'acme_key');
SELECT * FROM seen;
-- DES-07, CTX-08: a function's SET clause neither opens a way to another identity nor keeps one.
CREATE FUNCTION changes(token text) RETURNS uuid LANGUAGE plpgsql SET account.context = '' AS $$
BEGIN
	RETURN (account.authenticate(token)).account_id;
END $$;
CREATE FUNCTION sees() RETURNS text LANGUAGE sql SET account.context = '' AS 'SELECT seen FROM seen';
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT seen, sees() FROM seen;
SELECT note, changes(:'globex_key') FROM notes;
ROLLBACK;
BEGIN;
SELECT changes(:'acme_key') = :'acme' AS within;
SELECT * FROM seen;
COMMIT;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
CREATE FUNCTION keeps() RETURNS text LANGUAGE sql SET account.context FROM CURRENT AS 'SELECT seen FROM seen';
ROLLBACK;

-- CTX-23: a plan that is kept shows each its own, whoever it was first made for.
SET plan_cache_mode = force_generic_plan;
PREPARE q AS SELECT note, account_id = account.current_account_id() AS own FROM notes ORDER BY note;
EXECUTE q;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
EXECUTE q;
SAVEPOINT s;
SELECT account.deauthenticate();
EXECUTE q;
ROLLBACK TO s;
EXECUTE q;
COMMIT;
BEGIN;
SELECT (account.authenticate(:'globex_key')).account_id = :'globex' AS globex;
EXECUTE q;
COMMIT;
EXECUTE q;
RESET plan_cache_mode;

-- For the session, where that is allowed: until it ends, or is emptied.
SELECT (account.authenticate_session(:'acme_key')).account_id = :'acme' AS acme;
SELECT * FROM seen;
-- CTX-15: logging out is for good, whatever becomes of the transaction.
BEGIN;
SELECT account.deauthenticate();
SELECT 1 / 0;
ROLLBACK;
SELECT * FROM seen;
-- DES-04: and so is changing over to another.
SELECT (account.authenticate_session(:'acme_key')).account_id = :'acme' AS acme;
BEGIN;
SELECT account.deauthenticate();
ROLLBACK;
BEGIN;
SELECT (account.authenticate(:'globex_key')).account_id = :'globex' AS globex;
SELECT * FROM seen;
COMMIT;
SELECT * FROM seen;
SELECT (account.authenticate_session(:'acme_key')).account_id = :'acme' AS acme;
BEGIN;
SELECT (account.authenticate(:'globex_key')).account_id = :'globex' AS globex;
ROLLBACK;
SELECT * FROM seen;
-- CTX-10, CTX-11: RESET ALL and DISCARD ALL end it, and bring nobody back.
SELECT (account.authenticate_session(:'acme_key')).account_id = :'acme' AS acme;
RESET ALL;
SELECT * FROM seen;
SELECT (account.authenticate_session(:'acme_key')).account_id = :'acme' AS acme;
DISCARD ALL;
SET ROLE regress_scope;
SELECT * FROM seen;
SELECT (account.authenticate_session(:'acme_key')).account_id = :'acme' AS acme;
SET account.context TO DEFAULT;
SELECT * FROM seen;
-- Where it is not allowed it cannot be had, and one had before does not count.
SELECT (account.authenticate_session(:'acme_key')).account_id = :'acme' AS acme;
SET account.session_identity = on;
RESET ROLE;
SET account.session_identity = off;
SET ROLE regress_scope;
SELECT * FROM seen;
SELECT account.authenticate_session(:'acme_key');

RESET ROLE;
ALTER DATABASE :"DBNAME" RESET ALL;
DROP OWNED BY regress_scope;
DROP TABLE notes;
DROP ROLE regress_scope;
