/*
 * sealing.c
 *	  Moving entries of the audit log into the chains of their accounts.
 *
 * Entries are moved in the order of their turns, as far as they are settled (ticket.c): an
 * entry of a transaction that is open is waited for, and so are those after it, but nobody
 * is kept from writing more.  Each gets the next position of its account.  All of it is one
 * transaction, under one lock of ours that no tenant can take, in portions of a few statements.
 *
 * The heads are written to the server's log, by which a chain that was cut together with its head
 * can be found out.  Only what was committed before is logged, and sealing commits to disk
 * before it returns: no crash takes back what the log says.
 *
 * The recorder does both.  Without it, seal_audit() does, whoever calls it.
 */
#include "account.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define SEAL_MAX 100000		/* entries of one call */
#define SEAL_DEFAULT 10000		/* of one run of the recorder */
#define PORTION 500				/* entries in memory, each of up to 64 KB */
#define LOG_INTERVAL "1 hour"
#define LOG_LINES 10000			/* at a time */

PG_FUNCTION_INFO_V1(account_sealing_seal_audit);

/* What has become of the chains in a call. */
typedef struct Run
{
	MemoryContext context;
	HTAB	   *heads;			/* HeadChange */
	List	   *changes;		/* HeadChange *, all of them */
	bool		any_keyed;
	int64		last_turn;		/* that was sealed */
	int64		settled_turn;	/* all up to it are settled */
} Run;

/* The entries of a portion. */
typedef struct Portion
{
	Run		   *run;
	int			count;
	pg_uuid_t	ids[PORTION];
	pg_uuid_t	keys[PORTION];	/* the accounts */
	StringInfoData contents[PORTION];
} Portion;

static LocalTransactionId sealed_in = InvalidLocalTransactionId;

/* ---------------------------------------------------------------------------
 * A portion
 */

/* Reads the next entries, in their order, and their contents. */
static void
read_pending(Portion *portion, const QueryScope *scope, int max)
{
	static Statement find = {
		"SELECT turn, " CHAIN_COLUMNS " FROM account.audit_pending"
		" WHERE turn OPERATOR(pg_catalog.>=) $1 AND turn OPERATOR(pg_catalog.<=) $2 ORDER BY turn LIMIT $3",
		3, {INT8OID, INT8OID, INT8OID}
	};
	Datum		values[3];

	values[0] = Int64GetDatum(portion->run->last_turn);
	values[1] = Int64GetDatum(portion->run->settled_turn);
	values[2] = Int64GetDatum(Min(max, PORTION));
	portion->count = query_latest(&find, values, NULL);
	for (int i = 0; i < portion->count; i++)
	{
		portion->run->last_turn = query_int64(i, 1);
		(void) query_uuid(i, 2, &portion->ids[i]);
		memset(&portion->keys[i], 0, sizeof(pg_uuid_t));
		(void) query_uuid(i, 4, &portion->keys[i]);
		initStringInfo(&portion->contents[i]);
		chain_append_content(&portion->contents[i], scope, i, 2);
	}
}

/* The head of an account, which is one without entries if it was not read; *found says whether it was there. */
static HeadChange *
find_head(Run *run, const pg_uuid_t *key, bool *found)
{
	HeadChange *change = hash_search(run->heads, key, HASH_ENTER, found);

	if (!*found)
	{
		MemoryContext old = MemoryContextSwitchTo(run->context);

		memset(change, 0, sizeof(*change));
		change->head.account_key = *key;
		change->head.first_position = 1;
		change->sound = true;
		run->changes = lappend(run->changes, change);
		MemoryContextSwitchTo(old);
	}
	return change;
}

/* Reads the heads of all accounts of the portion that were not read before, and looks at their seals. */
static void
read_heads(Portion *portion, QueryScope *scope)
{
	static Statement find = {
		"SELECT " HEAD_COLUMNS " FROM account.audit_heads h WHERE h.account_key OPERATOR(pg_catalog.=) ANY ($1)",
		1, {UUIDARRAYOID}
	};
	Datum		keys[PORTION];
	int			count = 0;
	Datum		value;
	uint64		rows;
	bool		found;

	for (int i = 0; i < portion->count; i++)
	{
		(void) find_head(portion->run, &portion->keys[i], &found);
		if (!found)
			keys[count++] = UUIDPGetDatum(&portion->keys[i]);
	}
	value = PointerGetDatum(construct_array(keys, count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
	rows = query_latest(&find, &value, NULL);
	/* Heads stay for the whole run. */
	scope->caller = portion->run->context;
	for (uint64 row = 0; row < rows; row++)
	{
		ChainHead	head;
		HeadChange *change;
		bool		unknown;

		head_read(scope, row, 1, &head);
		change = find_head(portion->run, &head.account_key, &found);
		change->head = head;
		change->sound = head_holds(&head, portion->run->any_keyed, &unknown);
	}
}

/* Gives each entry its place in its chain, and its mac. */
static void
chain_entries(Portion *portion, const ChainKey *key, Datum *values)
{
	TimestampTz now = GetCurrentTimestamp();
	Datum	   *columns[4];
	uint8		mac[CHAIN_MAC_LENGTH];
	bool		found;

	for (int i = 0; i < lengthof(columns); i++)
		columns[i] = palloc(sizeof(Datum) * portion->count);
	for (int i = 0; i < portion->count; i++)
	{
		ChainHead  *head = &find_head(portion->run, &portion->keys[i], &found)->head;
		ChainLink	link = {.account_key = head->account_key, .position = head->position + 1};

		/* The months of a chain follow one another also after the clock was set back. */
		link.sealed_at = Max(now, head->sealed_at);
		memcpy(link.previous, head->mac, CHAIN_MAC_LENGTH);
		chain_make_mac(key, &link, &portion->contents[i], mac);
		if (link.sealed_at > now)
			month_prepare(link.sealed_at);
		head->position = link.position;
		head->sealed_at = link.sealed_at;
		memcpy(head->mac, mac, CHAIN_MAC_LENGTH);
		columns[0][i] = UUIDPGetDatum(&portion->ids[i]);
		columns[1][i] = Int64GetDatum(link.position);
		columns[2][i] = TimestampTzGetDatum(link.sealed_at);
		columns[3][i] = PointerGetDatum(cstring_to_text_with_len((const char *) mac, CHAIN_MAC_LENGTH));
	}
	values[0] = PointerGetDatum(construct_array(columns[0], portion->count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
	values[1] = PointerGetDatum(construct_array(columns[1], portion->count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[2] = PointerGetDatum(construct_array(columns[2], portion->count, TIMESTAMPTZOID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[3] = PointerGetDatum(construct_array(columns[3], portion->count, BYTEAOID, -1, false, TYPALIGN_INT));
}

/* Moves the entries of a portion. */
static void
move_entries(Portion *portion)
{
	static Statement move = {
		"WITH moved AS (DELETE FROM account.audit_pending p WHERE p.entry_id OPERATOR(pg_catalog.=) ANY ($1) RETURNING p.*)"
		" INSERT INTO account.audit_entries (account_key, position, sealed_at, mac, sealed_by, " CHAIN_COLUMNS ")"
		" SELECT COALESCE(account_id, '00000000-0000-0000-0000-000000000000'), n.place, n.sealed_at, n.mac, $5, " CHAIN_COLUMNS
		" FROM moved JOIN ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4))"
		" AS n (id, place, sealed_at, mac) ON n.id OPERATOR(pg_catalog.=) entry_id",
		5, {UUIDARRAYOID, INT8ARRAYOID, TIMESTAMPTZARRAYOID, BYTEAARRAYOID, BYTEAOID}, true
	};
	Datum		values[5];
	char		nulls[5] = {' ', ' ', ' ', ' ', ' '};
	ChainKey	key;

	chain_key_in_force(&key);
	chain_entries(portion, &key, values);
	values[4] = query_pointer_or_null(key.id, &nulls[4]);
	explicit_bzero(&key, sizeof(key));
	if (query_write(&move, values, nulls) != portion->count)
		elog(ERROR, "entries of the audit log have changed while they were sealed");
}

/* Seals up to max entries; returns how many. */
static int
seal_portion(Run *run, int max)
{
	MemoryContext context = AllocSetContextCreate(run->context, "audit entries", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Portion    *portion = palloc(sizeof(Portion));
	QueryScope	scope;
	int			count;

	portion->run = run;
	query_open(&scope);
	read_pending(portion, &scope, max);
	if (portion->count > 0)
	{
		read_heads(portion, &scope);
		move_entries(portion);
	}
	query_close(&scope);
	count = portion->count;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return count;
}

/* ---------------------------------------------------------------------------
 * Heads
 */

/*
 * Seals the heads anew that are not sealed by the key in force, as long as the key before it is
 * still in the file.  Once there are none left, a session looks no more.
 */
static void
renew_seals(void)
{
	static Statement find = {
		"SELECT " HEAD_COLUMNS " FROM account.audit_heads h"
		" WHERE h.sealed_by OPERATOR(pg_catalog.<>) $1 OR (h.sealed_by IS NULL AND $1 IS NOT NULL)",
		1, {BYTEAOID}
	};
	static uint8 renewed[SEAL_KEY_ID_LENGTH];
	bytea	   *id = seal_key_in_force();
	Datum		value = PointerGetDatum(id);
	QueryScope	scope;
	List	   *changes = NIL;
	bool		any_keyed;
	uint64		rows;

	if (id == NULL || memcmp(VARDATA_ANY(id), renewed, SEAL_KEY_ID_LENGTH) == 0)
		return;
	query_open(&scope);
	any_keyed = head_any_keyed();
	rows = query_latest(&find, &value, NULL);
	for (uint64 row = 0; row < rows; row++)
	{
		HeadChange *change = palloc(sizeof(HeadChange));
		bool		unknown;

		head_read(&scope, row, 1, &change->head);
		change->sound = head_holds(&change->head, any_keyed, &unknown);
		if (change->sound)
			changes = lappend(changes, change);
	}
	if (changes != NIL)
		head_write(changes);
	else
		memcpy(renewed, VARDATA_ANY(id), SEAL_KEY_ID_LENGTH);
	query_close(&scope);
}

/* Writes heads that have changed to the server's log: all, or those that were not in it for an hour. */
static void
log_heads(bool all)
{
	static Statement note = {
		"UPDATE account.audit_heads h SET logged_position = h.position, logged_at = pg_catalog.clock_timestamp()"
		" WHERE h.account_key OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT n.account_key FROM account.audit_heads n"
		" WHERE n.logged_position OPERATOR(pg_catalog.<>) n.position AND ($1 OR n.logged_at IS NULL"
		" OR n.logged_at OPERATOR(pg_catalog.<=) (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) '" LOG_INTERVAL "'::pg_catalog.interval))"
		" LIMIT $2)) RETURNING h.account_key, h.position, pg_catalog.encode(h.mac, 'hex')",
		2, {BOOLOID, INT8OID}
	};
	Datum		values[2] = {BoolGetDatum(all), Int64GetDatum(LOG_LINES)};
	QueryScope	scope;
	uint64		rows;

	query_open(&scope);
	rows = query_write(&note, values, NULL);
	for (uint64 row = 0; row < rows; row++)
	{
		pg_uuid_t	key;

		(void) query_uuid(row, 1, &key);
		ereport(LOG_SERVER_ONLY,
				(errmsg("account audit head: account %s, position " INT64_FORMAT ", %s",
						tree_uuid_text(&key), query_int64(row, 2), query_string(&scope, row, 3)),
				 errhidestmt(true), errhidecontext(true)));
	}
	query_close(&scope);
}

/* ---------------------------------------------------------------------------
 * Who seals
 */

/* The last turn that is settled, and with it all before; the least number if there is none. */
static int64
find_settled(void)
{
	static Statement find = {
		"SELECT p.turn FROM account.audit_pending p WHERE account.turn_is_settled(p.horizon) ORDER BY p.turn DESC LIMIT 1"
	};

	return query_latest(&find, NULL, NULL) == 0 ? PG_INT64_MIN : query_int64(0, 1);
}

static void
begin_run(Run *run)
{
	HASHCTL		control = {.keysize = UUID_LEN, .entrysize = sizeof(HeadChange)};
	TimestampTz now = GetCurrentTimestamp();
	QueryScope	scope;

	control.hcxt = run->context = AllocSetContextCreate(CurrentMemoryContext, "audit chains", ALLOCSET_DEFAULT_SIZES);
	run->heads = hash_create("heads of audit chains", PORTION, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	run->changes = NIL;
	run->last_turn = PG_INT64_MIN;
	renew_seals();
	query_open(&scope);
	month_prepare(now);
	month_prepare(month_next(now));
	run->any_keyed = head_any_keyed();
	run->settled_turn = find_settled();
	query_close(&scope);
}

/* Writes where the chains end now. */
static void
end_run(Run *run)
{
	QueryScope	scope;

	query_open(&scope);
	if (run->changes != NIL)
		head_write(run->changes);
	query_close(&scope);
	MemoryContextDelete(run->context);
}

/* Seals up to max entries; the lock is held. */
static int64
seal(int64 max)
{
	int64		sealed = 0;
	int			count;
	Run			run;

	sealed_in = proc_lxid(MyProc);
	ForceSyncCommit();
	begin_run(&run);
	do
	{
		CHECK_FOR_INTERRUPTS();
		count = seal_portion(&run, (int) Min(max - sealed, PORTION));
		sealed += count;
	} while (count > 0 && sealed < max);
	end_run(&run);
	return sealed;
}

/*
 * The recorder's tasks.  What they cannot do because somebody else does it is done the next time.
 * The recorder outlives connections, so it reads the keys anew each time.
 */
static void
seal_task(void)
{
	seal_forget_keys();
	if (tree_try_lock_id(&(pg_uuid_t) {{0}}, LOCK_CLASS_AUDIT, ExclusiveLock))
		(void) seal(SEAL_DEFAULT);
}

static void
log_task(void)
{
	if (tree_try_lock_id(&(pg_uuid_t) {{0}}, LOCK_CLASS_AUDIT, ExclusiveLock))
		log_heads(recorder_is_flushing());
}

void
sealing_init(void)
{
	recorder_register("audit", 0, seal_task);
	recorder_register("audit heads", 0, log_task);
}

/* seal_audit(max_count) */
Datum
account_sealing_seal_audit(PG_FUNCTION_ARGS)
{
	int64		max = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT32(0);
	Validation	validation;

	caller_require_admin("seal the audit log");
	validation_start(&validation);
	if (max < 1 || max > SEAL_MAX)
		validation_add(&validation, "max_count", PG_ARGISNULL(0) ? "required" : "out_of_range",
					   "max_count must be from 1 to 100000", NULL);
	validation_finish(&validation);
	tree_lock_id(&(pg_uuid_t) {{0}}, LOCK_CLASS_AUDIT, ExclusiveLock);
	/* What this very transaction has sealed may yet be rolled back. */
	if (sealed_in != proc_lxid(MyProc))
		log_heads(false);
	PG_RETURN_INT64(seal(max));
}
