# What is refused stands in the audit log though it was rolled back, where a recorder runs; and in
# the server's log in any case.  A flood takes a few entries, and nobody crowds others out.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('refusal');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "account.password_cost = 4\naccount.login_attempts = 3\nlog_statement = none\nrestart_after_crash = on\ninclude 'test.conf'");
append_to_file($node->data_dir . '/test.conf', '');
$node->start;
my $recording = "shared_preload_libraries = 'account'\naccount.databases = 'postgres'\naccount.recorder_interval = 1h";

sub restart
{
	my ($conf) = @_;
	open(my $file, '>', $node->data_dir . '/test.conf');
	print $file "$conf\n";
	close($file);
	$node->restart;
	$node->poll_query_until('postgres', 'SELECT account.record_now()') or die 'no recorder' if $conf ne '';
}

sub admin
{
	my ($sql, $on) = @_;
	return ($on || $node)->safe_psql('postgres', "SET client_min_messages = error; $sql");
}

# What an application does, each time in a session of its own; returns what it is told.
sub app
{
	my ($sql, %options) = @_;
	my ($out, $err);
	($options{on} || $node)->psql($options{database} || 'postgres', "SET client_min_messages = error; $sql", stdout => \$out, stderr => \$err, on_error_stop => 0,
		extra_params => [ '-U', $options{user} || 'app' ]);
	$err =~ s/^(?!psql:.*ERROR:).*\n?//mg;
	$err =~ s/^psql:.*ERROR:  //mg;
	chomp $err;
	return join(' ', grep { length } $out, $err);
}

sub request
{
	my ($token, $statement, %options) = @_;
	my $mode = $options{mode} || '';
	return app("BEGIN $mode; SELECT FROM account.authenticate('$token') \\g /dev/null\n" . ($statement || '') . '; COMMIT', %options);
}

# The entries since the last call, as the recorder writes them now.
sub entries
{
	my ($columns, $aggregates) = @_;
	my $order = $aggregates ? '' : 'ORDER BY at';
	is(admin('SELECT account.record_now()'), 't', 'the recorder writes');
	return admin("SELECT $columns FROM entries WHERE at > (SELECT at FROM mark) $order; UPDATE mark SET at = clock_timestamp()");
}
my $told = q{concat_ws(' ', detail->>'error', detail->>'call', detail->>'count', object_type, detail->>'message')};

$node->safe_psql('postgres', q{
	CREATE EXTENSION account;
	CREATE EXTENSION pgcrypto;
	CREATE ROLE app LOGIN;
	CREATE ROLE other LOGIN;
	SELECT account.grant_access('app', 'tenant'), account.grant_access('other', 'tenant');
	CREATE TABLE mark (at timestamptz);
	INSERT INTO mark VALUES (now());
	CREATE VIEW entries AS
		SELECT at, account_id, from_account_id, actor_profile_id, actor_user_id, actor_role, api_key_id, action, object_type, object_id, detail, request FROM account.audit_pending WHERE action = 'attempt.refused'
		UNION ALL SELECT at, account_id, from_account_id, actor_profile_id, actor_user_id, actor_role, api_key_id, action, object_type, object_id, detail, request FROM account.audit_entries WHERE action = 'attempt.refused';
	-- Calls a function so often that refuses, and goes on.
	CREATE PROCEDURE flood(token text, times int) LANGUAGE plpgsql AS $$
	BEGIN
		IF token LIKE '%sec\_%' THEN PERFORM account.authenticate(token); END IF;
		FOR i IN 1 .. times LOOP
			BEGIN
				IF token LIKE '%sec\_%' THEN PERFORM account.create_workspace('x'); ELSE PERFORM account.authenticate(token || i); END IF;
			EXCEPTION WHEN OTHERS THEN NULL;
			END;
		END LOOP;
	END $$;
});
my ($acme, $owner) = split /\|/, admin("SELECT id, api_key FROM account.create_account('acme')");
my ($globex, $globex_owner) = split /\|/, admin("SELECT id, api_key FROM account.create_account('globex', '$acme')");
my $profile = admin("SELECT profile_id FROM account.profiles WHERE account_id = '$acme'");
my %keys = map { $_ => [ split /\|/, admin("SELECT api_key, api_key_id FROM account.create_api_key('$profile', '$_', '{read:accounts}')") ] } qw(reader revoked expired);
admin("SELECT account.revoke_api_key('$keys{revoked}[1]')");
admin("INSERT INTO account.credentials (digest, entry, kind, credential_id, account_id, ends_at) SELECT digest, 7, 'e', credential_id, account_id, now() FROM account.credentials WHERE credential_id = '$keys{expired}[1]' AND entry = 0");
my $unknown = 'prod_acctsec_0000000000000000000000000000000000000000000000000';
my $user = admin(q{SELECT account.create_user('ann@example.com', 'correct zebra anvil quiz')});

# ---------------------------------------------------------------------------
# Without a recorder: the server's log, also of what is told and not raised.
my $from = -s $node->logfile;
is(app("SELECT error FROM account.verify_api_key('$keys{revoked}[0]'); SELECT error FROM account.login('ann\@example.com', 'wrong zebra anvil quiz')"), "INVALID_AUTHORIZATION\nINVALID_AUTHORIZATION", 'refused');
my $log = substr(slurp_file($node->logfile), $from);
like($log, qr/LOG:  account refused: \{"error": "INVALID_AUTHORIZATION", "call": "verify_api_key", "account_id": "$acme", "api_key_id": "$keys{revoked}[1]"\}\n/, 'without a recorder: a line in the log for a key');
like($log, qr/LOG:  account refused: \{"error": "INVALID_AUTHORIZATION", "call": "login", "user_id": "$user"\}\n/, 'and for a login');
unlike($log, qr/\Q$keys{revoked}[0]\E|ann\@|zebra/, 'neither a secret nor an e-mail is in it');
is(admin('SELECT count(*) FROM entries'), 0, 'and there are no entries');

# ---------------------------------------------------------------------------
# With a recorder each stands, though all was rolled back, and transactions were READ ONLY.
restart($recording);
is(request($keys{reader}[0], "SELECT account.create_workspace('x')"), 'permission denied: it takes manage:workspaces', 'forbidden');
is(request($keys{reader}[0], "SELECT account.create_workspace('x')", mode => 'READ ONLY'), 'permission denied: it takes manage:workspaces', 'also in a transaction that only reads');
request($_) for 'junk', $unknown, $keys{revoked}[0], $keys{expired}[0];
app("SELECT account.verify_api_key('$_')") for $keys{revoked}[0], $keys{expired}[0], 'junk';
is(entries($told), join("\n", 'FORBIDDEN 2 api_key permission denied: it takes manage:workspaces', 'MALFORMED_API_KEY 2 platform the API key is malformed',
	'INVALID_AUTHORIZATION 1 api_key the API key is not valid', 'EXPIRED_API_KEY 1 api_key the API key has expired',
	'INVALID_AUTHORIZATION verify_api_key 1 api_key', 'EXPIRED_API_KEY verify_api_key 1 api_key', 'MALFORMED_API_KEY verify_api_key 1 platform'), 'each kind, once, with how often');
is(admin("SELECT count(*) FROM entries WHERE api_key_id = object_id AND account_id = '$acme' AND from_account_id = '$acme' AND actor_profile_id = '$profile' AND actor_role IS NULL"), 5, 'with account, profile and key where the key is known');
is(admin("SELECT count(*) FROM entries WHERE object_type = 'platform' AND account_id IS NULL AND actor_profile_id IS NULL AND actor_role = 'app'"), 2, 'and otherwise the role that is all that is known');

# Plans, suspended accounts, requests a minute, logins.
admin(q{SELECT account.create_plan('small', '{"workspaces": 1, "requests_per_minute": 1}')});
admin("SELECT account.set_plan('$globex', 'small')");
is(request($globex_owner, "SELECT account.create_workspace('x')"), 'the plan allows 1 workspaces for each account: 1 in use, 1 more wanted', 'a limit of the plan');
is(request($globex_owner), 'too many requests', 'too many requests');
admin("SELECT account.suspend_account('$globex', 'unpaid')");
is(request($globex_owner), 'the account is suspended', 'suspended');
admin("SELECT account.resume_account('$globex')");
app("SELECT account.login('$_', 'wrong zebra anvil quiz')") for ('ann@example.com') x 4, 'bob@example.com';
is(entries("$told || COALESCE(' ' || (detail->>'locked'), '')"), join("\n", 'MAX_RESOURCES_REACHED 1 api_key the plan allows 1 workspaces for each account: 1 in use, 1 more wanted',
	'RATE_LIMITED 1 api_key too many requests', 'ACCOUNT_SUSPENDED 1 api_key the account is suspended',
	'INVALID_AUTHORIZATION login 3 user', 'INVALID_AUTHORIZATION login 1 user true', 'INVALID_AUTHORIZATION login 1 platform'), 'limits, suspension, logins that failed and one that was locked');
is(admin("SELECT count(*), bool_and(actor_user_id IS NULL) FROM entries WHERE object_id = '$user'"), '2|t', 'who fails to log in is nobody: the user is the object');
is(admin("SELECT count(*) FROM entries e WHERE e::text ~ 'ann\@|bob\@|zebra' OR strpos(e::text, '$keys{revoked}[0]') > 0 OR strpos(e::text, '$keys{expired}[0]') > 0 OR strpos(e::text, substr('$unknown', 20)) > 0"), 0, 'no secret and no e-mail is in any of it (WH-17)');

# AUD-06: what the caller says is not who he is or where.
app("SET application_name = 'admin'; SET request.method = 'GET'; SET request.path = '/x'; SET request.headers = '{\"x-forwarded-for\": \"10.9.9.9\"}'; SELECT account.authenticate('junk')", user => 'other');
is(entries("actor_role, request, detail->>'count'"), 'other||1', 'a header counts for nothing unless a proxy is trusted');
admin("ALTER ROLE other SET account.trusted_proxies = 'unix'");
app("SET request.method = 'GET'; SET request.headers = '{\"x-forwarded-for\": \"10.9.9.9, 2001:db8::7\"}'; SELECT account.authenticate('junk')", user => 'other');
is(entries("actor_role, request, detail->>'count'"), 'other|{"address": "2001:db8::7"}|1', 'and then the last entry does');

# ---------------------------------------------------------------------------
# AUD-09: 100,000 refused calls take one entry, and the next of the same comes after a while.
admin("CALL flood('$keys{reader}[0]', 100000)");
is(entries("$told"), 'FORBIDDEN 100000 api_key permission denied: it takes manage:workspaces', '100,000 refused calls: one entry');
# (record_now() writes what is not due, too; the round that is asked for by a wake does not.)
restart("$recording\naccount.recorder_interval = 100ms");
admin("CALL flood('$keys{reader}[0]', 10)");
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM entries WHERE at > (SELECT at FROM mark)}) or die 'not written';
for (1 .. 5)
{
	admin("CALL flood('$keys{reader}[0]', 10)");
	$node->safe_psql('postgres', 'SELECT pg_sleep(0.3)');
}
is(admin(q{SELECT count(*), sum((detail->>'count')::int) FROM entries WHERE at > (SELECT at FROM mark)}), '1|10', 'the first is written at once, what goes on is not, at first');
restart($recording);
is(entries("detail->>'count'"), "10\n50", 'a planned stop writes all');

# Many different ones: of one account no more than 32 are told apart, and of nobody 256.
admin(q{CREATE TABLE many AS SELECT n, k.api_key, k.api_key_id FROM generate_series(1, 300) n, account.create_api_key('} . $profile . q{', 'many ' || n) k; SELECT account.revoke_api_key(api_key_id) FROM many; GRANT SELECT ON many TO app});
app('SELECT count(v.valid) FROM many, account.verify_api_key(api_key) v');
request($globex_owner) for 1, 2;
app("SELECT account.authenticate('junk')");
# The three keys above have used some of the 32 up.
my ($apart, $together, $others, $nobody) = split /\|/, entries(qq{count(*) FILTER (WHERE api_key_id IS NOT NULL AND account_id = '$acme'), sum((detail->>'count')::int) FILTER (WHERE account_id = '$acme'), count(*) FILTER (WHERE account_id = '$acme' AND detail ? 'others'), count(*) FILTER (WHERE account_id IS DISTINCT FROM '$acme')}, 'aggregates');
cmp_ok($apart, '<=', 32, 'one account: no more than 32 are told apart');
is("$together $others", '300 1', 'the others are put together, and all are counted');
is($nobody, 2, 'and another account and nobody have theirs');
my $addresses = join '', map { "SET request.headers = '{\"x-forwarded-for\": \"10.1." . int($_ / 250) . '.' . ($_ % 250) . "\"}'; SELECT account.authenticate('junk');\n" } 1 .. 400;
app("SET request.method = 'GET'; $addresses", user => 'other');
is(entries(q{count(*) FILTER (WHERE request IS NOT NULL) <= 256, sum((detail->>'count')::int), count(*) FILTER (WHERE detail ? 'others')}, 'aggregates'), 't|400|1', 'nobody: no more than 256 sources are told apart');
is(admin('SELECT account.openmetrics()') =~ /account_evictions_total\{memory="account_refusals"\} (\d+)/ ? $1 : 'none', 0, 'and none had to make room');

# Nor does who has many accounts: 200 with as many refusals as each may have are more than there is room for
# while nothing can be written.  What was noted is not lost, and what finds no room is counted.
admin(qq{CREATE TABLE crowd AS SELECT c.api_key FROM generate_series(1, 200) n, account.create_account('crowd ' || n, parent_account_id => '$acme') c; GRANT SELECT ON crowd TO app, other;
	SELECT account.revoke_api_key(k.api_key_id) FROM account.api_keys k JOIN account.accounts a USING (account_id) WHERE a.name LIKE 'crowd %'});
admin('SELECT account.record_now()');
my $crowd_locker = $node->background_psql('postgres');
$crowd_locker->query_safe('BEGIN; LOCK TABLE account.audit_pending IN SHARE MODE');
request($globex_owner);
app(q{SET request.method = 'GET'; DO $$DECLARE token text; BEGIN
	FOR token IN SELECT api_key FROM crowd LOOP
		FOR n IN 1 .. 34 LOOP
			PERFORM set_config('request.headers', '{"x-forwarded-for": "10.2.0.' || n || '"}', false);
			PERFORM account.verify_api_key(token);
		END LOOP;
	END LOOP;
END$$}, user => 'other');
$crowd_locker->quit;
is(entries(qq{count(*) FILTER (WHERE account_id = '$globex'), sum((detail->>'count')::int), count(*) FILTER (WHERE account_id IS NULL AND detail ? 'others')}, 'aggregates'), '1|6801|1', 'many accounts crowd out nobody: what was noted before stays, and all are counted');
is(admin('SELECT account.openmetrics()') =~ /account_evictions_total\{memory="account_refusals"\} (\d+)/ ? $1 : 'none', 0, 'nothing was lost');

# ---------------------------------------------------------------------------
# A worker that is killed or cannot write loses nothing and writes nothing twice.
request($keys{reader}[0], "SELECT account.create_workspace('x')");
my $before = admin('SELECT count(*) FROM entries');
my $locker = $node->background_psql('postgres');
$locker->query_safe('BEGIN; LOCK TABLE account.audit_pending IN SHARE MODE');
is(admin('SELECT account.record_now()'), 'f', 'a table that is locked: the recorder does not wait for long');
$locker->quit;
is(admin('SELECT account.record_now()'), 't', 'and writes later');
is(admin('SELECT count(*) FROM entries') - $before, 1, 'all of it, once');

# A database without a recorder has the lines in the log.
$node->safe_psql('postgres', 'CREATE DATABASE bare');
$node->safe_psql('bare', q{CREATE EXTENSION account; SELECT account.grant_access('app', 'tenant')});
$from = -s $node->logfile;
app("SELECT account.verify_api_key('junk')", database => 'bare');
like(substr(slurp_file($node->logfile), $from), qr/LOG:  account refused: \{"error": "MALFORMED_API_KEY", "call": "verify_api_key"\}/, 'a database without a recorder: a line in the log');

# A standby notes in its own memory, writes nothing, and fails in nothing but what it refuses.
admin('SELECT account.record_now()');
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
is(request($keys{reader}[0], "SELECT account.create_workspace('x')", on => $standby), 'permission denied: it takes manage:workspaces', 'a standby refuses');
is(request('junk', '', on => $standby), 'the API key is malformed', 'and refuses');
is(admin(q{SELECT valid FROM account.verify_api_key('junk'); SELECT account.record_now()}, $standby), "f\nf", 'nothing is written there');
$standby->promote;
$standby->poll_query_until('postgres', 'SELECT account.record_now()') or die 'no recorder';
is(admin(qq{SELECT count(*) FROM entries WHERE at > (SELECT max(at) FROM mark)}, $standby) >= 3, 1, 'but once it is a primary');
$standby->stop;
$node->stop;
done_testing();
