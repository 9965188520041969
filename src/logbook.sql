
-- logbook: the audit log as it is read, and entries of applications.

-- What the view asks of each row: whether the caller may read it; of NULLs whether it may read all.
CREATE FUNCTION account.audit_reads(account_id uuid, from_account_id uuid) RETURNS boolean
	LANGUAGE C STABLE PARALLEL RESTRICTED
	SUPPORT account.evaluate_first
	AS 'MODULE_PATHNAME', 'account_logbook_audit_reads';
REVOKE ALL ON FUNCTION account.audit_reads(uuid, uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.audit_reads(uuid, uuid) IS 'For the view audit_log: whether the caller reads entries about an account (from another, or itself). Evaluated for each row before any condition of the caller''s. Level tenant; raises nothing.';

CREATE FUNCTION account.record_audit(action text, object_type text, object_id uuid, detail jsonb DEFAULT '{}') RETURNS uuid
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_logbook_record_audit';
REVOKE ALL ON FUNCTION account.record_audit(text, text, uuid, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION account.record_audit(text, text, uuid, jsonb) IS 'Writes an entry of the application into the audit log of the caller''s account, and returns its id; who, when and from where is filled in. action is like "invoice.sent": words of lower-case letters, digits and underscores with dots between, the first none of the extension''s own; object_type is one such word, object_id may be NULL, detail a JSON object of at most 64 KB. Put no secret and nothing personal into it: it cannot be erased. Level tenant, with an account, also an archived one. Raises MISSING_API_KEY, FORBIDDEN, VALIDATION_FAILED, and BAD_REQUEST in a read-only transaction.';

CREATE VIEW account.audit_log WITH (security_barrier) AS
	SELECT l.entry_id AS id,
		l.at,
		l.account_id,
		l.source,
		l.actor_profile_id,
		CASE WHEN o.own THEN COALESCE(l.actor_name, (
				SELECT p.name::text
				FROM account.profiles p
				WHERE p.profile_id = l.actor_profile_id
			)) END AS actor_name,
		CASE WHEN o.own THEN l.api_key_id END AS api_key_id,
		l.action,
		l.object_type,
		l.object_id,
		l.detail,
		CASE WHEN o.own THEN l.request END AS request,
		l.from_account_id,
		CASE WHEN o.own THEN l.actor_user_id END AS actor_user_id,
		CASE WHEN o.own THEN l.session_id END AS session_id,
		CASE WHEN (SELECT account.audit_reads(NULL, NULL)) THEN l.actor_role END AS actor_role,
		l.position
	FROM (
		SELECT e.entry_id, e.at, e.account_id, e.source, e.from_account_id, e.actor_profile_id, e.actor_user_id, e.actor_name,
			e.actor_role, e.api_key_id, e.session_id, e.action, e.object_type, e.object_id, e.detail, e.request, e.position AS position
		FROM account.audit_entries e
		WHERE account.audit_reads(e.account_id, e.from_account_id)
			AND (e.account_id = account.current_account_id() OR e.from_account_id = account.current_account_id())
		UNION ALL
		SELECT e.entry_id, e.at, e.account_id, e.source, e.from_account_id, e.actor_profile_id, e.actor_user_id, e.actor_name,
			e.actor_role, e.api_key_id, e.session_id, e.action, e.object_type, e.object_id, e.detail, e.request, NULL::bigint AS position
		FROM account.audit_pending e
		WHERE account.audit_reads(e.account_id, e.from_account_id)
			AND (e.account_id = account.current_account_id() OR e.from_account_id = account.current_account_id())
		UNION ALL
		SELECT e.entry_id, e.at, e.account_id, e.source, e.from_account_id, e.actor_profile_id, e.actor_user_id, e.actor_name,
			e.actor_role, e.api_key_id, e.session_id, e.action, e.object_type, e.object_id, e.detail, e.request, e.position AS position
		FROM account.audit_entries e
		WHERE account.audit_reads(e.account_id, e.from_account_id)
			AND (SELECT account.audit_reads(NULL, NULL))
		UNION ALL
		SELECT e.entry_id, e.at, e.account_id, e.source, e.from_account_id, e.actor_profile_id, e.actor_user_id, e.actor_name,
			e.actor_role, e.api_key_id, e.session_id, e.action, e.object_type, e.object_id, e.detail, e.request, NULL::bigint AS position
		FROM account.audit_pending e
		WHERE account.audit_reads(e.account_id, e.from_account_id)
			AND (SELECT account.audit_reads(NULL, NULL))
	) l
	CROSS JOIN LATERAL (
			SELECT COALESCE(l.from_account_id = account.current_account_id(), false) OR (SELECT account.audit_reads(NULL, NULL)) AS own
		) o;
COMMENT ON VIEW account.audit_log IS 'The audit log: what was done to the caller''s account, by whomever, and from it, with read:audit; everything for an administrator. Not what accounts below do to themselves. Who exactly acted from another account is not shown. In no order: by (at, id).';
COMMENT ON COLUMN account.audit_log.id IS 'The id of the entry.';
COMMENT ON COLUMN account.audit_log.at IS 'When it was done: of the statement, not of the transaction.';
COMMENT ON COLUMN account.audit_log.account_id IS 'The account that was acted on; NULL: the platform.';
COMMENT ON COLUMN account.audit_log.source IS 'account: written by the extension itself; application: by record_audit().';
COMMENT ON COLUMN account.audit_log.actor_profile_id IS 'The profile that acted; NULL for an administrator, an application, and who is not logged in.';
COMMENT ON COLUMN account.audit_log.actor_name IS 'Its name: of a service account, at that time; of a member, now. Still there when the profile is deleted. NULL for the doings of others.';
COMMENT ON COLUMN account.audit_log.api_key_id IS 'The key that was used. NULL for the doings of others.';
COMMENT ON COLUMN account.audit_log.action IS 'What was done: account.created and the like.';
COMMENT ON COLUMN account.audit_log.object_type IS 'What it was done to.';
COMMENT ON COLUMN account.audit_log.object_id IS 'Which one.';
COMMENT ON COLUMN account.audit_log.detail IS 'before and after, of what was changed alone, and the like. Never a secret; personal values as digests; what has more than 1 KB is cut.';
COMMENT ON COLUMN account.audit_log.request IS 'Over HTTP: method, path, address (of people as a digest), and as trusted whether a proxy of account.trusted_proxies says so. NULL for the doings of others.';
COMMENT ON COLUMN account.audit_log.from_account_id IS 'The account that it was done from; NULL for an administrator, and for who has none.';
COMMENT ON COLUMN account.audit_log.actor_user_id IS 'The user who acted. NULL for the doings of others.';
COMMENT ON COLUMN account.audit_log.session_id IS 'The session that was used. NULL for the doings of others.';
COMMENT ON COLUMN account.audit_log.actor_role IS 'Without an identity: the database role, after the role of the session if that is another. For administrators alone.';
COMMENT ON COLUMN account.audit_log.position IS 'The place in the chain of the account; NULL until it has one.';

INSERT INTO account.access_grants (level, object) VALUES
	('tenant', 'FUNCTION account.audit_reads(uuid, uuid)'),
	('tenant', 'FUNCTION account.record_audit(text, text, uuid, jsonb)'),
	('tenant', 'TABLE account.audit_log');
