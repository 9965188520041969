/*
 * script.c
 *	  SQL on users' tables: written once, shown in a dry run or run as the
 *	  table's owner.
 *
 * A statement never runs with rights that the owner of the table lacks, so a
 * trigger, a default or an index expression of the owner's that it meets gets
 * none either.  It runs in a restricted operation (no SET ROLE, no temporary
 * table, no deferred work left behind), with a search_path that only holds the
 * server's own schema.  Row security must not hide a row from it: the owner's
 * FORCE is passed over as for referential checks, and with row_security off
 * what another role's policy would hide is an error and not a gap.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "utils/builtins.h"
#include "utils/plancache.h"
#include "utils/tuplestore.h"

static int	running = 0;		/* depth of statements of ours that are being run */
static uint64 changed = 0;		/* rows that the last one has changed */

bool
script_is_running(void)
{
	return running > 0;
}

static void
execute(void *statement)
{
	int			result;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	result = SPI_execute(statement, false, 0);
	if (result < 0)
		elog(ERROR, "could not run \"%s\": %s", (char *) statement, SPI_result_code_string(result));
	changed = SPI_processed;
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "could not finish SPI");
}

static void
set_locally(const char *setting, const char *value)
{
	(void) set_config_option(setting, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/* The identity of an account that nobody has proven: it writes, and may do nothing else. */
static const Identity *
identity_of(const pg_uuid_t *account_id)
{
	Identity   *identity = palloc0(sizeof(Identity));

	identity->has_account = true;
	identity->account_id = *account_id;
	identity->writable = true;
	identity->expires_at = DT_NOEND;
	identity->issues_until = DT_NOEND;
	identity->rights = right_copy(right_of_list(construct_empty_array(TEXTOID), NULL));
	return identity;
}

void
script_call(Oid role, const pg_uuid_t *account_id, void (*work) (void *argument), void *argument)
{
	/* Whoever may isolate no table can still copy the policies of one, for triggers and casts of its own. */
	const bool	assumes = account_id != NULL && access_has_level(role, "level_owner");
	const Identity *before = NULL;
	Oid			user;
	int			security_context;
	int			nest_level;

	GetUserIdAndSecContext(&user, &security_context);
	SetUserIdAndSecContext(role, security_context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
	nest_level = NewGUCNestLevel();
	set_locally("search_path", "pg_catalog, pg_temp");
	set_locally("row_security", "off");
	if (assumes)
	{
		/* Workers would not know of it. */
		set_locally("max_parallel_workers_per_gather", "0");
		before = identity_assume(identity_of(account_id));
	}
	running++;
	PG_TRY();
	{
		work(argument);
	}
	PG_FINALLY();
	{
		running--;
		if (assumes)
			identity_assume(before);
		/* A plan that a function of the owner's made past FORCE must not be found later, without that. */
		ResetPlanCache();
	}
	PG_END_TRY();

	AtEOXact_GUC(false, nest_level);
	SetUserIdAndSecContext(user, security_context);
}

void
script_settle(void)
{
	execute("SET CONSTRAINTS ALL IMMEDIATE");
}

void
script_run(Script *script, Oid role, const char *format,...)
{
	StringInfoData statement;

	initStringInfo(&statement);
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, format);
		needed = appendStringInfoVA(&statement, format, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&statement, needed);
	}

	if (!script->dry_run)
	{
		if (script->statements == NIL && script->settle)
			script_settle();
		script_call(role, script->account_id, execute, statement.data);
		script->changed = changed;
	}
	script->statements = lappend(script->statements, statement.data);
}

int
script_pin_path(void)
{
	int			nest_level = NewGUCNestLevel();

	set_locally("search_path", "pg_catalog, pg_temp");
	return nest_level;
}

void
script_unpin_path(int nest_level)
{
	AtEOXact_GUC(false, nest_level);
}

void
script_note(Script *script, const char *line)
{
	script->statements = lappend(script->statements, pstrdup(line));
}

void
script_return(const Script *script, FunctionCallInfo fcinfo)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *cell;

	foreach(cell, script->statements)
	{
		Datum		value = CStringGetTextDatum(lfirst(cell));
		bool		isnull = false;

		tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
	}
}
