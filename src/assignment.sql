
-- assignment: which profile has which role, in which scope.

CREATE FUNCTION account.assign_role(
		profile_id uuid,
		role text,
		workspace_id uuid DEFAULT NULL,
		service text DEFAULT NULL,
		descendants boolean DEFAULT false,
		expires_in interval DEFAULT NULL)
	RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_assignment_assign_role';
REVOKE ALL ON FUNCTION account.assign_role(uuid, text, uuid, text, boolean, interval) FROM PUBLIC;
COMMENT ON FUNCTION account.assign_role(uuid, text, uuid, text, boolean, interval) IS 'Gives a profile a role of its account, or a built-in one: in the whole account, or in one workspace (whose reach comes with it), or for one service of the application (a word of lower-case letters, digits, _ and -), or both; with descendants, for a user, in all accounts below too. It is in force from the next transaction on, and ends by itself after expires_in. Assigned again in the same scope, it takes the place of the first. The caller has all of the role, reaches the workspace, and lasts as long itself: without expires_in it ends when the caller does. For the accounts below it takes an owner, or who has the role for them. A role that denies is given by who has all that the profile has. manage:roles in the own account and those below; administrators. Raises MISSING_API_KEY, FORBIDDEN (also for the system service account, and when the transaction commits, if the caller has lost what it gives), NOT_FOUND for the profile, role or workspace, VALIDATION_FAILED, CONFLICT where the last owner would get an end, ARCHIVED, ACCOUNT_SUSPENDED.';

CREATE FUNCTION account.unassign_role(profile_id uuid, role text, workspace_id uuid DEFAULT NULL, service text DEFAULT NULL) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_assignment_unassign_role';
REVOKE ALL ON FUNCTION account.unassign_role(uuid, text, uuid, text) FROM PUBLIC;
COMMENT ON FUNCTION account.unassign_role(uuid, text, uuid, text) IS 'Takes a role from a profile, in the scope that it was assigned in, from its next transaction on. Of other profiles by who has all of the role; a role that denies by who has what it denies. manage:roles in the own account and those below; administrators. Raises MISSING_API_KEY, FORBIDDEN (also for the system service account), NOT_FOUND for the profile or role, and where the profile does not have it there, VALIDATION_FAILED, CONFLICT for the last owner of an account, at once or when the transaction commits.';

CREATE VIEW account.role_assignments WITH (security_barrier) AS
	SELECT g.grant_id AS assignment_id,
		p.account_id,
		g.profile_id,
		g.role_id,
		r.name::text AS role,
		g.workspace_id,
		g.service,
		g.descendants,
		g.expires_at,
		g.created_by,
		g.created_at
	FROM (
			SELECT q.profile_id, q.account_id
			FROM account.readable_account_ids('roles') a (account_id)
			JOIN account.profiles q ON q.account_id = a.account_id
			UNION
			SELECT o.profile_id, o.account_id
			FROM account.profiles o
			WHERE o.profile_id = account.current_profile_id()
		) p
	JOIN account.grants g ON g.profile_id = p.profile_id
	JOIN account.roles r ON r.role_id = g.role_id
	WHERE g.expires_at IS NULL OR g.expires_at > pg_catalog.clock_timestamp()
	-- A fence: no condition of the caller's is evaluated on a row of anybody else.
	OFFSET 0;
COMMENT ON VIEW account.role_assignments IS 'Who has which role: the caller''s own, and with read:roles or manage:roles those of its account and the accounts below; all for an administrator. Those that have ended are not shown.';
COMMENT ON COLUMN account.role_assignments.assignment_id IS 'The id; another one when it is assigned again with another end or reach.';
COMMENT ON COLUMN account.role_assignments.account_id IS 'The account of the profile.';
COMMENT ON COLUMN account.role_assignments.profile_id IS 'Who has the role.';
COMMENT ON COLUMN account.role_assignments.role_id IS 'The role.';
COMMENT ON COLUMN account.role_assignments.role IS 'Its name.';
COMMENT ON COLUMN account.role_assignments.workspace_id IS 'The workspace that it is limited to; NULL for the whole account.';
COMMENT ON COLUMN account.role_assignments.service IS 'The service of the application that it is limited to; NULL for all.';
COMMENT ON COLUMN account.role_assignments.descendants IS 'Whether the user has it in all accounts below too.';
COMMENT ON COLUMN account.role_assignments.expires_at IS 'When it ends by itself; NULL never.';
COMMENT ON COLUMN account.role_assignments.created_by IS 'The profile that gave it; NULL for an administrator or an application.';
COMMENT ON COLUMN account.role_assignments.created_at IS 'When it was given.';

INSERT INTO account.access_grants (level, object) VALUES
	('tenant', 'FUNCTION account.assign_role(uuid, text, uuid, text, boolean, interval)'),
	('tenant', 'FUNCTION account.unassign_role(uuid, text, uuid, text)'),
	('tenant', 'TABLE account.role_assignments');
