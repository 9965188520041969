-- isolate_schema_keys: what becomes of foreign keys, unique keys and exclusion constraints.
\set VERBOSITY terse
\pset format unaligned
CREATE ROLE regress_owner;
SELECT account.grant_access('regress_owner', 'owner');
CREATE SCHEMA keys AUTHORIZATION regress_owner;
SELECT id AS acme FROM account.create_account('acme', account_id => '15170000-0000-4000-8000-00000000000a') \gset
SET ROLE regress_owner;
CREATE TABLE keys.p (id integer PRIMARY KEY, a integer, b integer, UNIQUE (a, b) INCLUDE (id));
CREATE TABLE keys."Odd ""p""" ("the key" bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
CREATE TABLE keys.c (
	simple integer CONSTRAINT simple REFERENCES keys.p ON UPDATE CASCADE ON DELETE RESTRICT,
	one integer CONSTRAINT one REFERENCES keys.p MATCH FULL ON DELETE CASCADE,
	a integer, b integer, CONSTRAINT pair FOREIGN KEY (a, b) REFERENCES keys.p (a, b) MATCH FULL ON DELETE SET NULL,
	x integer NOT NULL, y integer NOT NULL, CONSTRAINT filled FOREIGN KEY (x, y) REFERENCES keys.p (a, b) MATCH FULL,
	late integer DEFAULT 1 CONSTRAINT late REFERENCES keys.p ON DELETE SET DEFAULT DEFERRABLE INITIALLY DEFERRED,
	part integer, CONSTRAINT some_columns FOREIGN KEY (part, x) REFERENCES keys.p (a, b) ON DELETE SET NULL (part),
	lost integer CONSTRAINT lost REFERENCES keys.p ON UPDATE SET NULL,
	"q ""x""" bigint CONSTRAINT "odd "" name" REFERENCES keys."Odd ""p""" DEFERRABLE
);
ALTER TABLE keys.c ADD CONSTRAINT unchecked FOREIGN KEY (late) REFERENCES keys.p NOT VALID;
CREATE TABLE keys.u (
	code text PRIMARY KEY, plain text UNIQUE, nulls text, CONSTRAINT together UNIQUE NULLS NOT DISTINCT (nulls, plain),
	during int4range, CONSTRAINT apart EXCLUDE USING btree (plain WITH =) WHERE (nulls IS NOT NULL) DEFERRABLE
);
CREATE UNIQUE INDEX u_expression ON keys.u (lower(plain) text_pattern_ops DESC NULLS LAST, nulls COLLATE "C") WITH (fillfactor = 70) WHERE code <> 'x''y';
CREATE UNIQUE INDEX u_mark ON keys.u (code);
ALTER TABLE keys.u REPLICA IDENTITY USING INDEX u_mark;
CREATE TABLE keys.surrogate (id text PRIMARY KEY DEFAULT md5('x'));
INSERT INTO keys.p VALUES (1, 1, 1);
INSERT INTO keys.c (simple, one, x, y, lost) VALUES (1, 1, 1, 1, 1);

SELECT count(*) > 0 AS isolated FROM account.isolate_schema('keys', existing_rows => jsonb_build_object('*', quote_literal(:'acme')));
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid IN ('keys.c'::regclass, 'keys.u'::regclass) AND contype <> 'n' ORDER BY conrelid::regclass::text, conname COLLATE "C";
SELECT pg_get_indexdef(indexrelid), indisreplident FROM pg_index WHERE indrelid = 'keys.u'::regclass ORDER BY indexrelid::regclass::text COLLATE "C";
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid IN ('keys.surrogate'::regclass, 'keys."Odd ""p"""'::regclass)
	AND contype <> 'n' ORDER BY conname COLLATE "C";
SELECT count(*) FROM account.isolate_schema('keys');

-- They are checked: DES-19, a foreign key that is added under FORCE over rows of another account is refused.
RESET ROLE;
SELECT id AS globex FROM account.create_account('globex', account_id => '15170000-0000-4000-8000-00000000000b') \gset
CREATE TABLE keys.rows (p_id integer, account_id uuid);
ALTER TABLE keys.rows OWNER TO regress_owner;
SELECT table_name FROM account.isolated_tables WHERE table_name = 'keys.rows'::regclass;
INSERT INTO keys.rows VALUES (1, '15170000-0000-4000-8000-00000000000b');
SET ROLE regress_owner;
ALTER TABLE keys.rows ADD CONSTRAINT across FOREIGN KEY (p_id) REFERENCES keys.p;
RESET ROLE;
UPDATE keys.rows SET account_id = :'acme';
SET ROLE regress_owner;
ALTER TABLE keys.rows ADD CONSTRAINT within FOREIGN KEY (p_id) REFERENCES keys.p;
SELECT pg_get_constraintdef(oid), convalidated FROM pg_constraint WHERE conrelid = 'keys.rows'::regclass AND contype = 'f';

-- A table of another schema, isolated by itself, gets the key that a foreign key needs, and keeps its others.
RESET ROLE;
CREATE SCHEMA other AUTHORIZATION regress_owner;
SET ROLE regress_owner;
CREATE TABLE other.alone (id integer PRIMARY KEY, code text UNIQUE);
SELECT count(*) > 0 AS isolated FROM account.isolate('other.alone');
CREATE TABLE keys.points (alone_id integer REFERENCES other.alone ON DELETE CASCADE);
SELECT conrelid::regclass, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid IN ('other.alone'::regclass, 'keys.points'::regclass) AND contype <> 'n' ORDER BY conname COLLATE "C";

-- An access method that does not take a uuid.
CREATE TABLE keys.booked (during int4range, EXCLUDE USING gist (during WITH &&));

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA keys, other CASCADE;
DROP OWNED BY regress_owner;
DROP ROLE regress_owner;
