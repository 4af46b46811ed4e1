-- What is kept for a time only, and what of it outlives its time.

CREATE TABLE forgotten (
    what    text PRIMARY KEY,
    before  timestamptz NOT NULL
);
COMMENT ON TABLE forgotten IS 'What is not kept any more: the events, and the runs of each status that ended, before a moment';

CREATE TABLE kept_marks (
    job_id  text PRIMARY KEY,
    mark    timestamptz NOT NULL
);
COMMENT ON TABLE kept_marks IS 'The marks of jobs whose last decision was dropped with its month, for a rebuild';

CREATE INDEX events_of_fleet ON events (partition, epoch, seq) WHERE type IN ('worker.joined', 'worker.left');

-- Drop the archive's table of a month, which ends at `ends`, but for what is needed later; that goes to the default table,
-- where events are that have no month: what defines jobs, the fleet, queues; the events of runs that are still there; the
-- last event of each partition. Returns how many those are. Each is found by an index, for all who archive wait.
CREATE FUNCTION drop_archive_month(month regclass, ends timestamptz) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    kept bigint;
BEGIN
    EXECUTE format('ALTER TABLE events DETACH PARTITION %s', month);
    EXECUTE format($sql$
        INSERT INTO events (partition, epoch, seq, prev, at, type, job_id, run_id, document)
        SELECT partition, epoch, seq, prev, at, type, job_id, run_id, document FROM (
            SELECT * FROM %1$s
            WHERE type IN ('job.created', 'job.changed', 'job.enabled', 'job.disabled', 'job.deleted')
            UNION
            SELECT * FROM %1$s WHERE type IN ('queue.paused', 'queue.resumed')
            UNION
            SELECT * FROM %1$s WHERE type IN ('worker.joined', 'worker.left')
            UNION
            SELECT old.* FROM runs JOIN %1$s AS old USING (run_id) WHERE runs.requested_at < $1
            UNION
            SELECT old.* FROM partitions JOIN %1$s AS old USING (partition, epoch, seq)
        ) AS needed
    $sql$, month) USING ends;
    GET DIAGNOSTICS kept = ROW_COUNT;
    INSERT INTO kept_marks (job_id, mark)
    SELECT job_id, mark FROM jobs WHERE deleted_at IS NULL AND mark < ends
    ON CONFLICT (job_id) DO UPDATE SET mark = excluded.mark;
    EXECUTE format('DROP TABLE %s', month);
    RETURN kept;
END
$$;
