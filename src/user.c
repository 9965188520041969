/*
 * user.c
 *	  People, of no account.
 *
 * Rows of account.users are updated, so a scan with SnapshotSelf may pass between two
 * versions of one and find neither, for an instant and only if they lie on two pages:
 * therefore it is made twice.  It takes no lock, leaves no predicate lock, and is the
 * same for an e-mail that nobody has, down to what statistics and EXPLAIN count.
 *
 * Whatever ends the sessions of a user takes a lock on the user that bars, and is barred
 * by, the COMMIT of a login alone (session.c): a login that has checked the old password
 * either is there to be ended, or fails.
 */
#include "account.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"

#define EXTERNAL_ID_MAX 255		/* characters */
#define NAME_OF_ERASED "erased user"

/* Columns of account.users; schema_catalog() has checked the version. */
enum
{
	ANUM_USER_ID = 1,
	ANUM_EMAIL,
	ANUM_PASSWORD_HASH,
	ANUM_EMAIL_VERIFIED_AT,
	ANUM_SELF_REGISTERED,
	ANUM_UPDATED_AT = 10
};

PG_FUNCTION_INFO_V1(account_user_create_user);
PG_FUNCTION_INFO_V1(account_user_find_user);
PG_FUNCTION_INFO_V1(account_user_change_password);
PG_FUNCTION_INFO_V1(account_user_set_password);
PG_FUNCTION_INFO_V1(account_user_change_email);
PG_FUNCTION_INFO_V1(account_user_disable_user);
PG_FUNCTION_INFO_V1(account_user_enable_user);
PG_FUNCTION_INFO_V1(account_user_erase_user);

/* ---------------------------------------------------------------------------
 * Reading
 */

static char *
take_text(const SelfScan *scan, int column)
{
	return scan->nulls[column - 1] ? NULL : TextDatumGetCString(scan->values[column - 1]);
}

static void
take_user(const SelfScan *scan, UserRecord *user)
{
	(void) scan_uuid(scan, ANUM_USER_ID, &user->user_id);
	user->email = take_text(scan, ANUM_EMAIL);
	user->password_hash = take_text(scan, ANUM_PASSWORD_HASH);
	user->verified = !scan->nulls[ANUM_EMAIL_VERIFIED_AT - 1];
	user->self_registered = DatumGetBool(scan->values[ANUM_SELF_REGISTERED - 1]);
	user->updated_at = scan_end(scan, ANUM_UPDATED_AT);
	user->own = scan_is_own(scan);
}

/* Reads and counts what a row that is found would make read and count. */
static void
pretend_to_find(Relation users, Oid index_id)
{
	Relation	index = index_open(index_id, AccessShareLock);

	pgstat_count_index_tuples(index, 1);
	pgstat_count_heap_fetch(index);
	if (RelationGetNumberOfBlocks(users) > 0)
		ReleaseBuffer(ReadBuffer(users, 0));
	index_close(index, AccessShareLock);
}

static bool
scan_user(const char *index_name, const ScanKeyData *key, UserRecord *user)
{
	Oid			namespace_id = schema_catalog()->namespace_id;
	Oid			index = get_relname_relid(index_name, namespace_id);
	bool		found = false;

	memset(user, 0, sizeof(*user));
	for (int i = 0; i < 2; i++)
	{
		SelfScan	scan;
		ScanKeyData used = *key;	/* a scan makes it one of the index */

		scan_open(&scan, get_relname_relid("users", namespace_id), index, &used, 1);
		if (scan_next(&scan))
		{
			take_user(&scan, user);
			found = true;
		}
		else
			pretend_to_find(scan.relation, index);
		scan_close(&scan);
	}
	return found;
}

bool
user_find(const pg_uuid_t *user_id, UserRecord *user)
{
	ScanKeyData key;

	ScanKeyInit(&key, ANUM_USER_ID, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(user_id));
	return scan_user("users_pkey", &key, user);
}

bool
user_find_by_email(const char *email, UserRecord *user)
{
	ScanKeyData key;

	ScanKeyInit(&key, ANUM_EMAIL, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(email));
	return scan_user("users_email_key", &key, user);
}

bool
user_is_disabled(const pg_uuid_t *user_id)
{
	AcceptInvalidationMessages();
	return (hold_of_profile(user_id) & HOLD_IS_DISABLED) != 0;
}

/* ---------------------------------------------------------------------------
 * Writing
 */

bool
user_insert(const NewUser *user)
{
	static Statement insert = {
		"INSERT INTO account.users (user_id, email, password_hash, email_verified_at, self_registered,"
		" external_id, created_by_account_id, created_by) VALUES"
		" ($1, $2, $3, CASE WHEN $4 THEN pg_catalog.clock_timestamp() END, $5, $6, $7, $8)"
		" ON CONFLICT DO NOTHING",
		8, {UUIDOID, TEXTOID, TEXTOID, BOOLOID, BOOLOID, TEXTOID, UUIDOID, UUIDOID}
	};
	Datum		values[8];
	char		nulls[8];

	memset(nulls, ' ', sizeof(nulls));
	values[0] = UUIDPGetDatum(user->user_id);
	values[1] = CStringGetTextDatum(user->email);
	values[2] = query_text_or_null(user->password_hash, &nulls[2]);
	values[3] = BoolGetDatum(user->verified);
	values[4] = BoolGetDatum(user->self_registered);
	values[5] = query_text_or_null(user->external_id, &nulls[5]);
	values[6] = query_pointer_or_null(user->created_by_account_id, &nulls[6]);
	values[7] = query_pointer_or_null(caller_profile(), &nulls[7]);
	return query_write(&insert, values, nulls) > 0;
}

void
user_upgrade_hash(const pg_uuid_t *user_id, const char *old_hash, const char *new_hash)
{
	static Statement update = {
		"UPDATE account.users u SET password_hash = $3 FROM (SELECT o.user_id FROM account.users o"
		" WHERE o.user_id OPERATOR(pg_catalog.=) $1 AND o.password_hash OPERATOR(pg_catalog.=) $2"
		" FOR NO KEY UPDATE SKIP LOCKED) l WHERE u.user_id OPERATOR(pg_catalog.=) l.user_id",
		3, {UUIDOID, TEXTOID, TEXTOID}
	};
	Datum		values[3] = {UUIDPGetDatum(user_id), CStringGetTextDatum(old_hash), CStringGetTextDatum(new_hash)};

	query_write(&update, values, NULL);
}

void
user_set_password(const pg_uuid_t *user_id, const char *hash, bool verified)
{
	static Statement update = {
		"UPDATE account.users SET password_hash = COALESCE($2, password_hash),"
		" email_verified_at = CASE WHEN $3 THEN COALESCE(email_verified_at, pg_catalog.clock_timestamp())"
		" ELSE email_verified_at END, updated_at = pg_catalog.clock_timestamp()"
		" WHERE user_id OPERATOR(pg_catalog.=) $1 AND erased_at IS NULL",
		3, {UUIDOID, TEXTOID, BOOLOID}
	};
	Datum		values[3];
	char		nulls[3] = {' ', ' ', ' '};

	values[0] = UUIDPGetDatum(user_id);
	values[1] = query_text_or_null(hash, &nulls[1]);
	values[2] = BoolGetDatum(verified);
	if (query_write(&update, values, nulls) == 0)
		error_raise(ERROR_NOT_FOUND, NULL, "user not found");
}

void
user_end_sessions(const pg_uuid_t *user_id, const pg_uuid_t *kept)
{
	/* A login that is committing at this moment is there, or fails, before sessions are read. */
	tree_lock_id(user_id, LOCK_CLASS_USER, ShareLock);
	credential_end_of_user(user_id, kept, caller_profile());
	guard_taken();
}

/* ---------------------------------------------------------------------------
 * Creating
 */

static void
check_external_id(Validation *validation, const char *external_id)
{
	if (external_id != NULL && !changes_is_length(CStringGetTextDatum(external_id), 1, EXTERNAL_ID_MAX))
		validation_add(validation, "external_id", "format", "must have 1 to 255 characters", NULL);
}

/* Says what is in the way of a new user. Between query_open() and query_close(). */
static void
raise_conflict(const char *email)
{
	static Statement find = {
		"SELECT FROM account.users u WHERE u.email OPERATOR(pg_catalog.=) $1",
		1, {TEXTOID}
	};
	Datum		value = CStringGetTextDatum(email);

	if (query_latest(&find, &value, NULL) > 0)
		error_raise(ERROR_CONFLICT, "Invite them as a member instead.", "a user with this e-mail exists already");
	error_raise(ERROR_CONFLICT, NULL, "a user with this external_id exists already");
}

/* create_user(email, password, external_id) */
Datum
account_user_create_user(PG_FUNCTION_ARGS)
{
	char	   *typed = password_argument(fcinfo, 1);
	char	   *external_id = changes_text_argument(fcinfo, 2, "external_id");
	char	   *email;
	char	   *password = NULL;
	pg_uuid_t  *user_id = palloc(sizeof(pg_uuid_t));
	NewUser		user = {.user_id = user_id,.external_id = external_id};
	Target		target;
	Validation	validation;
	QueryScope	scope;

	if (!caller_is_admin())
	{
		caller_target("create:users", NULL, SCOPE_OWN, &target);
		hold_require_writable(&target.account_id, target.path);
		guard_issued("create:users", &target.account_id, NIL);
		user.created_by_account_id = &target.account_id;
	}
	validation_start(&validation);
	email = email_normal(&validation, "email", changes_text_argument(fcinfo, 0, "email"));
	if (typed != NULL)
		password = password_validate(&validation, "password", typed, email, NULL);
	check_external_id(&validation, external_id);
	validation_finish(&validation);

	if (password != NULL)
		user.password_hash = password_hash(password);
	user.email = email;
	token_random_uuid(user_id);
	query_open(&scope);
	if (!user_insert(&user))
		raise_conflict(email);
	query_close(&scope);
	PG_RETURN_UUID_P(user_id);
}

/* ---------------------------------------------------------------------------
 * Changing
 */

/* Raises NOT_FOUND unless a user of that id is there and not erased. */
static void
require_user(FunctionCallInfo fcinfo, const char *action, UserRecord *user)
{
	caller_require_admin(action);
	if (PG_ARGISNULL(0) || !user_find(PG_GETARG_UUID_P(0), user) || user->email == NULL)
		error_raise(ERROR_NOT_FOUND, NULL, "user not found");
}

/* find_user(email) */
Datum
account_user_find_user(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *user_id = palloc(sizeof(pg_uuid_t));
	UserRecord	user;
	Validation	validation;
	char	   *email;

	caller_require_admin("find users");
	validation_start(&validation);
	email = email_normal(&validation, "email", changes_text_argument(fcinfo, 0, "email"));
	validation_finish(&validation);
	if (!user_find_by_email(email, &user))
		error_raise(ERROR_NOT_FOUND, NULL, "user not found");
	*user_id = user.user_id;
	PG_RETURN_UUID_P(user_id);
}

void
user_require_session(pg_uuid_t *user_id, pg_uuid_t *session_id)
{
	const Identity *identity = identity_current();

	if (identity == NULL)
		error_raise(ERROR_MISSING_API_KEY, "Call account.authenticate() first, in the same transaction.",
					"no session is authenticated");
	if (!identity->has_session || !identity->has_user)
		error_raise(ERROR_FORBIDDEN, "Authenticate with the token of a session.", "it takes a session");
	*user_id = identity->user_id;
	*session_id = identity->session_id;
}

/* Replaces a hash by another; false if it is not that one any more. Between query_open() and query_close(). */
static bool
replace_hash(const pg_uuid_t *user_id, const char *old_hash, const char *new_hash)
{
	static Statement update = {
		"UPDATE account.users SET password_hash = $3, updated_at = pg_catalog.clock_timestamp()"
		" WHERE user_id OPERATOR(pg_catalog.=) $1 AND password_hash OPERATOR(pg_catalog.=) $2",
		3, {UUIDOID, TEXTOID, TEXTOID}
	};
	Datum		values[3] = {UUIDPGetDatum(user_id), CStringGetTextDatum(old_hash), CStringGetTextDatum(new_hash)};

	return query_write(&update, values, NULL) > 0;
}

/* change_password(old_password, new_password) */
Datum
account_user_change_password(PG_FUNCTION_ARGS)
{
	char	   *old_password = password_normal(password_argument(fcinfo, 0));
	char	   *new_password;
	pg_uuid_t	user_id;
	pg_uuid_t	session_id;
	UserRecord	user;
	Validation	validation;
	Attempt		attempt;
	QueryScope	scope;
	bool		outdated;
	char	   *hash;

	user_require_session(&user_id, &session_id);
	if (!user_find(&user_id, &user) || user.email == NULL)
		error_raise(ERROR_NOT_FOUND, NULL, "user not found");
	validation_start(&validation);
	new_password = password_validate(&validation, "new_password", password_argument(fcinfo, 1), user.email, NULL);
	validation_finish(&validation);
	attempt_begin(&attempt, user.email);
	if (!password_verify(old_password, user.password_hash, !attempt.locked, &outdated))
		error_raise(ERROR_INVALID_AUTHORIZATION, NULL, "the old password is not right");
	attempt_succeeded(&attempt);
	hash = password_hash(new_password);

	query_open(&scope);
	if (!replace_hash(&user.user_id, user.password_hash, hash))
		error_raise(ERROR_CONFLICT, "Try again with the password that is in force now.",
					"the password has been changed meanwhile");
	user_end_sessions(&user.user_id, &session_id);
	query_close(&scope);
	PG_RETURN_VOID();
}

/* set_password(user_id, password) */
Datum
account_user_set_password(PG_FUNCTION_ARGS)
{
	UserRecord	user;
	Validation	validation;
	QueryScope	scope;
	char	   *password;
	char	   *hash;

	require_user(fcinfo, "set passwords", &user);
	validation_start(&validation);
	password = password_validate(&validation, "password", password_argument(fcinfo, 1), user.email, NULL);
	validation_finish(&validation);
	hash = password_hash(password);
	query_open(&scope);
	user_set_password(&user.user_id, hash, false);
	user_end_sessions(&user.user_id, NULL);
	query_close(&scope);
	PG_RETURN_VOID();
}

/* Ends the user tokens of a user, but not the sessions. Between query_open() and query_close(). */
static void
end_user_tokens(const pg_uuid_t *user_id)
{
	static Statement list = {
		"SELECT c.credential_id FROM account.credentials c WHERE c.user_id OPERATOR(pg_catalog.=) $1"
		" AND c.entry OPERATOR(pg_catalog.=) 0 AND c.kind OPERATOR(pg_catalog.=) 'u'",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(user_id);
	uint64		rows = query_latest(&list, &value, NULL);
	pg_uuid_t  *ids = palloc(sizeof(pg_uuid_t) * Max(rows, 1));

	for (uint64 row = 0; row < rows; row++)
		(void) query_uuid(row, 1, &ids[row]);
	for (uint64 row = 0; row < rows; row++)
	{
		CredentialRecord token;

		if (credential_find(&ids[row], &token) && !token.ended)
			credential_end(&token, 'r', GetCurrentTimestamp(), NULL, NULL, caller_profile());
	}
}

/* change_email(user_id, email) */
Datum
account_user_change_email(PG_FUNCTION_ARGS)
{
	static Statement update = {
		"UPDATE account.users SET email = $2, email_verified_at = NULL, updated_at = pg_catalog.clock_timestamp()"
		" WHERE user_id OPERATOR(pg_catalog.=) $1 AND erased_at IS NULL",
		2, {UUIDOID, TEXTOID}
	};
	UserRecord	user;
	Validation	validation;
	QueryScope	scope;
	char	   *email;
	Datum		values[2];

	require_user(fcinfo, "change an e-mail", &user);
	validation_start(&validation);
	email = email_normal(&validation, "email", changes_text_argument(fcinfo, 1, "email"));
	validation_finish(&validation);
	if (strcmp(email, user.email) == 0)
		PG_RETURN_VOID();
	values[0] = UUIDPGetDatum(&user.user_id);
	values[1] = CStringGetTextDatum(email);
	query_open(&scope);
	(void) query_write_unique(&update, values, NULL, "another user has this e-mail", NULL);
	end_user_tokens(&user.user_id);
	query_close(&scope);
	PG_RETURN_VOID();
}

/* disable_user(user_id) */
Datum
account_user_disable_user(PG_FUNCTION_ARGS)
{
	UserRecord	user;
	QueryScope	scope;

	require_user(fcinfo, "disable users", &user);
	holding_set(&user.user_id, HOLD_DISABLE, true, NULL);
	query_open(&scope);
	user_end_sessions(&user.user_id, NULL);
	query_close(&scope);
	PG_RETURN_VOID();
}

/* enable_user(user_id) */
Datum
account_user_enable_user(PG_FUNCTION_ARGS)
{
	/* A login that was going on while the user was disabled notices it by this. */
	static Statement touch = {
		"UPDATE account.users SET updated_at = pg_catalog.clock_timestamp()"
		" WHERE user_id OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};
	UserRecord	user;
	QueryScope	scope;
	Datum		value;

	require_user(fcinfo, "enable users", &user);
	if (holding_lift(&user.user_id, HOLD_DISABLE, true, "enable this user"))
	{
		value = UUIDPGetDatum(&user.user_id);
		query_open(&scope);
		query_write(&touch, &value, NULL);
		query_close(&scope);
	}
	PG_RETURN_VOID();
}

/* Blanks the rows of a user, and what names the address. */
static void
blank(const UserRecord *user)
{
	static Statement blank_user = {
		"UPDATE account.users SET email = NULL, password_hash = NULL, external_id = NULL,"
		" email_verified_at = NULL, erased_at = pg_catalog.now(), updated_at = pg_catalog.clock_timestamp()"
		" WHERE user_id OPERATOR(pg_catalog.=) $1 AND erased_at IS NULL",
		1, {UUIDOID}
	};
	static Statement blank_profiles = {
		"UPDATE account.profiles SET name = '" NAME_OF_ERASED "', description = NULL, external_id = NULL,"
		" labels = '{}', updated_at = pg_catalog.clock_timestamp() WHERE user_id OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};
	static Statement drop_registrations = {
		"DELETE FROM account.registrations WHERE email OPERATOR(pg_catalog.=) $1",
		1, {TEXTOID}
	};
	static Statement blank_invitations = {
		"UPDATE account.sent_invitations SET email = NULL WHERE email OPERATOR(pg_catalog.=) $1",
		1, {TEXTOID}
	};
	QueryScope	scope;
	Datum		value = UUIDPGetDatum(&user->user_id);
	Datum		email = CStringGetTextDatum(user->email);

	holding_set(&user->user_id, HOLD_DISABLE, true, NULL);
	query_open(&scope);
	user_end_sessions(&user->user_id, NULL);
	query_write(&blank_user, &value, NULL);
	query_write(&blank_profiles, &value, NULL);
	query_write(&drop_registrations, &email, NULL);
	query_write(&blank_invitations, &email, NULL);
	query_close(&scope);
}

void
user_erase(const UserRecord *user)
{
	bool		quiet = audit_quiet(true);

	PG_TRY();
	{
		blank(user);
	}
	PG_FINALLY();
	{
		(void) audit_quiet(quiet);
	}
	PG_END_TRY();
	audit_note("user.erased", "user", &user->user_id, NULL, NULL);
}

/* erase_user(user_id) */
Datum
account_user_erase_user(PG_FUNCTION_ARGS)
{
	UserRecord	user;

	require_user(fcinfo, "erase users", &user);
	user_erase(&user);
	PG_RETURN_VOID();
}
