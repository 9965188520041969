# KEY-13, KEY-14: what ends a key is committed in one session, and the key is used in
# another, 10,000 times, in transactions that began before and hold a snapshot and
# locks from then.  None is let through, and a key that nobody has ended always is.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('revocation');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nsynchronous_commit = off");
$node->start;

$node->safe_psql('postgres', q{
	CREATE EXTENSION account;
	CREATE EXTENSION dblink;
	CREATE ROLE app LOGIN;
	SELECT account.grant_access('app', 'tenant');
	CREATE TABLE accounts AS SELECT id FROM account.create_account('acme');
	CREATE TABLE keys AS
		SELECT n, k.api_key_id, k.api_key
		FROM account.profiles p, generate_series(1, 10000) n, account.create_api_key(p.profile_id, 'key ' || n) k;
	ALTER TABLE keys ADD PRIMARY KEY (n);
	CREATE TABLE control AS SELECT api_key FROM account.create_account('globex');
	CREATE TABLE answers (ended text, before text, verified text, after text, control text);

	-- The user of the keys is another session, at the end of a connection.  What it
	-- answers is the first column, or the SQLSTATE.
	CREATE FUNCTION answer(statement text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		answer text;
	BEGIN
		SELECT a INTO answer FROM dblink('user', statement) d (a text);
		RETURN answer;
	EXCEPTION WHEN OTHERS THEN
		RETURN SQLSTATE;
	END $$;

	CREATE PROCEDURE try(how text, first integer, last integer) LANGUAGE plpgsql AS $$
	DECLARE
		key record;
		control text := (SELECT api_key FROM control);
		before text;
		verified text;
		after text;
		still text;
	BEGIN
		PERFORM dblink_connect('user', format('host=%s port=%s user=app dbname=%s',
			current_setting('unix_socket_directories'), current_setting('port'), current_database()));
		PERFORM dblink_exec('user', 'SET client_min_messages = error');
		FOR i IN first .. last LOOP
			SELECT * INTO key FROM keys WHERE n = i;
			PERFORM dblink_exec('user', 'BEGIN ISOLATION LEVEL ' ||
				(ARRAY['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE', 'SERIALIZABLE, READ ONLY'])[i % 4 + 1]);
			-- It takes a snapshot and locks, and remembers what it can of the key and of holds.
			before := answer(format('SELECT valid FROM account.verify_api_key(%L), (SELECT count(*) FROM account.api_keys) c', key.api_key));
			CASE how
				WHEN 'revoked' THEN
					PERFORM account.revoke_api_key(key.api_key_id);
				WHEN 'replaced' THEN
					PERFORM account.rotate_api_key(key.api_key_id);
				WHEN 'expired' THEN
					INSERT INTO account.credentials (digest, entry, kind, credential_id, ends_at)
						SELECT digest, 1, 'e', credential_id, clock_timestamp() FROM account.credentials WHERE digest = sha256(key.api_key::bytea) AND entry = 0;
				WHEN 'suspended' THEN
					PERFORM account.suspend_account(id, 'x') FROM accounts;
				WHEN 'disabled' THEN
					INSERT INTO account.holds (subject_id, kind, entry)
						SELECT profile_id, 'd', 1 FROM account.profiles JOIN accounts ON id = account_id;
			END CASE;
			COMMIT;
			verified := answer(format('SELECT valid FROM account.verify_api_key(%L)', key.api_key));
			still := answer(format('SELECT valid FROM account.verify_api_key(%L)', control));
			after := answer(format('SELECT account_id FROM account.authenticate(%L)', key.api_key));
			PERFORM dblink_exec('user', 'ROLLBACK');
			INSERT INTO answers VALUES (how, before, verified, CASE WHEN after LIKE 'TA%' THEN after ELSE 'let through' END, still);
			DELETE FROM account.holds;
			COMMIT;
		END LOOP;
		PERFORM dblink_disconnect('user');
	END $$;});

sub try
{
	my ($how, $first, $last, $code) = @_;
	my $trials = $last - $first + 1;

	$node->safe_psql('postgres', "CALL try('$how', $first, $last)");
	is($node->safe_psql('postgres', "SELECT before, verified, after, control, count(*) FROM answers WHERE ended = '$how' GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC"),
		"t|f|$code|t|$trials", "$how: none of $trials is let through");
}

try('revoked', 1, 8000, 'TA006');
try('replaced', 8001, 8500, 'TA006');
try('expired', 8501, 9000, 'TA005');
try('suspended', 9001, 9500, 'TA008');
try('disabled', 9501, 10000, 'TA006');

$node->stop;
done_testing();
