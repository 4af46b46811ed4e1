-- Read a page of the jobs of some executors, by their ids after one, with what they hand to them.
SELECT
    job_id, version, invoke_target, params_digest_of(definition) AS params_digest,
    coalesce(definition -> 'invokeParams', '{}')::text AS params
FROM jobs
WHERE deleted_at IS NULL
  AND invoke_target = ANY(%(targets)s::text[])
  AND job_id > %(after)s::text
ORDER BY job_id
LIMIT %(limit)s::int;
