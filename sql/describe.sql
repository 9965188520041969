-- describe: accounts, profiles and keys as {metadata, spec, info}.
\set VERBOSITY terse
CREATE ROLE regress_describe;
SELECT account.grant_access('regress_describe', 'tenant');
SET client_min_messages = error;
SET account.exchange_identity = on;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme', NULL, '{}', 'makes anvils', 'acme.example', 'billing@acme.example', 'describe-1', '{"tier": "gold"}') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('globex') \gset
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT id AS child, api_key AS child_key FROM account.create_account('child') \gset
SELECT account.create_user('ann@describe.example') AS ann \gset
SELECT account.add_member(:'ann', 'admin') AS ann_profile \gset
COMMIT;
SELECT api_key AS app FROM account.create_application_key('app', '{read:api_keys,read:members}') \gset
SELECT profile_id AS acme_profile FROM account.profiles WHERE account_id = :'acme' AND system \gset
SELECT profile_id AS child_profile FROM account.profiles WHERE account_id = :'child' AND system \gset
-- Ids by name, and a document without the ids that differ at each run.
CREATE TABLE pg_temp.names AS SELECT * FROM (VALUES (:'acme', 'ACME'), (:'globex', 'GLOBEX'), (:'child', 'CHILD'), (:'ann', 'ANN'), (:'ann_profile', 'ANN-PROFILE'), (:'acme_profile', 'ACME-SYSTEM'), (:'child_profile', 'CHILD-SYSTEM')) v (id, name)
	UNION SELECT workspace_id::text, 'WORKSPACE' FROM account.workspaces UNION SELECT api_key_id::text, 'KEY' FROM account.keys
	UNION SELECT account.webhook_secret(account_id), 'SECRET' FROM account.accounts;
GRANT SELECT ON pg_temp.names TO regress_describe;
CREATE FUNCTION pg_temp.named(document jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE n record;
BEGIN
	FOR n IN SELECT * FROM names LOOP
		document := replace(document::text, n.id, n.name)::jsonb;
	END LOOP;
	RETURN jsonb_pretty(document);
END $$;
CREATE FUNCTION pg_temp.try(token text, call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF token IS NOT NULL THEN
		PERFORM account.authenticate(token);
	END IF;
	EXECUTE 'SELECT account.' || call;
	RAISE EXCEPTION 'allowed';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END $$;
SET client_min_messages = warning;
SET ROLE regress_describe;

-- S3.1, S3.2, S3.5, S3.7, S3.9, S3.13, S3.14, S3.17, S3.18, S3.19, S3.22, S3.26: the account of the caller's token, key by key.
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT pg_temp.named(account.describe_account());
-- S3.15, S3.16, D2: no token, in any form, and no part of one.
SELECT account.describe_account()::text LIKE '%' || left(:'acme_key', 17) || '%' AS preview, account.describe_account() #> '{info,globalApiKey,spec}' ? 'token' AS token;
-- S3.20, S3.21: a profile: a user, or what is none.
SELECT pg_temp.named(account.describe_profile(:'ann_profile'));
SELECT pg_temp.named(account.describe_profile(:'acme_profile'));
COMMIT;

-- S3.3, S3.19: previews are at most five, whatever there is; the total is the total.
RESET ROLE;
SELECT count(account.create_workspace('workspace ' || n, :'acme')) FROM generate_series(1, 6) n;
SELECT count(account.grant_workspace(:'ann_profile', workspace_id)) FROM account.workspaces WHERE account_id = :'acme';
SELECT api_key_id AS anns_key_id, api_key AS anns_key FROM account.create_api_key(:'ann_profile', 'ann''s', '{read:accounts}', workspace_ids => ARRAY(SELECT workspace_id FROM account.workspaces WHERE account_id = :'acme')) \gset
SELECT count(account.create_role('role ' || n, '{read:accounts}', account_id => :'acme')) FROM generate_series(1, 6) n;
SELECT count(account.assign_role(:'ann_profile', 'role ' || n)) FROM generate_series(1, 6) n;
SET ROLE regress_describe;
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT jsonb_array_length(d #> '{spec,workspaces}') AS workspaces FROM account.describe_account() d;
SELECT d #> '{info,workspacesTotal}' AS total, jsonb_array_length(d #> '{info,workspacesPreview}') AS preview, d #> '{spec}' AS spec FROM account.describe_api_key(:'anns_key_id') d;
SELECT d #> '{spec,rolesTotal}' AS total, d #> '{spec,rolesPreview}' AS preview FROM account.describe_profile(:'ann_profile') d;
COMMIT;

-- S3.9: globalApiKey is the newest live key of the system service account, and null where there is none.
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT api_key_id AS second_id FROM account.create_api_key(:'acme_profile', 'second', '{read:accounts}', description => 'newer') \gset
COMMIT;
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
-- S3.20: createdBy is the profile that issued it.
SELECT k #>> '{metadata,name}' AS name, k #> '{spec}' AS spec, k #>> '{info,createdBy,metadata,name}' AS by, k #>> '{info,createdBy,spec,kind}' AS kind FROM (SELECT account.describe_account() #> '{info,globalApiKey}' AS k) d;
SELECT account.revoke_api_key(:'second_id');
SELECT account.describe_account() #>> '{info,globalApiKey,metadata,name}' AS name;
SELECT account.revoke_api_key((account.describe_account() #>> '{info,globalApiKey,metadata,id}')::uuid);
SELECT account.describe_account() #> '{info,globalApiKey}' AS none;
ROLLBACK;

-- B4, D6: also those below; of their keys what read:api_keys shows. Of what is above, nothing but ids.
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT d #>> '{metadata,name}' AS name, d #>> '{metadata,profileId}' = :'child_profile' AS profile, d #>> '{info,globalApiKey,info,createdBy,metadata,name}' AS "key by" FROM account.describe_account(:'child') d;
SELECT api_key AS reader FROM account.create_api_key(:'acme_profile', 'reader', '{read:accounts}') \gset
SELECT FROM account.authenticate(:'reader');
SELECT d #>> '{metadata,name}' AS name, d #> '{info,globalApiKey}' AS key, d #> '{spec,workspaces}' AS workspaces FROM account.describe_account(:'child') d;
SELECT d #>> '{info,globalApiKey,metadata,name}' AS key, d #> '{spec,workspaces}' AS workspaces FROM account.describe_account() d;
SELECT FROM account.authenticate(:'child_key');
SELECT d #>> '{info,globalApiKey,metadata,name}' AS key, pg_temp.named(d #> '{info,globalApiKey,info,createdBy}') AS by FROM account.describe_account() d;
ROLLBACK;

-- Who may: a profile itself, a key itself, who reads members, service accounts, keys. Out of reach and not there read alike (LEAK-21).
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT api_key AS members FROM account.create_api_key(:'acme_profile', 'members', '{read:members}') \gset
SELECT api_key AS robots FROM account.create_api_key(:'acme_profile', 'robots', '{manage:service_accounts}') \gset
SELECT api_key_id AS keys_id, api_key AS keys FROM account.create_api_key(:'acme_profile', 'keys', '{read:api_keys}') \gset
SELECT account.create_service_account('robot', 'member') AS robot \gset
COMMIT;
RESET ROLE;
SELECT profile_id AS robot FROM account.profiles WHERE account_id = :'acme' AND name = 'robot' \gset
SET ROLE regress_describe;
SELECT p.name, pg_temp.try(:'members', format('describe_profile(%L)', p.id)) AS "reads members", pg_temp.try(:'robots', format('describe_profile(%L)', p.id)) AS "reads robots", pg_temp.try(:'keys', format('describe_profile(%L)', p.id)) AS "reads keys",
	pg_temp.try(:'anns_key', format('describe_profile(%L)', p.id)) AS ann, pg_temp.try(:'child_key', format('describe_profile(%L)', p.id)) AS "the child", pg_temp.try(NULL, format('describe_profile(%L)', p.id)) AS nobody
FROM (VALUES (1, 'ann', :'ann_profile'::uuid), (2, 'a robot', :'robot'), (3, 'of the child', :'child_profile'), (4, 'unknown', gen_random_uuid()), (5, 'NULL', NULL)) p (n, name, id) ORDER BY n;
SELECT k.name, pg_temp.try(:'keys', format('describe_api_key(%L)', k.id)) AS "reads keys", pg_temp.try(:'members', format('describe_api_key(%L)', k.id)) AS "reads members", pg_temp.try(:'anns_key', format('describe_api_key(%L)', k.id)) AS ann,
	pg_temp.try(:'globex_key', format('describe_api_key(%L)', k.id)) AS "a stranger", pg_temp.try(NULL, format('describe_api_key(%L)', k.id)) AS nobody
FROM (VALUES (1, 'ann''s', :'anns_key_id'::uuid), (2, 'another', :'keys_id'), (3, 'unknown', gen_random_uuid()), (4, 'NULL', NULL)) k (n, name, id) ORDER BY n;
SELECT a.name, pg_temp.try(:'child_key', format('describe_account(%L)', a.id)) AS "the child", pg_temp.try(:'acme_key', format('describe_account(%L)', a.id)) AS acme, pg_temp.try(NULL, format('describe_account(%L)', a.id)) AS nobody
FROM (VALUES (1, 'acme', :'acme'::uuid), (2, 'the child', :'child'), (3, 'a stranger', :'globex'), (4, 'unknown', gen_random_uuid()), (5, 'NULL', NULL)) a (n, name, id) ORDER BY n;
-- Who may not read a profile sees of a key's creator the ids.
BEGIN;
SELECT FROM account.authenticate(:'keys');
SELECT pg_temp.named(account.describe_api_key(:'keys_id') #> '{info,createdBy,metadata}') AS own;
SELECT FROM account.act_as(:'app', :'acme');
SELECT account.describe_api_key(:'keys_id') #> '{info,createdBy,metadata,name}' AS "of a robot", account.describe_api_key(:'keys_id') #> '{info,createdBy,spec}' AS spec;
COMMIT;
-- S3.8: what the system fills in is nobody's to write: no update takes it.
SELECT pg_temp.try(:'acme_key', format('update_account(%L, %L)', :'acme', c)) FROM unnest('{"{\"info\": {\"globalApiKey\": null}}","{\"metadata\": {\"accountId\": null}}"}'::text[]) c;
RESET ROLE;
SELECT pg_temp.try(NULL, 'describe_account()') AS "an administrator of none", account.describe_account(:'globex') #>> '{metadata,name}' AS "of one";
DROP OWNED BY regress_describe;
DROP ROLE regress_describe;
