/*
 * import.c
 *	  Loading what export_account() gave.
 *
 * What is to be loaded is looked at first (intake.c), then the tables get their rows
 * (loading.c), what others refer to before them.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(account_import_import_account);

/* Arguments of import_account(). */
enum
{
	ARG_STAGING,
	ARG_ACCOUNT_ID,
	ARG_NEW_IDS,
	ARG_WORKSPACE_ID,
	ARG_REPLACE
};

/* The tables of a group that there are rows for. */
static List *
tables_with_rows(const Import *import, const InventoryGroup *group)
{
	List	   *tables = NIL;
	ListCell   *cell;

	foreach(cell, group->tables)
	{
		const InventoryTable *table = lfirst(cell);
		Oid			types[1] = {TEXTOID};
		Datum		value = CStringGetTextDatum(table->name);

		if (intake_ask(import, "SELECT FROM %s s WHERE s.table_name OPERATOR(pg_catalog.=) $1 LIMIT 1", 1, types, &value) > 0)
			tables = lappend(tables, intake_find_table(import, table->name));
	}
	return tables;
}

static bool
have_one_owner(List *tables)
{
	ListCell   *cell;

	foreach(cell, tables)
	{
		if (((MappedTable *) lfirst(cell))->table->owner != ((MappedTable *) linitial(tables))->table->owner)
			return false;
	}
	return true;
}

/* Raises unless every row of a table is in a workspace that the account has, or there is one for the others. */
static void
check_workspaces(const Import *import, const Source *source, const InventoryTable *table)
{
	Oid			types[5] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, UUIDARRAYOID};
	Datum		values[5];
	Validation	validation;

	if (table->workspace_column == NULL || import->workspace_id != NULL)
		return;
	values[0] = CStringGetTextDatum(table->name);
	values[1] = CStringGetTextDatum(table->account_column);
	values[2] = CStringGetTextDatum(source->named);
	values[3] = CStringGetTextDatum(table->workspace_column);
	values[4] = source->workspaces;
	validation_start(&validation);
	if (intake_ask(import, "SELECT FROM %s s WHERE s.table_name OPERATOR(pg_catalog.=) $1"
			" AND s.row_data OPERATOR(pg_catalog.->>) $2 OPERATOR(pg_catalog.=) $3"
			" AND NOT (s.row_data OPERATOR(pg_catalog.->>) $4)::pg_catalog.uuid OPERATOR(pg_catalog.=) ANY ($5)"
			" LIMIT 1", 5, types, values) > 0)
		validation_add(&validation, "workspace_id", "required",
					   psprintf("rows of %s are in workspaces that the account does not have", table->name),
					   "Name the workspace that they are to go to.");
	validation_finish(&validation);
}

/* Loads all rows of a group and returns them to the caller as counts. */
static void
load_group(const Import *import, const InventoryGroup *group, ReturnSetInfo *result)
{
	List	   *tables = tables_with_rows(import, group);
	bool		together = group->circular && have_one_owner(tables);
	int64	   *counts = palloc0(sizeof(int64) * Max(list_length(tables), 1));
	ListCell   *source;
	ListCell   *cell;

	foreach(source, tables != NIL ? import->sources : NIL)
	{
		foreach(cell, tables)
			check_workspaces(import, lfirst(source), ((MappedTable *) lfirst(cell))->table);
		if (together)
			loading_load_together(import, lfirst(source), tables, counts);
		foreach(cell, together ? NIL : tables)
			counts[foreach_current_index(cell)] += loading_load_table(import, lfirst(source), lfirst(cell));
	}
	foreach(cell, tables)
	{
		const MappedTable *table = lfirst(cell);
		Datum		values[2] = {
			ObjectIdGetDatum(table->table->relation), Int64GetDatum(counts[foreach_current_index(cell)])
		};
		bool		nulls[2] = {false, false};

		loading_pass_sequences(import, table);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/* Deletes all rows of the accounts that are loaded into. */
static void
delete_all(const Import *import, List *groups)
{
	List	   *account_ids = NIL;
	const char *table;
	ListCell   *cell;

	foreach(cell, import->sources)
		account_ids = lappend(account_ids, &((Source *) lfirst(cell))->account_id);
	if (account_ids == NIL)
		error_raise(ERROR_BAD_REQUEST, NULL, "table %s has no rows to replace any by", import->staging);
	(void) removal_delete(groups, account_ids, PG_INT64_MAX, &table);
	table = removal_find_left(groups, account_ids);
	if (table != NULL)
		error_raise(ERROR_CONFLICT, "Something keeps them: a trigger, or a rule.", "rows are left in table %s", table);
}

/* import_account(staging, account_id, new_ids, workspace_id, replace) */
Datum
account_import_import_account(PG_FUNCTION_ARGS)
{
	Import		import = {
		.account_id = PG_ARGISNULL(ARG_ACCOUNT_ID) ? NULL : PG_GETARG_UUID_P(ARG_ACCOUNT_ID),
		.new_ids = !PG_ARGISNULL(ARG_NEW_IDS) && PG_GETARG_BOOL(ARG_NEW_IDS),
		.workspace_id = PG_ARGISNULL(ARG_WORKSPACE_ID) ? NULL : PG_GETARG_UUID_P(ARG_WORKSPACE_ID)
	};
	bool		replace = !PG_ARGISNULL(ARG_REPLACE) && PG_GETARG_BOOL(ARG_REPLACE);
	pg_uuid_t	salt;
	List	   *groups;
	ListCell   *cell;

	caller_require_admin("import an account");
	if (PG_ARGISNULL(ARG_STAGING))
		error_raise(ERROR_BAD_REQUEST, NULL, "a table with the data is required");
	import.staging = intake_table(PG_GETARG_OID(ARG_STAGING));
	if (import.account_id != NULL && tree_path(import.account_id) == NULL)
		error_raise(ERROR_NOT_FOUND, NULL, "account not found");
	token_random_uuid(&salt);
	import.salt = CStringGetTextDatum(tree_uuid_text(&salt));
	InitMaterializedSRF(fcinfo, 0);
	groups = inventory_read();
	inventory_require_whole(groups);
	import.tables = mapping_read(groups, import.new_ids);
	script_settle();

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	intake_read_sources(&import);
	foreach(cell, import.sources)
		intake_take_place(lfirst(cell));
	intake_require_workspace(&import);
	if (replace)
		delete_all(&import, groups);
	foreach(cell, groups)
		load_group(&import, lfirst(cell), (ReturnSetInfo *) fcinfo->resultinfo);
	foreach(cell, import.sources)
	{
		const pg_uuid_t *account_id = &((Source *) lfirst(cell))->account_id;

		audit_note("account.imported", "account", account_id, account_id,
				   replace ? "{\"replace\": true}" : "{\"replace\": false}");
	}
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "could not finish SPI");
	return (Datum) 0;
}
