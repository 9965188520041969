# account.pepper_file: a secret outside the database, without which its digests are
# of no use.  Peppers are changed with two of them in force.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($first, $second) = ('first pepper, 24 bytes ok', 'second pepper, 25 bytes ok');
my ($node, $file, %token);

sub write_file
{
	my (@lines) = @_;
	open(my $handle, '>', $file) or die $!;
	print $handle map { "$_\n" } @lines;
	close $handle;
	chmod 0600, $file;
}

# Restarts with that setting, and that file if lines are given.
sub use_pepper
{
	my ($setting, @lines) = @_;
	write_file(@lines) if @lines;
	$node->adjust_conf('postgresql.conf', 'account.pepper_file', $setting ? "'$file'" : "''");
	$node->restart;
}

sub issue
{
	my ($name) = @_;
	$token{$name} = $node->safe_psql('postgres', "SELECT k.api_key FROM account.profiles p, account.create_api_key(p.profile_id, '$name') k");
}

# Which of the tokens are good.
sub good
{
	return join(' ', map { $node->safe_psql('postgres', "SELECT '$_' FROM account.verify_api_key('$token{$_}') WHERE valid") || () } sort keys %token);
}

foreach my $preload ('', 'account')
{
	%token = ();
	my $title = $preload ? 'preloaded' : 'not preloaded';
	$node = PostgreSQL::Test::Cluster->new($preload ? 'preloaded' : 'plain');
	$file = $node->basedir . '/pepper';
	$node->init;
	$node->append_conf('postgresql.conf', "shared_preload_libraries = '$preload'\naccount.pepper_file = ''");
	$node->start;
	$node->safe_psql('postgres', q{CREATE EXTENSION account; SELECT account.create_account('acme');});

	issue('none');
	use_pepper(1, $first);
	issue('one');
	is(good(), 'none one', "$title: a token of before a pepper stays good");
	is($node->safe_psql('postgres', "SELECT count(*) FROM account.credentials WHERE digest = sha256('$token{one}')"), '0', "$title: the digest is not the plain one");
	$node->safe_psql('postgres', 'CREATE EXTENSION pgcrypto');
	is($node->safe_psql('postgres', "SELECT count(*) FROM account.credentials WHERE digest = hmac('$token{one}', '$first', 'sha256')"), '1', "$title: but the HMAC under the pepper");

	use_pepper(1, $second, $first);
	issue('two');
	is(good(), 'none one two', "$title: with both peppers in force all are good");
	is($node->safe_psql('postgres', "SELECT count(*) FROM account.credentials WHERE digest = hmac('$token{two}', '$second', 'sha256')"), '1', "$title: and new ones are of the first line");
	is($node->safe_psql('postgres', "SELECT count(*) FROM account.authenticate('$token{one}')"), '1', "$title: and authenticate");
	$node->safe_psql('postgres', "SELECT account.revoke_api_key(api_key_id) FROM account.keys WHERE name = 'one'");
	is(good(), 'none two', "$title: revoked is revoked under the second pepper too");

	use_pepper(1, $second);
	issue('three');
	is(good(), 'none three two', "$title: without the old one its tokens are not good");
	use_pepper(0);
	is(good(), 'none', "$title: without any, only those of before");

	# Fails closed, and says why, whatever is wrong with the file.
	foreach my $case ([ 'missing' ], [ 'empty', '' ], [ 'short', 'too short' ], [ 'three', $first, $second, $first ], [ 'long', 'x' x 257 ], [ 'long beyond any line', 'x' x 5000 ])
	{
		my ($name, @lines) = @$case;
		my ($out, $err) = ('', '');

		use_pepper(1, @lines ? @lines : $first);
		unlink $file if $name eq 'missing';
		$node->psql('postgres', "SELECT valid FROM account.verify_api_key('$token{none}');\nSELECT account.authenticate('$token{two}');\nSELECT api_key FROM account.profiles p, account.create_api_key(p.profile_id, 'x')",
			stdout => \$out, stderr => \$err, on_error_stop => 0);
		is($out, '', "$title: with a file that is $name, no token is good and none is issued");
		my $errors = () = $err =~ /ERROR:  (could not open the pepper file|the pepper file )/g;
		is($errors, 3, "$title: and it is said");
		unlike($err, qr/too short|xxxx|\Q$first\E/, "$title: without a word of it");
	}
	use_pepper(1, $second, $first);
	is(good(), 'none three two', "$title: with the file back, all is as before");

	# A file that could not be read for a while is read again, in a session that lives on.
	if (!$preload)
	{
		my $verify = "SELECT valid FROM account.verify_api_key('$token{two}')";
		my $point = sub { "ALTER SYSTEM SET account.pepper_file = '$_[0]';\nSELECT FROM pg_reload_conf(), pg_sleep(1)" };
		my ($out, $err) = ('', '');

		$node->psql('postgres', join(";\n", $verify, $point->("$file.gone"), $verify, $point->($file), $verify, 'ALTER SYSTEM RESET ALL', ''),
			stdout => \$out, stderr => \$err, on_error_stop => 0);
		is(join(' ', grep { /./ } split("\n", $out)), 't t', "$title: a file that was gone is read again when it is back");
		like($err, qr/could not open the pepper file/, "$title: and nobody got in meanwhile");
		$node->restart;
	}

	# Users neither see where it is nor choose another.
	$node->safe_psql('postgres', q{CREATE ROLE app LOGIN; SELECT account.grant_access('app', 'admin');});
	my $err;
	foreach my $sql ('SHOW account.pepper_file', q{SELECT current_setting('account.pepper_file')})
	{
		$node->psql('postgres', "SELECT account.current_account_id();\n$sql", stderr => \$err, on_error_stop => 0, extra_params => [ '-U', 'app' ]);
		like($err, qr/(permission denied|must be superuser)/, "$title: $sql");
	}
	$node->psql('postgres', "LOAD 'account';\nSET account.pepper_file = '/dev/null'", stderr => \$err, on_error_stop => 0);
	like($err, qr/cannot be changed/, "$title: not even by a superuser in a session");
	$node->stop;
}
done_testing();
