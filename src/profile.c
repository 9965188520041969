/*
 * profile.c
 *	  Principals of an account: the rows, without any check of the caller.
 *
 * Every account has one system service account, made with it, which owns everything
 * in it.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

/* Columns of account.profiles; schema_catalog() has checked the version. */
#define ANUM_PROFILES_PROFILE_ID 1
#define ANUM_PROFILES_ACCOUNT_ID 2
#define ANUM_PROFILES_USER_ID 4
#define ANUM_PROFILES_NAME 5
#define ANUM_PROFILES_SYSTEM 6
#define ANUM_PROFILES_DELETED_AT 15

void
profile_insert(const NewProfile *profile, pg_uuid_t *profile_id)
{
	static Statement insert = {
		"INSERT INTO account.profiles (profile_id, account_id, kind, user_id, name, system, description,"
		" owner, systems, created_by) VALUES ($1, $2, CASE WHEN $3 IS NULL THEN 'service_account' ELSE 'user' END,"
		" $3, $4, $5, $6, $7, COALESCE($8, '{}'::pg_catalog.text[]), $9)",
		9, {UUIDOID, UUIDOID, UUIDOID, TEXTOID, BOOLOID, TEXTOID, TEXTOID, TEXTARRAYOID, UUIDOID}
	};
	Datum		values[9];
	char		nulls[9];

	memset(nulls, ' ', sizeof(nulls));
	token_random_uuid(profile_id);
	permission_note_new(profile_id);
	values[0] = UUIDPGetDatum(profile_id);
	values[1] = UUIDPGetDatum(profile->account_id);
	values[2] = query_pointer_or_null(profile->user_id, &nulls[2]);
	values[3] = CStringGetTextDatum(profile->name);
	values[4] = BoolGetDatum(profile->system);
	values[5] = query_text_or_null(profile->description, &nulls[5]);
	values[6] = query_text_or_null(profile->owner, &nulls[6]);
	values[7] = query_pointer_or_null(profile->systems, &nulls[7]);
	values[8] = query_pointer_or_null(profile->has_creator ? profile->creator : caller_profile(), &nulls[8]);
	query_write(&insert, values, nulls);
}

bool
profile_insert_grant(const NewGrant *grant)
{
	static Statement insert = {
		"INSERT INTO account.grants (grant_id, profile_id, role_id, workspace_id, service, descendants,"
		" expires_at, created_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
		8, {UUIDOID, UUIDOID, UUIDOID, UUIDOID, TEXTOID, BOOLOID, TIMESTAMPTZOID, UUIDOID}
	};
	pg_uuid_t	grant_id;
	Datum		values[8];
	char		nulls[8];

	memset(nulls, ' ', sizeof(nulls));
	token_random_uuid(&grant_id);
	values[0] = UUIDPGetDatum(&grant_id);
	values[1] = UUIDPGetDatum(grant->profile_id);
	values[2] = query_pointer_or_null(grant->role_id, &nulls[2]);
	values[3] = query_pointer_or_null(grant->workspace_id, &nulls[3]);
	values[4] = query_text_or_null(grant->service, &nulls[4]);
	values[5] = BoolGetDatum(grant->descendants);
	values[6] = TimestampTzGetDatum(grant->expires_at);
	nulls[6] = grant->expires_at == DT_NOEND ? 'n' : ' ';
	values[7] = query_pointer_or_null(grant->has_giver ? grant->giver : caller_profile(), &nulls[7]);
	return query_write(&insert, values, nulls) > 0;
}

void
profile_create_system(const pg_uuid_t *account_id, pg_uuid_t *profile_id)
{
	NewProfile	profile = {.account_id = account_id,.name = "system",.system = true};
	NewGrant	grant = {.profile_id = profile_id,.role_id = &right_owner_role,.expires_at = DT_NOEND};

	profile_insert(&profile, profile_id);
	(void) profile_insert_grant(&grant);
}

/* Takes a row of the scan; false if it says that the profile is deleted. */
static bool
take_row(const SelfScan *scan, ProfileRecord *record)
{
	(void) scan_uuid(scan, ANUM_PROFILES_ACCOUNT_ID, &record->account_id);
	record->has_user = scan_uuid(scan, ANUM_PROFILES_USER_ID, &record->user_id);
	record->system = DatumGetBool(scan->values[ANUM_PROFILES_SYSTEM - 1]);
	record->name = TextDatumGetCString(scan->values[ANUM_PROFILES_NAME - 1]);
	return scan->nulls[ANUM_PROFILES_DELETED_AT - 1];
}

/* Reads a profile with a snapshot, which finds one version of it. */
static bool
find_by_query(ProfileRecord *record)
{
	static Statement find = {
		"SELECT account_id, user_id, system, name::pg_catalog.text FROM account.profiles"
		" WHERE profile_id OPERATOR(pg_catalog.=) $1 AND deleted_at IS NULL",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(&record->profile_id);
	QueryScope	scope;
	bool		found;

	query_open(&scope);
	found = query_latest(&find, &value, NULL) > 0;
	if (found)
	{
		(void) query_uuid(0, 1, &record->account_id);
		record->has_user = query_uuid(0, 2, &record->user_id);
		record->system = query_bool(0, 3);
		record->name = query_string(&scope, 0, 4);
	}
	query_close(&scope);
	return found;
}

/*
 * Rows are updated, so that the scan may find two versions, of which the one that is deleted
 * counts, or for an instant none: then, and only then, a snapshot decides, which
 * leaves a predicate lock.
 */
bool
profile_find(const pg_uuid_t *profile_id, ProfileRecord *record)
{
	const Catalog *catalog = schema_catalog();
	Oid			table = get_relname_relid("profiles", catalog->namespace_id);
	Oid			index = get_relname_relid("profiles_pkey", catalog->namespace_id);
	ScanKeyData key;
	SelfScan	scan;
	bool		any = false;
	bool		stands = true;

	record->profile_id = *profile_id;
	ScanKeyInit(&key, ANUM_PROFILES_PROFILE_ID, BTEqualStrategyNumber, F_UUID_EQ,
				UUIDPGetDatum(&record->profile_id));
	scan_open(&scan, table, index, &key, 1);
	while (scan_next(&scan))
	{
		any = true;
		stands = take_row(&scan, record) && stands;
	}
	scan_close(&scan);
	return any ? stands : find_by_query(record);
}
