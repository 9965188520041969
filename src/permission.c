/*
 * permission.c
 *	  The dictionary of permissions, and patterns over it.
 *
 * A permission is verb:resource; a pattern may have * on either side.  The
 * dictionary gives every permission a number that is never used again, so that a
 * bitmap of numbers means the same as long as it lives.  A session keeps a copy of the
 * dictionary until rights change (right.c).
 */
#include "account.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* Columns of account.permissions; schema_catalog() has checked the version. */
enum
{
	ANUM_PERMISSION = 1,
	ANUM_DESCRIPTION,
	ANUM_NUMBER,
	ANUM_BUILT_IN,
	ANUM_CREATED_AT,
	ANUM_DELETED_AT
};

/* No more of a long list is told to be wrong. */
#define ERRORS_MAX 20

typedef struct DictionaryEntry
{
	const char *permission;		/* key */
	uint32		hash;
	char		status;
	int			length;
	int			number;
} DictionaryEntry;

#define SH_PREFIX dictionary
#define SH_ELEMENT_TYPE DictionaryEntry
#define SH_KEY_TYPE const char *
#define SH_KEY permission
#define SH_HASH_KEY(table, key) hash_bytes((const unsigned char *) (key), strlen(key))
#define SH_EQUAL(table, left, right) (strcmp(left, right) == 0)
#define SH_STORE_HASH
#define SH_GET_HASH(table, entry) (entry)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static MemoryContext dictionary_context = NULL;
static dictionary_hash *dictionary = NULL;
static int	dictionary_bits = 0;	/* numbers are below this */
static uint64 dictionary_epoch = 0; /* of permission_epoch() when it was read */

/* Grows with every change of what rights are compiled from, but holds. */
static uint64 epoch = 1;
static Oid	signal_relation = InvalidOid;

/* What this transaction has made: nobody has compiled rights of it yet. */
static LocalTransactionId new_lxid = InvalidLocalTransactionId;
static pg_uuid_t new_ids[2];
static int	new_count = 0;

PG_FUNCTION_INFO_V1(account_permission_rights_changed);

/* ---------------------------------------------------------------------------
 * Telling all sessions that rights have changed
 */

/* Both only grow, so their sum tells whether either has. */
uint64
permission_epoch(void)
{
	return epoch + hold_epoch();
}

void
permission_forget(void)
{
	epoch++;
}

static void
forget_rights(Datum argument, Oid relation)
{
	if (relation == InvalidOid || relation == signal_relation || signal_relation == InvalidOid)
		epoch++;
}

void
permission_signal(void)
{
	CacheInvalidateRelcacheByRelid(schema_catalog()->right_signal);
}

/* The same for a trigger, which also runs while the extension is being made. */
static void
signal_from(Relation relation)
{
	Oid			signal = get_relname_relid("right_signal", RelationGetNamespace(relation));

	if (OidIsValid(signal))
		CacheInvalidateRelcacheByRelid(signal);
}

void
permission_note_new(const pg_uuid_t *id)
{
	if (new_lxid != proc_lxid(MyProc))
	{
		new_lxid = proc_lxid(MyProc);
		new_count = 0;
	}
	new_ids[new_count++ % lengthof(new_ids)] = *id;
}

bool
permission_makes_new(void)
{
	return new_lxid == proc_lxid(MyProc) && new_count > 0;
}

/* Whether a column says of what profile or account a row is. */
static bool
is_owner_column(Form_pg_attribute attribute)
{
	return attribute->atttypid == UUIDOID && !attribute->attisdropped &&
		(strcmp(NameStr(attribute->attname), "profile_id") == 0 ||
		 strcmp(NameStr(attribute->attname), "account_id") == 0);
}

static bool
is_new(const pg_uuid_t *id)
{
	for (int i = 0; i < Min(new_count, lengthof(new_ids)); i++)
	{
		if (memcmp(id, &new_ids[i], UUID_LEN) == 0)
			return true;
	}
	return false;
}

/* Whether a new row belongs to a profile or an account that this transaction has made, and to nothing else. */
static bool
is_of_new(TriggerData *trigger)
{
	TupleDesc	descriptor = RelationGetDescr(trigger->tg_relation);
	bool		found = false;

	if (new_lxid != proc_lxid(MyProc))
		return false;
	for (int i = 0; i < descriptor->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(descriptor, i);
		bool		isnull;
		Datum		value;

		/* A membership is the user's, too, and what that has elsewhere is not new. */
		if (strcmp(NameStr(attribute->attname), "user_id") == 0)
			return false;
		if (!is_owner_column(attribute))
			continue;
		value = heap_getattr(trigger->tg_trigtuple, i + 1, descriptor, &isnull);
		found = found || (!isnull && is_new(DatumGetUUIDP(value)));
	}
	return found;
}

/*
 * Trigger of the tables that rights are compiled from.  Its argument, if it has one,
 * says that rows of the table are never updated.
 */
Datum
account_permission_rights_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		error_raise(ERROR_FORBIDDEN, NULL, "rights_changed() is a trigger");
	if (TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event))
	{
		signal_from(trigger->tg_relation);
		return PointerGetDatum(NULL);
	}
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) && trigger->tg_trigger->tgnargs > 0)
		error_raise(ERROR_FORBIDDEN, "Insert or delete it.", "a row of \"%s\" cannot be changed",
					RelationGetRelationName(trigger->tg_relation));
	if (!TRIGGER_FIRED_BY_INSERT(trigger->tg_event) || !is_of_new(trigger))
		signal_from(trigger->tg_relation);
	return PointerGetDatum(TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple :
						   trigger->tg_trigtuple);
}

void
permission_init(void)
{
	CacheRegisterRelcacheCallback(forget_rights, (Datum) 0);
}

/* ---------------------------------------------------------------------------
 * Patterns
 */

static bool
is_word(const char *word, size_t length)
{
	if (length == 1 && word[0] == '*')
		return true;
	for (size_t i = 0; i < length; i++)
	{
		char		c = word[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
			return false;
	}
	return length > 0;
}

bool
permission_is_pattern(const char *text, size_t length)
{
	const char *colon = memchr(text, ':', length);

	return colon != NULL && length <= PERMISSION_MAX_BYTES && is_word(text, colon - text) &&
		is_word(colon + 1, length - (colon - text) - 1);
}

/* One side of a pattern. */
typedef struct Word
{
	const char *start;
	size_t		length;
} Word;

static bool
split(const char *pattern, Word *verb, Word *resource)
{
	const char *colon = strchr(pattern, ':');

	if (colon == NULL)
		return false;
	verb->start = pattern;
	verb->length = colon - pattern;
	resource->start = colon + 1;
	resource->length = strlen(colon + 1);
	return true;
}

static bool
is_any(const Word *word)
{
	return word->length == 1 && word->start[0] == '*';
}

static bool
word_covers(const Word *held, const Word *wanted)
{
	return is_any(held) ||
		(held->length == wanted->length && memcmp(held->start, wanted->start, held->length) == 0);
}

bool
permission_covers(const char *held, const char *wanted)
{
	Word		held_verb;
	Word		held_resource;
	Word		verb;
	Word		resource;

	return split(held, &held_verb, &held_resource) && split(wanted, &verb, &resource) &&
		word_covers(&held_verb, &verb) && word_covers(&held_resource, &resource);
}

char *
permission_common(const char *left, const char *right)
{
	Word		left_verb;
	Word		left_resource;
	Word		right_verb;
	Word		right_resource;
	Word	   *verb;
	Word	   *resource;

	if (!split(left, &left_verb, &left_resource) || !split(right, &right_verb, &right_resource))
		return NULL;
	verb = is_any(&left_verb) ? &right_verb : &left_verb;
	resource = is_any(&left_resource) ? &right_resource : &left_resource;
	if (!word_covers(&left_verb, verb) || !word_covers(&right_verb, verb) ||
		!word_covers(&left_resource, resource) || !word_covers(&right_resource, resource))
		return NULL;
	return psprintf("%.*s:%.*s", (int) verb->length, verb->start, (int) resource->length, resource->start);
}

bool
permission_is_wide(const char *pattern)
{
	return strchr(pattern, '*') != NULL;
}

/* ---------------------------------------------------------------------------
 * The dictionary
 */

/* Reads the dictionary into a context of its own, and then takes it for the one that is kept. */
static void
load_dictionary(void)
{
	const Catalog *catalog = schema_catalog();
	MemoryContext context;
	dictionary_hash *loaded;
	uint64		before;
	int			bits = 0;
	SelfScan		scan;

	context = AllocSetContextCreate(CurrentMemoryContext, "account permissions", ALLOCSET_DEFAULT_SIZES);
	loaded = dictionary_create(context, 256, NULL);
	scan_open(&scan, catalog->permissions, catalog->permissions_pkey, NULL, 0);
	signal_relation = catalog->right_signal;
	before = permission_epoch();
	while (scan_next(&scan))
	{
		int			number = DatumGetInt32(scan.values[ANUM_NUMBER - 1]);
		DictionaryEntry *entry;
		bool		found;
		char	   *permission;

		bits = Max(bits, number + 1);
		if (!scan.nulls[ANUM_DELETED_AT - 1])
			continue;
		permission = TextDatumGetCString(scan.values[ANUM_PERMISSION - 1]);
		entry = dictionary_insert(loaded, MemoryContextStrdup(context, permission), &found);
		entry->length = strlen(permission);
		entry->number = number;
	}
	scan_close(&scan);

	if (dictionary_context != NULL)
		MemoryContextDelete(dictionary_context);
	MemoryContextSetParent(context, TopMemoryContext);
	dictionary_context = context;
	dictionary = loaded;
	dictionary_bits = bits;
	dictionary_epoch = before;
}

static inline void
need_dictionary(void)
{
	if (dictionary == NULL || dictionary_epoch != permission_epoch())
		load_dictionary();
}

int
permission_number(const char *permission)
{
	DictionaryEntry *entry;

	need_dictionary();
	entry = dictionary_lookup(dictionary, permission);
	return entry != NULL ? entry->number : -1;
}

int
permission_words(void)
{
	need_dictionary();
	return (dictionary_bits + 63) / 64;
}

void
permission_set_bits(const char *pattern, uint64 *bits, int words)
{
	dictionary_iterator iterator;
	DictionaryEntry *entry;

	if (!permission_is_wide(pattern))
	{
		int			number = permission_number(pattern);

		if (number >= 0 && number < words * 64)
			bits[number / 64] |= UINT64CONST(1) << (number % 64);
		return;
	}
	need_dictionary();
	dictionary_start_iterate(dictionary, &iterator);
	while ((entry = dictionary_iterate(dictionary, &iterator)) != NULL)
	{
		if (entry->number < words * 64 && permission_covers(pattern, entry->permission))
			bits[entry->number / 64] |= UINT64CONST(1) << (entry->number % 64);
	}
}

List *
permission_list_covered(const char *pattern)
{
	dictionary_iterator iterator;
	DictionaryEntry *entry;
	List	   *result = NIL;

	need_dictionary();
	dictionary_start_iterate(dictionary, &iterator);
	while ((entry = dictionary_iterate(dictionary, &iterator)) != NULL)
	{
		if (permission_covers(pattern, entry->permission))
			result = lappend(result, pstrdup(entry->permission));
	}
	return result;
}

/* ---------------------------------------------------------------------------
 * Lists of a call
 */

List *
permission_list(ArrayType *array)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	List	   *result = NIL;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (!nulls[i])
			result = lappend(result, TextDatumGetCString(elements[i]));
	}
	return result;
}

ArrayType *
permission_array(List *permissions)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(list_length(permissions), 1));
	int			count = 0;
	ListCell   *cell;

	foreach(cell, permissions)
		values[count++] = CStringGetTextDatum((char *) lfirst(cell));
	return construct_array(values, count, TEXTOID, -1, false, TYPALIGN_INT);
}

static void
validate_element(Validation *validation, const char *path, int place, text *element)
{
	const char *text = VARDATA_ANY(element);
	size_t		length = VARSIZE_ANY_EXHDR(element);

	if (!permission_is_pattern(text, length))
		validation_add(validation, psprintf("%s[%d]", path, place), "pattern",
					   "a permission has the form verb:resource",
					   "Use lower-case letters, digits, _ and -, or * for either side.");
	else if (memchr(text, '*', length) == NULL && permission_number(pnstrdup(text, length)) < 0)
		validation_add(validation, psprintf("%s[%d]", path, place), "undefined",
					   psprintf("permission %.*s is not defined", (int) length, text),
					   "Define it with define_permission().");
}

void
permission_validate(Validation *validation, const char *path, ArrayType *array)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	if (ARR_NDIM(array) > 1 || ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) > PERMISSIONS_MAX ||
		array_contains_nulls(array))
	{
		validation_add(validation, path, "list",
					   psprintf("%s must be a list of at most %d, without NULL", path, PERMISSIONS_MAX), NULL);
		return;
	}
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	for (int i = 0; i < count && validation->count < ERRORS_MAX; i++)
		validate_element(validation, path, i, DatumGetTextPP(elements[i]));
}
