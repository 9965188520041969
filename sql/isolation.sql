-- isolation: what isolate() makes of a table, and what two accounts then see.
\set VERBOSITY terse
\pset format unaligned
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
SELECT account.grant_access('regress_owner', 'owner');
SELECT account.grant_access('regress_app', 'tenant');
CREATE SCHEMA crm AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA crm TO regress_app;
ALTER DEFAULT PRIVILEGES FOR ROLE regress_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO regress_app;
SELECT id AS acme, api_key AS acme_key
FROM account.create_account('acme', account_id => '15010000-0000-4000-8000-00000000000a') \gset
SELECT id AS globex, api_key AS globex_key
FROM account.create_account('globex', account_id => '15010000-0000-4000-8000-00000000000b') \gset
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'acme_key') IS DISTINCT FROM NULL AS authenticated;
SELECT id AS acme_child, api_key AS acme_child_key FROM account.create_account('acme child') \gset
COMMIT;

SET ROLE regress_owner;
CREATE TABLE crm.contacts (contact_id integer PRIMARY KEY, name text);

-- A dry run gives the SQL and does nothing.
CREATE TEMPORARY TABLE announced AS
	SELECT statement, ordinality FROM account.isolate('crm.contacts', dry_run => true) WITH ORDINALITY AS s (statement, ordinality);
SELECT statement FROM announced ORDER BY ordinality;
\d crm.contacts
-- isolate() runs the same statements ...
CREATE TEMPORARY TABLE ran AS
	SELECT statement, ordinality FROM account.isolate('crm.contacts') WITH ORDINALITY AS s (statement, ordinality);
SELECT count(*) FILTER (WHERE a.statement IS DISTINCT FROM r.statement) AS different
FROM announced a FULL JOIN ran r USING (ordinality);
DROP TABLE announced, ran;
\d crm.contacts
-- ... and where all is in place, none.
SELECT * FROM account.isolate('crm.contacts');
SELECT * FROM account.isolate('crm.contacts', dry_run => true);
SELECT * FROM account.isolated_tables WHERE table_name = 'crm.contacts'::regclass;
-- RLS-07, RLS-10, RLS-35: it grants nothing to anybody.
SELECT grantee::regrole, string_agg(privilege_type, ' ' ORDER BY privilege_type) AS privileges
FROM pg_class, aclexplode(relacl) WHERE oid = 'crm.contacts'::regclass AND grantee <> relowner GROUP BY 1;

-- S1.1, S1.2, S1.4, S1.10: each account has its own rows, and the default writes whose they are.
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'acme_key') IS DISTINCT FROM NULL AS authenticated;
INSERT INTO crm.contacts (contact_id, name) VALUES (1, 'Anna of acme'), (2, 'Ben of acme');
SELECT contact_id, name, account_id = :'acme' AS of_acme FROM crm.contacts ORDER BY 1;
COMMIT;
BEGIN;
SELECT account.authenticate(:'globex_key') IS DISTINCT FROM NULL AS authenticated;
INSERT INTO crm.contacts (contact_id, name) VALUES (3, 'Gil of globex');
SELECT contact_id, name FROM crm.contacts ORDER BY 1;
COMMIT;

-- S1.13, S1.19 to S1.22, RLS-30: nothing is shared with a sub-account, nor with its parent; the child starts empty.
BEGIN;
SELECT account.authenticate(:'acme_child_key') IS DISTINCT FROM NULL AS authenticated;
SELECT count(*) FROM crm.contacts;
INSERT INTO crm.contacts (contact_id, name) VALUES (4, 'Kim of the child');
SELECT contact_id, name FROM crm.contacts ORDER BY 1;
COMMIT;
BEGIN;
SELECT account.authenticate(:'acme_key') IS DISTINCT FROM NULL AS authenticated;
SELECT contact_id, name FROM crm.contacts ORDER BY 1;
-- S1.23: a parent's key makes nothing in its sub-account.
INSERT INTO crm.contacts (contact_id, name, account_id) VALUES (5, 'planted', :'acme_child');
ROLLBACK;

-- RLS-29: without an identity there is no row and no place for one.
SELECT * FROM crm.contacts;
INSERT INTO crm.contacts (contact_id, name) VALUES (6, 'nobody''s');
-- The owner is bound as well.
SET ROLE regress_owner;
SELECT * FROM crm.contacts;

-- The column keeps its policies under another name, and new columns change nothing.
ALTER TABLE crm.contacts RENAME COLUMN account_id TO tenant_id;
ALTER TABLE crm.contacts ADD COLUMN email text;
SELECT table_name, account_column FROM account.isolated_tables WHERE table_name = 'crm.contacts'::regclass;
SELECT * FROM account.isolate('crm.contacts', 'tenant_id');
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'globex_key') IS DISTINCT FROM NULL AS authenticated;
SELECT contact_id, name, email FROM crm.contacts;
COMMIT;

-- What is missing is mended, and nothing else is touched.
SET ROLE regress_owner;
DROP POLICY account_update ON crm.contacts;
ALTER TABLE crm.contacts NO FORCE ROW LEVEL SECURITY;
SELECT * FROM account.isolate('crm.contacts', 'tenant_id');
ALTER TABLE crm.contacts DISABLE ROW LEVEL SECURITY, DISABLE TRIGGER account_require_writable,
	ALTER COLUMN tenant_id DROP DEFAULT, ALTER COLUMN tenant_id DROP NOT NULL;
DROP INDEX crm.contacts_account_id_idx;
DROP POLICY account_permit_select ON crm.contacts;
SELECT enabled, forced FROM account.isolated_tables WHERE table_name = 'crm.contacts'::regclass;
SELECT * FROM account.isolate('crm.contacts', 'tenant_id');
SELECT * FROM account.isolate('crm.contacts', 'tenant_id');

-- A column that is there and filled is taken as it is, and an index of the owner's will do.
CREATE TABLE crm.orders (account_id uuid NOT NULL, order_id integer, PRIMARY KEY (account_id, order_id));
INSERT INTO crm.orders VALUES (:'acme', 1), (:'globex', 1);
SELECT * FROM account.isolate('crm.orders') AS statement WHERE statement NOT LIKE 'CREATE POLICY%';
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'acme_key') IS DISTINCT FROM NULL AS authenticated;
SELECT account_id = :'acme' AS of_acme, order_id FROM crm.orders;
COMMIT;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA crm CASCADE;
DROP OWNED BY regress_owner;
DROP OWNED BY regress_app;
DROP ROLE regress_owner, regress_app;
