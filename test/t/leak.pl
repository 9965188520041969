# LEAK-14, LEAK-16, LEAK-17: with everything logged that can be, a token that is given as a parameter is in no log and
# in nobody's pg_stat_activity, as long as the settings are those of the README.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('leak');

$node->init;
$node->append_conf('postgresql.conf', qq{
shared_preload_libraries = 'account,auto_explain,pg_stat_statements'
log_statement = all
log_min_duration_statement = 0
log_min_messages = info
log_error_verbosity = verbose
auto_explain.log_min_duration = 0
auto_explain.log_nested_statements = on
auto_explain.log_verbose = off
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
});
# It has a limit of its own from 16 on, and logs no parameters before.
$node->append_conf('postgresql.conf', 'auto_explain.log_parameter_max_length = 0') if $node->pg_version >= 16;
$node->start;
$node->safe_psql('postgres', q{CREATE EXTENSION account; CREATE EXTENSION pg_stat_statements; CREATE ROLE app LOGIN; SELECT account.grant_access('app', 'tenant')});
$node->safe_psql('postgres', q{CREATE FUNCTION enter(token text) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM account.authenticate(token)); END $$});
my $key = $node->safe_psql('postgres', "SELECT api_key FROM account.create_account('acme')");
my $unknown = 'prod_acctsec_00000000000000000000000000000000000000000003UNP5x';

# Runs statements with the token bound as a parameter, and returns what the log was told.
sub logged
{
	my ($token, $statement) = @_;
	my $offset = -s $node->logfile;
	my $file = $node->basedir . '/leak.pgbench';

	open(my $script, '>', $file) or die $!;
	print $script "BEGIN;\n$statement;\nCOMMIT;\n";
	close $script;
	system('pgbench', '-n', '-t', '1', '-M', 'extended', '-D', "token=$token", '-f', $file, '-U', 'app', '-h', $node->host, '-p', $node->port, 'postgres');
	return substr(slurp_file($node->logfile), $offset);
}

foreach my $call ('account.authenticate(:token)', 'enter(:token)', 'account.verify_api_key(:token)')
{
	foreach my $token ($key, $unknown)
	{
		my $log = logged($token, "SELECT count(*) FROM $call");
		(my $name = $call) =~ s/\(.*//;

		like($log, qr/\Q$name\E\(\$1\)/, "$name: the statement is in the log");
		unlike($log, qr/\Q$token\E/, "$name: LEAK-16, LEAK-17: the token is not");
	}
}
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_statements WHERE query LIKE '%' || substr('$key', 14) || '%' AND query LIKE '%authenticate%'"), '0', 'nor in pg_stat_statements');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE '%' || '$key' || '%'"), '0', 'LEAK-14: nor in pg_stat_activity');

# Without those settings it would be: they are what the README asks for.
$node->append_conf('postgresql.conf', 'auto_explain.log_verbose = on');
$node->reload;
like(logged($key, 'SELECT count(*) FROM account.authenticate(:token)'), qr/Function Call: .*\Q$key\E/, 'a plan that is logged with all expressions shows it');
$node->append_conf('postgresql.conf', 'log_parameter_max_length = -1');
$node->reload;
like(logged($key, 'SELECT count(*) FROM account.authenticate(:token)'), qr/\Q$key\E/, 'parameters that are logged show it');
$node->stop;
done_testing();
