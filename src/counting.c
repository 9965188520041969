/*
 * counting.c
 *	  The triggers that count the rows of tables with a quota.
 *
 * Each table and partition that holds rows has one after each row that is inserted or
 * deleted, or whose account is updated; it finds the column of the account in its own list
 * of columns, which follows a renaming.  And each has one after each statement,
 * partitioned tables too.  The name of the resource is their argument, and nowhere else.
 *
 * The triggers are those of an ordinary table: with session_replication_role = replica they
 * do not fire, for a subscriber gets the counts with the rows.
 */
#include "account.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#define ROW_TRIGGER "account_count_rows"
#define ROW_TYPE (TRIGGER_TYPE_ROW | TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE)
#define STATEMENT_TRIGGER "account_require_room"
#define STATEMENT_TYPE (TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_TRUNCATE)

PG_FUNCTION_INFO_V1(account_counting_count_rows);
PG_FUNCTION_INFO_V1(account_counting_require_room);
PG_FUNCTION_INFO_V1(account_counting_forget_dropped_tables);
PG_FUNCTION_INFO_V1(account_counting_recount_quota);

/* What is known of a trigger of a table. */
typedef struct FoundTrigger
{
	bool		ours;			/* calls our function */
	bool		right;			/* as it is made here, for a resource and a column */
	char	   *resource;		/* NULL if there is none */
} FoundTrigger;

/* The argument of a trigger; NULL unless it has exactly one. */
static char *
only_argument(HeapTuple tuple, TupleDesc descriptor)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, Anum_pg_trigger_tgargs, descriptor, &isnull);

	if (isnull || ((Form_pg_trigger) GETSTRUCT(tuple))->tgnargs != 1)
		return NULL;
	return pstrdup(VARDATA_ANY(DatumGetByteaPP(value)));
}

/* Whether a trigger of ours is as it is made here; column is 0 for none. */
static bool
is_right(HeapTuple tuple, TupleDesc descriptor, int16 type, AttrNumber column)
{
	Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);
	int			columns = column != 0 ? 1 : 0;

	return form->tgtype == type && form->tgenabled == TRIGGER_FIRES_ON_ORIGIN &&
		heap_attisnull(tuple, Anum_pg_trigger_tgqual, descriptor) &&
		form->tgattr.dim1 == columns && (columns == 0 || form->tgattr.values[0] == column);
}

/* Finds the trigger of a name; false if there is none. Takes no lock on the table. */
static bool
find_trigger(Oid relation, const char *name, int16 type, AttrNumber column, FoundTrigger *found)
{
	const char *function = strcmp(name, ROW_TRIGGER) == 0 ? "count_rows" : "require_room";
	Relation	triggers = table_open(TriggerRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		exists;

	memset(found, 0, sizeof(*found));
	ScanKeyInit(&keys[0], Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relation));
	ScanKeyInit(&keys[1], Anum_pg_trigger_tgname, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum(name));
	scan = systable_beginscan(triggers, TriggerRelidNameIndexId, true, NULL, 2, keys);
	tuple = systable_getnext(scan);
	exists = HeapTupleIsValid(tuple);
	if (exists)
	{
		found->ours = ((Form_pg_trigger) GETSTRUCT(tuple))->tgfoid == schema_function(function, 0, NULL);
		if (found->ours)
		{
			found->right = is_right(tuple, RelationGetDescr(triggers), type, column);
			found->resource = only_argument(tuple, RelationGetDescr(triggers));
		}
	}
	systable_endscan(scan);
	table_close(triggers, AccessShareLock);
	return exists;
}

char *
counting_quota(Oid relation)
{
	FoundTrigger found;

	return find_trigger(relation, STATEMENT_TRIGGER, STATEMENT_TYPE, 0, &found) ? found.resource : NULL;
}

/* ---------------------------------------------------------------------------
 * Making and dropping
 */
static void
drop_trigger(Script *script, const ProtectedTable *table, const char *name)
{
	script_run(script, table->owner, "DROP TRIGGER %s ON %s", name, table->name);
}

/* Makes or mends one trigger; whether it was not there, or wrong. */
static bool
apply_trigger(Script *script, const ProtectedTable *table, const char *name, int16 type, const char *call)
{
	/* A column that is yet to be added is in no trigger. */
	AttrNumber	column = type == ROW_TYPE ? table->account.attribute : 0;
	FoundTrigger found;

	if (find_trigger(table->relation, name, type, column, &found))
	{
		if (!found.ours)
			error_raise(ERROR_CONFLICT, "Drop or rename it, and call the function again.",
						"table %s has a trigger \"%s\" that is not the one made here", table->name, name);
		if (found.right && found.resource != NULL && strcmp(found.resource, table->quota) == 0)
			return false;
		drop_trigger(script, table, name);
	}
	script_run(script, table->owner, "CREATE TRIGGER %s AFTER %s(%s)", name, call,
			   quote_literal_cstr(table->quota));
	return true;
}

void
counting_apply(Script *script, const ProtectedTable *table)
{
	if (table->quota == NULL)
		return;
	(void) apply_trigger(script, table, STATEMENT_TRIGGER, STATEMENT_TYPE,
						 psprintf("INSERT OR UPDATE OR TRUNCATE ON %s"
								  " FOR EACH STATEMENT EXECUTE FUNCTION account.require_room", table->name));
	if (table->kind != RELKIND_RELATION)
		return;
	if (apply_trigger(script, table, ROW_TRIGGER, ROW_TYPE,
					  psprintf("INSERT OR DELETE OR UPDATE OF %s ON %s"
							   " FOR EACH ROW EXECUTE FUNCTION account.count_rows",
							   table->account.quoted, table->name)))
		script_run(script, table->owner, "SELECT account.recount_quota(%s)", quote_literal_cstr(table->name));
}

void
counting_remove(Script *script, const ProtectedTable *table)
{
	FoundTrigger found;

	if (find_trigger(table->relation, STATEMENT_TRIGGER, STATEMENT_TYPE, 0, &found) && found.ours)
		drop_trigger(script, table, STATEMENT_TRIGGER);
	if (find_trigger(table->relation, ROW_TRIGGER, ROW_TYPE, 0, &found) && found.ours)
	{
		drop_trigger(script, table, ROW_TRIGGER);
		note_emptied(table->relation);
	}
}

/* ---------------------------------------------------------------------------
 * Counting anew
 */

/* The tables that count rows: one and all below it, or all (InvalidOid). */
static List *
counted_tables(Oid table)
{
	static Statement find = {
		"SELECT DISTINCT t.tgrelid FROM pg_catalog.pg_trigger t"
		" WHERE t.tgfoid OPERATOR(pg_catalog.=) $1 ORDER BY t.tgrelid",
		1, {OIDOID}
	};
	Datum		value = ObjectIdGetDatum(schema_function("count_rows", 0, NULL));
	List	   *below = OidIsValid(table) ? find_all_inheritors(table, ShareRowExclusiveLock, NULL) : NIL;
	QueryScope	scope;
	uint64		rows;
	bool		isnull;
	List	   *tables = NIL;

	query_open(&scope);
	rows = query_latest(&find, &value, NULL);
	for (uint64 row = 0; row < rows; row++)
	{
		Oid			one = DatumGetObjectId(query_datum(&scope, row, 1, &isnull));
		MemoryContext old = MemoryContextSwitchTo(scope.caller);

		if (!OidIsValid(table) || list_member_oid(below, one))
			tables = lappend_oid(tables, one);
		MemoryContextSwitchTo(old);
	}
	query_close(&scope);
	return tables;
}

/* Whether a trigger that somebody made names a column that can be of an account. */
static bool
is_account_column(Relation table, const Trigger *trigger)
{
	return trigger->tgnattr == 1 &&
		TupleDescAttr(RelationGetDescr(table), trigger->tgattr[0] - 1)->atttypid == UUIDOID;
}

/* The column and the resource by which a locked table counts. */
static AttrNumber
counted_by(Oid relation, char **resource)
{
	Relation	table = table_open(relation, NoLock);
	Oid			function = schema_function("count_rows", 0, NULL);
	AttrNumber	column = 0;

	for (int i = 0; table->trigdesc != NULL && i < table->trigdesc->numtriggers; i++)
	{
		const Trigger *trigger = &table->trigdesc->triggers[i];

		if (trigger->tgfoid == function && is_account_column(table, trigger) && trigger->tgnargs == 1)
		{
			column = trigger->tgattr[0];
			*resource = pstrdup(trigger->tgargs[0]);
		}
	}
	table_close(table, NoLock);
	return column;
}

/* recount_quota(table_name) */
Datum
account_counting_recount_quota(PG_FUNCTION_ARGS)
{
	Oid			table = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	List	   *tables;
	ListCell   *cell;

	if (OidIsValid(table) && get_rel_name(table) == NULL)
		error_raise(ERROR_NOT_FOUND, NULL, "there is no table with oid %u", table);
	if (!OidIsValid(table) || !class_ownercheck(table, GetUserId()))
		caller_require_admin("count the rows of others' tables anew");
	if (!PG_ARGISNULL(0) && counting_quota(table) == NULL)
		error_raise(ERROR_BAD_REQUEST, "Give it one with isolate(table, quota => resource).",
					"table %s has no quota", quote_identifier(get_rel_name(table)));
	tables = counted_tables(table);
	foreach(cell, tables)
	{
		char	   *resource = NULL;
		AttrNumber	column;

		LockRelationOid(lfirst_oid(cell), ShareRowExclusiveLock);
		/* It may have been dropped meanwhile. */
		if (get_rel_name(lfirst_oid(cell)) == NULL)
			continue;
		column = counted_by(lfirst_oid(cell), &resource);
		if (column <= 0)
			continue;
		note_rows(lfirst_oid(cell), column, resource);
		audit_note_named("quota.recounted", "table", protection_table_name(lfirst_oid(cell)));
	}
	PG_RETURN_VOID();
}

/* ---------------------------------------------------------------------------
 * Triggers
 */
static Trigger *
called_trigger(FunctionCallInfo fcinfo, const char *name)
{
	if (!CALLED_AS_TRIGGER(fcinfo) || ((TriggerData *) fcinfo->context)->tg_trigger->tgnargs != 1)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("%s() must be called as a trigger, with the name of a resource", name)));
	return ((TriggerData *) fcinfo->context)->tg_trigger;
}

/* Whether an update leaves a row to its account. */
static bool
same_account(const TriggerData *data, AttrNumber column)
{
	TupleDesc	descriptor = RelationGetDescr(data->tg_relation);
	bool		was_null;
	bool		is_null;
	Datum		was = heap_getattr(data->tg_trigtuple, column, descriptor, &was_null);
	Datum		is = heap_getattr(data->tg_newtuple, column, descriptor, &is_null);

	return was_null || is_null ? was_null && is_null :
		memcmp(DatumGetUUIDP(was), DatumGetUUIDP(is), UUID_LEN) == 0;
}

/* The trigger after each row; its columns are the account's. */
Datum
account_counting_count_rows(PG_FUNCTION_ARGS)
{
	Trigger    *trigger = called_trigger(fcinfo, "count_rows");
	TriggerData *data = (TriggerData *) fcinfo->context;
	AttrNumber	column;

	if (!TRIGGER_FIRED_FOR_ROW(data->tg_event) || !TRIGGER_FIRED_AFTER(data->tg_event) ||
		!is_account_column(data->tg_relation, trigger))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("count_rows() must be called after each row that is inserted or deleted, or whose account is updated")));
	column = trigger->tgattr[0];
	if (TRIGGER_FIRED_BY_INSERT(data->tg_event))
		note_row(data->tg_relation, data->tg_trigtuple, column, trigger->tgargs[0], 1);
	else if (TRIGGER_FIRED_BY_DELETE(data->tg_event))
		note_row(data->tg_relation, data->tg_trigtuple, column, trigger->tgargs[0], -1);
	else if (!same_account(data, column))
	{
		note_row(data->tg_relation, data->tg_trigtuple, column, trigger->tgargs[0], -1);
		note_row(data->tg_relation, data->tg_newtuple, column, trigger->tgargs[0], 1);
	}
	return PointerGetDatum(NULL);
}

/* The trigger after each statement: nothing is left of a table, or what was added is looked at. */
Datum
account_counting_require_room(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;

	(void) called_trigger(fcinfo, "require_room");
	if (TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
	{
		if (data->tg_relation->rd_rel->relkind == RELKIND_RELATION)
			note_emptied(RelationGetRelid(data->tg_relation));
	}
	else
		quota_look();
	return PointerGetDatum(NULL);
}

/* The event trigger after objects were dropped: nothing is left of tables either. */
Datum
account_counting_forget_dropped_tables(PG_FUNCTION_ARGS)
{
	static Statement find = {
		"SELECT d.objid, EXISTS (SELECT FROM account.quota_counts c WHERE c.table_id OPERATOR(pg_catalog.=) d.objid)"
		" FROM pg_catalog.pg_event_trigger_dropped_objects() d"
		" WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass"
		" AND d.objsubid OPERATOR(pg_catalog.=) 0",
	};
	QueryScope	scope;
	uint64		rows;
	bool		isnull;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("forget_dropped_tables() must be called as an event trigger")));
	query_open(&scope);
	rows = query_latest(&find, NULL, NULL);
	for (uint64 row = 0; row < rows; row++)
	{
		Oid			dropped = DatumGetObjectId(query_datum(&scope, row, 1, &isnull));

		if (query_bool(row, 2) || note_has_table(dropped))
			note_emptied(dropped);
	}
	query_close(&scope);
	PG_RETURN_VOID();
}
