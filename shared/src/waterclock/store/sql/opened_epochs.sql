-- The latest epoch of each partition that was opened, and of the names (-1).
SELECT partition, greatest(epoch, opened) FROM partitions
UNION ALL
SELECT -1, opened FROM openings_of_names;
