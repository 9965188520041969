/*
 * mapping.c
 *	  The columns of isolated tables, and which of them get new values where rows are loaded
 *	  with new ids.
 *
 * A key is a uuid in a primary key, a number with a sequence of its own in a unique index,
 * or either if a foreign key refers to it; not the column of the account or of the workspace,
 * nor what refers to a table that is not isolated.  What refers to a key is mapped as it is,
 * through any number of foreign keys.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"

typedef struct ColumnId
{
	Oid			relation;
	int32		attribute;
} ColumnId;

/* A column while it is found out what becomes of it. */
typedef struct Entry
{
	ColumnId	id;				/* hash key */
	MappedColumn *column;
	struct Entry *refers;		/* the column that it refers to */
	bool		unique;			/* in a unique index */
	bool		primary;
	bool		referred;
	bool		fixed;			/* of the account or workspace, or refers to what is not loaded */
	bool		settled;
} Entry;

/* The isolated table of a relation; NULL if it is none. */
static MappedTable *
find_table(List *tables, Oid relation)
{
	ListCell   *cell;

	foreach(cell, tables)
	{
		MappedTable *table = lfirst(cell);

		if (table->table->relation == relation)
			return table;
	}
	return NULL;
}

static Entry *
enter(HTAB *entries, uint64 row, int relation, int attribute, HASHACTION action)
{
	ColumnId	id;
	bool		found;

	memset(&id, 0, sizeof(id));
	id.relation = query_oid(row, relation);
	id.attribute = query_int64(row, attribute);
	return hash_search(entries, &id, action, &found);
}

/* Reads the columns of all tables. */
static void
read_columns(HTAB *entries, List *tables)
{
	static Statement find = {
		"SELECT a.attrelid, a.attnum::pg_catalog.int8, a.attname, a.atttypid,"
		" pg_catalog.pg_get_serial_sequence(pg_catalog.format('%I.%I', n.nspname, c.relname), a.attname),"
		" EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid OPERATOR(pg_catalog.=) c.oid"
		" AND i.indisunique AND a.attnum OPERATOR(pg_catalog.=) ANY (i.indkey)),"
		" EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid OPERATOR(pg_catalog.=) c.oid"
		" AND i.indisprimary AND a.attnum OPERATOR(pg_catalog.=) ANY (i.indkey))"
		" FROM pg_catalog.pg_attribute a"
		" JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) a.attrelid"
		" JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace"
		" WHERE a.attrelid OPERATOR(pg_catalog.=) ANY ($1) AND a.attnum OPERATOR(pg_catalog.>) 0"
		" AND NOT a.attisdropped AND a.attgenerated OPERATOR(pg_catalog.=) ''"
		" ORDER BY a.attrelid, a.attnum",
		1, {OIDARRAYOID}
	};
	Datum	   *oids = palloc(sizeof(Datum) * Max(list_length(tables), 1));
	Datum		value;
	QueryScope	scope;
	uint64		rows;
	ListCell   *cell;

	foreach(cell, tables)
		oids[foreach_current_index(cell)] = ObjectIdGetDatum(((MappedTable *) lfirst(cell))->table->relation);
	value = PointerGetDatum(construct_array(oids, list_length(tables), OIDOID, sizeof(Oid), true, TYPALIGN_INT));
	query_open(&scope);
	rows = query_latest(&find, &value, NULL);
	MemoryContextSwitchTo(scope.caller);
	for (uint64 row = 0; row < rows; row++)
	{
		Entry	   *entry = enter(entries, row, 1, 2, HASH_ENTER);
		MappedColumn *column = palloc0(sizeof(MappedColumn));
		MappedTable *table = find_table(tables, entry->id.relation);

		column->name = query_string(&scope, row, 3);
		column->quoted = quote_identifier(column->name);
		column->type = query_oid(row, 4);
		column->sequence = query_string(&scope, row, 5);
		column->table = table;
		table->columns = lappend(table->columns, column);
		memset((char *) entry + sizeof(ColumnId), 0, sizeof(Entry) - sizeof(ColumnId));
		entry->column = column;
		entry->unique = query_bool(row, 6);
		entry->primary = query_bool(row, 7);
		entry->fixed = strcmp(column->name, table->table->account_column) == 0 ||
			(table->table->workspace_column != NULL && strcmp(column->name, table->table->workspace_column) == 0);
	}
	query_close(&scope);
}

/* Reads what refers to what. */
static void
read_references(HTAB *entries)
{
	static Statement find = {
		"SELECT k.conrelid, c.referring::pg_catalog.int8, k.confrelid, c.referred::pg_catalog.int8"
		" FROM pg_catalog.pg_constraint k,"
		" ROWS FROM (pg_catalog.unnest(k.conkey), pg_catalog.unnest(k.confkey)) AS c (referring, referred)"
		" WHERE k.contype OPERATOR(pg_catalog.=) 'f' AND k.conparentid OPERATOR(pg_catalog.=) 0"
		" ORDER BY k.oid, c.referring"
	};
	QueryScope	scope;
	uint64		rows;

	query_open(&scope);
	rows = query_latest(&find, NULL, NULL);
	for (uint64 row = 0; row < rows; row++)
	{
		Entry	   *referring = enter(entries, row, 1, 2, HASH_FIND);
		Entry	   *referred = enter(entries, row, 3, 4, HASH_FIND);

		if (referring == NULL || referring->fixed)
			continue;
		if (referred == NULL)
			referring->fixed = true;
		else if (referring->refers == NULL && referring != referred)
			referring->refers = referred;
		if (referred != NULL)
			referred->referred = true;
	}
	query_close(&scope);
}

static bool
is_number(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID;
}

static void
settle(Entry *entry)
{
	MappedColumn *column = entry->column;

	if (entry->settled)
		return;
	entry->settled = true;
	if (entry->fixed)
		return;
	if (entry->refers != NULL)
	{
		settle(entry->refers);
		column->kind = entry->refers->column->kind;
		column->origin = entry->refers->column->origin;
		return;
	}
	if (column->type == UUIDOID && (entry->primary || entry->referred))
		column->kind = MAPPING_UUID;
	else if (is_number(column->type) && column->sequence != NULL && (entry->unique || entry->referred))
		column->kind = MAPPING_DRAWN;
	if (column->kind != MAPPING_KEEP)
		column->origin = column;
}

List *
mapping_read(List *groups, bool new_ids)
{
	HASHCTL		control = {.keysize = sizeof(ColumnId),.entrysize = sizeof(Entry),.hcxt = CurrentMemoryContext};
	HTAB	   *entries = hash_create("columns", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	List	   *tables = NIL;
	HASH_SEQ_STATUS status;
	Entry	   *entry;
	ListCell   *group;
	ListCell   *cell;

	foreach(group, groups)
	{
		foreach(cell, ((InventoryGroup *) lfirst(group))->tables)
		{
			MappedTable *table = palloc0(sizeof(MappedTable));

			table->table = lfirst(cell);
			tables = lappend(tables, table);
		}
	}
	read_columns(entries, tables);
	if (!new_ids)
		return tables;
	read_references(entries);
	hash_seq_init(&status, entries);
	while ((entry = hash_seq_search(&status)) != NULL)
		settle(entry);
	return tables;
}
