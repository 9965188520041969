# Parts in dependency order: a part uses only parts above it.  Each has a
# src/PART.c, a src/PART.sql or both.
PARTS = schema request error query changes access scan token tree hold network credential permission right use context identity caller gate holding guard \
	normal email password attempt plan \
	profile issue key amend workspace role owner assignment review user session invitation principal member directory outline describe move lifecycle signup proof \
	script policy column protection isolation \
	postgrest api document route

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
	forgery trojan attacks surroundings key key_limits key_life use review catalog email password user session signup plan directory outline move lifecycle \
	member member_end invitation invitation_sender act_as_user describe \
	role role_scopes workspace service_account profile attacks_principals \
	tree isolation isolation_writes isolation_policies isolation_fill isolation_foreign_key \
	isolation_tree isolation_share isolation_refuse \
	isolation_workspace isolation_workspace_tables isolation_permission isolation_workspace_permission \
	request postgrest api document \
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
