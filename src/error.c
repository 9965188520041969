/*
 * error.c
 *	  One table of codes, one way to raise them.
 *
 * An error has a message for people and a DETAIL for programs: a JSON object of
 * the code, a unique id and the list of what was invalid.  The server logs
 * DETAIL with the message, so the id that a user reports finds the line.
 *
 * In an HTTP request that PostgREST answers, all of it goes into the form in which
 * PostgREST takes an answer from an error: SQLSTATE PGRST, the body in the message and the
 * status and headers in DETAIL.  Where the documents' own paths are answered (part
 * document) the error is caught, and DETAIL is the documents' body.
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

static bool as_document = false;
ErrorObserver error_observer = NULL;

static int	retry_after = 0;		/* seconds, of the last RATE_LIMITED that was raised */

PG_FUNCTION_INFO_V1(account_error_list_error_codes);

/* The JSON object that says what is wrong: DETAIL of an error.  note and validation may be NULL. */
static char *
error_detail(ErrorCode code, const char *note, const Validation *validation)
{
	StringInfoData detail;
	Datum		id = DirectFunctionCall1(gen_random_uuid, (Datum) 0);

	initStringInfo(&detail);
	appendStringInfo(&detail, "{\"error\": \"%s\", \"id\": \"%s\", ",
					 error_entries[code].code, DatumGetCString(DirectFunctionCall1(uuid_out, id)));
	if (note != NULL)
	{
		appendStringInfoString(&detail, "\"note\": ");
		escape_json(&detail, note);
		appendStringInfoString(&detail, ", ");
	}
	appendStringInfo(&detail, "\"validationErrors\": [%s]}", validation != NULL ? validation->json.data : "");
	return detail.data;
}

static int
error_sqlstate(ErrorCode code)
{
	const char *state = error_entries[code].sqlstate;

	return MAKE_SQLSTATE(state[0], state[1], state[2], state[3], state[4]);
}

ErrorCode
error_code_of(int sqlstate)
{
	for (int code = 0; code < ERROR_CODES; code++)
	{
		if (error_sqlstate(code) == sqlstate)
			return code;
	}
	return ERROR_CODES;
}

int
error_http_status(ErrorCode code)
{
	return error_entries[code].status;
}

char *
error_challenge(ErrorCode code)
{
	switch (code)
	{
		case ERROR_MISSING_API_KEY:
			return pstrdup("Bearer realm=\"account\"");
		case ERROR_MALFORMED_API_KEY:
		case ERROR_EXPIRED_API_KEY:
		case ERROR_INVALID_AUTHORIZATION:
			return psprintf("Bearer realm=\"account\", error=\"invalid_token\", error_description=\"%s\"",
							error_entries[code].description);
		case ERROR_FORBIDDEN:
			return psprintf("Bearer realm=\"account\", error=\"insufficient_scope\", error_description=\"%s\"",
							error_entries[code].description);
		default:
			return NULL;
	}
}

char *
error_retry_after(ErrorCode code)
{
	return code == ERROR_RATE_LIMITED ? psprintf("%d", Max(retry_after, 1)) : NULL;
}

void
error_append_member(StringInfo json, const char *name, const char *value)
{
	appendStringInfo(json, "%s\"%s\": ", json->data[json->len - 1] == '{' ? "" : ", ", name);
	if (value != NULL)
		escape_json(json, value);
	else
		appendStringInfoString(json, "null");
}

/* The body of an answer, as PostgREST takes it from a message. */
static char *
answer_body(ErrorCode code, const char *message, const char *detail, const char *hint)
{
	StringInfoData body;

	initStringInfo(&body);
	appendStringInfoChar(&body, '{');
	error_append_member(&body, "code", error_entries[code].code);
	error_append_member(&body, "message", message);
	error_append_member(&body, "details", detail);
	error_append_member(&body, "hint", hint);
	appendStringInfoChar(&body, '}');
	return body.data;
}

/* Its status and headers, as PostgREST takes them from DETAIL; nothing in them is the caller's. */
static char *
answer_head(ErrorCode code)
{
	StringInfoData head;
	char	   *challenge = error_challenge(code);
	char	   *seconds = error_retry_after(code);

	initStringInfo(&head);
	appendStringInfo(&head, "{\"status\": %d, \"headers\": {", error_entries[code].status);
	error_append_member(&head, "Cache-Control", REQUEST_CACHE_CONTROL);
	error_append_member(&head, "Vary", REQUEST_VARY);
	if (challenge != NULL)
		error_append_member(&head, "WWW-Authenticate", challenge);
	if (seconds != NULL)
		error_append_member(&head, "Retry-After", seconds);
	appendStringInfoString(&head, "}}");
	return head.data;
}

/* Raises an error in the form that whoever asked for it takes. */
pg_noreturn static void
throw(ErrorCode code, const char *hint, const char *message, const Validation *validation)
{
	bool		answered = request_is_active() && !as_document;
	char	   *detail = error_detail(code, as_document ? message : NULL, validation);

	if (error_observer != NULL)
		error_observer(code, message);
	ereport(ERROR,
			(errcode(answered ? MAKE_SQLSTATE('P', 'G', 'R', 'S', 'T') : error_sqlstate(code)),
			 errmsg_internal("%s", answered ? answer_body(code, message, detail, hint) : message),
			 errdetail_internal("%s", answered ? answer_head(code) : detail),
			 hint != NULL && !answered ? errhint("%s", hint) : 0,
			 errhidestmt(true), errhidecontext(true)));
	pg_unreachable();
}

char *
error_document(ErrorCode code, const char *note)
{
	return error_detail(code, note != NULL ? note : error_entries[code].description, NULL);
}

bool
error_as_document(bool begin)
{
	bool		before = as_document;

	as_document = begin;
	return before;
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
	throw(code, hint, message.data, NULL);
}

void
error_raise_limited(int seconds, const char *message)
{
	retry_after = seconds;
	throw(ERROR_RATE_LIMITED, psprintf("Try again in %s s.", error_retry_after(ERROR_RATE_LIMITED)), message, NULL);
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
	if (validation->count > 0)
		throw(ERROR_VALIDATION_FAILED, NULL, validation->first, validation);
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
