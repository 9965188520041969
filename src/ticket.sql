
-- ticket: an order for rows that several transactions insert.

CREATE SEQUENCE account.turns;
COMMENT ON SEQUENCE account.turns IS 'Numbers in whose order rows of the extension are worked off. Drawn by functions alone; no role has a grant on it.';
SELECT pg_catalog.pg_extension_config_dump('account.turns', '');

CREATE FUNCTION account.turn_is_settled(horizon pg_catalog.xid8) RETURNS boolean
	LANGUAGE C STABLE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_ticket_turn_is_settled';
REVOKE ALL ON FUNCTION account.turn_is_settled(pg_catalog.xid8) FROM PUBLIC;
COMMENT ON FUNCTION account.turn_is_settled(pg_catalog.xid8) IS 'Whether every row of a lower turn than that of a row with this horizon is visible to the statement, or never will be. Nobody may call it.';
