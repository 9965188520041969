/*
 * note.c
 *	  What a transaction adds to tables with a quota, and deletes, until it commits.
 *
 * In the memory of the session, by table and account: nothing is written or locked.  Before
 * a note is first changed in a subtransaction, its state is saved on a stack; whoever undoes
 * the subtransaction takes back what is on top, and a subtransaction that ends well leaves
 * what it has saved to its parent, unless the parent has saved the same.  So each subtransaction
 * costs as much as it notes, however many there are.
 *
 * A table that is emptied, counted anew or dropped is noted as such: all that was noted of
 * it before is void, and so is what is committed of it.
 */
#include "account.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

typedef struct SavedNote
{
	SubTransactionId saved_in;
	Note	   *note;
	NoteState	before;
	SubTransactionId saved_before;
} SavedNote;

/* Of the transaction of that id; in its memory. */
static LocalTransactionId noted_lxid = InvalidLocalTransactionId;
static HTAB *notes = NULL;
static Note *last_note = NULL;
static SavedNote *saved = NULL;	/* of subtransactions that are open, the outermost first */
static int	nsaved = 0;
static int	max_saved = 0;
static int	nemptied = 0;		/* tables that have ever been noted as emptied */
static int64 added = 0;			/* rows, whatever became of them */
static LocalTransactionId written_lxid = InvalidLocalTransactionId; /* of which no more can be noted */

static const pg_uuid_t nobody = {{0}};

bool
note_any(void)
{
	return noted_lxid != InvalidLocalTransactionId && noted_lxid == proc_lxid(MyProc);
}

static void
begin_notes(void)
{
	HASHCTL		control = {.keysize = sizeof(NoteKey),.entrysize = sizeof(Note),.hcxt = TopTransactionContext};

	if (note_any())
		return;
	if (written_lxid == proc_lxid(MyProc))
		elog(ERROR, "rows were written after the transaction had been counted");
	notes = hash_create("account quotas", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	last_note = NULL;
	saved = NULL;
	nsaved = max_saved = nemptied = 0;
	added = 0;
	noted_lxid = proc_lxid(MyProc);
}

/* Keeps the state of a note, once in each subtransaction. */
static void
save_note(Note *note)
{
	SubTransactionId now = GetCurrentSubTransactionId();

	if (note->saved_in == now)
		return;
	if (nsaved == max_saved)
	{
		int			wanted = max_saved > 0 ? 2 * max_saved : 16;

		saved = saved == NULL ? MemoryContextAlloc(TopTransactionContext, wanted * sizeof(SavedNote)) :
			repalloc_huge(saved, wanted * sizeof(SavedNote));
		max_saved = wanted;
	}
	saved[nsaved++] = (SavedNote) {now, note, note->state, note->saved_in};
	note->saved_in = now;
}

/* The note of a table and an account, to be changed. */
static Note *
open_note(Oid table, const pg_uuid_t *account_id, const char *resource)
{
	NoteKey		key = {table, *account_id};
	bool		found;

	begin_notes();
	if (last_note == NULL || memcmp(&last_note->key, &key, sizeof(key)) != 0)
	{
		last_note = NULL;
		last_note = hash_search(notes, &key, HASH_ENTER, &found);
		if (!found)
		{
			memset(&last_note->state, 0, sizeof(last_note->state));
			last_note->saved_in = TopSubTransactionId;
		}
	}
	save_note(last_note);
	if (last_note->state.resource == NULL && resource != NULL)
		last_note->state.resource = MemoryContextStrdup(TopTransactionContext, resource);
	return last_note;
}

void
note_row(Relation relation, HeapTuple tuple, AttrNumber column, const char *resource, int change)
{
	bool		isnull;
	Datum		account_id = heap_getattr(tuple, column, RelationGetDescr(relation), &isnull);

	if (isnull)
		return;
	open_note(RelationGetRelid(relation), DatumGetUUIDP(account_id), resource)->state.added += change;
	if (change > 0)
		added++;
}

void
note_emptied(Oid table)
{
	HASH_SEQ_STATUS status;
	Note	   *note;

	begin_notes();
	hash_seq_init(&status, notes);
	while ((note = hash_seq_search(&status)) != NULL)
	{
		if (note->key.table != table)
			continue;
		save_note(note);
		memset(&note->state, 0, sizeof(note->state));
	}
	open_note(table, &nobody, NULL)->state.emptied = true;
	nemptied++;
}

void
note_rows(Oid relation, AttrNumber column, const char *resource)
{
	Relation	table = table_open(relation, NoLock);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = table_beginscan(table, snapshot, 0, NULL);
	TupleTableSlot *slot = table_slot_create(table, NULL);

	note_emptied(relation);
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		bool		isnull;
		Datum		account_id = slot_getattr(slot, column, &isnull);

		CHECK_FOR_INTERRUPTS();
		if (!isnull)
			open_note(relation, DatumGetUUIDP(account_id), resource)->state.counted++;
	}
	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(table, NoLock);
}

static int
compare_ids(const void *left, const void *right)
{
	return memcmp(left, right, UUID_LEN);
}

void
note_forget_accounts(List *account_ids)
{
	int			count = list_length(account_ids);
	pg_uuid_t  *ids = palloc(sizeof(pg_uuid_t) * Max(count, 1));
	HASH_SEQ_STATUS status;
	Note	   *note;
	ListCell   *cell;

	if (!note_any())
		return;
	foreach(cell, account_ids)
		ids[foreach_current_index(cell)] = *(pg_uuid_t *) lfirst(cell);
	qsort(ids, count, sizeof(pg_uuid_t), compare_ids);
	hash_seq_init(&status, notes);
	while ((note = hash_seq_search(&status)) != NULL)
	{
		if (bsearch(&note->key.account_id, ids, count, sizeof(pg_uuid_t), compare_ids) == NULL)
			continue;
		save_note(note);
		memset(&note->state, 0, sizeof(note->state));
	}
}

int64
note_added(void)
{
	return note_any() ? added : 0;
}

int
note_count(void)
{
	return note_any() ? hash_get_num_entries(notes) : 0;
}

void
note_begin(HASH_SEQ_STATUS *status)
{
	hash_seq_init(status, notes);
}

bool
note_is_emptied(Oid table)
{
	NoteKey		key = {table, nobody};
	const Note *note = nemptied > 0 && note_any() ? hash_search(notes, &key, HASH_FIND, NULL) : NULL;

	return note != NULL && note->state.emptied;
}

bool
note_any_emptied(void)
{
	return note_any() && nemptied > 0;
}

bool
note_has_table(Oid table)
{
	HASH_SEQ_STATUS status;
	Note	   *note;
	bool		found = false;

	if (!note_any())
		return false;
	note_begin(&status);
	while ((note = hash_seq_search(&status)) != NULL)
		found = found || note->key.table == table;
	return found;
}

void
note_written(void)
{
	written_lxid = noted_lxid;
	noted_lxid = InvalidLocalTransactionId;
}

/* Puts back what was there before a subtransaction.  Its number, and those of all within, are the highest. */
static void
undo_notes(SubTransactionId undone)
{
	while (nsaved > 0 && saved[nsaved - 1].saved_in >= undone)
	{
		SavedNote  *last = &saved[--nsaved];

		last->note->state = last->before;
		last->note->saved_in = last->saved_before;
	}
}

/* Gives what a subtransaction has saved to its parent, which keeps what it has saved itself. */
static void
merge_notes(SubTransactionId merged, SubTransactionId parent)
{
	int			first = nsaved;
	int			kept;

	while (first > 0 && saved[first - 1].saved_in == merged)
		first--;
	kept = first;
	for (int i = first; i < nsaved; i++)
	{
		SavedNote  *one = &saved[i];

		one->note->saved_in = parent;
		if (parent == TopSubTransactionId || one->saved_before == parent)
			continue;
		one->saved_in = parent;
		saved[kept++] = *one;
	}
	nsaved = kept;
}

static void
end_subtransaction(SubXactEvent event, SubTransactionId own, SubTransactionId parent, void *argument)
{
	if (!note_any())
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
		undo_notes(own);
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
		merge_notes(own, parent);
}

void
note_init(void)
{
	RegisterSubXactCallback(end_subtransaction, NULL);
}
