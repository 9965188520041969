
-- permission: the dictionary of permissions.
--
-- A permission is verb:resource.  The extension's own are built in, an application
-- defines what it asks for itself.  Each has a number that is never used again, also
-- after it was deleted: compiled rights are bitmaps over these numbers.

CREATE FUNCTION account.rights_changed() RETURNS trigger
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_permission_rights_changed';
REVOKE ALL ON FUNCTION account.rights_changed() FROM PUBLIC;
COMMENT ON FUNCTION account.rights_changed() IS 'Trigger of the tables that rights are compiled from: makes every session compile them anew. Nobody may call it.';

-- Its one use is that its id is told to all sessions when rights change: no session opens it.
CREATE TYPE account.right_signal AS (changed boolean);
COMMENT ON TYPE account.right_signal IS 'What sessions listen to: it is invalidated when rights change. Of no other use.';

CREATE TABLE account.permissions (
	permission text NOT NULL,
	description text,
	number integer NOT NULL,
	built_in boolean NOT NULL DEFAULT false,
	created_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	deleted_at timestamp with time zone,
	CONSTRAINT permissions_pkey PRIMARY KEY (number),
	CONSTRAINT permissions_number_in_range CHECK (number BETWEEN 0 AND 65535),
	CONSTRAINT permissions_permission_form CHECK (permission OPERATOR(pg_catalog.~) '^[a-z0-9_-]+:[a-z0-9_-]+$' AND pg_catalog.octet_length(permission) <= 127)
);
COMMENT ON TABLE account.permissions IS 'The permissions that there are: those of the extension and those that the application has defined. Read by level tenant, without those that were deleted.';
COMMENT ON COLUMN account.permissions.permission IS 'verb:resource.';
COMMENT ON COLUMN account.permissions.description IS 'What it allows, for people.';
COMMENT ON COLUMN account.permissions.number IS 'Its number in compiled rights; never used again. Those below 256 are the extension''s.';
COMMENT ON COLUMN account.permissions.built_in IS 'Asked for by the extension itself.';
COMMENT ON COLUMN account.permissions.created_at IS 'When it was defined.';
COMMENT ON COLUMN account.permissions.deleted_at IS 'When it was deleted; NULL if it was not.';
CREATE UNIQUE INDEX permissions_permission_key ON account.permissions (permission) WHERE deleted_at IS NULL;
ALTER TABLE account.permissions ENABLE ROW LEVEL SECURITY;
CREATE POLICY permissions_select ON account.permissions FOR SELECT USING (deleted_at IS NULL);
SELECT pg_catalog.pg_extension_config_dump('account.permissions', 'WHERE NOT built_in');

CREATE TRIGGER permissions_changed
	BEFORE INSERT OR UPDATE OR DELETE ON account.permissions
	FOR EACH ROW EXECUTE FUNCTION account.rights_changed();
ALTER TABLE account.permissions ENABLE ALWAYS TRIGGER permissions_changed;
CREATE TRIGGER permissions_changed_all
	BEFORE TRUNCATE ON account.permissions
	FOR EACH STATEMENT EXECUTE FUNCTION account.rights_changed();
ALTER TABLE account.permissions ENABLE ALWAYS TRIGGER permissions_changed_all;

INSERT INTO account.permissions (number, permission, description, built_in) VALUES
	(0, 'create:accounts', 'Create accounts below.', true),
	(1, 'read:accounts', 'For roles that read: looking up the own account and those below takes no permission.', true),
	(2, 'update:accounts', 'Change the name and details of the account and those below.', true),
	(3, 'manage:accounts', 'Archive, suspend and delete accounts.', true),
	(4, 'read:api_keys', 'List API keys.', true),
	(5, 'manage:api_keys', 'Issue, change, rotate and revoke API keys.', true),
	(6, 'read:service_accounts', 'List service accounts.', true),
	(7, 'manage:service_accounts', 'Create, change, disable and delete service accounts.', true),
	(8, 'create:users', 'Create users.', true),
	(9, 'read:members', 'List members and invitations.', true),
	(10, 'manage:members', 'Add, invite, disable and remove members.', true),
	(11, 'read:roles', 'List roles and who has them.', true),
	(12, 'manage:roles', 'Create, change, delete and assign roles.', true),
	(13, 'read:workspaces', 'List workspaces.', true),
	(14, 'manage:workspaces', 'Create, change, disable and archive workspaces, and grant them.', true),
	(15, 'manage:webhooks', 'Read and rotate the webhook secret, sign with it, and have webhooks sent again.', true),
	(16, 'read:audit', 'Read the audit log.', true),
	(17, 'read:webhooks', 'List the deliveries of webhooks.', true);

INSERT INTO account.access_grants (level, object) VALUES
	('tenant', 'TABLE account.permissions');
