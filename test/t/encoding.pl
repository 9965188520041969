# WH-15: what is signed is UTF-8, and those bytes are the ones that are sent, whatever the encodings of the database and
# of the client are; events are ASCII, and so the same in all of them.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('encoding');
$node->init;
$node->start;

# What a session of a client encoding prints.
sub query
{
	my ($database, $encoding, $sql) = @_;
	my ($out, $err);
	local $ENV{PGCLIENTENCODING} = $encoding;

	is($node->psql($database, "SET client_min_messages = error; $sql", stdout => \$out, stderr => \$err), 0, "$database, $encoding: no error") or diag($err);
	return $out;
}

my $secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
# A letter that each encoding has, as it writes it, and in UTF-8.
my %written = (UTF8 => "\xc3\xa9", LATIN1 => "\xe9", LATIN9 => "\xe9", WIN1252 => "\xe9", EUC_JP => "\xc6\xfc");
my %clients = (UTF8 => [ qw(UTF8 LATIN1 LATIN9 WIN1252) ], LATIN1 => [ qw(UTF8 LATIN1) ], LATIN9 => [ qw(UTF8 LATIN9) ], EUC_JP => [ qw(UTF8 EUC_JP) ]);
foreach my $server (sort keys %clients)
{
	my $utf8 = $server eq 'EUC_JP' ? "\xe6\x97\xa5" : $written{UTF8};
	my $bytes = '\x' . unpack('H*', $utf8);
	my $database = lc $server;
	$node->safe_psql('postgres', "CREATE DATABASE $database ENCODING '$server' LOCALE 'C' TEMPLATE template0");
	query($database, 'UTF8', q{CREATE EXTENSION pgcrypto; CREATE EXTENSION account; SELECT FROM account.create_account('acme', account_id => 'e2c0d100-0000-4000-8000-00000000000a');
		CREATE FUNCTION reference(payload bytea) RETURNS text LANGUAGE sql AS $$ SELECT 'v1,' || encode(hmac('m.0.'::bytea || payload,
			decode(substr(account.webhook_secret('e2c0d100-0000-4000-8000-00000000000a'), 7), 'base64'), 'sha256'), 'base64') $$;});
	my $sign = sub { "SELECT account.sign_webhook('m', $_[0], 'epoch', 'e2c0d100-0000-4000-8000-00000000000a') = reference('$_[1]')" };
	# The known signature.
	is(query($database, 'UTF8', "SELECT account.verify_webhook('$secret', 'msg_p5jXN8AQM9LWM0D4loKWxJek', '1614265330', '{\"test\": 2432232314}', 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=', '0')
		OR 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=' = 'v1,' || encode(hmac('msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}', decode(substr('$secret', 7), 'base64'), 'sha256'), 'base64')"), 't', "$server: the reference is right");
	# Bytes are signed as they are.
	is(query($database, 'UTF8', $sign->(q{'\xe9c3a900ff'::bytea}, '\xe9c3a900ff')), 't', "$server: bytes as they are");
	foreach my $client (@{ $clients{$server} })
	{
		my $text = $client eq 'UTF8' ? $utf8 : $written{$client};
		is(query($database, $client, $sign->("'$text'", $bytes)), 't', "$server, $client: a text is signed as UTF-8");
		is(query($database, $client, "SELECT account.verify_webhook(account.webhook_secret('e2c0d100-0000-4000-8000-00000000000a'), 'm', s, '$text',
			account.sign_webhook('m', '$bytes'::bytea, to_timestamp(s::bigint), 'e2c0d100-0000-4000-8000-00000000000a')) FROM (SELECT extract(epoch FROM now())::bigint::text AS s) s"), 't', "$server, $client: and verified so");
	}
	# An event of what has other letters.
	query($database, 'UTF8', "SELECT count(account.update_account('e2c0d100-0000-4000-8000-00000000000a', '{\"webhook_url\": \"https://hooks.example.com/\"}')), count(account.update_account('e2c0d100-0000-4000-8000-00000000000a', '{\"name\": \"$utf8\"}'))");
	is(query($database, $clients{$server}[-1], q{SELECT bool_and(body ~ '^[ -~]+$' AND account.verify_webhook(account.webhook_secret('e2c0d100-0000-4000-8000-00000000000a'), headers ->> 'webhook-id', headers ->> 'webhook-timestamp', body, headers ->> 'webhook-signature')) FROM account.claim_webhook_deliveries(10)}),
		't', "$server: an event is ASCII, and verified");
	like(query($database, 'SQL_ASCII', q{SELECT body FROM account.events ORDER BY turn DESC LIMIT 1}), qr/^\{"type":"account.updated","timestamp":"[0-9TZ:.-]+","data":\{[ -~]+"changed":\["name"\]\}\}$/, "$server: byte for byte");
}
# AUD-09: a character that UTF-8 has not keeps nobody's entries from being sealed and verified, and none stands for
# another: Latin A with an acute accent, in UTF-8, has the bytes of two characters of WIN1252, of which one is none.
my %unknown = (WIN1252 => [ 'chr(195) || chr(129)', 'chr(193)' ], SQL_ASCII => [ 'chr(129)', "'A'" ]);
foreach my $server (sort keys %unknown)
{
	my $database = 'unknown_' . lc $server;
	my ($letters, $others) = @{ $unknown{$server} };
	my $verify = q{SELECT coalesce(string_agg(finding, ' '), 'right') FROM account.verify_audit('e2c0d100-0000-4000-8000-00000000000a')};
	$node->safe_psql('postgres', "CREATE DATABASE $database ENCODING '$server' LOCALE 'C' TEMPLATE template0");
	my $key = query($database, 'SQL_ASCII', q{CREATE EXTENSION pgcrypto; CREATE EXTENSION account; SELECT api_key FROM account.create_account('acme', account_id => 'e2c0d100-0000-4000-8000-00000000000a')});
	query($database, 'SQL_ASCII', "BEGIN; SELECT FROM account.authenticate('$key'); SELECT account.record_audit('thing.done', 'thing', NULL, jsonb_build_object('letters', $letters)); COMMIT");
	ok($node->poll_query_until($database, 'SELECT count(account.seal_audit()) * 0 + count(*) = 0 FROM account.audit_pending'), "$server: all is sealed");
	is(query($database, 'SQL_ASCII', $verify), 'right', "$server: and verified");
	query($database, 'SQL_ASCII', "ALTER TABLE account.audit_entries DISABLE TRIGGER ALL; UPDATE account.audit_entries SET detail = jsonb_build_object('letters', $others) WHERE action = 'thing.done'");
	like(query($database, 'SQL_ASCII', $verify), qr/changed/, "$server: no other letters");
}
$node->stop;
done_testing();
