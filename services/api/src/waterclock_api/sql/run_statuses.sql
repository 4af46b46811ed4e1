-- Read where some runs of a job stand, and what they execute in which queue; beside them the unfinished run of the job
-- that was requested first, which others may wait behind.
WITH first AS (
    SELECT run_id
    FROM runs
    WHERE job_id = %(job_id)s::text AND finished_at IS NULL
    ORDER BY requested_epoch, requested_seq
    LIMIT 1
)
SELECT
    run_id,
    CASE WHEN status IN ('delayed', 'waiting') THEN standing_of(runs, to_timestamp(%(now)s::bigint / 1000.0)) ELSE status END AS status,
    invoke_target, queue,
    run_id = ANY (ARRAY(SELECT run_id FROM first)) AS is_first
FROM runs
WHERE run_id = ANY (%(run_ids)s::text[] || ARRAY(SELECT run_id FROM first));
