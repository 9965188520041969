/*
 * use.c
 *	  When credentials were last used.
 *
 * A use is noted where a credential authenticates, at most once in
 * account.last_used_interval: the time is written over the old one in the row of
 * account.uses that was made with the credential, in its page, as nextval() writes
 * a sequence.  So it takes no transaction id, makes no version of the row, is not
 * undone by a rollback and is no conflict for anybody: nobody is waited for but
 * who writes in the same page at this moment, a reader of the table never makes a
 * serializable transaction fail, and a transaction that only reads, READ ONLY ones
 * among them, leaves its mark as well.  Nothing is written on a standby, and a crash
 * may lose what was noted just before it.
 *
 * That is sound because both columns are NOT NULL and of fixed width, nothing else
 * updates the row, and the page cannot be pruned while the scan that found the row
 * holds it.  A row that is missing (a dump of other times) is no error.
 *
 * Each session remembers what it has written or read of the credentials that it
 * sees, so that a use that is not to be noted costs a comparison.
 */
#include "account.h"

#include "access/generic_xlog.h"
#include "access/htup_details.h"
#include "access/xlog.h"
#include "storage/bufmgr.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#define ANUM_CREDENTIAL_ID 1
#define ANUM_USED_AT 2
#define KNOWN_MAX 65536			/* credentials that a session remembers */

/* A row, as it lies in its page. */
typedef struct UseRow
{
	pg_uuid_t	credential_id;
	TimestampTz used_at;		/* DT_NOBEGIN never */
} UseRow;

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

/*
 * Writes the time into the row that a scan has found, unless another session has done so
 * just now.  Returns what is there.
 */
static TimestampTz
overwrite(const SelfScan *scan, TimestampTz now)
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
	if (is_older(*used_at, now, note_interval()))
	{
		*used_at = now;
		GenericXLogFinish(state);
	}
	else
	{
		now = *used_at;
		GenericXLogAbort(state);
	}
	UnlockReleaseBuffer(buffer);
	return now;
}

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

/* Reads the row of a credential, notes a use in it if asked to and due, and remembers what it says. */
static Known *
look_up(const pg_uuid_t *credential_id, TimestampTz now, bool note)
{
	const Catalog *catalog = schema_catalog();
	Known	   *use;
	TimestampTz used_at = DT_NOBEGIN;
	TimestampTz noted_at = now;
	ScanKeyData key;
	SelfScan		scan;

	ScanKeyInit(&key, ANUM_CREDENTIAL_ID, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(credential_id));
	scan_open(&scan, catalog->uses, catalog->uses_pkey, &key, 1);
	if (scan_next(&scan) && !scan.nulls[ANUM_USED_AT - 1])
	{
		used_at = DatumGetTimestampTz(scan.values[ANUM_USED_AT - 1]);
		if (note && is_older(used_at, now, note_interval()) && !RecoveryInProgress())
			used_at = overwrite(&scan, now);
		if (!RecoveryInProgress())
			noted_at = used_at;
	}
	scan_close(&scan);
	use = make_known(credential_id);
	use->used_at = used_at;
	use->noted_at = noted_at;
	return use;
}

void
use_note(const pg_uuid_t *credential_id)
{
	Known	   *use = find_known(credential_id);
	TimestampTz now = GetCurrentTimestamp();

	if (use == NULL || is_older(use->noted_at, now, note_interval()))
		(void) look_up(credential_id, now, true);
}

bool
use_is_idle(const Credential *credential)
{
	Known	   *use;
	TimestampTz now = GetCurrentTimestamp();
	int64		timeout = setting_session_idle_timeout;

	if (timeout == 0 || !is_older(credential->created_at, now, timeout))
		return false;
	use = find_known(&credential->credential_id);
	if (use == NULL || is_older(use->used_at, now, timeout))
		use = look_up(&credential->credential_id, now, false);
	return is_older(use->used_at, now, timeout);
}
