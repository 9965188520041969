
-- counting: the triggers that count the rows of tables with a quota.
--
-- isolate() makes them, as the owner of the table.

CREATE FUNCTION account.count_rows() RETURNS trigger
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_counting_count_rows';
REVOKE ALL ON FUNCTION account.count_rows() FROM PUBLIC;
COMMENT ON FUNCTION account.count_rows() IS 'The row trigger of tables with a quota: notes whose rows are inserted and deleted, to be counted as the resource that is its argument when the transaction commits, which then raises MAX_RESOURCES_REACHED if that is more than the plan allows. Made by isolate().';

CREATE FUNCTION account.require_room() RETURNS trigger
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_counting_require_room';
REVOKE ALL ON FUNCTION account.require_room() FROM PUBLIC;
COMMENT ON FUNCTION account.require_room() IS 'The statement trigger of tables with a quota: raises MAX_RESOURCES_REACHED if what is committed and what the transaction has added are more than the plan allows. Made by isolate().';

CREATE FUNCTION account.recount_quota(table_name regclass DEFAULT NULL) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_counting_recount_quota';
REVOKE ALL ON FUNCTION account.recount_quota(regclass) FROM PUBLIC;
COMMENT ON FUNCTION account.recount_quota(regclass) IS 'Counts the rows of a table with a quota, and of all its partitions and children, anew, or those of all such tables: after triggers were disabled, or rows were replicated without their counts. Writes to the table wait meanwhile. What is counted may be more than plans allow. Administrators; level owner for the owner of a table, which then names it. Raises FORBIDDEN, NOT_FOUND, and BAD_REQUEST for a table without a quota.';

-- A table that is dropped takes its rows along.
CREATE FUNCTION account.forget_dropped_tables() RETURNS event_trigger
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_counting_forget_dropped_tables';
REVOKE ALL ON FUNCTION account.forget_dropped_tables() FROM PUBLIC;
COMMENT ON FUNCTION account.forget_dropped_tables() IS 'Event trigger function: what was counted of a table that is dropped is no longer in use. Nobody calls it.';

CREATE EVENT TRIGGER account_counting_drop ON sql_drop
	EXECUTE FUNCTION account.forget_dropped_tables();
ALTER EVENT TRIGGER account_counting_drop ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER account_counting_drop IS 'Takes dropped tables out of quotas.';

INSERT INTO account.access_grants (level, object) VALUES
	('owner', 'FUNCTION account.count_rows()'),
	('owner', 'FUNCTION account.require_room()'),
	('owner', 'FUNCTION account.recount_quota(regclass)');
