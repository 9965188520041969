-- attacks on roles, keys and members: ways in that were found open once, each with who is entitled beside it.
\set VERBOSITY terse
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgcrypto;
SET account.password_cost = 4;
SET account.exchange_identity = on;
CREATE ROLE regress_tenant;
SELECT account.grant_access('regress_tenant', 'tenant');
SELECT account.define_permission(verb || ':notes') FROM unnest(ARRAY['read', 'write', 'burn']) verb;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('Acme') \gset
SELECT id AS north FROM account.create_account('Acme North', :'acme') \gset
SELECT api_key AS app FROM account.create_application_key('principals', '{*:*}') \gset
-- Ann is the owner, Bob an admin, Cleo a member.
\set ann '00000000-0000-4000-8000-0000000a0001'
\set bob '00000000-0000-4000-8000-0000000b0001'
\set cleo '00000000-0000-4000-8000-0000000c0001'
CREATE FUNCTION pg_temp.join(member uuid, account uuid, role text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
	id uuid := md5(concat(member, account));
BEGIN
	INSERT INTO account.profiles (profile_id, account_id, kind, user_id, name) VALUES (id, account, 'user', member, 'a user');
	INSERT INTO account.user_memberships (user_id, account_id, profile_id) VALUES (member, account, id);
	PERFORM account.assign_role(id, role);
	RETURN id;
END $$;
SELECT pg_temp.join(:'ann', :'acme', 'owner') AS p_ann, pg_temp.join(:'bob', :'acme', 'admin') AS p_bob, pg_temp.join(:'cleo', :'acme', 'member') AS p_cleo \gset
-- What somebody gets for a call: the holder of a key ...
CREATE FUNCTION pg_temp.try(token text, call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM account.authenticate(token);
	EXECUTE 'SELECT account.' || call;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END $$;
-- ... and a member of Acme.
SELECT set_config('regress.app', :'app', false) IS NOT NULL AND set_config('regress.acme', :'acme', false) IS NOT NULL AS set;
CREATE FUNCTION pg_temp.try_by(member uuid, call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM account.act_as(current_setting('regress.app'), current_setting('regress.acme')::uuid, member);
	EXECUTE 'SELECT account.' || call;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END $$;
CREATE FUNCTION pg_temp.may(member uuid, permission text, account uuid, workspace uuid DEFAULT NULL) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM account.act_as(current_setting('regress.app'), account, member);
	RETURN account.has_permission(permission, workspace);
END $$;

-- PRIV-03: a role that one has in the accounts below too is not widened by what one has in one's own account alone.
SET ROLE regress_tenant;
BEGIN;
SELECT user_id = :'ann' AS ann FROM account.act_as(:'app', :'acme', :'ann');
SELECT account.create_role('below', '{read:notes}') AS below, account.create_role('above', '{burn:notes,write:notes}') AS above, account.create_role('barred', '{read:notes,write:notes}', '{write:notes}') AS barred \gset
SELECT account.assign_role(:'p_bob', 'below', descendants => true), account.assign_role(:'p_bob', 'above'), account.assign_role(:'p_cleo', 'barred', descendants => true);
COMMIT;
SELECT pg_temp.may(:'bob', 'burn:notes', :'acme') AS in_acme, pg_temp.may(:'bob', 'read:notes', :'north') AS reads_in_north, pg_temp.may(:'bob', 'burn:notes', :'north') AS burns_in_north;
SELECT pg_temp.try_by(:'bob', format($$assign_role(%L, 'above', descendants => true)$$, :'p_bob')) AS assigned,
	pg_temp.try_by(:'bob', format($$update_role(%L, '{"permissions": ["read:notes", "burn:notes"]}')$$, :'below')) AS widened,
	pg_temp.try_by(:'bob', format($$update_role(%L, '{"denied": []}')$$, :'barred')) AS denial_lifted;
SELECT pg_temp.may(:'bob', 'burn:notes', :'north') AS burns_in_north;
-- He may call it otherwise, and widen what is of his account alone; an owner may widen it.
SELECT pg_temp.try_by(:'bob', format($$update_role(%L, '{"description": "Below."}')$$, :'below')) AS described, pg_temp.try_by(:'bob', format($$update_role(%L, '{"permissions": ["burn:notes", "read:notes", "write:notes"]}')$$, :'above')) AS widened,
	pg_temp.try_by(:'ann', format($$update_role(%L, '{"permissions": ["read:notes", "burn:notes"]}')$$, :'below')) AS widened_by_an_owner,
	pg_temp.try_by(:'ann', format($$update_role(%L, '{"denied": []}')$$, :'barred')) AS denial_lifted_by_an_owner;
SELECT pg_temp.may(:'bob', 'burn:notes', :'north') AS burns_in_north;

-- PRIV-03, PRIV-18: what one has until a date is not put into a role that somebody has without one.
BEGIN;
SELECT user_id = :'ann' AS ann FROM account.act_as(:'app', :'acme', :'ann');
SELECT account.create_role('endless', '{}') AS endless, account.create_role('hourly', '{}') AS hourly \gset
SELECT account.assign_role(:'p_cleo', 'endless'), account.assign_role(:'p_cleo', 'hourly', expires_in => '30 minutes'), account.assign_role(:'p_cleo', 'admin', expires_in => '1 hour');
COMMIT;
SELECT pg_temp.try_by(:'cleo', format($$assign_role(%L, 'admin', expires_in => '1 year')$$, :'p_cleo')) AS assigned,
	pg_temp.try_by(:'cleo', format($$update_role(%L, '{"permissions": ["manage:roles"]}')$$, :'endless')) AS widened;
RESET ROLE;
SELECT permissions AS endless FROM account.roles WHERE role_id = :'endless';
SET ROLE regress_tenant;
-- She may where it ends before she does, narrow it, and an owner may widen it.
SELECT pg_temp.try_by(:'cleo', format($$update_role(%L, '{"permissions": ["read:members"]}')$$, :'hourly')) AS ends_before, pg_temp.try_by(:'ann', format($$update_role(%L, '{"permissions": ["read:members"]}')$$, :'endless')) AS by_an_owner,
	pg_temp.try_by(:'cleo', format($$update_role(%L, '{"permissions": []}')$$, :'endless')) AS narrowed;

-- PRIV-18, DES-11: nor is the reach of a workspace that one has until a date given without one.
SELECT pg_temp.try_by(:'ann', $$create_workspace('cellar')$$);
BEGIN;
SELECT user_id = :'ann' AS ann FROM account.act_as(:'app', :'acme', :'ann');
SELECT workspace_id AS cellar FROM account.workspaces WHERE name = 'cellar' \gset
SELECT account.assign_role(:'p_cleo', 'member', :'cellar', expires_in => '30 minutes');
COMMIT;
SELECT pg_temp.try_by(:'cleo', format('grant_workspace(%L, %L)', :'p_cleo', :'cellar')) AS to_herself, pg_temp.try_by(:'cleo', format('grant_workspace(%L, %L)', :'p_bob', :'cellar')) AS to_another;
RESET ROLE;
SELECT profile_id = :'p_cleo' AS cleos, COALESCE(expires_at, 'infinity') > now() + interval '30 minutes' AS longer FROM account.grants WHERE workspace_id = :'cellar' AND role_id IS NULL AND profile_id IN (:'p_cleo', :'p_bob') ORDER BY 1;
SET ROLE regress_tenant;
-- Who has it without an end gives it so, also to who had it with one.
SELECT pg_temp.try_by(:'ann', format('grant_workspace(%L, %L)', :'p_bob', :'cellar')) AS given;
RESET ROLE;
SELECT expires_at IS NULL AS without_an_end FROM account.grants WHERE workspace_id = :'cellar' AND role_id IS NULL AND profile_id = :'p_bob';

-- PRIV-02: what is denied to somebody in a workspace, or for a service, is not his to give, by whatever means.
SET ROLE regress_tenant;
BEGIN;
SELECT user_id = :'ann' AS ann FROM account.act_as(:'app', :'acme', :'ann');
SELECT account.create_role('burner', '{burn:notes}') IS NOT NULL AS created, account.create_role('writer', '{write:notes}') IS NOT NULL AS created, account.create_role('no burns', '{}', '{burn:notes,manage:roles}') IS NOT NULL AS created;
SELECT profile_id AS robot FROM account.create_service_account('robot', 'member') \gset
SELECT account.assign_role(:'p_bob', 'burner'), account.assign_role(:'p_bob', 'writer'), account.assign_role(:'p_bob', 'no burns', :'cellar'), account.assign_role(:'robot', 'burner'), account.assign_role(:'robot', 'writer');
COMMIT;
SELECT pg_temp.may(:'bob', 'burn:notes', :'acme') AS elsewhere, pg_temp.may(:'bob', 'burn:notes', :'acme', :'cellar') AS in_the_cellar;
CREATE TEMP TABLE calls (n integer, what text, call text);
INSERT INTO calls VALUES (1, 'made', $$create_service_account('accomplice', '%s')$$), (2, 'assigned', format($$assign_role(%L, '%%s')$$, :'p_cleo')), (3, 'role', $$create_role('other %1$s', ARRAY(SELECT unnest(permissions) FROM account.roles WHERE name = '%1$s'))$$),
	(4, 'invited', $$invite_member('accomplice@principals.test', '%s')$$), (5, 'key of another', format($$create_api_key(%L, 'k', ARRAY(SELECT unnest(permissions) FROM account.roles WHERE name = '%%s'))$$, :'robot'));
CREATE FUNCTION pg_temp.undone(member uuid, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	BEGIN
		result := pg_temp.try_by(member, call);
		RAISE EXCEPTION 'undone';
	EXCEPTION WHEN raise_exception THEN
		RETURN result;
	END;
END $$;
SELECT what, pg_temp.undone(:'bob', format(call, 'burner')) AS denied_in_the_cellar, pg_temp.undone(:'bob', format(call, 'writer')) AS not_denied, pg_temp.undone(:'ann', format(call, 'burner')) AS by_an_owner FROM calls ORDER BY n;
SELECT pg_temp.try_by(:'ann', format($$unassign_role(%L, 'no burns', %L)$$, :'p_bob', :'cellar')) AS lifted, pg_temp.try_by(:'ann', format($$assign_role(%L, 'no burns', service => 'billing')$$, :'p_bob')) AS for_a_service;
SELECT what, pg_temp.undone(:'bob', format(call, 'burner')) AS denied_for_billing, pg_temp.undone(:'bob', format(call, 'writer')) AS not_denied FROM calls ORDER BY n;
-- PRIV-03: nor does he take the denial off himself; a key of his own, which is denied it too, he has.
SELECT pg_temp.undone(:'bob', format($$unassign_role(%L, 'no burns', service => 'billing')$$, :'p_bob')) AS by_himself, pg_temp.undone(:'bob', format($$create_api_key(%L, 'own', '{burn:notes}')$$, :'p_bob')) AS own_key,
	pg_temp.try_by(:'ann', format($$unassign_role(%L, 'no burns', service => 'billing')$$, :'p_bob')) AS by_an_owner;

-- PRIV-03, DES-11: a key that has one permission is not its owner: it neither bars nor stops nor ends her.
BEGIN;
SELECT user_id = :'ann' AS ann FROM account.act_as(:'app', :'acme', :'ann');
SELECT (account.create_api_key(:'p_ann', 'roles', '{manage:roles,read:notes}')).api_key AS roles_key, (account.create_api_key(:'p_ann', 'members', '{manage:members}')).api_key AS members_key, (account.create_api_key(:'p_ann', 'all', '{*:*}')).api_key AS full_key \gset
SELECT account.assign_role(:'p_bob', 'owner'), account.create_role('mute', '{}', '{*:*}') IS NOT NULL AS created;
COMMIT;
CREATE FUNCTION pg_temp.undone_by_key(token text, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	BEGIN
		result := pg_temp.try(token, call);
		RAISE EXCEPTION 'undone';
	EXCEPTION WHEN raise_exception THEN
		RETURN result;
	END;
END $$;
SELECT what, pg_temp.undone_by_key(CASE WHEN n < 4 THEN :'roles_key' ELSE :'members_key' END, format(call, :'p_ann')) AS narrow_key, pg_temp.undone_by_key(:'full_key', format(call, :'p_ann')) AS key_with_all, pg_temp.undone(:'ann', format(call, :'p_ann')) AS herself, pg_temp.undone(:'bob', format(call, :'p_ann')) AS another_owner
FROM (VALUES (1, 'unassigned', $$unassign_role(%L, 'owner')$$), (2, 'muted', $$assign_role(%L, 'mute')$$), (3, 'given an end', $$assign_role(%L, 'owner', expires_in => '1 day')$$), (4, 'disabled', 'disable_profile(%L)'), (5, 'removed', 'remove_member(%L)'), (6, 'deleted', 'delete_profile(%L)')) c (n, what, call) ORDER BY n;
-- A role with no more than the key has, it takes from her and gives to her.
SELECT pg_temp.try(:'roles_key', format($$assign_role(%L, 'below')$$, :'p_cleo')) AS more_than_it_has, pg_temp.try_by(:'ann', $$create_role('reads', '{read:notes}')$$), pg_temp.try(:'roles_key', format($$assign_role(%L, 'reads')$$, :'p_ann')) AS given, pg_temp.try(:'roles_key', format($$unassign_role(%L, 'reads')$$, :'p_ann')) AS taken;
RESET ROLE;

-- SES-15, KEY-21: whoever has a great many sessions, keys or successors of a key is stopped all the same: by few locks, however many there are.
SELECT count(account.create_user('many' || n || '@principals.test', 'correct zebra anvil quiz')) AS created FROM generate_series(1, 2) n;
SELECT min(user_id::text) AS first, max(user_id::text) AS second FROM account.users WHERE email LIKE 'many%' \gset
CREATE FUNCTION pg_temp.log_in(person uuid, times integer) RETURNS void LANGUAGE sql AS $$
	INSERT INTO account.credentials (digest, entry, kind, credential_id, user_id, ends_at)
		SELECT sha256(convert_to(concat(person, n), 'UTF8')), 0, 's', md5(concat(person, n))::uuid, person, now() + interval '1 day' FROM generate_series(1, times) n
$$;
CREATE FUNCTION pg_temp.good_sessions(person uuid) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM account.credentials c WHERE c.user_id = person AND c.kind = 's' AND c.entry = 0 AND NOT EXISTS (SELECT FROM account.credentials e WHERE e.number = c.number AND e.entry <> 0 AND e.kind IN ('r', 'o', 'e', 'x'))
$$;
CREATE FUNCTION pg_temp.few_locks() RETURNS boolean LANGUAGE sql AS $$ SELECT count(*) < 50 FROM pg_locks WHERE pid = pg_backend_pid() AND locktype NOT IN ('relation', 'virtualxid') $$;
SELECT pg_temp.log_in(:'first', 12000), pg_temp.log_in(:'second', 300);
BEGIN;
SELECT account.set_password(:'first', 'another zebra anvil quiz');
SELECT pg_temp.few_locks();
COMMIT;
BEGIN;
SELECT account.disable_user(:'second');
SELECT pg_temp.few_locks();
COMMIT;
SELECT pg_temp.good_sessions(:'first') AS first, pg_temp.good_sessions(:'second') AS second;

-- A key that was replaced 300 times, and the profile that has them all.
CREATE FUNCTION pg_temp.rotate(key uuid, times integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. times LOOP
		key := (account.rotate_api_key(key)).api_key_id;
	END LOOP;
END $$;
SELECT profile_id AS first, api_key_id AS first_key FROM account.create_service_account('first', 'member', account_id => :'acme') \gset rotated_
SELECT profile_id AS second, api_key_id AS second_key FROM account.create_service_account('second', 'member', account_id => :'acme') \gset rotated_
SELECT pg_temp.rotate(:'rotated_first_key', 300), pg_temp.rotate(:'rotated_second_key', 300);
SELECT count(*) FILTER (WHERE state = 'active') AS active, count(*) FROM account.api_keys WHERE profile_id IN (:'rotated_first', :'rotated_second');
BEGIN;
SELECT account.revoke_api_key(:'rotated_first_key', 'stolen', successors => true);
SELECT pg_temp.few_locks();
COMMIT;
BEGIN;
SELECT account.delete_profile(:'rotated_second');
SELECT pg_temp.few_locks();
COMMIT;
SELECT count(*) FILTER (WHERE state = 'active') AS active, count(*) FROM account.api_keys WHERE profile_id IN (:'rotated_first', :'rotated_second');

-- Whoever fills a role, or all that a profile is assigned, to the brim does not keep anybody from authenticating.
SELECT api_key AS crowd_key, profile_id AS crowd FROM account.create_service_account('crowd', 'member', account_id => :'acme') \gset
INSERT INTO account.roles (role_id, account_id, name, permissions)
	SELECT md5('crowd')::uuid, :'acme', 'crowd', ARRAY(SELECT 'x' || n % 12000 || ':*' FROM generate_series(1, 36000) n);
INSERT INTO account.grants (grant_id, profile_id, role_id, service)
	SELECT md5('crowd' || n)::uuid, :'crowd', r.role_id, 's' || n FROM account.roles r, generate_series(1, 60000) n WHERE r.name = 'member' AND r.account_id IS NULL;
INSERT INTO account.grants (grant_id, profile_id, role_id) VALUES (md5('crowd')::uuid, :'crowd', md5('crowd')::uuid);
SET statement_timeout = '10s';
BEGIN;
SELECT (account.authenticate(:'crowd_key')).account_id = :'acme' AS crowd;
SELECT account.has_permission('read:members', service => 's60000') AS in_a_service, account.has_permission('read:notes', service => 's60000') AS what_nobody_gave;
COMMIT;
RESET statement_timeout;
DELETE FROM account.grants WHERE profile_id = :'crowd';
DELETE FROM account.roles WHERE name = 'crowd';
DELETE FROM account.credentials WHERE user_id IN (:'first', :'second');

DROP OWNED BY regress_tenant;
DROP ROLE regress_tenant;
