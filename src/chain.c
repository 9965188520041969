/*
 * chain.c
 *	  What binds the entries of an account's audit log to one another.
 *
 * Each entry has a mac: HMAC-SHA-256 under a key that is derived from the master key or, where
 * there is none, SHA-256 alone.  It is made of these bytes, in this order:
 *
 *	- "account: audit entry 1" and a zero byte
 *	- account_key: 16 bytes
 *	- position: 8 bytes
 *	- sealed_at: 8 bytes
 *	- the mac of the entry before it: 32 bytes, zeros for the first
 *	- sealed_by: a field
 *	- the columns in CHAIN_COLUMNS: a field each
 *
 * A field is one byte, 0, for NULL; otherwise one byte, 1, the length of the value in 4 bytes,
 * and the value: a uuid is 16 bytes, a point in time 8, a text is UTF-8, and jsonb is the
 * UTF-8 of the text that the server shows it as.  Where the database has a character that
 * UTF-8 has not, the first byte is 2, and the text is as the database has it.  Numbers are
 * big-endian and signed, points in time are microseconds since 2000-01-01 UTC.  All lengths
 * are fixed or said, so no two entries have the same bytes.
 *
 * The head of a chain has a seal, which is made in the same way of "account: audit head 1" and
 * a zero byte, account_key, position, mac, sealed_at, first_position, first_mac (8 bytes for
 * each number and point in time), and sealed_by as a field.
 */
#include "account.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/hmac.h"
#include "common/sha2.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#define PURPOSE "account: audit chain"
#define ENTRY_LABEL "account: audit entry 1"
#define HEAD_LABEL "account: audit head 1"

/* What a field begins with. */
#define FIELD_NULL 0
#define FIELD_VALUE 1
#define FIELD_RAW 2

/* ---------------------------------------------------------------------------
 * Keys
 */

bool
chain_find_key(bytea *id, ChainKey *key)
{
	key->id = id;
	return id == NULL || seal_derive_key(id, PURPOSE, key->secret);
}

void
chain_key_in_force(ChainKey *key)
{
	if (!chain_find_key(seal_key_in_force(), key))
		elog(ERROR, "the master key in force has gone");
}

/* ---------------------------------------------------------------------------
 * Canonical form
 */

static void
append_null(StringInfo form)
{
	pq_sendbyte(form, FIELD_NULL);
}

static void
append_field(StringInfo form, int8 kind, const void *value, size_t length)
{
	pq_sendbyte(form, kind);
	pq_sendint32(form, length);
	appendBinaryStringInfo(form, value, length);
}

static void
append_bytea(StringInfo form, const bytea *value)
{
	if (value == NULL)
		append_null(form);
	else
		append_field(form, FIELD_VALUE, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

/* A text in UTF-8; NULL if it cannot be, which is no error: it would keep the entries of all from being sealed. */
static char *
to_utf8(const char *text, size_t length)
{
	int			encoding = GetDatabaseEncoding();
	Oid			conversion;
	char	   *utf8;

	if (encoding == PG_UTF8)
		return pnstrdup(text, length);
	if (encoding == PG_SQL_ASCII)
		return pg_verify_mbstr(PG_UTF8, text, length, true) ? pnstrdup(text, length) : NULL;
	conversion = FindDefaultConversionProc(encoding, PG_UTF8);
	if (!OidIsValid(conversion))
		return NULL;
	utf8 = palloc(length * MAX_CONVERSION_GROWTH + 1);
	if (pg_do_encoding_conversion_buf(conversion, encoding, PG_UTF8, (unsigned char *) text, length,
									  (unsigned char *) utf8, length * MAX_CONVERSION_GROWTH + 1, true) < length)
		return NULL;
	return utf8;
}

static void
append_text(StringInfo form, const char *text, size_t length)
{
	char	   *utf8 = to_utf8(text, length);

	if (utf8 != NULL)
		append_field(form, FIELD_VALUE, utf8, strlen(utf8));
	else
		append_field(form, FIELD_RAW, text, length);
}

static void
append_value(StringInfo form, Oid type, Datum value)
{
	char	   *json;
	int64		number;

	switch (type)
	{
		case UUIDOID:
			append_field(form, FIELD_VALUE, DatumGetUUIDP(value)->data, UUID_LEN);
			break;
		case TIMESTAMPTZOID:
			number = pg_hton64(DatumGetTimestampTz(value));
			append_field(form, FIELD_VALUE, &number, sizeof(number));
			break;
		case TEXTOID:
			append_text(form, VARDATA_ANY(DatumGetTextPP(value)), VARSIZE_ANY_EXHDR(DatumGetTextPP(value)));
			break;
		case JSONBOID:
			json = DatumGetCString(DirectFunctionCall1(jsonb_out, value));
			append_text(form, json, strlen(json));
			break;
		default:
			elog(ERROR, "type %u has no canonical form", type);
	}
}

void
chain_append_content(StringInfo content, const QueryScope *scope, uint64 row, int column)
{
	for (int i = column; i < column + CHAIN_COLUMN_COUNT; i++)
	{
		bool		isnull;
		Datum		value = query_datum(scope, row, i, &isnull);

		if (isnull)
			append_null(content);
		else
			append_value(content, SPI_gettypeid(SPI_tuptable->tupdesc, i), value);
	}
}

/* ---------------------------------------------------------------------------
 * Macs
 */

static void
digest(const StringInfoData *form, const StringInfoData *more, uint8 *mac)
{
	pg_cryptohash_ctx *context = pg_cryptohash_create(PG_SHA256);
	bool		done = context != NULL &&
		pg_cryptohash_init(context) >= 0 &&
		pg_cryptohash_update(context, (const uint8 *) form->data, form->len) >= 0 &&
		(more == NULL || pg_cryptohash_update(context, (const uint8 *) more->data, more->len) >= 0) &&
		pg_cryptohash_final(context, mac, CHAIN_MAC_LENGTH) >= 0;

	pg_cryptohash_free(context);
	if (!done)
		error_raise(ERROR_INTERNAL_SERVER_ERROR, NULL, "could not compute SHA-256");
}

/* The mac of two pieces one after the other; more may be NULL. */
static void
authenticate(const ChainKey *key, const StringInfoData *form, const StringInfoData *more, uint8 *mac)
{
	pg_hmac_ctx *context;
	bool		done;

	if (key->id == NULL)
	{
		digest(form, more, mac);
		return;
	}
	context = pg_hmac_create(PG_SHA256);
	done = context != NULL &&
		pg_hmac_init(context, key->secret, sizeof(key->secret)) >= 0 &&
		pg_hmac_update(context, (const uint8 *) form->data, form->len) >= 0 &&
		(more == NULL || pg_hmac_update(context, (const uint8 *) more->data, more->len) >= 0) &&
		pg_hmac_final(context, mac, CHAIN_MAC_LENGTH) >= 0;
	pg_hmac_free(context);
	if (!done)
		error_raise(ERROR_INTERNAL_SERVER_ERROR, NULL, "could not compute HMAC-SHA-256");
}

void
chain_make_mac(const ChainKey *key, const ChainLink *link, const StringInfoData *content, uint8 *mac)
{
	StringInfoData form;

	initStringInfo(&form);
	appendBinaryStringInfo(&form, ENTRY_LABEL, sizeof(ENTRY_LABEL));
	appendBinaryStringInfo(&form, (const char *) link->account_key.data, UUID_LEN);
	pq_sendint64(&form, link->position);
	pq_sendint64(&form, link->sealed_at);
	appendBinaryStringInfo(&form, (const char *) link->previous, CHAIN_MAC_LENGTH);
	append_bytea(&form, key->id);
	authenticate(key, &form, content, mac);
	pfree(form.data);
}

void
chain_make_seal(const ChainKey *key, const ChainHead *head, uint8 *seal)
{
	StringInfoData form;

	initStringInfo(&form);
	appendBinaryStringInfo(&form, HEAD_LABEL, sizeof(HEAD_LABEL));
	appendBinaryStringInfo(&form, (const char *) head->account_key.data, UUID_LEN);
	pq_sendint64(&form, head->position);
	appendBinaryStringInfo(&form, (const char *) head->mac, CHAIN_MAC_LENGTH);
	pq_sendint64(&form, head->sealed_at);
	pq_sendint64(&form, head->first_position);
	appendBinaryStringInfo(&form, (const char *) head->first_mac, CHAIN_MAC_LENGTH);
	append_bytea(&form, key->id);
	authenticate(key, &form, NULL, seal);
	pfree(form.data);
}
