/*
 * status.c
 *	  Where the resource of an account is, and when it was read and built.
 *
 * Each call is one UPDATE of the account's row, whose lock puts it in order with changes
 * of the configuration: such a change is stamped later than what was read or built before
 * it (DIRECTORY_CONFIG_CHANGED), and a reading no earlier than the changes that it sees.
 * So "changed after it was read" can be told from the two stamps.
 *
 * It is the platform that says what it does, not a tenant that changes something: holds
 * on the account do not matter.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#define ERROR_TEXT_MAX 10000	/* characters */

PG_FUNCTION_INFO_V1(account_status_set_account_status);
PG_FUNCTION_INFO_V1(account_status_record_input_read);
PG_FUNCTION_INFO_V1(account_status_record_output_built);

/* From which each status may follow; all may be set again. */
static const struct
{
	const char *status;
	const char *after;
}			transitions[] = {
	{"new", "{new}"},
	{"starting", "{new,starting,running,ready,error}"},
	{"running", "{starting,running,ready}"},
	{"ready", "{starting,running,ready}"},
	{"error", "{new,starting,running,ready,error}"},
};

static const char *
statuses_before(const char *status)
{
	for (int i = 0; i < lengthof(transitions); i++)
	{
		if (strcmp(transitions[i].status, status) == 0)
			return transitions[i].after;
	}
	elog(ERROR, "unknown status \"%s\"", status);
	return NULL;
}

static bool
is_error_text(Datum value)
{
	return changes_is_length(value, 1, ERROR_TEXT_MAX);
}

/* The status and its message as arguments of a call; raises VALIDATION_FAILED if they do not go together. */
static char *
status_argument(FunctionCallInfo fcinfo, char **error)
{
	static const ChangeField message = {
		"error", false, false, CHANGE_BY_ITSELF, is_error_text, "must have 1 to 10,000 characters"
	};
	char	   *status = NULL;
	Validation	validation;

	*error = changes_text_argument(fcinfo, 2, "error");
	validation_start(&validation);
	if (PG_ARGISNULL(1))
		validation_add(&validation, "status", "required", "a status is required", NULL);
	else
		status = DatumGetCString(DirectFunctionCall1(enum_out, PG_GETARG_DATUM(1)));
	if (status != NULL && strcmp(status, "error") == 0)
		changes_check_value(&validation, &message, PG_GETARG_DATUM(2), *error == NULL);
	else if (status != NULL && *error != NULL)
		validation_add(&validation, "error", "format", "goes with status error alone", NULL);
	validation_finish(&validation);
	return status;
}

/* Says why a status was not set. Between query_open() and query_close(). */
static void
raise_conflict(const QueryScope *scope, const pg_uuid_t *account_id, const char *status)
{
	static Statement find = {
		"SELECT a.status::pg_catalog.text FROM account.accounts a"
		" WHERE a.account_id OPERATOR(pg_catalog.=) $1 AND a.deleted_at IS NULL",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(account_id);

	if (query_latest(&find, &value, NULL) == 0)
		error_raise(ERROR_NOT_FOUND, NULL, "account not found");
	error_raise(ERROR_CONFLICT, "A build begins with starting; running and ready follow that.",
				"status %s does not follow %s", status, query_string(scope, 0, 1));
}

/* set_account_status(account_id, status, error) */
Datum
account_status_set_account_status(PG_FUNCTION_ARGS)
{
	static Statement update = {
		"UPDATE account.accounts a SET status = $2::account.status, status_error = $3,"
		" status_changed_at = CASE WHEN a.status OPERATOR(pg_catalog.=) $2::account.status"
		" THEN a.status_changed_at ELSE pg_catalog.clock_timestamp() END,"
		" updated_at = pg_catalog.clock_timestamp()"
		" WHERE a.account_id OPERATOR(pg_catalog.=) $1 AND a.deleted_at IS NULL"
		" AND a.status OPERATOR(pg_catalog.=) ANY ($4::account.status[])",
		4, {UUIDOID, TEXTOID, TEXTOID, TEXTOID}
	};
	const pg_uuid_t *account_id = caller_require_admin_of(fcinfo, "set the status of an account");
	char	   *error;
	char	   *status = status_argument(fcinfo, &error);
	Datum		values[4];
	char		nulls[4] = {' ', ' ', ' ', ' '};
	QueryScope	scope;

	values[0] = UUIDPGetDatum(account_id);
	values[1] = CStringGetTextDatum(status);
	values[2] = query_text_or_null(error, &nulls[2]);
	values[3] = CStringGetTextDatum(statuses_before(status));
	query_open(&scope);
	if (query_write(&update, values, nulls) == 0)
		raise_conflict(&scope, account_id, status);
	query_close(&scope);
	PG_RETURN_VOID();
}

/* Runs an UPDATE of the row of an account. */
static void
record(Statement *update, const pg_uuid_t *account_id)
{
	Datum		value = UUIDPGetDatum(account_id);
	QueryScope	scope;

	query_open(&scope);
	if (query_write(update, &value, NULL) == 0)
		error_raise(ERROR_NOT_FOUND, NULL, "account not found");
	query_close(&scope);
}

/* record_input_read(account_id) */
Datum
account_status_record_input_read(PG_FUNCTION_ARGS)
{
	static Statement update = {
		"UPDATE account.accounts a SET"
		" last_read_input_at = GREATEST(pg_catalog.clock_timestamp(), a.last_updated_config_at)"
		" WHERE a.account_id OPERATOR(pg_catalog.=) $1 AND a.deleted_at IS NULL",
		1, {UUIDOID}
	};

	record(&update, caller_require_admin_of(fcinfo, "record that an account was read"));
	PG_RETURN_VOID();
}

/* record_output_built(account_id) */
Datum
account_status_record_output_built(PG_FUNCTION_ARGS)
{
	static Statement update = {
		"UPDATE account.accounts a SET last_updated_output_at ="
		" CASE WHEN a.last_updated_config_at OPERATOR(pg_catalog.>) a.last_read_input_at"
		" THEN a.last_read_input_at"
		" ELSE GREATEST(pg_catalog.clock_timestamp(), a.last_updated_config_at) END"
		" WHERE a.account_id OPERATOR(pg_catalog.=) $1 AND a.deleted_at IS NULL",
		1, {UUIDOID}
	};

	record(&update, caller_require_admin_of(fcinfo, "record that an account was built"));
	PG_RETURN_VOID();
}
