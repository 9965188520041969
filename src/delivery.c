/*
 * delivery.c
 *	  Sending events: claims, what has come of them, and trying again.
 *
 * A sender claims deliveries, sends them, and records what they were answered with.  A claim
 * is a lease: it sets due_at to its end and delivery_id to a new id, so that a sender that is
 * killed loses nothing, and one that is late finds that its id does not count any more.
 *
 * An account is sent its events one after another, in order of turn: what is claimed is the
 * first of an account that is not over, once it is settled (ticket.c).  A claim goes through
 * those that are due.  One that is not the first of its account is put aside (due_at is
 * infinity), so that each is looked at once and not at each claim; who finishes one brings
 * back the next.  It is put aside under a lock on one before it, which finishing takes, too,
 * so that none is put aside and forgotten.
 *
 * No lock is waited for by a claim, and of others only those of claims, which are short: no
 * tenant has a lock on an event that is under way, or put aside.
 */
#include "account.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#define CLAIM_MAX 1000
#define LEASE_MIN "1 second"
#define LEASE_MAX "1 hour"
#define RETRY_AFTER_MAX "1 day"
#define UNSIGNED_DELAY (5 * SECS_PER_MINUTE)
#define BUSY_DELAY SECS_PER_MINUTE	/* at least, where the receiver has too much to do */

/* After how many seconds what has failed is tried again: the example of Standard Webhooks. */
static const int delays[] = {
	5, 5 * SECS_PER_MINUTE, 30 * SECS_PER_MINUTE, 2 * SECS_PER_HOUR, 5 * SECS_PER_HOUR, 10 * SECS_PER_HOUR,
	14 * SECS_PER_HOUR, 20 * SECS_PER_HOUR, 24 * SECS_PER_HOUR
};

#define ATTEMPTS_MAX (lengthof(delays) + 1)

PG_FUNCTION_INFO_V1(account_delivery_claim_webhook_deliveries);
PG_FUNCTION_INFO_V1(account_delivery_record_webhook_delivery);

/* An event that is not over. */
typedef struct Delivery
{
	pg_uuid_t	event_id;
	pg_uuid_t	account_id;
	int64		turn;
	TimestampTz due_at;
	TimestampTz queued_at;
	int			attempts;
	char	   *body;
	char	   *url;			/* of one that is claimed, as all below */
	pg_uuid_t	delivery_id;
	text	   *signature;		/* NULL if it cannot be signed now */
} Delivery;

/* Raises FORBIDDEN unless the caller is one that sends, without an identity. */
static void
require_sender(void)
{
	if (identity_attempted() || !access_has_level(GetUserId(), "level_sender"))
		error_raise(ERROR_FORBIDDEN, NULL, "only senders may send webhooks");
	/* Locks and snapshots alternate. */
	if (IsolationUsesXactSnapshot())
		error_raise(ERROR_BAD_REQUEST, NULL, "webhooks are sent at isolation level read committed alone");
}

static TimestampTz
plus_seconds(TimestampTz at, int64 seconds)
{
	return at + seconds * USECS_PER_SEC;
}

/* ---------------------------------------------------------------------------
 * Steps of a delivery, between query_open() and query_close()
 */

static void
finish(const Delivery *delivery, const char *outcome, TimestampTz now, bool stops)
{
	static Statement update = {
		"UPDATE account.events SET outcome = $2, finished_at = $3, stops = $4, delivery_id = NULL"
		" WHERE event_id OPERATOR(pg_catalog.=) $1",
		4, {UUIDOID, TEXTOID, TIMESTAMPTZOID, BOOLOID}
	};
	Datum		values[4] = {
		UUIDPGetDatum(&delivery->event_id), CStringGetTextDatum(outcome), TimestampTzGetDatum(now),
		BoolGetDatum(stops)
	};

	query_write(&update, values, NULL);
	event_wake(&delivery->account_id, now);
}

/* Whether another of its account comes before it. */
static bool
has_predecessor(const Delivery *delivery)
{
	static Statement find = {
		"SELECT FROM account.events p WHERE p.account_id OPERATOR(pg_catalog.=) $1 AND p.finished_at IS NULL"
		" AND p.turn OPERATOR(pg_catalog.<) $2 LIMIT 1",
		2, {UUIDOID, INT8OID}
	};
	Datum		values[2] = {UUIDPGetDatum(&delivery->account_id), Int64GetDatum(delivery->turn)};

	return query_latest(&find, values, NULL) > 0;
}

/* Puts one aside that is not the first, unless all before it are locked: then it stays due. */
static void
put_aside(const Delivery *delivery)
{
	static Statement lock = {
		"SELECT FROM account.events p WHERE p.account_id OPERATOR(pg_catalog.=) $1 AND p.finished_at IS NULL"
		" AND p.turn OPERATOR(pg_catalog.<) $2 ORDER BY p.turn LIMIT 1 FOR UPDATE SKIP LOCKED",
		2, {UUIDOID, INT8OID}
	};
	static Statement update = {
		"UPDATE account.events SET due_at = 'infinity' WHERE event_id OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};
	Datum		values[2] = {UUIDPGetDatum(&delivery->account_id), Int64GetDatum(delivery->turn)};
	Datum		event_id = UUIDPGetDatum(&delivery->event_id);

	if (query_write(&lock, values, NULL) > 0)
		query_write(&update, &event_id, NULL);
}

/* ---------------------------------------------------------------------------
 * Claims
 */

/*
 * Locks and reads up to max events that are due and settled, those after another (by due_at
 * and turn) alone, as Delivery *.
 */
static List *
read_due(const QueryScope *scope, TimestampTz now, const Delivery *after, int max)
{
	static Statement find = {
		"SELECT e.event_id, e.account_id, e.turn, e.due_at, e.queued_at, e.attempts, e.body FROM account.events e"
		" WHERE e.finished_at IS NULL AND e.due_at OPERATOR(pg_catalog.<=) $1"
		" AND ROW(e.due_at, e.turn) OPERATOR(pg_catalog.>) ROW($2, $3) AND account.turn_is_settled(e.horizon)"
		" ORDER BY e.due_at, e.turn LIMIT $4 FOR UPDATE SKIP LOCKED",
		4, {TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, INT8OID}
	};
	Datum		values[4] = {
		TimestampTzGetDatum(now), TimestampTzGetDatum(after->due_at), Int64GetDatum(after->turn), Int64GetDatum(max)
	};
	uint64		rows = query_write(&find, values, NULL);
	MemoryContext old = MemoryContextSwitchTo(scope->caller);
	List	   *result = NIL;

	for (uint64 row = 0; row < rows; row++)
	{
		Delivery   *delivery = palloc0(sizeof(Delivery));
		bool		isnull;

		(void) query_uuid(row, 1, &delivery->event_id);
		(void) query_uuid(row, 2, &delivery->account_id);
		delivery->turn = query_int64(row, 3);
		delivery->due_at = DatumGetTimestampTz(query_datum(scope, row, 4, &isnull));
		delivery->queued_at = DatumGetTimestampTz(query_datum(scope, row, 5, &isnull));
		delivery->attempts = DatumGetInt32(query_datum(scope, row, 6, &isnull));
		delivery->body = query_string(scope, row, 7);
		result = lappend(result, delivery);
	}
	MemoryContextSwitchTo(old);
	return result;
}

/* Decides about one that is due and locked: whether it is to be sent now. */
static bool
consider(const QueryScope *scope, Delivery *delivery, TimestampTz now)
{
	if (has_predecessor(delivery))
	{
		put_aside(delivery);
		return false;
	}
	if (delivery->attempts >= ATTEMPTS_MAX || delivery->queued_at < event_oldest(now))
	{
		finish(delivery, "dead", now, false);
		return false;
	}
	delivery->url = event_find_url(scope, &delivery->account_id);
	if (delivery->url == NULL)
		event_drop_all(&delivery->account_id, now);
	return delivery->url != NULL;
}

/* Finds and locks up to max deliveries, as Delivery *. */
static List *
choose(int max, TimestampTz now)
{
	List	   *chosen = NIL;
	List	   *due;
	ListCell   *cell;
	Delivery	last;
	QueryScope	scope;

	memset(&last, 0, sizeof(last));
	last.due_at = DT_NOBEGIN;
	query_open(&scope);
	while (list_length(chosen) < max &&
		   (due = read_due(&scope, now, &last, max - list_length(chosen))) != NIL)
	{
		foreach(cell, due)
		{
			last = *(Delivery *) lfirst(cell);
			if (consider(&scope, lfirst(cell), now))
			{
				MemoryContext old = MemoryContextSwitchTo(scope.caller);

				chosen = lappend(chosen, lfirst(cell));
				MemoryContextSwitchTo(old);
			}
		}
	}
	query_close(&scope);
	return chosen;
}

static void
sign(Delivery *delivery, TimestampTz now)
{
	SignedMessage message;

	memset(&message, 0, sizeof(message));
	message.id = tree_uuid_text(&delivery->event_id);
	message.id_length = strlen(message.id);
	snprintf(message.sent_at, sizeof(message.sent_at), INT64_FORMAT, (now - SetEpochTimestamp()) / USECS_PER_SEC);
	message.payload = delivery->body;
	message.payload_length = strlen(delivery->body);
	signature_use_utf8(&message);
	delivery->signature = webhook_sign(&delivery->account_id, &message);
}

/*
 * The same; where that fails, for want of a key, it is said in the server's log, and others
 * are sent all the same.
 */
static void
sign_safely(Delivery *delivery, TimestampTz now)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		sign(delivery, now);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (error_code_of(error->sqlerrcode) != ERROR_INTERNAL_SERVER_ERROR)
			PG_RE_THROW();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		delivery->signature = NULL;
		ereport(LOG, (errmsg("could not sign webhooks of account %s: %s",
							 tree_uuid_text(&delivery->account_id), error->message)));
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
}

/* Leases one that is signed; one that is not waits. Between query_open() and query_close(). */
static void
lease(Delivery *delivery, TimestampTz now, TimestampTz until)
{
	static Statement update = {
		"UPDATE account.events SET due_at = $2, attempts = $3, delivery_id = $4, attempted_at = $5, url = $6"
		" WHERE event_id OPERATOR(pg_catalog.=) $1",
		6, {UUIDOID, TIMESTAMPTZOID, INT4OID, UUIDOID, TIMESTAMPTZOID, TEXTOID}
	};
	static Statement wait = {
		"UPDATE account.events SET due_at = $2, delivery_id = NULL WHERE event_id OPERATOR(pg_catalog.=) $1",
		2, {UUIDOID, TIMESTAMPTZOID}
	};
	Datum		values[6] = {UUIDPGetDatum(&delivery->event_id)};

	if (delivery->signature == NULL)
	{
		values[1] = TimestampTzGetDatum(plus_seconds(now, UNSIGNED_DELAY));
		query_write(&wait, values, NULL);
		return;
	}
	token_random_uuid(&delivery->delivery_id);
	delivery->attempts++;
	values[1] = TimestampTzGetDatum(until);
	values[2] = Int32GetDatum(delivery->attempts);
	values[3] = UUIDPGetDatum(&delivery->delivery_id);
	values[4] = TimestampTzGetDatum(now);
	values[5] = CStringGetTextDatum(delivery->url);
	query_write(&update, values, NULL);
}

static Datum
headers_of(const Delivery *delivery, TimestampTz now)
{
	char	   *json = psprintf("{\"content-type\": \"application/json\", \"webhook-id\": \"%s\","
								" \"webhook-timestamp\": \"" INT64_FORMAT "\", \"webhook-signature\": \"%s\"}",
								tree_uuid_text(&delivery->event_id), (now - SetEpochTimestamp()) / USECS_PER_SEC,
								text_to_cstring(delivery->signature));

	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json));
}

static void
return_deliveries(FunctionCallInfo fcinfo, List *deliveries, TimestampTz now)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *cell;

	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, deliveries)
	{
		Delivery   *delivery = lfirst(cell);
		Datum		values[5];
		bool		nulls[5] = {false};

		if (delivery->signature == NULL)
			continue;
		values[0] = UUIDPGetDatum(&delivery->delivery_id);
		values[1] = CStringGetTextDatum(delivery->url);
		values[2] = headers_of(delivery, now);
		values[3] = CStringGetTextDatum(delivery->body);
		values[4] = Int32GetDatum(delivery->attempts);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

int
delivery_count(Validation *validation, FunctionCallInfo fcinfo, int max)
{
	int			count = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT32(0);

	if (count < 1 || count > max)
		validation_add(validation, "max_count", PG_ARGISNULL(0) ? "required" : "out_of_range",
					   psprintf("max_count must be from 1 to %d", max), NULL);
	return count;
}

/* claim_webhook_deliveries(max_count, lease) */
Datum
account_delivery_claim_webhook_deliveries(PG_FUNCTION_ARGS)
{
	Interval   *length = changes_interval_argument(fcinfo, 1);
	TimestampTz now = GetCurrentTimestamp();
	Validation	validation;
	QueryScope	scope;
	List	   *chosen;
	ListCell   *cell;
	int			max;

	require_sender();
	validation_start(&validation);
	max = delivery_count(&validation, fcinfo, CLAIM_MAX);
	if (length == NULL || !changes_interval_between(length, LEASE_MIN, true, LEASE_MAX))
		validation_add(&validation, "lease", length == NULL ? "required" : "out_of_range",
					   "lease must be from " LEASE_MIN " to " LEASE_MAX, NULL);
	validation_finish(&validation);

	chosen = choose(max, now);
	foreach(cell, chosen)
		sign_safely(lfirst(cell), now);
	query_open(&scope);
	foreach(cell, chosen)
		lease(lfirst(cell), now, changes_plus_interval(now, length));
	query_close(&scope);
	return_deliveries(fcinfo, chosen, now);
	return (Datum) 0;
}

/* ---------------------------------------------------------------------------
 * What has come of a delivery
 */

/* Locks and reads the event that an attempt is of; false if the attempt does not count any more. */
static bool
find_attempt(const QueryScope *scope, const pg_uuid_t *delivery_id, Delivery *delivery)
{
	static Statement find = {
		"SELECT e.event_id, e.account_id, e.attempts FROM account.events e"
		" WHERE e.delivery_id OPERATOR(pg_catalog.=) $1 FOR UPDATE",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(delivery_id);
	bool		isnull;

	if (query_write(&find, &value, NULL) == 0)
		return false;
	(void) query_uuid(0, 1, &delivery->event_id);
	(void) query_uuid(0, 2, &delivery->account_id);
	delivery->attempts = DatumGetInt32(query_datum(scope, 0, 3, &isnull));
	return true;
}

static void
note_answer(const Delivery *delivery, int http_status)
{
	static Statement update = {
		"UPDATE account.events SET http_status = $2 WHERE event_id OPERATOR(pg_catalog.=) $1",
		2, {UUIDOID, INT4OID}
	};
	Datum		values[2] = {UUIDPGetDatum(&delivery->event_id), Int32GetDatum(http_status)};

	query_write(&update, values, http_status == 0 ? " n" : NULL);
}

/* When to try again: as the schedule has it and up to a fifth later, and not before the receiver wants it. */
static TimestampTz
next_attempt(const Delivery *delivery, int http_status, const Interval *retry_after, TimestampTz now)
{
	int64		seconds = delays[delivery->attempts - 1];
	TimestampTz due_at;

	if ((http_status == 429 || http_status >= 502) && seconds < BUSY_DELAY)
		seconds = BUSY_DELAY;
	due_at = plus_seconds(now, seconds) +
		(TimestampTz) (pg_prng_double(&pg_global_prng_state) * seconds * USECS_PER_SEC / 5);
	return retry_after != NULL ? Max(due_at, changes_plus_interval(now, retry_after)) : due_at;
}

static void
try_again(const Delivery *delivery, TimestampTz due_at)
{
	static Statement update = {
		"UPDATE account.events SET due_at = $2, delivery_id = NULL WHERE event_id OPERATOR(pg_catalog.=) $1",
		2, {UUIDOID, TIMESTAMPTZOID}
	};
	Datum		values[2] = {UUIDPGetDatum(&delivery->event_id), TimestampTzGetDatum(due_at)};

	query_write(&update, values, NULL);
}

/* record_webhook_delivery(delivery_id, http_status, retry_after) */
Datum
account_delivery_record_webhook_delivery(PG_FUNCTION_ARGS)
{
	int			http_status = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT32(1);
	Interval   *retry_after = changes_interval_argument(fcinfo, 2);
	TimestampTz now = GetCurrentTimestamp();
	Validation	validation;
	Delivery	delivery;
	QueryScope	scope;
	bool		found;

	require_sender();
	validation_start(&validation);
	if (PG_ARGISNULL(0))
		validation_add(&validation, "delivery_id", "required", "a delivery is required", NULL);
	if (!PG_ARGISNULL(1) && (http_status < 100 || http_status > 599))
		validation_add(&validation, "http_status", "out_of_range", "http_status must be from 100 to 599",
					   "NULL where there was no answer.");
	if (retry_after != NULL && !changes_interval_between(retry_after, "0", true, RETRY_AFTER_MAX))
		validation_add(&validation, "retry_after", "out_of_range",
					   "retry_after must be from 0 to " RETRY_AFTER_MAX, NULL);
	validation_finish(&validation);

	memset(&delivery, 0, sizeof(delivery));
	query_open(&scope);
	found = find_attempt(&scope, PG_GETARG_UUID_P(0), &delivery);
	if (found)
	{
		note_answer(&delivery, http_status);
		if (http_status >= 200 && http_status <= 299)
			finish(&delivery, "delivered", now, false);
		else if (http_status == 410 || delivery.attempts >= ATTEMPTS_MAX)
			finish(&delivery, "dead", now, http_status == 410);
		else
			try_again(&delivery, next_attempt(&delivery, http_status, retry_after, now));
	}
	query_close(&scope);
	PG_RETURN_BOOL(found);
}
