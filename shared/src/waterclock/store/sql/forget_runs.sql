-- Delete some ended runs with all that belongs to them. Assumes that no one else writes these rows meanwhile: the caller
-- holds the positions.
WITH gone AS (
    DELETE FROM runs
    USING forgotten
    WHERE run_id = ANY (%(run_ids)s::text[])
      AND forgotten.what = runs.status
      AND runs.finished_at < forgotten.before
    RETURNING runs.run_id, runs.job_id
), attempts_gone AS (
    DELETE FROM attempts USING gone WHERE attempts.run_id = gone.run_id
), steps_gone AS (
    DELETE FROM steps USING gone WHERE steps.run_id = gone.run_id
), lines_gone AS (
    DELETE FROM log_lines USING gone WHERE log_lines.run_id = gone.run_id
)
UPDATE jobs SET last_run_id = NULL FROM gone WHERE jobs.job_id = gone.job_id AND jobs.last_run_id = gone.run_id;
