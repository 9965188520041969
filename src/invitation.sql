
-- invitation: who is invited to which account.
--
-- An invitation is a credential, which never changes, and a row that says for whom it
-- is; whether it is open is told by what has ended the credential.  It is accepted in
-- the part member.

CREATE TYPE account.issued_invitation AS (
	invitation_id uuid,
	invitation text,
	account_id uuid,
	email text,
	role text,
	expires_at timestamp with time zone
);
COMMENT ON TYPE account.issued_invitation IS 'A new invitation. invitation is its token, shown this once: it goes to the e-mail address and to nobody else.';

CREATE TABLE account.sent_invitations (
	invitation_id uuid NOT NULL,
	account_id uuid NOT NULL,
	email text COLLATE pg_catalog."C",
	role_id uuid NOT NULL,
	membership_ends_at timestamp with time zone,
	invited_by uuid,
	inviting_account_id uuid,
	inviting_key_id uuid,
	external_id text,
	labels account.labels NOT NULL DEFAULT '{}',
	created_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	CONSTRAINT sent_invitations_pkey PRIMARY KEY (invitation_id),
	CONSTRAINT sent_invitations_email_form CHECK (account.is_email(email))
);
COMMENT ON TABLE account.sent_invitations IS 'For whom invitations are, and by whom. Kept by functions alone; no role has a grant on it.';
COMMENT ON COLUMN account.sent_invitations.invitation_id IS 'The id, also of its credential.';
COMMENT ON COLUMN account.sent_invitations.account_id IS 'The account that it is to.';
COMMENT ON COLUMN account.sent_invitations.email IS 'The normal form of the address of the user who may accept it; NULL once that user is erased.';
COMMENT ON COLUMN account.sent_invitations.role_id IS 'The role that the member is to have in the whole account.';
COMMENT ON COLUMN account.sent_invitations.membership_ends_at IS 'When the membership ends by itself, because nothing that the inviter issues lasts longer; NULL never.';
COMMENT ON COLUMN account.sent_invitations.invited_by IS 'The profile that sent it; NULL for an administrator or an application.';
COMMENT ON COLUMN account.sent_invitations.inviting_account_id IS 'The account that the inviter acted in; NULL for an administrator.';
COMMENT ON COLUMN account.sent_invitations.inviting_key_id IS 'The key that it was sent with; NULL for a session or an administrator.';
COMMENT ON COLUMN account.sent_invitations.external_id IS 'The caller''s own id.';
COMMENT ON COLUMN account.sent_invitations.labels IS 'A flat JSON object of strings.';
COMMENT ON COLUMN account.sent_invitations.created_at IS 'When it was sent.';
CREATE INDEX sent_invitations_account_id_idx ON account.sent_invitations (account_id, created_at);
CREATE INDEX sent_invitations_email_idx ON account.sent_invitations (email, account_id);
ALTER TABLE account.sent_invitations ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('account.sent_invitations', '');

CREATE VIEW account.invitations WITH (security_barrier) AS
	SELECT i.invitation_id,
		i.account_id,
		i.email COLLATE pg_catalog."default" AS email,
		o.name::text AS role,
		CASE
			WHEN e.accepted THEN 'accepted'
			WHEN e.revoked OR i.email IS NULL OR p.deleted_at IS NOT NULL OR o.role_id IS NULL OR EXISTS (
					SELECT FROM account.credentials n
					WHERE n.credential_id = i.inviting_key_id AND n.entry > 0 AND n.kind = 'r'
				) THEN 'revoked'
			WHEN LEAST(c.ends_at, i.membership_ends_at) <= pg_catalog.clock_timestamp() THEN 'expired'
			ELSE 'open'
		END AS state,
		i.invited_by,
		e.profile_id,
		i.membership_ends_at,
		LEAST(c.ends_at, i.membership_ends_at) AS expires_at,
		i.external_id,
		i.labels::jsonb AS labels,
		i.created_at
	FROM account.accounts a
	JOIN account.sent_invitations i ON i.account_id = a.account_id
	JOIN account.credentials c ON c.credential_id = i.invitation_id AND c.entry = 0
	LEFT JOIN account.roles o ON o.role_id = i.role_id
		AND (o.account_id IS NULL OR account.policy_reads(o.account_id, 'members'))
	LEFT JOIN account.profiles p ON p.profile_id = i.invited_by
	LEFT JOIN LATERAL (
			SELECT pg_catalog.bool_or(n.kind = 'x') AS accepted,
				pg_catalog.bool_or(n.kind = 'r') AS revoked,
				(pg_catalog.array_agg(n.created_by) FILTER (WHERE n.kind = 'x'))[1] AS profile_id
			FROM account.credentials n
			WHERE n.credential_id = i.invitation_id AND n.entry > 0
		) e ON true
	-- Whatever is asked besides, and whichever of two equal columns for: this comes first.
	WHERE account.policy_reads(i.account_id, 'members')
		AND a.path >= (SELECT account.readable_path('members'))
		AND a.path < (SELECT account.readable_path('members') || 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid);
COMMENT ON VIEW account.invitations IS 'Invitations to the caller''s account and those below, with read:members or manage:members; all for an administrator. Never shows a token or digest.';
COMMENT ON COLUMN account.invitations.invitation_id IS 'The id.';
COMMENT ON COLUMN account.invitations.account_id IS 'The account that it is to.';
COMMENT ON COLUMN account.invitations.email IS 'The normal form of the address of the user who may accept it; NULL once that user is erased.';
COMMENT ON COLUMN account.invitations.role IS 'The name of the role that the member is to have; NULL if it was deleted.';
COMMENT ON COLUMN account.invitations.state IS 'open, accepted, expired, or revoked: by revoke_invitation(), by a later one to the same address, or because who sent it was removed, who it is for erased, or the key that it was sent with revoked or the role deleted.';
COMMENT ON COLUMN account.invitations.invited_by IS 'The profile that sent it; NULL for an administrator or an application.';
COMMENT ON COLUMN account.invitations.profile_id IS 'The profile that it has made; NULL unless it was accepted.';
COMMENT ON COLUMN account.invitations.membership_ends_at IS 'When the membership ends by itself; NULL never.';
COMMENT ON COLUMN account.invitations.expires_at IS 'When it ends by itself.';
COMMENT ON COLUMN account.invitations.external_id IS 'The caller''s own id.';
COMMENT ON COLUMN account.invitations.labels IS 'A flat JSON object of strings.';
COMMENT ON COLUMN account.invitations.created_at IS 'When it was sent.';

CREATE FUNCTION account.invite_member(
		email text,
		role text,
		expires_in interval DEFAULT '7 days',
		account_id uuid DEFAULT NULL)
	RETURNS account.issued_invitation
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_invitation_invite_member';
REVOKE ALL ON FUNCTION account.invite_member(text, text, interval, uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.invite_member(text, text, interval, uuid) IS 'Invites whoever has an e-mail address to become a member of an account, the caller''s own if none is named, and returns the invitation''s token, this once; the answer is the same whether there is such a user or not. It is good once, for expires_in (more than 0, at most 30 days) and no longer than what the caller may issue, and only while the caller still may send it and has every permission of the role; an earlier one to the same address of the same account is revoked. With manage:members and every permission of the role, for the own account and those below, or by an administrator. Raises CONFLICT if the address is a member''s, FORBIDDEN, NOT_FOUND, ARCHIVED, ACCOUNT_SUSPENDED, VALIDATION_FAILED.';

CREATE FUNCTION account.revoke_invitation(invitation_id uuid) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_invitation_revoke_invitation';
REVOKE ALL ON FUNCTION account.revoke_invitation(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.revoke_invitation(uuid) IS 'Ends an invitation. It waits for nobody: an acceptance that is not committed yet fails. Revoking twice is no error. With manage:members, for the own account and those below, or by an administrator. Raises NOT_FOUND if it is out of reach, CONFLICT if it was accepted, FORBIDDEN.';

INSERT INTO account.access_grants (level, object) VALUES
	('tenant', 'TABLE account.invitations'),
	('tenant', 'FUNCTION account.invite_member(text, text, interval, uuid)'),
	('tenant', 'FUNCTION account.revoke_invitation(uuid)');
