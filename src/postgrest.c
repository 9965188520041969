/*
 * postgrest.c
 *	  Who sends an HTTP request, and what PostgREST needs to ask.
 *
 * PostgREST calls account_api.pre_request() in the transaction of each request, before
 * anything else, as the anonymous role.  It ends whatever identity there is, takes the
 * credential out of the request, and verifies it: from then on the transaction is the
 * caller's, as after authenticate().
 *
 * A credential stands in one place: the header X-API-Key, Authorization (ApiKey K, Session
 * T, Basic with K as the user and no password; Bearer with a token of ours, which PostgREST
 * itself lets nobody send), or the cookie, which counts only beside a header that no form
 * and no link of another site can send.  More than one place, with different things, is
 * an error: who put the other there is not known.
 *
 * Every privilege still comes from GRANTs.  Whoever can call pre_request() in plain SQL
 * can also call authenticate(), and gets no more by it.
 */
#include "account.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "commands/dbcommands.h"
#include "common/base64.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#define API_SCHEMA "account_api"
#define HEADERS "request.headers"
#define COOKIES "request.cookies"
#define RPC "/rpc/"

/* What a site must be of itself to send. */
#define CUSTOM_HEADER "x-requested-with"
#define ACCOUNT_HEADER "x-account-id"
#define KEY_HEADER "x-api-key"
#define AUTHORIZATION_HEADER "authorization"
#define SESSION_COOKIE "__Host-account-session"

/* What a request has been found to prove itself with. */
typedef struct Presented
{
	const char *token;			/* NULL if there is nothing */
	TokenKind	kind;			/* that belongs where it stood */
	bool		foreign;		/* there is something for somebody else, a JWT perhaps */
} Presented;

PG_FUNCTION_INFO_V1(account_postgrest_pre_request);
PG_FUNCTION_INFO_V1(account_postgrest_require_credential);
PG_FUNCTION_INFO_V1(account_postgrest_setup_postgrest);

/* ---------------------------------------------------------------------------
 * The credential of a request
 */

static void
read_setting(const char *name, List **members)
{
	if (!request_read(name, members))
		error_raise(ERROR_BAD_REQUEST, NULL, "%s is no flat JSON object of strings", name);
}

/* A header that may be there once; NULL if it is not. Spaces around its value are none of it. */
static char *
single_header(List *headers, const char *name)
{
	char	   *value;
	int			length;

	if (request_find(headers, name, &value) > 1)
		error_raise(ERROR_BAD_REQUEST, NULL, "the header %s is there more than once", name);
	if (value == NULL)
		return NULL;
	value += strspn(value, " \t");
	length = strlen(value);
	while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t'))
		length--;
	return pnstrdup(value, length);
}

static void
present(Presented *presented, TokenKind kind, const char *token)
{
	if (presented->token != NULL &&
		(presented->kind != kind || strcmp(presented->token, token) != 0))
		error_raise(ERROR_BAD_REQUEST, "Send one of them.", "the request has two different credentials");
	presented->kind = kind;
	presented->token = token;
}

/* The user of HTTP Basic where there is no password; otherwise a text that is no token. */
static char *
basic_user(const char *encoded)
{
	int			length = strlen(encoded);
	char	   *decoded = palloc(length + 1);
	char	   *colon;

	length = pg_b64_decode(encoded, length, (void *) decoded, length);
	if (length < 0 || memchr(decoded, '\0', length) != NULL || !pg_verifymbstr(decoded, length, true))
		return "-";
	decoded[length] = '\0';
	colon = strchr(decoded, ':');
	if (colon == NULL || colon[1] != '\0')
		return "-";
	*colon = '\0';
	return decoded;
}

static void
present_authorization(Presented *presented, const char *authorization)
{
	int			length = strcspn(authorization, " \t");
	const char *rest = authorization + length;
	char	   *scheme = pnstrdup(authorization, length);

	rest += strspn(rest, " \t");
	if (length == 0 || pg_strcasecmp(scheme, "ApiKey") == 0)
		present(presented, TOKEN_KEY, rest);
	else if (pg_strcasecmp(scheme, "Session") == 0)
		present(presented, TOKEN_SESSION, rest);
	else if (pg_strcasecmp(scheme, "Basic") == 0)
		present(presented, TOKEN_KEY, basic_user(rest));
	else if (pg_strcasecmp(scheme, "Bearer") == 0 && token_parse(rest, strlen(rest)) != 0)
		present(presented, token_parse(rest, strlen(rest)) == TOKEN_SESSION ? TOKEN_SESSION : TOKEN_KEY, rest);
	else
		presented->foreign = true;
}

static bool
is_sent_by_own_site(List *headers)
{
	char	   *value = single_header(headers, CUSTOM_HEADER);

	return value != NULL && value[0] != '\0';
}

static void
find_credential(List *headers, List *cookies, Presented *presented)
{
	char	   *key = single_header(headers, KEY_HEADER);
	char	   *authorization = single_header(headers, AUTHORIZATION_HEADER);
	char	   *cookie;

	memset(presented, 0, sizeof(*presented));
	if (key != NULL)
		present(presented, TOKEN_KEY, key);
	if (authorization != NULL)
		present_authorization(presented, authorization);
	if (request_find(cookies, SESSION_COOKIE, &cookie) > 0 && is_sent_by_own_site(headers))
		present(presented, TOKEN_SESSION, cookie);
	if (presented->foreign && presented->token != NULL)
		error_raise(ERROR_BAD_REQUEST, "Send one of them.", "the request has two different credentials");
}

/* Takes out of the settings what could be used again, for whoever reads or logs them later. */
static void
scrub(List *headers, List *cookies, const Presented *presented)
{
	char	   *value;

	if (presented->token != NULL)
	{
		headers = request_without(headers, KEY_HEADER);
		request_write(HEADERS, request_without(headers, AUTHORIZATION_HEADER));
	}
	if (request_find(cookies, SESSION_COOKIE, &value) > 0)
		request_write(COOKIES, request_without(cookies, SESSION_COOKIE));
}

/* The account that a session is to act in; false if the request does not say. */
static bool
named_account(List *headers, pg_uuid_t *account_id)
{
	char	   *value = single_header(headers, ACCOUNT_HEADER);
	Validation	validation;

	if (value == NULL)
		return false;
	if (request_is_uuid(value, account_id))
		return true;
	validation_start(&validation);
	validation_add(&validation, "X-Account-Id", "uuid", "must be the id of an account", NULL);
	validation_finish(&validation);
	return false;
}

static void
authenticate(const Presented *presented, const pg_uuid_t *account_id)
{
	static const Oid types[2] = {TEXTOID, UUIDOID};
	LOCAL_FCINFO(fcinfo, 2);
	FmgrInfo	function;
	int			kind = token_parse(presented->token, strlen(presented->token));

	if (kind != 0 && kind != presented->kind)
		credential_require(CREDENTIAL_UNKNOWN, presented->kind);
	fmgr_info(schema_function("authenticate", 2, types), &function);
	InitFunctionCallInfoData(*fcinfo, &function, 2, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = CStringGetTextDatum(presented->token);
	fcinfo->args[0].isnull = false;
	fcinfo->args[1].value = UUIDPGetDatum(account_id);
	fcinfo->args[1].isnull = account_id == NULL;
	(void) FunctionCallInvoke(fcinfo);
}

bool
postgrest_enter(void)
{
	List	   *headers;
	List	   *cookies;
	Presented	presented;
	pg_uuid_t	account_id;
	bool		named;

	read_setting(HEADERS, &headers);
	read_setting(COOKIES, &cookies);
	find_credential(headers, cookies, &presented);
	named = presented.token != NULL && named_account(headers, &account_id);
	scrub(headers, cookies, &presented);
	if (presented.token == NULL)
		return false;
	authenticate(&presented, named ? &account_id : NULL);
	if (setting_tenant_role[0] != '\0')
		(void) set_config_option("role", setting_tenant_role, PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_LOCAL, true, 0, false);
	return true;
}

void
postgrest_require_own_site(void)
{
	List	   *headers;

	read_setting(HEADERS, &headers);
	if (request_is_active() && !is_sent_by_own_site(headers))
		error_raise(ERROR_BAD_REQUEST, "Forms and links of other sites cannot send it; any value will do.",
					"logging in takes the header X-Requested-With");
}

char *
postgrest_cookie(const char *token, TimestampTz expires_at)
{
	int64		seconds = token[0] != '\0' ? (expires_at - GetCurrentTimestamp()) / USECS_PER_SEC : 0;

	return psprintf(SESSION_COOKIE "=%s; Path=/; Max-Age=" INT64_FORMAT "; Secure; HttpOnly; SameSite=Strict",
					token, Max(seconds, 0));
}

/* ---------------------------------------------------------------------------
 * What is asked for
 */

/* Whether PostgREST looks names up in our schema first: its search_path says so. */
static bool
is_api_asked(void)
{
	List	   *path = fetch_search_path(false);

	return path != NIL && linitial_oid(path) == get_namespace_oid(API_SCHEMA, true);
}

static bool
is_function_withheld(const char *name, Oid namespace_id)
{
	CatCList   *functions = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
	bool		exists = false;
	bool		callable = false;

	for (int i = 0; i < functions->n_members; i++)
	{
		Form_pg_proc function = (Form_pg_proc) GETSTRUCT(&functions->members[i]->tuple);

		if (function->pronamespace != namespace_id)
			continue;
		exists = true;
		callable = callable || proc_aclcheck(function->oid, GetUserId()) == ACLCHECK_OK;
	}
	ReleaseSysCacheList(functions);
	return exists && !callable;
}

static bool
is_view_withheld(const char *name, Oid namespace_id)
{
	Oid			view = get_relname_relid(name, namespace_id);

	return OidIsValid(view) && pg_class_aclcheck(view, GetUserId(), ACL_SELECT) != ACLCHECK_OK;
}

/*
 * Whether the request is for something of ours that the anonymous role may not use:
 * PostgREST would say so in its own words, and not that a key is missing.
 */
static bool
is_withheld(const char *path)
{
	Oid			namespace_id = get_namespace_oid(API_SCHEMA, true);
	bool		function = strncmp(path, RPC, strlen(RPC)) == 0;
	const char *name = function ? path + strlen(RPC) : path[0] == '/' ? path + 1 : path;

	if (name[0] == '\0' || strlen(name) >= NAMEDATALEN)
		return false;
	return function ? is_function_withheld(name, namespace_id) : is_view_withheld(name, namespace_id);
}

void
postgrest_require_credential(void)
{
	if (identity_current() == NULL)
		error_raise(ERROR_MISSING_API_KEY, "Send it in the header X-API-Key, or in Authorization after ApiKey or Session.",
					"no credential was sent");
}

/* require_credential() */
Datum
account_postgrest_require_credential(PG_FUNCTION_ARGS)
{
	postgrest_require_credential();
	PG_RETURN_BOOL(true);
}

/* pre_request() */
Datum
account_postgrest_pre_request(PG_FUNCTION_ARGS)
{
	const char *path = request_path();

	identity_end();
	request_answer_headers(NULL, NULL);
	/* The documents' own paths say themselves what is wrong with a credential. */
	if (strncmp(path, RPC "v1_", strlen(RPC "v1_")) == 0 && is_api_asked())
		PG_RETURN_VOID();
	if (!postgrest_enter() && is_api_asked() && is_withheld(path))
		postgrest_require_credential();
	PG_RETURN_VOID();
}

/* ---------------------------------------------------------------------------
 * Setting PostgREST up
 */

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
		" AND s.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database"
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
account_postgrest_setup_postgrest(PG_FUNCTION_ARGS)
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
	PG_RETURN_VOID();
}
