-- error, document: each code over both routes of HTTP (S2.26 to S2.43, B1, D7).  PostgREST's transaction is replayed (see postgrest.sql).
-- RATE_LIMITED takes a server that preloads the library: test/t/rate.pl.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgcrypto;
\getenv inputs PG_ABS_SRCDIR
\set ECHO none
\i :inputs/test/lib/request.sql
\set ECHO all
-- What a request comes to: status, code and whether the answer has the form of its route.
CREATE FUNCTION answered(path text, headers json, statement text, OUT status text, OUT code text, OUT well_formed boolean, OUT challenge boolean) LANGUAGE plpgsql AS $$
DECLARE
	state text; body jsonb; head jsonb; message text; detail text;
BEGIN
	PERFORM ask('POST', path, headers::text), set_config('response.status', '', true);
	PERFORM account_api.pre_request();
	EXECUTE statement INTO body;
	status := COALESCE(NULLIF(current_setting('response.status', true), ''), '200');
	code := body ->> 'error';
	well_formed := (SELECT array_agg(key ORDER BY key) FROM jsonb_object_keys(body) key) = '{error,id,note,validationErrors}' AND (body ->> 'id')::uuid IS NOT NULL AND jsonb_typeof(body -> 'validationErrors') = 'array';
	challenge := current_setting('response.headers') LIKE '%WWW-Authenticate%';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	IF state <> 'PGRST' THEN
		RAISE;
	END IF;
	body := message; head := detail;
	status := head ->> 'status';
	code := body ->> 'code';
	well_formed := (SELECT array_agg(key ORDER BY key) FROM jsonb_object_keys(body) key) = '{code,details,hint,message}' AND (body ->> 'details')::jsonb ->> 'error' = code
		AND ((body ->> 'details')::jsonb ->> 'id')::uuid IS NOT NULL AND head #>> '{headers,Cache-Control}' = 'private, no-store';
	challenge := head -> 'headers' ? 'WWW-Authenticate';
END $$;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('Acme') \gset
SELECT id AS north, api_key AS north_key FROM account.create_account('North', :'acme', external_id => 'n') \gset
SELECT id AS south, api_key AS south_key FROM account.create_account('South', :'acme') \gset
SELECT account.create_plan('errors', '{"sub_accounts": 2}') IS NOT NULL AS made, account.set_plan(:'acme', 'errors');
SELECT profile_id AS profile FROM account.profiles WHERE account_id = :'acme' \gset
SELECT api_key AS short_key FROM account.create_api_key(:'profile', 'short', expires_in => '1 microsecond') \gset
SELECT account.suspend_account(:'north', 'unpaid'), account.archive_account(:'south');
SELECT json_build_object('x-api-key', :'acme_key') AS acme, json_build_object('x-api-key', :'north_key') AS north, json_build_object('x-api-key', :'south_key') AS south, json_build_object('x-api-key', :'short_key') AS short,
	:'acme' AS acme_id, :'south' AS south_id \gset
CREATE TABLE wanted AS SELECT v.*, e.http_status FROM (VALUES
	(1, 'BAD_REQUEST', :'acme'::json, 'archive_account', 'SELECT account_api.archive_account(NULL)', '[]'::json),
	(2, 'VALIDATION_FAILED', :'acme', 'create_account', 'SELECT account_api.create_account('' '')', '{"name": " "}'),
	(3, 'MISSING_API_KEY', '{}', 'create_account', 'SELECT account_api.create_account(''x'')', '{"name": "x"}'),
	(4, 'MALFORMED_API_KEY', '{"x-api-key": "sesame"}', 'describe_account', 'SELECT account_api.get_account()', '{}'),
	(5, 'EXPIRED_API_KEY', :'short', 'describe_account', 'SELECT account_api.get_account()', '{}'),
	(6, 'INVALID_AUTHORIZATION', '{"x-api-key": "prod_acctsec_00000000000000000000000000000000000000000003UNP5x"}', 'describe_account', 'SELECT account_api.get_account()', '{}'),
	(7, 'FORBIDDEN', :'acme', 'suspend_account', format('SELECT account_api.suspend_account(%L, ''own'')', :'acme_id'), json_build_object('id', :'acme_id', 'reason', 'own')),
	(8, 'ACCOUNT_SUSPENDED', :'north', 'describe_account', 'SELECT account_api.get_account()', '{}'),
	(9, 'MAX_RESOURCES_REACHED', :'acme', 'create_account', 'SELECT account_api.create_account(''Third'')', '{"name": "Third"}'),
	(10, 'NOT_FOUND', :'acme', 'get_account', 'SELECT account_api.get_account(''00000000-0000-4000-8000-000000000000'')', '{"id": "00000000-0000-4000-8000-000000000000"}'),
	(11, 'CONFLICT', :'acme', 'create_account', 'SELECT account_api.create_account(''again'', external_id => ''n'')', '{"name": "again", "external_id": "n"}'),
	(12, 'ARCHIVED', :'south', 'change_account', 'SELECT account_api.update_account(account_api.current_account_id(), ''{"name": "x"}'')', '{"name": "x"}'),
	(14, 'INTERNAL_SERVER_ERROR', '{"x-requested-with": "test"}', 'login', 'SELECT account_api.login(''ann@errors.test'', ''correct horse battery'')', '{"email": "ann@errors.test", "password": "correct horse battery"}')
) v (number, code, headers, name, statement, given) JOIN account.error_codes e ON e.code = v.code;
GRANT SELECT ON wanted TO regress_authenticator;
-- Logging in is the server's error without the extension that checks passwords.
DROP EXTENSION pgcrypto;
\c - regress_authenticator
\set VERBOSITY terse

-- Outside /v1/ and below it: the code that is wanted, one status, the form of the route, and WWW-Authenticate where it is due (RFC 6750).
\pset tuples_only
\set ECHO none
SELECT format('SELECT w.code, %s AS route, a.code = w.code AS produced, a.status, a.status = w.http_status::text AS as_listed, a.well_formed, a.challenge FROM wanted w, answered(%s) a WHERE number = %s', r.route, r.arguments, w.number)
FROM wanted w, (VALUES ('''view or function''', $$'/rpc/' || substring(statement FROM 'account_api\.(\w+)'), headers, statement$$),
	('''/v1/''', $$'/rpc/v1_' || name, headers, format('SELECT account_api.v1_%s(%L)', name, given)$$)) r (route, arguments) ORDER BY number, route DESC \gexec
\set ECHO all
\pset tuples_only off
\c - :super
-- They are all but one that there are.
SELECT e.code FROM account.error_codes e WHERE NOT EXISTS (SELECT FROM wanted w WHERE w.code = e.code);
DROP TABLE wanted;
DROP FUNCTION answered;
CREATE EXTENSION pgcrypto;
\set ECHO none
\i :inputs/test/lib/request-end.sql
