/*
 * burial.c
 *	  What the extension itself keeps of accounts that are purged.
 *
 * Keys, invitations, members, roles and workspaces are deleted.  Profiles stay, blank, for what
 * they have made names them, and so do the accounts: detached roots that tree_path() does not
 * find, which keep their ids from being used again.
 */
#include "account.h"

#include "catalog/pg_type.h"

/* In SQL: of some accounts ($1) the profiles, and the keys and invitations. */
#define THEIR_PROFILES "(SELECT p.profile_id FROM account.profiles p WHERE p.account_id OPERATOR(pg_catalog.=) ANY ($1))"
#define THEIR_CREDENTIALS \
	"(SELECT k.api_key_id FROM account.keys k WHERE k.account_id OPERATOR(pg_catalog.=) ANY ($1)" \
	" UNION ALL SELECT i.invitation_id FROM account.sent_invitations i WHERE i.account_id OPERATOR(pg_catalog.=) ANY ($1))"

/* Our own rows of some accounts: what names others goes first, and profiles stay for what names them. */
static Statement own_rows[] = {
	{"DELETE FROM account.uses u WHERE u.credential_id OPERATOR(pg_catalog.=) ANY " THEIR_CREDENTIALS, 1, {UUIDARRAYOID}},
	{"DELETE FROM account.credentials c WHERE c.credential_id OPERATOR(pg_catalog.=) ANY " THEIR_CREDENTIALS, 1, {UUIDARRAYOID}},
	{"DELETE FROM account.keys k WHERE k.account_id OPERATOR(pg_catalog.=) ANY ($1)", 1, {UUIDARRAYOID}},
	{"DELETE FROM account.sent_invitations i WHERE i.account_id OPERATOR(pg_catalog.=) ANY ($1)", 1, {UUIDARRAYOID}},
	{"DELETE FROM account.grants g WHERE g.profile_id OPERATOR(pg_catalog.=) ANY " THEIR_PROFILES, 1, {UUIDARRAYOID}},
	{"DELETE FROM account.user_memberships m WHERE m.profile_id OPERATOR(pg_catalog.=) ANY " THEIR_PROFILES, 1, {UUIDARRAYOID}},
	{
		"DELETE FROM account.holds h WHERE h.subject_id OPERATOR(pg_catalog.=) ANY ($1) OR h.subject_id OPERATOR(pg_catalog.=) ANY "
		THEIR_PROFILES " OR h.subject_id OPERATOR(pg_catalog.=) ANY (SELECT w.workspace_id FROM account.workspaces w"
		" WHERE w.account_id OPERATOR(pg_catalog.=) ANY ($1))", 1, {UUIDARRAYOID}
	},
	{"DELETE FROM account.workspaces w WHERE w.account_id OPERATOR(pg_catalog.=) ANY ($1)", 1, {UUIDARRAYOID}},
	{"DELETE FROM account.roles r WHERE r.account_id OPERATOR(pg_catalog.=) ANY ($1)", 1, {UUIDARRAYOID}},
	{"DELETE FROM account.events e WHERE e.account_id OPERATOR(pg_catalog.=) ANY ($1)", 1, {UUIDARRAYOID}},
	{"DELETE FROM account.webhook_secrets s WHERE s.account_id OPERATOR(pg_catalog.=) ANY ($1)", 1, {UUIDARRAYOID}},
	{"DELETE FROM account.account_counters c WHERE c.account_id OPERATOR(pg_catalog.=) ANY ($1)", 1, {UUIDARRAYOID}},
	{"DELETE FROM account.subscriptions s WHERE s.account_id OPERATOR(pg_catalog.=) ANY ($1)", 1, {UUIDARRAYOID}},
	{
		"UPDATE account.profiles p SET name = 'deleted', description = NULL, owner = NULL, systems = '{}',"
		" external_id = NULL, labels = '{}', updated_at = pg_catalog.clock_timestamp(),"
		" deleted_at = COALESCE(p.deleted_at, pg_catalog.clock_timestamp())"
		" WHERE p.account_id OPERATOR(pg_catalog.=) ANY ($1)", 1, {UUIDARRAYOID}
	},
	{"DELETE FROM account.quota_counts q WHERE q.account_id OPERATOR(pg_catalog.=) ANY ($1)", 1, {UUIDARRAYOID}},
	{
		"UPDATE account.accounts a SET parent_account_id = NULL, path = ARRAY[a.account_id],"
		" billed_account_id = a.account_id, name = 'deleted',"
		" branding = '{\"suppress_from_reports\": false}', description = NULL, domain = NULL, billing_email = NULL,"
		" external_id = NULL, labels = '{}', webhook_url = NULL, stripe_customer_id = NULL, status_error = NULL,"
		" updated_at = pg_catalog.clock_timestamp(), deleted_at = pg_catalog.clock_timestamp()"
		" WHERE a.account_id OPERATOR(pg_catalog.=) ANY ($1)", 1, {UUIDARRAYOID}
	},
};

/* The users whom only these accounts had: created by one of them, a member of none, and invited to none. */
static List *
find_users_left(Datum account_ids)
{
	static Statement find = {
		"SELECT u.user_id FROM account.users u"
		" WHERE u.created_by_account_id OPERATOR(pg_catalog.=) ANY ($1) AND u.email IS NOT NULL"
		" AND NOT EXISTS (SELECT FROM account.user_memberships m WHERE m.user_id OPERATOR(pg_catalog.=) u.user_id)"
		" AND NOT EXISTS (SELECT FROM account.sent_invitations i WHERE i.email OPERATOR(pg_catalog.=) u.email)",
		1, {UUIDARRAYOID}
	};
	QueryScope	scope;
	List	   *result;

	query_open(&scope);
	result = query_uuids(&scope, query_latest(&find, &account_ids, NULL), 1);
	query_close(&scope);
	return result;
}

/* Erases the users who are left with nothing. */
static void
erase_users(Datum account_ids)
{
	ListCell   *cell;

	foreach(cell, find_users_left(account_ids))
	{
		UserRecord	user;

		if (user_find(lfirst(cell), &user) && user.email != NULL)
			user_erase(&user);
	}
}

/* Those who are left are nobody's: neither the account that created them nor its name of theirs is known any more. */
static void
disown_users(Datum account_ids)
{
	static Statement disown = {
		"UPDATE account.users u SET external_id = NULL, created_by_account_id = NULL"
		" WHERE u.created_by_account_id OPERATOR(pg_catalog.=) ANY ($1)",
		1, {UUIDARRAYOID}
	};
	QueryScope	scope;

	query_open(&scope);
	query_write(&disown, &account_ids, NULL);
	query_close(&scope);
}

/* Deletes and blanks all rows. */
static void
bury_rows(Datum account_ids)
{
	QueryScope	scope;

	query_open(&scope);
	for (int i = 0; i < lengthof(own_rows); i++)
		query_write(&own_rows[i], &account_ids, NULL);
	query_close(&scope);
}

/* Without entries of the audit log for each row: the purge has one. */
static void
do_quietly(void (*work) (Datum account_ids), Datum account_ids)
{
	bool		quiet = audit_quiet(true);

	PG_TRY();
	{
		work(account_ids);
	}
	PG_FINALLY();
	{
		(void) audit_quiet(quiet);
	}
	PG_END_TRY();
}

void
burial_bury(List *account_ids)
{
	Datum		ids = query_uuid_array(account_ids);

	do_quietly(bury_rows, ids);
	erase_users(ids);
	do_quietly(disown_users, ids);
	note_forget_accounts(account_ids);
	permission_signal();
	guard_taken();
}
