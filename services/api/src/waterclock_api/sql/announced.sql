-- Read what starts of workers announced of where their executors may go, the newest first: of all that have not left, and
-- of the last ones that have. The column is read as a member of its row, for an operator may ask before there is such a one.
WITH starts AS (
    SELECT
        queues, executors, started_at, session, left_at IS NULL AS is_here,
        nullif(to_jsonb(workers) -> 'reach', 'null'::jsonb) AS reach
    FROM workers
)
(SELECT queues, executors, reach, is_here, started_at, session
FROM starts
WHERE is_here
ORDER BY started_at DESC, session
LIMIT %(limit)s::int)
UNION ALL
(SELECT queues, executors, reach, is_here, started_at, session
FROM starts
WHERE NOT is_here AND reach IS NOT NULL
ORDER BY started_at DESC, session
LIMIT %(left)s::int)
ORDER BY is_here DESC, started_at DESC, session;
