-- error: what callers are told.
\set VERBOSITY terse

-- Codes, S2.32 to S2.42 and more; each SQLSTATE once, of a class left to implementations.
SELECT code, sqlstate, http_status FROM account.error_codes ORDER BY sqlstate;
SELECT code FROM account.error_codes
WHERE sqlstate !~ '^[5-9I-Z][0-9A-Z]{4}$' OR description IS NULL OR http_status NOT BETWEEN 400 AND 599;
SELECT count(*) - count(DISTINCT sqlstate) AS shared FROM account.error_codes;

-- An error: a message for people, and DETAIL for programs.
CREATE FUNCTION pg_temp.raised(statement text, OUT state text, OUT message text, OUT detail jsonb, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END $$;
SET client_min_messages = error;
SELECT state, message, detail - 'id' AS detail, hint FROM pg_temp.raised($$SELECT account.authenticate(NULL)$$);
SELECT state, message, detail - 'id' AS detail, hint
FROM pg_temp.raised($$SELECT account.create_application_key('', '{a}', '-1 day', '{}')$$);
-- Its id is a UUID, another one each time.
SELECT count(DISTINCT (raised).detail ->> 'id')
FROM (SELECT pg_temp.raised($$SELECT account.authenticate('junk')$$) AS raised FROM generate_series(1, 100)) r
WHERE (raised).detail ->> 'id' ~ '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$';

-- The detail is JSON whatever was passed, and repeats no token.
SELECT state, message, position('secret' IN (r.*)::text) AS repeated
FROM (VALUES ('secret"\'), (E'secret\n\u0001'), ('prod_acctsec_secret'), (repeat('secret', 100000))) v (token),
	pg_temp.raised(format('SELECT account.authenticate(%L)', token)) r;

-- What must read alike does, to the letter: unknown, revoked, of another kind.
SELECT id AS acme FROM account.create_account('Acme') \gset
SELECT profile_id AS profile FROM account.profiles WHERE account_id = :'acme' \gset
SELECT api_key_id AS gone_id, api_key AS gone FROM account.create_api_key(:'profile', 'gone') \gset
SELECT api_key AS application FROM account.create_application_key('app', '{*:*}') \gset
SELECT account.revoke_api_key(:'gone_id');
SELECT state, message, detail - 'id' AS detail, hint, count(*)
FROM (VALUES (:'gone'), (:'application'), ('prod_acctsec_00000000000000000000000000000000000000000003UNP5x')) v (token),
	pg_temp.raised(format('SELECT account.authenticate(%L)', token)) r
GROUP BY 1, 2, 3, 4;
