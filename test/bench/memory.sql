-- Whether a session grows: :calls authenticate() calls, a transaction each.
CREATE FUNCTION bench.memory(OUT contexts bigint, OUT anonymous bigint)
	LANGUAGE sql VOLATILE SECURITY DEFINER
	BEGIN ATOMIC
		SELECT (SELECT sum(total_bytes) FROM pg_catalog.pg_backend_memory_contexts),
			1024 * substring(pg_catalog.pg_read_file('/proc/self/status') FROM 'RssAnon:\s*(\d+)')::bigint;
	END;

CREATE PROCEDURE bench.grow(calls integer, INOUT contexts bigint, INOUT anonymous bigint)
	LANGUAGE plpgsql
	AS $$
DECLARE
	tokens text[] := (SELECT array_agg(token ORDER BY position) FROM bench.tokens);
	found_id uuid;
	now record;
	before record;
BEGIN
	COMMIT;
	-- The third pass counts, with everything that is kept for a session in place.
	FOR pass IN 1 .. 3 LOOP
		FOR i IN 1 .. CASE WHEN pass = 3 THEN calls ELSE cardinality(tokens) END LOOP
			found_id := (account.authenticate(tokens[1 + i % cardinality(tokens)])).account_id;
			COMMIT;
		END LOOP;
		before := now;
		SELECT * INTO now FROM bench.memory();
	END LOOP;
	contexts := now.contexts - before.contexts;
	anonymous := now.anonymous - before.anonymous;
END
$$;
