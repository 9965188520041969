-- Purging accounts, next to DELETEs that their tables' owner would run by hand: twenty tables, each of
-- which refers to the one before.  After data.sql.

CREATE SCHEMA purge AUTHORIZATION bench_owner;
CREATE SCHEMA by_hand AUTHORIZATION bench_owner;
SET ROLE bench_owner;
DO $make$
BEGIN
	FOR n IN 1 .. 20 LOOP
		EXECUTE format('CREATE TABLE purge.t%s (id integer, parent integer, note text, account_id uuid NOT NULL, PRIMARY KEY (account_id, id))', n);
		IF n > 1 THEN
			EXECUTE format('ALTER TABLE purge.t%s ADD FOREIGN KEY (account_id, parent) REFERENCES purge.t%s', n, n - 1);
			EXECUTE format('CREATE INDEX ON purge.t%s (account_id, parent)', n);
		END IF;
		EXECUTE format('CREATE TABLE by_hand.t%s (LIKE purge.t%s INCLUDING INDEXES)', n, n);
		IF n > 1 THEN
			EXECUTE format('ALTER TABLE by_hand.t%s ADD FOREIGN KEY (account_id, parent) REFERENCES by_hand.t%s', n, n - 1);
		END IF;
	END LOOP;
END
$make$;
SELECT count(*) AS isolate_statements FROM generate_series(1, 20) n, account.isolate(format('purge.t%s', n)::regclass);
RESET ROLE;

-- What others have, who stay.
CREATE PROCEDURE bench.purge_fill(place text, accounts uuid[], rows integer)
	LANGUAGE plpgsql
	AS $$
BEGIN
	FOR n IN 1 .. 20 LOOP
		EXECUTE format('INSERT INTO %I.t%s SELECT i, i, ''some words'', a FROM unnest($1) a, generate_series(1, $2) i', place, n) USING accounts, rows;
	END LOOP;
END
$$;
DO $$
DECLARE
	others uuid[] := (SELECT array_agg(account_id) FROM (SELECT account_id FROM account.accounts ORDER BY account_id LIMIT 100) a);
BEGIN
	CALL bench.purge_fill('purge', others, 100);
	CALL bench.purge_fill('by_hand', others, 100);
END
$$;

-- New accounts, one and those below it, of so many rows in each table; their deletion is timed.
CREATE PROCEDURE bench.purge_purge(below integer, rows integer, INOUT seconds double precision)
	LANGUAGE plpgsql
	AS $$
DECLARE
	top uuid := gen_random_uuid();
	ids uuid[];
	started timestamp with time zone;
BEGIN
	PERFORM account.create_account('to be purged', account_id => top);
	PERFORM account.create_account('below', top) FROM generate_series(1, below);
	ids := (SELECT array_agg(account_id) FROM account.accounts WHERE path[1] = top);
	CALL bench.purge_fill('purge', ids, rows);
	PERFORM account.delete_account(top);
	WITH gone AS (DELETE FROM account.holds WHERE subject_id = top RETURNING *)
	INSERT INTO account.holds SELECT subject_id, kind, entry, set_by, reason, created_by, created_at, now() - interval '1 hour' FROM gone;
	COMMIT;
	started := clock_timestamp();
	CALL account.purge_accounts();
	seconds := bench.seconds_since(started);
	IF NOT EXISTS (SELECT FROM account.purges WHERE account_id = top AND rows_deleted = 20 * rows * (below + 1) AND accounts_purged = below + 1) THEN
		RAISE EXCEPTION 'not purged';
	END IF;
END
$$;
CREATE PROCEDURE bench.purge_by_hand(below integer, rows integer, INOUT seconds double precision)
	LANGUAGE plpgsql
	AS $$
DECLARE
	ids uuid[] := (SELECT array_agg(gen_random_uuid()) FROM generate_series(0, below));
	started timestamp with time zone;
BEGIN
	CALL bench.purge_fill('by_hand', ids, rows);
	COMMIT;
	SET LOCAL ROLE bench_owner;
	started := clock_timestamp();
	FOR n IN REVERSE 20 .. 1 LOOP
		EXECUTE format('DELETE FROM by_hand.t%s WHERE account_id = ANY ($1)', n) USING ids;
	END LOOP;
	RESET ROLE;
	COMMIT;
	seconds := bench.seconds_since(started);
END
$$;

INSERT INTO bench.measures (name, variant, role, call) VALUES
	('purge large', 'purge', 'postgres', 'bench.purge_purge(0, 1000, NULL)'),
	('purge large', 'by hand', 'postgres', 'bench.purge_by_hand(0, 1000, NULL)'),
	('purge many', 'purge', 'postgres', 'bench.purge_purge(99, 10, NULL)'),
	('purge many', 'by hand', 'postgres', 'bench.purge_by_hand(99, 10, NULL)');
INSERT INTO bench.comparisons (section, name, what, variant, against, reference, aim) VALUES
	('Purge', 'purge large', 'an account of 20,000 rows in 20 tables', 'purge', 'by hand', 'DELETE by the tables'' owner', 1.5),
	('Purge', 'purge many', 'an account and 99 below it, of 200 rows each', 'purge', 'by hand', 'DELETE by the tables'' owner', 1.5);
