-- outline: an account and all below it, drawn.
\set VERBOSITY terse
SET client_min_messages = error;

-- What a statement raises: its code, with what was invalid, or with the message.
CREATE FUNCTION pg_temp.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text;
	detail text;
	message text;
BEGIN
	EXECUTE statement;
	RETURN 'allowed';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL, message = MESSAGE_TEXT;
	IF state NOT LIKE 'TA%' THEN
		RETURN state || ': ' || message;
	END IF;
	RETURN concat(detail::json ->> 'error', ': ', COALESCE(
		(SELECT string_agg(concat(e ->> 'path', ' ', e -> 'context' ->> 'errorType'), ', ')
			FROM json_array_elements(detail::json -> 'validationErrors') e), message));
END $$;
CREATE FUNCTION pg_temp.id(name text) RETURNS uuid LANGUAGE sql RETURN md5('outline ' || name)::uuid;

CREATE ROLE regress_outline_tenant;
SELECT account.grant_access('regress_outline_tenant', 'tenant');
SELECT name FROM account.create_account('Acme', account_id => pg_temp.id('acme'));
SELECT api_key AS sales_key FROM account.create_account('Sales', pg_temp.id('acme'), account_id => pg_temp.id('sales')) \gset
SELECT name FROM account.create_account('Ops', pg_temp.id('acme'), account_id => pg_temp.id('ops'));
SELECT name FROM account.create_account('Emea', pg_temp.id('sales'), account_id => pg_temp.id('emea'));
SELECT name FROM account.create_account('París', pg_temp.id('emea'), account_id => pg_temp.id('paris'));

-- A caller sees its own account and all below, or one of those; not one above, beside or of nobody (LEAK-21).
SET ROLE regress_outline_tenant;
BEGIN;
SELECT account_id = pg_temp.id('sales') AS sales FROM account.authenticate(:'sales_key');
SELECT account.account_tree();
SELECT account.account_tree(pg_temp.id('paris'));
SELECT name, pg_temp.attempt(format('SELECT account.account_tree(pg_temp.id(%L))', name)) FROM (VALUES ('acme'), ('ops'), ('nobody')) v (name);
COMMIT;
SELECT pg_temp.attempt('SELECT account.account_tree()');
RESET ROLE;
SELECT pg_temp.attempt('SELECT account.account_tree()');

-- The tree, drawn: oldest first, plans where they are held, and what stops an account; a name keeps to its line.
SELECT name <> '' AS made FROM account.create_account(E'Multi\nline\r\x1b[31m', pg_temp.id('ops'), account_id => pg_temp.id('multi'));
SELECT account.archive_account(pg_temp.id('sales')), account.suspend_account(pg_temp.id('ops'), 'test'), account.create_plan('outline-plan') IS NOT NULL AS plan, account.set_plan(pg_temp.id('emea'), 'outline-plan');
SELECT account.account_tree(pg_temp.id('acme'));
SELECT account.account_tree(pg_temp.id('paris'));
-- A parent may be younger than what hangs below it now.
SELECT account.unarchive_account(pg_temp.id('sales')), account.move_account(pg_temp.id('emea'), pg_temp.id('multi')), account.move_account(pg_temp.id('ops'), pg_temp.id('sales'));
SELECT account.account_tree(pg_temp.id('acme'));

-- SP-01 Operators of the caller's are not used.
CREATE FUNCTION public.never(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN false;
CREATE FUNCTION public.never(uuid, uuid) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN false;
CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.never);
CREATE OPERATOR public.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = public.never);
SET search_path = public, pg_catalog;
SELECT length(account.account_tree(pg_temp.id('acme'))) > 100 AS drawn;
RESET search_path;
DROP OPERATOR public.= (text, text), public.= (uuid, uuid);
DROP FUNCTION public.never(text, text), public.never(uuid, uuid);

SELECT account.revoke_access('regress_outline_tenant');
DROP ROLE regress_outline_tenant;
