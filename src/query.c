/*
 * query.c
 *	  SPI on our own tables, elevated to their owner.
 *
 * Between query_open() and query_close() the current user is the owner of our
 * tables.  Only fixed text on tables of schema account runs there: names and
 * operators are qualified, so that no search_path can bring in another's, and no
 * table of a user is touched, so that no trigger, expression or policy of
 * another's runs with the owner's rights.  On an error the server itself puts
 * the user back, at the end of the (sub)transaction, and closes SPI.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/snapmgr.h"

void
query_open(QueryScope *scope)
{
	Oid			owner = schema_catalog()->owner;

	scope->caller = CurrentMemoryContext;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	GetUserIdAndSecContext(&scope->user, &scope->security_context);
	SetUserIdAndSecContext(owner, scope->security_context | SECURITY_LOCAL_USERID_CHANGE);
}

void
query_close(QueryScope *scope)
{
	SetUserIdAndSecContext(scope->user, scope->security_context);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "could not finish SPI");
}

static void
query_prepare(Statement *query)
{
	SPIPlanPtr	plan = SPI_prepare_cursor(query->text, query->nargs, query->types,
										  query->planned_anew ? CURSOR_OPT_CUSTOM_PLAN : 0);

	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", query->text, SPI_result_code_string(SPI_result));
	SPI_keepplan(plan);
	query->plan = plan;
}

/* How many statements that may write are running, one within another. */
static int	writing = 0;

bool
query_is_writing(void)
{
	return writing > 0;
}

static uint64
query_run(Statement *query, const Datum *values, const char *nulls, Snapshot snapshot, bool read_only)
{
	int			result;

	if (query->plan == NULL)
		query_prepare(query);
	result = SPI_execute_snapshot(query->plan, (Datum *) values, nulls, snapshot, InvalidSnapshot,
								  read_only, true, 0);
	if (result < 0)
		elog(ERROR, "could not run \"%s\": %s", query->text, SPI_result_code_string(result));
	return SPI_processed;
}

/* Runs with a snapshot of what is committed now, and of all that this transaction has done. */
static uint64
query_run_latest(Statement *query, const Datum *values, const char *nulls, bool read_only)
{
	Snapshot	snapshot;
	uint64		rows;

	CommandCounterIncrement();
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	if (read_only)
		rows = query_run(query, values, nulls, snapshot, true);
	else
	{
		writing++;
		PG_TRY();
		{
			rows = query_run(query, values, nulls, snapshot, false);
		}
		PG_FINALLY();
		{
			writing--;
		}
		PG_END_TRY();
	}
	UnregisterSnapshot(snapshot);
	return rows;
}

uint64
query_read(Statement *query, const Datum *values, const char *nulls)
{
	return query_run(query, values, nulls, InvalidSnapshot, true);
}

uint64
query_latest(Statement *query, const Datum *values, const char *nulls)
{
	return query_run_latest(query, values, nulls, true);
}

uint64
query_write(Statement *query, const Datum *values, const char *nulls)
{
	return query_run_latest(query, values, nulls, false);
}

void
query_portions(Statement *query, const Datum *values, const char *nulls, long portion,
			   void (*visit) (void *argument), void *argument)
{
	Portal		portal;

	if (query->plan == NULL)
		query_prepare(query);
	portal = SPI_cursor_open(NULL, query->plan, (Datum *) values, nulls, true);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, portion);
		if (SPI_processed == 0)
			break;
		visit(argument);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
}

uint64
query_write_unique(Statement *query, const Datum *values, const char *nulls, const char *message,
				   const char *hint)
{
	MemoryContext context = CurrentMemoryContext;
	uint64		rows = 0;

	PG_TRY();
	{
		rows = query_write(query, values, nulls);
	}
	PG_CATCH();
	{
		if (geterrcode() == ERRCODE_UNIQUE_VIOLATION)
		{
			MemoryContextSwitchTo(context);
			FlushErrorState();
			error_raise(ERROR_CONFLICT, hint, "%s", message);
		}
		PG_RE_THROW();
	}
	PG_END_TRY();
	return rows;
}

static Datum
query_value(uint64 row, int column, bool *isnull)
{
	Assert(row < SPI_processed);
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);
}

Datum
query_datum(const QueryScope *scope, uint64 row, int column, bool *isnull)
{
	Datum		value = query_value(row, column, isnull);

	if (!*isnull)
	{
		Form_pg_attribute attribute = TupleDescAttr(SPI_tuptable->tupdesc, column - 1);
		MemoryContext old = MemoryContextSwitchTo(scope->caller);

		if (attribute->attlen == -1)
			value = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
		else
			value = datumCopy(value, attribute->attbyval, attribute->attlen);
		MemoryContextSwitchTo(old);
	}
	return value;
}

char *
query_string(const QueryScope *scope, uint64 row, int column)
{
	char	   *value = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);

	return value != NULL ? MemoryContextStrdup(scope->caller, value) : NULL;
}

bool
query_uuid(uint64 row, int column, pg_uuid_t *uuid)
{
	bool		isnull;
	Datum		value = query_value(row, column, &isnull);

	if (!isnull)
		*uuid = *DatumGetUUIDP(value);
	return !isnull;
}

List *
query_uuids(const QueryScope *scope, uint64 rows, int column)
{
	MemoryContext old = MemoryContextSwitchTo(scope->caller);
	List	   *result = NIL;

	for (uint64 row = 0; row < rows; row++)
	{
		pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));

		if (query_uuid(row, column, id))
			result = lappend(result, id);
	}
	MemoryContextSwitchTo(old);
	return result;
}

Datum
query_uuid_array(List *ids)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(list_length(ids), 1));
	ListCell   *cell;

	foreach(cell, ids)
		values[foreach_current_index(cell)] = UUIDPGetDatum(lfirst(cell));
	return PointerGetDatum(construct_array(values, list_length(ids), UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
}

bool
query_bool(uint64 row, int column)
{
	bool		isnull;
	Datum		value = query_value(row, column, &isnull);

	return !isnull && DatumGetBool(value);
}

Oid
query_oid(uint64 row, int column)
{
	bool		isnull;

	return DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull));
}

int64
query_int64(uint64 row, int column)
{
	bool		isnull;
	Datum		value = query_value(row, column, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

/* ---------------------------------------------------------------------------
 * Nullable arguments
 */

Datum
query_pointer_or_null(const void *pointer, char *null)
{
	*null = pointer != NULL ? ' ' : 'n';
	return PointerGetDatum(pointer);
}

Datum
query_text_or_null(const char *string, char *null)
{
	return query_pointer_or_null(string != NULL ? cstring_to_text(string) : NULL, null);
}
