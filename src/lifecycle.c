/*
 * lifecycle.c
 *	  Making accounts, and holding them.
 *
 * A new account takes its place under the shared lock of its parent's tree, so
 * that its path and who is billed for it cannot change before it is there.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#define REASON_MAX 1000			/* characters */

/* Arguments of create_account(), in the contract's order. */
enum
{
	ARG_NAME,
	ARG_PARENT_ACCOUNT_ID,
	ARG_BRANDING,
	ARG_DESCRIPTION,
	ARG_DOMAIN,
	ARG_BILLING_EMAIL,
	ARG_EXTERNAL_ID,
	ARG_LABELS,
	ARG_ACCOUNT_ID
};

PG_FUNCTION_INFO_V1(account_lifecycle_create_account);
PG_FUNCTION_INFO_V1(account_lifecycle_archive_account);
PG_FUNCTION_INFO_V1(account_lifecycle_unarchive_account);
PG_FUNCTION_INFO_V1(account_lifecycle_suspend_account);
PG_FUNCTION_INFO_V1(account_lifecycle_resume_account);

/* ---------------------------------------------------------------------------
 * Making an account
 */

/* Decides below which account the caller makes one; false for a root, which administrators alone make. */
static bool
find_parent(FunctionCallInfo fcinfo, Target *parent)
{
	pg_uuid_t  *parent_id = PG_ARGISNULL(ARG_PARENT_ACCOUNT_ID) ? NULL : PG_GETARG_UUID_P(ARG_PARENT_ACCOUNT_ID);

	if (parent_id == NULL && caller_is_admin())
		return false;
	caller_target("create:accounts", parent_id, SCOPE_OWN | SCOPE_DESCENDANTS | SCOPE_ADMIN, parent);
	guard_issued("create:accounts", &parent->account_id, NIL);
	if (!parent->as_admin && !PG_ARGISNULL(ARG_ACCOUNT_ID))
		error_raise(ERROR_FORBIDDEN, NULL, "only administrators may choose the id of an account");
	return true;
}

static void
check_account_id(Validation *validation, const pg_uuid_t *account_id)
{
	pg_uuid_t	nil;
	pg_uuid_t	max;

	memset(&nil, 0, UUID_LEN);
	memset(&max, 0xff, UUID_LEN);
	/* No identity is the nil account, and the max one would lie beyond the range of its parent's subtree. */
	if (memcmp(account_id, &nil, UUID_LEN) == 0 || memcmp(account_id, &max, UUID_LEN) == 0)
		validation_add(validation, "account_id", "format", "must be neither the nil nor the max UUID", NULL);
}

static void
check_arguments(FunctionCallInfo fcinfo)
{
	static const struct
	{
		int			argument;
		DirectoryField field;
	}			given[] = {
		{ARG_NAME, DIRECTORY_NAME},
		{ARG_BRANDING, DIRECTORY_BRANDING},
		{ARG_DESCRIPTION, DIRECTORY_DESCRIPTION},
		{ARG_DOMAIN, DIRECTORY_DOMAIN},
		{ARG_BILLING_EMAIL, DIRECTORY_BILLING_EMAIL},
		{ARG_EXTERNAL_ID, DIRECTORY_EXTERNAL_ID},
		{ARG_LABELS, DIRECTORY_LABELS},
	};
	Validation	validation;

	validation_start(&validation);
	for (int i = 0; i < lengthof(given); i++)
		changes_check_value(&validation, &directory_fields[given[i].field],
							PG_GETARG_DATUM(given[i].argument), PG_ARGISNULL(given[i].argument));
	if (!PG_ARGISNULL(ARG_ACCOUNT_ID))
		check_account_id(&validation, PG_GETARG_UUID_P(ARG_ACCOUNT_ID));
	validation_finish(&validation);
}

/* Raises CONFLICT if a sibling has the external id already, and says which. Between query_open() and query_close(). */
static void
check_external_id(const pg_uuid_t *parent_id, Datum external_id)
{
	static Statement find = {
		"SELECT a.account_id FROM account.accounts a"
		" WHERE COALESCE(a.parent_account_id, '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid)"
		" OPERATOR(pg_catalog.=) COALESCE($1, '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid)"
		" AND a.external_id OPERATOR(pg_catalog.=) $2",
		2, {UUIDOID, TEXTOID}
	};
	Datum		values[2] = {UUIDPGetDatum(parent_id), external_id};
	pg_uuid_t	found;

	if (query_latest(&find, values, parent_id == NULL ? "n " : NULL) > 0 && query_uuid(0, 1, &found))
		error_raise(ERROR_CONFLICT, NULL, "account %s has this external_id already", tree_uuid_text(&found));
}

/* Says which account is in the way of a new one. */
static void
raise_conflict(const pg_uuid_t *account_id, const pg_uuid_t *parent_id, Datum external_id)
{
	static Statement find = {
		"SELECT FROM account.accounts a WHERE a.account_id OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};
	Datum		id = UUIDPGetDatum(account_id);

	if (query_latest(&find, &id, NULL) > 0)
		error_raise(ERROR_CONFLICT, "An id is never used again.", "this account_id is used already");
	check_external_id(parent_id, external_id);
	error_raise(ERROR_CONFLICT, "Try again.", "another account had this external_id a moment ago");
}

/*
 * Locks the place below a parent and returns the parent's path: from here on
 * neither changes.  The parent may have left the caller's reach while the lock
 * was waited for.
 */
static TreePath *
take_place(FunctionCallInfo fcinfo, const Target *parent)
{
	QueryScope	scope;
	TreePath   *path = tree_lock(&parent->account_id, false);

	if (path == NULL || (!parent->as_admin && !tree_within(path, &identity_current()->account_id)))
		error_raise(ERROR_NOT_FOUND, NULL, "account not found");
	hold_require_writable(&parent->account_id, path);
	directory_require_depth(path->depth + 1);
	if (!PG_ARGISNULL(ARG_EXTERNAL_ID))
	{
		/* Before the limit, so that who tries again is told of the account that is there. */
		query_open(&scope);
		check_external_id(&parent->account_id, PG_GETARG_DATUM(ARG_EXTERNAL_ID));
		query_close(&scope);
	}
	plan_require_room("sub_accounts", &parent->account_id);
	return path;
}

/* Inserts the row; parent is NULL for a root, which is billed to itself. */
static void
insert_account(FunctionCallInfo fcinfo, const pg_uuid_t *account_id, const TreePath *parent)
{
	static Statement insert = {
		"INSERT INTO account.accounts (account_id, parent_account_id, path, billed_account_id,"
		" name, branding, description, domain, billing_email, external_id, labels, last_updated_config_at)"
		" VALUES ($1, $2, $3 OPERATOR(pg_catalog.||) $1,"
		" COALESCE((SELECT p.billed_account_id FROM account.accounts p"
		" WHERE p.account_id OPERATOR(pg_catalog.=) $2), $1),"
		" $4, $5, $6, $7, $8, $9, $10, pg_catalog.now())"
		" ON CONFLICT DO NOTHING",
		10, {UUIDOID, UUIDOID, UUIDARRAYOID, TEXTOID, JSONBOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID}
	};
	const pg_uuid_t *parent_id = parent != NULL ? &TREE_SELF(parent) : NULL;
	Datum		values[10] = {
		UUIDPGetDatum(account_id),
		UUIDPGetDatum(parent_id),
		parent != NULL ? tree_path_datum(parent) : PointerGetDatum(construct_empty_array(UUIDOID)),
		PG_GETARG_DATUM(ARG_NAME),
		directory_branding(PG_GETARG_DATUM(ARG_BRANDING)),
		PG_GETARG_DATUM(ARG_DESCRIPTION),
		PG_GETARG_DATUM(ARG_DOMAIN),
		PG_GETARG_DATUM(ARG_BILLING_EMAIL),
		PG_GETARG_DATUM(ARG_EXTERNAL_ID),
		PG_GETARG_DATUM(ARG_LABELS)
	};
	char		nulls[10] = {' ', parent == NULL ? 'n' : ' ', ' ', ' ', ' '};

	for (int argument = ARG_DESCRIPTION; argument <= ARG_LABELS; argument++)
		nulls[argument + 2] = PG_ARGISNULL(argument) ? 'n' : ' ';
	if (query_write(&insert, values, nulls) == 0)
		raise_conflict(account_id, parent_id, values[8]);
}

/*
 * Makes what every account has: its system service account, which owns everything in it, a
 * workspace, and a webhook secret.  In the audit log it is part of the account.
 */
static void
furnish(const pg_uuid_t *account_id, pg_uuid_t *profile_id, pg_uuid_t *workspace_id)
{
	bool		quiet = audit_quiet(true);

	PG_TRY();
	{
		permission_note_new(account_id);
		profile_create_system(account_id, profile_id);
		(void) workspace_insert(account_id, "default", workspace_id);
		webhook_insert_first(account_id);
	}
	PG_FINALLY();
	{
		(void) audit_quiet(quiet);
	}
	PG_END_TRY();
}

/* Issues the key of the system service account, which may do everything in the new account. */
static void
issue_first_key(const pg_uuid_t *account_id, const pg_uuid_t *profile_id, const pg_uuid_t *workspace_id,
				Token *token)
{
	Datum		everything = CStringGetTextDatum("*:*");
	Datum		workspace = UUIDPGetDatum(workspace_id);
	KeyGrant	grant = {
		.name = "system",
		.permissions = construct_array(&everything, 1, TEXTOID, -1, false, TYPALIGN_INT),
		.workspace_ids = construct_array(&workspace, 1, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR),
		.expires_at = DT_NOEND,
		.system = true
	};
	pg_uuid_t	api_key_id;

	key_insert(account_id, profile_id, &grant, &api_key_id, token);
}

void
lifecycle_create_root(const char *name, pg_uuid_t *account_id)
{
	static Statement insert = {
		"INSERT INTO account.accounts (account_id, path, billed_account_id, name, branding, labels,"
		" last_updated_config_at) VALUES ($1, ARRAY[$1], $1, $2, $3, '{}', pg_catalog.now())",
		3, {UUIDOID, TEXTOID, JSONBOID}
	};
	Datum		branding = DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));
	pg_uuid_t	profile_id;
	pg_uuid_t	workspace_id;
	Datum		values[3];

	token_random_uuid(account_id);
	values[0] = UUIDPGetDatum(account_id);
	values[1] = CStringGetTextDatum(name);
	values[2] = directory_branding(branding);
	query_write(&insert, values, NULL);
	furnish(account_id, &profile_id, &workspace_id);
}

/* create_account(name, parent_account_id, branding, description, domain, billing_email, external_id, labels, account_id) */
Datum
account_lifecycle_create_account(PG_FUNCTION_ARGS)
{
	static RowType row_type;
	TreePath   *path = NULL;
	Target		parent;
	pg_uuid_t	account_id;
	pg_uuid_t	profile_id;
	pg_uuid_t	workspace_id;
	QueryScope	scope;
	Token		token;
	text	   *api_key;
	Datum		result;
	bool		has_parent = find_parent(fcinfo, &parent);

	check_arguments(fcinfo);
	if (has_parent)
		path = take_place(fcinfo, &parent);
	if (PG_ARGISNULL(ARG_ACCOUNT_ID))
		token_random_uuid(&account_id);
	else
		account_id = *PG_GETARG_UUID_P(ARG_ACCOUNT_ID);

	query_open(&scope);
	insert_account(fcinfo, &account_id, path);
	furnish(&account_id, &profile_id, &workspace_id);
	issue_first_key(&account_id, &profile_id, &workspace_id, &token);
	query_close(&scope);

	/* An error before here needs no wiping: the key's row is gone with it. */
	api_key = cstring_to_text(token.text);
	explicit_bzero(&token, sizeof(token));
	result = directory_resource(fcinfo, &row_type, &account_id, api_key, true, true);
	explicit_bzero(api_key, VARSIZE(api_key));
	PG_RETURN_DATUM(result);
}

/* ---------------------------------------------------------------------------
 * Holding an account
 */

static void
find_target(FunctionCallInfo fcinfo, int scope, Target *target)
{
	if (PG_ARGISNULL(0))
		error_raise(ERROR_BAD_REQUEST, NULL, "an account is required");
	caller_target("manage:accounts", PG_GETARG_UUID_P(0), scope, target);
}

/* archive_account(account_id) */
Datum
account_lifecycle_archive_account(PG_FUNCTION_ARGS)
{
	Target		target;

	find_target(fcinfo, SCOPE_OWN | SCOPE_DESCENDANTS | SCOPE_ADMIN, &target);
	holding_set(&target.account_id, HOLD_ARCHIVE, target.as_admin, NULL);
	PG_RETURN_VOID();
}

/* unarchive_account(account_id) */
Datum
account_lifecycle_unarchive_account(PG_FUNCTION_ARGS)
{
	Target		target;

	find_target(fcinfo, SCOPE_OWN | SCOPE_DESCENDANTS | SCOPE_ADMIN, &target);
	(void) holding_lift(&target.account_id, HOLD_ARCHIVE, target.as_admin, "unarchive this account");
	PG_RETURN_VOID();
}

static bool
is_reason(Datum value)
{
	return changes_is_length(value, 1, REASON_MAX);
}

/* suspend_account(account_id, reason) */
Datum
account_lifecycle_suspend_account(PG_FUNCTION_ARGS)
{
	static const ChangeField reason = {
		"reason", false, false, CHANGE_BY_ITSELF, is_reason, "must have 1 to 1,000 characters"
	};
	Target		target;
	Validation	validation;

	find_target(fcinfo, SCOPE_DESCENDANTS | SCOPE_ADMIN, &target);
	validation_start(&validation);
	changes_check_value(&validation, &reason, PG_GETARG_DATUM(1), PG_ARGISNULL(1));
	validation_finish(&validation);
	holding_set(&target.account_id, HOLD_SUSPEND, target.as_admin, PG_GETARG_TEXT_PP(1));
	PG_RETURN_VOID();
}

/* resume_account(account_id) */
Datum
account_lifecycle_resume_account(PG_FUNCTION_ARGS)
{
	Target		target;

	find_target(fcinfo, SCOPE_DESCENDANTS | SCOPE_ADMIN, &target);
	(void) holding_lift(&target.account_id, HOLD_SUSPEND, target.as_admin, "resume this account");
	PG_RETURN_VOID();
}
