/*
 * caller.c
 *	  What is asked of an identity: what it permits, on whom it may act, and the
 *	  functions that defaults and users call.
 *
 * An administrator is a role of level admin in a transaction that has neither had
 * nor tried an identity: losing one never adds rights.  A parallel worker does not
 * know what its leader has had, so in it there is none.
 */
#include "account.h"

#include "access/parallel.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(account_caller_current_account_id);
PG_FUNCTION_INFO_V1(account_caller_current_profile_id);
PG_FUNCTION_INFO_V1(account_caller_current_user_id);
PG_FUNCTION_INFO_V1(account_caller_current_api_key_id);
PG_FUNCTION_INFO_V1(account_caller_current_session_id);
PG_FUNCTION_INFO_V1(account_caller_current_identity);
PG_FUNCTION_INFO_V1(account_caller_is_writable);
PG_FUNCTION_INFO_V1(account_caller_readable_account_ids);
PG_FUNCTION_INFO_V1(account_caller_readable_accounts);
PG_FUNCTION_INFO_V1(account_caller_readable_path);
PG_FUNCTION_INFO_V1(account_caller_has_permission);
PG_FUNCTION_INFO_V1(account_caller_require_permission);
PG_FUNCTION_INFO_V1(account_caller_can_access_workspace);

bool
caller_is_admin(void)
{
	return !IsParallelWorker() && !identity_attempted() && access_has_admin(GetUserId());
}

void
caller_require_admin(const char *action)
{
	if (!caller_is_admin())
		error_raise(ERROR_FORBIDDEN,
					"It takes a role of level admin, in a transaction that has not authenticated.",
					"only administrators may %s", action);
}

bool
caller_permits(const Identity *identity, const char *permission)
{
	return identity_has(identity, permission, NULL, NULL);
}

const pg_uuid_t *
caller_profile(void)
{
	const Identity *identity = identity_current();

	return identity != NULL && identity->has_profile ? &identity->profile_id : NULL;
}

void
caller_require_cover(List *permissions, List *denied)
{
	const Identity *identity = identity_current();
	const char *lacking;
	ListCell   *cell;

	if (identity == NULL && caller_is_admin())
		return;
	if (identity == NULL)
		error_raise(ERROR_MISSING_API_KEY, "Call account.authenticate() first, in the same transaction.",
					"no account is authenticated");
	lacking = right_uncovered_anywhere(identity->rights, permissions, denied);
	/* Of a pattern, what it covers that is barred to a key in its overlap. */
	foreach(cell, permissions)
	{
		if (lacking == NULL && identity->ending &&
			(permission_common(lfirst(cell), "create:*") != NULL ||
			 permission_common(lfirst(cell), "manage:*") != NULL))
			lacking = lfirst(cell);
	}
	if (lacking != NULL)
		error_raise(ERROR_FORBIDDEN, "Nobody grants what they lack.",
					"permission denied: the caller lacks %s", lacking);
}

static void
target_of_identity(const Identity *identity, const char *permission, const pg_uuid_t *account_id,
				   int scope, Target *target)
{
	if (!identity->has_account || (permission != NULL && !caller_permits(identity, permission)))
		error_raise(ERROR_FORBIDDEN, NULL, "permission denied: it takes %s",
					permission != NULL ? permission : "an account");
	target->account_id = account_id != NULL ? *account_id : identity->account_id;
	target->as_admin = false;
	target->own = memcmp(&target->account_id, &identity->account_id, UUID_LEN) == 0;
	target->path = tree_path(&target->account_id);
	if (target->own && target->path != NULL)
	{
		if ((scope & SCOPE_OWN) == 0)
			error_raise(ERROR_FORBIDDEN, "An account above it may.", "an account may not do this to itself");
		return;
	}
	if (target->path == NULL || (scope & SCOPE_DESCENDANTS) == 0 ||
		!tree_within(target->path, &identity->account_id))
		error_raise(ERROR_NOT_FOUND, NULL, "account not found");
}

void
caller_target(const char *permission, const pg_uuid_t *account_id, int scope, Target *target)
{
	const Identity *identity = identity_current();

	if (identity != NULL)
	{
		target_of_identity(identity, permission, account_id, scope, target);
		return;
	}
	if (!caller_is_admin())
		error_raise(ERROR_MISSING_API_KEY, "Call account.authenticate() first, in the same transaction.",
					"no account is authenticated");
	if ((scope & SCOPE_ADMIN) == 0)
		error_raise(ERROR_FORBIDDEN, NULL, "only an account may do this");
	if (account_id == NULL)
		error_raise(ERROR_BAD_REQUEST, NULL, "an administrator has to name the account");
	target->account_id = *account_id;
	target->as_admin = true;
	target->own = false;
	target->path = tree_path(account_id);
	if (target->path == NULL)
		error_raise(ERROR_NOT_FOUND, NULL, "account not found");
}

void
caller_target_of(const char *permission, bool found, const pg_uuid_t *account_id, const char *what,
				   Target *target)
{
	static const pg_uuid_t nil = {{0}};
	const Identity *identity = identity_current();
	TreePath   *path;

	if (found && identity != NULL && identity->has_account)
	{
		path = tree_path(account_id);
		found = path != NULL && tree_within(path, &identity->account_id);
	}
	if (!found && (identity != NULL ? caller_permits(identity, permission) : caller_is_admin()))
		error_raise(ERROR_NOT_FOUND, NULL, "%s not found", what);
	caller_target(permission, found ? account_id : &nil, SCOPE_OWN | SCOPE_DESCENDANTS | SCOPE_ADMIN, target);
}

const pg_uuid_t *
caller_require_admin_of(FunctionCallInfo fcinfo, const char *action)
{
	caller_require_admin(action);
	if (PG_ARGISNULL(0))
		error_raise(ERROR_BAD_REQUEST, NULL, "an account is required");
	if (tree_path(PG_GETARG_UUID_P(0)) == NULL)
		error_raise(ERROR_NOT_FOUND, NULL, "account not found");
	return PG_GETARG_UUID_P(0);
}

bool
caller_outranks(const pg_uuid_t *set_by, bool as_admin)
{
	const Identity *identity;
	TreePath   *path;

	if (as_admin)
		return true;
	identity = identity_current();
	if (identity == NULL || !identity->has_account || set_by == NULL)
		return false;
	path = tree_path(set_by);
	return path != NULL && tree_within(path, &identity->account_id);
}

/* A copy: scan keys keep the pointer while the context may change. */
static Datum
uuid_datum(const pg_uuid_t *uuid)
{
	pg_uuid_t  *copy = palloc(sizeof(pg_uuid_t));

	*copy = *uuid;
	return UUIDPGetDatum(copy);
}

/* current_identity() */
Datum
account_caller_current_identity(PG_FUNCTION_ARGS)
{
	const Identity *identity = identity_current();

	if (identity == NULL)
		PG_RETURN_NULL();
	return identity_datum(fcinfo, identity);
}

/* current_account_id() */
Datum
account_caller_current_account_id(PG_FUNCTION_ARGS)
{
	const Identity *identity = identity_current();

	if (identity == NULL || !identity->has_account)
		PG_RETURN_NULL();
	return uuid_datum(&identity->account_id);
}

/* current_profile_id() */
Datum
account_caller_current_profile_id(PG_FUNCTION_ARGS)
{
	const Identity *identity = identity_current();

	if (identity == NULL || !identity->has_profile)
		PG_RETURN_NULL();
	return uuid_datum(&identity->profile_id);
}

/* current_user_id() */
Datum
account_caller_current_user_id(PG_FUNCTION_ARGS)
{
	const Identity *identity = identity_current();

	if (identity == NULL || !identity->has_user)
		PG_RETURN_NULL();
	return uuid_datum(&identity->user_id);
}

/* current_api_key_id() */
Datum
account_caller_current_api_key_id(PG_FUNCTION_ARGS)
{
	const Identity *identity = identity_current();

	if (identity == NULL || !identity->has_key)
		PG_RETURN_NULL();
	return uuid_datum(&identity->api_key_id);
}

/* current_session_id() */
Datum
account_caller_current_session_id(PG_FUNCTION_ARGS)
{
	const Identity *identity = identity_current();

	if (identity == NULL || !identity->has_session)
		PG_RETURN_NULL();
	return uuid_datum(&identity->session_id);
}

/* is_writable() */
Datum
account_caller_is_writable(PG_FUNCTION_ARGS)
{
	const Identity *identity = identity_current();

	PG_RETURN_BOOL(identity != NULL && identity->has_account && identity->writable);
}

/* What has_permission() has answered last: a query asks the same for each row. */
typedef struct PermissionAnswer
{
	uint64		epoch;			/* of the context; 0 for none */
	LocalTransactionId lxid;
	uint64		permissions;	/* epoch of the dictionary */
	bool		answer;
	int			length;
	char		permission[PERMISSION_MAX_BYTES];
} PermissionAnswer;

/* has_permission() of a short text, for the account alone: from the last answer, or found and kept. */
static bool
permits_in_account(const char *permission, int length)
{
	static PermissionAnswer last;
	const Identity *identity;
	char		asked[PERMISSION_MAX_BYTES + 1];

	if (last.epoch == context_epoch && last.lxid == proc_lxid(MyProc) &&
		last.permissions == permission_epoch() && last.length == length &&
		memcmp(last.permission, permission, length) == 0)
		return last.answer;
	identity = identity_current();
	last.epoch = 0;
	memcpy(asked, permission, length);
	asked[length] = '\0';
	last.answer = identity != NULL && identity_has(identity, asked, NULL, NULL);
	last.lxid = proc_lxid(MyProc);
	last.permissions = permission_epoch();
	last.length = length;
	memcpy(last.permission, permission, length);
	last.epoch = context_epoch;
	return last.answer;
}

/* The service that a call asks about, NULL for none. */
static char *
service_argument(FunctionCallInfo fcinfo, int argument)
{
	return PG_ARGISNULL(argument) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(argument));
}

/* has_permission() and require_permission(): permission, workspace_id, service. */
static bool
permits(FunctionCallInfo fcinfo)
{
	const Identity *identity;
	text	   *permission;

	if (PG_ARGISNULL(0))
		return false;
	permission = PG_GETARG_TEXT_PP(0);
	if (VARSIZE_ANY_EXHDR(permission) > PERMISSION_MAX_BYTES)
		return false;
	if (PG_ARGISNULL(1) && PG_ARGISNULL(2))
		return permits_in_account(VARDATA_ANY(permission), VARSIZE_ANY_EXHDR(permission));
	identity = identity_current();
	return identity != NULL &&
		identity_has(identity, text_to_cstring(permission), PG_ARGISNULL(1) ? NULL : PG_GETARG_UUID_P(1),
					 service_argument(fcinfo, 2));
}

/* has_permission(permission, workspace_id, service) */
Datum
account_caller_has_permission(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(permits(fcinfo));
}

/* require_permission(permission, workspace_id, service) */
Datum
account_caller_require_permission(PG_FUNCTION_ARGS)
{
	if (permits(fcinfo))
		PG_RETURN_VOID();
	if (identity_current() == NULL)
		error_raise(ERROR_MISSING_API_KEY, "Call account.authenticate() first, in the same transaction.",
					"no account is authenticated");
	error_raise(ERROR_FORBIDDEN, NULL, "permission denied");
}

/* can_access_workspace(workspace_id) */
Datum
account_caller_can_access_workspace(PG_FUNCTION_ARGS)
{
	const Identity *identity = identity_current();

	PG_RETURN_BOOL(identity != NULL && !PG_ARGISNULL(0) &&
				   right_reaches(identity->rights, PG_GETARG_UUID_P(0)));
}

/* Whether the caller's identity may read a kind of resource. */
static bool
may_read(const Identity *identity, const char *resource)
{
	return identity->has_account &&
		(caller_permits(identity, psprintf("read:%s", resource)) ||
		 caller_permits(identity, psprintf("manage:%s", resource)));
}

/* The accounts that a caller reads things of: all, or those of which the path begins with $1. */
#define ALL_ACCOUNTS " FROM account.accounts WHERE deleted_at IS NULL"
#define ACCOUNTS_WITHIN \
	" FROM account.accounts" \
	" WHERE path OPERATOR(pg_catalog.>=) $1 AND path OPERATOR(pg_catalog.<)" \
	" pg_catalog.array_append($1, " TREE_GREATEST_ID ")"

bool
caller_reads(const char *resource, TreePath **path)
{
	const Identity *identity = identity_current();

	*path = NULL;
	if (identity == NULL)
		return caller_is_admin();
	if (!identity->has_account || (resource[0] != '\0' && !may_read(identity, resource)))
		return false;
	*path = tree_path(&identity->account_id);
	return *path != NULL;
}

/*
 * Whether there are accounts whose resources of the kind that is asked for the caller may read.
 * path is that of the own one, or NULL where it is all, by an administrator.
 */
static bool
find_readable(FunctionCallInfo fcinfo, TreePath **path)
{
	*path = NULL;
	return !PG_ARGISNULL(0) && caller_reads(text_to_cstring(PG_GETARG_TEXT_PP(0)), path);
}

Datum
caller_return_accounts(FunctionCallInfo fcinfo, const char *resource)
{
	static Statement all = {"SELECT account_id" ALL_ACCOUNTS, 0};
	static Statement within = {"SELECT account_id" ACCOUNTS_WITHIN, 1, {UUIDARRAYOID}};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	QueryScope	scope;
	Datum		path_datum;
	TreePath   *path;
	uint64		rows;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (resource == NULL || !caller_reads(resource, &path))
		return (Datum) 0;
	if (path != NULL)
		path_datum = tree_path_datum(path);
	query_open(&scope);
	rows = path != NULL ? query_read(&within, &path_datum, NULL) : query_read(&all, NULL, NULL);
	for (uint64 row = 0; row < rows; row++)
	{
		pg_uuid_t	account_id;
		bool		isnull = !query_uuid(row, 1, &account_id);
		Datum		value = UUIDPGetDatum(&account_id);

		tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
	}
	query_close(&scope);
	return (Datum) 0;
}

/* readable_account_ids(resource) */
Datum
account_caller_readable_account_ids(PG_FUNCTION_ARGS)
{
	return caller_return_accounts(fcinfo, PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0)));
}

/* readable_accounts(resource) */
Datum
account_caller_readable_accounts(PG_FUNCTION_ARGS)
{
	static Statement all = {"SELECT pg_catalog.array_agg(account_id)" ALL_ACCOUNTS, 0};
	static Statement within = {"SELECT pg_catalog.array_agg(account_id)" ACCOUNTS_WITHIN, 1, {UUIDARRAYOID}};
	QueryScope	scope;
	Datum		path_datum;
	TreePath   *path;
	Datum		result;

	if (!find_readable(fcinfo, &path))
		PG_RETURN_DATUM(PointerGetDatum(construct_empty_array(UUIDOID)));
	if (path != NULL)
		path_datum = tree_path_datum(path);
	query_open(&scope);
	(void) (path != NULL ? query_read(&within, &path_datum, NULL) : query_read(&all, NULL, NULL));
	result = query_datum(&scope, 0, 1, &fcinfo->isnull);
	query_close(&scope);
	return result;
}

/* readable_path(resource) */
Datum
account_caller_readable_path(PG_FUNCTION_ARGS)
{
	TreePath   *path;

	if (!find_readable(fcinfo, &path))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(path != NULL ? tree_path_datum(path) : PointerGetDatum(construct_empty_array(UUIDOID)));
}
