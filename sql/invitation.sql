-- invitation: who is invited to an account, accepts once, by the address that it was sent to.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgcrypto;
CREATE ROLE regress_invitation;
CREATE ROLE regress_invitation_admin;
SELECT account.grant_access('regress_invitation', 'tenant'), account.grant_access('regress_invitation_admin', 'admin');
SET client_min_messages = error;
SET account.password_cost = 4;
SET account.exchange_identity = on;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('globex') \gset
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT id AS child, api_key AS child_key FROM account.create_account('child') \gset
COMMIT;
SELECT account.create_user('ann@invitation.example', 'ann''s long password') AS ann, account.create_user('bob@invitation.example', 'bob''s long password') AS bob, account.create_user('cleo@invitation.example', 'cleo''s long password') AS cleo \gset
SELECT (account.login('ann@invitation.example', 'ann''s long password')).session_token AS ann_session, (account.login('bob@invitation.example', 'bob''s long password')).session_token AS bob_session,
	(account.login('cleo@invitation.example', 'cleo''s long password')).session_token AS cleo_session \gset
-- Ann and Bob have shown that their addresses are theirs.
UPDATE account.users SET email_verified_at = now() WHERE email IN ('ann@invitation.example', 'bob@invitation.example');
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
SET ROLE regress_invitation;

-- An invitation is bound to an address in its normal form; its token is shown once. Who has the address accepts it, and is a member (S1.8).
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT invitation_id AS ann_id, invitation AS ann_token, account_id = :'acme' AS to_acme, email, role, expires_at - now() BETWEEN '6 days 23 hours' AND '7 days 1 minute' AS in_a_week FROM account.invite_member('Ann@INVITATION.example', 'member') \gset
SELECT :'to_acme' AS acme, :'email' AS email, :'role' AS role, :'in_a_week' AS "in a week";
SELECT left(:'ann_token', 13) AS token, email, role, state, invited_by = :'acme_profile' AS by_acme, profile_id, membership_ends_at, labels FROM account.invitations;
COMMIT;
BEGIN;
SELECT account_id, user_id = :'ann' AS ann FROM account.authenticate(:'ann_session');
SELECT account.accept_invitation(:'ann_token') AS ann_profile \gset
SELECT account_name, profile_id = :'ann_profile' AS ann, roles, expires_at FROM account.memberships();
COMMIT;
BEGIN;
SELECT account_id = :'acme' AS acme, profile_id = :'ann_profile' AS ann, permissions FROM account.authenticate(:'ann_session');
SELECT email, state, profile_id = :'ann_profile' AS ann FROM account.invitations;
COMMIT;

-- LEAK-21, SES-05, KEY-06: used, revoked, expired, another's, another kind of token and none read alike.
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT invitation_id AS revoked_id, invitation AS revoked FROM account.invite_member('bob@invitation.example', 'member') \gset
SELECT account.revoke_invitation(:'revoked_id');
SELECT invitation AS expired FROM account.invite_member('bob@invitation.example', 'member', '1 microsecond') \gset
SELECT invitation AS replaced FROM account.invite_member('bob@invitation.example', 'auditor') \gset
SELECT invitation_id AS open_id, invitation AS open FROM account.invite_member('bob@invitation.example', 'member') \gset
SELECT invitation AS cleos FROM account.invite_member('cleo@invitation.example', 'member') \gset
SELECT email, role, state FROM account.invitations ORDER BY email, created_at, state, role;
COMMIT;
SELECT name, pg_temp.try(:'bob_session', format('accept_invitation(%L)', token)) AS bob, pg_temp.try(:'ann_session', format('accept_invitation(%L)', token)) AS ann, pg_temp.try(:'acme_key', format('accept_invitation(%L)', token)) AS "a key",
	pg_temp.try(NULL, format('accept_invitation(%L)', token)) AS nobody
FROM (VALUES (1, 'used', :'ann_token'), (2, 'revoked', :'revoked'), (3, 'expired', :'expired'), (4, 'replaced', :'replaced'), (5, 'cleo''s', :'cleos'), (6, 'a key', :'acme_key'), (7, 'a session', :'bob_session'),
	(8, 'one character less', left(:'open', -1)), (9, 'junk', 'junk'), (10, 'empty', ''), (11, 'NULL', NULL), (12, 'long', repeat(:'open', 1000)), (13, 'open', :'open')) t (n, name, token) ORDER BY n;
SELECT pg_temp.try(NULL, format('authenticate(%L)', :'open')) AS "to authenticate", (account.verify_api_key(:'open')).error AS "as a key";
-- What is rolled back was not accepted.
BEGIN;
SELECT FROM account.authenticate(:'bob_session');
SELECT account.accept_invitation(:'open') IS NOT NULL AS accepted;
ROLLBACK;
BEGIN;
SELECT FROM account.authenticate(:'bob_session');
SELECT account.accept_invitation(:'open') IS NOT NULL AS accepted;
SAVEPOINT s;
SELECT account.accept_invitation(:'open');
ROLLBACK;

-- SES-04: the answer is the same whether there is a user with the address or not; only members of the own account are told.
SELECT a, pg_temp.try(:'globex_key', format('invite_member(%L, ''member'')', a)) AS globex, pg_temp.try(:'acme_key', format('invite_member(%L, ''member'')', a)) AS acme
FROM unnest('{nobody@invitation.example,bob@invitation.example,ann@invitation.example,ANN@invitation.example.}'::text[]) WITH ORDINALITY v (a, n) ORDER BY n;

-- Whom and where one may invite; an administrator anyone anywhere. Nobody gives what they lack.
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT api_key_id AS narrow_id, api_key AS narrow FROM account.create_api_key(:'acme_profile', 'narrow', '{manage:members,read:accounts,read:members,read:workspaces}') \gset
SELECT api_key AS powerless FROM account.create_api_key(:'acme_profile', 'powerless', '{read:accounts}') \gset
COMMIT;
SELECT role, pg_temp.try(:'narrow', format('invite_member(''x@invitation.example'', %L)', role)) AS narrow FROM unnest('{owner,admin,member,auditor,unknown}'::text[]) WITH ORDINALITY v (role, n) ORDER BY n;
SELECT a.name AS account, pg_temp.try(:'acme_key', format('invite_member(''x@invitation.example'', ''admin'', account_id => %L)', a.id)) AS acme, pg_temp.try(:'child_key', format('invite_member(''x@invitation.example'', ''admin'', account_id => %L)', a.id)) AS "its child",
	pg_temp.try(:'powerless', format('invite_member(''x@invitation.example'', ''admin'', account_id => %L)', a.id)) AS "without permission", pg_temp.try(NULL, format('invite_member(''x@invitation.example'', ''admin'', account_id => %L)', a.id)) AS nobody
FROM (VALUES (1, 'acme', :'acme'::uuid), (2, 'its child', :'child'), (3, 'a stranger', :'globex'), (4, 'unknown', gen_random_uuid())) a (n, name, id) ORDER BY n;
SELECT i.name AS invitation, pg_temp.try(:'acme_key', format('revoke_invitation(%L)', i.id)) AS acme, pg_temp.try(:'child_key', format('revoke_invitation(%L)', i.id)) AS "its child", pg_temp.try(:'globex_key', format('revoke_invitation(%L)', i.id)) AS "a stranger",
	pg_temp.try(:'powerless', format('revoke_invitation(%L)', i.id)) AS "without permission", pg_temp.try(:'bob_session', format('revoke_invitation(%L)', i.id)) AS bob
FROM (VALUES (1, 'open', :'open_id'::uuid), (2, 'revoked', :'revoked_id'), (3, 'accepted', :'ann_id'), (4, 'a key', :'narrow_id'), (5, 'unknown', gen_random_uuid()), (6, 'NULL', NULL)) i (n, name, id) ORDER BY n;
SELECT left(call, 40) AS call, pg_temp.try(:'acme_key', call)
FROM (VALUES (1, 'invite_member(NULL, ''member'')'), (2, 'invite_member('''', ''member'')'), (3, 'invite_member(''no address'', ''member'')'), (4, format('invite_member(%L, ''member'')', repeat('x', 20000))), (5, 'invite_member(''x@invitation.example'', NULL)'),
	(6, 'invite_member(''x@invitation.example'', ''member'', NULL)'), (7, 'invite_member(''x@invitation.example'', ''member'', ''0'')'), (8, 'invite_member(''x@invitation.example'', ''member'', ''-1 day'')'), (9, 'invite_member(''x@invitation.example'', ''member'', ''31 days'')')) c (n, call) ORDER BY n;
-- Who sees invitations: with read:members, of the own account and those below.
SET ROLE regress_invitation_admin;
SELECT FROM account.invite_member('bob@invitation.example', 'owner', account_id => :'child');
SELECT count(*) >= 7 AS admin FROM account.invitations;
SET ROLE regress_invitation;
CREATE FUNCTION pg_temp.seen(token text) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN PERFORM account.authenticate(token); RETURN count(*) FROM account.invitations; END $$;
SELECT count(*) AS nobody FROM account.invitations;
SELECT who, pg_temp.seen(token) FROM (VALUES (1, 'acme', :'acme_key'), (2, 'its child', :'child_key'), (3, 'a stranger', :'globex_key'), (4, 'without permission', :'powerless')) v (n, who, token) ORDER BY n;

-- DES-11: what a key invites to lasts no longer than the key, nor does the invitation.
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT api_key AS brief FROM account.create_api_key(:'acme_profile', 'brief', '{manage:members,read:accounts,read:members,read:workspaces}', '1 hour') \gset
COMMIT;
BEGIN;
SELECT FROM account.authenticate(:'brief');
SELECT invitation AS brief_token, expires_at - now() < '61 minutes' AS ends FROM account.invite_member('bob@invitation.example', 'member') \gset
SELECT :'ends' AS "ends with the key";
SELECT FROM account.authenticate(:'bob_session');
SELECT account.accept_invitation(:'brief_token') IS NOT NULL AS accepted;
SELECT account_name, expires_at - now() < '61 minutes' AS "ends with the key" FROM account.memberships();
ROLLBACK;

-- Contract: by a user whose address was not proven before, the invitation proves it: password and other sessions, which need not have been theirs, end.
RESET ROLE;
SELECT (account.login('cleo@invitation.example', 'cleo''s long password')).session_token AS other_session \gset
SET ROLE regress_invitation;
SELECT pg_temp.try(NULL, format('authenticate(%L)', :'other_session')) AS "the other session";
SET ROLE regress_invitation_admin;
SELECT account.add_member(:'cleo', 'member', :'globex') IS NOT NULL AS "member of globex";
SET ROLE regress_invitation;
BEGIN;
SELECT account_id = :'globex' AS globex FROM account.authenticate(:'cleo_session');
SELECT account.accept_invitation(:'cleos') AS cleo_profile \gset
COMMIT;
SELECT pg_temp.try(NULL, format('authenticate(%L)', :'other_session')) AS "the other session", pg_temp.try(NULL, format('authenticate(%L)', :'cleo_session')) AS "this one", (account.login('cleo@invitation.example', 'cleo''s long password')).error AS password;
RESET ROLE;
-- ... What it made is its sender's, not of the account that the user came from.
SELECT p.created_by = :'acme_profile' AS profile, m.created_by = :'acme_profile' AS membership, g.created_by = :'acme_profile' AS role
FROM account.profiles p JOIN account.user_memberships m USING (profile_id) JOIN account.grants g USING (profile_id) WHERE profile_id = :'cleo_profile';
SELECT email_verified_at IS NOT NULL AS verified, password_hash FROM account.users WHERE email = 'cleo@invitation.example';
-- ... for one who had, nothing of that kind.
SELECT email_verified_at IS NOT NULL AS verified, password_hash IS NOT NULL AS password FROM account.users WHERE email = 'bob@invitation.example';
SET ROLE regress_invitation;

-- A member accepts no other; who is removed has none left to come back by (PRIV-07).
BEGIN;
SELECT FROM account.authenticate(:'globex_key');
SELECT invitation AS first_token FROM account.invite_member('bob@invitation.example', 'member') \gset
COMMIT;
SET ROLE regress_invitation_admin;
SELECT account.add_member(:'bob', 'member', :'globex') AS bob_profile \gset
SET ROLE regress_invitation;
SELECT pg_temp.try(:'bob_session', format('accept_invitation(%L)', :'first_token')) AS "invited before";
BEGIN;
SELECT FROM account.authenticate(:'globex_key');
SELECT account.remove_member(:'bob_profile');
SELECT email, state FROM account.invitations;
COMMIT;
SELECT pg_temp.try(:'bob_session', format('accept_invitation(%L)', :'first_token')) AS removed;

-- Who becomes one who was invited by changing the address, and is a member already, is told so.
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT invitation AS to_new FROM account.invite_member('new@invitation.example', 'member') \gset
COMMIT;
RESET ROLE;
SELECT account.change_email(:'ann', 'new@invitation.example');
SET ROLE regress_invitation;
SELECT pg_temp.try(:'ann_session', format('accept_invitation(%L)', :'to_new')) AS ann;
-- ... and does not come back by it.
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT account.remove_member(:'ann_profile');
COMMIT;
SELECT pg_temp.try(:'ann_session', format('accept_invitation(%L)', :'to_new')) AS removed;

-- An account that takes no members says so to the invited alone.
BEGIN;
SELECT FROM account.authenticate(:'globex_key');
SELECT invitation AS open FROM account.invite_member('bob@invitation.example', 'member') \gset
COMMIT;
SET ROLE regress_invitation_admin;
SELECT account.archive_account(:'globex');
SET ROLE regress_invitation;
SELECT pg_temp.try(:'bob_session', format('accept_invitation(%L)', :'open')) AS bob, pg_temp.try(:'ann_session', format('accept_invitation(%L)', :'open')) AS ann, pg_temp.try(:'globex_key', 'invite_member(''x@invitation.example'', ''member'')') AS globex;
SET ROLE regress_invitation_admin;
SELECT account.unarchive_account(:'globex'), account.suspend_account(:'globex', 'unpaid');
SET ROLE regress_invitation;
SELECT pg_temp.try(:'bob_session', format('accept_invitation(%L)', :'open')) AS bob, pg_temp.try(:'ann_session', format('accept_invitation(%L)', :'open')) AS ann;
SET ROLE regress_invitation_admin;
SELECT account.resume_account(:'globex');
SET client_min_messages = error;
SELECT FROM account.create_plan('no members', '{"members": 0}'), account.set_plan(:'globex', 'no members');
SET client_min_messages = warning;
SET ROLE regress_invitation;
SELECT pg_temp.try(:'bob_session', format('accept_invitation(%L)', :'open')) AS bob, pg_temp.try(:'ann_session', format('accept_invitation(%L)', :'open')) AS ann;

-- Who is erased is invited nowhere, and no list knows the address any more.
SET ROLE regress_invitation_admin;
SELECT account.erase_user(:'bob');
SELECT count(*) FILTER (WHERE state = 'open') AS open, count(*) FILTER (WHERE email = 'bob@invitation.example') AS known, count(*) > 3 AS kept FROM account.invitations WHERE email IS NULL OR email = 'bob@invitation.example';
RESET ROLE;
DROP OWNED BY regress_invitation, regress_invitation_admin;
DROP ROLE regress_invitation, regress_invitation_admin;
