-- api: what PostgREST exposes.  Its transaction is replayed as it runs it (see postgrest.sql).
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgcrypto;
\getenv inputs PG_ABS_SRCDIR
\set ECHO none
\i :inputs/test/lib/request.sql
\set ECHO all

-- Each function that a tenant or an anonymous caller has in schema account is here too, with the same arguments, but for those that take a credential or serve others.
SELECT object FROM account.access_grants
WHERE level IN ('anonymous', 'tenant') AND object LIKE 'FUNCTION account.%' AND object !~ 'FUNCTION account\.(authenticate|authenticate_session|act_as|deauthenticate|level_[a-z]+|readable_[a-z_]*|read_only_since|own_commitment|audit_reads|list_error_codes|state|login)\(' AND object NOT LIKE '%sign_webhook(text, bytea%'
	AND to_regprocedure(replace(substring(object FROM '^FUNCTION (.*)'), 'account.', 'account_api.')) IS NULL
ORDER BY 1;
-- Under the same arguments and results, and given to the same level.
SELECT a.oid::regprocedure FROM pg_proc a JOIN pg_proc b ON b.proname = a.proname AND b.pronamespace = 'account'::regnamespace AND b.proargtypes = a.proargtypes
WHERE a.pronamespace = 'account_api'::regnamespace AND (pg_get_function_arguments(a.oid) <> pg_get_function_arguments(b.oid)
	OR pg_get_function_result(a.oid) <> pg_get_function_result(b.oid) OR a.provolatile <> b.provolatile
	OR (SELECT level FROM account.access_grants WHERE to_regprocedure(substring(object FROM '^FUNCTION (.*)')) = a.oid)
		<> COALESCE((SELECT level FROM account.access_grants WHERE to_regprocedure(substring(object FROM '^FUNCTION (.*)')) = b.oid), 'anonymous'));
-- The same of views; none shows a token.
SELECT object FROM account.access_grants WHERE level IN ('anonymous', 'tenant') AND object LIKE 'TABLE account.%' AND to_regclass(replace(substring(object FROM '^TABLE (.*)'), 'account.', 'account_api.')) IS NULL;
SELECT attrelid::regclass, attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
WHERE relnamespace = 'account_api'::regnamespace AND attname ~ 'token|digest|hash|secret|password';
-- PGR-08, DES-17: nothing of schema account is served, and no function makes web pages.
SELECT p.oid::regprocedure FROM pg_proc p WHERE pronamespace = 'account_api'::regnamespace AND (prorettype::regtype::text ~ 'text/html' OR proname ~ '^(authenticate|act_as|grant_access|set_)');
-- PGR-13: nobody can put a function of his own there.
SELECT rolname FROM (VALUES ('regress_anonymous'), ('regress_tenant'), ('public')) r (rolname) WHERE has_schema_privilege(rolname, 'account_api', 'CREATE');
-- What OpenAPI shows: a title, and what it does.
SELECT p.oid::regprocedure FROM pg_proc p WHERE pronamespace = 'account_api'::regnamespace AND prorettype <> 'trigger'::regtype AND obj_description(oid, 'pg_proc') !~ '^[^\n]{3,}\n.{3,}';
-- The anonymous role sees what it may call: this, and the documents' own paths, which say themselves that a key is missing.
SELECT p.oid::regprocedure FROM pg_proc p WHERE pronamespace = 'account_api'::regnamespace AND proname NOT LIKE 'v1\_%' AND has_function_privilege('regress_anonymous', oid, 'EXECUTE') ORDER BY p.oid::regprocedure::text;
SELECT c.oid::regclass FROM pg_class c WHERE relnamespace = 'account_api'::regnamespace AND has_table_privilege('regress_anonymous', oid, 'SELECT') ORDER BY c.oid::regclass::text;

SELECT id AS acme, api_key AS acme_key FROM account.create_account('Acme', external_id => 'a') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('Globex') \gset
\c - regress_authenticator
\set VERBOSITY terse
SELECT json_build_object('x-api-key', :'acme_key') AS acme_headers, json_build_object('x-api-key', :'globex_key') AS globex_headers \gset

-- S2.1, S2.4, S2.5: a sub-account is posted to the view; the answer has the key, once.
BEGIN READ WRITE;
SELECT ask('POST', '/accounts', :'acme_headers');
SELECT account_api.pre_request();
INSERT INTO account_api.accounts (name, branding) VALUES ('Acme North', '{"suppress_from_reports": true}')
	RETURNING api_key LIKE 'prod_acctsec_%' AS has_key, branding, name, resource_type, status, id AS north, api_key AS north_key \gset
SELECT :'has_key' AS has_key, :'name' AS name, :'branding' AS branding, :'resource_type' AS resource_type, :'status' AS status;
SELECT current_setting('response.headers')::json -> 2 ->> 'Location' = '/accounts?id=eq.' || :'north' AS located;
COMMIT;
-- S2.17, S3.16: it is read, with its parent and without the key, by nobody but those above.
BEGIN READ ONLY;
SELECT ask('GET', '/accounts', :'acme_headers');
SELECT account_api.pre_request();
SELECT name, api_key IS NULL AS no_key, parent_account_id = :'acme' AS below, a.external_id, a.labels FROM account_api.accounts a ORDER BY created_at, name;
SELECT (SELECT name FROM account_api.get_account(:'north')), (SELECT count(*) FROM account_api.account_descendants(:'acme'));
SELECT name, state, left(preview, 13) AS preview FROM account_api.api_keys ORDER BY created_at, name;
SELECT account_id = :'acme' AS own FROM account_api.current_identity();
COMMIT;
BEGIN READ ONLY;
SELECT ask('GET', '/accounts', :'globex_headers');
SELECT account_api.pre_request();
SELECT name FROM account_api.accounts;
SELECT * FROM answer(format('SELECT account_api.get_account(%L)', :'north'));
SELECT * FROM answer(format('SELECT account_api.labels(ROW(NULL, NULL, NULL, NULL, NULL, %L, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::account_api.accounts)', :'north'));
ROLLBACK;
-- The new key opens the new account.
BEGIN READ ONLY;
SELECT ask('GET', '/accounts', json_build_object('x-api-key', :'north_key')::text);
SELECT account_api.pre_request();
SELECT name FROM account_api.accounts;
COMMIT;

-- What is written is checked by the functions behind the view; PGR-10: no other column is taken.
BEGIN;
SELECT ask('POST', '/accounts', :'acme_headers');
SELECT account_api.pre_request();
SELECT a.status, a.code, a.message FROM (VALUES
	(1, 'INSERT INTO account_api.accounts (name) VALUES ('' '')'),
	(2, 'INSERT INTO account_api.accounts (branding) VALUES (''{}'')'),
	(3, format('INSERT INTO account_api.accounts (name, id, api_key) VALUES (''x'', %L, ''k'')', :'globex')),
	(4, format('INSERT INTO account_api.accounts (name, parent_account_id) VALUES (''x'', %L)', :'globex')),
	(5, format('UPDATE account_api.accounts SET name = NULL WHERE id = %L', :'north')),
	(6, format('UPDATE account_api.accounts SET stripe_customer_id = ''cus_1'', name = ''y'' WHERE id = %L', :'north')),
	(7, format('UPDATE account_api.accounts SET parent_account_id = NULL WHERE id = %L', :'north')),
	(8, 'SELECT account_api.insert_account()')
) v (number, statement), answer(statement) a ORDER BY number;
UPDATE account_api.accounts SET name = 'Acme South', branding = '{"logo": "s.png"}' WHERE id = :'north' RETURNING name, branding, api_key IS NULL AS no_key;
UPDATE account_api.accounts SET name = 'nobody''s' WHERE id = :'globex';
COMMIT;

-- Views and functions say that a key is missing, in a transaction without one.
BEGIN READ ONLY;
SELECT ask('GET', '/error_codes');
SELECT account_api.pre_request();
SELECT count(*) FROM account_api.error_codes;
SELECT status, code, challenge FROM answer('SELECT account_api.memberships()');
SET LOCAL ROLE regress_tenant;
SELECT c.relname, a.status, a.code FROM pg_class c, answer(format('SELECT * FROM account_api.%I', relname)) a
WHERE relnamespace = 'account_api'::regnamespace AND relkind = 'v' ORDER BY relname;
SELECT a.status, a.code FROM answer('INSERT INTO account_api.accounts (name) VALUES (''x'')') a;
COMMIT;

-- S5.19: a session over HTTP.  DES-17: logging in takes a header that no other site's form can send.
\c - :super
SET account.password_cost = 4;
SELECT account.create_user('ann@api.test', 'correct horse battery') AS ann \gset
SELECT account.add_member(:'ann', 'member', :'acme') IS NOT NULL AS member;
\c - regress_authenticator
\set VERBOSITY terse
BEGIN;
SELECT ask('POST', '/rpc/login', '{"content-type": "application/x-www-form-urlencoded"}');
SELECT account_api.pre_request();
SELECT * FROM answer('SELECT account_api.login(email => ''ann@api.test'', password => ''correct horse battery'')');
COMMIT;
BEGIN;
SELECT ask('POST', '/rpc/login', '{"x-requested-with": "shop"}');
SELECT account_api.pre_request();
SELECT session_token, session_id, user_id, error FROM account_api.login('ann@api.test', 'wrong');
SELECT current_setting('response.status') AS status, current_setting('response.headers')::json -> 2 AS header;
COMMIT;
BEGIN;
SELECT ask('POST', '/rpc/login', '{"x-requested-with": "shop"}');
SELECT account_api.pre_request();
SELECT session_token AS token, user_id = :'ann' AS hers, error IS NULL AS good FROM account_api.login('ann@api.test', 'correct horse battery') \gset
SELECT :'hers' AS hers, :'good' AS good, current_setting('response.headers') NOT LIKE '%Set-Cookie%' AS no_cookie;
COMMIT;
-- For a browser: the token in a cookie that scripts cannot read, and nowhere else.
BEGIN;
SELECT ask('POST', '/rpc/login', '{"x-requested-with": "shop"}');
SELECT account_api.pre_request();
SELECT session_token IS NULL AS no_token, session_id IS NOT NULL AS session FROM account_api.login('ann@api.test', 'correct horse battery', cookie => true);
SELECT regexp_replace(regexp_replace(current_setting('response.headers')::json -> 2 ->> 'Set-Cookie', '=prod_acctses_[^;]+', '=TOKEN'), 'Max-Age=[0-9]+', 'Max-Age=N') AS cookie,
	substring(current_setting('response.headers') FROM '__Host-account-session=([^;]+)') AS cookie_token \gset
SELECT :'cookie' AS cookie;
COMMIT;
SELECT json_build_object('authorization', 'Session ' || :'token') AS session_headers, json_build_object('__Host-account-session', :'cookie_token', 'theme', 'dark') AS cookies \gset
BEGIN READ ONLY;
SELECT ask('GET', '/accounts', :'session_headers');
SELECT account_api.pre_request();
SELECT name FROM account_api.accounts ORDER BY created_at LIMIT 1;
SELECT account_name, roles FROM account_api.memberships();
SELECT current, state FROM account_api.sessions ORDER BY created_at;
COMMIT;
-- The cookie counts beside the header alone, and is scrubbed in any case.
BEGIN READ ONLY;
SELECT ask('GET', '/error_codes', '{}', :'cookies');
SELECT account_api.pre_request();
SELECT account_api.current_user_id() IS NULL AS nobody, current_setting('request.cookies') AS cookies;
COMMIT;
BEGIN READ ONLY;
SELECT ask('GET', '/error_codes', '{"x-requested-with": "shop"}', :'cookies');
SELECT account_api.pre_request();
SELECT account_api.current_user_id() = :'ann' AS ann, current_setting('request.cookies') AS cookies;
COMMIT;
SELECT a.status, a.code, a.message FROM (VALUES
	(1, json_build_object('x-requested-with', 'shop', 'x-api-key', :'acme_key')::text, :'cookies'),
	(2, '{"x-requested-with": "shop"}', '{"__Host-account-session": ""}'),
	(3, '{"x-requested-with": ""}', :'cookies'),
	(4, '{"x-requested-with": "shop"}', '{"session": "tossed", "__Secure-account-session": "tossed", "account-session": "tossed"}')
) v (number, headers, cookies), answer(format('SELECT ask(''GET'', ''/accounts'', %L, %L); SELECT account_api.pre_request()', headers, cookies)) a ORDER BY number;
-- Logging out ends it, and takes the cookie away.
BEGIN;
SELECT ask('POST', '/rpc/logout', '{"x-requested-with": "shop"}', :'cookies');
SELECT account_api.pre_request();
SELECT account_api.logout();
SELECT current_setting('response.headers')::json -> 2 ->> 'Set-Cookie' AS cookie;
COMMIT;
SELECT a.status, a.code FROM answer(format('SELECT ask(''GET'', ''/accounts'', ''{"x-requested-with": "shop"}'', %L); SELECT account_api.pre_request()', :'cookies')) a;

\c - :super
\set ECHO none
\i :inputs/test/lib/request-end.sql
