/*
 * removal.c
 *	  Taking all rows of accounts out of the isolated tables.
 *
 * Each table is written as its owner, in a restricted operation, with the account whose
 * rows go as the identity (script.c): triggers, cascades and rules of the owner run with
 * no more than the owner's rights.  What refers to others goes first.  A row that a
 * foreign key of some other table, or a trigger, keeps makes this fail or stays.
 */
#include "account.h"

#include "catalog/pg_type.h"

/* Some rows of one account in some stores of one owner. */
typedef struct Work
{
	List	   *stores;			/* InventoryStore * */
	const char *account;		/* the column, quoted */
	Datum		account_ids;	/* one uuid, or a uuid[] */
	int64		max;
	int64		count;			/* result */
	const char *statement;
} Work;

static int64
result_int64(void)
{
	bool		isnull;

	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/* What is left of max after count; all stays all. */
static int64
rest(int64 max, int64 count)
{
	return max < PG_INT64_MAX ? max - count : max;
}

/* Deletes rows of a store in one statement: at most max, or all. */
static void
delete_rows(void *argument)
{
	Work	   *work = argument;
	const InventoryStore *store = linitial(work->stores);
	bool		limited = work->max < PG_INT64_MAX;
	const char *all = psprintf("FROM ONLY %s WHERE %s OPERATOR(pg_catalog.=) $1", store->name, work->account);
	Oid			types[2] = {UUIDOID, INT8OID};
	Datum		values[2] = {work->account_ids, Int64GetDatum(work->max)};

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	if (limited)
		inventory_execute(psprintf("DELETE FROM ONLY %s WHERE ctid OPERATOR(pg_catalog.=) ANY (ARRAY("
								   "SELECT ctid %s LIMIT $2))", store->name, all), 2, types, values, false);
	else
		inventory_execute(psprintf("DELETE %s", all), 1, types, values, false);
	work->count = SPI_processed;
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "could not finish SPI");
}

/* Runs a statement that counts. */
static void
run_counting(void *argument)
{
	Work	   *work = argument;
	Oid			types[1] = {UUIDOID};

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	inventory_execute(work->statement, 1, types, &work->account_ids, false);
	work->count = result_int64();
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "could not finish SPI");
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
	return number > 0 ? psprintf("%s SELECT %s", with.data, sum.data) : NULL;
}

/* The owner of all stores of some tables; InvalidOid if there are several. */
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

static int64
delete_together(List *tables, Oid owner, const pg_uuid_t *account_id)
{
	Work		work = {.account_ids = UUIDPGetDatum(account_id)};

	work.statement = statement_for_all(tables);
	if (work.statement == NULL)
		return 0;
	script_call(owner, account_id, run_counting, &work);
	return work.count;
}

static int64
delete_of_table(const InventoryTable *table, const pg_uuid_t *account_id, int64 max)
{
	int64		count = 0;
	ListCell   *cell;

	foreach(cell, table->stores)
	{
		const InventoryStore *store = lfirst(cell);
		Work		work = {
			.stores = list_make1(unconstify(InventoryStore *, store)),
			.account = table->account,
			.account_ids = UUIDPGetDatum(account_id),
			.max = rest(max, count)
		};

		if (count >= max)
			break;
		script_call(store->owner, account_id, delete_rows, &work);
		count += work.count;
	}
	return count;
}

/* Where no role may write all tables of a circle, each goes by itself, and foreign keys decide. */
static int64
delete_of_group(const InventoryGroup *group, const pg_uuid_t *account_id, int64 max)
{
	Oid			owner = group->circular ? common_owner(group->tables) : InvalidOid;
	int64		count = 0;
	ListCell   *cell;

	if (OidIsValid(owner))
		return delete_together(group->tables, owner, account_id);
	foreach(cell, group->tables)
	{
		if (count < max)
			count += delete_of_table(lfirst(cell), account_id, rest(max, count));
	}
	return count;
}

int64
removal_delete(List *groups, List *account_ids, int64 max, const char **last)
{
	int64		count = 0;

	*last = NULL;
	for (int i = list_length(groups) - 1; i >= 0; i--)
	{
		const InventoryGroup *group = list_nth(groups, i);
		ListCell   *cell;

		foreach(cell, account_ids)
		{
			int64		deleted;

			if (count >= max)
				return count;
			deleted = delete_of_group(group, lfirst(cell), rest(max, count));
			if (deleted > 0)
				*last = ((InventoryTable *) linitial(group->tables))->name;
			count += deleted;
		}
	}
	return count;
}

static ArrayType *
uuid_array(List *ids)
{
	Datum	   *values = palloc(sizeof(Datum) * list_length(ids));
	ListCell   *cell;

	foreach(cell, ids)
		values[foreach_current_index(cell)] = UUIDPGetDatum(lfirst(cell));
	return construct_array(values, list_length(ids), UUIDOID, UUID_LEN, false, TYPALIGN_CHAR);
}

/* Whether a store has a row of one of some accounts. */
static void
look(void *argument)
{
	Work	   *work = argument;
	const InventoryStore *store = linitial(work->stores);
	Oid			types[1] = {UUIDARRAYOID};

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	inventory_execute(psprintf("SELECT FROM ONLY %s WHERE %s OPERATOR(pg_catalog.=) ANY ($1) LIMIT 1",
							   store->name, work->account), 1, types, &work->account_ids, false);
	work->count = SPI_processed;
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "could not finish SPI");
}

const char *
removal_find_left(List *groups, List *account_ids)
{
	ListCell   *group;
	ListCell   *table;
	ListCell   *store;
	Datum		ids = PointerGetDatum(uuid_array(account_ids));

	foreach(group, groups)
	{
		foreach(table, ((InventoryGroup *) lfirst(group))->tables)
		{
			const InventoryTable *current = lfirst(table);

			foreach(store, current->stores)
			{
				Work		work = {
					.stores = list_make1(lfirst(store)),
					.account = current->account,
					.account_ids = ids
				};

				script_call(((InventoryStore *) lfirst(store))->owner, linitial(account_ids), look, &work);
				if (work.count > 0)
					return ((InventoryStore *) lfirst(store))->name;
			}
		}
	}
	return NULL;
}
