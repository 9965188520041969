/*
 * gate.c
 *	  What the policies of users' tables ask of an identity.
 *
 * They ask once for each row, so every function keeps its answer: in the backend, or,
 * where a permission is named, at the place of the plan that names it.  An answer
 * holds in its transaction as long as the context is the same (context_epoch).  What is
 * returned by reference stays where it is until the transaction ends, for scan
 * keys point to it.
 */
#include "account.h"

#include <math.h>

#include "access/parallel.h"
#include "access/xlog.h"
#include "catalog/pg_control.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "nodes/supportnodes.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

static LocalTransactionId warned_lxid = InvalidLocalTransactionId;

PG_FUNCTION_INFO_V1(account_gate_policy_account_id);
PG_FUNCTION_INFO_V1(account_gate_policy_writable_account_id);
PG_FUNCTION_INFO_V1(account_gate_policy_new_account_id);
PG_FUNCTION_INFO_V1(account_gate_policy_account_id_permitted);
PG_FUNCTION_INFO_V1(account_gate_policy_writable_account_id_permitted);
PG_FUNCTION_INFO_V1(account_gate_policy_new_account_id_permitted);
PG_FUNCTION_INFO_V1(account_gate_policy_workspace_ids);
PG_FUNCTION_INFO_V1(account_gate_policy_workspace_ids_permitted);
PG_FUNCTION_INFO_V1(account_gate_policy_workspace_writable);
PG_FUNCTION_INFO_V1(account_gate_policy_workspace_writable_permitted);
PG_FUNCTION_INFO_V1(account_gate_policy_identified);
PG_FUNCTION_INFO_V1(account_gate_policy_row);
PG_FUNCTION_INFO_V1(account_gate_policy_row_permitted);
PG_FUNCTION_INFO_V1(account_gate_policy_row_workspace);
PG_FUNCTION_INFO_V1(account_gate_policy_row_workspace_permitted);
PG_FUNCTION_INFO_V1(account_gate_policy_writable_row);
PG_FUNCTION_INFO_V1(account_gate_policy_writable_row_permitted);
PG_FUNCTION_INFO_V1(account_gate_policy_writable_row_workspace);
PG_FUNCTION_INFO_V1(account_gate_policy_writable_row_workspace_permitted);
PG_FUNCTION_INFO_V1(account_gate_policy_reads);
PG_FUNCTION_INFO_V1(account_gate_policy_first);
PG_FUNCTION_INFO_V1(account_gate_evaluate_first);

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

		token_digest_secret("account: nobody", GetMockAuthenticationNonce(), MOCK_AUTH_NONCE_LEN, digest);
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
	Datum		value;
	bool		isnull;
} Answer;

/* Whether an answer still holds: it is asked for once for each row of a scan. */
static inline bool
answer_holds(const Answer *answer)
{
	return answer->epoch == context_epoch && answer->lxid == proc_lxid(MyProc);
}

static inline void
keep_answer(Answer *answer, Datum value, bool isnull)
{
	answer->value = value;
	answer->isnull = isnull;
	answer->lxid = proc_lxid(MyProc);
	answer->epoch = context_epoch;
}

/*
 * Finds an answer: the caller's account if it has one (that takes writes, where it holds a
 * permission, if there is one), or else.
 */
static void
find_answer(Answer *answer, bool writable, const char *permission, Datum otherwise, bool null_otherwise)
{
	const Identity *identity = identity_current();

	answer->epoch = 0;
	if (identity == NULL)
		warn_without_identity();
	if (identity != NULL && identity->has_account && (!writable || identity->writable) &&
		(permission == NULL || identity_has(identity, permission, NULL, NULL)))
		keep_answer(answer, lasting_uuid(&identity->account_id), false);
	else
		keep_answer(answer, otherwise, null_otherwise);
}

/* policy_account_id() */
Datum
account_gate_policy_account_id(PG_FUNCTION_ARGS)
{
	static Answer answer;

	if (!answer_holds(&answer))
		find_answer(&answer, false, NULL, nobody(), false);
	return answer.value;
}

/* policy_writable_account_id() */
Datum
account_gate_policy_writable_account_id(PG_FUNCTION_ARGS)
{
	static Answer answer;

	if (!answer_holds(&answer))
		find_answer(&answer, true, NULL, nobody(), false);
	return answer.value;
}

/* policy_new_account_id() */
Datum
account_gate_policy_new_account_id(PG_FUNCTION_ARGS)
{
	static Answer answer;

	if (!answer_holds(&answer))
		find_answer(&answer, true, NULL, (Datum) 0, true);
	fcinfo->isnull = answer.isnull;
	return answer.value;
}

/* An answer that depends on a permission: one for each place of a plan that names it. */
typedef struct PlacedAnswer
{
	Answer		answer;
	size_t		length;
	char		permission[PERMISSION_MAX_BYTES + 1];
} PlacedAnswer;

/* The answer of the place that is calling, for the permission in an argument. */
static PlacedAnswer *
placed_answer(FunctionCallInfo fcinfo, int argument)
{
	text	   *permission = PG_GETARG_TEXT_PP(argument);
	size_t		length = VARSIZE_ANY_EXHDR(permission);
	PlacedAnswer *placed = fcinfo->flinfo->fn_extra;

	if (length > PERMISSION_MAX_BYTES)
		length = 0;				/* no permission is so long, and none is empty */
	if (placed != NULL && placed->length == length &&
		memcmp(placed->permission, VARDATA_ANY(permission), length) == 0)
		return placed;
	if (placed == NULL)
		fcinfo->flinfo->fn_extra = placed = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(PlacedAnswer));
	placed->answer.epoch = 0;
	placed->length = length;
	memcpy(placed->permission, VARDATA_ANY(permission), length);
	placed->permission[length] = '\0';
	return placed;
}

/* policy_account_id(permission) */
Datum
account_gate_policy_account_id_permitted(PG_FUNCTION_ARGS)
{
	PlacedAnswer *placed = placed_answer(fcinfo, 0);

	if (!answer_holds(&placed->answer))
		find_answer(&placed->answer, false, placed->permission, nobody(), false);
	return placed->answer.value;
}

/* policy_writable_account_id(permission) */
Datum
account_gate_policy_writable_account_id_permitted(PG_FUNCTION_ARGS)
{
	PlacedAnswer *placed = placed_answer(fcinfo, 0);

	if (!answer_holds(&placed->answer))
		find_answer(&placed->answer, true, placed->permission, nobody(), false);
	return placed->answer.value;
}

/* policy_new_account_id(permission) */
Datum
account_gate_policy_new_account_id_permitted(PG_FUNCTION_ARGS)
{
	PlacedAnswer *placed = placed_answer(fcinfo, 0);

	if (!answer_holds(&placed->answer))
		find_answer(&placed->answer, true, placed->permission, (Datum) 0, true);
	fcinfo->isnull = placed->answer.isnull;
	return placed->answer.value;
}

/* Sorted workspaces as an array, in a memory context. */
static ArrayType *
workspace_array(MemoryContext context, const pg_uuid_t *workspaces, int count)
{
	Size		size = ARR_OVERHEAD_NONULLS(1) + count * UUID_LEN;
	ArrayType  *array = MemoryContextAlloc(context, size);

	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->dataoffset = 0;
	array->elemtype = UUIDOID;
	ARR_DIMS(array)[0] = count;
	ARR_LBOUND(array)[0] = 1;
	memcpy(ARR_DATA_PTR(array), workspaces, count * UUID_LEN);
	return array;
}

/* A workspace that no row is in, as an array: an empty one would make plans for no rows at all. */
static ArrayType *
no_workspace(void)
{
	static ArrayType *array = NULL;

	if (array == NULL)
		array = workspace_array(TopMemoryContext, DatumGetUUIDP(nobody()), 1);
	return array;
}

static int
compare_uuids(const void *left, const void *right)
{
	return memcmp(left, right, UUID_LEN);
}

/*
 * The workspaces that an identity reaches, where it holds a permission (may be NULL), as an
 * array that stays where it is until the transaction ends: the last one, if it is the same.
 */
static ArrayType *
reached_workspaces(const Identity *identity, const char *permission, ArrayType *last)
{
	const Rights *rights = identity->rights;
	const pg_uuid_t *reached = RIGHTS_AT(rights, rights->workspaces, pg_uuid_t);
	pg_uuid_t  *found = palloc(sizeof(pg_uuid_t) * Max(rights->nworkspaces, 1));
	int			count = 0;

	for (int i = 0; i < rights->nworkspaces; i++)
	{
		if (permission == NULL || identity_has(identity, permission, &reached[i], NULL))
			found[count++] = reached[i];
	}
	qsort(found, count, sizeof(pg_uuid_t), compare_uuids);
	if (count == 0)
		last = no_workspace();
	else if (last == NULL || ARR_DIMS(last)[0] != count ||
			 memcmp(ARR_DATA_PTR(last), found, sizeof(pg_uuid_t) * count) != 0)
		last = workspace_array(TopTransactionContext, found, count);
	pfree(found);
	return last;
}

/* What this transaction has found for a permission, "" for none. */
typedef struct KeptWorkspaces
{
	uint64		epoch;			/* of the context; 0 if nothing yet */
	ArrayType  *array;
	char		permission[FLEXIBLE_ARRAY_MEMBER];
} KeptWorkspaces;

static KeptWorkspaces *
kept_workspaces(const char *permission)
{
	static LocalTransactionId lxid = InvalidLocalTransactionId;
	static List *all;
	KeptWorkspaces *kept;
	MemoryContext old;
	ListCell   *cell;

	if (lxid != proc_lxid(MyProc))
		all = NIL;
	lxid = proc_lxid(MyProc);
	foreach(cell, all)
	{
		kept = lfirst(cell);
		if (strcmp(kept->permission, permission) == 0)
			return kept;
	}
	old = MemoryContextSwitchTo(TopTransactionContext);
	kept = palloc0(offsetof(KeptWorkspaces, permission) + strlen(permission) + 1);
	strcpy(kept->permission, permission);
	all = lappend(all, kept);
	MemoryContextSwitchTo(old);
	return kept;
}

/* Finds an answer: the workspaces that the caller reaches, where it holds a permission (may be NULL). */
static void
find_workspaces(Answer *answer, const char *permission)
{
	const Identity *identity = identity_current();
	KeptWorkspaces *kept;

	answer->epoch = 0;
	if (identity == NULL)
		warn_without_identity();
	if (identity == NULL || (permission != NULL && permission_number(permission) < 0))
	{
		keep_answer(answer, PointerGetDatum(no_workspace()), false);
		return;
	}
	kept = kept_workspaces(permission != NULL ? permission : "");
	if (kept->epoch != context_epoch)
	{
		kept->array = reached_workspaces(identity, permission, kept->array);
		kept->epoch = context_epoch;
	}
	keep_answer(answer, PointerGetDatum(kept->array), false);
}

/* policy_workspace_ids() */
Datum
account_gate_policy_workspace_ids(PG_FUNCTION_ARGS)
{
	static Answer answer;

	if (!answer_holds(&answer))
		find_workspaces(&answer, NULL);
	return answer.value;
}

/* policy_workspace_ids(permission) */
Datum
account_gate_policy_workspace_ids_permitted(PG_FUNCTION_ARGS)
{
	PlacedAnswer *placed = placed_answer(fcinfo, 0);

	if (!answer_holds(&placed->answer))
		find_workspaces(&placed->answer, placed->permission);
	return placed->answer.value;
}

/* Whether a workspace is one of an answer; the one that no row is in is none that a row could be put into. */
static bool
answer_has(const Answer *answer, const pg_uuid_t *workspace_id)
{
	ArrayType  *array = (ArrayType *) DatumGetPointer(answer->value);

	return array != no_workspace() &&
		bsearch(workspace_id, ARR_DATA_PTR(array), ARR_DIMS(array)[0], UUID_LEN, compare_uuids) != NULL;
}

/* policy_workspace_writable(workspace_id) */
Datum
account_gate_policy_workspace_writable(PG_FUNCTION_ARGS)
{
	static Answer answer;

	if (!answer_holds(&answer))
		find_workspaces(&answer, NULL);
	PG_RETURN_BOOL(answer_has(&answer, PG_GETARG_UUID_P(0)));
}

/* policy_workspace_writable(workspace_id, permission) */
Datum
account_gate_policy_workspace_writable_permitted(PG_FUNCTION_ARGS)
{
	PlacedAnswer *placed = placed_answer(fcinfo, 1);

	if (!answer_holds(&placed->answer))
		find_workspaces(&placed->answer, placed->permission);
	PG_RETURN_BOOL(answer_has(&placed->answer, PG_GETARG_UUID_P(0)));
}

/* policy_identified() */
Datum
account_gate_policy_identified(PG_FUNCTION_ARGS)
{
	const Identity *identity = identity_current();

	if (identity == NULL)
		warn_without_identity();
	PG_RETURN_BOOL(identity != NULL && identity->has_account);
}

/* ---------------------------------------------------------------------------
 * The test of each row that is read.
 *
 * The planner takes a comparison of the account's column with a stable function and the
 * caller's own comparisons of it for the same thing: it keeps one of them for the rows, which
 * need not be ours, and compares the two functions with each other once (equivalence
 * classes).  And it evaluates whatever calls no function on a column, other than leakproof ones,
 * before ours if it is cheaper, so that a function without arguments behind a condition tells
 * what the row had.  The comparisons are therefore for indexes alone.  What decides is
 * policy_row(), and of rows that are changed or deleted policy_writable_row(): no class takes
 * them, and nothing is cheaper.  policy_first() does the second for the policies of our own
 * tables, which compare with arrays, that no class takes, and policy_reads() does both for views.
 */
static inline bool
is_answer(const Answer *answer, const pg_uuid_t *account_id)
{
	return memcmp(account_id, DatumGetUUIDP(answer->value), UUID_LEN) == 0;
}

/* policy_row(account_id) */
Datum
account_gate_policy_row(PG_FUNCTION_ARGS)
{
	static Answer answer;

	if (!answer_holds(&answer))
		find_answer(&answer, false, NULL, nobody(), false);
	PG_RETURN_BOOL(is_answer(&answer, PG_GETARG_UUID_P(0)));
}

/* policy_writable_row(account_id) */
Datum
account_gate_policy_writable_row(PG_FUNCTION_ARGS)
{
	static Answer answer;

	if (!answer_holds(&answer))
		find_answer(&answer, true, NULL, nobody(), false);
	PG_RETURN_BOOL(is_answer(&answer, PG_GETARG_UUID_P(0)));
}

/* policy_row(account_id, permission) */
Datum
account_gate_policy_row_permitted(PG_FUNCTION_ARGS)
{
	PlacedAnswer *placed = placed_answer(fcinfo, 1);

	if (!answer_holds(&placed->answer))
		find_answer(&placed->answer, false, placed->permission, nobody(), false);
	PG_RETURN_BOOL(is_answer(&placed->answer, PG_GETARG_UUID_P(0)));
}

/* policy_writable_row(account_id, permission) */
Datum
account_gate_policy_writable_row_permitted(PG_FUNCTION_ARGS)
{
	PlacedAnswer *placed = placed_answer(fcinfo, 1);

	if (!answer_holds(&placed->answer))
		find_answer(&placed->answer, true, placed->permission, nobody(), false);
	PG_RETURN_BOOL(is_answer(&placed->answer, PG_GETARG_UUID_P(0)));
}

/* Whether a row is of the caller's account (that takes writes) and of one of the workspaces of an answer. */
static Datum
is_row(FunctionCallInfo fcinfo, bool writable, const Answer *workspaces)
{
	static Answer answers[2];
	Answer	   *account = &answers[writable];

	if (!answer_holds(account))
		find_answer(account, writable, NULL, nobody(), false);
	PG_RETURN_BOOL(is_answer(account, PG_GETARG_UUID_P(0)) && answer_has(workspaces, PG_GETARG_UUID_P(1)));
}

/* The same, where no permission is asked for, and where one is. */
static Datum
is_row_of_any(FunctionCallInfo fcinfo, bool writable)
{
	static Answer workspaces;

	if (!answer_holds(&workspaces))
		find_workspaces(&workspaces, NULL);
	return is_row(fcinfo, writable, &workspaces);
}

static Datum
is_row_of_permitted(FunctionCallInfo fcinfo, bool writable)
{
	PlacedAnswer *placed = placed_answer(fcinfo, 2);

	if (!answer_holds(&placed->answer))
		find_workspaces(&placed->answer, placed->permission);
	return is_row(fcinfo, writable, &placed->answer);
}

/* policy_row(account_id, workspace_id) */
Datum
account_gate_policy_row_workspace(PG_FUNCTION_ARGS)
{
	return is_row_of_any(fcinfo, false);
}

/* policy_row(account_id, workspace_id, permission) */
Datum
account_gate_policy_row_workspace_permitted(PG_FUNCTION_ARGS)
{
	return is_row_of_permitted(fcinfo, false);
}

/* policy_writable_row(account_id, workspace_id) */
Datum
account_gate_policy_writable_row_workspace(PG_FUNCTION_ARGS)
{
	return is_row_of_any(fcinfo, true);
}

/* policy_writable_row(account_id, workspace_id, permission) */
Datum
account_gate_policy_writable_row_workspace_permitted(PG_FUNCTION_ARGS)
{
	return is_row_of_permitted(fcinfo, true);
}

/* What the caller may read of one kind, and the last answer of another account. */
typedef struct Reach
{
	uint64		epoch;			/* of the context; 0 if nothing is known */
	LocalTransactionId lxid;
	Oid			role;
	char		resource[NAMEDATALEN];
	bool		any;
	bool		all;
	pg_uuid_t	own;
	bool		has_asked;
	pg_uuid_t	asked;
	bool		answer;
} Reach;

static void
find_reach(Reach *reach, const char *resource)
{
	TreePath   *path;

	reach->epoch = 0;
	reach->any = caller_reads(resource, &path);
	reach->all = reach->any && path == NULL;
	if (path != NULL)
		reach->own = TREE_SELF(path);
	reach->has_asked = false;
	strlcpy(reach->resource, resource, NAMEDATALEN);
	reach->role = GetUserId();
	reach->lxid = proc_lxid(MyProc);
	reach->epoch = context_epoch;
}

/* policy_reads(account_id, resource) */
Datum
account_gate_policy_reads(PG_FUNCTION_ARGS)
{
	static Reach reach;
	pg_uuid_t  *account_id = PG_GETARG_UUID_P(0);
	char		resource[NAMEDATALEN];
	TreePath   *path;

	text_to_cstring_buffer(PG_GETARG_TEXT_PP(1), resource, NAMEDATALEN);
	if (reach.epoch != context_epoch || reach.lxid != proc_lxid(MyProc) || reach.role != GetUserId() ||
		strcmp(reach.resource, resource) != 0)
		find_reach(&reach, resource);
	if (!reach.any || reach.all || memcmp(account_id, &reach.own, UUID_LEN) == 0)
		PG_RETURN_BOOL(reach.any);
	if (!reach.has_asked || memcmp(account_id, &reach.asked, UUID_LEN) != 0)
	{
		reach.has_asked = false;
		path = tree_path(account_id);
		reach.answer = path != NULL && tree_within(path, &reach.own);
		reach.asked = *account_id;
		reach.has_asked = true;
	}
	PG_RETURN_BOOL(reach.answer);
}

/* policy_first(condition) */
Datum
account_gate_policy_first(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PG_GETARG_BOOL(0));
}

/* The relation whose columns alone an expression has; NULL if there is none, or not one. */
static RelOptInfo *
relation_of(PlannerInfo *root, Node *node)
{
	int			relation;

	if (root == NULL || root->simple_rel_array == NULL ||
		!bms_get_singleton_member(pull_varnos(root, node), &relation) || relation >= root->simple_rel_array_size)
		return NULL;
	return root->simple_rel_array[relation];
}

/* Whether a call asks about a column and nothing else: there is nothing in it that could tell. */
static bool
is_plain_call(FuncExpr *call)
{
	ListCell   *cell;

	foreach(cell, call->args)
	{
		if (!IsA(lfirst(cell), Var) && !IsA(lfirst(cell), Const))
			return false;
	}
	return true;
}

/* Calls of ours in a condition. */
typedef struct Calls
{
	Oid			support;		/* what they have in common */
	Node	   *wanted;
	bool		found;
	int			count;
} Calls;

/* Walker. */
static bool
find_calls(Node *node, void *context)
{
	Calls	   *calls = context;

	if (node == NULL)
		return false;
	if (IsA(node, FuncExpr) && get_func_support(((FuncExpr *) node)->funcid) == calls->support)
	{
		calls->count++;
		calls->found |= node == calls->wanted;
	}
	return expression_tree_walker(node, find_calls, context);
}

/*
 * By how much a call of policy_row(), policy_writable_row() or policy_reads() is to be cheaper than nothing.  The caller
 * may call them too, so that they lend nothing to a condition that tells: a call that is
 * a whole condition has a column and nothing else, and among others it is the only one in its
 * condition, and worth less than those.
 */
static Cost
call_advantage(PlannerInfo *root, Node *node, Oid support)
{
	RelOptInfo *relation = is_plain_call((FuncExpr *) node) ? relation_of(root, node) : NULL;
	ListCell   *cell;

	if (relation == NULL)
		return 0;
	foreach(cell, relation->baserestrictinfo)
	{
		Node	   *clause = (Node *) lfirst_node(RestrictInfo, cell)->clause;
		Calls		calls = {support, node};

		if (clause == node)
			return cpu_operator_cost;
		(void) find_calls(clause, &calls);
		if (calls.found)
			return calls.count == 1 ? cpu_operator_cost / 2 : 0;
	}
	return 0;
}

/* The same of policy_first(), which has to be a table's policy: then what its condition costs does not count. */
static Cost
condition_advantage(PlannerInfo *root, Node *node)
{
	RelOptInfo *relation = relation_of(root, node);
	QualCost	condition = {0, 0};
	ListCell   *cell;

	/* Of ours: through a view of his own the caller can put a condition before the policies of a user's table. */
	if (relation == NULL || get_rel_namespace(root->simple_rte_array[relation->relid]->relid) != schema_catalog()->namespace_id)
		return 0;
	foreach(cell, root->simple_rte_array[relation->relid]->securityQuals)
	{
		if (!list_member(lfirst(cell), node))
			continue;
		cost_qual_eval(&condition, ((FuncExpr *) node)->args, root);
		if (isinf(condition.per_tuple + cpu_operator_cost))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("cpu_operator_cost is too high")));
		return condition.per_tuple + cpu_operator_cost;
	}
	return 0;
}

/*
 * In a policy and in a view the call costs less than nothing, whatever its arguments cost.  With
 * the comparison beside it, policy_row() costs as much as that comparison written by hand.
 */
static void
answer_cost(SupportRequestCost *request, Oid support)
{
	FuncExpr   *call = (FuncExpr *) request->node;
	Cost		advantage = 0;

	if (call != NULL && IsA(call, FuncExpr))
		advantage = exprType(linitial(call->args)) == BOOLOID ? condition_advantage(request->root, request->node) :
			call_advantage(request->root, request->node, support);
	request->startup = 0;
	request->per_tuple = advantage > 0 ? -advantage : cpu_operator_cost;
}

/* policy_first() lets as many rows through as its condition, the others all that stands beside them. */
static void
answer_selectivity(SupportRequestSelectivity *request)
{
	Node	   *condition = linitial(request->args);

	request->selectivity = 1;
	if (exprType(condition) == BOOLOID)
		request->selectivity = clause_selectivity(request->root, condition, request->varRelid,
												  request->jointype, request->sjinfo);
}

/* What the planner asks about all of them. */
Datum
account_gate_evaluate_first(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);

	if (IsA(request, SupportRequestCost))
		answer_cost((SupportRequestCost *) request, fcinfo->flinfo->fn_oid);
	else if (IsA(request, SupportRequestSelectivity))
		answer_selectivity((SupportRequestSelectivity *) request);
	else
		request = NULL;
	PG_RETURN_POINTER(request);
}
