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

#include "datatype/timestamp.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/relcache.h"
#include "utils/uuid.h"

/* ---------------------------------------------------------------------------
 * account.c: settings (superuser or file only; see _PG_init)
 */
extern char *setting_key_environment;	/* first word of new tokens */
extern char *setting_key_brand; /* second word of new tokens */
extern int	setting_max_depth;	/* levels below a root, itself included */
extern char *setting_pepper_file;	/* path, or "" */
extern bool setting_session_identity;
extern bool setting_exchange_identity;
extern bool setting_refuse_bypass;
extern int	setting_without_identity;	/* WithoutIdentity */

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
	Oid			holds;
} Catalog;

/*
 * The object ids of the installed extension, looked up once and again after any
 * of them has changed.  Raises if the extension is not installed in this
 * database, or with a hint to run ALTER EXTENSION UPDATE if the catalog is of
 * another version than the library.
 */
extern const Catalog *schema_catalog(void);

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
 * Raises an error of ours: the message for people, DETAIL the JSON object of the
 * contract with a new id, and a hint (may be NULL).  The statement is kept out
 * of the log, because it may carry a token.  The message must not repeat a
 * secret.
 */
pg_noreturn extern void error_raise(ErrorCode code, const char *hint, const char *format,...)
			pg_attribute_printf(3, 4);

/* The name of a code, as in DETAIL; static. */
extern const char *error_code_name(ErrorCode code);

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
 * Column (from 1) of a row (from 0) of the last result.  query_datum() copies
 * into the memory context that was current at query_open().
 */
extern Datum query_datum(const QueryScope *scope, uint64 row, int column, bool *isnull);
extern char *query_string(const QueryScope *scope, uint64 row, int column);	/* NULL if NULL */
extern bool query_uuid(uint64 row, int column, pg_uuid_t *uuid);	/* false if NULL */
extern bool query_bool(uint64 row, int column);	/* false if NULL */
extern int64 query_int64(uint64 row, int column);	/* 0 if NULL */

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
	bool		json;			/* a JSON object; otherwise a text */
	bool		nullable;		/* null clears it */
	ChangeRank	least;			/* who may set it */
	bool		(*is_valid) (Datum value);	/* NULL: anything of the type */
	const char *rule;			/* what is_valid() asks for: "must be ..." */
} ChangeField;

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

/* ---------------------------------------------------------------------------
 * access.c: the levels that roles are granted
 */

/* Whether a role has level admin or is a superuser. */
extern bool access_has_admin(Oid role);

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
	TOKEN_SESSION = 's'
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

/* SHA-256 of a secret (at most TOKEN_MAX_LENGTH bytes) for another use than tokens. */
extern void token_digest_secret(const char *secret, size_t length, uint8 *digest);

/* Equality in a time that depends on the length alone. */
extern bool token_equal(const void *left, const void *right, size_t length);

/* 63 random bits, for the entry numbers of rows that are only ever inserted. */
extern int64 token_random_entry(void);

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
#define LOCK_CLASS_ISSUE 0xAC04 /* what a key issues */

/* Takes the lock of a class on an id, until the end of the transaction. */
extern void tree_lock_id(const pg_uuid_t *id, uint16 class, LOCKMODE mode);

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
	HOLD_DISABLE = 'd'			/* of a profile: its credentials do not work */
} HoldKind;

/* Effective holds, or-ed. */
#define HOLD_IS_ARCHIVED 0x01
#define HOLD_IS_SUSPENDED 0x02
#define HOLD_IS_DISABLED 0x04

/* The holds on an account, its ancestors included. path may be NULL: it is looked up if needed. */
extern int	hold_of_account(const pg_uuid_t *account_id, const TreePath *path);

/* The holds on a profile itself. */
extern int	hold_of_profile(const pg_uuid_t *profile_id);

/* Raises ARCHIVED or ACCOUNT_SUSPENDED if the account (or one above) is held. */
extern void hold_require_writable(const pg_uuid_t *account_id, const TreePath *path);

/* Hooks the invalidation of the cache into the session; called once by _PG_init(). */
extern void hold_init(void);

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
	bool		ending;			/* replaced, in its overlap: creates and manages nothing */
	int			holds;			/* on its account */
	TimestampTz expires_at;		/* DT_NOEND if never; the earliest of all endings */
	ArrayType  *permissions;	/* text[] */
	ArrayType  *workspace_ids;	/* uuid[] */
	ArrayType  *allowed_ips;	/* cidr[], NULL = any */
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
	bool		has_account;
	pg_uuid_t	account_id;
	ArrayType  *allowed_ips;	/* cidr[], NULL = any */
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

/* Raises the error that a state stands for; returns if it is good. */
extern void credential_require(CredentialState state);

/* The code that a state stands for; ERROR_CODES if it is good. */
extern ErrorCode credential_error(CredentialState state);

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
	TimestampTz expires_at;
	int			npermissions;
	const char *permissions;	/* NUL-terminated strings, one after the other */
	int			nworkspaces;
	const pg_uuid_t *workspaces;
} Identity;

typedef enum ContextScope
{
	CONTEXT_TRANSACTION = 't',
	CONTEXT_SESSION = 's'
} ContextScope;

/* An identity with the stamps that say where and how long it counts. */
typedef struct Context
{
	ContextScope scope;
	int			pid;
	LocalTransactionId lxid;
	uint64		generation;
	bool		portable;		/* its value says all: parallel workers can be given it */
	size_t		size;			/* of data */
	Identity	identity;		/* points into data: workspaces, then permissions */
	char		data[FLEXIBLE_ARRAY_MEMBER];
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

/*
 * An account.identity, as the result of a call; elog()s if identity is NULL.
 * permissions and workspace_ids are its arrays where the caller has them, or NULL.
 */
extern Datum identity_datum(FunctionCallInfo fcinfo, const Identity *identity,
							ArrayType *permissions, ArrayType *workspace_ids);

/* The permissions of an identity as a text[]. */
extern ArrayType *identity_permissions(const Identity *identity);

/* Installs hooks; called once by _PG_init(). */
extern void identity_init(void);

/* ---------------------------------------------------------------------------
 * caller.c: what is asked of an identity
 */

/* Whether the identity holds a permission (verb:resource, wildcards in what is held). */
extern bool caller_permits(const Identity *identity, const char *permission);

/* Whether the caller acts as an administrator: level admin or superuser, no identity had or tried. */
extern bool caller_is_admin(void);

/* Raises FORBIDDEN unless caller_is_admin(). */
extern void caller_require_admin(const char *action);

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
 * Whether a hold set by an account (NULL: by an administrator) may be lifted by the
 * caller; as_admin is what caller_target() has found.
 */
extern bool caller_outranks(const pg_uuid_t *set_by, bool as_admin);

/* ---------------------------------------------------------------------------
 * plan.c: billing plans
 */

/*
 * Raises MAX_RESOURCES_REACHED if one more `resource` in this account would pass
 * a limit of its effective plan.  Locks the limit (tree_lock_limit) if there is one,
 * so the caller must hold its tree lock already.
 */
extern void plan_require_room(const char *resource, const pg_uuid_t *account_id);

/* ---------------------------------------------------------------------------
 * profile.c: principals of an account
 */

/* Inserts the system service account of a new account; permissions are all. */
extern void profile_create_system(const pg_uuid_t *account_id, pg_uuid_t *profile_id);

/* ---------------------------------------------------------------------------
 * key.c: API keys
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
} KeyGrant;

/* Hooks the end of transactions into the session; called once by _PG_init(). */
extern void key_init(void);

/*
 * Inserts a key without any check of the caller and returns its token once; the
 * caller wipes it.  Must be called between query_open() and query_close().
 */
extern void key_insert(const pg_uuid_t *account_id, const pg_uuid_t *profile_id,
					   const KeyGrant *grant, pg_uuid_t *api_key_id, Token *token);

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

/* Branding as it is stored: with the members that have a default. */
extern Datum directory_branding(Datum branding);

/* Raises BAD_REQUEST if an account at that depth (1 for a root) would be too deep. */
extern void directory_require_depth(int64 depth);

/*
 * Runs an UPDATE of accounts between query_open() and query_close().  Raises
 * CONFLICT if a sibling has the external_id.
 */
extern void directory_write(Statement *update, const Datum *values, const char *nulls);

/* In a query: any account as h and all below it as a; itself among them with >=. */
#define DIRECTORY_SUBTREE(comparison) \
	" FROM account.accounts h" \
	" JOIN account.accounts a ON a.path OPERATOR(pg_catalog." comparison ") h.path" \
	" AND a.path OPERATOR(pg_catalog.<)" \
	" (h.path OPERATOR(pg_catalog.||) " TREE_GREATEST_ID ")"

/* ---------------------------------------------------------------------------
 * script.c: SQL on users' tables, run as their owners
 */
typedef struct Script
{
	bool		dry_run;		/* only gather */
	bool		settle;			/* run what is deferred before the first statement */
	List	   *statements;		/* char *, in order */
} Script;

/*
 * Runs a statement as a role, in a restricted operation with a pinned
 * search_path, and adds it to the script; in a dry run it is only added.  The role
 * is the owner of the table that the statement touches.  Names in it are quoted
 * and qualified by the caller.
 */
extern void script_run(Script *script, Oid role, const char *format,...) pg_attribute_printf(3, 4);

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

/* A table of a user, as it was found before anything was done to it. */
typedef struct ProtectedTable
{
	Oid			relation;
	Oid			owner;
	char		kind;			/* pg_class.relkind */
	bool		partition;		/* its parent's indexes and foreign keys reach it */
	bool		row_security;
	bool		forced;
	const char *name;			/* qualified and quoted */
	const char *column_name;	/* of the account; NULL if shared */
	const char *column;			/* the same, quoted */
	AttrNumber	attribute;		/* its number, 0 if it is not there yet */
	bool		not_null;
	bool		has_default;	/* the account of the identity */
	bool		has_index;
	bool		has_foreign_key;
} ProtectedTable;

/* How a table is protected now, and its account's column (0 unless it is isolated). */
extern Protection policy_protection(Oid relation, AttrNumber *column);

/*
 * Makes, mends and drops policies until the table has those of a protection and no
 * other of ours.  Raises CONFLICT if the owner has one of the same name.
 */
extern void policy_apply(Script *script, const ProtectedTable *table, Protection protection);

/* The number of policies that are not ours. */
extern int	policy_count_others(const ProtectedTable *table);

/* ---------------------------------------------------------------------------
 * column.c: the column of the account
 */

/* Fills in what is known of the column; raises BAD_REQUEST if it cannot serve. */
extern void column_inspect(ProtectedTable *table, const char *name);

/*
 * Gives a table and its descendants (the table first) a filled column, its default,
 * index and, if asked, foreign key.  existing_rows is the SQL expression
 * that gives the account of a row, or NULL.
 */
extern void column_apply(Script *script, List *tables, const char *existing_rows, bool foreign_key);

/* ---------------------------------------------------------------------------
 * protection.c: a table and all below it
 */
typedef struct ProtectionRequest
{
	Protection	protection;
	const char *existing_rows;	/* as for column_apply() */
	bool		foreign_key;
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

/* Drops exactly what protection_apply() has put on the tables. */
extern void protection_remove(Script *script, List *tables);

/* The parents that a relation inherits from, as oids. */
extern List *protection_parents(Oid relation);

/*
 * Raises BAD_REQUEST if a relation has a parent that is neither in the list of oids
 * nor protected in the same way.
 */
extern void protection_require_parents(Oid relation, List *tree, Protection protection);

/* The qualified and quoted name. */
extern const char *protection_table_name(Oid relation);

#endif							/* ACCOUNT_H */
