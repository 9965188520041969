/*
 * setup.c
 *	  What PostgREST needs to serve account_api: levels, memberships and settings.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "commands/async.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#define API_SCHEMA "account_api"

PG_FUNCTION_INFO_V1(account_setup_postgrest);

static const char *
quoted_role(Oid role)
{
	return pstrdup(quote_identifier(GetUserNameFromId(role, false)));
}

static void
run(const char *format,...) pg_attribute_printf(1, 2);

static void
run(const char *format,...)
{
	char		command[1024];
	va_list		args;

	va_start(args, format);
	if (vsnprintf(command, sizeof(command), format, args) >= sizeof(command))
		elog(ERROR, "a command is too long");
	va_end(args);
	if (SPI_execute(command, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "could not run \"%s\"", command);
}

/* What a role has been given for this database, or for all; NULL if nothing. Inside SPI. */
static char *
role_setting(Oid role, const char *name)
{
	static Statement find = {
		"SELECT pg_catalog.substr(c.entry, pg_catalog.length($2) OPERATOR(pg_catalog.+) 2)"
		" FROM pg_catalog.pg_db_role_setting s CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) c (entry)"
		" WHERE s.setrole OPERATOR(pg_catalog.=) $1 AND pg_catalog.starts_with(c.entry, $2 OPERATOR(pg_catalog.||) '=')"
		" AND (s.setdatabase OPERATOR(pg_catalog.=) '0'::pg_catalog.oid"
		" OR s.setdatabase OPERATOR(pg_catalog.=) (SELECT oid FROM pg_catalog.pg_database"
		" WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database()))"
		" ORDER BY s.setdatabase DESC LIMIT 1",
		2, {OIDOID, TEXTOID}
	};
	Datum		values[2] = {ObjectIdGetDatum(role), CStringGetTextDatum(name)};

	return query_latest(&find, values, NULL) > 0 ? SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1) : NULL;
}

/* The schemas that PostgREST serves, with ours among them. */
static char *
schemas_with_ours(const char *schemas)
{
	char	   *rest = pstrdup(schemas != NULL ? schemas : "");
	char	   *name;

	while ((name = strsep(&rest, ", ")) != NULL)
	{
		if (strcmp(name, API_SCHEMA) == 0)
			return pstrdup(schemas);
	}
	return schemas != NULL && schemas[0] != '\0' ? psprintf("%s, " API_SCHEMA, schemas) : pstrdup(API_SCHEMA);
}

/* Refuses a role that would see more than its account, or could make itself see it. */
static void
require_harmless(Oid role, const char *argument)
{
	const char *reason = NULL;

	if (superuser_arg(role))
		reason = "it is a superuser";
	else if (has_bypassrls_privilege(role))
		reason = "it has BYPASSRLS";
	else if (access_has_level(role, "level_owner"))
		reason = access_has_admin(role) ? "it has level admin" : "it has level owner";
	if (reason != NULL)
		error_raise(ERROR_BAD_REQUEST, "Use a role that owns nothing.",
					"role \"%s\" cannot be the %s role: %s", GetUserNameFromId(role, false), argument, reason);
}

/* Whoever injects SQL into a request can become whatever role the authenticator can. */
static void
warn_of_other_roles(Oid authenticator)
{
	static Statement find = {
		"SELECT r.rolname FROM pg_catalog.pg_roles r"
		" WHERE pg_catalog.pg_has_role($1, r.oid, 'MEMBER') AND (r.rolsuper OR r.rolbypassrls"
		" OR pg_catalog.has_function_privilege(r.oid, 'account.level_admin()', 'EXECUTE'))"
		" ORDER BY r.rolname",
		1, {OIDOID}
	};
	Datum		value = ObjectIdGetDatum(authenticator);
	uint64		rows = query_latest(&find, &value, NULL);

	for (uint64 row = 0; row < rows; row++)
		ereport(WARNING,
				(errmsg("role \"%s\" can become \"%s\", which sees every account",
						GetUserNameFromId(authenticator, false),
						SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1)),
				 errhint("Revoke that membership: a request that runs SQL of its own could use it.")));
}

static void
grant_level(Oid role, const char *level)
{
	static const Oid types[2] = {REGROLEOID, TEXTOID};

	(void) OidFunctionCall2(schema_function("grant_access", 2, types), ObjectIdGetDatum(role),
							CStringGetTextDatum(level));
}

/* What the authenticator's connections to this database find set. */
static void
set_settings(Oid authenticator, Oid anonymous, Oid tenant)
{
	const char *prefix = psprintf("ALTER ROLE %s IN DATABASE %s", quoted_role(authenticator),
								  pstrdup(quote_identifier(get_database_name(MyDatabaseId))));
	char	   *schemas = schemas_with_ours(role_setting(authenticator, "pgrst.db_schemas"));
	char	   *pre_request = role_setting(authenticator, "pgrst.db_pre_request");

	run("%s SET pgrst.db_schemas = %s", prefix, quote_literal_cstr(schemas));
	run("%s SET pgrst.db_anon_role = %s", prefix, quote_literal_cstr(GetUserNameFromId(anonymous, false)));
	if (pre_request == NULL || strcmp(pre_request, API_SCHEMA ".pre_request") == 0)
		run("%s SET pgrst.db_pre_request = '" API_SCHEMA ".pre_request'", prefix);
	else
		ereport(WARNING,
				(errmsg("pgrst.db_pre_request is \"%s\" and was left as it is", pre_request),
				 errhint("Have it call account_api.pre_request() first.")));
	run("%s SET account.refuse_bypass = on", prefix);
	if (OidIsValid(tenant))
		run("%s SET account.tenant_role = %s", prefix, quote_literal_cstr(GetUserNameFromId(tenant, false)));
	else
		run("%s RESET account.tenant_role", prefix);
}

/* Lets one role become another; GRANT would tell that it can already. */
static void
grant_membership(Oid role, Oid member)
{
	if (!is_member_of_role_nosuper(member, role))
		run("GRANT %s TO %s", quoted_role(role), quoted_role(member));
}

static void
set_up(Oid authenticator, Oid anonymous, Oid tenant)
{
	grant_level(anonymous, OidIsValid(tenant) ? "anonymous" : "tenant");
	grant_membership(anonymous, authenticator);
	if (OidIsValid(tenant))
	{
		grant_level(tenant, "tenant");
		grant_membership(tenant, authenticator);
	}
	set_settings(authenticator, anonymous, tenant);
	warn_of_other_roles(authenticator);
	Async_Notify("pgrst", "reload config");
	Async_Notify("pgrst", "reload schema");
}

/* setup_postgrest(authenticator, anonymous, tenant) */
Datum
account_setup_postgrest(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"authenticator", "anonymous", "tenant"};
	Oid			roles[3] = {InvalidOid, InvalidOid, InvalidOid};
	Validation	validation;
	QueryScope	scope;

	if (!superuser())
		error_raise(ERROR_FORBIDDEN, NULL, "only superusers may set PostgREST up");
	validation_start(&validation);
	for (int i = 0; i < lengthof(roles); i++)
	{
		if (!PG_ARGISNULL(i))
			roles[i] = PG_GETARG_OID(i);
		else if (i < 2)
			validation_add(&validation, names[i], "required", "a role is required", NULL);
	}
	validation_finish(&validation);
	if (roles[2] == roles[1])
		roles[2] = InvalidOid;
	for (int i = 0; i < lengthof(roles); i++)
	{
		if (OidIsValid(roles[i]))
			require_harmless(roles[i], names[i]);
	}
	query_open(&scope);
	set_up(roles[0], roles[1], roles[2]);
	query_close(&scope);
	audit_note_named("postgrest.set_up", "role", GetUserNameFromId(roles[0], false));
	PG_RETURN_VOID();
}
