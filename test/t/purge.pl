# A purge that is stopped in the middle, by a cancelled statement and by a crash: what its
# batches have committed stays, nothing else is touched, and the next one goes on from there.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('purge');
$node->init;
$node->start;
my ($acme, $globex) = map { "1d000000-0000-4000-8000-0000000000$_" } 'aa', 'bb';

$node->safe_psql('postgres', qq{
	CREATE EXTENSION account;
	CREATE ROLE keeper;
	SELECT account.grant_access('keeper', 'owner');
	GRANT CREATE ON SCHEMA public TO keeper;
	SELECT FROM account.create_account('acme', account_id => '$acme');
	SELECT FROM account.create_account('below', '$acme');
	SELECT FROM account.create_account('globex', account_id => '$globex');
	SET ROLE keeper;
	CREATE TABLE parents (parent int, account_id uuid NOT NULL, PRIMARY KEY (account_id, parent));
	CREATE TABLE children (child int, parent int, account_id uuid NOT NULL, FOREIGN KEY (account_id, parent) REFERENCES parents);
	-- How many children are left when the purge is to stop, as long as it is to.
	CREATE TABLE stop_at (children int);
	CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS \$\$
	BEGIN
		IF (SELECT count(*) FROM public.children WHERE account_id = account.current_account_id()) BETWEEN 1 AND (SELECT min(children) FROM public.stop_at) THEN
			PERFORM pg_sleep(3600);
		END IF;
		RETURN NULL;
	END \$\$;
	CREATE TRIGGER stop AFTER DELETE ON children FOR EACH STATEMENT EXECUTE FUNCTION stop();
	RESET ROLE;
	INSERT INTO parents SELECT n, a FROM generate_series(1, 100) n, unnest('{$acme,$globex}'::uuid[]) a;
	INSERT INTO children SELECT n, n % 100 + 1, a FROM generate_series(1, 1000) n, unnest('{$acme,$globex}'::uuid[]) a;
	INSERT INTO parents SELECT 1, account_id FROM account.accounts WHERE name = 'below';
	SET ROLE keeper;
	SELECT account.isolate('parents');
	SELECT account.isolate('children');
	RESET ROLE;
	SELECT account.delete_account('$acme');
	WITH gone AS (DELETE FROM account.holds WHERE kind = 'p' RETURNING *)
	INSERT INTO account.holds SELECT subject_id, kind, entry, set_by, reason, created_by, created_at, clock_timestamp() FROM gone;
});

# Starts a purge, and waits until it is in the batch after which so many children are left.
sub start_purge
{
	my ($stop_at) = @_;
	my ($in, $out, $error) = ('', '', '');

	$node->safe_psql('postgres', "TRUNCATE stop_at; INSERT INTO stop_at VALUES ($stop_at)");
	my $purge = IPC::Run::start([ 'psql', '-X', '-d', $node->connstr('postgres'), '-c', 'CALL account.purge_accounts(100)' ], '<', \$in, '>', \$out, '2>', \$error);
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'") or die 'the purge does not get that far';
	return ($purge, \$error);
}

# What is there: rows of acme and of globex, what the record says, and accounts.
sub state
{
	return $node->safe_psql('postgres', qq{
		SELECT (SELECT count(*) FROM children WHERE account_id = '$acme'), (SELECT count(*) FROM parents WHERE account_id <> '$globex'),
			(SELECT count(*) FROM children WHERE account_id = '$globex'), (SELECT count(*) FROM parents WHERE account_id = '$globex'),
			(SELECT rows_deleted FROM account.purges), (SELECT finished_at IS NOT NULL FROM account.purges),
			(SELECT count(*) FROM account.accounts WHERE deleted_at IS NULL)});
}

my ($purge, $error) = start_purge(700);
is(state(), '800|101|1000|100|200|f|3', 'two batches are committed, the third is under way');
$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
IPC::Run::finish($purge);
like($$error, qr/canceling statement/, 'who cancels it is obeyed');
is(state(), '800|101|1000|100|200|f|3', 'what was committed stays, and no more than that');
my ($status, undef, $refused) = $node->psql('postgres', "SELECT account.cancel_deletion('$acme')");
like($refused, qr/the deletion is being carried out/, 'it cannot be taken back any more');
is($node->safe_psql('postgres', "SELECT archived_at IS NOT NULL FROM account.get_account('$acme')"), 't', 'the account is still there, archived');

($purge, $error) = start_purge(400);
is(state(), '500|101|1000|100|500|f|3', 'the next one goes on from there');
$node->stop('immediate');
IPC::Run::finish($purge);
$node->start;
is(state(), '500|101|1000|100|500|f|3', 'a crash in the middle of a batch leaves what was committed');
$node->safe_psql('postgres', 'TRUNCATE stop_at');
$node->safe_psql('postgres', 'CALL account.purge_accounts(100)');
is(state(), '0|0|1000|100|1101|t|1', 'the next one finishes it, and nothing is left but what is others\'');
is($node->safe_psql('postgres', "SELECT rows_deleted, accounts_purged, error IS NULL FROM account.purges"), '1101|2|t', 'the record counts all of it');
$node->stop;
done_testing();
