-- Read what the archive knows of some entries of a partition: the one before, and the time in ms.
SELECT epoch, seq, prev, (extract(epoch FROM at) * 1000)::bigint AS at
FROM unnest(%(epochs)s::bigint[], %(seqs)s::bigint[]) AS wanted (epoch, seq)
JOIN events USING (epoch, seq)
WHERE partition = %(partition)s::int;
