-- Read archived events of some types of a partition, after one place and up to another, oldest first; times in ms.
-- Bounds are inclusive, as in `entries`: of `(epoch, seq) > …` the planner looks at the epoch alone.
SELECT epoch, seq, (extract(epoch FROM at) * 1000)::bigint AS at, document
FROM events
WHERE partition = %(partition)s::int
  AND (epoch, seq) >= (%(after_epoch)s::bigint, %(after_seq)s::bigint + 1)
  AND (epoch, seq) <= (%(through_epoch)s::bigint, %(through_seq)s::bigint)
  AND type = ANY (%(types)s::text[])
ORDER BY epoch, seq
LIMIT %(limit)s::int;
