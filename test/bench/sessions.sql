-- Very many sessions.  Variable: sessions.  They are inserted as they stand after login()
-- and, every fifth, logout().

INSERT INTO account.users (user_id, email, password_hash)
	SELECT bench.person(i), format('person%s@example.com', i), hash
	FROM generate_series(1, 1000) i, crypt('correct horse battery staple', gen_salt('bf', 4)) hash;

CREATE FUNCTION bench.session(number integer) RETURNS uuid
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN pg_catalog.md5(number::text)::uuid;

-- Sessions with numbers, of which each ends a millisecond later than the one before.
CREATE PROCEDURE bench.insert_sessions(first integer, last integer, ends timestamp with time zone)
	LANGUAGE sql
	BEGIN ATOMIC
		INSERT INTO account.credentials (digest, entry, kind, credential_id, ends_at, user_id)
			SELECT sha256(int4send(i)), e.entry, e.kind, bench.session(i), ends + i * '1 millisecond'::interval,
				bench.person(1 + (i::bigint * 7919 % 1000)::integer)
			FROM generate_series(first, last) i
			JOIN (VALUES (0, 's'::"char"), (1, 'r'::"char")) e (entry, kind) ON e.entry = 0 OR i % 5 = 0;
		INSERT INTO account.uses (credential_id)
			SELECT bench.session(i) FROM generate_series(first, last) i;
	END;
CALL bench.insert_sessions(1, :sessions, clock_timestamp() + '1 day');
VACUUM (ANALYZE) account.users, account.credentials, account.uses;

-- As many sessions come as go, in batches.  Of those that go clean_sessions() deletes one
-- batch and a DELETE by hand the next.
CREATE PROCEDURE bench.turn_over(first integer, last integer, batch integer)
	LANGUAGE plpgsql
	AS $$
DECLARE
	ends constant timestamp with time zone = '2000-01-01';
	started timestamp with time zone;
	next_end timestamp with time zone;
	gone uuid[];
BEGIN
	FOR place IN first .. last BY batch LOOP
		CALL bench.insert_sessions(place, place + batch - 1, ends);
		COMMIT;
		next_end := (SELECT ends_at FROM account.credentials WHERE user_id IS NOT NULL AND entry = 0 ORDER BY ends_at OFFSET batch LIMIT 1);
		COMMIT;
		started := clock_timestamp();
		IF place / batch % 2 = 0 THEN
			PERFORM account.clean_sessions(batch);
		ELSE
			gone := ARRAY(SELECT credential_id FROM account.credentials
				WHERE user_id IS NOT NULL AND entry = 0 AND ends_at < next_end);
			DELETE FROM account.credentials WHERE credential_id = ANY (ARRAY(SELECT unnest(gone)));
			DELETE FROM account.uses WHERE credential_id = ANY (ARRAY(SELECT unnest(gone)));
		END IF;
		COMMIT;
		INSERT INTO bench.samples (name, variant, round, value)
			VALUES ('clean', CASE WHEN place / batch % 2 = 0 THEN 'function' ELSE 'hand' END, place / batch / 2,
				bench.seconds_since(started));
		IF (SELECT min(ends_at) FROM account.credentials WHERE user_id IS NOT NULL AND entry = 0) <> next_end THEN
			RAISE 'not all are gone that should be';
		END IF;
		COMMIT;
	END LOOP;
END
$$;

-- The size of the tables and their indexes now.
CREATE PROCEDURE bench.note_sizes(round integer)
	LANGUAGE sql
	BEGIN ATOMIC
		INSERT INTO bench.sizes (relation, round, bytes)
			SELECT c.relname, round, pg_relation_size(c.oid)
			FROM pg_index i
			JOIN pg_class c ON c.oid IN (i.indexrelid, i.indrelid)
			WHERE i.indrelid IN ('account.credentials'::regclass, 'account.uses'::regclass)
			GROUP BY c.oid, c.relname;
	END;
