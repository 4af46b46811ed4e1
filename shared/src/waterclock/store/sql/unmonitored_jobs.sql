-- Count the jobs of some partitions that carry the label `monitor` and are not among the first so many of all.
SELECT count(*)
FROM (
    SELECT partition
    FROM jobs
    WHERE labels ? 'monitor' AND deleted_at IS NULL
    ORDER BY created_at, job_id
    OFFSET %(most)s::int
) AS beyond
WHERE partition = ANY (%(partitions)s::int[]);
