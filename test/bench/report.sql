-- RESULTS.md, from the samples.  Variables: note (the shape of the data), instructions.
CREATE VIEW bench.ratios AS
	SELECT c.position, c.section, c.name, c.what, c.variant, c.against, c.reference, c.aim, c.at_least, r.*
	FROM bench.comparisons c
	CROSS JOIN LATERAL (
			SELECT count(*) AS rounds,
				percentile_cont(0.5) WITHIN GROUP (ORDER BY v.value)
					/ percentile_cont(0.5) WITHIN GROUP (ORDER BY a.value) AS ratio,
				percentile_cont(0.25) WITHIN GROUP (ORDER BY v.value / a.value) AS low,
				percentile_cont(0.75) WITHIN GROUP (ORDER BY v.value / a.value) AS high
			FROM bench.samples v
			JOIN bench.samples a USING (name, round)
			WHERE v.name = c.name AND v.variant = c.variant AND a.variant = c.against
		) r;

CREATE FUNCTION bench.shown(ratio double precision) RETURNS text
	LANGUAGE sql IMMUTABLE
	RETURN CASE WHEN ratio < 10 THEN round(ratio::numeric, 2)::text ELSE round(ratio::numeric, 1)::text END;

CREATE FUNCTION bench.verdict(ratio double precision, aim numeric, at_least boolean) RETURNS text
	LANGUAGE sql IMMUTABLE
	RETURN CASE
		WHEN ratio IS NULL THEN 'not measured'
		WHEN aim IS NULL THEN ''
		WHEN CASE WHEN at_least THEN round(ratio::numeric, 2) >= aim ELSE round(ratio::numeric, 2) <= aim END THEN 'met'
		ELSE '**missed**'
	END;

CREATE FUNCTION bench.other(query_name text, other text) RETURNS text
	LANGUAGE sql STABLE
	BEGIN ATOMIC
		SELECT bench.shown(percentile_cont(0.5) WITHIN GROUP (ORDER BY v.value)
			/ percentile_cont(0.5) WITHIN GROUP (ORDER BY a.value))
		FROM bench.samples v
		JOIN bench.samples a USING (name, round)
		WHERE v.name = query_name AND v.variant = other AND a.variant = 'plain';
	END;

\pset format unaligned
\pset tuples_only on
\pset fieldsep ''
\qecho '# Results'
\qecho
\qecho 'Written by `sh test/bench/run`; not edited by hand.'
\qecho
SELECT format('PostgreSQL %s. %s', current_setting('server_version'), :'note');
\qecho
\qecho 'Each number is a ratio of medians over interleaved rounds on one server, less being better'
\qecho 'where nothing else is said; in brackets the quartiles of the ratios of single rounds.'
SELECT E'\n## ' || section || E'\n\n| what | against | ratio | aim | |\n|---|---|---|---|---|\n' ||
	string_agg(format('| %s | %s | %s (%s-%s) | %s | %s |', what, reference, bench.shown(ratio), bench.shown(low), bench.shown(high),
		CASE WHEN at_least THEN '>= ' ELSE '<= ' END || aim, bench.verdict(ratio, aim, at_least)), E'\n' ORDER BY position)
FROM bench.ratios
WHERE section <> 'Queries'
GROUP BY section
ORDER BY min(position);
SELECT E'\nBy itself, without the rest of the query:\n\n| call | nanoseconds | aim | |\n|---|---|---|---|\n' ||
	string_agg(format('| %s | %s | %s | %s |', d.what, round(n.value::numeric), '<= ' || d.aim, bench.verdict(n.value, d.aim, false)),
		E'\n' ORDER BY d.position)
FROM bench.durations d
CROSS JOIN LATERAL (
		SELECT 1e9 * (percentile_cont(0.5) WITHIN GROUP (ORDER BY v.value)
				- percentile_cont(0.5) WITHIN GROUP (ORDER BY e.value)) / d.calls AS value
		FROM bench.samples v
		JOIN bench.samples e USING (name, round)
		WHERE v.name = d.name AND v.variant = d.variant AND e.variant = d.empty
	) n
HAVING count(*) > 0;
SELECT E'\nMegabytes with as many sessions all the time, and after each round in which all of them were replaced:\n'
	'\n| relation | at first | round 1 | round 2 | round 3 | round 3 / round 1 |\n|---|---|---|---|---|---|\n' ||
	string_agg(format('| %s | %s | %s |', relation, sizes, bench.shown(growth)), E'\n' ORDER BY place, relation)
FROM (
		SELECT place, coalesce(relation, 'all') AS relation,
			string_agg(round(bytes / 1048576)::text, ' | ' ORDER BY round) AS sizes,
			(sum(bytes) FILTER (WHERE round = 3) / sum(bytes) FILTER (WHERE round = 1))::double precision AS growth
		FROM (
				SELECT relation, round, sum(bytes) AS bytes, grouping(relation) AS place
				FROM bench.sizes
				GROUP BY round, ROLLUP (relation)
			) s
		GROUP BY place, relation
	) s
HAVING count(*) > 0;
SELECT E'\n## Queries\n\nAgainst the same query on a table without row security that says `WHERE account_id = $1`; beside it'
	'\nthe policies that one finds recommended, on the same tables.\n'
	'\n| query | isolate() | aim | | current_setting() | (SELECT current_setting()) | JWT claims |\n|---|---|---|---|---|---|---|\n' ||
	string_agg(format('| %s | %s (%s-%s) | <= %s | %s | %s | %s | %s |', what, bench.shown(ratio), bench.shown(low), bench.shown(high), aim,
		bench.verdict(ratio, aim, at_least), bench.other(name, 'setting'), bench.other(name, 'subselect'), bench.other(name, 'claims')),
		E'\n' ORDER BY position)
FROM bench.ratios
WHERE section = 'Queries'
HAVING count(*) > 0;
SELECT E'\nPlans as EXPLAIN shows them, checked in every run:\n\n| query | must show | shown | same nodes as by hand |\n|---|---|---|---|\n' ||
	string_agg(format('| %s | `%s` | %s | %s |', name, replace(wanted, '|', '\|'), CASE WHEN shown THEN 'yes' ELSE '**no**' END,
		CASE WHEN same THEN 'yes' ELSE 'no' END), E'\n')
FROM bench.plans
HAVING count(*) > 0;
