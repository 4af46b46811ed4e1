-- Delete some ended runs with all that belongs to them, and note the last success that they were. Assumes that no one else
-- writes these rows meanwhile: the caller holds the positions.
WITH gone AS (
    DELETE FROM runs
    USING forgotten
    WHERE run_id = ANY (%(run_ids)s::text[])
      AND forgotten.what = runs.status
      AND runs.finished_at < forgotten.before
    RETURNING runs.run_id, runs.job_id, runs.status, coalesce(runs.nominal_at, runs.requested_at) AS stands_for
), successes_kept AS (
    INSERT INTO kept_successes (job_id, last_success)
    SELECT job_id, max(stands_for) FROM gone WHERE status = 'succeeded' AND job_id IS NOT NULL GROUP BY job_id
    ON CONFLICT (job_id) DO UPDATE SET last_success = greatest(kept_successes.last_success, excluded.last_success)
), attempts_gone AS (
    DELETE FROM attempts USING gone WHERE attempts.run_id = gone.run_id
), steps_gone AS (
    DELETE FROM steps USING gone WHERE steps.run_id = gone.run_id
), lines_gone AS (
    DELETE FROM log_lines USING gone WHERE log_lines.run_id = gone.run_id
)
UPDATE jobs SET last_run_id = NULL FROM gone WHERE jobs.job_id = gone.job_id AND jobs.last_run_id = gone.run_id;
