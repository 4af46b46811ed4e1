-- Read the jobs of a partition, or of all, that exist; times in ms. A job that no event moved the mark of has its creation's.
SELECT
    job_id, version, definition::text,
    (extract(epoch FROM created_at) * 1000)::bigint AS created_at,
    (extract(epoch FROM updated_at) * 1000)::bigint AS updated_at,
    (extract(epoch FROM coalesce(mark, created_at)) * 1000)::bigint AS mark,
    barred_epoch, barred_seq,
    (
        SELECT (extract(epoch FROM max(coalesce(runs.nominal_at, runs.requested_at))) * 1000)::bigint
        FROM runs
        WHERE runs.job_id = jobs.job_id AND runs.status = 'succeeded'
    ) AS last_success
FROM jobs
WHERE (partition = %(partition)s::int OR %(all)s::boolean)
  AND deleted_at IS NULL;
