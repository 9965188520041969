/*
 * scan.c
 *	  Our own tables as they are now, whatever the snapshot.
 *
 * SnapshotSelf sees everything that is committed now, and all changes of this
 * transaction.  Such a scan takes no lock on a row and leaves no predicate lock,
 * so that nobody makes another's serializable transaction fail by being read.
 * It is sound where rows are inserted and deleted and never updated.  Of a row that
 * is being updated it may find both versions or, for an instant, none: whoever reads
 * such a table says what that does, or reads it with a snapshot of its own.  That leaves no
 * predicate lock either: the scan finds all versions, and the snapshot is asked here.
 */
#include "account.h"

#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

static Snapshot outside = NULL;

void
scan_from_outside(bool begin)
{
	if (begin)
	{
		outside = RegisterSnapshot(GetLatestSnapshot());
		/* As if this transaction had not run a command yet. */
		outside->curcid = FirstCommandId;
	}
	else
	{
		UnregisterSnapshot(outside);
		outside = NULL;
	}
}

void
scan_open(SelfScan *scan, Oid table, Oid index, ScanKeyData *keys, int nkeys)
{
	scan_open_at(scan, table, index, SnapshotSelf, keys, nkeys);
}

void
scan_open_at(SelfScan *scan, Oid table, Oid index, Snapshot snapshot, ScanKeyData *keys, int nkeys)
{
	if (outside != NULL)
		snapshot = outside;
	scan->snapshot = IsMVCCSnapshot(snapshot) ? snapshot : NULL;
	scan->relation = table_open(table, AccessShareLock);
	if (RelationGetNumberOfAttributes(scan->relation) > SCAN_MAX_COLUMNS)
		elog(ERROR, "table %u has too many columns", table);
	scan->descriptor = systable_beginscan(scan->relation, index, true,
										  scan->snapshot != NULL ? SnapshotAny : snapshot, nkeys, keys);
	scan->tuple = NULL;
}

bool
scan_next(SelfScan *scan)
{
	do
	{
		scan->tuple = systable_getnext(scan->descriptor);
		if (!HeapTupleIsValid(scan->tuple))
			return false;
	} while (scan->snapshot != NULL &&
			 !table_tuple_satisfies_snapshot(scan->relation, scan->descriptor->slot, scan->snapshot));
	heap_deform_tuple(scan->tuple, RelationGetDescr(scan->relation), scan->values, scan->nulls);
	return true;
}

bool
scan_is_own(const SelfScan *scan)
{
	return TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(scan->tuple->t_data));
}

bool
scan_stands(const SelfScan *scan)
{
	return (scan->tuple->t_data->t_infomask & HEAP_XMAX_INVALID) != 0;
}

void
scan_close(SelfScan *scan)
{
	systable_endscan(scan->descriptor);
	table_close(scan->relation, AccessShareLock);
}

bool
scan_fetch(Relation relation, ItemPointer row, Snapshot snapshot, TupleTableSlot *slot)
{
	return table_tuple_fetch_row_version(relation, row, SnapshotAny, slot) &&
		table_tuple_satisfies_snapshot(relation, slot, snapshot);
}

void
scan_delete(Relation relation, ItemPointer row)
{
	TM_FailureData failure;

	(void) table_tuple_delete(relation, row, GetCurrentCommandId(true), SnapshotSelf, InvalidSnapshot, false,
							  &failure, false);
}

bool
scan_uuid(const SelfScan *scan, int column, pg_uuid_t *uuid)
{
	if (scan->nulls[column - 1])
		return false;
	*uuid = *DatumGetUUIDP(scan->values[column - 1]);
	return true;
}

TimestampTz
scan_end(const SelfScan *scan, int column)
{
	return scan->nulls[column - 1] ? DT_NOEND : DatumGetTimestampTz(scan->values[column - 1]);
}
