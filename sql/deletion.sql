-- deletion: asking for the deletion of an account, and what a purge takes and leaves.
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = error;
CREATE ROLE regress_deletion_tenant;
CREATE ROLE regress_deletion_owner;
SELECT account.grant_access('regress_deletion_tenant', 'tenant'), account.grant_access('regress_deletion_owner', 'owner');
CREATE SCHEMA del AUTHORIZATION regress_deletion_owner;
CREATE FUNCTION del.id(name text) RETURNS uuid LANGUAGE sql RETURN md5('deletion ' || name)::uuid;
-- A day passes: what was asked for is due.
CREATE FUNCTION del.pass_a_day(name text) RETURNS void LANGUAGE sql AS $$
	WITH gone AS (DELETE FROM account.holds WHERE subject_id = del.id(name) AND kind = 'p' RETURNING *)
	INSERT INTO account.holds SELECT subject_id, kind, entry, set_by, reason, created_by, created_at, clock_timestamp() - interval '1 hour' FROM gone $$;
CREATE FUNCTION del.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'allowed';
EXCEPTION WHEN OTHERS THEN
	RETURN concat(SQLSTATE, ' ', SQLERRM);
END $$;
CREATE FUNCTION del.rows_of(table_name name) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM account.%I WHERE account_id IN (del.id(''sales''), del.id(''paris''))', table_name) INTO n;
	RETURN n;
END $$;
GRANT USAGE ON SCHEMA del TO regress_deletion_tenant;
-- acme has a sub-account, sales, which has one, paris; globex is another's.
SELECT api_key AS acme_key FROM account.create_account('acme', account_id => del.id('acme')) \gset
SELECT api_key AS sales_key FROM account.create_account('sales', del.id('acme'), account_id => del.id('sales'), external_id => 'crm-17',
	description => 'sells', domain => 'sales.example.com', billing_email => 'bills@example.com', labels => '{"a": "b"}') \gset
SELECT api_key AS paris_key FROM account.create_account('paris', del.id('sales'), account_id => del.id('paris')) \gset
SELECT api_key AS globex_key FROM account.create_account('globex', account_id => del.id('globex')) \gset
SET ROLE regress_deletion_owner;
ALTER DEFAULT PRIVILEGES FOR ROLE regress_deletion_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO regress_deletion_tenant;
CREATE TABLE del.notes (note text);
SELECT count(*) > 0 AS isolated FROM account.isolate('del.notes');
SET ROLE regress_deletion_tenant;
BEGIN; SELECT account_id = del.id('sales') AS sales FROM account.authenticate(:'sales_key'); INSERT INTO del.notes VALUES ('sold'), ('sold again'); COMMIT;
BEGIN; SELECT account_id = del.id('paris') AS paris FROM account.authenticate(:'paris_key'); INSERT INTO del.notes VALUES ('vendu'); COMMIT;
BEGIN; SELECT account_id = del.id('globex') AS globex FROM account.authenticate(:'globex_key'); INSERT INTO del.notes VALUES ('ours'); COMMIT;

-- B3 Deletion is asked for, and due a day later or when wanted, not before.
BEGIN;
SELECT account_id = del.id('sales') AS sales FROM account.authenticate(:'sales_key');
SELECT grace, del.attempt(format('SELECT account.delete_account(del.id(''paris''), %s)', grace))
	FROM (VALUES ('NULL'), ($$'23:59:59'$$), ($$'0'$$), ($$'-1 day'$$), ($$'10 years 1 day'$$), ($$'2 days -24:00:01'$$)) v (grace);
SELECT account.delete_account(del.id('paris'), '3 days') - now() BETWEEN '3 days' AND '3 days 1 minute' AS in_three_days;
SELECT account.delete_account(del.id('paris')) - now() > '2 days' AS the_first_stands;
-- S2.8 Meanwhile it is archived, for itself and those above; it is seen and its key works.
SELECT archived_at IS NOT NULL AS archived FROM account.get_account(del.id('paris'));
SELECT account_id = del.id('paris') AS paris, due_at - now() > '2 days' AS due, requested_at = now() AS now, requested_by = account.current_profile_id() AS by_us FROM account.pending_deletions;
SELECT account.account_tree();
COMMIT;
BEGIN;
SELECT account_id = del.id('paris') AS paris FROM account.authenticate(:'paris_key');
SELECT account.is_writable(), archived_at IS NOT NULL AS archived FROM account.get_account();
SELECT note FROM del.notes;
SELECT del.attempt($$INSERT INTO del.notes VALUES ('late')$$), del.attempt($$SELECT account.create_account('late')$$), del.attempt($$DELETE FROM del.notes$$);
-- DES-14 It does not cancel what was ordered above it; nor sees what is pending elsewhere, nor asks for what is not below it.
SELECT del.attempt($$SELECT account.cancel_deletion(del.id('paris'))$$);
SELECT count(*) AS pending FROM account.pending_deletions;
SELECT del.attempt($$SELECT account.delete_account(del.id('sales'))$$), del.attempt($$SELECT account.delete_account(del.id('globex'))$$), del.attempt($$SELECT account.cancel_deletion(del.id('sales'))$$);
SELECT del.attempt($$SELECT account.delete_account(NULL)$$), del.attempt($$SELECT account.cancel_deletion(NULL)$$), del.attempt($$SELECT account.purge_deleted_accounts()$$), del.attempt($$SELECT FROM account.purges$$);
COMMIT;
-- At or above the level that set it, it is taken back; nothing to take back is no error.
BEGIN;
SELECT account_id = del.id('acme') AS acme FROM account.authenticate(:'acme_key');
SELECT account.cancel_deletion(del.id('paris')), account.cancel_deletion(del.id('paris'));
SELECT archived_at, (SELECT count(*) FROM account.pending_deletions) AS pending FROM account.get_account(del.id('paris'));
-- A key without manage:accounts neither asks nor cancels.
SELECT api_key AS reader_key FROM account.create_api_key(account.current_profile_id(), 'reader', '{read:accounts}') \gset
COMMIT;
BEGIN;
SELECT permissions FROM account.authenticate(:'reader_key');
SELECT del.attempt($$SELECT account.delete_account(del.id('acme'))$$), del.attempt($$SELECT account.cancel_deletion(del.id('acme'))$$);
COMMIT;
-- An account may ask for its own end, and change its mind.
BEGIN;
SELECT account_id = del.id('globex') AS globex FROM account.authenticate(:'globex_key');
SELECT account.delete_account(del.id('globex')) IS NOT NULL AS asked;
SELECT account.cancel_deletion(del.id('globex'));
COMMIT;
-- DES-14 What was asked for above is not brought forward from below, where it could not be taken back; it is from above.
SET ROLE regress_deletion_tenant;
BEGIN;
SELECT account_id = del.id('sales') AS sales FROM account.authenticate(:'sales_key');
SELECT account.delete_account(del.id('paris'), '6 days') - now() > '5 days' AS in_six_days;
COMMIT;
BEGIN;
SELECT account_id = del.id('paris') AS paris FROM account.authenticate(:'paris_key');
SELECT account.delete_account(del.id('paris'), '1 day') - now() > '5 days' AS in_six_days, del.attempt($$SELECT account.cancel_deletion(del.id('paris'))$$);
COMMIT;
BEGIN;
SELECT account_id = del.id('acme') AS acme FROM account.authenticate(:'acme_key');
SELECT account.delete_account(del.id('paris'), '2 days') - now() < '3 days' AS in_two_days;
SELECT account.cancel_deletion(del.id('paris'));
SELECT count(*) AS pending FROM account.pending_deletions;
COMMIT;
RESET ROLE;

-- Who is a member, invited, or was created there.
SELECT account.create_user('ann@deletion.example') AS ann \gset
SELECT account.add_member(:'ann', 'member', del.id('sales')) AS ann_profile, account.add_member(:'ann', 'member', del.id('globex')) IS NOT NULL AS elsewhere_too \gset
SET ROLE regress_deletion_tenant;
BEGIN;
SELECT account_id = del.id('sales') AS sales FROM account.authenticate(:'sales_key');
SELECT account.create_user('bob@deletion.example', external_id => 'b') AS bob, account.create_user('cid@deletion.example', external_id => 'c') AS cid, account.create_user('dee@deletion.example') AS dee \gset
SELECT account.add_member(:'bob', 'member') IS NOT NULL AS bob_joined, account.add_member(:'cid', 'member') IS NOT NULL AS cid_joined;
SELECT invitation_id IS NOT NULL AS invited FROM account.invite_member('eve@deletion.example', 'member');
SELECT account.create_role('seller', '{read:accounts}') IS NOT NULL AS role, account.create_workspace('west') IS NOT NULL AS workspace;
COMMIT;
RESET ROLE;
SELECT account.add_member(:'cid', 'member', del.id('globex')) IS NOT NULL AS cid_elsewhere;
-- Not due, nothing is purged.
SELECT account.delete_account(del.id('sales')) IS NOT NULL AS asked;
SELECT account.purge_deleted_accounts();
SELECT del.pass_a_day('sales');
CREATE TEMPORARY TABLE theirs AS SELECT credential_id FROM account.credentials JOIN account.uses USING (credential_id) WHERE account_id IN (del.id('sales'), del.id('paris'));
SELECT count(*) > 2 AS some FROM theirs;
SELECT account.purge_deleted_accounts();
SELECT account_id = del.id('sales') AS sales, parent_account_id = del.id('acme') AS below_acme, rows_deleted, last_table, error, accounts_purged, finished_at IS NOT NULL AS finished FROM account.purges WHERE account_id = del.id('sales');
-- No row is left, of neither; all others are there.
SELECT note FROM del.notes ORDER BY 1;
-- Nothing that the extension keeps of them is left, but for blank tombstones.
SELECT count(*) FILTER (WHERE deleted_at IS NULL OR name NOT IN ('deleted', 'erased user') OR description IS NOT NULL OR owner IS NOT NULL OR external_id IS NOT NULL OR labels <> '{}') AS not_blank, count(*) > 3 AS kept
	FROM account.profiles WHERE account_id IN (del.id('sales'), del.id('paris'));
SELECT (SELECT count(*) FROM account.credentials WHERE account_id IN (del.id('sales'), del.id('paris'))) AS credentials, (SELECT count(*) FROM account.keys WHERE account_id IN (del.id('sales'), del.id('paris'))) AS keys,
	(SELECT count(*) FROM account.uses JOIN theirs USING (credential_id)) AS uses,
	(SELECT count(*) FROM account.sent_invitations WHERE account_id = del.id('sales')) AS invitations, (SELECT count(*) FROM account.user_memberships WHERE account_id = del.id('sales')) AS memberships,
	(SELECT count(*) FROM account.grants JOIN account.profiles USING (profile_id) WHERE account_id = del.id('sales')) AS grants, (SELECT count(*) FROM account.roles WHERE account_id = del.id('sales')) AS roles,
	(SELECT count(*) FROM account.workspaces WHERE account_id IN (del.id('sales'), del.id('paris'))) AS workspaces, (SELECT count(*) FROM account.holds WHERE subject_id IN (SELECT account_id FROM account.accounts WHERE deleted_at IS NOT NULL UNION ALL SELECT profile_id FROM account.profiles WHERE account_id IN (del.id('sales'), del.id('paris')))) AS holds;
SELECT name, parent_account_id, cardinality(path) AS depth, billed_account_id = account_id AS billed, description, domain, billing_email, external_id, labels, branding, deleted_at IS NOT NULL AS deleted
	FROM account.accounts WHERE account_id IN (del.id('sales'), del.id('paris'));
-- Of all tables of the extension only these know of them.
SELECT relname FROM (SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid WHERE relnamespace = 'account'::regnamespace AND relkind = 'r' AND attname = 'account_id' OFFSET 0) t WHERE del.rows_of(relname) > 0 ORDER BY 1;
-- Nor does any view of the extension show them, or stumble over them: administrators read purges.
SELECT relname, del.attempt(format('SELECT count(*) FROM account.%I', relname)) AS answer FROM pg_class WHERE relnamespace = 'account'::regnamespace AND relkind = 'v' AND del.attempt(format('SELECT count(*) FROM account.%I', relname)) <> 'allowed';
SELECT relname FROM (SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid WHERE relnamespace = 'account'::regnamespace AND relkind = 'v' AND attname = 'account_id' OFFSET 0) t WHERE del.rows_of(relname) > 0 ORDER BY 1;
-- Users are people, and stay: all but whom this account created and nobody else has.
SELECT who, (email IS NULL) AS erased, external_id FROM account.users JOIN (VALUES ('ann', :'ann'), ('bob', :'bob'), ('cid', :'cid'), ('dee', :'dee')) v (who, id) ON id::uuid = user_id ORDER BY 1;
SELECT (SELECT count(*) FROM account.user_memberships WHERE user_id = :'ann') AS of_ann, (SELECT count(*) FROM account.user_memberships WHERE user_id = :'cid') AS of_cid;
-- KEY-21, KEY-39 Its keys are dead, its id never used again, and found by nobody; the external_id is free.
SELECT error FROM account.verify_api_key(:'sales_key') UNION ALL SELECT error FROM account.verify_api_key(:'paris_key');
SELECT call, del.attempt('SELECT account.' || call) FROM (VALUES ($$create_account('sales', account_id => del.id('sales'))$$), ($$create_account('below', del.id('sales'))$$), ($$get_account(del.id('sales'))$$),
	($$update_account(del.id('paris'), '{"name": "back"}')$$), ($$cancel_deletion(del.id('sales'))$$), ($$delete_account(del.id('sales'))$$), ($$account_tree(del.id('sales'))$$),
	($$move_account(del.id('globex'), del.id('sales'))$$), ($$move_account(del.id('sales'), del.id('globex'))$$), ($$set_account_status(del.id('sales'), 'starting')$$),
	($$find_user('dee@deletion.example')$$), ($$resume_account(del.id('sales'))$$)) v (call);
SELECT name, external_id FROM account.account_descendants(del.id('acme'));
SELECT name FROM account.create_account('sales', del.id('acme'), external_id => 'crm-17');
-- TREE-08 No orphan has become a root that is one: the tree is whole.
SELECT a.name FROM account.accounts a LEFT JOIN account.accounts p ON p.account_id = a.parent_account_id
	WHERE a.path IS DISTINCT FROM COALESCE(p.path, '{}') || a.account_id OR (a.parent_account_id IS NOT NULL AND p.deleted_at IS NOT NULL);
-- Once more does nothing.
SELECT account.purge_deleted_accounts();
-- Read committed alone: an older snapshot does not see what is left.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT account.purge_deleted_accounts();
ROLLBACK;
-- DES-02 Not as an account.
BEGIN;
SELECT account_id = del.id('globex') AS globex FROM account.authenticate(:'globex_key');
SELECT account.purge_deleted_accounts();
ROLLBACK;
DROP TABLE theirs;
DROP SCHEMA del CASCADE;
SELECT account.revoke_access('regress_deletion_tenant'), account.revoke_access('regress_deletion_owner');
DROP OWNED BY regress_deletion_owner;
DROP ROLE regress_deletion_tenant, regress_deletion_owner;
