/*
 * recorder.c
 *	  The recorder, for sessions: whether it runs, and rounds of its tasks that they ask for.
 *
 * The recorder is a background worker (worker.c) for each database in account.databases, where
 * the library is preloaded.  It writes what sessions have left in shared memory: it runs the
 * tasks that parts have registered, each when its time has come, or all of them, a round, when
 * a session asks for one.
 *
 * Each worker has a slot in shared memory, by which sessions of its database know that it
 * runs, ask for rounds, by number, and learn which of them are done.
 */
#include "account.h"

#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/condition_variable.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#define TASKS_MAX 32

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

static RecorderTask tasks[TASKS_MAX];
static int	ntasks = 0;

static List *databases = NIL;	/* char *, in the order of the slots */
static Slot *slots = NULL;		/* in shared memory */
static Slot *own = NULL;		/* in a worker */
static bool flushing = false;
static uint64 begun = 0;		/* the round that the worker is in */

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
recorder_is_named(void)
{
	static bool looked = false;
	static bool named = false;
	char	   *name;
	ListCell   *cell;

	if (looked)
		return named;
	name = get_database_name(MyDatabaseId);
	foreach(cell, name != NULL ? databases : NIL)
		named |= strcmp(lfirst(cell), name) == 0;
	looked = true;
	return named;
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

	if (slot != NULL && own == NULL)
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

	if (slot == NULL || own != NULL)
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
	tasks[ntasks++] = (RecorderTask) {.name = name, .interval = interval_ms, .run = task};
}

RecorderTask *
recorder_tasks(int *count)
{
	*count = ntasks;
	return tasks;
}

/* ---------------------------------------------------------------------------
 * What the worker says in its slot
 */

const char *
recorder_take_slot(int number)
{
	own = &slots[number];
	return list_nth(databases, number);
}

bool
recorder_is_absent(void)
{
	return own->absent;
}

void
recorder_set_absent(bool absent)
{
	own->absent = absent;
}

static void
leave_slot(int code, Datum argument)
{
	own->running = false;
	own->database = InvalidOid;
	SpinLockAcquire(&own->mutex);
	own->latch = NULL;
	SpinLockRelease(&own->mutex);
	ConditionVariableBroadcast(&own->finished);
}

void
recorder_enter_slot(void)
{
	before_shmem_exit(leave_slot, (Datum) 0);
	SpinLockAcquire(&own->mutex);
	own->latch = MyLatch;
	SpinLockRelease(&own->mutex);
	own->database = MyDatabaseId;
}

bool
recorder_begin(bool all, bool stopping)
{
	SpinLockAcquire(&own->mutex);
	begun = own->asked;
	flushing = own->flush > own->done;
	all |= begun > own->done;
	SpinLockRelease(&own->mutex);
	flushing |= stopping;
	return all || !own->running;
}

void
recorder_count(int failures)
{
	SpinLockAcquire(&own->mutex);
	own->rounds++;
	own->failures += failures;
	SpinLockRelease(&own->mutex);
}

void
recorder_finish(bool all, bool usable, bool good)
{
	own->running = usable && (all || own->running);
	if (!all)
		return;
	SpinLockAcquire(&own->mutex);
	own->done = begun;
	if (good)
		own->good = begun;
	SpinLockRelease(&own->mutex);
	ConditionVariableBroadcast(&own->finished);
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

const char *
recorder_database(int number)
{
	return number < list_length(databases) ? list_nth(databases, number) : NULL;
}

static void
take_memory(void *place, bool made, void *argument)
{
	slots = place;
	for (int i = 0; made && i < list_length(databases); i++)
	{
		SpinLockInit(&slots[i].mutex);
		ConditionVariableInit(&slots[i].finished);
	}
}

void
recorder_init(void)
{
	MemoryContext old;

	if (!process_shared_preload_libraries_in_progress)
		return;
	old = MemoryContextSwitchTo(TopMemoryContext);
	(void) parse_databases(setting_databases, &databases);
	MemoryContextSwitchTo(old);
	if (databases != NIL)
		memory_define("account_recorders", mul_size(list_length(databases), sizeof(Slot)), 0, take_memory, NULL);
}
