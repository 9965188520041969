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
	if (request_find_cookie(cookies, SESSION_COOKIE, &cookie) > 0 && is_sent_by_own_site(headers))
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
	if (request_find_cookie(cookies, SESSION_COOKIE, &value) > 0)
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

/* Whether a request would call a function that may write where nothing may, with its arguments in the URI. */
static bool
is_function_misused(const char *name, Oid namespace_id, const char *method)
{
	CatCList   *functions;
	bool		is_volatile = false;

	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return false;
	functions = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
	for (int i = 0; i < functions->n_members; i++)
	{
		Form_pg_proc function = (Form_pg_proc) GETSTRUCT(&functions->members[i]->tuple);

		is_volatile = is_volatile ||
			(function->pronamespace == namespace_id && function->provolatile == PROVOLATILE_VOLATILE);
	}
	ReleaseSysCacheList(functions);
	return is_volatile;
}

/* Whether a request would write through a view in a way that the role may not, or that it does not take. */
static bool
is_view_misused(const char *name, Oid namespace_id, const char *method)
{
	Oid			view = get_relname_relid(name, namespace_id);
	AclMode		privilege = ACL_NO_RIGHTS;

	if (strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0)
		privilege = ACL_INSERT;
	else if (strcmp(method, "PATCH") == 0)
		privilege = ACL_UPDATE;
	else if (strcmp(method, "DELETE") == 0)
		privilege = ACL_DELETE;
	return OidIsValid(view) && privilege != ACL_NO_RIGHTS &&
		pg_class_aclcheck(view, GetUserId(), privilege) != ACLCHECK_OK;
}

/*
 * Refuses a request for something of ours that PostgREST or PostgreSQL would refuse in words
 * of their own, or with a status that does not say what is wrong: without a credential, what
 * the anonymous role may not use; with one, what is not done in this way.
 */
static void
require_usable(const char *path, const char *method)
{
	Oid			namespace_id = get_namespace_oid(API_SCHEMA, true);
	bool		function = strncmp(path, RPC, strlen(RPC)) == 0;
	const char *name = function ? path + strlen(RPC) : path[0] == '/' ? path + 1 : path;
	bool		misused;

	if (name[0] == '\0' || strlen(name) >= NAMEDATALEN)
		return;
	if (function ? is_function_withheld(name, namespace_id) : is_view_withheld(name, namespace_id))
		postgrest_require_credential();
	misused = function ? is_function_misused(name, namespace_id, method) : is_view_misused(name, namespace_id, method);
	if (misused && function)
		error_raise(ERROR_BAD_REQUEST, "Call it by POST.", "this function is not called by GET");
	if (!misused)
		return;
	postgrest_require_credential();
	error_raise(ERROR_FORBIDDEN, "Its functions do that; see the documentation of the schema.",
				"this view is not written to by %s", method);
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
	(void) postgrest_enter();
	if (is_api_asked())
		require_usable(path, request_method());
	PG_RETURN_VOID();
}
