# Lockouts outlast the server where a recorder runs (issue 6): a crash lifts none that somebody was told of,
# and loses what was counted since the recorder last wrote.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('lockout');
$node->init;
# By itself the recorder writes once an hour: what is on disk is there because somebody has asked for it.
my $preloaded = "shared_preload_libraries = 'account'";
my $recording = "$preloaded\naccount.databases = 'postgres'\naccount.recorder_interval = '1h'";
$node->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'\naccount.password_cost = 4\nlog_statement = none\ninclude 'test.conf'");
$node->append_conf('pg_hba.conf', 'host all all 127.0.0.1/32 trust');
configure('');
$node->start;
my $socket = $node->safe_psql('postgres', 'SELECT split_part(setting, $$,$$, 1) FROM pg_settings WHERE name = $$unix_socket_directories$$');
my ($right, $refused) = ('correct zebra anvil quiz', 'INVALID_AUTHORIZATION');

sub configure
{
	my ($conf) = @_;
	open(my $file, '>', $node->data_dir . '/test.conf') or die $!;
	print $file "$conf\n";
	close($file);
}

# Stops the server as told and starts it; with a recorder, waits until that runs.
sub restart
{
	my ($mode, $conf) = @_;
	$node->stop($mode);
	configure($conf);
	$node->start;
	$node->poll_query_until('postgres', 'SELECT account.record_now()') or die 'no recorder' if $conf =~ /databases/;
}

sub login
{
	my ($host, $name, $password) = @_;
	my $out;
	$node->psql('postgres', "SET statement_timeout = '60s'; SELECT COALESCE(error, 'in') FROM account.login('$name\@example.com', '$password')",
		stdout => \$out, stderr => \my $err, on_error_stop => 0, connstr => "host=$host port=" . $node->port . ' dbname=postgres user=app');
	return $out;
}

sub wrong
{
	my ($name, $times) = @_;
	login($socket, $name, "wrong $_") for 1 .. $times;
}

$node->safe_psql('postgres', q{
	CREATE EXTENSION account;
	CREATE EXTENSION pgcrypto;
	CREATE ROLE app LOGIN;
	SELECT account.grant_access('app', 'anonymous');
});
$node->safe_psql('postgres', "SELECT account.create_user('$_\@example.com', '$right')") for qw(alice bob carol dave eve frank grace);

# ---------------------------------------------------------------------------
# A crash.
restart('fast', $recording);
wrong('alice', 10);
is(login($socket, 'alice', $right), $refused, 'ten wrong ones lock');
is($node->safe_psql('postgres', 'SELECT max(attempts) FROM account.login_counters'), '10', 'and when that is answered it is on disk');
wrong('bob', 9);
restart('immediate', $recording);
is(login($socket, 'alice', $right), $refused, 'SES-02: a crash lifts no lockout that somebody was told of');
is(login('127.0.0.1', 'alice', $right), 'in', 'DES-10: from another source she gets in');
wrong('bob', 1);
is(login($socket, 'bob', $right), 'in', 'what was counted in the last interval is lost with it');

# Before the recorder of the new server has run, a counter is what was written, too.
wrong('carol', 9);
is($node->safe_psql('postgres', 'SELECT account.record_now()'), 't', 'written');
$node->stop('immediate');
configure("$preloaded\naccount.databases = 'elsewhere'");
$node->start;
wrong('carol', 1);
is(login($socket, 'carol', $right), $refused, 'one more locks');
restart('immediate', $recording);

# ---------------------------------------------------------------------------
# A planned stop loses nothing, and success leaves nothing.
wrong('dave', 10);
wrong('eve', 9);
is(login($socket, 'eve', $right), 'in', 'nine lock nobody');
restart('fast', $recording);
is(login($socket, 'dave', $right), $refused, 'FLT-09: locked before a planned stop, locked after it');
wrong('eve', 9);
is(login($socket, 'eve', $right), 'in', 'success has set the counter to zero on disk, too');
$node->safe_psql('postgres', 'SELECT account.record_now()');
my $rows = $node->safe_psql('postgres', 'SELECT count(*) FROM account.login_counters');
wrong('eve', 1);
$node->safe_psql('postgres', 'SELECT account.record_now()');
is($node->safe_psql('postgres', 'SELECT count(*) FROM account.login_counters') - $rows, 2, 'an attempt is two counters');
login($socket, 'eve', $right);
$node->safe_psql('postgres', 'SELECT account.record_now()');
is($node->safe_psql('postgres', 'SELECT count(*) FROM account.login_counters') - $rows, 0, 'and success deletes them');

# ---------------------------------------------------------------------------
# A recorder that does nothing keeps nobody waiting for long, and opens nothing.
my $pid = $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'account recorder'});
kill 'STOP', $pid;
wrong('frank', 10);
is(login($socket, 'frank', $right), $refused, 'stopped: locked all the same');
kill 'CONT', $pid;
$node->poll_query_until('postgres', 'SELECT account.record_now()');
restart('immediate', $recording);
is(login($socket, 'frank', $right), $refused, 'and it writes that when it goes on');

# ---------------------------------------------------------------------------
# Without a recorder, and without preloading: what was written still holds, and the fallbacks count.
restart('fast', $preloaded);
is(login($socket, 'frank', $right), $refused, 'no recorder: what was written holds');
wrong('grace', 10);
is(login($socket, 'grace', $right), $refused, 'and memory counts');
restart('fast', '');
is(login($socket, 'grace', $right), 'in', 'but not beyond a stop');
is(login($socket, 'frank', $right), $refused, 'not preloaded: what was written holds');
is(login('127.0.0.1', 'frank', $right), 'in', 'for that source alone');
wrong('grace', 10);
is(login($socket, 'grace', $right), $refused, 'and rows count');

# It runs out like any other; nothing of it is in a dump.
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], 'dumped');
unlike(slurp_file($dump), qr/COPY account\.login_counters[^;]*;\n(?!\\\.)/, 'without counters');
$node->safe_psql('postgres', q{UPDATE account.login_counters SET counted_at = counted_at - interval '1 day'});
is(login($socket, 'frank', $right), 'in', 'over after account.login_lockout');
restart('fast', $recording);
is($node->safe_psql('postgres', 'SELECT count(*) FROM account.login_counters'), '0', 'and the recorder deletes it');
$node->stop;
done_testing();
