/*
 * counter.c
 *	  Counters of attempts to log in, in shared memory, and what of them outlasts the server.
 *
 * A counter has a subject, a digest under the cluster's secret, which outlasts the server as
 * well.  It says how many attempts were counted and when the last was, whatever became of the
 * transaction.  One that was not touched for account.login_lockout is zero.
 *
 * Where a recorder runs it writes what has changed into account.login_counters, each round.
 * A crash loses what was counted since, but no lockout that somebody was told of: who meets
 * one that is not written has it written first (counter_settle).  A counter that is not in memory,
 * because the server was started or because it had to make room, is read from its row: so
 * nothing is loaded at the start, and nobody comes in before it is.
 *
 * A change is a number of the counter, and what was written is the number of the change that it
 * had.  It is told so when the recorder's transaction has committed.  A counter that success
 * has set to zero stays in memory until its row is deleted.
 */
#include "account.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define COUNTERS 65536
#define SETTLE_MAX 2000			/* milliseconds that who is locked out waits for the recorder */
#define CLEAN_SECONDS 60		/* how often the recorder deletes rows that have run out */

/* Columns of account.login_counters; schema_catalog() has checked the version. */
#define ANUM_COUNTERS_SUBJECT 1
#define ANUM_COUNTERS_ATTEMPTS 2
#define ANUM_COUNTERS_COUNTED_AT 3

typedef struct Counter
{
	SetsEntry	head;			/* touched when it was counted last */
	pg_uuid_t	subject;
	Oid			database;
	int			count;
	uint32		changes;
	uint32		written;		/* the number of the change that is on disk; 0: what the row said, if there is one */
} Counter;

/* What a row says. */
typedef struct StoredCounter
{
	int			count;			/* 0: there is none, or it has run out */
	TimestampTz counted_at;
	ItemPointerData row;
} StoredCounter;

/* Counters that have changed, as the recorder has seen them. */
typedef struct Batch
{
	int			size;
	int			count;
	Counter		counters[FLEXIBLE_ARRAY_MEMBER];
} Batch;

static Sets *counters = NULL;

/* What the recorder's transaction has written, in its context. */
static Batch *written = NULL;

bool
counter_has_run_out(TimestampTz touched_at, TimestampTz now)
{
	return now - touched_at >= (int64) setting_login_lockout * USECS_PER_SEC;
}

bool
counter_ready(void)
{
	return sets_ready(counters);
}

int64
counter_evicted(void)
{
	return sets_evicted(counters);
}

/* ---------------------------------------------------------------------------
 * Rows
 */

/* Reads the row of a subject, as it is committed now. Takes no lock, and leaves no predicate lock. */
static void
read_row(const pg_uuid_t *subject, TimestampTz now, StoredCounter *stored)
{
	Oid			namespace_id = schema_catalog()->namespace_id;
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	ScanKeyData key;
	SelfScan	scan;

	stored->count = 0;
	ScanKeyInit(&key, ANUM_COUNTERS_SUBJECT, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(subject));
	scan_open_at(&scan, get_relname_relid("login_counters", namespace_id),
				 get_relname_relid("login_counters_pkey", namespace_id), snapshot, &key, 1);
	if (scan_next(&scan))
	{
		stored->counted_at = DatumGetTimestampTz(scan.values[ANUM_COUNTERS_COUNTED_AT - 1]);
		stored->row = scan.tuple->t_self;
		if (!counter_has_run_out(stored->counted_at, now))
			stored->count = DatumGetInt32(scan.values[ANUM_COUNTERS_ATTEMPTS - 1]);
	}
	scan_close(&scan);
	UnregisterSnapshot(snapshot);
}

int
counter_read_stored(const pg_uuid_t *subject, TimestampTz now)
{
	StoredCounter stored;

	read_row(subject, now, &stored);
	return stored.count;
}

void
counter_delete_stored(const pg_uuid_t *subject)
{
	StoredCounter stored;
	Relation	relation;

	read_row(subject, GetCurrentTimestamp(), &stored);
	if (stored.count == 0)
		return;
	relation = table_open(get_relname_relid("login_counters", schema_catalog()->namespace_id), RowExclusiveLock);
	scan_delete(relation, &stored.row);
	table_close(relation, NoLock);
}

static void
write_row(const Counter *counter)
{
	static Statement store = {
		"INSERT INTO account.login_counters (subject, attempts, counted_at) VALUES ($1, $2, $3)"
		" ON CONFLICT (subject) DO UPDATE SET attempts = EXCLUDED.attempts, counted_at = EXCLUDED.counted_at",
		3, {UUIDOID, INT4OID, TIMESTAMPTZOID}
	};
	static Statement delete = {
		"DELETE FROM account.login_counters WHERE subject OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};
	Datum		values[3] = {UUIDPGetDatum(&counter->subject), Int32GetDatum(counter->count),
	TimestampTzGetDatum(counter->head.touched_at)};

	query_write(counter->count > 0 ? &store : &delete, values, NULL);
}

/* Deletes what has run out, now and then. */
static void
clean_rows(TimestampTz now)
{
	static Statement delete = {
		"DELETE FROM account.login_counters WHERE counted_at OPERATOR(pg_catalog.<) $1",
		1, {TIMESTAMPTZOID}
	};
	static TimestampTz cleaned_at = 0;
	Datum		value = TimestampTzGetDatum(now - (int64) setting_login_lockout * USECS_PER_SEC);

	if (now >= cleaned_at && now - cleaned_at < CLEAN_SECONDS * USECS_PER_SEC)
		return;
	query_write(&delete, &value, NULL);
	cleaned_at = now;
}

/* ---------------------------------------------------------------------------
 * Shared memory
 */

static Counter *
acquire(const pg_uuid_t *subject, bool make, TimestampTz now)
{
	Counter    *counter = sets_acquire(counters, subject, sizeof(*subject), make, now);

	if (counter != NULL && sets_was_made(counters))
	{
		counter->subject = *subject;
		counter->database = MyDatabaseId;
	}
	return counter;
}

/* The counter of a subject, which is held; one that is not in memory is what its row says, or zero. */
static Counter *
acquire_loaded(const pg_uuid_t *subject, TimestampTz now)
{
	Counter    *counter = acquire(subject, false, now);
	StoredCounter stored;

	if (counter != NULL)
		return counter;
	read_row(subject, now, &stored);
	counter = acquire(subject, true, now);
	if (sets_was_made(counters) && stored.count > 0)
	{
		counter->count = stored.count;
		counter->head.touched_at = stored.counted_at;
	}
	return counter;
}

int
counter_add(const pg_uuid_t *subject, int limit, TimestampTz now)
{
	Counter    *counter = acquire_loaded(subject, now);
	int			count;

	if (counter->count > 0 && counter_has_run_out(counter->head.touched_at, now))
		counter->count = 0;
	count = counter->count;
	if (count < limit)
	{
		counter->count++;
		counter->changes++;
		counter->head.touched_at = now;
	}
	sets_release(counters);
	return count;
}

void
counter_clear(const pg_uuid_t *subject, TimestampTz now)
{
	Counter    *counter = acquire(subject, true, now);

	counter->count = 0;
	counter->changes++;
	counter->head.touched_at = now;
	sets_release(counters);
}

void
counter_settle(const pg_uuid_t *subject)
{
	Counter    *counter = acquire(subject, false, 0);
	bool		is_written;

	if (counter == NULL)
		return;
	is_written = counter->changes == counter->written;
	sets_release(counters);
	if (!is_written && recorder_is_running())
		(void) recorder_wait(SETTLE_MAX);
}

/* Whether something is lost with a counter that makes room. */
static bool
is_needed(const void *entry, TimestampTz now)
{
	const Counter *counter = entry;

	return counter->count > 0 && counter->changes != counter->written &&
		!counter_has_run_out(counter->head.touched_at, now);
}

/* ---------------------------------------------------------------------------
 * The recorder
 */

static bool
is_changed(const Counter *counter)
{
	return counter->database == MyDatabaseId && counter->changes != counter->written;
}

static void
count_changed(void *entry, void *argument)
{
	if (is_changed(entry))
		(*(int *) argument)++;
}

static void
copy_changed(void *entry, void *argument)
{
	Batch	   *batch = argument;

	if (is_changed(entry) && batch->count < batch->size)
		batch->counters[batch->count++] = *(Counter *) entry;
}

/* Writes what has changed. */
static void
write_counters(void)
{
	int			size = 0;
	Batch	   *batch;
	QueryScope	scope;

	sets_visit(counters, count_changed, &size);
	batch = MemoryContextAlloc(TopTransactionContext, offsetof(Batch, counters) + sizeof(Counter) * size);
	batch->size = size;
	batch->count = 0;
	if (size > 0)
		sets_visit(counters, copy_changed, batch);
	query_open(&scope);
	for (int i = 0; i < batch->count; i++)
		write_row(&batch->counters[i]);
	clean_rows(GetCurrentTimestamp());
	query_close(&scope);
	written = batch;
}

/* Tells a counter that it is written; what came since is to be written yet. */
static void
mark_written(const Counter *copy)
{
	Counter    *counter = acquire(&copy->subject, false, 0);

	if (counter == NULL)
		return;
	counter->written = copy->changes;
	if (counter->count == 0 && counter->changes == counter->written)
		counter->head.touched_at = 0;
	sets_release(counters);
}

static void
end_transaction(XactEvent event, void *argument)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT)
		return;
	for (int i = 0; event == XACT_EVENT_COMMIT && written != NULL && i < written->count; i++)
		mark_written(&written->counters[i]);
	written = NULL;
}

void
counter_init(void)
{
	counters = sets_define("account_login_counters", sizeof(Counter), COUNTERS);
	if (counters == NULL)
		return;
	sets_count_needed(counters, is_needed);
	recorder_register("login counters", 0, write_counters);
	RegisterXactCallback(end_transaction, NULL);
}
