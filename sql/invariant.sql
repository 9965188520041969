-- invariant: what is true of this extension's own rows, and that each violation is found.
\set VERBOSITY terse
\pset format unaligned
-- In a database of its own: what other tests have left is not to be found.
\set main :DBNAME
CREATE DATABASE regress_invariant;
\c regress_invariant
SET client_min_messages = error;
CREATE EXTENSION account;
CREATE ROLE regress_admin;
CREATE ROLE regress_owner;
SELECT account.grant_access('regress_admin', 'admin'), account.grant_access('regress_owner', 'owner');
-- A bit of everything, made by the functions: no violation.
SELECT account.create_plan('regress gold', '{"accounts": 10}') IS NOT NULL AS made;
SELECT id AS root, api_key AS root_key FROM account.create_account('root', account_id => '1d000000-0000-4000-8000-000000000001', external_id => 'r') \gset
SELECT id AS other FROM account.create_account('other', account_id => '1d000000-0000-4000-8000-000000000002', external_id => 'o') \gset
SET ROLE regress_admin;
BEGIN;
SELECT account.authenticate(:'root_key') IS DISTINCT FROM NULL AS authenticated;
SELECT id AS child, api_key AS child_key FROM account.create_account('child', external_id => 'c') \gset
SELECT FROM account.create_account('sibling', external_id => 's');
COMMIT;
BEGIN;
SELECT account.authenticate(:'child_key') IS DISTINCT FROM NULL AS authenticated;
SELECT id AS grandchild FROM account.create_account('grandchild') \gset
COMMIT;
RESET ROLE;
SELECT account.set_plan(:'child', 'regress gold');
SELECT account.create_user('ann@example.com') AS ann, account.create_user('bob@example.com') AS bob \gset
SELECT account.add_member(:'ann', 'owner', :'root') AS ann_profile \gset
SELECT account.add_member(:'bob', 'member', :'root', '1 day') AS bob_profile \gset
SELECT account.create_workspace('lab', account_id => :'root') AS lab \gset
SELECT account.create_role('reader', '{read:accounts}', account_id => :'root') AS reader \gset
SELECT account.assign_role(:'ann_profile', 'reader', :'lab');
SELECT api_key_id AS key FROM account.create_api_key(:'ann_profile', 'of ann') \gset
SELECT (account.rotate_api_key(:'key', '1 day')).api_key IS NOT NULL AS rotated;
SELECT invitation_id AS invitation FROM account.invite_member('cyd@example.com', 'member', account_id => :'root') \gset
SELECT (account.create_application_key('app', '{*:*}')).api_key IS NOT NULL AS made;
SELECT account.archive_account(:'child');
SELECT account.disable_profile(:'bob_profile');
SELECT * FROM account.check_invariants();

-- It is for administrators.
SET ROLE regress_owner;
SELECT * FROM account.check_invariants();
SET ROLE regress_admin;
SELECT count(*) FROM account.check_invariants();
BEGIN;
SELECT account.authenticate(:'root_key') IS DISTINCT FROM NULL AS authenticated;
SELECT * FROM account.check_invariants();
ROLLBACK;
RESET ROLE;

-- From here on rows are changed past the functions, as only a superuser can; each change is undone.
PREPARE violations AS SELECT invariant, regexp_replace(object, '[0-9a-f-]{36}', 'X', 'g') AS object, regexp_replace(finding, '[0-9a-f-]{36}', 'X', 'g') AS finding FROM account.check_invariants() ORDER BY invariant COLLATE "C", 2, 3;
SET session_replication_role = replica;

-- TREE-05: a cycle is found and followed once; a parent that is not there; a path and a payer that are not right.
BEGIN;
UPDATE account.accounts SET parent_account_id = :'grandchild', path = ARRAY[:'grandchild', :'child']::uuid[] WHERE account_id = :'child';
UPDATE account.accounts SET path = ARRAY[:'child', :'grandchild']::uuid[] WHERE account_id = :'grandchild';
EXECUTE violations;
-- Nothing that walks up the tree hangs there either.
SELECT count(*) FROM account.verify_api_key(:'child_key');
SELECT count(*) FROM account.effective_plan(:'grandchild');
ROLLBACK;
BEGIN;
DELETE FROM account.accounts WHERE account_id = :'root';
EXECUTE violations;
ROLLBACK;
BEGIN;
UPDATE account.accounts SET path = ARRAY[:'other', :'root', :'child']::uuid[] WHERE account_id = :'child';
EXECUTE violations;
ROLLBACK;
BEGIN;
UPDATE account.accounts SET billed_account_id = :'root' WHERE account_id = :'grandchild';
EXECUTE violations;
ROLLBACK;
BEGIN;
UPDATE pg_index SET indisready = false, indisvalid = false WHERE indexrelid IN ('account.accounts_external_id_key'::regclass, 'account.workspaces_name_key'::regclass);
UPDATE account.accounts SET external_id = 'c' WHERE external_id = 's';
UPDATE account.accounts SET external_id = 'r' WHERE external_id = 'o';
INSERT INTO account.workspaces (workspace_id, account_id, name) SELECT gen_random_uuid(), account_id, 'LAB' FROM account.workspaces WHERE workspace_id = :'lab';
EXECUTE violations;
ROLLBACK;
BEGIN;
UPDATE account.subscriptions SET plan_id = gen_random_uuid() WHERE account_id = :'child';
INSERT INTO account.subscriptions (account_id, plan_id) SELECT gen_random_uuid(), plan_id FROM account.plans LIMIT 1;
EXECUTE violations;
ROLLBACK;

-- People: a profile without user or membership, a membership without user or with a deleted profile.
BEGIN;
DELETE FROM account.users WHERE user_id = :'ann';
EXECUTE violations;
ROLLBACK;
BEGIN;
DELETE FROM account.user_memberships WHERE user_id = :'bob';
UPDATE account.profiles SET deleted_at = now() WHERE profile_id = :'ann_profile';
EXECUTE violations;
ROLLBACK;
-- The last owner, taken away by a hold past the function.
BEGIN;
INSERT INTO account.holds (subject_id, kind, entry) VALUES (:'ann', 'd', 1);
EXECUTE violations;
ROLLBACK;
-- Grants without role or workspace, or of another account; roles of no account, with permissions that nobody defined.
BEGIN;
DELETE FROM account.roles WHERE role_id = :'reader';
EXECUTE violations;
ROLLBACK;
BEGIN;
UPDATE account.roles SET account_id = :'other' WHERE role_id = :'reader';
UPDATE account.roles SET permissions = '{read:accounts,no:such,read:*}' WHERE role_id = :'reader';
EXECUTE violations;
ROLLBACK;
BEGIN;
UPDATE account.workspaces SET account_id = gen_random_uuid() WHERE workspace_id = :'lab';
UPDATE account.roles SET account_id = gen_random_uuid() WHERE role_id = :'reader';
EXECUTE violations;
ROLLBACK;

-- Holds of nothing, and of a kind that is none.
BEGIN;
ALTER TABLE account.holds DROP CONSTRAINT holds_kind_known;
INSERT INTO account.holds (subject_id, kind, entry) VALUES (gen_random_uuid(), 'a', 1), (:'bob_profile', 's', 2), (:'other', 'z', 3), (:'lab', 'd', 4);
EXECUTE violations;
ROLLBACK;

-- Credentials: an ending without its credential, a key and an invitation without theirs, a key that is another's, sessions of nobody.
BEGIN;
DELETE FROM account.credentials WHERE credential_id IN (:'key', :'invitation') AND entry = 0;
EXECUTE violations;
ROLLBACK;
BEGIN;
UPDATE account.keys SET account_id = :'other' WHERE api_key_id = :'key';
DELETE FROM account.sent_invitations WHERE invitation_id = :'invitation';
INSERT INTO account.credentials (digest, entry, kind, credential_id, user_id) VALUES (sha256('x'), 0, 's', gen_random_uuid(), gen_random_uuid());
EXECUTE violations;
ROLLBACK;
BEGIN;
INSERT INTO account.permissions (permission, number, built_in) VALUES ('no:number', 300, true);
EXECUTE violations;
ROLLBACK;
-- What is counted for quotas, and webhook secrets.
BEGIN;
INSERT INTO account.quota_counts (account_id, resource, entry, table_id, amount, change, prepared) VALUES
	(:'root', 'rows', 1, 'account.accounts', 5, 5, false), (:'root', 'rows', 2, 'account.accounts', -6, -6, false), (:'other', 'rows', 1, 0, -6, -6, false),
	(:'other', 'rows', 2, 1, 1, 1, false), (gen_random_uuid(), 'rows', 1, 'account.accounts', 1, 1, false);
EXECUTE violations;
ROLLBACK;
BEGIN;
UPDATE account.webhook_secrets SET account_id = gen_random_uuid() WHERE account_id = :'other';
EXECUTE violations;
ROLLBACK;
-- Events: of nobody, and waiting for nothing.
BEGIN;
INSERT INTO account.events (event_id, account_id, turn, horizon, type, body, created_at, queued_at, due_at) VALUES
	(gen_random_uuid(), gen_random_uuid(), 1, '3', 'a', '{}', now(), now(), now()), (gen_random_uuid(), :'other', 2, '3', 'a', '{}', now(), now(), 'infinity'),
	(gen_random_uuid(), :'other', 3, '3', 'a', '{}', now(), now(), 'infinity');
EXECUTE violations;
ROLLBACK;
RESET session_replication_role;
EXECUTE violations;
DROP OWNED BY regress_admin, regress_owner;
DROP ROLE regress_admin, regress_owner;
\c :main
DROP DATABASE regress_invariant;
