-- Read which queues some sessions of workers serve. A worker has a session in each partition, named after it, and announces
-- only that of the first: of the others it is told, not `announced`, what the workers of that name serve that have not left.
WITH asked AS (
    SELECT session, regexp_replace(session, '-[^-]*$', '') AS worker
    FROM unnest(%(sessions)s::text[]) AS session
)
SELECT asked.session, workers.queues, true AS announced
FROM asked
JOIN workers ON workers.session = asked.session
UNION ALL
SELECT asked.session, jsonb_agg(DISTINCT queue), false
FROM asked
JOIN workers ON workers.worker = asked.worker AND workers.left_at IS NULL
CROSS JOIN jsonb_array_elements(workers.queues) AS queue
WHERE NOT EXISTS (SELECT FROM workers AS own WHERE own.session = asked.session)
GROUP BY asked.session;
