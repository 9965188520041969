/*
 * changes.c
 *	  The values of a call, checked against the fields that it knows.
 *
 * Functions that change something take a JSON object of changes.  A member that
 * no field is named after is refused, never ignored: a caller who sets what he
 * may not set learns so, and nothing is changed.  All that is wrong is gathered
 * before anything is raised.
 */
#include "account.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

/* More members than any update function has fields: the rest is not even listed. */
#define CHANGES_MAX 100

/* A member's name is repeated in an error up to so many bytes. */
#define CHANGES_KEY_SHOWN 100

bool
changes_is_length(Datum value, int min_characters, int max_characters)
{
	text	   *string = DatumGetTextPP(value);
	int			characters = pg_mbstrlen_with_len(VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string));

	return characters >= min_characters && characters <= max_characters;
}

static bool
is_object(Datum value)
{
	return JB_ROOT_IS_OBJECT(DatumGetJsonbP(value));
}

/* Whether a JSON value is an array of strings. */
static bool
is_list(Datum value)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	element;

	if (!JB_ROOT_IS_ARRAY(DatumGetJsonbP(value)) || JB_ROOT_IS_SCALAR(DatumGetJsonbP(value)))
		return false;
	iterator = JsonbIteratorInit(&DatumGetJsonbP(value)->root);
	while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
	{
		if (token == WJB_ELEM && element.type != jbvString)
			return false;
	}
	return true;
}

List *
changes_strings(Datum array)
{
	JsonbIterator *iterator = JsonbIteratorInit(&DatumGetJsonbP(array)->root);
	JsonbIteratorToken token;
	JsonbValue	element;
	List	   *strings = NIL;

	while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
	{
		if (token == WJB_ELEM)
			strings = lappend(strings, pnstrdup(element.val.string.val, element.val.string.len));
	}
	return strings;
}

ArrayType *
changes_list(Datum changes, const char *key)
{
	JsonbValue	member;
	Datum		array;
	List	   *strings;
	Datum	   *elements;
	int			count = 0;
	ListCell   *cell;

	if (getKeyJsonValueFromContainer(&DatumGetJsonbP(changes)->root, key, strlen(key), &member) == NULL)
		return NULL;
	array = JsonbPGetDatum(JsonbValueToJsonb(&member));
	if (!is_list(array))
		return NULL;
	strings = changes_strings(array);
	elements = palloc(sizeof(Datum) * Max(list_length(strings), 1));
	foreach(cell, strings)
		elements[count++] = CStringGetTextDatum((char *) lfirst(cell));
	return construct_array(elements, count, TEXTOID, -1, false, TYPALIGN_INT);
}

void
changes_check_value(Validation *validation, const ChangeField *field, Datum value, bool isnull)
{
	if (isnull)
	{
		if (!field->nullable)
			validation_add(validation, field->key, "required", "must not be null", NULL);
	}
	else if (field->json && !(field->list ? is_list(value) : is_object(value)))
		validation_add(validation, field->key, "type",
					   field->list ? "must be a JSON array of strings" : "must be a JSON object", NULL);
	else if (field->is_valid != NULL && !field->is_valid(value))
		validation_add(validation, field->key, "format", field->rule, NULL);
}

static const ChangeField *
find_field(const ChangeField *fields, int nfields, const JsonbValue *key)
{
	for (int i = 0; i < nfields; i++)
	{
		if (strlen(fields[i].key) == key->val.string.len &&
			memcmp(fields[i].key, key->val.string.val, key->val.string.len) == 0)
			return &fields[i];
	}
	return NULL;
}

static void
refuse_unknown(Validation *validation, const JsonbValue *key)
{
	int			length = pg_mbcliplen(key->val.string.val, key->val.string.len, CHANGES_KEY_SHOWN);

	validation_add(validation, pnstrdup(key->val.string.val, length), "unknown",
				   "is not a field that can be changed", NULL);
}

static void
check_member(Validation *validation, const ChangeField *field, JsonbValue *member, ChangeRank rank)
{
	if (rank < field->least)
		validation_add(validation, field->key, "forbidden", field->least == CHANGE_BY_ADMIN ?
					   "is set by administrators alone" : "is set by the accounts above alone", NULL);
	else if (member->type == jbvNull)
		changes_check_value(validation, field, (Datum) 0, true);
	else if (field->json)
		changes_check_value(validation, field, JsonbPGetDatum(JsonbValueToJsonb(member)), false);
	else if (member->type != jbvString)
		validation_add(validation, field->key, "type", "must be a string", NULL);
	else
	{
		text	   *string = cstring_to_text_with_len(member->val.string.val, member->val.string.len);

		changes_check_value(validation, field, PointerGetDatum(string), false);
	}
}

void
changes_check(Validation *validation, Datum changes, bool isnull,
			  const ChangeField *fields, int nfields, ChangeRank rank)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	element;
	const ChangeField *field = NULL;

	if (isnull || !is_object(changes))
	{
		validation_add(validation, "changes", "type", "must be a JSON object", NULL);
		return;
	}
	if (JB_ROOT_COUNT(DatumGetJsonbP(changes)) > CHANGES_MAX)
	{
		validation_add(validation, "changes", "too_many", "has too many members", NULL);
		return;
	}

	iterator = JsonbIteratorInit(&DatumGetJsonbP(changes)->root);
	while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			field = find_field(fields, nfields, &element);
			if (field == NULL)
				refuse_unknown(validation, &element);
		}
		else if (token == WJB_VALUE && field != NULL)
			check_member(validation, field, &element, rank);
	}
}

bool
changes_is_name(Datum value)
{
	return DatumGetBool(DirectFunctionCall1(account_tree_is_name, value));
}

/* ---------------------------------------------------------------------------
 * Arguments
 */

char *
changes_text_argument(FunctionCallInfo fcinfo, int argument, const char *name)
{
	Validation	validation;

	if (PG_ARGISNULL(argument))
		return NULL;
	validation_start(&validation);
	if (toast_raw_datum_size(PG_GETARG_DATUM(argument)) > CHANGES_TEXT_MAX_BYTES + VARHDRSZ)
		validation_add(&validation, name, "max_length",
					   psprintf("it has at most %d bytes", CHANGES_TEXT_MAX_BYTES), NULL);
	validation_finish(&validation);
	return text_to_cstring(PG_GETARG_TEXT_PP(argument));
}

ArrayType *
changes_array_argument(FunctionCallInfo fcinfo, int argument)
{
	return PG_ARGISNULL(argument) ? NULL : PG_GETARG_ARRAYTYPE_P(argument);
}

Interval *
changes_interval_argument(FunctionCallInfo fcinfo, int argument)
{
	return PG_ARGISNULL(argument) ? NULL : PG_GETARG_INTERVAL_P(argument);
}

bool
changes_interval_between(const Interval *interval, const char *low, bool low_included, const char *high)
{
	Datum		lowest = DirectFunctionCall3(interval_in, CStringGetDatum(low), ObjectIdGetDatum(InvalidOid),
											 Int32GetDatum(-1));
	Datum		highest = DirectFunctionCall3(interval_in, CStringGetDatum(high), ObjectIdGetDatum(InvalidOid),
											  Int32GetDatum(-1));
	int			below = DatumGetInt32(DirectFunctionCall2(interval_cmp, IntervalPGetDatum(interval), lowest));
	int			above = DatumGetInt32(DirectFunctionCall2(interval_cmp, IntervalPGetDatum(interval), highest));

	if (interval->month < 0 || interval->day < 0 || interval->time < 0)
		return false;
	return (low_included ? below >= 0 : below > 0) && above <= 0;
}

TimestampTz
changes_plus_interval(TimestampTz start, const Interval *interval)
{
	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
												   TimestampTzGetDatum(start),
												   IntervalPGetDatum(interval)));
}
