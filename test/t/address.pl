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

# update_api_key(): narrowed, from the next use on; what it mints afterwards, and its successor, are within that.
$node->safe_psql('postgres', q{SELECT account.define_permission('read:notes')});
$node->safe_psql('postgres', q{
	INSERT INTO keys SELECT 'narrowed', NULL, k.api_key FROM account.profiles p, account.create_api_key(p.profile_id, 'narrowed') k;
	INSERT INTO keys SELECT 'narrowed away', NULL, k.api_key FROM account.profiles p, account.create_api_key(p.profile_id, 'narrowed away') k;
	SELECT account.update_api_key(api_key_id, '{"allowed_ips": ["10.0.0.0/8", "127.0.0.0/8"]}') FROM account.keys k WHERE k.name LIKE 'narrowed%';
	SELECT account.update_api_key(api_key_id, '{"allowed_ips": ["127.0.0.0/16"]}') FROM account.keys k WHERE k.name = 'narrowed';
	SELECT account.update_api_key(api_key_id, '{"allowed_ips": ["10.0.0.0/8"]}') FROM account.keys k WHERE k.name = 'narrowed away'});
is(over('127.0.0.1', "SELECT name FROM keys, account.verify_api_key(token) WHERE valid AND name LIKE 'narrowed%'"), 'narrowed', 'narrowed: from within every list that it was narrowed to');
is(over($socket, "SELECT name FROM keys, account.verify_api_key(token) WHERE valid AND name LIKE 'narrowed%'"), '', 'narrowed: no longer over a UNIX socket');
sub mint_narrowed
{
	my ($networks) = @_;
	return over('127.0.0.1', qq{
		BEGIN;
		SELECT count(i.account_id) FROM keys, account.authenticate(token) i WHERE name = 'narrowed' \\g /dev/null
		SELECT account.create_api_key(account.current_profile_id(), 'minted', allowed_ips => $networks) \\g /dev/null
		SELECT allowed_ips FROM account.api_keys WHERE name = 'minted'});
}
is(mint_narrowed('NULL'), '{127.0.0.0/16}', 'narrowed: it mints for what is left');
like(mint_narrowed(q{'{127.0.0.0/8}'}), qr/^a key cannot be used from more networks/, 'narrowed: and not for what it had');
is(over('127.0.0.1', q{
	BEGIN;
	SELECT account.authenticate(token) FROM keys WHERE name = 'narrowed' \g /dev/null
	SELECT account.rotate_api_key(account.current_api_key_id()) \g /dev/null
	SELECT state, allowed_ips FROM account.api_keys WHERE name = 'narrowed' ORDER BY state}), "active|{127.0.0.0/16}\nrotated|{127.0.0.0/16}", 'narrowed: its successor is as narrow');

# DES-11: a key with two permissions, one workspace, one network and an hour to live mints keys with NULL for each argument.
$node->safe_psql('postgres', q{
	INSERT INTO keys SELECT 'small', NULL, k.api_key FROM account.profiles p JOIN account.workspaces w USING (account_id),
		account.create_api_key(p.profile_id, 'small', '{manage:api_keys,read:notes}', '1 hour', ARRAY[w.workspace_id], '{127.0.0.0/8}') k;
	SELECT account.create_workspace('other', account_id) FROM account.accounts});
my $small = q{
	BEGIN;
	SELECT expires_at AS own_end, workspace_ids AS own_workspaces FROM keys, account.authenticate(token) i WHERE name = 'small' \gset
	SELECT account.create_api_key(profile_id => account.current_profile_id(), name => 'minted', permissions => NULL, expires_in => NULL, workspace_ids => %s, allowed_ips => NULL, description => NULL) \g /dev/null
	SELECT permissions, expires_at = :'own_end', workspaces_preview = :'own_workspaces', workspaces_total, allowed_ips FROM account.api_keys WHERE name = 'minted'};
is(over('127.0.0.1', sprintf($small, 'NULL')), '{manage:api_keys,read:notes}|t|t|1|{127.0.0.0/8}', 'NULL for each argument: exactly what it has itself');
is(over('127.0.0.1', sprintf($small, q{'{}'})), '{manage:api_keys,read:notes}|t|f|0|{127.0.0.0/8}', 'S3.11: no workspace, if it says so');
my $other = $node->safe_psql('postgres', q{SELECT workspace_id FROM account.workspaces WHERE name = 'other'});
like(over('127.0.0.1', sprintf($small, "'{$other}'")), qr/^workspace not found/, 'nor a workspace that it does not reach itself');

# account.trusted_proxies: behind a proxy the client's address is what the proxy has noted.
sub through
{
	my ($proxies, $host, $headers, $sql) = @_;
	$headers = "SELECT set_config('request.headers', \$h\$$headers\$h\$, true) \\g /dev/null" if defined $headers;
	$node->safe_psql('postgres', "LOAD 'account';\nALTER ROLE app SET account.trusted_proxies = '$proxies'");
	return over($host, "BEGIN;\n" . ($headers // '') . "\n$sql");
}
sub forwarded
{
	my ($proxies, $host, $forwarded) = @_;
	my $answer = through($proxies, $host, defined $forwarded ? "{\"accept\": \"*/*\", \"x-forwarded-for\": \"$forwarded\", \"host\": \"x\"}" : undef, $verify);
	return join(' ', map { /elsewhere/ ? 'elsewhere' : /exactly here/ ? 'here' : /other family/ ? 'the other family' : () } split(/, (?=elsewhere|exactly here|the other)/, $answer)) || 'nowhere';
}
my $local = '127.0.0.1';
is(forwarded('', $local, '10.1.1.1'), 'here', 'nobody is trusted by default: a client that sets the header is where it is');
is(forwarded('192.168.0.0/16, unix', $local, '10.1.1.1'), 'here', 'nor is one that is not in the list');
is(forwarded('127.0.0.0/8', $local, '10.1.1.1'), 'elsewhere', 'a proxy is believed');
is(forwarded('unix', $socket, '10.1.1.1'), 'elsewhere', 'also one at the UNIX socket');
is(forwarded('127.0.0.0/8', $socket, '10.1.1.1'), 'nowhere', 'if it is in the list');
is(forwarded('127.0.0.1', $local, '10.1.1.1, 192.0.2.1'), 'nowhere', 'the last entry counts: what stands before it is the word of the client');
is(forwarded('127.0.0.1,192.0.2.0/24', $local, '203.0.113.1, 10.1.1.1 ,192.0.2.1,\t192.0.2.7'), 'elsewhere', 'but for those of trusted proxies, from right to left');
is(forwarded('127.0.0.1,192.0.2.0/24', $local, 'x, <script>, 10.1.1.1, 192.0.2.7'), 'elsewhere', 'what stands further left is not even read');
is(forwarded('0.0.0.0/0', $local, '10.1.1.1, 127.0.0.1'), 'elsewhere', 'where all are proxies, the first');
is(forwarded('127.0.0.1', $local, '2001:db9::1'), 'the other family', 'IPv6');
is(forwarded('127.0.0.1', $local, '::ffff:10.1.1.1'), 'elsewhere', 'IPv4 written as IPv6 is IPv4');
is(forwarded('127.0.0.1', $local, undef), 'nowhere', 'a proxy that says nothing: nowhere');
foreach my $malformed ('', ' ', ',', '10.1.1.1,', '10.1.1.1:80', '10.1.1', '10.1.1.1/32', '10.0.0.0/8', '0x0a010101', 'localhost', 'unknown', '[::1]', 'fe80::1%eth0', '10.1.1.1 10.1.1.1', '1' x 5000)
{
	is(forwarded('127.0.0.1', $local, $malformed), 'nowhere', 'malformed: ' . substr($malformed, 0, 20));
}
foreach my $headers ('', '{', '[]', 'null', '"10.1.1.1"', '{"x-forwarded-for": ["10.1.1.1"]}', '{"x-forwarded-for": {"x": "10.1.1.1"}}', '{"x-forwarded-for": null}', '{"x-forwarded-for": 10}', '{"x": {"x-forwarded-for": "10.1.1.1"}}',
	'{"x-forwarded-for": "10.1.1.1", "x-forwarded-for": "10.1.1.1"}', '{"x-forwarded-for": "10.1.1.1", "X-Forwarded-For": "10.1.1.1"}', '{"x-forwarded-for": "10.1.1.1", "x": 3}', '[' x 100000)
{
	unlike(through('127.0.0.1', $local, $headers, $verify), qr/elsewhere|exactly here/, 'malformed: ' . substr($headers, 0, 40));
}
is(through('127.0.0.1', $local, '{"x-forwarded-\u0066or": "10.1.1\u002e1"}', q{SELECT name FROM keys, account.verify_api_key(token) WHERE valid AND name = 'elsewhere'}), 'elsewhere', 'JSON is read as JSON');
# KEY-36: the same key from another address.
is(through('127.0.0.1', $local, '{"x-forwarded-for": "10.1.1.1"}', q{SELECT count(i.account_id) FROM keys, account.authenticate(token) i WHERE name = 'elsewhere'}), '1', 'authenticate() from there');
is(through('127.0.0.1', $local, '{"x-forwarded-for": "11.1.1.1"}', q{SELECT account.authenticate(token) FROM keys WHERE name = 'elsewhere'}), 'the API key is not valid', 'and from another place');
is(through('', $local, undef, q{SELECT account.current_account_id(); SET account.trusted_proxies = '0.0.0.0/0'}), 'permission denied to set parameter "account.trusted_proxies"', 'who is trusted is a superuser\'s choice');
is(through('', $local, '{"x-forwarded-for": "10.1.1.1"}', qq{SET account.trusted_proxies = '0.0.0.0/0';\nSELECT name FROM keys, account.verify_api_key(token) WHERE valid AND name IN ('elsewhere', 'here')}), 'here', 'also before the library is there');

# What is no list of networks is refused when it is set.
foreach my $bad ('10.0.0.1/8', 'proxy', '10.0.0.0/8,', ',', 'unix socket', '10.0.0.0/8 10.0.0.0/8', '300.0.0.1')
{
	my $err;
	$node->psql('postgres', "LOAD 'account';\nSET account.trusted_proxies = '$bad'", stderr => \$err, on_error_stop => 0);
	like($err, qr/invalid value for parameter "account.trusted_proxies"/, "refused: $bad");
}
$node->stop;
done_testing();
