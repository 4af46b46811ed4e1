-- Read the steps of the last attempt of some runs, in order; times in ms.
SELECT
    steps.run_id, steps.number, steps.attempt, steps.name, steps.status,
    (extract(epoch FROM steps.started_at) * 1000)::bigint AS started_at,
    (extract(epoch FROM steps.finished_at) * 1000)::bigint AS finished_at,
    steps.done, steps.total, steps.error
FROM steps
JOIN runs ON runs.run_id = steps.run_id AND runs.attempt = steps.attempt
WHERE steps.run_id = ANY (%(run_ids)s::text[])
ORDER BY steps.run_id, steps.number;
