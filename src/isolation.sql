-- isolation: row security on users' tables.
--
-- isolate() and its kin run as the owner of the table and are for the owner
-- alone.  Policies, default and trigger that they make are objects of the user's
-- table: DROP EXTENSION without CASCADE refuses to take them away, and with
-- CASCADE leaves row security enabled and forced without a policy: no row is
-- open to anyone.

CREATE FUNCTION account.require_writable() RETURNS trigger
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_isolation_require_writable';
REVOKE ALL ON FUNCTION account.require_writable() FROM PUBLIC;
COMMENT ON FUNCTION account.require_writable() IS 'The statement trigger of isolated tables: raises ARCHIVED where the account of the identity takes no writes, FORBIDDEN where the identity lacks the permission that writing takes (its first argument; in any workspace, if there is a second), and FORBIDDEN for TRUNCATE by a role that does not own the table. Made by isolate(); the policies hold without it.';

CREATE FUNCTION account.isolate(table_name regclass, account_column name DEFAULT 'account_id', existing_rows text DEFAULT NULL,
		workspace_column name DEFAULT NULL, read_permission text DEFAULT NULL, write_permission text DEFAULT NULL,
		quota text DEFAULT NULL, foreign_key boolean DEFAULT false, dry_run boolean DEFAULT false)
	RETURNS SETOF text
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_isolation_isolate';
REVOKE ALL ON FUNCTION account.isolate(regclass, name, text, name, text, text, text, boolean, boolean) FROM PUBLIC;
COMMENT ON FUNCTION account.isolate(regclass, name, text, name, text, text, text, boolean, boolean) IS 'Confines every account to its own rows of a table, and of all its partitions and children, also later ones: a uuid column of the account with default and index, row security policies, a trigger, ENABLE and FORCE. Returns the SQL that it ran, or with dry_run would run; where all is in place, none. A filled uuid column is taken as it is; otherwise existing_rows, an SQL expression over the row that yields its account, fills it; the expression runs as the owner of the table, sees past FORCE on tables of the same owner, and names other tables with their schemas. With workspace_column, a uuid column that is filled, or added to a table without rows, rows are read and written only in workspaces that the identity reaches. With read_permission and write_permission, it has to hold the one to read and the other to write: in the account, or, with workspace_column, in the workspace of the row. quota names the resource that a row counts as, for the limits of plans, whoever writes it; several tables may count as one. What is left out of these four stays as it is; release() ends it. foreign_key adds one to account.accounts, at a cost for inserts. Level owner, for the owner of the table, whose level must be owner too. Raises FORBIDDEN otherwise, NOT_FOUND, BAD_REQUEST for what cannot be isolated or filled, VALIDATION_FAILED for existing_rows that give no account and for a permission that is not defined, CONFLICT for a policy, trigger or constraint of the same name.';

CREATE FUNCTION account.share(table_name regclass) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_isolation_share';
REVOKE ALL ON FUNCTION account.share(regclass) FROM PUBLIC;
COMMENT ON FUNCTION account.share(regclass) IS 'Lets every account read a table, and all its partitions and children, and none write it: row security is enabled but not forced, so that the owner keeps its rows. Nobody else writes it, whatever other policy there is. Level owner, for the owner of the table, whose level must be owner too. Raises FORBIDDEN otherwise, NOT_FOUND, BAD_REQUEST for what cannot be shared, CONFLICT for an isolated table.';

CREATE FUNCTION account.release(table_name regclass) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_isolation_release';
REVOKE ALL ON FUNCTION account.release(regclass) FROM PUBLIC;
COMMENT ON FUNCTION account.release(regclass) IS 'Ends what isolate() or share() began, for a table and all its partitions and children: drops their policies and trigger and, unless other policies remain, turns row security off, with a WARNING that all rows are open now. The column stays, with default and index. Level owner, for the owner of the table. Raises FORBIDDEN otherwise, NOT_FOUND, and BAD_REQUEST below a protected table.';

CREATE FUNCTION account.isolation_of(table_name regclass,
		OUT account_column name, OUT workspace_column name, OUT read_permission text, OUT write_permission text, OUT quota text)
	LANGUAGE C STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_isolation_isolation_of';
REVOKE ALL ON FUNCTION account.isolation_of(regclass) FROM PUBLIC;
COMMENT ON FUNCTION account.isolation_of(regclass) IS 'By what the policies of a table confine its rows, and what they count as, all NULL if it is not isolated: what isolated_tables shows. Level owner; raises nothing.';

CREATE VIEW account.isolated_tables WITH (security_barrier) AS
	SELECT c.oid::pg_catalog.regclass AS table_name,
		i.account_column,
		i.workspace_column,
		i.read_permission,
		i.write_permission,
		i.quota,
		c.relowner::pg_catalog.regrole AS owner,
		c.relrowsecurity AS enabled,
		c.relforcerowsecurity AS forced,
		EXISTS (SELECT
			FROM pg_catalog.pg_constraint k
			JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) k.conrelid
				AND k.conkey OPERATOR(pg_catalog.=) ARRAY[a.attnum]
			WHERE k.conrelid OPERATOR(pg_catalog.=) c.oid
				AND k.contype OPERATOR(pg_catalog.=) 'f'
				AND k.confrelid OPERATOR(pg_catalog.=) 'account.accounts'::pg_catalog.regclass
				AND a.attname OPERATOR(pg_catalog.=) i.account_column) AS foreign_key
	FROM pg_catalog.pg_policy p
	JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) p.polrelid
	CROSS JOIN LATERAL account.isolation_of(c.oid) i
	WHERE p.polname OPERATOR(pg_catalog.=) 'account_select'
		AND i.account_column IS NOT NULL;
COMMENT ON VIEW account.isolated_tables IS 'The tables on which every account is confined to its own rows, partitions and children among them, read from their policies. isolate() makes them so.';
COMMENT ON COLUMN account.isolated_tables.table_name IS 'The table.';
COMMENT ON COLUMN account.isolated_tables.account_column IS 'The column that says whose a row is.';
COMMENT ON COLUMN account.isolated_tables.workspace_column IS 'The column that says in which workspace a row is; NULL if it is in none.';
COMMENT ON COLUMN account.isolated_tables.read_permission IS 'The permission that reading takes; NULL if it takes none.';
COMMENT ON COLUMN account.isolated_tables.write_permission IS 'The permission that writing takes; NULL if it takes none.';
COMMENT ON COLUMN account.isolated_tables.quota IS 'The resource that a row counts as, for the limits of plans; NULL if it counts as none.';
COMMENT ON COLUMN account.isolated_tables.owner IS 'The role that owns it.';
COMMENT ON COLUMN account.isolated_tables.enabled IS 'Whether row security is on; if not, isolate() turns it on again.';
COMMENT ON COLUMN account.isolated_tables.forced IS 'Whether it also binds the owner; if not, isolate() forces it again.';
COMMENT ON COLUMN account.isolated_tables.foreign_key IS 'Whether the column references account.accounts.';

CREATE VIEW account.shared_tables WITH (security_barrier) AS
	SELECT c.oid::pg_catalog.regclass AS table_name,
		c.relowner::pg_catalog.regrole AS owner,
		c.relrowsecurity AS enabled
	FROM pg_catalog.pg_policy p
	JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) p.polrelid
	JOIN pg_catalog.pg_depend f ON f.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_policy'::pg_catalog.regclass
		AND f.objid OPERATOR(pg_catalog.=) p.oid
		AND f.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
		AND f.refobjid OPERATOR(pg_catalog.=) 'account.policy_identified()'::pg_catalog.regprocedure
	WHERE p.polname OPERATOR(pg_catalog.=) 'account_share_select'
		AND NOT p.polpermissive;
COMMENT ON VIEW account.shared_tables IS 'The tables that every account reads and none writes, read from their policies. share() makes them so.';
COMMENT ON COLUMN account.shared_tables.table_name IS 'The table.';
COMMENT ON COLUMN account.shared_tables.owner IS 'The role that owns it and keeps its rows.';
COMMENT ON COLUMN account.shared_tables.enabled IS 'Whether row security is on; if not, share() turns it on again.';

-- New partitions and children of protected tables are protected with them.  It is
-- superuser's, so it does nothing by itself on a user's table: src/script.c.
CREATE FUNCTION account.protect_new_relations() RETURNS event_trigger
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_isolation_protect_new_relations';
REVOKE ALL ON FUNCTION account.protect_new_relations() FROM PUBLIC;
COMMENT ON FUNCTION account.protect_new_relations() IS 'Event trigger function: gives what a command puts below an isolated or shared table the same protection, as its owner, and refuses what cannot have it, or a parent without it. Nobody calls it.';

CREATE EVENT TRIGGER account_isolation_ddl ON ddl_command_end
	WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE', 'CREATE FOREIGN TABLE', 'ALTER FOREIGN TABLE',
		'CREATE SCHEMA', 'IMPORT FOREIGN SCHEMA')
	EXECUTE FUNCTION account.protect_new_relations();
ALTER EVENT TRIGGER account_isolation_ddl ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER account_isolation_ddl IS 'Protects new partitions and children of isolated and shared tables.';

INSERT INTO account.access_grants (level, object) VALUES
	('owner', 'FUNCTION account.isolate(regclass, name, text, name, text, text, text, boolean, boolean)'),
	('owner', 'FUNCTION account.share(regclass)'),
	('owner', 'FUNCTION account.release(regclass)'),
	('owner', 'FUNCTION account.require_writable()'),
	('owner', 'FUNCTION account.isolation_of(regclass)'),
	('owner', 'TABLE account.isolated_tables'),
	('owner', 'TABLE account.shared_tables');
