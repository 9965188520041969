# What people may do after account.sql, and that they can log in here too; see test/adopt/run.

# A query's answer, or the error's code, in a transaction for a person in a tenant.
see()
{
	psql -XAtq -v ON_ERROR_STOP=1 -v VERBOSITY=verbose -v key="$APPLICATION_KEY" -v email="$1" -v tenant="$2" 2>&1 <<-END |
		BEGIN;
		SELECT (account.act_as(:'key', tenant_id, user_id)).user_id FROM people WHERE email = :'email' AND tenant_id = :'tenant' \\gset
		$3;
		COMMIT;
	END
	sed 's/^ERROR:  \(TA[0-9]*\).*/\1/; /^[A-Z]*: /d'
}

holds()
{
	[ "$2" = "$3" ] || { echo "FAILED: $1: $2"; exit 1; }
	echo "ok: $1"
}

notes="SELECT string_agg(body, ',' ORDER BY body) FROM notes"
invite="SELECT email FROM account.invite_member('new@example.com', 'member')"
roles="SELECT string_agg(account_name || ' ' || array_to_string(roles, ','), ', ' ORDER BY account_name) FROM account.memberships()"
holds "a person has the rows of the tenant" "$(see ann@example.com "$ALICE" "$notes")" "alice-1,alice-2"
holds "one user is in two tenants, as what they are in each" "$(see ann@example.com "$ALICE" "$roles")" "Alice owner, Bob member"
holds "an admin invites, a member does not" \
	"$(see ann@example.com "$ALICE" "$invite") $(see ann@example.com "$BOB" "$invite") $(see bob@example.com "$BOB" "$invite")" \
	"new@example.com TA007 new@example.com"
