-- Read one run; times in ms.
SELECT
    run_id, job_id, job_name, job_group, invoke_target, params, queue, trigger,
    CASE WHEN status IN ('delayed', 'waiting') THEN standing_of(runs, to_timestamp(%(now)s::bigint / 1000.0)) ELSE status END AS status,
    (extract(epoch FROM nominal_at) * 1000)::bigint AS nominal_at,
    (extract(epoch FROM requested_at) * 1000)::bigint AS requested_at,
    (extract(epoch FROM ready_at) * 1000)::bigint AS ready_at,
    (extract(epoch FROM started_at) * 1000)::bigint AS started_at,
    (extract(epoch FROM finished_at) * 1000)::bigint AS finished_at,
    attempt, max_attempts, worker, result::text, error,
    CASE WHEN status = 'waiting' THEN run_ahead(runs) END AS waiting_on,
    (extract(epoch FROM cancel_requested_at) * 1000)::bigint AS cancel_requested_at,
    retry_of, reason, labels, folded,
    (extract(epoch FROM folded_first) * 1000)::bigint AS folded_first,
    substr(traceparent, 4, 32) AS trace_id, cancel_reason, unreadable
FROM runs
WHERE run_id = %(run_id)s::text;
