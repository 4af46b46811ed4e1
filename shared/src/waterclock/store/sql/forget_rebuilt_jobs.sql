-- Let rebuilt jobs know nothing of runs that are forgotten, and keep the marks that no event tells any more.
UPDATE jobs
SET last_run_id = known.last_run_id, mark = known.mark
FROM (
    SELECT jobs.job_id, runs.run_id AS last_run_id, greatest(jobs.mark, kept_marks.mark) AS mark
    FROM jobs
    LEFT JOIN runs ON runs.run_id = jobs.last_run_id
    LEFT JOIN kept_marks ON kept_marks.job_id = jobs.job_id
) AS known
WHERE known.job_id = jobs.job_id
  AND (known.last_run_id, known.mark) IS DISTINCT FROM (jobs.last_run_id, jobs.mark)
  AND EXISTS (SELECT FROM forgotten);
