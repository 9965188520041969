-- request: errors in an HTTP request, in the form that PostgREST answers with.
\set VERBOSITY terse
SET client_min_messages = error;
CREATE ROLE regress_request;
SELECT account.grant_access('regress_request', 'tenant');
SELECT id AS acme, api_key AS acme_key FROM account.create_account('Acme') \gset
SELECT id AS child, api_key AS child_key FROM account.create_account('Child', :'acme') \gset
SELECT id AS other FROM account.create_account('Other') \gset
SELECT account.create_plan('request', '{"sub_accounts": 1}') IS NOT NULL AS made, account.set_plan(:'acme', 'request');
SELECT profile_id AS profile FROM account.profiles WHERE account_id = :'acme' \gset
SELECT api_key AS short_key FROM account.create_api_key(:'profile', 'short', expires_in => '1 microsecond') \gset

-- The same statement outside a request and in one: the code is the same, and what stood in DETAIL stands in the body.
CREATE FUNCTION pg_temp.raised(statement text, method text, OUT state text, OUT message text, OUT detail text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('request.method', method, true);
	EXECUTE statement;
	state := 'allowed';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END $$;
CREATE FUNCTION pg_temp.both(statement text, OUT code text, OUT plain text, OUT request text, OUT status text, OUT same_text boolean, OUT other_id boolean, OUT headers text) LANGUAGE plpgsql AS $$
DECLARE
	outside record;
	inside record;
	body jsonb;
BEGIN
	outside := pg_temp.raised(statement, '');
	inside := pg_temp.raised(statement, 'GET');
	body := inside.message;
	plain := outside.state;
	request := inside.state;
	code := body ->> 'code';
	status := inside.detail::jsonb ->> 'status';
	same_text := code = outside.detail::jsonb ->> 'error' AND body ->> 'message' = outside.message AND body ->> 'hint' IS NOT DISTINCT FROM NULLIF(outside.hint, '')
		AND (body ->> 'details')::jsonb - 'id' = outside.detail::jsonb - 'id' AND COALESCE(inside.hint, '') = ''
		AND (SELECT array_agg(key ORDER BY key) FROM jsonb_object_keys(body) key) = '{code,details,hint,message}';
	other_id := (body ->> 'details')::jsonb ->> 'id' <> outside.detail::jsonb ->> 'id';
	headers := (SELECT string_agg(key || ': ' || value, E'\n' ORDER BY key) FROM jsonb_each_text(inside.detail::jsonb -> 'headers') WHERE key <> 'Vary');
END $$;
SET ROLE regress_request;

-- Contract 9, D7, RFC 6750: statuses, and what 401 and 403 ask for.
SELECT b.* FROM (VALUES
	(1, 'SELECT account.get_account()'),
	(2, 'SELECT account.authenticate(''sesame"\'')'),
	(3, 'SELECT account.authenticate(''prod_acctsec_00000000000000000000000000000000000000000003UNP5x'')'),
	(4, format('SELECT account.authenticate(%L)', :'short_key'))
) v (number, statement), pg_temp.both(statement) b ORDER BY number;
BEGIN;
RESET ROLE;
DROP EXTENSION IF EXISTS pgcrypto;
SET LOCAL ROLE regress_request;
SELECT b.* FROM pg_temp.both('SELECT account.login(''ann@example.com'', ''correct horse battery'')') b;
ROLLBACK;
BEGIN;
SELECT account_id = :'acme' AS acme FROM account.authenticate(:'acme_key');
SELECT b.code, b.plain, b.request, b.status, b.same_text, b.other_id, b.headers FROM (VALUES
	(1, 'SELECT account.archive_account(NULL)'),
	(2, format('SELECT account.suspend_account(%L, ''own'')', :'acme')),
	(3, 'SELECT account.create_account(''Second'')'),
	(4, format('SELECT account.get_account(%L)', :'other')),
	(5, format('SELECT account.authenticate(%L)', :'child_key')),
	(6, format('SELECT account.create_account(E''\r\nSet-Cookie: a=b'', labels => ''[]'', domain => E''"\\\n'')'))
) v (number, statement), pg_temp.both(statement) b ORDER BY number;
SELECT account.suspend_account(:'child', 'unpaid'), account.archive_account(:'acme');
SELECT b.code, b.plain, b.request, b.status, b.same_text FROM pg_temp.both('SELECT account.update_account(account.current_account_id(), ''{"name": "x"}'')') b;
COMMIT;
SELECT b.code, b.plain, b.request, b.status, b.same_text FROM pg_temp.both(format('SELECT account.authenticate(%L)', :'child_key')) b;

-- PGR-15: no text of a caller goes where a status line or a header is made of it; what is kept out of caches is said.
BEGIN;
SELECT account_id = :'acme' AS acme FROM account.authenticate(:'acme_key');
SELECT detail FROM pg_temp.raised(E'SELECT account.create_account(E''\\r\\nX: y'')', 'GET');
ROLLBACK;

-- Whoever sets the settings himself changes the form of his own errors, until he resets them.
SET request.method = 'GET';
SELECT state FROM pg_temp.raised('SELECT account.get_account()', current_setting('request.method'));
RESET request.method;
SELECT state FROM pg_temp.raised('SELECT account.get_account()', current_setting('request.method'));

RESET ROLE;
SELECT account.revoke_access('regress_request');
DROP ROLE regress_request;
