-- Read a page of the runs that were requested before anything that is kept, in that order; each with whether it has ended
-- so long ago that it is to be forgotten. Times in microseconds.
SELECT
    (extract(epoch FROM requested_at) * 1000000)::bigint AS requested_at, run_id,
    coalesce(finished_at < forgotten.before, false) AS gone
FROM runs
LEFT JOIN forgotten ON forgotten.what = runs.status
WHERE requested_at < (SELECT max(before) FROM forgotten)
  AND (requested_at, run_id) > (to_timestamp(%(after_at)s::bigint / 1000000.0), %(after_id)s::text)
ORDER BY requested_at, run_id
LIMIT %(limit)s::int;
