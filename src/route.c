/*
 * route.c
 *	  The documents' own paths, one by one.
 *
 * Each is a function that PostgREST serves under /rpc/; http/nginx.conf leads the
 * documents' paths there.  What is asked, allowed and done is decided by the functions
 * and views of schema account that they call, as the caller.
 */
#include "account.h"

#include "catalog/pg_type.h"

/* A function of that name, which answers with the Document behind it. */
#define ROUTE(name, ...) \
	PG_FUNCTION_INFO_V1(account_route_##name); \
	Datum \
	account_route_##name(PG_FUNCTION_ARGS) \
	{ \
		static Document document = {__VA_ARGS__}; \
\
		return document_answer(fcinfo, &document); \
	} \
	extern int	no_such_variable

#define BODY(...) {__VA_ARGS__, 1, {JSONBOID}}
#define THEN(...) {__VA_ARGS__, 1, {UUIDOID}}
#define THEN_TOKEN(...) {__VA_ARGS__, 2, {UUIDOID, TEXTOID}}

/* Members of $1 in SQL. */
#define TEXT(name) "$1 ->> '" name "'"
#define ID(name) "($1 ->> '" name "')::uuid"
#define OBJECT(name) "COALESCE($1 -> '" name "', '{}')"
#define ARRAY(name, type) \
	"CASE WHEN jsonb_typeof($1 -> '" name "') = 'array'" \
	" THEN ARRAY(SELECT jsonb_array_elements_text($1 -> '" name "'))::" type " END"

/* ---------------------------------------------------------------------------
 * Lists (B8): a page after a cursor, filtered, oldest or newest first
 */
#define LIST_MEMBERS \
	{"cursor", DOCUMENT_TEXT}, {"limit", DOCUMENT_COUNT}, {"sort_order", DOCUMENT_TEXT}, \
	{"name", DOCUMENT_TEXT}, {"prefix", DOCUMENT_TEXT}, {"label", DOCUMENT_TEXT}, \
	{"created_after", DOCUMENT_TEXT}, {"created_before", DOCUMENT_TEXT}

/*
 * A label is asked for as key, or as key:value.  A filter that is not given is gone from the plan,
 * which is made for the values; from an index on (account, created_at, id) no row is read but
 * those of the page.
 */
#define LIST_PAGE(id, columns, source, compare, contrary, direction) \
	{"SELECT x.created_at, x." id ", " columns " FROM " source \
		" AND (x.created_at, x." id ") " compare " ($2, $3) AND x.created_at " contrary " $6" \
		" AND ($1 ->> 'name' IS NULL OR x.name = $1 ->> 'name')" \
		" AND ($1 ->> 'prefix' IS NULL OR starts_with(x.name, $1 ->> 'prefix'))" \
		" AND ($1 ->> 'label' IS NULL OR x.labels <> '{}' AND CASE WHEN strpos($1 ->> 'label', ':') = 0 THEN x.labels ? ($1 ->> 'label')" \
		" ELSE x.labels @> jsonb_build_object(split_part($1 ->> 'label', ':', 1)," \
		" substr($1 ->> 'label', strpos($1 ->> 'label', ':') + 1)) END)" \
		" ORDER BY x.created_at " direction ", x." id " " direction " LIMIT $4", \
		6, {JSONBOID, TIMESTAMPTZOID, UUIDOID, INT4OID, UUIDOID, TIMESTAMPTZOID}, .planned_anew = true}
#define LIST(id, columns, source) \
	.statement = LIST_PAGE(id, columns, source, ">", "<", "ASC"), \
	.backwards = LIST_PAGE(id, columns, source, "<", ">", "DESC")

/* ---------------------------------------------------------------------------
 * Accounts below the caller's
 */

/* The 17 members; the price is told to the account itself alone, and none of these is. */
#define ACCOUNT_MEMBERS \
	"NULL AS api_key, " DIRECTORY_ARCHIVED_AT("x") " AS archived_at," \
	" x.branding, NULL AS commitment, x.created_at, x.account_id AS id, x.last_read_input_at," \
	" x.last_updated_config_at, x.last_updated_output_at, x.name, x.parent_account_id," \
	" 'account' AS resource_type, x.status, x.status_changed_at, x.status_error, x.stripe_customer_id, x.updated_at"

ROUTE(list_accounts,
	  .paths = {"/v1/accounts"},
	  .status = 200,
	  .members = {LIST_MEMBERS, {"id", DOCUMENT_ID}},
	  .id_is_account = true,
	  LIST("account_id", ACCOUNT_MEMBERS, "account.accounts x WHERE x.parent_account_id = $5"));

ROUTE(create_account,
	  .paths = {"/v1/accounts"},
	  .status = 201,
	  .writes = true,
	  .members = {{"name", DOCUMENT_TEXT}, {"branding", DOCUMENT_OBJECT}, {"parent_account_id", DOCUMENT_ID},
	  {"description", DOCUMENT_TEXT}, {"domain", DOCUMENT_TEXT}, {"billing_email", DOCUMENT_TEXT},
	  {"external_id", DOCUMENT_TEXT}, {"labels", DOCUMENT_OBJECT}},
	  .statement = BODY("SELECT * FROM account.create_account(name => " TEXT("name")
						", parent_account_id => " ID("parent_account_id") ", branding => " OBJECT("branding")
						", description => " TEXT("description") ", domain => " TEXT("domain")
						", billing_email => " TEXT("billing_email") ", external_id => " TEXT("external_id")
						", labels => " OBJECT("labels") ")"));

ROUTE(get_account,
	  .paths = {"/v1/accounts/{id}"},
	  .status = 200,
	  .members = {{"id", DOCUMENT_ID}},
	  .statement = BODY("SELECT * FROM account.get_account(" ID("id") ")"));

ROUTE(update_account,
	  .paths = {"/v1/accounts/{id}"},
	  .status = 200,
	  .writes = true,
	  .open_ended = true,
	  .members = {{"id", DOCUMENT_ID}},
	  .statement = BODY("SELECT * FROM account.update_account(" ID("id") ", $1 - 'id')"));

ROUTE(archive_account,
	  .paths = {"/v1/accounts/{id}/archive"},
	  .status = 200,
	  .writes = true,
	  .members = {{"id", DOCUMENT_ID}},
	  .statement = BODY("SELECT " ID("id") ", account.archive_account(" ID("id") ")"),
	  .then = THEN("SELECT * FROM account.get_account($1)"));

ROUTE(unarchive_account,
	  .paths = {"/v1/accounts/{id}/unarchive"},
	  .status = 200,
	  .writes = true,
	  .members = {{"id", DOCUMENT_ID}},
	  .statement = BODY("SELECT " ID("id") ", account.unarchive_account(" ID("id") ")"),
	  .then = THEN("SELECT * FROM account.get_account($1)"));

ROUTE(delete_account,
	  .paths = {"/v1/accounts/{id}"},
	  .status = 202,
	  .writes = true,
	  .members = {{"id", DOCUMENT_ID}, {"grace", DOCUMENT_TEXT}},
	  .statement = BODY("SELECT " ID("id") ", account.delete_account(" ID("id")
						", COALESCE((" TEXT("grace") ")::interval, '24 hours'))"),
	  .then = THEN("SELECT * FROM account.get_account($1)"));

ROUTE(cancel_deletion,
	  .paths = {"/v1/accounts/{id}/cancel_deletion"},
	  .status = 200,
	  .writes = true,
	  .members = {{"id", DOCUMENT_ID}},
	  .statement = BODY("SELECT " ID("id") ", account.cancel_deletion(" ID("id") ")"),
	  .then = THEN("SELECT * FROM account.get_account($1)"));

ROUTE(suspend_account,
	  .paths = {"/v1/accounts/{id}/suspend"},
	  .status = 200,
	  .writes = true,
	  .members = {{"id", DOCUMENT_ID}, {"reason", DOCUMENT_TEXT}},
	  .statement = BODY("SELECT " ID("id") ", account.suspend_account(" ID("id") ", " TEXT("reason") ")"),
	  .then = THEN("SELECT * FROM account.get_account($1)"));

ROUTE(resume_account,
	  .paths = {"/v1/accounts/{id}/resume"},
	  .status = 200,
	  .writes = true,
	  .members = {{"id", DOCUMENT_ID}},
	  .statement = BODY("SELECT " ID("id") ", account.resume_account(" ID("id") ")"),
	  .then = THEN("SELECT * FROM account.get_account($1)"));

/* ---------------------------------------------------------------------------
 * The caller's own account
 */
ROUTE(describe_account,
	  .paths = {"/v1/account"},
	  .status = 200,
	  .statement = BODY("SELECT account.describe_account()"));

ROUTE(change_account,
	  .paths = {"/v1/account"},
	  .status = 200,
	  .writes = true,
	  .open_ended = true,
	  .statement = BODY("SELECT u.id FROM account.update_account(account.current_account_id(), $1) u"),
	  .then = THEN("SELECT account.describe_account($1)"));

ROUTE(rotate_webhook_signing_key,
	  .paths = {"/v1/account/rotate_webhook_signing_key"},
	  .status = 200,
	  .writes = true,
	  .members = {{"overlap", DOCUMENT_TEXT}},
	  .statement = BODY("SELECT account.current_account_id(), account.rotate_webhook_secret(COALESCE((" TEXT("overlap")
						")::interval, '24 hours'))"),
	  .then = THEN("SELECT account.describe_account($1)"));

ROUTE(list_memberships,
	  .paths = {"/v1/account/memberships"},
	  .status = 200,
	  .all = true,
	  .statement = BODY("SELECT * FROM account.memberships()"));

/* ---------------------------------------------------------------------------
 * API keys: of the caller's account, or of one below
 */
#define SHOW_KEY "SELECT account.describe_api_key($1)"
#define SHOW_NEW_KEY "SELECT jsonb_set(account.describe_api_key($1), '{spec,token}', to_jsonb($2))"

/* A key of a profile; what is not given is as create_api_key() has it. */
#define CREATE_KEY(profile) \
	"SELECT k.api_key_id, k.api_key FROM account.create_api_key(profile_id => " profile \
	", name => " TEXT("name") ", permissions => " ARRAY("permissions", "text[]") \
	", expires_in => (" TEXT("expires_in") ")::interval" \
	", workspace_ids => COALESCE(" ARRAY("workspace_ids", "uuid[]") ", '{}')" \
	", allowed_ips => " ARRAY("allowed_ips", "cidr[]") ", description => " TEXT("description") ") k"
#define KEY_MEMBERS \
	{"id", DOCUMENT_ID}, {"name", DOCUMENT_TEXT}, {"permissions", DOCUMENT_TEXTS}, {"expires_in", DOCUMENT_TEXT}, \
	{"workspace_ids", DOCUMENT_IDS}, {"allowed_ips", DOCUMENT_TEXTS}, {"description", DOCUMENT_TEXT}

ROUTE(list_api_keys,
	  .paths = {"/v1/account/api_keys", "/v1/accounts/{id}/api_keys"},
	  .status = 200,
	  .members = {LIST_MEMBERS, {"id", DOCUMENT_ID}},
	  .id_is_account = true,
	  .reads = "api_keys",
	  LIST("api_key_id", "account.describe_api_key(x.api_key_id)", "account.keys x WHERE x.account_id = $5"));

/* Where no profile is named: the one that is calling, or the system's of the account below. */
ROUTE(create_api_key,
	  .paths = {"/v1/account/api_keys", "/v1/accounts/{id}/api_keys"},
	  .status = 201,
	  .writes = true,
	  .members = {KEY_MEMBERS, {"profile_id", DOCUMENT_ID}},
	  .statement = BODY(CREATE_KEY("COALESCE(" ID("profile_id") ", CASE WHEN " ID("id") " IS NULL"
								   " THEN account.current_profile_id() ELSE (SELECT s.profile_id"
								   " FROM account.service_accounts s WHERE s.account_id = " ID("id") " AND s.system) END)")),
	  .then = THEN_TOKEN(SHOW_NEW_KEY));

ROUTE(get_api_key,
	  .paths = {"/v1/account/api_keys/{id}"},
	  .status = 200,
	  .members = {{"id", DOCUMENT_ID}},
	  .statement = BODY("SELECT account.describe_api_key(" ID("id") ")"));

ROUTE(update_api_key,
	  .paths = {"/v1/account/api_keys/{id}"},
	  .status = 200,
	  .writes = true,
	  .open_ended = true,
	  .members = {{"id", DOCUMENT_ID}},
	  .statement = BODY("SELECT " ID("id") ", account.update_api_key(" ID("id") ", $1 - 'id')"),
	  .then = THEN(SHOW_KEY));

ROUTE(revoke_api_key,
	  .paths = {"/v1/account/api_keys/{id}"},
	  .status = 204,
	  .writes = true,
	  .members = {{"id", DOCUMENT_ID}, {"reason", DOCUMENT_TEXT}, {"successors", DOCUMENT_BOOLEAN}},
	  .statement = BODY("SELECT account.revoke_api_key(" ID("id") ", " TEXT("reason")
						", COALESCE((" TEXT("successors") ")::boolean, false))"));

ROUTE(rotate_api_key,
	  .paths = {"/v1/account/api_keys/{id}/rotate"},
	  .status = 201,
	  .writes = true,
	  .members = {{"id", DOCUMENT_ID}, {"overlap", DOCUMENT_TEXT}},
	  .statement = BODY("SELECT k.api_key_id, k.api_key FROM account.rotate_api_key(" ID("id")
						", COALESCE((" TEXT("overlap") ")::interval, '0')) k"),
	  .then = THEN_TOKEN(SHOW_NEW_KEY));

ROUTE(grant_workspace,
	  .paths = {"/v1/account/api_keys/{id}/workspaces"},
	  .status = 204,
	  .writes = true,
	  .members = {{"id", DOCUMENT_ID}, {"workspace_id", DOCUMENT_ID}},
	  .statement = BODY("SELECT account.grant_workspace(" ID("id") ", " ID("workspace_id") ")"));

ROUTE(revoke_workspace,
	  .paths = {"/v1/account/api_keys/{id}/workspaces"},
	  .status = 204,
	  .writes = true,
	  .members = {{"id", DOCUMENT_ID}, {"workspace_id", DOCUMENT_ID}},
	  .statement = BODY("SELECT account.revoke_workspace(" ID("id") ", " ID("workspace_id") ")"));

/* ---------------------------------------------------------------------------
 * Workspaces, profiles, service accounts
 */
#define WORKSPACE_MEMBERS \
	"x.workspace_id, x.account_id, x.name, account.workspace_state(x.workspace_id) AS state, x.external_id, x.labels, x.created_at"

ROUTE(list_workspaces,
	  .paths = {"/v1/account/workspaces"},
	  .status = 200,
	  .members = {LIST_MEMBERS},
	  .reads = "workspaces",
	  LIST("workspace_id", WORKSPACE_MEMBERS, "account.workspaces x WHERE x.account_id = $5"));

ROUTE(create_workspace,
	  .paths = {"/v1/account/workspaces"},
	  .status = 201,
	  .writes = true,
	  .members = {{"name", DOCUMENT_TEXT}},
	  .statement = BODY("SELECT account.create_workspace(" TEXT("name") ")"),
	  .then = THEN("SELECT " WORKSPACE_MEMBERS " FROM account.workspaces x WHERE x.workspace_id = $1"));

ROUTE(list_profiles,
	  .paths = {"/v1/account/profiles"},
	  .status = 200,
	  .members = {LIST_MEMBERS},
	  .reads = "members",
	  LIST("profile_id", "account.describe_profile(x.profile_id)",
		   "account.profiles x WHERE x.deleted_at IS NULL AND x.account_id = $5"
		   " AND (x.kind = 'user' OR account.has_permission('read:service_accounts')"
		   " OR account.has_permission('manage:service_accounts') OR x.profile_id = account.current_profile_id())"));

ROUTE(list_service_accounts,
	  .paths = {"/v1/account/service_accounts"},
	  .status = 200,
	  .members = {LIST_MEMBERS},
	  .reads = "service_accounts",
	  LIST("profile_id", "x.profile_id, x.account_id, x.name, x.description, x.owner, x.systems, x.system, s.roles,"
		   " s.keys_total, s.last_used_at, s.disabled, x.external_id, x.labels, x.created_by, x.created_at",
		   "account.profiles x CROSS JOIN LATERAL"
		   " (SELECT v.* FROM account.service_accounts v WHERE v.profile_id = x.profile_id OFFSET 0) s"
		   " WHERE x.kind = 'service_account' AND x.deleted_at IS NULL AND x.account_id = $5"));

ROUTE(create_service_account,
	  .paths = {"/v1/account/service_accounts"},
	  .status = 201,
	  .writes = true,
	  .members = {{"name", DOCUMENT_TEXT}, {"role", DOCUMENT_TEXT}, {"description", DOCUMENT_TEXT},
	  {"owner", DOCUMENT_TEXT}, {"systems", DOCUMENT_TEXTS}},
	  .statement = BODY("SELECT * FROM account.create_service_account(name => " TEXT("name") ", role => " TEXT("role")
						", description => " TEXT("description") ", owner => " TEXT("owner")
						", systems => COALESCE(" ARRAY("systems", "text[]") ", '{}'))"));

ROUTE(list_service_account_keys,
	  .paths = {"/v1/account/service_accounts/{id}/keys"},
	  .status = 200,
	  .members = {LIST_MEMBERS, {"id", DOCUMENT_ID}},
	  .reads = "api_keys",
	  LIST("api_key_id", "account.describe_api_key(x.api_key_id)",
		   "account.keys x WHERE x.account_id = $5 AND x.profile_id = ($1 ->> 'id')::uuid"));

ROUTE(create_service_account_key,
	  .paths = {"/v1/account/service_accounts/{id}/keys"},
	  .status = 201,
	  .writes = true,
	  .members = {KEY_MEMBERS},
	  .statement = BODY(CREATE_KEY(ID("id"))),
	  .then = THEN_TOKEN(SHOW_NEW_KEY));

/* ---------------------------------------------------------------------------
 * Users
 */
ROUTE(register,
	  .paths = {"/v1/account/register"},
	  .status = 204,
	  .open = true,
	  .writes = true,
	  .members = {{"email", DOCUMENT_TEXT}, {"password", DOCUMENT_TEXT}},
	  .statement = BODY("SELECT account.register(" TEXT("email") ", " TEXT("password") ")"));

ROUTE(create_user,
	  .paths = {"/v1/admin/account/register"},
	  .status = 201,
	  .writes = true,
	  .members = {{"email", DOCUMENT_TEXT}, {"password", DOCUMENT_TEXT}, {"external_id", DOCUMENT_TEXT}},
	  .statement = BODY("SELECT account.create_user(" TEXT("email") ", " TEXT("password") ", " TEXT("external_id") ") AS user_id"));

/* What fails is no error: it has to be committed, so that it counts. */
static int
log_in(Datum parameters, StringInfo json)
{
	static Statement login = BODY("SELECT l.error, l.session_token, l.session_id, l.user_id, l.expires_at"
								  " FROM account_api.login(" TEXT("email") ", " TEXT("password")
								  ", COALESCE((" TEXT("cookie") ")::boolean, false)) l");
	bool		refused;

	SPI_connect();
	(void) query_write(&login, &parameters, NULL);
	refused = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1) != NULL;
	if (!refused)
		document_render(json, 0, 1);
	SPI_finish();
	return refused ? document_refuse(ERROR_INVALID_AUTHORIZATION, "the e-mail or the password is wrong", json) : 200;
}

ROUTE(login,
	  .paths = {"/v1/account/login"},
	  .open = true,
	  .members = {{"email", DOCUMENT_TEXT}, {"password", DOCUMENT_TEXT}, {"cookie", DOCUMENT_BOOLEAN}},
	  .handle = log_in);

ROUTE(logout,
	  .paths = {"/v1/account/logout"},
	  .status = 204,
	  .writes = true,
	  .statement = BODY("SELECT account_api.logout()"));
