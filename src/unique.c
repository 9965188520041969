/*
 * unique.c
 *	  Unique keys and exclusion constraints of isolated tables, led by the account.
 *
 * A key that spans accounts tells one of them which values another has, and keeps the
 * same value from two of them.  So each gets the account's column as its first, under
 * its own name, with everything else of its definition: expressions, predicate, included
 * columns, operator classes, DEFERRABLE, NULLS NOT DISTINCT.
 *
 * A surrogate primary key stays as it is: its values are made by the table and say
 * nothing.  Beside it stands a unique key of the account and its columns, its twin, which
 * foreign keys with the account point at, and which finds the rows of an account.  A
 * primary key is a surrogate if one of its columns is an identity or has a default that
 * calls a function, or if it is a single number or uuid.
 *
 * What is wrong is read from the catalog, all at once; where nothing is, nothing is done.
 */
#include "account.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"

/*
 * Indexes of tables ($1) without the column of the account ($2, by name, in the same order),
 * and primary keys without a twin.  Those of partitions are their parents'.
 */
static Statement spanning_keys = {
	"SELECT i.indexrelid, i.indrelid, COALESCE(k.oid, 0::pg_catalog.oid),"
	" COALESCE(k.contype, 'i'), p.stays, i.indisreplident,"
	" pg_catalog.quote_ident(c.relname), c.relname, t.relname, t.relnamespace,"
	" pg_catalog.pg_get_expr(i.indpred, i.indrelid),"
	" CASE WHEN k.condeferred THEN ' DEFERRABLE INITIALLY DEFERRED' WHEN k.condeferrable THEN ' DEFERRABLE' ELSE '' END,"
	" (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY x.place)"
	" FROM pg_catalog.unnest(p.columns) WITH ORDINALITY x (attnum, place)"
	" JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) i.indrelid"
	" AND a.attnum OPERATOR(pg_catalog.=) x.attnum),"
	" m.amname, c.relam"
	" FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS mine (relation, account)"
	" JOIN pg_catalog.pg_index i ON i.indrelid OPERATOR(pg_catalog.=) mine.relation"
	" JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.indexrelid"
	" JOIN pg_catalog.pg_class t ON t.oid OPERATOR(pg_catalog.=) i.indrelid"
	" JOIN pg_catalog.pg_am m ON m.oid OPERATOR(pg_catalog.=) c.relam"
	" LEFT JOIN pg_catalog.pg_attribute o ON o.attrelid OPERATOR(pg_catalog.=) mine.relation"
	" AND o.attname OPERATOR(pg_catalog.=) mine.account AND NOT o.attisdropped"
	" LEFT JOIN pg_catalog.pg_constraint k ON k.conindid OPERATOR(pg_catalog.=) i.indexrelid"
	" AND k.conrelid OPERATOR(pg_catalog.=) i.indrelid AND k.contype OPERATOR(pg_catalog.=) ANY ('{p,u,x}')"
	" CROSS JOIN LATERAL (SELECT"
	" (i.indkey::pg_catalog.int2[])[0:i.indnkeyatts OPERATOR(pg_catalog.-) 1] AS columns,"
	" i.indisprimary AND EXISTS (SELECT FROM pg_catalog.pg_attribute a"
	" LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid OPERATOR(pg_catalog.=) a.attrelid"
	" AND d.adnum OPERATOR(pg_catalog.=) a.attnum"
	" WHERE a.attrelid OPERATOR(pg_catalog.=) i.indrelid"
	" AND a.attnum OPERATOR(pg_catalog.=) ANY ((i.indkey::pg_catalog.int2[])[0:i.indnkeyatts OPERATOR(pg_catalog.-) 1])"
	" AND (a.attidentity OPERATOR(pg_catalog.<>) ''"
	" OR (i.indnkeyatts OPERATOR(pg_catalog.=) 1 AND a.atttypid OPERATOR(pg_catalog.=) ANY"
	" ('{int2,int4,int8,uuid}'::pg_catalog.regtype[]))"
	" OR (a.atttypid OPERATOR(pg_catalog.=) ANY ('{int2,int4,int8,uuid,text,varchar,bpchar}'::pg_catalog.regtype[])"
	" AND pg_catalog.strpos(pg_catalog.pg_get_expr(d.adbin, d.adrelid), '(') OPERATOR(pg_catalog.>) 0))) AS stays) p"
	" WHERE (i.indisunique OR i.indisexclusion) AND i.indisvalid AND NOT c.relispartition"
	" AND (o.attnum IS NULL OR NOT o.attnum OPERATOR(pg_catalog.=) ANY (p.columns))"
	" AND NOT (p.stays AND EXISTS (SELECT FROM pg_catalog.pg_index w"
	" WHERE w.indrelid OPERATOR(pg_catalog.=) i.indrelid AND w.indisunique AND w.indisvalid AND w.indimmediate"
	" AND w.indpred IS NULL AND w.indexprs IS NULL"
	" AND w.indnkeyatts OPERATOR(pg_catalog.=) (i.indnkeyatts OPERATOR(pg_catalog.+) 1)"
	" AND (w.indkey::pg_catalog.int2[])[0:w.indnkeyatts OPERATOR(pg_catalog.-) 1]"
	" OPERATOR(pg_catalog.@>) (p.columns OPERATOR(pg_catalog.||) o.attnum)))"
	" ORDER BY t.relname, c.relname",
	2, {OIDARRAYOID, NAMEARRAYOID}
};

const char *
unique_beside(const char *name)
{
	return quote_identifier(makeObjectName(name, NULL, "account"));
}

/* The row of it that is read. */
typedef struct KeyRow
{
	const QueryScope *scope;
	uint64		row;
} KeyRow;

enum
{
	ROW_INDEX = 1, ROW_TABLE, ROW_CONSTRAINT, ROW_TYPE, ROW_STAYS, ROW_MARKED, ROW_QUOTED, ROW_NAME,
	ROW_TABLE_NAME, ROW_NAMESPACE, ROW_PREDICATE, ROW_DEFERRED, ROW_COLUMNS, ROW_METHOD, ROW_METHOD_ID
};

static Oid
row_oid(const KeyRow *row, int column)
{
	bool		isnull;

	return DatumGetObjectId(query_datum(row->scope, row->row, column, &isnull));
}

static const ProtectedTable *
find_table(List *tables, Oid relation)
{
	ListCell   *cell;

	foreach(cell, tables)
	{
		if (((ProtectedTable *) lfirst(cell))->relation == relation)
			return lfirst(cell);
	}
	return NULL;
}

/* Splits a definition, of which start is known, after its first parenthesis behind that. */
static void
split_definition(const char *definition, const char *start, const char **prefix, const char **suffix)
{
	const char *open = strncmp(definition, start, strlen(start)) == 0 ? strchr(definition + strlen(start), '(') : NULL;

	if (open == NULL)
		elog(ERROR, "cannot read \"%s\"", definition);
	*prefix = pnstrdup(definition + strlen(start), open + 1 - definition - strlen(start));
	*suffix = open + 1;
}

/* "UNIQUE (", "a, b) ..." */
static void
read_constraint(UniqueKey *key, Oid constraint)
{
	split_definition(pg_get_constraintdef_command(constraint),
					 psprintf("ALTER TABLE %s ADD CONSTRAINT %s ", key->table->name, key->name),
					 &key->prefix, &key->suffix);
}

/* " USING btree (", "a, lower(b)) WHERE ..." */
static void
read_index(UniqueKey *key, const char **prefix, const char **suffix)
{
	const char *only = key->table->kind == RELKIND_PARTITIONED_TABLE ? "ONLY " : "";

	split_definition(pg_get_indexdef_string(key->index),
					 psprintf("CREATE UNIQUE INDEX %s ON %s%s", key->name, only, key->table->name),
					 prefix, suffix);
}

/* The twin of a primary key that stays. */
static void
read_twin(UniqueKey *key, const KeyRow *row)
{
	const char *columns = query_string(row->scope, row->row, ROW_COLUMNS);

	key->name = quote_identifier(ChooseRelationName(query_string(row->scope, row->row, ROW_TABLE_NAME),
													psprintf("%s_id", key->table->account.name), "key",
													row_oid(row, ROW_NAMESPACE), true));
	key->beside = key->name;
	key->type = 'u';
	key->prefix = "UNIQUE (";
	key->suffix = psprintf("%s)", columns);
	key->built = psprintf(" USING btree (%s, %s)", key->table->account.quoted, columns);
	key->deferred = "";
}

/* Any other key. */
static void
read_definition(UniqueKey *key, Oid constraint)
{
	const char *prefix;
	const char *suffix;

	if (OidIsValid(constraint))
		read_constraint(key, constraint);
	if (key->type == 'x')
		return;
	read_index(key, &prefix, &suffix);
	key->built = psprintf("%s%s, %s", prefix, key->table->account.quoted, suffix);
	if (!OidIsValid(constraint))
	{
		key->prefix = prefix;
		key->suffix = suffix;
	}
}

static void
require_fit(const UniqueKey *key, const KeyRow *row)
{
	if (key->type == 'x' && !OidIsValid(GetDefaultOpClass(UUIDOID, row_oid(row, ROW_METHOD_ID))))
		error_raise(ERROR_BAD_REQUEST,
					"CREATE EXTENSION btree_gist, or replace the constraint by one of an access method that takes a uuid.",
					"exclusion constraint %s of table %s cannot have the account: no operator class of access method %s takes a uuid",
					key->name, key->table->name, query_string(row->scope, row->row, ROW_METHOD));
}

static UniqueKey *
read_key(List *tables, const KeyRow *row)
{
	UniqueKey  *key = palloc0(sizeof(UniqueKey));
	const char *predicate = query_string(row->scope, row->row, ROW_PREDICATE);
	Oid			constraint = row_oid(row, ROW_CONSTRAINT);

	key->table = find_table(tables, row_oid(row, ROW_TABLE));
	key->index = row_oid(row, ROW_INDEX);
	key->type = query_string(row->scope, row->row, ROW_TYPE)[0];
	key->stays = query_bool(row->row, ROW_STAYS);
	key->marked = query_bool(row->row, ROW_MARKED);
	key->name = query_string(row->scope, row->row, ROW_QUOTED);
	key->beside = unique_beside(query_string(row->scope, row->row, ROW_NAME));
	key->target = psprintf("%s%s%s", pg_get_indexdef_columns(key->index, true),
						   predicate != NULL ? ") WHERE " : ")", predicate != NULL ? predicate : "");
	key->deferred = query_string(row->scope, row->row, ROW_DEFERRED);
	if (key->stays)
		read_twin(key, row);
	else
		read_definition(key, constraint);
	require_fit(key, row);
	return key;
}

static List *
read_keys(List *tables, const Datum *values)
{
	QueryScope	scope;
	KeyRow		row = {&scope};
	uint64		rows;
	List	   *keys = NIL;

	query_open(&scope);
	rows = query_latest(&spanning_keys, values, NULL);
	for (row.row = 0; row.row < rows; row.row++)
	{
		MemoryContext old = MemoryContextSwitchTo(scope.caller);

		keys = lappend(keys, read_key(tables, &row));
		MemoryContextSwitchTo(old);
	}
	query_close(&scope);
	return keys;
}

void
unique_table_arrays(List *tables, Datum *values)
{
	int			count = list_length(tables);
	Datum	   *relations = palloc(sizeof(Datum) * (count + 1));
	Datum	   *columns = palloc(sizeof(Datum) * (count + 1));
	ListCell   *cell;

	foreach(cell, tables)
	{
		const ProtectedTable *table = lfirst(cell);

		relations[foreach_current_index(cell)] = ObjectIdGetDatum(table->relation);
		columns[foreach_current_index(cell)] = DirectFunctionCall1(namein, CStringGetDatum(table->account.name));
	}
	values[0] = PointerGetDatum(construct_array(relations, count, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
	values[1] = PointerGetDatum(construct_array(columns, count, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR));
}

List *
unique_read(List *tables)
{
	Datum		values[2];
	int			path = script_pin_path();
	List	   *keys;

	unique_table_arrays(tables, values);
	keys = read_keys(tables, values);
	script_unpin_path(path);
	return keys;
}

const char *
unique_definition(const UniqueKey *key)
{
	return psprintf("%s%s%s, %s", key->prefix, key->table->account.quoted,
					key->type == 'x' ? " WITH OPERATOR(pg_catalog.=)" : "", key->suffix);
}

const char *
unique_notice(const UniqueKey *key)
{
	if (key->stays || key->type == 'x')
		return NULL;
	return psprintf("table %s: ON CONFLICT (%s becomes ON CONFLICT (%s, %s",
					key->table->name, key->target, key->table->account.quoted, key->target);
}

static void
apply_key(Script *script, const UniqueKey *key)
{
	const ProtectedTable *table = key->table;
	const char *definition = unique_definition(key);
	const char *notice = unique_notice(key);

	if (key->stays)
		script_run(script, table->owner, "ALTER TABLE %s ADD CONSTRAINT %s %s", table->name, key->name, definition);
	else if (key->type != 'i')
		script_run(script, table->owner, "ALTER TABLE %s DROP CONSTRAINT %s, ADD CONSTRAINT %s %s",
				   table->name, key->name, key->name, definition);
	else
	{
		script_run(script, table->owner, "DROP INDEX %s",
				   quote_qualified_identifier(get_namespace_name(get_rel_namespace(key->index)), get_rel_name(key->index)));
		script_run(script, table->owner, "CREATE UNIQUE INDEX %s ON %s%s", key->name, table->name, definition);
	}
	if (key->marked && !key->stays)
		script_run(script, table->owner, "ALTER TABLE ONLY %s ALTER COLUMN %s SET NOT NULL, REPLICA IDENTITY USING INDEX %s",
				   table->name, table->account.quoted, key->name);
	if (notice != NULL)
		ereport(NOTICE, (errmsg("%s", notice)));
}

void
unique_apply(Script *script, List *keys)
{
	ListCell   *cell;

	foreach(cell, keys)
		apply_key(script, lfirst(cell));
}
