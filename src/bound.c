/*
 * bound.c
 *	  At most so much of a limit is used: what a session has found, and what was added since.
 *
 * To add up what is used means to look at the rows of all that write at this moment, and of
 * a tree at the rows of all its accounts.  So a session keeps what it has found, and while
 * that and all that was added since are within the limit, it does not look again.
 *
 * How much was added since is known where the library is preloaded.  In shared memory there are
 * counters, one for each number by its hash, to which a commit adds when it has written its rows.
 * They never sink, not if it fails then, and several numbers may have the same: so a bound may be too
 * high, for which a look is the cure.  It is never too low:
 *
 *	1. Who looks reads the counter first.  So whoever writes after the look adds after that reading,
 *	   and who has written before it is in what the look has found, committed or not.
 *	2. Who has written adds to the counter and then asks for the bound.  Of those that write to the same
 *	   number, the last one to have added has all others in its bound.
 *
 * Without shared memory nothing is known of what others add; then a tree's sum is taken up to
 * date by the row in which they note it (refresh), and an account's is looked at each time.
 *
 * When an account moves or a plan changes, all sessions forget (limit.c).
 */
#include "account.h"

#include "common/hashfn.h"
#include "port/atomics.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

/* Counters in shared memory. */
#define COUNTERS 16384

/* Of so many limits a session keeps what it has found. */
#define BOUNDS_MAX 1000

/* What is kept is of no epoch until it is found. */
#define NO_EPOCH PG_UINT64_MAX

typedef struct Bound
{
	LimitKey	key;			/* hash key: an account, or the holder of a plan */
	uint64		used_epoch;
	int64		used;			/* at most, what others are writing with it */
	uint64		grown;			/* the counter, just before */
	uint64		sum_epoch;
	int64		sum;			/* of a tree: what was committed */
	int64		noted;			/* in the row of the holder, just before */
} Bound;

static HTAB *bounds = NULL;
static pg_atomic_uint64 *counters = NULL;	/* NULL if the library was not preloaded */

static Bound *
find_bound(const LimitKey *key)
{
	HASHCTL		control = {.keysize = sizeof(LimitKey),.entrysize = sizeof(Bound),.hcxt = TopMemoryContext};
	Bound	   *bound;
	bool		found;

	if (bounds != NULL && hash_get_num_entries(bounds) >= BOUNDS_MAX &&
		hash_search(bounds, key, HASH_FIND, NULL) == NULL)
	{
		HTAB	   *old = bounds;

		bounds = NULL;
		hash_destroy(old);
	}
	if (bounds == NULL)
		bounds = hash_create("account bounds", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	bound = hash_search(bounds, key, HASH_ENTER, &found);
	if (!found)
		bound->used_epoch = bound->sum_epoch = NO_EPOCH;
	return bound;
}

/* ---------------------------------------------------------------------------
 * What has been added
 */

/* Adds to the counter of a limit and reads it; it is a barrier for the memory in any case. */
static uint64
add_to_counter(const LimitKey *key, int64 change)
{
	uint32		hash = hash_bytes((const unsigned char *) key, sizeof(LimitKey));

	return counters == NULL ? 0 : pg_atomic_add_fetch_u64(&counters[hash % COUNTERS], change);
}

void
bound_grow(const LimitKey *key, int64 change)
{
	if (change > 0)
		(void) add_to_counter(key, change);
}

/* ---------------------------------------------------------------------------
 * What is used
 */
bool
bound_suffices(const LimitKey *key, int64 limit, int64 change)
{
	Bound	   *bound = find_bound(key);

	return counters != NULL && bound->used_epoch == limit_epoch() &&
		bound->used + (int64) (add_to_counter(key, 0) - bound->grown) + change <= limit;
}

int64
bound_look(const LimitKey *key, bool in_tree)
{
	uint64		epoch = limit_epoch();
	uint64		grown = add_to_counter(key, 0);
	int64		used = tally_in_flight(&key->account_id, key->resource, in_tree, false);
	int64		committed = tally_of_account(&key->account_id, key->resource, in_tree, NULL);
	Bound	   *bound = find_bound(key);

	if (in_tree)
	{
		if (bound->sum_epoch != limit_epoch())
			return PG_INT64_MAX;
		used += bound->sum - bound->noted;
	}
	bound->used = used + committed;
	bound->grown = grown;
	bound->used_epoch = epoch;
	return bound->used;
}

int64
bound_refresh(const LimitKey *key, int64 limit, int64 change)
{
	int64		noted = tally_of_account(&key->account_id, key->resource, true, NULL);
	uint64		epoch = limit_epoch();
	Bound	   *bound = find_bound(key);
	int64		sum;

	if (bound->sum_epoch == epoch && bound->sum + noted - bound->noted + change <= limit)
		return bound->sum + noted - bound->noted;
	bound->sum_epoch = NO_EPOCH;
	sum = tally_of_tree(&key->account_id, key->resource);
	bound = find_bound(key);
	bound->sum_epoch = epoch;
	bound->noted = noted;
	bound->sum = sum;
	return sum;
}

/* ---------------------------------------------------------------------------
 * Shared memory
 */

static void
take_memory(void *place, bool made, void *argument)
{
	counters = place;
	for (int i = 0; made && i < COUNTERS; i++)
		pg_atomic_init_u64(&counters[i], 0);
}

void
bound_init(void)
{
	memory_define("account_quotas", COUNTERS * sizeof(pg_atomic_uint64), 0, take_memory, NULL);
}
