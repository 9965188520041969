/*
 * birth.c
 *	  Schemas in which every new table is isolated, or refused, in the transaction that
 *	  makes it.
 *
 * An event trigger looks at what a command has made or changed:
 *
 *	  a table made in a protected schema, or moved into one (CREATE TABLE, AS, SELECT INTO,
 *		LIKE, PARTITION OF, INHERITS, SET SCHEMA): isolated by BIRTH_COLUMN, which is added
 *		if it is missing; refused if it has rows without an account
 *	  a foreign table or a materialized view: refused, row security does not reach it
 *	  a key of an isolated table there, of a new one or added later: gets the account
 *	  a schema: its new name is protected too, and its old one stays; a schema that takes a
 *		protected name has its tables isolated
 *
 * Who makes a table holds a lock on the schema until his transaction ends, and
 * isolate_schema() one that conflicts: no table is made between the two.
 *
 * EXPLAIN ANALYZE makes tables of which no event trigger is told: a hook looks after these,
 * where the library is loaded.
 *
 * It stands back in extension scripts, from temporary tables, from tables that have
 * policies of ours already (a restore makes tables before this table is filled, and their
 * policies last), from those in which tools keep their migrations, and from what release()
 * has let go: a later command that only changes such a table is no birth.
 */
#include "account.h"

#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(account_birth_protect_new_tables);
PG_FUNCTION_INFO_V1(account_birth_forget_schemas);

/* Where tools keep which migrations have been run: of the application, and no tenant's. */
static const char *const bookkeeping[] = {
	"schema_migrations", "ar_internal_metadata",	/* Rails, and many that took its name */
	"django_migrations",
	"flyway_schema_history", "schema_version",
	"databasechangelog", "databasechangeloglock",	/* Liquibase */
	"alembic_version",
	"knex_migrations", "knex_migrations_lock",
	"_prisma_migrations",
	"goose_db_version",
	"__drizzle_migrations", "__EFMigrationsHistory", "_sqlx_migrations", "__diesel_schema_migrations",
	"SequelizeMeta", "migrations", "typeorm_metadata", "mikro_orm_migrations", "pgmigrations",
	"doctrine_migration_versions", "phinxlog", "gorp_migrations", "schema_info", "atlas_schema_revisions",
};

bool
birth_is_bookkeeping(const char *name)
{
	for (int i = 0; i < lengthof(bookkeeping); i++)
	{
		if (strcmp(bookkeeping[i], name) == 0)
			return true;
	}
	return false;
}

/* ---------------------------------------------------------------- schemas */

/* In a query: whether row s protects the schema n. */
#define PROTECTS \
	"(s.name OPERATOR(pg_catalog.=) n.nspname OR (s.schema_id OPERATOR(pg_catalog.=) n.oid" \
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_namespace o WHERE o.nspname OPERATOR(pg_catalog.=) s.name)))"

static Datum
name_datum(const char *name)
{
	return DirectFunctionCall1(namein, CStringGetDatum(name));
}

/* Runs a statement on our table with a name and, where it takes one, an oid; returns the number of rows. */
static uint64
write_schema(Statement *statement, const char *name, Oid schema)
{
	Datum		values[2];
	QueryScope	scope;
	uint64		rows;

	values[0] = name_datum(name);
	values[1] = ObjectIdGetDatum(schema);
	query_open(&scope);
	rows = query_write(statement, values, NULL);
	query_close(&scope);
	return rows;
}

void
birth_protect(Oid schema)
{
	static Statement add = {
		"INSERT INTO account.protected_schemas AS s (name, schema_id) VALUES ($1, $2)"
		" ON CONFLICT (name) DO UPDATE SET schema_id = EXCLUDED.schema_id"
		" WHERE s.schema_id OPERATOR(pg_catalog.<>) EXCLUDED.schema_id",
		2, {NAMEOID, OIDOID}
	};

	write_schema(&add, get_namespace_name(schema), schema);
}

/* Follows a schema to its new name. Returns whether it gets a protection that it did not have. */
static bool
follow_name(const char *old_name, const char *new_name)
{
	static Statement leave = {
		"UPDATE account.protected_schemas AS s SET schema_id = 0"
		" WHERE s.name OPERATOR(pg_catalog.=) $1 OR s.schema_id OPERATOR(pg_catalog.=) $2",
		2, {NAMEOID, OIDOID}
	};
	static Statement take = {
		"UPDATE account.protected_schemas AS s SET schema_id = $2 WHERE s.name OPERATOR(pg_catalog.=) $1",
		2, {NAMEOID, OIDOID}
	};
	Oid			schema = get_namespace_oid(new_name, false);

	if (write_schema(&leave, old_name, schema) > 0)
	{
		birth_protect(schema);
		return false;
	}
	return write_schema(&take, new_name, schema) > 0;
}

/* ----------------------------------------------------------------- tables */

/* The tables that a command has made or changed, those of its indexes among them, in protected schemas. */
static Statement changed_relations = {
	"SELECT DISTINCT c.oid FROM pg_catalog.pg_event_trigger_ddl_commands() d"
	" LEFT JOIN pg_catalog.pg_index i ON i.indexrelid OPERATOR(pg_catalog.=) d.objid"
	" JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) COALESCE(i.indrelid, d.objid)"
	" JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace"
	" JOIN account.protected_schemas s ON " PROTECTS
	" WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass"
	" AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,f,m}') AND c.relpersistence OPERATOR(pg_catalog.<>) 't'"
	" ORDER BY c.oid",
};

/* All tables of a schema ($1). */
static Statement relations_of_schema = {
	"SELECT c.oid FROM pg_catalog.pg_class c"
	" JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace"
	" WHERE n.nspname OPERATOR(pg_catalog.=) $1"
	" AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,f,m}') AND c.relpersistence OPERATOR(pg_catalog.<>) 't'"
	" ORDER BY c.oid",
	1, {NAMEOID}
};

static List *
read_relations(Statement *statement, const Datum *values)
{
	QueryScope	scope;
	uint64		rows;
	List	   *relations = NIL;

	query_open(&scope);
	rows = query_latest(statement, values, NULL);
	for (uint64 row = 0; row < rows; row++)
	{
		bool		isnull;
		Oid			relation = DatumGetObjectId(query_datum(&scope, row, 1, &isnull));
		MemoryContext old = MemoryContextSwitchTo(scope.caller);

		relations = lappend_oid(relations, relation);
		MemoryContextSwitchTo(old);
	}
	query_close(&scope);
	return relations;
}

static void
refuse_kind(Oid relation, char kind)
{
	const char *hint = "Make it in a schema that is not protected, where who may read it may read all of it.";

	if (kind == RELKIND_FOREIGN_TABLE)
		error_raise(ERROR_BAD_REQUEST, hint,
					"foreign table %s cannot be in a schema whose tables are isolated: another server gives access to its rows",
					protection_table_name(relation));
	if (kind == RELKIND_MATVIEW)
		error_raise(ERROR_BAD_REQUEST, hint,
					"materialized view %s cannot be in a schema whose tables are isolated: it has no row security",
					protection_table_name(relation));
}

/* Isolates a new table; raises if it cannot be. */
static void
isolate_new(Oid relation)
{
	Script		script = {0};
	ProtectionRequest request = {.protection = PROTECTION_ISOLATED};
	List	   *tables = protection_open(relation, BIRTH_COLUMN, AccessExclusiveLock, false);

	if (column_add(&script, tables, NULL))
		error_raise(ERROR_BAD_REQUEST,
					"Select the column of the account too, or make the table in a schema that is not protected.",
					"table %s has rows without an account, and every table of its schema is isolated",
					protection_table_name(relation));
	reference_apply(&script, tables, true);
	protection_apply(&script, protection_open(relation, BIRTH_COLUMN, AccessExclusiveLock, false), &request);
}

/*
 * Puts the account into the keys of an isolated table.  One that is only changed gets no twin
 * that nothing references: a restore by several jobs adds a primary key behind the policies,
 * and its twin by itself.
 */
static void
complete_keys(Oid relation, const Isolation *isolation, bool birth)
{
	Script		script = {0};

	reference_apply(&script, protection_open(relation, get_attname(relation, isolation->account, false),
											 AccessShareLock, false), birth);
}

/* Looks after one relation of a protected schema. */
static void
look_after(Oid relation, bool birth)
{
	Isolation	isolation;
	char		kind = get_rel_relkind(relation);

	if (OidIsValid(getExtensionOfObject(RelationRelationId, relation)) || birth_is_bookkeeping(get_rel_name(relation)))
		return;
	refuse_kind(relation, kind);
	switch (policy_protection(relation, &isolation))
	{
		case PROTECTION_NONE:
			if (birth)
				isolate_new(relation);
			break;
		case PROTECTION_ISOLATED:
			complete_keys(relation, &isolation, birth);
			break;
		case PROTECTION_SHARED:
			break;
	}
}

/* Looks after tables; a command that only changes a table, or adds an index, is no birth. */
static void
look_after_all(List *relations, bool birth)
{
	ListCell   *cell;

	foreach(cell, relations)
		look_after(lfirst_oid(cell), birth);
}

static void
follow_schema(const RenameStmt *rename)
{
	Datum		name = name_datum(rename->newname);

	if (follow_name(rename->subname, rename->newname))
		look_after_all(read_relations(&relations_of_schema, &name), true);
}

/* An index that was made concurrently has been committed: it can only be told. */
static void
warn_of_index(Oid relation)
{
	Isolation	isolation;
	ListCell   *cell;

	if (policy_protection(relation, &isolation) != PROTECTION_ISOLATED)
		return;
	foreach(cell, unique_read(protection_open(relation, get_attname(relation, isolation.account, false),
											  AccessShareLock, false)))
	{
		const UniqueKey *key = lfirst(cell);

		if (!key->stays)
			ereport(WARNING,
					(errmsg("unique index %s of table %s spans accounts and tells one which values others hold",
							key->name, key->table->name),
					 errhint("Put the account's column into it, or the next command that alters the table will.")));
	}
}

/* The event trigger at the end of commands that can make, move or change a table, or rename a schema. */
Datum
account_birth_protect_new_tables(PG_FUNCTION_ARGS)
{
	EventTriggerData *event = (EventTriggerData *) fcinfo->context;
	Node	   *command;
	List	   *relations;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("protect_new_tables() must be called as an event trigger")));
	if (creating_extension || script_is_running())
		PG_RETURN_VOID();

	command = event->parsetree;
	if (IsA(command, RenameStmt))
	{
		if (((RenameStmt *) command)->renameType == OBJECT_SCHEMA)
			follow_schema((RenameStmt *) command);
		PG_RETURN_VOID();
	}
	relations = read_relations(&changed_relations, NULL);
	if (IsA(command, IndexStmt) && ((IndexStmt *) command)->concurrent && relations != NIL)
		warn_of_index(linitial_oid(relations));
	else
		look_after_all(relations, !IsA(command, IndexStmt) && !IsA(command, AlterTableStmt));
	PG_RETURN_VOID();
}

/* Whether the extension is here: not while it is dropped, nor in a database that lacks it. */
static bool
is_installed(void)
{
	return OidIsValid(get_relname_relid("protected_schemas", get_namespace_oid("account", true)));
}

/* The event trigger behind commands that can drop a schema. */
Datum
account_birth_forget_schemas(PG_FUNCTION_ARGS)
{
	static Statement forget = {
		"DELETE FROM account.protected_schemas AS s USING pg_catalog.pg_event_trigger_dropped_objects() d"
		" WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass"
		" AND (d.object_name OPERATOR(pg_catalog.=) s.name::pg_catalog.text OR d.objid OPERATOR(pg_catalog.=) s.schema_id)"
		" RETURNING s.name::pg_catalog.text",
	};
	QueryScope	scope;
	uint64		rows;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("forget_schemas() must be called as an event trigger")));
	if (creating_extension || !is_installed())
		PG_RETURN_VOID();
	query_open(&scope);
	rows = query_write(&forget, NULL, NULL);
	for (uint64 row = 0; row < rows; row++)
		ereport(WARNING,
				(errmsg("schema %s is protected no more: later tables of one of that name are not isolated",
						quote_identifier(query_string(&scope, row, 1))),
				 errhint("Call isolate_schema() for it when it is there again.")));
	query_close(&scope);
	PG_RETURN_VOID();
}

/* ---------------------------------------------------------------- EXPLAIN */

static ProcessUtility_hook_type previous_ProcessUtility = NULL;

/* The table that EXPLAIN ANALYZE makes; NULL for any other statement. No event trigger is told of it. */
static const RangeVar *
explained_table(Node *statement)
{
	Query	   *query;
	bool		analyze = false;
	ListCell   *cell;

	if (!IsA(statement, ExplainStmt))
		return NULL;
	foreach(cell, ((ExplainStmt *) statement)->options)
	{
		if (strcmp(lfirst_node(DefElem, cell)->defname, "analyze") == 0)
			analyze = defGetBoolean(lfirst(cell));
	}
	query = castNode(Query, ((ExplainStmt *) statement)->query);
	if (!analyze || query->utilityStmt == NULL || !IsA(query->utilityStmt, CreateTableAsStmt))
		return NULL;
	return ((CreateTableAsStmt *) query->utilityStmt)->into->rel;
}

/* Looks after a table that no event trigger was told of. */
static void
look_after_explained(const RangeVar *name)
{
	static Statement find = {
		"SELECT c.oid FROM pg_catalog.pg_class c"
		" JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace"
		" JOIN account.protected_schemas s ON " PROTECTS
		" WHERE c.oid OPERATOR(pg_catalog.=) $1 AND c.relpersistence OPERATOR(pg_catalog.<>) 't'",
		1, {OIDOID}
	};
	Datum		relation;

	CommandCounterIncrement();
	relation = ObjectIdGetDatum(RangeVarGetRelid(name, NoLock, true));
	if (is_installed())
		look_after_all(read_relations(&find, &relation), true);
}

static void
process_utility(PlannedStmt *statement, const char *string, bool read_only, ProcessUtilityContext context,
				ParamListInfo parameters, QueryEnvironment *environment, DestReceiver *destination,
				QueryCompletion *completion)
{
	const RangeVar *explained = explained_table(statement->utilityStmt);

	if (previous_ProcessUtility != NULL)
		previous_ProcessUtility(statement, string, read_only, context, parameters, environment, destination, completion);
	else
		standard_ProcessUtility(statement, string, read_only, context, parameters, environment, destination, completion);
	if (explained != NULL && !script_is_running())
		look_after_explained(explained);
}

void
birth_init(void)
{
	previous_ProcessUtility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
