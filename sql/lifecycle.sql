-- lifecycle: making accounts, and holding them.
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
CREATE FUNCTION pg_temp.id(name text) RETURNS uuid LANGUAGE sql RETURN md5('lifecycle ' || name)::uuid;
-- Whether a key is good, as anyone may ask.
CREATE FUNCTION pg_temp.good(key text) RETURNS text LANGUAGE sql RETURN (SELECT COALESCE(v.error, 'good') FROM account.verify_api_key(key) v);

CREATE ROLE regress_lifecycle_tenant;
SELECT account.grant_access('regress_lifecycle_tenant', 'tenant');

-- TREE-13 An administrator makes a root; it is billed to itself. S2.7 The key's form.
SELECT api_key AS acme_key, name, parent_account_id IS NULL AS root
	FROM account.create_account('Acme', account_id => pg_temp.id('acme'), external_id => 'lifecycle-acme') \gset
SELECT :'name' AS name, :'root' AS root, :'acme_key' ~ '^prod_acctsec_[0-9A-Za-z]{49}$' AS form;
SELECT path = ARRAY[account_id] AS path, billed_account_id = account_id AS billed FROM account.accounts WHERE account_id = pg_temp.id('acme');
SELECT api_key AS globex_key FROM account.create_account('Globex', account_id => pg_temp.id('globex')) \gset

-- S1.14 Authenticated as the parent, S1.15, S2.1 the call makes the sub-account, S1.16, S2.6 and returns its key.
SET ROLE regress_lifecycle_tenant;
BEGIN;
SELECT account_id = pg_temp.id('acme') AS acme FROM account.authenticate(:'acme_key');
-- S2.4, S2.44 With the definition of the documents: a name, and branding. S1.12 S2.9
SELECT api_key AS sales_key, id AS sales, parent_account_id = pg_temp.id('acme') AS parent, branding, resource_type, status, archived_at IS NULL AS live
	FROM account.create_account('Sales', branding => '{"suppress_from_reports": true}') \gset made_
SELECT :'made_sales_key' <> :'acme_key' AS a_key_of_its_own, :'made_parent' AS parent, :'made_branding' AS branding, :'made_resource_type' AS resource_type, :'made_status' AS status, :'made_live' AS live;
-- D2 It is shown this once.
SELECT api_key FROM account.get_account(:'made_sales');
-- Everything else that can be given, and below a descendant.
SELECT name, branding, created_at = now() AS created, updated_at = now() AS updated, status_changed_at = now() AS changed, last_read_input_at, last_updated_config_at = now() AS configured, last_updated_output_at, stripe_customer_id, status_error, commitment
	FROM account.create_account('Emea', :'made_sales', '{}', 'Europe, Middle East, Africa', 'emea.example.com', 'emea@example.com', 'e', '{"region": "eu"}');
COMMIT;
RESET ROLE;
SELECT description, domain, billing_email, external_id, labels FROM account.accounts WHERE parent_account_id = :'made_sales';
-- S1.17, S1.23 Its own key opens the sub-account, and its own alone; it is owner there.
SET ROLE regress_lifecycle_tenant;
BEGIN;
SELECT account_id = :'made_sales' AS sales, permissions, cardinality(workspace_ids) AS workspaces, expires_at FROM account.authenticate(:'made_sales_key');
SELECT name FROM account.get_account();
SELECT name, external_id, labels FROM account.account_descendants(account.current_account_id());
-- TREE-13, D7 It makes no root, nothing above or beside itself, nothing for another tenant, and chooses no id.
SELECT parent, pg_temp.attempt(format('SELECT account.create_account(''Mine'', pg_temp.id(%L))', parent)) FROM (VALUES ('acme'), ('globex'), ('nobody')) v (parent);
SELECT pg_temp.attempt($$SELECT account.create_account('Mine', account_id => pg_temp.id('mine'))$$);
COMMIT;
SELECT pg_temp.attempt($$SELECT account.create_account('Mine')$$), pg_temp.attempt($$SELECT account.archive_account(pg_temp.id('acme'))$$);
-- A key that may only read makes and holds nothing.
BEGIN;
SELECT account_id = pg_temp.id('acme') AS acme FROM account.authenticate(:'acme_key');
SELECT api_key AS reader_key FROM account.create_api_key(account.current_profile_id(), 'reader', '{read:accounts}') \gset
COMMIT;
BEGIN;
SELECT permissions FROM account.authenticate(:'reader_key');
SELECT call, pg_temp.attempt('SELECT account.' || call) FROM (VALUES ($$create_account('Mine')$$), ($$archive_account(pg_temp.id('acme'))$$), ($$unarchive_account(pg_temp.id('acme'))$$),
	($$suspend_account(pg_temp.id('acme'), 'x')$$), ($$resume_account(pg_temp.id('acme'))$$), ($$update_account(pg_temp.id('acme'), '{}')$$), ('get_account()')) v (call);
COMMIT;
RESET ROLE;

-- What cannot be made: everything that is wrong is named at once.
SELECT pg_temp.attempt($$SELECT account.create_account(NULL, NULL, NULL, repeat('x', 10001), 'x', '@', '', NULL, '00000000-0000-0000-0000-000000000000')$$);
SELECT given, pg_temp.attempt(format('SELECT account.create_account(%s)', given)) FROM (VALUES
	($$''$$), ($$' '$$), ($$E'\t\n'$$), ($$repeat('x', 256)$$), ($$repeat('x', 100000000)$$), ($$'a', pg_temp.id('nobody')$$),
	($$'a', branding => '[]'$$), ($$'a', branding => 'null'$$), ($$'a', branding => '{"suppress_from_reports": null}'$$), ($$'a', branding => jsonb_build_object('x', repeat('y', 66000))$$),
	($$'a', labels => '{"a": {}}'$$), ($$'a', labels => '"x"'$$), ($$'a', external_id => repeat('x', 256)$$), ($$'a', billing_email => 'a b@c'$$),
	($$'a', account_id => 'ffffffff-ffff-ffff-ffff-ffffffffffff'$$), ($$'a', account_id => '00000000-0000-0000-0000-000000000000'$$)) v (given);
-- S2.41 What is invalid is named with a path, a message, a type and a suggestion, in order; S2.26 with an id, another each time.
CREATE FUNCTION pg_temp.detail(statement text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	EXECUTE statement;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN detail;
END $$;
SELECT d -> 'error' AS error, (d ->> 'id')::uuid <> (pg_temp.detail($$SELECT account.create_account('')$$) ->> 'id')::uuid AS unique_id, d -> 'validationErrors' AS entries FROM pg_temp.detail($$SELECT account.create_account('')$$) d;

-- TREE-12 external_id is unique among siblings, roots among roots; who has it is named. KEY-39 An id is never used again.
SELECT replace(pg_temp.attempt(format('SELECT account.create_account(''Emea again'', %L, external_id => ''e'')', :'made_sales')), account_id::text, '(its id)') FROM account.account_descendants(:'made_sales');
SELECT pg_temp.attempt($$SELECT account.create_account('Acme again', external_id => 'lifecycle-acme')$$) = 'CONFLICT: account ' || pg_temp.id('acme') || ' has this external_id already' AS conflict;
SELECT pg_temp.attempt($$SELECT account.create_account('Elsewhere', pg_temp.id('globex'), external_id => 'e')$$), pg_temp.attempt($$SELECT account.create_account('Case', pg_temp.id('globex'), external_id => 'E')$$);
SELECT pg_temp.attempt($$SELECT account.create_account('Acme again', account_id => pg_temp.id('acme'))$$), pg_temp.attempt($$SELECT account.create_account('Acme again', pg_temp.id('globex'), account_id => pg_temp.id('acme'))$$);

-- Not deeper than account.max_depth.
SET account.max_depth = 2;
SELECT pg_temp.attempt(format('SELECT account.create_account(''Deep'', %L)', :'made_sales')), pg_temp.attempt($$SELECT account.create_account('Two', pg_temp.id('globex'))$$);
RESET account.max_depth;

-- What is made and rolled back is gone with its key.
BEGIN;
SELECT api_key AS gone_key FROM account.create_account('Gone', account_id => pg_temp.id('gone')) \gset
SELECT pg_temp.good(:'gone_key');
ROLLBACK;
SELECT pg_temp.good(:'gone_key');

-- S2.8 Archived: visible, its keys work, nothing can be made in it or below; twice is no error.
SET ROLE regress_lifecycle_tenant;
BEGIN;
SELECT account_id = :'made_sales' AS sales FROM account.authenticate(:'made_sales_key');
SELECT account.archive_account(:'made_sales'), account.archive_account(:'made_sales');
SELECT name, archived_at = now() AS archived_now FROM account.get_account();
SELECT pg_temp.attempt($$SELECT account.create_account('Late')$$), pg_temp.attempt(format('SELECT account.create_account(''Late'', %L)', d.account_id)) FROM account.account_descendants(:'made_sales') d;
COMMIT;
RESET ROLE;
SELECT count(*) AS holds, count(reason) AS reasons, bool_and(set_by = :'made_sales') AS set_by_itself, bool_and(created_by IS NOT NULL) AS by_a_profile FROM account.holds WHERE subject_id = :'made_sales';
SELECT pg_temp.attempt(format('SELECT account.create_account(''Late'', %L)', :'made_sales')) AS by_an_administrator;
SELECT pg_temp.good(:'made_sales_key');
-- What it has done it can undo; undoing nothing is no error.
SET ROLE regress_lifecycle_tenant;
BEGIN;
SELECT account_id = :'made_sales' AS sales FROM account.authenticate(:'made_sales_key');
SELECT account.unarchive_account(:'made_sales'), account.unarchive_account(:'made_sales');
SELECT archived_at FROM account.get_account();
COMMIT;

-- D6 A parent archives and suspends what is below it, at once, with all below that;
BEGIN;
SELECT account_id = pg_temp.id('acme') AS acme FROM account.authenticate(:'acme_key');
SELECT account.archive_account(:'made_sales'), account.suspend_account(:'made_sales', 'not paid'), account.suspend_account(:'made_sales', 'still not paid');
-- not itself, not another's.
SELECT pg_temp.attempt($$SELECT account.suspend_account(pg_temp.id('acme'), 'x')$$), pg_temp.attempt($$SELECT account.resume_account(pg_temp.id('acme'))$$);
SELECT call, pg_temp.attempt(format('SELECT account.%s', call)) FROM (VALUES ($$archive_account(pg_temp.id('globex'))$$), ($$unarchive_account(pg_temp.id('globex'))$$), ($$suspend_account(pg_temp.id('globex'), 'x')$$), ($$resume_account(pg_temp.id('globex'))$$),
	($$archive_account(pg_temp.id('nobody'))$$), ('archive_account(NULL)'), ('unarchive_account(NULL)'), ('suspend_account(NULL, NULL)'), ('resume_account(NULL)')) v (call);
SELECT reason, pg_temp.attempt(format('SELECT account.suspend_account(%L, %s)', :'made_sales', reason)) FROM (VALUES ('NULL'), ($$''$$), ($$repeat('x', 1001)$$)) v (reason);
COMMIT;
SELECT pg_temp.good(:'made_sales_key'), pg_temp.good(:'acme_key');
RESET ROLE;
SELECT kind, reason, set_by = pg_temp.id('acme') AS by_acme FROM account.holds WHERE subject_id = :'made_sales' ORDER BY kind;
SELECT pg_temp.attempt(format('SELECT account.create_account(''Late'', %L)', :'made_sales')) AS below_a_suspended_one;

-- DES-14 The child cannot lift what its parent has ordered; nothing is said of who the parent is.
SET ROLE regress_lifecycle_tenant;
BEGIN;
SELECT account_id = pg_temp.id('acme') AS acme FROM account.authenticate(:'acme_key');
SELECT account.resume_account(:'made_sales'), account.resume_account(:'made_sales');
COMMIT;
BEGIN;
SELECT account_id = :'made_sales' AS sales FROM account.authenticate(:'made_sales_key');
SELECT pg_temp.attempt(format('SELECT account.unarchive_account(%L)', :'made_sales')), pg_temp.attempt(format('SELECT account.archive_account(%L)', :'made_sales')), pg_temp.attempt(format('SELECT account.unarchive_account(%L)', :'made_sales'));
SELECT archived_at IS NOT NULL AS archived FROM account.get_account();
COMMIT;
RESET ROLE;
-- Nor the parent what an administrator has ordered; nor does either lift the other's with its own.
SELECT account.suspend_account(:'made_sales', 'abuse'), account.archive_account(pg_temp.id('acme'));
SET ROLE regress_lifecycle_tenant;
BEGIN;
SELECT account_id = pg_temp.id('acme') AS acme FROM account.authenticate(:'acme_key');
SELECT account.suspend_account(:'made_sales', 'mine');
SELECT pg_temp.attempt(format('SELECT account.resume_account(%L)', :'made_sales')), pg_temp.attempt($$SELECT account.unarchive_account(pg_temp.id('acme'))$$);
SELECT account.unarchive_account(:'made_sales') AS its_own_order;
COMMIT;
RESET ROLE;
SELECT count(*) AS holds FROM account.holds WHERE subject_id = :'made_sales' AND kind = 's';
-- archived_at is the earliest on the path: the root's here. An administrator lifts everything.
SELECT archived_at = (SELECT created_at FROM account.holds WHERE subject_id = pg_temp.id('acme') AND kind = 'a') AS from_above FROM account.get_account(:'made_sales');
SELECT account.resume_account(:'made_sales'), account.unarchive_account(pg_temp.id('acme'));
SELECT count(*) AS holds FROM account.holds WHERE subject_id IN (:'made_sales', pg_temp.id('acme'));
SELECT pg_temp.good(:'made_sales_key');
-- DES-02 An administrator's role that has authenticated is no administrator: it cannot reach beyond the account.
BEGIN;
SELECT account_id = pg_temp.id('globex') AS globex FROM account.authenticate(:'globex_key');
SELECT pg_temp.attempt(format('SELECT account.suspend_account(%L, ''x'')', :'made_sales')), pg_temp.attempt($$SELECT account.create_account('Root', account_id => pg_temp.id('root'))$$);
SELECT account.deauthenticate();
SELECT pg_temp.attempt(format('SELECT account.suspend_account(%L, ''x'')', :'made_sales')), pg_temp.attempt($$SELECT account.create_account('Root')$$);
COMMIT;

-- The invariants of the tree: no rows.
SELECT a.name FROM account.accounts a LEFT JOIN account.accounts p ON p.account_id = a.parent_account_id
	WHERE a.path IS DISTINCT FROM COALESCE(p.path, '{}') || a.account_id
		OR a.billed_account_id IS DISTINCT FROM CASE WHEN EXISTS (SELECT FROM account.subscriptions s WHERE s.account_id = a.account_id) THEN a.account_id ELSE COALESCE(p.billed_account_id, a.account_id) END;

SELECT account.revoke_access('regress_lifecycle_tenant');
DROP ROLE regress_lifecycle_tenant;
