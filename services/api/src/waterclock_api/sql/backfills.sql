-- Read the runs by which a job's moments from `first` to `last` (ms, both inclusive) were backfilled, for each moment at
-- most `limit`, the oldest. A delayed run whose time has come is queued: the worker's timer only moves it.
SELECT
    nominal_at,
    run_id,
    requested_at,
    CASE WHEN status = 'delayed' AND ready_at <= now THEN 'queued' ELSE status END AS status,
    invoke_target,
    queue
FROM (
    SELECT
        run_id,
        status,
        ready_at,
        invoke_target,
        queue,
        to_timestamp(%(now)s::bigint / 1000.0) AS now,
        (extract(epoch FROM nominal_at) * 1000)::bigint AS nominal_at,
        (extract(epoch FROM requested_at) * 1000)::bigint AS requested_at,
        row_number() OVER (PARTITION BY nominal_at ORDER BY requested_at, run_id) AS place
    FROM runs
    WHERE job_id = %(job_id)s::text
      AND trigger = 'backfill'
      AND nominal_at BETWEEN to_timestamp(%(first)s::bigint / 1000.0) AND to_timestamp(%(last)s::bigint / 1000.0)
) AS found
WHERE place <= %(limit)s::int
ORDER BY nominal_at, place;
