-- What is measured, and what is told of it.  Each group adds its own rows.

CREATE SCHEMA bench;

-- One timed block: a procedure whose INOUT argument seconds it sets.
CREATE TABLE bench.measures (
	position integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text NOT NULL,
	variant text NOT NULL,
	role text NOT NULL,
	call text NOT NULL,
	every integer NOT NULL DEFAULT 1,
	database text NOT NULL DEFAULT pg_catalog.current_database(),
	UNIQUE (name, variant)
);

-- What each session does before it is measured: rights are compiled once in a session, and
-- a use is noted once a minute.
CREATE TABLE bench.warm_ups (
	role text NOT NULL,
	call text NOT NULL
);

-- One line of the report: a variant against another of the same name.
CREATE TABLE bench.comparisons (
	position integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	section text NOT NULL,
	name text NOT NULL,
	what text NOT NULL,
	variant text NOT NULL,
	against text NOT NULL,
	reference text NOT NULL,
	aim numeric,
	at_least boolean NOT NULL DEFAULT false
);

-- What one call takes by itself: a variant without another of the same name.
CREATE TABLE bench.durations (
	position integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text NOT NULL,
	what text NOT NULL,
	variant text NOT NULL,
	empty text NOT NULL,
	calls integer NOT NULL,
	aim integer
);

CREATE TABLE bench.samples (
	name text NOT NULL,
	variant text NOT NULL,
	round integer NOT NULL,
	value double precision NOT NULL
);

-- How large a relation is after each round of sessions; not timed.
CREATE TABLE bench.sizes (
	relation text NOT NULL,
	round integer NOT NULL,
	bytes bigint NOT NULL,
	PRIMARY KEY (relation, round)
);

-- What an EXPLAIN must show; not measured, but a run fails with it.
CREATE TABLE bench.plans (
	name text NOT NULL,
	wanted text NOT NULL,
	plan text NOT NULL,
	shown boolean NOT NULL,
	same boolean NOT NULL
);

CREATE FUNCTION bench.seconds_since(started timestamp with time zone) RETURNS double precision
	LANGUAGE sql VOLATILE
	RETURN pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) started);

CREATE FUNCTION bench.account(number integer) RETURNS uuid
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN ('20000000-0000-4000-8000-' || pg_catalog.lpad(pg_catalog.to_hex(number), 12, '0'))::uuid;

CREATE FUNCTION bench.profile(number integer) RETURNS uuid
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN ('10000000-0000-4000-8000-' || pg_catalog.lpad(pg_catalog.to_hex(number), 12, '0'))::uuid;

CREATE FUNCTION bench.credential(number integer) RETURNS uuid
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN ('30000000-0000-4000-8000-' || pg_catalog.lpad(pg_catalog.to_hex(number), 12, '0'))::uuid;

CREATE FUNCTION bench.person(number integer) RETURNS uuid
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN ('40000000-0000-4000-8000-' || pg_catalog.lpad(pg_catalog.to_hex(number), 12, '0'))::uuid;
