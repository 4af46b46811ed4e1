-- Read where the unfinished runs of a job were requested, oldest first.
SELECT run_id, requested_epoch, requested_seq
FROM runs
WHERE job_id = %(job_id)s::text AND finished_at IS NULL
ORDER BY requested_epoch, requested_seq;
