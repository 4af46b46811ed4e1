-- Read a page of the runs that were requested before anything that is kept, in that order; each with whether it has ended
-- so long ago that it is to be forgotten. Times in microseconds.
-- The order names the table: `requested_at` alone would be the number above, which no index has.
SELECT
    (extract(epoch FROM runs.requested_at) * 1000000)::bigint AS requested_at, runs.run_id,
    coalesce(runs.finished_at < forgotten.before, false) AS gone
FROM runs
LEFT JOIN forgotten ON forgotten.what = runs.status
WHERE runs.requested_at < (SELECT max(before) FROM forgotten)
  AND (runs.requested_at, runs.run_id) > (to_timestamp(%(after_at)s::bigint / 1000000.0), %(after_id)s::text)
ORDER BY runs.requested_at, runs.run_id
LIMIT %(limit)s::int;
