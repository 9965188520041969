
-- trail: entries of the audit log for changes of our own rows.
--
-- One trigger for each table; which columns are told, and how, stands in trail.c.

CREATE FUNCTION account.note_change() RETURNS trigger
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_trail_note_change';
REVOKE ALL ON FUNCTION account.note_change() FROM PUBLIC;
COMMENT ON FUNCTION account.note_change() IS 'Trigger of tables of the extension: writes an entry of the audit log for a row that a function of the extension has changed. Does nothing for other statements, a restore among them. Nobody may call it.';

CREATE TRIGGER accepted_findings_audit
	AFTER INSERT OR UPDATE OR DELETE ON account.accepted_findings
	FOR EACH ROW EXECUTE FUNCTION account.note_change();
ALTER TABLE account.accepted_findings ENABLE ALWAYS TRIGGER accepted_findings_audit;

CREATE TRIGGER accounts_audit
	AFTER INSERT OR UPDATE OF parent_account_id, name, branding, description, domain, billing_email, external_id, labels, webhook_url, stripe_customer_id, status, status_error ON account.accounts
	FOR EACH ROW EXECUTE FUNCTION account.note_change();
ALTER TABLE account.accounts ENABLE ALWAYS TRIGGER accounts_audit;

CREATE TRIGGER credentials_audit
	AFTER INSERT OR DELETE ON account.credentials
	FOR EACH ROW EXECUTE FUNCTION account.note_change();
ALTER TABLE account.credentials ENABLE ALWAYS TRIGGER credentials_audit;

CREATE TRIGGER feature_flags_audit
	AFTER INSERT OR UPDATE ON account.feature_flags
	FOR EACH ROW EXECUTE FUNCTION account.note_change();
ALTER TABLE account.feature_flags ENABLE ALWAYS TRIGGER feature_flags_audit;

CREATE TRIGGER grants_audit
	AFTER INSERT OR DELETE ON account.grants
	FOR EACH ROW EXECUTE FUNCTION account.note_change();
ALTER TABLE account.grants ENABLE ALWAYS TRIGGER grants_audit;

CREATE TRIGGER holds_audit
	AFTER INSERT OR DELETE ON account.holds
	FOR EACH ROW EXECUTE FUNCTION account.note_change();
ALTER TABLE account.holds ENABLE ALWAYS TRIGGER holds_audit;

CREATE TRIGGER keys_audit
	AFTER UPDATE ON account.keys
	FOR EACH ROW EXECUTE FUNCTION account.note_change();
ALTER TABLE account.keys ENABLE ALWAYS TRIGGER keys_audit;

CREATE TRIGGER permissions_audit
	AFTER INSERT OR UPDATE ON account.permissions
	FOR EACH ROW EXECUTE FUNCTION account.note_change();
ALTER TABLE account.permissions ENABLE ALWAYS TRIGGER permissions_audit;

CREATE TRIGGER plans_audit
	AFTER INSERT OR UPDATE ON account.plans
	FOR EACH ROW EXECUTE FUNCTION account.note_change();
ALTER TABLE account.plans ENABLE ALWAYS TRIGGER plans_audit;

CREATE TRIGGER profiles_audit
	AFTER INSERT OR UPDATE ON account.profiles
	FOR EACH ROW EXECUTE FUNCTION account.note_change();
ALTER TABLE account.profiles ENABLE ALWAYS TRIGGER profiles_audit;

CREATE TRIGGER roles_audit
	AFTER INSERT OR UPDATE OR DELETE ON account.roles
	FOR EACH ROW EXECUTE FUNCTION account.note_change();
ALTER TABLE account.roles ENABLE ALWAYS TRIGGER roles_audit;

CREATE TRIGGER sent_invitations_audit
	AFTER INSERT ON account.sent_invitations
	FOR EACH ROW EXECUTE FUNCTION account.note_change();
ALTER TABLE account.sent_invitations ENABLE ALWAYS TRIGGER sent_invitations_audit;

CREATE TRIGGER subscriptions_audit
	AFTER INSERT OR UPDATE OR DELETE ON account.subscriptions
	FOR EACH ROW EXECUTE FUNCTION account.note_change();
ALTER TABLE account.subscriptions ENABLE ALWAYS TRIGGER subscriptions_audit;

CREATE TRIGGER user_memberships_audit
	AFTER INSERT OR DELETE ON account.user_memberships
	FOR EACH ROW EXECUTE FUNCTION account.note_change();
ALTER TABLE account.user_memberships ENABLE ALWAYS TRIGGER user_memberships_audit;

CREATE TRIGGER users_audit
	AFTER INSERT OR UPDATE ON account.users
	FOR EACH ROW EXECUTE FUNCTION account.note_change();
ALTER TABLE account.users ENABLE ALWAYS TRIGGER users_audit;

CREATE TRIGGER webhook_secrets_audit
	AFTER INSERT ON account.webhook_secrets
	FOR EACH ROW EXECUTE FUNCTION account.note_change();
ALTER TABLE account.webhook_secrets ENABLE ALWAYS TRIGGER webhook_secrets_audit;

CREATE TRIGGER workspaces_audit
	AFTER INSERT OR UPDATE ON account.workspaces
	FOR EACH ROW EXECUTE FUNCTION account.note_change();
ALTER TABLE account.workspaces ENABLE ALWAYS TRIGGER workspaces_audit;
