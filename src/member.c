/*
 * member.c
 *	  Who is a member of which account.
 *
 * A membership is a row that says which user has which profile in which account, until
 * when; its grants end no later.  Whoever makes or ends one holds the lock of its place,
 * the user in the account, so that a user has one profile there and no more.
 *
 * Locks, in this order: the role; the invitation that is accepted; the place; the profile
 * that ends; the tree; the limit.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define REASON_MAX 1000			/* characters */
#define EXPIRY_MAX "100 years"

/* A membership that is to be. */
typedef struct NewMember
{
	const pg_uuid_t *account_id;
	const pg_uuid_t *user_id;
	const char *name;			/* of the profile: the e-mail address of now */
	const pg_uuid_t *role_id;
	TimestampTz expires_at;		/* DT_NOEND never */
	const char *reason;			/* may be NULL */
	bool		has_giver;		/* none for an administrator or an application */
	pg_uuid_t	given_by;
} NewMember;

PG_FUNCTION_INFO_V1(account_member_add_member);
PG_FUNCTION_INFO_V1(account_member_remove_member);
PG_FUNCTION_INFO_V1(account_member_accept_invitation);
PG_FUNCTION_INFO_V1(account_member_memberships);

/* ---------------------------------------------------------------------------
 * Beginning and ending
 */

/* Nobody else makes or ends the membership of a user in an account until the end of the transaction. */
static void
lock_place(const pg_uuid_t *user_id, const pg_uuid_t *account_id)
{
	pg_uuid_t	place;

	for (int i = 0; i < UUID_LEN; i++)
		place.data[i] = user_id->data[i] ^ account_id->data[i];
	tree_lock_id(&place, LOCK_CLASS_PROFILE, ExclusiveLock);
}

/* Locks a profile against what is being issued for it, and reads it; false if it is gone. */
static bool
lock_profile(const pg_uuid_t *profile_id, ProfileRecord *profile)
{
	tree_lock_id(profile_id, LOCK_CLASS_PROFILE, ExclusiveLock);
	return profile_find(profile_id, profile);
}

/*
 * Locks the place of a user in an account and makes sure that it is free: a membership
 * that is over is ended for good, one that is not is a CONFLICT.
 */
static void
take_place(const pg_uuid_t *user_id, const pg_uuid_t *account_id)
{
	static Statement find = {
		"SELECT m.profile_id, COALESCE(m.expires_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp(), true)"
		" FROM account.user_memberships m WHERE m.user_id OPERATOR(pg_catalog.=) $1"
		" AND m.account_id OPERATOR(pg_catalog.=) $2",
		2, {UUIDOID, UUIDOID}
	};
	Datum		values[2] = {UUIDPGetDatum(user_id), UUIDPGetDatum(account_id)};
	QueryScope	scope;
	ProfileRecord profile;
	pg_uuid_t	profile_id;
	bool		found;
	bool		stands;

	lock_place(user_id, account_id);
	query_open(&scope);
	found = query_latest(&find, values, NULL) > 0;
	stands = found && query_bool(0, 2);
	if (found)
		(void) query_uuid(0, 1, &profile_id);
	query_close(&scope);
	if (stands)
		error_raise(ERROR_CONFLICT, "Assign the role to the member.", "the user is a member already");
	if (found && lock_profile(&profile_id, &profile))
		principal_delete(&profile, "the membership has ended");
}

/* Inserts a membership where its place is free. */
static void
insert_member(const NewMember *member, pg_uuid_t *profile_id)
{
	static Statement insert = {
		"INSERT INTO account.user_memberships (user_id, account_id, profile_id, expires_at, reason, created_by)"
		" VALUES ($1, $2, $3, $4, $5, $6)",
		6, {UUIDOID, UUIDOID, UUIDOID, TIMESTAMPTZOID, TEXTOID, UUIDOID}
	};
	NewProfile	profile = {
		.account_id = member->account_id,
		.user_id = member->user_id,
		.name = member->name,
		.has_creator = true,
		.creator = member->has_giver ? &member->given_by : NULL
	};
	NewGrant	grant = {
		.profile_id = profile_id,
		.role_id = member->role_id,
		.expires_at = member->expires_at,
		.has_giver = true,
		.giver = member->has_giver ? &member->given_by : NULL
	};
	Datum		values[6];
	char		nulls[6] = {' ', ' ', ' ', ' ', ' ', ' '};
	QueryScope	scope;

	query_open(&scope);
	profile_insert(&profile, profile_id);
	values[0] = UUIDPGetDatum(member->user_id);
	values[1] = UUIDPGetDatum(member->account_id);
	values[2] = UUIDPGetDatum(profile_id);
	values[3] = TimestampTzGetDatum(member->expires_at);
	nulls[3] = member->expires_at == DT_NOEND ? 'n' : ' ';
	values[4] = member->reason != NULL ? CStringGetTextDatum(member->reason) : (Datum) 0;
	nulls[4] = member->reason != NULL ? ' ' : 'n';
	values[5] = UUIDPGetDatum(&member->given_by);
	nulls[5] = member->has_giver ? ' ' : 'n';
	query_write(&insert, values, nulls);
	(void) profile_insert_grant(&grant);
	query_close(&scope);

	/* The profile is new, but not the user, of whom sessions know which memberships there are. */
	permission_signal();
}

/*
 * Locks the account that a member joins and makes sure that there is room.  It may have
 * left the reach (NULL: any) of who lets the member in.
 */
static void
join_account(const pg_uuid_t *account_id, const pg_uuid_t *within)
{
	TreePath   *path = tree_lock(account_id, false);

	if (path == NULL || (within != NULL && !tree_within(path, within)))
		error_raise(ERROR_NOT_FOUND, NULL, "account not found");
	hold_require_writable(account_id, path);
	plan_require_room("members", account_id);
}

/* ---------------------------------------------------------------------------
 * Adding
 */

/* Whether a user is one that the target's caller may add: any for an administrator, or created by its account or below. */
static bool
may_add(const pg_uuid_t *user_id, const Target *target, UserRecord *user)
{
	static Statement find = {
		"SELECT u.created_by_account_id FROM account.users u WHERE u.user_id OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(user_id);
	QueryScope	scope;
	pg_uuid_t	creator;
	bool		has_creator;
	TreePath   *path;

	if (!user_find(user_id, user) || user->email == NULL || user_is_disabled(user_id))
		return false;
	if (target->as_admin)
		return true;
	query_open(&scope);
	has_creator = query_latest(&find, &value, NULL) > 0 && query_uuid(0, 1, &creator);
	query_close(&scope);
	path = has_creator ? tree_path(&creator) : NULL;
	return path != NULL && tree_within(path, &identity_current()->account_id);
}

static bool
is_reason(Datum value)
{
	return changes_is_length(value, 1, REASON_MAX);
}

/* Raises VALIDATION_FAILED for arguments that no membership has. */
static void
check_arguments(const Interval *expires_in, Datum reason, bool no_reason)
{
	static const ChangeField reason_field = {
		"reason", false, true, CHANGE_BY_ITSELF, is_reason, "must have 1 to 1,000 characters"
	};
	Validation	validation;

	validation_start(&validation);
	if (expires_in != NULL && !changes_interval_between(expires_in, "0", false, EXPIRY_MAX))
		validation_add(&validation, "expires_in", "range", "expires_in must be more than 0 and at most 100 years", NULL);
	changes_check_value(&validation, &reason_field, reason, no_reason);
	validation_finish(&validation);
}

/* When a membership ends that the caller gives: no later than what it issues. */
static TimestampTz
settle_end(const Interval *expires_in)
{
	const Identity *identity = identity_current();
	TimestampTz latest = identity != NULL ? identity->issues_until : DT_NOEND;
	TimestampTz ends_at = expires_in != NULL ? changes_plus_interval(GetCurrentTimestamp(), expires_in) : latest;

	if (ends_at > latest)
		error_raise(ERROR_FORBIDDEN, NULL, "a membership cannot outlive the one who gives it");
	return ends_at;
}

/* add_member(user_id, role, account_id, expires_in, reason) */
Datum
account_member_add_member(PG_FUNCTION_ARGS)
{
	char	   *role_name = changes_text_argument(fcinfo, 1, "role");
	Interval   *expires_in = changes_interval_argument(fcinfo, 3);
	NewMember	member = {.reason = changes_text_argument(fcinfo, 4, "reason")};
	pg_uuid_t  *profile_id = palloc(sizeof(pg_uuid_t));
	Target		target;
	UserRecord	user;
	RoleRecord	role;

	caller_target("manage:members", PG_ARGISNULL(2) ? NULL : PG_GETARG_UUID_P(2),
				  SCOPE_OWN | SCOPE_DESCENDANTS | SCOPE_ADMIN, &target);
	check_arguments(expires_in, PG_GETARG_DATUM(4), PG_ARGISNULL(4));
	role_require_grantable("manage:members", &target.account_id, role_name, &role);
	if (PG_ARGISNULL(0) || !may_add(PG_GETARG_UUID_P(0), &target, &user))
		error_raise(ERROR_NOT_FOUND, NULL, "user not found");
	member.account_id = &target.account_id;
	member.user_id = &user.user_id;
	member.name = user.email;
	member.role_id = &role.role_id;
	member.expires_at = settle_end(expires_in);
	member.has_giver = caller_profile() != NULL;
	if (member.has_giver)
		member.given_by = *caller_profile();

	take_place(&user.user_id, &target.account_id);
	join_account(&target.account_id, target.as_admin ? NULL : &identity_current()->account_id);
	insert_member(&member, profile_id);
	invitation_revoke_all(&target.account_id, user.email);
	PG_RETURN_UUID_P(profile_id);
}

/* ---------------------------------------------------------------------------
 * Accepting an invitation
 */

/* The calling user; raises MISSING_API_KEY, or FORBIDDEN for who is none. */
static Identity
require_user(const char *action)
{
	const Identity *identity = identity_current();

	if (identity == NULL)
		error_raise(ERROR_MISSING_API_KEY, "Call account.authenticate() first, in the same transaction.",
					"nobody is authenticated");
	if (!identity->has_user)
		error_raise(ERROR_FORBIDDEN, "Authenticate with the token of a session.", "only a user %s", action);
	return *identity;
}

/*
 * The address of the user is proven.  Who set a password or opened a session before need
 * not have been who reads its mail: both end.
 */
static void
prove_email(const Identity *caller)
{
	static Statement update = {
		"UPDATE account.users SET email_verified_at = pg_catalog.clock_timestamp(), password_hash = NULL,"
		" updated_at = pg_catalog.now() WHERE user_id OPERATOR(pg_catalog.=) $1 AND email_verified_at IS NULL",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(&caller->user_id);
	QueryScope	scope;

	query_open(&scope);
	if (query_write(&update, &value, NULL) > 0)
		user_end_sessions(&caller->user_id, caller->has_session ? &caller->session_id : NULL);
	query_close(&scope);
}

static void
not_found(void)
{
	error_raise(ERROR_NOT_FOUND, NULL, "invitation not found");
}

/* The invitation to the calling user that a token is of; raises NOT_FOUND for any other. */
static void
find_invitation(FunctionCallInfo fcinfo, const UserRecord *user, Invitation *invitation)
{
	Validation	validation;
	const char *token;
	size_t		length;

	validation_start(&validation);
	if (PG_ARGISNULL(0))
		validation_add(&validation, "token", "required", "a token is required", NULL);
	validation_finish(&validation);
	token_argument(fcinfo, 0, &token, &length);
	if (!invitation_find(token, length, invitation) || user->email == NULL || invitation->email == NULL ||
		strcmp(invitation->email, user->email) != 0)
		not_found();
}

/* accept_invitation(token) */
Datum
account_member_accept_invitation(PG_FUNCTION_ARGS)
{
	Identity	caller = require_user("can accept an invitation");
	pg_uuid_t  *profile_id = palloc(sizeof(pg_uuid_t));
	NewMember	member = {.reason = NULL};
	Invitation	invitation;
	UserRecord	user;

	if (!user_find(&caller.user_id, &user))
		not_found();
	find_invitation(fcinfo, &user, &invitation);

	tree_lock_id(&invitation.invitation_id, LOCK_CLASS_INVITATION, ExclusiveLock);
	lock_place(&user.user_id, &invitation.account_id);
	if (!invitation_is_good(&invitation))
		not_found();
	take_place(&user.user_id, &invitation.account_id);
	join_account(&invitation.account_id,
				 invitation.has_inviting_account ? &invitation.inviting_account_id : NULL);
	member.account_id = &invitation.account_id;
	member.user_id = &user.user_id;
	member.name = user.email;
	member.role_id = &invitation.role_id;
	member.expires_at = invitation.membership_ends_at;
	member.has_giver = invitation.has_inviter;
	member.given_by = invitation.invited_by;
	insert_member(&member, profile_id);
	invitation_use(&invitation, profile_id);
	invitation_revoke_all(&invitation.account_id, user.email);
	prove_email(&caller);
	PG_RETURN_UUID_P(profile_id);
}

/* ---------------------------------------------------------------------------
 * Removing
 */

/* Whether a user calls by this very profile, and not by a key of it. */
static bool
is_caller(const ProfileRecord *profile)
{
	const Identity *identity = identity_current();

	return identity != NULL && identity->has_user && identity->has_profile &&
		memcmp(&identity->profile_id, &profile->profile_id, UUID_LEN) == 0;
}

/* remove_member(profile_id) */
Datum
account_member_remove_member(PG_FUNCTION_ARGS)
{
	ProfileRecord profile;
	bool		found = !PG_ARGISNULL(0) && profile_find(PG_GETARG_UUID_P(0), &profile) && profile.has_user;
	UserRecord	user;
	Target		target;

	if (!found || !is_caller(&profile))
	{
		caller_target_of("manage:members", found, &profile.account_id, "member", &target);
		role_require_outranked(&profile);
	}
	lock_place(&profile.user_id, &profile.account_id);
	if (!lock_profile(&profile.profile_id, &profile))
		error_raise(ERROR_NOT_FOUND, NULL, "member not found");
	principal_delete(&profile, "the member was removed");
	if (user_find(&profile.user_id, &user) && user.email != NULL)
		invitation_revoke_all(&profile.account_id, user.email);
	PG_RETURN_VOID();
}

/* ---------------------------------------------------------------------------
 * Listing
 */

/* memberships() */
Datum
account_member_memberships(PG_FUNCTION_ARGS)
{
	static Statement find = {
		"SELECT m.account_id, a.name::pg_catalog.text, m.profile_id,"
		" ARRAY(SELECT DISTINCT r.name::pg_catalog.text COLLATE pg_catalog.\"C\" FROM account.grants g"
		" JOIN account.roles r ON r.role_id OPERATOR(pg_catalog.=) g.role_id"
		" WHERE g.profile_id OPERATOR(pg_catalog.=) m.profile_id"
		" AND COALESCE(g.expires_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp(), true) ORDER BY 1),"
		" m.expires_at FROM account.user_memberships m"
		" JOIN account.accounts a ON a.account_id OPERATOR(pg_catalog.=) m.account_id"
		" WHERE m.user_id OPERATOR(pg_catalog.=) $1"
		" AND COALESCE(m.expires_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp(), true)"
		" AND NOT EXISTS (SELECT FROM account.holds h WHERE h.subject_id OPERATOR(pg_catalog.=) m.profile_id"
		" AND h.kind OPERATOR(pg_catalog.=) 'd')"
		" ORDER BY a.name::pg_catalog.text COLLATE pg_catalog.\"C\", m.account_id",
		1, {UUIDOID}
	};
	Identity	caller = require_user("has memberships");
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		value = UUIDPGetDatum(&caller.user_id);
	QueryScope	scope;
	uint64		rows;

	InitMaterializedSRF(fcinfo, 0);
	query_open(&scope);
	rows = query_read(&find, &value, NULL);
	for (uint64 row = 0; row < rows; row++)
		tuplestore_puttuple(result->setResult, SPI_tuptable->vals[row]);
	query_close(&scope);
	return (Datum) 0;
}
