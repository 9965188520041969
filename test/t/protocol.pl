# What only the extended protocol can do: a plan is begun (Bind) under an identity,
# which is lost before the plan is run (Execute).  It sees no rows, and neither fails
# nor crashes where the leader and its workers would come to different partitions.
use strict;
use warnings;
use IO::Socket::UNIX;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', 'max_parallel_workers_per_gather = 4');
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION account;
	CREATE ROLE owner; CREATE ROLE app LOGIN;
	SELECT account.grant_access('owner', 'owner'), account.grant_access('app', 'tenant');
	GRANT CREATE ON SCHEMA public TO owner;
	SET ROLE owner;
	CREATE TABLE parts (account_id uuid NOT NULL, n integer) PARTITION BY HASH (account_id);
	CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
	CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1) PARTITION BY LIST (n);
	DO $$ BEGIN FOR i IN 0..40 LOOP EXECUTE format('CREATE TABLE parts_1_%s PARTITION OF parts_1 FOR VALUES IN (%s)', i, i); END LOOP; END $$;
	GRANT SELECT, INSERT ON parts TO app;
	SELECT count(*) FROM account.isolate('parts');
});
# An account in either half of the partitions.
my %key;
until (keys %key == 2)
{
	my ($id, $key) = split /\|/, $node->safe_psql('postgres', q{SELECT id, api_key FROM account.create_account('Acme')});
	my $half = $node->safe_psql('postgres', qq{INSERT INTO parts SELECT '$id', generate_series(0, 40); SELECT DISTINCT tableoid = 'parts_0'::regclass FROM parts WHERE account_id = '$id'});
	$key{$half} //= $key;
}

my ($socket, $buffer);

sub put
{
	my ($type, $body) = @_;
	$socket->syswrite($type . pack('N', length($body) + 4) . $body);
}

# The messages up to ReadyForQuery: rows, errors, command tags.
sub answers
{
	my @answers;
	for (;;)
	{
		until (length($buffer) >= 5 && length($buffer) > unpack('N', substr($buffer, 1, 4)))
		{
			$socket->sysread($buffer, 65536, length($buffer)) or return (@answers, 'connection lost');
		}
		my ($type, $length) = unpack('a N', $buffer);
		my $body = substr($buffer, 5, $length - 4);
		substr($buffer, 0, $length + 1) = '';
		push @answers, "error $body" if $type eq 'E';
		push @answers, unpack('x2 N/a', $body) if $type eq 'D';
		return @answers if $type eq 'Z';
	}
}

sub query
{
	put('Q', $_[0] . "\0");
	return answers();
}

sub open_session
{
	($socket, $buffer) = (IO::Socket::UNIX->new(Peer => $node->host . '/.s.PGSQL.' . $node->port), '');
	my $startup = pack('N', 196608) . "user\0app\0database\0postgres\0\0";
	$socket->syswrite(pack('N', length($startup) + 4) . $startup);
	answers();
	query('SET client_min_messages = error; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
		SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off');
}

# Binds a count, calls something, and runs the count; what each of the two gave.
sub begun_before
{
	my ($token, $call) = @_;
	query('BEGIN');
	query("SELECT count(account_id) FROM account.authenticate('$token')");
	put('P', "\0SELECT count(*) FROM parts\0\0\0");
	put('B', "counted\0\0" . "\0" x 6);
	put('P', "\0$call\0\0\0");
	put('B', "\0\0" . "\0" x 6);
	put('E', "\0" . pack('N', 0));
	put('E', "counted\0" . pack('N', 0));
	put('S', '');
	my @answers = answers();
	query('ROLLBACK');
	return $answers[-1];
}

open_session();
foreach my $half (sort keys %key)
{
	is(begun_before($key{$half}, "SELECT 'nothing'"), '41', "a plan begun and run under an identity sees its rows (half $half)");
	my %seen;
	$seen{begun_before($key{$half}, 'SELECT account.deauthenticate()')}++ foreach 1 .. 40;
	is(join(',', sort keys %seen), '0', "begun under an identity that is lost, it sees none (half $half)");
}
is(begun_before($key{(keys %key)[0]}, "SELECT account.current_account_id() IS NULL"), '41', 'and the session is as good as before');
done_testing();
