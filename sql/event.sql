-- event: what accounts are told by webhooks (S3.23, S3.24).
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = error;
SET account.exchange_identity = on;
CREATE ROLE regress_tenant;
SELECT account.grant_access('regress_tenant', 'tenant');
TRUNCATE account.events;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme', account_id => 'e1e00000-0000-4000-8000-00000000000a') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('globex', account_id => 'e1e00000-0000-4000-8000-00000000000b') \gset
SELECT id AS child, api_key AS child_key FROM account.create_account('child', :'acme', account_id => 'e1e00000-0000-4000-8000-00000000000c') \gset
SELECT id AS grandchild FROM account.create_account('grandchild', :'child', account_id => 'e1e00000-0000-4000-8000-00000000000d') \gset
-- Who was told what since the last time, in order; whose it is, without ids that differ each time.
CREATE FUNCTION pg_temp.told() RETURNS TABLE (told text, type text, about text, object text, data text) LANGUAGE sql AS $$
	WITH gone AS (DELETE FROM account.events RETURNING *)
	SELECT a.name::text, e.type, b.name::text, e.body::json -> 'data' ->> 'object_type',
		concat_ws(' ', e.body::json -> 'data' ->> 'changed', CASE WHEN e.body::json -> 'data' -> 'profile_id' IS NOT NULL THEN 'by a profile' END,
			CASE WHEN e.body::json -> 'data' -> 'api_key_id' IS NOT NULL THEN 'with a key' END)
	FROM gone e JOIN account.accounts a USING (account_id) JOIN account.accounts b ON b.account_id::text = e.body::json -> 'data' ->> 'account_id' ORDER BY e.turn, a.name $$;

-- Without a webhook URL nobody is told anything; with one, from that on.
SELECT count(account.update_account(id, '{"description": "x"}')) FROM unnest(ARRAY[:'acme', :'child']::uuid[]) id;
SELECT * FROM pg_temp.told();
SELECT count(account.update_account(:'acme', '{"webhook_url": "https://hooks.example.com/acme"}'));
SELECT * FROM pg_temp.told();

-- The body: type, time, and ids; what was changed, without values; ASCII, whatever it was changed to.
SELECT count(account.update_account(:'acme', '{"name": "Acmé \"Ltd\"\n", "labels": {"secret": "value"}, "billing_email": "ann@example.com"}'));
SELECT regexp_replace(body, '"timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"', '"timestamp":"..."') AS body,
	created_at = (body::json ->> 'timestamp')::timestamptz AS at, event_id::text ~ '^[0-9a-f-]{36}$' AS id FROM account.events;
SELECT count(account.update_account(:'acme', '{"name": "acme", "labels": {}, "billing_email": null}'));
SELECT * FROM pg_temp.told();

-- Of what is done in it by itself the account is told who did it; who else that was is not told.
SET ROLE regress_tenant;
BEGIN;
SELECT account_id = :'acme' AS acme FROM account.authenticate(:'acme_key');
SELECT account.create_workspace('secret place') AS workspace \gset
SELECT api_key_id AS robot_key, profile_id AS robot FROM account.create_service_account('secret robot', 'member') \gset
SELECT api_key_id AS rotated FROM account.rotate_api_key(:'robot_key') \gset
SELECT account.revoke_api_key(:'rotated');
SELECT account.disable_workspace(:'workspace');
SELECT count(account.update_account(:'acme', '{"description": "y"}'));
COMMIT;
RESET ROLE;
SELECT account.create_user('ann@example.com') AS ann \gset
SELECT account.add_member(:'ann', 'auditor', :'acme') AS member \gset
SELECT account.remove_member(:'member');
SELECT count(*) AS events, count(*) FILTER (WHERE body ~ 'secret|ann|robot|acctsec|hooks|whsec') AS telling FROM account.events;
SELECT * FROM pg_temp.told();

-- The account above is told what becomes of an account, and nothing of what is in it, and who did it; the one above that, and strangers, are told nothing.
SET ROLE regress_tenant;
BEGIN;
SELECT account_id = :'child' AS child FROM account.authenticate(:'child_key');
SELECT count(account.update_account(:'child', '{"domain": "child.example.com"}')), account.create_workspace('place') IS NOT NULL AS workspace;
COMMIT;
RESET ROLE;
SELECT account.suspend_account(:'child', 'unpaid'), account.resume_account(:'child'), account.archive_account(:'grandchild'), account.unarchive_account(:'grandchild');
SELECT body::json -> 'data' AS data FROM account.events WHERE account_id = :'acme' ORDER BY turn LIMIT 1;
SELECT * FROM pg_temp.told();
-- Both are told if both have a URL, each in its own words.
SELECT count(account.update_account(:'child', '{"webhook_url": "https://hooks.example.com/child"}'));
SELECT * FROM pg_temp.told();
-- Who of the account above did it is not told below.
SET ROLE regress_tenant;
BEGIN;
SELECT account_id = :'acme' AS acme FROM account.authenticate(:'acme_key');
SELECT count(account.update_account(:'child', '{"description": "by acme"}'));
COMMIT;
RESET ROLE;
SELECT * FROM pg_temp.told();
-- Who comes and goes: a new account, and one that is moved to another's.
SELECT count(account.create_account('late', :'acme')), count(account.move_account(:'child', :'globex'));
SELECT * FROM pg_temp.told();

-- Sessions, roles and the like are no events, nor is what an application says.
SELECT account.create_role('role', '{read:*}', account_id => :'acme') IS NOT NULL AS role;
SELECT * FROM pg_temp.told();

-- The outbox is part of the transaction of the change: rolled back with it, whole or in part.
BEGIN;
SELECT count(account.update_account(:'acme', '{"description": "z"}'));
SAVEPOINT before;
SELECT count(account.update_account(:'acme', '{"description": "a"}'));
SELECT count(*) AS events FROM account.events;
ROLLBACK TO before;
SELECT count(*) AS events FROM account.events;
ROLLBACK;
SELECT count(*) AS events FROM account.events;
-- What fails tells nothing, and what changes nothing neither.
SELECT name FROM account.update_account(:'acme', '{"webhook_url": "http://hooks.example.com"}');
SELECT count(account.update_account(:'acme', '{"description": "y"}'));
SELECT count(*) AS events FROM account.events;

-- A purge tells the account above, and takes what the purged one was to be told.
SELECT count(account.update_account(:'globex', '{"webhook_url": "https://hooks.example.com/globex"}'));
SELECT count(account.delete_account(:'child'));
SELECT * FROM pg_temp.told();
SELECT count(account.update_account(:'child', '{"description": "last"}'));
WITH gone AS (DELETE FROM account.holds WHERE kind = 'p' RETURNING *)
INSERT INTO account.holds SELECT subject_id, kind, entry, set_by, reason, created_by, created_at, clock_timestamp() FROM gone;
SELECT account.purge_deleted_accounts();
SELECT * FROM pg_temp.told();
DROP OWNED BY regress_tenant;
DROP ROLE regress_tenant;
