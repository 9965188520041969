/*
 * pgcrypto.c
 *	  Functions of the extension pgcrypto.
 *
 * They are found as members of that extension with their exact types, never by search_path,
 * and kept for the session until some function of the database changes.
 */
#include "account.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "commands/extension.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/syscache.h"

#define KEPT_MAX 8

/* A function that was found. */
typedef struct Kept
{
	const char *name;
	Oid			oid;
} Kept;

static Kept kept[KEPT_MAX];
static int	nkept = 0;

/* Whether a function of pgcrypto is the one of that name and types. */
static bool
is_function(Form_pg_proc function, const char *name, int nargs, const Oid *types, Oid result)
{
	/* In C: who owns the extension without being a superuser cannot have added it. */
	return strcmp(NameStr(function->proname), name) == 0 && function->pronargs == nargs &&
		memcmp(function->proargtypes.values, types, sizeof(Oid) * nargs) == 0 &&
		function->prorettype == result && !function->proretset && function->prolang == ClanguageId;
}

/* Finds a function among the members of an extension. */
static Oid
find_member(Oid extension, const char *name, int nargs, const Oid *types, Oid result)
{
	Relation	depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			oid = InvalidOid;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(ExtensionRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(extension));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, lengthof(keys), keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend member = (Form_pg_depend) GETSTRUCT(tuple);
		HeapTuple	found;

		if (member->classid != ProcedureRelationId || member->deptype != DEPENDENCY_EXTENSION)
			continue;
		found = SearchSysCache1(PROCOID, ObjectIdGetDatum(member->objid));
		if (!HeapTupleIsValid(found))
			continue;
		if (is_function((Form_pg_proc) GETSTRUCT(found), name, nargs, types, result))
			oid = member->objid;
		ReleaseSysCache(found);
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	return oid;
}

static void
forget_functions(Datum argument, int cache, uint32 hash)
{
	nkept = 0;
}

static Oid
find_kept(const char *name)
{
	static bool hooked = false;

	if (!hooked)
		CacheRegisterSyscacheCallback(PROCOID, forget_functions, (Datum) 0);
	hooked = true;
	for (int i = 0; i < nkept; i++)
	{
		if (strcmp(kept[i].name, name) == 0)
			return kept[i].oid;
	}
	return InvalidOid;
}

void
pgcrypto_function(const char *name, int nargs, const Oid *types, Oid result, const char *what, FmgrInfo *function)
{
	Oid			oid = find_kept(name);

	if (!OidIsValid(oid))
	{
		Oid			extension = get_extension_oid("pgcrypto", true);

		if (OidIsValid(extension))
			oid = find_member(extension, name, nargs, types, result);
		if (!OidIsValid(oid))
			error_raise(ERROR_INTERNAL_SERVER_ERROR, "Run CREATE EXTENSION pgcrypto.",
						"%s need the extension pgcrypto in this database", what);
		if (nkept < KEPT_MAX)
			kept[nkept++] = (Kept) {name, oid};
	}
	fmgr_info(oid, function);
}
