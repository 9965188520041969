-- Whether plans are what they should be: the index used, the workers kept.  As a
-- tenant, with the statements of isolation.sql.
CREATE PROCEDURE bench.explain(query_name text, caller text, INOUT plan text)
	LANGUAGE plpgsql
	AS $$
DECLARE
	tenant uuid;
	token text;
	statement text;
	log_in text;
	settings text;
	key bigint;
	line text;
BEGIN
	SELECT t.account_id, t.token, k.keys[1], c.log_in, q.settings, bench.query_text(q.statement, c.variant, c.tables)
		INTO tenant, token, key, log_in, settings, statement
	FROM bench.queries q
	JOIN bench.callers c ON c.variant = caller
	JOIN bench.tenants t ON t.position = q.tenant
	JOIN bench.order_keys k ON k.position = t.position
	WHERE q.name = query_name;
	PERFORM set_config(split_part(setting, '=', 1), split_part(setting, '=', 2), true)
	FROM regexp_split_to_table(settings, ' ') setting
	WHERE setting <> '';
	statement := replace(statement, 'INTO result', '');
	statement := replace(statement, 'tenant', quote_literal(tenant) || '::uuid');
	statement := regexp_replace(statement, 'keys\[[^]]*\]', key::text);
	statement := regexp_replace(statement, '\mi\M', '1');
	IF caller = 'isolated' THEN
		PERFORM account.authenticate(token);
	END IF;
	plan := '';
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || statement LOOP
		plan := plan || line || E'\n';
	END LOOP;
	ROLLBACK;
END
$$;

-- The nodes of a plan alone.
CREATE FUNCTION bench.plan_nodes(plan text) RETURNS text
	LANGUAGE sql IMMUTABLE
	BEGIN ATOMIC
		SELECT string_agg(trim(line), E'\n' ORDER BY number)
		FROM regexp_split_to_table(plan, E'\n') WITH ORDINALITY t (line, number)
		WHERE number = 1 OR line LIKE '%->%';
	END;
