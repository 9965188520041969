/*
 * token.c
 *	  The form of a secret token, and its digest.
 *
 * ENV_BRANDsec_ + 43 base62 characters of 256 random bits + 6 of the CRC-32 of
 * everything before, most significant first, left-padded with 0.  The three
 * letters after the brand tell the kinds apart: sec a key, app an application
 * key, ses a session.  The checksum (zlib's polynomial) saves a look-up on junk
 * and proves nothing.
 *
 * What is stored is the SHA-256 of the whole token, or its HMAC-SHA-256 under a
 * pepper.  256 random bits need no slow hash.
 */
#include "account.h"

#include "access/detoast.h"
#include "common/cryptohash.h"
#include "common/hmac.h"
#include "common/sha2.h"
#include "mb/pg_wchar.h"
#include "port.h"
#include "utils/pg_crc.h"
#include "utils/resowner.h"

#define SECRET_WORDS 8			/* of 32 bits */
#define SECRET_LENGTH 43
#define CHECKSUM_LENGTH 6
#define KIND_LENGTH 3
#define WORD_MAX 16
#define PREVIEW_SHOWN 4

static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static const struct
{
	TokenKind	kind;
	char		letters[KIND_LENGTH + 1];
}			kinds[] = {
	{TOKEN_KEY, "sec"},
	{TOKEN_APPLICATION, "app"},
	{TOKEN_SESSION, "ses"},
	{TOKEN_INVITATION, "inv"},
	{TOKEN_USER, "usr"}
};

static Keyring peppers = {&setting_pepper_file, "pepper file", "See account.pepper_file."};

static uint32
checksum(const char *text, size_t length)
{
	pg_crc32	crc;

	INIT_TRADITIONAL_CRC32(crc);
	COMP_TRADITIONAL_CRC32(crc, text, length);
	FIN_TRADITIONAL_CRC32(crc);
	return crc;
}

static void
write_checksum(uint32 crc, char *out)
{
	for (int i = CHECKSUM_LENGTH - 1; i >= 0; i--)
	{
		out[i] = base62[crc % 62];
		crc /= 62;
	}
}

/* 256 bits as 43 digits, most significant first. The number is used up. */
static void
write_secret(uint32 *number, char *out)
{
	for (int i = SECRET_LENGTH - 1; i >= 0; i--)
	{
		uint64		remainder = 0;

		for (int j = 0; j < SECRET_WORDS; j++)
		{
			uint64		value = (remainder << 32) | number[j];

			number[j] = (uint32) (value / 62);
			remainder = value % 62;
		}
		out[i] = base62[remainder];
	}
}

void
token_random_bytes(void *buffer, size_t length)
{
	if (!pg_strong_random(buffer, length))
		error_raise(ERROR_INTERNAL_SERVER_ERROR, NULL, "could not get random bytes");
}

void
token_random_uuid(pg_uuid_t *uuid)
{
	token_random_bytes(uuid->data, UUID_LEN);
	uuid->data[6] = (uuid->data[6] & 0x0f) | 0x40;
	uuid->data[8] = (uuid->data[8] & 0x3f) | 0x80;
}

int64
token_random_entry(void)
{
	uint64		entry;

	do
	{
		token_random_bytes(&entry, sizeof(entry));
		entry &= PG_INT64_MAX;
	} while (entry == 0);
	return (int64) entry;
}

bool
token_equal(const void *left, const void *right, size_t length)
{
	const volatile uint8 *l = left;
	const volatile uint8 *r = right;
	uint8		difference = 0;

	while (length-- > 0)
		difference |= *l++ ^ *r++;
	return difference == 0;
}

/*
 * The context for SHA-256, kept for the session: making and freeing one costs as
 * much as hashing a token.  It belongs to a resource owner of its own, so that no
 * transaction takes it along.
 */
static pg_cryptohash_ctx *
sha256_context(void)
{
	static pg_cryptohash_ctx *context = NULL;

	if (context == NULL)
	{
		ResourceOwner saved = CurrentResourceOwner;

		CurrentResourceOwner = ResourceOwnerCreate(NULL, "account digests");
		context = pg_cryptohash_create(PG_SHA256);
		CurrentResourceOwner = saved;
	}
	return context;
}

static void
digest_plain(const char *text, size_t length, uint8 *digest)
{
	pg_cryptohash_ctx *context = sha256_context();

	if (pg_cryptohash_init(context) < 0 ||
		pg_cryptohash_update(context, (const uint8 *) text, length) < 0 ||
		pg_cryptohash_final(context, digest, TOKEN_DIGEST_LENGTH) < 0)
		error_raise(ERROR_INTERNAL_SERVER_ERROR, NULL, "could not compute SHA-256");
}

void
token_digest_secret(const char *purpose, const char *secret, size_t length, uint8 *digest)
{
	pg_cryptohash_ctx *context = sha256_context();

	if (pg_cryptohash_init(context) < 0 ||
		pg_cryptohash_update(context, (const uint8 *) purpose, strlen(purpose) + 1) < 0 ||
		pg_cryptohash_update(context, (const uint8 *) secret, length) < 0 ||
		pg_cryptohash_final(context, digest, TOKEN_DIGEST_LENGTH) < 0)
		error_raise(ERROR_INTERNAL_SERVER_ERROR, NULL, "could not compute SHA-256");
}

static void
digest_peppered(const char *text, size_t length, const char *pepper, uint8 *digest)
{
	pg_hmac_ctx *context = pg_hmac_create(PG_SHA256);
	bool		done;

	done = context != NULL &&
		pg_hmac_init(context, (const uint8 *) pepper, strlen(pepper)) >= 0 &&
		pg_hmac_update(context, (const uint8 *) text, length) >= 0 &&
		pg_hmac_final(context, digest, TOKEN_DIGEST_LENGTH) >= 0;
	pg_hmac_free(context);
	if (!done)
		error_raise(ERROR_INTERNAL_SERVER_ERROR, NULL, "could not compute HMAC-SHA-256");
}

int
token_digests(const char *text, size_t length, uint8 digests[TOKEN_MAX_DIGESTS][TOKEN_DIGEST_LENGTH])
{
	int			count = keyring_load(&peppers);

	for (int i = 0; i < count; i++)
		digest_peppered(text, length, peppers.keys[i], digests[i]);
	digest_plain(text, length, digests[count]);
	return count + 1;
}

static const char *
kind_letters(TokenKind kind)
{
	for (int i = 0; i < lengthof(kinds); i++)
	{
		if (kinds[i].kind == kind)
			return kinds[i].letters;
	}
	elog(ERROR, "unknown kind of token: %d", kind);
	return NULL;
}

void
token_issue(TokenKind kind, Token *token)
{
	uint32		number[SECRET_WORDS];
	uint8		digests[TOKEN_MAX_DIGESTS][TOKEN_DIGEST_LENGTH];
	int			prefix;
	size_t		length;

	memset(token, 0, sizeof(*token));
	prefix = snprintf(token->text, sizeof(token->text), "%s_%s%s_",
					  setting_key_environment, setting_key_brand, kind_letters(kind));
	token_random_bytes(number, sizeof(number));
	write_secret(number, token->text + prefix);
	explicit_bzero(number, sizeof(number));
	length = prefix + SECRET_LENGTH;
	write_checksum(checksum(token->text, length), token->text + length);
	length += CHECKSUM_LENGTH;

	snprintf(token->preview, sizeof(token->preview), "%.*s%s%s",
			 prefix + PREVIEW_SHOWN, token->text,
			 GetDatabaseEncoding() == PG_UTF8 ? "\xE2\x80\xA6" : "...",
			 token->text + length - PREVIEW_SHOWN);
	token_digests(token->text, length, digests);
	memcpy(token->digest, digests[0], TOKEN_DIGEST_LENGTH);
}

/* What a character may be part of: a word of the prefix, a base62 number, both. */
#define IN_WORD 1
#define IN_NUMBER 2

static const uint8 character_class[256] = {
	['0'] = 3,['1'] = 3,['2'] = 3,['3'] = 3,['4'] = 3,['5'] = 3,['6'] = 3,['7'] = 3,['8'] = 3,['9'] = 3,
	['a'] = 3,['b'] = 3,['c'] = 3,['d'] = 3,['e'] = 3,['f'] = 3,['g'] = 3,['h'] = 3,['i'] = 3,['j'] = 3,
	['k'] = 3,['l'] = 3,['m'] = 3,['n'] = 3,['o'] = 3,['p'] = 3,['q'] = 3,['r'] = 3,['s'] = 3,['t'] = 3,
	['u'] = 3,['v'] = 3,['w'] = 3,['x'] = 3,['y'] = 3,['z'] = 3,
	['A'] = 2,['B'] = 2,['C'] = 2,['D'] = 2,['E'] = 2,['F'] = 2,['G'] = 2,['H'] = 2,['I'] = 2,['J'] = 2,
	['K'] = 2,['L'] = 2,['M'] = 2,['N'] = 2,['O'] = 2,['P'] = 2,['Q'] = 2,['R'] = 2,['S'] = 2,['T'] = 2,
	['U'] = 2,['V'] = 2,['W'] = 2,['X'] = 2,['Y'] = 2,['Z'] = 2,
};

/* Length of the run of characters of a class. */
static size_t
run_length(const char *text, size_t length, uint8 class)
{
	size_t		i = 0;

	while (i < length && (character_class[(uint8) text[i]] & class) != 0)
		i++;
	return i;
}

int
token_parse(const char *text, size_t length)
{
	const size_t tail = SECRET_LENGTH + CHECKSUM_LENGTH;
	size_t		environment;
	size_t		brand;
	const char *letters;
	char		expected[CHECKSUM_LENGTH];

	environment = run_length(text, Min(length, WORD_MAX + 1), IN_WORD);
	if (environment < 1 || environment > WORD_MAX || environment == length || text[environment] != '_')
		return 0;
	brand = run_length(text + environment + 1, length - environment - 1, IN_WORD);
	if (brand < 1 + KIND_LENGTH || brand > WORD_MAX + KIND_LENGTH ||
		length != environment + 1 + brand + 1 + tail ||
		text[environment + 1 + brand] != '_' ||
		run_length(text + length - tail, tail, IN_NUMBER) != tail)
		return 0;

	write_checksum(checksum(text, length - CHECKSUM_LENGTH), expected);
	if (memcmp(expected, text + length - CHECKSUM_LENGTH, CHECKSUM_LENGTH) != 0)
		return 0;

	letters = text + environment + 1 + brand - KIND_LENGTH;
	for (int i = 0; i < lengthof(kinds); i++)
	{
		if (memcmp(kinds[i].letters, letters, KIND_LENGTH) == 0)
			return kinds[i].kind;
	}
	return 0;
}

void
token_argument(FunctionCallInfo fcinfo, int argument, const char **token, size_t *length)
{
	*token = NULL;
	*length = 0;
	if (PG_ARGISNULL(argument))
		return;
	if (toast_raw_datum_size(PG_GETARG_DATUM(argument)) > TOKEN_MAX_LENGTH + VARHDRSZ)
	{
		*token = "-";
		*length = 1;
		return;
	}
	*token = VARDATA_ANY(PG_GETARG_TEXT_PP(argument));
	*length = VARSIZE_ANY_EXHDR(PG_GETARG_TEXT_PP(argument));
}
