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

#include "access/detoast.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "port/pg_bswap.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
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
	ANUM_PERMISSIONS,
	ANUM_WORKSPACE_IDS,
	ANUM_ALLOWED_IPS,
	ANUM_CREATED_AT,
	ANUM_CREATED_BY,
	ANUM_REASON,
	ANUM_SUCCESSOR_ID,
	NATTS = ANUM_SUCCESSOR_ID
};

/* What one scan found. */
typedef struct Found
{
	bool		credential;
	bool		revoked;
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
copy_array(Datum value, bool isnull)
{
	return isnull ? NULL : DatumGetArrayTypePCopy(value);
}

static bool
copy_uuid(Datum value, bool isnull, pg_uuid_t *uuid)
{
	if (!isnull)
		*uuid = *DatumGetUUIDP(value);
	return !isnull;
}

static void
take_credential(const Datum *values, const bool *nulls, Credential *credential)
{
	credential->kind = (TokenKind) DatumGetChar(values[ANUM_KIND - 1]);
	credential->credential_id = *DatumGetUUIDP(values[ANUM_CREDENTIAL_ID - 1]);
	credential->expires_at = nulls[ANUM_ENDS_AT - 1] ? DT_NOEND :
		DatumGetTimestampTz(values[ANUM_ENDS_AT - 1]);
	credential->has_account = copy_uuid(values[ANUM_ACCOUNT_ID - 1], nulls[ANUM_ACCOUNT_ID - 1],
										&credential->account_id);
	credential->has_profile = copy_uuid(values[ANUM_PROFILE_ID - 1], nulls[ANUM_PROFILE_ID - 1],
										&credential->profile_id);
	credential->permissions = copy_array(values[ANUM_PERMISSIONS - 1], nulls[ANUM_PERMISSIONS - 1]);
	credential->workspace_ids = copy_array(values[ANUM_WORKSPACE_IDS - 1], nulls[ANUM_WORKSPACE_IDS - 1]);
	credential->allowed_ips = copy_array(values[ANUM_ALLOWED_IPS - 1], nulls[ANUM_ALLOWED_IPS - 1]);
}

static void
take_ending(char kind, TimestampTz ends_at, Found *found)
{
	switch (kind)
	{
		case 'r':
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

/* Reads a credential and its endings. The digest is compared again in constant time. */
static void
scan_digest(const uint8 *digest, Credential *credential, Found *found)
{
	const Catalog *catalog = schema_catalog();
	Relation	relation;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;

	relation = table_open(catalog->credentials, AccessShareLock);
	ScanKeyInit(&key, ANUM_NUMBER, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(digest_number(digest)));
	scan = systable_beginscan(relation, catalog->credentials_pkey, true, SnapshotSelf, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Datum		values[NATTS];
		bool		nulls[NATTS];
		bytea	   *stored;

		heap_deform_tuple(tuple, RelationGetDescr(relation), values, nulls);
		stored = DatumGetByteaPP(values[ANUM_DIGEST - 1]);
		if (VARSIZE_ANY_EXHDR(stored) != TOKEN_DIGEST_LENGTH ||
			!token_equal(VARDATA_ANY(stored), digest, TOKEN_DIGEST_LENGTH))
			continue;
		if (DatumGetInt64(values[ANUM_ENTRY - 1]) != 0)
			take_ending(DatumGetChar(values[ANUM_KIND - 1]),
						DatumGetTimestampTz(values[ANUM_ENDS_AT - 1]), found);
		else
		{
			take_credential(values, nulls, credential);
			memcpy(credential->digest, digest, TOKEN_DIGEST_LENGTH);
			found->credential = true;
		}
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
}

/* Whether a row ends a credential by now. */
static bool
is_end(const Datum *values, TimestampTz now)
{
	return DatumGetInt64(values[ANUM_ENTRY - 1]) != 0 &&
		(DatumGetChar(values[ANUM_KIND - 1]) == 'r' ||
		 DatumGetTimestampTz(values[ANUM_ENDS_AT - 1]) <= now);
}

/* Notes what one row tells of a credential. */
static void
take_record(const Datum *values, const bool *nulls, CredentialRecord *record, bool *found)
{
	if (DatumGetInt64(values[ANUM_ENTRY - 1]) == 0)
	{
		bytea	   *digest = DatumGetByteaPP(values[ANUM_DIGEST - 1]);

		if (VARSIZE_ANY_EXHDR(digest) != TOKEN_DIGEST_LENGTH)
			elog(ERROR, "a digest of account.credentials has not 32 bytes");
		memcpy(record->digest, VARDATA_ANY(digest), TOKEN_DIGEST_LENGTH);
		record->has_account = copy_uuid(values[ANUM_ACCOUNT_ID - 1], nulls[ANUM_ACCOUNT_ID - 1],
										&record->account_id);
		record->allowed_ips = copy_array(values[ANUM_ALLOWED_IPS - 1], nulls[ANUM_ALLOWED_IPS - 1]);
		*found = true;
	}
	else if (DatumGetChar(values[ANUM_KIND - 1]) == 'o')
		record->replaced = copy_uuid(values[ANUM_SUCCESSOR_ID - 1], nulls[ANUM_SUCCESSOR_ID - 1],
									 &record->successor_id);
}

bool
credential_find(const pg_uuid_t *credential_id, CredentialRecord *record)
{
	const Catalog *catalog = schema_catalog();
	pg_uuid_t	id = *credential_id;
	Relation	relation = table_open(catalog->credentials, AccessShareLock);
	TimestampTz now = GetCurrentTimestamp();
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	bool		found = false;

	memset(record, 0, sizeof(*record));
	record->credential_id = id;
	ScanKeyInit(&key, ANUM_CREDENTIAL_ID, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&id));
	scan = systable_beginscan(relation, catalog->credentials_credential_id_key, true, SnapshotSelf, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Datum		values[NATTS];
		bool		nulls[NATTS];

		heap_deform_tuple(tuple, RelationGetDescr(relation), values, nulls);
		take_record(values, nulls, record, &found);
		if (is_end(values, now) &&
			!TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data)))
			record->ended_by_others = true;
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return found;
}

/* Whether the client's address is in one of the networks; a UNIX socket has none. */
static bool
address_allowed(ArrayType *networks)
{
	LOCAL_FCINFO(fcinfo, 0);
	Datum		address;
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	InitFunctionCallInfoData(*fcinfo, NULL, 0, InvalidOid, NULL, NULL);
	address = inet_client_addr(fcinfo);
	if (fcinfo->isnull)
		return false;
	deconstruct_array(networks, CIDROID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (!nulls[i] && DatumGetBool(DirectFunctionCall2(network_supeq, elements[i], address)))
			return true;
	}
	return false;
}

/* Judges what a scan found, and what holds say of its account and profile. */
static CredentialState
judge(TokenKind kind, TimestampTz now, const Found *found, Credential *credential)
{
	if (!found->credential || credential->kind != kind || found->revoked || found->replaced_at <= now)
		return CREDENTIAL_UNKNOWN;
	if (credential->allowed_ips != NULL && !address_allowed(credential->allowed_ips))
		return CREDENTIAL_UNKNOWN;
	credential->ending = found->replaced_at != DT_NOEND;
	credential->expires_at = Min(credential->expires_at, Min(found->replaced_at, found->expired_at));
	if (credential->expires_at <= now)
		return CREDENTIAL_EXPIRED;
	if (credential->has_profile && hold_of_profile(&credential->profile_id) != 0)
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
credential_require(CredentialState state)
{
	switch (state)
	{
		case CREDENTIAL_GOOD:
			return;
		case CREDENTIAL_MISSING:
			error_raise(ERROR_MISSING_API_KEY, NULL, "no API key was supplied");
		case CREDENTIAL_MALFORMED:
			error_raise(ERROR_MALFORMED_API_KEY, NULL, "the API key is malformed");
		case CREDENTIAL_UNKNOWN:
			error_raise(ERROR_INVALID_AUTHORIZATION, NULL, "the API key is not valid");
		case CREDENTIAL_EXPIRED:
			error_raise(ERROR_EXPIRED_API_KEY, NULL, "the API key has expired");
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
