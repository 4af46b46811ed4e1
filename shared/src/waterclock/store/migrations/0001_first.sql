-- The archive, the read models and the positions they have reached.
-- Times of events are milliseconds precise; documents are kept as the bytes that clients see.

CREATE TABLE partitions (
    partition  int PRIMARY KEY,
    epoch      bigint NOT NULL DEFAULT 0,
    seq        bigint NOT NULL DEFAULT 0,
    at         timestamptz,
    server     text,
    opening    bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE partitions IS 'How far each partition is archived and projected: epoch and seq of the last event, its time; the server process that the partition is open on; the highest epoch that an opening has reserved';

-- The archive: every event, in the order of its partition. Log lines lie in log_lines; their events are stubs here.
CREATE TABLE events (
    partition  int NOT NULL,
    epoch      bigint NOT NULL,
    seq        bigint NOT NULL,
    prev       text NOT NULL,
    at         timestamptz NOT NULL,
    type       text NOT NULL,
    job_id     text,
    run_id     text,
    document   bytea NOT NULL,
    PRIMARY KEY (partition, epoch, seq, at)
) PARTITION BY RANGE (at);
CREATE TABLE events_default PARTITION OF events DEFAULT;
CREATE INDEX events_by_job ON events (job_id, epoch, seq) WHERE job_id IS NOT NULL;
CREATE INDEX events_by_run ON events (run_id, epoch, seq) WHERE run_id IS NOT NULL;

CREATE TABLE jobs (
    job_id      text PRIMARY KEY,
    partition   int NOT NULL,
    version     int NOT NULL,
    job_name    text NOT NULL,
    job_group   text NOT NULL,
    invoke_target text NOT NULL,
    status      text NOT NULL,
    queue       text NOT NULL,
    labels      jsonb NOT NULL,
    definition  jsonb NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    deleted_at  timestamptz,
    last_run_id text
);
CREATE UNIQUE INDEX jobs_by_name ON jobs (job_group, job_name, job_id) WHERE deleted_at IS NULL;
CREATE INDEX jobs_by_creation ON jobs (created_at, job_id) WHERE deleted_at IS NULL;

CREATE TABLE runs (
    run_id        text PRIMARY KEY,
    partition     int NOT NULL,
    requested_epoch bigint NOT NULL,
    requested_seq   bigint NOT NULL,
    job_id        text,
    job_name      text,
    job_group     text,
    invoke_target text NOT NULL,
    params        jsonb NOT NULL,
    queue         text NOT NULL,
    trigger       text NOT NULL,
    status        text NOT NULL,
    nominal_at    timestamptz,
    requested_at  timestamptz NOT NULL,
    ready_at      timestamptz,
    started_at    timestamptz,
    finished_at   timestamptz,
    attempt       int NOT NULL DEFAULT 0,
    max_attempts  int NOT NULL,
    worker        text,
    result        jsonb,
    error         jsonb,
    waiting_on    text,
    cancel_requested_at timestamptz,
    retry_of      text,
    reason        text,
    labels        jsonb NOT NULL,
    folded        int NOT NULL DEFAULT 0,
    folded_first  timestamptz,
    traceparent   text
);
CREATE INDEX runs_by_request ON runs (requested_at DESC, run_id DESC);
CREATE INDEX runs_by_job ON runs (job_id, requested_at DESC, run_id DESC);
CREATE INDEX runs_unfinished ON runs (job_id) WHERE finished_at IS NULL;

CREATE TABLE attempts (
    run_id      text NOT NULL,
    number      int NOT NULL,
    fence       bigint NOT NULL,
    worker      text NOT NULL,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz,
    outcome     text,
    error       jsonb,
    PRIMARY KEY (run_id, number)
);

CREATE TABLE steps (
    run_id      text NOT NULL,
    attempt     int NOT NULL,
    number      int NOT NULL,
    name        text NOT NULL,
    status      text NOT NULL,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz,
    done        double precision,
    total       double precision,
    error       jsonb,
    PRIMARY KEY (run_id, attempt, number)
);

-- The lines of step.log events: part of the archive, deleted for good by logs.cleared.
CREATE TABLE log_lines (
    partition  int NOT NULL,
    epoch      bigint NOT NULL,
    seq        bigint NOT NULL,
    line       int NOT NULL,
    job_id     text,
    run_id     text NOT NULL,
    attempt    int NOT NULL,
    step       int,
    at         timestamptz NOT NULL,
    level      text NOT NULL,
    text       text NOT NULL,
    PRIMARY KEY (run_id, epoch, seq, line)
);
CREATE INDEX log_lines_by_job ON log_lines (job_id, epoch, seq, line) WHERE job_id IS NOT NULL;

-- Decisions that fired nothing: what explains an instant without a run.
CREATE TABLE decisions (
    job_id     text NOT NULL,
    epoch      bigint NOT NULL,
    seq        bigint NOT NULL,
    partition  int NOT NULL,
    fate       text NOT NULL,
    reason     text,
    policy     text,
    first_at   timestamptz NOT NULL,
    last_at    timestamptz NOT NULL,
    count      int NOT NULL,
    digest     text NOT NULL,
    run_id     text,
    decided_at timestamptz NOT NULL,
    PRIMARY KEY (job_id, epoch, seq)
);
CREATE INDEX decisions_by_time ON decisions (job_id, last_at);

CREATE TABLE workers (
    session    text PRIMARY KEY,
    worker     text NOT NULL,
    queues     jsonb NOT NULL,
    slots      int NOT NULL,
    executors  jsonb NOT NULL,
    started_at timestamptz NOT NULL,
    left_at    timestamptz,
    left_reason text
);

CREATE TABLE executors (
    key          text PRIMARY KEY,
    spec         jsonb NOT NULL,
    announced_at timestamptz NOT NULL
);

-- Log lines that are deleted here and whose stream entries are still to be deleted.
CREATE TABLE clearings (
    partition  int NOT NULL,
    job_id     text NOT NULL,
    epoch      bigint NOT NULL,
    seq        bigint NOT NULL,
    PRIMARY KEY (partition, job_id)
);

-- Make the archive's table for the month (UTC) that `moment` lies in; false if it is there already, or if the default
-- table holds events of that month, which then stay there. ATTACH lets readers and writers of other months go on.
CREATE FUNCTION make_archive_month(moment timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    first timestamptz := date_trunc('month', moment, 'UTC');
    next  timestamptz := date_trunc('month', first + interval '32 days', 'UTC');
    name  text := 'events_' || to_char(first AT TIME ZONE 'UTC', 'YYYY_MM');
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('waterclock archive months'));
    IF to_regclass(name) IS NOT NULL OR EXISTS (SELECT FROM events_default WHERE at >= first AND at < next) THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE events INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
    EXECUTE format('ALTER TABLE events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, first, next);
    RETURN true;
END
$$;
