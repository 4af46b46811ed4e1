-- Count in bins, which begin and end at `edges`, ms, what became of some jobs' instants: of those that fired by the
-- statuses of their runs, and the decisions about a single one. Bins are numbered from 1.
WITH places AS (
    SELECT array_agg(to_timestamp(edge / 1000.0) ORDER BY edge) AS edges,
        to_timestamp(min(edge) / 1000.0) AS first, to_timestamp(max(edge) / 1000.0) AS last
    FROM unnest(%(edges)s::bigint[]) AS given (edge)
)
SELECT wanted.job_id, found.outcome, found.bin, found.count
FROM places
CROSS JOIN unnest(%(job_ids)s::text[]) AS wanted (job_id)
CROSS JOIN LATERAL (
    (
        SELECT runs.status AS outcome, width_bucket(runs.nominal_at, places.edges) AS bin, count(*) AS count
        FROM runs
        WHERE runs.job_id = wanted.job_id
          AND runs.trigger IN ('schedule', 'catchup')
          AND runs.finished_at IS NOT NULL
          AND runs.nominal_at >= places.first
          AND runs.nominal_at < places.last
        GROUP BY 1, 2
    )
    UNION ALL
    (
        SELECT runs.status, width_bucket(runs.nominal_at, places.edges), count(*)
        FROM runs
        WHERE runs.job_id = wanted.job_id
          AND runs.trigger IN ('schedule', 'catchup')
          AND runs.finished_at IS NULL
          AND runs.nominal_at >= places.first
          AND runs.nominal_at < places.last
        GROUP BY 1, 2
    )
    UNION ALL
    (
        SELECT decisions.fate, width_bucket(decisions.last_at, places.edges), count(*)
        FROM decisions
        WHERE decisions.job_id = wanted.job_id
          AND decisions.first_at = decisions.last_at
          AND decisions.last_at >= places.first
          AND decisions.last_at < places.last
        GROUP BY 1, 2
    )
) AS found;
