-- move: an account with all below it, to another place.
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
CREATE FUNCTION pg_temp.id(name text) RETURNS uuid LANGUAGE sql RETURN md5('move ' || name)::uuid;

CREATE ROLE regress_move_tenant;
SELECT account.grant_access('regress_move_tenant', 'tenant');
-- Acme > Sales > Emea > Paris, and Ops > Multi beside Sales. Globex is another tenant.
SELECT name FROM account.create_account('Acme', account_id => pg_temp.id('acme'));
SELECT api_key AS sales_key FROM account.create_account('Sales', pg_temp.id('acme'), account_id => pg_temp.id('sales'), external_id => 's') \gset
SELECT api_key AS globex_key FROM account.create_account('Globex', account_id => pg_temp.id('globex')) \gset
SELECT name FROM account.create_account('Ops', pg_temp.id('acme'), account_id => pg_temp.id('ops'));
SELECT name FROM account.create_account('Multi', pg_temp.id('ops'), account_id => pg_temp.id('multi'));
SELECT name FROM account.create_account('Emea', pg_temp.id('sales'), account_id => pg_temp.id('emea'));
SELECT name FROM account.create_account('Paris', pg_temp.id('emea'), account_id => pg_temp.id('paris'));
SELECT account.create_plan('move-plan') IS NOT NULL AS made;

-- Moving is an administrator's: a tenant cannot leave its parent (PRIV-10), nor make a root (TREE-13).
SET ROLE regress_move_tenant;
SELECT pg_temp.attempt($$SELECT account.move_account(pg_temp.id('sales'), NULL)$$);
RESET ROLE;
BEGIN;
SELECT account_id = pg_temp.id('sales') AS sales FROM account.authenticate(:'sales_key');
SELECT pg_temp.attempt($$SELECT account.move_account(pg_temp.id('sales'), NULL)$$), pg_temp.attempt($$SELECT account.move_account(pg_temp.id('sales'), pg_temp.id('globex'))$$);
COMMIT;

-- What cannot be moved, or moved to.
SELECT call, pg_temp.attempt('SELECT account.' || call) FROM (VALUES ('move_account(NULL, NULL)'), ($$move_account(NULL, pg_temp.id('acme'))$$), ($$move_account(pg_temp.id('nobody'), NULL)$$),
	($$move_account(pg_temp.id('acme'), pg_temp.id('nobody'))$$), ($$move_account(pg_temp.id('nobody'), pg_temp.id('nobody'))$$)) v (call);
-- TREE-02 Never below itself.
SELECT pg_temp.attempt($$SELECT account.move_account(pg_temp.id('sales'), pg_temp.id('sales'))$$), pg_temp.attempt($$SELECT account.move_account(pg_temp.id('sales'), pg_temp.id('paris'))$$), pg_temp.attempt($$SELECT account.move_account(pg_temp.id('acme'), pg_temp.id('paris'))$$);

-- What a move leaves behind is right, always: no rows.
CREATE VIEW broken AS
	SELECT a.name FROM account.accounts a LEFT JOIN account.accounts p ON p.account_id = a.parent_account_id
	WHERE a.path IS DISTINCT FROM COALESCE(p.path, '{}') || a.account_id
		OR a.billed_account_id IS DISTINCT FROM CASE WHEN EXISTS (SELECT FROM account.subscriptions s WHERE s.account_id = a.account_id) THEN a.account_id ELSE COALESCE(p.billed_account_id, a.account_id) END;
CREATE VIEW billing AS
	SELECT repeat('  ', cardinality(a.path) - 1) || a.name AS name, b.name AS billed_to FROM account.accounts a JOIN account.accounts b ON b.account_id = a.billed_account_id
	WHERE a.path[1] IN (md5('move acme')::uuid, md5('move globex')::uuid, md5('move emea')::uuid, md5('move sales')::uuid)
	ORDER BY (SELECT array_agg(x.name::text COLLATE "C" ORDER BY n) FROM unnest(a.path) WITH ORDINALITY u (id, n) JOIN account.accounts x ON x.account_id = u.id);
TABLE broken;
-- Into another tree: all below comes along, and is billed there.
SELECT account.move_account(pg_temp.id('sales'), pg_temp.id('globex'));
TABLE billing;
-- Out as a root, billed to itself;
SELECT account.move_account(pg_temp.id('emea'), NULL);
TABLE billing;
-- a root that holds a plan keeps it, and what is billed to it, under its new parent;
SELECT account.set_plan(pg_temp.id('emea'), 'move-plan'), account.set_plan(pg_temp.id('acme'), 'move-plan');
SELECT account.move_account(pg_temp.id('emea'), pg_temp.id('acme'));
TABLE billing;
-- within a tree; to where it is already; and back home.
SELECT account.move_account(pg_temp.id('emea'), pg_temp.id('ops')), account.move_account(pg_temp.id('emea'), pg_temp.id('ops')), account.set_plan(pg_temp.id('emea'), NULL);
SELECT account.move_account(pg_temp.id('sales'), NULL), account.move_account(pg_temp.id('sales'), NULL);
SELECT account.move_account(pg_temp.id('sales'), pg_temp.id('acme')), account.move_account(pg_temp.id('emea'), pg_temp.id('sales'));
TABLE billing;
TABLE broken;
-- It is reached from where it is, at once.
SET ROLE regress_move_tenant;
BEGIN;
SELECT account_id = pg_temp.id('globex') AS globex FROM account.authenticate(:'globex_key');
SELECT pg_temp.attempt($$SELECT account.get_account(pg_temp.id('sales'))$$);
COMMIT;
RESET ROLE;
-- Not where a sibling has its external_id, and not deeper than account.max_depth.
SELECT name FROM account.create_account('S', pg_temp.id('globex'), external_id => 's', account_id => pg_temp.id('s'));
SELECT pg_temp.attempt($$SELECT account.move_account(pg_temp.id('sales'), pg_temp.id('globex'))$$), pg_temp.attempt($$SELECT account.move_account(pg_temp.id('s'), pg_temp.id('acme'))$$);
SET account.max_depth = 4;
SELECT pg_temp.attempt($$SELECT account.move_account(pg_temp.id('sales'), pg_temp.id('ops'))$$), pg_temp.attempt($$SELECT account.move_account(pg_temp.id('emea'), pg_temp.id('ops'))$$);
RESET account.max_depth;
TABLE broken;

-- SP-01 Operators of the caller's are not used.
CREATE FUNCTION public.never(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN false;
CREATE FUNCTION public.never(uuid, uuid) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN false;
CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.never);
CREATE OPERATOR public.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = public.never);
SET search_path = public, pg_catalog;
SELECT account.move_account(pg_temp.id('emea'), pg_temp.id('ops'));
RESET search_path;
DROP OPERATOR public.= (text, text), public.= (uuid, uuid);
DROP FUNCTION public.never(text, text), public.never(uuid, uuid);
TABLE billing;
TABLE broken;

DROP VIEW broken, billing;
SELECT account.revoke_access('regress_move_tenant');
DROP ROLE regress_move_tenant;
