/*
 * isolation.c
 *	  Row security on users' tables: isolate(), share(), release(), and what keeps
 *	  it when tables get new partitions and children.
 *
 * The caller must own the table and everything below it; all is then done as
 * each table's owner (script.c).
 */
#include "account.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

PG_FUNCTION_INFO_V1(account_isolation_isolate);
PG_FUNCTION_INFO_V1(account_isolation_share);
PG_FUNCTION_INFO_V1(account_isolation_release);
PG_FUNCTION_INFO_V1(account_isolation_isolation_of);
PG_FUNCTION_INFO_V1(account_isolation_require_writable);
PG_FUNCTION_INFO_V1(account_isolation_protect_new_relations);

static Datum
name_datum(const char *name)
{
	return DirectFunctionCall1(namein, CStringGetDatum(name));
}

/* ------------------------------------------------------------------ advice */

/*
 * The foreign keys at either end of some tables ($1), between tables that are isolated
 * or among these, whose pairs of columns do not have the account's on both sides, or not
 * the workspace's, where both have one; whether it is the account's.  $2 is the
 * account's column in these tables, $3 the workspace's, NULL if they have none.
 */
static Statement foreign_keys_too_wide = {
	"SELECT k.conname, k.conrelid, k.confrelid, pair.account IS NOT TRUE"
	" FROM pg_catalog.pg_constraint k"
	" LEFT JOIN account.isolated_tables f ON f.table_name OPERATOR(pg_catalog.=) k.conrelid"
	" LEFT JOIN account.isolated_tables p ON p.table_name OPERATOR(pg_catalog.=) k.confrelid"
	" CROSS JOIN LATERAL (SELECT"
	" CASE WHEN k.conrelid OPERATOR(pg_catalog.=) ANY ($1) THEN $3 ELSE f.workspace_column END AS referencing,"
	" CASE WHEN k.confrelid OPERATOR(pg_catalog.=) ANY ($1) THEN $3 ELSE p.workspace_column END AS referenced) w"
	" CROSS JOIN LATERAL (SELECT"
	" pg_catalog.bool_or(fa.attname OPERATOR(pg_catalog.=) COALESCE(f.account_column, $2)"
	" AND pa.attname OPERATOR(pg_catalog.=) COALESCE(p.account_column, $2)) AS account,"
	" pg_catalog.bool_or(fa.attname OPERATOR(pg_catalog.=) w.referencing"
	" AND pa.attname OPERATOR(pg_catalog.=) w.referenced) AS workspace"
	" FROM ROWS FROM (pg_catalog.unnest(k.conkey), pg_catalog.unnest(k.confkey)) AS c (referencing, referenced)"
	" JOIN pg_catalog.pg_attribute fa ON fa.attrelid OPERATOR(pg_catalog.=) k.conrelid"
	" AND fa.attnum OPERATOR(pg_catalog.=) c.referencing"
	" JOIN pg_catalog.pg_attribute pa ON pa.attrelid OPERATOR(pg_catalog.=) k.confrelid"
	" AND pa.attnum OPERATOR(pg_catalog.=) c.referenced) pair"
	" WHERE k.contype OPERATOR(pg_catalog.=) 'f' AND k.conparentid OPERATOR(pg_catalog.=) 0"
	" AND (k.conrelid OPERATOR(pg_catalog.=) ANY ($1) OR k.confrelid OPERATOR(pg_catalog.=) ANY ($1))"
	" AND (k.conrelid OPERATOR(pg_catalog.=) ANY ($1) OR f.table_name IS NOT NULL)"
	" AND (k.confrelid OPERATOR(pg_catalog.=) ANY ($1) OR p.table_name IS NOT NULL)"
	" AND (pair.account IS NOT TRUE OR (pair.workspace IS NOT TRUE"
	" AND w.referencing IS NOT NULL AND w.referenced IS NOT NULL))"
	" ORDER BY k.conname, k.conrelid",
	3, {OIDARRAYOID, NAMEOID, NAMEOID}
};

/*
 * A foreign key is checked past row security: it lets an account, or a workspace, point at,
 * probe and cascade into rows of others.
 */
static void
warn_of_foreign_keys(List *tables)
{
	const ProtectedTable *head = linitial(tables);
	Datum	   *oids = palloc(sizeof(Datum) * list_length(tables));
	Datum		values[3];
	QueryScope	scope;
	uint64		rows;
	ListCell   *cell;

	foreach(cell, tables)
		oids[foreach_current_index(cell)] = ObjectIdGetDatum(((ProtectedTable *) lfirst(cell))->relation);
	values[0] = PointerGetDatum(construct_array(oids, list_length(tables), OIDOID, sizeof(Oid), true, TYPALIGN_INT));
	values[1] = name_datum(head->account.name);
	if (head->workspace.name != NULL)
		values[2] = name_datum(head->workspace.name);

	query_open(&scope);
	rows = query_latest(&foreign_keys_too_wide, values, head->workspace.name != NULL ? NULL : "  n");
	for (uint64 row = 0; row < rows; row++)
	{
		const char *owner = query_bool(row, 4) ? "account" : "workspace";
		bool		isnull;

		ereport(WARNING,
				(errmsg("foreign key \"%s\" of table %s reaches rows of other %ss in table %s",
						query_string(&scope, row, 1),
						protection_table_name(DatumGetObjectId(query_datum(&scope, row, 2, &isnull))), owner,
						protection_table_name(DatumGetObjectId(query_datum(&scope, row, 3, &isnull)))),
				 errhint("Put the %s's column into it, on both sides.", owner)));
	}
	query_close(&scope);
}

static bool
index_has_column(Relation index, AttrNumber attribute)
{
	for (int i = 0; i < index->rd_index->indnkeyatts; i++)
	{
		if (index->rd_index->indkey.values[i] == attribute)
			return attribute != 0;
	}
	return false;
}

/* A key that spans accounts tells one of them which values another holds. */
static void
notice_unique_indexes(const ProtectedTable *table)
{
	Relation	relation = table_open(table->relation, NoLock);
	ListCell   *cell;

	foreach(cell, RelationGetIndexList(relation))
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);

		if ((index->rd_index->indisunique || index->rd_index->indisexclusion) &&
			!index->rd_index->indisprimary && !index_has_column(index, table->account.attribute))
			ereport(NOTICE,
					(errmsg("unique index \"%s\" of table %s spans accounts and tells one which values others hold",
							RelationGetRelationName(index), table->name),
					 errhint("Put the account's column into it.")));
		index_close(index, AccessShareLock);
	}
	table_close(relation, NoLock);
}

static void
advise(List *tables)
{
	ListCell   *cell;

	protection_warn_of_owner(linitial(tables));
	warn_of_foreign_keys(tables);
	foreach(cell, tables)
	{
		const ProtectedTable *table = lfirst(cell);

		if (!table->partition)
			notice_unique_indexes(table);
	}
}

/* --------------------------------------------------------------- functions */

/* An argument that must not be NULL. */
static Oid
get_table_argument(FunctionCallInfo fcinfo)
{
	Validation	validation;

	validation_start(&validation);
	if (PG_ARGISNULL(0))
		validation_add(&validation, "table_name", "required", "a table is required", NULL);
	validation_finish(&validation);
	return PG_GETARG_OID(0);
}

/* A permission that a table is to take; NULL if none is given. Adds an entry unless it is one that is defined. */
static const char *
get_permission_argument(FunctionCallInfo fcinfo, int argument, const char *name, Validation *validation)
{
	const char *permission = changes_text_argument(fcinfo, argument, name);

	if (permission == NULL)
		return NULL;
	if (!permission_is_pattern(permission, strlen(permission)) || permission_is_wide(permission))
		validation_add(validation, name, "pattern", "a permission has the form verb:resource",
					   "Use lower-case letters, digits, _ and -, and no *.");
	else if (permission_number(permission) < 0)
		validation_add(validation, name, "undefined", psprintf("permission %s is not defined", permission),
					   "Define it with define_permission().");
	return permission;
}

/* The resource that rows of a table count as; NULL if none is given. Adds an entry unless plans can limit it. */
static const char *
get_quota_argument(FunctionCallInfo fcinfo, int argument, Validation *validation)
{
	const char *resource = changes_text_argument(fcinfo, argument, "quota");

	if (resource == NULL)
		return NULL;
	if (resource[0] == '\0' || strlen(resource) > PLAN_RESOURCE_MAX_BYTES)
		validation_add(validation, "quota", "length", "the name of a resource has 1 to 63 bytes", NULL);
	else if (plan_counts(resource))
		validation_add(validation, "quota", "reserved", psprintf("%s are counted already", resource),
					   "Choose a name that is none of sub_accounts, api_keys, service_accounts, members and workspaces.");
	return resource;
}

static void
get_request(FunctionCallInfo fcinfo, ProtectionRequest *request)
{
	Validation	validation;

	request->protection = PROTECTION_ISOLATED;
	if (!PG_ARGISNULL(2))
		request->existing_rows = text_to_cstring(PG_GETARG_TEXT_PP(2));
	if (!PG_ARGISNULL(3))
		request->workspace_column = pstrdup(NameStr(*PG_GETARG_NAME(3)));
	validation_start(&validation);
	request->read_permission = get_permission_argument(fcinfo, 4, "read_permission", &validation);
	request->write_permission = get_permission_argument(fcinfo, 5, "write_permission", &validation);
	request->quota = get_quota_argument(fcinfo, 6, &validation);
	validation_finish(&validation);
	request->foreign_key = !PG_ARGISNULL(7) && PG_GETARG_BOOL(7);
}

/*
 * isolate(table_name, account_column, existing_rows, workspace_column, read_permission,
 * write_permission, quota, foreign_key, dry_run)
 */
Datum
account_isolation_isolate(PG_FUNCTION_ARGS)
{
	Oid			relation = get_table_argument(fcinfo);
	const char *column = PG_ARGISNULL(1) ? "account_id" : pstrdup(NameStr(*PG_GETARG_NAME(1)));
	Script		script = {.settle = true};
	ProtectionRequest request = {0};
	List	   *tables;

	get_request(fcinfo, &request);
	script.dry_run = !PG_ARGISNULL(8) && PG_GETARG_BOOL(8);

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	tables = protection_open(relation, column, script.dry_run ? AccessShareLock : AccessExclusiveLock, true);
	protection_apply(&script, tables, &request);
	advise(tables);
	if (!script.dry_run && script.statements != NIL)
		audit_note_named("table.isolated", "table", protection_table_name(relation));
	script_return(&script, fcinfo);
	return (Datum) 0;
}

/* share(table_name) */
Datum
account_isolation_share(PG_FUNCTION_ARGS)
{
	Oid			relation = get_table_argument(fcinfo);
	Script		script = {.settle = true};
	ProtectionRequest request = {.protection = PROTECTION_SHARED};

	protection_apply(&script, protection_open(relation, NULL, AccessExclusiveLock, true), &request);
	if (script.statements != NIL)
		audit_note_named("table.shared", "table", protection_table_name(relation));
	PG_RETURN_VOID();
}

/* release(table_name) */
Datum
account_isolation_release(PG_FUNCTION_ARGS)
{
	Oid			relation = get_table_argument(fcinfo);
	Script		script = {.settle = true};
	List	   *tables = protection_open(relation, NULL, AccessExclusiveLock, true);
	const ProtectedTable *head = linitial(tables);

	protection_require_parents(relation, NIL, PROTECTION_NONE, NULL);
	protection_remove(&script, tables);
	if (script.statements != NIL)
		audit_note_named("table.released", "table", protection_table_name(relation));
	if (script.statements == NIL)
		ereport(NOTICE, (errmsg("table %s is neither isolated nor shared", head->name)));
	else if (policy_count_others(head) > 0)
		ereport(WARNING,
				(errmsg("only policies of the owner's own confine the rows of table %s now", head->name)));
	else
		ereport(WARNING,
				(errmsg("all rows of table %s are open now to every role that has a privilege on it", head->name)));
	PG_RETURN_VOID();
}

static void
put_column(Oid relation, AttrNumber column, Datum *value, bool *isnull)
{
	const char *name = column != 0 ? get_attname(relation, column, true) : NULL;

	*isnull = name == NULL;
	if (name != NULL)
		*value = name_datum(name);
}

static void
put_text(const char *text, Datum *value, bool *isnull)
{
	*isnull = text == NULL;
	if (text != NULL)
		*value = CStringGetTextDatum(text);
}

/* isolation_of(table_name) */
Datum
account_isolation_isolation_of(PG_FUNCTION_ARGS)
{
	static RowType row_type;
	TupleDesc	descriptor = schema_row_type(fcinfo, &row_type);
	Oid			relation = PG_GETARG_OID(0);
	Isolation	isolation;
	Datum		values[5] = {0};
	bool		nulls[5] = {true, true, true, true, true};

	if (policy_protection(relation, &isolation) == PROTECTION_ISOLATED)
	{
		put_column(relation, isolation.account, &values[0], &nulls[0]);
		put_column(relation, isolation.workspace, &values[1], &nulls[1]);
		put_text(isolation.read_permission, &values[2], &nulls[2]);
		put_text(isolation.write_permission, &values[3], &nulls[3]);
		put_text(counting_quota(relation), &values[4], &nulls[4]);
	}
	return HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls));
}

/* Whether an identity holds the permission that the trigger's table takes. */
static bool
permits_writing(const Identity *identity, const Trigger *trigger)
{
	const Rights *rights = identity->rights;
	const char *permission;

	if (trigger->tgnargs == 0)
		return true;
	permission = trigger->tgargs[0];
	if (trigger->tgnargs == 1)
		return caller_permits(identity, permission);
	for (int i = 0; i < rights->nworkspaces; i++)
	{
		if (identity_has(identity, permission, &RIGHTS_AT(rights, rights->workspaces, pg_uuid_t)[i], NULL))
			return true;
	}
	return false;
}

/*
 * The trigger before every statement that writes: says why the policies would
 * refuse, and stops TRUNCATE, which asks no policy, by anyone but the owner.
 */
Datum
account_isolation_require_writable(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	const Identity *identity;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("require_writable() must be called as a trigger")));

	if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
	{
		if (!class_ownercheck(RelationGetRelid(trigger->tg_relation), GetUserId()))
			error_raise(ERROR_FORBIDDEN, "Use DELETE.",
						"TRUNCATE of table %s would empty every account, and only its owner may do that",
						protection_table_name(RelationGetRelid(trigger->tg_relation)));
		return PointerGetDatum(NULL);
	}

	identity = identity_current();
	if (identity == NULL || !identity->has_account)
		return PointerGetDatum(NULL);
	if (!identity->writable)
		error_raise(ERROR_ARCHIVED, NULL, "the account or one above it is archived and takes no writes");
	/* What a foreign key cascades is asked of no policy. */
	if (!InNoForceRLSOperation() && !permits_writing(identity, trigger->tg_trigger))
		error_raise(ERROR_FORBIDDEN, NULL, "permission denied: writing to table %s takes %s",
					protection_table_name(RelationGetRelid(trigger->tg_relation)),
					trigger->tg_trigger->tgargs[0]);
	return PointerGetDatum(NULL);
}

/* ----------------------------------------------------------- new relations */

/* Whether a command can have given a table a parent: no other command is of concern. */
static bool
may_add_parent(Node *command)
{
	ListCell   *cell;

	switch (nodeTag(command))
	{
		case T_CreateStmt:
			return ((CreateStmt *) command)->inhRelations != NIL;
		case T_CreateForeignTableStmt:
			return ((CreateForeignTableStmt *) command)->base.inhRelations != NIL;
		case T_ImportForeignSchemaStmt:
			return true;
		case T_CreateSchemaStmt:
			foreach(cell, ((CreateSchemaStmt *) command)->schemaElts)
			{
				if (may_add_parent(lfirst(cell)))
					return true;
			}
			return false;
		case T_AlterTableStmt:
			foreach(cell, ((AlterTableStmt *) command)->cmds)
			{
				AlterTableType action = lfirst_node(AlterTableCmd, cell)->subtype;

				if (action == AT_AttachPartition || action == AT_AddInherit)
					return true;
			}
			return false;
		default:
			return false;
	}
}

/* The relations that the command has made or altered. */
static List *
altered_relations(void)
{
	static Statement list = {
		"SELECT DISTINCT objid FROM pg_catalog.pg_event_trigger_ddl_commands()"
		" WHERE classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass ORDER BY objid",
	};
	QueryScope	scope;
	uint64		rows;
	List	   *relations = NIL;

	query_open(&scope);
	rows = query_latest(&list, NULL, NULL);
	for (uint64 row = 0; row < rows; row++)
	{
		bool		isnull;
		Datum		relation = query_datum(&scope, row, 1, &isnull);
		MemoryContext old = MemoryContextSwitchTo(scope.caller);

		relations = lappend_oid(relations, DatumGetObjectId(relation));
		MemoryContextSwitchTo(old);
	}
	query_close(&scope);
	return relations;
}

/* Gives a relation the protection of its parents, or refuses a parent that has less. */
static void
keep_protection(Oid relation)
{
	Isolation	isolation;
	Protection	protection = policy_protection(relation, &isolation);
	ProtectionRequest request = {0};
	const char *column_name = NULL;
	Script		script = {0};
	ListCell   *cell;

	if (protection != PROTECTION_NONE)
	{
		isolation.quota = counting_quota(relation);
		protection_require_parents(relation, NIL, protection, &isolation);
		return;
	}
	foreach(cell, protection_parents(relation))
	{
		protection = policy_protection(lfirst_oid(cell), &isolation);
		if (protection == PROTECTION_NONE)
			continue;
		request.protection = protection;
		if (protection == PROTECTION_ISOLATED)
			column_name = get_attname(lfirst_oid(cell), isolation.account, false);
	}
	if (request.protection != PROTECTION_NONE)
		protection_apply(&script, protection_open(relation, column_name, AccessExclusiveLock, false), &request);
}

/* The event trigger at the end of commands that can give a table a parent. */
Datum
account_isolation_protect_new_relations(PG_FUNCTION_ARGS)
{
	EventTriggerData *event = (EventTriggerData *) fcinfo->context;
	ListCell   *altered;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("protect_new_relations() must be called as an event trigger")));
	if (creating_extension || script_is_running() || !may_add_parent(event->parsetree))
		PG_RETURN_VOID();

	foreach(altered, altered_relations())
	{
		ListCell   *cell;

		foreach(cell, find_all_inheritors(lfirst_oid(altered), NoLock, NULL))
			keep_protection(lfirst_oid(cell));
	}
	PG_RETURN_VOID();
}
