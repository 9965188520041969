/*
 * access.c
 *	  The levels that roles are granted: plain GRANTs, given by superusers.
 *
 * Each level includes those before it, but for sender, which stands apart: it is included in
 * admin alone.
 *
 * What belongs to a level stands in account.access_grants.  The level of a role
 * is read from the ACLs of five marker functions, which a dump carries; so
 * refresh_access() can give the rest again after an update or a restore.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"

static const char *const levels[] = {"anonymous", "tenant", "owner", "admin", "sender"};

#define LEVEL_ADMIN 3
#define LEVEL_SENDER 4
#define LEVEL_NAMES "ARRAY['anonymous', 'tenant', 'owner', 'admin', 'sender']"

PG_FUNCTION_INFO_V1(account_access_level_anonymous);
PG_FUNCTION_INFO_V1(account_access_level_tenant);
PG_FUNCTION_INFO_V1(account_access_level_owner);
PG_FUNCTION_INFO_V1(account_access_level_admin);
PG_FUNCTION_INFO_V1(account_access_level_sender);
PG_FUNCTION_INFO_V1(account_access_grant_access);
PG_FUNCTION_INFO_V1(account_access_revoke_access);
PG_FUNCTION_INFO_V1(account_access_refresh_access);

Datum
account_access_level_anonymous(PG_FUNCTION_ARGS)
{
	PG_RETURN_VOID();
}

Datum
account_access_level_tenant(PG_FUNCTION_ARGS)
{
	PG_RETURN_VOID();
}

Datum
account_access_level_owner(PG_FUNCTION_ARGS)
{
	PG_RETURN_VOID();
}

Datum
account_access_level_admin(PG_FUNCTION_ARGS)
{
	PG_RETURN_VOID();
}

Datum
account_access_level_sender(PG_FUNCTION_ARGS)
{
	PG_RETURN_VOID();
}

void		(*access_observer) (const char *action, const char *role, const char *level) = NULL;

static void
tell(const char *action, Oid role, const char *level)
{
	if (access_observer != NULL)
		access_observer(action, OidIsValid(role) ? GetUserNameFromId(role, true) : NULL, level);
}

bool
access_has_level(Oid role, const char *marker)
{
	return superuser_arg(role) ||
		proc_aclcheck(schema_function(marker, 0, NULL), role) == ACLCHECK_OK;
}

bool
access_has_admin(Oid role)
{
	return access_has_level(role, "level_admin");
}

static void
require_superuser(void)
{
	if (!superuser())
		error_raise(ERROR_FORBIDDEN, NULL, "only superusers may grant access");
}

/* Gives a quoted role privileges on an object, or takes all that it has there. */
static void
run_grant(bool give, const char *privileges, const char *object, const char *role)
{
	char	   *command = give ? psprintf("GRANT %s ON %s TO %s", privileges, object, role) :
		psprintf("REVOKE ALL ON %s FROM %s", object, role);
	int			result = SPI_execute(command, false, 0);

	if (result != SPI_OK_UTILITY)
		elog(ERROR, "could not run \"%s\": %s", command, SPI_result_code_string(result));
}

/* Whether a level includes another; -1 includes none. */
static bool
includes(int level, int other)
{
	if (other == LEVEL_SENDER)
		return level == LEVEL_SENDER || level == LEVEL_ADMIN;
	return level != LEVEL_SENDER && level >= other;
}

/*
 * Gives a role what belongs to the levels up to the given one and takes the
 * rest; level -1 takes all.  Must be called between query_open() and
 * query_close().
 */
static void
set_level(Oid role, int level)
{
	static Statement list = {
		"SELECT object, pg_catalog.array_position(" LEVEL_NAMES ", level),"
		" COALESCE(privileges, CASE WHEN object OPERATOR(pg_catalog.^@) 'FUNCTION ' THEN 'EXECUTE'"
		" WHEN object OPERATOR(pg_catalog.^@) 'TABLE ' THEN 'SELECT'"
		" WHEN object OPERATOR(pg_catalog.^@) 'SCHEMA ' THEN 'USAGE' END)"
		" FROM account.access_grants ORDER BY object",
	};
	char	   *name = pstrdup(quote_identifier(GetUserNameFromId(role, false)));
	int			nest_level = NewGUCNestLevel();
	SPITupleTable *table;
	uint64		rows;

	/* Argument types are named without their schema. */
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	rows = query_latest(&list, NULL, NULL);
	table = SPI_tuptable;
	run_grant(level >= 0, "USAGE", "SCHEMA account", name);
	for (uint64 row = 0; row < rows; row++)
	{
		char	   *object = SPI_getvalue(table->vals[row], table->tupdesc, 1);
		bool		isnull;
		int			needed = DatumGetInt32(SPI_getbinval(table->vals[row], table->tupdesc, 2, &isnull));
		char	   *privileges = SPI_getvalue(table->vals[row], table->tupdesc, 3);

		run_grant(includes(level, needed - 1), privileges, object, name);
	}
	AtEOXact_GUC(false, nest_level);
}

static int
find_level(text *name)
{
	char	   *wanted = text_to_cstring(name);

	for (int level = 0; level < lengthof(levels); level++)
	{
		if (strcmp(levels[level], wanted) == 0)
			return level;
	}
	return -1;
}

/* grant_access(role, level) */
Datum
account_access_grant_access(PG_FUNCTION_ARGS)
{
	Validation	validation;
	QueryScope	scope;
	int			level = PG_ARGISNULL(1) ? -1 : find_level(PG_GETARG_TEXT_PP(1));

	require_superuser();
	validation_start(&validation);
	if (PG_ARGISNULL(0))
		validation_add(&validation, "role", "required", "a role is required", NULL);
	if (level < 0)
		validation_add(&validation, "level", "enum", "unknown level",
					   "Use anonymous, tenant, owner, admin or sender.");
	validation_finish(&validation);

	query_open(&scope);
	set_level(PG_GETARG_OID(0), level);
	query_close(&scope);
	tell("access.granted", PG_GETARG_OID(0), levels[level]);
	PG_RETURN_VOID();
}

/* revoke_access(role) */
Datum
account_access_revoke_access(PG_FUNCTION_ARGS)
{
	Validation	validation;
	QueryScope	scope;

	require_superuser();
	validation_start(&validation);
	if (PG_ARGISNULL(0))
		validation_add(&validation, "role", "required", "a role is required", NULL);
	validation_finish(&validation);

	query_open(&scope);
	set_level(PG_GETARG_OID(0), -1);
	query_close(&scope);
	tell("access.revoked", PG_GETARG_OID(0), NULL);
	PG_RETURN_VOID();
}

/* refresh_access() */
Datum
account_access_refresh_access(PG_FUNCTION_ARGS)
{
	static Statement list = {
		"SELECT role::pg_catalog.oid,"
		" pg_catalog.array_position(" LEVEL_NAMES ", level)"
		" FROM account.access_levels ORDER BY 1",
	};
	QueryScope	scope;
	uint64		rows;
	SPITupleTable *table;

	require_superuser();
	query_open(&scope);
	rows = query_latest(&list, NULL, NULL);
	table = SPI_tuptable;
	for (uint64 row = 0; row < rows; row++)
	{
		bool		isnull;
		Oid			role = DatumGetObjectId(SPI_getbinval(table->vals[row], table->tupdesc, 1, &isnull));
		int			level = DatumGetInt32(SPI_getbinval(table->vals[row], table->tupdesc, 2, &isnull));

		set_level(role, level - 1);
	}
	query_close(&scope);
	tell("access.refreshed", InvalidOid, NULL);
	PG_RETURN_VOID();
}
