/*
 * guard.c
 *	  What is looked at again before a transaction commits.
 *
 * Between the statement that gives somebody rights and its commit, another
 * transaction may take them from who gives them; and two that each leave one owner
 * may together leave none.  Taking away waits for nobody, so neither can be known before
 * the end.  So both are noted, and looked at when the transaction commits:
 *
 *	- What was given: who has given it is compiled anew, as it is committed then, and has
 *	  to have it still.  What the transaction itself has done to its own rights
 *	  since does not count: who hands an account over may leave it in the same
 *	  transaction.
 *	- What was taken, of which the check of a part below says whether it may go.
 *
 * Both run under locks that are taken while committing alone, in this order: one for all
 * rights, in a mode in which takers bar givers, but not one another; and one of each account
 * that is checked.  Nobody keeps a transaction open in that state, so that nothing that a
 * tenant does delays another for longer than a commit.  Parts that take locks of their own
 * then (key.c) are called before this one: the server calls last who was first in _PG_init().
 */
#include "account.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* What somebody has given in this transaction. */
typedef struct Gift
{
	SubTransactionId given_in;
	Identity	giver;			/* without its rights */
	const char *permission;		/* that it acted by */
	pg_uuid_t	account_id;
	bool		has_role;
	pg_uuid_t	role_id;
	bool		has_workspace;
	pg_uuid_t	workspace_id;
	List	   *permissions;	/* char *, of a key */
} Gift;

typedef struct Later
{
	SubTransactionId noted_in;
	GuardCheck	check;
	pg_uuid_t	account_id;
} Later;

/* Of the transaction of that id; the lists are in its memory. */
static LocalTransactionId noted_lxid = InvalidLocalTransactionId;
static List *gifts = NIL;
static List *laters = NIL;
static bool taken = false;

/* Begins the notes of a transaction; what is noted goes into the context that is returned to later. */
static MemoryContext
begin_note(void)
{
	if (noted_lxid != proc_lxid(MyProc))
	{
		gifts = laters = NIL;
		taken = false;
		noted_lxid = proc_lxid(MyProc);
	}
	return MemoryContextSwitchTo(TopTransactionContext);
}

/* The definition of a role as it is now; false if there is none. */
static bool
read_role(const pg_uuid_t *role_id, List **permissions, List **denied)
{
	static Statement find = {
		"SELECT permissions, denied FROM account.roles WHERE role_id OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(role_id);
	QueryScope	scope;
	bool		found;
	bool		isnull;

	query_open(&scope);
	found = query_latest(&find, &value, NULL) > 0;
	if (found)
	{
		Datum		granted = query_datum(&scope, 0, 1, &isnull);
		Datum		taken_away = query_datum(&scope, 0, 2, &isnull);

		query_close(&scope);
		*permissions = permission_list(DatumGetArrayTypeP(granted));
		*denied = permission_list(DatumGetArrayTypeP(taken_away));
		return true;
	}
	query_close(&scope);
	return false;
}

/* Notes what the caller gives. */
static void
note_gift(const char *permission, const pg_uuid_t *account_id, const pg_uuid_t *role_id,
		  const pg_uuid_t *workspace_id, List *permissions)
{
	MemoryContext old = begin_note();
	Gift	   *gift = palloc0(sizeof(Gift));
	ListCell   *cell;

	gift->given_in = GetCurrentSubTransactionId();
	gift->giver = *identity_current();
	gift->giver.rights = NULL;
	gift->permission = pstrdup(permission);
	gift->account_id = *account_id;
	gift->has_role = role_id != NULL;
	if (role_id != NULL)
		gift->role_id = *role_id;
	gift->has_workspace = workspace_id != NULL;
	if (workspace_id != NULL)
		gift->workspace_id = *workspace_id;
	foreach(cell, permissions)
		gift->permissions = lappend(gift->permissions, pstrdup(lfirst(cell)));
	gifts = lappend(gifts, gift);
	MemoryContextSwitchTo(old);
}

void
guard_given(const char *permission, const pg_uuid_t *account_id, const pg_uuid_t *role_id,
			const pg_uuid_t *workspace_id)
{
	const Identity *identity = identity_current();
	List	   *permissions = NIL;
	List	   *denied = NIL;

	if (role_id != NULL && !read_role(role_id, &permissions, &denied))
		error_raise(ERROR_NOT_FOUND, NULL, "role not found");
	caller_require_cover(permissions, denied);
	if (identity == NULL)
		return;
	if (workspace_id != NULL && !right_reaches(identity->rights, workspace_id))
		error_raise(ERROR_NOT_FOUND, "Who gives the reach of a workspace has to reach it, enabled.",
					"workspace not found");
	note_gift(permission, account_id, role_id, workspace_id, NIL);
}

void
guard_issued(const char *permission, const pg_uuid_t *account_id, List *permissions)
{
	if (identity_current() != NULL)
		note_gift(permission, account_id, NULL, NULL, permissions);
}

void
guard_taken(void)
{
	MemoryContextSwitchTo(begin_note());
	taken = true;
}

void
guard_later(GuardCheck check, const pg_uuid_t *account_id)
{
	MemoryContext old = begin_note();
	Later	   *later;
	ListCell   *cell;
	bool		noted = false;

	foreach(cell, laters)
	{
		later = lfirst(cell);
		noted = noted || (later->check == check && later->noted_in == GetCurrentSubTransactionId() &&
						  memcmp(&later->account_id, account_id, UUID_LEN) == 0);
	}
	if (!noted)
	{
		later = palloc(sizeof(Later));
		later->noted_in = GetCurrentSubTransactionId();
		later->check = check;
		later->account_id = *account_id;
		laters = lappend(laters, later);
	}
	MemoryContextSwitchTo(old);
}

/* ---------------------------------------------------------------------------
 * Looking again
 */

/* The credential of an identity, of this transaction too; false if another has ended it. */
static bool
find_credential(const Identity *identity, CredentialRecord *credential)
{
	memset(credential, 0, sizeof(*credential));
	return (!identity->has_key && !identity->has_session) ||
		(credential_find(identity->has_key ? &identity->api_key_id : &identity->session_id, credential) &&
		 !credential->ended_by_others);
}

/* What an identity has by now; NULL if it counts no longer. */
static const Rights *
rights_of(const Identity *identity, const CredentialRecord *credential)
{
	if ((hold_of_account(&identity->account_id, NULL) & HOLD_IS_SUSPENDED) != 0 ||
		(identity->has_profile && hold_of_profile(&identity->profile_id) != 0) ||
		(identity->has_user && hold_of_profile(&identity->user_id) != 0))
		return NULL;
	if (identity->has_user)
		return right_of_user(&identity->user_id, &identity->account_id);
	if (credential->kind == TOKEN_APPLICATION)
		return right_of_list(credential->permissions, &identity->account_id);
	return right_of_key(&identity->profile_id, &identity->account_id, credential->permissions,
						credential->workspaces, credential->nworkspaces);
}

/* Whether who has given something has it now. */
static bool
has_gift(const Gift *gift, const CredentialRecord *credential)
{
	const Rights *rights = rights_of(&gift->giver, credential);
	TreePath   *path = tree_path(&gift->account_id);
	List	   *permissions = NIL;
	List	   *denied = NIL;

	if (rights == NULL || path == NULL || !tree_within(path, &gift->giver.account_id) ||
		!right_has(rights, permission_number(gift->permission), NULL, NULL) ||
		(gift->has_workspace && !right_reaches(rights, &gift->workspace_id)) ||
		right_uncovered(rights, gift->permissions, NIL) != NULL)
		return false;
	return !gift->has_role ||
		(read_role(&gift->role_id, &permissions, &denied) && right_uncovered_anywhere(rights, permissions, denied) == NULL);
}

/* The same, as if this transaction had done nothing. */
static bool
has_gift_outside(const Gift *gift, const CredentialRecord *credential)
{
	volatile bool has = false;

	scan_from_outside(true);
	permission_forget();
	PG_TRY();
	{
		has = has_gift(gift, credential);
	}
	PG_FINALLY();
	{
		scan_from_outside(false);
		permission_forget();
	}
	PG_END_TRY();
	return has;
}

/* Whether this transaction has made the profile of who has given something: all that it has, it has by that. */
static bool
is_new_giver(const Identity *giver)
{
	Oid			namespace_id = schema_catalog()->namespace_id;
	volatile bool found = false;
	ScanKeyData key;
	SelfScan	scan;

	if (!giver->has_profile)
		return false;
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&giver->profile_id));
	scan_from_outside(true);
	PG_TRY();
	{
		scan_open(&scan, get_relname_relid("profiles", namespace_id),
				  get_relname_relid("profiles_pkey", namespace_id), &key, 1);
		found = scan_next(&scan);
		scan_close(&scan);
	}
	PG_FINALLY();
	{
		scan_from_outside(false);
	}
	PG_END_TRY();
	return !found;
}

/* Whether something was given by who has it, not counting what is given in this transaction itself: nobody gives it to himself. */
static bool
stands(const Gift *gift)
{
	CredentialRecord credential;

	return find_credential(&gift->giver, &credential) &&
		(has_gift_outside(gift, &credential) || (is_new_giver(&gift->giver) && has_gift(gift, &credential)));
}

static int
compare_laters(const ListCell *left, const ListCell *right)
{
	return memcmp(&((Later *) lfirst(left))->account_id, &((Later *) lfirst(right))->account_id, UUID_LEN);
}

static void
run_laters(void)
{
	ListCell   *cell;

	list_sort(laters, compare_laters);
	foreach(cell, laters)
	{
		Later	   *later = lfirst(cell);

		tree_lock_id(&later->account_id, LOCK_CLASS_OWNERS, ExclusiveLock);
		later->check(&later->account_id);
	}
}

/* Bars takers from givers and the other way round, until the transaction has ended. */
static void
lock_rights(void)
{
	static const pg_uuid_t all = {{0}};

	if (gifts != NIL)
		tree_lock_id(&all, LOCK_CLASS_GUARD, taken ? ShareRowExclusiveLock : ShareLock);
	else if (taken)
		tree_lock_id(&all, LOCK_CLASS_GUARD, RowExclusiveLock);
}

static void
look_again(XactEvent event, void *argument)
{
	ListCell   *cell;

	if ((event != XACT_EVENT_PRE_COMMIT && event != XACT_EVENT_PRE_PREPARE) ||
		noted_lxid == InvalidLocalTransactionId || noted_lxid != proc_lxid(MyProc))
		return;
	if (event == XACT_EVENT_PRE_PREPARE)
		error_raise(ERROR_BAD_REQUEST, NULL, "a transaction that has given or taken rights cannot be prepared");
	lock_rights();
	AcceptInvalidationMessages();
	PushActiveSnapshot(GetLatestSnapshot());
	foreach(cell, gifts)
	{
		if (!stands(lfirst(cell)))
			error_raise(ERROR_FORBIDDEN, "Nothing of this transaction is kept.",
						"permission denied: the caller has lost what it gives");
	}
	run_laters();
	PopActiveSnapshot();
}

/*
 * What a subtransaction that is undone has noted needs no look.  Its number, and those of
 * all within, are the highest.
 */
static void
forget_undone(SubXactEvent event, SubTransactionId undone, SubTransactionId parent, void *argument)
{
	ListCell   *cell;

	if (event != SUBXACT_EVENT_ABORT_SUB || noted_lxid != proc_lxid(MyProc))
		return;
	foreach(cell, gifts)
	{
		if (((Gift *) lfirst(cell))->given_in >= undone)
			gifts = foreach_delete_current(gifts, cell);
	}
	foreach(cell, laters)
	{
		if (((Later *) lfirst(cell))->noted_in >= undone)
			laters = foreach_delete_current(laters, cell);
	}
}

void
guard_init(void)
{
	RegisterXactCallback(look_again, NULL);
	RegisterSubXactCallback(forget_undone, NULL);
}
