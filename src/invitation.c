/*
 * invitation.c
 *	  Who is invited to which account.
 *
 * An invitation is a credential that is bound to an e-mail address.  It is good as long
 * as its sender could send it: when it is accepted (member.c), who sent it is looked at
 * as if it were sent then.  Revoking one waits for nobody: an acceptance looks at
 * the invitation again when its transaction commits, and fails if it was revoked
 * meanwhile.  Of the two sides, which take modes that only bar each other, a commit
 * alone can make the other wait, never an open transaction of the one who accepts.
 *
 * Nothing here tells whether there is a user with an address: what is asked is only who
 * is a member of the account itself.
 */
#include "account.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define EXPIRY_MAX "30 days"

PG_FUNCTION_INFO_V1(account_invitation_invite_member);
PG_FUNCTION_INFO_V1(account_invitation_revoke_invitation);

/* What was accepted in this transaction, looked at again before it commits. */
static LocalTransactionId used_lxid = InvalidLocalTransactionId;
static List *used_ids = NIL;	/* pg_uuid_t *, in the transaction's memory */

/* ---------------------------------------------------------------------------
 * Rows
 */

/* A nullable uuid argument of a query. */
static Datum
uuid_or_null(bool present, const pg_uuid_t *uuid, char *null)
{
	*null = present ? ' ' : 'n';
	return UUIDPGetDatum(uuid);
}

/* Reads what an invitation says by its id; false if there is none. Opens its own query. */
static bool
read_invitation(const pg_uuid_t *invitation_id, Invitation *invitation)
{
	static Statement find = {
		"SELECT i.account_id, i.email::pg_catalog.text, i.role_id, i.membership_ends_at, i.invited_by,"
		" i.inviting_account_id, i.inviting_key_id FROM account.sent_invitations i"
		" WHERE i.invitation_id OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(invitation_id);
	QueryScope	scope;
	bool		found;
	bool		isnull;

	memset(invitation, 0, sizeof(*invitation));
	invitation->invitation_id = *invitation_id;
	query_open(&scope);
	found = query_latest(&find, &value, NULL) > 0;
	if (found)
	{
		Datum		ends_at = query_datum(&scope, 0, 4, &isnull);

		(void) query_uuid(0, 1, &invitation->account_id);
		invitation->email = query_string(&scope, 0, 2);
		(void) query_uuid(0, 3, &invitation->role_id);
		invitation->membership_ends_at = isnull ? DT_NOEND : DatumGetTimestampTz(ends_at);
		invitation->has_inviter = query_uuid(0, 5, &invitation->invited_by);
		invitation->has_inviting_account = query_uuid(0, 6, &invitation->inviting_account_id);
		invitation->has_inviting_key = query_uuid(0, 7, &invitation->inviting_key_id);
	}
	query_close(&scope);
	return found;
}

/* Whether something of a kind has ended a credential. */
static bool
has_ending(const pg_uuid_t *credential_id, char kind)
{
	static Statement find = {
		"SELECT FROM account.credentials c WHERE c.credential_id OPERATOR(pg_catalog.=) $1"
		" AND c.entry OPERATOR(pg_catalog.>) 0 AND c.kind OPERATOR(pg_catalog.=) $2",
		2, {UUIDOID, CHAROID}
	};
	Datum		values[2] = {UUIDPGetDatum(credential_id), CharGetDatum(kind)};
	QueryScope	scope;
	bool		found;

	query_open(&scope);
	found = query_latest(&find, values, NULL) > 0;
	query_close(&scope);
	return found;
}

/* Ends an invitation unless it has ended. Between query_open() and query_close(). */
static void
end_invitation(const pg_uuid_t *invitation_id)
{
	CredentialRecord credential;

	/* An acceptance that is being committed is there before this, or fails. */
	tree_lock_id(invitation_id, LOCK_CLASS_ISSUE, ShareLock);
	if (credential_find(invitation_id, &credential) && !credential.ended)
		credential_end(&credential, 'r', GetCurrentTimestamp(), NULL, NULL, caller_profile());
}

void
invitation_revoke_all(const pg_uuid_t *account_id, const char *email)
{
	static Statement find = {
		"SELECT i.invitation_id FROM account.sent_invitations i"
		" WHERE i.account_id OPERATOR(pg_catalog.=) $1 AND i.email OPERATOR(pg_catalog.=) $2"
		" AND NOT EXISTS (SELECT FROM account.credentials c"
		" WHERE c.credential_id OPERATOR(pg_catalog.=) i.invitation_id"
		" AND c.entry OPERATOR(pg_catalog.>) 0)",
		2, {UUIDOID, TEXTOID}
	};
	Datum		values[2] = {UUIDPGetDatum(account_id), CStringGetTextDatum(email)};
	QueryScope	scope;
	uint64		rows;
	pg_uuid_t  *ids;

	query_open(&scope);
	rows = query_latest(&find, values, NULL);
	ids = palloc(sizeof(pg_uuid_t) * Max(rows, 1));
	for (uint64 row = 0; row < rows; row++)
		(void) query_uuid(row, 1, &ids[row]);
	for (uint64 row = 0; row < rows; row++)
		end_invitation(&ids[row]);
	query_close(&scope);
}

/* ---------------------------------------------------------------------------
 * Whether one is good now
 */

/* What a role has now; false if it was deleted. */
static bool
read_role(const pg_uuid_t *role_id, List **permissions, List **denied)
{
	static Statement find = {
		"SELECT r.permissions, r.denied FROM account.roles r WHERE r.role_id OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(role_id);
	QueryScope	scope;
	bool		found;
	bool		isnull;
	Datum		arrays[2] = {0};

	query_open(&scope);
	found = query_latest(&find, &value, NULL) > 0;
	for (int i = 0; found && i < 2; i++)
		arrays[i] = query_datum(&scope, 0, i + 1, &isnull);
	query_close(&scope);
	if (!found)
		return false;
	*permissions = permission_list(DatumGetArrayTypeP(arrays[0]));
	*denied = permission_list(DatumGetArrayTypeP(arrays[1]));
	return true;
}

/* What the sender has now where it acted; NULL if it is gone. An administrator is asked for nothing. */
static const Rights *
rights_of_sender(const Invitation *invitation)
{
	CredentialRecord key;
	ProfileRecord profile;

	if (!invitation->has_inviter)
	{
		if (!credential_find(&invitation->inviting_key_id, &key) || key.permissions == NULL)
			return NULL;
		return right_of_list(key.permissions, NULL);
	}
	if (!profile_find(&invitation->invited_by, &profile) || hold_of_profile(&profile.profile_id) != 0)
		return NULL;
	if (!profile.has_user)
		return right_of_profile(&profile.profile_id, &invitation->inviting_account_id);
	if (hold_of_profile(&profile.user_id) != 0)
		return NULL;
	return right_of_user(&profile.user_id, &invitation->inviting_account_id);
}

/*
 * Whether the sender could send it now; its own end is taken into that of the
 * membership.
 */
static bool
sender_may(Invitation *invitation)
{
	TreePath   *path = tree_path(&invitation->account_id);
	const Rights *rights;
	List	   *permissions;
	List	   *denied;

	if (!read_role(&invitation->role_id, &permissions, &denied))
		return false;
	if (!invitation->has_inviting_account)
		return true;
	if ((invitation->has_inviting_key && has_ending(&invitation->inviting_key_id, 'r')) ||
		path == NULL || !tree_within(path, &invitation->inviting_account_id))
		return false;
	rights = rights_of_sender(invitation);
	if (rights == NULL || !right_has(rights, permission_number("manage:members"), NULL, NULL) ||
		right_uncovered_anywhere(rights, permissions, denied) != NULL)
		return false;
	invitation->membership_ends_at = Min(invitation->membership_ends_at, rights->expires_at);
	return invitation->membership_ends_at > GetCurrentTimestamp();
}

bool
invitation_find(const char *token, size_t length, Invitation *invitation)
{
	Credential	credential;
	CredentialState state = credential_verify(token, length, TOKEN_INVITATION, &credential);

	/* That its account is suspended is told to the invited alone. */
	return (state == CREDENTIAL_GOOD || state == CREDENTIAL_SUSPENDED) &&
		read_invitation(&credential.credential_id, invitation);
}

bool
invitation_is_good(Invitation *invitation)
{
	CredentialRecord credential;

	AcceptInvalidationMessages();
	return credential_find(&invitation->invitation_id, &credential) && !credential.ended &&
		sender_may(invitation);
}

/* ---------------------------------------------------------------------------
 * Using one up
 */

/* Raises NOT_FOUND if an invitation that this transaction has accepted is not good any more. */
static void
check_again(const pg_uuid_t *invitation_id)
{
	CredentialRecord credential;
	Invitation	invitation;

	tree_lock_id(invitation_id, LOCK_CLASS_ISSUE, RowExclusiveLock);
	AcceptInvalidationMessages();
	if (!credential_find(invitation_id, &credential) || credential.ended_by_others ||
		!read_invitation(invitation_id, &invitation) || !sender_may(&invitation))
		error_raise(ERROR_NOT_FOUND, NULL, "invitation not found");
}

/*
 * An invitation that was revoked while it was being accepted, or whose sender has lost
 * what it takes, makes no member: the transaction fails.  Revocation waits for nobody, so
 * this cannot be known before.
 */
static void
check_used(XactEvent event, void *argument)
{
	ListCell   *cell;

	if ((event != XACT_EVENT_PRE_COMMIT && event != XACT_EVENT_PRE_PREPARE) ||
		used_lxid == InvalidLocalTransactionId || used_lxid != proc_lxid(MyProc))
		return;
	if (event == XACT_EVENT_PRE_PREPARE)
		error_raise(ERROR_BAD_REQUEST, NULL, "a transaction that has accepted an invitation cannot be prepared");
	PushActiveSnapshot(GetLatestSnapshot());
	foreach(cell, used_ids)
		check_again(lfirst(cell));
	PopActiveSnapshot();
}

void
invitation_init(void)
{
	RegisterXactCallback(check_used, NULL);
}

/* Remembers that an invitation is accepted in this transaction. */
static void
note_used(const pg_uuid_t *invitation_id)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));

	if (used_lxid != proc_lxid(MyProc))
		used_ids = NIL;
	*id = *invitation_id;
	used_ids = lappend(used_ids, id);
	used_lxid = proc_lxid(MyProc);
	MemoryContextSwitchTo(old);
}

void
invitation_use(const Invitation *invitation, const pg_uuid_t *profile_id)
{
	CredentialRecord credential;
	QueryScope	scope;

	if (!credential_find(&invitation->invitation_id, &credential))
		elog(ERROR, "could not find the invitation again");
	query_open(&scope);
	credential_end(&credential, 'x', GetCurrentTimestamp(), NULL, NULL, profile_id);
	query_close(&scope);
	note_used(&invitation->invitation_id);
}

/* ---------------------------------------------------------------------------
 * What SQL calls
 */

/* Raises CONFLICT if a member of the account has the address. */
static void
require_no_member(const pg_uuid_t *account_id, const char *email)
{
	static Statement find = {
		"SELECT FROM account.users u"
		" JOIN account.user_memberships m ON m.user_id OPERATOR(pg_catalog.=) u.user_id"
		" AND m.account_id OPERATOR(pg_catalog.=) $1"
		" WHERE u.email OPERATOR(pg_catalog.=) $2"
		" AND COALESCE(m.expires_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp(), true)",
		2, {UUIDOID, TEXTOID}
	};
	Datum		values[2] = {UUIDPGetDatum(account_id), CStringGetTextDatum(email)};
	QueryScope	scope;
	bool		found;

	query_open(&scope);
	found = query_latest(&find, values, NULL) > 0;
	query_close(&scope);
	if (found)
		error_raise(ERROR_CONFLICT, "Assign the role to the member.", "there is a member with this address already");
}

/* Inserts an invitation of the caller. Between query_open() and query_close(). */
static void
insert_invitation(Invitation *invitation, TimestampTz expires_at, Token *token)
{
	static Statement insert = {
		"INSERT INTO account.sent_invitations (invitation_id, account_id, email, role_id, membership_ends_at,"
		" invited_by, inviting_account_id, inviting_key_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
		8, {UUIDOID, UUIDOID, TEXTOID, UUIDOID, TIMESTAMPTZOID, UUIDOID, UUIDOID, UUIDOID}
	};
	NewCredential credential = {
		.kind = TOKEN_INVITATION,
		.credential_id = &invitation->invitation_id,
		.account_id = &invitation->account_id,
		.expires_at = expires_at,
		.created_by = caller_profile()
	};
	Datum		values[8];
	char		nulls[8];

	memset(nulls, ' ', sizeof(nulls));
	token_random_uuid(&invitation->invitation_id);
	token_issue(TOKEN_INVITATION, token);
	values[0] = UUIDPGetDatum(&invitation->invitation_id);
	values[1] = UUIDPGetDatum(&invitation->account_id);
	values[2] = CStringGetTextDatum(invitation->email);
	values[3] = UUIDPGetDatum(&invitation->role_id);
	values[4] = TimestampTzGetDatum(invitation->membership_ends_at);
	nulls[4] = invitation->membership_ends_at == DT_NOEND ? 'n' : ' ';
	values[5] = uuid_or_null(invitation->has_inviter, &invitation->invited_by, &nulls[5]);
	values[6] = uuid_or_null(invitation->has_inviting_account, &invitation->inviting_account_id, &nulls[6]);
	values[7] = uuid_or_null(invitation->has_inviting_key, &invitation->inviting_key_id, &nulls[7]);
	query_write(&insert, values, nulls);
	credential_insert(&credential, token);
}

/* Who sends an invitation, and the end of what it can give. */
static void
take_sender(Invitation *invitation)
{
	const Identity *identity = identity_current();

	invitation->membership_ends_at = DT_NOEND;
	if (identity == NULL)
		return;
	invitation->has_inviter = identity->has_profile;
	invitation->invited_by = identity->profile_id;
	invitation->has_inviting_account = identity->has_account;
	invitation->inviting_account_id = identity->account_id;
	invitation->has_inviting_key = identity->has_key;
	invitation->inviting_key_id = identity->api_key_id;
	invitation->membership_ends_at = identity->issues_until;
}

/* An account.issued_invitation; wipes the token. */
static Datum
issued_datum(FunctionCallInfo fcinfo, const Invitation *invitation, const char *role, TimestampTz expires_at,
			 Token *token)
{
	static RowType row_type;
	Datum		values[6];
	bool		nulls[6] = {false};
	text	   *shown = cstring_to_text(token->text);
	HeapTuple	tuple;

	explicit_bzero(token, sizeof(*token));
	values[0] = UUIDPGetDatum(&invitation->invitation_id);
	values[1] = PointerGetDatum(shown);
	values[2] = UUIDPGetDatum(&invitation->account_id);
	values[3] = CStringGetTextDatum(invitation->email);
	values[4] = CStringGetTextDatum(role);
	values[5] = TimestampTzGetDatum(expires_at);
	tuple = heap_form_tuple(schema_row_type(fcinfo, &row_type), values, nulls);
	explicit_bzero(VARDATA(shown), VARSIZE(shown) - VARHDRSZ);
	return HeapTupleGetDatum(tuple);
}

/* invite_member(email, role, expires_in, account_id) */
Datum
account_invitation_invite_member(PG_FUNCTION_ARGS)
{
	char	   *email = changes_text_argument(fcinfo, 0, "email");
	char	   *role_name = changes_text_argument(fcinfo, 1, "role");
	Interval   *expires_in = changes_interval_argument(fcinfo, 2);
	Invitation	invitation = {.has_inviter = false};
	TimestampTz expires_at;
	Validation	validation;
	Target		target;
	RoleRecord	role;
	Token		token;
	QueryScope	scope;

	caller_target("manage:members", PG_ARGISNULL(3) ? NULL : PG_GETARG_UUID_P(3),
				  SCOPE_OWN | SCOPE_DESCENDANTS | SCOPE_ADMIN, &target);
	validation_start(&validation);
	invitation.email = email_normal(&validation, "email", email);
	if (expires_in == NULL || !changes_interval_between(expires_in, "0", false, EXPIRY_MAX))
		validation_add(&validation, "expires_in", "range", "expires_in must be more than 0 and at most 30 days", NULL);
	validation_finish(&validation);

	invitation.account_id = target.account_id;
	role_require_grantable("manage:members", &target.account_id, role_name, &role);
	invitation.role_id = role.role_id;
	hold_require_writable(&target.account_id, target.path);
	take_sender(&invitation);
	expires_at = Min(changes_plus_interval(GetCurrentTimestamp(), expires_in), invitation.membership_ends_at);

	require_no_member(&target.account_id, invitation.email);
	invitation_revoke_all(&target.account_id, invitation.email);
	query_open(&scope);
	insert_invitation(&invitation, expires_at, &token);
	query_close(&scope);
	return issued_datum(fcinfo, &invitation, role.name, expires_at, &token);
}

/* revoke_invitation(invitation_id) */
Datum
account_invitation_revoke_invitation(PG_FUNCTION_ARGS)
{
	Invitation	invitation;
	bool		found = !PG_ARGISNULL(0) && read_invitation(PG_GETARG_UUID_P(0), &invitation);
	Target		target;
	QueryScope	scope;

	caller_target_of("manage:members", found, &invitation.account_id, "invitation", &target);
	query_open(&scope);
	end_invitation(&invitation.invitation_id);
	query_close(&scope);
	if (has_ending(&invitation.invitation_id, 'x'))
		error_raise(ERROR_CONFLICT, "Remove the member.", "the invitation was accepted");
	PG_RETURN_VOID();
}
