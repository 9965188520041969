-- schema: the house.  One schema, made here and owned by whoever installs; if
-- one of that name is there already, CREATE EXTENSION fails and nothing is done.
-- The script runs with search_path = pg_catalog, pg_temp (see account.control).

CREATE SCHEMA account;

COMMENT ON SCHEMA account IS 'Accounts, plans, API keys and row isolation. Reach is granted with account.grant_access().';

