-- authenticate() by session, next to authenticate() by key.  Variable: members.

-- Beside so many used keys a member of the same account with the same permissions, logged
-- in.  Their password costs the least, so that they are soon.
CREATE VIEW bench.member_tokens AS SELECT * FROM bench.tokens WHERE position <= :members;
GRANT SELECT ON bench.member_tokens TO bench_app;
SET session_replication_role = replica;
INSERT INTO account.roles (role_id, name, permissions)
	VALUES (bench.person(0), 'Four patterns', '{read:*,create:*,update:*,delete:*}');
INSERT INTO account.users (user_id, email, password_hash)
	SELECT bench.person(position), format('person%s@example.com', position), hash
	FROM bench.member_tokens, crypt('correct horse battery staple', gen_salt('bf', 4)) hash;
INSERT INTO account.profiles (profile_id, account_id, kind, user_id, name)
	SELECT bench.profile(-position), account_id, 'user', bench.person(position), 'Member'
	FROM bench.member_tokens;
INSERT INTO account.user_memberships (user_id, account_id, profile_id)
	SELECT bench.person(position), account_id, bench.profile(-position)
	FROM bench.member_tokens;
INSERT INTO account.grants (grant_id, profile_id, role_id)
	SELECT bench.credential(-position), bench.profile(-position), bench.person(0)
	FROM bench.member_tokens;
RESET session_replication_role;

CREATE TABLE bench.sessions (
	position integer PRIMARY KEY,
	token text
);
GRANT SELECT ON bench.sessions TO bench_app;

CREATE PROCEDURE bench.log_everybody_in()
	LANGUAGE plpgsql
	AS $$
DECLARE
	number integer;
BEGIN
	PERFORM set_config('account.password_cost', '4', false);
	FOR number IN SELECT position FROM bench.member_tokens ORDER BY position LOOP
		INSERT INTO bench.sessions
			SELECT number, session_token FROM account.login(format('person%s@example.com', number), 'correct horse battery staple');
		COMMIT;
	END LOOP;
	PERFORM set_config('account.password_cost', '12', false);
END
$$;
CALL bench.log_everybody_in();
VACUUM (ANALYZE) account.users, account.profiles, account.user_memberships, account.grants, account.credentials,
	account.uses, bench.sessions;

-- The same loop as that of the keys (authenticate.sql): %1$s name, %2$s the statement that
-- handles number i.
CREATE PROCEDURE bench.make_session_loop(name text, statement text)
	LANGUAGE plpgsql
	AS $make$
BEGIN
	EXECUTE format($template$
CREATE PROCEDURE bench.sessions_%1$s(INOUT seconds double precision)
	LANGUAGE plpgsql
	AS $$
DECLARE
	keys text[] := (SELECT array_agg(token ORDER BY position) FROM bench.member_tokens);
	accounts uuid[] := (SELECT array_agg(account_id ORDER BY position) FROM bench.member_tokens);
	sessions text[] := (SELECT array_agg(token ORDER BY position) FROM bench.sessions);
	started timestamp with time zone;
	found_id uuid;
BEGIN
	COMMIT;
	started := clock_timestamp();
	FOR i IN 1 .. cardinality(keys) LOOP
		%2$s;
		COMMIT;
	END LOOP;
	seconds := bench.seconds_since(started);
	IF found_id IS DISTINCT FROM accounts[cardinality(keys)] THEN
		RAISE 'no identity';
	END IF;
END
$$
$template$, name, statement);
END
$make$;
CALL bench.make_session_loop('nothing', 'found_id := accounts[i]');
CALL bench.make_session_loop('key', 'found_id := (account.authenticate(keys[i])).account_id');
CALL bench.make_session_loop('session', 'found_id := (account.authenticate(sessions[i])).account_id');
CALL bench.make_session_loop('named', 'found_id := (account.authenticate(sessions[i], accounts[i])).account_id');

INSERT INTO bench.warm_ups (role, call)
	SELECT 'bench_app', format('bench.sessions_%s(NULL)', variant) FROM unnest('{key,session}'::text[]) variant;
INSERT INTO bench.measures (name, variant, role, call)
	SELECT 'session', variant, 'bench_app', format('bench.sessions_%s(NULL)', variant)
	FROM unnest('{nothing,key,session,named}'::text[]) variant;
INSERT INTO bench.comparisons (section, name, what, variant, against, reference, aim) VALUES
	('Principals', 'session', 'authenticate() by session, of a user with one membership', 'session', 'key', 'authenticate() by key', 1.1),
	('Principals', 'session', 'authenticate() by session, the account named', 'named', 'key', 'authenticate() by key', 1.1);
