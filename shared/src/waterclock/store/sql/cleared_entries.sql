-- Read which step.log events of a job lie between two places, the second left out, oldest first.
-- Bounds are inclusive: of `(epoch, seq) > …` the planner looks at the epoch alone, of which there is often one, expects no row,
-- and would read and sort all that follows for each page.
SELECT epoch, seq
FROM events
WHERE job_id = %(job_id)s::text
  AND partition = %(partition)s::int
  AND type = 'step.log'
  AND (epoch, seq) >= (%(from_epoch)s::bigint, %(from_seq)s::bigint)
  AND (epoch, seq) <= (%(before_epoch)s::bigint, %(before_seq)s::bigint - 1)
ORDER BY epoch, seq
LIMIT %(limit)s::int;
