/*
 * tree.c
 *	  Accounts, their paths and the locks on trees.
 *
 * A path is read with SnapshotSelf, which sees what is committed now at any
 * isolation level and leaves no predicate lock behind.  Rows of accounts are
 * updated, so such a scan may pass between two versions and find neither: then,
 * and only then, the newest MVCC snapshot decides.
 *
 * Locks.  They are advisory locks of classes that SQL cannot reach, held to the
 * end of the transaction.  After each was had, paths are read again, and if the
 * root has changed meanwhile the lock is given back and the right one taken.
 *
 *	function			locks, in this order
 *	create_account		tree of the parent, shared; then the limit that counts
 *						it, of the parent or of the holder of the plan, if the
 *						plan has one
 *	move_account		trees of the account and of its new parent, exclusive,
 *						in the order of their lock keys
 *	set_plan			none if the account has a plan of its own and changes it
 *						(one row); otherwise its tree, exclusive
 *	rotate_api_key		the key
 *	revoke_api_key		what the key issues, shared, or with its successors what
 *						all keys of its profile issue; the COMMIT of what a key
 *						has issued takes both in a mode that bars only that (key.c)
 *	add_member			the role, shared; the place of the user in the account; the
 *						profile that had it, if that membership is over; the tree,
 *						shared; the limit
 *	accept_invitation	the invitation; then as add_member, without the role; its
 *						COMMIT what revoke_invitation takes, in a mode that bars
 *						only that (invitation.c)
 *	revoke_invitation	what comes of the invitation, shared
 *	remove_member		the place; the profile; what its keys issue and what comes of
 *						the user's invitations, shared
 *	change_password, set_password, disable_user, erase_user, use_user_token
 *						the token, if there is one; then the user and what the
 *						user's sessions issue, shared; the COMMIT of a login and
 *						of what a session has issued takes the same in a mode that
 *						bars only that (session.c, key.c)
 *	logout, revoke_session	what the session issues, shared
 *	login				one of its own, given back before it returns (attempt.c)
 *	create_role			none; its COMMIT, and that of all that gives or takes rights,
 *						one for all, in a mode in which givers bar takers and
 *						not one another (guard.c)
 *	update_role			the role, in a mode that bars only this and delete_role
 *	delete_role			the role, exclusive
 *	assign_role			the profile, exclusive; the role, in a mode that bars only
 *						delete_role; its COMMIT the owners of the account, if an
 *						owner is given an end
 *	unassign_role, disable_profile	none; their COMMIT the owners of the account, if
 *						an owner is less (owner.c)
 *	delete_profile		the profile, exclusive; what its keys issue, shared; its
 *						COMMIT as the last
 *	create_service_account	the role, in a mode that bars only delete_role; the tree,
 *						shared; the limits
 *	create_workspace, unarchive_workspace	the tree, shared; the limit
 *	archive_workspace	none; its COMMIT the owners of the account (workspace.c)
 *	grant_workspace		the profile, or the key, exclusive
 *	revoke_workspace	the key, if it is one, exclusive
 *	disable_workspace, enable_workspace, enable_profile, update_workspace,
 *	update_profile: none
 *	writes to tables with a quota	none; their COMMIT that of each limit that they add to,
 *						shared, and only where the last places are taken exclusive;
 *						after all others (quota.c)
 *	purge_deleted_accounts, purge_accounts	the deletion that is due, or none if another
 *						has it; the tree of the account, shared while its rows go and
 *						exclusive to make it a tombstone
 *	authenticate, act_as, verify_api_key, create_api_key, update_account,
 *	archive_account, suspend_account, delete_account: none
 *	claim_webhook_deliveries, record_webhook_delivery, redeliver_webhook: none; the first skips
 *	events that are locked, the second waits for claims, the last waits for nobody (delivery.c)
 *	unarchive_account, resume_account, cancel_deletion: none, but two that lift the
 *	same hold wait for one another, and the last for a purge that has begun
 *
 * So nothing that a tenant can hold lies on the way of what stops a tenant.
 */
#include "account.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/snapmgr.h"

/* Columns of account.accounts; schema_catalog() has checked the version. */
#define ANUM_ACCOUNTS_ACCOUNT_ID 1
#define ANUM_ACCOUNTS_PATH 3
#define ANUM_ACCOUNTS_DELETED_AT 22

#define NAME_MAX_CHARACTERS 255
#define EMAIL_MAX_BYTES 254
#define LABELS_MAX 64
#define LABEL_KEY_MAX_BYTES 63
#define LABEL_VALUE_MAX_BYTES 255
#define BRANDING_MAX_BYTES 65536

PG_FUNCTION_INFO_V1(account_tree_is_name);
PG_FUNCTION_INFO_V1(account_tree_is_email);
PG_FUNCTION_INFO_V1(account_tree_is_labels);
PG_FUNCTION_INFO_V1(account_tree_is_branding);

char *
tree_uuid_text(const pg_uuid_t *uuid)
{
	return DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(uuid)));
}

Datum
tree_path_datum(const TreePath *path)
{
	Datum	   *ids = palloc(sizeof(Datum) * path->depth);

	for (int i = 0; i < path->depth; i++)
		ids[i] = UUIDPGetDatum(&path->ids[i]);
	return PointerGetDatum(construct_array(ids, path->depth, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
}

bool
tree_within(const TreePath *path, const pg_uuid_t *account_id)
{
	for (int i = 0; i < path->depth; i++)
	{
		if (memcmp(&path->ids[i], account_id, UUID_LEN) == 0)
			return true;
	}
	return false;
}

static TreePath *
copy_path(Datum value)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	int			depth;
	TreePath   *path;

	if (ARR_NDIM(array) != 1 || ARR_HASNULL(array) || ARR_ELEMTYPE(array) != UUIDOID)
		elog(ERROR, "a path of account.accounts is not a plain array");
	depth = ARR_DIMS(array)[0];
	path = palloc(offsetof(TreePath, ids) + depth * sizeof(pg_uuid_t));
	path->depth = depth;
	memcpy(path->ids, ARR_DATA_PTR(array), depth * sizeof(pg_uuid_t));
	return path;
}

static TreePath *
scan_path(Relation accounts, const pg_uuid_t *account_id, Snapshot snapshot)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	TreePath   *path = NULL;

	ScanKeyInit(&key, ANUM_ACCOUNTS_ACCOUNT_ID, BTEqualStrategyNumber, F_UUID_EQ,
				UUIDPGetDatum(account_id));
	scan = systable_beginscan(accounts, schema_catalog()->accounts_pkey, true, snapshot, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		Datum		value;

		/* Nobody finds what was purged. */
		if (!heap_attisnull(tuple, ANUM_ACCOUNTS_DELETED_AT, RelationGetDescr(accounts)))
			continue;
		value = heap_getattr(tuple, ANUM_ACCOUNTS_PATH, RelationGetDescr(accounts), &isnull);
		if (isnull)
			elog(ERROR, "a path of account.accounts is null");
		path = copy_path(value);
	}
	systable_endscan(scan);
	return path;
}

TreePath *
tree_path(const pg_uuid_t *account_id)
{
	Relation	accounts = table_open(schema_catalog()->accounts, AccessShareLock);
	TreePath   *path = scan_path(accounts, account_id, SnapshotSelf);

	if (path == NULL)
	{
		/* In parallel mode no newer snapshot may be taken. */
		Snapshot	snapshot = RegisterSnapshot(IsInParallelMode() ? GetActiveSnapshot() : GetLatestSnapshot());

		path = scan_path(accounts, account_id, snapshot);
		UnregisterSnapshot(snapshot);
	}
	table_close(accounts, AccessShareLock);
	return path;
}

static void
set_lock_tag(LOCKTAG *tag, uint64 key, uint16 class)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, (uint32) (key >> 32), (uint32) key, class);
}

static uint64
lock_key(const pg_uuid_t *account_id)
{
	uint64		halves[2];

	memcpy(halves, account_id->data, UUID_LEN);
	return halves[0] ^ halves[1];
}

void
tree_lock_id(const pg_uuid_t *id, uint16 class, LOCKMODE mode)
{
	LOCKTAG		tag;

	set_lock_tag(&tag, lock_key(id), class);
	(void) LockAcquire(&tag, mode, false, false);
}

bool
tree_try_lock_id(const pg_uuid_t *id, uint16 class, LOCKMODE mode)
{
	LOCKTAG		tag;

	set_lock_tag(&tag, lock_key(id), class);
	return LockAcquire(&tag, mode, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

void
tree_unlock_id(const pg_uuid_t *id, uint16 class, LOCKMODE mode)
{
	LOCKTAG		tag;

	set_lock_tag(&tag, lock_key(id), class);
	(void) LockRelease(&tag, mode, false);
}

static void
lock_root(const pg_uuid_t *root, LOCKMODE mode)
{
	tree_lock_id(root, LOCK_CLASS_TREE, mode);
}

static void
unlock_root(const pg_uuid_t *root, LOCKMODE mode)
{
	tree_unlock_id(root, LOCK_CLASS_TREE, mode);
}

static bool
same_root(const TreePath *left, const TreePath *right)
{
	return left != NULL && right != NULL &&
		memcmp(&TREE_ROOT(left), &TREE_ROOT(right), UUID_LEN) == 0;
}

TreePath *
tree_lock(const pg_uuid_t *account_id, bool exclusive)
{
	LOCKMODE	mode = exclusive ? ExclusiveLock : ShareLock;

	for (;;)
	{
		TreePath   *before = tree_path(account_id);
		TreePath   *after;

		if (before == NULL)
			return NULL;
		lock_root(&TREE_ROOT(before), mode);
		after = tree_path(account_id);
		if (same_root(before, after))
			return after;
		unlock_root(&TREE_ROOT(before), mode);
	}
}

void
tree_lock_two(const pg_uuid_t *left, const pg_uuid_t *right, TreePath **left_path, TreePath **right_path)
{
	for (;;)
	{
		TreePath   *left_before = tree_path(left);
		TreePath   *right_before = tree_path(right);
		const pg_uuid_t *first;
		const pg_uuid_t *second;

		if (left_before == NULL || right_before == NULL)
		{
			*left_path = left_before;
			*right_path = right_before;
			return;
		}
		first = &TREE_ROOT(left_before);
		second = &TREE_ROOT(right_before);
		if (lock_key(first) > lock_key(second))
		{
			first = &TREE_ROOT(right_before);
			second = &TREE_ROOT(left_before);
		}
		lock_root(first, ExclusiveLock);
		lock_root(second, ExclusiveLock);
		*left_path = tree_path(left);
		*right_path = tree_path(right);
		if (same_root(left_before, *left_path) && same_root(right_before, *right_path))
			return;
		unlock_root(second, ExclusiveLock);
		unlock_root(first, ExclusiveLock);
	}
}

void
tree_lock_limit(const pg_uuid_t *account_id, const char *resource)
{
	uint64		name = hash_bytes_extended((const unsigned char *) resource, strlen(resource), 0);
	LOCKTAG		tag;

	set_lock_tag(&tag, lock_key(account_id) ^ name, LOCK_CLASS_LIMIT);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

/* White space by Unicode where the database is UTF-8, by ASCII elsewhere. */
static bool
is_space(const char *character, int length)
{
	unsigned char c = (unsigned char) *character;
	pg_wchar	code;

	if (length == 1)
		return c == ' ' || (c >= '\t' && c <= '\r');
	if (GetDatabaseEncoding() != PG_UTF8)
		return false;
	code = utf8_to_unicode((const unsigned char *) character);
	return code == 0x85 || code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) ||
		code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000 ||
		code == 0xFEFF;
}

static bool
is_name(const char *text, int length)
{
	bool		visible = false;
	int			characters = 0;

	for (int i = 0; i < length;)
	{
		int			width = pg_mblen(text + i);

		if (++characters > NAME_MAX_CHARACTERS)
			return false;
		visible = visible || !is_space(text + i, width);
		i += width;
	}
	return visible;
}

static bool
is_email(const char *text, int length)
{
	const char *at = memchr(text, '@', length);

	if (length > EMAIL_MAX_BYTES || at == NULL || at == text || at == text + length - 1 ||
		memchr(at + 1, '@', text + length - at - 1) != NULL)
		return false;
	for (int i = 0; i < length;)
	{
		int			width = pg_mblen(text + i);

		if ((unsigned char) text[i] <= ' ' || text[i] == 0x7f || is_space(text + i, width))
			return false;
		i += width;
	}
	return true;
}

/* is_name(text) */
Datum
account_tree_is_name(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);

	PG_RETURN_BOOL(is_name(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)));
}

/* is_email(text) */
Datum
account_tree_is_email(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);

	PG_RETURN_BOOL(is_email(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)));
}

/* is_labels(jsonb) */
Datum
account_tree_is_labels(PG_FUNCTION_ARGS)
{
	Jsonb	   *value = PG_GETARG_JSONB_P(0);
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	element;

	if (!JB_ROOT_IS_OBJECT(value) || JB_ROOT_COUNT(value) > LABELS_MAX)
		PG_RETURN_BOOL(false);
	iterator = JsonbIteratorInit(&value->root);
	while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
	{
		if (token == WJB_KEY &&
			(element.val.string.len < 1 || element.val.string.len > LABEL_KEY_MAX_BYTES))
			PG_RETURN_BOOL(false);
		if (token == WJB_VALUE &&
			(element.type != jbvString || element.val.string.len > LABEL_VALUE_MAX_BYTES))
			PG_RETURN_BOOL(false);
	}
	PG_RETURN_BOOL(true);
}

/* is_branding(jsonb) */
Datum
account_tree_is_branding(PG_FUNCTION_ARGS)
{
	static const char member[] = "suppress_from_reports";
	Jsonb	   *value = PG_GETARG_JSONB_P(0);
	JsonbValue	suppress;

	if (!JB_ROOT_IS_OBJECT(value) || VARSIZE(value) > BRANDING_MAX_BYTES)
		PG_RETURN_BOOL(false);
	if (getKeyJsonValueFromContainer(&value->root, member, strlen(member), &suppress) == NULL)
		PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(suppress.type == jbvBool);
}
