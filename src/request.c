/*
 * request.c
 *	  The HTTP request that a transaction is run for, as PostgREST tells it.
 *
 * PostgREST gives each request a transaction of its own and says in settings of that
 * transaction what was asked: request.method, request.path, and request.headers and
 * request.cookies, each a flat JSON object of strings.  It reads the status and the
 * headers of the answer from response.status and response.headers.
 *
 * Anybody who runs SQL can set all of them to anything.  So what is read here decides
 * about the form of an answer, and names a credential that is then verified; it is never
 * a reason to trust anybody.
 */
#include "account.h"

#include "common/jsonapi.h"
#include "utils/builtins.h"
#include "utils/json.h"

/* What is read of a JSON object. */
typedef struct Reading
{
	JsonLexContext *lexer;
	char	   *name;			/* of the member that is being read */
	bool		flat;			/* an object of strings so far */
	List	   *members;
} Reading;

/* A setting, "" if there is none. What was given with the connection may be no text of the server's encoding: then, too. */
static const char *
setting(const char *name)
{
	const char *value = GetConfigOption(name, true, false);

	return value != NULL && pg_verifymbstr(value, strlen(value), true) ? value : "";
}

bool
request_is_active(void)
{
	return setting("request.method")[0] != '\0';
}

const char *
request_method(void)
{
	return setting("request.method");
}

const char *
request_path(void)
{
	return setting("request.path");
}

/* ---------------------------------------------------------------------------
 * Flat JSON objects
 */

static JSON_ACTION
start_structure(void *state)
{
	Reading    *reading = state;

	if (reading->lexer->lex_level > 0)
		reading->flat = false;
	return JSON_ACTION_DONE;
}

static JSON_ACTION
start_array(void *state)
{
	((Reading *) state)->flat = false;
	return JSON_ACTION_DONE;
}

static JSON_ACTION
start_member(void *state, char *name, bool isnull)
{
	((Reading *) state)->name = name;
	return JSON_ACTION_DONE;
}

static JSON_ACTION
take_value(void *state, char *token, JsonTokenType type)
{
	Reading    *reading = state;

	if (reading->name == NULL || type != JSON_TOKEN_STRING)
		reading->flat = false;
	else
	{
		RequestMember *member = palloc(sizeof(RequestMember));

		member->name = reading->name;
		member->value = token;
		reading->members = lappend(reading->members, member);
	}
	return JSON_ACTION_DONE;
}

bool
request_read(const char *name, List **members)
{
	const char *json = setting(name);
	Reading		reading = {.flat = true};
	JsonSemAction actions = {
		.semstate = &reading,
		.object_start = start_structure,
		.array_start = start_array,
		.object_field_start = start_member,
		.scalar = take_value
	};

	*members = NIL;
	if (json[0] == '\0')
		return true;
	reading.lexer = make_json_lexer(pstrdup(json), strlen(json));
	if (pg_parse_json(reading.lexer, &actions) != JSON_SUCCESS || !reading.flat)
		return false;
	*members = reading.members;
	return true;
}

static int
find(List *members, const char *name, int (*compare) (const char *left, const char *right), char **value)
{
	int			count = 0;
	ListCell   *cell;

	*value = NULL;
	foreach(cell, members)
	{
		RequestMember *member = lfirst(cell);

		if (compare(member->name, name) != 0)
			continue;
		*value = member->value;
		count++;
	}
	return count;
}

int
request_find(List *members, const char *name, char **value)
{
	return find(members, name, pg_strcasecmp, value);
}

int
request_find_cookie(List *members, const char *name, char **value)
{
	return find(members, name, strcmp, value);
}

List *
request_without(List *members, const char *name)
{
	ListCell   *cell;

	foreach(cell, members)
	{
		if (pg_strcasecmp(((RequestMember *) lfirst(cell))->name, name) == 0)
			members = foreach_delete_current(members, cell);
	}
	return members;
}

/* The value of a hexadecimal digit; -1 if it is none. */
static int
digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool
request_is_uuid(const char *text, pg_uuid_t *uuid)
{
	if (strlen(text) != 36)
		return false;
	for (int i = 0, digit = 0; i < 36; i++)
	{
		int			value = digit_value(text[i]);

		if (i == 8 || i == 13 || i == 18 || i == 23)
		{
			if (text[i] != '-')
				return false;
			continue;
		}
		if (value < 0)
			return false;
		if (digit % 2 == 0)
			uuid->data[digit / 2] = value << 4;
		else
			uuid->data[digit / 2] |= value;
		digit++;
	}
	return true;
}

/* ---------------------------------------------------------------------------
 * Settings of this transaction
 */

static void
set_local(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
}

void
request_write(const char *name, List *members)
{
	StringInfoData json;
	ListCell   *cell;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	foreach(cell, members)
	{
		RequestMember *member = lfirst(cell);

		if (json.len > 1)
			appendStringInfoString(&json, ", ");
		escape_json(&json, member->name);
		appendStringInfoString(&json, ": ");
		escape_json(&json, member->value);
	}
	appendStringInfoChar(&json, '}');
	set_local(name, json.data);
}

void
request_answer_status(int status)
{
	set_local("response.status", psprintf("%d", status));
}

void
request_answer_headers(const char *more, const char *value)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoString(&json, "[{\"Cache-Control\": \"" REQUEST_CACHE_CONTROL "\"}, {\"Vary\": \"" REQUEST_VARY "\"}");
	if (more != NULL)
	{
		appendStringInfoString(&json, ", {");
		escape_json(&json, more);
		appendStringInfoString(&json, ": ");
		escape_json(&json, value);
		appendStringInfoChar(&json, '}');
	}
	appendStringInfoChar(&json, ']');
	set_local("response.headers", json.data);
}
