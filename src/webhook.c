/*
 * webhook.c
 *	  The secrets that an account's webhooks are signed with.
 *
 * They are rows that are only inserted.  A newer one says until when those before it are in
 * force: so a rotation waits for nobody, and what a thief keeps open does not outlive it.
 * A message is signed with each that is in force, the newest first.
 */
#include "account.h"

#include "access/detoast.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define SECRETS_MAX 5			/* in force at a time */
#define OVERLAP_MAX "30 days"

/* Columns of account.webhook_secrets; schema_catalog() has checked the version. */
#define ANUM_ACCOUNT_ID 1
#define ANUM_ENTRY 2
#define ANUM_SECRET 3
#define ANUM_SEALED_BY 4
#define ANUM_OLDER_UNTIL 5
#define ANUM_CREATED_AT 6

PG_FUNCTION_INFO_V1(account_webhook_rotate_webhook_secret);
PG_FUNCTION_INFO_V1(account_webhook_webhook_secret);
PG_FUNCTION_INFO_V1(account_webhook_sign_webhook);
PG_FUNCTION_INFO_V1(account_webhook_sign_webhook_bytes);
PG_FUNCTION_INFO_V1(account_webhook_reencrypt_webhook_secrets);

/* A row of account.webhook_secrets. */
typedef struct StoredSecret
{
	ItemPointerData row;
	int64		entry;
	TimestampTz created_at;
	TimestampTz older_until;	/* those before it are in force; DT_NOEND as long as they would be anyway */
	SealedSecret sealed;
} StoredSecret;

/* ---------------------------------------------------------------------------
 * Rows
 */

static bool
is_newer(const StoredSecret *left, const StoredSecret *right)
{
	return left->created_at > right->created_at ||
		(left->created_at == right->created_at && left->entry > right->entry);
}

static int
compare_secrets(const void *left, const void *right)
{
	return is_newer(left, right) ? -1 : 1;
}

/* All secrets of an account that are committed now, or made by this transaction, newest first. */
static StoredSecret *
read_secrets(const pg_uuid_t *account_id, int *count)
{
	const Catalog *catalog = schema_catalog();
	StoredSecret *secrets = palloc(sizeof(StoredSecret));
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	ScanKeyData key;
	SelfScan	scan;

	*count = 0;
	ScanKeyInit(&key, ANUM_ACCOUNT_ID, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(account_id));
	scan_open_at(&scan, catalog->webhook_secrets, catalog->webhook_secrets_pkey, snapshot, &key, 1);
	while (scan_next(&scan))
	{
		StoredSecret *secret;

		secrets = repalloc(secrets, sizeof(StoredSecret) * (*count + 1));
		secret = &secrets[(*count)++];
		memset(secret, 0, sizeof(*secret));
		secret->row = scan.tuple->t_self;
		secret->entry = DatumGetInt64(scan.values[ANUM_ENTRY - 1]);
		secret->created_at = DatumGetTimestampTz(scan.values[ANUM_CREATED_AT - 1]);
		secret->older_until = scan_end(&scan, ANUM_OLDER_UNTIL);
		secret->sealed.stored = DatumGetByteaPCopy(scan.values[ANUM_SECRET - 1]);
		if (!scan.nulls[ANUM_SEALED_BY - 1])
			secret->sealed.sealed_by = DatumGetByteaPCopy(scan.values[ANUM_SEALED_BY - 1]);
	}
	scan_close(&scan);
	UnregisterSnapshot(snapshot);
	qsort(secrets, *count, sizeof(StoredSecret), compare_secrets);
	return secrets;
}

/* How many of them, from the newest, are in force: those that no newer one has ended. */
static int
count_in_force(const StoredSecret *secrets, int count)
{
	TimestampTz now = GetCurrentTimestamp();

	for (int i = 0; i < count; i++)
	{
		if (i > 0 && secrets[i - 1].older_until <= now)
			return i;
	}
	return count;
}

/* Inserts a secret; those before it are in force until then. Between query_open() and query_close(). */
static void
insert_secret(const pg_uuid_t *account_id, const uint8 *secret, TimestampTz created_at, TimestampTz older_until)
{
	static Statement insert = {
		"INSERT INTO account.webhook_secrets (account_id, entry, secret, sealed_by, older_until, created_at)"
		" VALUES ($1, $2, $3, $4, $5, $6)",
		6, {UUIDOID, INT8OID, BYTEAOID, BYTEAOID, TIMESTAMPTZOID, TIMESTAMPTZOID}
	};
	bytea	   *sealed_by;
	Datum		values[6];
	char		nulls[6] = {' ', ' ', ' ', ' ', ' ', ' '};

	values[0] = UUIDPGetDatum(account_id);
	values[1] = Int64GetDatum(token_random_entry());
	values[2] = PointerGetDatum(seal_secret(account_id, secret, &sealed_by));
	values[3] = query_pointer_or_null(sealed_by, &nulls[3]);
	values[4] = TimestampTzGetDatum(older_until);
	if (older_until == DT_NOEND)
		nulls[4] = 'n';
	values[5] = TimestampTzGetDatum(created_at);
	query_write(&insert, values, nulls);
}

/* Deletes secrets that are not in force any more, but for those that others delete. */
static void
delete_secrets(const StoredSecret *secrets, int count)
{
	Relation	relation = table_open(schema_catalog()->webhook_secrets, RowExclusiveLock);

	for (int i = 0; i < count; i++)
	{
		ItemPointerData row = secrets[i].row;

		scan_delete(relation, &row);
	}
	table_close(relation, NoLock);
}

void
webhook_insert_first(const pg_uuid_t *account_id)
{
	uint8		secret[SEAL_SECRET_LENGTH];

	token_random_bytes(secret, sizeof(secret));
	insert_secret(account_id, secret, GetCurrentTimestamp(), DT_NOEND);
	explicit_bzero(secret, sizeof(secret));
}

char *
webhook_newest(const pg_uuid_t *account_id)
{
	int			count;
	StoredSecret *secrets = read_secrets(account_id, &count);
	uint8		secret[SEAL_SECRET_LENGTH];
	char	   *shown;

	if (count == 0)
		return NULL;
	seal_open(account_id, &secrets[0].sealed, secret);
	shown = signature_show_secret(secret);
	explicit_bzero(secret, sizeof(secret));
	return shown;
}

/* ---------------------------------------------------------------------------
 * Messages
 */

static bool
is_message_id_datum(Datum value)
{
	return toast_raw_datum_size(value) <= SIGNATURE_ID_MAX + VARHDRSZ &&
		signature_is_message_id(VARDATA_ANY(DatumGetTextPP(value)), VARSIZE_ANY_EXHDR(DatumGetTextPP(value)));
}

static bool
is_payload(Datum value)
{
	return toast_raw_datum_size(value) <= SIGNATURE_PAYLOAD_MAX + VARHDRSZ;
}

/* Whether a point in time is one that a message can have: from 1970 on, in few digits. */
static bool
is_sent_at(Datum value)
{
	TimestampTz sent_at = DatumGetTimestampTz(value);

	return !TIMESTAMP_NOT_FINITE(sent_at) && sent_at >= SetEpochTimestamp();
}

static const ChangeField message_fields[] = {
	{"message_id", false, false, CHANGE_BY_ITSELF, is_message_id_datum,
	"must have 1 to 255 visible ASCII characters, none of them a dot"},
	{"payload", false, false, CHANGE_BY_ITSELF, is_payload, "must have at most 16 MB"},
	{"sent_at", false, false, CHANGE_BY_ITSELF, is_sent_at, "must be a point in time from 1970 on"}
};

/* The message of the first three arguments of a call; as_text: what is signed is its UTF-8. */
static void
read_message(FunctionCallInfo fcinfo, bool as_text, SignedMessage *message)
{
	Validation	validation;

	validation_start(&validation);
	for (int i = 0; i < lengthof(message_fields); i++)
		changes_check_value(&validation, &message_fields[i], PG_GETARG_DATUM(i), PG_ARGISNULL(i));
	validation_finish(&validation);

	message->id = VARDATA_ANY(PG_GETARG_TEXT_PP(0));
	message->id_length = VARSIZE_ANY_EXHDR(PG_GETARG_TEXT_PP(0));
	message->payload = VARDATA_ANY(PG_GETARG_VARLENA_PP(1));
	message->payload_length = VARSIZE_ANY_EXHDR(PG_GETARG_VARLENA_PP(1));
	snprintf(message->sent_at, sizeof(message->sent_at), INT64_FORMAT,
			 (PG_GETARG_TIMESTAMPTZ(2) - SetEpochTimestamp()) / USECS_PER_SEC);
	if (as_text)
		signature_use_utf8(message);
}

text *
webhook_sign(const pg_uuid_t *account_id, const SignedMessage *message)
{
	int			count;
	StoredSecret *secrets = read_secrets(account_id, &count);
	int			in_force = count_in_force(secrets, count);
	StringInfoData signatures;
	uint8		secret[SEAL_SECRET_LENGTH];
	char		signature[SIGNATURE_LENGTH];

	if (in_force == 0)
		return NULL;
	initStringInfo(&signatures);
	for (int i = 0; i < in_force; i++)
	{
		seal_open(account_id, &secrets[i].sealed, secret);
		signature_make(message, secret, sizeof(secret), signature);
		explicit_bzero(secret, sizeof(secret));
		if (i > 0)
			appendStringInfoChar(&signatures, ' ');
		appendBinaryStringInfo(&signatures, signature, sizeof(signature));
	}
	return cstring_to_text_with_len(signatures.data, signatures.len);
}

/* ---------------------------------------------------------------------------
 * What SQL calls
 */

/* The account whose secret a call is about, in an argument of it. */
static void
find_target(FunctionCallInfo fcinfo, int argument, Target *target)
{
	caller_target("manage:webhooks", PG_ARGISNULL(argument) ? NULL : PG_GETARG_UUID_P(argument),
				  SCOPE_OWN | SCOPE_ADMIN, target);
}

/*
 * Puts a new secret before those of an account.  Between query_open() and query_close().
 */
static void
replace_secret(const pg_uuid_t *account_id, const uint8 *secret, const Interval *overlap)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz older_until = changes_plus_interval(now, overlap);
	StoredSecret *secrets;
	int			count;
	int			in_force;

	secrets = read_secrets(account_id, &count);
	in_force = count_in_force(secrets, count);
	if (older_until > now && in_force >= SECRETS_MAX)
		error_raise(ERROR_CONFLICT, "Rotate without an overlap, which ends them all, or wait until one has ended.",
					"the account has %d webhook secrets in force", SECRETS_MAX);
	/* It is the newest also after the clock was set back. */
	insert_secret(account_id, secret, count > 0 ? Max(now, secrets[0].created_at + 1) : now, older_until);
	delete_secrets(secrets + in_force, count - in_force);
}

/* rotate_webhook_secret(overlap, account_id) */
Datum
account_webhook_rotate_webhook_secret(PG_FUNCTION_ARGS)
{
	Interval   *overlap = changes_interval_argument(fcinfo, 0);
	uint8		secret[SEAL_SECRET_LENGTH];
	Validation	validation;
	Target		target;
	QueryScope	scope;
	char	   *shown;
	text	   *result;

	find_target(fcinfo, 1, &target);
	validation_start(&validation);
	if (overlap == NULL || !changes_interval_between(overlap, "0", true, OVERLAP_MAX))
		validation_add(&validation, "overlap", overlap == NULL ? "required" : "out_of_range",
					   "overlap must be from 0 to " OVERLAP_MAX, NULL);
	validation_finish(&validation);
	hold_require_writable(&target.account_id, target.path);
	guard_issued("manage:webhooks", &target.account_id, NIL);

	token_random_bytes(secret, sizeof(secret));
	query_open(&scope);
	replace_secret(&target.account_id, secret, overlap);
	query_close(&scope);
	shown = signature_show_secret(secret);
	explicit_bzero(secret, sizeof(secret));
	result = cstring_to_text(shown);
	explicit_bzero(shown, strlen(shown));
	PG_RETURN_TEXT_P(result);
}

/* webhook_secret(account_id) */
Datum
account_webhook_webhook_secret(PG_FUNCTION_ARGS)
{
	Target		target;
	char	   *secret;
	text	   *result;

	find_target(fcinfo, 0, &target);
	secret = webhook_newest(&target.account_id);
	if (secret == NULL)
		PG_RETURN_NULL();
	result = cstring_to_text(secret);
	explicit_bzero(secret, strlen(secret));
	PG_RETURN_TEXT_P(result);
}

static Datum
sign_argument(FunctionCallInfo fcinfo, bool as_text)
{
	Target		target;
	SignedMessage message;
	text	   *signatures;

	find_target(fcinfo, 3, &target);
	read_message(fcinfo, as_text, &message);
	signatures = webhook_sign(&target.account_id, &message);
	if (signatures == NULL)
		error_raise(ERROR_NOT_FOUND, "Call rotate_webhook_secret().", "the account has no webhook secret");
	PG_RETURN_TEXT_P(signatures);
}

/* sign_webhook(message_id, payload text, sent_at, account_id) */
Datum
account_webhook_sign_webhook(PG_FUNCTION_ARGS)
{
	return sign_argument(fcinfo, true);
}

/* sign_webhook(message_id, payload bytea, sent_at, account_id) */
Datum
account_webhook_sign_webhook_bytes(PG_FUNCTION_ARGS)
{
	return sign_argument(fcinfo, false);
}

/* Encrypts one secret anew. Between query_open() and query_close(). */
static void
reencrypt(const pg_uuid_t *account_id, const StoredSecret *stored)
{
	static Statement update = {
		"UPDATE account.webhook_secrets SET secret = $3, sealed_by = $4"
		" WHERE account_id OPERATOR(pg_catalog.=) $1 AND entry OPERATOR(pg_catalog.=) $2",
		4, {UUIDOID, INT8OID, BYTEAOID, BYTEAOID}
	};
	uint8		secret[SEAL_SECRET_LENGTH];
	bytea	   *sealed_by;
	Datum		values[4];
	char		nulls[4] = {' ', ' ', ' ', ' '};

	seal_open(account_id, &stored->sealed, secret);
	values[0] = UUIDPGetDatum(account_id);
	values[1] = Int64GetDatum(stored->entry);
	values[2] = PointerGetDatum(seal_secret(account_id, secret, &sealed_by));
	values[3] = query_pointer_or_null(sealed_by, &nulls[3]);
	explicit_bzero(secret, sizeof(secret));
	query_write(&update, values, nulls);
}

/* reencrypt_webhook_secrets() */
Datum
account_webhook_reencrypt_webhook_secrets(PG_FUNCTION_ARGS)
{
	static Statement find = {
		"SELECT s.account_id, s.entry, s.secret, s.sealed_by FROM account.webhook_secrets s"
		" WHERE (s.sealed_by IS NULL AND $1 IS NOT NULL) OR (s.sealed_by IS NOT NULL AND $1 IS NULL)"
		" OR s.sealed_by OPERATOR(pg_catalog.<>) $1 FOR UPDATE SKIP LOCKED",
		1, {BYTEAOID}
	};
	bytea	   *in_force;
	Datum		value;
	char		null = ' ';
	QueryScope	scope;
	uint64		rows;
	pg_uuid_t  *accounts;
	StoredSecret *secrets;

	caller_require_admin("encrypt webhook secrets anew");
	in_force = seal_key_in_force();
	value = query_pointer_or_null(in_force, &null);
	query_open(&scope);
	rows = query_write(&find, &value, &null);
	accounts = palloc(sizeof(pg_uuid_t) * rows);
	secrets = palloc0(sizeof(StoredSecret) * rows);
	for (uint64 row = 0; row < rows; row++)
	{
		bool		isnull;
		Datum		sealed_by;

		(void) query_uuid(row, 1, &accounts[row]);
		secrets[row].entry = query_int64(row, 2);
		secrets[row].sealed.stored = DatumGetByteaPP(query_datum(&scope, row, 3, &isnull));
		sealed_by = query_datum(&scope, row, 4, &isnull);
		if (!isnull)
			secrets[row].sealed.sealed_by = DatumGetByteaPP(sealed_by);
	}
	for (uint64 row = 0; row < rows; row++)
		reencrypt(&accounts[row], &secrets[row]);
	query_close(&scope);
	if (rows > 0)
		audit_note("webhook_secret.reencrypted", "webhook_secret", NULL, NULL,
				   psprintf("{\"secrets\": " UINT64_FORMAT "}", rows));
	PG_RETURN_INT64(rows);
}
