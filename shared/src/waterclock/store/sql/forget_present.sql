-- Forget of what was kept of some repairs the entries that stand in the stream.
DELETE FROM dropped
USING unnest(%(epochs)s::bigint[], %(seqs)s::bigint[], %(prevs)s::text[]) AS present (epoch, seq, prev)
WHERE dropped.partition = %(partition)s::int
  AND dropped.fork = ANY (%(forks)s::bigint[])
  AND dropped.epoch = present.epoch
  AND dropped.seq = present.seq
  AND dropped.prev = present.prev;
