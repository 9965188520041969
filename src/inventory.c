/*
 * inventory.c
 *	  The isolated tables, in the order that their foreign keys ask for.
 *
 * A table with partitions is one table of rows that lie in several stores.  Tables that
 * refer to one another in a circle, a table that refers to itself among them, make a
 * circular group: their rows come and go in one statement, for foreign keys are checked
 * at its end.  The groups come in an order in which rows can be loaded; they go in the
 * opposite one.
 *
 * Only catalogs are read here.  The caller does the rest as each table's owner.
 */
#include "account.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"

/* A table while the order is found. */
typedef struct Vertex
{
	Oid			relation;		/* hash key */
	InventoryTable *table;
	List	   *references;		/* Vertex *, tables that it refers to */
	bool		self;			/* itself among them */
	int			number;			/* in the order of discovery, 0 before */
	int			lowest;			/* of those that can be reached and are open */
	bool		open;
} Vertex;

typedef struct Search
{
	HTAB	   *vertices;
	List	   *order;			/* Vertex *, as the catalog listed them */
	List	   *stack;			/* Vertex *, of which the group is not known yet */
	int			discovered;
	List	   *groups;			/* InventoryGroup * */
} Search;

/* The rest of a table that has been found by one of its stores or by itself. */
static InventoryTable *
make_table(const QueryScope *scope, uint64 row, Oid relation)
{
	InventoryTable *table = palloc0(sizeof(InventoryTable));

	table->relation = relation;
	table->name = protection_table_name(relation);
	table->account_column = query_string(scope, row, 4);
	table->workspace_column = query_string(scope, row, 5);
	table->account = quote_identifier(table->account_column);
	return table;
}

/* Reads all isolated tables; those with partitions get these as stores. */
static void
read_tables(Search *search)
{
	static Statement find = {
		"SELECT c.oid, c.relowner, COALESCE(pg_catalog.pg_partition_root(c.oid), c.oid)::pg_catalog.oid,"
		" t.account_column, t.workspace_column, c.relkind"
		" FROM account.isolated_tables t"
		" JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) t.table_name"
		" JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace"
		" WHERE c.relpersistence OPERATOR(pg_catalog.<>) 't'"
		" ORDER BY n.nspname, c.relname"
	};
	QueryScope	scope;
	uint64		rows;

	query_open(&scope);
	rows = query_latest(&find, NULL, NULL);
	MemoryContextSwitchTo(scope.caller);
	for (uint64 row = 0; row < rows; row++)
	{
		Oid			relation = query_oid(row, 1);
		Oid			root = query_oid(row, 3);
		bool		isnull;
		char		kind = DatumGetChar(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 6, &isnull));
		bool		found;
		Vertex	   *vertex = hash_search(search->vertices, &root, HASH_ENTER, &found);

		if (!found)
		{
			memset((char *) vertex + sizeof(Oid), 0, sizeof(Vertex) - sizeof(Oid));
			vertex->table = make_table(&scope, row, root);
			search->order = lappend(search->order, vertex);
		}
		if (relation == root)
			vertex->table->owner = query_oid(row, 2);
		if (kind == RELKIND_RELATION)
		{
			InventoryStore *store = palloc(sizeof(InventoryStore));

			store->relation = relation;
			store->owner = query_oid(row, 2);
			store->name = protection_table_name(relation);
			vertex->table->stores = lappend(vertex->table->stores, store);
		}
	}
	query_close(&scope);
}

/* Reads which of them refer to which. */
static void
read_references(Search *search)
{
	static Statement find = {
		"SELECT DISTINCT COALESCE(pg_catalog.pg_partition_root(k.conrelid), k.conrelid)::pg_catalog.oid,"
		" COALESCE(pg_catalog.pg_partition_root(k.confrelid), k.confrelid)::pg_catalog.oid"
		" FROM pg_catalog.pg_constraint k WHERE k.contype OPERATOR(pg_catalog.=) 'f' ORDER BY 1, 2"
	};
	QueryScope	scope;
	uint64		rows;

	query_open(&scope);
	rows = query_latest(&find, NULL, NULL);
	MemoryContextSwitchTo(scope.caller);
	for (uint64 row = 0; row < rows; row++)
	{
		Oid			from = query_oid(row, 1);
		Oid			to = query_oid(row, 2);
		Vertex	   *referring = hash_search(search->vertices, &from, HASH_FIND, NULL);
		Vertex	   *referred = hash_search(search->vertices, &to, HASH_FIND, NULL);

		if (referring == NULL || referred == NULL)
			continue;
		if (referring == referred)
			referring->self = true;
		else
			referring->references = lappend(referring->references, referred);
	}
	query_close(&scope);
}

/* Takes all that was discovered since a vertex off the stack: they are one group. */
static void
close_group(Search *search, Vertex *first)
{
	InventoryGroup *group = palloc0(sizeof(InventoryGroup));
	Vertex	   *vertex;

	do
	{
		vertex = llast(search->stack);
		search->stack = list_delete_last(search->stack);
		vertex->open = false;
		group->tables = lcons(vertex->table, group->tables);
	} while (vertex != first);
	group->circular = first->self || list_length(group->tables) > 1;
	search->groups = lappend(search->groups, group);
}

/* Tarjan's: what a vertex refers to is in a group before it, or in its own. */
static void
visit(Search *search, Vertex *vertex)
{
	ListCell   *cell;

	check_stack_depth();
	vertex->number = vertex->lowest = ++search->discovered;
	vertex->open = true;
	search->stack = lappend(search->stack, vertex);
	foreach(cell, vertex->references)
	{
		Vertex	   *referred = lfirst(cell);

		if (referred->number == 0)
			visit(search, referred);
		if (referred->open)
			vertex->lowest = Min(vertex->lowest, referred->lowest);
	}
	if (vertex->lowest == vertex->number)
		close_group(search, vertex);
}

List *
inventory_read(void)
{
	HASHCTL		control = {.keysize = sizeof(Oid),.entrysize = sizeof(Vertex),.hcxt = CurrentMemoryContext};
	Search		search = {0};
	ListCell   *cell;

	search.vertices = hash_create("isolated tables", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	read_tables(&search);
	read_references(&search);
	foreach(cell, search.order)
	{
		Vertex	   *vertex = lfirst(cell);

		if (vertex->number == 0)
			visit(&search, vertex);
	}
	return search.groups;
}

void
inventory_require_whole(List *groups)
{
	ListCell   *group;
	ListCell   *cell;

	foreach(group, groups)
	{
		foreach(cell, ((InventoryGroup *) lfirst(group))->tables)
		{
			const InventoryTable *table = lfirst(cell);

			if (!OidIsValid(table->owner))
				error_raise(ERROR_CONFLICT, "Isolate the table, or detach them; doctor() says how.",
							"table %s is not isolated, and partitions of it are", table->name);
		}
	}
}

void
inventory_execute(const char *statement, int nargs, Oid *types, Datum *values, bool read_only)
{
	int			result = SPI_execute_with_args(statement, nargs, types, values, NULL, read_only, 0);

	if (result < 0)
		elog(ERROR, "could not run \"%s\": %s", statement, SPI_result_code_string(result));
}
