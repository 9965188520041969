-- application: a whole existing schema, isolated in one call.

CREATE FUNCTION account.isolate_schema(schema regnamespace, shared regclass[] DEFAULT '{}', existing_rows jsonb DEFAULT '{}',
		dry_run boolean DEFAULT false)
	RETURNS SETOF text
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_application_isolate_schema';
REVOKE ALL ON FUNCTION account.isolate_schema(regnamespace, regclass[], jsonb, boolean) FROM PUBLIC;
COMMENT ON FUNCTION account.isolate_schema(regnamespace, regclass[], jsonb, boolean) IS 'Isolates every table of a schema by its column account_id, or the one that it is isolated by already, as isolate() does; shares those in shared; leaves known tables of migrations alone; and isolates every table that is made there later. existing_rows is an object: for a table, by its name, an SQL expression over the row that yields its account; "*" has one for rows that nothing else gives an account. All other rows get the account of the row that they reference, along foreign keys, and must have got one. Foreign keys between isolated tables, unique keys and exclusion constraints get the account; surrogate primary keys stay, with a unique key of the account and the key beside; a NOTICE tells each target of ON CONFLICT that changes. Returns the SQL that it ran; where all is in place, none. Locks all tables until the end of the transaction; with dry_run it does nothing and returns a script for psql that does the slow part first, with short locks, in transactions of its own. Level owner, for the owner of the schema and of all its tables. Raises FORBIDDEN otherwise, NOT_FOUND, VALIDATION_FAILED for arguments that fit no table and for an account that does not exist, BAD_REQUEST for what cannot be isolated and for rows without an account or that reference rows of another, CONFLICT for policies, triggers and tables that are protected otherwise.';

INSERT INTO account.access_grants (level, object) VALUES
	('owner', 'FUNCTION account.isolate_schema(regnamespace, regclass[], jsonb, boolean)');
