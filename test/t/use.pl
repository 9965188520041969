# Last use is written in place: it is in the WAL, survives a crash, reaches a standby, and
# leaves a table that is whole.  On a standby nothing is noted.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1, extra => ['--data-checksums']);
$primary->start;
$primary->safe_psql('postgres', q{
	CREATE EXTENSION account;
	CREATE EXTENSION amcheck;
	CREATE ROLE app LOGIN;
	SELECT account.grant_access('app', 'tenant');
	SELECT account.create_account('acme');
	CREATE TABLE keys AS SELECT n, k.api_key_id, k.api_key FROM account.profiles p, generate_series(1, 500) n, account.create_api_key(p.profile_id, 'key ' || n) k;
	GRANT SELECT ON keys TO app;
	CREATE VIEW used AS SELECT n, used_at FROM keys JOIN account.uses ON credential_id = api_key_id WHERE used_at <> '-infinity'});
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

sub enter
{
	my ($node, $n, $options) = @_;
	return $node->safe_psql('postgres', "SET client_min_messages = error; SET ROLE app; BEGIN $options; SELECT count(i.account_id) FROM keys, account.authenticate(api_key) i WHERE n = $n; COMMIT");
}
sub in_time
{
	my ($node, $n) = @_;
	return $node->safe_psql('postgres', "SELECT count(*) FROM used WHERE n = $n AND used_at > clock_timestamp() - interval '1 minute'");
}
sub whole
{
	my ($node) = @_;
	return $node->safe_psql('postgres', q{SELECT (SELECT count(*) FROM verify_heapam('account.uses')), bt_index_check('account.uses_pkey', true)::text = '', (SELECT count(*) FROM account.uses) = (SELECT count(*) FROM account.keys)});
}

is(enter($primary, 1, 'READ ONLY'), '1', 'a key is used in a transaction that only reads');
is(in_time($primary, 1), '1', 'which is noted');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
is(in_time($standby, 1), '1', 'on the standby too');
is(enter($standby, 2, ''), '1', 'a key is used on the standby');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM used WHERE n = 2'), '0', 'which is not noted');
is(enter($standby, 1, ''), '1', 'also one that was used on the primary');

# Sessions: what the primary has noted counts on the standby.
$primary->safe_psql('postgres', q{
	INSERT INTO account.credentials (digest, entry, kind, credential_id, user_id, ends_at, created_at)
		VALUES (sha256('prod_acctses_000000000000000000000000000000000000000used4RLZdp'), 0, 's', '5e000000-0000-4000-8000-0000000000e1', '5e000000-0000-4000-8000-0000000000e0', now() + interval '1 day', now() - interval '3 hours');
	INSERT INTO account.uses VALUES ('5e000000-0000-4000-8000-0000000000e1', now() - interval '119 minutes')});
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
my $session = q{SET client_min_messages = error; SET ROLE app; SELECT (account.authenticate('prod_acctses_000000000000000000000000000000000000000used4RLZdp')).user_id};
is($standby->safe_psql('postgres', $session), '5e000000-0000-4000-8000-0000000000e0', 'a session is good on the standby while it is not idle');
$primary->safe_psql('postgres', q{UPDATE account.uses SET used_at = now() - interval '121 minutes' WHERE credential_id = '5e000000-0000-4000-8000-0000000000e1'});
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
my $err;
$standby->psql('postgres', $session, stderr => \$err);
like($err, qr/has expired/, 'and no longer when it is');
$primary->safe_psql('postgres', q{DELETE FROM account.credentials WHERE credential_id = '5e000000-0000-4000-8000-0000000000e1'; DELETE FROM account.uses WHERE credential_id = '5e000000-0000-4000-8000-0000000000e1'});

# All of them, some of whose rows have moved, with pages frozen and all visible; then a crash.
$primary->safe_psql('postgres', q{UPDATE account.uses SET used_at = '-infinity' WHERE credential_id IN (SELECT api_key_id FROM keys WHERE n % 3 = 0); VACUUM (FREEZE) account.uses});
$primary->safe_psql('postgres', "SET client_min_messages = error;\n" . join("\n", map { "BEGIN; SELECT FROM keys, account.authenticate(api_key) i WHERE n = $_; ROLLBACK;" } 1 .. 500));
is($primary->safe_psql('postgres', 'SELECT count(*) FROM used'), '500', 'all are noted, though all was rolled back');
# What others commit takes it along; a crash may lose the last moments.
$primary->safe_psql('postgres', 'CREATE TABLE flushed ()');
$primary->stop('immediate');
$primary->start;
is($primary->safe_psql('postgres', 'SELECT count(*) FROM used'), '500', 'and still after a crash');
is(whole($primary), '0|t|t', 'with the table and its index whole');
$primary->safe_psql('postgres', 'VACUUM (FREEZE) account.uses');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
is($standby->safe_psql('postgres', 'SELECT count(*) FROM used'), '500', 'and on the standby');
is($primary->safe_psql('postgres', q{SELECT count(*) FROM account.uses WHERE xmax <> 0}), '0', 'no row has another version');
$standby->promote;
is(enter($standby, 2, ''), '1', 'promoted, the standby is used');
is(in_time($standby, 2), '1', 'and notes it');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM account.uses u WHERE NOT EXISTS (SELECT FROM account.keys k WHERE k.api_key_id = u.credential_id)}), '0', 'of keys alone');
$standby->stop;
$primary->stop;
done_testing();
