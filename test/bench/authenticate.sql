-- authenticate(), and what one would write in its place.  Every procedure goes
-- through all used keys and commits after each: both sides of a comparison have
-- the same loop, the same number of commits and one value assigned.

-- The twin: the same digests, a plain table.
CREATE TABLE bench.api_keys AS
	SELECT digest, account_id, profile_id, permissions, ends_at
	FROM account.credentials
	ORDER BY credential_id;
ALTER TABLE bench.api_keys ADD PRIMARY KEY (digest);
GRANT SELECT ON bench.api_keys TO bench_app;

-- What tutorials show: look the digest up, remember the account in a setting.
CREATE FUNCTION bench.log_in(token text) RETURNS uuid
	LANGUAGE plpgsql VOLATILE
	AS $$
DECLARE
	found_id uuid;
BEGIN
	SELECT k.account_id INTO found_id
	FROM bench.api_keys k
	WHERE k.digest = digest(token, 'sha256') AND (k.ends_at IS NULL OR k.ends_at > clock_timestamp());
	IF NOT FOUND THEN
		RAISE 'no such key';
	END IF;
	PERFORM set_config('bench.account_id', found_id::text, true);
	RETURN found_id;
END
$$;

-- A procedure for each variant from one template: %1$s name, %2$s the statement that
-- handles key i (tokens[i], digests[i]), %3$s how the transaction ends.
CREATE PROCEDURE bench.make_key_loop(name text, statement text)
	LANGUAGE plpgsql
	AS $make$
BEGIN
	EXECUTE format($template$
CREATE PROCEDURE bench.keys_%1$s(INOUT seconds double precision)
	LANGUAGE plpgsql
	AS $$
DECLARE
	tokens text[] := (SELECT array_agg(token ORDER BY position) FROM bench.tokens);
	digests bytea[] := (SELECT array_agg(digest ORDER BY position) FROM bench.tokens);
	started timestamp with time zone;
	found_id uuid;
	good boolean;
BEGIN
	COMMIT;
	started := clock_timestamp();
	FOR i IN 1 .. cardinality(tokens) LOOP
		%2$s;
		COMMIT;
	END LOOP;
	seconds := bench.seconds_since(started);
END
$$
$template$, name, statement);
END
$make$;

CALL bench.make_key_loop('nothing', 'found_id := NULL');
CALL bench.make_key_loop('expression', 'found_id := (account.authenticate(tokens[i])).account_id');
CALL bench.make_key_loop('statement', 'SELECT account_id INTO found_id FROM account.authenticate(tokens[i])');
CALL bench.make_key_loop('perform', 'PERFORM account.authenticate(tokens[i])');
CALL bench.make_key_loop('select', 'SELECT account_id INTO found_id FROM bench.api_keys WHERE digest = digests[i]');
CALL bench.make_key_loop('by_hand', 'found_id := bench.log_in(tokens[i])');
CALL bench.make_key_loop('caught', $$
		BEGIN
			found_id := (account.authenticate(tokens[i])).account_id;
		EXCEPTION WHEN OTHERS THEN
			found_id := NULL;
		END$$);
CALL bench.make_key_loop('caught_junk', $$
		BEGIN
			found_id := (account.authenticate('x' || tokens[i])).account_id;
		EXCEPTION WHEN OTHERS THEN
			found_id := NULL;
		END$$);
CALL bench.make_key_loop('caught_error', $$
		BEGIN
			RAISE 'no';
		EXCEPTION WHEN OTHERS THEN
			found_id := NULL;
		END$$);

-- A refusal costs PL/pgSQL more than it costs us, so what it costs is asked of
-- verify_api_key(), of all used keys in one statement.
CREATE PROCEDURE bench.verify(prefix text, INOUT seconds double precision)
	LANGUAGE plpgsql
	AS $$
DECLARE
	started timestamp with time zone := clock_timestamp();
	good bigint;
BEGIN
	SELECT count(*) FILTER (WHERE (account.verify_api_key(prefix || t.token)).valid) INTO good
	FROM bench.tokens t;
	seconds := bench.seconds_since(started);
END
$$;

INSERT INTO bench.warm_ups (role, call) VALUES ('bench_app', 'bench.keys_expression(NULL)');
INSERT INTO bench.measures (name, variant, role, call)
	VALUES ('verify', 'good', 'bench_app', $$bench.verify('', NULL)$$),
		('verify', 'junk', 'bench_app', $$bench.verify('x', NULL)$$);
INSERT INTO bench.measures (name, variant, role, call)
	SELECT 'authenticate', variant, 'bench_app', format('bench.keys_%s(NULL)', variant)
	FROM unnest('{nothing,expression,statement,perform,select,by_hand,caught,caught_junk,caught_error}'::text[]) variant;

INSERT INTO bench.comparisons (section, name, what, variant, against, reference, aim) VALUES
	('Keys', 'authenticate', 'authenticate(), in an expression', 'expression', 'select', 'SELECT by primary key, prepared, in PL/pgSQL', 0.85),
	('Keys', 'authenticate', 'authenticate(), in an expression', 'expression', 'by_hand', 'PL/pgSQL function with digest() and set_config()', 0.5),
	('Keys', 'authenticate', 'authenticate(), in PERFORM', 'perform', 'select', 'SELECT by primary key, prepared, in PL/pgSQL', NULL),
	('Keys', 'authenticate', 'authenticate(), in FROM', 'statement', 'select', 'SELECT by primary key, prepared, in PL/pgSQL', NULL),
	('Keys', 'authenticate', 'empty loop with COMMIT', 'nothing', 'select', 'SELECT by primary key, prepared, in PL/pgSQL', NULL),
	('Keys', 'verify', 'verify_api_key() of junk', 'junk', 'good', 'verify_api_key() of a good key', 0.1),
	('Keys', 'authenticate', 'authenticate() of junk, error caught', 'caught_junk', 'caught', 'authenticate() of a good key, same block', NULL),
	('Keys', 'authenticate', 'authenticate() of junk, error caught', 'caught_junk', 'caught_error', 'RAISE, caught', NULL);
