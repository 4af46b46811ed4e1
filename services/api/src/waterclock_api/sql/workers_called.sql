-- Read the sessions of workers that have not left and are called so, newest first; times in ms. `called`: a session, or the
-- name of a worker, of which several processes may have the same.
SELECT
    session, worker, queues, slots, executors,
    (extract(epoch FROM started_at) * 1000)::bigint AS started_at,
    NULL::bigint AS left_at,
    left_reason
FROM workers
WHERE left_at IS NULL AND %(called)s::text IN (session, worker)
ORDER BY started_at DESC, session
LIMIT 1000;
