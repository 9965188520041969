# The audit log outlives a dump and a restore, which add nothing to it; what no row can say is in the server's
# log; and personal values are digests under the pepper.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $acme = '1d000000-0000-4000-8000-0000000000d1';
my $node = PostgreSQL::Test::Cluster->new('audit_log');
my $dir = PostgreSQL::Test::Utils::tempdir();
my $file = $node->basedir . '/pepper';
$node->init;
$node->append_conf('postgresql.conf', "log_statement = none\nlog_min_error_statement = panic\naccount.pepper_file = ''\naccount.master_key_file = ''");
$node->start;

sub query
{
	my ($database, $sql) = @_;
	return $node->safe_psql($database, "SET client_min_messages = error; $sql");
}

query('postgres', q{CREATE EXTENSION account; CREATE EXTENSION pgcrypto; CREATE ROLE app LOGIN; SELECT account.grant_access('app', 'tenant')});
my $key = query('postgres', "SELECT api_key FROM account.create_account('acme', billing_email => 'bill\@acme.example', account_id => '$acme')");
my $application = query('postgres', q{SELECT api_key FROM account.create_application_key('help desk', '{*:*}')});
query('postgres', "SELECT account.create_workspace('lab', '$acme'); SELECT account.suspend_account('$acme', 'unpaid'); SELECT account.resume_account('$acme')");

# What no row can say.
sub logged
{
	my ($begin) = @_;
	my $offset = -s $node->logfile;

	$node->safe_psql('postgres', "SET client_min_messages = error; $begin; SELECT account.act_as('$application', '$acme', reason => E'ticket 42 of ann\@example.org\\nLOG:  forged'); COMMIT", extra_params => [ '-U', 'app' ]);
	return substr(slurp_file($node->logfile), $offset);
}
my $entries = q{SELECT count(*) FROM account.audit_pending WHERE action = 'account.acted_as'};
my $log = logged('BEGIN READ ONLY');
my ($line) = $log =~ /LOG:  account audit: (\{.*\})$/m;
like($line, qr/^\{"action": "account\.acted_as", "object_type": "account", "object_id": "$acme", "account_id": "$acme", "from_account_id": "$acme", "api_key_id": "[-0-9a-f]{36}"\}$/, 'what is done in a READ ONLY transaction is in the log, by ids');
is(query('postgres', $entries), '0', 'and nowhere else');
unlike(logged('BEGIN'), qr/account audit:/, 'in others it is not in the log');
is(query('postgres', $entries), '1', 'but an entry');

# A dump and a restore: with all, and with the data alone, after the schema.
my $print = q{SELECT md5(string_agg(e::text, ',' ORDER BY turn)) || count(*) FROM account.audit_pending e};
my $before = query('postgres', $print);
my $turn = query('postgres', 'SELECT max(turn) FROM account.audit_pending');
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/dump", $node->connstr('postgres') ], 'a dump');
foreach my $how ([ 'at once' ], [ 'in parallel', '-j', '2' ])
{
	my ($title, @options) = @$how;
	my $name = "restored_" . @options;
	query('postgres', "CREATE DATABASE $name");
	$node->command_ok([ 'pg_restore', @options, '-d', $node->connstr($name), "$dir/dump" ], "restored $title");
	is(query($name, $print), $before, "$title: the same entries, and none of the restore");
	query($name, "SELECT account.create_workspace('after', '$acme')");
	is(query($name, "SELECT min(turn) > $turn FROM account.audit_pending WHERE detail -> 'after' ->> 'name' = 'after'"), 't', "$title: what comes later has higher turns");
	is(query($name, 'SELECT bool_and(account.turn_is_settled(horizon)) FROM account.audit_pending'), 't', "$title: and all of them are settled");
	is(query($name, q{DO $$ BEGIN DELETE FROM account.audit_pending; EXCEPTION WHEN OTHERS THEN RAISE NOTICE 'refused'; END $$; SELECT count(*) > 0 FROM account.audit_pending}), 't', "$title: nobody deletes them");
}

# An entry of a transaction that goes on is not settled, nor one that was written after it began; from another cluster each is.
is(query('postgres', "BEGIN; SELECT account.create_workspace('open', '$acme') \\g /dev/null\nSELECT count(*) FROM account.audit_pending WHERE NOT account.turn_is_settled(horizon) AND xmin = pg_current_xact_id()::xid"), '2', 'what goes on is not settled');
is(query('postgres', q{SELECT account.turn_is_settled((pg_current_xact_id()::text::bigint + 1000)::text::xid8), account.turn_is_settled('3')}), 't|t', 'what has come from elsewhere is');

# Personal values, under the cluster's secret and under the pepper.
my $digest = query('postgres', q{SELECT account.audit_digest('bill@acme.example')});
like($digest, qr/^hmac:[0-9a-f]{16}$/, 'a digest');
is(query('postgres', q{SELECT detail -> 'after' ->> 'billing_email' FROM account.audit_pending WHERE action = 'account.created'}), $digest, 'stands for an e-mail');
open(my $handle, '>', $file) or die $!;
print $handle "a pepper of 32 bytes or thereabout\n";
close $handle;
chmod 0600, $file;
$node->adjust_conf('postgresql.conf', 'account.pepper_file', "'$file'");
$node->restart;
my $peppered = query('postgres', q{SELECT account.audit_digest('bill@acme.example')});
isnt($peppered, $digest, 'another under the pepper');
is(query('restored_2', q{SELECT account.audit_digest('bill@acme.example')}), $peppered, 'the same everywhere under it');

# Secrets that are encrypted anew are one entry.
open($handle, '>', "$file.master") or die $!;
print $handle "a master key of 32 bytes or so, ok\n";
close $handle;
chmod 0600, "$file.master";
$node->adjust_conf('postgresql.conf', 'account.master_key_file', "'$file.master'");
$node->restart;
is(query('postgres', 'SELECT account.reencrypt_webhook_secrets()'), '1', 'a secret is encrypted anew');
is(query('postgres', q{SELECT detail FROM account.audit_pending WHERE action = 'webhook_secret.reencrypted'}), '{"secrets": 1}', 'and that is said');
$node->stop;
done_testing();
