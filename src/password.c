/*
 * password.c
 *	  Passwords: what makes one good enough, and its hash.
 *
 * The hash is bcrypt, by pgcrypto's crypt() and gen_salt().  pgcrypto knows the prefix $2a$ alone; any other form, also of a hash that is stored, would be taken
 * for another scheme and is refused before crypt() sees it.  bcrypt looks at 72 bytes,
 * so longer passwords are refused rather than cut.
 *
 * A password is composed by Unicode (NFKC) and hashed in UTF-8: it is the same from
 * every keyboard and in every encoding.  There are no rules of composition.  Instead
 * a password is cut into as few pieces as possible, where a word of the blocklist, a
 * word of the user's own (e-mail, name of the account), a sequence, a repetition is
 * one piece; too few pieces are too easy to guess.
 *
 * Every check of a password costs the work of the configured cost, whatever is stored:
 * nothing, a hash of a lower cost, or one of a user who may not come in.
 *
 * Copies of passwords are wiped when their memory context goes, on every path.
 */
#include "account.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#define PASSWORD_MAX_TYPED 1000 /* bytes, before it is composed */
#define WORD_MIN 4				/* characters of a word that counts as one piece */
#define RUN_MIN 3				/* characters of a sequence or repetition */

#define PREFIX_LENGTH 7			/* $2a$NN$ */
#define SALT_LENGTH 22
#define HASH_LENGTH 60

/* A copy that is wiped with its memory context. */
typedef struct Secret
{
	MemoryContextCallback wipe;
	size_t		size;
	char		data[FLEXIBLE_ARRAY_MEMBER];
} Secret;

/* The functions of pgcrypto. */
typedef struct Pgcrypto
{
	FmgrInfo	crypt;
	FmgrInfo	gen_salt;
} Pgcrypto;

/* What a password is compared with. */
typedef struct Words
{
	int			count;
	int			size;
	pg_wchar  **words;
} Words;

/* ---------------------------------------------------------------------------
 * Memory
 */

static void
wipe_secret(void *argument)
{
	Secret	   *secret = argument;

	explicit_bzero(secret->data, secret->size);
}

/* Memory that is wiped before it is freed, also by an error. */
static void *
alloc_secret(size_t size)
{
	Secret	   *secret = palloc0(offsetof(Secret, data) + size);

	secret->size = size;
	secret->wipe.func = wipe_secret;
	secret->wipe.arg = secret;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &secret->wipe);
	return secret->data;
}

static char *
copy_secret(const char *string, size_t length)
{
	char	   *copy = alloc_secret(length + 1);

	memcpy(copy, string, length);
	return copy;
}

static text *
secret_text(const char *string)
{
	size_t		length = strlen(string);
	text	   *copy = alloc_secret(VARHDRSZ + length);

	SET_VARSIZE(copy, VARHDRSZ + length);
	memcpy(VARDATA(copy), string, length);
	return copy;
}

char *
password_argument(FunctionCallInfo fcinfo, int argument)
{
	text	   *value;

	if (PG_ARGISNULL(argument))
		return NULL;
	if (toast_raw_datum_size(PG_GETARG_DATUM(argument)) > PASSWORD_MAX_TYPED + VARHDRSZ)
	{
		char	   *too_long = palloc(PASSWORD_MAX_TYPED + 2);

		memset(too_long, '-', PASSWORD_MAX_TYPED + 1);
		too_long[PASSWORD_MAX_TYPED + 1] = '\0';
		return too_long;
	}
	value = PG_GETARG_TEXT_PP(argument);
	return copy_secret(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

/* The composed form as code points; NULL if it is not text in any form we know. */
static pg_wchar *
compose(const char *typed)
{
	pg_wchar   *points;
	pg_wchar   *composed;
	pg_wchar   *kept;
	size_t		size;

	if (strlen(typed) > PASSWORD_MAX_TYPED || (points = normal_decode(typed)) == NULL)
		return NULL;
	composed = normal_compose(points);
	size = sizeof(pg_wchar) * (normal_length(composed) + 1);
	kept = alloc_secret(size);
	memcpy(kept, composed, size);
	explicit_bzero(composed, size);
	explicit_bzero(points, sizeof(pg_wchar) * normal_length(points));
	return kept;
}

char *
password_normal(const char *typed)
{
	pg_wchar   *points = typed != NULL ? compose(typed) : NULL;
	char	   *utf8;
	char	   *normal;
	size_t		length;

	if (points == NULL)
		return NULL;
	utf8 = normal_utf8(points);
	length = strlen(utf8);
	normal = length <= PASSWORD_MAX_BYTES ? copy_secret(utf8, length) : NULL;
	explicit_bzero(utf8, length);
	return normal;
}

/* ---------------------------------------------------------------------------
 * Whether a password is good enough
 */

static void
add_word(Words *words, pg_wchar *word)
{
	if (normal_length(word) < WORD_MIN)
		return;
	if (words->count == words->size)
	{
		words->size = Max(words->size * 2, 64);
		words->words = words->words == NULL ? palloc(sizeof(pg_wchar *) * words->size) :
			repalloc(words->words, sizeof(pg_wchar *) * words->size);
	}
	words->words[words->count++] = word;
}

/* Adds a text of the caller's, each of its words, and all of them joined. */
static void
add_own_words(Words *words, const char *string)
{
	pg_wchar   *points = string != NULL ? normal_decode(string) : NULL;
	pg_wchar   *joined;
	int			length = 0;
	int			begin = 0;

	if (points == NULL)
		return;
	points = normal_fold(points);
	add_word(words, points);
	joined = palloc(sizeof(pg_wchar) * (normal_length(points) + 1));
	for (int i = 0;; i++)
	{
		pg_wchar	point = points[i];
		bool		inner = (point >= 'a' && point <= 'z') || (point >= '0' && point <= '9') || point >= 0x80;

		if (inner && !normal_is_invisible(point))
		{
			joined[length++] = point;
			continue;
		}
		if (length > begin)
		{
			pg_wchar   *word = palloc0(sizeof(pg_wchar) * (length - begin + 1));

			memcpy(word, joined + begin, sizeof(pg_wchar) * (length - begin));
			add_word(words, word);
		}
		begin = length;
		if (point == 0)
			break;
	}
	joined[length] = 0;
	add_word(words, joined);
}

static void
add_blocked_words(Words *words)
{
	static Statement list = {"SELECT b.word FROM account.blocked_passwords b", 0};
	QueryScope	scope;
	uint64		rows;

	query_open(&scope);
	rows = query_latest(&list, NULL, NULL);
	for (uint64 row = 0; row < rows; row++)
	{
		pg_wchar   *points = normal_decode(query_string(&scope, row, 1));
		MemoryContext old = MemoryContextSwitchTo(scope.caller);

		if (points != NULL)
			add_word(words, normal_fold(points));
		MemoryContextSwitchTo(old);
	}
	query_close(&scope);
}

/* Whether a character of a password can stand for one of a word, as people write them. */
static bool
stands_for(pg_wchar typed, pg_wchar letter)
{
	static const char *const looks[] = {
		"a4@", "b8", "e3", "g9", "i1!|", "l1|", "o0", "s5$", "t7+", "z2"
	};

	if (typed == letter)
		return true;
	if (typed == 0 || typed >= 0x80)
		return false;
	for (int i = 0; i < lengthof(looks); i++)
	{
		if ((pg_wchar) looks[i][0] == letter && strchr(looks[i], (int) typed) != NULL)
			return true;
	}
	return false;
}

static bool
is_word_at(const pg_wchar *password, const pg_wchar *word)
{
	while (*word != 0 && stands_for(*password, *word))
	{
		password++;
		word++;
	}
	return *word == 0;
}

/* Whether two keys lie side by side on a keyboard; the order does not matter. */
static bool
are_neighbours(pg_wchar left, pg_wchar right)
{
	static const char *const rows[] = {
		"1234567890-=", "!@#$%^&*()_+", "qwertyuiop[]", "qwertzuiop", "azertyuiop", "asdfghjkl;'", "qsdfghjklm",
		"zxcvbnm,./", "yxcvbnm", "wxcvbn", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/", "1q2w3e4r5t6y7u8i9o0p"
	};

	if (left == 0 || right == 0 || left >= 0x80 || right >= 0x80)
		return false;
	for (int i = 0; i < lengthof(rows); i++)
	{
		const char *place = strchr(rows[i], (int) left);

		if (place != NULL && (place[1] == (char) right || (place > rows[i] && place[-1] == (char) right)))
			return true;
	}
	return false;
}

/* The length of the longest sequence from here on: one step in the alphabet, none, or along a keyboard. */
static int
sequence_length(const pg_wchar *password)
{
	int			by_code = 1;
	int			by_key = 1;
	int			step = (int) password[1] - (int) password[0];

	if (password[1] != 0 && step >= -1 && step <= 1)
	{
		while (password[by_code] != 0 && (int) password[by_code] - (int) password[by_code - 1] == step)
			by_code++;
	}
	while (password[by_key] != 0 && are_neighbours(password[by_key - 1], password[by_key]))
		by_key++;
	return Max(by_code, by_key);
}

/*
 * The least number of pieces that a password can be cut into: pieces[i] is that of its
 * first i characters.
 */
static int
count_pieces(const pg_wchar *password, const Words *words)
{
	int			length = normal_length(password);
	int		   *pieces = palloc(sizeof(int) * (length + 1));

	pieces[0] = 0;
	for (int i = 1; i <= length; i++)
		pieces[i] = i;
	for (int i = 0; i < length; i++)
	{
		int			sequence = sequence_length(password + i);

		pieces[i + 1] = Min(pieces[i + 1], pieces[i] + 1);
		for (int size = RUN_MIN; size <= sequence; size++)
			pieces[i + size] = Min(pieces[i + size], pieces[i] + 1);
		for (int size = RUN_MIN; size <= i && i + size <= length; size++)
		{
			if (memcmp(password + i, password + i - size, sizeof(pg_wchar) * size) == 0)
				pieces[i + size] = Min(pieces[i + size], pieces[i] + 1);
		}
		for (int word = 0; word < words->count; word++)
		{
			int			size = normal_length(words->words[word]);

			if (size <= length - i && is_word_at(password + i, words->words[word]))
				pieces[i + size] = Min(pieces[i + size], pieces[i] + 1);
		}
	}
	return pieces[length];
}

/* Whether too little is left of a password without what everybody would try. */
static bool
is_easy_to_guess(const pg_wchar *password, const char *email, const char *account_name)
{
	pg_wchar   *folded = normal_fold(password);
	const char *at = email != NULL ? strchr(email, '@') : NULL;
	Words		words = {0};
	int			pieces;

	add_blocked_words(&words);
	add_own_words(&words, email);
	if (at != NULL)
	{
		add_own_words(&words, pnstrdup(email, at - email));
		add_own_words(&words, at + 1);
	}
	add_own_words(&words, account_name);
	pieces = count_pieces(folded, &words);
	explicit_bzero(folded, sizeof(pg_wchar) * normal_length(folded));
	return pieces < (setting_password_min_length + 1) / 2;
}

char *
password_validate(Validation *validation, const char *path, const char *typed, const char *email,
				  const char *account_name)
{
	pg_wchar   *points = typed != NULL ? compose(typed) : NULL;
	char	   *normal = password_normal(typed);

	if (typed == NULL)
		validation_add(validation, path, "required", "a password is required", NULL);
	else if (points == NULL && strlen(typed) <= PASSWORD_MAX_TYPED)
		validation_add(validation, path, "format", "a password must be text", NULL);
	else if (normal == NULL)
		validation_add(validation, path, "max_length", psprintf("a password has at most %d bytes", PASSWORD_MAX_BYTES),
					   "Longer ones would count up to there alone; leave something out.");
	else if (normal_length(points) < setting_password_min_length)
		validation_add(validation, path, "min_length",
					   psprintf("a password has at least %d characters", setting_password_min_length),
					   "Several words are easy to remember.");
	else if (is_easy_to_guess(points, email, account_name))
		validation_add(validation, path, "guessable", "the password is too easy to guess",
					   "Leave out common words, sequences and repetitions, the e-mail address and the account's name.");
	else
		return normal;
	return NULL;
}

/* ---------------------------------------------------------------------------
 * bcrypt
 */

/* Looks them up; raises if they are missing. */
static void
open_pgcrypto(Pgcrypto *pgcrypto)
{
	pgcrypto_function("crypt", 2, (Oid[]) {TEXTOID, TEXTOID}, TEXTOID, "passwords", &pgcrypto->crypt);
	pgcrypto_function("gen_salt", 2, (Oid[]) {TEXTOID, INT4OID}, TEXTOID, "passwords", &pgcrypto->gen_salt);
}

void
password_require(void)
{
	Pgcrypto	pgcrypto;

	open_pgcrypto(&pgcrypto);
}

/*
 * Wipes the copy that pgcrypto's crypt() has made of a password, and freed as it was, just
 * before the one of the salt: the first two free places of that size have it.
 */
static void
wipe_freed(const char *password)
{
	size_t		size = strlen(password) + 1;
	void	   *places[2];

	for (int i = 0; i < lengthof(places); i++)
	{
		places[i] = palloc(size);
		explicit_bzero(places[i], size);
	}
	for (int i = 0; i < lengthof(places); i++)
		pfree(places[i]);
}

/* crypt(password, salt) of bcrypt: 60 characters. May be cancelled meanwhile; pgcrypto's copy is not wiped then. */
static char *
run_crypt(Pgcrypto *pgcrypto, const char *password, const char *salt)
{
	Datum		hash = FunctionCall2Coll(&pgcrypto->crypt, InvalidOid, PointerGetDatum(secret_text(password)),
										 CStringGetTextDatum(salt));
	char	   *result;

	wipe_freed(password);
	result = TextDatumGetCString(hash);
	if (strlen(result) != HASH_LENGTH || strncmp(result, "$2a$", 4) != 0)
		elog(ERROR, "crypt() of pgcrypto has not returned a hash of bcrypt");
	return result;
}

/* The cost of a stored hash; 0 if there is none, or it is not exactly of our form. */
static int
hash_cost(const char *hash)
{
	int			cost;

	if (hash == NULL || strlen(hash) != HASH_LENGTH || strncmp(hash, "$2a$", 4) != 0 || hash[6] != '$' ||
		hash[4] < '0' || hash[4] > '9' || hash[5] < '0' || hash[5] > '9' ||
		strspn(hash + PREFIX_LENGTH, "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") !=
		HASH_LENGTH - PREFIX_LENGTH)
		return 0;
	cost = (hash[4] - '0') * 10 + hash[5] - '0';
	return cost >= PASSWORD_COST_MIN && cost <= PASSWORD_COST_MAX ? cost : 0;
}

/* Does the work of one check of a cost, for nothing. */
static void
waste(Pgcrypto *pgcrypto, const char *password, int cost)
{
	(void) run_crypt(pgcrypto, password, psprintf("$2a$%02d$%.*s", cost, SALT_LENGTH, "......................"));
}

char *
password_hash(const char *normal)
{
	Pgcrypto	pgcrypto;
	Datum		salt;

	open_pgcrypto(&pgcrypto);
	salt = FunctionCall2Coll(&pgcrypto.gen_salt, InvalidOid, CStringGetTextDatum("bf"),
							 Int32GetDatum(setting_password_cost));
	return run_crypt(&pgcrypto, normal, TextDatumGetCString(salt));
}

bool
password_verify(const char *normal, const char *stored, bool welcome, bool *outdated)
{
	Pgcrypto	pgcrypto;
	const char *password = normal != NULL ? normal : "";
	int			cost = hash_cost(stored);
	bool		matches = false;

	open_pgcrypto(&pgcrypto);
	if (cost == 0)
		waste(&pgcrypto, password, setting_password_cost);
	else
	{
		matches = token_equal(run_crypt(&pgcrypto, password, stored), stored, HASH_LENGTH) &&
			normal != NULL && welcome;
		/* 2^cost is done: this and twice it and so on are 2^setting together. */
		for (int less = cost; !matches && less < setting_password_cost; less++)
			waste(&pgcrypto, password, less);
	}
	*outdated = matches && cost < setting_password_cost;
	return matches;
}
