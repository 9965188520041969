-- identity: who is calling, and what is said to whom.
\set VERBOSITY terse
CREATE ROLE regress_app;
CREATE ROLE regress_super SUPERUSER;
CREATE ROLE regress_bypass BYPASSRLS;
CREATE ROLE regress_owner;
GRANT CREATE ON SCHEMA public TO regress_owner;
CREATE ROLE regress_admin;
SELECT account.grant_access('regress_app', 'tenant'), account.grant_access('regress_bypass', 'tenant'),
	account.grant_access('regress_owner', 'owner'), account.grant_access('regress_admin', 'admin');
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('globex') \gset
SELECT profile_id AS acme_profile FROM account.profiles WHERE account_id = :'acme' \gset
SELECT account.define_permission('read:notes');
SELECT api_key_id AS reader_id, api_key AS reader FROM account.create_api_key(:'acme_profile', 'reader', '{read:notes,read:api_keys}', '1 hour') \gset
SELECT api_key_id AS application_id, api_key AS application FROM account.create_application_key('app', '{read:*}') \gset

CREATE TABLE notes (note text, account_id uuid NOT NULL DEFAULT account.current_account_id());
INSERT INTO notes VALUES ('acme 1', :'acme'), ('acme 2', :'acme'), ('globex 1', :'globex');
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE notes FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON notes USING (account_id = account.policy_account_id());
ALTER TABLE notes OWNER TO regress_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO regress_app, regress_bypass, regress_admin;

-- RLS-29: without an identity nothing is seen or written, and it is said once in a transaction.
SET ROLE regress_app;
SELECT account.current_account_id() IS NULL AS account, account.current_profile_id() IS NULL AS profile, account.current_user_id() IS NULL AS user,
	account.current_api_key_id() IS NULL AS api_key, account.current_session_id() IS NULL AS session,
	account.current_identity() IS NOT DISTINCT FROM NULL AS identity, account.is_writable();
BEGIN;
SELECT * FROM notes;
SELECT * FROM notes;
UPDATE notes SET note = 'mine';
DELETE FROM notes;
SAVEPOINT s;
INSERT INTO notes (note) VALUES ('nobody''s');
ROLLBACK TO s;
INSERT INTO notes VALUES ('acme''s', :'acme');
ROLLBACK;
RESET ROLE;
SET account.without_identity = empty;
SET ROLE regress_app;
SELECT * FROM notes;
RESET ROLE;
RESET account.without_identity;
SET ROLE regress_app;

-- With one, each sees its own, in this transaction alone (CTX-13).
BEGIN;
SELECT i.account_id = :'acme' AS account, i.profile_id = :'acme_profile' AS profile, i.user_id, i.api_key_id = :'reader_id' AS api_key,
	i.session_id, i.permissions, i.workspace_ids, i.expires_at BETWEEN now() + '59 minutes' AND now() + '61 minutes' AS expires
FROM account.authenticate(:'reader') i;
SELECT account.current_account_id() = :'acme' AS account, account.current_profile_id() = :'acme_profile' AS profile, account.current_user_id(),
	account.current_api_key_id() = :'reader_id' AS api_key, account.current_session_id(), (account.current_identity()).permissions, account.is_writable();
SELECT note FROM notes ORDER BY 1;
INSERT INTO notes VALUES ('acme 3');
UPDATE notes SET note = note || '!' RETURNING note;
COMMIT;
SELECT account.current_account_id();
BEGIN;
SELECT (account.authenticate(:'globex_key')).account_id = :'globex' AS globex;
SELECT note FROM notes ORDER BY 1;
UPDATE notes SET account_id = :'acme';
ROLLBACK;
SELECT account.current_account_id();
BEGIN;
SELECT (account.authenticate(:'globex_key', :'globex')).account_id = :'globex' AS globex;
SELECT 1 / 0;
ROLLBACK;
SELECT account.current_account_id();
BEGIN;
SELECT (account.authenticate(:'globex_key')).account_id = :'globex' AS globex;
SET LOCAL statement_timeout = 20;
SELECT pg_sleep(10);
ROLLBACK;
SELECT account.current_account_id();
-- LEAK-21: an account that is not the key's and one that is not at all read alike.
SELECT account.authenticate(:'globex_key', :'acme');
SELECT account.authenticate(:'globex_key', '00000000-0000-0000-0000-000000000000');

-- CTX-31: one identity a transaction.  What the second token is worth is not told.
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SAVEPOINT s;
SELECT account.authenticate(:'globex_key');
ROLLBACK TO s;
SELECT account.authenticate('prod_acctsec_00000000000000000000000000000000000000000003UNP5x');
ROLLBACK TO s;
SELECT account.authenticate('junk');
ROLLBACK TO s;
SELECT account.authenticate(:'reader');
ROLLBACK TO s;
SELECT account.act_as(:'application', :'globex');
ROLLBACK TO s;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT note FROM notes ORDER BY 1;
COMMIT;

-- CTX-38, CTX-21: what the setting shows is the account at most, and nothing once it does not count.
SELECT COALESCE(current_setting('account.context', true), '') = '' AS empty;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT current_setting('account.context') = :'acme' AS shown;
SELECT count(*) FROM pg_settings WHERE name = 'account.context' OR setting LIKE '%acct%sec%';
SELECT account.deauthenticate();
SHOW account.context;
COMMIT;
SHOW account.context;

-- act_as(): any account, by an application's key, with its permissions.
BEGIN;
SELECT i.account_id = :'globex' AS account, i.profile_id, i.user_id, i.api_key_id = :'application_id' AS api_key, i.session_id, i.permissions, i.expires_at
FROM account.act_as(:'application', :'globex', reason => E'ticket 17\nforged line') i;
SELECT note FROM notes ORDER BY 1;
SELECT (account.act_as(:'application', :'globex')).account_id = :'globex' AS again;
SELECT account.act_as(:'application', :'acme');
ROLLBACK;
SELECT account.act_as(:'application', NULL);
SELECT account.act_as(:'application', '00000000-0000-0000-0000-000000000000');
SELECT account.act_as(:'application', :'acme', :'acme_profile');
SELECT account.act_as(NULL, :'acme');
SELECT account.act_as('junk', :'acme');

-- It is said where an identity is of no use, ...
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
-- ... and where row security does not bind, once for each role, or it is refused.
CREATE FUNCTION pg_temp.seen(token text, OUT rows bigint) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM account.authenticate(token);
	SELECT count(*) INTO rows FROM public.notes;
END $$;
SET client_min_messages = warning;
SELECT pg_temp.seen(:'acme_key');
SET ROLE regress_super;
SELECT pg_temp.seen(:'acme_key');
SELECT pg_temp.seen(:'acme_key');
SET ROLE regress_bypass;
SELECT pg_temp.seen(:'acme_key');
SET ROLE regress_admin;
SELECT pg_temp.seen(:'acme_key');
SET ROLE regress_owner;
SELECT pg_temp.seen(:'acme_key');
DROP POLICY own ON notes;
SELECT count(*) > 0 AS isolated FROM account.isolate('notes');
ALTER TABLE notes NO FORCE ROW LEVEL SECURITY;
SELECT pg_temp.seen(:'acme_key');
RESET ROLE;
SET account.refuse_bypass = on;
SET ROLE regress_super;
SELECT pg_temp.seen(:'acme_key');
SET ROLE regress_bypass;
SELECT pg_temp.seen(:'acme_key');
SET ROLE regress_owner;
SELECT pg_temp.seen(:'acme_key');
ALTER TABLE notes FORCE ROW LEVEL SECURITY;
SELECT pg_temp.seen(:'acme_key');
SET ROLE regress_app;
SELECT pg_temp.seen(:'acme_key');
RESET ROLE;
RESET account.refuse_bypass;

-- No level, no identity.
SELECT account.revoke_access('regress_app');
SET ROLE regress_app;
SELECT account.authenticate(:'acme_key');
RESET ROLE;
DROP TABLE notes;
DROP OWNED BY regress_app, regress_super, regress_bypass, regress_owner, regress_admin;
DROP ROLE regress_app, regress_super, regress_bypass, regress_owner, regress_admin;
