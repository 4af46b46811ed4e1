-- Read the run of a job that was requested last before a time (ms), and whether a run of it had an attempt then, of the
-- 1000 that had been requested last: no more of them can wait behind one.
SELECT
    (SELECT run_id FROM runs
     WHERE job_id = %(job_id)s::text AND requested_at <= to_timestamp(%(at)s::bigint / 1000.0)
     ORDER BY requested_at DESC, run_id DESC LIMIT 1) AS last_run_id,
    EXISTS (
        SELECT FROM (
            SELECT run_id, finished_at FROM runs
            WHERE job_id = %(job_id)s::text AND requested_at <= to_timestamp(%(at)s::bigint / 1000.0)
            ORDER BY requested_at DESC, run_id DESC LIMIT 1001
        ) AS run
        JOIN attempts ON attempts.run_id = run.run_id
        WHERE (run.finished_at IS NULL OR run.finished_at > to_timestamp(%(at)s::bigint / 1000.0))
          AND attempts.started_at <= to_timestamp(%(at)s::bigint / 1000.0)
          AND (attempts.finished_at IS NULL OR attempts.finished_at > to_timestamp(%(at)s::bigint / 1000.0))
    ) AS is_running;
