/*
 * credential.c
 *	  Rows by digest, and whether they are good now.
 *
 * This is the hot path of authenticate(): one index scan with SnapshotSelf, which
 * sees everything that is committed now at any isolation level, takes no lock on
 * a row and leaves no predicate lock.  It is sound only because rows of
 * account.credentials are never updated: a scan finds the credential, and every
 * ending that was committed before it began.
 *
 * Unknown, revoked, foreign and barred read alike to the caller.  Time is the
 * clock's, not the transaction's: a credential that expires at t is expired at t.
 */
#include "account.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/timestamp.h"

/* Columns of account.credentials; schema_catalog() has checked the version. */
enum
{
	ANUM_NUMBER = 1,
	ANUM_DIGEST,
	ANUM_ENTRY,
	ANUM_KIND,
	ANUM_CREDENTIAL_ID,
	ANUM_ENDS_AT,
	ANUM_ACCOUNT_ID,
	ANUM_PROFILE_ID,
	ANUM_USER_ID,
	ANUM_WORKSPACE_ID,
	ANUM_PERMISSIONS,
	ANUM_ALLOWED_IPS,
	ANUM_CREATED_AT,
	ANUM_CREATED_BY,
	ANUM_REASON,
	ANUM_SUCCESSOR_ID,
	ANUM_SOURCE,
	ANUM_LINE_ID
};

#define KIND_WORKSPACE 'w'
#define KIND_NARROWED 'n'

/* What one scan found. */
typedef struct Found
{
	bool		credential;
	bool		revoked;
	bool		barred;			/* the client is in none of the networks that it was narrowed to */
	TimestampTz replaced_at;	/* DT_NOEND if not */
	TimestampTz expired_at;		/* DT_NOEND if not expired early */
} Found;

PG_FUNCTION_INFO_V1(account_credential_digest_number);
PG_FUNCTION_INFO_V1(account_credential_refuse_update);

/* The first eight bytes, big-endian. */
static int64
digest_number(const uint8 *digest)
{
	uint64		number;

	memcpy(&number, digest, sizeof(number));
	return (int64) pg_ntoh64(number);
}

/* digest_number(bytea) */
Datum
account_credential_digest_number(PG_FUNCTION_ARGS)
{
	bytea	   *digest = PG_GETARG_BYTEA_PP(0);

	if (VARSIZE_ANY_EXHDR(digest) != TOKEN_DIGEST_LENGTH)
		error_raise(ERROR_INTERNAL_SERVER_ERROR, NULL, "a digest has 32 bytes");
	PG_RETURN_INT64(digest_number((uint8 *) VARDATA_ANY(digest)));
}

static ArrayType *
copy_array(const SelfScan *scan, int column)
{
	return scan->nulls[column - 1] ? NULL : DatumGetArrayTypePCopy(scan->values[column - 1]);
}

/* The first key of its line: itself, unless it replaces another. */
static void
take_line(const SelfScan *scan, const pg_uuid_t *credential_id, pg_uuid_t *line_id)
{
	if (!scan_uuid(scan, ANUM_LINE_ID, line_id))
		*line_id = *credential_id;
}

static void
take_credential(const SelfScan *scan, Credential *credential)
{
	credential->kind = (TokenKind) DatumGetChar(scan->values[ANUM_KIND - 1]);
	credential->credential_id = *DatumGetUUIDP(scan->values[ANUM_CREDENTIAL_ID - 1]);
	credential->expires_at = scan_end(scan, ANUM_ENDS_AT);
	credential->created_at = DatumGetTimestampTz(scan->values[ANUM_CREATED_AT - 1]);
	credential->has_account = scan_uuid(scan, ANUM_ACCOUNT_ID, &credential->account_id);
	credential->has_profile = scan_uuid(scan, ANUM_PROFILE_ID, &credential->profile_id);
	credential->has_user = scan_uuid(scan, ANUM_USER_ID, &credential->user_id);
	take_line(scan, &credential->credential_id, &credential->line_id);
	credential->permissions = copy_array(scan, ANUM_PERMISSIONS);
	credential->allowed_ips = copy_array(scan, ANUM_ALLOWED_IPS);
}

static void
take_ending(char kind, TimestampTz ends_at, Found *found)
{
	switch (kind)
	{
		case 'r':
		case 'x':
			found->revoked = true;	/* whatever the clock says since */
			break;
		case 'o':
			found->replaced_at = Min(found->replaced_at, ends_at);
			break;
		case 'e':
			found->expired_at = Min(found->expired_at, ends_at);
			break;
		default:
			elog(ERROR, "unknown kind of ending: %d", kind);
	}
}

/* Adds one workspace to those that a key was granted; the list grows by doubling. */
static void
take_workspace(const SelfScan *scan, pg_uuid_t **workspaces, int *count)
{
	if (*count == 0)
		*workspaces = palloc(sizeof(pg_uuid_t) * 4);
	else if (*count >= 4 && (*count & (*count - 1)) == 0)
		*workspaces = repalloc(*workspaces, sizeof(pg_uuid_t) * *count * 2);
	(*workspaces)[(*count)++] = *DatumGetUUIDP(scan->values[ANUM_WORKSPACE_ID - 1]);
}

/* Reads a credential and its endings. The digest is compared again in constant time. */
static void
scan_digest(const uint8 *digest, Credential *credential, Found *found)
{
	const Catalog *catalog = schema_catalog();
	ScanKeyData key;
	SelfScan		scan;

	ScanKeyInit(&key, ANUM_NUMBER, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(digest_number(digest)));
	scan_open(&scan, catalog->credentials, catalog->credentials_pkey, &key, 1);
	while (scan_next(&scan))
	{
		bytea	   *stored = DatumGetByteaPP(scan.values[ANUM_DIGEST - 1]);
		char		kind = DatumGetChar(scan.values[ANUM_KIND - 1]);

		if (VARSIZE_ANY_EXHDR(stored) != TOKEN_DIGEST_LENGTH ||
			!token_equal(VARDATA_ANY(stored), digest, TOKEN_DIGEST_LENGTH))
			continue;
		if (DatumGetInt64(scan.values[ANUM_ENTRY - 1]) == 0)
		{
			take_credential(&scan, credential);
			memcpy(credential->digest, digest, TOKEN_DIGEST_LENGTH);
			found->credential = true;
		}
		else if (kind == KIND_WORKSPACE)
			take_workspace(&scan, &credential->workspaces, &credential->nworkspaces);
		else if (kind == KIND_NARROWED)
			found->barred = found->barred || !network_admits(copy_array(&scan, ANUM_ALLOWED_IPS));
		else
			take_ending(kind, scan_end(&scan, ANUM_ENDS_AT), found);
	}
	scan_close(&scan);
}

/* Notes what one ending tells of a credential. */
static void
take_record_ending(const SelfScan *scan, TimestampTz now, CredentialRecord *record)
{
	char		kind = DatumGetChar(scan->values[ANUM_KIND - 1]);
	TimestampTz ends_at = scan_end(scan, ANUM_ENDS_AT);

	if (kind == 'o')
		record->replaced = scan_uuid(scan, ANUM_SUCCESSOR_ID, &record->successor_id);
	record->expires_at = Min(record->expires_at, ends_at);
	if (kind != 'r' && kind != 'x' && ends_at > now)
		return;
	record->ended = true;
	if (!scan_is_own(scan))
		record->ended_by_others = true;
}

/* Notes what a row that is no credential tells of one. */
static void
take_record_entry(const SelfScan *scan, TimestampTz now, CredentialRecord *record)
{
	switch (DatumGetChar(scan->values[ANUM_KIND - 1]))
	{
		case KIND_WORKSPACE:
			take_workspace(scan, &record->workspaces, &record->nworkspaces);
			break;
		case KIND_NARROWED:
			record->allowed_ips = network_narrower(record->allowed_ips, copy_array(scan, ANUM_ALLOWED_IPS));
			break;
		default:
			take_record_ending(scan, now, record);
	}
}

/* Notes what one row tells of a credential. */
static void
take_record(const SelfScan *scan, TimestampTz now, CredentialRecord *record, bool *found)
{
	bytea	   *digest;

	if (DatumGetInt64(scan->values[ANUM_ENTRY - 1]) != 0)
	{
		take_record_entry(scan, now, record);
		return;
	}
	digest = DatumGetByteaPP(scan->values[ANUM_DIGEST - 1]);
	if (VARSIZE_ANY_EXHDR(digest) != TOKEN_DIGEST_LENGTH)
		elog(ERROR, "a digest of account.credentials has not 32 bytes");
	memcpy(record->digest, VARDATA_ANY(digest), TOKEN_DIGEST_LENGTH);
	record->kind = (TokenKind) DatumGetChar(scan->values[ANUM_KIND - 1]);
	record->has_account = scan_uuid(scan, ANUM_ACCOUNT_ID, &record->account_id);
	record->has_profile = scan_uuid(scan, ANUM_PROFILE_ID, &record->profile_id);
	record->has_user = scan_uuid(scan, ANUM_USER_ID, &record->user_id);
	take_line(scan, &record->credential_id, &record->line_id);
	record->permissions = copy_array(scan, ANUM_PERMISSIONS);
	record->allowed_ips = network_narrower(record->allowed_ips, copy_array(scan, ANUM_ALLOWED_IPS));
	record->own_end = scan_end(scan, ANUM_ENDS_AT);
	record->expires_at = Min(record->expires_at, record->own_end);
	*found = true;
}

bool
credential_find(const pg_uuid_t *credential_id, CredentialRecord *record)
{
	const Catalog *catalog = schema_catalog();
	pg_uuid_t	id = *credential_id;
	TimestampTz now = GetCurrentTimestamp();
	ScanKeyData key;
	SelfScan		scan;
	bool		found = false;

	memset(record, 0, sizeof(*record));
	record->credential_id = id;
	record->expires_at = DT_NOEND;
	ScanKeyInit(&key, ANUM_CREDENTIAL_ID, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&id));
	scan_open(&scan, catalog->credentials, catalog->credentials_credential_id_key, &key, 1);
	while (scan_next(&scan))
		take_record(&scan, now, record, &found);
	scan_close(&scan);
	record->ended = record->ended || record->expires_at <= now;
	return found;
}

const pg_uuid_t *
credential_holder(const CredentialRecord *record)
{
	return record->has_profile ? &record->profile_id :
		record->has_user ? &record->user_id : &record->credential_id;
}

/* ---------------------------------------------------------------------------
 * Writing
 */

static Datum
digest_datum(const uint8 *digest)
{
	bytea	   *value = palloc(VARHDRSZ + TOKEN_DIGEST_LENGTH);

	SET_VARSIZE(value, VARHDRSZ + TOKEN_DIGEST_LENGTH);
	memcpy(VARDATA(value), digest, TOKEN_DIGEST_LENGTH);
	return PointerGetDatum(value);
}

/* Inserts the workspaces of a key; there may be none. */
static void
insert_workspaces(const NewCredential *credential, const Token *token)
{
	static Statement insert = {
		"INSERT INTO account.credentials (digest, entry, kind, credential_id, account_id, workspace_id, created_by)"
		" SELECT $1, $2 OPERATOR(pg_catalog.+) w.place, 'w', $3, $4, w.workspace_id, $5"
		" FROM ROWS FROM (pg_catalog.unnest($6)) WITH ORDINALITY AS w (workspace_id, place)",
		6, {BYTEAOID, INT8OID, UUIDOID, UUIDOID, UUIDOID, UUIDARRAYOID}
	};
	ArrayType  *workspace_ids = credential->workspace_ids;
	Datum		values[6];
	char		nulls[6];

	if (ArrayGetNItems(ARR_NDIM(workspace_ids), ARR_DIMS(workspace_ids)) == 0)
		return;
	memset(nulls, ' ', sizeof(nulls));
	values[0] = digest_datum(token->digest);
	values[1] = Int64GetDatum(token_random_entry() / 2);
	values[2] = UUIDPGetDatum(credential->credential_id);
	values[3] = query_pointer_or_null(credential->account_id, &nulls[3]);
	values[4] = query_pointer_or_null(credential->created_by, &nulls[4]);
	values[5] = PointerGetDatum(workspace_ids);
	query_write(&insert, values, nulls);
}

void
credential_insert(const NewCredential *credential, const Token *token)
{
	static Statement insert = {
		"INSERT INTO account.credentials (digest, entry, kind, credential_id, ends_at, account_id,"
		" profile_id, user_id, permissions, allowed_ips, created_by, source, line_id)"
		" VALUES ($1, 0, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
		12, {BYTEAOID, CHAROID, UUIDOID, TIMESTAMPTZOID, UUIDOID, UUIDOID, UUIDOID, TEXTARRAYOID,
		CIDRARRAYOID, UUIDOID, INETOID, UUIDOID}
	};
	static Statement insert_use = {
		"INSERT INTO account.uses (credential_id) VALUES ($1)",
		1, {UUIDOID}
	};
	Datum		values[12];
	char		nulls[12];

	/* First, so that the audit log's entry of a key can name them. */
	if (credential->workspace_ids != NULL)
		insert_workspaces(credential, token);
	memset(nulls, ' ', sizeof(nulls));
	values[0] = digest_datum(token->digest);
	values[1] = CharGetDatum((char) credential->kind);
	values[2] = UUIDPGetDatum(credential->credential_id);
	values[3] = TimestampTzGetDatum(credential->expires_at);
	nulls[3] = credential->expires_at == DT_NOEND ? 'n' : ' ';
	values[4] = query_pointer_or_null(credential->account_id, &nulls[4]);
	values[5] = query_pointer_or_null(credential->profile_id, &nulls[5]);
	values[6] = query_pointer_or_null(credential->user_id, &nulls[6]);
	values[7] = query_pointer_or_null(credential->permissions, &nulls[7]);
	values[8] = query_pointer_or_null(credential->allowed_ips, &nulls[8]);
	values[9] = query_pointer_or_null(credential->created_by, &nulls[9]);
	nulls[10] = credential->kind == TOKEN_SESSION && network_client_address(&values[10]) ? ' ' : 'n';
	values[11] = query_pointer_or_null(credential->line_id, &nulls[11]);
	query_write(&insert, values, nulls);
	/* What authenticates has a row for its last use (use.c). */
	if (credential->kind == TOKEN_KEY || credential->kind == TOKEN_APPLICATION || credential->kind == TOKEN_SESSION)
		query_write(&insert_use, &values[2], NULL);
}

void
credential_end(const CredentialRecord *credential, char kind, TimestampTz ends_at, const char *reason,
			   const pg_uuid_t *successor_id, const pg_uuid_t *ended_by)
{
	static Statement insert = {
		"INSERT INTO account.credentials (digest, entry, kind, credential_id, ends_at, account_id, user_id,"
		" created_by, reason, successor_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
		10, {BYTEAOID, INT8OID, CHAROID, UUIDOID, TIMESTAMPTZOID, UUIDOID, UUIDOID, UUIDOID, TEXTOID, UUIDOID}
	};
	Datum		values[10];
	char		nulls[10];

	memset(nulls, ' ', sizeof(nulls));
	values[0] = digest_datum(credential->digest);
	values[1] = Int64GetDatum(token_random_entry());
	values[2] = CharGetDatum(kind);
	values[3] = UUIDPGetDatum(&credential->credential_id);
	values[4] = TimestampTzGetDatum(ends_at);
	values[5] = query_pointer_or_null(credential->has_account ? &credential->account_id : NULL, &nulls[5]);
	values[6] = query_pointer_or_null(credential->has_user ? &credential->user_id : NULL, &nulls[6]);
	values[7] = query_pointer_or_null(ended_by, &nulls[7]);
	values[8] = query_pointer_or_null(reason != NULL ? cstring_to_text(reason) : NULL, &nulls[8]);
	values[9] = query_pointer_or_null(successor_id, &nulls[9]);
	query_write(&insert, values, nulls);
}

void
credential_grant_workspace(const CredentialRecord *credential, const pg_uuid_t *workspace_id,
						   const pg_uuid_t *created_by)
{
	static Statement insert = {
		"INSERT INTO account.credentials (digest, entry, kind, credential_id, account_id, workspace_id, created_by)"
		" VALUES ($1, $2, 'w', $3, $4, $5, $6)",
		6, {BYTEAOID, INT8OID, UUIDOID, UUIDOID, UUIDOID, UUIDOID}
	};
	Datum		values[6];
	char		nulls[6];

	memset(nulls, ' ', sizeof(nulls));
	values[0] = digest_datum(credential->digest);
	values[1] = Int64GetDatum(token_random_entry());
	values[2] = UUIDPGetDatum(&credential->credential_id);
	values[3] = UUIDPGetDatum(&credential->account_id);
	values[4] = UUIDPGetDatum(workspace_id);
	values[5] = query_pointer_or_null(created_by, &nulls[5]);
	query_write(&insert, values, nulls);
}

void
credential_narrow(const CredentialRecord *credential, ArrayType *allowed_ips, const pg_uuid_t *narrowed_by)
{
	static Statement insert = {
		"INSERT INTO account.credentials (digest, entry, kind, credential_id, account_id, allowed_ips, created_by)"
		" VALUES ($1, $2, 'n', $3, $4, $5, $6)",
		6, {BYTEAOID, INT8OID, UUIDOID, UUIDOID, CIDRARRAYOID, UUIDOID}
	};
	Datum		values[6];
	char		nulls[6];

	memset(nulls, ' ', sizeof(nulls));
	values[0] = digest_datum(credential->digest);
	values[1] = Int64GetDatum(token_random_entry());
	values[2] = UUIDPGetDatum(&credential->credential_id);
	values[3] = query_pointer_or_null(credential->has_account ? &credential->account_id : NULL, &nulls[3]);
	values[4] = PointerGetDatum(allowed_ips);
	values[5] = query_pointer_or_null(narrowed_by, &nulls[5]);
	query_write(&insert, values, nulls);
}

void
credential_end_of_user(const pg_uuid_t *user_id, const pg_uuid_t *kept, const pg_uuid_t *ended_by)
{
	ScanKeyData key;
	SelfScan		scan;
	List	   *ids = NIL;
	ListCell   *cell;

	/* What they are issuing at this moment is there, or fails (key.c). */
	tree_lock_id(user_id, LOCK_CLASS_ISSUE, ShareLock);
	ScanKeyInit(&key, ANUM_USER_ID, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(user_id));
	scan_open(&scan, schema_catalog()->credentials, schema_catalog()->credentials_user_id_idx, &key, 1);
	while (scan_next(&scan))
	{
		pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));

		(void) scan_uuid(&scan, ANUM_CREDENTIAL_ID, id);
		if (DatumGetInt64(scan.values[ANUM_ENTRY - 1]) == 0 &&
			(kept == NULL || memcmp(id, kept, UUID_LEN) != 0))
			ids = lappend(ids, id);
	}
	scan_close(&scan);
	foreach(cell, ids)
	{
		CredentialRecord record;

		if (credential_find(lfirst(cell), &record) && !record.ended)
			credential_end(&record, 'r', GetCurrentTimestamp(), NULL, NULL, ended_by);
	}
}

int64
credential_clean(int max)
{
	/* The arrays keep the planner to the indexes, however many rows there are. */
	static Statement delete = {
		"WITH o AS MATERIALIZED (SELECT c.credential_id"
		" FROM account.credentials c WHERE c.user_id IS NOT NULL AND c.entry OPERATOR(pg_catalog.=) 0"
		" AND c.ends_at OPERATOR(pg_catalog.<) $2"
		" ORDER BY c.ends_at LIMIT $1 FOR UPDATE SKIP LOCKED),"
		" u AS (DELETE FROM account.uses u"
		" WHERE u.credential_id OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT o.credential_id FROM o)))"
		" DELETE FROM account.credentials d"
		" WHERE d.credential_id OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT o.credential_id FROM o))",
		2, {INT4OID, TIMESTAMPTZOID}
	};
	Datum		values[2] = {Int32GetDatum(max), TimestampTzGetDatum(GetCurrentTimestamp())};

	/* A row that another has deleted just now would be an error there. */
	if (IsolationUsesXactSnapshot())
		return 0;
	return query_write(&delete, values, NULL);
}

/* ---------------------------------------------------------------------------
 * Verifying
 */

/* Judges what a scan found, and what holds say of its account and profile. */
static CredentialState
judge(TokenKind kind, TimestampTz now, const Found *found, Credential *credential)
{
	if (!found->credential || credential->kind != kind || found->revoked || found->replaced_at <= now)
		return CREDENTIAL_UNKNOWN;
	if (found->barred || (credential->allowed_ips != NULL && !network_admits(credential->allowed_ips)))
		return CREDENTIAL_UNKNOWN;
	credential->ending = found->replaced_at != DT_NOEND;
	credential->expires_at = Min(credential->expires_at, Min(found->replaced_at, found->expired_at));
	if (credential->expires_at <= now)
		return CREDENTIAL_EXPIRED;
	if ((credential->has_profile && hold_of_profile(&credential->profile_id) != 0) ||
		(credential->has_user && hold_of_profile(&credential->user_id) != 0))
		return CREDENTIAL_UNKNOWN;
	if (credential->has_account)
		credential->holds = hold_of_account(&credential->account_id, NULL);
	return (credential->holds & HOLD_IS_SUSPENDED) != 0 ? CREDENTIAL_SUSPENDED : CREDENTIAL_GOOD;
}

CredentialState
credential_verify_digests(uint8 (*digests)[TOKEN_DIGEST_LENGTH], int count, TokenKind kind,
						  Credential *credential)
{
	TimestampTz now = GetCurrentTimestamp();
	Found		found = {.replaced_at = DT_NOEND,.expired_at = DT_NOEND};

	memset(credential, 0, sizeof(*credential));
	AcceptInvalidationMessages();
	for (int i = 0; i < count && !found.credential; i++)
		scan_digest(digests[i], credential, &found);
	return judge(kind, now, &found, credential);
}

CredentialState
credential_verify(const char *text, size_t length, TokenKind kind, Credential *credential)
{
	uint8		digests[TOKEN_MAX_DIGESTS][TOKEN_DIGEST_LENGTH];
	int			parsed;

	if (text == NULL || length == 0)
		return CREDENTIAL_MISSING;
	parsed = token_parse(text, length);
	if (parsed == 0)
		return CREDENTIAL_MALFORMED;
	if (parsed != (int) kind)
		return CREDENTIAL_UNKNOWN;
	return credential_verify_digests(digests, token_digests(text, length, digests), kind, credential);
}

ErrorCode
credential_error(CredentialState state)
{
	switch (state)
	{
		case CREDENTIAL_GOOD:
			return ERROR_CODES;
		case CREDENTIAL_MISSING:
			return ERROR_MISSING_API_KEY;
		case CREDENTIAL_MALFORMED:
			return ERROR_MALFORMED_API_KEY;
		case CREDENTIAL_UNKNOWN:
			return ERROR_INVALID_AUTHORIZATION;
		case CREDENTIAL_EXPIRED:
			return ERROR_EXPIRED_API_KEY;
		case CREDENTIAL_SUSPENDED:
			return ERROR_ACCOUNT_SUSPENDED;
	}
	return ERROR_INTERNAL_SERVER_ERROR;
}

void
credential_require(CredentialState state, TokenKind kind)
{
	const char *what = kind == TOKEN_SESSION ? "session" : "API key";

	switch (state)
	{
		case CREDENTIAL_GOOD:
			return;
		case CREDENTIAL_MISSING:
			error_raise(ERROR_MISSING_API_KEY, NULL, "no API key was supplied");
		case CREDENTIAL_MALFORMED:
			error_raise(ERROR_MALFORMED_API_KEY, NULL, "the API key is malformed");
		case CREDENTIAL_UNKNOWN:
			error_raise(ERROR_INVALID_AUTHORIZATION, NULL, "the %s is not valid", what);
		case CREDENTIAL_EXPIRED:
			error_raise(ERROR_EXPIRED_API_KEY, NULL, "the %s has expired", what);
		case CREDENTIAL_SUSPENDED:
			error_raise(ERROR_ACCOUNT_SUSPENDED, NULL, "the account is suspended");
	}
}

/* Trigger of account.credentials. */
Datum
account_credential_refuse_update(PG_FUNCTION_ARGS)
{
	error_raise(ERROR_FORBIDDEN, "Insert an ending instead.", "a credential cannot be changed");
	PG_RETURN_NULL();
}
