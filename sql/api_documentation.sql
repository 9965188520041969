-- What OpenAPI shows of account_api reads like documentation.  Each query lists offenders: empty is right.
-- PostgREST takes the first line of a comment for the summary, and the rest for the description.
\set VERBOSITY terse
\pset tuples_only
SET client_min_messages = warning;
CREATE ROLE regress_reader;
SELECT account.grant_access('regress_reader', 'anonymous');

-- The lists below are of something.
SELECT (SELECT count(*) > 10 FROM pg_class WHERE relnamespace = 'account_api'::regnamespace), (SELECT count(*) > 80 FROM pg_proc WHERE pronamespace = 'account_api'::regnamespace);
-- The schema, each view and each function has a summary of one line and a description.
SELECT nspname FROM pg_namespace WHERE nspname = 'account_api' AND obj_description(oid, 'pg_namespace') !~ '^[^\n]{3,}\n[^\n]{10,}';
SELECT c.oid::regclass FROM pg_class c WHERE relnamespace = 'account_api'::regnamespace AND COALESCE(obj_description(oid, 'pg_class'), '') !~ '^[A-Z][^\n]{10,250}\n[^\n]{10,}';
SELECT p.oid::regprocedure FROM pg_proc p WHERE pronamespace = 'account_api'::regnamespace AND prorettype <> 'trigger'::regtype AND COALESCE(obj_description(oid, 'pg_proc'), '') !~ '^[A-Z][^\n]{10,250}[^.\n]\n[^\n]{10,}';
-- No summary is another's too.
SELECT min(p.oid::regprocedure::text), count(*) FROM pg_proc p WHERE pronamespace = 'account_api'::regnamespace AND prorettype <> 'trigger'::regtype GROUP BY split_part(obj_description(oid, 'pg_proc'), E'\n', 1) HAVING count(*) > 1;
-- A description says who may call, and what it raises.
SELECT p.oid::regprocedure FROM pg_proc p WHERE pronamespace = 'account_api'::regnamespace AND prorettype <> 'trigger'::regtype
	AND (obj_description(oid, 'pg_proc') !~* 'level|administrator|permission|who may call|[a-z]+:[a-z_]+|caller''s own|a user' OR obj_description(oid, 'pg_proc') !~ 'Raises|raises nothing|errors are answers|Always true');
-- Each column has a sentence.
SELECT attrelid::regclass, attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
WHERE relnamespace = 'account_api'::regnamespace AND attnum > 0 AND NOT attisdropped AND COALESCE(col_description(attrelid, attnum), '') !~ '\.$';
-- Every argument has a name, but the one that takes the body of a request.
SELECT p.oid::regprocedure FROM pg_proc p WHERE pronamespace = 'account_api'::regnamespace AND pronargs > 0 AND proargnames IS NULL AND NOT (pronargs = 1 AND proname LIKE 'v1\_%');
-- Ids are account_id, profile_id ..., but in what the documents call id.
SELECT p.oid::regprocedure FROM pg_proc p WHERE pronamespace = 'account_api'::regnamespace AND 'id' = ANY (proargnames) AND prorettype <> 'record'::regtype;

-- Anonymous callers are shown what they may use without a credential, and the paths of the documents, which say that one is missing.
SELECT p.oid::regprocedure FROM pg_proc p WHERE pronamespace = 'account_api'::regnamespace AND proname NOT LIKE 'v1\_%' AND has_function_privilege('regress_reader', oid, 'EXECUTE')
EXCEPT SELECT to_regprocedure('account_api.' || name) FROM unnest('{can_access_workspace(uuid),current_account_id(),current_api_key_id(),current_identity(),current_profile_id(),current_session_id(),current_user_id(),feature_flag_enabled(text),"has_permission(text, uuid, text)",is_writable(),
	"login(text, text, boolean)",memberships(),pre_request(),"register(text, text)",require_credential(),"require_permission(text, uuid, text)","sign_up(text, text, text)","use_user_token(text, text)",verify_api_key(text),"verify_webhook(text, text, text, text, text, interval)"}'::text[]) name;
SELECT c.oid::regclass FROM pg_class c WHERE relnamespace = 'account_api'::regnamespace AND has_table_privilege('regress_reader', oid, 'SELECT') AND relname <> 'error_codes';
-- Nothing of schema account is in it, and nothing of it is for administrators alone.
SELECT c.oid::regclass FROM pg_class c WHERE relnamespace = 'account_api'::regnamespace AND relkind <> 'v';
SELECT object FROM account.access_grants WHERE object LIKE '%account_api.%' AND level NOT IN ('anonymous', 'tenant');

SELECT account.revoke_access('regress_reader');
DROP ROLE regress_reader;
