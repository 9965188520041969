-- document, route: the documents' own paths, answered under /rpc/v1_* (see postgrest.sql for the transaction).
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgcrypto;
\getenv inputs PG_ABS_SRCDIR
\set ECHO none
\i :inputs/test/lib/request.sql
\set ECHO all
-- A request as nginx makes it of one for a path of the documents: always a POST, with what was asked for in a header.
CREATE FUNCTION v1(name text, headers json, uri text DEFAULT NULL, given json DEFAULT NULL, OUT status text, OUT body jsonb, OUT header text)
LANGUAGE plpgsql AS $$
BEGIN
	IF uri IS NOT NULL THEN
		headers := headers::jsonb || jsonb_build_object('x-original-uri', uri);
	END IF;
	PERFORM ask('POST', '/rpc/v1_' || name, headers::text), set_config('response.status', '', true);
	PERFORM account_api.pre_request();
	EXECUTE format('SELECT account_api.v1_%s($1)', name) INTO body USING given;
	status := COALESCE(NULLIF(current_setting('response.status', true), ''), '200');
	header := current_setting('response.headers')::json ->> 2;
END $$;
-- Nine accounts, each by a request of its own.
CREATE PROCEDURE open_branches(headers json) LANGUAGE plpgsql AS $$
BEGIN
	FOR number IN 1 .. 9 LOOP
		ASSERT (SELECT status = '201' FROM v1('create_account', headers, '/v1/accounts', json_build_object('name', 'branch ' || number,
			'labels', json_build_object('side', CASE WHEN number % 2 = 0 THEN 'even' ELSE 'odd' END))));
		COMMIT;
	END LOOP;
END $$;
-- The names on each page of the list of accounts.
CREATE FUNCTION pages(headers json, query text, OUT page int, OUT names text)
RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
	answered record;
	cursor text := '';
BEGIN
	FOR number IN 1 .. 10 LOOP
		answered := v1('list_accounts', headers, '/v1/accounts?' || query || cursor);
		page := number;
		names := (SELECT string_agg(account ->> 'name', ', ') FROM jsonb_array_elements(answered.body -> 'data') account);
		RETURN NEXT;
		EXIT WHEN answered.body ->> 'next_cursor' IS NULL;
		cursor := '&cursor=' || (answered.body ->> 'next_cursor');
	END LOOP;
END $$;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('Acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('Globex') \gset
SELECT account.create_plan('document', '{"sub_accounts": 12}') IS NOT NULL AS made, account.set_plan(:'acme', 'document');
SELECT profile_id AS profile FROM account.profiles WHERE account_id = :'acme' \gset
SELECT api_key AS short_key FROM account.create_api_key(:'profile', 'short', expires_in => '1 microsecond') \gset
SELECT api_key AS reader_key FROM account.create_api_key(:'profile', 'reader', '{read:accounts}') \gset
SET account.password_cost = 4;
SELECT account.create_user('ann@document.test', 'correct horse battery') AS ann \gset
SELECT account.add_member(:'ann', 'member', :'acme') IS NOT NULL AS member;
SELECT json_build_object('x-api-key', :'acme_key') AS acme_headers, json_build_object('x-api-key', :'globex_key') AS globex_headers,
	json_build_object('x-api-key', :'short_key') AS short_headers, json_build_object('x-api-key', :'reader_key') AS reader_headers \gset
\c - regress_authenticator
\set VERBOSITY terse

-- S2.1, S2.4, S2.5: 201 and exactly the 17 members; S2.6, S2.7 the key; S2.9 what is not given of branding; S2.19.
SELECT status, body ->> 'name' AS name, body ->> 'parent_account_id' = :'acme' AS below, body -> 'branding' AS branding, body ->> 'resource_type' AS type, body ->> 'status' AS state,
	body ->> 'api_key' ~ '^prod_acctsec_' AS has_key, body ->> 'id' AS north, body ->> 'api_key' AS north_key
FROM v1('create_account', :'acme_headers', '/v1/accounts', '{"name": "Acme North", "branding": {"suppress_from_reports": true}, "external_id": "n"}') \gset
\echo :status :name :below :branding :type :state :has_key
SELECT string_agg(key, ' ' ORDER BY key COLLATE "C") AS members, count(*) FROM v1('get_account', :'acme_headers', '/v1/accounts/' || :'north'), jsonb_object_keys(body) key;
-- S2.25: UTC with Z, whatever the connection's settings are; S2.8, S2.10: what is not there is null.
SET TimeZone = 'Asia/Kathmandu';
SET DateStyle = 'German';
SELECT key, value ~ '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$' AS zulu, abs(extract(epoch FROM now() - value::timestamptz)) < 3600 AS now
FROM v1('get_account', :'acme_headers', '/v1/accounts/' || :'north'), jsonb_each_text(body) WHERE key ~ '_at$' ORDER BY key;
RESET TimeZone;
RESET DateStyle;

-- A retried POST says which account is there; another key is had for it.
SELECT status, body ->> 'error' AS error, body ->> 'note' = format('account %s has this external_id already', :'north') AS named
FROM v1('create_account', :'acme_headers', '/v1/accounts', '{"name": "Acme North", "external_id": "n"}');
SELECT status, body #>> '{spec,token}' ~ '^prod_acctsec_' AS has_token, body #>> '{metadata,accountId}' = :'north' AS of_north, body #>> '{spec,token}' AS again_key
FROM v1('create_api_key', :'acme_headers', format('/v1/accounts/%s/api_keys', :'north'), '{"name": "again", "permissions": ["*:*"]}') \gset
\echo :status :has_token :of_north
SELECT status, body #>> '{metadata,name}' AS name FROM v1('describe_account', json_build_object('x-api-key', :'again_key'), '/v1/account');
-- S3.16: the token is told once.
SELECT status, jsonb_array_length(body -> 'data') AS keys, body::text LIKE '%token%' AS has_token FROM v1('list_api_keys', :'acme_headers', format('/v1/accounts/%s/api_keys', :'north'));

-- B1: the body of an error has exactly these members, and each entry of validationErrors its four.
SELECT status, body - 'id' AS body, (body ->> 'id')::uuid IS NOT NULL AS has_id
FROM v1('create_account', :'acme_headers', '/v1/accounts', '{"name": 1, "labels": [], "plan": "free"}');
-- S2.28 to S2.42, D7: each code, and what 401 and 403 ask for. A credential that is not good is told in the same words.
SELECT r.status, r.body ->> 'error' AS error, r.header, r.body ->> 'note' AS note FROM (VALUES
	(1, 'describe_account', '{}', '/v1/account', NULL),
	(2, 'describe_account', '{"x-api-key": "sesame"}', '/v1/account', NULL),
	(3, 'describe_account', '{"x-api-key": "prod_acctsec_00000000000000000000000000000000000000000003UNP5x"}', '/v1/account', NULL),
	(4, 'describe_account', :'short_headers', '/v1/account', NULL),
	(5, 'describe_account', (:'acme_headers'::jsonb || '{"authorization": "ApiKey other"}')::text, '/v1/account', NULL),
	(6, 'create_account', :'acme_headers', '/v1/accounts', '[]'),
	(7, 'create_account', :'acme_headers', '/v1/accounts', '{"name": " "}'),
	(8, 'get_account', :'acme_headers', '/v1/accounts/00000000-0000-4000-8000-000000000000', NULL),
	(9, 'suspend_account', :'acme_headers', format('/v1/accounts/%s/suspend', :'acme'), '{"reason": "x"}'),
	(10, 'create_api_key', :'acme_headers', '/v1/account/api_keys', '{"name": "k", "expires_in": "soon"}')
) v (number, name, headers, uri, given), v1(name, headers::json, uri, given::json) r ORDER BY number;
SELECT status, body ->> 'error' AS error FROM v1('create_account', :'reader_headers', '/v1/accounts', '{"name": "x"}');
SELECT status, body ->> 'error' AS error FROM v1('get_account', :'globex_headers', '/v1/accounts/' || :'north');
-- What is not ours is told without its text (PGR-15).
SELECT status, body ->> 'error' AS error, body ->> 'note' AS note FROM v1('list_accounts', :'acme_headers', '/v1/accounts?created_after=never');

-- What stands in the URI: in its place in the path, decoded, once, and nothing that is not known.
SELECT r.status, r.body ->> 'error' AS error, r.body ->> 'note' AS note FROM (VALUES
	(1, 'get_account', '/v1/accounts/%30%30000000-0000-4000-8000-00000000000%30'),
	(2, 'get_account', '/v1/accounts/1'),
	(3, 'get_account', '/v1/accounts/'),
	(4, 'get_account', '/v1/accounts/a/b'),
	(5, 'get_account', '/v1/account'),
	(6, 'get_account', '/v1/accounts/%00'),
	(7, 'get_account', '/v1/accounts/%ff'),
	(8, 'get_account', '/v1/accounts/%0d%0aSet-Cookie:x'),
	(9, 'get_account', '/v1/accounts/' || :'north' || '?id=' || :'north'),
	(10, 'get_account', '/v1/accounts/' || :'north' || '?select=*'),
	(11, 'list_accounts', '/v1/accounts?limit=101'),
	(12, 'list_accounts', '/v1/accounts?limit=-1'),
	(13, 'list_accounts', '/v1/accounts?limit=1&limit=2'),
	(14, 'list_accounts', '/v1/accounts?sort_order=up&cursor=x'),
	(15, 'list_accounts', '/v1/accounts?&&'),
	(16, 'list_accounts', '/v1/accounts?limit'),
	(17, 'list_accounts', '/v1/accounts?name=%')
) v (number, name, uri), v1(name, :'acme_headers', uri) r ORDER BY number;
SELECT status, body ->> 'note' AS note FROM v1('get_account', :'acme_headers', '/v1/accounts/' || :'north', json_build_object('id', :'globex'));
-- Without a proxy everything stands in the body.
SELECT status, body ->> 'name' AS name FROM v1('get_account', :'acme_headers', NULL, json_build_object('id', :'north'));

-- B8: lists by cursor, both ways, by name, prefix, label and time.
CALL open_branches(:'acme_headers');
SELECT query, p.* FROM (VALUES (1, 'limit=4'), (2, 'limit=4&sort_order=desc'), (3, 'prefix=branch+1'), (4, 'name=branch%203'), (5, 'label=side:even&limit=2'), (6, 'label=side%3Aodd'), (7, 'label=none'), (8, 'label=side&limit=9'),
	(9, 'created_before=2000-01-01T00:00:00Z'), (10, 'created_after=2000-01-01T00:00:00Z&limit=1&sort_order=desc&prefix=Acme')) v (number, query), pages(:'acme_headers', query) p ORDER BY number, page;
-- Nobody lists what is not below; a list that takes a permission says so.
SELECT names FROM pages(:'globex_headers', 'limit=1');
SELECT status, body ->> 'error' AS error FROM v1('list_accounts', :'globex_headers', '/v1/accounts', json_build_object('id', :'north'));
SELECT status, body ->> 'error' AS error FROM v1('list_api_keys', :'reader_headers', '/v1/account/api_keys');

-- A failed creation leaves nothing, and the limit of the plan is told; what was made before stays.
SELECT status, body ->> 'error' AS error FROM v1('create_account', :'acme_headers', '/v1/accounts', '{"name": "eleven"}');
SELECT status, body ->> 'error' AS error FROM v1('create_account', :'acme_headers', '/v1/accounts', '{"name": "twelve"}');
SELECT status, body ->> 'error' AS error FROM v1('create_account', :'acme_headers', '/v1/accounts', '{"name": "thirteen"}');
SELECT count(*) FROM pages(:'acme_headers', 'limit=100'), regexp_split_to_table(names, ', ');

-- What happens to an account; S3.5, S3.7, S3.8.
SELECT status, body ->> 'name' AS name FROM v1('update_account', :'acme_headers', '/v1/accounts/' || :'north', '{"name": "Acme South"}');
SELECT status, body ->> 'error' AS error, body ->> 'note' AS note FROM v1('update_account', :'acme_headers', '/v1/accounts/' || :'north', '{"info": {}}');
SELECT action, status, body ->> 'name' AS name, body ->> 'archived_at' IS NOT NULL AS archived
FROM unnest('{archive,unarchive,suspend,resume}'::text[]) WITH ORDINALITY a (action, number),
	v1(action || '_account', :'acme_headers', format('/v1/accounts/%s/%s', :'north', action), CASE action WHEN 'suspend' THEN '{"reason": "unpaid"}' ELSE '{}' END::json) ORDER BY number;
SELECT status, (SELECT string_agg(key, ' ' ORDER BY key) FROM jsonb_object_keys(body) key) AS members, body #>> '{info,globalApiKey,spec,token}' IS NULL AS no_token FROM v1('describe_account', :'acme_headers', '/v1/account');
SELECT status, body #>> '{spec,domain}' AS domain FROM v1('change_account', :'acme_headers', '/v1/account', '{"domain": "acme.example"}');

-- The life of a key; S3.10 workspaces.
SELECT status, body #>> '{metadata,id}' AS key, (body -> 'spec') - 'token' AS spec FROM v1('create_api_key', :'acme_headers', '/v1/account/api_keys', '{"name": "build", "permissions": ["read:accounts"], "expires_in": "30 days"}') \gset
\echo :status :spec
SELECT status, body #>> '{metadata,name}' AS name, body #>> '{metadata,labels}' AS labels FROM v1('update_api_key', :'acme_headers', '/v1/account/api_keys/' || :'key', '{"name": "builder", "labels": {"a": "b"}}');
SELECT status, body ->> 'workspace_id' AS workspace, body ->> 'state' AS state FROM v1('create_workspace', :'acme_headers', '/v1/account/workspaces', '{"name": "Paris"}') \gset
\echo :status :state
SELECT status, body FROM v1('grant_workspace', :'acme_headers', format('/v1/account/api_keys/%s/workspaces', :'key'), json_build_object('workspace_id', :'workspace'));
SELECT status, body #>> '{info,workspacesTotal}' AS workspaces FROM v1('get_api_key', :'acme_headers', '/v1/account/api_keys/' || :'key');
SELECT status FROM v1('revoke_workspace', :'acme_headers', format('/v1/account/api_keys/%s/workspaces?workspace_id=%s', :'key', :'workspace'));
SELECT status, body #>> '{spec,token}' IS NOT NULL AS has_token FROM v1('rotate_api_key', :'acme_headers', format('/v1/account/api_keys/%s/rotate', :'key'), '{"overlap": "1 hour"}');
SELECT status, body ->> 'error' AS error FROM v1('rotate_api_key', :'acme_headers', format('/v1/account/api_keys/%s/rotate', :'key'));
SELECT status, body FROM v1('revoke_api_key', :'acme_headers', format('/v1/account/api_keys/%s?reason=lost&successors=true', :'key'));
SELECT status, workspace ->> 'name' AS name FROM v1('list_workspaces', :'acme_headers', '/v1/account/workspaces'), jsonb_array_elements(body -> 'data') workspace ORDER BY 2;

-- S4: service accounts and their keys; S3.21 profiles.
SELECT status, body ->> 'profile_id' AS robot, body ->> 'api_key' ~ '^prod_acctsec_' AS has_key FROM v1('create_service_account', :'acme_headers', '/v1/account/service_accounts', '{"name": "robot", "role": "member", "owner": "Ann", "systems": ["build"]}') \gset
\echo :status :has_key
SELECT status, body #>> '{metadata,profileId}' = :'robot' AS of_robot FROM v1('create_service_account_key', :'acme_headers', format('/v1/account/service_accounts/%s/keys', :'robot'), '{"name": "second"}');
SELECT status, jsonb_array_length(body -> 'data') AS keys FROM v1('list_service_account_keys', :'acme_headers', format('/v1/account/service_accounts/%s/keys', :'robot'));
SELECT status, service_account ->> 'name' AS name, service_account -> 'roles' AS roles FROM v1('list_service_accounts', :'acme_headers', '/v1/account/service_accounts'), jsonb_array_elements(body -> 'data') service_account ORDER BY 2;
SELECT status, profile #>> '{metadata,name}' AS name, profile #>> '{spec,kind}' AS kind FROM v1('list_profiles', :'acme_headers', '/v1/account/profiles'), jsonb_array_elements(body -> 'data') profile ORDER BY 2;

-- S5.2, S5.3: who registers a user. The answer to the public is the same for a known e-mail.
SELECT status, body ->> 'user_id' IS NOT NULL AS created FROM v1('create_user', :'acme_headers', '/v1/admin/account/register', '{"email": "ben@document.test", "password": "correct horse battery"}');
SELECT status, body ->> 'error' AS error FROM v1('create_user', :'reader_headers', '/v1/admin/account/register', '{"email": "cat@document.test"}');
SELECT status, body ->> 'error' AS error FROM v1('create_user', '{}', '/v1/admin/account/register', '{"email": "cat@document.test"}');
SELECT r.status, r.body ->> 'error' AS error FROM unnest('{dan,ann}'::text[]) name, v1('register', '{}', '/v1/account/register', json_build_object('email', name || '@document.test', 'password', 'correct horse battery')) r;
-- S5.17, S5.19: sessions. What fails is committed, so that it counts.
SELECT status, body ->> 'error' AS error FROM v1('login', '{}', '/v1/account/login', '{"email": "ann@document.test", "password": "correct horse battery"}');
SELECT status, body - 'id' AS body, header FROM v1('login', '{"x-requested-with": "test"}', '/v1/account/login', '{"email": "ann@document.test", "password": "wrong"}');
SELECT status, (SELECT string_agg(key, ' ' ORDER BY key) FROM jsonb_object_keys(body) key) AS members, body ->> 'session_token' AS token FROM v1('login', '{"x-requested-with": "test"}', '/v1/account/login', '{"email": "ann@document.test", "password": "correct horse battery"}') \gset
\echo :status :members
SELECT json_build_object('authorization', 'Session ' || :'token') AS session_headers \gset
SELECT status, body #>> '{data,0,account_name}' AS account FROM v1('list_memberships', :'session_headers', '/v1/account/memberships');
SELECT status, body FROM v1('logout', :'session_headers', '/v1/account/logout');
SELECT status, body ->> 'error' AS error FROM v1('logout', :'session_headers', '/v1/account/logout');

-- After the answer, what was asked was done as the tenant's role; after an error the anonymous one is back, and nobody is calling.
BEGIN;
SELECT status FROM v1('create_account', :'acme_headers', '/v1/accounts', '{"name": " "}');
SELECT current_role, account_api.current_identity() IS NULL AS nobody;
ROLLBACK;
BEGIN READ ONLY;
SELECT status FROM v1('describe_account', :'acme_headers', '/v1/account');
SELECT current_role, current_setting('request.headers') AS headers;
SELECT status, body ->> 'error' AS error FROM v1('create_account', '{}', '/v1/accounts', '{"name": "x"}');
COMMIT;
-- In plain SQL they answer too, under the identity that there is, and take nothing from request settings that are not there.
BEGIN;
SET LOCAL ROLE regress_anonymous;
SELECT account_id = :'acme' AS acme FROM account.authenticate(:'acme_key');
SELECT account_api.v1_create_account('{"name": "x"}')::jsonb ->> 'error' AS error;
ROLLBACK;

\c - :super
DROP PROCEDURE open_branches;
DROP FUNCTION v1, pages;
\set ECHO none
\i :inputs/test/lib/request-end.sql
