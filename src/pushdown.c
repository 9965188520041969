/*
 * pushdown.c
 *	  account.push_quals: lets indexes serve LIKE, trigrams, @>, @@ and their like on
 *	  isolated tables.
 *
 * PostgreSQL holds whatever is not leakproof back until a policy has let a row pass, so
 * that an index cannot serve it.  Here conditions on one isolated table that are known to
 * tell nothing of the rows they meet are taken out of WHERE and put beside our own test in
 * the table's policy.  The policy itself stays as it is, and whatever else is asked stays
 * behind it.
 *
 * Known are operators that are built in, or C functions of a few extensions, that have no
 * effects and whose errors do not depend on a row: not on a column's value, and not on
 * whether a row is met at all.  What they compare a column with is therefore a constant that
 * was looked at here where it could be wrong (patterns), and nothing is ever called for it
 * while rows are read.
 */
#include "account.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_language.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/optimizer.h"
#include "optimizer/planner.h"
#include "parser/parsetree.h"
#include "regex/regex.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

/* What is known of an operator's function. */
typedef enum Known
{
	KNOWN_NOT,
	KNOWN_LEAKPROOF,			/* the server puts it in front by itself */
	KNOWN_PLAIN,				/* never raises */
	KNOWN_LIKE,					/* raises for its collation, or for the pattern on the right */
	KNOWN_REGEX,
	KNOWN_ARRAY					/* calls what compares the elements */
} Known;

static const struct
{
	Oid			function;
	Known		known;
}			built_in[] = {
	{F_TEXTLIKE, KNOWN_LIKE},
	{F_TEXTNLIKE, KNOWN_LIKE},
	{F_TEXTICLIKE, KNOWN_LIKE},
	{F_TEXTICNLIKE, KNOWN_LIKE},
	{F_BPCHARLIKE, KNOWN_LIKE},
	{F_BPCHARNLIKE, KNOWN_LIKE},
	{F_BPCHARICLIKE, KNOWN_LIKE},
	{F_BPCHARICNLIKE, KNOWN_LIKE},
	{F_TEXTREGEXEQ, KNOWN_REGEX},
	{F_TEXTREGEXNE, KNOWN_REGEX},
	{F_TEXTICREGEXEQ, KNOWN_REGEX},
	{F_TEXTICREGEXNE, KNOWN_REGEX},
	{F_JSONB_CONTAINS, KNOWN_PLAIN},
	{F_JSONB_CONTAINED, KNOWN_PLAIN},
	{F_JSONB_EXISTS, KNOWN_PLAIN},
	{F_JSONB_EXISTS_ANY, KNOWN_PLAIN},
	{F_JSONB_EXISTS_ALL, KNOWN_PLAIN},
	{F_TS_MATCH_VQ, KNOWN_PLAIN},
	{F_TS_MATCH_QV, KNOWN_PLAIN},
	{F_ARRAYCONTAINS, KNOWN_ARRAY},
	{F_ARRAYCONTAINED, KNOWN_ARRAY},
	{F_ARRAYOVERLAP, KNOWN_ARRAY},
};

/* Not intarray: its operators raise where an array has a NULL. */
static const struct
{
	const char *extension;
	const char *function;
}			of_extensions[] = {
	{"pg_trgm", "similarity_op"},
	{"pg_trgm", "word_similarity_op"},
	{"pg_trgm", "word_similarity_commutator_op"},
	{"pg_trgm", "strict_word_similarity_op"},
	{"pg_trgm", "strict_word_similarity_commutator_op"},
	{"hstore", "hs_contains"},
	{"hstore", "hs_contained"},
	{"hstore", "exist"},
	{"hstore", "exists_any"},
	{"hstore", "exists_all"},
	{"ltree", "ltree_isparent"},
	{"ltree", "ltree_risparent"},
	{"ltree", "ltq_regex"},
};

/* One condition that is being looked at. */
typedef struct Condition
{
	PlannerInfo *root;			/* has the values of parameters, and nothing else */
	int			relation;		/* the only one of which it has columns; 0 for none yet */
	bool		held_back;		/* an index would not serve it */
} Condition;

static planner_hook_type previous_planner = NULL;

static bool is_safe(Node **place, Condition *condition);

/* Whether a function written in C belongs to one of the extensions, and is one of theirs that are known. */
static bool
is_of_extension(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc form;
	Oid			extension;
	char	   *extension_name;
	bool		found = false;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_proc) GETSTRUCT(tuple);
	extension = form->prolang == ClanguageId ? getExtensionOfObject(ProcedureRelationId, function) : InvalidOid;
	extension_name = OidIsValid(extension) ? get_extension_name(extension) : NULL;
	for (int i = 0; extension_name != NULL && i < lengthof(of_extensions); i++)
	{
		if (strcmp(of_extensions[i].extension, extension_name) == 0 &&
			strcmp(of_extensions[i].function, NameStr(form->proname)) == 0)
			found = true;
	}
	ReleaseSysCache(tuple);
	return found;
}

/* What is known of an operator: of one that somebody made, nothing, whatever function it calls. */
static Known
what_is_known(Oid operator)
{
	Oid			function = get_opcode(operator);

	if (!OidIsValid(function))
		return KNOWN_NOT;
	if (operator >= FirstNormalObjectId)
		return is_of_extension(function) &&
			OidIsValid(getExtensionOfObject(OperatorRelationId, operator)) ? KNOWN_PLAIN : KNOWN_NOT;
	if (function < FirstNormalObjectId && get_func_leakproof(function))
		return KNOWN_LEAKPROOF;
	for (int i = 0; i < lengthof(built_in); i++)
	{
		if (built_in[i].function == function)
			return built_in[i].known;
	}
	return KNOWN_NOT;
}

/* A LIKE pattern is wrong if it ends in an escape that escapes nothing. */
static bool
is_like_pattern(const char *pattern, int length)
{
	for (int i = 0; i < length; i++)
	{
		if (pattern[i] == '\\' && ++i == length)
			return false;
	}
	return true;
}

/* Whether a regular expression can be compiled, and does not go back over what it has matched, which takes any time. */
static bool
is_regex_pattern(const char *pattern, int length, bool ignore_case, Oid collation)
{
	pg_wchar   *wide = palloc(sizeof(pg_wchar) * (length + 1));
	int			wide_length = pg_mb2wchar_with_len(pattern, wide, length);
	regex_t		compiled;
	bool		good;

	if (pg_regcomp(&compiled, wide, wide_length, REG_ADVANCED | (ignore_case ? REG_ICASE : 0), collation) != REG_OKAY)
		return false;
	good = (compiled.re_info & REG_UBACKREF) == 0;
	pg_regfree(&compiled);
	return good;
}

static bool
is_good_pattern(Known known, const OpExpr *expression)
{
	Const	   *constant = lsecond(expression->args);
	Oid			function = get_opcode(expression->opno);
	text	   *pattern;

	if (!IsA(constant, Const))
		return false;
	if (constant->constisnull)
		return true;
	pattern = DatumGetTextPP(constant->constvalue);
	if (known == KNOWN_LIKE)
		return is_like_pattern(VARDATA_ANY(pattern), VARSIZE_ANY_EXHDR(pattern));
	return is_regex_pattern(VARDATA_ANY(pattern), VARSIZE_ANY_EXHDR(pattern),
							function == F_TEXTICREGEXEQ || function == F_TEXTICREGEXNE, expression->inputcollid);
}

/* What compares the elements of an array must be leakproof itself. */
static bool
has_good_elements(Oid array_type)
{
	Oid			element = get_base_element_type(array_type);
	TypeCacheEntry *entry = OidIsValid(element) ? lookup_type_cache(element, TYPECACHE_EQ_OPR) : NULL;

	return entry != NULL && OidIsValid(entry->eq_opr) && what_is_known(entry->eq_opr) == KNOWN_LEAKPROOF;
}

static bool
is_safe_operator(OpExpr *expression, Condition *condition)
{
	Known		known = what_is_known(expression->opno);
	Oid			collation = expression->inputcollid;
	ListCell   *cell;

	if (known == KNOWN_NOT)
		return false;
	if (known != KNOWN_LEAKPROOF)
		condition->held_back = true;
	foreach(cell, expression->args)
	{
		if (!is_safe((Node **) &lfirst(cell), condition))
			return false;
	}
	switch (known)
	{
		case KNOWN_LIKE:
		case KNOWN_REGEX:
			return OidIsValid(collation) && get_collation_isdeterministic(collation) &&
				is_good_pattern(known, expression);
		case KNOWN_ARRAY:
			return has_good_elements(exprType(linitial(expression->args)));
		default:
			return true;
	}
}

/* Whether a function was made by somebody, or may answer differently at another time. */
static bool
is_not_constant(Oid function, void *context)
{
	return function >= FirstNormalObjectId || func_volatile(function) != PROVOLATILE_IMMUTABLE;
}

/* Walker: whether an expression has a column, or calls something that cannot be called now, once and for all. */
static bool
has_more(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (check_functions_in_node(node, is_not_constant, context))
		return true;
	switch (nodeTag(node))
	{
		case T_Const:
		case T_Param:
		case T_FuncExpr:
		case T_OpExpr:
		case T_ScalarArrayOpExpr:
		case T_ArrayExpr:
		case T_RelabelType:
		case T_CollateExpr:
		case T_CoerceViaIO:
		case T_ArrayCoerceExpr:
		case T_List:
			return expression_tree_walker(node, has_more, context);
		default:
			return true;
	}
}

/* An expression without columns, as the constant that it is; a parameter may stay one. */
static bool
is_value(Node **place, Condition *condition)
{
	Node	   *node = *place;

	if (has_more(node, NULL))
		return false;
	node = eval_const_expressions(condition->root, node);
	*place = node;
	return IsA(node, Const) || (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXTERN);
}

/* Whether an expression is a column of the only relation that the condition is about. */
static bool
is_column(const Var *variable, Condition *condition)
{
	if (variable->varlevelsup != 0 || variable->varattno <= 0)
		return false;
	if (condition->relation == 0)
		condition->relation = variable->varno;
	return condition->relation == variable->varno;
}

/* Whether all of an expression tells nothing of the rows that it meets; constants in it are worked out. */
static bool
is_safe(Node **place, Condition *condition)
{
	Node	   *node = *place;
	ListCell   *cell;

	check_stack_depth();
	switch (nodeTag(node))
	{
		case T_Var:
			return is_column((Var *) node, condition);
		case T_RelabelType:
			if (is_safe((Node **) &((RelabelType *) node)->arg, condition))
				return true;
			break;
		case T_CollateExpr:
			return is_safe((Node **) &((CollateExpr *) node)->arg, condition);
		case T_NullTest:
			return !((NullTest *) node)->argisrow && is_safe((Node **) &((NullTest *) node)->arg, condition);
		case T_BooleanTest:
			return is_safe((Node **) &((BooleanTest *) node)->arg, condition);
		case T_BoolExpr:
			foreach(cell, ((BoolExpr *) node)->args)
			{
				if (!is_safe((Node **) &lfirst(cell), condition))
					return false;
			}
			return true;
		case T_OpExpr:
			if (is_safe_operator((OpExpr *) node, condition))
				return true;
			break;
		case T_ScalarArrayOpExpr:
			return what_is_known(((ScalarArrayOpExpr *) node)->opno) == KNOWN_LEAKPROOF &&
				is_safe((Node **) &linitial(((ScalarArrayOpExpr *) node)->args), condition) &&
				is_safe((Node **) &lsecond(((ScalarArrayOpExpr *) node)->args), condition);
		default:
			break;
	}
	return is_value(place, condition);
}

/* Whether a policy is ours: it calls account.policy_row() or policy_writable_row(). */
static bool
is_our_policy(List *security_quals)
{
	ListCell   *cell;

	foreach(cell, security_quals)
	{
		ListCell   *test;

		foreach(test, make_ands_implicit(lfirst(cell)))
		{
			FuncExpr   *call = lfirst(test);
			char	   *name_space;
			char	   *name;

			if (!IsA(call, FuncExpr))
				continue;
			name = get_func_name(call->funcid);
			if (strcmp(name, "policy_row") != 0 && strcmp(name, "policy_writable_row") != 0)
				continue;
			name_space = get_namespace_name(get_func_namespace(call->funcid));
			if (name_space != NULL && strcmp(name_space, "account") == 0)
				return true;
		}
	}
	return false;
}

/* What a query's FROM is being searched with. */
typedef struct Search
{
	Query	   *query;
	PlannerInfo *root;
	Bitmapset  *relations;		/* whose rows are left out where a condition is not met */
} Search;

/* The relations below a node of FROM that no outer join fills with NULL. */
static void
find_relations(Node *node, Search *search)
{
	ListCell   *cell;

	if (IsA(node, RangeTblRef))
	{
		search->relations = bms_add_member(search->relations, ((RangeTblRef *) node)->rtindex);
	}
	else if (IsA(node, FromExpr))
	{
		foreach(cell, ((FromExpr *) node)->fromlist)
			find_relations(lfirst(cell), search);
	}
	else if (IsA(node, JoinExpr))
	{
		JoinExpr   *join = (JoinExpr *) node;

		if (join->jointype == JOIN_INNER || join->jointype == JOIN_LEFT)
			find_relations(join->larg, search);
		if (join->jointype == JOIN_INNER || join->jointype == JOIN_RIGHT)
			find_relations(join->rarg, search);
	}
}

/* Puts one condition beside the policy of the table that it is about, if that can be done. */
static bool
push(Node *qual, Search *search)
{
	Condition	condition = {search->root};
	Node	   *copy = copyObject(qual);
	RangeTblEntry *entry;

	if (!is_safe(&copy, &condition) || !condition.held_back || !bms_is_member(condition.relation, search->relations))
		return false;
	entry = rt_fetch(condition.relation, search->query->rtable);
	if (entry->rtekind != RTE_RELATION || entry->securityQuals == NIL || !is_our_policy(entry->securityQuals))
		return false;
	linitial(entry->securityQuals) = make_and_qual(linitial(entry->securityQuals), copy);
	return true;
}

/* The conditions that stay where they are. */
static Node *
push_quals(Node *quals, Search *search)
{
	List	   *rest = NIL;
	ListCell   *cell;

	if (quals == NULL)
		return NULL;
	foreach(cell, make_ands_implicit((Expr *) quals))
	{
		if (!push(lfirst(cell), search))
			rest = lappend(rest, lfirst(cell));
	}
	return rest == NIL ? NULL : (Node *) make_ands_explicit(rest);
}

/* The conditions of a node of FROM, and of inner joins below it. */
static void
push_from(Node *node, Search *search)
{
	ListCell   *cell;

	if (IsA(node, FromExpr))
	{
		foreach(cell, ((FromExpr *) node)->fromlist)
			push_from(lfirst(cell), search);
		((FromExpr *) node)->quals = push_quals(((FromExpr *) node)->quals, search);
	}
	else if (IsA(node, JoinExpr) && ((JoinExpr *) node)->jointype == JOIN_INNER)
	{
		JoinExpr   *join = (JoinExpr *) node;

		push_from(join->larg, search);
		push_from(join->rarg, search);
		join->quals = push_quals(join->quals, search);
	}
}

/* Walker: goes through a query and all those in it. MERGE has its conditions elsewhere, and rows that do not match. */
static bool
push_queries(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, push_queries, context);
	if (((Query *) node)->jointree != NULL && ((Query *) node)->commandType != CMD_MERGE)
	{
		Search		search = {(Query *) node, context};

		find_relations((Node *) search.query->jointree, &search);
		push_from((Node *) search.query->jointree, &search);
	}
	return query_tree_walker((Query *) node, push_queries, context, 0);
}

static PlannedStmt *
plan_query(Query *query, const char *string, int options, ParamListInfo parameters)
{
	if (setting_push_quals && query->commandType != CMD_UTILITY)
	{
		PlannerInfo *root = makeNode(PlannerInfo);

		root->parse = query;
		root->glob = makeNode(PlannerGlobal);
		root->glob->boundParams = parameters;
		(void) push_queries((Node *) query, root);
	}
	return previous_planner != NULL ? previous_planner(query, string, options, parameters) :
		standard_planner(query, string, options, parameters);
}

/* Plans that were made before are made again. */
void
pushdown_assign(bool value, void *extra)
{
	if (value != setting_push_quals)
		ResetPlanCache();
}

void
pushdown_init(void)
{
	previous_planner = planner_hook;
	planner_hook = plan_query;
}
