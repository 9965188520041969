/*
 * deletion.c
 *	  Asking for the deletion of an account, and carrying it out.
 *
 * A purge goes in steps.  Each locks the deletion that is due, without waiting, so that of
 * two purges one leaves it alone and who cancels waits for the step; and the tree, so that
 * no account is moved out meanwhile.  Then it deletes rows of the isolated tables.  The last
 * step bars new accounts below too, finds all tables empty of the accounts, and makes these
 * tombstones: detached roots that tree_path() does not find.
 *
 * Nobody has written for the accounts since the hold was set but who had come in before.
 * So nothing is done while a transaction is open that began before the deletion was due:
 * what it writes would be left.
 *
 * As a procedure each step is a transaction; as a function all are one, in which each
 * account has a subtransaction.  What fails is undone, noted and left for the next time.
 */
#include "account.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define GRACE_MIN "24 hours"
#define GRACE_MAX "10 years"
#define BATCH_ROWS_MAX 10000000

PG_FUNCTION_INFO_V1(account_deletion_delete_account);
PG_FUNCTION_INFO_V1(account_deletion_cancel_deletion);
PG_FUNCTION_INFO_V1(account_deletion_purge_deleted_accounts);
PG_FUNCTION_INFO_V1(account_deletion_purge_accounts);

/* ---------------------------------------------------------------------------
 * Asking
 */

static void
find_target(FunctionCallInfo fcinfo, Target *target)
{
	if (PG_ARGISNULL(0))
		error_raise(ERROR_BAD_REQUEST, NULL, "an account is required");
	caller_target("manage:accounts", PG_GETARG_UUID_P(0), SCOPE_OWN | SCOPE_DESCENDANTS | SCOPE_ADMIN, target);
}

/* When a deletion that is asked for now is due: a day is never less than 24 hours. */
static TimestampTz
due_after(const Interval *grace)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz due_at = changes_plus_interval(now, grace);

	return Max(due_at, now + INT64CONST(24) * SECS_PER_HOUR * USECS_PER_SEC);
}

/* When the first deletion that was asked for of an account is due. */
static TimestampTz
first_due(const pg_uuid_t *account_id)
{
	static Statement find = {
		"SELECT pg_catalog.min(h.due_at) FROM account.holds h"
		" WHERE h.subject_id OPERATOR(pg_catalog.=) $1 AND h.kind OPERATOR(pg_catalog.=) 'p'",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(account_id);
	QueryScope	scope;
	TimestampTz due_at;
	bool		isnull;

	query_open(&scope);
	query_latest(&find, &value, NULL);
	due_at = DatumGetTimestampTz(query_datum(&scope, 0, 1, &isnull));
	query_close(&scope);
	return due_at;
}

/* delete_account(account_id, grace) */
Datum
account_deletion_delete_account(PG_FUNCTION_ARGS)
{
	Interval   *grace = changes_interval_argument(fcinfo, 1);
	Target		target;
	Validation	validation;

	find_target(fcinfo, &target);
	validation_start(&validation);
	if (grace == NULL)
		validation_add(&validation, "grace", "required", "must not be null", NULL);
	else if (!changes_interval_between(grace, GRACE_MIN, true, GRACE_MAX))
		validation_add(&validation, "grace", "range", "must be from 24 hours to 10 years", NULL);
	validation_finish(&validation);

	holding_set_due(&target.account_id, target.as_admin, due_after(grace));
	PG_RETURN_TIMESTAMPTZ(first_due(&target.account_id));
}

/* cancel_deletion(account_id) */
Datum
account_deletion_cancel_deletion(PG_FUNCTION_ARGS)
{
	static Statement forget = {
		"DELETE FROM account.purge_records r WHERE r.account_id OPERATOR(pg_catalog.=) $1"
		" AND r.rows_deleted OPERATOR(pg_catalog.=) 0 AND r.finished_at IS NULL",
		1, {UUIDOID}
	};
	static Statement find = {
		"SELECT FROM account.purge_records r WHERE r.account_id OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};
	Target		target;
	QueryScope	scope;
	Datum		value;

	find_target(fcinfo, &target);
	value = UUIDPGetDatum(&target.account_id);
	if (!holding_lift(&target.account_id, HOLD_DELETE, target.as_admin, "cancel this deletion"))
		PG_RETURN_VOID();

	/* A purge that had it at hand has ended its step by now. */
	query_open(&scope);
	query_write(&forget, &value, NULL);
	if (query_latest(&find, &value, NULL) > 0)
		error_raise(ERROR_CONFLICT, NULL, "the deletion is being carried out");
	query_close(&scope);
	PG_RETURN_VOID();
}

/* ---------------------------------------------------------------------------
 * One step of a purge
 */
typedef struct Purge
{
	pg_uuid_t	account_id;
	int64		max;			/* rows that this step deletes */
	bool		finish;			/* it is to be the last */
	bool		finished;		/* result: it was */
	bool		left_alone;		/* result: not due (any more), or another purge has it */
	int64		rows;			/* that were deleted */
	int64		accounts;		/* that were purged */
} Purge;

/* Locks the deletion of an account, if it is due and nobody else has it. Gives when it is due first. */
static bool
take_deletion(const pg_uuid_t *account_id, TimestampTz *due_at)
{
	static Statement lock = {
		"SELECT (SELECT pg_catalog.count(*) FROM account.holds h WHERE h.subject_id OPERATOR(pg_catalog.=) $1"
		" AND h.kind OPERATOR(pg_catalog.=) 'p'),"
		" pg_catalog.count(*), pg_catalog.min(l.due_at),"
		" pg_catalog.min(l.due_at) OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp()"
		" FROM (SELECT h.due_at FROM account.holds h WHERE h.subject_id OPERATOR(pg_catalog.=) $1"
		" AND h.kind OPERATOR(pg_catalog.=) 'p' FOR NO KEY UPDATE SKIP LOCKED) l",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(account_id);
	QueryScope	scope;
	bool		taken;
	bool		isnull;

	query_open(&scope);
	query_write(&lock, &value, NULL);
	taken = query_int64(0, 1) == query_int64(0, 2) && query_bool(0, 4);
	*due_at = DatumGetTimestampTz(query_datum(&scope, 0, 3, &isnull));
	query_close(&scope);
	return taken;
}

/* Raises CONFLICT while somebody may still write for an account whose deletion is due. */
static void
require_nobody_left(TimestampTz due_at)
{
	static Statement find = {
		"SELECT FROM pg_catalog.pg_stat_activity s"
		" WHERE s.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()"
		" AND s.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()"
		" AND s.backend_type OPERATOR(pg_catalog.<>) 'autovacuum worker'"
		" AND (s.xact_start OPERATOR(pg_catalog.<) $1 OR s.state OPERATOR(pg_catalog.=) 'disabled')"
		" UNION ALL SELECT FROM pg_catalog.pg_prepared_xacts x"
		" WHERE x.database OPERATOR(pg_catalog.=) pg_catalog.current_database()",
		1, {TIMESTAMPTZOID}
	};
	Datum		value = TimestampTzGetDatum(due_at);
	QueryScope	scope;

	query_open(&scope);
	if (query_latest(&find, &value, NULL) > 0)
		error_raise(ERROR_CONFLICT, "End it, or wait.",
					"a transaction is open, or prepared, that may have begun before the deletion was due");
	query_close(&scope);
}

static void
note_progress(const Purge *purge, const TreePath *path, const char *table)
{
	static Statement note = {
		"INSERT INTO account.purge_records AS r (account_id, parent_account_id, rows_deleted, last_table)"
		" VALUES ($1, $2, $3, $4) ON CONFLICT (account_id) DO UPDATE SET parent_account_id = $2,"
		" rows_deleted = r.rows_deleted OPERATOR(pg_catalog.+) $3, last_table = COALESCE($4, r.last_table),"
		" last_batch_at = pg_catalog.clock_timestamp(), error = NULL",
		4, {UUIDOID, UUIDOID, INT8OID, TEXTOID}
	};
	Datum		values[4] = {UUIDPGetDatum(&purge->account_id)};
	char		nulls[4] = {' ', ' ', ' ', ' '};
	QueryScope	scope;

	values[1] = query_pointer_or_null(path->depth > 1 ? &path->ids[path->depth - 2] : NULL, &nulls[1]);
	values[2] = Int64GetDatum(purge->rows);
	values[3] = query_text_or_null(table, &nulls[3]);
	query_open(&scope);
	query_write(&note, values, nulls);
	query_close(&scope);
}

static void
note_refusal(const Purge *purge, const char *message)
{
	static Statement note = {
		"INSERT INTO account.purge_records AS r (account_id, error)"
		" VALUES ($1, $2) ON CONFLICT (account_id) DO UPDATE SET"
		" last_batch_at = pg_catalog.clock_timestamp(), error = $2",
		2, {UUIDOID, TEXTOID}
	};
	Datum		values[2] = {UUIDPGetDatum(&purge->account_id), CStringGetTextDatum(message)};
	QueryScope	scope;

	query_open(&scope);
	query_write(&note, values, NULL);
	query_close(&scope);
}

/* Notes that a purge is done. */
static void
note_end(Purge *purge, int accounts)
{
	static Statement note = {
		"UPDATE account.purge_records r SET accounts_purged = $2, finished_at = pg_catalog.clock_timestamp()"
		" WHERE r.account_id OPERATOR(pg_catalog.=) $1",
		2, {UUIDOID, INT4OID}
	};
	Datum		values[2] = {UUIDPGetDatum(&purge->account_id), Int32GetDatum(accounts)};
	QueryScope	scope;

	query_open(&scope);
	query_write(&note, values, NULL);
	query_close(&scope);
	purge->accounts = accounts;
	audit_note("account.purged", "account", &purge->account_id, &purge->account_id,
			   psprintf("{\"accounts\": %d}", accounts));
}

/* Whether an account is above all others of its tree, so that to lock this is to lock nobody out. */
static bool
is_root(const pg_uuid_t *account_id)
{
	TreePath   *path = tree_path(account_id);

	return path != NULL && path->depth == 1;
}

static void
take_step(Purge *purge)
{
	bool		may_finish = purge->finish || is_root(&purge->account_id);
	TreePath   *path;
	TimestampTz due_at;
	List	   *account_ids;
	List	   *groups;
	const char *table;

	purge->rows = purge->accounts = 0;
	purge->finished = false;
	purge->left_alone = !take_deletion(&purge->account_id, &due_at);
	if (purge->left_alone)
		return;
	require_nobody_left(due_at);
	path = tree_lock(&purge->account_id, may_finish);
	if (path == NULL)
		elog(ERROR, "an account that is to be purged is gone");
	account_ids = directory_subtree(&purge->account_id, true, true);
	groups = inventory_read();
	inventory_require_whole(groups);
	script_settle();
	purge->rows = removal_delete(groups, account_ids, purge->max, &table);
	note_progress(purge, path, table);
	purge->finished = may_finish && purge->rows < purge->max;
	if (!purge->finished)
		return;
	table = removal_find_left(groups, account_ids);
	if (table != NULL)
		error_raise(ERROR_CONFLICT, "Something keeps them: a trigger, or a rule.",
					"rows are left in table %s", table);
	/* While it still has an account above, which is told. */
	note_end(purge, list_length(account_ids));
	burial_bury(account_ids);
}

/* ---------------------------------------------------------------------------
 * Purging
 */

/* Whether an error is about the account, and not about the server or whoever stops it. */
static bool
is_refusal(const ErrorData *error)
{
	switch (ERRCODE_TO_CATEGORY(error->sqlerrcode))
	{
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_SYSTEM_ERROR:
		case ERRCODE_INTERNAL_ERROR:
			return false;
	}
	return true;
}

/* Takes a step in a subtransaction; if it was refused and undone, *error says why. */
static void
take_step_safely(Purge *purge, ErrorData **error)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		take_step(purge);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		*error = CopyErrorData();
		if (!is_refusal(*error))
			PG_RE_THROW();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
}

/* The same; false, and a WARNING, if it was refused. */
static bool
try_step(Purge *purge)
{
	ErrorData  *error = NULL;

	take_step_safely(purge, &error);
	if (error == NULL)
		return true;
	purge->rows = purge->accounts = 0;
	note_refusal(purge, error->message);
	ereport(WARNING,
			(errmsg("account %s was not purged: %s", tree_uuid_text(&purge->account_id), error->message)));
	return false;
}

/* The accounts whose deletion is due, as pg_uuid_t *, the longest due first. */
static List *
find_due(void)
{
	static Statement find = {
		"SELECT h.subject_id FROM account.holds h WHERE h.kind OPERATOR(pg_catalog.=) 'p'"
		" AND h.due_at OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp()"
		" GROUP BY h.subject_id ORDER BY pg_catalog.min(h.due_at), h.subject_id",
		0
	};
	QueryScope	scope;
	List	   *result;

	query_open(&scope);
	result = query_uuids(&scope, query_latest(&find, NULL, NULL), 1);
	query_close(&scope);
	return result;
}

static void
require_purger(void)
{
	caller_require_admin("purge accounts");
	if (IsolationUsesXactSnapshot())
		error_raise(ERROR_BAD_REQUEST, NULL, "accounts are purged at isolation level read committed alone");
}

/* purge_deleted_accounts() */
Datum
account_deletion_purge_deleted_accounts(PG_FUNCTION_ARGS)
{
	int64		count = 0;
	ListCell   *cell;

	require_purger();
	foreach(cell, find_due())
	{
		Purge		purge = {.account_id = *(pg_uuid_t *) lfirst(cell),.max = PG_INT64_MAX,.finish = true};

		if (try_step(&purge))
			count += purge.accounts;
	}
	PG_RETURN_INT64(count);
}

/* Takes steps until an account is purged, or cannot be; each is committed. */
static void
purge_in_steps(const pg_uuid_t *account_id, int64 max)
{
	MemoryContext context = CurrentMemoryContext;
	MemoryContext step = AllocSetContextCreate(context, "step of a purge", ALLOCSET_DEFAULT_SIZES);
	Purge		purge = {.account_id = *account_id,.max = max};
	bool		go_on;

	do
	{
		MemoryContextSwitchTo(step);
		PushActiveSnapshot(GetTransactionSnapshot());
		go_on = try_step(&purge) && !purge.left_alone && !purge.finished;
		PopActiveSnapshot();
		MemoryContextSwitchTo(context);
		SPI_commit();
		/* What is found in the last step is little: it came after the others. */
		if (purge.rows < max)
		{
			purge.finish = true;
			purge.max = PG_INT64_MAX;
		}
		MemoryContextReset(step);
	} while (go_on);
	MemoryContextDelete(step);
}

/* purge_accounts(batch_rows) */
Datum
account_deletion_purge_accounts(PG_FUNCTION_ARGS)
{
	CallContext *call = (CallContext *) fcinfo->context;
	int32		batch_rows = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT32(0);
	Validation	validation;
	ListCell   *cell;

	require_purger();
	if (call == NULL || !IsA(call, CallContext) || call->atomic)
		error_raise(ERROR_BAD_REQUEST, "purge_deleted_accounts() does it in one.",
					"purge_accounts() commits, and cannot be called in a transaction block");
	validation_start(&validation);
	if (batch_rows < 1 || batch_rows > BATCH_ROWS_MAX)
		validation_add(&validation, "batch_rows", "range", "must be from 1 to 10,000,000", NULL);
	validation_finish(&validation);

	if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	foreach(cell, find_due())
		purge_in_steps(lfirst(cell), batch_rows);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "could not finish SPI");
	PG_RETURN_VOID();
}
