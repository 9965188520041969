-- workspace: made, held, and granted to profiles and keys.
\set VERBOSITY terse
SET client_min_messages = error;
CREATE ROLE regress_workspace;
CREATE ROLE regress_workspace_admin;
SELECT account.grant_access('regress_workspace', 'tenant'), account.grant_access('regress_workspace_admin', 'admin');
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
SELECT id AS acme, api_key AS acme_key FROM account.create_account('Acme') \gset
SELECT id AS north, api_key AS north_key FROM account.create_account('Acme North', :'acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('Globex') \gset
SELECT workspace_id AS globex_default FROM account.workspaces WHERE account_id = :'globex' \gset
SET ROLE regress_workspace;
-- The names of the workspaces that the holder of a key reaches.
CREATE FUNCTION pg_temp.reaches(token text) RETURNS text LANGUAGE sql
	RETURN (SELECT COALESCE(string_agg(w.name::text, ' ' ORDER BY w.name::text COLLATE "C"), 'none') FROM unnest((account.authenticate(token)).workspace_ids) i (id) LEFT JOIN account.workspaces w ON w.workspace_id = i.id);

-- S3.3: an account has one from the beginning, and may have more.
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT name, account.workspace_state(workspace_id) AS state, external_id, labels, created_by FROM account.workspaces WHERE account_id = :'acme';
SELECT workspace_id AS "default" FROM account.workspaces WHERE account_id = :'acme' \gset
SELECT account.create_workspace('Red') AS red, account.create_workspace('blue') AS blue, account.create_workspace('north', :'north') AS north_red \gset
SELECT account.update_workspace(:'red', '{"name": "red", "external_id": "r-1", "labels": {"tier": "gold"}}');
SELECT name, account.workspace_state(workspace_id) AS state, external_id, labels, created_by = account.current_profile_id() AS own, account_id = :'acme' AS acmes FROM account.workspaces ORDER BY 6, 1;
COMMIT;
-- What a call cannot say.
SELECT call, pg_temp.attempt(:'acme_key', format(call, :'red')) FROM (VALUES
	('create_workspace(NULL)'), ($$create_workspace(' ')$$), ($$create_workspace('RED')$$), ($$create_workspace('x', gen_random_uuid())$$), ($$update_workspace(%L, '{"name": "BLUE"}')$$), ($$update_workspace(%L, NULL)$$),
	($$update_workspace(%L, '{"name": null, "state": "archived", "external_id": "", "labels": {"a": 1}}')$$), ($$update_workspace(NULL, '{}')$$), ('grant_workspace(NULL, %L)'), ('revoke_workspace(%1$L, %1$L)')) c (call);

-- A service account: its keys reach what it reaches and they were granted.
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT account.create_role('keeper', '{manage:workspaces,manage:api_keys,read:api_keys}') IS NOT NULL AS created, account.create_role('nothing', '{}') IS NOT NULL AS created;
SELECT profile_id AS keeper, api_key_id AS one, api_key AS one_key FROM account.create_service_account('keeper', 'keeper') \gset
SELECT api_key_id AS two, api_key AS two_key FROM account.create_api_key(:'keeper', 'two') \gset
SELECT profile_id AS other, api_key_id AS others, api_key AS others_key FROM account.create_service_account('other', 'nothing') \gset
COMMIT;
-- S3.11, S3.12: a key without workspaces is good, and reaches nothing in one.
SELECT valid, workspace_ids FROM account.verify_api_key(:'one_key');
BEGIN;
SELECT (account.authenticate(:'one_key')).account_id = :'acme' AS good, account.can_access_workspace(:'red'), account.has_permission('manage:workspaces', :'red'), account.has_permission('manage:workspaces');
COMMIT;
-- S3.10, S3.21: a key, and a profile, may have several. First the profile, then the key; B6: twice is no error.
SELECT pg_temp.attempt(:'acme_key', format('grant_workspace(%L, %L)', :'one', :'red')) AS before_its_profile,
	pg_temp.attempt(:'acme_key', format('grant_workspace(%L, %L)', :'keeper', :'red')) AS profile, pg_temp.attempt(:'acme_key', format('grant_workspace(%L, %L)', :'keeper', :'red')) AS again;
SELECT pg_temp.reaches(:'one_key') AS one, pg_temp.reaches(:'two_key') AS two;
SELECT pg_temp.attempt(:'acme_key', format('grant_workspace(%L, %L)', :'one', :'red')) AS key, pg_temp.attempt(:'acme_key', format('grant_workspace(%L, %L)', :'one', :'red')) AS again,
	pg_temp.attempt(:'acme_key', format('grant_workspace(%L, %L)', :'keeper', :'blue')) AS profile, pg_temp.attempt(:'acme_key', format('grant_workspace(%L, %L)', :'one', :'blue')) AS key;
SELECT pg_temp.reaches(:'one_key') AS one, pg_temp.reaches(:'two_key') AS two;
RESET ROLE;
SELECT (SELECT count(*) FROM account.credentials WHERE credential_id = :'one' AND kind = 'w') AS of_key, (SELECT count(*) FROM account.grants WHERE profile_id = :'keeper' AND workspace_id IS NOT NULL) AS of_profile;
SET ROLE regress_workspace;
-- DES-11: what one reaches is what one gives: not what only the profile, or only the account, reaches.
SELECT pg_temp.attempt(:'one_key', format('grant_workspace(%L, %L)', :'other', :'red')) AS reached, pg_temp.attempt(:'two_key', format('grant_workspace(%L, %L)', :'other', :'blue')) AS not_reached,
	pg_temp.attempt(:'two_key', format('grant_workspace(%L, %L)', :'two', :'blue')) AS oneself, pg_temp.attempt(:'one_key', format('grant_workspace(%L, %L)', :'keeper', :'default')) AS to_its_profile;
-- Anyone may be given what is there, alone: another's workspace, profile or key is not there.
SELECT who, pg_temp.attempt(token, format('grant_workspace(%L, %L)', :'other', :'globex_default')) AS workspace, pg_temp.attempt(token, format('grant_workspace(%L, %L)', gen_random_uuid(), :'red')) AS profile,
	pg_temp.attempt(token, format('update_workspace(%L, ''{}'')', :'red')) AS red, pg_temp.attempt(token, format('revoke_workspace(%L, %L)', :'other', :'globex_default')) AS revoke, pg_temp.attempt(token, format('disable_workspace(%L)', gen_random_uuid())) AS none
FROM (VALUES (1, 'Acme', :'acme_key'), (2, 'its child', :'north_key'), (3, 'a stranger', :'globex_key'), (4, 'without permission', :'others_key'), (5, 'nobody', NULL)) w (n, who, token) ORDER BY n;
-- From above one grants what one does not reach itself; an administrator grants anything of the account.
SELECT pg_temp.attempt(:'north_key', $$create_service_account('clerk', 'member')$$);
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT profile_id AS clerk FROM account.service_accounts WHERE account_id = :'north' AND NOT system \gset
COMMIT;
SELECT pg_temp.attempt(:'acme_key', format('grant_workspace(%L, %L)', :'clerk', :'north_red')) AS below, pg_temp.attempt(:'acme_key', format('grant_workspace(%L, %L)', :'clerk', :'red')) AS own;
SET ROLE regress_workspace_admin;
SELECT pg_temp.attempt(NULL, format('grant_workspace(%L, %L)', :'other', :'blue')) AS acmes, pg_temp.attempt(NULL, format('grant_workspace(%L, %L)', :'other', :'globex_default')) AS globexs, pg_temp.attempt(NULL, $$create_workspace('x')$$) AS unnamed;
SELECT count(*) > 5 AS all_of_them, count(account.workspace_state(workspace_id)) = count(*) AS with_state FROM account.workspaces;
SET ROLE regress_workspace;
-- Who reaches one sees it, without a permission, and nobody else is told of it.
SELECT pg_temp.attempt(:'acme_key', format('grant_workspace(%L, %L)', :'others', :'blue'));
BEGIN;
SELECT (account.authenticate(:'others_key')).account_id = :'acme' AS other;
SELECT name, account.workspace_state(workspace_id) AS state FROM account.workspaces ORDER BY 1;
SELECT (account.authenticate(:'globex_key')).account_id = :'globex' AS globex;
SELECT name, account.workspace_state(workspace_id) AS state, account.workspace_state(:'red') AS red, account.workspace_state(gen_random_uuid()) AS none, account.workspace_state(NULL) AS "null" FROM account.workspaces;
COMMIT;
SELECT account.workspace_state(:'red') AS by_nobody;

-- Its creator reaches it: the profile, and the key that it came with; and the account's own key.
BEGIN;
SELECT (account.authenticate(:'two_key')).account_id = :'acme' AS two;
SELECT account.create_workspace('green') AS green \gset
COMMIT;
SELECT pg_temp.reaches(:'two_key') AS two, pg_temp.reaches(:'one_key') AS one, pg_temp.reaches(:'acme_key') AS system;
SELECT pg_temp.attempt(:'two_key', format('grant_workspace(%L, %L)', :'other', :'green'));
-- Taken away: from the key, from the profile and so from its keys; twice is no error.
SELECT pg_temp.attempt(:'one_key', format('revoke_workspace(%L, %L)', :'one', :'red')), pg_temp.attempt(:'one_key', format('revoke_workspace(%L, %L)', :'one', :'red')) AS again, pg_temp.attempt(:'one_key', format('revoke_workspace(%L, %L)', :'other', :'green'));
SELECT pg_temp.attempt(:'acme_key', format('revoke_workspace(%L, %L)', :'keeper', :'blue'));
SELECT pg_temp.reaches(:'one_key') AS one, pg_temp.reaches(:'two_key') AS two, pg_temp.reaches(:'others_key') AS another;
-- A role in a workspace is the reach of it too: that is for unassign_role(); an owner reaches all.
SELECT pg_temp.attempt(:'acme_key', format($$assign_role(%L, 'auditor', %L)$$, :'other', :'green')) AS role, pg_temp.attempt(:'acme_key', format('revoke_workspace(%L, %L)', :'other', :'green')) AS revoked,
	pg_temp.attempt(:'acme_key', format($$unassign_role(%L, 'auditor', %L)$$, :'other', :'green')) AS unassigned, pg_temp.attempt(:'acme_key', format('revoke_workspace(%L, %L)', :'other', :'green')) AS revoked;
SELECT pg_temp.attempt(:'acme_key', format($$assign_role(%L, 'owner')$$, :'other')) AS owner, pg_temp.attempt(:'acme_key', format('revoke_workspace(%L, %L)', :'other', :'red')) AS revoked, pg_temp.attempt(:'acme_key', format('grant_workspace(%L, %L)', :'others', :'red')) AS key;
SELECT pg_temp.reaches(:'others_key');
-- A key that has ended is given nothing.
SELECT pg_temp.attempt(:'acme_key', format('revoke_api_key(%L)', :'others')), pg_temp.attempt(:'acme_key', format('grant_workspace(%L, %L)', :'others', :'green'));

-- B5: disabled, nobody reaches it; enabled again, who did before.
SELECT pg_temp.attempt(:'acme_key', format('grant_workspace(%L, %L)', :'one', :'green'));
SELECT pg_temp.attempt(:'acme_key', format('disable_workspace(%L)', :'green')), pg_temp.attempt(:'acme_key', format('disable_workspace(%L)', :'green')) AS again;
SELECT pg_temp.reaches(:'one_key') AS one, pg_temp.reaches(:'acme_key') AS owner;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT name, account.workspace_state(workspace_id) AS state FROM account.workspaces WHERE account_id = :'acme' ORDER BY 1;
SELECT account.can_access_workspace(:'green'), account.has_permission('manage:workspaces', :'green');
COMMIT;
SELECT pg_temp.attempt(:'acme_key', format('enable_workspace(%L)', :'green')), pg_temp.attempt(:'acme_key', format('enable_workspace(%L)', :'green')) AS again;
SELECT pg_temp.reaches(:'one_key') AS one;
-- Archived, it is not changed or granted either, whatever it was; until it is taken out again.
SELECT pg_temp.attempt(:'acme_key', format('archive_workspace(%L)', :'green')), pg_temp.attempt(:'acme_key', format('disable_workspace(%L)', :'green'));
SELECT call, pg_temp.attempt(:'acme_key', format(call, :'green', :'other')) FROM (VALUES (1, $$update_workspace(%1$L, '{"name": "x"}')$$), (2, 'grant_workspace(%2$L, %1$L)'), (3, $$assign_role(%2$L, 'member', %1$L)$$), (4, 'enable_workspace(%1$L)'),
	(5, 'archive_workspace(%1$L)'), (6, 'unarchive_workspace(%1$L)'), (7, $$update_workspace(%1$L, '{"name": "lime"}')$$)) c (n, call) ORDER BY n;
SELECT pg_temp.reaches(:'one_key') AS one;
-- DES-14: what was held from above is lifted there.
SELECT pg_temp.attempt(:'acme_key', format('disable_workspace(%L)', :'north_red')), pg_temp.attempt(:'acme_key', format('archive_workspace(%L)', :'north_red')),
	pg_temp.attempt(:'north_key', format('enable_workspace(%L)', :'north_red')), pg_temp.attempt(:'north_key', format('unarchive_workspace(%L)', :'north_red')),
	pg_temp.attempt(:'acme_key', format('unarchive_workspace(%L)', :'north_red')), pg_temp.attempt(:'acme_key', format('enable_workspace(%L)', :'north_red'));

-- The last one cannot go: an archived one is gone, a disabled one is there.
SELECT pg_temp.attempt(:'acme_key', format('archive_workspace(%L)', id)) FROM unnest(ARRAY[:'default', :'red', :'green', :'green']::uuid[]) id;
SELECT pg_temp.attempt(:'acme_key', format('disable_workspace(%L)', :'blue')) AS disabled, pg_temp.attempt(:'acme_key', format('archive_workspace(%L)', :'blue')) AS archived, pg_temp.attempt(:'acme_key', format('enable_workspace(%L)', :'blue')) AS enabled;
SET ROLE regress_workspace_admin;
SELECT pg_temp.attempt(NULL, format('archive_workspace(%L)', :'blue')) AS by_an_administrator;
-- The limit counts those that are not archived, also when one is taken out.
SELECT account.create_plan('two workspaces', '{"workspaces": 2}') IS NOT NULL AS created, account.set_plan(:'acme', 'two workspaces');
SET ROLE regress_workspace;
SELECT pg_temp.attempt(:'acme_key', $$create_workspace('second')$$), pg_temp.attempt(:'acme_key', $$create_workspace('third')$$), pg_temp.attempt(:'acme_key', format('unarchive_workspace(%L)', :'red'));
-- An archived account gets none; one is still taken away.
SET ROLE regress_workspace_admin;
SELECT account.set_plan(:'acme', NULL), account.archive_account(:'acme');
SET ROLE regress_workspace;
SELECT pg_temp.attempt(:'acme_key', call) FROM (VALUES (1, $$create_workspace('x')$$), (2, format('unarchive_workspace(%L)', :'red')), (3, format('grant_workspace(%L, %L)', :'keeper', :'blue')), (4, format($$update_workspace(%L, '{}')$$, :'blue')),
	(5, format('revoke_workspace(%L, %L)', :'keeper', :'red')), (6, format('disable_workspace(%L)', :'blue'))) c (n, call) ORDER BY n;

RESET ROLE;
DROP OWNED BY regress_workspace, regress_workspace_admin;
DROP ROLE regress_workspace, regress_workspace_admin;
DELETE FROM account.holds;
