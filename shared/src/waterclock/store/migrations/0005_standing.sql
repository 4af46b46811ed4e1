-- Where runs stand that have not started, and what has ended of late.

-- The run that a waiting one waits behind now: the one before it in the line of its job, else one that is not in the line.
-- Null: none, so it has been let go, which is no event. A run requested before its job was let overlap waits no more.
CREATE FUNCTION run_ahead(waiting runs) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT other.run_id
    FROM runs AS other
    LEFT JOIN jobs ON jobs.job_id = other.job_id
    WHERE other.job_id = waiting.job_id
      AND other.finished_at IS NULL
      AND other.run_id <> waiting.run_id
      AND (
          other.status <> 'waiting'
          OR (other.requested_epoch, other.requested_seq) < (waiting.requested_epoch, waiting.requested_seq)
      )
      AND (
          jobs.released_seq IS NULL
          OR (jobs.released_epoch, jobs.released_seq) < (waiting.requested_epoch, waiting.requested_seq)
      )
    ORDER BY other.status = 'waiting' DESC, other.requested_epoch DESC, other.requested_seq DESC
    LIMIT 1
$$;

-- Where a run stands at `moment`: a delayed one whose time has come is queued, for the worker's timer only moves it, and
-- so is a waiting one that none is ahead of.
CREATE FUNCTION standing_of(run runs, moment timestamptz) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN run.status = 'waiting' AND run_ahead(run) IS NOT NULL THEN 'waiting'
        WHEN run.ready_at > moment THEN 'delayed'
        ELSE 'queued'
    END
$$;

CREATE INDEX runs_by_end ON runs (finished_at) WHERE finished_at IS NOT NULL;
