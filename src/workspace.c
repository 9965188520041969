/*
 * workspace.c
 *	  Workspaces of accounts.
 *
 * A workspace is disabled or archived by a hold (holding.c), which waits for nobody.
 * Somebody reaches it by a grant, a key by a row of its credential as far as its profile
 * reaches it; what is held is reached by nobody (right.c).  An account keeps one
 * workspace that is not archived: that is looked at again when a transaction commits.
 *
 * Who gives the reach of a workspace has it: in its own account.  In accounts below its
 * own it controls, and reaches none.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"

#define EXTERNAL_ID_MAX 255		/* characters */
#define NAME_TAKEN "the account has a workspace of that name already"
#define NAMES_ALIKE "Names that differ in the case of letters alone are the same."

/* Columns of account.workspaces; schema_catalog() has checked the version. */
#define ANUM_WORKSPACES_WORKSPACE_ID 1
#define ANUM_WORKSPACES_ACCOUNT_ID 2

PG_FUNCTION_INFO_V1(account_workspace_workspace_state);
PG_FUNCTION_INFO_V1(account_workspace_create_workspace);
PG_FUNCTION_INFO_V1(account_workspace_update_workspace);
PG_FUNCTION_INFO_V1(account_workspace_disable_workspace);
PG_FUNCTION_INFO_V1(account_workspace_enable_workspace);
PG_FUNCTION_INFO_V1(account_workspace_archive_workspace);
PG_FUNCTION_INFO_V1(account_workspace_unarchive_workspace);
PG_FUNCTION_INFO_V1(account_workspace_grant_workspace);
PG_FUNCTION_INFO_V1(account_workspace_revoke_workspace);

/* ---------------------------------------------------------------------------
 * Rows
 */

bool
workspace_insert(const pg_uuid_t *account_id, const char *name, pg_uuid_t *workspace_id)
{
	static Statement insert = {
		"INSERT INTO account.workspaces (workspace_id, account_id, name, created_by) VALUES ($1, $2, $3, $4)"
		" ON CONFLICT DO NOTHING",
		4, {UUIDOID, UUIDOID, TEXTOID, UUIDOID}
	};
	const pg_uuid_t *created_by = caller_profile();
	Datum		values[4];

	token_random_uuid(workspace_id);
	values[0] = UUIDPGetDatum(workspace_id);
	values[1] = UUIDPGetDatum(account_id);
	values[2] = CStringGetTextDatum(name);
	values[3] = UUIDPGetDatum(created_by);
	return query_write(&insert, values, created_by != NULL ? NULL : "   n") > 0;
}

/* The account of a workspace, which never changes; false if there is none. Leaves no predicate lock. */
static bool
find_account(const pg_uuid_t *workspace_id, pg_uuid_t *account_id)
{
	const Catalog *catalog = schema_catalog();
	Oid			index = get_relname_relid("workspaces_pkey", catalog->namespace_id);
	ScanKeyData key;
	SelfScan	scan;
	bool		found;

	ScanKeyInit(&key, ANUM_WORKSPACES_WORKSPACE_ID, BTEqualStrategyNumber, F_UUID_EQ,
				UUIDPGetDatum(workspace_id));
	scan_open(&scan, catalog->workspaces, index, &key, 1);
	found = scan_next(&scan) && scan_uuid(&scan, ANUM_WORKSPACES_ACCOUNT_ID, account_id);
	scan_close(&scan);
	return found;
}

/* The workspace that the first argument names, which the caller manages. */
static pg_uuid_t
find_target(FunctionCallInfo fcinfo, Target *target)
{
	pg_uuid_t	account_id;
	bool		found = !PG_ARGISNULL(0) && find_account(PG_GETARG_UUID_P(0), &account_id);

	caller_target_of("manage:workspaces", found, &account_id, "workspace", target);
	return *PG_GETARG_UUID_P(0);
}

static void
require_not_archived(const pg_uuid_t *workspace_id)
{
	AcceptInvalidationMessages();
	if ((hold_of_workspace(workspace_id) & HOLD_IS_ARCHIVED) != 0)
		error_raise(ERROR_ARCHIVED, "Unarchive it first.", "the workspace is archived");
}

/* ---------------------------------------------------------------------------
 * Making and changing
 */

static bool
is_external_id(Datum value)
{
	return changes_is_length(value, 1, EXTERNAL_ID_MAX);
}

static bool
is_labels(Datum value)
{
	return DatumGetBool(DirectFunctionCall1(account_tree_is_labels, value));
}

static const ChangeField fields[] = {
	{"name", false, false, CHANGE_BY_ITSELF, changes_is_name,
	"must have 1 to 255 characters, at least one of them not white space"},
	{"external_id", false, true, CHANGE_BY_ITSELF, is_external_id, "must have 1 to 255 characters"},
	{"labels", true, false, CHANGE_BY_ITSELF, is_labels, "must be an object of at most 64 strings"},
};

static bool
has_workspace(const CredentialRecord *key, const pg_uuid_t *workspace_id)
{
	for (int i = 0; i < key->nworkspaces; i++)
	{
		if (memcmp(&key->workspaces[i], workspace_id, UUID_LEN) == 0)
			return true;
	}
	return false;
}

/* Gives a key of the account the reach of a workspace. Between query_open() and query_close(). */
static void
give_to_key(const pg_uuid_t *api_key_id, const pg_uuid_t *account_id, const pg_uuid_t *workspace_id)
{
	CredentialRecord key;

	if (credential_find(api_key_id, &key) && !key.ended && key.has_account &&
		memcmp(&key.account_id, account_id, UUID_LEN) == 0 && !has_workspace(&key, workspace_id))
		credential_grant_workspace(&key, workspace_id, caller_profile());
}

/* Gives the account's own key, which the system has made, the reach of a workspace. */
static void
give_to_system(const pg_uuid_t *account_id, const pg_uuid_t *workspace_id)
{
	static Statement find = {
		"SELECT k.api_key_id FROM account.keys k WHERE k.account_id OPERATOR(pg_catalog.=) $1 AND k.system",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(account_id);
	QueryScope	scope;
	uint64		count;
	pg_uuid_t  *ids;

	query_open(&scope);
	count = query_latest(&find, &value, NULL);
	ids = palloc(sizeof(pg_uuid_t) * Max(count, 1));
	for (uint64 row = 0; row < count; row++)
		(void) query_uuid(row, 1, &ids[row]);
	for (uint64 i = 0; i < count; i++)
		give_to_key(&ids[i], account_id, workspace_id);
	query_close(&scope);
}

/* Gives whoever has made a workspace the reach of it: its profile, and the key that it came with. */
static void
give_to_creator(const pg_uuid_t *account_id, const pg_uuid_t *workspace_id)
{
	const Identity *identity = identity_current();
	ProfileRecord profile;
	NewGrant	grant = {.profile_id = &profile.profile_id,.workspace_id = workspace_id,.expires_at = DT_NOEND};
	QueryScope	scope;

	if (identity == NULL || !identity->has_profile || !profile_find(&identity->profile_id, &profile) ||
		memcmp(&profile.account_id, account_id, UUID_LEN) != 0)
		return;
	query_open(&scope);
	(void) profile_insert_grant(&grant);
	if (identity->has_key)
		give_to_key(&identity->api_key_id, account_id, workspace_id);
	query_close(&scope);
}

/* create_workspace(name, account_id) */
Datum
account_workspace_create_workspace(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *workspace_id = palloc(sizeof(pg_uuid_t));
	Validation	validation;
	Target		target;
	TreePath   *path;
	QueryScope	scope;

	caller_target("manage:workspaces", PG_ARGISNULL(1) ? NULL : PG_GETARG_UUID_P(1),
				  SCOPE_OWN | SCOPE_DESCENDANTS | SCOPE_ADMIN, &target);
	validation_start(&validation);
	changes_check_value(&validation, &fields[0], PG_GETARG_DATUM(0), PG_ARGISNULL(0));
	validation_finish(&validation);

	path = tree_lock(&target.account_id, false);
	if (path == NULL || (!target.as_admin && !tree_within(path, &identity_current()->account_id)))
		error_raise(ERROR_NOT_FOUND, NULL, "account not found");
	hold_require_writable(&target.account_id, path);
	plan_require_room("workspaces", &target.account_id);
	query_open(&scope);
	if (!workspace_insert(&target.account_id, TextDatumGetCString(PG_GETARG_DATUM(0)), workspace_id))
		error_raise(ERROR_CONFLICT, NAMES_ALIKE, NAME_TAKEN);
	query_close(&scope);
	give_to_system(&target.account_id, workspace_id);
	give_to_creator(&target.account_id, workspace_id);
	PG_RETURN_UUID_P(workspace_id);
}

/* update_workspace(workspace_id, changes) */
Datum
account_workspace_update_workspace(PG_FUNCTION_ARGS)
{
	static Statement update = {
		"UPDATE account.workspaces w SET"
		" name = CASE WHEN $2 OPERATOR(pg_catalog.?) 'name'"
		" THEN $2 OPERATOR(pg_catalog.->>) 'name' ELSE w.name END,"
		" external_id = CASE WHEN $2 OPERATOR(pg_catalog.?) 'external_id'"
		" THEN $2 OPERATOR(pg_catalog.->>) 'external_id' ELSE w.external_id END,"
		" labels = CASE WHEN $2 OPERATOR(pg_catalog.?) 'labels'"
		" THEN $2 OPERATOR(pg_catalog.->) 'labels' ELSE w.labels END,"
		" updated_at = pg_catalog.now()"
		" WHERE workspace_id OPERATOR(pg_catalog.=) $1",
		2, {UUIDOID, JSONBOID}
	};
	Target		target;
	pg_uuid_t	workspace_id = find_target(fcinfo, &target);
	Datum		values[2] = {UUIDPGetDatum(&workspace_id), PG_GETARG_DATUM(1)};
	Validation	validation;
	QueryScope	scope;

	validation_start(&validation);
	changes_check(&validation, PG_GETARG_DATUM(1), PG_ARGISNULL(1), fields, lengthof(fields),
				  target.as_admin ? CHANGE_BY_ADMIN : CHANGE_BY_ITSELF);
	validation_finish(&validation);
	hold_require_writable(&target.account_id, NULL);
	require_not_archived(&workspace_id);
	query_open(&scope);
	(void) query_write_unique(&update, values, NULL, NAME_TAKEN, NAMES_ALIKE);
	query_close(&scope);
	PG_RETURN_VOID();
}

/* ---------------------------------------------------------------------------
 * Holding
 */

/* Raises CONFLICT if all workspaces of an account are archived. */
static void
require_one_left(const pg_uuid_t *account_id)
{
	static Statement find = {
		"SELECT FROM account.workspaces w WHERE w.account_id OPERATOR(pg_catalog.=) $1"
		" AND NOT EXISTS (SELECT FROM account.holds h"
		" WHERE h.subject_id OPERATOR(pg_catalog.=) w.workspace_id AND h.kind OPERATOR(pg_catalog.=) 'a') LIMIT 1",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(account_id);
	QueryScope	scope;
	uint64		rows;

	query_open(&scope);
	rows = query_latest(&find, &value, NULL);
	query_close(&scope);
	if (rows == 0)
		error_raise(ERROR_CONFLICT, "Create another workspace first.",
					"the last workspace of an account cannot be archived");
}

/* disable_workspace(workspace_id) */
Datum
account_workspace_disable_workspace(PG_FUNCTION_ARGS)
{
	Target		target;
	pg_uuid_t	workspace_id = find_target(fcinfo, &target);

	holding_set(&workspace_id, HOLD_DISABLE, target.as_admin, NULL);
	guard_taken();
	PG_RETURN_VOID();
}

/* enable_workspace(workspace_id) */
Datum
account_workspace_enable_workspace(PG_FUNCTION_ARGS)
{
	Target		target;
	pg_uuid_t	workspace_id = find_target(fcinfo, &target);

	(void) holding_lift(&workspace_id, HOLD_DISABLE, target.as_admin, "enable this workspace");
	PG_RETURN_VOID();
}

/* archive_workspace(workspace_id) */
Datum
account_workspace_archive_workspace(PG_FUNCTION_ARGS)
{
	Target		target;
	pg_uuid_t	workspace_id = find_target(fcinfo, &target);

	holding_set(&workspace_id, HOLD_ARCHIVE, target.as_admin, NULL);
	require_one_left(&target.account_id);
	guard_later(require_one_left, &target.account_id);
	guard_taken();
	PG_RETURN_VOID();
}

/* unarchive_workspace(workspace_id) */
Datum
account_workspace_unarchive_workspace(PG_FUNCTION_ARGS)
{
	Target		target;
	pg_uuid_t	workspace_id = find_target(fcinfo, &target);
	TreePath   *path = tree_lock(&target.account_id, false);

	hold_require_writable(&target.account_id, path);
	AcceptInvalidationMessages();
	if ((hold_of_workspace(&workspace_id) & HOLD_IS_ARCHIVED) != 0)
		plan_require_room("workspaces", &target.account_id);
	(void) holding_lift(&workspace_id, HOLD_ARCHIVE, target.as_admin, "unarchive this workspace");
	PG_RETURN_VOID();
}

/* workspace_state(workspace_id) */
Datum
account_workspace_workspace_state(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *workspace_id = PG_GETARG_UUID_P(0);
	const Identity *identity = identity_current();
	pg_uuid_t	account_id;
	TreePath   *path;
	int			holds;

	if (!find_account(workspace_id, &account_id))
		PG_RETURN_NULL();
	path = tree_path(&account_id);
	if (identity != NULL ? !identity->has_account || path == NULL || !tree_within(path, &identity->account_id) :
		!caller_is_admin())
		PG_RETURN_NULL();
	holds = hold_of_workspace(workspace_id);
	PG_RETURN_TEXT_P(cstring_to_text((holds & HOLD_IS_ARCHIVED) != 0 ? "archived" :
									 (holds & HOLD_IS_DISABLED) != 0 ? "disabled" : "enabled"));
}

/* ---------------------------------------------------------------------------
 * Giving the reach of one, and taking it
 */

void
workspace_require_grantable(const char *permission, const Target *target, const pg_uuid_t *workspace_id)
{
	pg_uuid_t	account_id;

	if (!find_account(workspace_id, &account_id) || memcmp(&account_id, &target->account_id, UUID_LEN) != 0)
		error_raise(ERROR_NOT_FOUND, NULL, "workspace not found");
	require_not_archived(workspace_id);
	if (!target->as_admin)
		guard_given(permission, &account_id, NULL, target->own ? workspace_id : NULL);
}

/* Who is given a workspace: a profile, or one of its keys. */
typedef struct Grantee
{
	bool		is_key;
	ProfileRecord profile;
	CredentialRecord key;
} Grantee;

/* Reads a profile, or a key that has not ended and its profile. */
static bool
read_grantee(const pg_uuid_t *id, Grantee *grantee)
{
	grantee->is_key = false;
	if (profile_find(id, &grantee->profile))
		return true;
	grantee->is_key = true;
	return credential_find(id, &grantee->key) && grantee->key.kind == TOKEN_KEY && !grantee->key.ended &&
		profile_find(&grantee->key.profile_id, &grantee->profile);
}

/*
 * Reads who the first argument names and finds out whether the caller manages workspaces
 * there.  A key that is being replaced is waited for: its successor has what it has then.
 * A profile is kept from being deleted by who gives it something.
 */
static void
find_grantee(FunctionCallInfo fcinfo, bool give, Grantee *grantee, Target *target)
{
	bool		found = !PG_ARGISNULL(0) && read_grantee(PG_GETARG_UUID_P(0), grantee);

	caller_target_of("manage:workspaces", found, &grantee->profile.account_id, "profile or API key", target);
	if (PG_ARGISNULL(1))
		error_raise(ERROR_BAD_REQUEST, NULL, "a workspace is required");
	if (grantee->is_key)
		tree_lock_id(&grantee->key.credential_id, LOCK_CLASS_KEY, ExclusiveLock);
	else if (give)
		tree_lock_id(&grantee->profile.profile_id, LOCK_CLASS_PROFILE, ExclusiveLock);
	if (!read_grantee(PG_GETARG_UUID_P(0), grantee))
		error_raise(ERROR_NOT_FOUND, NULL, "profile or API key not found");
}

/* Takes away a reach that would end before one that is given. Between query_open() and query_close(). */
static void
delete_shorter(const NewGrant *grant)
{
	static Statement delete = {
		"DELETE FROM account.grants WHERE profile_id OPERATOR(pg_catalog.=) $1"
		" AND workspace_id OPERATOR(pg_catalog.=) $2 AND role_id IS NULL"
		" AND expires_at OPERATOR(pg_catalog.<) $3",
		3, {UUIDOID, UUIDOID, TIMESTAMPTZOID}
	};
	Datum		values[3] = {
		UUIDPGetDatum(grant->profile_id), UUIDPGetDatum(grant->workspace_id), TimestampTzGetDatum(grant->expires_at)
	};

	query_write(&delete, values, NULL);
}

/* grant_workspace(profile_or_key_id, workspace_id) */
Datum
account_workspace_grant_workspace(PG_FUNCTION_ARGS)
{
	Grantee		grantee;
	Target		target;
	QueryScope	scope;
	pg_uuid_t  *workspace_id = PG_GETARG_UUID_P(1);
	NewGrant	grant = {.profile_id = &grantee.profile.profile_id,.workspace_id = workspace_id,.expires_at = DT_NOEND};

	find_grantee(fcinfo, true, &grantee, &target);
	hold_require_writable(&target.account_id, NULL);
	workspace_require_grantable("manage:workspaces", &target, workspace_id);
	if (!target.as_admin)
		grant.expires_at = identity_current()->issues_until;
	if (grantee.is_key &&
		!right_reaches(right_of_profile(&grantee.profile.profile_id, &grantee.profile.account_id), workspace_id))
		error_raise(ERROR_NOT_FOUND, "Grant it to the profile first.", "workspace not found");
	query_open(&scope);
	if (!grantee.is_key)
	{
		delete_shorter(&grant);
		(void) profile_insert_grant(&grant);
	}
	else if (!has_workspace(&grantee.key, workspace_id))
		credential_grant_workspace(&grantee.key, workspace_id, caller_profile());
	query_close(&scope);
	PG_RETURN_VOID();
}

/* Takes the reach of a workspace from a key, or what a profile has of it besides roles. */
static void
delete_reach(const Grantee *grantee, const pg_uuid_t *workspace_id)
{
	static Statement delete_of_profile = {
		"DELETE FROM account.grants WHERE profile_id OPERATOR(pg_catalog.=) $1"
		" AND workspace_id OPERATOR(pg_catalog.=) $2 AND role_id IS NULL",
		2, {UUIDOID, UUIDOID}
	};
	static Statement delete_of_key = {
		"DELETE FROM account.credentials WHERE credential_id OPERATOR(pg_catalog.=) $1"
		" AND entry OPERATOR(pg_catalog.<>) 0 AND kind OPERATOR(pg_catalog.=) 'w'"
		" AND workspace_id OPERATOR(pg_catalog.=) $2",
		2, {UUIDOID, UUIDOID}
	};
	Datum		values[2] = {0, UUIDPGetDatum(workspace_id)};
	QueryScope	scope;

	values[0] = UUIDPGetDatum(grantee->is_key ? &grantee->key.credential_id : &grantee->profile.profile_id);
	query_open(&scope);
	(void) query_write(grantee->is_key ? &delete_of_key : &delete_of_profile, values, NULL);
	query_close(&scope);
}

/* Raises CONFLICT where a profile would reach a workspace all the same. */
static void
require_no_role(const pg_uuid_t *profile_id, const pg_uuid_t *workspace_id)
{
	static Statement find = {
		"SELECT pg_catalog.bool_or(g.workspace_id IS NULL) FROM account.grants g"
		" WHERE g.profile_id OPERATOR(pg_catalog.=) $1"
		" AND (g.expires_at IS NULL OR g.expires_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp())"
		" AND CASE WHEN g.workspace_id IS NULL THEN g.service IS NULL AND g.role_id OPERATOR(pg_catalog.=) $3"
		" ELSE g.workspace_id OPERATOR(pg_catalog.=) $2 AND g.role_id IS NOT NULL END"
		" HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 0",
		3, {UUIDOID, UUIDOID, UUIDOID}
	};
	Datum		values[3] = {UUIDPGetDatum(profile_id), UUIDPGetDatum(workspace_id), UUIDPGetDatum(&right_owner_role)};
	QueryScope	scope;

	query_open(&scope);
	if (query_latest(&find, values, NULL) > 0)
		error_raise(ERROR_CONFLICT, query_bool(0, 1) ? "An owner reaches every workspace." :
					"Unassign its roles in the workspace first.",
					"the profile reaches the workspace by a role");
	query_close(&scope);
}

/* revoke_workspace(profile_or_key_id, workspace_id) */
Datum
account_workspace_revoke_workspace(PG_FUNCTION_ARGS)
{
	Grantee		grantee;
	Target		target;
	pg_uuid_t	account_id;
	pg_uuid_t  *workspace_id = PG_GETARG_UUID_P(1);

	find_grantee(fcinfo, false, &grantee, &target);
	if (!find_account(workspace_id, &account_id) || memcmp(&account_id, &target.account_id, UUID_LEN) != 0)
		error_raise(ERROR_NOT_FOUND, NULL, "workspace not found");
	if (!grantee.is_key)
		require_no_role(&grantee.profile.profile_id, workspace_id);
	delete_reach(&grantee, workspace_id);
	guard_taken();
	PG_RETURN_VOID();
}
