/*
 * normal.c
 *	  What people type, in one form: Unicode's NFKC, and case folded.
 *
 * Two texts that look and mean the same have the same code points here, whatever
 * keyboard, encoding or locale they come from.  ASCII letters are folded by hand, the
 * others by the root collation of ICU (pg_catalog."und-x-icu"), which knows no
 * Turkish i, and not at all where the server has none.  No setting of the session and
 * no search_path has a say.
 */
#include "account.h"

#include "catalog/namespace.h"
#include "common/unicode_norm.h"
#include "nodes/value.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

int
normal_length(const pg_wchar *points)
{
	int			length = 0;

	while (points[length] != 0)
		length++;
	return length;
}

bool
normal_is_ascii(const pg_wchar *points)
{
	while (*points != 0 && *points < 0x80)
		points++;
	return *points == 0;
}

static pg_wchar *
decode_utf8(const char *utf8)
{
	pg_wchar   *points = palloc(sizeof(pg_wchar) * (strlen(utf8) + 1));
	int			count = 0;

	for (; *utf8 != '\0'; utf8 += pg_encoding_mblen(PG_UTF8, utf8))
		points[count++] = utf8_to_unicode((const unsigned char *) utf8);
	points[count] = 0;
	return points;
}

pg_wchar *
normal_decode(const char *text)
{
	bool		unchecked = GetDatabaseEncoding() == PG_SQL_ASCII;	/* may be any bytes */
	char	   *utf8 = unchecked ? (char *) text : pg_server_to_any(text, strlen(text), PG_UTF8);
	pg_wchar   *points;

	if (unchecked && pg_encoding_verifymbstr(PG_UTF8, utf8, strlen(utf8)) != (int) strlen(utf8))
		return NULL;
	points = decode_utf8(utf8);
	if (utf8 != text)
		explicit_bzero(utf8, strlen(utf8));
	return points;
}

char *
normal_utf8(const pg_wchar *points)
{
	char	   *utf8 = palloc(normal_length(points) * MAX_MULTIBYTE_CHAR_LEN + 1);
	char	   *end = utf8;

	for (; *points != 0; points++)
	{
		unicode_to_utf8(*points, (unsigned char *) end);
		end += pg_encoding_mblen(PG_UTF8, end);
	}
	*end = '\0';
	return utf8;
}

pg_wchar *
normal_compose(const pg_wchar *points)
{
	pg_wchar   *copy;

	if (!normal_is_ascii(points))
		return unicode_normalize(UNICODE_NFKC, points);
	copy = palloc(sizeof(pg_wchar) * (normal_length(points) + 1));
	memcpy(copy, points, sizeof(pg_wchar) * (normal_length(points) + 1));
	return copy;
}

/* The root collation of ICU, InvalidOid if the server has none that serves this database. */
static Oid
root_collation(void)
{
	if (GetDatabaseEncoding() != PG_UTF8)
		return InvalidOid;
	return get_collation_oid(list_make2(makeString("pg_catalog"), makeString("und-x-icu")), true);
}

pg_wchar *
normal_fold(const pg_wchar *points)
{
	pg_wchar   *folded = normal_compose(points);
	Oid			collation;

	for (pg_wchar *point = folded; *point != 0; point++)
	{
		if (*point >= 'A' && *point <= 'Z')
			*point += 'a' - 'A';
	}
	if (!normal_is_ascii(folded) && OidIsValid(collation = root_collation()))
	{
		text	   *cased = cstring_to_text(normal_utf8(folded));
		text	   *lower_case = DatumGetTextPP(DirectFunctionCall1Coll(lower, collation, PointerGetDatum(cased)));
		char	   *utf8 = text_to_cstring(lower_case);

		folded = normal_compose(decode_utf8(utf8));
		explicit_bzero(VARDATA(cased), VARSIZE(cased) - VARHDRSZ);
		explicit_bzero(VARDATA_ANY(lower_case), VARSIZE_ANY_EXHDR(lower_case));
		explicit_bzero(utf8, strlen(utf8));
	}
	return folded;
}

bool
normal_is_invisible(pg_wchar point)
{
	static const struct
	{
		pg_wchar	first;
		pg_wchar	last;
	}			ranges[] = {
		{0x0000, 0x0020}, {0x007F, 0x00A0}, {0x00AD, 0x00AD}, {0x034F, 0x034F},
		{0x0600, 0x0605}, {0x061C, 0x061C}, {0x06DD, 0x06DD}, {0x070F, 0x070F},
		{0x115F, 0x1160}, {0x1680, 0x1680}, {0x17B4, 0x17B5}, {0x180B, 0x180F},
		{0x2000, 0x200F}, {0x2028, 0x202F}, {0x205F, 0x206F}, {0x2800, 0x2800},
		{0x3000, 0x3000}, {0x3164, 0x3164}, {0xD800, 0xF8FF}, {0xFDD0, 0xFDEF},
		{0xFE00, 0xFE0F}, {0xFEFF, 0xFEFF}, {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFFF},
		{0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0x10FFFF}
	};

	for (int i = 0; i < lengthof(ranges); i++)
	{
		if (point >= ranges[i].first && point <= ranges[i].last)
			return true;
	}
	return false;
}
