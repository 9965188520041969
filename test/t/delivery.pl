# Deliveries of webhooks beyond one server's everyday: without the master key, in a restored copy, after a crash, and cleaned
# up by the recorder.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('delivery');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'account'\naccount.databases = ''\naccount.master_key_file = ''\nlog_statement = none");
$node->start;
my $file = $node->basedir . '/master_key';

sub query
{
	my ($sql, $on) = @_;
	return ($on // $node)->safe_psql('postgres', "SET client_min_messages = error; $sql");
}

sub change { return query("SELECT count(account.update_account(account_id, '{\"description\": \"$_[0]\"}')) FROM account.accounts WHERE webhook_url IS NOT NULL"); }
sub due { return query("UPDATE account.events SET due_at = clock_timestamp() WHERE finished_at IS NULL AND due_at < 'infinity'", @_); }
# The accounts whose deliveries are claimed.
sub claim { return query(q{SELECT string_agg(a.name, ' ' ORDER BY a.name) FROM account.claim_webhook_deliveries(10) c JOIN account.events e ON e.event_id::text = c.headers ->> 'webhook-id' JOIN account.accounts a USING (account_id)}, @_); }
sub finish { return query('SELECT count(account.record_webhook_delivery(delivery_id, 200)) FROM account.events WHERE delivery_id IS NOT NULL', @_); }

open(my $handle, '>', $file) or die $!;
print $handle "a master key of enough bytes\n";
close $handle;
chmod 0600, $file;
query(q{CREATE EXTENSION pgcrypto; CREATE EXTENSION account; SELECT account.create_account('plain')});
$node->append_conf('postgresql.conf', "account.master_key_file = '$file'");
$node->restart;
query(q{SELECT account.create_account('sealed'); SELECT account.update_account(account_id, '{"webhook_url": "https://hooks.example.com/"}') FROM account.accounts; TRUNCATE account.events});

# A secret that cannot be opened is its account's trouble, and that of nobody else; nothing is lost by it.
$node->append_conf('postgresql.conf', "account.master_key_file = ''");
$node->restart;
change('one');
my $offset = -s $node->logfile;
is(claim(), 'plain', 'without the master key, who needs none is told');
like(substr(slurp_file($node->logfile), $offset), qr/LOG:  could not sign webhooks of account [0-9a-f-]+: the master key that a webhook secret was encrypted with is not in the file$/m, 'and the log says who is not');
is(finish(), '1', 'one is delivered');
is(query('SELECT attempts FROM account.events WHERE finished_at IS NULL'), '0', 'it was no attempt');
$node->append_conf('postgresql.conf', "account.master_key_file = '$file'");
$node->restart;
is(claim(), '', 'it waits a while');
due();
is(claim(), 'sealed', 'and is delivered once the key is back');
finish();

# What was committed before a crash is there after it, and so is what was leased.
change('two');
is(claim(), 'plain sealed', 'two are claimed');
change('three');
$node->stop('immediate');
$node->start;
is(claim(), '', 'after a crash they are leased');
due();
is(claim(), 'plain sealed', 'and claimed again when that is over');
is(query('SELECT count(*), max(attempts) FROM account.events WHERE finished_at IS NULL'), '4|2', 'with those behind them');

# A copy in a cluster that is younger: its transaction ids are lower than the horizons of the events.
query('SELECT pg_current_xact_id()') for (1 .. 2);
$node->safe_psql('postgres', 'DO $$ BEGIN FOR i IN 1 .. 3000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$');
change('four');
my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init;
$copy->append_conf('postgresql.conf', "account.master_key_file = '$file'");
$copy->start;
$node->command_ok([ 'pg_dump', '-Fc', '-f', $node->basedir . '/dump', $node->connstr('postgres') ], 'dumped');
$copy->command_ok([ 'pg_restore', '--exit-on-error', '-d', $copy->connstr('postgres'), $node->basedir . '/dump' ], 'restored');
cmp_ok(query('SELECT max(horizon::text::bigint) FROM account.events', $copy), '>', query("SELECT pg_current_xact_id()::text", $copy), 'the horizons lie ahead');
due($copy);
is(claim($copy) . ' ' . finish($copy), 'plain sealed 2', 'a copy goes on where the dump was') for (1 .. 3);
is(query("SELECT string_agg(DISTINCT outcome, ' '), count(DISTINCT attempts) > 1 FROM account.events", $copy), 'delivered|t', 'to the end');
query(q{SELECT account.update_account(account_id, '{"description": "five"}') FROM account.accounts}, $copy);
is(claim($copy), 'plain sealed', 'and further');
$copy->stop;

# The recorder deletes what is old, and lets what comes after it go.
query("UPDATE account.events SET queued_at = queued_at - interval '31 days' WHERE attempts > 0");
$node->append_conf('postgresql.conf', "account.databases = 'postgres'");
$node->restart;
ok($node->poll_query_until('postgres', 'SELECT count(*) FILTER (WHERE attempts > 0) = 0 FROM account.events'), 'the recorder deletes what is old');
is(claim(), 'plain sealed', 'what came after it is claimed');
$node->stop;
done_testing();
