-- doctor: the audit log, its partitions, and webhooks.  Each finding is shown, its fix is run, and it is gone.
\set VERBOSITY terse
\pset format unaligned
-- In a database of its own: what other tests have left is not in it.
\set main :DBNAME
CREATE DATABASE regress_doctor_audit;
\c regress_doctor_audit
SET client_min_messages = error;
CREATE EXTENSION account;
CREATE ROLE "regress ""reader";
CREATE ROLE regress_other SUPERUSER;
CREATE FUNCTION pg_temp.same(text) RETURNS text LANGUAGE sql AS $$SELECT replace($1, 'audit_entries_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM'), 'audit_entries_now')$$;
PREPARE findings AS SELECT check_id, pg_temp.same(object) AS object, replace(finding, current_database(), 'this') AS finding FROM account.doctor() WHERE check_id ~ '^(own|audit|webhook)_';
PREPARE fixes AS SELECT replace(fix, e.extowner::regrole::text, 'CURRENT_USER') AS fix FROM account.doctor(), pg_extension e WHERE extname = 'account' AND check_id ~ '^(own|audit|webhook)_';
SELECT account.seal_audit() >= 0 AS sealed;
-- Partitions are none of the extension's members, and nothing is wrong with them; another table is in the wrong place.
EXECUTE findings;
CREATE TABLE account.regress_intruder (a integer);
CREATE TABLE account.regress_intruder_2020_01 (a integer) PARTITION BY RANGE (a);
CREATE TABLE account.regress_intruder_one PARTITION OF account.regress_intruder_2020_01 FOR VALUES FROM (1) TO (2);
EXECUTE findings;
DROP TABLE account.regress_intruder, account.regress_intruder_2020_01;

-- A partition with another owner, without row security, with grants, and without its triggers.
-- What is run names this month, so it is not shown.
\set ECHO none
SELECT format('%s', replace(statement, '%', 'account.audit_entries_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM'))) FROM (VALUES
	(1, 'ALTER TABLE % DISABLE ROW LEVEL SECURITY'), (2, 'GRANT SELECT ON % TO "regress ""reader", PUBLIC'), (3, 'DROP TRIGGER audit_entries_keep_all ON %'),
	(4, 'ALTER TABLE % DISABLE TRIGGER audit_entries_keep'), (5, 'ALTER TABLE % OWNER TO regress_other')) s (i, statement) ORDER BY i \gexec
\set ECHO all
EXECUTE findings;
\set ECHO none
EXECUTE fixes \gexec
\set ECHO all
EXECUTE findings;
ALTER TABLE account.audit_entries DISABLE ROW LEVEL SECURITY;
ALTER TABLE account.audit_entries DISABLE TRIGGER audit_entries_keep_all;
EXECUTE findings;
EXECUTE fixes \gexec
EXECUTE findings;

-- Entries that nobody seals; those of today do not count.
INSERT INTO account.audit_pending (entry_id, turn, horizon, at, source, action, object_type, detail)
	SELECT gen_random_uuid(), nextval('account.turns'), '0', clock_timestamp() - i * interval '23 hours', 'account', 'test.waits', 'test', '{}' FROM generate_series(1, 1) i;
EXECUTE findings;
INSERT INTO account.audit_pending (entry_id, turn, horizon, at, source, action, object_type, detail)
	VALUES (gen_random_uuid(), 0, '0', clock_timestamp() - interval '25 hours', 'account', 'test.waits', 'test', '{}');
EXECUTE findings;
EXECUTE fixes \gexec
EXECUTE findings;

-- Months that nobody drops.
\set ECHO none
SELECT format('CREATE TABLE account.audit_entries_%s PARTITION OF account.audit_entries FOR VALUES FROM (%L) TO (%L)', to_char(m, 'YYYY_MM'), m, m + interval '1 month')
FROM (VALUES ('2001-02-01 00:00:00+00'::timestamptz AT TIME ZONE 'UTC'), (date_trunc('month', (now() - interval '1 year') AT TIME ZONE 'UTC'))) v (m) \gexec
\set ECHO all
SELECT check_id, object, finding, fix FROM account.doctor() WHERE check_id = 'audit_unpruned';
SELECT fix FROM account.doctor() WHERE check_id = 'audit_unpruned' \gexec
SELECT count(*) FROM account.doctor() WHERE check_id = 'audit_unpruned';
SELECT to_regclass('account.audit_entries_2001_02') IS NULL AS dropped;
\set ECHO none
SELECT format('DROP TABLE account.audit_entries_%s', to_char((now() - interval '1 year') AT TIME ZONE 'UTC', 'YYYY_MM')) \gexec
\set ECHO all

-- Webhooks that nobody sends, or that were given up: the latter are told to administrators alone.
INSERT INTO account.events (event_id, account_id, turn, horizon, type, body, created_at, queued_at, due_at) SELECT gen_random_uuid(), gen_random_uuid(), 0, '0', 'test', '{}', now(), now(), now() - interval '59 minutes';
EXECUTE findings;
UPDATE account.events SET due_at = now() - interval '61 minutes' WHERE type = 'test';
EXECUTE findings;
SELECT id AS acme FROM account.create_account('acme') \gset
UPDATE account.events SET outcome = 'dead', finished_at = now(), account_id = :'acme' WHERE type = 'test';
SELECT check_id, object = format('account %s', :'acme') AS named, finding, fix FROM account.doctor() WHERE check_id = 'webhook_dead' \gset
SELECT :'check_id' AS check_id, :'named' AS named, :'finding' AS finding, replace(:'fix', :'acme', '...') AS fix;
CREATE ROLE regress_doctor;
SELECT account.grant_access('regress_doctor', 'owner');
SET ROLE regress_doctor;
SELECT count(*) FROM account.doctor() WHERE check_id = 'webhook_dead';
RESET ROLE;
\set ECHO none
EXECUTE fixes \gexec
\set ECHO all
EXECUTE findings;
DELETE FROM account.events WHERE type = 'test';

-- Where the library is preloaded, a database without a recorder is worth knowing.
SELECT severity, object, replace(finding, current_database(), 'this') = 'this is not in it' AS said FROM account.doctor() WHERE check_id = 'recorder_off'
UNION ALL SELECT 'info', 'account.databases', true WHERE current_setting('shared_preload_libraries') !~ 'account' OR current_setting('account.databases') ~ current_database();
-- Of a schema none of this is said.
CREATE SCHEMA regress_empty;
INSERT INTO account.audit_pending (entry_id, turn, horizon, at, source, action, object_type, detail) VALUES (gen_random_uuid(), 0, '0', 'epoch', 'account', 'test.waits', 'test', '{}');
SELECT count(*) FROM account.doctor('regress_empty');
SELECT account.seal_audit() > 0 AS sealed;

DROP SCHEMA regress_empty;
DROP OWNED BY "regress ""reader", regress_doctor;
DROP ROLE "regress ""reader", regress_other, regress_doctor;
\c :main
DROP DATABASE regress_doctor_audit;
