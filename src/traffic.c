/*
 * traffic.c
 *	  The requests of service accounts, in the audit log: account.log_requests.
 *
 * A request is a transaction with the identity of a service account, the first that it has
 * had.  What is asked for is noted then: over HTTP method and path, without what follows a
 * question mark, and the address.  How it has ended is known at its end: whether it was committed,
 * and whether it wrote, which is whether it was given a transaction id.  With `writes` the others
 * are not noted.  What is refused before there is an identity is none (refusal.c).
 *
 * With a recorder, and on a standby that will have one, the end of the transaction puts it into a ring in
 * shared memory, and the recorder writes it as one entry request.made.  The ring is under one lock for
 * a few instructions; where it is full the request is counted as lost, and the recorder is woken
 * long before.  A place is free again when the entry is committed.
 *
 * Without, the request is a row of its own transaction, written just before that commits; where
 * it cannot write, or is rolled back, the server's log has a line, without the name.
 */
#include "account.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/lwlock.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define MEMORY_NAME "account_requests"
#define PLACES 8192
#define TRIES 64				/* places that are looked at before a request is lost */
#define METHOD_MAX 15			/* bytes */
#define PATH_MAX_SHOWN 127
#define ADDRESS_MAX 63

typedef struct Request
{
	Oid			database;		/* 0: a free place */
	pg_uuid_t	account_id;
	pg_uuid_t	profile_id;
	pg_uuid_t	api_key_id;
	TimestampTz at;
	uint64		number;			/* in the order in which they came into the ring */
	bool		committed;
	bool		wrote;
	bool		trusted;		/* a trusted proxy says what was asked for */
	char		method[METHOD_MAX + 1];
	char		path[PATH_MAX_SHOWN + 1];
	char		address[ADDRESS_MAX + 1];
} Request;

typedef struct Ring
{
	pg_atomic_uint64 lost;
	uint64		next;			/* number of the next request */
	int			used;			/* places */
	Request		places[PLACES];
} Ring;

/* In shared memory; NULL if there is no recorder on this server. */
static Ring *ring = NULL;
static LWLock *lock = NULL;

/* The request that this transaction is. */
static LocalTransactionId current_lxid = InvalidLocalTransactionId;
static Request current;
static bool is_named = false;	/* its database is one that has a recorder, or will */

/* Of the recorder: what it has written and not yet freed, in TopTransactionContext. */
static Request *written = NULL;
static int	nwritten = 0;

/* ---------------------------------------------------------------------------
 * What is asked for
 */

static void
copy_cut(char *place, const char *value, int length, int most)
{
	length = pg_mbcliplen(value, length, most);
	memcpy(place, value, length);
	place[length] = '\0';
}

static void
note_request(const Identity *identity)
{
	Datum		address;

	if (setting_log_requests == LOG_REQUESTS_NONE || current_lxid == proc_lxid(MyProc) ||
		!identity->has_account || !identity->has_key || !identity->has_profile || identity->rights->has_user)
		return;
	memset(&current, 0, sizeof(current));
	current_lxid = proc_lxid(MyProc);
	is_named = recorder_is_named();
	current.database = MyDatabaseId;
	current.account_id = identity->account_id;
	current.profile_id = identity->profile_id;
	current.api_key_id = identity->api_key_id;
	current.at = GetCurrentTimestamp();
	current.trusted = network_is_proxied();
	copy_cut(current.method, request_method(), strlen(request_method()), METHOD_MAX);
	copy_cut(current.path, request_path(), strcspn(request_path(), "?"), PATH_MAX_SHOWN);
	if (network_client_address(&address))
		strlcpy(current.address, DatumGetCString(DirectFunctionCall1(inet_out, address)), sizeof(current.address));
}

/* ---------------------------------------------------------------------------
 * Entries
 */

/* The name of a service account; NULL if it has none any more. */
static char *
name_of(const pg_uuid_t *profile_id)
{
	static Statement find = {
		"SELECT p.name::pg_catalog.text FROM account.profiles p WHERE p.profile_id OPERATOR(pg_catalog.=) $1",
		1, {UUIDOID}
	};
	Datum		value = UUIDPGetDatum(profile_id);
	QueryScope	scope;
	char	   *name;

	query_open(&scope);
	name = query_latest(&find, &value, NULL) > 0 ? query_string(&scope, 0, 1) : NULL;
	query_close(&scope);
	return name;
}

static char *
describe(const Request *request)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	if (request->method[0] != '\0')
	{
		error_append_member(&json, "method", request->method);
		error_append_member(&json, "path", request->path);
		appendStringInfo(&json, ", \"trusted\": %s", request->trusted ? "true" : "false");
	}
	if (request->address[0] != '\0')
		error_append_member(&json, "address", request->address);
	appendStringInfoChar(&json, '}');
	return json.data;
}

static void
write_request(const Request *request)
{
	AuditEntry	entry;

	audit_begin(&entry, "request.made", "service_account", &request->profile_id, &request->account_id);
	entry.at = request->at;
	entry.has_from_account = entry.has_actor_profile = entry.has_key = true;
	entry.from_account_id = request->account_id;
	entry.actor_profile_id = request->profile_id;
	entry.api_key_id = request->api_key_id;
	entry.has_actor_user = entry.has_session = false;
	entry.actor_name = name_of(&request->profile_id);
	entry.actor_role = NULL;
	entry.detail = psprintf("{\"committed\": %s, \"wrote\": %s}", request->committed ? "true" : "false",
							request->wrote ? "true" : "false");
	entry.request = describe(request);
	audit_insert(&entry);
}

/* Where nothing else can be done, and nothing may fail: no table is read. */
static void
log_request(const Request *request)
{
	ereport(LOG_SERVER_ONLY,
			(errmsg_internal("account request: service account %s of account %s, key %s, %s%s: %s",
							 tree_uuid_text(&request->profile_id), tree_uuid_text(&request->account_id),
							 tree_uuid_text(&request->api_key_id), request->committed ? "committed" : "rolled back",
							 request->wrote ? ", wrote" : "", describe(request)),
			 errhidestmt(true), errhidecontext(true)));
}

/* ---------------------------------------------------------------------------
 * The ring
 */

static bool
has_ring(void)
{
	return ring != NULL && (recorder_is_running() || (is_named && RecoveryInProgress()));
}

static void
put_into_ring(Request *request)
{
	bool		found = false;
	bool		filling;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	for (int i = 0; i < TRIES && !found; i++)
	{
		Request    *place = &ring->places[ring->next % PLACES];

		request->number = ring->next++;
		found = !OidIsValid(place->database);
		if (found)
			*place = *request;
	}
	ring->used += found ? 1 : 0;
	filling = ring->used >= PLACES / 2 && ring->used % (PLACES / 8) == 0;
	LWLockRelease(lock);
	if (!found)
		pg_atomic_fetch_add_u64(&ring->lost, 1);
	if (filling)
		recorder_wake();
}

static int
compare_numbers(const void *left, const void *right)
{
	uint64		l = ((const Request *) left)->number;
	uint64		r = ((const Request *) right)->number;

	return l < r ? -1 : l > r;
}

/* The recorder's task. */
static void
write_requests(void)
{
	Request    *requests;
	int			count = 0;

	if (ring->used == 0)
		return;
	requests = MemoryContextAllocHuge(TopTransactionContext, sizeof(Request) * PLACES);
	LWLockAcquire(lock, LW_SHARED);
	for (int i = 0; i < PLACES; i++)
	{
		if (ring->places[i].database == MyDatabaseId)
			requests[count++] = ring->places[i];
	}
	LWLockRelease(lock);
	qsort(requests, count, sizeof(Request), compare_numbers);
	for (int i = 0; i < count; i++)
		write_request(&requests[i]);
	written = requests;
	nwritten = count;
}

/* Frees the places of what was written, which nobody else does. */
static void
free_places(void)
{
	LWLockAcquire(lock, LW_EXCLUSIVE);
	for (int i = 0; i < nwritten; i++)
		ring->places[written[i].number % PLACES].database = InvalidOid;
	ring->used -= nwritten;
	LWLockRelease(lock);
}

bool
traffic_lost(int64 *lost)
{
	*lost = ring != NULL ? (int64) pg_atomic_read_u64(&ring->lost) : 0;
	return ring != NULL;
}

/* ---------------------------------------------------------------------------
 * The end of a transaction
 */

static bool
is_wanted(void)
{
	current.wrote = TransactionIdIsValid(GetTopTransactionIdIfAny());
	return current.wrote || setting_log_requests == LOG_REQUESTS_ALL;
}

/* Without a ring: a row of this transaction, or a line in the log; later than this nothing may fail. */
static void
before_commit(void)
{
	if (has_ring())
		return;
	current_lxid = InvalidLocalTransactionId;
	current.committed = true;
	if (!is_wanted())
		return;
	/* One that has written, and has made itself READ ONLY after that, gets its row all the same. */
	if (current.wrote)
		XactReadOnly = false;
	if (!audit_can_write())
	{
		log_request(&current);
		return;
	}
	PushActiveSnapshot(GetTransactionSnapshot());
	write_request(&current);
	PopActiveSnapshot();
}

static void
at_end(bool committed)
{
	current_lxid = InvalidLocalTransactionId;
	current.committed = committed;
	if (!is_wanted())
		return;
	if (committed || has_ring())
		put_into_ring(&current);
	else
		log_request(&current);
}

static void
end_transaction(XactEvent event, void *argument)
{
	if (written != NULL && (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT))
	{
		if (event == XACT_EVENT_COMMIT)
			free_places();
		written = NULL;
	}
	/* At the very end the transaction has its id no more; but what is noted is of no other. */
	if (current_lxid == InvalidLocalTransactionId)
		return;
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			before_commit();
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PREPARE:
			at_end(true);
			break;
		case XACT_EVENT_ABORT:
			at_end(false);
			break;
		default:
			break;
	}
}

/* ---------------------------------------------------------------------------
 * Shared memory
 */

static void
take_memory(void *place, bool made, void *argument)
{
	ring = place;
	lock = &GetNamedLWLockTranche(MEMORY_NAME)->lock;
	if (made)
		pg_atomic_init_u64(&ring->lost, 0);
}

void
traffic_init(void)
{
	static IdentityObserver observer = {.had = note_request};

	identity_observe(&observer);
	RegisterXactCallback(end_transaction, NULL);
	if (!process_shared_preload_libraries_in_progress || setting_databases[0] == '\0')
		return;
	memory_define(MEMORY_NAME, sizeof(Ring), 1, take_memory, NULL);
	recorder_register("requests", 0, write_requests);
}
