/*
 * column.c
 *	  The column that says whose a row is: there, filled, with a default, an
 *	  index and, if asked for, a foreign key.  And the one that says in which
 *	  workspace it is: there and filled.
 *
 * What the catalogs say is read before the first statement, so that a dry run
 * gives the same statements.  Rows are looked at by a plain scan of the table
 * and not by a query: no policy hides one, and no expression of anybody's runs.
 */
#include "account.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/heap.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#define FOREIGN_KEY_NAME "account_fkey"
#define DEFAULT_SQL "account.current_account_id()"

/* How existing rows get their account. */
typedef struct Filling
{
	const char *expression;		/* NULL if none was given */
	bool		constant;
	pg_uuid_t	account_id;		/* if constant */
} Filling;

/* What a scan finds. */
typedef struct Survey
{
	uint64		rows;
	uint64		missing;		/* rows without an account */
	HTAB	   *accounts;		/* the accounts seen; NULL if nobody asks */
} Survey;

/* ------------------------------------------------------------ the catalogs */

/* Raises unless a column that is there can be taken as it is. */
static void
require_usable(const ProtectedTable *table, const ProtectedColumn *column, Form_pg_attribute attribute)
{
	if (attribute->atttypid != UUIDOID)
		error_raise(ERROR_BAD_REQUEST,
					"A domain or a type with a cast will not do: the column must be a plain uuid.",
					"table %s cannot be isolated: its column %s is of type %s, not uuid",
					table->name, column->quoted, format_type_be(attribute->atttypid));
	if (attribute->attgenerated != '\0')
		error_raise(ERROR_BAD_REQUEST,
					"Make it an ordinary column, or name another.",
					"table %s cannot be isolated: its column %s is generated",
					table->name, column->quoted);
}

static bool
has_default(Relation relation, AttrNumber attribute)
{
	Node	   *expression;

	if (!TupleDescAttr(RelationGetDescr(relation), attribute - 1)->atthasdef)
		return false;
	expression = build_column_default(relation, attribute);
	return expression != NULL && IsA(expression, FuncExpr) &&
		((FuncExpr *) expression)->funcid == schema_function("current_account_id", 0, NULL);
}

/* Whether the rows of an account, in a workspace if there is one, can be found by an index. */
static bool
has_index(Relation relation, const ProtectedTable *table)
{
	ListCell   *cell;
	bool		found = false;

	foreach(cell, RelationGetIndexList(relation))
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);
		const int16 *columns = index->rd_index->indkey.values;

		if (index->rd_index->indisvalid && columns[0] == table->account.attribute &&
			(table->workspace.name == NULL ||
			 (index->rd_index->indnkeyatts > 1 && columns[1] == table->workspace.attribute)) &&
			index->rd_rel->relam == BTREE_AM_OID &&
			heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL))
			found = true;
		index_close(index, AccessShareLock);
	}
	return found;
}

static bool
has_foreign_key(Relation relation, AttrNumber attribute)
{
	ListCell   *cell;

	foreach(cell, RelationGetFKeyList(relation))
	{
		ForeignKeyCacheInfo *key = lfirst(cell);

		if (key->confrelid == schema_catalog()->accounts && key->nkeys == 1 &&
			key->conkey[0] == attribute)
			return true;
	}
	return false;
}

/* Fills in a column; returns the table, open, if the column is there, otherwise NULL. */
static Relation
inspect_column(const ProtectedTable *table, const char *name, ProtectedColumn *column)
{
	Relation	relation;

	column->name = name;
	column->quoted = quote_identifier(name);
	if (name[0] == '\0' || SystemAttributeByName(name) != NULL)
		error_raise(ERROR_BAD_REQUEST, NULL,
					"table %s cannot be isolated: \"%s\" is not a name for a column", table->name, name);
	column->attribute = get_attnum(table->relation, name);
	if (column->attribute == InvalidAttrNumber)
		return NULL;
	relation = table_open(table->relation, NoLock);
	require_usable(table, column, TupleDescAttr(RelationGetDescr(relation), column->attribute - 1));
	column->not_null = column_is_filled(RelationGetDescr(relation), column->attribute - 1);
	return relation;
}

void
column_inspect_account(ProtectedTable *table, const char *name)
{
	Relation	relation = inspect_column(table, name, &table->account);

	if (relation == NULL)
		return;
	table->has_default = has_default(relation, table->account.attribute);
	table->has_index = has_index(relation, table);
	table->has_foreign_key = has_foreign_key(relation, table->account.attribute);
	table_close(relation, NoLock);
}

void
column_inspect_workspace(ProtectedTable *table, const char *name)
{
	Relation	relation = inspect_column(table, name, &table->workspace);

	if (strcmp(name, table->account.name) == 0)
		error_raise(ERROR_BAD_REQUEST, NULL,
					"table %s cannot be isolated: column %s cannot be that of the account and of the workspace",
					table->name, table->account.quoted);
	table->has_index = relation != NULL && has_index(relation, table);
	if (relation != NULL)
		table_close(relation, NoLock);
}

/* ---------------------------------------------------------------- the rows */

/* Raises unless an account that existing rows would belong to exists. */
static void
require_known_account(const pg_uuid_t *account_id)
{
	Validation	validation;

	if (tree_path(account_id) != NULL)
		return;
	validation_start(&validation);
	validation_add(&validation, "existing_rows", "unknown_account",
				   psprintf("a row would belong to account %s, which does not exist", tree_uuid_text(account_id)),
				   "Create the account first: create_account() takes the id that a tenant has already.");
	validation_finish(&validation);
}

/* Notes the account of a row; raises if it is one that does not exist. */
static void
note_account(HTAB *accounts, const pg_uuid_t *account_id)
{
	bool		found;

	(void) hash_search(accounts, account_id, HASH_ENTER, &found);
	if (!found)
		require_known_account(account_id);
}

/* Scans one table; attribute 0 only asks whether there is a row. */
static void
survey_table(Oid relation_id, AttrNumber attribute, Survey *survey)
{
	Relation	relation = table_open(relation_id, NoLock);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	TableScanDesc scan = table_beginscan(relation, snapshot, 0, NULL);

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		bool		isnull;
		Datum		value;

		CHECK_FOR_INTERRUPTS();
		survey->rows++;
		if (attribute == 0)
			break;
		value = slot_getattr(slot, attribute, &isnull);
		if (isnull)
			survey->missing++;
		else if (survey->accounts != NULL)
			note_account(survey->accounts, DatumGetUUIDP(value));
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	UnregisterSnapshot(snapshot);
	table_close(relation, NoLock);
}

/* Whether there is a row at all, or one without a value of a column: which is its place in ProtectedTable. */
static bool
any_row_to_fill(List *tables, size_t which)
{
	ListCell   *cell;

	foreach(cell, tables)
	{
		const ProtectedTable *table = lfirst(cell);
		const ProtectedColumn *column = (const ProtectedColumn *) ((const char *) table + which);
		Survey		survey = {0};

		if (table->kind != RELKIND_RELATION || column->not_null)
			continue;
		survey_table(table->relation, column->attribute, &survey);
		if (column->attribute == 0 ? survey.rows > 0 : survey.missing > 0)
			return true;
	}
	return false;
}

uint64
column_survey(List *tables, uint64 *rows)
{
	HASHCTL		control = {.keysize = sizeof(pg_uuid_t), .entrysize = sizeof(pg_uuid_t), .hcxt = CurrentMemoryContext};
	Survey		survey = {0};
	ListCell   *cell;

	survey.accounts = hash_create("accounts of existing rows", 1024, &control,
								  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	CommandCounterIncrement();
	foreach(cell, tables)
	{
		const ProtectedTable *table = lfirst(cell);

		if (table->kind == RELKIND_RELATION)
			survey_table(table->relation, get_attnum(table->relation, table->account.name), &survey);
	}
	hash_destroy(survey.accounts);
	*rows = survey.rows;
	return survey.missing;
}

/* Raises unless every row has an account that exists. */
static void
verify_filling(List *tables)
{
	uint64		rows;
	uint64		missing = column_survey(tables, &rows);
	Validation	validation;

	if (missing == 0)
		return;
	validation_start(&validation);
	validation_add(&validation, "existing_rows", "required",
				   psprintf("it gives no account for " UINT64_FORMAT " of " UINT64_FORMAT " rows",
							missing, rows),
				   "Name the tables that it reads with their schemas, and find a value for every row.");
	validation_finish(&validation);
}

/* ---------------------------------------------------------- existing_rows */

/* An error in the expression must not point into the statement that holds it. */
static void
expression_error(void *expression)
{
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(expression);
	}
}

/* A string literal, also one that is cast to uuid; NULL if it is anything else. */
static const char *
constant_text(Node *node)
{
	if (IsA(node, TypeCast))
	{
		TypeCast   *cast = (TypeCast *) node;

		if (strcmp(strVal(llast(cast->typeName->names)), "uuid") != 0 ||
			cast->typeName->arrayBounds != NIL)
			return NULL;
		node = cast->arg;
	}
	if (IsA(node, A_Const) && !((A_Const *) node)->isnull && IsA(&((A_Const *) node)->val, String))
		return strVal(&((A_Const *) node)->val);
	return NULL;
}

/*
 * Checks that the text is one expression and nothing else: it is put between
 * parentheses, and what parses as an expression cannot close them.
 */
static void
parse_filling(const char *expression, Filling *filling)
{
	ErrorContextCallback callback;
	SelectStmt *select;
	const char *constant;

	memset(filling, 0, sizeof(*filling));
	if (expression == NULL)
		return;

	callback.callback = expression_error;
	callback.arg = unconstify(char *, expression);
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	select = castNode(SelectStmt, linitial_node(RawStmt, raw_parser(expression, RAW_PARSE_PLPGSQL_EXPR))->stmt);
	error_context_stack = callback.previous;

	if (list_length(select->targetList) != 1 || select->fromClause != NIL)
		error_raise(ERROR_BAD_REQUEST, "A query goes into parentheses of its own.",
					"existing_rows must be one SQL expression");
	filling->expression = expression;
	constant = constant_text(linitial_node(ResTarget, select->targetList)->val);
	if (constant != NULL)
	{
		filling->constant = true;
		filling->account_id = *DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(constant)));
	}
}

/* -------------------------------------------------------------- statements */

/* "ENABLE ALWAYS TRIGGER x, ..." for what is on now, or "DISABLE TRIGGER x, ..."; NULL if nothing is. */
static char *
trigger_actions(const ProtectedTable *table, bool enable)
{
	Relation	relation = table_open(table->relation, NoLock);
	TriggerDesc *triggers = relation->trigdesc;
	StringInfoData actions;

	initStringInfo(&actions);
	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		Trigger    *trigger = &triggers->triggers[i];
		const char *verb = "DISABLE";

		if (trigger->tgisinternal || trigger->tgenabled == TRIGGER_DISABLED)
			continue;
		if (enable)
			verb = trigger->tgenabled == TRIGGER_FIRES_ALWAYS ? "ENABLE ALWAYS" :
				trigger->tgenabled == TRIGGER_FIRES_ON_REPLICA ? "ENABLE REPLICA" : "ENABLE";
		appendStringInfo(&actions, "%s%s TRIGGER %s", actions.len > 0 ? ", " : "", verb,
						 quote_identifier(trigger->tgname));
	}
	table_close(relation, NoLock);
	return actions.len > 0 ? actions.data : NULL;
}

List *
column_triggers_off(Script *script, List *tables)
{
	List	   *restore = NIL;
	ListCell   *cell;

	foreach(cell, tables)
	{
		restore = lappend(restore, trigger_actions(lfirst(cell), true));
	}
	foreach(cell, tables)
	{
		const ProtectedTable *table = lfirst(cell);
		char	   *actions = trigger_actions(table, false);

		if (actions != NULL)
			script_run(script, table->owner, "ALTER TABLE ONLY %s %s", table->name, actions);
	}
	return restore;
}

void
column_triggers_on(Script *script, List *tables, List *restore)
{
	ListCell   *cell;
	ListCell   *other;

	forboth(cell, tables, other, restore)
	{
		const ProtectedTable *table = lfirst(cell);

		if (lfirst(other) != NULL)
			script_run(script, table->owner, "ALTER TABLE ONLY %s %s", table->name,
					   (char *) lfirst(other));
	}
}

/* Writes the account into rows that have none, with the owner's triggers off: nothing else of a row changes. */
static void
fill_rows(Script *script, List *tables, const Filling *filling)
{
	const ProtectedTable *head = linitial(tables);
	List	   *restore = column_triggers_off(script, tables);

	script_run(script, head->owner, "UPDATE %s SET %s = (%s\n) WHERE %s IS NULL",
			   head->name, head->account.quoted, filling->expression, head->account.quoted);
	column_triggers_on(script, tables, restore);
}

/* Adds the column, filled where one value fits all rows. Returns whether rows remain to be filled. */
static bool
add_column(Script *script, const ProtectedTable *head, bool rows, const Filling *filling)
{
	if (rows && !filling->constant)
	{
		script_run(script, head->owner, "ALTER TABLE %s ADD COLUMN %s pg_catalog.uuid",
				   head->name, head->account.quoted);
		return true;
	}
	if (rows)
	{
		/* A constant default is not written into the rows, and stays theirs when the default changes. */
		require_known_account(&filling->account_id);
		script_run(script, head->owner,
				   "ALTER TABLE %s ADD COLUMN %s pg_catalog.uuid NOT NULL DEFAULT '%s'::pg_catalog.uuid",
				   head->name, head->account.quoted, tree_uuid_text(&filling->account_id));
	}
	else
		script_run(script, head->owner, "ALTER TABLE %s ADD COLUMN %s pg_catalog.uuid NOT NULL",
				   head->name, head->account.quoted);
	return false;
}

bool
column_add(Script *script, List *tables, const char *existing_rows)
{
	const ProtectedTable *head = linitial(tables);
	bool		to_fill = any_row_to_fill(tables, offsetof(ProtectedTable, account));
	Filling		filling;

	parse_filling(existing_rows, &filling);
	return head->account.attribute == 0 ? add_column(script, head, to_fill, &filling) : to_fill;
}

/* Whether every table of the list has what a field of it says. */
static bool
all_have(List *tables, size_t field)
{
	ListCell   *cell;

	foreach(cell, tables)
	{
		if (!*(const bool *) ((const char *) lfirst(cell) + field))
			return false;
	}
	return true;
}

/* NOT NULL and default: what is missing, in one statement that reaches the descendants. */
static void
complete_column(Script *script, List *tables, bool not_null)
{
	const ProtectedTable *head = linitial(tables);
	StringInfoData actions;

	initStringInfo(&actions);
	if (!not_null)
		appendStringInfo(&actions, ", ALTER COLUMN %s SET NOT NULL", head->account.quoted);
	if (!all_have(tables, offsetof(ProtectedTable, has_default)))
		appendStringInfo(&actions, ", ALTER COLUMN %s SET DEFAULT " DEFAULT_SQL, head->account.quoted);
	if (actions.len > 0)
		script_run(script, head->owner, "ALTER TABLE %s %s", head->name, actions.data + strlen(", "));
}

/* The column of the workspace: there, empty as the table is, or filled by the owner. */
static void
apply_workspace(Script *script, List *tables)
{
	const ProtectedTable *head = linitial(tables);
	const ProtectedColumn *column = &head->workspace;

	if (any_row_to_fill(tables, offsetof(ProtectedTable, workspace)))
		error_raise(ERROR_BAD_REQUEST,
					psprintf("Give every row the id of a workspace of its account in column %s first.", column->quoted),
					"table %s has rows without a workspace", head->name);
	if (column->attribute == 0)
		script_run(script, head->owner, "ALTER TABLE %s ADD COLUMN %s pg_catalog.uuid NOT NULL",
				   head->name, column->quoted);
	else if (!all_have(tables, offsetof(ProtectedTable, workspace.not_null)))
		script_run(script, head->owner, "ALTER TABLE %s ALTER COLUMN %s SET NOT NULL", head->name, column->quoted);
}

static void
create_indexes(Script *script, List *tables)
{
	ListCell   *cell;

	foreach(cell, tables)
	{
		const ProtectedTable *table = lfirst(cell);
		const char *workspace = table->workspace.quoted;

		/* A partition has those of its parent, which is in the list or was isolated before. */
		if (!table->has_index && !table->partition)
			script_run(script, table->owner, "CREATE INDEX ON %s (%s%s%s)", table->name, table->account.quoted,
					   workspace != NULL ? ", " : "", workspace != NULL ? workspace : "");
	}
}

static bool
may_reference_accounts(Oid role)
{
	Oid			accounts = schema_catalog()->accounts;

	return pg_class_aclcheck(accounts, role, ACL_REFERENCES) == ACLCHECK_OK ||
		pg_attribute_aclcheck(accounts, get_attnum(accounts, "account_id"), role,
							  ACL_REFERENCES) == ACLCHECK_OK;
}

/*
 * Nothing but the right to name account.accounts is missing to the table's
 * owner, so nothing but that right is lent, inside this transaction, where no
 * other session sees it.  The statement itself, and with it the check of the
 * rows, runs as the table's owner; the server's own queries on account.accounts
 * run as that table's owner.
 */
static void
create_foreign_key(Script *script, const ProtectedTable *table)
{
	Oid			accounts_owner = schema_catalog()->owner;
	const char *role = quote_identifier(GetUserNameFromId(table->owner, false));
	bool		lend = !may_reference_accounts(table->owner);

	if (lend)
		script_run(script, accounts_owner, "GRANT REFERENCES (account_id) ON account.accounts TO %s", role);
	script_run(script, table->owner, "ALTER TABLE %s ADD CONSTRAINT " FOREIGN_KEY_NAME
			   " FOREIGN KEY (%s) REFERENCES account.accounts (account_id)", table->name, table->account.quoted);
	if (lend)
		script_run(script, accounts_owner, "REVOKE REFERENCES (account_id) ON account.accounts FROM %s", role);
}

static void
create_foreign_keys(Script *script, List *tables)
{
	ListCell   *cell;

	foreach(cell, tables)
	{
		const ProtectedTable *table = lfirst(cell);

		if (!table->has_foreign_key && !table->partition)
			create_foreign_key(script, table);
	}
}

void
column_apply(Script *script, List *tables, const char *existing_rows, bool foreign_key)
{
	const ProtectedTable *head = linitial(tables);
	bool		not_null = all_have(tables, offsetof(ProtectedTable, account.not_null));
	bool		to_fill = any_row_to_fill(tables, offsetof(ProtectedTable, account));
	Filling		filling;

	parse_filling(existing_rows, &filling);
	if (to_fill && filling.expression == NULL)
		error_raise(ERROR_BAD_REQUEST,
					"Give existing_rows: an SQL expression over a row that yields its account.",
					"table %s has rows without an account", head->name);

	if (head->account.attribute == 0)
	{
		not_null = !to_fill || filling.constant;
		to_fill = add_column(script, head, to_fill, &filling);
	}
	if (to_fill)
	{
		fill_rows(script, tables, &filling);
		if (!script->dry_run)
			verify_filling(tables);
	}
	complete_column(script, tables, not_null);
	if (head->workspace.name != NULL)
		apply_workspace(script, tables);
	create_indexes(script, tables);
	if (foreign_key)
		create_foreign_keys(script, tables);
}
