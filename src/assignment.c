/*
 * assignment.c
 *	  Which profile has which role, in which scope.
 *
 * An assignment is a row of account.grants, inserted and deleted and never updated.  One that is made
 * again takes the place of the first.  It is made under the exclusive lock of its profile, so that
 * the profile is not deleted meanwhile, and taken away without a lock: a DELETE waits for
 * nobody but who changes that very assignment.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define SERVICE_MAX 63			/* bytes */
#define EXPIRY_MAX "100 years"

PG_FUNCTION_INFO_V1(account_assignment_assign_role);
PG_FUNCTION_INFO_V1(account_assignment_unassign_role);

/* What assign_role() and unassign_role() name in common. */
typedef struct Assignment
{
	ProfileRecord profile;
	Target		target;
	char	   *role_name;
	const pg_uuid_t *workspace_id;	/* NULL for the whole account */
	char	   *service;		/* NULL for all */
} Assignment;

static bool
is_service(const char *service)
{
	size_t		length = strspn(service, "abcdefghijklmnopqrstuvwxyz0123456789_-");

	return length >= 1 && length <= SERVICE_MAX && service[length] == '\0';
}

static void
find_assignment(FunctionCallInfo fcinfo, Assignment *assignment)
{
	bool		found = !PG_ARGISNULL(0) && profile_find(PG_GETARG_UUID_P(0), &assignment->profile);
	Validation	validation;

	caller_target_of("manage:roles", found, &assignment->profile.account_id, "profile", &assignment->target);
	if (assignment->profile.system)
		error_raise(ERROR_FORBIDDEN, NULL, "the system service account cannot be changed");
	assignment->role_name = changes_text_argument(fcinfo, 1, "role");
	assignment->workspace_id = PG_ARGISNULL(2) ? NULL : PG_GETARG_UUID_P(2);
	assignment->service = changes_text_argument(fcinfo, 3, "service");
	validation_start(&validation);
	if (assignment->service != NULL && !is_service(assignment->service))
		validation_add(&validation, "service", "pattern",
					   "a service has 1 to 63 lower-case letters, digits, _ and -", NULL);
	validation_finish(&validation);
}

/* How long an assignment lasts: never longer than who gives it. */
static TimestampTz
settle_end(const Interval *expires_in)
{
	const Identity *identity = identity_current();
	TimestampTz latest = identity != NULL ? identity->issues_until : DT_NOEND;
	TimestampTz ends_at = expires_in == NULL ? latest : changes_plus_interval(GetCurrentTimestamp(), expires_in);

	if (ends_at > latest)
		error_raise(ERROR_FORBIDDEN, NULL, "an assignment cannot outlive the one who gives it");
	return ends_at;
}

/*
 * Raises FORBIDDEN unless the caller may give a role for the accounts below too: it has everything
 * in the account, has that role for them itself, or is above.
 */
static void
require_reach_below(const Target *target, const RoleRecord *role)
{
	static Statement find = {
		"SELECT FROM account.grants g WHERE g.profile_id OPERATOR(pg_catalog.=) $1"
		" AND g.role_id OPERATOR(pg_catalog.=) $2 AND g.descendants AND g.service IS NULL"
		" AND (g.expires_at IS NULL OR g.expires_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp())",
		2, {UUIDOID, UUIDOID}
	};
	const Identity *identity = identity_current();
	Datum		values[2] = {0, UUIDPGetDatum(&role->role_id)};
	QueryScope	scope;
	bool		has = false;

	if (target->as_admin || !target->own || right_uncovered(identity->rights, list_make1("*:*"), NIL) == NULL)
		return;
	if (identity->has_profile && identity->has_user)
	{
		values[0] = UUIDPGetDatum(&identity->profile_id);
		query_open(&scope);
		has = query_latest(&find, values, NULL) > 0;
		query_close(&scope);
	}
	if (!has)
		error_raise(ERROR_FORBIDDEN, "An owner may, or who has the role for them too.",
					"permission denied: the caller lacks the role in the accounts below");
}

/* The row of an assignment, whatever it reaches.  IS DISTINCT FROM would take an operator of the caller's search_path. */
#define OF_ASSIGNMENT \
	"g.profile_id OPERATOR(pg_catalog.=) $1 AND g.role_id OPERATOR(pg_catalog.=) $2" \
	" AND (g.workspace_id OPERATOR(pg_catalog.=) $3 OR (g.workspace_id IS NULL AND $3 IS NULL))" \
	" AND (g.service OPERATOR(pg_catalog.=) $4 OR (g.service IS NULL AND $4 IS NULL))"

/* What takes it away; if so told, only one unlike another. */
#define DELETE_ASSIGNMENT "DELETE FROM account.grants g WHERE " OF_ASSIGNMENT

/* Puts a grant in the place of one of the same role and scope. Returns whether there was one, and it was another. */
static bool
replace_grant(const NewGrant *grant)
{
	static Statement delete = {
		DELETE_ASSIGNMENT " AND (g.descendants OPERATOR(pg_catalog.<>) $5 OR g.expires_at OPERATOR(pg_catalog.<>) $6"
		" OR (g.expires_at IS NULL) OPERATOR(pg_catalog.<>) ($6 IS NULL))",
		6, {UUIDOID, UUIDOID, UUIDOID, TEXTOID, BOOLOID, TIMESTAMPTZOID}
	};
	Datum		values[6] = {
		UUIDPGetDatum(grant->profile_id), UUIDPGetDatum(grant->role_id), UUIDPGetDatum(grant->workspace_id),
		0, BoolGetDatum(grant->descendants), TimestampTzGetDatum(grant->expires_at)
	};
	char		nulls[6] = {
		' ', ' ', grant->workspace_id != NULL ? ' ' : 'n', grant->service != NULL ? ' ' : 'n',
		' ', grant->expires_at == DT_NOEND ? 'n' : ' '
	};
	QueryScope	scope;
	bool		replaced;

	if (grant->service != NULL)
		values[3] = CStringGetTextDatum(grant->service);
	query_open(&scope);
	replaced = query_write(&delete, values, nulls) > 0;
	(void) profile_insert_grant(grant);
	query_close(&scope);
	return replaced;
}

static void
check_assignment(FunctionCallInfo fcinfo, const Assignment *assignment, const Interval *expires_in)
{
	bool		descendants = !PG_ARGISNULL(4) && PG_GETARG_BOOL(4);
	Validation	validation;

	validation_start(&validation);
	if (assignment->role_name == NULL)
		validation_add(&validation, "role", "required", "the name of a role is required", NULL);
	if (PG_ARGISNULL(4))
		validation_add(&validation, "descendants", "required", "must not be null", NULL);
	if (descendants && !assignment->profile.has_user)
		validation_add(&validation, "descendants", "forbidden",
					   "a service account has no role in other accounts: its keys never leave its own", NULL);
	if (descendants && assignment->workspace_id != NULL)
		validation_add(&validation, "descendants", "forbidden", "a workspace is of one account", NULL);
	if (expires_in != NULL && !changes_interval_between(expires_in, "0", false, EXPIRY_MAX))
		validation_add(&validation, "expires_in", "range", "expires_in must be more than 0 and at most 100 years",
					   "Leave it out for an assignment without an end.");
	validation_finish(&validation);
}

/* assign_role(profile_id, role, workspace_id, service, descendants, expires_in) */
Datum
account_assignment_assign_role(PG_FUNCTION_ARGS)
{
	Interval   *expires_in = changes_interval_argument(fcinfo, 5);
	Assignment	assignment;
	RoleRecord	role;
	NewGrant	grant = {.profile_id = &assignment.profile.profile_id,.role_id = &role.role_id};

	find_assignment(fcinfo, &assignment);
	check_assignment(fcinfo, &assignment, expires_in);
	grant.workspace_id = assignment.workspace_id;
	grant.service = assignment.service;
	grant.descendants = PG_GETARG_BOOL(4);
	grant.expires_at = settle_end(expires_in);

	tree_lock_id(PG_GETARG_UUID_P(0), LOCK_CLASS_PROFILE, ExclusiveLock);
	if (!profile_find(PG_GETARG_UUID_P(0), &assignment.profile))
		error_raise(ERROR_NOT_FOUND, NULL, "profile not found");
	hold_require_writable(&assignment.profile.account_id, NULL);
	if (grant.workspace_id != NULL)
		workspace_require_grantable("manage:roles", &assignment.target, grant.workspace_id);
	role_require_grantable("manage:roles", &assignment.profile.account_id, assignment.role_name, &role);
	if (grant.descendants)
		require_reach_below(&assignment.target, &role);
	/* Who has more may be given a role, but not have something denied. */
	if (role.denied != NIL)
		role_require_outranked(&assignment.profile);
	if (memcmp(&role.role_id, &right_owner_role, UUID_LEN) == 0 && grant.expires_at != DT_NOEND &&
		grant.workspace_id == NULL && grant.service == NULL)
		owner_keep(&assignment.profile);
	if (replace_grant(&grant))
		caller_require_cover(role.denied, NIL);
	guard_taken();
	PG_RETURN_VOID();
}

/* Deletes what unassign_role() names; whether there was something. */
static bool
delete_assignment(const Assignment *assignment, const pg_uuid_t *role_id)
{
	static Statement delete = {DELETE_ASSIGNMENT, 4, {UUIDOID, UUIDOID, UUIDOID, TEXTOID}};
	static Statement find = {
		"SELECT FROM account.grants g WHERE " OF_ASSIGNMENT,
		4, {UUIDOID, UUIDOID, UUIDOID, TEXTOID}
	};
	Datum		values[4] = {
		UUIDPGetDatum(&assignment->profile.profile_id), UUIDPGetDatum(role_id), UUIDPGetDatum(assignment->workspace_id)
	};
	char		nulls[4] = {
		' ', ' ', assignment->workspace_id != NULL ? ' ' : 'n', assignment->service != NULL ? ' ' : 'n'
	};
	QueryScope	scope;
	bool		deleted;

	if (assignment->service != NULL)
		values[3] = CStringGetTextDatum(assignment->service);
	query_open(&scope);
	/* Another may just have put one in the place of the one that was found. */
	do
		deleted = query_write(&delete, values, nulls) > 0;
	while (!deleted && query_latest(&find, values, nulls) > 0);
	query_close(&scope);
	return deleted;
}

/* unassign_role(profile_id, role, workspace_id, service) */
Datum
account_assignment_unassign_role(PG_FUNCTION_ARGS)
{
	const Identity *identity = identity_current();
	Assignment	assignment;
	RoleRecord	role;

	find_assignment(fcinfo, &assignment);
	role_find(assignment.role_name, &assignment.profile.account_id, &role);
	/* One's own roles may be given up; what a role denies is had again by who could give it. */
	if (identity == NULL || !identity->has_profile || !identity->has_user ||
		memcmp(&identity->profile_id, &assignment.profile.profile_id, UUID_LEN) != 0)
		caller_require_cover(role.permissions, role.denied);
	caller_require_cover(role.denied, NIL);
	if (memcmp(&role.role_id, &right_owner_role, UUID_LEN) == 0 &&
		assignment.workspace_id == NULL && assignment.service == NULL)
		owner_keep(&assignment.profile);
	if (!delete_assignment(&assignment, &role.role_id))
		error_raise(ERROR_NOT_FOUND, "role_assignments says which roles it has, and where.",
					"the profile does not have the role there");
	guard_taken();
	PG_RETURN_VOID();
}
