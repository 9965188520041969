-- facts_resource: creating an account, and the 17 members of what is returned (S2.1, S2.3 to S2.24, D2, D3).
\set VERBOSITY terse
SET client_min_messages = error;

-- What a statement raises: our code or the SQLSTATE, and the message.
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
	RETURN CASE WHEN state LIKE 'TA%' THEN detail::json ->> 'error' ELSE state END || ': ' || message;
END $$;
-- What an account reads as, as JSON, by its own key.
CREATE FUNCTION pg_temp.reads(key text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM account.authenticate(key);
	RETURN to_jsonb(account.get_account());
END $$;

CREATE ROLE regress_resource_owner;
CREATE ROLE regress_resource_app;
SELECT account.grant_access('regress_resource_owner', 'owner'), account.grant_access('regress_resource_app', 'tenant');
SELECT id AS parent, api_key AS parent_key FROM account.create_account('Parent') \gset

-- S2.1 With the key of an account, the call creates a sub-account; S2.4 from a definition in JSON: a name and branding.
SET ROLE regress_resource_app;
BEGIN;
SELECT account_id = :'parent' AS parent FROM account.authenticate(:'parent_key');
\set definition '''{"name": "Child", "branding": {"suppress_from_reports": true}}'''
SELECT to_jsonb(c) AS made FROM account.create_account(:definition::jsonb ->> 'name', branding => :definition::jsonb -> 'branding') c \gset
COMMIT;
RESET ROLE;
SELECT :'made'::jsonb ->> 'id' AS child, :'made'::jsonb ->> 'api_key' AS child_key \gset

-- S2.5 The new account has exactly these 17 members, with types; an account that is read has the same.
SELECT count(*), string_agg(key, ' ' ORDER BY key COLLATE "C") AS members FROM jsonb_object_keys(:'made'::jsonb) key;
SELECT attname AS member, format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid = 'account.created_account'::regclass ORDER BY attnum;
SELECT count(*), string_agg(key, ' ' ORDER BY key COLLATE "C") AS members FROM jsonb_object_keys(pg_temp.reads(:'child_key')) key;

-- S2.6 api_key authenticates calls of the new account, and of no other.
SELECT valid, error, account_id = :'child' AS child FROM account.verify_api_key(:'child_key');
-- S2.7 Its form: environment, vendor and kind, secret; environment and vendor are settings.
SELECT :'child_key' ~ '^prod_acctsec_[0-9A-Za-z]{49}$' AS default_form;
SET account.key_environment = 'stage';
SET account.key_brand = 'fdy';
SELECT api_key ~ '^stage_fdysec_[0-9A-Za-z]{49}$' AS form_set FROM account.create_account('Stage');
RESET account.key_environment;
RESET account.key_brand;

-- S2.3, S3.15, S3.16, D2 It is shown once. What reads it later shows a preview, enough to tell keys apart and useless as one; nothing stored has it.
SELECT pg_temp.reads(:'child_key') -> 'api_key' AS read_later;
SET ROLE regress_resource_app;
BEGIN;
SELECT account_id = :'child' AS child FROM account.authenticate(:'child_key');
SELECT replace(preview, '…', '...') = left(:'child_key', 17) || '...' || right(:'child_key', 4) AS preview, state, name, system FROM account.api_keys;
SELECT valid, error FROM account.api_keys k, account.verify_api_key(k.preview);
SELECT count(*) AS shows_it FROM account.api_keys k WHERE strpos(k::text, :'child_key') > 0;
-- S3.16, D2 Rotation shows the new one, once, as creation does.
SELECT api_key <> :'child_key' AS new_key, api_key AS new_token FROM account.rotate_api_key(account.current_api_key_id()) \gset
SELECT :'new_key' AS new_key, strpos(k::text, :'new_token') > 0 AS shown_later, state FROM account.api_keys k ORDER BY state;
COMMIT;
RESET ROLE;
SELECT (SELECT count(*) FROM account.keys k WHERE strpos(k::text, :'new_token') > 0) AS in_keys,
	(SELECT count(*) FROM account.credentials c WHERE strpos(c::text, :'new_token') > 0 OR strpos(c::text, encode(convert_to(:'new_token', 'UTF8'), 'hex')) > 0) AS in_credentials;
SELECT :'new_token' AS child_key \gset

-- S2.8 archived_at: NULL, and the account takes writes; else it is still visible and no longer updated, and all below it likewise.
CREATE SCHEMA resource AUTHORIZATION regress_resource_owner;
SET ROLE regress_resource_owner;
CREATE TABLE resource.notes (note text);
SELECT count(*) > 0 AS isolated FROM account.isolate('resource.notes');
GRANT USAGE ON SCHEMA resource TO regress_resource_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON resource.notes TO regress_resource_app;
SET ROLE regress_resource_app;
BEGIN;
SELECT account_id = :'child' AS child FROM account.authenticate(:'child_key');
INSERT INTO resource.notes VALUES ('kept');
SELECT archived_at, account.is_writable() FROM account.get_account();
SELECT account.archive_account(:'child');
COMMIT;
BEGIN;
SELECT account_id = :'child' AS child FROM account.authenticate(:'child_key');
SELECT archived_at IS NOT NULL AS archived, name, account.is_writable() FROM account.get_account();
SELECT note FROM resource.notes;
SELECT statement, pg_temp.attempt(statement) FROM (VALUES ($$INSERT INTO resource.notes VALUES ('late')$$), ($$UPDATE resource.notes SET note = 'late'$$), ('DELETE FROM resource.notes'),
	($$SELECT account.create_account('Late')$$), ($$SELECT account.update_account(account.current_account_id(), '{"name": "Late"}')$$)) s (statement);
SELECT account.unarchive_account(:'child');
COMMIT;
BEGIN;
SELECT account_id = :'child' AS child FROM account.authenticate(:'child_key');
UPDATE resource.notes SET note = 'changed again' RETURNING note;
SELECT archived_at FROM account.get_account();
COMMIT;
RESET ROLE;

-- S2.9 branding is an object; suppress_from_reports is a boolean, false unless given.
SELECT :'made'::jsonb -> 'branding' AS given, (SELECT branding FROM account.create_account('Plain')) AS not_given, (SELECT branding FROM account.create_account('Logo', branding => '{"logo": "x"}')) AS other_members;
SELECT value, pg_temp.attempt(format('SELECT account.create_account(''x'', branding => %L)', value)) FROM (VALUES ('{"suppress_from_reports": "yes"}'), ('{"suppress_from_reports": null}'), ('[true]'), ('true')) v (value);

-- S2.10 commitment is an object of monthly_cost and renewal_date, NULL where nothing was agreed.
SELECT :'made'::jsonb -> 'commitment' AS none;
SELECT account.create_plan('facts resource') IS NOT NULL AS made, account.set_plan(:'child', 'facts resource', 99.50, '2031-02-03 04:05:06Z');
SELECT pg_temp.reads(:'child_key') #> '{commitment,monthly_cost}' AS monthly_cost, (pg_temp.reads(:'child_key') #>> '{commitment,renewal_date}')::timestamptz = '2031-02-03 04:05:06Z' AS renewal_date;
SELECT pg_temp.attempt(format('SELECT account.set_plan(%L, ''facts resource'', -1)', :'child'));

-- S2.12 id is a uuid, S2.18 parent_account_id the parent's if this is a sub-account, S2.19 resource_type the type of the resource.
SELECT (:'made'::jsonb ->> 'id')::uuid IS NOT NULL AS id, :'made'::jsonb ->> 'parent_account_id' = :'parent' AS below_parent, pg_temp.reads(:'parent_key') -> 'parent_account_id' AS of_a_root, :'made'::jsonb -> 'resource_type' AS resource_type;
-- S2.17 name; B2 it has something that is no white space.
SELECT :'made'::jsonb -> 'name' AS name;
SELECT quote_literal(value) AS value, pg_temp.attempt(format('SELECT account.create_account(%L)', value)) FROM (VALUES (NULL), (''), ('   '), (E'\t\n'), (' x '), ('Ünïcode')) v (value) ORDER BY length(value) NULLS FIRST;
-- S2.11 created_at, S2.24 updated_at, S2.14 last_updated_config_at: all the same at first; a change moves the last two,
SELECT m ->> 'created_at' = m ->> 'updated_at' AS updated, m ->> 'created_at' = m ->> 'last_updated_config_at' AS configured, m ->> 'created_at' = m ->> 'status_changed_at' AS status_changed,
	(m ->> 'created_at')::timestamptz BETWEEN now() - interval '1 hour' AND now() AS recent FROM (VALUES (:'made'::jsonb)) v (m);
SELECT updated_at > created_at AS updated, last_updated_config_at > created_at AS configured, status_changed_at = created_at AS status_kept FROM account.update_account(:'child', '{"name": "Renamed"}');
-- S2.13 last_read_input_at and S2.16 last_updated_output_at are NULL before the first reading and build, and shown once recorded.
SELECT :'made'::jsonb -> 'last_read_input_at' AS read_input, :'made'::jsonb -> 'last_updated_output_at' AS updated_output;
-- S2.15 The configuration is more recent than the output, so it is to be built; after a build it is not, after a change it is again; S2.9 holds for changes too.
CREATE FUNCTION pg_temp.to_be_built(child uuid) RETURNS boolean LANGUAGE sql
	RETURN (SELECT last_updated_config_at > COALESCE(last_updated_output_at, '-infinity') FROM account.get_account(child));
SELECT pg_temp.to_be_built(:'child') AS before;
UPDATE account.accounts SET last_read_input_at = clock_timestamp(), last_updated_output_at = clock_timestamp() WHERE account_id = :'child';
SELECT pg_temp.to_be_built(:'child') AS built, last_read_input_at IS NOT NULL AS read_input, last_updated_output_at IS NOT NULL AS updated_output FROM account.get_account(:'child');
SELECT last_updated_config_at > last_updated_output_at AS changed_again, branding FROM account.update_account(:'child', '{"branding": {}}');

-- S2.20 status is one of five, D3 never "pending"; S2.21, S2.22 when it changed, and the message of an error.
SELECT enum_range(NULL::account.status) AS statuses;
SELECT pg_temp.attempt($$SELECT 'pending'::account.status$$);
SELECT :'made'::jsonb -> 'status' AS at_first, :'made'::jsonb -> 'status_error' AS no_error;
UPDATE account.accounts SET status = 'error', status_error = 'no disk', status_changed_at = clock_timestamp() WHERE account_id = :'child';
SELECT status, status_error, status_changed_at > created_at AS changed FROM account.get_account(:'child');

-- S2.23 stripe_customer_id is set by administrators, never by the account itself.
SELECT :'made'::jsonb -> 'stripe_customer_id' AS at_first, stripe_customer_id FROM account.update_account(:'child', '{"stripe_customer_id": "cus_1"}');
SET ROLE regress_resource_app;
BEGIN;
SELECT account_id = :'child' AS child FROM account.authenticate(:'child_key');
SELECT pg_temp.attempt($$SELECT account.update_account(account.current_account_id(), '{"stripe_customer_id": "cus_2"}')$$);
SELECT stripe_customer_id FROM account.get_account();
COMMIT;
RESET ROLE;

DROP SCHEMA resource CASCADE;
SELECT account.revoke_access('regress_resource_owner'), account.revoke_access('regress_resource_app');
DROP ROLE regress_resource_owner, regress_resource_app;
