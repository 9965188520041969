# Keys that PostgreSQL 18 brings: WITHOUT OVERLAPS and PERIOD, and foreign keys that are NOT ENFORCED.
# They get the account like any other, when a schema is isolated and when they come later, and stay what they are.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('periods');
$node->init;
$node->start;
if ($node->safe_psql('postgres', "SELECT current_setting('server_version_num')::int < 180000") eq 't')
{
	$node->stop;
	plan skip_all => 'before PostgreSQL 18';
}
if ($node->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'btree_gist'") eq '0')
{
	$node->stop;
	plan skip_all => 'without btree_gist';
}
my ($acme, $globex) = map { "1d000000-0000-4000-8000-0000000000$_" } 'aa', 'bb';
my $keys = q{SELECT conrelid::regclass, pg_get_constraintdef(oid) FROM pg_constraint
	WHERE connamespace = 'hotel'::regnamespace AND contype IN ('p', 'u', 'f') ORDER BY conrelid::regclass::text COLLATE "C", pg_get_constraintdef(oid) COLLATE "C"};

$node->safe_psql('postgres', qq{
	SET client_min_messages = error;
	CREATE EXTENSION account;
	CREATE EXTENSION btree_gist;
	CREATE ROLE keeper;
	CREATE ROLE app LOGIN;
	SELECT account.grant_access('keeper', 'owner'), account.grant_access('app', 'tenant');
	SELECT FROM account.create_account('acme', account_id => '$acme');
	SELECT FROM account.create_account('globex', account_id => '$globex');
	CREATE SCHEMA hotel AUTHORIZATION keeper;
	SET ROLE keeper;
	CREATE TABLE hotel.rooms (room int, open daterange, PRIMARY KEY (room, open WITHOUT OVERLAPS));
	CREATE TABLE hotel.stays (guest int PRIMARY KEY, room int, during daterange, FOREIGN KEY (room, PERIOD during) REFERENCES hotel.rooms (room, PERIOD open));
	CREATE TABLE hotel.bills (bill int PRIMARY KEY, guest int, CONSTRAINT later FOREIGN KEY (guest) REFERENCES hotel.stays NOT ENFORCED);
	INSERT INTO hotel.rooms VALUES (1, '[2026-01-01,2026-06-01)'), (1, '[2026-06-01,2027-01-01)');
	INSERT INTO hotel.stays VALUES (1, 1, '[2026-05-20,2026-06-10)');
	INSERT INTO hotel.bills VALUES (1, 99);
	SELECT account.isolate_schema('hotel', existing_rows => '{"*": "''$acme''"}')});
is($node->safe_psql('postgres', $keys), 'hotel.bills|FOREIGN KEY (account_id, guest) REFERENCES hotel.stays(account_id, guest) NOT ENFORCED
hotel.bills|PRIMARY KEY (bill)
hotel.bills|UNIQUE (account_id, bill)
hotel.rooms|PRIMARY KEY (account_id, room, open WITHOUT OVERLAPS)
hotel.stays|FOREIGN KEY (account_id, room, PERIOD during) REFERENCES hotel.rooms(account_id, room, PERIOD open)
hotel.stays|PRIMARY KEY (guest)
hotel.stays|UNIQUE (account_id, guest)', 'all keys have the account');
is($node->safe_psql('postgres', q{SET ROLE keeper; SET client_min_messages = error; SELECT account.isolate_schema('hotel')}), '', 'called again, nothing is left to do');
is($node->safe_psql('postgres', q{SELECT check_id, object FROM account.doctor('hotel', 'warning')}), 'foreign_key_not_valid|later on hotel.bills', 'the doctor finds the one that is not enforced');

# What a tenant does.
$node->safe_psql('postgres', 'GRANT USAGE ON SCHEMA hotel TO app; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA hotel TO app');
my $key = $node->safe_psql('postgres', "SELECT api_key FROM account.profiles p, account.create_api_key(p.profile_id, 'work') k WHERE p.account_id = '$globex' AND p.system");
sub work
{
	my ($sql) = @_;
	my ($status, $out, $error) = $node->psql('postgres', "BEGIN; SELECT FROM account.authenticate('$key'); $sql; COMMIT", on_error_stop => 1, extra_params => [ '-q', '-U', 'app' ]);
	return $status ? $error =~ s/.*ERROR:  ([^\n]*).*/$1/sr : 'done';
}
like(work("INSERT INTO hotel.stays VALUES (2, 1, '[2026-05-20,2026-06-10)')"), qr/violates foreign key/, 'the period of another account is none');
is(work("INSERT INTO hotel.rooms VALUES (1, '[2026-03-01,2026-04-01)'); INSERT INTO hotel.stays VALUES (2, 1, '[2026-03-20,2026-03-25)')"), 'done', 'its own may overlap those of another');
like(work("INSERT INTO hotel.rooms VALUES (1, '[2026-03-31,2026-05-01)')"), qr/exclusion constraint/, 'but not one another');
like(work("UPDATE hotel.rooms SET open = '[2026-03-01,2026-03-22)'"), qr/violates foreign key/, 'and what is in them stays in them');
is(work('INSERT INTO hotel.bills VALUES (2, 77)'), 'done', 'what is not enforced is not');

# Keys that come later.
$node->safe_psql('postgres', q{SET ROLE keeper; SET client_min_messages = error;
	CREATE TABLE hotel.cleanings (room int, during daterange, guest int);
	ALTER TABLE hotel.cleanings ADD FOREIGN KEY (account_id, room, PERIOD during) REFERENCES hotel.rooms (account_id, room, PERIOD open), ADD FOREIGN KEY (guest) REFERENCES hotel.stays NOT ENFORCED;
	CREATE TABLE hotel.prices (room int, during daterange, UNIQUE (room, during WITHOUT OVERLAPS))});
is($node->safe_psql('postgres', $keys =~ s/ORDER/AND conrelid IN ('hotel.cleanings'::regclass, 'hotel.prices'::regclass) ORDER/r), 'hotel.cleanings|FOREIGN KEY (account_id, guest) REFERENCES hotel.stays(account_id, guest) NOT ENFORCED
hotel.cleanings|FOREIGN KEY (account_id, room, PERIOD during) REFERENCES hotel.rooms(account_id, room, PERIOD open)
hotel.prices|UNIQUE (account_id, room, during WITHOUT OVERLAPS)', 'they have it too');
$node->stop;
done_testing();
