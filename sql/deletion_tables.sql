-- deletion_tables: what a purge deletes in tables of every shape, in which order, as whom, and what stops it.
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = warning;
CREATE ROLE regress_purge_tenant;
CREATE ROLE regress_purge_owner;
CREATE ROLE regress_purge_other;
CREATE ROLE regress_purge_admin;
SELECT account.grant_access('regress_purge_tenant', 'tenant'), account.grant_access('regress_purge_owner', 'owner'), account.grant_access('regress_purge_other', 'owner'), account.grant_access('regress_purge_admin', 'admin');
CREATE SCHEMA purge AUTHORIZATION regress_purge_owner;
GRANT USAGE, CREATE ON SCHEMA purge TO regress_purge_other;
GRANT USAGE ON SCHEMA purge TO regress_purge_admin;
CREATE FUNCTION purge.id(name text) RETURNS uuid LANGUAGE sql RETURN md5('purge ' || name)::uuid;
-- Asks for the deletion of an account, and lets a day pass.
CREATE FUNCTION purge.ask(name text) RETURNS void LANGUAGE sql AS $$
	SELECT account.delete_account(purge.id(name));
	WITH gone AS (DELETE FROM account.holds WHERE subject_id = purge.id(name) AND kind = 'p' RETURNING *)
	INSERT INTO account.holds SELECT subject_id, kind, entry, set_by, reason, created_by, created_at, clock_timestamp() - interval '1 hour' FROM gone $$;
SELECT name FROM account.create_account('keeper', account_id => purge.id('keeper'));
SELECT name FROM generate_series(1, 9) n, account.create_account('t' || n, account_id => purge.id('t' || n)) ORDER BY 1;
CREATE TABLE purge.seen (at serial, table_name text, rows bigint, account boolean, writer name, path text);
GRANT INSERT, SELECT ON purge.seen TO PUBLIC;
GRANT USAGE ON SEQUENCE purge.seen_at_seq TO PUBLIC;
SET ROLE regress_purge_owner;
-- Parents before children, so that the order of their names is the wrong one; of another owner; partitions; inheritance; a table that
-- refers to itself, restricting; two that refer to one another; one with write permissions.
CREATE TABLE purge.a_customers (customer int, account_id uuid NOT NULL, PRIMARY KEY (account_id, customer));
CREATE TABLE purge.b_orders (number int, customer int, account_id uuid NOT NULL, PRIMARY KEY (account_id, number), FOREIGN KEY (account_id, customer) REFERENCES purge.a_customers);
CREATE TABLE purge.c_lines (number int, line int, account_id uuid NOT NULL, FOREIGN KEY (account_id, number) REFERENCES purge.b_orders);
CREATE TABLE purge.tree (node int, above int, account_id uuid NOT NULL, PRIMARY KEY (account_id, node), FOREIGN KEY (account_id, above) REFERENCES purge.tree ON DELETE RESTRICT);
CREATE TABLE purge.teams (team int, lead int, account_id uuid NOT NULL, PRIMARY KEY (account_id, team));
CREATE TABLE purge.people (person int, team int NOT NULL, account_id uuid NOT NULL, PRIMARY KEY (account_id, person), FOREIGN KEY (account_id, team) REFERENCES purge.teams);
ALTER TABLE purge.teams ADD FOREIGN KEY (account_id, lead) REFERENCES purge.people;
CREATE TABLE purge.events (day int, account_id uuid NOT NULL, PRIMARY KEY (account_id, day)) PARTITION BY RANGE (day);
CREATE TABLE purge.events_1 PARTITION OF purge.events FOR VALUES FROM (1) TO (10);
CREATE TABLE purge.events_2 PARTITION OF purge.events FOR VALUES FROM (10) TO (100) PARTITION BY RANGE (day);
CREATE TABLE purge.events_2a PARTITION OF purge.events_2 FOR VALUES FROM (10) TO (50);
CREATE TABLE purge.event_notes (day int, account_id uuid NOT NULL, FOREIGN KEY (account_id, day) REFERENCES purge.events);
CREATE TABLE purge.base (x int, account_id uuid NOT NULL);
CREATE TABLE purge.derived (y int) INHERITS (purge.base);
CREATE TABLE purge.guarded (x int, account_id uuid NOT NULL);
GRANT REFERENCES ON purge.a_customers TO regress_purge_other;
SET ROLE regress_purge_other;
CREATE TABLE purge.visits (visit int, customer int, account_id uuid NOT NULL, FOREIGN KEY (account_id, customer) REFERENCES purge.a_customers);
RESET ROLE;
CREATE FUNCTION purge.fill(name text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO purge.a_customers SELECT n, purge.id(name) FROM generate_series(1, 3) n;
	INSERT INTO purge.b_orders SELECT n, n, purge.id(name) FROM generate_series(1, 3) n;
	INSERT INTO purge.c_lines SELECT n, l, purge.id(name) FROM generate_series(1, 3) n, generate_series(1, 2) l;
	INSERT INTO purge.tree SELECT n, nullif(n / 2, 0), purge.id(name) FROM generate_series(1, 7) n;
	INSERT INTO purge.teams VALUES (1, NULL, purge.id(name));
	INSERT INTO purge.people VALUES (1, 1, purge.id(name)), (2, 1, purge.id(name));
	UPDATE purge.teams SET lead = 2 WHERE account_id = purge.id(name);
	INSERT INTO purge.events VALUES (1, purge.id(name)), (20, purge.id(name));
	INSERT INTO purge.event_notes VALUES (1, purge.id(name)), (20, purge.id(name));
	INSERT INTO purge.base VALUES (1, purge.id(name));
	INSERT INTO purge.derived VALUES (1, purge.id(name), 1);
	INSERT INTO purge.guarded VALUES (1, purge.id(name));
	INSERT INTO purge.visits VALUES (1, 1, purge.id(name));
$$;
SELECT purge.fill('keeper'), purge.fill('t1'), purge.fill('t2'), purge.fill('t3'), purge.fill('t4');
SET ROLE regress_purge_owner;
SET client_min_messages = error;
SELECT count(*) > 50 AS isolated FROM unnest('{a_customers,b_orders,c_lines,tree,teams,people,events,event_notes,base}'::text[]) t, account.isolate(('purge.' || t)::regclass);
SELECT count(*) > 5 AS isolated FROM account.isolate('purge.guarded', read_permission => 'read:accounts', write_permission => 'manage:accounts');
SET ROLE regress_purge_other;
SELECT count(*) > 5 AS isolated FROM account.isolate('purge.visits');
SET client_min_messages = warning;
-- DES-01 What the owner's triggers see: the account as the identity, the owner's own rights, and a path of the server's own.
SET ROLE regress_purge_owner;
CREATE FUNCTION purge.see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO purge.seen (table_name, rows, account, writer, path) SELECT TG_TABLE_NAME, count(*), bool_and(account_id = account.current_account_id()), current_user, current_setting('search_path') FROM gone HAVING count(*) > 0;
	RETURN NULL;
END $$;
CREATE TRIGGER see AFTER DELETE ON purge.a_customers REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION purge.see();
CREATE TRIGGER see AFTER DELETE ON purge.b_orders REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION purge.see();
CREATE TRIGGER see AFTER DELETE ON purge.c_lines REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION purge.see();
CREATE TRIGGER see AFTER DELETE ON purge.tree REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION purge.see();
CREATE FUNCTION purge.climb() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'SET ROLE postgres';
	RETURN OLD;
EXCEPTION WHEN OTHERS THEN
	INSERT INTO purge.seen (table_name, path) VALUES ('climb', SQLERRM);
	RETURN OLD;
END $$;
CREATE TRIGGER climb BEFORE DELETE ON purge.guarded FOR EACH ROW EXECUTE FUNCTION purge.climb();
RESET ROLE;

-- Children first, all of it, and nothing of others; by an administrator who may not even read the tables.
SELECT purge.ask('t1');
SET ROLE regress_purge_admin;
SELECT account.purge_deleted_accounts();
SELECT rows_deleted, accounts_purged, error FROM account.purges WHERE account_id = purge.id('t1');
RESET ROLE;
SELECT table_name, rows, account, writer, path FROM purge.seen ORDER BY at;
CREATE VIEW purge.left AS
	SELECT account_id, sum(n) AS n FROM (
		SELECT account_id, count(*) AS n FROM purge.a_customers GROUP BY 1 UNION ALL SELECT account_id, count(*) FROM purge.b_orders GROUP BY 1 UNION ALL SELECT account_id, count(*) FROM purge.c_lines GROUP BY 1
		UNION ALL SELECT account_id, count(*) FROM purge.tree GROUP BY 1 UNION ALL SELECT account_id, count(*) FROM purge.teams GROUP BY 1 UNION ALL SELECT account_id, count(*) FROM purge.people GROUP BY 1
		UNION ALL SELECT account_id, count(*) FROM purge.events GROUP BY 1 UNION ALL SELECT account_id, count(*) FROM purge.event_notes GROUP BY 1 UNION ALL SELECT account_id, count(*) FROM purge.base GROUP BY 1
		UNION ALL SELECT account_id, count(*) FROM purge.guarded GROUP BY 1 UNION ALL SELECT account_id, count(*) FROM purge.visits GROUP BY 1) t GROUP BY 1;
CREATE FUNCTION purge.of(account uuid) RETURNS text LANGUAGE sql RETURN (SELECT n FROM (VALUES ('keeper'), ('t1'), ('t2'), ('t3'), ('t4'), ('t5')) v (n) WHERE purge.id(n) = account);
SELECT purge.of(account_id) AS account, n FROM purge.left ORDER BY 1;

-- A row that a table of no tenant refers to cannot be deleted: that account stays as it was, others go.
TRUNCATE purge.seen;
CREATE TABLE purge.ledger (account_id uuid, customer int, FOREIGN KEY (account_id, customer) REFERENCES purge.a_customers);
INSERT INTO purge.ledger VALUES (purge.id('t2'), 1);
SELECT purge.ask('t2'), purge.ask('t3');
\set VERBOSITY default
\set SHOW_CONTEXT never
DO $$ DECLARE n bigint; BEGIN n := account.purge_deleted_accounts(); RAISE INFO '% purged', n; END $$;
\set VERBOSITY terse
SELECT purge.of(account_id) AS account, n FROM purge.left ORDER BY 1;
SELECT purge.of(account_id) AS account, rows_deleted, error, finished_at IS NOT NULL AS finished FROM account.purges WHERE purge.of(account_id) IS NOT NULL ORDER BY 1;
SELECT archived_at IS NOT NULL AS archived FROM account.get_account(purge.id('t2'));
-- Nothing was deleted of it: it can still be taken back, and the record of the attempt goes.
SELECT account.cancel_deletion(purge.id('t2'));
SELECT count(*) FROM account.purges WHERE account_id = purge.id('t2');
-- With the obstacle gone it goes, in batches: each is committed.
DELETE FROM purge.ledger;
SELECT purge.ask('t2');
TRUNCATE purge.seen;
CALL account.purge_accounts(2);
SELECT purge.of(account_id) AS account, n FROM purge.left ORDER BY 1;
SELECT rows_deleted, error, finished_at IS NOT NULL AS finished FROM account.purges WHERE account_id = purge.id('t2');
SELECT table_name, rows, count(*) AS batches FROM purge.seen WHERE account GROUP BY 1, 2 ORDER BY min(at);
-- What a batch has committed stays, and then there is no way back.
TRUNCATE purge.seen;
INSERT INTO purge.ledger VALUES (purge.id('t4'), 1);
SELECT purge.ask('t4');
CALL account.purge_accounts(2);
SELECT purge.of(account_id) AS account, n FROM purge.left ORDER BY 1;
SELECT rows_deleted > 0 AS some, error IS NOT NULL AS refused, finished_at FROM account.purges WHERE account_id = purge.id('t4');
SELECT account.cancel_deletion(purge.id('t4'));
DELETE FROM purge.ledger;
CALL account.purge_accounts();
SELECT purge.of(account_id) AS account, n FROM purge.left ORDER BY 1;
-- The final scan: rows that a trigger keeps.
CREATE FUNCTION purge.keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER keep BEFORE DELETE ON purge.guarded FOR EACH ROW EXECUTE FUNCTION purge.keep();
INSERT INTO purge.guarded VALUES (1, purge.id('t5'));
INSERT INTO purge.base VALUES (1, purge.id('t5'));
SELECT purge.ask('t5');
SELECT account.purge_deleted_accounts();
SELECT purge.of(account_id) AS account, n FROM purge.left ORDER BY 1;
DROP TRIGGER keep ON purge.guarded;
SELECT account.purge_deleted_accounts();
SELECT purge.of(account_id) AS account, n FROM purge.left ORDER BY 1;
-- Partitions that are isolated, of a table that is not: nobody can tell what else is in it.
INSERT INTO purge.events VALUES (3, purge.id('t6')), (20, purge.id('t6'));
SET ROLE regress_purge_owner;
DROP POLICY account_select ON purge.events;
RESET ROLE;
SELECT purge.ask('t6');
SELECT account.purge_deleted_accounts();
SELECT error, finished_at FROM account.purges WHERE account_id = purge.id('t6');
SELECT purge.of(account_id) AS account, n FROM purge.left ORDER BY 1;
SELECT fix FROM account.doctor('purge') WHERE check_id IN ('policy_changed', 'parent_unprotected') \gexec
SELECT account.purge_deleted_accounts();
SELECT error, finished_at IS NOT NULL AS finished FROM account.purges WHERE account_id = purge.id('t6');
SELECT purge.of(account_id) AS account, n FROM purge.left ORDER BY 1;
-- The procedure commits: not in a transaction block, nor in a function.
BEGIN;
CALL account.purge_accounts();
ROLLBACK;
SELECT account.purge_deleted_accounts();
CALL account.purge_accounts(0);
CALL account.purge_accounts(NULL);
CALL account.purge_accounts(10000001);
SET ROLE regress_purge_tenant;
CALL account.purge_accounts();
RESET ROLE;
DROP SCHEMA purge CASCADE;
SELECT account.revoke_access('regress_purge_tenant'), account.revoke_access('regress_purge_owner'), account.revoke_access('regress_purge_other'), account.revoke_access('regress_purge_admin');
DROP ROLE regress_purge_tenant, regress_purge_owner, regress_purge_other, regress_purge_admin;
