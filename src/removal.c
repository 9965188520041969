/*
 * removal.c
 *	  Taking all rows of accounts out of the isolated tables.
 *
 * Each table is written as its owner, in a restricted operation, with the account whose
 * rows go as the identity (script.c): triggers, cascades and rules of the owner run with
 * no more than the owner's rights.  What refers to others goes first.  A row that a
 * foreign key of some other table, or a trigger, keeps makes this fail or stays.
 *
 * To become an owner costs more than to delete some rows: so what is to be done as one
 * owner, one thing after the other, is done at once.  Where no code of users would be run,
 * that is the rows of all accounts, with one statement for each table; elsewhere those of
 * one account, for the code is to find it as the identity.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"

/* What is emptied by one statement: a store, or a circle of tables. */
typedef struct Step
{
	const char *table;			/* the group's first one */
	Oid			owner;
	bool		quiet;			/* runs no code of users that could tell accounts apart */
	const char *circle;			/* a statement that empties all of one account's rows, and counts; NULL for a store */
	const char *store;
	const char *account;		/* the column, quoted */
} Step;

/* Steps of one owner, one after the other, for some accounts. */
typedef struct Work
{
	List	   *steps;			/* Step * */
	List	   *account_ids;	/* pg_uuid_t * */
	int64		max;
	int64		count;			/* result: rows */
	const char *last;			/* result: the table that it came to, or where a row was found */
} Work;

static int64
result_int64(void)
{
	bool		isnull;

	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/* ---------------------------------------------------------------------------
 * Steps
 */

/*
 * The tables (the topmost of partitions) of which a row cannot go without code of users being run,
 * or rows that are not to go being changed: by a trigger or rule of theirs, or of a table whose
 * rows a foreign key deletes or changes along.
 */
static List *
find_loud(void)
{
	static Statement find = {
		"WITH RECURSIVE loud (table_id) AS ("
		"SELECT COALESCE(pg_catalog.pg_partition_root(t.tgrelid), t.tgrelid)::pg_catalog.oid FROM pg_catalog.pg_trigger t"
		" JOIN pg_catalog.pg_proc f ON f.oid OPERATOR(pg_catalog.=) t.tgfoid"
		" WHERE NOT t.tgisinternal AND (t.tgtype OPERATOR(pg_catalog.&) 24::pg_catalog.int2) OPERATOR(pg_catalog.<>) 0"
		" AND NOT f.pronamespace OPERATOR(pg_catalog.=) $1"
		" UNION SELECT COALESCE(pg_catalog.pg_partition_root(r.ev_class), r.ev_class)::pg_catalog.oid"
		" FROM pg_catalog.pg_rewrite r WHERE r.ev_type OPERATOR(pg_catalog.=) ANY ('{2,4}'::pg_catalog.\"char\"[])"
		" UNION SELECT COALESCE(pg_catalog.pg_partition_root(k.confrelid), k.confrelid)::pg_catalog.oid"
		" FROM pg_catalog.pg_constraint k WHERE k.contype OPERATOR(pg_catalog.=) 'f'"
		" AND k.confdeltype OPERATOR(pg_catalog.=) ANY ('{n,d}'::pg_catalog.\"char\"[])"
		" AND NOT EXISTS (SELECT FROM account.isolated_tables i WHERE i.table_name OPERATOR(pg_catalog.=) k.conrelid)"
		" UNION SELECT COALESCE(pg_catalog.pg_partition_root(k.confrelid), k.confrelid)::pg_catalog.oid"
		" FROM loud l JOIN pg_catalog.pg_constraint k ON k.contype OPERATOR(pg_catalog.=) 'f'"
		" AND k.confdeltype OPERATOR(pg_catalog.=) ANY ('{c,n,d}'::pg_catalog.\"char\"[])"
		" AND COALESCE(pg_catalog.pg_partition_root(k.conrelid), k.conrelid)::pg_catalog.oid OPERATOR(pg_catalog.=) l.table_id)"
		" SELECT l.table_id FROM loud l",
		1, {OIDOID}
	};
	Datum		value = ObjectIdGetDatum(schema_catalog()->namespace_id);
	List	   *result = NIL;
	QueryScope	scope;
	uint64		rows;

	query_open(&scope);
	rows = query_latest(&find, &value, NULL);
	MemoryContextSwitchTo(scope.caller);
	for (uint64 row = 0; row < rows; row++)
		result = lappend_oid(result, query_oid(row, 1));
	query_close(&scope);
	return result;
}

/* One statement that empties all stores of some tables of what is one account's, and counts. */
static const char *
statement_for_all(List *tables)
{
	StringInfoData with;
	StringInfoData sum;
	ListCell   *cell;
	int			number = 0;

	initStringInfo(&with);
	initStringInfo(&sum);
	foreach(cell, tables)
	{
		const InventoryTable *table = lfirst(cell);
		ListCell   *inner;

		foreach(inner, table->stores)
		{
			const InventoryStore *store = lfirst(inner);

			appendStringInfo(&with, "%s d%d AS (DELETE FROM ONLY %s WHERE %s OPERATOR(pg_catalog.=) $1 RETURNING 1)",
							 number > 0 ? "," : "WITH", number, store->name, table->account);
			appendStringInfo(&sum, "%s(SELECT pg_catalog.count(*) FROM d%d)",
							 number > 0 ? " OPERATOR(pg_catalog.+) " : "", number);
			number++;
		}
	}
	return psprintf("%s SELECT %s", with.data, sum.data);
}

/* The owner of all stores of some tables; InvalidOid if there are several, or none. */
static Oid
common_owner(List *tables)
{
	Oid			owner = InvalidOid;
	ListCell   *cell;

	foreach(cell, tables)
	{
		ListCell   *inner;

		foreach(inner, ((InventoryTable *) lfirst(cell))->stores)
		{
			Oid			other = ((InventoryStore *) lfirst(inner))->owner;

			if (OidIsValid(owner) && owner != other)
				return InvalidOid;
			owner = other;
		}
	}
	return owner;
}

static bool
any_is_loud(List *tables, List *loud)
{
	ListCell   *cell;

	foreach(cell, tables)
	{
		if (list_member_oid(loud, ((InventoryTable *) lfirst(cell))->relation))
			return true;
	}
	return false;
}

static Step *
make_step(const InventoryGroup *group, Oid owner, List *loud)
{
	Step	   *step = palloc0(sizeof(Step));

	step->table = ((InventoryTable *) linitial(group->tables))->name;
	step->owner = owner;
	step->quiet = !any_is_loud(group->tables, loud);
	return step;
}

/* Appends the steps of a group.  Where no role may write all tables of a circle, each goes by itself, and foreign keys decide. */
static List *
add_steps(List *steps, const InventoryGroup *group, bool by_circle, List *loud)
{
	Oid			owner = by_circle && group->circular ? common_owner(group->tables) : InvalidOid;
	ListCell   *table;
	ListCell   *store;

	if (OidIsValid(owner))
	{
		Step	   *step = make_step(group, owner, loud);

		step->circle = statement_for_all(group->tables);
		return lappend(steps, step);
	}
	foreach(table, group->tables)
	{
		const InventoryTable *current = lfirst(table);

		foreach(store, current->stores)
		{
			const InventoryStore *one = lfirst(store);
			Step	   *step = make_step(group, one->owner, loud);

			step->store = one->name;
			step->account = current->account;
			steps = lappend(steps, step);
		}
	}
	return steps;
}

/* The next steps, from *number on, that can be run as one; *number is set to that behind them. */
static List *
next_steps(List *steps, int *number)
{
	const Step *first = list_nth(steps, *number);
	List	   *result = NIL;

	for (; *number < list_length(steps); (*number)++)
	{
		Step	   *step = list_nth(steps, *number);

		if (step->owner != first->owner || step->quiet != first->quiet)
			break;
		result = lappend(result, step);
	}
	return result;
}

/* ---------------------------------------------------------------------------
 * Deleting
 */

/* Empties a circle of one account after the other. */
static int64
delete_circle(const Step *step, List *account_ids, int64 max)
{
	int64		count = 0;
	SPIPlanPtr	plan = SPI_prepare(step->circle, 1, (Oid[]) {UUIDOID});
	ListCell   *cell;

	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", step->circle, SPI_result_code_string(SPI_result));
	foreach(cell, account_ids)
	{
		Datum		value = UUIDPGetDatum(lfirst(cell));
		int			result;

		if (count >= max)
			break;
		CHECK_FOR_INTERRUPTS();
		result = SPI_execute_plan(plan, &value, NULL, false, 0);
		if (result < 0)
			elog(ERROR, "could not run \"%s\": %s", step->circle, SPI_result_code_string(result));
		count += result_int64();
		SPI_freetuptable(SPI_tuptable);
	}
	return count;
}

/* Deletes rows of a store in one statement: at most max, or all. */
static int64
delete_rows(const Step *step, Datum account_ids, int64 max)
{
	bool		limited = max < PG_INT64_MAX;
	const char *all = psprintf("FROM ONLY %s WHERE %s OPERATOR(pg_catalog.=) ANY ($1)", step->store, step->account);
	Oid			types[2] = {UUIDARRAYOID, INT8OID};
	Datum		values[2] = {account_ids, Int64GetDatum(max)};

	if (limited)
		inventory_execute(psprintf("DELETE FROM ONLY %s WHERE ctid OPERATOR(pg_catalog.=) ANY (ARRAY("
								   "SELECT ctid %s LIMIT $2))", step->store, all), 2, types, values, false);
	else
		inventory_execute(psprintf("DELETE %s", all), 1, types, values, false);
	return SPI_processed;
}

static void
run_steps(void *argument)
{
	Work	   *work = argument;
	Datum		ids;
	ListCell   *cell;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	ids = query_uuid_array(work->account_ids);
	foreach(cell, work->steps)
	{
		const Step *step = lfirst(cell);
		int64		rest = work->max < PG_INT64_MAX ? work->max - work->count : PG_INT64_MAX;
		int64		count;

		if (rest <= 0)
			break;
		count = step->circle != NULL ? delete_circle(step, work->account_ids, rest) : delete_rows(step, ids, rest);
		work->count += count;
		if (count > 0)
			work->last = step->table;
	}
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "could not finish SPI");
}

int64
removal_delete(List *groups, List *account_ids, int64 max, const char **last)
{
	Work		work = {.max = max};
	List	   *loud = list_length(account_ids) > 1 ? find_loud() : NIL;
	List	   *steps = NIL;
	int			number = 0;

	for (int i = list_length(groups) - 1; i >= 0; i--)
		steps = add_steps(steps, list_nth(groups, i), true, loud);
	while (number < list_length(steps) && work.count < max)
	{
		const Step *first = list_nth(steps, number);
		ListCell   *cell;

		work.steps = next_steps(steps, &number);
		work.account_ids = account_ids;
		if (first->quiet)
			script_call(first->owner, linitial(account_ids), run_steps, &work);
		foreach(cell, first->quiet ? NIL : account_ids)
		{
			work.account_ids = list_make1(lfirst(cell));
			if (work.count < max)
				script_call(first->owner, lfirst(cell), run_steps, &work);
		}
	}
	*last = work.last;
	return work.count;
}

/* ---------------------------------------------------------------------------
 * Looking
 */

/* Finds the first store that has a row of one of some accounts. */
static void
look(void *argument)
{
	Work	   *work = argument;
	Oid			types[1] = {UUIDARRAYOID};
	Datum		ids;
	ListCell   *cell;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	ids = query_uuid_array(work->account_ids);
	foreach(cell, work->steps)
	{
		const Step *step = lfirst(cell);

		inventory_execute(psprintf("SELECT FROM ONLY %s WHERE %s OPERATOR(pg_catalog.=) ANY ($1) LIMIT 1",
								   step->store, step->account), 1, types, &ids, false);
		if (SPI_processed > 0)
		{
			work->last = step->store;
			break;
		}
	}
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "could not finish SPI");
}

const char *
removal_find_left(List *groups, List *account_ids)
{
	Work		work = {.account_ids = account_ids};
	List	   *steps = NIL;
	int			number = 0;
	ListCell   *group;

	foreach(group, groups)
		steps = add_steps(steps, lfirst(group), false, NIL);
	while (number < list_length(steps) && work.last == NULL)
	{
		Oid			owner = ((Step *) list_nth(steps, number))->owner;

		work.steps = next_steps(steps, &number);
		script_call(owner, linitial(account_ids), look, &work);
	}
	return work.last;
}
