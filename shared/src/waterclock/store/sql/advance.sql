-- Move a partition's position on, if it is still where the caller saw it; `at` is ms. No row: another projector came
-- first, and the caller rolls back. The row stays locked to the end of the transaction, so that others wait here.
UPDATE partitions
SET epoch = %(epoch)s::bigint,
    seq = %(seq)s::bigint,
    at = to_timestamp(%(at)s::bigint / 1000.0),
    server = coalesce(%(server)s::text, server)
WHERE partition = %(partition)s::int
  AND epoch = %(old_epoch)s::bigint
  AND seq = %(old_seq)s::bigint;
