-- The partitions that anything was archived of.
SELECT partition FROM partitions ORDER BY partition;
