-- Say in which partitions facts live now.
UPDATE notice_facts
SET partition = moved.partition
FROM unnest(%(keys)s::text[], %(partitions)s::int[]) AS moved (key, partition)
WHERE notice_facts.key = moved.key;
