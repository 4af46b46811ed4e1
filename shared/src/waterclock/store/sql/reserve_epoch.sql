-- Reserve a new epoch for a partition, later than any that the store or the log (`above`) knows, if the position is still
-- where the caller saw it when it compared the archive with the stream. No row: look again.
UPDATE partitions
SET opening = greatest(opening, epoch, %(above)s::bigint) + 1
WHERE partition = %(partition)s::int
  AND epoch = %(epoch)s::bigint
  AND seq = %(seq)s::bigint
RETURNING opening;
