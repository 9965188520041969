/*
 * event.c
 *	  The outbox: what accounts are to be told by webhooks.
 *
 * Each entry of the audit log about an account itself, its API keys, members and workspaces
 * becomes an event for the account if it has a webhook URL; what happens to an account also
 * becomes one for the account above.  An event is a row that is inserted in the transaction
 * of what it tells, and gone with it.
 *
 * A body says what has happened to which object, and to its own account by whom of its own;
 * the values are for the receiver to ask for, with what it may read.  So it holds no secret,
 * and nothing of a person.  It is fixed here, and plain ASCII: the bytes that are signed are
 * those that are sent, whatever the encodings of the database and the sender are.
 *
 * Like an entry of the audit log, an event waits for nobody and leaves no predicate lock.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "commands/async.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

/* Columns of account.accounts; schema_catalog() has checked the version. */
#define ANUM_ACCOUNTS_ACCOUNT_ID 1
#define ANUM_ACCOUNTS_PARENT_ACCOUNT_ID 2
#define ANUM_ACCOUNTS_WEBHOOK_URL 12

/* What begins an action that accounts are told of; the first also those above. */
static const char *const told[] = {"account.", "api_key.", "member.", "workspace."};

/* An account, as far as it is of interest here. */
typedef struct Receiver
{
	bool		has_url;
	bool		has_parent;
	pg_uuid_t	parent_id;
} Receiver;

static bool
begins_with(const char *text, const char *beginning)
{
	return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* ---------------------------------------------------------------------------
 * Who is told
 */

static bool
scan_receiver(const pg_uuid_t *account_id, Snapshot snapshot, Receiver *receiver)
{
	ScanKeyData key;
	SelfScan	scan;
	bool		found = false;

	ScanKeyInit(&key, ANUM_ACCOUNTS_ACCOUNT_ID, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(account_id));
	scan_open_at(&scan, schema_catalog()->accounts, schema_catalog()->accounts_pkey, snapshot, &key, 1);
	while (scan_next(&scan))
	{
		found = true;
		receiver->has_url = !scan.nulls[ANUM_ACCOUNTS_WEBHOOK_URL - 1];
		receiver->has_parent = scan_uuid(&scan, ANUM_ACCOUNTS_PARENT_ACCOUNT_ID, &receiver->parent_id);
	}
	scan_close(&scan);
	return found;
}

/* Reads an account as it is now; like tree_path(), for it may be between two versions. */
static void
read_receiver(const pg_uuid_t *account_id, Receiver *receiver)
{
	memset(receiver, 0, sizeof(*receiver));
	if (!scan_receiver(account_id, SnapshotSelf, receiver))
	{
		Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());

		(void) scan_receiver(account_id, snapshot, receiver);
		UnregisterSnapshot(snapshot);
	}
}

/* ---------------------------------------------------------------------------
 * What it is told
 */

/* An object that is a member of a JSON object; NULL if there is none. */
static JsonbContainer *
find_object(Jsonb *detail, const char *name)
{
	JsonbValue *value;

	if (!JB_ROOT_IS_OBJECT(detail))
		return NULL;
	value = getKeyJsonValueFromContainer(&detail->root, name, strlen(name), NULL);
	return value != NULL && value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data) ?
		value->val.binary.data : NULL;
}

/* The columns that an entry says were changed, as char *; NIL if it does not tell before from after. */
static List *
changed_columns(const AuditEntry *entry)
{
	Jsonb	   *detail = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(entry->detail)));
	JsonbContainer *after = find_object(detail, "after");
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	member;
	List	   *columns = NIL;

	if (after == NULL || find_object(detail, "before") == NULL)
		return NIL;
	iterator = JsonbIteratorInit(after);
	while ((token = JsonbIteratorNext(&iterator, &member, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			columns = lappend(columns, pnstrdup(member.val.string.val, member.val.string.len));
	}
	return columns;
}

static void
append_string(StringInfo json, const char *name, const char *value)
{
	appendStringInfo(json, "%s\"%s\":", json->data[json->len - 1] == '{' ? "" : ",", name);
	escape_json(json, value);
}

static void
append_id(StringInfo json, const char *name, bool has, const pg_uuid_t *id)
{
	if (has)
		append_string(json, name, tree_uuid_text(id));
}

static void
append_columns(StringInfo json, List *columns)
{
	ListCell   *cell;

	if (columns == NIL)
		return;
	appendStringInfoString(json, ",\"changed\":[");
	foreach(cell, columns)
	{
		if (foreach_current_index(cell) > 0)
			appendStringInfoChar(json, ',');
		escape_json(json, lfirst(cell));
	}
	appendStringInfoChar(json, ']');
}

static const char *
utc_text(TimestampTz at)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (timestamp2tm(at, NULL, &tm, &fsec, NULL, NULL) != 0)
		elog(ERROR, "timestamp out of range");
	return psprintf("%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", tm.tm_year, tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min,
					tm.tm_sec, (int) fsec);
}

/* The body for the account itself or, with less, for the one above it. */
static char *
write_body(const AuditEntry *entry, bool own)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	append_string(&json, "type", entry->action);
	append_string(&json, "timestamp", utc_text(entry->at));
	appendStringInfoString(&json, ",\"data\":{");
	append_id(&json, "account_id", true, &entry->account_id);
	append_string(&json, "object_type", entry->object_type);
	append_id(&json, "object_id", entry->has_object, &entry->object_id);
	if (own)
	{
		append_columns(&json, changed_columns(entry));
		/* Who it was is told of its own principals alone. */
		if (entry->has_from_account && memcmp(&entry->from_account_id, &entry->account_id, UUID_LEN) == 0)
		{
			append_id(&json, "profile_id", entry->has_actor_profile, &entry->actor_profile_id);
			append_id(&json, "api_key_id", entry->has_key, &entry->api_key_id);
		}
	}
	appendStringInfoString(&json, "}}");
	return json.data;
}

/* ---------------------------------------------------------------------------
 * The outbox
 */

static void
insert_event(const AuditEntry *entry, const pg_uuid_t *account_id, bool own)
{
	static Statement insert = {
		"INSERT INTO account.events (event_id, account_id, turn, horizon, type, body, created_at, queued_at, due_at)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $7)",
		7, {UUIDOID, UUIDOID, INT8OID, XID8OID, TEXTOID, TEXTOID, TIMESTAMPTZOID}
	};
	pg_uuid_t	event_id;
	QueryScope	scope;
	Datum		values[7];

	token_random_uuid(&event_id);
	values[0] = UUIDPGetDatum(&event_id);
	values[1] = UUIDPGetDatum(account_id);
	values[2] = Int64GetDatum(entry->turn);
	values[3] = FullTransactionIdGetDatum(FullTransactionIdFromU64(entry->horizon));
	values[4] = CStringGetTextDatum(entry->action);
	values[5] = CStringGetTextDatum(write_body(entry, own));
	values[6] = TimestampTzGetDatum(entry->at);
	query_open(&scope);
	query_write(&insert, values, NULL);
	query_close(&scope);
	event_notify();
}

/*
 * Whether the queue of NOTIFY is half full.  Anybody may fill it, and when it is full, whoever
 * has notified cannot commit: nobody shall keep an account from being suspended so.
 */
static bool
is_queue_filling(void)
{
	static TimestampTz looked_at = 0;
	static bool filling = false;
	TimestampTz now = GetCurrentTimestamp();

	if (now < looked_at || now - looked_at > USECS_PER_SEC / 10)
	{
		filling = DatumGetFloat8(DirectFunctionCall1(pg_notification_queue_usage, (Datum) 0)) > 0.5;
		looked_at = now;
	}
	return filling;
}

void
event_notify(void)
{
	if (!is_queue_filling())
		Async_Notify(EVENT_CHANNEL, "");
}

void
event_resume(const pg_uuid_t *account_id)
{
	static Statement resume = {
		"UPDATE account.events SET stops = false WHERE account_id OPERATOR(pg_catalog.=) $1 AND stops",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(account_id);
	QueryScope	scope;

	query_open(&scope);
	query_write(&resume, &value, NULL);
	query_close(&scope);
}

TimestampTz
event_oldest(TimestampTz now)
{
	return now - (int64) setting_webhook_retention * USECS_PER_SEC;
}

void
event_wake(const pg_uuid_t *account_id, TimestampTz now)
{
	static Statement wake = {
		"UPDATE account.events SET due_at = $2 WHERE event_id OPERATOR(pg_catalog.=) (SELECT n.event_id"
		" FROM account.events n WHERE n.account_id OPERATOR(pg_catalog.=) $1 AND n.finished_at IS NULL"
		" ORDER BY n.turn LIMIT 1) AND due_at OPERATOR(pg_catalog.=) 'infinity'",
		2, {UUIDOID, TIMESTAMPTZOID}
	};
	Datum		values[2] = {UUIDPGetDatum(account_id), TimestampTzGetDatum(now)};

	query_write(&wake, values, NULL);
}

void
event_drop_all(const pg_uuid_t *account_id, TimestampTz now)
{
	static Statement drop = {
		"UPDATE account.events SET outcome = 'dropped', finished_at = $2, delivery_id = NULL"
		" WHERE event_id OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT e.event_id FROM account.events e"
		" WHERE e.account_id OPERATOR(pg_catalog.=) $1 AND e.finished_at IS NULL FOR UPDATE SKIP LOCKED))",
		2, {UUIDOID, TIMESTAMPTZOID}
	};
	Datum		values[2] = {UUIDPGetDatum(account_id), TimestampTzGetDatum(now)};

	query_write(&drop, values, NULL);
	event_wake(account_id, now);
}

char *
event_find_url(const QueryScope *scope, const pg_uuid_t *account_id)
{
	static Statement find = {
		"SELECT a.webhook_url FROM account.accounts a WHERE a.account_id OPERATOR(pg_catalog.=) $1"
		" AND NOT EXISTS (SELECT FROM account.events s WHERE s.account_id OPERATOR(pg_catalog.=) $1 AND s.stops"
		" AND s.url OPERATOR(pg_catalog.=) a.webhook_url)",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(account_id);

	return query_latest(&find, &value, NULL) > 0 ? query_string(scope, 0, 1) : NULL;
}

/* Whether an entry is about a new webhook URL of its account. */
static bool
is_new_url(const AuditEntry *entry)
{
	ListCell   *cell;

	if (strcmp(entry->action, "account.updated") != 0)
		return false;
	foreach(cell, changed_columns(entry))
	{
		if (strcmp(lfirst(cell), "webhook_url") == 0)
			return true;
	}
	return false;
}

/* Makes events of an entry of the audit log. */
static void
tell(const AuditEntry *entry)
{
	Receiver	receiver;
	bool		of_account = begins_with(entry->action, told[0]);
	bool		is_told = false;

	for (int i = 0; i < lengthof(told); i++)
		is_told = is_told || begins_with(entry->action, told[i]);
	if (!is_told || !entry->has_account || strcmp(entry->source, "account") != 0)
		return;
	if (is_new_url(entry))
		event_resume(&entry->account_id);
	read_receiver(&entry->account_id, &receiver);
	if (receiver.has_url)
		insert_event(entry, &entry->account_id, true);
	if (of_account && receiver.has_parent)
	{
		pg_uuid_t	parent_id = receiver.parent_id;

		read_receiver(&parent_id, &receiver);
		if (receiver.has_url)
			insert_event(entry, &parent_id, false);
	}
}

void
event_init(void)
{
	audit_listen(tell);
}
