
-- member: who is a member of which account.
--
-- A member is a user with a profile in an account (account.user_memberships).  With a
-- membership ends all that came of it; when the same user becomes a member again it is
-- by another profile, so that what the old one has done stays the old one's.

CREATE FUNCTION account.add_member(
		user_id uuid,
		role text,
		account_id uuid DEFAULT NULL,
		expires_in interval DEFAULT NULL,
		reason text DEFAULT NULL)
	RETURNS uuid
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_member_add_member';
REVOKE ALL ON FUNCTION account.add_member(uuid, text, uuid, interval, text) FROM PUBLIC;
COMMENT ON FUNCTION account.add_member(uuid, text, uuid, interval, text) IS 'Makes a user a member of an account, the caller''s own if none is named, with a role in the whole of it, and returns the new profile''s id. With expires_in the membership ends by itself, and all that comes of it; NULL is the caller''s own end. reason (at most 1,000 characters) is kept. With manage:members and every permission of the role, for the own account and those below and for users that the own account or one below it has created; by an administrator for any user. Raises NOT_FOUND for a user, role or account out of reach and for a user that is disabled or was erased, FORBIDDEN for more than the caller has, CONFLICT if the user is a member (a membership that has ended is replaced), MAX_RESOURCES_REACHED, ARCHIVED, ACCOUNT_SUSPENDED, VALIDATION_FAILED.';

CREATE FUNCTION account.remove_member(profile_id uuid) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_member_remove_member';
REVOKE ALL ON FUNCTION account.remove_member(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.remove_member(uuid) IS 'Ends a membership: its roles, the keys of its profile and the open invitations to the same address end with it, from the next transaction of every session on; service accounts and their keys stay, whoever made them. It waits for keys that are being issued for the profile; disable_profile() waits for nobody. With manage:members and all that the member may do, for the own account and those below, by an administrator, or by the member itself, who leaves. Raises NOT_FOUND if there is no such member within reach, CONFLICT for the last owner, FORBIDDEN.';

CREATE FUNCTION account.accept_invitation(token text) RETURNS uuid
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_member_accept_invitation';
REVOKE ALL ON FUNCTION account.accept_invitation(text) FROM PUBLIC;
COMMENT ON FUNCTION account.accept_invitation(text) IS 'Makes the calling user a member of the account that it is invited to, and returns the new profile''s id; it may act there from its next transaction on. The user''s address has to be the one that the invitation was sent to, and is proven by it: if it was not before, the password and the other sessions of the user end. An identity with a user, in an account or in none. Raises NOT_FOUND alike for an invitation that is unknown, another''s, used, revoked or expired, or whose sender may not send it any more; CONFLICT for a member; FORBIDDEN for a key; MAX_RESOURCES_REACHED, ARCHIVED, ACCOUNT_SUSPENDED, MISSING_API_KEY, VALIDATION_FAILED.';

CREATE FUNCTION account.memberships(
		OUT account_id uuid,
		OUT account_name text,
		OUT profile_id uuid,
		OUT roles text[],
		OUT expires_at timestamp with time zone)
	RETURNS SETOF record
	LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10
	AS 'MODULE_PATHNAME', 'account_member_memberships';
REVOKE ALL ON FUNCTION account.memberships() FROM PUBLIC;
COMMENT ON FUNCTION account.memberships() IS 'The accounts that the calling user is a member of, by name: what authenticate() takes as account_id. roles are all that it has there, in any scope. A membership that has ended, or whose profile is disabled, is none; a suspended account is listed, and refuses who enters. Any level, an identity with a user, in an account or in none. Raises MISSING_API_KEY, FORBIDDEN for a key.';

INSERT INTO account.access_grants (level, object) VALUES
	('tenant', 'FUNCTION account.add_member(uuid, text, uuid, interval, text)'),
	('tenant', 'FUNCTION account.remove_member(uuid)'),
	('tenant', 'FUNCTION account.accept_invitation(text)'),
	('anonymous', 'FUNCTION account.memberships()');
