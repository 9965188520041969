/*
 * issue.c
 *	  What may be issued: a key with no more than its issuer and its profile have.
 *
 * What a credential mints has at most its own permissions, workspaces, networks and
 * expiry; what is left NULL is the issuer's own.  A key of a profile is cut again, at
 * each authentication, to what the profile has then (right.c).
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define NETWORKS_MAX 256
#define WORKSPACES_MAX 256
#define EXPIRY_MAX "100 years"

/* Whether an array is a plain list without NULLs. */
static bool
is_list(ArrayType *array, int max)
{
	return ARR_NDIM(array) <= 1 && !array_contains_nulls(array) &&
		ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) <= max;
}

void
issue_validate(const KeyGrant *grant, const Interval *expires_in, Validation *validation)
{
	if (grant->name == NULL ||
		!changes_is_name(CStringGetTextDatum(grant->name)))
		validation_add(validation, "name", grant->name == NULL ? "required" : "pattern",
					   "a name has 1 to 255 characters, at least one of them not white space", NULL);
	if (grant->permissions != NULL)
		permission_validate(validation, "permissions", grant->permissions);
	if (grant->allowed_ips != NULL &&
		(!is_list(grant->allowed_ips, NETWORKS_MAX) ||
		 ArrayGetNItems(ARR_NDIM(grant->allowed_ips), ARR_DIMS(grant->allowed_ips)) == 0))
		validation_add(validation, "allowed_ips", "list",
					   "allowed_ips must be a list of 1 to 256 networks, without NULL", NULL);
	if (expires_in != NULL && !changes_interval_between(expires_in, "0", false, EXPIRY_MAX))
		validation_add(validation, "expires_in", "range",
					   "expires_in must be more than 0 and at most 100 years", NULL);
	if (grant->workspace_ids != NULL && !is_list(grant->workspace_ids, WORKSPACES_MAX))
		validation_add(validation, "workspace_ids", "list",
					   "workspace_ids must be a list of at most 256, without NULL", NULL);
}

/* The networks of the key that the caller authenticated with, NULL = any. */
static ArrayType *
own_networks(const Identity *identity)
{
	CredentialRecord key;

	return identity->has_key && credential_find(&identity->api_key_id, &key) ? key.allowed_ips : NULL;
}

ArrayType *
issue_uuid_array(const pg_uuid_t *ids, int count)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(count, 1));

	for (int i = 0; i < count; i++)
		values[i] = UUIDPGetDatum(&ids[i]);
	return construct_array(values, count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR);
}

/* Raises NOT_FOUND unless the rights reach every workspace of a list. */
static void
require_workspaces(ArrayType *workspace_ids, const Rights *rights)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	deconstruct_array(workspace_ids, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (rights == NULL || !right_reaches(rights, DatumGetUUIDP(elements[i])))
			error_raise(ERROR_NOT_FOUND, "Grant it to the profile first.", "workspace not found");
	}
}

/*
 * Whether the caller decides on an account below its own: there it controls, and reaches
 * no workspace itself.
 */
static bool
is_below(const Identity *identity, const pg_uuid_t *account_id)
{
	return account_id != NULL && memcmp(&identity->account_id, account_id, UUID_LEN) != 0;
}

/* Raises FORBIDDEN if a grant, filled in, exceeds what the caller has; account_id is the key's. */
static void
require_covered(const KeyGrant *grant, const pg_uuid_t *account_id, const pg_uuid_t *profile_id)
{
	const Identity *identity = identity_current();
	List	   *permissions;

	if (identity == NULL)
		return;
	permissions = permission_list(grant->permissions);
	/* A key of one's own profile is denied in a workspace what that is. */
	if (identity->ending || profile_id == NULL || !identity->has_profile ||
		memcmp(&identity->profile_id, profile_id, UUID_LEN) != 0 ||
		right_uncovered(identity->rights, permissions, NIL) != NULL)
		caller_require_cover(permissions, NIL);
	if (grant->expires_at > identity->issues_until)
		error_raise(ERROR_FORBIDDEN, NULL, "a key cannot outlive the one that issues it");
	if (!network_within(grant->allowed_ips, own_networks(identity)))
		error_raise(ERROR_FORBIDDEN, NULL, "a key cannot be used from more networks than the one that issues it");
	if (!is_below(identity, account_id))
		require_workspaces(grant->workspace_ids, identity->rights);
}

void
issue_require_covered(const KeyGrant *grant, const Target *target, const pg_uuid_t *profile_id)
{
	require_covered(grant, target->as_admin ? NULL : &target->account_id, profile_id);
}

/* Whether a profile has a permission in any scope: the whole account, a workspace, a service. */
static bool
has_somewhere(const Rights *profile, const char *permission)
{
	int			number = permission_number(permission);

	for (int i = 0; i < profile->nsets; i++)
	{
		const RightsSet *set = &RIGHTS_AT(profile, profile->sets, RightsSet)[i];

		if (right_has(profile, number, set->has_workspace ? &set->workspace_id : NULL,
					  set->service != 0 ? (const char *) profile + set->service : NULL))
			return true;
	}
	return false;
}

/* What of the permissions that the profile has in a workspace or for a service alone the caller has too. */
static List *
scoped_permissions(const Identity *identity, const Rights *profile)
{
	List	   *result = NIL;
	ListCell   *cell;

	if (profile->nsets == 1)
		return NIL;
	foreach(cell, permission_list_covered("*:*"))
	{
		int			number = permission_number(lfirst(cell));

		if (!right_has(profile, number, NULL, NULL) && has_somewhere(profile, lfirst(cell)) &&
			right_uncovered(identity->rights, list_make1(lfirst(cell)), NIL) == NULL)
			result = lappend(result, lfirst(cell));
	}
	return result;
}

/*
 * The permissions of a key that names none: the caller's own, as far as the profile has
 * them; an administrator's key has what the profile has, also later.
 */
static ArrayType *
default_permissions(const Identity *identity, const Rights *profile)
{
	Datum		everything = CStringGetTextDatum("*:*");
	List	   *common;

	if (identity == NULL)
		return construct_array(&everything, 1, TEXTOID, -1, false, TYPALIGN_INT);
	if (profile == NULL)
		return identity_permissions(identity);
	common = right_permissions(right_cut(profile, identity_permissions(identity)));
	return permission_array(list_concat(common, scoped_permissions(identity, profile)));
}

/* The workspaces of a key that asks for the caller's own: those that the profile reaches too. */
static ArrayType *
default_workspaces(const Identity *identity, const ProfileRecord *profile, const Rights *rights)
{
	pg_uuid_t  *common;
	int			count = 0;

	if (identity == NULL || profile == NULL || is_below(identity, &profile->account_id))
		return construct_empty_array(UUIDOID);
	common = palloc(sizeof(pg_uuid_t) * Max(identity->rights->nworkspaces, 1));
	for (int i = 0; i < identity->rights->nworkspaces; i++)
	{
		pg_uuid_t  *own = &RIGHTS_AT(identity->rights, identity->rights->workspaces, pg_uuid_t)[i];

		if (right_reaches(rights, own))
			common[count++] = *own;
	}
	return issue_uuid_array(common, count);
}

/* Raises FORBIDDEN if the profile itself lacks something that a key of it is to have. */
static void
require_profile_has(ArrayType *permissions, const Rights *profile)
{
	ListCell   *cell;

	foreach(cell, permission_list(permissions))
	{
		const char *lacking = right_uncovered(profile, list_make1(lfirst(cell)), NIL);

		if (lacking != NULL && (permission_is_wide(lacking) || !has_somewhere(profile, lacking)))
			error_raise(ERROR_FORBIDDEN, "A key has at most the permissions of its profile.",
						"permission denied: the profile lacks %s", lacking);
	}
}

/* When the membership of a profile ends by itself; DT_NOEND for never, and for a service account. */
static TimestampTz
end_of_membership(const ProfileRecord *profile)
{
	static Statement find = {
		"SELECT m.expires_at FROM account.user_memberships m WHERE m.profile_id OPERATOR(pg_catalog.=) $1"
		" AND m.expires_at IS NOT NULL",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(&profile->profile_id);
	TimestampTz end = DT_NOEND;
	QueryScope	scope;
	bool		isnull;

	query_open(&scope);
	if (query_latest(&find, &value, NULL) > 0)
		end = DatumGetTimestampTz(query_datum(&scope, 0, 1, &isnull));
	query_close(&scope);
	return end;
}

/* Settles when a key ends: no later than what its issuer issues, and than its profile is a member. */
static void
settle_end(KeyGrant *grant, const Interval *expires_in, const ProfileRecord *profile)
{
	const Identity *identity = identity_current();
	TimestampTz membership = profile != NULL ? end_of_membership(profile) : DT_NOEND;

	if (expires_in == NULL)
		grant->expires_at = Min(membership, identity != NULL ? identity->issues_until : DT_NOEND);
	else
		grant->expires_at = changes_plus_interval(GetCurrentTimestamp(), expires_in);
	if (grant->expires_at > membership)
		error_raise(ERROR_FORBIDDEN, NULL, "a key cannot outlive the membership of its profile");
}

void
issue_settle(KeyGrant *grant, const Interval *expires_in, const ProfileRecord *profile)
{
	const Identity *identity = identity_current();
	const Rights *rights = profile != NULL ? right_of_profile(&profile->profile_id, &profile->account_id) : NULL;

	settle_end(grant, expires_in, profile);
	if (grant->permissions == NULL)
		grant->permissions = default_permissions(identity, rights);
	else if (rights != NULL)
		require_profile_has(grant->permissions, rights);
	if (grant->allowed_ips == NULL && identity != NULL)
		grant->allowed_ips = own_networks(identity);
	if (grant->workspace_ids == NULL)
		grant->workspace_ids = default_workspaces(identity, profile, rights);
	if (profile != NULL)
		require_workspaces(grant->workspace_ids, rights);
	require_covered(grant, profile != NULL ? &profile->account_id : NULL,
					profile != NULL ? &profile->profile_id : NULL);
}

void
issue_take_place(const Target *target, const pg_uuid_t *profile_id)
{
	ProfileRecord profile;
	TreePath   *path;

	tree_lock_id(profile_id, LOCK_CLASS_PROFILE, ShareLock);
	path = tree_lock(&target->account_id, false);
	if (path == NULL || !profile_find(profile_id, &profile))
		error_raise(ERROR_NOT_FOUND, NULL, "profile not found");
	hold_require_writable(&target->account_id, path);
	plan_require_room("api_keys", &target->account_id);
}
