-- Logging in, and checking a password alone.  Variables: cost (of the password), logins
-- (calls of a timed block).

INSERT INTO account.users (user_id, email, password_hash)
	SELECT bench.person(0), 'person0@example.com', crypt('correct horse battery staple', gen_salt('bf', :cost));

-- A procedure for each way.  The new sessions are dropped again, so that each round finds
-- as many.
CREATE PROCEDURE bench.make_login_loop(name text, statement text)
	LANGUAGE plpgsql
	AS $make$
BEGIN
	EXECUTE format($template$
CREATE PROCEDURE bench.login_%1$s(cost integer, calls integer, INOUT seconds double precision)
	LANGUAGE plpgsql
	AS $$
DECLARE
	hash text := (SELECT password_hash FROM account.users WHERE user_id = bench.person(0));
	started timestamp with time zone;
	good boolean;
BEGIN
	PERFORM set_config('account.password_cost', cost::text, false);
	COMMIT;
	started := clock_timestamp();
	FOR i IN 1 .. calls LOOP
		good := %2$s;
		COMMIT;
	END LOOP;
	seconds := bench.seconds_since(started);
	IF good IS NOT TRUE THEN
		RAISE 'wrong password';
	END IF;
	DELETE FROM account.uses u
		USING account.credentials c
		WHERE c.user_id = bench.person(0) AND u.credential_id = c.credential_id;
	DELETE FROM account.credentials WHERE user_id = bench.person(0);
	PERFORM set_config('account.password_cost', '12', false);
	COMMIT;
END
$$
$template$, name, statement);
END
$make$;
CALL bench.make_login_loop('crypt', $$crypt('correct horse battery staple', hash) = hash$$);
CALL bench.make_login_loop('login', $$(account.login('person0@example.com', 'correct horse battery staple')).error IS NULL$$);

INSERT INTO bench.measures (name, variant, role, call)
	SELECT 'login', variant, 'postgres', format('bench.login_%s(%s, %s, NULL)', variant, :cost, :logins)
	FROM unnest('{crypt,login}'::text[]) variant;
INSERT INTO bench.comparisons (section, name, what, variant, against, reference, aim) VALUES
	('Principals', 'login', format('login() at cost %s', :cost), 'login', 'crypt', format('crypt() at cost %s', :cost), 1.02);
