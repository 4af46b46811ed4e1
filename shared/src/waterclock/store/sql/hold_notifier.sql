-- Keep others from judging a partition to the end of the transaction, if its place is still where the caller saw it.
SELECT FROM notifier_positions
WHERE partition = %(partition)s::int AND epoch = %(old_epoch)s::bigint AND seq = %(old_seq)s::bigint
FOR UPDATE;
