-- The latest epoch of a partition that is known here, reserved or opened; of the one that has the latest, if none is named.
SELECT max(greatest(opening, epoch, opened))
FROM partitions
WHERE partition = coalesce(%(partition)s::int, partition);
