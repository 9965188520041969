-- trojan: what somebody else has laid in the way runs while the victim works.
\set VERBOSITY terse
CREATE ROLE regress_victim;
CREATE ROLE regress_attacker;
CREATE ROLE regress_careless SUPERUSER;
SELECT account.grant_access('regress_victim', 'tenant'), account.grant_access('regress_attacker', 'tenant');
CREATE SCHEMA lair AUTHORIZATION regress_attacker;
GRANT USAGE ON SCHEMA lair TO PUBLIC;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme') \gset
SELECT id AS evil, api_key AS evil_key FROM account.create_account('evil') \gset
CREATE TABLE lair.loot (token text);
INSERT INTO lair.loot VALUES (:'evil_key');
ALTER TABLE lair.loot OWNER TO regress_attacker;
GRANT SELECT ON lair.loot TO PUBLIC;
CREATE TABLE notes (note text, account_id uuid NOT NULL DEFAULT account.current_account_id());
INSERT INTO notes VALUES ('acme 1', :'acme'), ('evil 1', :'evil');
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notes USING (account_id = account.policy_account_id());
GRANT SELECT, INSERT ON notes TO regress_victim;

-- What it does, wherever it gets to run: make the caller be evil, and report.
SET ROLE regress_attacker;
SET client_min_messages = warning;
CREATE FUNCTION lair.spring() RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$
BEGIN
	PERFORM account.authenticate((SELECT token FROM lair.loot));
	RAISE WARNING 'sprung: the caller is evil now';
	RETURN true;
EXCEPTION WHEN OTHERS THEN
	RAISE WARNING '%', SQLERRM;
	RETURN true;
END $$;
CREATE FUNCTION lair.spring(anyelement) RETURNS anyelement LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM lair.spring(); RETURN $1; END $$;
CREATE FUNCTION lair.trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM lair.spring(); RETURN NEW; END $$;
CREATE FUNCTION lair.definer() RETURNS boolean LANGUAGE sql SECURITY DEFINER AS 'SELECT lair.spring()';
CREATE TABLE lair.by_trigger (i integer);
CREATE TRIGGER trap BEFORE INSERT ON lair.by_trigger FOR EACH ROW EXECUTE FUNCTION lair.trap();
CREATE TABLE lair.by_deferred (i integer);
CREATE CONSTRAINT TRIGGER trap AFTER INSERT ON lair.by_deferred DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION lair.trap();
CREATE TABLE lair.by_default (i integer, sprung boolean DEFAULT lair.spring());
CREATE TABLE lair.by_check (i integer CHECK (lair.spring()));
CREATE TABLE lair.by_policy (i integer);
ALTER TABLE lair.by_policy ENABLE ROW LEVEL SECURITY;
CREATE POLICY trap ON lair.by_policy USING (lair.spring());
CREATE TABLE lair.by_generated (i integer, j integer GENERATED ALWAYS AS (lair.spring(i)) STORED);
CREATE TABLE lair.by_index (i integer);
CREATE DOMAIN lair.by_domain AS text CHECK (lair.spring());
CREATE VIEW lair.by_view AS SELECT lair.spring() AS sprung;
CREATE TABLE lair.by_rule (i integer);
CREATE RULE trap AS ON INSERT TO lair.by_rule DO ALSO SELECT lair.spring();
CREATE TYPE lair.by_cast AS (i integer);
CREATE FUNCTION lair.cast(lair.by_cast) RETURNS integer LANGUAGE sql AS 'SELECT lair.spring(1)';
CREATE CAST (lair.by_cast AS integer) WITH FUNCTION lair.cast AS IMPLICIT;
CREATE FUNCTION lair.equal(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT lair.spring()';
CREATE OPERATOR lair.= (LEFTARG = text, RIGHTARG = text, FUNCTION = lair.equal);
GRANT ALL ON ALL TABLES IN SCHEMA lair TO regress_victim;
INSERT INTO lair.by_policy VALUES (1);
SET client_min_messages = error;
INSERT INTO lair.by_index VALUES (1);
CREATE INDEX ON lair.by_index (lair.spring(i));
SET client_min_messages = warning;

-- CTX-35: acme is at work.  Whatever is sprung, it stays acme, and keeps seeing its own rows.
SET ROLE regress_victim;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
INSERT INTO lair.by_trigger VALUES (1);
COPY lair.by_trigger FROM STDIN;
1
\.
INSERT INTO lair.by_default (i) VALUES (1);
INSERT INTO lair.by_check VALUES (1);
INSERT INTO lair.by_generated VALUES (1);
INSERT INTO lair.by_rule VALUES (1);
SELECT count(*) FROM lair.by_policy;
SELECT count(*) FROM lair.by_view;
SELECT lair.definer();
SELECT 'x'::lair.by_domain;
SELECT 1 + ROW(1)::lair.by_cast AS cast;
SET LOCAL search_path = lair, pg_catalog;
SELECT (account.authenticate(:'acme_key')).account_id OPERATOR(pg_catalog.=) :'acme' AS again;
SELECT 'a'::text = 'b' AS equal;
RESET search_path;
SELECT note FROM notes;
INSERT INTO notes VALUES ('acme 2');
INSERT INTO lair.by_deferred VALUES (1);
COMMIT;
SELECT note, account_id = :'acme' AS own FROM notes ORDER BY 1;
RESET ROLE;
SELECT note, account_id = :'acme' AS acmes FROM notes ORDER BY 1;

-- Before acme has authenticated: nowhere that runs as another, in a trigger or within a command.
SET ROLE regress_victim;
BEGIN;
INSERT INTO lair.by_trigger VALUES (1);
COPY lair.by_default (i) FROM STDIN;
1
\.
SELECT lair.definer();
INSERT INTO lair.by_deferred VALUES (1);
SET CONSTRAINTS ALL IMMEDIATE;
CREATE TEMPORARY TABLE t AS SELECT lair.spring();
SELECT account.current_account_id();
COMMIT;
-- Called in place by itself it is acme's own doing; and acme, not evil, finds out, for one transaction has one identity.
BEGIN;
SELECT count(*) FROM lair.by_view;
SELECT account.authenticate(:'acme_key');
ROLLBACK;

-- CTX-36: a superuser maintains the table, or makes an event of a command.
SET ROLE regress_careless;
REINDEX TABLE lair.by_index;
ANALYZE lair.by_index;
VACUUM ANALYZE lair.by_index;
CLUSTER lair.by_index USING by_index_spring_idx;
CREATE INDEX ON lair.by_index (lair.spring(i + 1));
ALTER TABLE lair.by_index ADD CHECK (lair.spring());
CREATE MATERIALIZED VIEW lair.by_refresh AS SELECT lair.spring();
REFRESH MATERIALIZED VIEW lair.by_refresh;
SET client_min_messages = error;
CREATE FUNCTION lair.event() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM lair.spring(); END $$;
CREATE EVENT TRIGGER regress_trap ON ddl_command_end WHEN TAG IN ('COMMENT') EXECUTE FUNCTION lair.event();
SET client_min_messages = warning;
COMMENT ON TABLE lair.by_index IS 'an event';
DROP EVENT TRIGGER regress_trap;

-- SP-01, SP-03, SP-05: shadows of what the extension's own statements use do not run.
SET ROLE regress_victim;
BEGIN;
SET LOCAL search_path = lair, pg_temp, public, pg_catalog;
CREATE TEMPORARY TABLE credentials (digest bytea);
CREATE TEMPORARY TABLE accounts (account_id uuid);
SELECT (account.authenticate(:'acme_key')).account_id OPERATOR(pg_catalog.=) :'acme' AS acme;
SELECT name, api_key IS NOT NULL AS issued FROM account.create_api_key(account.current_profile_id(), 'shadowed');
SELECT count(*) FROM account.api_keys;
SELECT valid FROM account.verify_api_key(:'acme_key');
SELECT name, api_key IS NOT NULL AS issued FROM account.rotate_api_key(account.current_api_key_id(), '1 hour');
SELECT account.revoke_api_key(account.current_api_key_id());
ROLLBACK;

RESET ROLE;
SET client_min_messages = error;
DROP SCHEMA lair CASCADE;
DROP TABLE notes;
DROP OWNED BY regress_victim, regress_attacker, regress_careless;
DROP ROLE regress_victim, regress_attacker, regress_careless;
