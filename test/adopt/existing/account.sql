-- An application that has tenants already takes the extension in.  Its tenants keep
-- their ids, so nothing that refers to them changes.
BEGIN;
SELECT t.id, a.api_key
	FROM tenants t, account.create_account(t.name, account_id => t.id) a;

SET LOCAL ROLE shop_owner;
-- A column of tenants' ids is taken as it is, and filled by itself from now on.
SELECT account.isolate('notes', 'tenant_id');
-- Rows that know their tenant in another way are mapped by an expression.
SELECT account.isolate('comments', existing_rows =>
	'(SELECT n.tenant_id FROM public.notes n WHERE n.id = comments.note_id)');
COMMIT;
