-- api, document: lists (B8), whose pages cost the same wherever they begin.  PostgREST's transaction is replayed (see postgrest.sql).
\set VERBOSITY terse
SET client_min_messages = warning;
\getenv inputs PG_ABS_SRCDIR
\set ECHO none
\i :inputs/test/lib/request.sql
\set ECHO all
-- The nodes of a plan that read or order many accounts, with where the index is entered.
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line ~ 'accounts_(parent|name)|Limit|Append|Seq Scan|Index Cond: .*created_at' THEN
			RETURN NEXT regexp_replace(substring(line FROM '[A-Z].*'), '(using|on) accounts .*', '\1 accounts');
		END IF;
	END LOOP;
END $$;
-- A request for a page of the view as PostgREST writes it.
CREATE FUNCTION page(condition text, direction text, OUT names text, OUT last_time timestamptz, OUT last_id uuid) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('WITH pgrst_source AS (SELECT "account_api"."accounts".* FROM "account_api"."accounts" WHERE %s
			ORDER BY "account_api"."accounts"."created_at" %2$s, "account_api"."accounts"."id" %2$s LIMIT 3 OFFSET 0)
		SELECT string_agg(replace(name, ''child '', ''''), '' ''), (array_agg(created_at))[3], (array_agg(id))[3] FROM pgrst_source', condition, direction)
		INTO names, last_time, last_id;
END $$;
CREATE FUNCTION pages(direction text, OUT page int, OUT names text) RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
	compare text := CASE direction WHEN 'desc' THEN '<' ELSE '>' END;
	found record;
	condition text := 'true';
BEGIN
	page := 0;
	LOOP
		found := page(condition, direction);
		page := page + 1;
		names := found.names;
		RETURN NEXT;
		EXIT WHEN found.last_id IS NULL;
		condition := format('created_at %s= %L AND (created_at %1$s %2$L OR (created_at = %2$L AND id %1$s %3$L))', compare, found.last_time, found.last_id);
	END LOOP;
END $$;
CREATE FUNCTION v1(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	headers jsonb := current_setting('request.headers')::jsonb || jsonb_build_object('x-original-uri', '/v1/accounts?' || query);
BEGIN
	PERFORM set_config('request.headers', headers::text, true);
	RETURN (SELECT string_agg(replace(account ->> 'name', 'child ', ''), ' ') FROM jsonb_array_elements(account_api.v1_list_accounts('{}')::jsonb -> 'data') account);
END $$;

SELECT id AS acme, api_key AS acme_key FROM account.create_account('Acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('Globex') \gset
SELECT id AS initech, api_key AS initech_key FROM account.create_account('Initech') \gset
SELECT count(*) FROM generate_series(1, 8) i, account.create_account('child ' || i, :'acme', labels => jsonb_build_object('side', CASE i % 2 WHEN 0 THEN 'even' ELSE 'odd' END), branding => CASE i WHEN 1 THEN '{"color": "red"}' ELSE '{}' END::jsonb);
SELECT count(*) FROM generate_series(1, 3) i, account.create_account('theirs ' || i, :'globex');
-- Four were created at one time, and four at another each.
UPDATE account.accounts SET created_at = '2026-01-01 00:00Z'::timestamptz + greatest(right(name, 1)::int - 4, 0) * interval '1 day' WHERE parent_account_id = :'acme';
UPDATE account.accounts SET created_at = '2025-12-31 00:00Z' WHERE account_id = :'acme';
-- Many more are below another account, with no label, as create_account() would have made them.
SET session_replication_role = replica;
INSERT INTO account.accounts (account_id, parent_account_id, path, billed_account_id, name, branding, labels, created_at)
	SELECT id, :'initech', ARRAY[:'initech', id]::uuid[], :'initech', 'office ' || i, '{"suppress_from_reports": false}', '{}', '2026-01-01 00:00Z'::timestamptz + i / 5 * interval '1 minute'
	FROM generate_series(1, 5000) i, LATERAL (SELECT md5(i::text)::uuid AS id) m;
RESET session_replication_role;
ANALYZE account.accounts;
SELECT json_build_object('x-api-key', :'acme_key') AS acme_headers, json_build_object('x-api-key', :'initech_key') AS initech_headers \gset
\c - regress_authenticator
\set VERBOSITY terse

-- B8: the own account and those directly below, oldest or newest first; a page begins behind the last row of the one before, also among rows of one time.
BEGIN READ ONLY;
SELECT ask('GET', '/accounts', :'acme_headers');
SELECT account_api.pre_request();
SELECT page, array_length(string_to_array(names, ' '), 1) AS rows FROM pages('asc');
SELECT page, array_length(string_to_array(names, ' '), 1) AS rows FROM pages('desc');
SELECT string_agg(name, ',' ORDER BY name) FROM pages('asc'), regexp_split_to_table(replace(names, ' ', ','), ',') name;
SELECT string_agg(name, ',' ORDER BY name) FROM pages('desc'), regexp_split_to_table(replace(names, ' ', ','), ',') name;
SELECT p.names FROM page('created_at > ''2026-01-01 00:00Z''', 'asc') p;
SELECT p.names FROM page('created_at < ''2026-01-04 00:00Z'' AND created_at > ''2026-01-01 00:00Z''', 'desc') p;
-- By name, by what it begins with, by label.
SELECT string_agg(name, ', ' ORDER BY name) FROM account_api.accounts WHERE name = 'child 3';
SELECT string_agg(name, ', ' ORDER BY name) FROM account_api.accounts WHERE name LIKE 'child%' AND created_at < '2026-01-02 12:00Z';
SELECT string_agg(a.name, ', ' ORDER BY a.name) FROM account_api.accounts a WHERE a.labels ->> 'side' = 'even';
COMMIT;
-- The same of /v1/accounts, without the own account.
BEGIN READ ONLY;
SELECT ask('POST', '/rpc/v1_list_accounts', :'acme_headers');
SELECT account_api.pre_request();
SELECT query, v1(query) FROM (VALUES (1, 'created_after=2026-01-01T00:00:00Z'), (2, 'created_after=2026-01-01T00:00:00Z&sort_order=desc&limit=2'), (3, 'created_before=2026-01-04T00:00:00Z&created_after=2026-01-01T00:00:00Z&sort_order=desc'),
	(5, 'name=child+6'), (6, 'prefix=child+7'), (7, 'prefix=c%25'), (8, 'label=side:odd&created_after=2026-01-01T00:00:00Z'), (9, 'label=side:none'), (10, 'label=none'), (11, 'created_after=2026-01-09T00:00:00Z')) v (number, query) ORDER BY number;
COMMIT;

-- Of many no row is sorted, and none is read that is not of the page: an index gives the order, either way, from where the page begins.
BEGIN READ ONLY;
SELECT ask('GET', '/accounts', :'initech_headers');
SELECT account_api.pre_request();
SELECT plan('SELECT * FROM account_api.accounts ORDER BY created_at DESC, id DESC LIMIT 20');
SELECT plan('SELECT * FROM account_api.accounts WHERE created_at >= ''2026-01-01 04:00Z'' AND (created_at > ''2026-01-01 04:00Z'' OR id > ''80000000-0000-0000-0000-000000000000'') ORDER BY created_at, id LIMIT 20');
SELECT plan('SELECT * FROM account_api.accounts WHERE name = ''office 100'' ORDER BY created_at');
SELECT count(*), count(DISTINCT names) FROM pages('desc');
SELECT count(*), count(DISTINCT names) FROM pages('asc');
COMMIT;

-- LEAK-04, LEAK-06: there is no barrier in front of the view, but a policy behind it: a function of the caller's own, however cheap, is given rows of its account alone.
CREATE FUNCTION pg_temp.peek(name text) RETURNS boolean LANGUAGE plpgsql COST 0.000001 AS $$ BEGIN IF name LIKE 'theirs%' THEN RAISE NOTICE 'seen: %', name; END IF; RETURN true; END $$;
SET client_min_messages = notice;
BEGIN;
SET LOCAL ROLE regress_tenant;
SELECT account_id = :'acme' AS acme FROM account.authenticate(:'acme_key');
SELECT count(*) FROM account_api.accounts WHERE pg_temp.peek(name) AND created_at < '2026-01-02';
SELECT count(*) FROM account.accounts WHERE pg_temp.peek(name) AND name LIKE 'theirs%';
-- Of the table itself no more columns are read than the view shows, and nobody else's rows.
SELECT count(*) FROM account.accounts;
SELECT webhook_url FROM account.accounts;
ROLLBACK;
BEGIN;
SET LOCAL ROLE regress_tenant;
SELECT count(*) FROM account.accounts;
ROLLBACK;

\c - :super
DELETE FROM account.accounts WHERE name LIKE 'office %';
DROP FUNCTION plan, page, pages, v1;
\set ECHO none
\i :inputs/test/lib/request-end.sql
