/*
 * loading.c
 *	  Writing rows that import_account() was given into isolated tables.
 *
 * The data is read as the caller, for it is the caller's table, and written as the owner of
 * each table and under the account (script.c): rows go from one to the other as an array of
 * JSON, some at a time.  Tables that refer to one another in a circle get theirs in one
 * statement, for foreign keys are checked at its end; there the rows go over in tuplestores,
 * which keep on disk what does not fit into work_mem, and which the statement names.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/queryenvironment.h"
#include "utils/tuplestore.h"

#define ROWS_AT_ONCE 500
#define PARAMETERS_MAX 100		/* of one statement */

/* ---------------------------------------------------------------------------
 * Statements, run as the owner
 */

/* What is run as the owner of a table, and what it gives. */
typedef struct Run
{
	const char *statement;
	int			nargs;
	Oid			types[PARAMETERS_MAX];
	Datum		values[PARAMETERS_MAX];
	MemoryContext caller;
	List	   *stores;			/* EphemeralNamedRelation, that the statement names */
	int64		count;			/* rows */
	Datum		value;			/* result: of the first, if it is not NULL */
} Run;

static void
run(void *argument)
{
	Run		   *work = argument;
	ListCell   *cell;

	(void) set_config_option("datestyle", "ISO", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	foreach(cell, work->stores)
	{
		if (SPI_register_relation(lfirst(cell)) != SPI_OK_REL_REGISTER)
			elog(ERROR, "could not pass rows on");
	}
	inventory_execute(work->statement, work->nargs, work->types, work->values, false);
	work->count = SPI_processed;
	work->value = (Datum) 0;
	if (SPI_processed > 0 && SPI_tuptable != NULL)
	{
		bool		isnull;
		Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
		MemoryContext old = MemoryContextSwitchTo(work->caller);

		if (!isnull && SPI_gettypeid(SPI_tuptable->tupdesc, 1) == JSONBOID)
			work->value = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
		else if (!isnull)
			work->value = value;
		MemoryContextSwitchTo(old);
	}
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "could not finish SPI");
}

/* Adds a parameter and returns its number. */
static int
add_parameter(Run *work, Oid type, Datum value)
{
	if (work->nargs == PARAMETERS_MAX)
		error_raise(ERROR_BAD_REQUEST, NULL, "too many tables refer to one another");
	work->types[work->nargs] = type;
	work->values[work->nargs] = value;
	return ++work->nargs;
}

/* Draws new numbers for all old ones of a key, once. */
static void
draw(const Import *import, MappedColumn *key)
{
	const InventoryTable *table = key->table->table;
	Run			work = {
		.statement = "SELECT COALESCE(pg_catalog.jsonb_object_agg(o, pg_catalog.nextval($2::pg_catalog.regclass)), '{}')"
		" FROM pg_catalog.unnest($1) o",
		.caller = CurrentMemoryContext
	};
	Oid			types[2] = {TEXTOID, TEXTOID};
	Datum		values[2];
	bool		isnull;

	if (key->drawn != (Datum) 0)
		return;
	values[0] = CStringGetTextDatum(table->name);
	values[1] = CStringGetTextDatum(key->name);
	/* As numbers are written: " 7" is 7, and must not be kept as it is. */
	intake_ask(import, "SELECT COALESCE(pg_catalog.array_agg(v.o::pg_catalog.text ORDER BY v.o), '{}') FROM"
		" (SELECT DISTINCT (s.row_data OPERATOR(pg_catalog.->>) $2)::pg_catalog.int8 AS o FROM %s s"
		" WHERE s.table_name OPERATOR(pg_catalog.=) $1) v WHERE v.o IS NOT NULL", 2, types, values);
	(void) add_parameter(&work, TEXTARRAYOID,
						 SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	(void) add_parameter(&work, TEXTOID, CStringGetTextDatum(key->sequence));
	script_call(table->owner, NULL, run, &work);
	key->drawn = work.value;
}

/* The value of a column of a row d.r, which is p as one of the table, in SQL; $1 is the account. */
static char *
column_expression(const Import *import, const Source *source, MappedColumn *column, Run *work)
{
	const InventoryTable *table = column->table->table;
	const char *literal = quote_literal_cstr(column->name);

	if (strcmp(column->name, table->account_column) == 0)
		return "$1";
	if (table->workspace_column != NULL && strcmp(column->name, table->workspace_column) == 0 &&
		import->workspace_id != NULL)
		return psprintf("CASE WHEN p.%s OPERATOR(pg_catalog.=) ANY ($%d) THEN p.%s ELSE $%d END", column->quoted,
						add_parameter(work, UUIDARRAYOID, source->workspaces), column->quoted,
						add_parameter(work, UUIDOID, UUIDPGetDatum(import->workspace_id)));
	if (column->kind == MAPPING_UUID)
		return psprintf("CASE WHEN p.%s IS NOT NULL THEN pg_catalog.overlay(pg_catalog.overlay(pg_catalog.encode("
						"pg_catalog.substr(pg_catalog.sha256(pg_catalog.convert_to($%d OPERATOR(pg_catalog.||)"
						" p.%s::pg_catalog.text, 'UTF8')), 1, 16), 'hex'), '8', 13, 1), 'a', 17, 1)::pg_catalog.uuid END",
						column->quoted, add_parameter(work, TEXTOID, import->salt), column->quoted);
	if (column->kind == MAPPING_DRAWN)
	{
		draw(import, column->origin);
		return psprintf("COALESCE(($%d OPERATOR(pg_catalog.->>) (p.%s::pg_catalog.text))::pg_catalog.int8, p.%s)",
						add_parameter(work, JSONBOID, column->origin->drawn), column->quoted, column->quoted);
	}
	if (getBaseType(column->type) == JSONBOID)
		return psprintf("(d.r OPERATOR(pg_catalog.->) %s)", literal);
	if (export_is_text(column->type))
		return psprintf("(d.r OPERATOR(pg_catalog.->>) %s)::%s", literal, format_type_be_qualified(column->type));
	return psprintf("p.%s", column->quoted);
}

/* The names of the members that rows of a table have; in SPI. */
static List *
read_members(const Import *import, const InventoryTable *table)
{
	Oid			types[1] = {TEXTOID};
	Datum		value = CStringGetTextDatum(table->name);
	List	   *members = NIL;
	uint64		rows = intake_ask(import, "SELECT DISTINCT k FROM %s s, pg_catalog.jsonb_object_keys(s.row_data) k"
						   " WHERE s.table_name OPERATOR(pg_catalog.=) $1 ORDER BY 1", 1, types, &value);

	for (uint64 row = 0; row < rows; row++)
		members = lappend(members, intake_answer(row, 1));
	return members;
}

/* Raises VALIDATION_FAILED for a member that the table has no column for, not even a generated one. */
static void
check_members(const InventoryTable *table, List *members)
{
	Validation	validation;
	ListCell   *cell;

	validation_start(&validation);
	foreach(cell, members)
	{
		if (get_attnum(table->relation, lfirst(cell)) <= 0)
			validation_add(&validation, "row_data", "unknown",
						   psprintf("table %s has no column %s", table->name, (char *) lfirst(cell)), NULL);
	}
	validation_finish(&validation);
}

static bool
is_member(List *members, const char *name)
{
	ListCell   *cell;

	foreach(cell, members)
	{
		if (strcmp(lfirst(cell), name) == 0)
			return true;
	}
	return false;
}

/* The INSERT of rows of a table, d.r of what is given in SQL. */
static char *
insert_statement(const Import *import, const Source *source, const MappedTable *table, Run *work, const char *rows)
{
	List	   *members = read_members(import, table->table);
	StringInfoData names;
	StringInfoData expressions;
	StringInfoData texts;
	ListCell   *cell;

	check_members(table->table, members);
	initStringInfo(&names);
	initStringInfo(&expressions);
	initStringInfo(&texts);
	foreach(cell, table->columns)
	{
		MappedColumn *column = lfirst(cell);

		if (!is_member(members, column->name))
			continue;
		appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", column->quoted);
		appendStringInfo(&expressions, "%s%s", expressions.len > 0 ? ", " : "",
						 column_expression(import, source, column, work));
		if (export_is_text(column->type))
			appendStringInfo(&texts, " OPERATOR(pg_catalog.-) %s::pg_catalog.text", quote_literal_cstr(column->name));
	}
	return psprintf("INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s,"
					" LATERAL pg_catalog.jsonb_populate_record(NULL::%s, d.r%s) p",
					table->table->name, names.data, expressions.data, rows, table->table->name, texts.data);
}

/* Opens the rows of a source in a table; in SPI. */
static Portal
open_rows(const Import *import, const Source *source, const InventoryTable *table)
{
	Oid			types[3] = {TEXTOID, TEXTOID, TEXTOID};
	Datum		values[3];

	values[0] = CStringGetTextDatum(table->name);
	values[1] = CStringGetTextDatum(table->account_column);
	values[2] = CStringGetTextDatum(source->named);
	return SPI_cursor_open_with_args(NULL, psprintf("SELECT s.row_data FROM %s s"
													" WHERE s.table_name OPERATOR(pg_catalog.=) $1"
													" AND s.row_data OPERATOR(pg_catalog.->>) $2 OPERATOR(pg_catalog.=) $3",
													import->staging), 3, types, values, NULL, false, CURSOR_OPT_NO_SCROLL);
}

/* The next rows as a jsonb[]; returns how many. */
static int64
fetch_rows(Portal portal, long max, Datum *rows)
{
	Datum	   *values;
	bool		isnull;

	SPI_cursor_fetch(portal, true, max);
	values = palloc(sizeof(Datum) * Max(SPI_processed, 1));
	for (uint64 row = 0; row < SPI_processed; row++)
		values[row] = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1, &isnull);
	*rows = PointerGetDatum(construct_array(values, SPI_processed, JSONBOID, -1, false, TYPALIGN_INT));
	return SPI_processed;
}

int64
loading_load_table(const Import *import, const Source *source, const MappedTable *table)
{
	Run			work = {.caller = CurrentMemoryContext};
	MemoryContext chunk = AllocSetContextCreate(CurrentMemoryContext, "rows to load", ALLOCSET_DEFAULT_SIZES);
	int64		count = 0;
	int			rows;
	Portal		portal;

	(void) add_parameter(&work, UUIDOID, UUIDPGetDatum(&source->account_id));
	rows = add_parameter(&work, JSONBARRAYOID, (Datum) 0);
	work.statement = insert_statement(import, source, table, &work, psprintf("pg_catalog.unnest($%d) AS d (r)", rows));
	portal = open_rows(import, source, table->table);
	for (;;)
	{
		MemoryContext old = MemoryContextSwitchTo(chunk);
		int64		fetched = fetch_rows(portal, ROWS_AT_ONCE, &work.values[rows - 1]);

		CHECK_FOR_INTERRUPTS();
		SPI_freetuptable(SPI_tuptable);
		if (fetched > 0)
			script_call(table->table->owner, &source->account_id, run, &work);
		MemoryContextSwitchTo(old);
		MemoryContextReset(chunk);
		if (fetched == 0)
			break;
		count += work.count;
	}
	SPI_cursor_close(portal);
	MemoryContextDelete(chunk);
	return count;
}

/* The rows of a source in a table, as a relation of that name with one column, r; *count is how many. */
static EphemeralNamedRelation
store_rows(const Import *import, const Source *source, const MappedTable *table, const char *name, int64 *count)
{
	EphemeralNamedRelation relation = palloc0(sizeof(EphemeralNamedRelationData));
	Tuplestorestate *store = tuplestore_begin_heap(false, false, work_mem);
	Portal		portal = open_rows(import, source, table->table);

	relation->md.tupdesc = CreateTemplateTupleDesc(1);
	TupleDescInitEntry(relation->md.tupdesc, 1, "r", JSONBOID, -1, 0);
	*count = 0;
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, ROWS_AT_ONCE);
		if (SPI_processed == 0)
			break;
		for (uint64 row = 0; row < SPI_processed; row++)
			tuplestore_puttuple(store, SPI_tuptable->vals[row]);
		*count += SPI_processed;
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	relation->md.name = unconstify(char *, name);
	relation->md.enrtype = ENR_NAMED_TUPLESTORE;
	relation->md.enrtuples = *count;
	relation->reldata = store;
	return relation;
}

void
loading_load_together(const Import *import, const Source *source, List *tables, int64 *counts)
{
	Run			work = {.caller = CurrentMemoryContext};
	StringInfoData statement;
	ListCell   *cell;

	initStringInfo(&statement);
	(void) add_parameter(&work, UUIDOID, UUIDPGetDatum(&source->account_id));
	foreach(cell, tables)
	{
		const MappedTable *table = lfirst(cell);
		int			number = foreach_current_index(cell);
		const char *name = psprintf("imported_%d", number);
		char	   *insert = insert_statement(import, source, table, &work, psprintf("%s AS d", name));
		int64		count;

		work.stores = lappend(work.stores, store_rows(import, source, table, name, &count));
		counts[number] += count;
		if (number < list_length(tables) - 1)
			appendStringInfo(&statement, "%s i%d AS (%s)", number > 0 ? "," : "WITH", number, insert);
		else
			appendStringInfo(&statement, " %s", insert);
	}
	work.statement = statement.data;
	script_call(((MappedTable *) linitial(tables))->table->owner, &source->account_id, run, &work);
	foreach(cell, work.stores)
		tuplestore_end(((EphemeralNamedRelation) lfirst(cell))->reldata);
}

/* ---------------------------------------------------------------------------
 * Sequences
 */

/*
 * Moves a sequence past a number that was loaded, unless it is there already.  Other accounts
 * draw from it too: what leaves them next to nothing is refused.
 */
static void
pass_sequence(const InventoryTable *table, const char *sequence, Datum greatest)
{
	Run			work = {.caller = CurrentMemoryContext};
	const char *from = psprintf(" FROM %s q, pg_catalog.pg_sequence m"
								" WHERE m.seqrelid OPERATOR(pg_catalog.=) $1::pg_catalog.regclass"
								" AND m.seqincrement OPERATOR(pg_catalog.>) 0"
								" AND (q.last_value OPERATOR(pg_catalog.<) $2 OR (q.last_value OPERATOR(pg_catalog.=) $2"
								" AND NOT q.is_called))", sequence);
	Validation	validation;

	(void) add_parameter(&work, TEXTOID, CStringGetTextDatum(sequence));
	(void) add_parameter(&work, INT8OID, greatest);
	work.statement = psprintf("SELECT%s AND (m.seqmax::pg_catalog.numeric OPERATOR(pg_catalog.-) $2) OPERATOR(pg_catalog.*) 16"
							  " OPERATOR(pg_catalog.<) (m.seqmax::pg_catalog.numeric OPERATOR(pg_catalog.-) m.seqmin)", from);
	script_call(table->owner, NULL, run, &work);
	validation_start(&validation);
	if (work.count > 0)
		validation_add(&validation, "row_data", "range",
					   psprintf("the numbers of %s leave less than a sixteenth of their sequence", table->name),
					   "Have new ones drawn, with new_ids.");
	validation_finish(&validation);
	work.statement = psprintf("SELECT pg_catalog.setval($1::pg_catalog.regclass, $2)%s", from);
	script_call(table->owner, NULL, run, &work);
}

void
loading_pass_sequences(const Import *import, const MappedTable *table)
{
	ListCell   *cell;

	foreach(cell, table->columns)
	{
		const MappedColumn *column = lfirst(cell);
		Oid			types[2] = {TEXTOID, TEXTOID};
		Datum		values[2];
		bool		isnull;
		Datum		greatest;

		if (column->sequence == NULL || column->kind == MAPPING_DRAWN)
			continue;
		values[0] = CStringGetTextDatum(table->table->name);
		values[1] = CStringGetTextDatum(column->name);
		intake_ask(import, "SELECT pg_catalog.max((s.row_data OPERATOR(pg_catalog.->>) $2)::pg_catalog.int8) FROM %s s"
			" WHERE s.table_name OPERATOR(pg_catalog.=) $1", 2, types, values);
		greatest = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
		if (!isnull)
			pass_sequence(table->table, column->sequence, greatest);
	}
}
