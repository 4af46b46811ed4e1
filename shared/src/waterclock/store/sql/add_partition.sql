-- Let a partition have its row, before its first event.
INSERT INTO partitions (partition) VALUES (%(partition)s::int) ON CONFLICT (partition) DO NOTHING;
