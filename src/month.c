/*
 * month.c
 *	  The partitions of account.audit_entries: one for each month of sealed_at.
 *
 * The sealing makes them, this month's and the next, so that they are no members of the
 * extension: a dump has them with their rows, their keys and indexes, as any table, and a
 * restore attaches them to the table that CREATE EXTENSION has made.  For that, this table must
 * have no key and no index of its own.  Attaching, unlike CREATE TABLE ... PARTITION OF, keeps
 * nobody from reading and writing the others.  Months begin and end in UTC, whatever
 * TimeZone is.
 */
#include "account.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

/* The first instant of a month, which may be the thirteenth. */
static TimestampTz
begin_of(int year, int month)
{
	int			days = date2j(year + (month - 1) / 12, (month - 1) % 12 + 1, 1) - POSTGRES_EPOCH_JDATE;

	return days * USECS_PER_DAY;
}

/* The year and the month of a point in time. */
static void
split(TimestampTz at, int *year, int *month)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (timestamp2tm(at, NULL, &tm, &fsec, NULL, NULL) != 0)
		elog(ERROR, "a point in time is out of range");
	*year = tm.tm_year;
	*month = tm.tm_mon;
}

TimestampTz
month_next(TimestampTz at)
{
	int			year;
	int			month;

	split(at, &year, &month);
	return begin_of(year, month + 1);
}

pg_attribute_printf(1, 2)
static void
execute(const char *format,...)
{
	va_list		arguments;
	char		statement[1024];
	int			result;

	va_start(arguments, format);
	vsnprintf(statement, sizeof(statement), format, arguments);
	va_end(arguments);
	result = SPI_execute(statement, false, 0);
	if (result < 0)
		elog(ERROR, "could not run \"%s\": %s", statement, SPI_result_code_string(result));
}

/* Takes back what ALTER DEFAULT PRIVILEGES has given away. */
static void
revoke_all(const char *name, Oid relation)
{
	static Statement find = {
		"SELECT DISTINCT a.grantee, pg_catalog.pg_get_userbyid(a.grantee)"
		" FROM pg_catalog.pg_class c CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) a"
		" WHERE c.oid OPERATOR(pg_catalog.=) $1 AND a.grantee OPERATOR(pg_catalog.<>) c.relowner",
		1, {OIDOID}
	};
	Datum		value = ObjectIdGetDatum(relation);
	uint64		rows = query_latest(&find, &value, NULL);
	const char **grantees = palloc(sizeof(char *) * rows);

	for (uint64 row = 0; row < rows; row++)
	{
		char	   *role = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 2);

		grantees[row] = OidIsValid(query_oid(row, 1)) ? quote_identifier(role) : "PUBLIC";
	}
	for (uint64 row = 0; row < rows; row++)
		execute("REVOKE ALL ON TABLE account.%s FROM %s CASCADE", name, grantees[row]);
}

/* Makes the partition of a month. */
static void
make(const char *name, int year, int month, Oid namespace_id)
{
	execute("CREATE TABLE account.%s (LIKE account.audit_entries INCLUDING DEFAULTS INCLUDING CONSTRAINTS"
			" INCLUDING COMMENTS, CONSTRAINT %s_pkey PRIMARY KEY (account_key, position))", name, name);
	execute("COMMENT ON TABLE account.%s IS 'Entries of the audit log that were sealed in %04d-%02d, UTC."
			" No role has a grant on it.'", name, year, month);
	execute("CREATE INDEX %s_account_id_idx ON account.%s (account_id, at, entry_id)", name, name);
	execute("CREATE INDEX %s_from_account_id_idx ON account.%s (from_account_id, at, entry_id)"
			" WHERE from_account_id IS NOT NULL", name, name);
	execute("ALTER TABLE account.%s ENABLE ROW LEVEL SECURITY", name);
	/* Triggers for each row come with being attached, and no others. */
	execute("CREATE TRIGGER audit_entries_keep_all BEFORE TRUNCATE ON account.%s"
			" FOR EACH STATEMENT EXECUTE FUNCTION account.keep_audit()", name);
	execute("ALTER TABLE account.%s ENABLE ALWAYS TRIGGER audit_entries_keep_all", name);
	revoke_all(name, get_relname_relid(name, namespace_id));
	execute("ALTER TABLE account.audit_entries ATTACH PARTITION account.%s FOR VALUES"
			" FROM ('%04d-%02d-01 00:00:00+00') TO ('%04d-%02d-01 00:00:00+00')",
			name, year, month, year + month / 12, month % 12 + 1);
}

void
month_prepare(TimestampTz at)
{
	Oid			namespace_id = schema_catalog()->namespace_id;
	char		name[NAMEDATALEN];
	int			year;
	int			month;
	int			nest_level;

	split(at, &year, &month);
	snprintf(name, sizeof(name), "audit_entries_%04d_%02d", year, month);
	if (OidIsValid(get_relname_relid(name, namespace_id)))
		return;
	/* What the caller has set for tables of his own is not meant for ours. */
	nest_level = NewGUCNestLevel();
	(void) set_config_option("default_tablespace", "", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("default_table_access_method", "heap", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("client_min_messages", "warning", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	make(name, year, month, namespace_id);
	AtEOXact_GUC(true, nest_level);
}

List *
month_list(TimestampTz until)
{
	Relation	entries = table_open(get_relname_relid("audit_entries", schema_catalog()->namespace_id), NoLock);
	PartitionDesc descriptor = RelationGetPartitionDesc(entries, true);
	PartitionBoundInfo bounds = descriptor->boundinfo;
	List	   *months = NIL;

	/* indexes[i] is the partition that ends at datums[i], if there is one. */
	for (int i = 0; descriptor->nparts > 0 && i < bounds->ndatums; i++)
	{
		Month	   *month;

		if (bounds->indexes[i] < 0 || bounds->kind[i][0] != PARTITION_RANGE_DATUM_VALUE ||
			DatumGetTimestampTz(bounds->datums[i][0]) > until)
			continue;
		month = palloc(sizeof(Month));
		month->relation = descriptor->oids[bounds->indexes[i]];
		month->name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(month->relation)),
												 get_rel_name(month->relation));
		month->from = i > 0 && bounds->kind[i - 1][0] == PARTITION_RANGE_DATUM_VALUE ?
			DatumGetTimestampTz(bounds->datums[i - 1][0]) : DT_NOBEGIN;
		month->until = DatumGetTimestampTz(bounds->datums[i][0]);
		months = lappend(months, month);
	}
	table_close(entries, NoLock);
	return months;
}
