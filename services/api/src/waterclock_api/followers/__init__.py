"""What processes share that follow the archive: which partitions fall to each, and for which place they speak."""
