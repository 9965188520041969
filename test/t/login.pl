# Logging in: attempts that are counted whatever becomes of them, equal work for all that fails,
# what is written to the log, other encodings, a standby, dump and restore.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = PostgreSQL::Test::Cluster->new('login');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'\naccount.password_cost = 4\nmax_connections = 40\nlog_statement = none\n");
$node->append_conf('pg_hba.conf', "host all all 127.0.0.1/32 trust");
$node->append_conf('postgresql.conf', "include 'test.conf'");
append_to_file($node->data_dir . '/test.conf', '');
$node->start;
my $socket = $node->safe_psql('postgres', 'SELECT split_part(setting, $$,$$, 1) FROM pg_settings WHERE name = $$unix_socket_directories$$');
my $right = 'correct zebra anvil quiz';

# What a role of level anonymous gets, over TCP from 127.0.0.1 or over the UNIX socket.
sub over
{
	my ($host, $sql, $role) = @_;
	my ($out, $err);
	$role ||= 'app';
	$node->psql('postgres', $sql, stdout => \$out, stderr => \$err, on_error_stop => 0, connstr => "host=$host port=" . $node->port . " dbname=postgres user=$role");
	$err =~ s/^(?!psql:.*ERROR:).*\n?//mg;
	$err =~ s/^psql:.*ERROR:  //mg;
	chomp $err;
	return join(' ', grep { length } $out, $err);
}

sub login
{
	my ($host, $name, $password) = @_;
	return over($host, "SELECT COALESCE(error, 'in') FROM account.login('$name\@example.com', '$password')");
}

# Restarts the server with or without the library preloaded.
sub restart
{
	my ($conf) = @_;
	open(my $file, '>', $node->data_dir . '/test.conf');
	print $file "$conf\n";
	close($file);
	$node->restart;
}

$node->safe_psql('postgres', q{
	CREATE EXTENSION account;
	CREATE EXTENSION pgcrypto;
	CREATE ROLE app LOGIN;
	SELECT account.grant_access('app', 'anonymous');
});
my $users = join ', ', map { "account.create_user('$_\@example.com', '$right')" } qw(alice bob carol dave eve frank grace heidi);
$node->safe_psql('postgres', "SELECT $users");
my $refused = 'INVALID_AUTHORIZATION';

# ---------------------------------------------------------------------------
# Without shared_preload_libraries: what is committed counts, what is rolled back does not.
is($node->safe_psql('postgres', 'SELECT account.evicted_login_counters() IS NULL'), 't', 'not preloaded: no counters in memory');
login($socket, 'alice', "wrong $_") for 1 .. 9;
is(login($socket, 'alice', $right), 'in', 'nine wrong ones lock nobody');
login($socket, 'alice', "wrong $_") for 1 .. 10;
is(login($socket, 'alice', $right), $refused, 'ten do');
is(login('127.0.0.1', 'alice', $right), 'in', 'DES-10: from another source she gets in');
is(login($socket, 'alice', $right), $refused, 'and stays locked here');
over($socket, "BEGIN; SELECT account.login('bob\@example.com', 'wrong'); ROLLBACK") for 1 .. 12;
is(login($socket, 'bob', $right), 'in', 'rolled back, it does not count: whoever sends SQL of his own is not limited');
my $rows = $node->safe_psql('postgres', 'SELECT count(*) FROM account.login_failures');
is($rows, '10', 'a row for each attempt that counts; those of the user alone went with her success');
$node->safe_psql('postgres', q{UPDATE account.login_failures SET failed_at = failed_at - interval '6 hours'});
login($socket, 'nobody', 'wrong') for 1 .. 3;
is($node->safe_psql('postgres', q{SELECT count(*) FROM account.login_failures WHERE failed_at < now() - interval '1 hour'}), '0', 'old ones are deleted, a few by each attempt');
is(login($socket, 'alice', $right), 'in', 'and count no more');

# ---------------------------------------------------------------------------
# With: in memory, whatever becomes of the transaction.
restart("shared_preload_libraries = 'account'");
is($node->safe_psql('postgres', 'SELECT account.evicted_login_counters()'), '0', 'preloaded: counters in memory');
$node->safe_psql('postgres', 'TRUNCATE account.login_failures');
over($socket, "BEGIN; SELECT account.login('bob\@example.com', 'wrong'); ROLLBACK") for 1 .. 5;
over($socket, "SELECT 1 / (length(account.login('bob\@example.com', 'wrong')::text) * 0)") for 1 .. 4;
is(login($socket, 'bob', $right), 'in', 'SES-02: nine rolled back and failed lock nobody');
over($socket, "BEGIN; SELECT account.login('bob\@example.com', 'wrong'); ROLLBACK") for 1 .. 5;
over($socket, "SELECT 1 / (length(account.login('bob\@example.com', 'wrong')::text) * 0)") for 1 .. 5;
is(login($socket, 'bob', $right), $refused, 'ten do');

# By the user alone it only becomes slower, and not for long: longer than one login takes, shorter than ten seconds.
sub within
{
	my ($limit) = @_;
	return over('127.0.0.1', "SET statement_timeout = '$limit'; SELECT COALESCE(error, 'in') FROM account.login('bob\@example.com', '$right')");
}
like(within('100ms'), qr/canceling statement due to statement timeout/, 'from another source he has to wait');
is(within('10s'), 'in', 'DES-10: and gets in');
is((grep { $_ eq 'in' } map { within('100ms') } 1 .. 5) > 0, 1, 'which begins anew with it: at once again');
is(login($socket, 'bob', $right), $refused, 'while the other source stays locked');
is($node->safe_psql('postgres', 'SELECT count(*) FROM account.login_failures'), '0', 'and nothing is stored');

# SES-17: cancelled it stops soon, and was counted.
$node->safe_psql('postgres', q{SELECT account.set_password(account.find_user('carol@example.com'), 'correct zebra anvil quiz')});
my $psql = "host=$socket port=" . $node->port . ' dbname=postgres';
for (1 .. 10)
{
	my $begun = time;
	$node->psql('postgres', q{SET account.password_cost = 20; SET statement_timeout = '100ms'; SELECT account.login('carol@example.com', 'wrong')}, stderr => \my $err);
	like($err, qr/canceling statement due to statement timeout/, 'cancelled while hashing') if $_ == 1;
	cmp_ok(time - $begun, '<', 25, 'long before it would be done') if $_ == 1;
}
is(login($socket, 'carol', $right), $refused, 'ten cancelled ones lock');

# Guesses at the same moment are no more than the limit: of eight with the right password as many get in as may try.
my @parallel = map { $node->background_psql('postgres', on_error_stop => 0) } 1 .. 8;
$_->query('SET account.password_cost = 14; SET account.login_attempts = 3') for @parallel;
$node->safe_psql('postgres', q{SET account.password_cost = 14; SELECT account.set_password(account.find_user('dave@example.com'), 'correct zebra anvil quiz')});
my $barrier = $node->background_psql('postgres');
$barrier->query('SELECT pg_advisory_lock(1)');
# They are sent without waiting for the answer, which is in another table afterwards.
$node->safe_psql('postgres', 'CREATE TABLE answers (error text); GRANT INSERT ON answers TO PUBLIC');
my $go = "SELECT pg_advisory_lock_shared(1); INSERT INTO answers SELECT COALESCE(error, 'in') FROM account.login('dave\@example.com', '$right');\n";
foreach my $session (@parallel)
{
	$session->query_until(qr/sent/, "\\echo sent\n$go");
}
$node->poll_query_until('postgres', q{SELECT count(*) = 8 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted});
$barrier->quit;
$node->poll_query_until('postgres', 'SELECT count(*) = 8 FROM answers') or die 'no answers';
is($node->safe_psql('postgres', q{SELECT count(*) FILTER (WHERE error = 'in') || ' of ' || count(*) FROM answers}), '3 of 8', 'guesses at the same moment are counted before they are answered');
$_->quit for @parallel;

# FLT-09: the counters begin anew with the server.
$node->restart;
is(login($socket, 'carol', $right), 'in', 'after a restart nobody is locked');

# ---------------------------------------------------------------------------
# Equal work: whatever is refused, a password of the configured cost is checked first.  At cost 17
# that takes seconds on any machine, so each is cancelled in it; what checks none is answered at once.
$node->safe_psql('postgres', q{
	SELECT account.disable_user(account.find_user('eve@example.com'));
	SELECT account.create_user('passwordless@example.com');
	SET account.password_cost = 10;
	SELECT account.set_password(account.find_user('frank@example.com'), 'correct zebra anvil quiz');
	CREATE ROLE measured LOGIN;
	CREATE ROLE measured_locked LOGIN;
	SELECT account.grant_access('measured', 'anonymous'), account.grant_access('measured_locked', 'anonymous');
	ALTER ROLE measured SET account.password_cost = 17;
	ALTER ROLE measured SET account.login_attempts = 1000;
	ALTER ROLE measured_locked SET account.password_cost = 17;
	ALTER ROLE measured_locked SET account.login_attempts = 1;
});
login($socket, 'heidi', 'wrong');
foreach my $kind (
	[ 'unknown', 'nobody', $right ], [ 'no password', 'passwordless', $right ], [ 'wrong', 'frank', 'wrong' ], [ 'wrong, of a lower cost', 'grace', 'wrong' ],
	[ 'too long', 'frank', 'x' x 100 ], [ 'disabled', 'eve', $right ], [ 'disabled, wrong', 'eve', 'wrong' ], [ 'locked', 'heidi', $right, 'measured_locked' ])
{
	my ($what, $who, $password, $role) = @$kind;
	my ($out, $err);
	$node->psql('postgres', "SET statement_timeout = '300ms'; SELECT account.login('$who\@example.com', '$password')",
		stdout => \$out, stderr => \$err, on_error_stop => 0, extra_params => [ '-U', $role || 'measured' ]);
	like($err, qr/canceling statement due to statement timeout/, "equal work: $what");
}
is(login($socket, 'heidi', $right), 'in', 'one wrong one does not lock where ten may be');

# ---------------------------------------------------------------------------
# LEAK-16, LEAK-17: what is refused does not bring a password, a token or an address into the log.
my $size = -s $node->logfile;
over($socket, $_) foreach (
	"SELECT account.register('leaky\@example.com', 'tootalk')", "SELECT account.register('leaky\@example.com', 'leaky\@example.com, tootalkative')", "SELECT account.use_user_token('prod_acctusr_tootalkative', 'tootalkative')",
	"SELECT account.login('leaky\@example.com', NULL)", "SELECT account.login(NULL, 'tootalkative')", "BEGIN READ ONLY; SELECT account.login('leaky\@example.com', 'tootalkative')",
	"DO \$\$ BEGIN PERFORM account.register('leaky\@example.com', 'tootalk'); END \$\$");
# ... nor what the server itself cancels, if it came as a parameter.
append_to_file($node->basedir . '/login.pgbench', "SELECT account.login(:email, :password);\n");
$node->command_fails([ 'pgbench', '-n', '-t', '1', '-M', 'extended', '-h', $socket, '-p', $node->port, '-D', 'email=leaky@example.com', '-D', 'password=tootalkative', '-f', $node->basedir . '/login.pgbench', q{dbname=postgres options='-c account.password_cost=20 -c statement_timeout=100'} ], 'cancelled');
my $log = substr(slurp_file($node->logfile), $size);
like($log, qr/VALIDATION_FAILED/, 'errors are logged');
like($log, qr/canceling statement due to statement timeout/, 'so is what was cancelled');
unlike($log, qr/tootalk|leaky/, 'without what was typed');

# ---------------------------------------------------------------------------
# In another encoding a password is the same, and an address is ASCII.
$node->safe_psql('postgres', "CREATE DATABASE $_ ENCODING '$_' TEMPLATE template0 LOCALE 'C'") foreach ('latin1', 'sql_ascii');
my $accents = "cr\xc3\xa8me br\xc3\xbbl\xc3\xa9e at dawn";
$node->safe_psql('postgres', "SET client_encoding = UTF8; SELECT account.set_password(account.find_user('grace\@example.com'), '$accents')");
my $hash = $node->safe_psql('postgres', q{SELECT password_hash FROM account.users WHERE email = 'grace@example.com'});
foreach my $encoding ('latin1', 'sql_ascii')
{
	my $client = $encoding eq 'latin1' ? 'SET client_encoding = UTF8;' : '';
	$node->safe_psql($encoding, q{CREATE EXTENSION account; CREATE EXTENSION pgcrypto; SELECT account.create_user('Grace@Example.com')});
	$node->safe_psql($encoding, "UPDATE account.users SET password_hash = '$hash'");
	is($node->safe_psql($encoding, "$client SELECT COALESCE(error, 'in') FROM account.login('grace\@EXAMPLE.com', '$accents')"), 'in', "$encoding: the password is the same");
	is($node->safe_psql($encoding, "$client SELECT COALESCE(error, 'in') FROM account.login('grace\@EXAMPLE.com', 'creme brulee at dawn')"), $refused, "$encoding: another is not");
	$node->psql($encoding, "$client SELECT account.create_user(E'r\xc3\xa9sum\xc3\xa9\@example.com')", stderr => \my $err);
	like($err, qr/must be ASCII in a database whose encoding is not UTF8/, "$encoding: addresses are ASCII");
}
$node->psql('sql_ascii', q{SET client_encoding = SQL_ASCII; SELECT account.set_password(account.find_user('grace@example.com'), E'\xff\xfe not any text at all')}, stderr => \my $err);
like($err, qr/password: a password must be text/, 'sql_ascii: bytes that are no text are no password');

# ---------------------------------------------------------------------------
# Dumped and restored: users, who wants to be one, flags and words of the place; neither sessions nor attempts.
$node->safe_psql('postgres', qq{
	SELECT account.set_feature_flag('account-registration', false), account.set_feature_flag('account-registration', true);
	SELECT account.register('waiting\@example.com', '$right');
	INSERT INTO account.blocked_passwords (word) VALUES ('our street');
	SELECT account.login('alice\@example.com', '$right');
	INSERT INTO account.login_failures VALUES (gen_random_uuid(), now(), 1);
	CREATE DATABASE restored;
});
$node->command_ok([ 'pg_dump', '-f', $node->basedir . '/dump.sql', $node->connstr('postgres') ], 'dumped');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $node->basedir . '/dump.sql', $node->connstr('restored') ], 'restored');
my $kept = q{SELECT (SELECT md5(string_agg(u::text, '' ORDER BY user_id)) FROM account.users u), (SELECT count(*) FROM account.registrations), (SELECT count(*) FROM account.blocked_passwords), (SELECT enabled FROM account.feature_flags)};
is($node->safe_psql('restored', $kept), $node->safe_psql('postgres', $kept), 'as it was');
is($node->safe_psql('restored', 'SELECT (SELECT count(*) FROM account.credentials WHERE user_id IS NOT NULL), (SELECT count(*) FROM account.login_failures)'), '0|0', 'without sessions and attempts');
is($node->safe_psql('restored', "SELECT COALESCE(error, 'in') FROM account.login('alice\@example.com', '$right')"), 'in', 'and the password is good');

# ---------------------------------------------------------------------------
# SES-19: on a standby nobody logs in, and nobody is looked for; a session of the primary is good there.
my $token = $node->safe_psql('postgres', "SELECT session_token FROM account.login('alice\@example.com', '$right')");
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('login_standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
foreach my $name ('alice', 'nobody')
{
	$standby->psql('postgres', "SELECT account.login('$name\@example.com', '$right')", stderr => \my $err);
	like($err, qr/cannot log in within a read-only transaction: a session is stored/, "on a standby, $name");
}
is($standby->safe_psql('postgres', "SET client_min_messages = error; BEGIN; SELECT user_id IS NOT NULL FROM account.authenticate('$token')"), 't', 'a session of the primary is good');
$standby->promote;
is($standby->safe_psql('postgres', "SELECT COALESCE(error, 'in') FROM account.login('alice\@example.com', '$right')"), 'in', 'promoted: she logs in');
$standby->stop;
$node->stop;
done_testing();
