-- Read how far some partitions are projected.
SELECT partition, epoch, seq FROM partitions WHERE partition = ANY (%(partitions)s::int[]) ORDER BY partition;
