-- Move the place up to which a partition is judged, if it is still where the caller saw it. No row: another notifier came
-- first, and the caller rolls back. The row stays locked to the end of the transaction, so that others wait here.
UPDATE notifier_positions
SET epoch = %(epoch)s::bigint, seq = %(seq)s::bigint
WHERE partition = %(partition)s::int AND epoch = %(old_epoch)s::bigint AND seq = %(old_seq)s::bigint;
