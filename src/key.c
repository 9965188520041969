/*
 * key.c
 *	  API keys: issued, replaced, revoked, verified.
 *
 * A key is a credential row, which says what it may do and never changes, and a
 * row of account.keys, which says what people call it.  What ends a key is
 * another credential row, inserted without waiting for anybody.  Only
 * rotate_api_key() takes a lock, of our own class, on the key, so that it is
 * replaced once; revocation does not take it.  What a key has issued is committed
 * either before a revocation looks for successors, or after it has been committed,
 * and then fails: of the two sides, which take modes that only bar each other, a
 * commit alone can make the other wait, never an open transaction of a key's holder.
 *
 * What a key mints has at most its own permissions, networks and expiry.
 */
#include "account.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define OVERLAP_MAX_DAYS 30

PG_FUNCTION_INFO_V1(account_key_create_api_key);
PG_FUNCTION_INFO_V1(account_key_create_application_key);
PG_FUNCTION_INFO_V1(account_key_rotate_api_key);
PG_FUNCTION_INFO_V1(account_key_revoke_api_key);
PG_FUNCTION_INFO_V1(account_key_verify_api_key);

/* The key or session that has issued a key in this transaction, looked at again before it commits. */
static LocalTransactionId issuer_lxid = InvalidLocalTransactionId;
static pg_uuid_t issuer_id;

/* ---------------------------------------------------------------------------
 * Rows
 */

/* Remembers which key or session issues a key in this transaction. */
static void
note_issuer(void)
{
	const Identity *identity = identity_current();

	if (identity == NULL || !(identity->has_key || identity->has_session))
		return;
	issuer_lxid = proc_lxid(MyProc);
	issuer_id = identity->has_key ? identity->api_key_id : identity->session_id;
}

/*
 * A key or session that was ended while its holder kept a transaction open leaves no key
 * behind: the transaction fails.  Revocation waits for nobody, so this cannot be known before.
 */
static void
check_issuer(XactEvent event, void *argument)
{
	CredentialRecord issuer;

	if ((event != XACT_EVENT_PRE_COMMIT && event != XACT_EVENT_PRE_PREPARE) ||
		issuer_lxid == InvalidLocalTransactionId || issuer_lxid != proc_lxid(MyProc))
		return;
	if (event == XACT_EVENT_PRE_PREPARE)
		error_raise(ERROR_BAD_REQUEST, NULL, "a transaction that has issued a key cannot be prepared");
	PushActiveSnapshot(GetLatestSnapshot());
	/* Who ends it alone locks it; who ends all that its holder has, the holder. */
	(void) credential_find(&issuer_id, &issuer);
	tree_lock_id(credential_holder(&issuer), LOCK_CLASS_ISSUE, RowExclusiveLock);
	tree_lock_id(&issuer_id, LOCK_CLASS_ISSUE, RowExclusiveLock);
	(void) credential_find(&issuer_id, &issuer);
	PopActiveSnapshot();
	if (issuer.ended_by_others)
		error_raise(ERROR_INVALID_AUTHORIZATION, NULL, "the API key is not valid");
}

void
key_init(void)
{
	RegisterXactCallback(check_issuer, NULL);
}

static void
insert_key(TokenKind kind, const pg_uuid_t *account_id, const pg_uuid_t *profile_id, const pg_uuid_t *line_id,
		   const KeyGrant *grant, pg_uuid_t *api_key_id, Token *token)
{
	static Statement insert = {
		"INSERT INTO account.keys (api_key_id, account_id, profile_id, name, description, preview, system,"
		" external_id, labels, created_by)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, COALESCE($9, '{}'::pg_catalog.jsonb), $10)",
		10, {UUIDOID, UUIDOID, UUIDOID, TEXTOID, TEXTOID, TEXTOID, BOOLOID, TEXTOID, JSONBOID, UUIDOID}
	};
	NewCredential credential = {
		.kind = kind,
		.credential_id = api_key_id,
		.account_id = account_id,
		.profile_id = profile_id,
		.line_id = line_id,
		.expires_at = grant->expires_at,
		.permissions = grant->permissions,
		.workspace_ids = grant->workspace_ids,
		.allowed_ips = grant->allowed_ips,
		.created_by = caller_profile()
	};
	Datum		values[10];
	char		nulls[10];

	memset(nulls, ' ', sizeof(nulls));
	token_random_uuid(api_key_id);
	token_issue(kind, token);
	values[0] = UUIDPGetDatum(api_key_id);
	values[1] = query_pointer_or_null(account_id, &nulls[1]);
	values[2] = query_pointer_or_null(profile_id, &nulls[2]);
	values[3] = CStringGetTextDatum(grant->name);
	values[4] = query_text_or_null(grant->description, &nulls[4]);
	values[5] = CStringGetTextDatum(token->preview);
	values[6] = BoolGetDatum(grant->system);
	values[7] = query_text_or_null(grant->external_id, &nulls[7]);
	values[8] = grant->labels;
	nulls[8] = grant->labels != (Datum) 0 ? ' ' : 'n';
	values[9] = query_pointer_or_null(caller_profile(), &nulls[9]);
	query_write(&insert, values, nulls);
	credential_insert(&credential, token);
	note_issuer();
}

void
key_insert(const pg_uuid_t *account_id, const pg_uuid_t *profile_id, const KeyGrant *grant,
		   pg_uuid_t *api_key_id, Token *token)
{
	insert_key(TOKEN_KEY, account_id, profile_id, NULL, grant, api_key_id, token);
}

bool
key_read(const pg_uuid_t *api_key_id, StoredKey *key)
{
	static Statement find = {
		"SELECT k.name::pg_catalog.text, k.description, k.external_id, k.system, k.labels::pg_catalog.jsonb"
		" FROM account.keys k"
		" WHERE k.api_key_id OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};
	pg_uuid_t	id = *api_key_id;
	Datum		values[1] = {UUIDPGetDatum(&id)};
	QueryScope	scope;
	bool		found;
	bool		isnull;

	memset(key, 0, sizeof(*key));
	if (!credential_find(&id, &key->credential))
		return false;
	query_open(&scope);
	found = query_latest(&find, values, NULL) > 0;
	if (found)
	{
		key->grant.name = query_string(&scope, 0, 1);
		key->grant.description = query_string(&scope, 0, 2);
		key->grant.external_id = query_string(&scope, 0, 3);
		key->grant.system = query_bool(0, 4);
		key->grant.labels = query_datum(&scope, 0, 5, &isnull);
	}
	query_close(&scope);
	key->grant.permissions = key->credential.permissions;
	key->grant.allowed_ips = key->credential.allowed_ips;
	key->grant.expires_at = key->credential.own_end;
	key->grant.workspace_ids = issue_uuid_array(key->credential.workspaces, key->credential.nworkspaces);
	return found;
}

/* ---------------------------------------------------------------------------
 * What SQL calls
 */

Datum
key_issued_datum(FunctionCallInfo fcinfo, const pg_uuid_t *api_key_id, Token *token, const pg_uuid_t *account_id,
				 const pg_uuid_t *profile_id, const KeyGrant *grant)
{
	static RowType row_type;
	Datum		values[6];
	bool		nulls[6] = {false};
	text	   *shown = cstring_to_text(token->text);
	HeapTuple	tuple;

	explicit_bzero(token, sizeof(*token));
	nulls[2] = account_id == NULL;
	nulls[3] = profile_id == NULL;
	nulls[5] = grant->expires_at == DT_NOEND;
	values[0] = UUIDPGetDatum(api_key_id);
	values[1] = PointerGetDatum(shown);
	values[2] = PointerGetDatum(account_id);
	values[3] = PointerGetDatum(profile_id);
	values[4] = CStringGetTextDatum(grant->name);
	values[5] = TimestampTzGetDatum(grant->expires_at);
	tuple = heap_form_tuple(schema_row_type(fcinfo, &row_type), values, nulls);
	explicit_bzero(VARDATA(shown), VARSIZE(shown) - VARHDRSZ);
	return HeapTupleGetDatum(tuple);
}

/* create_api_key(profile_id, name, permissions, expires_in, workspace_ids, allowed_ips, description) */
Datum
account_key_create_api_key(PG_FUNCTION_ARGS)
{
	Validation	validation;
	KeyGrant	grant = {0};
	Interval   *expires_in = changes_interval_argument(fcinfo, 3);
	ProfileRecord profile;
	pg_uuid_t	api_key_id;
	bool		found = false;
	Target		target;
	Token		token;
	QueryScope	scope;

	grant.name = changes_text_argument(fcinfo, 1, "name");
	grant.permissions = changes_array_argument(fcinfo, 2);
	grant.workspace_ids = changes_array_argument(fcinfo, 4);
	grant.allowed_ips = changes_array_argument(fcinfo, 5);
	grant.description = changes_text_argument(fcinfo, 6, "description");

	if (!PG_ARGISNULL(0))
		found = profile_find(PG_GETARG_UUID_P(0), &profile);
	caller_target_of("manage:api_keys", found, &profile.account_id, "profile", &target);
	validation_start(&validation);
	issue_validate(&grant, expires_in, &validation);
	validation_finish(&validation);
	issue_settle(&grant, expires_in, &profile);
	guard_issued("manage:api_keys", &target.account_id, permission_list(grant.permissions));
	issue_take_place(&target, &profile.profile_id);

	query_open(&scope);
	key_insert(&target.account_id, &profile.profile_id, &grant, &api_key_id, &token);
	query_close(&scope);
	return key_issued_datum(fcinfo, &api_key_id, &token, &target.account_id, &profile.profile_id, &grant);
}

/* create_application_key(name, permissions, expires_in, allowed_ips) */
Datum
account_key_create_application_key(PG_FUNCTION_ARGS)
{
	Validation	validation;
	KeyGrant	grant = {0};
	Interval   *expires_in = changes_interval_argument(fcinfo, 2);
	pg_uuid_t	api_key_id;
	Token		token;
	QueryScope	scope;

	caller_require_admin("issue application keys");
	grant.name = changes_text_argument(fcinfo, 0, "name");
	grant.permissions = changes_array_argument(fcinfo, 1);
	grant.allowed_ips = changes_array_argument(fcinfo, 3);
	validation_start(&validation);
	issue_validate(&grant, expires_in, &validation);
	if (grant.permissions == NULL)
		validation_add(&validation, "permissions", "required", "permissions are required", NULL);
	validation_finish(&validation);
	issue_settle(&grant, expires_in, NULL);

	query_open(&scope);
	insert_key(TOKEN_APPLICATION, NULL, NULL, NULL, &grant, &api_key_id, &token);
	query_close(&scope);
	return key_issued_datum(fcinfo, &api_key_id, &token, NULL, NULL, &grant);
}

/*
 * Whether the caller authenticated with this very key.  An application key is
 * nobody's own: who acts by it for one account could make of it a key to all.
 */
static bool
is_own_key(const StoredKey *key)
{
	const Identity *identity = identity_current();

	return identity != NULL && identity->has_account && identity->has_key && key->credential.has_account &&
		memcmp(&identity->api_key_id, &key->credential.credential_id, UUID_LEN) == 0;
}

/* Keys alone: sessions, invitations and user tokens have functions of their own. */
static bool
is_key(const CredentialRecord *credential)
{
	return credential->kind == TOKEN_KEY || credential->kind == TOKEN_APPLICATION;
}

static const pg_uuid_t *
account_id_of(const CredentialRecord *credential)
{
	return credential->has_account ? &credential->account_id : NULL;
}

static const pg_uuid_t *
profile_id_of(const CredentialRecord *credential)
{
	return credential->has_profile ? &credential->profile_id : NULL;
}

/* From 0 to 30 days, by the calendar of now: a month may be more. */
static bool
is_overlap(const Interval *overlap)
{
	TimestampTz now = GetCurrentTimestamp();

	return changes_interval_between(overlap, "0", true, "40 days") &&
		changes_plus_interval(now, overlap) - now <= OVERLAP_MAX_DAYS * USECS_PER_DAY;
}

/* Raises unless the caller may replace the key: it is the key, or has its rights and more. */
static void
authorize_rotation(bool found, const StoredKey *key)
{
	Target		target;

	if (found && is_own_key(key))
		return;
	if (found && !key->credential.has_account && caller_is_admin())
		return;
	caller_target_of("manage:api_keys", found && key->credential.has_account, &key->credential.account_id,
					   "API key", &target);
	issue_require_covered(&key->grant, &target, profile_id_of(&key->credential));
	guard_issued("manage:api_keys", &target.account_id, permission_list(key->grant.permissions));
}

void
key_lock(StoredKey *key)
{
	tree_lock_id(&key->credential.credential_id, LOCK_CLASS_KEY, ExclusiveLock);
	if (!key_read(&key->credential.credential_id, key))
		elog(ERROR, "could not find the key again");
	if (key->credential.replaced)
		error_raise(ERROR_CONFLICT, "Use the key that replaces it, or issue another one.",
					"the API key is replaced already");
}

/*
 * Raises NOT_FOUND if a key has ended, or its profile is gone; until the end of the
 * transaction nobody deletes it.
 */
static void
require_alive(const StoredKey *key)
{
	ProfileRecord profile;

	if (key->credential.has_profile)
		tree_lock_id(&key->credential.profile_id, LOCK_CLASS_PROFILE, ShareLock);
	if (key->credential.ended ||
		(key->credential.has_profile && !profile_find(&key->credential.profile_id, &profile)))
		error_raise(ERROR_NOT_FOUND, "Issue another key.", "the API key has ended");
}

/* Takes the external id of a key, which goes to its successor. */
static void
clear_external_id(const pg_uuid_t *api_key_id)
{
	static Statement update = {
		"UPDATE account.keys SET external_id = NULL WHERE api_key_id OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};
	Datum		values[1] = {UUIDPGetDatum(api_key_id)};

	query_write(&update, values, NULL);
}

/* rotate_api_key(api_key_id, overlap) */
Datum
account_key_rotate_api_key(PG_FUNCTION_ARGS)
{
	Validation	validation;
	Interval   *overlap = changes_interval_argument(fcinfo, 1);
	StoredKey	key;
	bool		found = false;
	pg_uuid_t	successor_id;
	Token		token;
	QueryScope	scope;

	memset(&key, 0, sizeof(key));
	if (!PG_ARGISNULL(0))
		found = key_read(PG_GETARG_UUID_P(0), &key);
	authorize_rotation(found, &key);
	validation_start(&validation);
	if (overlap == NULL || !is_overlap(overlap))
		validation_add(&validation, "overlap", "range", "overlap must be from 0 to 30 days", NULL);
	validation_finish(&validation);

	key_lock(&key);
	require_alive(&key);

	query_open(&scope);
	if (key.grant.external_id != NULL)
		clear_external_id(&key.credential.credential_id);
	insert_key(key.credential.kind, account_id_of(&key.credential), profile_id_of(&key.credential),
			   &key.credential.line_id, &key.grant, &successor_id, &token);
	credential_end(&key.credential, 'o', changes_plus_interval(GetCurrentTimestamp(), overlap), NULL,
				   &successor_id, caller_profile());
	query_close(&scope);
	return key_issued_datum(fcinfo, &successor_id, &token, account_id_of(&key.credential),
							profile_id_of(&key.credential), &key.grant);
}

/* revoke_api_key(api_key_id, reason, successors) */
Datum
account_key_revoke_api_key(PG_FUNCTION_ARGS)
{
	char	   *reason = changes_text_argument(fcinfo, 1, "reason");
	bool		successors = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
	CredentialRecord key;
	bool		found = !PG_ARGISNULL(0) && credential_find(PG_GETARG_UUID_P(0), &key) && is_key(&key);
	Target		target;
	QueryScope	scope;

	if (!(found && !key.has_account && caller_is_admin()))
		caller_target_of("manage:api_keys", found && key.has_account, &key.account_id, "API key", &target);

	query_open(&scope);
	for (;;)
	{
		pg_uuid_t	id = key.credential_id;

		/* What it is issuing at this moment is there, or fails, before its successor is read. */
		tree_lock_id(successors ? credential_holder(&key) : &id, LOCK_CLASS_ISSUE, ShareLock);
		if (!credential_find(&id, &key))
			elog(ERROR, "could not find the key that replaces another");
		credential_end(&key, 'r', GetCurrentTimestamp(), reason, NULL, caller_profile());
		if (!successors || !key.replaced)
			break;
		key.credential_id = key.successor_id;
	}
	query_close(&scope);
	PG_RETURN_VOID();
}

/* Fills in what a good key is for: columns 2 and on of verify_api_key(). */
static void
fill_verified(const Credential *credential, const Rights *rights, Datum *values, bool *nulls)
{
	memset(nulls + 2, false, 6 * sizeof(bool));
	values[2] = UUIDPGetDatum(&credential->account_id);
	values[3] = UUIDPGetDatum(&credential->profile_id);
	values[4] = UUIDPGetDatum(&credential->credential_id);
	values[5] = PointerGetDatum(permission_array(right_permissions(rights)));
	values[6] = PointerGetDatum(issue_uuid_array(RIGHTS_AT(rights, rights->workspaces, pg_uuid_t),
												 rights->nworkspaces));
	values[7] = TimestampTzGetDatum(credential->expires_at);
	nulls[7] = credential->expires_at == DT_NOEND;
}

/* verify_api_key(token) */
Datum
account_key_verify_api_key(PG_FUNCTION_ARGS)
{
	Credential	credential;
	CredentialState state;
	const Rights *rights = NULL;
	static RowType row_type;
	Datum		values[8] = {0};
	bool		nulls[8];
	const char *token;
	size_t		length;

	memset(&credential, 0, sizeof(credential));
	token_argument(fcinfo, 0, &token, &length);
	state = credential_verify(token, length, TOKEN_KEY, &credential);
	if (state == CREDENTIAL_GOOD)
	{
		rights = right_of_key(&credential.profile_id, &credential.account_id, credential.permissions,
							  credential.workspaces, credential.nworkspaces);
		if (!right_is_live(rights))
			state = CREDENTIAL_UNKNOWN;
	}
	memset(nulls, true, sizeof(nulls));
	nulls[0] = false;
	values[0] = BoolGetDatum(state == CREDENTIAL_GOOD);
	if (state == CREDENTIAL_GOOD)
		fill_verified(&credential, rights, values, nulls);
	else
	{
		nulls[1] = false;
		values[1] = CStringGetTextDatum(error_code_name(credential_error(state)));
		refusal_of_key(credential_error(state), &credential);
	}
	return HeapTupleGetDatum(heap_form_tuple(schema_row_type(fcinfo, &row_type), values, nulls));
}
