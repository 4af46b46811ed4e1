-- Read where the unfinished runs of the jobs of a partition, or of all, stand in line, and what was released of it.
SELECT
    runs.job_id, runs.requested_epoch, runs.requested_seq, runs.status = 'waiting' AS waits,
    jobs.released_epoch, jobs.released_seq
FROM runs
LEFT JOIN jobs USING (job_id)
WHERE (runs.partition = %(partition)s::int OR %(all)s::boolean)
  AND runs.finished_at IS NULL
  AND runs.job_id IS NOT NULL;
