-- Groups PGR and DES-17 of the attacks: what a client of PostgREST tries.  Its transaction is replayed (see postgrest.sql).
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgcrypto;
\getenv inputs PG_ABS_SRCDIR
\set ECHO none
\i :inputs/test/lib/request.sql
\set ECHO all
-- What comes of a statement in the transaction of a request.
CREATE FUNCTION tried(method text, path text, headers json, statement text DEFAULT 'SELECT', cookies text DEFAULT '{}', OUT status text, OUT code text, OUT message text)
LANGUAGE sql AS $$
	SELECT a.status, a.code, a.message FROM answer(format('SELECT ask(%L, %L, %L, %L); SELECT account_api.pre_request(); %s', method, path, headers, cookies, statement)) a;
$$;
-- Guesses at a password, each in a request of its own.
CREATE PROCEDURE guess(who text, count int, undo boolean DEFAULT false) LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. count LOOP
		PERFORM ask('POST', '/rpc/login', '{"x-requested-with": "test", "prefer": "tx=rollback"}');
		PERFORM account_api.pre_request();
		ASSERT (SELECT session_token IS NULL AND error = 'INVALID_AUTHORIZATION' FROM account_api.login(who, 'guess ' || i));
		IF undo THEN
			ROLLBACK;
		ELSE
			COMMIT;
		END IF;
	END LOOP;
END $$;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('Acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('Globex') \gset
SELECT json_build_object('x-api-key', :'acme_key') AS headers \gset
SET account.password_cost = 4;
SELECT account.create_user('ann@attack.test', 'correct horse battery') AS ann \gset
SELECT account.add_member(:'ann', 'member', :'acme') IS NOT NULL AS member;
SELECT account.create_user('ben@attack.test', 'correct horse battery') IS NOT NULL AS made;
CREATE TABLE orders (order_id serial PRIMARY KEY, item text);
SELECT count(*) > 0 AS isolated FROM account.isolate('orders');
GRANT SELECT, INSERT, UPDATE, DELETE ON orders TO regress_tenant;
GRANT USAGE ON SEQUENCE orders_order_id_seq TO regress_tenant;
\c - regress_authenticator
\set VERBOSITY terse

-- PGR-01: what may write, or takes a secret, is not called by GET, where its arguments would stand in the URI; what only reads is.
SELECT name, a.* FROM unnest('{verify_api_key,login,register,use_user_token,accept_invitation,create_api_key,pre_request,get_account,current_identity}'::text[]) WITH ORDINALITY f (name, number), tried('GET', '/rpc/' || name, :'headers') a ORDER BY number;
SELECT a.* FROM tried('HEAD', '/rpc/verify_api_key', '{}') a;
-- Nor is there a function that takes a credential for the request.
SELECT p.oid::regprocedure FROM pg_proc p WHERE pronamespace = 'account_api'::regnamespace AND proname ~ 'authenticate|act_as|impersonate';

-- PGR-05: logging in raises nothing for what is wrong, so that the transaction commits, and what was counted with it.
CALL guess('ann@attack.test', 10);
BEGIN;
SELECT ask('POST', '/rpc/login', '{"x-requested-with": "test"}');
SELECT account_api.pre_request();
SELECT session_token, error FROM account_api.login('ann@attack.test', 'correct horse battery');
COMMIT;
-- Nor does it help to have the transaction rolled back, as a condition on the answer does that fails.
CALL guess('ben@attack.test', 10, true);
BEGIN;
SELECT ask('POST', '/rpc/login', '{"x-requested-with": "test"}');
SELECT account_api.pre_request();
SELECT session_token, error FROM account_api.login('ben@attack.test', 'correct horse battery');
COMMIT;

-- PGR-06: how many rows the planner expects of another's account in the view of accounts is that of one that is nobody's.
CREATE FUNCTION pg_temp.expected(id uuid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE format('EXPLAIN (FORMAT json) SELECT * FROM account_api.accounts WHERE id = %L', id) INTO plan;
	RETURN plan -> 0 -> 'Plan' ->> 'Plan Rows';
END $$;
BEGIN READ ONLY;
SELECT ask('GET', '/accounts', :'headers');
SELECT account_api.pre_request();
SELECT pg_temp.expected(:'globex') = pg_temp.expected(gen_random_uuid()) AS same;
COMMIT;

-- PGR-08: only account_api is served, and what it shows of a row is in its columns: nothing of schema account is a column or a function of one.
SELECT c.oid::regclass FROM pg_class c WHERE relnamespace = 'account_api'::regnamespace AND relkind NOT IN ('v', 'c');
SELECT c.oid::regclass FROM pg_class c WHERE relnamespace = 'account_api'::regnamespace AND relkind = 'v' AND NOT COALESCE(reloptions, '{}') @> '{security_invoker=true}';
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_type t ON t.oid = p.proargtypes[0] JOIN pg_class c ON c.oid = t.typrelid WHERE p.pronamespace = 'account_api'::regnamespace AND p.pronargs = 1 ORDER BY 1;

-- PGR-10: a row for another's account is refused, by a view and by an isolated table.
SELECT number, a.status, a.code FROM (VALUES
	(1, 'POST', '/accounts', format('INSERT INTO account_api.accounts (name, parent_account_id) VALUES (''x'', %L)', :'globex')),
	(2, 'POST', '/orders', format('INSERT INTO public.orders (account_id, item) VALUES (%L, ''x'')', :'globex')),
	(3, 'POST', '/orders', 'INSERT INTO public.orders (item) VALUES (''own'')'),
	(4, 'PATCH', '/orders', format('UPDATE public.orders SET account_id = %L', :'globex'))
) v (number, method, path, statement), tried(method, path, :'headers', statement) a ORDER BY number;
-- A view that is not written to says so, and not that there is a mistake on the server's side; without a credential, that one is missing.
SELECT method, path, with_key.status, with_key.code, without.status AS anonymous, without.code AS anonymous_code FROM (VALUES (1, 'POST', '/api_keys'), (2, 'PATCH', '/profiles'), (3, 'DELETE', '/workspaces'), (4, 'PUT', '/sessions'), (5, 'DELETE', '/roles'), (6, 'POST', '/error_codes')) v (number, method, path),
	tried(method, path, :'headers') with_key, tried(method, path, '{}') without ORDER BY number;

-- A DELETE that forgets to say what does not end the caller's own account.
SELECT a.status, a.code FROM tried('DELETE', '/accounts', :'headers', 'DELETE FROM account_api.accounts') a;

-- PGR-11: beside a key, a JWT of whatever role is one credential too many; alone it is nobody here, as the role that PostgREST has checked.
SELECT a.* FROM tried('GET', '/accounts', (:'headers'::jsonb || '{"authorization": "Bearer eyJhbGciOiJub25lIn0.eyJyb2xlIjoic2VydmljZV9yb2xlIn0."}')::json) a;
BEGIN READ ONLY;
SELECT ask('GET', '/error_codes', '{"authorization": "Bearer eyJhbGciOiJub25lIn0.eyJyb2xlIjoic2VydmljZV9yb2xlIn0."}');
SELECT set_config('request.jwt.claims', '{"role": "service_role", "account_id": "x"}', true) IS NOT NULL AS claimed;
SELECT account_api.pre_request();
SELECT current_role, account_api.current_identity() IS NULL AS nobody;
COMMIT;

-- PGR-13: the headers of an answer are set anew for each request; nobody but a superuser makes functions where PostgREST finds them.
BEGIN READ ONLY;
SELECT set_config('response.headers', '[{"Set-Cookie": "a=b"}]', true) IS NOT NULL AS planted;
SELECT ask('GET', '/accounts', :'headers');
SELECT account_api.pre_request();
SELECT current_setting('response.headers') LIKE '%Set-Cookie%' AS kept;
COMMIT;
SELECT a.* FROM tried('POST', '/rpc/planted', :'headers', 'CREATE FUNCTION account_api.planted() RETURNS text LANGUAGE sql AS ''SELECT 1::text''') a;

-- PGR-15: of an error that is not ours nothing is told below /v1/ but that there was one.
BEGIN;
SELECT ask('POST', '/rpc/v1_list_accounts', (:'headers'::jsonb || '{"x-original-uri": "/v1/accounts?created_after=infinity%20and%20beyond"}')::text);
SELECT account_api.pre_request();
SELECT account_api.v1_list_accounts('{}')::jsonb - 'id' AS answer;
COMMIT;
-- PGR-16: the status of an error and of its body are one, and what is another's and what is nobody's read alike.
SELECT count(DISTINCT (message, code, status)) AS answers, min(code) AS code, min(status) AS status FROM unnest(ARRAY[:'globex'::uuid, gen_random_uuid()]) id, tried('POST', '/rpc/get_account', :'headers', format('SELECT account_api.get_account(%L)', id));

-- PGR-18: what is not shown cannot be asked for, ordered or filtered by; a page of -1 rows is none.
SELECT number, a.status, a.code FROM (VALUES
	(1, 'SELECT * FROM account_api.api_keys ORDER BY digest'), (2, 'SELECT * FROM account_api.api_keys WHERE token LIKE ''prod%'''), (3, 'SELECT billing_email FROM account_api.accounts'),
	(4, 'SELECT * FROM account_api.accounts LIMIT -1'), (5, 'SELECT * FROM account_api.accounts WHERE webhook_url IS NULL'), (6, 'SELECT * FROM account_api.sessions WHERE password_hash LIKE ''s%''')
) v (number, statement), tried('GET', '/accounts', :'headers', statement) a ORDER BY number;
SELECT a.* FROM tried('OPTIONS', '/accounts', '{}') a;
SELECT a.* FROM tried('HEAD', '/accounts', '{}') a;

-- DES-17: a form of another site cannot log anybody in; cookies that are tossed, under names that look alike, are not looked at; no function makes a page.
SELECT what, a.status, a.code FROM (VALUES
	(1, 'a form', '{"content-type": "application/x-www-form-urlencoded", "origin": "https://evil.test"}'), (2, 'text', '{"content-type": "text/plain"}'), (3, 'its own site', '{"x-requested-with": "shop"}')
) v (number, what, given), tried('POST', '/rpc/login', given::json, 'SELECT account_api.login(''ann@attack.test'', ''correct horse battery'')') a ORDER BY number;
SELECT name, a.status, a.code FROM unnest('{__Host-account-session,__host-account-session,__HOST-ACCOUNT-SESSION,__Secure-account-session,account-session," __Host-account-session"}'::text[]) WITH ORDINALITY n (name, number),
	tried('GET', '/sessions', '{"x-requested-with": "shop"}', 'SELECT', json_build_object(name, 'tossed')::text) a ORDER BY number;
SELECT p.oid::regprocedure FROM pg_proc p WHERE pronamespace = 'account_api'::regnamespace AND prorettype::regtype::text ~ '/|html';

\c - :super
DROP TABLE orders;
DROP FUNCTION tried;
DROP PROCEDURE guess;
\set ECHO none
\i :inputs/test/lib/request-end.sql
