
-- doctor: what is wrong, or could be, as the catalogs tell.
--
-- The checks are in src/confinement.c, exposure.c, privilege.c, drift.c and upkeep.c.  A
-- finding that is as it should be is accepted with a reason; it comes back when that ends.

CREATE TABLE account.accepted_findings (
	check_id text NOT NULL,
	object text NOT NULL,
	reason text NOT NULL,
	accepted_by text NOT NULL,
	accepted_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	expires_at timestamp with time zone,
	CONSTRAINT accepted_findings_pkey PRIMARY KEY (check_id, object)
);
COMMENT ON TABLE account.accepted_findings IS 'Findings that doctor() does not show. Kept by accept_finding() and reopen_finding() alone; read by level owner, without those that have expired.';
COMMENT ON COLUMN account.accepted_findings.check_id IS 'The check.';
COMMENT ON COLUMN account.accepted_findings.object IS 'The object, as doctor() names it.';
COMMENT ON COLUMN account.accepted_findings.reason IS 'Why it is as it should be.';
COMMENT ON COLUMN account.accepted_findings.accepted_by IS 'The role that has accepted it.';
COMMENT ON COLUMN account.accepted_findings.accepted_at IS 'When.';
COMMENT ON COLUMN account.accepted_findings.expires_at IS 'When doctor() shows it again; NULL never.';
ALTER TABLE account.accepted_findings ENABLE ROW LEVEL SECURITY;
CREATE POLICY accepted_findings_select ON account.accepted_findings FOR SELECT USING (COALESCE(expires_at > pg_catalog.now(), true));
SELECT pg_catalog.pg_extension_config_dump('account.accepted_findings', '');

CREATE FUNCTION account.doctor(schema regnamespace DEFAULT NULL, min_severity text DEFAULT 'info',
		OUT severity text, OUT check_id text, OUT object text, OUT finding text, OUT fix text)
	RETURNS SETOF record
	LANGUAGE C STABLE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_doctor_doctor';
REVOKE ALL ON FUNCTION account.doctor(regnamespace, text) FROM PUBLIC;
COMMENT ON FUNCTION account.doctor(regnamespace, text) IS 'What is wrong with the isolation of tables, with roles, settings and this extension itself, or could become so, worst first: severity (error, warning, info), check_id (see list_checks()), the object, what was found, and the SQL that mends it. Each fix is for a transaction of its own, run by a superuser or, where it begins with SET LOCAL ROLE, by whoever may become that role; where SQL cannot mend it, it is a comment, and ALTER SYSTEM and ROLLBACK PREPARED take no transaction. With schema, only what concerns that schema''s objects, and nothing about the whole database. min_severity leaves out what is less. Findings accepted with accept_finding() are left out. Reads catalogs, never a user''s table. Level owner; what accounts have, such as old keys, is shown to administrators alone. Raises VALIDATION_FAILED.';

CREATE FUNCTION account.list_checks(OUT check_id text, OUT severity text, OUT description text)
	RETURNS SETOF record
	LANGUAGE C IMMUTABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_doctor_list_checks';
REVOKE ALL ON FUNCTION account.list_checks() FROM PUBLIC;
COMMENT ON FUNCTION account.list_checks() IS 'What doctor() looks for: the id of each check, its severity and what it means. Level owner; raises nothing.';

CREATE FUNCTION account.accept_finding(check_id text, object text, reason text, expires_in interval DEFAULT NULL) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_doctor_accept_finding';
REVOKE ALL ON FUNCTION account.accept_finding(text, text, text, interval) FROM PUBLIC;
COMMENT ON FUNCTION account.accept_finding(text, text, text, interval) IS 'Has doctor() leave out one finding, named by check and object, for a time (to 100 years) or, without expires_in, for good; the reason is kept in account.accepted_findings. Replaces what was accepted of it before. Administrators. Raises FORBIDDEN, VALIDATION_FAILED.';

CREATE FUNCTION account.reopen_finding(check_id text, object text) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_doctor_reopen_finding';
REVOKE ALL ON FUNCTION account.reopen_finding(text, text) FROM PUBLIC;
COMMENT ON FUNCTION account.reopen_finding(text, text) IS 'Takes back what accept_finding() has accepted. Administrators. Raises FORBIDDEN, VALIDATION_FAILED, and NOT_FOUND if it was not accepted.';

INSERT INTO account.access_grants (level, object) VALUES
	('owner', 'TABLE account.accepted_findings'),
	('owner', 'FUNCTION account.doctor(regnamespace, text)'),
	('owner', 'FUNCTION account.list_checks()'),
	('admin', 'FUNCTION account.accept_finding(text, text, text, interval)'),
	('admin', 'FUNCTION account.reopen_finding(text, text)');
