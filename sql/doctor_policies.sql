-- doctor: policies and views of users' own that a query gets round, and our own as an older version made them (LEAK-04, LEAK-06).
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = error;
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
SELECT account.grant_access('regress_owner', 'owner'), account.grant_access('regress_app', 'tenant');
CREATE SCHEMA own AUTHORIZATION regress_owner;
GRANT USAGE, CREATE ON SCHEMA own TO regress_app;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('globex') \gset
PREPARE findings AS SELECT check_id, object, finding FROM account.doctor('own') WHERE check_id IN ('policy_without_row', 'view_without_row', 'policy_changed');
PREPARE fixes AS SELECT fix FROM account.doctor('own') WHERE check_id IN ('policy_without_row', 'view_without_row', 'policy_changed');
SELECT account.define_permission('files:write'), account.define_permission('notes:write');
SET ROLE regress_owner;
CREATE TABLE own.notes ("of" uuid, note text);
INSERT INTO own.notes VALUES (:'acme', 'of acme'), (:'globex', 'of globex');
ALTER TABLE own.notes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY "re""ad" ON own.notes USING ("of" = account.policy_account_id());
GRANT SELECT, UPDATE, DELETE ON own.notes TO regress_app;

-- The planner asks the rows for what the query compares with, and asks the function once whether that is the account: it may say so once.
SET ROLE regress_app;
CREATE FUNCTION own.both(uuid, uuid) RETURNS uuid LANGUAGE plpgsql STABLE AS $$
BEGIN
	PERFORM set_config('own.asked', (current_setting('own.asked')::integer + 1)::text, true);
	RETURN CASE WHEN current_setting('own.asked') = '1' THEN $1 ELSE $2 END;
END $$;
-- How many rows of others an account sees, for some number of answers that are its own.
CREATE FUNCTION own.others(relation text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	found bigint := 0;
	rows bigint;
BEGIN
	FOR asked IN -3 .. 1 LOOP
		PERFORM set_config('own.asked', asked::text, true);
		EXECUTE format('SELECT count(*) FROM %s WHERE note = ''of globex'' AND "of" = own.both(%L, %L)', relation,
			account.current_account_id(), (SELECT md5('none'))::uuid) INTO rows;
		found := found + rows;
		PERFORM set_config('own.asked', asked::text, true);
		EXECUTE format('SELECT count(*) FROM %s WHERE note = ''of globex'' AND "of" = own.both(%L, %L)', relation,
			account.current_account_id(), current_setting('own.globex')) INTO rows;
		found := found + rows;
	END LOOP;
	RETURN found;
END $$;
SELECT set_config('own.globex', :'globex', false) IS NOT NULL AS named;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS authenticated;
SELECT own.others('own.notes') > 0 AS gets_round;
ROLLBACK;
RESET ROLE;
EXECUTE findings;
EXECUTE fixes;
EXECUTE fixes \gexec
EXECUTE findings;
SET ROLE regress_app;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS authenticated;
SELECT count(*) FROM own.notes;
SELECT own.others('own.notes') > 0 AS gets_round;
ROLLBACK;
SET ROLE regress_owner;
DROP POLICY "re""ad" ON own.notes;

-- What is plain is mended: each command, a permission, further conditions, the other functions.
CREATE POLICY a ON own.notes FOR SELECT USING ("of" = account.current_account_id());
CREATE POLICY b ON own.notes AS RESTRICTIVE FOR UPDATE USING ("of" = account.policy_writable_account_id('notes:write'));
CREATE POLICY c ON own.notes FOR DELETE USING ("of" = account.policy_account_id('notes:write') AND note <> '');
RESET ROLE;
EXECUTE fixes;
EXECUTE fixes \gexec
EXECUTE findings;
SELECT polname, pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polrelid = 'own.notes'::regclass ORDER BY 1;
SET ROLE regress_owner;
DROP POLICY a ON own.notes; DROP POLICY b ON own.notes; DROP POLICY c ON own.notes;

-- What is not is found: other conditions that would do, functions of users' own, whatever they are written in, and subqueries.
CREATE FUNCTION own.me() RETURNS uuid LANGUAGE sql STABLE AS 'SELECT account.current_account_id()';
CREATE FUNCTION own.myself() RETURNS uuid LANGUAGE sql STABLE RETURN account.current_account_id();
CREATE FUNCTION own.is_mine(uuid) RETURNS boolean LANGUAGE sql STABLE RETURN $1 = account.current_account_id() AND account.policy_row($1);
CREATE POLICY either ON own.notes FOR SELECT USING ("of" = account.policy_account_id() OR note = 'public');
CREATE POLICY me ON own.notes FOR SELECT USING ("of" = own.me());
CREATE POLICY myself ON own.notes FOR SELECT USING ("of" = own.myself());
CREATE POLICY subquery ON own.notes FOR SELECT USING ("of" = (SELECT account.policy_account_id()));
-- What no query reads by, or tests each row, is not: INSERT, WITH CHECK, policy_row(), nothing of an account.
CREATE POLICY added ON own.notes FOR INSERT WITH CHECK ("of" = account.policy_account_id());
CREATE POLICY changed ON own.notes FOR UPDATE USING (true) WITH CHECK ("of" = account.policy_account_id());
CREATE POLICY tested ON own.notes FOR SELECT USING ("of" = account.policy_account_id() AND account.policy_row("of"));
CREATE POLICY mine ON own.notes FOR SELECT USING (own.is_mine("of"));
RESET ROLE;
EXECUTE findings;
EXECUTE fixes;
-- A restrictive policy for everybody that tests each row is behind all others, but for the commands that it is for.
SET ROLE regress_owner;
CREATE POLICY all_rows ON own.notes AS RESTRICTIVE FOR SELECT USING (account.policy_row("of"));
CREATE POLICY remove ON own.notes FOR DELETE USING ("of" = own.me());
RESET ROLE;
EXECUTE findings;
SET ROLE regress_owner;
DROP TABLE own.notes;

-- On a table that is isolated, what an owner adds widens nothing.
CREATE TABLE own.papers (paper text);
SELECT count(*) > 0 AS isolated FROM account.isolate('own.papers');
CREATE POLICY mine ON own.papers USING (account_id = account.current_account_id());
RESET ROLE;
EXECUTE findings;

-- Policies of an older version, without the test of each row, are not as they are made now.
SET ROLE regress_owner;
DROP POLICY mine ON own.papers;
CREATE TABLE own.files (file text, workspace_id uuid);
SELECT count(*) > 0 AS isolated FROM account.isolate('own.files', workspace_column => 'workspace_id', write_permission => 'files:write');
SELECT format('ALTER POLICY %I ON %s USING (%s)', polname, polrelid::regclass, regexp_replace(pg_get_expr(polqual, polrelid), ' AND account.policy_(writable_)?row\([^()]*\)', ''))
FROM pg_policy WHERE polrelid IN ('own.papers'::regclass, 'own.files'::regclass) AND pg_get_expr(polqual, polrelid) ~ 'policy_(writable_)?row' ORDER BY polrelid::regclass::text, polname \gexec
RESET ROLE;
SELECT count(*) FROM pg_policy WHERE polrelid IN ('own.papers'::regclass, 'own.files'::regclass) AND pg_get_expr(polqual, polrelid) ~ 'policy_(writable_)?row';
EXECUTE findings;
SELECT count(*) FROM account.isolated_tables WHERE table_name::text ~ '^own';
EXECUTE fixes \gexec
EXECUTE findings;
SELECT table_name, write_permission FROM account.isolated_tables WHERE table_name::text ~ '^own' ORDER BY table_name::text;

-- Views: of a table that is not isolated, with its owner's rights, open to others.
SET ROLE regress_owner;
CREATE TABLE own.plain ("of" uuid, note text);
INSERT INTO own.plain VALUES (:'acme', 'of acme'), (:'globex', 'of globex');
CREATE VIEW own.mine WITH (security_barrier) AS SELECT * FROM own.plain WHERE "of" = account.current_account_id();
CREATE VIEW own.tested WITH (security_barrier) AS SELECT * FROM own.plain WHERE "of" = account.current_account_id() AND account.policy_row("of");
CREATE VIEW own.kept AS SELECT * FROM own.plain WHERE "of" = account.current_account_id();
CREATE VIEW own.isolated AS SELECT * FROM own.papers WHERE account_id = account.current_account_id();
GRANT SELECT ON own.mine, own.tested, own.isolated TO regress_app;
SET ROLE regress_app;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS authenticated;
SELECT relation, own.others(relation) > 0 AS gets_round FROM unnest('{own.mine,own.tested}'::text[]) relation;
ROLLBACK;
RESET ROLE;
EXECUTE findings;
EXECUTE fixes;

DROP SCHEMA own CASCADE;
DROP OWNED BY regress_owner, regress_app;
DROP ROLE regress_owner, regress_app;
