-- Promises that were broken, as notifiers have judged, whether a rule names them or not. Records, as notices are.

CREATE TABLE broken_promises (
    number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          text NOT NULL UNIQUE,
    kind        text NOT NULL,
    job_id      text NOT NULL,
    run_id      text,
    what        text,
    attempt     int,
    first_at    timestamptz NOT NULL,
    last_at     timestamptz NOT NULL,
    instant_at  timestamptz,
    due_at      timestamptz,
    at          timestamptz NOT NULL,
    position    text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX broken_promises_of_jobs ON broken_promises (job_id, last_at);
CREATE INDEX broken_promises_of_runs ON broken_promises (run_id) WHERE run_id IS NOT NULL;
COMMENT ON TABLE broken_promises IS 'Promises that were broken: what is shown beside runs and scheduled times';
COMMENT ON COLUMN broken_promises.first_at IS 'the scheduled time, of several that were skipped the first; of what has none, when it was due';
COMMENT ON COLUMN broken_promises.last_at IS 'of several that were skipped the last, else as first_at';
COMMENT ON COLUMN broken_promises.at IS 'when it was known, by the clock of the partition';

CREATE INDEX notice_facts_of_troubles ON notice_facts (job_id) WHERE starts_with(key, 'trouble ');
COMMENT ON INDEX notice_facts_of_troubles IS 'what is broken now: asked for with the index of all jobs';
