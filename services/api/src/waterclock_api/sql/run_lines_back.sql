-- Read a page of a run's log lines, newest first, from a place back (epoch, seq, line), which is left out; times in ms, null
-- and an empty array for no filter. `number` is that of the line at the place. Lines that are cleared may still be there for a
-- while. The bound is inclusive, as in `run_lines.sql`.
SELECT partition, epoch, seq, line, (extract(epoch FROM at) * 1000)::bigint AS at, run_id, attempt, step, level, text, number
FROM (
    SELECT
        partition, epoch, seq, line, at, run_id, attempt, step, level, text,
        %(number)s::bigint - row_number() OVER (ORDER BY epoch DESC, seq DESC, line DESC) AS number
    FROM log_lines
    WHERE run_id = %(run_id)s::text
      AND (epoch, seq, line) <= (%(epoch)s::bigint, %(seq)s::bigint, greatest(%(line)s::int, -2147483647) - 1)
) AS numbered
WHERE (%(attempt)s::int IS NULL OR attempt = %(attempt)s::int)
  AND (%(step)s::int IS NULL OR step = %(step)s::int)
  AND (cardinality(%(levels)s::text[]) = 0 OR level = ANY (%(levels)s::text[]))
  AND (%(q)s::text IS NULL OR position(lower(%(q)s::text) IN lower(text)) > 0)
  AND NOT coalesce((epoch, seq) < (
      SELECT clearings.epoch, clearings.seq
      FROM runs
      JOIN clearings USING (job_id)
      WHERE runs.run_id = %(run_id)s::text
      ORDER BY clearings.epoch DESC, clearings.seq DESC
      LIMIT 1
  ), false)
ORDER BY epoch DESC, seq DESC, line DESC
LIMIT %(limit)s::int;
