-- Notices: what notifiers know, what was told, and what is still to be delivered. Records, not read models: a rebuild leaves them.

CREATE TABLE notifier_positions (
    partition int PRIMARY KEY,
    epoch     bigint NOT NULL,
    seq       bigint NOT NULL
);
COMMENT ON TABLE notifier_positions IS 'How far each partition is judged: moved with the facts and notices that follow from it';

CREATE TABLE notice_facts (
    key       text PRIMARY KEY,
    partition int NOT NULL,
    job_id    text,
    run_id    text,
    due_at    timestamptz,
    document  bytea NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX notice_facts_due ON notice_facts (partition, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX notice_facts_of_jobs ON notice_facts (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX notice_facts_of_runs ON notice_facts (run_id) WHERE run_id IS NOT NULL;
COMMENT ON TABLE notice_facts IS 'What the judge knows: watched jobs, unfinished runs with their deadlines, what is open of a job, how far a partition is judged';
COMMENT ON COLUMN notice_facts.partition IS 'in which its job or run lives now';
COMMENT ON COLUMN notice_facts.due_at IS 'the earliest moment at which a clock may say something about it';

CREATE TABLE notice_readings (
    partition int NOT NULL,
    epoch     bigint NOT NULL,
    seq       bigint NOT NULL,
    clock_at  timestamptz NOT NULL,
    document  bytea NOT NULL,
    PRIMARY KEY (partition, clock_at, epoch, seq)
);
COMMENT ON TABLE notice_readings IS 'Readings of clocks by which something was judged, so that a rehearsal judges alike';

CREATE TABLE notices (
    id          text PRIMARY KEY,
    at          timestamptz NOT NULL,
    kind        text NOT NULL,
    rule        text NOT NULL,
    job_id      text,
    run_id      text,
    document    bytea NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX notices_newest ON notices (at DESC, id DESC);
CREATE INDEX notices_of_jobs ON notices (job_id, at DESC, id DESC) WHERE job_id IS NOT NULL;
CREATE INDEX notices_of_runs ON notices (run_id) WHERE run_id IS NOT NULL;
COMMENT ON TABLE notices IS 'What was told; kept for 90 days';

CREATE TABLE notice_deliveries (
    number        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel       text NOT NULL,
    message       text NOT NULL,
    subject       text NOT NULL,
    notice_id     text REFERENCES notices ON DELETE CASCADE,
    takes_back    text,
    digest        bytea,
    state         text NOT NULL CHECK (state IN ('waiting', 'delivered', 'digested', 'dropped', 'givenUp')),
    is_old        boolean NOT NULL DEFAULT false,
    put_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    failures      int NOT NULL DEFAULT 0,
    due_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    claimed_until timestamptz,
    claim         text,
    settled_at    timestamptz,
    said          text,
    UNIQUE (channel, message)
);
CREATE INDEX notice_deliveries_waiting ON notice_deliveries (channel, number) WHERE state = 'waiting';
CREATE INDEX notice_deliveries_sent ON notice_deliveries (channel, settled_at) WHERE state = 'delivered';
CREATE INDEX notice_deliveries_of_notices ON notice_deliveries (notice_id);
COMMENT ON TABLE notice_deliveries IS 'The outbox: one row for each message of a channel. Of a subject they go out in the order of their numbers';
COMMENT ON COLUMN notice_deliveries.message IS 'id of the message: the same for notices of several rules that say the same';
COMMENT ON COLUMN notice_deliveries.subject IS 'of which messages go out one after the other; *: of all that come later';
COMMENT ON COLUMN notice_deliveries.takes_back IS 'id of the notice that it takes back';
COMMENT ON COLUMN notice_deliveries.digest IS 'what a message says that stands for many, in place of a notice';
COMMENT ON COLUMN notice_deliveries.is_old IS 'it was over an hour old when it was judged: told in a digest';

CREATE TABLE notice_channels (
    channel       text PRIMARY KEY,
    delivered_at  timestamptz,
    failing_since timestamptz,
    failures      int NOT NULL DEFAULT 0,
    said          text
);
COMMENT ON TABLE notice_channels IS 'How each channel is doing: since when nothing was delivered, and what was said last';

CREATE TABLE notice_trips (
    id            text PRIMARY KEY,
    job_id        text NOT NULL,
    document      bytea NOT NULL,
    state         text NOT NULL CHECK (state IN ('waiting', 'done', 'refused')),
    failures      int NOT NULL DEFAULT 0,
    due_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    claimed_until timestamptz,
    claim         text,
    settled_at    timestamptz,
    said          text
);
CREATE INDEX notice_trips_waiting ON notice_trips (due_at) WHERE state = 'waiting';
COMMENT ON TABLE notice_trips IS 'Jobs that the breaker is to disable';
