# What is counted of each account: in shared memory whatever becomes of the transaction, and on disk
# but for the last interval whatever becomes of the server.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('stats');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "log_statement = none\nrestart_after_crash = on\nmax_worker_processes = 20\ninclude 'test.conf'");
append_to_file($node->data_dir . '/test.conf', '');
$node->start;
my $recording = "shared_preload_libraries = 'account'\naccount.databases = 'postgres, odd'\naccount.recorder_interval = 1h";

sub restart
{
	my ($conf, $mode) = @_;
	open(my $file, '>', $node->data_dir . '/test.conf');
	print $file "$conf\n";
	close($file);
	$node->stop($mode || 'fast');
	$node->start;
	$node->poll_query_until('postgres', 'SELECT account.record_now()') or die 'no recorder' if $conf =~ /databases/;
}

sub admin
{
	my ($sql, $on, $database) = @_;
	return ($on || $node)->safe_psql($database || 'postgres', "SET client_min_messages = error; $sql");
}

# So many transactions of a token, each rolled back, and as many refused calls.
sub work
{
	my ($token, $times, $on) = @_;
	my $one = "BEGIN; SELECT FROM account.authenticate('$token') \\g /dev/null\nSELECT account.create_role('x', '{*:*}'); ROLLBACK;\n";
	($on || $node)->psql('postgres', "SET client_min_messages = error; " . $one x $times, on_error_stop => 0, extra_params => [ '-U', 'app' ]);
}

sub stats
{
	my ($account, $on) = @_;
	return admin("SELECT authentications, refusals, refusals_by_code, last_seen_at > now() - interval '1 minute' FROM account.account_stats WHERE account_id = '$account'", $on);
}

sub metric
{
	my ($name, $on) = @_;
	return admin('SELECT account.openmetrics()', $on) =~ /^\Qaccount_$name\E (\d+)$/m ? $1 : undef;
}

$node->safe_psql('postgres', q{
	CREATE EXTENSION account;
	CREATE ROLE app LOGIN;
	SELECT account.grant_access('app', 'tenant')});
$node->safe_psql('postgres', 'CREATE DATABASE odd');
$node->safe_psql('odd', 'CREATE EXTENSION account');
my ($acme, $acme_owner) = split /\|/, admin("SELECT id, api_key FROM account.create_account('acme')");
my ($below, $below_owner) = split /\|/, admin("SELECT id, api_key FROM account.create_account('below', '$acme')");
my $profile = admin("SELECT profile_id FROM account.profiles WHERE account_id = '$acme'");
my $reader = admin("SELECT api_key FROM account.create_api_key('$profile', 'reader', '{read:accounts}')");

# ---------------------------------------------------------------------------
# Without a recorder nothing is counted: NULL, and not 0; what is known otherwise is told.
is(admin("SELECT authentications IS NULL AND refusals IS NULL AND refusals_by_code IS NULL AND authentications_per_minute IS NULL AND last_seen_at IS NULL FROM account.account_stats WHERE account_id = '$acme'"), 't', 'not counted, not seen');
work($reader, 2);
is(stats($acme), '|||t', 'not counted, but seen');
is(metric('recorder_running') . metric('authentications_total'), '00', 'openmetrics() says that nothing records');
restart("shared_preload_libraries = 'account'");
work($reader, 2);
is(stats($acme), '|||t', 'the same with the library preloaded and no recorder');

# ---------------------------------------------------------------------------
# With a recorder: at once, before anything is written, though all was rolled back.
restart($recording);
is(stats($acme), '0|0|{}|t', 'counted from now on');
work($reader, 3);
is(admin('SELECT count(*) FROM account.account_counters'), 0, 'nothing is written yet');
is(stats($acme), '3|3|{"FORBIDDEN": 3}|t', 'but told');
is(admin("SELECT authentications_per_minute BETWEEN 1 AND 3 FROM account.account_stats WHERE account_id = '$acme'"), 't', 'with the rate of use');
is(metric('authentications_total') . ' ' . metric('refusals_total{code="FORBIDDEN"}'), '3 3', 'the totals too');
is(admin('SELECT account.record_now(); SELECT count(*), sum(count) FROM account.account_counters'), "t\n2|6", 'written');
is(stats($acme), '3|3|{"FORBIDDEN": 3}|t', 'nothing is told twice');
work($reader, 1);
is(stats($acme) . ' ' . metric('authentications_total'), '4|4|{"FORBIDDEN": 4}|t 4', 'what is written and what is not are added up');

# Whoever reads while the recorder writes is told neither less nor more.
my $reading = $node->background_psql('postgres');
my $writer = $node->background_psql('postgres');
my $wrong = 0;
$reading->query_safe('SET client_min_messages = error');
$writer->query_until(qr/go/, "\\echo go\nDO 'BEGIN FOR i IN 1 .. 200 LOOP PERFORM account.record_now(); END LOOP; END';\n");
for my $round (1 .. 20)
{
	work($reader, 1);
	$wrong++ if $reading->query("SELECT authentications FROM account.account_stats WHERE account_id = '$acme'") != 4 + $round;
}
$_->quit for $reading, $writer;
is($wrong, 0, 'read while it is written: no number is missing, none is there twice');

# Each sees its own, and nobody what those below do (AUD-07); nobody sees what is nobody's.
work($below_owner, 5);
my $own = "SET client_min_messages = error; SET ROLE app; BEGIN; SELECT FROM account.authenticate('%s') \\g /dev/null\nSELECT account_name, authentications FROM account.account_stats ORDER BY 1";
is($node->safe_psql('postgres', sprintf($own, $acme_owner)), 'acme|25', 'its own');
is($node->safe_psql('postgres', sprintf($own, $below_owner)), 'below|6', 'and not more');
is(admin('SELECT account_name, authentications FROM account.account_stats ORDER BY 1'), "acme|25\nbelow|6", 'an administrator: all');

# ---------------------------------------------------------------------------
# A crash loses what is not written, and no more; a planned stop loses nothing.
admin('SELECT account.record_now()');
work($reader, 2);
restart($recording, 'immediate');
like(stats($acme), qr/^25\|24\|/, 'a crash: what was written is there');
work($reader, 2);
restart($recording);
like(stats($acme), qr/^27\|26\|/, 'a planned stop: all is');
work($reader, 1);
kill 'KILL', admin(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'account recorder' AND datname = 'postgres'});
$node->poll_query_until('postgres', 'SELECT account.record_now()') or die 'no recorder';
like(stats($acme), qr/^27\|26\|/, 'a worker that is killed takes the memory with it, and comes again');

# What cannot be written is kept, and written later.
work($reader, 1);
my $locker = $node->background_psql('postgres');
$locker->query_safe('BEGIN; LOCK TABLE account.account_counters IN SHARE MODE');
is(admin('SELECT account.record_now()'), 'f', 'not written');
like(stats($acme), qr/^28\|27\|/, 'and told all the same');
$locker->quit;
is(admin('SELECT account.record_now()'), 't', 'written');
like(stats($acme), qr/^28\|27\|/, 'once');

# Accounts that are purged leave nothing; databases do not mix; full memory is counted.
is(admin("SELECT count(*) FROM account.account_counters WHERE account_id = '$below'"), 1, 'counters of an account');
admin("SELECT account.delete_account('$below'); WITH gone AS (DELETE FROM account.holds WHERE kind = 'p' RETURNING *) INSERT INTO account.holds SELECT subject_id, kind, entry, set_by, reason, created_by, created_at, clock_timestamp() FROM gone; SELECT account.purge_deleted_accounts()");
is(admin("SELECT account.record_now(); SELECT count(*) FROM account.account_counters WHERE account_id = '$below'"), "t\n0", 'go with it');
is(admin('SELECT account.openmetrics()', undef, 'odd') =~ /account_authentications_total (\d+)/ ? $1 : 'none', 0, 'another database counts by itself');
admin("SELECT account.create_account('a' || n) FROM generate_series(1, 40) n");
admin('CREATE TABLE keys AS SELECT a.account_id, k.api_key FROM account.profiles a, account.create_api_key(a.profile_id, $$k$$) k WHERE a.deleted_at IS NULL; GRANT SELECT ON keys TO app');
restart("$recording\naccount.counted_accounts = 8");
my $all = join '', map { "BEGIN; SELECT FROM account.authenticate('$_') \\g /dev/null\nCOMMIT;\n" } split /\n/, admin('SELECT api_key FROM keys');
$node->safe_psql('postgres', "SET client_min_messages = error; $all", extra_params => [ '-U', 'app' ]);
cmp_ok(metric('evictions_total{memory="account_stats"}'), '>=', 30, 'more accounts than there is room for: what is lost is counted');
restart($recording);

# On a standby: its own, and what the primary has written.
work($reader, 1);
admin('SELECT account.record_now()');
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
my ($there) = split /\|/, stats($acme, $standby);
work($reader, 2, $standby);
like(stats($acme, $standby), qr/^@{[ $there + 2 ]}\|/, 'a standby: what the primary has written and what it does itself');
is($node->safe_psql('postgres', sprintf($own, $acme_owner)), 'acme|' . ($there + 1), 'which the primary does not know of');
$standby->stop;

# Switched off again, what was counted stays, and nothing is added.
my ($counted) = split /\|/, (admin('SELECT account.record_now()') eq 't' ? stats($acme) : '');
restart('');
work($reader, 1);
like(stats($acme), qr/^$counted\|/, 'without preload what was counted stays');
is(admin("SELECT authentications_per_minute IS NULL FROM account.account_stats WHERE account_id = '$acme'"), 't', 'and it is plain that nothing is counted now');

# ---------------------------------------------------------------------------
# openmetrics(): the text format of OpenMetrics, read line by line.
sub defects
{
	my ($text) = @_;
	my (%types, @defects, $family, %seen);
	my @lines = split /\n/, $text, -1;
	push @defects, 'does not end with # EOF and a line feed' unless $text =~ /\n# EOF\n\z/;
	for my $line (@lines[0 .. $#lines - 2])
	{
		if ($line =~ /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|info)$/)
		{
			push @defects, "twice: $line" if $types{$1};
			$types{ $family = $1 } = $2;
		}
		elsif ($line =~ /^# UNIT (\S+) (\S+)$/) { push @defects, $line unless $1 eq $family && $family =~ /_\Q$2\E$/ }
		elsif ($line =~ /^# HELP (\S+) (?:[^\\"]|\\[\\n"])+$/) { push @defects, $line unless $1 eq $family }
		elsif ($line =~ /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\[\\n"])*"(?:,[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\[\\n"])*")*\})? (\d+)$/)
		{
			my %suffix = (counter => '_total', gauge => '', info => '_info');
			push @defects, "not of the metric before: $line" unless defined $family && $1 eq $family . $suffix{ $types{$family} };
			push @defects, "twice: $line" if $seen{ $1 . ($2 // '') }++;
		}
		else { push @defects, "no line: $line" }
	}
	return join "\n", @defects;
}
my $text = $node->safe_psql('postgres', 'SELECT account.openmetrics()', extra_params => ['-z']) . "\n";
$text =~ s/\n\n\z/\n/;
is(defects($text), '', 'every line is one of the format');
isnt(defects("# TYPE a counter\na 1\n# EOF\n"), '', 'and a wrong one would not be');
unlike($text, qr/$acme|acme/, 'no account is named in it');
$node->safe_psql('postgres', qq{CREATE DATABASE "o\\dd\n""one"""});
$node->safe_psql(qq{o\\dd\n"one"}, 'CREATE EXTENSION account');
like($node->safe_psql(qq{o\\dd\n"one"}, 'SELECT account.openmetrics()'), qr/^account_build_info\{version="1\.0",database="o\\\\dd\\n\\"one\\""\} 1$/m, 'names are escaped');
my $refused;
$node->psql('postgres', 'SELECT account.openmetrics()', stderr => \$refused, extra_params => [ '-U', 'app' ]);
like($refused, qr/permission denied for function openmetrics/, 'a tenant may not read it');
$node->stop;
done_testing();
