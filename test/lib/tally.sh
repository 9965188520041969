# Adds up runs that each end in a line "N passed, N failed".  Sourced.
passed=0 failed=0

# Runs a command, shows what it prints, and adds the counts of its last line to
# $passed and $failed; they are left in $counts.  A command that ends without such
# a line, or that fails without saying that something failed, is one failure.
tally()
{
	tally_log=$(mktemp)
	{
		"$@" </dev/null 2>&1
		echo "exit $?"
	} | tee "$tally_log" | sed '$d'
	status=$(sed -n '$s/^exit //p' "$tally_log")
	counts=$(tail -n 2 "$tally_log" | sed -n '1s/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p')
	rm -f "$tally_log"
	set -- ${counts:-0 1}
	[ "$status" = 0 ] || [ "$2" != 0 ] || set -- "$1" 1
	counts="$1 passed, $2 failed"
	passed=$((passed + $1)) failed=$((failed + $2))
}

# The closing line; fails if anything failed or nothing ran.
tally_end()
{
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ] && [ "$passed" != 0 ]
}
