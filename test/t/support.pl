# Who acts for a member, and why, is in the server's log, on one line: application,
# person, account and reason.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $acme = '1d000000-0000-4000-8000-00000000005a';
my $node = PostgreSQL::Test::Cluster->new('support');

$node->init;
$node->append_conf('postgresql.conf', "log_statement = none\nlog_min_error_statement = panic");
$node->start;
$node->safe_psql('postgres', q{CREATE EXTENSION account; CREATE ROLE app LOGIN; SELECT account.grant_access('app', 'tenant')});
my ($key, $key_id) = split /\|/, $node->safe_psql('postgres', q{SELECT api_key, api_key_id FROM account.create_application_key('help desk', '{*:*}')});
my $user = $node->safe_psql('postgres', q{SELECT account.create_user('support@example.com')});
my $other = $node->safe_psql('postgres', q{SELECT account.create_user('other@example.com')});
$node->safe_psql('postgres', "SET client_min_messages = error; SELECT FROM account.create_account('acme', account_id => '$acme'); SELECT account.add_member('$user', 'auditor', '$acme', '1 hour', 'ticket 42')");

# What the log is told while somebody acts.
sub logged
{
	my ($sql) = @_;
	my $offset = -s $node->logfile;

	$node->psql('postgres', "BEGIN; $sql; COMMIT", on_error_stop => 0, extra_params => [ '-U', 'app' ]);
	return substr(slurp_file($node->logfile), $offset);
}

my $log = logged("SELECT account.act_as('$key', '$acme', '$user', E'ticket 42\\nLOG:  forged line')");
like($log, qr/LOG:  application key $key_id acts as user $user in account $acme: ticket 42 LOG:  forged line$/m, 'application, person, account and reason, on one line');
unlike($log, qr/^LOG:  forged/m, 'a reason makes no lines of its own');
unlike($log, qr/\Q$key\E/, 'the key is not in it');
unlike(logged("SELECT account.act_as('$key', '$acme', '$other', 'ticket 43')"), qr/acts as/, 'nobody acts for who is no member');
$node->stop;
done_testing();
