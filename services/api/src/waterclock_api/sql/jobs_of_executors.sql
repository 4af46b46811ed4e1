-- Read a page of the jobs of some executors, by their ids after one.
SELECT job_id, job_group, job_name, definition
FROM jobs
WHERE deleted_at IS NULL
  AND invoke_target = ANY(%(targets)s::text[])
  AND job_id > %(after)s::text
ORDER BY job_id
LIMIT %(limit)s::int;
