/*
 * session.c
 *	  Sessions: logged in, listed, ended.
 *
 * login() gives one answer for an e-mail that nobody has, a wrong password, a user who
 * is disabled, locked or has not verified the e-mail, and does the same for each: the
 * attempt is counted, the user is looked for, holds are asked, a password of the
 * configured cost is checked.  It raises for what it was given alone, never for whom.
 *
 * A session is a credential of kind s, which belongs to the user and to no account.
 * Its end is another row (credential.c).  A login whose user's password has been
 * changed, or who has been disabled, while it was going on fails when it commits: who
 * ends sessions locks the user against just that (user.c), so no session of an old
 * password is left behind.
 *
 * Rows of sessions that are over are deleted by later logins, a few by each, and by
 * clean_sessions() in batches; both leave out what others are deleting.  So there are never
 * many more rows than sessions that were begun within their lifetime.
 */
#include "account.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define CLEANED_BY_LOGIN 4
#define CLEANED_MAX 100000

/* A login of this transaction, looked at again before it commits. */
typedef struct Login
{
	pg_uuid_t	session_id;
	pg_uuid_t	user_id;
	TimestampTz updated_at;		/* of the user whose password was checked; a better hash leaves it */
} Login;

static LocalTransactionId logins_lxid = InvalidLocalTransactionId;
static List *logins = NIL;		/* of that transaction, in its context */

PG_FUNCTION_INFO_V1(account_session_login);
PG_FUNCTION_INFO_V1(account_session_logout);
PG_FUNCTION_INFO_V1(account_session_revoke_session);
PG_FUNCTION_INFO_V1(account_session_clean_sessions);

/* ---------------------------------------------------------------------------
 * The end of the transaction
 */

static void
note_login(const pg_uuid_t *session_id, const UserRecord *user)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	Login	   *login = palloc(sizeof(Login));

	login->session_id = *session_id;
	login->user_id = user->user_id;
	login->updated_at = user->updated_at;
	if (logins_lxid != proc_lxid(MyProc))
		logins = NIL;
	logins_lxid = proc_lxid(MyProc);
	logins = lappend(logins, login);
	MemoryContextSwitchTo(old);
}

/*
 * What this transaction has changed itself has ended what it should.  Where another
 * transaction has, the session that is about to be committed was not there to be ended.
 */
static void
check_login(const Login *login)
{
	CredentialRecord session;
	UserRecord	user;

	tree_lock_id(&login->user_id, LOCK_CLASS_USER, RowExclusiveLock);
	if (!credential_find(&login->session_id, &session) || session.ended)
		return;
	if (!user_find(&login->user_id, &user) || user_is_disabled(&login->user_id) ||
		(!user.own && user.updated_at != login->updated_at))
		error_raise(ERROR_INVALID_AUTHORIZATION, "Log in again.",
					"the user has been changed while they were logging in");
}

static void
check_logins(XactEvent event, void *argument)
{
	ListCell   *cell;

	if ((event != XACT_EVENT_PRE_COMMIT && event != XACT_EVENT_PRE_PREPARE) ||
		logins_lxid == InvalidLocalTransactionId || logins_lxid != proc_lxid(MyProc))
		return;
	if (event == XACT_EVENT_PRE_PREPARE)
		error_raise(ERROR_BAD_REQUEST, NULL, "a transaction that has logged somebody in cannot be prepared");
	PushActiveSnapshot(GetLatestSnapshot());
	foreach(cell, logins)
		check_login(lfirst(cell));
	PopActiveSnapshot();
}

void
session_init(void)
{
	RegisterXactCallback(check_logins, NULL);
}

/* ---------------------------------------------------------------------------
 * Beginning one
 */

/* What login() returns, in order. */
enum
{
	LOGIN_SESSION_TOKEN,
	LOGIN_SESSION_ID,
	LOGIN_USER_ID,
	LOGIN_EXPIRES_AT,
	LOGIN_ERROR,
	LOGIN_COLUMNS
};

static Datum
login_datum(FunctionCallInfo fcinfo, const Datum *values, const bool *nulls)
{
	static RowType row_type;

	return HeapTupleGetDatum(heap_form_tuple(schema_row_type(fcinfo, &row_type), (Datum *) values, (bool *) nulls));
}

/* The one answer to what does not succeed. */
static Datum
refusal_datum(FunctionCallInfo fcinfo)
{
	Datum		values[LOGIN_COLUMNS] = {0};
	bool		nulls[LOGIN_COLUMNS] = {true, true, true, true, false};

	values[LOGIN_ERROR] = CStringGetTextDatum(error_code_name(ERROR_INVALID_AUTHORIZATION));
	return login_datum(fcinfo, values, nulls);
}

/* Whether a user may log in, but for the password. */
static bool
is_welcome(bool found, const UserRecord *user)
{
	bool		disabled = user_is_disabled(&user->user_id);

	return found && !disabled &&
		(user->verified || !user->self_registered || !setting_require_verified_email);
}

/* Inserts a session and returns it as the answer. */
static Datum
begin_session(FunctionCallInfo fcinfo, const UserRecord *user, const pg_uuid_t *session_id)
{
	NewCredential session = {
		.kind = TOKEN_SESSION,
		.credential_id = session_id,
		.user_id = &user->user_id,
		.expires_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), (int64) setting_session_lifetime * 1000)
	};
	Token		token;
	QueryScope	scope;
	Datum		values[LOGIN_COLUMNS] = {0};
	bool		nulls[LOGIN_COLUMNS] = {false, false, false, false, true};
	Datum		result;

	token_issue(TOKEN_SESSION, &token);
	query_open(&scope);
	credential_insert(&session, &token);
	query_close(&scope);

	values[LOGIN_SESSION_TOKEN] = CStringGetTextDatum(token.text);
	values[LOGIN_SESSION_ID] = UUIDPGetDatum(session_id);
	values[LOGIN_USER_ID] = UUIDPGetDatum(&user->user_id);
	values[LOGIN_EXPIRES_AT] = TimestampTzGetDatum(session.expires_at);
	result = login_datum(fcinfo, values, nulls);
	explicit_bzero(&token, sizeof(token));
	explicit_bzero(DatumGetPointer(values[LOGIN_SESSION_TOKEN]), VARSIZE(DatumGetPointer(values[LOGIN_SESSION_TOKEN])));
	return result;
}

/* Raises where no session can be stored, before anybody is looked for. */
static void
require_storage(void)
{
	if (XactReadOnly || RecoveryInProgress())
		error_raise(ERROR_BAD_REQUEST, "Log in on the primary, in a transaction that may write.",
					"cannot log in within a read-only transaction: a session is stored");
	password_require();
}

/* Deletes a few sessions that are over. */
static void
clean_some(void)
{
	QueryScope	scope;

	query_open(&scope);
	(void) credential_clean(CLEANED_BY_LOGIN);
	query_close(&scope);
}

/* Gives a user a hash of the configured cost, unless somebody is changing the user. */
static void
upgrade_hash(const UserRecord *user, const char *password)
{
	char	   *hash = password_hash(password);
	QueryScope	scope;

	query_open(&scope);
	user_upgrade_hash(&user->user_id, user->password_hash, hash);
	query_close(&scope);
}

/* An e-mail argument; an empty one, which nobody has, for what is no address. */
static char *
email_argument(FunctionCallInfo fcinfo, int argument)
{
	char	   *normal = email_normal(NULL, NULL, changes_text_argument(fcinfo, argument, "email"));

	return normal != NULL ? normal : pstrdup("");
}

/* login(email, password) */
Datum
account_session_login(PG_FUNCTION_ARGS)
{
	Validation	validation;
	char	   *email;
	char	   *password;
	Attempt		attempt;
	UserRecord	user;
	pg_uuid_t	session_id;
	bool		found;
	bool		welcome;
	bool		outdated;

	require_storage();
	validation_start(&validation);
	if (PG_ARGISNULL(0))
		validation_add(&validation, "email", "required", "an e-mail address is required", NULL);
	if (PG_ARGISNULL(1))
		validation_add(&validation, "password", "required", "a password is required", NULL);
	validation_finish(&validation);
	email = email_argument(fcinfo, 0);
	password = password_normal(password_argument(fcinfo, 1));

	clean_some();
	attempt_begin(&attempt, email);
	found = user_find_by_email(email, &user);
	welcome = is_welcome(found, &user);
	if (!password_verify(password, user.password_hash, welcome && !attempt.locked, &outdated))
	{
		refusal_of_login(found ? &user.user_id : NULL, attempt.locked);
		return refusal_datum(fcinfo);
	}
	attempt_succeeded(&attempt);
	token_random_uuid(&session_id);
	note_login(&session_id, &user);
	if (outdated)
		upgrade_hash(&user, password);
	return begin_session(fcinfo, &user, &session_id);
}

/* ---------------------------------------------------------------------------
 * Ending
 */

/* Ends a session of the caller's. */
static void
end_session(const CredentialRecord *session)
{
	QueryScope	scope;

	if (session->ended)
		return;
	/* What it is issuing at this moment is there, or fails (key.c). */
	tree_lock_id(&session->credential_id, LOCK_CLASS_ISSUE, ShareLock);
	query_open(&scope);
	credential_end(session, 'r', GetCurrentTimestamp(), NULL, NULL, caller_profile());
	query_close(&scope);
	guard_taken();
}

/* logout() */
Datum
account_session_logout(PG_FUNCTION_ARGS)
{
	pg_uuid_t	user_id;
	pg_uuid_t	session_id;
	CredentialRecord session;

	user_require_session(&user_id, &session_id);
	if (credential_find(&session_id, &session))
		end_session(&session);
	identity_end();
	PG_RETURN_VOID();
}

/* revoke_session(session_id) */
Datum
account_session_revoke_session(PG_FUNCTION_ARGS)
{
	pg_uuid_t	user_id;
	pg_uuid_t	own_session_id;
	CredentialRecord session;

	user_require_session(&user_id, &own_session_id);
	if (PG_ARGISNULL(0) || !credential_find(PG_GETARG_UUID_P(0), &session) || session.kind != TOKEN_SESSION ||
		!session.has_user || memcmp(&session.user_id, &user_id, UUID_LEN) != 0)
		error_raise(ERROR_NOT_FOUND, NULL, "session not found");
	end_session(&session);
	PG_RETURN_VOID();
}

/* clean_sessions(max_count) */
Datum
account_session_clean_sessions(PG_FUNCTION_ARGS)
{
	Validation	validation;
	QueryScope	scope;
	int64		cleaned;

	caller_require_admin("clean sessions");
	validation_start(&validation);
	if (PG_ARGISNULL(0) || PG_GETARG_INT32(0) < 1 || PG_GETARG_INT32(0) > CLEANED_MAX)
		validation_add(&validation, "max_count", "range", "max_count must be from 1 to 100000", NULL);
	validation_finish(&validation);
	query_open(&scope);
	cleaned = credential_clean(PG_GETARG_INT32(0));
	query_close(&scope);
	PG_RETURN_INT64(cleaned);
}
