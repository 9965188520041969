# The chains of the audit log under a master key: its change, what a thief of the tables can do without it, dump and
# restore into another cluster, a crash in the middle of sealing, heads in the server's log, and months that are dropped.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($acme, $globex) = map { "ac000000-0000-4000-8000-00000000000$_" } 1, 2;
my $node = PostgreSQL::Test::Cluster->new('audit');
my $file = $node->basedir . '/master';

sub write_file
{
	my (@lines) = @_;
	open(my $handle, '>', $file) or die $!;
	print $handle map { "$_\n" } @lines;
	close $handle;
	chmod 0600, $file;
}

sub use_keys
{
	my (@lines) = @_;
	write_file(@lines) if @lines;
	$node->adjust_conf('postgresql.conf', 'account.master_key_file', @lines ? "'$file'" : "''");
	$node->restart;
}

# Seals all there is; a transaction of autovacuum may hold it back for a moment.
sub seal
{
	my ($on) = @_;
	$on ||= $node;
	$on->poll_query_until('postgres', 'SELECT count(account.seal_audit()) * 0 + count(*) = 0 FROM account.audit_pending') or die 'not sealed';
}

# Something for the log; each call makes two entries of both accounts.
my $count = 0;
sub change
{
	my ($on) = @_;
	$on ||= $node;
	$count++;
	$on->safe_psql('postgres', "SELECT account.archive_account(a), account.unarchive_account(a) FROM (VALUES ('$acme'::uuid), ('$globex')) v (a)");
}

sub findings
{
	my ($account, $on, $head) = @_;
	my $argument = $account ? "'$account'" : 'NULL';
	$argument .= ", decode('$head', 'hex')" if $head;
	return ($on || $node)->safe_psql('postgres', "SELECT string_agg(DISTINCT finding, '; ' ORDER BY finding) FROM account.verify_audit($argument)");
}

sub all_findings
{
	my ($on) = @_;
	return join '', map { findings($_, $on) } $acme, $globex, undef;
}

# Runs statements as somebody who owns the tables, and undoes them; returns what verification finds.
sub attacked
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', "BEGIN; ALTER TABLE account.audit_entries DISABLE TRIGGER USER; $sql; SELECT string_agg(DISTINCT finding, '; ' ORDER BY finding) FROM account.verify_audit('$acme'); ROLLBACK");
}

my $last = "position = (SELECT position FROM account.audit_heads WHERE account_key = '$acme')";

# ---------------------------------------------------------------------------
# Without a master key, then under one, then under another
$node->init;
$node->append_conf('postgresql.conf', "log_statement = none\nlog_min_messages = log\naccount.master_key_file = ''\nrestart_after_crash = on\nmax_prepared_transactions = 2");
$node->start;
$node->safe_psql('postgres', "CREATE EXTENSION account; SET client_min_messages = error; SELECT count(*) FROM (VALUES ('acme', '$acme'::uuid), ('globex', '$globex')) v (n, a), account.create_account(v.n, account_id => v.a)");
change();
seal();
is(all_findings(), '', 'a chain without a master key is right');
is($node->safe_psql('postgres', 'SELECT count(*) > 3, count(sealed_by) FROM account.audit_entries'), 't|0', 'and made by a digest alone');
my $plain_head = $node->safe_psql('postgres', "SELECT encode(account.audit_head('$acme'), 'hex')");

use_keys('the first master key, long');
is(findings($acme), '', 'a master key that was introduced after is no finding');
$node->safe_psql('postgres', "SELECT account.archive_account('$acme'), account.unarchive_account('$acme')");
seal();
is(all_findings(), '', 'the chain goes on');
is($node->safe_psql('postgres', 'SELECT count(*) > 0, count(*) = count(sealed_by) FROM account.audit_heads'), 't|t', 'and every head is sealed by it, also of a quiet account');
is(findings($acme, $node, $plain_head), '', 'the head of before is in it');

# What can be done with the tables but without the key
my $form = "sha256('account: audit head 1'::bytea || '\\x00' || uuid_send(account_key) || int8send(position) || mac || timestamptz_send(sealed_at) || int8send(first_position) || first_mac || '\\x00')";
is(attacked("UPDATE account.audit_entries SET action = 'x' WHERE account_key = '$acme' AND $last"), 'changed', 'an edit is found');
is(attacked("UPDATE account.audit_entries SET sealed_by = NULL WHERE account_key = '$acme' AND $last"), 'changed', 'an entry that claims to have been made without a key is found');
is(attacked("UPDATE account.audit_heads SET sealed_by = NULL WHERE account_key = '$acme'; UPDATE account.audit_heads SET seal = $form WHERE account_key = '$acme'"), 'the head of the chain was changed', 'a head without a key is found where others have one');
is(attacked("DELETE FROM account.audit_entries WHERE account_key = '$acme' AND position = 1; UPDATE account.audit_heads h SET first_position = 2, first_mac = '\\x$plain_head' WHERE account_key = '$acme'") =~ /the head of the chain was changed/, 1, 'a beginning that was taken away, as if pruned, is found');
is(attacked("DELETE FROM account.audit_entries WHERE account_key = '$acme' AND $last"), 'missing', 'an end that was cut off is found');
is(attacked("DELETE FROM account.audit_heads WHERE account_key = '$acme'"), 'the chain has no head', 'a head that was taken away is found');

use_keys('the second master key, long', 'the first master key, long');
change();
seal();
is(all_findings(), '', 'the chain goes on under a second master key');
use_keys('the second master key, long');
is(findings($acme), 'sealed with a master key that is not in the file', 'without the first, its entries cannot be verified');
is($node->safe_psql('postgres', "SELECT bool_and(e.sealed_by <> h.sealed_by) FROM account.verify_audit('$acme') f, account.audit_heads h, account.audit_entries e WHERE h.account_key = '$acme' AND e.account_key = h.account_key AND e.position = f.position"), 't', 'and those alone');
is(attacked("UPDATE account.audit_entries SET action = 'x' WHERE account_key = '$acme' AND $last"), 'changed; sealed with a master key that is not in the file', 'what was sealed since is verified as before');
use_keys('another master key, and long');
seal();
is(findings($acme) =~ /the head of the chain is sealed with a master key that is not in the file/, 1, 'nor the head, without its own');
use_keys('the second master key, long', 'the first master key, long');
is(all_findings(), '', 'with both all is right');

# ---------------------------------------------------------------------------
# Heads in the server's log
my $old = $node->safe_psql('postgres', "SELECT row_to_json(h) FROM account.audit_heads h WHERE account_key = '$acme'");
$node->safe_psql('postgres', "SELECT account.archive_account('$acme'), account.unarchive_account('$acme')");
seal();
$node->safe_psql('postgres', 'UPDATE account.audit_heads SET logged_at = NULL');
my $offset = -s $node->logfile;
$node->safe_psql('postgres', 'SELECT account.seal_audit()');
my $logged = substr(slurp_file($node->logfile), $offset);
my ($position, $head) = $logged =~ /LOG:  account audit head: account $acme, position (\d+), ([0-9a-f]{64})$/m;
is($head, $node->safe_psql('postgres', "SELECT encode(account.audit_head('$acme'), 'hex')"), 'the head is in the log of the server');
is($position, $node->safe_psql('postgres', "SELECT position FROM account.audit_heads WHERE account_key = '$acme'"), 'with its position');
change();
seal();
$offset = -s $node->logfile;
$node->safe_psql('postgres', 'SELECT account.seal_audit()');
unlike(substr(slurp_file($node->logfile), $offset), qr/account $acme/, 'once an hour at most');
is(findings($acme, $node, $head), '', 'one of before is in the chain');
$node->safe_psql('postgres', qq{BEGIN; ALTER TABLE account.audit_entries DISABLE TRIGGER USER;
	CREATE TABLE stolen AS SELECT * FROM account.audit_entries WHERE account_key = '$acme' AND position > ('$old'::json->>'position')::bigint; CREATE TABLE stolen_head AS SELECT * FROM account.audit_heads WHERE account_key = '$acme';
	DELETE FROM account.audit_entries WHERE account_key = '$acme' AND position > ('$old'::json->>'position')::bigint;
	DELETE FROM account.audit_heads WHERE account_key = '$acme'; INSERT INTO account.audit_heads SELECT * FROM json_populate_record(NULL::account.audit_heads, '$old'); COMMIT});
is(findings($acme), '', 'an end that was cut off together with its head, by a head of that time, is not seen in the tables');
is(findings($acme, $node, $head), 'the expected head is not in the chain', 'but by the log');
$node->safe_psql('postgres', "DELETE FROM account.audit_heads WHERE account_key = '$acme'; INSERT INTO account.audit_heads TABLE stolen_head; INSERT INTO account.audit_entries TABLE stolen; ALTER TABLE account.audit_entries ENABLE TRIGGER USER; ALTER TABLE account.audit_entries ENABLE ALWAYS TRIGGER audit_entries_keep; ALTER TABLE account.audit_entries ENABLE ALWAYS TRIGGER audit_entries_keep_all; DROP TABLE stolen, stolen_head");
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_trigger WHERE tgrelid IN (SELECT relid FROM pg_partition_tree('account.audit_entries')) AND tgenabled <> 'A'"), '0', 'put back as it was');
is(all_findings(), '', 'and right again');

# ---------------------------------------------------------------------------
# A crash in the middle of sealing
change();
my $before = $node->safe_psql('postgres', 'SELECT count(*) FROM account.audit_log');
my $session = $node->background_psql('postgres', on_error_stop => 0);
my $pid = $session->query_safe('SELECT pg_backend_pid()');
$session->query_safe('BEGIN; SELECT account.seal_audit()');
kill 9, $pid;
$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid") or die;
eval { $session->quit };
is($node->safe_psql('postgres', 'SELECT count(*) FROM account.audit_log'), $before, 'after a crash in the middle of sealing no entry is lost or doubled');
seal();
is(all_findings(), '', 'and sealing goes on where it was');
is($node->safe_psql('postgres', 'SELECT count(*) FROM account.audit_log'), $before, 'with all of them');

# A prepared transaction holds sealing back, and keeps nobody from writing.
$node->safe_psql('postgres', "BEGIN; SELECT account.archive_account('$acme'); PREPARE TRANSACTION 'open'");
$node->safe_psql('postgres', "SELECT account.archive_account('$globex'), account.unarchive_account('$globex')");
is($node->safe_psql('postgres', 'SELECT account.seal_audit()'), '0', 'what comes after an open transaction is not sealed');
$node->safe_psql('postgres', "COMMIT PREPARED 'open'; SELECT account.unarchive_account('$acme')");
seal();
is(all_findings(), '', 'until that is over');

# ---------------------------------------------------------------------------
# Dump and restore into another cluster, with entries that are not sealed yet, whose numbers of transactions are far above those there
my $other = PostgreSQL::Test::Cluster->new('restored');
$other->init;
$other->append_conf('postgresql.conf', "log_statement = none\naccount.master_key_file = '$file'");
$other->start;
$node->safe_psql('postgres', 'DO $$BEGIN FOR i IN 1..20000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END$$');
change() foreach 1 .. 3;
my $dump = $node->basedir . '/dump';
my $kept = 'SELECT count(*), count(position), max(position), min(id::text) FROM account.audit_log';
my $places = "SELECT c.relname, c.relrowsecurity, pg_get_expr(c.relpartbound, c.oid), (SELECT count(*) FROM pg_index WHERE indrelid = c.oid), (SELECT string_agg(concat(tgname, tgenabled), ' ' ORDER BY tgname) FROM pg_trigger WHERE tgrelid = c.oid)"
	. " FROM pg_class c WHERE c.relname ~ '^audit_(entries|pending|heads)' AND c.relkind IN ('r', 'p') ORDER BY 1";
my ($dumped, $placed) = map { $node->safe_psql('postgres', "SET timezone = 'UTC'; $_") } $kept, $places;
$node->command_ok([ 'pg_dump', '--format=custom', '--file', $dump, '--dbname', $node->connstr('postgres') ], 'dumped');
$other->command_ok([ 'pg_restore', '--exit-on-error', '--jobs=2', '--dbname', $other->connstr('postgres'), $dump ], 'restored without an error');
is($other->safe_psql('postgres', $kept), $dumped, 'with all entries');
is($other->safe_psql('postgres', "SET timezone = 'UTC'; $places"), $placed, 'partitions, their indexes, triggers and row security');
is(all_findings($other), '', 'which are verified there');
is($other->safe_psql('postgres', "SELECT string_agg(object || ': ' || finding, '; ') FROM account.doctor() WHERE check_id ~ '^own_|^audit_'"), '', 'and as the doctor wants them');
change($other);
seal($other);
is($other->safe_psql('postgres', 'SELECT count(*) FILTER (WHERE position IS NULL), count(*) > ' . (split /\|/, $dumped)[0] . ' FROM account.audit_log'), '0|t', 'sealing goes on, with what had not been sealed');
is(all_findings($other), '', 'and the chains with it');
foreach my $table (split /\n/, $other->safe_psql('postgres', "SELECT relid FROM pg_partition_tree('account.audit_entries')"))
{
	isnt($other->psql('postgres', $_), 0, "refused: $_") foreach "TRUNCATE $table";
}
isnt($other->psql('postgres', "DELETE FROM account.audit_entries WHERE account_key = '$acme'"), 0, 'and nothing is deleted');
$other->safe_psql('postgres', 'DROP EXTENSION account');
is($other->safe_psql('postgres', "SELECT count(*) FROM pg_class WHERE relname ~ '^audit_'"), '0', 'DROP EXTENSION takes the partitions along');
$other->stop;
$node->stop;
done_testing();
