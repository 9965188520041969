/*
 * recorder.c
 *	  The background worker that writes what sessions have left in shared memory.
 *
 * There is one for each database in account.databases, where the library is preloaded.
 * It is started when the server has left recovery, so never on a standby, and again when it
 * has ended for whatever reason.  It runs the tasks that parts have registered,
 * each in a transaction of its own when its time has come, or all of them, a round, when
 * a session asks for one.  Between them it is in no transaction and holds no snapshot.
 * After each round what was written is flushed, also what took no transaction id.
 *
 * Where the extension is not installed, or of another version than the library, nothing
 * is run.  Where there is no such database, the worker is in none and looks every now and
 * then whether it is there.  Told to stop, it runs all tasks once more; pg_terminate_backend(),
 * DROP DATABASE ... WITH (FORCE) and the server's stop wait for that.
 *
 * Each worker has a slot in shared memory, by which sessions of its database know that it
 * runs, ask for rounds, by number, and learn which of them are done.
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
#include "storage/condition_variable.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/lwlock.h"
#include "storage/procsignal.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#define RESTART_SECONDS 2
#define TASKS_MAX 32
#define REPORT_SECONDS 60		/* a task that fails again and again is in the log so often */

typedef struct Task
{
	const char *name;
	int			interval;		/* milliseconds; 0: account.recorder_interval */
	void		(*run) (void);
	/* of the worker */
	TimestampTz run_at;			/* last; 0 never */
	TimestampTz reported_at;	/* when a failure was last logged */
} Task;

/* What sessions know of a worker. */
typedef struct Slot
{
	Oid			database;		/* it is connected to; InvalidOid: none */
	bool		running;		/* and has found the extension, and run all tasks since */
	bool		absent;			/* the last attempt to connect has failed */
	slock_t		mutex;			/* for the rest */
	Latch	   *latch;			/* NULL without a worker */
	uint64		asked;			/* rounds that were asked for */
	uint64		flush;			/* the last of them that is to write all */
	uint64		done;			/* those before are done */
	uint64		good;			/* and no task has failed in this one */
	uint64		rounds;
	uint64		failures;
	ConditionVariable finished; /* a round */
} Slot;

static Task tasks[TASKS_MAX];
static int	ntasks = 0;

static List *databases = NIL;	/* char *, in the order of the slots */
static Slot *slots = NULL;		/* in shared memory */
static Slot *worker = NULL;		/* in a worker, its own */
static bool flushing = false;
static bool usable = false;		/* the extension, when it was last looked at */

static shmem_request_hook_type previous_shmem_request = NULL;
static shmem_startup_hook_type previous_shmem_startup = NULL;

PGDLLEXPORT void account_recorder_main(Datum number);

/* ---------------------------------------------------------------------------
 * What sessions ask
 */

/* The slot of the worker that is connected to this database; NULL if there is none. */
static Slot *
find_slot(void)
{
	static Slot *found = NULL;

	if (found != NULL && found->database == MyDatabaseId)
		return found;
	for (int i = 0; slots != NULL && i < list_length(databases); i++)
	{
		if (slots[i].database == MyDatabaseId)
			return found = &slots[i];
	}
	return NULL;
}

bool
recorder_is_running(void)
{
	Slot	   *slot = find_slot();

	return slot != NULL && slot->running;
}

bool
recorder_is_worker(void)
{
	return worker != NULL;
}

bool
recorder_is_flushing(void)
{
	return flushing;
}

/* Asks for a round; returns its number. */
static uint64
ask(Slot *slot, bool flush)
{
	Latch	   *latch;
	uint64		number;

	SpinLockAcquire(&slot->mutex);
	number = ++slot->asked;
	if (flush)
		slot->flush = number;
	latch = slot->latch;
	SpinLockRelease(&slot->mutex);
	/* It is that of a place among the server's processes, which is there whoever has it. */
	if (latch != NULL)
		SetLatch(latch);
	return number;
}

void
recorder_wake(void)
{
	Slot	   *slot = find_slot();

	if (slot != NULL && worker == NULL)
		(void) ask(slot, false);
}

/* Whether a round is done, and how. */
static bool
is_done(Slot *slot, uint64 number, bool *good)
{
	bool		done;

	SpinLockAcquire(&slot->mutex);
	done = slot->done >= number;
	*good = slot->good >= number;
	SpinLockRelease(&slot->mutex);
	return done;
}

static bool
wait_for_round(bool flush, int milliseconds)
{
	Slot	   *slot = find_slot();
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), milliseconds);
	uint64		number;
	bool		good = false;

	if (slot == NULL || worker != NULL)
		return false;
	number = ask(slot, flush);
	ConditionVariablePrepareToSleep(&slot->finished);
	while (!is_done(slot, number, &good) && slot->database == MyDatabaseId)
	{
		long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), end);

		if (left <= 0)
			break;
		(void) ConditionVariableTimedSleep(&slot->finished, left, PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
	return good;
}

bool
recorder_wait(int milliseconds)
{
	return wait_for_round(false, milliseconds);
}

bool
recorder_flush(int milliseconds)
{
	return wait_for_round(true, milliseconds);
}

void
recorder_rounds(int64 *rounds, int64 *failures)
{
	Slot	   *slot = find_slot();

	*rounds = *failures = 0;
	if (slot == NULL)
		return;
	SpinLockAcquire(&slot->mutex);
	*rounds = slot->rounds;
	*failures = slot->failures;
	SpinLockRelease(&slot->mutex);
}

/* ---------------------------------------------------------------------------
 * Tasks
 */

void
recorder_register(const char *name, int interval_ms, void (*task) (void))
{
	if (ntasks == TASKS_MAX)
		elog(ERROR, "too many tasks of the recorder");
	tasks[ntasks++] = (Task) {.name = name, .interval = interval_ms, .run = task};
}

static int64
interval(const Task *task)
{
	return (int64) (task->interval != 0 ? task->interval : setting_recorder_interval) * 1000;
}

/* A clock that was set back makes everything due. */
static bool
is_due(const Task *task, TimestampTz now)
{
	return now < task->run_at || now - task->run_at >= interval(task);
}

/* Logs the error that was caught, unless the task has failed just now, too. */
static void
report_failure(Task *task)
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
run_task(Task *task, XLogRecPtr *written)
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
	SpinLockAcquire(&worker->mutex);
	worker->rounds++;
	worker->failures += failures;
	SpinLockRelease(&worker->mutex);
	return failures == 0;
}

/* Runs all tasks, or those that are due where there is nothing more to do. */
static void
run_round(bool all)
{
	uint64		asked;
	bool		good;

	SpinLockAcquire(&worker->mutex);
	asked = worker->asked;
	flushing = worker->flush > worker->done;
	all |= asked > worker->done;
	SpinLockRelease(&worker->mutex);
	all |= !worker->running;
	flushing |= ShutdownRequestPending;

	good = run_tasks(all);
	worker->running = usable && (all || worker->running);
	if (!all)
		return;
	SpinLockAcquire(&worker->mutex);
	worker->done = asked;
	if (good)
		worker->good = asked;
	SpinLockRelease(&worker->mutex);
	ConditionVariableBroadcast(&worker->finished);
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
		open = ((Form_pg_database) GETSTRUCT(tuple))->datallowconn;
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
	worker->absent = false;
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
		{"session_replication_role", "origin"},
		{"jit", "off"}
	};

	for (int i = 0; i < lengthof(settings); i++)
		SetConfigOption(settings[i][0], settings[i][1], PGC_SUSET, PGC_S_OVERRIDE);
}

static void
leave_slot(int code, Datum argument)
{
	worker->running = false;
	worker->database = InvalidOid;
	SpinLockAcquire(&worker->mutex);
	worker->latch = NULL;
	SpinLockRelease(&worker->mutex);
	ConditionVariableBroadcast(&worker->finished);
}

static void
enter_slot(void)
{
	before_shmem_exit(leave_slot, (Datum) 0);
	SpinLockAcquire(&worker->mutex);
	worker->latch = MyLatch;
	SpinLockRelease(&worker->mutex);
	worker->database = MyDatabaseId;
}

/* How long until the next task is due. */
static long
time_to_next(void)
{
	TimestampTz now = GetCurrentTimestamp();
	int64		next = (int64) setting_recorder_interval * 1000;

	for (int i = 0; i < ntasks; i++)
		next = Min(next, is_due(&tasks[i], now) ? 0 : tasks[i].run_at + interval(&tasks[i]) - now);
	return (long) ((next + 999) / 1000);
}

void
account_recorder_main(Datum number)
{
	const char *name = list_nth(databases, DatumGetInt32(number));

	worker = &slots[DatumGetInt32(number)];
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();

	if (worker->absent)
		wait_for_database(name);
	worker->absent = true;
	BackgroundWorkerInitializeConnection(name, NULL, 0);
	worker->absent = false;

	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	pin_settings();
	enter_slot();
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

/* The names of a list as the setting has it, each once; false if it is none. */
static bool
parse_databases(const char *value, List **names)
{
	List	   *all;
	ListCell   *cell;

	*names = NIL;
	if (!SplitIdentifierString(pstrdup(value), ',', &all))
		return false;
	foreach(cell, all)
	{
		bool		known = false;
		ListCell   *other;

		foreach(other, *names)
			known |= strcmp(lfirst(other), lfirst(cell)) == 0;
		if (!known)
			*names = lappend(*names, pstrdup(lfirst(cell)));
	}
	return true;
}

bool
recorder_check_databases(char **newval, void **extra, GucSource source)
{
	List	   *names;

	if (parse_databases(*newval, &names))
		return true;
	GUC_check_errdetail("It must be a list of names of databases, those that are no plain words in double quotes.");
	return false;
}

static Size
memory_size(void)
{
	return mul_size(list_length(databases), sizeof(Slot));
}

static void
request_memory(void)
{
	if (previous_shmem_request != NULL)
		previous_shmem_request();
	RequestAddinShmemSpace(CACHELINEALIGN(memory_size()));
}

static void
attach_memory(void)
{
	bool		found;

	if (previous_shmem_startup != NULL)
		previous_shmem_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	slots = ShmemInitStruct("account recorders", memory_size(), &found);
	for (int i = 0; !found && i < list_length(databases); i++)
	{
		memset(&slots[i], 0, sizeof(Slot));
		SpinLockInit(&slots[i].mutex);
		ConditionVariableInit(&slots[i].finished);
	}
	LWLockRelease(AddinShmemInitLock);
}

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
	strlcpy(definition.bgw_function_name, "account_recorder_main", BGW_MAXLEN);
	RegisterBackgroundWorker(&definition);
}

void
recorder_init(void)
{
	MemoryContext old;
	int			number = 0;
	ListCell   *cell;

	if (!process_shared_preload_libraries_in_progress)
		return;
	old = MemoryContextSwitchTo(TopMemoryContext);
	(void) parse_databases(setting_databases, &databases);
	MemoryContextSwitchTo(old);
	if (databases == NIL)
		return;
	foreach(cell, databases)
		register_worker(number++, lfirst(cell));
	previous_shmem_request = shmem_request_hook;
	shmem_request_hook = request_memory;
	previous_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = attach_memory;
}
