-- Write changed sessions of workers, each once. A change with `started_at` makes the row, new or anew; in any other a column
-- that is not named stays as it is, null empties it, and without a row it is nothing. Assumes that no one else writes
-- these rows meanwhile: the caller holds the partition's position.
INSERT INTO workers (
    session, worker, queues, slots, executors, reach, started_at, left_at, left_reason
)
SELECT
    merged.session, merged.worker, merged.queues, merged.slots, merged.executors, merged.reach,
    merged.started_at, merged.left_at, merged.left_reason
FROM jsonb_array_elements(%(rows)s::jsonb) AS fresh (change)
LEFT JOIN workers AS old
    ON NOT fresh.change ? 'started_at'
    AND old.session = fresh.change ->> 'session'
CROSS JOIN LATERAL jsonb_populate_record(old, fresh.change) AS merged
WHERE old.session IS NOT NULL OR fresh.change ? 'started_at'
ON CONFLICT (session) DO UPDATE SET
    worker = excluded.worker,
    queues = excluded.queues,
    slots = excluded.slots,
    executors = excluded.executors,
    reach = excluded.reach,
    started_at = excluded.started_at,
    left_at = excluded.left_at,
    left_reason = excluded.left_reason;
