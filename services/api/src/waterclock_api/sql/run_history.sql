-- Read archived events of a run between two places, the first left out, oldest first; times in ms.
-- Of documents no more are read than it takes to come to so many bytes.
-- Bounds are inclusive: of `(epoch, seq) > …` the planner looks at the epoch alone, of which there is often one, expects no row,
-- and would read and sort all that follows for each page.
SELECT epoch, seq, prev, (extract(epoch FROM at) * 1000)::bigint AS at, document, run_id, type
FROM (
    SELECT
        epoch, seq, prev, at, document, run_id, type,
        sum(octet_length(document)) OVER (ORDER BY epoch, seq) - octet_length(document) AS read_already
    FROM (
        SELECT epoch, seq, prev, at, document, run_id, type
        FROM events
        WHERE run_id = %(subject)s::text
          AND (epoch, seq) >= (%(after_epoch)s::bigint, least(%(after_seq)s::bigint, 9223372036854775806) + 1)
          AND (epoch, seq) <= (%(through_epoch)s::bigint, %(through_seq)s::bigint)
        ORDER BY epoch, seq
        LIMIT %(limit)s::int
    ) AS page
) AS measured
WHERE read_already < %(bytes)s::bigint
ORDER BY epoch, seq;
