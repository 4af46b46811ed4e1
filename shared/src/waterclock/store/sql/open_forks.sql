-- Epochs of repairs that have kept what they were to drop, where no opening of that epoch is archived.
SELECT DISTINCT fork
FROM dropped
WHERE partition = %(partition)s::int
  AND NOT EXISTS (
      SELECT FROM events
      WHERE events.partition = dropped.partition
        AND events.epoch = dropped.fork
        AND events.type IN ('log.forked', 'epoch.began')
  );
