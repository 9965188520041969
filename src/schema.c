/*
 * schema.c
 *	  What the library knows of its own catalog: object ids, and that the
 *	  installed catalog is of the library's version.
 *
 * The ids are looked up once a session, forgotten when any relation changes
 * whose id is among them (or when the server says that all have), and trusted
 * only after the extension's version was found to be the library's.
 */
#include "account.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_proc.h"
#include "commands/extension.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

static Catalog catalog;
static bool catalog_known = false;
static uint64 invalidations = 0;	/* so that none is lost that comes while it is being looked up */

static void
forget_catalog(Datum argument, Oid relation)
{
	if (relation == InvalidOid || relation == catalog.accounts || relation == catalog.credentials ||
		relation == catalog.holds || !catalog_known)
	{
		invalidations++;
		catalog_known = false;
	}
}

/* The version of the installed extension, NULL if it is not installed. */
static char *
installed_version(void)
{
	Relation	extensions = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	char	   *version = NULL;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum("account"));
	scan = systable_beginscan(extensions, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		value = heap_getattr(tuple, Anum_pg_extension_extversion,
										 RelationGetDescr(extensions), &isnull);

		if (!isnull)
			version = TextDatumGetCString(value);
	}
	systable_endscan(scan);
	table_close(extensions, AccessShareLock);
	return version;
}

/* The relations that are looked up, by name. */
static const struct
{
	const char *name;
	size_t		offset;			/* in Catalog */
}			relations[] = {
#define RELATION(name) {#name, offsetof(Catalog, name)}
	RELATION(accounts),
	RELATION(accounts_pkey),
	RELATION(credentials),
	RELATION(credentials_pkey),
	RELATION(credentials_credential_id_key),
	RELATION(credentials_ends_at_idx),
	RELATION(credentials_user_id_idx),
	RELATION(grants),
	RELATION(grants_pkey),
	RELATION(holds),
	RELATION(permissions),
	RELATION(permissions_pkey),
	RELATION(plans),
	RELATION(quota_counts),
	RELATION(quota_counts_pkey),
	RELATION(right_signal),
	RELATION(roles),
	RELATION(roles_pkey),
	RELATION(turns),
	RELATION(user_memberships),
	RELATION(user_memberships_pkey),
	RELATION(user_memberships_profile_id_key),
	RELATION(uses),
	RELATION(uses_pkey),
	RELATION(webhook_secrets),
	RELATION(webhook_secrets_pkey),
	RELATION(workspaces),
	RELATION(workspaces_name_key),
#undef RELATION
};

static bool
load_catalog(void)
{
	HeapTuple	tuple;

	memset(&catalog, 0, sizeof(catalog));
	catalog.namespace_id = get_namespace_oid("account", true);
	if (!OidIsValid(catalog.namespace_id))
		return false;
	for (int i = 0; i < lengthof(relations); i++)
	{
		Oid			relation = get_relname_relid(relations[i].name, catalog.namespace_id);

		if (!OidIsValid(relation))
			return false;
		*(Oid *) ((char *) &catalog + relations[i].offset) = relation;
	}

	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(catalog.accounts));
	if (!HeapTupleIsValid(tuple))
		return false;
	catalog.owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return true;
}

/* Like schema_catalog(), but NULL where it would raise. */
static const Catalog *
schema_catalog_if_usable(void)
{
	uint64		before = invalidations;
	char	   *version;

	if (catalog_known)
		return &catalog;
	if (!IsTransactionState())
		return NULL;
	version = installed_version();
	if (version == NULL || strcmp(version, ACCOUNT_VERSION) != 0 || !load_catalog())
		return NULL;
	catalog_known = before == invalidations;
	return &catalog;
}

bool
schema_is_usable(void)
{
	catalog_known = false;
	return schema_catalog_if_usable() != NULL;
}

const Catalog *
schema_catalog(void)
{
	const Catalog *usable = schema_catalog_if_usable();
	char	   *version;

	if (usable != NULL)
		return usable;
	version = installed_version();
	if (version == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"account\" is not installed in this database"),
				 errhint("Run CREATE EXTENSION account.")));
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("extension \"account\" is of version %s, but its library is of version %s",
					version, ACCOUNT_VERSION),
			 errhint("Run ALTER EXTENSION account UPDATE, or reconnect if it was updated just now.")));
	return NULL;
}

Oid
schema_function(const char *name, int nargs, const Oid *argtypes)
{
	oidvector  *types = buildoidvector(argtypes, nargs);
	Oid			function;

	function = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
							   CStringGetDatum(name), PointerGetDatum(types),
							   ObjectIdGetDatum(schema_catalog()->namespace_id));
	if (!OidIsValid(function))
		elog(ERROR, "could not find function account.%s", name);
	return function;
}

TupleDesc
schema_row_type(FunctionCallInfo fcinfo, RowType *kept)
{
	Oid			namespace_id = schema_catalog()->namespace_id;
	TupleDesc	descriptor;
	MemoryContext old;

	if (kept->namespace_id == namespace_id)
		return kept->descriptor;
	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "the result of a function is not a composite type");
	kept->namespace_id = InvalidOid;
	old = MemoryContextSwitchTo(TopMemoryContext);
	kept->descriptor = BlessTupleDesc(CreateTupleDescCopy(descriptor));
	MemoryContextSwitchTo(old);
	kept->namespace_id = namespace_id;
	return kept->descriptor;
}

void
schema_init(void)
{
	CacheRegisterRelcacheCallback(forget_catalog, (Datum) 0);
}
