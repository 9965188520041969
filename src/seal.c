/*
 * seal.c
 *	  Secrets of accounts that have to be known again, encrypted at rest.
 *
 * A secret is sealed by pgcrypto under the master key, together with the id of its account,
 * so that it serves no other.  Without a master key it is kept as it is.  What a backend has
 * opened it keeps, beside the sealed form that it is of: opening takes longer than using.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "common/hmac.h"
#include "common/sha2.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#define SEALED_MAX 256			/* of those that are kept open */
#define OPEN_SLOTS 64

/* A secret that this backend has opened. */
typedef struct OpenSecret
{
	pg_uuid_t	account_id;
	int			sealed_length;	/* 0: nothing is kept here */
	char		sealed[SEALED_MAX];
	uint8		secret[SEAL_SECRET_LENGTH];
} OpenSecret;

static Keyring master_keys = {&setting_master_key_file, "master key file", "See account.master_key_file."};
static OpenSecret *open_secrets = NULL;

/* What tells a key of the ring from another, and nothing else about it. */
static void
key_id(const char *key, uint8 *id)
{
	uint8		digest[TOKEN_DIGEST_LENGTH];

	token_digest_secret("account: master key", key, strlen(key), digest);
	memcpy(id, digest, SEAL_KEY_ID_LENGTH);
}

static bytea *
make_bytea(const void *data, size_t length)
{
	bytea	   *value = palloc(VARHDRSZ + length);

	SET_VARSIZE(value, VARHDRSZ + length);
	memcpy(VARDATA(value), data, length);
	return value;
}

bytea *
seal_key_in_force(void)
{
	uint8		id[SEAL_KEY_ID_LENGTH];

	if (keyring_load(&master_keys) == 0)
		return NULL;
	key_id(master_keys.keys[0], id);
	return make_bytea(id, sizeof(id));
}

void
seal_forget_keys(void)
{
	keyring_forget(&master_keys);
}

bytea *
seal_secret(const pg_uuid_t *account_id, const uint8 *secret, bytea **sealed_by)
{
	uint8		plain[UUID_LEN + SEAL_SECRET_LENGTH];
	FmgrInfo	encrypt;
	bytea	   *value;
	text	   *key;
	bytea	   *result;

	*sealed_by = seal_key_in_force();
	if (*sealed_by == NULL)
		return make_bytea(secret, SEAL_SECRET_LENGTH);
	memcpy(plain, account_id->data, UUID_LEN);
	memcpy(plain + UUID_LEN, secret, SEAL_SECRET_LENGTH);
	value = make_bytea(plain, sizeof(plain));
	explicit_bzero(plain, sizeof(plain));
	key = cstring_to_text(master_keys.keys[0]);
	pgcrypto_function("pgp_sym_encrypt_bytea", 3, (Oid[]) {BYTEAOID, TEXTOID, TEXTOID}, BYTEAOID, "webhook secrets",
					  &encrypt);
	/* The key is no password: it needs no stretching. */
	result = DatumGetByteaPP(FunctionCall3Coll(&encrypt, InvalidOid, PointerGetDatum(value), PointerGetDatum(key),
											   CStringGetTextDatum("cipher-algo=aes256, s2k-mode=0")));
	explicit_bzero(value, VARSIZE(value));
	explicit_bzero(key, VARSIZE(key));
	return result;
}

/* The key of the ring, as it is now, that has an id; NULL if it is not there. */
static const char *
look_for_key(const bytea *id)
{
	int			count = keyring_load(&master_keys);
	uint8		own[SEAL_KEY_ID_LENGTH];

	for (int i = 0; i < count; i++)
	{
		key_id(master_keys.keys[i], own);
		if (VARSIZE_ANY_EXHDR(id) == SEAL_KEY_ID_LENGTH && memcmp(own, VARDATA_ANY(id), SEAL_KEY_ID_LENGTH) == 0)
			return master_keys.keys[i];
	}
	return NULL;
}

/* The same; a file may have been changed after it was read, and other sessions have read it since. */
static const char *
find_key(const bytea *id)
{
	const char *key = look_for_key(id);

	if (key == NULL)
	{
		keyring_forget(&master_keys);
		key = look_for_key(id);
	}
	return key;
}

/* The key of the ring that a secret was sealed with. */
static const char *
require_key(const SealedSecret *secret)
{
	const char *key = find_key(secret->sealed_by);

	if (key == NULL)
		error_raise(ERROR_INTERNAL_SERVER_ERROR, "See account.master_key_file.",
					"the master key that a webhook secret was encrypted with is not in the file");
	return key;
}

bool
seal_derive_key(const bytea *id, const char *purpose, uint8 *derived)
{
	const char *key = find_key(id);
	pg_hmac_ctx *context;
	bool		done;

	if (key == NULL)
		return false;
	context = pg_hmac_create(PG_SHA256);
	done = context != NULL &&
		pg_hmac_init(context, (const uint8 *) key, strlen(key)) >= 0 &&
		pg_hmac_update(context, (const uint8 *) purpose, strlen(purpose)) >= 0 &&
		pg_hmac_final(context, derived, SEAL_DERIVED_LENGTH) >= 0;
	pg_hmac_free(context);
	if (!done)
		error_raise(ERROR_INTERNAL_SERVER_ERROR, NULL, "could not compute HMAC-SHA-256");
	return true;
}

/* The secret itself. */
static void
unseal(const pg_uuid_t *account_id, const SealedSecret *stored, uint8 *secret)
{
	const char *data = VARDATA_ANY(stored->stored);
	size_t		length = VARSIZE_ANY_EXHDR(stored->stored);
	FmgrInfo	decrypt;
	text	   *key;
	bytea	   *plain;

	if (stored->sealed_by == NULL)
	{
		if (length != SEAL_SECRET_LENGTH)
			elog(ERROR, "a secret has %zu bytes", length);
		memcpy(secret, data, SEAL_SECRET_LENGTH);
		return;
	}
	key = cstring_to_text(require_key(stored));
	pgcrypto_function("pgp_sym_decrypt_bytea", 2, (Oid[]) {BYTEAOID, TEXTOID}, BYTEAOID, "webhook secrets", &decrypt);
	plain = DatumGetByteaPP(FunctionCall2Coll(&decrypt, InvalidOid, PointerGetDatum(stored->stored),
											  PointerGetDatum(key)));
	explicit_bzero(key, VARSIZE(key));
	if (VARSIZE_ANY_EXHDR(plain) != UUID_LEN + SEAL_SECRET_LENGTH ||
		memcmp(VARDATA_ANY(plain), account_id->data, UUID_LEN) != 0)
		error_raise(ERROR_INTERNAL_SERVER_ERROR, NULL, "a webhook secret is not of the account that it is stored for");
	memcpy(secret, VARDATA_ANY(plain) + UUID_LEN, SEAL_SECRET_LENGTH);
	explicit_bzero(VARDATA_ANY(plain), VARSIZE_ANY_EXHDR(plain));
}

void
seal_open(const pg_uuid_t *account_id, const SealedSecret *stored, uint8 *secret)
{
	const char *data = VARDATA_ANY(stored->stored);
	int			length = VARSIZE_ANY_EXHDR(stored->stored);
	OpenSecret *slot;

	if (stored->sealed_by == NULL || length > SEALED_MAX)
	{
		unseal(account_id, stored, secret);
		return;
	}
	if (open_secrets == NULL)
		open_secrets = MemoryContextAllocZero(TopMemoryContext, sizeof(OpenSecret) * OPEN_SLOTS);
	slot = &open_secrets[hash_bytes((const unsigned char *) data, length) % OPEN_SLOTS];
	if (slot->sealed_length != length || memcmp(&slot->account_id, account_id, UUID_LEN) != 0 ||
		memcmp(slot->sealed, data, length) != 0)
	{
		slot->sealed_length = 0;
		unseal(account_id, stored, slot->secret);
		slot->account_id = *account_id;
		memcpy(slot->sealed, data, length);
		slot->sealed_length = length;
	}
	memcpy(secret, slot->secret, SEAL_SECRET_LENGTH);
}
