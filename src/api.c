/*
 * api.c
 *	  What PostgREST exposes and SQL alone cannot say.
 *
 * The view of accounts is written to through the functions of schema account, which
 * decide about everything; here a row becomes their arguments, and what they return a
 * row.  Logging in and out have a cookie to set.
 */
#include "account.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/rel.h"
#include "utils/typcache.h"

PG_FUNCTION_INFO_V1(account_api_insert_account);
PG_FUNCTION_INFO_V1(account_api_change_account);
PG_FUNCTION_INFO_V1(account_api_remove_account);
PG_FUNCTION_INFO_V1(account_api_external_id);
PG_FUNCTION_INFO_V1(account_api_labels);
PG_FUNCTION_INFO_V1(account_api_login);
PG_FUNCTION_INFO_V1(account_api_logout);

/* Calls a function of schema account with arguments of which nulls says which are NULL. */
static Datum
call(const char *name, int nargs, const Oid *types, const Datum *values, const bool *nulls)
{
	LOCAL_FCINFO(fcinfo, FUNC_MAX_ARGS);
	FmgrInfo	function;

	fmgr_info(schema_function(name, nargs, types), &function);
	InitFunctionCallInfoData(*fcinfo, &function, nargs, InvalidOid, NULL, NULL);
	for (int i = 0; i < nargs; i++)
	{
		fcinfo->args[i].value = values[i];
		fcinfo->args[i].isnull = nulls[i];
	}
	return FunctionCallInvoke(fcinfo);
}

/* ---------------------------------------------------------------------------
 * The view of accounts
 */

/* The value of a column of a row, by name. */
static Datum
column(HeapTuple row, TupleDesc descriptor, const char *name, bool *isnull)
{
	return heap_getattr(row, SPI_fnumber(descriptor, name), descriptor, isnull);
}

/* The composite value that a function has returned, as a row of the view, which has the same columns. */
static HeapTuple
row_of(Datum composite, TupleDesc view)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(composite);
	TupleDesc	descriptor = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header),
													HeapTupleHeaderGetTypMod(header));
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(header), .t_data = header};
	Datum	   *values = palloc(sizeof(Datum) * view->natts);
	bool	   *nulls = palloc(sizeof(bool) * view->natts);

	if (descriptor->natts != view->natts)
		elog(ERROR, "view accounts has not the columns of an account");
	heap_deform_tuple(&tuple, descriptor, values, nulls);
	ReleaseTupleDesc(descriptor);
	return heap_form_tuple(view, values, nulls);
}

/* Adds an entry for each column that has a value other than before (NULL if there is no row before) and is not listed. */
static void
check_columns(TriggerData *trigger, HeapTuple before, HeapTuple row, const char *const *allowed, int nallowed)
{
	TupleDesc	descriptor = RelationGetDescr(trigger->tg_relation);
	Validation	validation;

	validation_start(&validation);
	for (int i = 0; i < descriptor->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(descriptor, i);
		const char *name = NameStr(attribute->attname);
		bool		was_null = true;
		bool		isnull;
		Datum		was = before != NULL ? heap_getattr(before, i + 1, descriptor, &was_null) : (Datum) 0;
		Datum		value = heap_getattr(row, i + 1, descriptor, &isnull);
		bool		listed = false;

		for (int j = 0; j < nallowed; j++)
			listed = listed || strcmp(name, allowed[j]) == 0;
		if (!listed && (isnull != was_null ||
						(!isnull && !datum_image_eq(was, value, attribute->attbyval, attribute->attlen))))
			validation_add(&validation, name, "read_only", "cannot be set here", NULL);
	}
	validation_finish(&validation);
}

static TriggerData *
trigger_of(FunctionCallInfo fcinfo, bool insert)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_INSTEAD(trigger->tg_event) ||
		insert != TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		error_raise(ERROR_BAD_REQUEST, NULL, "this is a trigger of view account_api.accounts");
	return trigger;
}

/* insert_account() */
Datum
account_api_insert_account(PG_FUNCTION_ARGS)
{
	static const char *const allowed[] = {"name", "branding", "parent_account_id"};
	static const Oid types[9] = {TEXTOID, UUIDOID, JSONBOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, UUIDOID};
	TriggerData *trigger = trigger_of(fcinfo, true);
	TupleDesc	descriptor = RelationGetDescr(trigger->tg_relation);
	Datum		empty = DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));
	Datum		values[9] = {0};
	bool		nulls[9] = {true, true, true, true, true, true, true, true, true};
	HeapTuple	row;
	bool		isnull;

	postgrest_require_credential();
	check_columns(trigger, NULL, trigger->tg_trigtuple, allowed, lengthof(allowed));
	values[0] = column(trigger->tg_trigtuple, descriptor, "name", &nulls[0]);
	values[1] = column(trigger->tg_trigtuple, descriptor, "parent_account_id", &nulls[1]);
	values[2] = column(trigger->tg_trigtuple, descriptor, "branding", &nulls[2]);
	if (nulls[2])
		values[2] = empty;
	values[7] = empty;
	nulls[2] = nulls[7] = false;
	row = row_of(call("create_account", 9, types, values, nulls), descriptor);
	if (request_is_active())
		request_answer_headers("Location", psprintf("/accounts?id=eq.%s", tree_uuid_text(
															DatumGetUUIDP(column(row, descriptor, "id", &isnull)))));
	return PointerGetDatum(row);
}

/* change_account() */
Datum
account_api_change_account(PG_FUNCTION_ARGS)
{
	static const char *const allowed[] = {"name", "branding"};
	static const Oid types[2] = {UUIDOID, JSONBOID};
	TriggerData *trigger = trigger_of(fcinfo, false);
	TupleDesc	descriptor = RelationGetDescr(trigger->tg_relation);
	HeapTuple	old = trigger->tg_trigtuple;
	HeapTuple	new = trigger->tg_newtuple;
	StringInfoData changes;
	Datum		values[2];
	bool		nulls[2] = {false, false};
	bool		isnull;
	Datum		value;

	check_columns(trigger, old, new, allowed, lengthof(allowed));
	initStringInfo(&changes);
	appendStringInfoString(&changes, "{\"name\": ");
	value = column(new, descriptor, "name", &isnull);
	if (isnull)
		appendStringInfoString(&changes, "null");
	else
		escape_json(&changes, TextDatumGetCString(value));
	appendStringInfoString(&changes, ", \"branding\": ");
	value = column(new, descriptor, "branding", &isnull);
	appendStringInfo(&changes, "%s}", isnull ? "null" :
					 DatumGetCString(DirectFunctionCall1(jsonb_out, value)));

	values[0] = column(old, descriptor, "id", &isnull);
	values[1] = DirectFunctionCall1(jsonb_in, CStringGetDatum(changes.data));
	return PointerGetDatum(row_of(call("update_account", 2, types, values, nulls), descriptor));
}

/* remove_account() */
Datum
account_api_remove_account(PG_FUNCTION_ARGS)
{
	static const Oid types[2] = {UUIDOID, INTERVALOID};
	TriggerData *trigger = trigger_of(fcinfo, false);
	Interval	day = {.day = 1};
	Datum		values[2];
	bool		nulls[2] = {false, false};

	values[0] = column(trigger->tg_trigtuple, RelationGetDescr(trigger->tg_relation), "id", &nulls[0]);
	values[1] = IntervalPGetDatum(&day);
	/* The view shows the own account too: a request that forgets to say which is not to delete it. */
	if (identity_current() != NULL && !nulls[0] &&
		memcmp(DatumGetUUIDP(values[0]), &identity_current()->account_id, UUID_LEN) == 0)
		error_raise(ERROR_FORBIDDEN, "Call delete_account(), if that is wanted.",
					"the caller's own account is not deleted through the view");
	(void) call("delete_account", 2, types, values, nulls);
	return PointerGetDatum(trigger->tg_trigtuple);
}

/* What is found of the account that a row of the view is of, within the caller's reach. */
static Datum
find_of_row(FunctionCallInfo fcinfo, Statement *find)
{
	QueryScope	scope;
	Target		target;
	Datum		id;
	Datum		result;
	bool		isnull = PG_ARGISNULL(0);

	if (!isnull)
		id = GetAttributeByName(PG_GETARG_HEAPTUPLEHEADER(0), "id", &isnull);
	if (isnull)
	{
		fcinfo->isnull = true;
		return (Datum) 0;
	}
	caller_target(NULL, DatumGetUUIDP(id), SCOPE_OWN | SCOPE_DESCENDANTS, &target);
	query_open(&scope);
	if (query_read(find, &id, NULL) == 0)
		error_raise(ERROR_NOT_FOUND, NULL, "account not found");
	result = query_datum(&scope, 0, 1, &fcinfo->isnull);
	query_close(&scope);
	return result;
}

/* external_id(account) */
Datum
account_api_external_id(PG_FUNCTION_ARGS)
{
	static Statement find = {
		"SELECT external_id FROM account.accounts WHERE account_id OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};

	return find_of_row(fcinfo, &find);
}

/* labels(account) */
Datum
account_api_labels(PG_FUNCTION_ARGS)
{
	static Statement find = {
		"SELECT labels::pg_catalog.jsonb FROM account.accounts WHERE account_id OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};

	return find_of_row(fcinfo, &find);
}

/* ---------------------------------------------------------------------------
 * Logging in and out
 */

/* The members of account.login_result. */
enum
{
	LOGIN_SESSION_TOKEN,
	LOGIN_SESSION_ID,
	LOGIN_USER_ID,
	LOGIN_EXPIRES_AT,
	LOGIN_ERROR,
	LOGIN_MEMBERS
};

/* login(email, password, cookie) */
Datum
account_api_login(PG_FUNCTION_ARGS)
{
	static const Oid types[2] = {TEXTOID, TEXTOID};
	Datum		arguments[2] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)};
	bool		missing[2] = {PG_ARGISNULL(0), PG_ARGISNULL(1)};
	bool		cookie = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
	HeapTupleHeader header;
	HeapTupleData tuple;
	TupleDesc	descriptor;
	Datum		values[LOGIN_MEMBERS];
	bool		nulls[LOGIN_MEMBERS];
	Datum		result;

	postgrest_require_own_site();
	result = call("login", 2, types, arguments, missing);
	if (!request_is_active())
		return result;

	header = DatumGetHeapTupleHeader(result);
	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	tuple.t_data = header;
	descriptor = lookup_rowtype_tupdesc_copy(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
	heap_deform_tuple(&tuple, descriptor, values, nulls);
	if (nulls[LOGIN_SESSION_TOKEN])
	{
		request_answer_status(error_http_status(ERROR_INVALID_AUTHORIZATION));
		request_answer_headers("WWW-Authenticate", error_challenge(ERROR_MISSING_API_KEY));
		return result;
	}
	if (!cookie)
		return result;
	request_answer_headers("Set-Cookie", postgrest_cookie(TextDatumGetCString(values[LOGIN_SESSION_TOKEN]),
														  DatumGetTimestampTz(values[LOGIN_EXPIRES_AT])));
	nulls[LOGIN_SESSION_TOKEN] = true;
	return HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls));
}

/* logout() */
Datum
account_api_logout(PG_FUNCTION_ARGS)
{
	(void) call("logout", 0, NULL, NULL, NULL);
	if (request_is_active())
		request_answer_headers("Set-Cookie", postgrest_cookie("", 0));
	PG_RETURN_VOID();
}
