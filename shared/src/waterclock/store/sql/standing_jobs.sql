-- Read the jobs of a partition, or of all, that exist; times in ms. A job that no event moved the mark of has its creation's.
-- No run is requested before its instant but for a clock that was wrong, so the last success is among those that were requested
-- since the instant of the newest one that is no backfill; without that bound all runs of a job would be read.
SELECT
    job_id, version, definition::text,
    (extract(epoch FROM created_at) * 1000)::bigint AS created_at,
    (extract(epoch FROM updated_at) * 1000)::bigint AS updated_at,
    (extract(epoch FROM coalesce(mark, created_at)) * 1000)::bigint AS mark,
    barred_epoch, barred_seq,
    (
        SELECT (extract(epoch FROM max(coalesce(runs.nominal_at, runs.requested_at))) * 1000)::bigint
        FROM runs
        WHERE runs.job_id = jobs.job_id
          AND runs.status = 'succeeded'
          AND runs.requested_at >= coalesce(
              (
                  SELECT coalesce(newest.nominal_at, newest.requested_at) - interval '1 hour'
                  FROM runs AS newest
                  WHERE newest.job_id = jobs.job_id AND newest.status = 'succeeded' AND newest.trigger <> 'backfill'
                  ORDER BY newest.requested_at DESC, newest.run_id DESC
                  LIMIT 1
              ),
              '-infinity'
          )
    ) AS last_success
FROM jobs
WHERE (partition = %(partition)s::int OR %(all)s::boolean)
  AND deleted_at IS NULL;
