/*
 * limit.c
 *	  What the effective plan of an account allows of a resource.
 *
 * Asked for at every insert into a table with a quota, so each session keeps what it
 * has read, also that there is no limit.  Plans, subscriptions and the place of an account
 * change seldom, by administrators: a trigger of their tables sends a relcache
 * invalidation of account.subscriptions, on which all is forgotten.  An account that is not
 * there is not kept: it may come.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#define ENTRIES_MAX 10000

typedef struct LimitEntry
{
	LimitKey	key;			/* hash key */
	bool		exists;
	PlanLimit		limit;
} LimitEntry;

static HTAB *limits = NULL;
static Oid	signal_relation = InvalidOid;
static uint64 invalidations = 0;
static bool stale = true;

PG_FUNCTION_INFO_V1(account_limit_forget_limits);

static void
forget_limits(Datum argument, Oid relation)
{
	if (relation == InvalidOid || relation == signal_relation)
	{
		invalidations++;
		stale = true;
	}
}

uint64
limit_epoch(void)
{
	return invalidations;
}

LimitKey
limit_key(const char *resource, const pg_uuid_t *account_id)
{
	LimitKey	key;

	memset(&key, 0, sizeof(key));
	key.account_id = *account_id;
	strlcpy(key.resource, resource, sizeof(key.resource));
	return key;
}

/* An empty cache, if what is in it may not hold any more. */
static void
begin_cache(void)
{
	HASHCTL		control = {.keysize = sizeof(LimitKey),.entrysize = sizeof(LimitEntry),.hcxt = TopMemoryContext};

	if (limits != NULL && !stale && hash_get_num_entries(limits) < ENTRIES_MAX)
		return;
	if (limits != NULL)
	{
		HTAB	   *old = limits;

		limits = NULL;
		hash_destroy(old);
	}
	signal_relation = get_relname_relid("subscriptions", schema_catalog()->namespace_id);
	limits = hash_create("account limits", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	stale = false;
}

/* Reads the limit that is committed now, or made by this transaction; false if there is no such account. */
static bool
read_limit(const LimitKey *key, LimitEntry *entry)
{
	static Statement find = {
		"SELECT l.number, l.in_tree, a.billed_account_id"
		" FROM account.accounts a"
		" LEFT JOIN (account.subscriptions s"
		" JOIN account.plans p ON p.plan_id OPERATOR(pg_catalog.=) s.plan_id)"
		" ON s.account_id OPERATOR(pg_catalog.=) a.billed_account_id"
		" LEFT JOIN LATERAL (SELECT"
		" COALESCE(v.value OPERATOR(pg_catalog.->>) 'tree', v.value OPERATOR(pg_catalog.#>>) '{}')"
		"::pg_catalog.numeric::pg_catalog.int8 AS number,"
		" pg_catalog.jsonb_typeof(v.value) OPERATOR(pg_catalog.=) 'object' AS in_tree"
		" FROM (SELECT p.limits OPERATOR(pg_catalog.->) $2 AS value) v WHERE v.value IS NOT NULL) l ON true"
		" WHERE a.account_id OPERATOR(pg_catalog.=) $1",
		2, {UUIDOID, TEXTOID}
	};
	Datum		values[2] = {UUIDPGetDatum(&key->account_id), CStringGetTextDatum(key->resource)};
	QueryScope	scope;
	bool		found;
	bool		isnull;

	query_open(&scope);
	found = query_latest(&find, values, NULL) > 0;
	if (found)
	{
		Datum		number = query_datum(&scope, 0, 1, &isnull);

		entry->exists = !isnull;
		entry->limit.number = isnull ? 0 : DatumGetInt64(number);
		entry->limit.in_tree = query_bool(0, 2);
		entry->limit.counted_for = key->account_id;
		if (entry->limit.in_tree)
			(void) query_uuid(0, 3, &entry->limit.counted_for);
	}
	query_close(&scope);
	return found;
}

bool
limit_find(const char *resource, const pg_uuid_t *account_id, PlanLimit *limit)
{
	LimitKey	key = limit_key(resource, account_id);
	LimitEntry *entry;
	LimitEntry	read;
	uint64		before;
	bool		found;

	begin_cache();
	entry = hash_search(limits, &key, HASH_FIND, NULL);
	if (entry == NULL)
	{
		before = invalidations;
		if (!read_limit(&key, &read))
			return false;
		*limit = read.limit;
		if (before != invalidations)
			return read.exists;
		entry = hash_search(limits, &key, HASH_ENTER, &found);
		entry->exists = read.exists;
		entry->limit = read.limit;
	}
	*limit = entry->limit;
	return entry->exists;
}

/* The trigger of the tables that limits are read from. */
Datum
account_limit_forget_limits(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("forget_limits() must be called as a trigger")));
	CacheInvalidateRelcacheByRelid(get_relname_relid("subscriptions", schema_catalog()->namespace_id));
	return PointerGetDatum(NULL);
}

void
limit_init(void)
{
	CacheRegisterRelcacheCallback(forget_limits, (Datum) 0);
}
