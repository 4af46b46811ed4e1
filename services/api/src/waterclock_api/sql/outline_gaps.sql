-- Read the lines of a run in which its workers say that lines are missing, from the beginning of its log (epoch, seq), after
-- so many that were cleared.
SELECT number, attempt, text
FROM (
    SELECT attempt, step, level, text, %(cleared)s::bigint + row_number() OVER (ORDER BY epoch, seq, line) AS number
    FROM log_lines
    WHERE run_id = %(run_id)s::text
      AND (epoch, seq, line) >= (%(epoch)s::bigint, %(seq)s::bigint, -1)
) AS numbered
WHERE level = 'warning'
  AND step IS NULL
  AND text ~ %(pattern)s::text
ORDER BY number
LIMIT %(limit)s::int;
