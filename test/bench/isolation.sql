-- Queries of an application's tables.  Variables: rows, tenants, repeat (percent of
-- the statements of a timed block).  Three equal sets
-- of tables: isolated, by isolate(); plain, without row security, where every
-- query says WHERE account_id = tenant; policed, with the policies that tutorials
-- show, one for each role.  Tenant 1 has a fifth of all rows.  A timed block is one
-- transaction: who calls is set before the clock starts.

CREATE TABLE bench.tenants AS
	SELECT position, account_id, token FROM bench.tokens WHERE position <= :tenants;
ALTER TABLE bench.tenants ADD PRIMARY KEY (position);
GRANT SELECT ON bench.tenants TO PUBLIC;

CREATE SCHEMA plain AUTHORIZATION bench_owner;
CREATE SCHEMA isolated AUTHORIZATION bench_owner;
CREATE SCHEMA policed AUTHORIZATION bench_owner;
GRANT USAGE ON SCHEMA bench TO PUBLIC;
GRANT USAGE ON SCHEMA plain, isolated, policed TO PUBLIC;

CREATE FUNCTION bench.tenant_of(number integer, tenants integer) RETURNS integer
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN CASE WHEN number % 5 = 0 THEN 1 ELSE 2 + (number::bigint * 7919 % (tenants - 1))::integer END;

-- The tables of one set, filled.
CREATE PROCEDURE bench.make_tables(rows integer, tenants integer)
	LANGUAGE plpgsql
	AS $$
BEGIN
	CREATE TABLE orders (
		order_id bigint NOT NULL PRIMARY KEY,
		account_id uuid NOT NULL,
		customer_id integer NOT NULL,
		created_at timestamp with time zone NOT NULL,
		amount integer NOT NULL,
		note text NOT NULL
	);
	INSERT INTO orders
		SELECT i, t.account_id, i % (rows / 10), '2025-01-01'::timestamp with time zone + i * ('365 days'::interval / rows),
			i % 1000, 'order number ' || i
		FROM generate_series(1, rows) i
		JOIN bench.tenants t ON t.position = bench.tenant_of(i % (rows / 10), tenants)
		ORDER BY i;
	CREATE INDEX orders_account_id_created_at_idx ON orders (account_id, created_at);
	-- For clients.
	CREATE TABLE messages (LIKE orders INCLUDING ALL);

	CREATE TABLE customers (
		customer_id integer NOT NULL PRIMARY KEY,
		account_id uuid NOT NULL,
		region integer NOT NULL,
		name text NOT NULL
	);
	INSERT INTO customers
		SELECT i, t.account_id, i % 7, 'customer number ' || i
		FROM generate_series(0, rows / 10 - 1) i
		JOIN bench.tenants t ON t.position = bench.tenant_of(i, tenants)
		ORDER BY i;
	CREATE INDEX customers_account_id_region_idx ON customers (account_id, region);

	CREATE TABLE events (
		event_id bigint NOT NULL,
		account_id uuid NOT NULL,
		happened_at timestamp with time zone NOT NULL,
		size integer NOT NULL
	) PARTITION BY RANGE (happened_at);
	FOR month IN 1 .. 12 LOOP
		EXECUTE format('CREATE TABLE events_%s PARTITION OF events FOR VALUES FROM (%L) TO (%L)', month,
			make_date(2025, month, 1), make_date(2025, month, 1) + '1 month'::interval);
	END LOOP;
	INSERT INTO events
		SELECT order_id, account_id, created_at, amount FROM orders WHERE order_id % 5 = 1 AND created_at < '2026-01-01';
	CREATE INDEX events_account_id_happened_at_idx ON events (account_id, happened_at);
	GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA plain, isolated, policed TO PUBLIC;
END
$$;
GRANT EXECUTE ON PROCEDURE bench.make_tables(integer, integer) TO bench_owner;

-- What else one finds recommended, the same expression for reading and writing.
CREATE PROCEDURE bench.police(role_name text, expression text)
	LANGUAGE plpgsql
	AS $$
DECLARE
	table_name text;
BEGIN
	FOR table_name IN SELECT unnest('{policed.orders,policed.customers,policed.events}'::text[]) LOOP
		EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', table_name);
		EXECUTE format('CREATE POLICY %1$s ON %2$s TO %1$s USING (account_id = %3$s)', role_name, table_name, expression);
	END LOOP;
END
$$;
GRANT EXECUTE ON PROCEDURE bench.police(text, text) TO bench_owner;

SET ROLE bench_owner;
SET search_path = plain, public;
CALL bench.make_tables(:rows, :tenants);
SET search_path = isolated, public;
CALL bench.make_tables(:rows, :tenants);
SET search_path = policed, public;
CALL bench.make_tables(:rows, :tenants);
RESET search_path;

SELECT count(*) AS isolate_statements
	FROM unnest('{isolated.orders,isolated.customers,isolated.events,isolated.messages}'::regclass[]) t, account.isolate(t);

CALL bench.police('bench_setting', $$current_setting('bench.account_id', true)::uuid$$);
CALL bench.police('bench_subselect', $$(SELECT current_setting('bench.account_id', true)::uuid)$$);
CALL bench.police('bench_claims', $$(current_setting('request.jwt.claims', true)::json ->> 'account_id')::uuid$$);
RESET ROLE;
VACUUM (ANALYZE) plain.orders, plain.customers, plain.events, isolated.orders, isolated.customers, isolated.events,
	policed.orders, policed.customers, policed.events;

-- The variants: which tables, as whom, and what sets the caller.
CREATE TABLE bench.callers (
	variant text PRIMARY KEY,
	role text NOT NULL,
	tables text NOT NULL,
	log_in text NOT NULL,
	every integer NOT NULL
);
INSERT INTO bench.callers VALUES
	('isolated', 'bench_app', 'isolated', 'PERFORM account.authenticate(token)', 1),
	('plain', 'bench_app', 'plain', 'NULL', 1),
	('setting', 'bench_setting', 'policed', $$PERFORM set_config('bench.account_id', tenant::text, true)$$, 3),
	('subselect', 'bench_subselect', 'policed', $$PERFORM set_config('bench.account_id', tenant::text, true)$$, 3),
	('claims', 'bench_claims', 'policed',
		$$PERFORM set_config('request.jwt.claims', json_build_object('account_id', tenant, 'role', 'app', 'exp', 4102444800)::text, true)$$, 3);
GRANT SELECT ON bench.callers TO PUBLIC;

-- The queries.  {orders}, {customers} and {events} are the tables of the variant,
-- {and:x} is a condition that the plain tables need, {column} and {value} what
-- INSERT needs where no default gives the account.  What writes has a tenant of
-- its own, so that dead rows are in no other's way.  keys[i] is one of the tenant's order ids.
CREATE TABLE bench.queries (
	name text PRIMARY KEY,
	tenant integer NOT NULL,
	repeat integer NOT NULL,
	settings text NOT NULL DEFAULT '',
	aim numeric NOT NULL DEFAULT 1.03,
	wanted text NOT NULL,
	statement text NOT NULL
);
INSERT INTO bench.queries (name, tenant, repeat, wanted, statement) VALUES
	('point', 2, 5000, 'Index Scan using orders_pkey',
		'SELECT o.amount INTO result FROM {orders} o WHERE o.order_id = keys[1 + i % 1000] {and:o}'),
	('range aggregate', 2, 500, '(Index|Bitmap Index) Scan (using|on) orders_account_id_created_at_idx.*Index Cond: \(.*account_id = .*created_at',
		$$SELECT sum(o.amount) INTO result FROM {orders} o WHERE o.created_at >= '2025-06-01' AND o.created_at < '2025-07-01' {and:o}$$),
	('all rows of a small account', 2, 50, 'Index.*Scan (using|on) orders_account_id_created_at_idx.*Index Cond: \(.*account_id = ',
		'SELECT sum(o.amount) INTO result FROM {orders} o WHERE true {and:o}'),
	('full scan', 1, 1, 'Seq Scan on orders',
		'SELECT sum(o.amount) INTO result FROM {orders} o WHERE true {and:o}'),
	('full scan with a filter', 1, 1, 'Seq Scan on orders',
		$$SELECT count(*) INTO result FROM {orders} o WHERE o.note LIKE '%77%' {and:o}$$),
	('join', 2, 50, 'Join|Nested Loop',
		'SELECT sum(o.amount) INTO result FROM {orders} o JOIN {customers} c ON c.customer_id = o.customer_id WHERE c.region = 3 {and:o} {and:c}'),
	('top 10', 2, 3000, 'Limit.*Index Scan Backward using orders_account_id_created_at_idx.*Index Cond: \(.*account_id = ',
		'SELECT sum(t.amount) INTO result FROM (SELECT o.amount FROM {orders} o WHERE true {and:o} ORDER BY o.created_at DESC LIMIT 10) t'),
	('partitioned', 2, 1000, 'Index.*Scan (using|on) events_6_account_id_happened_at_idx.*Index Cond: \(.*account_id = ',
		$$SELECT sum(e.size) INTO result FROM {events} e WHERE e.happened_at >= '2025-06-01' AND e.happened_at < '2025-07-01' {and:e}$$),
	('partitioned, all partitions', 2, 200, 'Append.*events_12_account_id_happened_at_idx',
		'SELECT sum(e.size) INTO result FROM {events} e WHERE true {and:e}'),
	('parallel', 1, 1, 'Gather.*Parallel Seq Scan on orders',
		'SELECT sum(o.amount) INTO result FROM {orders} o WHERE true {and:o}'),
	('insert', 3, 3000, 'Insert on orders',
		$$INSERT INTO {orders} (order_id, {column} customer_id, created_at, amount, note) VALUES (nextval('bench.order_ids'), {value} 1, '2025-06-15', i, 'new order')$$),
	('insert, 1,000 rows at once', 3, 5, 'Insert on orders',
		$$INSERT INTO {orders} (order_id, {column} customer_id, created_at, amount, note) SELECT nextval('bench.order_ids'), {value} n, '2025-06-15', n, 'new order' FROM generate_series(1, 1000) n$$),
	('update', 3, 3000, 'Update on orders.*Index Scan using orders_pkey',
		'UPDATE {orders} o SET amount = o.amount + 1 WHERE o.order_id = keys[1 + i % 1000] {and:o}'),
	('delete', 3, 1000, 'Delete on orders.*Index Scan using orders_pkey',
		'DELETE FROM {orders} o WHERE o.order_id = keys[i] {and:o}');
-- Every row is read where an index is no use.
UPDATE bench.queries SET settings = 'enable_bitmapscan=off enable_indexscan=off enable_indexonlyscan=off'
	WHERE name LIKE 'full scan%';
UPDATE bench.queries SET settings = 'enable_bitmapscan=off enable_indexscan=off enable_indexonlyscan=off max_parallel_workers_per_gather=2'
	WHERE name = 'parallel';
UPDATE bench.queries SET repeat = greatest(repeat * :repeat / 100, 1);
UPDATE bench.queries SET aim = 1.10 WHERE name LIKE 'insert%';
GRANT SELECT ON bench.queries TO PUBLIC;

CREATE SEQUENCE bench.order_ids START 1000000000 CACHE 1000;
GRANT USAGE ON SEQUENCE bench.order_ids TO PUBLIC;

CREATE TABLE bench.order_keys AS
	SELECT t.position, array_agg(o.order_id) AS keys
	FROM bench.tenants t
	CROSS JOIN LATERAL (
			SELECT p.order_id FROM plain.orders p WHERE p.account_id = t.account_id LIMIT 1000
		) o
	WHERE t.position <= 3
	GROUP BY t.position;
GRANT SELECT ON bench.order_keys TO PUBLIC;

CREATE FUNCTION bench.query_text(statement text, variant text, tables text) RETURNS text
	LANGUAGE sql IMMUTABLE
	RETURN regexp_replace(
		replace(replace(
			regexp_replace(statement, '\{(orders|customers|events)\}', tables || '.\1', 'g'),
			'{column}', CASE WHEN variant <> 'isolated' THEN 'account_id,' ELSE '' END),
			'{value}', CASE WHEN variant <> 'isolated' THEN 'tenant,' ELSE '' END),
		'\{and:(\w+)\}', CASE WHEN variant = 'plain' THEN 'AND \1.account_id = tenant' ELSE '' END, 'g');

-- Procedures, a timed block each, and an EXPLAIN of the same statement.
DO $make$
DECLARE
	q record;
	number integer := 0;
BEGIN
	FOR q IN SELECT * FROM bench.queries, bench.callers LOOP
		number := number + 1;
		EXECUTE format($template$
CREATE PROCEDURE bench.query_%1$s(INOUT seconds double precision)
	LANGUAGE plpgsql
	AS $$
DECLARE
	tenant uuid;
	token text;
	keys bigint[];
	started timestamp with time zone;
	result bigint;
BEGIN
	SELECT t.account_id, t.token, k.keys INTO tenant, token, keys
	FROM bench.tenants t JOIN bench.order_keys k USING (position)
	WHERE t.position = %2$s;
	PERFORM set_config(split_part(setting, '=', 1), split_part(setting, '=', 2), true)
	FROM regexp_split_to_table(%6$L, ' ') setting
	WHERE setting <> '';
	%3$s;
	started := clock_timestamp();
	FOR i IN 1 .. %4$s LOOP
		%5$s;
	END LOOP;
	seconds := bench.seconds_since(started);
	ROLLBACK;
END
$$
$template$, number, q.tenant, q.log_in, q.repeat, bench.query_text(q.statement, q.variant, q.tables), q.settings);
		INSERT INTO bench.measures (name, variant, role, call, every)
			VALUES (q.name, q.variant, q.role, format('bench.query_%s(NULL)', number), q.every);
	END LOOP;
END
$make$;

INSERT INTO bench.comparisons (section, name, what, variant, against, reference, aim)
	SELECT 'Queries', q.name, q.name, v.variant, 'plain', v.reference, CASE WHEN v.variant = 'isolated' THEN q.aim END
	FROM bench.queries q
	CROSS JOIN (VALUES
			(1, 'isolated', 'plain table, WHERE account_id = $1')
		) v (position, variant, reference)
	ORDER BY q.ctid, v.position;
