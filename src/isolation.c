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
#include "utils/lsyscache.h"
#include "utils/rel.h"

PG_FUNCTION_INFO_V1(account_isolation_isolate);
PG_FUNCTION_INFO_V1(account_isolation_share);
PG_FUNCTION_INFO_V1(account_isolation_release);
PG_FUNCTION_INFO_V1(account_isolation_require_writable);
PG_FUNCTION_INFO_V1(account_isolation_protect_new_relations);

/* ------------------------------------------------------------------ advice */

/* Row security does not bind such an owner, FORCE or not. */
static void
warn_of_owner(const ProtectedTable *table)
{
	if (superuser_arg(table->owner) || has_bypassrls_privilege(table->owner))
		ereport(WARNING,
				(errmsg("row security does not bind role \"%s\", which owns table %s",
						GetUserNameFromId(table->owner, false), table->name),
				 errhint("Let an ordinary role own it, which is neither superuser nor has BYPASSRLS.")));
}

/*
 * The foreign keys at either end of some tables ($1), between tables that are isolated
 * or among these, whose pairs of columns do not have the account's on both sides;
 * $2 is its name in these tables.
 */
static Statement foreign_keys_without_account = {
	"SELECT k.conname, k.conrelid, k.confrelid"
	" FROM pg_catalog.pg_constraint k"
	" LEFT JOIN account.isolated_tables f ON f.table_name OPERATOR(pg_catalog.=) k.conrelid"
	" LEFT JOIN account.isolated_tables p ON p.table_name OPERATOR(pg_catalog.=) k.confrelid"
	" WHERE k.contype OPERATOR(pg_catalog.=) 'f' AND k.conparentid OPERATOR(pg_catalog.=) 0"
	" AND (k.conrelid OPERATOR(pg_catalog.=) ANY ($1) OR k.confrelid OPERATOR(pg_catalog.=) ANY ($1))"
	" AND (k.conrelid OPERATOR(pg_catalog.=) ANY ($1) OR f.table_name IS NOT NULL)"
	" AND (k.confrelid OPERATOR(pg_catalog.=) ANY ($1) OR p.table_name IS NOT NULL)"
	" AND NOT EXISTS (SELECT FROM ROWS FROM (pg_catalog.unnest(k.conkey), pg_catalog.unnest(k.confkey))"
	" AS pair (referencing, referenced)"
	" JOIN pg_catalog.pg_attribute fa ON fa.attrelid OPERATOR(pg_catalog.=) k.conrelid"
	" AND fa.attnum OPERATOR(pg_catalog.=) pair.referencing"
	" JOIN pg_catalog.pg_attribute pa ON pa.attrelid OPERATOR(pg_catalog.=) k.confrelid"
	" AND pa.attnum OPERATOR(pg_catalog.=) pair.referenced"
	" WHERE fa.attname OPERATOR(pg_catalog.=) COALESCE(f.account_column, $2)"
	" AND pa.attname OPERATOR(pg_catalog.=) COALESCE(p.account_column, $2))"
	" ORDER BY k.conname, k.conrelid",
	2, {OIDARRAYOID, NAMEOID}
};

/* A foreign key is checked past row security: it lets an account point at, probe and cascade into rows of others. */
static void
warn_of_foreign_keys(List *tables)
{
	const ProtectedTable *head = linitial(tables);
	Datum	   *oids = palloc(sizeof(Datum) * list_length(tables));
	Datum		values[2];
	NameData	column;
	QueryScope	scope;
	uint64		rows;
	ListCell   *cell;

	foreach(cell, tables)
		oids[foreach_current_index(cell)] = ObjectIdGetDatum(((ProtectedTable *) lfirst(cell))->relation);
	namestrcpy(&column, head->column_name);
	values[0] = PointerGetDatum(construct_array(oids, list_length(tables), OIDOID, sizeof(Oid), true, TYPALIGN_INT));
	values[1] = NameGetDatum(&column);

	query_open(&scope);
	rows = query_latest(&foreign_keys_without_account, values, NULL);
	for (uint64 row = 0; row < rows; row++)
	{
		bool		isnull;

		ereport(WARNING,
				(errmsg("foreign key \"%s\" of table %s reaches rows of other accounts in table %s",
						query_string(&scope, row, 1),
						protection_table_name(DatumGetObjectId(query_datum(&scope, row, 2, &isnull))),
						protection_table_name(DatumGetObjectId(query_datum(&scope, row, 3, &isnull)))),
				 errhint("Put the account's column into it, on both sides.")));
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
			!index->rd_index->indisprimary && !index_has_column(index, table->attribute))
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

	warn_of_owner(linitial(tables));
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

static void
put_statements(FunctionCallInfo fcinfo, const Script *script)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *cell;

	foreach(cell, script->statements)
	{
		Datum		value = CStringGetTextDatum(lfirst(cell));
		bool		isnull = false;

		tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
	}
}

/* isolate(table_name, account_column, existing_rows, foreign_key, dry_run) */
Datum
account_isolation_isolate(PG_FUNCTION_ARGS)
{
	Oid			relation = get_table_argument(fcinfo);
	const char *column = PG_ARGISNULL(1) ? "account_id" : pstrdup(NameStr(*PG_GETARG_NAME(1)));
	Script		script = {.settle = true};
	ProtectionRequest request = {.protection = PROTECTION_ISOLATED};
	List	   *tables;

	if (!PG_ARGISNULL(2))
		request.existing_rows = text_to_cstring(PG_GETARG_TEXT_PP(2));
	request.foreign_key = !PG_ARGISNULL(3) && PG_GETARG_BOOL(3);
	script.dry_run = !PG_ARGISNULL(4) && PG_GETARG_BOOL(4);

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	tables = protection_open(relation, column, script.dry_run ? AccessShareLock : AccessExclusiveLock, true);
	protection_apply(&script, tables, &request);
	advise(tables);
	put_statements(fcinfo, &script);
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

	protection_require_parents(relation, NIL, PROTECTION_NONE);
	protection_remove(&script, tables);
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
	if (identity != NULL && identity->has_account && !identity->writable)
		error_raise(ERROR_ARCHIVED, NULL, "the account or one above it is archived and takes no writes");
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
	AttrNumber	column;
	Protection	protection = policy_protection(relation, &column);
	ProtectionRequest request = {0};
	const char *column_name = NULL;
	Script		script = {0};
	ListCell   *cell;

	if (protection != PROTECTION_NONE)
	{
		protection_require_parents(relation, NIL, protection);
		return;
	}
	foreach(cell, protection_parents(relation))
	{
		protection = policy_protection(lfirst_oid(cell), &column);
		if (protection == PROTECTION_NONE)
			continue;
		request.protection = protection;
		if (protection == PROTECTION_ISOLATED)
			column_name = get_attname(lfirst_oid(cell), column, false);
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
