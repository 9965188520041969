-- The audit log is kept in months of UTC, which are dropped as a whole; what is kept is verified as before.
\set VERBOSITY terse
\set acme '\'bbbbbbbb-0000-4000-8000-000000000001\''
\set quiet '\'bbbbbbbb-0000-4000-8000-000000000002\''
\set young '\'bbbbbbbb-0000-4000-8000-000000000003\''
CREATE FUNCTION pg_temp.note(account uuid, action text) RETURNS void LANGUAGE sql BEGIN ATOMIC
	SELECT pg_current_xact_id();
	INSERT INTO account.audit_pending (entry_id, turn, horizon, at, account_id, source, action, object_type, detail)
	SELECT gen_random_uuid(), nextval('account.turns'), (pg_current_xact_id()::text::bigint + 1)::text::xid8, clock_timestamp(), account, 'account', action, 'test', '{}';
END;
-- Seals all that there is: a transaction of another database, of autovacuum for one, may hold it back for a moment.
CREATE PROCEDURE pg_temp.seal() LANGUAGE plpgsql AS $$BEGIN
	FOR i IN 1..1000 LOOP
		PERFORM account.seal_audit();
		EXIT WHEN NOT EXISTS (SELECT FROM account.audit_pending);
		PERFORM pg_sleep(0.02);
	END LOOP;
END$$;
CREATE FUNCTION pg_temp.month(months integer) RETURNS text LANGUAGE sql RETURN to_char((now() + months * interval '1 month') AT TIME ZONE 'UTC', 'YYYY_MM');

-- The sealing makes this month and the next, whatever TimeZone, the tablespace and the privileges of new tables are.
SELECT account.seal_audit() >= 0 AS sealed;
\set ECHO none
SELECT format('DROP TABLE account.audit_entries_%s', pg_temp.month(1)) \gexec
\set ECHO all
CREATE ROLE regress_prune_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA account GRANT ALL ON TABLES TO regress_prune_reader, PUBLIC;
SET timezone = 'Pacific/Kiritimati';
SET datestyle = 'SQL, DMY';
SET default_tablespace = 'pg_global';
SELECT account.seal_audit() >= 0 AS sealed;
RESET default_tablespace;
RESET datestyle;
ALTER DEFAULT PRIVILEGES IN SCHEMA account REVOKE ALL ON TABLES FROM regress_prune_reader, PUBLIC;
CREATE TEMP VIEW months AS SELECT i, c.oid, c.relname, b[1]::timestamptz AS lower, b[2]::timestamptz AS upper
FROM generate_series(0, 1) i, pg_class c, regexp_match(pg_get_expr(relpartbound, oid), 'FROM \(''(.*)''\) TO \(''(.*)''\)') b
WHERE c.oid = to_regclass('account.audit_entries_' || pg_temp.month(i)::text);
SELECT i AS from_now, lower = date_trunc('month', now() + i * interval '1 month', 'UTC') AS lower, upper = date_trunc('month', lower + interval '1 month', 'UTC') AS upper,
	relrowsecurity, reltablespace, relowner = (SELECT relowner FROM pg_class WHERE oid = 'account.audit_entries'::regclass) AS ours, (SELECT count(*) FROM aclexplode(relacl) WHERE grantee <> relowner) AS grants
FROM months JOIN pg_class USING (oid) ORDER BY i;
SELECT i, replace(indexdef, relname, '...') FROM months JOIN pg_indexes ON tablename = relname ORDER BY 1, indexname;
-- Each refuses what the table of all does.
SELECT i, tgname, tgfoid::regproc FROM months LEFT JOIN pg_trigger t ON tgrelid = months.oid AND NOT tgisinternal AND tgenabled = 'A' ORDER BY 1, 2;
-- That has no key and no index of its own, or no dump could be restored.
SELECT count(*) FROM pg_index WHERE indrelid = 'account.audit_entries'::regclass;
RESET timezone;
-- They stay when they are there, and are as the doctor wants them.
SELECT account.seal_audit() >= 0 AS sealed;
SELECT check_id, object, finding FROM account.doctor() WHERE object ~ 'audit_entries';

-- Entries of earlier months, as they would have been sealed then: by a digest, for there is no master key.
CREATE FUNCTION pg_temp.field(value bytea) RETURNS bytea LANGUAGE sql AS $$SELECT COALESCE('\x01' || int4send(length(value)) || value, '\x00')$$;
CREATE PROCEDURE pg_temp.seal_then(account uuid, action text, sealed_at timestamptz) LANGUAGE plpgsql AS $$
DECLARE
	id uuid := gen_random_uuid();
	zeros bytea := decode(repeat('00', 32), 'hex');
	place bigint := COALESCE((SELECT position FROM account.audit_heads WHERE account_key = account), 0) + 1;
	previous bytea := COALESCE((SELECT h.mac FROM account.audit_heads h WHERE account_key = account), zeros);
	mac bytea := sha256('account: audit entry 1'::bytea || '\x00' || uuid_send(account) || int8send(place) || timestamptz_send(sealed_at) || previous || '\x00'
		|| pg_temp.field(uuid_send(id)) || pg_temp.field(timestamptz_send(sealed_at)) || pg_temp.field(uuid_send(account)) || pg_temp.field('account') || '\x00000000000000'
		|| pg_temp.field(action::bytea) || pg_temp.field('test') || '\x00' || pg_temp.field('{}') || '\x00');
	seal bytea := sha256('account: audit head 1'::bytea || '\x00' || uuid_send(account) || int8send(place) || mac || timestamptz_send(sealed_at) || int8send(1) || zeros || '\x00');
BEGIN
	IF to_regclass('account.audit_entries_' || to_char(sealed_at, 'YYYY_MM')) IS NULL THEN
		EXECUTE format('CREATE TABLE account.audit_entries_%s PARTITION OF account.audit_entries FOR VALUES FROM (%L) TO (%L)', to_char(sealed_at, 'YYYY_MM'), date_trunc('month', sealed_at), date_trunc('month', sealed_at) + interval '1 month');
	END IF;
	INSERT INTO account.audit_entries (account_key, position, sealed_at, mac, entry_id, at, account_id, source, action, object_type, detail)
		VALUES (account, place, sealed_at, mac, id, sealed_at, account, 'account', action, 'test', '{}');
	INSERT INTO account.audit_heads (account_key, position, mac, sealed_at, first_position, first_mac, seal) VALUES (account, place, mac, sealed_at, 1, zeros, seal)
		ON CONFLICT ON CONSTRAINT audit_heads_pkey DO UPDATE SET position = EXCLUDED.position, mac = EXCLUDED.mac, sealed_at = EXCLUDED.sealed_at, seal = EXCLUDED.seal;
END $$;
SET timezone = 'UTC';
CALL pg_temp.seal_then(:acme, 'test.1', '2020-01-01 00:00:00+00');
CALL pg_temp.seal_then(:acme, 'test.2', '2020-01-31 23:59:59.999999+00');
CALL pg_temp.seal_then(:acme, 'test.3', '2020-02-01 00:00:00+00');
CALL pg_temp.seal_then(:quiet, 'test.1', '2020-02-02 00:00:00+00');
CALL pg_temp.seal_then(:acme, 'test.4', '2020-04-01 00:00:00+00');
-- A chain is verified also where its account is not there, or not any more.
SELECT count(*) FROM account.verify_audit(:acme);
SET client_min_messages = error;
SELECT count(*) FROM (VALUES (:acme::uuid), (:quiet), (:young)) v (id), account.create_account('a' || right(v.id::text, 1), account_id => v.id) a;
RESET client_min_messages;
SELECT pg_temp.note(:acme, 'test.5'), pg_temp.note(:young, 'test.1');
CALL pg_temp.seal();
CREATE TEMP VIEW findings AS SELECT a.id, f.* FROM (VALUES (:acme::uuid), (:quiet), (:young), (NULL)) a (id), account.verify_audit(a.id) f;
SELECT * FROM findings;
CREATE TEMP VIEW kept AS SELECT right(account_key::text, 1) AS account, action, tableoid::regclass::text ~ '_2020_' AS old FROM account.audit_entries WHERE account_key::text ~ '^bbbbbbbb' AND action ~ '^test' ORDER BY 1, position;
CREATE TEMP VIEW heads AS SELECT right(account_key::text, 1) AS account, first_position, get_byte(first_mac, 0) + get_byte(first_mac, 1) > 0 AS has_first_mac
	FROM account.audit_heads WHERE account_key::text ~ '^bbbbbbbb' AND first_position > 1 ORDER BY 1;
SELECT encode(mac, 'hex') AS third FROM account.audit_entries WHERE account_key = :acme AND action = 'test.3' \gset

-- A month that has not ended by then stays.
SELECT account.prune_audit('2020-01-31 23:59:59.999999+00');
SELECT count(*) FROM findings;
-- One that has is dropped, for all accounts.
SELECT account.prune_audit('2020-02-29 12:00:00+00');
SELECT * FROM kept WHERE old;
SELECT * FROM heads;
SELECT * FROM findings;
SELECT action, object_type, detail FROM account.audit_pending WHERE action = 'audit.pruned';
-- What is done to the rest is found as before, and so is what was the first that is kept.
BEGIN;
ALTER TABLE account.audit_entries DISABLE TRIGGER USER;
DELETE FROM account.audit_entries WHERE account_key = :acme AND action = 'test.3';
SELECT right(id::text, 1), finding FROM findings;
ROLLBACK;
BEGIN;
ALTER TABLE account.audit_entries DISABLE TRIGGER USER;
UPDATE account.audit_entries SET action = 'test.3x' WHERE account_key = :acme AND action = 'test.3';
SELECT right(id::text, 1), finding FROM findings;
ROLLBACK;
-- A month that nobody has written in is no gap, several go at once, and a chain of which nothing is left goes on.
BEGIN;
SELECT account.prune_audit('2020-05-01 00:00:00+00');
SELECT * FROM kept WHERE old;
SELECT * FROM heads;
SELECT * FROM findings;
-- A head of before cannot be looked for any more, but the last one that was dropped.
SELECT finding FROM account.verify_audit(:acme, decode(:'third', 'hex'));
SELECT account.prune_audit('2020-05-01 00:00:00+00') AS nothing_left;
SELECT pg_temp.note(:quiet, 'test.2');
SELECT account.seal_audit() >= 0 AS sealed;
ROLLBACK;
SELECT count(*) FROM kept WHERE old;
SELECT account.prune_audit('2020-05-01 00:00:00+00');
SELECT pg_temp.note(:quiet, 'test.2');
CALL pg_temp.seal();
SELECT * FROM kept;
SELECT * FROM findings;
-- This month cannot be dropped.
SELECT account.prune_audit(now() + interval '1 day');
SELECT account.prune_audit('infinity');
SELECT account.prune_audit(NULL);
SELECT account.prune_audit('-infinity');
SELECT account.prune_audit(now());
SELECT count(*) FROM kept;

-- Who is no administrator does none of it, and nothing is done with what is wrong.
SELECT account.audit_head('00000000-0000-4000-8000-000000000000');
SELECT * FROM account.verify_audit('00000000-0000-4000-8000-000000000000');
SELECT * FROM account.verify_audit(:acme, '\x00');
SELECT * FROM account.verify_audit(:acme, decode(repeat('00', 1000000), 'hex'));
SELECT account.seal_audit(NULL);
SELECT account.seal_audit(0);
SELECT account.seal_audit(100001);
CREATE ROLE regress_prune_tenant;
CREATE ROLE regress_prune_owner;
SELECT account.grant_access('regress_prune_tenant', 'tenant'), account.grant_access('regress_prune_owner', 'owner');
SELECT r.role, f.name, has_function_privilege(r.role, f.name, 'EXECUTE') FROM (VALUES ('regress_prune_tenant'), ('regress_prune_owner')) r (role),
	(VALUES ('account.seal_audit(integer)'), ('account.audit_head(uuid)'), ('account.verify_audit(uuid, bytea)'), ('account.prune_audit(timestamptz)')) f (name) ORDER BY 1, 2;

DROP OWNED BY regress_prune_tenant, regress_prune_owner, regress_prune_reader;
DROP ROLE regress_prune_tenant, regress_prune_owner, regress_prune_reader;
