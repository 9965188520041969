# Last use with a recorder: sessions touch memory and write nothing, the recorder writes each
# row once in account.last_used_interval; a standby remembers what it is to write when it is
# promoted.  Without one, sessions write the rows, and nothing else changes.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $session_id = '5e000000-0000-4000-8000-0000000000e1';
my $session = 'prod_acctses_000000000000000000000000000000000000000used4RLZdp';
my $recording = "shared_preload_libraries = 'account'\naccount.databases = 'postgres'";
my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', "log_statement = none\naccount.recorder_interval = 100ms\nwal_writer_delay = 10s\ninclude 'test.conf'");
append_to_file($primary->data_dir . '/test.conf', "$recording\n");
$primary->start;
$primary->safe_psql('postgres', q{
	CREATE EXTENSION account;
	CREATE ROLE app LOGIN;
	SELECT account.grant_access('app', 'tenant');
	SELECT account.create_account('acme');
	CREATE TABLE keys AS SELECT n, k.api_key_id, k.api_key FROM account.profiles p, generate_series(1, 100) n, account.create_api_key(p.profile_id, 'key ' || n) k;
	GRANT SELECT ON keys TO app;
	CREATE VIEW used AS SELECT n, used_at FROM keys JOIN account.uses ON credential_id = api_key_id WHERE used_at <> '-infinity'});

# Restarts the server with other settings.
sub restart
{
	my ($conf, $mode) = @_;
	open(my $file, '>', $primary->data_dir . '/test.conf');
	print $file "$conf\n";
	close($file);
	$primary->stop($mode || 'fast');
	$primary->start;
}
sub runs
{
	my ($node) = @_;
	return ($node || $primary)->poll_query_until('postgres', 'SELECT account.record_now()');
}
# A key is used in a transaction of that kind, as many keys each in one of its own.
sub enter
{
	my ($node, $options, @numbers) = @_;
	return $node->safe_psql('postgres', "SET client_min_messages = error;\n" .
		join "\n", map { "BEGIN $options; SELECT FROM keys, account.authenticate(api_key) i WHERE n = $_; ROLLBACK;" } @numbers);
}
sub used
{
	my ($node) = @_;
	return ($node || $primary)->safe_psql('postgres', q{SELECT COALESCE(string_agg(n::text, ' ' ORDER BY n), '') FROM used});
}
sub enters_session
{
	my ($node) = @_;
	my ($out, $err);
	$node->psql('postgres', "SET client_min_messages = error; SET ROLE app; SELECT count((account.authenticate('$session')).user_id)", stdout => \$out, stderr => \$err);
	return $err =~ /ERROR:  (.*)/ ? $1 : $out;
}
# Waits until the recorder has written a key by itself, and so has looked at all that were used before.
sub wait_for
{
	my ($number) = @_;
	return $primary->poll_query_until('postgres', "SELECT count(*) = 1 FROM used WHERE n = $number");
}

# ---------------------------------------------------------------------------
# S4.21, CRED-11: transactions that only read leave their mark, and write nothing.
ok(runs(), 'a recorder runs');
my $watcher = $primary->background_psql('postgres');
$watcher->query_safe(q{BEGIN; LOCK account.uses IN ACCESS EXCLUSIVE MODE});
enter($primary, 'READ ONLY', 1);
enter($primary, '', 2);
is($watcher->query_safe('SELECT count(*) FROM used'), '0', 'whoever uses a key waits for nobody and writes no row');
$watcher->query_safe('ROLLBACK');
ok(wait_for(2), 'the recorder does, by itself');
is(used(), '1 2', 'for each');

# Once in account.last_used_interval, however often it is used, and then the last use.
my $written = $primary->safe_psql('postgres', 'SELECT used_at FROM used WHERE n = 1');
enter($primary, 'READ ONLY', 1);
enter($primary, '', 5);
wait_for(5);
is($primary->safe_psql('postgres', 'SELECT used_at FROM used WHERE n = 1'), $written, 'it does so once in the interval');
is($primary->safe_psql('postgres', 'SELECT account.record_now()'), 't', 'but when it is told to');
is($primary->safe_psql('postgres', "SELECT used_at > '$written' FROM used WHERE n = 1"), 't', 'it writes what is not due');
$written = $primary->safe_psql('postgres', 'SELECT used_at FROM used WHERE n = 1');
enter($primary, 'READ ONLY', 1);
$primary->append_conf('test.conf', 'account.last_used_interval = 0');
$primary->reload;
ok($primary->poll_query_until('postgres', "SELECT used_at > '$written' FROM used WHERE n = 1"), 'when the interval is over, it writes the last use');
is($primary->safe_psql('postgres', q{SELECT count(*) FROM account.uses WHERE xmax <> 0}), '0', 'no row has another version');

# A key that is used before it is committed has no row yet.
$watcher->query_safe(q{SET client_min_messages = error; BEGIN; CREATE TABLE late AS SELECT k.* FROM account.profiles p, account.create_api_key(p.profile_id, 'late') k});
$watcher->query_safe(q{SELECT FROM late, account.authenticate(api_key) i});
is($primary->safe_psql('postgres', 'SELECT account.record_now()'), 't', 'used in the transaction that makes it, a key has no row yet');
$watcher->query_safe('COMMIT');
ok($primary->poll_query_until('postgres', q{SELECT used_at > '-infinity' FROM late JOIN account.uses ON credential_id = api_key_id}), 'it is looked for again');
$watcher->quit;

# ---------------------------------------------------------------------------
# A crash takes what was not written; what was is on disk, though no transaction took it along:
# the recorder rests, so no commit of its other tasks does, nor a page that has to make room.
restart("$recording\naccount.last_used_interval = 1h\naccount.recorder_interval = 1h\nshared_buffers = 32MB");
ok(runs(), 'restarted');
enter($primary, '', 3);
is($primary->safe_psql('postgres', 'SELECT account.record_now()'), 't', 'what is recorded');
enter($primary, '', 1);
my ($one, $three) = map { $primary->safe_psql('postgres', "SELECT used_at FROM used WHERE n = $_") } 1, 3;
restart("$recording\naccount.last_used_interval = 1h", 'immediate');
ok(runs(), 'killed, the server is there again');
is($primary->safe_psql('postgres', 'SELECT used_at FROM used WHERE n = 3'), $three, 'survives a crash');
is($primary->safe_psql('postgres', 'SELECT used_at FROM used WHERE n = 1'), $one, 'what is not is lost');
enter($primary, '', 1, 4);
restart("$recording\naccount.recorded_uses = 8\naccount.last_used_interval = 1h");
is($primary->safe_psql('postgres', "SELECT used_at > '$one' FROM used WHERE n = 1"), 't', 'a server that is stopped has written all, due or not');
is(used(), '1 2 3 4 5', 'rows of their own');

# Where there is no room, those of the longest ago go, and are counted.
ok(runs(), 'with room for eight');
my $locker = $primary->background_psql('postgres');
$locker->query_safe('BEGIN; LOCK account.uses IN ACCESS EXCLUSIVE MODE');
enter($primary, '', 11 .. 30);
is($primary->safe_psql('postgres', 'SELECT account.evicted_uses()'), '12', 'twelve of twenty make room');
$locker->query_safe('COMMIT');
ok(runs(), 'the rest is written');
is(used(), '1 2 3 4 5 23 24 25 26 27 28 29 30', 'which is the last eight');
enter($primary, '', 31 .. 38);
is($primary->safe_psql('postgres', 'SELECT account.evicted_uses()'), '12', 'nothing is lost with those that are written');
$locker->quit;

# ---------------------------------------------------------------------------
# A hot standby touches memory; promoted, its recorder writes that.
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->append_conf('test.conf', 'account.recorded_uses = 1000');
$standby->start;
sub replay { $primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert')) }
$primary->safe_psql('postgres', qq{
	INSERT INTO account.credentials (digest, entry, kind, credential_id, user_id, ends_at, created_at)
		VALUES (sha256('$session'), 0, 's', '$session_id', '5e000000-0000-4000-8000-0000000000e0', now() + interval '1 day', now() - interval '3 hours');
	INSERT INTO account.uses VALUES ('$session_id', now() - interval '119 minutes')});
replay();
enter($standby, 'READ ONLY', 50);
is(enters_session($standby), '1', 'a session is good on the standby');
is($standby->safe_psql('postgres', 'SELECT account.record_now()'), 'f', 'where no recorder runs');
$primary->safe_psql('postgres', "UPDATE account.uses SET used_at = now() - interval '121 minutes' WHERE credential_id = '$session_id'");
replay();
is(enters_session($standby), '1', 'SES-12 there it is not idle, for it was used there');
is(enters_session($primary), 'the session has expired', 'while it is where it was not');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM used WHERE n = 50'), '0', 'nothing is written');
my $promoted = $standby->safe_psql('postgres', 'SELECT clock_timestamp()');
$standby->promote;
ok(runs($standby), 'promoted, the standby has a recorder');
is($standby->safe_psql('postgres', "SELECT used_at < '$promoted' FROM used WHERE n = 50"), 't', 'which writes what was used before');
$standby->stop;

# ---------------------------------------------------------------------------
# Preloading switched off again, or of another database: each session writes its row itself.
my $n = 60;
foreach my $conf ('', "shared_preload_libraries = 'account'", "shared_preload_libraries = 'account'\naccount.databases = 'template1'", "account.databases = 'postgres'")
{
	restart($conf);
	enter($primary, 'READ ONLY', ++$n);
	is($primary->safe_psql('postgres', "SELECT count(*) FROM used WHERE n = $n"), '1', 'at once: ' . ($conf || 'not preloaded') =~ s/\n/, /r);
	is($primary->safe_psql('postgres', 'SELECT account.record_now()'), 'f', 'nobody else would');
	is($primary->safe_psql('postgres', 'SELECT account.evicted_uses() IS NULL'), $conf =~ /shared/ ? 'f' : 't', 'there is memory only where it is preloaded');
}
$primary->stop;
done_testing();
