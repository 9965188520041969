-- token: the form of secret tokens, and that nothing but a digest is kept.
\set VERBOSITY terse
SET client_min_messages = error;
CREATE ROLE regress_token;
SELECT account.grant_access('regress_token', 'anonymous');

-- The checksum, written again from its definition: CRC-32 as zlib has it, in base62, padded to 6.
CREATE FUNCTION pg_temp.base62_crc32(value text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$
DECLARE
	crc bigint := 4294967295;
	result text := '';
BEGIN
	FOR i IN 0 .. octet_length(value) - 1 LOOP
		crc := crc # get_byte(value::bytea, i);
		FOR bit IN 1 .. 8 LOOP
			crc := (crc >> 1) # (CASE WHEN crc & 1 = 1 THEN 3988292384 ELSE 0 END);
		END LOOP;
	END LOOP;
	crc := crc # 4294967295;
	FOR digit IN 1 .. 6 LOOP
		result := substr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', (crc % 62)::integer + 1, 1) || result;
		crc := crc / 62;
	END LOOP;
	RETURN result;
END $$;
SELECT pg_temp.base62_crc32('123456789') AS "3jZRME", pg_temp.base62_crc32('') AS "000000";

-- Tokens of both kinds, enough of them for checksums that begin with 0.
SELECT id AS acme FROM account.create_account('Acme') \gset
SELECT profile_id AS profile FROM account.profiles WHERE account_id = :'acme' \gset
CREATE TEMPORARY TABLE issued AS
	SELECT 'key' AS kind, k.* FROM generate_series(1, 200) i, account.create_api_key(:'profile', 'key ' || i) k
	UNION ALL
	SELECT 'application', k.* FROM generate_series(1, 100) i, account.create_application_key('application ' || i, '{*:*}') k;
GRANT SELECT ON issued TO regress_token;
SELECT kind, count(DISTINCT api_key), bool_and(api_key ~ ('^prod_acct' || CASE kind WHEN 'key' THEN 'sec' ELSE 'app' END || '_[0-9A-Za-z]{49}$')) AS formed,
	bool_and(right(api_key, 6) = pg_temp.base62_crc32(left(api_key, -6))) AS checksum, bool_or(left(right(api_key, 6), 1) = '0') AS padded
FROM issued GROUP BY kind ORDER BY kind;
-- 256 bits: no character of the 43 is the same in all, but the first is at most that of 2^256 - 1 in base62.
SELECT count(*) FROM generate_series(1, 43) p
WHERE (SELECT count(DISTINCT substr(api_key, 13 + p, 1)) FROM issued) < CASE p WHEN 1 THEN 5 ELSE 40 END;
SELECT max(substr(api_key, 14, 1) COLLATE "C") <= 'y' AS within FROM issued;

-- Everybody's own token is good, ...
SET ROLE regress_token;
SELECT count(*) FROM issued, account.verify_api_key(api_key) v
WHERE kind = 'key' AND v.valid AND v.api_key_id = issued.api_key_id AND v.account_id = :'acme' AND v.error IS NULL;
-- ... KEY-06: a token of another kind is not, either way, ...
SELECT v.valid, v.error, count(*) FROM issued, account.verify_api_key(api_key) v WHERE kind = 'application' GROUP BY 1, 2;
SELECT account.act_as((SELECT api_key FROM issued WHERE kind = 'key' LIMIT 1), :'acme');
SELECT account.authenticate((SELECT api_key FROM issued WHERE kind = 'application' LIMIT 1));
-- ... nor one character off anywhere (KEY-03), nor with letters of the other case (KEY-11), ...
SELECT v.valid, v.error, count(*)
FROM (SELECT api_key FROM issued WHERE kind = 'key' LIMIT 1) k, generate_series(1, 62) p,
	account.verify_api_key(overlay(api_key PLACING CASE substr(api_key, p, 1) WHEN '0' THEN '1' ELSE '0' END FROM p FOR 1)) v
GROUP BY 1, 2 ORDER BY 2;
SELECT v.valid, v.error, count(*) FROM (SELECT api_key FROM issued WHERE kind = 'key') k, unnest(ARRAY[upper(api_key), lower(api_key), initcap(api_key)]) t,
	account.verify_api_key(t) v GROUP BY 1, 2;
-- ... not even with the right checksum (KEY-04): that proves nothing.
SELECT v.valid, v.error, count(*)
FROM (SELECT left(api_key, -6) AS body FROM issued WHERE kind = 'key' LIMIT 1) k, generate_series(14, 56) p,
	overlay(body PLACING CASE substr(body, p, 1) WHEN 'A' THEN 'B' ELSE 'A' END FROM p FOR 1) forged,
	account.verify_api_key(forged || pg_temp.base62_crc32(forged)) v
GROUP BY 1, 2;
-- Another environment or brand, a kind that there is none of, words that are too long: all with the right checksum.
SELECT words, v.valid, v.error
FROM (VALUES ('test_acctsec'), ('prod_acctses'), ('prod_acctxyz'), (repeat('a', 16) || '_' || repeat('b', 16) || 'sec'), ('a_bsec'),
		(repeat('a', 17) || '_bsec'), ('a_' || repeat('b', 17) || 'sec'), ('_bsec'), ('a_sec'), ('A_bsec'), ('ghp'), ('é_bsec')) w (words),
	concat(words, '_', repeat('z', 43)) body, account.verify_api_key(body || pg_temp.base62_crc32(body)) v;
-- KEY-01, KEY-06, KEY-08: what is no token of ours at all.
SELECT left(token, 40) AS token, v.valid, v.error
FROM (VALUES (NULL), (''), (' '), ('_'), ('__'), ('prod_acctsec_'), ('prod_acctsec'), (repeat('z', 49)), (E'\n'),
		('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'), ('ghp_16C7e42F292c6912E7710c838347Ae178B4a'), ('eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.'),
		('prod_acctsec_' || repeat('é', 49)), (repeat('_', 62)), ('prod_acctsec_' || repeat(' ', 49))) w (token),
	account.verify_api_key(token) v;
SELECT DISTINCT v.valid, v.error FROM issued, unnest(ARRAY[api_key || ' ', ' ' || api_key, api_key || E'\n', left(api_key, -1), api_key || '0', api_key || api_key]) t,
	account.verify_api_key(t) v WHERE kind = 'key';
-- KEY-09: 26 MB, which are small where they are stored, are refused unread, ten thousand times.
SET statement_timeout = '20s';
CREATE TEMPORARY TABLE huge AS SELECT repeat('prod_acctsec_', 2000000) AS token;
SELECT v.valid, v.error FROM huge, account.verify_api_key(token) v;
SELECT count(*) FROM huge, generate_series(1, 10000) i WHERE NOT (account.verify_api_key(CASE WHEN i > 0 THEN token END)).valid;
RESET statement_timeout;
-- MEM-02: the same token, however it is stored.
CREATE TEMPORARY TABLE stored (token text);
ALTER TABLE stored ALTER token SET STORAGE EXTERNAL;
INSERT INTO stored SELECT api_key FROM issued WHERE kind = 'key' LIMIT 1;
SELECT v.valid FROM stored, account.verify_api_key(token) v;
SELECT v.valid FROM stored, account.verify_api_key(token || '') v;
SELECT v.valid FROM stored, account.verify_api_key(token::varchar(100)::text) v;
RESET ROLE;

-- KEY-28: of 300 tokens, no table of the extension holds one, or its secret part, in any column: only digests, and previews.
CREATE TEMPORARY TABLE found (relation regclass, attribute name, tokens bigint);
DO $$
DECLARE
	a record;
BEGIN
	FOR a IN SELECT attrelid::regclass AS relation, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
		WHERE relnamespace = 'account'::regnamespace AND relkind IN ('r', 'v', 'm') AND attnum > 0 AND NOT attisdropped LOOP
		EXECUTE format('INSERT INTO found SELECT %L, %L, count(*) FROM issued, (SELECT %I::text AS value FROM %s) v
			WHERE position(substr(api_key, 19, 38) IN value) > 0 OR position(encode(substr(api_key, 19, 38)::bytea, ''hex'') IN value) > 0',
			a.relation, a.attname, a.attname, a.relation);
	END LOOP;
END $$;
SELECT count(*) > 50 AS searched, sum(tokens) AS tokens FROM found;
SELECT count(*), bool_and(octet_length(digest) = 32) AS digests FROM account.credentials c JOIN issued i ON i.api_key_id = c.credential_id AND c.digest = sha256(api_key::bytea);
SELECT count(*), bool_and(k.preview = left(i.api_key, 17) || '…' || right(i.api_key, 4)) AS previews FROM account.keys k JOIN issued i USING (api_key_id);
-- KEY-34: nothing but 32 bytes is taken for a digest.
CREATE FUNCTION pg_temp.stored(digest bytea) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO account.credentials (digest, entry, kind, credential_id, permissions)
		VALUES (digest, 0, 'a', gen_random_uuid(), '{}');
	RETURN true;
EXCEPTION WHEN OTHERS THEN
	RETURN false;
END $$;
SELECT pg_temp.stored(sha256('a')) AS digest, pg_temp.stored('ab') AS short, pg_temp.stored(encode(sha256('a'), 'hex')::bytea) AS hex,
	pg_temp.stored('') AS empty, pg_temp.stored(NULL) AS missing, pg_temp.stored(sha256('a')) AS again;

-- KEY-06: the row says of what kind a token is, too.
INSERT INTO account.credentials (digest, entry, kind, credential_id, account_id, permissions)
	VALUES (sha256('prod_acctsec_00000000000000000000000000000000000000000003UNP5x'), 0, 'a', gen_random_uuid(), :'acme', '{}');
SELECT valid, error FROM account.verify_api_key('prod_acctsec_00000000000000000000000000000000000000000003UNP5x');
DELETE FROM account.credentials WHERE digest = sha256('prod_acctsec_00000000000000000000000000000000000000000003UNP5x');

-- The words of new tokens are a superuser's choice; old tokens stay good.
SET account.key_environment = 'test';
SET account.key_brand = 'shop';
SELECT api_key ~ '^test_shopsec_[0-9A-Za-z]{49}$' AS formed, v.valid FROM account.create_api_key(:'profile', 'other words') k, account.verify_api_key(k.api_key) v;
SELECT count(*) FROM issued, account.verify_api_key(api_key) v WHERE v.valid;
SET account.key_brand = 'Shop';
SET account.key_brand = '';
SET account.key_environment = 'a_b';
SET account.key_environment = 'abcdefghijklmnopq';
RESET account.key_environment;
RESET account.key_brand;

-- SP-11: settings of the session change nothing of what is digested.
SET bytea_output = escape;
SET client_encoding = SQL_ASCII;
SET datestyle = German;
SET standard_conforming_strings = off;
SELECT count(*) FROM issued, account.verify_api_key(api_key) v WHERE v.valid;
RESET ALL;

DROP OWNED BY regress_token;
DROP ROLE regress_token;
