# Runs the tests inside a throw-away Debian root.
#	unshare --mount --pid --fork --kill-child --mount-proc \
#		sh test/lib/root.sh DIRECTORY SUITE TREE [ARGUMENT OF test/run...]
# In namespaces of its own: its mounts and all its processes end with it, so that
# DIRECTORY can be removed whatever happened.  Made once, a root can be used again.
root=$1 suite=$2 tree=$3
shift 3

fail()
{
	echo "$*" >&2
	echo "0 passed, 1 failed"
	exit 1
}

# The mirror that this machine's apt uses; where it uses none for Debian,
# debootstrap has a default.
mirror()
{
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	[ "$(. /etc/os-release && echo "$ID")" = debian ] || return 0
	apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' 'Component: main' |
		sed -n "s/^\($codename\|$suite\|oldstable\|stable\|testing\|unstable\|sid\) //p" |
		grep -m 1 -E '^(https?|file):'
}

# An older debootstrap does not know the newer suites, which need nothing special.
make_root()
{
	mirror=$(mirror)
	case $mirror in
		https:*) include=--include=ca-certificates ;;
		*) include= ;;
	esac
	debootstrap --variant=minbase $include "$suite" "$root" "$mirror" \
		sid || return 1
	# A mirror may lag behind the dates of a suite that still moves.
	cat >"$root/etc/apt/apt.conf.d/account-test" <<-END
		Acquire::Check-Valid-Until "false";
		Acquire::Languages "none";
	END
	echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/account-test"
	# No package may start a service.
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
	chmod 755 "$root/usr/sbin/policy-rc.d"
	touch "$root/made"
}

eval "$(apt-config shell http_proxy Acquire::http::Proxy https_proxy Acquire::https::Proxy)"
export http_proxy https_proxy
if [ ! -e "$root/made" ]; then
	echo "Making a Debian root of $suite"
	make_root >"$root.log" 2>&1 || { tail -n 30 "$root.log" >&2; fail "Could not make the root."; }
fi
mount --rbind /dev "$root/dev" && mount -t proc proc "$root/proc" || fail "Could not mount."
cp /etc/resolv.conf /etc/hosts "$root/etc/"
run=$(mktemp -d "$root/tmp/tree.XXXXXX") && chmod 755 "$run" &&
	tar -C "$tree" -cf - . | tar -C "$run" -xf - || fail "Could not copy the tree."
chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
	http_proxy="$http_proxy" https_proxy="$https_proxy" \
	sh "${run#"$root"}/test/run" "$@"
status=$?
rm -rf "$run"
exit $status
