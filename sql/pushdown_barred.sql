-- pushdown_barred: with account.push_quals, whatever might tell of a row still meets one's own alone.
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS intarray;
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
SELECT account.grant_access('regress_owner', 'owner'), account.grant_access('regress_app', 'tenant');
CREATE SCHEMA push AUTHORIZATION regress_owner;
GRANT USAGE, CREATE ON SCHEMA push TO regress_app;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('globex') \gset
SET ROLE regress_owner;
CREATE TABLE push.notes (note_id integer PRIMARY KEY, account_id uuid, title text, numbers integer[]);
INSERT INTO push.notes VALUES (1, :'globex', '1', '{1}'), (2, :'acme', 'secret text', '{1,NULL}'), (3, :'acme', 'plain', '{2}');
CREATE INDEX ON push.notes USING gin (title gin_trgm_ops);
SELECT count(*) > 0 AS isolated FROM account.isolate('push.notes');
-- It would keep the rows of others away by itself.
DROP INDEX push.notes_account_id_idx;
CREATE VIEW push.plain_view WITH (security_invoker) AS SELECT * FROM push.notes;
CREATE VIEW push.barrier_view WITH (security_invoker, security_barrier) AS SELECT * FROM push.notes;
GRANT SELECT, UPDATE, DELETE ON ALL TABLES IN SCHEMA push TO regress_app;
RESET ROLE;
SET account.push_quals = on;
SET ROLE regress_app;
CREATE FUNCTION push.leak(value text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 1e-30
	AS 'BEGIN RAISE WARNING ''seen: %'', value; RETURN true; END';
CREATE FUNCTION push.leak_pair(value text, other text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 1e-30
	AS 'BEGIN RAISE WARNING ''seen: %'', value; RETURN true; END';
CREATE FUNCTION push.leak_row(value push.notes) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 1e-30
	AS 'BEGIN RAISE WARNING ''seen: %'', value.title; RETURN true; END';
CREATE FUNCTION push.tell() RETURNS text LANGUAGE plpgsql COST 1e-30
	AS 'BEGIN RAISE WARNING ''called''; RETURN ''%''; END';
-- By the names of what is known, and around it.
CREATE FUNCTION push.textlike(value text, other text) RETURNS boolean LANGUAGE plpgsql COST 1e-30 AS 'BEGIN RAISE WARNING ''seen: %'', value; RETURN true; END';
CREATE FUNCTION push.similarity_op(value text, other text) RETURNS boolean LANGUAGE plpgsql COST 1e-30 AS 'BEGIN RAISE WARNING ''seen: %'', value; RETURN true; END';
CREATE OPERATOR push.~~ (FUNCTION = push.textlike, LEFTARG = text, RIGHTARG = text, RESTRICT = likesel);
CREATE OPERATOR push.% (FUNCTION = push.similarity_op, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR push.@> (FUNCTION = push.leak_pair, LEFTARG = text, RIGHTARG = text);
CREATE FUNCTION push.inlined(value text) RETURNS boolean LANGUAGE sql AS 'SELECT push.leak(value) AND value LIKE ''%''';
CREATE DOMAIN push.shown AS text CHECK (push.leak(VALUE));
BEGIN;
SELECT (account.authenticate(:'globex_key')).account_id = :'globex' AS authenticated;
-- Only 1 is ever seen.
SELECT note_id FROM push.notes WHERE push.leak(title);
SELECT note_id FROM push.notes WHERE push.leak(title) AND title LIKE '%';
SELECT note_id FROM push.notes WHERE title LIKE '%' OR push.leak(title);
SELECT note_id FROM push.notes WHERE NOT (title LIKE 'x%' AND push.leak(title));
SELECT note_id FROM push.notes WHERE push.leak_row(notes) AND title LIKE '%';
SELECT note_id FROM push.notes WHERE title OPERATOR(push.~~) '%' AND title OPERATOR(push.%) 'x' AND title OPERATOR(push.@>) 'x';
SET search_path = push, pg_catalog;
SELECT note_id FROM push.notes WHERE title ~~ 'x' AND title % 'x';
RESET search_path;
SELECT note_id FROM push.notes WHERE push.inlined(title);
SELECT note_id FROM push.notes WHERE title::push.shown LIKE '%';
SELECT note_id FROM push.notes WHERE CASE WHEN title LIKE 'secret%' THEN push.leak(title) ELSE title LIKE '%' END;
SELECT note_id FROM push.notes WHERE COALESCE(NULLIF(title LIKE '%', true), push.leak(title));
SELECT note_id FROM push.notes WHERE (SELECT push.leak(title)) AND title LIKE '%';
SELECT n.note_id FROM push.notes n, LATERAL (SELECT push.leak(n.title) AS leaked OFFSET 0) l WHERE l.leaked AND n.title LIKE '%';
WITH c AS (SELECT note_id, push.leak(title) AS leaked FROM push.notes WHERE title LIKE '%') SELECT note_id FROM c WHERE leaked;
SELECT note_id, push.leak(title) FROM push.notes WHERE title LIKE '%';
SELECT note_id FROM push.plain_view WHERE push.leak(title) AND title LIKE '%';
SELECT note_id FROM push.barrier_view WHERE push.leak(title) AND title LIKE '%';
SELECT a.note_id FROM push.notes a JOIN push.notes b ON push.leak(b.title) AND b.title LIKE '%' AND a.title LIKE '%';
SELECT note_id FROM push.notes GROUP BY note_id, title HAVING push.leak(title) AND title LIKE '%';
UPDATE push.notes SET note_id = note_id WHERE push.leak(title) AND title LIKE '%' RETURNING note_id;
-- A function without a column, that is called where another condition holds.
SELECT note_id FROM push.notes WHERE title LIKE push.tell();
SELECT note_id FROM push.notes WHERE title LIKE 'secret%' AND title LIKE push.tell();
SELECT note_id FROM push.notes WHERE title LIKE 'secret%' AND title LIKE '%' || (SELECT push.tell());
SET enable_seqscan = off;
SET enable_indexscan = off;
-- Errors that depend on a row: of a cast, of a pattern that is wrong, as far as it gets, of NULL in an array.
SELECT note_id FROM push.notes WHERE title::integer = 1 AND title LIKE '%';
SELECT note_id FROM push.notes WHERE title LIKE E'secret\\';
SELECT note_id FROM push.notes WHERE title LIKE 'secret%' AND title ~ (CASE WHEN note_id > 0 THEN '(' END);
-- One that is known to be wrong is, whatever the rows are.
SAVEPOINT wrong;
SELECT note_id FROM push.notes WHERE title LIKE 'secret%' AND title ~ '(';
ROLLBACK TO wrong;
SELECT note_id FROM push.notes WHERE title LIKE 'absent%' AND title ~ '(';
ROLLBACK TO wrong;
SELECT note_id FROM push.notes WHERE numbers @> '{1}' AND title LIKE '%';
PREPARE wrong(text) AS SELECT note_id FROM push.notes WHERE title LIKE $1;
EXECUTE wrong(E'secret\\');
SET plan_cache_mode = force_generic_plan;
EXECUTE wrong(E'secret\\');
-- In workers.
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SET enable_seqscan = on; SET enable_indexscan = off; SET enable_bitmapscan = off;
ALTER FUNCTION push.leak(text) PARALLEL SAFE;
SELECT note_id FROM push.notes WHERE push.leak(title) AND title LIKE '%';
-- Without an identity nothing is met at all.
COMMIT;
SELECT note_id FROM push.notes WHERE push.leak(title) AND title LIKE '%';
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS authenticated;
SELECT note_id FROM push.notes WHERE title LIKE 'secret%';
COMMIT;

RESET ROLE;
RESET account.push_quals;
DROP SCHEMA push CASCADE;
DROP OWNED BY regress_owner, regress_app;
DROP ROLE regress_owner, regress_app;
