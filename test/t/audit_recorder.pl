# The audit log where a recorder runs: it seals by itself, is held back by open transactions without failing, says in
# the server's log where the chains end, and goes on when what kept it from sealing is over.  And months that are dropped.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $acme = 'ac000000-0000-4000-8000-000000000001';
my $node = PostgreSQL::Test::Cluster->new('audit');
my $file = $node->basedir . '/master';

sub write_file
{
	my ($line) = @_;
	open(my $handle, '>', $file) or die $!;
	print $handle "$line\n";
	close $handle;
	chmod 0600, $file;
}

sub sql
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', $sql);
}

sub change
{
	return sql("SELECT account.archive_account('$acme'), account.unarchive_account('$acme')");
}

sub sealed
{
	return $node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM account.audit_pending');
}

sub findings
{
	my ($head) = @_;
	my $expected = $head ? "decode('$head', 'hex')" : 'NULL';
	return sql("SELECT string_agg(finding, '; ') FROM account.verify_audit('$acme', $expected)") . sql('SELECT string_agg(finding, $$; $$) FROM account.verify_audit(NULL)');
}

# The last head of the account that is in the log of the server from there on.
sub logged_head
{
	my ($offset) = @_;
	my @heads = substr(slurp_file($node->logfile), $offset) =~ /LOG:  account audit head: account $acme, position \d+, ([0-9a-f]{64})$/mg;
	return $heads[-1];
}

write_file('the first master key, long');
$node->init;
$node->append_conf('postgresql.conf', "log_statement = none\nshared_preload_libraries = 'account'\naccount.databases = 'postgres'\naccount.recorder_interval = 100ms\naccount.master_key_file = '$file'");
$node->start;
sql("CREATE EXTENSION pgcrypto; CREATE EXTENSION account; SET client_min_messages = error; SELECT account.create_account('acme', account_id => '$acme')");

# By itself, and where this is logged
ok(sealed(), 'entries are sealed by themselves');
is(findings(), '', 'in a chain that is right');
$node->poll_query_until('postgres', 'SELECT account.record_now()') or die;
change();
ok(sealed(), 'also later ones');
my $offset = -s $node->logfile;
is(sql('SELECT account.record_now()'), 't', 'all is written when asked for');
my $head = logged_head($offset);
is($head, sql("SELECT encode(account.audit_head('$acme'), 'hex')"), 'then the head is in the log of the server');
is(findings($head), '', 'and in the chain');
$offset = -s $node->logfile;
change();
sealed();
sql('SELECT pg_sleep(0.3)');
is(logged_head($offset), undef, 'otherwise once an hour at most');
$node->restart;
is(logged_head($offset), sql("SELECT encode(account.audit_head('$acme'), 'hex')"), 'and when the server stops');

# Held back by what is open, and by somebody else who seals
$node->poll_query_until('postgres', 'SELECT account.record_now()') or die;
$offset = -s $node->logfile;
my $session = $node->background_psql('postgres');
$session->query_safe("BEGIN; SELECT account.archive_account('$acme')");
sql("SELECT account.set_feature_flag('account-registration', true)");
is(sql('SELECT account.record_now()'), 't', 'a transaction that is open is no failure');
is(sql('SELECT count(*) > 0 FROM account.audit_pending'), 't', 'what comes after it waits');
$session->query_safe("COMMIT; SELECT account.unarchive_account('$acme')");
ok(sealed(), 'until it is over');
$session->query_safe('BEGIN; SELECT account.seal_audit()');
change();
is(sql('SELECT account.record_now()'), 't', 'nor is somebody else who seals');
is(sql('SELECT count(*) > 0 FROM account.audit_pending'), 't', 'for whom the recorder does not wait');
$session->query_safe('COMMIT');
ok(sealed(), 'and who comes to an end');
$session->quit;
unlike(substr(slurp_file($node->logfile), $offset), qr/ERROR/, 'none of it is an error');
is(findings(), '', 'the chain is right');

# A master key that cannot be read
unlink $file;
$node->restart;
change();
$node->poll_query_until('postgres', 'SELECT NOT account.record_now()') or die;
is(sql('SELECT count(*) > 0 FROM account.audit_pending'), 't', 'without the master key that is set nothing is sealed');
like(slurp_file($node->logfile), qr/could not open the master key file/, 'which is said');
write_file('the first master key, long');
ok(sealed(), 'when it is there again, sealing goes on');
is(findings(), '', 'as before');

# Another master key before the one that there is: the recorder outlives all connections, and takes it at once.
my $by = sql("SELECT sealed_by FROM account.audit_heads WHERE account_key = '$acme'");
write_file("the second master key, long\nthe first master key, long");
change();
ok(sealed(), 'with a new master key sealing goes on');
isnt(sql("SELECT sealed_by FROM account.audit_entries WHERE account_key = '$acme' ORDER BY position DESC LIMIT 1"), $by, 'under the new one');
is(findings(), '', 'in the same chain');

# Months that are dropped, under the key: here of seconds, for none will end during a test.
my ($this, $begin, $end) = split /\|/, sql(q{SELECT c.oid::regclass, b[1], b[2] FROM pg_class c, regexp_match(pg_get_expr(relpartbound, oid), 'FROM \(''(.*)''\) TO \(''(.*)''\)') b WHERE c.relname = 'audit_entries_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')});
my $then = sql(qq{SELECT date_trunc('milliseconds', clock_timestamp()) + interval '1 second'});
my $kept = sql('SELECT count(*) FROM account.audit_entries');
sql(qq{BEGIN; ALTER TABLE account.audit_entries DETACH PARTITION $this; ALTER TABLE $this RENAME TO ended;
	ALTER TABLE account.audit_entries ATTACH PARTITION account.ended FOR VALUES FROM ('$begin') TO ('$then');
	CREATE TABLE $this PARTITION OF account.audit_entries FOR VALUES FROM ('$then') TO ('$end'); COMMIT});
$node->poll_query_until('postgres', "SELECT clock_timestamp() > '$then'::timestamptz + interval '100 milliseconds'") or die;
$head = sql("SELECT encode(account.audit_head('$acme'), 'hex')");
change();
ok(sealed(), 'a new month begins');
is(findings($head), '', 'and the chain goes on in it');
$session = $node->background_psql('postgres');
$session->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
is(sql("SELECT account.prune_audit('$then')"), $kept, 'the month before is dropped');
is($session->query_safe("SELECT count(*) FROM account.verify_audit('$acme')"), '0', 'who has a snapshot of before finds nothing wrong');
$session->quit;
ok(sealed(), 'it is noted');
is(sql(q{SELECT count(*) FROM account.audit_entries WHERE action = 'audit.pruned'}), '1', 'in the chain of the platform');
is(findings(), '', 'what is kept is verified as before');
is(findings($head), '', 'also by the last head of what was dropped');
is(sql("SELECT first_position > 1 FROM account.audit_heads WHERE account_key = '$acme'"), 't', 'it begins later');
$node->stop;
done_testing();
