-- signup: who wants to become a user, whether anybody may, and the proof of an e-mail.
\set VERBOSITY terse
SET client_min_messages = error;
CREATE EXTENSION pgcrypto;
SET account.password_cost = 4;
CREATE ROLE regress_signup;
CREATE ROLE regress_signup_anonymous;
CREATE ROLE regress_signup_admin;
SELECT account.grant_access('regress_signup', 'tenant'), account.grant_access('regress_signup_anonymous', 'anonymous'), account.grant_access('regress_signup_admin', 'admin');
SET account.exchange_identity = on;
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

-- S5.5, S5.6: the flag account-registration is on unless it is turned off; S5.16: by SQL or by the setting, and off wins.
SELECT account.feature_flag_enabled('account-registration') AS untouched;
SELECT account.set_feature_flag('account-registration', false);
SELECT account.feature_flag_enabled('account-registration') AS off_by_sql;
SET account.registration = off;
SELECT account.feature_flag_enabled('account-registration') AS off_by_both;
SELECT account.set_feature_flag('account-registration', true);
SELECT account.feature_flag_enabled('account-registration') AS off_by_setting;
-- S5.14, SES-05: while it is off all are refused before anything is looked at, whoever asks.
SET ROLE regress_signup_anonymous;
SELECT account.register('alice@example.com', 'correct zebra anvil quiz');
SELECT account.register(NULL, NULL);
SELECT account.sign_up('alice@example.com', 'correct zebra anvil quiz', 'Acme');
SELECT account.sign_up('nobody', 'x', NULL);
RESET ROLE;
SELECT account.register('alice@example.com', 'correct zebra anvil quiz');
SELECT count(*) FROM account.registrations;
RESET account.registration;
-- It is an administrator's, and there is no other flag: a typing error turns nothing off in silence.
SET ROLE regress_signup;
SELECT account.set_feature_flag('account-registration', false);
SELECT account.feature_flag_enabled('account-registration');
SET account.registration = off;
SET ROLE regress_signup_admin;
SELECT pg_temp.try(NULL, call) FROM unnest(ARRAY['set_feature_flag(''account_registration'', false)', 'set_feature_flag(NULL, false)', 'set_feature_flag(''account-registration'', NULL)', 'feature_flag_enabled(''x'')', 'feature_flag_enabled(NULL)', 'feature_flag_enabled(repeat(''x'', 1000000))']) call;

-- S5.3, S5.13: on, anybody may register. It gives nothing: no session, no key, and no login before the e-mail is verified.
SET ROLE regress_signup_anonymous;
SELECT account.register('Alice@Example.com', 'correct zebra anvil quiz');
SELECT pg_temp.login('alice@example.com', 'correct zebra anvil quiz');
-- SES-04: the same for an e-mail that has a user, and one that is registered already: nobody is looked for.
RESET ROLE;
SELECT account.create_user('known@example.com', 'known zebra anvil quiz') AS known \gset
SET ROLE regress_signup_anonymous;
SELECT account.register('known@example.com', 'guessed zebra anvil quiz');
SELECT account.sign_up('known@example.com', 'guessed zebra anvil quiz', 'Acme');
SELECT pg_temp.login('known@example.com', 'guessed zebra anvil quiz') AS guessed, pg_temp.login('known@example.com', 'known zebra anvil quiz') AS known;
CREATE FUNCTION pg_temp.done(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	query CONSTANT text := $q$SELECT string_agg(concat_ws(' ', c.oid, pg_stat_get_xact_numscans(c.oid), pg_stat_get_xact_tuples_returned(c.oid), pg_stat_get_xact_tuples_fetched(c.oid), pg_stat_get_xact_tuples_inserted(c.oid), pg_stat_get_xact_tuples_updated(c.oid), pg_stat_get_xact_tuples_deleted(c.oid)), '; ' ORDER BY c.oid)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'account' WHERE c.relkind IN ('r', 'i')$q$;
	before text;
	after text;
BEGIN
	EXECUTE query INTO before;
	EXECUTE 'SELECT account.' || call;
	EXECUTE query INTO after;
	RETURN (SELECT string_agg((a::bigint - b::bigint)::text, ' ' ORDER BY n) FROM unnest(regexp_split_to_array(before, ';? '), regexp_split_to_array(after, ';? ')) WITH ORDINALITY AS u (b, a, n))
		|| (SELECT string_agg(concat_ws(' ', locktype, mode, relation), '; ' ORDER BY locktype, mode, relation) FROM pg_locks WHERE pid = pg_backend_pid());
END $$;
SELECT pg_temp.done($$register('first@example.com', 'guessed zebra anvil quiz')$$) IS NOT NULL AS warm;
SELECT pg_temp.done($$sign_up('first@example.com', 'guessed zebra anvil quiz', 'Acme')$$) IS NOT NULL AS warm;
SELECT pg_temp.done($$register('known@example.com', 'guessed zebra anvil quiz')$$) = pg_temp.done($$register('unknown@example.com', 'guessed zebra anvil quiz')$$) AS same, pg_temp.done($$sign_up('known@example.com', 'guessed zebra anvil quiz', 'Acme')$$) = pg_temp.done($$sign_up('unknown2@example.com', 'guessed zebra anvil quiz', 'Acme')$$) AS same_with_account;
-- What is no address or no good password is refused alike, whoever has it; all that is wrong is said.
SELECT pg_temp.try(NULL, call) FROM unnest(ARRAY['register(NULL, ''correct zebra anvil quiz'')', 'register(''nobody'', ''correct zebra anvil quiz'')', 'register(''known@example.com'', ''short'')', 'register(''known@example.com'', NULL)', 'register(''known@example.com'', ''Known@Example.com'')', 'register(''known@example.com'', repeat(''x'', 1000000))',
	'sign_up(''x@example.com'', ''correct zebra anvil quiz'', NULL)', 'sign_up(''x@example.com'', ''correct zebra anvil quiz'', '' '')', 'sign_up(''x@example.com'', ''correct zebra anvil quiz'', repeat(''x'', 256))', 'sign_up(''x@example.com'', ''2026 Ticking Marsupials'', ''Ticking Marsupials'')', 'sign_up(''x@example.com'', ''ticking-marsupials!'', ''Ticking Marsupials'')', 'sign_up(''x@example.com'', ''TickingMarsupials1'', ''Ticking Marsupials'')']) call;

-- The e-mail is proved by a token that an administrator has issued, and that goes there by whatever way: once.
SELECT account.issue_user_token('alice@example.com', 'verify');
SET ROLE regress_signup_admin;
SELECT account.issue_user_token('ALICE@example.com', 'verify') AS verify, account.issue_user_token('alice@example.com', 'verify', '1 minute') AS verify_too \gset
SET ROLE regress_signup_anonymous;
SELECT :'verify' ~ '^prod_acctusr_[0-9A-Za-z]{49}$' AS form, pg_temp.try(:'verify', 'memberships()') AS as_identity, pg_temp.try(:'verify', 'logout()') AS as_session;
SELECT account.use_user_token(:'verify');
SELECT account.use_user_token(:'verify');
SELECT pg_temp.login('alice@example.com', 'correct zebra anvil quiz');
-- S5.7, S5.20: a user without roles, account or key; registered by themselves.
RESET ROLE;
SELECT account.find_user('alice@example.com') AS alice \gset
SELECT email, email_verified_at IS NOT NULL AS verified, self_registered, created_by_account_id FROM account.users WHERE user_id = :'alice';
SELECT (SELECT count(*) FROM account.user_memberships WHERE user_id = :'alice') AS memberships, (SELECT count(*) FROM account.profiles WHERE user_id = :'alice') AS profiles, (SELECT count(*) FROM account.credentials WHERE user_id = :'alice' AND kind NOT IN ('s', 'u') AND entry = 0) AS others, (SELECT count(*) FROM account.registrations WHERE email = 'alice@example.com') AS registrations;
-- A user who is verified may prove it again, and set a password with it: then what was before ends.
SELECT session_token AS alices FROM account.login('alice@example.com', 'correct zebra anvil quiz') \gset
SELECT account.use_user_token(:'verify_too');
SELECT pg_temp.try(:'alices', 'memberships()') AS session;
SELECT account.issue_user_token('alice@example.com', 'verify') AS verify, account.issue_user_token('alice@example.com', 'reset') AS reset \gset
SELECT account.use_user_token(:'verify', 'another zebra anvil quiz');
SELECT pg_temp.try(:'alices', 'memberships()') AS session, pg_temp.try(NULL, format('use_user_token(%L, ''a third zebra anvil quiz'')', :'reset')) AS token, pg_temp.login('alice@example.com', 'correct zebra anvil quiz') AS old, pg_temp.login('alice@example.com', 'another zebra anvil quiz') AS new;
-- reset sets a password, which has to be a good one; if it is not the token stays.
SELECT session_token AS alices FROM account.login('alice@example.com', 'another zebra anvil quiz') \gset
SELECT account.issue_user_token('alice@example.com', 'reset') AS reset \gset
SET ROLE regress_signup_anonymous;
SELECT pg_temp.try(NULL, format('use_user_token(%L, %L)', :'reset', p)) FROM unnest(ARRAY[NULL, 'short', 'alice@example.com', 'a third zebra anvil quiz', 'a fourth zebra anvil quiz']) WITH ORDINALITY AS u (p, n) ORDER BY n;
SELECT pg_temp.try(:'alices', 'memberships()') AS session, pg_temp.login('alice@example.com', 'a third zebra anvil quiz') AS new;
-- Who was created without a password sets one so.
RESET ROLE;
SELECT account.create_user('invited@example.com') IS NOT NULL AS created, account.issue_user_token('invited@example.com', 'reset', '30 days') AS reset \gset
SELECT account.use_user_token(:'reset', 'an invited zebra anvil');
SELECT pg_temp.login('invited@example.com', 'an invited zebra anvil');
-- Nothing else is a token: not NULL, junk, a key or session, one that has expired.
SELECT session_token AS alices FROM account.login('alice@example.com', 'a third zebra anvil quiz') \gset
SELECT account.issue_user_token('alice@example.com', 'reset', '1 millisecond') AS expired \gset
SELECT pg_temp.try(NULL, format('use_user_token(%L, ''another zebra anvil quiz'')', t)) FROM unnest(ARRAY[NULL, '', 'junk', repeat('x', 1000000), :'alices', :'expired', left(:'expired', 61) || CASE right(:'expired', 1) WHEN 'x' THEN 'y' ELSE 'x' END]) WITH ORDINALITY AS u (t, n) ORDER BY n;
-- ... nor a key that may do what is called so.
SELECT id AS globex FROM account.create_account('Globex') \gset
SELECT account.define_permission('reset:password', 'an application''s own') IS NOT NULL AS defined;
SELECT api_key AS resets FROM account.profiles p, account.create_api_key(p.profile_id, 'resets', '{reset:password}') WHERE p.account_id = :'globex' \gset
SELECT pg_temp.try(NULL, format('use_user_token(%L, ''another zebra anvil quiz'')', :'resets'));
DELETE FROM account.permissions WHERE NOT built_in;
SELECT pg_temp.try(NULL, call) FROM unnest(ARRAY['issue_user_token(NULL, ''reset'')', 'issue_user_token(''nobody'', ''reset'')', 'issue_user_token(''nobody@example.com'', ''reset'')', 'issue_user_token(''alice@example.com'', NULL)', 'issue_user_token(''alice@example.com'', ''RESET'')', 'issue_user_token(''alice@example.com'', ''reset'', NULL)', 'issue_user_token(''alice@example.com'', ''reset'', ''0'')',
	'issue_user_token(''alice@example.com'', ''reset'', ''-1 hour'')', 'issue_user_token(''alice@example.com'', ''reset'', ''31 days'')', 'issue_user_token(''alice@example.com'', ''reset'', ''1 month -1 hour'')']) call;

-- Who registers an e-mail first reserves nothing: the token is of one registration, and the first that is proved is the user.
-- Where several have registered it, whoever reads the mail says which password is theirs: without one nothing is proved.
SET ROLE regress_signup_anonymous;
SELECT account.register('victim@example.com', 'thieving zebra anvil quiz');
RESET ROLE;
SELECT account.issue_user_token('victim@example.com', 'verify') AS of_thief \gset
SELECT account.register('victim@example.com', 'rightful zebra anvil quiz');
SELECT account.issue_user_token('victim@example.com', 'verify') AS of_victim \gset
SELECT pg_temp.try(NULL, format('use_user_token(%L)', :'of_victim')) AS unsaid, pg_temp.try(NULL, format('use_user_token(%L)', :'of_thief')) AS thief;
SELECT account.use_user_token(:'of_victim', 'rightful zebra anvil quiz');
SELECT pg_temp.try(NULL, format('use_user_token(%L)', :'of_thief')) AS thief, pg_temp.login('victim@example.com', 'thieving zebra anvil quiz') AS thiefs, pg_temp.login('victim@example.com', 'rightful zebra anvil quiz') AS victims;
-- With the password given again it does not matter whose registration it was.
SELECT account.register('other@example.com', 'thieving zebra anvil quiz');
SELECT account.use_user_token(account.issue_user_token('other@example.com', 'verify'), 'rightful zebra anvil quiz');
SELECT pg_temp.login('other@example.com', 'thieving zebra anvil quiz') AS thiefs, pg_temp.login('other@example.com', 'rightful zebra anvil quiz') AS victims;
-- Who has become a user in another way meanwhile is that user.
SELECT account.register('late@example.com', 'correct zebra anvil quiz');
SELECT account.issue_user_token('late@example.com', 'verify') AS late \gset
SELECT account.create_user('late@example.com') IS NOT NULL AS created;
SELECT account.use_user_token(:'late');
-- A registration lapses after a week, and later ones delete it.
SELECT account.register('lapsed@example.com', 'correct zebra anvil quiz');
SELECT account.issue_user_token('lapsed@example.com', 'verify', '30 days') AS lapsed \gset
UPDATE account.registrations SET created_at = created_at - interval '8 days' WHERE email = 'lapsed@example.com';
SELECT pg_temp.try(NULL, format('use_user_token(%L)', :'lapsed')) AS token, pg_temp.try(NULL, 'issue_user_token(''lapsed@example.com'', ''verify'')') AS another;
SELECT account.register('next@example.com', 'correct zebra anvil quiz');
SELECT count(*) FROM account.registrations WHERE email = 'lapsed@example.com';

-- S1.6, D5: sign_up() also makes an account, once the e-mail is proved: the user owns it and nothing else, and there is no key.
SELECT count(*) AS accounts_before FROM account.accounts \gset
SET ROLE regress_signup_anonymous;
SELECT account.sign_up('owner@example.com', 'correct zebra anvil quiz', 'Acme');
RESET ROLE;
SELECT count(*) - :accounts_before AS accounts FROM account.accounts;
SELECT account.use_user_token(account.issue_user_token('owner@example.com', 'verify'));
SELECT account.find_user('owner@example.com') AS owner \gset
SELECT a.name, a.parent_account_id, a.path = ARRAY[a.account_id] AS root, a.branding, a.labels, p.name AS profile, p.kind, r.name AS role, g.descendants, m.expires_at FROM account.user_memberships m JOIN account.accounts a USING (account_id) JOIN account.profiles p USING (profile_id) JOIN account.grants g USING (profile_id) JOIN account.roles r USING (role_id) WHERE m.user_id = :'owner' \gx
SELECT account_id AS acme FROM account.user_memberships WHERE user_id = :'owner' \gset
SELECT kind, name, system FROM account.profiles WHERE account_id = :'acme' ORDER BY kind;
SELECT (SELECT string_agg(name, ', ') FROM account.workspaces WHERE account_id = :'acme') AS workspaces, (SELECT count(*) FROM account.keys WHERE account_id = :'acme') AS keys, (SELECT count(*) FROM account.credentials WHERE account_id = :'acme') AS credentials;
SET ROLE regress_signup;
SELECT session_token AS owners FROM account.login('owner@example.com', 'correct zebra anvil quiz') \gset
BEGIN;
SELECT account_id = :'acme' AS acme, permissions FROM account.authenticate(:'owners');
SELECT name FROM account.get_account();
SELECT name, api_key IS NOT NULL AS key FROM account.create_account('below');
COMMIT;
RESET ROLE;

-- Where no proof is asked for a registration is a user at once, if the e-mail has none; then it takes no account along.
SET account.require_verified_email = off;
SELECT count(*) AS accounts_before FROM account.accounts \gset
SELECT account.register('quick@example.com', 'correct zebra anvil quiz'), account.sign_up('known@example.com', 'guessed zebra anvil quiz', 'Not made'), account.sign_up('quicker@example.com', 'correct zebra anvil quiz', 'Made');
SELECT pg_temp.login('quick@example.com', 'correct zebra anvil quiz') AS quick, pg_temp.login('quicker@example.com', 'correct zebra anvil quiz') AS quicker, pg_temp.login('known@example.com', 'guessed zebra anvil quiz') AS guessed, (SELECT count(*) - :accounts_before FROM account.accounts) AS accounts;
SELECT email, self_registered, email_verified_at IS NOT NULL AS verified FROM account.users WHERE email ~ '^quick' ORDER BY email;
RESET account.require_verified_email;
SELECT pg_temp.login('quick@example.com', 'correct zebra anvil quiz') AS asked_for_again;
SELECT account.use_user_token(account.issue_user_token('quick@example.com', 'verify'));
SELECT pg_temp.login('quick@example.com', 'correct zebra anvil quiz') AS verified;

-- No password and no token stands anywhere but as a hash or digest (LEAK-19).
SELECT count(*) FROM (SELECT r::text FROM account.users r UNION ALL SELECT r::text FROM account.registrations r UNION ALL SELECT r::text FROM account.credentials r UNION ALL SELECT r::text FROM account.login_failures r) t (r) WHERE r ~ 'zebra|_acct';

DELETE FROM account.registrations;
DELETE FROM account.user_memberships;
DELETE FROM account.grants WHERE profile_id IN (SELECT profile_id FROM account.profiles WHERE user_id IS NOT NULL);
DELETE FROM account.profiles WHERE user_id IS NOT NULL;
DELETE FROM account.users;
DELETE FROM account.credentials WHERE user_id IS NOT NULL;
DELETE FROM account.feature_flags;
DROP OWNED BY regress_signup, regress_signup_anonymous, regress_signup_admin;
DROP ROLE regress_signup, regress_signup_anonymous, regress_signup_admin;
DROP EXTENSION pgcrypto;
