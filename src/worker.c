/*
 * worker.c
 *	  The background worker that is the recorder.
 *
 * It is started when the server has left recovery, so never on a standby, and again when it
 * has ended for whatever reason.  It runs each task in a transaction of its own.  Between them
 * it is in no transaction and holds no snapshot.  After each round what was written is flushed,
 * also what took no transaction id.
 *
 * Where the extension is not installed, or of another version than the library, nothing
 * is run.  Where there is no such database, the worker is in none and looks every now and
 * then whether it is there.  Told to stop, it runs all tasks once more; pg_terminate_backend(),
 * DROP DATABASE ... WITH (FORCE) and the server's stop wait for that.
 */
#include "account.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/procsignal.h"
#include "tcop/tcopprot.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#define RESTART_SECONDS 2
#define CONNECTIONS_INVALID (-2)	/* datconnlimit where a DROP DATABASE was broken off */
#define REPORT_SECONDS 60		/* a task that fails again and again is in the log so often */

static bool usable = false;		/* the extension, when it was last looked at */

PGDLLEXPORT void account_worker_main(Datum number);

/* ---------------------------------------------------------------------------
 * Tasks
 */

static int64
interval(const RecorderTask *task)
{
	return (int64) (task->interval != 0 ? task->interval : setting_recorder_interval) * 1000;
}

/* A clock that was set back makes everything due. */
static bool
is_due(const RecorderTask *task, TimestampTz now)
{
	return now < task->run_at || now - task->run_at >= interval(task);
}

/* Logs the error that was caught, unless the task has failed just now, too. */
static void
report_failure(RecorderTask *task)
{
	TimestampTz now = GetCurrentTimestamp();

	if (task->reported_at != 0 && now >= task->reported_at &&
		now - task->reported_at < (int64) REPORT_SECONDS * USECS_PER_SEC)
		return;
	task->reported_at = now;
	errcontext("task \"%s\" of the account recorder", task->name);
	EmitErrorReport();
}

/*
 * Whether the extension is there, of the library's version, and nobody is dropping it; if so,
 * whoever wants to waits for the end of this transaction.
 */
static bool
hold_extension(void)
{
	Oid			extension = get_extension_oid("account", true);
	LOCKTAG		tag;

	if (!OidIsValid(extension))
		return false;
	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, ExtensionRelationId, extension, 0);
	if (LockAcquire(&tag, AccessShareLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
		return false;
	AcceptInvalidationMessages();
	return schema_is_usable();
}

/* Runs a task if the extension is there; notes how far the WAL was written. Returns whether it is done. */
static bool
run_task(RecorderTask *task, XLogRecPtr *written)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool done = false;

	task->run_at = GetCurrentTimestamp();
	PG_TRY();
	{
		SetCurrentStatementStartTimestamp();
		StartTransactionCommand();
		pgstat_report_activity(STATE_RUNNING, task->name);
		usable = hold_extension();
		if (usable)
		{
			PushActiveSnapshot(GetTransactionSnapshot());
			task->run();
			PopActiveSnapshot();
		}
		*written = Max(*written, XactLastRecEnd);
		CommitTransactionCommand();
		done = usable;
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		QueryCancelPending = false;
		report_failure(task);
		AbortOutOfAnyTransaction();
		FlushErrorState();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	pgstat_report_activity(STATE_IDLE, NULL);
	return done;
}

/* Runs the tasks that are due, or all. Returns whether all of them are done. */
static bool
run_tasks(bool all)
{
	int			ntasks;
	RecorderTask *tasks = recorder_tasks(&ntasks);
	XLogRecPtr	written = InvalidXLogRecPtr;
	int			failures = 0;
	int			run = 0;

	for (int i = 0; i < ntasks; i++)
	{
		if (all || is_due(&tasks[i], GetCurrentTimestamp()))
		{
			run++;
			if (!run_task(&tasks[i], &written))
				failures++;
		}
	}
	if (run == 0)
		return true;
	/* What took no transaction id is flushed by no commit. */
	if (written != InvalidXLogRecPtr)
		XLogFlush(written);
	pgstat_report_stat(true);
	recorder_count(failures);
	return failures == 0;
}

/* Runs all tasks, or those that are due where there is nothing more to do. */
static void
run_round(bool all)
{
	bool		good;

	all = recorder_begin(all, ShutdownRequestPending);
	good = run_tasks(all);
	recorder_finish(all, usable, good);
}

/* ---------------------------------------------------------------------------
 * The worker
 */

/* Whether a database is there and lets anybody in. */
static bool
is_open(const char *name)
{
	bool		open = false;
	HeapTuple	tuple;

	StartTransactionCommand();
	tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(get_database_oid(name, true)));
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);

		open = database->datallowconn && database->datconnlimit != CONNECTIONS_INVALID;
		ReleaseSysCache(tuple);
	}
	CommitTransactionCommand();
	return open;
}

/* Sleeps until the latch is set or so many milliseconds are over; does what any process has to do then. */
static void
nap(long milliseconds)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	/* There is nothing to cancel. */
	QueryCancelPending = false;
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

/* Waits for a database; ends the worker when it is there, for it cannot connect to another any more. */
static void
wait_for_database(const char *name)
{
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	ereport(LOG, (errmsg("account recorder waits for database \"%s\"", name)));
	while (!is_open(name))
		nap(setting_recorder_interval);
	recorder_set_absent(false);
	proc_exit(1);
}

/* What a superuser may have set for everybody, or himself, is not meant for us. */
static void
pin_settings(void)
{
	static const char *const settings[][2] = {
		{"search_path", "pg_catalog, pg_temp"},
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_read_only", "off"},
		{"default_transaction_deferrable", "off"},
		{"synchronous_commit", "local"},
		{"lock_timeout", "1s"},
		{"transaction_timeout", "0"},	/* since 17 */
		{"session_replication_role", "origin"},
		{"jit", "off"}
	};

	for (int i = 0; i < lengthof(settings); i++)
	{
		if (GetConfigOption(settings[i][0], true, false) != NULL)
			SetConfigOption(settings[i][0], settings[i][1], PGC_SUSET, PGC_S_OVERRIDE);
	}
}

/* How long until the next task is due. */
static long
time_to_next(void)
{
	int			ntasks;
	RecorderTask *tasks = recorder_tasks(&ntasks);
	TimestampTz now = GetCurrentTimestamp();
	int64		next = (int64) setting_recorder_interval * 1000;

	for (int i = 0; i < ntasks; i++)
		next = Min(next, is_due(&tasks[i], now) ? 0 : tasks[i].run_at + interval(&tasks[i]) - now);
	return (long) ((next + 999) / 1000);
}

void
account_worker_main(Datum number)
{
	const char *name = recorder_take_slot(DatumGetInt32(number));

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();

	if (recorder_is_absent())
		wait_for_database(name);
	recorder_set_absent(true);
	BackgroundWorkerInitializeConnection(name, NULL, 0);
	recorder_set_absent(false);

	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	pin_settings();
	recorder_enter_slot();
	run_round(true);
	while (!ShutdownRequestPending)
	{
		nap(time_to_next());
		if (!ShutdownRequestPending)
			run_round(false);
	}
	/* Whenever it was asked to stop, also in a round. */
	run_round(true);
	/* Any other code would mean that it is not wanted any more. */
	proc_exit(1);
}

/* ---------------------------------------------------------------------------
 * Start of the server
 */

static void
register_worker(int number, const char *database)
{
	BackgroundWorker definition = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = RESTART_SECONDS,
		.bgw_main_arg = Int32GetDatum(number)
	};

	snprintf(definition.bgw_name, BGW_MAXLEN, "account recorder of database \"%s\"", database);
	strlcpy(definition.bgw_type, "account recorder", BGW_MAXLEN);
	strlcpy(definition.bgw_library_name, "account", sizeof(definition.bgw_library_name));
	strlcpy(definition.bgw_function_name, "account_worker_main", BGW_MAXLEN);
	RegisterBackgroundWorker(&definition);
}

void
worker_init(void)
{
	const char *database;

	for (int number = 0; (database = recorder_database(number)) != NULL; number++)
		register_worker(number, database);
}
