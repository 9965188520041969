/*
 * redelivery.c
 *	  Events that are to be sent once more, and those that are kept no longer.
 *
 * What is sent again comes after all others of its account, under a turn of its own.  Nothing
 * is locked here that a sender waits for (delivery.c).
 */
#include "account.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#define CLEAN_MAX 100000
#define CLEAN_INTERVAL (60 * 1000)	/* milliseconds */

PG_FUNCTION_INFO_V1(account_redelivery_redeliver_webhook);
PG_FUNCTION_INFO_V1(account_redelivery_clean_webhook_deliveries);

/* The account of an event; false if there is none. */
static bool
find_account(const pg_uuid_t *event_id, pg_uuid_t *account_id)
{
	static Statement find = {
		"SELECT e.account_id FROM account.events e WHERE e.event_id OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(event_id);
	QueryScope	scope;
	bool		found;

	query_open(&scope);
	found = query_latest(&find, &value, NULL) > 0 && query_uuid(0, 1, account_id);
	query_close(&scope);
	return found;
}

/*
 * Asks for an event that is over to be delivered again, after all others of its account, or
 * for the next attempt to be now.  One that is under way or put aside is left alone: what
 * others would wait for is not locked.
 */
static void
queue_again(const pg_uuid_t *event_id)
{
	static Statement again = {
		"UPDATE account.events SET turn = $2, horizon = $3, queued_at = $4, due_at = $4, attempts = 0,"
		" outcome = NULL, finished_at = NULL"
		" WHERE event_id OPERATOR(pg_catalog.=) $1 AND finished_at IS NOT NULL",
		4, {UUIDOID, INT8OID, XID8OID, TIMESTAMPTZOID}
	};
	static Statement now = {
		"UPDATE account.events SET due_at = $2"
		" WHERE event_id OPERATOR(pg_catalog.=) (SELECT e.event_id FROM account.events e"
		" WHERE e.event_id OPERATOR(pg_catalog.=) $1 AND e.finished_at IS NULL AND e.delivery_id IS NULL"
		" AND e.due_at OPERATOR(pg_catalog.<) 'infinity' FOR UPDATE SKIP LOCKED)",
		2, {UUIDOID, TIMESTAMPTZOID}
	};
	TimestampTz queued_at = GetCurrentTimestamp();
	int64		turn;
	uint64		horizon;
	Datum		values[4];

	ticket_draw(&turn, &horizon);
	values[0] = UUIDPGetDatum(event_id);
	values[1] = Int64GetDatum(turn);
	values[2] = FullTransactionIdGetDatum(FullTransactionIdFromU64(horizon));
	values[3] = TimestampTzGetDatum(queued_at);
	if (query_write(&again, values, NULL) > 0)
		return;
	values[1] = TimestampTzGetDatum(queued_at);
	query_write(&now, values, NULL);
}

/* redeliver_webhook(event_id) */
Datum
account_redelivery_redeliver_webhook(PG_FUNCTION_ARGS)
{
	pg_uuid_t	account_id;
	bool		found = !PG_ARGISNULL(0) && find_account(PG_GETARG_UUID_P(0), &account_id);
	Target		target;
	QueryScope	scope;

	caller_target_of("manage:webhooks", found, &account_id, "webhook delivery", &target);
	if (!target.own && !target.as_admin)
		error_raise(ERROR_NOT_FOUND, NULL, "webhook delivery not found");
	hold_require_writable(&target.account_id, target.path);
	event_resume(&account_id);
	query_open(&scope);
	queue_again(PG_GETARG_UUID_P(0));
	query_close(&scope);
	audit_note("webhook.redelivered", "webhook", PG_GETARG_UUID_P(0), &account_id, NULL);
	event_notify();
	PG_RETURN_VOID();
}

/* Deletes up to max events that were queued too long ago, the oldest first, and returns how many. */
static int64
clean(int max)
{
	static Statement delete = {
		"DELETE FROM account.events WHERE event_id OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT e.event_id"
		" FROM account.events e WHERE e.queued_at OPERATOR(pg_catalog.<) $1 ORDER BY e.queued_at LIMIT $2"
		" FOR UPDATE SKIP LOCKED)) RETURNING account_id, finished_at IS NULL",
		2, {TIMESTAMPTZOID, INT8OID}
	};
	TimestampTz now = GetCurrentTimestamp();
	Datum		values[2] = {TimestampTzGetDatum(event_oldest(now)), Int64GetDatum(max)};
	QueryScope	scope;
	uint64		rows;
	pg_uuid_t  *accounts;
	int			naccounts = 0;

	query_open(&scope);
	rows = query_write(&delete, values, NULL);
	accounts = palloc(sizeof(pg_uuid_t) * (rows + 1));
	for (uint64 row = 0; row < rows; row++)
	{
		if (query_bool(row, 2))
			(void) query_uuid(row, 1, &accounts[naccounts++]);
	}
	for (int i = 0; i < naccounts; i++)
	{
		if (i == 0 || memcmp(&accounts[i], &accounts[i - 1], UUID_LEN) != 0)
			event_wake(&accounts[i], now);
	}
	query_close(&scope);
	return rows;
}

/* clean_webhook_deliveries(max_count) */
Datum
account_redelivery_clean_webhook_deliveries(PG_FUNCTION_ARGS)
{
	Validation	validation;
	int			max;

	caller_require_admin("delete webhook deliveries");
	validation_start(&validation);
	max = delivery_count(&validation, fcinfo, CLEAN_MAX);
	validation_finish(&validation);
	if (IsolationUsesXactSnapshot())
		error_raise(ERROR_BAD_REQUEST, NULL, "webhook deliveries are deleted at isolation level read committed alone");
	PG_RETURN_INT64(clean(max));
}

static void
clean_some(void)
{
	(void) clean(CLEAN_MAX / 10);
}

void
redelivery_init(void)
{
	recorder_register("webhook deliveries", CLEAN_INTERVAL, clean_some);
}
