/*
 * email.c
 *	  One normal form for each e-mail address.
 *
 * A user is found by the normal form alone, and it is what mail is sent to: an address
 * that is typed in another way never leads to another mailbox than the one that is
 * stored.  Case is folded in both halves, composed and decomposed letters are the
 * same, and the dot that ends a domain is dropped.  Dots and plus tags in the local
 * part stay: only the mailbox's own server knows what they mean.
 *
 * Refused is what would make two mailboxes one, or one look like another: characters
 * that only become ASCII by being normalised (a full-width a, the Kelvin sign, the
 * Turkish dotted capital I), white space, and what cannot be seen.  A domain in
 * Unicode and its xn-- form are two addresses here.
 */
#include "account.h"

#define ADDRESS_MAX_TYPED 1000	/* bytes, before it is composed */
#define ADDRESS_MAX 254			/* bytes, RFC 5321 */
#define LOCAL_PART_MAX 64
#define LABEL_MAX 63
#define IDEOGRAPHIC_FULL_STOP 0x3002	/* a dot to those who resolve names */

/* Whether one character is or becomes ASCII when it is normalised. */
static bool
becomes_ascii(pg_wchar point)
{
	pg_wchar	alone[2] = {point, 0};
	const pg_wchar *normal = normal_fold(alone);

	for (; *normal != 0; normal++)
	{
		if (*normal < 0x80)
			return true;
	}
	return false;
}

/* What is wrong with one character wherever it stands, NULL if nothing. */
static const char *
judge_character(pg_wchar point)
{
	if (normal_is_invisible(point))
		return "must not have white space, control or invisible characters";
	if (point < 0x80)
		return NULL;
	if (GetDatabaseEncoding() != PG_UTF8)
		return "must be ASCII in a database whose encoding is not UTF8";
	if (becomes_ascii(point))
		return "must not have characters that stand for others";
	return NULL;
}

/* Whether a character of a local part needs no quotes. */
static bool
is_local_character(char c)
{
	return c != '\0' && strchr("\"(),:;<>[\\]@", c) == NULL;
}

static bool
is_local_part(const char *local, int length)
{
	if (length < 1 || length > LOCAL_PART_MAX)
		return false;
	for (int i = 0; i < length; i++)
	{
		if (!is_local_character(local[i]))
			return false;
	}
	return true;
}

static bool
is_label_character(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c >= 0x80;
}

/* Labels of letters, digits and inner hyphens; a name of one label is one, too. */
static bool
is_domain(const char *domain)
{
	for (;;)
	{
		int			length = strcspn(domain, ".");

		if (length < 1 || length > LABEL_MAX || domain[0] == '-' || domain[length - 1] == '-')
			return false;
		for (int i = 0; i < length; i++)
		{
			if (!is_label_character((unsigned char) domain[i]))
				return false;
		}
		if (domain[length] == '\0')
			return true;
		domain += length + 1;
	}
}

/* The normal form, or NULL and what is wrong. */
static char *
make_normal(const char *address, const char **problem)
{
	pg_wchar   *points = strlen(address) <= ADDRESS_MAX_TYPED ? normal_decode(address) : NULL;
	char	   *normal;
	char	   *at;
	int			length;

	*problem = "must be an e-mail address of at most 254 bytes";
	if (points == NULL)
		return NULL;
	for (int i = 0; points[i] != 0; i++)
	{
		const char *character_problem = judge_character(points[i]);

		if (character_problem != NULL || points[i] == IDEOGRAPHIC_FULL_STOP)
		{
			*problem = character_problem != NULL ? character_problem : *problem;
			return NULL;
		}
	}

	normal = normal_utf8(normal_fold(points));
	length = strlen(normal);
	at = strchr(normal, '@');
	if (at == NULL || at[1] == '\0')
		return NULL;
	if (normal[length - 1] == '.')
		normal[--length] = '\0';
	if (length > ADDRESS_MAX || !is_local_part(normal, at - normal) || !is_domain(at + 1))
		return NULL;
	return normal;
}

char *
email_normal(Validation *validation, const char *path, const char *address)
{
	const char *problem = "an e-mail address is required";
	char	   *normal = address != NULL ? make_normal(address, &problem) : NULL;

	if (normal == NULL && validation != NULL)
		validation_add(validation, path, address != NULL ? "format" : "required", problem, NULL);
	return normal;
}
