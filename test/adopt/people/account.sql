-- The people of an application that has tenants become users and members; it goes on
-- logging them in.  The accounts are there already, under the tenants' ids.
BEGIN;
ALTER TABLE people ADD COLUMN user_id uuid;
-- A user for each address, of however many tenants.
WITH u AS (SELECT email, account.create_user(email) AS user_id FROM people GROUP BY email)
UPDATE people p SET user_id = u.user_id FROM u WHERE u.email = p.email;
-- What they may do in each.
SELECT account.add_member(user_id, CASE WHEN is_admin THEN 'owner' ELSE 'member' END, tenant_id)
	FROM people;
COMMIT;
