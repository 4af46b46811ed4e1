-- Whether an epoch is the last that was reserved for a partition, whose position is still where the caller saw it.
SELECT FROM partitions
WHERE partition = %(partition)s::int
  AND epoch = %(epoch)s::bigint
  AND seq = %(seq)s::bigint
  AND opening = %(opening)s::bigint;
