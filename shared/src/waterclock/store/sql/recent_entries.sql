-- Read the events of the given types of a partition since a moment, oldest first, and those of all partitions before an
-- epoch; of those before another moment only what a client's key led to. Times in ms.
SELECT epoch, seq, document, partition, run_id, job_id
FROM events
WHERE (partition = %(partition)s::int OR epoch < %(restored)s::bigint)
  AND at >= to_timestamp(%(since)s::bigint / 1000.0)
  AND type = ANY (%(types)s::text[])
  AND (
      at >= to_timestamp(%(all_since)s::bigint / 1000.0)
      OR position('"fingerprint":"'::bytea IN document) > 0
  )
ORDER BY epoch, seq;
