
-- event: what accounts are to be told by webhooks.
--
-- An event is written in the transaction of what it tells, once for each account that is to
-- be told, and its body is fixed then.  The same row says how far its delivery is (part
-- delivery).  Of an account, events are delivered one after another, in order of turn.

CREATE TABLE account.events (
	event_id uuid NOT NULL,
	account_id uuid NOT NULL,
	turn bigint NOT NULL,
	horizon pg_catalog.xid8 NOT NULL,
	type text NOT NULL,
	body text NOT NULL,
	created_at timestamp with time zone NOT NULL,
	queued_at timestamp with time zone NOT NULL,
	due_at timestamp with time zone NOT NULL,
	attempts integer NOT NULL DEFAULT 0,
	delivery_id uuid,
	attempted_at timestamp with time zone,
	url text,
	http_status integer,
	outcome text,
	finished_at timestamp with time zone,
	stops boolean NOT NULL DEFAULT false,
	CONSTRAINT events_pkey PRIMARY KEY (event_id),
	CONSTRAINT events_outcome_known CHECK (outcome IN ('delivered', 'dead', 'dropped')),
	CONSTRAINT events_outcome_is_final CHECK ((outcome IS NULL) OPERATOR(pg_catalog.=) (finished_at IS NULL)),
	CONSTRAINT events_delivery_is_open CHECK (delivery_id IS NULL OR finished_at IS NULL)
);
COMMENT ON TABLE account.events IS 'What accounts are or were to be told by webhooks, and how far that is. Written by functions alone; no role has a grant on it.';
COMMENT ON COLUMN account.events.event_id IS 'The id of the event: the header webhook-id, the same at each attempt.';
COMMENT ON COLUMN account.events.account_id IS 'The account that is told.';
COMMENT ON COLUMN account.events.turn IS 'The order in which an account is told.';
COMMENT ON COLUMN account.events.horizon IS 'The transaction id that was next when the turn was drawn: once all below it are over, no event with a lower turn can appear any more.';
COMMENT ON COLUMN account.events.type IS 'What happened: account.updated and the like.';
COMMENT ON COLUMN account.events.body IS 'What is sent, byte for byte; ASCII.';
COMMENT ON COLUMN account.events.created_at IS 'When it happened.';
COMMENT ON COLUMN account.events.queued_at IS 'When its delivery was asked for: then, or by redeliver_webhook().';
COMMENT ON COLUMN account.events.due_at IS 'From when on it is to be attempted, or again; infinity: once the one before it is over.';
COMMENT ON COLUMN account.events.attempts IS 'How many attempts have begun.';
COMMENT ON COLUMN account.events.delivery_id IS 'The attempt that is under way, until due_at; NULL if none is.';
COMMENT ON COLUMN account.events.attempted_at IS 'When the last attempt began; NULL if none has.';
COMMENT ON COLUMN account.events.url IS 'Where the last attempt was sent to.';
COMMENT ON COLUMN account.events.http_status IS 'What it was answered with; NULL if there was no answer.';
COMMENT ON COLUMN account.events.outcome IS 'delivered; dead: given up; dropped: the account had no webhook URL any more, or one that had answered 410; NULL: not over.';
COMMENT ON COLUMN account.events.finished_at IS 'When it was over; NULL if it is not.';
COMMENT ON COLUMN account.events.stops IS 'It was answered with 410: nothing more is sent to its url.';
-- Old events are in none of the first three: however many they are, they slow no claim down.
CREATE INDEX events_due_at_idx ON account.events (due_at, turn) WHERE finished_at IS NULL;
CREATE INDEX events_waiting_idx ON account.events (account_id, turn) WHERE finished_at IS NULL;
CREATE UNIQUE INDEX events_delivery_id_key ON account.events (delivery_id) WHERE delivery_id IS NOT NULL;
CREATE INDEX events_stops_idx ON account.events (account_id) WHERE stops;
CREATE INDEX events_account_id_idx ON account.events (account_id, created_at, event_id);
CREATE INDEX events_queued_at_idx ON account.events (queued_at);
ALTER TABLE account.events ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('account.events', '');
