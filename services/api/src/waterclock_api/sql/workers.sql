-- Read a page of workers' sessions, those that have not left before those that have, each newest first, after the place
-- (after_left, after_at, after_session); times in ms.
SELECT
    session, worker, queues, slots, executors,
    (extract(epoch FROM started_at) * 1000)::bigint AS started_at,
    (extract(epoch FROM left_at) * 1000)::bigint AS left_at,
    left_reason
FROM workers
WHERE %(after_at)s::bigint IS NULL
   OR (left_at IS NOT NULL, -(extract(epoch FROM started_at) * 1000)::bigint, session)
       > (%(after_left)s::boolean, -%(after_at)s::bigint, %(after_session)s::text)
ORDER BY left_at IS NOT NULL, started_at DESC, session
LIMIT %(limit)s::int;
