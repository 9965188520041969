/*
 * confinement.c
 *	  What the doctor looks for in isolated and shared tables, and in tables that
 *	  should be: that nothing is missing of what isolate() makes, and no key reaches across.
 *
 * The tables that the queries name (isolated, shared, relation, leveled ...) are in
 * doctor.c.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(account_confinement_find_policy_drift);
PG_FUNCTION_INFO_V1(account_confinement_is_bookkeeping_table);

/* find_policy_drift(table_name) */
Datum
account_confinement_find_policy_drift(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ProtectedTable table = {.relation = PG_GETARG_OID(0)};
	ListCell   *cell;

	InitMaterializedSRF(fcinfo, 0);
	if (get_rel_name(table.relation) == NULL)
		return (Datum) 0;
	table.name = protection_table_name(table.relation);
	foreach(cell, policy_drift(&table))
	{
		const PolicyDrift *drift = lfirst(cell);
		Datum		values[3];
		bool		nulls[3] = {false};

		values[0] = DirectFunctionCall1(namein, CStringGetDatum(drift->policy));
		values[1] = BoolGetDatum(drift->missing);
		values[2] = CStringGetTextDatum(drift->fix);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* is_bookkeeping_table(table_name) */
Datum
account_confinement_is_bookkeeping_table(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(birth_is_bookkeeping(NameStr(*PG_GETARG_NAME(0))));
}

/*
 * Whether only a superuser has made what a type, or what a domain is over, is converted and compared
 * by.  Any other runs code of its owner's, and SET LOCAL ROLE holds that nowhere: RESET ROLE ends it.
 */
#define IS_TRUSTED(type) \
	"EXISTS (SELECT FROM pg_type y JOIN pg_type b ON b.oid = CASE y.typtype WHEN 'd' THEN y.typbasetype ELSE y.oid END" \
	" JOIN pg_roles o ON o.oid = b.typowner WHERE y.oid = " type " AND o.rolsuper)"

/* The same of the columns of a foreign key. */
#define IS_TRUSTED_KEY \
	"NOT EXISTS (SELECT FROM pg_attribute a WHERE ((a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey))" \
	" OR (a.attrelid = k.confrelid AND a.attnum = ANY (k.confkey))) AND NOT " IS_TRUSTED("a.atttypid") ")"

/* In place of a fix: nothing here names what has a name, which could end the comment. */
#define AS_OWNER_ITSELF "'-- to be mended by the owner of the table, connected as that role: it would run what that role has made'"

/* Before a call of isolate() or share(), which asks the owner r for its level. A role of tenants is not to get it. */
#define AS_LEVEL_OWNER \
	"CASE WHEN has_function_privilege(r.owner, 'account.level_owner()', 'EXECUTE')" \
	" OR r.owner IN (SELECT oid FROM leveled) THEN ''" \
	" ELSE format('SELECT account.grant_access(%L, ''owner''); ', r.owner_name) END || r.as_owner"

/* A table r that is not protected, and where nothing is left of that or above it. */
#define UNPROTECTED \
	"r.kind IN ('r', 'p') AND r.oid NOT IN (SELECT oid FROM isolated UNION ALL SELECT oid FROM shared)" \
	" AND NOT EXISTS (SELECT FROM pg_inherits i JOIN isolated p ON p.oid = i.inhparent WHERE i.inhrelid = r.oid)" \
	" AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = r.oid AND p.polname ~ '^account_')"

/* What columns of accounts are called here. */
#define ACCOUNT_NAMES "(SELECT 'account_id' UNION SELECT account FROM isolated)"

/* Whether isolate_schema() protects the schema n (birth.c). */
#define IS_PROTECTED_SCHEMA \
	"EXISTS (SELECT FROM account.protected_schemas s WHERE s.name = n.nspname OR (s.schema_id = n.oid" \
	" AND NOT EXISTS (SELECT FROM pg_namespace o WHERE o.nspname = s.name)))"

/* The index x of table t as it would be with the account's column in front. */
#define INDEX_LED_BY_ACCOUNT \
	"CASE WHEN k.oid IS NOT NULL THEN format('%sALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %I %s'," \
	" t.as_owner, t.name, k.conname, k.conname," \
	" regexp_replace(pg_get_constraintdef(k.oid), '^([A-Z][^(]*)\\('," \
	" '\\1(' || replace(t.account_sql, '\\', '\\\\') || CASE k.contype WHEN 'x' THEN ' WITH OPERATOR(pg_catalog.=), ' ELSE ', ' END))" \
	" ELSE format('%sDROP INDEX %I.%I; CREATE UNIQUE INDEX %I ON %s USING btree (%s, %s', t.as_owner, n.nspname," \
	" c.relname, c.relname, t.name, t.account_sql," \
	" substr(pg_get_indexdef(x.indexrelid), 1 + length(format('CREATE UNIQUE INDEX %I ON %s%s USING btree ('," \
	" c.relname, CASE WHEN t.kind = 'p' THEN 'ONLY ' ELSE '' END, t.name)))) END"

/* Unique and exclusion indexes x of isolated tables t without the account's column; k is the constraint, if any. */
#define INDEXES_ACROSS \
	" FROM isolated t JOIN pg_index x ON x.indrelid = t.oid JOIN pg_class c ON c.oid = x.indexrelid" \
	" JOIN pg_namespace n ON n.oid = c.relnamespace" \
	" LEFT JOIN pg_constraint k ON k.conindid = x.indexrelid AND k.conrelid = t.oid AND k.contype IN ('p', 'u', 'x')" \
	" WHERE (x.indisunique OR x.indisexclusion) AND NOT c.relispartition" \
	" AND t.account_number <> ALL ((x.indkey::int2[])[0:x.indnkeyatts - 1])"

/* Whether a column a is one that the table makes up: its values say nothing. */
#define IS_SURROGATE \
	"(a.atttypid = 'uuid'::regtype OR a.attidentity <> '' OR EXISTS (SELECT FROM pg_attrdef f" \
	" WHERE f.adrelid = a.attrelid AND f.adnum = a.attnum AND pg_get_expr(f.adbin, f.adrelid) ~ '^nextval'))"

/* Columns of a table in the order of an array of numbers, quoted. */
#define COLUMN_LIST(table, numbers) \
	"(SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY u.place)" \
	" FROM unnest(" numbers ") WITH ORDINALITY u (number, place)" \
	" JOIN pg_attribute a ON a.attrelid = " table " AND a.attnum = u.number)"

/* Before and after a foreign key from f to p is checked: under FORCE, rows of them or below would be passed over. */
#define FORCE_OF_BOTH(how) \
	"(SELECT string_agg(format('%sALTER TABLE ONLY %s " how " ROW LEVEL SECURITY', i.as_owner, i.name), '; ' ORDER BY i.name)" \
	" FROM isolated i WHERE i.forced AND i.oid IN (SELECT oid FROM below WHERE top IN (f.oid, p.oid)))"
#define OPEN_BOTH "COALESCE(" FORCE_OF_BOTH("NO FORCE") " || '; ', '')"
#define FORCE_BOTH "COALESCE('; ' || " FORCE_OF_BOTH("FORCE") ", '')"

#define ACTION(type) \
	"CASE " type " WHEN 'r' THEN 'RESTRICT' WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL'" \
	" WHEN 'd' THEN 'SET DEFAULT' ELSE 'NO ACTION' END"

const Check confinement_checks[] = {
	{"policy_changed", SEVERITY_ERROR, EXAMINER_CALLER,
		"A policy of an isolated or shared table is missing, or is not as it was made.",
		"SELECT ARRAY[r.namespace], format('policy %I on %s', d.policy, r.name),"
		" CASE WHEN d.missing THEN 'the policy is missing' ELSE 'the policy is not as it was made' END,"
		" r.as_owner || d.fix"
		" FROM relation r CROSS JOIN LATERAL account.find_policy_drift(r.oid) d"
	" WHERE EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = r.oid AND p.polname ~ '^account_')"},
	{"row_security_off", SEVERITY_ERROR, EXAMINER_CALLER,
		"Row security of an isolated or shared table is switched off: its policies do nothing.",
		"SELECT ARRAY[t.namespace], t.name, 'row security is off, every row is open to whoever may read the table',"
		" format('%sALTER TABLE ONLY %s ENABLE ROW LEVEL SECURITY', t.as_owner, t.name)"
		" FROM (SELECT namespace, name, as_owner, enabled FROM isolated"
	" UNION ALL SELECT namespace, name, as_owner, enabled FROM shared) t WHERE NOT t.enabled"},
	{"row_security_not_forced", SEVERITY_WARNING, EXAMINER_CALLER,
		"Row security of an isolated table does not bind the owner, nor what runs with the owner's rights.",
		"SELECT ARRAY[t.namespace], t.name, 'row security does not bind the owner, its views and its functions',"
		" format('%sALTER TABLE ONLY %s FORCE ROW LEVEL SECURITY', t.as_owner, t.name)"
	" FROM isolated t WHERE NOT t.forced"},
	{"column_unprotected", SEVERITY_ERROR, EXAMINER_CALLER,
		"A table has the column of an account and is neither isolated nor shared.",
		"SELECT DISTINCT ON (r.oid) ARRAY[r.namespace], r.name,"
		" format('the table has column %I and is neither isolated nor shared', a.attname),"
		" " AS_LEVEL_OWNER " || format('SELECT count(*) AS statements FROM account.isolate(%L, %L)', r.name, a.attname)"
		" FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped"
		" WHERE " UNPROTECTED " AND a.atttypid = 'uuid'::regtype AND a.attgenerated = ''"
	" AND a.attname IN " ACCOUNT_NAMES " ORDER BY r.oid, a.attname <> 'account_id', a.attname"},
	{"column_unfit", SEVERITY_WARNING, EXAMINER_CALLER,
		"A table has a column that is called like that of an account, but is no plain uuid, or is generated.",
		"SELECT ARRAY[r.namespace], format('%s.%I', r.name, a.attname),"
		" CASE WHEN a.attgenerated <> '' THEN 'the column is generated, the table cannot be isolated by it'"
		" ELSE format('the column is of type %s, the table cannot be isolated by it', format_type(a.atttypid, a.atttypmod)) END,"
		" CASE WHEN a.attgenerated <> ''"
		" THEN r.as_owner || format('ALTER TABLE %s ALTER COLUMN %I DROP EXPRESSION', r.name, a.attname)"
		" WHEN NOT " IS_TRUSTED("a.atttypid") " OR EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = r.oid AND k.contype = 'c')"
		" OR EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = r.oid) THEN " AS_OWNER_ITSELF
		" ELSE r.as_owner || format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT, ALTER COLUMN %I TYPE pg_catalog.uuid USING %I::pg_catalog.text::pg_catalog.uuid',"
		" r.name, a.attname, a.attname, a.attname) END"
		" FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped"
		" WHERE " UNPROTECTED " AND (a.atttypid <> 'uuid'::regtype OR a.attgenerated <> '')"
	" AND a.attname IN " ACCOUNT_NAMES " AND (a.attname = 'account_id' OR r.namespace IN (SELECT namespace FROM isolated))"},
	{"birth_missed", SEVERITY_ERROR, EXAMINER_OWNER,
		"A table of a schema in which every new table is isolated is neither isolated nor shared: it was made unseen.",
		"SELECT ARRAY[r.namespace], r.name, 'the table is in a schema whose tables are isolated, and is not',"
		" CASE WHEN r.kind IN ('f', 'm') THEN '-- nothing can isolate it: to be moved out of the schema, or dropped, by its owner'"
		" ELSE " AS_LEVEL_OWNER " || format('SELECT count(*) AS statements FROM account.isolate(%L)', r.name) END"
		" FROM relation r JOIN pg_namespace n ON n.oid = r.namespace AND " IS_PROTECTED_SCHEMA
		" WHERE NOT account.is_bookkeeping_table(r.relname) AND (r.kind IN ('f', 'm') OR " UNPROTECTED
	" AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = r.oid AND a.attname IN " ACCOUNT_NAMES "))"},
	{"table_unprotected", SEVERITY_WARNING, EXAMINER_OWNER,
		"A table beside isolated ones has no column of an account, is not shared, and is open to roles of tenants.",
		"SELECT ARRAY[r.namespace], r.name, 'the table is beside isolated ones, has no account and is open to '"
		" || string_agg(DISTINCT COALESCE(quote_ident(l.rolname), 'PUBLIC'), ', '),"
		" " AS_LEVEL_OWNER " || format('SELECT account.share(%L)', r.name)"
		" FROM relation r CROSS JOIN LATERAL aclexplode(r.acl) g"
		" LEFT JOIN leveled l ON g.grantee <> 0 AND l.level <= 2 AND NOT l.bypasses"
		" AND pg_has_role(l.oid, g.grantee, 'USAGE')"
		" WHERE " UNPROTECTED " AND r.namespace IN (SELECT namespace FROM isolated) AND NOT account.is_bookkeeping_table(r.relname)"
		" AND g.grantee <> r.owner AND (g.grantee = 0 OR l.oid <> r.owner)"
		" AND g.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')"
		" AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = r.oid AND a.attname IN " ACCOUNT_NAMES ")"
		" AND NOT EXISTS (SELECT FROM pg_namespace n WHERE n.oid = r.namespace AND " IS_PROTECTED_SCHEMA ")"
	" GROUP BY r.namespace, r.name, r.owner, r.owner_name, r.as_owner"},
	{"child_unprotected", SEVERITY_ERROR, EXAMINER_CALLER,
		"A partition or child of an isolated table is not isolated: read by its own name, all rows are open.",
		"SELECT ARRAY[r.namespace, p.namespace], r.name, format('%s is isolated, and this below it is not', p.name),"
		" CASE WHEN r.kind <> 'f' THEN " AS_LEVEL_OWNER " || format('SELECT count(*) AS statements FROM account.isolate(%L, %L)', r.name, p.account)"
		" WHEN r.is_partition THEN format('%sALTER TABLE %s DETACH PARTITION %s', p.as_owner, p.name, r.name)"
		" ELSE format('%sALTER FOREIGN TABLE %s NO INHERIT %s', r.as_owner, r.name, p.name) END"
		" FROM pg_inherits i JOIN isolated p ON p.oid = i.inhparent JOIN relation r ON r.oid = i.inhrelid"
	" WHERE r.oid NOT IN (SELECT oid FROM isolated)"},
	{"parent_unprotected", SEVERITY_ERROR, EXAMINER_CALLER,
		"What an isolated table inherits from is not isolated: by its name, the table's rows are open.",
		"SELECT ARRAY[r.namespace, c.namespace], r.name, format('by this name the rows of %s, which is isolated, are open', c.name),"
		" CASE WHEN c.is_partition OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = r.oid AND a.attname = c.account)"
		" THEN " AS_LEVEL_OWNER " || format('SELECT count(*) AS statements FROM account.isolate(%L, %L)', r.name, c.account)"
		" ELSE format('%sALTER TABLE %s NO INHERIT %s', c.as_owner, c.name, r.name) END"
		" FROM pg_inherits i JOIN isolated c ON c.oid = i.inhrelid JOIN relation r ON r.oid = i.inhparent"
	" WHERE r.oid NOT IN (SELECT oid FROM isolated)"},
	{"account_nullable", SEVERITY_WARNING, EXAMINER_CALLER,
		"The column of the account may be NULL: such a row is nobody's, and nobody's to delete.",
		"SELECT ARRAY[t.namespace], format('%s.%s', t.name, t.account_sql), 'a row may be without an account',"
		" format('%sALTER TABLE %s ALTER COLUMN %s SET NOT NULL', t.as_owner, t.name, t.account_sql)"
		" FROM isolated t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = t.account_number"
	" WHERE NOT a.attnotnull"},
	{"account_default", SEVERITY_WARNING, EXAMINER_CALLER,
		"The column of the account has not the identity's account as its default.",
		"SELECT ARRAY[t.namespace], format('%s.%s', t.name, t.account_sql),"
		" 'the account of the identity is not the default: every INSERT has to name it',"
		" format('%sALTER TABLE %s ALTER COLUMN %s SET DEFAULT account.current_account_id()', t.as_owner, t.name, t.account_sql)"
		" FROM isolated t WHERE NOT EXISTS (SELECT FROM pg_attrdef f JOIN pg_depend d"
		" ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid AND d.refclassid = 'pg_proc'::regclass"
		" AND d.refobjid = 'account.current_account_id()'::regprocedure"
	" WHERE f.adrelid = t.oid AND f.adnum = t.account_number)"},
	{"account_index", SEVERITY_WARNING, EXAMINER_CALLER,
		"No index begins with the column of the account: every query reads the rows of all, and EXPLAIN ANALYZE counts them.",
		"SELECT ARRAY[t.namespace], t.name, format('no valid index begins with %s', t.account_sql),"
		" format('%sCREATE INDEX ON %s (%s)', t.as_owner, t.name, t.account_sql)"
		" FROM isolated t WHERE NOT EXISTS (SELECT FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid"
		" JOIN pg_am m ON m.oid = c.relam AND m.amname = 'btree'"
	" WHERE x.indrelid = t.oid AND x.indisvalid AND x.indpred IS NULL AND x.indkey[0] = t.account_number)"},
	{"unique_across", SEVERITY_WARNING, EXAMINER_CALLER,
		"A unique or exclusion constraint spans accounts: an error tells one of them what another has.",
		"SELECT ARRAY[t.namespace], format('%I.%I', n.nspname, c.relname),"
		" format('values of %s are unique across accounts: an error tells what another has', t.name), "
		INDEX_LED_BY_ACCOUNT INDEXES_ACROSS " AND NOT x.indisprimary"
		" AND NOT (x.indnkeyatts = 1 AND EXISTS (SELECT FROM pg_attribute a"
	" WHERE a.attrelid = t.oid AND a.attnum = x.indkey[0] AND " IS_SURROGATE "))"},
	{"primary_key_across", SEVERITY_INFO, EXAMINER_CALLER,
		"A primary key that people choose spans accounts.",
		"SELECT ARRAY[t.namespace], format('%I.%I', n.nspname, c.relname),"
		" format('the primary key of %s is chosen by people and unique across accounts', t.name), "
		INDEX_LED_BY_ACCOUNT INDEXES_ACROSS " AND x.indisprimary"
		" AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.oid"
		" AND a.attnum = ANY ((x.indkey::int2[])[0:x.indnkeyatts - 1])"
	" AND a.atttypid NOT IN ('uuid'::regtype, 'int8'::regtype, 'int4'::regtype, 'int2'::regtype))"},
	{"foreign_key_across", SEVERITY_ERROR, EXAMINER_CALLER,
		"A foreign key between isolated tables lacks the account: it points at, tells of and cascades into rows of others.",
		"SELECT ARRAY[f.namespace, p.namespace], format('%I on %s', k.conname, f.name),"
		" format('the key reaches rows of other accounts in %s', p.name),"
		" CASE WHEN NOT " IS_TRUSTED_KEY " THEN " AS_OWNER_ITSELF
		" ELSE " OPEN_BOTH " || CASE WHEN EXISTS (SELECT FROM pg_index x WHERE x.indrelid = p.oid AND x.indisunique"
		" AND x.indimmediate AND x.indpred IS NULL AND (x.indkey::int2[])[0:x.indnkeyatts - 1] = p.account_number || k.confkey) THEN ''"
		" ELSE format('%sALTER TABLE %s ADD UNIQUE (%s, %s); ', p.as_owner, p.name, p.account_sql,"
		" " COLUMN_LIST("p.oid", "k.confkey") ") END"
		" || f.as_owner || format('ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %I FOREIGN KEY (%s, %s) REFERENCES %s (%s, %s)',"
		" f.name, k.conname, k.conname, f.account_sql, " COLUMN_LIST("f.oid", "k.conkey") ","
		" p.name, p.account_sql, " COLUMN_LIST("p.oid", "k.confkey") ")"
		" || ' ON UPDATE ' || " ACTION("k.confupdtype") " || ' ON DELETE ' || " ACTION("k.confdeltype")
		" || CASE WHEN k.confdeltype IN ('n', 'd') THEN format(' (%s)', " COLUMN_LIST("f.oid", "COALESCE(k.confdelsetcols, k.conkey)") ") ELSE '' END"
		" || CASE WHEN k.condeferrable THEN ' DEFERRABLE' ELSE '' END || CASE WHEN k.condeferred THEN ' INITIALLY DEFERRED' ELSE '' END || "
		FORCE_BOTH " END"
		" FROM pg_constraint k JOIN isolated f ON f.oid = k.conrelid JOIN isolated p ON p.oid = k.confrelid"
		" WHERE k.contype = 'f' AND k.conparentid = 0 AND NOT EXISTS (SELECT"
		" FROM ROWS FROM (unnest(k.conkey), unnest(k.confkey)) AS c (referencing, referenced)"
	" WHERE c.referencing = f.account_number AND c.referenced = p.account_number)"},
	{"foreign_key_from_outside", SEVERITY_WARNING, EXAMINER_CALLER,
		"A table that is not isolated references one that is: whoever writes it learns which rows others have.",
		"SELECT ARRAY[f.namespace, p.namespace], format('%I on %s', k.conname, f.name),"
		" format('whoever writes %s learns which rows accounts have in %s', f.name, p.name),"
		" format('%sALTER TABLE %s DROP CONSTRAINT %I', f.as_owner, f.name, k.conname)"
		" FROM pg_constraint k JOIN relation f ON f.oid = k.conrelid JOIN isolated p ON p.oid = k.confrelid"
	" WHERE k.contype = 'f' AND k.conparentid = 0 AND f.oid NOT IN (SELECT oid FROM isolated)"},
	{"foreign_key_not_valid", SEVERITY_WARNING, EXAMINER_CALLER,
		"A foreign key of an isolated table was never checked.",
		"SELECT ARRAY[f.namespace, p.namespace], format('%I on %s', k.conname, f.name),"
		" format('rows may reference what is not in %s', p.name),"
		" CASE WHEN NOT " IS_TRUSTED_KEY " THEN " AS_OWNER_ITSELF
		" ELSE " OPEN_BOTH " || f.as_owner || CASE WHEN to_jsonb(k) ->> 'conenforced' = 'false'"
		" THEN format('ALTER TABLE %s ALTER CONSTRAINT %I ENFORCED', f.name, k.conname)"
		" ELSE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', f.name, k.conname) END || " FORCE_BOTH " END"
		" FROM pg_constraint k JOIN isolated f ON f.oid = k.conrelid JOIN relation p ON p.oid = k.confrelid"
	" WHERE k.contype = 'f' AND NOT k.convalidated"},
	{"foreign_key_disabled", SEVERITY_WARNING, EXAMINER_CALLER,
		"The triggers of a foreign key of an isolated table are switched off: it holds nothing.",
		"SELECT ARRAY[t.namespace], format('%I on %s', k.conname, t.name), 'triggers of the foreign key are switched off',"
		" string_agg(format('ALTER TABLE %s ENABLE TRIGGER %I', t.name, g.tgname), '; ' ORDER BY g.tgname)"
		" FROM pg_trigger g JOIN isolated t ON t.oid = g.tgrelid JOIN pg_constraint k ON k.oid = g.tgconstraint"
	" WHERE g.tgisinternal AND g.tgenabled IN ('D', 'R') GROUP BY t.namespace, t.name, k.conname"},
	{"trigger_off", SEVERITY_WARNING, EXAMINER_CALLER,
		"The trigger of an isolated or shared table, which stops TRUNCATE by others than the owner, is missing or switched off.",
		"SELECT ARRAY[t.namespace], t.name,"
		" CASE WHEN g.oid IS NULL THEN 'the trigger account_require_writable is missing'"
		" ELSE 'the trigger account_require_writable does not always fire' END,"
		" t.as_owner || CASE WHEN g.oid IS NOT NULL THEN format('ALTER TABLE ONLY %s ENABLE ALWAYS TRIGGER account_require_writable', t.name)"
		" WHEN t.account IS NOT NULL THEN format('SELECT count(*) AS statements FROM account.isolate(%L, %L)', t.name, t.account)"
		" ELSE format('SELECT account.share(%L)', t.name) END"
		" FROM (SELECT oid, namespace, name, as_owner, account FROM isolated"
		" UNION ALL SELECT oid, namespace, name, as_owner, NULL FROM shared) t"
		" LEFT JOIN pg_trigger g ON g.tgrelid = t.oid AND g.tgname = 'account_require_writable'"
	" AND g.tgfoid = 'account.require_writable()'::regprocedure WHERE g.tgenabled IS DISTINCT FROM 'A'"},
	{"policy_of_user", SEVERITY_INFO, EXAMINER_CALLER,
		"An isolated table has a permissive policy of the owner's own: it widens nothing as long as ours are there.",
		"SELECT ARRAY[t.namespace], format('policy %I on %s', p.polname, t.name),"
		" 'the policy widens nothing while the table is isolated, and would open rows after release()',"
		" format('%sDROP POLICY %I ON %s; SELECT count(*) AS statements FROM account.isolate(%L, %L)',"
		" t.as_owner, p.polname, t.name, t.name, t.account)"
		" FROM isolated t JOIN pg_policy p ON p.polrelid = t.oid"
	" WHERE p.polpermissive AND p.polname !~ '^account_permit_(select|insert|update|delete)$'"},
	{"index_not_leakproof", SEVERITY_INFO, EXAMINER_CALLER,
		"An index of an isolated table cannot serve the searches that it was made for: row security stops operators that are not leakproof.",
		"SELECT ARRAY[t.namespace], format('%I.%I', n.nspname, c.relname),"
		" format('under row security the index does not serve %s: not leakproof', string_agg(DISTINCT b.barred, ', ' ORDER BY b.barred)),"
		" format('ALTER DATABASE %I SET account.push_quals = on', current_database())"
		" FROM isolated t JOIN pg_index x ON x.indrelid = t.oid JOIN pg_class c ON c.oid = x.indexrelid"
		" JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_am m ON m.oid = c.relam"
		" CROSS JOIN LATERAL (SELECT o.oprname::text AS barred"
		" FROM generate_series(0, x.indnkeyatts - 1) i JOIN pg_opclass s ON s.oid = x.indclass[i]"
		" JOIN pg_amop p ON p.amopfamily = s.opcfamily AND p.amoplefttype = s.opcintype AND p.amoppurpose = 's'"
		" JOIN pg_operator o ON o.oid = p.amopopr JOIN pg_proc f ON f.oid = o.oprcode"
		" WHERE NOT f.proleakproof AND (m.amname NOT IN ('btree', 'hash') OR (o.oprname = '=' AND p.amoprighttype = s.opcintype))"
		" UNION ALL SELECT 'LIKE' FROM generate_series(0, x.indnkeyatts - 1) i JOIN pg_opclass s ON s.oid = x.indclass[i]"
		" WHERE s.opcname ~ '_pattern_ops$'"
		" UNION ALL SELECT f.proname::text || '()' FROM regexp_matches(x.indexprs::text, ':funcid (\\d+)', 'g') e (found)"
		" JOIN pg_proc f ON f.oid = e.found[1]::oid WHERE NOT f.proleakproof) b"
		" WHERE x.indkey[0] <> t.account_number"
		" AND NOT EXISTS (SELECT FROM setting s WHERE s.name = 'account.push_quals' AND s.role = 0 AND lower(s.value) IN ('on', 'true', 'yes', '1'))"
	" GROUP BY t.namespace, n.nspname, c.relname"},
	{NULL}
};
