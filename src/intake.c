/*
 * intake.c
 *	  What is to be loaded by import_account(), and into which accounts.
 *
 * The data is in a table of the caller's and is read as the caller.  All that can be said of
 * it without writing is said first.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* ---------------------------------------------------------------------------
 * The data, read as the caller
 */

/* Runs a query on the data, in SPI; %s in it is the table. */
uint64
intake_ask(const Import *import, const char *query, int nargs, Oid *types, Datum *values)
{
	int			result = SPI_execute_with_args(psprintf(query, import->staging), nargs, types, values, NULL, false, 0);

	if (result < 0)
		elog(ERROR, "could not read the data: %s", SPI_result_code_string(result));
	return SPI_processed;
}

char *
intake_answer(uint64 row, int column)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
}

static bool
has_column(Oid relation, const char *name, Oid type)
{
	AttrNumber	attribute = get_attnum(relation, name);

	return attribute > 0 && get_atttype(relation, attribute) == type;
}

/* Raises unless the argument is a table of the form that is asked for. */
const char *
intake_table(Oid relation)
{
	if (get_rel_name(relation) == NULL)
		error_raise(ERROR_NOT_FOUND, NULL, "table not found");
	if (!has_column(relation, "table_name", TEXTOID) || !has_column(relation, "row_data", JSONBOID))
		error_raise(ERROR_BAD_REQUEST, "CREATE TABLE ... (table_name text, row_data jsonb)",
					"table %s has not the columns table_name text and row_data jsonb",
					protection_table_name(relation));
	return protection_table_name(relation);
}

MappedTable *
intake_find_table(const Import *import, const char *name)
{
	ListCell   *cell;

	foreach(cell, import->tables)
	{
		if (strcmp(((MappedTable *) lfirst(cell))->table->name, name) == 0)
			return lfirst(cell);
	}
	return NULL;
}

static Source *
find_source(const Import *import, const char *named)
{
	ListCell   *cell;

	foreach(cell, import->sources)
	{
		if (strcmp(((Source *) lfirst(cell))->named, named) == 0)
			return lfirst(cell);
	}
	return NULL;
}

/* Notes an account that rows of a table name. */
static void
note_source(Import *import, Validation *validation, const char *table, char *named)
{
	pg_uuid_t	account_id;
	Source	   *source;

	if (named == NULL || !request_is_uuid(named, &account_id))
	{
		validation_add(validation, "row_data", "format", psprintf("rows of %s name no account", table), NULL);
		return;
	}
	if (find_source(import, named) != NULL)
		return;
	source = palloc0(sizeof(Source));
	source->named = named;
	source->account_id = import->account_id != NULL ? *import->account_id : account_id;
	import->sources = lappend(import->sources, source);
}

/* Finds out which accounts' rows of which tables there are, and that they are rows of isolated tables. */
void
intake_read_sources(Import *import)
{
	uint64		rows;
	Validation	validation;
	List	   *names = NIL;
	ListCell   *cell;

	validation_start(&validation);
	rows = intake_ask(import, "SELECT DISTINCT s.table_name, pg_catalog.jsonb_typeof(s.row_data)"
			   " FROM %s s ORDER BY 1, 2", 0, NULL, NULL);
	for (uint64 row = 0; row < rows; row++)
	{
		char	   *name = intake_answer(row, 1);
		char	   *type = intake_answer(row, 2);

		if (name == NULL || intake_find_table(import, name) == NULL)
			validation_add(&validation, "table_name", "enum",
						   psprintf("%s is no isolated table here", name != NULL ? name : "NULL"), NULL);
		else if (type == NULL || strcmp(type, "object") != 0)
			validation_add(&validation, "row_data", "type", psprintf("a row of %s is no object", name), NULL);
		else
			names = lappend(names, name);
	}
	validation_finish(&validation);

	foreach(cell, names)
	{
		Oid			types[2] = {TEXTOID, TEXTOID};
		Datum		values[2];

		values[0] = CStringGetTextDatum(lfirst(cell));
		values[1] = CStringGetTextDatum(intake_find_table(import, lfirst(cell))->table->account_column);
		rows = intake_ask(import, "SELECT DISTINCT s.row_data OPERATOR(pg_catalog.->>) $2 FROM %s s"
				   " WHERE s.table_name OPERATOR(pg_catalog.=) $1 ORDER BY 1", 2, types, values);
		for (uint64 row = 0; row < rows; row++)
			note_source(import, &validation, lfirst(cell), intake_answer(row, 1));
	}
	if (import->account_id != NULL && list_length(import->sources) > 1)
		validation_add(&validation, "account_id", "conflict", "the data has rows of several accounts",
					   "Load each by itself, or leave it out.");
	validation_finish(&validation);
}

/* ---------------------------------------------------------------------------
 * The accounts
 */

/* Raises unless an account is there and stays; keeps it from being purged or moved meanwhile. */
void
intake_take_place(Source *source)
{
	static Statement find = {
		"SELECT FROM account.holds h WHERE h.subject_id OPERATOR(pg_catalog.=) ANY ($1)"
		" AND h.kind OPERATOR(pg_catalog.=) 'p'",
		1, {UUIDARRAYOID}
	};
	static Statement find_workspaces = {
		"SELECT COALESCE(pg_catalog.array_agg(w.workspace_id), '{}') FROM account.workspaces w"
		" WHERE w.account_id OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};
	TreePath   *path = tree_lock(&source->account_id, false);
	QueryScope	scope;
	Datum		value;
	bool		isnull;

	if (path == NULL)
		error_raise(ERROR_NOT_FOUND, "Make it first, or name the account that is to have the rows.",
					"account %s not found", tree_uuid_text(&source->account_id));
	value = tree_path_datum(path);
	query_open(&scope);
	if (query_latest(&find, &value, NULL) > 0)
		error_raise(ERROR_CONFLICT, "Cancel that first.", "the account is to be deleted");
	value = UUIDPGetDatum(&source->account_id);
	query_latest(&find_workspaces, &value, NULL);
	source->workspaces = query_datum(&scope, 0, 1, &isnull);
	query_close(&scope);
}

void
intake_require_workspace(const Import *import)
{
	static Statement find = {
		"SELECT FROM account.workspaces w WHERE w.workspace_id OPERATOR(pg_catalog.=) $1"
		" AND w.account_id OPERATOR(pg_catalog.=) $2",
		2, {UUIDOID, UUIDOID}
	};
	ListCell   *cell;

	foreach(cell, import->workspace_id != NULL ? import->sources : NIL)
	{
		Datum		values[2] = {
			UUIDPGetDatum(import->workspace_id), UUIDPGetDatum(&((Source *) lfirst(cell))->account_id)
		};
		QueryScope	scope;

		query_open(&scope);
		if (query_latest(&find, values, NULL) == 0)
			error_raise(ERROR_NOT_FOUND, NULL, "workspace not found");
		query_close(&scope);
	}
}
