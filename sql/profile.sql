-- profile: changing, stopping and ending members and service accounts; the last owner.
\set VERBOSITY terse
SET client_min_messages = error;
CREATE ROLE regress_profile;
CREATE ROLE regress_profile_admin;
SELECT account.grant_access('regress_profile', 'tenant'), account.grant_access('regress_profile_admin', 'admin');
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
-- ... and by a member.
CREATE FUNCTION pg_temp.attempt_by(app text, account uuid, member uuid, call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM account.act_as(app, account, member);
	EXECUTE 'SELECT account.' || call;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END $$;
SET account.exchange_identity = on;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('Acme') \gset
SELECT id AS north, api_key AS north_key FROM account.create_account('Acme North', :'acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('Globex') \gset
SELECT api_key AS app FROM account.create_application_key('app', '{*:*}') \gset
-- A user as a member of an account, with a role.
CREATE FUNCTION pg_temp.join(member uuid, account uuid, role text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
	id uuid := md5(concat(member, account));
BEGIN
	INSERT INTO account.profiles (profile_id, account_id, kind, user_id, name) VALUES (id, account, 'user', member, 'a user');
	INSERT INTO account.user_memberships (user_id, account_id, profile_id) VALUES (member, account, id);
	PERFORM account.assign_role(id, role);
	RETURN id;
END $$;
\set ann '00000000-0000-4000-8000-000000000a12'
\set bob '00000000-0000-4000-8000-000000000b12'
\set eve '00000000-0000-4000-8000-000000000e12'
SELECT pg_temp.join(:'ann', :'acme', 'owner') AS ann_profile, pg_temp.join(:'bob', :'acme', 'admin') AS bob_profile, pg_temp.join(:'eve', :'acme', 'member') AS eve_profile, profile_id AS system FROM account.profiles WHERE account_id = :'acme' AND system \gset
SET ROLE regress_profile;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT account.create_role('people', '{read:members,manage:members}') IS NOT NULL AS created, account.create_role('machines', '{read:service_accounts,manage:service_accounts,read:accounts,read:members,read:workspaces}') IS NOT NULL AS created;
SELECT profile_id AS people, api_key AS people_key FROM account.create_service_account('people', 'people') \gset
SELECT profile_id AS machines, api_key AS machines_key FROM account.create_service_account('machines', 'machines') \gset
SELECT profile_id AS job, api_key_id AS job_id, api_key AS job_key FROM account.create_service_account('job', 'member') \gset
COMMIT;

-- Changed: members by who manages members, service accounts by who manages those.
SELECT pg_temp.attempt(:'machines_key', format($$update_profile(%L, '{"name": "nightly job", "description": "Counts.", "owner": "Ann", "systems": ["ERP", "CRM"], "external_id": "j-1", "labels": {"tier": "gold"}}')$$, :'job')) AS changed;
SELECT who, pg_temp.attempt(token, format('update_profile(%L, ''{}'')', :'eve_profile')) AS member, pg_temp.attempt(token, format('update_profile(%L, ''{}'')', :'job')) AS service_account,
	pg_temp.attempt(token, format('update_profile(%L, ''{}'')', :'system')) AS system, pg_temp.attempt(token, 'update_profile(gen_random_uuid(), ''{}'')') AS none, pg_temp.attempt(token, 'update_profile(NULL, NULL)') AS "null"
FROM (VALUES (1, 'Acme', :'acme_key'), (2, 'people', :'people_key'), (3, 'machines', :'machines_key'), (4, 'without permission', :'job_key'), (5, 'its child', :'north_key'), (6, 'a stranger', :'globex_key'), (7, 'nobody', NULL)) w (n, who, token) ORDER BY n;
-- ... nor is another account's profile told of by its kind.
BEGIN;
SELECT (account.authenticate(:'globex_key')).account_id = :'globex' AS globex;
SELECT account.create_role('machines', '{manage:service_accounts}') IS NOT NULL AS created;
SELECT api_key AS globex_machines FROM account.create_service_account('machines', 'machines') \gset
COMMIT;
SELECT pg_temp.attempt(:'globex_machines', format('delete_profile(%L)', :'eve_profile')) AS member, pg_temp.attempt(:'globex_machines', format('delete_profile(%L)', :'job')) AS service_account, pg_temp.attempt(:'globex_machines', 'delete_profile(gen_random_uuid())') AS none;
-- They are read by who reads their kind; everybody sees himself.
BEGIN;
SELECT (account.authenticate(:'machines_key')).account_id = :'acme' AS machines;
SELECT name, kind, description, owner, systems, external_id, labels, updated_at > created_at AS changed FROM account.profiles WHERE NOT system AND kind = 'service_account' ORDER BY 1;
SELECT (account.authenticate(:'people_key')).account_id = :'acme' AS people;
SELECT kind, count(*), bool_and(kind = 'user' OR profile_id = :'people') AS own FROM account.profiles GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM account.service_accounts;
SELECT (account.authenticate(:'globex_key')).account_id = :'globex' AS globex;
SELECT name FROM account.profiles ORDER BY 1;
COMMIT;
SELECT count(*) AS by_nobody FROM account.profiles;
-- PRIV-05: what is no field, or nobody's to set, is refused and nothing is changed.
SELECT given, pg_temp.attempt(:'acme_key', format('update_profile(%L, %L)', :'job', given)) AS attempt FROM (VALUES ('{"name": "x", "account_id": null, "system": true, "kind": "user", "role": "owner", "Name": "y"}'), ('{"name": "x", "name": ""}'), ('{"systems": {"a": "b"}, "labels": {"a": {}}}'),
	('{"systems": [1], "owner": 1}'), ('{"systems": null, "name": null}'), ('[]')) g (given);
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT name, systems FROM account.profiles WHERE profile_id = :'job';
COMMIT;
-- PRIV-13: the tables are nobody's to write, and to read as the policies say; PRIV-12: nor are the triggers anybody's to call.
SELECT statement, pg_temp.attempt(:'acme_key', concat('current_account_id(); ', statement)) AS attempt FROM unnest(ARRAY['INSERT INTO account.roles (role_id, name, permissions) VALUES (gen_random_uuid(), ''x'', ''{*:*}'')', 'UPDATE account.roles SET permissions = ''{*:*}''', 'DELETE FROM account.workspaces',
	'SELECT FROM account.profiles FOR UPDATE', 'TRUNCATE account.profiles', 'TABLE account.grants', 'TABLE account.user_memberships', 'INSERT INTO account.grants SELECT FROM account.profiles', 'UPDATE account.service_accounts SET system = true', 'DELETE FROM account.role_assignments',
	'SELECT account.rights_changed()']) statement;

-- Disabled: none of its keys works, from the next transaction on; enabled, they do again. Twice is no error.
SELECT pg_temp.attempt(:'machines_key', format('disable_profile(%L)', :'job')), pg_temp.attempt(:'machines_key', format('disable_profile(%L)', :'job')) AS again;
SELECT valid, error FROM account.verify_api_key(:'job_key');
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT name, disabled FROM account.service_accounts WHERE account_id = :'acme' AND NOT system ORDER BY name;
COMMIT;
SELECT pg_temp.attempt(:'machines_key', format('enable_profile(%L)', :'job')), pg_temp.attempt(:'machines_key', format('enable_profile(%L)', :'job')) AS again;
SELECT valid, error FROM account.verify_api_key(:'job_key');
-- A member too, in this account.
SELECT pg_temp.attempt_by(:'app', :'acme', :'bob', format('disable_profile(%L)', :'eve_profile'));
SELECT account.act_as(:'app', :'acme', :'eve');
SELECT pg_temp.attempt_by(:'app', :'acme', :'bob', format('enable_profile(%L)', :'eve_profile'));
SELECT user_id = :'eve' AS eve FROM account.act_as(:'app', :'acme', :'eve');
-- Who manages a profile has all that it has; an owner is stopped, ended and let in again by an owner, or from above.
SELECT pg_temp.attempt(:'people_key', format('disable_profile(%L)', :'eve_profile')) AS lesser, pg_temp.attempt_by(:'app', :'acme', :'bob', format('disable_profile(%L)', :'ann_profile')) AS lesser, pg_temp.attempt_by(:'app', :'acme', :'bob', format('delete_profile(%L)', :'ann_profile')) AS lesser,
	pg_temp.attempt_by(:'app', :'acme', :'bob', format('unassign_role(%L, ''owner'')', :'ann_profile')) AS lesser;
SELECT pg_temp.attempt_by(:'app', :'acme', :'ann', format('disable_profile(%L)', :'bob_profile')) AS greater, pg_temp.attempt(:'people_key', format('enable_profile(%L)', :'bob_profile')) AS lesser, pg_temp.attempt_by(:'app', :'acme', :'ann', format('enable_profile(%L)', :'bob_profile')) AS greater;
-- DES-14: what was stopped from above, or by an administrator, is let in again there.
SELECT pg_temp.attempt(:'north_key', $$create_service_account('job', 'member')$$);
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT profile_id AS north_job FROM account.service_accounts WHERE account_id = :'north' AND NOT system \gset
COMMIT;
SELECT pg_temp.attempt(:'acme_key', format('disable_profile(%L)', :'north_job')), pg_temp.attempt(:'north_key', format('disable_profile(%L)', :'north_job')), pg_temp.attempt(:'north_key', format('enable_profile(%L)', :'north_job')), pg_temp.attempt(:'acme_key', format('enable_profile(%L)', :'north_job'));
SET ROLE regress_profile_admin;
SELECT pg_temp.attempt(NULL, format('disable_profile(%L)', :'job'));
SELECT pg_temp.attempt(:'acme_key', format('enable_profile(%L)', :'job'));
SELECT pg_temp.attempt(NULL, format('enable_profile(%L)', :'job')), pg_temp.attempt(NULL, format('disable_profile(%L)', :'system')), pg_temp.attempt(NULL, format('delete_profile(%L)', :'system')), pg_temp.attempt(NULL, format('update_profile(%L, ''{}'')', :'system'));
SET ROLE regress_profile;

-- The last owner stays: not disabled, deleted or demoted, nor given an end, by anybody; the system's is none, nor is one who is disabled or will end.
SELECT call, pg_temp.attempt_by(:'app', :'acme', :'ann', format(call, :'ann_profile')) AS herself, pg_temp.attempt(:'acme_key', format(call, :'ann_profile')) AS the_system
FROM (VALUES (1, 'disable_profile(%L)'), (2, 'delete_profile(%L)'), (3, $$unassign_role(%L, 'owner')$$), (4, $$assign_role(%L, 'owner', expires_in => '1 year')$$)) c (n, call) ORDER BY n;
SET ROLE regress_profile_admin;
SELECT pg_temp.attempt(NULL, format('disable_profile(%L)', :'ann_profile')) AS by_an_administrator, pg_temp.attempt(NULL, format('delete_profile(%L)', :'ann_profile')) AS by_an_administrator;
SET ROLE regress_profile;
SELECT pg_temp.attempt(:'acme_key', format($$assign_role(%L, 'owner', expires_in => '1 year')$$, :'bob_profile')) AS with_an_end, pg_temp.attempt(:'acme_key', format('disable_profile(%L)', :'ann_profile')) AS still;
SELECT pg_temp.attempt(:'acme_key', format($$assign_role(%L, 'owner')$$, :'bob_profile')) AS second, pg_temp.attempt(:'acme_key', format('disable_profile(%L)', :'ann_profile')) AS first;
SELECT pg_temp.attempt_by(:'app', :'acme', :'bob', format($$unassign_role(%L, 'owner')$$, :'bob_profile')) AS now_the_last;
SELECT pg_temp.attempt(:'acme_key', format('enable_profile(%L)', :'ann_profile')), pg_temp.attempt_by(:'app', :'acme', :'bob', format($$unassign_role(%L, 'owner')$$, :'bob_profile')) AS one_of_two;
-- In one transaction: who hands over may leave.
BEGIN;
SELECT user_id = :'ann' AS ann FROM account.act_as(:'app', :'acme', :'ann');
SELECT account.assign_role(:'bob_profile', 'owner'), account.unassign_role(:'ann_profile', 'owner');
COMMIT;
-- What is noted for the end of the transaction is refused to one that is prepared.
BEGIN;
SELECT user_id = :'bob' AS bob FROM account.act_as(:'app', :'acme', :'bob');
SELECT account.assign_role(:'ann_profile', 'owner');
PREPARE TRANSACTION 'regress_profile';
SELECT pg_temp.attempt_by(:'app', :'acme', :'bob', format($$assign_role(%L, 'owner')$$, :'ann_profile'));

-- S4.7: Ann makes a key of her own and a service account, and leaves: hers ends, the service account goes on. KEY-21: no key of hers is good, and none is issued.
BEGIN;
SELECT user_id = :'ann' AS ann FROM account.act_as(:'app', :'acme', :'ann');
SELECT api_key_id AS anns_id, api_key AS anns_key FROM account.create_api_key(:'ann_profile', 'hers') \gset
SELECT profile_id AS robot, api_key AS robot_key FROM account.create_service_account('robot', 'member') \gset
SELECT name, created_by = :'ann_profile' AS hers FROM account.service_accounts WHERE profile_id = :'robot';
COMMIT;
SELECT (account.verify_api_key(:'anns_key')).valid AS hers, (account.verify_api_key(:'robot_key')).valid AS its;
SELECT pg_temp.attempt_by(:'app', :'acme', :'bob', format('delete_profile(%L)', :'ann_profile')) AS left, pg_temp.attempt_by(:'app', :'acme', :'bob', format('delete_profile(%L)', :'ann_profile')) AS again;
SELECT (account.verify_api_key(:'anns_key')).valid AS hers, (account.verify_api_key(:'robot_key')).valid AS its;
SELECT account.act_as(:'app', :'acme', :'ann');
SELECT pg_temp.attempt(:'anns_key', 'get_account()'), pg_temp.attempt(:'acme_key', format('create_api_key(%L, ''x'')', :'ann_profile')), pg_temp.attempt(:'acme_key', format('rotate_api_key(%L)', :'anns_id')), pg_temp.attempt(:'acme_key', format('assign_role(%L, ''member'')', :'ann_profile')),
	pg_temp.attempt(:'acme_key', format('enable_profile(%L)', :'ann_profile'));
-- What she has made names her; her row stays and her id is not used again.
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT p.deleted_at IS NOT NULL AS deleted FROM account.service_accounts s JOIN account.profiles p ON p.profile_id = s.created_by WHERE s.profile_id = :'robot';
SELECT name, state, revoked_reason FROM account.api_keys WHERE profile_id = :'ann_profile';
COMMIT;
-- KEY-21: a service account that is deleted goes with all its keys, roles and workspaces, and is listed no more.
SELECT pg_temp.attempt(:'machines_key', format('delete_profile(%L)', :'robot'));
SELECT valid, error FROM account.verify_api_key(:'robot_key');
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT count(*) FROM account.service_accounts WHERE profile_id = :'robot';
COMMIT;
RESET ROLE;
-- PRIV-07: nor does a member who is deleted come back by an invitation of before.
SELECT account.create_user('carol@profile.test') AS carol \gset
SELECT account.add_member(:'carol', 'member', :'acme') AS carol_profile \gset
SELECT invitation_id AS invitation FROM account.invite_member('carol.new@profile.test', 'member', account_id => :'acme') \gset
SELECT account.change_email(:'carol', 'carol.new@profile.test');
SELECT state FROM account.invitations WHERE invitation_id = :'invitation';
SELECT account.delete_profile(:'carol_profile');
SELECT state FROM account.invitations WHERE invitation_id = :'invitation';
SELECT count(*) AS left_over FROM account.grants g JOIN account.profiles p USING (profile_id) WHERE p.deleted_at IS NOT NULL;
SELECT count(*) AS left_over FROM account.user_memberships g JOIN account.profiles p USING (profile_id) WHERE p.deleted_at IS NOT NULL;

DROP OWNED BY regress_profile, regress_profile_admin;
DROP ROLE regress_profile, regress_profile_admin;
