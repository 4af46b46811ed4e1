-- Forget of what was kept of some repairs the entries that are archived after all, or that a later repair has kept, too.
DELETE FROM dropped
WHERE partition = %(partition)s::int
  AND fork = ANY (%(forks)s::bigint[])
  AND (
      EXISTS (
          SELECT FROM events
          WHERE events.partition = dropped.partition
            AND events.epoch = dropped.epoch
            AND events.seq = dropped.seq
            AND events.at = dropped.at
            AND events.prev = dropped.prev
      )
      OR EXISTS (
          SELECT FROM dropped AS later
          WHERE later.partition = dropped.partition
            AND later.fork > dropped.fork
            AND later.epoch = dropped.epoch
            AND later.seq = dropped.seq
      )
  );
