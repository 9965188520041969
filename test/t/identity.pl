# Who is calling, as a connection begins and as it ends: settings from before the
# library is loaded, what a pooler leaves behind, restarts, prepared transactions,
# and what the server's log is told.  All of it with and without preloading.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $acme = '1d000000-0000-4000-8000-00000000000a';
my ($node, $title, %key);

# Runs SQL as the application's role over a connection of its own: what it prints, and what it is told.
sub app
{
	my ($sql, %options) = @_;
	my ($out, $err) = ('', '');

	local $ENV{PGOPTIONS} = $options{options} // '';
	$node->psql('postgres', $sql, stdout => \$out, stderr => \$err, on_error_stop => 0, extra_params => [ '-U', 'app' ]);
	return wantarray ? ($out, $err) : $out;
}

# What somebody sees who is nobody, after whatever was tried.
sub nobody
{
	my ($sql, $name, %options) = @_;
	my ($out, $err) = app("$sql; SELECT 'sees', count(*), account.current_account_id(), COALESCE(current_setting('account.context', true), '') FROM notes", %options);

	# Where the library is there already the attempt itself is refused, and the transaction with it.
	$out = 'sees|0||' if $out !~ /sees/ && $title eq 'preloaded' && $err =~ /ERROR:  parameter "account.context" can only be emptied/;
	like($out, qr/^sees\|0\|\|$/m, "$title: $name") or diag($err);
}

sub start
{
	my ($preload) = @_;

	$title = $preload ? 'preloaded' : 'not preloaded';
	$node = PostgreSQL::Test::Cluster->new($preload ? 'preloaded' : 'plain');
	$node->init;
	$node->append_conf('postgresql.conf', "shared_preload_libraries = '$preload'\nmax_prepared_transactions = 5\nlog_min_error_statement = warning\nlog_statement = none");
	$node->start;
	$node->safe_psql('postgres', q{
		CREATE EXTENSION account;
		CREATE EXTENSION dblink;
		CREATE ROLE app LOGIN;
		SELECT account.grant_access('app', 'tenant');
		CREATE TABLE notes (note text, account_id uuid NOT NULL DEFAULT account.current_account_id());
		ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
		CREATE POLICY own ON notes USING (account_id = account.policy_account_id());
		GRANT SELECT, INSERT ON notes TO app;
		-- The value that the library itself would lay down (as in sql/forgery.sql).
		CREATE FUNCTION forged(account_id uuid) RETURNS text LANGUAGE sql AS $$
			SELECT '01742900' || string_agg(substr(w, 7, 2) || substr(w, 5, 2) || substr(w, 3, 2) || substr(w, 1, 2), '' ORDER BY n)
				|| concat(id, none, none, id, none, none, none, none, encode('*:*', 'hex'), '00')
			FROM pg_locks, replace(account_id::text, '-', '') id, repeat('00', 16) none,
				unnest(ARRAY[to_hex(pg_backend_pid()), to_hex(split_part(virtualtransaction, '/', 2)::integer), '1', '4', '0', 'ffff', '0', 'ffffffff', '7fffffff']) WITH ORDINALITY u (v, n),
				lpad(v, 8, '0') w
			WHERE pid = pg_backend_pid() AND locktype = 'virtualxid' GROUP BY id, none
		$$;
	});
	$key{acme} = $node->safe_psql('postgres', "SELECT api_key FROM account.create_account('acme', account_id => '$acme')");
	$key{globex} = $node->safe_psql('postgres', "SELECT api_key FROM account.create_account('globex')");
	$node->safe_psql('postgres', q{INSERT INTO notes SELECT name || ' ' || n, account_id FROM account.accounts, generate_series(1, 2) n});
}

# Settings from before anything has loaded the library.
sub check_settings
{
	my $rows = "SELECT string_agg(note, ',' ORDER BY note) FROM notes";

	# The rightful tenant, to begin with.
	is(app("BEGIN; SELECT count(account_id) FROM account.authenticate('$key{acme}'); $rows; COMMIT"), "1\nacme 1,acme 2", "$title: acme sees its own");

	nobody("SET account.context = '$acme'", 'CTX-01: a placeholder');
	nobody("SELECT set_config('account.context', '$acme', false)", 'CTX-01: a placeholder by function');
	nobody("BEGIN; SELECT set_config('account.context', forged('$acme'), true)", 'CTX-01: a placeholder with the value of this very transaction');
	nobody("SET account.context = '$acme'; RESET ALL", 'CTX-10: RESET ALL after a placeholder');
	nobody("BEGIN; SET account.context = '$acme'; SAVEPOINT s; SELECT account.current_account_id(); ROLLBACK TO s", 'a placeholder brought back by ROLLBACK TO');
	nobody("SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET parallel_leader_participation = off; BEGIN; SELECT set_config('account.context', forged('$acme'), false)",
		'CTX-01: a placeholder in parallel workers');

	# Of the connection: refused where the library is there already, else of no effect.
	my ($out, $err) = app('SELECT count(*) FROM notes; RESET ALL; SELECT count(*) FROM notes', options => "-c account.context=$acme");
	$title eq 'preloaded' ? like($err, qr/FATAL:  parameter "account.context" can only be emptied/, "$title: CTX-03: PGOPTIONS") :
		is($out, "0\n0", "$title: CTX-03: PGOPTIONS");
	foreach my $setting ('session_identity=on', 'exchange_identity=on', 'without_identity=empty', 'key_brand=other', 'pepper_file=/dev/null', 'max_depth=100')
	{
		my ($name, $value) = split /=/, $setting;
		($out, $err) = app("SELECT account.current_account_id(); SELECT current_setting('account.$name') = '$value'", options => "-c account.$setting");
		ok($out eq "\nf" || $err =~ /FATAL: .*(permission denied|cannot be (set|changed))/ || ($name eq 'pepper_file' && $err =~ / to examine "account.pepper_file"/),
			"$title: CTX-03: PGOPTIONS with $setting") or diag("$out\n$err");
	}
	(undef, $err) = app("SET account.typo = 'x'; SELECT account.current_account_id(); SET account.typo = 'x'");
	like($err, qr/invalid configuration parameter name "account.typo"/, "$title: CTX-46: no unknown name stays");

	# Rows that are in the catalog already, for the role, the database and both.
	$node->safe_psql('postgres', qq{
		INSERT INTO pg_db_role_setting SELECT 0, oid, '{account.context=$acme}'::text[] FROM pg_roles WHERE rolname = 'app'
		UNION ALL SELECT oid, 0, '{account.context=$acme}'::text[] FROM pg_database WHERE datname = 'postgres';});
	nobody('', 'CTX-05, CTX-06: for the role and the database, made behind the server\'s back');
	nobody('RESET ALL', 'CTX-05: and RESET ALL');
	nobody('DISCARD ALL', 'CTX-05: and DISCARD ALL');
	is(app("SET client_min_messages = error; BEGIN; SELECT count(account_id) FROM account.authenticate('$key{globex}'); $rows; COMMIT"), "1\nglobex 1,globex 2", "$title: and the rightful tenant sees its own");
	$node->safe_psql('postgres', 'DELETE FROM pg_db_role_setting WHERE setconfig::text LIKE $$%account%$$');
	foreach my $what ('ROLE CURRENT_USER', 'ROLE app IN DATABASE postgres', 'DATABASE postgres')
	{
		(undef, $err) = app("ALTER $what SET account.context = '$acme'");
		like($err, qr/ERROR: .*(permission denied|can only be emptied|must be owner)/, "$title: CTX-05: ALTER $what before the library is loaded");
	}
}

# What one client leaves behind on a connection that a pooler gives to the next.
sub check_pooler
{
	my $leave = "SELECT 'left', account.current_account_id(), count(*) FROM notes";

	$node->safe_psql('postgres', 'ALTER ROLE app SET account.session_identity = on');
	is(app(qq{
		SET client_min_messages = error;
		BEGIN; SELECT count(account_id) FROM account.authenticate('$key{acme}'); COMMIT;
		$leave;
		SELECT count(account_id) FROM account.authenticate_session('$key{acme}');
		CREATE TEMP TABLE stash AS SELECT * FROM notes;
		LISTEN channel; SELECT pg_advisory_lock(1) IS NULL; SET search_path = pg_temp; PREPARE p AS SELECT count(*) FROM public.notes;
		DISCARD ALL;
		SET client_min_messages = error;
		$leave;
		SELECT to_regclass('stash') IS NULL;
		BEGIN; SELECT count(account_id) FROM account.authenticate('$key{globex}'); SELECT count(*) FROM notes; COMMIT;
		$leave}), join("\n", '1', 'left||0', '1', 'f', 'left||0', 't', '1', '2', 'left||0'), "$title: CTX-11, CTX-28, CTX-30: DISCARD ALL between two clients");
	# CTX-40: another session that this one opens has none.
	is($node->safe_psql('postgres', qq{
		SET client_min_messages = error;
		BEGIN; SELECT count(account_id) FROM account.authenticate('$key{acme}');
		SELECT 'other', a FROM dblink('port=' || current_setting('port') || ' user=app dbname=postgres host=' || current_setting('unix_socket_directories'),
			'SELECT account.current_account_id()') d (a text)}), "1\nother|", "$title: CTX-40: a connection out of this one");

	# CTX-44: the server goes away under a client that was logged in for the session.
	my $session = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'app' ]);
	$session->query("SET client_min_messages = error; SELECT count(account_id) FROM account.authenticate_session('$key{acme}')");
	like($session->query('SELECT count(*) FROM notes'), qr/2/, "$title: logged in for the session");
	$node->stop('immediate');
	$node->start;
	eval { $session->quit };
	nobody('', 'CTX-44: after a crash');
	is(app("SET client_min_messages = error; BEGIN; SELECT count(account_id) FROM account.authenticate('$key{acme}'); SELECT count(*) FROM notes; COMMIT"), "1\n2", "$title: and the key is good");
	$node->safe_psql('postgres', 'ALTER ROLE app RESET ALL');
}

# TX-02, TX-03: prepared transactions carry what was written, not who wrote it, and stop nobody.
sub check_prepared
{
	is(app(qq{
		SET client_min_messages = error;
		BEGIN; SELECT count(account_id) FROM account.authenticate('$key{acme}'); INSERT INTO notes VALUES ('acme 3'); PREPARE TRANSACTION 'one';
		SELECT account.current_account_id(), count(*) FROM notes;
		COMMIT PREPARED 'one';
		SELECT account.current_account_id(), count(*) FROM notes;
		BEGIN; SELECT count(account_id) FROM account.authenticate('$key{acme}'); SELECT count(*) FROM notes; COMMIT}),
		join("\n", '1', '|0', '|0', '1', '3'), "$title: TX-02: an identity does not outlive PREPARE TRANSACTION");

	my $stolen = $node->safe_psql('postgres', qq{SELECT k.api_key FROM account.profiles p, account.create_api_key(p.profile_id, 'stolen') k WHERE p.account_id = '$acme'});
	foreach my $issue (q{account.rotate_api_key(account.current_api_key_id(), '1 hour')}, q{account.create_account('lair')})
	{
		my (undef, undef, $error) = $node->psql('postgres',
			qq{SET ROLE app; BEGIN; SELECT account.authenticate('$stolen'); SELECT $issue; PREPARE TRANSACTION 'orphan'});
		like($error, qr/a transaction that has issued a key cannot be prepared/, "$title: no key waits in a prepared transaction");
	}
	app(qq{BEGIN; SELECT account.authenticate('$stolen'); SELECT account.update_account('$acme', '{"name": "mine"}'); PREPARE TRANSACTION 'orphan'});
	is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_prepared_xacts'), '1', "$title: a transaction is left prepared");
	is($node->safe_psql('postgres', qq{
		SET lock_timeout = '5s';
		SELECT valid FROM account.verify_api_key('$stolen');
		SELECT count(account.revoke_api_key(api_key_id)) FROM account.api_keys WHERE name = 'stolen';
		SELECT valid, error FROM account.verify_api_key('$stolen');
		SELECT account.suspend_account('$acme', 'stolen') IS NULL;
		SELECT valid, error FROM account.verify_api_key('$key{acme}');
		SELECT account.resume_account('$acme') IS NULL;
		SELECT valid, error FROM account.verify_api_key('$key{acme}')}),
		join("\n", 't', '1', 'f|INVALID_AUTHORIZATION', 'f', 'f|ACCOUNT_SUSPENDED', 'f', 't|'), "$title: TX-03: nothing waits for it that stops a thief");
	$node->safe_psql('postgres', q{ROLLBACK PREPARED 'orphan'});
}

# LEAK-16, LEAK-17: the log has the id of an error, and no token, of what the extension says itself.
sub check_log
{
	my $offset = -s $node->logfile;
	my $unknown = 'prod_acctsec_00000000000000000000000000000000000000000003UNP5x';
	my $id;

	$node->safe_psql('postgres', 'CREATE FUNCTION calls(token text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN (account.authenticate(token)).account_id IS NULL; END $$');
	my (undef, $err) = app("SELECT account.authenticate('$unknown'); SELECT account.authenticate('secret-junk'); SELECT calls('$unknown'); SELECT account.authenticate('$key{acme}');
		BEGIN; SELECT account.authenticate('$key{globex}'); SELECT account.authenticate('$key{acme}'); ROLLBACK; SELECT account.act_as('$key{acme}', '$acme', reason => 'why');
		SELECT account.authenticate('$key{acme}', '$acme'); SELECT account.authenticate('$key{acme}', '00000000-0000-0000-0000-000000000000')");
	$node->psql('postgres', "SELECT account.authenticate('$key{acme}'); SELECT account.verify_api_key('secret-junk'); SET account.refuse_bypass = on; SELECT account.authenticate('$key{acme}')");
	# The client is told where in its own code it was; the log is not.
	app(qq{DO \$\$ BEGIN PERFORM account.authenticate('$unknown'); END \$\$});
	$node->stop;
	$node->start;
	my $log = substr(slurp_file($node->logfile), $offset);
	($id) = $err =~ /"id": *"([0-9a-f-]{36})"/;
	ok(defined $id && index($log, $id) >= 0, "$title: the id of an error is in the log") or diag($err);
	like($log, qr/the API key is not valid/, "$title: and what it was");
	unlike($log, qr/\Q$unknown\E|secret-junk|\Q$key{acme}\E|\Q$key{globex}\E/, "$title: LEAK-16, LEAK-17: no token is in the log");
	unlike($err, qr/(ERROR|DETAIL|HINT|CONTEXT):.*(\Q$unknown\E|secret-junk|\Q$key{acme}\E)/, "$title: nor in what the client is told");
}

foreach my $preload ('', 'account')
{
	start($preload);
	check_settings();
	check_pooler();
	check_prepared();
	check_log();
	$node->stop;
}
done_testing();
