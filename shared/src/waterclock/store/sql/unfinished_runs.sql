-- Read the runs of a partition that have not ended, with the attempt that has not, if one has begun, and how many have.
SELECT
    runs.run_id, runs.job_id, coalesce(attempts.number, 0) AS attempt, coalesce(attempts.fence, 0) AS fence,
    runs.attempt AS begun
FROM runs
LEFT JOIN attempts
    ON attempts.run_id = runs.run_id
    AND attempts.number = runs.attempt
    AND attempts.finished_at IS NULL
WHERE runs.partition = %(partition)s::int
  AND runs.finished_at IS NULL;
