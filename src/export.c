/*
 * export.c
 *	  The rows of an account, for loading elsewhere, and how many they are.
 *
 * All tables are read with the snapshot of the calling statement, each as its owner and
 * under the account (script.c), some rows at a time into a tuplestore.  In a row as JSON
 * a NULL is null, but where the column is jsonb itself: there a NULL is left out, so that it
 * is not taken for the JSON value null.  A json is a string, for jsonb would not keep all that
 * is in its text: spaces, the order of members, those that are there twice, \u0000.
 */
#include "account.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
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

bool
export_is_text(Oid type)
{
	Oid			base = getBaseType(type);

	return base == JSONOID || base == JSONARRAYOID;
}

/* The query of an account's rows in a store, as JSON. */
static const char *
row_query(const Reading *reading)
{
	Relation	relation = table_open(reading->store->relation, AccessShareLock);
	TupleDesc	descriptor = RelationGetDescr(relation);
	StringInfoData columns;
	StringInfoData left_out;

	initStringInfo(&columns);
	initStringInfo(&left_out);
	for (int i = 0; i < descriptor->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(descriptor, i);
		const char *name = quote_identifier(NameStr(attribute->attname));

		if (attribute->attisdropped)
			continue;
		appendStringInfo(&columns, "%st.%s%s", columns.len > 0 ? ", " : "", name,
						 export_is_text(attribute->atttypid) ? psprintf("::pg_catalog.text AS %s", name) : "");
		if (getBaseType(attribute->atttypid) == JSONBOID)
			appendStringInfo(&left_out, " OPERATOR(pg_catalog.-) CASE WHEN r.%s IS NULL THEN %s ELSE '' END",
							 name, quote_literal_cstr(NameStr(attribute->attname)));
	}
	table_close(relation, AccessShareLock);
	return psprintf("SELECT pg_catalog.to_jsonb(r.*)%s FROM (SELECT %s FROM ONLY %s t"
					" WHERE t.%s OPERATOR(pg_catalog.=) $1) r",
					left_out.data, columns.data, reading->store->name, reading->table->account);
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
	const char *statement = row_query(reading);
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
	read_all(directory_subtree(account_id, descendants, false), export_rows, NULL, (ReturnSetInfo *) fcinfo->resultinfo);
	audit_note("account.exported", "account", account_id, account_id,
			   descendants ? "{\"descendants\": true}" : "{\"descendants\": false}");
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
	read_all(directory_subtree(account_id, false, false), measure_rows, put_size, (ReturnSetInfo *) fcinfo->resultinfo);
	return (Datum) 0;
}
