# allowed_ips: the networks that a key may be used from, and that what it mints may.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('address', own_host => 1);
$node->init;
$node->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'");
$node->append_conf('pg_hba.conf', "host all all 127.0.0.1/32 trust");
$node->start;
my $socket = $node->safe_psql('postgres', 'SELECT split_part(setting, $$,$$, 1) FROM pg_settings WHERE name = $$unix_socket_directories$$');

# Over TCP from 127.0.0.1, or over the UNIX socket.
sub over
{
	my ($host, $sql) = @_;
	my ($out, $err);
	$node->psql('postgres', $sql, stdout => \$out, stderr => \$err, on_error_stop => 0, connstr => "host=$host port=" . $node->port . ' dbname=postgres user=app');
	$err =~ s/^(?!psql:.*ERROR:).*\n?//mg;
	$err =~ s/^psql:.*ERROR:  //mg;
	chomp $err;
	return join(' ', grep { length } $out, $err);
}

$node->safe_psql('postgres', q{
	CREATE EXTENSION account;
	CREATE ROLE app LOGIN;
	SELECT account.grant_access('app', 'tenant');
	SELECT account.create_account('acme');
	CREATE TABLE keys (name text, networks cidr[], token text);
	GRANT SELECT ON keys TO app;
	INSERT INTO keys SELECT v.name, networks::cidr[], k.api_key
	FROM account.profiles p, (VALUES ('anywhere', NULL), ('here', '{127.0.0.0/8}'), ('exactly here', '{127.0.0.1}'), ('here or there', '{10.0.0.0/8,2001:db8::/32,127.0.0.1/32}'),
		('elsewhere', '{10.0.0.0/8}'), ('next door', '{127.0.0.2/32}'), ('the other family', '{::/0}'), ('everywhere', '{0.0.0.0/0,::/0}')) v (name, networks),
		account.create_api_key(p.profile_id, v.name, allowed_ips => networks::cidr[]) k;
});
my $verify = 'SELECT string_agg(name, $$, $$ ORDER BY name) FROM keys, account.verify_api_key(token) WHERE valid';
is(over('127.0.0.1', $verify), 'anywhere, everywhere, exactly here, here, here or there', 'from an address, those whose networks hold it');
is(over($socket, $verify), 'anywhere', 'over a UNIX socket, those without networks alone');
is(over('127.0.0.1', 'SELECT DISTINCT error FROM keys, account.verify_api_key(token) WHERE NOT valid'), 'INVALID_AUTHORIZATION', 'barred reads like unknown');
is(over($socket, q{BEGIN; SELECT account.authenticate(token) FROM keys WHERE name = 'here'}), 'the API key is not valid', 'authenticate() over a socket');
is(over('127.0.0.1', q{BEGIN; SELECT count(i.account_id) FROM keys, account.authenticate(token) i WHERE name = 'here'}), '1', 'authenticate() from the address');
is(over('127.0.0.1', q{BEGIN; SELECT account.authenticate(token) FROM keys WHERE name = 'elsewhere'}), 'the API key is not valid', 'authenticate() from another address');

# DES-11: what it mints is for its own networks at most; left out, for just those.
sub mint
{
	my ($networks) = @_;
	return over('127.0.0.1', qq{
		BEGIN;
		SELECT count(i.account_id) FROM keys, account.authenticate(token) i WHERE name = 'here' \\g /dev/null
		SELECT allowed_ips FROM account.create_api_key(account.current_profile_id(), 'minted', allowed_ips => $networks) k JOIN account.api_keys USING (api_key_id) \\g /dev/null
		SELECT allowed_ips FROM account.api_keys WHERE name = 'minted'});
}
is(mint('NULL'), '{127.0.0.0/8}', 'no networks named: its own');
is(mint(q{'{127.0.0.1/32,127.1.0.0/16}'}), '{127.0.0.1/32,127.1.0.0/16}', 'narrower');
is(mint(q{'{127.0.0.0/8}'}), '{127.0.0.0/8}', 'the same');
foreach my $wider ('{0.0.0.0/0}', '{126.0.0.0/7}', '{127.0.0.0/8,10.0.0.1}', '{::/0}', '{::ffff:127.0.0.1/128}')
{
	like(mint("'$wider'"), qr/^a key cannot be used from more networks than the one that issues it/, "wider: $wider");
}
like(over('127.0.0.1', q{
	BEGIN;
	SELECT account.authenticate(token) FROM keys WHERE name = 'here' \g /dev/null
	SELECT account.rotate_api_key(api_key_id) FROM account.api_keys WHERE name = 'anywhere'}),
	qr/^a key cannot be used from more networks/, 'nor does it replace a key that may be used from anywhere');
is(over('127.0.0.1', q{
	BEGIN;
	SELECT account.authenticate(token) FROM keys WHERE name = 'here' \g /dev/null
	SELECT account.rotate_api_key(account.current_api_key_id()) \g /dev/null
	SELECT name, state, allowed_ips FROM account.api_keys WHERE name = 'here' ORDER BY state}), "here|active|{127.0.0.0/8}\nhere|rotated|{127.0.0.0/8}", 'replacing itself it stays where it was');
$node->stop;
done_testing();
