-- doctor: settings, keys and the server.  Each finding is shown, its fix is run, and it is gone.
-- What takes another start of the server is in test/t/doctor.pl.
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = error;
SELECT quote_ident(current_database()) AS database \gset
CREATE ROLE "regress_O'dd";
CREATE ROLE regress_app;
PREPARE findings AS SELECT check_id, replace(object, current_database(), 'this') AS object, finding FROM account.doctor()
	WHERE object ~ '^(DATABASE|ROLE)';
PREPARE fixes AS SELECT fix FROM account.doctor() WHERE object ~ '^(DATABASE|ROLE)' ORDER BY check_id;
EXECUTE findings;

-- For a role, for this database, for a role in this database; another database's are of no concern here.
ALTER ROLE "regress_O'dd" SET account.session_identity = on;
ALTER ROLE "regress_O'dd" IN DATABASE :database SET account.exchange_identity = 'yes';
ALTER DATABASE :database SET account.exchange_identity = on;
ALTER DATABASE template1 SET account.exchange_identity = on;
ALTER DATABASE :database SET account.without_identity = 'empty';
ALTER DATABASE :database SET account.key_max_age = '1000d';
ALTER ROLE regress_app SET account.key_max_age = '100d';
ALTER ROLE regress_app SET account.password_cost = 8;
ALTER ROLE regress_app SET account.require_verified_email = 'false';
ALTER ROLE regress_app SET account.session_idle_timeout = '0';
ALTER ROLE regress_app SET account.trusted_proxies = '10.0.0.0/8, 0.0.0.0/0';
ALTER ROLE "regress_O'dd" SET account.trusted_proxies = '10.0.0.0/08, unix';
ALTER ROLE regress_app SET row_security = off;
ALTER ROLE "regress_O'dd" SET row_security = on;
ALTER DATABASE :database SET session_replication_role = 'replica';
-- LEAK-16: what logs keep of tokens.
ALTER ROLE regress_app SET log_statement = 'all';
ALTER ROLE "regress_O'dd" SET log_statement = 'mod';
ALTER ROLE regress_app SET log_min_duration_statement = 0;
ALTER ROLE "regress_O'dd" SET log_min_duration_statement = 500;
ALTER ROLE "regress_O'dd" SET log_parameter_max_length = 0;
ALTER ROLE regress_app SET log_parameter_max_length_on_error = -1;
ALTER ROLE regress_app SET auto_explain.log_min_duration = '10s';
ALTER ROLE regress_app SET password_encryption = 'md5';
EXECUTE findings;
EXECUTE fixes \gexec
EXECUTE findings;
ALTER DATABASE template1 RESET account.exchange_identity;

-- Event triggers can be switched off from 17 on.
SELECT current_setting('server_version_num')::integer >= 170000 AS has_setting \gset
\set ECHO none
SELECT CASE WHEN :'has_setting' THEN format('ALTER DATABASE %I SET event_triggers = off', current_database()) END AS command \gexec
\set ECHO all
SELECT count(*) = :'has_setting'::boolean::integer AS found FROM account.doctor() WHERE check_id = 'event_triggers_off';
\set ECHO none
SELECT fix FROM account.doctor() WHERE check_id = 'event_triggers_off' \gexec
\set ECHO all
SELECT count(*) FROM account.doctor() WHERE check_id = 'event_triggers_off';

-- S5.15: registration, which is on unless somebody turns it off.
SELECT object, finding, fix FROM account.doctor() WHERE check_id = 'registration';
SELECT fix FROM account.doctor() WHERE check_id = 'registration' \gexec
SELECT count(*) FROM account.doctor() WHERE check_id = 'registration';
SELECT account.set_feature_flag('account-registration', true);
SET account.registration = off;
SELECT count(*) FROM account.doctor() WHERE check_id = 'registration';
RESET account.registration;

-- pgcrypto hashes passwords.
BEGIN;
DROP EXTENSION IF EXISTS pgcrypto;
SELECT object, finding FROM account.doctor() WHERE check_id = 'pgcrypto_missing';
SELECT fix FROM account.doctor() WHERE check_id = 'pgcrypto_missing' \gexec
SELECT count(*) FROM account.doctor() WHERE check_id = 'pgcrypto_missing';
ROLLBACK;

-- S4.21, S4.22, S4.23: keys that are due, what nobody uses, and who has more than they need.
SELECT id AS acme FROM account.create_account('acme') \gset
SELECT profile_id AS profile FROM account.create_service_account('deployer', role => 'admin', account_id => :'acme') \gset
SELECT api_key_id AS old_key FROM account.create_api_key(:'profile', 'old', permissions => '{read:accounts}') \gset
SELECT api_key_id AS wide_key FROM account.create_api_key(:'profile', 'wide', permissions => '{read:accounts,read:audit}') \gset
UPDATE account.keys SET created_at = now() - interval '1 year' WHERE api_key_id = :'old_key';
SELECT account.unassign_role(:'profile', 'admin');
SELECT account.assign_role(:'profile', 'member');
SELECT profile_id AS idle FROM account.create_service_account('idle', role => 'owner', account_id => :'acme') \gset
PREPARE of_acme AS SELECT check_id, object = 'key ' || :'old_key' AS old_key, object = 'key ' || :'wide_key' AS wide_key, object = 'profile ' || :'idle' AS idle,
	replace(finding, :'acme', 'acme') ~ 'of account acme' AS names_account FROM account.doctor() WHERE finding LIKE '%' || :'acme' || '%' ORDER BY 1, 2, 3, 4;
EXECUTE of_acme;
\set ECHO none
SELECT fix FROM account.doctor() WHERE finding LIKE '%' || :'acme' || '%' AND check_id <> 'key_due' \g /dev/null
SELECT fix FROM account.doctor() WHERE finding LIKE '%' || :'acme' || '%' AND check_id = 'profile_over_privileged' \gexec
SELECT 'SELECT (' || substring(fix FROM 'SELECT \((.*)\)\.api_key$') || ').api_key IS NOT NULL AS rotated' FROM account.doctor() WHERE finding LIKE '%' || :'acme' || '%' AND check_id = 'key_due' \gexec
\set ECHO all
EXECUTE of_acme;
UPDATE account.profiles SET created_at = now() - interval '1 year' WHERE profile_id = :'idle';
UPDATE account.profiles SET created_at = now() - interval '1 year' WHERE profile_id = :'profile';
SELECT count(*) FROM account.doctor() WHERE check_id = 'credential_unused' AND finding LIKE '%' || :'acme' || '%';
\set ECHO none
SELECT fix FROM account.doctor() WHERE finding LIKE '%' || :'acme' || '%' AND check_id = 'credential_unused' \gexec
\set ECHO all
SELECT count(*) FROM account.doctor() WHERE check_id = 'credential_unused' AND finding LIKE '%' || :'acme' || '%';
DROP ROLE "regress_O'dd", regress_app;
