-- tree: what has to hold of any tree, however it came to be so.
\set VERBOSITY terse
CREATE ROLE regress_tree;
SELECT account.grant_access('regress_tree', 'tenant');
SELECT id AS root, api_key AS root_key FROM account.create_account('root') \gset
SELECT id AS left, api_key AS left_key FROM account.create_account('left', :'root') \gset
SELECT id AS leaf, api_key AS leaf_key FROM account.create_account('leaf', :'left') \gset

-- TREE-05: a cycle that a superuser or a damaged dump has made.  Nothing walks from parent to parent, so
-- nothing hangs: what is stored as the path counts.
BEGIN;
SET LOCAL statement_timeout = '10s';
UPDATE account.accounts SET parent_account_id = :'leaf' WHERE account_id = :'root';
ROLLBACK;
BEGIN;
SET LOCAL statement_timeout = '10s';
UPDATE account.accounts SET parent_account_id = :'leaf', path = ARRAY[:'root', :'left', :'leaf', :'root']::uuid[] WHERE account_id = :'root';
SAVEPOINT before;
SELECT name, depth FROM account.account_descendants(:'root') ORDER BY depth;
SELECT name, depth FROM account.account_ancestors(:'leaf') ORDER BY depth;
SELECT account.account_tree(:'root');
SELECT plan FROM account.effective_plan(:'leaf');
SELECT account.move_account(:'leaf', :'root');
ROLLBACK TO before;
SELECT account.suspend_account(:'root', 'cycle');
SELECT (account.verify_api_key(:'leaf_key')).error;
ROLLBACK;
-- A path that leads back to itself is no path.
UPDATE account.accounts SET path = path || account_id WHERE account_id = :'leaf';

-- TREE-08: a parent with children, keys and rows is never deleted, by nobody; what stops it stops all below, and
-- nobody below becomes a root.
CREATE TABLE tree_rows (note text);
GRANT SELECT, INSERT ON tree_rows TO regress_tree;
SELECT count(*) > 0 AS isolated FROM account.isolate('tree_rows');
SET ROLE regress_tree;
BEGIN;
SELECT account_id = :'leaf' AS leaf FROM account.authenticate(:'leaf_key');
INSERT INTO tree_rows VALUES ('of leaf');
COMMIT;
BEGIN;
SELECT account_id = :'root' AS root FROM account.authenticate(:'root_key');
SELECT account.archive_account(:'left');
COMMIT;
BEGIN;
SELECT account_id = :'leaf' AS leaf, account.is_writable() FROM account.authenticate(:'leaf_key');
SELECT account.is_writable();
SELECT note FROM tree_rows;
SAVEPOINT before;
INSERT INTO tree_rows VALUES ('too late');
ROLLBACK TO before;
SELECT account.create_api_key(account.current_profile_id(), 'too late');
ROLLBACK TO before;
SELECT account.create_account('too late');
ROLLBACK;
BEGIN;
SELECT account_id = :'root' AS root FROM account.authenticate(:'root_key');
SELECT account.suspend_account(:'left', 'unpaid');
-- D6: the parent reads none of it, then or later.
SELECT note FROM tree_rows;
COMMIT;
SELECT error FROM account.verify_api_key(:'leaf_key');
SELECT error FROM account.verify_api_key(:'left_key');
SELECT valid FROM account.verify_api_key(:'root_key');
BEGIN;
SELECT account_id = :'root' AS root FROM account.authenticate(:'root_key');
SELECT account.resume_account(:'left'), account.unarchive_account(:'left');
COMMIT;
BEGIN;
SELECT account_id = :'leaf' AS leaf FROM account.authenticate(:'leaf_key');
SELECT note FROM tree_rows;
COMMIT;
RESET ROLE;
SELECT name, cardinality(path) AS depth FROM account.accounts WHERE path[1] = :'root' ORDER BY depth;

-- TREE-07: a node of very many children.  Lists, moves and holds go by indexes, whatever hangs beside.
INSERT INTO account.accounts (account_id, parent_account_id, path, billed_account_id, name, branding, labels)
	SELECT v.account_id, :'left', ARRAY[:'root', :'left', v.account_id]::uuid[], :'root', 'child ' || v.i, '{"suppress_from_reports": false}', '{}'
	FROM (SELECT gen_random_uuid() AS account_id, i FROM generate_series(1, 20000) i) v;
ANALYZE account.accounts;
CREATE FUNCTION pg_temp.plan(query text) RETURNS TABLE (node text) LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line ~ 'Scan' THEN
			node := regexp_replace(trim(line), '^(->)?\s*', '');
			RETURN NEXT;
		END IF;
	END LOOP;
END $$;
SELECT DISTINCT node FROM pg_temp.plan(format('SELECT a.account_id FROM account.accounts a WHERE a.parent_account_id = %L ORDER BY a.created_at, a.account_id LIMIT 20', :'leaf'));
SELECT DISTINCT node ~ '^(Bitmap )?Index.* accounts_path' AS by_path FROM pg_temp.plan(format('SELECT FROM account.accounts a WHERE a.path > %L AND a.path < %L',
	ARRAY[:'root', :'leaf'], ARRAY[:'root', :'leaf', 'ffffffff-ffff-ffff-ffff-ffffffffffff']));
SET ROLE regress_tree;
BEGIN;
SELECT account_id = :'left' AS left FROM account.authenticate(:'left_key');
SELECT count(*) FROM account.account_descendants(account.current_account_id(), 1);
COMMIT;
BEGIN;
SELECT account_id = :'root' AS root FROM account.authenticate(:'root_key');
SELECT account.suspend_account(:'left', 'many');
COMMIT;
RESET ROLE;
-- One row for all of them.
SELECT count(*) FROM account.holds WHERE subject_id = :'left' OR subject_id IN (SELECT account_id FROM account.accounts WHERE parent_account_id = :'left');
SELECT account.move_account(:'left', NULL);
SELECT count(*) FROM account.accounts WHERE path[1] = :'left' AND path[2] = account_id;
-- TREE-10: every path is that of the parent and the account itself.
SELECT count(*) FROM account.accounts a LEFT JOIN account.accounts p ON p.account_id = a.parent_account_id
WHERE a.path IS DISTINCT FROM COALESCE(p.path, '{}') || a.account_id;

-- PRIV-15: no trigger of ours sleeps in a session that replicates.
SET session_replication_role = replica;
UPDATE account.credentials SET ends_at = NULL;
UPDATE account.holds SET kind = 'a';
UPDATE account.grants SET expires_at = NULL;
INSERT INTO account.user_memberships (user_id, account_id, profile_id) SELECT profile_id, account_id, profile_id FROM account.profiles WHERE account_id = :'leaf';
UPDATE account.user_memberships SET expires_at = now();
DELETE FROM account.user_memberships WHERE account_id = :'leaf';
RESET session_replication_role;
DROP TABLE tree_rows;
DELETE FROM account.accounts WHERE name LIKE 'child %';
SELECT account.revoke_access('regress_tree');
DROP ROLE regress_tree;
