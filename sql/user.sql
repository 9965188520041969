-- user: people, of no account: created, changed, stopped, erased.
\set VERBOSITY terse
SET client_min_messages = error;
CREATE EXTENSION pgcrypto;
SET account.password_cost = 4;
CREATE ROLE regress_user;
CREATE ROLE regress_user_anonymous;
CREATE ROLE regress_user_admin;
SELECT account.grant_access('regress_user', 'tenant'), account.grant_access('regress_user_anonymous', 'anonymous'), account.grant_access('regress_user_admin', 'admin');
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('globex') \gset
SELECT max(profile_id::text) AS acme_profile FROM account.profiles WHERE account_id = :'acme' \gset
SELECT api_key AS hires FROM account.create_api_key(:'acme_profile', 'hires', '{create:users}') \gset
SELECT api_key AS reads FROM account.create_api_key(:'acme_profile', 'reads', '{read:*}') \gset
-- For the attempts below, which are several in a transaction.
SET account.exchange_identity = on;
-- What somebody with a token, or nobody, gets for a call.
CREATE FUNCTION pg_temp.try(token text, call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF token IS NOT NULL THEN
		PERFORM account.authenticate(token);
	END IF;
	EXECUTE 'SELECT account.' || call;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END $$;
CREATE FUNCTION pg_temp.login(email text, password text) RETURNS text LANGUAGE sql AS $$ SELECT COALESCE(error, 'in') FROM account.login(email, password) $$;

-- S5.2, S5.4: who creates users: an administrator, or who has create:users in the own account; and nobody else (S5.14: whatever the flag says).
SET ROLE regress_user;
SELECT pg_temp.try(:'hires', 'create_user(''hired@example.com'')') AS "with create:users", pg_temp.try(:'acme_key', 'create_user(''owner@example.com'')') AS "with *:*", pg_temp.try(:'reads', 'create_user(''a@example.com'')') AS "without", pg_temp.try(NULL, 'create_user(''a@example.com'')') AS nobody;
SET ROLE regress_user_anonymous;
SELECT pg_temp.try(NULL, 'create_user(''a@example.com'')') AS anonymous;
SET ROLE regress_user_admin;
SELECT account.set_feature_flag('account-registration', false);
SELECT account.create_user('alice@example.com', 'correct zebra anvil quiz') AS alice \gset
SELECT account.set_feature_flag('account-registration', true);
RESET ROLE;
SELECT email, created_by_account_id = :'acme' AS acme, created_by = :'acme_profile' AS acme_profile, email_verified_at IS NULL AS unverified, self_registered, password_hash IS NULL AS passwordless FROM account.users ORDER BY email;
-- S5.1: they log in with e-mail and password, however the e-mail is typed; who has no password does not.
SELECT pg_temp.login('alice@example.com', 'correct zebra anvil quiz') AS alice, pg_temp.login('Alice@EXAMPLE.com.', 'correct zebra anvil quiz') AS typed_otherwise, pg_temp.login('alice@example.com', 'Correct zebra anvil quiz') AS wrong, pg_temp.login('hired@example.com', '') AS passwordless;
-- S5.7, S5.9, S5.11: they are of no account and may do nothing.
SELECT session_token AS alices FROM account.login('alice@example.com', 'correct zebra anvil quiz') \gset
BEGIN;
SELECT account_id, profile_id, user_id = :'alice' AS alice, api_key_id, session_id IS NOT NULL AS session, permissions, workspace_ids FROM account.authenticate(:'alices');
SELECT account.has_permission('read:accounts') AS may_read, (SELECT count(*) FROM account.memberships()) AS memberships, pg_temp.try(NULL, 'get_account()') AS account, pg_temp.try(NULL, 'create_account(''x'')') AS create_account;
COMMIT;
SELECT pg_temp.try(:'alices', format('get_account(%L)', :'acme')) AS acme, pg_temp.try(NULL, format('get_account(%L)', :'acme')) AS without;
-- S5.8, S5.10: roles give them access, in as many accounts as they are given some, and to what the role says.
SELECT account.add_member(:'alice', 'auditor', :'acme') IS NOT NULL AS in_acme, account.add_member(:'alice', 'member', :'globex') IS NOT NULL AS in_globex;
SELECT name, has FROM (VALUES (1, :'acme'::uuid, 'acme'), (2, :'globex', 'globex')) a (n, account_id, name),
	LATERAL (SELECT (account.authenticate(:'alices', a.account_id)).permissions AS has) i ORDER BY n;
DELETE FROM account.user_memberships;
DELETE FROM account.grants g USING account.profiles p WHERE p.profile_id = g.profile_id AND p.user_id IS NOT NULL;
DELETE FROM account.profiles WHERE user_id IS NOT NULL;

-- E-mails are unique, external ids for each account that creates users.
SELECT pg_temp.try(NULL, 'create_user(''ALICE@example.com'')') AS by_admin, pg_temp.try(:'hires', 'create_user(''alice@example.com'')') AS by_acme;
SELECT pg_temp.try(:'hires', 'create_user(''b@example.com'', external_id => ''7'')') AS first, pg_temp.try(:'hires', 'create_user(''c@example.com'', external_id => ''7'')') AS again, pg_temp.try(:'globex_key', 'create_user(''d@example.com'', external_id => ''7'')') AS of_another,
	pg_temp.try(:'globex_key', 'create_user(''D@example.com'', external_id => ''8'')') AS same_email;
-- As in all calls: everything that is wrong is said, and nothing is done.
SELECT pg_temp.try(:'hires', call) FROM unnest(ARRAY['create_user(NULL)', 'create_user('''')', 'create_user(''b@c@d'')', 'create_user(''e@example.com'', '''')', 'create_user(''e@example.com'', ''e@example.com!!'')', 'create_user(''e@example.com'', external_id => '''')', 'create_user(''e@example.com'', external_id => repeat(''x'', 256))', 'create_user(''e@example.com'', external_id => repeat(''x'', 1000000))']) call;
CREATE FUNCTION pg_temp.paths(call text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	EXECUTE 'SELECT account.' || call;
EXCEPTION WHEN SQLSTATE 'TA002' THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN (SELECT jsonb_agg(e->'path') FROM jsonb_array_elements(detail::jsonb->'validationErrors') e);
END $$;
SELECT pg_temp.paths('create_user(''nobody'', ''short'', '''')');
SELECT account.archive_account(:'globex');
SELECT pg_temp.try(:'globex_key', 'create_user(''e@example.com'')');
SELECT account.unarchive_account(:'globex');
SELECT count(*) FROM account.users WHERE email = 'e@example.com';

-- SES-14: only a session of one's own, and the old password, change a password; nobody sets that of another, or an e-mail.
SET ROLE regress_user;
SELECT who, pg_temp.try(token, 'change_password(''correct zebra anvil quiz'', ''another zebra anvil quiz'')') AS change_password, pg_temp.try(token, format('set_password(%L, ''another zebra anvil quiz'')', :'alice')) AS set_password, pg_temp.try(token, format('change_email(%L, ''b@example.com'')', :'alice')) AS change_email
FROM (VALUES (1, 'a key', :'acme_key'), (2, 'nobody', NULL)) w (n, who, token) ORDER BY n;
SELECT call, pg_temp.try(:'alices', call) FROM unnest(ARRAY['change_password(NULL, ''another zebra anvil quiz'')', 'change_password('''', ''another zebra anvil quiz'')', 'change_password(''wrong'', ''another zebra anvil quiz'')', 'change_password(repeat(''x'', 1000000), ''another zebra anvil quiz'')', 'change_password(''correct zebra anvil quiz'', NULL)', 'change_password(''correct zebra anvil quiz'', ''short'')', 'change_password(''correct zebra anvil quiz'', ''ALICE@example.com!'')']) call;
SELECT pg_temp.login('alice@example.com', 'correct zebra anvil quiz') AS old;
-- Changed, it ends the other sessions; the own one goes on.
SELECT session_token AS others FROM account.login('alice@example.com', 'correct zebra anvil quiz') \gset
BEGIN;
SELECT (account.authenticate(:'alices')).user_id = :'alice' AS alice;
SELECT account.change_password('correct zebra anvil quiz', 'another zebra anvil quiz');
COMMIT;
SELECT pg_temp.try(:'alices', 'memberships()') AS own, pg_temp.try(:'others', 'memberships()') AS other, pg_temp.login('alice@example.com', 'correct zebra anvil quiz') AS old, pg_temp.login('alice@example.com', 'another zebra anvil quiz') AS new;
-- An administrator's ends all, user tokens too.
SET ROLE regress_user_admin;
SELECT account.issue_user_token('alice@example.com', 'reset') AS reset \gset
SELECT session_token AS others FROM account.login('alice@example.com', 'another zebra anvil quiz') \gset
SELECT account.set_password(:'alice', 'yet another zebra quiz');
SELECT pg_temp.try(:'alices', 'memberships()') AS one, pg_temp.try(:'others', 'memberships()') AS other, pg_temp.try(NULL, format('use_user_token(%L, ''quite another zebra'')', :'reset')) AS token, pg_temp.login('alice@example.com', 'yet another zebra quiz') AS new;
SELECT pg_temp.try(NULL, call) FROM unnest(ARRAY['set_password(NULL, ''yet another zebra quiz'')', 'set_password(gen_random_uuid(), ''yet another zebra quiz'')', format('set_password(%L, NULL)', :'alice'), format('set_password(%L, ''password'')', :'alice')]) call;

-- Another e-mail is not verified, ends the tokens that went to the old one, and is nobody else's.
SELECT session_token AS alices FROM account.login('alice@example.com', 'yet another zebra quiz') \gset
SELECT account.issue_user_token('alice@example.com', 'verify') AS verify \gset
SELECT account.use_user_token(account.issue_user_token('alice@example.com', 'verify'));
SELECT pg_temp.try(NULL, format('change_email(%L, %L)', user_id, email)) FROM (VALUES (:'alice'::uuid, 'hired@example.com'), (:'alice', 'HIRED@example.com'), (:'alice', 'nobody'), (:'alice', NULL), (NULL, 'a@example.com'), (gen_random_uuid(), 'a@example.com')) c (user_id, email);
SELECT account.change_email(:'alice', 'Alice@Example.com');
RESET ROLE;
SELECT email, email_verified_at IS NOT NULL AS verified FROM account.users WHERE user_id = :'alice';
SET ROLE regress_user_admin;
SELECT account.change_email(:'alice', 'Alice@Example.org');
RESET ROLE;
SELECT email, email_verified_at IS NOT NULL AS verified FROM account.users WHERE user_id = :'alice';
SELECT pg_temp.try(NULL, format('use_user_token(%L)', :'verify')) AS token, pg_temp.try(:'alices', 'memberships()') AS session, pg_temp.login('alice@example.com', 'yet another zebra quiz') AS old, pg_temp.login('alice@example.org', 'yet another zebra quiz') AS new;

-- S5.21, S5.22: a user does not expire, but can be disabled: no login, no session, no token; twice is no error.
SELECT account.issue_user_token('alice@example.org', 'reset') AS reset \gset
SET ROLE regress_user_admin;
SELECT account.disable_user(:'alice'), account.disable_user(:'alice');
SELECT pg_temp.login('alice@example.org', 'yet another zebra quiz') AS login, pg_temp.try(:'alices', 'memberships()') AS session, pg_temp.try(NULL, format('use_user_token(%L, ''quite another zebra'')', :'reset')) AS token;
-- Enabled again, they log in; what has been ended stays so.
SELECT account.enable_user(:'alice'), account.enable_user(:'alice');
SELECT pg_temp.login('alice@example.org', 'yet another zebra quiz') AS login, pg_temp.try(:'alices', 'memberships()') AS session, pg_temp.try(NULL, format('use_user_token(%L, ''quite another zebra'')', :'reset')) AS token;
SELECT pg_temp.try(NULL, call) FROM unnest(ARRAY['disable_user(NULL)', 'disable_user(gen_random_uuid())', 'enable_user(NULL)', 'enable_user(gen_random_uuid())', 'erase_user(NULL)', 'erase_user(gen_random_uuid())', 'find_user(''nobody@example.com'')', 'find_user(NULL)', 'find_user(''nobody'')']) call;
-- All of it is for administrators.
SET ROLE regress_user;
SELECT pg_temp.try(token, call) FROM unnest(ARRAY['disable_user', 'enable_user', 'erase_user']) f, LATERAL (VALUES (format('%s(%L)', f, :'alice'))) c (call), (VALUES (1, NULL), (2, :'acme_key')) w (n, token) ORDER BY f, n;
SELECT pg_temp.try(NULL, 'find_user(''alice@example.org'')');
-- DES-02: not even for their roles, once a transaction has had an identity.
SET ROLE regress_user_admin;
SELECT call, pg_temp.try(:'acme_key', call) FROM unnest(ARRAY['find_user(''alice@example.org'')', 'set_password(NULL, NULL)', 'change_email(NULL, NULL)', 'disable_user(NULL)', 'enable_user(NULL)', 'erase_user(NULL)', 'issue_user_token(NULL, NULL)', 'set_feature_flag(NULL, NULL)', 'clean_sessions()', 'evicted_login_counters()']) call;
RESET ROLE;

-- Erased: what is personal goes, the ids stay, and who comes with the e-mail is another: no session or password of the old one is good (KEY-39).
INSERT INTO account.profiles (profile_id, account_id, kind, user_id, name, description, external_id, labels) VALUES (gen_random_uuid(), :'acme', 'user', :'alice', 'Alice A.', 'from Ghent', 'a-7', '{"city": "Ghent"}');
SELECT account.register('alice@example.org', 'never seen zebra quiz');
SELECT session_token AS alices FROM account.login('alice@example.org', 'yet another zebra quiz') \gset
SET ROLE regress_user_admin;
SELECT account.erase_user(:'alice');
SELECT pg_temp.try(NULL, format('%s(%L)', f, :'alice')) FROM unnest(ARRAY['erase_user', 'disable_user', 'enable_user']) f;
SELECT account.create_user('alice@example.org', 'a newcomer with an anvil') <> :'alice' AS another;
SELECT pg_temp.try(:'alices', 'memberships()') AS session, pg_temp.login('alice@example.org', 'yet another zebra quiz') AS login, pg_temp.login('alice@example.org', 'a newcomer with an anvil') AS newcomer;
RESET ROLE;
SELECT email, password_hash, email_verified_at, external_id, created_at IS NOT NULL AS created, erased_at IS NOT NULL AS erased FROM account.users WHERE user_id = :'alice';
SELECT name, description, external_id, labels, account_id = :'acme' AS acme FROM account.profiles WHERE user_id = :'alice';
SELECT count(*) FROM account.registrations;

-- PRIV-13: no role but through functions; the hash of nobody is seen.
SET ROLE regress_user_admin;
SELECT password_hash FROM account.users;
SELECT 1 FROM account.registrations;
SELECT 1 FROM account.login_failures;
SELECT 1 FROM account.blocked_passwords;
INSERT INTO account.users (user_id, email) VALUES (gen_random_uuid(), 'x@example.com');
INSERT INTO account.registrations (user_id, email, password_hash) VALUES (gen_random_uuid(), 'x@example.com', 'x');
UPDATE account.users SET password_hash = NULL;
DELETE FROM account.login_failures;
RESET ROLE;

DELETE FROM account.holds;
DELETE FROM account.profiles WHERE user_id IS NOT NULL;
DELETE FROM account.users;
DELETE FROM account.credentials WHERE user_id IS NOT NULL;
DELETE FROM account.feature_flags;
DROP OWNED BY regress_user, regress_user_anonymous, regress_user_admin;
DROP ROLE regress_user, regress_user_anonymous, regress_user_admin;
DROP EXTENSION pgcrypto;
