-- pushdown: account.push_quals lets indexes serve what is not leakproof, for one's own rows.
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS hstore;
CREATE EXTENSION IF NOT EXISTS ltree;
CREATE EXTENSION IF NOT EXISTS intarray;
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
SELECT account.grant_access('regress_owner', 'owner'), account.grant_access('regress_app', 'tenant');
CREATE SCHEMA push AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA push TO regress_app;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('globex') \gset
SET ROLE regress_owner;
CREATE TABLE push.notes (note_id integer PRIMARY KEY, account_id uuid, title text, body text, data jsonb, words tsvector, tags text[], numbers integer[], extra hstore, place ltree);
INSERT INTO push.notes
	SELECT i, CASE WHEN i % 2 = 0 THEN :'acme'::uuid ELSE :'globex' END, 'title ' || i, 'body number ' || i, jsonb_build_object('n', i), to_tsvector('english', 'word' || i),
		ARRAY['tag' || i], ARRAY[i], hstore('key' || i, 'v'), ('top.n' || i)::ltree
	FROM generate_series(1, 200) i;
CREATE INDEX notes_title ON push.notes (title text_pattern_ops);
CREATE INDEX notes_body ON push.notes USING gin (body gin_trgm_ops);
CREATE INDEX notes_data ON push.notes USING gin (data);
CREATE INDEX notes_words ON push.notes USING gin (words);
CREATE INDEX notes_tags ON push.notes USING gin (tags);
CREATE INDEX notes_numbers ON push.notes USING gin (numbers gin__int_ops);
CREATE INDEX notes_extra ON push.notes USING gin (extra);
CREATE INDEX notes_place ON push.notes USING gist (place);
SELECT count(*) > 0 AS isolated FROM account.isolate('push.notes');
-- Only so that a small table shows which indexes can be used.
DROP INDEX push.notes_account_id_idx;
CREATE TABLE push.folders (folder_id integer PRIMARY KEY, name text);
INSERT INTO push.folders SELECT i, 'folder ' || i FROM generate_series(1, 200) i;
CREATE VIEW push.plain_view WITH (security_invoker) AS SELECT * FROM push.notes WHERE title LIKE 'title 1%';
CREATE VIEW push.barrier_view WITH (security_invoker, security_barrier) AS SELECT * FROM push.notes WHERE title LIKE 'title 1%';
GRANT SELECT, UPDATE, DELETE ON ALL TABLES IN SCHEMA push TO regress_app;
ANALYZE push.notes;
RESET ROLE;
GRANT CREATE ON SCHEMA push TO regress_app;
SET ROLE regress_app;
-- Which indexes a plan asks by a condition.
CREATE FUNCTION push.indexes(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON, COSTS OFF) ' || query INTO plan;
	RETURN (SELECT string_agg(DISTINCT node ->> 'Index Name', ' ') FROM jsonb_path_query(plan::jsonb, '$.** ? (@."Index Cond" != "")') node
		WHERE node ->> 'Index Name' !~ 'account_id|pkey');
END $$;
CREATE FUNCTION push.compare(query text, OUT indexes text, OUT ids text) LANGUAGE plpgsql AS $$
BEGIN
	indexes := push.indexes(query);
	EXECUTE 'SELECT string_agg(note_id::text, '','' ORDER BY note_id) FROM (' || query || ') q' INTO ids;
END $$;
CREATE TEMP TABLE queries (position serial, query text);
INSERT INTO queries (query) VALUES
	($$title LIKE 'title 10%'$$), ($$title LIKE 'title 10\%%'$$), ($$title ^@ 'title 10'$$), ($$title ~ '^title 10'$$), ($$body LIKE '%ber 10%'$$), ($$body ILIKE '%BER 10%'$$),
	($$body ~ 'ber 10[0-4]'$$), ($$body ~* 'BER 10[0-4]'$$), ($$body % 'body number 102'$$), ($$'number 102' <% body$$), ($$data @> '{"n": 102}'$$), ($$data ? 'n'$$),
	($$words @@ to_tsquery('english', 'word102')$$), ($$words @@ 'word102'::tsquery$$), ($$tags @> '{tag102}'$$), ($$tags && '{tag102,tag103}'$$), ($$extra ? 'key102'$$),
	($$extra @> 'key102=>v'$$), ($$place <@ 'top.n102'$$), ($$place ~ '*.n102'::lquery$$),
	($$title LIKE 'title 102%' OR title LIKE 'title 104%'$$), ($$title LIKE 'title 10%' AND body LIKE '%ber 10%' AND note_id > 102$$),
	($$title LIKE 'title 10%' AND body || '' = 'body number 102'$$);
SET enable_seqscan = off;
SET enable_indexonlyscan = off;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS authenticated;
-- Off, it is as ever.
SELECT query, indexes FROM queries, push.compare('SELECT note_id FROM push.notes WHERE ' || query) WHERE indexes IS NOT NULL;
CREATE TEMP TABLE before AS SELECT position, ids FROM queries, push.compare('SELECT note_id FROM push.notes WHERE ' || query);
COMMIT;
RESET ROLE;
SET account.push_quals = on;
SET ROLE regress_app;
-- On: the indexes, and the same rows.
SET account.push_quals = off;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS authenticated;
SELECT query, indexes, c.ids IS NOT DISTINCT FROM b.ids AS same, c.ids IS NOT NULL AS found
FROM queries JOIN before b USING (position), push.compare('SELECT note_id FROM push.notes WHERE ' || query) c ORDER BY position;
COMMIT;

BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS authenticated;
-- In joins, in queries within queries, in what changes rows, and in views: of their own conditions, and no outer ones.
SELECT what, push.indexes(query) AS indexes FROM (VALUES
	(1, 'join', $$SELECT FROM push.notes n JOIN push.folders f ON f.folder_id = n.note_id AND n.title LIKE 'title 10%'$$),
	(2, 'kept side', $$SELECT FROM push.notes n LEFT JOIN push.folders f ON f.folder_id = n.note_id WHERE n.title LIKE 'title 10%'$$),
	(3, 'other side', $$SELECT FROM push.folders f LEFT JOIN push.notes n ON f.folder_id = n.note_id WHERE (n.title LIKE 'title 10%') IS NULL$$),
	(4, 'full join', $$SELECT FROM push.folders f FULL JOIN push.notes n ON f.folder_id = n.note_id WHERE n.title LIKE 'title 10%' OR n.title IS NULL$$),
	(5, 'ON of an outer join', $$SELECT FROM push.folders f LEFT JOIN push.notes n ON f.folder_id = n.note_id AND n.title LIKE 'title 10%'$$),
	(6, 'CTE', $$WITH c AS MATERIALIZED (SELECT title FROM push.notes WHERE title LIKE 'title 10%') SELECT FROM c$$),
	(7, 'EXISTS', $$SELECT FROM push.folders f WHERE EXISTS (SELECT FROM push.notes n WHERE n.title LIKE 'title 10%' OFFSET 0)$$),
	(8, 'UNION', $$SELECT title FROM push.notes WHERE title LIKE 'title 10%' UNION SELECT name FROM push.folders$$),
	(9, 'UPDATE', $$UPDATE push.notes SET body = '' WHERE title LIKE 'title 10%'$$),
	(10, 'DELETE', $$DELETE FROM push.notes WHERE title LIKE 'title 10%'$$),
	(11, 'MERGE', $$MERGE INTO push.notes n USING push.folders f ON n.title LIKE 'title 10%' WHEN MATCHED THEN DO NOTHING$$),
	(12, 'FOR UPDATE', $$SELECT FROM push.notes WHERE title LIKE 'title 10%' FOR UPDATE$$),
	(13, 'view', 'SELECT FROM push.plain_view'), (14, 'barrier view', 'SELECT FROM push.barrier_view')) v (position, what, query)
ORDER BY position;
-- Prepared: by value, where it is known.
PREPARE by_title(text) AS SELECT note_id FROM push.notes WHERE title LIKE $1 ORDER BY 1;
SET plan_cache_mode = force_custom_plan;
SELECT push.indexes('EXECUTE by_title(''title 10%'')') AS custom;
EXECUTE by_title('title 10%');
SET plan_cache_mode = force_generic_plan;
SELECT push.indexes('EXECUTE by_title(''title 10%'')') AS generic;
PREPARE by_words(tsquery) AS SELECT note_id FROM push.notes WHERE words @@ $1 ORDER BY 1;
SELECT push.indexes('EXECUTE by_words(''word102'')') AS generic;
EXECUTE by_words('word102');
COMMIT;
-- A plan is made again when the setting has changed, and when the policy has.
RESET ROLE;
SET account.push_quals = off;
SET ROLE regress_app;
SELECT push.indexes('EXECUTE by_words(''word102'')') AS off;
RESET ROLE;
SET account.push_quals = on;
SET ROLE regress_app;
SELECT push.indexes('EXECUTE by_words(''word102'')') AS on_again;
SET ROLE regress_owner;
BEGIN;
CREATE POLICY late ON push.notes AS RESTRICTIVE USING (note_id <> 102);
SET LOCAL ROLE regress_app;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS authenticated;
EXECUTE by_words('word102 | word104');
ROLLBACK;

RESET ROLE;
RESET account.push_quals;
DROP SCHEMA push CASCADE;
DROP OWNED BY regress_owner, regress_app;
DROP ROLE regress_owner, regress_app;
