-- How many partitions the log has had, and from which epoch on, oldest first; none: always those that were opened.
SELECT epoch, partitions FROM partitionings ORDER BY epoch;
