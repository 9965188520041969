-- session: logging in, what it tells, too many attempts; sessions listed and ended.
\set VERBOSITY terse
SET client_min_messages = error;
CREATE EXTENSION pgcrypto;
SET account.password_cost = 4;
SET account.login_attempts = 3;
CREATE ROLE regress_session;
CREATE ROLE regress_session_anonymous;
SELECT account.grant_access('regress_session', 'tenant'), account.grant_access('regress_session_anonymous', 'anonymous');
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme') \gset
SELECT account.create_user(name || '@example.com', 'correct zebra anvil quiz') IS NOT NULL AS made FROM unnest('{alice,bob,carol,dave,eve}'::text[]) name;
SELECT account.create_user('passwordless@example.com') IS NOT NULL AS made;
SELECT account.find_user('alice@example.com') AS alice, account.find_user('bob@example.com') AS bob, account.find_user('carol@example.com') AS carol \gset
SELECT account.disable_user(:'carol');
UPDATE account.users SET self_registered = true WHERE email = 'dave@example.com';
SET account.exchange_identity = on;
CREATE FUNCTION pg_temp.try(token text, call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM account.authenticate(token);
	EXECUTE 'SELECT account.' || call;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END $$;
CREATE FUNCTION pg_temp.login(email text, password text) RETURNS text LANGUAGE sql AS $$ SELECT COALESCE(error, 'in') FROM account.login(email, password) $$;
SET ROLE regress_session_anonymous;

-- S5.1, S5.17, S5.19: e-mail and password give a session, whose token is shown this once and opens nothing but itself.
SELECT session_token AS alices, session_id AS alices_id, user_id = :'alice' AS is_alice, expires_at - now() BETWEEN '11:59' AND '12:01' AS twelve_hours, error IS NULL AS good FROM account.login('alice@example.com', 'correct zebra anvil quiz') \gset
\echo :is_alice :twelve_hours :good
SELECT :'alices' ~ '^prod_acctses_[0-9A-Za-z]{49}$' AS form, valid, error FROM account.verify_api_key(:'alices');
BEGIN;
SELECT account_id, user_id = :'alice' AS alice, session_id = :'alices_id' AS session, permissions, expires_at - now() < '12:01' AS ends FROM account.authenticate(:'alices');
COMMIT;
-- In the transaction that logs in, too; if it is rolled back there was none.
BEGIN;
SELECT session_token AS phantom FROM account.login('alice@example.com', 'correct zebra anvil quiz') \gset
SELECT user_id = :'alice' AS alice FROM account.authenticate(:'phantom');
ROLLBACK;
RESET ROLE;
SELECT pg_temp.try(:'phantom', 'memberships()');
-- SES-12: what is cut, changed, of another kind or made up is none; what is stored tells no token.
SELECT pg_temp.try(t, 'memberships()') FROM unnest(ARRAY[left(:'alices', 61), :'alices' || 'x', replace(:'alices', 'ses_', 'sec_'), upper(:'alices'), '', NULL]) t;
SELECT pg_temp.try(:'acme_key', 'logout()') AS key_as_session, (SELECT valid FROM account.verify_api_key(:'alices')) AS session_as_key;
SELECT count(*) AS sessions, bool_and(c.digest = sha256(:'alices'::bytea)) AS digest, bool_or(c::text ~ substr(:'alices', 14)) AS token FROM account.credentials c WHERE credential_id = :'alices_id';

-- One answer for all that does not succeed; NULL alone is told apart, for it is a mistake of who calls.
SET ROLE regress_session_anonymous;
SELECT what, l.* FROM (VALUES (1, 'unknown', 'nobody@example.com', 'correct zebra anvil quiz'), (2, 'no address', 'nobody', 'correct zebra anvil quiz'), (3, 'wrong', 'bob@example.com', 'correct zebra anvil qui'), (4, 'empty', 'bob@example.com', ''), (5, 'too long', 'bob@example.com', repeat('x', 100000)),
	(6, 'disabled', 'carol@example.com', 'correct zebra anvil quiz'), (7, 'unverified', 'dave@example.com', 'correct zebra anvil quiz'), (8, 'passwordless', 'passwordless@example.com', ''), (9, 'empty e-mail', '', '')) t (n, what, email, password), account.login(email, password) l ORDER BY n;
SELECT account.login(NULL, 'x');
SELECT account.login('alice@example.com', NULL);
SELECT account.login(NULL, NULL);
SELECT account.login(repeat('a', 1000000), 'x');
RESET ROLE;
-- SES-22: who registered themselves must verify the e-mail, unless the setting says otherwise.
SET account.require_verified_email = off;
SELECT pg_temp.login('dave@example.com', 'correct zebra anvil quiz');
RESET account.require_verified_email;

-- LEAK: after an answer nothing that an anonymous role can look at tells who exists: statistics, locks, pages read, rows written.
CREATE FUNCTION pg_temp.counted(email text, password text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	query CONSTANT text := $q$SELECT string_agg(concat_ws(' ', c.oid, pg_stat_get_xact_numscans(c.oid), pg_stat_get_xact_tuples_returned(c.oid), pg_stat_get_xact_tuples_fetched(c.oid), pg_stat_get_xact_tuples_inserted(c.oid), pg_stat_get_xact_tuples_updated(c.oid), pg_stat_get_xact_tuples_deleted(c.oid)), '; ' ORDER BY c.oid)
		FROM pg_class c WHERE relname ~ '^users'$q$;
	before text;
	after text;
BEGIN
	EXECUTE query INTO before;
	PERFORM account.login(email, password);
	EXECUTE query INTO after;
	RETURN (SELECT string_agg((a::bigint - b::bigint)::text, ' ' ORDER BY n) FROM unnest(regexp_split_to_array(before, ';? '), regexp_split_to_array(after, ';? ')) WITH ORDINALITY AS u (b, a, n));
END $$;
CREATE FUNCTION pg_temp.pages(email text, password text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE format('EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT account.login(%L, %L)', email, password) INTO plan;
	RETURN (plan->0->'Plan'->>'Shared Hit Blocks')::integer + (plan->0->'Plan'->>'Shared Read Blocks')::integer;
END $$;
SELECT account.create_user('known' || n || '@example.com', 'correct zebra anvil quiz') IS NOT NULL AS made FROM generate_series(1, 3) n;
SELECT account.disable_user(account.find_user('known3@example.com'));
SET account.login_attempts = 1000;
SET ROLE regress_session_anonymous;
SELECT count(DISTINCT pg_temp.counted(email, password)) AS kinds, count(*) AS of FROM (VALUES ('unknown1@example.com', 'x'), ('bob@example.com', 'x'), ('carol@example.com', 'correct zebra anvil quiz'), ('dave@example.com', 'correct zebra anvil quiz'), ('passwordless@example.com', 'x'), ('nobody', 'x')) t (email, password);
SELECT count(pg_temp.pages('warm' || n || '@example.com', 'x')) AS warm FROM generate_series(1, 10) n;
-- In one of five rounds all are alike: a table that grows by a page, or is vacuumed, makes one more for one of them.
SELECT bool_or(kinds = 1) AS alike FROM (SELECT round, count(DISTINCT pages) AS kinds FROM generate_series(1, 5) round, LATERAL (SELECT pg_temp.pages(email, password) AS pages FROM (VALUES ('unknown4@example.com', 'x'), ('known1@example.com', 'x'), ('unknown5@example.com', 'x'), ('known2@example.com', 'x'), ('known3@example.com', 'correct zebra anvil quiz'), ('unknown6@example.com', 'x')) t (email, password) WHERE round > 0 OFFSET 0) p GROUP BY round) r;
\set locks 'SELECT md5(string_agg(concat_ws('' '', locktype, mode, relation), ''; '' ORDER BY locktype, mode, relation))'
BEGIN;
SELECT (account.login('unknown2@example.com', 'x')).error;
:locks AS unknown FROM pg_locks WHERE pid = pg_backend_pid() \gset
COMMIT;
BEGIN;
SELECT (account.login('bob@example.com', 'x')).error;
:locks AS wrong FROM pg_locks WHERE pid = pg_backend_pid() \gset
COMMIT;
BEGIN;
SELECT (account.login('carol@example.com', 'correct zebra anvil quiz')).error;
:locks AS disabled FROM pg_locks WHERE pid = pg_backend_pid() \gset
COMMIT;
SELECT :'unknown' = :'wrong' AND :'wrong' = :'disabled' AS same_locks;
-- LEAK-21: nor does what administrators are told.
SELECT account.find_user('alice@example.com');
SELECT account.issue_user_token('alice@example.com', 'reset');
SELECT account.evicted_login_counters();
SELECT account.clean_sessions();
SELECT count(*) FROM account.sessions;
RESET ROLE;
SET account.login_attempts = 3;

-- After so many attempts no password is right, for anybody's e-mail: the limit is not one for users.
SET ROLE regress_session_anonymous;
SELECT n, pg_temp.login('eve@example.com', 'wrong') AS eve, pg_temp.login('unknown3@example.com', 'wrong') AS unknown FROM generate_series(1, 5) n;
SELECT pg_temp.login('Eve@Example.com.', 'correct zebra anvil quiz') AS eve, pg_temp.login('alice@example.com', 'correct zebra anvil quiz') AS alice;
-- Success begins anew: two wrong ones at a time never lock.
SELECT n, pg_temp.login('alice@example.com', CASE n % 3 WHEN 0 THEN 'correct zebra anvil quiz' ELSE 'wrong' END) FROM generate_series(1, 9) n;
RESET ROLE;
-- It lasts for a time, and attempts that are older do not count.
SELECT pg_temp.login('bob@example.com', 'wrong') FROM generate_series(1, 2);
SET account.login_lockout = '1s';
SELECT FROM pg_sleep(1.1);
SELECT pg_temp.login('eve@example.com', 'correct zebra anvil quiz') AS eve, pg_temp.login('bob@example.com', 'wrong') AS bob, pg_temp.login('bob@example.com', 'wrong') AS bob, pg_temp.login('bob@example.com', 'correct zebra anvil quiz') AS bob;
RESET account.login_lockout;
-- A wrong old password counts as a wrong one at login, as far as it is not rolled back; while it is locked the right one is wrong.
SELECT session_token AS eves FROM account.login('eve@example.com', 'correct zebra anvil quiz') \gset
SELECT pg_temp.login('eve@example.com', 'wrong') FROM generate_series(1, 3);
SELECT pg_temp.try(:'eves', 'change_password(''correct zebra anvil quiz'', ''another zebra anvil quiz'')');

-- Listed: those of one's own, without a token.
SET ROLE regress_session;
SELECT session_token AS bobs, session_id AS bobs_id FROM account.login('bob@example.com', 'correct zebra anvil quiz') \gset
SELECT session_token AS bobs_other, session_id AS bobs_other_id FROM account.login('bob@example.com', 'correct zebra anvil quiz') \gset
BEGIN;
SELECT (account.authenticate(:'bobs')).user_id = :'bob' AS bob;
SELECT CASE session_id WHEN :'bobs_id' THEN 'one' WHEN :'bobs_other_id' THEN 'other' ELSE 'before' END AS session, state, current, source, created_at BETWEEN now() - interval '1 minute' AND clock_timestamp() AS just_now, expires_at - created_at > '11:59' AS lasts, ended_at FROM account.sessions ORDER BY created_at;
SELECT attname FROM pg_attribute WHERE attrelid = 'account.sessions'::regclass AND attnum > 0 ORDER BY attnum;
COMMIT;
SELECT count(*) FROM account.sessions;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT count(*) FROM account.sessions;
COMMIT;
-- Who acts as a user has none of the user's sessions, and no say over them.
RESET ROLE;
INSERT INTO account.profiles (profile_id, account_id, kind, user_id, name) VALUES (gen_random_uuid(), :'acme', 'user', :'bob', 'Bob');
INSERT INTO account.user_memberships (user_id, account_id, profile_id) SELECT user_id, account_id, profile_id FROM account.profiles WHERE user_id = :'bob';
SELECT api_key AS application FROM account.create_application_key('support', '{*:*}') \gset
SET ROLE regress_session;
BEGIN;
SELECT account_id = :'acme' AS acme, user_id = :'bob' AS bob, session_id FROM account.act_as(:'application', :'acme', :'bob', 'to help');
SELECT count(*) FROM account.sessions;
SAVEPOINT s;
SELECT account.logout();
ROLLBACK TO s;
SELECT account.revoke_session(:'bobs_id');
ROLLBACK TO s;
SELECT account.change_password('correct zebra anvil quiz', 'another zebra anvil quiz');
ROLLBACK;
-- Ended one by one, by their user alone; one that has ended is no error.
SELECT who, pg_temp.try(token, format('revoke_session(%L)', :'bobs_other_id')) FROM (VALUES (1, 'alice', :'alices'), (2, 'a key', :'acme_key'), (3, 'nobody', NULL), (4, 'bob', :'bobs'), (5, 'bob again', :'bobs')) w (n, who, token) ORDER BY n;
SELECT pg_temp.try(:'bobs', format('revoke_session(%L)', id)) FROM unnest(ARRAY[NULL, gen_random_uuid(), :'alice', :'alices_id']::uuid[]) id;
SELECT pg_temp.try(:'bobs_other', 'memberships()') AS other, pg_temp.try(:'bobs', 'memberships()') AS own;
BEGIN;
SELECT (account.authenticate(:'bobs')).user_id = :'bob' AS bob;
SELECT state, ended_at IS NOT NULL AS ended FROM account.sessions WHERE session_id = :'bobs_other_id';
-- CTX-15: logged out, there is nobody, and no rollback brings them back.
SAVEPOINT s;
SELECT account.logout();
SELECT account.current_user_id(), account.current_session_id();
ROLLBACK TO s;
SELECT account.current_user_id(), account.current_session_id();
ROLLBACK;
SELECT pg_temp.try(:'bobs', 'logout()') AS bob, pg_temp.try(:'acme_key', 'logout()') AS a_key, pg_temp.try(NULL, 'logout()') AS nobody;
SELECT pg_temp.try(:'bobs', 'memberships()') AS replayed;
RESET ROLE;

-- S5.19, SES-20: a session ends by the clock, whatever it does; then its rows are deleted: a few by each login, the rest when an administrator asks.
SET account.session_lifetime = '1s';
SELECT session_token AS short FROM account.login('alice@example.com', 'correct zebra anvil quiz') \gset
RESET account.session_lifetime;
SELECT pg_temp.try(:'short', 'memberships()');
SELECT FROM pg_sleep(1.1);
SELECT pg_temp.try(:'short', 'memberships()');
BEGIN;
SELECT (account.authenticate(:'alices')).user_id = :'alice' AS alice;
SELECT state FROM account.sessions WHERE expires_at < clock_timestamp();
COMMIT;
SELECT (account.login('nobody@example.com', 'x')).error;
SELECT count(*) FROM account.credentials WHERE ends_at < clock_timestamp() AND entry = 0 AND user_id IS NOT NULL;
INSERT INTO account.credentials (digest, entry, kind, credential_id, user_id, ends_at) SELECT sha256(n::text::bytea), 0, 's', gen_random_uuid(), :'alice', now() - interval '1 day' FROM generate_series(1, 20) n;
SELECT account.clean_sessions(5), account.clean_sessions(), account.clean_sessions();
SELECT account.clean_sessions(0);
SELECT account.clean_sessions(NULL);
SELECT account.clean_sessions(100001);
SELECT pg_temp.try(:'alices', 'memberships()') AS still_there;

-- SES-19: where no session can be stored there is no login, and nobody is looked for; nor is a login prepared.
BEGIN READ ONLY;
SELECT account.login('alice@example.com', 'correct zebra anvil quiz');
ROLLBACK;
BEGIN READ ONLY;
SELECT account.login('nobody@example.com', 'x');
ROLLBACK;
BEGIN;
SELECT pg_temp.login('alice@example.com', 'correct zebra anvil quiz');
PREPARE TRANSACTION 'login';
-- In every isolation level it works, and needs no other snapshot than its own.
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT pg_temp.login('alice@example.com', 'wrong') AS wrong, pg_temp.login('alice@example.com', 'correct zebra anvil quiz') AS "right";
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT pg_temp.login('alice@example.com', 'correct zebra anvil quiz');
COMMIT;
-- SES-17: cancelled while the password is hashed it stops at once, and nobody is in.
SET account.password_cost = 18;
SET statement_timeout = '200ms';
SELECT clock_timestamp() AS begun \gset
SELECT account.login('alice@example.com', 'correct zebra anvil quiz');
SELECT account.login('nobody@example.com', 'correct zebra anvil quiz');
RESET statement_timeout;
SELECT clock_timestamp() - :'begun' < '3s' AS at_once;

DELETE FROM account.holds;
DELETE FROM account.user_memberships;
DELETE FROM account.profiles WHERE user_id IS NOT NULL;
DELETE FROM account.users;
DELETE FROM account.keys WHERE name = 'support';
DELETE FROM account.credentials WHERE user_id IS NOT NULL OR kind = 'a';
DROP OWNED BY regress_session, regress_session_anonymous;
DROP ROLE regress_session, regress_session_anonymous;
DROP EXTENSION pgcrypto;
