-- audit_every: each function that changes something leaves an entry in the audit log, and none tells a secret (S2.44, S4.10).
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgcrypto;
SET account.password_cost = 4;
CREATE ROLE regress_reader;
CREATE ROLE regress_keeper;
CREATE ROLE regress_authenticator NOINHERIT;
CREATE ROLE regress_anonymous;
CREATE SCHEMA shop AUTHORIZATION regress_keeper;
CREATE TABLE shop.things (name text);
ALTER TABLE shop.things OWNER TO regress_keeper;
CREATE SCHEMA walk;
SELECT COALESCE(max(turn), 0) AS start FROM account.audit_pending \gset
CREATE TABLE walk.walked (function regproc, entries bigint);
CREATE TABLE walk.secrets (what text, secret text);
CREATE VIEW walk.entries AS SELECT * FROM account.audit_pending WHERE turn > :start;
-- Runs a call of a function, and says which entries there are of it.
CREATE FUNCTION walk.call(called regproc, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	before bigint := (SELECT COALESCE(max(turn), 0) FROM account.audit_pending);
BEGIN
	EXECUTE statement;
	INSERT INTO walk.walked SELECT called, count(*) FROM account.audit_pending WHERE turn > before;
	RETURN (SELECT string_agg(action, ' ' ORDER BY turn) FROM account.audit_pending WHERE turn > before);
END $$;
-- The same of a call that returns a token, which is kept to be searched for.
CREATE FUNCTION walk.issue(called regproc, what text, statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN walk.call(called, format('INSERT INTO walk.secrets SELECT %L, t FROM (%s) s (t)', what, statement));
END $$;
CREATE FUNCTION walk.secret(called text) RETURNS text LANGUAGE sql AS 'SELECT secret FROM walk.secrets WHERE what = called';

-- Accounts, their plans and places.
SELECT walk.issue('account.create_account', 'acme', $$SELECT api_key FROM account.create_account('acme', billing_email => 'billing@acme.example', account_id => 'a0d00000-0000-4000-8000-00000000000a')$$);
SELECT walk.issue('account.create_account', 'kid', $$SELECT api_key FROM account.create_account('kid', 'a0d00000-0000-4000-8000-00000000000a', account_id => 'a0d00000-0000-4000-8000-00000000000b')$$);
SELECT walk.issue('account.create_account', 'gone', $$SELECT api_key FROM account.create_account('gone', account_id => 'a0d00000-0000-4000-8000-00000000000c')$$);
SELECT account.set_feature_flag('account-registration', false) \g /dev/null
\set acme '\'a0d00000-0000-4000-8000-00000000000a\''
\set kid '\'a0d00000-0000-4000-8000-00000000000b\''
\set gone '\'a0d00000-0000-4000-8000-00000000000c\''
CREATE TABLE public.staging AS SELECT 'shop.things'::text AS table_name, '{"name": "x", "account_id": "a0d00000-0000-4000-8000-00000000000b"}'::jsonb AS row_data;
SELECT split_part(function, '(', 1) AS function, walk.call(to_regproc(split_part(function, '(', 1)), 'SELECT ' || function) AS entries FROM (VALUES
	(1, $$account.update_account('a0d00000-0000-4000-8000-00000000000a', '{"billing_email": "other@acme.example", "webhook_url": "https://hooks.example/secret-path"}')$$),
	(2, $$account.set_account_status('a0d00000-0000-4000-8000-00000000000a', 'error', 'disk full')$$),
	(3, $$account.create_plan('walked', '{"seats": 3}')$$),
	(4, $$account.update_plan('walked', '{"limits": {"seats": 4}}')$$),
	(5, $$account.set_plan('a0d00000-0000-4000-8000-00000000000a', 'walked', 10, '2030-01-01')$$),
	(6, $$account.archive_account('a0d00000-0000-4000-8000-00000000000b')$$),
	(7, $$account.unarchive_account('a0d00000-0000-4000-8000-00000000000b')$$),
	(8, $$account.suspend_account('a0d00000-0000-4000-8000-00000000000b', 'unpaid')$$),
	(9, $$account.resume_account('a0d00000-0000-4000-8000-00000000000b')$$),
	(10, $$account.move_account('a0d00000-0000-4000-8000-00000000000b', NULL)$$),
	(11, $$account.delete_account('a0d00000-0000-4000-8000-00000000000b')$$),
	(12, $$account.cancel_deletion('a0d00000-0000-4000-8000-00000000000b')$$),
	(13, $$account.set_feature_flag('account-registration', true)$$),
	(14, $$account.define_permission('read:things', 'Read things.')$$),
	(15, $$account.delete_permission('read:things')$$),
	(16, $$account.accept_finding('pepper_missing', 'account.pepper_file', 'a test')$$),
	(17, $$account.reopen_finding('pepper_missing', 'account.pepper_file')$$),
	(18, $$account.grant_access('regress_reader', 'tenant')$$),
	(19, $$account.refresh_access()$$),
	(20, $$account.revoke_access('regress_reader')$$),
	(21, $$account.grant_access('regress_keeper', 'owner')$$),
	(22, $$account.setup_postgrest('regress_authenticator', 'regress_anonymous')$$),
	(23, $$account.isolate('shop.things', quota => 'things')$$),
	(24, $$account.recount_quota('shop.things')$$),
	(25, $$account.import_account('public.staging')$$),
	(26, $$account.release('shop.things')$$),
	(27, $$account.share('shop.things')$$),
	(28, $$account.isolate_schema('shop')$$),
	(29, $$account.export_account('a0d00000-0000-4000-8000-00000000000a')$$)
) v (number, function) ORDER BY number;
SELECT walk.issue('account.rotate_webhook_secret', 'webhook', format('SELECT account.rotate_webhook_secret(account_id => %L)', :acme));

-- Principals, roles, workspaces and keys.
SELECT walk.issue('account.create_service_account', 'robot', format('SELECT api_key FROM account.create_service_account(''robot'', ''admin'', account_id => %L)', :acme));
SELECT profile_id AS robot FROM account.service_accounts WHERE name = 'robot' AND account_id = :acme \gset
SELECT walk.call('account.create_workspace', format('SELECT account.create_workspace(''lab'', %L)', :acme));
SELECT workspace_id AS lab FROM account.workspaces WHERE name = 'lab' AND account_id = :acme \gset
SELECT walk.call('account.create_role', format('SELECT account.create_role(''writer'', ''{read:*}'', account_id => %L)', :acme));
SELECT role_id AS writer FROM account.roles WHERE name = 'writer' AND account_id = :acme \gset
SELECT walk.issue('account.create_api_key', 'key', format('SELECT api_key FROM account.create_api_key(%L, ''key'', expires_in => ''1 day'')', :'robot'));
SELECT api_key_id AS key FROM account.api_keys WHERE name = 'key' AND account_id = :acme \gset
SELECT walk.call('account.create_user', $$SELECT account.create_user('ann@people.example', 'first horse battery')$$);
SELECT account.find_user('ann@people.example') AS ann \gset
SELECT walk.call('account.add_member', format('SELECT account.add_member(%L, ''admin'', %L, ''1 day'', ''ticket 42'')', :'ann', :acme));
SELECT profile_id AS ann_here FROM account.profiles WHERE user_id = :'ann' \gset
SELECT split_part(function, '(', 1) AS function, walk.call(to_regproc(split_part(function, '(', 1)), 'SELECT ' || function) AS entries FROM (VALUES
	(1, format('account.update_profile(%L, ''{"description": "x"}'')', :'robot')),
	(2, format('account.disable_profile(%L)', :'robot')),
	(3, format('account.enable_profile(%L)', :'robot')),
	(4, format('account.update_workspace(%L, ''{"name": "laboratory"}'')', :'lab')),
	(5, format('account.disable_workspace(%L)', :'lab')),
	(6, format('account.enable_workspace(%L)', :'lab')),
	(7, format('account.archive_workspace(%L)', :'lab')),
	(8, format('account.unarchive_workspace(%L)', :'lab')),
	(9, format('account.update_role(%L, ''{"description": "x"}'')', :'writer')),
	(10, format('account.assign_role(%L, ''writer'')', :'robot')),
	(11, format('account.unassign_role(%L, ''writer'')', :'robot')),
	(12, format('account.delete_role(%L)', :'writer')),
	(13, format('account.grant_workspace(%L, %L)', :'robot', :'lab')),
	(14, format('account.grant_workspace(%L, %L)', :'key', :'lab')),
	(15, format('account.revoke_workspace(%L, %L)', :'key', :'lab')),
	(16, format('account.revoke_workspace(%L, %L)', :'robot', :'lab')),
	(17, format('account.update_api_key(%L, ''{"name": "renamed", "allowed_ips": ["10.0.0.0/8"]}'')', :'key')),
	(18, format('account.disable_user(%L)', :'ann')),
	(19, format('account.enable_user(%L)', :'ann')),
	(20, format('account.change_email(%L, ''anna@people.example'')', :'ann')),
	(21, format('account.set_password(%L, ''second horse battery'')', :'ann')),
	(22, format('account.remove_member(%L)', :'ann_here'))
) v (number, function) ORDER BY number;
SELECT walk.issue('account.rotate_api_key', 'rotated', format('SELECT api_key FROM account.rotate_api_key(%L)', :'key'));
SELECT walk.call('account.revoke_api_key', format('SELECT account.revoke_api_key(%L, ''leaked'', true)', :'key'));
SELECT walk.call('account.delete_profile', format('SELECT account.delete_profile(%L)', :'robot'));
SELECT walk.issue('account.create_application_key', 'application', $$SELECT api_key FROM account.create_application_key('help desk', '{*:*}')$$);

-- People.
SELECT walk.issue('account.issue_user_token', 'token', $$SELECT account.issue_user_token('anna@people.example', 'reset', '1 hour')$$);
SELECT walk.call('account.use_user_token', format('SELECT account.use_user_token(%L, ''third horse battery'')', walk.secret('token')));
SELECT walk.issue('account.login', 'session', $$SELECT session_token FROM account.login('anna@people.example', 'third horse battery')$$);
SELECT walk.issue('account.login', 'other session', $$SELECT session_token FROM account.login('anna@people.example', 'third horse battery')$$);
SELECT walk.issue('account.invite_member', 'invitation', format('SELECT invitation FROM account.invite_member(''anna@people.example'', ''auditor'', account_id => %L)', :acme));
SELECT walk.issue('account.invite_member', 'useless invitation', format('SELECT invitation FROM account.invite_member(''bob@people.example'', ''auditor'', account_id => %L)', :acme));
SELECT walk.call('account.revoke_invitation', format('SELECT account.revoke_invitation(invitation_id) FROM account.invitations WHERE email = ''bob@people.example'''));
UPDATE account.users SET email_verified_at = now() WHERE user_id = :'ann';
BEGIN;
SELECT user_id = :'ann' AS authenticated FROM account.authenticate(walk.secret('session'));
SELECT walk.call('account.accept_invitation', format('SELECT account.accept_invitation(%L)', walk.secret('invitation')));
SELECT walk.call('account.change_password', $$SELECT account.change_password('third horse battery', 'fourth horse battery')$$);
COMMIT;
SELECT walk.issue('account.login', 'last session', $$SELECT session_token FROM account.login('anna@people.example', 'fourth horse battery')$$);
BEGIN;
SELECT user_id = :'ann' AS authenticated FROM account.authenticate(walk.secret('session'));
SELECT walk.call('account.revoke_session', 'SELECT account.revoke_session(session_id) FROM account.sessions WHERE NOT current AND state = ''active''');
SELECT walk.call('account.logout', 'SELECT account.logout()');
COMMIT;
-- Who acts for another says why.
BEGIN;
SELECT walk.call('account.act_as', format('SELECT account.act_as(%L, %L, reason => ''ticket 43'')', walk.secret('application'), :acme));
SELECT walk.call('account.record_audit', $$SELECT account.record_audit('invoice.sent', 'invoice', NULL)$$);
COMMIT;
SELECT walk.call('account.sign_up', $$SELECT account.sign_up('cid@people.example', 'fifth horse battery', 'Cid Inc')$$) IS NULL AS nothing_yet;
-- (It is a user and an account once the e-mail is proved.)
DELETE FROM walk.walked WHERE entries = 0;
SET account.require_verified_email = off;
SELECT walk.call('account.sign_up', $$SELECT account.sign_up('dee@people.example', 'fifth horse battery', 'Dee Inc')$$);
SELECT walk.call('account.register', $$SELECT account.register('eve@people.example', 'fifth horse battery')$$);
SELECT walk.call('account.erase_user', format('SELECT account.erase_user(%L)', :'ann'));
-- A purge makes a few entries, however much there was.
SELECT account.delete_account(:gone) IS NOT NULL AS asked;
WITH gone AS (DELETE FROM account.holds WHERE subject_id = :gone AND kind = 'p' RETURNING *) INSERT INTO account.holds SELECT subject_id, kind, entry, set_by, reason, created_by, created_at, clock_timestamp() - '1 hour'::interval FROM gone;
SELECT walk.call('account.purge_deleted_accounts', 'SELECT account.purge_deleted_accounts()');

-- These leave none, each for a reason.
CREATE TABLE walk.exempt (name text, reason text);
INSERT INTO walk.exempt VALUES
	('authenticate', 'last use alone'), ('authenticate_session', 'last use alone'), ('deauthenticate', 'nothing is changed'), ('verify_api_key', 'last use alone'),
	('find_user', 'nothing is changed'), ('evicted_login_counters', 'nothing is changed'), ('evicted_rate_buckets', 'nothing is changed'), ('evicted_uses', 'nothing is changed'),
	('openmetrics', 'nothing is changed'), ('readable_stats', 'nothing is changed'), ('record_now', 'it writes what others have done'),
	('clean_sessions', 'of what is over'), ('record_input_read', 'a time alone, often'), ('record_output_built', 'a time alone, often'),
	('purge_accounts', 'purge_deleted_accounts() in steps'), ('reencrypt_webhook_secrets', 'where there is a master key: t/audit.pl'),
	('claim_webhook_deliveries', 'of the outbox'), ('record_webhook_delivery', 'of the outbox'), ('clean_webhook_deliveries', 'of the outbox'), ('redeliver_webhook', 'sql/delivery'),
	('seal_audit', 'of the log itself'), ('verify_audit', 'nothing is changed'), ('prune_audit', 'sql/audit_prune');
SELECT p.oid::regprocedure AS forgotten FROM pg_proc p
WHERE pronamespace = 'account'::regnamespace AND provolatile = 'v' AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
	AND proname NOT IN (SELECT name FROM walk.exempt) AND p.oid NOT IN (SELECT function FROM walk.walked);
SELECT function AS without_entry FROM walk.walked WHERE entries = 0;
SELECT name AS superfluous FROM walk.exempt WHERE to_regproc('account.' || name) IS NULL;

-- No entry holds a token, a part of one, a password, a hash, a digest or a webhook secret (AUD-04).
INSERT INTO walk.secrets SELECT 'password', unnest('{horse battery,secret-path}'::text[]);
INSERT INTO walk.secrets SELECT 'hash', password_hash FROM account.users WHERE password_hash IS NOT NULL;
INSERT INTO walk.secrets SELECT 'digest', encode(digest, f) FROM account.credentials, unnest('{hex,base64}'::text[]) f;
INSERT INTO walk.secrets SELECT 'webhook secret', encode(secret, f) FROM account.webhook_secrets, unnest('{hex,base64}'::text[]) f;
INSERT INTO walk.secrets SELECT what || ' in part', right(secret, 16) FROM walk.secrets WHERE secret ~ '^(prod|whsec)_';
SELECT count(DISTINCT what) > 20 AS kinds, count(*) > 60 AS secrets, bool_and(length(secret) > 10) AS long FROM walk.secrets;
SELECT DISTINCT what, action FROM walk.secrets JOIN walk.entries e ON strpos(e::text, secret) > 0;
-- Nor anything of a person but ids: not an e-mail, of whom was erased or not (AUD-11).
SELECT action FROM walk.entries e WHERE e::text ~ 'people\.example|acme\.example';
SELECT detail FROM walk.entries WHERE action = 'user.email_changed' AND detail -> 'before' ->> 'email' = account.audit_digest('ann@people.example') AND detail -> 'after' ->> 'email' = account.audit_digest('anna@people.example') \gset of_
SELECT :'of_detail' <> '' AS digests;

DROP TABLE public.staging;
DROP SCHEMA walk, shop CASCADE;
SELECT account.revoke_access('regress_keeper') \g /dev/null
DROP OWNED BY regress_keeper, regress_anonymous, regress_authenticator;
DROP ROLE regress_reader, regress_keeper, regress_authenticator, regress_anonymous;
