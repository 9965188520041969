
-- tree: accounts and their parents.
--
-- path holds the accounts from the root to the account itself; billed_account_id
-- is the nearest of them that has a plan of its own, or the root.  Both are kept
-- by the functions of this extension, under the locks listed in src/tree.c.  An
-- account is never deleted and its id never used again.  Functions and views decide
-- what a caller sees; of the table itself, the policy in src/directory.sql.

CREATE TYPE account.status AS ENUM ('new', 'starting', 'running', 'ready', 'error');
COMMENT ON TYPE account.status IS 'Where the resource that an account stands for is in its life: new, starting, running, ready or error.';

CREATE TYPE account.commitment AS (
	monthly_cost numeric,
	renewal_date timestamp with time zone
);
COMMENT ON TYPE account.commitment IS 'What an account has agreed to pay for its plan: monthly_cost in the currency of the platform, and the date on which it renews.';

CREATE FUNCTION account.is_name(value text) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_tree_is_name';
COMMENT ON FUNCTION account.is_name(text) IS 'Whether a text can be a name: 1 to 255 characters, at least one of them not white space. The check of domain account.name. Anyone may call it; raises nothing.';

CREATE FUNCTION account.is_email(value text) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_tree_is_email';
COMMENT ON FUNCTION account.is_email(text) IS 'Whether a text has the form of an e-mail address: one @ with something on both sides, no white space or control character, at most 254 bytes. The check of domain account.email. Anyone may call it; raises nothing.';

CREATE FUNCTION account.is_labels(value jsonb) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_tree_is_labels';
COMMENT ON FUNCTION account.is_labels(jsonb) IS 'Whether a JSON value can be labels: an object of at most 64 members, each a string of at most 255 bytes under a key of 1 to 63 bytes. The check of domain account.labels. Anyone may call it; raises nothing.';

CREATE FUNCTION account.is_branding(value jsonb) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_tree_is_branding';
COMMENT ON FUNCTION account.is_branding(jsonb) IS 'Whether a JSON value can be the branding of an account: an object of at most 64 KiB whose suppress_from_reports is a boolean. The check of domain account.branding. Anyone may call it; raises nothing.';

CREATE DOMAIN account.name AS text
	CONSTRAINT name_is_valid CHECK (account.is_name(VALUE));
COMMENT ON DOMAIN account.name IS 'A name for people: 1 to 255 characters, at least one of them not white space.';

CREATE DOMAIN account.email AS text
	CONSTRAINT email_is_valid CHECK (account.is_email(VALUE));
COMMENT ON DOMAIN account.email IS 'An e-mail address.';

CREATE DOMAIN account.labels AS jsonb
	CONSTRAINT labels_are_valid CHECK (account.is_labels(VALUE));
COMMENT ON DOMAIN account.labels IS 'Labels of a resource: a flat JSON object of strings.';

CREATE DOMAIN account.branding AS jsonb
	CONSTRAINT branding_is_valid CHECK (account.is_branding(VALUE));
COMMENT ON DOMAIN account.branding IS 'White-label branding: a JSON object whose suppress_from_reports is a boolean.';

CREATE TABLE account.accounts (
	account_id uuid NOT NULL,
	parent_account_id uuid,
	path uuid[] NOT NULL,
	billed_account_id uuid NOT NULL,
	name account.name NOT NULL,
	branding account.branding NOT NULL,
	description text,
	domain text,
	billing_email account.email,
	external_id text,
	labels account.labels NOT NULL,
	webhook_url text,
	stripe_customer_id text,
	status account.status NOT NULL DEFAULT 'new',
	status_changed_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	status_error text,
	created_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	updated_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	last_read_input_at timestamp with time zone,
	last_updated_config_at timestamp with time zone,
	last_updated_output_at timestamp with time zone,
	deleted_at timestamp with time zone,
	CONSTRAINT accounts_pkey PRIMARY KEY (account_id),
	CONSTRAINT accounts_id_not_nil CHECK (account_id OPERATOR(pg_catalog.<>) '00000000-0000-0000-0000-000000000000'),
	CONSTRAINT accounts_id_not_max CHECK (account_id OPERATOR(pg_catalog.<>) 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
	CONSTRAINT accounts_path_ends_in_itself CHECK (path[pg_catalog.array_upper(path, 1)] OPERATOR(pg_catalog.=) account_id),
	CONSTRAINT accounts_path_leads_to_parent CHECK (path[pg_catalog.array_upper(path, 1) OPERATOR(pg_catalog.-) 1] IS NOT DISTINCT FROM parent_account_id),
	CONSTRAINT accounts_billed_on_path CHECK (billed_account_id OPERATOR(pg_catalog.=) ANY (path))
);
COMMENT ON TABLE account.accounts IS 'Accounts and sub-accounts. Kept by functions alone; an account reads itself and those directly below it.';
COMMENT ON COLUMN account.accounts.account_id IS 'The id; never used again.';
COMMENT ON COLUMN account.accounts.parent_account_id IS 'The account above; NULL for a root.';
COMMENT ON COLUMN account.accounts.path IS 'The accounts from the root to this one.';
COMMENT ON COLUMN account.accounts.billed_account_id IS 'The nearest account on the path that has a plan of its own, or the root.';
COMMENT ON COLUMN account.accounts.name IS 'A name for people.';
COMMENT ON COLUMN account.accounts.branding IS 'White-label branding; suppress_from_reports is a boolean.';
COMMENT ON COLUMN account.accounts.description IS 'Free text.';
COMMENT ON COLUMN account.accounts.domain IS 'The DNS name that belongs to the account.';
COMMENT ON COLUMN account.accounts.billing_email IS 'Where bills go.';
COMMENT ON COLUMN account.accounts.external_id IS 'The caller''s own id; unique among siblings.';
COMMENT ON COLUMN account.accounts.labels IS 'A flat JSON object of strings.';
COMMENT ON COLUMN account.accounts.webhook_url IS 'Where events are sent.';
COMMENT ON COLUMN account.accounts.stripe_customer_id IS 'The customer''s id at the payment provider; set by administrators.';
COMMENT ON COLUMN account.accounts.status IS 'new, starting, running, ready or error.';
COMMENT ON COLUMN account.accounts.status_changed_at IS 'When status was last set.';
COMMENT ON COLUMN account.accounts.status_error IS 'The message when status is error.';
COMMENT ON COLUMN account.accounts.created_at IS 'When it was created.';
COMMENT ON COLUMN account.accounts.updated_at IS 'When it was last changed.';
COMMENT ON COLUMN account.accounts.last_read_input_at IS 'When its input was last read.';
COMMENT ON COLUMN account.accounts.last_updated_config_at IS 'When its configuration was last changed.';
COMMENT ON COLUMN account.accounts.last_updated_output_at IS 'When it was last built.';
COMMENT ON COLUMN account.accounts.deleted_at IS 'When it was purged; NULL if it was not. Then the row is what keeps the id from being used again: a root without anything below it, its other fields blank.';

-- Siblings: external ids are unique among them (roots are one another's siblings).
CREATE UNIQUE INDEX accounts_external_id_key
	ON account.accounts (COALESCE(parent_account_id, '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid), external_id)
	WHERE external_id IS NOT NULL;
-- Children, for limits, and for lists in the order in which they are paged; by name, and by a beginning of it.
CREATE INDEX accounts_parent_account_id_idx ON account.accounts (parent_account_id, created_at, account_id);
CREATE INDEX accounts_name_idx ON account.accounts (parent_account_id, name text_pattern_ops);
CREATE INDEX accounts_labels_idx ON account.accounts USING gin (labels) WHERE labels <> '{}';
-- All below an account are one range: path >= P AND path < P || the greatest uuid.
CREATE INDEX accounts_path_idx ON account.accounts (path);

ALTER TABLE account.accounts ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('account.accounts', '');
