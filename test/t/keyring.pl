# Files of keys that are no such files: each is refused in words, at once, and nothing is sealed or
# digested without its key.  And one that is changed under a running server.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $acme = '1d000000-0000-4000-8000-0000000000aa';
my ($first, $second) = ('the first key of them', 'and the second one, longer');
my $node = PostgreSQL::Test::Cluster->new('keyring');
my $file = $node->basedir . '/keys';

$node->init;
$node->append_conf('postgresql.conf', "log_statement = none\nlog_min_error_statement = panic");
$node->start;
plan skip_all => 'without pgcrypto' if $node->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'pgcrypto'") eq '0';
$node->safe_psql('postgres', "CREATE EXTENSION account; CREATE EXTENSION pgcrypto; SELECT FROM account.create_account('acme', account_id => '$acme')");
$node->append_conf('postgresql.conf', "account.master_key_file = '$file'");

sub write_file
{
	my ($content) = @_;
	unlink $file;
	open(my $handle, '>:raw', $file) or die $!;
	print $handle $content;
	close $handle;
}

# What an administrator is told who rotates a secret; a session that takes longer is ended.
sub refusal
{
	my ($status, undef, $error) = $node->psql('postgres', "LOAD 'account'; SELECT account.rotate_webhook_secret('0', '$acme')", timeout => 20, timed_out => \my $late);
	return $late ? 'too late' : $status ? $error =~ s/.*ERROR:  ([^\n]*).*/$1/sr : 'done';
}

my $lines = qr/^the master key file must have one or two lines of 16 to 256 bytes$/;
$node->reload;
my %hostile = (
	'a NUL byte in a line' => "the first\0 key of them\n", 'a NUL byte before a line' => "\0$first\n", 'a NUL byte after it' => "$first\n\0",
	'NUL bytes alone' => "\0" x 100, 'three lines' => "$first\n$second\n$first\n", 'a short one' => "short\n", 'a short one behind' => "$first\nshort\n",
	'a long one' => 'x' x 257, 'a long one behind' => "$first\n" . 'x' x 300, 'many empty lines' => "\n" x 5000 . $first, 'megabytes of text' => "$first\n" x 100000);
foreach my $what (sort keys %hostile)
{
	write_file($hostile{$what});
	like(refusal(), $lines, $what);
}
foreach my $nothing ('', "\n", "\r\n\r\n")
{
	write_file($nothing);
	is(refusal(), 'the master key file is empty', 'nothing');
}
write_file('');
truncate $file, 1 << 40;
like(refusal(), $lines, 'a terabyte of nothing');
unlink $file;
like(refusal(), qr/^could not open the master key file: No such file/, 'none');
mkdir $file;
is(refusal(), 'the master key file is no regular file', 'a directory');
rmdir $file;
symlink '/dev/zero', $file;
is(refusal(), 'the master key file is no regular file', 'what never ends');
unlink $file;
system('mkfifo', $file) == 0 or die;
is(refusal(), 'the master key file is no regular file', 'a pipe that nobody writes to');
write_file("$first\n");
chmod 0000, $file;
SKIP:
{
	skip 'who reads everything', 1 if $> == 0;
	like(refusal(), qr/^could not open the master key file: Permission denied/, 'one that may not be read');
}
is($node->safe_psql('postgres', "SELECT count(*), count(sealed_by) FROM account.webhook_secrets"), '1|0', 'no secret was made meanwhile');

# Good ones, however lines end.
foreach my $good ("$first", "$first\n", "\n$first\r\n\n$second\r\n\r\n", 'x' x 256, "$first\r$second")
{
	write_file($good);
	is(refusal(), 'done', 'a good one');
}

# Changed under a running server: a session that has read it reads it again when a secret is sealed with a key that it does not know.
write_file("$first\n");
my $session = $node->background_psql('postgres', on_error_stop => 0);
$session->query("SELECT account.rotate_webhook_secret('0', '$acme')");
write_file("$second\n$first\n");
my $secret = $node->safe_psql('postgres', "SELECT account.rotate_webhook_secret('0', '$acme')");
is($session->query("SELECT account.webhook_secret('$acme')"), $secret, 'it knows the new key');
write_file("$second\n");
is($session->query("SELECT account.webhook_secret('$acme')"), $secret, 'and keeps it');
# Gone with a key, a secret is not to be had, and is not taken for another.
write_file("$first\n");
my ($status, undef, $error) = $node->psql('postgres', "LOAD 'account'; SELECT account.webhook_secret('$acme')");
like($error, qr/the master key that a webhook secret was encrypted with is not in the file/, 'without its key it is refused');
$session->quit;
unlike(slurp_file($node->logfile), qr/the first key|second one/, 'no key is in the log');
$node->stop;
done_testing();
