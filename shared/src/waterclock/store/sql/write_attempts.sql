-- Write changed attempts, each once. A change with `started_at` makes the row, new or anew; in any other a column
-- that is not named stays as it is, null empties it, and without a row it is nothing. So is an attempt of a run that is not
-- there, because its request was lost. Assumes that no one else writes these rows meanwhile: the caller holds the
-- partition's position.
INSERT INTO attempts (
    run_id, number, fence, worker, started_at, finished_at, outcome, error
)
SELECT
    merged.run_id, merged.number, merged.fence, merged.worker, merged.started_at, merged.finished_at,
    merged.outcome, merged.error
FROM jsonb_array_elements(%(rows)s::jsonb) AS fresh (change)
LEFT JOIN attempts AS old
    ON NOT fresh.change ? 'started_at'
    AND old.run_id = fresh.change ->> 'run_id'
    AND old.number = (fresh.change ->> 'number')::int
CROSS JOIN LATERAL jsonb_populate_record(old, fresh.change) AS merged
WHERE old.run_id IS NOT NULL
   OR fresh.change ? 'started_at'
       AND EXISTS (SELECT FROM runs WHERE runs.run_id = fresh.change ->> 'run_id')
ON CONFLICT (run_id, number) DO UPDATE SET
    fence = excluded.fence,
    worker = excluded.worker,
    started_at = excluded.started_at,
    finished_at = excluded.finished_at,
    outcome = excluded.outcome,
    error = excluded.error;
