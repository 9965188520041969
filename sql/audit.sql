-- audit: who did what to which account, in the transaction that did it.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgcrypto;
SET account.password_cost = 4;
\getenv inputs PG_ABS_SRCDIR
\set ECHO none
\i :inputs/test/lib/request.sql
\set ECHO all
CREATE ROLE regress_app;
SELECT account.grant_access('regress_app', 'tenant');
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme', account_id => 'a0d10000-0000-4000-8000-00000000000a') \gset
SELECT id AS kid, api_key AS kid_key FROM account.create_account('kid', :'acme', account_id => 'a0d10000-0000-4000-8000-00000000000b') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('globex', account_id => 'a0d10000-0000-4000-8000-00000000000c') \gset
SELECT profile_id AS robot, api_key AS robot_key, api_key_id AS robot_key_id FROM account.create_service_account('robot', 'admin', account_id => :'acme') \gset
-- The entries of a test, newest last; names for ids.
CREATE FUNCTION short(text) RETURNS text LANGUAGE sql AS $$ SELECT regexp_replace(regexp_replace(regexp_replace($1, 'hmac:[0-9a-f]{16}', 'hmac:<digits>'), 'a0d10000-0000-4000-8000-00000000000(.)', '<\1>', 'g'), '[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f-]{22}', '<id>', 'g') $$;
CREATE FUNCTION try(statement text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN EXECUTE statement; RETURN 'allowed'; EXCEPTION WHEN OTHERS THEN RETURN SQLERRM; END $$;
CREATE TABLE seen (id uuid);
INSERT INTO seen SELECT id FROM account.audit_log;
CREATE VIEW newest AS
	SELECT short(account_id::text) AS account, short(from_account_id::text) AS "from", actor_name AS actor, api_key_id IS NOT NULL AS key, actor_role = session_user AS super, action, object_type AS object, short(detail::text) AS detail
	FROM account.audit_log WHERE id NOT IN (SELECT id FROM seen) ORDER BY at;
GRANT SELECT ON seen, newest TO regress_app;

-- S4.9 A service account that acts is named, with its key, the accounts and before and after; administrators by their role.
SET ROLE regress_app;
BEGIN;
SELECT account_id = :'acme' AS authenticated FROM account.authenticate(:'acme_key');
SELECT name FROM account.update_account(:'acme', '{"name": "Acme", "labels": {"tier": "gold"}, "billing_email": "billing@acme.example"}');
SELECT name FROM account.update_account(:'kid', '{"description": "the kid"}');
COMMIT;
RESET ROLE;
SELECT account.suspend_account(:'kid', 'unpaid');
SELECT account.resume_account(:'kid');
SELECT * FROM newest;
INSERT INTO seen SELECT id FROM account.audit_log;
-- What changes nothing leaves nothing, and neither does what is rolled back, or a statement of an administrator's own.
SELECT name FROM account.update_account(:'kid', '{"description": "the kid"}');
BEGIN;
SELECT name FROM account.update_account(:'kid', '{"description": "other"}');
ROLLBACK;
UPDATE account.accounts SET description = 'by hand' WHERE account_id = :'kid';
SELECT * FROM newest;

-- AUD-02 Whoever is authenticated when something is done has done it, not who is when it is committed.
SET account.exchange_identity = on;
SET ROLE regress_app;
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
SELECT account_id = :'acme' AS authenticated FROM account.authenticate(:'robot_key');
SELECT account.create_workspace('evil') IS NOT NULL AS created;
SELECT account_id = :'globex' AS authenticated FROM account.authenticate(:'globex_key');
COMMIT;
RESET ROLE;
RESET account.exchange_identity;
SELECT DISTINCT "from", actor FROM newest WHERE action = 'workspace.created';
-- AUD-06 Nor does application_name, a header or a setting say who it was: what a request says of itself is marked so.
INSERT INTO seen SELECT id FROM account.audit_log;
SET ROLE regress_app;
SET application_name = 'system';
BEGIN;
SELECT set_config('request.method', 'PATCH', true), set_config('request.path', '/accounts', true), set_config('request.headers', '{"x-forwarded-for": "203.0.113.9", "x-profile-id": "00000000-0000-4000-8000-000000000001"}', true) \g /dev/null
SELECT account_id = :'acme' AS authenticated FROM account.authenticate(:'robot_key');
SELECT account.create_workspace('forged') IS NOT NULL AS created;
COMMIT;
RESET application_name;
RESET ROLE;
SELECT actor_profile_id = :'robot' AS robot, api_key_id = :'robot_key_id' AS key, request - 'address' AS request FROM account.audit_log WHERE action = 'workspace.created' AND id NOT IN (SELECT id FROM seen);
SELECT account.add_member(account.create_user('ann@audit.example', 'correct horse battery'), 'admin', :'acme') IS NOT NULL AS member;
UPDATE account.users SET email_verified_at = now() WHERE email = 'ann@audit.example';
SELECT json_build_object('authorization', 'Session ' || session_token, 'x-account-id', :'acme', 'x-forwarded-for', '203.0.113.9') AS ann_headers FROM account.login('ann@audit.example', 'correct horse battery') \gset
-- S4.10 Behind a proxy that is trusted the address is the client's; PostgREST says method and path.
ALTER ROLE regress_authenticator SET account.trusted_proxies = 'unix, 127.0.0.1, ::1';
SELECT json_build_object('x-api-key', :'robot_key', 'x-forwarded-for', '203.0.113.9') AS headers \gset
\c - regress_authenticator
\set VERBOSITY terse
BEGIN;
SELECT ask('POST', '/rpc/create_workspace', :'headers') \g /dev/null
SELECT account_api.pre_request();
SELECT account_api.create_workspace('proxied') IS NOT NULL AS created;
SELECT request FROM account_api.audit_log WHERE action = 'workspace.created' AND detail -> 'after' ->> 'name' = 'proxied';
COMMIT;
-- Of a person it is a digest.
BEGIN;
SELECT ask('POST', '/rpc/create_workspace', :'ann_headers') \g /dev/null
SELECT account_api.pre_request();
SELECT account_api.create_workspace('proxied too') IS NOT NULL AS created;
SELECT actor_name, request ->> 'address' ~ '^hmac:' AS digest FROM account_api.audit_log WHERE action = 'workspace.created' AND detail -> 'after' ->> 'name' = 'proxied too';
COMMIT;
\c - :super
\set VERBOSITY terse
SET client_min_messages = warning;

-- AUD-04 What is written is data: escaped, and cut.
SELECT name FROM account.update_account(:'kid', jsonb_build_object('name', E'x"}, "actor": "nobody', 'description', E'line\n2026-01-01 LOG: forged \033[31m', 'labels', jsonb_build_object('k', repeat('ä', 60))));
SELECT name FROM account.update_account(:'kid', jsonb_build_object('name', 'kid', 'labels', (SELECT jsonb_object_agg('k' || n, repeat('ä', 60)) FROM generate_series(1, 40) n)));
SELECT detail -> 'after' -> 'name' AS name, detail -> 'after' -> 'description' AS description, length(detail::text) < 3000 AS bounded, right(detail -> 'after' ->> 'labels', 18) ~ '^.*\.\.\. \(\d+ bytes\)$' AS cut
FROM account.audit_log WHERE account_id = :'kid' AND action = 'account.updated' ORDER BY at DESC LIMIT 2;

-- record_audit(): what applications add.
SET ROLE regress_app;
SELECT account.record_audit('invoice.sent', 'invoice', NULL);
BEGIN;
SELECT account_id = :'acme' AS authenticated FROM account.authenticate(:'robot_key');
SELECT account.record_audit('invoice.sent', 'invoice', 'a0d10000-0000-4000-8000-0000000000ff', '{"number": 7}') AS entry \gset
SELECT source, actor_name, action, object_type, object_id, detail, position FROM account.audit_log WHERE id = :'entry';
SELECT try('SELECT account.record_audit(' || arguments || ')') FROM (VALUES (1, 'NULL, NULL, NULL, NULL'), (2, $$'account.created', 'account', NULL$$), (3, $$'request.sent', 'x', NULL$$), (4, $$'sent', 'x', NULL$$), (5, $$'Invoice.sent', 'x', NULL$$),
	(6, $$E'invoice.sent\n', 'x', NULL$$), (7, $$'invoice..sent', 'x', NULL$$), (8, $$repeat('a', 70) || '.' || repeat('a', 70), 'x', NULL$$), (9, $$'invoice.sent', 'in voice', NULL$$), (10, $$'invoice.sent', '', NULL$$),
	(11, $$'invoice.sent', 'x', NULL, '[]'$$), (12, $$'invoice.sent', 'x', NULL, 'null'$$), (13, $$'invoice.sent', 'x', NULL, jsonb_build_object('x', repeat('x', 70000))$$), (14, $$'invoice.sent', 'x', NULL, jsonb_build_object('x', repeat('x', 65000))$$), (15, $$'accounts.closed', 'x', NULL$$)) v (number, arguments) ORDER BY number;
ROLLBACK;
-- A READ ONLY transaction records nothing, and says so; who only acts in one is in the server's log.
BEGIN READ ONLY;
SELECT account_id = :'acme' AS authenticated FROM account.authenticate(:'robot_key');
SELECT account.record_audit('invoice.sent', 'invoice', NULL);
ROLLBACK;

-- AUD-01 Nobody changes what is there, or adds to it but by functions: not its owner, not with triggers off.
SELECT try(statement) FROM (VALUES (1, 'SELECT count(*) FROM account.audit_pending'), (2, 'INSERT INTO account.audit_pending DEFAULT VALUES'), (3, 'DELETE FROM account.audit_pending'), (4, 'TRUNCATE account.audit_entries'), (5, 'UPDATE account.audit_log SET action = ''x'''),
	(6, 'DELETE FROM account.audit_log'), (7, 'ALTER TABLE account.audit_pending DISABLE TRIGGER ALL'), (8, 'SELECT setval(''account.turns'', 1)'), (9, 'SET session_replication_role = replica'), (10, 'SELECT account.note_change()'), (11, 'SELECT account.audit_digest(''x'')')) v (number, statement) ORDER BY number;
RESET ROLE;
DELETE FROM account.audit_pending;
UPDATE account.audit_pending SET action = 'x';
TRUNCATE account.audit_pending;
TRUNCATE account.audit_entries;
SET session_replication_role = replica;
DELETE FROM account.audit_pending;
RESET session_replication_role;
SELECT count(*) > 10 AS kept FROM account.audit_pending;

DROP VIEW newest;
DROP TABLE seen;
DROP FUNCTION short(text), try(text);
DROP OWNED BY regress_app;
DROP ROLE regress_app;
\set ECHO none
\i :inputs/test/lib/request-end.sql
