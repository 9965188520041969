-- install: what CREATE EXTENSION makes, where, and who may.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_install;
GRANT CREATE ON DATABASE :"DBNAME" TO regress_install;

-- The version stands in account.control alone; nothing is trusted or relocatable.
SELECT version = (SELECT extversion FROM pg_extension WHERE extname = 'account') AS installed, superuser, trusted, relocatable
FROM pg_available_extension_versions WHERE name = 'account' AND installed;

-- EXT-03: no object outside schemas account and account_api, but the schemas themselves and the event triggers.
SELECT i.type, i.identity
FROM pg_depend d, pg_identify_object(d.classid, d.objid, d.objsubid) i
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
	AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'account')
	AND (i.schema IS NULL OR i.schema NOT IN ('account', 'account_api')) AND i.identity NOT LIKE 'account%.%'
ORDER BY 1, 2;
-- ... and nothing in schema account that is not the extension's.
SELECT c.oid::regclass FROM pg_class c
WHERE c.relnamespace = 'account'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'S', 'p', 'f', 'c')
	AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
	AND NOT EXISTS (SELECT FROM pg_type t, pg_depend d
		WHERE t.typrelid = c.oid AND d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e');

-- EXT-21: it stays where it is.
ALTER EXTENSION account SET SCHEMA public;
SET ROLE regress_install;
ALTER SCHEMA account RENAME TO mine;
DROP EXTENSION account;
DROP SCHEMA account CASCADE;
CREATE TABLE account.planted ();
RESET ROLE;

-- DROP takes all of it away ...
DROP EXTENSION account;
SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'account%';
-- ... and the library says what is missing rather than fail.
LOAD 'account';
SHOW account.max_depth;

-- Superusers alone may install it (EXT-06), ...
SET ROLE regress_install;
CREATE EXTENSION account;
-- EXT-01: ... and not into a schema that somebody has made before.
CREATE SCHEMA account;
CREATE FUNCTION account.is_name(text) RETURNS boolean LANGUAGE sql RETURN true;
RESET ROLE;
CREATE EXTENSION account;
DROP SCHEMA account CASCADE;
CREATE SCHEMA account_api;
CREATE EXTENSION account;
DROP SCHEMA account_api;
-- EXT-05: nor anywhere else.
CREATE SCHEMA elsewhere;
CREATE EXTENSION account SCHEMA elsewhere;
CREATE SCHEMA "a$b'; --";
CREATE EXTENSION account SCHEMA "a$b'; --";
SELECT count(*) FROM pg_extension WHERE extname = 'account';
DROP SCHEMA elsewhere, "a$b'; --";

-- EXT-03: what others have put into schema public is of no concern to the script, ...
CREATE FUNCTION public.always(text, text) RETURNS boolean LANGUAGE sql RETURN true;
CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.always);
CREATE DOMAIN public.uuid AS integer;
CREATE TYPE public.jsonb AS ENUM ();
SET search_path = public, pg_catalog;
CREATE EXTENSION account;
RESET search_path;
SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend
WHERE deptype <> 'i' AND (refclassid = 'pg_type'::regclass AND refobjid IN ('public.uuid'::regtype, 'public.jsonb'::regtype)
	OR refclassid = 'pg_operator'::regclass AND refobjid = 'public.=(text,text)'::regoperator);
DROP OPERATOR public.= (text, text);
DROP FUNCTION public.always;
DROP DOMAIN public.uuid;
DROP TYPE public.jsonb;

-- EXT-20: installed again it is empty, and works.
CREATE EXTENSION account;
SELECT count(*) FROM account.accounts;
BEGIN;
SELECT name, api_key IS NOT NULL AS issued FROM account.create_account('Acme');
ROLLBACK;

REVOKE CREATE ON DATABASE :"DBNAME" FROM regress_install;
DROP ROLE regress_install;
