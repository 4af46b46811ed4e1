-- The last archived entry of a partition before an epoch; no row: there is none.
SELECT epoch, seq
FROM events
WHERE partition = %(partition)s::int AND epoch < %(epoch)s::bigint
ORDER BY epoch DESC, seq DESC
LIMIT 1;
