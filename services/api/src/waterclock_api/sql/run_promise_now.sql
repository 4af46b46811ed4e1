-- Read what the job of a run promises now, if it was never changed: it promised the same when the run was requested.
SELECT jobs.definition::text
FROM runs
JOIN jobs ON jobs.job_id = runs.job_id
WHERE runs.run_id = %(run_id)s::text AND jobs.version = 1;
