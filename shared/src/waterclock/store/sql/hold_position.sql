-- Keep others from moving a partition's position to the end of the transaction.
SELECT FROM partitions WHERE partition = %(partition)s::int FOR UPDATE;
