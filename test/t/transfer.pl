# A single tenant is restored from last night's dump, by the commands of the README, while the others go
# on; and a tenant is moved to another database, beside who is there.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('transfer');
$node->init;
$node->start;
my ($acme, $globex, $moved) = map { "1d000000-0000-4000-8000-0000000000$_" } 'aa', 'bb', 'cc';
my $dir = PostgreSQL::Test::Utils::tempdir();

# The application, as its migrations make it in every database.
my $application = q{
	SET ROLE keeper;
	CREATE TABLE customers (customer_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, account_id uuid NOT NULL, UNIQUE (account_id, customer_id));
	CREATE TABLE invoices (invoice_id uuid DEFAULT gen_random_uuid(), customer_id bigint NOT NULL, lines jsonb, paid numeric(10, 2), account_id uuid NOT NULL,
		PRIMARY KEY (account_id, invoice_id), FOREIGN KEY (account_id, customer_id) REFERENCES customers (account_id, customer_id));
	SELECT account.isolate('customers');
	SELECT account.isolate('invoices');
	RESET ROLE;};

# What an account has, in a way that does not depend on its ids.
sub data
{
	my ($database, $account) = @_;

	return $node->safe_psql($database, "SELECT name, lines, paid FROM customers JOIN invoices USING (account_id, customer_id) WHERE account_id = '$account' ORDER BY 1, 2");
}

$node->safe_psql('postgres', 'CREATE ROLE keeper; CREATE ROLE app LOGIN');
sub make_database
{
	my ($name) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, "CREATE EXTENSION account; SELECT account.grant_access('keeper', 'owner'), account.grant_access('app', 'tenant'); GRANT CREATE ON SCHEMA public TO keeper; $application");
}
make_database('live');
my ($key) = $node->safe_psql('live', "SELECT api_key FROM account.create_account('acme', account_id => '$acme')");
$node->safe_psql('live', "SELECT FROM account.create_account('globex', account_id => '$globex')");
$node->safe_psql('live', qq{
	INSERT INTO customers (name, account_id) SELECT name, account FROM (VALUES ('ann', '$acme'::uuid), ('ben', '$acme'), ('gil', '$globex')) v (name, account);
	INSERT INTO invoices (customer_id, lines, paid, account_id) SELECT customer_id, jsonb_build_array(name, E'tab\\t, line\\n, backslash \\\\, "quote"', null), 10.50, account_id FROM customers});
my $last_night = data('live', $acme);
my $ids = "SELECT string_agg(invoice_id::text, ' ' ORDER BY invoice_id) FROM invoices WHERE account_id = '$acme'";
my $last_ids = $node->safe_psql('live', $ids);
$node->command_ok([ 'pg_dump', '-f', "$dir/last-night.sql", $node->connstr('live') ], 'the dump of last night');

# Today: acme has ruined its data, and globex has worked on.
$node->safe_psql('live', qq{
	DELETE FROM invoices WHERE account_id = '$acme';
	UPDATE customers SET name = 'ruined' WHERE account_id = '$acme';
	INSERT INTO customers (name, account_id) VALUES ('new', '$globex'), ('junk', '$acme');
	INSERT INTO invoices (customer_id, lines, paid, account_id) SELECT customer_id, '[]', 1, account_id FROM customers WHERE name IN ('new', 'junk')});
my $today = data('live', $globex);

$node->safe_psql('postgres', 'CREATE DATABASE scratch');
$node->command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('scratch'), '-f', "$dir/last-night.sql" ], 'the dump is restored beside it');
$node->command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('scratch'), '-c', "\\copy (SELECT * FROM account.export_account('$acme')) TO '$dir/acme.copy'" ], 'one account of it becomes a file');
is(scalar(split(/\n/, slurp_file("$dir/acme.copy"))), 4, 'a line for each row');

my @load = ('-c', 'CREATE TEMPORARY TABLE staging (table_name text, row_data jsonb)', '-c', "\\copy staging FROM '$dir/acme.copy'");
$node->command_ok([ 'psql', '-qX1', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('live'), @load, '-c', "SELECT * FROM account.import_account('staging', '$acme', replace => true)" ], 'and takes the place of what the account has');
is(data('live', $acme), $last_night, 'acme is as it was last night');
is($node->safe_psql('live', $ids), $last_ids, 'with its ids');
is($node->safe_psql('live', "SELECT count(*) FROM customers WHERE account_id = '$acme'"), '2', 'and no more than that');
is(data('live', $globex), $today, 'globex is as it is today');
is($node->safe_psql('live', "SELECT valid FROM account.verify_api_key('$key')"), 't', 'its keys are as they are today');
is($node->safe_psql('live', "INSERT INTO customers (name, account_id) VALUES ('next', '$acme') RETURNING customer_id > 5", extra_params => ['-q']), 't', 'and the next number is a new one');

# Another database, where the same numbers are taken.
make_database('elsewhere');
$node->safe_psql('elsewhere', "SELECT FROM account.create_account('globex', account_id => '$globex'); SELECT FROM account.create_account('acme', account_id => '$moved');
	INSERT INTO customers (name, account_id) SELECT 'theirs', '$globex' FROM generate_series(1, 3)");
$node->command_fails_like([ 'psql', '-qX1', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('elsewhere'), @load, '-c', "SELECT * FROM account.import_account('staging', '$moved')" ], qr/duplicate key/, 'with the old ids it is refused');
is($node->safe_psql('elsewhere', "SELECT count(*) FROM customers"), '3', 'and nothing is loaded');
$node->command_ok([ 'psql', '-qX1', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('elsewhere'), @load, '-c', "SELECT * FROM account.import_account('staging', '$moved', new_ids => true)" ], 'with new ids it is loaded');
is(data('elsewhere', $moved), $last_night, 'the same data');
is($node->safe_psql('elsewhere', "SELECT count(*) FROM customers WHERE name = 'theirs' AND account_id = '$globex'"), '3', 'beside who was there');
is($node->safe_psql('elsewhere', "SELECT count(*) FROM account.keys WHERE account_id = '$moved'"), '1', 'without any key of the old place');
$node->stop;
done_testing();
