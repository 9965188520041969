# Isolated tables through dump and restore, and through the end of the extension:
# rows, policies and keys survive the one, and nothing is open after the other.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('isolation');
$node->init;
$node->start;
my %key;

# What the catalogs say of the protection of every table of schema app.
my $protection = q{
	SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, t.tgenabled, encode(t.tgargs, 'escape'),
		pg_get_expr(d.adbin, d.adrelid), k.conname,
		(SELECT string_agg(concat_ws(' ', polname, polcmd, polpermissive, polroles,
			pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)), ', ' ORDER BY polname)
		FROM pg_policy WHERE polrelid = c.oid)
	FROM pg_class c
	LEFT JOIN pg_trigger t ON t.tgrelid = c.oid AND t.tgname = 'account_require_writable'
	LEFT JOIN pg_attrdef d ON d.adrelid = c.oid
	LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'c'
	WHERE c.relnamespace = 'app'::regnamespace AND c.relkind IN ('r', 'p')
	ORDER BY c.relname COLLATE "C"};

# What a query gives to role app_user, with the key of an account or without any.
sub as_tenant
{
	my ($database, $name, $query) = @_;
	my $authenticate = $name ? "SELECT account.authenticate('$key{$name}') \\g (format=unaligned) /dev/null" : '';
	return scalar $node->safe_psql($database, qq{
		SET ROLE app_user;
		SET client_min_messages = error;
		BEGIN;
		$authenticate
		$query;
		COMMIT;});
}

# Both tenants have their own rows and no other, in every table and partition.
sub check_rows
{
	my ($database, $what) = @_;
	is(as_tenant($database, 'acme', 'SELECT string_agg(note_id::text, $$ $$ ORDER BY note_id) FROM app.notes'), '1 2', "$what: acme has its notes");
	is(as_tenant($database, 'globex', 'SELECT string_agg(note_id::text, $$ $$ ORDER BY note_id) FROM app.notes'), '3', "$what: globex has its note");
	is(as_tenant($database, 'acme', 'SELECT count(*) FROM app.events'), '1', "$what: acme has its event");
	is(as_tenant($database, 'globex', 'SELECT count(*) FROM app.events_1'), '1', "$what: globex has its event, by the partition's name");
	is(as_tenant($database, 'globex', 'SELECT count(*) FROM app.codes'), '2', "$what: globex reads what is shared");
	is(as_tenant($database, 'acme', 'SELECT string_agg(file_id::text, $$ $$ ORDER BY file_id) FROM app.files'), '1', "$what: acme has the file of its workspace");
	is(as_tenant($database, 'globex', 'SELECT string_agg(file_id::text, $$ $$ ORDER BY file_id) FROM app.files'), '2', "$what: globex has its file");
	is(as_tenant($database, 'bare', 'SELECT count(*) FROM app.notes'), '2', "$what: a key of acme without a workspace has its notes");
	is(as_tenant($database, 'bare', 'SELECT count(*) FROM app.files'), '0', "$what: and no file");
	is(as_tenant($database, undef, 'SELECT (SELECT count(*) FROM app.notes) + (SELECT count(*) FROM app.events_1) + (SELECT count(*) FROM app.codes) + (SELECT count(*) FROM app.files)'), '0', "$what: nobody has nothing");
}

$node->safe_psql('postgres', q{
	CREATE DATABASE app;
	CREATE ROLE app_owner LOGIN;
	CREATE ROLE app_user;
});
$node->safe_psql('app', q{
	CREATE EXTENSION account;
	SELECT account.grant_access('app_owner', 'owner'), account.grant_access('app_user', 'tenant');
	CREATE SCHEMA app AUTHORIZATION app_owner;
	GRANT USAGE ON SCHEMA app TO app_user;
	SET ROLE app_owner;
	CREATE TABLE app.notes (note_id integer PRIMARY KEY, body text);
	CREATE TABLE app.events (day integer) PARTITION BY RANGE (day);
	CREATE TABLE app.events_1 PARTITION OF app.events FOR VALUES FROM (1) TO (10);
	CREATE TABLE app.codes (code text);
	CREATE TABLE app.files (file_id integer);
	INSERT INTO app.codes VALUES ('a'), ('b');
	SELECT account.define_permission('read:files'), account.define_permission('write:files');
	SELECT account.isolate('app.notes');
	SELECT account.isolate('app.events', foreign_key => true);
	SELECT account.isolate('app.files', workspace_column => 'place', read_permission => 'read:files', write_permission => 'write:files');
	SELECT account.share('app.codes');
	CREATE TABLE app.events_2 PARTITION OF app.events FOR VALUES FROM (10) TO (20);
	GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA app TO app_user;
});
# The keys of two accounts, and one of acme's without a workspace.
sub create_keys
{
	my (%id) = @_;
	foreach my $name ('acme', 'globex')
	{
		my $id = $id{$name} ? "'$id{$name}'" : 'NULL';
		$key{$name} = $node->safe_psql('app', "SELECT api_key FROM account.create_account('$name', account_id => $id)");
	}
	$key{bare} = $node->safe_psql('app', q{
		SELECT (account.create_api_key(profile_id, 'bare')).api_key
		FROM account.profiles JOIN account.accounts USING (account_id) WHERE accounts.name = 'acme'});
}

create_keys();
as_tenant('app', 'acme', 'INSERT INTO app.notes VALUES (1), (2); INSERT INTO app.events VALUES (1)');
as_tenant('app', 'globex', 'INSERT INTO app.notes VALUES (3); INSERT INTO app.events VALUES (2)');
as_tenant('app', 'acme', 'INSERT INTO app.files SELECT 1, account_id, workspace_ids[1] FROM account.current_identity()');
as_tenant('app', 'globex', 'INSERT INTO app.files SELECT 2, account_id, workspace_ids[1] FROM account.current_identity()');
check_rows('app', 'before');

# DES-21, EXT-11: a dump holds it all.
my $before = $node->safe_psql('app', $protection);
my $dump = $node->basedir . '/app.dump';
$node->command_ok([ 'pg_dump', '--format=custom', '--file', $dump, '--dbname', $node->connstr('app') ], 'dumped by a superuser');
# Restored at once, and section by section, as a parallel restore does.
my %restore = (
	whole => [ [] ],
	sections => [ ['--section=pre-data'], ['--section=data'], [ '--section=post-data', '--jobs=2' ] ]);
foreach my $way (sort keys %restore)
{
	$node->safe_psql('postgres', "CREATE DATABASE $way");
	foreach my $options (@{ $restore{$way} })
	{
		$node->command_ok([ 'pg_restore', '--exit-on-error', @$options, '--dbname', $node->connstr($way), $dump ],
			join(' ', "$way: restored", @$options));
	}
	is($node->safe_psql($way, $protection), $before, "$way: the same protection");
	check_rows($way, $way);
	is($node->safe_psql($way, 'SELECT * FROM account.isolated_tables ORDER BY table_name::text COLLATE "C"'),
		$node->safe_psql('app', 'SELECT * FROM account.isolated_tables ORDER BY table_name::text COLLATE "C"'), "$way: the same tables are listed");
	is($node->safe_psql($way, q{
		SELECT account.isolate('app.notes');
		SELECT account.isolate('app.events', foreign_key => true);
		SELECT account.isolate('app.files');
		SELECT account.isolate('app.files', workspace_column => 'place', read_permission => 'read:files', write_permission => 'write:files')}),
		'', "$way: nothing is left to do");
	$node->safe_psql($way, 'SET ROLE app_owner; CREATE TABLE app.events_3 PARTITION OF app.events FOR VALUES FROM (20) TO (30)');
	is($node->safe_psql($way, q{SELECT forced FROM account.isolated_tables WHERE table_name = 'app.events_3'::regclass}),
		't', "$way: later partitions are isolated, too");
}

# EXT-13: a dump by the owner, whom FORCE binds, is an error and no empty dump.
$node->command_fails_like(
	[ 'pg_dump', '--schema=app', '--username=app_owner', '--dbname', $node->connstr('app') ],
	qr/query would be affected by row-level security policy/, 'the owner cannot dump');

# Restored rows of a replica fire the trigger as well: no way round the archive.
is($node->safe_psql('app', q{SELECT DISTINCT tgenabled FROM pg_trigger WHERE tgname = 'account_require_writable'}), 'A', 'the trigger is enabled always');

# A NOT NULL of 18 that was not validated says nothing of the rows.
SKIP:
{
	skip 'NOT NULL is always validated before 18', 2 if $node->pg_version < 18;
	$node->safe_psql('app', q{
		CREATE TABLE app.unsure (account_id uuid);
		INSERT INTO app.unsure VALUES (NULL);
		ALTER TABLE app.unsure ADD CONSTRAINT filled NOT NULL account_id NOT VALID;
		ALTER TABLE app.unsure OWNER TO app_owner});
	my (undef, undef, $error) = $node->psql('app', q{SELECT account.isolate('app.unsure')});
	like($error, qr/has rows without an account/, 'a NOT NULL that was not validated is not trusted');
	$node->safe_psql('app', q{DELETE FROM app.unsure; SELECT account.isolate('app.unsure')});
	is($node->safe_psql('app', q{SELECT account.isolate('app.unsure')}), '', 'and is validated');
	$node->safe_psql('app', 'DROP TABLE app.unsure');
}

# DES-18, EXT-10: the extension is not dropped by accident, and opens nothing when it is.
my ($code, $out, $err) = $node->psql('app', 'DROP EXTENSION account');
like($err, qr/other objects depend on it/, 'DROP EXTENSION is refused while tables are isolated');
my %id = map { $_ => $node->safe_psql('app', "SELECT account_id FROM account.accounts WHERE name = '$_'") } ('acme', 'globex');
$node->safe_psql('app', 'SET client_min_messages = error; DROP EXTENSION account CASCADE');
is($node->safe_psql('app', q{
	SELECT relname, relrowsecurity, relforcerowsecurity, (SELECT count(*) FROM pg_policy WHERE polrelid = c.oid AND pg_get_expr(polqual, polrelid) <> 'false')
	FROM pg_class c WHERE relnamespace = 'app'::regnamespace AND relkind IN ('r', 'p') ORDER BY relname COLLATE "C"}),
	"codes|t|f|0\nevents|t|t|0\nevents_1|t|t|0\nevents_2|t|t|0\nfiles|t|t|0\nnotes|t|t|0", 'row security stays, without a policy that permits');
foreach my $role ('app_user', 'app_owner')
{
	is($node->safe_psql('app', "SET ROLE $role; SELECT (SELECT count(*) FROM app.notes), (SELECT count(*) FROM app.events), (SELECT count(*) FROM app.events_1), (SELECT count(*) FROM app.files)"),
		'0|0|0|0', "$role reads nothing");
	($code, $out, $err) = $node->psql('app', "SET ROLE $role; INSERT INTO app.notes (note_id, account_id) VALUES (9, '$id{acme}')");
	like($err, qr/violates row-level security/, "$role writes nothing");
	is($node->safe_psql('app', "SET ROLE $role; UPDATE app.notes SET body = 'x'; DELETE FROM app.notes RETURNING note_id"), '', "$role changes nothing");
}
is($node->safe_psql('app', 'SET ROLE app_user; SELECT count(*) FROM app.codes'), '0', 'what was shared is not open either');
is($node->safe_psql('app', 'SELECT count(*) FROM app.notes'), '3', 'the rows are there');
# Installed again, with the accounts that were: isolate() and share() put all in place.
$node->safe_psql('app', 'CREATE EXTENSION account');
$node->safe_psql('app', q{SELECT account.grant_access('app_owner', 'owner'), account.grant_access('app_user', 'tenant')});
create_keys(%id);
# Workspaces are others now.
$node->safe_psql('app', q{
	UPDATE app.files f SET place = w.workspace_id FROM account.workspaces w WHERE w.account_id = f.account_id;
	SELECT account.define_permission('read:files'), account.define_permission('write:files');
	SELECT account.isolate('app.notes');
	SELECT account.isolate('app.events', foreign_key => true);
	SELECT account.isolate('app.files', workspace_column => 'place', read_permission => 'read:files', write_permission => 'write:files');
	SELECT account.share('app.codes');
});
is($node->safe_psql('app', $protection), $before, 'the same protection as before');
check_rows('app', 'installed again');

$node->stop;
done_testing();
