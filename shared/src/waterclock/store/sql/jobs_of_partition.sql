-- Read ids of the jobs that live in a partition, deleted ones too, after one of them.
SELECT job_id
FROM jobs
WHERE partition = %(partition)s::int AND job_id > %(after)s::text
ORDER BY job_id
LIMIT %(limit)s::int;
