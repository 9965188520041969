-- transfer: an account's rows taken out, measured, and loaded again: as they were, beside the old ones, in their place.
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = error;
CREATE ROLE regress_transfer_owner;
CREATE ROLE regress_transfer_admin;
CREATE ROLE regress_transfer_tenant;
SELECT account.grant_access('regress_transfer_owner', 'owner'), account.grant_access('regress_transfer_admin', 'admin'), account.grant_access('regress_transfer_tenant', 'tenant');
CREATE SCHEMA tr AUTHORIZATION regress_transfer_owner;
GRANT USAGE ON SCHEMA tr TO PUBLIC;
CREATE FUNCTION tr.id(name text) RETURNS uuid LANGUAGE sql RETURN md5('transfer ' || name)::uuid;
SELECT name FROM unnest('{acme,globex,target,fresh}'::text[]) n, account.create_account(n, account_id => tr.id(n)) ORDER BY 1;
SELECT name FROM account.create_account('child', tr.id('acme'), account_id => tr.id('child'));
SELECT workspace_id AS home FROM account.workspaces WHERE account_id = tr.id('acme') \gset
SELECT workspace_id AS target_home FROM account.workspaces WHERE account_id = tr.id('target') \gset
SET ROLE regress_transfer_owner;
-- Keys of all kinds: a uuid, a number with a sequence, always generated; references to them, to the table itself, in a circle; partitions;
-- types of all kinds; a generated column, a domain, an enum; a workspace.
CREATE TYPE tr.mood AS ENUM ('calm', 'merry');
CREATE DOMAIN tr.percent AS int CHECK (VALUE BETWEEN 0 AND 100);
CREATE TABLE tr.a_parts (part_id uuid NOT NULL DEFAULT gen_random_uuid(), name text, account_id uuid NOT NULL, PRIMARY KEY (account_id, part_id));
CREATE TABLE tr.customers (customer_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, above bigint, account_id uuid NOT NULL, UNIQUE (account_id, customer_id), UNIQUE (account_id, name), FOREIGN KEY (account_id, above) REFERENCES tr.customers (account_id, customer_id));
CREATE TABLE tr.orders (order_id serial, customer_id bigint NOT NULL, part_id uuid, account_id uuid NOT NULL, PRIMARY KEY (account_id, order_id), FOREIGN KEY (account_id, customer_id) REFERENCES tr.customers (account_id, customer_id), FOREIGN KEY (account_id, part_id) REFERENCES tr.a_parts);
CREATE TABLE tr.people (person int, team int, account_id uuid NOT NULL, PRIMARY KEY (account_id, person));
CREATE TABLE tr.teams (team int, lead int, account_id uuid NOT NULL, PRIMARY KEY (account_id, team), FOREIGN KEY (account_id, lead) REFERENCES tr.people);
ALTER TABLE tr.people ADD FOREIGN KEY (account_id, team) REFERENCES tr.teams;
CREATE TABLE tr.events (day date, note text, account_id uuid NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE tr.events_1 PARTITION OF tr.events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE tr.events_2 PARTITION OF tr.events FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
CREATE TABLE tr."Odd ""names""" ("User" int, "the t" text, t text, account_id uuid NOT NULL, PRIMARY KEY (account_id, "User"));
CREATE TABLE tr.kinds (k int, b bytea, n numeric, f float8, i interval, ts timestamptz, d date, j jsonb, jn json, m tr.mood, p tr.percent, ta text[], r int4range, u uuid, x text, total numeric GENERATED ALWAYS AS (n * 2) STORED, account_id uuid NOT NULL);
CREATE TABLE tr.papers (paper int, account_id uuid NOT NULL, workspace_id uuid NOT NULL);
CREATE TABLE tr.empty (nothing int, account_id uuid NOT NULL);
RESET ROLE;
INSERT INTO tr.a_parts VALUES (tr.id('bolt'), 'bolt', tr.id('acme')), (tr.id('nut'), 'nut', tr.id('acme')), (tr.id('bolt'), 'bolt', tr.id('globex'));
INSERT INTO tr.customers (name, above, account_id) VALUES ('ann', NULL, tr.id('acme')), ('gil', NULL, tr.id('globex')), ('ben', 3, tr.id('acme')), ('cid', 1, tr.id('acme')), ('kim', NULL, tr.id('child'));
INSERT INTO tr.orders (customer_id, part_id, account_id) VALUES (1, tr.id('bolt'), tr.id('acme')), (2, tr.id('bolt'), tr.id('globex')), (4, tr.id('nut'), tr.id('acme')), (4, NULL, tr.id('acme'));
INSERT INTO tr.teams VALUES (1, NULL, tr.id('acme')); INSERT INTO tr.people VALUES (7, 1, tr.id('acme')); UPDATE tr.teams SET lead = 7;
INSERT INTO tr.events VALUES ('2026-01-05', 'cold', tr.id('acme')), ('2026-02-05', 'warmer', tr.id('acme')), ('2026-01-05', 'else', tr.id('globex'));
INSERT INTO tr."Odd ""names""" VALUES (1, 'it''s', 'a "t"', tr.id('acme'));
INSERT INTO tr.kinds VALUES (1, '\x00ff', 12345678901234567890.123, 0.1::float8 + 0.2::float8, '1 year 2 days 03:00', '2026-03-29 01:30:00.123456+01', '0044-03-15 BC', 'null', 'null', 'merry', 100, ARRAY['a', NULL, 'b,"c'], '[1,5)', tr.id('u'), E'tab\there \u00e9', DEFAULT, tr.id('acme')),
	(2, NULL, NULL, 'Infinity', NULL, NULL, 'infinity', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, DEFAULT, tr.id('acme')), (3, '', 'NaN', 0.5, '-1 mon 1 day', 'infinity', NULL, '{"a": null, "b": [1.10]}', '{"a": null}', NULL, NULL, '{}', 'empty', NULL, '', DEFAULT, tr.id('acme'));
INSERT INTO tr.papers VALUES (1, tr.id('acme'), :'home');
SET ROLE regress_transfer_owner;
SELECT count(*) > 50 AS isolated FROM unnest(ARRAY['tr.a_parts', 'tr.customers', 'tr.orders', 'tr.people', 'tr.teams', 'tr.events', 'tr."Odd ""names"""', 'tr.kinds', 'tr.empty']) t, account.isolate(t::regclass);
SELECT count(*) > 5 AS isolated FROM account.isolate('tr.papers', workspace_column => 'workspace_id');
RESET ROLE;

-- What is in it, by an administrator who may not read the tables.
SET ROLE regress_transfer_admin;
SELECT table_name, row_count, bytes > row_count * 20 AS bytes FROM account.account_size(tr.id('acme')) ORDER BY table_name::text COLLATE "C";
SELECT count(*) FROM account.account_size(tr.id('fresh'));
CREATE TEMPORARY TABLE staging AS SELECT row_number() OVER () AS at, table_name, row_data FROM account.export_account(tr.id('acme'));
SELECT table_name, count(*), bool_and(row_data ->> 'account_id' = tr.id('acme')::text) AS own FROM staging GROUP BY 1 ORDER BY table_name COLLATE "C";
-- What others refer to comes first, whatever the names.
SELECT (SELECT max(at) FROM staging WHERE table_name IN ('tr.a_parts', 'tr.customers')) < (SELECT min(at) FROM staging WHERE table_name = 'tr.orders') AS in_order;
SELECT row_data - '{account_id,u}'::text[] AS row_data FROM staging WHERE table_name = 'tr.kinds' ORDER BY 1;
-- Without those below, or with them.
SELECT table_name, row_data ->> 'name' AS name FROM account.export_account(tr.id('acme'), descendants => true) WHERE table_name = 'tr.customers' ORDER BY 2;
-- It writes values in one way, whatever the session has set.
SET datestyle = 'SQL, DMY'; SET intervalstyle = 'sql_standard'; SET timezone = 'Asia/Tokyo'; SET bytea_output = 'escape'; SET extra_float_digits = 0;
SELECT count(*) FROM (SELECT table_name, row_data FROM staging EXCEPT SELECT * FROM account.export_account(tr.id('acme'))) different;

-- Loaded beside the old ones, with new ids: another account has the same rows, and everything refers to its own.
SELECT table_name, row_count FROM account.import_account('staging', tr.id('target'), new_ids => true, workspace_id => :'target_home') ORDER BY table_name::text COLLATE "C";
RESET ROLE;
SELECT c.name, a.name AS above, c.customer_id > 5 AS drawn, a.account_id = c.account_id AS own FROM tr.customers c LEFT JOIN tr.customers a ON a.customer_id = c.above WHERE c.account_id = tr.id('target') ORDER BY 1;
SELECT c.name, p.name AS part, p.part_id <> tr.id(p.name) AS another, p.part_id::text ~ '^.{14}8.{4}a' AS version_8, order_id > 4 AS drawn
	FROM tr.orders o JOIN tr.customers c USING (account_id, customer_id) LEFT JOIN tr.a_parts p USING (account_id, part_id) WHERE o.account_id = tr.id('target') ORDER BY 1, 2;
SELECT lead, team FROM tr.teams WHERE account_id = tr.id('target') UNION ALL SELECT person, team FROM tr.people WHERE account_id = tr.id('target');
SELECT tableoid::regclass, note FROM tr.events WHERE account_id = tr.id('target') ORDER BY 2;
SELECT workspace_id = :'target_home' AS in_its_own FROM tr.papers WHERE account_id = tr.id('target');
-- Every value is as it was, JSON's null, which is not NULL, too.
SELECT count(*) AS same FROM tr.kinds a JOIN tr.kinds b USING (k) WHERE a.account_id = tr.id('acme') AND b.account_id = tr.id('target') AND (a.*)::text = replace((b.*)::text, tr.id('target')::text, tr.id('acme')::text);
SELECT count(*) AS changed FROM tr.customers WHERE account_id IN (tr.id('acme'), tr.id('globex'), tr.id('child'));
-- A key whose name is taken is refused by the table, and nothing is loaded.
SELECT account.import_account('staging', tr.id('acme'));
-- In their place: what the account has now goes, and the old rows come back with their ids.
UPDATE tr.customers SET name = name || ' changed' WHERE account_id = tr.id('acme'); DELETE FROM tr.kinds WHERE account_id = tr.id('acme');
INSERT INTO tr.orders (customer_id, account_id) VALUES (1, tr.id('acme')); INSERT INTO tr.empty VALUES (1, tr.id('acme'));
SET ROLE regress_transfer_admin;
SELECT sum(row_count) FROM account.import_account('staging', replace => true);
SELECT count(*) FROM (SELECT table_name, row_data FROM staging EXCEPT SELECT * FROM account.export_account(tr.id('acme'))) missing;
SELECT count(*) FROM (SELECT * FROM account.export_account(tr.id('acme')) EXCEPT SELECT table_name, row_data FROM staging) added;
RESET ROLE;
-- Sequences are past what was loaded.
ALTER SEQUENCE tr.orders_order_id_seq RESTART 2; ALTER TABLE tr.customers ALTER customer_id RESTART 3;
SELECT count(*) FROM account.import_account('staging', tr.id('acme'), replace => true);
SELECT nextval('tr.orders_order_id_seq') AS orders, nextval(pg_get_serial_sequence('tr.customers', 'customer_id')) AS customers;

-- What does not fit is said before anything is written.
CREATE TEMPORARY TABLE bad (table_name text, row_data jsonb);
CREATE FUNCTION pg_temp.bad(given text, data jsonb, target uuid DEFAULT tr.id('fresh')) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	TRUNCATE bad;
	INSERT INTO bad VALUES (given, data);
	PERFORM account.import_account('bad', target);
	RETURN 'loaded';
EXCEPTION WHEN OTHERS THEN
	RETURN concat(SQLSTATE, ' ', SQLERRM);
END $$;
SELECT pg_temp.bad('tr.nothing', '{}'), pg_temp.bad(NULL, '{}'), pg_temp.bad('account.accounts', '{}'), pg_temp.bad('tr.events_1', '{}'), pg_temp.bad('"', '{}');
SELECT pg_temp.bad('tr.empty', NULL), pg_temp.bad('tr.empty', '[]'), pg_temp.bad('tr.empty', '{}'), pg_temp.bad('tr.empty', '{"account_id": "x"}');
SELECT pg_temp.bad('tr.empty', jsonb_build_object('account_id', tr.id('acme'), 'other', 1)), pg_temp.bad('tr.empty', jsonb_build_object('account_id', tr.id('acme'), 'nothing', 'x'));
SELECT pg_temp.bad('tr.empty', jsonb_build_object('account_id', tr.id('acme')), tr.id('nobody')), pg_temp.bad('tr.empty', jsonb_build_object('account_id', tr.id('nobody')), NULL) ~ 'TA010 account .* not found' AS nobodys;
SELECT pg_temp.bad('tr.papers', jsonb_build_object('account_id', tr.id('acme'), 'paper', 1, 'workspace_id', :'home'));
SELECT account.import_account(NULL);
SELECT account.import_account('pg_class');
SELECT account.import_account('bad', tr.id('fresh'), workspace_id => :'home');
INSERT INTO bad SELECT table_name, row_data FROM account.export_account(tr.id('acme'), true);
SELECT account.import_account('bad', tr.id('fresh'), workspace_id => :'home');
SELECT account.import_account('bad', tr.id('globex'));
TRUNCATE bad;
SELECT account.import_account('bad', tr.id('fresh'), replace => true);
SELECT count(*) FROM account.import_account('bad', tr.id('fresh'));
-- Not into one that is to be deleted; into an archived one, as restores are done.
SELECT account.delete_account(tr.id('fresh')) IS NOT NULL AS asked;
SELECT pg_temp.bad('tr.empty', jsonb_build_object('account_id', tr.id('acme'), 'nothing', 1));
SELECT account.cancel_deletion(tr.id('fresh')), account.archive_account(tr.id('fresh'));
SELECT pg_temp.bad('tr.empty', jsonb_build_object('account_id', tr.id('acme'), 'nothing', 1));
SELECT setval('tr.customers_customer_id_seq', 100), setval('tr.orders_order_id_seq', 100);
-- A number is the same however it is written, and new ones are drawn for it: " 900" is not kept, for the sequence to come to it.
TRUNCATE bad;
INSERT INTO bad SELECT 'tr.customers', jsonb_build_object('account_id', tr.id('acme'), 'customer_id', customer_id, 'name', 'written ' || customer_id) FROM unnest('{" 900",901,"+902"}'::text[]) customer_id;
SELECT row_count FROM account.import_account('bad', tr.id('fresh'), new_ids => true);
SELECT count(*) AS drawn FROM tr.customers WHERE name LIKE 'written%' AND customer_id < 900;
-- Nor does a row use up the sequence of all accounts; what is in its place already does not matter.
SELECT pg_temp.bad('tr.customers', jsonb_build_object('account_id', tr.id('acme'), 'customer_id', 9223372036854775807, 'name', 'greatest'));
SELECT pg_temp.bad('tr.orders', jsonb_build_object('account_id', tr.id('acme'), 'customer_id', (SELECT min(customer_id) FROM tr.customers WHERE account_id = tr.id('fresh')), 'order_id', 2013265921));
SELECT last_value < 900 AS untouched FROM tr.customers_customer_id_seq;
SELECT pg_temp.bad('tr.customers', jsonb_build_object('account_id', tr.id('acme'), 'customer_id', 1000, 'name', 'passed'));
SELECT last_value FROM tr.customers_customer_id_seq;
SELECT setval('tr.customers_customer_id_seq', 9223372036854775800);
SELECT pg_temp.bad('tr.customers', jsonb_build_object('account_id', tr.id('acme'), 'customer_id', 9223372036854775799, 'name', 'below'));
-- Column by column: one that is not in the data takes its default.
ALTER TABLE tr.empty ADD COLUMN colour text DEFAULT 'red';
SELECT pg_temp.bad('tr.empty', jsonb_build_object('account_id', tr.id('acme'), 'nothing', 2));
SELECT nothing, colour FROM tr.empty WHERE account_id = tr.id('fresh') ORDER BY 1;
-- DES-01 Triggers run as the owner, with the account as the identity; DES-15 nobody but administrators.
CREATE TABLE tr.seen (who name, own boolean); GRANT INSERT ON tr.seen TO PUBLIC;
CREATE FUNCTION tr.see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO tr.seen VALUES (current_user, NEW.account_id = account.current_account_id()); RETURN NEW; END $$;
CREATE TRIGGER see BEFORE INSERT ON tr.empty FOR EACH ROW EXECUTE FUNCTION tr.see();
SELECT pg_temp.bad('tr.empty', jsonb_build_object('account_id', tr.id('acme'), 'nothing', 3));
TABLE tr.seen;
SET ROLE regress_transfer_tenant;
SELECT * FROM account.export_account(tr.id('acme'));
SELECT * FROM account.account_size(tr.id('acme'));
SELECT * FROM account.import_account('pg_class');
RESET ROLE;
-- DES-02 Nor an administrator who has been an account in this transaction.
SELECT k.api_key AS acme_key FROM account.profiles p, account.create_api_key(p.profile_id, 'acme') k WHERE p.account_id = tr.id('acme') \gset
\set ON_ERROR_ROLLBACK on
BEGIN;
SELECT account_id = tr.id('acme') AS acme FROM account.authenticate(:'acme_key');
SELECT * FROM account.export_account(tr.id('acme'));
SELECT * FROM account.account_size(tr.id('acme'));
SELECT * FROM account.import_account('bad', tr.id('acme'));
COMMIT;
\set ON_ERROR_ROLLBACK off
SELECT * FROM account.export_account(NULL);
SELECT * FROM account.export_account(tr.id('nobody'));
SELECT * FROM account.account_size(NULL);
SELECT * FROM account.account_size(tr.id('nobody'));
-- Partitions that are isolated, of a table that is not: whose its rows are, nobody can tell.
SET ROLE regress_transfer_owner;
DROP POLICY account_select ON tr.events;
RESET ROLE;
SELECT * FROM account.import_account('staging');
DROP SCHEMA tr CASCADE;
SELECT account.revoke_access('regress_transfer_owner'), account.revoke_access('regress_transfer_admin'), account.revoke_access('regress_transfer_tenant');
DROP TABLE staging;
DROP ROLE regress_transfer_owner, regress_transfer_admin, regress_transfer_tenant;
