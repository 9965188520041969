/*
 * export.c
 *	  The rows of an account, for loading elsewhere, and how many they are.
 *
 * All tables are read with the snapshot of the calling statement, each as its owner and
 * under the account (script.c), some rows at a time into a tuplestore.  In a row as JSON
 * a NULL is null, but where the column is JSON itself: there a NULL is left out, so that it
 * is not taken for the JSON value null.
 */
#include "account.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#define ROWS_AT_ONCE 1000

PG_FUNCTION_INFO_V1(account_export_export_account);
PG_FUNCTION_INFO_V1(account_export_account_size);

/* Reading one account's rows in one store of a table. */
typedef struct Reading
{
	const InventoryTable *table;
	const InventoryStore *store;
	Datum		account_id;
	ReturnSetInfo *result;		/* where rows go */
	int64		rows;
	int64		bytes;
} Reading;

/* The account, and if wanted all below it, as the statement sees them: pg_uuid_t *, the highest first. */
static List *
find_accounts(const pg_uuid_t *account_id, bool descendants)
{
	static Statement find = {
		"SELECT a.account_id" DIRECTORY_SUBTREE(">=")
		" WHERE h.account_id OPERATOR(pg_catalog.=) $1 AND ($2 OR a.account_id OPERATOR(pg_catalog.=) $1)"
		" ORDER BY pg_catalog.cardinality(a.path), a.account_id",
		2, {UUIDOID, BOOLOID}
	};
	Datum		values[2] = {UUIDPGetDatum(account_id), BoolGetDatum(descendants)};
	List	   *result = NIL;
	QueryScope	scope;
	uint64		rows;

	query_open(&scope);
	rows = query_read(&find, values, NULL);
	MemoryContextSwitchTo(scope.caller);
	for (uint64 row = 0; row < rows; row++)
	{
		pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));

		(void) query_uuid(row, 1, id);
		result = lappend(result, id);
	}
	query_close(&scope);
	return result;
}

/* Calls what reads, as each owner, table by table and account by account. */
static void
read_all(List *account_ids, void (*work) (void *argument), void (*after) (Reading *reading), ReturnSetInfo *result)
{
	ListCell   *group;
	ListCell   *table;
	ListCell   *account;
	ListCell   *store;

	foreach(group, inventory_read())
	{
		foreach(table, ((InventoryGroup *) lfirst(group))->tables)
		{
			Reading		reading = {.table = lfirst(table),.result = result};

			foreach(account, account_ids)
			{
				reading.account_id = UUIDPGetDatum(lfirst(account));
				foreach(store, reading.table->stores)
				{
					reading.store = lfirst(store);
					script_call(reading.store->owner, lfirst(account), work, &reading);
				}
			}
			if (after != NULL)
				after(&reading);
		}
	}
}

/* ---------------------------------------------------------------------------
 * Rows
 */

/* A row as JSON, in SQL. */
static const char *
row_expression(Oid relation_id)
{
	Relation	relation = table_open(relation_id, AccessShareLock);
	TupleDesc	descriptor = RelationGetDescr(relation);
	StringInfoData expression;

	initStringInfo(&expression);
	appendStringInfoString(&expression, "pg_catalog.to_jsonb(t.*)");
	for (int i = 0; i < descriptor->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(descriptor, i);
		const char *name = NameStr(attribute->attname);

		if (!attribute->attisdropped && (attribute->atttypid == JSONBOID || attribute->atttypid == JSONOID))
			appendStringInfo(&expression, " OPERATOR(pg_catalog.-) CASE WHEN t.%s IS NULL THEN %s ELSE '' END",
							 quote_identifier(name), quote_literal_cstr(name));
	}
	table_close(relation, AccessShareLock);
	return expression.data;
}

/* How values are written must not depend on who asks. */
static void
write_portably(void)
{
	static const char *const settings[][2] = {
		{"intervalstyle", "iso_8601"}, {"bytea_output", "hex"}, {"extra_float_digits", "1"},
		{"datestyle", "ISO"}, {"timezone", "UTC"}, {"xmlbinary", "base64"}
	};

	for (int i = 0; i < lengthof(settings); i++)
		(void) set_config_option(settings[i][0], settings[i][1], PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
}

static void
put_rows(const Reading *reading, Datum table_name)
{
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		Datum		values[2] = {table_name};
		bool		nulls[2] = {false, false};

		values[1] = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1, &nulls[1]);
		tuplestore_putvalues(reading->result->setResult, reading->result->setDesc, values, nulls);
	}
}

static void
export_rows(void *argument)
{
	Reading    *reading = argument;
	Oid			types[1] = {UUIDOID};
	const char *statement = psprintf("SELECT %s FROM ONLY %s t WHERE t.%s OPERATOR(pg_catalog.=) $1",
									 row_expression(reading->store->relation), reading->store->name,
									 reading->table->account);
	Datum		table_name = CStringGetTextDatum(reading->table->name);
	Portal		portal;

	write_portably();
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	portal = SPI_cursor_open_with_args(NULL, statement, 1, types, &reading->account_id, NULL, true,
									   CURSOR_OPT_NO_SCROLL);
	do
	{
		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, ROWS_AT_ONCE);
		put_rows(reading, table_name);
		SPI_freetuptable(SPI_tuptable);
	} while (SPI_processed > 0);
	SPI_cursor_close(portal);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "could not finish SPI");
}

/* export_account(account_id, descendants) */
Datum
account_export_export_account(PG_FUNCTION_ARGS)
{
	const pg_uuid_t *account_id = caller_require_admin_of(fcinfo, "export an account");
	bool		descendants = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);

	InitMaterializedSRF(fcinfo, 0);
	read_all(find_accounts(account_id, descendants), export_rows, NULL, (ReturnSetInfo *) fcinfo->resultinfo);
	return (Datum) 0;
}

/* ---------------------------------------------------------------------------
 * Sizes
 */
static void
measure_rows(void *argument)
{
	Reading    *reading = argument;
	Oid			types[1] = {UUIDOID};
	const char *statement = psprintf("SELECT pg_catalog.count(*), COALESCE(pg_catalog.sum(pg_catalog.pg_column_size(t.*)),"
									 " 0)::pg_catalog.int8 FROM ONLY %s t WHERE t.%s OPERATOR(pg_catalog.=) $1",
									 reading->store->name, reading->table->account);
	bool		isnull;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	inventory_execute(statement, 1, types, &reading->account_id, true);
	reading->rows += DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	reading->bytes += DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "could not finish SPI");
}

static void
put_size(Reading *reading)
{
	Datum		values[3] = {
		ObjectIdGetDatum(reading->table->relation), Int64GetDatum(reading->rows), Int64GetDatum(reading->bytes)
	};
	bool		nulls[3] = {false, false, false};

	if (reading->rows > 0)
		tuplestore_putvalues(reading->result->setResult, reading->result->setDesc, values, nulls);
}

/* account_size(account_id) */
Datum
account_export_account_size(PG_FUNCTION_ARGS)
{
	const pg_uuid_t *account_id = caller_require_admin_of(fcinfo, "measure an account");

	InitMaterializedSRF(fcinfo, 0);
	read_all(find_accounts(account_id, false), measure_rows, put_size, (ReturnSetInfo *) fcinfo->resultinfo);
	return (Datum) 0;
}
