-- invitation_sender: an invitation is good as long as who sent it could send it.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgcrypto;
CREATE ROLE regress_sender;
CREATE ROLE regress_sender_admin;
SELECT account.grant_access('regress_sender', 'tenant'), account.grant_access('regress_sender_admin', 'admin');
SET client_min_messages = error;
SET account.password_cost = 4;
SET account.exchange_identity = on;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('globex') \gset
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT id AS child, api_key AS child_key FROM account.create_account('child') \gset
COMMIT;
SELECT account.create_user('ann@sender.example', 'ann''s long password') AS ann, account.create_user('bob@sender.example', 'bob''s long password') AS bob \gset
SELECT (account.login('ann@sender.example', 'ann''s long password')).session_token AS ann_session, (account.login('bob@sender.example', 'bob''s long password')).session_token AS bob_session \gset
-- Ann and Bob have shown that their addresses are theirs.
UPDATE account.users SET email_verified_at = now() WHERE email IN ('ann@sender.example', 'bob@sender.example');
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
SET ROLE regress_sender;

-- Ann, an admin, invites Bob ...
SET ROLE regress_sender_admin;
SELECT account.add_member(:'ann', 'admin', :'acme') AS ann_profile \gset
SET ROLE regress_sender;
BEGIN;
SELECT FROM account.authenticate(:'ann_session');
SELECT account.create_role('porter', '{read:workspaces}') AS porter \gset
SELECT invitation AS of_ann FROM account.invite_member('bob@sender.example', 'porter') \gset
COMMIT;
SELECT pg_temp.try(:'bob_session', format('accept_invitation(%L)', :'of_ann')) AS now;
-- ... to a role that was widened beyond what she has,
SET ROLE regress_sender_admin;
SELECT account.update_role(:'porter', '{"permissions": ["manage:accounts"]}');
SET ROLE regress_sender;
SELECT pg_temp.try(:'bob_session', format('accept_invitation(%L)', :'of_ann')) AS widened;
SET ROLE regress_sender_admin;
SELECT account.update_role(:'porter', '{"permissions": ["read:workspaces"]}');
-- ... while she is disabled, as a profile or as a user,
SELECT account.disable_profile(:'ann_profile');
SET ROLE regress_sender;
SELECT pg_temp.try(:'bob_session', format('accept_invitation(%L)', :'of_ann')) AS disabled;
SET ROLE regress_sender_admin;
SELECT account.enable_profile(:'ann_profile'), account.disable_user(:'ann');
SET ROLE regress_sender;
SELECT pg_temp.try(:'bob_session', format('accept_invitation(%L)', :'of_ann')) AS disabled;
SET ROLE regress_sender_admin;
SELECT account.enable_user(:'ann');
RESET ROLE;
SELECT (account.login('ann@sender.example', 'ann''s long password')).session_token AS ann_session \gset
SET ROLE regress_sender_admin;
-- ... when she is no admin any more, though she has the role's permission still,
SELECT account.unassign_role(:'ann_profile', 'admin'), account.assign_role(:'ann_profile', 'member');
SET ROLE regress_sender;
SELECT pg_temp.try(:'bob_session', format('accept_invitation(%L)', :'of_ann')) AS demoted;
SET ROLE regress_sender_admin;
SELECT account.assign_role(:'ann_profile', 'admin');
SET ROLE regress_sender;
SELECT pg_temp.try(:'bob_session', format('accept_invitation(%L)', :'of_ann')) AS again;
-- ... and when she was removed (PRIV-07), also if she is back as another.
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT account.remove_member(:'ann_profile');
COMMIT;
SELECT pg_temp.try(:'bob_session', format('accept_invitation(%L)', :'of_ann')) AS removed;
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT email, role, state FROM account.invitations WHERE role = 'porter';
COMMIT;
SET ROLE regress_sender_admin;
SELECT account.add_member(:'ann', 'owner', :'acme') AS ann_profile \gset
SET ROLE regress_sender;
SELECT pg_temp.try(:'bob_session', format('accept_invitation(%L)', :'of_ann')) AS "back as another";
-- A service account's: not while it is disabled.
SET ROLE regress_sender_admin;
SELECT profile_id AS robot, api_key AS robots_key FROM account.create_service_account('robot', 'admin', account_id => :'acme') \gset
SET ROLE regress_sender;
BEGIN;
SELECT FROM account.authenticate(:'robots_key');
SELECT invitation AS of_robot FROM account.invite_member('bob@sender.example', 'member') \gset
COMMIT;
SELECT pg_temp.try(:'bob_session', format('accept_invitation(%L)', :'of_robot')) AS "a robot's";
SET ROLE regress_sender_admin;
SELECT account.disable_profile(:'robot');
SET ROLE regress_sender;
SELECT pg_temp.try(:'bob_session', format('accept_invitation(%L)', :'of_robot')) AS "a disabled robot's";
-- A key's: until the key is revoked, for whoever had it may have sent it; not when it is replaced.
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT api_key_id AS narrow_id, api_key AS narrow FROM account.create_api_key(:'acme_profile', 'narrow', '{manage:members,read:accounts,read:members,read:workspaces}') \gset
COMMIT;
BEGIN;
SELECT FROM account.authenticate(:'narrow');
SELECT invitation AS of_key FROM account.invite_member('bob@sender.example', 'member') \gset
SELECT api_key FROM account.rotate_api_key(:'narrow_id') \gset
COMMIT;
SELECT pg_temp.try(:'bob_session', format('accept_invitation(%L)', :'of_key')) AS rotated;
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT account.revoke_api_key(:'narrow_id');
SELECT state FROM account.invitations WHERE email = 'bob@sender.example' AND role = 'member' AND account_id = :'acme' ORDER BY created_at DESC LIMIT 1;
COMMIT;
SELECT pg_temp.try(:'bob_session', format('accept_invitation(%L)', :'of_key')) AS revoked;
-- An application's, likewise, as long as its key is not revoked.
SET ROLE regress_sender_admin;
SELECT api_key_id AS app_id, api_key AS app FROM account.create_application_key('app', '{manage:members,read:*}') \gset
SET ROLE regress_sender;
BEGIN;
SELECT FROM account.act_as(:'app', :'acme');
SELECT invitation AS of_app FROM account.invite_member('bob@sender.example', 'auditor') \gset
COMMIT;
SELECT pg_temp.try(:'bob_session', format('accept_invitation(%L)', :'of_app')) AS application;
SET ROLE regress_sender_admin;
SELECT account.revoke_api_key(:'app_id');
SET ROLE regress_sender;
SELECT pg_temp.try(:'bob_session', format('accept_invitation(%L)', :'of_app')) AS revoked;
-- Who acts below by a role that reaches down invites there by it.
SET ROLE regress_sender_admin;
SELECT account.assign_role(:'ann_profile', 'admin', descendants => true);
SET ROLE regress_sender;
BEGIN;
SELECT account_id = :'child' AS child, profile_id = :'ann_profile' AS ann FROM account.authenticate(:'ann_session', :'child');
SELECT invitation AS from_above FROM account.invite_member('bob@sender.example', 'member') \gset
COMMIT;
SELECT pg_temp.try(:'bob_session', format('accept_invitation(%L)', :'from_above')) AS "reaches down";
SET ROLE regress_sender_admin;
SELECT account.unassign_role(:'ann_profile', 'admin');
SET ROLE regress_sender;
SELECT pg_temp.try(:'bob_session', format('accept_invitation(%L)', :'from_above')) AS "no more";
-- An account above invites as long as it is above.
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT invitation AS of_parent FROM account.invite_member('bob@sender.example', 'member', account_id => :'child') \gset
COMMIT;
SELECT pg_temp.try(:'bob_session', format('accept_invitation(%L)', :'of_parent')) AS "the parent's";
SET ROLE regress_sender_admin;
SELECT account.move_account(:'child', :'globex');
SET ROLE regress_sender;
SELECT pg_temp.try(:'bob_session', format('accept_invitation(%L)', :'of_parent')) AS "moved away";
-- An administrator's is good whoever is there; not when its role is gone.
SET ROLE regress_sender_admin;
SELECT invitation AS to_porter FROM account.invite_member('bob@sender.example', 'porter', account_id => :'acme') \gset
SET ROLE regress_sender;
SELECT pg_temp.try(:'bob_session', format('accept_invitation(%L)', :'to_porter')) AS "by an administrator";
SET ROLE regress_sender_admin;
SELECT account.delete_role(:'porter');
SET ROLE regress_sender;
SELECT pg_temp.try(:'bob_session', format('accept_invitation(%L)', :'to_porter')) AS "role deleted";
RESET ROLE;
DROP OWNED BY regress_sender, regress_sender_admin;
DROP ROLE regress_sender, regress_sender_admin;
