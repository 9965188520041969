/*
 * directory.c
 *	  Finding, reading and changing accounts.
 *
 * A caller reaches its own account and those below it; caller_target() says
 * so in the same words for what is out of reach and for what does not exist.
 * What is read is what the calling statement sees; what is changed is changed
 * as it is committed now, at any isolation level.
 */
#include "account.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/tuplestore.h"

#define DESCRIPTION_MAX 10000	/* characters */
#define EXTERNAL_ID_MAX 255		/* characters */
#define STRIPE_CUSTOMER_ID_MAX 255	/* characters */
#define DOMAIN_MAX 253			/* bytes, RFC 1035 */
#define DOMAIN_LABEL_MAX 63		/* bytes */
#define WEBHOOK_URL_MAX 2048	/* bytes */
#define RESOURCE_MEMBERS 17

PG_FUNCTION_INFO_V1(account_directory_get_account);
PG_FUNCTION_INFO_V1(account_directory_update_account);
PG_FUNCTION_INFO_V1(account_directory_read_only_since);
PG_FUNCTION_INFO_V1(account_directory_own_commitment);
PG_FUNCTION_INFO_V1(account_directory_account_ancestors);
PG_FUNCTION_INFO_V1(account_directory_account_descendants);

/* ---------------------------------------------------------------------------
 * What callers may set
 */

static bool
is_name(Datum value)
{
	return DatumGetBool(DirectFunctionCall1(account_tree_is_name, value));
}

static bool
is_branding(Datum value)
{
	return DatumGetBool(DirectFunctionCall1(account_tree_is_branding, directory_branding(value)));
}

static bool
is_description(Datum value)
{
	return changes_is_length(value, 0, DESCRIPTION_MAX);
}

/* Labels of letters, digits and inner hyphens; at least two, the last not a number. */
static bool
is_dns_name(const char *name, int length)
{
	int			label = 0;		/* characters of it so far */
	int			labels = 1;
	bool		is_number = true;

	if (length > DOMAIN_MAX)
		return false;
	for (int i = 0; i < length; i++)
	{
		char		c = name[i];
		bool		is_digit = c >= '0' && c <= '9';
		bool		is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (c == '.' && label > 0 && name[i - 1] != '-')
		{
			labels++;
			label = 0;
			is_number = true;
			continue;
		}
		if (!is_digit && !is_letter && !(c == '-' && label > 0))
			return false;
		if (++label > DOMAIN_LABEL_MAX)
			return false;
		is_number = is_number && is_digit;
	}
	return labels > 1 && label > 0 && name[length - 1] != '-' && !is_number;
}

static bool
is_domain(Datum value)
{
	text	   *string = DatumGetTextPP(value);

	return is_dns_name(VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string));
}

static bool
is_email(Datum value)
{
	return DatumGetBool(DirectFunctionCall1(account_tree_is_email, value));
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

/* host or host:port; whoever puts a user name in finds that @ is in no host. */
static bool
is_authority(const char *authority, int length)
{
	const char *colon = memchr(authority, ':', length);
	int			port = 0;

	if (colon == NULL)
		return is_dns_name(authority, length);
	for (const char *c = colon + 1; c < authority + length; c++)
	{
		if (*c < '0' || *c > '9' || c - colon > 5)
			return false;
		port = port * 10 + (*c - '0');
	}
	return port >= 1 && port <= 65535 && is_dns_name(authority, colon - authority);
}

static bool
is_webhook_url(Datum value)
{
	static const char scheme[] = "https://";
	text	   *string = DatumGetTextPP(value);
	const char *url = VARDATA_ANY(string);
	int			length = VARSIZE_ANY_EXHDR(string);
	int			start = strlen(scheme);
	int			end = start;

	if (length > WEBHOOK_URL_MAX || length <= start || memcmp(url, scheme, start) != 0)
		return false;
	for (int i = 0; i < length; i++)
	{
		if (url[i] <= ' ' || url[i] > '~' || url[i] == '\\')
			return false;
	}
	while (end < length && strchr("/?#", url[end]) == NULL)
		end++;
	return is_authority(url + start, end - start);
}

static bool
is_stripe_customer_id(Datum value)
{
	return changes_is_length(value, 1, STRIPE_CUSTOMER_ID_MAX);
}

const ChangeField directory_fields[DIRECTORY_FIELDS] = {
	[DIRECTORY_NAME] = {"name", false, false, CHANGE_BY_ITSELF, is_name,
	"must have 1 to 255 characters, at least one of them not white space"},
	[DIRECTORY_BRANDING] = {"branding", true, false, CHANGE_BY_ITSELF, is_branding,
	"must be an object of at most 64 kB whose suppress_from_reports is a boolean"},
	[DIRECTORY_DESCRIPTION] = {"description", false, true, CHANGE_BY_ITSELF, is_description,
	"must have at most 10,000 characters"},
	[DIRECTORY_DOMAIN] = {"domain", false, true, CHANGE_BY_ITSELF, is_domain,
	"must be a DNS name such as example.com"},
	[DIRECTORY_BILLING_EMAIL] = {"billing_email", false, true, CHANGE_BY_ITSELF, is_email,
	"must be an e-mail address"},
	[DIRECTORY_EXTERNAL_ID] = {"external_id", false, true, CHANGE_BY_ABOVE, is_external_id,
	"must have 1 to 255 characters"},
	[DIRECTORY_LABELS] = {"labels", true, false, CHANGE_BY_ITSELF, is_labels,
	"must be an object of at most 64 strings"},
	[DIRECTORY_WEBHOOK_URL] = {"webhook_url", false, true, CHANGE_BY_ITSELF, is_webhook_url,
	"must be an https URL with a host name, without a user name, of at most 2,048 characters"},
	[DIRECTORY_STRIPE_CUSTOMER_ID] = {"stripe_customer_id", false, true, CHANGE_BY_ADMIN, is_stripe_customer_id,
	"must have 1 to 255 characters"},
};

Datum
directory_branding(Datum branding)
{
	Datum		defaults = DirectFunctionCall1(jsonb_in, CStringGetDatum("{\"suppress_from_reports\": false}"));

	return DirectFunctionCall2(jsonb_concat, defaults, branding);
}

void
directory_require_depth(int64 depth)
{
	if (depth > setting_max_depth)
		error_raise(ERROR_BAD_REQUEST, "The setting account.max_depth says how many levels there may be.",
					"accounts would be more than %d levels deep", setting_max_depth);
}

/* ---------------------------------------------------------------------------
 * Reading one account
 */

Datum
directory_resource(FunctionCallInfo fcinfo, RowType *row_type, const pg_uuid_t *account_id, text *api_key,
				   bool priced, bool latest)
{
	/* The members of the type but api_key, which no query sees. */
	static Statement find = {
		"SELECT " DIRECTORY_ARCHIVED_AT("a") ","
		" a.branding::pg_catalog.jsonb,"
		" CASE WHEN $2 AND (s.monthly_cost IS NOT NULL OR s.renewal_date IS NOT NULL)"
		" THEN ROW(s.monthly_cost, s.renewal_date)::account.commitment END,"
		" a.created_at, a.account_id, a.last_read_input_at, a.last_updated_config_at,"
		" a.last_updated_output_at, a.name::pg_catalog.text, a.parent_account_id, 'account'::pg_catalog.text,"
		" a.status, a.status_changed_at, a.status_error, a.stripe_customer_id, a.updated_at"
		" FROM account.accounts a"
		" LEFT JOIN account.subscriptions s ON s.account_id OPERATOR(pg_catalog.=) a.account_id"
		" WHERE a.account_id OPERATOR(pg_catalog.=) $1",
		2, {UUIDOID, BOOLOID}
	};
	Datum		values[RESOURCE_MEMBERS] = {UUIDPGetDatum(account_id), BoolGetDatum(priced)};
	bool		nulls[RESOURCE_MEMBERS];
	QueryScope	scope;

	query_open(&scope);
	if ((latest ? query_latest(&find, values, NULL) : query_read(&find, values, NULL)) == 0)
		error_raise(ERROR_NOT_FOUND, NULL, "account not found");
	for (int i = 1; i < RESOURCE_MEMBERS; i++)
		values[i] = query_datum(&scope, 0, i, &nulls[i]);
	query_close(&scope);

	values[0] = PointerGetDatum(api_key);
	nulls[0] = api_key == NULL;
	return HeapTupleGetDatum(heap_form_tuple(schema_row_type(fcinfo, row_type), values, nulls));
}

/* The account that the first argument names, within reach of the caller; required where the contract says so. */
static void
find_target(FunctionCallInfo fcinfo, const char *permission, bool required, Target *target)
{
	if (required && PG_ARGISNULL(0))
		error_raise(ERROR_BAD_REQUEST, NULL, "an account is required");
	caller_target(permission, PG_ARGISNULL(0) ? NULL : PG_GETARG_UUID_P(0),
					SCOPE_OWN | SCOPE_DESCENDANTS | SCOPE_ADMIN, target);
}

/* get_account(account_id) */
Datum
account_directory_get_account(PG_FUNCTION_ARGS)
{
	static RowType row_type;
	Target		target;

	find_target(fcinfo, NULL, false, &target);
	PG_RETURN_DATUM(directory_resource(fcinfo, &row_type, &target.account_id, NULL,
									   target.own || target.as_admin, false));
}

/* read_only_since(account_id) */
Datum
account_directory_read_only_since(PG_FUNCTION_ARGS)
{
	static Statement find = {
		"SELECT " DIRECTORY_ARCHIVED_AT("a") " FROM account.accounts a"
		" WHERE a.account_id OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};
	Target		target;
	Datum		value;
	QueryScope	scope;

	find_target(fcinfo, NULL, false, &target);
	if ((hold_of_account(&target.account_id, target.path) & HOLD_IS_ARCHIVED) == 0)
		PG_RETURN_NULL();
	value = UUIDPGetDatum(&target.account_id);
	query_open(&scope);
	if (query_read(&find, &value, NULL) == 0)
		error_raise(ERROR_NOT_FOUND, NULL, "account not found");
	value = query_datum(&scope, 0, 1, &fcinfo->isnull);
	query_close(&scope);
	return value;
}

/* own_commitment() */
Datum
account_directory_own_commitment(PG_FUNCTION_ARGS)
{
	static Statement find = {
		"SELECT ROW(s.monthly_cost, s.renewal_date)::account.commitment FROM account.subscriptions s"
		" WHERE s.account_id OPERATOR(pg_catalog.=) $1"
		" AND (s.monthly_cost IS NOT NULL OR s.renewal_date IS NOT NULL)",
		1, {UUIDOID}
	};
	const Identity *identity = identity_current();
	Datum		value;
	QueryScope	scope;

	if (identity == NULL || !identity->has_account)
		PG_RETURN_NULL();
	value = UUIDPGetDatum(&identity->account_id);
	query_open(&scope);
	if (query_read(&find, &value, NULL) > 0)
		value = query_datum(&scope, 0, 1, &fcinfo->isnull);
	else
		fcinfo->isnull = true;
	query_close(&scope);
	return value;
}

/* ---------------------------------------------------------------------------
 * Changing one account
 */

/*
 * The index on external_id is what keeps siblings
 * apart, so its error is the only one that is right under concurrency: it is
 * told in our words, without naming the other account.
 */
void
directory_write(Statement *update, const Datum *values, const char *nulls)
{
	(void) query_write_unique(update, values, nulls, "another account beside it has that external_id", NULL);
}

List *
directory_subtree(const pg_uuid_t *account_id, bool descendants, bool latest)
{
	static Statement find = {
		"SELECT a.account_id" DIRECTORY_SUBTREE(">=")
		" WHERE h.account_id OPERATOR(pg_catalog.=) $1 AND ($2 OR a.account_id OPERATOR(pg_catalog.=) $1)"
		" ORDER BY pg_catalog.cardinality(a.path), a.account_id",
		2, {UUIDOID, BOOLOID}
	};
	Datum		values[2] = {UUIDPGetDatum(account_id), BoolGetDatum(descendants)};
	QueryScope	scope;
	List	   *result;

	query_open(&scope);
	result = query_uuids(&scope, latest ? query_latest(&find, values, NULL) : query_read(&find, values, NULL), 1);
	query_close(&scope);
	return result;
}

/* The member of that name where there is one, what was there otherwise. */
#define CHANGED(column) \
	column " = CASE WHEN $2 OPERATOR(pg_catalog.?) '" column "'" \
	" THEN $2 OPERATOR(pg_catalog.->>) '" column "' ELSE a." column " END, "

static void
change_account(const pg_uuid_t *account_id, Datum changes)
{
	static Statement update = {
		"UPDATE account.accounts a SET "
		CHANGED("name")
		CHANGED("description")
		CHANGED("domain")
		CHANGED("billing_email")
		CHANGED("external_id")
		CHANGED("webhook_url")
		CHANGED("stripe_customer_id")
		"branding = CASE WHEN $2 OPERATOR(pg_catalog.?) 'branding'"
		" THEN '{\"suppress_from_reports\": false}'::pg_catalog.jsonb"
		" OPERATOR(pg_catalog.||) ($2 OPERATOR(pg_catalog.->) 'branding') ELSE a.branding END,"
		" labels = CASE WHEN $2 OPERATOR(pg_catalog.?) 'labels'"
		" THEN $2 OPERATOR(pg_catalog.->) 'labels' ELSE a.labels END,"
		" updated_at = pg_catalog.now(), " DIRECTORY_CONFIG_CHANGED
		" WHERE a.account_id OPERATOR(pg_catalog.=) $1",
		2, {UUIDOID, JSONBOID}
	};
	Datum		values[2] = {UUIDPGetDatum(account_id), changes};
	QueryScope	scope;

	query_open(&scope);
	directory_write(&update, values, NULL);
	query_close(&scope);
}

/* update_account(account_id, changes) */
Datum
account_directory_update_account(PG_FUNCTION_ARGS)
{
	static RowType row_type;
	Datum		changes = PG_GETARG_DATUM(1);
	Target		target;
	Validation	validation;

	find_target(fcinfo, "update:accounts", true, &target);
	validation_start(&validation);
	changes_check(&validation, changes, PG_ARGISNULL(1), directory_fields, DIRECTORY_FIELDS,
				  target.as_admin ? CHANGE_BY_ADMIN : target.own ? CHANGE_BY_ITSELF : CHANGE_BY_ABOVE);
	validation_finish(&validation);

	/* Suspended is no matter here: what is suspended cannot call, and who is above may put its data right. */
	AcceptInvalidationMessages();
	if (!target.as_admin && (hold_of_account(&target.account_id, target.path) & HOLD_IS_ARCHIVED) != 0)
		error_raise(ERROR_ARCHIVED, NULL, "the account is archived");

	if (JB_ROOT_COUNT(DatumGetJsonbP(changes)) > 0)
		change_account(&target.account_id, changes);
	PG_RETURN_DATUM(directory_resource(fcinfo, &row_type, &target.account_id, NULL,
									   target.own || target.as_admin, true));
}

/* ---------------------------------------------------------------------------
 * Lists
 */

/* Runs a query whose columns are those of account_summary, as the function's rows. */
static void
return_summaries(FunctionCallInfo fcinfo, Statement *find, const Datum *values, const char *nulls)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	QueryScope	scope;
	uint64		rows;

	InitMaterializedSRF(fcinfo, 0);
	query_open(&scope);
	rows = query_read(find, values, nulls);
	for (uint64 row = 0; row < rows; row++)
		tuplestore_puttuple(result->setResult, SPI_tuptable->vals[row]);
	query_close(&scope);
}

/* account_ancestors(account_id) */
Datum
account_directory_account_ancestors(PG_FUNCTION_ARGS)
{
	/* $2 is the path to the account, $3 the place of the caller's own in it: above that, ids alone. */
	static Statement find = {
		"SELECT a.account_id, a.parent_account_id, v.below,"
		" CASE WHEN v.seen THEN a.name::pg_catalog.text END,"
		" CASE WHEN v.seen THEN a.status END,"
		" CASE WHEN v.seen THEN a.created_at END,"
		" CASE WHEN v.seen THEN a.external_id END,"
		" CASE WHEN v.seen THEN a.labels::pg_catalog.jsonb END"
		" FROM account.accounts a"
		" CROSS JOIN LATERAL (SELECT pg_catalog.array_position($2, a.account_id) AS place) p"
		" CROSS JOIN LATERAL (SELECT p.place OPERATOR(pg_catalog.>=) $3 AS seen,"
		" pg_catalog.cardinality($2) OPERATOR(pg_catalog.-) p.place AS below) v"
		" WHERE a.account_id OPERATOR(pg_catalog.=) ANY ($2) AND a.account_id OPERATOR(pg_catalog.<>) $1"
		" ORDER BY p.place",
		3, {UUIDOID, UUIDARRAYOID, INT4OID}
	};
	Target		target;
	Datum		values[3];
	int			place = 1;

	find_target(fcinfo, NULL, true, &target);
	if (!target.as_admin)
	{
		pg_uuid_t	caller = identity_current()->account_id;

		while (memcmp(&target.path->ids[place - 1], &caller, UUID_LEN) != 0)
			place++;
	}
	values[0] = UUIDPGetDatum(&target.account_id);
	values[1] = tree_path_datum(target.path);
	values[2] = Int32GetDatum(place);
	return_summaries(fcinfo, &find, values, NULL);
	return (Datum) 0;
}

#define SUMMARY_BELOW \
	"SELECT a.account_id, a.parent_account_id, v.depth, a.name::pg_catalog.text, a.status," \
	" a.created_at, a.external_id, a.labels::pg_catalog.jsonb"

#define DEPTH_BELOW \
	" CROSS JOIN LATERAL (SELECT pg_catalog.cardinality(a.path)" \
	" OPERATOR(pg_catalog.-) pg_catalog.cardinality(h.path) AS depth) v" \
	" WHERE h.account_id OPERATOR(pg_catalog.=) $1" \
	" AND ($2 IS NULL OR v.depth OPERATOR(pg_catalog.<=) $2)" \
	" ORDER BY v.depth, a.created_at, a.account_id"

/* account_descendants(account_id, depth) */
Datum
account_directory_account_descendants(PG_FUNCTION_ARGS)
{
	static Statement find = {
		SUMMARY_BELOW DIRECTORY_SUBTREE(">") DEPTH_BELOW,
		2, {UUIDOID, INT4OID}
	};

	/* Children alone have an index of their own: nothing else of a large tree is read. */
	static Statement find_children = {
		SUMMARY_BELOW
		" FROM account.accounts h"
		" JOIN account.accounts a ON a.parent_account_id OPERATOR(pg_catalog.=) h.account_id"
		DEPTH_BELOW,
		2, {UUIDOID, INT4OID}
	};
	Target		target;
	Validation	validation;
	Datum		values[2];
	bool		unlimited = PG_ARGISNULL(1);

	find_target(fcinfo, NULL, true, &target);
	validation_start(&validation);
	if (!unlimited && PG_GETARG_INT32(1) < 1)
		validation_add(&validation, "depth", "range", "must be at least 1", NULL);
	validation_finish(&validation);

	values[0] = UUIDPGetDatum(&target.account_id);
	values[1] = PG_GETARG_DATUM(1);
	return_summaries(fcinfo, !unlimited && PG_GETARG_INT32(1) == 1 ? &find_children : &find, values,
					 unlimited ? " n" : NULL);
	return (Datum) 0;
}
