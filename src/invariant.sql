
-- invariant: what is true of the extension's own rows whenever nobody writes past its functions.

CREATE FUNCTION account.check_invariants(OUT invariant text, OUT object text, OUT finding text)
	RETURNS SETOF record
	LANGUAGE C STABLE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_invariant_check_invariants';
REVOKE ALL ON FUNCTION account.check_invariants() FROM PUBLIC;
COMMENT ON FUNCTION account.check_invariants() IS 'Rows of this extension''s own tables that contradict one another, as after a change past its functions or a restore of parts: the invariant, the object, and what was found. None is right. Administrators. Raises FORBIDDEN otherwise.';

INSERT INTO account.access_grants (level, object) VALUES
	('admin', 'FUNCTION account.check_invariants()');
