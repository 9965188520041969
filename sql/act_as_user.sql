-- act_as_user: an application acts for a member; support gets in for an hour.
\set VERBOSITY terse
CREATE ROLE regress_act_as_user;
SELECT account.grant_access('regress_act_as_user', 'tenant');
SET client_min_messages = error;
SET account.exchange_identity = on;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme') \gset
SELECT id AS globex FROM account.create_account('globex') \gset
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT id AS child FROM account.create_account('child') \gset
COMMIT;
SELECT account.create_user('ann@act-as.example') AS ann, account.create_user('bob@act-as.example') AS bob, account.create_user('support@act-as.example') AS support \gset
SELECT account.add_member(:'ann', 'member', :'acme') AS ann_profile, account.add_member(:'bob', 'admin', :'acme') AS bob_profile \gset
SELECT api_key AS app FROM account.create_application_key('app', '{*:*}') \gset
SELECT api_key AS small_app FROM account.create_application_key('small app', '{read:audit}') \gset
CREATE FUNCTION pg_temp.try(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'SELECT account.' || call;
	RAISE EXCEPTION 'allowed';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END $$;
SET client_min_messages = warning;
SET ROLE regress_act_as_user;

-- S5.11, S5.18: that member's permissions, whatever the key's are: not more, and not less.
BEGIN;
SELECT account_id = :'acme' AS acme, profile_id = :'ann_profile' AS ann, user_id = :'ann' AS ann, session_id, permissions FROM account.act_as(:'app', :'acme', :'ann');
SELECT account.has_permission('manage:members'), account.current_user_id() = :'ann' AS ann;
SELECT account_name FROM account.memberships();
COMMIT;
BEGIN;
SELECT permissions FROM account.act_as(:'small_app', :'acme', :'ann');
COMMIT;
BEGIN;
SELECT permissions FROM account.act_as(:'small_app', :'acme');
COMMIT;
-- ... what ann may not, neither may the application as ann.
SELECT c AS call, pg_temp.try(format('act_as(%L, %L, %L), account.%s', :'app', :'acme', :'ann', c)) AS "as ann", pg_temp.try(format('act_as(%L, %L, %L), account.%s', :'app', :'acme', :'bob', c)) AS "as bob"
FROM unnest(ARRAY['invite_member(''x@act-as.example'', ''member'')', 'invite_member(''x@act-as.example'', ''owner'')', 'get_account()', 'create_account(''below'')']) c;

-- PRIV-20, LEAK-21: who is no member, not there, disabled or removed reads alike, and is told nothing else; nor do memberships reach down by themselves.
SELECT name, pg_temp.try(format('act_as(%L, %L, %L)', :'app', account, id)) AS result
FROM (VALUES (1, 'a member', :'acme'::uuid, :'ann'::uuid), (2, 'of another account', :'globex', :'ann'), (3, 'of the account above', :'child', :'ann'), (4, 'no member', :'acme', :'support'), (5, 'unknown', :'acme', gen_random_uuid()),
	(6, 'an account that is not there', gen_random_uuid(), :'ann'), (7, 'a profile for a user', :'acme', :'ann_profile'), (8, 'no account', NULL, :'ann')) v (n, name, account, id) ORDER BY n;
-- One level: it takes an application key, and a second identity is none (PRIV-20).
SELECT pg_temp.try(format('act_as(%L, %L, %L)', :'acme_key', :'acme', :'ann')) AS "an account's key";
RESET ROLE;
SET account.exchange_identity = off;
SET ROLE regress_act_as_user;
BEGIN;
SELECT (account.act_as(:'app', :'acme', :'ann')).user_id = :'ann' AS ann;
SAVEPOINT s;
SELECT account.act_as(:'app', :'acme', :'bob');
ROLLBACK TO s;
SELECT account.act_as(:'app', :'globex');
ROLLBACK TO s;
SELECT user_id = :'ann' AS ann FROM account.act_as(:'app', :'acme', :'ann');
COMMIT;
RESET ROLE;
SET account.exchange_identity = on;
SELECT account.disable_profile(:'bob_profile'), account.disable_user(:'ann');
SELECT pg_temp.try(format('act_as(%L, %L, %L)', :'app', :'acme', :'bob')) AS "profile disabled", pg_temp.try(format('act_as(%L, %L, %L)', :'app', :'acme', :'ann')) AS "user disabled";
SELECT account.enable_profile(:'bob_profile'), account.enable_user(:'ann'), account.remove_member(:'ann_profile');
SELECT pg_temp.try(format('act_as(%L, %L, %L)', :'app', :'acme', :'ann')) AS removed;
SELECT account.suspend_account(:'acme', 'unpaid');
SELECT pg_temp.try(format('act_as(%L, %L, %L)', :'app', :'acme', :'bob')) AS suspended, pg_temp.try(format('act_as(%L, %L, %L)', :'app', :'acme', :'ann')) AS "and no member";
SELECT account.resume_account(:'acme');

-- Support: in for an hour, with a reason (what the server's log says of it is in test/t/support.pl) ...
SELECT account.add_member(:'support', 'admin', :'acme', '1 hour', 'ticket 42') AS support_profile \gset
SELECT reason, expires_at - now() BETWEEN '59 minutes' AND '1 hour' AS "for an hour" FROM account.user_memberships WHERE profile_id = :'support_profile';
SET ROLE regress_act_as_user;
BEGIN;
SELECT profile_id = :'support_profile' AS support FROM account.act_as(:'app', :'acme', :'support');
-- ... and what it issues, by whatever means, ends within the hour (DES-11).
SELECT expires_at - now() < '1 hour' AS "an API key" FROM account.create_api_key(:'support_profile', 'mine', '{read:accounts}');
SELECT expires_at - now() < '1 hour' AS "a service account's" FROM account.create_service_account('support robot', 'member');
SELECT expires_at - now() < '1 hour' AS "an invitation" FROM account.invite_member('x@act-as.example', 'member');
SELECT pg_temp.try(format('create_api_key(%L, ''longer'', NULL, ''2 hours'')', :'support_profile')) AS "a longer one";
COMMIT;
-- It ends by itself, also for a session that has had it before (PRIV-18), and its keys with it.
RESET ROLE;
SELECT account.remove_member(:'support_profile');
SELECT account.add_member(:'support', 'admin', :'acme', '3 seconds', 'ticket 43') AS support_profile \gset
SELECT api_key AS support_key FROM account.create_api_key(:'support_profile', 'by an administrator') \gset
SELECT pg_temp.try(format('act_as(%L, %L, %L)', :'app', :'acme', :'support')) AS "in time", (account.verify_api_key(:'support_key')).valid AS "its key";
SELECT pg_sleep(3.1);
SELECT pg_temp.try(format('act_as(%L, %L, %L)', :'app', :'acme', :'support')) AS over, (account.verify_api_key(:'support_key')).error AS "its key";
DROP OWNED BY regress_act_as_user;
DROP ROLE regress_act_as_user;
