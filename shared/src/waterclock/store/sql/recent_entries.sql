-- Read the events of the given types of a partition since a moment, oldest first; of those before another moment only what
-- a client's key led to. Times in ms.
SELECT epoch, seq, document
FROM events
WHERE partition = %(partition)s::int
  AND at >= to_timestamp(%(since)s::bigint / 1000.0)
  AND type = ANY (%(types)s::text[])
  AND (
      at >= to_timestamp(%(all_since)s::bigint / 1000.0)
      OR position('"fingerprint":"'::bytea IN document) > 0
  )
ORDER BY epoch, seq;
