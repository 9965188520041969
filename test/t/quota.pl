# The counts of tables with a quota through a crash, PREPARE TRANSACTION (TX-02, TX-03), and dump and
# restore: they are what is in the tables, and limits hold after it as before.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('quota');
$node->init(allows_streaming => 'logical');
$node->append_conf('postgresql.conf', 'max_prepared_transactions = 10');
$node->start;

# What is counted in each table, and what is there.
my $counts = q{
	SELECT string_agg(format('%s %s %s', table_id, resource, amount), ', ' ORDER BY table_id::text COLLATE "C") FROM (
		SELECT table_id, resource, sum(amount) AS amount FROM account.quota_counts WHERE table_id::oid <> 0 GROUP BY 1, 2) c};
my $insert = q{INSERT INTO app.notes (account_id) SELECT '15c40000-0000-4000-8000-00000000000a' FROM generate_series(1, %d)};

# The error of some rows more.
sub refused
{
	my ($database, $number) = @_;
	my (undef, undef, $error) = $node->psql($database, sprintf($insert, $number));
	return $error =~ /ERROR:  (.*)/ ? $1 : '';
}

$node->safe_psql('postgres', 'CREATE DATABASE app');
$node->safe_psql('app', q{
	SET client_min_messages = error;
	CREATE EXTENSION account;
	CREATE SCHEMA app;
	CREATE TABLE app.notes (note_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account_id uuid);
	CREATE TABLE app.events (account_id uuid, day integer) PARTITION BY RANGE (day);
	CREATE TABLE app.events_1 PARTITION OF app.events FOR VALUES FROM (1) TO (10);
	SELECT account.create_account('acme', account_id => '15c40000-0000-4000-8000-00000000000a');
	SELECT account.create_plan('small', '{"notes": 10, "events": {"tree": 3}}');
	SELECT account.set_plan('15c40000-0000-4000-8000-00000000000a', 'small');
	SELECT account.isolate('app.notes', quota => 'notes');
	SELECT account.isolate('app.events', quota => 'events');
	INSERT INTO app.events VALUES ('15c40000-0000-4000-8000-00000000000a', 1);
	INSERT INTO app.events VALUES ('15c40000-0000-4000-8000-00000000000a', 2)});
$node->safe_psql('app', sprintf($insert, 4));

# TX-02: what is prepared has its places, and holds nobody up.
$node->safe_psql('app', 'BEGIN; ' . sprintf($insert, 3) . "; PREPARE TRANSACTION 'three'");
is($node->safe_psql('app', q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'}), '0', 'a prepared transaction keeps no lock of ours');
is(refused('app', 4), 'the plan allows 10 notes for each account: 7 in use, 4 more wanted', 'what is prepared takes places');
$node->safe_psql('app', sprintf($insert, 1));
$node->stop('immediate');
$node->start;
is($node->safe_psql('app', $counts), 'app.events_1 events 2, app.notes notes 5', 'after a crash what was committed is counted');
is(refused('app', 3), 'the plan allows 10 notes for each account: 8 in use, 3 more wanted', 'and what is prepared still takes places');
$node->safe_psql('app', q{COMMIT PREPARED 'three'});
is($node->safe_psql('app', $counts), 'app.events_1 events 2, app.notes notes 8', 'committed, it is counted');
$node->safe_psql('app', 'BEGIN; ' . sprintf($insert, 2) . "; PREPARE TRANSACTION 'two'");
is(refused('app', 1), 'the plan allows 10 notes for each account: 10 in use, 1 more wanted', 'the last places are prepared');
$node->safe_psql('app', q{ROLLBACK PREPARED 'two'});
is(refused('app', 1), '', 'rolled back, it gives its places back');
my (undef, undef, $error) = $node->psql('app', 'BEGIN; ' . sprintf($insert, 1) . '; ' . sprintf($insert, 1) . "; PREPARE TRANSACTION 'more'");
like($error, qr/the plan allows 10 notes for each account: 9 in use, 2 more wanted/, 'what does not fit is not prepared');

# A publication of all tables stops no commit.
$node->safe_psql('app', 'CREATE PUBLICATION everything FOR ALL TABLES');
$node->safe_psql('app', 'DELETE FROM app.notes WHERE note_id = (SELECT min(note_id) FROM app.notes)');
$node->safe_psql('app', 'DROP PUBLICATION everything');

# The counts are dumped with the rows, and a restore makes the triggers last: nothing is counted twice.
my $here = 'app.events_1 events 2, app.notes notes 8';
is($node->safe_psql('app', $counts), $here, 'as many are counted as there are');
my $file = "$PostgreSQL::Test::Utils::tmp_check/quota.dump";
$node->command_ok([ 'pg_dump', '-Fc', '-f', $file, $node->connstr('app') ], 'pg_dump');
for my $way ([ 'whole' ], [ 'parallel', '-j2' ], [ 'once', '--single-transaction' ])
{
	my ($name, @options) = @$way;
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->command_ok([ 'pg_restore', '--exit-on-error', @options, '-d', $node->connstr($name), $file ], "$name: pg_restore");
	is($node->safe_psql($name, $counts), $here, "$name: the counts are the rows");
	is(refused($name, 3), 'the plan allows 10 notes for each account: 8 in use, 3 more wanted', "$name: the limit holds");
	is($node->safe_psql($name, q{INSERT INTO app.events VALUES ('15c40000-0000-4000-8000-00000000000a', 3) RETURNING day}), '3', "$name: and that of the tree");
	(undef, undef, $error) = $node->psql($name, q{INSERT INTO app.events VALUES ('15c40000-0000-4000-8000-00000000000a', 4)});
	like($error, qr/the plan allows 3 events in all that are billed to it: 3 in use, 1 more wanted/, "$name: which counts what was restored");
	is($node->safe_psql($name, 'SELECT account.recount_quota(); ' . $counts), "\napp.events_1 events 3, app.notes notes 8", "$name: counted anew they are the same");
}

# Rows that were loaded past the triggers are counted on request.
$node->safe_psql('whole', "SET session_replication_role = replica; " . sprintf($insert, 5));
$node->safe_psql('whole', q{SELECT account.recount_quota('app.notes')});
is($node->safe_psql('whole', $counts), 'app.events_1 events 3, app.notes notes 13', 'recount_quota() counts all that is there');
is(refused('whole', 1), 'the plan allows 10 notes for each account: 13 in use, 1 more wanted', 'and nothing more fits');

done_testing();
