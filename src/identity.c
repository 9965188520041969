/*
 * identity.c
 *	  Who is calling: how an identity is had, kept, lost and read.
 *
 * An identity is carried by the setting account.context (context.c).  What a
 * setting does not give is kept in statics of the backend:
 *
 *	- mark: that this top-level transaction has had or tried an identity, and which.
 *	  Nothing but the end of the transaction lifts it.
 *	- the generation up to which contexts are void.
 *	- A context of transaction scope counts only in the transaction that set it:
 *	  it names its backend and local transaction id.
 *
 * States of a transaction: N none; A the identity of token a; S a session
 * identity a, not used yet in this transaction (its first use makes it A); X had
 * a, gone now.
 *
 *	call						N		A			S			X
 *	authenticate(a)				A		A			A			A (new generation)
 *	authenticate(other)			other	CONFLICT	other, S is	CONFLICT
 *													void
 *	authenticate(wrong)			N, tried CONFLICT	N, S is	CONFLICT
 *													void
 *	authenticate(a), revoked	N, tried X, void	N, void		X
 *	authenticate(a, an account	N, tried X, void	N, void		X
 *	that is not a's)
 *	deauthenticate()			N		X, void		N, S is void X
 *	RESET, SET ''				N		X			N			X
 *	ROLLBACK TO before A		N		X			S			X
 *	authenticate(a), too many	N, tried -			N, S is	-
 *	requests										void
 *	refused for circumstances	N		A			S			X
 *	COMMIT, ROLLBACK			N		N			S			N, or S if it was
 *															not voided
 *	DISCARD ALL					N		(not in a	N			(not in a
 *									transaction)			transaction)
 *
 * In parallel workers nothing is looked up: the leader settles a session identity
 * into one of transaction scope, and a void one into none, before a plan that
 * needs parallel mode runs.
 */
#include "account.h"

#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "tcop/pquery.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/syscache.h"

/* What tells one identity from another within a transaction. */
typedef struct Which
{
	uint8		digest[TOKEN_DIGEST_LENGTH];
	bool		has_account;
	pg_uuid_t	account_id;
	bool		has_user;
	pg_uuid_t	user_id;
} Which;

/* What a credential proves, once its account is settled. */
typedef struct Proven
{
	bool		has_account;
	pg_uuid_t	account_id;
	bool		has_user;
	pg_uuid_t	user_id;
	int			holds;			/* on the account */
	const Rights *rights;
} Proven;

/* What a transaction has had or tried. */
typedef struct Mark
{
	LocalTransactionId lxid;
	bool		had;
	Which		which;			/* if had */
} Mark;

/* The credential of the session identity, looked up again in each transaction. */
typedef struct SessionCredential
{
	uint64		generation;		/* of its context; 0 if there is none */
	Which		which;
	TokenKind	kind;
	uint8		digest[TOKEN_DIGEST_LENGTH];	/* as stored */
	LocalTransactionId lxid;	/* of the transaction it was looked up in */
	uint64		looked_up;		/* generation that was looked up */
	Context    *context;		/* NULL if it was not good */
} SessionCredential;

IdentityAdmission identity_admission = NULL;

static IdentityObserver *observers = NULL;
static Mark mark;
static const Identity *assumed = NULL;	/* what work of ours is done as, whatever the context says */
static SessionCredential session;
static MemoryContext session_context = NULL;

/* Whether row security does not bind a role, remembered until roles change. */
static Oid	bypass_role = InvalidOid;
static const char *bypass_reason = NULL;
static uint64 bypass_changes = 0;	/* so that none is lost that comes while it is being found */

static int	executor_depth = 0;
static int	utility_depth = 0;
static ExecutorRun_hook_type previous_ExecutorRun = NULL;
static ProcessUtility_hook_type previous_ProcessUtility = NULL;

PG_FUNCTION_INFO_V1(account_identity_authenticate);
PG_FUNCTION_INFO_V1(account_identity_authenticate_session);
PG_FUNCTION_INFO_V1(account_identity_act_as);
PG_FUNCTION_INFO_V1(account_identity_deauthenticate);

static bool
mark_is_current(void)
{
	return mark.lxid == proc_lxid(MyProc) && mark.lxid != InvalidLocalTransactionId;
}

static void
mark_tried(void)
{
	if (!mark_is_current())
	{
		memset(&mark, 0, sizeof(mark));
		mark.lxid = proc_lxid(MyProc);
	}
}

static void
mark_had(const Which *which)
{
	mark_tried();
	mark.had = true;
	mark.which = *which;
}

static bool
same_which(const Which *left, const Which *right)
{
	return token_equal(left->digest, right->digest, TOKEN_DIGEST_LENGTH) &&
		left->has_account == right->has_account &&
		(!left->has_account || memcmp(&left->account_id, &right->account_id, UUID_LEN) == 0) &&
		left->has_user == right->has_user &&
		(!left->has_user || memcmp(&left->user_id, &right->user_id, UUID_LEN) == 0);
}

void
identity_observe(IdentityObserver *observer)
{
	observer->next = observers;
	observers = observer;
}

/* Tells that an identity is that of this transaction, once in it. */
static void
tell_had(const Identity *identity)
{
	for (IdentityObserver *observer = observers; observer != NULL && identity != NULL; observer = observer->next)
	{
		if (observer->had != NULL)
			observer->had(identity);
	}
}

/* Tells which credential is about to be refused, and for which account (may be NULL). */
static void
tell_refused(const Credential *credential, const pg_uuid_t *account_id)
{
	for (IdentityObserver *observer = observers; observer != NULL; observer = observer->next)
	{
		if (observer->refused != NULL)
			observer->refused(credential, account_id);
	}
}

/* ---------------------------------------------------------------------------
 * Reading the identity
 */

/* A context of what a credential proves, with rights that outlive it, stamped for this transaction. */
static Context *
make_context(const Credential *credential, const Proven *proven, ContextScope scope)
{
	Context    *context = palloc0(sizeof(Context));
	Identity   *identity = &context->identity;

	context->scope = scope;
	context->pid = MyProcPid;
	context->lxid = proc_lxid(MyProc);
	identity->expires_at = credential->expires_at;
	identity->ending = credential->ending;
	identity->has_account = proven->has_account;
	identity->account_id = proven->account_id;
	identity->writable = proven->has_account && (proven->holds & HOLD_IS_ARCHIVED) == 0;
	identity->has_profile = proven->rights->has_profile;
	identity->profile_id = proven->rights->profile_id;
	identity->has_user = proven->has_user;
	identity->user_id = proven->user_id;
	if (credential->kind == TOKEN_SESSION)
	{
		identity->has_session = true;
		identity->session_id = credential->credential_id;
	}
	else
	{
		identity->has_key = true;
		identity->api_key_id = credential->credential_id;
	}
	identity->rights = proven->rights;
	/* A session ends long before what its user may set up. */
	identity->issues_until = credential->kind == TOKEN_SESSION ? proven->rights->expires_at :
		Min(credential->expires_at, proven->rights->expires_at);
	return context;
}

/* The rights of a key: those of its profile, cut to its own. */
static const Rights *
rights_of_key(const Credential *credential)
{
	return right_of_key(&credential->profile_id, &credential->account_id, credential->permissions,
						credential->workspaces, credential->nworkspaces);
}

/* Nobody's rights. */
static const Rights *
no_rights(void)
{
	return right_of_list(construct_empty_array(TEXTOID), NULL);
}

/*
 * What a key proves: its account.  account_id, if not NULL, has to be that account.
 */
static ErrorCode
prove_key(const Credential *credential, const pg_uuid_t *account_id, Proven *proven)
{
	if (account_id != NULL && memcmp(account_id, &credential->account_id, UUID_LEN) != 0)
		return ERROR_NOT_FOUND;
	proven->has_account = true;
	proven->account_id = credential->account_id;
	proven->holds = credential->holds;
	proven->rights = rights_of_key(credential);
	return right_is_live(proven->rights) ? ERROR_CODES : ERROR_INVALID_AUTHORIZATION;
}

/* What a user has in an account: NOT_FOUND if it is no member, ACCOUNT_SUSPENDED. */
static ErrorCode
prove_member(const pg_uuid_t *user_id, const pg_uuid_t *account_id, Proven *proven)
{
	proven->rights = right_copy(right_of_user(user_id, account_id));
	if (proven->rights == NULL)
		return ERROR_NOT_FOUND;
	proven->has_account = true;
	proven->account_id = *account_id;
	proven->has_user = true;
	proven->user_id = *user_id;
	proven->holds = hold_of_account(account_id, NULL);
	return (proven->holds & HOLD_IS_SUSPENDED) != 0 ? ERROR_ACCOUNT_SUSPENDED : ERROR_CODES;
}

/*
 * What a session proves: its user in the account named, or in the only one that it is a
 * member of.  With none, or several and none named, the user alone.
 */
static ErrorCode
prove_session(const Credential *credential, const pg_uuid_t *account_id, Proven *proven)
{
	List	   *memberships;

	if (account_id != NULL)
		return prove_member(&credential->user_id, account_id, proven);
	memberships = right_memberships(&credential->user_id);
	if (list_length(memberships) == 1)
	{
		pg_uuid_t	only = ((Membership *) linitial(memberships))->account_id;

		return prove_member(&credential->user_id, &only, proven);
	}
	proven->has_user = true;
	proven->user_id = credential->user_id;
	proven->rights = no_rights();
	return ERROR_CODES;
}

/* What a credential proves by itself. */
static ErrorCode
prove(const Credential *credential, const pg_uuid_t *account_id, Proven *proven)
{
	memset(proven, 0, sizeof(*proven));
	return credential->kind == TOKEN_SESSION ? prove_session(credential, account_id, proven) :
		prove_key(credential, account_id, proven);
}

/* Looks a credential up, and whether it was left idle for too long. */
static CredentialState
look_up(uint8 (*digests)[TOKEN_DIGEST_LENGTH], int count, TokenKind kind, Credential *credential)
{
	CredentialState state = credential_verify_digests(digests, count, kind, credential);

	if (state == CREDENTIAL_GOOD && kind == TOKEN_SESSION && use_is_idle(credential))
		return CREDENTIAL_EXPIRED;
	return state;
}

/* Looks the session identity up for this transaction; NULL if it is not good (any more). */
static const Identity *
look_up_session(const Context *context)
{
	Credential	credential;
	Proven		proven;

	if (context->generation != session.generation || !setting_session_identity ||
		!IsTransactionState() || IsInParallelMode())
		return NULL;
	if (session.lxid != proc_lxid(MyProc) || session.looked_up != context->generation)
	{
		MemoryContext old;

		MemoryContextReset(session_context);
		session.context = NULL;
		session.lxid = proc_lxid(MyProc);
		session.looked_up = context->generation;
		mark_had(&session.which);
		old = MemoryContextSwitchTo(session_context);
		if (look_up(&session.digest, 1, session.kind, &credential) == CREDENTIAL_GOOD &&
			prove(&credential, session.which.has_account ? &session.which.account_id : NULL,
				  &proven) == ERROR_CODES)
		{
			session.context = make_context(&credential, &proven, CONTEXT_SESSION);
			use_note(&credential.credential_id);
		}
		MemoryContextSwitchTo(old);
		tell_had(session.context != NULL ? &session.context->identity : NULL);
	}
	return session.context != NULL ? &session.context->identity : NULL;
}

/* In a worker, what the leader had counts while the leader is in that transaction. */
static bool
leader_counts(const Context *context)
{
	PGPROC	   *leader = MyProc->lockGroupLeader;

	return leader != NULL && context->scope == CONTEXT_TRANSACTION &&
		leader->pid == context->pid && proc_lxid(leader) == context->lxid;
}

const Identity *
identity_assume(const Identity *identity)
{
	const Identity *before = assumed;

	assumed = identity;
	context_epoch++;
	return before;
}

const Identity *
identity_current(void)
{
	const Context *context = context_current;

	if (assumed != NULL)
		return assumed;
	if (context == NULL)
		return NULL;
	if (IsParallelWorker())
		return leader_counts(context) ? &context->identity : NULL;
	if (context_is_void(context))
		return NULL;
	if (context->scope == CONTEXT_SESSION)
		return look_up_session(context);
	if (context->lxid == proc_lxid(MyProc) && context->pid == MyProcPid)
		return &context->identity;
	return NULL;
}

bool
identity_attempted(void)
{
	return identity_current() != NULL || mark_is_current();
}

/* ---------------------------------------------------------------------------
 * Having and losing an identity
 */

/* Refuses to change the identity where that would be unsafe. Leaves everything as it is. */
static void
check_circumstances(void)
{
	const char *where = NULL;

	if (IsInParallelMode())
		where = "during a parallel operation";
	else if (InSecurityRestrictedOperation())
		where = "within a security-restricted operation";
	else if (InLocalUserIdChange())
		where = "in a function that runs as another user";
	else if (utility_depth > 0)
		where = "within another command";
	else if (DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, (Datum) 0)) > 0)
		where = "in a trigger";
	else if (ActivePortal != NULL && (ActivePortal->cursorOptions & CURSOR_OPT_HOLD) != 0)
		where = "in a cursor that is held beyond the transaction";
	if (where != NULL)
		error_raise(ERROR_BAD_REQUEST, NULL, "cannot authenticate %s", where);
	if (!ThereAreNoReadyPortals())
		error_raise(ERROR_BAD_REQUEST, "Authenticate first, or close the cursor.",
					"cannot authenticate while a cursor is open");
}

/* Why row security does not bind the current role, NULL if it does. */
static const char *
find_bypass(Oid role)
{
	static Statement owns = {
		"SELECT EXISTS (SELECT FROM pg_catalog.pg_depend d"
		" JOIN pg_catalog.pg_policy p ON p.oid OPERATOR(pg_catalog.=) d.objid"
		" JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) p.polrelid"
		" WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_policy'::pg_catalog.regclass"
		" AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass"
		" AND d.refobjid OPERATOR(pg_catalog.=) 'account.policy_writable_account_id()'::pg_catalog.regprocedure"
		" AND NOT c.relforcerowsecurity"
		" AND pg_catalog.pg_has_role($1, c.relowner, 'USAGE'))",
		1, {OIDOID}
	};
	Datum		values[1] = {ObjectIdGetDatum(role)};
	QueryScope	scope;
	bool		owner;

	if (superuser_arg(role))
		return "it is a superuser";
	if (has_bypassrls_privilege(role))
		return "it has BYPASSRLS";
	if (access_has_admin(role))
		return "it has level admin";
	query_open(&scope);
	query_latest(&owns, values, NULL);
	owner = query_bool(0, 1);
	query_close(&scope);
	return owner ? "it owns an isolated table that does not force row security" : NULL;
}

static void
forget_bypass(Datum argument, int cache, uint32 hash)
{
	bypass_changes++;
	bypass_role = InvalidOid;
}

/* A table's owner, its policies or FORCE may have changed. */
static void
forget_bypass_of_tables(Datum argument, Oid relation)
{
	bypass_changes++;
	bypass_role = InvalidOid;
}

/* Warns, once for each role in a session, or refuses where row security does not bind the caller. */
static void
check_bypass(void)
{
	static Oid	warned_role = InvalidOid;
	static const char *warned_reason = NULL;
	Oid			role = GetUserId();

	if (role != bypass_role)
	{
		uint64		before = bypass_changes;

		bypass_reason = find_bypass(role);
		bypass_role = before == bypass_changes ? role : InvalidOid;
	}
	if (bypass_reason == NULL)
		return;
	if (setting_refuse_bypass)
		error_raise(ERROR_FORBIDDEN, "Use a role that owns nothing and has level tenant.",
					"role \"%s\" may not authenticate: %s", GetUserNameFromId(role, false), bypass_reason);
	if (role == warned_role && bypass_reason == warned_reason)
		return;
	warned_role = role;
	warned_reason = bypass_reason;
	ereport(WARNING,
			(errmsg("role \"%s\" sees more than its account: %s",
					GetUserNameFromId(role, false), bypass_reason),
			 errhint("Use a role that owns nothing and has level tenant."),
			 errhidestmt(true)));
}

/* authenticate() alone in a statement outside a transaction block is of no use. */
static void
warn_outside_block(void)
{
	if (IsTransactionBlock() || executor_depth != 1 || ActivePortal == NULL ||
		ActivePortal->commandTag == CMDTAG_CALL || ActivePortal->commandTag == CMDTAG_DO)
		return;
	ereport(WARNING,
			(errmsg("the identity ends with this statement"),
			 errhint("Begin a transaction first."),
			 errhidestmt(true)));
}

/* Refuses a second identity; which is NULL for what is no token at all. */
static void
check_second(const Which *which)
{
	if (mark_is_current() && mark.had && !setting_exchange_identity &&
		(which == NULL || !same_which(which, &mark.which)))
		error_raise(ERROR_CONFLICT, "Begin another transaction.",
					"this transaction has an identity already");
}

/* A failed attempt leaves nobody.  The credential is what was found of it, if anything. */
static void
fail_attempt(CredentialState state, TokenKind kind, const Credential *credential)
{
	mark_tried();
	context_void_all();
	if (credential->kind != 0)
		tell_refused(credential, credential->has_account ? &credential->account_id : NULL);
	credential_require(state, kind);
}

/* Makes an identity the one of this transaction. */
static const Identity *
enter(Context *context, const Which *which)
{
	bool		same_session = session.generation != 0 && same_which(&session.which, which);
	bool		again = mark_is_current() && mark.had && same_which(&mark.which, which);

	if (again && context_current != NULL && context_current->scope == CONTEXT_TRANSACTION)
	{
		const Identity *kept = identity_current();

		if (kept != NULL)
			return kept;
	}
	if (!same_session)
		context_void_all();
	mark_had(which);
	context_set(context);
	if (!again)
		tell_had(identity_current());
	return identity_current();
}

/* Makes an identity the one of this session. */
static const Identity *
enter_session(Context *context, const Credential *credential, const Which *which)
{
	context_void_all();
	mark_had(which);
	if (session_context == NULL)
		session_context = AllocSetContextCreate(TopMemoryContext, "account session identity",
												ALLOCSET_SMALL_SIZES);
	memset(&session, 0, sizeof(session));
	context_set(context);
	session.generation = context->generation;
	session.which = *which;
	session.kind = credential->kind;
	memcpy(session.digest, credential->digest, TOKEN_DIGEST_LENGTH);
	return identity_current();
}

/*
 * Verifies a token for an identity of its own or of the account named, and says
 * which it is.  Raises if it is not good.
 */
static void
verify(const char *token, size_t length, bool application, Which *which, Credential *credential)
{
	uint8		digests[TOKEN_MAX_DIGESTS][TOKEN_DIGEST_LENGTH];
	int			ndigests = 0;
	int			parsed = length > 0 ? token_parse(token, length) : 0;
	CredentialState state;

	memset(credential, 0, sizeof(*credential));
	if (parsed != 0)
	{
		ndigests = token_digests(token, length, digests);
		memcpy(which->digest, digests[0], TOKEN_DIGEST_LENGTH);
	}
	/* A key has one account, whether it is named or not. */
	if (parsed == TOKEN_KEY)
		which->has_account = false;
	check_second(parsed != 0 ? which : NULL);
	if (parsed == 0)
		state = length == 0 ? CREDENTIAL_MISSING : CREDENTIAL_MALFORMED;
	else if (application ? parsed != TOKEN_APPLICATION : parsed != TOKEN_KEY && parsed != TOKEN_SESSION)
		state = CREDENTIAL_UNKNOWN;
	else
		state = look_up(digests, ndigests, (TokenKind) parsed, credential);
	if (state != CREDENTIAL_GOOD)
		fail_attempt(state, (TokenKind) parsed, credential);
}

ArrayType *
identity_permissions(const Identity *identity)
{
	const Rights *rights = identity->rights;
	const char *permission = RIGHTS_AT(rights, rights->permissions, char);
	Datum	   *values;

	if (rights->ndenied > 0)
		return permission_array(right_permissions(rights));
	values = palloc(sizeof(Datum) * Max(rights->npermissions, 1));
	for (int i = 0; i < rights->npermissions; i++)
	{
		values[i] = CStringGetTextDatum(permission);
		permission += strlen(permission) + 1;
	}
	return construct_array(values, rights->npermissions, TEXTOID, -1, false, TYPALIGN_INT);
}

/* In its overlap a key creates and manages nothing. */
static bool
is_barred(const Identity *identity, const char *permission)
{
	return identity->ending &&
		(strncmp(permission, "create:", 7) == 0 || strncmp(permission, "manage:", 7) == 0 || permission[0] == '*');
}

bool
identity_has(const Identity *identity, const char *permission, const pg_uuid_t *workspace_id, const char *service)
{
	return right_has(identity->rights, permission_number(permission), workspace_id, service) &&
		!is_barred(identity, permission);
}

static Datum
workspaces_datum(const Identity *identity)
{
	const Rights *rights = identity->rights;
	Datum	   *values = palloc(sizeof(Datum) * Max(rights->nworkspaces, 1));

	for (int i = 0; i < rights->nworkspaces; i++)
		values[i] = UUIDPGetDatum(&RIGHTS_AT(rights, rights->workspaces, pg_uuid_t)[i]);
	return PointerGetDatum(construct_array(values, rights->nworkspaces, UUIDOID, UUID_LEN, false,
										   TYPALIGN_CHAR));
}

Datum
identity_datum(FunctionCallInfo fcinfo, const Identity *identity)
{
	static RowType row_type;
	TupleDesc	descriptor = schema_row_type(fcinfo, &row_type);
	Datum		values[8];
	bool		nulls[8] = {false};

	if (identity == NULL)
		elog(ERROR, "an identity was set and does not count");
	nulls[0] = !identity->has_account;
	nulls[1] = !identity->has_profile;
	nulls[2] = !identity->has_user;
	nulls[3] = !identity->has_key;
	nulls[4] = !identity->has_session;
	nulls[7] = identity->expires_at == DT_NOEND;
	values[0] = UUIDPGetDatum(&identity->account_id);
	values[1] = UUIDPGetDatum(&identity->profile_id);
	values[2] = UUIDPGetDatum(&identity->user_id);
	values[3] = UUIDPGetDatum(&identity->api_key_id);
	values[4] = UUIDPGetDatum(&identity->session_id);
	values[5] = PointerGetDatum(identity_permissions(identity));
	values[6] = workspaces_datum(identity);
	values[7] = TimestampTzGetDatum(identity->expires_at);
	return HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls));
}

/* Raises what a credential fails to prove, and leaves nobody. */
static void
fail_proof(ErrorCode code, const char *missing, const Credential *credential, const Proven *proven)
{
	mark_tried();
	context_void_all();
	tell_refused(credential, proven->has_account ? &proven->account_id : NULL);
	if (code == ERROR_ACCOUNT_SUSPENDED)
		error_raise(code, NULL, "the account is suspended");
	if (code == ERROR_INVALID_AUTHORIZATION)
		credential_require(CREDENTIAL_UNKNOWN, TOKEN_KEY);
	error_raise(code, NULL, "%s not found", missing);
}

/* Counts the request, once in a transaction; where there are too many it leaves nobody. */
static void
admit(const Identity *identity, const Credential *credential, const Which *which)
{
	int			seconds;

	if (identity_admission == NULL || (mark_is_current() && mark.had && same_which(&mark.which, which)))
		return;
	seconds = identity_admission(identity, credential->has_user ? &credential->user_id : &credential->line_id);
	if (seconds == 0)
		return;
	mark_tried();
	context_void_all();
	tell_refused(credential, &identity->account_id);
	error_raise_limited(seconds, "too many requests");
}

static Datum
authenticate(FunctionCallInfo fcinfo, ContextScope scope)
{
	Which		which = {{0}};
	Credential	credential;
	Proven		proven;
	const char *token;
	size_t		length;
	Context    *context;
	ErrorCode	code;

	check_circumstances();
	check_bypass();
	token_argument(fcinfo, 0, &token, &length);
	which.has_account = !PG_ARGISNULL(1);
	if (which.has_account)
		which.account_id = *PG_GETARG_UUID_P(1);
	verify(token, length, false, &which, &credential);
	code = prove(&credential, PG_ARGISNULL(1) ? NULL : PG_GETARG_UUID_P(1), &proven);
	if (code != ERROR_CODES)
		fail_proof(code, "account", &credential, &proven);
	context = make_context(&credential, &proven, scope);
	admit(&context->identity, &credential, &which);
	use_note(&credential.credential_id);
	if (scope == CONTEXT_SESSION)
		return identity_datum(fcinfo, enter_session(context, &credential, &which));
	warn_outside_block();
	return identity_datum(fcinfo, enter(context, &which));
}

/* authenticate(token, account_id) */
Datum
account_identity_authenticate(PG_FUNCTION_ARGS)
{
	return authenticate(fcinfo, CONTEXT_TRANSACTION);
}

/* authenticate_session(token, account_id) */
Datum
account_identity_authenticate_session(PG_FUNCTION_ARGS)
{
	if (!setting_session_identity)
		error_raise(ERROR_FORBIDDEN, "Use authenticate(), or have account.session_identity set for the role.",
					"session identities are not allowed here");
	return authenticate(fcinfo, CONTEXT_SESSION);
}

/* Writes who acts for whom, and why, to the server log, on one line. */
static void
log_acting(text *reason, const Credential *credential, const pg_uuid_t *account_id, const pg_uuid_t *user_id)
{
	char	   *shown = text_to_cstring(reason);
	int			length = pg_mbcliplen(shown, strlen(shown), 500);

	shown[length] = '\0';
	for (char *c = shown; *c != '\0'; c++)
	{
		if ((unsigned char) *c < ' ' || *c == 0x7f)
			*c = ' ';
	}
	ereport(LOG,
			(errmsg("application key %s acts as %s%s%saccount %s: %s",
					tree_uuid_text(&credential->credential_id),
					user_id != NULL ? "user " : "", user_id != NULL ? tree_uuid_text(user_id) : "",
					user_id != NULL ? " in " : "", tree_uuid_text(account_id), shown),
			 errhidestmt(true), errhidecontext(true)));
}

/* What an application key proves: any account, and in it one of its members if one is named. */
static ErrorCode
prove_application(const Credential *credential, const pg_uuid_t *account_id, const pg_uuid_t *user_id,
				  Proven *proven)
{
	memset(proven, 0, sizeof(*proven));
	if (tree_path(account_id) == NULL)
		return ERROR_NOT_FOUND;
	if (user_id != NULL)
		return hold_of_profile(user_id) != 0 ? ERROR_NOT_FOUND : prove_member(user_id, account_id, proven);
	proven->has_account = true;
	proven->account_id = *account_id;
	proven->holds = hold_of_account(account_id, NULL);
	proven->rights = right_of_list(credential->permissions, account_id);
	return (proven->holds & HOLD_IS_SUSPENDED) != 0 ? ERROR_ACCOUNT_SUSPENDED : ERROR_CODES;
}

void		(*identity_acting_observer) (const char *reason) = NULL;

/* act_as(application_key, account_id, user_id, reason) */
Datum
account_identity_act_as(PG_FUNCTION_ARGS)
{
	Which		which = {{0}};
	Credential	credential;
	Proven		proven;
	const char *token;
	size_t		length;
	pg_uuid_t  *user_id = PG_ARGISNULL(2) ? NULL : PG_GETARG_UUID_P(2);
	Validation	validation;
	ErrorCode	code;
	Datum		result;

	check_circumstances();
	check_bypass();
	token_argument(fcinfo, 0, &token, &length);
	which.has_account = !PG_ARGISNULL(1);
	if (which.has_account)
		which.account_id = *PG_GETARG_UUID_P(1);
	which.has_user = user_id != NULL;
	if (which.has_user)
		which.user_id = *user_id;
	verify(token, length, true, &which, &credential);
	if (!which.has_account)
	{
		mark_tried();
		context_void_all();
		validation_start(&validation);
		validation_add(&validation, "account_id", "required", "an account is required", NULL);
		validation_finish(&validation);
	}
	code = prove_application(&credential, &which.account_id, user_id, &proven);
	if (code != ERROR_CODES)
		fail_proof(code, user_id != NULL && tree_path(&which.account_id) != NULL ? "member" : "account",
				   &credential, &proven);
	use_note(&credential.credential_id);
	if (!PG_ARGISNULL(3))
		log_acting(PG_GETARG_TEXT_PP(3), &credential, &which.account_id, user_id);
	warn_outside_block();
	result = identity_datum(fcinfo, enter(make_context(&credential, &proven, CONTEXT_TRANSACTION), &which));
	if (!PG_ARGISNULL(3) && identity_acting_observer != NULL)
		identity_acting_observer(text_to_cstring(PG_GETARG_TEXT_PP(3)));
	return result;
}

void
identity_end(void)
{
	bool		whole_session = session.generation != 0;

	if (IsInParallelMode())
		error_raise(ERROR_BAD_REQUEST, NULL, "cannot deauthenticate during a parallel operation");
	if (context_current != NULL)
		mark_tried();
	context_void_all();
	if (session_context != NULL)
		MemoryContextReset(session_context);
	memset(&session, 0, sizeof(session));
	context_clear(whole_session);
}

/* deauthenticate() */
Datum
account_identity_deauthenticate(PG_FUNCTION_ARGS)
{
	identity_end();
	PG_RETURN_VOID();
}

/* ---------------------------------------------------------------------------
 * Hooks
 */

/*
 * Before a plan that may start workers: what they will be given must need no
 * look-up.  Returns whether they may be started: not if an identity was lost in
 * this transaction, for the leader may have begun this plan under it, and workers
 * would not come to the same partitions.
 */
static bool
settle(void)
{
	const Context *context = context_current;
	const Identity *identity;
	Context    *settled;

	if (context == NULL || IsParallelWorker() ||
		(context->scope == CONTEXT_TRANSACTION && context->portable && identity_current() != NULL))
		return IsParallelWorker() || context != NULL || !(mark_is_current() && mark.had);
	if (IsInParallelMode())
		error_raise(ERROR_BAD_REQUEST, NULL, "cannot look an identity up during a parallel operation");
	identity = identity_current();
	if (identity == NULL)
	{
		context_clear(false);
		return !(mark_is_current() && mark.had);
	}
	settled = palloc0(sizeof(Context));
	settled->scope = CONTEXT_TRANSACTION;
	settled->pid = MyProcPid;
	settled->lxid = proc_lxid(MyProc);
	settled->portable = true;
	settled->identity = *identity;
	context_set(settled);
	return true;
}

/* Runs a plan, and keeps count of how deep plans are nested. */
static void
run_counted(EXECUTOR_RUN_ARGS)
{
	executor_depth++;
	PG_TRY();
	{
		if (previous_ExecutorRun != NULL)
			previous_ExecutorRun(EXECUTOR_RUN_PASS);
		else
			standard_ExecutorRun(EXECUTOR_RUN_PASS);
	}
	PG_FINALLY();
	{
		executor_depth--;
	}
	PG_END_TRY();
}

static void
run_executor(EXECUTOR_RUN_ARGS)
{
	if (query->plannedstmt->parallelModeNeeded && !settle())
		EXECUTOR_RUN_ALONE();
	run_counted(EXECUTOR_RUN_PASS);
}

/* Commands that run queries of the caller, in which authenticate() is in place. */
static bool
carries_queries(Node *command)
{
	switch (nodeTag(command))
	{
		case T_CallStmt:
		case T_DoStmt:
		case T_ExecuteStmt:
		case T_ExplainStmt:
		case T_FetchStmt:
		case T_TransactionStmt:
			return true;
		default:
			return false;
	}
}

static void
check_held_cursor(Node *command)
{
	if (IsA(command, DeclareCursorStmt) &&
		(((DeclareCursorStmt *) command)->options & CURSOR_OPT_HOLD) != 0 &&
		identity_current() != NULL)
		error_raise(ERROR_BAD_REQUEST, "Declare it without HOLD.",
					"a cursor cannot be held beyond the identity it was declared under");
}

static void
process_utility(PlannedStmt *statement, const char *string, bool read_only, ProcessUtilityContext context,
				ParamListInfo parameters, QueryEnvironment *environment, DestReceiver *receiver,
				QueryCompletion *completion)
{
	const volatile int nested = carries_queries(statement->utilityStmt) ? 0 : 1;

	check_held_cursor(statement->utilityStmt);
	utility_depth += nested;
	PG_TRY();
	{
		if (previous_ProcessUtility != NULL)
			previous_ProcessUtility(statement, string, read_only, context, parameters, environment,
									receiver, completion);
		else
			standard_ProcessUtility(statement, string, read_only, context, parameters, environment,
									receiver, completion);
	}
	PG_FINALLY();
	{
		utility_depth -= nested;
	}
	PG_END_TRY();
}

void
identity_init(void)
{
	CacheRegisterSyscacheCallback(AUTHOID, forget_bypass, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMMEMROLE, forget_bypass, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, forget_bypass, (Datum) 0);
	CacheRegisterRelcacheCallback(forget_bypass_of_tables, (Datum) 0);
	previous_ExecutorRun = ExecutorRun_hook;
	ExecutorRun_hook = run_executor;
	previous_ProcessUtility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
