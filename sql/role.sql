-- role: who may make, change and give roles; nobody gives what they lack.
\set VERBOSITY terse
SET client_min_messages = error;
CREATE ROLE regress_role;
CREATE ROLE regress_role_admin;
SELECT account.grant_access('regress_role', 'tenant'), account.grant_access('regress_role_admin', 'admin');
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
-- What somebody is told of his own permissions in a transaction of his own.
CREATE FUNCTION pg_temp.permissions(token text) RETURNS text[] LANGUAGE sql
	RETURN (SELECT array_agg(p ORDER BY p COLLATE "C") FROM unnest((account.authenticate(token)).permissions) p);
SET account.exchange_identity = on;
SELECT account.define_permission('read:notes'), account.define_permission('write:notes'), account.define_permission('burn:notes');

SELECT id AS acme, api_key AS acme_key FROM account.create_account('Acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('Globex') \gset
SELECT id AS child, api_key AS child_key FROM account.create_account('Acme North', :'acme') \gset
SET ROLE regress_role;

-- S4.8, S5.8: built-in roles are there for every account; an account makes its own.
SELECT name, permissions, denied, account_id IS NULL AS built_in FROM account.roles ORDER BY name;
SELECT pg_temp.attempt(:'acme_key', $$create_role('editor', '{read:notes,write:notes}')$$) AS editor,
	pg_temp.attempt(:'acme_key', $$create_role('boss', '{read:*,write:*,manage:roles,manage:service_accounts,manage:api_keys}', '{burn:*}')$$) AS boss;
-- What a call cannot say.
SELECT given, pg_temp.attempt(:'acme_key', format('create_role(%s)', given)) FROM (VALUES
	($$NULL, '{}'$$), ($$'', '{}'$$), ($$repeat('x', 256), '{}'$$), ($$'x', NULL$$), ($$'x', '{}', NULL$$), ($$'x', '{read}'$$), ($$'x', '{read:Notes}'$$),
	($$'x', '{read:notes,NULL}'$$), ($$'x', '{{read:notes}}'$$), ($$'x', '{read:nothing}', '{write:nothing}'$$), ($$'x', array_fill('read:notes'::text, '{10001}')$$)) g (given);
-- TREE-12: names are unique in an account, whatever the case of their letters, and not those of built-in roles.
SELECT name, pg_temp.attempt(:'acme_key', format('create_role(%L, ''{}'')', name)) FROM unnest('{editor,EDITOR,Owner,admin,editor.}'::text[]) name;
SELECT pg_temp.attempt(:'globex_key', $$create_role('editor', '{read:notes}')$$) AS another_account;

-- Service accounts of Acme: one that may manage roles and service accounts, and little else.
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT profile_id AS boss, api_key AS boss_key FROM account.create_service_account('boss', 'boss') \gset
SELECT profile_id AS clerk, api_key AS clerk_key FROM account.create_service_account('clerk', 'editor') \gset
SELECT role_id AS editor FROM account.roles WHERE name = 'editor' \gset
SELECT role_id AS boss_role FROM account.roles WHERE name = 'boss' \gset
SELECT role_id AS owner_role FROM account.roles WHERE name = 'owner' \gset
COMMIT;
SELECT pg_temp.permissions(:'boss_key') AS boss;

-- PRIV-02: a role is created, assigned and given to a service account by who has all of it; patterns and later permissions included.
SELECT what, pg_temp.attempt(:'boss_key', call) FROM (VALUES
	(1, 'role {read:notes}', $$create_role('reader', '{read:notes}')$$), (2, 'role {burn:notes}', $$create_role('burner', '{burn:notes}')$$), (3, 'role {*:*}', $$create_role('all', '{*:*}')$$),
	(4, 'role {*:notes}', $$create_role('all', '{*:notes}')$$), (5, 'role {write:*}', $$create_role('writes', '{write:*}')$$), (6, 'role {*:*} but {burn:*}', $$create_role('burns too', '{*:*}', '{burn:*}')$$),
	(7, 'role {manage:*}', $$create_role('verbs', '{manage:*}')$$), (8, 'assign owner', format($$assign_role(%L, 'owner')$$, :'clerk')), (9, 'assign admin', format($$assign_role(%L, 'admin')$$, :'clerk')),
	(10, 'assign auditor', format($$assign_role(%L, 'auditor')$$, :'clerk')), (11, 'make an admin', $$create_service_account('x', 'admin')$$), (12, 'make a boss', $$create_service_account('x', 'boss')$$)) c (n, what, call) ORDER BY n;
-- PRIV-03: a role that is assigned to oneself is not widened, nor is a denial that one is under taken out, given up or given an end.
SELECT what, pg_temp.attempt(:'boss_key', call) FROM (VALUES
	(1, 'all', format($$update_role(%L, '{"permissions": ["*:*"]}')$$, :'boss_role')), (2, 'one', format($$update_role(%L, '{"permissions": ["burn:notes"]}')$$, :'editor')),
	(3, 'no denial', format($$update_role(%L, '{"denied": []}')$$, :'boss_role')), (4, 'a narrower denial', format($$update_role(%L, '{"denied": ["burn:notes"]}')$$, :'boss_role')),
	(5, 'given up', format($$unassign_role(%L, 'boss')$$, :'boss')), (6, 'given an end', format($$assign_role(%L, 'boss', expires_in => '1 second')$$, :'boss'))) c (n, what, call) ORDER BY n;
-- Who lacks something of a role does not change it, not even to narrow it or to call it otherwise, and does not delete it.
SELECT pg_temp.attempt(:'acme_key', $$create_role('fire', '{burn:notes}')$$);
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT role_id AS fire FROM account.roles WHERE name = 'fire' \gset
COMMIT;
SELECT call, pg_temp.attempt(:'boss_key', format(call, :'fire')) FROM (VALUES
	($$update_role(%L, '{"permissions": []}')$$), ($$update_role(%L, '{"name": "water"}')$$), ($$delete_role(%L)$$)) c (call);

-- A change is in force from the next transaction of every session on; a key keeps its own list.
SELECT pg_temp.permissions(:'clerk_key') AS before;
SELECT pg_temp.attempt(:'boss_key', format($$update_role(%L, '{"name": "reader", "permissions": ["read:notes"], "description": "May read."}')$$, :'editor')) AS unknown_name;
SELECT pg_temp.attempt(:'boss_key', format($$update_role(%L, '{"name": "correspondent", "permissions": ["read:notes"], "description": "May read."}')$$, :'editor')) AS narrowed;
SELECT pg_temp.permissions(:'clerk_key') AS narrowed;
SELECT pg_temp.attempt(:'acme_key', format($$update_role(%L, '{"permissions": ["read:notes", "write:notes", "burn:notes"]}')$$, :'editor')) AS widened;
SELECT pg_temp.permissions(:'clerk_key') AS its_own_list;
-- PRIV-05: what is no field, or cannot be, is refused, and nothing is changed.
SELECT given, pg_temp.attempt(:'acme_key', format('update_role(%L, %s)', :'editor', given)) FROM (VALUES ('NULL'), ($$'[]'$$), ($$'{"name": null}'$$), ($$'{"name": "Boss"}'$$), ($$'{"name": "OWNER"}'$$),
	($$'{"permissions": "read:notes"}'$$), ($$'{"permissions": [1]}'$$), ($$'{"permissions": null}'$$), ($$'{"permissions": ["x"], "denied": ["y"], "Name": "z", "account_id": null}'$$),
	($$'{"description": null}'$$)) g (given);

-- Built-in roles are nobody's to change; what is another's, and what is not, are not there.
SELECT who, pg_temp.attempt(token, format($$update_role(%L, '{}')$$, :'owner_role')) AS built_in, pg_temp.attempt(token, format('delete_role(%L)', :'owner_role')) AS built_in,
	pg_temp.attempt(token, format($$update_role(%L, '{}')$$, :'editor')) AS acmes, pg_temp.attempt(token, 'delete_role(gen_random_uuid())') AS none, pg_temp.attempt(token, 'delete_role(NULL)') AS "null",
	pg_temp.attempt(token, $$create_role('x', '{}', '{}', gen_random_uuid())$$) AS "create"
FROM (VALUES (1, 'Acme', :'acme_key'), (2, 'its child', :'child_key'), (3, 'a stranger', :'globex_key'), (4, 'without permission', :'clerk_key'), (5, 'nobody', NULL)) w (n, who, token) ORDER BY n;
-- From above, and by administrators, roles of an account are made and read.
SELECT pg_temp.attempt(:'acme_key', format($$create_role('north', '{read:notes}', account_id => %L)$$, :'child'));
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT name, account_id = :'child' AS childs FROM account.roles WHERE account_id IS NOT NULL ORDER BY name COLLATE "C";
COMMIT;
BEGIN;
SELECT (account.authenticate(:'child_key')).account_id = :'child' AS child;
SELECT name FROM account.roles ORDER BY name;
SELECT (account.authenticate(:'clerk_key')).account_id = :'acme' AS clerk;
SELECT name FROM account.roles ORDER BY name;
COMMIT;

-- A role that somebody has is not deleted; nobody's is, and so is one whose assignments have ended.
SELECT pg_temp.attempt(:'acme_key', format('delete_role(%L)', :'editor'));
SELECT pg_temp.attempt(:'acme_key', format($$assign_role(%L, 'fire', expires_in => '1 millisecond')$$, :'clerk')), pg_sleep(0.01);
SELECT pg_temp.attempt(:'acme_key', format('delete_role(%L)', :'fire')), pg_temp.attempt(:'acme_key', format('delete_role(%L)', :'fire')) AS again;
RESET ROLE;
SELECT count(*) AS dangling FROM account.grants g WHERE role_id IS NOT NULL AND NOT EXISTS (SELECT FROM account.roles r WHERE r.role_id = g.role_id);
SET ROLE regress_role_admin;
SELECT pg_temp.attempt(NULL, $$create_role('x', '{*:*}')$$) AS unnamed, pg_temp.attempt(NULL, format($$create_role('anything', '{*:*}', '{}', %L)$$, :'globex')) AS named;
SELECT count(*) > 4 AS all_of_them FROM account.roles;

-- An archived account gets no role; one is still taken away.
SELECT account.archive_account(:'acme');
SET ROLE regress_role;
SELECT pg_temp.attempt(:'acme_key', $$create_role('x', '{}')$$), pg_temp.attempt(:'acme_key', format($$update_role(%L, '{}')$$, :'editor')),
	pg_temp.attempt(:'acme_key', format($$assign_role(%L, 'member')$$, :'clerk')), pg_temp.attempt(:'acme_key', format($$unassign_role(%L, 'correspondent')$$, :'clerk'));
SELECT pg_temp.permissions(:'clerk_key') AS of_the_auditor;
RESET ROLE;
SELECT account.unarchive_account(:'acme');

-- DES-16: a permission is deleted and another defined, also of the same name: who had the old one has neither.
SET ROLE regress_role;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT account.create_role('writer', '{write:notes,read:notes}') IS NOT NULL AS created;
SELECT api_key AS writer_key FROM account.create_service_account('writer', 'writer') \gset
COMMIT;
SELECT pg_temp.permissions(:'writer_key');
RESET ROLE;
SELECT account.delete_permission('write:notes'), account.define_permission('break:notes'), account.define_permission('write:notes');
SET ROLE regress_role;
SELECT pg_temp.permissions(:'writer_key');
BEGIN;
SELECT (account.authenticate(:'writer_key')).account_id = :'acme' AS writer;
SELECT p, account.has_permission(p) FROM unnest('{read:notes,write:notes,break:notes,burn:notes}'::text[]) p;
COMMIT;

RESET ROLE;
DROP OWNED BY regress_role, regress_role_admin;
DROP ROLE regress_role, regress_role_admin;
SELECT account.delete_permission(p) FROM unnest('{read:notes,write:notes,burn:notes,break:notes}'::text[]) p;
