-- Count the enabled jobs that do not fit, of the executors that have the most of them.
SELECT found.executor, count(*) AS jobs
FROM unfit_jobs AS found
JOIN jobs ON jobs.job_id = found.job_id
WHERE jobs.deleted_at IS NULL
  AND jobs.status = '0'
  AND jobs.invoke_target = found.target
  AND (jobs.version = found.version OR params_digest_of(jobs.definition) = found.params_digest)
GROUP BY found.executor
ORDER BY count(*) DESC, found.executor
LIMIT %(limit)s::int;
