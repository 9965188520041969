/*
 * hold.c
 *	  What stops an account and all below it, or a profile.
 *
 * Each backend caches all holds, by subject.  The trigger of account.holds sends
 * a relcache invalidation for it, so that other backends forget their cache when
 * the change is committed, and the own one at the end of the command.  Readers
 * that decide about a credential call AcceptInvalidationMessages() first, or
 * they would go on with what they knew.  A load notes the count of
 * invalidations after it has opened the table, and is repeated if that has moved
 * when it is done.
 *
 * While there are no holds at all, nothing else is read: no path either.
 */
#include "account.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* Columns of account.holds; schema_catalog() has checked the version. */
#define ANUM_HOLDS_SUBJECT_ID 1
#define ANUM_HOLDS_KIND 2

typedef struct HoldEntry
{
	pg_uuid_t	subject_id;		/* hash key */
	int			flags;
} HoldEntry;

static HTAB *holds = NULL;
static MemoryContext holds_context = NULL;
static bool holds_loaded = false;
static Oid	holds_relation = InvalidOid;	/* that was or is being loaded */
static uint64 invalidations = 0;

PG_FUNCTION_INFO_V1(account_hold_forget_holds);

static void
forget_holds(Datum argument, Oid relation)
{
	if (relation == InvalidOid || relation == holds_relation)
	{
		invalidations++;
		holds_loaded = false;
	}
}

static int
kind_flag(char kind)
{
	switch (kind)
	{
		case HOLD_ARCHIVE:
		case HOLD_DELETE:
			return HOLD_IS_ARCHIVED;
		case HOLD_SUSPEND:
			return HOLD_IS_SUSPENDED;
		case HOLD_DISABLE:
			return HOLD_IS_DISABLED;
	}
	elog(ERROR, "unknown kind of hold: %d", kind);
	return 0;
}

static void
add_hold(HTAB *table, TupleTableSlot *slot)
{
	bool		isnull;
	bool		found;
	Datum		subject = slot_getattr(slot, ANUM_HOLDS_SUBJECT_ID, &isnull);
	char		kind = DatumGetChar(slot_getattr(slot, ANUM_HOLDS_KIND, &isnull));
	HoldEntry  *entry = hash_search(table, DatumGetUUIDP(subject), HASH_ENTER, &found);

	if (!found)
		entry->flags = 0;
	entry->flags |= kind_flag(kind);
}

/* Reads all holds into a new table in the given context; NULL if there are none. */
static HTAB *
read_holds(Relation relation, MemoryContext context)
{
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	TableScanDesc scan = table_beginscan(relation, SnapshotSelf, 0, NULL);
	HTAB	   *table = NULL;

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		if (table == NULL)
		{
			HASHCTL		control = {.keysize = sizeof(pg_uuid_t),.entrysize = sizeof(HoldEntry),.hcxt = context};

			table = hash_create("account holds", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
		}
		add_hold(table, slot);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	return table;
}

static void
load_holds(void)
{
	Relation	relation = table_open(schema_catalog()->holds, AccessShareLock);

	holds_relation = RelationGetRelid(relation);
	for (;;)
	{
		uint64		before = invalidations;
		MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "account holds",
													  ALLOCSET_DEFAULT_SIZES);
		HTAB	   *table = read_holds(relation, context);

		if (before == invalidations)
		{
			if (holds_context != NULL)
				MemoryContextDelete(holds_context);
			MemoryContextSetParent(context, TopMemoryContext);
			holds_context = context;
			holds = table;
			holds_loaded = true;
			break;
		}
		MemoryContextDelete(context);
	}
	table_close(relation, AccessShareLock);
}

static int
subject_flags(const pg_uuid_t *subject_id)
{
	HoldEntry  *entry = hash_search(holds, subject_id, HASH_FIND, NULL);

	return entry != NULL ? entry->flags : 0;
}

int
hold_of_account(const pg_uuid_t *account_id, const TreePath *path)
{
	int			flags = 0;

	if (!holds_loaded)
		load_holds();
	if (holds == NULL)
		return 0;
	if (path == NULL)
		path = tree_path(account_id);
	if (!holds_loaded)
		return hold_of_account(account_id, NULL);
	if (path == NULL)
		return HOLD_IS_SUSPENDED;
	for (int i = 0; holds != NULL && i < path->depth; i++)
		flags |= subject_flags(&path->ids[i]);
	return flags & (HOLD_IS_ARCHIVED | HOLD_IS_SUSPENDED);
}

int
hold_of_profile(const pg_uuid_t *profile_id)
{
	if (!holds_loaded)
		load_holds();
	return holds == NULL ? 0 : subject_flags(profile_id) & HOLD_IS_DISABLED;
}

uint64
hold_epoch(void)
{
	return invalidations;
}

int
hold_of_workspace(const pg_uuid_t *workspace_id)
{
	if (!holds_loaded)
		load_holds();
	return holds == NULL ? 0 : subject_flags(workspace_id);
}

void
hold_require_writable(const pg_uuid_t *account_id, const TreePath *path)
{
	int			flags;

	AcceptInvalidationMessages();
	flags = hold_of_account(account_id, path);
	if (flags & HOLD_IS_SUSPENDED)
		error_raise(ERROR_ACCOUNT_SUSPENDED, NULL, "the account is suspended");
	if (flags & HOLD_IS_ARCHIVED)
		error_raise(ERROR_ARCHIVED, NULL, "the account is archived");
}

/* Trigger of account.holds, for each row and for TRUNCATE. */
Datum
account_hold_forget_holds(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		error_raise(ERROR_FORBIDDEN, NULL, "forget_holds() is a trigger");
	CacheInvalidateRelcacheByRelid(RelationGetRelid(trigger->tg_relation));
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		error_raise(ERROR_FORBIDDEN, "Insert or delete it.", "a hold cannot be changed");
	if (TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event))
		return PointerGetDatum(NULL);
	return PointerGetDatum(trigger->tg_trigtuple);
}

void
hold_init(void)
{
	CacheRegisterRelcacheCallback(forget_holds, (Datum) 0);
}
