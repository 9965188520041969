-- review: keys that are due, credentials that nobody uses, profiles that have too much (S4.21, S4.22, S4.23).
\set VERBOSITY terse
SET timezone = 'UTC';
CREATE ROLE regress_review;
SELECT account.grant_access('regress_review', 'tenant');
SET client_min_messages = error;
SELECT count(account.define_permission(p)) AS defined FROM unnest('{read:notes,write:notes}'::text[]) p;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('globex') \gset
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT account.current_profile_id() AS profile, account.current_api_key_id() AS acmes_id \gset
SELECT id AS child, api_key AS child_key FROM account.create_account('child') \gset
SELECT api_key AS blind FROM account.create_api_key(:'profile', 'blind', '{read:notes}') \gset
SELECT api_key AS half FROM account.create_api_key(:'profile', 'half', '{read:api_keys}') \gset
COMMIT;
-- Makes a key that much older than it is.
CREATE FUNCTION pg_temp.age(id uuid, made interval, used interval) RETURNS boolean LANGUAGE sql AS $$
	UPDATE account.keys SET created_at = now() - made WHERE api_key_id = id;
	UPDATE account.uses SET used_at = COALESCE(now() - used, '-infinity') WHERE credential_id = id RETURNING true;
$$;

-- S4.22: a key is due when it is older than account.key_max_age, or ends within a week; one that is replaced, revoked or over is not.
BEGIN;
SELECT count(pg_temp.age(k.api_key_id, v.made, '1 hour')) AS made
FROM (VALUES ('young', interval '89 days', NULL), ('old', '91 days', NULL), ('very old', '400 days', NULL), ('ends soon', '1 day', interval '6 days'), ('ends later', '1 day', '8 days'), ('old and ends soon', '91 days', '5 days'),
	('replaced', '91 days', NULL), ('revoked', '91 days', NULL), ('over', '91 days', '1 microsecond')) v (name, made, ends), account.create_api_key(:'profile', v.name, '{read:notes}', v.ends) k;
SELECT r.name FROM account.keys k, account.rotate_api_key(k.api_key_id, '1 day') r WHERE k.name = 'replaced' AND k.account_id = :'acme';
SELECT account.revoke_api_key(api_key_id) FROM account.keys WHERE name = 'revoked' AND account_id = :'acme';
SELECT name, reason, extract(day FROM age) AS age, round(extract(epoch FROM expires_at - now()) / 86400) AS ends_in, extract(day FROM now() - due_since) AS due_for, profile_id = :'profile' AND preview LIKE 'prod_acctsec_%…%' AS acmes
FROM account.keys_due_for_rotation WHERE account_id = :'acme' ORDER BY due_since, name;
SET LOCAL account.key_max_age = '200d';
SELECT name, reason FROM account.keys_due_for_rotation WHERE account_id = :'acme' ORDER BY due_since, name;
ROLLBACK;

-- S4.21: what was not used for 90 days, or never: keys, and service accounts all of whose keys were not.
BEGIN;
SELECT count(pg_temp.age(k.api_key_id, '200 days', v.used)) AS made
FROM (VALUES ('used', interval '89 days'), ('unused', '91 days'), ('never', NULL), ('unused and revoked', '91 days')) v (name, used), account.create_api_key(:'profile', v.name, '{read:notes}') k;
SELECT account.revoke_api_key(api_key_id) FROM account.keys WHERE name = 'unused and revoked' AND account_id = :'acme';
SELECT count(pg_temp.age(s.api_key_id, '200 days', v.used)) AS made
FROM (VALUES ('busy robot', interval '1 day'), ('idle robot', '100 days'), ('new robot', NULL), ('robot with two keys', '100 days')) v (name, used), account.create_service_account(v.name, 'auditor', account_id => :'acme') s;
SELECT pg_temp.age(k.api_key_id, '200 days', '1 day') AS aged FROM account.profiles p, account.create_api_key(p.profile_id, 'its second') k WHERE p.name = 'robot with two keys' AND p.account_id = :'acme';
SELECT kind, name, preview IS NOT NULL AS preview, extract(day FROM unused_for) AS days, last_used_at IS NULL AS never
FROM account.unused_credentials WHERE account_id = :'acme' AND name NOT IN ('blind', 'half') ORDER BY kind, name;
-- It is told apart by its id, and revoked by it.
SELECT account.revoke_api_key(credential_id, 'unused') FROM account.unused_credentials WHERE kind = 'api_key' AND name = 'unused' AND account_id = :'acme';
SELECT count(*) FROM account.unused_credentials WHERE kind = 'api_key' AND name = 'unused' AND account_id = :'acme';
ROLLBACK;

-- S4.21: service accounts that are owners, or have a role of * or manage:*, or roles and no key; and keys that name more than their profile has now.
BEGIN;
SELECT FROM account.authenticate(:'acme_key');
SELECT account.create_role('wide', '{*:notes,manage:*,read:*}') IS NOT NULL AS wide, account.create_role('narrow', '{read:notes,write:notes}') AS narrow \gset
SELECT count(s.api_key_id) FROM unnest('{wide,narrow,owner,auditor}'::text[]) role, account.create_service_account(role || ' robot', role) s;
SELECT account.revoke_api_key(k.api_key_id) FROM account.keys k JOIN account.profiles p USING (profile_id) WHERE p.name = 'auditor robot' AND p.account_id = :'acme';
SELECT name, api_key_id IS NOT NULL AS of_key, finding, detail FROM account.over_privileged_profiles ORDER BY name, finding, detail;
SELECT account.update_role(:'narrow', '{"permissions": ["read:notes", "read:accounts"], "denied": ["read:accounts"]}');
SELECT name, api_key_id IS NOT NULL AS of_key, finding, detail FROM account.over_privileged_profiles WHERE name = 'narrow robot';
ROLLBACK;
-- A key that stands for whatever its profile has is none of them, nor is one that names what the profile has in one workspace alone.
BEGIN;
SELECT workspace_id AS workspace FROM account.workspaces WHERE account_id = :'acme' \gset
SELECT profile_id AS robot FROM account.create_service_account('robot', 'member', account_id => :'acme') \gset
SELECT account.create_role('writer', '{write:notes}', account_id => :'acme') IS NOT NULL AS made, account.assign_role(:'robot', 'writer', :'workspace');
SELECT name FROM account.create_api_key(:'robot', 'of the workspace', '{write:notes}', workspace_ids => ARRAY[:'workspace']::uuid[]);
SELECT name FROM account.create_api_key(:'robot', 'everything');
SELECT name, finding FROM account.over_privileged_profiles WHERE account_id = :'acme';
SELECT account.unassign_role(:'robot', 'writer', :'workspace');
SELECT name, finding, detail FROM account.over_privileged_profiles WHERE account_id = :'acme';
ROLLBACK;

-- Who sees them: administrators all; an account its own and those below, with permission to read what they are about.
BEGIN;
SELECT count(pg_temp.age(api_key_id, '100 days', NULL)) AS aged FROM account.keys WHERE account_id IN (:'acme', :'globex', :'child');
SELECT s.name AS robot FROM unnest(ARRAY[:'acme', :'globex', :'child']::uuid[]) id, account.create_service_account('robot', 'owner', account_id => id) s;
CREATE FUNCTION pg_temp.seen(who text, token text, ids uuid[]) RETURNS TABLE ("by" text, due bigint, unused_keys bigint, unused_accounts bigint, over_privileged bigint, others boolean) LANGUAGE plpgsql AS $$
BEGIN
	IF token IS NOT NULL THEN
		PERFORM account.authenticate(token);
	END IF;
	RETURN QUERY SELECT who, (SELECT count(*) FROM account.keys_due_for_rotation WHERE account_id = ANY (ids)), (SELECT count(*) FROM account.unused_credentials u WHERE u.kind = 'api_key' AND account_id = ANY (ids)),
		(SELECT count(*) FROM account.unused_credentials u WHERE u.kind = 'service_account' AND account_id = ANY (ids)), (SELECT count(*) FROM account.over_privileged_profiles WHERE account_id = ANY (ids)),
		EXISTS (SELECT account_id FROM account.keys_due_for_rotation UNION ALL SELECT account_id FROM account.unused_credentials UNION ALL SELECT account_id FROM account.over_privileged_profiles EXCEPT SELECT unnest(ids));
END $$;
SELECT due, unused_keys, unused_accounts, over_privileged FROM pg_temp.seen('administrator', NULL, ARRAY[:'acme', :'globex', :'child']::uuid[]);
SET LOCAL account.exchange_identity = on;
SET LOCAL ROLE regress_review;
SELECT s.* FROM (VALUES (0, 'nobody', NULL, NULL), (1, 'acme', :'acme_key', ARRAY[:'acme', :'child']), (2, 'its child', :'child_key', ARRAY[:'child']), (3, 'globex', :'globex_key', ARRAY[:'globex']),
	(4, 'who reads keys alone', :'half', ARRAY[:'acme', :'child']), (5, 'who reads neither', :'blind', ARRAY[:'acme', :'child'])) w (n, who, token, ids), pg_temp.seen(who, token, ids::uuid[]) s ORDER BY n;
ROLLBACK;

DROP OWNED BY regress_review;
DROP ROLE regress_review;
