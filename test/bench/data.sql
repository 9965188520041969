-- Accounts and keys.  Variables: accounts, keys (credentials in all), used (keys
-- whose tokens are known).  Account 0 is a root with all the others below it.  Bulk
-- rows are inserted as they would stand after create_account() and
-- create_api_key(); the keys that are used are made by create_api_key() itself.

SET session_replication_role = replica;

INSERT INTO account.accounts (account_id, parent_account_id, path, billed_account_id, name, branding, labels)
	SELECT bench.account(i),
		CASE WHEN i > 0 THEN bench.account(0) END,
		CASE WHEN i > 0 THEN ARRAY[bench.account(0), bench.account(i)] ELSE ARRAY[bench.account(0)] END,
		bench.account(0), 'Account ' || i, '{"suppress_from_reports": false}', '{}'
	FROM generate_series(0, :accounts) i;

INSERT INTO account.profiles (profile_id, account_id, kind, name, system)
	SELECT bench.profile(i), bench.account(i), 'service_account', 'system', true
	FROM generate_series(1, least(:accounts, :used)) i;

INSERT INTO account.grants (grant_id, profile_id, role_id)
	SELECT bench.credential(i), bench.profile(i), r.role_id
	FROM generate_series(1, least(:accounts, :used)) i, account.roles r
	WHERE r.name = 'owner' AND r.account_id IS NULL;

INSERT INTO account.workspaces (workspace_id, account_id, name)
	SELECT bench.account(i), bench.account(i), 'default'
	FROM generate_series(1, least(:accounts, :used)) i;

-- Ascending digests are quick to index; those of the used keys fall among them at
-- random.
INSERT INTO account.credentials (digest, entry, kind, credential_id, account_id, profile_id, permissions)
	SELECT int4send((-2147483648 + i * (4294967295 / :keys))::integer) || substr(sha256(int4send(i)), 1, 28), 0, 'k',
		bench.credential(i), bench.account(1 + i % :accounts), bench.profile(1 + i % :accounts),
		'{read:*,create:*,update:*,delete:*}'
	FROM generate_series(1, :keys - :used) i;
INSERT INTO account.uses (credential_id)
	SELECT bench.credential(i) FROM generate_series(1, :keys - :used) i;

RESET session_replication_role;

CREATE TABLE bench.tokens (
	position integer PRIMARY KEY,
	account_id uuid NOT NULL,
	token text NOT NULL,
	digest bytea NOT NULL
);

-- Each key takes locks until its transaction ends.
CREATE PROCEDURE bench.make_keys(count integer, accounts integer)
	LANGUAGE plpgsql
	AS $$
BEGIN
	FOR i IN 1 .. count LOOP
		INSERT INTO bench.tokens (position, account_id, token, digest)
			SELECT i, account_id, api_key, sha256(api_key::bytea)
			FROM account.create_api_key(bench.profile(1 + i % accounts), 'Key ' || i, '{read:*,create:*,update:*,delete:*}');
		COMMIT;
	END LOOP;
END
$$;
CALL bench.make_keys(:used, least(:accounts, :used));
GRANT USAGE ON SCHEMA bench TO bench_app;
GRANT SELECT ON bench.tokens TO bench_app;
