-- Read a page of a run's log lines, oldest first, from a place on (epoch, seq, line), which is left out; times in ms, null and
-- an empty array for no filter. `number` is how many lines of the run stand up to that place, those that were cleared included.
-- Lines that are cleared may still be there for a while.
-- Bounds are inclusive: of `(epoch, seq) > …` the planner looks at the epoch alone, of which there is often one, expects no row,
-- and would read and sort all that follows for each page.
SELECT partition, epoch, seq, line, (extract(epoch FROM at) * 1000)::bigint AS at, run_id, attempt, step, level, text, number
FROM (
    SELECT
        partition, epoch, seq, line, at, run_id, attempt, step, level, text,
        %(number)s::bigint + row_number() OVER (ORDER BY epoch, seq, line) AS number
    FROM log_lines
    WHERE run_id = %(run_id)s::text
      AND (epoch, seq, line) >= (%(epoch)s::bigint, %(seq)s::bigint, least(%(line)s::int, 2147483646) + 1)
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
ORDER BY epoch, seq, line
LIMIT %(limit)s::int;
