/*
 * audit.c
 *	  Entries of the audit log.
 *
 * An entry is a row that is inserted in the transaction of what it tells, at the moment it is
 * done: who is acting is who is the identity then, from the state of the session alone.  The
 * insert waits for nobody, reads nothing and draws its number without a lock, so that nothing
 * that a tenant keeps open is in its way, and no serializable transaction fails by it.
 *
 * Where nothing can be written, in a READ ONLY transaction and on a standby, the server's log
 * has a line instead.
 */
#include "account.h"

#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_control.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "common/hmac.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#define LISTENERS_MAX 4
#define DIGEST_SHOWN 8			/* bytes of a digest of a personal value */

/* Columns of account.profiles; schema_catalog() has checked the version. */
#define ANUM_PROFILES_PROFILE_ID 1
#define ANUM_PROFILES_KIND 3
#define ANUM_PROFILES_NAME 5

PG_FUNCTION_INFO_V1(account_audit_keep_audit);
PG_FUNCTION_INFO_V1(account_audit_audit_digest);

static bool is_quiet = false;
static void (*listeners[LISTENERS_MAX]) (const AuditEntry *entry);
static int	nlisteners = 0;

bool
audit_quiet(bool quiet)
{
	bool		before = is_quiet;

	is_quiet = quiet;
	return before;
}

bool
audit_is_quiet(void)
{
	return is_quiet;
}

void
audit_listen(void (*listener) (const AuditEntry *entry))
{
	if (nlisteners == LISTENERS_MAX)
		elog(ERROR, "too many listeners to the audit log");
	listeners[nlisteners++] = listener;
}

/* ---------------------------------------------------------------------------
 * Values
 */

char *
audit_cut(const char *value)
{
	size_t		length = strlen(value);

	if (length <= AUDIT_VALUE_MAX)
		return pstrdup(value);
	return psprintf("%.*s... (%zu bytes)", pg_mbcliplen(value, length, AUDIT_VALUE_MAX), value, length);
}

/* The key of digests: the pepper in force or, without one, what this cluster alone knows. */
static const char *
digest_key(size_t *length)
{
	static Keyring peppers = {&setting_pepper_file, "pepper file", "See account.pepper_file."};

	if (keyring_load(&peppers) == 0)
	{
		*length = MOCK_AUTH_NONCE_LEN;
		return GetMockAuthenticationNonce();
	}
	*length = strlen(peppers.keys[0]);
	return peppers.keys[0];
}

char *
audit_digest(const char *value)
{
	static const char purpose[] = "account: audit";
	pg_hmac_ctx *context = pg_hmac_create(PG_SHA256);
	uint8		digest[TOKEN_DIGEST_LENGTH];
	char		hex[2 * DIGEST_SHOWN + 1];
	size_t		length;
	const char *key = digest_key(&length);
	bool		done = context != NULL &&
		pg_hmac_init(context, (const uint8 *) key, length) >= 0 &&
		pg_hmac_update(context, (const uint8 *) purpose, sizeof(purpose)) >= 0 &&
		pg_hmac_update(context, (const uint8 *) value, strlen(value)) >= 0 &&
		pg_hmac_final(context, digest, sizeof(digest)) >= 0;

	pg_hmac_free(context);
	if (!done)
		elog(ERROR, "could not compute a digest");
	hex_encode((const char *) digest, DIGEST_SHOWN, hex);
	hex[2 * DIGEST_SHOWN] = '\0';
	return psprintf("hmac:%s", hex);
}

/* ---------------------------------------------------------------------------
 * Who, and from where
 */

/* The name of a profile, if it is a service account's; NULL otherwise. Leaves no predicate lock. */
static char *
service_account_name(const pg_uuid_t *profile_id)
{
	Oid			namespace_id = schema_catalog()->namespace_id;
	ScanKeyData key;
	SelfScan	scan;
	char	   *name = NULL;

	ScanKeyInit(&key, ANUM_PROFILES_PROFILE_ID, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(profile_id));
	scan_open(&scan, get_relname_relid("profiles", namespace_id), get_relname_relid("profiles_pkey", namespace_id),
			  &key, 1);
	while (scan_next(&scan))
	{
		if (strcmp(TextDatumGetCString(scan.values[ANUM_PROFILES_KIND - 1]), "service_account") == 0)
			name = TextDatumGetCString(scan.values[ANUM_PROFILES_NAME - 1]);
	}
	scan_close(&scan);
	return name;
}

/* The role that acts, whatever functions it has called: "session as current" if it has become another. */
static char *
acting_role(void)
{
	char	   *session = GetUserNameFromId(GetSessionUserId(), true);
	char	   *current = GetUserNameFromId(GetOuterUserId(), true);

	if (session == NULL || current == NULL || strcmp(session, current) == 0)
		return session != NULL ? session : current;
	return psprintf("%s as %s", session, current);
}

static void
take_actor(AuditEntry *entry)
{
	const Identity *identity = identity_current();

	if (identity == NULL)
	{
		entry->actor_role = acting_role();
		return;
	}
	entry->has_from_account = identity->has_account;
	entry->from_account_id = identity->account_id;
	entry->has_actor_profile = identity->has_profile;
	entry->actor_profile_id = identity->profile_id;
	entry->has_actor_user = identity->has_user;
	entry->actor_user_id = identity->user_id;
	entry->has_key = identity->has_key;
	entry->api_key_id = identity->api_key_id;
	entry->has_session = identity->has_session;
	entry->session_id = identity->session_id;
	if (entry->has_actor_profile && !entry->has_actor_user)
		entry->actor_name = service_account_name(&entry->actor_profile_id);
}

/* What is known of the HTTP request, the address of people as a digest; NULL if there is none. */
static char *
describe_request(const AuditEntry *entry)
{
	StringInfoData json;
	Datum		address;

	if (!request_is_active())
		return NULL;
	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	error_append_member(&json, "method", audit_cut(request_method()));
	error_append_member(&json, "path", audit_cut(request_path()));
	if (network_client_address(&address))
	{
		char	   *text = DatumGetCString(DirectFunctionCall1(inet_out, address));

		error_append_member(&json, "address", entry->has_from_account && !entry->has_actor_user ? text : audit_digest(text));
	}
	appendStringInfoString(&json, network_is_proxied() ? ", \"trusted\": true}" : ", \"trusted\": false}");
	return json.data;
}

/* ---------------------------------------------------------------------------
 * Entries
 */

void
audit_begin(AuditEntry *entry, const char *action, const char *object_type, const pg_uuid_t *object_id,
			const pg_uuid_t *account_id)
{
	memset(entry, 0, sizeof(*entry));
	token_random_uuid(&entry->entry_id);
	entry->at = GetCurrentTimestamp();
	entry->source = "account";
	entry->action = action;
	entry->object_type = object_type;
	entry->has_object = object_id != NULL;
	if (object_id != NULL)
		entry->object_id = *object_id;
	entry->has_account = account_id != NULL;
	if (account_id != NULL)
		entry->account_id = *account_id;
	entry->detail = "{}";
	take_actor(entry);
	entry->request = describe_request(entry);
}

bool
audit_can_write(void)
{
	return !XactReadOnly && !RecoveryInProgress() && !IsInParallelMode();
}

/* Says in the server's log what no row can say: ids alone, of those who acted. */
static void
log_entry(const AuditEntry *entry)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	error_append_member(&json, "action", entry->action);
	error_append_member(&json, "object_type", entry->object_type);
	if (entry->has_object)
		error_append_member(&json, "object_id", tree_uuid_text(&entry->object_id));
	if (entry->has_account)
		error_append_member(&json, "account_id", tree_uuid_text(&entry->account_id));
	if (entry->has_from_account)
		error_append_member(&json, "from_account_id", tree_uuid_text(&entry->from_account_id));
	if (entry->has_actor_profile)
		error_append_member(&json, "actor_profile_id", tree_uuid_text(&entry->actor_profile_id));
	if (entry->has_actor_user)
		error_append_member(&json, "actor_user_id", tree_uuid_text(&entry->actor_user_id));
	if (entry->actor_role != NULL)
		error_append_member(&json, "actor_role", entry->actor_role);
	if (entry->has_key)
		error_append_member(&json, "api_key_id", tree_uuid_text(&entry->api_key_id));
	if (entry->has_session)
		error_append_member(&json, "session_id", tree_uuid_text(&entry->session_id));
	ereport(LOG_SERVER_ONLY,
			(errmsg_internal("account audit: %s}", json.data), errhidestmt(true), errhidecontext(true)));
}

static Datum
jsonb_or_null(const char *json, char *null)
{
	*null = json != NULL ? ' ' : 'n';
	return json != NULL ? DirectFunctionCall1(jsonb_in, CStringGetDatum(json)) : (Datum) 0;
}

static void
insert_entry(AuditEntry *entry)
{
	static Statement insert = {
		"INSERT INTO account.audit_pending (entry_id, turn, horizon, at, account_id, source, from_account_id,"
		" actor_profile_id, actor_user_id, actor_name, actor_role, api_key_id, session_id, action, object_type,"
		" object_id, detail, request)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
		18, {UUIDOID, INT8OID, XID8OID, TIMESTAMPTZOID, UUIDOID, TEXTOID, UUIDOID, UUIDOID, UUIDOID, TEXTOID,
		TEXTOID, UUIDOID, UUIDOID, TEXTOID, TEXTOID, UUIDOID, JSONBOID, JSONBOID}
	};
	QueryScope	scope;
	Datum		values[18];
	char		nulls[18];

	memset(nulls, ' ', sizeof(nulls));
	ticket_draw(&entry->turn, &entry->horizon);
	values[0] = UUIDPGetDatum(&entry->entry_id);
	values[1] = Int64GetDatum(entry->turn);
	values[2] = FullTransactionIdGetDatum(FullTransactionIdFromU64(entry->horizon));
	values[3] = TimestampTzGetDatum(entry->at);
	values[4] = query_pointer_or_null(entry->has_account ? &entry->account_id : NULL, &nulls[4]);
	values[5] = CStringGetTextDatum(entry->source);
	values[6] = query_pointer_or_null(entry->has_from_account ? &entry->from_account_id : NULL, &nulls[6]);
	values[7] = query_pointer_or_null(entry->has_actor_profile ? &entry->actor_profile_id : NULL, &nulls[7]);
	values[8] = query_pointer_or_null(entry->has_actor_user ? &entry->actor_user_id : NULL, &nulls[8]);
	values[9] = query_text_or_null(entry->actor_name, &nulls[9]);
	values[10] = query_text_or_null(entry->actor_role, &nulls[10]);
	values[11] = query_pointer_or_null(entry->has_key ? &entry->api_key_id : NULL, &nulls[11]);
	values[12] = query_pointer_or_null(entry->has_session ? &entry->session_id : NULL, &nulls[12]);
	values[13] = CStringGetTextDatum(entry->action);
	values[14] = CStringGetTextDatum(entry->object_type);
	values[15] = query_pointer_or_null(entry->has_object ? &entry->object_id : NULL, &nulls[15]);
	values[16] = jsonb_or_null(entry->detail, &nulls[16]);
	values[17] = jsonb_or_null(entry->request, &nulls[17]);
	query_open(&scope);
	query_write(&insert, values, nulls);
	query_close(&scope);
}

void
audit_insert(AuditEntry *entry)
{
	if (!audit_can_write())
	{
		log_entry(entry);
		return;
	}
	insert_entry(entry);
	for (int i = 0; i < nlisteners; i++)
		listeners[i] (entry);
}

void
audit_note(const char *action, const char *object_type, const pg_uuid_t *object_id, const pg_uuid_t *account_id,
		   const char *detail)
{
	AuditEntry	entry;

	audit_begin(&entry, action, object_type, object_id, account_id);
	if (detail != NULL)
		entry.detail = detail;
	audit_insert(&entry);
}

void
audit_note_named(const char *action, const char *object_type, const char *name)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	error_append_member(&json, "name", name);
	appendStringInfoChar(&json, '}');
	audit_note(action, object_type, NULL, NULL, json.data);
}

/* ---------------------------------------------------------------------------
 * What parts above tell
 */

static void
note_acting(const char *reason)
{
	const Identity *identity = identity_current();
	pg_uuid_t	account_id = identity->account_id;
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	error_append_member(&json, "reason", audit_cut(reason));
	appendStringInfoChar(&json, '}');
	audit_note("account.acted_as", "account", &account_id, &account_id, json.data);
}

static void
note_access(const char *action, const char *role, const char *level)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	if (role != NULL)
		error_append_member(&json, "role", role);
	if (level != NULL)
		error_append_member(&json, "level", level);
	appendStringInfoChar(&json, '}');
	audit_note(action, "access", NULL, NULL, json.data);
}

void
audit_init(void)
{
	identity_acting_observer = note_acting;
	access_observer = note_access;
}

/* ---------------------------------------------------------------------------
 * What SQL calls
 */

/* keep_audit(): trigger of the tables of the log */
Datum
account_audit_keep_audit(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		error_raise(ERROR_FORBIDDEN, NULL, "keep_audit() is a trigger");
	if (!query_is_writing())
		error_raise(ERROR_FORBIDDEN, "See prune_audit().", "the audit log is only added to");
	if (TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event))
		return PointerGetDatum(NULL);
	return PointerGetDatum(TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple : trigger->tg_trigtuple);
}

/* audit_digest(value) */
Datum
account_audit_audit_digest(PG_FUNCTION_ARGS)
{
	caller_require_admin("make digests of the audit log");
	PG_RETURN_TEXT_P(cstring_to_text(audit_digest(text_to_cstring(PG_GETARG_TEXT_PP(0)))));
}
