-- isolation_writes: every way to read and to write, by the attacker and by the rightful account.
\set VERBOSITY terse
\pset format unaligned
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
SELECT account.grant_access('regress_owner', 'owner'), account.grant_access('regress_app', 'tenant');
CREATE SCHEMA shop AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA shop TO regress_app;
ALTER DEFAULT PRIVILEGES FOR ROLE regress_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO regress_app;
SELECT id AS acme, api_key AS acme_key
FROM account.create_account('acme', account_id => '15020000-0000-4000-8000-00000000000a') \gset
SELECT id AS globex, api_key AS globex_key
FROM account.create_account('globex', account_id => '15020000-0000-4000-8000-00000000000b') \gset
SET ROLE regress_owner;
CREATE TABLE shop.items (item_id integer PRIMARY KEY, name text, stock integer NOT NULL DEFAULT 0);
SELECT count(*) > 0 AS isolated FROM account.isolate('shop.items');
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'acme_key') IS DISTINCT FROM NULL AS authenticated;
INSERT INTO shop.items (item_id, name) VALUES (1, 'anvil'), (2, 'rocket');
COMMIT;
BEGIN;
SELECT account.authenticate(:'globex_key') IS DISTINCT FROM NULL AS authenticated;
INSERT INTO shop.items (item_id, name) VALUES (11, 'globe') RETURNING item_id, account_id = :'globex' AS of_globex;
COMMIT;

-- globex against the rows of acme: 1 and 2 are acme's, 11 its own.
\set ON_ERROR_ROLLBACK on
BEGIN;
SELECT account.authenticate(:'globex_key') IS DISTINCT FROM NULL AS authenticated;
SELECT item_id FROM shop.items ORDER BY 1;
-- RLS-15: planted rows
INSERT INTO shop.items (item_id, name, account_id) VALUES (3, 'planted', :'acme');
INSERT INTO shop.items (item_id, name, account_id) VALUES (3, 'nobody''s', '00000000-0000-0000-0000-000000000000');
INSERT INTO shop.items (item_id, name, account_id) VALUES (3, 'nobody''s', NULL);
-- RLS-14: rows given away
UPDATE shop.items SET account_id = :'acme' WHERE item_id = 11;
-- others' rows changed, also without naming a column of theirs
UPDATE shop.items SET name = 'stolen' WHERE item_id = 1;
UPDATE shop.items SET name = 'stolen';
DELETE FROM shop.items WHERE item_id = 1;
-- RLS-17: the conflict with a row of acme's is an error without any value of it
INSERT INTO shop.items (item_id, name) VALUES (1, 'mine') ON CONFLICT (item_id) DO UPDATE SET name = 'taken' RETURNING *;
INSERT INTO shop.items (item_id, name) VALUES (11, 'mine') ON CONFLICT (item_id) DO UPDATE SET name = excluded.name RETURNING item_id, name;
-- RLS-19: what is returned and locked
UPDATE shop.items SET stock = stock + 1 RETURNING item_id, stock;
SELECT item_id FROM shop.items ORDER BY item_id FOR UPDATE;
SELECT item_id FROM shop.items ORDER BY item_id FOR SHARE;
-- MERGE
MERGE INTO shop.items i USING (VALUES (1), (11)) v (item_id) ON i.item_id = v.item_id
	WHEN MATCHED THEN UPDATE SET stock = 100;
MERGE INTO shop.items i USING (VALUES (2)) v (item_id) ON i.item_id = v.item_id
	WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN DO NOTHING;
MERGE INTO shop.items i USING (VALUES (12)) v (item_id) ON i.item_id = v.item_id
	WHEN NOT MATCHED THEN INSERT (item_id, name, account_id) VALUES (v.item_id, 'planted', :'acme');
-- COPY
COPY shop.items (item_id, name, account_id) FROM STDIN;
13	planted	15020000-0000-4000-8000-00000000000a
\.
COPY shop.items (item_id, name) FROM STDIN;
14	copied
\.
COPY shop.items (item_id, name, stock) TO STDOUT;
-- writable CTE
WITH gone AS (DELETE FROM shop.items WHERE item_id IN (2, 14) RETURNING item_id) SELECT * FROM gone;
-- subqueries, joins and set operations
SELECT (SELECT count(*) FROM shop.items) AS mine, (SELECT max(item_id) FROM shop.items WHERE item_id < 10) AS others;
SELECT a.item_id, b.item_id FROM shop.items a FULL JOIN shop.items b ON a.item_id = b.item_id + 1 ORDER BY 1, 2;
TABLE shop.items EXCEPT SELECT * FROM shop.items;
-- RLS-09: row security is not to be switched off
SET LOCAL row_security = off;
SELECT * FROM shop.items;
DELETE FROM shop.items;
COPY shop.items TO STDOUT;
ROLLBACK;

-- RLS-07: TRUNCATE asks no policy, so only the owner may, whoever was granted it.
RESET ROLE;
GRANT TRUNCATE ON shop.items TO regress_app;
SET ROLE regress_app;
TRUNCATE shop.items;
BEGIN;
SELECT account.authenticate(:'globex_key') IS DISTINCT FROM NULL AS authenticated;
TRUNCATE shop.items;
ROLLBACK;

-- All of acme's is as it was.
BEGIN;
SELECT account.authenticate(:'acme_key') IS DISTINCT FROM NULL AS authenticated;
SELECT item_id, name, stock FROM shop.items ORDER BY 1;
COMMIT;

-- S2.8, DES-12: an archived account reads and does not write.
RESET ROLE;
SELECT account.archive_account(:'acme');
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'acme_key') IS DISTINCT FROM NULL AS authenticated;
SELECT account.is_writable();
SELECT item_id, name, stock FROM shop.items ORDER BY 1;
INSERT INTO shop.items (item_id, name) VALUES (4, 'late');
UPDATE shop.items SET stock = 5;
DELETE FROM shop.items;
MERGE INTO shop.items i USING (VALUES (1)) v (item_id) ON i.item_id = v.item_id WHEN MATCHED THEN UPDATE SET stock = 100;
MERGE INTO shop.items i USING (VALUES (1)) v (item_id) ON i.item_id = v.item_id WHEN MATCHED THEN DELETE;
COPY shop.items (item_id, name) FROM STDIN;
4	late
\.
INSERT INTO shop.items (item_id, name) VALUES (1, 'late') ON CONFLICT (item_id) DO UPDATE SET stock = 5;
INSERT INTO shop.items (item_id, name) VALUES (1, 'late') ON CONFLICT DO NOTHING;
WITH gone AS (DELETE FROM shop.items RETURNING item_id) SELECT * FROM gone;
SELECT item_id FROM shop.items FOR UPDATE;
ROLLBACK;
-- The trigger only says why: without it the policies refuse as well.
SET ROLE regress_owner;
ALTER TABLE shop.items DISABLE TRIGGER account_require_writable;
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'acme_key') IS DISTINCT FROM NULL AS authenticated;
INSERT INTO shop.items (item_id, name) VALUES (4, 'late');
UPDATE shop.items SET stock = 5;
DELETE FROM shop.items;
MERGE INTO shop.items i USING (VALUES (1)) v (item_id) ON i.item_id = v.item_id WHEN MATCHED THEN DELETE;
INSERT INTO shop.items (item_id, name) VALUES (1, 'late') ON CONFLICT (item_id) DO UPDATE SET stock = 5;
SELECT item_id, stock FROM shop.items ORDER BY 1;
ROLLBACK;
-- The other account writes, and acme does again when it is no longer archived.
BEGIN;
SELECT account.authenticate(:'globex_key') IS DISTINCT FROM NULL AS authenticated;
UPDATE shop.items SET stock = 7 RETURNING item_id, stock;
COMMIT;
RESET ROLE;
SELECT account.unarchive_account(:'acme');
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'acme_key') IS DISTINCT FROM NULL AS authenticated;
UPDATE shop.items SET stock = 8 RETURNING item_id, stock;
DELETE FROM shop.items WHERE item_id = 2 RETURNING item_id;
COMMIT;

-- RLS-29: nobody is nobody, whatever is tried.
SELECT count(*) FROM shop.items;
UPDATE shop.items SET stock = 9;
DELETE FROM shop.items;
INSERT INTO shop.items (item_id, name) VALUES (5, 'x');
COPY shop.items (item_id, name) FROM STDIN;
5	x
\.
COPY shop.items TO STDOUT;

-- The trigger's function is nothing to call.
SELECT account.require_writable();
RESET ROLE;
SELECT account.require_writable();
SELECT account.protect_new_relations();

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA shop CASCADE;
DROP OWNED BY regress_owner;
DROP OWNED BY regress_app;
DROP ROLE regress_owner, regress_app;
