/*
 * verify.c
 *	  Whether the audit log of an account is as it was sealed.
 *
 * All of it is looked at as of one moment, so that what is sealed meanwhile is no finding; a lock
 * on the table keeps prune_audit() from taking a month away underneath.
 */
#include "account.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define PORTION 200

PG_FUNCTION_INFO_V1(account_verify_verify_audit);
PG_FUNCTION_INFO_V1(account_verify_audit_head);

/* How far a verification has come. */
typedef struct Verification
{
	ReturnSetInfo *result;
	QueryScope	scope;
	MemoryContext portion;
	pg_uuid_t	account_key;
	bool		has_head;
	ChainHead	head;
	int64		next;			/* the position that should follow */
	bool		linked;			/* previous is that of the entry before it */
	uint8		previous[CHAIN_MAC_LENGTH];
	bool		looked;			/* for the key of an entry before */
	ChainKey	key;			/* what was found */
	bool		has_key;		/* in the file */
	const uint8 *expected;		/* a head that has to be in the chain; NULL if none was given */
	bool		met;			/* it was */
} Verification;

pg_attribute_printf(3, 4)
static void
report(Verification *verification, int64 position, const char *format,...)
{
	va_list		arguments;
	char		finding[200];
	Datum		values[2];
	bool		nulls[2] = {position == 0, false};

	va_start(arguments, format);
	vsnprintf(finding, sizeof(finding), format, arguments);
	va_end(arguments);
	values[0] = Int64GetDatum(position);
	values[1] = CStringGetTextDatum(finding);
	tuplestore_putvalues(verification->result->setResult, verification->result->setDesc, values, nulls);
}

static void
report_missing(Verification *verification, int64 first, int64 last)
{
	if (first == last)
		report(verification, first, "missing");
	else
		report(verification, first, "missing, up to position " INT64_FORMAT, last);
}

/* ---------------------------------------------------------------------------
 * Entries
 */

static bool
is_same_id(const bytea *left, const bytea *right)
{
	if (left == NULL || right == NULL)
		return left == right;
	return VARSIZE_ANY_EXHDR(left) == VARSIZE_ANY_EXHDR(right) &&
		memcmp(VARDATA_ANY(left), VARDATA_ANY(right), VARSIZE_ANY_EXHDR(left)) == 0;
}

/* Has the key of an entry at hand; false if it is not in the file. */
static bool
take_key(Verification *verification, Datum id, bool isnull)
{
	bytea	   *sealed_by = isnull ? NULL : DatumGetByteaPP(id);
	MemoryContext old;

	if (verification->looked && is_same_id(sealed_by, verification->key.id))
		return verification->has_key;
	/* Rows come and go with their portion; the key stays. */
	old = MemoryContextSwitchTo(verification->result->econtext->ecxt_per_query_memory);
	if (sealed_by != NULL)
		sealed_by = DatumGetByteaPCopy(PointerGetDatum(sealed_by));
	verification->looked = true;
	verification->has_key = chain_find_key(sealed_by, &verification->key);
	MemoryContextSwitchTo(old);
	return verification->has_key;
}

/* Looks at one entry, which is where it should be; mac is its own. */
static void
check_entry(Verification *verification, uint64 row, ChainLink *link, const uint8 *mac)
{
	bool		isnull;
	Datum		id = query_datum(&verification->scope, row, 4, &isnull);
	StringInfoData content;
	uint8		right[CHAIN_MAC_LENGTH];

	if (!take_key(verification, id, isnull))
	{
		report(verification, link->position, "sealed with a master key that is not in the file");
		return;
	}
	if (!verification->linked)
		return;
	initStringInfo(&content);
	chain_append_content(&content, &verification->scope, row, 5);
	memcpy(link->previous, verification->previous, CHAIN_MAC_LENGTH);
	chain_make_mac(&verification->key, link, &content, right);
	if (!token_equal(right, mac, CHAIN_MAC_LENGTH))
		report(verification, link->position, "changed");
}

/* The mac of an entry; zeros if it is none. */
static void
read_mac(Verification *verification, uint64 row, uint8 *mac)
{
	bool		isnull;
	bytea	   *stored = DatumGetByteaPP(query_datum(&verification->scope, row, 3, &isnull));

	memset(mac, 0, CHAIN_MAC_LENGTH);
	if (VARSIZE_ANY_EXHDR(stored) == CHAIN_MAC_LENGTH)
		memcpy(mac, VARDATA_ANY(stored), CHAIN_MAC_LENGTH);
}

static void
check_row(Verification *verification, uint64 row)
{
	ChainLink	link = {.account_key = verification->account_key, .position = query_int64(row, 1)};
	uint8		mac[CHAIN_MAC_LENGTH];

	link.sealed_at = query_int64(row, 2);
	if (link.position < verification->next)
	{
		report(verification, link.position, "one too many");
		return;
	}
	if (link.position > verification->next)
	{
		report_missing(verification, verification->next, link.position - 1);
		verification->linked = false;
	}
	read_mac(verification, row, mac);
	check_entry(verification, row, &link, mac);
	if (verification->has_head && link.position > verification->head.position)
		report(verification, link.position, "after the head of the chain");
	if (verification->has_head && link.position == verification->head.position &&
		memcmp(mac, verification->head.mac, CHAIN_MAC_LENGTH) != 0)
		report(verification, link.position, "not what the head of the chain says");
	memcpy(verification->previous, mac, CHAIN_MAC_LENGTH);
	verification->linked = true;
	verification->next = link.position + 1;
	verification->met |= verification->expected != NULL && memcmp(mac, verification->expected, CHAIN_MAC_LENGTH) == 0;
}

static void
check_portion(void *argument)
{
	Verification *verification = argument;
	MemoryContext old = MemoryContextSwitchTo(verification->portion);

	verification->scope.caller = verification->portion;
	for (uint64 row = 0; row < SPI_processed; row++)
		check_row(verification, row);
	MemoryContextSwitchTo(old);
	MemoryContextReset(verification->portion);
}

/* ---------------------------------------------------------------------------
 * The whole chain
 */

/* Reads the head of a chain; false if there is none. Between query_open() and query_close(). */
static bool
read_head(const QueryScope *scope, const pg_uuid_t *key, ChainHead *head)
{
	static Statement find = {
		"SELECT " HEAD_COLUMNS " FROM account.audit_heads h WHERE h.account_key OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(key);

	if (query_read(&find, &value, NULL) == 0)
		return false;
	head_read(scope, 0, 1, head);
	return true;
}

static void
begin_chain(Verification *verification)
{
	verification->has_head = read_head(&verification->scope, &verification->account_key, &verification->head);
	verification->next = 1;
	verification->linked = true;
	if (!verification->has_head)
		return;
	verification->next = verification->head.first_position;
	memcpy(verification->previous, verification->head.first_mac, CHAIN_MAC_LENGTH);
	verification->met = verification->expected != NULL &&
		memcmp(verification->previous, verification->expected, CHAIN_MAC_LENGTH) == 0;
}

/* What is to be said when all entries were seen. */
static void
end_chain(Verification *verification)
{
	ChainHead  *head = &verification->head;
	bool		unknown;

	if (!verification->has_head && verification->next > 1)
		report(verification, verification->next - 1, "the chain has no head");
	if (verification->has_head)
	{
		if (verification->next <= head->position)
			report_missing(verification, verification->next, head->position);
		if (!head_holds(head, head_any_keyed(), &unknown))
			report(verification, head->position, unknown ?
				   "the head of the chain is sealed with a master key that is not in the file" :
				   "the head of the chain was changed");
	}
	if (verification->expected != NULL && !verification->met)
		report(verification, 0, "the expected head is not in the chain");
}

static void
verify(Verification *verification)
{
	static Statement find = {
		"SELECT position, sealed_at, mac, sealed_by, " CHAIN_COLUMNS " FROM account.audit_entries"
		" WHERE account_key OPERATOR(pg_catalog.=) $1 ORDER BY position, sealed_at",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(&verification->account_key);

	query_open(&verification->scope);
	verification->portion = AllocSetContextCreate(CurrentMemoryContext, "audit entries", ALLOCSET_DEFAULT_SIZES);
	LockRelationOid(get_relname_relid("audit_entries", schema_catalog()->namespace_id), AccessShareLock);
	PushActiveSnapshot(GetLatestSnapshot());
	begin_chain(verification);
	query_portions(&find, &value, NULL, PORTION, check_portion, verification);
	verification->scope.caller = verification->portion;
	end_chain(verification);
	PopActiveSnapshot();
	query_close(&verification->scope);
	explicit_bzero(&verification->key, sizeof(verification->key));
}

/* Whether something is in the chain of an account, which may have been purged. */
static bool
has_chain(const pg_uuid_t *key)
{
	static Statement find = {
		"SELECT EXISTS (SELECT FROM account.audit_heads h WHERE h.account_key OPERATOR(pg_catalog.=) $1)"
		" OR EXISTS (SELECT FROM account.audit_entries e WHERE e.account_key OPERATOR(pg_catalog.=) $1)",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(key);
	QueryScope	scope;
	bool		found;

	query_open(&scope);
	(void) query_latest(&find, &value, NULL);
	found = query_bool(0, 1);
	query_close(&scope);
	return found;
}

/* The chain that the first argument names: that of an account or, if it is NULL, of the platform. */
static void
find_chain(FunctionCallInfo fcinfo, const char *action, pg_uuid_t *key)
{
	caller_require_admin(action);
	memset(key, 0, sizeof(*key));
	if (PG_ARGISNULL(0))
		return;
	*key = *PG_GETARG_UUID_P(0);
	if (!has_chain(key) && tree_path(key) == NULL)
		error_raise(ERROR_NOT_FOUND, NULL, "account not found");
}

/* verify_audit(account_id, expected_head) */
Datum
account_verify_verify_audit(PG_FUNCTION_ARGS)
{
	Verification verification = {.result = (ReturnSetInfo *) fcinfo->resultinfo};
	Validation	validation;

	find_chain(fcinfo, "verify the audit log", &verification.account_key);
	validation_start(&validation);
	if (!PG_ARGISNULL(1) && toast_raw_datum_size(PG_GETARG_DATUM(1)) != CHAIN_MAC_LENGTH + VARHDRSZ)
		validation_add(&validation, "expected_head", "length", "expected_head must have 32 bytes",
					   "It is what audit_head() returns, or the server log has as hexadecimal digits.");
	validation_finish(&validation);
	if (!PG_ARGISNULL(1))
		verification.expected = (const uint8 *) VARDATA_ANY(PG_GETARG_BYTEA_PP(1));
	InitMaterializedSRF(fcinfo, 0);
	verify(&verification);
	return (Datum) 0;
}

/* audit_head(account_id) */
Datum
account_verify_audit_head(PG_FUNCTION_ARGS)
{
	pg_uuid_t	key;
	QueryScope	scope;
	ChainHead	head;
	bool		found;

	find_chain(fcinfo, "read heads of the audit log", &key);
	query_open(&scope);
	found = read_head(&scope, &key, &head);
	query_close(&scope);
	if (!found)
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(cstring_to_text_with_len((const char *) head.mac, CHAIN_MAC_LENGTH));
}
