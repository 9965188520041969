-- doctor: how it is asked, who may ask, and that findings can be accepted.
\set VERBOSITY terse
\pset format unaligned
-- In a database of its own: what other tests have left is not to be found.
\set main :DBNAME
CREATE DATABASE regress_doctor;
\c regress_doctor
SET client_min_messages = warning;
CREATE EXTENSION account;
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
CREATE ROLE regress_admin;
SELECT account.grant_access('regress_owner', 'owner');
SELECT account.grant_access('regress_app', 'tenant');
SELECT account.grant_access('regress_admin', 'admin');
CREATE SCHEMA clinic AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA clinic TO regress_app;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme') \gset

SET ROLE regress_owner;
CREATE TABLE clinic.patients (patient_id integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY, name text, born date);
CREATE TABLE clinic.visits (visit_id uuid PRIMARY KEY DEFAULT gen_random_uuid(), seen timestamptz) PARTITION BY HASH (visit_id);
CREATE TABLE clinic.visits_0 PARTITION OF clinic.visits FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE TABLE clinic.codes (code text PRIMARY KEY, meaning text);
SELECT count(*) > 10 AS isolated FROM account.isolate('clinic.patients');
SELECT count(*) > 10 AS isolated FROM account.isolate('clinic.visits', 'tenant');
SELECT account.share('clinic.codes');
CREATE VIEW clinic.names WITH (security_invoker = true) AS SELECT name FROM clinic.patients;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA clinic TO regress_app;

-- Of tables that were isolated just now there is nothing to say, not even in passing.
SELECT * FROM account.doctor('clinic');
-- What concerns the whole database is said when no schema is named, and only then.
SELECT check_id FROM account.doctor() WHERE check_id IN ('registration', 'pepper_missing') ORDER BY 1;

-- The worst comes first, and what matters less can be left out.
ALTER TABLE clinic.patients NO FORCE ROW LEVEL SECURITY;
ALTER TABLE clinic.codes DISABLE ROW LEVEL SECURITY;
CREATE POLICY colleagues ON clinic.patients USING (true);
SELECT * FROM account.doctor('clinic');
SELECT check_id FROM account.doctor('clinic', 'warning');
SELECT check_id FROM account.doctor('clinic', min_severity => 'error');
SELECT check_id FROM account.doctor('public');
-- Every fix mends what it was given for, in a transaction of its own.
RESET ROLE;
SELECT fix FROM account.doctor('clinic') \gexec
SELECT * FROM account.doctor('clinic');

-- It is for level owner; what accounts have is for administrators.
SELECT k.api_key_id AS key_id FROM account.keys k WHERE k.account_id = :'acme' \gset
UPDATE account.keys SET created_at = now() - interval '2 years' WHERE api_key_id = :'key_id';
SET ROLE regress_app;
SELECT * FROM account.doctor();
SELECT * FROM account.list_checks();
SELECT * FROM account.find_policy_drift('clinic.patients');
SELECT account.accept_finding('key_due', 'key ' || :'key_id', 'none of my business');
SET ROLE regress_owner;
SELECT count(*) FROM account.doctor() WHERE check_id = 'key_due';
SELECT account.accept_finding('key_due', 'key ' || :'key_id', 'not an administrator');
SELECT account.reopen_finding('key_due', 'key ' || :'key_id');
SELECT check_id, severity FROM account.list_checks() WHERE check_id ~ '^key_' ORDER BY 1;
SELECT count(*) FROM account.find_policy_drift('clinic.patients');
SET ROLE regress_admin;
SELECT check_id, object = 'key ' || :'key_id' AS that_key, fix LIKE '%rotate_api_key(''' || :'key_id' || '''%' AS is_rotated
FROM account.doctor() WHERE check_id = 'key_due';

-- S5.15: registration is on, and that can be as it should be: an administrator says why, for good or for a time.
SELECT check_id, object FROM account.doctor() WHERE check_id = 'registration';
SELECT account.accept_finding('registration', 'account.registration', 'It is what this site is for.');
SELECT check_id, object FROM account.doctor() WHERE check_id = 'registration';
SELECT account.accept_finding('registration', 'account.registration', 'Until the fair is over.', '10 days');
SELECT check_id, object, reason, accepted_by, expires_at = accepted_at + interval '10 days' AS for_ten_days FROM account.accepted_findings;
RESET ROLE;
-- When the time is over it is found again, and not shown as accepted any more.
UPDATE account.accepted_findings SET expires_at = now() - interval '1 second';
SET ROLE regress_admin;
SELECT check_id, object FROM account.doctor() WHERE check_id = 'registration';
SELECT count(*) FROM account.accepted_findings;
SELECT account.accept_finding('registration', 'account.registration', 'Once more.');
SELECT account.reopen_finding('registration', 'account.registration');
SELECT check_id, object FROM account.doctor() WHERE check_id = 'registration';
SELECT account.reopen_finding('registration', 'account.registration');
-- Nothing but its own function writes the table, and level tenant does not read it.
INSERT INTO account.accepted_findings (check_id, object, reason, accepted_by) VALUES ('registration', 'account.registration', '', '');
SET ROLE regress_app;
SELECT * FROM account.accepted_findings;
SET ROLE regress_admin;

-- Input of all kinds.
SELECT * FROM account.doctor(min_severity => 'fatal');
SELECT * FROM account.doctor(min_severity => NULL);
SELECT * FROM account.doctor(min_severity => repeat('x', 20000));
SELECT * FROM account.doctor(0::oid::regnamespace);
SELECT account.accept_finding(NULL, NULL, NULL);
SELECT account.accept_finding('no_such_check', 'x', 'y');
SELECT account.accept_finding('registration', '', 'y');
SELECT account.accept_finding('registration', 'account.registration', E' \t ');
SELECT account.accept_finding('registration', 'account.registration', repeat('x', 2001));
SELECT account.accept_finding('registration', 'account.registration', 'y', '-1 day');
SELECT account.accept_finding('registration', 'account.registration', 'y', '101 years');
SELECT account.reopen_finding(NULL, NULL);
SELECT account.reopen_finding('registration', 'never accepted');
SELECT count(*) FROM account.accepted_findings;

-- An administrator in a transaction with an identity is none.
BEGIN;
SELECT account.authenticate(:'acme_key') IS DISTINCT FROM NULL AS authenticated;
SELECT account.accept_finding('registration', 'account.registration', 'y');
ROLLBACK;

-- Each check has a name of its own, and says what it is about.
SELECT check_id FROM account.list_checks() GROUP BY 1 HAVING count(*) > 1;
SELECT count(*) >= 40 AS at_least_forty, bool_and(description ~ '\.$' AND check_id ~ '^[a-z][a-z0-9_]+$') AS described FROM account.list_checks();

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA clinic CASCADE;
DROP OWNED BY regress_owner, regress_app, regress_admin;
DROP ROLE regress_owner, regress_app, regress_admin;
\c :main
DROP DATABASE regress_doctor;
