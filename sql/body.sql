-- body: what a proxy passes on as it was sent, answered in the form of the documents whatever it is.
\set VERBOSITY terse
SET client_min_messages = warning;
\getenv inputs PG_ABS_SRCDIR
\set ECHO none
\i :inputs/test/lib/request.sql
\set ECHO all
CREATE FUNCTION sent(path text, name text, headers json, body bytea, uri text DEFAULT '/v1/accounts', OUT status text, OUT error text, OUT note text, OUT answer json)
LANGUAGE plpgsql AS $$
DECLARE
	all_headers text := headers::jsonb || jsonb_build_object('x-account-function', name, 'x-original-uri', uri);
BEGIN
	PERFORM ask('POST', '/rpc/' || path, all_headers), set_config('response.status', '', true);
	PERFORM account_api.pre_request();
	EXECUTE format('SELECT account_api.%I($1)', path) INTO answer USING body;
	status := COALESCE(NULLIF(current_setting('response.status', true), ''), '200');
	error := answer ->> 'error';
	note := answer ->> 'note';
END $$;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('Acme') \gset
SELECT json_build_object('x-api-key', :'acme_key') AS headers \gset
\c - regress_authenticator
\set VERBOSITY terse

-- S2.27, S2.32, B1: what is no JSON object is a bad request, in the words of the documents and with an id, whatever was sent.
SELECT what, status, error, note, (answer ->> 'id')::uuid IS NOT NULL AS id, answer ->> 'validationErrors' AS entries FROM (VALUES
	(1, 'cut off', '{"name": "x"'::bytea), (2, 'not text', '\xff00fe'), (3, 'a NUL byte', '\x7b7d00'), (4, 'half a character', '\x7b226e616d65223a22c3227d'),
	(5, 'white space', ' '), (6, 'a form', 'name=x'), (7, 'an array', '[]'), (8, 'a string', '"name"'), (9, 'NUL in a string', '{"name": "\\u0000"}'),
	(10, 'half a surrogate', '{"name": "\\ud800"}'), (11, 'very deep', convert_to(repeat('[', 1000000), 'UTF8')), (12, 'a number too large', '{"name": 1e999999999}')
) v (number, what, body), sent('v1_write', 'v1_create_account', :'headers', body) ORDER BY number;
SELECT status, error, answer -> 'validationErrors' -> 0 ->> 'path' AS path FROM sent('v1_write', 'v1_create_account', :'headers', '');
SELECT status, error, answer -> 'validationErrors' -> 0 ->> 'path' AS path FROM sent('v1_write', 'v1_create_account', :'headers', NULL);
-- Who is calling is told first.
SELECT status, error FROM sent('v1_write', 'v1_create_account', '{}', '{');

-- S2.1, S2.5: what is JSON is answered as ever; S2.25 in the characters that were sent.
SELECT status, error, answer ->> 'name' = U&'Akme S\00fcd' AS same_name, answer ->> 'api_key' IS NOT NULL AS has_key FROM sent('v1_write', 'v1_create_account', :'headers', '\x7b226e616d65223a2022416b6d652053c3bc64227d');
BEGIN READ ONLY;
SELECT status, error, answer #>> '{data,0,name}' = U&'Akme S\00fcd' AS same_name FROM sent('v1_read', 'v1_list_accounts', :'headers', '{}');
COMMIT;
-- 204 has no body.
SELECT status, answer IS NULL AS nothing FROM sent('v1_write', 'v1_revoke_api_key', :'headers', '{}', '/v1/account/api_keys/' || (
	SELECT answer #>> '{metadata,id}' FROM sent('v1_write', 'v1_create_api_key', :'headers', '{"name": "k"}', '/v1/account/api_keys')));

-- The header names functions of the documents alone, those that write where it may be written and the others where it may not.
SELECT left(what, 20) AS what, status, error FROM (VALUES
	(1, 'v1_read', 'v1_create_account'), (2, 'v1_write', 'v1_list_accounts'), (3, 'v1_write', 'v1_nothing'), (4, 'v1_write', 'logout'), (5, 'v1_write', ''),
	(6, 'v1_write', 'v1_write'), (7, 'v1_read', 'V1_list_accounts'), (8, 'v1_write', 'v1_create_account"('), (9, 'v1_write', repeat('v1_', 1000))
) v (number, path, what), sent(path, what, :'headers', '{"name": "x"}') ORDER BY number;
BEGIN;
SELECT ask('POST', '/rpc/v1_write', '{}');
SELECT account_api.pre_request();
SELECT account_api.v1_write('{}')::json ->> 'error' AS error;
SELECT ask('POST', '/rpc/v1_write', '[]');
SELECT account_api.v1_write('{}')::json ->> 'error' AS error;
ROLLBACK;

\c - :super
DROP FUNCTION sent;
\set ECHO none
\i :inputs/test/lib/request-end.sql
