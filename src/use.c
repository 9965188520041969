/*
 * use.c
 *	  When credentials were last used.
 *
 * A use is noted where a credential authenticates.  What is noted stands in the row of
 * account.uses that was made with the credential, and is written over the old time in its
 * place, in its page, as nextval() writes a sequence.  So it takes no transaction id, makes
 * no version of the row, is not undone by a rollback and is no conflict for anybody: nobody
 * is waited for but who writes in the same page at this moment, a reader of the table never
 * makes a serializable transaction fail, and a transaction that only reads, READ ONLY ones
 * among them, leaves its mark as well.
 *
 * That is sound because both columns are NOT NULL and of fixed width, nothing else
 * updates the row, and the page cannot be pruned while the scan that found the row
 * holds it.  A row that is missing (a dump of other times) is no error.
 *
 * Where a recorder runs, sessions touch shared memory and write nothing.  The recorder
 * writes the rows: each at most once in account.last_used_interval, the last use with it
 * when that has passed.  A crash loses what it has not written yet, and so does an entry
 * that has to make room, which is counted.  Where none runs, the session itself writes the
 * row, at most once in that interval.  A hot standby touches memory alone, which is
 * written when it is promoted, if its recorder runs then.
 *
 * Each session remembers what it has noted or read of the credentials that it sees, so
 * that a use that is not to be noted costs a comparison; memory is touched by each session
 * once a second at most, so that those that share a key do not queue there.
 */
#include "account.h"

#include "access/generic_xlog.h"
#include "access/htup_details.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#define TOUCH_SECONDS 1			/* how often a session touches a credential in memory */
#define MISSING_SECONDS 600		/* how long the recorder looks for a row */
#define BATCH 4096				/* uses that the recorder takes out of memory at once */

#define ANUM_CREDENTIAL_ID 1
#define ANUM_USED_AT 2
#define KNOWN_MAX 65536			/* credentials that a session remembers */

/* A row, as it lies in its page. */
typedef struct UseRow
{
	pg_uuid_t	credential_id;
	TimestampTz used_at;		/* DT_NOBEGIN never */
} UseRow;

/* What is hashed to find a use in memory; no byte of it is left over. */
typedef struct UseName
{
	pg_uuid_t	credential_id;
	Oid			database;
} UseName;

/* A use in shared memory. */
typedef struct Use
{
	SetsEntry	head;			/* touched at the last use */
	UseName		name;
	TimestampTz recorded_at;	/* what the row says; 0: it was not looked at yet */
	TimestampTz written_at;		/* when it was written or looked for; 0 never */
} Use;

/* Uses that are due. */
typedef struct Batch
{
	TimestampTz now;
	int			count;
	Use			uses[BATCH];
} Batch;

/* What this session knows of a credential. */
typedef struct Known
{
	pg_uuid_t	credential_id;	/* key */
	char		status;
	TimestampTz used_at;		/* at least then; DT_NOBEGIN never */
	TimestampTz noted_at;		/* by whomever, or looked at where nothing can be noted */
} Known;

/* Ids are random: their first bytes are as good as a hash. */
static inline uint32
hash_id(pg_uuid_t id)
{
	uint32		hash;

	memcpy(&hash, id.data, sizeof(hash));
	return hash;
}

#define SH_PREFIX known
#define SH_ELEMENT_TYPE Known
#define SH_KEY_TYPE pg_uuid_t
#define SH_KEY credential_id
#define SH_HASH_KEY(table, key) hash_id(key)
#define SH_EQUAL(table, left, right) (memcmp(&(left), &(right), UUID_LEN) == 0)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static known_hash *known = NULL;
static Sets *uses = NULL;

/* Whether a time lies so far back; a clock that was set back makes nothing older. */
static bool
is_older(TimestampTz then, TimestampTz now, int64 seconds)
{
	return then == DT_NOBEGIN || now - then >= seconds * USECS_PER_SEC;
}

/* How many seconds a use is noted for: not so long that a session becomes idle while it is used. */
static int64
note_interval(void)
{
	return setting_session_idle_timeout == 0 ? setting_last_used_interval :
		Min(setting_last_used_interval, setting_session_idle_timeout / 4);
}

/* ---------------------------------------------------------------------------
 * The row
 */

static bool
open_row(SelfScan *scan, const pg_uuid_t *credential_id)
{
	const Catalog *catalog = schema_catalog();
	ScanKeyData key;

	ScanKeyInit(&key, ANUM_CREDENTIAL_ID, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(credential_id));
	scan_open(scan, catalog->uses, catalog->uses_pkey, &key, 1);
	return scan_next(scan) && !scan->nulls[ANUM_USED_AT - 1];
}

/*
 * Writes the time of a use into the row that a scan has found, unless that has by now one
 * that is not older by so many seconds.  Returns what is there.
 */
static TimestampTz
overwrite(const SelfScan *scan, TimestampTz time, int64 seconds)
{
	Buffer		buffer = ReadBuffer(scan->relation, ItemPointerGetBlockNumber(&scan->tuple->t_self));
	OffsetNumber offset = ItemPointerGetOffsetNumber(&scan->tuple->t_self);
	GenericXLogState *state;
	HeapTupleHeader header;
	Page		page;
	TimestampTz *used_at;

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	state = GenericXLogStart(scan->relation);
	page = GenericXLogRegisterBuffer(state, buffer, 0);
	header = (HeapTupleHeader) PageGetItem(page, PageGetItemId(page, offset));
	used_at = &((UseRow *) ((char *) header + header->t_hoff))->used_at;
	if (is_older(*used_at, time, seconds))
	{
		*used_at = time;
		GenericXLogFinish(state);
	}
	else
	{
		time = *used_at;
		GenericXLogAbort(state);
	}
	UnlockReleaseBuffer(buffer);
	return time;
}

/* ---------------------------------------------------------------------------
 * Shared memory
 */

/* Whether uses are left there, for the recorder. */
static bool
is_in_memory(void)
{
	return sets_ready(uses) && (recorder_is_running() || RecoveryInProgress());
}

static Use *
acquire(const pg_uuid_t *credential_id, bool make, TimestampTz now)
{
	UseName		name = {*credential_id, MyDatabaseId};
	Use		   *use = sets_acquire(uses, &name, sizeof(name), make, now);

	if (use != NULL)
		use->name = name;
	return use;
}

static void
touch(const pg_uuid_t *credential_id, TimestampTz now)
{
	acquire(credential_id, true, now)->head.touched_at = now;
	sets_release(uses);
}

static TimestampTz
last_touch(const pg_uuid_t *credential_id)
{
	Use		   *use = sets_ready(uses) ? acquire(credential_id, false, 0) : NULL;
	TimestampTz touched_at = DT_NOBEGIN;

	if (use != NULL)
	{
		touched_at = use->head.touched_at;
		sets_release(uses);
	}
	return touched_at;
}

static bool
is_unwritten(const void *entry, TimestampTz now)
{
	const Use  *use = entry;

	return use->head.touched_at > use->recorded_at;
}

/* ---------------------------------------------------------------------------
 * The recorder
 */

/* Takes a use that is due; frees one that was written and is not due for another. */
static void
collect(void *entry, void *argument)
{
	Use		   *use = entry;
	Batch	   *batch = argument;
	bool		due = batch->now - use->written_at >= note_interval() * USECS_PER_SEC;

	if (use->name.database != MyDatabaseId)
		return;
	if (!is_unwritten(use, batch->now))
	{
		if (due)
			use->head.touched_at = 0;
	}
	else if ((due || recorder_is_flushing()) && use->written_at != batch->now &&
			 use->head.touched_at <= batch->now && batch->count < BATCH)
		batch->uses[batch->count++] = *use;
}

/* Writes a use, unless another has been written in the interval, and says so in memory. */
static void
write_use(const Use *use, TimestampTz now)
{
	TimestampTz used_at = use->head.touched_at;
	TimestampTz recorded_at = 0;
	TimestampTz written_at = now;
	SelfScan	scan;
	Use		   *entry;

	if (open_row(&scan, &use->name.credential_id))
	{
		recorded_at = DatumGetTimestampTz(scan.values[ANUM_USED_AT - 1]);
		if (recorder_is_flushing() || use->written_at != 0 || is_older(recorded_at, now, note_interval()))
			recorded_at = overwrite(&scan, used_at, 0);
		else
			written_at = recorded_at;
	}
	/* A row that is missing may not be committed yet. */
	else if (is_older(used_at, now, MISSING_SECONDS))
		recorded_at = used_at;
	scan_close(&scan);

	entry = acquire(&use->name.credential_id, false, now);
	if (entry != NULL)
	{
		entry->recorded_at = recorded_at;
		entry->written_at = written_at;
		sets_release(uses);
	}
}

static void
write_uses(void)
{
	Batch	   *batch = palloc(sizeof(Batch));

	batch->now = GetCurrentTimestamp();
	do
	{
		batch->count = 0;
		sets_visit(uses, collect, batch);
		for (int i = 0; i < batch->count; i++)
			write_use(&batch->uses[i], batch->now);
	} while (batch->count == BATCH);
}

bool
use_evicted(int64 *evicted)
{
	*evicted = sets_evicted(uses);
	return sets_ready(uses);
}

void
use_init(void)
{
	uses = sets_define("account_uses", sizeof(Use), setting_recorded_uses);
	sets_count_needed(uses, is_unwritten);
	recorder_register("uses", 0, write_uses);
}

/* ---------------------------------------------------------------------------
 * What this session knows
 */

static Known *
find_known(const pg_uuid_t *credential_id)
{
	return known != NULL ? known_lookup(known, *credential_id) : NULL;
}

/* A place for what is known of a credential; all that was known is forgotten when it is too much. */
static Known *
make_known(const pg_uuid_t *credential_id)
{
	bool		found;

	if (known == NULL)
		known = known_create(AllocSetContextCreate(TopMemoryContext, "account uses", ALLOCSET_SMALL_SIZES),
							 64, NULL);
	if (known->members >= KNOWN_MAX)
		known_reset(known);
	return known_insert(known, *credential_id, &found);
}

/* Remembers when a credential was last used, and when that was noted. */
static TimestampTz
remember(const pg_uuid_t *credential_id, TimestampTz used_at, TimestampTz noted_at)
{
	Known	   *use = make_known(credential_id);

	use->used_at = used_at;
	use->noted_at = noted_at;
	return used_at;
}

/* Reads the row of a credential, notes a use in it if asked to and due, and remembers what it says. */
static TimestampTz
look_up(const pg_uuid_t *credential_id, TimestampTz now, bool note)
{
	TimestampTz used_at = DT_NOBEGIN;
	TimestampTz noted_at = now;
	SelfScan	scan;

	if (open_row(&scan, credential_id))
	{
		used_at = DatumGetTimestampTz(scan.values[ANUM_USED_AT - 1]);
		if (note && is_older(used_at, now, note_interval()) && !RecoveryInProgress())
			used_at = overwrite(&scan, now, note_interval());
		if (!RecoveryInProgress() || sets_ready(uses))
			noted_at = used_at;
	}
	scan_close(&scan);
	return remember(credential_id, used_at, noted_at);
}

void
use_note(const pg_uuid_t *credential_id)
{
	Known	   *use = find_known(credential_id);
	TimestampTz now = GetCurrentTimestamp();
	bool		in_memory = is_in_memory();

	if (use != NULL && !is_older(use->noted_at, now, in_memory ? Min(TOUCH_SECONDS, note_interval()) : note_interval()))
		return;
	if (in_memory)
	{
		touch(credential_id, now);
		(void) remember(credential_id, now, now);
	}
	else
		(void) look_up(credential_id, now, true);
}

bool
use_is_idle(const Credential *credential)
{
	const pg_uuid_t *id = &credential->credential_id;
	TimestampTz now = GetCurrentTimestamp();
	int64		timeout = setting_session_idle_timeout;
	Known	   *use;
	TimestampTz touched_at;

	if (timeout == 0 || !is_older(credential->created_at, now, timeout))
		return false;
	use = find_known(id);
	if (use != NULL && !is_older(use->used_at, now, timeout))
		return false;
	touched_at = last_touch(id);
	if (!is_older(touched_at, now, timeout))
		return false;
	return is_older(look_up(id, now, false), now, timeout);
}
