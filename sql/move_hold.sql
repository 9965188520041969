-- move_hold: what an account above had set is, once the account is moved, for those above it now to lift.
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = warning;
CREATE ROLE regress_hold_tenant;
SELECT account.grant_access('regress_hold_tenant', 'tenant');
CREATE SCHEMA mh;
GRANT USAGE ON SCHEMA mh TO PUBLIC;
CREATE FUNCTION mh.id(name text) RETURNS uuid LANGUAGE sql RETURN md5('mh ' || name)::uuid;
CREATE FUNCTION mh.attempt(command text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN EXECUTE command; RETURN 'done'; EXCEPTION WHEN OTHERS THEN RETURN SQLERRM; END $$;
CREATE FUNCTION mh.deletion() RETURNS text LANGUAGE sql AS $$ SELECT mh.attempt($a$SELECT account.cancel_deletion(mh.id('child'))$a$) $$;
SELECT api_key AS top_key FROM account.create_account('top', account_id => mh.id('top')) \gset
SELECT api_key AS old_key FROM account.create_account('old', mh.id('top'), account_id => mh.id('old')) \gset
SELECT api_key AS new_key FROM account.create_account('new', mh.id('top'), account_id => mh.id('new')) \gset
SELECT api_key AS other_key FROM account.create_account('other', mh.id('new'), account_id => mh.id('other')) \gset
SELECT api_key AS child_key FROM account.create_account('child', mh.id('old'), account_id => mh.id('child')) \gset
SET ROLE regress_hold_tenant;
-- The parent asks for the deletion, archives and, at last, suspends; from below it is not lifted, nor brought forward.
BEGIN;
SELECT account_id = mh.id('old') AS old FROM account.authenticate(:'old_key');
SELECT account.delete_account(mh.id('child'), '30 days') - now() > '29 days' AS in_a_month, account.archive_account(mh.id('child'));
COMMIT;
BEGIN;
SELECT account_id = mh.id('child') AS child FROM account.authenticate(:'child_key');
SELECT mh.deletion(), account.delete_account(mh.id('child'), '24 hours') - now() > '29 days' AS in_a_month;
COMMIT;
BEGIN; SELECT account_id = mh.id('old') AS old FROM account.authenticate(:'old_key'); SELECT account.suspend_account(mh.id('child'), 'not paid'); COMMIT;
RESET ROLE;
SELECT account.move_account(mh.id('child'), mh.id('new'));
SET ROLE regress_hold_tenant;
-- Who was above it finds it no more; who is beside it never did; itself may do no more than before.
BEGIN; SELECT account_id = mh.id('old') AS old FROM account.authenticate(:'old_key'); SELECT mh.deletion(), mh.attempt($$SELECT account.resume_account(mh.id('child'))$$); COMMIT;
BEGIN; SELECT account_id = mh.id('other') AS other FROM account.authenticate(:'other_key'); SELECT mh.deletion(); COMMIT;
-- Its new parent lifts what the old one did, each thing as if it had done it itself.
BEGIN; SELECT account_id = mh.id('new') AS new FROM account.authenticate(:'new_key'); SELECT mh.attempt($$SELECT account.resume_account(mh.id('child'))$$); COMMIT;
BEGIN;
SELECT account_id = mh.id('child') AS child FROM account.authenticate(:'child_key');
SELECT mh.deletion(), mh.attempt($$SELECT account.unarchive_account(mh.id('child'))$$);
SELECT account.delete_account(mh.id('child'), '24 hours') - now() > '29 days' AS in_a_month;
COMMIT;
BEGIN;
SELECT account_id = mh.id('new') AS new FROM account.authenticate(:'new_key');
SELECT mh.attempt($$SELECT account.unarchive_account(mh.id('child'))$$);
-- It may also have it sooner.
SELECT account.delete_account(mh.id('child'), '2 days') - now() < '3 days' AS in_two_days;
SELECT count(*) AS pending FROM account.pending_deletions;
SELECT mh.deletion();
SELECT count(*) AS pending FROM account.pending_deletions;
SELECT account.is_writable(), archived_at IS NULL AS in_use FROM account.get_account(mh.id('child'));
COMMIT;
-- What an administrator did stays an administrator's, and so does what was done to an account that is a root now.
RESET ROLE;
SELECT account.delete_account(mh.id('child')) IS NOT NULL AS asked;
SET ROLE regress_hold_tenant;
BEGIN; SELECT account_id = mh.id('new') AS new FROM account.authenticate(:'new_key'); SELECT mh.deletion(); COMMIT;
RESET ROLE;
SELECT mh.deletion();
SET ROLE regress_hold_tenant;
BEGIN; SELECT account_id = mh.id('new') AS new FROM account.authenticate(:'new_key'); SELECT account.delete_account(mh.id('child')) IS NOT NULL AS asked; COMMIT;
RESET ROLE;
SELECT account.move_account(mh.id('child'), NULL);
SET ROLE regress_hold_tenant;
BEGIN; SELECT account_id = mh.id('child') AS child FROM account.authenticate(:'child_key'); SELECT mh.deletion(); COMMIT;
BEGIN; SELECT account_id = mh.id('new') AS new FROM account.authenticate(:'new_key'); SELECT mh.deletion(); COMMIT;
RESET ROLE;
SELECT mh.deletion();
DROP SCHEMA mh CASCADE;
SELECT account.revoke_access('regress_hold_tenant');
DROP ROLE regress_hold_tenant;
