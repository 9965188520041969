-- quota_tree: limits for the holder of a plan and all below, and what is seen of them.
\set VERBOSITY terse
\pset format unaligned
CREATE ROLE regress_app;
SELECT account.grant_access('regress_app', 'tenant');
CREATE SCHEMA grove;
GRANT USAGE ON SCHEMA grove TO regress_app;
SELECT id AS root, api_key AS root_key FROM account.create_account('root', account_id => '15c30000-0000-4000-8000-00000000000a') \gset
SELECT id AS oak, api_key AS oak_key FROM account.create_account('oak', :'root', account_id => '15c30000-0000-4000-8000-00000000000b') \gset
SELECT id AS twig, api_key AS twig_key FROM account.create_account('twig', :'oak', account_id => '15c30000-0000-4000-8000-00000000000c') \gset
SELECT id AS leaf, api_key AS leaf_key FROM account.create_account('leaf', :'oak', account_id => '15c30000-0000-4000-8000-00000000000d') \gset
SELECT id AS other FROM account.create_account('other', account_id => '15c30000-0000-4000-8000-00000000000e') \gset
SELECT account.create_plan('quota-four', '{"nests": {"tree": 4}, "sub_accounts": {"tree": 2}, "members": 5}') IS NOT NULL AS created;
SELECT account.create_plan('quota-two', '{"nests": {"tree": 2}}') IS NOT NULL AS created;
SELECT account.set_plan(:'oak', 'quota-four');
CREATE TABLE grove.nests (nest_id integer PRIMARY KEY, account_id uuid);
GRANT ALL ON grove.nests TO regress_app;
SET client_min_messages = error;
SELECT count(*) > 0 AS isolated FROM account.isolate('grove.nests', quota => 'nests');
RESET client_min_messages;
INSERT INTO grove.nests VALUES (1, :'oak'), (2, :'twig'), (3, :'twig'), (4, :'root');

-- A child is told the limit and its own use, in an error and in quota_usage.
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'leaf_key') IS DISTINCT FROM NULL AS authenticated;
INSERT INTO grove.nests VALUES (5);
SAVEPOINT more;
INSERT INTO grove.nests VALUES (6);
ROLLBACK TO more;
COMMIT;
BEGIN;
SELECT account.authenticate(:'leaf_key') IS DISTINCT FROM NULL AS authenticated;
SELECT account_name, resource, scope, used, tree_used, limit_value FROM account.quota_usage ORDER BY 1, 2;
SELECT account.create_account('bud');
ROLLBACK;
-- The holder is told all: its own line has the use of the tree.
BEGIN;
SELECT account.authenticate(:'oak_key') IS DISTINCT FROM NULL AS authenticated;
SELECT account_name, scope, used, tree_used, limit_value FROM account.quota_usage WHERE resource = 'nests' ORDER BY 1;
SELECT used, tree_used, limit_value FROM account.quota_usage WHERE resource = 'sub_accounts' AND account_id = :'oak';
SAVEPOINT more;
INSERT INTO grove.nests VALUES (6);
ROLLBACK TO more;
SELECT account.create_account('bud');
ROLLBACK;
-- Who is above sees it too; who is beside, or nobody, sees nothing.
BEGIN;
SELECT account.authenticate(:'root_key') IS DISTINCT FROM NULL AS authenticated;
SELECT account_name, scope, used, tree_used, limit_value FROM account.quota_usage WHERE resource = 'nests' ORDER BY 1;
INSERT INTO grove.nests VALUES (7);
COMMIT;
SELECT count(*) FROM account.quota_usage;
BEGIN;
SELECT account.authenticate(:'twig_key') IS DISTINCT FROM NULL AS authenticated;
SELECT DISTINCT account_name FROM account.quota_usage;
SELECT * FROM account.readable_usage(:'leaf');
ROLLBACK;
RESET ROLE;
SELECT count(DISTINCT account_id) FROM account.quota_usage WHERE account_id IN (:'root', :'oak', :'twig', :'leaf', :'other');

-- What leaves the tree takes its use along, and what comes brings it.
INSERT INTO grove.nests VALUES (8, :'leaf');
SELECT account.move_account(:'twig', :'other');
INSERT INTO grove.nests VALUES (8, :'leaf');
INSERT INTO grove.nests VALUES (9, :'leaf');
INSERT INTO grove.nests VALUES (10, :'leaf');
SELECT account.move_account(:'twig', :'oak');
SELECT used, tree_used FROM account.quota_usage WHERE resource = 'nests' AND account_id = :'oak';
INSERT INTO grove.nests VALUES (10, :'leaf');
-- Deleted anywhere, there is room everywhere.
DELETE FROM grove.nests WHERE nest_id IN (2, 3, 5);
INSERT INTO grove.nests VALUES (10, :'leaf');
INSERT INTO grove.nests VALUES (11, :'twig');
-- A plan of its own takes an account out, and one that is given later counts what is there.
SELECT account.set_plan(:'leaf', 'quota-two');
INSERT INTO grove.nests VALUES (11, :'leaf');
INSERT INTO grove.nests VALUES (11, :'twig');
SELECT account_name, used, tree_used, limit_value FROM account.quota_usage WHERE resource = 'nests' AND account_id IN (:'oak', :'twig', :'leaf') ORDER BY 1;
SELECT account.set_plan(:'leaf', NULL);
INSERT INTO grove.nests VALUES (12, :'twig');
SELECT account.set_plan(:'root', 'quota-two');
INSERT INTO grove.nests VALUES (13, :'root');
-- The limit of each account, the same name: {"tree": n} becomes n.
SELECT account.update_plan('quota-four', '{"limits": {"nests": 4}}');
INSERT INTO grove.nests VALUES (12, :'twig'), (13, :'twig'), (14, :'twig');
INSERT INTO grove.nests VALUES (15, :'twig');
SELECT account_name, scope, used, tree_used, limit_value FROM account.quota_usage WHERE resource = 'nests' AND account_id IN (:'oak', :'twig', :'leaf') ORDER BY 1;
SELECT account.update_plan('quota-four', '{"limits": {"nests": {"tree": 9}}}');
INSERT INTO grove.nests VALUES (15, :'twig');
INSERT INTO grove.nests VALUES (16, :'leaf');
SELECT used, tree_used FROM account.quota_usage WHERE resource = 'nests' AND account_id = :'oak';
-- One statement over the accounts of a tree: what matters is the sum.
INSERT INTO grove.nests VALUES (17, :'oak'), (18, :'twig');
DELETE FROM grove.nests WHERE account_id = :'leaf';
BEGIN;
INSERT INTO grove.nests VALUES (17, :'oak'), (18, :'twig');
TRUNCATE grove.nests;
INSERT INTO grove.nests SELECT i, :'twig' FROM generate_series(1, 10) i;
COMMIT;
SELECT used, tree_used FROM account.quota_usage WHERE resource = 'nests' AND account_id = :'oak';

SET client_min_messages = error;
DROP SCHEMA grove CASCADE;
DROP OWNED BY regress_app;
DROP ROLE regress_app;
