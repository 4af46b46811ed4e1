-- Read the numbers of a run's lines of the level error, from the beginning of its log (epoch, seq), after so many that were
-- cleared.
SELECT number
FROM (
    SELECT level, %(cleared)s::bigint + row_number() OVER (ORDER BY epoch, seq, line) AS number
    FROM log_lines
    WHERE run_id = %(run_id)s::text
      AND (epoch, seq, line) >= (%(epoch)s::bigint, %(seq)s::bigint, -1)
) AS numbered
WHERE level = 'error'
ORDER BY number
LIMIT %(limit)s::int;
