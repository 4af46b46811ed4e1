-- How far a partition is archived and projected; epoch 0 before the first event.
SELECT epoch, seq FROM partitions WHERE partition = %(partition)s::int;
