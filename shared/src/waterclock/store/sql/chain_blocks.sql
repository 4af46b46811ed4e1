-- Read the blocks of the chain of a partition, oldest first; times in ms.
SELECT first_epoch, first_seq, epoch, seq, (extract(epoch FROM at) * 1000)::bigint AS at, leaves, before, head
FROM chain
WHERE partition = %(partition)s::int
ORDER BY epoch, seq;
