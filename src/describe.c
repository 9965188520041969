/*
 * describe.c
 *	  Accounts, profiles and keys as JSON documents.
 *
 * The server's own jsonb functions build every document.  What a caller may not read
 * elsewhere is not in them either: a key's creator that is out of reach is its
 * ids alone.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#define PREVIEW "5"				/* elements of a list */

/* {id, accountId, name, profileId, externalId, labels} */
#define METADATA(id, account_id, name, profile_id, external_id, labels) \
	"pg_catalog.jsonb_build_object('id', " id ", 'accountId', " account_id ", 'name', " name "," \
	" 'profileId', " profile_id ", 'externalId', " external_id ", 'labels', " labels ")"

/* A jsonb that may be NULL: {} or [] instead. */
#define FILLED(json, empty) "COALESCE(" json ", '" empty "'::pg_catalog.jsonb)"

/* Whether the hold "disabled" is on something. */
#define IS_DISABLED(subject_id) \
	"EXISTS (SELECT FROM account.holds h WHERE h.subject_id OPERATOR(pg_catalog.=) " subject_id \
	" AND h.kind OPERATOR(pg_catalog.=) 'd')"

PG_FUNCTION_INFO_V1(account_describe_account);
PG_FUNCTION_INFO_V1(account_describe_profile);
PG_FUNCTION_INFO_V1(account_describe_api_key);

/* ---------------------------------------------------------------------------
 * Who may read what
 */

/* The permission by which the caller reads a kind of resource, or would. */
static const char *
reading_permission(const char *resource)
{
	const Identity *identity = identity_current();
	char	   *managing = psprintf("manage:%s", resource);

	return identity != NULL && caller_permits(identity, managing) ? managing : psprintf("read:%s", resource);
}

/* Whether the caller may read a kind of resource in its account and below. */
static bool
may_read(const char *resource)
{
	const Identity *identity = identity_current();

	return identity != NULL ? caller_permits(identity, reading_permission(resource)) : caller_is_admin();
}

static const char *
resource_of(const ProfileRecord *profile)
{
	return profile->has_user ? "members" : "service_accounts";
}

static bool
is_own_profile(const pg_uuid_t *profile_id)
{
	const pg_uuid_t *own = caller_profile();

	return own != NULL && memcmp(own, profile_id, UUID_LEN) == 0;
}

/* ---------------------------------------------------------------------------
 * Documents
 */

/* The jsonb that a query gives; raises NOT_FOUND if it gives no row, in the words of what. */
static Datum
read_document(Statement *query, const Datum *values, const char *nulls, const char *what)
{
	QueryScope	scope;
	Datum		document;
	bool		isnull;

	query_open(&scope);
	if (query_read(query, values, nulls) == 0)
		error_raise(ERROR_NOT_FOUND, NULL, "%s not found", what);
	document = query_datum(&scope, 0, 1, &isnull);
	query_close(&scope);
	return document;
}

static Datum
describe_profile(const pg_uuid_t *profile_id)
{
	static Statement find = {
		"SELECT pg_catalog.jsonb_build_object('metadata', "
		METADATA("p.profile_id", "p.account_id", "p.name", "p.profile_id", "p.external_id", "p.labels::pg_catalog.jsonb")
		", 'spec', pg_catalog.jsonb_build_object('kind', p.kind, 'userId', p.user_id, 'email', u.email,"
		" 'description', p.description, 'owner', p.owner, 'systems', pg_catalog.to_jsonb(p.systems),"
		" 'system', p.system, 'disabled', " IS_DISABLED("p.profile_id") " OR " IS_DISABLED("p.user_id") ","
		" 'rolesPreview', " FILLED("r.preview", "[]") ", 'rolesTotal', r.total,"
		" 'expiresAt', pg_catalog.to_char(pg_catalog.timezone('UTC', m.expires_at), 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')))"
		" FROM account.profiles p"
		" LEFT JOIN account.users u ON u.user_id OPERATOR(pg_catalog.=) p.user_id"
		" LEFT JOIN account.user_memberships m ON m.profile_id OPERATOR(pg_catalog.=) p.profile_id"
		" CROSS JOIN LATERAL (SELECT pg_catalog.jsonb_agg(n.name ORDER BY n.name)"
		" FILTER (WHERE n.place OPERATOR(pg_catalog.<=) " PREVIEW ") AS preview, pg_catalog.count(*) AS total"
		" FROM (SELECT d.name, pg_catalog.row_number() OVER (ORDER BY d.name) AS place"
		" FROM (SELECT DISTINCT o.name::pg_catalog.text COLLATE pg_catalog.\"C\" AS name FROM account.grants g"
		" JOIN account.roles o ON o.role_id OPERATOR(pg_catalog.=) g.role_id"
		" WHERE g.profile_id OPERATOR(pg_catalog.=) p.profile_id"
		" AND COALESCE(g.expires_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp(), true)) d) n) r"
		" WHERE p.profile_id OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(profile_id);

	return read_document(&find, &value, NULL, "profile");
}

/* A profile of which no more may be told than its ids. */
static Datum
name_profile(const pg_uuid_t *profile_id)
{
	static Statement find = {
		"SELECT pg_catalog.jsonb_build_object('metadata', "
		METADATA("p.profile_id", "p.account_id", "NULL::pg_catalog.text", "p.profile_id", "NULL::pg_catalog.text",
				 "'{}'::pg_catalog.jsonb")
		", 'spec', '{}'::pg_catalog.jsonb) FROM account.profiles p WHERE p.profile_id OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(profile_id);

	return read_document(&find, &value, NULL, "profile");
}

/* The creator of something, as the caller may see it. */
static Datum
describe_creator(const pg_uuid_t *profile_id)
{
	static Statement find = {
		"SELECT p.account_id, p.user_id FROM account.profiles p WHERE p.profile_id OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};
	const Identity *identity = identity_current();
	Datum		value = UUIDPGetDatum(profile_id);
	ProfileRecord profile = {.profile_id = *profile_id};
	QueryScope	scope;
	TreePath   *path;

	query_open(&scope);
	if (query_read(&find, &value, NULL) > 0)
	{
		(void) query_uuid(0, 1, &profile.account_id);
		profile.has_user = query_uuid(0, 2, &profile.user_id);
	}
	query_close(&scope);
	if (is_own_profile(profile_id))
		return describe_profile(profile_id);
	path = tree_path(&profile.account_id);
	if (!may_read(resource_of(&profile)) || path == NULL ||
		(identity != NULL && !tree_within(path, &identity->account_id)))
		return name_profile(profile_id);
	return describe_profile(profile_id);
}

/* The profile that issued a key; false if it was none. */
static bool
find_creator(const pg_uuid_t *api_key_id, pg_uuid_t *profile_id)
{
	static Statement find = {
		"SELECT k.created_by FROM account.keys k WHERE k.api_key_id OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(api_key_id);
	QueryScope	scope;
	bool		found;

	query_open(&scope);
	found = query_read(&find, &value, NULL) > 0 && query_uuid(0, 1, profile_id);
	query_close(&scope);
	return found;
}

static Datum
describe_key(const pg_uuid_t *api_key_id)
{
	static Statement find = {
		"SELECT pg_catalog.jsonb_build_object('metadata', "
		METADATA("k.api_key_id", "k.account_id", "k.name", "k.profile_id", "k.external_id", "k.labels::pg_catalog.jsonb")
		", 'spec', pg_catalog.jsonb_build_object('description', k.description,"
		" 'permissions', pg_catalog.to_jsonb(c.permissions), 'system', k.system),"
		" 'info', pg_catalog.jsonb_build_object('createdBy', $2,"
		" 'workspacesPreview', " FILLED("w.preview", "[]") ", 'workspacesTotal', w.total))"
		" FROM account.keys k"
		" JOIN account.credentials c ON c.credential_id OPERATOR(pg_catalog.=) k.api_key_id"
		" AND c.entry OPERATOR(pg_catalog.=) 0"
		" CROSS JOIN LATERAL (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('id', n.workspace_id, 'name', n.name)"
		" ORDER BY n.place) FILTER (WHERE n.place OPERATOR(pg_catalog.<=) " PREVIEW ") AS preview,"
		" pg_catalog.count(*) AS total"
		" FROM (SELECT s.workspace_id, s.name, pg_catalog.row_number() OVER (ORDER BY g.created_at, s.workspace_id) AS place"
		" FROM account.credentials g JOIN account.workspaces s ON s.workspace_id OPERATOR(pg_catalog.=) g.workspace_id"
		" WHERE g.credential_id OPERATOR(pg_catalog.=) k.api_key_id AND g.kind OPERATOR(pg_catalog.=) 'w') n) w"
		" WHERE k.api_key_id OPERATOR(pg_catalog.=) $1",
		2, {UUIDOID, JSONBOID}
	};
	pg_uuid_t	creator;
	bool		created = find_creator(api_key_id, &creator);
	Datum		values[2] = {UUIDPGetDatum(api_key_id), created ? describe_creator(&creator) : (Datum) 0};

	return read_document(&find, values, created ? NULL : " n", "API key");
}

/* The newest live key of an account's system service account; false if there is none. */
static bool
find_global_key(const pg_uuid_t *account_id, pg_uuid_t *api_key_id)
{
	static Statement find = {
		"SELECT k.api_key_id FROM account.keys k"
		" JOIN account.profiles p ON p.profile_id OPERATOR(pg_catalog.=) k.profile_id AND p.system"
		" WHERE k.account_id OPERATOR(pg_catalog.=) $1 AND NOT EXISTS (SELECT FROM account.credentials c"
		" WHERE c.credential_id OPERATOR(pg_catalog.=) k.api_key_id"
		" AND c.ends_at OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp())"
		" ORDER BY k.created_at DESC, k.api_key_id LIMIT 1",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(account_id);
	QueryScope	scope;
	bool		found;

	query_open(&scope);
	found = query_read(&find, &value, NULL) > 0 && query_uuid(0, 1, api_key_id);
	query_close(&scope);
	return found;
}

/* The workspaces that the caller reaches in its own account, none in one below. */
static ArrayType *
reached_workspaces(const Target *target)
{
	const Identity *identity = identity_current();

	if (identity == NULL || !target->own)
		return construct_empty_array(UUIDOID);
	return issue_uuid_array(RIGHTS_AT(identity->rights, identity->rights->workspaces, pg_uuid_t),
							identity->rights->nworkspaces);
}

/* The webhook secret of an account, if the caller may read it; NULL if not. */
static char *
shown_secret(const Target *target)
{
	const Identity *identity = identity_current();

	if (identity != NULL ? !target->own || !caller_permits(identity, "manage:webhooks") : !target->as_admin)
		return NULL;
	return webhook_newest(&target->account_id);
}

/* ---------------------------------------------------------------------------
 * What SQL calls
 */

/* describe_account(account_id) */
Datum
account_describe_account(PG_FUNCTION_ARGS)
{
	static Statement find = {
		"SELECT pg_catalog.jsonb_build_object('info', pg_catalog.jsonb_build_object('globalApiKey', $4,"
		" 'webhookEventsHmacSecret', $5), 'metadata', "
		METADATA("a.account_id", "a.account_id", "a.name", "p.profile_id", "a.external_id", "a.labels::pg_catalog.jsonb")
		", 'spec', pg_catalog.jsonb_build_object('billingEmail', a.billing_email, 'description', a.description,"
		" 'domain', a.domain, 'workspaces', " FILLED("w.preview", "[]") "))"
		" FROM account.accounts a"
		" LEFT JOIN account.profiles p ON p.account_id OPERATOR(pg_catalog.=) a.account_id AND p.system"
		" CROSS JOIN LATERAL (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('id', n.workspace_id, 'name', n.name)"
		" ORDER BY n.created_at, n.workspace_id) AS preview"
		" FROM (SELECT s.workspace_id, s.name, s.created_at FROM account.workspaces s"
		" WHERE s.account_id OPERATOR(pg_catalog.=) a.account_id"
		" AND ($2 OR s.workspace_id OPERATOR(pg_catalog.=) ANY ($3))"
		" ORDER BY s.created_at, s.workspace_id LIMIT " PREVIEW ") n) w"
		" WHERE a.account_id OPERATOR(pg_catalog.=) $1",
		5, {UUIDOID, BOOLOID, UUIDARRAYOID, JSONBOID, TEXTOID}
	};
	Target		target;
	pg_uuid_t	api_key_id;
	bool		has_key;
	Datum		values[5];
	char		nulls[5] = {' ', ' ', ' ', ' ', ' '};

	caller_target(NULL, PG_ARGISNULL(0) ? NULL : PG_GETARG_UUID_P(0),
				  SCOPE_OWN | SCOPE_DESCENDANTS | SCOPE_ADMIN, &target);
	has_key = (target.own || may_read("api_keys")) && find_global_key(&target.account_id, &api_key_id);
	values[0] = UUIDPGetDatum(&target.account_id);
	values[1] = BoolGetDatum(may_read("workspaces"));
	values[2] = PointerGetDatum(reached_workspaces(&target));
	values[3] = has_key ? describe_key(&api_key_id) : (Datum) 0;
	nulls[3] = has_key ? ' ' : 'n';
	values[4] = query_text_or_null(shown_secret(&target), &nulls[4]);
	PG_RETURN_DATUM(read_document(&find, values, nulls, "account"));
}

/* describe_profile(profile_id) */
Datum
account_describe_profile(PG_FUNCTION_ARGS)
{
	ProfileRecord profile;
	bool		found = !PG_ARGISNULL(0) && profile_find(PG_GETARG_UUID_P(0), &profile);
	bool		members = may_read("members");
	Target		target;

	if (found && is_own_profile(&profile.profile_id))
		PG_RETURN_DATUM(describe_profile(&profile.profile_id));
	/* Who reads one kind alone is not told whether there is one of the other. */
	found = found && may_read(resource_of(&profile));
	caller_target_of(reading_permission(members ? "members" : "service_accounts"), found, &profile.account_id,
					 "profile", &target);
	PG_RETURN_DATUM(describe_profile(&profile.profile_id));
}

/* describe_api_key(api_key_id) */
Datum
account_describe_api_key(PG_FUNCTION_ARGS)
{
	const Identity *identity = identity_current();
	CredentialRecord key;
	bool		found = !PG_ARGISNULL(0) && credential_find(PG_GETARG_UUID_P(0), &key) && key.kind == TOKEN_KEY;
	Target		target;

	if (!found || identity == NULL || !identity->has_key ||
		memcmp(&identity->api_key_id, &key.credential_id, UUID_LEN) != 0)
		caller_target_of(reading_permission("api_keys"), found, &key.account_id, "API key", &target);
	PG_RETURN_DATUM(describe_key(&key.credential_id));
}
