/*
 * logbook.c
 *	  The audit log as it is read, and entries of applications.
 *
 * An account reads what was done to it, and what it has done itself, with read:audit; not what
 * accounts below it do to themselves.  Administrators read everything.
 */
#include "account.h"

#include "access/detoast.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#define ACTION_MAX 127			/* bytes */
#define OBJECT_TYPE_MAX 63
#define DETAIL_MAX (64 * 1024)

/* The first words of actions that are the extension's own. */
static const char *const own_words[] = {
	"access", "account", "api_key", "attempt", "audit", "delivery", "event", "feature_flag", "finding", "invitation",
	"member", "permission", "plan", "postgrest", "quota", "request", "role", "schema", "service_account", "session",
	"table", "user", "user_token", "webhook", "webhook_secret", "workspace"
};

PG_FUNCTION_INFO_V1(account_logbook_audit_reads);
PG_FUNCTION_INFO_V1(account_logbook_record_audit);

/* Which entries the caller reads. */
typedef struct Reader
{
	uint64		epoch;			/* of the context; 0 if nothing is known */
	LocalTransactionId lxid;
	Oid			role;
	bool		all;
	bool		any;
	pg_uuid_t	own;
} Reader;

static void
find_reader(Reader *reader)
{
	const Identity *identity;

	reader->epoch = 0;
	identity = identity_current();
	reader->all = identity == NULL && caller_is_admin();
	reader->any = identity != NULL && identity->has_account && caller_permits(identity, "read:audit");
	if (reader->any)
		reader->own = identity->account_id;
	reader->role = GetUserId();
	reader->lxid = proc_lxid(MyProc);
	reader->epoch = context_epoch;
}

/* audit_reads(account_id, from_account_id) */
Datum
account_logbook_audit_reads(PG_FUNCTION_ARGS)
{
	static Reader reader;

	if (reader.epoch != context_epoch || reader.lxid != proc_lxid(MyProc) || reader.role != GetUserId())
		find_reader(&reader);
	for (int i = 0; i < 2 && reader.any; i++)
	{
		if (!PG_ARGISNULL(i) && memcmp(PG_GETARG_UUID_P(i), &reader.own, UUID_LEN) == 0)
			PG_RETURN_BOOL(true);
	}
	PG_RETURN_BOOL(reader.all);
}

/* ---------------------------------------------------------------------------
 * Entries of applications
 */

/* The length of a word of lower-case letters, digits and underscores that begins with a letter; 0 if it is none. */
static size_t
word_length(const char *text)
{
	return text[0] >= 'a' && text[0] <= 'z' ? strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") : 0;
}

/* Whether a text is two or more words with dots between. */
static bool
is_action(const char *text)
{
	int			words = 0;

	for (;;)
	{
		size_t		length = word_length(text);

		if (length == 0)
			return false;
		words++;
		text += length;
		if (*text == '\0')
			return words > 1;
		if (*text++ != '.')
			return false;
	}
}

static bool
is_own_action(const char *action)
{
	size_t		length = strcspn(action, ".");

	for (int i = 0; i < lengthof(own_words); i++)
	{
		if (strlen(own_words[i]) == length && strncmp(own_words[i], action, length) == 0)
			return true;
	}
	return false;
}

static void
check_action(Validation *validation, const char *action)
{
	if (action == NULL)
		validation_add(validation, "action", "required", "an action is required", NULL);
	else if (strlen(action) > ACTION_MAX || !is_action(action))
		validation_add(validation, "action", "pattern",
					   "an action has at most 127 characters: words of lower-case letters, digits and underscores,"
					   " with dots between", "Write it like invoice.sent.");
	else if (is_own_action(action))
		validation_add(validation, "action", "reserved", "actions of this first word are written by the extension alone",
					   "Choose another first word.");
}

static void
check_object_type(Validation *validation, const char *object_type)
{
	if (object_type == NULL)
		validation_add(validation, "object_type", "required", "an object type is required", NULL);
	else if (strlen(object_type) > OBJECT_TYPE_MAX || word_length(object_type) == 0 ||
			 object_type[word_length(object_type)] != '\0')
		validation_add(validation, "object_type", "pattern",
					   "an object type has at most 63 lower-case letters, digits and underscores", NULL);
}

/* The detail as text; NULL, and an entry, if it cannot be one. */
static char *
check_detail(FunctionCallInfo fcinfo, Validation *validation)
{
	char	   *detail = NULL;

	if (!PG_ARGISNULL(3) && toast_raw_datum_size(PG_GETARG_DATUM(3)) <= 2 * DETAIL_MAX)
		detail = DatumGetCString(DirectFunctionCall1(jsonb_out, PG_GETARG_DATUM(3)));
	if (PG_ARGISNULL(3) || (detail != NULL && detail[0] != '{'))
		validation_add(validation, "detail", "type", "must be a JSON object", NULL);
	else if (detail == NULL || strlen(detail) > DETAIL_MAX)
		validation_add(validation, "detail", "length", "must have at most 64 KB", NULL);
	return detail;
}

/* record_audit(action, object_type, object_id, detail) */
Datum
account_logbook_record_audit(PG_FUNCTION_ARGS)
{
	char	   *action = changes_text_argument(fcinfo, 0, "action");
	char	   *object_type = changes_text_argument(fcinfo, 1, "object_type");
	pg_uuid_t  *id;
	Validation	validation;
	Target		target;
	AuditEntry	entry;
	char	   *detail;

	caller_target(NULL, NULL, SCOPE_OWN, &target);
	validation_start(&validation);
	check_action(&validation, action);
	check_object_type(&validation, object_type);
	detail = check_detail(fcinfo, &validation);
	validation_finish(&validation);
	if (!audit_can_write())
		error_raise(ERROR_BAD_REQUEST, NULL, "nothing can be recorded in a read-only transaction");
	audit_begin(&entry, action, object_type, PG_ARGISNULL(2) ? NULL : PG_GETARG_UUID_P(2), &target.account_id);
	entry.source = "application";
	entry.detail = detail;
	audit_insert(&entry);
	id = palloc(sizeof(pg_uuid_t));
	*id = entry.entry_id;
	PG_RETURN_UUID_P(id);
}
