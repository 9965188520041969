/*
 * reference.c
 *	  Foreign keys between isolated tables, with the account on both sides.
 *
 * A foreign key is checked past row security: without the account it lets a tenant point
 * at, probe and cascade into rows of another.  So FOREIGN KEY (x) REFERENCES p (id) becomes
 * FOREIGN KEY (account_id, x) REFERENCES p (account_id, id), under its own name:
 *
 *	  ON DELETE SET NULL, SET DEFAULT	the same for the columns that it had, and never the account's
 *	  ON UPDATE SET NULL, SET DEFAULT	NO ACTION, with a notice: it would take the account too
 *	  other actions, DEFERRABLE, NOT VALID, NOT ENFORCED, PERIOD	as they were
 *	  MATCH FULL	stays where no column can be NULL.  Of one column it says nothing; of more, a
 *		check says that they are NULL together, for the account never is
 *
 * They are added as the owner of the table, to whom no row is hidden meanwhile (script.c): an
 * owner under FORCE validates nothing.  Keys change between: the old foreign keys hang on them,
 * and the new ones need them.
 */
#include "account.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/*
 * $1 tables, $2 the column of the account in each.  What later servers have in
 * pg_constraint is read by name.
 */
static Statement narrow_references = {
	"SELECT pg_catalog.quote_ident(k.conname), k.conrelid, k.confrelid,"
	" c.relowner, p.relowner, pg_catalog.quote_ident(ends.child), pg_catalog.quote_ident(ends.parent),"
	" columns.list, columns.referenced, columns.joined,"
	" k.confmatchtype, k.confupdtype, k.confdeltype,"
	" (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(s.attname), ', ' ORDER BY d.place)"
	" FROM pg_catalog.unnest(COALESCE(k.confdelsetcols, k.conkey)) WITH ORDINALITY d (attnum, place)"
	" JOIN pg_catalog.pg_attribute s ON s.attrelid OPERATOR(pg_catalog.=) k.conrelid"
	" AND s.attnum OPERATOR(pg_catalog.=) d.attnum),"
	" CASE WHEN k.condeferred THEN ' DEFERRABLE INITIALLY DEFERRED' WHEN k.condeferrable THEN ' DEFERRABLE' ELSE '' END"
	" OPERATOR(pg_catalog.||)"
	" CASE WHEN NOT COALESCE((later.fields OPERATOR(pg_catalog.->>) 'conenforced')::pg_catalog.bool, true)"
	" THEN ' NOT ENFORCED' WHEN NOT k.convalidated THEN ' NOT VALID' ELSE '' END,"
	" columns.filled, pg_catalog.cardinality(k.conkey), k.conname"
	" FROM pg_catalog.pg_constraint k"
	" JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) k.conrelid"
	" JOIN pg_catalog.pg_class p ON p.oid OPERATOR(pg_catalog.=) k.confrelid"
	" LEFT JOIN ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS cm (relation, account)"
	" ON cm.relation OPERATOR(pg_catalog.=) k.conrelid"
	" LEFT JOIN ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS pm (relation, account)"
	" ON pm.relation OPERATOR(pg_catalog.=) k.confrelid"
	" LEFT JOIN account.isolated_tables ci ON ci.table_name OPERATOR(pg_catalog.=) k.conrelid"
	" LEFT JOIN account.isolated_tables pi ON pi.table_name OPERATOR(pg_catalog.=) k.confrelid"
	" CROSS JOIN LATERAL (SELECT COALESCE(cm.account, ci.account_column) AS child,"
	" COALESCE(pm.account, pi.account_column) AS parent) ends"
	" CROSS JOIN LATERAL (SELECT pg_catalog.to_jsonb(k) AS fields) later"
	" CROSS JOIN LATERAL (SELECT"
	" pg_catalog.string_agg(x.period OPERATOR(pg_catalog.||) pg_catalog.quote_ident(ca.attname), ', ' ORDER BY x.place) AS list,"
	" pg_catalog.string_agg(x.period OPERATOR(pg_catalog.||) pg_catalog.quote_ident(pa.attname), ', ' ORDER BY x.place) AS referenced,"
	" pg_catalog.string_agg(pg_catalog.format('p.%I OPERATOR(%I.%s) c.%I', pa.attname, n.nspname, o.oprname, ca.attname),"
	" ' AND ' ORDER BY x.place) AS joined,"
	" pg_catalog.bool_and(ca.attnotnull) AS filled,"
	" pg_catalog.bool_or(ca.attname OPERATOR(pg_catalog.=) ends.child AND pa.attname OPERATOR(pg_catalog.=) ends.parent) AS composite"
	" FROM (SELECT u.*, CASE WHEN u.place OPERATOR(pg_catalog.=) pg_catalog.cardinality(k.conkey)"
	" AND (later.fields OPERATOR(pg_catalog.->>) 'conperiod')::pg_catalog.bool THEN 'PERIOD ' ELSE '' END AS period"
	" FROM ROWS FROM (pg_catalog.unnest(k.conkey), pg_catalog.unnest(k.confkey), pg_catalog.unnest(k.conpfeqop))"
	" WITH ORDINALITY AS u (child, parent, operator, place)) x"
	" JOIN pg_catalog.pg_attribute ca ON ca.attrelid OPERATOR(pg_catalog.=) k.conrelid AND ca.attnum OPERATOR(pg_catalog.=) x.child"
	" JOIN pg_catalog.pg_attribute pa ON pa.attrelid OPERATOR(pg_catalog.=) k.confrelid AND pa.attnum OPERATOR(pg_catalog.=) x.parent"
	" JOIN pg_catalog.pg_operator o ON o.oid OPERATOR(pg_catalog.=) x.operator"
	" JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) o.oprnamespace) columns"
	" WHERE k.contype OPERATOR(pg_catalog.=) 'f' AND k.conparentid OPERATOR(pg_catalog.=) 0"
	" AND (k.conrelid OPERATOR(pg_catalog.=) ANY ($1) OR k.confrelid OPERATOR(pg_catalog.=) ANY ($1))"
	" AND ends.child IS NOT NULL AND ends.parent IS NOT NULL AND NOT columns.composite"
	" ORDER BY c.relname, k.conname, k.oid",
	2, {OIDARRAYOID, NAMEARRAYOID}
};

static const char *
action_sql(char action, const char *columns)
{
	switch (action)
	{
		case FKCONSTR_ACTION_RESTRICT:
			return "RESTRICT";
		case FKCONSTR_ACTION_CASCADE:
			return "CASCADE";
		case FKCONSTR_ACTION_SETNULL:
			return columns != NULL ? psprintf("SET NULL (%s)", columns) : NULL;
		case FKCONSTR_ACTION_SETDEFAULT:
			return columns != NULL ? psprintf("SET DEFAULT (%s)", columns) : NULL;
		default:
			return "NO ACTION";
	}
}

/* Reads what follows the columns in the definition: match, actions, and when it is checked. */
static void
read_clauses(Reference *reference, const QueryScope *scope, uint64 row)
{
	bool		full = query_string(scope, row, 11)[0] == FKCONSTR_MATCH_FULL;
	const char *update = action_sql(query_string(scope, row, 12)[0], NULL);
	const char *delete = action_sql(query_string(scope, row, 13)[0], query_string(scope, row, 14));
	StringInfoData clauses;

	reference->update_lost = update == NULL;
	reference->nullable = full && !reference->filled && query_int64(row, 17) > 1 ? reference->columns : NULL;
	initStringInfo(&clauses);
	if (full && reference->filled)
		appendStringInfoString(&clauses, " MATCH FULL");
	if (update != NULL && strcmp(update, "NO ACTION") != 0)
		appendStringInfo(&clauses, " ON UPDATE %s", update);
	if (strcmp(delete, "NO ACTION") != 0)
		appendStringInfo(&clauses, " ON DELETE %s", delete);
	appendStringInfoString(&clauses, query_string(scope, row, 15));
	reference->clauses = clauses.data;
}

static Reference *
read_reference(const QueryScope *scope, uint64 row)
{
	Reference  *reference = palloc0(sizeof(Reference));
	bool		isnull;

	reference->name = query_string(scope, row, 1);
	reference->child = DatumGetObjectId(query_datum(scope, row, 2, &isnull));
	reference->parent = DatumGetObjectId(query_datum(scope, row, 3, &isnull));
	reference->child_owner = DatumGetObjectId(query_datum(scope, row, 4, &isnull));
	reference->parent_owner = DatumGetObjectId(query_datum(scope, row, 5, &isnull));
	reference->child_name = protection_table_name(reference->child);
	reference->parent_name = protection_table_name(reference->parent);
	reference->child_account = query_string(scope, row, 6);
	reference->parent_account = query_string(scope, row, 7);
	reference->columns = query_string(scope, row, 8);
	reference->referenced = query_string(scope, row, 9);
	reference->join = query_string(scope, row, 10);
	reference->filled = query_bool(row, 16);
	reference->beside = unique_beside(query_string(scope, row, 18));
	read_clauses(reference, scope, row);
	return reference;
}

List *
reference_read(List *tables)
{
	Datum		values[2];
	QueryScope	scope;
	uint64		rows;
	List	   *references = NIL;

	unique_table_arrays(tables, values);
	query_open(&scope);
	rows = query_latest(&narrow_references, values, NULL);
	for (uint64 row = 0; row < rows; row++)
	{
		MemoryContext old = MemoryContextSwitchTo(scope.caller);

		references = lappend(references, read_reference(&scope, row));
		MemoryContextSwitchTo(old);
	}
	query_close(&scope);
	return references;
}

const char *
reference_definition(const Reference *reference)
{
	return psprintf("FOREIGN KEY (%s, %s) REFERENCES %s (%s, %s)%s",
					reference->child_account, reference->columns, reference->parent_name,
					reference->parent_account, reference->referenced, reference->clauses);
}

const char *
reference_filling(const Reference *reference)
{
	return psprintf("UPDATE %s AS c SET %s = p.%s FROM %s AS p WHERE %s AND c.%s IS NULL AND p.%s IS NOT NULL",
					reference->child_name, reference->child_account, reference->parent_account,
					reference->parent_name, reference->join, reference->child_account, reference->parent_account);
}

const char *
reference_check(const Reference *reference)
{
	if (reference->nullable == NULL)
		return "";
	return psprintf(", ADD CHECK (pg_catalog.num_nulls(%s) OPERATOR(pg_catalog.=) 0 OR pg_catalog.num_nonnulls(%s) OPERATOR(pg_catalog.=) 0)",
					reference->nullable, reference->nullable);
}

static void
drop_references(Script *script, List *references)
{
	ListCell   *cell;

	foreach(cell, references)
	{
		const Reference *reference = lfirst(cell);

		script_run(script, reference->child_owner, "ALTER TABLE %s DROP CONSTRAINT %s",
				   reference->child_name, reference->name);
	}
}

/* A row of one account that references a row of another would stop the key: how many there are is said first. */
static void
count_strays(void *argument)
{
	const Reference *reference = argument;
	char	   *count;

	/* The columns of the account have been filled just now, and nobody knows with what. */
	(void) set_config_option("enable_nestloop", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	if (SPI_execute(psprintf("SELECT pg_catalog.count(*) FROM %s AS c JOIN %s AS p ON %s"
							 " WHERE c.%s OPERATOR(pg_catalog.<>) p.%s",
							 reference->child_name, reference->parent_name, reference->join,
							 reference->child_account, reference->parent_account), false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not count rows of %s", reference->child_name);
	count = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (strcmp(count, "0") != 0)
		error_raise(ERROR_BAD_REQUEST, "Mend these rows, or share the table that they reference.",
					"%s rows of table %s reference rows of another account in table %s, by foreign key %s",
					count, reference->child_name, reference->parent_name, reference->name);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "could not finish SPI");
}

static void
add_references(Script *script, List *references)
{
	ListCell   *cell;

	foreach(cell, references)
	{
		Reference  *reference = lfirst(cell);

		if (!script->dry_run)
			script_call(reference->child_owner, NULL, count_strays, reference);
		script_run(script, reference->child_owner, "ALTER TABLE %s ADD CONSTRAINT %s %s%s",
				   reference->child_name, reference->name, reference_definition(reference),
				   reference_check(reference));
		if (reference->update_lost)
			ereport(NOTICE,
					(errmsg("foreign key %s of table %s has no action ON UPDATE any more: it would take the account too",
							reference->name, reference->child_name)));
	}
}

static bool
has_table(List *tables, Oid relation)
{
	ListCell   *cell;

	foreach(cell, tables)
	{
		if (((ProtectedTable *) lfirst(cell))->relation == relation)
			return true;
	}
	return false;
}

static bool
has_parent(List *references, Oid relation)
{
	ListCell   *cell;

	foreach(cell, references)
	{
		if (((Reference *) lfirst(cell))->parent == relation)
			return true;
	}
	return false;
}

/* The tables that are referenced and not in a list themselves; they are isolated. */
static List *
other_parents(List *references, List *tables)
{
	List	   *others = NIL;
	ListCell   *cell;

	foreach(cell, references)
	{
		const Reference *reference = lfirst(cell);
		ProtectedTable *table;
		Isolation	isolation;

		if (has_table(tables, reference->parent) || has_table(others, reference->parent))
			continue;
		(void) policy_protection(reference->parent, &isolation);
		table = palloc0(sizeof(ProtectedTable));
		table->relation = reference->parent;
		table->owner = reference->parent_owner;
		table->kind = get_rel_relkind(reference->parent);
		table->name = reference->parent_name;
		table->account.name = get_attname(reference->parent, isolation.account, false);
		table->account.quoted = reference->parent_account;
		others = lappend(others, table);
	}
	return others;
}

/* Those of other tables get the twins that are missing, and keep their keys. */
static List *
only_twins(List *keys)
{
	ListCell   *cell;

	foreach(cell, keys)
	{
		if (!((UniqueKey *) lfirst(cell))->stays)
			keys = foreach_delete_current(keys, cell);
	}
	return keys;
}

/* Without the twins that none of these references needs. */
static List *
without_spare_twins(List *keys, List *references)
{
	ListCell   *cell;

	foreach(cell, keys)
	{
		const UniqueKey *key = lfirst(cell);

		if (key->stays && !has_parent(references, key->table->relation))
			keys = foreach_delete_current(keys, cell);
	}
	return keys;
}

void
reference_apply(Script *script, List *tables, bool twins)
{
	List	   *references = reference_read(tables);
	List	   *keys = unique_read(tables);

	if (!twins)
		keys = without_spare_twins(keys, references);
	drop_references(script, references);
	unique_apply(script, list_concat(only_twins(unique_read(other_parents(references, tables))), keys));
	add_references(script, references);
}
