/*
 * caller.c
 *	  What is asked of an identity: what it permits, on whom it may act, and the
 *	  functions that policies, defaults and users call.
 *
 * An administrator is a role of level admin in a transaction that has neither had
 * nor tried an identity: losing one never adds rights.  A parallel worker does not
 * know what its leader has had, so in it there is none.
 */
#include "account.h"

#include "access/parallel.h"
#include "access/xlog.h"
#include "catalog/pg_control.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

static LocalTransactionId warned_lxid = InvalidLocalTransactionId;

PG_FUNCTION_INFO_V1(account_caller_current_account_id);
PG_FUNCTION_INFO_V1(account_caller_current_profile_id);
PG_FUNCTION_INFO_V1(account_caller_current_user_id);
PG_FUNCTION_INFO_V1(account_caller_current_api_key_id);
PG_FUNCTION_INFO_V1(account_caller_current_session_id);
PG_FUNCTION_INFO_V1(account_caller_current_identity);
PG_FUNCTION_INFO_V1(account_caller_is_writable);
PG_FUNCTION_INFO_V1(account_caller_policy_account_id);
PG_FUNCTION_INFO_V1(account_caller_policy_writable_account_id);
PG_FUNCTION_INFO_V1(account_caller_policy_new_account_id);
PG_FUNCTION_INFO_V1(account_caller_policy_identified);
PG_FUNCTION_INFO_V1(account_caller_readable_account_ids);

bool
caller_is_admin(void)
{
	return !IsParallelWorker() && !identity_attempted() && access_has_admin(GetUserId());
}

void
caller_require_admin(const char *action)
{
	if (!caller_is_admin())
		error_raise(ERROR_FORBIDDEN,
					"It takes a role of level admin, in a transaction that has not authenticated.",
					"only administrators may %s", action);
}

/* Whether one side of a held permission covers one side of a wanted one. */
static bool
word_covers(const char *held, size_t held_length, const char *wanted, size_t wanted_length)
{
	return (held_length == 1 && held[0] == '*') ||
		(held_length == wanted_length && memcmp(held, wanted, wanted_length) == 0);
}

bool
caller_permits(const Identity *identity, const char *permission)
{
	const char *colon = strchr(permission, ':');
	const char *held = identity->permissions;
	size_t		verb;
	size_t		resource;

	if (colon == NULL)
		return false;
	verb = colon - permission;
	resource = strlen(colon + 1);
	if (identity->ending && (word_covers("create", 6, permission, verb) ||
							 word_covers("manage", 6, permission, verb) || permission[0] == '*'))
		return false;
	for (int i = 0; i < identity->npermissions; i++)
	{
		size_t		length = strlen(held);
		const char *split = strchr(held, ':');

		if (split != NULL && word_covers(held, split - held, permission, verb) &&
			word_covers(split + 1, length - (split - held) - 1, colon + 1, resource))
			return true;
		held += length + 1;
	}
	return false;
}

static void
target_of_identity(const Identity *identity, const char *permission, const pg_uuid_t *account_id,
				   int scope, Target *target)
{
	if (!identity->has_account || (permission != NULL && !caller_permits(identity, permission)))
		error_raise(ERROR_FORBIDDEN, NULL, "permission denied: it takes %s",
					permission != NULL ? permission : "an account");
	target->account_id = account_id != NULL ? *account_id : identity->account_id;
	target->as_admin = false;
	target->own = memcmp(&target->account_id, &identity->account_id, UUID_LEN) == 0;
	target->path = tree_path(&target->account_id);
	if (target->own && target->path != NULL)
	{
		if ((scope & SCOPE_OWN) == 0)
			error_raise(ERROR_FORBIDDEN, "An account above it may.", "an account may not do this to itself");
		return;
	}
	if (target->path == NULL || (scope & SCOPE_DESCENDANTS) == 0 ||
		!tree_within(target->path, &identity->account_id))
		error_raise(ERROR_NOT_FOUND, NULL, "account not found");
}

void
caller_target(const char *permission, const pg_uuid_t *account_id, int scope, Target *target)
{
	const Identity *identity = identity_current();

	if (identity != NULL)
	{
		target_of_identity(identity, permission, account_id, scope, target);
		return;
	}
	if (!caller_is_admin())
		error_raise(ERROR_MISSING_API_KEY, "Call account.authenticate() first, in the same transaction.",
					"no account is authenticated");
	if ((scope & SCOPE_ADMIN) == 0)
		error_raise(ERROR_FORBIDDEN, NULL, "only an account may do this");
	if (account_id == NULL)
		error_raise(ERROR_BAD_REQUEST, NULL, "an administrator has to name the account");
	target->account_id = *account_id;
	target->as_admin = true;
	target->own = false;
	target->path = tree_path(account_id);
	if (target->path == NULL)
		error_raise(ERROR_NOT_FOUND, NULL, "account not found");
}

bool
caller_outranks(const pg_uuid_t *set_by, bool as_admin)
{
	const Identity *identity;
	TreePath   *path;

	if (as_admin)
		return true;
	identity = identity_current();
	if (identity == NULL || !identity->has_account || set_by == NULL)
		return false;
	path = tree_path(set_by);
	return path != NULL && tree_within(path, &identity->account_id);
}

/* A copy: scan keys keep the pointer while the context may change. */
static Datum
uuid_datum(const pg_uuid_t *uuid)
{
	pg_uuid_t  *copy = palloc(sizeof(pg_uuid_t));

	*copy = *uuid;
	return UUIDPGetDatum(copy);
}

/* current_identity() */
Datum
account_caller_current_identity(PG_FUNCTION_ARGS)
{
	const Identity *identity = identity_current();

	if (identity == NULL)
		PG_RETURN_NULL();
	return identity_datum(fcinfo, identity, NULL, NULL);
}

/* current_account_id() */
Datum
account_caller_current_account_id(PG_FUNCTION_ARGS)
{
	const Identity *identity = identity_current();

	if (identity == NULL || !identity->has_account)
		PG_RETURN_NULL();
	return uuid_datum(&identity->account_id);
}

/* current_profile_id() */
Datum
account_caller_current_profile_id(PG_FUNCTION_ARGS)
{
	const Identity *identity = identity_current();

	if (identity == NULL || !identity->has_profile)
		PG_RETURN_NULL();
	return uuid_datum(&identity->profile_id);
}

/* current_user_id() */
Datum
account_caller_current_user_id(PG_FUNCTION_ARGS)
{
	const Identity *identity = identity_current();

	if (identity == NULL || !identity->has_user)
		PG_RETURN_NULL();
	return uuid_datum(&identity->user_id);
}

/* current_api_key_id() */
Datum
account_caller_current_api_key_id(PG_FUNCTION_ARGS)
{
	const Identity *identity = identity_current();

	if (identity == NULL || !identity->has_key)
		PG_RETURN_NULL();
	return uuid_datum(&identity->api_key_id);
}

/* current_session_id() */
Datum
account_caller_current_session_id(PG_FUNCTION_ARGS)
{
	const Identity *identity = identity_current();

	if (identity == NULL || !identity->has_session)
		PG_RETURN_NULL();
	return uuid_datum(&identity->session_id);
}

/* is_writable() */
Datum
account_caller_is_writable(PG_FUNCTION_ARGS)
{
	const Identity *identity = identity_current();

	PG_RETURN_BOOL(identity != NULL && identity->has_account && identity->writable);
}

/* Whether the caller's identity may read a kind of resource. */
static bool
may_read(const Identity *identity, const char *resource)
{
	return identity->has_account &&
		(caller_permits(identity, psprintf("read:%s", resource)) ||
		 caller_permits(identity, psprintf("manage:%s", resource)));
}

/* readable_account_ids(resource) */
Datum
account_caller_readable_account_ids(PG_FUNCTION_ARGS)
{
	static Statement all = {"SELECT account_id FROM account.accounts", 0};
	static Statement below = {
		"SELECT account_id FROM account.accounts"
		" WHERE path OPERATOR(pg_catalog.>=) $1 AND path OPERATOR(pg_catalog.<)"
		" pg_catalog.array_append($1, " TREE_GREATEST_ID ")",
		1, {UUIDARRAYOID}
	};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const Identity *identity = identity_current();
	QueryScope	scope;
	Datum		values[1];
	TreePath   *path;
	uint64		rows;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	if (identity != NULL)
	{
		if (!may_read(identity, text_to_cstring(PG_GETARG_TEXT_PP(0))) ||
			(path = tree_path(&identity->account_id)) == NULL)
			return (Datum) 0;
		values[0] = tree_path_datum(path);
	}
	else if (!caller_is_admin())
		return (Datum) 0;

	query_open(&scope);
	rows = identity != NULL ? query_read(&below, values, NULL) : query_read(&all, NULL, NULL);
	for (uint64 row = 0; row < rows; row++)
	{
		pg_uuid_t	account_id;
		bool		isnull = !query_uuid(row, 1, &account_id);
		Datum		value = UUIDPGetDatum(&account_id);

		tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
	}
	query_close(&scope);
	return (Datum) 0;
}

static void
warn_without_identity(void)
{
	if (setting_without_identity != WITHOUT_IDENTITY_WARN || IsParallelWorker() ||
		warned_lxid == proc_lxid(MyProc))
		return;
	warned_lxid = proc_lxid(MyProc);
	ereport(WARNING,
			(errmsg("no account is authenticated: isolated tables show no rows"),
			 errhint("Call account.authenticate() first, in the same transaction.")));
}

/*
 * A UUID that stays where it is until the transaction ends.  Scan keys keep the
 * pointer while the context may change, and a copy for each call would be made
 * and freed for each row of a scan.
 */
static Datum
lasting_uuid(const pg_uuid_t *uuid)
{
	static LocalTransactionId lxid = InvalidLocalTransactionId;
	static pg_uuid_t *kept;

	if (lxid != proc_lxid(MyProc) || memcmp(kept, uuid, UUID_LEN) != 0)
	{
		lxid = InvalidLocalTransactionId;
		kept = MemoryContextAlloc(TopTransactionContext, UUID_LEN);
		*kept = *uuid;
		lxid = proc_lxid(MyProc);
	}
	return UUIDPGetDatum(kept);
}

/*
 * The account of nobody: a UUID that no row has, made of a secret of the cluster.
 * It must be the same in every process: the leader of a parallel plan and each of
 * its workers decide by it which partitions they scan.
 */
static Datum
nobody(void)
{
	static pg_uuid_t uuid;
	static bool made = false;

	if (!made)
	{
		uint8		digest[TOKEN_DIGEST_LENGTH];

		token_digest_secret(GetMockAuthenticationNonce(), MOCK_AUTH_NONCE_LEN, digest);
		memcpy(uuid.data, digest, UUID_LEN);
		made = true;
	}
	return UUIDPGetDatum(&uuid);
}

/* What a function of the policies has answered in this transaction. */
typedef struct Answer
{
	uint64		epoch;			/* of the context that it was found in; 0 for none */
	LocalTransactionId lxid;
	Datum		account_id;
	bool		isnull;
} Answer;

/* Whether an answer still holds: it is asked for once for each row of a scan. */
static inline bool
answer_holds(const Answer *answer)
{
	return answer->epoch == context_epoch && answer->lxid == proc_lxid(MyProc);
}

/* Finds an answer: the caller's account if it has one (that takes writes), or else. */
static void
find_answer(Answer *answer, bool writable, Datum otherwise, bool null_otherwise)
{
	const Identity *identity = identity_current();

	answer->epoch = 0;
	answer->isnull = false;
	if (identity != NULL && identity->has_account && (!writable || identity->writable))
		answer->account_id = lasting_uuid(&identity->account_id);
	else
	{
		if (identity == NULL)
			warn_without_identity();
		answer->account_id = otherwise;
		answer->isnull = null_otherwise;
	}
	answer->lxid = proc_lxid(MyProc);
	answer->epoch = context_epoch;
}

/* policy_account_id() */
Datum
account_caller_policy_account_id(PG_FUNCTION_ARGS)
{
	static Answer answer;

	if (!answer_holds(&answer))
		find_answer(&answer, false, nobody(), false);
	return answer.account_id;
}

/* policy_writable_account_id() */
Datum
account_caller_policy_writable_account_id(PG_FUNCTION_ARGS)
{
	static Answer answer;

	if (!answer_holds(&answer))
		find_answer(&answer, true, nobody(), false);
	return answer.account_id;
}

/* policy_new_account_id() */
Datum
account_caller_policy_new_account_id(PG_FUNCTION_ARGS)
{
	static Answer answer;

	if (!answer_holds(&answer))
		find_answer(&answer, true, (Datum) 0, true);
	fcinfo->isnull = answer.isnull;
	return answer.account_id;
}

/* policy_identified() */
Datum
account_caller_policy_identified(PG_FUNCTION_ARGS)
{
	const Identity *identity = identity_current();

	if (identity == NULL)
		warn_without_identity();
	PG_RETURN_BOOL(identity != NULL && identity->has_account);
}
