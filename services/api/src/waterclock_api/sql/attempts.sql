-- Read all attempts of some runs, oldest first; times in ms.
SELECT
    run_id, number, fence, worker,
    (extract(epoch FROM started_at) * 1000)::bigint AS started_at,
    (extract(epoch FROM finished_at) * 1000)::bigint AS finished_at,
    outcome, error
FROM attempts
WHERE run_id = ANY (%(run_ids)s::text[])
ORDER BY run_id, number;
