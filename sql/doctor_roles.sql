-- doctor: what roles may become, and who has which level.  Each finding is shown, its fix is run,
-- and it is gone.
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = error;
CREATE ROLE regress_owner;
CREATE ROLE regress_app LOGIN;
CREATE ROLE regress_group;
CREATE ROLE "regress_Bypass" BYPASSRLS;
CREATE ROLE regress_login LOGIN NOINHERIT;
CREATE ROLE regress_stranger LOGIN;
SELECT account.grant_access('regress_owner', 'owner'), account.grant_access('regress_app', 'tenant');
CREATE SCHEMA clinic AUTHORIZATION regress_owner;
GRANT CREATE, USAGE ON SCHEMA clinic TO regress_app;
SET ROLE regress_owner;
CREATE TABLE clinic.patients (name text);
SELECT count(*) > 0 AS isolated FROM account.isolate('clinic.patients');
RESET ROLE;
-- Of roles that are not of this test nothing is said here.
PREPARE findings(text) AS SELECT check_id, object, finding FROM account.doctor() WHERE check_id ~ $1 AND object ~ 'regress|level_|account_setting';
PREPARE fixes(text) AS SELECT replace(fix, 'GRANTED BY ' || quote_ident(current_user), 'GRANTED BY CURRENT_USER') AS fix FROM account.doctor() WHERE check_id ~ $1 AND object ~ 'regress|level_|account_setting';
EXECUTE findings('^(login|postgrest|level|access|parameter|password_md5)');

-- A login whom row security does not bind, and one that may become such a role, by however many others; a stranger may.
GRANT "regress_Bypass" TO regress_group;
GRANT regress_group TO regress_login, regress_stranger;
GRANT regress_app TO regress_login;
CREATE ROLE regress_super SUPERUSER LOGIN;
SELECT account.grant_access('regress_super', 'tenant');
CREATE ROLE regress_backup BYPASSRLS LOGIN;
GRANT SELECT ON clinic.patients TO regress_backup;
CREATE ROLE regress_nothing BYPASSRLS LOGIN;
EXECUTE findings('^login_b');
EXECUTE fixes('^login_b') \gexec
EXECUTE findings('^login_b');

-- Who reads the server's files reads every row, and who reads statements the keys in them.
GRANT pg_read_server_files TO regress_app;
GRANT pg_monitor TO regress_login;
EXECUTE findings('^login_(becomes|reads)');
EXECUTE fixes('^login_(becomes|reads)') \gexec
EXECUTE findings('^login_(becomes|reads)');

-- RLS-02: the role of the application owns no isolated table, nor may it become who does.
GRANT regress_owner TO regress_app;
EXECUTE findings('^login_owns');
EXECUTE fixes('^login_owns') \gexec
ALTER TABLE clinic.patients OWNER TO regress_app;
EXECUTE findings('^login_owns');
EXECUTE fixes('^login_owns') \gexec
EXECUTE findings('^login_owns');
SELECT relowner::regrole FROM pg_class WHERE oid = 'clinic.patients'::regclass;

-- What PostgREST logs in as becomes no owner or administrator.
CREATE ROLE regress_admin;
CREATE ROLE regress_anonymous;
SELECT account.grant_access('regress_admin', 'admin');
SELECT account.setup_postgrest('regress_login', 'regress_anonymous', 'regress_app');
EXECUTE findings('^(postgrest|login_unguarded)');
GRANT regress_admin TO regress_login;
EXECUTE findings('^postgrest');
EXECUTE fixes('^postgrest') \gexec
EXECUTE findings('^postgrest');
-- account.refuse_bypass, for who may log in.
ALTER ROLE regress_app SET account.refuse_bypass = off;
EXECUTE findings('^login_unguarded');
EXECUTE fixes('^login_unguarded') \gexec
EXECUTE findings('^login_unguarded');

-- A digest of MD5 is as good as the password.
SET password_encryption = md5;
ALTER ROLE regress_app PASSWORD 'a password of many words';
ALTER ROLE regress_stranger PASSWORD 'a password of many words';
SET password_encryption = 'scram-sha-256';
ALTER ROLE regress_login PASSWORD 'a password of many words';
EXECUTE findings('^password_md5');
SET ROLE regress_owner;
EXECUTE findings('^password_md5');
RESET ROLE;
EXECUTE fixes('^password_md5') \gexec
EXECUTE findings('^password_md5');

-- SP-13: a level that everybody has, more than a level gives, and what may be passed on.
GRANT EXECUTE ON FUNCTION account.level_anonymous() TO PUBLIC;
GRANT SELECT ON account.credentials TO regress_app;
GRANT UPDATE (name) ON account.accounts TO regress_app;
GRANT EXECUTE ON FUNCTION account.create_plan(text, jsonb, jsonb) TO regress_app;
GRANT EXECUTE ON FUNCTION account.effective_plan(uuid) TO regress_app WITH GRANT OPTION;
GRANT CREATE ON SCHEMA account TO regress_stranger;
GRANT SELECT ON account.plans TO PUBLIC;
EXECUTE findings('^(level|access)');
SELECT object, finding FROM account.doctor() WHERE check_id = 'access_wider' AND object ~ ' to PUBLIC$';
EXECUTE fixes('^(level|access)') \gexec
SELECT fix FROM account.doctor() WHERE check_id = 'access_wider' AND object ~ ' to PUBLIC$' \gexec
EXECUTE findings('^(level|access)');
SELECT count(*) FROM account.doctor() WHERE check_id = 'access_wider';
-- What a level gives is there again.
SELECT has_function_privilege('regress_app', 'account.effective_plan(uuid)', 'EXECUTE');

-- After an update, and after a restore, a role may lack what is new.
REVOKE ALL ON FUNCTION account.effective_plan(uuid) FROM regress_app;
REVOKE ALL ON account.api_keys FROM regress_app;
EXECUTE findings('^access');
EXECUTE fixes('^access') \gexec
EXECUTE findings('^access');

-- DES-13: a setting that a role was given to set.
GRANT SET ON PARAMETER account.exchange_identity, session_replication_role TO regress_app;
GRANT ALTER SYSTEM ON PARAMETER account.pepper_file TO regress_app;
GRANT SET ON PARAMETER work_mem TO regress_app;
EXECUTE findings('^parameter');
EXECUTE fixes('^parameter') \gexec
EXECUTE findings('^parameter');

DROP SCHEMA clinic CASCADE;
DROP OWNED BY regress_owner, regress_app, regress_login, regress_stranger, regress_super, regress_admin, regress_anonymous, regress_backup;
DROP ROLE regress_owner, regress_app, regress_group, "regress_Bypass", regress_login, regress_stranger, regress_super, regress_admin, regress_anonymous, regress_backup, regress_nothing;
