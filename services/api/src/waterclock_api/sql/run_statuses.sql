-- Read where some runs stand.
SELECT
    run_id,
    CASE WHEN status IN ('delayed', 'waiting') THEN standing_of(runs, to_timestamp(%(now)s::bigint / 1000.0)) ELSE status END AS status
FROM runs
WHERE run_id = ANY (%(run_ids)s::text[]);
