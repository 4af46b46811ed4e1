-- Clearings of a partition whose lines and stream entries are still to be deleted; of the first partition also those of partitions
-- that are no more.
SELECT partition, job_id, epoch, seq
FROM clearings
WHERE partition = %(partition)s::int
   OR (%(partition)s::int = 0 AND partition >= %(partitions)s::int);
