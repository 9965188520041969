/*
 * attempt.c
 *	  Attempts to log in, counted, and what too many of them do.
 *
 * Two counters belong to an attempt: that of its e-mail and source address together,
 * and that of its e-mail alone.  They are kept for any e-mail, whether somebody has it
 * or not.  An attempt is counted before the password is looked at, so that guesses
 * that are made at the same time cannot be more than the limit; success sets both to
 * zero.  A counter that was not touched for account.login_lockout is zero, too.
 *
 *	- After account.login_attempts from one source this e-mail and source are locked:
 *	  no password is right until account.login_lockout after the last that was
 *	  counted.  Nothing is counted meanwhile.
 *	- After as many from all sources together each further attempt waits a little, up
 *	  to DELAY_MAX.  It is never locked, so nobody keeps the user out from afar.
 *
 * With shared_preload_libraries the counters are in shared memory (counter.c), whatever
 * becomes of the caller's transaction.  Where a recorder runs they outlast the server, a
 * crash too: nobody is told that he is locked out before that is on disk, or the recorder
 * has had its time for it.
 *
 * Without, they are rows of account.login_failures, which are lost if the caller's
 * transaction is rolled back, but for what the session itself remembers (lapse.c): who may
 * open sessions and send SQL of his own can guess without limit.  What a recorder wrote before
 * still locks.
 * They are read with a dirty snapshot, so that what others try at this moment counts
 * while their transactions are open; inserted under a lock of our own that is given
 * back at once; and deleted without waiting.  So an attempt waits for no transaction,
 * and leaves no predicate lock by which it could make one fail.
 *
 * A source is the client's address, the first 64 bits of one of IPv6, or the UNIX
 * socket.
 */
#include "account.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_control.h"
#include "catalog/pg_type.h"
#include "common/hmac.h"
#include "common/sha2.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/fmgroids.h"
#include "utils/inet.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#define DELAY_MAX 2000			/* milliseconds */
#define CLEANED 8				/* old rows that one attempt deletes */

/* Columns of account.login_failures; schema_catalog() has checked the version. */
#define ANUM_FAILURES_SUBJECT 1
#define ANUM_FAILURES_FAILED_AT 2

PG_FUNCTION_INFO_V1(account_attempt_evicted_login_counters);

/* ---------------------------------------------------------------------------
 * Who is counted
 */

/* The bytes that tell a source from others; returns how many. */
static int
source_bytes(unsigned char bytes[16])
{
	static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	Datum		address;
	inet	   *source;

	if (!network_client_address(&address))
		return 0;
	source = DatumGetInetPP(address);
	memcpy(bytes, ip_addr(source), ip_addrsize(source));
	if (ip_family(source) == PGSQL_AF_INET)
		return 4;
	if (memcmp(bytes, mapped, sizeof(mapped)) != 0)
		return 8;
	memmove(bytes, bytes + sizeof(mapped), 4);
	return 4;
}

/* A digest of an e-mail, and of a source if there is one. */
static void
make_subject(const char *email, const unsigned char *source, int source_length, pg_uuid_t *subject)
{
	pg_hmac_ctx *context = pg_hmac_create(PG_SHA256);
	const char *secret = GetMockAuthenticationNonce();
	const char	kind = source != NULL ? 's' : 'a';
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	bool		done;

	done = context != NULL &&
		pg_hmac_init(context, (const uint8 *) secret, MOCK_AUTH_NONCE_LEN) >= 0 &&
		pg_hmac_update(context, (const uint8 *) &MyDatabaseId, sizeof(MyDatabaseId)) >= 0 &&
		pg_hmac_update(context, (const uint8 *) &kind, 1) >= 0 &&
		pg_hmac_update(context, (const uint8 *) email, strlen(email) + 1) >= 0 &&
		(source_length == 0 || pg_hmac_update(context, source, source_length) >= 0) &&
		pg_hmac_final(context, digest, sizeof(digest)) >= 0;
	pg_hmac_free(context);
	if (!done)
		error_raise(ERROR_INTERNAL_SERVER_ERROR, NULL, "could not compute HMAC-SHA-256");
	memcpy(subject->data, digest, UUID_LEN);
}

/* ---------------------------------------------------------------------------
 * In a table
 */

/* A scan of the failures of one subject. */
typedef struct FailureScan
{
	Relation	relation;
	SysScanDesc descriptor;
	ScanKeyData key;
} FailureScan;

static void
open_failures(FailureScan *scan, const pg_uuid_t *subject, Snapshot snapshot, LOCKMODE mode)
{
	Oid			namespace_id = schema_catalog()->namespace_id;

	scan->relation = table_open(get_relname_relid("login_failures", namespace_id), mode);
	ScanKeyInit(&scan->key, ANUM_FAILURES_SUBJECT, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(subject));
	scan->descriptor = systable_beginscan(scan->relation, get_relname_relid("login_failures_pkey", namespace_id),
										  true, snapshot, 1, &scan->key);
}

static void
close_failures(FailureScan *scan, LOCKMODE mode)
{
	systable_endscan(scan->descriptor);
	table_close(scan->relation, mode);
}

static int
compare_times(const void *left, const void *right)
{
	TimestampTz l = *(const TimestampTz *) left;
	TimestampTz r = *(const TimestampTz *) right;

	return l < r ? -1 : l > r;
}

/* The counter of a subject, also of what other transactions have not committed yet. */
static int
read_failures(const pg_uuid_t *subject, TimestampTz now)
{
	SnapshotData dirty;
	FailureScan scan;
	HeapTuple	tuple;
	int			rows = 0;
	int			size = 64;
	TimestampTz *times = palloc(sizeof(TimestampTz) * size);
	int			count = 0;

	InitDirtySnapshot(dirty);
	open_failures(&scan, subject, &dirty, AccessShareLock);
	while (HeapTupleIsValid(tuple = systable_getnext(scan.descriptor)))
	{
		bool		isnull;
		Datum		time = heap_getattr(tuple, ANUM_FAILURES_FAILED_AT, RelationGetDescr(scan.relation), &isnull);

		if (rows == size)
			times = repalloc(times, sizeof(TimestampTz) * (size *= 2));
		times[rows++] = DatumGetTimestampTz(time);
	}
	close_failures(&scan, AccessShareLock);

	qsort(times, rows, sizeof(TimestampTz), compare_times);
	for (int i = 0; i < rows; i++)
		count = i > 0 && counter_has_run_out(times[i - 1], times[i]) ? 1 : count + 1;
	return rows > 0 && counter_has_run_out(times[rows - 1], now) ? 0 : count;
}

static void
insert_failure(const pg_uuid_t *subject, TimestampTz now)
{
	static Statement insert = {
		"INSERT INTO account.login_failures (subject, failed_at, entry) VALUES ($1, $2, $3)",
		3, {UUIDOID, TIMESTAMPTZOID, INT8OID}
	};
	Datum		values[3] = {UUIDPGetDatum(subject), TimestampTzGetDatum(now), Int64GetDatum(token_random_entry())};
	QueryScope	scope;

	query_open(&scope);
	query_write(&insert, values, NULL);
	query_close(&scope);
}

/* Counts one more, up to a limit; returns the count before. */
static int
count_in_table(const pg_uuid_t *subject, int limit, TimestampTz now)
{
	LOCKTAG		tag;
	uint64		halves[2];
	int			count;

	/* Held only until the row is there to be seen: two who count at once must not see the same. */
	memcpy(halves, subject->data, UUID_LEN);
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (halves[0] >> 32), (uint32) halves[0], LOCK_CLASS_ATTEMPT);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
	count = Max(read_failures(subject, now), counter_read_stored(subject, now));
	if (count < limit)
	{
		insert_failure(subject, now);
		lapse_note(subject, now);
	}
	(void) LockRelease(&tag, ExclusiveLock, false);
	return count;
}

/* Deletes what is committed, or our own, and nobody else is deleting. */
static void
clear_in_table(const pg_uuid_t *subject)
{
	FailureScan scan;
	HeapTuple	tuple;

	/* What this transaction has inserted must be of an earlier command. */
	CommandCounterIncrement();
	open_failures(&scan, subject, SnapshotSelf, RowExclusiveLock);
	while (HeapTupleIsValid(tuple = systable_getnext(scan.descriptor)))
		scan_delete(scan.relation, &tuple->t_self);
	close_failures(&scan, RowExclusiveLock);
	CommandCounterIncrement();
}

/* Deletes a few rows that count no more. */
static void
clean_table(TimestampTz now)
{
	static Statement delete = {
		"DELETE FROM account.login_failures d USING (SELECT f.subject, f.failed_at, f.entry"
		" FROM account.login_failures f WHERE f.failed_at OPERATOR(pg_catalog.<) $1"
		" ORDER BY f.failed_at LIMIT $2 FOR UPDATE SKIP LOCKED) o"
		" WHERE d.subject OPERATOR(pg_catalog.=) o.subject AND d.failed_at OPERATOR(pg_catalog.=) o.failed_at"
		" AND d.entry OPERATOR(pg_catalog.=) o.entry",
		2, {TIMESTAMPTZOID, INT4OID}
	};
	/* The oldest that a counter can still begin with: each comes just before the one before has run out. */
	int64		age = (int64) setting_login_lockout * USECS_PER_SEC * 2 * setting_login_attempts;
	Datum		values[2] = {TimestampTzGetDatum(now - age), Int32GetDatum(CLEANED)};
	QueryScope	scope;

	/* A row that another has deleted just now would be an error there. */
	if (IsolationUsesXactSnapshot())
		return;
	query_open(&scope);
	query_write(&delete, values, NULL);
	query_close(&scope);
}

/* ---------------------------------------------------------------------------
 * An attempt
 */

static int
count_one(const pg_uuid_t *subject, int limit, TimestampTz now)
{
	return counter_ready() ? counter_add(subject, limit, now) : count_in_table(subject, limit, now);
}

/* Waits; may be cancelled. */
static void
wait_for(int milliseconds)
{
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), milliseconds);

	for (;;)
	{
		long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), end);

		CHECK_FOR_INTERRUPTS();
		if (left <= 0)
			return;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, left, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}

void
attempt_begin(Attempt *attempt, const char *email)
{
	unsigned char source[16];
	int			source_length = source_bytes(source);
	TimestampTz now = GetCurrentTimestamp();
	int			limit = setting_login_attempts;
	int			count;

	make_subject(email, source, source_length, &attempt->subjects[0]);
	make_subject(email, NULL, 0, &attempt->subjects[1]);
	if (!counter_ready())
	{
		clean_table(now);
		lapse_write(insert_failure, now - (int64) setting_login_lockout * USECS_PER_SEC);
	}
	attempt->locked = count_one(&attempt->subjects[0], limit, now) >= limit;
	if (attempt->locked)
	{
		if (counter_ready())
			counter_settle(&attempt->subjects[0]);
		return;
	}
	count = count_one(&attempt->subjects[1], limit * 2, now);
	if (count >= limit)
		wait_for(Min(DELAY_MAX, DELAY_MAX * (count - limit + 1) / limit));
}

void
attempt_succeeded(const Attempt *attempt)
{
	for (int i = 0; i < lengthof(attempt->subjects); i++)
	{
		if (counter_ready())
			counter_clear(&attempt->subjects[i], GetCurrentTimestamp());
		else
		{
			clear_in_table(&attempt->subjects[i]);
			counter_delete_stored(&attempt->subjects[i]);
			lapse_forget(&attempt->subjects[i]);
		}
	}
}

/* evicted_login_counters() */
Datum
account_attempt_evicted_login_counters(PG_FUNCTION_ARGS)
{
	caller_require_admin("see how logins are counted");
	if (!counter_ready())
		PG_RETURN_NULL();
	PG_RETURN_INT64(counter_evicted());
}
