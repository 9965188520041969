# The facts that take a server's log, or a broken server, to show; the others stand
# in sql/facts*.sql.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('facts');
$node->init;
# The tests' own servers log every statement, which is for the server's owner to choose.
$node->append_conf('postgresql.conf', "log_statement = 'none'");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION account');
my $key = $node->safe_psql('postgres', q{SELECT api_key FROM account.create_account('Acme')});

# The code and the id in the DETAIL of what a statement raises.
sub raised
{
	my ($statement) = @_;
	my ($result, $stdout, $stderr) = $node->psql('postgres', $statement);
	return $stderr =~ /DETAIL:\s+\{"error": "(\w+)", "id": "([0-9a-f-]{36})", "validationErrors": \[\]\}/;
}

# S2.26 The id of an error, by which a user reports it, finds the line in the server's log.
my ($code, $id) = raised(q{SELECT account.get_account('00000000-0000-4000-8000-000000000000')});
is($code, 'NOT_FOUND', 'an unknown account');
my $log = slurp_file($node->logfile);
like($log, qr/ERROR:  account not found\n.*DETAIL:  \{"error": "NOT_FOUND", "id": "$id"/, 'the log has the error with its id');
# The statement that was refused is not logged with the error, so neither is the token in it.
my ($malformed) = raised("SELECT account.authenticate('${key}x')");
is($malformed, 'MALFORMED_API_KEY', 'a key with a character too many');
unlike(slurp_file($node->logfile), qr/\Q$key\E/, 'the log does not repeat a key that is refused');

# S2.31, S2.35 INTERNAL_SERVER_ERROR: what the caller cannot help, with an id to report.
$node->append_conf('postgresql.conf', "account.pepper_file = '/nonexistent'");
$node->restart;
($code, $id) = raised("SELECT account.authenticate('$key')");
is($code, 'INTERNAL_SERVER_ERROR', 'a pepper file that cannot be read lets nobody in');
like(slurp_file($node->logfile), qr/$id/, 'the log has its id');
($code) = raised(q{SELECT account.create_account('Globex')});
is($code, 'INTERNAL_SERVER_ERROR', 'nor is a key issued without it');

# With the pepper in place keys work, those from before too.
my $pepper = $node->basedir . '/pepper';
append_to_file($pepper, "a secret of twenty-four+\n");
$node->append_conf('postgresql.conf', "account.pepper_file = '$pepper'");
$node->restart;
is($node->safe_psql('postgres', "SELECT valid FROM account.verify_api_key('$key')"), 't', 'a key from before the pepper is good');
my $peppered = $node->safe_psql('postgres', q{SELECT api_key FROM account.create_account('Globex')});
is($node->safe_psql('postgres', "SELECT valid FROM account.verify_api_key('$peppered')"), 't', 'a key from after it is good');
$node->append_conf('postgresql.conf', "account.pepper_file = ''");
$node->restart;
is($node->safe_psql('postgres', "SELECT error FROM account.verify_api_key('$peppered')"), 'INVALID_AUTHORIZATION', 'and is not good without it');

$node->stop;
done_testing();
