-- What account.push_quals lets indexes serve.  Variables: rows, tenants.  Two equal tables,
-- isolated and plain; of the first with the setting and without.  After isolation.sql.

CREATE EXTENSION pg_trgm;
GRANT SET ON PARAMETER account.push_quals TO bench_app;

CREATE PROCEDURE bench.make_texts(rows integer, tenants integer)
	LANGUAGE plpgsql
	AS $$
BEGIN
	CREATE TABLE texts (
		text_id bigint NOT NULL PRIMARY KEY,
		account_id uuid NOT NULL,
		title text NOT NULL,
		body text NOT NULL,
		data jsonb NOT NULL,
		words tsvector NOT NULL
	);
	INSERT INTO texts
		SELECT i, t.account_id, 'title ' || i * 7919::bigint % rows, 'body number ' || i || ' of many', jsonb_build_object('n', i % 50000),
			to_tsvector('english', 'word' || i % 50000)
		FROM generate_series(1, rows) i
		JOIN bench.tenants t ON t.position = bench.tenant_of(i, tenants)
		ORDER BY i;
	CREATE INDEX texts_account_id_idx ON texts (account_id);
	CREATE INDEX texts_title_idx ON texts (title text_pattern_ops);
	CREATE INDEX texts_body_idx ON texts USING gin (body gin_trgm_ops);
	CREATE INDEX texts_data_idx ON texts USING gin (data);
	CREATE INDEX texts_words_idx ON texts USING gin (words);
	GRANT SELECT ON texts TO PUBLIC;
END
$$;
GRANT EXECUTE ON PROCEDURE bench.make_texts(integer, integer) TO bench_owner;

SET ROLE bench_owner;
SET search_path = plain, public;
CALL bench.make_texts(:rows, :tenants);
SET search_path = isolated, public;
CALL bench.make_texts(:rows, :tenants);
RESET search_path;
SELECT count(*) AS isolate_statements FROM account.isolate('isolated.texts');
RESET ROLE;
VACUUM (ANALYZE) plain.texts, isolated.texts;

-- The tenant with a fifth of all rows asks for a few.
DO $make$
DECLARE
	q record;
	number integer := 0;
BEGIN
	FOR q IN
		SELECT *
		FROM (VALUES ('prefix', 'title LIKE ''title 1234%'''), ('trigram', 'body LIKE ''%12345%'''),
				('contains', 'data @> ''{"n": 12345}'''), ('words', 'words @@ ''word12345''::tsquery')) c (name, condition),
			(VALUES ('pushed', 'isolated', 'on', 200, 1), ('plain', 'plain', 'off', 200, 1), ('barred', 'isolated', 'off', 2, 3)) v (variant, tables, setting, repeat, every)
	LOOP
		number := number + 1;
		EXECUTE format($template$
CREATE PROCEDURE bench.push_%1$s(INOUT seconds double precision)
	LANGUAGE plpgsql
	AS $$
DECLARE
	tenant uuid;
	token text;
	started timestamp with time zone;
	result bigint;
BEGIN
	SELECT t.account_id, t.token INTO tenant, token FROM bench.tenants t WHERE t.position = 1;
	-- One index, not two: which of the two it is cheaper to ask with is a matter of luck in the sampling of each table.
	PERFORM set_config('account.push_quals', %2$L, true), set_config('enable_bitmapscan', %7$L, true), account.authenticate(token);
	started := clock_timestamp();
	FOR i IN 1 .. %3$s LOOP
		SELECT sum(length(t.title)) INTO result FROM %4$s.texts t WHERE t.%5$s %6$s;
	END LOOP;
	seconds := bench.seconds_since(started) / %3$s;
	ROLLBACK;
END
$$
$template$, number, q.setting, q.repeat, q.tables, q.condition, CASE WHEN q.tables = 'plain' THEN 'AND t.account_id = tenant' END,
			CASE WHEN q.name = 'prefix' THEN 'off' ELSE 'on' END);
		INSERT INTO bench.measures (name, variant, role, call, every)
			VALUES ('push ' || q.name, q.variant, 'bench_app', format('bench.push_%s(NULL)', number), q.every);
	END LOOP;
END
$make$;

INSERT INTO bench.comparisons (section, name, what, variant, against, reference, aim)
	SELECT 'Indexes of what is not leakproof', 'push ' || q.name, q.what || v.what, v.variant, 'plain', 'plain table, AND account_id = $1', v.aim
	FROM (VALUES (1, 'prefix', 'LIKE ''abc%'''), (2, 'trigram', 'LIKE ''%abc%'', trigrams'), (3, 'contains', 'jsonb @>'), (4, 'words', 'tsvector @@')) q (position, name, what)
	CROSS JOIN (VALUES ('pushed', ' with account.push_quals', 1.10), ('barred', ' without', NULL)) v (variant, what, aim)
	ORDER BY q.position, v.aim NULLS LAST;
