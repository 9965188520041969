-- service_account: technical users, each with a role and keys.
\set VERBOSITY terse
SET client_min_messages = error;
CREATE ROLE regress_service;
CREATE ROLE regress_service_admin;
SELECT account.grant_access('regress_service', 'tenant'), account.grant_access('regress_service_admin', 'admin');
-- What a call raises, by the holder of a key: its code, with what was invalid, or with the message.
CREATE FUNCTION pg_temp.attempt(token text, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text;
	detail text;
	message text;
BEGIN
	IF token IS NOT NULL THEN
		PERFORM account.authenticate(token);
	END IF;
	EXECUTE 'SELECT account.' || call;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL, message = MESSAGE_TEXT;
	IF state NOT LIKE 'TA%' THEN
		RETURN state || ': ' || message;
	END IF;
	RETURN concat(detail::json ->> 'error', ': ', COALESCE(
		(SELECT string_agg(concat(e ->> 'path', ' ', e -> 'context' ->> 'errorType'), ', ')
			FROM json_array_elements(detail::json -> 'validationErrors') e), message));
END $$;
SET account.exchange_identity = on;
SELECT account.define_permission('read:orders'), account.define_permission('write:orders');
SELECT id AS acme, api_key AS acme_key FROM account.create_account('Acme') \gset
SELECT id AS north, api_key AS north_key FROM account.create_account('Acme North', :'acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('Globex') \gset
SET ROLE regress_service;

-- S4.12, S4.13, S4.14, S4.15, S4.24: made with a name and a role, purpose, owner and systems; its first key is attached and shown this once.
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT account.create_role('importer', '{read:orders,write:orders}') IS NOT NULL AS created;
SELECT profile_id AS importer, api_key_id AS first, api_key AS first_key, account_id = :'acme' AS own, name, expires_at FROM account.create_service_account('order import', 'importer', 'Takes orders over from the ERP.', 'Team Logistics', '{SAP,webshop}') \gset
\echo :own :name
SELECT k.name, k.profile_id = :'importer' AS own_profile, k.state, k.system, k.permissions, k.workspaces_total, k.description FROM account.api_keys k WHERE k.api_key_id = :'first';
-- S4.11: they are listed, with what they have and when they were last used.
SELECT name, description, owner, systems, system, roles, keys_total, last_used_at, disabled, external_id, labels, created_by = account.current_profile_id() AS own FROM account.service_accounts WHERE profile_id = :'importer';
SELECT name, system, account_id = :'acme' AS acmes FROM account.service_accounts ORDER BY 3 DESC, 1;
COMMIT;
-- S4.1 to S4.3, S4.6, S4.23: it authenticates with its key, as nobody's user, and may do what its role grants, and nothing else.
BEGIN;
SELECT i.profile_id = :'importer' AS itself, i.user_id, i.permissions FROM account.authenticate(:'first_key') i;
SELECT account.has_permission('write:orders') AS granted, account.has_permission('read:accounts') AS another;
SELECT name FROM account.service_accounts;
-- S4.4: there is no user, e-mail or password that one could log in with.
SELECT name, kind, user_id FROM account.profiles;
COMMIT;
-- S4.16, S4.17: a lost token is replaced by another key of the same service account, which may have many; S4.19: one is removed.
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT api_key_id AS second, api_key AS second_key FROM account.create_api_key(:'importer', 'second') \gset
SELECT api_key_id AS third, api_key AS third_key FROM account.create_api_key(:'importer', 'third', '{read:orders}') \gset
SELECT account.revoke_api_key(:'first', 'lost');
SELECT keys_total FROM account.service_accounts WHERE profile_id = :'importer';
-- S4.18: their tokens are shown in part.
SELECT name, state FROM account.api_keys WHERE profile_id = :'importer' ORDER BY name;
SELECT preview = left(:'second_key', 17) || '…' || right(:'second_key', 4) AS preview FROM account.api_keys WHERE api_key_id = :'second';
COMMIT;
SELECT valid, permissions FROM account.verify_api_key(:'first_key');
SELECT valid, permissions FROM account.verify_api_key(:'second_key');
SELECT valid, permissions FROM account.verify_api_key(:'third_key');

-- What a call cannot say.
SELECT given, pg_temp.attempt(:'acme_key', format('create_service_account(%s)', given)) AS attempt FROM (VALUES ($$NULL, 'member'$$), ($$' ', 'member'$$), ($$'x', NULL$$), ($$'x', 'nothing'$$), ($$repeat('x', 20000), 'member'$$),
	($$'x', 'member', repeat('x', 10000) || 'x'$$), ($$'x', 'member', NULL, ''$$), ($$'x', 'member', systems => NULL$$), ($$'x', 'member', systems => '{a,NULL}'$$), ($$'x', 'member', systems => '{{a}}'$$), ($$'x', 'member', systems => '{""}'$$),
	($$'x', 'member', systems => array_fill('a'::text, '{65}')$$), ($$NULL, NULL, owner => '', systems => '{""}'$$), ($$'x', 'member', account_id => gen_random_uuid()$$)) g (given);
-- S4.11: by who may, in the own account and those below.
SELECT who, pg_temp.attempt(token, $$create_service_account('made', 'member')$$) AS own, pg_temp.attempt(token, format($$create_service_account('made', 'member', account_id => %L)$$, :'north')) AS of_north,
	pg_temp.attempt(token, format($$create_service_account('made', 'importer', account_id => %L)$$, :'globex')) AS of_globex
FROM (VALUES (1, 'Acme', :'acme_key'), (2, 'its child', :'north_key'), (3, 'a stranger', :'globex_key'), (4, 'without permission', :'second_key'), (5, 'nobody', NULL)) w (n, who, token) ORDER BY n;
SET ROLE regress_service_admin;
SELECT pg_temp.attempt(NULL, $$create_service_account('made', 'member')$$) AS unnamed, pg_temp.attempt(NULL, format($$create_service_account('made', 'owner', account_id => %L)$$, :'globex')) AS named;
SET ROLE regress_service;

-- S4.5: one that makes users on the fly: with that permission, and that alone.
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT account.create_role('provisioner', '{create:users}') IS NOT NULL AS created;
SELECT api_key AS provisioner_key FROM account.create_service_account('provisioner', 'provisioner') \gset
COMMIT;
SELECT pg_temp.attempt(:'provisioner_key', $$create_user('new@service.test')$$) AS permitted, pg_temp.attempt(:'second_key', $$create_user('another@service.test')$$) AS not_permitted,
	pg_temp.attempt(:'provisioner_key', $$create_service_account('x', 'provisioner')$$) AS more;

-- DES-11: a key with two permissions, one workspace and an hour to live makes service accounts that have no more, and end as it does.
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT account.create_role('maker', '{manage:service_accounts,manage:api_keys,read:api_keys,read:orders}') IS NOT NULL AS created, account.create_role('reader', '{read:orders}') IS NOT NULL AS created;
SELECT profile_id AS maker FROM account.create_service_account('maker', 'maker') \gset
SELECT workspace_id AS "default" FROM account.workspaces WHERE account_id = :'acme' \gset
SELECT account.grant_workspace(:'maker', :'default');
SELECT api_key AS brief FROM account.create_api_key(:'maker', 'brief', '{manage:service_accounts,read:orders,read:api_keys}', '1 hour', ARRAY[:'default']::uuid[]) \gset
COMMIT;
SELECT pg_temp.attempt(:'brief', $$create_service_account('x', 'maker')$$) AS its_own_role, pg_temp.attempt(:'brief', $$create_service_account('x', 'importer')$$) AS another, pg_temp.attempt(:'brief', $$create_service_account('x', 'owner')$$) AS owner;
BEGIN;
SELECT (account.authenticate(:'brief')).expires_at AS brief_end \gset
SELECT profile_id AS made, api_key AS made_key, expires_at = :'brief_end' AS ends_with_it FROM account.create_service_account('made by it', 'reader') \gset
\echo :ends_with_it
SELECT permissions, workspaces_total, expires_at = :'brief_end' AS ends_with_it FROM account.api_keys WHERE profile_id = :'made';
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT role, expires_at = :'brief_end' AS ends_with_it FROM account.role_assignments WHERE profile_id = :'made';
COMMIT;

-- S4.20: a naming convention, where the server has one; a pattern that is none is refused, and it is nobody's to change.
RESET ROLE;
SET account.service_account_name_pattern = '(';
SET account.service_account_name_pattern = '^svc-[a-z-]+$';
SET ROLE regress_service;
SET account.service_account_name_pattern = '';
SELECT name, pg_temp.attempt(:'acme_key', format('create_service_account(%L, ''member'')', name)) AS made, pg_temp.attempt(:'acme_key', format('update_profile(%L, %L)', :'importer', jsonb_build_object('name', name))) AS renamed
FROM unnest('{svc-import,import,SVC-import,svc-,"x svc-a"}'::text[]) name;
SELECT pg_temp.attempt(:'acme_key', format('update_profile(%L, %L)', :'importer', '{"description": "anything"}')) AS another_field;
RESET ROLE;
RESET account.service_account_name_pattern;

-- The limits of a plan on service accounts and on keys hold for both that are made.
SELECT account.create_plan('few service accounts', '{"service_accounts": 1}') IS NOT NULL AND account.create_plan('few keys', '{"api_keys": 2}') IS NOT NULL AS created;
SELECT account.set_plan(:'globex', 'few service accounts');
SELECT pg_temp.attempt(:'globex_key', $$create_service_account('one more', 'member')$$);
SELECT account.set_plan(:'globex', 'few keys');
SELECT pg_temp.attempt(:'globex_key', $$create_service_account('one more', 'member')$$);
SELECT account.set_plan(:'globex', NULL);
-- An archived account gets none.
SELECT account.archive_account(:'globex');
SELECT pg_temp.attempt(:'globex_key', $$create_service_account('one more', 'member')$$);
SELECT account.unarchive_account(:'globex');

DROP OWNED BY regress_service, regress_service_admin;
DROP ROLE regress_service, regress_service_admin;
SELECT account.delete_permission('read:orders'), account.delete_permission('write:orders');
