-- Read archived events of a partition between two places, both left out, oldest first; times in ms.
SELECT epoch, seq, prev, (extract(epoch FROM at) * 1000)::bigint AS at, document, run_id, type
FROM events
WHERE partition = %(partition)s::int
  AND (epoch, seq) > (%(after_epoch)s::bigint, %(after_seq)s::bigint)
  AND (epoch, seq) < (%(before_epoch)s::bigint, %(before_seq)s::bigint)
ORDER BY epoch, seq
LIMIT %(limit)s::int;
