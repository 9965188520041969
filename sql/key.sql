-- key: issued, listed, replaced, revoked; and what a key may mint.
\set VERBOSITY terse
CREATE ROLE regress_key;
CREATE ROLE regress_key_admin;
SELECT account.grant_access('regress_key', 'tenant'), account.grant_access('regress_key_admin', 'admin');
SET client_min_messages = error;
SELECT account.define_permission('read:notes');
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('globex') \gset
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT id AS child, api_key AS child_key FROM account.create_account('child') \gset
SELECT id AS sibling, api_key AS sibling_key FROM account.create_account('sibling') \gset
COMMIT;
SELECT max(profile_id::text) FILTER (WHERE account_id = :'acme') AS acme_profile, max(profile_id::text) FILTER (WHERE account_id = :'globex') AS globex_profile,
	max(profile_id::text) FILTER (WHERE account_id = :'child') AS child_profile, max(profile_id::text) FILTER (WHERE account_id = :'sibling') AS sibling_profile
FROM account.profiles \gset
SET client_min_messages = warning;
-- For the attempts below, which are several in a transaction.
SET account.exchange_identity = on;
SET ROLE regress_key;

-- S1.9, S2.6, S3.14 to S3.19, D2: a token is given once and shown as a preview afterwards (KEY-28).
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT api_key_id AS one_id, api_key AS one FROM account.create_api_key(:'acme_profile', 'one', '{read:notes,manage:api_keys,create:accounts}', '1 day', '{}', '{127.0.0.0/8,::1/128}', 'the first') \gset
SELECT k.name, k.account_id = :'acme' AS own, k.profile_id = :'acme_profile' AS own_profile, k.expires_at IS NULL AS endless, k.api_key_id IS NOT NULL AS id
FROM account.create_api_key(profile_id => :'acme_profile', name => 'two') k;
SELECT name, description, preview = left(:'one', 17) || '…' || right(:'one', 4) AS preview, state, system, permissions, cardinality(workspaces_preview) AS workspaces, workspaces_total, allowed_ips,
	created_by = :'acme_profile' AS created_by, expires_at > now() + '23 hours' AS expires, labels, external_id
FROM account.api_keys WHERE account_id = :'acme' ORDER BY created_at, name;
SELECT CASE account_id WHEN :'acme' THEN 'acme' WHEN :'child' THEN 'child' WHEN :'sibling' THEN 'sibling' ELSE 'another''s' END AS account, count(*) FROM account.api_keys GROUP BY 1 ORDER BY 1;
COMMIT;
-- ... a child its own alone, and who has no permission to read keys, or no identity, none.
BEGIN;
SELECT (account.authenticate(:'child_key')).account_id = :'child' AS child;
SELECT count(*), bool_and(account_id = :'child') AS own FROM account.api_keys;
-- LEAK-04: a function that tells what it is shown is shown no more.
CREATE FUNCTION pg_temp.tell(value text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN RAISE WARNING 'told %', value; RETURN true; END $$;
SELECT count(*) FROM account.api_keys WHERE pg_temp.tell(name);
SELECT api_key AS powerless FROM account.create_api_key(:'child_profile', 'powerless', '{read:notes}') \gset
COMMIT;
BEGIN;
SELECT (account.authenticate(:'powerless')).account_id = :'child' AS child;
SELECT count(*) FROM account.api_keys;
SELECT account.create_api_key(:'child_profile', 'x');
ROLLBACK;
SELECT count(*) FROM account.api_keys;

-- KEY-38: the parent lists, replaces and revokes its child's keys; for a sibling, a stranger and a child they are not there, and neither is what is not.
CREATE FUNCTION pg_temp.try(token text, call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF token IS NOT NULL THEN
		PERFORM account.authenticate(token);
	END IF;
	EXECUTE 'SELECT account.' || call;
	RAISE EXCEPTION 'allowed';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END $$;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT api_key_id AS childs_id FROM account.api_keys WHERE account_id = :'child' AND system \gset
SELECT api_key_id AS acmes_id FROM account.api_keys WHERE account_id = :'acme' AND system \gset
COMMIT;
SELECT of, who, pg_temp.try(token, format('create_api_key(%L, ''x'')', profile)) AS "create", pg_temp.try(token, format('rotate_api_key(%L)', key)) AS rotate,
	pg_temp.try(token, format('revoke_api_key(%L)', key)) AS revoke
FROM (VALUES (1, 'the child', :'childs_id'::uuid, :'child_profile'::uuid), (2, 'acme', :'acmes_id', :'acme_profile'), (3, 'nobody', gen_random_uuid(), gen_random_uuid()), (4, 'NULL', NULL, NULL)) o (m, of, key, profile),
	(VALUES (1, 'acme', :'acme_key'), (2, 'the child', :'child_key'), (3, 'its sibling', :'sibling_key'), (4, 'a stranger', :'globex_key'), (5, 'without permission', :'powerless'), (6, 'no identity', NULL)) w (n, who, token)
ORDER BY m, n;
-- Administrators may, of any account, as long as they have not tried to be one (DES-02); application keys are theirs alone.
SET ROLE regress_key_admin;
SELECT pg_temp.try(NULL, format('create_api_key(%L, ''x'')', :'acme_profile')), pg_temp.try(NULL, format('rotate_api_key(%L)', :'acmes_id')), pg_temp.try(NULL, format('revoke_api_key(%L)', :'acmes_id'));
SELECT api_key_id AS application_id, api_key AS application, account_id, profile_id, name FROM account.create_application_key('app', '{read:notes}') \gset
SELECT pg_temp.try(NULL, format('rotate_api_key(%L)', :'application_id')), pg_temp.try(NULL, format('revoke_api_key(%L)', :'application_id'));
SELECT count(*) FROM account.api_keys WHERE account_id IN (:'acme', :'globex');
BEGIN;
SAVEPOINT s;
SELECT account.authenticate('junk');
ROLLBACK TO s;
SELECT account.create_application_key('app', '{read:notes}');
ROLLBACK TO s;
SELECT account.create_api_key(:'acme_profile', 'x');
ROLLBACK TO s;
SELECT account.revoke_api_key(:'application_id');
ROLLBACK TO s;
SELECT count(*) FROM account.api_keys;
COMMIT;
SET ROLE regress_key;
SELECT account.create_application_key('app', '{read:notes}');
SELECT pg_temp.try(:'acme_key', format('rotate_api_key(%L)', :'application_id')) AS by_tenant, pg_temp.try(:'acme_key', format('revoke_api_key(%L)', :'application_id')) AS by_tenant;

-- S3.16, S5.19: replaced, with an overlap: the old token stays good, the new one is as the old one was.
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT api_key_id AS old_id, api_key AS old, expires_at AS old_end FROM account.create_api_key(:'acme_profile', 'rotating', '{*:*}', '1 day', description => 'mine') \gset
COMMIT;
BEGIN;
SELECT (account.authenticate(:'old')).account_id = :'acme' AS acme;
SELECT api_key_id AS new_id, api_key AS new, name = 'rotating' AND account_id = :'acme' AND profile_id = :'acme_profile' AND expires_at = :'old_end' AS same FROM account.rotate_api_key(:'old_id', '1 hour') \gset
\echo :same
SELECT name, state, permissions, expires_at - now() < '61 minutes' AS soon, successor_id = :'new_id' AS replaced, description FROM account.api_keys WHERE name = 'rotating' ORDER BY created_at, state DESC;
COMMIT;
SELECT valid FROM account.verify_api_key(:'old');
SELECT valid FROM account.verify_api_key(:'new');
-- KEY-24: in its overlap it reads, and creates and manages nothing, not even itself; again is a CONFLICT.
SELECT what, pg_temp.try(:'old', call) AS old, pg_temp.try(:'new', call) AS new
FROM (VALUES (1, 'create a key', format('create_api_key(%L, ''x'')', :'acme_profile')), (2, 'rotate old', format('rotate_api_key(%L)', :'old_id')), (3, 'rotate new', format('rotate_api_key(%L)', :'new_id')),
	(4, 'revoke old', format('revoke_api_key(%L)', :'old_id')), (9, 'change new', format('update_api_key(%L, ''{"name": "x"}'')', :'new_id')), (5, 'revoke new', format('revoke_api_key(%L)', :'new_id')),
	(6, 'create an account', 'create_account(''x'')'), (7, 'read the account', 'get_account()'), (8, 'read keys', $$get_account() FROM account.api_keys WHERE 1 / (SELECT count(*) FROM account.api_keys) = 0 LIMIT 1$$)) c (n, what, call) ORDER BY n;

-- KEY-26: what is rolled back is not: the token that was shown is worth nothing, and the old one is as before.
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SAVEPOINT s;
SELECT api_key AS phantom FROM account.create_api_key(:'acme_profile', 'phantom') \gset
SELECT valid FROM account.verify_api_key(:'phantom');
ROLLBACK TO s;
SELECT valid, error FROM account.verify_api_key(:'phantom');
SELECT api_key AS phantom FROM account.rotate_api_key(:'new_id') \gset
SELECT (account.verify_api_key(:'phantom')).valid AS phantom, (account.verify_api_key(:'new')).valid AS new;
ROLLBACK;
SELECT (account.verify_api_key(:'phantom')).valid AS phantom, (account.verify_api_key(:'new')).valid AS new;

-- Revoked: at once, with all that has replaced it if so told; twice is no error.
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT api_key_id AS newest_id, api_key AS newest FROM account.rotate_api_key(:'new_id', '1 hour') \gset
SELECT account.revoke_api_key(:'new_id', 'lost');
SELECT account.revoke_api_key(:'new_id');
SELECT (account.verify_api_key(:'old')).valid AS old, (account.verify_api_key(:'new')).valid AS new, (account.verify_api_key(:'newest')).valid AS newest;
SELECT account.revoke_api_key(:'old_id', 'stolen', successors => true);
SELECT (account.verify_api_key(:'old')).valid AS old, (account.verify_api_key(:'new')).valid AS new, (account.verify_api_key(:'newest')).valid AS newest;
SELECT state, revoked_at IS NOT NULL AS revoked, revoked_reason FROM account.api_keys WHERE name = 'rotating' ORDER BY created_at, revoked_reason;
COMMIT;
SELECT pg_temp.try(:'newest', 'get_account()');
SELECT pg_temp.try(:'acme_key', format('rotate_api_key(%L)', id)) FROM unnest(ARRAY[:'old_id', :'newest_id']::uuid[]) id;

-- Who is held is refused, wherever above the hold is; and let in again.
RESET ROLE;
SELECT account.suspend_account(:'acme', 'unpaid');
SET ROLE regress_key;
SELECT valid, error, account_id FROM account.verify_api_key(:'child_key');
SELECT pg_temp.try(:'child_key', 'get_account()'), pg_temp.try(:'acme_key', 'get_account()'), pg_temp.try(:'globex_key', 'get_account()');
RESET ROLE;
SELECT account.resume_account(:'acme');
-- ... or where the hold is rolled back.
BEGIN;
SAVEPOINT s;
SELECT account.suspend_account(:'acme', 'unpaid');
SELECT error FROM account.verify_api_key(:'child_key');
ROLLBACK TO s;
SELECT valid FROM account.verify_api_key(:'child_key');
COMMIT;
INSERT INTO account.holds (subject_id, kind, entry) VALUES (:'child_profile', 'd', 1);
SET ROLE regress_key;
SELECT pg_temp.try(:'child_key', 'get_account()'), pg_temp.try(:'acme_key', 'get_account()'), (SELECT error FROM account.verify_api_key(:'child_key'));
SELECT pg_temp.try(:'acme_key', format('suspend_account(%L, ''x'')', :'child'));

RESET ROLE;
DELETE FROM account.holds;
DROP OWNED BY regress_key, regress_key_admin;
DROP ROLE regress_key, regress_key_admin;
