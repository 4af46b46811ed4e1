-- Epochs of repairs whose `log.forked` is not archived, though something is kept of what they were to drop.
SELECT DISTINCT fork
FROM dropped
WHERE partition = %(partition)s::int
  AND NOT EXISTS (
      SELECT FROM events
      WHERE events.partition = dropped.partition AND events.epoch = dropped.fork AND events.type = 'log.forked'
  );
