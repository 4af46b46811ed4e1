-- Let rebuilt jobs know nothing of runs that are forgotten, and keep the marks that no event tells any more.
UPDATE jobs
SET last_run_id = CASE WHEN EXISTS (SELECT FROM runs WHERE runs.run_id = jobs.last_run_id) THEN last_run_id END,
    mark = greatest(mark, (SELECT kept.mark FROM kept_marks AS kept WHERE kept.job_id = jobs.job_id))
WHERE EXISTS (SELECT FROM forgotten);
