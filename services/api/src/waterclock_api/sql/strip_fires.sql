-- Read for which instants from `from` on and before `to`, ms, runs of some jobs were fired, by the statuses of the runs; of
-- each job at most `most` that have ended, and as many others. The instants stand one after the other, 8 bytes each:
-- microseconds since 2000, the highest byte first. As rows they would take four times as long.
SELECT wanted.job_id, fired.status, fired.instants
FROM unnest(%(job_ids)s::text[]) AS wanted (job_id)
CROSS JOIN LATERAL (
    SELECT found.status, string_agg(timestamptz_send(found.nominal_at), ''::bytea) AS instants
    FROM (
        (
            SELECT runs.status, runs.nominal_at
            FROM runs
            WHERE runs.job_id = wanted.job_id
              AND runs.trigger IN ('schedule', 'catchup')
              AND runs.finished_at IS NOT NULL
              AND runs.nominal_at >= to_timestamp(%(from)s::bigint / 1000.0)
              AND runs.nominal_at < to_timestamp(%(to)s::bigint / 1000.0)
            ORDER BY runs.nominal_at
            LIMIT %(most)s::int
        )
        UNION ALL
        (
            SELECT runs.status, runs.nominal_at
            FROM runs
            WHERE runs.job_id = wanted.job_id
              AND runs.trigger IN ('schedule', 'catchup')
              AND runs.finished_at IS NULL
              AND runs.nominal_at >= to_timestamp(%(from)s::bigint / 1000.0)
              AND runs.nominal_at < to_timestamp(%(to)s::bigint / 1000.0)
            LIMIT %(most)s::int
        )
    ) AS found
    GROUP BY found.status
) AS fired;
