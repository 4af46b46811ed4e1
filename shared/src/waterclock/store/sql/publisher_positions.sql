-- How far each partition is published.
SELECT partition, epoch, seq FROM publisher_positions ORDER BY partition;
