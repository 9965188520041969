/*
 * sets.c
 *	  Tables in shared memory, for what many sessions touch and nobody waits for.
 *
 * A table is an array of sets of a few places.  A key belongs to one set, which a hash
 * under a seed of this start of the server finds, so that nobody can aim at a set; two
 * such hashes, 128 bits, stand for the key itself.  When a set is full, the entry that
 * was touched longest ago makes room, and is counted if something is lost with it.
 *
 * Each set belongs to one of LOCKS locks.  One is held at a time, for a few instructions,
 * while nothing is done that could fail or wait.  So a table is never full, takes no
 * memory but what was asked for at the start, and a session that dies leaves it whole.
 * It starts empty with the server, after a crash too.
 *
 * Only a preloaded library can ask for shared memory.
 */
#include "account.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/memutils.h"

#define PLACES 8				/* of a set */
#define LOCKS 128

/* What is in shared memory; the places follow. */
typedef struct Shared
{
	uint64		seeds[2];
	pg_atomic_uint64 evicted;
} Shared;

/* What each process knows of a table, from the postmaster. */
struct Sets
{
	const char *name;
	Size		entry_size;		/* of a place */
	int64		nsets;
	bool		(*is_needed) (const void *entry, TimestampTz now);
	bool		keeps;			/* what is needed makes no room */
	int			needed;			/* entries in the set that one was last made in, or had no room */
	Shared	   *shared;			/* NULL until there is shared memory */
	char	   *places;
	LWLockPadded *locks;
	LWLock	   *held;
	bool		made;			/* the entry that is held */
	Sets	   *next;
};

static Sets *tables = NULL;

/* ---------------------------------------------------------------------------
 * Shared memory
 */

static Size
places_size(const Sets *sets)
{
	return mul_size(mul_size(sets->nsets, PLACES), sets->entry_size);
}

static Size
memory_size(const Sets *sets)
{
	return add_size(CACHELINEALIGN(sizeof(Shared)), places_size(sets));
}

static void
take_memory(void *place, bool made, void *argument)
{
	Sets	   *sets = argument;

	sets->shared = place;
	sets->places = (char *) place + CACHELINEALIGN(sizeof(Shared));
	sets->locks = GetNamedLWLockTranche(sets->name);
	if (!made)
		return;
	if (!pg_strong_random(sets->shared->seeds, sizeof(sets->shared->seeds)))
		elog(FATAL, "could not draw random bytes");
	pg_atomic_init_u64(&sets->shared->evicted, 0);
}

Sets *
sets_define(const char *name, Size entry_size, int entries)
{
	Sets	   *sets;

	if (!process_shared_preload_libraries_in_progress)
		return NULL;
	sets = MemoryContextAllocZero(TopMemoryContext, sizeof(Sets));
	sets->name = name;
	sets->entry_size = MAXALIGN(entry_size);
	sets->nsets = Max(entries / PLACES, 1);
	sets->next = tables;
	tables = sets;
	memory_define(name, memory_size(sets), LOCKS, take_memory, sets);
	return sets;
}

void
sets_count_needed(Sets *sets, bool (*is_needed) (const void *entry, TimestampTz now))
{
	if (sets != NULL)
		sets->is_needed = is_needed;
}

void
sets_keep_needed(Sets *sets)
{
	if (sets != NULL)
		sets->keeps = true;
}

void
sets_count_lost(Sets *sets)
{
	pg_atomic_fetch_add_u64(&sets->shared->evicted, 1);
}

/* ---------------------------------------------------------------------------
 * Entries
 */

bool
sets_ready(const Sets *sets)
{
	return sets != NULL && sets->shared != NULL;
}

static SetsEntry *
place(const Sets *sets, int64 set, int number)
{
	return (SetsEntry *) (sets->places + (set * PLACES + number) * sets->entry_size);
}

static void
lock_set(Sets *sets, int64 set)
{
	sets->held = &sets->locks[set % LOCKS].lock;
	LWLockAcquire(sets->held, LW_EXCLUSIVE);
}

static bool
is_needed(const Sets *sets, const SetsEntry *entry, TimestampTz now)
{
	return entry->touched_at != 0 && (sets->is_needed == NULL || sets->is_needed(entry, now));
}

/* The place in a locked set that is free, or was touched longest ago; NULL if all are to be kept. */
static SetsEntry *
find_room(Sets *sets, int64 set, TimestampTz now)
{
	SetsEntry  *room = NULL;

	sets->needed = 0;
	for (int i = 0; i < PLACES; i++)
	{
		SetsEntry  *entry = place(sets, set, i);
		bool		needed = is_needed(sets, entry, now);

		if (needed)
			sets->needed++;
		if (!(needed && sets->keeps) && (room == NULL || entry->touched_at < room->touched_at))
			room = entry;
	}
	return room;
}

/* Makes an entry in a place of the locked set. */
static SetsEntry *
make_entry(Sets *sets, SetsEntry *room, const uint64 hash[2], TimestampTz now)
{
	if (is_needed(sets, room, now))
		sets_count_lost(sets);
	memset(room, 0, sets->entry_size);
	memcpy(room->hash, hash, sizeof(room->hash));
	room->touched_at = now;
	sets->made = true;
	return room;
}

void *
sets_acquire(Sets *sets, const void *key, Size length, bool make, TimestampTz now)
{
	uint64		hash[2];
	int64		set;
	SetsEntry  *room;

	for (int i = 0; i < lengthof(hash); i++)
		hash[i] = hash_bytes_extended(key, length, sets->shared->seeds[i]);
	set = hash[0] % sets->nsets;
	sets->made = false;
	lock_set(sets, set);
	for (int i = 0; i < PLACES; i++)
	{
		SetsEntry  *entry = place(sets, set, i);

		if (entry->touched_at != 0 && entry->hash[0] == hash[0] && entry->hash[1] == hash[1])
			return entry;
	}
	room = make ? find_room(sets, set, now) : NULL;
	if (room != NULL)
		return make_entry(sets, room, hash, now);
	sets_release(sets);
	return NULL;
}

bool
sets_is_crowded(const Sets *sets)
{
	return sets->needed >= PLACES / 2;
}

bool
sets_was_made(const Sets *sets)
{
	return sets->made;
}

void
sets_release(Sets *sets)
{
	LWLockRelease(sets->held);
	sets->held = NULL;
}

void
sets_visit(Sets *sets, void (*visit) (void *entry, void *argument), void *argument)
{
	for (int64 set = 0; set < sets->nsets; set++)
	{
		lock_set(sets, set);
		for (int i = 0; i < PLACES; i++)
		{
			SetsEntry  *entry = place(sets, set, i);

			if (entry->touched_at != 0)
				visit(entry, argument);
		}
		sets_release(sets);
	}
}

/* ---------------------------------------------------------------------------
 * Tables
 */

int64
sets_evicted(const Sets *sets)
{
	return sets_ready(sets) ? (int64) pg_atomic_read_u64(&sets->shared->evicted) : 0;
}

const Sets *
sets_next(const Sets *sets)
{
	return sets == NULL ? tables : sets->next;
}

const char *
sets_name(const Sets *sets)
{
	return sets->name;
}
