
-- right: what profiles may do.
--
-- A profile has grants: a role in a scope, or the mere reach into a workspace.  Grants
-- and memberships are inserted and deleted, never updated, so that they can be read as
-- they are committed now.  Every change makes all sessions compile rights anew; the
-- functions that make changes are in the parts role, workspace and member.

CREATE TABLE account.roles (
	role_id uuid NOT NULL,
	account_id uuid,
	name account.name NOT NULL,
	permissions text[] NOT NULL,
	denied text[] NOT NULL DEFAULT '{}',
	description text,
	created_by uuid,
	created_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	updated_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	CONSTRAINT roles_pkey PRIMARY KEY (role_id),
	CONSTRAINT roles_without_null CHECK (pg_catalog.array_position(permissions, NULL) IS NULL AND pg_catalog.array_position(denied, NULL) IS NULL)
);
COMMENT ON TABLE account.roles IS 'Roles: named sets of permissions. Read by level tenant with read:roles or manage:roles: those of the own account and those below, and the built-in ones.';
COMMENT ON COLUMN account.roles.role_id IS 'The id.';
COMMENT ON COLUMN account.roles.account_id IS 'The account whose role it is; NULL if it is built in, for every account.';
COMMENT ON COLUMN account.roles.name IS 'Its name, unique in the account whatever the case of its letters from A to Z, and not that of a built-in role.';
COMMENT ON COLUMN account.roles.permissions IS 'What it grants, as verb:resource, * on either side.';
COMMENT ON COLUMN account.roles.denied IS 'What it denies: overrides every grant of every role in the same scope and below.';
COMMENT ON COLUMN account.roles.description IS 'Free text.';
COMMENT ON COLUMN account.roles.created_by IS 'The profile that made it; NULL for an administrator or an application.';
COMMENT ON COLUMN account.roles.created_at IS 'When it was created.';
COMMENT ON COLUMN account.roles.updated_at IS 'When it was last changed.';
CREATE UNIQUE INDEX roles_name_key ON account.roles (account_id, pg_catalog.lower(name::text COLLATE "C")) NULLS NOT DISTINCT;
ALTER TABLE account.roles ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('account.roles', 'WHERE account_id IS NOT NULL');

INSERT INTO account.roles (role_id, name, permissions, description) VALUES
	('00000000-0000-4000-8000-00000000a001', 'owner', '{*:*}', 'Everything in the account, and the reach of all its workspaces.'),
	('00000000-0000-4000-8000-00000000a002', 'admin', '{create:accounts,read:*,update:*,create:users,manage:api_keys,manage:service_accounts,manage:members,manage:roles,manage:workspaces,manage:webhooks}', 'Everything but the life and death of accounts.'),
	('00000000-0000-4000-8000-00000000a003', 'member', '{read:accounts,read:members,read:workspaces}', 'Sees the account, its members and workspaces.'),
	('00000000-0000-4000-8000-00000000a004', 'auditor', '{read:*}', 'Reads everything, the audit log included.');

CREATE TABLE account.grants (
	grant_id uuid NOT NULL,
	profile_id uuid NOT NULL,
	role_id uuid,
	workspace_id uuid,
	service text,
	descendants boolean NOT NULL DEFAULT false,
	expires_at timestamp with time zone,
	created_by uuid,
	created_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	CONSTRAINT grants_pkey PRIMARY KEY (profile_id, grant_id),
	CONSTRAINT grants_once UNIQUE NULLS NOT DISTINCT (profile_id, role_id, workspace_id, service, descendants),
	CONSTRAINT grants_something CHECK (role_id IS NOT NULL OR (workspace_id IS NOT NULL AND service IS NULL)),
	CONSTRAINT grants_one_workspace_of_one_account CHECK (NOT descendants OR (workspace_id IS NULL AND role_id IS NOT NULL))
);
COMMENT ON TABLE account.grants IS 'What profiles have: roles, each in a scope, and workspaces. Inserted and deleted, never updated. Kept by functions alone; no role has a grant on it.';
COMMENT ON COLUMN account.grants.grant_id IS 'The id.';
COMMENT ON COLUMN account.grants.profile_id IS 'Who has it.';
COMMENT ON COLUMN account.grants.role_id IS 'The role; NULL for the reach of the workspace alone.';
COMMENT ON COLUMN account.grants.workspace_id IS 'The workspace that it is limited to; NULL for the whole account.';
COMMENT ON COLUMN account.grants.service IS 'The service of the application that it is limited to; NULL for all.';
COMMENT ON COLUMN account.grants.descendants IS 'Whether a user has the role in all accounts below too.';
COMMENT ON COLUMN account.grants.expires_at IS 'When it ends by itself; NULL never.';
COMMENT ON COLUMN account.grants.created_by IS 'The profile that gave it; NULL for an administrator or an application.';
COMMENT ON COLUMN account.grants.created_at IS 'When it was given.';
CREATE INDEX grants_role_id_idx ON account.grants (role_id) WHERE role_id <> '00000000-0000-4000-8000-00000000a001';
CREATE INDEX grants_workspace_id_idx ON account.grants (workspace_id) WHERE workspace_id IS NOT NULL;
ALTER TABLE account.grants ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('account.grants', '');

CREATE TABLE account.user_memberships (
	user_id uuid NOT NULL,
	account_id uuid NOT NULL,
	profile_id uuid NOT NULL,
	expires_at timestamp with time zone,
	reason text,
	created_by uuid,
	created_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	CONSTRAINT user_memberships_pkey PRIMARY KEY (user_id, account_id)
);
COMMENT ON TABLE account.user_memberships IS 'Which users are members of which accounts, and as which profile. Inserted and deleted, never updated. Kept by functions alone; no role has a grant on it.';
COMMENT ON COLUMN account.user_memberships.user_id IS 'The user.';
COMMENT ON COLUMN account.user_memberships.account_id IS 'The account.';
COMMENT ON COLUMN account.user_memberships.profile_id IS 'The user''s profile in it.';
COMMENT ON COLUMN account.user_memberships.expires_at IS 'When the membership ends by itself; NULL never.';
COMMENT ON COLUMN account.user_memberships.reason IS 'Why it was given, where somebody said so.';
COMMENT ON COLUMN account.user_memberships.created_by IS 'The profile that gave it; NULL for an administrator or an application.';
COMMENT ON COLUMN account.user_memberships.created_at IS 'When it was given.';
CREATE UNIQUE INDEX user_memberships_profile_id_key ON account.user_memberships (profile_id);
ALTER TABLE account.user_memberships ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('account.user_memberships', '');

CREATE TABLE account.workspaces (
	workspace_id uuid NOT NULL,
	account_id uuid NOT NULL,
	name account.name NOT NULL,
	external_id text,
	labels account.labels NOT NULL DEFAULT '{}',
	created_by uuid,
	created_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	updated_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	CONSTRAINT workspaces_pkey PRIMARY KEY (workspace_id)
);
COMMENT ON TABLE account.workspaces IS 'Workspaces of accounts. Read by level tenant: those that the caller reaches, and with read:workspaces or manage:workspaces those of the own account and those below. workspace_state() says whether one is enabled, disabled or archived.';
COMMENT ON COLUMN account.workspaces.workspace_id IS 'The id; never used again.';
COMMENT ON COLUMN account.workspaces.account_id IS 'The account that it belongs to.';
COMMENT ON COLUMN account.workspaces.name IS 'Its name, unique in the account whatever the case of its letters from A to Z.';
COMMENT ON COLUMN account.workspaces.external_id IS 'The caller''s own id.';
COMMENT ON COLUMN account.workspaces.labels IS 'A flat JSON object of strings.';
COMMENT ON COLUMN account.workspaces.created_by IS 'The profile that made it; NULL for an administrator or an application.';
COMMENT ON COLUMN account.workspaces.created_at IS 'When it was created.';
COMMENT ON COLUMN account.workspaces.updated_at IS 'When it was last changed.';
CREATE INDEX workspaces_account_id_idx ON account.workspaces (account_id, created_at, workspace_id);
CREATE UNIQUE INDEX workspaces_name_key ON account.workspaces (account_id, pg_catalog.lower(name::text COLLATE "C"));
ALTER TABLE account.workspaces ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('account.workspaces', '');

CREATE TRIGGER roles_changed
	BEFORE INSERT OR UPDATE OR DELETE ON account.roles
	FOR EACH ROW EXECUTE FUNCTION account.rights_changed();
ALTER TABLE account.roles ENABLE ALWAYS TRIGGER roles_changed;
CREATE TRIGGER roles_changed_all
	BEFORE TRUNCATE ON account.roles
	FOR EACH STATEMENT EXECUTE FUNCTION account.rights_changed();
ALTER TABLE account.roles ENABLE ALWAYS TRIGGER roles_changed_all;

CREATE TRIGGER grants_changed
	BEFORE INSERT OR UPDATE OR DELETE ON account.grants
	FOR EACH ROW EXECUTE FUNCTION account.rights_changed('never updated');
ALTER TABLE account.grants ENABLE ALWAYS TRIGGER grants_changed;
CREATE TRIGGER grants_changed_all
	BEFORE TRUNCATE ON account.grants
	FOR EACH STATEMENT EXECUTE FUNCTION account.rights_changed();
ALTER TABLE account.grants ENABLE ALWAYS TRIGGER grants_changed_all;

CREATE TRIGGER user_memberships_changed
	BEFORE INSERT OR UPDATE OR DELETE ON account.user_memberships
	FOR EACH ROW EXECUTE FUNCTION account.rights_changed('never updated');
ALTER TABLE account.user_memberships ENABLE ALWAYS TRIGGER user_memberships_changed;
CREATE TRIGGER user_memberships_changed_all
	BEFORE TRUNCATE ON account.user_memberships
	FOR EACH STATEMENT EXECUTE FUNCTION account.rights_changed();
ALTER TABLE account.user_memberships ENABLE ALWAYS TRIGGER user_memberships_changed_all;

CREATE TRIGGER workspaces_changed
	BEFORE INSERT OR UPDATE OR DELETE ON account.workspaces
	FOR EACH ROW EXECUTE FUNCTION account.rights_changed();
ALTER TABLE account.workspaces ENABLE ALWAYS TRIGGER workspaces_changed;
CREATE TRIGGER workspaces_changed_all
	BEFORE TRUNCATE ON account.workspaces
	FOR EACH STATEMENT EXECUTE FUNCTION account.rights_changed();
ALTER TABLE account.workspaces ENABLE ALWAYS TRIGGER workspaces_changed_all;
