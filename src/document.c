/*
 * document.c
 *	  Answers of the documents' own paths: a body in, a status and a body out.
 *
 * A call is run in a subtransaction of its own.  If it fails, what it has done is undone
 * and the error becomes a status and a body, so the transaction commits: what has to
 * outlast a failure, such as an attempt to log in, does.
 *
 * What a caller gives stands in the body, a JSON object, or in the URI that a proxy has
 * told in the header X-Original-URI: in the place of {id} in its path, or behind the
 * question mark.  Both go through the same checks, and nothing may be given twice.
 */
#include "account.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/jsonapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#define URI_HEADER "x-original-uri"
#define LIST_DEFAULT 20
#define LIST_MAX 100

static void render_composite(StringInfo json, Datum composite);

/* ---------------------------------------------------------------------------
 * Values as JSON
 */

/* S2.25: UTC with Z, whatever TimeZone and DateStyle are. */
static void
render_time(StringInfo json, TimestampTz time)
{
	struct pg_tm tm;
	fsec_t		fraction;

	if (TIMESTAMP_NOT_FINITE(time) || timestamp2tm(time, NULL, &tm, &fraction, NULL, NULL) != 0)
		appendStringInfoString(json, "null");
	else
		appendStringInfo(json, "\"%04d-%02d-%02dT%02d:%02d:%02d.%06dZ\"", tm.tm_year, tm.tm_mon, tm.tm_mday,
						 tm.tm_hour, tm.tm_min, tm.tm_sec, (int) fraction);
}

static void render_value(StringInfo json, Datum value, bool isnull, Oid type);

static void
render_array(StringInfo json, Datum value, Oid element)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	Datum	   *values;
	bool	   *nulls;
	int			count;
	int16		length;
	bool		by_value;
	char		alignment;

	get_typlenbyvalalign(element, &length, &by_value, &alignment);
	deconstruct_array(array, element, length, by_value, alignment, &values, &nulls, &count);
	appendStringInfoChar(json, '[');
	for (int i = 0; i < count; i++)
	{
		if (i > 0)
			appendStringInfoString(json, ", ");
		render_value(json, values[i], nulls[i], element);
	}
	appendStringInfoChar(json, ']');
}

static void
render_value(StringInfo json, Datum value, bool isnull, Oid type)
{
	Oid			output;
	bool		varlena;

	type = getBaseType(type);
	getTypeOutputInfo(type, &output, &varlena);
	if (isnull)
		appendStringInfoString(json, "null");
	else if (type == TIMESTAMPTZOID)
		render_time(json, DatumGetTimestampTz(value));
	else if (type == BOOLOID)
		appendStringInfoString(json, DatumGetBool(value) ? "true" : "false");
	else if (type == INT4OID || type == INT8OID || type == NUMERICOID || type == JSONBOID)
		appendStringInfoString(json, OidOutputFunctionCall(output, value));
	else if (type_is_rowtype(type))
		render_composite(json, value);
	else if (OidIsValid(get_element_type(type)))
		render_array(json, value, get_element_type(type));
	else
		escape_json(json, OidOutputFunctionCall(output, value));
}

/* An object of the columns of a row from the given one (from 0) on; a jsonb alone is itself. */
static void
render_row(StringInfo json, HeapTuple row, TupleDesc descriptor, int first)
{
	bool		alone = descriptor->natts == first + 1 && TupleDescAttr(descriptor, first)->atttypid == JSONBOID;
	const char *separator = "{";

	for (int i = first; i < descriptor->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(descriptor, i);
		bool		isnull;
		Datum		value = heap_getattr(row, i + 1, descriptor, &isnull);

		if (!alone)
		{
			appendStringInfoString(json, separator);
			escape_json(json, NameStr(attribute->attname));
			appendStringInfoString(json, ": ");
		}
		render_value(json, value, isnull, attribute->atttypid);
		separator = ", ";
	}
	if (!alone)
		appendStringInfoString(json, "}");
}

void
document_render(StringInfo json, uint64 row, int first)
{
	render_row(json, SPI_tuptable->vals[row], SPI_tuptable->tupdesc, first);
}

static void
render_composite(StringInfo json, Datum composite)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(composite);
	TupleDesc	descriptor = lookup_rowtype_tupdesc_copy(HeapTupleHeaderGetTypeId(header),
														 HeapTupleHeaderGetTypMod(header));
	HeapTupleData row = {.t_len = HeapTupleHeaderGetDatumLength(header), .t_data = header};

	render_row(json, &row, descriptor, 0);
}

/* ---------------------------------------------------------------------------
 * What a caller gives
 */

/* The parameters of a call, as they are gathered. */
typedef struct Parameters
{
	const Document *document;
	Validation	validation;
	StringInfoData json;		/* what the URI says, without the closing brace */
	Jsonb	   *body;
} Parameters;

static const DocumentMember *
find_member(const Document *document, const char *name)
{
	for (int i = 0; i < lengthof(document->members) && document->members[i].name != NULL; i++)
	{
		if (strcmp(document->members[i].name, name) == 0)
			return &document->members[i];
	}
	return NULL;
}

static bool
is_integer(const char *text)
{
	size_t		length = strlen(text);

	return length >= 1 && length <= 9 && strspn(text, "0123456789") == length;
}

/* Whether each element of a JSON array is a string, and a uuid if it has to be. */
static bool
is_list(JsonbContainer *array, bool ids)
{
	JsonbIterator *iterator = JsonbIteratorInit(array);
	JsonbValue	value;
	JsonbIteratorToken token = JsonbIteratorNext(&iterator, &value, true);
	pg_uuid_t	uuid;

	if (token != WJB_BEGIN_ARRAY)
		return false;
	while ((token = JsonbIteratorNext(&iterator, &value, true)) == WJB_ELEM)
	{
		if (value.type != jbvString)
			return false;
		if (ids && !request_is_uuid(pnstrdup(value.val.string.val, value.val.string.len), &uuid))
			return false;
	}
	return true;
}

/* Whether a JSON value is of the type of a member; null clears, or is as if it were not given. */
static bool
is_of_type(const JsonbValue *value, DocumentType type)
{
	bool		string = value->type == jbvString;
	char	   *text = string ? pnstrdup(value->val.string.val, value->val.string.len) : NULL;
	pg_uuid_t	uuid;

	if (value->type == jbvNull)
		return true;
	switch (type)
	{
		case DOCUMENT_TEXT:
			return string;
		case DOCUMENT_ID:
			return string && request_is_uuid(text, &uuid);
		case DOCUMENT_COUNT:
			return value->type == jbvNumeric;
		case DOCUMENT_BOOLEAN:
			return value->type == jbvBool;
		case DOCUMENT_OBJECT:
			return value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data);
		case DOCUMENT_TEXTS:
		case DOCUMENT_IDS:
			return value->type == jbvBinary && is_list(value->val.binary.data, type == DOCUMENT_IDS);
	}
	return false;
}

static void
add_wrong_type(Parameters *parameters, const DocumentMember *member)
{
	static const char *const wanted[] = {
		[DOCUMENT_TEXT] = "must be a string",
		[DOCUMENT_ID] = "must be an id",
		[DOCUMENT_COUNT] = "must be a number",
		[DOCUMENT_BOOLEAN] = "must be true or false",
		[DOCUMENT_OBJECT] = "must be an object",
		[DOCUMENT_TEXTS] = "must be an array of strings",
		[DOCUMENT_IDS] = "must be an array of ids"
	};

	validation_add(&parameters->validation, member->name, "type", wanted[member->type], NULL);
}

/* Checks the members of the body. */
static void
check_body(Parameters *parameters)
{
	JsonbIterator *iterator = JsonbIteratorInit(&parameters->body->root);
	JsonbValue	key;
	JsonbValue	value;

	if (!JB_ROOT_IS_OBJECT(parameters->body))
		error_raise(ERROR_BAD_REQUEST, NULL, "the body has to be a JSON object");
	(void) JsonbIteratorNext(&iterator, &key, true);
	while (JsonbIteratorNext(&iterator, &key, true) == WJB_KEY)
	{
		char	   *name = pnstrdup(key.val.string.val, key.val.string.len);
		const DocumentMember *member = find_member(parameters->document, name);

		(void) JsonbIteratorNext(&iterator, &value, true);
		if (member != NULL && !is_of_type(&value, member->type))
			add_wrong_type(parameters, member);
		else if (member == NULL && !parameters->document->open_ended)
			validation_add(&parameters->validation, name, "unknown", "is not a member of this request", NULL);
	}
}

/* Adds what the URI gives under a name. */
static void
add_from_uri(Parameters *parameters, const char *name, const char *value)
{
	const DocumentMember *member = find_member(parameters->document, name);
	JsonbValue	key = {.type = jbvString};
	bool		literal;
	pg_uuid_t	uuid;

	key.val.string.val = unconstify(char *, name);
	key.val.string.len = strlen(name);
	if (member == NULL || member->type >= DOCUMENT_OBJECT)
		validation_add(&parameters->validation, name, "unknown", "is not a parameter of this request", NULL);
	else if (findJsonbValueFromContainer(&parameters->body->root, JB_FOBJECT, &key) != NULL ||
			 strstr(parameters->json.data, psprintf("\"%s\": ", name)) != NULL)
		validation_add(&parameters->validation, name, "duplicate", "is given twice", NULL);
	else if ((member->type == DOCUMENT_ID && !request_is_uuid(value, &uuid)) ||
			 (member->type == DOCUMENT_COUNT && !is_integer(value)) ||
			 (member->type == DOCUMENT_BOOLEAN && strcmp(value, "true") != 0 && strcmp(value, "false") != 0))
		add_wrong_type(parameters, member);
	else
	{
		literal = member->type == DOCUMENT_COUNT || member->type == DOCUMENT_BOOLEAN;
		appendStringInfo(&parameters->json, "%s\"%s\": ", parameters->json.len > 1 ? ", " : "", name);
		if (literal)
			appendStringInfoString(&parameters->json, value);
		else
			escape_json(&parameters->json, value);
	}
}

/* What percent signs stand for; raises BAD_REQUEST if it is no text. */
static char *
decode(const char *start, size_t length)
{
	char	   *decoded = palloc(length + 1);
	size_t		end = 0;

	for (size_t i = 0; i < length; i++)
	{
		unsigned int byte;

		if (start[i] == '%' && i + 2 < length && strspn(start + i + 1, "0123456789abcdefABCDEF") >= 2 &&
			sscanf(start + i + 1, "%2x", &byte) == 1)
		{
			decoded[end++] = (char) byte;
			i += 2;
		}
		else
			decoded[end++] = start[i] == '+' ? ' ' : start[i];
	}
	decoded[end] = '\0';
	if (strlen(decoded) != end || !pg_verifymbstr(decoded, end, true))
		error_raise(ERROR_BAD_REQUEST, NULL, "the URI is not made of text");
	return decoded;
}

/* Whether the path of a URI is the document's, and what stands for {id} there; NULL if nothing does. */
static bool
match_path(const char *path, const char *uri, size_t length, char **id)
{
	const char *place = strstr(path, "{id}");
	size_t		before = place != NULL ? place - path : strlen(path);
	size_t		after = place != NULL ? strlen(place + 4) : 0;

	*id = NULL;
	if (place == NULL)
		return length == before && memcmp(uri, path, length) == 0;
	if (length <= before + after || memcmp(uri, path, before) != 0 ||
		memcmp(uri + length - after, place + 4, after) != 0 ||
		memchr(uri + before, '/', length - before - after) != NULL)
		return false;
	*id = decode(uri + before, length - before - after);
	return true;
}

/* Adds what stands in the URI that the proxy was asked for, if there was one. */
static void
read_uri(Parameters *parameters)
{
	List	   *headers;
	char	   *uri;
	char	   *id = NULL;
	size_t		length;
	bool		matched = false;

	if (!request_read("request.headers", &headers) || request_find(headers, URI_HEADER, &uri) == 0)
		return;
	length = strcspn(uri, "?");
	for (int i = 0; i < lengthof(parameters->document->paths) && !matched; i++)
		matched = parameters->document->paths[i] != NULL &&
			match_path(parameters->document->paths[i], uri, length, &id);
	if (!matched)
		error_raise(ERROR_BAD_REQUEST, NULL, "X-Original-URI is not the path of this request");
	if (id != NULL)
		add_from_uri(parameters, "id", id);
	if (uri[length] == '?')
		length++;
	while (uri[length] != '\0')
	{
		const char *pair = uri + length;
		size_t		end = strcspn(pair, "&");
		size_t		name = strcspn(pair, "=&");

		if (end > 0)
			add_from_uri(parameters, decode(pair, name), name < end ? decode(pair + name + 1, end - name - 1) : "");
		length += end + (pair[end] == '&');
	}
}

/* All parameters as one JSON object; raises VALIDATION_FAILED, BAD_REQUEST. */
static Datum
read_parameters(const Document *document, text *body)
{
	static JsonSemAction nothing;
	Parameters	parameters = {.document = document};
	char	   *json = body != NULL ? text_to_cstring(body) : "{}";
	Datum		given;

	/* It may be what was sent, whatever that is (part body). */
	if (pg_parse_json(make_json_lexer(json, strlen(json)), &nothing) != JSON_SUCCESS)
		error_raise(ERROR_BAD_REQUEST, NULL, "the body is not JSON");
	given = DirectFunctionCall1(jsonb_in, CStringGetDatum(json));
	parameters.body = DatumGetJsonbP(given);
	validation_start(&parameters.validation);
	initStringInfo(&parameters.json);
	appendStringInfoChar(&parameters.json, '{');
	check_body(&parameters);
	read_uri(&parameters);
	validation_finish(&parameters.validation);
	appendStringInfoChar(&parameters.json, '}');
	return DirectFunctionCall2(jsonb_concat, given,
							   DirectFunctionCall1(jsonb_in, CStringGetDatum(parameters.json.data)));
}

char *
document_member(Datum object, const char *name)
{
	LOCAL_FCINFO(fcinfo, 2);
	Datum		value;

	InitFunctionCallInfoData(*fcinfo, NULL, 2, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = object;
	fcinfo->args[0].isnull = false;
	fcinfo->args[1].value = CStringGetTextDatum(name);
	fcinfo->args[1].isnull = false;
	value = jsonb_object_field_text(fcinfo);
	return fcinfo->isnull ? NULL : TextDatumGetCString(value);
}

/* ---------------------------------------------------------------------------
 * Lists
 */

/* Where a page of a list begins, and how it goes on. */
typedef struct ListPage
{
	bool		backwards;		/* newest first */
	TimestampTz after_time;		/* of the last row before the page, in its direction */
	pg_uuid_t	after_id;
	TimestampTz end;			/* what is there or further is not asked for */
	int			limit;
} ListPage;

#define CURSOR_LENGTH 53		/* 16 hexadecimal digits, a point, a uuid */

static char *
make_cursor(TimestampTz time, const pg_uuid_t *id)
{
	return psprintf("%016llx.%s", (unsigned long long) time, tree_uuid_text(id));
}

static bool
read_cursor(const char *cursor, ListPage *page)
{
	unsigned long long time;

	if (strlen(cursor) != CURSOR_LENGTH || strspn(cursor, "0123456789abcdef") != 16 || cursor[16] != '.' ||
		sscanf(cursor, "%16llx", &time) != 1 || !request_is_uuid(cursor + 17, &page->after_id))
		return false;
	page->after_time = (TimestampTz) time;
	return true;
}

static bool
read_time(Datum parameters, const char *name, TimestampTz *time)
{
	char	   *value = document_member(parameters, name);

	if (value != NULL)
		*time = DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(value),
														ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	return value != NULL;
}

/* created_after and created_before: one is where the list begins, the other where it ends. */
static void
read_bounds(Datum parameters, ListPage *page)
{
	const char *first = page->backwards ? "created_before" : "created_after";
	TimestampTz start;

	page->end = page->backwards ? DT_NOBEGIN : DT_NOEND;
	(void) read_time(parameters, page->backwards ? "created_after" : "created_before", &page->end);
	if (!read_time(parameters, first, &start) ||
		(page->backwards ? page->after_time < start : page->after_time > start))
		return;
	page->after_time = start;
	memset(&page->after_id, page->backwards ? 0 : 0xff, UUID_LEN);
}

static void
read_page(Datum parameters, ListPage *page)
{
	char	   *order = document_member(parameters, "sort_order");
	char	   *limit = document_member(parameters, "limit");
	char	   *cursor = document_member(parameters, "cursor");
	Validation	validation;

	validation_start(&validation);
	page->backwards = order != NULL && strcmp(order, "desc") == 0;
	page->after_time = page->backwards ? DT_NOEND : DT_NOBEGIN;
	memset(&page->after_id, page->backwards ? 0xff : 0, UUID_LEN);
	page->limit = LIST_DEFAULT;
	if (order != NULL && strcmp(order, "asc") != 0 && !page->backwards)
		validation_add(&validation, "sort_order", "enum", "must be asc or desc", NULL);
	if (limit != NULL)
		page->limit = is_integer(limit) ? atoi(limit) : 0;
	if (page->limit < 1 || page->limit > LIST_MAX)
		validation_add(&validation, "limit", "range", "must be from 1 to 100", NULL);
	if (cursor != NULL && !read_cursor(cursor, page))
		validation_add(&validation, "cursor", "pattern", "must be a next_cursor of an earlier answer", NULL);
	validation_finish(&validation);
	read_bounds(parameters, page);
}

/* The rows of the last result, of which the first two columns are time and id, as a page. */
static void
render_page(StringInfo json, const ListPage *page)
{
	uint64		rows = SPI_processed;
	TupleDesc	descriptor = SPI_tuptable->tupdesc;
	char	   *cursor = NULL;

	appendStringInfoString(json, "{\"data\": [");
	for (uint64 row = 0; row < Min(rows, page->limit); row++)
	{
		if (row > 0)
			appendStringInfoString(json, ", ");
		document_render(json, row, 2);
	}
	if (rows > page->limit)
	{
		bool		isnull;
		HeapTuple	last = SPI_tuptable->vals[page->limit - 1];
		TimestampTz time = DatumGetTimestampTz(heap_getattr(last, 1, descriptor, &isnull));

		cursor = make_cursor(time, DatumGetUUIDP(heap_getattr(last, 2, descriptor, &isnull)));
	}
	appendStringInfo(json, cursor != NULL ? "], \"next_cursor\": \"%s\"}" : "], \"next_cursor\": null}", cursor);
}

/* Raises FORBIDDEN where the view behind a list would just be empty. */
static void
require_reading(const char *resource)
{
	const Identity *identity = identity_current();
	char	   *permission = psprintf("read:%s", resource);

	if (!identity->has_account || (!caller_permits(identity, permission) &&
								   !caller_permits(identity, psprintf("manage:%s", resource))))
		error_raise(ERROR_FORBIDDEN, NULL, "permission denied: it takes %s", permission);
}

static void
run_list(Document *document, Datum parameters, StringInfo json)
{
	char	   *id = document->id_is_account ? document_member(parameters, "id") : NULL;
	pg_uuid_t	account_id;
	Target		target;
	ListPage	page;
	Datum		values[6];
	QueryScope	scope;

	read_page(parameters, &page);
	if (id != NULL)
		(void) request_is_uuid(id, &account_id);
	caller_target(NULL, id != NULL ? &account_id : NULL, SCOPE_OWN | SCOPE_DESCENDANTS, &target);
	if (document->reads != NULL)
		require_reading(document->reads);
	values[0] = parameters;
	values[1] = TimestampTzGetDatum(page.after_time);
	values[2] = UUIDPGetDatum(&page.after_id);
	values[3] = Int32GetDatum(page.limit + 1);
	values[4] = UUIDPGetDatum(&target.account_id);
	values[5] = TimestampTzGetDatum(page.end);
	query_open(&scope);
	(void) query_read(page.backwards ? &document->backwards : &document->statement, values, NULL);
	render_page(json, &page);
	query_close(&scope);
}

/* ---------------------------------------------------------------------------
 * Running a call
 */

/* Runs the statements of a call as the caller, with names looked up in our way. */
static void
run_statements(Document *document, Datum parameters, StringInfo json)
{
	Statement  *statement = &document->statement;
	uint64		rows;

	SPI_connect();
	rows = document->writes ? query_write(statement, &parameters, NULL) : query_read(statement, &parameters, NULL);
	if (document->then.text != NULL)
	{
		Datum		values[2];
		char		nulls[3] = "  ";
		bool		isnull;

		/* An id, and a text that is told this once. */
		for (int i = 0; i < document->then.nargs; i++)
		{
			values[i] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1, &isnull);
			nulls[i] = isnull ? 'n' : ' ';
		}
		rows = query_latest(&document->then, values, nulls);
	}
	if (document->all)
	{
		appendStringInfoString(json, "{\"data\": [");
		for (uint64 row = 0; row < rows; row++)
		{
			appendStringInfoString(json, row > 0 ? ", " : "");
			document_render(json, row, 0);
		}
		appendStringInfoString(json, "], \"next_cursor\": null}");
	}
	else if (document->status != 204)
		document_render(json, 0, 0);
	SPI_finish();
}

/* Carries a call out and returns its status. */
static int
run(Document *document, text *given, StringInfo json)
{
	Datum		parameters;
	int			status = document->status;
	int			nest_level;

	if (!postgrest_enter() && !document->open)
		postgrest_require_credential();
	parameters = read_parameters(document, given);
	nest_level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	if (document->handle != NULL)
		status = document->handle(parameters, json);
	else if (document->backwards.text != NULL)
		run_list(document, parameters, json);
	else
		run_statements(document, parameters, json);
	/* What is deferred fails here, in the words of the documents, and not when PostgREST commits. */
	if (request_is_active() && (document->writes || document->handle != NULL))
		script_settle();
	AtEOXact_GUC(true, nest_level);
	return status;
}

/* The code that an error is told under: what is not ours is told without its text. */
static ErrorCode
code_of(const ErrorData *error)
{
	ErrorCode	code = error_code_of(error->sqlerrcode);

	if (code != ERROR_CODES)
		return code;
	switch (ERRCODE_TO_CATEGORY(error->sqlerrcode))
	{
		case ERRCODE_DATA_EXCEPTION:
		case ERRCODE_PROGRAM_LIMIT_EXCEEDED:
			return ERROR_BAD_REQUEST;
		case ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION:
			return ERROR_CONFLICT;
		case ERRCODE_FEATURE_NOT_SUPPORTED:
			/* What a database that knows no characters says of one that is written as an escape. */
			if (GetDatabaseEncoding() == PG_SQL_ASCII)
				return ERROR_BAD_REQUEST;
			break;
	}
	return error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE ? ERROR_FORBIDDEN : ERROR_INTERNAL_SERVER_ERROR;
}

/* Writes an error, which nobody else does, to the server's log, with the id in its body. */
static void
log_error(int sqlstate, const char *message, const char *body)
{
	ereport(LOG_SERVER_ONLY,
			(errcode(sqlstate), errmsg_internal("%s", message), errdetail_internal("%s", body),
			 errhidestmt(true), errhidecontext(true)));
}

int
document_refuse(ErrorCode code, const char *note, StringInfo json)
{
	appendStringInfoString(json, error_document(code, note));
	log_error(ERRCODE_SUCCESSFUL_COMPLETION, note, json->data);
	return error_http_status(code);
}

/* Turns an error into a body; returns its status. */
static int
answer_error(const ErrorData *error, StringInfo json)
{
	ErrorCode	code = code_of(error);
	char	   *challenge = error_challenge(code);
	char	   *seconds = error_retry_after(code);

	if (error_code_of(error->sqlerrcode) != ERROR_CODES && error->detail != NULL)
		appendStringInfoString(json, error->detail);
	else
		appendStringInfoString(json, error_document(code, NULL));
	log_error(error->sqlerrcode, error->message, json->data);
	if (challenge != NULL && request_is_active())
		request_answer_headers("WWW-Authenticate", challenge);
	if (seconds != NULL && request_is_active())
		request_answer_headers("Retry-After", seconds);
	return error_http_status(code);
}

/* Carries a call out in a subtransaction; returns its status, or NULL in *error. */
static int
try_run(Document *document, text *given, StringInfo json, ErrorData **error)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile int status = 0;

	*error = NULL;
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		status = run(document, given, json);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		*error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return status;
}

Datum
document_answer(FunctionCallInfo fcinfo, Document *document)
{
	text	   *given = PG_ARGISNULL(0) ? NULL : PG_GETARG_TEXT_PP(0);
	bool		before = error_as_document(true);
	ErrorData  *error;
	StringInfoData json;
	volatile int status = 0;

	initStringInfo(&json);
	PG_TRY();
	{
		status = try_run(document, given, &json, &error);
	}
	PG_FINALLY();
	{
		(void) error_as_document(before);
	}
	PG_END_TRY();
	if (error != NULL)
	{
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED || error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN)
			ReThrowError(error);
		resetStringInfo(&json);
		status = answer_error(error, &json);
	}
	if (status != 200 && request_is_active())
		request_answer_status(status);
	if (json.len == 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(json.data, json.len));
}
