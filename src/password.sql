
-- password: what no password may be made of.
--
-- A password is cut into as few pieces as possible, where each of these words is one
-- piece; too few pieces are refused (src/password.c).  The list is compared without
-- case and as people write letters: 0 for o, @ for a.  A superuser may add words of
-- the place: the product's name, the company's, the street's.

CREATE TABLE account.blocked_passwords (
	word text NOT NULL,
	built_in boolean NOT NULL DEFAULT false,
	CONSTRAINT blocked_passwords_pkey PRIMARY KEY (word),
	CONSTRAINT blocked_passwords_word_length CHECK (pg_catalog.char_length(word) BETWEEN 4 AND 72)
);
COMMENT ON TABLE account.blocked_passwords IS 'Words and phrases that count as one piece of a password. Read by functions alone; no role has a grant on it. Superusers may insert words of their own.';
COMMENT ON COLUMN account.blocked_passwords.word IS 'A word or phrase of 4 to 72 characters; case and accents as they are composed do not matter.';
COMMENT ON COLUMN account.blocked_passwords.built_in IS 'Shipped with the extension.';
ALTER TABLE account.blocked_passwords ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('account.blocked_passwords', 'WHERE NOT built_in');

INSERT INTO account.blocked_passwords (built_in, word)
SELECT true, word FROM (VALUES
	('abracadabra'), ('access'), ('account'), ('adgangskode'), ('admin'), ('administrator'), ('admins'), ('ahmed'), ('alexander'), ('allyouneedislove'),
	('always'), ('amanda'), ('amazon'), ('amen'), ('america'), ('american'), ('andrew'), ('android'), ('angel'), ('angelina'), ('angels'), ('anna'),
	('anthony'), ('antidisestablishmentarianism'), ('antonio'), ('anyone'), ('anything'), ('apple'), ('apples'), ('april'), ('arsenal'), ('asdf'),
	('asdfgh'), ('ashley'), ('august'), ('australia'), ('autumn'), ('azerty'), ('baby'), ('babyboy'), ('babygirl'), ('backup'), ('bailey'),
	('banana'), ('bananas'), ('barbara'), ('barcelona'), ('baseball'), ('basketball'), ('batman'), ('bayern'), ('beach'), ('bear'), ('bears'), ('beatles'),
	('beautiful'), ('beer'), ('bella'), ('benjamin'), ('benvenuto'), ('berlin'), ('bestfriend'), ('bible'), ('bienvenido'), ('bienvenue'), ('birthday'),
	('bitcoin'), ('black'), ('blessed'), ('blink182'), ('blue'), ('blueberry'), ('bonjour'), ('boris'), ('boston'), ('boxing'), ('brandon'),
	('brazil'), ('brian'), ('broncos'), ('brother'), ('bulldog'), ('bunny'), ('business'), ('buster'), ('butter'), ('butterfly'),
	('cadillac'), ('california'), ('callofduty'), ('camaro'), ('canada'), ('candy'), ('captain'), ('carlos'), ('change'), ('changeit'), ('changeme'),
	('changethis'), ('charlie'), ('cheese'), ('cheesecake'), ('chelsea'), ('cherry'), ('chevrolet'), ('chicago'), ('chicken'), ('children'), ('chocolate'),
	('christ'), ('christian'), ('christmas'), ('christopher'), ('church'), ('ciao'), ('cisco'), ('cobra'), ('coco'), ('coffee'), ('company'), ('computer'),
	('contrasena'), ('cookie'), ('cookies'), ('correct horse battery staple'), ('correcthorsebatterystaple'), ('corvette'), ('counterstrike'), ('cowboy'),
	('cowboys'), ('cricket'), ('crimson'), ('crypto'), ('cupcake'), ('cutie'), ('daddy'), ('daisy'), ('dallas'), ('daniel'), ('darkness'), ('darling'),
	('darthvader'), ('database'), ('david'), ('debian'), ('december'), ('default'), ('demo'), ('diamond'), ('docker'), ('doggie'), ('doggy'), ('dollar'),
	('dollars'), ('dolor sit amet'), ('dolphin'), ('dolphins'), ('donald'), ('dontworrybehappy'), ('dragon'), ('dragons'), ('drowssap'), ('drummer'),
	('eagle'), ('eagles'), ('elizabeth'), ('emily'), ('eminem'), ('england'), ('enter'), ('entry'), ('everyone'), ('everything'), ('example'),
	('facebook'), ('faith'), ('falcon'), ('family'), ('father'), ('february'), ('ferrari'), ('fire'), ('fishing'), ('flame'),
	('floccinaucinihilipilification'), ('flower'), ('flowers'), ('football'), ('forever'), ('forgotpassword'), ('fortnite'), ('francisco'), ('freedom'),
	('friday'), ('friend'), ('friends'), ('frodo'), ('gandalf'), ('garfield'), ('gateway'), ('geheim'), ('george'), ('ghost'),
	('ginger'), ('github'), ('godisgood'), ('godisgreat'), ('gold'), ('golden'), ('golf'), ('golfer'), ('goodbye'), ('goodmorning'), ('goodnight'),
	('google'), ('gorgeous'), ('grandma'), ('granted'), ('green'), ('greenday'), ('guest'), ('guitar'), ('hacker'), ('hackers'), ('hakunamatata'),
	('hallo'), ('hannah'), ('happilyeverafter'), ('happiness'), ('happy'), ('happybirthday'), ('harley'), ('harrypotter'), ('haslo'), ('hawaii'),
	('heart'), ('heaven'), ('heavenly'), ('hello'), ('heslo'), ('hockey'), ('hocuspocus'), ('hogwarts'), ('hola'), ('holiday'), ('honda'), ('honey'),
	('horse'), ('horses'), ('howareyou'), ('howmuchwood'), ('hugs'), ('hunter'), ('hunting'), ('i love you'), ('iamfine'), ('ilovehim'), ('iloveme'),
	('ilovemyfamily'), ('ilovemymom'), ('iloveyou'), ('iloveyousomuch'), ('instagram'), ('internet'), ('iphone'), ('ironman'), ('isabella'), ('island'),
	('ivan'), ('james'), ('january'), ('jasmine'), ('jason'), ('jelszo'), ('jennifer'), ('jessica'), ('jesus'), ('jesuschrist'), ('john'), ('jonathan'),
	('jordan'), ('jose'), ('joseph'), ('joshua'), ('juan'), ('july'), ('jumps over the lazy dog'), ('jumpsoverthelazydog'), ('june'), ('justin'),
	('juventus'), ('kennwort'), ('kevin'), ('keyboard'), ('killer'), ('king'), ('kings'), ('kiss'), ('kisses'), ('kitten'), ('kitty'), ('ladybug'),
	('lakers'), ('lamborghini'), ('laptop'), ('laura'), ('ledzeppelin'), ('let me in'), ('letmein'), ('letmeinnow'), ('letmeinplease'), ('liberty'),
	('lightning'), ('lily'), ('linkedin'), ('linkinpark'), ('linux'), ('lion'), ('lions'), ('liverpool'), ('login'), ('logon'), ('london'),
	('longpassword'), ('lorem ipsum'), ('loremipsum'), ('loremipsumdolorsitamet'), ('losenord'), ('love'), ('lovely'), ('loveme'), ('lover'), ('loveyou'),
	('loving'), ('lucky'), ('madrid'), ('maggie'), ('magic'), ('magical'), ('mainframe'), ('mama'), ('manager'), ('manchester'), ('manutd'), ('march'),
	('maria'), ('mario'), ('mark'), ('martin'), ('master'), ('matrix'), ('matthew'), ('maverick'), ('may the force be with you'), ('maytheforcebewithyou'),
	('melissa'), ('member'), ('mercedes'), ('merlin'), ('merrychristmas'), ('metallica'), ('mexico'), ('michael'), ('michelle'), ('mickey'), ('microsoft'),
	('midnight'), ('miguel'), ('minecraft'), ('minnie'), ('mohamed'), ('molly'), ('mommy'), ('monday'), ('money'), ('monkey'), ('moon'), ('moonlight'),
	('motdepasse'), ('mother'), ('mountain'), ('muffin'), ('music'), ('mustang'), ('my password'), ('mylove'), ('mypassword'), ('mysql'), ('naruto'),
	('natasha'), ('netflix'), ('network'), ('nevergonnagiveyouup'), ('newpassword'), ('newyear'), ('newyork'), ('nicholas'), ('nicole'), ('ninja'),
	('nirvana'), ('nobody'), ('nopassword'), ('nothing'), ('november'), ('ocean'), ('october'), ('office'), ('oldpassword'), ('olivia'),
	('once upon a time'), ('onceuponatime'), ('open sesame'), ('opensesame'), ('oracle'), ('orange'), ('oreo'), ('packers'), ('panda'), ('panther'),
	('papa'), ('paris'), ('parola'), ('parool'), ('passcode'), ('passkey'), ('passphrase'), ('password'), ('passwords'), ('passwort'), ('patrick'),
	('patriots'), ('paul'), ('peanut'), ('pedro'), ('penguin'), ('pepper'), ('peter'), ('phoenix'), ('piano'), ('pikachu'), ('pink'), ('pinkfloyd'),
	('pirate'), ('pizza'), ('platinum'), ('please'), ('pleasechange'), ('pneumonoultramicroscopicsilicovolcanoconiosis'), ('pokemon'), 
	('porsche'), ('postgres'), ('postgresql'), ('potato'), ('potter'), ('pretty'), ('prince'), ('princess'), ('pumpkin'), ('puppy'), ('purple'), 
	('qazwsx'), ('queen'), ('qweasd'), ('qwer'), ('qwerty'), ('qwertz'), ('rabbit'), ('rachel'), ('racing'), ('raiders'), ('rainbow'), ('ranger'),
	('realmadrid'), ('rebecca'), ('redhead'), ('redskins'), ('redsox'), ('richard'), ('river'), ('robert'), ('rocknroll'), ('rockstar'), ('rocky'),
	('root'), ('rose'), ('roses'), ('rugby'), ('sadie'), ('salasana'), ('samantha'), ('sample'), ('samsung'), ('samuel'), ('samurai'), ('sarah'),
	('saturday'), ('scarlet'), ('scooby'), ('scoobydoo'), ('season'), ('secret'), ('secrets'), ('secure'), ('securepassword'), ('security'), ('senha'),
	('september'), ('server'), ('service'), ('sesame'), ('shadow'), ('shark'), ('sifre'), ('signin'), ('signup'), ('silver'),
	('silverfox'), ('simba'), ('sister'), ('skating'), ('skywalker'), ('slipknot'), ('smile'), ('smokey'), ('snake'), ('snoopy'), ('snow'), ('snowball'),
	('snowman'), ('soccer'), ('soccerball'), ('soldier'), ('someone'), ('something'), ('sonic'), ('sophia'), ('spaghetti'), ('spider'), ('spiderman'),
	('spring'), ('star'), ('stars'), ('startrek'), ('starwars'), ('steelers'), ('stephanie'), ('steven'), ('storm'), ('strawberry'), ('strongpassword'),
	('subaru'), ('sugar'), ('summer'), ('sunday'), ('sunflower'), ('sunny'), ('sunrise'), ('sunset'), ('sunshine'), ('supercalifragilisticexpialidocious'),
	('superman'), ('superuser'), ('support'), ('surfing'), ('sweet'), ('sweetheart'), ('sweetie'), ('sysadmin'), ('sysop'), ('system'), ('systems'),
	('temp'), ('temporary'), ('tennis'), ('test'), ('tester'), ('testing'), ('tetris'), ('texas'), ('thanks'), ('thankyou'), ('the quick brown fox'),
	('thepassword'), ('thequickbrownfox'), ('thequickbrownfoxjumpsoverthelazydog'), ('thereisnospoon'), ('this is my password'), ('thisismypassword'),
	('thomas'), ('thunder'), ('thursday'), ('tiger'), ('tigers'), ('tinker'), ('tinkerbell'), ('to be or not to be'), ('tobeornottobe'),
	('tobeornottobethatisthequestion'), ('today'), ('together'), ('tomato'), ('tomorrow'), ('toor'), ('topsecret'), ('toyota'), ('trustno1'), ('tuesday'),
	('turtle'), ('twinkletwinklelittlestar'), ('twitter'), ('ubuntu'), ('unicorn'), ('user'), ('username'), ('users'), ('vanilla'), ('victoria'),
	('violet'), ('viper'), ('visitor'), ('vodka'), ('volkswagen'), ('volleyball'), ('wachtwoord'), ('wallet'), ('warrior'), ('wasd'), ('wednesday'),
	('weekend'), ('welcome'), ('welcomeback'), ('welcomehome'), ('whatever'), ('whiskey'), ('white'), ('william'), ('willkommen'), ('windows'), ('winter'),
	('winteriscoming'), ('wizard'), ('wolf'), ('wolves'), ('wonderwoman'), ('yamaha'), ('yankees'), ('yellow'), ('yesterday'), ('yoda'), ('yourpassword'),
	('youtube'), ('zelda'), ('zxcv'), ('zxcvbn')
) AS v (word);
