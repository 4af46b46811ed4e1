-- Count the archived entries of a partition after one of them (0, 0: all). Entries are dense in each epoch, so the last of
-- each tells.
WITH RECURSIVE last (epoch, seq) AS (
    (
        SELECT epoch, seq
        FROM events
        WHERE partition = %(partition)s::int AND epoch >= %(epoch)s::bigint
        ORDER BY epoch DESC, seq DESC
        LIMIT 1
    )
    UNION ALL
    SELECT earlier.epoch, earlier.seq
    FROM last
    CROSS JOIN LATERAL (
        SELECT epoch, seq
        FROM events
        WHERE partition = %(partition)s::int AND epoch >= %(epoch)s::bigint AND epoch < last.epoch
        ORDER BY epoch DESC, seq DESC
        LIMIT 1
    ) AS earlier
)
SELECT coalesce(sum(seq), 0)::bigint - %(seq)s::bigint FROM last;
