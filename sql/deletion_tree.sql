-- deletion_tree: many accounts that are purged at once: together where nobody's code runs, one by one where it would see whose rows go.
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = warning;
CREATE ROLE regress_forest_owner;
CREATE ROLE regress_forest_other;
SELECT account.grant_access('regress_forest_owner', 'owner'), account.grant_access('regress_forest_other', 'owner');
CREATE SCHEMA forest AUTHORIZATION regress_forest_owner;
GRANT USAGE, CREATE ON SCHEMA forest TO regress_forest_other;
CREATE FUNCTION forest.id(name text) RETURNS uuid LANGUAGE sql RETURN md5('forest ' || name)::uuid;
CREATE FUNCTION forest.ask(name text) RETURNS void LANGUAGE sql AS $$
	SELECT account.delete_account(forest.id(name));
	WITH gone AS (DELETE FROM account.holds WHERE subject_id = forest.id(name) AND kind = 'p' RETURNING *)
	INSERT INTO account.holds SELECT subject_id, kind, entry, set_by, reason, created_by, created_at, clock_timestamp() - interval '1 hour' FROM gone $$;
SELECT name FROM account.create_account('keeper', account_id => forest.id('keeper'));
SELECT name FROM unnest('{top,first}'::text[]) root, account.create_account(root, account_id => forest.id(root));
SELECT count(*) FROM generate_series(1, 4) n, unnest('{top,first}'::text[]) root, account.create_account(root || n, forest.id(root), account_id => forest.id(root || n));

-- What the code of users sees: how many rows of which account go, and who is the account then.
CREATE TABLE forest.seen (at serial, table_name text, rows bigint, accounts bigint, own boolean);
GRANT INSERT ON forest.seen TO PUBLIC; GRANT USAGE ON SEQUENCE forest.seen_at_seq TO PUBLIC;
CREATE FUNCTION forest.see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO forest.seen (table_name, rows, accounts, own) SELECT TG_TABLE_NAME, count(*), count(DISTINCT account_id), bool_and(account_id = account.current_account_id()) FROM gone HAVING count(*) > 0;
	RETURN NULL;
END $$;
SET ROLE regress_forest_owner;
-- Nobody's code: plain tables, one with a quota, partitions, a circle.
CREATE TABLE forest.plain (x int, account_id uuid NOT NULL, PRIMARY KEY (account_id, x));
CREATE TABLE forest.counted (x int, account_id uuid NOT NULL, FOREIGN KEY (account_id, x) REFERENCES forest.plain ON DELETE SET NULL (x));
CREATE TABLE forest.parts (x int, account_id uuid NOT NULL) PARTITION BY RANGE (x);
CREATE TABLE forest.parts_1 PARTITION OF forest.parts FOR VALUES FROM (1) TO (3);
CREATE TABLE forest.parts_2 PARTITION OF forest.parts FOR VALUES FROM (3) TO (9);
CREATE TABLE forest.circle (x int, above int, account_id uuid NOT NULL, PRIMARY KEY (account_id, x), FOREIGN KEY (account_id, above) REFERENCES forest.circle ON DELETE RESTRICT);
-- A trigger of its own; one of a table whose rows go along, behind another; one of a partition; a rule; a default that a deletion sets.
CREATE TABLE forest.watched (x int, account_id uuid NOT NULL, PRIMARY KEY (account_id, x));
CREATE TRIGGER see AFTER DELETE ON forest.watched REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION forest.see();
CREATE TABLE forest.origins (x int, account_id uuid NOT NULL, PRIMARY KEY (account_id, x));
CREATE TABLE forest.copies (x int, account_id uuid NOT NULL, PRIMARY KEY (account_id, x), FOREIGN KEY (account_id, x) REFERENCES forest.origins ON DELETE CASCADE);
CREATE TABLE forest.mirrors (x int, account_id uuid NOT NULL, FOREIGN KEY (account_id, x) REFERENCES forest.copies ON DELETE CASCADE);
CREATE TRIGGER see AFTER DELETE ON forest.mirrors REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION forest.see();
-- Of a table that is not isolated rows go along too.
CREATE TABLE forest.logs (x int, account_id uuid, FOREIGN KEY (account_id, x) REFERENCES forest.copies ON DELETE CASCADE);
CREATE TRIGGER see AFTER DELETE ON forest.logs REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION forest.see();
CREATE TABLE forest.days (x int, account_id uuid NOT NULL) PARTITION BY RANGE (x);
CREATE TABLE forest.days_1 PARTITION OF forest.days FOR VALUES FROM (1) TO (9);
CREATE TRIGGER see AFTER DELETE ON forest.days_1 REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION forest.see();
CREATE TABLE forest.ruled (x int, account_id uuid NOT NULL);
CREATE TABLE forest.defaulted (x int, account_id uuid NOT NULL, PRIMARY KEY (x), UNIQUE (account_id, x));
CREATE FUNCTION forest.note() RETURNS int LANGUAGE plpgsql AS $$ BEGIN INSERT INTO forest.seen (table_name, own) VALUES ('default', account.current_account_id() IN (forest.id('top2'), forest.id('top3'))); RETURN NULL; END $$;
CREATE TABLE forest.diary (of int DEFAULT forest.note() REFERENCES forest.defaulted ON DELETE SET DEFAULT);
SET ROLE regress_forest_other;
CREATE TABLE forest.visits (x int, account_id uuid NOT NULL);
RESET ROLE;
CREATE FUNCTION forest.fill() RETURNS void LANGUAGE sql AS $$
	INSERT INTO forest.plain SELECT x, a.account_id FROM account.accounts a, generate_series(1, 4) x WHERE path[1] IN (forest.id('keeper'), forest.id('top'), forest.id('first'));
	INSERT INTO forest.counted TABLE forest.plain; INSERT INTO forest.parts TABLE forest.plain; INSERT INTO forest.watched TABLE forest.plain; INSERT INTO forest.origins TABLE forest.plain;
	INSERT INTO forest.copies TABLE forest.plain; INSERT INTO forest.mirrors TABLE forest.plain; INSERT INTO forest.logs TABLE forest.plain; INSERT INTO forest.days TABLE forest.plain; INSERT INTO forest.ruled TABLE forest.plain; INSERT INTO forest.visits TABLE forest.plain;
	INSERT INTO forest.circle SELECT x, nullif(x / 2, 0), account_id FROM forest.plain;
	INSERT INTO forest.defaulted SELECT row_number() OVER (), account_id FROM forest.plain WHERE x = 1;
	INSERT INTO forest.diary SELECT x FROM forest.defaulted WHERE account_id IN (forest.id('top2'), forest.id('top3'));
$$;
SELECT forest.fill();
SET ROLE regress_forest_owner;
SET client_min_messages = error;
SELECT count(*) > 50 AS isolated FROM unnest('{plain,parts,circle,watched,origins,copies,mirrors,days,ruled,defaulted}'::text[]) t, account.isolate(('forest.' || t)::regclass);
CREATE RULE see AS ON DELETE TO forest.ruled DO ALSO INSERT INTO forest.seen (table_name, own) VALUES ('ruled', OLD.account_id = account.current_account_id());
SELECT count(*) > 5 AS isolated FROM account.isolate('forest.counted', quota => 'things');
SET ROLE regress_forest_other;
SELECT count(*) > 5 AS isolated FROM account.isolate('forest.visits');
RESET ROLE;
SET client_min_messages = warning;
SELECT row_count FROM account.account_size(forest.id('keeper')) WHERE table_name = 'forest.counted'::regclass;
-- What others have: every row.
CREATE VIEW forest.rest AS SELECT t, row FROM unnest('{plain,counted,parts,circle,watched,origins,copies,mirrors,logs,days,ruled,defaulted,visits}'::text[]) t,
	LATERAL (SELECT unnest(xpath('//account_id/text()', query_to_xml('SELECT account_id FROM forest.' || t, false, false, '')))::text AS row) r;

-- A whole tree in one, with all that is below: code of users sees one account at a time, and is it.
SELECT forest.ask('top');
SELECT account.purge_deleted_accounts();
SELECT row::uuid = forest.id('keeper') AS keepers, count(*) FROM forest.rest WHERE row::uuid NOT IN (SELECT account_id FROM account.accounts WHERE path[1] = forest.id('first')) GROUP BY 1;
SELECT count(*) FROM forest.rest WHERE row::uuid IN (SELECT account_id FROM account.accounts WHERE path[1] = forest.id('first'));
SELECT table_name, count(*) AS times, min(rows) AS least, max(rows) AS most, max(accounts) AS accounts, bool_and(own) AS own FROM forest.seen GROUP BY 1 ORDER BY 1;
SELECT rows_deleted, accounts_purged, error FROM account.purges WHERE account_id = forest.id('top');
-- The other, in steps of a few rows.
TRUNCATE forest.seen RESTART IDENTITY;
SELECT forest.ask('first');
CALL account.purge_accounts(3);
SELECT row::uuid = forest.id('keeper') AS keepers, count(*) FROM forest.rest GROUP BY 1;
SELECT table_name, sum(rows) AS rows, max(rows) AS most, max(accounts) AS accounts, bool_and(own) AS own FROM forest.seen WHERE rows > 0 GROUP BY 1 ORDER BY 1;
SELECT rows_deleted, accounts_purged, error FROM account.purges WHERE account_id = forest.id('first');
-- Nothing counts them any more.
SELECT account_id = forest.id('keeper') AS keepers, sum(amount) FROM account.quota_counts WHERE table_id = 'forest.counted'::regclass GROUP BY 1;
SELECT * FROM account.check_invariants() WHERE object LIKE '%things%';
DROP SCHEMA forest CASCADE;
SELECT account.revoke_access('regress_forest_owner'), account.revoke_access('regress_forest_other');
DROP ROLE regress_forest_owner, regress_forest_other;
