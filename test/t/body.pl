# Databases that are not in UTF-8: a request is, and so is its answer; a character that the database
# does not have is a bad request, in the words of the documents.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('body');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE authenticator LOGIN NOINHERIT; CREATE ROLE anonymous; CREATE ROLE tenant');

# What the documents' function answers, as PostgREST would ask it over a connection in UTF-8: status, then a member of the body.
sub ask
{
	my ($database, $key, $body, $member) = @_;
	my $hex = unpack('H*', $body);

	return $node->safe_psql($database, qq{
		SET client_encoding = 'UTF8';
		BEGIN;
		SELECT FROM (SELECT set_config('role', 'anonymous', true), set_config('request.method', 'POST', true), set_config('request.path', '/rpc/v1_write', true),
			set_config('request.headers', '{"x-api-key": "$key", "x-account-function": "v1_create_account", "x-original-uri": "/v1/accounts"}', true), set_config('request.cookies', '{}', true)) s;
		SELECT account_api.pre_request();
		SELECT account_api.v1_write('\\x$hex') #>> '$member' AS answer;
		SELECT current_setting('response.status');
		COMMIT}, extra_params => [ '-q', '-U', 'authenticator' ]) =~ s/^\n//r;
}

# An accented e, a han character, and one beyond the first plane.
my ($e, $han, $face) = ("\xc3\xa9", "\xe4\xb8\xad", "\xf0\x9f\x98\x80");
my %has = (UTF8 => "$e$han$face", LATIN1 => $e, EUC_JP => "$e$han", SQL_ASCII => "$e$han$face");
foreach my $encoding (sort keys %has)
{
	my $database = lc $encoding;

	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE template0 ENCODING '$encoding' LC_COLLATE 'C' LC_CTYPE 'C'");
	$node->safe_psql($database, "CREATE EXTENSION account; SELECT account.setup_postgrest('authenticator', 'anonymous', 'tenant')");
	my $key = $node->safe_psql($database, "SELECT api_key FROM account.create_account('acme')");
	is(ask($database, $key, qq({"name": "plain"}), '{name}'), "plain\n201", "$encoding: plain text");
	foreach my $character ($e, $han, $face)
	{
		my $name = "in $encoding, " . unpack('H*', $character);

		if (index($has{$encoding}, $character) >= 0)
		{
			is(ask($database, $key, qq({"name": "a$character"}), '{name}'), "a$character\n201", "$name: comes back as it was sent");
		}
		else
		{
			is(ask($database, $key, qq({"name": "a$character"}), '{error}'), "BAD_REQUEST\n400", "$name: is a bad request");
		}
	}
	my $known = $encoding ne 'SQL_ASCII' && index($has{$encoding}, $han) >= 0;
	is(ask($database, $key, qq({"name": "\\u4e2d"}), $known ? '{name}' : '{error}'), $known ? "$han\n201" : "BAD_REQUEST\n400", "$encoding: the same where it is written as an escape");
	is(ask($database, $key, qq({"name": "\xff"}), '{error}'), "BAD_REQUEST\n400", "$encoding: what is no text");
	is(ask($database, $key, qq({"name": "\xc3"}), '{error}'), "BAD_REQUEST\n400", "$encoding: half a character");
	is($node->safe_psql($database, "SELECT count(*) FROM account.check_invariants()"), '0', "$encoding: all invariants hold");
}
$node->stop;
done_testing();
