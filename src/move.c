/*
 * move.c
 *	  Moving an account with all below it.
 *
 * Both trees are locked exclusively, and what is decided is decided on paths
 * read under the locks; then one UPDATE hangs the whole subtree, so that no
 * account is ever seen with the path or the bill of two places.
 */
#include "account.h"

#include "catalog/pg_type.h"

PG_FUNCTION_INFO_V1(account_move_move_account);

/* Raises if the levels from path down would not fit below another account (NULL: as a root). */
static void
require_depth(const TreePath *path, const TreePath *parent)
{
	static Statement find = {
		"SELECT pg_catalog.max(pg_catalog.cardinality(a.path))::pg_catalog.int8"
		DIRECTORY_SUBTREE(">=")
		" WHERE h.account_id OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(&TREE_SELF(path));

	query_latest(&find, &value, NULL);
	directory_require_depth((parent != NULL ? parent->depth : 0) + query_int64(0, 1) - path->depth + 1);
}

/*
 * Hangs a subtree below another account, or nowhere.  Whoever was billed above
 * its top is billed where the new parent is, or, in a new root, to the root.
 */
static void
move_subtree(const TreePath *path, const TreePath *parent)
{
	static Statement update = {
		"UPDATE account.accounts a SET"
		" parent_account_id = CASE WHEN a.account_id OPERATOR(pg_catalog.=) $1 THEN $2 ELSE a.parent_account_id END,"
		" path = $3 OPERATOR(pg_catalog.||) a.path[pg_catalog.cardinality(h.path):],"
		" billed_account_id = CASE WHEN h.inherits"
		" AND a.billed_account_id OPERATOR(pg_catalog.=) h.billed_account_id THEN h.heir ELSE a.billed_account_id END,"
		" updated_at = CASE WHEN a.account_id OPERATOR(pg_catalog.=) $1 THEN pg_catalog.now() ELSE a.updated_at END"
		" FROM (SELECT t.path, t.billed_account_id,"
		" NOT EXISTS (SELECT FROM account.subscriptions s"
		" WHERE s.account_id OPERATOR(pg_catalog.=) t.account_id) AS inherits,"
		" COALESCE((SELECT p.billed_account_id FROM account.accounts p"
		" WHERE p.account_id OPERATOR(pg_catalog.=) $2), $1) AS heir"
		" FROM account.accounts t WHERE t.account_id OPERATOR(pg_catalog.=) $1) h"
		" WHERE a.path OPERATOR(pg_catalog.>=) h.path"
		" AND a.path OPERATOR(pg_catalog.<)"
		" (h.path OPERATOR(pg_catalog.||) " TREE_GREATEST_ID ")",
		3, {UUIDOID, UUIDOID, UUIDARRAYOID}
	};
	Datum		values[3] = {UUIDPGetDatum(&TREE_SELF(path))};

	if (parent != NULL)
	{
		values[1] = UUIDPGetDatum(&TREE_SELF(parent));
		values[2] = tree_path_datum(parent);
	}
	else
		values[2] = PointerGetDatum(construct_empty_array(UUIDOID));
	directory_write(&update, values, parent != NULL ? NULL : " n ");
}

/* Locks what a move touches and returns both paths as they are then. */
static void
lock_move(const pg_uuid_t *account_id, const pg_uuid_t *parent_id, TreePath **path, TreePath **parent)
{
	*parent = NULL;
	if (parent_id != NULL)
		tree_lock_two(account_id, parent_id, path, parent);
	else
		*path = tree_lock(account_id, true);
	if (*path == NULL || (parent_id != NULL && *parent == NULL))
		error_raise(ERROR_NOT_FOUND, NULL, "account not found");
}

static bool
is_child_of(const TreePath *path, const TreePath *parent)
{
	if (parent == NULL)
		return path->depth == 1;
	return path->depth > 1 && memcmp(&path->ids[path->depth - 2], &TREE_SELF(parent), UUID_LEN) == 0;
}

/* move_account(account_id, parent_account_id) */
Datum
account_move_move_account(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *parent_id = PG_ARGISNULL(1) ? NULL : PG_GETARG_UUID_P(1);
	TreePath   *path;
	TreePath   *parent;
	QueryScope	scope;

	caller_require_admin("move an account");
	if (PG_ARGISNULL(0))
		error_raise(ERROR_BAD_REQUEST, NULL, "an account is required");
	query_open(&scope);
	lock_move(PG_GETARG_UUID_P(0), parent_id, &path, &parent);
	if (parent != NULL && tree_within(parent, &TREE_SELF(path)))
		error_raise(ERROR_CONFLICT, NULL, "an account cannot be moved below itself");
	if (!is_child_of(path, parent))
	{
		require_depth(path, parent);
		move_subtree(path, parent);
		/* Roles that reach down reach other accounts now. */
		permission_signal();
	}
	query_close(&scope);
	PG_RETURN_VOID();
}
