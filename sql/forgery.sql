-- forgery: an identity that is set rather than proved.
\set VERBOSITY terse
CREATE ROLE regress_forger;
SELECT account.grant_access('regress_forger', 'tenant');
GRANT CREATE ON SCHEMA public TO regress_forger;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('globex') \gset
CREATE TABLE notes (note text, account_id uuid NOT NULL DEFAULT account.current_account_id());
INSERT INTO notes VALUES ('acme 1', :'acme'), ('globex 1', :'globex');
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notes USING (account_id = account.policy_account_id());
GRANT SELECT ON notes TO regress_forger;
CREATE TABLE settings AS SELECT name, setting FROM pg_settings WHERE name LIKE 'account.%';
GRANT SELECT ON settings TO regress_forger;
SET client_min_messages = error;
SET ROLE regress_forger;

-- The best that a forger can know: the value that the library itself would lay down for acme in this transaction.
CREATE FUNCTION forged(account_id uuid, scope text DEFAULT 't', generation bigint DEFAULT 1000000) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	lxid integer := (SELECT split_part(virtualtransaction, '/', 2) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'virtualxid');
	account text := replace(account_id::text, '-', '');
	none text := repeat('00', 16);
	little CONSTANT text[] := ARRAY[to_hex(pg_backend_pid()), to_hex(lxid), '1', '4', '0', to_hex(generation), '0', 'ffffffff', '7fffffff'];
	result text := '01' || encode(scope::bytea, 'hex') || '2900';
	word text;
BEGIN
	FOREACH word IN ARRAY little LOOP
		word := lpad(word, 8, '0');
		result := result || substr(word, 7, 2) || substr(word, 5, 2) || substr(word, 3, 2) || substr(word, 1, 2);
	END LOOP;
	RETURN result || account || none || none || account || none || none || none || none || encode('*:*', 'hex') || '00';
END $$;

-- DES-13: no setting of the extension can be set by an ordinary role; 55P02 is said of those that nobody can set in a session.
CREATE FUNCTION pg_temp.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
SELECT count(*) > 5 AS some,
	bool_and(pg_temp.try(format('SET %s = %L', name, setting)) IN ('42501', '55P02')) AS set,
	bool_and(pg_temp.try(format('SELECT set_config(%L, %L, true)', name, setting)) IN ('42501', '55P02')) AS set_config,
	bool_and(pg_temp.try(format('RESET %s', name)) IN ('42501', '55P02')) AS reset,
	bool_and(pg_temp.try(format('ALTER ROLE regress_forger SET %s = %L', name, setting)) IN ('42501', '55P02')) AS alter_role
FROM settings;

-- Each way to set the one that carries the identity; the id in it is acme's, or the value is the perfect one.
BEGIN;
SELECT forged(:'acme') AS perfect \gset
SELECT :'perfect' ~ '^01742900[0-9a-f]*00$' AS formed, length(:'perfect');
SAVEPOINT s;
SET account.context = :'perfect';
ROLLBACK TO s;
SET LOCAL account.context = :'perfect';
ROLLBACK TO s;
SET SESSION account.context = :'acme';
ROLLBACK TO s;
SELECT set_config('account.context', :'perfect', false);
ROLLBACK TO s;
SELECT set_config('account.context', forged(:'acme', 's'), true);
ROLLBACK TO s;
SELECT set_config('account.context', ' ', true);
ROLLBACK TO s;
SELECT set_config('account.context', NULL, true);
SET account.context TO DEFAULT;
UPDATE pg_settings SET setting = :'perfect' WHERE name = 'account.context';
CREATE FUNCTION f() RETURNS bigint LANGUAGE sql SET account.context = :'perfect' AS 'SELECT count(*) FROM notes';
ROLLBACK TO s;
ALTER ROLE regress_forger SET account.context = :'perfect';
ROLLBACK TO s;
SELECT count(*) FROM notes;
SELECT account.current_account_id();
COMMIT;
-- CTX-05, CTX-06: nor by whoever owns the database, nor by a superuser.
SELECT pg_get_userbyid(datdba) AS owner FROM pg_database WHERE datname = current_database() \gset
RESET ROLE;
ALTER DATABASE :"DBNAME" OWNER TO regress_forger;
SET ROLE regress_forger;
ALTER DATABASE :"DBNAME" SET account.context = :'acme';
RESET ROLE;
ALTER DATABASE :"DBNAME" OWNER TO :"owner";
ALTER DATABASE :"DBNAME" SET account.context = :'acme';
ALTER ROLE regress_forger IN DATABASE :"DBNAME" SET account.context = :'acme';
ALTER SYSTEM SET account.context = :'acme';
SET account.context = :'acme';
-- CTX-46: no name is free for a later version to find taken.
SET account.typo = 'x';
SET account.identity = 'x';
SET ROLE regress_forger;
SET account.typo = 'x';
SELECT set_config('account.current_account_id', :'acme', false);
-- CTX-41: the library cannot be loaded again by those who may not, and again changes nothing.
LOAD 'account';
LOAD '$libdir/account';
RESET ROLE;
LOAD 'account';
LOAD '$libdir/account';
SET ROLE regress_forger;
BEGIN;
SELECT forged(:'acme') AS perfect \gset
SET account.context = :'perfect';
ROLLBACK;

-- Nor while it is set rightly: what a call leaves behind opens no gap for the next statement.
BEGIN;
SELECT (account.authenticate(:'globex_key')).account_id = :'globex' AS globex;
SELECT forged(:'acme') AS perfect \gset
SAVEPOINT s;
SET LOCAL account.context = :'perfect';
ROLLBACK TO s;
SELECT set_config('account.context', :'perfect', true), account.authenticate(:'globex_key');
ROLLBACK TO s;
SELECT note FROM notes;
COMMIT;
-- A call that fails half-way, for a parallel operation, a limit of time, a setting that it changes itself, ...
CREATE TABLE many AS SELECT i FROM generate_series(1, 10000) i;
ANALYZE many;
CREATE FUNCTION mislabelled(token text) RETURNS boolean LANGUAGE plpgsql PARALLEL SAFE AS $$
BEGIN
	PERFORM account.authenticate(token);
	RETURN true;
END $$;
BEGIN;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SAVEPOINT s;
SELECT count(*) FROM many WHERE mislabelled(:'globex_key') AND i % 2 = 0;
ROLLBACK TO s;
SELECT forged(:'acme') AS perfect \gset
SET account.context = :'perfect';
ROLLBACK TO s;
SELECT account.current_account_id();
COMMIT;
BEGIN;
SAVEPOINT s;
SELECT account.authenticate('junk');
ROLLBACK TO s;
SELECT set_config('account.context', forged(:'acme'), true);
ROLLBACK;
-- ... and then the value of a transaction that is over, or of a generation that is void.
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT forged(:'acme') AS perfect, current_setting('account.context') AS shown \gset
COMMIT;
BEGIN;
SET LOCAL account.context = :'perfect';
ROLLBACK;
BEGIN;
SET LOCAL account.context = :'shown';
ROLLBACK;

RESET ROLE;
SELECT setdatabase, setrole, setconfig FROM pg_db_role_setting WHERE setconfig::text LIKE '%account.%';
DROP OWNED BY regress_forger;
DROP TABLE notes, settings;
DROP ROLE regress_forger;
