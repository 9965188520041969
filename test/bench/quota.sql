-- Inserts into an isolated table with a quota, next to the same table without one.  After
-- isolation.sql.  The limit is far; nothing is refused.

CREATE SCHEMA quota AUTHORIZATION bench_owner;
GRANT USAGE ON SCHEMA quota TO bench_app;
SELECT account.create_plan('bench', '{"each": 1000000000, "tree": {"tree": 1000000000}}') IS NOT NULL AS created;
SELECT account.set_plan(account_id, 'bench') FROM bench.tenants WHERE position = 2;

SET ROLE bench_owner;
CREATE TABLE quota.without (LIKE isolated.messages INCLUDING DEFAULTS INCLUDING INDEXES);
CREATE TABLE quota.limited (LIKE isolated.messages INCLUDING DEFAULTS INCLUDING INDEXES);
CREATE TABLE quota.in_tree (LIKE isolated.messages INCLUDING DEFAULTS INCLUDING INDEXES);
CREATE TABLE quota.unlimited (LIKE isolated.messages INCLUDING DEFAULTS INCLUDING INDEXES);
GRANT ALL ON ALL TABLES IN SCHEMA quota TO bench_app;
SELECT count(*) AS isolate_statements
	FROM (VALUES ('quota.without'::regclass, NULL), ('quota.limited', 'each'), ('quota.in_tree', 'tree'), ('quota.unlimited', 'none')) t (name, resource),
		account.isolate(t.name, quota => t.resource);
RESET ROLE;

-- A transaction with some inserts, and its COMMIT.
DO $make$
DECLARE
	side text;
BEGIN
	FOREACH side IN ARRAY '{without,limited,in_tree,unlimited}'::text[] LOOP
		EXECUTE format($template$
CREATE PROCEDURE bench.quota_%1$s(inserts integer, transactions integer, INOUT seconds double precision)
	LANGUAGE plpgsql
	AS $$
DECLARE
	token text := (SELECT t.token FROM bench.tenants t WHERE t.position = 2);
	started timestamp with time zone := clock_timestamp();
BEGIN
	FOR i IN 1 .. transactions LOOP
		PERFORM account.authenticate(token);
		FOR j IN 1 .. inserts LOOP
			INSERT INTO quota.%1$s (order_id, customer_id, created_at, amount, note)
				VALUES (nextval('bench.order_ids'), 1, '2025-06-15', j, 'new order');
		END LOOP;
		COMMIT;
	END LOOP;
	seconds := bench.seconds_since(started);
END
$$
$template$, side);
		INSERT INTO bench.measures (name, variant, role, call) VALUES
			('quota insert', side, 'bench_app', format('bench.quota_%s(1000, 3, NULL)', side)),
			('quota commit', side, 'bench_app', format('bench.quota_%s(1, 1000, NULL)', side));
	END LOOP;
END
$make$;

INSERT INTO bench.comparisons (section, name, what, variant, against, reference, aim) VALUES
	('Quotas', 'quota insert', 'insert with a quota, 1,000 in a transaction', 'limited', 'without', 'isolated table without', 1.25),
	('Quotas', 'quota insert', 'the same, limited for a tree', 'in_tree', 'without', 'isolated table without', 1.25),
	('Quotas', 'quota insert', 'the same, counted without a limit', 'unlimited', 'without', 'isolated table without', 1.25),
	('Quotas', 'quota commit', 'authenticate(), one insert and COMMIT, within the server', 'limited', 'without', 'isolated table without', NULL),
	('Quotas', 'quota commit', 'the same, limited for a tree', 'in_tree', 'without', 'isolated table without', NULL),
	('Quotas', 'quota commit', 'the same, counted without a limit', 'unlimited', 'without', 'isolated table without', NULL);
INSERT INTO bench.comparisons (section, name, what, variant, against, reference, aim, at_least) VALUES
	('Quotas', 'quota clients', 'transactions a second, 8 clients inserting into one account with a quota', 'limited', 'without',
		'isolated table without', 0.8, true),
	('Quotas', 'quota clients', 'the same, limited for a tree', 'in_tree', 'without', 'isolated table without', 0.8, true),
	('Quotas', 'quota clients flushed', 'the same with every commit flushed to disk', 'limited', 'without', 'isolated table without', 0.8, true),
	('Quotas', 'quota clients flushed', 'the same, limited for a tree', 'in_tree', 'without', 'isolated table without', 0.8, true);
