-- deletion_http: asking for the deletion of an account, and taking it back, over HTTP (see document.sql and api.sql).
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgcrypto;
\getenv inputs PG_ABS_SRCDIR
\set ECHO none
\i :inputs/test/lib/request.sql
\set ECHO all
-- A request as nginx makes it of one for a path of the documents.
CREATE FUNCTION v1(name text, headers json, uri text, given json DEFAULT NULL, OUT status text, OUT body jsonb)
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM ask('POST', '/rpc/v1_' || name, (headers::jsonb || jsonb_build_object('x-original-uri', uri))::text), set_config('response.status', '', true);
	PERFORM account_api.pre_request();
	EXECUTE format('SELECT account_api.v1_%s($1)', name) INTO body USING given;
	status := COALESCE(NULLIF(current_setting('response.status', true), ''), '200');
END $$;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('Acme') \gset
SELECT id AS child, api_key AS child_key FROM account.create_account('Child', :'acme') \gset
SELECT id AS globex FROM account.create_account('Globex') \gset
SELECT json_build_object('x-api-key', :'acme_key') AS acme, json_build_object('x-api-key', :'child_key') AS child_headers \gset head_
\c - regress_authenticator
\set VERBOSITY terse
-- B3 202, with the account's document: it is archived until it is purged.
SELECT status, body ->> 'name' AS name, body ->> 'archived_at' IS NOT NULL AS archived, (SELECT count(*) FROM jsonb_object_keys(body)) AS members FROM v1('delete_account', :'head_acme', '/v1/accounts/' || :'child');
SELECT status, body ->> 'name' AS name, body ->> 'archived_at' IS NOT NULL AS archived FROM v1('get_account', :'head_child_headers', '/v1/accounts/' || :'child');
-- Twice is no error; a grace that is too short, or none, is one.
SELECT status FROM v1('delete_account', :'head_acme', '/v1/accounts/' || :'child' || '?grace=3%20days');
SELECT status, body ->> 'error' AS error, body #>> '{validationErrors,0,path}' AS path FROM v1('delete_account', :'head_acme', '/v1/accounts/' || :'child' || '?grace=1%20hour');
SELECT status, body ->> 'error' AS error FROM v1('delete_account', :'head_acme', '/v1/accounts/' || :'child' || '?grace=soon');
SELECT status, body ->> 'error' AS error FROM v1('delete_account', :'head_acme', '/v1/accounts/' || :'child' || '?other=1');
-- Who is it for: what is not below reads as what is not there; without a credential.
SELECT status, body ->> 'error' AS error FROM v1('delete_account', :'head_acme', '/v1/accounts/' || :'globex');
SELECT status, body ->> 'error' AS error FROM v1('cancel_deletion', :'head_acme', format('/v1/accounts/%s/cancel_deletion', :'globex'));
SELECT status, body ->> 'error' AS error FROM v1('delete_account', '{}', '/v1/accounts/' || :'child');
-- DES-14 The child does not take back what its parent has asked for; the parent does.
SELECT status, body ->> 'error' AS error FROM v1('cancel_deletion', :'head_child_headers', format('/v1/accounts/%s/cancel_deletion', :'child'));
SELECT status, body ->> 'name' AS name, body -> 'archived_at' AS archived_at FROM v1('cancel_deletion', :'head_acme', format('/v1/accounts/%s/cancel_deletion', :'child'));
SELECT status FROM v1('cancel_deletion', :'head_acme', format('/v1/accounts/%s/cancel_deletion', :'child'));

-- PostgREST's own: a row of the view is deleted, which asks for it; what is pending is a view; the functions.
BEGIN;
SELECT ask('DELETE', '/accounts', :'head_acme') \g /dev/null
SELECT account_api.pre_request();
DELETE FROM account_api.accounts WHERE id = :'child' RETURNING name;
SELECT name, archived_at IS NOT NULL AS archived FROM account_api.accounts ORDER BY 1;
SELECT account_id = :'child' AS child, due_at - requested_at BETWEEN '24 hours' AND '25 hours' AS in_a_day FROM account_api.pending_deletions;
SELECT account_api.cancel_deletion(:'child');
SELECT count(*) FROM account_api.pending_deletions;
SELECT account_api.delete_account(:'child', '2 days') - now() > '47 hours' AS due;
DELETE FROM account_api.accounts WHERE id = :'globex' RETURNING name;
COMMIT;
\c - :super
-- Purged, it is not there: not for its parent, nor in a list.
WITH gone AS (DELETE FROM account.holds WHERE subject_id = :'child' AND kind = 'p' RETURNING *)
	INSERT INTO account.holds SELECT subject_id, kind, entry, set_by, reason, created_by, created_at, clock_timestamp() - interval '1 hour' FROM gone;
SELECT account.purge_deleted_accounts();
\c - regress_authenticator
SELECT status, body ->> 'error' AS error FROM v1('get_account', :'head_acme', '/v1/accounts/' || :'child');
SELECT status, body -> 'data' AS data FROM v1('list_accounts', :'head_acme', '/v1/accounts');
SELECT status, body ->> 'error' AS error FROM v1('get_account', :'head_child_headers', '/v1/accounts/' || :'child');
\c - :super
DROP FUNCTION v1;
\set ECHO none
\i :inputs/test/lib/request-end.sql
