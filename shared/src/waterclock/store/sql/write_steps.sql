-- Write changed steps, each once. A change with `started_at` makes the row, new or anew; in any other a column
-- that is not named stays as it is, null empties it, and without a row it is nothing. So is a step of a run that is not
-- there, because its request was lost. Assumes that no one else writes these rows meanwhile: the caller holds the
-- partition's position.
INSERT INTO steps (
    run_id, attempt, number, name, status, started_at, finished_at, done, total, error
)
SELECT
    merged.run_id, merged.attempt, merged.number, merged.name, merged.status, merged.started_at,
    merged.finished_at, merged.done, merged.total, merged.error
FROM jsonb_array_elements(%(rows)s::jsonb) AS fresh (change)
LEFT JOIN steps AS old
    ON NOT fresh.change ? 'started_at'
    AND old.run_id = fresh.change ->> 'run_id'
    AND old.attempt = (fresh.change ->> 'attempt')::int
    AND old.number = (fresh.change ->> 'number')::int
CROSS JOIN LATERAL jsonb_populate_record(old, fresh.change) AS merged
WHERE old.run_id IS NOT NULL
   OR fresh.change ? 'started_at'
       AND EXISTS (SELECT FROM runs WHERE runs.run_id = fresh.change ->> 'run_id')
ON CONFLICT (run_id, attempt, number) DO UPDATE SET
    name = excluded.name,
    status = excluded.status,
    started_at = excluded.started_at,
    finished_at = excluded.finished_at,
    done = excluded.done,
    total = excluded.total,
    error = excluded.error;
