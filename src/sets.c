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
#include "storage/ipc.h"
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
	Shared	   *shared;			/* NULL until there is shared memory */
	char	   *places;
	LWLockPadded *locks;
	LWLock	   *held;
	bool		made;			/* the entry that is held */
	Sets	   *next;
};

static Sets *tables = NULL;
static shmem_request_hook_type previous_shmem_request = NULL;
static shmem_startup_hook_type previous_shmem_startup = NULL;

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
request_memory(void)
{
	if (previous_shmem_request != NULL)
		previous_shmem_request();
	for (Sets *sets = tables; sets != NULL; sets = sets->next)
	{
		RequestAddinShmemSpace(CACHELINEALIGN(memory_size(sets)));
		RequestNamedLWLockTranche(sets->name, LOCKS);
	}
}

static void
attach(Sets *sets)
{
	bool		found;

	sets->shared = ShmemInitStruct(sets->name, memory_size(sets), &found);
	sets->places = (char *) sets->shared + CACHELINEALIGN(sizeof(Shared));
	sets->locks = GetNamedLWLockTranche(sets->name);
	if (found)
		return;
	memset(sets->places, 0, places_size(sets));
	if (!pg_strong_random(sets->shared->seeds, sizeof(sets->shared->seeds)))
		elog(FATAL, "could not draw random bytes");
	pg_atomic_init_u64(&sets->shared->evicted, 0);
}

static void
attach_memory(void)
{
	if (previous_shmem_startup != NULL)
		previous_shmem_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	for (Sets *sets = tables; sets != NULL; sets = sets->next)
		attach(sets);
	LWLockRelease(AddinShmemInitLock);
}

Sets *
sets_define(const char *name, Size entry_size, int entries)
{
	Sets	   *sets;

	if (!process_shared_preload_libraries_in_progress)
		return NULL;
	if (tables == NULL)
	{
		previous_shmem_request = shmem_request_hook;
		shmem_request_hook = request_memory;
		previous_shmem_startup = shmem_startup_hook;
		shmem_startup_hook = attach_memory;
	}
	sets = MemoryContextAllocZero(TopMemoryContext, sizeof(Sets));
	sets->name = name;
	sets->entry_size = MAXALIGN(entry_size);
	sets->nsets = Max(entries / PLACES, 1);
	sets->next = tables;
	tables = sets;
	return sets;
}

void
sets_count_needed(Sets *sets, bool (*is_needed) (const void *entry, TimestampTz now))
{
	if (sets != NULL)
		sets->is_needed = is_needed;
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

/* Makes an entry in the place of the locked set that is free, or was touched longest ago. */
static SetsEntry *
make_entry(Sets *sets, SetsEntry *oldest, const uint64 hash[2], TimestampTz now)
{
	if (oldest->touched_at != 0 && (sets->is_needed == NULL || sets->is_needed(oldest, now)))
		pg_atomic_fetch_add_u64(&sets->shared->evicted, 1);
	memset(oldest, 0, sets->entry_size);
	memcpy(oldest->hash, hash, sizeof(oldest->hash));
	oldest->touched_at = now;
	return oldest;
}

void *
sets_acquire(Sets *sets, const void *key, Size length, bool make, TimestampTz now)
{
	uint64		hash[2];
	int64		set;
	SetsEntry  *oldest;

	for (int i = 0; i < lengthof(hash); i++)
		hash[i] = hash_bytes_extended(key, length, sets->shared->seeds[i]);
	set = hash[0] % sets->nsets;
	oldest = place(sets, set, 0);
	sets->made = false;
	lock_set(sets, set);
	for (int i = 0; i < PLACES; i++)
	{
		SetsEntry  *entry = place(sets, set, i);

		if (entry->touched_at != 0 && entry->hash[0] == hash[0] && entry->hash[1] == hash[1])
			return entry;
		if (entry->touched_at < oldest->touched_at)
			oldest = entry;
	}
	if (make)
	{
		sets->made = true;
		return make_entry(sets, oldest, hash, now);
	}
	sets_release(sets);
	return NULL;
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
