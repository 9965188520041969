# What the demo is written in: steps and claims, clients in each role, and pgbench
# as the load.  Sourced by test/demo, after test/lib/server.sh.
step=0 held=0 broken=0 loads=

step()
{
	step=$((step + 1))
	printf '\n%s. %s\n   %s\n' "$step" "$1" "$2"
}

give_up()
{
	printf '%s\n' "$*"
	exit 1
}

indent()
{
	sed 's/^/      /'
}

# Checks a claim: the command after it must succeed.
holds()
{
	claim=$1
	shift
	if "$@"; then
		held=$((held + 1))
		echo "   ok: $claim"
	else
		broken=$((broken + 1))
		echo "   DOES NOT HOLD: $claim"
	fi
}

# Checks that what a client printed is an error of that kind, and shows it.
#	refused WHAT KIND OUTPUT
refused()
{
	printf '%s\n' "$3" | sed -n 's/.*ERROR:/ERROR:/p' | head -n 1 | indent
	holds "refused: $1 ($2)" is_error "$2" "$3"
}

is_error()
{
	case $2 in
		*ERROR:*"$1"*) true ;;
		*) false ;;
	esac
}

ends_in()
{
	[ "${2%"$1"}" != "$2" ]
}

# Whether a preview is the beginning and the end of a key, and no more than that.
#	previews PREVIEW KEY
previews()
{
	case $2 in
		"${1%…*}"*"${1#*…}") [ ${#1} -lt 30 ] ;;
		*) false ;;
	esac
}

# Whether a file has the first string and none of the others.
lacks()
{
	file=$1
	grep -qF "$2" "$file" || return 1
	shift 2
	for string; do
		! grep -qF "$string" "$file" || return 1
	done
}

# The closing line.
verdict()
{
	if [ $broken = 0 ]; then
		printf '\nAll %s claims held.\n' $held
	else
		printf '\n%s of %s claims did not hold.\n' $broken $((held + broken))
		exit 1
	fi
}

# What create_account() returned to each branch, by its number.
account_of()
{
	sed -n "s/^$1 \([^ ]*\) .*/\1/p" "$work/tenants"
}

key_of()
{
	sed -n "s/^$1 [^ ]* //p" "$work/tenants"
}

# psql as each role: the superuser, the owner of the tables, the application.
as_admin()
{
	psql -XAqt -v ON_ERROR_STOP=1 -U postgres -c "$1"
}

as_owner()
{
	psql -XAqt -v ON_ERROR_STOP=1 -U bank_owner -c "$1"
}

#	as_bank SQL [ARGUMENT OF psql...]
as_bank()
{
	sql=$1
	shift
	printf '%s\n' "$sql" | psql -XAqt -v ON_ERROR_STOP=1 -U bank "$@" 2>&1
}

# Has the recorder write all that shared memory has gathered.
written()
{
	[ "$(as_admin "SELECT account.record_now()")" = t ]
}

# Waits until the recorder of the database has begun its work.
recorder_wait()
{
	for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		! written || return 0
		sleep 1
	done
	give_up "No recorder came: $(tail -n 5 "$work/server.log")"
}

# A transaction of the application, begun with a key.
#	as_tenant KEY SQL [ARGUMENT OF psql...]
as_tenant()
{
	key=$1 sql=$2
	shift 2
	as_bank "BEGIN;
SELECT account_id AS tenant FROM account.authenticate(:'key') \\gset
$sql
;
COMMIT;" -v key="$key" "$@"
}

# The same, begun with the application key, for the account of a person.
#	as_person EMAIL SQL [ARGUMENT OF psql...]
as_person()
{
	email=$1 sql=$2
	shift 2
	as_bank "BEGIN;
SELECT (account.act_as(:'key', works_for)).account_id AS tenant FROM people WHERE email = :'email' \\gset
$sql
;
COMMIT;" -v key="$application_key" -v email="$email" "$@"
}

# The token that is mailed to an address.
#	mail EMAIL PURPOSE
mail()
{
	as_admin "SELECT account.issue_user_token('$1', '$2')"
}

# Logs somebody in: the session's token, or the error.
#	login EMAIL PASSWORD
login()
{
	as_bank "SELECT coalesce(session_token, error) FROM account.login(:'email', :'password')" -v email="$1" -v password="$2"
}

is_session()
{
	case $1 in
		*_acctses_*) true ;;
		*) false ;;
	esac
}

# Tokens and ids are shown by their beginning.
shorten()
{
	sed -e 's/\([a-z]*_acct[a-z]*_....\)[0-9A-Za-z]*/\1.../g' -e 's/\([0-9a-f]\{8\}\)\(-[0-9a-f]\{4\}\)\{3\}-[0-9a-f]\{12\}/\1.../g'
}

# A transaction begun with a token, its statement shown; what it prints is left in
# $output, and an error is for refused() to show.
#	by TOKEN SQL [ARGUMENT OF psql...]
by()
{
	echo "      > $2;" | shorten
	output=$(as_tenant "$@")
}

# Shows a statement, shortened, and what becomes of it in a transaction of branch 1;
# that is left in $output, and an error is for refused() to show.
attempt()
{
	echo "      > $1;" | shorten
	output=$(as_tenant "$(key_of 1)" "\\set QUIET off
$1;
\\set QUIET on" -P tuples_only=off)
	is_error "" "$output" || echo "$output" | indent
}

# Starts pgbench's transaction in the background.  The key is on its command line,
# for pgbench takes text in no other way: an application would not.
#	load NAME BRANCH KEY SECONDS
load()
{
	pgbench -U bank -n -M prepared -f "$work/tpcb.sql" -D bid="$2" -D key="$3" -T "$4" -P 1 \
		>"$work/$1.load" 2>&1 &
	loads="$loads $1:$!"
}

# Shows the transactions a second of every load until the last one ends.
watch()
{
	printf '      %-12s' seconds
	for load in $loads; do
		printf '%12s' "$(echo "${load%:*}" | tr _ ' ')"
	done
	echo
	second=0
	sleep 0.3
	while sleep 1 && loads_run; do
		second=$((second + 1))
		printf '      %-12s' $second
		for load in $loads; do
			printf '%12s' "$(sed -n 's/^progress: .* s, \([0-9]*\).* tps.*/\1 tps/p' \
				"$work/${load%:*}.load" | tail -n 1)"
		done
		echo
	done
	for load in $loads; do
		wait "${load#*:}"
		echo "ended with status $?" >>"$work/${load%:*}.load"
	done
	loads=
}

loads_run()
{
	for load in $loads; do
		! kill -0 "${load#*:}" 2>/dev/null || return 0
	done
	return 1
}

processed()
{
	sed -n 's/^number of transactions actually processed: \([0-9]*\).*/\1/p' "$work/$1.load"
}

# Whether a load ran to its end, did something, and nothing failed.
none_failed()
{
	if [ "$(processed "$1")" -gt 0 ] 2>/dev/null &&
		grep -q '^number of failed transactions: 0 ' "$work/$1.load" &&
		grep -q '^ended with status 0$' "$work/$1.load"; then
		return
	fi
	grep -v '^progress:' "$work/$1.load" | indent
	return 1
}
