# An application of twenty tables that knew nothing of accounts, from one end to the other: isolated in
# one call, used by two tenants; then one of them is exported, loaded into another database beside who
# is there, deleted, purged, and found gone, and nothing else has changed.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('application');
$node->init;
$node->start;
my ($acme, $globex, $moved, $local) = map { "1d000000-0000-4000-8000-0000000000$_" } 'aa', 'bb', 'cc', 'dd';
my $application = slurp_file('test/lib/application.sql');
my %keys;
my $file = PostgreSQL::Test::Utils::tempdir() . '/acme.copy';

# Makes a database with the application, isolated: its two companies become the accounts of those names.
sub create_database
{
	my ($name, %accounts) = @_;
	my $make = join('', map { "SELECT FROM account.create_account('$_', domain => '$_.example', billing_email => 'bills\@$_.example', external_id => 'number-of-$_', account_id => '$accounts{$_}');" } sort keys %accounts);
	my $companies = join(' ', map { "WHEN '$_' THEN '$accounts{$_}'" } sort keys %accounts);

	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, qq{
		SET client_min_messages = error;
		CREATE EXTENSION account;
		SELECT account.grant_access('keeper', 'owner'), account.grant_access('app', 'tenant');
		$make
		CREATE SCHEMA desk AUTHORIZATION keeper;
		SET ROLE keeper;
		$application
		DELETE FROM desk.invoice_lines WHERE text = 'draft';
		SELECT account.isolate_schema('desk', '{desk.countries}', jsonb_build_object('companies', \$\$ CASE slug $companies END::uuid \$\$));
		GRANT USAGE ON SCHEMA desk TO app;
		GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA desk TO app;
		GRANT USAGE ON ALL SEQUENCES IN SCHEMA desk TO app});
	$node->safe_psql($name, q{
		CREATE SCHEMA test;
		-- All rows in tables of the application, and of the extension, that a text is in: how many in which.
		CREATE FUNCTION test.find(wanted text) RETURNS TABLE (name text, rows bigint, digest text) LANGUAGE plpgsql AS $$
		DECLARE t regclass;
		BEGIN
			FOR t IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace IN ('desk'::regnamespace, 'account'::regnamespace) LOOP
				EXECUTE format('SELECT %L, count(*), md5(string_agg(r, chr(10) ORDER BY r)) FROM (SELECT t::text AS r FROM ONLY %s t) v WHERE strpos(r, $1) > 0 OR strpos(r, $2) > 0', t, t)
				INTO name, rows, digest USING wanted, replace(wanted, '-', '');
				IF rows > 0 THEN
					RETURN NEXT;
				END IF;
			END LOOP;
		END $$;
		-- What an account has, without the keys, which may be others elsewhere.
		CREATE FUNCTION test.content(account uuid) RETURNS SETOF text LANGUAGE sql AS $$
			SELECT concat(table_name, ' ', (SELECT jsonb_object_agg(key, value) FROM jsonb_each(row_data) WHERE key !~ '(^|_)id$|^(duplicate_of|reply_to)$'))
			FROM account.export_account(account) $$});
}

sub query
{
	my ($database, $query) = @_;
	return $node->safe_psql($database, $query);
}

# The tables in which something of an account is, but for the record of what was done.
sub tables_of
{
	my ($database, $wanted) = @_;
	return query($database, "SELECT name FROM test.find('$wanted') WHERE name !~ '^account.(audit_|purge_records)' ORDER BY name COLLATE \"C\"");
}

# Each row of an account, as it is stored.
sub rows_of
{
	my ($database, $account) = @_;
	return query($database, "SELECT * FROM test.find('$account') WHERE name NOT LIKE 'account.audit%' ORDER BY name COLLATE \"C\"");
}

sub content
{
	my ($database, $account) = @_;
	return query($database, "SELECT * FROM test.content('$account') c ORDER BY c COLLATE \"C\"");
}

# What refers to what, by names.
sub references
{
	my ($database, $account) = @_;
	return query($database, qq{
		SELECT t.number, c.slug, p.login, u.login, a.login, d.number, e.day, l.name, o.body, r.body, x.data FROM desk.tickets t
		JOIN desk.users u ON u.id = t.author_id JOIN desk.companies c ON c.id = u.company_id LEFT JOIN desk.users p ON p.id = c.main_contact_id
		LEFT JOIN desk.users a ON a.id = t.assignee_id LEFT JOIN desk.tickets d ON d.id = t.duplicate_of LEFT JOIN desk.events e ON e.ticket_id = t.id
		LEFT JOIN desk.ticket_labels tl ON tl.ticket_id = t.id LEFT JOIN desk.labels l ON l.id = tl.label_id LEFT JOIN desk.comments o ON o.ticket_id = t.id
		LEFT JOIN desk.comments r ON r.id = o.reply_to LEFT JOIN desk.attachments f ON f.comment_id = o.id LEFT JOIN desk.attachment_data x ON x.attachment_id = f.id
		WHERE t.account_id = '$account' ORDER BY 1, 7, 9});
}

# Neither the doctor nor what must always hold has anything to say.
sub is_sound
{
	my ($database, $when) = @_;
	is(query($database, "SELECT * FROM account.doctor('desk')"), '', "$when: the doctor finds nothing in the schema");
	is(query($database, 'SELECT * FROM account.check_invariants()'), '', "$when: all invariants hold");
}

# Does some work as a tenant, with its key.
sub work_as
{
	my ($database, $key, $sql) = @_;
	return $node->safe_psql($database, "SET client_min_messages = error; BEGIN; SELECT FROM account.authenticate('$key'); $sql; COMMIT", extra_params => [ '-q', '-U', 'app' ]);
}

$node->safe_psql('postgres', 'CREATE ROLE keeper; CREATE ROLE app LOGIN');
create_database('live', acme => $acme, globex => $globex);
is(query('live', q{SELECT count(DISTINCT coalesce(pg_partition_root(table_name), table_name)) FROM account.isolated_tables WHERE enabled AND forced}), '18', 'eighteen tables are isolated, one is shared, and one is of a tool');
# The application has a view that reads as its owner: the doctor says so, and mends it.
is(query('live', q{SELECT check_id, object FROM account.doctor('desk')}), 'view_definer|desk.open_tickets', 'there is a view that the doctor knows of');
query('live', query('live', q{SELECT concat('BEGIN; ', fix, '; COMMIT') FROM account.doctor('desk')}));
is_sound('live', 'isolated');

# What the extension itself keeps of a tenant: one row at least in each of its tables.
sub fill_ours
{
	my ($account, $name) = @_;
	query('live', qq{
		SET client_min_messages = error;
		SELECT FROM account.set_plan('$account', 'seats', 9);
		SELECT FROM account.create_role('clerk', '{read:accounts}', account_id => '$account'), account.create_workspace('annex', '$account'), account.rotate_webhook_secret(account_id => '$account');
		SELECT FROM account.invite_member('kim\@$name.example', 'clerk', account_id => '$account');
		SELECT FROM account.create_service_account('robot', 'clerk', account_id => '$account');
		SELECT account.disable_profile(profile_id) FROM account.profiles WHERE account_id = '$account' AND name = 'robot';
		SELECT account.update_account('$account', '{"description": "of $name.example", "billing_email": "bills\@$name.example"}')});
	work_as('live', $keys{$account}, "SELECT account.add_member(account.create_user('lee\@$name.example'), 'clerk')");
}

# Two tenants work, at one time, with rows of the same names.
%keys = map { $_ => query('live', "SELECT api_key FROM account.profiles p, account.create_api_key(p.profile_id, 'work') k WHERE p.account_id = '$_' AND p.system") } $acme, $globex;
query('live', q{SELECT account.create_plan('seats', '{"tickets": 10}'); SET ROLE keeper; SET client_min_messages = error; SELECT account.isolate('desk.tickets', quota => 'tickets')});
fill_ours($acme, 'acme');
fill_ours($globex, 'globex');
foreach my $account ($acme, $globex)
{
	is(work_as('live', $keys{$account}, q{
		INSERT INTO desk.users (company_id, email, login, manager_id) SELECT id, 'eve@work.example', 'eve', main_contact_id FROM desk.companies;
		INSERT INTO desk.tickets (number, author_id, subject) SELECT 'W-1', id, 'new "here" \ ' || E'\t\n' FROM desk.users WHERE login = 'eve';
		INSERT INTO desk.comments (ticket_id, author_id, body) SELECT t.id, author_id, 'said' FROM desk.tickets t WHERE number = 'W-1';
		INSERT INTO desk.labels (company_id, name) SELECT id, 'new' FROM desk.companies;
		INSERT INTO desk.ticket_labels SELECT t.id, l.id FROM desk.tickets t, desk.labels l WHERE number = 'W-1' AND l.name = 'new';
		INSERT INTO desk.events (ticket_id, day, what) SELECT id, day, 'worked' FROM desk.tickets, unnest('{7,170}'::int[]) day WHERE number = 'W-1';
		INSERT INTO desk.rooms (company_id, name) SELECT id, 'blue' FROM desk.companies; INSERT INTO desk.bookings (room_id, during) SELECT id, '[4,5)' FROM desk.rooms;
		UPDATE desk.settings SET value = '{"a": [1, null, "x"]}';
		SELECT count(*) FROM desk.users WHERE login = 'eve'}), '1', 'a tenant works, and sees its own');
}
cmp_ok(scalar(() = tables_of('live', $acme) =~ /^account\./mg), '>=', 12, 'and is in most of our own tables');
my @other = (rows_of('live', $globex), content('live', $globex), references('live', $globex));
my ($content, $references) = (content('live', $acme), references('live', $acme));
is(() = $content =~ /^desk\./mg, 33, 'what there is to be exported');

# Exported, and loaded where the same numbers are taken, and the same ids.
$node->command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('live'), '-c', "\\copy (SELECT * FROM account.export_account('$acme')) TO '$file'" ], 'exported');
create_database('elsewhere', acme => $local, globex => $globex);
query('elsewhere', 'ALTER VIEW desk.open_tickets SET (security_invoker)');
query('elsewhere', "SELECT FROM account.create_account('moved', account_id => '$moved')");
my @there = (rows_of('elsewhere', $local), rows_of('elsewhere', $globex));
$node->command_ok([ 'psql', '-qX1', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('elsewhere'), '-c', 'CREATE TEMPORARY TABLE staging (table_name text, row_data jsonb)',
	'-c', "\\copy staging FROM '$file'", '-c', "SELECT * FROM account.import_account('staging', '$moved', new_ids => true)" ], 'loaded into another database');
is(content('elsewhere', $moved), $content, 'every value is there');
is(references('elsewhere', $moved), $references, 'and everything refers to what it did');
is_deeply([ rows_of('elsewhere', $local), rows_of('elsewhere', $globex) ], \@there, 'who was there has what it had');
is(tables_of('elsewhere', $acme), '', 'nothing there knows the account that it came from');
is_sound('elsewhere', 'loaded');

# Deleted, and purged after its day.
like(tables_of('live', 'number-of-acme'), qr/account\.accounts/, 'what it had said is found before');
query('live', qq{
	SELECT account.delete_account('$acme');
	WITH gone AS (DELETE FROM account.holds WHERE kind = 'p' RETURNING *)
	INSERT INTO account.holds SELECT subject_id, kind, entry, set_by, reason, created_by, created_at, clock_timestamp() FROM gone});
query('live', 'CALL account.purge_accounts(7)');
is(query('live', 'SELECT rows_deleted, error, finished_at IS NOT NULL FROM account.purges'), '33||t', 'purged, in batches');
is(tables_of('live', $acme), "account.accounts\naccount.profiles", 'only the tombstone is left, and the blank profile beside it');
is(query('live', "SELECT name, parent_account_id, description, domain, billing_email, external_id, labels, webhook_url, deleted_at IS NOT NULL FROM account.accounts WHERE account_id = '$acme'"), 'deleted||||||{}||t', 'which is blank');
is(tables_of('live', 'acme.example') . tables_of('live', 'number-of-acme'), '', 'nothing of what it had said is left either');
is(query('live', "SELECT valid, error FROM account.verify_api_key('$keys{$acme}')") =~ /^f\|./, 1, 'its key is none');
is_deeply([ rows_of('live', $globex), content('live', $globex), references('live', $globex) ], \@other, 'the other tenant has what it had, byte for byte');
is_sound('live', 'purged');
is(work_as('live', $keys{$globex}, "INSERT INTO desk.rooms (company_id, name) SELECT id, 'green' FROM desk.companies RETURNING name"), 'green', 'and works on');
$node->stop;
done_testing();
