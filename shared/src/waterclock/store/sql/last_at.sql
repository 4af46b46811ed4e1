-- When the last event of all that are archived happened, ms; null before the first.
SELECT (extract(epoch FROM max(at)) * 1000)::bigint FROM partitions;
