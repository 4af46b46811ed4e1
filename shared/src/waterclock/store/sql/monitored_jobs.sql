-- Read the first jobs of all partitions that carry the label `monitor`, at most so many, and of these the ones of some partitions:
-- how their runs have ended, and what names their instants after their mark. Times in ms.
SELECT
    marked.job_id, marked.job_group, marked.job_name, marked.version,
    (extract(epoch FROM coalesce(marked.mark, marked.created_at)) * 1000)::bigint AS mark,
    (marked.definition - 'invokeParams')::text AS definition,
    (extract(epoch FROM job_ends.last_end_at) * 1000)::bigint AS last_end,
    (extract(epoch FROM job_ends.last_success_at) * 1000)::bigint AS last_success,
    (extract(epoch FROM job_ends.last_failure_at) * 1000)::bigint AS last_failure,
    coalesce(job_ends.succeeded, 0), coalesce(job_ends.failed, 0), coalesce(job_ends.timed_out, 0),
    coalesce(job_ends.cancelled, 0), coalesce(job_ends.died, 0)
FROM (
    SELECT *
    FROM jobs
    WHERE labels ? 'monitor' AND deleted_at IS NULL
    ORDER BY created_at, job_id
    LIMIT %(most)s::int
) AS marked
LEFT JOIN job_ends USING (job_id)
WHERE marked.partition = ANY (%(partitions)s::int[]);
