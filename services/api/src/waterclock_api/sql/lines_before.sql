-- Read where a page begins that has so many lines of a run before a place, and no more bytes of them: the oldest of those
-- lines. Filters and numbers are as in `run_lines_back.sql`.
SELECT epoch, seq, line, number
FROM (
    SELECT epoch, seq, line, number, sum(bytes) OVER (ORDER BY number DESC) AS bytes
    FROM (
        SELECT epoch, seq, line, number, octet_length(text) AS bytes
        FROM (
            SELECT
                epoch, seq, line, attempt, step, level, text,
                %(number)s::bigint - row_number() OVER (ORDER BY epoch DESC, seq DESC, line DESC) AS number
            FROM log_lines
            WHERE run_id = %(run_id)s::text
              AND (epoch, seq, line) <= (%(epoch)s::bigint, %(seq)s::bigint, greatest(%(line)s::int, -2147483647) - 1)
              AND (epoch, seq, line) >= (%(from_epoch)s::bigint, %(from_seq)s::bigint, -1)
        ) AS numbered
        WHERE (%(attempt)s::int IS NULL OR attempt = %(attempt)s::int)
          AND (%(step)s::int IS NULL OR step = %(step)s::int)
          AND (cardinality(%(levels)s::text[]) = 0 OR level = ANY (%(levels)s::text[]))
          AND (%(q)s::text IS NULL OR position(lower(%(q)s::text) IN lower(text)) > 0)
        ORDER BY epoch DESC, seq DESC, line DESC
        LIMIT %(limit)s::int
    ) AS page
) AS measured
WHERE bytes <= %(bytes)s::bigint
ORDER BY number
LIMIT 1;
