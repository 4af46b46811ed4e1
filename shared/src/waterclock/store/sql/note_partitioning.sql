-- Let the log have another number of partitions from a new epoch on, 16 later than any that the store or the log (`above`)
-- knows, for both may have been put back; returns that epoch. The caller holds the positions.
WITH given AS (
    SELECT greatest(max(epoch), max(opening), max(opened), %(above)s::bigint) + 16 AS epoch, max(partition) + 1 AS partitions
    FROM partitions
), before AS (
    INSERT INTO partitionings (epoch, partitions)
    SELECT 0, partitions FROM given
    WHERE partitions IS NOT NULL AND NOT EXISTS (SELECT FROM partitionings)
), opened AS (
    INSERT INTO partitions (partition, opening)
    SELECT partition, given.epoch - 1
    FROM given CROSS JOIN generate_series(0, %(partitions)s::int - 1) AS wanted (partition)
    ON CONFLICT (partition) DO UPDATE SET opening = excluded.opening
)
INSERT INTO partitionings (epoch, partitions)
SELECT epoch, %(partitions)s::int FROM given
RETURNING epoch;
