-- doctor: this extension's own objects, altered.  Each finding is shown, its fix is run, and it is gone.
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = error;
CREATE ROLE regress_other SUPERUSER;
SET ROLE regress_other;
PREPARE findings AS SELECT check_id, object, finding FROM account.doctor() WHERE check_id ~ '^(own|function|event_trigger_off)';
PREPARE fixes AS SELECT replace(fix, e.extowner::regrole::text, 'CURRENT_USER') AS fix FROM account.doctor(), pg_extension e WHERE extname = 'account' AND check_id ~ '^(own|function|event_trigger_off)';
EXECUTE findings;
-- It is found who owns the extension, whatever that is called.
RESET ROLE;

-- EXT-08: functions that were altered: what they run with, and what plans may do with them.
ALTER FUNCTION account.policy_account_id() IMMUTABLE;
ALTER FUNCTION account.current_account_id() NOT LEAKPROOF;
ALTER FUNCTION account.policy_workspace_ids(text) PARALLEL UNSAFE;
ALTER FUNCTION account.current_profile_id() IMMUTABLE;
ALTER FUNCTION account.deauthenticate() SECURITY DEFINER;
ALTER FUNCTION account.release(regclass) SET search_path = public;
CREATE EXTENSION dblink;
ALTER FUNCTION account.require_writable() DEPENDS ON EXTENSION dblink;
EXECUTE findings;
EXECUTE fixes \gexec
EXECUTE findings;
DROP EXTENSION dblink;
SELECT proname, provolatile, proleakproof, proparallel FROM pg_proc WHERE oid IN ('account.policy_account_id()'::regprocedure, 'account.current_account_id()'::regprocedure, 'account.policy_workspace_ids(text)'::regprocedure) ORDER BY 1;

-- Tables: whose they are, their row security, policies, triggers and rules; event triggers.
ALTER FUNCTION account.is_writable() OWNER TO regress_other;
ALTER TABLE account.plans OWNER TO regress_other;
ALTER VIEW account.api_keys OWNER TO regress_other;
ALTER TABLE account.credentials DISABLE ROW LEVEL SECURITY;
CREATE POLICY "w""rite" ON account.grants FOR INSERT WITH CHECK (true);
CREATE POLICY read ON account.keys FOR SELECT USING (true);
ALTER TABLE account.holds DISABLE TRIGGER holds_forget;
CREATE FUNCTION public.regress_spy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER "s""py" BEFORE INSERT ON account.keys FOR EACH ROW EXECUTE FUNCTION public.regress_spy();
CREATE RULE "r""ule" AS ON INSERT TO account.uses DO ALSO NOTHING;
ALTER EVENT TRIGGER account_isolation_ddl ENABLE REPLICA;
EXECUTE findings;
EXECUTE fixes \gexec
EXECUTE findings;
DROP FUNCTION public.regress_spy();

-- What is none of this extension has no place in its schema.
CREATE FUNCTION account.authenticate(token varchar) RETURNS text LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION account.always(uuid, uuid) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR account.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = account.always);
CREATE TABLE account."my notes" (note text);
CREATE VIEW account_api.notes AS SELECT 1 AS one;
EXECUTE findings;
EXECUTE fixes \gexec
EXECUTE findings;
DROP OPERATOR public.= (uuid, uuid);
DROP FUNCTION public.authenticate(varchar), public.always(uuid, uuid);
DROP TABLE public."my notes";
DROP VIEW public.notes;

DROP OWNED BY regress_other;
DROP ROLE regress_other;
