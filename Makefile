# Parts in dependency order: a part uses only parts above it.  Each has a
# src/PART.c, a src/PART.sql or both.
PARTS = schema request error query changes access scan keyring ticket memory sets recorder worker token tree hold network credential permission right use context identity caller gate holding guard recording audit stats refusal traffic \
	normal email pgcrypto password lapse counter attempt plan limit rate \
	profile seal chain head month sealing verify prune signature webhook event delivery redelivery issue key amend workspace role owner assignment review user session invitation principal member directory outline describe move lifecycle signup proof status \
	tally note bound quota usage metrics \
	script policy column counting protection isolation unique reference birth draft fill application \
	inventory removal burial deletion export mapping intake loading import \
	confinement exposure privilege drift upkeep doctor invariant pushdown detail trail logbook \
	postgrest setup api document route body

EXTENSION = account
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" account.control)
MODULE_big = account
SQL_PARTS = $(wildcard $(PARTS:%=src/%.sql))
OBJS = src/account.o $(patsubst %.c,%.o,$(wildcard $(PARTS:%=src/%.c)))
DATA = $(wildcard src/update/*.sql)
DATA_built = account--$(EXTVERSION).sql
EXTRA_CLEAN = account--*.sql

PG_CPPFLAGS = -DACCOUNT_VERSION='"$(EXTVERSION)"'
PG_CFLAGS = -fvisibility=hidden -std=gnu99

REGRESS = install error access token identity identity_scope identity_cursor identity_transitions identity_parallel \
	forgery trojan attacks surroundings key key_limits key_life use recording review catalog email password user session signup plan rate directory outline move move_hold lifecycle \
	member member_end invitation invitation_sender act_as_user describe \
	role role_scopes workspace service_account profile attacks_principals \
	tree isolation leak leak_condition leak_own leak_view transactions pushdown pushdown_barred isolation_writes isolation_policies isolation_fill isolation_foreign_key \
	isolation_tree isolation_share isolation_refuse quota quota_bulk quota_tree \
	isolation_workspace isolation_workspace_tables isolation_permission isolation_workspace_permission \
	isolate_schema isolate_schema_keys isolate_schema_refuse isolate_schema_draft birth birth_schema \
	doctor doctor_tables doctor_keys doctor_exposure doctor_roles doctor_drift doctor_settings doctor_policies doctor_audit doctor_fresh invariant \
	request postgrest api api_lists api_attacks api_errors api_documentation document body \
	audit audit_reads audit_every audit_chain audit_prune \
	webhook event delivery metrics \
	status suspension deletion deletion_tables deletion_tree search_path deletion_http transfer transfer_values trap \
	facts facts_control facts_resource facts_errors facts_principals
REGRESS_OPTS = --load-extension=account --encoding=UTF8

ISOLATION = $(patsubst test/isolation/specs/%.spec,%,$(wildcard test/isolation/specs/*.spec))
ISOLATION_OPTS = --inputdir=test/isolation --load-extension=account

# They start servers of their own: make installcheck TAP_TESTS=1
PROVE_TESTS = $(wildcard test/t/*.pl)

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

$(DATA_built): $(SQL_PARTS) account.control Makefile
	{ printf '%s\n' '\echo Use "CREATE EXTENSION account" to load this file. \quit'; cat $(SQL_PARTS); } > $@

$(OBJS) $(OBJS:.o=.bc): src/account.h src/errors.h src/compat.h account.control
