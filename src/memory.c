/*
 * memory.c
 *	  Shared memory, in pieces that parts ask for.
 *
 * The server calls twice when it starts, and again after a crash: for how much memory and how
 * many locks are wanted, and when they are there.  It does so for preloaded libraries alone.
 */
#include "account.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/memutils.h"

typedef struct Piece
{
	const char *name;
	Size		size;
	int			nlocks;
	void		(*take) (void *place, bool made, void *argument);
	void	   *argument;
	struct Piece *next;
} Piece;

static Piece *pieces = NULL;
static shmem_request_hook_type previous_shmem_request = NULL;
static shmem_startup_hook_type previous_shmem_startup = NULL;

static void
request_memory(void)
{
	if (previous_shmem_request != NULL)
		previous_shmem_request();
	for (Piece *piece = pieces; piece != NULL; piece = piece->next)
	{
		RequestAddinShmemSpace(CACHELINEALIGN(piece->size));
		if (piece->nlocks > 0)
			RequestNamedLWLockTranche(piece->name, piece->nlocks);
	}
}

static void
attach_memory(void)
{
	if (previous_shmem_startup != NULL)
		previous_shmem_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	for (Piece *piece = pieces; piece != NULL; piece = piece->next)
	{
		bool		found;
		void	   *place = ShmemInitStruct(piece->name, piece->size, &found);

		if (!found)
			memset(place, 0, piece->size);
		piece->take(place, !found, piece->argument);
	}
	LWLockRelease(AddinShmemInitLock);
}

void
memory_define(const char *name, Size size, int nlocks, void (*take) (void *place, bool made, void *argument),
			  void *argument)
{
	Piece	   *piece;

	if (!process_shared_preload_libraries_in_progress)
		return;
	if (pieces == NULL)
	{
		previous_shmem_request = shmem_request_hook;
		shmem_request_hook = request_memory;
		previous_shmem_startup = shmem_startup_hook;
		shmem_startup_hook = attach_memory;
	}
	piece = MemoryContextAlloc(TopMemoryContext, sizeof(Piece));
	*piece = (Piece) {name, size, nlocks, take, argument, pieces};
	pieces = piece;
}
