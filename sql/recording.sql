-- recording: what administrators ask of the recorder.  What it does is in test/t/recorder.pl
-- and test/t/touch.pl; here none runs, for this database is not in account.databases.
\set VERBOSITY terse
SET client_min_messages = error;
SELECT api_key AS acme_key FROM account.create_account('Acme') \gset
SELECT account.record_now();
SELECT COALESCE(account.evicted_uses(), 0) AS evicted;

-- Who may call what.
CREATE ROLE regress_recording;
SELECT account.grant_access('regress_recording', 'owner');
SET ROLE regress_recording;
SELECT account.record_now();
SELECT account.evicted_uses();
RESET ROLE;
SELECT account.grant_access('regress_recording', 'admin');
SET ROLE regress_recording;
SELECT account.record_now();
SELECT COALESCE(account.evicted_uses(), 0) AS evicted;
-- Not as a tenant, whatever the role.
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id IS NOT NULL AS acme;
SAVEPOINT s;
SELECT account.record_now();
ROLLBACK TO s;
SELECT account.evicted_uses();
ROLLBACK;

-- What it goes by is for the server's files alone.
RESET ROLE;
SET account.recorder_interval = 100;
SHOW account.recorder_interval;
SHOW account.recorded_uses;
-- A list of names, those that are no plain words in double quotes.
ALTER SYSTEM SET account.databases = '"open';
ALTER SYSTEM SET account.databases = 'two words';

DROP OWNED BY regress_recording;
DROP ROLE regress_recording;
