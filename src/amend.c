/*
 * amend.c
 *	  Changing what a key is called, and narrowing where it may be used from.
 *
 * The credential of a key never changes.  Networks that it is narrowed to are a further
 * row under its digest, which counts from its commit on and which nothing takes back.
 * A change takes the lock of rotation first, so that what it narrows is what the
 * successor is given, and then, for an external id, one on those of the account.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"

#define DESCRIPTION_MAX 10000	/* characters */
#define EXTERNAL_ID_MAX 255		/* characters */
#define NETWORKS_MAX 256

PG_FUNCTION_INFO_V1(account_amend_update_api_key);

static bool
is_description(Datum value)
{
	return changes_is_length(value, 0, DESCRIPTION_MAX);
}

static bool
is_external_id(Datum value)
{
	return changes_is_length(value, 1, EXTERNAL_ID_MAX);
}

static bool
is_labels(Datum value)
{
	return DatumGetBool(DirectFunctionCall1(account_tree_is_labels, value));
}

static bool
are_networks(Datum value)
{
	List	   *networks = changes_strings(value);
	ListCell   *cell;

	foreach(cell, networks)
	{
		if (!network_is_valid(lfirst(cell)))
			return false;
	}
	return list_length(networks) >= 1 && list_length(networks) <= NETWORKS_MAX;
}

static const ChangeField key_fields[] = {
	{"name", false, false, CHANGE_BY_ITSELF, changes_is_name,
	"must have 1 to 255 characters, at least one of them not white space"},
	{"description", false, true, CHANGE_BY_ITSELF, is_description, "must have at most 10,000 characters"},
	{"external_id", false, true, CHANGE_BY_ITSELF, is_external_id, "must have 1 to 255 characters"},
	{"labels", true, false, CHANGE_BY_ITSELF, is_labels,
	"must be an object of at most 64 strings"},
	{"allowed_ips", true, false, CHANGE_BY_ITSELF, are_networks,
	"must be a list of 1 to 256 networks", true},
};

/* A member of changes; false if it is not there. */
static bool
find_member(Jsonb *changes, const char *name, JsonbValue *member)
{
	return getKeyJsonValueFromContainer(&changes->root, name, strlen(name), member) != NULL;
}

/* Whether changes has anything besides the networks. */
static bool
changes_description(Jsonb *changes)
{
	JsonbValue	member;

	for (int i = 0; i < lengthof(key_fields); i++)
	{
		if (!key_fields[i].list && find_member(changes, key_fields[i].key, &member))
			return true;
	}
	return false;
}

/* The networks of changes as a cidr[]; NULL if it has none. */
static ArrayType *
networks_of(Jsonb *changes)
{
	JsonbValue	member;
	List	   *strings;
	ListCell   *cell;
	Datum	   *networks;
	int			count = 0;

	if (!find_member(changes, "allowed_ips", &member))
		return NULL;
	strings = changes_strings(JsonbPGetDatum(JsonbValueToJsonb(&member)));
	networks = palloc(sizeof(Datum) * list_length(strings));
	foreach(cell, strings)
		networks[count++] = DirectFunctionCall1(cidr_in, CStringGetDatum((char *) lfirst(cell)));
	return construct_array(networks, count, CIDROID, -1, false, TYPALIGN_INT);
}

/* Narrows the networks of a key, which is locked; nothing is done if they stay the same. */
static void
narrow(const StoredKey *key, ArrayType *networks)
{
	if (!network_within(networks, key->credential.allowed_ips))
		error_raise(ERROR_FORBIDDEN, "Issue another key.",
					"the networks of a key can only be narrowed");
	if (!network_within(key->credential.allowed_ips, networks))
		credential_narrow(&key->credential, networks, caller_profile());
}

/*
 * Raises CONFLICT if another key of the account that is still good has the external
 * id.  Until the end of the transaction nobody else gives one in the account.
 */
static void
require_free_external_id(const StoredKey *key, Jsonb *changes)
{
	static Statement find = {
		"SELECT k.api_key_id FROM account.keys k"
		" WHERE COALESCE(k.account_id, '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid)"
		" OPERATOR(pg_catalog.=) $1 AND k.external_id OPERATOR(pg_catalog.=) $2"
		" AND k.api_key_id OPERATOR(pg_catalog.<>) $3",
		3, {UUIDOID, TEXTOID, UUIDOID}
	};
	pg_uuid_t	account_id = key->credential.account_id;	/* nil for an application key */
	JsonbValue	member;
	Datum		values[3];
	uint64		rows;

	if (!find_member(changes, "external_id", &member) || member.type != jbvString)
		return;
	tree_lock_limit(&account_id, "external_id of api_keys");
	values[0] = UUIDPGetDatum(&account_id);
	values[1] = PointerGetDatum(cstring_to_text_with_len(member.val.string.val, member.val.string.len));
	values[2] = UUIDPGetDatum(&key->credential.credential_id);
	rows = query_latest(&find, values, NULL);
	for (uint64 row = 0; row < rows; row++)
	{
		CredentialRecord other;

		(void) query_uuid(row, 1, &other.credential_id);
		if (credential_find(&other.credential_id, &other) && !other.ended)
			error_raise(ERROR_CONFLICT,
						psprintf("Clear it there first: API key %s.", tree_uuid_text(&other.credential_id)),
						"another API key of the account has this external_id already");
	}
}

/* Changes what a key is called. Between query_open() and query_close(). */
static void
describe(const StoredKey *key, Jsonb *changes)
{
	static Statement update = {
		"UPDATE account.keys k SET"
		" name = CASE WHEN $2 OPERATOR(pg_catalog.?) 'name'"
		" THEN $2 OPERATOR(pg_catalog.->>) 'name' ELSE k.name END,"
		" description = CASE WHEN $2 OPERATOR(pg_catalog.?) 'description'"
		" THEN $2 OPERATOR(pg_catalog.->>) 'description' ELSE k.description END,"
		" external_id = CASE WHEN $2 OPERATOR(pg_catalog.?) 'external_id'"
		" THEN $2 OPERATOR(pg_catalog.->>) 'external_id' ELSE k.external_id END,"
		" labels = CASE WHEN $2 OPERATOR(pg_catalog.?) 'labels'"
		" THEN $2 OPERATOR(pg_catalog.->) 'labels' ELSE k.labels END"
		" WHERE k.api_key_id OPERATOR(pg_catalog.=) $1",
		2, {UUIDOID, JSONBOID}
	};
	Datum		values[2] = {UUIDPGetDatum(&key->credential.credential_id), JsonbPGetDatum(changes)};

	require_free_external_id(key, changes);
	query_write(&update, values, NULL);
}

/* update_api_key(api_key_id, changes) */
Datum
account_amend_update_api_key(PG_FUNCTION_ARGS)
{
	Validation	validation;
	StoredKey	key;
	bool		found;
	Target		target;
	Jsonb	   *changes;
	ArrayType  *networks;
	QueryScope	scope;

	memset(&key, 0, sizeof(key));
	found = !PG_ARGISNULL(0) && key_read(PG_GETARG_UUID_P(0), &key);
	if (!(found && !key.credential.has_account && caller_is_admin()))
		caller_target_of("manage:api_keys", found && key.credential.has_account, &key.credential.account_id,
						 "API key", &target);
	validation_start(&validation);
	changes_check(&validation, PG_GETARG_DATUM(1), PG_ARGISNULL(1), key_fields, lengthof(key_fields),
				  CHANGE_BY_ITSELF);
	validation_finish(&validation);
	changes = PG_GETARG_JSONB_P(1);
	networks = networks_of(changes);

	key_lock(&key);
	if (changes_description(changes) && key.credential.has_account)
		hold_require_writable(&key.credential.account_id, NULL);
	query_open(&scope);
	if (networks != NULL)
		narrow(&key, networks);
	if (changes_description(changes))
		describe(&key, changes);
	query_close(&scope);
	PG_RETURN_VOID();
}
