-- quota_bulk: the counts stay exact whatever writes the rows: COPY, ON CONFLICT, MERGE, cascades,
-- TRUNCATE, partitions that come and go, and subtransactions (CTX-18, TX-10).
\set VERBOSITY terse
\pset format unaligned
CREATE SCHEMA bulk;
SELECT id AS acme FROM account.create_account('acme', account_id => '15c20000-0000-4000-8000-00000000000a') \gset
SELECT id AS globex FROM account.create_account('globex', account_id => '15c20000-0000-4000-8000-00000000000b') \gset
SELECT account.create_plan('quota-bulk', '{"files": 1000}') IS NOT NULL AS created;
SELECT account.set_plan(:'acme', 'quota-bulk');
SET client_min_messages = error;
CREATE TABLE bulk.folders (folder_id integer PRIMARY KEY, account_id uuid, UNIQUE (account_id, folder_id));
CREATE TABLE bulk.files (file_id integer PRIMARY KEY, account_id uuid, folder_id integer, size integer DEFAULT 0,
	FOREIGN KEY (account_id, folder_id) REFERENCES bulk.folders (account_id, folder_id) ON DELETE CASCADE);
SELECT count(*) > 0 AS isolated FROM account.isolate('bulk.folders', quota => 'folders');
SELECT count(*) > 0 AS isolated FROM account.isolate('bulk.files', quota => 'files');
RESET client_min_messages;
-- What is counted, and what is there; the difference is to be empty.
CREATE FUNCTION bulk.rows() RETURNS TABLE (relation regclass, account_id uuid, number bigint) LANGUAGE plpgsql AS $$
DECLARE
	t regclass;
BEGIN
	FOR t IN SELECT tgrelid::regclass FROM pg_trigger WHERE tgname = 'account_count_rows' LOOP
		RETURN QUERY EXECUTE format('SELECT %L::regclass, account_id, count(*) FROM ONLY %s GROUP BY 2', t, t);
	END LOOP;
END $$;
CREATE VIEW bulk.wrong AS
	SELECT relation, account_id, r.number, c.amount
	FROM (SELECT * FROM bulk.rows()) r
	FULL JOIN (SELECT table_id AS relation, account_id, sum(amount) AS amount FROM account.quota_counts GROUP BY 1, 2 HAVING sum(amount) <> 0) c
		USING (relation, account_id)
	WHERE r.number IS DISTINCT FROM c.amount;

INSERT INTO bulk.folders VALUES (1, :'acme'), (2, :'acme'), (3, :'globex');
COPY bulk.files (file_id, account_id, folder_id) FROM stdin;
1	15c20000-0000-4000-8000-00000000000a	1
2	15c20000-0000-4000-8000-00000000000a	2
3	15c20000-0000-4000-8000-00000000000b	3
\.
INSERT INTO bulk.files SELECT i, :'acme', 1 FROM generate_series(10, 909) i;
SELECT * FROM bulk.wrong;
SELECT resource, used, limit_value FROM account.quota_usage WHERE account_id = :'acme' AND resource = 'files';
-- One too many: nothing of it is there, or counted.
INSERT INTO bulk.files SELECT i, :'acme', 1 FROM generate_series(1000, 1099) i;
DELETE FROM bulk.files WHERE file_id >= 900;
-- ON CONFLICT counts what is inserted; MERGE what is more in the end.
INSERT INTO bulk.files SELECT i, :'acme', 1 FROM generate_series(895, 904) i ON CONFLICT DO NOTHING;
INSERT INTO bulk.files SELECT i, :'acme', 1 FROM generate_series(895, 904) i ON CONFLICT (file_id) DO UPDATE SET size = 1;
INSERT INTO bulk.files SELECT i, :'acme', 1 FROM generate_series(2001, 2093) i;
SELECT used FROM account.quota_usage WHERE account_id = :'acme' AND resource = 'files';
MERGE INTO bulk.files f USING (VALUES (2001), (3001), (3002)) v (id) ON f.file_id = v.id
	WHEN MATCHED THEN DELETE
	WHEN NOT MATCHED THEN INSERT (file_id, account_id, folder_id) VALUES (v.id, '15c20000-0000-4000-8000-00000000000a', 1);
SELECT used FROM account.quota_usage WHERE account_id = :'acme' AND resource = 'files';
SELECT * FROM bulk.wrong;
-- A cascade deletes, and so does TRUNCATE; what follows in the same transaction is counted.
DELETE FROM bulk.folders WHERE folder_id = 1;
SELECT * FROM bulk.wrong;
BEGIN;
INSERT INTO bulk.files VALUES (1, :'acme', 2);
TRUNCATE bulk.files;
INSERT INTO bulk.files VALUES (2, :'acme', 2);
SAVEPOINT emptied;
INSERT INTO bulk.files VALUES (3, :'acme', 2);
TRUNCATE bulk.files;
INSERT INTO bulk.files VALUES (4, :'acme', 2), (5, :'acme', 2);
ROLLBACK TO emptied;
COMMIT;
SELECT account_id = :'acme' AS acme, amount FROM account.quota_counts WHERE table_id = 'bulk.files'::regclass;
SELECT * FROM bulk.wrong;
BEGIN;
TRUNCATE bulk.files;
ROLLBACK;
SELECT * FROM bulk.wrong;

-- CTX-18, TX-10: subtransactions that are kept and undone, side by side and within one another.
CREATE FUNCTION bulk.nest(depth integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO bulk.files VALUES (10000 + depth, '15c20000-0000-4000-8000-00000000000a', 2);
	BEGIN
		INSERT INTO bulk.files VALUES (20000 + depth, '15c20000-0000-4000-8000-00000000000b', NULL);
		IF depth > 0 THEN
			PERFORM bulk.nest(depth - 1);
		END IF;
		IF depth % 7 = 3 THEN
			RAISE EXCEPTION 'undone';
		END IF;
	EXCEPTION WHEN raise_exception THEN
		INSERT INTO bulk.files VALUES (30000 + depth, '15c20000-0000-4000-8000-00000000000b', NULL);
	END;
END $$;
SELECT bulk.nest(60);
SELECT count(*) FROM bulk.files;
SELECT * FROM bulk.wrong;
DO $$
BEGIN
	FOR i IN 1..3000 LOOP
		BEGIN
			INSERT INTO bulk.files VALUES (40000 + i, '15c20000-0000-4000-8000-00000000000b', NULL);
			IF i % 3 = 0 THEN
				RAISE EXCEPTION 'undone';
			END IF;
		EXCEPTION WHEN raise_exception THEN
			NULL;
		END;
	END LOOP;
END $$;
SELECT count(*) FROM bulk.files WHERE file_id > 40000;
SELECT * FROM bulk.wrong;

-- Partitions: rows that move, partitions that come with rows, and go.
SET client_min_messages = error;
CREATE TABLE bulk.events (account_id uuid, day integer, note text) PARTITION BY RANGE (day);
CREATE TABLE bulk.events_1 PARTITION OF bulk.events FOR VALUES FROM (1) TO (10);
INSERT INTO bulk.events VALUES (:'acme', 1), (:'acme', 2);
SELECT count(*) > 0 AS isolated FROM account.isolate('bulk.events', quota => 'events');
CREATE TABLE bulk.events_2 PARTITION OF bulk.events FOR VALUES FROM (10) TO (20);
CREATE TABLE bulk.events_3 (account_id uuid NOT NULL, day integer, note text);
INSERT INTO bulk.events_3 VALUES (:'globex', 25), (:'acme', 26);
ALTER TABLE bulk.events ATTACH PARTITION bulk.events_3 FOR VALUES FROM (20) TO (30);
RESET client_min_messages;
SELECT table_name, quota FROM account.isolated_tables WHERE table_name::text LIKE 'bulk.events%' ORDER BY 1;
INSERT INTO bulk.events VALUES (:'acme', 11);
UPDATE bulk.events SET day = 12 WHERE day = 2;
SELECT * FROM bulk.wrong;
SELECT used FROM account.quota_usage WHERE account_id = :'acme' AND resource = 'events';
ALTER TABLE bulk.events DETACH PARTITION bulk.events_2;
SELECT * FROM bulk.wrong;
DROP TABLE bulk.events_3;
TRUNCATE bulk.events;
SELECT * FROM bulk.wrong;
SELECT used FROM account.quota_usage WHERE account_id = :'acme' AND resource = 'events';
-- A table that would count as something else cannot go below.
SET client_min_messages = error;
SELECT count(*) > 0 AS isolated FROM account.isolate('bulk.events_2', quota => 'others');
RESET client_min_messages;
ALTER TABLE bulk.events ATTACH PARTITION bulk.events_2 FOR VALUES FROM (10) TO (20);
-- A table that is made, filled and dropped in one transaction leaves nothing; a renamed column counts on.
BEGIN;
SET LOCAL client_min_messages = error;
CREATE TABLE bulk.brief (account_id uuid);
SELECT count(*) > 0 AS isolated FROM account.isolate('bulk.brief', quota => 'files');
INSERT INTO bulk.brief VALUES (:'acme');
DROP TABLE bulk.brief;
COMMIT;
SELECT count(*) FROM account.quota_counts c WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = c.table_id) AND table_id <> 0;
ALTER TABLE bulk.folders RENAME account_id TO owner_id;
INSERT INTO bulk.folders VALUES (7, :'acme');
SELECT sum(amount) FROM account.quota_counts WHERE table_id = 'bulk.folders'::regclass AND account_id = :'acme';
-- A replica is given the counts with the rows.
SET session_replication_role = replica;
INSERT INTO bulk.folders VALUES (8, :'acme');
RESET session_replication_role;
SELECT sum(amount) FROM account.quota_counts WHERE table_id = 'bulk.folders'::regclass AND account_id = :'acme';

SET client_min_messages = error;
DROP SCHEMA bulk CASCADE;
