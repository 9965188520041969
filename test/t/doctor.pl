# What the doctor finds in the server itself, and that each fix mends it: files, other starts
# of the server, prepared transactions.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('doctor');

# What is found by a check, and the fix of it.
sub found
{
	my ($check) = @_;
	return $node->safe_psql('postgres', "SELECT object || ': ' || finding FROM account.doctor() WHERE check_id = '$check' ORDER BY 1");
}

sub fix
{
	my ($check) = @_;
	return $node->safe_psql('postgres', "SELECT fix FROM account.doctor() WHERE check_id = '$check'");
}

sub mends
{
	my ($check, $finding, $restart) = @_;
	is(found($check), $finding, "$check is found");
	$node->safe_psql('postgres', $_) foreach split /\n/, fix($check);
	$restart ? $node->restart : $node->reload;
	is(found($check), '', "$check is mended");
}

$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'auto_explain'\naccount.pepper_file = ''\naccount.master_key_file = ''\nmax_prepared_transactions = 2\n"
	. "log_statement = all\nlog_min_duration_statement = 10\nlog_parameter_max_length_on_error = 20\nauto_explain.log_min_duration = 100\npassword_encryption = md5\n");
$node->start;
$node->safe_psql('postgres', q{CREATE EXTENSION pgcrypto; CREATE EXTENSION account; SELECT account.create_account('acme', account_id => '1d000000-0000-4000-8000-0000000000d0')});

# S5.15 aside, a new server without a pepper and without the library preloaded has these.
mends('preload_missing', 'shared_preload_libraries: the library is not preloaded', 1);
is($node->safe_psql('postgres', 'SHOW shared_preload_libraries'), 'auto_explain, account', 'what was preloaded is so still');

my $pepper = $node->basedir . '/pepper';
open(my $handle, '>', $pepper) or die $!;
print $handle "a pepper of thirty-two bytes, all\n";
close $handle;
chmod 0600, $pepper;
is(found('pepper_missing'), 'account.pepper_file: no pepper is set', 'pepper_missing is found');
like(fix('pepper_missing'), qr/ALTER SYSTEM SET account.pepper_file/, 'and says how it is set');
$node->safe_psql('postgres', "ALTER SYSTEM SET account.pepper_file = '$pepper'");
$node->restart;
is(found('pepper_missing'), '', 'pepper_missing is mended');
is(found('master_key_missing'), 'account.master_key_file: no master key is set', 'master_key_missing is found');
like(fix('master_key_missing'), qr/ALTER SYSTEM SET account.master_key_file/, 'and says how it is set');
$node->safe_psql('postgres', "ALTER SYSTEM SET account.master_key_file = '$pepper'");
$node->restart;
is(found('master_key_missing'), '', 'master_key_missing is mended');

# LEAK-16, in the file of settings itself.
mends('log_statement', 'server: statements are logged, with the tokens in them');
mends('log_parameters', 'server: slow statements are logged with their parameters');
mends('log_parameters_on_error', 'server: statements that fail are logged with their parameters');
mends('log_plans', 'server: statements are logged, with the tokens in them');
mends('password_encryption', 'server: new passwords are kept as MD5 digests');

# TX-03: what was prepared and forgotten; what touches no table of ours, or is another database's, is of no concern.
$node->safe_psql('postgres', q{BEGIN; UPDATE account.accounts SET name = 'other'; PREPARE TRANSACTION 'o''dd'});
$node->safe_psql('postgres', q{BEGIN; CREATE TABLE harmless (); PREPARE TRANSACTION 'harmless'});
is(found('prepared_transaction'), "prepared transaction 'o''dd': it holds locks on tables of this extension", 'what was prepared is found at once');
$node->restart;
mends('prepared_transaction', "prepared transaction 'o''dd': it holds locks on tables of this extension");
is($node->safe_psql('postgres', 'SELECT gid FROM pg_prepared_xacts'), 'harmless', 'and nothing else was rolled back');
$node->safe_psql('postgres', "ROLLBACK PREPARED 'harmless'");

# TLS, once somebody else can reach the server.
is(found('ssl_off'), '', 'no TLS is no matter on this machine alone');
$node->append_conf('postgresql.conf', "listen_addresses = '0.0.0.0'");
$node->restart;
SKIP:
{
	my $data = $node->data_dir;
	skip 'no openssl here', 2
	  if system("openssl req -new -x509 -nodes -days 2 -subj /CN=localhost -keyout $data/server.key -out $data/server.crt >/dev/null 2>&1") != 0;
	chmod 0600, "$data/server.key";
	mends('ssl_off', 'ssl: the server listens on 0.0.0.0 without TLS');
}
$node->stop;
done_testing();
