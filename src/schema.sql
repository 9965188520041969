-- schema: the house.  One schema, made here and owned by whoever installs; if
-- one of that name is there already, CREATE EXTENSION fails and nothing is done.
--
-- No foreign key joins the extension's tables: their rows are written by functions
-- alone and accounts are never deleted, a key makes every new row a lock on another,
-- and pg_restore with several jobs does not keep to the order that keys between an
-- extension's tables ask for.
--
-- The script runs with search_path = pg_catalog, pg_temp (see account.control).

CREATE SCHEMA account;

COMMENT ON SCHEMA account IS 'Accounts, plans, API keys and row isolation. Reach is granted with account.grant_access().';

