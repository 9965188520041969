/*
 * right.c
 *	  What a profile may do, compiled from its grants.
 *
 * Rights are one piece of memory without pointers: sets of permissions, one for
 * each scope that the profile has a role in, as bitmaps of what is granted and what is
 * denied; the workspaces that it reaches; and the patterns of the whole account, for
 * the question whether one may grant what another has.
 *
 * A session keeps what it has compiled until anything changes that rights are
 * compiled from (permission_epoch()), or a grant in it ends.  What is read is what is
 * committed now.  Nothing is kept that was compiled in a transaction that makes
 * profiles itself, whose rollback nobody would be told of.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "lib/qunique.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define CACHE_MAX_BYTES (32 * 1024 * 1024)
#define CACHE_BLOCK_BYTES (1024 * 1024)	/* small, so that little of what is counted is free */

/* Columns of our tables; schema_catalog() has checked the version. */
enum
{
	ANUM_ROLES_ROLE_ID = 1,
	ANUM_ROLES_ACCOUNT_ID,
	ANUM_ROLES_NAME,
	ANUM_ROLES_PERMISSIONS,
	ANUM_ROLES_DENIED
};

enum
{
	ANUM_GRANTS_GRANT_ID = 1,
	ANUM_GRANTS_PROFILE_ID,
	ANUM_GRANTS_ROLE_ID,
	ANUM_GRANTS_WORKSPACE_ID,
	ANUM_GRANTS_SERVICE,
	ANUM_GRANTS_DESCENDANTS,
	ANUM_GRANTS_EXPIRES_AT
};

enum
{
	ANUM_MEMBERSHIPS_USER_ID = 1,
	ANUM_MEMBERSHIPS_ACCOUNT_ID,
	ANUM_MEMBERSHIPS_PROFILE_ID,
	ANUM_MEMBERSHIPS_EXPIRES_AT
};

enum
{
	ANUM_WORKSPACES_WORKSPACE_ID = 1,
	ANUM_WORKSPACES_ACCOUNT_ID
};

const pg_uuid_t right_owner_role = {{0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0xa0, 0x01}};

/* A role, as it is compiled for the dictionary of now. */
typedef struct Role
{
	pg_uuid_t	role_id;		/* key */
	List	   *permissions;	/* char *, patterns */
	List	   *denied;
	int			words;			/* of the bitmaps */
	uint64	   *granted_bits;
	uint64	   *denied_bits;
} Role;

/* Rights that were compiled, by who has them where. */
typedef struct CacheKey
{
	pg_uuid_t	principal_id;
	pg_uuid_t	account_id;
	int64		is_user;		/* 1: a user; 0: a profile */
	uint64		list;			/* hash of the list that they are cut to; 0: not cut */
} CacheKey;

typedef struct CacheEntry
{
	CacheKey	key;
	Rights	   *rights;
	ArrayType  *list;			/* that they are cut to, or NULL */
} CacheEntry;

/* The permissions that a list of patterns stands for. */
typedef struct CompiledList
{
	uint64		hash;			/* key */
	ArrayType  *list;
	int			words;
	uint64	   *bits;
} CompiledList;

/* The memberships of a user, all of them. */
typedef struct UserEntry
{
	pg_uuid_t	user_id;		/* key */
	List	   *memberships;	/* Membership * */
} UserEntry;

/* One scope while it is being compiled. */
typedef struct BuildSet
{
	bool		has_workspace;
	pg_uuid_t	workspace_id;
	const char *service;		/* NULL for all */
	uint64	   *granted;
	uint64	   *denied;
} BuildSet;

/* The sets of one hash of a scope. */
typedef struct ScopeEntry
{
	uint64		hash;			/* key */
	List	   *sets;			/* BuildSet * */
} ScopeEntry;

typedef struct Build
{
	int			words;
	List	   *sets;			/* BuildSet *; the first is that of the whole account */
	HTAB	   *scopes;			/* the others, by their scopes; NULL without any */
	List	   *permissions;	/* char *, of the whole account */
	List	   *denied;
	List	   *workspaces;		/* pg_uuid_t * */
	bool		owner;
	bool		has_profile;
	pg_uuid_t	profile_id;
	bool		has_user;
	pg_uuid_t	user_id;
	TimestampTz expires_at;
} Build;

static MemoryContext cache_context = NULL;
static HTAB *cache = NULL;
static HTAB *roles = NULL;
static HTAB *lists = NULL;
static HTAB *users = NULL;
static uint64 cache_epoch = 0;

/* ---------------------------------------------------------------------------
 * The cache
 */

static HTAB *
create_table(const char *name, Size keysize, Size entrysize)
{
	HASHCTL		control = {.keysize = keysize,.entrysize = entrysize,.hcxt = cache_context};

	return hash_create(name, 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Empties the cache if something has changed, or if it has grown too large. */
static void
refresh_cache(void)
{
	if (cache != NULL && cache_epoch == permission_epoch() &&
		MemoryContextMemAllocated(cache_context, true) < CACHE_MAX_BYTES)
		return;
	cache = NULL;
	roles = NULL;
	lists = NULL;
	users = NULL;
	if (cache_context == NULL)
		cache_context = AllocSetContextCreate(TopMemoryContext, "account rights", ALLOCSET_DEFAULT_MINSIZE,
											  ALLOCSET_DEFAULT_INITSIZE, CACHE_BLOCK_BYTES);
	else
		MemoryContextReset(cache_context);
	(void) permission_words();	/* the dictionary is of this epoch or a later one */
	cache_epoch = permission_epoch();
	roles = create_table("account roles", sizeof(pg_uuid_t), sizeof(Role));
	users = create_table("account users", sizeof(pg_uuid_t), sizeof(UserEntry));
	lists = create_table("account lists", sizeof(uint64), sizeof(CompiledList));
	cache = create_table("account rights", sizeof(CacheKey), sizeof(CacheEntry));
}

static bool
same_list(const ArrayType *left, const ArrayType *right)
{
	return VARSIZE(left) == VARSIZE(right) && memcmp(left, right, VARSIZE(left)) == 0;
}

static ArrayType *
copy_list(const ArrayType *list)
{
	ArrayType  *copy = MemoryContextAlloc(cache_context, VARSIZE(list));

	memcpy(copy, list, VARSIZE(list));
	return copy;
}

static uint64
hash_list(const ArrayType *list)
{
	uint64		hash = hash_bytes_extended((const unsigned char *) list, VARSIZE(list), 0);

	return hash != 0 ? hash : 1;
}

static List *
copy_patterns(Datum array)
{
	MemoryContext old = MemoryContextSwitchTo(cache_context);
	List	   *result = permission_list(DatumGetArrayTypeP(array));

	MemoryContextSwitchTo(old);
	return result;
}

static uint64 *
compile_bits(List *patterns, int words)
{
	uint64	   *bits = MemoryContextAllocZero(cache_context, sizeof(uint64) * Max(words, 1));
	ListCell   *cell;

	foreach(cell, patterns)
	{
		CHECK_FOR_INTERRUPTS();
		permission_set_bits((char *) lfirst(cell), bits, words);
	}
	return bits;
}

/* A role as it is now; NULL if there is none. */
static const Role *
find_role(const pg_uuid_t *role_id)
{
	const Catalog *catalog = schema_catalog();
	int			words = permission_words();
	Role	   *role = hash_search(roles, role_id, HASH_FIND, NULL);
	ScanKeyData key;
	SelfScan		scan;
	List	   *permissions = NIL;
	List	   *denied = NIL;
	uint64	   *granted_bits;
	uint64	   *denied_bits;
	Snapshot	snapshot;
	bool		found;

	if (role != NULL)
		return role;
	ScanKeyInit(&key, ANUM_ROLES_ROLE_ID, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(role_id));
	/* Roles are updated, and who finds none of one finds no denial. */
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	scan_open_at(&scan, catalog->roles, catalog->roles_pkey, snapshot, &key, 1);
	found = scan_next(&scan);
	if (found)
	{
		permissions = copy_patterns(scan.values[ANUM_ROLES_PERMISSIONS - 1]);
		denied = copy_patterns(scan.values[ANUM_ROLES_DENIED - 1]);
	}
	scan_close(&scan);
	UnregisterSnapshot(snapshot);
	if (!found)
		return NULL;
	/* All of it is there before it is kept: an error leaves no half of one. */
	granted_bits = compile_bits(permissions, words);
	denied_bits = compile_bits(denied, words);
	role = hash_search(roles, role_id, HASH_ENTER, NULL);
	role->permissions = permissions;
	role->denied = denied;
	role->words = words;
	role->granted_bits = granted_bits;
	role->denied_bits = denied_bits;
	return role;
}

/* ---------------------------------------------------------------------------
 * Building
 */

static BuildSet *
add_set(Build *build, const pg_uuid_t *workspace_id, const char *service)
{
	BuildSet   *set = palloc0(sizeof(BuildSet));

	set->has_workspace = workspace_id != NULL;
	if (workspace_id != NULL)
		set->workspace_id = *workspace_id;
	set->service = service;
	set->granted = palloc0(sizeof(uint64) * Max(build->words, 1));
	set->denied = palloc0(sizeof(uint64) * Max(build->words, 1));
	build->sets = lappend(build->sets, set);
	return set;
}

static void
start_build(Build *build)
{
	memset(build, 0, sizeof(*build));
	build->words = permission_words();
	build->expires_at = DT_NOEND;
	add_set(build, NULL, NULL);
}

static bool
is_scope(const BuildSet *set, const pg_uuid_t *workspace_id, const char *service)
{
	return set->has_workspace == (workspace_id != NULL) &&
		(workspace_id == NULL || memcmp(&set->workspace_id, workspace_id, UUID_LEN) == 0) &&
		(set->service == NULL) == (service == NULL) &&
		(service == NULL || strcmp(set->service, service) == 0);
}

/* The sets whose scopes have the hash of this one. */
static ScopeEntry *
find_scope(Build *build, const pg_uuid_t *workspace_id, const char *service)
{
	uint64		hash = 0;
	ScopeEntry *entry;
	bool		found;

	if (build->scopes == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(uint64),.entrysize = sizeof(ScopeEntry),.hcxt = CurrentMemoryContext};

		build->scopes = hash_create("account scopes", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	if (workspace_id != NULL)
		hash = hash_bytes_extended(workspace_id->data, UUID_LEN, 0);
	if (service != NULL)
		hash = hash_bytes_extended((const unsigned char *) service, strlen(service), hash);
	entry = hash_search(build->scopes, &hash, HASH_ENTER, &found);
	if (!found)
		entry->sets = NIL;
	return entry;
}

/* The set of a scope, of which a profile may have as many as it has grants. */
static BuildSet *
find_set(Build *build, const pg_uuid_t *workspace_id, const char *service)
{
	ScopeEntry *entry;
	BuildSet   *set;
	ListCell   *cell;

	if (workspace_id == NULL && service == NULL)
		return linitial(build->sets);
	entry = find_scope(build, workspace_id, service);
	foreach(cell, entry->sets)
	{
		if (is_scope(lfirst(cell), workspace_id, service))
			return lfirst(cell);
	}
	set = add_set(build, workspace_id, service);
	entry->sets = lappend(entry->sets, set);
	return set;
}

/* Adds a workspace unless it is held; one that is added twice is kept once at the end. */
static void
add_workspace(Build *build, const pg_uuid_t *workspace_id)
{
	pg_uuid_t  *copy;

	if (hold_of_workspace(workspace_id) != 0)
		return;
	copy = palloc(sizeof(pg_uuid_t));
	*copy = *workspace_id;
	build->workspaces = lappend(build->workspaces, copy);
}

/* Puts a role into a scope. */
static void
add_role(Build *build, const pg_uuid_t *role_id, const pg_uuid_t *workspace_id, const char *service)
{
	const Role *role = find_role(role_id);
	BuildSet   *set;

	if (role == NULL)
		return;
	set = find_set(build, workspace_id, service);
	for (int i = 0; i < Min(build->words, role->words); i++)
	{
		set->granted[i] |= role->granted_bits[i];
		set->denied[i] |= role->denied_bits[i];
	}
	if (workspace_id != NULL || service != NULL)
		return;
	build->permissions = list_concat(build->permissions, role->permissions);
	build->denied = list_concat(build->denied, role->denied);
	if (memcmp(role_id, &right_owner_role, UUID_LEN) == 0)
		build->owner = true;
}

/* Adds what one profile has; only what reaches accounts below, if so asked. Returns the number of grants. */
static int
add_grants(Build *build, const pg_uuid_t *profile_id, bool descending, TimestampTz now)
{
	const Catalog *catalog = schema_catalog();
	ScanKeyData key;
	SelfScan		scan;
	int			count = 0;

	ScanKeyInit(&key, ANUM_GRANTS_PROFILE_ID, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(profile_id));
	scan_open(&scan, catalog->grants, catalog->grants_pkey, &key, 1);
	while (scan_next(&scan))
	{
		TimestampTz expires_at = scan_end(&scan, ANUM_GRANTS_EXPIRES_AT);
		pg_uuid_t	workspace_id;
		pg_uuid_t	role_id;
		bool		has_workspace = scan_uuid(&scan, ANUM_GRANTS_WORKSPACE_ID, &workspace_id);
		char	   *service = scan.nulls[ANUM_GRANTS_SERVICE - 1] ? NULL :
			TextDatumGetCString(scan.values[ANUM_GRANTS_SERVICE - 1]);

		if (expires_at <= now || (descending && !DatumGetBool(scan.values[ANUM_GRANTS_DESCENDANTS - 1])))
			continue;
		build->expires_at = Min(build->expires_at, expires_at);
		if (has_workspace)
			add_workspace(build, &workspace_id);
		if (scan_uuid(&scan, ANUM_GRANTS_ROLE_ID, &role_id))
			add_role(build, &role_id, has_workspace ? &workspace_id : NULL, service);
		count++;
	}
	scan_close(&scan);
	return count;
}

/* Adds all workspaces of an account. */
static void
add_all_workspaces(Build *build, const pg_uuid_t *account_id)
{
	const Catalog *catalog = schema_catalog();
	ScanKeyData key;
	SelfScan		scan;

	ScanKeyInit(&key, ANUM_WORKSPACES_ACCOUNT_ID, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(account_id));
	scan_open(&scan, catalog->workspaces, catalog->workspaces_name_key, &key, 1);
	while (scan_next(&scan))
		add_workspace(build, DatumGetUUIDP(scan.values[ANUM_WORKSPACES_WORKSPACE_ID - 1]));
	scan_close(&scan);
}

static int
compare_strings(const ListCell *left, const ListCell *right)
{
	return strcmp(lfirst(left), lfirst(right));
}

static bool
has_string(const List *sorted, const char *string)
{
	int			low = 0;
	int			high = list_length(sorted);

	while (low < high)
	{
		int			middle = (low + high) / 2;
		int			order = strcmp(list_nth(sorted, middle), string);

		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/* Whether *:RESOURCE or VERB:* is among patterns that are in order. */
static bool
is_covered(const char *pattern, const List *wide)
{
	const char *colon = strchr(pattern, ':');

	return colon != NULL && wide != NIL &&
		(has_string(wide, psprintf("*%s", colon)) ||
		 has_string(wide, psprintf("%.*s:*", (int) (colon - pattern), pattern)));
}

/*
 * Drops what others of the list cover: those with * first, then the others, in their
 * order.  But for *:*, none with * covers another.
 */
static List *
without_covered(List *patterns)
{
	List	   *sorted = list_copy(patterns);
	List	   *wide = NIL;
	List	   *exact = NIL;
	const char *last = "";
	ListCell   *cell;

	list_sort(sorted, compare_strings);
	foreach(cell, sorted)
	{
		CHECK_FOR_INTERRUPTS();
		if (strcmp(lfirst(cell), "*:*") == 0)
			return list_make1(lfirst(cell));
		if (permission_is_wide(lfirst(cell)) && strcmp(lfirst(cell), last) != 0)
			wide = lappend(wide, lfirst(cell));
		last = lfirst(cell);
	}
	last = "";
	foreach(cell, sorted)
	{
		if (!permission_is_wide(lfirst(cell)) && strcmp(lfirst(cell), last) != 0 &&
			!is_covered(lfirst(cell), wide))
			exact = lappend(exact, lfirst(cell));
		last = lfirst(cell);
	}
	return list_concat(wide, exact);
}

static Size
strings_size(List *strings)
{
	Size		size = 0;
	ListCell   *cell;

	foreach(cell, strings)
		size += strlen(lfirst(cell)) + 1;
	return size;
}

static void
put_strings(Rights *rights, uint32 offset, List *strings)
{
	char	   *end = (char *) rights + offset;
	ListCell   *cell;

	foreach(cell, strings)
	{
		strcpy(end, lfirst(cell));
		end += strlen(end) + 1;
	}
}

/* Puts the sets into their place: scopes first, then their bitmaps, then their services. */
static void
put_sets(Rights *rights, uint32 bits, uint32 services, List *sets)
{
	RightsSet  *to = RIGHTS_AT(rights, rights->sets, RightsSet);
	Size		bytes = sizeof(uint64) * rights->words;
	ListCell   *cell;

	foreach(cell, sets)
	{
		BuildSet   *set = lfirst(cell);

		to->has_workspace = set->has_workspace;
		to->workspace_id = set->workspace_id;
		to->granted = bits;
		to->denied = bits + bytes;
		memcpy((char *) rights + to->granted, set->granted, bytes);
		memcpy((char *) rights + to->denied, set->denied, bytes);
		bits += 2 * bytes;
		if (set->service != NULL)
		{
			to->service = services;
			strcpy((char *) rights + services, set->service);
			services += strlen(set->service) + 1;
		}
		to++;
	}
}

static int
compare_ids(const void *left, const void *right)
{
	return memcmp(left, right, UUID_LEN);
}

/* The whole in one piece, in the current memory context. */
static Rights *
finish_build(Build *build)
{
	List	   *permissions = without_covered(build->permissions);
	List	   *denied = without_covered(build->denied);
	Size		sets = MAXALIGN(sizeof(Rights));
	Size		bits = sets + MAXALIGN(sizeof(RightsSet) * list_length(build->sets));
	Size		workspaces = bits + sizeof(uint64) * build->words * 2 * list_length(build->sets);
	Size		permission_strings = workspaces + sizeof(pg_uuid_t) * list_length(build->workspaces);
	Size		denied_strings = permission_strings + strings_size(permissions);
	Size		services = denied_strings + strings_size(denied);
	Size		size = services;
	Rights	   *rights;
	ListCell   *cell;
	int			place = 0;

	foreach(cell, build->sets)
		size += ((BuildSet *) lfirst(cell))->service != NULL ?
			strlen(((BuildSet *) lfirst(cell))->service) + 1 : 0;
	if (!AllocSizeIsValid(size))
		error_raise(ERROR_MAX_RESOURCES_REACHED, NULL, "a profile has too many roles");
	rights = palloc0(size);
	rights->size = size;
	rights->words = build->words;
	rights->nsets = list_length(build->sets);
	rights->sets = sets;
	rights->workspaces = workspaces;
	rights->npermissions = list_length(permissions);
	rights->permissions = permission_strings;
	rights->ndenied = list_length(denied);
	rights->denied = denied_strings;
	rights->has_profile = build->has_profile;
	rights->profile_id = build->profile_id;
	rights->has_user = build->has_user;
	rights->user_id = build->user_id;
	rights->expires_at = build->expires_at;
	put_sets(rights, bits, services, build->sets);
	foreach(cell, build->workspaces)
		RIGHTS_AT(rights, workspaces, pg_uuid_t)[place++] = *(pg_uuid_t *) lfirst(cell);
	qsort(RIGHTS_AT(rights, workspaces, pg_uuid_t), place, sizeof(pg_uuid_t), compare_ids);
	rights->nworkspaces = qunique(RIGHTS_AT(rights, workspaces, pg_uuid_t), place, sizeof(pg_uuid_t), compare_ids);
	put_strings(rights, permission_strings, permissions);
	put_strings(rights, denied_strings, denied);
	return rights;
}

/* ---------------------------------------------------------------------------
 * Rights of a profile, of a user, of a list
 */

/* Notes whose membership a profile is, and when it ends. */
static void
add_membership(Build *build, const pg_uuid_t *profile_id)
{
	const Catalog *catalog = schema_catalog();
	ScanKeyData key;
	SelfScan	scan;

	ScanKeyInit(&key, ANUM_MEMBERSHIPS_PROFILE_ID, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(profile_id));
	scan_open(&scan, catalog->user_memberships, catalog->user_memberships_profile_id_key, &key, 1);
	if (scan_next(&scan))
	{
		build->has_user = scan_uuid(&scan, ANUM_MEMBERSHIPS_USER_ID, &build->user_id);
		build->expires_at = Min(build->expires_at, scan_end(&scan, ANUM_MEMBERSHIPS_EXPIRES_AT));
	}
	scan_close(&scan);
}

static void
build_profile(Build *build, const pg_uuid_t *profile_id, const pg_uuid_t *account_id, TimestampTz now)
{
	build->has_profile = true;
	build->profile_id = *profile_id;
	(void) add_grants(build, profile_id, false, now);
	add_membership(build, profile_id);
	if (build->owner)
		add_all_workspaces(build, account_id);
}

/* All memberships of a user, those that are over too, in a memory context. */
static List *
read_memberships(const pg_uuid_t *user_id, MemoryContext context)
{
	const Catalog *catalog = schema_catalog();
	ScanKeyData key;
	SelfScan	scan;
	List	   *result = NIL;

	ScanKeyInit(&key, ANUM_MEMBERSHIPS_USER_ID, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(user_id));
	scan_open(&scan, catalog->user_memberships, catalog->user_memberships_pkey, &key, 1);
	while (scan_next(&scan))
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		Membership *membership = palloc(sizeof(Membership));

		(void) scan_uuid(&scan, ANUM_MEMBERSHIPS_ACCOUNT_ID, &membership->account_id);
		(void) scan_uuid(&scan, ANUM_MEMBERSHIPS_PROFILE_ID, &membership->profile_id);
		membership->expires_at = scan_end(&scan, ANUM_MEMBERSHIPS_EXPIRES_AT);
		result = lappend(result, membership);
		MemoryContextSwitchTo(old);
	}
	scan_close(&scan);
	return result;
}

/* The same, from what is kept if possible. */
static List *
find_memberships(const pg_uuid_t *user_id)
{
	UserEntry  *entry;
	List	   *result;

	refresh_cache();
	entry = hash_search(users, user_id, HASH_FIND, NULL);
	if (entry != NULL)
		return entry->memberships;
	result = read_memberships(user_id, cache_context);
	if (cache_epoch == permission_epoch() && !permission_makes_new())
	{
		entry = hash_search(users, user_id, HASH_ENTER, NULL);
		entry->memberships = result;
	}
	return result;
}

List *
right_memberships(const pg_uuid_t *user_id)
{
	TimestampTz now = GetCurrentTimestamp();
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, find_memberships(user_id))
	{
		Membership *membership = lfirst(cell);

		if (membership->expires_at > now && hold_of_profile(&membership->profile_id) == 0)
			result = lappend(result, membership);
	}
	return result;
}

/* Adds what a user has in an account: by its own membership, and by those above it. False without any. */
static bool
build_user(Build *build, const pg_uuid_t *user_id, const pg_uuid_t *account_id, TimestampTz now)
{
	List	   *memberships = right_memberships(user_id);	/* kept until the next call */
	TreePath   *path = tree_path(account_id);
	int			nearest = 0;
	ListCell   *cell;

	if (path == NULL)
		return false;
	foreach(cell, memberships)
	{
		Membership *membership = lfirst(cell);
		int			place = path->depth;

		while (place > 0 && memcmp(&path->ids[place - 1], &membership->account_id, UUID_LEN) != 0)
			place--;
		/* A membership above gives a place here only with a role that reaches down. */
		if (place == 0 ||
			(add_grants(build, &membership->profile_id, place < path->depth, now) == 0 && place < path->depth))
			continue;
		build->expires_at = Min(build->expires_at, membership->expires_at);
		if (place > nearest)
		{
			nearest = place;
			build->has_profile = true;
			build->profile_id = membership->profile_id;
		}
	}
	if (build->owner)
		add_all_workspaces(build, account_id);
	return nearest > 0;
}

/* What is kept; list is what they are cut to, or NULL. */
static const Rights *
find_cached(const CacheKey *key, const ArrayType *list, TimestampTz now)
{
	CacheEntry *entry = hash_search(cache, key, HASH_FIND, NULL);

	if (entry == NULL || entry->rights->expires_at <= now || (list != NULL && !same_list(entry->list, list)))
		return NULL;
	return entry->rights;
}

/* Keeps what was compiled, unless it may be out of date already. */
static const Rights *
keep(const CacheKey *key, const ArrayType *list, Rights *rights)
{
	CacheEntry *entry;
	Rights	   *copy;
	ArrayType  *kept;

	if (cache_epoch != permission_epoch() || permission_makes_new())
		return rights;
	copy = MemoryContextAlloc(cache_context, rights->size);
	memcpy(copy, rights, rights->size);
	kept = list != NULL ? copy_list(list) : NULL;
	entry = hash_search(cache, key, HASH_ENTER, NULL);
	entry->rights = copy;
	entry->list = kept;
	return copy;
}

const Rights *
right_of_profile(const pg_uuid_t *profile_id, const pg_uuid_t *account_id)
{
	TimestampTz now = GetCurrentTimestamp();
	CacheKey	key = {*profile_id, *account_id, 0, 0};
	const Rights *rights;
	Build		build;

	refresh_cache();
	rights = find_cached(&key, NULL, now);
	if (rights != NULL)
		return rights;
	start_build(&build);
	build_profile(&build, profile_id, account_id, now);
	return keep(&key, NULL, finish_build(&build));
}

const Rights *
right_of_user(const pg_uuid_t *user_id, const pg_uuid_t *account_id)
{
	TimestampTz now = GetCurrentTimestamp();
	CacheKey	key = {*user_id, *account_id, 1, 0};
	const Rights *rights;
	Build		build;

	refresh_cache();
	rights = find_cached(&key, NULL, now);
	if (rights != NULL)
		return rights;
	start_build(&build);
	if (!build_user(&build, user_id, account_id, now))
		return NULL;
	return keep(&key, NULL, finish_build(&build));
}

const Rights *
right_of_list(ArrayType *permissions, const pg_uuid_t *account_id)
{
	Build		build;
	BuildSet   *set;
	ListCell   *cell;

	start_build(&build);
	set = linitial(build.sets);
	build.permissions = permission_list(permissions);
	foreach(cell, build.permissions)
		permission_set_bits(lfirst(cell), set->granted, build.words);
	if (account_id != NULL)
		add_all_workspaces(&build, account_id);
	return finish_build(&build);
}

/* ---------------------------------------------------------------------------
 * Cutting rights down to those of a key
 */

static bool
is_everything(ArrayType *permissions)
{
	int			count = ArrayGetNItems(ARR_NDIM(permissions), ARR_DIMS(permissions));
	text	   *first = count == 1 ? (text *) ARR_DATA_PTR(permissions) : NULL;

	return first != NULL && VARSIZE_ANY_EXHDR(first) == 3 && memcmp(VARDATA_ANY(first), "*:*", 3) == 0;
}

List *
right_strings(const Rights *rights, uint32 offset, int count)
{
	const char *string = (const char *) rights + offset;
	List	   *result = NIL;

	for (int i = 0; i < count; i++)
	{
		result = lappend(result, (char *) string);
		string += strlen(string) + 1;
	}
	return result;
}

/* What two lists of patterns have in common. */
static List *
common_patterns(List *left, List *right)
{
	List	   *result = NIL;
	ListCell   *one;
	ListCell   *other;

	foreach(one, left)
	{
		CHECK_FOR_INTERRUPTS();
		foreach(other, right)
		{
			char	   *common = permission_common(lfirst(one), lfirst(other));

			if (common != NULL)
				result = lappend(result, common);
		}
	}
	return result;
}

/* The bitmap of a list of patterns, of at least so many words. */
static const uint64 *
compile_list(const ArrayType *list, List *patterns, int words)
{
	uint64		hash = hash_list(list);
	CompiledList *compiled = hash_search(lists, &hash, HASH_FIND, NULL);
	uint64	   *bits;
	ArrayType  *kept;

	if (compiled != NULL && compiled->words >= words && same_list(compiled->list, list))
		return compiled->bits;
	bits = compile_bits(patterns, words);
	kept = copy_list(list);
	compiled = hash_search(lists, &hash, HASH_ENTER, NULL);
	compiled->words = words;
	compiled->bits = bits;
	compiled->list = kept;
	return bits;
}

/* The same rights, with no more permissions than a list has. */
static Rights *
cut_permissions(const Rights *rights, ArrayType *permissions)
{
	List	   *list = permission_list(permissions);
	const uint64 *limit = compile_list(permissions, list, rights->words);
	Build		build = {.words = rights->words};

	for (int i = 0; i < rights->nsets; i++)
	{
		const RightsSet *from = &RIGHTS_AT(rights, rights->sets, RightsSet)[i];
		BuildSet   *set = add_set(&build, from->has_workspace ? &from->workspace_id : NULL,
								  from->service != 0 ? (const char *) rights + from->service : NULL);

		memcpy(set->granted, RIGHTS_AT(rights, from->granted, uint64), sizeof(uint64) * rights->words);
		memcpy(set->denied, RIGHTS_AT(rights, from->denied, uint64), sizeof(uint64) * rights->words);
		for (int word = 0; word < rights->words; word++)
			set->granted[word] &= limit[word];
	}
	build.permissions = common_patterns(right_strings(rights, rights->permissions, rights->npermissions), list);
	build.denied = right_strings(rights, rights->denied, rights->ndenied);
	for (int i = 0; i < rights->nworkspaces; i++)
		build.workspaces = lappend(build.workspaces, &RIGHTS_AT(rights, rights->workspaces, pg_uuid_t)[i]);
	build.has_profile = rights->has_profile;
	build.profile_id = rights->profile_id;
	build.has_user = rights->has_user;
	build.user_id = rights->user_id;
	build.expires_at = rights->expires_at;
	return finish_build(&build);
}

/* The place of a workspace among those that are reached, which are in order; NULL if it is not. */
static pg_uuid_t *
find_workspace(const Rights *rights, const pg_uuid_t *workspace_id)
{
	return bsearch(workspace_id, RIGHTS_AT(rights, rights->workspaces, pg_uuid_t), rights->nworkspaces,
				   sizeof(pg_uuid_t), compare_ids);
}

/* A copy that reaches no other workspaces than those of a list. */
static Rights *
cut_workspaces(const Rights *rights, const pg_uuid_t *workspaces, int nworkspaces)
{
	Rights	   *cut = palloc(rights->size);
	pg_uuid_t  *kept;
	int			count = 0;

	memcpy(cut, rights, rights->size);
	kept = RIGHTS_AT(cut, cut->workspaces, pg_uuid_t);
	for (int i = 0; i < nworkspaces; i++)
	{
		/* Each once: what the key was granted twice stands beside itself once sorted. */
		if (count < rights->nworkspaces && find_workspace(rights, &workspaces[i]) != NULL)
			kept[count++] = workspaces[i];
	}
	qsort(kept, count, sizeof(pg_uuid_t), compare_ids);
	cut->nworkspaces = count;
	return cut;
}

Rights *
right_copy(const Rights *rights)
{
	Rights	   *copy;

	if (rights == NULL)
		return NULL;
	copy = palloc(rights->size);
	memcpy(copy, rights, rights->size);
	return copy;
}

Rights *
right_cut(const Rights *rights, ArrayType *permissions)
{
	return cut_permissions(rights, permissions);
}

Rights *
right_of_key(const pg_uuid_t *profile_id, const pg_uuid_t *account_id, ArrayType *permissions,
			 const pg_uuid_t *workspaces, int nworkspaces)
{
	const Rights *rights;

	if (is_everything(permissions))
		rights = right_of_profile(profile_id, account_id);
	else
	{
		CacheKey	key = {*profile_id, *account_id, 0, hash_list(permissions)};

		refresh_cache();
		rights = find_cached(&key, permissions, GetCurrentTimestamp());
		if (rights == NULL)
			rights = keep(&key, permissions,
						  cut_permissions(right_of_profile(profile_id, account_id), permissions));
	}
	return cut_workspaces(rights, workspaces, nworkspaces);
}

/* ---------------------------------------------------------------------------
 * Asking
 */

bool
right_is_live(const Rights *rights)
{
	return rights->expires_at > GetCurrentTimestamp() &&
		(!rights->has_user || hold_of_profile(&rights->user_id) == 0);
}

bool
right_reaches(const Rights *rights, const pg_uuid_t *workspace_id)
{
	return find_workspace(rights, workspace_id) != NULL;
}

bool
right_has(const Rights *rights, int number, const pg_uuid_t *workspace_id, const char *service)
{
	uint64		bit = UINT64CONST(1) << (number & 63);
	int			word = number / 64;
	bool		granted = false;

	if (number < 0 || word >= rights->words ||
		(workspace_id != NULL && !right_reaches(rights, workspace_id)))
		return false;
	for (int i = 0; i < rights->nsets; i++)
	{
		const RightsSet *set = &RIGHTS_AT(rights, rights->sets, RightsSet)[i];

		if ((set->has_workspace &&
			 (workspace_id == NULL || memcmp(&set->workspace_id, workspace_id, UUID_LEN) != 0)) ||
			(set->service != 0 &&
			 (service == NULL || strcmp((const char *) rights + set->service, service) != 0)))
			continue;
		if (RIGHTS_AT(rights, set->denied, uint64)[word] & bit)
			return false;
		granted = granted || (RIGHTS_AT(rights, set->granted, uint64)[word] & bit) != 0;
	}
	return granted;
}

/* Whether a denial takes something of a pattern that is not denied by those of the other side too. */
static bool
is_narrowed(const char *pattern, const List *denials, const List *also_denied)
{
	ListCell   *cell;

	CHECK_FOR_INTERRUPTS();
	foreach(cell, denials)
	{
		char	   *common = permission_common(lfirst(cell), pattern);
		bool		denied_too = false;
		ListCell   *other;

		if (common == NULL)
			continue;
		foreach(other, also_denied)
			denied_too = denied_too || permission_covers(lfirst(other), common);
		if (!denied_too)
			return true;
	}
	return false;
}

const char *
right_uncovered(const Rights *rights, List *permissions, List *denied)
{
	List	   *held = right_strings(rights, rights->permissions, rights->npermissions);
	List	   *denials = right_strings(rights, rights->denied, rights->ndenied);
	ListCell   *cell;

	foreach(cell, permissions)
	{
		bool		covered = false;
		ListCell   *other;

		foreach(other, held)
			covered = covered || permission_covers(lfirst(other), lfirst(cell));
		if (!covered || is_narrowed(lfirst(cell), denials, denied))
			return lfirst(cell);
	}
	return NULL;
}

/* What any scope denies, but for what a list of patterns denies too. */
static uint64 *
denied_anywhere(const Rights *rights, List *denied)
{
	uint64	   *bits = palloc0(sizeof(uint64) * Max(rights->words, 1));
	uint64	   *but = palloc0(sizeof(uint64) * Max(rights->words, 1));
	ListCell   *cell;

	foreach(cell, denied)
		permission_set_bits(lfirst(cell), but, rights->words);
	for (int i = 0; i < rights->nsets; i++)
	{
		const RightsSet *set = &RIGHTS_AT(rights, rights->sets, RightsSet)[i];

		for (int word = 0; word < rights->words; word++)
			bits[word] |= RIGHTS_AT(rights, set->denied, uint64)[word] & ~but[word];
	}
	return bits;
}

/* The same, where what is denied in a workspace or for a service alone is not held either. */
const char *
right_uncovered_anywhere(const Rights *rights, List *permissions, List *denied)
{
	uint64	   *lost;
	uint64	   *wanted;
	ListCell   *cell;

	if (rights->nsets <= 1)
		return right_uncovered(rights, permissions, denied);
	lost = denied_anywhere(rights, denied);
	wanted = palloc(sizeof(uint64) * Max(rights->words, 1));
	foreach(cell, permissions)
	{
		CHECK_FOR_INTERRUPTS();
		memset(wanted, 0, sizeof(uint64) * rights->words);
		permission_set_bits(lfirst(cell), wanted, rights->words);
		for (int word = 0; word < rights->words; word++)
		{
			if ((lost[word] & wanted[word]) != 0)
				return lfirst(cell);
		}
	}
	return right_uncovered(rights, permissions, denied);
}

/* The patterns of the whole account; one that is denied in part, as what is left of it now. */
List *
right_permissions(const Rights *rights)
{
	List	   *denials = right_strings(rights, rights->denied, rights->ndenied);
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, right_strings(rights, rights->permissions, rights->npermissions))
	{
		ListCell   *other;

		if (!is_narrowed(lfirst(cell), denials, NIL))
		{
			result = lappend(result, lfirst(cell));
			continue;
		}
		foreach(other, permission_list_covered(lfirst(cell)))
		{
			if (right_has(rights, permission_number(lfirst(other)), NULL, NULL))
				result = lappend(result, lfirst(other));
		}
	}
	return without_covered(result);
}
