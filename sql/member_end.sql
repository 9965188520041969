-- member_end: members leave, are removed, and what ends with them.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgcrypto;
CREATE ROLE regress_member_end;
CREATE ROLE regress_member_end_admin;
SELECT account.grant_access('regress_member_end', 'tenant'), account.grant_access('regress_member_end_admin', 'admin');
SET client_min_messages = error;
SET account.password_cost = 4;
SET account.exchange_identity = on;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('globex') \gset
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT id AS child, api_key AS child_key FROM account.create_account('child') \gset
SELECT account.create_user('ann@member-end.example', 'ann''s long password') AS ann, account.create_user('cleo@member-end.example') AS cleo \gset
SELECT account.add_member(:'ann', 'member') AS ann_profile, account.add_member(:'cleo', 'member') AS cleo_profile \gset
COMMIT;
SELECT account.create_user('eve@member-end.example', 'eve''s long password') AS eve, account.create_user('bob@member-end.example') AS bob \gset
SELECT account.add_member(:'ann', 'auditor', :'globex') AS ann_at_globex \gset
SELECT (account.login('ann@member-end.example', 'ann''s long password')).session_token AS ann_session, (account.login('eve@member-end.example', 'eve''s long password')).session_token AS eve_session \gset
SELECT profile_id AS acme_profile FROM account.profiles WHERE account_id = :'acme' AND system \gset
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
SET client_min_messages = warning;
SET ROLE regress_member_end;

-- SES-15, PRIV-07: who is removed is out with the next transaction: session, key and cached rights.
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT api_key AS anns_key FROM account.create_api_key(:'ann_profile', 'ann''s', '{read:accounts}') \gset
SELECT api_key AS powerless FROM account.create_api_key(:'acme_profile', 'powerless', '{read:members}') \gset
COMMIT;
SELECT pg_temp.try(NULL, format('authenticate(%L, %L)', :'ann_session', :'acme')), (account.verify_api_key(:'anns_key')).valid;
SELECT p.name, pg_temp.try(:'acme_key', format('remove_member(%L)', p.id)) AS acme, pg_temp.try(:'child_key', format('remove_member(%L)', p.id)) AS "its child", pg_temp.try(:'globex_key', format('remove_member(%L)', p.id)) AS "a stranger",
	pg_temp.try(:'powerless', format('remove_member(%L)', p.id)) AS "without permission", pg_temp.try(NULL, format('remove_member(%L)', p.id)) AS nobody
FROM (VALUES (1, 'a member', :'ann_profile'::uuid), (2, 'the system', :'acme_profile'), (3, 'unknown', gen_random_uuid()), (4, 'NULL', NULL)) p (n, name, id) ORDER BY n;
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT account.remove_member(:'ann_profile');
SELECT account.remove_member(:'ann_profile');
ROLLBACK;
SELECT pg_temp.try(NULL, format('authenticate(%L, %L)', :'ann_session', :'acme')), (account.verify_api_key(:'anns_key')).valid;
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT account.remove_member(:'ann_profile');
COMMIT;
SELECT pg_temp.try(NULL, format('authenticate(%L, %L)', :'ann_session', :'acme')), (account.verify_api_key(:'anns_key')).valid;
BEGIN;
SELECT FROM account.authenticate(:'ann_session');
SELECT account_name FROM account.memberships();
COMMIT;
-- ... and comes back as another.
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT account.add_member(:'ann', 'member') <> :'ann_profile' AS another;
COMMIT;
SELECT (account.verify_api_key(:'anns_key')).valid;

-- Members leave by themselves, with no permission for it; a key of theirs does not make them.
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT api_key AS cleos_key FROM account.create_api_key(:'cleo_profile', 'narrow', '{read:accounts}') \gset
COMMIT;
SELECT pg_temp.try(:'cleos_key', format('remove_member(%L)', :'cleo_profile')) AS key;
SELECT pg_temp.try(NULL, format('authenticate(%L, %L), account.remove_member(%L)', :'ann_session', :'globex', :'ann_at_globex')) AS herself,
	pg_temp.try(NULL, format('authenticate(%L, %L), account.remove_member(%L)', :'ann_session', :'acme', :'cleo_profile')) AS another;

-- The last owner stays, whoever says so; one of two may go. Who has less does not remove who has more.
SET ROLE regress_member_end_admin;
SELECT account.add_member(:'eve', 'owner', :'child') AS eve_profile \gset
SELECT account.remove_member(:'eve_profile');
SET ROLE regress_member_end;
SELECT pg_temp.try(:'eve_session', format('remove_member(%L)', :'eve_profile')) AS herself, pg_temp.try(:'acme_key', format('remove_member(%L)', :'eve_profile')) AS "the parent";
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT account.create_user('dan@member-end.example') AS dan \gset
SELECT account.add_member(:'dan', 'owner', :'child') AS dan_at_child \gset
COMMIT;
SELECT pg_temp.try(:'eve_session', format('remove_member(%L)', :'eve_profile')) AS herself;
BEGIN;
SELECT FROM account.authenticate(:'child_key');
SELECT api_key AS manager FROM account.create_api_key((SELECT (account.current_identity()).profile_id), 'manager', '{manage:members}') \gset
COMMIT;
SELECT pg_temp.try(:'manager', format('remove_member(%L)', :'eve_profile')) AS "who has less";

-- S4.7: what a member has made for machines outlives the membership.
BEGIN;
SELECT FROM account.authenticate(:'eve_session');
SELECT api_key AS machine FROM account.create_service_account('made by eve', 'auditor') \gset
SELECT account.remove_member(:'eve_profile');
COMMIT;
SELECT valid FROM account.verify_api_key(:'machine');
BEGIN;
SELECT account_id = :'child' AS child, permissions FROM account.authenticate(:'machine');
COMMIT;

-- Limits: members that are over take no place.
RESET ROLE;
SET client_min_messages = error;
SELECT FROM account.create_plan('two members', '{"members": 2}'), account.set_plan(:'globex', 'two members');
SET client_min_messages = warning;
SET ROLE regress_member_end_admin;
SELECT account.add_member(:'eve', 'member', :'globex', '1 hour') AS eve_profile \gset
SELECT pg_temp.try(NULL, format('add_member(%L, ''member'', %L)', :'bob', :'globex')) AS "for an hour";
SELECT account.remove_member(:'eve_profile');
SELECT account.add_member(:'eve', 'member', :'globex', '1 microsecond') IS NOT NULL AS added;
SELECT pg_temp.try(NULL, format('add_member(%L, ''member'', %L)', :'bob', :'globex')) AS "for a moment";

-- An archived account takes no members, and lets them go; a suspended one is listed, and refuses who enters; where a profile is disabled there is none.
SELECT account.archive_account(:'globex');
SELECT pg_temp.try(NULL, format('add_member(%L, ''member'', %L)', :'bob', :'globex')) AS add, pg_temp.try(NULL, format('remove_member(%L)', :'ann_at_globex')) AS remove;
SELECT account.unarchive_account(:'globex'), account.suspend_account(:'globex', 'unpaid');
SELECT pg_temp.try(NULL, format('add_member(%L, ''member'', %L)', :'bob', :'globex')) AS add;
SET ROLE regress_member_end;
SELECT pg_temp.try(NULL, format('authenticate(%L, %L)', :'ann_session', :'globex')) AS enter;
BEGIN;
SELECT FROM account.authenticate(:'ann_session', :'acme');
SELECT account_name FROM account.memberships();
COMMIT;
SET ROLE regress_member_end_admin;
SELECT account.resume_account(:'globex'), account.disable_profile(:'ann_at_globex');
SET ROLE regress_member_end;
BEGIN;
SELECT FROM account.authenticate(:'ann_session');
SELECT account_name FROM account.memberships();
COMMIT;

-- KEY-21, S5.22: keys of a member's own profile end with the user, and come back with it; those of others do not notice.
SET ROLE regress_member_end_admin;
SELECT account.add_member(:'bob', 'member', :'acme') AS bob_profile \gset
SELECT api_key AS own_key FROM account.create_api_key(:'bob_profile', 'own') \gset
SELECT valid FROM account.verify_api_key(:'own_key');
SELECT account.disable_user(:'bob');
SELECT valid, error FROM account.verify_api_key(:'own_key');
SELECT valid FROM account.verify_api_key(:'acme_key');
SET ROLE regress_member_end;
SELECT pg_temp.try(:'own_key', 'get_account()') AS disabled;
SET ROLE regress_member_end_admin;
SELECT account.enable_user(:'bob');
SELECT valid FROM account.verify_api_key(:'own_key');
-- A membership that is over takes its keys along, whatever they say of their end.
RESET ROLE;
BEGIN;
DELETE FROM account.user_memberships WHERE profile_id = :'bob_profile';
INSERT INTO account.user_memberships (user_id, account_id, profile_id, expires_at) VALUES (:'bob', :'acme', :'bob_profile', clock_timestamp());
SELECT valid, error FROM account.verify_api_key(:'own_key');
ROLLBACK;
SELECT valid FROM account.verify_api_key(:'own_key');
DROP OWNED BY regress_member_end, regress_member_end_admin;
DROP ROLE regress_member_end, regress_member_end_admin;
