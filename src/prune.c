/*
 * prune.c
 *	  Dropping months of the audit log.
 *
 * What is kept of each chain begins then at a later position, and its head says which mac was before
 * that: so it is verified as before.  The table is locked against being read for as long as
 * the transaction lasts: entries are written meanwhile, and sealed after it.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(account_prune_prune_audit);

/* Runs a query about a month; all that is committed by now counts. */
static uint64
ask(Statement *query, const Month *month)
{
	Datum		values[2] = {TimestampTzGetDatum(month->from), TimestampTzGetDatum(month->until)};

	return query_latest(query, values, NULL);
}

/* Has the chains begin after a month. */
static void
move_beginnings(const QueryScope *scope, const Month *month)
{
	static Statement find = {
		"SELECT " HEAD_COLUMNS ", l.position, l.mac FROM (SELECT DISTINCT ON (e.account_key) e.account_key, e.position, e.mac"
		" FROM account.audit_entries e WHERE e.sealed_at OPERATOR(pg_catalog.>=) $1 AND e.sealed_at OPERATOR(pg_catalog.<) $2"
		" ORDER BY e.account_key, e.position DESC) l"
		" JOIN account.audit_heads h ON h.account_key OPERATOR(pg_catalog.=) l.account_key",
		2, {TIMESTAMPTZOID, TIMESTAMPTZOID}, true
	};
	bool		any_keyed = head_any_keyed();
	uint64		rows;
	List	   *changes = NIL;

	rows = ask(&find, month);
	for (uint64 row = 0; row < rows; row++)
	{
		HeadChange *change = palloc(sizeof(HeadChange));
		int64		last = query_int64(row, 9);
		bool		isnull;
		bool		unknown;
		bytea	   *mac = DatumGetByteaPP(query_datum(scope, row, 10, &isnull));

		head_read(scope, row, 1, &change->head);
		change->sound = head_holds(&change->head, any_keyed, &unknown);
		if (last < change->head.first_position || VARSIZE_ANY_EXHDR(mac) != CHAIN_MAC_LENGTH)
			continue;
		change->head.first_position = last + 1;
		memcpy(change->head.first_mac, VARDATA_ANY(mac), CHAIN_MAC_LENGTH);
		changes = lappend(changes, change);
	}
	if (changes != NIL)
		head_write(changes);
}

/* How many entries a month has. */
static int64
count_entries(const Month *month)
{
	static Statement count = {
		"SELECT pg_catalog.count(*) FROM account.audit_entries e"
		" WHERE e.sealed_at OPERATOR(pg_catalog.>=) $1 AND e.sealed_at OPERATOR(pg_catalog.<) $2",
		2, {TIMESTAMPTZOID, TIMESTAMPTZOID}, true
	};

	(void) ask(&count, month);
	return query_int64(0, 1);
}

/* The entry that says what was done. */
static void
note(TimestampTz before, int months, int64 entries)
{
	char		text[MAXDATELEN + 1];
	const int	utc = 0;

	JsonEncodeDateTime(text, TimestampTzGetDatum(before), TIMESTAMPTZOID, &utc);
	audit_note("audit.pruned", "audit", NULL, NULL,
			   psprintf("{\"before\": \"%s\", \"months\": %d, \"entries\": " INT64_FORMAT "}", text, months, entries));
}

/* Drops the months that end until then; returns how many entries they had. */
static int64
drop_months(TimestampTz before, int *months)
{
	int64		entries = 0;
	QueryScope	scope;
	List	   *ended;
	ListCell   *cell;

	query_open(&scope);
	LockRelationOid(get_relname_relid("audit_entries", schema_catalog()->namespace_id), AccessExclusiveLock);
	ended = month_list(before);
	foreach(cell, ended)
	{
		Month	   *month = lfirst(cell);

		entries += count_entries(month);
		move_beginnings(&scope, month);
		if (SPI_execute(psprintf("DROP TABLE %s", month->name), false, 0) < 0)
			elog(ERROR, "could not drop a month of the audit log");
	}
	*months = list_length(ended);
	query_close(&scope);
	return entries;
}

/* prune_audit(before) */
Datum
account_prune_prune_audit(PG_FUNCTION_ARGS)
{
	TimestampTz before = PG_ARGISNULL(0) ? DT_NOBEGIN : PG_GETARG_TIMESTAMPTZ(0);
	Validation	validation;
	int64		entries;
	int			months;

	caller_require_admin("prune the audit log");
	validation_start(&validation);
	if (TIMESTAMP_NOT_FINITE(before) || before > GetCurrentTimestamp())
		validation_add(&validation, "before", PG_ARGISNULL(0) ? "required" : "out_of_range",
					   "before must be a point in time in the past", NULL);
	validation_finish(&validation);
	tree_lock_id(&(pg_uuid_t) {{0}}, LOCK_CLASS_AUDIT, ExclusiveLock);
	entries = drop_months(before, &months);
	if (months > 0)
		note(before, months, entries);
	PG_RETURN_INT64(entries);
}
