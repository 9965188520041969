-- identity: no cursor shows rows of one identity to another, so none may be open while it changes.
\set VERBOSITY terse
SET client_min_messages = error;
CREATE ROLE regress_cursor;
SELECT account.grant_access('regress_cursor', 'tenant');
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('globex') \gset
CREATE TABLE notes (note text, account_id uuid NOT NULL DEFAULT account.current_account_id());
INSERT INTO notes VALUES ('acme 1', :'acme'), ('acme 2', :'acme'), ('globex 1', :'globex');
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notes USING (account_id = account.policy_account_id());
CREATE VIEW seen WITH (security_invoker) AS SELECT string_agg(note, ', ' ORDER BY note) AS seen FROM notes;
GRANT SELECT ON notes, seen TO regress_cursor;
SET ROLE regress_cursor;

-- DES-05, CTX-25: no cursor is held beyond its identity, and none is there before it.
BEGIN;
DECLARE c CURSOR WITH HOLD FOR SELECT note FROM notes;
SELECT account.authenticate(:'acme_key');
ROLLBACK;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
DECLARE c CURSOR WITH HOLD FOR SELECT note FROM notes;
ROLLBACK;
-- A cursor that was held since before holds nobody's rows; it has to be closed.
DECLARE c CURSOR WITH HOLD FOR SELECT note FROM notes;
BEGIN;
SELECT account.authenticate(:'acme_key');
ROLLBACK;
CLOSE c;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
COMMIT;
-- DES-06, CTX-26: nor does one go on under another identity, or after it.
BEGIN;
DECLARE c CURSOR FOR SELECT note FROM notes ORDER BY note;
SAVEPOINT s;
SELECT account.authenticate(:'acme_key');
ROLLBACK TO s;
FETCH ALL FROM c;
COMMIT;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
DECLARE c CURSOR FOR SELECT note FROM notes ORDER BY note;
FETCH 1 FROM c;
SAVEPOINT s;
SELECT account.authenticate(:'globex_key');
ROLLBACK TO s;
SELECT account.authenticate(:'acme_key');
ROLLBACK TO s;
FETCH ALL FROM c;
COMMIT;
-- Quiet where statements are in place: DO, CALL, SPI, FROM, a CTE, EXECUTE, EXPLAIN.
BEGIN;
PREPARE p AS SELECT (account.authenticate($1)).account_id = account.current_account_id() AS now;
EXECUTE p (:'acme_key');
ROLLBACK;
BEGIN;
WITH i AS MATERIALIZED (SELECT * FROM account.authenticate(:'acme_key')) SELECT account_id = :'acme' AS acme FROM i;
SELECT * FROM seen;
ROLLBACK;
BEGIN;
SELECT set_config('regress.token', :'acme_key', true) IS NULL AS set;
DO $$ BEGIN PERFORM account.authenticate(current_setting('regress.token')); END $$;
SELECT * FROM seen;
ROLLBACK;
BEGIN;
\o /dev/null
EXPLAIN ANALYZE SELECT account.authenticate(:'acme_key');
\o
SELECT * FROM seen;
ROLLBACK;
-- In a loop over a query a cursor is open.
DO $$ DECLARE r record; BEGIN FOR r IN SELECT 1 LOOP PERFORM account.authenticate('junk'); END LOOP; END $$;

RESET ROLE;
DROP TABLE notes CASCADE;
DROP OWNED BY regress_cursor;
DROP ROLE regress_cursor;
