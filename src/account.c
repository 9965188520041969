/*
 * account.c
 *	  The library's entry: settings and the hooks that parts install.
 *
 * No setting can be changed by an ordinary role.  account.context, which carries
 * the identity, is no setting in this sense and is defined in identity.c.
 */
#include "account.h"

#include "miscadmin.h"

MODULE_MAGIC;

char	   *setting_key_environment;
char	   *setting_key_brand;
bool		setting_push_quals;
int			setting_max_depth;
char	   *setting_pepper_file;
char	   *setting_master_key_file;
bool		setting_session_identity;
bool		setting_exchange_identity;
bool		setting_refuse_bypass;
int			setting_without_identity;
bool		setting_registration;
bool		setting_require_verified_email;
int			setting_password_cost;
int			setting_password_min_length;
int			setting_session_lifetime;
int			setting_login_attempts;
int			setting_login_lockout;
int			setting_last_used_interval;
int			setting_session_idle_timeout;
int			setting_key_max_age;
int			setting_webhook_retention;
int			setting_rate_buckets;
char	   *setting_databases;
int			setting_recorder_interval;
int			setting_recorded_uses;
char	   *setting_trusted_proxies;
int			setting_log_requests;
int			setting_counted_accounts;
char	   *setting_tenant_role;
char	   *setting_service_account_name_pattern;

static const struct config_enum_entry without_identity_values[] = {
	{"warn", WITHOUT_IDENTITY_WARN, false},
	{"empty", WITHOUT_IDENTITY_EMPTY, false},
	{NULL, 0, false}
};

static const struct config_enum_entry log_requests_values[] = {
	{"none", LOG_REQUESTS_NONE, false},
	{"writes", LOG_REQUESTS_WRITES, false},
	{"all", LOG_REQUESTS_ALL, false},
	{NULL, 0, false}
};

PGDLLEXPORT void _PG_init(void);

/* A word of a token: 1 to 16 lower-case letters and digits. */
static bool
check_token_word(char **newval, void **extra, GucSource source)
{
	size_t		length = strspn(*newval, "abcdefghijklmnopqrstuvwxyz0123456789");

	if (length >= 1 && length <= 16 && (*newval)[length] == '\0')
		return true;
	GUC_check_errdetail("It must be 1 to 16 lower-case letters and digits.");
	return false;
}

static void
define_token_settings(void)
{
	/* A file that is read by every session must not change under a running server where that can be had. */
	GucContext	file_context = process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_SIGHUP;

	DefineCustomStringVariable("account.key_environment",
							   "First word of new tokens.", NULL,
							   &setting_key_environment, "prod", PGC_SUSET, 0,
							   check_token_word, NULL, NULL);
	DefineCustomStringVariable("account.key_brand",
							   "Second word of new tokens.", NULL,
							   &setting_key_brand, "acct", PGC_SUSET, 0,
							   check_token_word, NULL, NULL);
	DefineCustomStringVariable("account.pepper_file",
							   "File with one or two lines of secret text mixed into stored digests.",
							   "The first line is used for new tokens, both for checking.",
							   &setting_pepper_file, "", file_context, GUC_SUPERUSER_ONLY,
							   NULL, NULL, NULL);
	DefineCustomStringVariable("account.master_key_file",
							   "File with one or two lines of secret text that webhook secrets are encrypted and the audit log is sealed under.",
							   "The first line is for what is new, both are for what is there: see account.reencrypt_webhook_secrets().",
							   &setting_master_key_file, "", file_context, GUC_SUPERUSER_ONLY,
							   NULL, NULL, NULL);
}

static void
define_identity_settings(void)
{
	DefineCustomBoolVariable("account.session_identity",
							 "Allows authenticate_session().",
							 "One call on a pooled connection would leave an identity for the next client.",
							 &setting_session_identity, false, PGC_SUSET, 0,
							 NULL, NULL, NULL);
	DefineCustomBoolVariable("account.exchange_identity",
							 "Allows a second identity in one transaction.",
							 "For test suites that wrap several requests in one transaction.",
							 &setting_exchange_identity, false, PGC_SUSET, 0,
							 NULL, NULL, NULL);
	DefineCustomBoolVariable("account.refuse_bypass",
							 "Refuses authenticate() to roles that row security does not bind.", NULL,
							 &setting_refuse_bypass, false, PGC_SUSET, 0,
							 NULL, NULL, NULL);
	DefineCustomEnumVariable("account.without_identity",
							 "What a query on an isolated table does without an identity, besides returning no row.", NULL,
							 &setting_without_identity, WITHOUT_IDENTITY_WARN, without_identity_values,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("account.push_quals",
							 "Lets indexes serve LIKE, trigrams, @>, @@ and their like on isolated tables.",
							 "How long a query takes then depends on the rows of others, too.",
							 &setting_push_quals, false, PGC_SUSET, 0,
							 NULL, pushdown_assign, NULL);
	DefineCustomIntVariable("account.max_depth",
							"Greatest number of levels of a tree of accounts.", NULL,
							&setting_max_depth, 32, 1, 100, PGC_SUSET, 0,
							NULL, NULL, NULL);
}

static void
define_request_settings(void)
{
	DefineCustomStringVariable("account.tenant_role",
							   "Role that account_api.pre_request() sets where a credential was good.",
							   "setup_postgrest() sets it for PostgREST's role alone.",
							   &setting_tenant_role, "", PGC_SUSET, 0,
							   NULL, NULL, NULL);
}

static void
define_credential_settings(void)
{
	DefineCustomIntVariable("account.last_used_interval",
							"How often the use of a key or session is noted at most.",
							"A session is noted at least four times in account.session_idle_timeout.",
							&setting_last_used_interval, 60, 0, INT_MAX, PGC_SUSET, GUC_UNIT_S,
							NULL, NULL, NULL);
	DefineCustomIntVariable("account.session_idle_timeout",
							"How long a session lasts that is not used; 0 for no such limit.", NULL,
							&setting_session_idle_timeout, 2 * SECS_PER_HOUR, 0, INT_MAX, PGC_SUSET, GUC_UNIT_S,
							NULL, NULL, NULL);
	DefineCustomIntVariable("account.key_max_age",
							"Age at which a key is due for rotation.", NULL,
							&setting_key_max_age, 90 * SECS_PER_DAY, 1, INT_MAX, PGC_SUSET, GUC_UNIT_S,
							NULL, NULL, NULL);
	DefineCustomStringVariable("account.service_account_name_pattern",
							   "Regular expression that the names of new service accounts match; empty for any.",
							   "It matches any part of a name, unless ^ and $ are in it.",
							   &setting_service_account_name_pattern, "", PGC_SUSET, 0,
							   principal_check_pattern, NULL, NULL);
	DefineCustomStringVariable("account.trusted_proxies",
							   "Networks, or unix for the UNIX socket, from where x-forwarded-for in request.headers is believed.",
							   "Set it for the role of PostgREST alone: whoever runs SQL from there can claim any address.",
							   &setting_trusted_proxies, "", PGC_SUSET, 0,
							   network_check_proxies, network_assign_proxies, NULL);
}

static void
define_rate_settings(void)
{
	DefineCustomIntVariable("account.rate_buckets",
							"How many accounts and keys shared memory has room for that requests_per_minute is counted of.",
							"A bucket takes 32 bytes. Where there are more, those of the longest ago are forgotten.",
							&setting_rate_buckets, 65536, 8, 1 << 24,
							process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_SIGHUP, 0,
							NULL, NULL, NULL);
}

static void
define_recorder_settings(void)
{
	GucContext	start_context = process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_SIGHUP;

	DefineCustomStringVariable("account.databases",
							   "Databases that have a recorder, a background worker that writes what shared memory has gathered.",
							   "It takes shared_preload_libraries. Names that are no plain words are in double quotes.",
							   &setting_databases, "", start_context, GUC_LIST_INPUT,
							   recorder_check_databases, NULL, NULL);
	DefineCustomIntVariable("account.recorder_interval",
							"How often the recorder writes.", NULL,
							&setting_recorder_interval, 5000, 100, SECS_PER_HOUR * 1000, PGC_SIGHUP, GUC_UNIT_MS,
							NULL, NULL, NULL);
	DefineCustomIntVariable("account.recorded_uses",
							"How many keys and sessions shared memory has room for whose use is to be written.",
							"Each takes 64 bytes. Where there are more, those of the longest ago are forgotten.",
							&setting_recorded_uses, 65536, 8, 1 << 24, start_context, 0,
							NULL, NULL, NULL);
}

static void
define_audit_settings(void)
{
	DefineCustomEnumVariable("account.log_requests",
							 "Which requests of service accounts are in the audit log: none, those that write, or all.",
							 "A request is a transaction.",
							 &setting_log_requests, LOG_REQUESTS_NONE, log_requests_values,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("account.counted_accounts",
							"How many accounts shared memory has room for whose authentications and refusals are counted.",
							"Each takes 168 bytes. Where more are active within account.recorder_interval, some of what they do is not counted.",
							&setting_counted_accounts, 16384, 8, 1 << 22,
							process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_SIGHUP, 0,
							NULL, NULL, NULL);
}

static void
define_user_settings(void)
{
	DefineCustomBoolVariable("account.registration",
							 "Allows register() and sign_up().",
							 "They are off where this or the flag account-registration is off.",
							 &setting_registration, true, PGC_SUSET, 0,
							 NULL, NULL, NULL);
	DefineCustomBoolVariable("account.require_verified_email",
							 "Makes those who registered themselves prove their e-mail before they are users.",
							 "Where it is off, who registers an e-mail and logs in learns whether somebody had it.",
							 &setting_require_verified_email, true, PGC_SUSET, 0,
							 NULL, NULL, NULL);
	DefineCustomIntVariable("account.password_cost",
							"Cost of bcrypt: each one more doubles the work.",
							"Passwords are hashed again at the next login when it has risen. Where it is lowered, those of a higher cost stand out by the time they take.",
							&setting_password_cost, 12, PASSWORD_COST_MIN, PASSWORD_COST_MAX, PGC_SUSET, 0,
							NULL, NULL, NULL);
	DefineCustomIntVariable("account.password_min_length",
							"Least number of characters of a password.", NULL,
							&setting_password_min_length, 15, 8, 64, PGC_SUSET, 0,
							NULL, NULL, NULL);
	DefineCustomIntVariable("account.session_lifetime",
							"How long a session lasts at most.", NULL,
							&setting_session_lifetime, 12 * SECS_PER_HOUR, 1, INT_MAX, PGC_SUSET, GUC_UNIT_S,
							NULL, NULL, NULL);
	DefineCustomIntVariable("account.login_attempts",
							"Attempts to log in with one e-mail from one source until no password is right there.", NULL,
							&setting_login_attempts, 10, 1, 1000, PGC_SUSET, 0,
							NULL, NULL, NULL);
	DefineCustomIntVariable("account.login_lockout",
							"How long that lasts, and after how long attempts do not count any more.", NULL,
							&setting_login_lockout, 15 * SECS_PER_MINUTE, 1, SECS_PER_DAY, PGC_SUSET, GUC_UNIT_S,
							NULL, NULL, NULL);
}

static void
define_webhook_settings(void)
{
	DefineCustomIntVariable("account.webhook_retention",
							"How long events for webhooks are kept, delivered or not.", NULL,
							&setting_webhook_retention, 30 * SECS_PER_DAY, SECS_PER_HOUR, INT_MAX, PGC_SUSET, GUC_UNIT_S,
							NULL, NULL, NULL);
}

void
_PG_init(void)
{
	define_token_settings();
	define_identity_settings();
	define_credential_settings();
	define_user_settings();
	define_request_settings();
	define_rate_settings();
	define_recorder_settings();
	define_audit_settings();
	define_webhook_settings();
	schema_init();
	recorder_init();
	worker_init();
	limit_init();
	note_init();
	bound_init();
	/* The server calls the end of transactions last for who comes first. */
	quota_init();
	hold_init();
	permission_init();
	guard_init();
	stats_init();
	refusal_init();
	traffic_init();
	key_init();
	context_init();
	identity_init();
	lapse_init();
	counter_init();
	audit_init();
	rate_init();
	use_init();
	event_init();
	redelivery_init();
	session_init();
	invitation_init();
	birth_init();
	pushdown_init();
	sealing_init();			/* last: what other tasks of the recorder note is sealed in the same round */
	MarkGUCPrefixReserved("account");
}
