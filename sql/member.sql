-- member: users become members of accounts, as what they are given, and list their memberships.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgcrypto;
CREATE ROLE regress_member;
CREATE ROLE regress_member_admin;
SELECT account.grant_access('regress_member', 'tenant'), account.grant_access('regress_member_admin', 'admin');
SET client_min_messages = error;
SET account.password_cost = 4;
SET account.exchange_identity = on;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('globex') \gset
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT id AS child, api_key AS child_key FROM account.create_account('child') \gset
SELECT account.create_user('Ann@Member.Example', 'ann''s long password') AS ann, account.create_user('bob@member.example', 'bob''s long password') AS bob,
	account.create_user('disabled@member.example') AS disabled, account.create_user('erased@member.example') AS erased, account.create_user('cleo@member.example') AS cleo \gset
SELECT FROM account.authenticate(:'child_key');
SELECT account.create_user('dan@member.example') AS dan \gset
COMMIT;
SELECT account.create_user('eve@member.example', 'eve''s long password') AS eve \gset
SELECT account.disable_user(:'disabled'), account.erase_user(:'erased');
SELECT (account.login('ann@member.example', 'ann''s long password')).session_token AS ann_session, (account.login('bob@member.example', 'bob''s long password')).session_token AS bob_session,
	(account.login('eve@member.example', 'eve''s long password')).session_token AS eve_session \gset
SELECT profile_id AS acme_profile FROM account.profiles WHERE account_id = :'acme' \gset
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
SET ROLE regress_member;

-- S5.7, S5.9: a user is of no account: a session is theirs alone, with no permission, until they are a member (S1.8).
BEGIN;
SELECT account_id, profile_id, user_id = :'ann' AS ann, permissions FROM account.authenticate(:'ann_session');
SELECT * FROM account.memberships();
SELECT account.has_permission('read:accounts');
ROLLBACK;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT account.add_member(:'ann', 'member') AS ann_profile \gset
COMMIT;
BEGIN;
SELECT account_id = :'acme' AS acme, profile_id = :'ann_profile' AS ann, user_id = :'ann' AS ann, permissions FROM account.authenticate(:'ann_session');
SELECT account_name, profile_id = :'ann_profile' AS ann, roles, expires_at FROM account.memberships();
COMMIT;

-- S5.8, S5.11, S5.12: what they can do is what their roles say, all of them together.
RESET ROLE;
SELECT account.create_role('writer', '{update:accounts}', account_id => :'acme') IS NOT NULL AS created, account.assign_role(:'ann_profile', 'writer');
SET ROLE regress_member;
BEGIN;
SELECT permissions FROM account.authenticate(:'ann_session');
SELECT roles FROM account.memberships();
COMMIT;
RESET ROLE;
SELECT account.unassign_role(:'ann_profile', 'member'), account.unassign_role(:'ann_profile', 'writer');
SET ROLE regress_member;
BEGIN;
SELECT account_id = :'acme' AS acme, permissions FROM account.authenticate(:'ann_session');
SELECT account_name, roles FROM account.memberships();
COMMIT;

-- S5.10: one user in several accounts, in each as what they are there; which one is said at authenticate().
SET ROLE regress_member_admin;
SELECT account.add_member(:'ann', 'auditor', :'globex', '1 day', 'ticket 42') AS ann_at_globex \gset
SET ROLE regress_member;
BEGIN;
SELECT account_id, user_id = :'ann' AS ann, permissions FROM account.authenticate(:'ann_session');
SELECT account_name, roles, expires_at - now() < '25 hours' AS ends FROM account.memberships();
COMMIT;
BEGIN;
SELECT account_id = :'globex' AS globex, profile_id = :'ann_at_globex' AS ann, permissions FROM account.authenticate(:'ann_session', :'globex');
-- ... all of them are listed in each.
SELECT count(*) FROM account.memberships();
COMMIT;
SELECT pg_temp.try(NULL, format('authenticate(%L, %L)', :'ann_session', :'child')) AS "where ann is no member";
SELECT pg_temp.try(:'acme_key', 'memberships()') AS "a key", pg_temp.try(NULL, 'memberships()') AS nobody;

-- Whom one may add: a user that the own account or one below has created, where one manages members. What is not there and what is another's reads alike (LEAK-21).
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT api_key AS powerless FROM account.create_api_key(:'acme_profile', 'powerless', '{read:accounts,read:members,read:workspaces}') \gset
COMMIT;
SELECT u.name AS "user", pg_temp.try(:'acme_key', format('add_member(%L, ''member'')', u.id)) AS acme, pg_temp.try(:'acme_key', format('add_member(%L, ''member'', %L)', u.id, :'child')) AS "acme for its child",
	pg_temp.try(:'child_key', format('add_member(%L, ''member'')', u.id)) AS "the child", pg_temp.try(:'powerless', format('add_member(%L, ''member'')', u.id)) AS "without permission",
	pg_temp.try(NULL, format('add_member(%L, ''member'')', u.id)) AS nobody
FROM (VALUES (1, 'of acme', :'cleo'::uuid), (2, 'of its child', :'dan'), (3, 'of nobody', :'eve'), (4, 'disabled', :'disabled'), (5, 'erased', :'erased'), (6, 'unknown', gen_random_uuid()), (7, 'NULL', NULL)) u (n, name, id) ORDER BY n;
SELECT a.name AS account, pg_temp.try(:'child_key', format('add_member(%L, ''member'', %L)', :'dan', a.id)) AS "the child"
FROM (VALUES (1, 'its own', :'child'::uuid), (2, 'its parent', :'acme'), (3, 'a stranger', :'globex'), (4, 'unknown', gen_random_uuid())) a (n, name, id) ORDER BY n;
-- An administrator: any user, any account; not after having tried to be one (DES-02).
SET ROLE regress_member_admin;
SELECT name, pg_temp.try(NULL, format('add_member(%L, ''owner'', %L)', id, :'globex')) AS admin
FROM (VALUES (1, 'of acme', :'cleo'::uuid), (2, 'of nobody', :'eve'), (3, 'disabled', :'disabled'), (4, 'erased', :'erased'), (5, 'unknown', gen_random_uuid())) u (n, name, id) ORDER BY n;
SELECT account.add_member(:'eve', 'owner');
BEGIN;
SAVEPOINT s;
SELECT account.authenticate('junk');
ROLLBACK TO s;
SELECT account.add_member(:'eve', 'owner', :'globex');
ROLLBACK;
SET ROLE regress_member;

-- Nobody gives what they lack, nor for longer than they have it; NULL is as long as they have it (DES-11).
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT api_key AS narrow FROM account.create_api_key(:'acme_profile', 'narrow', '{manage:members,read:accounts,read:members,read:workspaces}', '1 hour') \gset
COMMIT;
SELECT role, expires, pg_temp.try(:'narrow', format('add_member(%L, %L, NULL, %L)', :'bob', role, expires))
FROM (VALUES (1, 'owner', NULL), (2, 'admin', NULL), (3, 'auditor', NULL), (4, 'member', '2 hours'), (5, 'member', '30 minutes'), (6, 'member', NULL)) v (n, role, expires) ORDER BY n;
BEGIN;
SELECT FROM account.authenticate(:'narrow');
SELECT account.add_member(:'bob', 'member') AS bob_profile \gset
COMMIT;
BEGIN;
SELECT permissions, expires_at IS NOT NULL AS ends FROM account.authenticate(:'bob_session');
SELECT account_name, roles, expires_at - now() BETWEEN '50 minutes' AND '61 minutes' AS "ends with the key" FROM account.memberships();
ROLLBACK;
-- What the member issues ends with the membership, too.
RESET ROLE;
SELECT account.assign_role(:'bob_profile', 'admin');
SET ROLE regress_member;
BEGIN;
SELECT FROM account.authenticate(:'bob_session');
SELECT expires_at - now() BETWEEN '50 minutes' AND '61 minutes' AS "ends with the key" FROM account.create_api_key(:'bob_profile', 'mine', '{read:accounts}');
SELECT FROM account.add_member(:'cleo', 'member') \gset
SELECT pg_temp.try(NULL, format('add_member(%L, ''member'', NULL, ''2 hours'')', :'dan'));
ROLLBACK;

-- PRIV-18: what ends before it begins, or never in our time, is refused; so is what is no value at all.
SELECT given, pg_temp.try(:'acme_key', format('add_member(%L, ''member'', NULL, %L)', :'cleo', given)) FROM (VALUES (1, '-1 day'), (2, '0'), (3, '1 year -1 day'), (4, '101 years'), (5, '100 years')) v (n, given) ORDER BY n;
SELECT left(arguments, 30) AS arguments, pg_temp.try(:'acme_key', format('add_member(%L, %s)', :'cleo', arguments))
FROM (VALUES (1, 'NULL'), (2, ''''''), (3, '''Owner'''), (4, quote_literal(repeat('x', 20000))), (5, '''member'', NULL, NULL, '''''), (6, '''member'', NULL, NULL, ' || quote_literal(repeat('x', 1001)))) c (n, arguments) ORDER BY n;
-- LEAK-26: nothing of the error lists what roles or users there are.
CREATE FUNCTION pg_temp.told(token text, call text, OUT message text, OUT hint text, OUT errors json) LANGUAGE plpgsql AS $$
DECLARE detail text;
BEGIN
	PERFORM account.authenticate(token);
	EXECUTE 'SELECT account.' || call;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT, detail = PG_EXCEPTION_DETAIL;
	errors := detail::json -> 'validationErrors';
END $$;
SELECT t.* FROM (VALUES (1, format('add_member(%L, ''membr'')', :'cleo')), (2, format('add_member(%L, ''member'')', :'eve'))) v (n, call), pg_temp.told(:'acme_key', call) t ORDER BY n;

-- Once is enough; a membership that is over is replaced, by another profile (KEY-39).
SELECT pg_temp.try(:'acme_key', format('add_member(%L, ''auditor'')', :'ann'));
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT account.add_member(:'cleo', 'member', expires_in => '1 microsecond') AS cleo_once \gset
SELECT account.add_member(:'cleo', 'member', expires_in => '1 hour') AS cleo_again \gset
SELECT :'cleo_once' <> :'cleo_again' AS another;
COMMIT;
RESET ROLE;
SELECT profile_id = :'cleo_once' AS first, deleted_at IS NOT NULL AS gone FROM account.profiles WHERE user_id = :'cleo' ORDER BY deleted_at NULLS LAST;
SET ROLE regress_member;

-- A key of a member ends with the membership, whoever issues it.
SET ROLE regress_member_admin;
SELECT expires_at - now() < '61 minutes' AS "within the hour" FROM account.create_api_key(:'cleo_again', 'by an administrator');
SELECT pg_temp.try(NULL, format('create_api_key(%L, ''longer'', NULL, ''2 hours'')', :'cleo_again'));
SET ROLE regress_member;

-- TX-07, PRIV-13: the tables are nobody's to touch or to lock.
SELECT pg_temp.try(NULL, 'current_account_id() FROM account.' || t) AS read, pg_temp.try(NULL, 'current_account_id() FROM account.' || t || ' FOR UPDATE') AS lock
FROM unnest('{user_memberships,grants,sent_invitations,invitations}'::text[]) t;
BEGIN;
LOCK TABLE account.user_memberships;
ROLLBACK;
BEGIN;
LOCK TABLE account.invitations;
ROLLBACK;
RESET ROLE;
DROP OWNED BY regress_member, regress_member_admin;
DROP ROLE regress_member, regress_member_admin;
