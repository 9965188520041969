/*
 * draft.c
 *	  The script of a dry run of isolate_schema(): the slow part first, with short locks.
 *
 * The application runs on meanwhile, as it is: what it writes is found by the last
 * statement.  Each line is a transaction of its own, or a block between BEGIN and COMMIT:
 *
 *	  columns		added empty, with their default
 *	  rows			filled, with the locks of an UPDATE
 *	  NOT NULL		by a check that is validated without stopping anyone
 *	  unique keys	built concurrently, beside the old ones
 *	  foreign keys	added NOT VALID, validated, and put in the place of the old ones
 *	  unique keys	put in the place of the old ones: here targets of ON CONFLICT change
 *	  the call		for policies, and for all that the above has left: it then takes its locks
 *					for as long as that lasts
 *
 * Left to the call are partitioned tables and those with children, whose keys cannot be
 * built in this way, exclusion constraints, foreign keys that were never validated, tables
 * that are under FORCE, where the owner would fill and validate nothing, and rows that find
 * their account only at a second look.
 */
#include "account.h"

#include "catalog/pg_class.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

static void
put(Script *script, const char *format,...) pg_attribute_printf(2, 3);

static void
put(Script *script, const char *format,...)
{
	StringInfoData line;

	initStringInfo(&line);
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, format);
		needed = appendStringInfoVA(&line, format, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&line, needed);
	}
	/* A comment ends with its line, whatever names are in it. */
	for (char *c = line.data; strncmp(line.data, "--", 2) == 0 && *c != '\0'; c++)
	{
		if (*c == '\n' || *c == '\r')
			*c = ' ';
	}
	script_note(script, line.data);
}

/* Several statements in one transaction. */
static void
put_block(Script *script, List *statements)
{
	ListCell   *cell;

	put(script, "BEGIN;");
	foreach(cell, statements)
		put(script, "%s;", (char *) lfirst(cell));
	put(script, "COMMIT;");
}

/* Whether the slow part of a table can be done beforehand. */
static bool
is_plain(const Unit *unit)
{
	const ProtectedTable *head = linitial(unit->tables);

	return unit->wanted == PROTECTION_ISOLATED && list_length(unit->tables) == 1 &&
		head->kind == RELKIND_RELATION && !head->partition && !head->forced;
}

static const Unit *
find_unit(const Application *application, Oid relation)
{
	ListCell   *cell;

	foreach(cell, application->units)
	{
		const Unit *unit = lfirst(cell);

		if (((ProtectedTable *) linitial(unit->tables))->relation == relation)
			return unit;
	}
	return NULL;
}

/* Whether a foreign key can be changed beforehand: then its rows find no other account any more. */
static bool
is_plain_reference(List *filled, const Reference *reference)
{
	return list_member_oid(filled, reference->child) && list_member_oid(filled, reference->parent) &&
		reference->nullable == NULL && strstr(reference->clauses, " NOT ") == NULL;
}

/* ------------------------------------------------------------- the columns */

static void
put_column(Script *script, const Unit *unit)
{
	const ProtectedTable *head = linitial(unit->tables);
	Script		trial = {.dry_run = true};
	bool		to_fill = column_add(&trial, unit->tables, unit->expression);
	uint64		rows;

	if (head->account.attribute != 0)
		return;
	(void) column_survey(unit->tables, &rows);
	if (rows > 0 && !to_fill)
	{
		put(script, "%s;", (char *) linitial(trial.statements));
		return;
	}
	put(script, "ALTER TABLE %s ADD COLUMN %s pg_catalog.uuid;", head->name, head->account.quoted);
	put(script, "ALTER TABLE %s ALTER COLUMN %s SET DEFAULT account.current_account_id();", head->name, head->account.quoted);
}

/* Fills a table, its triggers off: that keeps writers out for as long as it lasts, where there are any. */
static void
put_filling(Script *script, const ProtectedTable *table, const char *update)
{
	Script		off = {.dry_run = true};
	List	   *tables = list_make1(unconstify(ProtectedTable *, table));
	List	   *restore = column_triggers_off(&off, tables);

	if (off.statements == NIL)
	{
		put(script, "%s;", update);
		return;
	}
	off.statements = lappend(off.statements, unconstify(char *, update));
	column_triggers_on(&off, tables, restore);
	put_block(script, off.statements);
}

/* One more pass along references that lead every row to a table that is filled; whether it finds one. */
static bool
put_pass(Script *script, const Application *application, List **filled)
{
	bool		progress = false;
	ListCell   *cell;

	foreach(cell, application->references)
	{
		const Reference *reference = lfirst(cell);
		const Unit *unit = find_unit(application, reference->child);

		if (list_member_oid(*filled, reference->child) || !list_member_oid(*filled, reference->parent) ||
			unit == NULL || !is_plain(unit) || !reference->filled)
			continue;
		put_filling(script, linitial(unit->tables), reference_filling(reference));
		*filled = lappend_oid(*filled, reference->child);
		progress = true;
	}
	return progress;
}

/* Fills all tables whose rows surely find an account; returns their oids. */
static List *
put_rows(Script *script, const Application *application)
{
	List	   *filled = NIL;
	ListCell   *cell;

	foreach(cell, application->units)
	{
		const Unit *unit = lfirst(cell);
		const ProtectedTable *head = linitial(unit->tables);
		Script		trial = {.dry_run = true};
		bool		to_fill;

		if (!is_plain(unit))
			continue;
		to_fill = column_add(&trial, unit->tables, unit->expression);
		if (to_fill && unit->expression != NULL)
			put_filling(script, head, psprintf("UPDATE %s SET %s = (%s\n) WHERE %s IS NULL", head->name,
											   head->account.quoted, unit->expression, head->account.quoted));
		if (!to_fill || unit->expression != NULL)
			filled = lappend_oid(filled, head->relation);
	}
	put(script, "SET enable_nestloop = off;");
	while (put_pass(script, application, &filled))
		;
	put(script, "RESET enable_nestloop;");
	return filled;
}

static void
put_check(Script *script, const ProtectedTable *table)
{
	if (!table->account.not_null)
		put(script, "ALTER TABLE %s ADD CONSTRAINT account_not_null CHECK (%s IS NOT NULL) NOT VALID;",
			table->name, table->account.quoted);
}

/* NOT NULL is taken from a validated check without a look at the rows. */
static void
put_not_null(Script *script, const ProtectedTable *table)
{
	if (table->account.not_null)
		return;
	put(script, "ALTER TABLE %s VALIDATE CONSTRAINT account_not_null;", table->name);
	put(script, "ALTER TABLE %s ALTER COLUMN %s SET NOT NULL, DROP CONSTRAINT account_not_null;",
		table->name, table->account.quoted);
}

/* Adds the columns and fills them, again when no row without an account can come any more. */
static List *
put_columns(Script *script, const Application *application)
{
	List	   *filled;
	ListCell   *cell;

	foreach(cell, application->units)
	{
		if (is_plain(lfirst(cell)))
			put_column(script, lfirst(cell));
	}
	filled = put_rows(script, application);
	put(script, "-- From here on the application has to be authenticated when it writes.");
	foreach(cell, filled)
		put_check(script, linitial(find_unit(application, lfirst_oid(cell))->tables));
	(void) put_rows(script, application);
	foreach(cell, filled)
		put_not_null(script, linitial(find_unit(application, lfirst_oid(cell))->tables));
	return filled;
}

/* ---------------------------------------------------------------- the keys */

/* Whether a key can be built beforehand, and no foreign key that is left to the call hangs on it. */
static bool
is_plain_key(const Application *application, List *filled, const UniqueKey *key)
{
	ListCell   *cell;

	if (key->built == NULL || key->marked || !list_member_oid(filled, key->table->relation))
		return false;
	foreach(cell, application->references)
	{
		const Reference *reference = lfirst(cell);

		if (reference->parent == key->table->relation && !key->stays && !is_plain_reference(filled, reference))
			return false;
	}
	return true;
}

static const char *
schema_of(const UniqueKey *key)
{
	return quote_identifier(get_namespace_name(get_rel_namespace(key->index)));
}

/* Puts what was built in the place of the old key. */
static void
put_key(Script *script, const UniqueKey *key)
{
	const char *notice = unique_notice(key);
	const char *kind = key->type == 'p' ? "PRIMARY KEY" : "UNIQUE";

	if (notice != NULL)
		put(script, "-- %s", notice);
	if (key->stays)
		put(script, "ALTER TABLE %s ADD CONSTRAINT %s UNIQUE USING INDEX %s;", key->table->name, key->name, key->name);
	else if (key->type == 'i')
		put_block(script, list_make2(psprintf("DROP INDEX %s.%s", schema_of(key), key->name),
									 psprintf("ALTER INDEX %s.%s RENAME TO %s", schema_of(key), key->beside, key->name)));
	else
		put(script, "ALTER TABLE %s DROP CONSTRAINT %s, ADD CONSTRAINT %s %s USING INDEX %s%s;", key->table->name,
			key->name, key->name, kind, key->beside, key->deferred);
}

static void
put_reference(Script *script, const Reference *reference)
{
	put(script, "ALTER TABLE %s ADD CONSTRAINT %s %s NOT VALID;", reference->child_name, reference->beside,
		reference_definition(reference));
	put(script, "ALTER TABLE %s VALIDATE CONSTRAINT %s;", reference->child_name, reference->beside);
	put_block(script, list_make2(psprintf("ALTER TABLE %s DROP CONSTRAINT %s", reference->child_name, reference->name),
								 psprintf("ALTER TABLE %s RENAME CONSTRAINT %s TO %s", reference->child_name,
										  reference->beside, reference->name)));
}

static void
put_keys(Script *script, const Application *application, List *keys, List *filled)
{
	ListCell   *cell;

	foreach(cell, keys)
	{
		const UniqueKey *key = lfirst(cell);

		if (is_plain_key(application, filled, key))
			put(script, "CREATE UNIQUE INDEX CONCURRENTLY %s ON %s%s;", key->beside, key->table->name, key->built);
	}
	foreach(cell, application->references)
	{
		const Reference *reference = lfirst(cell);

		if (is_plain_reference(filled, reference))
			put_reference(script, reference);
	}
	foreach(cell, keys)
	{
		const UniqueKey *key = lfirst(cell);

		if (is_plain_key(application, filled, key))
			put_key(script, key);
		else if (unique_notice(key) != NULL)
			put(script, "-- %s, with the last statement", unique_notice(key));
	}
}

/* --------------------------------------------------------------- the whole */

static void
put_left_alone(Script *script, const Application *application)
{
	ListCell   *cell;

	foreach(cell, application->left_alone)
		put(script, "-- table %s is left alone: it is where a tool keeps its migrations", (char *) lfirst(cell));
	foreach(cell, application->units)
	{
		const Unit *unit = lfirst(cell);

		if (unit->wanted == PROTECTION_ISOLATED && !is_plain(unit))
			put(script, "-- table %s is left to the last statement", ((ProtectedTable *) linitial(unit->tables))->name);
	}
}

void
draft_write(Script *script, const Application *application)
{
	List	   *keys = unique_read(application->tables);

	put(script, "-- %s, to be run by psql as the owner, outside of a transaction.", application->call);
	put(script, "-- Where it stops, mend what it says, drop indexes that are not valid, and ask for a new one.");
	put(script, "\\set ON_ERROR_STOP on");
	put(script, "SET lock_timeout = '10s';");
	put_left_alone(script, application);
	put_keys(script, application, keys, put_columns(script, application));
	put(script, "RESET lock_timeout;");
	put(script, "SELECT pg_catalog.count(*) AS statements FROM %s;", application->call);
}
