-- Read the jobs of a partition that exist; times in ms. A job that no event moved the mark of has its creation's.
SELECT
    job_id, version, definition::text,
    (extract(epoch FROM created_at) * 1000)::bigint AS created_at,
    (extract(epoch FROM updated_at) * 1000)::bigint AS updated_at,
    (extract(epoch FROM coalesce(mark, created_at)) * 1000)::bigint AS mark,
    barred_epoch, barred_seq
FROM jobs
WHERE partition = %(partition)s::int
  AND deleted_at IS NULL;
