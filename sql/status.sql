-- status: where the resource of an account is, and when it is to be rebuilt.
\set VERBOSITY terse
CREATE ROLE regress_status_tenant;
SELECT account.grant_access('regress_status_tenant', 'tenant');
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme', account_id => '57a70000-0000-4000-8000-00000000000a') \gset
SELECT id AS child FROM account.create_account('child', :'acme', account_id => '57a70000-0000-4000-8000-00000000000b') \gset
CREATE VIEW state AS SELECT status, status_error, status_changed_at > created_at AS changed FROM account.accounts WHERE account_id = '57a70000-0000-4000-8000-00000000000a';

-- S2.20, S2.21 It begins as new, and goes from one status to the next.
TABLE state;
SELECT account.set_account_status(:'acme', 'ready');
SELECT account.set_account_status(:'acme', 'running');
SELECT account.set_account_status(:'acme', 'starting');
TABLE state;
SELECT account.set_account_status(:'acme', 'running');
SELECT account.set_account_status(:'acme', 'ready');
-- S2.22 With a message when it is error, and only then.
SELECT account.set_account_status(:'acme', 'error', 'the disk is full');
TABLE state;
SELECT account.set_account_status(:'acme', 'running');
SELECT account.set_account_status(:'acme', 'ready');
SELECT account.set_account_status(:'acme', 'error', NULL);
SELECT account.set_account_status(:'acme', 'error', '');
SELECT account.set_account_status(:'acme', 'starting', 'why not');
SELECT account.set_account_status(:'acme', 'error', repeat('x', 10001));
TABLE state;
-- The same status again is no change of it, but may say more.
SELECT status_changed_at AS changed_at FROM account.get_account(:'acme') \gset
SELECT account.set_account_status(:'acme', 'error', 'the disk is still full');
SELECT status, status_error, status_changed_at = :'changed_at' AS since_the_first FROM account.get_account(:'acme');
SELECT account.set_account_status(:'acme', 'starting');
TABLE state;
-- All from which each may follow: nothing returns to new.
CREATE FUNCTION pg_temp.allowed(was account.status, wanted account.status) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	UPDATE account.accounts SET status = was WHERE account_id = '57a70000-0000-4000-8000-00000000000a';
	PERFORM account.set_account_status('57a70000-0000-4000-8000-00000000000a', wanted, CASE WHEN wanted = 'error' THEN 'x' END);
	RETURN true;
EXCEPTION WHEN SQLSTATE 'TA011' THEN
	RETURN false;
END $$;
SELECT wanted, string_agg(was::text, ' ' ORDER BY was) FILTER (WHERE pg_temp.allowed(was, wanted)) AS after
	FROM unnest(enum_range(NULL::account.status)) was, unnest(enum_range(NULL::account.status)) wanted GROUP BY 1 ORDER BY 1;
-- D3 pending is none.
SELECT account.set_account_status(:'acme', 'pending');
SELECT account.set_account_status(:'acme', NULL);
SELECT account.set_account_status(NULL, 'ready');
SELECT account.set_account_status('57a70000-0000-4000-8000-0000000000ff', 'ready');

-- S2.14, S2.15 A new account is configured and not built: it is to be built.
CREATE VIEW due AS SELECT name FROM account.accounts_to_rebuild WHERE account_id::text LIKE '57a70000%' ORDER BY 1;
TABLE due;
-- S2.13, S2.16 It is read and built, and is not any more ...
SELECT account.record_input_read(:'acme');
SELECT account.record_output_built(:'acme');
TABLE due;
SELECT last_updated_config_at <= last_read_input_at AS read_after, last_read_input_at < last_updated_output_at AS built_after FROM account.get_account(:'acme');
-- ... until its configuration is changed, be it by itself.
SET ROLE regress_status_tenant;
BEGIN;
SELECT account_id = :'acme' AS acme FROM account.authenticate(:'acme_key');
SELECT last_updated_config_at > last_updated_output_at AS to_be_rebuilt FROM account.update_account(:'acme', '{"name": "Acme"}');
COMMIT;
RESET ROLE;
TABLE due;
-- A change after the reading is not in what was built: it stays.
SELECT account.record_input_read(:'acme');
SELECT name FROM account.update_account(:'acme', '{"name": "ACME"}');
SELECT account.record_output_built(:'acme');
TABLE due;
SELECT last_updated_output_at = last_read_input_at AS built_of_what_was_read FROM account.get_account(:'acme');
-- In one transaction, whose now() is before all of them, as well.
BEGIN;
SELECT account.record_input_read(:'acme'), account.record_output_built(:'acme');
TABLE due;
SELECT name FROM account.update_account(:'acme', '{"name": "acme"}');
TABLE due;
COMMIT;
-- Who does not say when it reads is believed.
SELECT account.record_output_built(:'child');
TABLE due;
-- S2.8 What is archived receives no updates, nor what is below; what is suspended does.
SELECT name FROM account.update_account(:'child', '{"description": "x"}');
TABLE due;
SELECT account.suspend_account(:'acme', 'unpaid');
TABLE due;
SELECT account.archive_account(:'acme');
TABLE due;
SELECT account.unarchive_account(:'acme'), account.delete_account(:'acme') IS NOT NULL AS asked;
TABLE due;
SELECT account.cancel_deletion(:'acme'), account.resume_account(:'acme');
TABLE due;
-- An account without a configuration, which no function makes, has nothing to be built of.
BEGIN;
UPDATE account.accounts SET last_updated_config_at = NULL, last_updated_output_at = NULL WHERE account_id = :'child';
TABLE due;
ROLLBACK;

-- For administrators alone.
SELECT account.record_input_read(NULL);
SELECT account.record_output_built('57a70000-0000-4000-8000-0000000000ff');
SET ROLE regress_status_tenant;
BEGIN;
SELECT account_id = :'acme' AS acme FROM account.authenticate(:'acme_key');
\set ON_ERROR_ROLLBACK on
SELECT account.set_account_status(:'acme', 'ready');
SELECT account.record_input_read(:'acme');
SELECT account.record_output_built(:'acme');
SELECT * FROM account.accounts_to_rebuild;
COMMIT;
RESET ROLE;
-- DES-02 Nor for one who has been an account in this transaction.
BEGIN;
SET LOCAL client_min_messages = error;
SELECT account_id = :'acme' AS acme FROM account.authenticate(:'acme_key');
SELECT account.set_account_status(:'acme', 'starting');
SELECT account.record_input_read(:'acme');
SELECT account.record_output_built(:'acme');
COMMIT;
\set ON_ERROR_ROLLBACK off

DROP VIEW state, due;
SELECT account.revoke_access('regress_status_tenant');
DROP ROLE regress_status_tenant;
