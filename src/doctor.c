/*
 * doctor.c
 *	  What is wrong, or could be: one query for each check, on the catalogs.
 *
 * The lists of checks are in the parts above; here they are run.  Nothing is planned or
 * run on a user's table, and no view of a user's is expanded: that would take locks.
 * Most checks run as the caller, for the catalogs are open to everybody; the others are
 * elevated.  All run with a search_path that has the server's own schema alone, so that
 * names and operators in them need no schema.
 */
#include "account.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#define ACCEPTED_MAX "100 years"
#define REASON_MAX_CHARACTERS 2000

PG_FUNCTION_INFO_V1(account_doctor_doctor);
PG_FUNCTION_INFO_V1(account_doctor_list_checks);
PG_FUNCTION_INFO_V1(account_doctor_accept_finding);
PG_FUNCTION_INFO_V1(account_doctor_reopen_finding);

static const char *const severities[] = {
	[SEVERITY_INFO] = "info",
	[SEVERITY_WARNING] = "warning",
	[SEVERITY_ERROR] = "error",
};

static const Check *const lists[] = {
	confinement_checks, exposure_checks, privilege_checks, drift_checks, upkeep_checks
};

/* ---------------------------------------------------------------------------
 * The tables that a check may name
 */

/* Relations of users: no system's, no extension's, no temporary ones. */
#define RELATIONS \
	"relation AS (SELECT c.oid, c.relname, c.relkind AS kind, c.relowner AS owner, c.relacl AS acl," \
	" c.relnamespace AS namespace, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name," \
	" pg_catalog.format('SET LOCAL ROLE %I; ', o.rolname) AS as_owner, o.rolname AS owner_name," \
	" o.rolsuper OR o.rolbypassrls AS owner_bypasses, c.relrowsecurity AS enabled," \
	" c.relforcerowsecurity AS forced, c.relispartition AS is_partition, c.reloptions AS options" \
	" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles o ON o.oid = c.relowner" \
	" WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'account', 'account_api')" \
	" AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid" \
	" AND e.deptype = 'e'))"

#define ISOLATED \
	"isolated AS (SELECT r.*, i.account, quote_ident(i.account) AS account_sql, i.workspace," \
	" a.attnum AS account_number" \
	" FROM unnest($1::oid[], $2::name[], $3::name[]) i (oid, account, workspace)" \
	" JOIN relation r ON r.oid = i.oid" \
	" JOIN pg_attribute a ON a.attrelid = i.oid AND a.attname = i.account)"

#define SHARED \
	"shared AS (SELECT r.* FROM unnest($4::oid[]) s (oid) JOIN relation r ON r.oid = s.oid)"

/* Which views and materialized views read an isolated table, by however many others. */
#define VIEWS \
	"reads (relation, source) AS (SELECT w.ev_class, d.refobjid FROM pg_rewrite w" \
	" JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid" \
	" AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> w.ev_class" \
	" WHERE w.ev_type = '1' AND d.refobjid IN (SELECT oid FROM isolated)" \
	" UNION SELECT w.ev_class, s.source FROM reads s" \
	" JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass" \
	" AND d.refclassid = 'pg_class'::regclass AND d.refobjid = s.relation" \
	" JOIN pg_rewrite w ON w.oid = d.objid AND w.ev_type = '1' AND w.ev_class <> s.relation)"

/* What is below isolated tables, themselves included. */
#define TREES \
	"below (top, oid) AS (SELECT oid, oid FROM isolated" \
	" UNION SELECT b.top, i.inhrelid FROM below b JOIN pg_inherits i ON i.inhparent = b.oid)"

/*
 * Functions of users, and whose rights they run with; whether that is past the row
 * security of a table: of an owner it holds only by force.
 */
#define FUNCTIONS \
	"function AS (SELECT p.oid, p.oid::regprocedure::text AS name, p.pronamespace AS namespace, p.proowner AS owner," \
	" pg_catalog.format('SET LOCAL ROLE %I; ', o.rolname) AS as_owner, o.rolname AS owner_name," \
	" o.rolsuper OR o.rolbypassrls AS owner_bypasses, p.prosecdef AS definer, p.provolatile AS volatility," \
	" p.proleakproof AS leakproof, p.proacl AS acl," \
	" CASE WHEN p.prosqlbody IS NULL AND l.lanname NOT IN ('c', 'internal') THEN p.prosrc END AS source," \
	" CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END AS kind" \
	" FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace" \
	" JOIN pg_roles o ON o.oid = p.proowner JOIN pg_language l ON l.oid = p.prolang" \
	" WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'account', 'account_api')" \
	" AND p.prokind IN ('f', 'p')" \
	" AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid" \
	" AND e.deptype = 'e'))"

/* Roles that have a level, by themselves or as members (superusers: by themselves), 1 to 4; 0 is sender. */
#define ROLES \
	"leveled AS (SELECT r.oid, r.rolname, r.rolcanlogin AS login, r.rolsuper AS super," \
	" r.rolsuper OR r.rolbypassrls AS bypasses, max(m.level) AS level" \
	" FROM (VALUES (1, 'account.level_anonymous()'), (2, 'account.level_tenant()')," \
	" (3, 'account.level_owner()'), (4, 'account.level_admin()'), (0, 'account.level_sender()')) m (level, function)" \
	" JOIN pg_proc p ON p.oid = m.function::regprocedure" \
	" CROSS JOIN LATERAL aclexplode(p.proacl) g" \
	" JOIN pg_roles r ON r.oid = g.grantee OR (NOT r.rolsuper AND g.grantee <> 0" \
	" AND pg_has_role(r.oid, g.grantee, 'USAGE'))" \
	" WHERE g.grantee <> p.proowner GROUP BY 1, 2, 3, 4, 5)"

/* What is set, for whom, and how to end that; the server's own values as this session finds them. */
#define SETTINGS \
	"setting AS (SELECT lower(split_part(c.entry, '=', 1)) AS name," \
	" substr(c.entry, strpos(c.entry, '=') + 1) AS value, w.object," \
	" format('ALTER %s RESET %I', w.object, split_part(c.entry, '=', 1)) AS reset, s.setrole AS role" \
	" FROM pg_db_role_setting s CROSS JOIN LATERAL unnest(s.setconfig) c (entry)" \
	" LEFT JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase" \
	" CROSS JOIN LATERAL (SELECT CASE WHEN s.setrole = 0 THEN format('DATABASE %I', d.datname)" \
	" WHEN s.setdatabase = 0 THEN format('ROLE %I', r.rolname)" \
	" ELSE format('ROLE %I IN DATABASE %I', r.rolname, d.datname) END AS object) w" \
	" WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))" \
	" UNION ALL SELECT name, setting, 'server'," \
	" format('ALTER SYSTEM SET %s = %L -- then: SELECT pg_reload_conf()', name, boot_val), 0" \
	" FROM pg_settings WHERE source NOT IN ('database', 'user', 'database user', 'client', 'session'))"

/* Each may name those before it. */
static const struct
{
	const char *name;
	const char *definition;
}			tables[] = {
	{"relation", RELATIONS},
	{"isolated", ISOLATED},
	{"shared", SHARED},
	{"below", TREES},
	{"reads", VIEWS},
	{"function", FUNCTIONS},
	{"leveled", ROLES},
	{"setting", SETTINGS},
};

/* The definitions of the tables that a query names, and of those that they name. */
static const char *
with_tables(const char *query)
{
	const char *definitions = "";

	for (int i = lengthof(tables) - 1; i >= 0; i--)
	{
		if (strstr(query, tables[i].name) != NULL || strstr(definitions, tables[i].name) != NULL)
			definitions = psprintf("%s%s %s", tables[i].definition, definitions[0] != '\0' ? "," : "", definitions);
	}
	return definitions[0] != '\0' ? psprintf("WITH RECURSIVE %s", definitions) : "";
}

/* ---------------------------------------------------------------------------
 * doctor()
 */
typedef enum Parameter
{
	PARAMETER_ISOLATED,			/* the tables, and their columns */
	PARAMETER_ACCOUNT,
	PARAMETER_WORKSPACE,
	PARAMETER_SHARED,
	PARAMETER_SCHEMA,
	PARAMETER_CHECK,
	PARAMETERS
} Parameter;

typedef struct Examination
{
	Datum		values[PARAMETERS];
	char		nulls[PARAMETERS + 1];	/* as SPI takes them */
	bool		admin;			/* the caller is one */
} Examination;

static void
set_parameter(Examination *examination, Parameter parameter, Datum value, bool isnull)
{
	examination->values[parameter] = value;
	examination->nulls[parameter] = isnull ? 'n' : ' ';
}

/* Looks up once which tables are protected. */
static void
find_protected_tables(Examination *examination)
{
	static Statement find = {
		"SELECT i.tables, i.accounts, i.workspaces, s.tables"
		" FROM (SELECT pg_catalog.array_agg(table_name::pg_catalog.oid) AS tables,"
		" pg_catalog.array_agg(account_column) AS accounts,"
		" pg_catalog.array_agg(workspace_column) AS workspaces FROM account.isolated_tables) i,"
		" (SELECT pg_catalog.array_agg(table_name::pg_catalog.oid) AS tables FROM account.shared_tables) s",
	};
	QueryScope	scope;

	query_open(&scope);
	(void) query_read(&find, NULL, NULL);
	for (int parameter = PARAMETER_ISOLATED; parameter <= PARAMETER_SHARED; parameter++)
	{
		bool		isnull;
		Datum		value = query_datum(&scope, 0, parameter + 1, &isnull);

		set_parameter(examination, parameter, value, isnull);
	}
	query_close(&scope);
}

/* Runs a check between SPI_connect() and SPI_finish(). */
static void
run_check(const Check *check, Examination *examination)
{
	static Oid types[PARAMETERS] = {OIDARRAYOID, NAMEARRAYOID, NAMEARRAYOID, OIDARRAYOID, OIDOID, TEXTOID};
	char	   *query = psprintf("%sSELECT c.object, c.finding, c.fix"
								 " FROM (%s) AS c (schemas, object, finding, fix)"
								 " WHERE ($5 IS NULL OR $5 = ANY (c.schemas)) AND NOT EXISTS (SELECT"
								 " FROM account.accepted_findings a"
								 " WHERE a.check_id = $6 AND a.object = c.object"
								 " AND COALESCE(a.expires_at > now(), true))"
								 " ORDER BY c.object COLLATE \"C\", c.finding COLLATE \"C\", c.fix COLLATE \"C\"",
								 with_tables(check->query), check->query);
	int			result;

	set_parameter(examination, PARAMETER_CHECK, CStringGetTextDatum(check->id), false);
	result = SPI_execute_with_args(query, PARAMETERS, types, examination->values,
								   examination->nulls, true, 0);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "could not run check \"%s\": %s", check->id, SPI_result_code_string(result));
}

static void
put_findings(FunctionCallInfo fcinfo, const Check *check)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	for (uint64 row = 0; row < SPI_processed; row++)
	{
		Datum		values[5];
		bool		nulls[5] = {false};

		values[0] = CStringGetTextDatum(severities[check->severity]);
		values[1] = CStringGetTextDatum(check->id);
		for (int column = 1; column <= 3; column++)
			values[column + 1] = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column,
											   &nulls[column + 1]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

static void
examine(FunctionCallInfo fcinfo, const Check *check, Examination *examination)
{
	QueryScope	scope;

	if (check->examiner == EXAMINER_ADMIN && !examination->admin)
		return;
	if (check->examiner == EXAMINER_CALLER)
	{
		if (SPI_connect() != SPI_OK_CONNECT)
			elog(ERROR, "could not connect to SPI");
		run_check(check, examination);
		put_findings(fcinfo, check);
		if (SPI_finish() != SPI_OK_FINISH)
			elog(ERROR, "could not finish SPI");
		return;
	}
	query_open(&scope);
	run_check(check, examination);
	put_findings(fcinfo, check);
	query_close(&scope);
}

static void
set_locally(const char *setting, const char *value)
{
	(void) set_config_option(setting, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

static Severity
get_severity(FunctionCallInfo fcinfo)
{
	const char *name = changes_text_argument(fcinfo, 1, "min_severity");
	Validation	validation;

	for (int severity = SEVERITY_INFO; name != NULL && severity <= SEVERITY_ERROR; severity++)
	{
		if (strcmp(severities[severity], name) == 0)
			return severity;
	}
	validation_start(&validation);
	validation_add(&validation, "min_severity", "enum", "unknown severity", "Use info, warning or error.");
	validation_finish(&validation);
	return SEVERITY_INFO;
}

/* doctor(schema, min_severity) */
Datum
account_doctor_doctor(PG_FUNCTION_ARGS)
{
	Severity	least = get_severity(fcinfo);
	Examination examination = {.admin = caller_is_admin()};
	int			nest_level;

	InitMaterializedSRF(fcinfo, 0);
	set_parameter(&examination, PARAMETER_SCHEMA, PG_ARGISNULL(0) ? (Datum) 0 : PG_GETARG_DATUM(0), PG_ARGISNULL(0));
	find_protected_tables(&examination);
	nest_level = NewGUCNestLevel();
	set_locally("search_path", "pg_catalog, pg_temp");
	set_locally("jit", "off");	/* each query is planned to run once, on small tables */
	for (int severity = SEVERITY_ERROR; severity >= (int) least; severity--)
	{
		for (int list = 0; list < lengthof(lists); list++)
		{
			for (const Check *check = lists[list]; check->id != NULL; check++)
			{
				if (check->severity == severity)
					examine(fcinfo, check, &examination);
			}
		}
	}
	AtEOXact_GUC(false, nest_level);
	return (Datum) 0;
}

/* list_checks() */
Datum
account_doctor_list_checks(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int list = 0; list < lengthof(lists); list++)
	{
		for (const Check *check = lists[list]; check->id != NULL; check++)
		{
			Datum		values[3];
			bool		nulls[3] = {false};

			values[0] = CStringGetTextDatum(check->id);
			values[1] = CStringGetTextDatum(severities[check->severity]);
			values[2] = CStringGetTextDatum(check->description);
			tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		}
	}
	return (Datum) 0;
}

/* ---------------------------------------------------------------------------
 * Findings that are as they should be
 */
static bool
is_check(const char *id)
{
	for (int list = 0; list < lengthof(lists); list++)
	{
		for (const Check *check = lists[list]; check->id != NULL; check++)
		{
			if (strcmp(check->id, id) == 0)
				return true;
		}
	}
	return false;
}

static void
validate_finding(Validation *validation, const char *check_id, const char *object)
{
	if (check_id == NULL)
		validation_add(validation, "check_id", "required", "a check is required", NULL);
	else if (!is_check(check_id))
		validation_add(validation, "check_id", "unknown", "there is no such check", "list_checks() names them.");
	if (object == NULL || object[0] == '\0')
		validation_add(validation, "object", "required", "an object is required",
					   "Name it as doctor() does.");
}

/* accept_finding(check_id, object, reason, expires_in) */
Datum
account_doctor_accept_finding(PG_FUNCTION_ARGS)
{
	static Statement accept = {
		"INSERT INTO account.accepted_findings AS f (check_id, object, reason, accepted_by, expires_at)"
		" VALUES ($1, $2, $3, $4, $5)"
		" ON CONFLICT (check_id, object) DO UPDATE SET reason = EXCLUDED.reason,"
		" accepted_by = EXCLUDED.accepted_by, accepted_at = EXCLUDED.accepted_at, expires_at = EXCLUDED.expires_at",
		5, {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID}
	};
	const char *check_id = changes_text_argument(fcinfo, 0, "check_id");
	const char *object = changes_text_argument(fcinfo, 1, "object");
	const char *reason = changes_text_argument(fcinfo, 2, "reason");
	Interval   *expires_in = changes_interval_argument(fcinfo, 3);
	char		nulls[6] = "     ";
	Datum		values[5];
	Validation	validation;
	QueryScope	scope;

	caller_require_admin("accept findings");
	validation_start(&validation);
	validate_finding(&validation, check_id, object);
	if (reason == NULL || strspn(reason, " \t\r\n") == strlen(reason) ||
		!changes_is_length(CStringGetTextDatum(reason), 1, REASON_MAX_CHARACTERS))
		validation_add(&validation, "reason", "length", "a reason is required, of at most 2000 characters", NULL);
	if (expires_in != NULL && !changes_interval_between(expires_in, "0", false, ACCEPTED_MAX))
		validation_add(&validation, "expires_in", "range", "must be more than 0 and at most " ACCEPTED_MAX, NULL);
	validation_finish(&validation);

	values[0] = CStringGetTextDatum(check_id);
	values[1] = CStringGetTextDatum(object);
	values[2] = CStringGetTextDatum(reason);
	values[3] = CStringGetTextDatum(GetUserNameFromId(GetUserId(), false));
	if (expires_in == NULL)
		nulls[4] = 'n';
	else
		values[4] = TimestampTzGetDatum(changes_plus_interval(GetCurrentTransactionStartTimestamp(), expires_in));
	query_open(&scope);
	(void) query_write(&accept, values, nulls);
	query_close(&scope);
	PG_RETURN_VOID();
}

/* reopen_finding(check_id, object) */
Datum
account_doctor_reopen_finding(PG_FUNCTION_ARGS)
{
	static Statement reopen = {
		"DELETE FROM account.accepted_findings"
		" WHERE check_id OPERATOR(pg_catalog.=) $1 AND object OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}
	};
	const char *check_id = changes_text_argument(fcinfo, 0, "check_id");
	const char *object = changes_text_argument(fcinfo, 1, "object");
	Datum		values[2];
	Validation	validation;
	QueryScope	scope;
	uint64		rows;

	caller_require_admin("reopen findings");
	validation_start(&validation);
	if (check_id == NULL || object == NULL)
		validate_finding(&validation, check_id, object);
	validation_finish(&validation);
	values[0] = CStringGetTextDatum(check_id);
	values[1] = CStringGetTextDatum(object);
	query_open(&scope);
	rows = query_write(&reopen, values, NULL);
	query_close(&scope);
	if (rows == 0)
		error_raise(ERROR_NOT_FOUND, "account.accepted_findings names those that were.",
					"finding \"%s\" of \"%s\" was not accepted", check_id, object);
	PG_RETURN_VOID();
}
