# A protected schema through dump and restore: the tables come back as they were, and later
# ones are isolated there too.  And at the psql prompt: the script of a dry run, from a file.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('birth');
$node->init;
$node->start;
my $rows = q{'{"*": "''15210000-0000-4000-8000-00000000000a''"}'};
my $application = slurp_file('test/lib/application.sql');
$node->safe_psql('postgres', 'CREATE ROLE desk_owner');

# What the catalogs say of the keys and indexes of the schema.
my $keys = q{
	SELECT conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint
	WHERE connamespace = 'desk'::regnamespace AND contype <> 'n' ORDER BY conrelid::regclass::text COLLATE "C", conname COLLATE "C"};

# Makes a database with the application in it.
sub create_application
{
	my ($database) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, qq{
		SET client_min_messages = error;
		CREATE EXTENSION account;
		SELECT account.grant_access('desk_owner', 'owner');
		CREATE SCHEMA desk AUTHORIZATION desk_owner;
		SELECT account.create_account('acme', account_id => '15210000-0000-4000-8000-00000000000a') IS NOT NULL;
		SET ROLE desk_owner;
		$application});
}

create_application('app');
$node->safe_psql('app', "SET ROLE desk_owner; SET client_min_messages = error; SELECT account.isolate_schema('desk', '{desk.countries}', $rows)");
my $before = $node->safe_psql('app', $keys);

# The script of a dry run leads to the same, run by psql from a file.
create_application('drafted');
my $script = $node->safe_psql('drafted', "SET ROLE desk_owner; SELECT account.isolate_schema('desk', '{desk.countries}', $rows, dry_run => true)");
my ($status, $output, $errors) = $node->psql('drafted', "SET ROLE desk_owner;\n$script");
is($status, 0, 'the script runs to its end') or diag($errors);
is($node->safe_psql('drafted', $keys), $before, 'and leads to the same keys');
is($node->safe_psql('drafted', "SET ROLE desk_owner; SET client_min_messages = error; SELECT account.isolate_schema('desk')"), '', 'nothing is left to do');

# EXT-11: restored at once, and section by section, without an error: the event triggers stand back.
my $dump = $node->basedir . '/app.dump';
$node->command_ok([ 'pg_dump', '--format=custom', '--file', $dump, '--dbname', $node->connstr('app') ], 'dumped');

# Several jobs restore in whatever order dependencies allow: here policies, then primary keys, then the keys beside them.
my ($list) = run_command([ 'pg_restore', '--list', $dump ]);
my ($first, $later) = $list =~ /\A(.*?)(^[^\n]* (?:CONSTRAINT|INDEX) desk .*)\z/ms;
foreach my $kind (qr/^.* (?:POLICY|ROW SECURITY) desk .*\n/m, qr/^.* CONSTRAINT desk .*_pkey .*\n/m)
{
	$first .= join('', $later =~ /$kind/g);
	$later =~ s/$kind//g;
}
append_to_file($node->basedir . '/policies-first', $first . $later);
my %restore = (
	policies => [ [ '--use-list', $node->basedir . '/policies-first' ] ],
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
	is($node->safe_psql($way, $keys), $before, "$way: the same keys");
	is($node->safe_psql($way, 'SELECT count(*) FROM account.isolated_tables WHERE enabled AND forced'),
		$node->safe_psql('app', 'SELECT count(*) FROM account.isolated_tables'), "$way: the same tables are isolated");
	$node->safe_psql($way, 'SET ROLE desk_owner; CREATE TABLE desk.late (late_id integer UNIQUE)');
	is($node->safe_psql($way, q{SELECT forced FROM account.isolated_tables WHERE table_name = 'desk.late'::regclass}),
		't', "$way: later tables are isolated, too");
	is($node->safe_psql($way, "SET ROLE desk_owner; SET client_min_messages = error; SELECT account.isolate_schema('desk')"),
		'', "$way: nothing is left to do");
}

done_testing();
