# S2.43 RATE_LIMITED: requests_per_minute of a plan, where the library is preloaded. A limit of 1
# regains a token in a minute, far longer than what is between two requests of this test.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('rate');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "account.password_cost = 4\nlog_statement = none\ninclude 'test.conf'");
append_to_file($node->data_dir . '/test.conf', '');
$node->start;

# Restarts the server with other settings.
sub restart
{
	my ($conf) = @_;
	open(my $file, '>', $node->data_dir . '/test.conf');
	print $file "$conf\n";
	close($file);
	$node->restart;
}

sub admin
{
	my ($sql, $on) = @_;
	return ($on || $node)->safe_psql('postgres', "SET client_min_messages = error; $sql");
}

# How many of so many requests are let in, each a transaction, by the tokens in turn.
sub let_in
{
	my ($times, @tokens) = @_;
	my $list = join ', ', map { "'$_'" } @tokens;
	return $node->safe_psql('postgres', "SET client_min_messages = error; CALL send(ARRAY[$list], $times, NULL)", extra_params => [ '-U', 'app' ]);
}

# The same in a session that stays, and knows what it has read.
my $kept;
sub kept_lets_in
{
	my ($times, @tokens) = @_;
	my $list = join ', ', map { "'$_'" } @tokens;
	return $kept->query("CALL send(ARRAY[$list], $times, NULL)");
}

# What one request is told; a statement within it.
sub told
{
	my ($token, $statement, $on) = @_;
	my ($out, $err);
	($on || $node)->psql('postgres', '\set VERBOSITY verbose' . "\nSET client_min_messages = error; BEGIN; SELECT FROM account.authenticate('$token') \\g /dev/null\n"
		  . ($statement || '') . '; COMMIT', stdout => \$out, stderr => \$err, on_error_stop => 1, extra_params => [ '-U', 'app' ]);
	return $err eq '' ? 'in' : $err;
}

sub set_limit
{
	my ($limits) = @_;
	admin("SELECT account.update_plan('limited', '{\"limits\": {\"requests_per_minute\": $limits}}')");
}

# An account with a key for reading, an owner's key (the first) and a user who is an owner.
sub open_account
{
	my ($name, $parent) = @_;
	my ($id, $owner) = split /\|/, admin("SELECT id, api_key FROM account.create_account('$name'" . ($parent ? ", '$parent'" : '') . ')');
	my %keys = (id => $id, owner => $owner);
	my $profile = admin("SELECT profile_id FROM account.profiles WHERE account_id = '$id' LIMIT 1");
	$keys{$_} = admin("SELECT api_key FROM account.create_api_key('$profile', '$_', '{read:accounts}')") for qw(reader other);
	$keys{second} = admin("SELECT api_key FROM account.create_api_key('$profile', 'second', '{*:*}')");
	admin("SELECT account.set_plan('$id', 'limited')") unless $parent;
	return \%keys;
}

$node->safe_psql('postgres', q{
	CREATE EXTENSION account;
	CREATE EXTENSION pgcrypto;
	CREATE ROLE app LOGIN;
	SELECT account.grant_access('app', 'tenant');
	CREATE PROCEDURE send(tokens text[], times int, INOUT let_in int) LANGUAGE plpgsql AS $$
	BEGIN
		let_in := 0;
		FOR i IN 0 .. times - 1 LOOP
			BEGIN
				PERFORM account.authenticate(tokens[1 + i % cardinality(tokens)]);
				let_in := let_in + 1;
			EXCEPTION WHEN SQLSTATE 'TA013' THEN
				NULL;
			END;
			COMMIT;
		END LOOP;
	END $$;
});

# ---------------------------------------------------------------------------
# Not preloaded: nothing is counted, and whoever makes such a plan is told so.
my $warning;
$node->psql('postgres', q{SELECT account.create_plan('limited', '{"requests_per_minute": 1}')}, stderr => \$warning);
like($warning, qr/WARNING:  the limit requests_per_minute is not enforced\nHINT:  Add account to shared_preload_libraries\./, 'not preloaded: a plan that names it warns');
$node->psql('postgres', q{SELECT account.update_plan('limited', '{"limits": {"requests_per_minute": {"tree": 1}}}')}, stderr => \$warning);
like($warning, qr/WARNING:  the limit/, 'and so when it is changed');
set_limit(1);
my $acme = open_account('acme');
my $globex = open_account('globex');
is(let_in(20, $acme->{reader}), 20, 'not preloaded: everybody gets in');
is(admin('SELECT account.evicted_rate_buckets() IS NULL'), 't', 'and there are no buckets');

# ---------------------------------------------------------------------------
# Preloaded: so many, and then RATE_LIMITED until there is a token again.
restart("shared_preload_libraries = 'account'");
$node->psql('postgres', q{SELECT account.update_plan('limited', '{"limits": {"requests_per_minute": 3}}')}, stderr => \$warning);
is($warning, '', 'preloaded: no warning');
is(let_in(10, $acme->{reader}), 3, 'three of ten are let in');
my $refusal = told($acme->{reader});
like($refusal, qr/ERROR:  TA013: too many requests\nDETAIL:  \{"error": "RATE_LIMITED", "id": "[0-9a-f-]{36}", "validationErrors": \[\]\}\nHINT:  Try again in ([1-9]|1\d|20) s\.\n/, 'S2.43: refused, and told when to come again');
unlike($refusal, qr/STATEMENT|\Q$acme->{reader}\E/, 'the statement is kept out of it');
is(let_in(10, $globex->{reader}), 3, 'another account of the same plan has a bucket of its own');
is(admin("SELECT valid FROM account.verify_api_key('$acme->{reader}')"), 't', 'verify_api_key() counts nothing and is not counted');
my ($application) = admin(q{SELECT api_key FROM account.create_application_key('desk', '{*:*}')});
is($node->safe_psql('postgres', "SET client_min_messages = error; BEGIN; SELECT (account.act_as('$application', '$acme->{id}')).account_id IS NOT NULL; COMMIT", extra_params => [ '-U', 'app' ]), 't', 'act_as() of the platform is not counted');

# A plan is changed for all at once, also in sessions that have read it, and what has passed counts at its rate.
$kept = $node->background_psql('postgres', extra_params => [ '-U', 'app' ]);
is(kept_lets_in(5, $acme->{reader}), 0, 'a session that knows the limit');
set_limit(1000000);
is(kept_lets_in(1, $acme->{reader}), 1, 'a higher one is there at once');
set_limit(1);
is(kept_lets_in(5, $acme->{reader}), 1, 'and a lower: no more than it is kept');
admin("SELECT account.set_plan('$acme->{id}', NULL)");
is(kept_lets_in(5, $acme->{reader}), 5, 'no plan, no limit');
admin("SELECT account.set_plan('$acme->{id}', 'limited')");
is(kept_lets_in(5, $acme->{reader}), 0, 'the plan again: what was used up is');
admin("BEGIN; SELECT account.update_plan('limited', '{\"limits\": {}}'); ROLLBACK");
is(kept_lets_in(5, $acme->{reader}), 0, 'a change that is rolled back is none');
admin("UPDATE account.plans SET limits = '{}' WHERE name = 'limited'");
is(kept_lets_in(5, $acme->{reader}), 5, 'one by plain SQL is one');
$kept->quit;
$kept = $node->background_psql('postgres', extra_params => [ '-U', 'app' ]);
is(kept_lets_in(5, $acme->{reader}), 5, 'a session that knows that no plan names it');
set_limit(1);
is(kept_lets_in(5, $acme->{reader}), 0, 'named again, it counts again');

# The same token again in the same transaction counts once.
set_limit(2);
my $once = open_account('once');
is(told($once->{reader}, "SELECT FROM account.authenticate('$once->{reader}'); SAVEPOINT s; SELECT FROM account.authenticate('$once->{reader}'); ROLLBACK TO s; SELECT FROM account.authenticate('$once->{reader}') \\g /dev/null\n"), 'in', 'four calls in a transaction');
is(told($once->{reader}), 'in', 'count as one');
like(told($once->{reader}), qr/TA013/, 'of two');
my $free = admin(q{SELECT api_key FROM account.create_account('free')});
admin(q{CREATE ROLE suite LOGIN; SELECT account.grant_access('suite', 'tenant'); ALTER ROLE suite SET account.exchange_identity = on});
is($node->safe_psql('postgres', "BEGIN; SELECT FROM account.authenticate('$free') \\g /dev/null\nDO \$\$ BEGIN PERFORM account.authenticate('$once->{reader}'); EXCEPTION WHEN SQLSTATE 'TA013' THEN NULL; END \$\$; SELECT account.current_account_id() IS NULL; COMMIT", extra_params => [ '-U', 'suite' ]), 't', 'who is refused is nobody, whoever he was before');

# ---------------------------------------------------------------------------
# Owners, who may revoke keys, and lines of keys.
set_limit(1);
my $hooli = open_account('hooli');
admin(q{SELECT account.create_user('owner@example.com', 'correct zebra anvil quiz')});
admin("SELECT account.add_member(account.find_user('owner\@example.com'), 'owner', '$hooli->{id}')");
my $session = admin(q{SELECT session_token FROM account.login('owner@example.com', 'correct zebra anvil quiz')});
is(let_in(5, $hooli->{reader}), 1, 'a thief uses all up');
is(let_in(5, $hooli->{other}), 0, 'another key does not get in');
is(let_in(5, $hooli->{owner}), 1, 'an owner does, as often as his share: with the first key');
is(let_in(5, $hooli->{second}), 1, 'with another, of which a flood by the first takes nothing');
my $thief = admin("SELECT api_key_id FROM account.api_keys WHERE account_id = '$hooli->{id}' AND name = 'reader'");
is(told($session, "SELECT account.revoke_api_key('$thief')"), 'in', 'and by a session: the key is revoked');
like(told($session), qr/TA013/, 'the share of a user is used up too');
like(told($hooli->{other}), qr/Try again in ([1-9]?\d|1[01]\d|120) s\./, 'of what owners have taken beyond it no more than the limit is owed');
like(told($hooli->{reader}), qr/TA006/, 'who is revoked is told so, and not to come again');

# A rotated key has the bucket of the one that it replaces, and so has the next.
my $first = admin("SELECT api_key_id FROM account.api_keys WHERE account_id = '$hooli->{id}' AND name = 'second'");
my ($next, $second) = split /\|/, admin("SELECT api_key_id, api_key FROM account.rotate_api_key('$first', '1 hour')");
like(told($second), qr/TA013/, 'rotation does not fill it');
my $third = admin("SELECT api_key FROM account.rotate_api_key('$next', '0')");
like(told($third), qr/TA013/, 'nor does it twice');
is(let_in(3, admin("SELECT api_key FROM account.create_api_key((SELECT profile_id FROM account.keys WHERE api_key_id = '$first'), 'fresh', '{*:*}')")), 1, 'while another line has its own');

# A key in its overlap manages nothing, so it has no owner's share.
my $pied = open_account('piper');
admin("SELECT account.rotate_api_key(api_key_id, '1 hour') FROM account.api_keys WHERE account_id = '$pied->{id}' AND name = 'second'");
is(let_in(3, $pied->{reader}), 1, 'all is used up');
is(let_in(3, $pied->{second}), 0, 'for a key that is being replaced, too');
admin("SELECT account.add_member(account.find_user('owner\@example.com'), 'owner', '$pied->{id}')");
my $there;
$node->psql('postgres', "SET client_min_messages = error; BEGIN; SELECT (account.authenticate('$session', '$pied->{id}')).account_id = '$pied->{id}'; COMMIT", stdout => \$there, extra_params => [ '-U', 'app' ]);
is($there, 't', 'a user has a share in each account');

# A larger limit: an owner's share is a tenth of it, and others have none beyond it.
set_limit(200);
my $big = open_account('big');
cmp_ok(let_in(400, $big->{reader}), '>=', 200, 'one line alone has the whole limit');
cmp_ok(let_in(100, $big->{owner}), '>=', 20, 'then an owner has a tenth of it');
cmp_ok(let_in(100, $big->{owner}), '<', 100, 'and no more');

# What a line has used of its share is not there for it under another limit either, and is for others.
set_limit(1);
my $initech = open_account('initech');
is(let_in(5, $initech->{reader}), 1, 'used up for the account');
set_limit('{"tree": 1}');
is(let_in(5, $initech->{reader}), 0, 'the tree has one, but not for that line');
is(let_in(5, $initech->{other}), 1, 'for another it has');

# {"tree": n}: the holder and all below together; a number: each.
set_limit('{"tree": 2}');
my $grove = open_account('grove');
my $shoot = open_account('shoot', $grove->{id});
is(kept_lets_in(6, $grove->{reader}, $shoot->{reader}), 2, 'a tree has one bucket');
is(let_in(6, $shoot->{other}), 0, 'for what is below too');
admin("SELECT account.move_account('$shoot->{id}', NULL)");
is(kept_lets_in(5, $shoot->{reader}), 5, 'moved out of it, it is under no plan');
set_limit(2);
admin("SELECT account.move_account('$shoot->{id}', '$grove->{id}')");
is(kept_lets_in(6, $shoot->{other}), 2, 'moved back, and each for itself');
is(kept_lets_in(6, $grove->{other}), 2, 'the parent too');
$kept->quit;

# A session without an account is under no plan.
my $nobody = admin(q{SELECT account.create_user('nobody@example.com', 'correct zebra anvil quiz') IS NULL; SELECT session_token FROM account.login('nobody@example.com', 'correct zebra anvil quiz')});
$nobody =~ s/.*\n//;
is(let_in(5, $nobody), 5, 'a user without an account is not counted');

# ---------------------------------------------------------------------------
# The same account in a copy of the database is another one.
$node->safe_psql('template1', 'CREATE DATABASE twin TEMPLATE postgres');
is($node->safe_psql('twin', "SET client_min_messages = error; CALL send(ARRAY['$initech->{other}'], 5, NULL)", extra_params => [ '-U', 'app' ]), 2, 'a database counts by itself');

# Over HTTP, as PostgREST runs it: the status, the body and the header of both routes.
set_limit(1);
my $web = open_account('web');
is(let_in(3, $web->{reader}), 1, 'used up');
$node->safe_psql('postgres', '\i test/lib/request.sql' . "\n", extra_params => [ '-v', 'ON_ERROR_STOP=1' ]);
sub http
{
	my ($path, $statement) = @_;
	my ($out, $err);
	$node->psql('postgres', '\set VERBOSITY verbose' . "\nBEGIN; SELECT ask('POST', '$path', '{\"x-api-key\": \"$web->{reader}\"}'); SELECT account_api.pre_request(); $statement; COMMIT",
		stdout => \$out, stderr => \$err, extra_params => [ '-U', 'regress_authenticator' ]);
	return $out . $err;
}
like(http('/rpc/whoami', 'SELECT 1'), qr/ERROR:  PGRST: \{"code": "RATE_LIMITED", "message": "too many requests", "details": "\{\\"error\\": \\"RATE_LIMITED\\".*DETAIL:  \{"status": 429, "headers": \{.*"Retry-After": "([1-9]|[1-5]\d|60)"/s, 'outside v1: 429 with Retry-After');
my $answer = http('/rpc/v1_list_accounts', "SELECT account_api.v1_list_accounts(NULL), current_setting('response.status'), current_setting('response.headers')");
like($answer, qr/\{"error": "RATE_LIMITED", "id": "[0-9a-f-]{36}", "note": "too many requests", "validationErrors": \[\]\}\|429\|/, 'under v1: the body of the documents, and 429');
like($answer, qr/\{"Retry-After": ?"([1-9]|[1-5]\d|60)"\}/, 'with Retry-After');

# ---------------------------------------------------------------------------
# Full: what was touched longest ago makes room, and is counted.
restart("shared_preload_libraries = 'account'\naccount.rate_buckets = 8");
is(let_in(3, $web->{reader}), 1, 'a restart forgets');
is(let_in(3, $globex->{reader}), 1, 'the bucket of another account');
is(admin('SELECT account.evicted_rate_buckets()'), 0, 'there is room for four of two buckets each');
is(let_in(3, $web->{reader}), 0, 'so nothing is forgotten');
is(let_in(3, $_->{reader}), 1, 'another account') for $acme, $initech, $once;
is(let_in(3, $web->{reader}), 0, 'what was touched since then is kept');
is(let_in(3, $globex->{reader}), 1, 'what was not has made room');
cmp_ok(admin('SELECT account.evicted_rate_buckets()'), '>', 0, 'and that is counted');

# A backend that is killed takes the others down, and what was counted with it.
my $victim = $node->background_psql('postgres', on_error_stop => 0);
my $pid = $victim->query('SELECT pg_backend_pid()');
$node->append_conf('postgresql.conf', 'restart_after_crash = on');
$node->reload;
kill 'KILL', $pid;
$node->poll_query_until('postgres', 'SELECT pg_postmaster_start_time() IS NOT NULL');
eval { $victim->quit };
ok($node->poll_query_until('postgres', 'SELECT account.evicted_rate_buckets() = 0'), 'killed: the server is there again');
is(let_in(3, $web->{reader}), 1, 'and counts anew');

# On a standby requests are counted there.
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is(told($web->{reader}, undef, $standby), 'in', 'a standby counts by itself');
like(told($web->{reader}, undef, $standby), qr/TA013/, 'and refuses');
set_limit(1000000);
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is(told($web->{reader}, undef, $standby), 'in', 'a change of the plan is replayed');
$standby->stop;
$node->stop;
done_testing();
