-- Read a page of the ids of jobs, after the id `after`, without those that were deleted before a time (ms); an empty
-- array for all jobs. Since when a job counts, its first event tells.
SELECT job_id
FROM jobs
WHERE job_id > %(after)s::text
  AND (deleted_at IS NULL OR deleted_at >= to_timestamp(%(from)s::bigint / 1000.0))
  AND (cardinality(%(job_ids)s::text[]) = 0 OR job_id = ANY (%(job_ids)s::text[]))
ORDER BY job_id
LIMIT %(limit)s::int;
