-- How many partitions the log has since it was restored into another number; no row: it never was.
SELECT partitions FROM partitionings ORDER BY epoch DESC LIMIT 1;
