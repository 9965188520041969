-- has_permission(), and what one would write in its place.  Variables: permissions,
-- roles (each with permissions / roles of them), calls.  In a database of its own: all
-- that is compiled is as long as the dictionary.

-- One profile with all the roles.
SET session_replication_role = replica;
INSERT INTO account.permissions (number, permission)
	SELECT 1000 + i, format('verb%s:resource%s', i % 10, i) FROM generate_series(1, :permissions) i;
INSERT INTO account.roles (role_id, account_id, name, permissions)
	SELECT bench.account(i), bench.account(1), 'Role ' || i,
		(SELECT array_agg(format('verb%s:resource%s', j % 10, j)) FROM generate_series(i, :permissions, :roles) j)
	FROM generate_series(1, :roles) i;
INSERT INTO account.profiles (profile_id, account_id, kind, name)
	VALUES (bench.profile(-1), bench.account(1), 'service_account', 'Many roles');
INSERT INTO account.grants (grant_id, profile_id, role_id)
	SELECT bench.credential(i), bench.profile(-1), bench.account(i) FROM generate_series(1, :roles) i;
RESET session_replication_role;
CREATE TABLE bench.many_roles AS
	SELECT (account.create_api_key(bench.profile(-1), 'Many roles')).api_key AS token;
GRANT SELECT ON bench.many_roles TO bench_app;

-- The twin: role tables as one finds them.
CREATE TABLE bench.role_permissions AS
	SELECT role_id, permission FROM account.roles, unnest(permissions) permission WHERE account_id IS NOT NULL;
ALTER TABLE bench.role_permissions ADD PRIMARY KEY (role_id, permission);
CREATE INDEX ON bench.role_permissions (permission, role_id);
CREATE TABLE bench.profile_roles AS
	SELECT profile_id, role_id FROM account.grants WHERE profile_id = bench.profile(-1);
ALTER TABLE bench.profile_roles ADD PRIMARY KEY (profile_id, role_id);
GRANT SELECT ON bench.role_permissions, bench.profile_roles TO bench_app;
ANALYZE bench.role_permissions, bench.profile_roles;

-- A procedure for each way to ask, the same number of times, of permissions in no order.
CREATE PROCEDURE bench.make_permission_loop(name text, question text)
	LANGUAGE plpgsql
	AS $make$
BEGIN
	EXECUTE format($template$
CREATE PROCEDURE bench.permissions_%1$s(calls integer, INOUT seconds double precision)
	LANGUAGE plpgsql
	AS $$
DECLARE
	names text[] := (SELECT array_agg(permission ORDER BY hashtext(permission)) FROM bench.role_permissions);
	count integer := cardinality(names);
	profile uuid;
	started timestamp with time zone;
	good boolean;
	yes integer := 0;
BEGIN
	profile := (account.authenticate((SELECT token FROM bench.many_roles))).profile_id;
	started := clock_timestamp();
	FOR i IN 1 .. calls LOOP
		good := %2$s;
		IF good THEN
			yes := yes + 1;
		END IF;
	END LOOP;
	seconds := bench.seconds_since(started);
	IF yes <> calls THEN
		RAISE 'only %% of %% are permitted', yes, calls;
	END IF;
	COMMIT;
END
$$
$template$, name, question);
END
$make$;
CALL bench.make_permission_loop('nothing', 'names[1 + i % count] IS NOT NULL');
CALL bench.make_permission_loop('function', 'account.has_permission(names[1 + i % count])');
CALL bench.make_permission_loop('exists', 'EXISTS (SELECT FROM bench.profile_roles r JOIN bench.role_permissions p USING (role_id)
	WHERE r.profile_id = profile AND p.permission = names[1 + i % count])');

-- The same asked once for each row of a query.
CREATE PROCEDURE bench.permission_rows(counted text, calls integer, INOUT seconds double precision)
	LANGUAGE plpgsql
	AS $$
DECLARE
	started timestamp with time zone;
	yes bigint;
BEGIN
	PERFORM account.authenticate((SELECT token FROM bench.many_roles));
	started := clock_timestamp();
	EXECUTE format('SELECT %s FROM generate_series(1, %s) i', counted, calls) INTO yes;
	seconds := bench.seconds_since(started);
	IF yes <> calls THEN
		RAISE 'only % of % are permitted', yes, calls;
	END IF;
	COMMIT;
END
$$;

INSERT INTO bench.measures (name, variant, role, call)
	SELECT 'permission', variant, 'bench_app', format('bench.permissions_%s(%s, NULL)', variant, :calls)
	FROM unnest('{nothing,function,exists}'::text[]) variant;
INSERT INTO bench.measures (name, variant, role, call)
	SELECT 'permission rows', variant, 'bench_app', format('bench.permission_rows(%L, %s, NULL)', counted, :calls * 10)
	FROM (VALUES ('function', $$count(*) FILTER (WHERE account.has_permission('verb1:resource1'))$$),
			('setting', $$count(*) FILTER (WHERE current_setting('server_version_num') > '1')$$),
			('nothing', $$count(*)$$)) q (variant, counted);
INSERT INTO bench.comparisons (section, name, what, variant, against, reference, aim) VALUES
	('Principals', 'permission', format('has_permission() with %s permissions and %s roles, in a PL/pgSQL loop', :permissions, :roles),
		'function', 'exists', 'EXISTS over role tables', 0.1),
	('Principals', 'permission', 'has_permission(), in a PL/pgSQL loop', 'function', 'nothing', 'the loop without it', NULL),
	('Principals', 'permission rows', 'has_permission(), for each row of a query', 'function', 'setting', 'current_setting()', NULL);
INSERT INTO bench.durations (name, what, variant, empty, calls, aim) VALUES
	('permission rows', 'has_permission(), for each row of a query', 'function', 'nothing', :calls * 10, 50);
