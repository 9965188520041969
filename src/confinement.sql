
-- confinement: what of isolated and shared tables the doctor finds out of place.

CREATE FUNCTION account.find_policy_drift(table_name regclass, OUT policy name, OUT missing boolean, OUT fix text)
	RETURNS SETOF record
	LANGUAGE C STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_confinement_find_policy_drift';
REVOKE ALL ON FUNCTION account.find_policy_drift(regclass) FROM PUBLIC;
COMMENT ON FUNCTION account.find_policy_drift(regclass) IS 'The policies of an isolated or shared table that are missing, or are not as isolate() and share() make them, and the SQL that mends each; none where all is well, and for other tables. What doctor() asks. Level owner; raises nothing.';

CREATE FUNCTION account.is_bookkeeping_table(table_name name) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_confinement_is_bookkeeping_table';
REVOKE ALL ON FUNCTION account.is_bookkeeping_table(name) FROM PUBLIC;
COMMENT ON FUNCTION account.is_bookkeeping_table(name) IS 'Whether a table of that name is one in which a tool keeps which migrations were run: isolate_schema() leaves such a table alone, and doctor() does not ask for it. Level owner; raises nothing.';

INSERT INTO account.access_grants (level, object) VALUES
	('owner', 'FUNCTION account.is_bookkeeping_table(name)'),
	('owner', 'FUNCTION account.find_policy_drift(regclass)');
