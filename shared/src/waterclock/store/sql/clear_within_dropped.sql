-- Delete for good, of what a repair is about to drop, the log lines that stand before a clearing that is dropped with them.
DELETE FROM dropped AS line
USING dropped AS cleared
WHERE line.partition = %(partition)s::int
  AND line.fork = %(fork)s::bigint
  AND line.type = 'step.log'
  AND cleared.partition = line.partition
  AND cleared.fork = line.fork
  AND cleared.type = 'logs.cleared'
  AND cleared.job_id = line.job_id
  AND (line.epoch, line.seq) < (cleared.epoch, cleared.seq);
