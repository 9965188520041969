-- leak_view: who writes through a view reads nothing, so the policies for reading are not asked: what then holds (LEAK-04, LEAK-06).
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
SELECT account.grant_access('regress_owner', 'owner'), account.grant_access('regress_app', 'tenant');
CREATE SCHEMA safe AUTHORIZATION regress_owner;
GRANT USAGE, CREATE ON SCHEMA safe TO regress_app;
SELECT id AS acme FROM account.create_account('acme', account_id => '1eac2000-0000-4000-8000-00000000000a') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('globex', account_id => '1eac2000-0000-4000-8000-00000000000b') \gset
SET ROLE regress_owner;
CREATE TABLE safe.letters (letter_id integer PRIMARY KEY, title text, sealed boolean, account_id uuid);
INSERT INTO safe.letters VALUES (1, 'mine', false, :'globex'), (2, 'secret', true, :'acme'), (3, 'plain', false, :'acme');
SELECT count(*) > 0 AS isolated FROM account.isolate('safe.letters');
GRANT SELECT, UPDATE, DELETE ON safe.letters TO regress_app;

SET ROLE regress_app;
CREATE FUNCTION safe.tell() RETURNS boolean LANGUAGE plpgsql COST 1e-30
	AS 'BEGIN RAISE WARNING ''called''; RETURN true; END';
CREATE FUNCTION safe.dear() RETURNS boolean LANGUAGE plpgsql COST 400 AS 'BEGIN RETURN true; END';
CREATE FUNCTION safe.dearest() RETURNS boolean LANGUAGE plpgsql COST 4e18 AS 'BEGIN RETURN true; END';
CREATE TEMP SEQUENCE answers;
CREATE FUNCTION safe.lie() RETURNS uuid LANGUAGE plpgsql STABLE COST 1e-30
	AS 'BEGIN RETURN CASE WHEN nextval(''pg_temp.answers'') = 1 THEN ''1eac2000-0000-4000-8000-00000000000b''::uuid ELSE ''1eac2000-0000-4000-8000-00000000000a'' END; END';
CREATE VIEW safe.told AS SELECT * FROM safe.letters WHERE CASE WHEN sealed THEN safe.tell() ELSE true END;
CREATE VIEW safe.told_behind WITH (security_barrier) AS SELECT * FROM safe.letters WHERE CASE WHEN sealed THEN safe.tell() ELSE true END;
-- What costs so much that the sum is not the sum of its parts.
CREATE VIEW safe.told_first WITH (security_barrier) AS SELECT * FROM safe.letters
	WHERE account.policy_first(safe.dear() AND safe.dear() AND safe.dear() AND safe.dear() AND safe.dear() AND safe.dear() AND safe.dear() AND safe.dear() AND safe.dear()
		AND safe.dearest() AND CASE WHEN sealed THEN safe.tell() ELSE true END);
CREATE VIEW safe.lied AS SELECT * FROM safe.letters WHERE account_id = safe.lie();
SET enable_indexscan = off;
SET enable_bitmapscan = off;
SET jit = off;

-- Nothing is told of the rows of others.
BEGIN;
SELECT (account.authenticate(:'globex_key')).account_id = :'globex' AS authenticated;
UPDATE safe.told SET title = 'x';
UPDATE safe.told_behind SET title = 'x';
UPDATE safe.told_first SET title = 'x';
DELETE FROM safe.told;
ROLLBACK;
BEGIN;
SELECT (account.authenticate(:'globex_key')).account_id = :'globex' AS authenticated;
DELETE FROM safe.told_behind;
ROLLBACK;

-- None is deleted, and none is taken over.
SET plan_cache_mode = force_generic_plan;
PREPARE deleting AS DELETE FROM safe.lied;
PREPARE taking AS UPDATE safe.lied SET account_id = '1eac2000-0000-4000-8000-00000000000b';
BEGIN;
SELECT (account.authenticate(:'globex_key')).account_id = :'globex' AS authenticated;
SAVEPOINT planned;
EXECUTE deleting;
EXECUTE taking;
ROLLBACK TO planned;
SELECT setval('answers', 1, false);
EXECUTE deleting;
SELECT setval('answers', 1, false);
EXECUTE taking;
COMMIT;
RESET ROLE;
SELECT letter_id, title, account_id = :'acme' AS acme FROM safe.letters ORDER BY 1;

-- S2.8: nor are one's own changed where the account is archived.  The statement's trigger refuses that before any row is
-- looked at, so it is out of the way here.
SELECT account.archive_account(:'globex');
SET ROLE regress_owner;
ALTER TABLE safe.letters DISABLE TRIGGER account_require_writable;
SET ROLE regress_app;
CREATE FUNCTION safe.lie_of_mine() RETURNS uuid LANGUAGE plpgsql STABLE COST 1e-30
	AS 'BEGIN RETURN CASE WHEN nextval(''pg_temp.answers'') = 1 THEN account.policy_writable_account_id() ELSE ''1eac2000-0000-4000-8000-00000000000b''::uuid END; END';
CREATE VIEW safe.lied_of_mine AS SELECT * FROM safe.letters WHERE account_id = safe.lie_of_mine();
PREPARE deleting_mine AS DELETE FROM safe.lied_of_mine;
PREPARE changing_mine AS UPDATE safe.lied_of_mine SET title = 'x';
BEGIN;
SELECT (account.authenticate(:'globex_key')).account_id = :'globex' AS authenticated;
SAVEPOINT planned;
EXECUTE deleting_mine;
EXECUTE changing_mine;
ROLLBACK TO planned;
SELECT setval('answers', 1, false);
EXECUTE deleting_mine;
SELECT setval('answers', 1, false);
EXECUTE changing_mine;
COMMIT;
RESET ROLE;
SELECT letter_id, title FROM safe.letters WHERE account_id = :'globex';

DROP SCHEMA safe CASCADE;
DROP OWNED BY regress_owner, regress_app;
DROP ROLE regress_owner, regress_app;
