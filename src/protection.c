/*
 * protection.c
 *	  A table and all below it: may it be protected, and the statements that
 *	  protect it or end that.
 *
 * What is protected is read from the policies themselves, there is no registry: a
 * table is isolated as long as it has our restrictive policy for SELECT.  A tree of
 * partitions or children is protected as a whole, because the policies of the
 * table named in a query are the only ones that are applied; so nothing in it may
 * have a parent outside.
 */
#include "account.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "rewrite/prs2lock.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#define TRIGGER_NAME "account_require_writable"
#define TRIGGER_TYPE (TRIGGER_TYPE_BEFORE | TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | \
					  TRIGGER_TYPE_DELETE | TRIGGER_TYPE_TRUNCATE)

/* Policies refuse all else to others than the owner of a shared table. */
#define TRUNCATE_TYPE (TRIGGER_TYPE_BEFORE | TRIGGER_TYPE_TRUNCATE)

static Oid
require_writable_function(void)
{
	return schema_function("require_writable", 0, NULL);
}

const char *
protection_table_name(Oid relation)
{
	return quote_qualified_identifier(get_namespace_name_or_temp(get_rel_namespace(relation)),
									  get_rel_name(relation));
}

/* ------------------------------------------------------------- the tables */

/* Why a relation can be neither isolated nor shared; NULL if it can. */
static const char *
unfit_reason(Oid relation, Form_pg_class form)
{
	Oid			extension;

	if (form->relkind == RELKIND_FOREIGN_TABLE)
		return "it is a foreign table, to whose rows another server gives access";
	if (form->relkind != RELKIND_RELATION && form->relkind != RELKIND_PARTITIONED_TABLE)
		return "it is not a table";
	if (relation < FirstNormalObjectId)
		return "it is a system table";
	if (form->relpersistence == RELPERSISTENCE_TEMP)
		return "it is a temporary table";
	if (form->relnamespace == schema_catalog()->namespace_id)
		return "it is a table of extension \"account\" itself";
	extension = getExtensionOfObject(RelationRelationId, relation);
	if (OidIsValid(extension))
		return psprintf("it belongs to extension \"%s\"", get_extension_name(extension));
	return NULL;
}

/* A rule writes where no policy of this table is asked. */
static bool
has_write_rule(Oid relation_id)
{
	Relation	relation = table_open(relation_id, NoLock);
	bool		found = false;

	for (int i = 0; relation->rd_rules != NULL && i < relation->rd_rules->numLocks; i++)
	{
		if (relation->rd_rules->rules[i]->event != CMD_SELECT)
			found = true;
	}
	table_close(relation, NoLock);
	return found;
}

static void
require_fit(Oid relation, Form_pg_class form)
{
	const char *reason = unfit_reason(relation, form);

	if (reason != NULL)
		error_raise(ERROR_BAD_REQUEST, NULL, "%s cannot be isolated or shared: %s",
					protection_table_name(relation), reason);
	if (has_write_rule(relation))
		error_raise(ERROR_BAD_REQUEST, "Replace its rules by triggers.",
					"%s cannot be isolated or shared: it has a rule for INSERT, UPDATE or DELETE",
					protection_table_name(relation));
}

/* CREATE POLICY and CREATE TRIGGER run as the owner and name our functions. */
static void
require_owner_level(Oid owner, const char *table)
{
	if (proc_aclcheck(require_writable_function(), owner) != ACLCHECK_OK)
		error_raise(ERROR_FORBIDDEN,
					"As a superuser: SELECT account.grant_access(role, 'owner').",
					"role \"%s\", which owns %s, has not level \"owner\"",
					GetUserNameFromId(owner, false), table);
}

static void
require_ownership(Oid relation)
{
	if (!class_ownercheck(relation, GetUserId()))
		error_raise(ERROR_FORBIDDEN, "Call it as the table's owner.",
					"must be owner of table %s", protection_table_name(relation));
}

/* What the catalogs say of one locked table; column is NULL if it is of no concern. */
static ProtectedTable *
inspect_table(Oid relation, const char *column)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	ProtectedTable *table = palloc0(sizeof(ProtectedTable));
	Form_pg_class form;

	if (!HeapTupleIsValid(tuple))
		error_raise(ERROR_NOT_FOUND, NULL, "there is no table with oid %u", relation);
	form = (Form_pg_class) GETSTRUCT(tuple);
	require_fit(relation, form);
	table->relation = relation;
	table->owner = form->relowner;
	table->kind = form->relkind;
	table->partition = form->relispartition;
	table->row_security = form->relrowsecurity;
	table->forced = form->relforcerowsecurity;
	table->name = protection_table_name(relation);
	ReleaseSysCache(tuple);

	if (column != NULL)
		column_inspect_account(table, column);
	return table;
}

/* The parents that a table inherits from, partitioned ones too. */
List *
protection_parents(Oid relation)
{
	Relation	inherits = table_open(InheritsRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *parents = NIL;

	ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relation));
	scan = systable_beginscan(inherits, InheritsRelidSeqnoIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		parents = lappend_oid(parents, ((Form_pg_inherits) GETSTRUCT(tuple))->inhparent);
	systable_endscan(scan);
	table_close(inherits, AccessShareLock);
	return parents;
}

static Oid
topmost_parent(Oid relation)
{
	List	   *parents;

	while ((parents = protection_parents(relation)) != NIL)
		relation = linitial_oid(parents);
	return relation;
}

/* Of permissions, and of the names of resources. */
static bool
same_name(const char *left, const char *right)
{
	return left == NULL || right == NULL ? left == right : strcmp(left, right) == 0;
}

/* Whether a column of a table has the name of one of another; 0 is no column. */
static bool
same_column(Oid left, AttrNumber left_column, Oid right, AttrNumber right_column)
{
	const char *left_name = left_column != 0 ? get_attname(left, left_column, true) : "";
	const char *right_name = right_column != 0 ? get_attname(right, right_column, true) : "";

	return left_name != NULL && right_name != NULL && strcmp(left_name, right_name) == 0;
}

static bool
same_isolation(Oid left, const Isolation *of_left, Oid right, const Isolation *of_right)
{
	return same_column(left, of_left->account, right, of_right->account) &&
		same_column(left, of_left->workspace, right, of_right->workspace) &&
		same_name(of_left->read_permission, of_right->read_permission) &&
		same_name(of_left->write_permission, of_right->write_permission) &&
		same_name(of_left->quota, of_right->quota);
}

void
protection_require_parents(Oid relation, List *tree, Protection protection, const Isolation *isolation)
{
	ListCell   *cell;

	foreach(cell, protection_parents(relation))
	{
		Oid			parent = lfirst_oid(cell);
		Isolation	of_parent;

		if (list_member_oid(tree, parent))
			continue;
		if (policy_protection(parent, &of_parent) != protection)
			error_raise(ERROR_BAD_REQUEST,
						psprintf("Call it for %s, which reaches all below, or take the table out of there.",
								 protection_table_name(topmost_parent(parent))),
						protection == PROTECTION_NONE ? "table %s inherits from %s, which is isolated or shared" :
						"table %s inherits from %s, by whose name its rows would be open",
						protection_table_name(relation), protection_table_name(parent));
		of_parent.quota = counting_quota(parent);
		if (protection == PROTECTION_ISOLATED && !same_isolation(relation, isolation, parent, &of_parent))
			error_raise(ERROR_BAD_REQUEST,
						psprintf("Isolate it by the same columns, permissions and quota, or call it for %s, which reaches all below.",
								 protection_table_name(topmost_parent(parent))),
						"table %s inherits from %s, which is isolated by other columns, permissions or quota",
						protection_table_name(relation), protection_table_name(parent));
	}
}

/* Raises if a table is protected in another way already. */
static void
require_same_protection(const ProtectedTable *table, Protection protection)
{
	Isolation	isolation;
	Protection	present = policy_protection(table->relation, &isolation);

	if (present == PROTECTION_NONE)
		return;
	if (present != protection)
		error_raise(ERROR_CONFLICT, "Call account.release() first.",
					"table %s is %s already", table->name,
					present == PROTECTION_SHARED ? "shared" : "isolated");
	if (isolation.account != table->account.attribute)
		error_raise(ERROR_CONFLICT, "Call account.release() first.",
					"table %s is isolated already, by column %s", table->name,
					quote_identifier(get_attname(table->relation, isolation.account, false)));
}

/*
 * Locks a table and all below it and says what the catalogs have, the table
 * first.  Ownership is checked before the lock is waited for, and again after.
 */
List *
protection_open(Oid relation, const char *column, LOCKMODE lock, bool check_owner)
{
	List	   *tree;
	List	   *tables = NIL;
	ListCell   *cell;

	if (get_rel_name(relation) == NULL)
		error_raise(ERROR_NOT_FOUND, NULL, "there is no table with oid %u", relation);
	if (check_owner)
		require_ownership(relation);
	LockRelationOid(relation, lock);
	tree = find_all_inheritors(relation, lock, NULL);
	foreach(cell, tree)
	{
		if (check_owner && get_rel_name(lfirst_oid(cell)) != NULL)
			require_ownership(lfirst_oid(cell));
		tables = lappend(tables, inspect_table(lfirst_oid(cell), column));
	}
	return tables;
}

static List *
tree_oids(List *tables)
{
	List	   *oids = NIL;
	ListCell   *cell;

	foreach(cell, tables)
		oids = lappend_oid(oids, ((ProtectedTable *) lfirst(cell))->relation);
	return oids;
}

/* Takes from what a table confines its rows by whatever the request leaves open. */
static void
complete_request(ProtectionRequest *request, Oid relation)
{
	Isolation	isolation;

	(void) policy_protection(relation, &isolation);
	if (request->workspace_column == NULL && isolation.workspace != 0)
		request->workspace_column = get_attname(relation, isolation.workspace, false);
	if (request->read_permission == NULL)
		request->read_permission = isolation.read_permission;
	if (request->write_permission == NULL)
		request->write_permission = isolation.write_permission;
	if (request->quota == NULL)
		request->quota = counting_quota(relation);
}

/* Says of all tables what is wanted of them: what is asked for, or else what they or their parents have. */
static void
apply_request(List *tables, const ProtectionRequest *asked)
{
	ProtectionRequest request = *asked;
	ListCell   *cell;

	foreach(cell, tables)
		complete_request(&request, ((ProtectedTable *) lfirst(cell))->relation);
	foreach(cell, protection_parents(((ProtectedTable *) linitial(tables))->relation))
		complete_request(&request, lfirst_oid(cell));
	foreach(cell, tables)
	{
		ProtectedTable *table = lfirst(cell);

		table->read_permission = request.read_permission;
		table->write_permission = request.write_permission;
		table->quota = request.quota;
		if (request.workspace_column != NULL)
			column_inspect_workspace(table, request.workspace_column);
	}
}

/* Raises if only a child has a column that the table above it is to get. */
static void
require_no_column(const ProtectedTable *head, const ProtectedColumn *of_head, const ProtectedTable *table,
				  const ProtectedColumn *column)
{
	if (of_head->name != NULL && of_head->attribute == 0 && column->attribute != 0)
		error_raise(ERROR_BAD_REQUEST, "Add the column to the topmost table first.",
					"table %s has a column %s of its own, and %s, above it, has none",
					table->name, column->quoted, head->name);
}

static void
require_protectable(List *tables, Protection protection)
{
	List	   *tree = tree_oids(tables);
	const ProtectedTable *head = linitial(tables);
	ListCell   *cell;

	foreach(cell, tables)
	{
		const ProtectedTable *table = lfirst(cell);
		Isolation	isolation = policy_isolation(table);

		isolation.quota = table->quota;
		protection_require_parents(table->relation, tree, protection, &isolation);
		require_same_protection(table, protection);
		require_owner_level(table->owner, table->name);
		require_no_column(head, &head->account, table, &table->account);
		require_no_column(head, &head->workspace, table, &table->workspace);
	}
}

/* ------------------------------------------------------------- statements */

typedef enum TriggerState
{
	TRIGGER_ABSENT,
	TRIGGER_RIGHT,
	TRIGGER_WRONG,				/* ours, but changed or switched off */
	TRIGGER_FOREIGN				/* somebody else's of the same name */
} TriggerState;

/*
 * What the trigger of an isolated table is called with: the permission that writing
 * takes, and WORKSPACE_ARGUMENT if holding it in a workspace will do.
 */
static List *
trigger_arguments(const ProtectedTable *table)
{
	if (table->write_permission == NULL)
		return NIL;
	if (table->workspace.name == NULL)
		return list_make1(unconstify(char *, table->write_permission));
	return list_make2(unconstify(char *, table->write_permission), WORKSPACE_ARGUMENT);
}

static bool
has_arguments(const Trigger *trigger, List *arguments)
{
	if (trigger->tgnargs != list_length(arguments))
		return false;
	for (int i = 0; i < trigger->tgnargs; i++)
	{
		if (strcmp(trigger->tgargs[i], list_nth(arguments, i)) != 0)
			return false;
	}
	return true;
}

/* The state of the trigger, which is to have these arguments. */
static TriggerState
trigger_state(Oid relation_id, int16 type, List *arguments)
{
	Relation	relation = table_open(relation_id, NoLock);
	TriggerDesc *triggers = relation->trigdesc;
	TriggerState state = TRIGGER_ABSENT;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		Trigger    *trigger = &triggers->triggers[i];

		if (strcmp(trigger->tgname, TRIGGER_NAME) != 0)
			continue;
		if (trigger->tgfoid != require_writable_function())
			state = TRIGGER_FOREIGN;
		else if (trigger->tgtype == type && trigger->tgenabled == TRIGGER_FIRES_ALWAYS &&
				 trigger->tgnattr == 0 && trigger->tgqual == NULL && has_arguments(trigger, arguments))
			state = TRIGGER_RIGHT;
		else
			state = TRIGGER_WRONG;
	}
	table_close(relation, NoLock);
	return state;
}

static void
drop_trigger(Script *script, const ProtectedTable *table)
{
	script_run(script, table->owner, "DROP TRIGGER " TRIGGER_NAME " ON %s", table->name);
}

/* The trigger, for the events of a type, with arguments. */
static void
apply_trigger(Script *script, const ProtectedTable *table, int16 type, List *arguments)
{
	TriggerState state = trigger_state(table->relation, type, arguments);
	StringInfoData literals;
	ListCell   *cell;

	if (state == TRIGGER_RIGHT)
		return;
	if (state == TRIGGER_FOREIGN)
		error_raise(ERROR_CONFLICT, "Drop or rename it, and call the function again.",
					"table %s has a trigger \"%s\" that is not the one made here",
					table->name, TRIGGER_NAME);
	if (state == TRIGGER_WRONG)
		drop_trigger(script, table);
	initStringInfo(&literals);
	foreach(cell, arguments)
		appendStringInfo(&literals, "%s%s", literals.len > 0 ? ", " : "", quote_literal_cstr(lfirst(cell)));
	script_run(script, table->owner, "CREATE TRIGGER " TRIGGER_NAME
			   " BEFORE %s ON %s"
			   " FOR EACH STATEMENT EXECUTE FUNCTION account.require_writable(%s)",
			   type == TRUNCATE_TYPE ? "TRUNCATE" : "INSERT OR UPDATE OR DELETE OR TRUNCATE", table->name,
			   literals.data);
	script_run(script, table->owner, "ALTER TABLE ONLY %s ENABLE ALWAYS TRIGGER " TRIGGER_NAME, table->name);
}

static void
apply_isolation(Script *script, const ProtectedTable *table)
{
	policy_apply(script, table, PROTECTION_ISOLATED);
	apply_trigger(script, table, TRIGGER_TYPE, trigger_arguments(table));
	if (!table->row_security)
		script_run(script, table->owner, "ALTER TABLE ONLY %s ENABLE ROW LEVEL SECURITY", table->name);
	if (!table->forced)
		script_run(script, table->owner, "ALTER TABLE ONLY %s FORCE ROW LEVEL SECURITY", table->name);
	counting_apply(script, table);
}

/* Not forced: the owner's migrations are what keeps the rows. */
static void
apply_sharing(Script *script, const ProtectedTable *table)
{
	policy_apply(script, table, PROTECTION_SHARED);
	apply_trigger(script, table, TRUNCATE_TYPE, NIL);
	if (!table->row_security)
		script_run(script, table->owner, "ALTER TABLE ONLY %s ENABLE ROW LEVEL SECURITY", table->name);
}

/* Row security stays on where the owner has policies of their own. */
static void
remove_protection(Script *script, const ProtectedTable *table)
{
	TriggerState state = trigger_state(table->relation, TRIGGER_TYPE, NIL);
	bool		others = policy_count_others(table) > 0;

	if (!others && table->forced)
		script_run(script, table->owner, "ALTER TABLE ONLY %s NO FORCE ROW LEVEL SECURITY", table->name);
	if (!others && table->row_security)
		script_run(script, table->owner, "ALTER TABLE ONLY %s DISABLE ROW LEVEL SECURITY", table->name);
	if (state == TRIGGER_RIGHT || state == TRIGGER_WRONG)
		drop_trigger(script, table);
	counting_remove(script, table);
	policy_apply(script, table, PROTECTION_NONE);
}

void
protection_apply(Script *script, List *tables, const ProtectionRequest *request)
{
	ListCell   *cell;

	if (request->protection == PROTECTION_ISOLATED)
		apply_request(tables, request);
	require_protectable(tables, request->protection);
	if (request->protection == PROTECTION_ISOLATED)
		column_apply(script, tables, request->existing_rows, request->foreign_key);
	foreach(cell, tables)
	{
		if (request->protection == PROTECTION_ISOLATED)
			apply_isolation(script, lfirst(cell));
		else
			apply_sharing(script, lfirst(cell));
	}
}

void
protection_warn_of_owner(const ProtectedTable *table)
{
	if (superuser_arg(table->owner) || has_bypassrls_privilege(table->owner))
		ereport(WARNING,
				(errmsg("row security does not bind role \"%s\", which owns table %s",
						GetUserNameFromId(table->owner, false), table->name),
				 errhint("Let an ordinary role own it, which is neither superuser nor has BYPASSRLS.")));
}

void
protection_remove(Script *script, List *tables)
{
	ListCell   *cell;

	foreach(cell, tables)
		remove_protection(script, lfirst(cell));
}
