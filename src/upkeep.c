/*
 * upkeep.c
 *	  What the doctor looks for in settings, in keys and in the server.
 *
 * A setting is looked for wherever it is made: for the server, this database, a role,
 * or a role in this database.
 */
#include "account.h"

#define IS_ON(value) "lower(" value ") IN ('on', 'true', 'yes', '1', 't', 'y', 'tru', 'ye')"
#define IS_OFF(value) "lower(" value ") IN ('off', 'false', 'no', '0', 'f', 'n', 'of', 'fals', 'fal', 'fa')"

/* A setting s that should not be as it is; ending it mends that. */
#define SET_TO(name, condition, finding) \
	"SELECT NULL::oid[], s.object, " finding ", s.reset FROM setting s WHERE s.name = '" name "' AND (" condition ")"

#define FLOOR(major, minor) "WHEN " #major " THEN " #minor

const Check upkeep_checks[] = {
	{"registration", SEVERITY_WARNING, EXAMINER_OWNER,
		"Everybody may register: in production, better off.",	/* S5.15 */
		"SELECT NULL::oid[], 'account.registration', 'everybody may register and sign up',"
		" 'SELECT account.set_feature_flag(''account-registration'', false)'"
		" WHERE current_setting('account.registration') = 'on'"
	" AND NOT EXISTS (SELECT FROM account.feature_flags WHERE flag = 'account-registration' AND NOT enabled)"},
	{"pepper_missing", SEVERITY_WARNING, EXAMINER_OWNER,
		"No pepper is mixed into the digests of tokens: whoever reads them can test tokens elsewhere.",
		"SELECT NULL::oid[], 'account.pepper_file', 'no pepper is set',"
		" '-- put 32 random bytes, as text, into a file that the server alone can read, then: ALTER SYSTEM SET account.pepper_file = ''/path/of/the/file'''"
	" WHERE current_setting('account.pepper_file') = ''"},
	{"master_key_missing", SEVERITY_WARNING, EXAMINER_OWNER,
		"No master key encrypts the secrets of webhooks: whoever reads them can sign, and whoever writes the audit log can make it up.",
		"SELECT NULL::oid[], 'account.master_key_file', 'no master key is set',"
		" '-- put 32 random bytes, as text, into a file that the server alone can read, then: ALTER SYSTEM SET account.master_key_file = ''/path/of/the/file'''"
	" WHERE current_setting('account.master_key_file') = ''"},
	{"key_age_unlimited", SEVERITY_WARNING, EXAMINER_OWNER,
		"Keys may be older than a year before they are due for rotation.",
	SET_TO("account.key_max_age", "s.value::interval > '366 days'", "'keys are due after more than a year'")},
	{"session_identity", SEVERITY_WARNING, EXAMINER_OWNER,
		"authenticate_session() is allowed: on a pooled connection it leaves an identity for the next client.",
	SET_TO("account.session_identity", IS_ON("s.value"), "'an identity may outlive its transaction'")},
	{"exchange_identity", SEVERITY_ERROR, EXAMINER_OWNER,
		"A transaction may have a second identity, which is for test suites alone.",
	SET_TO("account.exchange_identity", IS_ON("s.value"), "'a transaction may have more than one identity'")},
	{"without_identity", SEVERITY_INFO, EXAMINER_OWNER,
		"A query without an identity returns nothing without saying so.",
	SET_TO("account.without_identity", "s.value = 'empty'", "'queries without an identity are not told'")},
	{"password_cost", SEVERITY_WARNING, EXAMINER_OWNER,
		"Passwords are hashed with less work than is usual.",
	SET_TO("account.password_cost", "s.value::integer < 10", "'passwords are hashed with a cost below 10'")},
	{"email_unverified", SEVERITY_WARNING, EXAMINER_OWNER,
		"Whoever registers an e-mail need not prove that it is theirs.",
	SET_TO("account.require_verified_email", IS_OFF("s.value"), "'e-mails are not verified'")},
	{"session_endless", SEVERITY_INFO, EXAMINER_OWNER,
		"Sessions do not end when nobody uses them.",
	SET_TO("account.session_idle_timeout", "s.value ~ '^0'", "'unused sessions go on'")},
	{"proxies_everywhere", SEVERITY_ERROR, EXAMINER_OWNER,
		"Every client is believed when it says from which address it comes.",
	SET_TO("account.trusted_proxies", "s.value ~ '/0(\\D|$)'", "'any client may claim any address'")},
	{"row_security_setting", SEVERITY_WARNING, EXAMINER_OWNER,
		"row_security is off for a role or database: queries on isolated tables fail there.",
	SET_TO("row_security", IS_OFF("s.value"), "'queries on isolated tables are refused'")},
	{"replication_role", SEVERITY_ERROR, EXAMINER_OWNER,
		"session_replication_role is not origin: foreign keys and most triggers do nothing.",
	SET_TO("session_replication_role", "lower(s.value) <> 'origin'", "'foreign keys and most triggers do nothing'")},
	{"event_triggers_off", SEVERITY_ERROR, EXAMINER_OWNER,
		"Event triggers are switched off: new tables are not protected.",
	SET_TO("event_triggers", IS_OFF("s.value"), "'new tables are not protected'")},
	{"log_statement", SEVERITY_WARNING, EXAMINER_OWNER,
		"The server logs all statements, with the tokens that stand in them.",
	SET_TO("log_statement", "lower(s.value) = 'all'", "'statements are logged, with the tokens in them'")},
	{"log_parameters", SEVERITY_WARNING, EXAMINER_OWNER,
		"The server logs slow statements with their parameters, tokens and passwords among them.",
		"SELECT NULL::oid[], s.object, 'slow statements are logged with their parameters',"
		" CASE s.object WHEN 'server' THEN 'ALTER SYSTEM SET log_parameter_max_length = 0 -- then: SELECT pg_reload_conf()'"
		" ELSE format('ALTER %s SET log_parameter_max_length = 0', s.object) END"
		" FROM setting s WHERE s.name = 'log_min_duration_statement' AND s.value !~ '^-'"
		" AND NOT EXISTS (SELECT FROM setting m WHERE m.name = 'log_parameter_max_length' AND m.value ~ '^0'"
	" AND m.object IN (s.object, 'server'))"},
	{"log_parameters_on_error", SEVERITY_WARNING, EXAMINER_OWNER,
		"The server logs the parameters of statements that fail, tokens and passwords among them.",
	SET_TO("log_parameter_max_length_on_error", "s.value !~ '^0'", "'statements that fail are logged with their parameters'")},
	{"log_plans", SEVERITY_WARNING, EXAMINER_OWNER,
		"auto_explain logs statements, with the tokens that stand in them.",
	SET_TO("auto_explain.log_min_duration", "s.value !~ '^-'", "'statements are logged, with the tokens in them'")},
	{"password_encryption", SEVERITY_WARNING, EXAMINER_OWNER,
		"New passwords of roles are kept as MD5 digests.",
	SET_TO("password_encryption", "lower(s.value) = 'md5'", "'new passwords are kept as MD5 digests'")},
	{"ssl_off", SEVERITY_WARNING, EXAMINER_OWNER,
		"The server listens to other machines without TLS: tokens cross the network in the clear.",
		"SELECT NULL::oid[], 'ssl', 'the server listens on ' || current_setting('listen_addresses') || ' without TLS',"
		" 'ALTER SYSTEM SET ssl = on -- with a certificate; then: SELECT pg_reload_conf()' WHERE current_setting('ssl') = 'off'"
	" AND current_setting('listen_addresses') !~ '^[ ,]*((localhost|127\\.[0-9.]+|::1)[ ,]*)*$'"},
	{"preload_missing", SEVERITY_WARNING, EXAMINER_OWNER,
		"The library is not in shared_preload_libraries: attempts to log in over SQL are limited less, and uses are noted late.",
		"SELECT NULL::oid[], 'shared_preload_libraries', 'the library is not preloaded',"
		" format('ALTER SYSTEM SET shared_preload_libraries = %s', concat_ws(', ', NULLIF(current_setting('shared_preload_libraries'), ''), 'account'))"
		" || ' -- and restart the server'"
	" WHERE current_setting('shared_preload_libraries') !~ '(^|[ ,/\"])account([ ,\"]|$)'"},
	{"recorder_off", SEVERITY_INFO, EXAMINER_OWNER,
		"The recorder does not run in this database: the audit log has to be sealed by a job, and refused calls are in the server's log alone.",
		"SELECT NULL::oid[], 'account.databases', format('%I is not in it', current_database()),"
		" format('ALTER SYSTEM SET account.databases = %s -- and restart the server',"
		" concat_ws(', ', NULLIF(current_setting('account.databases'), ''), quote_ident(current_database())))"
		" WHERE current_setting('shared_preload_libraries') ~ '(^|[ ,/\"])account([ ,\"]|$)'"
		" AND NOT EXISTS (SELECT FROM regexp_split_to_table(current_setting('account.databases'), ' *, *') d"
	" WHERE btrim(d, ' ') IN (current_database()::text, quote_ident(current_database()), '\"' || replace(current_database(), '\"', '\"\"') || '\"'))"},
	{"audit_unsealed", SEVERITY_WARNING, EXAMINER_OWNER,
		"Entries of the audit log have not been sealed for a day: until then, who can write the table can change them unseen.",
		"SELECT NULL::oid[], 'account.audit_pending', 'entries have waited to be sealed for more than a day',"
		" 'SELECT account.seal_audit() -- a transaction that stays open holds it back'"
	" FROM (SELECT p.at FROM account.audit_pending p ORDER BY p.turn LIMIT 1) w WHERE w.at < clock_timestamp() - interval '1 day'"},
	{"audit_unpruned", SEVERITY_INFO, EXAMINER_OWNER,
		"The audit log has months that are older than two years: nothing drops them but prune_audit().",
		"SELECT NULL::oid[], 'account.audit_entries', format('its first month is %s', w.month),"
		" 'SELECT account.prune_audit(now() - interval ''2 years'')'"
		" FROM (SELECT min(substring(c.relname FROM '^audit_entries_(\\d{4,6}_\\d\\d)$')) AS month"
		" FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid AND i.inhparent = 'account.audit_entries'::regclass) w"
	" WHERE to_date(w.month, 'YYYY_MM') + interval '1 month' < now() - interval '2 years'"},
	{"webhook_unsent", SEVERITY_WARNING, EXAMINER_OWNER,
		"A webhook has been due for an hour: no sender seems to run.",
		"SELECT NULL::oid[], 'account.events', 'webhooks have been due for more than an hour',"
		" '-- run a sender, which calls account.claim_webhook_deliveries()'"
	" WHERE EXISTS (SELECT FROM account.events e WHERE e.finished_at IS NULL AND e.due_at < clock_timestamp() - interval '1 hour')"},
	{"webhook_dead", SEVERITY_WARNING, EXAMINER_ADMIN,
		"Webhooks of an account were given up, for nobody has answered them.",
		"SELECT NULL::oid[], 'account ' || e.account_id, format('webhooks were given up: %s', count(*)),"
		" format('SELECT account.redeliver_webhook(event_id) FROM account.events WHERE account_id = %L AND outcome = ''dead'' ORDER BY turn', e.account_id)"
	" FROM account.events e WHERE e.outcome = 'dead' GROUP BY e.account_id"},
	{"pgcrypto_missing", SEVERITY_WARNING, EXAMINER_CALLER,
		"Extension pgcrypto, which hashes passwords, is not installed.",
		"SELECT NULL::oid[], 'extension pgcrypto', 'no user can have a password', 'CREATE EXTENSION pgcrypto'"
	" WHERE NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pgcrypto')"},
	{"server_outdated", SEVERITY_WARNING, EXAMINER_CALLER,
		"The server's minor release is older than mends of what isolation rests on (CVE-2025-8713, CVE-2026-14666).",
		"SELECT NULL::oid[], 'server', format('release %s is older than %s.%s', current_setting('server_version'), v.major, v.least),"
		" format('-- install release %s.%s or later of the server', v.major, v.least)"
		" FROM (SELECT n / 10000 AS major, n % 10000 AS minor, CASE n / 10000 " FLOOR(15, 19) " " FLOOR(16, 15) " "
		FLOOR(17, 11) " " FLOOR(18, 5) " END AS least FROM current_setting('server_version_num') s, CAST(s AS integer) n) v"
	" WHERE v.minor < v.least"},
	{"prepared_transaction", SEVERITY_WARNING, EXAMINER_CALLER,
		"A prepared transaction holds locks on tables of this extension until somebody ends it.",
		"SELECT DISTINCT NULL::oid[], format('prepared transaction %L', x.gid),"
		" 'it holds locks on tables of this extension', format('ROLLBACK PREPARED %L', x.gid)"
		" FROM pg_prepared_xacts x JOIN pg_locks m ON m.transactionid = x.transaction AND m.pid IS NULL"
		" JOIN pg_locks l ON l.virtualtransaction = m.virtualtransaction AND l.pid IS NULL AND l.locktype = 'relation'"
		" AND l.mode <> 'AccessShareLock'"
	" JOIN pg_class c ON c.oid = l.relation AND c.relnamespace = 'account'::regnamespace WHERE x.database = current_database()"},
	{"key_due", SEVERITY_WARNING, EXAMINER_ADMIN,
		"A key is due for rotation.",	/* S4.22 */
		"SELECT NULL::oid[], 'key ' || k.api_key_id, format('%s of account %s is due: %s', k.preview, k.account_id, k.reason),"
		" format('SELECT (account.rotate_api_key(%L, ''7 days'')).api_key', k.api_key_id) FROM account.keys_due_for_rotation k"},
	{"credential_unused", SEVERITY_INFO, EXAMINER_ADMIN,
		"A key or service account was not used for 90 days, or never.",	/* S4.21 */
		"SELECT NULL::oid[], CASE c.kind WHEN 'api_key' THEN 'key ' ELSE 'service account ' END || c.credential_id,"
		" format('%s of account %s was not used for %s days', COALESCE(c.preview, c.name), c.account_id, extract(day FROM c.unused_for)),"
		" format(CASE c.kind WHEN 'api_key' THEN 'SELECT account.revoke_api_key(%L, ''unused'')'"
		" ELSE 'SELECT account.delete_profile(%L)' END, c.credential_id) FROM account.unused_credentials c"
	" WHERE c.unused_for >= '90 days'"},
	{"profile_over_privileged", SEVERITY_INFO, EXAMINER_ADMIN,
		"A service account or key has more than it should need.",	/* S4.23 */
		"SELECT NULL::oid[], CASE WHEN o.api_key_id IS NOT NULL THEN 'key ' || o.api_key_id ELSE 'profile ' || o.profile_id END,"
		" format('%s of account %s: %s, %s', o.name, o.account_id, o.finding, o.detail),"
		" CASE WHEN o.finding = 'key_exceeds_profile' THEN format('SELECT account.revoke_api_key(%L, ''exceeds its profile'')', o.api_key_id)"
		" ELSE (SELECT string_agg(DISTINCT format('SELECT account.unassign_role(%L, %L, %L, %L)', g.profile_id, r.name, g.workspace_id, g.service), '; ')"
		" FROM account.grants g JOIN account.roles r ON r.role_id = g.role_id WHERE g.profile_id = o.profile_id"
		" AND (o.finding = 'without_key' OR r.name::text = split_part(o.detail, ':', 1))) END"
	" FROM account.over_privileged_profiles o"},
	{NULL}
};
