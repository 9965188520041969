/*
 * outline.c
 *	  An account and all below it, drawn for people.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"

PG_FUNCTION_INFO_V1(account_outline_account_tree);

/* What leads from a line to those below it. */
typedef struct Branches
{
	const char *child;
	const char *last_child;
	const char *beside;			/* under a child that others follow */
	const char *under;			/* under the last */
} Branches;

static const Branches unicode_branches = {"\342\224\234\342\224\200\342\224\200 ",
	"\342\224\224\342\224\200\342\224\200 ", "\342\224\202   ", "    "};
static const Branches ascii_branches = {"|-- ", "`-- ", "|   ", "    "};

typedef struct TreeNode
{
	pg_uuid_t	account_id;		/* hash key */
	char	   *label;
	int			holds;			/* on itself */
	bool		leaving;		/* to be purged */
	struct TreeNode *first_child;
	struct TreeNode *last_child;
	struct TreeNode *next_sibling;
} TreeNode;

/* The name, and the plan that the account holds; they keep to their line whatever is in them. */
static char *
node_label(const QueryScope *scope, uint64 row)
{
	char	   *name = query_string(scope, row, 3);
	char	   *plan = query_string(scope, row, 4);
	char	   *label = plan != NULL ? psprintf("%s (%s)", name, plan) : name;

	for (char *c = label; *c != '\0'; c++)
	{
		if ((unsigned char) *c < ' ' || *c == 0x7f)
			*c = ' ';
	}
	return label;
}

static void
add_child(TreeNode *parent, TreeNode *child)
{
	if (parent->first_child == NULL)
		parent->first_child = child;
	else
		parent->last_child->next_sibling = child;
	parent->last_child = child;
}

/* Makes nodes of the last result, and hangs each below its parent; the parent may come later. */
static TreeNode *
link_nodes(const QueryScope *scope, uint64 rows, const pg_uuid_t *top)
{
	HASHCTL		control = {.keysize = sizeof(pg_uuid_t),.entrysize = sizeof(TreeNode),.hcxt = scope->caller};
	HTAB	   *nodes = hash_create("accounts to draw", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	pg_uuid_t	id;

	for (uint64 row = 0; row < rows; row++)
	{
		TreeNode   *node;

		(void) query_uuid(row, 1, &id);
		node = hash_search(nodes, &id, HASH_ENTER, NULL);
		node->label = node_label(scope, row);
		node->holds = (query_bool(row, 5) ? HOLD_IS_ARCHIVED : 0) | (query_bool(row, 6) ? HOLD_IS_SUSPENDED : 0);
		node->leaving = query_bool(row, 7);
		node->first_child = node->last_child = node->next_sibling = NULL;
	}
	for (uint64 row = 0; row < rows; row++)
	{
		TreeNode   *node;
		TreeNode   *parent;

		(void) query_uuid(row, 1, &id);
		node = hash_search(nodes, &id, HASH_FIND, NULL);
		if (memcmp(&id, top, UUID_LEN) == 0 || !query_uuid(row, 2, &id))
			continue;
		parent = hash_search(nodes, &id, HASH_FIND, NULL);
		if (parent != NULL)
			add_child(parent, node);
	}
	return hash_search(nodes, top, HASH_FIND, NULL);
}

/* What has been drawn, and what every further line begins with. */
typedef struct Drawing
{
	const Branches *branches;
	StringInfoData text;
	StringInfoData margin;
} Drawing;

static void
draw_node(Drawing *drawing, const TreeNode *node, int holds)
{
	appendStringInfoString(&drawing->text, node->label);
	if (node->leaving)
		appendStringInfoString(&drawing->text, " [to be deleted]");
	if (holds & HOLD_IS_ARCHIVED)
		appendStringInfoString(&drawing->text, " [archived]");
	if (holds & HOLD_IS_SUSPENDED)
		appendStringInfoString(&drawing->text, " [suspended]");
}

/* Draws what is below a node; holds are those on it and on all above. */
static void
draw_children(Drawing *drawing, const TreeNode *node, int holds)
{
	const Branches *branches = drawing->branches;
	StringInfo	margin = &drawing->margin;
	int			indent = margin->len;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	for (const TreeNode *child = node->first_child; child != NULL; child = child->next_sibling)
	{
		bool		is_last = child->next_sibling == NULL;

		appendStringInfo(&drawing->text, "\n%s%s", margin->data,
						 is_last ? branches->last_child : branches->child);
		draw_node(drawing, child, holds | child->holds);
		appendStringInfoString(margin, is_last ? branches->under : branches->beside);
		draw_children(drawing, child, holds | child->holds);
		margin->len = indent;
		margin->data[indent] = '\0';
	}
}

/* account_tree(account_id) */
Datum
account_outline_account_tree(PG_FUNCTION_ARGS)
{
	static Statement find = {
		"SELECT a.account_id, a.parent_account_id, a.name::pg_catalog.text, p.name::pg_catalog.text,"
		" d.archived, d.suspended, d.leaving"
		DIRECTORY_SUBTREE(">=")
		" LEFT JOIN account.subscriptions s ON s.account_id OPERATOR(pg_catalog.=) a.account_id"
		" LEFT JOIN account.plans p ON p.plan_id OPERATOR(pg_catalog.=) s.plan_id"
		" LEFT JOIN (SELECT o.subject_id,"
		" pg_catalog.bool_or(o.kind OPERATOR(pg_catalog.=) ANY ('{a,p}'::pg_catalog.\"char\"[])) AS archived,"
		" pg_catalog.bool_or(o.kind OPERATOR(pg_catalog.=) 'p') AS leaving,"
		" pg_catalog.bool_or(o.kind OPERATOR(pg_catalog.=) 's') AS suspended"
		" FROM account.holds o GROUP BY o.subject_id) d ON d.subject_id OPERATOR(pg_catalog.=) a.account_id"
		" WHERE h.account_id OPERATOR(pg_catalog.=) $1"
		" ORDER BY a.created_at, a.name::pg_catalog.text COLLATE pg_catalog.\"C\", a.account_id",
		1, {UUIDOID}
	};
	Target		target;
	Datum		value;
	QueryScope	scope;
	TreeNode   *top;
	Drawing		drawing;
	int			holds;

	caller_target(NULL, PG_ARGISNULL(0) ? NULL : PG_GETARG_UUID_P(0),
					SCOPE_OWN | SCOPE_DESCENDANTS | SCOPE_ADMIN, &target);
	holds = hold_of_account(&target.account_id, target.path);
	drawing.branches = GetDatabaseEncoding() == PG_UTF8 ? &unicode_branches : &ascii_branches;
	initStringInfo(&drawing.text);
	initStringInfo(&drawing.margin);

	value = UUIDPGetDatum(&target.account_id);
	query_open(&scope);
	top = link_nodes(&scope, query_read(&find, &value, NULL), &target.account_id);
	if (top == NULL)
		error_raise(ERROR_NOT_FOUND, NULL, "account not found");
	draw_node(&drawing, top, holds);
	draw_children(&drawing, top, holds);
	query_close(&scope);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(drawing.text.data, drawing.text.len));
}
