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
int			setting_max_depth;
char	   *setting_pepper_file;
bool		setting_session_identity;
bool		setting_exchange_identity;
bool		setting_refuse_bypass;
int			setting_without_identity;

static const struct config_enum_entry without_identity_values[] = {
	{"warn", WITHOUT_IDENTITY_WARN, false},
	{"empty", WITHOUT_IDENTITY_EMPTY, false},
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
	DefineCustomIntVariable("account.max_depth",
							"Greatest number of levels of a tree of accounts.", NULL,
							&setting_max_depth, 32, 1, 100, PGC_SUSET, 0,
							NULL, NULL, NULL);
}

void
_PG_init(void)
{
	define_token_settings();
	define_identity_settings();
	schema_init();
	hold_init();
	key_init();
	context_init();
	identity_init();
	MarkGUCPrefixReserved("account");
}
