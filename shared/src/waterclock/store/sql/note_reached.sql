-- Note which partitions (-1: the names) are open in which epochs on the servers that this process reaches.
SELECT note_reached(%(places)s::int[], %(servers)s::text[], %(epochs)s::bigint[]);
