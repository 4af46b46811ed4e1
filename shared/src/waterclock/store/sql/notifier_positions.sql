-- How far each partition is judged.
SELECT partition, epoch, seq FROM notifier_positions ORDER BY partition;
