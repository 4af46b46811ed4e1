"""Opening, closing, repairing and emptying partitions, and what was lost."""
