/*
 * tally.c
 *	  How many rows of the tables with a quota each account has.
 *
 * The number of an account, a resource and a table is the sum of some rows of
 * account.quota_counts.  A commit changes one of them that nobody else is changing, or
 * makes another: so none waits for another, and there are no more rows than there have been
 * commits at one time.  Which row that is does not matter, so a row that has changed since
 * it was seen is passed over like one that is locked, at any isolation level.
 *
 * What others are about to add is read without waiting too: an uncommitted version says
 * in its column change by how much.  A transaction that has written its own and then looks
 *
 *	1. at uncommitted versions (tally_in_flight), and then
 *	2. at what is committed (tally_of_account), with a newer snapshot,
 *
 * has seen every transaction that had written before it looked: as uncommitted in 1, or,
 * if it was committed by then, in 2; or in both, which counts it twice.  Of those that
 * write to the same number, the last to have written sees all the others.
 *
 * The heap is written directly and not by a statement: under REPEATABLE READ a statement
 * fails on a row that has changed since, and it costs several times as much.  It is read without
 * predicate locks (scan.c): no limit needs them, and serializable transactions of one account
 * would all fail by them.
 */
#include "account.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* Columns of account.quota_counts; schema_catalog() has checked the version. */
#define ANUM_COUNTS_ACCOUNT_ID 1
#define ANUM_COUNTS_RESOURCE 2
#define ANUM_COUNTS_ENTRY 3
#define ANUM_COUNTS_TABLE_ID 4
#define ANUM_COUNTS_AMOUNT 5
#define ANUM_COUNTS_CHANGE 6
#define ANUM_COUNTS_PREPARED 7
#define COUNTS_COLUMNS 7

/* Columns of account.accounts. */
#define ANUM_ACCOUNTS_ACCOUNT_ID 1
#define ANUM_ACCOUNTS_PATH 3
#define ANUM_ACCOUNTS_BILLED_ACCOUNT_ID 4

/* How many rows are tried before another is made. */
#define TRIES_MAX 64

/* The row that this session has changed last: of an account, and of a holder.  Looked at first. */
typedef struct OwnRow
{
	Oid			relation;		/* 0 for none */
	LimitKey	key;
	Oid			table;
	ItemPointerData row;
} OwnRow;

static OwnRow own_rows[2];

/* Opens a scan of all rows of an account and a resource. */
static void
open_counts(SelfScan *scan, const pg_uuid_t *account_id, const char *resource, Snapshot snapshot)
{
	ScanKeyData keys[2];

	ScanKeyInit(&keys[0], ANUM_COUNTS_ACCOUNT_ID, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(account_id));
	ScanKeyInit(&keys[1], ANUM_COUNTS_RESOURCE, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(resource));
	scan_open_at(scan, schema_catalog()->quota_counts, schema_catalog()->quota_counts_pkey, snapshot, keys, 2);
}

static Oid
table_of(const SelfScan *scan)
{
	return DatumGetObjectId(scan->values[ANUM_COUNTS_TABLE_ID - 1]);
}

static int64
number_of(const SelfScan *scan, int column)
{
	return DatumGetInt64(scan->values[column - 1]);
}

/* ---------------------------------------------------------------------------
 * Writing
 */

/* Adds the entries of a new version whose page had no room for it beside the old one. */
static void
index_row(Relation counts, HeapTuple row)
{
	CatalogIndexState indexes = CatalogOpenIndexes(counts);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(counts), &TTSOpsHeapTuple);

	ExecStoreHeapTuple(row, slot, false);
	for (int i = 0; i < indexes->ri_NumIndices; i++)
	{
		Relation	index = indexes->ri_IndexRelationDescs[i];
		IndexInfo  *info = indexes->ri_IndexRelationInfo[i];
		Datum		values[INDEX_MAX_KEYS];
		bool		nulls[INDEX_MAX_KEYS];

		FormIndexDatum(info, slot, NULL, values, nulls);
		index_insert(index, values, nulls, &row->t_self, counts,
					 index->rd_index->indisunique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO, false, info);
	}
	ExecDropSingleTupleTableSlot(slot);
	CatalogCloseIndexes(indexes);
}

/* Changes the row in the slot, unless somebody else is changing it or has since it was fetched. */
static bool
change_row(Relation counts, TupleTableSlot *slot, int64 change, OwnRow *own)
{
	static int	columns[] = {ANUM_COUNTS_AMOUNT, ANUM_COUNTS_CHANGE, ANUM_COUNTS_PREPARED};
	bool		should_free;
	HeapTuple	old = ExecFetchSlotHeapTuple(slot, false, &should_free);
	Datum		values[3];
	bool		nulls[3] = {false, false, false};
	bool		isnull;
	HeapTuple	changed;
	TM_FailureData failure;
	LockTupleMode mode;

	values[0] = Int64GetDatum(DatumGetInt64(slot_getattr(slot, ANUM_COUNTS_AMOUNT, &isnull)) + change);
	values[1] = Int64GetDatum(change);
	values[2] = BoolGetDatum(false);
	changed = heap_modify_tuple_by_cols(old, RelationGetDescr(counts), 3, columns, values, nulls);
	if (update_row(counts, &slot->tts_tid, changed, &failure, &mode) != TM_Ok)
		return false;
	if (!HeapTupleIsHeapOnly(changed))
		index_row(counts, changed);
	own->row = changed->t_self;
	return true;
}

static void
insert_row(Relation counts, OwnRow *own, const LimitKey *key, Oid table, int64 change, bool prepared)
{
	HeapTuple	inserted;
	Datum		values[COUNTS_COLUMNS];
	bool		nulls[COUNTS_COLUMNS] = {false};

	values[ANUM_COUNTS_ACCOUNT_ID - 1] = UUIDPGetDatum(&key->account_id);
	values[ANUM_COUNTS_RESOURCE - 1] = CStringGetTextDatum(key->resource);
	values[ANUM_COUNTS_ENTRY - 1] = Int64GetDatum(token_random_entry());
	values[ANUM_COUNTS_TABLE_ID - 1] = ObjectIdGetDatum(table);
	values[ANUM_COUNTS_AMOUNT - 1] = Int64GetDatum(change);
	values[ANUM_COUNTS_CHANGE - 1] = Int64GetDatum(change);
	values[ANUM_COUNTS_PREPARED - 1] = BoolGetDatum(prepared);
	inserted = heap_form_tuple(RelationGetDescr(counts), values, nulls);
	CatalogTupleInsert(counts, inserted);
	own->row = inserted->t_self;
}

/* The rows of a number that a snapshot shows; returns how many. */
static int
list_rows(const pg_uuid_t *account_id, const char *resource, Oid table, Snapshot snapshot, ItemPointerData *rows)
{
	SelfScan	scan;
	int			count = 0;

	open_counts(&scan, account_id, resource, snapshot);
	while (count < TRIES_MAX && scan_next(&scan))
	{
		if (table_of(&scan) == table)
			rows[count++] = scan.tuple->t_self;
	}
	scan_close(&scan);
	return count;
}

/* Changes the row that this session has changed last, if it is of the number and stands as it was left. */
static bool
change_own_row(Relation counts, OwnRow *own, const LimitKey *key, Oid table, int64 change, TupleTableSlot *slot)
{
	bool		isnull;
	bool		same;

	/* What lay behind may have been cut off. */
	if (own->relation != RelationGetRelid(counts) || own->table != table ||
		memcmp(&own->key, key, sizeof(*key)) != 0 ||
		ItemPointerGetBlockNumber(&own->row) >= RelationGetNumberOfBlocks(counts) ||
		!scan_fetch(counts, &own->row, GetActiveSnapshot(), slot))
		return false;
	/* Its place may have been given to another row. */
	same = memcmp(DatumGetUUIDP(slot_getattr(slot, ANUM_COUNTS_ACCOUNT_ID, &isnull)), &key->account_id, UUID_LEN) == 0 &&
		strcmp(TextDatumGetCString(slot_getattr(slot, ANUM_COUNTS_RESOURCE, &isnull)), key->resource) == 0 &&
		DatumGetObjectId(slot_getattr(slot, ANUM_COUNTS_TABLE_ID, &isnull)) == table;
	return same && change_row(counts, slot, change, own);
}

/* Changes a row that nobody else is changing; false if there is none. */
static bool
change_any_row(Relation counts, OwnRow *own, const LimitKey *key, Oid table, int64 change)
{
	Snapshot	snapshot = GetActiveSnapshot();
	TupleTableSlot *slot = table_slot_create(counts, NULL);
	ItemPointerData rows[TRIES_MAX];
	bool		changed = change_own_row(counts, own, key, table, change, slot);
	int			count = changed ? 0 : list_rows(&key->account_id, key->resource, table, snapshot, rows);

	/* Sessions begin at different ones, and each at its own. */
	for (int i = 0; i < count && !changed; i++)
		changed = scan_fetch(counts, &rows[(MyProcPid + i) % count], snapshot, slot) &&
			change_row(counts, slot, change, own);
	ExecDropSingleTupleTableSlot(slot);
	return changed;
}

void
tally_add(const pg_uuid_t *account_id, const char *resource, Oid table, int64 change, bool prepared)
{
	Relation	counts = table_open(schema_catalog()->quota_counts, RowExclusiveLock);
	LimitKey	key = limit_key(resource, account_id);
	OwnRow	   *own = &own_rows[OidIsValid(table) ? 0 : 1];

	/* A row of its own, so that others find others: it may be prepared for long. */
	if (prepared || !change_any_row(counts, own, &key, table, change))
		insert_row(counts, own, &key, table, change, prepared);
	own->relation = RelationGetRelid(counts);
	own->key = key;
	own->table = table;
	table_close(counts, NoLock);
}

void
tally_forget(Oid table)
{
	static Statement delete = {
		"DELETE FROM account.quota_counts WHERE table_id OPERATOR(pg_catalog.=) $1",
		1, {OIDOID}
	};
	Datum		value = ObjectIdGetDatum(table);
	QueryScope	scope;

	query_open(&scope);
	query_write(&delete, &value, NULL);
	query_close(&scope);
}

/* ---------------------------------------------------------------------------
 * Reading
 */

int64
tally_in_flight(const pg_uuid_t *account_id, const char *resource, bool of_holder, bool prepared_only)
{
	SnapshotData dirty;
	SelfScan	scan;
	int64		sum = 0;

	InitDirtySnapshot(dirty);
	open_counts(&scan, account_id, resource, &dirty);
	while (scan_next(&scan))
	{
		if (TransactionIdIsValid(dirty.xmin) && OidIsValid(table_of(&scan)) != of_holder &&
			(!prepared_only || DatumGetBool(scan.values[ANUM_COUNTS_PREPARED - 1])) &&
			number_of(&scan, ANUM_COUNTS_CHANGE) > 0)
			sum += number_of(&scan, ANUM_COUNTS_CHANGE);
	}
	scan_close(&scan);
	return sum;
}

/* The same with a snapshot. */
static int64
sum_of_account(const pg_uuid_t *account_id, const char *resource, bool of_holder, TallyFilter is_left_out,
			   Snapshot snapshot)
{
	SelfScan	scan;
	int64		sum = 0;

	open_counts(&scan, account_id, resource, snapshot);
	while (scan_next(&scan))
	{
		if (OidIsValid(table_of(&scan)) != of_holder && (is_left_out == NULL || !is_left_out(table_of(&scan))))
			sum += number_of(&scan, ANUM_COUNTS_AMOUNT);
	}
	scan_close(&scan);
	return sum;
}

int64
tally_of_account(const pg_uuid_t *account_id, const char *resource, bool of_holder, TallyFilter is_left_out)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	int64		sum = sum_of_account(account_id, resource, of_holder, is_left_out, snapshot);

	UnregisterSnapshot(snapshot);
	return sum;
}

/* Opens a scan of all accounts at or below the end of a path. */
static void
open_tree(SelfScan *scan, const TreePath *path, Snapshot snapshot)
{
	TreePath   *end = palloc(offsetof(TreePath, ids) + sizeof(pg_uuid_t) * (path->depth + 1));
	ScanKeyData keys[2];

	/* Above all ids, and so above all paths that begin with this one. */
	memcpy(end, path, offsetof(TreePath, ids) + sizeof(pg_uuid_t) * path->depth);
	memset(&end->ids[end->depth++], 0xff, sizeof(pg_uuid_t));
	ScanKeyInit(&keys[0], ANUM_ACCOUNTS_PATH, BTGreaterEqualStrategyNumber, F_ARRAY_GE, tree_path_datum(path));
	ScanKeyInit(&keys[1], ANUM_ACCOUNTS_PATH, BTLessStrategyNumber, F_ARRAY_LT, tree_path_datum(end));
	scan_open_at(scan, schema_catalog()->accounts,
				 get_relname_relid("accounts_path_idx", schema_catalog()->namespace_id), snapshot, keys, 2);
}

int64
tally_of_tree(const pg_uuid_t *holder, const char *resource)
{
	TreePath   *path = tree_path(holder);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	SelfScan	scan;
	int64		sum = 0;

	if (path != NULL)
	{
		open_tree(&scan, path, snapshot);
		while (scan_next(&scan))
		{
			if (memcmp(DatumGetUUIDP(scan.values[ANUM_ACCOUNTS_BILLED_ACCOUNT_ID - 1]), holder, UUID_LEN) == 0)
				sum += sum_of_account(DatumGetUUIDP(scan.values[ANUM_ACCOUNTS_ACCOUNT_ID - 1]), resource, false, NULL,
									  snapshot);
		}
		scan_close(&scan);
	}
	UnregisterSnapshot(snapshot);
	return sum;
}
