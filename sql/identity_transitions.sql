-- identity: the transition table at the head of src/identity.c, cell by cell.
--
-- Each cell is played as it is written: a transaction is brought into a state, a
-- call is made, the transaction ends.  What is shown is whose rows an isolated table
-- gives: acme's, globex's or nobody's (-).  The role has level admin, to show that
-- losing an identity adds no right (DES-02): "+" where it is an administrator.
\set VERBOSITY terse
-- By the database, so that RESET ALL does not end them.
ALTER DATABASE :"DBNAME" SET account.session_identity = on;
ALTER DATABASE :"DBNAME" SET client_min_messages = error;
\c -
CREATE ROLE regress_transitions;
SELECT account.grant_access('regress_transitions', 'admin');

CREATE TABLE given (name text PRIMARY KEY, id uuid, token text);
INSERT INTO given
	SELECT name, id, api_key FROM account.create_account('acme', account_id => '1d000000-0000-4000-8000-00000000000a')
	UNION ALL
	SELECT name, id, api_key FROM account.create_account('globex', account_id => '1d000000-0000-4000-8000-00000000000b')
	UNION ALL
	SELECT name, NULL, api_key FROM account.create_application_key('application', '{*:*}');
INSERT INTO given SELECT k.name, NULL, k.api_key FROM account.profiles p, account.create_api_key(p.profile_id, 'revoked') k
	WHERE p.account_id = '1d000000-0000-4000-8000-00000000000b';
SELECT account.revoke_api_key(api_key_id) FROM account.api_keys WHERE name = 'revoked';

CREATE TABLE notes AS SELECT name AS note, id AS account_id FROM given, generate_series(1, 3) WHERE id IS NOT NULL;
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notes USING (account_id = account.policy_account_id());
CREATE TABLE trap (note text);
CREATE TABLE codes AS SELECT code, sqlstate FROM account.error_codes;
GRANT SELECT ON codes, given, notes TO regress_transitions;
GRANT INSERT ON trap TO regress_transitions;

CREATE FUNCTION token(name text) RETURNS text STABLE LANGUAGE sql RETURN (SELECT token FROM given g WHERE g.name = token.name);
CREATE FUNCTION id(name text) RETURNS uuid STABLE LANGUAGE sql RETURN (SELECT id FROM given g WHERE g.name = id.name);
CREATE FUNCTION spring() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM account.authenticate(token('globex'));
	RETURN NEW;
END $$;
CREATE TRIGGER spring BEFORE INSERT ON trap FOR EACH ROW EXECUTE FUNCTION spring();

-- Whose rows are seen.  Other rows than all three of that account would show.
CREATE FUNCTION who() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	seen text := (SELECT string_agg(note, '') FROM notes);
	administers boolean := EXISTS (
		SELECT FROM account.readable_account_ids('nothing') r WHERE r IS DISTINCT FROM account.current_account_id());
BEGIN
	RETURN CASE
		WHEN seen = repeat((SELECT name FROM given WHERE id = account.current_account_id()), 3)
			AND NOT administers THEN left(seen, length(seen) / 3)
		WHEN seen IS NULL AND account.current_identity() IS NOT DISTINCT FROM NULL THEN CASE WHEN administers THEN '-+' ELSE '-' END
		ELSE concat('wrong: ', seen, ' as ', account.current_identity()::text)
	END;
END $$;

CREATE TABLE calls (n serial, call text, statement text);
INSERT INTO calls (call, statement) VALUES
	('authenticate(acme)', $$SELECT account.authenticate(token('acme'))$$),
	('authenticate(acme, acme)', $$SELECT account.authenticate(token('acme'), id('acme'))$$),
	('authenticate(acme, globex)', $$SELECT account.authenticate(token('acme'), id('globex'))$$),
	('authenticate(acme), revoked', $$DO 'BEGIN PERFORM account.authenticate(token(''acme'')); END'$$),
	('authenticate(globex)', $$SELECT account.authenticate(token('globex'))$$),
	('authenticate(revoked)', $$SELECT account.authenticate(token('revoked'))$$),
	('authenticate(junk)', $$SELECT account.authenticate('junk')$$),
	('authenticate(NULL)', $$SELECT account.authenticate(NULL)$$),
	('authenticate(application)', $$SELECT account.authenticate(token('application'))$$),
	('authenticate_session(acme)', $$SELECT account.authenticate_session(token('acme'))$$),
	('authenticate_session(globex)', $$SELECT account.authenticate_session(token('globex'))$$),
	('authenticate_session(revoked)', $$SELECT account.authenticate_session(token('revoked'))$$),
	('act_as(acme)', $$SELECT account.act_as(token('application'), id('acme'))$$),
	('act_as(globex)', $$SELECT account.act_as(token('application'), id('globex'))$$),
	('act_as(nobody)', $$SELECT account.act_as(token('application'), '1d000000-0000-4000-8000-00000000000c')$$),
	('deauthenticate()', $$SELECT account.deauthenticate()$$),
	('SET ''''', $$SET account.context = ''$$),
	('SET LOCAL ''''', $$SET LOCAL account.context = ''$$),
	('RESET', $$RESET account.context$$),
	('RESET ALL', $$RESET ALL$$),
	('SET globex', $$SET account.context = '1d000000-0000-4000-8000-00000000000b'$$),
	('while a cursor is open', NULL),
	('in a trigger', $$INSERT INTO trap VALUES ('')$$);

-- One cell: three transactions, which differ in how they end.
CREATE TABLE cells (state text, call text, at_once text, committed text, aborted text, rolled_back text);
CREATE PROCEDURE play(state text, call text, statement text) LANGUAGE plpgsql AS $$
DECLARE
	seen text[] := '{}';
	raised text;
	opened refcursor;
BEGIN
	FOR ending IN 1 .. 3 LOOP
		-- Before: nobody, and acme's key as it was.
		RESET ROLE;
		PERFORM account.deauthenticate();
		DELETE FROM account.credentials WHERE entry = 1;
		COMMIT;
		SET ROLE regress_transitions;
		IF state LIKE 'S%' OR state = 'X emptied, S' THEN
			PERFORM account.authenticate_session(token('acme'));
		END IF;
		COMMIT;
		-- Into the state.
		CASE
			WHEN state IN ('A', 'X left', 'X emptied') THEN PERFORM account.authenticate(token('acme'));
			WHEN state IN ('S used', 'X emptied, S') THEN PERFORM who();
			ELSE
		END CASE;
		CASE
			WHEN state LIKE 'X emptied%' THEN SET LOCAL account.context = '';
			WHEN state = 'X left' THEN PERFORM account.deauthenticate();
			WHEN state = 'X rolled back' THEN
				BEGIN
					PERFORM account.authenticate(token('acme'));
					RAISE EXCEPTION 'back';
				EXCEPTION WHEN raise_exception THEN
				END;
			ELSE
		END CASE;
		-- The call, in a savepoint that is gone back to if it raises, or if that is the ending.
		raised := '';
		BEGIN
			IF call LIKE '%, revoked' THEN
				RESET ROLE;
				INSERT INTO account.credentials (digest, entry, kind, credential_id, ends_at)
					SELECT digest, 1, 'r', credential_id, '-infinity' FROM account.credentials WHERE digest = sha256(token('acme')::bytea) AND entry = 0;
				SET ROLE regress_transitions;
			ELSIF call LIKE '% open' THEN
				OPEN opened FOR SELECT 1;
			END IF;
			EXECUTE COALESCE(statement, $s$SELECT account.authenticate(token('globex'))$s$);
			IF ending = 3 THEN
				RAISE EXCEPTION 'back';
			END IF;
		EXCEPTION
			WHEN raise_exception THEN
			WHEN OTHERS THEN
				raised := SQLSTATE;
				raised := COALESCE((SELECT c.code FROM codes c WHERE c.sqlstate = raised), raised) || ' ';
		END;
		CASE ending
			WHEN 1 THEN
				seen := seen || (raised || who());
				COMMIT;
				seen := seen || who();
			WHEN 2 THEN
				ROLLBACK;
				seen := seen || who();
			WHEN 3 THEN
				seen := seen || who();
		END CASE;
		COMMIT;
	END LOOP;
	RESET ROLE;
	INSERT INTO cells VALUES (state, call, seen[1], seen[2], seen[3], seen[4]);
END $$;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO regress_transitions;

\set ECHO none
SELECT format('CALL play(%L, %L, %L)', state, call, statement)
FROM calls, unnest(ARRAY['N', 'A', 'S', 'S used', 'X left', 'X emptied', 'X rolled back', 'X emptied, S']) state
ORDER BY n, state \gexec
RESET ROLE;
\set ECHO all

CREATE FUNCTION pg_temp.chart(shown text) RETURNS TABLE (call text, "N" text, "A" text, "S" text, "S used" text,
		"X left" text, "X emptied" text, "X rolled back" text, "X emptied, S" text) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT c.call, %s FROM cells c JOIN calls USING (call) GROUP BY c.call, n ORDER BY n',
		(SELECT string_agg(format('min(%I) FILTER (WHERE state = %L)', shown, state), ', ' ORDER BY n)
		FROM unnest(ARRAY['N', 'A', 'S', 'S used', 'X left', 'X emptied', 'X rolled back', 'X emptied, S']) WITH ORDINALITY s (state, n)));
END $$;
-- What the call raises, and who it is then.
SELECT * FROM pg_temp.chart('at_once');
-- After ROLLBACK TO a savepoint before the call.
SELECT * FROM pg_temp.chart('rolled_back');
-- After COMMIT, in the next transaction.
SELECT * FROM pg_temp.chart('committed');
-- After ROLLBACK, in the next transaction.
SELECT * FROM pg_temp.chart('aborted');

-- CTX-31: where account.exchange_identity is on, a second identity takes the place of the
-- first, which is void from then on, and a wrong one leaves nobody.
TRUNCATE cells;
DELETE FROM calls WHERE call NOT IN ('authenticate(acme)', 'authenticate(globex)', 'authenticate(revoked)',
	'authenticate(junk)', 'authenticate_session(globex)', 'act_as(acme)', 'deauthenticate()');
SET account.exchange_identity = on;
\set ECHO none
SELECT format('CALL play(%L, %L, %L)', state, call, statement)
FROM calls, unnest(ARRAY['N', 'A', 'S', 'S used', 'X left', 'X emptied', 'X rolled back', 'X emptied, S']) state
ORDER BY n, state \gexec
RESET ROLE;
\set ECHO all
SELECT * FROM pg_temp.chart('at_once');
SELECT * FROM pg_temp.chart('rolled_back');
SELECT * FROM pg_temp.chart('committed');

DROP TABLE cells, calls, trap, codes, notes, given CASCADE;
DROP FUNCTION who, spring;
DROP PROCEDURE play;
DROP OWNED BY regress_transitions;
DROP ROLE regress_transitions;
ALTER DATABASE :"DBNAME" RESET ALL;
