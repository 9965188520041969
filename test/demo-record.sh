# The demo's second part: what outlives the transaction, and takes a recorder or a
# sender; and a tenant that is taken along.  Sourced by test/demo, which has signed up
# Partner, with Ann as its owner and a service account.



step "What a transaction leaves that is rolled back" \
	"The library is preloaded and bank is in account.databases: a recorder writes what sessions leave in memory."
as_tenant "$ann" "SELECT api_key_id, api_key FROM account.create_api_key('$export_profile', 'by night')" -F ' ' >"$work/night"
night_id=$(cut -d ' ' -f 1 "$work/night") night=$(cut -d ' ' -f 2 "$work/night")
used="SELECT last_used_at > now() - interval '1 minute' FROM account.api_keys WHERE api_key_id = '$night_id'"
holds "a new key was never used" [ -z "$(as_tenant "$ann" "$used")" ]
echo "      > BEGIN READ ONLY; SELECT account.authenticate(:key); ROLLBACK;"
as_bank "BEGIN READ ONLY; SELECT 1 AS used FROM account.authenticate(:'key') \\gset
ROLLBACK" -v key="$night"
holds "the recorder has written what there is" written
holds "the key was used, in a transaction that could not write it" [ "$(as_tenant "$ann" "$used")" = t ]
by "$night" "DELETE FROM statements"
refused "it deletes" FORBIDDEN "$output"
as_tenant "$ann" "SELECT account.revoke_api_key('$night_id', 'the night is over')" >/dev/null
output=$(as_tenant "$night" "SELECT 1")
refused "the key when it is revoked" INVALID_AUTHORIZATION "$output"
written
by "$ann" "SELECT actor_name, detail ->> 'error' FROM account.audit_log WHERE action = 'attempt.refused'
            AND api_key_id = '$night_id' ORDER BY at" -F ' '
echo "$output" | indent
holds "both are in Partner's audit log, though each was rolled back" [ "$output" = "export FORBIDDEN
export INVALID_AUTHORIZATION" ]

step "The audit log" \
	"Every change is there, from its own transaction, with who made it; and what the application adds."
by "$ann" "SELECT detail FROM account.audit_log WHERE action = 'role.updated' ORDER BY at LIMIT 1"
echo "$output" | indent
holds "before and after of the role that was narrowed" [ "$output" = \
	'{"after": {"denied": ["read:statements"]}, "before": {"denied": []}}' ]
by "$ann" "SELECT account.record_audit('statement.sent', 'statement', NULL, '{\"number\": 5}') IS NOT NULL"
by "$ann" "SELECT source, action, actor_user_id = account.current_user_id() FROM account.audit_log ORDER BY at DESC LIMIT 1" -F ' '
holds "an entry of the application, by Ann: $output" [ "$output" = "application statement.sent t" ]
holds "branch 1 reads none of it" \
	[ "$(as_tenant "$(key_of 1)" "SELECT count(*) FROM account.audit_log WHERE account_id = '$partner'")" = 0 ]
holds "nor does anybody who lacks read:audit" [ "$(as_tenant "$successor" "SELECT count(*) FROM account.audit_log")" = 0 ]
edit="UPDATE account.audit_entries SET actor_name = 'somebody else' WHERE action = 'attempt.refused' AND account_id = '$partner'"
output=$(as_admin "$edit" 2>&1)
refused "a superuser changing it" "audit log" "$output"

step "Its chain" \
	"The recorder seals each entry, with the one before it, under a key that the database does not have."
written
count=$(as_admin "SELECT count(*) FROM account.audit_entries WHERE account_key = '$partner'")
holds "$count entries of Partner are sealed, and none waits" \
	[ "$count $(as_admin "SELECT count(*) FROM account.audit_pending WHERE account_id = '$partner'")" = "$count 0" ]
findings=$(as_admin "SELECT f.* FROM account.audit_heads,
	account.verify_audit(NULLIF(account_key, '00000000-0000-0000-0000-000000000000')) f")
holds "verify_audit() finds nothing, in any account" [ -z "$findings" ]
echo "      A superuser switches the trigger off:"
for edit in "$edit" "DELETE FROM account.audit_entries WHERE account_key = '$partner' AND position = 2"; do
	echo "      > $edit;" | shorten
	output=$(as_admin "BEGIN; ALTER TABLE account.audit_entries DISABLE TRIGGER USER; $edit;
		SELECT position, finding FROM account.verify_audit('$partner'); ROLLBACK")
	echo "$output" | indent
	holds "it is found" [ -n "$output" ]
done
head=$(sed -n "s/.*account audit head: account $partner, position [0-9]*, //p" "$work/server.log" | tail -n 1)
holds "the head that the server's log has is in the chain: $(echo "$head" | cut -c 1-16)..." \
	[ "$head $(as_admin "SELECT finding FROM account.verify_audit('$partner', decode('$head', 'hex'))")" = "$(as_admin "SELECT encode(account.audit_head('$partner'), 'hex')") " ]

# Claims what is due as the sender; another transaction of the server may hold it back
# for a moment.
claim()
{
	for try in 1 2 3 4 5 6 7 8 9 10; do
		delivery=$(psql -XAqt -U courier -F ' ' -c "SELECT delivery_id, headers ->> 'webhook-id', headers ->> 'webhook-timestamp',
			replace(headers ->> 'webhook-signature', ' ', '+++'), body FROM account.claim_webhook_deliveries(10)")
		[ -z "$delivery" ] || break
		sleep 1
	done
	body=${delivery#* * * * }
	set -- $delivery
	delivery_id=$1 webhook_id=$2 sent_at=$3 signature=$(echo "$4" | sed 's/+++/ /g')
	echo "        $body" | shorten
}

# Whether the receiver finds it genuine.
#	genuine SECRET BODY
genuine()
{
	as_bank "SELECT account.verify_webhook(:'secret', :'id', :'sent_at', :'body', :'signature')" \
		-v secret="$1" -v id="$webhook_id" -v sent_at="$sent_at" -v body="$2" -v signature="$signature"
}

# What a delivery was answered with.
answered()
{
	[ "$(psql -XAqt -U courier -c "SELECT account.record_webhook_delivery('$delivery_id', $1)")" = t ]
}

step "A webhook" \
	"Partner has a URL. What happens to it waits in the database, signed, for any number of senders."
as_admin "CREATE ROLE courier LOGIN; SELECT account.grant_access('courier', 'sender')" >/dev/null || exit
by "$ann" "SELECT account.webhook_secret()"
old_secret=$output
by "$ann" "SELECT account.rotate_webhook_secret('1 day')"
new_secret=$output
by "$ann" "SELECT name FROM account.update_account(account.current_account_id(), '{\"webhook_url\": \"https://hooks.partner.example/bank\"}')"
as_tenant "$ann" "SELECT account.create_workspace('Rome'); ROLLBACK; BEGIN" >/dev/null 2>&1
by "$ann" "SELECT account.create_workspace('Oslo') IS NOT NULL"
echo "      The sender, which may do nothing else:"
echo "      > SELECT delivery_id, url, headers, body FROM account.claim_webhook_deliveries(10);"
claim
holds "one is claimed: of an account no other before it is over" \
	[ "$(echo "$body" | grep -c '"type":"account.updated"') $(as_admin "SELECT count(*) FROM account.claim_webhook_deliveries(10)")" = "1 0" ]
holds "its signature is right by the secret from before the rotation, and by the new one" \
	[ "$(genuine "$old_secret" "$body") $(genuine "$new_secret" "$body")" = "t t" ]
holds "with a byte changed it is wrong" [ "$(genuine "$new_secret" "$body ")" = f ]
holds "it is delivered" answered 204
claim
holds "the next is the workspace; of the one that was rolled back nothing is told" \
	[ "$(echo "$body" | grep -c '"type":"workspace.created"')" = 1 ]
holds "the receiver is out of order" answered 503
by "$ann" "SELECT type, state, attempts, http_status FROM account.webhook_deliveries ORDER BY created_at" -F ' '
echo "$output" | indent
holds "Ann sees what has become of them" [ "$output" = "account.updated delivered 1 204
workspace.created retrying 1 503
workspace.granted waiting 0 " ]
as_admin "SELECT account.update_account('$partner', '{\"webhook_url\": null}')" >/dev/null

step "Statistics" \
	"What each account does and is refused is counted in memory, and written by the recorder."
by "$ann" "SELECT authentications, authentications_per_minute > 0, refusals_by_code FROM account.account_stats" -F ' '
echo "$output" | indent
holds "Partner's, and nobody else's" [ "$(echo "$output" | grep -c 'FORBIDDEN')" = 1 ]
count=$(as_admin "SELECT authentications FROM account.account_stats WHERE account_id = '$(account_of 1)'")
transactions=$(($(processed branch_1) + $(processed old_key) + $(processed new_key)))
holds "branch 1 has authenticated $count times, no less than pgbench's $transactions transactions" [ "$count" -ge "$transactions" ]
echo "      > SELECT account.openmetrics();"
as_admin "SELECT account.openmetrics()" >"$work/metrics"
grep -E '^account_(authentications|evictions)_total|FORBIDDEN|^# EOF' "$work/metrics" | indent
holds "a monitor reads what all do together, and no account's id" lacks "$work/metrics" "# EOF" "$partner" "$(account_of 1)"

# What Partner has in a database.
#	rows_of DATABASE ACCOUNT
rows_of()
{
	PGDATABASE=$1 as_admin "SELECT string_agg(number || ':' || amount, ' ' ORDER BY number) FROM statements WHERE account_id = '$2'"
}

step "A tenant's rows, taken back and taken along" \
	"Partner's rows are exported. They bring back what Ann deletes, and begin a life of their own in another database."
before=$(rows_of bank "$partner")
export_it="SELECT * FROM account.export_account('$partner')"
printf '      > %s\n' "\\copy ($export_it) TO 'partner.copy'" | shorten
as_admin "COPY ($export_it) TO STDOUT" >"$work/partner.copy"
as_tenant "$ann" "DELETE FROM statements"
holds "by mistake Ann deletes all her statements" [ -z "$(rows_of bank "$partner")" ]
# Loads the file into an account.
#	load_copy DATABASE ARGUMENTS
load_copy()
{
	echo "      > SELECT * FROM account.import_account('staging', $2);" | shorten
	PGDATABASE=$1 psql -XAqt -1 -v ON_ERROR_STOP=1 -c "CREATE TEMPORARY TABLE staging (table_name text, row_data jsonb)" \
		-c "\\copy staging FROM '$work/partner.copy'" -c "SELECT * FROM account.import_account('staging', $2)" -F ': ' | indent
}
load_copy bank "'$partner', replace => true"
holds "all are back: $before" [ "$(rows_of bank "$partner")" = "$before" ]
as_admin "CREATE DATABASE branch_office OWNER bank_owner" || exit
PGDATABASE=branch_office as_admin "CREATE EXTENSION account; CREATE EXTENSION pgcrypto" || exit
PGDATABASE=branch_office as_admin "SELECT account.grant_access('bank_owner', 'owner'), account.grant_access('bank', 'tenant')" >/dev/null || exit
PGDATABASE=branch_office as_owner "CREATE TABLE statements (number int, amount int); GRANT SELECT ON statements TO bank;
	SELECT count(*) FROM account.isolate('statements', workspace_column => 'workspace_id')" >/dev/null || exit
created=$(PGDATABASE=branch_office as_admin "SELECT id || ' ' || api_key FROM account.create_account('Partner')") || exit
moved=${created% *} moved_key=${created#* }
home=$(PGDATABASE=branch_office as_tenant "$moved_key" "SELECT workspace_id FROM account.workspaces")
load_copy branch_office "'$moved', new_ids => true, workspace_id => '$home'"
seen=$(PGDATABASE=branch_office as_tenant "$moved_key" "SELECT string_agg(number || ':' || amount, ' ' ORDER BY number) FROM statements")
holds "in the other database its new key reads them: $seen" [ "$seen" = "$before" ]
