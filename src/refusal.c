/*
 * refusal.c
 *	  Attempts that were refused, for the audit log.
 *
 * What is refused is rolled back, or was READ ONLY, so it cannot say so by a row of its own.
 * Sessions note it in shared memory (sets.c), whatever becomes of them: how often, first and
 * last, by code, account, profile, user, credential, source and, of who has no account, role.
 * The recorder writes each as one entry attempt.refused, with the number of times.  The first
 * is written at its next round; of what is refused again and again it writes the number after
 * a minute, then two, and so on, up to an hour.
 *
 * So a flood of the same takes one place and a few entries.  An account that would be told of
 * too many different refusals (stats_allow()) has those beyond put together in one place for
 * each code, and so have those of no account: nobody crowds others out.  Nor does who has
 * many accounts: where there is little room the recorder is woken, what is not yet written makes
 * none, and what finds none is counted with all others of its code.
 *
 * Only what is refused for who asks is noted, not what is asked wrongly: stats_is_refusal().
 * Who it is, is known from the credential that was refused, if it is one of ours (expired,
 * revoked, suspended, from elsewhere); otherwise from the identity; otherwise it is nobody, and
 * the address and the role are all that is known.  Nothing that the caller says is noted but the
 * text of the error, which repeats no secret.
 *
 * Without a recorder nothing is noted: the server's log has the error.  What is told and not
 * raised, by login() and verify_api_key(), has a line of its own there then.
 */
#include "account.h"

#include <sys/socket.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/inet.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define ENTRIES 4096
#define MESSAGE_MAX 160			/* bytes of an error's text that are kept */

#define ONE_MINUTE ((int64) SECS_PER_MINUTE * USECS_PER_SEC)
#define PAUSE_MAX (60 * ONE_MINUTE)

/* What there is of a RefusalName. */
#define HAS_ACCOUNT 0x01
#define HAS_PROFILE 0x02
#define HAS_USER 0x04
#define HAS_CREDENTIAL 0x08
#define LOCKED 0x10				/* too many attempts to log in: no password was looked at */
#define OTHERS 0x20				/* put together: of whatever credential, source and role */

/* How it was asked for. */
typedef enum RefusalCall
{
	CALL_RAISED,				/* whatever raises */
	CALL_LOGIN,
	CALL_VERIFY
} RefusalCall;

/* What tells a refusal from others, and is hashed; no byte of it is left over. */
typedef struct RefusalName
{
	Oid			database;
	Oid			role;			/* of the session, if there is no account */
	int32		code;			/* ErrorCode */
	uint8		flags;
	uint8		call;			/* RefusalCall */
	char		kind;			/* of the credential: TokenKind */
	uint8		family;			/* of the address; 0 over a UNIX socket */
	pg_uuid_t	account_id;
	pg_uuid_t	profile_id;
	pg_uuid_t	user_id;
	pg_uuid_t	credential_id;
	uint8		address[16];
} RefusalName;

typedef struct RefusalEntry
{
	SetsEntry	head;
	RefusalName name;
	int64		made;			/* tells it from an earlier one of that name */
	int64		count;			/* not yet written */
	TimestampTz first_at;		/* of these */
	TimestampTz last_at;
	TimestampTz due_at;			/* when they are to be written */
	int64		pause;			/* between the last two entries */
	char		message[MESSAGE_MAX + 1];	/* of the first; "" if nothing was raised */
} RefusalEntry;

/* What the recorder has written and not yet taken away; in TopTransactionContext. */
typedef struct Pending
{
	int			count;
	int			size;
	TimestampTz now;
	bool		all;			/* due or not */
	RefusalEntry *entries;
} Pending;

/* The credential that is about to be refused. */
static bool concerned = false;
static RefusalName concern;

static Sets *refusals = NULL;
static Pending *pending = NULL;

/* ---------------------------------------------------------------------------
 * Who
 */

static void
name_uuid(RefusalName *name, uint8 flag, bool has, const pg_uuid_t *value, pg_uuid_t *place)
{
	if (!has)
		return;
	name->flags |= flag;
	*place = *value;
}

static void
name_credential(RefusalName *name, const Credential *credential, const pg_uuid_t *account_id)
{
	name_uuid(name, HAS_ACCOUNT, account_id != NULL, account_id, &name->account_id);
	name_uuid(name, HAS_PROFILE, credential->has_profile, &credential->profile_id, &name->profile_id);
	name_uuid(name, HAS_USER, credential->has_user, &credential->user_id, &name->user_id);
	name_uuid(name, HAS_CREDENTIAL, true, &credential->credential_id, &name->credential_id);
	name->kind = (char) credential->kind;
}

static void
name_identity(RefusalName *name, const Identity *identity)
{
	const pg_uuid_t *credential_id = identity->has_key ? &identity->api_key_id : &identity->session_id;

	name_uuid(name, HAS_ACCOUNT, identity->has_account, &identity->account_id, &name->account_id);
	name_uuid(name, HAS_PROFILE, identity->has_profile, &identity->profile_id, &name->profile_id);
	name_uuid(name, HAS_USER, identity->has_user, &identity->user_id, &name->user_id);
	name_uuid(name, HAS_CREDENTIAL, identity->has_key || identity->has_session, credential_id, &name->credential_id);
	name->kind = identity->has_session ? TOKEN_SESSION : TOKEN_KEY;
}

/* Where the caller is, and as which role if that is all that is known. */
static void
name_source(RefusalName *name)
{
	Datum		address;
	inet	   *source;

	name->database = MyDatabaseId;
	if ((name->flags & HAS_ACCOUNT) == 0)
		name->role = GetSessionUserId();
	if (!network_client_address(&address))
		return;
	source = DatumGetInetPP(address);
	name->family = ip_family(source);
	memcpy(name->address, ip_addr(source), ip_addrsize(source));
}

static const pg_uuid_t *
account_of(const RefusalName *name)
{
	return (name->flags & HAS_ACCOUNT) != 0 ? &name->account_id : NULL;
}

/* What is left of a name where there are too many. */
static RefusalName
put_together(const RefusalName *name)
{
	return (RefusalName) {
		.database = name->database, .code = name->code, .flags = OTHERS | (name->flags & HAS_ACCOUNT),
		.account_id = name->account_id
	};
}

/* ---------------------------------------------------------------------------
 * Describing it
 */

static char *
address_text(const RefusalName *name)
{
	inet	   *address = palloc0(sizeof(inet));

	if (name->family == 0)
		return NULL;
	ip_family(address) = name->family;
	ip_bits(address) = ip_maxbits(address);
	memcpy(ip_addr(address), name->address, ip_addrsize(address));
	SET_INET_VARSIZE(address);
	return DatumGetCString(DirectFunctionCall1(inet_out, InetPGetDatum(address)));
}

/* The members that say what it was: the beginning of a JSON object. */
static void
describe(StringInfo json, const RefusalName *name, const char *message)
{
	initStringInfo(json);
	appendStringInfoChar(json, '{');
	error_append_member(json, "error", error_code_name(name->code));
	if (message[0] != '\0')
		error_append_member(json, "message", message);
	if (name->call != CALL_RAISED)
		error_append_member(json, "call", name->call == CALL_LOGIN ? "login" : "verify_api_key");
	if ((name->flags & LOCKED) != 0)
		appendStringInfoString(json, ", \"locked\": true");
	if ((name->flags & OTHERS) != 0)
		appendStringInfoString(json, ", \"others\": true");
}

/* What is told and not raised, where nobody writes it down. */
static void
log_refusal(const RefusalName *name)
{
	StringInfoData json;
	char	   *address = address_text(name);

	describe(&json, name, "");
	if ((name->flags & HAS_ACCOUNT) != 0)
		error_append_member(&json, "account_id", tree_uuid_text(&name->account_id));
	if ((name->flags & HAS_USER) != 0)
		error_append_member(&json, "user_id", tree_uuid_text(&name->user_id));
	if ((name->flags & HAS_CREDENTIAL) != 0)
		error_append_member(&json, "api_key_id", tree_uuid_text(&name->credential_id));
	if (address != NULL)
		error_append_member(&json, "address", address);
	ereport(LOG_SERVER_ONLY,
			(errmsg_internal("account refused: %s}", json.data), errhidestmt(true), errhidecontext(true)));
}

/* ---------------------------------------------------------------------------
 * Noting
 */

/* Whether there is something to be written of an entry that makes room. */
static bool
is_needed(const void *entry, TimestampTz now)
{
	return ((const RefusalEntry *) entry)->count != 0;
}

static void
touch(RefusalEntry *entry, const RefusalName *name, const char *message, int length, TimestampTz now)
{
	if (sets_was_made(refusals))
	{
		entry->name = *name;
		entry->made = now;
		entry->due_at = now;
	}
	if (entry->count++ == 0)
	{
		entry->first_at = now;
		memcpy(entry->message, message, length);
		entry->message[length] = '\0';
	}
	entry->last_at = now;
	entry->head.touched_at = now;
}

/*
 * The entry of a refusal that is to be made: its own or, of an account that has too many, that of
 * its others, or that of all others where there is no room.  NULL if there is not even that.
 */
static RefusalEntry *
make_entry(RefusalName *name, TimestampTz now)
{
	RefusalEntry *entry;

	if (!stats_allow(account_of(name), now))
		*name = put_together(name);
	entry = sets_acquire(refusals, name, sizeof(*name), true, now);
	if (entry == NULL)
	{
		name->flags = 0;
		memset(&name->account_id, 0, sizeof(name->account_id));
		*name = put_together(name);
		entry = sets_acquire(refusals, name, sizeof(*name), true, now);
	}
	return entry;
}

/* Counts a refusal.  What is not yet written makes no room, but is written soon where there is little. */
static void
note(RefusalName *name, const char *message)
{
	TimestampTz now = GetCurrentTimestamp();
	int			length = pg_mbcliplen(message, strlen(message), MESSAGE_MAX);
	RefusalEntry *entry;
	bool		crowded = false;

	stats_count_refusal(account_of(name), name->code);
	entry = sets_acquire(refusals, name, sizeof(*name), false, now);
	if (entry == NULL)
	{
		entry = make_entry(name, now);
		crowded = sets_is_crowded(refusals);
	}
	if (entry == NULL)
		sets_count_lost(refusals);
	else
	{
		touch(entry, name, message, (name->flags & OTHERS) != 0 ? 0 : length, now);
		sets_release(refusals);
	}
	if (crowded)
		recorder_wake();
}

/* Told by identity.c which credential is about to be refused. */
static void
take_concern(const Credential *credential, const pg_uuid_t *account_id)
{
	memset(&concern, 0, sizeof(concern));
	name_credential(&concern, credential, account_id);
	concerned = true;
}

/* Told by error.c of each error. */
static void
take_error(ErrorCode code, const char *message)
{
	RefusalName name;
	const Identity *identity;
	bool		known = concerned;

	concerned = false;
	if (!stats_is_refusal(code) || !stats_is_counting())
		return;
	memset(&name, 0, sizeof(name));
	if (known)
		name = concern;
	else if ((identity = identity_current()) != NULL)
		name_identity(&name, identity);
	name.code = code;
	name_source(&name);
	note(&name, message);
}

/* What is told and not raised. */
static void
note_or_log(RefusalName *name)
{
	name->code = stats_is_refusal(name->code) ? name->code : ERROR_INVALID_AUTHORIZATION;
	name_source(name);
	if (sets_ready(refusals) && stats_is_counting())
		note(name, "");
	else
		log_refusal(name);
}

void
refusal_of_login(const pg_uuid_t *user_id, bool locked)
{
	RefusalName name = {
		.code = ERROR_INVALID_AUTHORIZATION, .call = CALL_LOGIN, .flags = locked ? LOCKED : 0
	};

	name_uuid(&name, HAS_USER, user_id != NULL, user_id, &name.user_id);
	note_or_log(&name);
}

void
refusal_of_key(ErrorCode code, const Credential *credential)
{
	RefusalName name;

	if (!stats_is_refusal(code))
		return;
	memset(&name, 0, sizeof(name));
	name.code = code;
	name.call = CALL_VERIFY;
	if (credential->kind != 0)
		name_credential(&name, credential, credential->has_account ? &credential->account_id : NULL);
	note_or_log(&name);
}

/* ---------------------------------------------------------------------------
 * Writing
 */

static bool
is_due(const RefusalEntry *entry, const Pending *list)
{
	return entry->count > 0 && (list->all || entry->due_at <= list->now);
}

static void
count_entry(void *place, void *argument)
{
	Pending    *list = argument;

	if (((RefusalEntry *) place)->name.database == MyDatabaseId && is_due(place, list))
		list->size++;
}

/* Notes what there is to write, as much as there is room for, and frees what is over. */
static void
take_entry(void *place, void *argument)
{
	RefusalEntry *entry = place;
	Pending    *list = argument;

	if (entry->name.database != MyDatabaseId)
		return;
	if (entry->count == 0 && list->now - entry->last_at > 2 * entry->pause)
		entry->head.touched_at = 0;
	else if (is_due(entry, list) && list->count < list->size)
		list->entries[list->count++] = *entry;
}

/* Takes away what was written.  What is all written makes room before others do. */
static void
settle_entry(const RefusalEntry *written, TimestampTz now)
{
	RefusalEntry *entry = sets_acquire(refusals, &written->name, sizeof(written->name), false, 0);

	if (entry == NULL)
		return;
	/* It may have made room, and come again. */
	if (entry->made == written->made)
	{
		entry->count -= written->count;
		entry->first_at = written->last_at;
		entry->pause = Min(PAUSE_MAX, Max(ONE_MINUTE, 2 * entry->pause));
		entry->due_at = now + entry->pause;
		if (entry->count == 0)
			entry->head.touched_at = 1;
	}
	sets_release(refusals);
}

static void
settle(XactEvent event, void *argument)
{
	if (pending == NULL || (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT))
		return;
	for (int i = 0; i < pending->count && event == XACT_EVENT_COMMIT; i++)
		settle_entry(&pending->entries[i], pending->now);
	pending = NULL;
}

static const char *
object_type_of(const RefusalName *name)
{
	if ((name->flags & HAS_CREDENTIAL) != 0)
		return name->kind == TOKEN_SESSION ? "session" : "api_key";
	return (name->flags & HAS_USER) != 0 ? "user" : (name->flags & HAS_ACCOUNT) != 0 ? "account" : "platform";
}

static const pg_uuid_t *
object_of(const RefusalName *name)
{
	if ((name->flags & HAS_CREDENTIAL) != 0)
		return &name->credential_id;
	return (name->flags & HAS_USER) != 0 ? &name->user_id : account_of(name);
}

static void
write_entry(const RefusalEntry *refusal)
{
	const RefusalName *name = &refusal->name;
	char	   *address = address_text(name);
	AuditEntry	entry;
	StringInfoData detail;
	char		last_at[MAXDATELEN + 1];
	int			utc = 0;

	audit_begin(&entry, "attempt.refused", object_type_of(name), object_of(name), account_of(name));
	entry.at = refusal->first_at;
	entry.has_from_account = (name->flags & HAS_ACCOUNT) != 0;
	entry.from_account_id = name->account_id;
	entry.has_actor_profile = (name->flags & HAS_PROFILE) != 0;
	entry.actor_profile_id = name->profile_id;
	/* Who guesses passwords is nobody: the user is the object. */
	entry.has_actor_user = (name->flags & HAS_USER) != 0 && name->call != CALL_LOGIN;
	entry.actor_user_id = name->user_id;
	entry.has_key = (name->flags & HAS_CREDENTIAL) != 0 && name->kind != TOKEN_SESSION;
	entry.api_key_id = name->credential_id;
	entry.has_session = (name->flags & HAS_CREDENTIAL) != 0 && name->kind == TOKEN_SESSION;
	entry.session_id = name->credential_id;
	entry.actor_role = OidIsValid(name->role) ? GetUserNameFromId(name->role, true) : NULL;

	describe(&detail, name, refusal->message);
	appendStringInfo(&detail, ", \"count\": " INT64_FORMAT, refusal->count);
	error_append_member(&detail, "last_at",
						JsonEncodeDateTime(last_at, TimestampTzGetDatum(refusal->last_at), TIMESTAMPTZOID, &utc));
	appendStringInfoChar(&detail, '}');
	entry.detail = detail.data;
	if (address != NULL)
		entry.request = psprintf("{\"address\": \"%s\"}", address);
	audit_insert(&entry);
}

/* The recorder's task. */
static void
write_refusals(void)
{
	Pending    *list = MemoryContextAllocZero(TopTransactionContext, sizeof(Pending));

	list->now = GetCurrentTimestamp();
	list->all = recorder_is_flushing();
	sets_visit(refusals, count_entry, list);
	list->entries = MemoryContextAllocHuge(TopTransactionContext, sizeof(RefusalEntry) * Max(list->size, 1));
	sets_visit(refusals, take_entry, list);
	pending = list;
	for (int i = 0; i < list->count; i++)
		write_entry(&list->entries[i]);
}

void
refusal_init(void)
{
	static IdentityObserver observer = {.refused = take_concern};

	if (!process_shared_preload_libraries_in_progress || setting_databases[0] == '\0')
		return;
	refusals = sets_define("account_refusals", sizeof(RefusalEntry), ENTRIES);
	sets_count_needed(refusals, is_needed);
	sets_keep_needed(refusals);
	identity_observe(&observer);
	error_observer = take_error;
	recorder_register("refusals", 0, write_refusals);
	RegisterXactCallback(settle, NULL);
}
