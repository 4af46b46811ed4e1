-- The partitions that were ever opened, and how far each is archived and projected; epoch 0 before the first event.
SELECT partition, epoch, seq FROM partitions ORDER BY partition;
