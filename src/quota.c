/*
 * quota.c
 *	  Limits on the rows of isolated tables: counted when a transaction commits.
 *
 * Triggers of the tables note what a transaction adds and deletes (note.c): nothing is written
 * or locked, so that an open transaction holds nobody up.
 *
 * What does not fit is refused twice.  At the end of the statement, by what is committed and
 * what the own transaction has noted: without a lock, so another commit may still come
 * between, and while there is much room not after each statement (ROOM_PART, KNOWN_ROOM).  And
 * exactly when the transaction commits:
 *
 *	1. The limits are read, and of each that the transaction adds to, a lock is taken,
 *	   shared.  Then they are read again if they have changed meanwhile.
 *	2. The notes are written into rows that nobody else is writing (tally.c).
 *	3. What is committed (own rows among it) and what others are adding at this moment is
 *	   read, or known well enough to be within the limit (bound.c).  If that fits, the transaction
 *	   commits, with the lock.
 *	4. Otherwise the locks are given back and taken anew, exclusive, and what is committed
 *	   decides, for nobody else can have passed and not have committed.
 *
 * Why no limit is passed: take those that write to one number, pass by step 3 and have not
 * committed, and of them the last one to have written.  It has seen all the others, as committed
 * or as adding, or has them in its bound, so with all of them it fits.  One that passes by step 4 has waited for all
 * that have passed by step 3, for they keep their shared lock until they are committed; and those
 * that have written and wait for the lock themselves look again after it.  What only deletes
 * is not checked, and what others delete only counts when it is committed.
 *
 * Shared locks bar nobody, so only where the last places are being taken does one commit
 * wait for another, never for an open transaction.  Nothing is waited for while a lock is
 * held: this is called after all other parts have taken theirs (see _PG_init), several locks are
 * taken in the order of their numbers, and there are few (BUCKETS), whatever number of accounts
 * a transaction writes.  What has no limit takes no lock.
 *
 * A prepared transaction gives its locks back when it is prepared, and its rows say that it
 * has passed: step 4 counts them as if they were committed.
 *
 * A limit for a whole tree is the sum over all accounts that are billed to its holder, which
 * is too much to add up at each commit.  So each commit also notes what it adds in a row of
 * the holder, and a session keeps the sum together with what that row said just before: the sum
 * and what the row has grown by since is never too little.  Only where that does not fit is the
 * sum made again.  Who commits at the same moment as an account moves or a plan changes is under the
 * old limit or the new one.
 */
#include "account.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* So many locks there are at most. */
#define BUCKETS 512

/* Above that, the end of a statement does not look: bulk loads by administrators. */
#define NOTES_LOOKED_AT 256

/* The end of a statement looks again when this part of the room is taken by the own transaction. */
#define ROOM_PART 8

/* From so much on, what a session has found is good for a second. */
#define KNOWN_ROOM 10000

/* ---------------------------------------------------------------------------
 * What is limited
 */

/* A limit that the transaction writes to. */
typedef struct Subject
{
	LimitKey	key;			/* of the account, or of the holder of the plan */
	PlanLimit		limit;
	pg_uuid_t	account_id;		/* one that it adds to */
	int64		added;
	int64		change;			/* with what was counted */
} Subject;

static int
compare_subjects(const void *left, const void *right)
{
	return memcmp(&((const Subject *) left)->key, &((const Subject *) right)->key, sizeof(LimitKey));
}

/* Whether there is a limit on what a note is of. */
static bool
find_subject(const Note *note, Subject *subject)
{
	const NoteState *state = &note->state;

	if (state->resource == NULL || (state->added == 0 && state->counted == 0) ||
		!limit_find(state->resource, &note->key.account_id, &subject->limit))
		return false;
	subject->key = limit_key(state->resource, &subject->limit.counted_for);
	subject->account_id = note->key.account_id;
	subject->added = state->added;
	subject->change = state->added + state->counted;
	return true;
}

/* All limits that the transaction writes to, each once, in one order. */
static Subject *
list_subjects(int *count)
{
	Subject    *subjects = palloc_extended(sizeof(Subject) * Max(note_count(), 1),
										   MCXT_ALLOC_HUGE);
	HASH_SEQ_STATUS status;
	Note	   *note;
	int			found = 0;
	int			merged = 0;

	note_begin(&status);
	while ((note = hash_seq_search(&status)) != NULL)
	{
		if (find_subject(note, &subjects[found]))
			found++;
	}
	qsort(subjects, found, sizeof(Subject), compare_subjects);
	for (int i = 0; i < found; i++)
	{
		Subject    *last = merged > 0 ? &subjects[merged - 1] : NULL;

		if (last == NULL || compare_subjects(last, &subjects[i]) != 0)
			subjects[merged++] = subjects[i];
		else
		{
			if (last->added <= 0)
				last->account_id = subjects[i].account_id;
			last->added += subjects[i].added;
			last->change += subjects[i].change;
		}
	}
	*count = merged;
	return subjects;
}

/* The numbers of the locks of all that is added to, each once, in their order. */
static int
list_buckets(const Subject *subjects, int count, bool *buckets)
{
	int			wanted = 0;

	memset(buckets, 0, BUCKETS * sizeof(bool));
	for (int i = 0; i < count; i++)
	{
		if (subjects[i].added > 0)
		{
			buckets[hash_bytes((const unsigned char *) &subjects[i].key, sizeof(LimitKey)) % BUCKETS] = true;
			wanted++;
		}
	}
	return wanted;
}

static void
lock_buckets(const bool *buckets, LOCKMODE mode, bool lock)
{
	for (int i = 0; i < BUCKETS; i++)
	{
		pg_uuid_t	number = {{0}};

		if (!buckets[i])
			continue;
		memcpy(number.data, &i, sizeof(i));
		if (lock)
			tree_lock_id(&number, LOCK_CLASS_QUOTA, mode);
		else
			tree_unlock_id(&number, LOCK_CLASS_QUOTA, mode);
	}
}

/* ---------------------------------------------------------------------------
 * Looking
 */

/* Raises; used does not have what the transaction adds.  Of a tree only its holder is told what others use. */
static void
refuse(const Subject *subject, int64 used, bool written)
{
	const Identity *identity = identity_current();
	bool		own = subject->limit.in_tree && identity != NULL &&
		memcmp(&identity->account_id, &subject->key.account_id, UUID_LEN) != 0;

	if (own)
		used = tally_of_account(&subject->account_id, subject->key.resource, false, written ? NULL : note_is_emptied) -
			(written ? subject->added : 0);
	plan_refuse(subject->key.resource, &subject->limit, own, Max(used, 0), subject->added);
}

void
quota_look(void)
{
	static LocalTransactionId looked_lxid = InvalidLocalTransactionId;
	static uint64 looked_epoch;
	static int64 looked_until;	/* so many rows may be added before the next look */
	static Subject known;		/* the only one of the last look, and its room then */
	static int64 known_room = 0;
	static TimestampTz known_at;
	Subject    *subjects;
	int			count;
	int64		room = PG_INT64_MAX / 2;

	if (note_added() == 0 || note_count() > NOTES_LOOKED_AT ||
		(looked_lxid == proc_lxid(MyProc) && looked_epoch == limit_epoch() && note_added() < looked_until))
		return;
	subjects = list_subjects(&count);
	/* What was found by the last look may do for a moment, while others cannot have taken all of it. */
	if (count == 1 && looked_epoch == limit_epoch() && compare_subjects(subjects, &known) == 0 &&
		subjects->change <= known_room / ROOM_PART &&
		GetCurrentStatementStartTimestamp() < known_at + USECS_PER_SEC)
	{
		looked_lxid = proc_lxid(MyProc);
		looked_until = note_added() + 1 + known_room / ROOM_PART - subjects->change;
		return;
	}
	for (int i = 0; i < count; i++)
	{
		const Subject *subject = &subjects[i];
		int64		used;

		/* Nothing is wanted yet; and sums know nothing of what is emptied. */
		if (subject->added <= 0 || (subject->limit.in_tree && note_any_emptied()))
		{
			room = 0;
			continue;
		}
		used = subject->limit.in_tree ? bound_refresh(&subject->key, subject->limit.number, subject->change) :
			tally_of_account(&subject->key.account_id, subject->key.resource, false, note_is_emptied);
		if (used + subject->change > subject->limit.number)
			refuse(subject, used + subject->change - subject->added, false);
		room = Min(room, subject->limit.number - used - subject->change);
	}
	looked_lxid = proc_lxid(MyProc);
	looked_epoch = limit_epoch();
	looked_until = note_added() + 1 + room / ROOM_PART;
	known_room = count == 1 && room >= KNOWN_ROOM ? room : 0;
	if (known_room > 0)
		known = subjects[0];
	known_at = GetCurrentStatementStartTimestamp();
}

/* Whether what the transaction has written fits with all that others are adding. */
static bool
fits(const Subject *subject)
{
	return bound_suffices(&subject->key, subject->limit.number, 0) ||
		bound_look(&subject->key, subject->limit.in_tree) <= subject->limit.number;
}

/* Raises unless it fits with what is committed or prepared; under the exclusive lock. */
static void
require_fit(const Subject *subject)
{
	const LimitKey *key = &subject->key;
	int64		prepared;
	int64		used;

	/* One that is no longer prepared has been committed before or after. */
	do
	{
		prepared = tally_in_flight(&key->account_id, key->resource, subject->limit.in_tree, true);
		used = prepared + (subject->limit.in_tree ? tally_of_tree(&key->account_id, key->resource) :
						   tally_of_account(&key->account_id, key->resource, false, NULL));
	} while (prepared != tally_in_flight(&key->account_id, key->resource, subject->limit.in_tree, true));
	if (used > subject->limit.number)
		refuse(subject, used - subject->added, true);
}

/* ---------------------------------------------------------------------------
 * Committing
 */

/* Writes all notes. */
static void
write_notes(bool prepare)
{
	HASH_SEQ_STATUS status;
	Note	   *note;

	if (note_any_emptied())
	{
		note_begin(&status);
		while ((note = hash_seq_search(&status)) != NULL)
		{
			if (note->state.emptied)
				tally_forget(note->key.table);
		}
		/* What is deleted is not to be tried. */
		CommandCounterIncrement();
		UpdateActiveSnapshotCommandId();
	}
	note_begin(&status);
	while ((note = hash_seq_search(&status)) != NULL)
	{
		int64		change = note->state.added + note->state.counted;

		if (change != 0 && note->state.resource != NULL)
			tally_add(&note->key.account_id, note->state.resource, note->key.table, change, prepare);
	}
}

/* Notes in the rows of holders what is added below them, and tells all sessions what is added. */
static void
write_sums(const Subject *subjects, int count, bool prepare)
{
	for (int i = 0; i < count; i++)
	{
		const Subject *subject = &subjects[i];

		if (subject->limit.in_tree && subject->change > 0)
			tally_add(&subject->key.account_id, subject->key.resource, InvalidOid, subject->change, prepare);
		bound_grow(&subject->key, subject->change);
	}
}

/* Reads all limits and locks those that are added to; those of a tree are then known. */
static Subject *
lock_subjects(int *count, bool *buckets, LOCKMODE mode)
{
	for (;;)
	{
		Subject    *subjects;
		uint64		epoch;

		AcceptInvalidationMessages();
		epoch = limit_epoch();
		subjects = list_subjects(count);
		if (list_buckets(subjects, *count, buckets) == 0)
			return subjects;
		lock_buckets(buckets, mode, true);
		for (int i = 0; i < *count; i++)
		{
			const Subject *subject = &subjects[i];

			if (subject->limit.in_tree && subject->added > 0 &&
				!bound_suffices(&subject->key, subject->limit.number, subject->change))
				(void) bound_refresh(&subject->key, subject->limit.number, subject->change);
		}
		AcceptInvalidationMessages();
		if (epoch == limit_epoch())
			return subjects;
		lock_buckets(buckets, mode, false);
	}
}

static bool
all_fit(const Subject *subjects, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (subjects[i].added > 0 && !fits(&subjects[i]))
			return false;
	}
	return true;
}

static void
commit_notes(bool prepare)
{
	bool		buckets[BUCKETS];
	int			count;
	Subject    *subjects = lock_subjects(&count, buckets, prepare ? ExclusiveLock : ShareLock);

	write_notes(prepare);
	write_sums(subjects, count, prepare);
	CommandCounterIncrement();
	if (!prepare)
	{
		if (all_fit(subjects, count))
			return;
		lock_buckets(buckets, ShareLock, false);
		lock_buckets(buckets, ExclusiveLock, true);
	}
	for (int i = 0; i < count; i++)
	{
		if (subjects[i].added > 0)
			require_fit(&subjects[i]);
	}
	if (prepare)
		lock_buckets(buckets, ExclusiveLock, false);
}

static void
end_transaction(XactEvent event, void *argument)
{
	if ((event != XACT_EVENT_PRE_COMMIT && event != XACT_EVENT_PRE_PREPARE) || !note_any())
		return;
	PushActiveSnapshot(GetLatestSnapshot());
	commit_notes(event == XACT_EVENT_PRE_PREPARE);
	PopActiveSnapshot();
	note_written();
}

void
quota_init(void)
{
	RegisterXactCallback(end_transaction, NULL);
}
