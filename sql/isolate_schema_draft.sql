-- isolate_schema_draft: the script of a dry run, run line by line as psql would.
\set VERBOSITY terse
\pset format unaligned
\getenv inputs PG_ABS_SRCDIR
CREATE ROLE regress_owner;
SELECT account.grant_access('regress_owner', 'owner');
CREATE SCHEMA desk AUTHORIZATION regress_owner;
SELECT id AS acme FROM account.create_account('acme', account_id => '15190000-0000-4000-8000-00000000000a') \gset
SELECT id AS globex FROM account.create_account('globex', account_id => '15190000-0000-4000-8000-00000000000b') \gset
SET ROLE regress_owner;
SET client_min_messages = warning;
\set ECHO none
\i :inputs/test/lib/application.sql
\set ECHO all
\set rows '{"*": "''15190000-0000-4000-8000-00000000000a''", "companies": "CASE slug WHEN ''acme'' THEN ''15190000-0000-4000-8000-00000000000a'' ELSE ''15190000-0000-4000-8000-00000000000b'' END::uuid"}'
CREATE TEMPORARY TABLE script AS
	SELECT * FROM account.isolate_schema('desk', '{desk.countries}', :'rows', dry_run => true) WITH ORDINALITY AS script (line, number);
-- Nothing has been done yet.
SELECT count(*) FROM account.isolated_tables WHERE table_name::text LIKE 'desk.%';
SELECT count(*) FROM pg_attribute WHERE attname = 'account_id' AND attrelid::regclass::text LIKE 'desk.%';

-- What it says, and how it goes about three tables.
SELECT line FROM script WHERE line ~ '^(--|SET|RESET|\\)' ORDER BY number;
SELECT line FROM script WHERE line ~ 'desk\.(tickets|labels|settings) |labels_top' AND line !~ '^--' ORDER BY number;
SELECT line FROM script ORDER BY number DESC LIMIT 1;

-- Run, it does all of it; the call at its end says how much is left for it.
\set ECHO none
SELECT line FROM script WHERE line !~ '^(--|\\|SELECT)' ORDER BY number \gexec
\set ECHO all
SELECT statements > 0 AS ended FROM (SELECT count(*) AS statements FROM account.isolate_schema('desk', '{desk.countries}', :'rows')) AS last_line;
SELECT count(*) AS isolated FROM account.isolated_tables WHERE table_name::text LIKE 'desk.%' AND enabled AND forced;
SELECT count(*) FROM account.isolate_schema('desk');
-- The same as in one call: names, definitions, nothing left over, all of it valid.
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid IN ('desk.tickets'::regclass, 'desk.settings'::regclass) AND contype <> 'n' ORDER BY conname;
SELECT indexrelid::regclass FROM pg_index WHERE indexrelid::regclass::text LIKE 'desk.labels%' ORDER BY indexrelid::regclass::text COLLATE "C";
SELECT conrelid::regclass, conname FROM pg_constraint WHERE connamespace = 'desk'::regnamespace AND (NOT convalidated OR conname LIKE '%account' OR conname = 'account_not_null');
SELECT indexrelid::regclass FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE relnamespace = 'desk'::regnamespace AND (NOT indisvalid OR relname LIKE '%account');
SELECT pg_get_expr(adbin, adrelid) AS default FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
WHERE attname = 'account_id' AND adrelid::regclass::text LIKE 'desk.%' GROUP BY 1;

RESET ROLE;
DROP TABLE script;
DROP SCHEMA desk CASCADE;
DROP OWNED BY regress_owner;
DROP ROLE regress_owner;
