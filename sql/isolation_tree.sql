-- isolation_tree: partitions and inheritance children, those of before and those of later.
\set VERBOSITY terse
\pset format unaligned
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
SELECT account.grant_access('regress_owner', 'owner'), account.grant_access('regress_app', 'tenant');
CREATE SCHEMA log AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA log TO regress_app;
ALTER DEFAULT PRIVILEGES FOR ROLE regress_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO regress_app;
SELECT id AS acme, api_key AS acme_key
FROM account.create_account('acme', account_id => '15060000-0000-4000-8000-00000000000a') \gset
SELECT id AS globex, api_key AS globex_key
FROM account.create_account('globex', account_id => '15060000-0000-4000-8000-00000000000b') \gset
SELECT current_database() AS database \gset
GRANT CREATE ON DATABASE :"database" TO regress_owner;

SET ROLE regress_owner;
CREATE TABLE log.events (event_id integer, day integer NOT NULL, what text) PARTITION BY RANGE (day);
CREATE TABLE log.events_1 PARTITION OF log.events FOR VALUES FROM (1) TO (10);
CREATE TABLE log.events_2 PARTITION OF log.events FOR VALUES FROM (10) TO (20) PARTITION BY LIST (day);
CREATE TABLE log.events_2a PARTITION OF log.events_2 FOR VALUES IN (10);
INSERT INTO log.events VALUES (1, 1, 'old'), (2, 10, 'old');

-- A part of a tree is not isolated by itself: its rows would be open by the name of what is above.
SELECT * FROM account.isolate('log.events_2a', existing_rows => quote_literal(:'acme'));
SELECT * FROM account.isolate('log.events_1', existing_rows => quote_literal(:'acme'));
-- The whole is.
SELECT statement FROM account.isolate('log.events', existing_rows => quote_literal(:'acme')) AS statement
WHERE statement !~ 'POLICY';
SELECT table_name, account_column, enabled, forced FROM account.isolated_tables
WHERE table_name::text LIKE 'log.%' ORDER BY table_name::text COLLATE "C";
SELECT * FROM account.isolate('log.events');
SELECT * FROM account.isolate('log.events_2');

-- Later ones are isolated with the command that makes or attaches them.
CREATE TABLE log.events_3 PARTITION OF log.events FOR VALUES FROM (20) TO (30);
CREATE TABLE log.events_2b (event_id integer, day integer NOT NULL, what text, account_id uuid NOT NULL);
INSERT INTO log.events_2b VALUES (3, 11, 'attached', :'acme'), (4, 11, 'attached', :'globex');
ALTER TABLE log.events_2 ATTACH PARTITION log.events_2b FOR VALUES IN (11);
CREATE TABLE log.events_4 (LIKE log.events INCLUDING ALL) PARTITION BY RANGE (day);
CREATE TABLE log.events_4a PARTITION OF log.events_4 FOR VALUES FROM (30) TO (35);
SELECT count(*) AS isolated_alone FROM account.isolated_tables WHERE table_name::text LIKE 'log.events_4%';
ALTER TABLE log.events ATTACH PARTITION log.events_4 FOR VALUES FROM (30) TO (40);
CREATE SCHEMA log_more CREATE TABLE events_5 PARTITION OF log.events FOR VALUES FROM (40) TO (50);
SELECT table_name, enabled, forced FROM account.isolated_tables
WHERE table_name::text LIKE 'log%' ORDER BY table_name::text COLLATE "C";
-- They are complete: nothing is left to do.
SELECT * FROM account.isolate('log.events');
SELECT relname, (SELECT count(*) FROM pg_policy WHERE polrelid = c.oid) AS policies,
	(SELECT tgenabled FROM pg_trigger WHERE tgrelid = c.oid AND tgname = 'account_require_writable') AS trigger,
	(SELECT count(*) FROM pg_index WHERE indrelid = c.oid) AS indexes,
	pg_get_expr(d.adbin, d.adrelid) AS default
FROM pg_class c LEFT JOIN pg_attrdef d ON d.adrelid = c.oid
WHERE relname LIKE 'events%' AND relnamespace <> 'account'::regnamespace AND relkind IN ('r', 'p') ORDER BY relname COLLATE "C";

-- RLS-21: each by its own name.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA log, log_more TO regress_app;
GRANT USAGE ON SCHEMA log_more TO regress_app;
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'globex_key') IS DISTINCT FROM NULL AS authenticated;
INSERT INTO log.events (event_id, day, what) VALUES (5, 2, 'new'), (6, 25, 'new'), (7, 31, 'new'), (8, 45, 'new');
INSERT INTO log_more.events_5 (event_id, day, what) VALUES (9, 46, 'direct');
SELECT tableoid::regclass AS part, event_id, what FROM log.events ORDER BY event_id;
SELECT event_id FROM log.events_1;
SELECT event_id FROM log.events_2;
SELECT event_id FROM log.events_2a;
SELECT event_id FROM log.events_2b;
SELECT event_id FROM log.events_4a;
SELECT event_id FROM log_more.events_5 ORDER BY 1;
COMMIT;
BEGIN;
SELECT account.authenticate(:'acme_key') IS DISTINCT FROM NULL AS authenticated;
SELECT tableoid::regclass AS part, event_id, what FROM log.events ORDER BY event_id;
SELECT event_id FROM log.events_2b;
-- a row that moves to another partition stays acme's
UPDATE log.events SET day = 45 WHERE event_id = 1 RETURNING tableoid::regclass, account_id = :'acme' AS of_acme;
COMMIT;

-- Detached, a partition stays isolated; it cannot go below what is not.
SET ROLE regress_owner;
ALTER TABLE log.events DETACH PARTITION log.events_3;
SELECT count(*) FROM account.isolated_tables WHERE table_name = 'log.events_3'::regclass;
CREATE TABLE log.plain (LIKE log.events) PARTITION BY RANGE (day);
ALTER TABLE log.plain ATTACH PARTITION log.events_3 FOR VALUES FROM (20) TO (30);
SELECT count(*) AS attached FROM pg_inherits WHERE inhrelid = 'log.events_3'::regclass;

-- RLS-22: inheritance, with a child of before, one of later, a grandchild, and one of two parents.
CREATE TABLE log.base (base_id integer);
CREATE TABLE log.kid (extra text) INHERITS (log.base);
SELECT count(*) AS statements FROM account.isolate('log.base');
CREATE TABLE log.late_kid () INHERITS (log.base);
CREATE TABLE log.grandchild () INHERITS (log.late_kid);
CREATE TABLE log.adopted (base_id integer, account_id uuid NOT NULL);
ALTER TABLE log.adopted INHERIT log.base;
CREATE TABLE log.other (other_id integer);
CREATE TABLE log.of_two () INHERITS (log.base, log.other);
ALTER TABLE log.kid ADD COLUMN other_id integer;
ALTER TABLE log.kid INHERIT log.other;
CREATE TEMPORARY TABLE log_temporary () INHERITS (log.base);
SELECT table_name, enabled, forced FROM account.isolated_tables
WHERE table_name IN ('log.base'::regclass, 'log.kid'::regclass, 'log.late_kid'::regclass, 'log.grandchild'::regclass, 'log.adopted'::regclass)
ORDER BY table_name::text COLLATE "C";
SELECT * FROM account.isolate('log.base');
SELECT relname FROM pg_class WHERE relname IN ('of_two', 'log_temporary');
-- A column that only a child has, and a tree that shares a child with another.
CREATE TABLE log.up (up_id integer);
CREATE TABLE log.down (account_id uuid) INHERITS (log.up);
SELECT * FROM account.isolate('log.up');
DROP TABLE log.down;
CREATE TABLE log.down () INHERITS (log.up, log.other);
SELECT * FROM account.isolate('log.up');
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA log TO regress_app;
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'acme_key') IS DISTINCT FROM NULL AS authenticated;
INSERT INTO log.kid (base_id) VALUES (1);
INSERT INTO log.grandchild (base_id) VALUES (2);
COMMIT;
BEGIN;
SELECT account.authenticate(:'globex_key') IS DISTINCT FROM NULL AS authenticated;
INSERT INTO log.grandchild (base_id) VALUES (3);
SELECT base_id FROM log.base ORDER BY 1;
SELECT base_id FROM log.kid;
SELECT base_id FROM log.late_kid;
SELECT base_id FROM log.grandchild;
COMMIT;

-- RLS-25: no foreign table below an isolated one, nor above.
RESET ROLE;
CREATE FOREIGN DATA WRAPPER regress_wrapper;
CREATE SERVER regress_server FOREIGN DATA WRAPPER regress_wrapper;
GRANT USAGE ON FOREIGN SERVER regress_server TO regress_owner;
SET ROLE regress_owner;
CREATE FOREIGN TABLE log.events_6 PARTITION OF log.events FOR VALUES FROM (50) TO (60) SERVER regress_server;
CREATE FOREIGN TABLE log.far (event_id integer, day integer NOT NULL, what text, account_id uuid NOT NULL) SERVER regress_server;
SELECT * FROM account.isolate('log.far');
ALTER TABLE log.events ATTACH PARTITION log.far FOR VALUES FROM (50) TO (60);
ALTER FOREIGN TABLE log.far INHERIT log.base;
ALTER FOREIGN TABLE log.far ADD COLUMN base_id integer;
ALTER FOREIGN TABLE log.far INHERIT log.base;
CREATE TABLE log.mixed (event_id integer, day integer NOT NULL) PARTITION BY RANGE (day);
CREATE FOREIGN TABLE log.mixed_1 PARTITION OF log.mixed FOR VALUES FROM (1) TO (10) SERVER regress_server;
SELECT * FROM account.isolate('log.mixed');
SELECT count(*) FROM pg_inherits WHERE inhrelid IN (SELECT oid FROM pg_class WHERE relkind = 'f' AND relname IN ('events_6', 'far'));

-- Commands without a parent are of no concern.
CREATE TABLE log.unrelated (unrelated_id integer);
ALTER TABLE log.unrelated ADD COLUMN more text;
SELECT relrowsecurity FROM pg_class WHERE oid = 'log.unrelated'::regclass;

RESET ROLE;
SET client_min_messages = warning;
DROP FOREIGN DATA WRAPPER regress_wrapper CASCADE;
DROP SCHEMA log_more CASCADE;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA log CASCADE;
DROP OWNED BY regress_owner;
DROP OWNED BY regress_app;
DROP ROLE regress_owner, regress_app;
