/*
 * stats.c
 *	  What each account does: how often it authenticates, and what it is refused.
 *
 * Sessions count in shared memory (sets.c), under a lock for a few instructions, whatever
 * becomes of their transaction: a number for each account and counter that is not yet
 * written.  The recorder adds them to account.account_counters, and takes from shared memory
 * what it has added when that is committed; so whatever fails, nothing is lost or counted
 * twice, but for what a crash of the server finds in memory.  What belongs to no account is
 * counted under the nil UUID.
 *
 * Who reads adds both up.  While the recorder is between writing and taking away, an entry
 * says so, and the reader looks again.
 *
 * On a standby sessions count in its own memory, and what is read there is that and what the
 * primary has written.  Without a recorder nothing is counted.
 *
 * An entry also keeps how many of its refusals the audit log may tell apart: refusal.c.
 */
#include "account.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define ONE_MINUTE ((int64) SECS_PER_MINUTE * USECS_PER_SEC)
#define BATCH 1000				/* entries that one statement writes */
#define LOOKS_MAX 100			/* at what the recorder is about to take away, a millisecond apart */
#define IDLE_MAX (10 * ONE_MINUTE)		/* after which an entry of which all is written is freed */

/* The codes that are refusals: what a caller may not, and not what it got wrong. */
static const ErrorCode refusal_codes[] = {
	ERROR_MALFORMED_API_KEY, ERROR_EXPIRED_API_KEY, ERROR_INVALID_AUTHORIZATION, ERROR_FORBIDDEN,
	ERROR_ACCOUNT_SUSPENDED, ERROR_MAX_RESOURCES_REACHED, ERROR_RATE_LIMITED
};

StaticAssertDecl(lengthof(refusal_codes) + 1 == STATS_COUNTERS, "a counter for each code");

/* What is hashed to find an entry; no byte of it is left over. */
typedef struct StatsName
{
	Oid			database;
	pg_uuid_t	account_id;		/* nil: of none */
} StatsName;

typedef struct StatsEntry
{
	SetsEntry	head;
	StatsName	name;
	bool		writing;		/* the recorder is at it */
	int64		made;			/* tells it from an earlier one of that name */
	int64		writes;			/* that were committed */
	int64		counts[STATS_COUNTERS]; /* not yet written */
	TimestampTz seen_at;		/* the last authentication; 0 none */
	int64		minute;			/* that current is of */
	int32		current;		/* authentications in it */
	int32		before;			/* and in the one before */
	int32		allowance;		/* of refusals that the audit log may tell apart */
	TimestampTz allowed_at;		/* when that was so */
} StatsEntry;

/* What the recorder has written and not yet taken away; in TopTransactionContext. */
typedef struct Pending
{
	int			count;
	int			size;
	StatsEntry *entries;
} Pending;

static const pg_uuid_t nobody = {{0}};
static Sets *accounts = NULL;
static Pending *pending = NULL;

/* The counter of a code; -1 if it is no refusal. */
static int
counter_of(ErrorCode code)
{
	for (int i = 0; i < lengthof(refusal_codes); i++)
	{
		if (refusal_codes[i] == code)
			return i + 1;
	}
	return -1;
}

bool
stats_is_refusal(ErrorCode code)
{
	return counter_of(code) > 0;
}

const char *
stats_counter_name(int counter)
{
	return counter == STATS_AUTHENTICATIONS ? "authentications" : error_code_name(refusal_codes[counter - 1]);
}

bool
stats_is_counting(void)
{
	return sets_ready(accounts) && (recorder_is_running() || RecoveryInProgress());
}

/* ---------------------------------------------------------------------------
 * Counting
 */

static bool
has_counts(const StatsEntry *entry)
{
	for (int i = 0; i < STATS_COUNTERS; i++)
	{
		if (entry->counts[i] != 0)
			return true;
	}
	return false;
}

/* Whether something is lost with an entry that makes room. */
static bool
is_needed(const void *entry, TimestampTz now)
{
	return has_counts(entry);
}

/* Locks the entry of an account, NULL for none, and makes it if it is not there. */
static StatsEntry *
acquire(const pg_uuid_t *account_id, TimestampTz now)
{
	StatsName	name = {MyDatabaseId, account_id != NULL ? *account_id : nobody};
	StatsEntry *entry = sets_acquire(accounts, &name, sizeof(name), true, now);

	if (sets_was_made(accounts))
	{
		entry->name = name;
		entry->made = now;
		entry->allowance = account_id != NULL ? STATS_ALLOWANCE : STATS_ALLOWANCE_OF_NONE;
		entry->allowed_at = now;
	}
	entry->head.touched_at = now;
	return entry;
}

static void
pass_minutes(StatsEntry *entry, TimestampTz now)
{
	int64		minute = now / ONE_MINUTE;

	if (minute == entry->minute)
		return;
	entry->before = minute == entry->minute + 1 ? entry->current : 0;
	entry->current = 0;
	entry->minute = minute;
}

/* An identity was got. */
static void
count_identity(const Identity *identity)
{
	TimestampTz now;
	StatsEntry *entry;

	if (!stats_is_counting())
		return;
	now = GetCurrentTimestamp();
	entry = acquire(identity->has_account ? &identity->account_id : NULL, now);
	entry->counts[STATS_AUTHENTICATIONS]++;
	entry->seen_at = now;
	pass_minutes(entry, now);
	entry->current++;
	sets_release(accounts);
}

void
stats_count_refusal(const pg_uuid_t *account_id, ErrorCode code)
{
	StatsEntry *entry = acquire(account_id, GetCurrentTimestamp());

	entry->counts[counter_of(code)]++;
	sets_release(accounts);
}

bool
stats_allow(const pg_uuid_t *account_id, TimestampTz now)
{
	int			most = account_id != NULL ? STATS_ALLOWANCE : STATS_ALLOWANCE_OF_NONE;
	StatsEntry *entry = acquire(account_id, now);
	int64		regained = (now - entry->allowed_at) * most / STATS_ALLOWANCE_PERIOD;
	bool		allowed;

	/* A clock that was set back regains nothing until it has come so far again. */
	if (regained > 0)
	{
		entry->allowance = (int32) Min(most, entry->allowance + regained);
		entry->allowed_at = now;
	}
	allowed = entry->allowance > 0;
	if (allowed)
		entry->allowance--;
	sets_release(accounts);
	return allowed;
}

/* ---------------------------------------------------------------------------
 * Writing
 */

/* Notes what there is to write, as much as there is room for, and frees what is idle. */
static void
take_entry(void *place, void *argument)
{
	StatsEntry *entry = place;
	Pending    *list = argument;

	if (entry->name.database != MyDatabaseId)
		return;
	if (!has_counts(entry))
	{
		if (GetCurrentTransactionStartTimestamp() - entry->head.touched_at > IDLE_MAX)
			entry->head.touched_at = 0;
	}
	else if (list->count < list->size)
	{
		entry->writing = true;
		list->entries[list->count++] = *entry;
	}
}

static void
count_entry(void *place, void *argument)
{
	const StatsEntry *entry = place;

	if (entry->name.database == MyDatabaseId && has_counts(entry))
		(*(int *) argument)++;
}

/* Takes away what was written, if that is committed. */
static void
settle_entry(const StatsEntry *written, bool committed)
{
	StatsEntry *entry = sets_acquire(accounts, &written->name, sizeof(written->name), false, 0);

	if (entry == NULL)
		return;
	/* It may have made room, and come again. */
	if (entry->made == written->made)
	{
		entry->writing = false;
		for (int i = 0; i < STATS_COUNTERS && committed; i++)
			entry->counts[i] -= written->counts[i];
		entry->writes += committed ? 1 : 0;
	}
	sets_release(accounts);
}

static void
settle(XactEvent event, void *argument)
{
	if (pending == NULL || (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT))
		return;
	for (int i = 0; i < pending->count; i++)
		settle_entry(&pending->entries[i], event == XACT_EVENT_COMMIT);
	pending = NULL;
}

/* Adds the counts of some entries to the table; what was counted of an account that is gone by now goes with it. */
static void
write_batch(const StatsEntry *entries, int count)
{
	static Statement upsert = {
		"INSERT INTO account.account_counters AS c (account_id, counter, count, last_at)"
		" SELECT n.account_id, n.counter, n.count, n.last_at"
		" FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4))"
		" AS n (account_id, counter, count, last_at)"
		" WHERE n.account_id OPERATOR(pg_catalog.=) '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid"
		" OR EXISTS (SELECT FROM account.accounts a WHERE a.account_id OPERATOR(pg_catalog.=) n.account_id"
		" AND a.deleted_at IS NULL)"
		" ON CONFLICT ON CONSTRAINT account_counters_pkey DO UPDATE"
		" SET count = c.count OPERATOR(pg_catalog.+) excluded.count, last_at = excluded.last_at",
		4, {UUIDARRAYOID, TEXTARRAYOID, INT8ARRAYOID, TIMESTAMPTZARRAYOID}
	};
	Datum	   *columns[4];
	Datum		values[4];
	int			rows = 0;
	QueryScope	scope;

	for (int i = 0; i < lengthof(columns); i++)
		columns[i] = palloc(sizeof(Datum) * count * STATS_COUNTERS);
	for (int i = 0; i < count; i++)
	{
		for (int counter = 0; counter < STATS_COUNTERS; counter++)
		{
			if (entries[i].counts[counter] == 0)
				continue;
			columns[0][rows] = UUIDPGetDatum(&entries[i].name.account_id);
			columns[1][rows] = CStringGetTextDatum(stats_counter_name(counter));
			columns[2][rows] = Int64GetDatum(entries[i].counts[counter]);
			columns[3][rows++] = TimestampTzGetDatum(counter == STATS_AUTHENTICATIONS ? entries[i].seen_at : entries[i].head.touched_at);
		}
	}
	values[0] = PointerGetDatum(construct_array(columns[0], rows, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
	values[1] = PointerGetDatum(construct_array(columns[1], rows, TEXTOID, -1, false, TYPALIGN_INT));
	values[2] = PointerGetDatum(construct_array(columns[2], rows, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[3] = PointerGetDatum(construct_array(columns[3], rows, TIMESTAMPTZOID, sizeof(TimestampTz), FLOAT8PASSBYVAL,
												TYPALIGN_DOUBLE));
	query_open(&scope);
	query_write(&upsert, values, NULL);
	query_close(&scope);
}

/* The recorder's task. */
static void
write_counts(void)
{
	int			size = 0;
	Pending    *list;

	sets_visit(accounts, count_entry, &size);
	list = MemoryContextAllocZero(TopTransactionContext, sizeof(Pending));
	list->size = size + BATCH;
	list->entries = MemoryContextAllocHuge(TopTransactionContext, sizeof(StatsEntry) * list->size);
	pending = list;
	sets_visit(accounts, take_entry, list);
	for (int i = 0; i < list->count; i += BATCH)
		write_batch(&list->entries[i], Min(BATCH, list->count - i));
}

/* ---------------------------------------------------------------------------
 * Reading
 */

/* Adds what is in the table: of an account, or of all where it is NULL. last_at may be NULL. */
static void
read_table(const pg_uuid_t *account_id, int64 *counts, TimestampTz *last_at)
{
	static Statement of_one = {
		"SELECT c.counter, c.count, c.last_at FROM account.account_counters c"
		" WHERE c.account_id OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};
	static Statement of_all = {
		"SELECT c.counter, pg_catalog.sum(c.count)::pg_catalog.int8, pg_catalog.max(c.last_at)"
		" FROM account.account_counters c GROUP BY c.counter", 0
	};
	Datum		value = UUIDPGetDatum(account_id);
	QueryScope	scope;
	uint64		rows;

	query_open(&scope);
	rows = account_id != NULL ? query_latest(&of_one, &value, NULL) : query_latest(&of_all, NULL, NULL);
	for (uint64 row = 0; row < rows; row++)
	{
		char	   *name = query_string(&scope, row, 1);

		for (int i = 0; i < STATS_COUNTERS; i++)
		{
			if (strcmp(name, stats_counter_name(i)) != 0)
				continue;
			counts[i] += query_int64(row, 2);
			if (i == STATS_AUTHENTICATIONS && last_at != NULL)
				*last_at = query_int64(row, 3);
		}
	}
	query_close(&scope);
}

/* A copy of the entry of an account; zeros if there is none. */
static void
peek(const pg_uuid_t *account_id, StatsEntry *copy)
{
	StatsName	name = {MyDatabaseId, *account_id};
	StatsEntry *entry = sets_ready(accounts) ? sets_acquire(accounts, &name, sizeof(name), false, 0) : NULL;

	if (entry == NULL)
	{
		memset(copy, 0, sizeof(*copy));
		return;
	}
	*copy = *entry;
	sets_release(accounts);
}

void
stats_read(const pg_uuid_t *account_id, Stats *reading)
{
	StatsEntry	entry;
	StatsEntry	after;
	TimestampTz now;

	for (int look = 0; look < LOOKS_MAX; look++)
	{
		memset(reading, 0, sizeof(*reading));
		peek(account_id, &entry);
		read_table(account_id, reading->counts, &reading->seen_at);
		peek(account_id, &after);
		if (!entry.writing && entry.made == after.made && entry.writes == after.writes)
			break;
		CHECK_FOR_INTERRUPTS();
		pg_usleep(1000L);
	}
	for (int i = 0; i < STATS_COUNTERS; i++)
		reading->counts[i] += entry.counts[i];
	reading->seen_at = Max(reading->seen_at, entry.seen_at);
	now = GetCurrentTimestamp();
	pass_minutes(&entry, now);
	reading->rate = entry.before * (1.0 - (double) (now % ONE_MINUTE) / ONE_MINUTE) + entry.current;
}

/* What all entries of this database have together. */
typedef struct Totals
{
	int64		counts[STATS_COUNTERS];
	int64		writes;
	bool		writing;
} Totals;

static void
add_entry(void *place, void *argument)
{
	const StatsEntry *entry = place;
	Totals	   *totals = argument;

	if (entry->name.database != MyDatabaseId)
		return;
	for (int i = 0; i < STATS_COUNTERS; i++)
		totals->counts[i] += entry->counts[i];
	totals->writes += entry->writes;
	totals->writing |= entry->writing;
}

void
stats_read_totals(int64 counts[STATS_COUNTERS])
{
	for (int look = 0; look < LOOKS_MAX; look++)
	{
		Totals		before = {{0}};
		Totals		after = {{0}};

		memset(counts, 0, sizeof(int64) * STATS_COUNTERS);
		if (sets_ready(accounts))
			sets_visit(accounts, add_entry, &before);
		read_table(NULL, counts, NULL);
		if (sets_ready(accounts))
			sets_visit(accounts, add_entry, &after);
		for (int i = 0; i < STATS_COUNTERS; i++)
			counts[i] += before.counts[i];
		if (!before.writing && before.writes == after.writes)
			return;
		CHECK_FOR_INTERRUPTS();
		pg_usleep(1000L);
	}
}

void
stats_init(void)
{
	static IdentityObserver observer = {.had = count_identity};

	if (!process_shared_preload_libraries_in_progress || setting_databases[0] == '\0')
		return;
	accounts = sets_define("account_stats", sizeof(StatsEntry), setting_counted_accounts);
	sets_count_needed(accounts, is_needed);
	identity_observe(&observer);
	recorder_register("stats", 0, write_counts);
	RegisterXactCallback(settle, NULL);
}
