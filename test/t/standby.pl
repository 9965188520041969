# A hot standby: whatever reads works there, what writes says so, and a key that is
# revoked is refused as soon as that has been replayed, in sessions that know it too.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->start;
$primary->safe_psql('postgres', q{
	CREATE EXTENSION account;
	CREATE ROLE app LOGIN;
	ALTER ROLE app SET account.session_identity = on;
	SELECT account.grant_access('app', 'tenant');
	CREATE TABLE notes (note text, account_id uuid NOT NULL DEFAULT account.current_account_id());
	ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
	CREATE POLICY own ON notes USING (account_id = account.policy_account_id());
	GRANT SELECT ON notes TO app;
});
my %key = map { $_ => $primary->safe_psql('postgres', "SELECT api_key FROM account.create_account('$_')") } ('acme', 'globex');
$primary->safe_psql('postgres', 'INSERT INTO notes SELECT name || $$ $$ || n, account_id FROM account.accounts, generate_series(1, 2) n');
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

sub replay
{
	my $lsn = $primary->lsn('insert');
	$primary->wait_for_catchup($standby, 'replay', $lsn);
}

# What somebody sees on the standby, in a transaction of its own.
sub sees
{
	my ($name) = @_;
	my ($out, $err);
	$standby->psql('postgres', "SET client_min_messages = error; BEGIN;
		SELECT i.account_id FROM account.authenticate('$key{$name}') i \\g /dev/null
		SELECT string_agg(note, ', ' ORDER BY note) FROM notes; COMMIT", stdout => \$out, stderr => \$err, on_error_stop => 0, extra_params => [ '-U', 'app' ]);
	return $err =~ /ERROR:  (the .*)/ ? $1 : $out;
}

replay();
is(sees('acme'), 'acme 1, acme 2', 'acme sees its own');
is(sees('globex'), 'globex 1, globex 2', 'globex sees its own');
is($standby->safe_psql('postgres', "SELECT valid FROM account.verify_api_key('$key{acme}')"), 't', 'a key is verified');

# A session that is logged in, and a transaction that began before.
my $session = $standby->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'app' ]);
$session->query("SET client_min_messages = error; SELECT count(account_id) FROM account.authenticate_session('$key{acme}')");
is($session->query('SELECT count(*) FROM notes'), '2', 'logged in for the session');
my $old = $standby->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'app' ]);
$old->query("SET client_min_messages = error; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM notes; SELECT valid FROM account.verify_api_key('$key{acme}')");

$primary->safe_psql('postgres', q{SELECT account.suspend_account(account_id, 'x') FROM account.accounts WHERE name = 'acme'});
replay();
is(sees('acme'), 'the account is suspended', 'suspended on the primary, suspended here');
is($session->query('SELECT count(*) FROM notes'), '0', 'in a session that was logged in, too');
is($old->query("SELECT error FROM account.verify_api_key('$key{acme}')"), 'ACCOUNT_SUSPENDED', 'and in a transaction that began before');
is(sees('globex'), 'globex 1, globex 2', 'globex is not concerned');
$primary->safe_psql('postgres', q{SELECT account.resume_account(account_id) FROM account.accounts WHERE name = 'acme'});
replay();
is(sees('acme'), 'acme 1, acme 2', 'resumed');
is($session->query('SELECT count(*) FROM notes'), '2', 'in the session, too');

$primary->safe_psql('postgres', q{SELECT account.revoke_api_key(api_key_id) FROM account.api_keys JOIN account.accounts a USING (account_id) WHERE a.name = 'acme'});
replay();
is(sees('acme'), 'the API key is not valid', 'revoked');
is($session->query('SELECT count(*) FROM notes'), '0', 'in the session, too');
is($old->query("SELECT error FROM account.verify_api_key('$key{acme}')"), 'INVALID_AUTHORIZATION', 'and in a transaction that began before');
$session->quit;
$old->quit;

# What writes is refused by the server, in its own words.
foreach my $call (q{account.create_account('x')}, q{account.revoke_api_key((SELECT api_key_id FROM account.api_keys LIMIT 1))}, q{account.suspend_account((SELECT account_id FROM account.accounts LIMIT 1), 'x')})
{
	my $err;
	$standby->psql('postgres', "SELECT $call", stderr => \$err);
	like($err, qr/cannot execute \w+ in a read-only transaction|during recovery/, "not here: $call");
}

# FLT-07: promoted, it is a primary like any other.
$standby->promote;
is(sees('acme'), 'the API key is not valid', 'promoted: revoked is revoked');
is(sees('globex'), 'globex 1, globex 2', 'promoted: globex sees its own');
is($standby->safe_psql('postgres', q{SELECT name FROM account.create_account('new')}), 'new', 'promoted: accounts are made');
$standby->stop;
$primary->stop;
done_testing();
