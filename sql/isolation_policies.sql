-- isolation_policies: beside an owner's own policies; what changes in them, mends and is refused.
\set VERBOSITY terse
\pset format unaligned
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
SELECT account.grant_access('regress_owner', 'owner'), account.grant_access('regress_app', 'tenant');
CREATE SCHEMA desk AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA desk TO regress_app;
ALTER DEFAULT PRIVILEGES FOR ROLE regress_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO regress_app;
SELECT id AS acme, api_key AS acme_key
FROM account.create_account('acme', account_id => '15030000-0000-4000-8000-00000000000a') \gset
SELECT id AS globex, api_key AS globex_key
FROM account.create_account('globex', account_id => '15030000-0000-4000-8000-00000000000b') \gset
SET ROLE regress_owner;
CREATE TABLE desk.tickets (ticket_id integer PRIMARY KEY, title text, assigned_to text);
-- The owner's own: who may read all, and who may write what.
CREATE POLICY everyone_reads ON desk.tickets FOR SELECT USING (true);
CREATE POLICY own_tickets ON desk.tickets FOR UPDATE USING (assigned_to = 'me');
ALTER TABLE desk.tickets ENABLE ROW LEVEL SECURITY;
-- No permissive policy of ours is made where there is one of theirs, and theirs stay.
SELECT statement FROM account.isolate('desk.tickets') AS statement WHERE statement LIKE '%PERMISSIVE%';
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'acme_key') IS DISTINCT FROM NULL AS authenticated;
INSERT INTO desk.tickets VALUES (1, 'leak', 'me'), (2, 'noise', 'you');
COMMIT;
BEGIN;
SELECT account.authenticate(:'globex_key') IS DISTINCT FROM NULL AS authenticated;
INSERT INTO desk.tickets VALUES (3, 'dust', 'me');
-- RLS-20: USING (true) opens nothing beyond the account ...
SELECT ticket_id FROM desk.tickets ORDER BY 1;
UPDATE desk.tickets SET title = 'mine';
COMMIT;
BEGIN;
SELECT account.authenticate(:'acme_key') IS DISTINCT FROM NULL AS authenticated;
SELECT ticket_id, title FROM desk.tickets ORDER BY 1;
-- ... and the owner's narrower one still narrows.
UPDATE desk.tickets SET title = 'known' RETURNING ticket_id;
DELETE FROM desk.tickets RETURNING ticket_id;
COMMIT;

-- A policy FOR ALL counts for each command: none of ours remains, and without it all four come back.
SET ROLE regress_owner;
CREATE POLICY all_of_it ON desk.tickets USING (true);
SELECT * FROM account.isolate('desk.tickets');
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'acme_key') IS DISTINCT FROM NULL AS authenticated;
SELECT count(*) FROM desk.tickets;
DELETE FROM desk.tickets;
ROLLBACK;
SET ROLE regress_owner;
DROP POLICY all_of_it ON desk.tickets;
DROP POLICY own_tickets ON desk.tickets;
DROP POLICY everyone_reads ON desk.tickets;
SELECT statement FROM account.isolate('desk.tickets') AS statement;

-- Changed policies of ours are made anew.
ALTER POLICY account_select ON desk.tickets TO regress_app;
ALTER POLICY account_delete ON desk.tickets USING (account_id = account.policy_writable_account_id() OR ticket_id > 1);
DROP POLICY account_insert ON desk.tickets;
CREATE POLICY account_insert ON desk.tickets AS PERMISSIVE FOR INSERT WITH CHECK (account_id = account.policy_writable_account_id());
SELECT statement FROM account.isolate('desk.tickets') AS statement;
SELECT statement FROM account.isolate('desk.tickets') AS statement;
-- RLS-45: what bears one of our names and is not ours is not touched, and nothing else is done.
ALTER POLICY account_select ON desk.tickets USING (true);
DROP POLICY account_delete ON desk.tickets;
SELECT * FROM account.isolate('desk.tickets');
SELECT polname, pg_get_expr(polqual, polrelid) AS using FROM pg_policy
WHERE polrelid = 'desk.tickets'::regclass AND NOT polpermissive ORDER BY 1;
-- It is not counted as isolated as long as that is so.
SELECT count(*) FROM account.isolated_tables WHERE table_name = 'desk.tickets'::regclass;
DROP POLICY account_select ON desk.tickets;
SELECT count(*) AS statements FROM account.isolate('desk.tickets');
SELECT count(*) FROM account.isolated_tables WHERE table_name = 'desk.tickets'::regclass;
-- The same for a trigger.
CREATE TABLE desk.notes (note_id integer);
CREATE FUNCTION desk.quiet() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER account_require_writable BEFORE INSERT ON desk.notes EXECUTE FUNCTION desk.quiet();
SELECT * FROM account.isolate('desk.notes');
\d desk.notes
DROP TRIGGER account_require_writable ON desk.notes;
SELECT count(*) AS statements FROM account.isolate('desk.notes');

-- RLS-47: a statement prepared before a table is isolated, in the session that has the plan.
CREATE TABLE desk.later (later_id integer PRIMARY KEY, account_id uuid);
INSERT INTO desk.later VALUES (1, :'acme'), (2, :'globex');
SET ROLE regress_app;
PREPARE all_later AS SELECT later_id FROM desk.later ORDER BY 1;
EXECUTE all_later;
SET ROLE regress_owner;
SELECT count(*) > 0 AS isolated FROM account.isolate('desk.later');
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'globex_key') IS DISTINCT FROM NULL AS authenticated;
EXECUTE all_later;
COMMIT;
BEGIN;
SELECT account.authenticate(:'acme_key') IS DISTINCT FROM NULL AS authenticated;
EXECUTE all_later;
COMMIT;

-- RLS-04, RLS-05: a view, and a function with SECURITY DEFINER, read with the rights of their owner.  Those of the
-- table's owner are bound by FORCE, a view with security_invoker by the caller's policies; those of a superuser
-- are not bound, and are never to be made.
SET ROLE regress_owner;
CREATE FUNCTION desk.count_later() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
	AS 'BEGIN RETURN (SELECT count(*) FROM desk.later); END';
CREATE VIEW desk.of_owner AS SELECT later_id FROM desk.later;
CREATE VIEW desk.of_invoker WITH (security_invoker) AS SELECT later_id FROM desk.later;
RESET ROLE;
CREATE VIEW desk.of_superuser AS SELECT later_id FROM desk.later;
GRANT SELECT ON desk.of_owner, desk.of_invoker, desk.of_superuser TO regress_app;
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'globex_key') IS DISTINCT FROM NULL AS authenticated;
SELECT * FROM desk.of_owner;
SELECT * FROM desk.of_invoker;
SELECT count(*) FROM desk.of_superuser;
SELECT desk.count_later();
COMMIT;
SELECT * FROM desk.of_owner;

-- RLS-24: nor does a rule of another table of the owner's see more.
SET ROLE regress_owner;
CREATE TABLE desk.counted (counted bigint);
CREATE RULE counts AS ON INSERT TO desk.counted DO INSTEAD UPDATE desk.counted SET counted = (SELECT count(*) FROM desk.later);
ALTER TABLE desk.counted DISABLE RULE counts;
INSERT INTO desk.counted VALUES (0);
ALTER TABLE desk.counted ENABLE RULE counts;
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'globex_key') IS DISTINCT FROM NULL AS authenticated;
INSERT INTO desk.counted VALUES (0);
SELECT counted FROM desk.counted;
COMMIT;

-- LEAK-04, LEAK-06: a function or an error of the caller's meets no row of others.
RESET ROLE;
GRANT CREATE ON SCHEMA desk TO regress_app;
SET ROLE regress_app;
CREATE FUNCTION desk.leak(value text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001
	AS 'BEGIN RAISE NOTICE ''seen: %'', value; RETURN true; END';
BEGIN;
SELECT account.authenticate(:'globex_key') IS DISTINCT FROM NULL AS authenticated;
SELECT ticket_id FROM desk.tickets WHERE desk.leak(title);
SELECT ticket_id FROM desk.tickets WHERE 1 / (CASE WHEN title = 'known' THEN 0 ELSE 1 END) = 1;
ROLLBACK;
-- LEAK-07
ALTER FUNCTION desk.leak(text) LEAKPROOF;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA desk CASCADE;
DROP OWNED BY regress_owner;
DROP OWNED BY regress_app;
DROP ROLE regress_owner, regress_app;
