/*
 * rate.c
 *	  How many requests of an account are let in: the limit requests_per_minute.
 *
 * A request is a transaction with an identity.  authenticate() counts it, by key or
 * session, once however often it is called; authenticate_session() counts when it is
 * called, and not the transactions that follow.  An application's act_as() is the platform's
 * own doing and is not counted, nor is a session's user without an account.  Nothing is
 * counted while no plan names the limit, or without shared_preload_libraries.
 *
 * Where the limit is n, two buckets count a request.  That of the account, or, where the
 * plan says {"tree": n}, of the plan's holder and all that are billed to it, holds n tokens
 * and regains n a minute.  That of the line, which is a key with those that have replaced
 * it, or a user, holds a share: a tenth of n, but ten if that is less, and n if n is.
 *
 *	the account's bucket has	then
 *	more than a share			one token of it is taken
 *	at most a share				one token of it and one of the line's, if the line has one
 *	none						the same, for who may revoke keys; nobody else gets in
 *
 * So one line alone has all n.  When it has used them up, what the account regains is for
 * the most part there for the other lines, until it is more than a share again; and whatever
 * all of them use up, each owner gets in as often as his share.  What owners take beyond zero
 * is owed by the account, at most n: in the long run all have n together, unless the owners'
 * shares alone are more.  Nobody but who has the same line can keep an owner out who comes to
 * revoke a key.
 *
 * The buckets are in shared memory (sets.c); one that is not there is full.  They work on a
 * standby, which counts by itself, and start anew with the server.
 *
 * The limit of an account is what limit.c keeps in the session.  That is not asked while no
 * plan names one, which the session keeps too: a trigger of account.plans sends a relcache
 * invalidation of it, on which the plans are looked through again.
 *
 * While no plan names the limit, a request costs the look at two variables.  Whoever is
 * refused has cost no more than the look-up of his credential, and nothing is written.
 */
#include "account.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define MINUTE ((int64) SECS_PER_MINUTE * USECS_PER_SEC)
#define TOKEN MINUTE			/* a token: one a minute regains one of it in a microsecond */
#define RATE_MAX INT64CONST(1000000000) /* beyond, arithmetic would overflow */
#define SHARE_PART 10			/* of the limit */
#define SHARE_MIN 10			/* tokens */

#define ANUM_PLANS_LIMITS 3		/* schema_catalog() has checked the version */

/* What is hashed to find a bucket; no byte of it is left over. */
typedef struct BucketName
{
	Oid			database;
	uint32		kind;			/* 'a' account, 't' all that are billed to one, 'l' line */
	pg_uuid_t	account_id;
	pg_uuid_t	line_id;		/* zero but for a line */
} BucketName;

typedef struct Bucket
{
	SetsEntry	head;
	int64		level;			/* when it was touched; TOKENs, negative where they are owed */
} Bucket;

static Sets *buckets = NULL;	/* if the library was not preloaded */

/* Whether a plan names the limit. */
static bool plan_names_it = false;
static bool plans_known = false;
static uint64 invalidations = 0;
static Oid	plans_relation = InvalidOid;	/* that was or is being looked through */

PG_FUNCTION_INFO_V1(account_rate_forget_plans);
PG_FUNCTION_INFO_V1(account_rate_evicted_rate_buckets);

/* ---------------------------------------------------------------------------
 * Whether a plan names the limit
 */

static bool
names_it(Datum limits)
{
	JsonbValue	value;

	return getKeyJsonValueFromContainer(&DatumGetJsonbP(limits)->root, RATE_LIMIT_NAME,
										strlen(RATE_LIMIT_NAME), &value) != NULL;
}

static bool
look_through(Relation plans)
{
	TupleTableSlot *slot = table_slot_create(plans, NULL);
	TableScanDesc scan = table_beginscan(plans, SnapshotSelf, 0, NULL);
	bool		found = false;
	bool		isnull;

	while (!found && table_scan_getnextslot(scan, ForwardScanDirection, slot))
		found = names_it(slot_getattr(slot, ANUM_PLANS_LIMITS, &isnull));
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	return found;
}

/* Of a plan that is being updated no version may be seen; then the invalidation is still to come. */
static void
learn_plans(void)
{
	Relation	plans = table_open(schema_catalog()->plans, AccessShareLock);
	uint64		before;

	plans_relation = RelationGetRelid(plans);
	do
	{
		before = invalidations;
		plan_names_it = look_through(plans);
	} while (before != invalidations);
	plans_known = true;
	table_close(plans, AccessShareLock);
}

static void
forget_plans(Datum argument, Oid relation)
{
	if (relation == InvalidOid || relation == plans_relation)
	{
		invalidations++;
		plans_known = false;
	}
}

/* Says so where a plan names the limit and nothing comes of it. */
static void
warn_unless_enforced(Relation plans, HeapTuple plan)
{
	bool		isnull;
	Datum		limits = heap_getattr(plan, ANUM_PLANS_LIMITS, RelationGetDescr(plans), &isnull);

	if (buckets == NULL && !isnull && names_it(limits))
		ereport(WARNING,
				(errmsg("the limit " RATE_LIMIT_NAME " is not enforced"),
				 errhint("Add account to shared_preload_libraries."),
				 errhidestmt(true)));
}

/* Trigger of account.plans, for each row and for TRUNCATE. */
Datum
account_rate_forget_plans(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		error_raise(ERROR_FORBIDDEN, NULL, "forget_plans() is a trigger");
	CacheInvalidateRelcacheByRelid(RelationGetRelid(trigger->tg_relation));
	if (TRIGGER_FIRED_FOR_ROW(trigger->tg_event) && !TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
		warn_unless_enforced(trigger->tg_relation, TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ?
							 trigger->tg_newtuple : trigger->tg_trigtuple);
	return PointerGetDatum(NULL);
}

/* ---------------------------------------------------------------------------
 * Buckets
 */

/* Brings a bucket that was touched before up to now. */
static void
refill(Bucket *bucket, int64 size, TimestampTz now)
{
	int64		passed = now - bucket->head.touched_at;

	if (passed > 0)
		bucket->level += size * Min(passed, 2 * MINUTE);
	/* Others may have been here just after now; a clock that was set back is none of that. */
	if (passed > 0 || passed < -MINUTE)
		bucket->head.touched_at = now;
	bucket->level = Min(bucket->level, size * TOKEN);
}

/* Whether a bucket may differ from a full one: in two minutes whatever was owed is there again. */
static bool
is_needed(const void *entry, TimestampTz now)
{
	return now - ((const SetsEntry *) entry)->touched_at < 2 * MINUTE;
}

/* Takes a token of a bucket if at least so much is left then.  Returns what was there before. */
static int64
take(const BucketName *name, int64 size, int64 least, TimestampTz now)
{
	Bucket	   *bucket = sets_acquire(buckets, name, sizeof(*name), true, now);
	int64		level;

	if (sets_was_made(buckets))
		bucket->level = size * TOKEN;
	else
		refill(bucket, size, now);
	level = bucket->level;
	if (level - TOKEN >= least)
		bucket->level = Max(level - TOKEN, -size * TOKEN);
	sets_release(buckets);
	return level;
}

/* In how many microseconds a bucket has so many tokens. */
static int64
time_until(int64 level, int64 size, int64 tokens)
{
	int64		missing = tokens * TOKEN - level;

	return missing <= 0 ? 0 : (missing + size - 1) / size;
}

/* Counts a request; returns after how many seconds it is to be tried again, 0 if it is let in. */
static int
count_request(const PlanLimit *plan, const Identity *identity, const pg_uuid_t *line_id)
{
	int64		limit = Min(plan->number, RATE_MAX);
	int64		share = Max(limit / SHARE_PART, Min(limit, SHARE_MIN));
	BucketName	account = {MyDatabaseId, plan->in_tree ? 't' : 'a', plan->counted_for};
	BucketName	line = {MyDatabaseId, 'l', identity->account_id, *line_id};
	TimestampTz now = GetCurrentTimestamp();
	int64		level = take(&account, limit, share * TOKEN, now);
	int64		line_level;
	int64		wait;
	bool		owner;

	if (level >= (share + 1) * TOKEN)
		return 0;
	owner = identity_has(identity, "manage:api_keys", NULL, NULL);
	/* Where the account has none for him, it is only asked what the line has. */
	line_level = take(&line, share, owner || level >= TOKEN ? 0 : PG_INT64_MAX, now);
	if (line_level >= TOKEN && (owner || level >= TOKEN))
	{
		level = take(&account, limit, owner ? PG_INT64_MIN : 0, now);
		if (owner || level >= TOKEN)
			return 0;
	}
	wait = time_until(line_level, share, 1);
	if (!owner)
		wait = Max(wait, time_until(level, limit, 1));
	if (share < limit)
		wait = Min(wait, time_until(level, limit, share + 1));
	return (int) ((Max(wait, 1) + USECS_PER_SEC - 1) / USECS_PER_SEC);
}

/* Asked by identity.c before a credential is the identity of a transaction. */
static int
admit(const Identity *identity, const pg_uuid_t *line_id)
{
	PlanLimit	plan;

	if (!plans_known)
		learn_plans();
	if (!plan_names_it || !identity->has_account ||
		!limit_find(RATE_LIMIT_NAME, &identity->account_id, &plan))
		return 0;
	return count_request(&plan, identity, line_id);
}

/* evicted_rate_buckets() */
Datum
account_rate_evicted_rate_buckets(PG_FUNCTION_ARGS)
{
	caller_require_admin("see how requests are counted");
	if (!sets_ready(buckets))
		PG_RETURN_NULL();
	PG_RETURN_INT64(sets_evicted(buckets));
}

void
rate_init(void)
{
	CacheRegisterRelcacheCallback(forget_plans, (Datum) 0);
	buckets = sets_define("account_rates", sizeof(Bucket), setting_rate_buckets);
	if (buckets == NULL)
		return;
	sets_count_needed(buckets, is_needed);
	identity_admission = admit;
}
