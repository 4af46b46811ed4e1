-- Read when queues were paused and resumed in a partition, oldest first.
SELECT epoch, seq, document
FROM events
WHERE partition = %(partition)s::int
  AND type IN ('queue.paused', 'queue.resumed')
ORDER BY epoch, seq;
