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

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

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

void
changes_check_value(Validation *validation, const ChangeField *field, Datum value, bool isnull)
{
	if (isnull)
	{
		if (!field->nullable)
			validation_add(validation, field->key, "required", "must not be null", NULL);
	}
	else if (field->json && !is_object(value))
		validation_add(validation, field->key, "type", "must be a JSON object", NULL);
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
