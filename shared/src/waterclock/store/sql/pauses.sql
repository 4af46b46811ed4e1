-- Read when queues were paused and resumed in a partition, oldest first; before an epoch, in partition 0, which all follow.
SELECT epoch, seq, document
FROM events
WHERE ((partition = %(partition)s::int AND epoch >= %(restored)s::bigint)
       OR (partition = 0 AND epoch < %(restored)s::bigint))
  AND type IN ('queue.paused', 'queue.resumed')
ORDER BY epoch, seq;
