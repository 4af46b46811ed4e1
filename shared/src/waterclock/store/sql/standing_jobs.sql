-- Read the jobs of a partition, or of all, that exist; times in ms. A job that no event moved the mark of has its creation's.
-- No run is requested before its instant but for a clock that was wrong, so the last success is among those that were requested
-- since the instant of the newest one that is no backfill. That one is looked for among the job's newest runs: a job of which more
-- have not succeeded is said to be `unsettled`, and has no last success here (`last_successes.sql`). What of it was forgotten
-- is in `kept_successes`.
SELECT
    job_id, version, definition::text,
    (extract(epoch FROM created_at) * 1000)::bigint AS created_at,
    (extract(epoch FROM updated_at) * 1000)::bigint AS updated_at,
    (extract(epoch FROM coalesce(mark, created_at)) * 1000)::bigint AS mark,
    barred_epoch, barred_seq,
    CASE WHEN NOT look.unsettled THEN (
        SELECT (extract(epoch FROM greatest(max(coalesce(runs.nominal_at, runs.requested_at)), (
            SELECT kept.last_success FROM kept_successes AS kept WHERE kept.job_id = jobs.job_id
        ))) * 1000)::bigint
        FROM runs
        WHERE runs.job_id = jobs.job_id
          AND runs.status = 'succeeded'
          AND runs.requested_at >= coalesce(newest.since, '-infinity')
    ) END AS last_success,
    look.unsettled
FROM jobs
CROSS JOIN LATERAL (
    SELECT (
        SELECT coalesce(late.nominal_at, late.requested_at) - interval '1 hour'
        FROM (
            SELECT requested_at, run_id, nominal_at, status, trigger
            FROM runs
            WHERE runs.job_id = jobs.job_id
            ORDER BY requested_at DESC, run_id DESC
            LIMIT %(looked_at)s::int
        ) AS late
        WHERE late.status = 'succeeded' AND late.trigger <> 'backfill'
        ORDER BY late.requested_at DESC, late.run_id DESC
        LIMIT 1
    ) AS since
    OFFSET 0  -- asked once
) AS newest
CROSS JOIN LATERAL (
    SELECT
        newest.since IS NULL
        AND EXISTS (
            SELECT
            FROM runs
            WHERE runs.job_id = jobs.job_id
            ORDER BY requested_at DESC, run_id DESC
            LIMIT 1
            OFFSET %(looked_at)s::int
        ) AS unsettled
    OFFSET 0
) AS look
WHERE (partition = %(partition)s::int OR %(all)s::boolean)
  AND deleted_at IS NULL;
