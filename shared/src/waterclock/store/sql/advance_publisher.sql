-- Move the place up to which a partition is published, if it is still where the caller saw it.
UPDATE publisher_positions
SET epoch = %(epoch)s::bigint, seq = %(seq)s::bigint
WHERE partition = %(partition)s::int AND epoch = %(old_epoch)s::bigint AND seq = %(old_seq)s::bigint;
