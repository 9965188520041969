# S4.9, S4.10: account.log_requests has the requests of service accounts in the audit log, by the
# name of the service account, with a recorder and without.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('traffic');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "account.password_cost = 4\nlog_statement = none\nmax_prepared_transactions = 5\ninclude 'test.conf'");
append_to_file($node->data_dir . '/test.conf', '');
$node->start;

my $recording = 0;
sub restart
{
	my ($conf) = @_;
	open(my $file, '>', $node->data_dir . '/test.conf');
	print $file "$conf\n";
	close($file);
	$node->restart;
	$recording = $conf =~ /databases/;
	!$recording || $node->poll_query_until('postgres', 'SELECT account.record_now()') or die 'no recorder';
}

sub admin
{
	my ($sql, $on) = @_;
	return ($on || $node)->safe_psql('postgres', "SET client_min_messages = error; $sql");
}

sub set_mode
{
	my ($mode) = @_;
	admin("ALTER ROLE app SET account.log_requests = '$mode'; ALTER ROLE regress_authenticator SET account.log_requests = '$mode'");
}

# A transaction of a token; $end is COMMIT or ROLLBACK. Returns what the log is told.
sub request
{
	my ($token, $statement, $end, $on) = @_;
	my $from = -s ($on || $node)->logfile;
	($on || $node)->psql('postgres', "SET client_min_messages = error; BEGIN; SELECT FROM account.authenticate('$token') \\g /dev/null\n$statement; " . ($end || 'COMMIT'), on_error_stop => 0, extra_params => [ '-U', 'app' ]);
	return join "\n", grep { /account request/ } split /\n/, substr(slurp_file(($on || $node)->logfile), $from);
}

# What PostgREST runs for a request.
sub http
{
	my ($token, $method, $path, $statement, $mode) = @_;
	my $from = -s $node->logfile;
	$node->psql('postgres', "BEGIN $mode; SELECT ask('$method', '$path', '{\"x-api-key\": \"$token\", \"x-forwarded-for\": \"10.9.9.9\"}') \\g /dev/null\nSELECT account_api.pre_request() \\g /dev/null\n$statement; COMMIT", on_error_stop => 0, extra_params => [ '-U', 'regress_authenticator' ]);
	return join "\n", grep { /account request/ } split /\n/, substr(slurp_file($node->logfile), $from);
}

# The entries since the last call.
sub entries
{
	admin('SELECT account.record_now()') if $recording;
	return admin(q{SELECT actor_name, object_type, detail->>'committed', detail->>'wrote', request FROM requests WHERE at > (SELECT at FROM mark) ORDER BY at; UPDATE mark SET at = clock_timestamp()});
}

$node->safe_psql('postgres', '\set VERBOSITY terse
	CREATE EXTENSION account;
	CREATE EXTENSION pgcrypto;
	CREATE ROLE app LOGIN;
	\i test/lib/request.sql
' . q{
	CREATE TABLE mark (at timestamptz);
	INSERT INTO mark VALUES (now());
	SELECT account.grant_access('app', 'tenant');
	CREATE TABLE notes (note text);
	GRANT ALL ON notes TO app, regress_tenant;
	CREATE VIEW requests AS
		SELECT at, account_id, actor_profile_id, actor_name, api_key_id, object_type, object_id, detail, request FROM account.audit_pending WHERE action = 'request.made'
		UNION ALL SELECT at, account_id, actor_profile_id, actor_name, api_key_id, object_type, object_id, detail, request FROM account.audit_entries WHERE action = 'request.made'});
my ($acme, $owner) = split /\|/, admin("SELECT id, api_key FROM account.create_account('acme')");
my ($robot, $robot_key) = split /\|/, admin("SELECT profile_id, api_key FROM account.create_service_account('robot-7', 'member', account_id => '$acme')");
my $robot_key_id = admin("SELECT api_key_id FROM account.api_keys WHERE profile_id = '$robot'");
my $user = admin(q{SELECT account.create_user('ann@example.com', 'correct zebra anvil quiz')});
my $member = admin("SELECT account.add_member('$user', 'member', '$acme')");
my $member_key = admin("SELECT api_key FROM account.create_api_key('$member', 'mine', '{read:accounts}')");
my $session = admin(q{SELECT session_token FROM account.login('ann@example.com', 'correct zebra anvil quiz')});
my $desk = admin(q{SELECT api_key FROM account.create_application_key('desk', '{*:*}')});

my $write = "INSERT INTO notes VALUES ('x')";
my $line = "LOG:  account request: service account $robot of account $acme, key $robot_key_id,";

# ---------------------------------------------------------------------------
# Without a recorder.
request($robot_key, $write);
is(entries(), '', 'none: nothing is noted');
set_mode('all');
is(request($robot_key, $write) . request($robot_key, 'SELECT 1'), '', 'all: nothing in the log');
is(entries(), "robot-7|service_account|true|true|{}\nrobot-7|service_account|true|false|{}", 'but a row of each transaction, with the name (S4.9)');
like(request($robot_key, "SET TRANSACTION READ ONLY; SELECT 1"), qr/$line committed: \{\}$/, 'a transaction that only reads: a line in the log');
is(request($robot_key, "$write; SET TRANSACTION READ ONLY"), '', 'one that has written and then only reads: no line');
is(entries(), 'robot-7|service_account|true|true|{}', 'but a row (S4.9)');
like(request($robot_key, $write, 'ROLLBACK'), qr/$line rolled back, wrote: \{\}$/, 'one that is rolled back: a line in the log');
request($robot_key, "$write; SELECT 1/0");
is(entries(), '', 'and no row');
request($_, $write) for $member_key, $session, 'junk';
admin("SET ROLE app; BEGIN; SELECT FROM account.act_as('$desk', '$acme'); $write; COMMIT");
is(entries(), '', 'users, whether by session or by key, and applications are no service accounts');
request($robot_key, "$write; SELECT FROM account.authenticate('$robot_key'); SAVEPOINT s; ROLLBACK TO s; SELECT FROM account.authenticate('$robot_key')");
is(entries(), 'robot-7|service_account|true|true|{}', 'one entry a transaction, however often it authenticates');
my $other_key = admin("SELECT api_key FROM account.create_service_account('robot-9', 'member', account_id => '$acme')");
admin('ALTER ROLE app SET account.exchange_identity = on');
request($robot_key, "SELECT FROM account.authenticate('$other_key') \\g /dev/null\n$write");
is(entries(), 'robot-7|service_account|true|true|{}', 'and of the first, where there are two identities');
admin('ALTER ROLE app RESET account.exchange_identity');
request($robot_key, $write, q{PREPARE TRANSACTION 'p'; COMMIT PREPARED 'p'});
is(entries(), 'robot-7|service_account|true|true|{}', 'also of one that is prepared');
set_mode('writes');
is(request($robot_key, "SET TRANSACTION READ ONLY; SELECT 1") . request($robot_key, 'SELECT 1') . entries(), '', 'writes: nothing of what only reads');
request($robot_key, $write);
is(entries(), 'robot-7|service_account|true|true|{}', 'but of what writes');
is(admin("SELECT account_id, actor_profile_id, object_id, api_key_id FROM requests LIMIT 1"), "$acme|$robot|$robot|$robot_key_id", 'of the account, the profile and the key');

# ---------------------------------------------------------------------------
# With a recorder: transactions that only read, or fail, are entries, too.
restart("shared_preload_libraries = 'account'\naccount.databases = 'postgres'\naccount.recorder_interval = 1h");
set_mode('none');
request($robot_key, $write);
is(entries(), '', 'recorder, none');
set_mode('all');
my $logged = request($robot_key, $write) . request($robot_key, 'SET TRANSACTION READ ONLY; SELECT 1') . request($robot_key, $write, 'ROLLBACK') . request($robot_key, $write, q{PREPARE TRANSACTION 'p'; COMMIT PREPARED 'p'});
is(entries(), join("\n", 'robot-7|service_account|true|true|{}', 'robot-7|service_account|true|false|{}', 'robot-7|service_account|false|true|{}', 'robot-7|service_account|true|true|{}'), 'all: each is an entry, how it has ended');
is($logged, '', 'and nothing is in the log');
request($_, $write) for $member_key, $session;
is(entries(), '', 'users are none');

# S4.10: over HTTP method and path, without what follows the question mark; a header is no address.
http($robot_key, 'GET', '/accounts?select=secret', 'SELECT 1', 'READ ONLY');
http($robot_key, 'POST', '/rpc/create_workspace', $write, '');
is(entries(), join("\n", 'robot-7|service_account|true|false|{"path": "/accounts", "method": "GET", "trusted": false}', 'robot-7|service_account|true|true|{"path": "/rpc/create_workspace", "method": "POST", "trusted": false}'), 'over HTTP: method and path');
admin("ALTER ROLE regress_authenticator SET account.trusted_proxies = 'unix'");
http($robot_key, 'GET', '/' . 'x' x 300 . "\\u0022\nLOG:  forged", 'SELECT 1', 'READ ONLY');
is(entries(), 'robot-7|service_account|true|false|{"path": "/' . 'x' x 126 . '", "method": "GET", "address": "10.9.9.9", "trusted": true}', 'a long path is cut; a trusted proxy says the address');
is(admin("SELECT count(*) FROM requests r WHERE strpos(r::text, '$robot_key') > 0 OR r::text LIKE '%secret%'"), 0, 'no secret is in it');
set_mode('writes');
http($robot_key, 'GET', '/accounts', 'SELECT 1', 'READ ONLY');
http($robot_key, 'POST', '/rpc/create_workspace', $write, '');
is(entries(), 'robot-7|service_account|true|true|{"path": "/rpc/create_workspace", "method": "POST", "address": "10.9.9.9", "trusted": true}', 'writes: those alone');

# The name is that of the time, and kept when the service account is gone.
set_mode('all');
admin("SELECT account.update_profile('$robot', '{\"name\": \"robot-8\"}')");
request($robot_key, $write);
is(entries(), 'robot-8|service_account|true|true|{}', 'a new name');
is(admin("SELECT string_agg(DISTINCT actor_name, ' ' ORDER BY actor_name) FROM requests"), 'robot-7 robot-8', 'changes no old entry');

# What cannot be written stays in memory; where that is full, it is counted.
$node->safe_psql('postgres', q{CREATE PROCEDURE hammer(token text, times int) LANGUAGE plpgsql AS $$
	BEGIN
		FOR i IN 1 .. times LOOP PERFORM account.authenticate(token); COMMIT; END LOOP;
	END $$});
my $locker = $node->background_psql('postgres');
$locker->query_safe('BEGIN; LOCK TABLE account.audit_pending IN SHARE MODE');
$node->safe_psql('postgres', "SET client_min_messages = error; CALL hammer('$robot_key', 8300)", extra_params => [ '-U', 'app' ]);
like(admin('SELECT account.openmetrics()'), qr/account_evictions_total\{memory="account_requests"\} 108\n/, 'the ring is full: what was lost is counted');
$locker->quit;
is(admin(q{SELECT account.record_now(); SELECT count(*), count(DISTINCT object_id) FROM requests WHERE at > (SELECT at FROM mark)}), "t\n8192|1", 'the rest is written later');
request($robot_key, 'SELECT 1');
is(admin(q{SELECT account.record_now(); SELECT count(*) FROM requests WHERE at > (SELECT at FROM mark)}), "t\n8193", 'and the places are free again');

# A planned stop writes what is there; a standby writes nothing.
admin('UPDATE mark SET at = clock_timestamp()');
request($robot_key, 'SELECT 1');
$node->restart;
is(admin(q{SELECT count(*) FROM requests WHERE at > (SELECT at FROM mark)}), 1, 'a planned stop writes what is there');
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
append_to_file($standby->data_dir . '/test.conf', "account.databases = 'elsewhere'\n");
$standby->start;
like(request($robot_key, 'SELECT 1', '', $standby), qr/$line committed: \{\}$/, 'a standby, of a database that will have no recorder: a line in the log');
append_to_file($standby->data_dir . '/test.conf', "account.databases = 'postgres'\n");
$standby->restart;
is(request($robot_key, 'SELECT 1', '', $standby), '', 'a standby: in memory');
$standby->promote;
$standby->poll_query_until('postgres', 'SELECT account.record_now()') or die 'no recorder';
is(admin(q{SELECT count(*) FROM requests WHERE at > (SELECT at FROM mark)}, $standby), 2, 'written once it is a primary');
$standby->stop;
$node->stop;
done_testing();
