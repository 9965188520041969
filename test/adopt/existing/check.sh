# What each tenant sees after account.sql; see test/adopt/run.

# A query's answer in a transaction for a tenant.
see()
{
	psql -XAtq -v ON_ERROR_STOP=1 -v key="$APPLICATION_KEY" -v tenant="$1" <<-END
		BEGIN;
		SELECT (account.act_as(:'key', :'tenant')).account_id \\gset
		$2;
		COMMIT;
	END
}

holds()
{
	[ "$2" = "$3" ] || { echo "FAILED: $1: $2"; exit 1; }
	echo "ok: $1"
}

notes="SELECT string_agg(body, ',' ORDER BY body) FROM notes"
comments="SELECT string_agg(text, ',' ORDER BY text) FROM comments"
holds "a tenant's rows are those it had" "$(see "$ALICE" "$notes") $(see "$BOB" "$notes")" "alice-1,alice-2 bob-1"
holds "rows that were mapped are their tenant's" "$(see "$ALICE" "$comments") $(see "$BOB" "$comments")" "on-alice-1 on-bob-1"
holds "a tenant keeps its id" "$(see "$ALICE" "SELECT id || ' ' || name FROM account.get_account()")" "$ALICE Alice"
