-- email: one normal form for each address, whatever is typed.
\set VERBOSITY terse
SET client_min_messages = warning;
-- What becomes of an address as a user's: its normal form, or why it is refused.
CREATE FUNCTION pg_temp.normal(typed text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	made uuid;
	normal text;
BEGIN
	made := account.create_user(typed);
	SELECT email INTO normal FROM account.users WHERE user_id = made;
	-- The normal form is its own, and both lead to the same user.
	IF account.find_user(typed) <> made OR account.find_user(normal) <> made THEN
		RAISE EXCEPTION 'another user';
	END IF;
	DELETE FROM account.users WHERE user_id = made;
	RETURN normal;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END $$;
CREATE FUNCTION pg_temp.same(a text, b text) RETURNS boolean LANGUAGE sql AS 'SELECT pg_temp.normal(a) = pg_temp.normal(b)';

-- Case in both halves, and the dot that ends a domain, do not matter.
SELECT pg_temp.normal(a) FROM unnest(ARRAY['alice@example.com', 'Alice@Example.COM', 'alice@example.com.', 'root@localhost']) a;
-- Plus tags and dots are part of the mailbox's name.
SELECT pg_temp.normal(a) FROM unnest(ARRAY['al.ice+news@example.com', 'a..b@example.com', '.a.@example.com', 'o''brien@example.com', '!#$%&*/=?^_`{|}~-@example.com']) a;
-- Composed and decomposed letters are one, upper and lower case too, beyond ASCII as well.
SELECT pg_temp.same(E'\u00e9@example.com', E'e\u0301@example.com') AS composed, pg_temp.same(E'\u00c9@example.com', E'E\u0301@example.com') AS upper_case,
	pg_temp.same(E'a@\u00fcmlaut.example', E'a@U\u0308MLAUT.example') AS in_the_domain, pg_temp.same(E'\u0431@example.com', E'\u0411@example.com') AS cyrillic;
-- Neither Turkish i is the other's, whatever the locale; the dotted capital one, which would become an ASCII i, is refused.
SELECT pg_temp.normal(a) FROM unnest(ARRAY['MIKE@EXAMPLE.COM', E'm\u0131ke@example.com', E'M\u0130KE@example.com']) a;
-- ... as is all that is ASCII only once it is normalised: a mailbox of another's that would be taken for this one.
SELECT pg_temp.normal(a) FROM unnest(ARRAY[E'mi\u212ae@example.com', E'\uff41lice@example.com', E'alice\uff20example.com', E'alice@example\uff0ecom', E'alice@example\u3002com', E'o\ufb03ce@example.com', E'\u00b9@example.com']) a;
-- What cannot be seen is refused wherever it is: zero width, direction, white space, control.
SELECT format('U+%s', c) AS character, pg_temp.normal('ali' || chr(('x' || c)::bit(32)::integer) || 'ce@example.com') AS inside,
	pg_temp.normal(chr(('x' || c)::bit(32)::integer) || 'alice@example.com') = pg_temp.normal('alice@example.com' || chr(('x' || c)::bit(32)::integer)) AS around
FROM unnest('{00000009,0000000a,0000001b,00000020,0000007f,00000085,000000a0,000000ad,0000180e,0000200b,0000200d,0000200f,00002028,0000202e,00002060,00002066,00003164,0000feff,000e0061}'::text[]) c;
-- One @, something before it, a domain behind it.
SELECT a, pg_temp.normal(a) FROM unnest(ARRAY['', '@', 'alice', 'alice@', '@example.com', 'alice@@example.com', 'a@b@example.com', 'alice@.', 'alice@example..com', 'alice@.example.com', 'alice@example.com..',
	'alice@-example.com', 'alice@example-.com', 'alice@exam_ple.com', 'alice@[127.0.0.1]', 'alice@example.com, bob@example.com', 'Alice <alice@example.com>', '"alice"@example.com', '(alice)bob@example.com', 'a\@example.com', 'a;b@example.com']) a;
-- At most 254 bytes, 64 of them before the @, in labels of 63; in no form are more looked at.
SELECT length(pg_temp.normal(repeat('a', 64) || '@' || rpad('', 189, repeat('b', 61) || '.'))), pg_temp.normal(repeat('a', 64) || '@' || rpad('', 190, repeat('b', 61) || '.')) = pg_temp.normal('') AS longer;
SELECT left(a, 3) AS begins, length(a), pg_temp.normal(a) = pg_temp.normal('') AS refused FROM unnest(ARRAY[repeat('a', 64) || '@x', repeat('a', 65) || '@x', 'a@' || repeat('b', 63), 'a@' || repeat('b', 64), repeat('e' || E'\u0301', 32) || '@x', repeat('e' || E'\u0301', 33) || '@x', repeat('a', 2000)]) a;
SELECT pg_temp.normal(repeat('a', 1000000)), pg_temp.normal(NULL);

-- SP-10: a collation of a user's, in which addresses were equal that are not, has no say; nor has an operator.
CREATE COLLATION public."C" (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
CREATE COLLATION public."und-x-icu" (provider = icu, locale = 'tr');
CREATE FUNCTION public.always(text, text) RETURNS boolean LANGUAGE sql RETURN true;
CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.always);
SET search_path = public, pg_catalog;
SELECT pg_temp.normal('MIKE@EXAMPLE.COM'), pg_temp.normal(E'\u00c9@example.com' COLLATE public."C") OPERATOR(pg_catalog.=) E'\u00e9@example.com' AS lower_case;
BEGIN;
SELECT account.create_user('resume@example.com') IS NOT NULL AS one, account.create_user(E'r\u00e9sum\u00e9@example.com') IS NOT NULL AS another;
SELECT account.find_user('resume@example.com' COLLATE public."C") OPERATOR(pg_catalog.<>) account.find_user(E'r\u00e9sum\u00e9@example.com') AS two_users;
ROLLBACK;
RESET search_path;
DROP OPERATOR public.= (text, text);
DROP FUNCTION public.always;
DROP COLLATION public."C";
DROP COLLATION public."und-x-icu";
-- SP-11: nor has a setting of the session.
SET datestyle = 'German'; SET intervalstyle = 'sql_standard'; SET timezone = 'Pacific/Kiritimati'; SET bytea_output = 'escape'; SET extra_float_digits = -15; SET transform_null_equals = on; SET array_nulls = off; SET lc_messages = 'C'; SET enable_indexscan = off;
SELECT pg_temp.normal('Alice@Example.COM.'), pg_temp.same(E'\u00c9@example.com', E'e\u0301@example.com') AS composed;
