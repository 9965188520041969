
-- hold: what stops an account and all below it, or a profile.
--
-- A hold is a row that is inserted and, when lifted, deleted; never updated.  So
-- a hold waits for nobody, and backends may read holds with SnapshotSelf.  Every
-- change, by whatever statement, makes all backends forget their cache of holds.

CREATE TABLE account.holds (
	subject_id uuid NOT NULL,
	kind "char" NOT NULL,
	entry bigint NOT NULL,
	set_by uuid,
	reason text,
	created_by uuid,
	created_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	due_at timestamp with time zone,
	CONSTRAINT holds_pkey PRIMARY KEY (subject_id, kind, entry),
	CONSTRAINT holds_kind_known CHECK (kind IN ('a', 's', 'd', 'p')),
	CONSTRAINT holds_deletion_is_due CHECK ((kind = 'p') = (due_at IS NOT NULL))
);
COMMENT ON TABLE account.holds IS 'What is archived, suspended or disabled now. Kept by functions alone; no role has a grant on it.';
COMMENT ON COLUMN account.holds.subject_id IS 'The account (kinds a, s and p), the profile or user (kind d), or the workspace (kinds a and d).';
COMMENT ON COLUMN account.holds.kind IS 'a archived: read-only. s suspended: no credential works. d disabled. p to be purged, and read-only until then.';
COMMENT ON COLUMN account.holds.entry IS 'A random number, so that two holds never wait for one another.';
COMMENT ON COLUMN account.holds.set_by IS 'The account that set it; NULL for an administrator. Lifted only by it, one above it, or an administrator.';
COMMENT ON COLUMN account.holds.reason IS 'Why, for people.';
COMMENT ON COLUMN account.holds.created_by IS 'The profile that set it; NULL for an administrator or an application.';
COMMENT ON COLUMN account.holds.created_at IS 'When it was set.';
COMMENT ON COLUMN account.holds.due_at IS 'Of kind p: from when on the account may be purged.';
ALTER TABLE account.holds ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('account.holds', '');

CREATE FUNCTION account.forget_holds() RETURNS trigger
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_hold_forget_holds';
REVOKE ALL ON FUNCTION account.forget_holds() FROM PUBLIC;
COMMENT ON FUNCTION account.forget_holds() IS 'Trigger of account.holds: makes every session read the holds anew, and refuses updates. Nobody may call it.';

CREATE TRIGGER holds_forget
	BEFORE INSERT OR UPDATE OR DELETE ON account.holds
	FOR EACH ROW EXECUTE FUNCTION account.forget_holds();
ALTER TABLE account.holds ENABLE ALWAYS TRIGGER holds_forget;

CREATE TRIGGER holds_forget_all
	BEFORE TRUNCATE ON account.holds
	FOR EACH STATEMENT EXECUTE FUNCTION account.forget_holds();
ALTER TABLE account.holds ENABLE ALWAYS TRIGGER holds_forget_all;
