/*
 * drift.c
 *	  What the doctor looks for in this extension's own objects: that they are what
 *	  the script has made, and partitions what the sealing of the audit log has.
 *
 * That the catalog is of the library's version is not looked for: no function runs
 * otherwise (schema.c).
 */
#include "account.h"

/* Objects o of a catalog that belong to us; the catalog is c. */
#define OURS(catalog) \
	" FROM pg_extension x JOIN pg_depend e ON e.refclassid = 'pg_extension'::regclass AND e.refobjid = x.oid" \
	" AND e.deptype = 'e' AND e.classid = '" catalog "'::regclass JOIN " catalog " c ON c.oid = e.objid" \
	" WHERE x.extname = 'account'"

/* Whether something in our schemas came from elsewhere. */
#define IS_FOREIGN(catalog, namespace) \
	namespace " IN ('account'::regnamespace, 'account_api'::regnamespace) AND NOT EXISTS (SELECT FROM pg_depend e" \
	" WHERE e.classid = '" catalog "'::regclass AND e.objid = c.oid AND e.deptype = 'e')"

/* A table c that is a partition of table p of ours: made while the extension runs, so none of its members. */
#define PARTITIONS \
	" FROM pg_class p JOIN pg_inherits i ON i.inhparent = p.oid JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition" \
	" JOIN pg_depend e ON e.classid = 'pg_class'::regclass AND e.objid = p.oid AND e.deptype = 'e'" \
	" JOIN pg_extension x ON e.refclassid = 'pg_extension'::regclass AND e.refobjid = x.oid AND x.extname = 'account'"

/* What policies and defaults call, and what tells who calls: a plan must neither keep nor give away what they say. */
#define IS_GATE "(c.proname ~ '^policy_' OR c.proname = 'current_account_id')"
#define IS_PERSONAL "c.proname ~ '^(current_|has_permission$|is_writable$|can_access_workspace$)'"

const Check drift_checks[] = {
	{"function_changed", SEVERITY_ERROR, EXAMINER_CALLER,
		"A function of this extension was altered: security, settings, volatility, or whether plans may move it.",
		"SELECT NULL::oid[], c.oid::regprocedure::text, 'it is ' || concat_ws(', ', CASE WHEN c.prosecdef THEN 'SECURITY DEFINER' END,"
		" 'with SET ' || array_to_string(c.proconfig, ', '), CASE WHEN (" IS_GATE " OR " IS_PERSONAL ") AND c.provolatile <> 's' THEN 'not STABLE' END,"
		" CASE WHEN " IS_GATE " AND NOT c.proleakproof THEN 'not LEAKPROOF' END,"
		" CASE WHEN " IS_GATE " AND c.proparallel <> 's' THEN 'not PARALLEL SAFE' END),"
		" format('ALTER ROUTINE %s SECURITY INVOKER RESET ALL', c.oid::regprocedure)"
		" || CASE WHEN " IS_GATE " THEN ' STABLE LEAKPROOF PARALLEL SAFE' WHEN " IS_PERSONAL " THEN ' STABLE' ELSE '' END"
		OURS("pg_proc") " AND (c.prosecdef OR c.proconfig IS NOT NULL"
		" OR (" IS_GATE " AND (c.provolatile <> 's' OR NOT c.proleakproof OR c.proparallel <> 's'))"
	" OR (" IS_PERSONAL " AND c.provolatile <> 's'))"},
	{"function_depends", SEVERITY_ERROR, EXAMINER_CALLER,
		"A function of this extension was made to depend on another: it goes when that is dropped.",
		"SELECT NULL::oid[], c.oid::regprocedure::text, format('it is dropped with extension %I', y.extname),"
		" format('ALTER ROUTINE %s NO DEPENDS ON EXTENSION %I', c.oid::regprocedure, y.extname)"
		" FROM pg_depend d JOIN pg_proc c ON c.oid = d.objid AND c.pronamespace IN ('account'::regnamespace, 'account_api'::regnamespace)"
	" JOIN pg_extension y ON y.oid = d.refobjid WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'x'"},
	{"own_owner", SEVERITY_ERROR, EXAMINER_CALLER,
		"An object of this extension belongs to another role than the extension.",
		"SELECT NULL::oid[], o.object, format('it belongs to %I', pg_get_userbyid(o.owner)),"
		" format('ALTER %s OWNER TO %I', o.object, pg_get_userbyid(o.extowner)) FROM ("
		"SELECT 'ROUTINE ' || c.oid::regprocedure AS object, c.proowner AS owner, x.extowner" OURS("pg_proc")
		" UNION ALL SELECT CASE c.relkind WHEN 'v' THEN 'VIEW ' ELSE 'TABLE ' END || c.oid::regclass, c.relowner, x.extowner" OURS("pg_class")
		" AND c.relkind IN ('r', 'p', 'v') UNION ALL SELECT 'TABLE ' || c.oid::regclass, c.relowner, x.extowner" PARTITIONS
		" UNION ALL SELECT 'SCHEMA ' || c.oid::regnamespace, c.nspowner, x.extowner" OURS("pg_namespace")
	") o WHERE o.owner <> o.extowner"},
	{"own_row_security", SEVERITY_ERROR, EXAMINER_CALLER,
		"Row security of a table of this extension is switched off.",
		"SELECT NULL::oid[], c.oid::regclass::text, 'row security is off',"
	" format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', c.oid::regclass)" OURS("pg_class") " AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity"},
	{"own_partition", SEVERITY_ERROR, EXAMINER_CALLER,
		"A partition of a table of this extension is not as it was made: row security, privileges or triggers.",
		"SELECT NULL::oid[], c.oid::regclass::text, f.finding, f.fix" PARTITIONS
		" CROSS JOIN LATERAL (SELECT 'row security is off', format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', c.oid::regclass)"
		" WHERE NOT c.relrowsecurity"
		" UNION ALL SELECT format('%s has privileges on it', g.grantee), format('REVOKE ALL ON TABLE %s FROM %s', c.oid::regclass, g.grantee)"
		" FROM (SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee"
		" FROM aclexplode(c.relacl) a WHERE a.grantee <> c.relowner) g"
		" UNION ALL SELECT 'it can be truncated', format('CREATE TRIGGER audit_entries_keep_all BEFORE TRUNCATE ON %1$s FOR EACH STATEMENT"
		" EXECUTE FUNCTION account.keep_audit(); ALTER TABLE %1$s ENABLE ALWAYS TRIGGER audit_entries_keep_all', c.oid::regclass)"
		" WHERE NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgtype & 32 <> 0)"
		" AND EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = p.oid AND t.tgtype & 32 <> 0)"
	") f (finding, fix)"},
	{"own_policy", SEVERITY_ERROR, EXAMINER_CALLER,
		"A table of this extension has a policy that this extension does not make.",
		"SELECT NULL::oid[], format('policy %I on %s', p.polname, c.oid::regclass), 'no policy of this extension is for writing, or true',"
		" format('DROP POLICY %I ON %s', p.polname, c.oid::regclass) FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid"
	" AND c.relnamespace = 'account'::regnamespace WHERE p.polcmd <> 'r' OR pg_get_expr(p.polqual, p.polrelid) = 'true'"},
	{"own_trigger", SEVERITY_ERROR, EXAMINER_CALLER,
		"A trigger of a table of this extension does not always fire, or is another's.",
		"SELECT NULL::oid[], format('trigger %I on %s', g.tgname, c.oid::regclass),"
		" CASE WHEN p.pronamespace = 'account'::regnamespace THEN 'it does not always fire' ELSE 'it is none of this extension' END,"
		" format(CASE WHEN p.pronamespace = 'account'::regnamespace THEN 'ALTER TABLE %2$s ENABLE ALWAYS TRIGGER %1$I'"
		" ELSE 'DROP TRIGGER %1$I ON %2$s' END, g.tgname, c.oid::regclass)"
		" FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid AND c.relkind IN ('r', 'p') AND c.relnamespace = 'account'::regnamespace"
		" JOIN pg_proc p ON p.oid = g.tgfoid"
	" WHERE NOT g.tgisinternal AND (g.tgenabled <> 'A' OR p.pronamespace <> 'account'::regnamespace)"},
	{"own_rule", SEVERITY_ERROR, EXAMINER_CALLER,
		"A table or view of this extension has a rule that this extension does not make.",
		"SELECT NULL::oid[], format('rule %I on %s', w.rulename, c.oid::regclass), 'it acts with the rights of this extension',"
		" format('DROP RULE %I ON %s', w.rulename, c.oid::regclass) FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class"
	" AND c.relnamespace IN ('account'::regnamespace, 'account_api'::regnamespace) WHERE w.ev_type <> '1'"},
	{"event_trigger_off", SEVERITY_ERROR, EXAMINER_CALLER,
		"An event trigger of this extension is switched off: new tables are not protected.",
		"SELECT NULL::oid[], c.evtname::text, 'it does not always fire', format('ALTER EVENT TRIGGER %I ENABLE ALWAYS', c.evtname)"
	OURS("pg_event_trigger") " AND c.evtenabled <> 'A'"},
	{"own_schema_intruder", SEVERITY_WARNING, EXAMINER_CALLER,
		"A function, table or operator that is not of this extension is in its schema, where names are looked up with trust.",
		"SELECT NULL::oid[], o.object, 'it is none of this extension', format('ALTER %s SET SCHEMA public', o.object) FROM ("
		"SELECT CASE c.prokind WHEN 'p' THEN 'PROCEDURE ' WHEN 'a' THEN 'AGGREGATE ' ELSE 'FUNCTION ' END || c.oid::regprocedure::text AS object"
		" FROM pg_proc c WHERE " IS_FOREIGN("pg_proc", "c.pronamespace")
		" UNION ALL SELECT CASE c.relkind WHEN 'v' THEN 'VIEW ' WHEN 'm' THEN 'MATERIALIZED VIEW ' WHEN 'S' THEN 'SEQUENCE '"
		" WHEN 'f' THEN 'FOREIGN TABLE ' ELSE 'TABLE ' END || c.oid::regclass::text"
		" FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND " IS_FOREIGN("pg_class", "c.relnamespace")
		" AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid AND c.relispartition AND EXISTS (SELECT FROM pg_depend m"
		" WHERE m.classid = 'pg_class'::regclass AND m.objid = i.inhparent AND m.deptype = 'e'))"
		" UNION ALL SELECT format('OPERATOR %I.%s (%s, %s)', c.oprnamespace::regnamespace, c.oprname, COALESCE(NULLIF(c.oprleft, 0)::regtype::text, 'NONE'), c.oprright::regtype)"
	" FROM pg_operator c WHERE " IS_FOREIGN("pg_operator", "c.oprnamespace") ") o"},
	{NULL}
};
