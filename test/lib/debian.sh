# Which Debian has which server, and how to get what the tests need from it.
# Sourced.

# Every server we test against.
SERVERS="15 17 18"

# The suite whose own packages hold that server.
suite_of()
{
	case $1 in
		15) echo bookworm ;;
		17) echo trixie ;;
		18) echo forky ;;
	esac
}

# The server of this machine's own suite; nothing on another system.
native_server()
{
	codename=$(. /etc/os-release 2>/dev/null && echo "$VERSION_CODENAME")
	for server in $SERVERS; do
		[ "$codename" != "$(suite_of "$server")" ] || echo "$server"
	done
}

# Installs those of the packages that are missing, or names them and fails.
need_packages()
{
	missing=
	for package; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$' ||
			missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" = 0 ]; then
		sudo=
	elif sudo -n true 2>/dev/null; then
		sudo="sudo -n"
	else
		echo "Missing packages:$missing" >&2
		echo "Install them, or run this as root or with a sudo that asks nothing." >&2
		return 1
	fi
	echo "Installing$missing"
	packages_log=$(mktemp)
	$sudo sh -s $missing >"$packages_log" 2>&1 <<-'END'
		# A server package makes and starts a cluster unless told not to: ours is private.
		conf=/etc/postgresql-common/createcluster.d/account-test.conf
		mkdir -p "${conf%/*}"
		echo "create_main_cluster = false" >"$conf"
		trap 'rm -f "$conf"' EXIT
		# A stale list of some other source is no reason to stop: the install tells.
		apt-get -q update </dev/null
		DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
			-o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold install "$@" </dev/null
	END
	installed=$?
	[ $installed = 0 ] || tail -n 30 "$packages_log" >&2
	rm -f "$packages_log"
	return $installed
}

# Sees to a server of that version, by default this machine's own, and to all that
# building and testing takes.  Leaves its pg_config in PG_CONFIG, which may also be
# given from outside.
#	need_server [VERSION]
need_server()
{
	server=${1:-$(native_server)}
	if [ -n "$1" ] || { [ -z "$PG_CONFIG" ] && [ -n "$server" ]; }; then
		need_packages "postgresql-$server" "postgresql-server-dev-$server" \
			gcc libc6-dev make perl libipc-run-perl || return 1
		PG_CONFIG=/usr/lib/postgresql/$server/bin/pg_config
	fi
	PG_CONFIG=${PG_CONFIG:-pg_config}
	need_programs "$PG_CONFIG"
}

# Names the programs that are not there, asking the system and not its packages: a
# machine that is no Debian learns it too.
need_programs()
{
	missing=
	command -v "$1" >/dev/null || { echo "Missing: $1" >&2; return 1; }
	for program in "$("$1" --bindir)/postgres" "$("$1" --bindir)/psql" $("$1" --cc) make perl prove; do
		command -v "$program" >/dev/null || missing="$missing $program"
	done
	[ -f "$("$1" --pgxs)" ] || missing="$missing $("$1" --pgxs)"
	perl -MIPC::Run -e 1 2>/dev/null || missing="$missing IPC::Run"
	[ -z "$missing" ] || { echo "Missing:$missing" >&2; return 1; }
}
