-- Read a page of the jobs that do not fit, of an executor or (null) of all, by their ids after one.
SELECT jobs.job_id, jobs.job_group, jobs.job_name, jobs.status, found.executor, found.flaws
FROM unfit_jobs AS found
JOIN jobs ON jobs.job_id = found.job_id
WHERE jobs.deleted_at IS NULL
  AND (%(executor)s::text IS NULL OR found.executor = %(executor)s::text)
  AND found.job_id > %(after)s::text
  AND jobs.invoke_target = found.target
  AND (jobs.version = found.version OR params_digest_of(jobs.definition) = found.params_digest)
ORDER BY found.job_id
LIMIT %(limit)s::int;
