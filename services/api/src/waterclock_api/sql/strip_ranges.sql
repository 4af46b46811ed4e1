-- Read the decisions that fired nothing of some jobs, about instants from `from` on and before `to`, ms; of each job at
-- most so many, in the order of their last instants. `wide`: only those about several. They follow each other in time,
-- so of those that end later only the first may reach into the range.
SELECT
    wanted.job_id, found.fate,
    (extract(epoch FROM found.first_at) * 1000)::bigint AS first,
    (extract(epoch FROM found.last_at) * 1000)::bigint AS last,
    found.count
FROM unnest(%(job_ids)s::text[]) AS wanted (job_id)
CROSS JOIN LATERAL (
    (
        SELECT decisions.fate, decisions.first_at, decisions.last_at, decisions.count
        FROM decisions
        WHERE decisions.job_id = wanted.job_id
          AND decisions.last_at >= to_timestamp(%(from)s::bigint / 1000.0)
          AND decisions.last_at < to_timestamp(%(to)s::bigint / 1000.0)
          AND (NOT %(wide)s::boolean OR decisions.first_at < decisions.last_at)
        ORDER BY decisions.last_at
        LIMIT %(most)s::int
    )
    UNION ALL
    (
        SELECT beyond.fate, beyond.first_at, beyond.last_at, beyond.count
        FROM (
            SELECT decisions.fate, decisions.first_at, decisions.last_at, decisions.count
            FROM decisions
            WHERE decisions.job_id = wanted.job_id
              AND decisions.last_at >= to_timestamp(%(to)s::bigint / 1000.0)
            ORDER BY decisions.last_at
            LIMIT 1
        ) AS beyond
        WHERE beyond.first_at < to_timestamp(%(to)s::bigint / 1000.0)
    )
) AS found;
