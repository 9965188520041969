# The recorder: a background worker for each database in account.databases.  Where there is
# none it waits, where it fails it says so and goes on, and it is in nobody's way.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('recorder');
$node->init;
$node->append_conf('postgresql.conf', q{
restart_after_crash = on
log_statement = none
max_worker_processes = 20
shared_preload_libraries = 'account'
account.databases = 'postgres, Postgres, "Odd, ""name""", later, bare, bare'
account.recorder_interval = 100ms
});
$node->start;
$node->safe_psql('postgres', q{CREATE EXTENSION account; CREATE ROLE app LOGIN; SELECT account.grant_access('app', 'tenant')});
$node->safe_psql('postgres', 'CREATE DATABASE bare');

sub log_from
{
	my ($offset) = @_;
	return substr(slurp_file($node->logfile), $offset);
}

# The recorder of a database, when it is there and at rest.
sub recorder
{
	my ($database) = @_;
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'account recorder' AND datname = \$\$$database\$\$ AND state = 'idle'") or die 'no recorder';
	return $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'account recorder' AND datname = \$\$$database\$\$");
}

# Waits until a recorder other than that one is there.
sub another
{
	my ($database, $pid) = @_;
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'account recorder' AND datname = \$\$$database\$\$ AND pid <> $pid") or die 'no other recorder';
	return recorder($database);
}

sub record_now
{
	my ($database) = @_;
	return $node->safe_psql($database || 'postgres', 'SELECT account.record_now()');
}

# Waits until the recorder runs and has found the extension.
sub runs
{
	my ($database) = @_;
	return $node->poll_query_until($database || 'postgres', 'SELECT account.record_now()');
}

# ---------------------------------------------------------------------------
# At rest it holds nothing; a name that is no plain word is in double quotes, one that stands twice counts once.
recorder($_) foreach 'postgres', 'bare';
is($node->safe_psql('postgres', q{SELECT count(DISTINCT datname), count(datname) FROM pg_stat_activity WHERE backend_type = 'account recorder'}), '2|2', 'one for each database that there is');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'account recorder' AND (xact_start IS NOT NULL OR backend_xmin IS NOT NULL OR backend_xid IS NOT NULL) AND state = 'idle'}), '0', 'in no transaction');
is($node->safe_psql('postgres', q{SELECT usename FROM pg_stat_activity WHERE backend_type = 'account recorder' AND datname = 'postgres'}), $node->safe_psql('postgres', 'SELECT rolname FROM pg_roles WHERE oid = 10'), 'as the bootstrap superuser');
ok(runs(), 'it writes when it is told to');
$node->safe_psql('postgres', 'CREATE DATABASE "Odd, ""name"""');
recorder('Odd, "name"');
pass('a database of an odd name has one as soon as it is there');
my $said = log_from(0);
is(() = $said =~ /FATAL:  database "later" does not exist/g, 1, 'that a database is missing is said once');
is(() = $said =~ /account recorder waits for database "later"/g, 1, 'and that it is waited for');
my $err;
$node->psql('postgres', q{ALTER SYSTEM SET account.databases = '"open'}, stderr => \$err);
like($err, qr/invalid value for parameter "account.databases"/, 'a list that is none is refused');
$node->psql('postgres', 'SELECT account.record_now()', stderr => \$err, extra_params => [ '-U', 'app' ]);
like($err, qr/permission denied for function record_now/, 'tenants do not tell it what to do');

# ---------------------------------------------------------------------------
# Without the extension it is idle; with it, it works; and again when it was dropped meanwhile.
my $offset = -s $node->logfile;
my $bare = recorder('bare');
for my $round (1, 2)
{
	$node->safe_psql('bare', 'CREATE EXTENSION account');
	ok(runs('bare'), "made $round times, the extension has a recorder");
	$node->safe_psql('bare', 'DROP EXTENSION account');
}
$node->safe_psql('bare', 'CREATE EXTENSION account');
ok(runs('bare'), 'and again');
$node->safe_psql('bare', q{UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'account'});
is(record_now('bare'), 'f', 'an extension of another version is not used');
$node->safe_psql('bare', q{UPDATE pg_extension SET extversion = (SELECT default_version FROM pg_available_extensions WHERE name = 'account') WHERE extname = 'account'});
ok(runs('bare'), 'until it is updated');
is(recorder('bare'), $bare, 'all that without another process');
unlike(log_from($offset), qr/ERROR|FATAL/, 'and without an error of it');

# ---------------------------------------------------------------------------
# What is set for everybody is not meant for it.
$node->safe_psql('bare', q{ALTER DATABASE bare SET default_transaction_read_only = on});
$node->safe_psql('bare', q{SET default_transaction_read_only = off; ALTER DATABASE bare SET default_transaction_isolation = serializable});
$node->safe_psql('bare', q{SET default_transaction_read_only = off; ALTER DATABASE bare SET search_path = ''});

# A task that fails is logged once a minute, not at each round, and run again.
my $blocker = $node->background_psql('postgres', on_error_stop => 0);
my $key = $node->safe_psql('postgres', q{SET client_min_messages = error; SELECT api_key FROM account.create_account('acme')});
$offset = -s $node->logfile;
$blocker->query_safe('BEGIN; LOCK account.uses IN ACCESS EXCLUSIVE MODE');
is($node->safe_psql('postgres', "SET client_min_messages = error; SELECT count(*) FROM account.authenticate('$key')"), '1', 'who is let in waits for nobody who has locked the table');
is(record_now(), 'f', 'the recorder waits for a second, and says that it has failed');
is(record_now(), 'f', 'each time');
is(() = log_from($offset) =~ /ERROR:  canceling statement due to lock timeout/g, 1, 'in the log, once');
like(log_from($offset), qr/CONTEXT:  task "uses" of the account recorder/, 'with the task');
unlike(log_from($offset), qr/acctsec_/, 'and no secret');
$blocker->query_safe('COMMIT');
is(record_now(), 't', 'it goes on when it can');
is($node->safe_psql('postgres', q{SELECT count(*) FROM account.uses WHERE used_at > '-infinity'}), '1', 'and nothing is lost');

# ---------------------------------------------------------------------------
# Cancelled at rest it stays; told to end, it ends and is started again.
my $pid = recorder('postgres');
$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
is(record_now(), 't', 'cancelled, it writes');
is(recorder('postgres'), $pid, 'and is the same');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
$pid = another('postgres', $pid);
ok(runs(), 'terminated, it is started again');
$bare = recorder('bare');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($bare)");
another('bare', $bare);
ok(runs('bare'), 'where the database has settings of all kinds, too');

# Killed, it takes the server's sessions along, as the crash of any process does.
kill 'KILL', $pid;
$node->poll_query_until('postgres', "SELECT true") or die 'no server';
ok(runs(), 'killed, it is there again with the server');

# ---------------------------------------------------------------------------
# A database is not dropped under it, nor copied; with FORCE it goes.
recorder('bare');
$node->psql('postgres', 'DROP DATABASE bare', stderr => \$err);
like($err, qr/database "bare" is being accessed by other users/, 'a plain DROP DATABASE is refused');
$node->safe_psql('postgres', 'DROP DATABASE bare WITH (FORCE)');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_database WHERE datname = 'bare'}), '0', 'with FORCE it is not');
$node->safe_psql('postgres', 'CREATE DATABASE bare');
recorder('bare');
$node->safe_psql('bare', 'CREATE EXTENSION account');
ok(runs('bare'), 'another of that name has a recorder');

# A database whose DROP DATABASE was broken off lets nobody in: it is waited for as if it were gone.
$bare = recorder('bare');
$offset = -s $node->logfile;
$node->safe_psql('postgres', "UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'bare'; SELECT pg_terminate_backend($bare)");
$node->poll_query_until('postgres', "SELECT count(*) = 2 FROM pg_stat_activity WHERE backend_type = 'account recorder' AND datname IS NULL AND backend_start < clock_timestamp() - interval '1 second'") or die 'nobody waits';
is(() = log_from($offset) =~ /FATAL:  cannot connect to invalid database "bare"/g, 1, 'a database that is invalid is asked for once');
$node->safe_psql('postgres', "UPDATE pg_database SET datconnlimit = -1 WHERE datname = 'bare'");
ok(runs('bare'), 'and has a recorder when it can');

$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', 'CREATE EXTENSION account');
is(record_now('other'), 'f', 'a database that is not in account.databases has none');
$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP/, 'all that without a crash of ours');
done_testing();
