/*
 * trail.c
 *	  Entries of the audit log for changes of our own rows.
 *
 * A trigger on each of our tables that says something about accounts makes the entries, so that
 * no function that changes a row has to remember it.  It does so only while a statement of ours
 * runs (query_write()): a restore, a replica's apply worker and what a superuser does by hand are
 * no calls of ours.  And it does nothing within audit_quiet(), where the whole has an entry.
 *
 * What of a row is told is listed here, column by column, with the columns that are personal;
 * a column that is not listed is never told, so that a new one cannot give a secret away.
 * How it is told: detail.c.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#define COLUMNS_MAX 14

typedef struct TrailTable
{
	const char *name;
	const char *object_type;
	const char *object;			/* columns with uuids; NULL: none */
	const char *account;
	const char *actions[3];		/* of INSERT, UPDATE, DELETE; NULL: none */
	DetailColumn columns[COLUMNS_MAX];
	void		(*refine) (Change *change); /* may be NULL */
} TrailTable;

PG_FUNCTION_INFO_V1(account_trail_note_change);

/* ---------------------------------------------------------------------------
 * Rows that others point to, without a predicate lock
 */

/* Opens a scan of the row of a table with an id, its first column; false if there is none. Close it in any case. */
static bool
look_up(const char *table, const char *index, const pg_uuid_t *id, SelfScan *scan)
{
	Oid			namespace_id = schema_catalog()->namespace_id;
	ScanKeyData key;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(id));
	scan_open(scan, get_relname_relid(table, namespace_id), get_relname_relid(index, namespace_id), &key, 1);
	return scan_next(scan);
}

/* Columns that are read so; schema_catalog() has checked the version. */
#define ANUM_PROFILES_ACCOUNT_ID 2
#define ANUM_PROFILES_USER_ID 4
#define ANUM_WORKSPACES_ACCOUNT_ID 2
#define ANUM_KEYS_NAME 4

static bool
find_profile(const pg_uuid_t *profile_id, Change *change, bool *is_user)
{
	SelfScan	scan;
	pg_uuid_t	user_id;
	bool		found = look_up("profiles", "profiles_pkey", profile_id, &scan);

	if (found)
	{
		change->has_account = scan_uuid(&scan, ANUM_PROFILES_ACCOUNT_ID, &change->account_id);
		*is_user = scan_uuid(&scan, ANUM_PROFILES_USER_ID, &user_id);
	}
	scan_close(&scan);
	return found;
}

static bool
find_workspace(const pg_uuid_t *workspace_id, Change *change)
{
	SelfScan	scan;
	bool		found = look_up("workspaces", "workspaces_pkey", workspace_id, &scan);

	if (found)
		change->has_account = scan_uuid(&scan, ANUM_WORKSPACES_ACCOUNT_ID, &change->account_id);
	scan_close(&scan);
	return found;
}

/* ---------------------------------------------------------------------------
 * What is particular to a table
 */

static void
refine_account(Change *change)
{
	if (change->before != NULL && change->after != NULL && detail_has_changed(change, "parent_account_id"))
		change->action = "account.moved";
}

/* Members come and go with their membership; what is personal of them is told as digests. */
static void
refine_profile(Change *change)
{
	static const DetailColumn of_member[] = {
		{"name", true}, {"description", true}, {"external_id", true}, {"labels", true}, {NULL}
	};
	pg_uuid_t	user_id;
	bool		ends = change->before != NULL && change->after != NULL && detail_has_changed(change, "deleted_at");

	if (detail_uuid(change, "user_id", &user_id))
	{
		change->object_type = "member";
		change->columns = of_member;
		change->action = change->before != NULL && change->after != NULL && !ends ? "member.updated" : NULL;
	}
	else if (ends)
	{
		change->action = "service_account.deleted";
		change->always = true;
	}
}

static void
refine_grant(Change *change)
{
	pg_uuid_t	role_id;
	bool		is_user = false;

	if (!detail_uuid(change, "role_id", &role_id))
		change->action = change->after != NULL ? "workspace.granted" : "workspace.revoked";
	if (find_profile(&change->object_id, change, &is_user))
		change->object_type = is_user ? "member" : "service_account";
}

static void
refine_permission(Change *change)
{
	detail_say_column(change, "permission");
	if (change->before == NULL || change->after == NULL || !detail_has_changed(change, "deleted_at"))
		return;
	change->action = detail_is_null(change, change->after, "deleted_at") ? "permission.defined" : "permission.deleted";
	change->always = true;
}

static void
refine_user(Change *change)
{
	if (change->before == NULL || change->after == NULL)
		return;
	/* Whoever created the user has no part in what becomes of him. */
	change->has_account = false;
	if (detail_has_changed(change, "email"))
		change->action = "user.email_changed";
	/* A hash that is made anew at a login, of the same password, is no change. */
	else if (detail_has_changed(change, "password_hash") && detail_has_changed(change, "updated_at"))
	{
		change->action = "user.password_changed";
		change->always = true;
	}
}

static void
refine_flag(Change *change)
{
	detail_say_column(change, "flag");
}

static void
refine_finding(Change *change)
{
	detail_say_column(change, "check_id");
	detail_say_column(change, "object");
}

/* A hold on an account, a workspace, a profile or a user. */
static void
refine_hold(Change *change)
{
	static const struct
	{
		char		kind;
		const char *type;
		const char *set;
		const char *lifted;
	}			actions[] = {
		{'a', "account", "account.archived", "account.unarchived"},
		{'a', "workspace", "workspace.archived", "workspace.unarchived"},
		{'s', "account", "account.suspended", "account.resumed"},
		{'p', "account", "account.deletion_requested", "account.deletion_cancelled"},
		{'d', "workspace", "workspace.disabled", "workspace.enabled"},
		{'d', "member", "member.disabled", "member.enabled"},
		{'d', "service_account", "service_account.disabled", "service_account.enabled"},
		{'d', "user", "user.disabled", "user.enabled"},
	};
	char		kind = detail_char(change, "kind");
	bool		is_user = false;

	change->object_type = kind == 'd' ? "user" : "account";
	if (kind == 'd' && find_profile(&change->object_id, change, &is_user))
		change->object_type = is_user ? "member" : "service_account";
	else if ((kind == 'd' || kind == 'a') && find_workspace(&change->object_id, change))
		change->object_type = "workspace";
	else if (kind != 'd')
	{
		change->has_account = true;
		change->account_id = change->object_id;
	}
	for (int i = 0; i < lengthof(actions); i++)
	{
		if (actions[i].kind == kind && strcmp(actions[i].type, change->object_type) == 0)
			change->action = change->after != NULL ? actions[i].set : actions[i].lifted;
	}
}

/* ---------------------------------------------------------------------------
 * Credentials: a row is one, or an ending of one, a workspace of a key, a narrowing
 */

static void
say_key(Change *change, const CredentialRecord *key)
{
	SelfScan	scan;

	if (look_up("keys", "keys_pkey", &key->credential_id, &scan))
		detail_say(change, "name", TEXTOID, scan.values[ANUM_KEYS_NAME - 1]);
	scan_close(&scan);
	if (key->nworkspaces > 0)
		detail_say(change, "workspace_ids", UUIDARRAYOID,
			PointerGetDatum(issue_uuid_array(key->workspaces, key->nworkspaces)));
}

static void
refine_new_credential(Change *change, const CredentialRecord *credential)
{
	switch (credential->kind)
	{
		case TOKEN_KEY:
		case TOKEN_APPLICATION:
			change->action = "api_key.created";
			say_key(change, credential);
			break;
		case TOKEN_SESSION:
			change->action = "session.created";
			change->object_type = "session";
			detail_say_column(change, "user_id");
			break;
		case TOKEN_USER:
			change->action = "user_token.issued";
			break;
		default:				/* sent_invitations tells of it */
			change->action = NULL;
	}
}

/* The action of a row of such a kind about such a credential; NULL: none. */
static const char *
ending_action(TokenKind of, char kind, bool inserted)
{
	static const struct
	{
		TokenKind	of;
		char		kind;
		const char *inserted;
		const char *deleted;
	}			actions[] = {
		{TOKEN_KEY, 'r', "api_key.revoked"},
		{TOKEN_KEY, 'o', "api_key.rotated"},
		{TOKEN_KEY, 'e', "api_key.updated"},
		{TOKEN_KEY, 'n', "api_key.updated"},
		{TOKEN_KEY, 'w', "api_key.workspace_granted", "api_key.workspace_revoked"},
		{TOKEN_SESSION, 'r', "session.ended"},
		{TOKEN_INVITATION, 'r', "invitation.revoked"},
		{TOKEN_INVITATION, 'x', "invitation.accepted"},
		{TOKEN_USER, 'r', "user_token.revoked"},
		{TOKEN_USER, 'x', "user_token.used"},
	};

	for (int i = 0; i < lengthof(actions); i++)
	{
		if (actions[i].of == (of == TOKEN_APPLICATION ? TOKEN_KEY : of) && actions[i].kind == kind)
			return inserted ? actions[i].inserted : actions[i].deleted;
	}
	return NULL;
}

static void
refine_credential(Change *change)
{
	CredentialRecord credential;
	bool		found = credential_find(&change->object_id, &credential);
	bool		itself = detail_int64(change, "entry") == 0;

	change->action = NULL;
	/* The workspaces of a new key come before it, and expired rows are deleted together. */
	if (!found || (itself && change->after == NULL))
		return;
	change->has_account = credential.has_account;
	change->account_id = credential.account_id;
	if (itself)
		refine_new_credential(change, &credential);
	else
		change->action = ending_action(credential.kind, detail_char(change, "kind"), change->after != NULL);
	if (credential.kind == TOKEN_SESSION)
		change->object_type = "session";
	else if (credential.kind == TOKEN_INVITATION)
		change->object_type = "invitation";
	else if (credential.kind == TOKEN_USER)
	{
		change->object_type = "user";
		change->has_object = credential.has_user;
		change->object_id = credential.user_id;
	}
}

/* ---------------------------------------------------------------------------
 * The tables
 */

static const TrailTable tables[] = {
	{
		"accepted_findings", "finding", NULL, NULL, {"finding.accepted", "finding.accepted", "finding.reopened"},
		{{"reason"}, {"accepted_by"}, {"expires_at"}}, refine_finding
	},
	{
		"accounts", "account", "account_id", "account_id", {"account.created", "account.updated", NULL},
		{{"parent_account_id"}, {"name"}, {"branding"}, {"description"}, {"domain"}, {"billing_email", true},
		{"external_id"}, {"labels"}, {"webhook_url", true}, {"stripe_customer_id"}, {"status"}, {"status_error"}},
		refine_account
	},
	{
		"credentials", "api_key", "credential_id", "account_id", {"", NULL, ""},
		{{"profile_id"}, {"permissions"}, {"allowed_ips"}, {"ends_at"}, {"workspace_id"}, {"reason"},
		{"successor_id"}},
		refine_credential
	},
	{
		"feature_flags", "feature_flag", NULL, NULL, {"feature_flag.set", "feature_flag.set", NULL},
		{{"enabled"}}, refine_flag
	},
	{
		"grants", "service_account", "profile_id", NULL, {"role.assigned", NULL, "role.unassigned"},
		{{"role_id"}, {"workspace_id"}, {"service"}, {"descendants"}, {"expires_at"}}, refine_grant
	},
	{
		"holds", "account", "subject_id", NULL, {"", NULL, ""}, {{"reason"}, {"due_at"}}, refine_hold
	},
	{
		"keys", "api_key", "api_key_id", "account_id", {NULL, "api_key.updated", NULL},
		{{"name"}, {"description"}, {"external_id"}, {"labels"}}, NULL
	},
	{
		"permissions", "permission", NULL, NULL, {"permission.defined", "permission.updated", NULL},
		{{"description"}}, refine_permission
	},
	{
		"plans", "plan", "plan_id", NULL, {"plan.created", "plan.updated", NULL},
		{{"name"}, {"limits"}, {"features"}}, NULL
	},
	{
		"profiles", "service_account", "profile_id", "account_id",
		{"service_account.created", "service_account.updated", NULL},
		{{"name"}, {"description"}, {"owner", true}, {"systems"}, {"external_id"}, {"labels"}}, refine_profile
	},
	{
		"roles", "role", "role_id", "account_id", {"role.created", "role.updated", "role.deleted"},
		{{"name"}, {"permissions"}, {"denied"}, {"description"}}, NULL
	},
	{
		"sent_invitations", "invitation", "invitation_id", "account_id", {"invitation.created", NULL, NULL},
		{{"email", true}, {"role_id"}, {"membership_ends_at"}}, NULL
	},
	{
		"subscriptions", "account", "account_id", "account_id",
		{"account.plan_changed", "account.plan_changed", "account.plan_changed"},
		{{"plan_id"}, {"monthly_cost"}, {"renewal_date"}}, NULL
	},
	{
		"user_memberships", "member", "profile_id", "account_id", {"member.added", NULL, "member.removed"},
		{{"user_id"}, {"expires_at"}, {"reason"}}, NULL
	},
	{
		"users", "user", "user_id", "created_by_account_id", {"user.created", "user.updated", NULL},
		{{"email", true}, {"email_verified_at"}, {"self_registered"}, {"external_id", true}}, refine_user
	},
	{
		"webhook_secrets", "webhook_secret", NULL, "account_id", {"webhook_secret.rotated", NULL, NULL},
		{{"older_until"}}, NULL
	},
	{
		"workspaces", "workspace", "workspace_id", "account_id", {"workspace.created", "workspace.updated", NULL},
		{{"name"}, {"external_id"}, {"labels"}}, NULL
	},
};

static const TrailTable *
find_table(Relation relation)
{
	for (int i = 0; i < lengthof(tables); i++)
	{
		if (strcmp(tables[i].name, RelationGetRelationName(relation)) == 0)
			return &tables[i];
	}
	elog(ERROR, "table \"%s\" has no trail", RelationGetRelationName(relation));
}

static void
take_row(const TrailTable *table, const TriggerData *trigger, Change *change)
{
	bool		updated = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event);
	int			event = updated ? 1 : TRIGGER_FIRED_BY_DELETE(trigger->tg_event) ? 2 : 0;

	memset(change, 0, sizeof(*change));
	change->descriptor = RelationGetDescr(trigger->tg_relation);
	change->before = event == 0 ? NULL : trigger->tg_trigtuple;
	change->after = updated ? trigger->tg_newtuple : event == 0 ? trigger->tg_trigtuple : NULL;
	change->columns = table->columns;
	change->action = table->actions[event];
	change->object_type = table->object_type;
	change->has_object = table->object != NULL && detail_uuid(change, table->object, &change->object_id);
	change->has_account = table->account != NULL && detail_uuid(change, table->account, &change->account_id);
	initStringInfo(&change->more);
}

/* note_change(): trigger of our own tables */
Datum
account_trail_note_change(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	const TrailTable *table;
	Change		change;
	AuditEntry	entry;

	if (!CALLED_AS_TRIGGER(fcinfo))
		error_raise(ERROR_FORBIDDEN, NULL, "note_change() is a trigger");
	if (!query_is_writing() || audit_is_quiet())
		return PointerGetDatum(NULL);
	table = find_table(trigger->tg_relation);
	take_row(table, trigger, &change);
	if (change.action == NULL && table->refine == NULL)
		return PointerGetDatum(NULL);
	if (table->refine != NULL)
		table->refine(&change);
	if (change.action == NULL || !detail_is_told(&change))
		return PointerGetDatum(NULL);
	audit_begin(&entry, change.action, change.object_type, change.has_object ? &change.object_id : NULL,
				change.has_account ? &change.account_id : NULL);
	entry.detail = detail_describe(&change);
	audit_insert(&entry);
	return PointerGetDatum(NULL);
}
