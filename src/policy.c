/*
 * policy.c
 *	  The policies that isolated and shared tables have.
 *
 * The restrictive ones are the boundary: whatever else the owner permits is
 * narrowed by them.  The permissive ones only open what the restrictive ones
 * leave, with the same test and never with "true", so that after DROP EXTENSION
 * CASCADE, which takes them all, nothing is open.  They are made only for
 * commands for which the owner has no permissive policy of their own.
 *
 * A policy is ours if it has one of the names below and calls one of our
 * functions, or is exactly what we would make.  Nothing else is ever dropped.
 */
#include "account.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

/* What a policy asks of a row. */
typedef enum PolicyTest
{
	TEST_NONE,
	TEST_READABLE,				/* of the identity's account */
	TEST_WRITABLE,				/* the same, and the account takes writes */
	TEST_STORABLE,				/* the same, of a new row */
	TEST_IDENTIFIED,			/* nothing of the row: that there is an identity */
	TEST_NEVER
} PolicyTest;

typedef struct PolicySpec
{
	Protection	protection;
	const char *name;
	char		command;		/* as in pg_policy.polcmd */
	bool		permissive;
	PolicyTest	using_test;
	PolicyTest	check_test;
} PolicySpec;

static const PolicySpec specs[] = {
	{PROTECTION_ISOLATED, "account_select", ACL_SELECT_CHR, false, TEST_READABLE, TEST_NONE},
	{PROTECTION_ISOLATED, "account_insert", ACL_INSERT_CHR, false, TEST_NONE, TEST_STORABLE},
	{PROTECTION_ISOLATED, "account_update", ACL_UPDATE_CHR, false, TEST_WRITABLE, TEST_STORABLE},
	{PROTECTION_ISOLATED, "account_delete", ACL_DELETE_CHR, false, TEST_WRITABLE, TEST_NONE},
	{PROTECTION_ISOLATED, "account_permit_select", ACL_SELECT_CHR, true, TEST_READABLE, TEST_NONE},
	{PROTECTION_ISOLATED, "account_permit_insert", ACL_INSERT_CHR, true, TEST_NONE, TEST_STORABLE},
	{PROTECTION_ISOLATED, "account_permit_update", ACL_UPDATE_CHR, true, TEST_WRITABLE, TEST_STORABLE},
	{PROTECTION_ISOLATED, "account_permit_delete", ACL_DELETE_CHR, true, TEST_WRITABLE, TEST_NONE},
	/* By others than the owner a shared table is never written, whatever else permits it. */
	{PROTECTION_SHARED, "account_share_select", ACL_SELECT_CHR, false, TEST_IDENTIFIED, TEST_NONE},
	{PROTECTION_SHARED, "account_share_insert", ACL_INSERT_CHR, false, TEST_NONE, TEST_NEVER},
	{PROTECTION_SHARED, "account_share_update", ACL_UPDATE_CHR, false, TEST_NEVER, TEST_NEVER},
	{PROTECTION_SHARED, "account_share_delete", ACL_DELETE_CHR, false, TEST_NEVER, TEST_NONE},
	{PROTECTION_SHARED, "account_permit_share", ACL_SELECT_CHR, true, TEST_IDENTIFIED, TEST_NONE},
};

/* A policy as it stands in the catalog. */
typedef struct Policy
{
	const char *name;
	char		command;
	bool		permissive;
	bool		everyone;		/* FOR PUBLIC */
	Node	   *using_test;		/* NULL if none */
	Node	   *check_test;
} Policy;

/* What policies call, by test: all have names that begin with FUNCTION_PREFIX. */
#define FUNCTION_PREFIX "policy_"

static const char *const test_functions[] = {
	[TEST_READABLE] = "policy_account_id",
	[TEST_WRITABLE] = "policy_writable_account_id",
	[TEST_STORABLE] = "policy_new_account_id",
	[TEST_IDENTIFIED] = "policy_identified",
};

/*
 * The workspaces that are read are a list, which an index takes.  Those that are
 * written are asked for one by one: an UPDATE reads as well, and before 17 an index would be
 * searched for every pair of two lists.
 */
#define WORKSPACE_LIST "policy_workspace_ids"
#define WORKSPACE_WRITABLE "policy_workspace_writable"

/*
 * What decides of a row that is read, changed or deleted, whatever the planner makes of the rest
 * (gate.c).  Who writes through a view reads nothing: the policies for reading are not asked then.
 * The one for writing asks whether the account takes writes as well.
 */
#define ROW_TEST "policy_row"
#define WRITABLE_ROW_TEST "policy_writable_row"

static Node *
policy_node(HeapTuple tuple, TupleDesc descriptor, AttrNumber attribute)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, attribute, descriptor, &isnull);

	return isnull ? NULL : (Node *) stringToNode(TextDatumGetCString(value));
}

static bool
is_for_everyone(HeapTuple tuple, TupleDesc descriptor)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, Anum_pg_policy_polroles, descriptor, &isnull);
	ArrayType  *roles = DatumGetArrayTypeP(value);

	return ARR_DIMS(roles)[0] == 1 && ((Oid *) ARR_DATA_PTR(roles))[0] == ACL_ID_PUBLIC;
}

/* The policies of a table. */
static List *
read_policies(Oid relation)
{
	Relation	policies = table_open(PolicyRelationId, AccessShareLock);
	TupleDesc	descriptor = RelationGetDescr(policies);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *result = NIL;

	ScanKeyInit(&key, Anum_pg_policy_polrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relation));
	scan = systable_beginscan(policies, PolicyPolrelidPolnameIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_policy form = (Form_pg_policy) GETSTRUCT(tuple);
		Policy	   *policy = palloc(sizeof(Policy));

		policy->name = pstrdup(NameStr(form->polname));
		policy->command = form->polcmd;
		policy->permissive = form->polpermissive;
		policy->everyone = is_for_everyone(tuple, descriptor);
		policy->using_test = policy_node(tuple, descriptor, Anum_pg_policy_polqual);
		policy->check_test = policy_node(tuple, descriptor, Anum_pg_policy_polwithcheck);
		result = lappend(result, policy);
	}
	systable_endscan(scan);
	table_close(policies, AccessShareLock);
	return result;
}

static const Policy *
find_policy(List *policies, const char *name)
{
	ListCell   *cell;

	foreach(cell, policies)
	{
		const Policy *policy = lfirst(cell);

		if (strcmp(policy->name, name) == 0)
			return policy;
	}
	return NULL;
}

static Node *
uuid_column(AttrNumber column)
{
	return (Node *) makeVar(1, column, UUIDOID, -1, InvalidOid, 0);
}

static Oid
uuid_equality(void)
{
	return lookup_type_cache(UUIDOID, TYPECACHE_EQ_OPR)->eq_opr;
}

/* The call of one of our functions, with columns and a permission if there are any, as it is stored. */
static Node *
function_call(const char *name, Oid result, List *columns, const char *permission)
{
	List	   *args = columns;
	Oid			types[3];

	if (permission != NULL)
		args = lappend(args, makeConst(TEXTOID, -1, DEFAULT_COLLATION_OID, -1, CStringGetTextDatum(permission),
									   false, false));
	for (int i = 0; i < list_length(args); i++)
		types[i] = exprType(list_nth(args, i));
	return (Node *) makeFuncExpr(schema_function(name, list_length(args), types), result, args, InvalidOid,
								 permission != NULL ? DEFAULT_COLLATION_OID : InvalidOid,
								 COERCE_EXPLICIT_CALL);
}

static const char *
permission_of(PolicyTest test, const Isolation *isolation)
{
	return test == TEST_READABLE ? isolation->read_permission : isolation->write_permission;
}

/* Asks whose a row is; where it has a workspace, the permission is asked for there. */
static Node *
account_node(PolicyTest test, const Isolation *isolation)
{
	const char *permission = isolation->workspace != 0 ? NULL : permission_of(test, isolation);

	return (Node *) make_opclause(uuid_equality(), BOOLOID, false, (Expr *) uuid_column(isolation->account),
								  (Expr *) function_call(test_functions[test], UUIDOID, NIL, permission),
								  InvalidOid, InvalidOid);
}

static Node *
workspace_node(PolicyTest test, const Isolation *isolation)
{
	const char *permission = permission_of(test, isolation);
	ScalarArrayOpExpr *any;

	if (test != TEST_READABLE)
		return function_call(WORKSPACE_WRITABLE, BOOLOID, list_make1(uuid_column(isolation->workspace)), permission);
	any = makeNode(ScalarArrayOpExpr);
	any->opno = uuid_equality();
	any->opfuncid = get_opcode(any->opno);
	any->useOr = true;
	any->args = list_make2(uuid_column(isolation->workspace),
						   function_call(WORKSPACE_LIST, UUIDARRAYOID, NIL, permission));
	return (Node *) any;
}

static const char *
row_test_name(PolicyTest test)
{
	return test == TEST_READABLE ? ROW_TEST : WRITABLE_ROW_TEST;
}

static Node *
row_node(PolicyTest test, const Isolation *isolation)
{
	List	   *columns = list_make1(uuid_column(isolation->account));

	if (isolation->workspace != 0)
		columns = lappend(columns, uuid_column(isolation->workspace));
	return function_call(row_test_name(test), BOOLOID, columns, permission_of(test, isolation));
}

/* What a policy asks of whose row it is. */
static Node *
row_test_node(PolicyTest test, const Isolation *isolation)
{
	List	   *tests = list_make1(account_node(test, isolation));

	if (isolation->workspace != 0)
		tests = lappend(tests, workspace_node(test, isolation));
	if (test != TEST_STORABLE)
		tests = lappend(tests, row_node(test, isolation));
	return list_length(tests) == 1 ? linitial(tests) : (Node *) makeBoolExpr(AND_EXPR, tests, -1);
}

/* The expression of a test, as the server stores it. */
static Node *
test_node(PolicyTest test, const Isolation *isolation)
{
	switch (test)
	{
		case TEST_NONE:
			break;
		case TEST_READABLE:
		case TEST_WRITABLE:
		case TEST_STORABLE:
			return row_test_node(test, isolation);
		case TEST_IDENTIFIED:
			return function_call(test_functions[test], BOOLOID, NIL, NULL);
		case TEST_NEVER:
			return makeBoolConst(false, false);
	}
	return NULL;
}

/* The same questions as SQL. */
static const char *
row_test_sql(PolicyTest test, const ProtectedTable *table)
{
	const char *permission = test == TEST_READABLE ? table->read_permission : table->write_permission;
	const char *literal = permission != NULL ? quote_literal_cstr(permission) : "";
	const char *comma = permission != NULL ? ", " : "";
	const char *account = table->account.quoted;
	const char *workspace = table->workspace.quoted;
	const char *compared = psprintf("%s OPERATOR(pg_catalog.=) account.%s(%s)", account, test_functions[test],
									workspace == NULL ? literal : "");
	const char *row = test == TEST_STORABLE ? "" : psprintf(" AND account.%s(%s%s%s%s%s)", row_test_name(test), account,
															workspace != NULL ? ", " : "",
															workspace != NULL ? workspace : "", comma, literal);

	if (table->workspace.name == NULL)
		return psprintf("%s%s", compared, row);
	if (test == TEST_READABLE)
		return psprintf("%s AND %s OPERATOR(pg_catalog.=) ANY (account." WORKSPACE_LIST "(%s))%s",
						compared, workspace, literal, row);
	return psprintf("%s AND account." WORKSPACE_WRITABLE "(%s%s%s)%s", compared, workspace, comma, literal, row);
}

/* The expression of a test, as SQL. */
static const char *
test_sql(PolicyTest test, const ProtectedTable *table)
{
	switch (test)
	{
		case TEST_NONE:
			break;
		case TEST_READABLE:
		case TEST_WRITABLE:
		case TEST_STORABLE:
			return row_test_sql(test, table);
		case TEST_IDENTIFIED:
			return psprintf("account.%s()", test_functions[test]);
		case TEST_NEVER:
			return "false";
	}
	return NULL;
}

static bool
matches(const PolicySpec *spec, const Policy *policy, const Isolation *isolation)
{
	return policy->command == spec->command &&
		policy->permissive == spec->permissive &&
		policy->everyone &&
		equal(policy->using_test, test_node(spec->using_test, isolation)) &&
		equal(policy->check_test, test_node(spec->check_test, isolation));
}

/* Whether a node calls a function that only our policies call. */
static bool
is_our_call(Node *node)
{
	Oid			function;

	if (node == NULL || !IsA(node, FuncExpr))
		return false;
	function = ((FuncExpr *) node)->funcid;
	return get_func_namespace(function) == schema_catalog()->namespace_id &&
		strncmp(get_func_name(function), FUNCTION_PREFIX, strlen(FUNCTION_PREFIX)) == 0;
}

/* Walker: whether an expression calls one. */
static bool
calls_us(Node *node, void *context)
{
	return node != NULL && (is_our_call(node) || expression_tree_walker(node, calls_us, context));
}

static bool
is_ours(const PolicySpec *spec, const Policy *policy)
{
	static const Isolation none = {0};

	return (spec->protection == PROTECTION_SHARED && matches(spec, policy, &none)) ||
		calls_us(policy->using_test, NULL) || calls_us(policy->check_test, NULL);
}

static bool
is_our_name(const char *name)
{
	for (int i = 0; i < lengthof(specs); i++)
	{
		if (strcmp(specs[i].name, name) == 0)
			return true;
	}
	return false;
}

/* Whether the owner has a permissive policy of their own for a command. */
static bool
owner_permits(List *policies, char command)
{
	ListCell   *cell;

	foreach(cell, policies)
	{
		const Policy *policy = lfirst(cell);

		if (policy->permissive && (policy->command == command || policy->command == '*') &&
			!is_our_name(policy->name))
			return true;
	}
	return false;
}

static const char *
command_sql(char command)
{
	switch (command)
	{
		case ACL_SELECT_CHR:
			return "SELECT";
		case ACL_INSERT_CHR:
			return "INSERT";
		case ACL_UPDATE_CHR:
			return "UPDATE";
		default:
			return "DELETE";
	}
}

/* The statement that makes a policy. */
static const char *
policy_sql(const ProtectedTable *table, const PolicySpec *spec)
{
	const char *using_test = test_sql(spec->using_test, table);
	const char *check_test = test_sql(spec->check_test, table);
	StringInfoData clauses;

	initStringInfo(&clauses);
	if (using_test != NULL)
		appendStringInfo(&clauses, " USING (%s)", using_test);
	if (check_test != NULL)
		appendStringInfo(&clauses, " WITH CHECK (%s)", check_test);
	return psprintf("CREATE POLICY %s ON %s AS %s FOR %s TO PUBLIC%s",
					spec->name, table->name, spec->permissive ? "PERMISSIVE" : "RESTRICTIVE",
					command_sql(spec->command), clauses.data);
}

Isolation
policy_isolation(const ProtectedTable *table)
{
	Isolation	isolation = {
		.account = table->account.attribute,
		.workspace = table->workspace.attribute,
		.read_permission = table->read_permission,
		.write_permission = table->write_permission,
	};

	/* No policy names a column that is yet to be added. */
	if (table->workspace.name != NULL && table->workspace.attribute == 0)
		isolation.workspace = FirstLowInvalidHeapAttributeNumber;
	return isolation;
}

static bool
is_wanted(const PolicySpec *spec, Protection protection, List *policies)
{
	if (spec->protection != protection)
		return false;
	return protection == PROTECTION_SHARED || !spec->permissive ||
		!owner_permits(policies, spec->command);
}

/* Drops, makes or leaves one policy. */
static void
apply_spec(Script *script, const ProtectedTable *table, Protection protection,
		   const PolicySpec *spec, List *policies)
{
	const Policy *policy = find_policy(policies, spec->name);
	bool		wanted = is_wanted(spec, protection, policies);
	Isolation	isolation = policy_isolation(table);

	if (policy != NULL && !is_ours(spec, policy))
	{
		if (wanted)
			error_raise(ERROR_CONFLICT,
						"Drop or rename it, and call the function again.",
						"table %s has a policy \"%s\" that is not the one made here",
						table->name, spec->name);
		return;
	}
	if (policy != NULL && !(wanted && matches(spec, policy, &isolation)))
	{
		script_run(script, table->owner, "DROP POLICY %s ON %s", spec->name, table->name);
		policy = NULL;
	}
	if (policy == NULL && wanted)
		script_run(script, table->owner, "%s", policy_sql(table, spec));
}

void
policy_apply(Script *script, const ProtectedTable *table, Protection protection)
{
	List	   *policies = read_policies(table->relation);

	for (int i = 0; i < lengthof(specs); i++)
		apply_spec(script, table, protection, &specs[i], policies);
}

int
policy_count_others(const ProtectedTable *table)
{
	List	   *policies = read_policies(table->relation);
	int			count = list_length(policies);

	for (int i = 0; i < lengthof(specs); i++)
	{
		const Policy *policy = find_policy(policies, specs[i].name);

		if (policy != NULL && is_ours(&specs[i], policy))
			count--;
	}
	return count;
}

/* What is being read from the expressions of policies. */
typedef struct Reading
{
	Isolation  *isolation;
	const char **permission;	/* of the kind that the expression asks for */
} Reading;

static void
read_permission(List *args, const char **permission)
{
	ListCell   *cell;

	foreach(cell, args)
	{
		Const	   *constant = lfirst(cell);

		if (IsA(constant, Const) && constant->consttype == TEXTOID && !constant->constisnull && *permission == NULL)
			*permission = TextDatumGetCString(constant->constvalue);
	}
}

static void
read_column(List *args, AttrNumber *column)
{
	Var		   *variable = linitial(args);

	if (IsA(variable, Var) && *column == 0)
		*column = variable->varattno;
}

/* Walker: reads what an expression of ours confines rows by; what was read before stays. */
static bool
read_node(Node *node, void *context)
{
	Reading    *reading = context;

	if (node == NULL)
		return false;
	if (is_our_call(node))
	{
		List	   *args = ((FuncExpr *) node)->args;
		const char *name = get_func_name(((FuncExpr *) node)->funcid);

		read_permission(args, reading->permission);
		/* The columns of the row tests stand beside them too. */
		if (args != NIL && strcmp(name, ROW_TEST) != 0 && strcmp(name, WRITABLE_ROW_TEST) != 0)
			read_column(args, &reading->isolation->workspace);
	}
	else if (IsA(node, OpExpr) && is_our_call(llast(((OpExpr *) node)->args)))
		read_column(((OpExpr *) node)->args, &reading->isolation->account);
	else if (IsA(node, ScalarArrayOpExpr) && is_our_call(lsecond(((ScalarArrayOpExpr *) node)->args)))
		read_column(((ScalarArrayOpExpr *) node)->args, &reading->isolation->workspace);
	return expression_tree_walker(node, read_node, context);
}

/* By what the policies of ours confine rows: any of them tells, the first one first. */
static void
read_isolation(List *policies, Isolation *isolation)
{
	memset(isolation, 0, sizeof(*isolation));
	for (int i = 0; i < lengthof(specs) && specs[i].protection == PROTECTION_ISOLATED; i++)
	{
		const Policy *policy = find_policy(policies, specs[i].name);
		Reading		reading = {isolation};

		if (policy == NULL)
			continue;
		reading.permission = specs[i].command == ACL_SELECT_CHR ? &isolation->read_permission :
			&isolation->write_permission;
		(void) read_node(policy->using_test, &reading);
		(void) read_node(policy->check_test, &reading);
	}
}

Protection
policy_protection(Oid relation, Isolation *isolation)
{
	List	   *policies = read_policies(relation);
	const Policy *policy = find_policy(policies, specs[0].name);

	read_isolation(policies, isolation);
	if (policy != NULL && isolation->account > 0 && matches(&specs[0], policy, isolation))
		return PROTECTION_ISOLATED;

	for (int i = 0; i < lengthof(specs); i++)
	{
		if (specs[i].protection != PROTECTION_SHARED)
			continue;
		policy = find_policy(policies, specs[i].name);
		if (policy != NULL && matches(&specs[i], policy, isolation))
			return PROTECTION_SHARED;
		break;
	}
	return PROTECTION_NONE;
}

/* ------------------------------------------------------------------- drift */

static void
fill_in_column(ProtectedTable *table, AttrNumber attribute, ProtectedColumn *column)
{
	column->name = attribute != 0 ? get_attname(table->relation, attribute, true) : NULL;
	column->quoted = column->name != NULL ? quote_identifier(column->name) : NULL;
	column->attribute = attribute;
}

/* How a table is protected, or was before its policies were tampered with. */
static Protection
intended_protection(List *policies, ProtectedTable *table)
{
	Isolation	isolation;
	Protection	protection = policy_protection(table->relation, &isolation);

	fill_in_column(table, isolation.account, &table->account);
	fill_in_column(table, isolation.workspace, &table->workspace);
	table->read_permission = isolation.read_permission;
	table->write_permission = isolation.write_permission;
	if (protection == PROTECTION_NONE && isolation.account > 0)
		return PROTECTION_ISOLATED;
	for (int i = 0; i < lengthof(specs) && protection == PROTECTION_NONE; i++)
	{
		const Policy *policy = find_policy(policies, specs[i].name);

		if (specs[i].protection == PROTECTION_SHARED && policy != NULL && is_ours(&specs[i], policy))
			return PROTECTION_SHARED;
	}
	return protection;
}

List *
policy_drift(ProtectedTable *table)
{
	List	   *policies = read_policies(table->relation);
	Protection	protection = intended_protection(policies, table);
	Isolation	isolation = policy_isolation(table);
	List	   *drifts = NIL;

	for (int i = 0; i < lengthof(specs); i++)
	{
		const Policy *policy = find_policy(policies, specs[i].name);
		PolicyDrift *drift;

		if (!is_wanted(&specs[i], protection, policies) ||
			(policy != NULL && matches(&specs[i], policy, &isolation)))
			continue;
		drift = palloc(sizeof(PolicyDrift));
		drift->policy = specs[i].name;
		drift->missing = policy == NULL;
		drift->fix = policy == NULL ? policy_sql(table, &specs[i]) :
			psprintf("DROP POLICY %s ON %s; %s", specs[i].name, table->name, policy_sql(table, &specs[i]));
		drifts = lappend(drifts, drift);
	}
	return drifts;
}
