/*
 * application.c
 *	  isolate_schema(): a whole existing application, isolated in one call.
 *
 * What is to be done is read from the catalogs once, before the first statement, into one
 * Application:
 *
 *	  units			each table of the schema that has no parent there, with all below it, and
 *					what is wanted of it: to be isolated or shared, and the expression
 *					that gives the account of its rows, if there is one
 *	  tables		all tables that are to be isolated, flat
 *	  references	the foreign keys between isolated tables that do not have the account yet:
 *					those that have to be changed, and the ways along which rows find theirs
 *
 * Then, in this order, all of it through script_run() as the owner of each table:
 *
 *	  1  the column, where it is missing
 *	  2  rows get their account (fill.c)
 *	  3  every row has an account that exists, or an error says in which table how many have none
 *	  4  unique keys, then foreign keys (unique.c, reference.c): validated before row security is forced
 *	  5  NOT NULL, default, index, policies, FORCE (protection.c)
 *	  6  the schema is protected from now on (birth.c)
 *
 * Every step looks at what is there and does what is missing, so a second call does nothing,
 * and the script of a dry run (draft.c), which does the slow part of 1 to 4 in its own way,
 * ends with this call.
 *
 * The schema is locked against new tables before anything is read, then all tables, by oid.
 */
#include "account.h"

#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(account_application_isolate_schema);

/* ----------------------------------------------------------- the arguments */

/* A member of existing_rows. */
typedef struct Entry
{
	const char *table;
	const char *expression;
	bool		used;
} Entry;

typedef struct Request
{
	Oid			schema;
	const char *schema_name;
	List	   *shared;			/* oids */
	List	   *entries;		/* Entry *, of existing_rows */
	bool		dry_run;
	LOCKMODE	lock;
	Validation	validation;
} Request;

#define FALLBACK "*"

static void
read_entry(Request *request, char *name, JsonbValue *value)
{
	Entry	   *entry = palloc0(sizeof(Entry));

	entry->table = name;
	if (value->type == jbvString)
		entry->expression = pnstrdup(value->val.string.val, value->val.string.len);
	else
		validation_add(&request->validation, psprintf("existing_rows.%s", name), "type", "must be a string",
					   "Give an SQL expression over the row.");
	request->entries = lappend(request->entries, entry);
}

static void
read_existing_rows(Request *request, Jsonb *object)
{
	JsonbIterator *iterator = JsonbIteratorInit(&object->root);
	JsonbValue	value;
	char	   *name = NULL;
	JsonbIteratorToken token;

	if (!JB_ROOT_IS_OBJECT(object))
	{
		validation_add(&request->validation, "existing_rows", "type", "must be an object",
					   "Name tables, and give an SQL expression for each.");
		return;
	}
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = pnstrdup(value.val.string.val, value.val.string.len);
		else if (token == WJB_VALUE)
			read_entry(request, name, &value);
	}
}

static void
read_shared(Request *request, ArrayType *array)
{
	Datum	   *oids;
	bool	   *nulls;
	int			count;

	deconstruct_array(array, REGCLASSOID, sizeof(Oid), true, TYPALIGN_INT, &oids, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (nulls[i] || get_rel_namespace(DatumGetObjectId(oids[i])) != request->schema)
			validation_add(&request->validation, "shared", "unknown_table", "must be tables of the schema", NULL);
		else
			request->shared = list_append_unique_oid(request->shared, DatumGetObjectId(oids[i]));
	}
}

/* Raises unless the schema is one of the caller's own. */
static void
require_schema(Request *request)
{
	request->schema_name = get_namespace_name(request->schema);
	if (request->schema_name == NULL)
		error_raise(ERROR_NOT_FOUND, NULL, "there is no schema with oid %u", request->schema);
	if (IsCatalogNamespace(request->schema) || isAnyTempNamespace(request->schema) ||
		strcmp(request->schema_name, "information_schema") == 0 ||
		OidIsValid(getExtensionOfObject(NamespaceRelationId, request->schema)))
		error_raise(ERROR_BAD_REQUEST, NULL, "schema %s cannot be isolated: it is not an application's",
					quote_identifier(request->schema_name));
	if (!namespace_ownercheck(request->schema, GetUserId()))
		error_raise(ERROR_FORBIDDEN, "Call it as the owner of the schema.", "must be owner of schema %s",
					quote_identifier(request->schema_name));
}

static void
get_request(FunctionCallInfo fcinfo, Request *request)
{
	memset(request, 0, sizeof(*request));
	validation_start(&request->validation);
	if (PG_ARGISNULL(0))
		validation_add(&request->validation, "schema", "required", "a schema is required", NULL);
	else
		request->schema = PG_GETARG_OID(0);
	validation_finish(&request->validation);
	require_schema(request);
	if (!PG_ARGISNULL(1))
		read_shared(request, PG_GETARG_ARRAYTYPE_P(1));
	if (!PG_ARGISNULL(2))
		read_existing_rows(request, PG_GETARG_JSONB_P(2));
	validation_finish(&request->validation);
	request->dry_run = !PG_ARGISNULL(3) && PG_GETARG_BOOL(3);
	request->lock = request->dry_run ? AccessShareLock : AccessExclusiveLock;
}

/* The call itself, without dry_run. */
static const char *
call_sql(FunctionCallInfo fcinfo, const Request *request)
{
	StringInfoData call;
	ListCell   *cell;

	initStringInfo(&call);
	appendStringInfo(&call, "account.isolate_schema(%s",
					 quote_literal_cstr(quote_identifier(request->schema_name)));
	foreach(cell, request->shared)
		appendStringInfo(&call, "%s%s::pg_catalog.regclass", foreach_current_index(cell) == 0 ? ", shared => ARRAY[" : ", ",
						 quote_literal_cstr(protection_table_name(lfirst_oid(cell))));
	if (request->shared != NIL)
		appendStringInfoChar(&call, ']');
	if (request->entries != NIL)
		appendStringInfo(&call, ", existing_rows => %s",
						 quote_literal_cstr(JsonbToCString(NULL, &PG_GETARG_JSONB_P(2)->root, 0)));
	appendStringInfoChar(&call, ')');
	return call.data;
}

/* -------------------------------------------------------------- the schema */

/*
 * The tables of a schema that have no parent there, and what cannot be isolated.  What
 * belongs to an extension is its own.
 */
static Statement topmost_tables = {
	"SELECT c.oid, c.relname, c.relkind FROM pg_catalog.pg_class c"
	" WHERE c.relnamespace OPERATOR(pg_catalog.=) $1 AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,f,m}')"
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits h"
	" JOIN pg_catalog.pg_class p ON p.oid OPERATOR(pg_catalog.=) h.inhparent"
	" WHERE h.inhrelid OPERATOR(pg_catalog.=) c.oid AND p.relnamespace OPERATOR(pg_catalog.=) $1)"
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d"
	" WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass"
	" AND d.objid OPERATOR(pg_catalog.=) c.oid AND d.deptype OPERATOR(pg_catalog.=) 'e')"
	" ORDER BY c.oid",
	1, {OIDOID}
};

static void
require_table(Oid relation, char kind)
{
	if (kind == RELKIND_MATVIEW)
		error_raise(ERROR_BAD_REQUEST, "Move it to another schema, where who may read it may read all of it.",
					"materialized view %s cannot be isolated: it has no row security", protection_table_name(relation));
	if (kind == RELKIND_FOREIGN_TABLE)
		error_raise(ERROR_BAD_REQUEST, "Move it to another schema, where who may read it may read all of it.",
					"foreign table %s cannot be isolated: another server gives access to its rows",
					protection_table_name(relation));
}

/* What existing_rows has for a table: by its name, with the schema or without. */
static const char *
find_expression(Request *request, Oid relation)
{
	const char *name = get_rel_name(relation);
	const char *expression = NULL;
	ListCell   *cell;

	foreach(cell, request->entries)
	{
		Entry	   *entry = lfirst(cell);

		if (strcmp(entry->table, name) != 0 && strcmp(entry->table, protection_table_name(relation)) != 0 &&
			strcmp(entry->table, psprintf("%s.%s", request->schema_name, name)) != 0)
			continue;
		entry->used = true;
		expression = entry->expression;
	}
	return expression;
}

/* The column by which a table is isolated, or will be. */
static const char *
account_column(Oid relation)
{
	Isolation	isolation;
	AttrNumber	attribute = get_attnum(relation, BIRTH_COLUMN);

	if (policy_protection(relation, &isolation) == PROTECTION_ISOLATED)
		return get_attname(relation, isolation.account, false);
	if (attribute != InvalidAttrNumber && get_atttype(relation, attribute) != UUIDOID)
		error_raise(ERROR_BAD_REQUEST,
					psprintf("Isolate it by another column first: account.isolate('%s', 'tenant_id'), with existing_rows if it has any.",
							 protection_table_name(relation)),
					"table %s cannot be isolated: its column " BIRTH_COLUMN " is of type %s, not uuid",
					protection_table_name(relation), format_type_be(get_atttype(relation, attribute)));
	return BIRTH_COLUMN;
}

static Protection
wanted_protection(const Request *request, Oid relation)
{
	Isolation	isolation;

	return list_member_oid(request->shared, relation) || policy_protection(relation, &isolation) == PROTECTION_SHARED ?
		PROTECTION_SHARED : PROTECTION_ISOLATED;
}

static List *
open_unit(const Unit *unit, Oid relation, LOCKMODE lock)
{
	return protection_open(relation, unit->wanted == PROTECTION_ISOLATED ? account_column(relation) : NULL, lock, true);
}

static void
read_unit(Request *request, Application *application, Oid relation)
{
	Unit	   *unit = palloc0(sizeof(Unit));

	/* The lock first: then what is read stays.  Meanwhile it may have been dropped. */
	LockRelationOid(relation, request->lock);
	if (get_rel_name(relation) == NULL)
		return;
	unit->wanted = wanted_protection(request, relation);
	unit->expression = find_expression(request, relation);
	unit->tables = open_unit(unit, relation, request->lock);
	if (unit->wanted == PROTECTION_ISOLATED)
		application->tables = list_concat(application->tables, unit->tables);
	else if (unit->expression != NULL)
		validation_add(&request->validation, psprintf("existing_rows.%s", get_rel_name(relation)), "shared_table",
					   "a shared table has no account", NULL);
	application->units = lappend(application->units, unit);
}

/* Adds an entry for each table of the arguments that is none of the schema. */
static void
check_entries(Request *request, Application *application)
{
	ListCell   *cell;

	foreach(cell, request->entries)
	{
		Entry	   *entry = lfirst(cell);

		if (strcmp(entry->table, FALLBACK) == 0)
			application->fallback = entry->expression;
		else if (!entry->used)
			validation_add(&request->validation, psprintf("existing_rows.%s", entry->table), "unknown_table",
						   psprintf("there is no table \"%s\" in the schema that could be isolated", entry->table),
						   "Of a table with partitions or children name the topmost.");
	}
	validation_finish(&request->validation);
}

static List *
read_topmost(const Request *request, Application *application)
{
	Datum		schema = ObjectIdGetDatum(request->schema);
	QueryScope	scope;
	uint64		rows;
	List	   *relations = NIL;

	query_open(&scope);
	rows = query_latest(&topmost_tables, &schema, NULL);
	for (uint64 row = 0; row < rows; row++)
	{
		bool		isnull;
		Oid			relation = DatumGetObjectId(query_datum(&scope, row, 1, &isnull));
		MemoryContext old = MemoryContextSwitchTo(scope.caller);

		require_table(relation, query_string(&scope, row, 3)[0]);
		if (birth_is_bookkeeping(query_string(&scope, row, 2)))
			application->left_alone = lappend(application->left_alone, unconstify(char *, protection_table_name(relation)));
		else
			relations = lappend_oid(relations, relation);
		MemoryContextSwitchTo(old);
	}
	query_close(&scope);
	return relations;
}

static void
read_application(Request *request, Application *application)
{
	ListCell   *cell;

	if (IsolationUsesXactSnapshot())
		error_raise(ERROR_BAD_REQUEST, "Call it at READ COMMITTED.",
					"isolate_schema() cannot see the tables and rows of now at isolation level REPEATABLE READ or SERIALIZABLE");
	LockDatabaseObject(NamespaceRelationId, request->schema, 0, request->lock);
	require_schema(request);
	foreach(cell, read_topmost(request, application))
		read_unit(request, application, lfirst_oid(cell));
	check_entries(request, application);
	application->references = reference_read(application->tables);
}

/* --------------------------------------------------------------- the whole */

/* Policies and the rest of each table, read anew: it has the column and the keys now. */
static void
protect(Script *script, Unit *unit)
{
	ProtectionRequest request = {.protection = unit->wanted};
	Oid			relation = ((ProtectedTable *) linitial(unit->tables))->relation;

	protection_apply(script, open_unit(unit, relation, AccessExclusiveLock), &request);
}

static void
warn_of_owners(const Application *application)
{
	List	   *owners = NIL;
	ListCell   *cell;

	foreach(cell, application->tables)
	{
		const ProtectedTable *table = lfirst(cell);

		if (!list_member_oid(owners, table->owner))
			protection_warn_of_owner(table);
		owners = list_append_unique_oid(owners, table->owner);
	}
}

static void
run(Script *script, Application *application)
{
	ListCell   *cell;

	fill_columns(script, application);
	fill_accounts(script, application);
	reference_apply(script, application->tables, true);
	foreach(cell, application->units)
		protect(script, lfirst(cell));
	birth_protect(application->schema);
	foreach(cell, application->left_alone)
		ereport(NOTICE, (errmsg("table %s is left alone: it is where a tool keeps its migrations", (char *) lfirst(cell))));
	warn_of_owners(application);
}

/* isolate_schema(schema, shared, existing_rows, dry_run) */
Datum
account_application_isolate_schema(PG_FUNCTION_ARGS)
{
	Script		script = {.settle = true};
	Application application = {0};
	Request		request;

	get_request(fcinfo, &request);
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	application.schema = request.schema;
	application.call = call_sql(fcinfo, &request);
	script.dry_run = request.dry_run;
	read_application(&request, &application);
	if (request.dry_run)
		draft_write(&script, &application);
	else
	{
		run(&script, &application);
		audit_note_named("schema.isolated", "schema", quote_identifier(get_namespace_name(request.schema)));
	}
	script_return(&script, fcinfo);
	return (Datum) 0;
}
