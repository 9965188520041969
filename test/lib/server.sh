# A private server with the extension in it: a copy of the working tree, built
# and installed into a copy of the server, which listens on a UNIX socket in a
# temporary directory.  The machine's own server, its files and this checkout are
# never written to, and two runs at once do not meet.  Sourced, after debian.sh, by
# a script that has set $root to the checkout; call in order
#	work_begin; tree_copy; need_server; server_copy; extension_install; server_start
# after which psql and every other client in PATH finds the server.

# The clients must find our server and nothing else.
unset MAKEFLAGS MAKELEVEL MFLAGS $(env | sed -n 's/^\(PG[A-Z]*\)=.*/\1/p')
export LC_ALL=C.UTF-8 LANG=C.UTF-8
keep= child=

# Makes $work and promises its removal, however the script ends, unless $keep is
# set.  A command in the background whose number is in $child ends with it.
work_begin()
{
	work=$(mktemp -d "${TMPDIR:-/tmp}/account.XXXXXX") || exit 1
	trap work_end EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	[ -z "$keep" ] || echo "Keeping $work"
	chmod 755 "$work"
	# A server refuses to run as root, so then everything belongs to another user.
	tester=
	if [ "$(id -u)" = 0 ]; then
		tester=postgres
		id "$tester" >/dev/null 2>&1 || tester=nobody
		chown "$tester" "$work"
	fi
	cd "$work" || exit 1
	as_tester test -w . || { echo "The user $tester cannot reach $work: set TMPDIR."; exit 1; }
}

# Runs a command as the user whom the server and the tests belong to.
as_tester()
{
	if [ -z "$tester" ]; then
		HOME="$work" "$@"
	else
		HOME="$work" setpriv --reuid="$tester" --regid="$(id -g "$tester")" --init-groups -- "$@"
	fi
}

# Stops every server under $work, those that a broken test left behind too.
work_end()
{
	status=$?
	trap '' HUP INT TERM
	cd /
	[ -z "$child" ] || { kill -KILL "$child"; wait "$child"; } 2>/dev/null
	find "$work" -name postmaster.pid 2>/dev/null | while read -r pid; do
		as_tester "$bindir/pg_ctl" stop -s -m immediate -D "${pid%/*}" </dev/null >/dev/null 2>&1
	done
	[ -n "$keep" ] || rm -rf --one-file-system "$work"
	exit $status
}

# Copies the working tree at $root to $work/tree, without what git ignores.
tree_copy()
{
	mkdir "$work/tree"
	if files=$(git -C "$root" ls-files --cached --others --exclude-standard 2>/dev/null); then
		(cd "$root" && printf '%s\n' "$files" | while read -r file; do
			[ ! -e "$file" ] || printf '%s\n' "$file"
		done | tar -cf - -T -)
	else
		tar -C "$root" --exclude=./.git --exclude='*.o' --exclude='*.bc' --exclude='*.so' \
			--exclude='./account--*' -cf - .
	fi | tar -C "$work/tree" --no-same-owner -xf - || return 1
	chown -R "${tester:-$(id -u)}" "$work/tree"
}

# Copies the server that need_server found, and sets $bindir and PATH to the copy.
# A server finds its files by their place relative to its program, so the copy keeps
# the whole paths.  Headers are only read: a link will do.
server_copy()
{
	copy=$work/server
	bindir=$("$PG_CONFIG" --bindir)
	mkdir -p "$copy$bindir"
	(cd "$bindir" && cp pg* postgres psql initdb createdb dropdb "$copy$bindir/") || return 1
	for option in --pkglibdir --sharedir; do
		dir=$("$PG_CONFIG" $option)
		mkdir -p "$copy${dir%/*}"
		cp -R "$dir" "$copy${dir%/*}/" || return 1
	done
	for option in --includedir --pkgincludedir; do
		dir=$("$PG_CONFIG" $option)
		mkdir -p "$copy${dir%/*}"
		[ -e "$copy$dir" ] || ln -s "$dir" "$copy$dir"
	done
	chown -R "${tester:-$(id -u)}" "$copy"
	bindir=$copy$bindir
	PG_CONFIG=$bindir/pg_config
	export PATH="$bindir:$PATH" PG_CONFIG
}

# make, in the copied tree, for the copied server.
tree_make()
{
	(cd "$work/tree" && as_tester make -s PG_CONFIG="$PG_CONFIG" "$@" </dev/null)
}

# Builds the extension, a warning being an error, and installs it.  Of -Wextra all
# holds but what the server's own headers do not keep to: parameters that are unused
# (lib/ilist.h, and every hook and SQL-callable function), comparisons of int with
# size_t (utils/array.h, and every loop up to lengthof()), and initializers that leave
# members zero, as PostgreSQL's own do.
extension_install()
{
	tree_make -j2 all COPT="-Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers -Werror" &&
		tree_make install
}

# Starts the server, the first time after making its cluster.  Arguments: lines
# of its configuration.
server_start()
{
	data=$work/data
	export PGHOST="$work/socket" PGUSER=postgres PGDATABASE=postgres
	if [ ! -d "$data" ]; then
		as_tester mkdir -m 700 "$PGHOST"
		as_tester initdb -D "$data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync \
			>"$work/initdb.log" 2>&1 || { cat "$work/initdb.log"; return 1; }
		cat >>"$data/postgresql.conf" <<-END
			listen_addresses = ''
			unix_socket_directories = '$PGHOST'
			fsync = off
			full_page_writes = off
			synchronous_commit = off
			lc_messages = 'C'
			include 'test.conf'
		END
	fi
	printf '%s\n' "$@" >"$data/test.conf"
	as_tester pg_ctl start -s -w -D "$data" -l "$work/server.log" </dev/null ||
		{ tail -n 30 "$work/server.log"; return 1; }
}

server_stop()
{
	as_tester pg_ctl stop -s -m fast -D "$data"
}
