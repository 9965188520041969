/*
 * role.c
 *	  The permissions that an application defines, and roles.
 *
 * Nobody gives what they lack: who creates, changes or assigns a role has all of it, when
 * they call and when their transaction commits (guard.c).  A denial is the other way round: it
 * takes from who has the role, so who puts one in outranks them, and who takes one out has
 * what is had again then.
 *
 * Locks of a role: changing it bars changing and deleting it; assigning it bars
 * deleting it.  So that a role is narrowed waits for nobody who keeps open that he assigns
 * it; whoever has it has what it says when they next authenticate.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#define DESCRIPTION_MAX 10000	/* characters */
#define NAME_TAKEN "the account has a role of that name already"
#define NAMES_ALIKE "Names that differ in the case of letters alone are the same."

PG_FUNCTION_INFO_V1(account_role_define_permission);
PG_FUNCTION_INFO_V1(account_role_delete_permission);
PG_FUNCTION_INFO_V1(account_role_create_role);
PG_FUNCTION_INFO_V1(account_role_update_role);
PG_FUNCTION_INFO_V1(account_role_delete_role);

/* ---------------------------------------------------------------------------
 * Defining and deleting
 */

/* Whoever migrates: level owner, in a transaction without an identity. */
static void
require_owner(void)
{
	if (identity_attempted() || !access_has_level(GetUserId(), "level_owner"))
		error_raise(ERROR_FORBIDDEN, "It takes a role of level owner, in a transaction that has not authenticated.",
					"only level owner may define permissions");
}

/* The name of a call, checked; what is built in cannot be changed. */
static char *
name_argument(FunctionCallInfo fcinfo)
{
	Validation	validation;
	char	   *name;

	validation_start(&validation);
	name = changes_text_argument(fcinfo, 0, "permission");
	if (name == NULL || !permission_is_pattern(name, strlen(name)) || permission_is_wide(name))
		validation_add(&validation, "permission", "pattern", "a permission has the form verb:resource",
					   "Use lower-case letters, digits, _ and -.");
	validation_finish(&validation);
	return name;
}

/* Whether there is such a permission; raises CONFLICT if it is built in. */
static bool
find_defined(Datum *values)
{
	static Statement find = {
		"SELECT built_in FROM account.permissions"
		" WHERE permission OPERATOR(pg_catalog.=) $1 AND deleted_at IS NULL",
		1, {TEXTOID}
	};

	if (query_latest(&find, values, NULL) == 0)
		return false;
	if (query_bool(0, 1))
		error_raise(ERROR_CONFLICT, NULL, "the permission is built in");
	return true;
}

static bool
is_description(Datum value)
{
	return changes_is_length(value, 0, DESCRIPTION_MAX);
}

/* define_permission(permission, description) */
Datum
account_role_define_permission(PG_FUNCTION_ARGS)
{
	static const ChangeField description = {
		"description", false, true, CHANGE_BY_ITSELF, is_description, "must have at most 10,000 characters"
	};
	static Statement lock = {"LOCK TABLE account.permissions IN SHARE ROW EXCLUSIVE MODE", 0};
	static Statement update = {
		"UPDATE account.permissions SET description = $2"
		" WHERE permission OPERATOR(pg_catalog.=) $1 AND deleted_at IS NULL",
		2, {TEXTOID, TEXTOID}
	};
	static Statement insert = {
		"INSERT INTO account.permissions (number, permission, description)"
		" SELECT GREATEST(pg_catalog.max(number) OPERATOR(pg_catalog.+) 1, 256), $1, $2 FROM account.permissions"
		" HAVING COALESCE(pg_catalog.max(number), 0) OPERATOR(pg_catalog.<) 65535",
		2, {TEXTOID, TEXTOID}
	};
	Validation	validation;
	QueryScope	scope;
	Datum		values[2];
	const char *nulls = PG_ARGISNULL(1) ? " n" : "  ";

	require_owner();
	values[0] = CStringGetTextDatum(name_argument(fcinfo));
	values[1] = PG_GETARG_DATUM(1);
	validation_start(&validation);
	changes_check_value(&validation, &description, values[1], PG_ARGISNULL(1));
	validation_finish(&validation);

	query_open(&scope);
	(void) query_write(&lock, NULL, NULL);
	if (find_defined(values))
		(void) query_write(&update, values, nulls);
	else if (query_write(&insert, values, nulls) == 0)
		error_raise(ERROR_MAX_RESOURCES_REACHED, NULL, "there are as many permissions as there can be");
	query_close(&scope);
	PG_RETURN_VOID();
}

/* delete_permission(permission) */
Datum
account_role_delete_permission(PG_FUNCTION_ARGS)
{
	static Statement delete = {
		"UPDATE account.permissions SET deleted_at = pg_catalog.now()"
		" WHERE permission OPERATOR(pg_catalog.=) $1 AND deleted_at IS NULL",
		1, {TEXTOID}
	};
	static Statement forget = {
		"UPDATE account.roles SET permissions = pg_catalog.array_remove(permissions, $1),"
		" denied = pg_catalog.array_remove(denied, $1), updated_at = pg_catalog.now()"
		" WHERE permissions OPERATOR(pg_catalog.@>) ARRAY[$1] OR denied OPERATOR(pg_catalog.@>) ARRAY[$1]",
		1, {TEXTOID}
	};
	QueryScope	scope;
	Datum		values[1];

	require_owner();
	values[0] = CStringGetTextDatum(name_argument(fcinfo));
	query_open(&scope);
	if (!find_defined(values) || query_write(&delete, values, NULL) == 0)
		error_raise(ERROR_NOT_FOUND, NULL, "permission not found");
	(void) query_write(&forget, values, NULL);
	query_close(&scope);
	PG_RETURN_VOID();
}

/* ---------------------------------------------------------------------------
 * Roles
 */

#define ROLE_COLUMNS "SELECT role_id, account_id, name::pg_catalog.text, permissions, denied FROM account.roles"

/* Takes the row just found. */
static void
take_role(const QueryScope *scope, RoleRecord *role)
{
	MemoryContext old = MemoryContextSwitchTo(scope->caller);
	bool		isnull;

	(void) query_uuid(0, 1, &role->role_id);
	role->built_in = !query_uuid(0, 2, &role->account_id);
	role->name = query_string(scope, 0, 3);
	role->permissions = permission_list(DatumGetArrayTypeP(query_datum(scope, 0, 4, &isnull)));
	role->denied = permission_list(DatumGetArrayTypeP(query_datum(scope, 0, 5, &isnull)));
	MemoryContextSwitchTo(old);
}

/* Reads a role, whoever's it is. */
static bool
read_role(const pg_uuid_t *role_id, RoleRecord *role)
{
	static Statement find = {ROLE_COLUMNS " WHERE role_id OPERATOR(pg_catalog.=) $1", 1, {UUIDOID}};
	Datum		value = UUIDPGetDatum(role_id);
	QueryScope	scope;
	bool		found;

	query_open(&scope);
	found = query_latest(&find, &value, NULL) > 0;
	if (found)
		take_role(&scope, role);
	query_close(&scope);
	return found;
}

bool
role_find_by_id(const pg_uuid_t *role_id, const pg_uuid_t *account_id, RoleRecord *role)
{
	return read_role(role_id, role) &&
		(role->built_in || memcmp(&role->account_id, account_id, UUID_LEN) == 0);
}

void
role_find(const char *name, const pg_uuid_t *account_id, RoleRecord *role)
{
	static Statement find = {
		ROLE_COLUMNS " WHERE name OPERATOR(pg_catalog.=) $1"
		" AND (account_id OPERATOR(pg_catalog.=) $2 OR account_id IS NULL)",
		2, {TEXTOID, UUIDOID}
	};
	Datum		values[2];
	Validation	validation;
	QueryScope	scope;

	validation_start(&validation);
	if (name == NULL)
		validation_add(&validation, "role", "required", "the name of a role is required", NULL);
	validation_finish(&validation);
	values[0] = CStringGetTextDatum(name);
	values[1] = UUIDPGetDatum(account_id);
	query_open(&scope);
	if (query_latest(&find, values, NULL) == 0)
		error_raise(ERROR_NOT_FOUND, NULL, "role not found");
	take_role(&scope, role);
	query_close(&scope);
}

void
role_keep(const pg_uuid_t *role_id)
{
	tree_lock_id(role_id, LOCK_CLASS_ROLE, RowExclusiveLock);
}

void
role_require_grantable(const char *permission, const pg_uuid_t *account_id, const char *name, RoleRecord *role)
{
	role_find(name, account_id, role);
	role_keep(&role->role_id);
	if (!role_find_by_id(&role->role_id, account_id, role))
		error_raise(ERROR_NOT_FOUND, NULL, "role not found");
	guard_given(permission, account_id, &role->role_id, NULL);
}

static const ChangeField role_fields[] = {
	{"name", false, false, CHANGE_BY_ITSELF, changes_is_name,
	"must have 1 to 255 characters, at least one of them not white space"},
	{"permissions", true, false, CHANGE_BY_ITSELF, NULL, NULL, true},
	{"denied", true, false, CHANGE_BY_ITSELF, NULL, NULL, true},
	{"description", false, true, CHANGE_BY_ITSELF, is_description, "must have at most 10,000 characters"},
};

/* Raises CONFLICT for the name of a built-in role. */
static void
require_no_built_in_name(Datum name)
{
	static Statement find = {
		"SELECT FROM account.roles WHERE account_id IS NULL"
		" AND pg_catalog.lower(name::pg_catalog.text COLLATE pg_catalog.\"C\")"
		" OPERATOR(pg_catalog.=) pg_catalog.lower($1 COLLATE pg_catalog.\"C\")",
		1, {TEXTOID}
	};

	if (query_latest(&find, &name, NULL) > 0)
		error_raise(ERROR_CONFLICT, "Choose another name.", "a built-in role has that name");
}

static void
check_list(Validation *validation, const char *path, ArrayType *list)
{
	if (list == NULL)
		validation_add(validation, path, "required", "must not be null", NULL);
	else
		permission_validate(validation, path, list);
}

/* create_role(name, permissions, denied, account_id) */
Datum
account_role_create_role(PG_FUNCTION_ARGS)
{
	static Statement insert = {
		"INSERT INTO account.roles (role_id, account_id, name, permissions, denied, created_by)"
		" VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
		6, {UUIDOID, UUIDOID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID, UUIDOID}
	};
	pg_uuid_t  *role_id = palloc(sizeof(pg_uuid_t));
	const pg_uuid_t *created_by = caller_profile();
	Datum		values[6] = {UUIDPGetDatum(role_id), 0, PG_GETARG_DATUM(0)};
	Validation	validation;
	Target		target;
	QueryScope	scope;

	caller_target("manage:roles", PG_ARGISNULL(3) ? NULL : PG_GETARG_UUID_P(3),
				  SCOPE_OWN | SCOPE_DESCENDANTS | SCOPE_ADMIN, &target);
	validation_start(&validation);
	changes_check_value(&validation, &role_fields[0], PG_GETARG_DATUM(0), PG_ARGISNULL(0));
	check_list(&validation, "permissions", changes_array_argument(fcinfo, 1));
	check_list(&validation, "denied", changes_array_argument(fcinfo, 2));
	validation_finish(&validation);
	hold_require_writable(&target.account_id, NULL);

	token_random_uuid(role_id);
	values[1] = UUIDPGetDatum(&target.account_id);
	values[3] = PG_GETARG_DATUM(1);
	values[4] = PG_GETARG_DATUM(2);
	values[5] = UUIDPGetDatum(created_by);
	query_open(&scope);
	require_no_built_in_name(values[2]);
	if (query_write(&insert, values, created_by != NULL ? NULL : "     n") == 0)
		error_raise(ERROR_CONFLICT, NAMES_ALIKE, NAME_TAKEN);
	query_close(&scope);
	guard_given("manage:roles", &target.account_id, role_id, NULL);
	PG_RETURN_UUID_P(role_id);
}

/*
 * The role that the first argument names, to be changed or deleted by a caller who has all of
 * it; it is locked, in a mode that bars others of the same.
 */
static void
open_role(FunctionCallInfo fcinfo, LOCKMODE mode, RoleRecord *role, Target *target)
{
	bool		found = !PG_ARGISNULL(0) && read_role(PG_GETARG_UUID_P(0), role);

	if (found && role->built_in && (identity_current() != NULL || caller_is_admin()))
		error_raise(ERROR_FORBIDDEN, "Create one of your own.", "a built-in role cannot be changed");
	caller_target_of("manage:roles", found, &role->account_id, "role", target);
	tree_lock_id(PG_GETARG_UUID_P(0), LOCK_CLASS_ROLE, mode);
	if (!read_role(PG_GETARG_UUID_P(0), role))
		error_raise(ERROR_NOT_FOUND, NULL, "role not found");
	caller_require_cover(role->permissions, role->denied);
}

/* The patterns of a list that no other of another list covers. */
static List *
beyond(List *patterns, List *others)
{
	List	   *result = NIL;
	ListCell   *cell;
	ListCell   *other;

	foreach(cell, patterns)
	{
		bool		covered = false;

		foreach(other, others)
			covered = covered || permission_covers(lfirst(other), lfirst(cell));
		if (!covered)
			result = lappend(result, lfirst(cell));
	}
	return result;
}

void
role_require_outranked(const ProfileRecord *profile)
{
	const Identity *identity = identity_current();
	const Rights *rights;
	const char *lacking;

	if (identity == NULL && caller_is_admin())
		return;
	if (identity == NULL)
		error_raise(ERROR_MISSING_API_KEY, "Call account.authenticate() first, in the same transaction.",
					"no account is authenticated");
	/* One's own profile, but not by a key of it, which may have less. */
	if (identity->has_user && identity->has_profile &&
		memcmp(&identity->profile_id, &profile->profile_id, UUID_LEN) == 0)
		return;
	rights = right_of_profile(&profile->profile_id, &profile->account_id);
	lacking = right_uncovered(identity->rights, right_strings(rights, rights->permissions, rights->npermissions),
							  right_strings(rights, rights->denied, rights->ndenied));
	if (lacking != NULL)
		error_raise(ERROR_FORBIDDEN, "Somebody who has all that it has may.",
					"permission denied: the profile has %s, which the caller lacks", lacking);
}

/* Raises FORBIDDEN unless the caller outranks everybody who has a role. */
static void
require_holders_outranked(const pg_uuid_t *role_id)
{
	static Statement find = {
		"SELECT DISTINCT g.profile_id FROM account.grants g WHERE g.role_id OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(role_id);
	QueryScope	scope;
	pg_uuid_t  *holders;
	uint64		count;

	query_open(&scope);
	count = query_latest(&find, &value, NULL);
	holders = MemoryContextAlloc(scope.caller, sizeof(pg_uuid_t) * Max(count, 1));
	for (uint64 row = 0; row < count; row++)
		(void) query_uuid(row, 1, &holders[row]);
	query_close(&scope);
	for (uint64 i = 0; i < count; i++)
	{
		ProfileRecord profile;

		if (profile_find(&holders[i], &profile))
			role_require_outranked(&profile);
	}
}

/*
 * A denial takes from those who have the role what they have otherwise: it is put in by
 * who outranks them all, and taken out by who has what they have then.
 */
static void
require_denials(const RoleRecord *role, ArrayType *denied)
{
	List	   *after = permission_list(denied);

	caller_require_cover(beyond(role->denied, after), NIL);
	if (beyond(after, role->denied) != NIL)
		require_holders_outranked(&role->role_id);
}

/*
 * Raises FORBIDDEN unless the caller could give all who have a role what a change adds to it: as
 * long as they have it, and in the accounts below where they have it there.
 */
static void
require_spread(const RoleRecord *role, const Target *target)
{
	static Statement find = {
		"SELECT pg_catalog.bool_or(g.descendants), pg_catalog.max(COALESCE(g.expires_at, 'infinity'))"
		" FROM account.grants g WHERE g.role_id OPERATOR(pg_catalog.=) $1"
		" AND (g.expires_at IS NULL OR g.expires_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp())",
		1, {UUIDOID}
	};
	const Identity *identity = identity_current();
	Datum		value = UUIDPGetDatum(&role->role_id);
	TimestampTz latest = DT_NOBEGIN;
	QueryScope	scope;
	bool		below;
	bool		isnull;
	Datum		end;

	if (target->as_admin)
		return;
	query_open(&scope);
	(void) query_latest(&find, &value, NULL);
	below = query_bool(0, 1);
	end = query_datum(&scope, 0, 2, &isnull);
	query_close(&scope);
	if (!isnull)
		latest = DatumGetTimestampTz(end);
	if (latest > identity->issues_until)
		error_raise(ERROR_FORBIDDEN, "Others have the role for longer: make another one.",
					"a role cannot outlive the one who extends it");
	if (below && target->own && right_uncovered(identity->rights, list_make1("*:*"), NIL) != NULL)
		error_raise(ERROR_FORBIDDEN, "An owner may: somebody has the role for them too.",
					"permission denied: the caller lacks the role in the accounts below");
}

/* update_role(role_id, changes) */
Datum
account_role_update_role(PG_FUNCTION_ARGS)
{
	static Statement update = {
		"UPDATE account.roles r SET"
		" name = CASE WHEN $2 OPERATOR(pg_catalog.?) 'name'"
		" THEN $2 OPERATOR(pg_catalog.->>) 'name' ELSE r.name END,"
		" description = CASE WHEN $2 OPERATOR(pg_catalog.?) 'description'"
		" THEN $2 OPERATOR(pg_catalog.->>) 'description' ELSE r.description END,"
		" permissions = COALESCE($3, r.permissions), denied = COALESCE($4, r.denied),"
		" updated_at = pg_catalog.now()"
		" WHERE role_id OPERATOR(pg_catalog.=) $1 RETURNING r.name::pg_catalog.text",
		4, {UUIDOID, JSONBOID, TEXTARRAYOID, TEXTARRAYOID}
	};
	RoleRecord	role;
	Target		target;
	Validation	validation;
	ArrayType  *permissions;
	ArrayType  *denied;
	QueryScope	scope;
	Datum		values[4] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)};
	char		nulls[4] = {' ', ' ', ' ', ' '};
	bool		isnull;

	open_role(fcinfo, ShareUpdateExclusiveLock, &role, &target);
	validation_start(&validation);
	changes_check(&validation, PG_GETARG_DATUM(1), PG_ARGISNULL(1), role_fields, lengthof(role_fields),
				  target.as_admin ? CHANGE_BY_ADMIN : CHANGE_BY_ITSELF);
	permissions = PG_ARGISNULL(1) ? NULL : changes_list(PG_GETARG_DATUM(1), "permissions");
	denied = PG_ARGISNULL(1) ? NULL : changes_list(PG_GETARG_DATUM(1), "denied");
	if (permissions != NULL)
		permission_validate(&validation, "permissions", permissions);
	if (denied != NULL)
		permission_validate(&validation, "denied", denied);
	validation_finish(&validation);
	hold_require_writable(&target.account_id, NULL);
	if (denied != NULL)
		require_denials(&role, denied);
	if ((permissions != NULL && beyond(permission_list(permissions), role.permissions) != NIL) ||
		(denied != NULL && beyond(role.denied, permission_list(denied)) != NIL))
		require_spread(&role, &target);

	values[2] = PointerGetDatum(permissions);
	nulls[2] = permissions != NULL ? ' ' : 'n';
	values[3] = PointerGetDatum(denied);
	nulls[3] = denied != NULL ? ' ' : 'n';
	query_open(&scope);
	(void) query_write_unique(&update, values, nulls, NAME_TAKEN, NAMES_ALIKE);
	require_no_built_in_name(query_datum(&scope, 0, 1, &isnull));
	query_close(&scope);
	guard_given("manage:roles", &target.account_id, &role.role_id, NULL);
	guard_taken();
	PG_RETURN_VOID();
}

/* delete_role(role_id) */
Datum
account_role_delete_role(PG_FUNCTION_ARGS)
{
	static Statement count = {
		"SELECT pg_catalog.count(DISTINCT g.profile_id) FROM account.grants g"
		" WHERE g.role_id OPERATOR(pg_catalog.=) $1"
		" AND (g.expires_at IS NULL OR g.expires_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp())",
		1, {UUIDOID}
	};
	static Statement delete_ended = {
		"DELETE FROM account.grants g WHERE g.role_id OPERATOR(pg_catalog.=) $1", 1, {UUIDOID}
	};
	static Statement delete = {
		"DELETE FROM account.roles r WHERE r.role_id OPERATOR(pg_catalog.=) $1", 1, {UUIDOID}
	};
	RoleRecord	role;
	Target		target;
	Datum		value = PG_GETARG_DATUM(0);
	QueryScope	scope;
	int64		holders;

	open_role(fcinfo, ExclusiveLock, &role, &target);
	query_open(&scope);
	(void) query_latest(&count, &value, NULL);
	holders = query_int64(0, 1);
	if (holders > 0)
		error_raise(ERROR_CONFLICT, "Unassign it first: unassign_role() says how, role_assignments who.",
					"the role is assigned to " INT64_FORMAT " %s", holders, holders == 1 ? "profile" : "profiles");
	(void) query_write(&delete_ended, &value, NULL);
	(void) query_write(&delete, &value, NULL);
	query_close(&scope);
	PG_RETURN_VOID();
}
