-- directory: finding, reading and changing accounts.
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
CREATE FUNCTION pg_temp.id(name text) RETURNS uuid LANGUAGE sql RETURN md5('directory ' || name)::uuid;
CREATE FUNCTION pg_temp.name(id uuid) RETURNS text LANGUAGE sql SECURITY DEFINER
	BEGIN ATOMIC SELECT name FROM account.accounts WHERE account_id = id; END;

CREATE ROLE regress_directory_tenant;
SELECT account.grant_access('regress_directory_tenant', 'tenant');

-- S1.11 Accounts have sub-accounts: Acme > Sales > Emea > Paris, and Ops beside Sales. Globex is another tenant.
SELECT api_key AS acme_key FROM account.create_account('Acme', account_id => pg_temp.id('acme'), external_id => 'directory-acme') \gset
SELECT api_key AS sales_key FROM account.create_account('Sales', pg_temp.id('acme'), account_id => pg_temp.id('sales'), external_id => 's', labels => '{"tier": "gold"}') \gset
SELECT api_key AS globex_key FROM account.create_account('Globex', account_id => pg_temp.id('globex'), external_id => 'directory-globex') \gset
SELECT name FROM account.create_account('Ops', pg_temp.id('acme'), account_id => pg_temp.id('ops'), external_id => 'o');
SELECT name FROM account.create_account('Emea', pg_temp.id('sales'), account_id => pg_temp.id('emea'), external_id => 'e');
SELECT name FROM account.create_account('Paris', pg_temp.id('emea'), account_id => pg_temp.id('paris'));

-- S2.5 The 17 members, with their types (S2.8 to S2.24). resource_type S2.19, status S2.20, api_key only at creation (D2).
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
	WHERE attrelid = 'account.account_resource'::regclass ORDER BY attnum;
SELECT count(*) AS differences FROM pg_attribute a FULL JOIN pg_attribute b
	ON (a.attnum, a.attname, a.atttypid) = (b.attnum, b.attname, b.atttypid) AND b.attrelid = 'account.created_account'::regclass
	WHERE a.attrelid = 'account.account_resource'::regclass AND b.attnum IS NULL;
SELECT api_key, archived_at, branding, commitment, created_at = now() AS now, id = pg_temp.id('sales') AS id, name,
	parent_account_id = pg_temp.id('acme') AS parent, resource_type, status, status_error FROM account.get_account(pg_temp.id('sales'));

-- S1.25 A caller looks up its own account, and one below it (B4);
SET ROLE regress_directory_tenant;
BEGIN;
SELECT account_id = pg_temp.id('sales') AS sales FROM account.authenticate(:'sales_key');
SELECT name FROM account.get_account();
SELECT name FROM account.get_account(pg_temp.id('paris'));
-- LEAK-21, D7 not one above, beside, of another tenant or of nobody, and cannot tell them apart.
SELECT name, pg_temp.attempt(format('SELECT account.get_account(pg_temp.id(%L))', name)) FROM (VALUES ('acme'), ('ops'), ('globex'), ('nobody')) v (name);
-- What is below is listed, with ids, labels and ages; the account itself is not.
SELECT pg_temp.name(account_id), pg_temp.name(parent_account_id) AS parent, depth, name, status, created_at IS NOT NULL AS created, external_id, labels
	FROM account.account_descendants(pg_temp.id('sales'));
SELECT name, depth FROM account.account_descendants(pg_temp.id('sales'), 1);
-- Of what is above the caller it learns ids alone; from its own account down, all.
SELECT pg_temp.name(account_id) AS id_of, depth, name, created_at IS NOT NULL AS created, external_id, labels FROM account.account_ancestors(pg_temp.id('paris'));
SELECT pg_temp.name(account_id) AS id_of, depth, name, external_id FROM account.account_ancestors(pg_temp.id('sales'));
SELECT name, pg_temp.attempt(format('SELECT account.account_ancestors(pg_temp.id(%L))', name)), pg_temp.attempt(format('SELECT account.account_descendants(pg_temp.id(%L))', name)) FROM (VALUES ('acme'), ('ops'), ('nobody')) v (name);
COMMIT;
SELECT pg_temp.attempt('SELECT account.get_account()'), pg_temp.attempt($$SELECT account.update_account(pg_temp.id('sales'), '{}')$$);
RESET ROLE;
-- An administrator names the account, and sees everything above it.
SELECT depth, name, external_id, labels FROM account.account_ancestors(pg_temp.id('paris'));
SELECT call, pg_temp.attempt('SELECT account.' || call) FROM (VALUES ('get_account()'), ('account_ancestors(NULL)'), ('account_descendants(NULL)'),
	($$account_descendants(pg_temp.id('acme'), 0)$$), ($$account_descendants(pg_temp.id('acme'), -2147483648)$$), ($$account_descendants(pg_temp.id('acme'), 2147483647)$$),
	('update_account(NULL, NULL)'), ($$update_account(pg_temp.id('nobody'), '{}')$$)) v (call);

-- S1.24, S1.26 The caller changes the name, of its own account and of one below (D6).
SET ROLE regress_directory_tenant;
BEGIN;
SELECT account_id = pg_temp.id('sales') AS sales FROM account.authenticate(:'sales_key');
SELECT name, branding, api_key FROM account.update_account(pg_temp.id('sales'), '{"name": "Sales & Co", "branding": {"suppress_from_reports": true, "logo": "x.png"}}');
SELECT name, last_updated_config_at = now() AS configured, updated_at = now() AS updated FROM account.update_account(pg_temp.id('paris'), '{"name": "Par\u00eds", "description": "Rive gauche", "domain": "Paris.example.com",
	"billing_email": "bills@example.com", "external_id": "p", "labels": {"a": "b"}, "webhook_url": "https://hooks.example.com:8443/in?x=1"}');
SELECT pg_temp.attempt($$SELECT account.update_account(pg_temp.id('acme'), '{"name": "Mine"}')$$), pg_temp.attempt($$SELECT account.update_account(pg_temp.id('ops'), '{"name": "Mine"}')$$);
-- PRIV-05 What it may not set is refused by name, each; nothing is changed.
SELECT pg_temp.attempt($$SELECT account.update_account(pg_temp.id('sales'), '{"name": "x", "name": "y", "plan": "enterprise", "parent_account_id": null, "Name": "z",
	"status": "ready", "id": 1, "path": [], "branding": {"suppress_from_reports": "no"}, "stripe_customer_id": "cus_1", "created_at": null, "": {}}')$$);
SELECT name FROM account.get_account();
COMMIT;
-- S2.23 The payment provider's id is an administrator's to set.
RESET ROLE;
SELECT stripe_customer_id FROM account.update_account(pg_temp.id('sales'), '{"stripe_customer_id": "cus_1"}');
-- null clears what may be empty; what is not named stays.
SELECT description, domain, billing_email, external_id, labels, webhook_url FROM account.accounts WHERE account_id = pg_temp.id('paris');
SELECT name FROM account.update_account(pg_temp.id('paris'), '{"description": null, "domain": null, "billing_email": null, "external_id": null, "webhook_url": null, "stripe_customer_id": null}');
SELECT description, domain, billing_email, external_id, labels, webhook_url FROM account.accounts WHERE account_id = pg_temp.id('paris');
-- S2.9 suppress_from_reports is false unless given.
SELECT branding FROM account.update_account(pg_temp.id('sales'), '{"branding": {"logo": "y.png"}}');
-- No change changes nothing.
SELECT updated_at < clock_timestamp() - interval '0' AND updated_at <> now() AS untouched FROM account.update_account(pg_temp.id('emea'), '{}');

-- B2 and the forms of the other members.
SELECT changes, pg_temp.attempt(format('SELECT account.update_account(pg_temp.id(''emea''), %L)', changes)) FROM (VALUES
	('{"name": ""}'), ('{"name": " \t\n\u2003"}'), ('{"name": null}'), ('{"name": 7}'), ('{"name": ["x"]}'), ('{"branding": []}'), ('{"branding": null}'), ('{"branding": {"suppress_from_reports": 1}}'),
	('{"labels": {"a": 1}}'), ('{"labels": "x"}'), ('{"labels": {"": "x"}}'), ('{"labels": null}'), ('{"billing_email": "a@b@c"}'), ('{"billing_email": "@"}'), ('{"external_id": ""}'), ('{"stripe_customer_id": ""}'),
	('{"domain": ""}'), ('{"domain": "com"}'), ('{"domain": "-a.com"}'), ('{"domain": "a-.com"}'), ('{"domain": "a..com"}'), ('{"domain": ".a.com"}'), ('{"domain": "a.com."}'), ('{"domain": "10.0.0.1"}'), ('{"domain": "a b.com"}'), ('{"domain": "b\u00fccher.de"}'),
	('{"domain": "xn--bcher-kva.de"}'), ('{"domain": "1.2.3a"}'),
	('{"webhook_url": "http://a.com/"}'), ('{"webhook_url": "https://"}'), ('{"webhook_url": "https:///x"}'), ('{"webhook_url": "https://u:p@a.com"}'), ('{"webhook_url": "https://a.com@b.com"}'), ('{"webhook_url": "https://a.com:0"}'), ('{"webhook_url": "https://a.com:65536"}'),
	('{"webhook_url": "https://a.com:"}'), ('{"webhook_url": "https://127.0.0.1/"}'), ('{"webhook_url": "https://[::1]/"}'), ('{"webhook_url": "https://localhost/"}'), ('{"webhook_url": "https://a.com\\@b.com"}'), ('{"webhook_url": "https://a.com/ x"}'),
	('{"webhook_url": "https://a.com/\r\nX: y"}'), ('{"webhook_url": "javascript:alert(1)"}'), ('{"webhook_url": "https://a.com:65535?q@x"}'),
	('null'), ('[]'), ('"name"'), ('{}')) v (changes);
-- Sizes: the longest that fit, and one more.
SELECT key, pg_temp.attempt(format('SELECT account.update_account(pg_temp.id(''emea''), %L)', jsonb_build_object(key, longest))) AS longest,
	pg_temp.attempt(format('SELECT account.update_account(pg_temp.id(''emea''), %L)', jsonb_build_object(key, longest || 'x'))) AS one_more
	FROM (VALUES ('name', repeat('é', 255)), ('description', repeat('é', 10000)), ('external_id', repeat('é', 255)), ('webhook_url', 'https://a.com/' || repeat('x', 2034)),
	('billing_email', repeat('x', 248) || '@a.com'), ('domain', repeat('a.', 125) || 'com')) v (key, longest);
SELECT pg_temp.attempt(format('SELECT account.update_account(pg_temp.id(''emea''), %L)', (SELECT jsonb_object_agg('k' || i, 1) FROM generate_series(1, 101) i))) AS too_many,
	length(pg_temp.attempt(format('SELECT account.update_account(pg_temp.id(''emea''), %L)', jsonb_build_object(repeat('é', 100000), 1)))) AS a_long_key_is_cut,
	pg_temp.attempt(format('SELECT account.update_account(pg_temp.id(''emea''), %L)', jsonb_build_object('branding', jsonb_build_object('x', repeat('y', 66000))))) AS too_large;
SELECT name FROM account.update_account(pg_temp.id('emea'), '{"name": "Emea", "description": null, "external_id": "e", "webhook_url": null, "billing_email": null, "domain": null}');

-- external_id is unique among siblings: not elsewhere, and who has it is not said.
SELECT pg_temp.attempt($$SELECT account.update_account(pg_temp.id('ops'), '{"external_id": "s"}')$$), pg_temp.attempt($$SELECT account.update_account(pg_temp.id('ops'), '{"external_id": "S"}')$$), pg_temp.attempt($$SELECT account.update_account(pg_temp.id('ops'), '{"external_id": "p"}')$$);

-- S2.8 What is archived is visible and takes no changes, whoever above it is archived; an administrator may still put it right.
SELECT account.archive_account(pg_temp.id('sales'));
SET ROLE regress_directory_tenant;
BEGIN;
SELECT account_id = pg_temp.id('sales') AS sales FROM account.authenticate(:'sales_key');
SELECT name, archived_at IS NOT NULL AS archived FROM account.get_account();
SELECT name, archived_at IS NOT NULL AS archived FROM account.get_account(pg_temp.id('paris'));
SELECT pg_temp.attempt($$SELECT account.update_account(pg_temp.id('sales'), '{"name": "x"}')$$), pg_temp.attempt($$SELECT account.update_account(pg_temp.id('paris'), '{"name": "x"}')$$);
COMMIT;
RESET ROLE;
SELECT name FROM account.update_account(pg_temp.id('sales'), '{"name": "Sales"}');

-- SP-01 Operators of the caller's are not used.
CREATE FUNCTION public.never(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN false;
CREATE FUNCTION public.never(uuid, uuid) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN false;
CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.never);
CREATE OPERATOR public.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = public.never);
SET search_path = public, pg_catalog;
SELECT name FROM account.get_account(pg_temp.id('acme'));
SELECT name FROM account.update_account(pg_temp.id('acme'), '{"name": "Acme"}');
SELECT count(*) FROM account.account_descendants(pg_temp.id('acme'));
RESET search_path;
DROP OPERATOR public.= (text, text), public.= (uuid, uuid);
DROP FUNCTION public.never(text, text), public.never(uuid, uuid);

SELECT account.revoke_access('regress_directory_tenant');
DROP ROLE regress_directory_tenant;
