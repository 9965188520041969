-- birth: schemas in which every new table is isolated from its first moment.
--
-- isolate_schema() puts a schema here; dropping it takes it out.  It is known by name, so
-- that a schema that takes its place is protected as well, and so that a restored database
-- has it; and by oid, for a renaming that nobody saw.

CREATE TABLE account.protected_schemas (
	name name NOT NULL,
	schema_id oid NOT NULL,
	CONSTRAINT protected_schemas_pkey PRIMARY KEY (name)
);
ALTER TABLE account.protected_schemas ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('account.protected_schemas', '');
COMMENT ON TABLE account.protected_schemas IS 'The schemas in which every new table is isolated. isolate_schema() adds one, DROP SCHEMA takes it out; a name that a protected schema once had stays, for whatever schema gets it next.';
COMMENT ON COLUMN account.protected_schemas.name IS 'The name of the schema.';
COMMENT ON COLUMN account.protected_schemas.schema_id IS 'The oid of the schema that had the name when it was last looked at, which counts if none has the name now; 0 for none.';

CREATE FUNCTION account.protect_new_tables() RETURNS event_trigger
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_birth_protect_new_tables';
REVOKE ALL ON FUNCTION account.protect_new_tables() FROM PUBLIC;
COMMENT ON FUNCTION account.protect_new_tables() IS 'Event trigger function: isolates a table that a command has made in, or moved into, a protected schema, as its owner, puts the account into the keys of isolated tables there, and raises BAD_REQUEST, FORBIDDEN or CONFLICT for what cannot be isolated; follows the names of schemas. Nobody calls it.';

-- Its name comes after that of isolation, which looks after what has a parent.
CREATE EVENT TRIGGER account_schema_ddl ON ddl_command_end
	WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'CREATE FOREIGN TABLE', 'CREATE MATERIALIZED VIEW',
		'CREATE INDEX', 'ALTER TABLE', 'ALTER FOREIGN TABLE', 'ALTER MATERIALIZED VIEW', 'CREATE SCHEMA', 'ALTER SCHEMA',
		'IMPORT FOREIGN SCHEMA')
	EXECUTE FUNCTION account.protect_new_tables();
ALTER EVENT TRIGGER account_schema_ddl ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER account_schema_ddl IS 'Isolates new tables of protected schemas.';

CREATE FUNCTION account.forget_schemas() RETURNS event_trigger
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_birth_forget_schemas';
REVOKE ALL ON FUNCTION account.forget_schemas() FROM PUBLIC;
COMMENT ON FUNCTION account.forget_schemas() IS 'Event trigger function: ends the protection of schemas that have been dropped. Nobody calls it.';

CREATE EVENT TRIGGER account_schema_drop ON sql_drop
	WHEN TAG IN ('DROP SCHEMA', 'DROP OWNED', 'DROP EXTENSION')
	EXECUTE FUNCTION account.forget_schemas();
ALTER EVENT TRIGGER account_schema_drop ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER account_schema_drop IS 'Ends the protection of schemas that are dropped.';
