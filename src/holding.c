/*
 * holding.c
 *	  Setting and lifting holds on accounts, profiles, users and workspaces.
 *
 * A hold is one plain INSERT: no lock of a tree, no row of another's, no foreign
 * key, and an entry drawn at random, so that nothing that a tenant keeps open is
 * in the way of stopping it.  Lifting is a DELETE, and may wait.  Who may call is
 * for the parts below to decide; a hold is lifted only at or above the account that set it.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

/* Columns of account.holds; schema_catalog() has checked the version. */
#define ANUM_HOLDS_SUBJECT_ID 1
#define ANUM_HOLDS_KIND 2
#define ANUM_HOLDS_SET_BY 4

/*
 * Whether the caller may lift what was set by an account, NULL for an administrator.  What an
 * account did that is no longer above, for the subject was moved, is for those to lift who are.
 */
static bool
may_lift(const pg_uuid_t *subject_id, const pg_uuid_t *set_by, bool as_admin)
{
	TreePath   *path;
	const Identity *identity;

	if (caller_outranks(set_by, as_admin))
		return true;
	path = set_by != NULL ? tree_path(subject_id) : NULL;
	if (path == NULL || tree_within(path, set_by))
		return false;
	identity = identity_current();
	return identity != NULL && identity->has_account && tree_within(path, &identity->account_id) &&
		memcmp(&identity->account_id, subject_id, UUID_LEN) != 0;
}

/*
 * Whether the same caller holds the subject so already; set_by is NULL for an
 * administrator.  A deletion that was asked for above the caller counts, too:
 * nobody below brings it forward, and nobody could take that back.  A hold that
 * another session is about to lift does not count, or this one would be lifted
 * with it.  Read like a credential, without waiting and without a predicate
 * lock, which a tenant could make a serializable transaction fail by.
 */
static bool
is_held_by(const pg_uuid_t *subject_id, HoldKind kind, const pg_uuid_t *set_by)
{
	List	   *others = NIL;
	ListCell   *cell;
	Oid			index = get_relname_relid("holds_pkey", schema_catalog()->namespace_id);
	ScanKeyData keys[2];
	SelfScan		scan;
	bool		found = false;

	ScanKeyInit(&keys[0], ANUM_HOLDS_SUBJECT_ID, BTEqualStrategyNumber, F_UUID_EQ,
				UUIDPGetDatum(subject_id));
	ScanKeyInit(&keys[1], ANUM_HOLDS_KIND, BTEqualStrategyNumber, F_CHAREQ, CharGetDatum(kind));
	scan_open(&scan, schema_catalog()->holds, index, keys, lengthof(keys));
	while (!found && scan_next(&scan))
	{
		pg_uuid_t	by;
		bool		by_account = scan_uuid(&scan, ANUM_HOLDS_SET_BY, &by);

		found = scan_stands(&scan) && by_account == (set_by != NULL) &&
			(!by_account || memcmp(&by, set_by, UUID_LEN) == 0);
		if (kind == HOLD_DELETE && scan_stands(&scan))
			others = lappend(others, by_account ? memcpy(palloc(sizeof(by)), &by, sizeof(by)) : NULL);
	}
	scan_close(&scan);
	foreach(cell, found ? NIL : others)
		found = found || !may_lift(subject_id, lfirst(cell), set_by == NULL);
	return found;
}

/* Sets a hold; due_at is of HOLD_DELETE alone, NULL for the others. */
static void
set_hold(const pg_uuid_t *subject_id, HoldKind kind, bool as_admin, text *reason, const TimestampTz *due_at)
{
	static Statement insert = {
		"INSERT INTO account.holds (subject_id, kind, entry, set_by, reason, created_by, due_at)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7)",
		7, {UUIDOID, CHAROID, INT8OID, UUIDOID, TEXTOID, UUIDOID, TIMESTAMPTZOID}
	};
	Identity	caller = {.has_account = false};
	QueryScope	scope;
	Datum		values[7];
	char		nulls[7] = {' ', ' ', ' ', ' ', ' ', ' ', ' '};

	if (!as_admin)
		caller = *identity_current();
	values[0] = UUIDPGetDatum(subject_id);
	values[1] = CharGetDatum(kind);
	values[2] = Int64GetDatum(token_random_entry());
	values[3] = UUIDPGetDatum(&caller.account_id);
	values[4] = PointerGetDatum(reason);
	values[5] = UUIDPGetDatum(&caller.profile_id);
	values[6] = due_at != NULL ? TimestampTzGetDatum(*due_at) : (Datum) 0;
	nulls[3] = caller.has_account ? ' ' : 'n';
	nulls[4] = reason != NULL ? ' ' : 'n';
	nulls[5] = caller.has_profile ? ' ' : 'n';
	nulls[6] = due_at != NULL ? ' ' : 'n';

	if (is_held_by(subject_id, kind, caller.has_account ? &caller.account_id : NULL))
		return;
	query_open(&scope);
	query_write(&insert, values, nulls);
	query_close(&scope);
}

void
holding_set(const pg_uuid_t *subject_id, HoldKind kind, bool as_admin, text *reason)
{
	set_hold(subject_id, kind, as_admin, reason, NULL);
}

void
holding_set_due(const pg_uuid_t *account_id, bool as_admin, TimestampTz due_at)
{
	set_hold(account_id, HOLD_DELETE, as_admin, NULL, &due_at);
}

/* The entries of the holds just found; raises FORBIDDEN if one was set above the caller. */
static ArrayType *
require_liftable(const pg_uuid_t *subject_id, uint64 rows, bool as_admin, const char *action)
{
	Datum	   *entries = palloc(sizeof(Datum) * rows);

	for (uint64 row = 0; row < rows; row++)
	{
		pg_uuid_t	set_by;
		bool		by_account = query_uuid(row, 2, &set_by);

		if (!may_lift(subject_id, by_account ? &set_by : NULL, as_admin))
			error_raise(ERROR_FORBIDDEN, NULL, by_account ?
						"only the account above that did it, or one above that, may %s" :
						"only an administrator may %s", action);
		entries[row] = Int64GetDatum(query_int64(row, 1));
	}
	return construct_array(entries, rows, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

bool
holding_lift(const pg_uuid_t *subject_id, HoldKind kind, bool as_admin, const char *action)
{
	static Statement find = {
		"SELECT h.entry, h.set_by FROM account.holds h"
		" WHERE h.subject_id OPERATOR(pg_catalog.=) $1 AND h.kind OPERATOR(pg_catalog.=) $2",
		2, {UUIDOID, CHAROID}
	};
	static Statement delete = {
		"DELETE FROM account.holds WHERE subject_id OPERATOR(pg_catalog.=) $1"
		" AND kind OPERATOR(pg_catalog.=) $2 AND entry OPERATOR(pg_catalog.=) ANY ($3)",
		3, {UUIDOID, CHAROID, INT8ARRAYOID}
	};
	Datum		values[3] = {UUIDPGetDatum(subject_id), CharGetDatum(kind)};
	QueryScope	scope;
	uint64		rows;

	query_open(&scope);
	rows = query_latest(&find, values, NULL);
	if (rows > 0)
	{
		values[2] = PointerGetDatum(require_liftable(subject_id, rows, as_admin, action));
		query_write(&delete, values, NULL);
	}
	query_close(&scope);
	return rows > 0;
}
