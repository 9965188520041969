/*
 * signature.c
 *	  Signatures of webhooks: Standard Webhooks, spec 1.0.0.
 *
 * What is signed is "id.timestamp.payload", with HMAC-SHA-256 under the bytes of a secret,
 * which is shown as whsec_ and base64.  A signature is "v1," and base64.  No id has a dot, so
 * that no two messages sign the same bytes.  What is checked is taken in one spelling alone:
 * signatures are compared as they are written, secrets have to be canonical base64,
 * timestamps digits.
 */
#include "account.h"

#include "access/detoast.h"
#include "access/xact.h"
#include "common/base64.h"
#include "common/hmac.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define SECRET_PREFIX "whsec_"
#define SECRET_MIN 24			/* bytes, of those that are given to verify_webhook() */
#define SECRET_MAX 64

#define HMAC_LENGTH 32
#define SIGNATURE_PREFIX "v1,"
#define SIGNATURES_MAX 100		/* of one header, that are looked at */
#define TOLERANCE_MAX "1 day"

PG_FUNCTION_INFO_V1(account_signature_verify_webhook);

/* Returns how many characters were written; there is no zero behind them. */
static int
encode_base64(const uint8 *bytes, int length, char *encoded, int size)
{
	int			written = pg_b64_encode((const void *) bytes, length, encoded, size);

	if (written < 0)
		elog(ERROR, "%d bytes as base64 do not fit into %d", length, size);
	return written;
}

void
signature_make(const SignedMessage *message, const uint8 *secret, size_t length, char *signature)
{
	pg_hmac_ctx *context = pg_hmac_create(PG_SHA256);
	uint8		mac[HMAC_LENGTH];
	char		encoded[64];
	bool		done;

	done = context != NULL &&
		pg_hmac_init(context, secret, length) >= 0 &&
		pg_hmac_update(context, (const uint8 *) message->id, message->id_length) >= 0 &&
		pg_hmac_update(context, (const uint8 *) ".", 1) >= 0 &&
		pg_hmac_update(context, (const uint8 *) message->sent_at, strlen(message->sent_at)) >= 0 &&
		pg_hmac_update(context, (const uint8 *) ".", 1) >= 0 &&
		pg_hmac_update(context, (const uint8 *) message->payload, message->payload_length) >= 0 &&
		pg_hmac_final(context, mac, sizeof(mac)) >= 0;
	pg_hmac_free(context);
	if (!done)
		error_raise(ERROR_INTERNAL_SERVER_ERROR, NULL, "could not compute HMAC-SHA-256");
	encode_base64(mac, sizeof(mac), encoded, sizeof(encoded));
	memcpy(signature, SIGNATURE_PREFIX, strlen(SIGNATURE_PREFIX));
	memcpy(signature + strlen(SIGNATURE_PREFIX), encoded, SIGNATURE_LENGTH - strlen(SIGNATURE_PREFIX));
}

bool
signature_is_message_id(const char *id, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		if (id[i] <= ' ' || id[i] > '~' || id[i] == '.')
			return false;
	}
	return length >= 1 && length <= SIGNATURE_ID_MAX;
}

char *
signature_show_secret(const uint8 *secret)
{
	char	   *shown = palloc0(strlen(SECRET_PREFIX) + pg_b64_enc_len(SEAL_SECRET_LENGTH) + 1);

	strcpy(shown, SECRET_PREFIX);
	encode_base64(secret, SEAL_SECRET_LENGTH, shown + strlen(SECRET_PREFIX), pg_b64_enc_len(SEAL_SECRET_LENGTH));
	return shown;
}

void
signature_use_utf8(SignedMessage *message)
{
	char	   *utf8 = pg_server_to_any(message->payload, message->payload_length, PG_UTF8);

	if (utf8 != message->payload)
		message->payload_length = strlen(utf8);
	message->payload = utf8;
}

/* The bytes of a secret as it is shown, with or without its prefix; 0 if it is none. */
static int
parse_secret(const char *shown, size_t length, uint8 *secret)
{
	const size_t prefix = strlen(SECRET_PREFIX);
	char		encoded[128];
	char		again[128];
	int			decoded;

	if (length >= prefix && memcmp(shown, SECRET_PREFIX, prefix) == 0)
	{
		shown += prefix;
		length -= prefix;
	}
	if (length >= sizeof(encoded))
		return 0;
	memcpy(encoded, shown, length);
	decoded = pg_b64_decode(encoded, length, (void *) secret, SECRET_MAX);
	/* One text for one secret: what ends in other bits than it should is none. */
	if (decoded < SECRET_MIN || encode_base64(secret, decoded, again, sizeof(again)) != (int) length ||
		memcmp(again, encoded, length) != 0)
		decoded = 0;
	explicit_bzero(encoded, sizeof(encoded));
	explicit_bzero(again, sizeof(again));
	return decoded;
}

/* Reads whole seconds as senders write them, digits alone; false if it is anything else. */
static bool
parse_sent_at(const char *digits, size_t length, SignedMessage *message, int64 *seconds)
{
	if (length < 1 || length > SIGNATURE_SENT_AT_DIGITS || strspn(digits, "0123456789") < length)
		return false;
	memcpy(message->sent_at, digits, length);
	message->sent_at[length] = '\0';
	*seconds = strtoll(message->sent_at, NULL, 10);
	return true;
}

/* Whether one of the signatures of a header, separated by single spaces, is the expected one. */
static bool
is_among(const char *header, size_t length, const char *expected)
{
	size_t		begin = 0;
	bool		found = false;

	for (int i = 0; i < SIGNATURES_MAX && begin <= length; i++)
	{
		size_t		end = begin;

		while (end < length && header[end] != ' ')
			end++;
		if (end - begin == SIGNATURE_LENGTH && token_equal(header + begin, expected, SIGNATURE_LENGTH))
			found = true;
		begin = end + 1;
	}
	return found;
}

/* A text argument that is no longer than what is looked at; false if it is, or NULL. */
static bool
short_argument(FunctionCallInfo fcinfo, int argument, size_t max, const char **data, size_t *length)
{
	text	   *value;

	if (PG_ARGISNULL(argument) || toast_raw_datum_size(PG_GETARG_DATUM(argument)) > max + VARHDRSZ)
		return false;
	value = PG_GETARG_TEXT_PP(argument);
	*data = text_to_cstring(value);
	*length = VARSIZE_ANY_EXHDR(value);
	return true;
}

/* The tolerance of a call in seconds. */
static int64
tolerance_argument(FunctionCallInfo fcinfo, int argument)
{
	Interval   *tolerance = changes_interval_argument(fcinfo, argument);
	Validation	validation;
	TimestampTz now = GetCurrentTimestamp();

	validation_start(&validation);
	if (tolerance == NULL || !changes_interval_between(tolerance, "0", true, TOLERANCE_MAX))
		validation_add(&validation, "tolerance", tolerance == NULL ? "required" : "out_of_range",
					   "tolerance must be from 0 to " TOLERANCE_MAX, NULL);
	validation_finish(&validation);
	return (changes_plus_interval(now, tolerance) - now) / USECS_PER_SEC;
}

/* verify_webhook(secret, message_id, sent_at, payload, signature, tolerance) */
Datum
account_signature_verify_webhook(PG_FUNCTION_ARGS)
{
	int64		tolerance = tolerance_argument(fcinfo, 5);
	int64		now = (GetCurrentStatementStartTimestamp() - SetEpochTimestamp()) / USECS_PER_SEC;
	const char *shown;
	const char *sent_at;
	const char *header;
	size_t		shown_length;
	size_t		sent_at_length;
	size_t		header_length;
	uint8		secret[SECRET_MAX];
	int			length;
	int64		seconds;
	SignedMessage message;
	char		expected[SIGNATURE_LENGTH];

	if (!short_argument(fcinfo, 0, sizeof(secret) * 2, &shown, &shown_length) ||
		!short_argument(fcinfo, 1, SIGNATURE_ID_MAX, &message.id, &message.id_length) ||
		!short_argument(fcinfo, 2, SIGNATURE_SENT_AT_DIGITS, &sent_at, &sent_at_length) ||
		PG_ARGISNULL(3) || toast_raw_datum_size(PG_GETARG_DATUM(3)) > SIGNATURE_PAYLOAD_MAX + VARHDRSZ ||
		!short_argument(fcinfo, 4, SIGNATURES_MAX * (SIGNATURE_LENGTH + 1), &header, &header_length) ||
		!signature_is_message_id(message.id, message.id_length) ||
		!parse_sent_at(sent_at, sent_at_length, &message, &seconds) ||
		seconds < now - tolerance || seconds > now + tolerance)
		PG_RETURN_BOOL(false);
	length = parse_secret(shown, shown_length, secret);
	explicit_bzero((char *) shown, shown_length);
	if (length == 0)
	{
		explicit_bzero(secret, sizeof(secret));
		PG_RETURN_BOOL(false);
	}

	message.payload = VARDATA_ANY(PG_GETARG_TEXT_PP(3));
	message.payload_length = VARSIZE_ANY_EXHDR(PG_GETARG_TEXT_PP(3));
	signature_use_utf8(&message);
	signature_make(&message, secret, length, expected);
	explicit_bzero(secret, sizeof(secret));
	PG_RETURN_BOOL(is_among(header, header_length, expected));
}
