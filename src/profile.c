/*
 * profile.c
 *	  Principals of an account.
 *
 * Every account has one system service account, made with it; its keys have all
 * permissions in that account.
 */
#include "account.h"

#include "catalog/pg_type.h"

void
profile_create_system(const pg_uuid_t *account_id, pg_uuid_t *profile_id)
{
	static Statement insert = {
		"INSERT INTO account.profiles (profile_id, account_id, kind, name, system, created_by)"
		" VALUES ($1, $2, 'service_account', 'system', true, $3)",
		3, {UUIDOID, UUIDOID, UUIDOID}
	};
	const Identity *identity = identity_current();
	Datum		values[3];
	char		nulls[3] = {' ', ' ', ' '};

	token_random_uuid(profile_id);
	values[0] = UUIDPGetDatum(profile_id);
	values[1] = UUIDPGetDatum(account_id);
	if (identity != NULL && identity->has_profile)
		values[2] = UUIDPGetDatum(&identity->profile_id);
	else
		nulls[2] = 'n';
	query_write(&insert, values, nulls);
}
