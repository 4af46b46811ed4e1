-- Read a page of the ids of runs that had not ended at a time (ms, null: now), newest request first, after the place
-- (before_at, before_id); times in ms, empty arrays and null for no filter. Of those that have been cancelled since, their
-- status then is not known: they are in the page, whatever statuses are wanted.
SELECT run_id, (extract(epoch FROM runs.requested_at) * 1000)::bigint AS requested_at
FROM (
    SELECT * FROM runs
    WHERE finished_at IS NULL
      AND (
          cardinality(%(statuses)s::text[]) = 0
          OR CASE WHEN status IN ('delayed', 'waiting') THEN standing_of(runs, to_timestamp(%(now)s::bigint / 1000.0)) ELSE status END
              = ANY (%(statuses)s::text[])
      )
    UNION ALL
    SELECT * FROM runs
    WHERE finished_at > to_timestamp(%(heard_at)s::bigint / 1000.0) AND status = 'cancelled'
) AS runs
WHERE (%(heard_at)s::bigint IS NULL OR requested_at <= to_timestamp(%(heard_at)s::bigint / 1000.0))
  AND (cardinality(%(job_ids)s::text[]) = 0 OR job_id = ANY (%(job_ids)s::text[]))
  AND (cardinality(%(queues)s::text[]) = 0 OR queue = ANY (%(queues)s::text[]))
  AND (cardinality(%(triggers)s::text[]) = 0 OR trigger = ANY (%(triggers)s::text[]))
  AND labels @> %(labels)s::jsonb
  AND labels ?& %(label_names)s::text[]
  AND (%(from)s::bigint IS NULL OR requested_at >= to_timestamp(%(from)s::bigint / 1000.0))
  AND (%(to)s::bigint IS NULL OR requested_at <= to_timestamp(%(to)s::bigint / 1000.0))
  AND (
      %(q)s::text IS NULL
      OR position(lower(%(q)s::text) IN lower(concat_ws(
          ' ', run_id, job_name, invoke_target, reason, error ->> 'type', error ->> 'message'
      ))) > 0
  )
  AND (
      %(before_at)s::bigint IS NULL
      OR (requested_at, run_id) < (to_timestamp(%(before_at)s::bigint / 1000.0), %(before_id)s::text)
  )
ORDER BY runs.requested_at DESC, runs.run_id DESC
LIMIT %(limit)s::int;
