-- Read the promises that a job's scheduled times from one to another, both inclusive, have broken, in the order in which that
-- was known; with when that of which it was promised began and ended: the attempt, or the run. Times in ms.
SELECT
    broken.kind, broken.what, broken.attempt, (extract(epoch FROM broken.due_at) * 1000)::bigint,
    (extract(epoch FROM broken.at) * 1000)::bigint, broken.position, broken.run_id,
    (extract(epoch FROM broken.first_at) * 1000)::bigint, (extract(epoch FROM broken.last_at) * 1000)::bigint,
    (extract(epoch FROM CASE WHEN broken.what = 'attempt' THEN attempts.started_at ELSE runs.started_at END) * 1000)::bigint,
    (extract(epoch FROM CASE WHEN broken.what = 'attempt' THEN attempts.finished_at ELSE runs.finished_at END) * 1000)::bigint
FROM broken_promises AS broken
LEFT JOIN runs ON runs.run_id = broken.run_id
LEFT JOIN attempts ON attempts.run_id = broken.run_id AND attempts.number = broken.attempt
WHERE broken.job_id = %(job_id)s::text
  AND broken.last_at >= to_timestamp(%(from)s::bigint / 1000.0)
  AND broken.first_at <= to_timestamp(%(to)s::bigint / 1000.0)
  AND broken.instant_at IS NOT NULL
ORDER BY broken.number
LIMIT %(limit)s::int;
