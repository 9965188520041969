-- isolate_schema: a whole application that knew nothing of accounts, isolated in one call and
-- used by its two customers.
\set VERBOSITY terse
\pset format unaligned
\getenv inputs PG_ABS_SRCDIR
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
SELECT account.grant_access('regress_owner', 'owner'), account.grant_access('regress_app', 'tenant');
CREATE SCHEMA desk AUTHORIZATION regress_owner;
SELECT id AS acme, api_key AS acme_key
FROM account.create_account('acme', account_id => '15160000-0000-4000-8000-00000000000a') \gset
SELECT id AS globex, api_key AS globex_key
FROM account.create_account('globex', account_id => '15160000-0000-4000-8000-00000000000b') \gset
SET ROLE regress_owner;
SET client_min_messages = warning;
\set ECHO none
\i :inputs/test/lib/application.sql
\set ECHO all
RESET client_min_messages;
SELECT count(*) >= 20 AS tables FROM pg_class WHERE relnamespace = 'desk'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition;

-- One expression, for the companies: every other row finds its account along foreign keys.  A row that finds none is named, and nothing is changed.
\set companies '{"companies": "CASE slug WHEN ''acme'' THEN ''15160000-0000-4000-8000-00000000000a'' ELSE ''15160000-0000-4000-8000-00000000000b'' END::uuid"}'
SELECT count(*) FROM account.isolate_schema('desk', '{desk.countries}', :'companies');
SELECT count(*) FROM pg_attribute WHERE attname = 'account_id' AND attrelid::regclass::text LIKE 'desk.%';
DELETE FROM desk.invoice_lines WHERE text = 'draft';
SELECT count(*) > 300 AS statements FROM account.isolate_schema('desk', '{desk.countries}', :'companies');
SELECT count(*) AS isolated FROM account.isolated_tables WHERE table_name::text LIKE 'desk.%' AND enabled AND forced;
SELECT table_name FROM account.shared_tables WHERE table_name::text LIKE 'desk.%';
-- Called again, nothing is left to do: neither with the same arguments nor without.
SELECT count(*) FROM account.isolate_schema('desk', '{desk.countries}', :'companies');
SELECT count(*) FROM account.isolate_schema('desk');
-- The application's trigger has not run, and is on again.
RESET ROLE;
SELECT sum(touched) AS touched FROM desk.tickets;
SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'desk.tickets'::regclass AND NOT tgisinternal ORDER BY 1;
-- Every row has the account of its company: over a cycle, references to itself, keys that are NULL, partitions and children.
SELECT (SELECT count(*) FROM desk.users WHERE account_id = :'acme') AS users, (SELECT count(*) FROM desk.labels WHERE account_id = :'acme') AS labels,
	(SELECT count(*) FROM desk.tickets WHERE account_id = :'acme') AS tickets, (SELECT count(*) FROM desk.comments WHERE account_id = :'acme') AS comments,
	(SELECT count(*) FROM desk.attachment_data WHERE account_id = :'acme') AS files, (SELECT count(*) FROM desk.events WHERE account_id = :'acme') AS events,
	(SELECT count(*) FROM desk.articles WHERE account_id = :'acme') AS articles, (SELECT count(*) FROM desk.invoice_lines WHERE account_id = :'acme') AS lines;
-- RLS-12, LEAK-01: no foreign key and no unique key reaches across; surrogate keys stay.
SELECT conrelid::regclass, conname FROM pg_constraint k
JOIN account.isolated_tables c ON c.table_name = conrelid JOIN account.isolated_tables p ON p.table_name = confrelid
WHERE contype = 'f' AND connamespace = 'desk'::regnamespace AND NOT pg_get_constraintdef(k.oid) LIKE 'FOREIGN KEY (account_id, %(account_id, %';
SELECT indexrelid::regclass FROM pg_index i JOIN account.isolated_tables t ON t.table_name = i.indrelid
WHERE t.table_name::text LIKE 'desk.%' AND indisunique AND NOT indisprimary AND pg_get_indexdef(indexrelid, 1, true) <> 'account_id';
SELECT conrelid::regclass, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid IN ('desk.tickets'::regclass, 'desk.memberships'::regclass) AND contype IN ('p', 'u', 'f') ORDER BY conname;

-- Two tenants: each sees its own rows, and no other.
GRANT USAGE ON SCHEMA desk TO regress_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA desk TO regress_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA desk TO regress_app;
SET ROLE regress_app;
BEGIN;
SELECT account.authenticate(:'acme_key') IS DISTINCT FROM NULL AS authenticated;
SELECT number, login FROM desk.tickets t JOIN desk.users u ON u.id = t.author_id ORDER BY number;
SELECT number, login FROM desk.open_tickets ORDER BY number;
SELECT slug, c.name, u.login FROM desk.companies JOIN desk.countries c ON code = country JOIN desk.users u ON u.id = main_contact_id;
-- LEAK-02: what another customer has taken is free, for unique keys of every kind.
INSERT INTO desk.users (company_id, email, login) VALUES (1, 'CYD@globex.example', 'cyd') RETURNING full_name;
INSERT INTO desk.tickets (number, author_id, subject) VALUES ('G-1', 1, 'mine') ON CONFLICT (account_id, number) DO NOTHING RETURNING number;
INSERT INTO desk.settings (company_id, name, value) VALUES (1, 'theme', '1') ON CONFLICT ON CONSTRAINT settings_pkey DO UPDATE SET value = '2' RETURNING value;
-- Nothing can be pointed at that is another's, nor written.
SAVEPOINT before;
INSERT INTO desk.comments (ticket_id, author_id, body) VALUES (3, 1, 'probe');
ROLLBACK TO before;
INSERT INTO desk.countries VALUES ('IT', 'Italy');
ROLLBACK TO before;
-- ON DELETE SET NULL leaves the account where it is.
DELETE FROM desk.memberships WHERE user_id = 2;
DELETE FROM desk.ticket_labels;
UPDATE desk.tickets SET author_id = 1;
DELETE FROM desk.users WHERE id = 2;
SELECT number, assignee_id, account_id = :'acme' AS of_acme FROM desk.tickets ORDER BY number;
COMMIT;
BEGIN;
SELECT account.authenticate(:'globex_key') IS DISTINCT FROM NULL AS authenticated;
SELECT number, login FROM desk.open_tickets ORDER BY number;
SELECT email FROM desk.users ORDER BY email;
SELECT (SELECT count(*) FROM desk.events) AS events, (SELECT count(*) FROM desk.events_1) AS events_1, (SELECT count(*) FROM desk.articles) AS articles,
	(SELECT count(*) FROM desk.long_articles) AS long_articles, (SELECT count(*) FROM desk.attachment_data) AS files, (SELECT count(*) FROM desk.invoices) AS invoices;
UPDATE desk.users SET login = 'ann' RETURNING login;
DELETE FROM desk.companies WHERE slug = 'acme';
COMMIT;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA desk CASCADE;
DROP OWNED BY regress_owner;
DROP OWNED BY regress_app;
DROP ROLE regress_owner, regress_app;
