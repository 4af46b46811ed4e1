-- Count the unfinished runs of each queue by where they stand, and what began and ended there in the minute before now (ms):
-- of all runs (null), or of those that name these executors.
WITH moment AS (SELECT to_timestamp(%(now)s::bigint / 1000.0) AS now)
SELECT
    queue, sum(running)::bigint AS running, sum(delayed)::bigint AS delayed, sum(blocked)::bigint AS blocked,
    sum(started)::bigint AS started, sum(ended)::bigint AS ended
FROM (
    SELECT
        queue,
        count(*) FILTER (WHERE status = 'running') AS running,
        count(*) FILTER (WHERE status = 'delayed' AND ready_at > (SELECT now FROM moment)) AS delayed,
        count(*) FILTER (WHERE CASE WHEN status = 'waiting' THEN run_ahead(runs) IS NOT NULL END) AS blocked,
        count(*) FILTER (WHERE started_at > (SELECT now - interval '1 minute' FROM moment)) AS started,
        0 AS ended
    FROM runs
    WHERE finished_at IS NULL AND (%(executors)s::text[] IS NULL OR invoke_target = ANY (%(executors)s::text[]))
    GROUP BY queue
    UNION ALL
    SELECT
        queue, 0, 0, 0,
        count(*) FILTER (WHERE started_at > (SELECT now - interval '1 minute' FROM moment)),
        count(*)
    FROM runs
    WHERE finished_at > (SELECT now - interval '1 minute' FROM moment)
      AND (%(executors)s::text[] IS NULL OR invoke_target = ANY (%(executors)s::text[]))
    GROUP BY queue
) AS counted
GROUP BY queue;
