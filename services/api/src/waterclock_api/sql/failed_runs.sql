-- Count the runs of jobs, or of some, that were requested in a range (ms, both inclusive) and ended badly.
SELECT count(*)
FROM runs
WHERE status IN ('failed', 'timedOut', 'died')
  AND requested_at BETWEEN to_timestamp(%(from)s::bigint / 1000.0) AND to_timestamp(%(to)s::bigint / 1000.0)
  AND job_id IS NOT NULL
  AND (%(all)s::boolean OR job_id = ANY (%(job_ids)s::text[]));
