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

#include "access/detoast.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define PERMISSIONS_MAX 256
#define PERMISSION_MAX_BYTES 127
#define NETWORKS_MAX 256
#define TEXT_MAX_BYTES 10000
#define OVERLAP_MAX_DAYS 30
#define EXPIRY_MAX "100 years"

/* A key as it stands. */
typedef struct StoredKey
{
	pg_uuid_t	api_key_id;
	bool		has_account;
	pg_uuid_t	account_id;
	pg_uuid_t	profile_id;
	KeyGrant	grant;
	bool		ended;			/* revoked, or replaced and its overlap over, or expired */
	bool		replaced;
} StoredKey;

PG_FUNCTION_INFO_V1(account_key_create_api_key);
PG_FUNCTION_INFO_V1(account_key_create_application_key);
PG_FUNCTION_INFO_V1(account_key_rotate_api_key);
PG_FUNCTION_INFO_V1(account_key_revoke_api_key);
PG_FUNCTION_INFO_V1(account_key_verify_api_key);

/* The key that has issued another in this transaction, looked at again before it commits. */
static LocalTransactionId issuer_lxid = InvalidLocalTransactionId;
static pg_uuid_t issuer_id;

/* ---------------------------------------------------------------------------
 * Rows
 */

static Datum
digest_datum(const uint8 *digest)
{
	bytea	   *value = palloc(VARHDRSZ + TOKEN_DIGEST_LENGTH);

	SET_VARSIZE(value, VARHDRSZ + TOKEN_DIGEST_LENGTH);
	memcpy(VARDATA(value), digest, TOKEN_DIGEST_LENGTH);
	return PointerGetDatum(value);
}

/* A nullable uuid argument of a query. */
static Datum
uuid_or_null(const pg_uuid_t *uuid, char *null)
{
	*null = uuid != NULL ? ' ' : 'n';
	return uuid != NULL ? UUIDPGetDatum(uuid) : (Datum) 0;
}

static Datum
text_or_null(const char *string, char *null)
{
	*null = string != NULL ? ' ' : 'n';
	return string != NULL ? CStringGetTextDatum(string) : (Datum) 0;
}

static const pg_uuid_t *
issuer(void)
{
	const Identity *identity = identity_current();

	return identity != NULL && identity->has_profile ? &identity->profile_id : NULL;
}

static void
insert_credential(TokenKind kind, const pg_uuid_t *account_id, const pg_uuid_t *profile_id,
				  const KeyGrant *grant, const pg_uuid_t *api_key_id, const Token *token)
{
	static Statement insert = {
		"INSERT INTO account.credentials (digest, entry, kind, credential_id, ends_at, account_id,"
		" profile_id, permissions, workspace_ids, allowed_ips, created_by)"
		" VALUES ($1, 0, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
		10, {BYTEAOID, CHAROID, UUIDOID, TIMESTAMPTZOID, UUIDOID, UUIDOID, TEXTARRAYOID, UUIDARRAYOID,
		CIDRARRAYOID, UUIDOID}
	};
	Datum		values[10];
	char		nulls[10];

	memset(nulls, ' ', sizeof(nulls));
	values[0] = digest_datum(token->digest);
	values[1] = CharGetDatum((char) kind);
	values[2] = UUIDPGetDatum(api_key_id);
	values[3] = TimestampTzGetDatum(grant->expires_at);
	nulls[3] = grant->expires_at == DT_NOEND ? 'n' : ' ';
	values[4] = uuid_or_null(account_id, &nulls[4]);
	values[5] = uuid_or_null(profile_id, &nulls[5]);
	values[6] = PointerGetDatum(grant->permissions);
	values[7] = PointerGetDatum(grant->workspace_ids != NULL ? grant->workspace_ids :
								construct_empty_array(UUIDOID));
	values[8] = PointerGetDatum(grant->allowed_ips);
	nulls[8] = grant->allowed_ips == NULL ? 'n' : ' ';
	values[9] = uuid_or_null(issuer(), &nulls[9]);
	query_write(&insert, values, nulls);
}

/* Remembers which key issues another in this transaction. */
static void
note_issuer(void)
{
	const Identity *identity = identity_current();

	if (identity == NULL || !identity->has_key)
		return;
	issuer_lxid = proc_lxid(MyProc);
	issuer_id = identity->api_key_id;
}

/*
 * A key that was ended while its holder kept a transaction open leaves no other key
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
	tree_lock_id(&issuer_id, LOCK_CLASS_ISSUE, RowExclusiveLock);
	PushActiveSnapshot(GetLatestSnapshot());
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
insert_key(TokenKind kind, const pg_uuid_t *account_id, const pg_uuid_t *profile_id,
		   const KeyGrant *grant, pg_uuid_t *api_key_id, Token *token)
{
	static Statement insert = {
		"INSERT INTO account.keys (api_key_id, account_id, profile_id, name, description, preview, system,"
		" created_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
		8, {UUIDOID, UUIDOID, UUIDOID, TEXTOID, TEXTOID, TEXTOID, BOOLOID, UUIDOID}
	};
	Datum		values[8];
	char		nulls[8];

	memset(nulls, ' ', sizeof(nulls));
	token_random_uuid(api_key_id);
	token_issue(kind, token);
	values[0] = UUIDPGetDatum(api_key_id);
	values[1] = uuid_or_null(account_id, &nulls[1]);
	values[2] = uuid_or_null(profile_id, &nulls[2]);
	values[3] = CStringGetTextDatum(grant->name);
	values[4] = text_or_null(grant->description, &nulls[4]);
	values[5] = CStringGetTextDatum(token->preview);
	values[6] = BoolGetDatum(grant->system);
	values[7] = uuid_or_null(issuer(), &nulls[7]);
	query_write(&insert, values, nulls);
	insert_credential(kind, account_id, profile_id, grant, api_key_id, token);
	note_issuer();
}

void
key_insert(const pg_uuid_t *account_id, const pg_uuid_t *profile_id, const KeyGrant *grant,
		   pg_uuid_t *api_key_id, Token *token)
{
	insert_key(TOKEN_KEY, account_id, profile_id, grant, api_key_id, token);
}

/* Inserts what ends a key. Waits for nobody: the entry is a number of its own. */
static void
insert_ending(const CredentialRecord *key, char kind, TimestampTz ends_at, const char *reason,
			  const pg_uuid_t *successor_id)
{
	static Statement insert = {
		"INSERT INTO account.credentials (digest, entry, kind, credential_id, ends_at, account_id, created_by,"
		" reason, successor_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		9, {BYTEAOID, INT8OID, CHAROID, UUIDOID, TIMESTAMPTZOID, UUIDOID, UUIDOID, TEXTOID, UUIDOID}
	};
	Datum		values[9];
	char		nulls[9];

	memset(nulls, ' ', sizeof(nulls));
	values[0] = digest_datum(key->digest);
	values[1] = Int64GetDatum(token_random_entry());
	values[2] = CharGetDatum(kind);
	values[3] = UUIDPGetDatum(&key->credential_id);
	values[4] = TimestampTzGetDatum(ends_at);
	values[5] = uuid_or_null(key->has_account ? &key->account_id : NULL, &nulls[5]);
	values[6] = uuid_or_null(issuer(), &nulls[6]);
	values[7] = text_or_null(reason, &nulls[7]);
	values[8] = uuid_or_null(successor_id, &nulls[8]);
	query_write(&insert, values, nulls);
}

/*
 * Reads a key as it is committed now; false if there is none.  Between
 * query_open() and query_close().  api_key_id may point into *key.
 */
static bool
read_key(const QueryScope *scope, const pg_uuid_t *api_key_id, StoredKey *key)
{
	pg_uuid_t	id = *api_key_id;
	static Statement find = {
		"SELECT k.account_id, k.profile_id, k.name::pg_catalog.text, k.description, c.permissions,"
		" c.workspace_ids, c.allowed_ips, c.ends_at,"
		" EXISTS (SELECT FROM account.credentials e"
		"  WHERE e.credential_id OPERATOR(pg_catalog.=) $1 AND e.entry OPERATOR(pg_catalog.>) 0"
		"  AND (e.kind OPERATOR(pg_catalog.=) 'r'"
		"  OR e.ends_at OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp())),"
		" EXISTS (SELECT FROM account.credentials e"
		"  WHERE e.credential_id OPERATOR(pg_catalog.=) $1 AND e.entry OPERATOR(pg_catalog.>) 0"
		"  AND e.kind OPERATOR(pg_catalog.=) 'o')"
		" FROM account.keys k JOIN account.credentials c"
		" ON c.credential_id OPERATOR(pg_catalog.=) k.api_key_id AND c.entry OPERATOR(pg_catalog.=) 0"
		" WHERE k.api_key_id OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};
	Datum		values[1] = {UUIDPGetDatum(&id)};
	Datum		value;
	bool		isnull;

	memset(key, 0, sizeof(*key));
	if (query_latest(&find, values, NULL) == 0)
		return false;
	key->api_key_id = id;
	key->has_account = query_uuid(0, 1, &key->account_id);
	query_uuid(0, 2, &key->profile_id);
	key->grant.name = query_string(scope, 0, 3);
	key->grant.description = query_string(scope, 0, 4);
	key->grant.permissions = DatumGetArrayTypeP(query_datum(scope, 0, 5, &isnull));
	key->grant.workspace_ids = DatumGetArrayTypeP(query_datum(scope, 0, 6, &isnull));
	value = query_datum(scope, 0, 7, &isnull);
	key->grant.allowed_ips = isnull ? NULL : DatumGetArrayTypeP(value);
	value = query_datum(scope, 0, 8, &isnull);
	key->grant.expires_at = isnull ? DT_NOEND : DatumGetTimestampTz(value);
	key->ended = query_bool(0, 9) || key->grant.expires_at <= GetCurrentTimestamp();
	key->replaced = query_bool(0, 10);
	return true;
}

/* ---------------------------------------------------------------------------
 * What may be asked for
 */

static bool
is_permission_word(const char *word, size_t length)
{
	if (length == 1 && word[0] == '*')
		return true;
	for (size_t i = 0; i < length; i++)
	{
		char		c = word[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
			return false;
	}
	return length > 0;
}

static bool
is_permission(const char *text, size_t length)
{
	const char *colon = memchr(text, ':', length);

	return colon != NULL && length <= PERMISSION_MAX_BYTES &&
		is_permission_word(text, colon - text) &&
		is_permission_word(colon + 1, length - (colon - text) - 1);
}

/* Whether an array is a plain list without NULLs. */
static bool
is_list(ArrayType *array, int max)
{
	return ARR_NDIM(array) <= 1 && !array_contains_nulls(array) &&
		ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) <= max;
}

static void
validate_permissions(ArrayType *permissions, Validation *validation)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	if (!is_list(permissions, PERMISSIONS_MAX))
	{
		validation_add(validation, "permissions", "list",
					   "permissions must be a list of at most 256, without NULL", NULL);
		return;
	}
	deconstruct_array(permissions, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		text	   *element = DatumGetTextPP(elements[i]);

		if (!is_permission(VARDATA_ANY(element), VARSIZE_ANY_EXHDR(element)))
			validation_add(validation, psprintf("permissions[%d]", i), "pattern",
						   "a permission has the form verb:resource",
						   "Use lower-case letters, digits, _ and -, or * for either side.");
	}
}

/*
 * Whether an interval is from low (included or not) to high.  None of its parts may
 * be negative: months that days take back are not compared as they are added.
 */
static bool
interval_between(const Interval *interval, const char *low, bool low_included, const char *high)
{
	Datum		lowest = DirectFunctionCall3(interval_in, CStringGetDatum(low), ObjectIdGetDatum(InvalidOid),
											 Int32GetDatum(-1));
	Datum		highest = DirectFunctionCall3(interval_in, CStringGetDatum(high), ObjectIdGetDatum(InvalidOid),
											  Int32GetDatum(-1));
	int			below = DatumGetInt32(DirectFunctionCall2(interval_cmp, IntervalPGetDatum(interval), lowest));
	int			above = DatumGetInt32(DirectFunctionCall2(interval_cmp, IntervalPGetDatum(interval), highest));

	if (interval->month < 0 || interval->day < 0 || interval->time < 0)
		return false;
	return (low_included ? below >= 0 : below > 0) && above <= 0;
}

static TimestampTz
plus_interval(TimestampTz start, const Interval *interval)
{
	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
												   TimestampTzGetDatum(start),
												   IntervalPGetDatum(interval)));
}

/* Checks the values of a grant that both kinds of keys have. */
static void
validate_grant(const KeyGrant *grant, const Interval *expires_in, Validation *validation)
{
	if (grant->name == NULL ||
		!DatumGetBool(DirectFunctionCall1(account_tree_is_name, CStringGetTextDatum(grant->name))))
		validation_add(validation, "name", grant->name == NULL ? "required" : "pattern",
					   "a name has 1 to 255 characters, at least one of them not white space", NULL);
	if (grant->permissions != NULL)
		validate_permissions(grant->permissions, validation);
	if (grant->allowed_ips != NULL &&
		(!is_list(grant->allowed_ips, NETWORKS_MAX) ||
		 ArrayGetNItems(ARR_NDIM(grant->allowed_ips), ARR_DIMS(grant->allowed_ips)) == 0))
		validation_add(validation, "allowed_ips", "list",
					   "allowed_ips must be a list of 1 to 256 networks, without NULL", NULL);
	if (expires_in != NULL && !interval_between(expires_in, "0", false, EXPIRY_MAX))
		validation_add(validation, "expires_in", "range",
					   "expires_in must be more than 0 and at most 100 years", NULL);
}

/* The networks of the key that the caller authenticated with, NULL = any. */
static ArrayType *
own_networks(const Identity *identity)
{
	CredentialRecord key;

	return identity->has_key && credential_find(&identity->api_key_id, &key) ? key.allowed_ips : NULL;
}

/* Whether every network of one list lies within one of the other. */
static bool
networks_within(ArrayType *inner, ArrayType *outer)
{
	Datum	   *inners;
	Datum	   *outers;
	bool	   *nulls;
	int			ninners;
	int			nouters;

	if (outer == NULL)
		return true;
	if (inner == NULL)
		return false;
	deconstruct_array(inner, CIDROID, -1, false, TYPALIGN_INT, &inners, &nulls, &ninners);
	deconstruct_array(outer, CIDROID, -1, false, TYPALIGN_INT, &outers, &nulls, &nouters);
	for (int i = 0; i < ninners; i++)
	{
		bool		within = false;

		for (int j = 0; j < nouters && !within; j++)
			within = DatumGetBool(DirectFunctionCall2(network_supeq, outers[j], inners[i]));
		if (!within)
			return false;
	}
	return true;
}

static bool
workspaces_within(ArrayType *inner, const Identity *identity)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	deconstruct_array(inner, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		bool		found = false;

		for (int j = 0; j < identity->nworkspaces && !found; j++)
			found = memcmp(DatumGetUUIDP(elements[i]), &identity->workspaces[j], UUID_LEN) == 0;
		if (!found)
			return false;
	}
	return true;
}

/* Raises FORBIDDEN if a grant, filled in, exceeds what the identity has. */
static void
require_covered(const Identity *identity, const KeyGrant *grant, ArrayType *networks)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	deconstruct_array(grant->permissions, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		char	   *permission = TextDatumGetCString(elements[i]);

		if (!caller_permits(identity, permission))
			error_raise(ERROR_FORBIDDEN, "A key has at most the permissions of who issues it.",
						"permission denied: the caller lacks %s", permission);
	}
	if (grant->expires_at > identity->expires_at)
		error_raise(ERROR_FORBIDDEN, NULL, "a key cannot outlive the one that issues it");
	if (!networks_within(grant->allowed_ips, networks))
		error_raise(ERROR_FORBIDDEN, NULL, "a key cannot be used from more networks than the one that issues it");
	if (!workspaces_within(grant->workspace_ids, identity))
		error_raise(ERROR_NOT_FOUND, NULL, "workspace not found");
}

static ArrayType *
all_permissions(void)
{
	Datum		values[1] = {CStringGetTextDatum("*:*")};

	return construct_array(values, 1, TEXTOID, -1, false, TYPALIGN_INT);
}

/* Fills in what was left NULL with the caller's own, and refuses more than that. */
static void
settle_grant(KeyGrant *grant, const Interval *expires_in)
{
	const Identity *identity = identity_current();
	ArrayType  *networks = identity != NULL ? own_networks(identity) : NULL;

	grant->expires_at = expires_in != NULL ? plus_interval(GetCurrentTimestamp(), expires_in) :
		identity != NULL ? identity->expires_at : DT_NOEND;
	if (grant->permissions == NULL)
		grant->permissions = identity != NULL ? identity_permissions(identity) : all_permissions();
	if (grant->allowed_ips == NULL)
		grant->allowed_ips = networks;
	if (grant->workspace_ids == NULL)
		grant->workspace_ids = construct_empty_array(UUIDOID);
	if (identity != NULL)
		require_covered(identity, grant, networks);
	else if (ArrayGetNItems(ARR_NDIM(grant->workspace_ids), ARR_DIMS(grant->workspace_ids)) > 0)
		error_raise(ERROR_NOT_FOUND, NULL, "workspace not found");
}

/* ---------------------------------------------------------------------------
 * What SQL calls
 */

/* An account.issued_api_key; wipes the token. */
static Datum
issued_datum(FunctionCallInfo fcinfo, const pg_uuid_t *api_key_id, Token *token, const pg_uuid_t *account_id,
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

/* A text argument, NULL if it is; refused before it is detoasted if it is far too long. */
static char *
string_argument(FunctionCallInfo fcinfo, int argument, const char *name)
{
	Validation	validation;

	if (PG_ARGISNULL(argument))
		return NULL;
	validation_start(&validation);
	if (toast_raw_datum_size(PG_GETARG_DATUM(argument)) > TEXT_MAX_BYTES + VARHDRSZ)
		validation_add(&validation, name, "max_length", "it has at most 10000 bytes", NULL);
	validation_finish(&validation);
	return text_to_cstring(PG_GETARG_TEXT_PP(argument));
}

static ArrayType *
array_argument(FunctionCallInfo fcinfo, int argument)
{
	return PG_ARGISNULL(argument) ? NULL : PG_GETARG_ARRAYTYPE_P(argument);
}

static Interval *
interval_argument(FunctionCallInfo fcinfo, int argument)
{
	return PG_ARGISNULL(argument) ? NULL : PG_GETARG_INTERVAL_P(argument);
}

/* The account of a profile; false if there is no such profile. */
static bool
profile_account(const pg_uuid_t *profile_id, pg_uuid_t *account_id)
{
	static Statement find = {
		"SELECT account_id FROM account.profiles WHERE profile_id OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};
	Datum		values[1] = {UUIDPGetDatum(profile_id)};
	QueryScope	scope;
	bool		found;

	query_open(&scope);
	found = query_latest(&find, values, NULL) > 0 && query_uuid(0, 1, account_id);
	query_close(&scope);
	return found;
}

/*
 * Decides on an object that belongs to an account: what does not exist and what
 * is out of reach read alike.
 */
static void
target_of_object(bool found, const pg_uuid_t *account_id, const char *what, Target *target)
{
	static const pg_uuid_t nil = {{0}};
	const Identity *identity = identity_current();
	TreePath   *path;

	if (found && identity != NULL && identity->has_account)
	{
		path = tree_path(account_id);
		found = path != NULL && tree_within(path, &identity->account_id);
	}
	if (!found && (identity != NULL ? caller_permits(identity, "manage:api_keys") : caller_is_admin()))
		error_raise(ERROR_NOT_FOUND, NULL, "%s not found", what);
	caller_target("manage:api_keys", found ? account_id : &nil, SCOPE_OWN | SCOPE_DESCENDANTS | SCOPE_ADMIN,
					target);
}

/* create_api_key(profile_id, name, permissions, expires_in, workspace_ids, allowed_ips, description) */
Datum
account_key_create_api_key(PG_FUNCTION_ARGS)
{
	Validation	validation;
	KeyGrant	grant = {0};
	Interval   *expires_in = interval_argument(fcinfo, 3);
	pg_uuid_t	profile_id;
	pg_uuid_t	account_id;
	pg_uuid_t	api_key_id;
	bool		found = false;
	Target		target;
	Token		token;
	QueryScope	scope;

	grant.name = string_argument(fcinfo, 1, "name");
	grant.permissions = array_argument(fcinfo, 2);
	grant.workspace_ids = array_argument(fcinfo, 4);
	grant.allowed_ips = array_argument(fcinfo, 5);
	grant.description = string_argument(fcinfo, 6, "description");

	if (!PG_ARGISNULL(0))
	{
		profile_id = *PG_GETARG_UUID_P(0);
		found = profile_account(&profile_id, &account_id);
	}
	target_of_object(found, &account_id, "profile", &target);
	validation_start(&validation);
	validate_grant(&grant, expires_in, &validation);
	if (grant.workspace_ids != NULL && !is_list(grant.workspace_ids, PERMISSIONS_MAX))
		validation_add(&validation, "workspace_ids", "list",
					   "workspace_ids must be a list of at most 256, without NULL", NULL);
	validation_finish(&validation);
	settle_grant(&grant, expires_in);
	hold_require_writable(&target.account_id, target.path);

	query_open(&scope);
	key_insert(&target.account_id, &profile_id, &grant, &api_key_id, &token);
	query_close(&scope);
	return issued_datum(fcinfo, &api_key_id, &token, &target.account_id, &profile_id, &grant);
}

/* create_application_key(name, permissions, expires_in, allowed_ips) */
Datum
account_key_create_application_key(PG_FUNCTION_ARGS)
{
	Validation	validation;
	KeyGrant	grant = {0};
	Interval   *expires_in = interval_argument(fcinfo, 2);
	pg_uuid_t	api_key_id;
	Token		token;
	QueryScope	scope;

	caller_require_admin("issue application keys");
	grant.name = string_argument(fcinfo, 0, "name");
	grant.permissions = array_argument(fcinfo, 1);
	grant.allowed_ips = array_argument(fcinfo, 3);
	validation_start(&validation);
	validate_grant(&grant, expires_in, &validation);
	if (grant.permissions == NULL)
		validation_add(&validation, "permissions", "required", "permissions are required", NULL);
	validation_finish(&validation);
	settle_grant(&grant, expires_in);

	query_open(&scope);
	insert_key(TOKEN_APPLICATION, NULL, NULL, &grant, &api_key_id, &token);
	query_close(&scope);
	return issued_datum(fcinfo, &api_key_id, &token, NULL, NULL, &grant);
}

static bool
load_key(const pg_uuid_t *api_key_id, StoredKey *key)
{
	QueryScope	scope;
	bool		found;

	query_open(&scope);
	found = read_key(&scope, api_key_id, key);
	query_close(&scope);
	return found;
}

/*
 * Whether the caller authenticated with this very key.  An application key is
 * nobody's own: who acts by it for one account could make of it a key to all.
 */
static bool
is_own_key(const StoredKey *key)
{
	const Identity *identity = identity_current();

	return identity != NULL && identity->has_account && identity->has_key && key->has_account &&
		memcmp(&identity->api_key_id, &key->api_key_id, UUID_LEN) == 0;
}

/* From 0 to 30 days, by the calendar of now: a month may be more. */
static bool
is_overlap(const Interval *overlap)
{
	TimestampTz now = GetCurrentTimestamp();

	return interval_between(overlap, "0", true, "40 days") &&
		plus_interval(now, overlap) - now <= OVERLAP_MAX_DAYS * USECS_PER_DAY;
}

/* Raises unless the caller may replace the key: it is the key, or has its rights and more. */
static void
authorize_rotation(bool found, const StoredKey *key)
{
	const Identity *identity;
	Target		target;

	if (found && is_own_key(key))
		return;
	if (found && !key->has_account && caller_is_admin())
		return;
	target_of_object(found && key->has_account, &key->account_id, "API key", &target);
	identity = identity_current();
	if (identity != NULL)
		require_covered(identity, &key->grant, own_networks(identity));
}

/* rotate_api_key(api_key_id, overlap) */
Datum
account_key_rotate_api_key(PG_FUNCTION_ARGS)
{
	Validation	validation;
	Interval   *overlap = interval_argument(fcinfo, 1);
	StoredKey	key;
	CredentialRecord old;
	bool		found = false;
	pg_uuid_t	successor_id;
	Token		token;
	QueryScope	scope;

	memset(&key, 0, sizeof(key));
	if (!PG_ARGISNULL(0))
		found = load_key(PG_GETARG_UUID_P(0), &key);
	authorize_rotation(found, &key);
	validation_start(&validation);
	if (overlap == NULL || !is_overlap(overlap))
		validation_add(&validation, "overlap", "range", "overlap must be from 0 to 30 days", NULL);
	validation_finish(&validation);

	/* Until the end of the transaction nobody else replaces this key. */
	tree_lock_id(&key.api_key_id, LOCK_CLASS_KEY, ExclusiveLock);
	if (!load_key(&key.api_key_id, &key) || !credential_find(&key.api_key_id, &old))
		elog(ERROR, "could not find the key again");
	if (key.replaced)
		error_raise(ERROR_CONFLICT, "Use the key that replaces it, or issue another one.",
					"the API key is replaced already");
	if (key.ended)
		error_raise(ERROR_NOT_FOUND, "Issue another key.", "the API key has ended");

	query_open(&scope);
	insert_key(key.has_account ? TOKEN_KEY : TOKEN_APPLICATION, key.has_account ? &key.account_id : NULL,
			   key.has_account ? &key.profile_id : NULL, &key.grant, &successor_id, &token);
	insert_ending(&old, 'o', plus_interval(GetCurrentTimestamp(), overlap), NULL, &successor_id);
	query_close(&scope);
	return issued_datum(fcinfo, &successor_id, &token, key.has_account ? &key.account_id : NULL,
						key.has_account ? &key.profile_id : NULL, &key.grant);
}

/* revoke_api_key(api_key_id, reason, successors) */
Datum
account_key_revoke_api_key(PG_FUNCTION_ARGS)
{
	char	   *reason = string_argument(fcinfo, 1, "reason");
	bool		successors = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
	CredentialRecord key;
	bool		found = !PG_ARGISNULL(0) && credential_find(PG_GETARG_UUID_P(0), &key);
	Target		target;
	QueryScope	scope;

	if (!(found && !key.has_account && caller_is_admin()))
		target_of_object(found && key.has_account, &key.account_id, "API key", &target);

	query_open(&scope);
	for (;;)
	{
		pg_uuid_t	id = key.credential_id;

		/* What it is issuing at this moment is there, or fails, before its successor is read. */
		tree_lock_id(&id, LOCK_CLASS_ISSUE, ShareLock);
		if (!credential_find(&id, &key))
			elog(ERROR, "could not find the key that replaces another");
		insert_ending(&key, 'r', GetCurrentTimestamp(), reason, NULL);
		if (!successors || !key.replaced)
			break;
		key.credential_id = key.successor_id;
	}
	query_close(&scope);
	PG_RETURN_VOID();
}

/* verify_api_key(token) */
Datum
account_key_verify_api_key(PG_FUNCTION_ARGS)
{
	Credential	credential;
	CredentialState state;
	static RowType row_type;
	Datum		values[8] = {0};
	bool		nulls[8];
	const char *token;
	size_t		length;

	token_argument(fcinfo, 0, &token, &length);
	state = credential_verify(token, length, TOKEN_KEY, &credential);
	memset(nulls, true, sizeof(nulls));
	nulls[0] = false;
	values[0] = BoolGetDatum(state == CREDENTIAL_GOOD);
	if (state != CREDENTIAL_GOOD)
	{
		nulls[1] = false;
		values[1] = CStringGetTextDatum(error_code_name(credential_error(state)));
	}
	else
	{
		memset(nulls + 2, false, sizeof(nulls) - 2);
		values[2] = UUIDPGetDatum(&credential.account_id);
		values[3] = UUIDPGetDatum(&credential.profile_id);
		values[4] = UUIDPGetDatum(&credential.credential_id);
		values[5] = PointerGetDatum(credential.permissions);
		values[6] = PointerGetDatum(credential.workspace_ids);
		values[7] = TimestampTzGetDatum(credential.expires_at);
		nulls[7] = credential.expires_at == DT_NOEND;
	}
	return HeapTupleGetDatum(heap_form_tuple(schema_row_type(fcinfo, &row_type), values, nulls));
}
