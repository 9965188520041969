-- attacks: ways in that were found open once, each with who is entitled beside it.
\set VERBOSITY terse
SET client_min_messages = error;
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
CREATE ROLE regress_admin;
SELECT account.grant_access('regress_owner', 'owner'), account.grant_access('regress_app', 'tenant'),
	account.grant_access('regress_admin', 'admin');
GRANT CREATE ON SCHEMA public TO regress_owner, regress_admin;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('Acme', external_id => 'crm-1') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('Globex', external_id => 'crm-2') \gset
SELECT api_key_id AS portal_id, api_key AS portal FROM account.create_application_key('attacked portal', '{*:*}') \gset

-- DES-11: who acts for one account by an application key does not come by another key to all of them.
SET ROLE regress_app;
BEGIN;
SELECT (account.act_as(:'portal', :'acme')).account_id = :'acme' AS acts;
SAVEPOINT attack;
SELECT api_key FROM account.rotate_api_key(account.current_api_key_id(), '30 days');
ROLLBACK TO attack;
SELECT account.revoke_api_key(account.current_api_key_id());
ROLLBACK TO attack;
SELECT api_key FROM account.create_application_key('mine', '{*:*}');
ROLLBACK;
BEGIN;
SELECT (account.act_as(:'portal', :'globex')).account_id = :'globex' AS still_good;
COMMIT;
RESET ROLE;
SELECT count(*) AS application_keys FROM account.keys WHERE name = 'attacked portal';
-- An administrator rotates it.
SELECT api_key IS NOT NULL AS rotated FROM account.rotate_api_key(:'portal_id', '1 hour');

-- RLS-47: without an identity the leader of a parallel plan and its workers agree on the partitions.
SET ROLE regress_owner;
CREATE TABLE parts (account_id uuid NOT NULL, n integer) PARTITION BY HASH (account_id);
CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1) PARTITION BY LIST (n);
SELECT format('CREATE TABLE parts_1_%s PARTITION OF parts_1 FOR VALUES IN (%s)', i, i) FROM generate_series(0, 20) i \gexec
INSERT INTO parts SELECT a.id, n FROM generate_series(0, 20) n, (VALUES (:'acme'::uuid), (:'globex')) a (id);
SELECT count(*) > 0 AS isolated FROM account.isolate('parts');
GRANT SELECT ON parts TO regress_app;
SET ROLE regress_app;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 4;
SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off;
CREATE FUNCTION pg_temp.total(times integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE total bigint := 0; seen bigint;
BEGIN
	FOR i IN 1 .. times LOOP
		EXECUTE 'SELECT count(*) FROM parts' INTO seen;
		total := total + seen;
	END LOOP;
	RETURN total;
END $$;
SELECT pg_temp.total(30);
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS authenticated;
SELECT pg_temp.total(30);
SELECT account.deauthenticate();
SELECT pg_temp.total(30);
COMMIT;
RESET ALL;
SET client_min_messages = error;

-- DES-02: an identity that was lost leaves no administrator behind, not in a parallel worker either.
SET ROLE regress_admin;
CREATE FUNCTION look_up(id uuid) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE
	AS 'BEGIN RETURN (account.get_account(id)).name; END';
SELECT look_up(:'globex');
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS authenticated;
SELECT account.deauthenticate();
SELECT set_config(name, 'on', true) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT look_up(:'globex');
ROLLBACK;

-- LEAK-21: an external id is given from above: an account cannot try which ones others have.
SET ROLE regress_app;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS authenticated;
SAVEPOINT attack;
SELECT name FROM account.update_account(:'acme', '{"external_id": "crm-2"}');
ROLLBACK TO attack;
SELECT name FROM account.update_account(:'acme', '{"external_id": "crm-3"}');
ROLLBACK TO attack;
SELECT id AS below FROM account.create_account('Acme North', external_id => 'north') \gset
SELECT name FROM account.update_account(:'below', '{"external_id": "south"}');
ROLLBACK;

-- FLT-14: a credential of lists that hold NULL is refused when it is written, not when it is read.
RESET ROLE;
INSERT INTO account.credentials (digest, entry, kind, credential_id, account_id, profile_id, permissions)
	VALUES (sha256('x'), 0, 'k', gen_random_uuid(), :'acme', gen_random_uuid(), '{NULL}');
INSERT INTO account.roles (role_id, account_id, name, permissions) VALUES (gen_random_uuid(), :'acme', 'x', '{NULL}');

-- LEAK-21: what does not exist reads so above a parallel plan, too.
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SELECT account.get_account('00000000-0000-4000-8000-000000000000') FROM parts;
RESET ALL;
SET client_min_messages = error;

-- SP-03: grants are made whatever the caller's search_path brings in.
CREATE ROLE regress_shadow;
SET search_path = account, pg_catalog;
SELECT account.grant_access('regress_shadow', 'tenant');
SET search_path = public;
SELECT level FROM account.access_levels WHERE role = 'regress_shadow'::regrole;
SELECT account.revoke_access('regress_shadow');
RESET search_path;
DROP ROLE regress_shadow;
SET ROLE regress_app;

-- KEY-23: months that days take back do not make an overlap longer.
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS authenticated;
SELECT name FROM account.rotate_api_key(account.current_api_key_id(), '1200000 mons -35999970 days');
ROLLBACK;

-- DES-05: a cursor that authenticates by itself, and is filled at COMMIT, leaves no rows behind.
SET ROLE regress_owner;
CREATE TABLE notes (note text);
SELECT count(*) > 0 AS isolated FROM account.isolate('notes');
GRANT SELECT, INSERT ON notes TO regress_app;
SET ROLE regress_app;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS authenticated;
INSERT INTO notes VALUES ('ours'), ('ours too');
COMMIT;
BEGIN;
SELECT set_config('attack.key', :'acme_key', true) IS NOT NULL AS stored;
DECLARE held CURSOR WITH HOLD FOR SELECT n.note
	FROM (SELECT (account.authenticate(current_setting('attack.key'))).account_id OFFSET 0) s
	CROSS JOIN LATERAL (SELECT * FROM notes WHERE s.account_id IS NOT NULL OFFSET 0) n;
SAVEPOINT attack;
FETCH 1 FROM held;
ROLLBACK TO attack;
COMMIT;
BEGIN;
SELECT set_config('attack.key', :'acme_key', true) IS NOT NULL AS stored;
DECLARE held CURSOR WITH HOLD FOR SELECT n.note
	FROM (SELECT (account.authenticate(current_setting('attack.key'))).account_id OFFSET 0) s
	CROSS JOIN LATERAL (SELECT * FROM notes WHERE s.account_id IS NOT NULL OFFSET 0) n;
COMMIT;
SELECT count(*) FROM pg_cursors;
FETCH ALL FROM held;
-- The same query as a statement of its own is in order.
BEGIN;
SELECT set_config('attack.key', :'acme_key', true) IS NOT NULL AS stored;
SELECT n.note FROM (SELECT (account.authenticate(current_setting('attack.key'))).account_id OFFSET 0) s
	CROSS JOIN LATERAL (SELECT * FROM notes WHERE s.account_id IS NOT NULL OFFSET 0) n ORDER BY 1;
COMMIT;

-- RLS-07: nobody but its owner empties a shared table, whatever was granted.
SET ROLE regress_owner;
CREATE TABLE rates (rate numeric);
INSERT INTO rates VALUES (1), (2);
SELECT account.share('rates');
GRANT ALL ON rates TO regress_app;
SET ROLE regress_app;
TRUNCATE rates;
SET ROLE regress_owner;
SELECT count(*) FROM rates;
TRUNCATE rates;

-- KEY-18: a key that there is and one that there is not, revoked or not, cost the same search: one by
-- digest.  The digest is that of the whole token, and is compared in constant time afterwards.
RESET ROLE;
SELECT api_key_id AS ended_id, api_key AS ended FROM account.profiles p, account.create_api_key(p.profile_id, 'ended') WHERE p.account_id = :'acme' \gset
SELECT account.revoke_api_key(:'ended_id');
CREATE FUNCTION pg_temp.searches(token text, OUT good boolean, OUT searches bigint) LANGUAGE plpgsql AS $$
DECLARE
	before bigint := pg_stat_get_xact_numscans('account.credentials_pkey'::regclass);
BEGIN
	good := (account.verify_api_key(token)).valid;
	searches := pg_stat_get_xact_numscans('account.credentials_pkey'::regclass) - before;
END $$;
BEGIN;
SELECT s.* FROM (VALUES (1, :'acme_key'), (2, :'ended'), (3, 'prod_acctsec_00000000000000000000000000000000000000000003UNP5x'), (4, 'prod_acctsec_junk')) v (place, token),
	pg_temp.searches(v.token) s ORDER BY place;
COMMIT;

RESET ROLE;
DROP TABLE parts, notes, rates;
DROP FUNCTION look_up;
DROP OWNED BY regress_owner, regress_app, regress_admin;
DROP ROLE regress_owner, regress_app, regress_admin;
