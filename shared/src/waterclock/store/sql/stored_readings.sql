-- Read the stored readings of a partition's clock in a stretch, in the order in which they were taken; times in ms.
SELECT document
FROM notice_readings
WHERE partition = %(partition)s::int
  AND (epoch, seq) >= (%(after_epoch)s::bigint, %(after_seq)s::bigint)
  AND (epoch, seq) <= (%(through_epoch)s::bigint, %(through_seq)s::bigint)
  AND clock_at < to_timestamp(%(to)s::bigint / 1000.0)
ORDER BY epoch, seq, clock_at
LIMIT %(limit)s::int;
