/*
 * principal.c
 *	  Service accounts, and changing, stopping and ending profiles.
 *
 * A service account is a profile of no user: it has keys, and nobody logs in as it, so that it
 * goes on when its makers have left.  It comes with a role, which its maker has, and with one
 * key.  Who manages a profile, other than himself, has all that it has.
 *
 * Disabling is a hold: it waits for nobody.  Deleting leaves a tombstone: it takes the exclusive lock
 * of the profile, which is there for all that is issued for it until that is committed.
 */
#include "account.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "regex/regex.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#define DESCRIPTION_MAX 10000	/* characters */
#define OWNER_MAX 255			/* characters */
#define EXTERNAL_ID_MAX 255		/* characters */
#define SYSTEMS_MAX 64
#define SYSTEM_MAX 255			/* bytes */

PG_FUNCTION_INFO_V1(account_principal_create_service_account);
PG_FUNCTION_INFO_V1(account_principal_update_profile);
PG_FUNCTION_INFO_V1(account_principal_disable_profile);
PG_FUNCTION_INFO_V1(account_principal_enable_profile);
PG_FUNCTION_INFO_V1(account_principal_delete_profile);

/* ---------------------------------------------------------------------------
 * What a profile may be called
 */

static bool
is_description(Datum value)
{
	return changes_is_length(value, 0, DESCRIPTION_MAX);
}

static bool
is_owner(Datum value)
{
	return changes_is_length(value, 1, OWNER_MAX);
}

static bool
are_systems(List *systems)
{
	ListCell   *cell;

	foreach(cell, systems)
	{
		size_t		length = strlen(lfirst(cell));

		if (length < 1 || length > SYSTEM_MAX)
			return false;
	}
	return list_length(systems) <= SYSTEMS_MAX;
}

static bool
is_systems(Datum value)
{
	return are_systems(changes_strings(value));
}

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

enum
{
	FIELD_NAME,
	FIELD_DESCRIPTION,
	FIELD_OWNER,
	FIELD_SYSTEMS,
	FIELD_EXTERNAL_ID,
	FIELD_LABELS,
	FIELDS
};

static const ChangeField fields[FIELDS] = {
	[FIELD_NAME] = {"name", false, false, CHANGE_BY_ITSELF, changes_is_name,
	"must have 1 to 255 characters, at least one of them not white space"},
	[FIELD_DESCRIPTION] = {"description", false, true, CHANGE_BY_ITSELF, is_description,
	"must have at most 10,000 characters"},
	[FIELD_OWNER] = {"owner", false, true, CHANGE_BY_ITSELF, is_owner, "must have 1 to 255 characters"},
	[FIELD_SYSTEMS] = {"systems", true, false, CHANGE_BY_ITSELF, is_systems,
	"must be a list of at most 64 names of 1 to 255 bytes", true},
	[FIELD_EXTERNAL_ID] = {"external_id", false, true, CHANGE_BY_ITSELF, is_external_id,
	"must have 1 to 255 characters"},
	[FIELD_LABELS] = {"labels", true, false, CHANGE_BY_ITSELF, is_labels, "must be an object of at most 64 strings"},
};

bool
principal_check_pattern(char **newval, void **extra, GucSource source)
{
	int			length = strlen(*newval);
	pg_wchar   *wide;
	regex_t		compiled;
	char		message[100];
	int			result;

	if (length == 0)
		return true;
	/* The collation needs no catalog; what it would say of letters is no matter for the form. */
	wide = palloc(sizeof(pg_wchar) * (length + 1));
	length = pg_mb2wchar_with_len(*newval, wide, length);
	result = pg_regcomp(&compiled, wide, length, REG_ADVANCED, C_COLLATION_OID);
	pfree(wide);
	if (result == REG_OKAY)
	{
		pg_regfree(&compiled);
		return true;
	}
	pg_regerror(result, &compiled, message, sizeof(message));
	GUC_check_errdetail("It is no regular expression: %s.", message);
	return false;
}

/* Adds an entry for the name of a service account that is not as the setting wants them. */
static void
check_pattern(Validation *validation, const char *name)
{
	const char *pattern = setting_service_account_name_pattern;

	if (pattern[0] == '\0' || name == NULL ||
		DatumGetBool(DirectFunctionCall2Coll(textregexeq, DEFAULT_COLLATION_OID, CStringGetTextDatum(name),
											 CStringGetTextDatum(pattern))))
		return;
	validation_add(validation, "name", "pattern", "does not follow the naming convention of service accounts",
				   psprintf("It has to match %s.", pattern));
}

/* ---------------------------------------------------------------------------
 * Service accounts
 */

/* Arguments of create_service_account(), in the contract's order. */
enum
{
	ARG_NAME,
	ARG_ROLE,
	ARG_DESCRIPTION,
	ARG_OWNER,
	ARG_SYSTEMS,
	ARG_ACCOUNT_ID
};

static void
check_arguments(FunctionCallInfo fcinfo, NewProfile *profile)
{
	Validation	validation;
	ArrayType  *systems = changes_array_argument(fcinfo, ARG_SYSTEMS);

	profile->name = changes_text_argument(fcinfo, ARG_NAME, "name");
	profile->description = changes_text_argument(fcinfo, ARG_DESCRIPTION, "description");
	profile->owner = changes_text_argument(fcinfo, ARG_OWNER, "owner");
	profile->systems = systems;
	validation_start(&validation);
	changes_check_value(&validation, &fields[FIELD_NAME], PG_GETARG_DATUM(ARG_NAME), PG_ARGISNULL(ARG_NAME));
	changes_check_value(&validation, &fields[FIELD_DESCRIPTION], PG_GETARG_DATUM(ARG_DESCRIPTION),
						PG_ARGISNULL(ARG_DESCRIPTION));
	changes_check_value(&validation, &fields[FIELD_OWNER], PG_GETARG_DATUM(ARG_OWNER), PG_ARGISNULL(ARG_OWNER));
	if (PG_ARGISNULL(ARG_ROLE))
		validation_add(&validation, "role", "required", "the name of a role is required", NULL);
	if (systems == NULL)
		validation_add(&validation, "systems", "required", "must not be null", NULL);
	else if (ARR_NDIM(systems) > 1 || array_contains_nulls(systems) || !are_systems(permission_list(systems)))
		validation_add(&validation, "systems", "format", fields[FIELD_SYSTEMS].rule, NULL);
	check_pattern(&validation, profile->name);
	validation_finish(&validation);
}

/* Locks the place of a service account and its key, and makes sure that there is room for both. */
static void
take_place(const Target *target)
{
	TreePath   *path = tree_lock(&target->account_id, false);

	if (path == NULL || (!target->as_admin && !tree_within(path, &identity_current()->account_id)))
		error_raise(ERROR_NOT_FOUND, NULL, "account not found");
	hold_require_writable(&target->account_id, path);
	plan_require_room("service_accounts", &target->account_id);
	plan_require_room("api_keys", &target->account_id);
}

/* create_service_account(name, role, description, owner, systems, account_id) */
Datum
account_principal_create_service_account(PG_FUNCTION_ARGS)
{
	const Identity *identity = identity_current();
	ProfileRecord record;
	RoleRecord	role;
	Target		target;
	NewProfile	profile = {.account_id = &target.account_id};
	NewGrant	grant = {.profile_id = &record.profile_id,.role_id = &role.role_id,.expires_at = DT_NOEND};
	KeyGrant	key = {.workspace_ids = construct_empty_array(UUIDOID)};
	pg_uuid_t	api_key_id;
	QueryScope	scope;
	Token		token;

	caller_target("manage:service_accounts", PG_ARGISNULL(ARG_ACCOUNT_ID) ? NULL : PG_GETARG_UUID_P(ARG_ACCOUNT_ID),
				  SCOPE_OWN | SCOPE_DESCENDANTS | SCOPE_ADMIN, &target);
	check_arguments(fcinfo, &profile);
	role_require_grantable("manage:service_accounts", &target.account_id,
						   changes_text_argument(fcinfo, ARG_ROLE, "role"), &role);
	take_place(&target);
	if (identity != NULL)
		grant.expires_at = identity->issues_until;

	query_open(&scope);
	profile_insert(&profile, &record.profile_id);
	(void) profile_insert_grant(&grant);
	query_close(&scope);
	if (!profile_find(&record.profile_id, &record))
		elog(ERROR, "could not find the service account just made");
	key.name = profile.name;
	issue_settle(&key, NULL, &record);
	query_open(&scope);
	key_insert(&target.account_id, &record.profile_id, &key, &api_key_id, &token);
	query_close(&scope);
	return key_issued_datum(fcinfo, &api_key_id, &token, &target.account_id, &record.profile_id, &key);
}

/* ---------------------------------------------------------------------------
 * Changing, stopping and ending profiles
 */

/* Whether the caller reaches the account of a profile at all. */
static bool
is_in_reach(const ProfileRecord *profile)
{
	const Identity *identity = identity_current();
	TreePath   *path;

	if (identity == NULL || !identity->has_account)
		return true;
	path = tree_path(&profile->account_id);
	return path != NULL && tree_within(path, &identity->account_id);
}

/*
 * The profile that the first argument names, which the caller manages by the permission for its
 * kind.  Of one that is out of reach not even the kind is told.
 */
static const char *
find_target(FunctionCallInfo fcinfo, ProfileRecord *profile, Target *target)
{
	const Identity *identity = identity_current();
	bool		found = !PG_ARGISNULL(0) && profile_find(PG_GETARG_UUID_P(0), profile) && is_in_reach(profile);
	bool		member = found ? profile->has_user : identity != NULL && caller_permits(identity, "manage:members");
	const char *permission = member ? "manage:members" : "manage:service_accounts";

	caller_target_of(permission, found, &profile->account_id, "profile", target);
	if (profile->system)
		error_raise(ERROR_FORBIDDEN, NULL, "the system service account cannot be changed");
	return permission;
}

/* The name that changes give, NULL if they give none; they were checked. */
static char *
changed_name(Datum changes)
{
	JsonbValue	name;

	if (getKeyJsonValueFromContainer(&DatumGetJsonbP(changes)->root, "name", strlen("name"), &name) == NULL)
		return NULL;
	return pnstrdup(name.val.string.val, name.val.string.len);
}

/* update_profile(profile_id, changes) */
Datum
account_principal_update_profile(PG_FUNCTION_ARGS)
{
#define CHANGED(column) \
	column " = CASE WHEN $2 OPERATOR(pg_catalog.?) '" column "'" \
	" THEN $2 OPERATOR(pg_catalog.->>) '" column "' ELSE p." column " END, "
	static Statement update = {
		"UPDATE account.profiles p SET "
		CHANGED("name")
		CHANGED("description")
		CHANGED("owner")
		CHANGED("external_id")
		"systems = COALESCE($3, p.systems),"
		" labels = CASE WHEN $2 OPERATOR(pg_catalog.?) 'labels'"
		" THEN $2 OPERATOR(pg_catalog.->) 'labels' ELSE p.labels END,"
		" updated_at = pg_catalog.now()"
		" WHERE profile_id OPERATOR(pg_catalog.=) $1 AND deleted_at IS NULL",
		3, {UUIDOID, JSONBOID, TEXTARRAYOID}
	};
#undef CHANGED
	ProfileRecord profile;
	Target		target;
	Validation	validation;
	QueryScope	scope;
	Datum		values[3] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)};
	ArrayType  *systems;

	(void) find_target(fcinfo, &profile, &target);
	validation_start(&validation);
	changes_check(&validation, PG_GETARG_DATUM(1), PG_ARGISNULL(1), fields, FIELDS,
				  target.as_admin ? CHANGE_BY_ADMIN : CHANGE_BY_ITSELF);
	if (validation.count == 0 && !profile.has_user)
		check_pattern(&validation, changed_name(PG_GETARG_DATUM(1)));
	validation_finish(&validation);
	hold_require_writable(&target.account_id, NULL);

	systems = changes_list(PG_GETARG_DATUM(1), "systems");
	values[2] = PointerGetDatum(systems);
	query_open(&scope);
	if (query_write(&update, values, systems != NULL ? NULL : "  n") == 0)
		error_raise(ERROR_NOT_FOUND, NULL, "profile not found");
	query_close(&scope);
	PG_RETURN_VOID();
}

/* disable_profile(profile_id) */
Datum
account_principal_disable_profile(PG_FUNCTION_ARGS)
{
	ProfileRecord profile;
	Target		target;

	(void) find_target(fcinfo, &profile, &target);
	role_require_outranked(&profile);
	owner_keep(&profile);
	holding_set(&profile.profile_id, HOLD_DISABLE, target.as_admin, NULL);
	guard_taken();
	PG_RETURN_VOID();
}

/* enable_profile(profile_id) */
Datum
account_principal_enable_profile(PG_FUNCTION_ARGS)
{
	ProfileRecord profile;
	Target		target;
	const char *permission = find_target(fcinfo, &profile, &target);

	role_require_outranked(&profile);
	guard_given(permission, &target.account_id, NULL, NULL);
	(void) holding_lift(&profile.profile_id, HOLD_DISABLE, target.as_admin, "enable this profile");
	PG_RETURN_VOID();
}

/* Revokes the keys of a profile. Between query_open() and query_close(). */
static void
revoke_keys(const pg_uuid_t *profile_id, const char *reason)
{
	static Statement find = {
		"SELECT k.api_key_id FROM account.keys k WHERE k.profile_id OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(profile_id);
	uint64		count;
	pg_uuid_t  *ids;

	/* What they are issuing at this moment is there, or fails (key.c). */
	tree_lock_id(profile_id, LOCK_CLASS_ISSUE, ShareLock);
	count = query_latest(&find, &value, NULL);
	ids = palloc(sizeof(pg_uuid_t) * Max(count, 1));
	for (uint64 row = 0; row < count; row++)
		(void) query_uuid(row, 1, &ids[row]);
	for (uint64 i = 0; i < count; i++)
	{
		CredentialRecord key;

		if (credential_find(&ids[i], &key) && !key.ended)
			credential_end(&key, 'r', GetCurrentTimestamp(), reason, NULL, caller_profile());
	}
}

void
principal_delete(const ProfileRecord *profile, const char *reason)
{
	static Statement delete_grants = {
		"DELETE FROM account.grants g WHERE g.profile_id OPERATOR(pg_catalog.=) $1", 1, {UUIDOID}
	};
	static Statement delete_membership = {
		"DELETE FROM account.user_memberships m WHERE m.profile_id OPERATOR(pg_catalog.=) $1", 1, {UUIDOID}
	};
	static Statement bury = {
		"UPDATE account.profiles p SET deleted_at = pg_catalog.clock_timestamp(), updated_at = pg_catalog.now()"
		" WHERE p.profile_id OPERATOR(pg_catalog.=) $1 AND p.deleted_at IS NULL",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(&profile->profile_id);
	QueryScope	scope;
	bool		quiet;

	owner_keep(profile);
	query_open(&scope);
	(void) query_write(&delete_membership, &value, NULL);
	/* In the audit log that is part of the end of the profile. */
	quiet = audit_quiet(true);
	PG_TRY();
	{
		(void) query_write(&delete_grants, &value, NULL);
	}
	PG_FINALLY();
	{
		(void) audit_quiet(quiet);
	}
	PG_END_TRY();
	(void) query_write(&bury, &value, NULL);
	revoke_keys(&profile->profile_id, reason);
	query_close(&scope);
	guard_taken();
}

/* delete_profile(profile_id) */
Datum
account_principal_delete_profile(PG_FUNCTION_ARGS)
{
	ProfileRecord profile;
	UserRecord	user;
	Target		target;

	(void) find_target(fcinfo, &profile, &target);
	role_require_outranked(&profile);
	tree_lock_id(PG_GETARG_UUID_P(0), LOCK_CLASS_PROFILE, ExclusiveLock);
	if (!profile_find(PG_GETARG_UUID_P(0), &profile))
		error_raise(ERROR_NOT_FOUND, NULL, "profile not found");
	principal_delete(&profile, "the profile was deleted");
	/* Nor does a member come back by an invitation of before. */
	if (profile.has_user && user_find(&profile.user_id, &user) && user.email != NULL)
		invitation_revoke_all(&profile.account_id, user.email);
	PG_RETURN_VOID();
}
