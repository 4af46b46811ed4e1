-- Read where some runs stand. A delayed run whose time has come is queued: the worker's timer only moves it.
SELECT
    run_id,
    CASE WHEN status = 'delayed' AND ready_at <= to_timestamp(%(now)s::bigint / 1000.0) THEN 'queued' ELSE status END AS status
FROM runs
WHERE run_id = ANY (%(run_ids)s::text[]);
