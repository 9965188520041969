# What run and callgrind share.  Sourced, after test/lib/*.sh.
bench=$root/test/bench

say()
{
	echo "== $*" >&2
}

give_up()
{
	echo "FAILED: $*" >&2
	exit 1
}

# Builds the working tree into a private copy of the server.
build()
{
	need_server "" || give_up "something is missing"
	[ -f "$("$PG_CONFIG" --pkglibdir)/pgcrypto.so" ] || give_up "pgcrypto is missing"
	work_begin
	tree_copy || give_up "could not copy the working tree"
	server_copy || give_up "could not copy the server"
	say "Building for $("$PG_CONFIG" --version)"
	(tree_make -j2 all with_llvm=no && tree_make install with_llvm=no) >"$work/build.log" 2>&1 ||
		{ cat "$work/build.log" >&2; give_up "build"; }
}

# The roles of the benchmark: one that owns the application's tables, one that
# uses them, and one for each kind of policy that is compared.
make_roles()
{
	psql -X -q -v ON_ERROR_STOP=1 <<-'END'
		CREATE ROLE bench_owner;
		CREATE ROLE bench_app LOGIN;
		CREATE ROLE bench_setting;
		CREATE ROLE bench_subselect;
		CREATE ROLE bench_claims;
	END
}

# A database with accounts and keys, which clients use from then on.
#	make_database NAME ACCOUNTS KEYS USED
make_database()
{
	psql -X -q -c "CREATE DATABASE $1" || return 1
	export PGDATABASE="$1"
	psql -X -q -o /dev/null -v ON_ERROR_STOP=1 -c "SET client_min_messages = warning" \
		-c "CREATE EXTENSION account" -c "CREATE EXTENSION pgcrypto" \
		-c "SELECT account.grant_access('bench_owner', 'owner'), account.grant_access('bench_app', 'tenant')" &&
		load harness.sql && load data.sql -v accounts="$2" -v keys="$3" -v used="$4" &&
		psql -X -q -c "VACUUM (ANALYZE)"
}

# Runs a file of this directory.
load()
{
	file=$1
	shift
	psql -X -q -o /dev/null -v ON_ERROR_STOP=1 "$@" -f "$bench/$file"
}
