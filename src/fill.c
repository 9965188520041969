/*
 * fill.c
 *	  The account of every row of an application.
 *
 * Rows of a table with an expression get what it yields, all others the account of the row
 * that they reference.  Each table that still has rows without one is tried, by its
 * expression and along each reference, until nothing changes any more: the order of the
 * tables, self-references, cycles and keys that are NULL take care of themselves.  Then the
 * fallback has its turn, first for tables that reference no other.  The owner's triggers are
 * off meanwhile.
 */
#include "account.h"

#include "miscadmin.h"
#include "utils/guc.h"

static void
survey(Unit *unit)
{
	unit->missing = column_survey(unit->tables, &unit->rows);
}

void
fill_columns(Script *script, Application *application)
{
	ListCell   *cell;

	foreach(cell, application->units)
	{
		Unit	   *unit = lfirst(cell);

		if (unit->wanted == PROTECTION_ISOLATED && column_add(script, unit->tables, unit->expression))
			survey(unit);
	}
}

static void
fill_by(Script *script, Unit *unit, const char *expression)
{
	const ProtectedTable *head = linitial(unit->tables);

	script_run(script, head->owner, "UPDATE %s SET %s = (%s\n) WHERE %s IS NULL",
			   head->name, head->account.quoted, expression, head->account.quoted);
	survey(unit);
}

/* Whether a table is one of a unit. */
static bool
unit_has(const Unit *unit, Oid relation)
{
	ListCell   *cell;

	foreach(cell, unit->tables)
	{
		if (((ProtectedTable *) lfirst(cell))->relation == relation)
			return true;
	}
	return false;
}

/* Nobody knows yet that most rows have no account: a plan for a few would never end. */
static void
run_over_many(Script *script, Oid role, const char *statement)
{
	int			nest_level = NewGUCNestLevel();

	(void) set_config_option("enable_nestloop", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	script_run(script, role, "%s", statement);
	AtEOXact_GUC(false, nest_level);
}

/* Gives rows of a unit the accounts of those that they reference. */
static void
fill_along_references(Script *script, const Application *application, Unit *unit)
{
	ListCell   *cell;

	foreach(cell, application->references)
	{
		const Reference *reference = lfirst(cell);

		if (unit->missing == 0 || !unit_has(unit, reference->child))
			continue;
		run_over_many(script, reference->child_owner, reference_filling(reference));
		unit->missing -= script->changed;
	}
}

/* Fills what can be filled, until nothing changes. */
static void
fill(Script *script, Application *application)
{
	uint64		before;
	uint64		after = PG_UINT64_MAX;

	do
	{
		ListCell   *cell;

		before = after;
		after = 0;
		foreach(cell, application->units)
		{
			Unit	   *unit = lfirst(cell);

			CHECK_FOR_INTERRUPTS();
			if (unit->missing > 0 && unit->expression != NULL)
				fill_by(script, unit, unit->expression);
			fill_along_references(script, application, unit);
			after += unit->missing;
		}
	} while (after > 0 && after < before);
}

static bool
is_child(const Application *application, const Unit *unit)
{
	ListCell   *cell;

	foreach(cell, application->references)
	{
		const Reference *reference = lfirst(cell);

		if (unit_has(unit, reference->child) && !unit_has(unit, reference->parent))
			return true;
	}
	return false;
}

/* The fallback, first for tables that reference none, and then for what is left. */
static void
fall_back(Script *script, Application *application)
{
	for (int round = 0; round < 2; round++)
	{
		ListCell   *cell;

		foreach(cell, application->units)
		{
			Unit	   *unit = lfirst(cell);

			if (unit->missing > 0 && (round > 0 || !is_child(application, unit)))
				fill_by(script, unit, application->fallback);
		}
		fill(script, application);
	}
}

static void
require_filled(const Application *application)
{
	ListCell   *cell;

	foreach(cell, application->units)
	{
		const Unit *unit = lfirst(cell);

		if (unit->missing > 0)
			error_raise(ERROR_BAD_REQUEST,
						"Give existing_rows an SQL expression for it that yields the account of a row, or share it.",
						"no account can be found for " UINT64_FORMAT " of " UINT64_FORMAT " rows of table %s",
						unit->missing, unit->rows, ((ProtectedTable *) linitial(unit->tables))->name);
	}
}

void
fill_accounts(Script *script, Application *application)
{
	ListCell   *cell;

	foreach(cell, application->units)
	{
		Unit	   *unit = lfirst(cell);

		if (unit->missing > 0)
			unit->triggers = column_triggers_off(script, unit->tables);
	}
	fill(script, application);
	if (application->fallback != NULL)
		fall_back(script, application);
	require_filled(application);
	foreach(cell, application->units)
	{
		Unit	   *unit = lfirst(cell);

		if (unit->triggers != NIL)
		{
			survey(unit);
			column_triggers_on(script, unit->tables, unit->triggers);
		}
	}
}
