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
		column_inspect(table, column);
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

void
protection_require_parents(Oid relation, List *tree, Protection protection)
{
	ListCell   *cell;

	foreach(cell, protection_parents(relation))
	{
		Oid			parent = lfirst_oid(cell);
		AttrNumber	column;

		if (list_member_oid(tree, parent) || policy_protection(parent, &column) == protection)
			continue;
		error_raise(ERROR_BAD_REQUEST,
					psprintf("Call it for %s, which reaches all below, or take the table out of there.",
							 protection_table_name(topmost_parent(parent))),
					protection == PROTECTION_NONE ? "table %s inherits from %s, which is isolated or shared" :
					"table %s inherits from %s, by whose name its rows would be open",
					protection_table_name(relation), protection_table_name(parent));
	}
}

/* Raises if a table is protected in another way already. */
static void
require_same_protection(const ProtectedTable *table, Protection protection)
{
	AttrNumber	column;
	Protection	present = policy_protection(table->relation, &column);

	if (present == PROTECTION_NONE)
		return;
	if (present != protection)
		error_raise(ERROR_CONFLICT, "Call account.release() first.",
					"table %s is %s already", table->name,
					present == PROTECTION_SHARED ? "shared" : "isolated");
	if (column != table->attribute)
		error_raise(ERROR_CONFLICT, "Call account.release() first.",
					"table %s is isolated already, by column %s", table->name,
					quote_identifier(get_attname(table->relation, column, false)));
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

static void
require_protectable(List *tables, Protection protection)
{
	List	   *tree = tree_oids(tables);
	const ProtectedTable *head = linitial(tables);
	ListCell   *cell;

	foreach(cell, tables)
	{
		const ProtectedTable *table = lfirst(cell);

		protection_require_parents(table->relation, tree, protection);
		require_same_protection(table, protection);
		require_owner_level(table->owner, table->name);
		if (protection == PROTECTION_ISOLATED && head->attribute == 0 && table->attribute != 0)
			error_raise(ERROR_BAD_REQUEST, "Add the column to the topmost table first.",
						"table %s has a column %s of its own, and %s, above it, has none",
						table->name, table->column, head->name);
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

static TriggerState
trigger_state(Oid relation_id, int16 type)
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
				 trigger->tgnattr == 0 && trigger->tgqual == NULL)
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

/* The trigger, for the events of a type. */
static void
apply_trigger(Script *script, const ProtectedTable *table, int16 type)
{
	TriggerState state = trigger_state(table->relation, type);

	if (state == TRIGGER_RIGHT)
		return;
	if (state == TRIGGER_FOREIGN)
		error_raise(ERROR_CONFLICT, "Drop or rename it, and call the function again.",
					"table %s has a trigger \"%s\" that is not the one made here",
					table->name, TRIGGER_NAME);
	if (state == TRIGGER_WRONG)
		drop_trigger(script, table);
	script_run(script, table->owner, "CREATE TRIGGER " TRIGGER_NAME
			   " BEFORE %s ON %s"
			   " FOR EACH STATEMENT EXECUTE FUNCTION account.require_writable()",
			   type == TRUNCATE_TYPE ? "TRUNCATE" : "INSERT OR UPDATE OR DELETE OR TRUNCATE", table->name);
	script_run(script, table->owner, "ALTER TABLE ONLY %s ENABLE ALWAYS TRIGGER " TRIGGER_NAME, table->name);
}

static void
apply_isolation(Script *script, const ProtectedTable *table)
{
	policy_apply(script, table, PROTECTION_ISOLATED);
	apply_trigger(script, table, TRIGGER_TYPE);
	if (!table->row_security)
		script_run(script, table->owner, "ALTER TABLE ONLY %s ENABLE ROW LEVEL SECURITY", table->name);
	if (!table->forced)
		script_run(script, table->owner, "ALTER TABLE ONLY %s FORCE ROW LEVEL SECURITY", table->name);
}

/* Not forced: the owner's migrations are what keeps the rows. */
static void
apply_sharing(Script *script, const ProtectedTable *table)
{
	policy_apply(script, table, PROTECTION_SHARED);
	apply_trigger(script, table, TRUNCATE_TYPE);
	if (!table->row_security)
		script_run(script, table->owner, "ALTER TABLE ONLY %s ENABLE ROW LEVEL SECURITY", table->name);
}

/* Row security stays on where the owner has policies of their own. */
static void
remove_protection(Script *script, const ProtectedTable *table)
{
	TriggerState state = trigger_state(table->relation, TRIGGER_TYPE);
	bool		others = policy_count_others(table) > 0;

	if (!others && table->forced)
		script_run(script, table->owner, "ALTER TABLE ONLY %s NO FORCE ROW LEVEL SECURITY", table->name);
	if (!others && table->row_security)
		script_run(script, table->owner, "ALTER TABLE ONLY %s DISABLE ROW LEVEL SECURITY", table->name);
	if (state == TRIGGER_RIGHT || state == TRIGGER_WRONG)
		drop_trigger(script, table);
	policy_apply(script, table, PROTECTION_NONE);
}

void
protection_apply(Script *script, List *tables, const ProtectionRequest *request)
{
	ListCell   *cell;

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
protection_remove(Script *script, List *tables)
{
	ListCell   *cell;

	foreach(cell, tables)
		remove_protection(script, lfirst(cell));
}
