/*
 * context.c
 *	  The setting that carries an identity.
 *
 * account.context gives what a setting gives: it goes with ROLLBACK TO, with
 * DISCARD ALL and into parallel workers.  Only our own code may set it: a value is
 * accepted if it equals the one that set_context() has just laid down (once), or
 * if it is empty, or if a parallel worker restores what its leader had.  A flag
 * "we are setting it" would not do: set_config_option() raises in parallel mode
 * before it calls the hook, and the flag would stay up.
 *
 * Within the backend the value is only a number: the struct goes to the check hook
 * beside it.  Where parallel workers may be started, the context is set again, in
 * full (identity.c, settle()).
 *
 * Every context that is set has a growing generation.  A context of a generation
 * up to void_generation does not count, whatever brings it back.
 */
#include "account.h"

#include "access/parallel.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#define CONTEXT_NAME "account.context"
#define CONTEXT_VERSION 1

/* Which of the ids are set, and more. */
#define FLAG_ACCOUNT 0x01
#define FLAG_PROFILE 0x02
#define FLAG_USER 0x04
#define FLAG_KEY 0x08
#define FLAG_SESSION 0x10
#define FLAG_WRITABLE 0x20
#define FLAG_ENDING 0x40

/* The value of account.context is the hexadecimal form of this and of the rights that follow it. */
typedef struct ContextHeader
{
	uint8		version;
	uint8		scope;
	uint16		flags;
	int32		pid;			/* of the leader */
	uint32		lxid;			/* local transaction id of the leader */
	uint64		generation;
	TimestampTz expires_at;
	TimestampTz issues_until;
	pg_uuid_t	account_id;
	pg_uuid_t	profile_id;
	pg_uuid_t	user_id;
	pg_uuid_t	api_key_id;
	pg_uuid_t	session_id;
	uint8		binding[16];	/* what it is bound to elsewhere; zero on one machine */
	uint8		mac[32];		/* zero on one machine */
} ContextHeader;

const Context *context_current = NULL;
uint64		context_epoch = 1;

static char *context_value;
static const char *pending_value = NULL;
static const Context *pending_context = NULL;
static uint64 newest_generation = 0;
static uint64 void_generation = 0;

bool
context_is_void(const Context *context)
{
	return context->generation <= void_generation;
}

void
context_void_all(void)
{
	void_generation = newest_generation;
	context_epoch++;
}

static char *
encode_hex(const char *bytes, size_t length, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < length; i++)
	{
		*out++ = digits[(unsigned char) bytes[i] >> 4];
		*out++ = digits[(unsigned char) bytes[i] & 0x0f];
	}
	return out;
}

static bool
decode_hex(const char *hex, size_t length, char *out)
{
	for (size_t i = 0; i < length; i++)
	{
		int			value = 0;

		for (int j = 0; j < 2; j++)
		{
			char		c = *hex++;

			if (c >= '0' && c <= '9')
				value = value * 16 + c - '0';
			else if (c >= 'a' && c <= 'f')
				value = value * 16 + c - 'a' + 10;
			else
				return false;
		}
		*out++ = (char) value;
	}
	return true;
}

/* The portable value of a context, in the current memory context. */
static char *
encode_context(const Context *context)
{
	const Identity *identity = &context->identity;
	ContextHeader header;
	char	   *value;
	char	   *end;

	memset(&header, 0, sizeof(header));
	header.version = CONTEXT_VERSION;
	header.scope = context->scope;
	header.flags = (identity->has_account ? FLAG_ACCOUNT : 0) |
		(identity->has_profile ? FLAG_PROFILE : 0) |
		(identity->has_user ? FLAG_USER : 0) |
		(identity->has_key ? FLAG_KEY : 0) |
		(identity->has_session ? FLAG_SESSION : 0) |
		(identity->writable ? FLAG_WRITABLE : 0) |
		(identity->ending ? FLAG_ENDING : 0);
	header.pid = context->pid;
	header.lxid = context->lxid;
	header.generation = context->generation;
	header.expires_at = identity->expires_at;
	header.issues_until = identity->issues_until;
	header.account_id = identity->account_id;
	header.profile_id = identity->profile_id;
	header.user_id = identity->user_id;
	header.api_key_id = identity->api_key_id;
	header.session_id = identity->session_id;

	value = palloc(2 * (sizeof(header) + identity->rights->size) + 1);
	end = encode_hex((char *) &header, sizeof(header), value);
	end = encode_hex((char *) identity->rights, identity->rights->size, end);
	*end = '\0';
	return value;
}

static void
fill_identity(const ContextHeader *header, const Rights *rights, Identity *identity)
{
	identity->has_account = (header->flags & FLAG_ACCOUNT) != 0;
	identity->has_profile = (header->flags & FLAG_PROFILE) != 0;
	identity->has_user = (header->flags & FLAG_USER) != 0;
	identity->has_key = (header->flags & FLAG_KEY) != 0;
	identity->has_session = (header->flags & FLAG_SESSION) != 0;
	identity->writable = (header->flags & FLAG_WRITABLE) != 0;
	identity->ending = (header->flags & FLAG_ENDING) != 0;
	identity->account_id = header->account_id;
	identity->profile_id = header->profile_id;
	identity->user_id = header->user_id;
	identity->api_key_id = header->api_key_id;
	identity->session_id = header->session_id;
	identity->expires_at = header->expires_at;
	identity->issues_until = header->issues_until;
	identity->rights = rights;
}

/* The context that a value stands for, allocated for the GUC machinery; NULL if it is none. */
static Context *
decode_context(const char *value)
{
	size_t		length = strlen(value) / 2;
	ContextHeader header;
	size_t		size;
	Context    *context;
	Rights	   *rights;

	if (length < sizeof(header) + sizeof(Rights) || !decode_hex(value, sizeof(header), (char *) &header) ||
		header.version != CONTEXT_VERSION)
		return NULL;
	size = length - sizeof(header);
	context = guc_malloc(LOG, offsetof(Context, data) + size);
	if (context == NULL)
		return NULL;
	rights = (Rights *) context->data;
	if (!decode_hex(value + 2 * sizeof(header), size, (char *) rights) || rights->size != size)
	{
		guc_free(context);
		return NULL;
	}
	context->scope = (ContextScope) header.scope;
	context->pid = header.pid;
	context->lxid = header.lxid;
	context->generation = header.generation;
	context->portable = true;
	fill_identity(&header, rights, &context->identity);
	return context;
}

/* A copy of a context for the GUC machinery, with its rights; NULL without memory. */
static Context *
copy_context(const Context *context)
{
	const Rights *rights = context->identity.rights;
	Context    *copy = guc_malloc(LOG, offsetof(Context, data) + rights->size);

	if (copy == NULL)
		return NULL;
	*copy = *context;
	memcpy(copy->data, rights, rights->size);
	copy->identity.rights = (Rights *) copy->data;
	return copy;
}

/*
 * Check hook: what is empty, what set_context() has just laid down, or what the
 * leader of a parallel worker had.  A value that is not portable gives a worker no
 * identity.  Reads no catalog.
 */
static bool
check_context(char **newval, void **extra, GucSource source)
{
	*extra = NULL;
	if ((*newval)[0] == '\0')
		return true;
	if (pending_value != NULL && strcmp(*newval, pending_value) == 0)
	{
		pending_value = NULL;
		*extra = copy_context(pending_context);
		return *extra != NULL;
	}
	if (InitializingParallelWorker && source == PGC_S_SESSION)
	{
		*extra = decode_context(*newval);
		return true;
	}
	GUC_check_errcode(ERRCODE_INSUFFICIENT_PRIVILEGE);
	GUC_check_errmsg("parameter \"%s\" can only be emptied", CONTEXT_NAME);
	GUC_check_errhint("Call account.authenticate().");
	return false;
}

static void
assign_context(const char *newval, void *extra)
{
	context_current = extra;
	context_epoch++;
}

/* Shows the account alone, and nothing if the context does not count. */
static const char *
show_context(void)
{
	static char shown[UUID_LEN * 2 + 5];
	const Context *context = context_current;
	const uint8 *id;

	if (context == NULL || context->scope != CONTEXT_TRANSACTION || context->pid != MyProcPid ||
		context->lxid != proc_lxid(MyProc) || context_is_void(context) ||
		!context->identity.has_account)
		return "";
	id = context->identity.account_id.data;
	snprintf(shown, sizeof(shown), "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
			 id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7],
			 id[8], id[9], id[10], id[11], id[12], id[13], id[14], id[15]);
	return shown;
}

/*
 * Sets account.context; context is what value stands for, NULL for an empty one.
 * Both are laid down for the check hook to find, and taken away whatever happens.
 * set_config_option() raises in parallel mode before it calls the hook; callers
 * have made sure that it is not.
 */
static void
set_context(const char *value, const Context *context, GucAction action)
{
	PG_TRY();
	{
		pending_value = context != NULL ? value : NULL;
		pending_context = context;
		(void) set_config_option(CONTEXT_NAME, value, PGC_USERSET, PGC_S_SESSION, action, true, ERROR, false);
	}
	PG_FINALLY();
	{
		pending_value = NULL;
		pending_context = NULL;
	}
	PG_END_TRY();
}

void
context_set(Context *context)
{
	GucAction	action = context->scope == CONTEXT_SESSION ? GUC_ACTION_SET : GUC_ACTION_LOCAL;
	char		number[2 + MAXINT8LEN + 1];

	context->generation = ++newest_generation;
	if (context->portable)
	{
		set_context(encode_context(context), context, action);
		return;
	}
	number[0] = '#';
	number[1 + pg_ulltoa_n(context->generation, number + 1)] = '\0';
	set_context(number, context, action);
}

void
context_clear(bool whole_session)
{
	set_context("", NULL, whole_session ? GUC_ACTION_SET : GUC_ACTION_LOCAL);
}

void
context_init(void)
{
	DefineCustomStringVariable(CONTEXT_NAME,
							   "Carries the identity; set by account.authenticate() alone.", NULL,
							   &context_value, "", PGC_USERSET,
							   GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE,
							   check_context, assign_context, show_context);
}
