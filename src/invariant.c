/*
 * invariant.c
 *	  What is true of our own rows whenever nobody writes past our functions.
 *
 * No foreign key joins our tables (schema.sql), so what one would hold is looked for here.
 * Nothing here walks from child to parent without end: a cycle cannot have a path that fits
 * at every step, and the one query that follows parents forgets where it has been before.
 */
#include "account.h"

#include "funcapi.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(account_invariant_check_invariants);

/* The query gives a row for each violation: the object, and what was found. */
typedef struct Invariant
{
	const char *name;
	const char *query;
} Invariant;

#define OWNER_ROLE "'00000000-0000-4000-8000-00000000a001'"

/* Where a row names another one that is not there. */
#define NAMES(object, finding, from, where) \
	"SELECT " object ", " finding " FROM " from " WHERE " where

static const Invariant invariants[] = {
	{"account_parent",
	NAMES("'account ' || a.account_id", "format('its parent %s does not exist', a.parent_account_id)", "account.accounts a",
	"a.parent_account_id IS NOT NULL AND NOT EXISTS (SELECT FROM account.accounts p WHERE p.account_id = a.parent_account_id)")},
	{"account_path",
		"SELECT 'account ' || a.account_id, 'its path is not that of its parent and itself' FROM account.accounts a"
		" LEFT JOIN account.accounts p ON p.account_id = a.parent_account_id"
	" WHERE a.path <> COALESCE(p.path, '{}') || a.account_id"},
	{"account_cycle",
		"WITH RECURSIVE above (account_id, ancestor) AS (SELECT a.account_id, a.parent_account_id FROM account.accounts a"
		" JOIN account.accounts p ON p.account_id = a.parent_account_id AND a.path <> p.path || a.account_id"
		" UNION SELECT b.account_id, a.parent_account_id FROM above b JOIN account.accounts a ON a.account_id = b.ancestor)"
	" SELECT 'account ' || account_id, 'it is above itself' FROM above WHERE account_id = ancestor"},
	{"account_billed",
		"SELECT 'account ' || a.account_id, format('it is billed to %s, and should be to %s', a.billed_account_id, b.nearest)"
		" FROM account.accounts a CROSS JOIN LATERAL (SELECT COALESCE((SELECT s.account_id"
		" FROM unnest(a.path) WITH ORDINALITY u (account_id, place) JOIN account.subscriptions s ON s.account_id = u.account_id"
	" ORDER BY u.place DESC LIMIT 1), a.path[1]) AS nearest) b WHERE a.billed_account_id <> b.nearest"},
	{"account_external_id",
		"SELECT format('external id %L below %s', external_id, COALESCE(parent_account_id::text, 'no account')),"
		" format('%s siblings have it', count(*)) FROM account.accounts WHERE external_id IS NOT NULL"
	" GROUP BY parent_account_id, external_id HAVING count(*) > 1"},
	{"subscription",
		NAMES("'account ' || s.account_id", "'it has a plan and does not exist, or its plan does not'", "account.subscriptions s",
			  "NOT EXISTS (SELECT FROM account.accounts a WHERE a.account_id = s.account_id)"
	" OR NOT EXISTS (SELECT FROM account.plans p WHERE p.plan_id = s.plan_id)")},
	{"profile",
		NAMES("'profile ' || p.profile_id", "'its account or its user does not exist'", "account.profiles p",
			  "NOT EXISTS (SELECT FROM account.accounts a WHERE a.account_id = p.account_id)"
	" OR (p.user_id IS NOT NULL AND NOT EXISTS (SELECT FROM account.users u WHERE u.user_id = p.user_id))")},
	{"profile_membership",
		NAMES("'profile ' || p.profile_id", "'it is a user''s, is not deleted and has no membership'", "account.profiles p",
			  "p.kind = 'user' AND p.deleted_at IS NULL"
	" AND NOT EXISTS (SELECT FROM account.user_memberships m WHERE m.profile_id = p.profile_id)")},
	{"membership",
		"SELECT format('membership of user %s in account %s', m.user_id, m.account_id),"
		" CASE WHEN u.user_id IS NULL THEN 'the user does not exist' WHEN p.profile_id IS NULL THEN 'the profile does not exist'"
		" WHEN p.deleted_at IS NOT NULL THEN 'the profile is deleted' ELSE 'the profile is of another user or account' END"
		" FROM account.user_memberships m LEFT JOIN account.users u ON u.user_id = m.user_id"
		" LEFT JOIN account.profiles p ON p.profile_id = m.profile_id WHERE u.user_id IS NULL OR p.profile_id IS NULL"
	" OR p.deleted_at IS NOT NULL OR p.user_id IS DISTINCT FROM m.user_id OR p.account_id <> m.account_id"},
	{"grant",
		"SELECT 'grant ' || g.grant_id, CASE WHEN p.profile_id IS NULL THEN 'its profile does not exist'"
		" WHEN p.deleted_at IS NOT NULL THEN 'its profile is deleted'"
		" WHEN g.role_id IS NOT NULL AND r.role_id IS NULL THEN 'its role does not exist'"
		" WHEN r.account_id <> p.account_id THEN 'its role is another account''s'"
		" ELSE 'its workspace does not exist, or is another account''s' END"
		" FROM account.grants g LEFT JOIN account.profiles p ON p.profile_id = g.profile_id"
		" LEFT JOIN account.roles r ON r.role_id = g.role_id LEFT JOIN account.workspaces w ON w.workspace_id = g.workspace_id"
		" WHERE p.profile_id IS NULL OR p.deleted_at IS NOT NULL OR (g.role_id IS NOT NULL AND r.role_id IS NULL)"
	" OR r.account_id <> p.account_id OR (g.workspace_id IS NOT NULL AND w.account_id IS DISTINCT FROM p.account_id)"},
	{"last_owner",
		"SELECT 'account ' || a.account_id, 'it had an owner, and has none that counts'"
		" FROM account.accounts a CROSS JOIN LATERAL (SELECT bool_or(p.deleted_at IS NULL AND m.profile_id IS NOT NULL"
		" AND m.expires_at IS NULL AND NOT EXISTS (SELECT FROM account.holds h WHERE h.kind = 'd'"
		" AND h.subject_id IN (p.profile_id, p.user_id))) AS counts, bool_or(m.expires_at IS NULL) AS had"
		" FROM account.profiles p JOIN account.grants g ON g.profile_id = p.profile_id AND g.role_id = " OWNER_ROLE
		" AND g.workspace_id IS NULL AND g.service IS NULL AND g.expires_at IS NULL"
		" LEFT JOIN account.user_memberships m ON m.profile_id = p.profile_id"
	" WHERE p.account_id = a.account_id AND p.kind = 'user') o WHERE o.had AND NOT o.counts"},
	{"role",
		NAMES("'role ' || r.role_id", "'its account does not exist'", "account.roles r",
	"r.account_id IS NOT NULL AND NOT EXISTS (SELECT FROM account.accounts a WHERE a.account_id = r.account_id)")},
	{"role_permission",
		"SELECT 'role ' || r.role_id, format('permission %s is not defined', p.permission) FROM account.roles r"
		" CROSS JOIN LATERAL unnest(r.permissions || r.denied) p (permission) WHERE p.permission !~ '\\*'"
	" AND NOT EXISTS (SELECT FROM account.permissions d WHERE d.permission = p.permission AND d.deleted_at IS NULL)"},
	{"workspace",
		NAMES("'workspace ' || w.workspace_id", "'its account does not exist'", "account.workspaces w",
	"NOT EXISTS (SELECT FROM account.accounts a WHERE a.account_id = w.account_id)")},
	{"workspace_name",
		"SELECT format('workspace name %L in account %s', min(name::text), account_id), format('%s workspaces have it', count(*))"
	" FROM account.workspaces GROUP BY account_id, lower(name::text COLLATE \"C\") HAVING count(*) > 1"},
	{"hold",
		"SELECT format('hold %s on %s', h.kind, h.subject_id), CASE WHEN s.known THEN 'that kind of hold is unknown'"
		" ELSE 'there is nothing of that id that it could hold' END FROM account.holds h"
		" CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM account.accounts WHERE account_id = h.subject_id)"
		" OR (h.kind IN ('a', 'd') AND EXISTS (SELECT FROM account.workspaces WHERE workspace_id = h.subject_id))"
		" OR (h.kind = 'd' AND (EXISTS (SELECT FROM account.profiles WHERE profile_id = h.subject_id)"
		" OR EXISTS (SELECT FROM account.users WHERE user_id = h.subject_id))) AS known) s"
	" WHERE NOT s.known OR h.kind NOT IN ('a', 's', 'd', 'p')"},
	{"credential_ending",
		"SELECT 'credential ' || e.credential_id, 'it has ended, or was narrowed, and does not exist' FROM account.credentials e"
		" WHERE e.entry <> 0 AND NOT EXISTS (SELECT FROM account.credentials c WHERE c.credential_id = e.credential_id"
	" AND c.entry = 0 AND c.digest = e.digest) GROUP BY e.credential_id"},
	{"credential_holder",
		"SELECT 'credential ' || c.credential_id, CASE WHEN c.kind IN ('k', 'a') THEN 'its key, profile or account does not exist, or is another'"
		" WHEN c.kind = 'i' THEN 'its invitation does not exist' ELSE 'its user does not exist' END"
		" FROM account.credentials c WHERE c.entry = 0 AND CASE WHEN c.kind IN ('k', 'a') THEN NOT EXISTS (SELECT FROM account.keys k"
		" WHERE k.api_key_id = c.credential_id AND k.account_id IS NOT DISTINCT FROM c.account_id"
		" AND k.profile_id IS NOT DISTINCT FROM c.profile_id AND (k.profile_id IS NULL OR EXISTS (SELECT FROM account.profiles p"
		" WHERE p.profile_id = k.profile_id AND p.account_id = k.account_id)))"
		" WHEN c.kind = 'i' THEN NOT EXISTS (SELECT FROM account.sent_invitations i WHERE i.invitation_id = c.credential_id)"
	" WHEN c.kind = 's' THEN NOT EXISTS (SELECT FROM account.users u WHERE u.user_id = c.user_id) ELSE false END"},
	{"key",
		NAMES("'key ' || k.api_key_id", "'it has no credential'", "account.keys k",
			  "NOT EXISTS (SELECT FROM account.credentials c WHERE c.credential_id = k.api_key_id AND c.entry = 0"
	" AND c.kind IN ('k', 'a'))")},
	{"invitation",
		NAMES("'invitation ' || i.invitation_id", "'it has no credential, or its account does not exist'", "account.sent_invitations i",
			  "NOT EXISTS (SELECT FROM account.credentials c WHERE c.credential_id = i.invitation_id AND c.entry = 0 AND c.kind = 'i')"
	" OR NOT EXISTS (SELECT FROM account.accounts a WHERE a.account_id = i.account_id)")},
	{"quota_count",
		"SELECT format('count of %s of account %s', q.resource, q.account_id), CASE WHEN a.account_id IS NULL THEN 'the account does not exist'"
		" WHEN c.oid IS NULL THEN 'the table does not exist' ELSE format('it is %s', q.amount) END"
		" FROM (SELECT account_id, resource, table_id, sum(amount) AS amount FROM account.quota_counts GROUP BY 1, 2, 3) q"
		" LEFT JOIN account.accounts a ON a.account_id = q.account_id LEFT JOIN pg_class c ON c.oid = q.table_id"
	" WHERE a.account_id IS NULL OR (q.table_id <> 0 AND (c.oid IS NULL OR q.amount < 0))"},
	{"webhook_secret",
		NAMES("'webhook secret of account ' || s.account_id", "'the account does not exist'", "account.webhook_secrets s",
	"NOT EXISTS (SELECT FROM account.accounts a WHERE a.account_id = s.account_id)")},
	{"event",
		NAMES("'event ' || e.event_id", "'its account does not exist'", "account.events e",
	"NOT EXISTS (SELECT FROM account.accounts a WHERE a.account_id = e.account_id)")},
	{"event_aside",
		NAMES("'event ' || e.event_id", "'it was put aside, and none comes before it'", "account.events e",
			  "e.finished_at IS NULL AND e.due_at = 'infinity' AND NOT EXISTS (SELECT FROM account.events p"
	" WHERE p.account_id = e.account_id AND p.finished_at IS NULL AND p.turn < e.turn)")},
	{"permission",
		NAMES("'permission ' || p.permission", "'its number is not of its kind'", "account.permissions p",
	"p.built_in <> (p.number < 256)")},
};

static void
put_violations(FunctionCallInfo fcinfo, const Invariant *invariant)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	for (uint64 row = 0; row < SPI_processed; row++)
	{
		Datum		values[3];
		bool		nulls[3] = {false};

		values[0] = CStringGetTextDatum(invariant->name);
		for (int column = 1; column <= 2; column++)
			values[column] = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &nulls[column]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/* check_invariants() */
Datum
account_invariant_check_invariants(PG_FUNCTION_ARGS)
{
	QueryScope	scope;
	int			nest_level;

	caller_require_admin("check invariants");
	InitMaterializedSRF(fcinfo, 0);
	query_open(&scope);
	/* Names and operators of the server need no schema then. */
	nest_level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	for (int i = 0; i < lengthof(invariants); i++)
	{
		char	   *query = psprintf("SELECT * FROM (%s) v (object, finding) ORDER BY object COLLATE \"C\", finding COLLATE \"C\"",
									 invariants[i].query);

		if (SPI_execute(query, true, 0) != SPI_OK_SELECT)
			elog(ERROR, "could not check invariant \"%s\"", invariants[i].name);
		put_violations(fcinfo, &invariants[i]);
	}
	AtEOXact_GUC(false, nest_level);
	query_close(&scope);
	return (Datum) 0;
}
