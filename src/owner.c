/*
 * owner.c
 *	  The last owner of an account.
 *
 * An account that has owners keeps one.  An owner is a member that has the built-in role owner
 * in the whole account without an end, and is not disabled; service accounts act for somebody,
 * and do not count.  Whatever would leave an account without one is refused, to everybody: at once, and again when the
 * transaction commits, for two may leave at the same time (guard.c).
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "utils/fmgroids.h"

/* Columns of account.grants; schema_catalog() has checked the version. */
#define ANUM_GRANTS_PROFILE_ID 2
#define ANUM_GRANTS_ROLE_ID 3
#define ANUM_GRANTS_WORKSPACE_ID 4
#define ANUM_GRANTS_SERVICE 5
#define ANUM_GRANTS_EXPIRES_AT 7

/* The owners of account $1 that count; $2 is the role. */
#define FROM_OWNERS \
	"SELECT FROM account.profiles p" \
	" JOIN account.grants g ON g.profile_id OPERATOR(pg_catalog.=) p.profile_id" \
	" AND g.role_id OPERATOR(pg_catalog.=) $2 AND g.workspace_id IS NULL AND g.service IS NULL" \
	" AND g.expires_at IS NULL" \
	" WHERE p.account_id OPERATOR(pg_catalog.=) $1 AND p.kind OPERATOR(pg_catalog.=) 'user' AND p.deleted_at IS NULL" \
	" AND NOT EXISTS (SELECT FROM account.holds h" \
	" WHERE h.subject_id OPERATOR(pg_catalog.=) ANY (ARRAY[p.profile_id, p.user_id])" \
	" AND h.kind OPERATOR(pg_catalog.=) 'd')" \
	" AND EXISTS (SELECT FROM account.user_memberships m" \
	" WHERE m.profile_id OPERATOR(pg_catalog.=) p.profile_id AND m.expires_at IS NULL)"

static void
raise_last_owner(void)
{
	error_raise(ERROR_CONFLICT, "Make somebody else owner first.", "an account keeps its last owner");
}

/* Raises CONFLICT if an account has no owner. */
static void
require_owner_left(const pg_uuid_t *account_id)
{
	static Statement find = {FROM_OWNERS " LIMIT 1", 2, {UUIDOID, UUIDOID}};
	Datum		values[2] = {UUIDPGetDatum(account_id), UUIDPGetDatum(&right_owner_role)};
	QueryScope	scope;

	query_open(&scope);
	if (query_latest(&find, values, NULL) == 0)
		raise_last_owner();
	query_close(&scope);
}

/* Whether a profile has the role as owners have it. Leaves no predicate lock: few have, and all may be disabled. */
static bool
has_role(const pg_uuid_t *profile_id)
{
	const Catalog *catalog = schema_catalog();
	ScanKeyData key;
	SelfScan	scan;
	bool		found = false;

	ScanKeyInit(&key, ANUM_GRANTS_PROFILE_ID, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(profile_id));
	scan_open(&scan, catalog->grants, catalog->grants_pkey, &key, 1);
	while (scan_next(&scan))
	{
		pg_uuid_t	role_id;

		found = found || (scan_uuid(&scan, ANUM_GRANTS_ROLE_ID, &role_id) &&
						  memcmp(&role_id, &right_owner_role, UUID_LEN) == 0 &&
						  scan.nulls[ANUM_GRANTS_WORKSPACE_ID - 1] && scan.nulls[ANUM_GRANTS_SERVICE - 1] &&
						  scan.nulls[ANUM_GRANTS_EXPIRES_AT - 1]);
	}
	scan_close(&scan);
	return found;
}

void
owner_keep(const ProfileRecord *profile)
{
	static Statement is_owner = {
		FROM_OWNERS " AND p.profile_id OPERATOR(pg_catalog.=) $3 LIMIT 1", 3, {UUIDOID, UUIDOID, UUIDOID}
	};
	static Statement find_other = {
		FROM_OWNERS " AND p.profile_id OPERATOR(pg_catalog.<>) $3 LIMIT 1", 3, {UUIDOID, UUIDOID, UUIDOID}
	};
	Datum		values[3] = {
		UUIDPGetDatum(&profile->account_id), UUIDPGetDatum(&right_owner_role), UUIDPGetDatum(&profile->profile_id)
	};
	QueryScope	scope;
	bool		owner;

	if (!has_role(&profile->profile_id))
		return;
	query_open(&scope);
	owner = query_latest(&is_owner, values, NULL) > 0;
	if (owner && query_latest(&find_other, values, NULL) == 0)
		raise_last_owner();
	query_close(&scope);
	if (owner)
		guard_later(require_owner_left, &profile->account_id);
}
