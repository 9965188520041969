/*
 * usage.c
 *	  What accounts use of what their plans limit: what view quota_usage calls.
 *
 * Whoever sees an account sees what it uses.  What all that are billed to a holder use together is
 * told in the holder's own line, which nobody below sees.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(account_usage_readable_usage_accounts);
PG_FUNCTION_INFO_V1(account_usage_readable_usage);

/* readable_usage_accounts() */
Datum
account_usage_readable_usage_accounts(PG_FUNCTION_ARGS)
{
	return caller_return_accounts(fcinfo, "");
}

/* The names of all that is to be told of an account: what is counted here, limited or in use. */
static List *
list_resources(const pg_uuid_t *account_id)
{
	static Statement find = {
		"SELECT r.resource"
		" FROM pg_catalog.unnest('{sub_accounts,api_keys,service_accounts,members,workspaces}'::pg_catalog.text[]) r (resource)"
		" UNION"
		" SELECT l.resource"
		" FROM account.accounts a"
		" JOIN account.subscriptions s ON s.account_id OPERATOR(pg_catalog.=) a.billed_account_id"
		" JOIN account.plans p ON p.plan_id OPERATOR(pg_catalog.=) s.plan_id"
		" CROSS JOIN LATERAL pg_catalog.jsonb_object_keys(p.limits) l (resource)"
		" WHERE a.account_id OPERATOR(pg_catalog.=) $1"
		" UNION"
		" SELECT c.resource FROM account.quota_counts c"
		" WHERE c.account_id OPERATOR(pg_catalog.=) $1 AND c.table_id::pg_catalog.oid OPERATOR(pg_catalog.<>) '0'::pg_catalog.oid",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(account_id);
	List	   *resources = NIL;
	QueryScope	scope;
	uint64		rows;

	query_open(&scope);
	rows = query_latest(&find, &value, NULL);
	for (uint64 row = 0; row < rows; row++)
	{
		char	   *resource = query_string(&scope, row, 1);
		MemoryContext old = MemoryContextSwitchTo(scope.caller);

		resources = lappend(resources, resource);
		MemoryContextSwitchTo(old);
	}
	query_close(&scope);
	return resources;
}

static int64
use_of(const char *resource, const pg_uuid_t *account_id, bool in_tree)
{
	if (plan_counts(resource))
		return plan_use(resource, account_id, in_tree);
	return in_tree ? tally_of_tree(account_id, resource) : tally_of_account(account_id, resource, false, NULL);
}

/* readable_usage(account_id) */
Datum
account_usage_readable_usage(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Target		target;
	ListCell   *cell;

	caller_target(NULL, PG_GETARG_UUID_P(0), SCOPE_OWN | SCOPE_DESCENDANTS | SCOPE_ADMIN, &target);
	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, list_resources(&target.account_id))
	{
		const char *resource = lfirst(cell);
		PlanLimit	limit;
		bool		limited = limit_find(resource, &target.account_id, &limit);
		bool		in_tree = limited && limit.in_tree;
		bool		holds = in_tree && memcmp(&limit.counted_for, &target.account_id, UUID_LEN) == 0;
		Datum		values[5];
		bool		nulls[5] = {false, false, false, !holds, !limited};

		values[0] = CStringGetTextDatum(resource);
		values[1] = CStringGetTextDatum(in_tree ? "tree" : "account");
		values[2] = Int64GetDatum(use_of(resource, &target.account_id, false));
		values[3] = Int64GetDatum(holds ? use_of(resource, &target.account_id, true) : 0);
		values[4] = Int64GetDatum(limited ? limit.number : 0);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
