-- suspension: what a suspended account, and one below it, can no longer do, by every kind of credential; and what an archived one cannot.
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgcrypto;
CREATE ROLE regress_suspension_tenant;
CREATE ROLE regress_suspension_owner;
SELECT account.grant_access('regress_suspension_tenant', 'tenant'), account.grant_access('regress_suspension_owner', 'owner');
SET account.password_cost = 4;
CREATE SCHEMA sus AUTHORIZATION regress_suspension_owner;
GRANT USAGE ON SCHEMA sus TO regress_suspension_tenant;
CREATE FUNCTION sus.id(name text) RETURNS uuid LANGUAGE sql RETURN md5('suspension ' || name)::uuid;
CREATE FUNCTION sus.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'allowed';
EXCEPTION WHEN OTHERS THEN
	RETURN concat(SQLSTATE, ' ', SQLERRM);
END $$;
-- top, acme below it, below that paris; ann is a member of paris and of globex.
SELECT api_key AS top_key FROM account.create_account('top', account_id => sus.id('top')) \gset
SELECT api_key AS acme_key FROM account.create_account('acme', sus.id('top'), account_id => sus.id('acme')) \gset
SELECT api_key AS paris_key FROM account.create_account('paris', sus.id('acme'), account_id => sus.id('paris')) \gset
SELECT name FROM account.create_account('globex', account_id => sus.id('globex'));
SELECT account.create_user('ann@suspension.test', 'correct horse battery') AS ann, account.create_user('eve@suspension.test', 'correct horse battery') AS eve \gset
SELECT account.add_member(:'ann', 'owner', sus.id('paris')) AS ann_profile, account.add_member(:'ann', 'member', sus.id('globex')) AS at_globex \gset
SELECT session_token AS ann_session FROM account.login('ann@suspension.test', 'correct horse battery') \gset
SELECT session_token AS eve_session FROM account.login('eve@suspension.test', 'correct horse battery') \gset
SELECT api_key AS application_key FROM account.create_application_key('suspension', '{*:*}') \gset
SELECT invitation FROM account.invite_member('eve@suspension.test', 'member', account_id => sus.id('paris')) \gset
SET ROLE regress_suspension_owner;
CREATE TABLE sus.notes (note text);
SELECT count(*) > 0 AS isolated FROM account.isolate('sus.notes');
GRANT SELECT, INSERT, UPDATE, DELETE ON sus.notes TO regress_suspension_tenant;
SET ROLE regress_suspension_tenant;
BEGIN; SELECT account_id = sus.id('paris') AS paris FROM account.authenticate(:'paris_key'); INSERT INTO sus.notes VALUES ('kept'); COMMIT;

-- The parent suspends acme: paris, which is below it, is stopped as well.
BEGIN;
SELECT account_id = sus.id('top') AS top FROM account.authenticate(:'top_key');
SELECT account.suspend_account(sus.id('acme'), 'unpaid');
COMMIT;
CREATE TEMPORARY TABLE ways AS SELECT * FROM (VALUES
	(1, 'key of it', format('SELECT account.authenticate(%L)', :'acme_key')), (2, 'key below it', format('SELECT account.authenticate(%L)', :'paris_key')),
	(3, 'session of a member', format('SELECT account.authenticate(%L, %L)', :'ann_session', sus.id('paris'))), (4, 'the same elsewhere', format('SELECT account.authenticate(%L, %L)', :'ann_session', sus.id('globex'))),
	(5, 'application for it', format('SELECT account.act_as(%L, %L)', :'application_key', sus.id('paris'))), (6, 'application for a member', format('SELECT account.act_as(%L, %L, %L, ''help'')', :'application_key', sus.id('paris'), :'ann')),
	(7, 'key above it', format('SELECT account.authenticate(%L)', :'top_key'))) v (number, way, call);
-- Each in a transaction of its own.
DO $$
DECLARE
	calls text[] := ARRAY(SELECT call FROM ways ORDER BY number);
	names text[] := ARRAY(SELECT way FROM ways ORDER BY number);
	answer text;
BEGIN
	FOR i IN 1 .. cardinality(calls) LOOP
		COMMIT;
		answer := sus.attempt(calls[i]);
		RAISE INFO '%: %', names[i], answer;
	END LOOP;
END $$;
SELECT k, v.valid, v.error FROM (VALUES ('acme', :'acme_key'), ('paris', :'paris_key'), ('top', :'top_key')) t (k, key), account.verify_api_key(key) v ORDER BY 1;
-- Nobody joins it.
BEGIN;
SELECT user_id = :'eve' AS eve FROM account.authenticate(:'eve_session');
SELECT sus.attempt(format('SELECT account.accept_invitation(%L)', :'invitation'));
COMMIT;
-- A parent makes nothing in it, and its data is kept.
BEGIN;
SELECT account_id = sus.id('top') AS top FROM account.authenticate(:'top_key');
SELECT sus.attempt($$SELECT account.create_account('late', sus.id('paris'))$$), sus.attempt($$SELECT account.create_service_account('late', 'member', account_id => sus.id('paris'))$$);
COMMIT;
RESET ROLE;
SELECT note FROM sus.notes;

-- A session identity that was there before: it is looked up at its first use in each transaction.
SELECT account.resume_account(sus.id('acme'));
SELECT current_user AS super \gset
SET account.session_identity = on;
SET ROLE regress_suspension_tenant;
SELECT account_id = sus.id('paris') AS paris FROM account.authenticate_session(:'paris_key');
SELECT note FROM sus.notes;
RESET ROLE;
CREATE EXTENSION IF NOT EXISTS dblink;
SELECT dblink_exec(format('dbname=%s host=%s port=%s user=%s', current_database(), split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), :'super'), 'DO ''BEGIN PERFORM account.suspend_account(sus.id(''''acme''''), ''''unpaid''''); END''');
SELECT account.current_account_id() AS account, (SELECT count(*) FROM sus.notes WHERE account.current_account_id() IS NOT NULL) AS notes;
SELECT account.deauthenticate();
RESET account.session_identity;
SELECT account.resume_account(sus.id('acme'));
-- Resumed, all is as it was.
SET ROLE regress_suspension_tenant;
BEGIN; SELECT account_id = sus.id('paris') AS paris FROM account.authenticate(:'paris_key'); SELECT note FROM sus.notes; COMMIT;
RESET ROLE;

-- S2.8 Archived: everything of it is seen, and nothing of it, or below it, changes, by whichever function; what stops, takes away or replaces a leaked key is possible.
CREATE TABLE sus.things AS SELECT (SELECT workspace_id FROM account.workspaces WHERE account_id = sus.id('paris')) AS home, (SELECT profile_id FROM account.profiles WHERE account_id = sus.id('paris') AND system) AS profile, (:'ann_profile')::uuid AS member,
	(SELECT api_key_id FROM account.keys WHERE account_id = sus.id('paris')) AS key, account.create_role('seller', '{read:accounts}', account_id => sus.id('paris')) AS own_role, (SELECT invitation_id FROM account.sent_invitations WHERE account_id = sus.id('paris')) AS invitation;
GRANT SELECT ON sus.things TO regress_suspension_tenant;
SELECT account.archive_account(sus.id('acme'));
SET ROLE regress_suspension_tenant;
BEGIN;
SELECT account_id = sus.id('paris') AS paris FROM account.authenticate(:'paris_key');
SELECT name, archived_at IS NOT NULL AS archived, account.is_writable() FROM account.get_account();
SELECT (SELECT note FROM sus.notes) AS note, (SELECT count(*) FROM account.api_keys) AS keys, (SELECT count(*) FROM account.workspaces) AS workspaces, (SELECT count(*) > 1 FROM account.profiles) AS profiles;
SELECT call, sus.attempt(format('SELECT account.%s FROM sus.things', call)) AS answer FROM (VALUES ($$update_account(sus.id('paris'), '{"name": "x"}')$$), ($$create_account('x')$$), ($$create_workspace('x')$$), ($$create_role('x', '{read:accounts}')$$),
	($$create_user('x@suspension.test')$$), ($$create_service_account('x', 'member')$$), ($$invite_member('x@suspension.test', 'member')$$), ($$create_api_key(account.current_profile_id(), 'x')$$),
	($$update_workspace(home, '{"name": "x"}')$$), ($$disable_workspace(home)$$), ($$enable_workspace(home)$$), ($$grant_workspace(profile, home)$$),
	($$assign_role(member, 'auditor')$$),
	($$update_role(own_role, '{"permissions": []}')$$), ($$delete_role(own_role)$$), ($$update_api_key(key, '{"name": "x"}')$$), ($$rotate_api_key(key)$$), ($$revoke_invitation(invitation)$$)) v (call);
SELECT sus.attempt($$INSERT INTO sus.notes VALUES ('x')$$), sus.attempt($$UPDATE sus.notes SET note = 'x'$$), sus.attempt($$DELETE FROM sus.notes$$);
COMMIT;
RESET ROLE;
SELECT note FROM sus.notes;
DROP TABLE ways;
DROP SCHEMA sus CASCADE;
SELECT account.revoke_access('regress_suspension_tenant'), account.revoke_access('regress_suspension_owner');
DROP ROLE regress_suspension_tenant, regress_suspension_owner;
