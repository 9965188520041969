-- The audit log: a chain of entries for each account, which shows whatever was done to it (AUD-01; who may do it at all: audit_prune).
\set VERBOSITY terse
-- In a database of its own: what other tests have left is not in it.
\set main :DBNAME
CREATE DATABASE regress_audit_chain;
\c regress_audit_chain
SET client_min_messages = error;
CREATE EXTENSION account;
SELECT FROM account.create_account('acme', account_id => 'cccccccc-0000-4000-8000-000000000001');
SELECT FROM account.create_account('other', account_id => 'cccccccc-0000-4000-8000-000000000002');
\set acme '\'cccccccc-0000-4000-8000-000000000001\''
\set other '\'cccccccc-0000-4000-8000-000000000002\''
RESET client_min_messages;
-- An entry as any part of the extension writes it; what is given is not NULL.
CREATE FUNCTION pg_temp.note(account uuid, action text, value text DEFAULT NULL) RETURNS void LANGUAGE sql BEGIN ATOMIC
	SELECT pg_current_xact_id();
	INSERT INTO account.audit_pending (entry_id, turn, horizon, at, account_id, source, action, object_type, detail, actor_name, actor_role, from_account_id, request)
	SELECT gen_random_uuid(), nextval('account.turns'), (pg_current_xact_id()::text::bigint + 1)::text::xid8, clock_timestamp(), account, 'account', action, 'test', '{}',
		value, value, CASE WHEN value IS NOT NULL THEN gen_random_uuid() END, to_jsonb(value);
END;
-- Seals all that there is: a transaction of another database, of autovacuum for one, may hold it back for a moment.
CREATE PROCEDURE pg_temp.seal() LANGUAGE plpgsql AS $$BEGIN
	FOR i IN 1..1000 LOOP
		PERFORM account.seal_audit();
		EXIT WHEN NOT EXISTS (SELECT FROM account.audit_pending);
		PERFORM pg_sleep(0.02);
	END LOOP;
END$$;
-- What makes the tables writable for the owner, as for an attacker who has his rights.
CREATE FUNCTION pg_temp.open_tables() RETURNS void LANGUAGE sql AS 'ALTER TABLE account.audit_entries DISABLE TRIGGER USER';
CREATE FUNCTION pg_temp.last_position(account uuid) RETURNS bigint LANGUAGE sql AS 'SELECT position FROM account.audit_heads WHERE account_key = account';

-- Nothing but what is there already is in a chain before it is sealed, and an empty chain is right.
CALL pg_temp.seal();
SELECT count(pg_temp.note(:acme, 'test.' || i, CASE WHEN i % 2 = 0 THEN 'v' || i END)) FROM generate_series(1, 6) i;
SELECT count(pg_temp.note(:other, 'test.' || i, 'v' || i)) FROM generate_series(1, 6) i;
SELECT pg_temp.note(NULL, 'test.platform');
SELECT count(*) FROM account.audit_pending WHERE action LIKE 'test.%';
SELECT COALESCE(pg_temp.last_position(:acme), 0) AS before_acme, encode(account.audit_head(:acme), 'hex') AS old_head \gset
CALL pg_temp.seal();
SELECT account.seal_audit() AS nothing_left, count(*) AS pending FROM account.audit_pending;
SELECT account_key, action, position - min(position) OVER (PARTITION BY account_key) + 1 AS place, account_id IS NOT NULL AS of_account, mac IS NOT NULL AS chained
FROM account.audit_entries WHERE action LIKE 'test.%' ORDER BY account_key, position;
SELECT * FROM account.verify_audit(:acme) UNION ALL SELECT * FROM account.verify_audit(:other) UNION ALL SELECT * FROM account.verify_audit(NULL);
SELECT account.audit_head(:acme) = (SELECT mac FROM account.audit_entries WHERE account_key = :acme ORDER BY position DESC LIMIT 1) AS is_the_last;

-- The mac is what the head of src/chain.c says: made here once more.
CREATE FUNCTION pg_temp.field(value bytea) RETURNS bytea LANGUAGE sql AS $$SELECT COALESCE('\x01' || int4send(length(value)) || value, '\x00')$$;
CREATE FUNCTION pg_temp.field(value uuid) RETURNS bytea LANGUAGE sql AS 'SELECT pg_temp.field(uuid_send(value))';
CREATE FUNCTION pg_temp.field(value text) RETURNS bytea LANGUAGE sql AS $$SELECT pg_temp.field(convert_to(value, 'UTF8'))$$;
CREATE FUNCTION pg_temp.form(e account.audit_entries, previous bytea) RETURNS bytea LANGUAGE sql AS $$
	SELECT convert_to('account: audit entry 1', 'UTF8') || '\x00' || uuid_send(e.account_key) || int8send(e.position) || timestamptz_send(e.sealed_at) || previous || pg_temp.field(e.sealed_by)
		|| pg_temp.field(e.entry_id) || pg_temp.field(timestamptz_send(e.at)) || pg_temp.field(e.account_id) || pg_temp.field(e.source) || pg_temp.field(e.from_account_id) || pg_temp.field(e.actor_profile_id)
		|| pg_temp.field(e.actor_user_id) || pg_temp.field(e.actor_name) || pg_temp.field(e.actor_role) || pg_temp.field(e.api_key_id) || pg_temp.field(e.session_id) || pg_temp.field(e.action) || pg_temp.field(e.object_type)
		|| pg_temp.field(e.object_id) || pg_temp.field(e.detail::text) || pg_temp.field(e.request::text)$$;
SELECT count(*) >= 12 AS entries, bool_and(mac = sha256(form)) AS as_said FROM (SELECT e.mac, pg_temp.form(e, COALESCE(lag(e.mac) OVER (PARTITION BY e.account_key ORDER BY e.position), decode(repeat('00', 32), 'hex')))
	FROM account.audit_entries e WHERE account_key IN (:acme, :other)) f;

-- An edit of any column of an entry is found.  Each is made, looked at and undone.
CREATE FUNCTION pg_temp.edited(assignment text, at bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	findings text;
BEGIN
	PERFORM pg_temp.open_tables();
	EXECUTE format('UPDATE account.audit_entries SET %s WHERE account_key = ''cccccccc-0000-4000-8000-000000000001'' AND position = %s', assignment, at);
	SELECT string_agg(format('%s %s', position - at, finding), '; ' ORDER BY position) INTO findings FROM account.verify_audit('cccccccc-0000-4000-8000-000000000001');
	RAISE EXCEPTION '%', COALESCE(findings, 'NOT FOUND');
EXCEPTION WHEN raise_exception THEN
	RETURN SQLERRM;
END $$;
SELECT pg_temp.last_position(:acme) - 2 AS fourth \gset
CREATE TEMP TABLE edits AS SELECT attname, CASE attname
		WHEN 'position' THEN ARRAY['position = position + 100'] WHEN 'account_key' THEN ARRAY['account_key = gen_random_uuid()']
		WHEN 'source' THEN ARRAY['source = ''application'''] WHEN 'mac' THEN ARRAY['mac = set_byte(mac, 31, get_byte(mac, 31) # 1)']
		WHEN 'sealed_by' THEN ARRAY['sealed_by = decode(''0102030405060708'', ''hex'')']
		WHEN 'sealed_at' THEN ARRAY['sealed_at = sealed_at + interval ''1 microsecond'''] WHEN 'at' THEN ARRAY['at = at - interval ''1 microsecond''']
		WHEN 'detail' THEN ARRAY['detail = ''{"a": 1}''', 'detail = ''null''', 'detail = ''[]'''] WHEN 'request' THEN ARRAY['request = NULL', 'request = ''null''', 'request = ''""''']
		ELSE CASE atttypid::regtype::text WHEN 'uuid' THEN ARRAY[format('%1$I = gen_random_uuid()', attname)]
			WHEN 'text' THEN ARRAY[format('%1$I = concat(%1$I, '' '')', attname), format('%1$I = concat(%1$I, ''x'')', attname)] END
			|| CASE WHEN NOT attnotnull THEN ARRAY[format('%1$I = CASE WHEN %1$I IS NULL THEN %2$s END', attname, CASE atttypid::regtype::text WHEN 'uuid' THEN 'gen_random_uuid()' ELSE '''''' END)] ELSE '{}' END
	END AS assignments
FROM pg_attribute WHERE attrelid = 'account.audit_entries'::regclass AND attnum > 0 AND NOT attisdropped;
SELECT attname, string_agg(DISTINCT pg_temp.edited(assignment, :fourth), ' | ') AS findings FROM edits, unnest(assignments) assignment GROUP BY attname ORDER BY attname;
-- What ends one text and begins the next is not the same moved over, NULL is not empty, and one column's value is not another's.
SELECT pg_temp.edited('actor_name = ''v4v'', actor_role = ''4''', :fourth), pg_temp.edited('actor_name = NULL, actor_role = ''v4v4''', :fourth), pg_temp.edited('api_key_id = from_account_id, from_account_id = NULL', :fourth);
-- The first and the last one, too.
SELECT pg_temp.edited('action = ''x''', 1), pg_temp.edited('action = ''x''', pg_temp.last_position(:acme));

-- Each in a transaction that is undone: what is taken away,
\set findings 'SELECT position - :fourth AS place, regexp_replace(finding, ''position.*'', ''...'') AS finding FROM account.verify_audit(:acme) ORDER BY 1, 2;'
BEGIN;
SELECT pg_temp.open_tables();
DELETE FROM account.audit_entries WHERE account_key = :acme AND position = :fourth;
:findings
DELETE FROM account.audit_entries WHERE account_key = :acme AND position > :fourth;
:findings
DELETE FROM account.audit_entries WHERE account_key = :acme;
SELECT count(*), min(position), min(finding) ~ '^missing, up to' AS missing FROM account.verify_audit(:acme);
ROLLBACK;
-- put in another order,
BEGIN;
SELECT pg_temp.open_tables();
UPDATE account.audit_entries SET position = -position + 1000 + 2 * :fourth WHERE account_key = :acme AND position IN (:fourth, :fourth + 1);
UPDATE account.audit_entries SET position = position - 999 WHERE account_key = :acme AND position > 999;
:findings
ROLLBACK;
-- exchanged with another account's,
BEGIN;
SELECT pg_temp.open_tables();
UPDATE account.audit_entries SET account_key = CASE WHEN account_key = :acme THEN :other ELSE :acme END::uuid, account_id = CASE WHEN account_key = :acme THEN :other ELSE :acme END::uuid,
	position = pg_temp.last_position(account_key) + 1000 WHERE action = 'test.4';
UPDATE account.audit_entries SET position = pg_temp.last_position(account_key) - 2 WHERE action = 'test.4';
:findings
SELECT count(*) FROM account.verify_audit(:other);
ROLLBACK;
-- put in, at the end, twice, or before the beginning,
BEGIN;
SELECT pg_temp.open_tables();
INSERT INTO account.audit_entries SELECT account_key, position + 3, sealed_at, sealed_by, sha256(mac), gen_random_uuid(), at, account_id, source, from_account_id, actor_profile_id, actor_user_id, actor_name, actor_role, api_key_id, session_id, action, object_type, object_id, detail, request
	FROM account.audit_entries WHERE account_key = :acme AND position = :fourth;
:findings
ROLLBACK;
BEGIN;
SELECT pg_temp.open_tables();
INSERT INTO account.audit_entries SELECT account_key, position, sealed_at + interval '1 month', sealed_by, mac, gen_random_uuid(), at, account_id, source, from_account_id, actor_profile_id, actor_user_id, actor_name, actor_role, api_key_id, session_id, action, object_type, object_id, detail, request
	FROM account.audit_entries WHERE account_key = :acme AND position = :fourth;
:findings
ROLLBACK;
-- the head changed, or taken away.
BEGIN;
UPDATE account.audit_heads SET position = position + 1 WHERE account_key = :acme;
:findings
ROLLBACK;
BEGIN;
UPDATE account.audit_heads SET first_position = 2, first_mac = (SELECT mac FROM account.audit_entries WHERE account_key = :acme AND position = 1) WHERE account_key = :acme;
SELECT pg_temp.open_tables();
DELETE FROM account.audit_entries WHERE account_key = :acme AND position = 1;
:findings
ROLLBACK;
BEGIN;
DELETE FROM account.audit_heads WHERE account_key = :acme;
:findings
ROLLBACK;
:findings

-- An end that was cut off together with a head of that time is found by who has kept a later one.
CREATE TEMP TABLE kept AS SELECT h.*, account.audit_head(account_key) AS head FROM account.audit_heads h WHERE account_key = :acme;
SELECT pg_temp.note(:acme, 'test.8');
CALL pg_temp.seal();
SELECT encode(account.audit_head(:acme), 'hex') AS new_head \gset
SELECT (SELECT count(*) FROM account.verify_audit(:acme, head)) AS older_head, (SELECT count(*) FROM account.verify_audit(:acme, decode(:'new_head', 'hex'))) AS newest FROM kept;
BEGIN;
SELECT pg_temp.open_tables();
DELETE FROM account.audit_entries WHERE action = 'test.8';
UPDATE account.audit_heads h SET position = k.position, mac = k.mac, sealed_at = k.sealed_at, seal = k.seal FROM kept k WHERE k.account_key = h.account_key;
:findings
SELECT * FROM account.verify_audit(:acme, decode(:'new_head', 'hex'));
SELECT count(*) AS older_head FROM kept, account.verify_audit(:acme, head);
ROLLBACK;

-- A head that was found to be wrong is not made right by what is sealed after it.
UPDATE account.audit_heads SET first_position = 2, first_mac = (SELECT mac FROM account.audit_entries WHERE account_key = :other AND position = 1) WHERE account_key = :other;
SELECT pg_temp.note(:other, 'test.9');
CALL pg_temp.seal();
SELECT position = pg_temp.last_position(:other) AS last, finding FROM account.verify_audit(:other) WHERE position > 1;
\c :main
DROP DATABASE regress_audit_chain;
