-- A page of what repairs have dropped, in order: of those whose `log.forked`, or a later opening with which it counts, is
-- archived. `types` NULL: all.
SELECT partition, fork, epoch, seq, prev, (extract(epoch FROM at) * 1000)::bigint, document
FROM dropped
WHERE (partition, fork, epoch, seq)
    > (%(partition)s::int, %(fork)s::bigint, %(after_epoch)s::bigint, %(after_seq)s::bigint)
  AND (%(types)s::text[] IS NULL OR type = ANY (%(types)s::text[]))
  AND EXISTS (
      SELECT FROM events
      WHERE events.partition = dropped.partition
        AND events.epoch = dropped.fork
        AND events.type IN ('log.forked', 'epoch.began')
  )
ORDER BY partition, fork, epoch, seq
LIMIT %(limit)s::int;
