# LEAK-24: what a backend keeps of secrets in its own memory when a transaction is over, as a core dump would have it.
# They come out of a table, in shared memory, so that neither the protocol nor the text of a statement holds them.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MIME::Base64;

my $node = PostgreSQL::Test::Cluster->new('memory');
my ($master_key, $pepper) = ('the master key, kept once', 'pepper of this one server');
my %files = (master_key_file => $master_key, pepper_file => $pepper);

$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'account'\naccount.password_cost = 4\nlog_statement = none\nautovacuum = off\njit = off");
foreach my $setting (sort keys %files)
{
	my $file = $node->basedir . "/$setting";
	append_to_file($file, "$files{$setting}\n");
	chmod 0600, $file;
	$node->append_conf('postgresql.conf', "account.$setting = '$file'");
}
$node->start;
$node->safe_psql('postgres', q{
	SET client_min_messages = error;
	CREATE EXTENSION account;
	CREATE EXTENSION pgcrypto;
	CREATE TABLE secrets (name text PRIMARY KEY, id uuid, value text);
	INSERT INTO secrets SELECT 'key', id, api_key FROM account.create_account('acme');
	INSERT INTO secrets SELECT 'application', NULL, api_key FROM account.create_application_key('app', '{*:*}');
	INSERT INTO secrets VALUES ('password', account.create_user('alice@example.com', 'correct zebra anvil quiz'), 'correct zebra anvil quiz');
	INSERT INTO secrets VALUES ('new password', NULL, 'violet ladder quiche moth');
	SELECT account.add_member(s.id, 'owner', a.id) FROM secrets s, secrets a WHERE s.name = 'password' AND a.name = 'key';
	INSERT INTO secrets SELECT 'session', NULL, session_token FROM account.login('alice@example.com', 'correct zebra anvil quiz');
	INSERT INTO secrets SELECT 'user token', NULL, account.issue_user_token('alice@example.com', 'reset');
	INSERT INTO secrets SELECT 'webhook', id, account.webhook_secret(id) FROM secrets WHERE name = 'key';
});
my %secret = map { split /\|/ } split /\n/, $node->safe_psql('postgres', 'SELECT name, value FROM secrets');

# The private memory of a process, by one piece for each mapping; nothing where it cannot be read.
sub memory_of
{
	my ($pid) = @_;
	my @pieces;
	open(my $maps, '<', "/proc/$pid/maps") or return;
	open(my $memory, '<:raw', "/proc/$pid/mem") or return;
	while (my $line = <$maps>)
	{
		next unless $line =~ /^([0-9a-f]+)-([0-9a-f]+) rw.p /;
		my ($begin, $end) = (hex $1, hex $2);
		my $piece = '';
		sysseek($memory, $begin, 0) or next;
		while ($begin + length($piece) < $end)
		{
			sysread($memory, $piece, $end - $begin - length($piece), length($piece)) or last;
		}
		push @pieces, $piece;
	}
	return @pieces;
}

my $session = $node->background_psql('postgres', on_error_stop => 0);
my $pid = $session->query('SELECT pg_backend_pid()');
my @readable = memory_of($pid);
plan skip_all => 'the memory of other processes cannot be read here' if !@readable;

# How often a secret is in the memory of the session, by any part of it that is long enough to be nothing else: so many bytes.
sub copies
{
	my ($secret, $size) = @_;
	my $most = 0;
	my @memory = memory_of($pid);
	foreach my $part (map { substr($secret, $_, $size) } grep { $_ >= length($secret) - $size * 3 } 0 .. length($secret) - $size)
	{
		my $count = 0;
		foreach my $piece (@memory)
		{
			my $at = -1;
			$count++ while ($at = index($piece, $part, $at + 1)) >= 0;
		}
		$most = $count if $count > $most;
	}
	return $most;
}

# Each gives true, and is about secrets of those names.
foreach my $test (
	[ 'authenticate()', ['key'], q{SELECT i.account_id IS NOT NULL FROM secrets s, account.authenticate(s.value) i WHERE s.name = 'key'} ],
	[ 'authenticate() of a session', ['session'], q{SELECT i.user_id IS NOT NULL FROM secrets s, account.authenticate(s.value) i WHERE s.name = 'session'} ],
	[ 'verify_api_key()', ['key'], q{SELECT i.valid FROM secrets s, account.verify_api_key(s.value) i WHERE s.name = 'key'} ],
	[ 'act_as()', ['application'], q{SELECT i.account_id IS NOT NULL FROM secrets s, secrets a, account.act_as(s.value, a.id, NULL, 'why') i WHERE s.name = 'application' AND a.name = 'key'} ],
	[ 'login()', ['password'], q{SELECT l.error IS NULL FROM secrets s, account.login('alice@example.com', s.value) l WHERE s.name = 'password'} ],
	[ 'login() with a wrong one', ['new password'], q{SELECT l.error IS NOT NULL FROM secrets s, account.login('alice@example.com', s.value) l WHERE s.name = 'new password'} ],
	[ 'use_user_token()', [ 'user token', 'new password' ], q{SELECT account.use_user_token(s.value, n.value) IS NOT NULL FROM secrets s, secrets n WHERE s.name = 'user token' AND n.name = 'new password'} ],
	[ 'set_password()', ['password'], q{SELECT account.set_password(s.id, s.value) IS NOT NULL FROM secrets s WHERE s.name = 'password'} ],
	[ 'sign_webhook()', ['webhook'], q{SELECT account.sign_webhook('m', 'x', now(), s.id) IS NOT NULL FROM secrets s WHERE s.name = 'webhook'} ],
	[ 'verify_webhook()', ['webhook'], q{SELECT account.verify_webhook(s.value, 'm', floor(extract(epoch FROM now()))::text, 'x', account.sign_webhook('m', 'x', now(), s.id)) FROM secrets s WHERE s.name = 'webhook'} ])
{
	my ($title, $names, $sql) = @$test;
	is($session->query("SET client_min_messages = error; $sql;"), 't', $title);
	foreach my $name (@$names)
	{
		is(copies($secret{$name}, 12), 0, "LEAK-24: it leaves nothing of the $name");
		is(copies(join('', map { pack 'V', ord } split //, $secret{$name}), 48), 0, 'nor of its characters') if $name =~ /password/;
	}
}
# What is kept is what README says, once.
is(copies(decode_base64($secret{webhook} =~ s/whsec_//r), 12), 1, 'a webhook secret that was opened is kept, once');
is(copies($pepper, 12), 1, 'so are the pepper');
is(copies($master_key, 12), 1, 'and the master key');
$session->quit;
$node->stop;
done_testing();
