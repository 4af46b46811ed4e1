-- Read a page of runs, newest request first, after the place (before_at, before_id); times in ms, empty arrays for no filter.
-- Where only unfinished runs are wanted, or only some that ended badly, that is said again, for an index to be used.
-- Of a brief one, params and result are not read (they may be large and lie apart), and of its error only the beginning.
-- The order names the table: `requested_at` alone would be the number above, which no index has.
SELECT
    run_id, job_id, job_name, job_group, invoke_target,
    CASE WHEN NOT %(brief)s::boolean THEN params END AS params,
    queue, trigger,
    CASE WHEN status IN ('delayed', 'waiting') THEN standing_of(runs, to_timestamp(%(now)s::bigint / 1000.0)) ELSE status END AS status,
    (extract(epoch FROM nominal_at) * 1000)::bigint AS nominal_at,
    (extract(epoch FROM requested_at) * 1000)::bigint AS requested_at,
    (extract(epoch FROM ready_at) * 1000)::bigint AS ready_at,
    (extract(epoch FROM started_at) * 1000)::bigint AS started_at,
    (extract(epoch FROM finished_at) * 1000)::bigint AS finished_at,
    attempt, max_attempts, worker,
    CASE WHEN NOT %(brief)s::boolean THEN result::text END AS result,
    CASE
        WHEN NOT %(brief)s::boolean OR error IS NULL THEN error
        ELSE jsonb_build_object('type', left(error ->> 'type', 200), 'message', left(error ->> 'message', 400))
    END AS error,
    CASE WHEN status = 'waiting' THEN run_ahead(runs) END AS waiting_on,
    (extract(epoch FROM cancel_requested_at) * 1000)::bigint AS cancel_requested_at,
    retry_of, CASE WHEN NOT %(brief)s::boolean THEN reason END AS reason, labels, folded,
    (extract(epoch FROM folded_first) * 1000)::bigint AS folded_first,
    substr(traceparent, 4, 32) AS trace_id, cancel_reason, unreadable
FROM runs
WHERE (cardinality(%(job_ids)s::text[]) = 0 OR job_id = ANY (%(job_ids)s::text[]))
  AND (cardinality(%(queues)s::text[]) = 0 OR queue = ANY (%(queues)s::text[]))
  AND (cardinality(%(triggers)s::text[]) = 0 OR trigger = ANY (%(triggers)s::text[]))
  AND (cardinality(%(invoke_targets)s::text[]) = 0 OR invoke_target = ANY (%(invoke_targets)s::text[]))
  AND (
      cardinality(%(statuses)s::text[]) = 0
      OR CASE WHEN status IN ('delayed', 'waiting') THEN standing_of(runs, to_timestamp(%(now)s::bigint / 1000.0)) ELSE status END
          = ANY (%(statuses)s::text[])
  )
  AND (NOT %(unfinished)s::boolean OR finished_at IS NULL)
  AND (cardinality(%(badly)s::text[]) = 0 OR status = ANY (%(badly)s::text[]))
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
  AND (%(ended_by)s::bigint IS NULL OR finished_at <= to_timestamp(%(ended_by)s::bigint / 1000.0))
  AND (
      %(before_at)s::bigint IS NULL
      OR (requested_at, run_id) < (to_timestamp(%(before_at)s::bigint / 1000.0), %(before_id)s::text)
  )
ORDER BY runs.requested_at DESC, runs.run_id DESC
LIMIT %(limit)s::int;
