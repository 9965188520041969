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
#include "access/table.h"
#include "catalog/indexing.h"
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

/* What policies call, by test. */
static const char *const test_functions[] = {
	[TEST_READABLE] = "policy_account_id",
	[TEST_WRITABLE] = "policy_writable_account_id",
	[TEST_STORABLE] = "policy_new_account_id",
	[TEST_IDENTIFIED] = "policy_identified",
};

static Oid
test_function(PolicyTest test)
{
	return schema_function(test_functions[test], 0, NULL);
}

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

/* The policies of a table, or the one of a name. */
static List *
read_policies(Oid relation, const char *name)
{
	Relation	policies = table_open(PolicyRelationId, AccessShareLock);
	TupleDesc	descriptor = RelationGetDescr(policies);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *result = NIL;

	ScanKeyInit(&keys[0], Anum_pg_policy_polrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relation));
	if (name != NULL)
		ScanKeyInit(&keys[1], Anum_pg_policy_polname, BTEqualStrategyNumber, F_NAMEEQ,
					CStringGetDatum(name));
	scan = systable_beginscan(policies, PolicyPolrelidPolnameIndexId, true, NULL,
							  name != NULL ? 2 : 1, keys);
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
uuid_equality(Node *left, Node *right)
{
	return (Node *) make_opclause(lookup_type_cache(UUIDOID, TYPECACHE_EQ_OPR)->eq_opr, BOOLOID, false,
								  (Expr *) left, (Expr *) right, InvalidOid, InvalidOid);
}

static Node *
uuid_column(AttrNumber column)
{
	return (Node *) makeVar(1, column, UUIDOID, -1, InvalidOid, 0);
}

/* The call of one of our functions, as it stands in a stored expression. */
static Node *
function_call(PolicyTest test, Oid result)
{
	return (Node *) makeFuncExpr(test_function(test), result, NIL, InvalidOid, InvalidOid,
								 COERCE_EXPLICIT_CALL);
}

/* The expression of a test, as the server stores it. */
static Node *
test_node(PolicyTest test, AttrNumber column)
{
	switch (test)
	{
		case TEST_NONE:
			break;
		case TEST_READABLE:
		case TEST_WRITABLE:
		case TEST_STORABLE:
			return uuid_equality(uuid_column(column), function_call(test, UUIDOID));
		case TEST_IDENTIFIED:
			return function_call(test, BOOLOID);
		case TEST_NEVER:
			return makeBoolConst(false, false);
	}
	return NULL;
}

/* The expression of a test, as SQL; column is quoted. */
static const char *
test_sql(PolicyTest test, const char *column)
{
	switch (test)
	{
		case TEST_NONE:
			break;
		case TEST_READABLE:
		case TEST_WRITABLE:
		case TEST_STORABLE:
			return psprintf("%s OPERATOR(pg_catalog.=) account.%s()", column, test_functions[test]);
		case TEST_IDENTIFIED:
			return psprintf("account.%s()", test_functions[test]);
		case TEST_NEVER:
			return "false";
	}
	return NULL;
}

static bool
matches(const PolicySpec *spec, const Policy *policy, AttrNumber column)
{
	return policy->command == spec->command &&
		policy->permissive == spec->permissive &&
		policy->everyone &&
		equal(policy->using_test, test_node(spec->using_test, column)) &&
		equal(policy->check_test, test_node(spec->check_test, column));
}

/* Walker: whether an expression calls a function that only our policies call. */
static bool
calls_us(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, FuncExpr))
	{
		Oid			function = ((FuncExpr *) node)->funcid;

		for (PolicyTest test = TEST_READABLE; test <= TEST_IDENTIFIED; test++)
		{
			if (function == test_function(test))
				return true;
		}
	}
	return expression_tree_walker(node, calls_us, context);
}

static bool
is_ours(const PolicySpec *spec, const Policy *policy, AttrNumber column)
{
	return matches(spec, policy, column) ||
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

static void
create_policy(Script *script, const ProtectedTable *table, const PolicySpec *spec)
{
	const char *using_test = test_sql(spec->using_test, table->column);
	const char *check_test = test_sql(spec->check_test, table->column);
	StringInfoData clauses;

	initStringInfo(&clauses);
	if (using_test != NULL)
		appendStringInfo(&clauses, " USING (%s)", using_test);
	if (check_test != NULL)
		appendStringInfo(&clauses, " WITH CHECK (%s)", check_test);
	script_run(script, table->owner, "CREATE POLICY %s ON %s AS %s FOR %s TO PUBLIC%s",
			   spec->name, table->name, spec->permissive ? "PERMISSIVE" : "RESTRICTIVE",
			   command_sql(spec->command), clauses.data);
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

	if (policy != NULL && !is_ours(spec, policy, table->attribute))
	{
		if (wanted)
			error_raise(ERROR_CONFLICT,
						"Drop or rename it, and call the function again.",
						"table %s has a policy \"%s\" that is not the one made here",
						table->name, spec->name);
		return;
	}
	if (policy != NULL && !(wanted && matches(spec, policy, table->attribute)))
	{
		script_run(script, table->owner, "DROP POLICY %s ON %s", spec->name, table->name);
		policy = NULL;
	}
	if (policy == NULL && wanted)
		create_policy(script, table, spec);
}

void
policy_apply(Script *script, const ProtectedTable *table, Protection protection)
{
	List	   *policies = read_policies(table->relation, NULL);

	for (int i = 0; i < lengthof(specs); i++)
		apply_spec(script, table, protection, &specs[i], policies);
}

int
policy_count_others(const ProtectedTable *table)
{
	List	   *policies = read_policies(table->relation, NULL);
	int			count = list_length(policies);

	for (int i = 0; i < lengthof(specs); i++)
	{
		const Policy *policy = find_policy(policies, specs[i].name);

		if (policy != NULL && is_ours(&specs[i], policy, table->attribute))
			count--;
	}
	return count;
}

/* The column that a policy compares with the account, 0 if it is of another form. */
static AttrNumber
compared_column(const Policy *policy)
{
	OpExpr	   *comparison = (OpExpr *) policy->using_test;

	if (comparison == NULL || !IsA(comparison, OpExpr) || !IsA(linitial(comparison->args), Var))
		return 0;
	return ((Var *) linitial(comparison->args))->varattno;
}

Protection
policy_protection(Oid relation, AttrNumber *column)
{
	List	   *found = read_policies(relation, specs[0].name);

	*column = 0;
	if (found != NIL)
	{
		AttrNumber	compared = compared_column(linitial(found));

		if (compared > 0 && matches(&specs[0], linitial(found), compared))
		{
			*column = compared;
			return PROTECTION_ISOLATED;
		}
	}

	for (int i = 0; i < lengthof(specs); i++)
	{
		if (specs[i].protection != PROTECTION_SHARED)
			continue;
		found = read_policies(relation, specs[i].name);
		if (found != NIL && matches(&specs[i], linitial(found), 0))
			return PROTECTION_SHARED;
		break;
	}
	return PROTECTION_NONE;
}
