-- Read archived events of a partition at some places; times in ms.
SELECT epoch, seq, prev, (extract(epoch FROM at) * 1000)::bigint AS at, document, run_id, type
FROM events
WHERE partition = %(partition)s::int
  AND (epoch, seq) IN (SELECT * FROM unnest(%(epochs)s::bigint[], %(seqs)s::bigint[]))
ORDER BY epoch, seq;
