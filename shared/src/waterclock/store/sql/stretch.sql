-- The first and the last archived event of a partition from one moment until before another, as [epoch, seq], and how many of
-- some types there are. Times in ms.
SELECT min(ARRAY[epoch, seq]), max(ARRAY[epoch, seq]), count(*) FILTER (WHERE type = ANY (%(types)s::text[]))
FROM events
WHERE partition = %(partition)s::int
  AND at >= to_timestamp(%(from)s::bigint / 1000.0)
  AND at < to_timestamp(%(to)s::bigint / 1000.0);
