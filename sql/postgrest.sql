-- postgrest: who sends an HTTP request.  PostgREST's transaction is replayed as it runs it.
\set VERBOSITY terse
\getenv inputs PG_ABS_SRCDIR
\set ECHO none
\i :inputs/test/lib/request.sql
\set ECHO all
CREATE ROLE regress_power BYPASSRLS;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('Acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('Globex') \gset

-- Setting it up: by superusers, with roles that see no more than an account.
GRANT regress_power TO regress_authenticator;
SELECT account.setup_postgrest('regress_authenticator', 'regress_power');
SELECT account.setup_postgrest('regress_authenticator', NULL);
-- CTX-33: what the connection can become besides is told.
SELECT account.setup_postgrest('regress_authenticator', 'regress_anonymous', 'regress_tenant');
REVOKE regress_power FROM regress_authenticator;
-- Again changes nothing; schemas that are served already stay.
DO $$ BEGIN EXECUTE format('ALTER ROLE regress_authenticator IN DATABASE %I SET pgrst.db_schemas = %L', current_database(), 'shop, api'); END $$;
SELECT account.setup_postgrest('regress_authenticator', 'regress_anonymous', 'regress_tenant');
SELECT account.setup_postgrest('regress_authenticator', 'regress_anonymous', 'regress_tenant');
SELECT unnest(setconfig) FROM pg_db_role_setting WHERE setrole = 'regress_authenticator'::regrole ORDER BY 1;
SELECT roleid::regrole FROM pg_auth_members WHERE member = 'regress_authenticator'::regrole ORDER BY 1;
SELECT role, level FROM account.access_levels WHERE role::text LIKE 'regress%' ORDER BY 1;
SET ROLE regress_tenant;
SELECT account.setup_postgrest('regress_authenticator', 'regress_anonymous');
RESET ROLE;

-- Who is calling, and what is left in the settings of the request.
CREATE VIEW caller AS
	SELECT a.name AS account, i.user_id IS NOT NULL AS "user", current_role AS role, i.account_id IS NULL AS nowhere,
		current_setting('request.headers') AS headers, current_setting('request.cookies') AS cookies
	FROM account.current_identity() i
	LEFT JOIN account.accounts a ON a.account_id = i.account_id;
GRANT SELECT ON caller TO regress_anonymous, regress_tenant;
-- What comes of a request as far as pre_request().
CREATE FUNCTION request(path text, headers text DEFAULT '{}', cookies text DEFAULT '{}', OUT status text, OUT code text, OUT message text, OUT challenge text)
LANGUAGE sql AS $$
	SELECT answer(format('SELECT ask(''GET'', %L, %L, %L); SELECT account_api.pre_request()', path, headers, cookies));
$$;
\c - regress_authenticator
\set VERBOSITY terse

-- S2.2: a key in any of its places; the role is the tenant's, and the key is in the settings no more.
BEGIN READ ONLY;
SELECT ask('GET', '/accounts', jsonb_build_object('x-api-key', :'acme_key', 'accept', '*/*')::text);
SELECT account_api.pre_request();
SELECT * FROM caller;
SELECT current_setting('response.headers');
COMMIT;
BEGIN READ ONLY;
SELECT ask('GET', '/accounts', jsonb_build_object('authorization', 'apikey  ' || :'acme_key')::text);
SELECT account_api.pre_request();
SELECT * FROM caller;
COMMIT;
BEGIN READ ONLY;
SELECT ask('GET', '/accounts', jsonb_build_object('authorization', 'Basic ' || replace(encode(convert_to(:'acme_key' || ':', 'UTF8'), 'base64'), E'\n', ''))::text);
SELECT account_api.pre_request();
SELECT * FROM caller;
COMMIT;
BEGIN READ ONLY;
SELECT ask('GET', '/accounts', jsonb_build_object('authorization', 'Bearer ' || :'acme_key', 'x-api-key', :'acme_key')::text);
SELECT account_api.pre_request();
SELECT * FROM caller;
COMMIT;
-- Nothing of it is left on the connection.
SELECT current_role, current_setting('request.headers') AS headers, current_setting('response.headers') AS answered;
BEGIN;
SET LOCAL ROLE regress_anonymous;
SELECT account.current_identity() IS NULL AS nobody;
COMMIT;
-- Void first: without a credential nobody is calling, whatever there was; the anonymous role stays.
BEGIN;
SELECT ask('GET', '/error_codes', jsonb_build_object('x-api-key', :'acme_key')::text);
SELECT account_api.pre_request();
SELECT account FROM caller;
SELECT ask('GET', '/error_codes', jsonb_build_object('cookie-consent', 'yes')::text);
SELECT account_api.pre_request();
SELECT account IS NULL AS nobody, role, headers FROM caller;
COMMIT;

-- PGR-03: nothing, too much, or something that is no key.
SELECT name, a.* FROM (VALUES
	(1, 'nothing', '/error_codes', '{}'),
	(2, 'nothing, for something that takes a key', '/accounts', '{}'),
	(3, 'nothing, for a function that takes one', '/rpc/create_account', '{}'),
	(4, 'nothing, for what does not exist', '/rpc/authenticate', '{}'),
	(5, 'empty', '/error_codes', '{"x-api-key": ""}'),
	(6, 'empty Authorization', '/error_codes', '{"authorization": " "}'),
	(7, 'no key', '/error_codes', '{"authorization": "ApiKey"}'),
	(8, 'malformed', '/error_codes', '{"x-api-key": "sesame"}'),
	(9, 'not ASCII', '/error_codes', '{"x-api-key": "schlüssel"}'),
	(10, 'far too long', '/error_codes', jsonb_build_object('x-api-key', repeat('k', 8192))::text),
	(11, 'unknown', '/error_codes', '{"x-api-key": "prod_acctsec_00000000000000000000000000000000000000000003UNP5x"}'),
	(12, 'a key as a session', '/error_codes', jsonb_build_object('authorization', 'Session ' || :'acme_key')::text),
	(13, 'Basic with a password', '/error_codes', '{"authorization": "Basic YTpi"}'),
	(14, 'Basic that is no base64', '/error_codes', '{"authorization": "Basic !"}'),
	(15, 'Basic of a NUL', '/error_codes', '{"authorization": "Basic AAA6"}'),
	(16, 'bearer x', '/error_codes', '{"authorization": "bearer x"}'),
	(17, 'two keys', '/error_codes', jsonb_build_object('x-api-key', :'acme_key', 'authorization', 'ApiKey ' || :'globex_key')::text),
	(18, 'a key and a JWT (PGR-11)', '/error_codes', jsonb_build_object('x-api-key', :'acme_key', 'authorization', 'Bearer eyJhbGciOiJub25lIn0.e30.')::text),
	(19, 'the same twice', '/error_codes', jsonb_build_object('x-api-key', :'acme_key', 'authorization', 'ApiKey ' || :'acme_key')::text),
	(20, 'another account than the key''s', '/error_codes', jsonb_build_object('x-api-key', :'acme_key', 'x-account-id', :'globex')::text),
	(21, 'its own', '/error_codes', jsonb_build_object('x-api-key', :'acme_key', 'x-account-id', :'acme')::text),
	(22, 'no account''s id', '/error_codes', jsonb_build_object('x-api-key', :'acme_key', 'x-account-id', '{}')::text)
) v (number, name, path, headers), request(path, headers) a ORDER BY number;

-- Settings that are not what PostgREST makes: whoever sets them has an error of his own.
SELECT number, a.* FROM (VALUES
	(1, ''),
	(2, '{'),
	(3, '[]'),
	(4, '"x-api-key"'),
	(5, '{"x-api-key": 1}'),
	(6, '{"x-api-key": null}'),
	(7, '{"a": {"x-api-key": "k"}}'),
	(8, '{"x-api-key": "k", "X-API-Key": "k"}'),
	(9, '{"x-api-key": "\u0000"}'),
	(10, '{"x-api-key": "\ud800"}'),
	(11, '{"x-api-key": "a"} {"x-api-key": "b"}')
) v (number, headers), request('/error_codes', headers) a ORDER BY number;
SELECT status IN ('400', '54001') AS refused FROM request('/error_codes', repeat('[', 20000));
-- Only what our schema withholds is said to take a key: another profile's view of that name is not ours.
BEGIN;
SELECT ask('GET', '/accounts');
SET LOCAL search_path = public;
SELECT account_api.pre_request();
ROLLBACK;
SELECT a.* FROM (VALUES (1, ''), (2, '/'), (3, '/rpc/'), (4, '/' || repeat('a', 100)), (5, '/accounts/1'), (6, '/rpc/pre_request')) v (number, path), request(path) a ORDER BY number;

-- One role for everything: then views and functions themselves say that a key is missing.
\c - :super
\set VERBOSITY terse
SELECT account.setup_postgrest('regress_authenticator', 'regress_anonymous');
SELECT setting FROM pg_db_role_setting, unnest(setconfig) setting WHERE setrole = 'regress_authenticator'::regrole AND setting LIKE 'account.%';
\c - regress_authenticator
\set VERBOSITY terse
SELECT status, code FROM request('/accounts');
BEGIN READ ONLY;
SELECT ask('GET', '/accounts', jsonb_build_object('x-api-key', :'acme_key')::text);
SELECT account_api.pre_request();
SELECT account, role FROM caller;
SELECT name FROM account_api.accounts;
COMMIT;
\c - :super
\set VERBOSITY terse
DROP VIEW caller;
DROP FUNCTION request;
DROP ROLE regress_power;
\set ECHO none
\i :inputs/test/lib/request-end.sql
