-- Count how runs of jobs have ended in the next archived events of a partition, at most so many, and note how far that is.
-- Returns how many events were looked at. The caller holds the partition's position, so nobody else counts them.
WITH counted AS (
    SELECT epoch, seq FROM job_ends_counted WHERE partition = %(partition)s::int
), fresh AS MATERIALIZED (
    SELECT epoch, seq, at, type, job_id
    FROM events
    WHERE partition = %(partition)s::int
      AND (epoch, seq) > (
          coalesce((SELECT epoch FROM counted), 0), coalesce((SELECT seq FROM counted), 0)
      )
    ORDER BY epoch, seq
    LIMIT %(limit)s::int
), moved AS (
    INSERT INTO job_ends_counted (partition, epoch, seq)
    SELECT %(partition)s::int, epoch, seq FROM fresh ORDER BY epoch DESC, seq DESC LIMIT 1
    ON CONFLICT (partition) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq
), written AS (
    INSERT INTO job_ends (
        job_id, last_end_at, last_success_at, last_failure_at, succeeded, failed, timed_out, cancelled, died
    )
    SELECT
        job_id, max(at), max(at) FILTER (WHERE type = 'run.succeeded'),
        max(at) FILTER (WHERE type IN ('run.failed', 'run.timedOut', 'run.died')),
        count(*) FILTER (WHERE type = 'run.succeeded'), count(*) FILTER (WHERE type = 'run.failed'),
        count(*) FILTER (WHERE type = 'run.timedOut'), count(*) FILTER (WHERE type = 'run.cancelled'),
        count(*) FILTER (WHERE type = 'run.died')
    FROM fresh
    WHERE job_id IS NOT NULL
      AND type IN ('run.succeeded', 'run.failed', 'run.timedOut', 'run.cancelled', 'run.died')
    GROUP BY job_id
    ORDER BY job_id  -- so do others of other partitions
    ON CONFLICT (job_id) DO UPDATE SET
        last_end_at = greatest(job_ends.last_end_at, excluded.last_end_at),
        last_success_at = greatest(job_ends.last_success_at, excluded.last_success_at),
        last_failure_at = greatest(job_ends.last_failure_at, excluded.last_failure_at),
        succeeded = job_ends.succeeded + excluded.succeeded,
        failed = job_ends.failed + excluded.failed,
        timed_out = job_ends.timed_out + excluded.timed_out,
        cancelled = job_ends.cancelled + excluded.cancelled,
        died = job_ends.died + excluded.died
)
SELECT count(*) FROM fresh;
