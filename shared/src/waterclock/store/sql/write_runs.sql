-- Write changed runs, each once. A change with `requested_at` makes the row, new or anew; in any other a column
-- that is not named stays as it is, null empties it, and without a row it is nothing. Assumes that no one else writes
-- these rows meanwhile: the caller holds the partition's position.
INSERT INTO runs (
    run_id, partition, requested_epoch, requested_seq, job_id, job_name, job_group, invoke_target, params,
    queue, trigger, status, nominal_at, requested_at, ready_at, started_at, finished_at, attempt, max_attempts,
    worker, result, error, waiting_on, cancel_requested_at, cancel_reason, unreadable, retry_of, reason, labels, folded,
    folded_first, traceparent
)
SELECT
    merged.run_id, merged.partition, merged.requested_epoch, merged.requested_seq, merged.job_id,
    merged.job_name, merged.job_group, merged.invoke_target, merged.params, merged.queue, merged.trigger,
    merged.status, merged.nominal_at, merged.requested_at, merged.ready_at, merged.started_at,
    merged.finished_at, merged.attempt, merged.max_attempts, merged.worker, merged.result, merged.error,
    merged.waiting_on, merged.cancel_requested_at, merged.cancel_reason, merged.unreadable, merged.retry_of, merged.reason,
    merged.labels, merged.folded, merged.folded_first, merged.traceparent
FROM jsonb_array_elements(%(rows)s::jsonb) AS fresh (change)
LEFT JOIN runs AS old
    ON NOT fresh.change ? 'requested_at'
    AND old.run_id = fresh.change ->> 'run_id'
CROSS JOIN LATERAL jsonb_populate_record(old, fresh.change) AS merged
WHERE old.run_id IS NOT NULL OR fresh.change ? 'requested_at'
ON CONFLICT (run_id) DO UPDATE SET
    partition = excluded.partition,
    requested_epoch = excluded.requested_epoch,
    requested_seq = excluded.requested_seq,
    job_id = excluded.job_id,
    job_name = excluded.job_name,
    job_group = excluded.job_group,
    invoke_target = excluded.invoke_target,
    params = excluded.params,
    queue = excluded.queue,
    trigger = excluded.trigger,
    status = excluded.status,
    nominal_at = excluded.nominal_at,
    requested_at = excluded.requested_at,
    ready_at = excluded.ready_at,
    started_at = excluded.started_at,
    finished_at = excluded.finished_at,
    attempt = excluded.attempt,
    max_attempts = excluded.max_attempts,
    worker = excluded.worker,
    result = excluded.result,
    error = excluded.error,
    waiting_on = excluded.waiting_on,
    cancel_requested_at = excluded.cancel_requested_at,
    cancel_reason = excluded.cancel_reason,
    unreadable = excluded.unreadable,
    retry_of = excluded.retry_of,
    reason = excluded.reason,
    labels = excluded.labels,
    folded = excluded.folded,
    folded_first = excluded.folded_first,
    traceparent = excluded.traceparent;
