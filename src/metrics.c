/*
 * metrics.c
 *	  What is counted, told: view account_stats, and openmetrics() for who watches the server.
 *
 * An account sees what it does itself, and nobody sees what those below it do.  openmetrics()
 * tells what all of them do together: an account is never a label, so that there are as many
 * lines whatever accounts there are, and none tells who is a customer.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

#include <math.h>

PG_FUNCTION_INFO_V1(account_metrics_readable_stats_accounts);
PG_FUNCTION_INFO_V1(account_metrics_readable_stats);
PG_FUNCTION_INFO_V1(account_metrics_openmetrics);

/* ---------------------------------------------------------------------------
 * For an account
 */

/* readable_stats_accounts() */
Datum
account_metrics_readable_stats_accounts(PG_FUNCTION_ARGS)
{
	static Statement all = {"SELECT a.account_id FROM account.accounts a WHERE a.deleted_at IS NULL", 0};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const Identity *identity = identity_current();
	pg_uuid_t	account_id;
	Datum		value = UUIDPGetDatum(&account_id);
	bool		isnull = false;
	QueryScope	scope;
	uint64		rows;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (identity != NULL && identity->has_account)
	{
		account_id = identity->account_id;
		tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
	}
	if (identity != NULL || !caller_is_admin())
		return (Datum) 0;
	query_open(&scope);
	rows = query_read(&all, NULL, NULL);
	for (uint64 row = 0; row < rows; row++)
	{
		isnull = !query_uuid(row, 1, &account_id);
		tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
	}
	query_close(&scope);
	return (Datum) 0;
}

/* When a key of an account was last used, as is known without any counting; 0 never. */
static TimestampTz
last_use(const pg_uuid_t *account_id)
{
	static Statement find = {
		"SELECT pg_catalog.max(u.used_at) FROM account.keys k"
		" JOIN account.uses u ON u.credential_id OPERATOR(pg_catalog.=) k.api_key_id"
		" WHERE k.account_id OPERATOR(pg_catalog.=) $1 AND u.used_at OPERATOR(pg_catalog.>) '-infinity'",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(account_id);
	QueryScope	scope;
	TimestampTz used_at;

	query_open(&scope);
	query_latest(&find, &value, NULL);
	used_at = query_int64(0, 1);
	query_close(&scope);
	return used_at;
}

/* The refusals as a JSON object of codes, those that there were. */
static Datum
refusals_datum(const int64 *counts)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	for (int i = 1; i < STATS_COUNTERS; i++)
	{
		if (counts[i] == 0)
			continue;
		appendStringInfoString(&json, json.len > 1 ? ", " : "");
		escape_json(&json, stats_counter_name(i));
		appendStringInfo(&json, ": " INT64_FORMAT, counts[i]);
	}
	appendStringInfoChar(&json, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

/* readable_stats(account_id) */
Datum
account_metrics_readable_stats(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Target		target;
	Stats		reading;
	Datum		values[5];
	bool		nulls[5] = {false};
	bool		counting = stats_is_counting();
	bool		counted = counting;
	int64		refusals = 0;

	caller_target(NULL, PG_GETARG_UUID_P(0), SCOPE_OWN | SCOPE_ADMIN, &target);
	InitMaterializedSRF(fcinfo, 0);
	stats_read(&target.account_id, &reading);
	for (int i = 0; i < STATS_COUNTERS; i++)
	{
		counted = counted || reading.counts[i] != 0;
		refusals += i == STATS_AUTHENTICATIONS ? 0 : reading.counts[i];
	}
	reading.seen_at = Max(reading.seen_at, last_use(&target.account_id));
	values[0] = Int64GetDatum(reading.counts[STATS_AUTHENTICATIONS]);
	values[1] = Int64GetDatum(refusals);
	values[2] = refusals_datum(reading.counts);
	values[3] = Float8GetDatum(rint(reading.rate * 10) / 10);
	values[4] = TimestampTzGetDatum(reading.seen_at);
	nulls[0] = nulls[1] = nulls[2] = !counted;
	nulls[3] = !counting;
	nulls[4] = reading.seen_at == 0;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	return (Datum) 0;
}

/* ---------------------------------------------------------------------------
 * For who watches the server: the text format of OpenMetrics 1.0
 */

/* Begins the samples of a metric; unit is NULL where it has none. */
static void
begin_metric(StringInfo text, const char *name, const char *type, const char *unit, const char *help)
{
	appendStringInfo(text, "# TYPE account_%s %s\n", name, type);
	if (unit != NULL)
		appendStringInfo(text, "# UNIT account_%s %s\n", name, unit);
	appendStringInfo(text, "# HELP account_%s %s\n", name, help);
}

static void
append_label(StringInfo text, const char *name, const char *value)
{
	appendStringInfo(text, "%s=\"", name);
	for (const char *c = value; *c != '\0'; c++)
	{
		if (*c == '\n')
			appendStringInfoString(text, "\\n");
		else
		{
			if (*c == '\\' || *c == '"')
				appendStringInfoChar(text, '\\');
			appendStringInfoChar(text, *c);
		}
	}
	appendStringInfoChar(text, '"');
}

/* A sample of the metric; label is NULL where it has none. */
static void
append_sample(StringInfo text, const char *name, const char *label, const char *value, int64 number)
{
	appendStringInfo(text, "account_%s", name);
	if (label != NULL)
	{
		appendStringInfoChar(text, '{');
		append_label(text, label, value);
		appendStringInfoChar(text, '}');
	}
	appendStringInfo(text, " " INT64_FORMAT "\n", number);
}

static void
append_build(StringInfo text)
{
	begin_metric(text, "build", "info", NULL, "The extension and its database.");
	appendStringInfoString(text, "account_build_info{");
	append_label(text, "version", ACCOUNT_VERSION);
	appendStringInfoChar(text, ',');
	append_label(text, "database", NameStr(*DatumGetName(DirectFunctionCall1(current_database, (Datum) 0))));
	appendStringInfoString(text, "} 1\n");
}

static void
append_counters(StringInfo text)
{
	int64		counts[STATS_COUNTERS];

	stats_read_totals(counts);
	begin_metric(text, "authentications", "counter", NULL, "Transactions that have had an identity.");
	append_sample(text, "authentications_total", NULL, NULL, counts[STATS_AUTHENTICATIONS]);
	begin_metric(text, "refusals", "counter", NULL, "What was refused, by the code of the error.");
	for (int i = 0; i < STATS_COUNTERS; i++)
	{
		if (i != STATS_AUTHENTICATIONS)
			append_sample(text, "refusals_total", "code", stats_counter_name(i), counts[i]);
	}
}

static void
append_recorder(StringInfo text)
{
	int64		rounds;
	int64		failures;
	int64		lost;

	begin_metric(text, "recorder_running", "gauge", NULL, "Whether the recorder of this database runs.");
	append_sample(text, "recorder_running", NULL, NULL, recorder_is_running() ? 1 : 0);
	recorder_rounds(&rounds, &failures);
	begin_metric(text, "recorder_rounds", "counter", NULL, "Rounds of the recorder since the server started.");
	append_sample(text, "recorder_rounds_total", NULL, NULL, rounds);
	begin_metric(text, "recorder_failures", "counter", NULL, "Tasks that have failed in them.");
	append_sample(text, "recorder_failures_total", NULL, NULL, failures);
	begin_metric(text, "evictions", "counter", NULL,
				 "What was lost in shared memory for want of room since the server started, in all databases.");
	for (const Sets *sets = sets_next(NULL); sets != NULL; sets = sets_next(sets))
		append_sample(text, "evictions_total", "memory", sets_name(sets), sets_evicted(sets));
	if (traffic_lost(&lost))
		append_sample(text, "evictions_total", "memory", "account_requests", lost);
}

/* How much waits in a table, and for how long; the two statements give that. */
static void
append_queue(StringInfo text, const char *what, const char *help, Statement *query)
{
	char	   *age = psprintf("%s_age_seconds", what);
	int64		count;
	int64		seconds;
	QueryScope	scope;

	query_open(&scope);
	query_latest(query, NULL, NULL);
	count = query_int64(0, 1);
	seconds = query_int64(0, 2);
	query_close(&scope);
	begin_metric(text, what, "gauge", NULL, help);
	append_sample(text, what, NULL, NULL, count);
	begin_metric(text, age, "gauge", "seconds", "How long the first of these has waited.");
	append_sample(text, age, NULL, NULL, seconds);
}

#define SECONDS_SINCE_FIRST(column) \
	"COALESCE(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) pg_catalog.min(" column ")), 0)::pg_catalog.int8"

/* openmetrics() */
Datum
account_metrics_openmetrics(PG_FUNCTION_ARGS)
{
	static Statement entries = {
		"SELECT pg_catalog.count(*), " SECONDS_SINCE_FIRST("p.at") " FROM account.audit_pending p", 0
	};
	static Statement events = {
		"SELECT pg_catalog.count(*), " SECONDS_SINCE_FIRST("e.created_at")
		" FROM account.events e WHERE e.finished_at IS NULL", 0
	};
	StringInfoData text;

	caller_require_admin("read metrics");
	initStringInfo(&text);
	append_build(&text);
	append_counters(&text);
	append_recorder(&text);
	append_queue(&text, "audit_pending", "Entries of the audit log that are not yet in a chain.", &entries);
	append_queue(&text, "events_waiting", "Webhooks that are not yet delivered, nor given up.", &events);
	appendStringInfoString(&text, "# EOF\n");
	PG_RETURN_TEXT_P(cstring_to_text_with_len(text.data, text.len));
}
