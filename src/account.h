/*
 * account.h
 *	  The private interface: a section for each part, in dependency order.
 *
 * A part uses only parts above it.  Unless a comment says otherwise, what a
 * function returns is allocated in the caller's memory context and is not
 * freed, strings are NUL-terminated in the database's encoding, and errors are
 * raised with error_raise().
 */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include "postgres.h"

#include "compat.h"
#include "errors.h"

#include "access/genam.h"
#include "datatype/timestamp.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/hsearch.h"
#include "utils/relcache.h"
#include "utils/uuid.h"

/* ---------------------------------------------------------------------------
 * account.c: settings (superuser or file only; see _PG_init)
 */
extern char *setting_key_environment;	/* first word of new tokens */
extern char *setting_key_brand; /* second word of new tokens */
extern bool setting_push_quals;	/* operators that are known to tell nothing may go before a policy */
extern int	setting_max_depth;	/* levels below a root, itself included */
extern char *setting_pepper_file;	/* path, or "" */
extern char *setting_master_key_file;	/* path, or "" */
extern bool setting_session_identity;
extern bool setting_exchange_identity;
extern bool setting_refuse_bypass;
extern int	setting_without_identity;	/* WithoutIdentity */
extern bool setting_registration;
extern bool setting_require_verified_email; /* of those who have registered themselves, to log in */
extern int	setting_password_cost;	/* of bcrypt: 2^this rounds */
extern int	setting_password_min_length;	/* characters */
extern int	setting_session_lifetime;	/* seconds */
extern int	setting_login_attempts;
extern int	setting_login_lockout;	/* seconds */
extern int	setting_last_used_interval; /* seconds */
extern int	setting_rate_buckets;	/* that shared memory has room for */
extern char *setting_databases;	/* that have a recorder; parsed by recorder.c */
extern int	setting_recorder_interval;	/* milliseconds */
extern int	setting_recorded_uses;	/* that shared memory has room for */
extern int	setting_session_idle_timeout;	/* seconds, 0 for none */
extern int	setting_webhook_retention;	/* seconds */
extern int	setting_key_max_age;	/* seconds; read by a view */
extern char *setting_trusted_proxies;	/* parsed by network.c */
extern int	setting_log_requests;	/* LogRequests */
extern int	setting_counted_accounts;	/* that shared memory has room for */
extern char *setting_tenant_role;	/* of PostgREST's requests that have proven who they are; "" for none */
extern char *setting_service_account_name_pattern;	/* a regular expression, or "" */

typedef enum LogRequests
{
	LOG_REQUESTS_NONE,
	LOG_REQUESTS_WRITES,
	LOG_REQUESTS_ALL
} LogRequests;

typedef enum WithoutIdentity
{
	WITHOUT_IDENTITY_WARN,
	WITHOUT_IDENTITY_EMPTY
} WithoutIdentity;

/* ---------------------------------------------------------------------------
 * schema.c: what the library knows of its own catalog
 */
typedef struct Catalog
{
	Oid			namespace_id;
	Oid			owner;			/* of the extension's tables */
	Oid			accounts;
	Oid			accounts_pkey;
	Oid			credentials;
	Oid			credentials_pkey;
	Oid			credentials_credential_id_key;
	Oid			credentials_ends_at_idx;
	Oid			credentials_user_id_idx;
	Oid			grants;
	Oid			grants_pkey;
	Oid			holds;
	Oid			permissions;
	Oid			permissions_pkey;
	Oid			plans;
	Oid			quota_counts;
	Oid			quota_counts_pkey;
	Oid			right_signal;	/* the relation of the type */
	Oid			roles;
	Oid			roles_pkey;
	Oid			turns;			/* a sequence */
	Oid			user_memberships;
	Oid			user_memberships_pkey;
	Oid			user_memberships_profile_id_key;
	Oid			uses;
	Oid			uses_pkey;
	Oid			webhook_secrets;
	Oid			webhook_secrets_pkey;
	Oid			workspaces;
	Oid			workspaces_name_key;
} Catalog;

/*
 * The object ids of the installed extension, looked up once and again after any
 * of them has changed.  Raises if the extension is not installed in this
 * database, or with a hint to run ALTER EXTENSION UPDATE if the catalog is of
 * another version than the library.
 */
extern const Catalog *schema_catalog(void);

/* Looks everything up anew; whether schema_catalog() would not raise. */
extern bool schema_is_usable(void);

/* The oid of a function of schema account by name and argument types; raises if it is missing. */
extern Oid	schema_function(const char *name, int nargs, const Oid *argtypes);

/* The row type of a function's result, kept for the session. Declare it static, zero. */
typedef struct RowType
{
	Oid			namespace_id;	/* of the extension it was looked up in */
	TupleDesc	descriptor;
} RowType;

/* The row type of the function that is being called, blessed; looked up at the first call alone. */
extern TupleDesc schema_row_type(FunctionCallInfo fcinfo, RowType *kept);

/* Hooks the invalidation of the above into the session; called once by _PG_init(). */
extern void schema_init(void);

/* ---------------------------------------------------------------------------
 * request.c: the HTTP request that a transaction is run for
 */
typedef struct RequestMember
{
	char	   *name;
	char	   *value;
} RequestMember;

/* What every answer says about being kept, and what it depends on. */
#define REQUEST_CACHE_CONTROL "private, no-store"
#define REQUEST_VARY "Accept, Prefer, Range, X-API-Key, Authorization, Cookie, X-Account-Id, X-Requested-With"

/* Whether the settings say that there is one; whoever runs SQL can have them say so. */
extern bool request_is_active(void);

/* GET, POST ..., and the path without what follows a question mark; "" if they are not said. */
extern const char *request_method(void);
extern const char *request_path(void);

/*
 * Reads a setting that holds a flat JSON object of strings, as RequestMember *; none
 * if it is not set.  False if it holds something else.
 */
extern bool request_read(const char *name, List **members);

/* How many members have a name, in whatever case, and the value of the last; NULL if there is none. */
extern int	request_find(List *members, const char *name, char **value);

/* The same of cookies, whose names are told apart by case: __Host- binds a browser as it is written alone. */
extern int	request_find_cookie(List *members, const char *name, char **value);

/* The list without the members of a name; writes them to the setting, for this transaction. */
extern List *request_without(List *members, const char *name);
extern void request_write(const char *name, List *members);

/* Whether a text is a uuid of 36 characters, and which. */
extern bool request_is_uuid(const char *text, pg_uuid_t *uuid);

/*
 * The status of the answer, and its headers: those that every answer has and, unless
 * more is NULL, another.  They are not the answer's if the transaction fails.
 */
extern void request_answer_status(int status);
extern void request_answer_headers(const char *more, const char *value);

/* ---------------------------------------------------------------------------
 * error.c: one table of codes, one way to raise them
 */

/* What was found wrong with a call's values, gathered before anything is raised. */
typedef struct Validation
{
	StringInfoData json;		/* elements of validationErrors */
	int			count;
	char	   *first;			/* the first message, for people */
} Validation;

/*
 * Told of each error of ours before it is raised; nobody if it is NULL.  It must not raise, and
 * the message is not to be kept.
 */
typedef void (*ErrorObserver) (ErrorCode code, const char *message);
extern ErrorObserver error_observer;

/*
 * Raises an error of ours: the message for people, DETAIL the JSON object of the
 * contract with a new id, and a hint (may be NULL); in an HTTP request, in the form
 * that PostgREST answers with.  The statement is kept out of the log, because it may
 * carry a token.  The message must not repeat a secret.
 */
pg_noreturn extern void error_raise(ErrorCode code, const char *hint, const char *format,...)
			pg_attribute_printf(3, 4);

/*
 * Raises RATE_LIMITED with that message, which is constant text: to be tried again after so many
 * seconds, at least 1.  Over HTTP that is the header Retry-After, in SQL the hint.
 */
pg_noreturn extern void error_raise_limited(int seconds, const char *message);

/* The name of a code, as in DETAIL; static. */
extern const char *error_code_name(ErrorCode code);

/* Appends a member to a flat JSON object that is being written; a NULL value is null. */
extern void error_append_member(StringInfo json, const char *name, const char *value);

/* The code that has an SQLSTATE; ERROR_CODES if none has. */
extern ErrorCode error_code_of(int sqlstate);

/* The HTTP status of a code, and its WWW-Authenticate (RFC 6750); NULL if it has none. */
extern int	error_http_status(ErrorCode code);
extern char *error_challenge(ErrorCode code);

/* The Retry-After of an error that was just raised; NULL if its code has none. */
extern char *error_retry_after(ErrorCode code);

/* The body of the documents for an error that was not raised; note is NULL for what the code says. */
extern char *error_document(ErrorCode code, const char *note);

/*
 * From begin on, until the same is called without it, errors are to be caught: they have
 * their own SQLSTATE, in a request too, and DETAIL is the body of the documents, with note.
 * Returns what held before, to be put back by PG_FINALLY().
 */
extern bool error_as_document(bool begin);

/* Starts an empty list in the current memory context. */
extern void validation_start(Validation *validation);

/*
 * Adds one entry: the path of the value ("name", "branding.suppress_from_reports"),
 * the type of the error in lower_snake_case, a message and a suggestion (may be NULL).
 */
extern void validation_add(Validation *validation, const char *path, const char *type,
						   const char *message, const char *suggestion);

/* Raises VALIDATION_FAILED with all entries if there are any. */
extern void validation_finish(Validation *validation);

/* ---------------------------------------------------------------------------
 * query.c: SPI on our own tables, elevated to their owner
 */
#define QUERY_MAX_ARGS 20

/*
 * A statement of fixed text, prepared at its first run in a session and kept.
 * Declare it static: {"SELECT ... $1", 1, {UUIDOID}}.  Names and operators in it
 * are qualified: account.accounts, OPERATOR(pg_catalog.=).
 */
typedef struct Statement
{
	const char *text;
	int			nargs;
	Oid			types[QUERY_MAX_ARGS];
	bool		planned_anew;	/* at each run, for the values of that run */
	SPIPlanPtr	plan;
} Statement;

/* What query_open() changed, for query_close(). */
typedef struct QueryScope
{
	Oid			user;
	int			security_context;
	MemoryContext caller;		/* where results are copied to */
} QueryScope;

/*
 * Opens SPI and becomes the owner of our tables until query_close().  The caller
 * must have been checked before.  No statement on a user's table may run
 * between.  An error restores the user by itself.
 */
extern void query_open(QueryScope *scope);
extern void query_close(QueryScope *scope);

/*
 * Run a statement and return the number of its rows (or of rows changed).
 * nulls is NULL, or has 'n' for each NULL argument and ' ' for the others.
 * query_read() sees what the calling statement sees and is for STABLE
 * functions; query_latest() sees all that is committed now, at any isolation
 * level, and is for check-then-act under a lock; query_write() may write and
 * sees what query_latest() does.
 */
extern uint64 query_read(Statement *query, const Datum *values, const char *nulls);
extern uint64 query_latest(Statement *query, const Datum *values, const char *nulls);
extern uint64 query_write(Statement *query, const Datum *values, const char *nulls);

/*
 * query_read() of many rows: visit is called for each so many of them, which are the last result then. It
 * may set the memory context of the scope, and runs no query.
 */
extern void query_portions(Statement *query, const Datum *values, const char *nulls, long portion,
						   void (*visit) (void *argument), void *argument);

/* Whether query_write() runs a statement: a trigger that it fires, and no other, sees it. */
extern bool query_is_writing(void);

/* Like query_write(), and raises CONFLICT where a unique index refuses; hint may be NULL. */
extern uint64 query_write_unique(Statement *query, const Datum *values, const char *nulls,
								 const char *message, const char *hint);

/*
 * Column (from 1) of a row (from 0) of the last result.  query_datum() copies
 * into the memory context that was current at query_open().
 */
extern Datum query_datum(const QueryScope *scope, uint64 row, int column, bool *isnull);
extern char *query_string(const QueryScope *scope, uint64 row, int column);	/* NULL if NULL */
extern bool query_uuid(uint64 row, int column, pg_uuid_t *uuid);	/* false if NULL */
extern List *query_uuids(const QueryScope *scope, uint64 rows, int column); /* pg_uuid_t *, of all rows */
extern bool query_bool(uint64 row, int column);	/* false if NULL */
extern int64 query_int64(uint64 row, int column);	/* 0 if NULL */
extern Oid	query_oid(uint64 row, int column);	/* InvalidOid if NULL */

/* A list of pg_uuid_t * as a uuid[]. */
extern Datum query_uuid_array(List *ids);

/* A nullable argument of a statement: what is passed by reference, or a string as a text; *null says which. */
extern Datum query_pointer_or_null(const void *pointer, char *null);
extern Datum query_text_or_null(const char *string, char *null);

/* ---------------------------------------------------------------------------
 * changes.c: the values of a call, checked against the fields that it knows
 */

/* A value that a caller may give, as an argument or as a member of `changes`. */
/* Who changes an account, as seen from it. */
typedef enum ChangeRank
{
	CHANGE_BY_ITSELF,
	CHANGE_BY_ABOVE,			/* an account above it */
	CHANGE_BY_ADMIN
} ChangeRank;

typedef struct ChangeField
{
	const char *key;			/* the argument, or the member */
	bool		json;			/* a JSON object, or list; otherwise a text */
	bool		nullable;		/* null clears it */
	ChangeRank	least;			/* who may set it */
	bool		(*is_valid) (Datum value);	/* NULL: anything of the type */
	const char *rule;			/* what is_valid() asks for: "must be ..." */
	bool		list;			/* of json: an array of strings */
} ChangeField;

/* The strings of a JSON array of strings, as char *. */
extern List *changes_strings(Datum array);

/* The member of a JSON object that is such an array, as a text[]; NULL if there is none, or it is something else. */
extern ArrayType *changes_list(Datum changes, const char *key);

/* Adds an entry if the value of one field is not one that it takes. */
extern void changes_check_value(Validation *validation, const ChangeField *field, Datum value,
								bool isnull);

/*
 * Adds an entry for each member of a JSON object that is no field, or has a
 * value that its field does not take; changes is NULL where SQL gave NULL.
 */
extern void changes_check(Validation *validation, Datum changes, bool isnull,
						  const ChangeField *fields, int nfields, ChangeRank rank);

/* Whether a text has at least and at most so many characters. */
extern bool changes_is_length(Datum value, int min_characters, int max_characters);

/*
 * A text argument, NULL if it is; raises VALIDATION_FAILED, before it is detoasted, if it
 * has more than CHANGES_TEXT_MAX_BYTES bytes.  name is what the error calls it.
 */
#define CHANGES_TEXT_MAX_BYTES 10000
extern char *changes_text_argument(FunctionCallInfo fcinfo, int argument, const char *name);

/* The same for an array and an interval, which have no limit. */
extern ArrayType *changes_array_argument(FunctionCallInfo fcinfo, int argument);
extern Interval *changes_interval_argument(FunctionCallInfo fcinfo, int argument);

/*
 * Whether an interval is from low (included or not) to high, as texts.  None of its
 * parts may be negative: months that days take back are not compared as they are added.
 */
extern bool changes_interval_between(const Interval *interval, const char *low, bool low_included,
									 const char *high);

/* A point in time and an interval later. */
extern TimestampTz changes_plus_interval(TimestampTz start, const Interval *interval);

/* Whether a value is a name, for ChangeField. */
extern bool changes_is_name(Datum value);

/* ---------------------------------------------------------------------------
 * access.c: the levels that roles are granted
 */

/* Whether a role has a level ("level_owner", the marker function's name) or is a superuser. */
extern bool access_has_level(Oid role, const char *marker);

/* Whether a role has level admin or is a superuser. */
extern bool access_has_admin(Oid role);

/* Told of what a superuser has granted, for the audit log: role and level may be NULL; nobody if it is NULL. */
extern void (*access_observer) (const char *action, const char *role, const char *level);

/* ---------------------------------------------------------------------------
 * scan.c: our own tables as they are now
 */
#define SCAN_MAX_COLUMNS 24

/* A scan of an index of one of our tables; values and nulls are those of the current row. */
typedef struct SelfScan
{
	Relation	relation;
	SysScanDesc descriptor;
	Snapshot	snapshot;		/* that is asked of each row; NULL: the scan does */
	HeapTuple	tuple;
	Datum		values[SCAN_MAX_COLUMNS];
	bool		nulls[SCAN_MAX_COLUMNS];
} SelfScan;

/* Opens a scan with SnapshotSelf; keys name columns of the table, in the order of the index. */
extern void scan_open(SelfScan *scan, Oid table, Oid index, ScanKeyData *keys, int nkeys);

/*
 * The same with a snapshot (registered or active), for rows that are updated: of those there is
 * always one version.  No predicate lock is left either.
 */
extern void scan_open_at(SelfScan *scan, Oid table, Oid index, Snapshot snapshot, ScanKeyData *keys, int nkeys);

/* The next row; false if there is none. Values point into the row until the next call. */
extern bool scan_next(SelfScan *scan);

/* Whether the current row was inserted by this transaction. */
extern bool scan_is_own(const SelfScan *scan);

/* Whether nobody has deleted the current row or is about to. */
extern bool scan_stands(const SelfScan *scan);

extern void scan_close(SelfScan *scan);

/* Reads a row into a slot of its table, if a snapshot shows it; without a predicate lock too. */
extern bool scan_fetch(Relation relation, ItemPointer row, Snapshot snapshot, struct TupleTableSlot *slot);

/* Deletes a row that is committed, or of an earlier command, unless another changes or deletes it. Waits for nobody. */
extern void scan_delete(Relation relation, ItemPointer row);

/*
 * From begin on, until the same is called without it, scans see what others see: nothing of
 * what this transaction has done.
 */
extern void scan_from_outside(bool begin);

/* A nullable uuid column (from 1) of the current row; false if NULL. */
extern bool scan_uuid(const SelfScan *scan, int column, pg_uuid_t *uuid);

/* A nullable point in time; DT_NOEND if NULL. */
extern TimestampTz scan_end(const SelfScan *scan, int column);

/* ---------------------------------------------------------------------------
 * keyring.c: secret keys of the server, from files
 */
#define KEYRING_KEYS_MAX 2
#define KEYRING_KEY_MAX 256		/* bytes */

/* The keys of a file. Declare it static: {&setting, "pepper file", "See account.pepper_file."}. */
typedef struct Keyring
{
	char	  **setting;		/* the file's path, or "" */
	const char *what;			/* what errors call it */
	const char *hint;
	char	   *file;			/* that was read */
	int			count;
	char		keys[KEYRING_KEYS_MAX][KEYRING_KEY_MAX + 1];	/* the first is in force */
} Keyring;

/* The number of keys in the file that the setting names now; 0 if it names none. Raises INTERNAL_SERVER_ERROR. */
extern int	keyring_load(Keyring *ring);

/* Has the file read again: what is in it may have changed. */
extern void keyring_forget(Keyring *ring);

/* ---------------------------------------------------------------------------
 * memory.c: pieces of shared memory
 */

/*
 * Asks for a piece, from _PG_init(), and as many locks of the tranche of that name, which is constant, as
 * wanted.  Whenever the server starts, take() gets its place, which is zeros if it was made just now.
 * Does nothing where the library is not being preloaded.
 */
extern void memory_define(const char *name, Size size, int nlocks,
						  void (*take) (void *place, bool made, void *argument), void *argument);

/* ---------------------------------------------------------------------------
 * sets.c: tables in shared memory
 */

/* What each entry begins with. */
typedef struct SetsEntry
{
	TimestampTz touched_at;		/* by whose age entries make room; 0: free */
	uint64		hash[2];		/* of its key */
} SetsEntry;

typedef struct Sets Sets;

/*
 * Defines a table, from _PG_init(): so many entries, whose struct begins with a SetsEntry.
 * The name is constant, begins with "account_", and is that of its locks in wait events,
 * too.  NULL, and nothing done, where the library is not being preloaded.
 */
extern Sets *sets_define(const char *name, Size entry_size, int entries);

/* Only evictions of entries of which this says so are counted; it is asked under the lock and must not fail. */
extern void sets_count_needed(Sets *sets, bool (*is_needed) (const void *entry, TimestampTz now));

/* Those make no room at all: sets_acquire() returns NULL where all of a set are needed. The caller counts what is lost. */
extern void sets_keep_needed(Sets *sets);
extern void sets_count_lost(Sets *sets);

/* Whether half of the places, where an entry was last to be made, hold what is needed. */
extern bool sets_is_crowded(const Sets *sets);

/* Whether there is such a table: false for NULL. The functions below ask for one that is ready. */
extern bool sets_ready(const Sets *sets);

/*
 * Locks the set of a key, which is found by all its bytes (no padding in it), and returns
 * the key's entry.  If there is none, `make` makes one, which is zeros but for its head,
 * touched now; otherwise NULL.  The caller sets touched_at when he touches one that was
 * there, and sets it to 0 to free one.  Where an entry is returned, the lock is held until
 * sets_release(), which is to come within a few instructions that cannot fail or wait;
 * no other set of any table is locked meanwhile.
 */
extern void *sets_acquire(Sets *sets, const void *key, Size length, bool make, TimestampTz now);
extern bool sets_was_made(const Sets *sets);	/* whether sets_acquire() has made the entry that is held */
extern void sets_release(Sets *sets);

/*
 * Calls a function with each entry in use, of all databases, under its lock: it copies what
 * it needs into memory that is there already, or changes or frees the entry, and never fails.
 */
extern void sets_visit(Sets *sets, void (*visit) (void *entry, void *argument), void *argument);

/* How many entries have made room since the server started; 0 where there is no table. */
extern int64 sets_evicted(const Sets *sets);

/* The table after another, of all, the first after NULL; NULL after the last. */
extern const Sets *sets_next(const Sets *sets);
extern const char *sets_name(const Sets *sets);

/* ---------------------------------------------------------------------------
 * recorder.c: having what is in shared memory written, by a worker
 */

/*
 * Registers a task, from _PG_init(), which the worker of each database runs every so many
 * milliseconds (0: account.recorder_interval), in the order in which they are registered and
 * each in a READ COMMITTED transaction of its own, with a snapshot, as the bootstrap superuser
 * without an identity.  The extension is installed then, and of the library's version.  An
 * ERROR in it is logged, rolled back, and the task is run again at its next time.  Locks are
 * waited for no longer than a second.  The name is constant.
 */
extern void recorder_register(const char *name, int interval_ms, void (*task) (void));

/* Whether a worker of this database runs, so that what is left in shared memory will be written. Costs a few loads. */
extern bool recorder_is_running(void);

/* Whether account.databases names this database. Within a transaction. */
extern bool recorder_is_named(void);

/* In a task: whether all is to be written now, due or not: the server stops, or record_now() was called. */
extern bool recorder_is_flushing(void);

/* Makes the worker of this database run all tasks now; nothing where none runs. */
extern void recorder_wake(void);

/*
 * The same, and waits until a round of all tasks that began after this call is done, none has
 * failed, and its WAL is flushed.  False if that takes longer, or no worker runs.  May be
 * cancelled.  Call it outside of a lock on rows that tasks write.
 */
extern bool recorder_wait(int milliseconds);

/* recorder_wait() for a round in which recorder_is_flushing(). */
extern bool recorder_flush(int milliseconds);

/* Rounds of the worker of this database since the server started, and how many tasks have failed in them. */
extern void recorder_rounds(int64 *rounds, int64 *failures);

/* Checks the setting account.databases. */
extern bool recorder_check_databases(char **newval, void **extra, GucSource source);

/* Defines the slots of the workers; called by _PG_init() after the settings. */
extern void recorder_init(void);

/* The rest is for worker.c: the tasks, and the database of a slot, NULL behind the last. */
typedef struct RecorderTask
{
	const char *name;
	int			interval;		/* milliseconds; 0: account.recorder_interval */
	void		(*run) (void);
	/* of the worker */
	TimestampTz run_at;			/* last; 0 never */
	TimestampTz reported_at;	/* when a failure was last logged */
} RecorderTask;

extern RecorderTask *recorder_tasks(int *count);
extern const char *recorder_database(int number);

/* Makes a slot that of this process; returns its database. */
extern const char *recorder_take_slot(int number);

/* Whether the last attempt to connect has failed. */
extern bool recorder_is_absent(void);
extern void recorder_set_absent(bool absent);

/* From now on, until the process ends, sessions of its database find the slot. */
extern void recorder_enter_slot(void);

/* Begins a round, of all tasks or those that are due; whether it is to be of all. */
extern bool recorder_begin(bool all, bool stopping);

/* Counts a round in which a task was run. */
extern void recorder_count(int failures);

/* Ends the round: whether the extension is there, and no task has failed. */
extern void recorder_finish(bool all, bool usable, bool good);

/* ---------------------------------------------------------------------------
 * worker.c: the process that runs the tasks
 */

/* Registers the workers; called by _PG_init() after recorder_init(). */
extern void worker_init(void);

/* ---------------------------------------------------------------------------
 * ticket.c: an order for rows that several transactions insert
 */

/*
 * Draws the next number of account.turns, and the horizon (a FullTransactionId as a number, xid8
 * in SQL) that is to be kept with it.  Assigns the transaction an id; waits for nobody.
 *
 * Who works rows off in the order of their turns reads, by one statement,
 *		WHERE turn <= (SELECT turn ... WHERE account.turn_is_settled(horizon) ORDER BY turn DESC LIMIT 1)
 * and then never skips a row whose transaction commits later: all with lower turns are seen, or
 * never will be.  Rows of another cluster (a restore) count as settled.
 */
extern void ticket_draw(int64 *turn, uint64 *horizon);

/* ---------------------------------------------------------------------------
 * token.c: the form of a secret token, and its digest
 */
#define TOKEN_DIGEST_LENGTH 32
#define TOKEN_MAX_LENGTH 128	/* anything longer is no token */
#define TOKEN_MAX_DIGESTS 3		/* two peppers and none */

typedef enum TokenKind
{
	TOKEN_KEY = 'k',
	TOKEN_APPLICATION = 'a',
	TOKEN_SESSION = 's',
	TOKEN_INVITATION = 'i',
	TOKEN_USER = 'u'			/* verifies an e-mail or sets a password, once */
} TokenKind;

/* A new token and what may be kept of it. */
typedef struct Token
{
	char		text[TOKEN_MAX_LENGTH + 1];
	char		preview[TOKEN_MAX_LENGTH + 1];
	uint8		digest[TOKEN_DIGEST_LENGTH];
} Token;

/* Draws 256 random bits; raises INTERNAL_SERVER_ERROR if there are none. The caller wipes it. */
extern void token_issue(TokenKind kind, Token *token);

/*
 * The kind of a well-formed token whose checksum holds, 0 otherwise.  No table
 * is read.
 */
extern int	token_parse(const char *text, size_t length);

/*
 * The token in an argument of a call: NULL if the argument is; a string that is no
 * token, without detoasting it, if the argument is too long to be one.
 */
extern void token_argument(FunctionCallInfo fcinfo, int argument, const char **token, size_t *length);

/* SHA-256, or HMAC-SHA-256 with each pepper: the digests it may be stored under; returns how many. */
extern int	token_digests(const char *text, size_t length,
						  uint8 digests[TOKEN_MAX_DIGESTS][TOKEN_DIGEST_LENGTH]);

/* SHA-256 of a purpose, which is no token, and a secret. */
extern void token_digest_secret(const char *purpose, const char *secret, size_t length, uint8 *digest);

/* Equality in a time that depends on the length alone. */
extern bool token_equal(const void *left, const void *right, size_t length);

/* 63 random bits, for the entry numbers of rows that are only ever inserted. */
extern int64 token_random_entry(void);

/* Random bytes; raises INTERNAL_SERVER_ERROR if there are none. */
extern void token_random_bytes(void *buffer, size_t length);

/* A new random (version 4) UUID. */
extern void token_random_uuid(pg_uuid_t *uuid);

/* ---------------------------------------------------------------------------
 * tree.c: accounts, their paths and the locks on trees
 */

/* The accounts from the root to one account, itself last. */
typedef struct TreePath
{
	int			depth;			/* number of ids, 1 for a root */
	pg_uuid_t	ids[FLEXIBLE_ARRAY_MEMBER];
} TreePath;

#define TREE_SELF(path) ((path)->ids[(path)->depth - 1])
#define TREE_ROOT(path) ((path)->ids[0])

/*
 * The path of an account as it is committed now (or changed by this
 * transaction), whatever the snapshot; NULL if there is no such account.
 * Takes no lock.
 */
extern TreePath *tree_path(const pg_uuid_t *account_id);

/* Whether the account of the path is the given one or below it. */
extern bool tree_within(const TreePath *path, const pg_uuid_t *account_id);

/*
 * Locks the tree of an account until the end of the transaction and returns its
 * path, read after the lock was had; NULL if there is no such account.  Shared
 * (to insert below, or to change one row that depends on the path) or exclusive
 * (to change paths or billed accounts).
 */
extern TreePath *tree_lock(const pg_uuid_t *account_id, bool exclusive);

/*
 * Locks the trees of both accounts exclusively, in the order of their lock
 * keys, and returns their paths as tree_lock() does.
 */
extern void tree_lock_two(const pg_uuid_t *left, const pg_uuid_t *right,
						  TreePath **left_path, TreePath **right_path);

/*
 * Serialises all that counts against one limit of one account, until the end
 * of the transaction; resource names the limit.
 */
extern void tree_lock_limit(const pg_uuid_t *account_id, const char *resource);

/*
 * Classes of our advisory locks, which SQL cannot reach: pg_advisory_lock() uses 1
 * and 2.
 */
#define LOCK_CLASS_TREE 0xAC01
#define LOCK_CLASS_LIMIT 0xAC02
#define LOCK_CLASS_KEY 0xAC03	/* that is being replaced */
#define LOCK_CLASS_ISSUE 0xAC04 /* what a key, a session, or all of a holder issue */
#define LOCK_CLASS_PROFILE 0xAC05	/* what a profile has: exclusive; what is issued for it: shared */
#define LOCK_CLASS_ROLE 0xAC06	/* that is changed, assigned or deleted (role.c) */
#define LOCK_CLASS_INVITATION 0xAC07	/* that is being accepted */
#define LOCK_CLASS_OWNERS 0xAC08	/* of an account, while a transaction commits */
#define LOCK_CLASS_ATTEMPT 0xAC09	/* to log in, while it is counted */
#define LOCK_CLASS_USER 0xAC0A	/* whose sessions are ended: shared; who logs in, while that commits */
#define LOCK_CLASS_GUARD 0xAC0B /* of all rights, while a transaction commits */
#define LOCK_CLASS_QUOTA 0xAC0C /* of what a limit counts, while a transaction commits: not an id but a number */
#define LOCK_CLASS_AUDIT 0xAC0D /* chains of the audit log and their partitions: one lock for all */

/* Takes the lock of a class on an id, until the end of the transaction. */
extern void tree_lock_id(const pg_uuid_t *id, uint16 class, LOCKMODE mode);

/* The same without waiting; false if somebody else has it. */
extern bool tree_try_lock_id(const pg_uuid_t *id, uint16 class, LOCKMODE mode);

/* Gives it back before. */
extern void tree_unlock_id(const pg_uuid_t *id, uint16 class, LOCKMODE mode);

/* Above all ids of accounts, in SQL: what is below P is path > P AND path < P || this. */
#define TREE_GREATEST_ID "'ffffffff-ffff-ffff-ffff-ffffffffffff'::pg_catalog.uuid"

/* A path as a uuid[]. */
extern Datum tree_path_datum(const TreePath *path);

/* uuid text, 36 characters. */
extern char *tree_uuid_text(const pg_uuid_t *uuid);

/* The checks of the domains, for values that are not yet of them. */
extern PGDLLEXPORT Datum account_tree_is_name(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum account_tree_is_email(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum account_tree_is_labels(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum account_tree_is_branding(PG_FUNCTION_ARGS);

/* ---------------------------------------------------------------------------
 * hold.c: what stops an account, a profile or all below
 */
typedef enum HoldKind
{
	HOLD_ARCHIVE = 'a',			/* read-only */
	HOLD_SUSPEND = 's',			/* no credential works */
	HOLD_DISABLE = 'd',			/* of a profile or user: credentials do not work; of a workspace */
	HOLD_DELETE = 'p'			/* to be purged; archived until then */
} HoldKind;

/* Effective holds, or-ed. */
#define HOLD_IS_ARCHIVED 0x01
#define HOLD_IS_SUSPENDED 0x02
#define HOLD_IS_DISABLED 0x04

/* The holds on an account, its ancestors included. path may be NULL: it is looked up if needed. */
extern int	hold_of_account(const pg_uuid_t *account_id, const TreePath *path);

/* The holds on a profile itself, or on a user. */
extern int	hold_of_profile(const pg_uuid_t *profile_id);

/* Grows with every change of holds. */
extern uint64 hold_epoch(void);

/* The holds on a workspace: archived or disabled. */
extern int	hold_of_workspace(const pg_uuid_t *workspace_id);

/* Raises ARCHIVED or ACCOUNT_SUSPENDED if the account (or one above) is held. */
extern void hold_require_writable(const pg_uuid_t *account_id, const TreePath *path);

/* Hooks the invalidation of the cache into the session; called once by _PG_init(). */
extern void hold_init(void);

/* ---------------------------------------------------------------------------
 * network.c: networks, and the address that a client calls from
 */

/* The hooks of account.trusted_proxies. */
extern bool network_check_proxies(char **newval, void **extra, GucSource source);
extern void network_assign_proxies(const char *newval, void *extra);

/* Whether a text is a network, as cidr takes it. */
extern bool network_is_valid(const char *text);

/*
 * The client's address (inet) as the server knows it or, behind a trusted proxy, as the
 * proxy does; false over a UNIX socket, and where a trusted proxy does not say.
 */
extern bool network_client_address(Datum *address);

/* Whether the other end of the connection is a trusted proxy: what it says of a request is believed. */
extern bool network_is_proxied(void);

/* Whether the client's address is in one of the networks (cidr[]); who has none is in none. */
extern bool network_admits(ArrayType *networks);

/* Whether every network of one list lies within one of the other; NULL = any. */
extern bool network_within(ArrayType *inner, ArrayType *outer);

/* Of two lists (NULL = any) that which lies within the other; an empty list if neither does. */
extern ArrayType *network_narrower(ArrayType *left, ArrayType *right);

/* ---------------------------------------------------------------------------
 * credential.c: rows by digest, and whether they are good now
 */
typedef struct Credential
{
	TokenKind	kind;
	uint8		digest[TOKEN_DIGEST_LENGTH];	/* as stored */
	pg_uuid_t	credential_id;
	bool		has_account;
	pg_uuid_t	account_id;
	bool		has_profile;
	pg_uuid_t	profile_id;
	bool		has_user;
	pg_uuid_t	user_id;
	pg_uuid_t	line_id;		/* the first of those that have replaced one another, itself the last */
	bool		ending;			/* replaced, in its overlap: creates and manages nothing */
	int			holds;			/* on its account */
	TimestampTz created_at;
	TimestampTz expires_at;		/* DT_NOEND if never; the earliest of all endings */
	ArrayType  *permissions;	/* text[] */
	ArrayType  *allowed_ips;	/* cidr[], NULL = any */
	int			nworkspaces;	/* that a key was granted */
	pg_uuid_t  *workspaces;
} Credential;

typedef enum CredentialState
{
	CREDENTIAL_GOOD,
	CREDENTIAL_MISSING,			/* NULL or empty */
	CREDENTIAL_MALFORMED,
	CREDENTIAL_UNKNOWN,			/* also revoked, of another kind, from a barred address */
	CREDENTIAL_EXPIRED,
	CREDENTIAL_SUSPENDED		/* its account, or one above, is */
} CredentialState;

/*
 * Looks a token up as it is committed now, by one index scan, and says whether
 * it is good for its kind.  Takes no lock and writes nothing.  text may be NULL.
 */
extern CredentialState credential_verify(const char *text, size_t length, TokenKind kind,
										 Credential *credential);

/* The same for the digests that a well-formed token of that kind may be stored under. */
extern CredentialState credential_verify_digests(uint8 (*digests)[TOKEN_DIGEST_LENGTH], int count,
												 TokenKind kind, Credential *credential);

/* What can be read of a credential by its id. */
typedef struct CredentialRecord
{
	pg_uuid_t	credential_id;
	uint8		digest[TOKEN_DIGEST_LENGTH];
	TokenKind	kind;
	bool		has_account;
	pg_uuid_t	account_id;
	bool		has_profile;
	pg_uuid_t	profile_id;
	bool		has_user;
	pg_uuid_t	user_id;
	pg_uuid_t	line_id;		/* as above */
	TimestampTz expires_at;		/* DT_NOEND if never; the earliest of all endings */
	TimestampTz own_end;		/* the one that it was issued with */
	ArrayType  *permissions;	/* text[] */
	ArrayType  *allowed_ips;	/* cidr[], NULL = any */
	int			nworkspaces;	/* that a key was granted */
	pg_uuid_t  *workspaces;
	bool		ended;			/* revoked, used up, or its end has come */
	bool		ended_by_others;	/* another transaction has ended it by now */
	bool		replaced;		/* by successor_id */
	pg_uuid_t	successor_id;
} CredentialRecord;

/*
 * Reads a credential and its endings by id, as they are committed now; false if
 * there is none.  Like the above it takes no lock and leaves no predicate lock, so
 * that a serializable transaction that ends a credential does not fail by what its
 * holder does.  credential_id may point into *record.
 */
extern bool credential_find(const pg_uuid_t *credential_id, CredentialRecord *record);

/*
 * Whose a credential is: the profile of a key, the user of a session, itself if it is
 * nobody's.  A pointer into *record.  Who ends all that a holder has locks this, for there
 * may be more than there are locks.
 */
extern const pg_uuid_t *credential_holder(const CredentialRecord *record);

/* What a new credential is; what does not apply is NULL. */
typedef struct NewCredential
{
	TokenKind	kind;
	const pg_uuid_t *credential_id;
	const pg_uuid_t *account_id;
	const pg_uuid_t *profile_id;
	const pg_uuid_t *user_id;
	const pg_uuid_t *line_id;	/* of the key that it replaces */
	TimestampTz expires_at;		/* DT_NOEND = never */
	ArrayType  *permissions;	/* text[]; NULL = none */
	ArrayType  *workspace_ids;	/* uuid[]; NULL = none */
	ArrayType  *allowed_ips;	/* cidr[], NULL = any */
	const pg_uuid_t *created_by;
} NewCredential;

/* Insert a credential, an ending of one, a workspace of a key. Between query_open() and query_close(). */
extern void credential_insert(const NewCredential *credential, const Token *token);

/*
 * Ends a credential, waiting for nobody: kind is r revoked, o replaced by
 * successor_id (good until ends_at), e expired early, x used up.
 */
extern void credential_end(const CredentialRecord *credential, char kind, TimestampTz ends_at,
						   const char *reason, const pg_uuid_t *successor_id, const pg_uuid_t *ended_by);
extern void credential_grant_workspace(const CredentialRecord *credential, const pg_uuid_t *workspace_id,
									   const pg_uuid_t *created_by);

/* Narrows the networks of a key, for good; it is not asked whether they are narrower. */
extern void credential_narrow(const CredentialRecord *credential, ArrayType *allowed_ips,
							  const pg_uuid_t *narrowed_by);

/* Ends every credential of a user but one (may be NULL): sessions and user tokens. */
extern void credential_end_of_user(const pg_uuid_t *user_id, const pg_uuid_t *kept, const pg_uuid_t *ended_by);

/*
 * Deletes up to max expired sessions and user tokens, skipping those that others
 * delete; returns how many.  Between query_open() and query_close().
 */
extern int64 credential_clean(int max);

/* Raises the error that a state of a key or session stands for; returns if it is good. */
extern void credential_require(CredentialState state, TokenKind kind);

/* The code that a state stands for; ERROR_CODES if it is good. */
extern ErrorCode credential_error(CredentialState state);

/* ---------------------------------------------------------------------------
 * permission.c: the dictionary of permissions, and patterns over it
 */
#define PERMISSIONS_MAX 10000	/* in one list */
#define PERMISSION_MAX_BYTES 127

/* Whether a text has the form verb:resource, * on either side allowed. */
extern bool permission_is_pattern(const char *text, size_t length);

/* Whether a pattern has a *. */
extern bool permission_is_wide(const char *pattern);

/* Whether everything that one pattern stands for is in another, now and later. */
extern bool permission_covers(const char *held, const char *wanted);

/* The pattern of what two have in common; NULL if nothing. */
extern char *permission_common(const char *left, const char *right);

/* The number of a permission; -1 if it is not defined. */
extern int	permission_number(const char *permission);

/* How many words of 64 bits a bitmap of all permissions has now. */
extern int	permission_words(void);

/* Sets the bits of all permissions that a pattern covers now. */
extern void permission_set_bits(const char *pattern, uint64 *bits, int words);

/* The permissions that a pattern covers now, as char *. */
extern List *permission_list_covered(const char *pattern);

/* A text[] as a list of char *, and back. */
extern List *permission_list(ArrayType *array);
extern ArrayType *permission_array(List *permissions);

/* Adds entries for what in a list of a call is no pattern, or no permission that is defined. */
extern void permission_validate(Validation *validation, const char *path, ArrayType *array);

/* Grows with every change of what rights are compiled from. */
extern uint64 permission_epoch(void);

/* Makes this session compile rights anew, from now on. */
extern void permission_forget(void);

/* Makes every session compile rights anew once this transaction is committed. */
extern void permission_signal(void);

/* Notes that this transaction has made a profile or an account: its first rows need no signal. */
extern void permission_note_new(const pg_uuid_t *id);

/* Whether this transaction has made one. */
extern bool permission_makes_new(void);

/* Hooks the invalidation into the session; called once by _PG_init(). */
extern void permission_init(void);

/* ---------------------------------------------------------------------------
 * right.c: what a profile may do
 */

/* The permissions in one scope; offsets from the beginning of the Rights. */
typedef struct RightsSet
{
	bool		has_workspace;	/* only there */
	pg_uuid_t	workspace_id;
	uint32		service;		/* a string; 0 for all services */
	uint32		granted;		/* bitmaps of Rights.words words */
	uint32		denied;
} RightsSet;

/* One piece of memory without pointers: offsets are from its beginning. */
typedef struct Rights
{
	uint32		size;			/* of all */
	int32		words;
	int32		nsets;
	uint32		sets;			/* RightsSet[] */
	int32		nworkspaces;
	uint32		workspaces;		/* pg_uuid_t[] that are reached */
	int32		npermissions;
	uint32		permissions;	/* patterns of the whole account, NUL-terminated */
	int32		ndenied;
	uint32		denied;			/* the same of what is denied */
	bool		has_profile;
	pg_uuid_t	profile_id;
	bool		has_user;		/* whose membership the profile is */
	pg_uuid_t	user_id;
	TimestampTz expires_at;		/* when something of it ends; DT_NOEND never */
} Rights;

#define RIGHTS_AT(rights, offset, type) ((type *) ((char *) (rights) + (offset)))

/* The id of the built-in role owner. */
extern const pg_uuid_t right_owner_role;

/* A membership of a user that counts now. */
typedef struct Membership
{
	pg_uuid_t	account_id;
	pg_uuid_t	profile_id;
	TimestampTz expires_at;		/* DT_NOEND never */
} Membership;

/* The memberships of a user that count now, as Membership *, valid until the next call. */
extern List *right_memberships(const pg_uuid_t *user_id);

/*
 * What a profile has in its account; what a user has in an account, by membership
 * there and above (NULL if none); and exactly a list of permissions, with all
 * workspaces of an account (NULL: none).  Valid until the next call: copy it, or cut it.
 */
extern const Rights *right_of_profile(const pg_uuid_t *profile_id, const pg_uuid_t *account_id);
extern const Rights *right_of_user(const pg_uuid_t *user_id, const pg_uuid_t *account_id);
extern const Rights *right_of_list(ArrayType *permissions, const pg_uuid_t *account_id);

/* A copy that stays; NULL of NULL. */
extern Rights *right_copy(const Rights *rights);

/* A copy with no more permissions than a list has. Between other calls of this part: the list is compiled and kept. */
extern Rights *right_cut(const Rights *rights, ArrayType *permissions);

/* A copy of what a profile has, with no more permissions and workspaces than its key has. */
extern Rights *right_of_key(const pg_uuid_t *profile_id, const pg_uuid_t *account_id, ArrayType *permissions,
							const pg_uuid_t *workspaces, int nworkspaces);

/* Whether a permission (by number) is held: in the whole account, or also in a workspace, for a service (may be NULL). */
extern bool right_has(const Rights *rights, int number, const pg_uuid_t *workspace_id, const char *service);

/* Whether the user whose membership it is, if it is one, is neither disabled nor over. */
extern bool right_is_live(const Rights *rights);

/* Whether a workspace is reached. */
extern bool right_reaches(const Rights *rights, const pg_uuid_t *workspace_id);

/*
 * The first of a list of patterns (char *) that is not held in the whole account, now
 * and later, leaving out what denied takes from them; NULL if all are.
 */
extern const char *right_uncovered(const Rights *rights, List *permissions, List *denied);

/* The same, where what is denied in a workspace or for a service alone is not held either: for what goes to others. */
extern const char *right_uncovered_anywhere(const Rights *rights, List *permissions, List *denied);

/* The patterns of the whole account as char *; what is denied in part is listed one by one. */
extern List *right_permissions(const Rights *rights);

/* A number of strings at an offset of Rights, as char * into it. */
extern List *right_strings(const Rights *rights, uint32 offset, int count);

/* ---------------------------------------------------------------------------
 * use.c: when credentials were last used
 */

/* Notes that a credential is used, now and whatever becomes of the transaction. Waits for nobody. */
extern void use_note(const pg_uuid_t *credential_id);

/* Whether a session was not used for longer than account.session_idle_timeout. */
extern bool use_is_idle(const Credential *credential);

/* How many uses were forgotten before they were written, for want of room. False where the library is not preloaded. */
extern bool use_evicted(int64 *evicted);

extern void use_init(void);

/* ---------------------------------------------------------------------------
 * context.c: the setting that carries an identity
 */
typedef struct Identity
{
	bool		has_account;
	pg_uuid_t	account_id;
	bool		has_profile;
	pg_uuid_t	profile_id;
	bool		has_user;
	pg_uuid_t	user_id;
	bool		has_key;
	pg_uuid_t	api_key_id;
	bool		has_session;
	pg_uuid_t	session_id;
	bool		writable;		/* not archived */
	bool		ending;			/* by a key that is being replaced */
	TimestampTz expires_at;		/* of what proved it */
	TimestampTz issues_until;	/* nothing that it issues lasts longer */
	const Rights *rights;		/* never NULL */
} Identity;

typedef enum ContextScope
{
	CONTEXT_TRANSACTION = 't',
	CONTEXT_SESSION = 's'
} ContextScope;

/*
 * An identity with the stamps that say where and how long it counts.  The one that is
 * set has its rights in data; one that is made to be set has them where it likes.
 */
typedef struct Context
{
	ContextScope scope;
	int			pid;
	LocalTransactionId lxid;
	uint64		generation;
	bool		portable;		/* its value says all: parallel workers can be given it */
	Identity	identity;
	uint64		data[FLEXIBLE_ARRAY_MEMBER];
} Context;

/* The context that is set, whether it counts or not; NULL if there is none. Read it, do not set it. */
extern const Context *context_current;

/*
 * Grows with everything that may change what counts: within a transaction, an
 * answer about the identity holds as long as this is the same.  Never 0.
 */
extern uint64 context_epoch;

/* Whether a context is of a generation that does not count any more. */
extern bool context_is_void(const Context *context);

/* Makes every context of now void, for good. */
extern void context_void_all(void);

/*
 * Stamps a new generation into a context and sets it, for the transaction or the
 * session as its scope says; portable if the context says so, which takes longer.
 * Must not be called in parallel mode.
 */
extern void context_set(Context *context);

/* Sets none, for the transaction or for the whole session. Must not be called in parallel mode. */
extern void context_clear(bool whole_session);

/* Defines account.context; called once by _PG_init(). */
extern void context_init(void);

/* ---------------------------------------------------------------------------
 * identity.c: who is calling
 */

/* The identity of this transaction, or NULL.  Valid until the next command; do not keep. */
extern const Identity *identity_current(void);

/* Whether this transaction has had or tried an identity. */
extern bool identity_attempted(void);

/* Told that an application acts for an account or a user, and why, once it does; nobody if it is NULL. */
extern void (*identity_acting_observer) (const char *reason);

/* Ends the identity, for good: a rollback does not bring it back. Raises BAD_REQUEST in parallel mode. */
extern void identity_end(void);

/*
 * From now on an identity that was made, and not proven, counts and no other; NULL: what
 * was proven counts again.  Returns the one before, which is to be put back by
 * PG_FINALLY(): see script_call().  Parallel workers do not know of it.
 */
extern const Identity *identity_assume(const Identity *identity);

/*
 * Asked before a key or session becomes the identity of a transaction, or of a session;
 * line_id is the first key of its line, or its user.  Returns after how many seconds it is to
 * be tried again, 0 to let it in.  NULL: everybody is let in.
 */
typedef int (*IdentityAdmission) (const Identity *identity, const pg_uuid_t *line_id);
extern IdentityAdmission identity_admission;

/*
 * Told that an identity is that of this transaction now, once in it; and which credential is
 * about to be refused, and for which account (may be NULL), before that is raised.  Either may
 * be NULL, and must not raise.  To be called by _PG_init(), with what stays.
 */
typedef struct IdentityObserver
{
	void		(*had) (const Identity *identity);
	void		(*refused) (const Credential *credential, const pg_uuid_t *account_id);
	struct IdentityObserver *next;
} IdentityObserver;
extern void identity_observe(IdentityObserver *observer);

/* An account.identity, as the result of a call; elog()s if identity is NULL. */
extern Datum identity_datum(FunctionCallInfo fcinfo, const Identity *identity);

/* The permissions of an identity in the whole account as a text[]. */
extern ArrayType *identity_permissions(const Identity *identity);

/* Whether an identity holds a permission (no pattern) in the whole account, or also in a workspace, for a service (may be NULL). */
extern bool identity_has(const Identity *identity, const char *permission, const pg_uuid_t *workspace_id,
						 const char *service);

/* Installs hooks; called once by _PG_init(). */
extern void identity_init(void);

/* ---------------------------------------------------------------------------
 * caller.c: what is asked of an identity
 */

/* Whether the identity holds a permission (verb:resource) in its whole account. */
extern bool caller_permits(const Identity *identity, const char *permission);

/* The profile that is calling, NULL for an administrator or an application: what created_by says. */
extern const pg_uuid_t *caller_profile(void);

/*
 * Raises FORBIDDEN unless the caller holds every pattern of a list (char *), leaving out
 * what denied takes from them; an administrator holds all.  Nobody grants what they lack.
 */
extern void caller_require_cover(List *permissions, List *denied);

/* Whether the caller acts as an administrator: level admin or superuser, no identity had or tried. */
extern bool caller_is_admin(void);

/* Raises FORBIDDEN unless caller_is_admin(). */
extern void caller_require_admin(const char *action);

/* The same, and returns the account that the first argument of the call names; raises BAD_REQUEST, NOT_FOUND. */
extern const pg_uuid_t *caller_require_admin_of(FunctionCallInfo fcinfo, const char *action);

/* Whom an operation may act on. */
#define SCOPE_OWN 0x01			/* the caller's account */
#define SCOPE_DESCENDANTS 0x02	/* accounts below it */
#define SCOPE_ADMIN 0x04		/* any, by an administrator */

/* The account that an operation acts on, and as whom. */
typedef struct Target
{
	pg_uuid_t	account_id;
	TreePath   *path;			/* of account_id */
	bool		as_admin;		/* by an administrator: no identity */
	bool		own;			/* the caller's own account */
} Target;

/*
 * Decides on whom a call acts: account_id, or the caller's own if NULL.  With an
 * identity, permission (may be NULL) must be held, and the account be in scope;
 * an account that does not exist and one that is out of reach read alike
 * (NOT_FOUND).  Raises MISSING_API_KEY without an identity and without
 * admin, FORBIDDEN without the permission, BAD_REQUEST if an administrator
 * names no account.
 */
extern void caller_target(const char *permission, const pg_uuid_t *account_id, int scope,
							Target *target);

/*
 * The same for an object that belongs to an account (any of SCOPE_OWN, SCOPE_DESCENDANTS,
 * SCOPE_ADMIN): what does not exist (found is false) and what is out of reach
 * read alike, "... not found" of what it is called.
 */
extern void caller_target_of(const char *permission, bool found, const pg_uuid_t *account_id,
							   const char *what, Target *target);

/*
 * Whether a hold set by an account (NULL: by an administrator) may be lifted by the
 * caller; as_admin is what caller_target() has found.
 */
extern bool caller_outranks(const pg_uuid_t *set_by, bool as_admin);

/*
 * Whether there are accounts whose resources of a kind the caller may read ("" for any account that
 * it reaches): those of a path, the caller's own, and below, or all of them, then path is NULL.
 */
extern bool caller_reads(const char *resource, TreePath **path);

/* Returns those accounts from a function that returns SETOF uuid; none for NULL. */
extern Datum caller_return_accounts(FunctionCallInfo fcinfo, const char *resource);

/* ---------------------------------------------------------------------------
 * holding.c: setting and lifting holds
 */

/*
 * Sets a hold in the caller's name (as_admin: in nobody's), waiting for nobody; nothing
 * is done if the same caller has set it already.  reason may be NULL.
 */
extern void holding_set(const pg_uuid_t *subject_id, HoldKind kind, bool as_admin, text *reason);

/* The same of HOLD_DELETE, which is due at a point in time. */
extern void holding_set_due(const pg_uuid_t *account_id, bool as_admin, TimestampTz due_at);

/*
 * Lifts all holds of a kind, or none: raises FORBIDDEN if one was set above the caller
 * ("only ... may <action>").  Of an account that was moved, those that are above it now lift
 * what one did that was.  Returns whether there was one.
 */
extern bool holding_lift(const pg_uuid_t *subject_id, HoldKind kind, bool as_admin, const char *action);

/* ---------------------------------------------------------------------------
 * guard.c: what is looked at again before a transaction commits
 */

/*
 * Whoever gives rights has to have them, also when the transaction commits: another may
 * have taken them meanwhile.  To be called by what gives a role, a workspace or the like,
 * after caller_target(): raises FORBIDDEN unless the caller has all of the role and reaches
 * the workspace (NULL: none), and notes that it is to be so, as the permission that it acts by
 * and its control of the account, when the transaction commits, which fails otherwise.  An
 * administrator is asked for nothing.
 */
extern void guard_given(const char *permission, const pg_uuid_t *account_id, const pg_uuid_t *role_id,
						const pg_uuid_t *workspace_id);

/* The same by what issues or makes something by a permission alone: permissions (char *) are those of a key. */
extern void guard_issued(const char *permission, const pg_uuid_t *account_id, List *permissions);

/*
 * To be called by what takes rights away, of whatever kind: who has made use of them at
 * this moment commits before this transaction does, or not at all.  Waits for nobody now.
 */
extern void guard_taken(void);

/*
 * Has something about an account checked when the transaction commits, by one transaction
 * at a time, with what is committed then: the check raises.
 */
typedef void (*GuardCheck) (const pg_uuid_t *account_id);
extern void guard_later(GuardCheck check, const pg_uuid_t *account_id);

/* Hooks the end of transactions into the session; called once by _PG_init(), before the parts below. */
extern void guard_init(void);

/* ---------------------------------------------------------------------------
 * audit.c: entries of the audit log
 */
#define AUDIT_VALUE_MAX 1024	/* bytes of one value in an entry */

/* An entry; what is NULL, or whose has_ is false, is not known or does not apply. */
typedef struct AuditEntry
{
	pg_uuid_t	entry_id;
	int64		turn;			/* of audit_insert(); also for listeners */
	uint64		horizon;
	TimestampTz at;
	bool		has_account;	/* that was acted on; otherwise the platform */
	pg_uuid_t	account_id;
	const char *source;			/* "account"; "application" of record_audit() */
	bool		has_from_account;	/* the caller's */
	pg_uuid_t	from_account_id;
	bool		has_actor_profile;
	pg_uuid_t	actor_profile_id;
	bool		has_actor_user;
	pg_uuid_t	actor_user_id;
	const char *actor_name;		/* of a service account alone */
	const char *actor_role;		/* "session_user" or "session_user as current_role", without an identity */
	bool		has_key;
	pg_uuid_t	api_key_id;
	bool		has_session;
	pg_uuid_t	session_id;
	const char *action;			/* "api_key.created": object.past_tense_verb */
	const char *object_type;
	bool		has_object;
	pg_uuid_t	object_id;
	const char *detail;			/* a JSON object; "{}" if there is no more to say */
	const char *request;		/* a JSON object: method, path, address, trusted; NULL without one */
} AuditEntry;

/*
 * Fills an entry: when, who (the identity of this moment, or the database role) and the request.
 * object_id and account_id (acted on; NULL: the platform) may be NULL; the strings are not copied.
 */
extern void audit_begin(AuditEntry *entry, const char *action, const char *object_type,
						const pg_uuid_t *object_id, const pg_uuid_t *account_id);

/*
 * Writes an entry, elevated, and calls the listeners, elevated or not.  Waits for nobody and leaves
 * no predicate lock.  Where nothing can be written (READ ONLY, a standby, parallel mode) the server's
 * log has a line instead, without detail, names and request, and no listener is called.
 * No secret may be in it, and of a person nothing but ids and audit_digest().
 */
extern void audit_insert(AuditEntry *entry);

/* Both; detail may be NULL. */
extern void audit_note(const char *action, const char *object_type, const pg_uuid_t *object_id,
					   const pg_uuid_t *account_id, const char *detail);

/* audit_note() of a table, by its name as SQL takes it, or of a schema. */
extern void audit_note_named(const char *action, const char *object_type, const char *name);

/* Takes the observers of the parts above; called once by _PG_init(). */
extern void audit_init(void);

/* Has every entry that is written handed to a function, in the transaction of the change; from _PG_init(). */
extern void audit_listen(void (*listener) (const AuditEntry *entry));

/* Whether a row can be written now. */
extern bool audit_can_write(void);

/*
 * From now on rows that change make no entries of their own (trail.c): they are part of something
 * that has one.  Returns what held before, to be put back by PG_FINALLY().
 */
extern bool audit_quiet(bool quiet);
extern bool audit_is_quiet(void);

/* A copy of at most AUDIT_VALUE_MAX bytes, and a mark with the full length if it was longer. */
extern char *audit_cut(const char *value);

/* What stands for a personal value: "hmac:" and 16 hex digits, by the pepper or a secret of the cluster. */
extern char *audit_digest(const char *value);

/* ---------------------------------------------------------------------------
 * stats.c: what each account does, counted
 */
#define STATS_COUNTERS 8
#define STATS_AUTHENTICATIONS 0 /* the first counter; the others are of codes */

/*
 * How many refusals of an account, and of no account, the audit log tells apart at once; they
 * are regained one after another within so many microseconds.
 */
#define STATS_ALLOWANCE 32
#define STATS_ALLOWANCE_OF_NONE 256
#define STATS_ALLOWANCE_PERIOD (INT64CONST(30) * SECS_PER_MINUTE * USECS_PER_SEC)

/* What an account has done, what is in shared memory included. */
typedef struct Stats
{
	int64		counts[STATS_COUNTERS];
	TimestampTz seen_at;		/* the last authentication that was counted; 0 never */
	double		rate;			/* authentications in the last minute, about */
} Stats;

/* "authentications", or the code. */
extern const char *stats_counter_name(int counter);

/* Whether a code is what somebody is told who may not, and not who is wrong. */
extern bool stats_is_refusal(ErrorCode code);

/* Whether anything is counted now: the two below ask for that. */
extern bool stats_is_counting(void);

/* Counts a refusal for an account; NULL for none. Raises nothing. */
extern void stats_count_refusal(const pg_uuid_t *account_id, ErrorCode code);

/* Whether one more refusal of an account (NULL: of none) is to be told apart; takes it off what it has left. */
extern bool stats_allow(const pg_uuid_t *account_id, TimestampTz now);

/* What was counted of an account, and of all and none together. */
extern void stats_read(const pg_uuid_t *account_id, Stats *stats);
extern void stats_read_totals(int64 counts[STATS_COUNTERS]);

extern void stats_init(void);

/* ---------------------------------------------------------------------------
 * refusal.c: attempts that were refused, for the audit log
 *
 * What is raised is noted by itself; these are for what is told and not raised.
 */

/* A login that has failed: with the user that the e-mail is of, if any, and whether too many have. */
extern void refusal_of_login(const pg_uuid_t *user_id, bool locked);

/* A key that was found not good; kind is 0 in the credential where nothing was found. */
extern void refusal_of_key(ErrorCode code, const Credential *credential);

extern void refusal_init(void);

/* ---------------------------------------------------------------------------
 * traffic.c: requests of service accounts, for the audit log
 */

/* How many requests were lost for want of room in shared memory; false if there is none. */
extern bool traffic_lost(int64 *lost);

extern void traffic_init(void);

/* ---------------------------------------------------------------------------
 * normal.c: what people type, in one form
 */

/* The code points of a text, with a zero behind; NULL if its bytes are no text. */
extern pg_wchar *normal_decode(const char *text);

/* Code points as UTF-8, whatever the database's encoding is. */
extern char *normal_utf8(const pg_wchar *points);

/* How many code points there are before the zero, and whether all are ASCII. */
extern int	normal_length(const pg_wchar *points);
extern bool normal_is_ascii(const pg_wchar *points);

/* Unicode's form NFKC, and the same with case folded; always a copy. */
extern pg_wchar *normal_compose(const pg_wchar *points);
extern pg_wchar *normal_fold(const pg_wchar *points);

/* Whether a character is white space, a control, or cannot be seen. */
extern bool normal_is_invisible(pg_wchar point);

/* ---------------------------------------------------------------------------
 * email.c: one normal form for each e-mail address
 */

/*
 * The normal form of an address (NULL is none), in which addresses are stored, compared
 * and written to; at most 254 bytes.  NULL if it is no address: then there is an
 * entry under path, unless validation is NULL.
 */
extern char *email_normal(Validation *validation, const char *path, const char *address);

/* ---------------------------------------------------------------------------
 * pgcrypto.c: functions of the extension pgcrypto
 */

/*
 * Looks a function of pgcrypto up by its exact types, among the members of that extension.
 * Raises INTERNAL_SERVER_ERROR, with a hint, if it is not installed: what names who needs it.
 */
extern void pgcrypto_function(const char *name, int nargs, const Oid *types, Oid result, const char *what,
							  FmgrInfo *function);

/* ---------------------------------------------------------------------------
 * password.c: what makes a password good enough, and its hash
 */
#define PASSWORD_COST_MIN 4
#define PASSWORD_COST_MAX 20
#define PASSWORD_MAX_BYTES 72	/* bcrypt looks at no more */

/*
 * A password argument as it was typed, NULL if it is; one that is far too long, without
 * detoasting it, if the argument is.  Wiped with its memory context, as all below are.
 */
extern char *password_argument(FunctionCallInfo fcinfo, int argument);

/* The form that is hashed; NULL if typed is, or no password can be so long. */
extern char *password_normal(const char *typed);

/*
 * The same for a password that is to be set: NULL, and an entry under path, if it is not
 * good enough.  It must not be made of the e-mail or the account's name (may be NULL).
 */
extern char *password_validate(Validation *validation, const char *path, const char *typed,
							   const char *email, const char *account_name);

/* Raises INTERNAL_SERVER_ERROR, with a hint, unless pgcrypto is installed, as the two below do. */
extern void password_require(void);

/* A hash of the configured cost. */
extern char *password_hash(const char *normal);

/*
 * Whether a password (NULL is none) is the one of a stored hash (NULL, and any that is not
 * exactly of our form, is none) and the user is welcome.  If not, it has cost as much as
 * a hash of the configured cost.  outdated says whether a right one has a lower cost.
 */
extern bool password_verify(const char *normal, const char *stored, bool welcome, bool *outdated);

/* ---------------------------------------------------------------------------
 * lapse.c: attempts to log in whose transaction was rolled back
 */

/* Remembers that an attempt was written down in this (sub)transaction, until that is committed. */
extern void lapse_note(const pg_uuid_t *subject, TimestampTz at);

/* Writes down again what was rolled back, unless it is older. */
extern void lapse_write(void (*write) (const pg_uuid_t *subject, TimestampTz at), TimestampTz since);

/* Forgets all attempts of a subject. */
extern void lapse_forget(const pg_uuid_t *subject);

/* Hooks the end of transactions into the session; called once by _PG_init(). */
extern void lapse_init(void);

/* ---------------------------------------------------------------------------
 * counter.c: counters of attempts to log in, in shared memory
 */

/* Whether a counter that was touched then is zero by now. */
extern bool counter_has_run_out(TimestampTz touched_at, TimestampTz now);

/* Whether there are counters in shared memory: where the library is preloaded. The next three ask for it. */
extern bool counter_ready(void);

/* Counts one more, up to a limit; returns the count before. */
extern int	counter_add(const pg_uuid_t *subject, int limit, TimestampTz now);

/* Sets a counter to zero. */
extern void counter_clear(const pg_uuid_t *subject, TimestampTz now);

/* Has the recorder write a counter that is not on disk yet, and waits for it, not for long; does nothing where none runs. */
extern void counter_settle(const pg_uuid_t *subject);

/* What a recorder has written of a counter, 0 if it has run out; and the row's end. For where memory has none. */
extern int	counter_read_stored(const pg_uuid_t *subject, TimestampTz now);
extern void counter_delete_stored(const pg_uuid_t *subject);

/* How many that had not run out and were on no disk have had to make room. */
extern int64 counter_evicted(void);

/* Asks for shared memory if the library is being preloaded; called once by _PG_init(). */
extern void counter_init(void);

/* ---------------------------------------------------------------------------
 * attempt.c: attempts to log in, counted
 */
typedef struct Attempt
{
	bool		locked;			/* no password is right now */
	pg_uuid_t	subjects[2];	/* whose counters it is counted on */
} Attempt;

/* Counts an attempt for an e-mail in its normal form, from the client's address; may wait a little. */
extern void attempt_begin(Attempt *attempt, const char *email);

/* Sets its counters to zero. */
extern void attempt_succeeded(const Attempt *attempt);

/* ---------------------------------------------------------------------------
 * plan.c: billing plans
 */

/*
 * Raises MAX_RESOURCES_REACHED if one more `resource` in this account would pass
 * a limit of its effective plan.  Locks the limit (tree_lock_limit) if there is one,
 * so the caller must hold its tree lock already.
 */
extern void plan_require_room(const char *resource, const pg_uuid_t *account_id);

/* What a plan allows of a resource. */
typedef struct PlanLimit
{
	int64		number;
	bool		in_tree;		/* for all that are billed to the holder, and not for each account */
	pg_uuid_t	counted_for;	/* the account, or the holder */
} PlanLimit;

/*
 * Raises MAX_RESOURCES_REACHED: so many are in use, by this account alone if own says that
 * the caller may not know of others, and so many more do not fit.
 */
pg_noreturn extern void plan_refuse(const char *resource, const PlanLimit *limit, bool own, int64 used, int64 more);

/* How many there are of one that is counted here, in an account or in all that are billed to a holder. */
extern int64 plan_use(const char *resource, const pg_uuid_t *account_id, bool in_tree);

/* The longest name of a resource that a plan can limit. */
#define PLAN_RESOURCE_MAX_BYTES 63

/* Whether a resource is one of the above, which are counted here. */
extern bool plan_counts(const char *resource);

/* ---------------------------------------------------------------------------
 * limit.c: what plans allow, as sessions keep it
 */

/* An account, or the holder of a plan, and a resource; made by limit_key(), without padding. */
typedef struct LimitKey
{
	pg_uuid_t	account_id;
	char		resource[PLAN_RESOURCE_MAX_BYTES + 1];
} LimitKey;

extern LimitKey limit_key(const char *resource, const pg_uuid_t *account_id);

/*
 * The limit of an account on a resource; false if it has none.  It is that which was committed
 * when messages of invalidation were last accepted.
 */
extern bool limit_find(const char *resource, const pg_uuid_t *account_id, PlanLimit *limit);

/* Grows when a limit, or the place of an account, may have changed. */
extern uint64 limit_epoch(void);

/* Hooks the invalidation into the session; called once by _PG_init(). */
extern void limit_init(void);

/* ---------------------------------------------------------------------------
 * rate.c: how many requests of an account are let in
 */

/* The limit of a plan that it enforces, where the library is preloaded; at least 1. */
#define RATE_LIMIT_NAME "requests_per_minute"

/* Asks for shared memory if the library is being preloaded; called once by _PG_init(). */
extern void rate_init(void);

/* ---------------------------------------------------------------------------
 * profile.c: principals of an account
 */

/* A profile as it is called, whoever it is. */
typedef struct NewProfile
{
	const pg_uuid_t *account_id;
	const pg_uuid_t *user_id;	/* NULL for a service account */
	const char *name;
	bool		system;
	const char *description;	/* may be NULL, as the rest */
	const char *owner;
	ArrayType  *systems;		/* text[] */
	bool		has_creator;	/* otherwise the profile that is calling made it */
	const pg_uuid_t *creator;
} NewProfile;

/* Inserts a profile without any check. Between query_open() and query_close(). */
extern void profile_insert(const NewProfile *profile, pg_uuid_t *profile_id);

/* Inserts the system service account of a new account, its owner in everything. */
extern void profile_create_system(const pg_uuid_t *account_id, pg_uuid_t *profile_id);

/* What is known of a profile that was not deleted. */
typedef struct ProfileRecord
{
	pg_uuid_t	profile_id;
	pg_uuid_t	account_id;
	bool		has_user;
	pg_uuid_t	user_id;
	bool		system;
	char	   *name;
} ProfileRecord;

/* Reads a profile as it is committed now; false if there is none. Takes no lock, and leaves no predicate lock. */
extern bool profile_find(const pg_uuid_t *profile_id, ProfileRecord *record);

/* Gives a profile a role in a scope, without any check; once more is no error. Between query_open() and query_close(). */
typedef struct NewGrant
{
	const pg_uuid_t *profile_id;
	const pg_uuid_t *role_id;	/* NULL: the reach of the workspace alone */
	const pg_uuid_t *workspace_id;
	const char *service;
	bool		descendants;
	TimestampTz expires_at;		/* DT_NOEND never */
	bool		has_giver;		/* otherwise the profile that is calling gave it */
	const pg_uuid_t *giver;
} NewGrant;
extern bool profile_insert_grant(const NewGrant *grant);

/* ---------------------------------------------------------------------------
 * seal.c: secrets of accounts, encrypted at rest
 */
#define SEAL_SECRET_LENGTH 32
#define SEAL_KEY_ID_LENGTH 8

/* A secret as it is stored. */
typedef struct SealedSecret
{
	bytea	   *stored;
	bytea	   *sealed_by;		/* the id of the master key; NULL if it is not sealed */
} SealedSecret;

/* The id of the master key in force; NULL if there is none. Raises INTERNAL_SERVER_ERROR, as all below do. */
extern bytea *seal_key_in_force(void);

/* Has the master key file read again when it is needed next. */
extern void seal_forget_keys(void);

/* A key for a purpose, from the master key of an id; false if that is not in the file. The caller wipes it. */
#define SEAL_DERIVED_LENGTH 32
extern bool seal_derive_key(const bytea *id, const char *purpose, uint8 *derived);

/* What is stored of a secret, and what it is sealed by. */
extern bytea *seal_secret(const pg_uuid_t *account_id, const uint8 *secret, bytea **sealed_by);

/* The secret itself; the caller wipes it. */
extern void seal_open(const pg_uuid_t *account_id, const SealedSecret *stored, uint8 *secret);

/* ---------------------------------------------------------------------------
 * chain.c: what binds the entries of an account's audit log to one another
 */
#define CHAIN_MAC_LENGTH 32

/* The columns of an entry that its mac is made of, in this order, and how many. */
#define CHAIN_COLUMNS \
	"entry_id, at, account_id, source, from_account_id, actor_profile_id, actor_user_id, actor_name, actor_role," \
	" api_key_id, session_id, action, object_type, object_id, detail, request"
#define CHAIN_COLUMN_COUNT 16

/* What macs are made with; secret. */
typedef struct ChainKey
{
	bytea	   *id;				/* of the master key; NULL: there is none, and macs are plain digests */
	uint8		secret[SEAL_DERIVED_LENGTH];
} ChainKey;

/* Where in a chain an entry is. */
typedef struct ChainLink
{
	pg_uuid_t	account_key;	/* the account, or the nil UUID for the platform */
	int64		position;
	TimestampTz sealed_at;
	uint8		previous[CHAIN_MAC_LENGTH]; /* the mac before it; zeros for the first */
} ChainLink;

/* The end of a chain, and where what is kept of it begins. */
typedef struct ChainHead
{
	pg_uuid_t	account_key;
	int64		position;		/* of the last entry, its mac, and when that was sealed; 0: no entry yet */
	uint8		mac[CHAIN_MAC_LENGTH];
	TimestampTz sealed_at;
	int64		first_position; /* of the first entry that is kept, and the mac before it */
	uint8		first_mac[CHAIN_MAC_LENGTH];
	bytea	   *sealed_by;
	uint8		seal[CHAIN_MAC_LENGTH];
} ChainHead;

/* The key in force, or that of an id (NULL: none); false if its master key is not in the file. The caller wipes it. */
extern void chain_key_in_force(ChainKey *key);
extern bool chain_find_key(bytea *id, ChainKey *key);

/* Appends CHAIN_COLUMNS of a row of the last query, from a column (from 1) on, in their canonical form. */
extern void chain_append_content(StringInfo content, const QueryScope *scope, uint64 row, int column);

/* The mac of an entry, and the seal of a head. */
extern void chain_make_mac(const ChainKey *key, const ChainLink *link, const StringInfoData *content, uint8 *mac);
extern void chain_make_seal(const ChainKey *key, const ChainHead *head, uint8 *seal);

/* ---------------------------------------------------------------------------
 * head.c: the rows of account.audit_heads
 */

/*
 * The columns of a head, for head_read(), and that (from 0) row of the last query, copied
 * into the scope's memory context.
 */
#define HEAD_COLUMNS \
	"h.account_key, h.position, h.mac, h.sealed_at, h.first_position, h.first_mac, h.sealed_by, h.seal"
extern void head_read(const QueryScope *scope, uint64 row, int column, ChainHead *head);

/*
 * Whether a master key is in force and some head is sealed by one: then none without is genuine.
 * Between query_open() and query_close().
 */
extern bool head_any_keyed(void);

/* Whether the seal of a head is right; *unknown says that its master key is not in the file. */
extern bool head_holds(const ChainHead *head, bool any_keyed, bool *unknown);

/*
 * Writes heads that have changed (HeadChange *, at least one), each sealed by the key in force if `sound`; the others keep their
 * seal, which does not fit any more: so what was wrong stays in sight.  Between query_open() and query_close().
 */
typedef struct HeadChange
{
	ChainHead	head;
	bool		sound;
} HeadChange;
extern void head_write(const List *changes);

/* ---------------------------------------------------------------------------
 * month.c: the partitions of account.audit_entries
 */

/* A partition that the extension has made, or one like it. */
typedef struct Month
{
	Oid			relation;
	const char *name;			/* qualified and quoted */
	TimestampTz from;
	TimestampTz until;			/* where the next begins */
} Month;

/*
 * Has the partition of a month be there, if it is not yet; all months are those of UTC.  Between
 * query_open() and query_close(); the caller holds LOCK_CLASS_AUDIT.
 */
extern void month_prepare(TimestampTz at);

/* When the month after that of a point in time begins. */
extern TimestampTz month_next(TimestampTz at);

/* The partitions that end until then, as Month *, the oldest first. The caller holds a lock on account.audit_entries. */
extern List *month_list(TimestampTz until);

/* ---------------------------------------------------------------------------
 * sealing.c: moving entries into the chains
 */

/* Registers the recorder's tasks; called once by _PG_init(). */
extern void sealing_init(void);

/* ---------------------------------------------------------------------------
 * signature.c: signatures of webhooks
 */
#define SIGNATURE_LENGTH 47		/* v1, and 44 characters */
#define SIGNATURE_ID_MAX 255
#define SIGNATURE_PAYLOAD_MAX (16 * 1024 * 1024)
#define SIGNATURE_SENT_AT_DIGITS 12

/* What is signed. */
typedef struct SignedMessage
{
	const char *id;
	size_t		id_length;
	char		sent_at[SIGNATURE_SENT_AT_DIGITS + 1];	/* whole seconds since 1970 */
	const char *payload;
	size_t		payload_length;
} SignedMessage;

/* Whether a text can be the id of a message: visible ASCII, without a dot. */
extern bool signature_is_message_id(const char *id, size_t length);

/* Makes a payload in the database's encoding UTF-8. */
extern void signature_use_utf8(SignedMessage *message);

/* Writes a signature of SIGNATURE_LENGTH characters, without a zero behind. */
extern void signature_make(const SignedMessage *message, const uint8 *secret, size_t length, char *signature);

/* A secret (SEAL_SECRET_LENGTH bytes) as it is shown, "whsec_..."; the caller wipes it. */
extern char *signature_show_secret(const uint8 *secret);

/* ---------------------------------------------------------------------------
 * webhook.c: the secrets that an account's webhooks are signed with
 */

/* Generates the first secret of a new account. Between query_open() and query_close(). */
extern void webhook_insert_first(const pg_uuid_t *account_id);

/* The newest secret of an account as it is shown, "whsec_..."; NULL if there is none. */
extern char *webhook_newest(const pg_uuid_t *account_id);

/*
 * What sign_webhook() returns for a payload that is UTF-8 already: a signature by each secret of an
 * account that is in force, newest first; NULL if there is none.
 */
extern text *webhook_sign(const pg_uuid_t *account_id, const SignedMessage *message);

/* ---------------------------------------------------------------------------
 * event.c: what accounts are to be told by webhooks
 */
#define EVENT_CHANNEL "account_webhooks"

/* Has senders look, once this transaction is committed: a notification that tells nothing more. */
extern void event_notify(void);

/* Takes the sending to an account up again where 410 had ended it. */
extern void event_resume(const pg_uuid_t *account_id);

/* What was queued before this is given up, and deleted. */
extern TimestampTz event_oldest(TimestampTz now);

/*
 * Between query_open() and query_close(): has the first of an account that is not over looked at again, if it
 * was put aside; ends all that it waits for, and that nobody has a lock on; and where it is sent to now, NULL
 * if it has no URL, or has answered there with 410.
 */
extern void event_wake(const pg_uuid_t *account_id, TimestampTz now);
extern void event_drop_all(const pg_uuid_t *account_id, TimestampTz now);
extern char *event_find_url(const QueryScope *scope, const pg_uuid_t *account_id);

/* Listens to the audit log; called once by _PG_init(). */
extern void event_init(void);

/* ---------------------------------------------------------------------------
 * delivery.c: sending them
 */

/* The first argument of a call, max_count, with an entry unless it is from 1 to max. */
extern int	delivery_count(Validation *validation, FunctionCallInfo fcinfo, int max);

/* ---------------------------------------------------------------------------
 * redelivery.c: sending them once more, and deleting them
 */

/* Registers a task of the recorder; called once by _PG_init(). */
extern void redelivery_init(void);

/* ---------------------------------------------------------------------------
 * issue.c: what may be issued
 */

/* What a new key may do and how long; NULL members stand for the issuer's own. */
typedef struct KeyGrant
{
	const char *name;
	const char *description;	/* may be NULL */
	ArrayType  *permissions;	/* text[] */
	ArrayType  *workspace_ids;	/* uuid[] */
	ArrayType  *allowed_ips;	/* cidr[], NULL = any */
	TimestampTz expires_at;		/* DT_NOEND = never */
	bool		system;
	const char *external_id;	/* may be NULL */
	Datum		labels;			/* jsonb; 0 = none */
} KeyGrant;

/* A list of ids as a uuid[]. */
extern ArrayType *issue_uuid_array(const pg_uuid_t *ids, int count);

/* Adds an entry for each value of a grant that no key can have. */
extern void issue_validate(const KeyGrant *grant, const Interval *expires_in, Validation *validation);

/*
 * Fills in what was left NULL with the caller's own, and raises FORBIDDEN for more than
 * that, NOT_FOUND for a workspace that the caller or the profile (NULL for an application
 * key) does not reach.  The caller was found to be allowed to issue keys for it.
 */
extern void issue_settle(KeyGrant *grant, const Interval *expires_in, const ProfileRecord *profile);

/* Raises FORBIDDEN if a grant, filled in, exceeds what the caller has. */
extern void issue_require_covered(const KeyGrant *grant, const Target *target, const pg_uuid_t *profile_id);

/*
 * Locks what a key takes its place in until the end of the transaction: the profile, which
 * is there until then, the tree, and the plan's limit.  Raises NOT_FOUND, ARCHIVED,
 * ACCOUNT_SUSPENDED, MAX_RESOURCES_REACHED.
 */
extern void issue_take_place(const Target *target, const pg_uuid_t *profile_id);

/* ---------------------------------------------------------------------------
 * key.c: API keys
 */

/* A key as it stands. */
typedef struct StoredKey
{
	CredentialRecord credential;
	KeyGrant	grant;
} StoredKey;

/*
 * Reads an API key or application key as it is committed now; false if there is none.
 * api_key_id may point into *key.
 */
extern bool key_read(const pg_uuid_t *api_key_id, StoredKey *key);

/*
 * Keeps others from replacing or changing a key until the end of the transaction, and
 * reads it again.  Raises CONFLICT if it was replaced: who means it means its successor.
 */
extern void key_lock(StoredKey *key);

/* Hooks the end of transactions into the session; called once by _PG_init(). */
extern void key_init(void);

/*
 * Inserts a key without any check of the caller and returns its token once; the
 * caller wipes it.  Must be called between query_open() and query_close().
 */
extern void key_insert(const pg_uuid_t *account_id, const pg_uuid_t *profile_id,
					   const KeyGrant *grant, pg_uuid_t *api_key_id, Token *token);

/* An account.issued_api_key, as the result of a call; wipes the token. The ids may be NULL. */
extern Datum key_issued_datum(FunctionCallInfo fcinfo, const pg_uuid_t *api_key_id, Token *token,
							  const pg_uuid_t *account_id, const pg_uuid_t *profile_id,
							  const KeyGrant *grant);

/* ---------------------------------------------------------------------------
 * workspace.c: workspaces of accounts
 */

/* Inserts a workspace without any check; false if the account has one of that name. Between query_open() and query_close(). */
extern bool workspace_insert(const pg_uuid_t *account_id, const char *name, pg_uuid_t *workspace_id);

/*
 * Raises unless the caller may give somebody of the target's account the reach of a workspace,
 * now and when the transaction commits (guard_given()): NOT_FOUND if it is not there or the
 * caller does not reach it, ARCHIVED.
 */
extern void workspace_require_grantable(const char *permission, const Target *target,
										const pg_uuid_t *workspace_id);

/* ---------------------------------------------------------------------------
 * role.c: roles, and who has them
 */
typedef struct RoleRecord
{
	pg_uuid_t	role_id;
	bool		built_in;
	pg_uuid_t	account_id;		/* unless it is built in */
	char	   *name;
	List	   *permissions;	/* char * */
	List	   *denied;
} RoleRecord;

/*
 * Read a role that profiles of an account can have, its own or a built-in one, as it is committed
 * now, without any check of the caller.  By name: raises VALIDATION_FAILED if it is NULL, NOT_FOUND.
 */
extern void role_find(const char *name, const pg_uuid_t *account_id, RoleRecord *role);
extern bool role_find_by_id(const pg_uuid_t *role_id, const pg_uuid_t *account_id, RoleRecord *role);

/*
 * Finds a role by name, for somebody who is to have it: raises FORBIDDEN too, unless the caller, who
 * acts by a permission, has all of it, now and when the transaction commits (guard_given()).  Until
 * then the role is not deleted; that it is changed waits for nobody.
 */
extern void role_require_grantable(const char *permission, const pg_uuid_t *account_id, const char *name,
								   RoleRecord *role);

/* Keeps a role from being deleted until the end of the transaction; to be found (again) after it. */
extern void role_keep(const pg_uuid_t *role_id);

/* Raises FORBIDDEN unless the caller has all that a profile has in its whole account, or is that profile. */
extern void role_require_outranked(const ProfileRecord *profile);

/* ---------------------------------------------------------------------------
 * owner.c: the last owner of an account
 */

/*
 * To be called before a profile is disabled, deleted, or loses the role owner: raises
 * CONFLICT if it is the last owner of its account, now or when the transaction commits; for
 * administrators too.  Waits for nobody now.
 */
extern void owner_keep(const ProfileRecord *profile);

/* ---------------------------------------------------------------------------
 * user.c: people, of no account
 */
typedef struct UserRecord
{
	pg_uuid_t	user_id;
	char	   *email;			/* in its normal form; NULL if the user is erased */
	char	   *password_hash;	/* NULL if there is none */
	bool		verified;		/* the e-mail */
	bool		self_registered;
	TimestampTz updated_at;
	bool		own;			/* changed by this transaction */
} UserRecord;

/*
 * Read a user as it is committed now, or changed by this transaction; false, and zeros,
 * if there is none.  They take no lock, leave no predicate lock, and nothing that a caller
 * can look at afterwards tells whether there was one.
 */
extern bool user_find(const pg_uuid_t *user_id, UserRecord *user);
extern bool user_find_by_email(const char *email, UserRecord *user);

/* Whether a user is disabled now. */
extern bool user_is_disabled(const pg_uuid_t *user_id);

/* The user and session of the caller's identity; raises MISSING_API_KEY, FORBIDDEN if it is of no session. */
extern void user_require_session(pg_uuid_t *user_id, pg_uuid_t *session_id);

typedef struct NewUser
{
	const pg_uuid_t *user_id;
	const char *email;			/* in its normal form */
	const char *password_hash;	/* may be NULL, as the external_id and the account */
	bool		verified;
	bool		self_registered;
	const char *external_id;
	const pg_uuid_t *created_by_account_id;
} NewUser;

/* Blanks what is personal of a user and ends it all, without any check of the caller. Opens its own query. */
extern void user_erase(const UserRecord *user);

/* Inserts a user; false if the e-mail or external_id is there already. Between query_open() and query_close(). */
extern bool user_insert(const NewUser *user);

/*
 * Sets the hash of a password (NULL: leaves it), and the e-mail as verified if so told;
 * raises NOT_FOUND.  Between query_open() and query_close().
 */
extern void user_set_password(const pg_uuid_t *user_id, const char *hash, bool verified);

/*
 * Replaces a hash by a better one of the same password, unless it is not that one any more or
 * somebody is changing the user.  updated_at stays.  Between query_open() and query_close().
 */
extern void user_upgrade_hash(const pg_uuid_t *user_id, const char *old_hash, const char *new_hash);

/*
 * Ends the user's sessions and user tokens but one (may be NULL), also those that are
 * being begun at this moment.  Between query_open() and query_close().
 */
extern void user_end_sessions(const pg_uuid_t *user_id, const pg_uuid_t *kept);

/* ---------------------------------------------------------------------------
 * session.c: sessions
 */

/* Hooks the end of transactions into the session; called once by _PG_init(). */
extern void session_init(void);

/* ---------------------------------------------------------------------------
 * invitation.c: who is invited to which account
 */
typedef struct Invitation
{
	pg_uuid_t	invitation_id;
	pg_uuid_t	account_id;
	char	   *email;			/* in its normal form; NULL once that user is erased */
	pg_uuid_t	role_id;
	TimestampTz membership_ends_at; /* DT_NOEND never */
	bool		has_inviter;	/* the rest is about who sent it; nothing for an administrator */
	pg_uuid_t	invited_by;
	bool		has_inviting_account;
	pg_uuid_t	inviting_account_id;
	bool		has_inviting_key;
	pg_uuid_t	inviting_key_id;
} Invitation;

/* The invitation of a token as it is committed now, whether its account is suspended or not; false if it is not good. */
extern bool invitation_find(const char *token, size_t length, Invitation *invitation);

/*
 * Whether it is open now and its sender could send it now; takes an earlier end of what
 * the sender has into that of the membership.
 */
extern bool invitation_is_good(Invitation *invitation);

/*
 * Uses an invitation up for a new profile; it is looked at again when the transaction
 * commits.  The caller holds its LOCK_CLASS_INVITATION, and has found it good under that.
 */
extern void invitation_use(const Invitation *invitation, const pg_uuid_t *profile_id);

/* Revokes all open invitations of an account to an address; waits for acceptances that are being committed alone. */
extern void invitation_revoke_all(const pg_uuid_t *account_id, const char *email);

/* Hooks the end of transactions into the session; called once by _PG_init(). */
extern void invitation_init(void);

/* ---------------------------------------------------------------------------
 * principal.c: service accounts, and the end of profiles
 */

/*
 * Deletes a profile, without any check of the caller but for the last owner: its grants and
 * its membership go, its keys end, and its row stays as a tombstone.  The caller holds its
 * LOCK_CLASS_PROFILE, exclusive, and has found it under that.  reason is what its keys say.
 */
extern void principal_delete(const ProfileRecord *profile, const char *reason);

/* Whether account.service_account_name_pattern is a regular expression. */
extern bool principal_check_pattern(char **newval, void **extra, GucSource source);

/* ---------------------------------------------------------------------------
 * directory.c: finding, reading and changing accounts
 */

/* The fields of an account that callers set. */
typedef enum DirectoryField
{
	DIRECTORY_NAME,
	DIRECTORY_BRANDING,
	DIRECTORY_DESCRIPTION,
	DIRECTORY_DOMAIN,
	DIRECTORY_BILLING_EMAIL,
	DIRECTORY_EXTERNAL_ID,
	DIRECTORY_LABELS,
	DIRECTORY_WEBHOOK_URL,
	DIRECTORY_STRIPE_CUSTOMER_ID,
	DIRECTORY_FIELDS
} DirectoryField;

extern const ChangeField directory_fields[DIRECTORY_FIELDS];

/*
 * The 17 members of an account as a value of the composite type that the calling
 * function returns.  api_key is a text, or NULL; priced shows what the account
 * has agreed to pay; latest reads what is committed now or written by this
 * call, otherwise what the calling statement sees.  Raises NOT_FOUND.
 */
extern Datum directory_resource(FunctionCallInfo fcinfo, RowType *row_type, const pg_uuid_t *account_id,
								text *api_key, bool priced, bool latest);

/* In an UPDATE of accounts a: now, and later than whatever was read or built before. */
#define DIRECTORY_CONFIG_CHANGED \
	"last_updated_config_at = GREATEST(pg_catalog.now()," \
	" a.last_read_input_at OPERATOR(pg_catalog.+) '1 microsecond'::pg_catalog.interval," \
	" a.last_updated_output_at OPERATOR(pg_catalog.+) '1 microsecond'::pg_catalog.interval)"

/* Branding as it is stored: with the members that have a default. */
extern Datum directory_branding(Datum branding);

/* Raises BAD_REQUEST if an account at that depth (1 for a root) would be too deep. */
extern void directory_require_depth(int64 depth);

/*
 * Runs an UPDATE of accounts between query_open() and query_close().  Raises
 * CONFLICT if a sibling has the external_id.
 */
extern void directory_write(Statement *update, const Datum *values, const char *nulls);

/* In a query: since when an account, or one above it, takes no writes; NULL if it does. */
#define DIRECTORY_ARCHIVED_AT(account) \
	"(SELECT pg_catalog.min(h.created_at) FROM account.holds h" \
	" WHERE h.subject_id OPERATOR(pg_catalog.=) ANY (" account ".path)" \
	" AND h.kind OPERATOR(pg_catalog.=) ANY ('{a,p}'::pg_catalog.\"char\"[]))"

/*
 * An account, and if wanted all below it, as pg_uuid_t *, the highest first: as they are committed
 * now, or as the calling statement sees them.  Opens its own query.
 */
extern List *directory_subtree(const pg_uuid_t *account_id, bool descendants, bool latest);

/* In a query: any account as h and all below it as a; itself among them with >=. */
#define DIRECTORY_SUBTREE(comparison) \
	" FROM account.accounts h" \
	" JOIN account.accounts a ON a.path OPERATOR(pg_catalog." comparison ") h.path" \
	" AND a.path OPERATOR(pg_catalog.<)" \
	" (h.path OPERATOR(pg_catalog.||) " TREE_GREATEST_ID ")"

/* ---------------------------------------------------------------------------
 * lifecycle.c: making accounts
 */

/* Makes a root account with what every account has, but without a key. Between query_open() and query_close(). */
extern void lifecycle_create_root(const char *name, pg_uuid_t *account_id);

/* ---------------------------------------------------------------------------
 * signup.c: who wants to become a user
 */
typedef struct Registration
{
	pg_uuid_t	user_id;		/* of the user to be */
	char	   *email;
	char	   *password_hash;
	char	   *account_name;	/* NULL for no account */
} Registration;

/* The registration of an id, or the newest of an e-mail; false if there is none, or it has lapsed. Open their own query. */
extern bool signup_find(const pg_uuid_t *user_id, Registration *registration);
/* Whether an e-mail was registered more than once: then it is not known whose password is which. */
extern bool signup_is_contested(const char *email);
extern bool signup_find_by_email(const char *email, Registration *registration);

/*
 * Makes a user, and the account, of a registration, and drops all registrations of the
 * e-mail; false, and nothing is done, if the e-mail has a user already.  Opens its own query.
 */
extern bool signup_accept(const Registration *registration, bool verified);

/* ---------------------------------------------------------------------------
 * tally.c: how many rows of tables with a quota each account has
 */

/*
 * Adds to the number of an account and a table, waiting for nobody; InvalidOid: to the row of a holder.
 * The active snapshot says which rows are tried, so it should be new.
 */
extern void tally_add(const pg_uuid_t *account_id, const char *resource, Oid table, int64 change, bool prepared);

/* Deletes all numbers of a table. */
extern void tally_forget(Oid table);

/* What others have written and not committed, without what only deletes. */
extern int64 tally_in_flight(const pg_uuid_t *account_id, const char *resource, bool of_holder, bool prepared_only);

/* Whether a table is to be left out of a sum. */
typedef bool (*TallyFilter) (Oid table);

/* What is committed, or written by this transaction: of an account, or in the row of a holder. */
extern int64 tally_of_account(const pg_uuid_t *account_id, const char *resource, bool of_holder,
							  TallyFilter is_left_out);

/* The same of all that are billed to a holder. */
extern int64 tally_of_tree(const pg_uuid_t *holder, const char *resource);

/* ---------------------------------------------------------------------------
 * note.c: what a transaction adds to tables with a quota, until it commits
 */
typedef struct NoteKey
{
	Oid			table;
	pg_uuid_t	account_id;		/* all zero: the table itself */
} NoteKey;

/* What is noted, and put back if a subtransaction is undone. */
typedef struct NoteState
{
	const char *resource;
	int64		counted;		/* rows found there: not checked */
	int64		added;			/* less what was deleted */
	bool		emptied;		/* of a table: what is committed of it is void */
} NoteState;

typedef struct Note
{
	NoteKey		key;			/* hash key */
	NoteState	state;
	SubTransactionId saved_in;	/* in which it was last saved, or made */
} Note;

/* Notes that a row was added (1) or deleted (-1), by the value of a column. */
extern void note_row(Relation relation, HeapTuple tuple, AttrNumber column, const char *resource, int change);

/* Notes that nothing is left of what was counted of a table. */
extern void note_emptied(Oid table);

/* Takes back what was noted of accounts (pg_uuid_t *): no row of theirs is left, and nothing counts them any more. */
extern void note_forget_accounts(List *account_ids);

/* Notes the rows that are in a table now, which is locked against writing, in place of what was counted. */
extern void note_rows(Oid relation, AttrNumber column, const char *resource);

/* Whether there are notes, and how many; how many rows were ever added, also if that was undone. */
extern bool note_any(void);
extern int	note_count(void);
extern int64 note_added(void);

/* Whether a table is noted as emptied, any is, or there are notes of one. */
extern bool note_is_emptied(Oid table);
extern bool note_any_emptied(void);
extern bool note_has_table(Oid table);

/* Begins a scan of all notes (Note *), of which there are some. */
extern void note_begin(HASH_SEQ_STATUS *status);

/* To be called when all notes are written: there will be no more in this transaction. */
extern void note_written(void);

/* Hooks the end of subtransactions into the session; called once by _PG_init(). */
extern void note_init(void);

/* ---------------------------------------------------------------------------
 * bound.c: at most so much of a limit is used
 */

/* Tells all sessions what is added to a limit; to be called when it is written, and before the next is asked. */
extern void bound_grow(const LimitKey *key, int64 change);

/* Whether the limit is kept with a change, by what this session knows, which looks at no row. */
extern bool bound_suffices(const LimitKey *key, int64 limit, int64 change);

/*
 * Looks at what is used, with all that others are writing, and keeps that.  Of a tree it is PG_INT64_MAX
 * if its sum is not known in this epoch.
 */
extern int64 bound_look(const LimitKey *key, bool in_tree);

/*
 * What is used in the tree of a holder, or more, without what others are writing.  The sum is made
 * anew where change would go beyond the limit; to be called before the transaction has written anything.
 */
extern int64 bound_refresh(const LimitKey *key, int64 limit, int64 change);

/* Hooks into the shared memory while preloading; called once by _PG_init(). */
extern void bound_init(void);

/* ---------------------------------------------------------------------------
 * quota.c: limits on the rows of isolated tables
 */

/* Raises MAX_RESOURCES_REACHED if what was noted does not fit as far as is known now; takes no lock. */
extern void quota_look(void);

/* Hooks the end of transactions into the session; called once by _PG_init(), before the parts whose locks come first. */
extern void quota_init(void);

/* ---------------------------------------------------------------------------
 * script.c: SQL on users' tables, run as their owners
 */
typedef struct Script
{
	bool		dry_run;		/* only gather */
	bool		settle;			/* run what is deferred before the first statement */
	List	   *statements;		/* char *, in order */
	const pg_uuid_t *account_id;	/* whose rows they are about: it is the identity meanwhile; NULL for none */
	uint64		changed;		/* rows that the last statement has changed */
} Script;

/*
 * Calls work(argument) as a role, in a restricted operation with a pinned search_path.
 * The role is the owner of the tables that it touches; no row of theirs is hidden from it,
 * also not by FORCE, so what it runs says itself which rows are meant.  The account, unless
 * it is NULL, is the identity meanwhile, for defaults and triggers: with no permission, and
 * writable.  A role without level owner does not get it: its tables are none that were isolated
 * here.  work connects to SPI itself.
 */
extern void script_call(Oid role, const pg_uuid_t *account_id, void (*work) (void *argument), void *argument);

/* Runs what the caller has deferred, so that it does not run in the middle, as somebody else. */
extern void script_settle(void);

/*
 * Runs a statement as script_call() does, and adds it to the script; in a dry run it is
 * only added.  Names in it are quoted and qualified by the caller.
 */
extern void script_run(Script *script, Oid role, const char *format,...) pg_attribute_printf(3, 4);

/* Adds a line that is not run; gives the statements as the rows of a set-returning function. */
extern void script_note(Script *script, const char *line);
extern void script_return(const Script *script, FunctionCallInfo fcinfo);

/* Between the two, what the server writes of catalogs is qualified: the search_path is that of script_run(). */
extern int	script_pin_path(void);
extern void script_unpin_path(int nest_level);

/* Whether a statement of ours is being run now: event triggers stand back. */
extern bool script_is_running(void);

/* ---------------------------------------------------------------------------
 * policy.c: the policies of isolated and shared tables
 */
typedef enum Protection
{
	PROTECTION_NONE,
	PROTECTION_ISOLATED,		/* an account sees and writes its own rows */
	PROTECTION_SHARED			/* every account sees all rows, none writes */
} Protection;

/* A column that isolate() is given, and as it was found before anything was done to it. */
typedef struct ProtectedColumn
{
	const char *name;			/* NULL if none is of concern */
	const char *quoted;
	AttrNumber	attribute;		/* its number, 0 if it is not there yet */
	bool		not_null;
} ProtectedColumn;

/* A table of a user: what is wanted of it, and what was found before anything was done to it. */
typedef struct ProtectedTable
{
	Oid			relation;
	Oid			owner;
	char		kind;			/* pg_class.relkind */
	bool		partition;		/* its parent's indexes and foreign keys reach it */
	bool		row_security;
	bool		forced;
	const char *name;			/* qualified and quoted */
	ProtectedColumn account;	/* not of concern if shared */
	ProtectedColumn workspace;
	const char *read_permission;	/* that reading takes; NULL for none */
	const char *write_permission;
	const char *quota;			/* the resource that a row counts as; NULL for none */
	bool		has_default;	/* the account of the identity */
	bool		has_index;
	bool		has_foreign_key;
} ProtectedTable;

/* By what an isolated table confines its rows, as its policies say. */
typedef struct Isolation
{
	AttrNumber	account;		/* the column of the account */
	AttrNumber	workspace;		/* the column of the workspace; 0 for none */
	const char *read_permission;	/* NULL for none */
	const char *write_permission;
	const char *quota;			/* what a row counts as; policies do not say */
} Isolation;

/*
 * How a table is protected now, and by what it confines its rows.  Where it is not
 * isolated, that is what is left of policies of ours, all zero if there are none.
 */
extern Protection policy_protection(Oid relation, Isolation *isolation);

/* The same of what is wanted of a table, by columns that are there. */
extern Isolation policy_isolation(const ProtectedTable *table);

/*
 * Makes, mends and drops policies until the table has those of a protection and no
 * other of ours.  Raises CONFLICT if the owner has one of the same name.
 */
extern void policy_apply(Script *script, const ProtectedTable *table, Protection protection);

/* The number of policies that are not ours. */
extern int	policy_count_others(const ProtectedTable *table);

/* What is wrong with a policy that a table should have. */
typedef struct PolicyDrift
{
	const char *policy;
	bool		missing;		/* otherwise it is not as it was made */
	const char *fix;			/* the statements that mend it */
} PolicyDrift;

/*
 * The policies (PolicyDrift *) of a table that are not what they are wherever it is isolated
 * or shared: as far as what is left of them tells that it was.  Fills in what of the
 * table they tell; the caller knows its oid and name.
 */
extern List *policy_drift(ProtectedTable *table);

/* ---------------------------------------------------------------------------
 * column.c: the columns of the account and of the workspace
 */

/* Fill in what is known of a column; raise BAD_REQUEST if it cannot serve. The account's comes first. */
extern void column_inspect_account(ProtectedTable *table, const char *name);
extern void column_inspect_workspace(ProtectedTable *table, const char *name);

/*
 * Gives a table and its descendants (the table first) a filled column of the account,
 * its default, index and, if asked, foreign key, and a filled column of the workspace
 * if there is to be one.  existing_rows is the SQL expression that gives the
 * account of a row, or NULL.
 */
extern void column_apply(Script *script, List *tables, const char *existing_rows, bool foreign_key);

/*
 * Adds the column where it is missing, filled if existing_rows is a constant; raises unless
 * that is one expression, or NULL.  Returns whether there are rows left without an account.
 */
extern bool column_add(Script *script, List *tables, const char *existing_rows);

/* Turns the triggers of the owner off, and on again as they were: pass on what the first returns. */
extern List *column_triggers_off(Script *script, List *tables);
extern void column_triggers_on(Script *script, List *tables, List *restore);

/* Counts the rows, and returns the number of those without an account; raises if one has an account that does not exist. */
extern uint64 column_survey(List *tables, uint64 *rows);

/* ---------------------------------------------------------------------------
 * counting.c: the triggers that count rows
 */

/* The resource that rows of a table count as; NULL for none. Takes no lock on it. */
extern char *counting_quota(Oid relation);

/* Makes and mends the triggers of a table that is to have a quota, and counts its rows if that was due. */
extern void counting_apply(Script *script, const ProtectedTable *table);

/* Drops them: its rows are no longer counted. */
extern void counting_remove(Script *script, const ProtectedTable *table);

/* ---------------------------------------------------------------------------
 * protection.c: a table and all below it
 */
typedef struct ProtectionRequest
{
	Protection	protection;
	const char *existing_rows;	/* as for column_apply() */
	bool		foreign_key;
	const char *workspace_column;	/* this and the rest: NULL for what is there already */
	const char *read_permission;
	const char *write_permission;
	const char *quota;			/* the resource that a row counts as */
} ProtectionRequest;

/*
 * Locks a table and all below it until the end of the transaction and returns
 * ProtectedTable *, the table first.  column names the account's, NULL if none is of
 * concern.  Raises FORBIDDEN unless the current role owns all of them (if asked to
 * check), NOT_FOUND, or BAD_REQUEST if one is no table that can be protected.
 */
extern List *protection_open(Oid relation, const char *column, LOCKMODE lock, bool check_owner);

/* Protects them, mending what is missing; nothing is run where nothing is. */
extern void protection_apply(Script *script, List *tables, const ProtectionRequest *request);

/* Warns if row security does not bind the owner of a table, FORCE or not. */
extern void protection_warn_of_owner(const ProtectedTable *table);

/* Drops exactly what protection_apply() has put on the tables. */
extern void protection_remove(Script *script, List *tables);

/* The argument of the trigger that says that its permission may be held in a workspace alone. */
#define WORKSPACE_ARGUMENT "workspace"

/* The parents that a relation inherits from, as oids. */
extern List *protection_parents(Oid relation);

/*
 * Raises BAD_REQUEST if a relation has a parent that is neither in the list of oids
 * nor protected in the same way; if isolated, by columns and permissions that are not
 * those of the relation (of no concern otherwise).
 */
extern void protection_require_parents(Oid relation, List *tree, Protection protection,
									   const Isolation *isolation);

/* The qualified and quoted name. */
extern const char *protection_table_name(Oid relation);

/* ---------------------------------------------------------------------------
 * unique.c: unique keys and exclusion constraints, led by the account
 */
typedef struct UniqueKey
{
	const ProtectedTable *table;
	Oid			index;
	char		type;			/* as pg_constraint.contype; 'i' for an index alone */
	bool		stays;			/* a surrogate primary key: it gets a twin beside it */
	bool		marked;			/* it is what a replica knows rows by */
	const char *name;			/* quoted; that of the twin, if it stays */
	const char *beside;			/* for what is built before it takes that name */
	const char *target;			/* what ON CONFLICT names: "(a, b) WHERE c" */
	const char *prefix;			/* its definition, before and after where the account goes */
	const char *suffix;
	const char *built;			/* " USING ...": that of its index, with the account; NULL for an exclusion constraint */
	const char *deferred;		/* " DEFERRABLE ...", or "" */
} UniqueKey;

/*
 * The keys of tables, ProtectedTable, that do not have the account yet, and the primary keys
 * that lack a twin, as UniqueKey *.  Raises BAD_REQUEST for an exclusion constraint that cannot have it.
 */
extern List *unique_read(List *tables);

/* Puts the account into them, and tells which targets of ON CONFLICT change. */
extern void unique_apply(Script *script, List *keys);

/* A name, quoted, for what is built beside something of a name. */
extern const char *unique_beside(const char *name);

/* What a query takes of tables: their oids, and the names of their columns of the account. */
extern void unique_table_arrays(List *tables, Datum *values);

/* The definition of a key with the account; how its target changes, NULL if it does not. */
extern const char *unique_definition(const UniqueKey *key);
extern const char *unique_notice(const UniqueKey *key);

/* ---------------------------------------------------------------------------
 * reference.c: foreign keys between isolated tables, with the account on both sides
 */
typedef struct Reference
{
	const char *name;			/* quoted */
	const char *beside;			/* for what is built before it takes that name */
	Oid			child;			/* the table that references, and the one that is referenced */
	Oid			parent;
	Oid			child_owner;
	Oid			parent_owner;
	const char *child_name;		/* qualified and quoted */
	const char *parent_name;
	const char *child_account;	/* the columns of the account, quoted */
	const char *parent_account;
	const char *columns;		/* those of the key, quoted: "a, b" */
	const char *referenced;
	const char *join;			/* of c, the one, and p, the other */
	const char *clauses;		/* what follows in its definition */
	const char *nullable;		/* the columns that are to be NULL together or not at all; NULL for none */
	bool		filled;			/* no column of it is NULL */
	bool		update_lost;	/* it had an action ON UPDATE that would take the account away */
} Reference;

/*
 * The foreign keys at either end of tables, ProtectedTable, both ends of which are isolated or
 * among these, that do not have the account on both sides, as Reference *.
 */
extern List *reference_read(List *tables);

/*
 * Puts the account into the unique keys and the foreign keys of tables that have the column,
 * filled.  Without twins, a primary key gets its twin only if one of the foreign keys needs it.
 * Raises BAD_REQUEST where a row references one of another account.
 */
extern void reference_apply(Script *script, List *tables, bool twins);

/* The definition of a foreign key with the account, and what ALTER TABLE adds beside it: ", ADD CHECK ...", or "". */
extern const char *reference_definition(const Reference *reference);
extern const char *reference_check(const Reference *reference);

/* The statement that gives rows without an account that of the row that they reference. */
extern const char *reference_filling(const Reference *reference);

/* ---------------------------------------------------------------------------
 * birth.c: schemas in which every new table is isolated
 */
#define BIRTH_COLUMN "account_id"

/* Protects a schema from now on, if it is not yet; the caller holds a lock that keeps new tables out of it. */
extern void birth_protect(Oid schema);

/* Whether a table of this name is one in which a tool keeps its migrations. */
extern bool birth_is_bookkeeping(const char *name);

/* Hooks EXPLAIN into the session; called once by _PG_init(). */
extern void birth_init(void);

/* ---------------------------------------------------------------------------
 * draft.c: the script of a dry run of isolate_schema()
 */

/* A table with all below it, and what is wanted of it. */
typedef struct Unit
{
	List	   *tables;			/* ProtectedTable *, the topmost first */
	Protection	wanted;
	const char *expression;		/* that gives the account of a row, or NULL */
	uint64		rows;
	uint64		missing;		/* rows without an account */
	List	   *triggers;		/* as column_triggers_off() returns */
} Unit;

typedef struct Application
{
	Oid			schema;
	List	   *units;			/* Unit *, by oid */
	List	   *tables;			/* ProtectedTable *, all that are to be isolated */
	List	   *references;		/* Reference *, those that are to get the account, as they were found */
	List	   *left_alone;		/* char *, names of tables */
	const char *fallback;		/* the expression for rows that nothing else gives an account; NULL for none */
	const char *call;			/* the call that it is about, as SQL */
} Application;

/* Writes the script, as lines for psql. */
extern void draft_write(Script *script, const Application *application);

/* ---------------------------------------------------------------------------
 * fill.c: the account of every row of an application
 */

/* Adds the columns that are missing, and counts the rows that have no account. */
extern void fill_columns(Script *script, Application *application);

/* Gives them one; raises BAD_REQUEST if a row is left without, VALIDATION_FAILED for an account that does not exist. */
extern void fill_accounts(Script *script, Application *application);

/* ---------------------------------------------------------------------------
 * inventory.c: the isolated tables, in the order of their foreign keys
 */

/* A table in which rows lie: an isolated table, or a partition of one. */
typedef struct InventoryStore
{
	Oid			relation;
	Oid			owner;
	const char *name;			/* qualified and quoted */
} InventoryStore;

typedef struct InventoryTable
{
	Oid			relation;		/* the topmost one, if it has partitions */
	Oid			owner;			/* InvalidOid if it is not isolated itself */
	const char *name;			/* qualified and quoted */
	const char *account_column; /* as it is called */
	const char *workspace_column;	/* NULL if it has none */
	const char *account;		/* the account's column, quoted */
	List	   *stores;			/* InventoryStore * */
} InventoryTable;

/* A table, or tables that refer to one another: their rows come and go in one statement. */
typedef struct InventoryGroup
{
	List	   *tables;			/* InventoryTable * */
	bool		circular;
} InventoryGroup;

/* All isolated tables as InventoryGroup *: what others refer to comes before them. Opens its own query. */
extern List *inventory_read(void);

/* Raises CONFLICT if partitions are isolated and their table is not: what else is in it would be passed over. */
extern void inventory_require_whole(List *groups);

/* Runs a statement on a user's table, within script_call() and SPI. */
extern void inventory_execute(const char *statement, int nargs, Oid *types, Datum *values, bool read_only);

/* ---------------------------------------------------------------------------
 * removal.c: taking all rows of accounts out of the isolated tables
 */

/*
 * Deletes up to max rows (PG_INT64_MAX: all) of accounts (pg_uuid_t *), as the tables' owners, those that refer to
 * others first, and returns how many; fewer than max if none is left but what triggers keep.
 * Tables that refer to one another are emptied in one statement, however many rows that is.
 * last is set to the table that it came to, NULL if there was none.
 */
extern int64 removal_delete(List *groups, List *account_ids, int64 max, const char **last);

/* The first table that holds a row of one of the accounts; NULL if there is none. */
extern const char *removal_find_left(List *groups, List *account_ids);

/* ---------------------------------------------------------------------------
 * export.c: the rows of an account, for loading elsewhere
 */

/* Whether values of a type are exported as strings, in the form that the type itself gives them. */
extern bool export_is_text(Oid type);

/* ---------------------------------------------------------------------------
 * mapping.c: the columns of isolated tables, and which of them get new values
 */
typedef enum MappingKind
{
	MAPPING_KEEP,				/* the value that it has */
	MAPPING_UUID,				/* a uuid made of the old one */
	MAPPING_DRAWN				/* a number drawn from the sequence of origin */
} MappingKind;

/* A column into which rows are loaded: neither dropped nor generated. */
typedef struct MappedColumn
{
	const char *name;
	const char *quoted;
	Oid			type;
	const char *sequence;		/* that it draws its default from, qualified and quoted; NULL if none */
	MappingKind kind;
	struct MappedTable *table;
	struct MappedColumn *origin;	/* of a kind but MAPPING_KEEP: the key that it is or refers to */
	Datum		drawn;			/* for import.c: of an origin, a jsonb of new numbers by old ones; 0 if none yet */
} MappedColumn;

typedef struct MappedTable
{
	const InventoryTable *table;
	List	   *columns;		/* MappedColumn * */
} MappedTable;

/*
 * The columns of all tables of groups, as MappedTable * in their order.  With new_ids, keys that
 * are uuids or drawn from a sequence, and what refers to them, are mapped.  Opens its own query.
 */
extern List *mapping_read(List *groups, bool new_ids);

/* ---------------------------------------------------------------------------
 * confinement.c, exposure.c, privilege.c, drift.c, upkeep.c: what the doctor looks for
 */
typedef enum Severity
{
	SEVERITY_INFO,				/* worth knowing */
	SEVERITY_WARNING,			/* takes one more mistake, or tells more than it should */
	SEVERITY_ERROR				/* rows are open, or would be without notice */
} Severity;

/* Who runs the query of a check. */
typedef enum Examiner
{
	EXAMINER_CALLER,			/* catalogs that everybody reads */
	EXAMINER_OWNER,				/* elevated: our own tables, and what the server shows superusers alone */
	EXAMINER_ADMIN				/* elevated, and only for an administrator: it names what accounts have */
} Examiner;

/*
 * One thing to look for.  The query gives a row for each place where it is: the schemas
 * that it concerns (oid[], NULL if the whole database), the object, what was found, and
 * the SQL that mends it, which begins with SET LOCAL ROLE where that touches what users
 * own.  The query reads catalogs and our own tables, and may name the tables of doctor.c.
 */
typedef struct Check
{
	const char *id;				/* NULL after the last one of a list */
	Severity	severity;
	Examiner	examiner;
	const char *description;
	const char *query;
} Check;

extern const Check confinement_checks[];	/* of isolated tables, and of those that should be */
extern const Check exposure_checks[];	/* ways round row security */
extern const Check privilege_checks[];	/* roles and what they may become */
extern const Check drift_checks[];	/* our own objects */
extern const Check upkeep_checks[]; /* settings, keys, the server */

/* ---------------------------------------------------------------------------
 * burial.c: what we keep of accounts that are purged
 */

/* Deletes it and makes the accounts (pg_uuid_t *) tombstones; none of their rows is left elsewhere. Opens its own query. */
extern void burial_bury(List *account_ids);

/* ---------------------------------------------------------------------------
 * intake.c: what is to be loaded by import_account(), and into which accounts
 */
typedef struct Import
{
	const char *staging;		/* qualified and quoted */
	const pg_uuid_t *account_id;	/* that gets all rows; NULL: each names its own */
	bool		new_ids;
	const pg_uuid_t *workspace_id;	/* of rows whose workspace is not there; may be NULL */
	Datum		salt;			/* of the uuids of this import */
	List	   *tables;			/* MappedTable * */
	List	   *sources;		/* Source *, the accounts in the data */
} Import;

/* An account that rows are of. */
typedef struct Source
{
	char	   *named;			/* as the data has it */
	pg_uuid_t	account_id;		/* whose they become */
	Datum		workspaces;		/* uuid[]: those that it has */
} Source;

/* Raises unless a relation has the columns of export_account(); its name, qualified and quoted. */
extern const char *intake_table(Oid relation);

/*
 * Runs a query on the data, as the caller and in SPI, and returns the number of rows; %s in
 * it is the table.  A value of the result (from 0 and from 1) as a string, NULL if NULL.
 */
extern uint64 intake_ask(const Import *import, const char *query, int nargs, Oid *types, Datum *values);
extern char *intake_answer(uint64 row, int column);

/* The isolated table of a name, as the data has it; NULL if there is none. */
extern MappedTable *intake_find_table(const Import *import, const char *name);

/* Finds the accounts in the data; raises VALIDATION_FAILED for what is no row of an isolated table. In SPI. */
extern void intake_read_sources(Import *import);

/* Locks the account of a source against being purged or moved, and reads its workspaces. Raises NOT_FOUND, CONFLICT. */
extern void intake_take_place(Source *source);

/* Raises NOT_FOUND unless import->workspace_id, if there is one, is one of every account's. */
extern void intake_require_workspace(const Import *import);

/* ---------------------------------------------------------------------------
 * loading.c: writing rows that import_account() was given into isolated tables
 */

/* Loads the rows of a source into a table, some at a time; returns how many. In SPI, like those below. */
extern int64 loading_load_table(const Import *import, const Source *source, const MappedTable *table);

/* Loads the rows of a source into tables of one owner that refer to one another; adds to *counts those of each. */
extern void loading_load_together(const Import *import, const Source *source, List *tables, int64 *counts);

/*
 * Moves the sequences of a table past the numbers that were loaded into it.  Raises VALIDATION_FAILED where
 * that would leave other accounts next to nothing of one.
 */
extern void loading_pass_sequences(const Import *import, const MappedTable *table);

/* ---------------------------------------------------------------------------
 * detail.c: what the audit log says of a row that was changed
 */

/* A column that is told; personal ones as digests. */
typedef struct DetailColumn
{
	const char *name;			/* NULL behind the last */
	bool		personal;
} DetailColumn;

/* One row that was changed, and what is to be said of it. */
typedef struct Change
{
	TupleDesc	descriptor;
	HeapTuple	before;			/* NULL of an INSERT */
	HeapTuple	after;			/* NULL of a DELETE */
	const DetailColumn *columns;
	const char *action;			/* NULL: nothing */
	const char *object_type;
	bool		has_object;
	pg_uuid_t	object_id;
	bool		has_account;
	pg_uuid_t	account_id;
	bool		always;			/* also if no listed column has changed */
	StringInfoData more;		/* members of detail besides before and after */
} Change;

/* The value of a column in the row as it is or, once deleted, was. The first: false if NULL. */
extern bool detail_uuid(const Change *change, const char *name, pg_uuid_t *uuid);
extern char detail_char(const Change *change, const char *name);
extern int64 detail_int64(const Change *change, const char *name);

/* Whether a column is NULL in one version of the row. */
extern bool detail_is_null(const Change *change, HeapTuple tuple, const char *name);

/* Whether an update has changed a column. */
extern bool detail_has_changed(const Change *change, const char *name);

/* Adds a member, or a column if it is not NULL, to what is said besides before and after. */
extern void detail_say(Change *change, const char *name, Oid type, Datum value);
extern void detail_say_column(Change *change, const char *name);

/* Whether there is anything to tell: an update has changed a column that is told. */
extern bool detail_is_told(const Change *change);

/* All of it, as a JSON object. */
extern char *detail_describe(const Change *change);

/* ---------------------------------------------------------------------------
 * postgrest.c: who sends an HTTP request
 */

/*
 * Takes the credential out of the request and verifies it: then it is the caller's
 * identity, and the role is account.tenant_role if that is set.  False if there is none;
 * raises what authenticate() does, BAD_REQUEST and VALIDATION_FAILED.
 */
extern bool postgrest_enter(void);

/* Raises MISSING_API_KEY without an identity. */
extern void postgrest_require_credential(void);

/* Raises BAD_REQUEST in a request that another site could have its visitors send. */
extern void postgrest_require_own_site(void);

/* The value of Set-Cookie that keeps a session token, or ("") takes it away. */
extern char *postgrest_cookie(const char *token, TimestampTz expires_at);

/* ---------------------------------------------------------------------------
 * document.c: answers of the documents' own paths
 */

/* What a caller may give; the first four in a URI too. */
typedef enum DocumentType
{
	DOCUMENT_TEXT,
	DOCUMENT_ID,
	DOCUMENT_COUNT,
	DOCUMENT_BOOLEAN,
	DOCUMENT_OBJECT,
	DOCUMENT_TEXTS,				/* an array of strings */
	DOCUMENT_IDS
} DocumentType;

typedef struct DocumentMember
{
	const char *name;
	DocumentType type;
} DocumentMember;

/*
 * A kind of request.  Its statements run as the caller, with search_path pg_catalog; $1
 * is a jsonb object of all that was given, already of the types of members.  Declare it static.
 */
typedef struct Document
{
	const char *paths[2];		/* "/v1/accounts/{id}"; the second may be NULL */
	int			status;			/* where nothing fails; 204 has no body */
	bool		open;			/* takes no credential */
	bool		writes;
	bool		open_ended;		/* other members of the body are left to the function that it calls */
	bool		all;			/* all rows are the answer, and not the first */
	DocumentMember members[16];
	Statement	statement;
	Statement	then;			/* if not empty: its row is the answer, $1 and $2 are from that of the first */

	/*
	 * Of a list: statement has the oldest first, backwards the newest.  The first two
	 * columns are created_at and id, and no part of the answer; $2 and $3 are those of the row
	 * before the page, $4 is how many rows are wanted, $5 the account, $6 the time at which the
	 * list ends.  They read our tables themselves: $5 alone says what the caller may see.
	 */
	Statement	backwards;
	bool		id_is_account;	/* id, if given, names that account */
	const char *reads;			/* what it takes read: or manage: permission for; may be NULL */

	/* Instead of statements: appends the body and returns the status. */
	int			(*handle) (Datum parameters, StringInfo json);
} Document;

/* Answers a request: the argument is its body, the result that of the answer. Raises nothing of our own. */
extern Datum document_answer(FunctionCallInfo fcinfo, Document *document);

/* Appends a row (from 0) of the last query, as an object of its columns from first (from 0) on. */
extern void document_render(StringInfo json, uint64 row, int first);

/* Appends the body of an error, writes it to the server's log, and returns its status. */
extern int	document_refuse(ErrorCode code, const char *note, StringInfo json);

/* The text of a member of a jsonb object; NULL if there is none. */
extern char *document_member(Datum object, const char *name);

/* ---------------------------------------------------------------------------
 * pushdown.c: conditions that may be asked before a policy
 */

/* Has plans made again where account.push_quals has changed. */
extern void pushdown_assign(bool value, void *extra);

/* Hooks the planner; called once by _PG_init(). */
extern void pushdown_init(void);

#endif							/* ACCOUNT_H */
