-- The roles of PostgREST, and the transaction that it runs for a request, for tests:
--	\getenv inputs PG_ABS_SRCDIR
--	\i :inputs/test/lib/request.sql
--	...
--	\c - regress_authenticator
--	BEGIN; SELECT ask('GET', '/accounts', '{"x-api-key": "..."}'); SELECT account_api.pre_request(); ... COMMIT;
--	...
--	\c - :super
--	\i :inputs/test/lib/request-end.sql
\set super :USER
CREATE ROLE regress_authenticator LOGIN NOINHERIT;
CREATE ROLE regress_anonymous;
CREATE ROLE regress_tenant;
SELECT account.setup_postgrest('regress_authenticator', 'regress_anonymous', 'regress_tenant') \g /dev/null
SELECT format('ALTER ROLE regress_authenticator IN DATABASE %I SET account.password_cost = 4', current_database()) AS cheap \gset
:cheap;

-- The one statement that comes first, with the settings in its order.
CREATE FUNCTION ask(method text, path text, headers text DEFAULT '{}', cookies text DEFAULT '{}') RETURNS void
LANGUAGE sql AS $$
	SELECT set_config('search_path', '"account_api", "public"', true), set_config('role', 'regress_anonymous', true),
		set_config('request.jwt.claims', '{"role":"regress_anonymous"}', true), set_config('request.method', method, true),
		set_config('request.path', path, true), set_config('request.headers', headers, true),
		set_config('request.cookies', cookies, true);
$$;

-- What PostgREST makes of an error: of its SQLSTATE PGRST what it says, of any other that alone.
CREATE FUNCTION answer(statement text, OUT status text, OUT code text, OUT message text, OUT challenge text)
LANGUAGE plpgsql AS $$
DECLARE
	state text; body text; head text;
BEGIN
	EXECUTE statement;
	status := 'passed';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, body = MESSAGE_TEXT, head = PG_EXCEPTION_DETAIL;
	IF state <> 'PGRST' THEN
		status := state;
		message := body;
		RETURN;
	END IF;
	status := head::json ->> 'status';
	code := body::json ->> 'code';
	message := body::json ->> 'message';
	challenge := substring(head::json -> 'headers' ->> 'WWW-Authenticate' FROM '^Bearer realm="account"(?:, error="([^"]*)")?');
END $$;
