-- password: what makes one good enough, its hash, and where bcrypt comes from.
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT account.create_user('alice.smith@example.com') AS alice \gset

-- Without pgcrypto nothing that needs a password works, and says why; the rest does.
SELECT account.set_password(:'alice', 'correct zebra anvil quiz');
SELECT account.login('alice.smith@example.com', 'x');
SELECT account.login('nobody@example.com', 'x');
SELECT account.register('nobody@example.com', 'correct zebra anvil quiz');
-- SP-10: functions that only are called so are not asked, nor are those of an operator's in an extension's name.
CREATE FUNCTION public.crypt(text, text) RETURNS text LANGUAGE sql RETURN '$2a$04$......................' || repeat('x', 31);
CREATE FUNCTION public.gen_salt(text, integer) RETURNS text LANGUAGE sql RETURN '$2a$04$......................';
SELECT account.set_password(:'alice', 'correct zebra anvil quiz');
CREATE SCHEMA elsewhere;
CREATE EXTENSION pgcrypto SCHEMA elsewhere;
ALTER EXTENSION pgcrypto ADD FUNCTION public.crypt(text, text);
ALTER EXTENSION pgcrypto ADD FUNCTION public.gen_salt(text, integer);
SET search_path = public, pg_temp;
SET account.password_cost = 4;
SELECT account.set_password(:'alice', 'correct zebra anvil quiz');
SELECT password_hash = public.crypt('', '') AS of_public, password_hash = elsewhere.crypt('correct zebra anvil quiz', password_hash) AS of_pgcrypto FROM account.users WHERE user_id = :'alice';
RESET search_path;
ALTER EXTENSION pgcrypto DROP FUNCTION public.crypt(text, text);
ALTER EXTENSION pgcrypto DROP FUNCTION public.gen_salt(text, integer);
DROP FUNCTION public.crypt, public.gen_salt;
ALTER EXTENSION pgcrypto SET SCHEMA public;
DROP SCHEMA elsewhere;

-- SES-09: what is too short, too long or too easy to guess.  Nothing is changed.
CREATE FUNCTION pg_temp.try(typed text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM account.set_password(account.find_user('alice.smith@example.com'), typed);
	RETURN CASE WHEN (account.login('Alice.Smith@example.com', typed)).error IS NULL THEN 'good' ELSE 'taken, but does not log in' END;
EXCEPTION WHEN OTHERS THEN
	RETURN CASE SQLERRM WHEN 'password: the password is too easy to guess' THEN 'easy' ELSE SQLERRM END;
END $$;
SELECT password_hash AS old_hash FROM account.users WHERE user_id = :'alice' \gset
SELECT p, pg_temp.try(p) FROM unnest(ARRAY[NULL, '', 'zebra', 'zebra anvil qu']) p;
-- At least 15 characters, not bytes; at most 72 bytes: more would not count (SES-07), whether they end within a character or not.
SELECT p, length(v), octet_length(v) AS bytes, pg_temp.try(v) FROM (VALUES ('zebra anvil qui', 'zebra anvil qui'), ('fourteen of two bytes', E'\u0436\u0438\u0437\u043d\u044c\u043f\u0440\u0435\u043a\u0440\u0430\u0441\u043d\u0430'), ('72 bytes', rpad('correct zebra anvil quiz ', 72, 'mjhgtrfdeswaqxcvbnklpoiu')),
	('73 bytes', rpad('correct zebra anvil quiz ', 73, 'mjhgtrfdeswaqxcvbnklpoiu')), ('71 bytes and one of two', rpad('correct zebra anvil quiz ', 71, 'mjhgtrfdeswaqxcvbnklpoiu') || E'\u00e9'), ('36 of two bytes', rpad(E'\u0436\u0438\u0437\u043d\u044c\u043f\u0440\u0435\u043a\u0440\u0430\u0441\u043d\u0430', 36, E'\u0438\u0446\u0443\u0449\u0444\u044b\u0432'))) p (p, v);
SELECT pg_temp.try(repeat('correct zebra', 100000));
SELECT pg_temp.try('correct zebra anvil quiz ' || 'mjhgtrfdeswaqxcvbnklpoiumjhgtrfdeswaqxcvbnklpoi') AS "72 bytes", (account.login('alice.smith@example.com', 'correct zebra anvil quiz ' || 'mjhgtrfdeswaqxcvbnklpoiumjhgtrfdeswaqxcvbnklpoi' || 'X')).error AS "and one more", (account.login('alice.smith@example.com', repeat('x', 1000000))).error AS "a million";
-- Any character, space and emoji too; what is composed and what is decomposed is one password.
SELECT p, pg_temp.try(p) FROM unnest(ARRAY['correct zebra anvil quiz', '  zebra anvil quiz  ', 'kd8#kQ9!lmZ0-vTw', E'\U0001F984 rides a \U0001F6F8 at dawn', E'zv\u00edr\u00e1tko na zahrad\u011b', 'my horse likes coffee in winter']) p;
SELECT pg_temp.try(E'cr\u00e8me br\u00fbl\u00e9e at dawn') AS composed, (account.login('alice.smith@example.com', E'cre\u0300me bru\u0302le\u0301e at dawn')).error AS decomposed, (account.login('alice.smith@example.com', 'creme brulee at dawn')).error AS without;
-- Nothing is asked of its composition, but that it is not made of a few pieces that everybody tries: runs, repetitions, common words, as they are or written another way.
SELECT p, pg_temp.try(p) FROM unnest(ARRAY['               ', 'aaaaaaaaaaaaaaaa', '1234567890123456', 'abcdefghijklmnopqr', 'zyxwvutsrqponmlk', 'qwertyuiopasdfgh', '1q2w3e4r5t6y7u8i9o', '1qaz2wsx3edc4rfv', 'abcabcabcabcabcabc', 'kq7bkq7bkq7bkq7b',
	'passwordpassword', 'P@ssw0rdP@ssw0rd!', 'Letmein! Letmein!!', 'iloveyou12345678', 'Summer2026Summer2026', 'dragon monkey football shadow', 'correct horse battery staple', 'CorrectHorseBatteryStaple', 'The quick brown fox']) p;
-- ... and, not of the user's own e-mail, with or without something around.
SELECT p, pg_temp.try(p) FROM unnest(ARRAY['alice.smith@example.com', 'Alice.Smith@example.com', 'ALICESMITHALICESMITH', 'smith.alice.smith', '123Alice.Smith123', 'alice.smith-example!', 'alice.smith 2718', 'alice.smith@example.com 2718', 'Example.com2026!!', 'alice met a zebra at dawn']) p;
-- A superuser may add words of the place.
INSERT INTO account.blocked_passwords (word) VALUES ('Anvil Works'), ('zebra');
SELECT p, pg_temp.try(p) FROM unnest(ARRAY['zebra zebra zebra', 'anvil works 2026', 'ANVIL WORKS zebra!', 'Anvil w0rks anvil']) p;
DELETE FROM account.blocked_passwords WHERE NOT built_in;
SELECT count(*) > 600 AS shipped, bool_and(word = lower(word)) AS lower_case FROM account.blocked_passwords;
-- The least length is a setting, and what is easy follows it.
SET account.password_min_length = 8;
SELECT p, pg_temp.try(p) FROM unnest(ARRAY['zebra 7', 'zebra 7!', 'password', 'hunter22', 'password1!', 'alice.smith']) p;
SET account.password_min_length = 7;
SET account.password_cost = 3;
SET account.password_cost = 21;
RESET account.password_min_length;

-- The hash is bcrypt of the configured cost, salted anew each time; nothing else of the password is kept.
SELECT account.set_password(:'alice', 'correct zebra anvil quiz');
SELECT password_hash AS one FROM account.users WHERE user_id = :'alice' \gset
SELECT account.set_password(:'alice', 'correct zebra anvil quiz');
SELECT password_hash <> :'one' AS another, password_hash ~ '^\$2a\$04\$[./0-9A-Za-z]{53}$' AS bcrypt FROM account.users WHERE user_id = :'alice';
-- When the setting has risen it is made anew at the next login, not by a wrong password; when it has fallen it stays.
SET account.password_cost = 6;
SELECT (account.login('alice.smith@example.com', 'wrong')).error, left(password_hash, 7) FROM account.users WHERE user_id = :'alice';
SELECT (account.login('alice.smith@example.com', 'correct zebra anvil quiz')).error;
SELECT left(password_hash, 7) FROM account.users WHERE user_id = :'alice';
SET account.password_cost = 4;
SELECT (account.login('alice.smith@example.com', 'correct zebra anvil quiz')).error;
SELECT left(password_hash, 7) FROM account.users WHERE user_id = :'alice';
-- SP-11: no setting of the session changes what is hashed.
SET datestyle = 'German'; SET intervalstyle = 'sql_standard'; SET bytea_output = 'escape'; SET extra_float_digits = -15; SET transform_null_equals = on; SET standard_conforming_strings = off; SET search_path = pg_temp;
SELECT account.set_password(:'alice', 'correct zebra anvil quiz');
RESET datestyle; RESET intervalstyle; RESET bytea_output; RESET extra_float_digits; RESET transform_null_equals; RESET standard_conforming_strings; RESET search_path;
SELECT (account.login('alice.smith@example.com', 'correct zebra anvil quiz')).error;

-- SES-10: no function sets a hash; one that a superuser writes must be of our form, and is not believed beyond it.
SELECT count(*) FROM pg_proc p WHERE p.pronamespace = 'account'::regnamespace AND p.proargnames::text ~ 'hash';
CREATE FUNCTION pg_temp.store(hash text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	UPDATE account.users SET password_hash = hash WHERE email = 'alice.smith@example.com';
	RETURN (account.login('alice.smith@example.com', 'correct zebra anvil quiz')).error;
EXCEPTION WHEN check_violation THEN
	RETURN 'refused';
END $$;
SELECT CASE WHEN length(hash) IN (13, 34) THEN 'md5 or DES' ELSE left(hash, 5) END AS hash, length(hash), pg_temp.store(hash) FROM unnest(ARRAY['correct zebra anvil quiz', '', '$2b$' || substr(:'one', 5), '$2y$' || substr(:'one', 5), '$2x$' || substr(:'one', 5), '$2$' || substr(:'one', 5), '$2a$99$' || substr(:'one', 8), '$2a$4$' || substr(:'one', 8), left(:'one', 59), :'one' || '.', left(:'one', 59) || E'\n', repeat(:'one', 20000),
	crypt('correct zebra anvil quiz', gen_salt('des')), crypt('correct zebra anvil quiz', gen_salt('md5')), '$argon2id$m=4294967295,t=1,p=1$c2FsdA$aGFzaA', '$pbkdf2-sha256$i=1$c2FsdA$aGFzaA', 'SCRAM-SHA-256$1:c2FsdA==$a:b']) hash;
-- A cost beyond all reason is not worked off, and of two spellings of one hash the true one alone is right.
SET statement_timeout = '10s';
SELECT pg_temp.store(hash) FROM unnest(ARRAY['$2a$31$' || substr(:'one', 8), '$2a$03$' || substr(:'one', 8), left(:'one', 59) || CASE right(:'one', 1) WHEN 'z' THEN 'y' ELSE 'z' END, :'one']) hash;
RESET statement_timeout;

DELETE FROM account.users;
DELETE FROM account.credentials WHERE user_id IS NOT NULL;
DROP EXTENSION pgcrypto;
