"""Who lives and leads, by the clocks of partitions."""
