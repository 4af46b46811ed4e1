-- The latest time of archived events of a partition after one place and up to another, ms; 0: there are none.
SELECT coalesce((extract(epoch FROM max(at)) * 1000)::bigint, 0)
FROM events
WHERE partition = %(partition)s::int
  AND (epoch, seq) >= (%(after_epoch)s::bigint, %(after_seq)s::bigint + 1)
  AND (epoch, seq) <= (%(through_epoch)s::bigint, %(through_seq)s::bigint);
