# account.master_key_file: webhook secrets are encrypted under a key that is outside the database, and
# encrypted anew when it changes.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($first, $second) = ('first master key, 28 bytes ok', 'second master key, 29 bytes ok');
my ($node, $file);

# Restarts with that file, or without any.
sub use_master_key
{
	my (@lines) = @_;
	if (@lines)
	{
		open(my $handle, '>', $file) or die $!;
		print $handle map { "$_\n" } @lines;
		close $handle;
		chmod 0600, $file;
	}
	$node->adjust_conf('postgresql.conf', 'account.master_key_file', @lines ? "'$file'" : "''");
	$node->restart;
}

sub query
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', "SET client_min_messages = error; $sql");
}

sub error_of
{
	my ($sql) = @_;
	my $err;
	$node->psql('postgres', $sql, stderr => \$err);
	return $err;
}

sub secret { return query("SELECT account.webhook_secret(account_id) FROM account.accounts WHERE name = '$_[0]'"); }
sub encrypted { return query('SELECT count(*) FILTER (WHERE sealed_by IS NOT NULL) FROM account.webhook_secrets'); }

foreach my $preload ('', 'account')
{
	my $title = $preload ? 'preloaded' : 'not preloaded';
	$node = PostgreSQL::Test::Cluster->new($preload ? 'preloaded' : 'plain');
	$file = $node->basedir . '/master_key';
	$node->init;
	$node->append_conf('postgresql.conf', "shared_preload_libraries = '$preload'\naccount.master_key_file = ''\nlog_statement = none");
	$node->start;
	query(q{CREATE EXTENSION account; SELECT account.create_account('plain');});
	my $plain = secret('plain');

	# It takes pgcrypto, and says so, before anything is stored.
	use_master_key($first);
	like(error_of(q{SELECT account.create_account('early')}), qr/webhook secrets need the extension pgcrypto/, "$title: without pgcrypto nothing is encrypted, and no account is made");
	query(q{CREATE EXTENSION pgcrypto; SELECT account.create_account('acme'); SELECT account.create_account('globex');});
	is(encrypted(), '2', "$title: new secrets are encrypted");
	my ($acme, $globex) = (secret('acme'), secret('globex'));
	is(secret('plain'), $plain, "$title: one of before is read as it is");
	isnt($acme, $globex, "$title: each account has its own");
	my $sign = q{SELECT account.sign_webhook('m', 'x', 'epoch', account_id) FROM account.accounts WHERE name = 'acme'};
	my $signature = query($sign);
	is($signature, query("SELECT 'v1,' || encode(hmac('m.0.x', decode(substr('$acme', 7), 'base64'), 'sha256'), 'base64')"), "$title: the signature is by the secret, not by what is stored");
	is(query("$sign; $sign"), "$signature\n$signature", "$title: and the same from what a session has kept open");

	# Neither the table nor a dump has the secret.
	my $bytes = query("SELECT encode(decode(substr('$acme', 7), 'base64'), 'hex')");
	is(query("SELECT count(*) FROM account.webhook_secrets WHERE position(decode('$bytes', 'hex') IN secret) > 0"), '0', "$title: it is not in the table");
	my ($dump, $unused) = run_command([ 'pg_dump', '-d', $node->connstr('postgres') ]);
	unlike($dump, qr/\Q$bytes\E/, "$title: nor in a dump");
	like($dump, qr/COPY account.webhook_secrets /, "$title: which has the table");

	# A row that is put in another account's place is not taken.
	query(q{CREATE TABLE kept AS SELECT * FROM account.webhook_secrets;
		UPDATE account.webhook_secrets s SET secret = k.secret FROM kept k, account.accounts a, account.accounts b
			WHERE a.name = 'acme' AND b.name = 'globex' AND s.account_id = a.account_id AND k.account_id = b.account_id});
	like(error_of($sign), qr/not of the account that it is stored for/, "$title: one account's secret does not serve another");
	query('UPDATE account.webhook_secrets s SET secret = k.secret FROM kept k WHERE k.account_id = s.account_id AND k.entry = s.entry');

	# Another key: both are needed until all is encrypted anew.
	use_master_key($second, $first);
	is(secret('acme'), $acme, "$title: with a new key before the old one all is read");
	is(query('SELECT account.reencrypt_webhook_secrets()'), '3', "$title: all are encrypted anew, and what was plain too");
	is(query('SELECT account.reencrypt_webhook_secrets()'), '0', "$title: once");
	use_master_key($second);
	is(join(' ', secret('plain'), secret('acme'), secret('globex')), "$plain $acme $globex", "$title: then the old key is not needed");
	is(query($sign), $signature, "$title: and the signatures are the same");

	# Without the key it fails closed, says why, and changes nothing.
	use_master_key($first);
	like(error_of($sign), qr/the master key that a webhook secret was encrypted with is not in the file/, "$title: another key alone opens nothing");
	like(error_of('SELECT account.reencrypt_webhook_secrets()'), qr/is not in the file/, "$title: and encrypts nothing anew");
	use_master_key();
	like(error_of($sign), qr/is not in the file/, "$title: nor does none");
	use_master_key('short');
	like(error_of($sign), qr/the master key file must have one or two lines/, "$title: nor a file that is none");
	unlike(slurp_file($node->logfile), qr/\Q$first\E|\Q$second\E|\Q$acme\E|\Q$bytes\E/, "$title: no key and no secret is in the log");

	# And back to none, by way of the key.
	use_master_key($second);
	query(q{SELECT account.rotate_webhook_secret('1 hour', account_id) FROM account.accounts WHERE name = 'acme'});
	is(query('SELECT account.reencrypt_webhook_secrets()'), '0', "$title: a rotated secret is of the key in force");
	is(query("SELECT count(*) FROM regexp_split_to_table(($sign), ' ')"), '2', "$title: and signs beside the one before it");
	$node->stop;
}
done_testing();
