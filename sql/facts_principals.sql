-- facts_principals: a service account at work (S4.1, S4.5), what there is of its trail (S4.9, S4.10), and settings of an account (S3.4 but for the secret).
-- Every other fact of S3, S4 and S5 that this version has stands with its part: service_account.sql and key_life.sql (S4.2 to S4.24), review.sql (S4.21 to
-- S4.23), profile.sql and member_end.sql (S4.7), describe.sql (S3.1 to S3.26), workspace.sql and isolation_workspace.sql (S3.3, S3.10 to S3.12, S3.21),
-- user.sql, session.sql, signup.sql, member.sql and role_scopes.sql (S5).
\set VERBOSITY terse
SET client_min_messages = error;
CREATE ROLE regress_facts_owner;
CREATE ROLE regress_facts_app;
SELECT account.grant_access('regress_facts_owner', 'owner'), account.grant_access('regress_facts_app', 'tenant');
CREATE SCHEMA facts AUTHORIZATION regress_facts_owner;
GRANT USAGE ON SCHEMA facts TO regress_facts_app;
SET ROLE regress_facts_owner;
SELECT account.define_permission('read:tickets'), account.define_permission('write:tickets');
-- A table of an application's that says by whom a row is.
CREATE TABLE facts.tickets (subject text NOT NULL, made_by uuid DEFAULT account.current_profile_id());
GRANT SELECT, INSERT, UPDATE, DELETE ON facts.tickets TO regress_facts_app;
SELECT count(*) > 0 AS isolated FROM account.isolate('facts.tickets', read_permission => 'read:tickets', write_permission => 'write:tickets');
RESET ROLE;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('Acme') \gset
SELECT id AS other, api_key AS other_key FROM account.create_account('Other') \gset
SET ROLE regress_facts_app;

-- S4.1: the technical user of an integration: it is told what it connects, and what it may do there.
BEGIN;
SELECT account_id = :'acme' AS acme FROM account.authenticate(:'acme_key');
SELECT account.create_role('help desk', '{read:tickets,write:tickets,create:users}') IS NOT NULL AS created;
SELECT profile_id AS desk, api_key_id AS desk_key_id, api_key AS desk_key
	FROM account.create_service_account('help desk', 'help desk', 'Copies tickets.', 'Ann of operations', '{zendesk,jira}') \gset
INSERT INTO facts.tickets (subject) VALUES ('by the account''s own key');
COMMIT;
-- S4.2, S4.5: it authenticates with its key, as no user, and does its tasks by itself: it reads, writes, and makes users as they turn up.
BEGIN;
SELECT account_id = :'acme' AS acme, profile_id = :'desk' AS desk, user_id, session_id FROM account.authenticate(:'desk_key');
SELECT subject FROM facts.tickets;
INSERT INTO facts.tickets (subject) VALUES ('by the help desk');
SELECT account.create_user('turned-up@facts.example') IS NOT NULL AS user_made;
COMMIT;
-- ... and nothing else: neither what its role does not say, nor anything of another account.
\set ON_ERROR_ROLLBACK on
BEGIN;
SELECT profile_id = :'desk' AS desk FROM account.authenticate(:'desk_key');
SELECT account.create_account('below');
SELECT account.get_account(:'other');
SELECT count(*) FROM account.service_accounts;
ROLLBACK;
\set ON_ERROR_ROLLBACK off
BEGIN;
SELECT account_id = :'other' AS other FROM account.authenticate(:'other_key');
SELECT count(*) FROM facts.tickets;
COMMIT;

-- S4.9, S4.10: what it has done names it, in the application's rows and in what the extension has made for it; when it last called is seen.
BEGIN;
SELECT account_id = :'acme' AS acme FROM account.authenticate(:'acme_key');
SELECT t.subject, p.name, p.kind, p.system FROM facts.tickets t JOIN account.profiles p ON p.profile_id = t.made_by ORDER BY 1;
SELECT name, systems, owner, last_used_at > now() - interval '1 minute' AS just_used FROM account.service_accounts WHERE NOT system;
-- ... also when it is gone, and its key with it.
SELECT account.revoke_api_key(:'desk_key_id', 'the help desk has moved'), account.delete_profile(:'desk');
SELECT t.subject, p.name, p.deleted_at IS NOT NULL AS gone FROM facts.tickets t JOIN account.profiles p ON p.profile_id = t.made_by ORDER BY 1;
SELECT name, state, revoked_reason, profile_id = :'desk' AS desks, created_by = account.current_profile_id() AS by_the_accounts_own FROM account.api_keys WHERE api_key_id = :'desk_key_id';
COMMIT;
SELECT valid, error FROM account.verify_api_key(:'desk_key');

-- S3.4: settings are the account's, for all who are in it, whatever workspace they reach, and for nobody else.
BEGIN;
SELECT account_id = :'acme' AS acme FROM account.authenticate(:'acme_key');
SELECT (account.update_account(:'acme', '{"domain": "acme.example", "billing_email": "billing@acme.example", "webhook_url": "https://acme.example/hooks"}')).id = :'acme' AS set;
SELECT api_key AS bare_key FROM account.create_api_key(account.current_profile_id(), 'bare', '{read:accounts}') \gset
COMMIT;
BEGIN;
SELECT workspace_ids FROM account.authenticate(:'bare_key');
SELECT account.describe_account() #>> '{spec,domain}' AS domain, account.describe_account() #>> '{spec,billingEmail}' AS billing;
SELECT account.update_account(:'acme', '{"domain": "elsewhere.example"}');
ROLLBACK;
BEGIN;
SELECT account_id = :'other' AS other FROM account.authenticate(:'other_key');
SELECT account.describe_account() #>> '{spec,domain}' AS domain;
COMMIT;

RESET ROLE;
DELETE FROM account.users WHERE email = 'turned-up@facts.example';
DROP SCHEMA facts CASCADE;
DROP OWNED BY regress_facts_owner, regress_facts_app;
DROP ROLE regress_facts_owner, regress_facts_app;
SELECT account.delete_permission('read:tickets'), account.delete_permission('write:tickets');
