-- Reserve a new epoch for a partition, later than any that the store or the log (`above`) knows, if the position is still
-- where the caller saw it when it compared the archive with the stream. No row: look again, or `most` is reached.
UPDATE partitions
SET opening = greatest(opening, epoch, opened, %(above)s::bigint) + 1
WHERE partition = %(partition)s::int
  AND epoch = %(epoch)s::bigint
  AND seq = %(seq)s::bigint
  AND greatest(opening, epoch, opened, %(above)s::bigint) < %(most)s::bigint
RETURNING opening;
