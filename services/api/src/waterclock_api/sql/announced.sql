-- Read what starts of workers announced of where their executors may go, the newest first: of all that have not left, and
-- of the last ones that have.
(SELECT queues, executors, reach, true AS is_here, started_at, session
FROM workers
WHERE left_at IS NULL
ORDER BY started_at DESC, session
LIMIT %(limit)s::int)
UNION ALL
(SELECT queues, executors, reach, false AS is_here, started_at, session
FROM workers
WHERE left_at IS NOT NULL AND reach IS NOT NULL
ORDER BY started_at DESC, session
LIMIT %(left)s::int)
ORDER BY is_here DESC, started_at DESC, session;
