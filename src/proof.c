/*
 * proof.c
 *	  User tokens: the proof that an e-mail is somebody's.
 *
 * A token goes to the e-mail's owner, by whoever has it issued, and is used once.  What
 * it is good for stands in its credential as a permission: verify:email, reset:password.
 * It belongs to a user, or to one registration, whose user it makes: with several of one
 * e-mail that of the newest.  Two who use a token at once are ordered by a lock on its id;
 * what else ends it changes the user in the same transaction, so it is looked at again
 * when the user has been changed.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define LASTS_AT_MOST "30 days"

typedef enum Purpose
{
	PURPOSE_VERIFY,
	PURPOSE_RESET,
	PURPOSES
} Purpose;

static const struct
{
	const char *name;
	const char *permission;
}			purposes[PURPOSES] = {
	[PURPOSE_VERIFY] = {"verify", "verify:email"},
	[PURPOSE_RESET] = {"reset", "reset:password"}
};

PG_FUNCTION_INFO_V1(account_proof_issue_user_token);
PG_FUNCTION_INFO_V1(account_proof_use_user_token);

/* ---------------------------------------------------------------------------
 * Issuing
 */

static Purpose
find_purpose(const char *name)
{
	Purpose		purpose = 0;

	while (purpose < PURPOSES && (name == NULL || strcmp(purposes[purpose].name, name) != 0))
		purpose++;
	return purpose;
}

/* Inserts a token for a user, or for who is to become one, and returns its text. */
static text *
issue_token(const pg_uuid_t *user_id, Purpose purpose, TimestampTz expires_at)
{
	Datum		permission = CStringGetTextDatum(purposes[purpose].permission);
	pg_uuid_t	credential_id;
	NewCredential credential = {
		.kind = TOKEN_USER,
		.credential_id = &credential_id,
		.user_id = user_id,
		.expires_at = expires_at,
		.permissions = construct_array(&permission, 1, TEXTOID, -1, false, TYPALIGN_INT)
	};
	Token		token;
	QueryScope	scope;
	text	   *result;

	token_random_uuid(&credential_id);
	token_issue(TOKEN_USER, &token);
	query_open(&scope);
	credential_insert(&credential, &token);
	query_close(&scope);
	result = cstring_to_text(token.text);
	explicit_bzero(&token, sizeof(token));
	return result;
}

/* issue_user_token(email, purpose, expires_in) */
Datum
account_proof_issue_user_token(PG_FUNCTION_ARGS)
{
	Interval   *expires_in = changes_interval_argument(fcinfo, 2);
	Purpose		purpose = find_purpose(changes_text_argument(fcinfo, 1, "purpose"));
	Validation	validation;
	char	   *email;
	UserRecord	user;
	Registration registration;

	caller_require_admin("issue user tokens");
	validation_start(&validation);
	email = email_normal(&validation, "email", changes_text_argument(fcinfo, 0, "email"));
	if (purpose == PURPOSES)
		validation_add(&validation, "purpose", "enum", "unknown purpose", "Use verify or reset.");
	if (expires_in == NULL || !changes_interval_between(expires_in, "0", false, LASTS_AT_MOST))
		validation_add(&validation, "expires_in", "range", "expires_in must be more than 0 and at most 30 days", NULL);
	validation_finish(&validation);

	if (!user_find_by_email(email, &user))
	{
		if (!signup_find_by_email(email, &registration))
			error_raise(ERROR_NOT_FOUND, NULL, "user not found");
		user.user_id = registration.user_id;
	}
	PG_RETURN_TEXT_P(issue_token(&user.user_id, purpose,
								 changes_plus_interval(GetCurrentTimestamp(), expires_in)));
}

/* ---------------------------------------------------------------------------
 * Using
 */

static void
raise_invalid(void)
{
	error_raise(ERROR_INVALID_AUTHORIZATION, "Ask for another one.", "the token is not valid");
}

static Purpose
credential_purpose(const Credential *credential)
{
	Purpose		purpose = 0;
	List	   *permissions = credential->permissions != NULL ? permission_list(credential->permissions) : NIL;

	while (purpose < PURPOSES &&
		   (list_length(permissions) != 1 || strcmp(purposes[purpose].permission, linitial(permissions)) != 0))
		purpose++;
	return purpose;
}

/* Verifies a token and locks it: until the end of the transaction nobody else uses it. */
static Purpose
take_token(FunctionCallInfo fcinfo, Credential *credential, CredentialRecord *record)
{
	const char *token;
	size_t		length;
	CredentialState state;
	Purpose		purpose;

	token_argument(fcinfo, 0, &token, &length);
	state = credential_verify(token, length, TOKEN_USER, credential);
	if (state == CREDENTIAL_EXPIRED)
		error_raise(ERROR_EXPIRED_API_KEY, "Ask for another one.", "the token has expired");
	if (state != CREDENTIAL_GOOD || (purpose = credential_purpose(credential)) == PURPOSES)
		raise_invalid();
	tree_lock_id(&credential->credential_id, LOCK_CLASS_KEY, ExclusiveLock);
	if (!credential_find(&credential->credential_id, record) || record->ended)
		raise_invalid();
	return purpose;
}

/* Sets a password and the proof of the e-mail for who is a user already. */
static void
prove_user(const UserRecord *user, const char *hash)
{
	QueryScope	scope;

	query_open(&scope);
	user_set_password(&user->user_id, hash, true);
	if (hash != NULL)
		user_end_sessions(&user->user_id, NULL);
	query_close(&scope);
}

/* Makes a user of a registration, whose e-mail is proved. */
static void
prove_registration(Registration *registration, char *hash)
{
	if (hash != NULL)
		registration->password_hash = hash;
	if (!signup_accept(registration, true))
		error_raise(ERROR_CONFLICT, "Log in, or have the password reset.", "this e-mail has a user already");
}

/* use_user_token(token, password) */
Datum
account_proof_use_user_token(PG_FUNCTION_ARGS)
{
	char	   *typed = password_argument(fcinfo, 1);
	Credential	credential;
	CredentialRecord record;
	Purpose		purpose = take_token(fcinfo, &credential, &record);
	UserRecord	user;
	Registration registration;
	bool		is_user = user_find(&credential.user_id, &user);
	Validation	validation;
	char	   *password = NULL;
	char	   *hash = NULL;
	QueryScope	scope;

	if (is_user ? user.email == NULL : !signup_find(&credential.user_id, &registration))
		raise_invalid();
	validation_start(&validation);
	if (typed != NULL || purpose == PURPOSE_RESET || (!is_user && signup_is_contested(registration.email)))
		password = password_validate(&validation, "password", typed, is_user ? user.email : registration.email,
									 is_user ? NULL : registration.account_name);
	validation_finish(&validation);
	if (password != NULL)
		hash = password_hash(password);

	query_open(&scope);
	credential_end(&record, 'x', GetCurrentTimestamp(), NULL, NULL, NULL);
	query_close(&scope);
	if (is_user)
		prove_user(&user, hash);
	else
		prove_registration(&registration, hash);

	/* Who had the user locked until now may have ended the token. */
	if (credential_find(&credential.credential_id, &record) && record.ended_by_others)
		raise_invalid();
	PG_RETURN_VOID();
}
