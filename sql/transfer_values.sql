-- transfer_values: json comes back as it was written, byte by byte; and tables that refer to one another are loaded however large they are.
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = error;
CREATE ROLE regress_values_owner;
SELECT account.grant_access('regress_values_owner', 'owner');
CREATE SCHEMA tv AUTHORIZATION regress_values_owner;
CREATE FUNCTION tv.id(name text) RETURNS uuid LANGUAGE sql RETURN md5('tv ' || name)::uuid;
SELECT a.name FROM unnest('{acme,copy}'::text[]) n, account.create_account(n, account_id => tv.id(n)) a ORDER BY 1;
SET ROLE regress_values_owner;
CREATE DOMAIN tv.document AS json CHECK (json_typeof(VALUE) <> 'number');
CREATE DOMAIN tv.binary AS jsonb;
CREATE TABLE tv.papers ("Paper 1" int, plain json, listed json[], checked tv.document, "Bin'ary" tv.binary, b jsonb, account_id uuid NOT NULL);
SELECT count(*) > 5 AS isolated FROM account.isolate('tv.papers');
RESET ROLE;
-- Spaces, the order of members, one that is there twice, numbers as they were typed, \u0000, and null, which is not NULL.
INSERT INTO tv.papers SELECT n, v::json, ARRAY[ARRAY[v::json, NULL], ARRAY['1.00'::json, v::json]], CASE WHEN n <> 4 THEN v::json END, 'null', 'null', tv.id('acme')
	FROM unnest(ARRAY[' { "b" : 1, "a":2, "b": 3 } ', '"\u0000 \ud83d\ude00 \" é"', 'null', '1.2300e+1', '["x" ,	"y"]', '""', '"[1]"']) WITH ORDINALITY v (v, n);
INSERT INTO tv.papers VALUES (8, NULL, NULL, NULL, NULL, NULL, tv.id('acme'));
CREATE TABLE tv.staging AS SELECT * FROM account.export_account(tv.id('acme'));
SELECT row_data - 'account_id' AS exported FROM tv.staging WHERE (row_data ->> 'Paper 1')::int IN (1, 2, 8) ORDER BY row_data ->> 'Paper 1';
SELECT row_count FROM account.import_account('tv.staging', tv.id('copy'));
SELECT count(*) AS rows, count(*) FILTER (WHERE replace(c::text, tv.id('copy')::text, tv.id('acme')::text) = a::text) AS same
	FROM tv.papers a JOIN tv.papers c USING ("Paper 1") WHERE a.account_id = tv.id('acme') AND c.account_id = tv.id('copy');
-- What is no json is refused, and what a domain refuses too.
CREATE TABLE tv.bad (table_name text, row_data jsonb);
INSERT INTO tv.bad VALUES ('tv.papers', jsonb_build_object('account_id', tv.id('acme'), 'plain', '{'));
SELECT account.import_account('tv.bad', tv.id('copy'));
UPDATE tv.bad SET row_data = jsonb_build_object('account_id', tv.id('acme'), 'checked', '1');
SELECT account.import_account('tv.bad', tv.id('copy'));

-- A circle goes in one statement, and what there is of it that work_mem does not hold is on disk meanwhile.
CREATE TABLE tv.files (n bigint);
CREATE FUNCTION tv.count_files() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog BEGIN ATOMIC INSERT INTO tv.files SELECT count(*) FROM pg_ls_tmpdir(); END;
SET ROLE regress_values_owner;
CREATE TABLE tv.teams (team int GENERATED ALWAYS AS IDENTITY, lead int, name text, account_id uuid NOT NULL, PRIMARY KEY (account_id, team));
CREATE TABLE tv.people (person serial, team int NOT NULL, above int, notes text, account_id uuid NOT NULL, PRIMARY KEY (account_id, person),
	FOREIGN KEY (account_id, team) REFERENCES tv.teams, FOREIGN KEY (account_id, above) REFERENCES tv.people);
ALTER TABLE tv.teams ADD FOREIGN KEY (account_id, lead) REFERENCES tv.people;
SELECT count(*) > 10 AS isolated FROM unnest('{tv.teams,tv.people}'::regclass[]) t, account.isolate(t);
CREATE FUNCTION tv.look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM tv.count_files(); RETURN NULL; END $$;
CREATE TRIGGER look BEFORE INSERT ON tv.teams FOR EACH STATEMENT EXECUTE FUNCTION tv.look();
RESET ROLE;
INSERT INTO tv.teams (name, account_id) SELECT 'team ' || n, tv.id('acme') FROM generate_series(1, 100) n;
INSERT INTO tv.people (team, above, notes, account_id) SELECT n % 100 + 1, nullif(n / 2, 0), repeat('note ', 30) || n, tv.id('acme') FROM generate_series(1, 5000) n;
UPDATE tv.teams SET lead = team * 50 WHERE team > 1;
TRUNCATE tv.staging, tv.files;
INSERT INTO tv.staging SELECT * FROM account.export_account(tv.id('acme')) WHERE table_name <> 'tv.papers' ORDER BY md5(row_data::text);
SET work_mem = '64kB';
SELECT table_name, row_count FROM account.import_account('tv.staging', tv.id('copy'), new_ids => true) ORDER BY 1;
RESET work_mem;
SELECT n > 0 AS on_disk FROM tv.files;
SELECT count(*) AS teams, count(lead) AS led, min(team) > 100 AS drawn FROM tv.teams WHERE account_id = tv.id('copy');
SELECT count(*) AS people, count(*) FILTER (WHERE a.notes LIKE '% ' || substring(p.notes FROM '\d+$')::int / 2) AS below_whom_they_were,
	count(*) FILTER (WHERE t.name = 'team ' || substring(p.notes FROM '\d+$')::int % 100 + 1) AS in_their_team
	FROM tv.people p JOIN tv.teams t USING (account_id, team) LEFT JOIN tv.people a ON a.account_id = p.account_id AND a.person = p.above WHERE p.account_id = tv.id('copy');
SELECT row_data FROM (SELECT table_name, row_data - '{account_id,person,team,above,lead}'::text[] AS row_data FROM account.export_account(tv.id('acme')) EXCEPT SELECT table_name, row_data - '{account_id,person,team,above,lead}'::text[] FROM account.export_account(tv.id('copy'))) different;
DROP SCHEMA tv CASCADE;
SELECT account.revoke_access('regress_values_owner');
DROP ROLE regress_values_owner;
