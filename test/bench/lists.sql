-- Lists of accounts below one parent (bench.account(0)): a page at the beginning and one far behind, by the view in
-- PostgREST's words and by v1_list_accounts(): the second and a far one, which are asked for alike, behind the last row
-- of the one before.  Variables: accounts, page (the number of the far one), repeat.
-- Rows that were inserted at once have one time; lists are in the order of time, so here each has its own.
SET session_replication_role = replica;
UPDATE account.accounts SET created_at = '2020-01-01 00:00Z'::timestamptz + right(name, -8)::integer * interval '1 second'
	WHERE name LIKE 'Account %' AND account_id <> bench.account(0);
RESET session_replication_role;
VACUUM (ANALYZE) account.accounts;
SELECT account.grant_access('bench_app', 'tenant');

CREATE TABLE bench.lister (far boolean, api_key text, last timestamptz, last_id uuid);
INSERT INTO account.profiles (profile_id, account_id, kind, name, system)
	VALUES (bench.profile(0), bench.account(0), 'service_account', 'system', true) ON CONFLICT DO NOTHING;
INSERT INTO account.grants (grant_id, profile_id, role_id)
	SELECT bench.credential(-1), bench.profile(0), role_id FROM account.roles WHERE name = 'owner' AND account_id IS NULL;
INSERT INTO bench.lister
	SELECT p.far, k.api_key, l.created_at, l.account_id
	FROM account.create_api_key(bench.profile(0), 'lister', '{read:*}') k,
		(VALUES (false, 2), (true, :page)) p (far, page),
		LATERAL (SELECT created_at, account_id FROM account.accounts WHERE parent_account_id = bench.account(0)
			ORDER BY created_at, account_id OFFSET p.page * 20 - 21 LIMIT 1) l;
GRANT SELECT ON bench.lister TO bench_app;

-- A page of 20.
CREATE PROCEDURE bench.list_view(is_far boolean, repeat integer, INOUT seconds double precision)
	LANGUAGE plpgsql
	AS $$
DECLARE
	l bench.lister;
	started timestamptz;
	body text;
BEGIN
	SELECT * INTO l FROM bench.lister b WHERE b.far = is_far;
	PERFORM account.authenticate(l.api_key);
	started := clock_timestamp();
	FOR i IN 1 .. repeat LOOP
		EXECUTE format('WITH pgrst_source AS (SELECT "account_api"."accounts".* FROM "account_api"."accounts"
				WHERE "account_api"."accounts"."created_at" >= %1$L AND ("account_api"."accounts"."created_at" > %1$L
					OR "account_api"."accounts"."id" > %2$L)
				ORDER BY "account_api"."accounts"."created_at" ASC, "account_api"."accounts"."id" ASC LIMIT 20 OFFSET 0)
			SELECT coalesce(json_agg(_postgrest_t), ''[]'')::text FROM (SELECT * FROM pgrst_source) _postgrest_t', l.last, l.last_id) INTO body;
	END LOOP;
	seconds := extract(epoch FROM clock_timestamp() - started);
	ASSERT json_array_length(body::json) = 20, 'not a page';
	ROLLBACK;
END
$$;

CREATE PROCEDURE bench.list_v1(is_far boolean, repeat integer, INOUT seconds double precision)
	LANGUAGE plpgsql
	AS $$
DECLARE
	l bench.lister;
	started timestamptz;
	body text;
	given json;
BEGIN
	SELECT * INTO l FROM bench.lister b WHERE b.far = is_far;
	PERFORM account.authenticate(l.api_key);
	given := json_build_object('limit', 20, 'cursor', bench.cursor(l.last, l.last_id));
	started := clock_timestamp();
	FOR i IN 1 .. repeat LOOP
		body := account_api.v1_list_accounts(given);
	END LOOP;
	seconds := extract(epoch FROM clock_timestamp() - started);
	ASSERT json_array_length(body::json -> 'data') = 20, 'not a page';
	ROLLBACK;
END
$$;

-- As next_cursor is made.
CREATE FUNCTION bench.cursor(at timestamptz, id uuid) RETURNS text
	LANGUAGE sql STABLE
	RETURN lpad(to_hex((extract(epoch FROM at - '2000-01-01 00:00Z'::timestamptz) * 1000000)::bigint), 16, '0') || '.' || id;

INSERT INTO bench.measures (name, variant, role, call)
	SELECT 'list ' || route, place, 'bench_app', format('bench.list_%s(%L, %s, NULL)', route, place = 'far', :repeat)
	FROM unnest('{view,v1}'::text[]) route, unnest('{near,far}'::text[]) place;
INSERT INTO bench.comparisons (section, name, what, variant, against, reference, aim) VALUES
	('Accounts', 'list view', 'view accounts, page ' || :page || ' of ' || :accounts / 20, 'far', 'near', 'page 2', 1.1),
	('Accounts', 'list v1', 'v1_list_accounts(), page ' || :page || ' of ' || :accounts / 20, 'far', 'near', 'page 2', 1.1);
