-- search_path: what runs with the owner's rights takes no operator that a caller has put before the server's (design 3).
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_attacker;
CREATE ROLE regress_authenticator NOINHERIT;
CREATE ROLE regress_anonymous;
SELECT account.grant_access('regress_attacker', 'tenant');
CREATE SCHEMA lair AUTHORIZATION regress_attacker;
GRANT USAGE ON SCHEMA lair TO PUBLIC;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme', account_id => '5ea00000-0000-4000-8000-00000000000a') \gset
SELECT id AS gone FROM account.create_account('gone', account_id => '5ea00000-0000-4000-8000-00000000000b') \gset
SELECT profile_id AS robot FROM account.create_service_account('robot', 'owner', account_id => :'acme') \gset
SELECT account.create_role('writer', '{read:*}', account_id => :'acme') IS NOT NULL AS made;

-- An operator for each type that statements of ours compare, which says that it was called.
SET ROLE regress_attacker;
\set ECHO none
SELECT format('CREATE FUNCTION lair.compare(%1$s, %1$s) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog AS ''BEGIN RAISE WARNING ''''called for %1$s''''; RETURN true; END''', t),
	format('CREATE OPERATOR lair.= (LEFTARG = %1$s, RIGHTARG = %1$s, FUNCTION = lair.compare)', t)
FROM unnest('{uuid,text,oid,timestamptz,int8,name,bytea}'::text[]) t
\gexec
\set ECHO all
SELECT count(*) AS operators FROM pg_operator WHERE oprnamespace = 'lair'::regnamespace;
SET search_path = lair, pg_catalog;
-- They are found where nobody names the server's.
SELECT 1::int8 = 2::int8 AS lied;

-- A tenant's own calls.
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id OPERATOR(pg_catalog.=) :'acme' AS authenticated;
SELECT account.assign_role(:'robot', 'writer');
SELECT account.assign_role(:'robot', 'writer', NULL, 'billing', expires_in => '1 day');
SELECT account.assign_role(:'robot', 'writer', NULL, 'billing');
SELECT account.unassign_role(:'robot', 'writer', NULL, 'billing');
SELECT account.unassign_role(:'robot', 'writer');
ROLLBACK;

-- An administrator's, who has the attacker's schema in the path.
RESET ROLE;
SET search_path = lair, pg_catalog;
SELECT account.delete_account(:'gone') IS NOT NULL AS asked;
WITH gone AS (DELETE FROM account.holds WHERE subject_id OPERATOR(pg_catalog.=) :'gone' RETURNING *)
	INSERT INTO account.holds SELECT subject_id, kind, entry, set_by, reason, created_by, created_at, clock_timestamp() OPERATOR(pg_catalog.-) '1 hour'::interval FROM gone;
SELECT account.purge_deleted_accounts();
SELECT account.grant_access('regress_anonymous', 'anonymous');
SELECT account.setup_postgrest('regress_authenticator', 'regress_anonymous');

RESET search_path;
SET client_min_messages = error;
DROP SCHEMA lair CASCADE;
DROP OWNED BY regress_attacker, regress_authenticator, regress_anonymous;
DROP ROLE regress_attacker, regress_authenticator, regress_anonymous;
