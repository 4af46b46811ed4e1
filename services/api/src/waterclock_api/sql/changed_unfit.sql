-- Read some of the jobs that did not fit and have changed since, as they are now; those that are gone, or whose executor is,
-- without parameters.
SELECT
    found.job_id,
    jobs.version,
    jobs.invoke_target,
    params_digest_of(jobs.definition) AS params_digest,
    CASE WHEN executors.key IS NOT NULL THEN coalesce(jobs.definition -> 'invokeParams', '{}')::text END AS params
FROM unfit_jobs AS found
LEFT JOIN jobs ON jobs.job_id = found.job_id AND jobs.deleted_at IS NULL
LEFT JOIN executors ON executors.key = found.executor AND jobs.job_id IS NOT NULL
WHERE jobs.version IS DISTINCT FROM found.version OR executors.key IS NULL
LIMIT %(limit)s::int;
