-- Read what the job of a run promises now, if it was not touched since the run was requested: it promised the same then.
SELECT jobs.definition::text
FROM runs
JOIN jobs ON jobs.job_id = runs.job_id
WHERE runs.run_id = %(run_id)s::text AND jobs.updated_at < runs.requested_at;
