/*
 * detail.c
 *	  What an entry of the audit log says of a row that was changed.
 *
 * A JSON object with the columns that are told: what they were before, what they are after, and
 * whatever else the change is known by.  Of an update those alone that have changed, of a row
 * that came or went all that are not NULL.
 */
#include "account.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/datum.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

/* ---------------------------------------------------------------------------
 * Columns of the row
 */

/* The row as it is or, once deleted, was. */
static HeapTuple
row_of(const Change *change)
{
	return change->after != NULL ? change->after : change->before;
}

/* A column of one version of the row. */
static Datum
column_of(const Change *change, HeapTuple tuple, const char *name, bool *isnull)
{
	int			number = SPI_fnumber(change->descriptor, name);

	if (number <= 0)
		elog(ERROR, "there is no column \"%s\"", name);
	return heap_getattr(tuple, number, change->descriptor, isnull);
}

bool
detail_uuid(const Change *change, const char *name, pg_uuid_t *uuid)
{
	bool		isnull;
	Datum		value = column_of(change, row_of(change), name, &isnull);

	if (!isnull)
		*uuid = *DatumGetUUIDP(value);
	return !isnull;
}

char
detail_char(const Change *change, const char *name)
{
	bool		isnull;

	return DatumGetChar(column_of(change, row_of(change), name, &isnull));
}

int64
detail_int64(const Change *change, const char *name)
{
	bool		isnull;

	return DatumGetInt64(column_of(change, row_of(change), name, &isnull));
}

bool
detail_is_null(const Change *change, HeapTuple tuple, const char *name)
{
	bool		isnull;

	(void) column_of(change, tuple, name, &isnull);
	return isnull;
}

bool
detail_has_changed(const Change *change, const char *name)
{
	int			number = SPI_fnumber(change->descriptor, name);
	Form_pg_attribute attribute = TupleDescAttr(change->descriptor, number - 1);
	bool		was_null;
	bool		is_now_null;
	Datum		before = column_of(change, change->before, name, &was_null);
	Datum		after = column_of(change, change->after, name, &is_now_null);

	if (was_null || is_now_null)
		return was_null != is_now_null;
	return !datum_image_eq(before, after, attribute->attbyval, attribute->attlen);
}

/* ---------------------------------------------------------------------------
 * Detail
 */

static char *
output_of(Oid type, Datum value)
{
	Oid			output;
	bool		varlena;
	char		buffer[MAXDATELEN + 1];

	/* Whatever the caller's DateStyle is. */
	if (type == TIMESTAMPTZOID)
		return pstrdup(JsonEncodeDateTime(buffer, value, TIMESTAMPTZOID, NULL));
	getTypeOutputInfo(type, &output, &varlena);
	return OidOutputFunctionCall(output, value);
}

/* An array of strings, if it is short enough to be one in JSON; false otherwise. */
static bool
append_array(StringInfo json, Oid element, Datum value)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	int			start = json->len;
	int16		length;
	bool		byval;
	char		align;
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	if (VARSIZE(array) > AUDIT_VALUE_MAX)
		return false;
	get_typlenbyvalalign(element, &length, &byval, &align);
	deconstruct_array(array, element, length, byval, align, &elements, &nulls, &count);
	appendStringInfoChar(json, '[');
	for (int i = 0; i < count; i++)
	{
		appendStringInfoString(json, i > 0 ? ", " : "");
		if (nulls[i])
			appendStringInfoString(json, "null");
		else
			escape_json(json, output_of(element, elements[i]));
	}
	appendStringInfoChar(json, ']');
	return json->len > start;
}

/* A value as JSON, at most AUDIT_VALUE_MAX bytes of it. */
static void
append_value(StringInfo json, Oid type, Datum value, bool personal)
{
	Oid			base = getBaseType(type);
	Oid			element = get_element_type(base);
	char	   *text;

	if (OidIsValid(element) && !personal && append_array(json, element, value))
		return;
	text = output_of(base, value);
	if (personal)
		escape_json(json, audit_digest(text));
	else if (base == BOOLOID)
		appendStringInfoString(json, DatumGetBool(value) ? "true" : "false");
	else if (base == JSONBOID && strlen(text) <= AUDIT_VALUE_MAX)
		appendStringInfoString(json, text);
	else
		escape_json(json, audit_cut(text));
}

void
detail_say(Change *change, const char *name, Oid type, Datum value)
{
	appendStringInfo(&change->more, "%s\"%s\": ", change->more.len > 0 ? ", " : "", name);
	append_value(&change->more, type, value, false);
}

void
detail_say_column(Change *change, const char *name)
{
	bool		isnull;
	Datum		value = column_of(change, row_of(change), name, &isnull);

	if (!isnull)
		detail_say(change, name, TupleDescAttr(change->descriptor, SPI_fnumber(change->descriptor, name) - 1)->atttypid, value);
}

/* One version of the row: what was changed, or all that is not NULL of a row that came or went. */
static void
append_version(StringInfo json, const Change *change, HeapTuple tuple)
{
	int			start;

	appendStringInfoChar(json, '{');
	start = json->len;
	for (const DetailColumn *column = change->columns; column->name != NULL; column++)
	{
		int			number = SPI_fnumber(change->descriptor, column->name);
		bool		isnull;
		Datum		value = column_of(change, tuple, column->name, &isnull);
		bool		both = change->before != NULL && change->after != NULL;

		if (both ? !detail_has_changed(change, column->name) : isnull)
			continue;
		appendStringInfo(json, "%s\"%s\": ", json->len > start ? ", " : "", column->name);
		if (isnull)
			appendStringInfoString(json, "null");
		else
			append_value(json, TupleDescAttr(change->descriptor, number - 1)->atttypid, value, column->personal);
	}
	appendStringInfoChar(json, '}');
}

char *
detail_describe(const Change *change)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	if (change->before != NULL)
	{
		appendStringInfoString(&json, "\"before\": ");
		append_version(&json, change, change->before);
	}
	if (change->after != NULL)
	{
		appendStringInfoString(&json, json.len > 1 ? ", \"after\": " : "\"after\": ");
		append_version(&json, change, change->after);
	}
	if (change->more.len > 0)
		appendStringInfo(&json, ", %s", change->more.data);
	appendStringInfoChar(&json, '}');
	return json.data;
}

bool
detail_is_told(const Change *change)
{
	if (change->always || change->before == NULL || change->after == NULL)
		return true;
	for (const DetailColumn *column = change->columns; column->name != NULL; column++)
	{
		if (detail_has_changed(change, column->name))
			return true;
	}
	return false;
}
