/*
 * signup.c
 *	  Who wants to become a user, and whether anybody may.
 *
 * register() and sign_up() look nobody up: they store a registration, whether the
 * e-mail has a user, other registrations or neither, so there is nothing to be learned
 * from them, neither from the answer and the time nor from statistics, locks or the
 * size of a table.  A registration becomes a user, and its account is made, when the
 * e-mail was verified (proof.c); all others of that e-mail are dropped.  So who
 * registers an e-mail that is not theirs reserves nothing, and sets no password for who
 * comes after.  A registration lapses after a week; each new one deletes a few that have.
 *
 * Where account.require_verified_email is off a registration becomes a user at once, if
 * the e-mail has none.  Then a login tells who registered whether it had.
 */
#include "account.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define FLAG_REGISTRATION "account-registration"
#define LIFETIME (INT64CONST(7) * USECS_PER_DAY)
#define CLEANED 4

PG_FUNCTION_INFO_V1(account_signup_register);
PG_FUNCTION_INFO_V1(account_signup_sign_up);
PG_FUNCTION_INFO_V1(account_signup_set_feature_flag);
PG_FUNCTION_INFO_V1(account_signup_feature_flag_enabled);

/* ---------------------------------------------------------------------------
 * Feature flags
 */

/* The name of a flag that there is; raises VALIDATION_FAILED. */
static const char *
flag_argument(FunctionCallInfo fcinfo)
{
	char	   *flag = changes_text_argument(fcinfo, 0, "flag");
	Validation	validation;

	validation_start(&validation);
	if (flag == NULL || strcmp(flag, FLAG_REGISTRATION) != 0)
		validation_add(&validation, "flag", flag == NULL ? "required" : "enum", "there is no such flag",
					   "Use " FLAG_REGISTRATION ".");
	validation_finish(&validation);
	return FLAG_REGISTRATION;
}

/* On unless it was turned off, by SQL or by the setting. */
static bool
is_enabled(const char *flag)
{
	static Statement find = {
		"SELECT FROM account.feature_flags f WHERE f.flag OPERATOR(pg_catalog.=) $1 AND NOT f.enabled",
		1, {TEXTOID}
	};
	Datum		value = CStringGetTextDatum(flag);
	QueryScope	scope;
	bool		off;

	if (!setting_registration)
		return false;
	query_open(&scope);
	off = query_latest(&find, &value, NULL) > 0;
	query_close(&scope);
	return !off;
}

/* set_feature_flag(flag, enabled) */
Datum
account_signup_set_feature_flag(PG_FUNCTION_ARGS)
{
	static Statement set = {
		"INSERT INTO account.feature_flags (flag, enabled) VALUES ($1, $2)"
		" ON CONFLICT (flag) DO UPDATE SET enabled = excluded.enabled, updated_at = pg_catalog.now()",
		2, {TEXTOID, BOOLOID}
	};
	Validation	validation;
	QueryScope	scope;
	Datum		values[2];

	caller_require_admin("set feature flags");
	values[0] = CStringGetTextDatum(flag_argument(fcinfo));
	validation_start(&validation);
	if (PG_ARGISNULL(1))
		validation_add(&validation, "enabled", "required", "must be true or false", NULL);
	validation_finish(&validation);
	values[1] = PG_GETARG_DATUM(1);
	query_open(&scope);
	query_write(&set, values, NULL);
	query_close(&scope);
	PG_RETURN_VOID();
}

/* feature_flag_enabled(flag) */
Datum
account_signup_feature_flag_enabled(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(is_enabled(flag_argument(fcinfo)));
}

/* ---------------------------------------------------------------------------
 * Registrations
 */

static bool
find_registration(Statement *find, Datum value, Registration *registration)
{
	Datum		values[2] = {value, TimestampTzGetDatum(GetCurrentTimestamp() - LIFETIME)};
	QueryScope	scope;
	bool		found;

	query_open(&scope);
	found = query_latest(find, values, NULL) > 0;
	if (found)
	{
		(void) query_uuid(0, 1, &registration->user_id);
		registration->email = query_string(&scope, 0, 2);
		registration->password_hash = query_string(&scope, 0, 3);
		registration->account_name = query_string(&scope, 0, 4);
	}
	query_close(&scope);
	return found;
}

#define SELECT_REGISTRATION \
	"SELECT r.user_id, r.email, r.password_hash, r.account_name::pg_catalog.text FROM account.registrations r" \
	" WHERE r.created_at OPERATOR(pg_catalog.>) $2"

bool
signup_find(const pg_uuid_t *user_id, Registration *registration)
{
	static Statement find = {
		SELECT_REGISTRATION " AND r.user_id OPERATOR(pg_catalog.=) $1",
		2, {UUIDOID, TIMESTAMPTZOID}
	};

	return find_registration(&find, UUIDPGetDatum(user_id), registration);
}

bool
signup_find_by_email(const char *email, Registration *registration)
{
	static Statement find = {
		SELECT_REGISTRATION " AND r.email OPERATOR(pg_catalog.=) $1 ORDER BY r.created_at DESC LIMIT 1",
		2, {TEXTOID, TIMESTAMPTZOID}
	};

	return find_registration(&find, CStringGetTextDatum(email), registration);
}

bool
signup_is_contested(const char *email)
{
	static Statement find = {
		SELECT_REGISTRATION " AND r.email OPERATOR(pg_catalog.=) $1 LIMIT 2",
		2, {TEXTOID, TIMESTAMPTZOID}
	};
	Datum		values[2] = {CStringGetTextDatum(email), TimestampTzGetDatum(GetCurrentTimestamp() - LIFETIME)};
	QueryScope	scope;
	uint64		rows;

	query_open(&scope);
	rows = query_latest(&find, values, NULL);
	query_close(&scope);
	return rows > 1;
}

/* Makes an account that a new user owns. Between query_open() and query_close(). */
static void
create_own_account(const pg_uuid_t *user_id, const char *email, const char *account_name)
{
	static Statement insert_membership = {
		"INSERT INTO account.user_memberships (user_id, account_id, profile_id) VALUES ($1, $2, $3)",
		3, {UUIDOID, UUIDOID, UUIDOID}
	};
	pg_uuid_t	account_id;
	pg_uuid_t	profile_id;
	NewProfile	profile = {.account_id = &account_id,.user_id = user_id,.name = email};
	NewGrant	grant = {.profile_id = &profile_id,.role_id = &right_owner_role,.expires_at = DT_NOEND};
	Datum		values[3] = {UUIDPGetDatum(user_id), UUIDPGetDatum(&account_id), UUIDPGetDatum(&profile_id)};

	lifecycle_create_root(account_name, &account_id);
	profile_insert(&profile, &profile_id);
	query_write(&insert_membership, values, NULL);
	(void) profile_insert_grant(&grant);
}

bool
signup_accept(const Registration *registration, bool verified)
{
	static Statement drop = {
		"DELETE FROM account.registrations WHERE email OPERATOR(pg_catalog.=) $1",
		1, {TEXTOID}
	};
	NewUser		user = {
		.user_id = &registration->user_id,
		.email = registration->email,
		.password_hash = registration->password_hash,
		.verified = verified,
		.self_registered = true
	};
	Datum		value = CStringGetTextDatum(registration->email);
	QueryScope	scope;
	bool		accepted;

	query_open(&scope);
	accepted = user_insert(&user);
	if (accepted)
	{
		if (registration->account_name != NULL)
			create_own_account(&registration->user_id, registration->email, registration->account_name);
		query_write(&drop, &value, NULL);
	}
	query_close(&scope);
	return accepted;
}

/* Stores a registration, and deletes a few that have lapsed. */
static void
store_registration(const Registration *registration)
{
	static Statement insert = {
		"INSERT INTO account.registrations (user_id, email, password_hash, account_name) VALUES ($1, $2, $3, $4)",
		4, {UUIDOID, TEXTOID, TEXTOID, TEXTOID}
	};
	static Statement clean = {
		"DELETE FROM account.registrations d USING (SELECT r.user_id FROM account.registrations r"
		" WHERE r.created_at OPERATOR(pg_catalog.<) $1 ORDER BY r.created_at LIMIT $2 FOR UPDATE SKIP LOCKED) o"
		" WHERE d.user_id OPERATOR(pg_catalog.=) o.user_id",
		2, {TIMESTAMPTZOID, INT4OID}
	};
	Datum		limits[2] = {TimestampTzGetDatum(GetCurrentTimestamp() - LIFETIME), Int32GetDatum(CLEANED)};
	Datum		values[4];
	QueryScope	scope;

	values[0] = UUIDPGetDatum(&registration->user_id);
	values[1] = CStringGetTextDatum(registration->email);
	values[2] = CStringGetTextDatum(registration->password_hash);
	values[3] = registration->account_name != NULL ? CStringGetTextDatum(registration->account_name) : (Datum) 0;
	query_open(&scope);
	query_write(&insert, values, registration->account_name != NULL ? NULL : "   n");
	/* A row that another has deleted just now would be an error in the other isolation levels. */
	if (!IsolationUsesXactSnapshot())
		query_write(&clean, limits, NULL);
	query_close(&scope);
}

/* Takes a registration in; account_name is NULL for register(). */
static void
take_in(FunctionCallInfo fcinfo, bool with_account)
{
	Registration registration = {0};
	Validation	validation;
	char	   *password;

	if (!is_enabled(FLAG_REGISTRATION))
		error_raise(ERROR_FORBIDDEN, "Ask an administrator for a user.", "registration is turned off");
	validation_start(&validation);
	registration.email = email_normal(&validation, "email", changes_text_argument(fcinfo, 0, "email"));
	if (with_account)
	{
		registration.account_name = changes_text_argument(fcinfo, 2, "account_name");
		if (registration.account_name == NULL)
			validation_add(&validation, "account_name", "required", "a name is required", NULL);
		else if (!changes_is_name(CStringGetTextDatum(registration.account_name)))
			validation_add(&validation, "account_name", "pattern",
						   "a name has 1 to 255 characters, at least one of them not white space", NULL);
	}
	password = password_validate(&validation, "password", password_argument(fcinfo, 1), registration.email,
								 registration.account_name);
	validation_finish(&validation);

	registration.password_hash = password_hash(password);
	token_random_uuid(&registration.user_id);
	store_registration(&registration);
	if (!setting_require_verified_email)
		(void) signup_accept(&registration, false);
}

/* register(email, password) */
Datum
account_signup_register(PG_FUNCTION_ARGS)
{
	take_in(fcinfo, false);
	PG_RETURN_VOID();
}

/* sign_up(email, password, account_name) */
Datum
account_signup_sign_up(PG_FUNCTION_ARGS)
{
	take_in(fcinfo, true);
	PG_RETURN_VOID();
}
