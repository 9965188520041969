/*
 * error.c
 *	  One table of codes, one way to raise them.
 *
 * An error has a message for people and a DETAIL for programs: a JSON object of
 * the code, a unique id and the list of what was invalid.  The server logs
 * DETAIL with the message, so the id that a user reports finds the line.
 */
#include "account.h"

#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

typedef struct ErrorEntry
{
	const char *code;
	const char *sqlstate;
	int			status;
	const char *description;
} ErrorEntry;

#define ERROR_ENTRY(code, sqlstate, status, description) {#code, sqlstate, status, description},

static const ErrorEntry error_entries[ERROR_CODES] = {
	ERROR_TABLE(ERROR_ENTRY)
};

PG_FUNCTION_INFO_V1(account_error_list_error_codes);

/* The DETAIL of an error; validation may be NULL. */
static char *
error_detail(ErrorCode code, const Validation *validation)
{
	StringInfoData detail;
	Datum		id = DirectFunctionCall1(gen_random_uuid, (Datum) 0);

	initStringInfo(&detail);
	appendStringInfo(&detail, "{\"error\": \"%s\", \"id\": \"%s\", \"validationErrors\": [%s]}",
					 error_entries[code].code, DatumGetCString(DirectFunctionCall1(uuid_out, id)),
					 validation != NULL ? validation->json.data : "");
	return detail.data;
}

static int
error_sqlstate(ErrorCode code)
{
	const char *state = error_entries[code].sqlstate;

	return MAKE_SQLSTATE(state[0], state[1], state[2], state[3], state[4]);
}

void
error_raise(ErrorCode code, const char *hint, const char *format,...)
{
	StringInfoData message;

	initStringInfo(&message);
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, format);
		needed = appendStringInfoVA(&message, format, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&message, needed);
	}

	ereport(ERROR,
			(errcode(error_sqlstate(code)),
			 errmsg_internal("%s", message.data),
			 errdetail_internal("%s", error_detail(code, NULL)),
			 hint != NULL ? errhint("%s", hint) : 0,
			 errhidestmt(true), errhidecontext(true)));
	pg_unreachable();
}

void
validation_start(Validation *validation)
{
	initStringInfo(&validation->json);
	validation->count = 0;
	validation->first = NULL;
}

void
validation_add(Validation *validation, const char *path, const char *type,
			   const char *message, const char *suggestion)
{
	StringInfo	json = &validation->json;

	if (validation->count++ > 0)
		appendStringInfoString(json, ", ");
	else
		validation->first = psprintf("%s: %s", path, message);

	appendStringInfoString(json, "{\"path\": ");
	escape_json(json, path);
	appendStringInfoString(json, ", \"message\": ");
	escape_json(json, message);
	appendStringInfoString(json, ", \"context\": {\"errorType\": ");
	escape_json(json, type);
	appendStringInfoString(json, "}, \"suggestion\": ");
	if (suggestion != NULL)
		escape_json(json, suggestion);
	else
		appendStringInfoString(json, "null");
	appendStringInfoChar(json, '}');
}

void
validation_finish(Validation *validation)
{
	if (validation->count == 0)
		return;

	ereport(ERROR,
			(errcode(error_sqlstate(ERROR_VALIDATION_FAILED)),
			 errmsg_internal("%s", validation->first),
			 errdetail_internal("%s", error_detail(ERROR_VALIDATION_FAILED, validation)),
			 errhidestmt(true), errhidecontext(true)));
}

const char *
error_code_name(ErrorCode code)
{
	return error_entries[code].code;
}

/* The rows of view error_codes. */
Datum
account_error_list_error_codes(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < ERROR_CODES; i++)
	{
		Datum		values[4];
		bool		nulls[4] = {false, false, false, false};

		values[0] = CStringGetTextDatum(error_entries[i].code);
		values[1] = CStringGetTextDatum(error_entries[i].sqlstate);
		values[2] = Int32GetDatum(error_entries[i].status);
		values[3] = CStringGetTextDatum(error_entries[i].description);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
