/*
 * plan.c
 *	  Billing plans, who is billed for what, and limits.
 *
 * A subscription gives an account a plan of its own.  accounts.billed_account_id
 * leads every account to the nearest subscription on its path, or to its root:
 * so the effective plan is one probe, and a change of plan is one row, whatever
 * hangs below.  Only where a subscription in the middle of a tree comes or goes
 * are the accounts between it and the next ones below repointed, by one UPDATE
 * under the exclusive lock of the tree.
 *
 * A limit is counted under a lock of its own, after the tree's, with a snapshot
 * taken under the lock: so two callers never take the same last place.
 */
#include "account.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#define LIMITS_MAX 256
#define LIMITS_MAX_BYTES 65536
#define FEATURES_MAX_BYTES 65536

/* Beyond it a JSON number is no longer exact everywhere: 2^53. */
#define LIMIT_MAX INT64CONST(9007199254740992)

PG_FUNCTION_INFO_V1(account_plan_is_limits);
PG_FUNCTION_INFO_V1(account_plan_create_plan);
PG_FUNCTION_INFO_V1(account_plan_update_plan);
PG_FUNCTION_INFO_V1(account_plan_set_plan);
PG_FUNCTION_INFO_V1(account_plan_effective_plan);
PG_FUNCTION_INFO_V1(account_plan_plan_limit);
PG_FUNCTION_INFO_V1(account_plan_plan_feature);

/* ---------------------------------------------------------------------------
 * What a plan may say
 */

static bool
is_plan_name(Datum value)
{
	return DatumGetBool(DirectFunctionCall1(account_tree_is_name, value));
}

static bool
is_features(Datum value)
{
	return VARSIZE(DatumGetJsonbP(value)) <= FEATURES_MAX_BYTES;
}

/* A whole number from `least` to LIMIT_MAX. */
static bool
is_limit_number(const JsonbValue *value, int64 least)
{
	Datum		number;

	if (value->type != jbvNumeric)
		return false;
	number = NumericGetDatum(value->val.numeric);
	return DatumGetBool(DirectFunctionCall2(numeric_ge, number, NumericGetDatum(int64_to_numeric(least)))) &&
		DatumGetBool(DirectFunctionCall2(numeric_le, number, NumericGetDatum(int64_to_numeric(LIMIT_MAX)))) &&
		DatumGetBool(DirectFunctionCall2(numeric_eq, number,
										 DirectFunctionCall2(numeric_trunc, number, Int32GetDatum(0))));
}

/* A number, or {"tree": number}. */
static bool
is_limit(const JsonbValue *value, int64 least)
{
	JsonbValue	number;

	if (value->type != jbvBinary)
		return is_limit_number(value, least);
	return JsonContainerIsObject(value->val.binary.data) &&
		JsonContainerSize(value->val.binary.data) == 1 &&
		getKeyJsonValueFromContainer(value->val.binary.data, "tree", strlen("tree"), &number) != NULL &&
		is_limit_number(&number, least);
}

static bool
is_rate(const JsonbValue *key)
{
	return key->val.string.len == strlen(RATE_LIMIT_NAME) &&
		memcmp(key->val.string.val, RATE_LIMIT_NAME, key->val.string.len) == 0;
}

static bool
is_limits(Datum value)
{
	Jsonb	   *limits = DatumGetJsonbP(value);
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	element;
	int64		least = 0;

	if (!JB_ROOT_IS_OBJECT(limits) || JB_ROOT_COUNT(limits) > LIMITS_MAX ||
		VARSIZE(limits) > LIMITS_MAX_BYTES)
		return false;
	iterator = JsonbIteratorInit(&limits->root);
	while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
	{
		if (token == WJB_KEY &&
			(element.val.string.len < 1 || element.val.string.len > PLAN_RESOURCE_MAX_BYTES))
			return false;
		/* At a rate of none nobody is let in: that is what a suspension is for. */
		if (token == WJB_KEY)
			least = is_rate(&element) ? 1 : 0;
		if (token == WJB_VALUE && !is_limit(&element, least))
			return false;
	}
	return true;
}

/* is_limits(jsonb) */
Datum
account_plan_is_limits(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(is_limits(PG_GETARG_DATUM(0)));
}

static const ChangeField plan_fields[] = {
	{"name", false, false, CHANGE_BY_ITSELF, is_plan_name,
	"must have 1 to 255 characters, at least one of them not white space"},
	{"limits", true, false, CHANGE_BY_ITSELF, is_limits,
	"must name each resource with a whole number from 0 (requests_per_minute from 1) to 2^53, or {\"tree\": number}"},
	{"features", true, false, CHANGE_BY_ITSELF, is_features,
	"must not be larger than 64 kB"},
};

/* ---------------------------------------------------------------------------
 * Plans
 */

/* create_plan(name, limits, features) */
Datum
account_plan_create_plan(PG_FUNCTION_ARGS)
{
	static Statement insert = {
		"INSERT INTO account.plans (plan_id, name, limits, features) VALUES ($1, $2, $3, $4)"
		" ON CONFLICT DO NOTHING",
		4, {UUIDOID, TEXTOID, JSONBOID, JSONBOID}
	};
	pg_uuid_t  *plan_id = palloc(sizeof(pg_uuid_t));
	Validation	validation;
	QueryScope	scope;
	Datum		values[4];

	caller_require_admin("create a plan");
	validation_start(&validation);
	for (int i = 0; i < lengthof(plan_fields); i++)
		changes_check_value(&validation, &plan_fields[i], PG_GETARG_DATUM(i), PG_ARGISNULL(i));
	validation_finish(&validation);

	token_random_uuid(plan_id);
	values[0] = UUIDPGetDatum(plan_id);
	for (int i = 0; i < lengthof(plan_fields); i++)
		values[i + 1] = PG_GETARG_DATUM(i);
	query_open(&scope);
	if (query_write(&insert, values, NULL) == 0)
		error_raise(ERROR_CONFLICT, "Choose another name, or change that plan with update_plan().",
					"there is already a plan \"%s\"", TextDatumGetCString(values[1]));
	query_close(&scope);
	PG_RETURN_UUID_P(plan_id);
}

static void
plan_not_found(void)
{
	error_raise(ERROR_NOT_FOUND, NULL, "plan not found");
}

/* Raises CONFLICT if another plan has the name that changes give to this one. */
static void
require_free_name(Datum *values)
{
	static Statement find = {
		"SELECT FROM account.plans p"
		" WHERE p.name OPERATOR(pg_catalog.=) ($2 OPERATOR(pg_catalog.->>) 'name')"
		" AND p.name OPERATOR(pg_catalog.<>) $1",
		2, {TEXTOID, JSONBOID}
	};

	if (query_latest(&find, values, NULL) > 0)
		error_raise(ERROR_CONFLICT, "Choose another name.", "there is already a plan of the new name");
}

/* update_plan(name, changes) */
Datum
account_plan_update_plan(PG_FUNCTION_ARGS)
{
	static Statement update = {
		"UPDATE account.plans p SET"
		" name = CASE WHEN $2 OPERATOR(pg_catalog.?) 'name'"
		" THEN $2 OPERATOR(pg_catalog.->>) 'name' ELSE p.name END,"
		" limits = CASE WHEN $2 OPERATOR(pg_catalog.?) 'limits'"
		" THEN $2 OPERATOR(pg_catalog.->) 'limits' ELSE p.limits END,"
		" features = CASE WHEN $2 OPERATOR(pg_catalog.?) 'features'"
		" THEN $2 OPERATOR(pg_catalog.->) 'features' ELSE p.features END,"
		" updated_at = pg_catalog.now()"
		" WHERE p.name OPERATOR(pg_catalog.=) $1",
		2, {TEXTOID, JSONBOID}
	};
	Validation	validation;
	QueryScope	scope;
	Datum		values[2];

	caller_require_admin("change a plan");
	if (PG_ARGISNULL(0))
		error_raise(ERROR_BAD_REQUEST, NULL, "the name of a plan is required");
	validation_start(&validation);
	changes_check(&validation, PG_GETARG_DATUM(1), PG_ARGISNULL(1), plan_fields, lengthof(plan_fields),
				  CHANGE_BY_ADMIN);
	validation_finish(&validation);

	values[0] = PG_GETARG_DATUM(0);
	values[1] = PG_GETARG_DATUM(1);
	query_open(&scope);
	require_free_name(values);
	if (query_write(&update, values, NULL) == 0)
		plan_not_found();
	query_close(&scope);
	PG_RETURN_VOID();
}

/* ---------------------------------------------------------------------------
 * Subscriptions: who has a plan of its own
 */

/* The account that an account is billed to, as it is now. */
static pg_uuid_t
billed_account(const pg_uuid_t *account_id)
{
	static Statement find = {
		"SELECT a.billed_account_id FROM account.accounts a WHERE a.account_id OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(account_id);
	pg_uuid_t	billed;

	if (query_latest(&find, &value, NULL) != 1 || !query_uuid(0, 1, &billed))
		elog(ERROR, "account %s has no row", tree_uuid_text(account_id));
	return billed;
}

/*
 * Bills to `to` all of a subtree that is billed to `from`.  A path read under the
 * exclusive lock of the tree names the subtree.
 */
static void
repoint(const TreePath *path, const pg_uuid_t *from, const pg_uuid_t *to)
{
	static Statement update = {
		"UPDATE account.accounts SET billed_account_id = $3"
		" WHERE path OPERATOR(pg_catalog.>=) $1"
		" AND path OPERATOR(pg_catalog.<)"
		" ($1 OPERATOR(pg_catalog.||) " TREE_GREATEST_ID ")"
		" AND billed_account_id OPERATOR(pg_catalog.=) $2",
		3, {UUIDARRAYOID, UUIDOID, UUIDOID}
	};
	Datum		values[3] = {tree_path_datum(path), UUIDPGetDatum(from), UUIDPGetDatum(to)};

	query_write(&update, values, NULL);
}

/* The path of an account whose tree is now locked, to change who is billed in it. */
static TreePath *
lock_billing(const pg_uuid_t *account_id)
{
	TreePath   *path = tree_lock(account_id, true);

	if (path == NULL)
		error_raise(ERROR_NOT_FOUND, NULL, "account not found");
	return path;
}

/* Changes the subscription of an account that has one; values as for subscribe(). */
static bool
change_subscription(const Datum *values, const char *nulls)
{
	static Statement update = {
		"UPDATE account.subscriptions SET plan_id = $2, monthly_cost = $3, renewal_date = $4"
		" WHERE account_id OPERATOR(pg_catalog.=) $1",
		4, {UUIDOID, UUIDOID, NUMERICOID, TIMESTAMPTZOID}
	};

	return query_write(&update, values, nulls) > 0;
}

/*
 * Gives an account its first own plan; values: account, plan, cost, renewal.
 * Another may have done so before the lock was had.
 */
static void
subscribe(const Datum *values, const char *nulls)
{
	static Statement insert = {
		"INSERT INTO account.subscriptions (account_id, plan_id, monthly_cost, renewal_date)"
		" VALUES ($1, $2, $3, $4)",
		4, {UUIDOID, UUIDOID, NUMERICOID, TIMESTAMPTZOID}
	};
	pg_uuid_t  *account_id = DatumGetUUIDP(values[0]);
	TreePath   *path = lock_billing(account_id);
	pg_uuid_t	billed;

	if (change_subscription(values, nulls))
		return;
	query_write(&insert, values, nulls);
	billed = billed_account(account_id);
	if (path->depth > 1)
		repoint(path, &billed, account_id);
}

/* Takes an account's own plan away: what it was billed for goes to the account above. */
static void
unsubscribe(const pg_uuid_t *account_id)
{
	static Statement delete = {
		"DELETE FROM account.subscriptions WHERE account_id OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};
	TreePath   *path = lock_billing(account_id);
	Datum		value = UUIDPGetDatum(account_id);
	pg_uuid_t	heir;

	if (query_write(&delete, &value, NULL) == 0 || path->depth == 1)
		return;
	heir = billed_account(&path->ids[path->depth - 2]);
	repoint(path, account_id, &heir);
}

static pg_uuid_t
find_plan(text *name)
{
	static Statement find = {
		"SELECT p.plan_id FROM account.plans p WHERE p.name OPERATOR(pg_catalog.=) $1",
		1, {TEXTOID}
	};
	Datum		value = PointerGetDatum(name);
	pg_uuid_t	plan_id;

	if (query_latest(&find, &value, NULL) == 0 || !query_uuid(0, 1, &plan_id))
		plan_not_found();
	return plan_id;
}

static bool
is_amount(Datum value)
{
	Numeric		amount = DatumGetNumeric(value);

	return !numeric_is_nan(amount) && !numeric_is_inf(amount) &&
		DatumGetBool(DirectFunctionCall2(numeric_ge, value, NumericGetDatum(int64_to_numeric(0))));
}

static void
check_commitment(FunctionCallInfo fcinfo)
{
	bool		inherits = PG_ARGISNULL(1);
	Validation	validation;

	validation_start(&validation);
	if (!PG_ARGISNULL(2))
	{
		if (inherits)
			validation_add(&validation, "monthly_cost", "forbidden", "belongs to a plan", NULL);
		else if (!is_amount(PG_GETARG_DATUM(2)))
			validation_add(&validation, "monthly_cost", "range", "must be a number from 0", NULL);
	}
	if (!PG_ARGISNULL(3))
	{
		if (inherits)
			validation_add(&validation, "renewal_date", "forbidden", "belongs to a plan", NULL);
		else if (TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(3)))
			validation_add(&validation, "renewal_date", "range", "must be a date", NULL);
	}
	validation_finish(&validation);
}

/* set_plan(account_id, plan, monthly_cost, renewal_date) */
Datum
account_plan_set_plan(PG_FUNCTION_ARGS)
{
	QueryScope	scope;

	caller_require_admin("set a plan");
	if (PG_ARGISNULL(0))
		error_raise(ERROR_BAD_REQUEST, NULL, "an account is required");
	check_commitment(fcinfo);

	query_open(&scope);
	if (PG_ARGISNULL(1))
		unsubscribe(PG_GETARG_UUID_P(0));
	else
	{
		pg_uuid_t	plan_id = find_plan(PG_GETARG_TEXT_PP(1));
		Datum		values[4] = {PG_GETARG_DATUM(0), UUIDPGetDatum(&plan_id), PG_GETARG_DATUM(2), PG_GETARG_DATUM(3)};
		char		nulls[4] = {' ', ' ', PG_ARGISNULL(2) ? 'n' : ' ', PG_ARGISNULL(3) ? 'n' : ' '};

		if (!change_subscription(values, nulls))
			subscribe(values, nulls);
	}
	query_close(&scope);
	PG_RETURN_VOID();
}

/* ---------------------------------------------------------------------------
 * The effective plan
 */

/* effective_plan(account_id) */
Datum
account_plan_effective_plan(PG_FUNCTION_ARGS)
{
	/* $2 is the caller's own account, NULL for administrators. */
	static Statement find = {
		"SELECT p.name::pg_catalog.text,"
		" CASE WHEN seen THEN s.account_id END,"
		" CASE WHEN seen THEN s.monthly_cost END,"
		" CASE WHEN seen THEN s.renewal_date END,"
		" p.limits, p.features"
		" FROM account.accounts a"
		" JOIN account.subscriptions s ON s.account_id OPERATOR(pg_catalog.=) a.billed_account_id"
		" JOIN account.plans p ON p.plan_id OPERATOR(pg_catalog.=) s.plan_id"
		" CROSS JOIN LATERAL (SELECT COALESCE(s.account_id OPERATOR(pg_catalog.=) $2, true) AS seen) v"
		" WHERE a.account_id OPERATOR(pg_catalog.=) $1",
		2, {UUIDOID, UUIDOID}
	};
	Target		target;
	pg_uuid_t	caller;
	QueryScope	scope;
	static RowType row_type;
	Datum		values[6];
	bool		nulls[6] = {true, true, true, true, true, true};

	caller_target(NULL, PG_ARGISNULL(0) ? NULL : PG_GETARG_UUID_P(0),
					SCOPE_OWN | SCOPE_DESCENDANTS | SCOPE_ADMIN, &target);

	if (!target.as_admin)
		caller = identity_current()->account_id;
	values[0] = UUIDPGetDatum(&target.account_id);
	values[1] = UUIDPGetDatum(&caller);
	query_open(&scope);
	if (query_read(&find, values, target.as_admin ? " n" : NULL) > 0)
	{
		for (int i = 0; i < lengthof(values); i++)
			values[i] = query_datum(&scope, 0, i + 1, &nulls[i]);
	}
	query_close(&scope);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(schema_row_type(fcinfo, &row_type), values, nulls)));
}

/*
 * Reads one thing from the effective plan of the account that the caller names,
 * as STABLE functions do: find takes the account and a key, arguments 1 and 0.
 */
static Datum
read_plan(FunctionCallInfo fcinfo, Statement *find, const char *missing)
{
	Target		target;
	QueryScope	scope;
	Datum		values[2];
	Datum		result = (Datum) 0;

	fcinfo->isnull = true;
	caller_target(NULL, PG_ARGISNULL(1) ? NULL : PG_GETARG_UUID_P(1),
					SCOPE_OWN | SCOPE_DESCENDANTS | SCOPE_ADMIN, &target);
	if (PG_ARGISNULL(0))
		error_raise(ERROR_BAD_REQUEST, NULL, "%s", missing);

	values[0] = UUIDPGetDatum(&target.account_id);
	values[1] = PG_GETARG_DATUM(0);
	query_open(&scope);
	if (query_read(find, values, NULL) > 0)
		result = query_datum(&scope, 0, 1, &fcinfo->isnull);
	query_close(&scope);
	return result;
}

/* A JSON number is read through numeric: 1e3 and 5.0 are whole numbers too. */
#define LIMIT_NUMBER \
	"COALESCE(l.value OPERATOR(pg_catalog.->>) 'tree', l.value OPERATOR(pg_catalog.#>>) '{}')" \
	"::pg_catalog.numeric::pg_catalog.int8"

/* The limit $2 of the plan that account $1 is billed under. */
#define FROM_LIMIT \
	" FROM account.accounts a" \
	" JOIN account.subscriptions s ON s.account_id OPERATOR(pg_catalog.=) a.billed_account_id" \
	" JOIN account.plans p ON p.plan_id OPERATOR(pg_catalog.=) s.plan_id" \
	" CROSS JOIN LATERAL (SELECT p.limits OPERATOR(pg_catalog.->) $2 AS value) l" \
	" WHERE a.account_id OPERATOR(pg_catalog.=) $1 AND l.value IS NOT NULL"

/* plan_limit(resource, account_id) */
Datum
account_plan_plan_limit(PG_FUNCTION_ARGS)
{
	static Statement find = {
		"SELECT " LIMIT_NUMBER FROM_LIMIT,
		2, {UUIDOID, TEXTOID}
	};

	return read_plan(fcinfo, &find, "the name of a resource is required");
}

/* plan_feature(feature, account_id) */
Datum
account_plan_plan_feature(PG_FUNCTION_ARGS)
{
	static Statement find = {
		"SELECT p.features OPERATOR(pg_catalog.->) $2"
		" FROM account.accounts a"
		" JOIN account.subscriptions s ON s.account_id OPERATOR(pg_catalog.=) a.billed_account_id"
		" JOIN account.plans p ON p.plan_id OPERATOR(pg_catalog.=) s.plan_id"
		" WHERE a.account_id OPERATOR(pg_catalog.=) $1",
		2, {UUIDOID, TEXTOID}
	};

	return read_plan(fcinfo, &find, "the name of a feature is required");
}

/* ---------------------------------------------------------------------------
 * Limits
 */

/*
 * How a resource is counted: in_account takes an account, in_tree the holder of
 * a plan, for all that are billed to it; both stop at $2.
 */
typedef struct Counted
{
	const char *resource;
	Statement		in_account;
	Statement		in_tree;
} Counted;

/* The accounts that are billed to the holder of a plan, itself among them, as b. */
#define FROM_BILLED \
	" FROM account.accounts h" \
	" JOIN account.accounts b ON b.path OPERATOR(pg_catalog.>=) h.path" \
	" AND b.path OPERATOR(pg_catalog.<)" \
	" (h.path OPERATOR(pg_catalog.||) " TREE_GREATEST_ID ")" \
	" AND b.billed_account_id OPERATOR(pg_catalog.=) $1"

/* Counts rows r of a table that have an account and are of a kind. */
#define COUNTED(resource, relation, kind) \
	{ \
		resource, \
		{ \
			"SELECT pg_catalog.count(*) FROM (SELECT FROM " relation " r" \
			" WHERE r.account_id OPERATOR(pg_catalog.=) $1 AND " kind " LIMIT $2) c", \
			2, {UUIDOID, INT8OID} \
		}, \
		{ \
			"SELECT pg_catalog.count(*) FROM (SELECT" FROM_BILLED \
			" JOIN " relation " r ON r.account_id OPERATOR(pg_catalog.=) b.account_id" \
			" WHERE h.account_id OPERATOR(pg_catalog.=) $1 AND " kind " LIMIT $2) c", \
			2, {UUIDOID, INT8OID} \
		} \
	}

/* A key that is neither revoked nor replaced nor over. */
#define LIVE_KEY \
	"NOT EXISTS (SELECT FROM account.credentials e" \
	" WHERE e.credential_id OPERATOR(pg_catalog.=) r.api_key_id" \
	" AND CASE WHEN e.entry OPERATOR(pg_catalog.=) 0 OR e.kind OPERATOR(pg_catalog.=) 'e'" \
	" THEN e.ends_at OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp()" \
	" ELSE e.kind OPERATOR(pg_catalog.<>) 'w' AND e.kind OPERATOR(pg_catalog.<>) 'n' END)"

static Counted counted[] = {
	{
		"sub_accounts",
		{
			"SELECT pg_catalog.count(*) FROM (SELECT FROM account.accounts a"
			" WHERE a.parent_account_id OPERATOR(pg_catalog.=) $1 LIMIT $2) c",
			2, {UUIDOID, INT8OID}
		},
		{
			"SELECT pg_catalog.count(*) FROM (SELECT FROM account.accounts h"
			" JOIN account.accounts a ON a.path OPERATOR(pg_catalog.>) h.path"
			" AND a.path OPERATOR(pg_catalog.<)"
			" (h.path OPERATOR(pg_catalog.||) " TREE_GREATEST_ID ")"
			" WHERE h.account_id OPERATOR(pg_catalog.=) $1"
			" AND a.billed_account_id OPERATOR(pg_catalog.=) $1 LIMIT $2) c",
			2, {UUIDOID, INT8OID}
		}
	},
	COUNTED("api_keys", "account.keys", LIVE_KEY),
	COUNTED("service_accounts", "account.profiles",
			"r.kind OPERATOR(pg_catalog.=) 'service_account' AND NOT r.system AND r.deleted_at IS NULL"),
	COUNTED("members", "account.profiles",
			"r.kind OPERATOR(pg_catalog.=) 'user' AND r.deleted_at IS NULL"
			" AND NOT EXISTS (SELECT FROM account.user_memberships s"
			" WHERE s.profile_id OPERATOR(pg_catalog.=) r.profile_id"
			" AND s.expires_at OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp())"),
	COUNTED("workspaces", "account.workspaces",
			"NOT EXISTS (SELECT FROM account.holds s WHERE s.subject_id OPERATOR(pg_catalog.=) r.workspace_id"
			" AND s.kind OPERATOR(pg_catalog.=) 'a')"),
};

static Counted *
find_counted(const char *resource)
{
	for (int i = 0; i < lengthof(counted); i++)
	{
		if (strcmp(counted[i].resource, resource) == 0)
			return &counted[i];
	}
	return NULL;
}

bool
plan_counts(const char *resource)
{
	return find_counted(resource) != NULL;
}

static bool
find_limit(const char *resource, const pg_uuid_t *account_id, PlanLimit *limit)
{
	static Statement find = {
		"SELECT " LIMIT_NUMBER ","
		" pg_catalog.jsonb_typeof(l.value) OPERATOR(pg_catalog.=) 'object',"
		" s.account_id" FROM_LIMIT,
		2, {UUIDOID, TEXTOID}
	};
	Datum		values[2] = {UUIDPGetDatum(account_id), CStringGetTextDatum(resource)};

	if (query_latest(&find, values, NULL) == 0)
		return false;
	limit->number = query_int64(0, 1);
	limit->in_tree = query_bool(0, 2);
	limit->counted_for = *account_id;
	if (limit->in_tree)
		(void) query_uuid(0, 3, &limit->counted_for);
	return true;
}

void
plan_refuse(const char *resource, const PlanLimit *limit, bool own, int64 used, int64 more)
{
	error_raise(ERROR_MAX_RESOURCES_REACHED, NULL,
				"the plan allows " INT64_FORMAT " %s %s: " INT64_FORMAT " in use%s, " INT64_FORMAT " more wanted",
				limit->number, resource, limit->in_tree ? "in all that are billed to it" : "for each account",
				used, own ? " by the account itself" : "", more);
}

/* Counts up to a number of a resource; between query_open() and query_close(). */
static int64
count_up_to(Counted *how, const pg_uuid_t *account_id, bool in_tree, int64 most)
{
	Datum		values[2] = {UUIDPGetDatum(account_id), Int64GetDatum(most)};

	query_latest(in_tree ? &how->in_tree : &how->in_account, values, NULL);
	return query_int64(0, 1);
}

int64
plan_use(const char *resource, const pg_uuid_t *account_id, bool in_tree)
{
	QueryScope	scope;
	int64		used;

	query_open(&scope);
	used = count_up_to(find_counted(resource), account_id, in_tree, PG_INT64_MAX);
	query_close(&scope);
	return used;
}

/* Of a tree only its holder is told what others use. */
static void
refuse(Counted *how, const PlanLimit *limit, const pg_uuid_t *account_id)
{
	const Identity *identity = identity_current();
	bool		own = limit->in_tree && identity != NULL &&
		memcmp(&identity->account_id, &limit->counted_for, UUID_LEN) != 0;

	plan_refuse(how->resource, limit, own,
				count_up_to(how, own ? account_id : &limit->counted_for, limit->in_tree && !own, PG_INT64_MAX), 1);
}

void
plan_require_room(const char *resource, const pg_uuid_t *account_id)
{
	Counted    *how = find_counted(resource);
	QueryScope	scope;
	PlanLimit	limit;

	if (how == NULL)
		elog(ERROR, "resource \"%s\" cannot be counted", resource);

	query_open(&scope);
	if (find_limit(resource, account_id, &limit))
	{
		tree_lock_limit(&limit.counted_for, resource);
		if (count_up_to(how, &limit.counted_for, limit.in_tree, limit.number) >= limit.number)
			refuse(how, &limit, account_id);
	}
	query_close(&scope);
}
