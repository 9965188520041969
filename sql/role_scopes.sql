-- role_scopes: what the roles of a profile add up to: union, denials, workspaces, services, accounts below, an end.
\set VERBOSITY terse
SET client_min_messages = error;
CREATE ROLE regress_scopes;
SELECT account.grant_access('regress_scopes', 'tenant');
CREATE FUNCTION pg_temp.attempt(token text, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text;
	detail text;
	message text;
BEGIN
	IF token IS NOT NULL THEN
		PERFORM account.authenticate(token);
	END IF;
	EXECUTE 'SELECT account.' || call;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL, message = MESSAGE_TEXT;
	IF state NOT LIKE 'TA%' THEN
		RETURN state || ': ' || message;
	END IF;
	RETURN concat(detail::json ->> 'error', ': ', COALESCE(
		(SELECT string_agg(concat(e ->> 'path', ' ', e -> 'context' ->> 'errorType'), ', ')
			FROM json_array_elements(detail::json -> 'validationErrors') e), message));
END $$;
SET account.exchange_identity = on;
SELECT account.define_permission(verb || ':notes') FROM unnest('{read,write,burn}'::text[]) verb;
SELECT id AS acme, api_key AS acme_key FROM account.create_account('Acme') \gset
SELECT id AS north, api_key AS north_key FROM account.create_account('Acme North', :'acme') \gset
SELECT id AS globex, api_key AS globex_key FROM account.create_account('Globex') \gset
SELECT api_key AS app FROM account.create_application_key('app', '{*:*}') \gset
-- A user as a member of an account, with no role yet.
CREATE FUNCTION pg_temp.join(member uuid, account uuid) RETURNS uuid LANGUAGE sql BEGIN ATOMIC
	INSERT INTO account.profiles (profile_id, account_id, kind, user_id, name) VALUES (md5(concat(member, account))::uuid, account, 'user', member, 'a user');
	INSERT INTO account.user_memberships (user_id, account_id, profile_id) VALUES (member, account, md5(concat(member, account))::uuid) RETURNING profile_id;
END;
\set ann '00000000-0000-4000-8000-000000000a11'
\set bob '00000000-0000-4000-8000-000000000b0b'
SELECT pg_temp.join(:'ann', :'acme') AS ann_acme, pg_temp.join(:'ann', :'globex') AS ann_globex, pg_temp.join(:'bob', :'acme') AS bob_acme \gset
SET ROLE regress_scopes;
-- Who a transaction is by: a user in an account; what it may do in the account, in a workspace, for a service.
CREATE FUNCTION pg_temp.may(app text, member uuid, account uuid, workspace uuid, service text) RETURNS text LANGUAGE sql
	RETURN (SELECT COALESCE(string_agg(p, ' ' ORDER BY p COLLATE "C") FILTER (WHERE account.has_permission(p || ':notes', workspace, service)), 'nothing')
		FROM account.act_as(app, account, member) i, unnest('{read,write,burn}'::text[]) p WHERE i.user_id = member);
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT account.create_workspace('red') AS red, account.create_workspace('blue') AS blue \gset
SELECT account.create_role(name, permissions, denied) IS NOT NULL AS created FROM (VALUES
	('reader', '{read:notes}'::text[], '{}'::text[]), ('writer', '{write:notes}', '{}'), ('all', '{*:notes}', '{}'), ('harmless', '{}', '{burn:*}'), ('mute', '{read:*}', '{write:notes}')) r (name, permissions, denied);
COMMIT;

-- S5.7, S5.11: without roles a member may do nothing.
SELECT pg_temp.may(:'app', :'ann', :'acme', NULL, NULL);
-- S5.12: what one may do is all that one's roles grant.
SELECT pg_temp.attempt(:'acme_key', format($$assign_role(%L, 'reader')$$, :'ann_acme')), pg_temp.attempt(:'acme_key', format($$assign_role(%L, 'writer')$$, :'ann_acme'));
SELECT pg_temp.may(:'app', :'ann', :'acme', NULL, NULL);
-- B7: a denial of one role overrides the grants of all; and is gone with its role.
SELECT pg_temp.attempt(:'acme_key', format($$assign_role(%L, 'all')$$, :'ann_acme')), pg_temp.attempt(:'acme_key', format($$assign_role(%L, 'harmless')$$, :'ann_acme'));
SELECT pg_temp.may(:'app', :'ann', :'acme', NULL, NULL);
SELECT pg_temp.attempt(:'acme_key', format($$unassign_role(%L, 'harmless')$$, :'ann_acme'));
SELECT pg_temp.may(:'app', :'ann', :'acme', NULL, NULL);
SELECT pg_temp.attempt(:'acme_key', format($$unassign_role(%L, %L)$$, :'ann_acme', role)) FROM unnest('{all,writer}'::text[]) role;

-- S5.23: a role in a workspace is a role there and nowhere else, and the reach of it; what one may do in the account one may do there too (B7).
SELECT pg_temp.attempt(:'acme_key', format($$assign_role(%L, 'writer', %L)$$, :'ann_acme', :'red'));
SELECT pg_temp.may(:'app', :'ann', :'acme', NULL, NULL) AS account, pg_temp.may(:'app', :'ann', :'acme', :'red', NULL) AS red, pg_temp.may(:'app', :'ann', :'acme', :'blue', NULL) AS blue;
-- A role for a service counts where that service asks; in a workspace too, for both alone.
SELECT pg_temp.attempt(:'acme_key', format($$assign_role(%L, 'all', NULL, 'billing')$$, :'ann_acme')), pg_temp.attempt(:'acme_key', format($$assign_role(%L, 'harmless', %L, 'billing')$$, :'ann_acme', :'red'));
SELECT service, pg_temp.may(:'app', :'ann', :'acme', NULL, service) AS account, pg_temp.may(:'app', :'ann', :'acme', :'red', service) AS red FROM unnest('{billing,search}'::text[]) service;
-- A denial of the account is one in its workspaces; one in a workspace is none elsewhere.
SELECT pg_temp.attempt(:'acme_key', format($$assign_role(%L, 'mute', %L)$$, :'ann_acme', :'red'));
SELECT pg_temp.may(:'app', :'ann', :'acme', NULL, 'billing') AS account, pg_temp.may(:'app', :'ann', :'acme', :'red', NULL) AS red;
SELECT pg_temp.attempt(:'acme_key', format($$assign_role(%L, 'mute')$$, :'bob_acme')), pg_temp.attempt(:'acme_key', format($$assign_role(%L, 'all', %L)$$, :'bob_acme', :'red'));
SELECT pg_temp.may(:'app', :'bob', :'acme', NULL, NULL) AS account, pg_temp.may(:'app', :'bob', :'acme', :'red', NULL) AS red;
-- They are listed with their scopes, for who manages roles, and for everybody their own.
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT CASE profile_id WHEN :'ann_acme' THEN 'ann' ELSE 'bob' END AS who, role, CASE workspace_id WHEN :'red' THEN 'red' END AS workspace, service, descendants, expires_at, created_by IS NOT NULL AS by_somebody
FROM account.role_assignments WHERE profile_id IN (:'ann_acme', :'bob_acme') ORDER BY 1, 2, 3, 4;
SELECT user_id = :'ann' AS ann FROM account.act_as(:'app', :'acme', :'ann');
SELECT role, profile_id = :'ann_acme' AS own FROM account.role_assignments ORDER BY 1;
COMMIT;
-- It is taken away in the scope that it was given in.
SELECT pg_temp.attempt(:'acme_key', format($$unassign_role(%L, 'writer')$$, :'ann_acme')) AS elsewhere, pg_temp.attempt(:'acme_key', format($$unassign_role(%L, 'writer', %L)$$, :'ann_acme', :'red')) AS there,
	pg_temp.attempt(:'acme_key', format($$unassign_role(%L, 'writer', %L)$$, :'ann_acme', :'red')) AS again;

-- S5.10: one user, several accounts; what it has in one is nothing in another.
SELECT pg_temp.may(:'app', :'ann', :'acme', NULL, NULL) AS acme, pg_temp.may(:'app', :'ann', :'globex', NULL, NULL) AS globex;
SELECT pg_temp.attempt(:'globex_key', format($$assign_role(%L, 'reader')$$, :'ann_globex')) AS role_of_another_account, pg_temp.attempt(:'globex_key', format($$assign_role(%L, 'member')$$, :'ann_globex')) AS built_in;
-- ... and sub-accounts: where it is said so, and for users alone.
SELECT pg_temp.attempt(:'app', 'get_account()') AS no_key, pg_temp.may(:'app', :'bob', :'acme', NULL, NULL) AS acme;
SELECT user_id FROM account.act_as(:'app', :'north', :'bob');
SELECT pg_temp.attempt(:'acme_key', format($$assign_role(%L, 'all', descendants => true)$$, :'bob_acme'));
SELECT pg_temp.may(:'app', :'bob', :'acme', NULL, NULL) AS acme, pg_temp.may(:'app', :'bob', :'north', NULL, NULL) AS north;
SELECT user_id FROM account.act_as(:'app', :'north', :'ann');
-- Assigned again, it takes the place of the first.
SELECT pg_temp.attempt(:'acme_key', format($$assign_role(%L, 'all')$$, :'bob_acme'));
RESET ROLE;
SELECT descendants, count(*) FROM account.grants g JOIN account.roles r USING (role_id) WHERE profile_id = :'bob_acme' AND name = 'all' AND workspace_id IS NULL GROUP BY 1;
SET ROLE regress_scopes;
SELECT user_id FROM account.act_as(:'app', :'north', :'bob');
-- Who may give a role for the accounts below: an owner, or who has it for them.
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT profile_id AS clerk, api_key AS clerk_key FROM account.create_service_account('clerk', 'admin') \gset
COMMIT;
CREATE FUNCTION pg_temp.attempt_by(app text, member uuid, account uuid, call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM account.act_as(app, account, member);
	EXECUTE 'SELECT account.' || call;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END $$;
SELECT pg_temp.attempt(:'acme_key', format($$assign_role(%L, 'admin')$$, :'ann_acme'));
SELECT pg_temp.attempt_by(:'app', :'ann', :'acme', format($$assign_role(%L, 'admin')$$, :'bob_acme')) AS here, pg_temp.attempt_by(:'app', :'ann', :'acme', format($$assign_role(%L, 'admin', descendants => true)$$, :'bob_acme')) AS below,
	pg_temp.attempt_by(:'app', :'ann', :'acme', format($$assign_role(%L, 'admin', descendants => true)$$, :'ann_acme')) AS oneself, pg_temp.attempt(:'clerk_key', format($$assign_role(%L, 'member', descendants => true)$$, :'bob_acme')) AS a_key;
SELECT pg_temp.attempt(:'acme_key', format($$assign_role(%L, 'admin', descendants => true)$$, :'ann_acme'));
SELECT pg_temp.attempt_by(:'app', :'ann', :'acme', format($$assign_role(%L, 'admin', descendants => true)$$, :'bob_acme')) AS has_it, pg_temp.attempt_by(:'app', :'ann', :'acme', format($$assign_role(%L, 'auditor', descendants => true)$$, :'bob_acme')) AS has_it_not;
-- In the account below it is what it is above, and gives no more there.
SELECT pg_temp.attempt_by(:'app', :'ann', :'north', $$create_role('reader', '{read:notes}')$$) AS has_it, pg_temp.attempt_by(:'app', :'ann', :'north', $$create_role('burner', '{burn:notes}')$$) AS has_it_not;

-- What an assignment cannot say.
SELECT given, pg_temp.attempt(:'acme_key', format('assign_role(%L, %s)', :'bob_acme', given)) AS attempt FROM (VALUES
	($$NULL$$), ($$'nothing'$$), ($$'READER'$$), ($$repeat('x', 20000)$$), ($$'reader', NULL, ''$$), ($$'reader', NULL, 'Billing'$$), ($$'reader', NULL, 'a b'$$), ($$'reader', NULL, repeat('x', 64)$$), ($$'reader', NULL, repeat('x', 63)$$),
	($$'reader', descendants => NULL$$), ($$'reader', 'f0000000-0000-4000-8000-000000000000'$$), ($$'reader', 'f0000000-0000-4000-8000-000000000000', descendants => true$$)) g (given);
SELECT pg_temp.attempt(:'acme_key', format($$assign_role(%L, 'reader', descendants => true)$$, :'clerk')) AS a_service_account, pg_temp.attempt(:'acme_key', $$assign_role(NULL, 'reader')$$) AS nobody,
	pg_temp.attempt(:'acme_key', format($$assign_role(%L, 'reader')$$, :'ann_globex')) AS anothers, pg_temp.attempt(:'acme_key', format($$unassign_role(%L, 'reader')$$, :'ann_globex')) AS anothers,
	pg_temp.attempt(:'north_key', format($$assign_role(%L, 'reader')$$, :'bob_acme')) AS a_parents, pg_temp.attempt(NULL, format($$assign_role(%L, 'reader')$$, :'bob_acme')) AS by_nobody;

-- PRIV-18: an assignment has an end in the future or none; ended, it counts no more, also in a session that knows it.
SELECT given, pg_temp.attempt(:'acme_key', format('assign_role(%L, ''writer'', expires_in => %s)', :'bob_acme', given)) AS attempt FROM (VALUES ($$'0'$$), ($$'-1 day'$$), ($$'1 mon -40 days'$$), ($$'101 years'$$), ($$'100 years'$$), ('NULL')) g (given);
SELECT pg_temp.attempt(:'acme_key', format($$assign_role(%L, 'writer', expires_in => 'infinity')$$, :'bob_acme')) ~ '^(VALIDATION_FAILED|22007)' AS refused;
SELECT pg_temp.attempt(:'acme_key', format($$unassign_role(%L, %L)$$, :'bob_acme', role)) FROM unnest('{all,mute}'::text[]) role;
SELECT pg_temp.attempt(:'acme_key', format($$assign_role(%L, 'writer', expires_in => '0.3 seconds')$$, :'bob_acme'));
SELECT pg_temp.may(:'app', :'bob', :'acme', NULL, NULL), pg_sleep(0.4);
SELECT pg_temp.may(:'app', :'bob', :'acme', NULL, NULL);
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT count(*) AS listed FROM account.role_assignments WHERE profile_id = :'bob_acme' AND role = 'writer';
COMMIT;
-- DES-11: who has an hour to live gives roles for as long, and no longer.
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT api_key AS brief FROM account.create_api_key(:'clerk', 'brief', '{manage:roles,manage:service_accounts,read:*}', '1 hour') \gset
COMMIT;
SELECT pg_temp.attempt(:'brief', format($$assign_role(%L, 'reader')$$, :'bob_acme')) AS without, pg_temp.attempt(:'brief', format($$assign_role(%L, 'auditor', expires_in => '2 hours')$$, :'bob_acme')) AS longer;
BEGIN;
SELECT (account.authenticate(:'brief')).expires_at AS brief_end \gset
SELECT role, expires_at = :'brief_end' AS ends_with_it FROM account.role_assignments WHERE profile_id = :'bob_acme' AND role IN ('reader', 'auditor') AND service IS NULL;
COMMIT;

-- The system service account is nobody's to change.
RESET ROLE;
SELECT profile_id AS system FROM account.profiles WHERE account_id = :'acme' AND system \gset
SELECT pg_temp.attempt(NULL, format($$unassign_role(%L, 'owner')$$, :'system')), pg_temp.attempt(NULL, format($$assign_role(%L, 'member')$$, :'system')), pg_temp.attempt(:'acme_key', format($$assign_role(%L, 'member')$$, :'system'));
-- Who has more may be given a role by who has less, but nothing denied, neither by that nor by a change of what it has; nor is a role taken by who lacks it.
SELECT pg_temp.attempt(:'acme_key', format($$unassign_role(%L, 'admin')$$, :'bob_acme')), pg_temp.attempt(:'acme_key', format($$assign_role(%L, 'owner')$$, :'bob_acme'));
SET ROLE regress_scopes;
SELECT pg_temp.attempt(:'clerk_key', format($$assign_role(%L, 'reader')$$, :'bob_acme')) AS "grant", pg_temp.attempt(:'clerk_key', format($$assign_role(%L, 'harmless')$$, :'bob_acme')) AS denial,
	pg_temp.attempt(:'clerk_key', format($$unassign_role(%L, 'owner')$$, :'bob_acme')) AS owner;
BEGIN;
SELECT (account.authenticate(:'acme_key')).account_id = :'acme' AS acme;
SELECT role_id AS reader FROM account.roles WHERE name = 'reader' AND account_id = :'acme' \gset
COMMIT;
SELECT pg_temp.attempt(:'clerk_key', format($$update_role(%L, '{"denied": ["*:*"]}')$$, :'reader')) AS by_change, pg_temp.attempt(:'acme_key', format($$update_role(%L, '{"denied": ["burn:*"]}')$$, :'reader')) AS by_who_may;

RESET ROLE;
DROP OWNED BY regress_scopes;
DROP ROLE regress_scopes;
SELECT account.delete_permission(verb || ':notes') FROM unnest('{read,write,burn}'::text[]) verb;
