/*
 * body.c
 *	  Bodies of requests as they were sent, which may be anything.
 *
 * PostgREST gives a function that takes a json the body of a request; where it is no JSON, the
 * server says so before the function is called, and PostgREST tells it in its own words.  A
 * function that takes a bytea is given whatever was sent.  So a proxy that wants every answer in
 * the form of the documents sends all requests to one of two such functions, of media type
 * application/octet-stream, with the name of the function that is meant in a header: one in
 * which nothing is written, for GET, and one for all others.
 */
#include "account.h"

#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "catalog/namespace.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#define FUNCTION_HEADER "x-account-function"
#define FUNCTION_PREFIX "v1_"

PG_FUNCTION_INFO_V1(account_body_read);
PG_FUNCTION_INFO_V1(account_body_write);

/* The function that the header names; InvalidOid if there is none such for the caller. */
static Oid
find_function(char volatility)
{
	Oid			argument = JSONOID;
	List	   *headers;
	char	   *name;
	Oid			function;

	if (!request_read("request.headers", &headers) || request_find(headers, FUNCTION_HEADER, &name) != 1 ||
		strncmp(name, FUNCTION_PREFIX, strlen(FUNCTION_PREFIX)) != 0 || strlen(name) >= NAMEDATALEN)
		return InvalidOid;
	function = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name),
							   PointerGetDatum(buildoidvector(&argument, 1)),
							   ObjectIdGetDatum(get_namespace_oid("account_api", true)));
	if (!OidIsValid(function) || func_volatile(function) != volatility ||
		proc_aclcheck(function, GetUserId()) != ACLCHECK_OK)
		return InvalidOid;
	return function;
}

/* UTF-8 in the encoding of the database; "" if that lacks one of the characters. */
static char *
in_server_encoding(char *json, int length)
{
	int			encoding = GetDatabaseEncoding();
	Size		size = (Size) length * MAX_CONVERSION_GROWTH + 1;
	Oid			conversion;
	char	   *result;

	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII)
		return json;
	conversion = FindDefaultConversionProc(PG_UTF8, encoding);
	if (!OidIsValid(conversion) || size > MaxAllocSize)
		return "";
	result = palloc(size);
	return pg_do_encoding_conversion_buf(conversion, PG_UTF8, encoding, (unsigned char *) json, length,
										 (unsigned char *) result, size, true) == length ? result : "";
}

/* The json that a body is, not yet looked at; what is no text is no JSON either. */
static text *
body_json(const text *body)
{
	int			length = VARSIZE_ANY_EXHDR(body);
	char	   *json = text_to_cstring(body);

	if (length == 0)
		return cstring_to_text("{}");
	return cstring_to_text(pg_verify_mbstr(PG_UTF8, json, length, true) ? in_server_encoding(json, length) : "");
}

/* Answers as the function does that is meant. */
static Datum
pass_on(FunctionCallInfo fcinfo, char volatility)
{
	LOCAL_FCINFO(call, 1);
	FmgrInfo	function;
	StringInfoData json;
	Oid			meant = find_function(volatility);
	Datum		answer;

	if (!OidIsValid(meant))
	{
		initStringInfo(&json);
		request_answer_status(document_refuse(ERROR_NOT_FOUND, "there is no such path", &json));
		PG_RETURN_TEXT_P(cstring_to_text(json.data));
	}
	fmgr_info(meant, &function);
	InitFunctionCallInfoData(*call, &function, 1, InvalidOid, NULL, NULL);
	call->args[0].isnull = PG_ARGISNULL(0);
	call->args[0].value = PG_ARGISNULL(0) ? (Datum) 0 : PointerGetDatum(body_json(PG_GETARG_TEXT_PP(0)));
	answer = FunctionCallInvoke(call);
	fcinfo->isnull = call->isnull;
	return answer;
}

/* v1_read(body) */
Datum
account_body_read(PG_FUNCTION_ARGS)
{
	return pass_on(fcinfo, PROVOLATILE_STABLE);
}

/* v1_write(body) */
Datum
account_body_write(PG_FUNCTION_ARGS)
{
	return pass_on(fcinfo, PROVOLATILE_VOLATILE);
}
