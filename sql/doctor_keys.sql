-- doctor: keys of isolated tables.  Each finding is shown, its fix is run, and it is gone.
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = warning;
CREATE ROLE "regress_ow""ner";
CREATE ROLE regress_other;
SELECT account.grant_access('"regress_ow""ner"', 'owner'), account.grant_access('regress_other', 'owner');
CREATE SCHEMA "Cli nic" AUTHORIZATION "regress_ow""ner";
GRANT USAGE, CREATE ON SCHEMA "Cli nic" TO regress_other;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('globex') \gset
SET search_path = "Cli nic";
PREPARE findings AS SELECT check_id, object, finding FROM account.doctor('"Cli nic"') WHERE check_id ~ '^foreign_key';
PREPARE fixes AS SELECT fix FROM account.doctor('"Cli nic"') WHERE check_id ~ '^foreign_key';

-- RLS-12, DES-19: foreign keys that lack the account, of all kinds, and to a table of another owner.
SET ROLE "regress_ow""ner";
CREATE TABLE par ("i,d" integer PRIMARY KEY, code text, UNIQUE ("i,d", code));
CREATE TABLE kid (kid_id integer PRIMARY KEY, "par (" integer REFERENCES par ON DELETE CASCADE, up integer REFERENCES kid ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
	a integer, b text, CONSTRAINT "two; --" FOREIGN KEY (a, b) REFERENCES par ("i,d", code) ON UPDATE CASCADE ON DELETE SET NULL (b));
CREATE TABLE partitioned (part_id integer, par_id integer REFERENCES par) PARTITION BY LIST (part_id);
CREATE TABLE partition_1 PARTITION OF partitioned FOR VALUES IN (1);
SET ROLE regress_other;
CREATE TABLE theirs (theirs_id integer PRIMARY KEY);
GRANT REFERENCES ON theirs TO "regress_ow""ner";
SELECT count(*) > 0 AS isolated FROM account.isolate('theirs', 'tenant');
SET ROLE "regress_ow""ner";
ALTER TABLE kid ADD theirs_id integer REFERENCES theirs;
SELECT t, count(*) > 0 AS isolated FROM unnest('{par,kid,partitioned}'::regclass[]) t, account.isolate(t) GROUP BY 1 ORDER BY t::text COLLATE "C";
EXECUTE findings;
RESET ROLE;
INSERT INTO par ("i,d", code, account_id) VALUES (1, 'x', :'acme'), (2, 'y', :'globex');
INSERT INTO kid (kid_id, "par (", a, b, account_id) VALUES (1, 1, 1, 'x', :'acme'), (2, 2, NULL, NULL, :'globex');
EXECUTE fixes \gexec
EXECUTE findings;
SELECT conrelid::regclass, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f' AND conrelid IN ('kid'::regclass, 'partitioned'::regclass) ORDER BY conname COLLATE "C";
SELECT relname, relforcerowsecurity FROM pg_class WHERE relnamespace = '"Cli nic"'::regnamespace AND relkind IN ('r', 'p') ORDER BY relname COLLATE "C";
-- B's row can be pointed at no more, and a row that points there already is found by the fix.
INSERT INTO kid (kid_id, "par (", account_id) VALUES (3, 2, :'acme');
ALTER TABLE kid DROP CONSTRAINT "kid_par (_fkey";
INSERT INTO kid (kid_id, "par (", account_id) VALUES (3, 2, :'acme');
SET ROLE "regress_ow""ner";
ALTER TABLE kid ADD CONSTRAINT again FOREIGN KEY ("par (") REFERENCES par NOT VALID;
EXECUTE findings;
RESET ROLE;
SELECT fix FROM account.doctor('"Cli nic"') WHERE check_id = 'foreign_key_across' \gexec
DELETE FROM kid WHERE kid_id = 3;
SELECT fix FROM account.doctor('"Cli nic"') WHERE check_id = 'foreign_key_across' \gexec
EXECUTE findings;

-- DES-19: a key that was never checked, one that is switched off, and one from where nothing is isolated (RLS-10).
SET ROLE "regress_ow""ner";
ALTER TABLE kid ADD CONSTRAINT unchecked FOREIGN KEY (account_id, a) REFERENCES par (account_id, "i,d") NOT VALID;
CREATE TABLE outside (par_id integer CONSTRAINT probing REFERENCES par);
RESET ROLE;
ALTER TABLE kid DISABLE TRIGGER ALL;
EXECUTE findings;
SELECT regexp_replace(fix, '[0-9]+', 'N', 'g') AS fix FROM account.doctor('"Cli nic"') WHERE check_id = 'foreign_key_disabled' AND object LIKE 'unchecked%';
\set ECHO none
SELECT fix FROM account.doctor('"Cli nic"') WHERE check_id = 'foreign_key_disabled' \gexec
\set ECHO all
EXECUTE fixes \gexec
EXECUTE findings;
SELECT fix FROM account.doctor('"Cli nic"') WHERE check_id = 'trigger_off' \gexec
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'kid'::regclass AND tgenabled = 'D';

-- LEAK-01, LEAK-02: what is unique across accounts, as index, constraint, exclusion, and with all that belongs to it.
SET ROLE "regress_ow""ner";
CREATE TABLE "USING btree (" (id integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY, code uuid UNIQUE DEFAULT gen_random_uuid(), email text, "a,b" text, c integer,
	CONSTRAINT "one \1 e-mail" UNIQUE NULLS NOT DISTINCT (email) INCLUDE (c), EXCLUDE USING btree (c WITH =));
CREATE TABLE natural_key (country text PRIMARY KEY);
SELECT count(*) > 0 AS isolated FROM account.isolate('"USING btree ("', 'select');
SELECT count(*) > 0 AS isolated FROM account.isolate('natural_key', 'a\1b');
CREATE UNIQUE INDEX "USING btree (lower" ON "USING btree (" (lower("a,b"), c DESC NULLS LAST) WHERE c > 0;
CREATE UNIQUE INDEX fine ON "USING btree (" (c, "select");
SELECT check_id, object, finding FROM account.doctor('"Cli nic"') WHERE check_id ~ '_across$';
RESET ROLE;
SELECT fix FROM account.doctor('"Cli nic"') WHERE check_id ~ '_across$' \gexec
SELECT check_id, object, finding FROM account.doctor('"Cli nic"') WHERE check_id ~ '_across$';
SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = '"USING btree ("'::regclass AND NOT indisprimary ORDER BY pg_get_indexdef(indexrelid) COLLATE "C";
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'natural_key'::regclass AND contype = 'p';

-- An operator that is not leakproof uses no index under row security (LEAK-04): trigrams, documents, LIKE, and functions in an index.
SET ROLE "regress_ow""ner";
CREATE TABLE searched (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, document jsonb, words tsvector, name text, amount numeric, day date);
SELECT count(*) > 0 AS isolated FROM account.isolate('searched');
CREATE INDEX by_document ON searched USING gin (document);
CREATE INDEX by_words ON searched USING gin (words);
CREATE INDEX by_beginning ON searched (name text_pattern_ops);
CREATE INDEX by_lower ON searched (lower(name));
CREATE INDEX by_day ON searched (day);
CREATE INDEX by_name ON searched (name);
CREATE INDEX by_account ON searched (account_id, name text_pattern_ops);
SELECT object, finding FROM account.doctor('"Cli nic"') WHERE check_id = 'index_not_leakproof' AND object LIKE '%.by\_%';
RESET ROLE;
SELECT DISTINCT fix FROM account.doctor('"Cli nic"') WHERE check_id = 'index_not_leakproof' \gexec
SELECT count(*) FROM account.doctor('"Cli nic"') WHERE check_id = 'index_not_leakproof';
ALTER DATABASE contrib_regression RESET account.push_quals;

RESET search_path;
DROP SCHEMA "Cli nic" CASCADE;
DROP OWNED BY "regress_ow""ner", regress_other;
DROP ROLE "regress_ow""ner", regress_other;
