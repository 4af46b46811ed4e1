-- The place of the last archived event of a partition before a moment (ms).
SELECT epoch, seq
FROM events
WHERE partition = %(partition)s::int AND at < to_timestamp(%(from)s::bigint / 1000.0)
ORDER BY epoch DESC, seq DESC
LIMIT 1;
