-- Plans and new accounts.  Variables: accounts, repeat (percent of the calls of a
-- timed block).

-- Two roots with a plan: account 0 has all the others below it, this one has one.
CREATE TABLE bench.small_root AS
	SELECT (a).id AS account_id FROM account.create_account('Small root') a OFFSET 0;
SELECT FROM account.create_account('The only one', (SELECT account_id FROM bench.small_root));
SELECT FROM account.create_plan('plan a', '{"api_keys": 100}', '{"reports": true}');
SELECT FROM account.create_plan('plan b', '{"api_keys": 200}', '{"reports": true}');
SELECT FROM account.set_plan(bench.account(0), 'plan a', 10, '2027-01-01');
SELECT FROM account.set_plan((SELECT account_id FROM bench.small_root), 'plan a', 10, '2027-01-01');

CREATE PROCEDURE bench.change_plan(root uuid, repeat integer, INOUT seconds double precision)
	LANGUAGE plpgsql
	AS $$
DECLARE
	started timestamp with time zone;
BEGIN
	COMMIT;
	started := clock_timestamp();
	FOR i IN 1 .. repeat LOOP
		PERFORM account.set_plan(root, CASE WHEN i % 2 = 0 THEN 'plan a' ELSE 'plan b' END, i, '2027-01-01');
		COMMIT;
	END LOOP;
	seconds := bench.seconds_since(started);
END
$$;

-- The plan of many accounts, in one transaction.
CREATE PROCEDURE bench.read_plan_function(repeat integer, accounts integer, INOUT seconds double precision)
	LANGUAGE plpgsql
	AS $$
DECLARE
	started timestamp with time zone := clock_timestamp();
	effective record;
BEGIN
	FOR i IN 1 .. repeat LOOP
		SELECT plan, limits, features INTO effective
		FROM account.effective_plan(bench.account((1 + i::bigint * 7919 % accounts)::integer));
	END LOOP;
	seconds := bench.seconds_since(started);
END
$$;

CREATE PROCEDURE bench.read_plan_join(repeat integer, accounts integer, INOUT seconds double precision)
	LANGUAGE plpgsql
	AS $$
DECLARE
	started timestamp with time zone := clock_timestamp();
	effective record;
BEGIN
	FOR i IN 1 .. repeat LOOP
		SELECT p.name, p.limits, p.features INTO effective
		FROM account.accounts a
		JOIN account.subscriptions s ON s.account_id = a.billed_account_id
		JOIN account.plans p ON p.plan_id = s.plan_id
		WHERE a.account_id = bench.account((1 + i::bigint * 7919 % accounts)::integer);
	END LOOP;
	seconds := bench.seconds_since(started);
END
$$;

-- The same rows by hand.  The twins have the same rows, indexes and checks, and foreign
-- keys for what the functions lock and look at.
CREATE SCHEMA twin;
DO $$
DECLARE
	name text;
	columns text;
BEGIN
	FOREACH name IN ARRAY '{accounts,profiles,grants,workspaces,keys,credentials,uses}'::text[] LOOP
		EXECUTE format('CREATE TABLE twin.%1$I (LIKE account.%1$I INCLUDING ALL)', name);
		SELECT string_agg(quote_ident(attname), ', ') INTO columns
		FROM pg_attribute
		WHERE attrelid = ('account.' || name)::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
		EXECUTE format('INSERT INTO twin.%1$I (%2$s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM account.%1$I', name, columns);
	END LOOP;
END
$$;
ALTER TABLE twin.accounts
	ADD FOREIGN KEY (parent_account_id) REFERENCES twin.accounts,
	ADD FOREIGN KEY (billed_account_id) REFERENCES twin.accounts;
ALTER TABLE twin.profiles ADD FOREIGN KEY (account_id) REFERENCES twin.accounts;
ALTER TABLE twin.keys ADD FOREIGN KEY (profile_id) REFERENCES twin.profiles;
VACUUM (ANALYZE) account.accounts, account.profiles, account.grants, account.workspaces, account.keys,
	account.credentials, account.uses,
	twin.accounts, twin.profiles, twin.grants, twin.workspaces, twin.keys, twin.credentials, twin.uses;

CREATE PROCEDURE bench.create_by_function(repeat integer, INOUT seconds double precision)
	LANGUAGE plpgsql
	AS $$
DECLARE
	parent_id uuid := (SELECT account_id FROM bench.small_root);
	started timestamp with time zone;
	made record;
BEGIN
	COMMIT;
	started := clock_timestamp();
	FOR i IN 1 .. repeat LOOP
		SELECT id, name, api_key, created_at INTO made
		FROM account.create_account('New account', parent_id, description => 'made by hand', labels => '{"made": "now"}');
		COMMIT;
	END LOOP;
	seconds := bench.seconds_since(started);
END
$$;

CREATE PROCEDURE bench.create_by_hand(repeat integer, INOUT seconds double precision)
	LANGUAGE plpgsql
	AS $$
DECLARE
	parent record;
	parent_id uuid := (SELECT account_id FROM bench.small_root);
	started timestamp with time zone;
	new_account_id uuid;
	new_profile_id uuid;
	new_workspace_id uuid;
	new_key_id uuid;
	new_token text;
	new_digest bytea;
	made record;
BEGIN
	COMMIT;
	started := clock_timestamp();
	FOR i IN 1 .. repeat LOOP
		SELECT path, billed_account_id INTO parent FROM twin.accounts WHERE account_id = parent_id;
		new_account_id := gen_random_uuid();
		new_profile_id := gen_random_uuid();
		new_workspace_id := gen_random_uuid();
		new_key_id := gen_random_uuid();
		new_token := 'prod_acctsec_' || encode(gen_random_bytes(32), 'hex');
		new_digest := digest(new_token, 'sha256');
		INSERT INTO twin.accounts (account_id, parent_account_id, path, billed_account_id, name, branding, description,
				labels, last_updated_config_at)
			VALUES (new_account_id, parent_id, parent.path || new_account_id, parent.billed_account_id, 'New account',
				'{"suppress_from_reports": false}', 'made by hand', '{"made": "now"}', now());
		INSERT INTO twin.profiles (profile_id, account_id, kind, name, system)
			VALUES (new_profile_id, new_account_id, 'service_account', 'system', true);
		INSERT INTO twin.grants (grant_id, profile_id, role_id)
			VALUES (gen_random_uuid(), new_profile_id, '00000000-0000-4000-8000-00000000a001');
		INSERT INTO twin.workspaces (workspace_id, account_id, name)
			VALUES (new_workspace_id, new_account_id, 'default');
		INSERT INTO twin.keys (api_key_id, account_id, profile_id, name, preview, system)
			VALUES (new_key_id, new_account_id, new_profile_id, 'system', left(new_token, 17) || '…' || right(new_token, 4), true);
		INSERT INTO twin.credentials (digest, entry, kind, credential_id, account_id, profile_id, permissions)
			VALUES (new_digest, 0, 'k', new_key_id, new_account_id, new_profile_id, '{*:*}');
		INSERT INTO twin.credentials (digest, entry, kind, credential_id, account_id, workspace_id)
			VALUES (new_digest, 1, 'w', new_key_id, new_account_id, new_workspace_id);
		INSERT INTO twin.uses (credential_id) VALUES (new_key_id);
		SELECT account_id, name, new_token, created_at INTO made FROM twin.accounts WHERE account_id = new_account_id;
		COMMIT;
	END LOOP;
	seconds := bench.seconds_since(started);
END
$$;

INSERT INTO bench.measures (name, variant, role, call) VALUES
	('plan', 'function', 'postgres', format('bench.read_plan_function(%s, %s, NULL)', 5000 * :repeat / 100, :accounts)),
	('plan', 'join', 'postgres', format('bench.read_plan_join(%s, %s, NULL)', 5000 * :repeat / 100, :accounts)),
	('change plan', 'small', 'postgres', format('bench.change_plan(%L, %s, NULL)', (SELECT account_id FROM bench.small_root), 500 * :repeat / 100)),
	('change plan', 'large', 'postgres', format('bench.change_plan(%L, %s, NULL)', bench.account(0), 500 * :repeat / 100)),
	('create account', 'function', 'postgres', format('bench.create_by_function(%s, NULL)', 500 * :repeat / 100)),
	('create account', 'hand', 'postgres', format('bench.create_by_hand(%s, NULL)', 500 * :repeat / 100));

INSERT INTO bench.comparisons (section, name, what, variant, against, reference, aim) VALUES
	('Accounts', 'plan', 'effective_plan()', 'function', 'join', 'join of three primary keys', 1.10),
	('Accounts', 'change plan', format('set_plan(), %s sub-accounts', :accounts), 'large', 'small', 'set_plan(), 1 sub-account', 1.10),
	('Accounts', 'create account', 'create_account()', 'function', 'hand', 'the same INSERTs in a PL/pgSQL block', 1.20);
