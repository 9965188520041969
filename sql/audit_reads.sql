-- audit_reads: who reads what of the audit log, and what is left of whom in it.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgcrypto;
SET account.password_cost = 4;
CREATE ROLE regress_app;
SELECT account.grant_access('regress_app', 'tenant');
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme', account_id => 'a0d20000-0000-4000-8000-00000000000a') \gset
SELECT id AS kid, api_key AS kid_key FROM account.create_account('kid', :'acme', account_id => 'a0d20000-0000-4000-8000-00000000000b') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('globex', account_id => 'a0d20000-0000-4000-8000-00000000000c') \gset
SELECT profile_id AS clerk, api_key AS clerk_key FROM account.create_service_account('clerk', 'admin', account_id => :'acme') \gset
SELECT account.create_role('looker', '{read:workspaces,read:members}', account_id => :'acme') IS NOT NULL AS made;
SELECT profile_id AS viewer, api_key AS viewer_key FROM account.create_service_account('viewer', 'looker', account_id => :'acme') \gset
SELECT account.create_user('ann@example.org', 'correct horse battery') AS ann \gset
UPDATE account.users SET email_verified_at = now() WHERE user_id = :'ann';
SELECT account.add_member(:'ann', 'admin', :'acme') AS ann_here \gset
SELECT session_token AS ann_session FROM account.login('ann@example.org', 'correct horse battery') \gset
CREATE VIEW mine AS SELECT action, detail -> 'after' ->> 'name' AS name, from_account_id = account.current_account_id() AS own, actor_name, actor_profile_id IS NOT NULL AS profile, actor_user_id IS NOT NULL AS "user", api_key_id IS NOT NULL AS key, session_id IS NOT NULL AS session, actor_role
	FROM account.audit_log WHERE action IN ('workspace.created', 'account.updated', 'account.suspended') ORDER BY at;
GRANT SELECT ON mine TO regress_app;
-- Acme works for itself, by a machine and by a person, and on kid; kid works for itself, and so does globex.
SET ROLE regress_app;
BEGIN;
SELECT account_id = :'acme' AS authenticated FROM account.authenticate(:'clerk_key');
SELECT account.create_workspace('of acme') IS NOT NULL AS created;
COMMIT;
BEGIN;
SELECT account_id = :'acme' AS authenticated FROM account.authenticate(:'ann_session', :'acme');
SELECT account.create_workspace('of ann') IS NOT NULL AS created;
COMMIT;
BEGIN;
SELECT account_id = :'acme' AS authenticated FROM account.authenticate(:'acme_key');
SELECT name FROM account.update_account(:'kid', '{"description": "by acme"}');
COMMIT;
BEGIN;
SELECT account_id = :'kid' AS authenticated FROM account.authenticate(:'kid_key');
SELECT account.create_workspace('of kid') IS NOT NULL AS created;
-- AUD-07 Kid reads what it has done, and what was done to it; not who of acme it was.
SELECT * FROM mine;
COMMIT;
BEGIN;
SELECT account_id = :'globex' AS authenticated FROM account.authenticate(:'globex_key');
SELECT account.create_workspace('of globex') IS NOT NULL AS created;
SELECT * FROM mine;
COMMIT;
-- Acme reads what it has done, to itself and to kid, and by whom; not what kid does to itself.
BEGIN;
SELECT account_id = :'acme' AS authenticated FROM account.authenticate(:'acme_key');
SELECT * FROM mine;
-- Pages go by time and id.
SELECT count(*) > 8 AS entries, count(DISTINCT id) = count(*) AS apart FROM account.audit_log;
SELECT count(*) = (SELECT count(*) FROM account.audit_log) - 4 AS the_rest FROM account.audit_log WHERE (at, id) < (SELECT at, id FROM account.audit_log ORDER BY at DESC, id DESC OFFSET 3 LIMIT 1);
COMMIT;
-- It takes read:audit, and an identity.
BEGIN;
SELECT account_id = :'acme' AS authenticated FROM account.authenticate(:'viewer_key');
SELECT account.has_permission('read:audit') AS may, (SELECT count(*) FROM account.audit_log) AS entries;
COMMIT;
SELECT count(*) FROM account.audit_log;
-- An administrator reads everything, in parallel too.
RESET ROLE;
SELECT account.suspend_account(:'kid', 'unpaid');
SELECT count(DISTINCT from_account_id) AS accounts FROM account.audit_log WHERE from_account_id::text LIKE 'a0d20000%';
SELECT actor_role = session_user AS super FROM account.audit_log WHERE action = 'account.suspended' AND account_id = :'kid';
SELECT count(*) AS entries FROM account.audit_log \gset
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT count(*) = :entries AS all_of_them FROM account.audit_log;
RESET ALL;
SET client_min_messages = warning;
-- What is in the chain and what is not yet is one log.
SELECT count(*) FILTER (WHERE position IS NULL) > 0 AS pending FROM account.audit_log;

-- A profile that is deleted is still named: a machine as it was called then, and a person as long as it is not erased (AUD-11).
SELECT account.delete_profile(:'clerk');
SELECT account.delete_profile(:'ann_here');
SELECT actor_name, detail -> 'after' ->> 'name' AS name FROM account.audit_log WHERE actor_profile_id IN (:'clerk', :'ann_here') ORDER BY at;
SELECT md5(string_agg(e::text, ',' ORDER BY turn)) AS before FROM account.audit_pending e WHERE account_id = :'acme' \gset
SELECT account.erase_user(:'ann');
-- Nothing that is written changes by it, and nothing of ann is in it but ids.
SELECT md5(string_agg(e::text, ',' ORDER BY turn)) = :'before' AS untouched FROM account.audit_pending e WHERE account_id = :'acme';
SELECT actor_name, detail -> 'after' ->> 'name' AS name FROM account.audit_log WHERE actor_profile_id = :'ann_here' ORDER BY at;
SELECT count(*) AS of_ann FROM account.audit_log l WHERE l::text LIKE '%ann@example%';

DROP VIEW mine;
DROP OWNED BY regress_app;
DROP ROLE regress_app;
